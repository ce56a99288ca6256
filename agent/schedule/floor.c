/* SPDX-License-Identifier: BSD-2-Clause */
/* floor.c: see floor.h.  A queue in the order of coming; whoever has nobody before it that it shares something with is at work. */
#include "schedule/floor.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define ASK_MS 200

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct floor_place *first;

/* By name: the two may be of different readings of the configuration. */
static bool
reads(const struct config_flow *flow, const struct config_object *object)
{
	for (uint32_t b = 0; b < flow->binding_count; b++) {
		const struct config_binding *binding = &flow->bindings[b];

		if (binding->reads && strcmp(binding->object->head.name, object->head.name) == 0 &&
		    strcmp(binding->system->head.name, object->system->head.name) == 0)
			return true;
	}
	return false;
}

bool
floor_shared(const struct config_flow *one, const struct config_flow *other)
{
	if (strcmp(one->entity->head.name, other->entity->head.name) == 0)
		return true;
	for (uint32_t b = 0; b < one->binding_count; b++)
		if (reads(other, one->bindings[b].object))
			return true;
	for (uint32_t b = 0; b < other->binding_count; b++)
		if (reads(one, other->bindings[b].object))
			return true;
	return false;
}

static bool
must_wait(const struct floor_place *place)
{
	for (const struct floor_place *other = first; other != place; other = other->next)
		if (floor_shared(other->flow, place->flow))
			return true;
	return false;
}

static void
take_out(struct floor_place *place)
{
	struct floor_place **at = &first;

	while (*at != place)
		at = &(*at)->next;
	*at = place->next;
	pthread_cond_broadcast(&changed);
}

bool
floor_enter(struct floor_place *place, const struct config_flow *flow, bool (*go_on)(void *data), void *data)
{
	struct floor_place **end;

	*place = (struct floor_place){ .flow = flow };
	pthread_mutex_lock(&lock);
	for (end = &first; *end != NULL; end = &(*end)->next)
		;
	*end = place;
	while (must_wait(place)) {
		struct timespec until;
		bool on;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += ASK_MS * 1000000L;
		until.tv_sec += until.tv_nsec / 1000000000L;
		until.tv_nsec %= 1000000000L;
		pthread_cond_timedwait(&changed, &lock, &until);
		pthread_mutex_unlock(&lock);
		on = go_on == NULL || go_on(data);
		pthread_mutex_lock(&lock);
		if (!on) {
			take_out(place);
			pthread_mutex_unlock(&lock);
			return false;
		}
	}
	pthread_mutex_unlock(&lock);
	return true;
}

void
floor_leave(struct floor_place *place)
{
	pthread_mutex_lock(&lock);
	take_out(place);
	pthread_mutex_unlock(&lock);
}
