/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply_bulk.c: the first load of a binding.  Nothing is there that a row could be compared with, so that each becomes a record
 * by itself; only what repeats a native id or a match key is set aside and follows by the normal way, as a row that waits for
 * nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/apply.h"
#include "flow/values.h"
#include "ledger/bulk.h"

#define ROWS_AT_ONCE 5000u
#define AHEAD_LEAST 10000u /* rows that are worth a thread */
#define SAMPLE 1000u   /* items of a plan of more than */
#define LISTED 10000u  /* rows */

/* The targets that want every new record. */
static int
find_targets(struct work *work, struct bound *bound, const struct config_binding ***ret_targets, uint32_t *ret_count, struct error *err)
{
	struct bound *const *writers = engine_writers(work->engine, work->entity, work->intake->unit);
	const struct config_binding **targets;
	uint32_t all = 0, used = 0;

	if (writers == NULL)
		return error_memory(err);
	while (writers[all] != NULL)
		all++;
	if ((targets = calloc(all + 1u, sizeof *targets)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < all; i++)
		if (writers[i]->binding->object != bound->binding->object && (writers[i]->condition >= 0 || writers[i]->binding->attach_to != NULL))
			targets[used++] = writers[i]->binding;
	*ret_targets = targets;
	*ret_count = used;
	return 0;
}

/* Does another binding of the flow bring rows too?  What a plan says of those depends on the records that this one makes. */
static int
others_bring(struct work *work, const struct bound *bound, bool *ret_bring, struct error *err)
{
	const struct config_flow *flow = work->intake->flow;
	uint64_t rows = 0;

	for (uint32_t i = 0; i < flow->binding_count && rows == 0; i++) {
		const struct config_binding *other = &flow->bindings[i];

		if (other->reads && other->object != bound->binding->object &&
		    ledger_staged_rows(work->ledger, ledger_object_id(work->ledger, other->object),
		                       engine_credentials(work->engine, other->system, work->intake->unit), work->intake->flow_id, work->intake->unit_id,
		                       &rows, err) != 0)
			return -1;
	}
	*ret_bring = rows > 0;
	return 0;
}

/* So few that a plan can list each of them, with what would be sent. */
static int
is_small(struct work *work, const struct bound *bound, bool *ret_small, struct error *err)
{
	uint64_t rows;

	if (ledger_staged_rows(work->ledger, bound->object, engine_credentials(work->engine, bound->binding->system, work->intake->unit),
	                       work->intake->flow_id, work->intake->unit_id, &rows, err) != 0)
		return -1;
	*ret_small = rows <= LISTED;
	return 0;
}

int
apply_is_bulk(struct work *work, struct bound *bound, bool *ret_bulk, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	uint8_t action = binding->situations->unmatched;
	bool possible = false, small = false, others = false;

	*ret_bulk = false;
	/* Parents are found by the indexes that a first load puts away. */
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (work_field(work, i)->type == CONFIG_FIELD_REF && bound->reads != NULL && bound_has(bound->reads, i))
			return 0;
	if (work->options->leave != NULL || (action != CONFIG_ACTION_CREATE && !(action == CONFIG_ACTION_DEFAULT && binding->originates)))
		return 0;
	if (ledger_bulk_possible(work->ledger, work->entity, bound->object, work->intake->unit_id, &possible, err) != 0)
		return -1;
	if (possible && work->mode == INTAKE_DRY &&
	    (is_small(work, bound, &small, err) != 0 || (!small && others_bring(work, bound, &others, err) != 0)))
		return -1;
	*ret_bulk = possible && !small && !others;
	if (possible && !*ret_bulk)
		work->unfinished = true; /* compared the normal way, loaded in bulk */
	return 0;
}

/* A row as a record of its own. */
static int
make_row(struct work *work, const struct row *row, struct ledger_bulk_row *to, struct error *err)
{
	size_t size = work->entity->field_count * sizeof(struct syncline_value);
	struct syncline_value *values = arena_alloc(&work->arena, size + 1);
	struct ledger_match *keys;

	to->record = arena_zalloc(&work->arena, sizeof *to->record);
	to->link = arena_zalloc(&work->arena, sizeof *to->link);
	if (values == NULL || to->record == NULL || to->link == NULL)
		return error_memory(err);
	memcpy(values, row->values, size);
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (values[i].type == SYNCLINE_TYPE_ABSENT)
			values[i].type = SYNCLINE_TYPE_NULL;
	*to->record = (struct ledger_record){ .unit = work->intake->unit_id, .generation = 1, .version = work->version,
		.updated_us = work->intake->run->started_us, .values = values };
	*to->link = (struct ledger_link){ .object = work->bound->object, .unit = work->intake->unit_id, .native = row->native, .version = row->version,
		.effective = work->version, .there = work->started };
	memcpy(to->link->raw, row->raw, sizeof to->link->raw);
	if (work_first_stamps(work, row, to->record, err) != 0 || work_all_keys(work, values, &keys, &to->key_count, err) != 0)
		return -1;
	to->keys = keys;
	return 0;
}

static int
add_rows(struct work *work, struct ledger_bulk *bulk, struct error *err)
{
	struct ledger_bulk_row *rows = arena_array(&work->arena, work->row_count + 1u, sizeof *rows);
	const struct row **from = arena_array(&work->arena, work->row_count + 1u, sizeof *from);
	uint8_t *aside = arena_zalloc(&work->arena, work->row_count + 1u);
	uint32_t count = 0, kept = 0;

	if (rows == NULL || from == NULL || aside == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < work->row_count; i++) {
		const struct row *row = &work->rows[i];

		if (row->what != ROW_SEEN)
			continue;
		if (row->waits_for != NULL) {
			if (work_wait_for_parent(work, row, err) != 0)
				return -1;
			continue;
		}
		if (bulk != NULL && make_row(work, row, &rows[count], err) != 0)
			return -1;
		from[count++] = row;
	}
	if (bulk != NULL && ledger_bulk_add(bulk, rows, count, aside, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		kept += !aside[i];
		/* What repeats something waits for nothing: the next step takes it. */
		if (aside[i] && work_set_aside(work, from[i], err) != 0)
			return -1;
	}
	work_count(work, LEDGER_COUNT_CREATED, kept);
	work->counts->creates += kept;
	return 0;
}

/* In a dry pass: the first rows as items; all of them are counted. */
static int
sample_rows(struct work *work, struct error *err)
{
	for (uint32_t i = 0; i < work->row_count && ledger_plan_draft_count(work->draft) < SAMPLE; i++) {
		const struct row *row = &work->rows[i];

		if (row->what != ROW_SEEN || row->waits_for != NULL)
			continue;
		buffer_clear(&work->after);
		if (work_json(work, &work->after, row->values, NULL) != 0)
			return error_memory(err);
		if (work_item(work, LEDGER_COUNT_CREATED, work->bound->object, row->native, NULL, NULL, buffer_string(&work->after), NULL, err) != 0)
			return -1;
	}
	return 0;
}

/* Staged batches on their way: one is stored while the rules of the next one run beside it. */
struct loading {
	struct work *work;
	struct bound *bound;
	struct ledger_bulk *bulk; /* NULL: a dry pass */
	struct apply_overtaking overtaking;
	uint32_t credentials;
	struct ahead *ahead;      /* NULL: the load is too small for a thread of its own */
	struct ledger_staged next;
	bool has_next, overtaken; /* the next one, and that it counts for nothing */
	int64_t last;             /* that was fetched */
	uint64_t done;
};

static void
let_go(struct ledger_staged *staged)
{
	batch_free(staged->batch);
	free(staged->kept);
	staged->batch = NULL;
	staged->kept = NULL;
}

/* 1: there is a next one; 0: no more; -1.  Where a thread looks at it, that opens it, too. */
static int
fetch(struct loading *l, struct error *err)
{
	struct work *work = l->work;
	int found = (l->ahead != NULL ? ledger_staged_next_kept : ledger_staged_next)(work->ledger, l->bound->object, l->credentials,
	            work->intake->flow_id, work->intake->unit_id, l->last, &l->next, err);

	if (found != 1)
		return found;
	if (work->options->staged_to != 0 && l->next.id > work->options->staged_to) {
		let_go(&l->next);
		return 0;
	}
	l->last = l->next.id;
	l->has_next = true;
	l->overtaken = apply_is_overtaken(work, &l->overtaking, &l->next);
	if (l->ahead != NULL && l->next.rows > 0 && !l->overtaken)
		ahead_give(l->ahead, &l->next);
	return 1;
}

static int
load_batch(struct loading *l, const struct ledger_staged *staged, struct ahead_rows *rows, bool overtaken, struct error *err)
{
	struct work *work = l->work;

	if (staged->batch != NULL && !overtaken) {
		if (work_begin(work, l->bound, staged->batch, staged->started, staged->read_us, staged->full, err) != 0)
			return -1;
		work->bulk = true;
		work->ahead = rows;
		if (work_rows(work, work->intake->unit, err) != 0 || add_rows(work, l->bulk, err) != 0)
			return -1;
		work->result->rows += work->row_count;
		if (l->bulk == NULL && work->draft != NULL && sample_rows(work, err) != 0)
			return -1;
	}
	if (staged->id > work->result->staged_to)
		work->result->staged_to = staged->id;
	l->done += staged->rows;
	return ledger_applied(work->ledger, staged->object, staged->credentials, work->intake->flow_id, work->intake->unit_id, staged->id, err);
}

/* The one that was fetched, while the rules of the one behind it run.  1: there is more; 0: no more; -1. */
static int
load_next(struct loading *l, struct error *err)
{
	struct ledger_staged staged = l->next;
	struct ahead_rows *rows = NULL;
	bool overtaken = l->overtaken;
	int more;

	l->has_next = false;
	if (l->ahead != NULL && staged.rows > 0 && !overtaken && ahead_take(l->ahead, &staged, &rows, err) != 0) {
		let_go(&staged);
		return -1;
	}
	more = fetch(l, err);
	if (more >= 0 && load_batch(l, &staged, rows, overtaken, err) != 0)
		more = -1;
	let_go(&staged);
	return more;
}

/* Batches up to about ROWS_AT_ONCE rows in one transaction.  1: there is more; 0: no more; -1. */
static int
load_some(struct loading *l, struct error *err)
{
	uint64_t before = l->work->result->rows;
	int more = l->has_next ? 1 : fetch(l, err);

	while (more == 1 && l->work->result->rows - before < ROWS_AT_ONCE)
		more = load_next(l, err);
	return more;
}

/* In a thread of its own, when there is enough to do for it. */
static int
look_ahead(struct loading *l, struct error *err)
{
	struct work *work = l->work;
	uint64_t rows;

	if (ledger_staged_rows(work->ledger, l->bound->object, l->credentials, work->intake->flow_id, work->intake->unit_id, &rows, err) != 0)
		return -1;
	if (rows >= AHEAD_LEAST && l->bound->read != NULL)
		l->ahead = ahead_new(work->engine, l->bound, work->intake->unit, work->intake->run_time_us);
	return 0;
}

static int
load_all(struct work *work, struct bound *bound, struct ledger_bulk *bulk, const char *what, struct error *err)
{
	struct loading l = { .work = work, .bound = bound, .bulk = bulk,
		.credentials = engine_credentials(work->engine, bound->binding->system, work->intake->unit) };
	int more = 1;

	if (apply_overtaking(work, bound, &l.overtaking, err) != 0 || look_ahead(&l, err) != 0)
		return -1;
	while (more == 1) {
		/* Nobody outside is told of it before the indexes stand; what is lost with the power is loaded again from what was staged. */
		if (work->mode == INTAKE_REAL && ledger_begin_later(work->ledger, err) != 0) {
			more = -1;
			break;
		}
		more = load_some(&l, err);
		if (work->mode == INTAKE_REAL && more < 0)
			ledger_rollback(work->ledger);
		else if (work->mode == INTAKE_REAL && ledger_commit(work->ledger, err) != 0)
			more = -1;
		if (more >= 0 && !engine_progress(work->engine, what, l.done, 0))
			more = 0;
	}
	ahead_free(l.ahead);
	if (l.has_next)
		let_go(&l.next);
	return more;
}


static bool
index_step(void *data, uint64_t done, uint64_t total)
{
	return engine_progress(((struct work *)data)->engine, "building indexes", done, total);
}

/* Targets lack every record that was made. */
static void
count_targets(struct work *work, const struct config_binding *const *targets, uint32_t count, uint64_t created)
{
	for (uint32_t t = 0; t < count; t++)
		for (uint32_t i = 0; i < work->result->binding_count; i++)
			if (work->result->bindings[i].binding == targets[t])
				work->result->bindings[i].creates += created;
	work_count(work, LEDGER_COUNT_SENT_CREATES, created * count);
}

int
apply_bulk(struct work *work, struct bound *bound, const char *what, struct error *err)
{
	const struct ledger_progress progress = { index_step, work };
	const struct config_binding **targets;
	struct ledger_bulk_options options = { .entity = work->entity, .object = bound->object, .unit = work->intake->unit_id,
		.run = work->intake->run->number };
	struct ledger_bulk *bulk = NULL;
	uint64_t before = work->result->counts[LEDGER_COUNT_CREATED];
	int result = 0;

	if (find_targets(work, bound, &targets, &options.target_count, err) != 0)
		return -1;
	options.targets = targets;
	if (work->mode == INTAKE_REAL) {
		if (ledger_begin(work->ledger, err) != 0) {
			free(targets);
			return -1;
		}
		result = ledger_version_id(work->ledger, work->intake->flow_id, bound->version, &options.version, err);
		if (result == 0)
			result = ledger_commit(work->ledger, err);
		else
			ledger_rollback(work->ledger);
		if (result == 0)
			result = ledger_staged_rows(work->ledger, bound->object, engine_credentials(work->engine, bound->binding->system, work->intake->unit),
			                            work->intake->flow_id, work->intake->unit_id, &options.expected, err);
		if (result == 0)
			result = ledger_bulk_open(work->ledger, &options, &bulk, err);
	} else {
		work->result->bulk = true;
		if (work->options->may_skip)
			result = intake_guard_is_open(work->intake, work->result, targets, options.target_count, &work->result->skipped, err);
	}
	if (result == 0 && !work->result->skipped)
		result = load_all(work, bound, bulk, what, err);
	count_targets(work, targets, options.target_count, work->result->counts[LEDGER_COUNT_CREATED] - before);
	if (result == 0 && bulk != NULL && !work->engine->stopped)
		result = ledger_bulk_close(bulk, &progress, err);
	ledger_bulk_free(bulk);
	free(targets);
	return result;
}
