/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ahead.c: see ahead.h.  Two places by turns: the thread works on one while its owner reads the other.  A place changes hands by
 * `given` and `done`, under the lock; whoever has it uses it without.
 */
#include "flow/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "flow/vector.h"
#include "flow/world.h"
#include "ledger/pack.h"

struct place {
	const struct ledger_staged *staged;
	const struct batch *batch;
	struct batch *opened; /* here; its taker's */
	struct arena arena;
	struct ahead_rows rows;
	struct ahead_fault *last;
	struct error err;
	bool no_memory;
	int result;
};
struct ahead {
	struct engine *engine;
	const struct bound *bound;
	const struct config_unit *unit;
	int64_t run_time_us;
	struct rules_worker *rules;
	struct ledger_pack *pack;
	struct batch_builder *builder;
	struct buffer scratch;
	struct place places[2];
	pthread_t thread;
	pthread_mutex_t lock; /* of the three below */
	pthread_cond_t changed;
	uint64_t given, done;
	bool over;
	uint64_t taken; /* the owner's */
};

static const char *
keep_text(struct place *place, const char *text)
{
	const char *kept = text != NULL ? arena_text(&place->arena, text) : NULL;

	place->no_memory = place->no_memory || (text != NULL && kept == NULL);
	return kept;
}

static void
keep_fault(void *data, const struct rules_reject *reject)
{
	struct place *place = data;
	struct ahead_fault *fault = arena_zalloc(&place->arena, sizeof *fault);

	if (fault == NULL) {
		place->no_memory = true;
		return;
	}
	fault->reject = *reject;
	/* Its other parts may be in a copy of the batch, which goes; its row has them. */
	fault->record = (struct syncline_record){ .struct_size = sizeof fault->record, .op = reject->record->op, .place = reject->record->place };
	fault->reject.record = &fault->record;
	fault->reject.origin = batch_origin(place->batch);
	fault->reject.field = keep_text(place, reject->field);
	fault->reject.rule = keep_text(place, reject->rule);
	fault->reject.value = keep_text(place, reject->value);
	fault->reject.reason = keep_text(place, reject->reason);
	fault->reject.hint = keep_text(place, reject->hint);
	if (place->last != NULL)
		place->last->next = fault;
	else
		place->rows.faults = fault;
	place->last = fault;
}

/* The rules over what the unit's of the batch is. */
static int
run_rules(struct ahead *ahead, struct place *place, const struct batch *batch)
{
	struct rules_report report = { .rejected = keep_fault, .data = place };
	struct world world;
	int result;

	batch_builder_clear(ahead->builder, 0);
	world_read(&world, ahead->engine, ahead->bound, ahead->unit, ahead->run_time_us);
	result = mapping_run(ahead->rules, ahead->bound->read, &world.rules, batch, ahead->builder, &report, &place->err);
	if (result == 0 && place->no_memory)
		result = error_memory(&place->err);
	/* The report lasts until the rules run again. */
	if (result == 0 && report.source_count > 0 &&
	    (place->rows.sources = (const uint32_t *)(const void *)arena_copy(&place->arena, report.sources,
	                                                                       report.source_count * sizeof *report.sources)) == NULL)
		result = error_memory(&place->err);
	place->rows.source_count = report.source_count;
	if (result == 0 && (place->rows.canonical = batch_builder_finish(ahead->builder, &place->err)) == NULL)
		result = -1;
	world_free(&world);
	return result;
}

static int
sort_out(struct ahead *ahead, struct place *place)
{
	uint32_t count = place->batch->header->record_count, kept = 0;
	uint8_t (*raws)[16] = arena_array(&place->arena, count + 1u, sizeof *raws);
	uint8_t *keep = arena_zalloc(&place->arena, count + 1u);
	const struct batch *batch = place->batch;
	struct batch *part = NULL;
	int result = 0;

	if (raws == NULL || keep == NULL || vector_raws(ledger_hash_key(ahead->engine->ledger), batch, &ahead->scratch, raws) != 0)
		return error_memory(&place->err);
	for (uint32_t i = 0; i < count; i++)
		kept += keep[i] = rows_are_seen(ahead->bound, ahead->unit, batch, i);
	place->rows.raws = (const uint8_t (*)[16])raws;
	place->rows.keep = keep;
	if (kept == 0)
		return 0;
	if (kept < count) {
		if ((part = batch_copy(batch, &place->err)) == NULL)
			return -1;
		batch_keep(part, keep);
		batch = part;
	}
	result = run_rules(ahead, place, batch);
	batch_free(part);
	return result;
}

