/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliveries.h: marks that a target lacks something, and the attempts at them.
 *
 *     pending ──claim──> sending ──┬─ committed ──> gone, or pending again when more is wanted by now
 *        ▲  ▲                      ├─ certainly not applied ──> pending (later), parked, dead
 *        │  └── parent linked      └─ anything else, a restart too ──> uncertain ──resolved──> one of the above
 *        └───── waiting, parked, held: with a reason          handed over: until the target shows it
 *
 * A mark is one row per (binding, record); wanting more raises `want`.  An attempt covers up to a batch of records; it is
 * durable before anything is sent and never changes: key, payload (exact bytes), generations, vectors.  Its results stay per
 * item.  For a record whose attempt is open nothing else is claimed: order per record.
 */
#ifndef LEDGER_DELIVERIES_H
#define LEDGER_DELIVERIES_H

#include "batch/batch.h"
#include "ledger/ledger.h"

#define LEDGER_DELIVERY_STATES(X)                                                                                                 \
	X(PENDING, "pending", "to be sent")                                                                                         \
	X(SENDING, "sending", "sent, the answer is awaited")                                                                        \
	X(UNCERTAIN, "uncertain", "sent, and nobody knows: it is being found out")                                                  \
	X(HANDED_OVER, "handed-over", "written to a file; the target's next read confirms it")                                      \
	X(WAITING, "waiting", "a parent is missing at the target")                                                                  \
	X(PARKED, "parked", "the system refused us; its credentials or rights need a person")                                       \
	X(HELD, "held", "a plan waits to be applied, or the flow is paused")                                                        \
	X(DEAD, "dead", "given up; waits for a person")
enum ledger_delivery_state {
#define X(id, name, text) LEDGER_DELIVERY_##id,
	LEDGER_DELIVERY_STATES(X)
#undef X
	LEDGER_DELIVERY_STATE_COUNT
};
const char *ledger_delivery_state_name(enum ledger_delivery_state state);

/* What is wanted.  Whether WRITE is a create or an update, the link at the target says when it is claimed. */
#define LEDGER_WANT_WRITE 1u
#define LEDGER_WANT_DELETE 2u     /* remove it at the target */
#define LEDGER_WANT_DEACTIVATE 3u /* deletes.do = "deactivate": write deletes.set */

struct ledger_delivery {
	uint32_t binding, unit;
	int64_t record;
	uint64_t want;      /* golden generation */
	uint8_t op;         /* LEDGER_WANT_* */
	uint8_t state;      /* enum ledger_delivery_state */
	bool backfill;      /* after what is live */
	uint32_t tries;     /* attempts that failed */
	int64_t run;        /* that wanted it first */
	int64_t since_us;   /* when it was wanted first */
	int64_t due_us;     /* not before */
	const char *cause;  /* an error's name, or NULL */
	const char *reason; /* a sentence, or NULL */
	int64_t parent;     /* WAITING: the record that is missed at the target; 0: not known */
	bool again;         /* ledger_deliver: what is wanted is wanted once more */
};

/*
 * Raises `want` (or makes the mark, in `state`, which is PENDING but for reasons).  A dead, held or waiting one becomes pending
 * again, since something has changed; a parked one stays parked, a pending one keeps its back-off.  What is open stays open and
 * is pending again once it is decided, when more is wanted than was claimed.
 *
 * With `again` something that a write of the record is made of came to be (a link, a value of the record that it refers to), and
 * the record is what it was: what was claimed before, and is open or claimed just now, is wanted once more.  What is wanted stays
 * what it is, and where it is no write, nothing happens.
 */
int ledger_deliver(struct ledger *ledger, const struct ledger_delivery *deliveries, uint32_t count, struct error *err);
/* No longer needed (the record was deleted and never attempted, out of scope): drops what is not being sent, uncertain or handed over. */
int ledger_delivery_drop(struct ledger *ledger, uint32_t binding, int64_t record, struct error *err);
int ledger_delivery_get(struct ledger *ledger, uint32_t binding, int64_t record, struct arena *arena, struct ledger_delivery *ret_delivery,
                        bool *ret_found, struct error *err);
/*
 * Puts one into WAITING, HELD, PARKED, DEAD or back to PENDING, outside of an attempt: state, due_us, tries, parent, cause and
 * reason become these; `want` is never lowered, and op 0 leaves the operation.  ERROR_LEDGER_ATTEMPT when it is open.
 */
int ledger_delivery_set(struct ledger *ledger, const struct ledger_delivery *delivery, struct error *err);

/*
 * What is due now for (binding, unit): live before backfill, lowest record first, none that is being sent or uncertain.  Reads
 * marks and spans alike and changes nothing.  ret_next_us: when the next one will be due (now: there may be more; INT64_MAX:
 * none is left).  Of more than `max` whose back-off is over, those that have been due longest are taken.
 */
struct ledger_due {
	int64_t record;
	uint64_t want;
	uint8_t op;
	bool span; /* from a span: it has no row of its own */
	uint32_t tries;
	int64_t since_us;
	uint32_t again; /* for its item */
};
int ledger_due(struct ledger *ledger, uint32_t binding, uint32_t unit, struct ledger_due *ret_due, uint32_t max, uint32_t *ret_count,
               int64_t *ret_next_us, struct error *err);
