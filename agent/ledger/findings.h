/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings.h: what waits for a person.  Six kinds, one shape: each finding has a number that people type, a place in the
 * house (flow, unit, object, native id, record), a cause by which lists are grouped, and an end.  Nothing is thrown away: what
 * ends is kept with who, when and why, for as long as history is, and a finding that comes again raises a counter.
 */
#ifndef LEDGER_FINDINGS_H
#define LEDGER_FINDINGS_H

#include "batch/batch.h"
#include "ledger/ledger.h"

#define LEDGER_FINDINGS(X)                                                                                                        \
	X(REJECT, "reject", "an inbound record that failed its rules")                                                              \
	X(CONFLICT, "conflict", "both sides changed the same field and no policy decides")                                          \
	X(REVIEW, "review", "a situation that only a person decides")                                                               \
	X(FLIP, "flip", "a field that goes back and forth between systems")                                                         \
	X(DEAD, "dead", "a delivery that will not be tried again by itself")
enum ledger_finding_kind {
#define X(id, name, text) LEDGER_FINDING_##id,
	LEDGER_FINDINGS(X)
#undef X
	LEDGER_FINDING_COUNT
};
const char *ledger_finding_name(enum ledger_finding_kind kind);

#define LEDGER_OPEN 0u
#define LEDGER_ENDED 1u    /* settled by itself: the source sent a good row, the sides agree again */
#define LEDGER_DECIDED 2u  /* by a person */
#define LEDGER_ARCHIVED 3u /* put away by a person, with a reason */

/* What a review is about.  The names are those of the situations. */
#define LEDGER_REVIEWS(X)                                                                                                         \
	X(UNLINKED, "unlinked", "one match that is not sure")                                                                       \
	X(UNMATCHED, "unmatched", "no match, and nothing says that it may be created")                                              \
	X(DISPUTED, "disputed", "several matches")                                                                                  \
	X(DELETED, "deleted", "deleted at the source")                                                                              \
	X(MISSING, "missing", "missing at the target")                                                                              \
	X(RESURRECTED, "resurrected", "deleted before, and here again")                                                             \
	X(EDITED, "edited", "a system changed a value that it does not own")                                                        \
	X(OUT_OF_SCOPE, "out-of-scope", "no longer meant for this system")                                                         \
	X(FORGOTTEN, "forgotten", "made by us, and this ledger does not know of what")
enum ledger_review_kind {
#define X(id, name, text) LEDGER_REVIEW_##id,
	LEDGER_REVIEWS(X)
#undef X
	LEDGER_REVIEW_COUNT
};
const char *ledger_review_name(enum ledger_review_kind kind);

struct ledger_finding {
	int64_t id;
	enum ledger_finding_kind kind;
	uint8_t state;               /* LEDGER_OPEN, … */
	uint32_t flow, unit, object; /* object: from which it came, or to which it goes */
	struct syncline_slice native; /* empty: not known */
	int64_t record;              /* 0: none yet */
	int64_t run;                 /* that found it last */
	const char *cause;           /* a stable word to group by: an error's name, a situation's, a field's */
	const char *field;           /* canonical, or NULL */
	const char *message;         /* what is wrong, a sentence */
	const char *hint;            /* the next step */
	const char *rule;            /* as written, or NULL */
	const char *place;           /* "KUNDEN_1.csv:17" or "conf.d/30.conf:12"; or NULL */
	const char *detail;          /* JSON: values, candidates, both sides; or NULL.  Sealed when sensitive */
	const int64_t *candidates;   /* of a review: the records that its native record may be; taken by ledger_find, and never given back */
	uint32_t candidate_count;
	uint8_t raw[16];             /* of the row that it is about; what tells one row's reject from the next one's */
	int64_t first_us, last_us;
	uint64_t seen;               /* how often */
	const char *ended_by, *ended_why;
	int64_t ended_us;
	const char *decision;        /* that a run has yet to carry out, or what was decided; NULL: none */
	int64_t retry_us;            /* not 0: the next run takes its row again */
	bool has_about;              /* to ledger_find: of what both sides show; from it: of what they showed when it was decided */
	uint8_t about[16];
	const char *overtaken;       /* a decision about other values than those by now, with who and why; NULL: none */
};
/*
 * Opens a finding; one that is open already for the same (kind, flow, unit, object, native or record, field) is seen once more
 * and takes the new texts.  With another cause it is another question: what was decided is dropped.  With other values (`about`) what
 * was decided about the former ones is dropped, and told as overtaken.  ret_id may be NULL.
 */
int ledger_find(struct ledger *ledger, const struct ledger_finding *finding, int64_t *ret_id, struct error *err);
/* Ends all open findings of a kind about this native id (or record, when native is empty); `field` NULL: of any field; "": of none. */
int ledger_findings_end(struct ledger *ledger, enum ledger_finding_kind kind, uint32_t flow, uint32_t unit, uint32_t object,
                        struct syncline_slice native, int64_t record, const char *field, struct error *err);
