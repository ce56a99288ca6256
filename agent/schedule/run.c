/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c: a flow for its units:
 *
 *     lease -> what is uncertain -> read (once for all units) -> dry pass -> guards ─┬─> apply -> deliver -> done
 *                                                                                     └─> plan -> held
 */
#include "schedule/run.h"

#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "rehearse/rehearse.h"
#include "schedule/unit.h"

#define SLICE_MS 2000 /* that a unit delivers while others wait */

struct flow_run {
	const struct run_options *options;
	struct engine *engine;
	struct run_result *result;
	struct unit_run *units;
	uint32_t count;
};

/* The units of the flow that are asked for; a flow without units is the house, one unit without a name. */
static int
choose_units(struct flow_run *f, struct error *err)
{
	const struct run_options *o = f->options;
	uint32_t count = o->units != NULL ? o->unit_count : o->flow->units.count > 0 ? o->flow->units.count : 1;

	if ((f->units = calloc(count + 1u, sizeof *f->units)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		const struct config_unit *unit = o->units != NULL ? o->units[i] :
		                                 o->flow->units.count > 0 ? config_unit(f->engine->model, o->flow->units.items[i]) : NULL;
		struct unit_run *u = &f->units[f->count];

		if (unit_init(u, f->engine, o->flow, unit, o->full, err) != 0)
			return -1;
		f->count++;
		u->result = f->result;
		u->intake.reads = o->reads;
		u->patience_ms = o->patience_ms;
		u->care = o->care;
		u->ended = o->ended;
		u->data = o->data;
	}
	return 0;
}

/* The plan of a run that is held. */
static int
keep_plan(struct unit_run *u, struct ledger_plan_draft *draft, const struct intake_result *dry, const uint64_t *counts, const char *why,
          struct ledger_plan *plan, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;

	*plan = (struct ledger_plan){ .flow = u->run.flow, .unit = u->run.unit, .run = u->run.number, .version = u->run.version, .reason = why,
		.staged_to = dry->staged_to, .bulk = dry->bulk, .made_us = ledger_now(ledger), .frozen_us = u->intake.run_time_us };
	memcpy(plan->counts, counts, sizeof plan->counts);
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_plan_store(ledger, draft, plan, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

static void
keep_counts(struct ledger_run *run, const struct intake_result *dry)
{
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (i != LEDGER_COUNT_SENT_CREATES && i != LEDGER_COUNT_SENT_UPDATES && i != LEDGER_COUNT_SENT_DELETES)
			run->counts[i] += dry->counts[i];
}

struct judging {
	struct unit_run *u;
	struct buffer *why;
	int verdict; /* 1: the run may write */
	bool held;   /* by a guard */
	bool again;  /* it is held by something else, and the plan must say what the first load does, too */
	struct ledger_plan_draft *draft; /* what the dry pass would do */
	struct ledger_plan_draft *plan;  /* the same, and what would be sent; NULL: nothing is held */
	uint64_t counts[LEDGER_COUNT_COUNT]; /* of the plan */
};

/* Asked while the dry pass can still be taken back. */
static int
guard(void *data, const struct intake_result *dry, struct error *err)
{
	struct judging *judging = data;

	judging->verdict = intake_guard(&judging->u->intake, dry, judging->why, err);
	judging->held = judging->verdict == 0;
	if (judging->verdict == 1 && judging->u->flag.mode == LEDGER_FLAG_PREVIEW) {
		buffer_text(judging->why, "The flow is in preview.");
		judging->verdict = 0;
	}
	if (judging->verdict == 0 && dry->skipped) {
		judging->again = true;
		buffer_clear(judging->why);
		return 0;
	}
	/* With what is kept goes the plan that it does; where nothing is kept, unit_write() says so. */
	if (judging->verdict == 1 &&
	    ledger_plans_overtake(judging->u->engine->ledger, judging->u->run.flow, judging->u->run.unit, judging->u->run.number, err) != 0)
		judging->verdict = -1;
	if (judging->verdict == 0 && !judging->u->engine->stopped) {
		struct deliver_options options = { .intake = &judging->u->intake };

		memcpy(judging->counts, dry->counts, sizeof judging->counts);
		if ((judging->plan = ledger_plan_draft_new(judging->u->engine->ledger, err)) == NULL ||
		    deliver_preview(&options, judging->draft, judging->plan, judging->counts, err) != 0)
			judging->verdict = -1;
	}
	return judging->verdict;
}

/*
 * Dry pass and guards: 1 go on; 0 held, with the plan; -1.  A preview without any effect has no plan: its number is 0, and an
 * earlier one is over.
 * ret_applied: what the dry pass did was kept, so that nothing is left to be applied.
 */
static int
judge(struct unit_run *u, struct buffer *why, struct ledger_plan *plan, bool *ret_applied, struct error *err)
{
	struct judging judging = { .u = u, .why = why, .draft = ledger_plan_draft_new(u->engine->ledger, err) };
	struct intake_apply_options options = { .mode = INTAKE_DRY, .draft = judging.draft, .may_keep = guard, .may_keep_data = &judging,
		.may_skip = u->flag.mode != LEDGER_FLAG_PREVIEW };
	struct intake_result dry = { .bindings = NULL };
	int result;

	if (judging.draft == NULL)
		return -1;
	result = intake_apply(&u->intake, &options, &dry, err);
	if (result == 0 && judging.again) {
		intake_result_free(&dry);
		ledger_plan_draft_free(judging.draft);
		options.may_skip = false;
		options.draft = judging.draft = ledger_plan_draft_new(u->engine->ledger, err);
		result = judging.draft != NULL ? intake_apply(&u->intake, &options, &dry, err) : -1;
	}
	*ret_applied = result == 0 && dry.kept;
	/* Half a look is none: nothing may be written for it, and nothing planned. */
	if (result == 0 && u->engine->stopped)
		result = 1;
	else if (result == 0 && (result = judging.verdict) == 0) {
		const char *text = buffer_string(why);

		keep_counts(&u->run, &dry);
		if (ledger_plan_draft_count(judging.plan) == 0 && !judging.held)
			result = unit_overtake(u, err);
		else if (text == NULL)
			result = error_memory(err);
		else if (keep_plan(u, judging.plan, &dry, judging.counts, text, plan, err) != 0)
			result = -1;
	}
	ledger_plan_draft_free(judging.plan);
	ledger_plan_draft_free(judging.draft);
	intake_result_free(&dry);
	return result;
}

static int
see_applied(void *data, const struct ledger_plan *plan)
{
	*(bool *)data = *(bool *)data || (plan->state == LEDGER_PLAN_APPLIED && plan->rollback == 0);
	return 0;
}

/*
 * A preview of these rules had no effect: there is nothing to be applied, and nothing that a plan would let a person see before the flow
 * goes on.  So an empty plan counts as applied.  Of a source that gave no good row, where nothing was ever applied, it proves nothing;
 * nor do rows that wait for others, of which nobody has seen yet what they will do.
 */
static int
approve_nothing(struct unit_run *u, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;
	struct ledger_plan plan = { .flow = u->run.flow, .unit = u->run.unit, .run = u->run.number, .version = u->run.version,
		.reason = "The preview had no effect.", .made_us = ledger_now(ledger), .frozen_us = u->intake.run_time_us };
	bool applied, ever = u->run.counts[LEDGER_COUNT_READ] > u->run.counts[LEDGER_COUNT_REJECTED] + u->run.counts[LEDGER_COUNT_WAITING];
	struct ledger_plan_draft *draft;
	int result;

	if (ledger_plan_was_applied(ledger, u->run.flow, u->run.unit, u->run.version, &applied, err) != 0 ||
	    (!ever && ledger_plans(ledger, u->run.flow, u->run.unit, true, see_applied, &ever, err) != 0))
		return -1;
	if (applied || !ever)
		return 0;
	if ((draft = ledger_plan_draft_new(ledger, err)) == NULL)
		return -1;
	result = ledger_begin(ledger, err);
	if (result == 0 && (ledger_plan_store(ledger, draft, &plan, err) != 0 || ledger_plan_end(ledger, plan.number, LEDGER_PLAN_APPLIED, err) != 0)) {
		ledger_rollback(ledger);
		result = -1;
	} else if (result == 0) {
		result = ledger_commit(ledger, err);
	}
	ledger_plan_draft_free(draft);
	return result;
}

static int
end_switched_off(struct unit_run *u, struct error *err)
{
	const char *unit = ledger_unit_name(u->engine->ledger, u->intake.unit_id);
	struct error why = { 0 };

	(void)error_set(&why, ERROR_LEDGER_FLAG, "What was read is kept; `syncline flag` tells who did that and why.", "%s was switched off%s%s while it ran",
	                u->intake.flow->head.name, unit[0] != '\0' ? " for " : "", unit);
	return unit_end(u, LEDGER_RUN_STOPPED, &why, NULL, err);
}

static int
finish_unit(struct unit_run *u, const struct error *read_failed, struct error *err)
{
	static const struct intake_apply_options real = { .mode = INTAKE_REAL };
	struct ledger_plan plan = { .number = 0 };
	struct buffer why;
	bool applied;
	int result;

	if (read_failed == NULL && u->intake.unread.code != ERROR_NONE)
		read_failed = &u->intake.unread;
	engine_work_for(u->engine, &u->run);
	/* Another unit may have taken long. */
	if (os_monotonic_ms() - u->leased_ms > UNIT_LEASE_MS / 15 && ledger_lease(u->engine->ledger, u->lease, UNIT_LEASE_MS, err) != 1)
		return -1;
	if (!engine_progress(u->engine, "looking at what was read", 0, 0))
		return unit_end(u, LEDGER_RUN_STOPPED, NULL, NULL, err);
	u->read_failed = read_failed;
	/* Reading may have taken hours. */
	if (unit_heed_flag(u, err) != 0)
		return -1;
	if (u->flag.mode == LEDGER_FLAG_OFF)
		return end_switched_off(u, err);
	if (u->flag.mode == LEDGER_FLAG_PAUSED)
		return unit_end(u, read_failed != NULL ? LEDGER_RUN_FAILED : LEDGER_RUN_DONE, read_failed, NULL, err);
	buffer_init(&why, 0);
	result = judge(u, &why, &plan, &applied, err);
	if (result == 1)
		result = unit_apply(u, applied ? NULL : &real, NULL, err);
	else if (result == 0 && plan.number == 0 && read_failed == NULL && approve_nothing(u, err) != 0)
		result = -1;
	else if (result == 0 && plan.number == 0)
		result = unit_end(u, read_failed != NULL ? LEDGER_RUN_FAILED : LEDGER_RUN_DONE, read_failed, NULL, err);
	else if (result == 0)
		result = unit_end(u, LEDGER_RUN_HELD, read_failed, &plan, err);
	buffer_free(&why);
	return result;
}

static int
resolve_unit(struct unit_run *u, struct error *err)
{
	struct deliver_options options = { .intake = &u->intake, .patience_ms = u->patience_ms };
	struct deliver_result result = { .left = 0 };

	engine_work_for(u->engine, &u->run);
	return deliver_resolve(&options, &result, err);
}

/* Leases and numbers for all units; those that another process runs are told and left. */
static int
begin_all(struct flow_run *f, const char *cause, struct intake **readers, uint32_t *ret_count, struct error *err)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->count; i++) {
		struct unit_run *u = &f->units[i];
		struct error busy = { 0 };
		int begun;

		if (u->flag.mode == LEDGER_FLAG_OFF) {
			f->result->off++;
			continue;
		}
		if ((begun = unit_begin(u, cause, &busy)) < 0) {
			*err = busy;
			return -1;
		}
		if (begun == 0) {
			f->result->failed++;
			if (f->options->busy != NULL)
				f->options->busy(f->options->data, u->intake.unit, &busy);
			continue;
		}
		readers[count++] = &u->intake;
	}
	*ret_count = count;
	return 0;
}

/* What was begun and can't go on ends as failed; -1 when not even that can be kept. */
static int
fail_all(struct flow_run *f, const struct error *why, struct error *err)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (unit_fail(&f->units[i], why, err) != 0)
			return -1;
	return 0;
}

