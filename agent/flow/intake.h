/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intake.h: a record's way in: read -> stage -> rules -> resolve -> merge -> guards -> history and marks for delivery.
 *
 * One (flow, unit) at a time, in the thread that owns the engine.  Everything it does is in the ledger: killed anywhere, it
 * goes on where the last commit left it.
 */
#ifndef FLOW_INTAKE_H
#define FLOW_INTAKE_H

#include "flow/engine.h"
#include "ledger/records.h"
#include "ledger/runs.h"
#include "ledger/staging.h"

/* Native records that match the same record of ours, by hashes of their ids: what a dry pass found (twins.c). */
struct intake_twins {
	uint8_t (*hashes)[16]; /* hash table; all 0: nothing there */
	uint32_t count, room;
};
struct intake {
	struct engine *engine;
	const struct config_flow *flow;
	const struct config_unit *unit; /* NULL: the house */
	uint32_t flow_id, unit_id;
	struct ledger_run *run;         /* its counts are raised here */
	int64_t run_time_us;
	bool full;                      /* read everything, whatever the positions say */
	const bool *reads;              /* of the flow's bindings, in its order: those that are read now; NULL: all */
	struct intake_twins twins;      /* freed by intake_forget() */
	struct error unread;            /* why nothing could be read for this unit alone; code ERROR_NONE: it could */
};

void intake_forget(struct intake *intake);

/* Does an object tell what changed since the last read, rather than everything again and again? */
bool intake_reads_changes(const struct config_object *object, const struct syncline_capabilities *can);

/*
 * READING (read_turns.c, read.c).  Every binding that reads, different systems at the same time: rows are sorted to units, held against their links, and what
 * is not known to be unchanged is staged, together with the position.  `units` are the units that take part (ids by
 * ledger_unit_id); an object that several of them share is read once.  A unit whose flag is off is counted and dropped.
 * One system that can't be read doesn't keep the others from being read: its error is told with engine_say and kept in
 * ret_failed (the first one); -1 is for what ends the run.
 */
int intake_read(struct intake *const *units, uint32_t count, bool *ret_failed, struct error *ret_first, struct error *err);

/*
 * APPLYING (apply.c).  Staged batches, rows to be retried, rows whose parent has come, decisions of people, and what full reads
 * missed.  DRY does the same in one transaction that is rolled back, unless it may be kept: it counts per binding and drafts the
 * plan.
 */
enum intake_mode { INTAKE_DRY, INTAKE_REAL };
struct intake_binding_counts {
	const struct config_binding *binding;
	uint64_t links;   /* live ones before */
	uint64_t creates, updates, cleared, deletes, missing; /* of golden records by a source, of marks at a target */
};
struct intake_result {
	struct intake_binding_counts *bindings; /* of the flow, in its order; freed by intake_result_free */
	uint32_t binding_count;
	uint64_t counts[LEDGER_COUNT_COUNT];
	uint64_t rows;   /* staged rows that were looked at */
	bool bulk;       /* DRY: it would be a first load; items are a sample */
	bool kept;       /* DRY: it was done, not only compared (may_keep) */
	bool skipped;    /* DRY: a first load was not gone through (may_skip): what it would do is not counted */
	int64_t staged_to; /* the last staged batch that was looked at, in any object; 0: none */
};
struct intake_apply_options {
	enum intake_mode mode;
	struct ledger_plan_draft *draft; /* DRY: takes the items; may be NULL */
	int64_t staged_to;               /* no staged batch above this, 0: all that is there */
	/*
	 * DRY: asked in its transaction when all is compared; -1 ends it with err.  With 1 what was done is committed, if it is all that
	 * REAL would do: then `kept` is set and the run's counts are raised as by REAL.  A first load, and rows that have to be read
	 * again, need REAL.  NULL: nothing is ever kept.
	 */
	int (*may_keep)(void *data, const struct intake_result *dry, struct error *err);
	void *may_keep_data;
	bool may_skip; /* DRY: a first load that no guard can hold need not be gone through */
	/* REAL, of a plan: rows that it must leave alone (stale entries).  NULL: none. */
	bool (*leave)(void *data, uint32_t object, struct syncline_slice native);
	void *leave_data;
};
int intake_apply(struct intake *intake, const struct intake_apply_options *options, struct intake_result *ret_result, struct error *err);
void intake_result_free(struct intake_result *result);

/*
 * ROLLBACK (rollback.c).  Takes back what a run of this flow and unit did to its records, as far as nothing happened to them since:
 * in one transaction, which DRY takes back.  ERROR_ROLLBACK_NOTHING, ERROR_ROLLBACK_PRUNED: nothing was done.
 */
