/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply_plan.c: applying a plan.  The dry pass is made again over the plan's staged inputs: an entry that comes out as it was
 * planned still holds, every other one is stale and is left alone, and so is what was not planned.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/plan_entries.h"
#include "schedule/unit.h"

#define DROP_MS 10000

/* Natives to be left alone, sorted. */
struct left {
	struct entry **items;
	size_t count;
};

static int
by_native(const struct entry *entry, uint32_t object, struct syncline_slice native)
{
	size_t length = entry->native_length < native.length ? entry->native_length : native.length;
	int order = entry->object < object ? -1 : entry->object > object;

	if (order == 0 && length > 0)
		order = memcmp(entry->native, native.data, length);
	return order != 0 ? order : entry->native_length < native.length ? -1 : entry->native_length > native.length;
}

static int
sort_natives(const void *a, const void *b)
{
	const struct entry *y = *(struct entry *const *)b;

	return by_native(*(struct entry *const *)a, y->object, (struct syncline_slice){ y->native, y->native_length });
}

static bool
is_left(void *data, uint32_t object, struct syncline_slice native)
{
	const struct left *left = data;
	size_t low = 0, high = left->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = by_native(left->items[middle], object, native);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

static int
collect_left(struct entries *planned, struct entries *now, struct left *left, struct error *err)
{
	if ((left->items = calloc(planned->count + now->count + 1, sizeof *left->items)) == NULL)
		return error_memory(err);
	for (size_t i = 0; i < planned->count; i++)
		if (planned->items[i].source && !planned->items[i].held)
			left->items[left->count++] = &planned->items[i];
	for (size_t i = 0; i < now->count; i++)
		if (now->items[i].source && !now->items[i].held)
			left->items[left->count++] = &now->items[i];
	if (left->count > 0)
		qsort(left->items, left->count, sizeof *left->items, sort_natives);
	return 0;
}

/* What would be sent now; all of it is taken back. */
struct again {
	struct unit_run *u;
	struct ledger_plan_draft *draft, *plan;
};

static int
look_again(void *data, const struct intake_result *dry, struct error *err)
{
	struct again *again = data;
	struct deliver_options options = { .intake = &again->u->intake };
	uint64_t counts[LEDGER_COUNT_COUNT];

	memcpy(counts, dry->counts, sizeof counts);
	return deliver_preview(&options, again->draft, again->plan, counts, err);
}

/* The dry pass over the plan's inputs, as entries.  It is stored as a plan and read back, and nothing of that is kept. */
static int
plan_anew(struct unit_run *u, const struct ledger_plan *plan, struct entries *now, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;
	struct again again = { .u = u, .draft = ledger_plan_draft_new(ledger, err), .plan = ledger_plan_draft_new(ledger, err) };
	struct intake_apply_options dry = { .mode = INTAKE_DRY, .draft = again.draft, .staged_to = plan->staged_to, .may_keep = look_again,
		.may_keep_data = &again };
	struct ledger_plan fresh = { .flow = plan->flow, .unit = plan->unit, .run = u->run.number, .version = plan->version, .reason = "" };
	struct intake_result counted = { .bindings = NULL };
	int result = -1;

	if (again.draft != NULL && again.plan != NULL && intake_apply(&u->intake, &dry, &counted, err) == 0 && ledger_begin(ledger, err) == 0) {
		result = ledger_plan_store(ledger, again.plan, &fresh, err);
		if (result == 0)
			result = entries_read(ledger, fresh.number, now, err);
		ledger_rollback(ledger);
	}
	ledger_plan_draft_free(again.plan);
	ledger_plan_draft_free(again.draft);
	intake_result_free(&counted);
	return result;
}

static int
apply_held(struct unit_run *u, const struct apply_options *o, const struct ledger_plan *plan, struct error *err)
{
	struct entries planned = { .items = NULL }, now = { .items = NULL };
	struct left left = { .items = NULL };
	struct intake_apply_options real = { .mode = INTAKE_REAL, .staged_to = plan->staged_to, .leave = is_left, .leave_data = &left };
	int result;

	result = entries_read(u->engine->ledger, plan->number, &planned, err);
	if (result == 0)
		result = plan_anew(u, plan, &now, err);
	if (result == 0 && !u->engine->stopped) {
		entries_compare(&planned, &now);
		if ((result = entries_spread(&planned, &now, err)) == 0)
			result = collect_left(&planned, &now, &left, err);
		/* With nothing to leave alone a first load can go the short way. */
		if (result == 0 && left.count == 0)
			real.leave = NULL;
	}
	if (result == 0 && !u->engine->stopped)
		result = entries_tell_stale(&planned, o, plan->number, err);
	if (result == 0)
		result = unit_write(u, &real, plan, NULL, err);
	entries_free(&planned);
	entries_free(&now);
	free(left.items);
	return result;
}

static int
check_plan(const struct unit_run *u, const struct ledger_plan *plan, struct error *err)
{
	if (plan->version != u->run.version)
		return error_set(err, ERROR_LEDGER_PLAN, "Run the flow again for a new plan.",
		                 "plan %lld was made under other rules, owners or lookups", (long long)plan->number);
	return 0;
}

/* A person's plan is not stopped by the mode preview; by off and paused it is, as everything is. */
static int
check_flag(const struct unit_run *u, struct error *err)
{
	const char *unit = ledger_unit_name(u->engine->ledger, u->intake.unit_id);

	if (u->flag.mode != LEDGER_FLAG_OFF && u->flag.mode != LEDGER_FLAG_PAUSED)
		return 0;
	return error_set(err, ERROR_LEDGER_PLAN, "`syncline flag` tells who did that and why; set it to preview to apply the plan.", "the flow %s is %s%s%s",
	                 u->intake.flow->head.name, ledger_flag_name((enum ledger_flag_mode)u->flag.mode), unit[0] != '\0' ? " for " : "", unit);
}

/* Why a plan that is over can be neither applied nor dropped. */
static int
refuse_end(const struct ledger_plan *plan, struct error *err)
{
	static const char hint[] = "`syncline plans` lists those that are open, `syncline plans --all` the others too.";
	const char *who = plan->who != NULL ? plan->who : "somebody", *why = plan->why != NULL ? plan->why : "";
	long long number = plan->number;

	switch ((enum ledger_plan_state)plan->state) {
	case LEDGER_PLAN_APPLIED:
		return error_set(err, ERROR_LEDGER_PLAN, hint, "plan %lld is applied already", number);
	case LEDGER_PLAN_REPLACED:
		return error_set(err, ERROR_LEDGER_PLAN, hint, "plan %lld is replaced by a newer one, plan %lld", number, (long long)plan->by_plan);
	case LEDGER_PLAN_DROPPED:
		return error_set(err, ERROR_LEDGER_PLAN, hint, "plan %lld was dropped by %s: %s", number, who, why);
	case LEDGER_PLAN_OVERTAKEN:
		return error_set(err, ERROR_LEDGER_PLAN, hint, "plan %lld is stale: run %lld came after it and did what there was to be done", number,
		                 (long long)plan->by_run);
	default:
		return error_set(err, ERROR_LEDGER_PLAN, hint, "plan %lld is over", number);
	}
}

static int
get_open(struct ledger *ledger, int64_t number, struct arena *arena, struct ledger_plan *plan, struct error *err)
{
	bool found;

	if (ledger_plan_get(ledger, number, arena, plan, &found, err) != 0)
		return -1;
	if (!found)
		return error_set(err, ERROR_LEDGER_PLAN, "`syncline plans` lists them.", "there is no plan %lld", (long long)number);
	return plan->state != LEDGER_PLAN_OPEN ? refuse_end(plan, err) : 0;
}

static int
find_plan(const struct apply_options *o, struct arena *arena, struct ledger_plan *plan, struct error *err)
{
	if (get_open(o->engine->ledger, o->plan, arena, plan, err) != 0)
		return -1;
	if (ledger_flow(o->engine->ledger, plan->flow) == NULL)
		return error_set(err, ERROR_LEDGER_PLAN, "Put the flow back, or drop the plan: syncline plans drop.", "the flow %s of plan %lld is no longer configured",
		                 ledger_flow_name(o->engine->ledger, plan->flow), (long long)o->plan);
	if (!unit_is_of(ledger_flow(o->engine->ledger, plan->flow), ledger_unit(o->engine->ledger, plan->unit)))
		return error_set(err, ERROR_LEDGER_PLAN, "Put the unit back into the flow, or drop the plan: syncline plans drop.", "the flow %s of plan %lld no longer runs for %s",
		                 ledger_flow_name(o->engine->ledger, plan->flow), (long long)o->plan,
		                 ledger_unit_name(o->engine->ledger, plan->unit)[0] != '\0' ? ledger_unit_name(o->engine->ledger, plan->unit) : "the house");
	return 0;
}

int
run_apply(const struct apply_options *options, struct run_result *ret_result, struct error *err)
{
	struct ledger *ledger = options->engine->ledger;
	struct ledger_plan plan;
	struct unit_run u;
	struct arena arena;
	struct floor_place place;
	struct error why = { 0 };
	bool entered;
	char cause[48];
	int result;

	memset(ret_result, 0, sizeof *ret_result);
	arena_init(&arena, 0);
	result = find_plan(options, &arena, &plan, err);
	if (result == 0)
		result = unit_enter(&place, options->engine, ledger_flow(ledger, plan.flow), err);
	entered = result == 0;
	if (entered)
		engine_forgive(options->engine, ledger_flow(ledger, plan.flow));
	if (result == 0)
		result = unit_init(&u, options->engine, ledger_flow(ledger, plan.flow), ledger_unit(ledger, plan.unit), false, err);
	if (result == 0)
		result = check_flag(&u, err);
	if (result != 0) {
		if (entered)
			floor_leave(&place);
		arena_free(&arena);
		return -1;
	}
	u.result = ret_result;
	u.patience_ms = options->patience_ms;
	u.approved = true;
	u.ended = options->ended;
	u.data = options->data;
	snprintf(cause, sizeof cause, "apply %lld", (long long)plan.number);
	u.frozen_us = plan.frozen_us;
	if (unit_begin(&u, cause, err) != 1) {
		result = -1;
	} else if (engine_need(options->engine, u.intake.flow, &why) != 0 || check_plan(&u, &plan, &why) != 0 ||
	           (plan.rollback != 0 ? rollback_apply(&u, options, &plan, &why) : apply_held(&u, options, &plan, &why)) != 0) {
		result = unit_fail(&u, &why, err);
	}
	unit_free(&u);
	floor_leave(&place);
	arena_free(&arena);
	return result;
}

static int
drop_plan(struct ledger *ledger, int64_t number, const char *why, struct error *err)
{
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_plan_drop(ledger, number, why, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

int
run_drop_plan(struct ledger *ledger, int64_t number, const char *why, struct error *err)
{
	struct ledger_plan plan;
	struct arena arena;
	char lease[600] = "";
	int result;

	arena_init(&arena, 0);
	result = get_open(ledger, number, &arena, &plan, err);
	if (result == 0) {
		unit_lease_name(lease, sizeof lease, ledger_flow_name(ledger, plan.flow), ledger_unit_name(ledger, plan.unit));
		result = ledger_lease(ledger, lease, DROP_MS, err) == 1 ? 0 : -1;
	}
	if (result == 0) {
		result = drop_plan(ledger, number, why, err);
		ledger_lease_end(ledger, lease);
	}
	arena_free(&arena);
	return result;
}
