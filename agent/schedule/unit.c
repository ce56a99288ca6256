/* SPDX-License-Identifier: BSD-2-Clause */
/* unit.c: see unit.h. */
#include "schedule/unit.h"

#include <stdio.h>
#include <string.h>

#include "ledger/bulk.h"
#include "os/os.h"

#define PRUNE_ROWS 10000u
/*
 * Where runs follow each other closely.  What is pruned a second keeps up with what a thousand changes a second leave.  Resting looks at
 * tables for the planner, which then prepares all statements anew: as long as the rest of a run with one change.
 */
#define PRUNE_MS 1000
#define REST_MS 60000

void
unit_lease_name(char *name, size_t size, const char *flow, const char *unit)
{
	snprintf(name, size, "run %s/%s", flow, unit);
}

/* The house has no name, and a flow with units is none of its. */
bool
unit_is_of(const struct config_flow *flow, const struct config_unit *unit)
{
	if (unit == NULL || unit->head.name == NULL)
		return flow->units.count == 0;
	for (uint32_t i = 0; i < flow->units.count; i++)
		if (strcmp(flow->units.items[i], unit->head.name) == 0)
			return true;
	return false;
}

static bool
go_on(void *engine)
{
	return engine_progress(engine, "waiting for another run", 0, 0);
}

int
unit_enter(struct floor_place *place, struct engine *engine, const struct config_flow *flow, struct error *err)
{
	if (floor_enter(place, flow, go_on, engine))
		return 0;
	return error_set(err, ERROR_LEDGER_STOPPED, "Run it again.", "the run of %s was stopped while it waited for another one", flow->head.name);
}

int
unit_init(struct unit_run *u, struct engine *engine, const struct config_flow *flow, const struct config_unit *unit, bool full, struct error *err)
{
	memset(u, 0, sizeof *u);
	u->engine = engine;
	u->intake = (struct intake){ .engine = engine, .flow = flow, .unit = unit, .flow_id = ledger_flow_id(engine->ledger, flow),
		.unit_id = ledger_unit_id(engine->ledger, unit), .run = &u->run, .full = full };
	unit_lease_name(u->lease, sizeof u->lease, flow->head.name, unit != NULL && unit->head.name != NULL ? unit->head.name : "");
	return unit_heed_flag(u, err);
}

int
unit_heed_flag(struct unit_run *u, struct error *err)
{
	return ledger_flag_get(u->engine->ledger, u->intake.flow_id, u->intake.unit_id, 0, &u->flag, err);
}

void
unit_free(struct unit_run *u)
{
	if (u->leased)
		ledger_lease_end(u->engine->ledger, u->lease);
	u->leased = false;
	intake_forget(&u->intake);
}

static int
commit(struct ledger *ledger, int result, struct error *err)
{
	if (result == 0)
		return ledger_commit(ledger, err);
	ledger_rollback(ledger);
	return -1;
}

int
unit_begin(struct unit_run *u, const char *cause, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;
	uint8_t version[RULES_VERSION_BYTES];
	int taken, result;

	if ((taken = ledger_lease(ledger, u->lease, UNIT_LEASE_MS, err)) <= 0)
		return taken;
	u->leased = true;
	u->leased_ms = os_monotonic_ms();
	if (ledger_bulk_settle(ledger, err) != 0)
		return -1;
	if (ledger_run_begin(ledger, u->intake.flow_id, u->intake.unit_id, cause, &u->run.number, &u->run.started_us, err) != 0)
		return -1;
	u->begun = true;
	u->run.flow = u->intake.flow_id;
	u->run.unit = u->intake.unit_id;
	u->run.cause = cause;
	u->intake.run_time_us = u->frozen_us != 0 ? u->frozen_us : u->run.started_us;
	u->result->runs++;
	engine_work_for(u->engine, &u->run);
	engine_flow_version(u->engine, u->intake.flow, version);
	if (ledger_begin_later(ledger, err) != 0)
		return -1;
	result = ledger_version_id(ledger, u->intake.flow_id, version, &u->run.version, err);
	if (result == 0)
		result = ledger_run_keep(ledger, &u->run, err);
	return commit(ledger, result, err) == 0 ? 1 : -1;
}

static void
count_end(struct run_result *result, uint8_t state)
{
	switch (state) {
	case LEDGER_RUN_DONE:
		result->done++;
		break;
	case LEDGER_RUN_FINDINGS:
		result->findings++;
		break;
	case LEDGER_RUN_HELD:
		result->held++;
		break;
	default:
		result->failed++;
		break;
	}
}

/* Retention and checkpoints, a little after every run; what can't be done now is done after the next. */
static void
tidy(struct engine *engine, bool prune, bool rest)
{
	struct error err = { 0 };
	bool more;

	if ((prune && ledger_prune(engine->ledger, PRUNE_ROWS, &more, &err) != 0) || (rest && ledger_idle(engine->ledger, &err) != 0))
		engine_say(engine, SYNCLINE_LOG_WARNING, "tidying the ledger: %s", err.message);
}

static bool
is_time(int64_t *last_ms, int64_t now_ms, int64_t pause_ms)
{
	if (now_ms - *last_ms < pause_ms)
		return false;
	*last_ms = now_ms;
	return true;
}

static void
tidy_now_and_then(struct engine *engine, struct run_care *care)
{
	int64_t now_ms = os_monotonic_ms();

	/* The first of them does nothing yet: whoever is done soon tidies in the end. */
	if (care->pruned_ms == 0)
		care->pruned_ms = care->rested_ms = now_ms;
	tidy(engine, is_time(&care->pruned_ms, now_ms, PRUNE_MS), is_time(&care->rested_ms, now_ms, REST_MS));
}