static bool
is_delivering(const struct unit_run *u)
{
	return u->applied && !u->over;
}

/* A slice of it, or with slice_ms 0 to its end. */
static int
deliver_unit(struct unit_run *u, int64_t slice_ms, bool *ret_more, struct error *err)
{
	struct error why = { 0 };

	if (unit_deliver(u, slice_ms, ret_more, &why) != 0)
		return unit_fail(u, &why, err);
	/* What is due later is waited for when all else is done. */
	if (*ret_more || (slice_ms > 0 && u->patience_ms > 0 && !u->engine->stopped))
		return 0;
	return unit_conclude(u, NULL, u->read_failed, &why) == 0 ? 0 : unit_fail(u, &why, err);
}

/* By turns, so that none waits until a large one is done. */
static int
deliver_all(struct flow_run *f, struct error *err)
{
	bool more = false, any;
	uint32_t count = 0;

	for (uint32_t i = 0; i < f->count; i++)
		count += is_delivering(&f->units[i]);
	do {
		any = false;
		for (uint32_t i = 0; i < f->count && count > 1; i++) {
			struct unit_run *u = &f->units[i];

			if (!is_delivering(u) || u->drained)
				continue;
			if (deliver_unit(u, SLICE_MS, &more, err) != 0)
				return -1;
			u->drained = !more;
			any = any || more;
		}
	} while (any);
	for (uint32_t i = 0; i < f->count; i++)
		if (is_delivering(&f->units[i]) && deliver_unit(&f->units[i], 0, &more, err) != 0)
			return -1;
	return 0;
}

