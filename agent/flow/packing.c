/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packing.c: see packing.h.  A slot is the thread's from `given` until `done`, and the caller's otherwise; both numbers are under the
 * lock.
 */
#include "flow/packing.h"

#include <pthread.h>
#include <stdlib.h>

#include "ledger/pack.h"

struct slot {
	const struct batch *batch;
	struct buffer bytes;
	struct error err;
	int result;
};
struct packing {
	struct ledger_pack *pack;
	struct slot slots[PACKING_MOST];
	pthread_t thread;
	pthread_mutex_t lock; /* of the three below */
	pthread_cond_t changed;
	uint32_t given, done;
	bool over;
};

static int
pack(struct packing *packing, struct slot *slot)
{
	struct syncline_slice packed;

	error_clear(&slot->err);
	buffer_clear(&slot->bytes);
	if (ledger_pack(packing->pack, slot->batch, &packed, &slot->err) != 0)
		return -1;
	return buffer_append(&slot->bytes, packed.data, packed.length) == 0 ? 0 : error_memory(&slot->err);
}

static void *
work(void *data)
{
	struct packing *packing = data;

	pthread_mutex_lock(&packing->lock);
	for (;;) {
		struct slot *slot;

		while (!packing->over && packing->done == packing->given)
			pthread_cond_wait(&packing->changed, &packing->lock);
		if (packing->done == packing->given)
			break;
		slot = &packing->slots[packing->done];
		pthread_mutex_unlock(&packing->lock);
		slot->result = pack(packing, slot);
		pthread_mutex_lock(&packing->lock);
		packing->done++;
		pthread_cond_broadcast(&packing->changed);
	}
	pthread_mutex_unlock(&packing->lock);
	return NULL;
}

static void
release(struct packing *packing)
{
	for (uint32_t i = 0; i < PACKING_MOST; i++)
		buffer_free(&packing->slots[i].bytes);
	ledger_pack_free(packing->pack);
	free(packing);
}

static int
begin_thread(struct packing *packing)
{
	if (pthread_mutex_init(&packing->lock, NULL) != 0)
		return -1;
	if (pthread_cond_init(&packing->changed, NULL) == 0) {
		if (pthread_create(&packing->thread, NULL, work, packing) == 0)
			return 0;
		pthread_cond_destroy(&packing->changed);
	}
	pthread_mutex_destroy(&packing->lock);
	return -1;
}

struct packing *
packing_new(void)
{
	struct packing *packing = calloc(1, sizeof *packing);

	if (packing == NULL)
		return NULL;
	for (uint32_t i = 0; i < PACKING_MOST; i++)
		buffer_init(&packing->slots[i].bytes, 0);
	if ((packing->pack = ledger_pack_new(NULL)) == NULL || begin_thread(packing) != 0) {
		release(packing);
		return NULL;
	}
	return packing;
}

void
packing_give(struct packing *packing, const struct batch *batch)
{
	packing->slots[packing->given].batch = batch; /* only its owner counts `given` up */
	pthread_mutex_lock(&packing->lock);
	packing->given++;
	pthread_cond_broadcast(&packing->changed);
	pthread_mutex_unlock(&packing->lock);
}

static void
wait_for(struct packing *packing, uint32_t count)
{
	pthread_mutex_lock(&packing->lock);
	while (packing->done < count)
		pthread_cond_wait(&packing->changed, &packing->lock);
	pthread_mutex_unlock(&packing->lock);
}

int
packing_take(struct packing *packing, uint32_t index, struct syncline_slice *ret_packed, struct error *err)
{
	struct slot *slot = &packing->slots[index];

	wait_for(packing, index + 1);
	if (slot->result != 0) {
		if (err != NULL)
			*err = slot->err;
		return -1;
	}
	*ret_packed = (struct syncline_slice){ slot->bytes.data, slot->bytes.length };
	return 0;
}

void
packing_forget(struct packing *packing)
{
	if (packing == NULL)
		return;
	wait_for(packing, packing->given);
	pthread_mutex_lock(&packing->lock);
	packing->given = packing->done = 0;
	pthread_mutex_unlock(&packing->lock);
}

void
packing_free(struct packing *packing)
{
	if (packing == NULL)
		return;
	pthread_mutex_lock(&packing->lock);
	packing->over = true;
	pthread_cond_broadcast(&packing->changed);
	pthread_mutex_unlock(&packing->lock);
	pthread_join(packing->thread, NULL);
	pthread_cond_destroy(&packing->changed);
	pthread_mutex_destroy(&packing->lock);
	release(packing);
}