/* The same, with a sentence why: what it asked is no question any more.  NULL: as above. */
int ledger_findings_overtake(struct ledger *ledger, enum ledger_finding_kind kind, uint32_t flow, uint32_t unit, uint32_t object,
                             struct syncline_slice native, int64_t record, const char *field, const char *why, struct error *err);
/*
 * Was the newest reject of this row archived, of the very row as `raw` tells it, with the same cause and field?  Then it stays archived,
 * is seen once more, and nothing is opened.  A good row between them (ledger_findings_end) makes it another one.
 */
int ledger_reject_archived(struct ledger *ledger, const struct ledger_finding *finding, bool *ret_archived, struct error *err);
/* Is there an open one of this very row, with this cause, and a person wants it looked at once more? */
int ledger_reject_retried(struct ledger *ledger, const struct ledger_finding *finding, bool *ret_retried, struct error *err);
/*
 * Ends rejects and reviews of rows that no native record of ours stands for, and that were seen last before that time: a complete
 * read that began then did not show them.  Those that wait for a parent meanwhile stay.
 */
int ledger_findings_end_unseen(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, int64_t before_us, struct error *err);
/* Ends one by its number, because what it was about is good again.  Nothing happens when it has ended already. */
int ledger_finding_settle(struct ledger *ledger, int64_t id, struct error *err);
/* A person's end: LEDGER_DECIDED or LEDGER_ARCHIVED. */
int ledger_finding_close(struct ledger *ledger, int64_t id, uint8_t state, const char *why, struct error *err);
struct ledger_finding_filter {
	enum ledger_finding_kind kind;
	uint32_t flow, unit, object; /* 0: any */
	const char *cause;           /* NULL: any */
	int64_t record;              /* 0: any */
	bool all;                    /* ended ones too */
	bool undecided;              /* only those that neither a decision nor a retry is on its way for */
	int64_t after;               /* ids above this */
	uint32_t max;                /* 0: all */
};
int ledger_findings(struct ledger *ledger, const struct ledger_finding_filter *filter, int (*each)(void *data, const struct ledger_finding *row),
                    void *data, struct error *err);
/* By cause: how many are open. */
int ledger_findings_by_cause(struct ledger *ledger, const struct ledger_finding_filter *filter,
                             int (*each)(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count,
                                         int64_t oldest_us, const char *example), void *data, struct error *err);
int ledger_finding_get(struct ledger *ledger, int64_t id, struct arena *arena, struct ledger_finding *ret_finding, struct error *err);
/* Flows and units that have findings which the next run carries out: decided, or to be tried again. */
int ledger_findings_answered(struct ledger *ledger, int (*each)(void *data, uint32_t flow, uint32_t unit), void *data, struct error *err);
/* Is there an open finding of this kind about the record (object 0, field NULL: any; field "": of none)? */
int ledger_finding_open(struct ledger *ledger, enum ledger_finding_kind kind, int64_t record, uint32_t object, const char *field, bool *ret_open,
                        struct error *err);
/* Is a person asked in (object, unit) whether a native record there is this one of ours? */
int ledger_review_asks(struct ledger *ledger, uint32_t object, uint32_t unit, int64_t record, bool *ret_asks, struct error *err);
/* The same of many: ret_asks has one byte a record.  Records that ascend and stand close together cost one search. */
int ledger_reviews_ask(struct ledger *ledger, uint32_t object, uint32_t unit, const int64_t *records, uint32_t count, uint8_t *ret_asks,
                       struct error *err);
/* Is a person asked whether this record is another native record than `native` there?  Since that time; 0: since ever. */
int ledger_review_asks_another(struct ledger *ledger, uint32_t object, uint32_t unit, int64_t record, struct syncline_slice native, int64_t since_us,
                               bool *ret_asks, struct error *err);
/* Is a person asked in (object, unit) about what was made by us and is not known any more? */
int ledger_review_forgotten(struct ledger *ledger, uint32_t object, uint32_t unit, bool *ret_asks, struct error *err);
/*
 * Did a person decide "ignore" about this very row, as `raw` tells it, or archive a review of it with this cause?  Then nobody is
 * asked that again until the row changes; about one that was forgotten ("forgotten") never.
 */
int ledger_review_ignored(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, const uint8_t raw[16],
                          const char *cause, bool *ret_ignored, struct error *err);
/* Was the newest finding about this field of a native record archived?  ret_same: and about the row as `raw` tells it. */
int ledger_finding_archived(struct ledger *ledger, enum ledger_finding_kind kind, uint32_t flow, uint32_t unit, uint32_t object,
                            struct syncline_slice native, const char *field, const uint8_t raw[16], bool *ret_archived, bool *ret_same,
                            struct error *err);

/*
 * The raw row of a reject or an undecided inbound record, kept with its finding so that a retry needs no new read: a batch of
 * one record.  Retried rows come back to the flow as if just read.
 */