static int
finish_all(struct flow_run *f, const struct error *read_failed, struct error *err)
{
	for (uint32_t i = 0; i < f->count; i++) {
		struct error why = { 0 };

		if (f->units[i].begun && finish_unit(&f->units[i], read_failed, &why) != 0 && unit_fail(&f->units[i], &why, err) != 0)
			return -1;
	}
	return deliver_all(f, err);
}

static int
run_units(struct flow_run *f, struct error *err)
{
	struct intake **readers = calloc(f->count + 1u, sizeof *readers);
	struct error why = { 0 }, first = { 0 };
	bool read_failed = false;
	uint32_t count = 0;
	int result;

	if (readers == NULL)
		return error_memory(err);
	result = begin_all(f, f->options->cause != NULL ? f->options->cause : "manual", readers, &count, &why);
	if (result == 0 && count > 0)
		result = engine_need(f->engine, f->options->flow, &why);
	for (uint32_t i = 0; i < f->count && result == 0; i++)
		if (f->units[i].begun)
			result = resolve_unit(&f->units[i], &why);
	if (result == 0 && count > 0)
		result = intake_read(readers, count, &read_failed, &first, &why);
	free(readers);
	if (result == 0)
		return finish_all(f, read_failed ? &first : NULL, err);
	if (f->result->runs == 0) {
		*err = why;
		return -1;
	}
	return fail_all(f, &why, err);
}