void
run_tidy(struct engine *engine, struct run_care *care)
{
	if (care->pruned_ms != 0)
		tidy(engine, true, true);
	care->pruned_ms = care->rested_ms = 0;
}

static bool
ends_sentence(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && text[length - 1] == '.';
}

int
unit_end(struct unit_run *u, uint8_t state, const struct error *why, const struct ledger_plan *plan, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;
	bool held = state == LEDGER_RUN_HELD && plan != NULL && plan->reason != NULL;
	char message[2400] = "";
	size_t length;

	u->over = true;
	if (why != NULL)
		snprintf(message, sizeof message, "%s%s%s%s%s", why->place, why->place[0] != '\0' ? ": " : "", why->message,
		         why->hint[0] == '\0' ? "" : ends_sentence(why->message) ? "  " : ".  ", why->hint);
	/* What could not be read is one thing, the plan of what was read another. */
	length = strlen(message);
	if (held)
		snprintf(message + length, sizeof message - length, "%s%s", length == 0 ? "" : ends_sentence(message) ? "  " : ".  ", plan->reason);
	u->run.state = state;
	u->run.ended_us = ledger_now(ledger);
	u->run.message = message[0] != '\0' ? message : NULL;
	u->run.plan = plan != NULL ? plan->number : u->run.plan;
	count_end(u->result, state);
	if (ledger_begin(ledger, err) != 0 || commit(ledger, ledger_run_end(ledger, &u->run, err), err) != 0)
		return -1;
	unit_free(u);
	if (u->care != NULL)
		tidy_now_and_then(u->engine, u->care);
	else
		tidy(u->engine, true, true);
	if (u->ended != NULL)
		u->ended(u->data, &u->run, plan, why);
	u->run.message = NULL;
	return 0;
}

int
unit_fail(struct unit_run *u, const struct error *why, struct error *err)
{
	bool stopped = u->engine->stopped || why->code == ERROR_LEDGER_FLAG;

	return u->over || !u->begun ? 0 : unit_end(u, stopped ? LEDGER_RUN_STOPPED : LEDGER_RUN_FAILED, why, NULL, err);
}

static bool
has_findings(const struct ledger_run *run)
{
	return run->counts[LEDGER_COUNT_REJECTED] + run->counts[LEDGER_COUNT_REVIEWS] + run->counts[LEDGER_COUNT_CONFLICTS] +
	       run->counts[LEDGER_COUNT_DEAD] + run->counts[LEDGER_COUNT_PARKED] > 0;
}

int
unit_overtake(struct unit_run *u, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;

	/* Nobody is told of it before something else is durable. */
	if (ledger_begin_later(ledger, err) != 0)
		return -1;
	return commit(ledger, ledger_plans_overtake(ledger, u->run.flow, u->run.unit, u->run.number, err), err);
}

static int
applied(struct unit_run *u, const struct ledger_plan *plan, bool kept, struct error *err)
{
	struct ledger *ledger = u->engine->ledger;

	/* The plan went with what a dry pass kept. */
	if (u->settled || (kept && plan == NULL))
		return 0;
	if (plan == NULL)
		return unit_overtake(u, err);
	if (ledger_begin(ledger, err) != 0)
		return -1;
	return commit(ledger, ledger_plan_end(ledger, plan->number, LEDGER_PLAN_APPLIED, err), err);
}

int
unit_apply(struct unit_run *u, const struct intake_apply_options *real, const struct ledger_plan *plan, struct error *err)
{
	struct intake_result counted = { .bindings = NULL };

	u->applied = true;
	if (u->engine->stopped)
		return 0;
	if (real != NULL && intake_apply(&u->intake, real, &counted, err) != 0)
		return -1;
	intake_result_free(&counted);
	return u->engine->stopped ? 0 : applied(u, plan, real == NULL, err);
}

/* What a part of it found out about systems stays true of all of it. */
int
unit_deliver(struct unit_run *u, int64_t slice_ms, bool *ret_more, struct error *err)
{
	struct deliver_options options = { .intake = &u->intake, .patience_ms = slice_ms > 0 ? 0 : u->patience_ms, .slice_ms = slice_ms,
		.wrote = u->delivered.wrote, .approved = u->approved };
	struct deliver_result delivered = { .left = 0 };

	*ret_more = false;
	if (u->engine->stopped)
		return 0;
	engine_work_for(u->engine, &u->run);
	if (deliver_pending(&options, &delivered, err) != 0)
		return -1;
	if (u->delivered.failed) {
		delivered.failed = true;
		delivered.first = u->delivered.first;
	}
	u->delivered = delivered;
	*ret_more = delivered.more;
	return 0;
}

int
unit_conclude(struct unit_run *u, const struct ledger_plan *plan, const struct error *read_failed, struct error *err)
{
	if (u->engine->stopped)
		return unit_end(u, LEDGER_RUN_STOPPED, NULL, plan, err);
	if (read_failed != NULL)
		return unit_end(u, LEDGER_RUN_FAILED, read_failed, plan, err);
	if (u->delivered.failed)
		return unit_end(u, LEDGER_RUN_FAILED, &u->delivered.first, plan, err);
	return unit_end(u, has_findings(&u->run) ? LEDGER_RUN_FINDINGS : LEDGER_RUN_DONE, NULL, plan, err);
}

int
unit_write(struct unit_run *u, const struct intake_apply_options *real, const struct ledger_plan *plan, const struct error *read_failed,
           struct error *err)
{
	bool more;

	if (unit_apply(u, real, plan, err) != 0 || unit_deliver(u, 0, &more, err) != 0)
		return -1;
	return unit_conclude(u, plan, read_failed, err);
}