struct intake_rollback {
	enum intake_mode mode;
	const struct ledger_run *run;    /* that is taken back */
	struct ledger_plan_draft *draft; /* takes the items; may be NULL */
	/* Both in the transaction, when all is done (may be NULL).  DRY: looks at it; REAL: what is to be durable with it. */
	int (*done)(void *data, const struct intake_result *result, struct error *err);
	/* Records that it must leave alone (stale entries of a plan).  NULL: none. */
	bool (*leave)(void *data, int64_t record);
	void *data;
};
int intake_rollback(struct intake *intake, const struct intake_rollback *options, struct intake_result *ret_result, struct error *err);
/* Whether there is anything to be looked at, by the same errors. */
int intake_rollback_check(struct ledger *ledger, const struct ledger_run *run, struct error *err);

/*
 * GUARDS (guards.c).  1 when the run may write; 0 when it is held, with the sentence why in ret_why: the first full run of
 * (flow, unit) whose version no plan was applied for, a change of rules, owners, lookups or matches since, or a limit exceeded.
 */
int intake_guard(struct intake *intake, const struct intake_result *dry, struct buffer *ret_why, struct error *err);
/* Can no guard hold it, however many records it creates at these targets?  Of a version whose plan was applied, where nothing is linked yet. */
int intake_guard_is_open(struct intake *intake, const struct intake_result *dry, const struct config_binding *const *targets, uint32_t count,
                         bool *ret_open, struct error *err);

/*
 * OBSERVING (apply.c).  Native rows that delivering had to read (a guard that reads again, a create that was found): they are
 * resolved and merged now, in a transaction of their own, as if a read that began at `sequence` had brought them.  `bound` is
 * the binding that reads the object, which may be the one that writes it.
 */
int intake_observe(struct intake *intake, struct bound *bound, const struct batch *rows, uint64_t sequence, struct error *err);
/* The binding of the flow (or of another flow over the same entity and unit) that reads this object; NULL: none. */
struct bound *intake_reader_of(struct engine *engine, const struct config_entity *entity, const struct config_object *object,
                               const struct config_unit *unit);

/*
 * What a link's vectors become after a confirmed write (confirm.c), used by agent/deliver in the transaction of the confirm.
 * `sent`: the golden record's words at the attempt's generation.  `stored`: the record as the target stored it, in the payload's
 * fields; NULL: not known.
 */
struct intake_confirmation {
	int64_t record;
	struct bound *bound;
	uint64_t generation;
	uint8_t op;             /* SYNCLINE_OP_CREATE, UPDATE, DELETE */
	bool deactivate;
	struct syncline_slice native;   /* as the system said; empty: the link's own */
	struct syncline_slice version;
	const uint64_t *sent;
	const uint64_t *golden; /* all words of the record at that generation, where they are at hand; else NULL */
	int64_t link;           /* that was written to, where there was one and it is at hand; else 0 */
	const struct syncline_record *stored;
	const struct batch *payload;    /* whose fields `stored` has */
	bool adopted;           /* found, not answered */
	bool read_back;         /* `stored` is what the target's own data shows of the payload, which is of this record alone */
	const char *note;       /* for history; or NULL */
};
/* Links, vectors, history, and marks for whatever depends on link() and url(); the attempt is the caller's to close. */
int intake_confirm(struct intake *intake, const struct intake_confirmation *items, uint32_t count, struct error *err);

/*
 * GONE (gone.c).  What it means that a native record is not there any more, whoever notices it: by whether records come from there,
 * and what the binding says.  `entity` is that of the links at the binding's object.  ret_source: at their source; else at a target.
 */
enum intake_gone {
	INTAKE_GONE_ASK,    /* a person decides */
	INTAKE_GONE_DELETE, /* the record is deleted with it */
	INTAKE_GONE_LEAVE,  /* this link ends, and that is all */
	INTAKE_GONE_AGAIN,  /* it is created there again, under another native id */
	INTAKE_GONE_UNLINK, /* the link ends, and the record is never written there again by itself */
};
enum intake_gone intake_gone_means(const struct config_binding *binding, const struct config_entity *entity, bool *ret_source);
/*
 * Nobody decides any more about what a native record showed that is gone, or that has no place any more: what is open about it ends,
 * with `why` for those who look at it afterwards (NULL: it speaks for itself).  In the caller's transaction.
 */
int intake_end_questions(struct intake *intake, uint32_t object, struct syncline_slice native, const char *why, struct error *err);

#endif
