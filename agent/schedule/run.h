/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h: one run of a flow for its units: lease, resolve what is uncertain, read, dry pass and guards, apply, deliver.  The
 * daemon's worker and `syncline run` call the same.
 */
#ifndef SCHEDULE_RUN_H
#define SCHEDULE_RUN_H

#include "deliver/deliver.h"
#include "flow/intake.h"

/* What a run is at, for a log. */
struct run_place {
	const char *flow, *unit; /* unit "": the house, or none yet */
	int64_t run;             /* 0: none yet */
	const char *trace;       /* the run's (ledger/runs.h), "" for none */
};
/* Of a run that has ended.  `trace` has the text and outlives it. */
struct run_place run_place_of(const struct engine *engine, const struct config_flow *flow, const struct ledger_run *run, char trace[LEDGER_TRACE + 1]);
/* Of what the engine works for now. */
struct run_place run_place_now(const struct engine *engine);

/* When the ledger was tidied last (os_monotonic_ms()), by whoever has one run right after the other; begins with 0. */
struct run_care {
	int64_t pruned_ms, rested_ms;
};
/* What runs left to be tidied.  A courtesy: what can't be done now is done after the next run. */
void run_tidy(struct engine *engine, struct run_care *care);

struct run_options {
	struct engine *engine;
	const struct config_flow *flow;
	const struct config_unit *const *units; /* of the flow; NULL: all */
	uint32_t unit_count;
	const char *cause; /* "manual", … */
	bool full;
	const bool *reads;   /* of the flow's bindings, in its order: those that are read; NULL: all */
	int64_t patience_ms; /* deliver.h */
	struct run_care *care; /* NULL: the ledger is tidied after each unit's run; else now and then, and by run_tidy() in the end */
	/* Somebody else runs it: the unit is left, and counts as failed.  May be NULL. */
	void (*busy)(void *data, const struct config_unit *unit, const struct error *why);
	/* After a unit's run has ended. */
	void (*ended)(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why);
	void *data;
};
struct run_result {
	uint32_t runs, done, findings, held, failed, off; /* units */
};
/*
 * Waits while another run of this process is about the same records (floor.h).  0 when every unit's run ended in some way
 * (ret_result says how), -1 when it could not even begin.  A unit whose flow flag is `off` is not run.  `preview`: read, dry pass,
 * plan, held.  `paused`: read and staged.
 */
int run_flow(const struct run_options *options, struct run_result *ret_result, struct error *err);

/*
 * Applies a plan: its staged inputs, never a new read.  Entries whose preconditions no longer hold are stale: listed and left;
 * with `strict` one stale entry refuses all (ERROR_LEDGER_PLAN).
 */
struct apply_options {
	struct engine *engine;
	int64_t plan;
	bool strict;
	int64_t patience_ms;
	void (*stale)(void *data, const struct ledger_plan_item *item, const char *why);
	void (*ended)(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why);
	void *data;
};
int run_apply(const struct apply_options *options, struct run_result *ret_result, struct error *err);

/*
 * What it would be to take a run back, as a plan that run_apply() carries out: the run that makes it ends as held, or, when all is left
 * as it is, as done, and the plan is over.  Reads nothing but the ledger.  ERROR_ROLLBACK_*: there is no run to be told of.
 */
struct rollback_options {
	struct engine *engine;
	int64_t run;
	void (*ended)(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why);
	void *data;
};
int run_rollback(const struct rollback_options *options, struct run_result *ret_result, struct error *err);

/*
 * Drops an open plan: it can't be applied any more; its rows stay staged, and the next run looks at them anew.  Refused while its
 * flow and unit are worked on.  Any mode of the ledger that writes; no engine is needed.
 */
int run_drop_plan(struct ledger *ledger, int64_t plan, const char *why, struct error *err);

#endif