int
run_flow(const struct run_options *options, struct run_result *ret_result, struct error *err)
{
	struct flow_run f = { .options = options, .engine = options->engine, .result = ret_result };
	struct floor_place place;
	int result;

	memset(ret_result, 0, sizeof *ret_result);
	if (unit_enter(&place, options->engine, options->flow, err) != 0)
		return -1;
	/* What a loadtest created is no record. */
	if (rehearse_in_the_way(ledger_state_dir(options->engine->ledger), options->flow, err) != 0) {
		floor_leave(&place);
		return -1;
	}
	if (options->cause == NULL || strcmp(options->cause, "manual") == 0)
		engine_forgive(options->engine, options->flow);
	result = choose_units(&f, err);
	if (result == 0)
		result = run_units(&f, err);
	floor_leave(&place);
	for (uint32_t i = 0; i < f.count; i++)
		unit_free(&f.units[i]);
	free(f.units);
	return result;
}

struct run_place
run_place_of(const struct engine *engine, const struct config_flow *flow, const struct ledger_run *run, char trace[LEDGER_TRACE + 1])
{
	ledger_run_trace(engine->ledger, run, trace);
	return (struct run_place){ .flow = flow->head.name, .unit = ledger_unit_name(engine->ledger, run->unit), .run = run->number, .trace = trace };
}

struct run_place
run_place_now(const struct engine *engine)
{
	return (struct run_place){ .flow = engine->run != 0 ? ledger_flow_name(engine->ledger, engine->flow) : "",
		.unit = engine->run != 0 ? ledger_unit_name(engine->ledger, engine->unit) : "", .run = engine->run, .trace = engine->trace };
}
