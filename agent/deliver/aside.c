/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * aside.c: a claim of many plain creates is packed (vectors, rules, payload, its compressed bytes) in a thread of its own, while
 * the engine's thread keeps what the target said of an earlier one.  The thread works with an outlet of its own, which shares with
 * the engine's what is only read; one claim at a time is with it.
 */
#include <pthread.h>
#include <stdlib.h>

#include "deliver/inside.h"
#include "ledger/pack.h"

/* What rules may ask beside their record: nothing that stands in the ledger. */
#define USES_ALONE (RULES_USES_TODAY | RULES_USES_RUN_TIME | RULES_USES_LOOKUP | RULES_USES_RECORD_ID | RULES_USES_UNIT)

struct aside {
	struct outlet outlet; /* the thread's, while it works */
	struct ledger_pack *pack;
	struct claim *claim;
	struct error err;
	int result;
	pthread_t thread;
	pthread_mutex_t lock; /* of the two below */
	pthread_cond_t changed;
	bool working, over;
};

static bool
asks_nobody(const struct outlet *outlet)
{
	struct rules_dependencies needs;

	for (uint32_t i = 0; i < outlet->entity->field_count; i++)
		if (outlet->entity->fields[i].type == CONFIG_FIELD_CONTENT)
			return false;
	mapping_dependencies(outlet->bound->write, UINT32_MAX, &needs);
	return (needs.uses & ~USES_ALONE) == 0;
}

static int
pack(struct aside *aside)
{
	struct parcel *parcel = &aside->claim->parcels[0];

	if (claim_pack(&aside->outlet, aside->claim, &aside->err) != 0)
		return -1;
	if (parcel->count == 0 || ledger_pack(aside->pack, parcel->payload, &parcel->attempt.packed, &aside->err) == 0)
		return 0;
	claim_free(aside->claim);
	return -1;
}

static void *
work(void *data)
{
	struct aside *aside = data;

	pthread_mutex_lock(&aside->lock);
	for (;;) {
		while (!aside->over && !aside->working)
			pthread_cond_wait(&aside->changed, &aside->lock);
		if (!aside->working)
			break;
		pthread_mutex_unlock(&aside->lock);
		aside->result = pack(aside);
		pthread_mutex_lock(&aside->lock);
		aside->working = false;
		pthread_cond_broadcast(&aside->changed);
	}
	pthread_mutex_unlock(&aside->lock);
	return NULL;
}

static void
release(struct aside *aside)
{
	ledger_pack_free(aside->pack);
	rules_worker_free(aside->outlet.rules);
	batch_builder_free(aside->outlet.golden);
	batch_builder_free(aside->outlet.written);
	batch_builder_free(aside->outlet.payload);
	buffer_free(&aside->outlet.scratch);
	free(aside);
}

static int
begin_thread(struct aside *aside)
{
	if (pthread_mutex_init(&aside->lock, NULL) != 0)
		return -1;
	if (pthread_cond_init(&aside->changed, NULL) == 0) {
		if (pthread_create(&aside->thread, NULL, work, aside) == 0)
			return 0;
		pthread_cond_destroy(&aside->changed);
	}
	pthread_mutex_destroy(&aside->lock);
	return -1;
}

/* NULL: no memory, or no thread; then all is done where it always is. */
static struct aside *
begin(void)
{
	struct aside *aside = calloc(1, sizeof *aside);

	if (aside == NULL)
		return NULL;
	buffer_init(&aside->outlet.scratch, 0);
	if ((aside->pack = ledger_pack_new(NULL)) == NULL || (aside->outlet.rules = rules_worker_new(NULL)) == NULL ||
	    outlet_builders(&aside->outlet, NULL) != 0 || begin_thread(aside) != 0) {
		release(aside);
		return NULL;
	}
	return aside;
}

void
aside_free(struct aside *aside)
{
	if (aside == NULL)
		return;
	pthread_mutex_lock(&aside->lock);
	aside->over = true;
	pthread_cond_broadcast(&aside->changed);
	pthread_mutex_unlock(&aside->lock);
	pthread_join(aside->thread, NULL);
	pthread_cond_destroy(&aside->changed);
	pthread_mutex_destroy(&aside->lock);
	release(aside);
}

bool
aside_may(struct outlet *outlet, const struct claim *claim)
{
	uint32_t creates = 0;

	if (claim->count < DELIVER_ASIDE_LEAST || outlet->attach != NULL)
		return false;
	for (uint32_t i = 0; i < claim->count; i++) {
		if (claim->picks[i].fate == PICK_SEND && claim->picks[i].op != SYNCLINE_OP_CREATE)
			return false;
		creates += claim->picks[i].fate == PICK_SEND;
	}
	if (creates < DELIVER_ASIDE_LEAST || !asks_nobody(outlet))
		return false;
	if (outlet->aside == NULL)
		outlet->aside = begin();
	return outlet->aside != NULL;
}

void
aside_give(struct outlet *outlet, struct claim *claim)
{
	struct aside *aside = outlet->aside;
	struct outlet own = aside->outlet;

	aside->outlet = *outlet;
	aside->outlet.golden = own.golden;
	aside->outlet.written = own.written;
	aside->outlet.payload = own.payload;
	aside->outlet.scratch = own.scratch;
	aside->outlet.rules = own.rules;
	arena_init(&outlet->arena, outlet->arena.max);
	aside->claim = claim;
	error_clear(&aside->err);
	pthread_mutex_lock(&aside->lock);
	aside->working = true;
	pthread_cond_broadcast(&aside->changed);
	pthread_mutex_unlock(&aside->lock);
}

int
aside_take(struct outlet *outlet, struct error *err)
{
	struct aside *aside = outlet->aside;

	pthread_mutex_lock(&aside->lock);
	while (aside->working)
		pthread_cond_wait(&aside->changed, &aside->lock);
	pthread_mutex_unlock(&aside->lock);
	arena_free(&outlet->arena);
	outlet->arena = aside->outlet.arena;
	outlet->claim_max = aside->outlet.claim_max;
	for (size_t i = 0; i < 2; i++)
		aside->claim->parcels[i].outlet = outlet;
	if (aside->result != 0)
		*err = aside->err;
	return aside->result;
}
