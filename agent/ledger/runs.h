/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runs.h: runs, flags and plans.
 */
#ifndef LEDGER_RUNS_H
#define LEDGER_RUNS_H

#include "batch/batch.h"
#include "ledger/ledger.h"

/* What a run counts; the names stand in tables, JSON and the manual. */
#define LEDGER_COUNTS(X)                                                                                                          \
	X(READ, "read", "rows read")                                                                                                \
	X(UNCHANGED, "unchanged", "rows that were as before")                                                                       \
	X(REJECTED, "rejected", "rows that failed their rules")                                                                     \
	X(OTHER_UNITS, "other-units", "rows of units that are off")                                                                 \
	X(FOREIGN, "foreign", "rows of a tenant that is not ours")                                                                  \
	X(CREATED, "created", "records created")                                                                                    \
	X(CHANGED, "changed", "records changed")                                                                                    \
	X(CLEARED, "cleared", "values set to null")                                                                                 \
	X(DELETED, "deleted", "records deleted")                                                                                    \
	X(LINKED, "linked", "native records linked to known ones")                                                                  \
	X(ABSORBED, "absorbed", "own writes seen again")                                                                            \
	X(EDITS, "edits", "changes by a system that does not own the value")                                                        \
	X(INDETERMINATE, "indeterminate", "rows read while they were being written, and rows older than what is known")             \
	X(ODD_STAMPS, "odd-stamps", "times of change that are none, or still to come")                                              \
	X(REVIEWS, "reviews", "rows that a person decides about")                                                                   \
	X(CONFLICTS, "conflicts", "values changed on both sides")                                                                   \
	X(HELD, "held", "rows held by configuration or a lock")                                                                     \
	X(IGNORED, "ignored", "rows left alone by configuration")                                                                   \
	X(WAITING, "waiting", "rows that wait for a parent")                                                                        \
	X(MISSING, "missing", "rows that a full read no longer showed")                                                             \
	X(SENT_CREATES, "sent-creates", "records created at targets")                                                               \
	X(SENT_UPDATES, "sent-updates", "records updated at targets")                                                               \
	X(SENT_DELETES, "sent-deletes", "records deleted or deactivated at targets")                                                \
	X(NOT_NEEDED, "not-needed", "deliveries whose target showed the values already")                                            \
	X(OUT_OF_SCOPE, "out-of-scope", "records that are not meant for a target")                                                  \
	X(RETRIED, "retried", "deliveries to be tried again")                                                                       \
	X(UNCERTAIN, "uncertain", "deliveries whose answer was lost")                                                               \
	X(DEAD, "dead", "deliveries given up")                                                                                      \
	X(PARKED, "parked", "deliveries that wait for credentials or rights")                                                       \
	X(HANDED_OVER, "handed-over", "records written to files, to be confirmed by reading")                                        \
	X(RESTORED, "restored", "deleted records that a rollback brought back")                                                     \
	X(LEFT, "left", "fields and records that a rollback does not take back")
enum ledger_count {
#define X(id, name, text) LEDGER_COUNT_##id,
	LEDGER_COUNTS(X)
#undef X
	LEDGER_COUNT_COUNT
};
const char *ledger_count_name(enum ledger_count count);
const char *ledger_count_text(enum ledger_count count);

#define LEDGER_RUN_STATES(X)                                                                                                      \
	X(RUNNING, "running")                                                                                                       \
	X(DONE, "done")                                                                                                             \
	X(FINDINGS, "findings") /* done, and something waits for a person */                                                        \
	X(HELD, "held")                                                                                                             \
	X(FAILED, "failed")                                                                                                         \
	X(STOPPED, "stopped") /* by a person or the end of the process */
enum ledger_run_state {
#define X(id, name) LEDGER_RUN_##id,
	LEDGER_RUN_STATES(X)
#undef X
	LEDGER_RUN_STATE_COUNT
};
const char *ledger_run_state_name(enum ledger_run_state state);

struct ledger_run {
	int64_t number;
	uint32_t flow, unit;
	const char *cause; /* "manual", "schedule", "file", "webhook", "retry", "after", "again", "reload", "apply 3f2a…", "rollback 17" */
	const char *who;
	uint8_t state;
	int64_t started_us, ended_us;
	uint32_t version; /* effective */
	int64_t plan;     /* that it made or applied; 0: none */
	uint64_t counts[LEDGER_COUNT_COUNT];
	const char *message; /* how it ended, a sentence; or NULL */
};
/*
 * Its own transaction: the number is durable when it returns.  Who begins one holds the lease of (flow, unit), so that an earlier one
 * that still counts as running is over and could not say so: it becomes STOPPED, as those of this engine's predecessors do when an
 * engine opens.
 */