int ledger_finding_row(struct ledger *ledger, int64_t finding, const struct batch *row, struct error *err);
/* NULL in ret_row: none was kept. */
int ledger_finding_row_get(struct ledger *ledger, int64_t finding, struct batch **ret_row, struct error *err);
/* Marks findings so that the next run of their flow takes their rows again; and those that are marked, in order of dependence. */
int ledger_finding_retry(struct ledger *ledger, int64_t finding, struct error *err);
int ledger_findings_to_retry(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t *ret_ids, uint32_t max, uint32_t *ret_count,
                             struct error *err);
/* What a person decided about a review or conflict, for the next run to do: "link 4711", "create", "keep golden", "take erp". */
int ledger_finding_decide(struct ledger *ledger, int64_t finding, const char *decision, const char *why, struct error *err);
int ledger_decisions(struct ledger *ledger, uint32_t flow, uint32_t unit,
                     int (*each)(void *data, const struct ledger_finding *row, const char *decision), void *data, struct error *err);

/* Corrections: a person's value in the place of a rejected one, as long as the source sends that same value. */
struct ledger_correction {
	int64_t id;
	uint32_t binding, unit;
	struct syncline_slice native;
	const char *field;      /* native field of the object */
	uint8_t raw[16];        /* hash of the source's value of that field */
	const char *value;      /* text; NULL: null */
	const char *who, *why;
	int64_t at_us, ended_us; /* 0: it holds */
	uint64_t applied;        /* how often */
};
int ledger_correction_add(struct ledger *ledger, const struct ledger_correction *correction, int64_t *ret_id, struct error *err);
/* The corrections that hold for these native ids: calls `each` for each.  Cheap when a binding has none. */
int ledger_corrections_for(struct ledger *ledger, uint32_t binding, uint32_t unit, const struct syncline_slice *natives, uint32_t count,
                           int (*each)(void *data, uint32_t index, const struct ledger_correction *row), void *data, struct error *err);
/* It was put in the place of the source's value so many times more. */
int ledger_correction_applied(struct ledger *ledger, int64_t id, uint64_t times, struct error *err);
int ledger_correction_end(struct ledger *ledger, int64_t id, const char *why, struct error *err);
/* One of them, ended or not; texts and the native id in `arena`. */
int ledger_correction_get(struct ledger *ledger, int64_t id, struct arena *arena, struct ledger_correction *ret_correction, struct error *err);
/*
 * A person ended or changed it: its row is looked at again by the next run, whatever is known of it, and read again where changes are
 * told once.  Nothing happens when its binding is configured no more.
 */
int ledger_correction_look(struct ledger *ledger, const struct ledger_correction *correction, struct error *err);
int ledger_corrections(struct ledger *ledger, bool all, int (*each)(void *data, const struct ledger_correction *row), void *data,
                       struct error *err);
/* Of many records: does (binding, unit) have any correction that holds?  Memory of the open ledger; for the hot path. */
bool ledger_has_corrections(struct ledger *ledger, uint32_t binding, uint32_t unit);

/* Locks: a field or a record (field NULL) that nobody but a person changes until `until_us` (0: until unlocked). */
struct ledger_lock {
	int64_t id, record;
	const char *field;
	const char *who, *why;
	int64_t since_us, until_us;
};
int ledger_lock_add(struct ledger *ledger, const struct ledger_lock *lock, int64_t *ret_id, struct error *err);
int ledger_lock_end(struct ledger *ledger, int64_t record, const char *field, const char *why, struct error *err);
/* Those that hold now; record 0: all. */
int ledger_locks(struct ledger *ledger, int64_t record, int (*each)(void *data, const struct ledger_lock *row), void *data, struct error *err);
/* Whether the field or its whole record is locked, or was at any time.  Looks through all locks there ever were. */
int ledger_was_locked(struct ledger *ledger, int64_t record, const char *field, bool *ret_was, struct error *err);
bool ledger_has_locks(struct ledger *ledger); /* any at all; memory */
/* What tells the locks of a record that hold now from those that hold at another time; 0: none does. */
int ledger_locks_mark(struct ledger *ledger, int64_t record, int64_t *ret_mark, struct error *err);

/*
 * Flips: what a system showed in place of what we sent, per (record, field, object).  Returns in ret_count how often this very
 * value came back after we had restored ours.
 */
int ledger_flip(struct ledger *ledger, int64_t record, uint32_t field, uint32_t object, uint64_t shown, uint32_t *ret_count, struct error *err);
int ledger_flip_end(struct ledger *ledger, int64_t record, uint32_t field, uint32_t object, struct error *err);
/* Edits by non-owners, counted per field and system. */
int ledger_edit_count(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, uint32_t field, uint64_t count, struct error *err);
int ledger_edits(struct ledger *ledger, uint32_t flow,
                 int (*each)(void *data, uint32_t unit, uint32_t object, const char *field, uint64_t count, int64_t last_us), void *data,
                 struct error *err);

#endif
