/* SPDX-License-Identifier: BSD-2-Clause */
/* apply.h: what the files around apply.c share.  Private to agent/flow. */
#ifndef FLOW_APPLY_H
#define FLOW_APPLY_H

#include "flow/work.h"

/* One place more than the flow has bindings: the last takes what belongs to other flows.  intake_result_free() frees it. */
int apply_result(struct intake *intake, struct intake_result *result, struct error *err);
/* What it counted, to the run; what deliveries do is counted when they are done. */
void apply_count(struct ledger_run *run, const struct intake_result *result);

/* A transaction of a step; in a dry pass there is one around all.  end takes the step's result and gives it back. */
int apply_begin(struct work *work, struct error *err);
int apply_end(struct work *work, int result, struct error *err);
/* The binding of the flow at work that reads this object; NULL: none. */
struct bound *apply_reader(struct work *work, uint32_t object);
/* What the system calls the unit where the binding's object has tenants; NULL: nothing. */
const char *apply_tenant(const struct work *work, const struct config_binding *binding);

/*
 * A full read that a complete newer one follows says nothing any more: what both showed is staged anew by the newer one unless it
 * is as the link knows it, and what only the older one showed is not there.  So an export that was wrong and held does no harm
 * once it was corrected.
 */
struct apply_overtaking {
	int64_t read; /* the newest complete full read, 0: none */
	int64_t last; /* its last batch */
};
int apply_overtaking(struct work *work, const struct bound *bound, struct apply_overtaking *ret_overtaking, struct error *err);
/* Of what this batch's read showed.  It counts as an input of the plan, since without it the batch would count. */
bool apply_is_overtaken(struct work *work, const struct apply_overtaking *overtaking, const struct ledger_staged *staged);

/* Rows of a batch through all steps, in the caller's transaction. */
int apply_rows(struct work *work, struct bound *bound, const struct batch *native, uint64_t started, int64_t read_us, bool full, struct error *err);
/* Links and records of the batch's rows, and which of them are being written at their system. */
int apply_load(struct work *work, struct error *err);

/* Findings that a person has decided, or wants to be tried again; and rows whose record has come since they were asked about. */
struct decision {
	int64_t id;
	uint32_t object;
	char *text;   /* NULL: a retry */
	bool matched; /* nobody decided anything: a record has come that its row matches */
	bool quiet;   /* it was told before, and is tried since another record may have given up its value */
	struct work_claims claims;
	struct decision *next;
};
/* Carries one out, in a transaction. */
int apply_decision(struct work *work, const struct decision *decision, struct error *err);
/*
 * exchange.c: rows that change a unique field and were refused, once every other row was looked at: those that pass values on among
 * each other are let through together, and what is left is told.
 */
int apply_exchanges(struct work *work, struct decision *first, struct error *err);

/* unsure.c: what was seen of an object while it was being written is read again. */
int apply_unsure(struct work *work, struct bound *bound, struct error *err);

/* apply_bulk.c: may this binding be loaded without looking for what is there; and doing so with all that is staged. */
int apply_is_bulk(struct work *work, struct bound *bound, bool *ret_bulk, struct error *err);
int apply_bulk(struct work *work, struct bound *bound, const char *what, struct error *err);

/* rewrite.c: when a target's rules of writing changed, everything that is linked there is wanted anew. */
int apply_rewritten(struct work *work, struct bound *bound, struct error *err);

#endif