/* In a transaction: is it still due as it was told?  False: another run wants something else of it by now, or ended it; ask anew. */
int ledger_due_holds(struct ledger *ledger, uint32_t binding, const struct ledger_due *due, bool *ret_holds, struct error *err);

/*
 * Outside of a transaction, before anything asks what is due: when the clock was set back since something was put off, all that waits for a
 * later time is due now, and how long answers have been lost counts from now on.  ret_back_us: by how much at least; 0: it was not.
 */
int ledger_follow_clock(struct ledger *ledger, int64_t *ret_back_us, struct error *err);
/*
 * Outside of a transaction, after ledger_now() said `now_us` and before an age of what is uncertain is reckoned from that: when the clock was
 * set forward, answers were lost by as much later.
 */
int ledger_follow_jump(struct ledger *ledger, int64_t now_us, struct error *err);

struct ledger_attempt_item {
	int64_t record;
	uint64_t generation; /* of the golden record that the payload was made of */
	uint8_t op;          /* SYNCLINE_OP_CREATE, UPDATE, DELETE */
	bool span;
	bool deactivate;     /* an UPDATE that carries out LEDGER_WANT_DEACTIVATE */
	uint32_t again;      /* of the mark (ledger_due), as it was when the payload was made */
};
struct ledger_attempt {
	int64_t id;
	uint32_t binding, unit;
	int64_t run;
	uint32_t count;
	const struct ledger_attempt_item *items;
	const struct batch *payload; /* a record an item, in order: operation, native id, expected version, key (note), values */
	struct syncline_slice packed; /* the payload, compressed ahead (pack.h); empty: it was not */
	const uint64_t *vectors;     /* count * words: what the link's `sent` will be once the item is confirmed */
	uint32_t words;
	int64_t claimed_us;
	/* The same for one item: who reads them back gets these. */
};
/*
 * Makes it durable with the commit; its marks are SENDING, its part of a span is taken out of it.  Sets attempt->id.  An item's
 * `span` says where to look first.  ERROR_LEDGER_ATTEMPT when one of them isn't pending: roll back and ask anew what is due.
 */
int ledger_attempt_open(struct ledger *ledger, struct ledger_attempt *attempt, struct error *err);

enum ledger_outcome_kind {
	LEDGER_CONFIRMED,   /* durable at the target: the mark goes, or is pending again when `want` is above the generation */
	LEDGER_AGAIN,       /* certainly not applied: pending, not before due_us */
	LEDGER_UNSURE,      /* uncertain: looked at again at due_us */
	LEDGER_HANDED,      /* written to a file; due_us: when it should have been seen */
	LEDGER_PARK,
	LEDGER_WAIT,        /* for `parent` */
	LEDGER_GIVE_UP,     /* dead; its dead letter is made by ledger_find(LEDGER_FINDING_DEAD) */
	LEDGER_DROP,        /* no longer wanted */
	/* With WAIT, GIVE_UP and DROP too, a mark of which more is wanted by now (a generation above, another operation) is pending again. */
};
struct ledger_outcome {
	uint32_t index; /* in the attempt */
	enum ledger_outcome_kind kind;
	int64_t due_us;
	int64_t parent;
	const char *cause, *reason;
	bool failed; /* counts as a try */
	bool repeated; /* UNSURE: it was sent once more since, and that answer was lost as well: lost_us is now */
};
/*
 * For every item once, in one or several transactions; UNSURE and HANDED may be followed by another one.  When all are decided
 * the attempt goes.  ERROR_LEDGER_ATTEMPT when one was decided before.
 */
int ledger_attempt_close(struct ledger *ledger, int64_t attempt, const struct ledger_outcome *outcomes, uint32_t count, struct error *err);
/*
 * What is still sending for (binding, unit) though nobody sends: its answer came and could not be kept, for the ledger or memory
 * failed.  It becomes uncertain, as it does when an engine opens.  For who holds the lease.  Makes its own transaction.
 */
int ledger_attempts_left(struct ledger *ledger, uint32_t binding, uint32_t unit, struct error *err);
/*
 * A target that publishes what was written only when a run ends owes it from the first attempt of a run, in that one's transaction, until
 * it was published.  What a binding owes for a unit outlives the run, and the process.
 */
int ledger_unpublished_set(struct ledger *ledger, uint32_t binding, uint32_t unit, bool unpublished, struct error *err);
int ledger_unpublished(struct ledger *ledger, uint32_t binding, uint32_t unit, bool *ret_unpublished, struct error *err);

/*
 * Uncertain items (or those handed over) whose due_us has come, those that have been due longest first, with the attempt that
 * they belong to.  Whoever looks in vain says UNSURE (or HANDED) once more, with a later due_us.
 */
