/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bound.h: between engine.c and bound.c: one binding's rules compiled, and what the engine keeps beside the public part.
 */
#ifndef FLOW_BOUND_H
#define FLOW_BOUND_H

#include <pthread.h>
#include <sodium.h>

#include "flow/engine.h"

/* The writers over (entity, unit), looked up once. */
struct engine_writer_list {
	struct engine_writer_list *next;
	const struct config_entity *entity;
	const struct config_unit *unit;
	struct bound *bounds[]; /* ends with NULL */
};

/* What engine_open() makes; `engine` stands first, so that one pointer is both. */
struct engine_house {
	struct engine engine;
	uint32_t *first;        /* of each flow: the index of its first bound */
	uint8_t *known;         /* of each system: its fingerprint was held against the ledger */
	struct engine_writer_list *writers;
	pthread_mutex_t lock;   /* of the two below */
	struct connector *reading[ENGINE_READS];
	bool interrupted;
};

/* Compiles what can be compiled now and takes the versions; `bound` is zeroed before, and bound_free() takes it in any state. */
int bound_make(struct engine *engine, const struct config_binding *binding, struct bound *bound, struct error *err);
void bound_free(struct engine *engine, struct bound *bound);
/* Does this flow move data for the unit?  NULL or nameless: the house. */
bool flow_concerns(const struct config_flow *flow, const struct config_unit *unit);

/* Adds bytes to a hash together with their length, so that no two lists of parts look the same. */
static inline void
hash_bytes(crypto_generichash_state *state, const void *data, size_t length)
{
	uint64_t size = length;

	crypto_generichash_update(state, (const void *)&size, sizeof size);
	if (length > 0)
		crypto_generichash_update(state, data, length);
}

#endif