static int
work_off(struct ahead *ahead, struct place *place)
{
	const struct ledger_staged *staged = place->staged;

	place->batch = staged->batch;
	if (staged->batch == NULL) {
		place->batch = place->opened = ledger_unpack(ahead->pack, ahead->engine->ledger,
		                                             (struct syncline_slice){ staged->kept, staged->kept_length }, staged->kept_size, &place->err);
		if (place->opened == NULL) {
			error_place(&place->err, "staged batch %lld", (long long)staged->id);
			return -1;
		}
	}
	return sort_out(ahead, place);
}

static void *
go_ahead(void *data)
{
	struct ahead *ahead = data;

	pthread_mutex_lock(&ahead->lock);
	for (;;) {
		struct place *place;

		while (!ahead->over && ahead->done == ahead->given)
			pthread_cond_wait(&ahead->changed, &ahead->lock);
		if (ahead->done == ahead->given)
			break;
		place = &ahead->places[ahead->done % 2];
		pthread_mutex_unlock(&ahead->lock);
		place->result = work_off(ahead, place);
		pthread_mutex_lock(&ahead->lock);
		ahead->done++;
		pthread_cond_broadcast(&ahead->changed);
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

static void
clear(struct place *place)
{
	batch_free(place->rows.canonical);
	batch_free(place->opened);
	place->opened = NULL;
	arena_reset(&place->arena);
	place->rows = (struct ahead_rows){ .raws = NULL };
	place->last = NULL;
	place->no_memory = false;
	error_clear(&place->err);
}

static void
release(struct ahead *ahead)
{
	for (int i = 0; i < 2; i++) {
		clear(&ahead->places[i]);
		arena_free(&ahead->places[i].arena);
	}
	buffer_free(&ahead->scratch);
	batch_builder_free(ahead->builder);
	rules_worker_free(ahead->rules);
	ledger_pack_free(ahead->pack);
	free(ahead);
}

struct ahead *
ahead_new(struct engine *engine, const struct bound *bound, const struct config_unit *unit, int64_t run_time_us)
{
	struct ahead *ahead = calloc(1, sizeof *ahead);

	if (ahead == NULL)
		return NULL;
	ahead->engine = engine;
	ahead->bound = bound;
	ahead->unit = unit;
	ahead->run_time_us = run_time_us;
	buffer_init(&ahead->scratch, 0);
	for (int i = 0; i < 2; i++)
		arena_init(&ahead->places[i].arena, 0);
	if ((ahead->rules = rules_worker_new(NULL)) == NULL || (ahead->pack = ledger_pack_new(NULL)) == NULL || (ahead->builder = batch_builder_new(NULL)) == NULL ||
	    pthread_mutex_init(&ahead->lock, NULL) != 0) {
		release(ahead);
		return NULL;
	}
	batch_builder_trust(ahead->builder);
	if (pthread_cond_init(&ahead->changed, NULL) != 0) {
		pthread_mutex_destroy(&ahead->lock);
		release(ahead);
		return NULL;
	}
	if (pthread_create(&ahead->thread, NULL, go_ahead, ahead) != 0) {
		pthread_cond_destroy(&ahead->changed);
		pthread_mutex_destroy(&ahead->lock);
		release(ahead);
		return NULL;
	}
	return ahead;
}

void
ahead_give(struct ahead *ahead, const struct ledger_staged *staged)
{
	struct place *place = &ahead->places[ahead->given % 2]; /* only its owner counts `given` up */

	clear(place);
	place->staged = staged;
	pthread_mutex_lock(&ahead->lock);
	ahead->given++;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
}

int
ahead_take(struct ahead *ahead, struct ledger_staged *staged, struct ahead_rows **ret_rows, struct error *err)
{
	struct place *place = &ahead->places[ahead->taken % 2];

	pthread_mutex_lock(&ahead->lock);
	while (ahead->done <= ahead->taken)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	pthread_mutex_unlock(&ahead->lock);
	ahead->taken++;
	if (place->result != 0) {
		if (err != NULL)
			*err = place->err;
		return -1;
	}
	if (place->opened != NULL) {
		staged->batch = place->opened;
		place->opened = NULL;
	}
	*ret_rows = &place->rows;
	return 0;
}

void
ahead_free(struct ahead *ahead)
{
	if (ahead == NULL)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->over = true;
	pthread_cond_broadcast(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	release(ahead);
}
