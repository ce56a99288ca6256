/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rollback.c: a run that takes another one back: its plan, made in a pass that is taken back itself, and carrying that out as far as
 * it still holds, together with the end of the plan.  What targets lack then is delivered as ever.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/plan_entries.h"
#include "schedule/unit.h"

/* What it would do, and what would be sent. */
struct looking {
	struct unit_run *u;
	struct ledger_plan_draft *draft, *plan;
	uint64_t counts[LEDGER_COUNT_COUNT];
};

static int
look(void *data, const struct intake_result *dry, struct error *err)
{
	struct looking *looking = data;
	struct deliver_options options = { .intake = &looking->u->intake };

	memcpy(looking->counts, dry->counts, sizeof looking->counts);
	return deliver_preview(&options, looking->draft, looking->plan, looking->counts, err);
}

/* The pass that is taken back.  What it says is in looking->plan, which is to be freed with the draft. */
static int
preview(struct unit_run *u, const struct ledger_run *run, struct looking *looking, struct error *err)
{
	struct intake_rollback dry = { .mode = INTAKE_DRY, .run = run, .done = look, .data = looking };
	struct intake_result counted = { .bindings = NULL };

	*looking = (struct looking){ .u = u };
	if ((looking->draft = ledger_plan_draft_new(u->engine->ledger, err)) == NULL || (looking->plan = ledger_plan_draft_new(u->engine->ledger, err)) == NULL)
		return -1;
	dry.draft = looking->draft;
	if (intake_rollback(&u->intake, &dry, &counted, err) != 0)
		return -1;
	intake_result_free(&counted);
	return 0;
}

static void
looking_free(struct looking *looking)
{
	ledger_plan_draft_free(looking->plan);
	ledger_plan_draft_free(looking->draft);
}

/* Making the plan. */

struct carried {
	char cause[48]; /* of the run that applied it */
	int64_t by;
};

static int
see_run(void *data, const struct ledger_run *row)
{
	struct carried *carried = data;

	if (carried->by == 0 && row->cause != NULL && strcmp(row->cause, carried->cause) == 0)
		carried->by = row->number;
	return 0;
}

/* A run that was held did nothing, and its plan may have been applied by another one. */
static int
refuse_held(struct ledger *ledger, const struct ledger_run *run, struct arena *arena, struct error *err)
{
	struct ledger_plan plan = { .state = LEDGER_PLAN_DROPPED };
	struct carried carried = { .by = 0 };
	long long number = run->number;
	bool found = false;
	char hint[160];

	if (run->plan != 0 && ledger_plan_get(ledger, run->plan, arena, &plan, &found, err) != 0)
		return -1;
	if (found && plan.state == LEDGER_PLAN_OPEN) {
		snprintf(hint, sizeof hint, "`syncline plans drop %" PRId64 " --why TEXT` puts it away.", plan.number);
		return error_set(err, ERROR_ROLLBACK_OPEN, hint, "run %lld was held: it wrote nothing, and its plan %lld waits", number, (long long)plan.number);
	}
	snprintf(carried.cause, sizeof carried.cause, "apply %" PRId64, run->plan);
	if (run->plan != 0 && ledger_runs(ledger, run->flow, run->unit, 0, see_run, &carried, err) != 0)
		return -1;
	if (carried.by == 0)
		return error_set(err, ERROR_ROLLBACK_NOTHING, "`syncline runs` tells what each run did.", "run %lld was held, and wrote nothing", number);
	snprintf(hint, sizeof hint, "`syncline rollback %" PRId64 "` takes that one back.", carried.by);
	return error_set(err, ERROR_ROLLBACK_NOTHING, hint, "run %lld was held, and wrote nothing: its plan was applied by run %lld", number, (long long)carried.by);
}