int ledger_run_begin(struct ledger *ledger, uint32_t flow, uint32_t unit, const char *cause, int64_t *ret_number, int64_t *ret_started_us,
                     struct error *err); /* ret_started_us may be NULL */
/* In a transaction: what it counted so far, and its version. */
int ledger_run_keep(struct ledger *ledger, const struct ledger_run *run, struct error *err);
int ledger_run_end(struct ledger *ledger, const struct ledger_run *run, struct error *err);
int ledger_runs(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t max, int (*each)(void *data, const struct ledger_run *row), void *data,
                struct error *err); /* newest first; 0: any */
int ledger_run_get(struct ledger *ledger, int64_t number, struct arena *arena, struct ledger_run *ret_run, bool *ret_found, struct error *err);

/* 32 hex digits that this run alone has, of all ledgers: the correlation id of what it logs and asks.  From its number and when it began. */
#define LEDGER_TRACE 32
void ledger_run_trace(const struct ledger *ledger, const struct ledger_run *run, char ret_trace[LEDGER_TRACE + 1]);

/* Flags, per flow, unit and target (0: the whole flow). */
#define LEDGER_FLAGS(X)                                                                                                           \
	X(OFF, "off", "nothing is read")                                                                                            \
	X(PREVIEW, "preview", "read and compared, never written")                                                                   \
	X(CANARY, "canary", "written for a part of the records")                                                                    \
	X(ON, "on", "read and written")                                                                                             \
	X(PAUSED, "paused", "read and staged, nothing is written")
enum ledger_flag_mode {
#define X(id, name, text) LEDGER_FLAG_##id,
	LEDGER_FLAGS(X)
#undef X
	LEDGER_FLAG_MODE_COUNT
};
const char *ledger_flag_name(enum ledger_flag_mode mode);
struct ledger_flag {
	uint32_t flow, unit;
	uint32_t binding; /* a target; 0: the flow */
	uint8_t mode;
	uint32_t percent; /* CANARY */
	const char *who, *why;
	int64_t since_us;
};
/* Each change is kept, with who, when and why. */
int ledger_flag_set(struct ledger *ledger, const struct ledger_flag *flag, struct error *err);
/* What holds: a target's own flag, as far as it goes below the flow's; OFF when never set. */
int ledger_flag_get(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t binding, struct ledger_flag *ret_flag, struct error *err);
int ledger_flags(struct ledger *ledger, uint32_t flow, bool former, int (*each)(void *data, const struct ledger_flag *row), void *data,
                 struct error *err); /* former: all changes, newest first */

#define LEDGER_STOP_RULE "stop rule" /* who paused a target by itself */

/*
 * Stop rules: so many more deliveries to a target for a unit came to an end, and how many of the last `last` failed; ret_of: of so many, as there
 * may have been fewer.  In the caller's transaction.
 */
int ledger_outcomes(struct ledger *ledger, uint32_t binding, uint32_t unit, uint32_t good, uint32_t failed, int64_t last, int64_t *ret_failed,
                    int64_t *ret_of, struct error *err);
int ledger_outcomes_forget(struct ledger *ledger, uint32_t binding, uint32_t unit, struct error *err); /* from here on anew */

/* Plans: what a run would do, item by item, with one hash over all. */
#define LEDGER_PLAN_STATES(X)                                                                                                     \
	X(OPEN, "open", "it waits to be applied or dropped")                                                                        \
	X(APPLIED, "applied", "a person applied it")                                                                                \
	X(REPLACED, "replaced", "a newer plan of the same flow and unit took its place")                                            \
	X(DROPPED, "dropped", "a person dropped it")                                                                                \
	X(OVERTAKEN, "overtaken", "a later run did all that was to be done")
