/* SPDX-License-Identifier: BSD-2-Clause */
/* ring.c: see ring.h.  One mutex and one condition: a batch is a thousand records, so nobody meets here often. */
#include "flow/ring.h"

#include <stddef.h>
#include <string.h>

int
ring_init(struct ring *ring, uint32_t room)
{
	memset(ring, 0, sizeof *ring);
	ring->room = room < 1 ? 1 : room > RING_SLOTS_MAX ? RING_SLOTS_MAX : room;
	if (pthread_mutex_init(&ring->mutex, NULL) != 0)
		return -1;
	if (pthread_cond_init(&ring->changed, NULL) != 0) {
		pthread_mutex_destroy(&ring->mutex);
		return -1;
	}
	return 0;
}

void
ring_destroy(struct ring *ring, void (*free_item)(void *item))
{
	for (uint64_t i = ring->written; i < ring->put; i++)
		free_item(ring->slots[i % ring->room].item);
	pthread_cond_destroy(&ring->changed);
	pthread_mutex_destroy(&ring->mutex);
}

bool
ring_put(struct ring *ring, void *item)
{
	bool taken = false;

	pthread_mutex_lock(&ring->mutex);
	while (!ring->stopped && ring->put - ring->written == ring->room)
		pthread_cond_wait(&ring->changed, &ring->mutex);
	if (!ring->stopped) {
		ring->slots[ring->put % ring->room] = (struct ring_slot){ item, false };
		ring->put++;
		taken = true;
		pthread_cond_broadcast(&ring->changed);
	}
	pthread_mutex_unlock(&ring->mutex);
	return taken;
}

void
ring_end(struct ring *ring)
{
	pthread_mutex_lock(&ring->mutex);
	ring->ended = true;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->mutex);
}

void
ring_stop(struct ring *ring)
{
	pthread_mutex_lock(&ring->mutex);
	ring->stopped = true;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->mutex);
}

void *
ring_take(struct ring *ring, uint64_t *ret_ticket)
{
	void *item = NULL;

	pthread_mutex_lock(&ring->mutex);
	while (!ring->stopped && ring->taken == ring->put && !ring->ended)
		pthread_cond_wait(&ring->changed, &ring->mutex);
	if (!ring->stopped && ring->taken < ring->put) {
		*ret_ticket = ring->taken++;
		item = ring->slots[*ret_ticket % ring->room].item;
	}
	pthread_mutex_unlock(&ring->mutex);
	return item;
}

void
ring_worked(struct ring *ring, uint64_t ticket)
{
	pthread_mutex_lock(&ring->mutex);
	ring->slots[ticket % ring->room].worked = true;
	pthread_cond_broadcast(&ring->changed);
	pthread_mutex_unlock(&ring->mutex);
}

void *
ring_next(struct ring *ring)
{
	struct ring_slot *slot;
	void *item = NULL;

	pthread_mutex_lock(&ring->mutex);
	for (;;) {
		slot = &ring->slots[ring->written % ring->room];
		if (ring->stopped || (ring->written == ring->put && ring->ended) || (ring->written < ring->put && slot->worked))
			break;
		pthread_cond_wait(&ring->changed, &ring->mutex);
	}
	if (!ring->stopped && ring->written < ring->put) {
		item = slot->item;
		ring->written++;
		pthread_cond_broadcast(&ring->changed);
	}
	pthread_mutex_unlock(&ring->mutex);
	return item;
}
