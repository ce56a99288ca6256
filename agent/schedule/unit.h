/* SPDX-License-Identifier: BSD-2-Clause */
/* unit.h: the run of one unit, from its lease to its end; what a run of a flow and applying a plan share.  Private to agent/schedule. */
#ifndef SCHEDULE_UNIT_H
#define SCHEDULE_UNIT_H

#include "schedule/floor.h"
#include "schedule/run.h"

#define UNIT_LEASE_MS (INT64_C(15) * 60 * 1000) /* it goes on with every commit */

struct unit_run {
	struct intake intake;
	struct ledger_run run;
	struct ledger_flag flag;
	char lease[600];
	int64_t leased_ms; /* os_monotonic_ms() */
	bool leased, begun, over;
	/* Of whoever runs it. */
	struct engine *engine;
	struct run_result *result;
	int64_t patience_ms;
	struct run_care *care; /* or NULL */
	bool approved; /* a person applied its plan */
	bool applied;  /* and is to be delivered now */
	bool drained;  /* nothing is due at present */
	struct deliver_result delivered;
	const struct error *read_failed; /* some of it could not be read; or NULL */
	bool settled;  /* what it did ended its plan, and no other one is over by it */
	int64_t frozen_us; /* what its rules are given for now; 0: when it began */
	void (*ended)(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why);
	void *data;
};

/* Who has it works on the flow for the unit; "" is the house. */
void unit_lease_name(char *name, size_t size, const char *flow, const char *unit);
/* Waits until no other run of this process is about the same records; floor_leave() ends it. */
int unit_enter(struct floor_place *place, struct engine *engine, const struct config_flow *flow, struct error *err);
int unit_init(struct unit_run *u, struct engine *engine, const struct config_flow *flow, const struct config_unit *unit, bool full,
              struct error *err);
/* What its flag is by now. */
int unit_heed_flag(struct unit_run *u, struct error *err);
/* Lease and number.  1: begun; 0: another process runs it (said in err). */
int unit_begin(struct unit_run *u, const char *cause, struct error *err);
/* Applies what is staged (`real` NULL: that was done), delivers, and ends the run.  `plan` (may be NULL) becomes applied between the two. */
int unit_write(struct unit_run *u, const struct intake_apply_options *real, const struct ledger_plan *plan, const struct error *read_failed,
               struct error *err);
/* The same in its steps, so that several units have their turns.  slice_ms 0: to the end, with patience; else ret_more says whether there is more. */
int unit_apply(struct unit_run *u, const struct intake_apply_options *real, const struct ledger_plan *plan, struct error *err);
int unit_deliver(struct unit_run *u, int64_t slice_ms, bool *ret_more, struct error *err);
int unit_conclude(struct unit_run *u, const struct ledger_plan *plan, const struct error *read_failed, struct error *err);
/* The open plan of its flow and unit, if there is one, is over: what it is about was done, or is nothing any more. */
int unit_overtake(struct unit_run *u, struct error *err);
/* Its counts and its end are durable, its lease is free. */
int unit_end(struct unit_run *u, uint8_t state, const struct error *why, const struct ledger_plan *plan, struct error *err);
/* A failure that ends one unit's run says so in the ledger; -1 only when even that fails. */
int unit_fail(struct unit_run *u, const struct error *why, struct error *err);
void unit_free(struct unit_run *u);
/* rollback.c: carries out the plan of a rollback, which is over with it, and delivers. */
int rollback_apply(struct unit_run *u, const struct apply_options *options, const struct ledger_plan *plan, struct error *err);
/* Does the flow still run for this unit? */
bool unit_is_of(const struct config_flow *flow, const struct config_unit *unit);

#endif