struct ledger_uncertain {
	int64_t attempt;
	uint32_t index;
	struct ledger_attempt_item item;
	uint32_t looks;       /* how often it was looked at */
	uint64_t want;        /* by now */
	int64_t claimed_us;   /* before it was sent: when its key was made */
	int64_t lost_us;      /* when its answer was lost, at the latest; of one that is being sent: now */
	const uint64_t *vector;
	uint32_t words;
	struct batch *payload; /* of one record, the bytes as they were sent; the caller's to free */
};
int ledger_uncertain(struct ledger *ledger, uint32_t binding, uint32_t unit, bool handed_over, struct arena *arena,
                     struct ledger_uncertain *ret_items, uint32_t max, uint32_t *ret_count, int64_t *ret_next_us, struct error *err);
/*
 * Items of an attempt that are uncertain are about to be sent once more, and until_us is the latest that this may last: until it is
 * told (UNSURE with `repeated`), their lost_us is that.  A process that ends meanwhile leaves a request behind.  In a transaction.
 */
int ledger_uncertain_repeat(struct ledger *ledger, int64_t attempt, const uint32_t *items, uint32_t count, int64_t until_us, struct error *err);
/* The open create of a record at a binding's object (its answer may still be awaited), for an inbound record that may be it.  attempt 0: none. */
int ledger_uncertain_of(struct ledger *ledger, uint32_t binding, int64_t record, struct arena *arena, struct ledger_uncertain *ret_item,
                        struct error *err);
/* The update of a record that was handed over to an object's file, in any flow, and is not decided.  attempt 0: none. */
int ledger_handed_update_of(struct ledger *ledger, uint32_t object, int64_t record, struct arena *arena, struct ledger_uncertain *ret_item,
                            struct error *err);
/*
 * Which of these records have an open attempt at an object, in any flow?  0: none; SENT: it is being sent, or uncertain: what is
 * read now may be the old state or the new one; HANDED: it stands in a file, and what is read says whether it was taken.
 */
#define LEDGER_OPEN_SENT 1u
#define LEDGER_OPEN_HANDED 2u
int ledger_open_attempts(struct ledger *ledger, uint32_t object, const int64_t *records, uint32_t count, uint8_t *ret_open, struct error *err);
/* Is there any open attempt at an object?  Where there is none, no record needs to be asked for. */
int ledger_any_attempt(struct ledger *ledger, uint32_t object, bool *ret_any, struct error *err);
/* How many creates at an object are open (sending, uncertain, handed over); for the hot path of inbound creates. */
int ledger_uncertain_creates(struct ledger *ledger, uint32_t object, uint64_t *ret_count, struct error *err);

/* A parent was linked at the target: what waited for it is pending, in every binding of the system of `binding` (0: of any). */
int ledger_deliveries_wake(struct ledger *ledger, uint32_t binding, const int64_t *parents, uint32_t count, struct error *err);
/*
 * Records of the binding's entity that refer to `parent` by this ref field, whichever state they are in, and that are to be deleted
 * at the binding's target, or are being deleted; in the order of records, those above `after`.
 */
struct ledger_leaving {
	int64_t record;
	uint32_t unit; /* of the mark */
	uint8_t state; /* enum ledger_delivery_state */
};
int ledger_deletes_referring(struct ledger *ledger, uint32_t binding, const struct config_entity *entity, const struct config_field *field,
                             int64_t parent, int64_t after, struct ledger_leaving *ret_rows, uint32_t max, uint32_t *ret_count, struct error *err);
/* Deletes of these records that were put off for `cause` are due now, in every binding of the system of `binding`. */
int ledger_deletes_hasten(struct ledger *ledger, uint32_t binding, const int64_t *records, uint32_t count, const char *cause, struct error *err);
/* PARKED or HELD ones of a binding (0: all) and unit (0: all) are pending again. */
int ledger_deliveries_release(struct ledger *ledger, enum ledger_delivery_state state, uint32_t binding, uint32_t unit, uint64_t *ret_count,
                              struct error *err);

/*
 * The version of a binding's rules of writing under which all that is linked was wanted; 0: never.  When it is another one by
 * now, everything that is linked is written anew.
 */
int ledger_written(struct ledger *ledger, uint32_t binding, uint32_t unit, uint32_t *ret_version, struct error *err);
int ledger_written_set(struct ledger *ledger, uint32_t binding, uint32_t unit, uint32_t version, struct error *err);

struct ledger_delivery_counts {
	uint32_t binding, unit;
	uint64_t count[LEDGER_DELIVERY_STATE_COUNT];
	int64_t oldest_us; /* since when the oldest waits; 0: none */
};
int ledger_delivery_counts(struct ledger *ledger, int (*each)(void *data, const struct ledger_delivery_counts *row), void *data, struct error *err);
struct ledger_delivery_filter {
	uint32_t binding, unit; /* 0: any */
	int64_t record;         /* 0: any */
	int64_t after;          /* rows of records behind this one, for going on; spans are not told then */
	uint32_t states;        /* bit 1u << state; 0: any */
	uint32_t max;
};
int ledger_deliveries(struct ledger *ledger, const struct ledger_delivery_filter *filter,
                      int (*each)(void *data, const struct ledger_delivery *row), void *data, struct error *err);

#endif