static int
find_run(struct ledger *ledger, int64_t number, struct arena *arena, struct ledger_run *ret_run, struct error *err)
{
	bool found;

	if (ledger_run_get(ledger, number, arena, ret_run, &found, err) != 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_ROLLBACK_UNKNOWN, "`syncline runs --limit 1000` lists those that are kept.", "there is no run %lld", (long long)number);
	if (ledger_flow(ledger, ret_run->flow) == NULL || !unit_is_of(ledger_flow(ledger, ret_run->flow), ledger_unit(ledger, ret_run->unit)))
		return error_set(err, ERROR_ROLLBACK_UNKNOWN, "Put it back into the configuration first.", "run %lld was of %s%s%s, which is not configured any more",
		                 (long long)number, ledger_flow_name(ledger, ret_run->flow), ledger_unit_name(ledger, ret_run->unit)[0] != '\0' ? " for " : "",
		                 ledger_unit_name(ledger, ret_run->unit));
	if (ret_run->state == LEDGER_RUN_RUNNING)
		return error_set(err, ERROR_ROLLBACK_OPEN, "Wait until it has ended, or stop it.", "run %lld still goes on", (long long)number);
	if (ret_run->state == LEDGER_RUN_HELD)
		return refuse_held(ledger, ret_run, arena, err);
	return intake_rollback_check(ledger, ret_run, err);
}

static bool
takes_any_back(const uint64_t *counts)
{
	return counts[LEDGER_COUNT_CHANGED] + counts[LEDGER_COUNT_DELETED] + counts[LEDGER_COUNT_RESTORED] > 0;
}

/* Nothing that it could do: it is over at once, and kept for its list. */
static int
keep_plan(struct unit_run *u, struct looking *looking, bool any, struct ledger_plan *plan, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_plan_store(ledger, looking->plan, plan, err) != 0 ||
	    (!any && ledger_plan_end(ledger, plan->number, LEDGER_PLAN_OVERTAKEN, err) != 0)) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

static int
make_plan(struct unit_run *u, const struct ledger_run *run, struct error *err)
{
	struct ledger_plan plan = { .flow = u->run.flow, .unit = u->run.unit, .run = u->run.number, .version = u->run.version, .rollback = run->number,
		.made_us = ledger_now(u->engine->ledger), .frozen_us = u->intake.run_time_us };
	struct looking looking;
	char reason[160];
	bool any = false;
	int result = preview(u, run, &looking, err);

	if (result == 0 && !u->engine->stopped) {
		any = takes_any_back(looking.counts);
		snprintf(reason, sizeof reason, any ? "It takes back what run %" PRId64 " did." : "Nothing of run %" PRId64 " can be taken back.", run->number);
		plan.reason = reason;
		memcpy(plan.counts, looking.counts, sizeof plan.counts);
		result = keep_plan(u, &looking, any, &plan, err);
	}
	looking_free(&looking);
	if (result != 0)
		return -1;
	if (u->engine->stopped)
		return unit_end(u, LEDGER_RUN_STOPPED, NULL, NULL, err);
	u->run.counts[LEDGER_COUNT_LEFT] = plan.counts[LEDGER_COUNT_LEFT];
	return unit_end(u, any ? LEDGER_RUN_HELD : LEDGER_RUN_DONE, NULL, &plan, err);
}

int
run_rollback(const struct rollback_options *options, struct run_result *ret_result, struct error *err)
{
	struct ledger *ledger = options->engine->ledger;
	struct floor_place place;
	struct ledger_run run;
	struct unit_run u;
	struct arena arena;
	struct error why = { 0 };
	char cause[48];
	int result;

	memset(ret_result, 0, sizeof *ret_result);
	arena_init(&arena, 0);
	result = find_run(ledger, options->run, &arena, &run, err);
	if (result == 0 && (result = unit_enter(&place, options->engine, ledger_flow(ledger, run.flow), err)) == 0) {
		result = unit_init(&u, options->engine, ledger_flow(ledger, run.flow), ledger_unit(ledger, run.unit), false, err);
		if (result == 0) {
			u.result = ret_result;
			u.ended = options->ended;
			u.data = options->data;
			snprintf(cause, sizeof cause, "rollback %" PRId64, run.number);
			if (unit_begin(&u, cause, err) != 1)
				result = -1;
			else if (make_plan(&u, &run, &why) != 0)
				result = unit_fail(&u, &why, err);
			unit_free(&u);
		}
		floor_leave(&place);
	}
	arena_free(&arena);
	return result;
}