enum ledger_plan_state {
#define X(id, name, text) LEDGER_PLAN_##id,
	LEDGER_PLAN_STATES(X)
#undef X
	LEDGER_PLAN_STATE_COUNT
};
const char *ledger_plan_state_name(enum ledger_plan_state state);
struct ledger_plan {
	int64_t number;
	uint32_t flow, unit;
	int64_t run;         /* that made it */
	uint8_t state;       /* LEDGER_PLAN_* */
	uint32_t version;    /* effective */
	uint8_t hash[16];    /* over all items */
	const char *reason;  /* which guard held it, a sentence; or "preview", "first full run" */
	int64_t made_us, ended_us;
	int64_t staged_from, staged_to; /* the staged batches that it is about */
	bool bulk;           /* a large first load: items are counted, and only the first listed */
	uint64_t counts[LEDGER_COUNT_COUNT];
	uint64_t items;
	const char *who, *why;          /* of its end; why: of a DROPPED one */
	int64_t by_run, by_plan;        /* that took its place: OVERTAKEN, REPLACED; else 0 */
	int64_t frozen_us;   /* the time that its rules were given for now */
	int64_t rollback;    /* the run that it takes back; 0: it is no rollback */
};
struct ledger_plan_item {
	uint64_t number;     /* in the plan, from 1 */
	enum ledger_count what; /* CREATED, CHANGED, DELETED, LINKED, REJECTED, REVIEWS, …, SENT_CREATES … */
	uint32_t object;     /* from or to which */
	struct syncline_slice native;
	int64_t record;      /* 0: it doesn't exist yet */
	uint64_t generation; /* that it was computed from */
	const char *before, *after; /* JSON objects, field by field; or NULL */
	const char *note;
	struct syncline_slice version; /* SENT: of the target's record, that the write would expect; empty: not known */
	const uint8_t *payload;        /* SENT: 16 bytes, a hash over what would be sent; NULL: nothing is known of it */
	/* Only in a draft: the delivery that a SENT item is about.  Neither hashed nor stored. */
	struct {
		uint32_t binding;
		int64_t record;
		uint64_t want;
	} mark;
};
/* Items are added while the run's own transaction is to be rolled back: they are kept beside it (a temporary file) and stored by plan_store. */
struct ledger_plan_draft;
struct ledger_plan_draft *ledger_plan_draft_new(struct ledger *ledger, struct error *err);
int ledger_plan_draft_add(struct ledger_plan_draft *draft, const struct ledger_plan_item *item, struct error *err);
uint64_t ledger_plan_draft_count(const struct ledger_plan_draft *draft);
/* Reads it from the beginning; nothing is added any more.  1 with an item, in memory of the draft's until the next; 0 at the end. */
int ledger_plan_draft_rewind(struct ledger_plan_draft *draft, struct error *err);
int ledger_plan_draft_next(struct ledger_plan_draft *draft, struct ledger_plan_item *ret_item, struct error *err);
/* Stores it with its items and hash; open plans of the same (flow, unit), and of a rollback those of the same run, become REPLACED. */
int ledger_plan_store(struct ledger *ledger, struct ledger_plan_draft *draft, struct ledger_plan *plan, struct error *err);
/* All items go; then it is as new. */
int ledger_plan_draft_clear(struct ledger *ledger, struct ledger_plan_draft *draft, struct error *err);
void ledger_plan_draft_free(struct ledger_plan_draft *draft);
int ledger_plan_get(struct ledger *ledger, int64_t number, struct arena *arena, struct ledger_plan *ret_plan, bool *ret_found, struct error *err);
/* The open plan of (flow, unit) that is no rollback; number 0: none. */
int ledger_plan_open(struct ledger *ledger, uint32_t flow, uint32_t unit, struct arena *arena, struct ledger_plan *ret_plan, struct error *err);
int ledger_plan_end(struct ledger *ledger, int64_t number, uint8_t state, struct error *err);
int ledger_plan_drop(struct ledger *ledger, int64_t number, const char *why, struct error *err);
/* A run that may write does what there is to do: the open plan of its (flow, unit) is over, but for rollbacks. */
int ledger_plans_overtake(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t run, struct error *err);
/* Was a plan of this effective version, that is no rollback, ever applied here? */
int ledger_plan_was_applied(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t version, bool *ret_applied, struct error *err);
int ledger_plans(struct ledger *ledger, uint32_t flow, uint32_t unit, bool all, int (*each)(void *data, const struct ledger_plan *row), void *data,
                 struct error *err);
int ledger_plan_items(struct ledger *ledger, int64_t plan, uint64_t after, uint32_t max, int (*each)(void *data, const struct ledger_plan_item *row),
                      void *data, struct error *err);

/*
 * Undone (undone.c): a record that a rollback deleted although the object that it came from still has it.  A row from there that shows
 * another value brings it back; then, and when it lives again otherwise, that is over.
 */
int ledger_undone_set(struct ledger *ledger, int64_t record, uint32_t object, int64_t run, struct error *err);
int ledger_undone(struct ledger *ledger, int64_t record, uint32_t object, bool *ret_undone, struct error *err);
int ledger_undone_end(struct ledger *ledger, int64_t record, struct error *err);

#endif