/* Carrying it out. */

/* Records of entries that don't hold, ascending. */
struct left {
	const struct ledger_plan *plan;
	struct ledger *ledger;
	int64_t *records;
	size_t count;
};

static int
by_record(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int
collect_left(const struct entries *planned, const struct entries *now, struct left *left, struct error *err)
{
	const struct entries *both[] = { planned, now };

	if ((left->records = calloc(planned->count + now->count + 1, sizeof *left->records)) == NULL)
		return error_memory(err);
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->count; i++)
			if (both[k]->items[i].source && !both[k]->items[i].held)
				left->records[left->count++] = both[k]->items[i].record;
	if (left->count > 0)
		qsort(left->records, left->count, sizeof *left->records, by_record);
	return 0;
}

static bool
is_left(void *data, int64_t record)
{
	const struct left *left = data;

	return left->count > 0 && bsearch(&record, left->records, left->count, sizeof record, by_record) != NULL;
}

/* The same plan made now, as entries; nothing of it is kept. */
static int
plan_anew(struct unit_run *u, const struct ledger_plan *plan, const struct ledger_run *run, struct entries *now, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;
	struct ledger_plan fresh = { .flow = plan->flow, .unit = plan->unit, .run = u->run.number, .version = plan->version, .reason = "", .rollback = plan->rollback };
	struct looking looking;
	int result = preview(u, run, &looking, err);

	if (result == 0 && !u->engine->stopped && (result = ledger_begin(ledger, err)) == 0) {
		result = ledger_plan_store(ledger, looking.plan, &fresh, err);
		if (result == 0)
			result = entries_read(ledger, fresh.number, now, err);
		ledger_rollback(ledger);
	}
	looking_free(&looking);
	return result;
}

static int
end_plan(void *data, const struct intake_result *counted, struct error *err)
{
	const struct left *left = data;

	(void)counted;
	return ledger_plan_end(left->ledger, left->plan->number, LEDGER_PLAN_APPLIED, err);
}

int
rollback_apply(struct unit_run *u, const struct apply_options *options, const struct ledger_plan *plan, struct error *err)
{
	struct entries planned = { .items = NULL }, now = { .items = NULL };
	struct left left = { .plan = plan, .ledger = u->engine->ledger };
	struct ledger_run run = { .number = plan->rollback };
	struct intake_rollback real = { .mode = INTAKE_REAL, .run = &run, .done = end_plan, .leave = is_left, .data = &left };
	struct intake_result counted = { .bindings = NULL };
	struct arena arena;
	bool found;
	int result;

	arena_init(&arena, 0);
	/* A run that is pruned by now counts as one that counted nothing: its history tells. */
	if ((result = ledger_run_get(u->engine->ledger, plan->rollback, &arena, &run, &found, err)) == 0 && !found)
		run = (struct ledger_run){ .number = plan->rollback };
	if (result == 0)
		result = entries_read(u->engine->ledger, plan->number, &planned, err);
	if (result == 0)
		result = plan_anew(u, plan, &run, &now, err);
	if (result == 0 && !u->engine->stopped) {
		entries_compare(&planned, &now);
		if ((result = entries_spread(&planned, &now, err)) == 0 && (result = collect_left(&planned, &now, &left, err)) == 0)
			result = entries_tell_stale(&planned, options, plan->number, err);
	}
	if (result == 0 && !u->engine->stopped && (result = intake_rollback(&u->intake, &real, &counted, err)) == 0)
		intake_result_free(&counted);
	u->settled = true;
	if (result == 0)
		result = unit_write(u, NULL, plan, NULL, err);
	entries_free(&planned);
	entries_free(&now);
	free(left.records);
	arena_free(&arena);
	return result;
}
