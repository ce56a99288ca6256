/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h: what the files of this folder share.  No other folder includes it.
 *
 *     deliver.c    the outlets of a (flow, unit)
 *     turns.c      which of them has its turn
 *     outlet.c     one binding's way out: its connector, what that can do, its guard
 *     gate.c       flags, canaries, what is held and what was parked
 *     stop.c       flags that go to paused by themselves
 *     claim.c      marks that are due -> golden records -> what is to be written
 *     children.c   what is deleted waits for what refers to it
 *     payload.c    write rules -> the exact bytes
 *     aside.c      a claim of plain creates is packed in a thread of its own
 *     preview.c    what would be sent, for a plan
 *     documents.c  content goes ahead of the record that names it
 *     guard.c      has anybody changed it since we looked?
 *     send.c       an attempt is made durable, sent, and its answers are judged (back_off.c)
 *     settle.c     what became of items: one transaction
 *     resolve.c    what nobody knows is found out (compare.c)
 *     readback.c   what was handed over to a file
 */
#ifndef DELIVER_INSIDE_H
#define DELIVER_INSIDE_H

#include "deliver/back_off.h"
#include "deliver/deliver.h"
#include "flow/vector.h"
#include "flow/world.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/runs.h"

#define DELIVER_CLAIM_MAX 1000u
#define DELIVER_LANES_MAX 64u
#define DELIVER_SPAN_MAX 5000u
#define DELIVER_FAILURES_MAX 3u /* calls in a row that failed, until a system is left alone for a while */
#define DELIVER_ASIDE_LEAST 500u /* creates that are worth a thread */
#define DELIVER_PARKED_US (INT64_C(3600) * 1000000) /* before a run tries a parked system once more by itself */

/* One system, shared by the bindings that write to it. */
struct deliver_system {
	const struct config_system *system;
	bool parked;           /* it refused us: nothing more in this run */
	bool down;             /* nothing comes of calling it: left to the next run */
	uint32_t failures;     /* calls in a row that failed as a whole */
	struct error last;     /* of these */
	uint32_t throttled;    /* in a row */
	int64_t not_before_us; /* it asked for fewer calls */
};

struct deliver {
	const struct deliver_options *options;
	struct intake *intake;
	struct engine *engine;
	struct ledger *ledger;
	struct deliver_system *systems;
	uint32_t system_count;
	struct outlet *outlets;
	uint32_t outlet_count;
	struct deliver_result *result;
	uint64_t sent;     /* items so far, for progress */
	int64_t next_us;   /* when the next item is due that was not due now; INT64_MAX: none */
	int64_t waited_ms;
	int64_t until_ms;  /* of os_monotonic_ms(): the slice is over then; 0: there is none */
	bool turned;       /* somebody had a turn: no slice is without one */
	struct arena arena;
};

/* Rows that a guard gave to the flow in this run: one that comes again unchanged was understood as far as it ever will be. */
struct observed {
	struct observed_row {
		int64_t record;
		uint8_t raw[16];
		uint32_t times; /* that it was another one */
	} *rows;
	uint32_t count, room; /* room: a power of two */
};

/* One mark that is due, on its way to an attempt. */
enum pick_fate {
	PICK_SEND,
	PICK_LEAVE,  /* as it is: still due */
	PICK_DROP,   /* not wanted */
	PICK_WAIT,   /* for `parent` */
	PICK_HOLD,
	PICK_LATER,  /* at due_us */
	PICK_DEAD,
	PICK_PARK,
	PICK_CONVERT, /* the mark becomes one to deactivate */
	PICK_UNLINK, /* out of scope, or deletes.do = "unlink" */
	PICK_MISSING /* the guard didn't find it */
};
struct pick {
	const struct ledger_due *due;
	const struct ledger_record *record;
	const struct ledger_link *link; /* live, at the object; NULL: none */
	uint8_t op;                     /* SYNCLINE_OP_CREATE, UPDATE, DELETE */
	bool deactivate;
	bool whole;                     /* an update of all that may be written: it was deactivated */
	uint8_t fate;                   /* enum pick_fate */
	uint8_t link_flags;             /* of the link from now on */
	uint8_t count;                  /* enum ledger_count, when it is counted */
	bool counted;
	bool asked;                     /* CREATE: a person is asked whether a record that is there is this one */
	int64_t parent, due_us;
	const char *note;               /* for history, with DROP */
	const struct error *why;        /* DEAD, LATER, HOLD */
	uint32_t in, out;               /* in the golden and the written batch; UINT32_MAX: not there */
	uint64_t *outputs;              /* UPDATE: which of them are sent */
	uint64_t *own;                  /* UPDATE of a whole record: which of them are what the target shows; NULL: none */
	uint32_t there;                 /* its row in what the guard read; UINT32_MAX: it was not read */
	uint64_t *vector;               /* golden words of what may be written */
	uint64_t *golden;               /* all of them */
	struct syncline_slice version;  /* expected at the target */
};

/* What becomes one attempt. */
struct parcel {
	struct outlet *outlet;
	const struct mapping *mapping;
	bool deactivate;
	struct pick **picks;
	uint32_t count;
	uint8_t (*keys)[16];
	struct batch *payload;
	struct ledger_attempt attempt;
};

struct claim {
	struct pick *picks;
	uint32_t count;
	struct parcel parcels[2]; /* writes and deletes; deactivations */
};

/* What became of one item of an attempt. */
struct answer {
	uint32_t index; /* in the attempt */
	const struct ledger_attempt_item *item;
	const uint64_t *vector;
	const struct pick *pick;        /* that it was made of; NULL: it is found out what became of it */
	uint32_t tries;
	int64_t since_us;
	uint8_t verdict;      /* enum deliver_verdict */
	bool adopted;
	bool read_back;       /* CONFIRM: seen at the target, not only answered */
	bool looked;          /* UNSURE: not for the first time */
	bool repeated;        /* UNSURE: it was sent once more */
	int64_t due_us;       /* AGAIN, SLOWER, UNSURE; 0: as the table says */
	struct syncline_slice native, version;
	const struct syncline_record *stored;
	const struct batch *payload;
	const struct error *why;
};

/* One write of a parcel, or of a part of it. */
struct flight {
	struct parcel *parcel;
	uint32_t first, count;             /* of the parcel */
	struct connector *lane;            /* that writes it; NULL: those before it have the connectors */
	struct connector_writing *writing; /* NULL: nothing was sent, or it was heard of */
	struct connector_results *results;
	struct answer *answers;
	bool split;                        /* nothing of it was applied: each half for itself */
};

/* A claim on its way.  What it is made of lives in its arena, which is the outlet's while it is made and sent. */
struct trip {
	struct claim claim;
	struct flight *flights; /* the claim's first parcel in parts, which several connectors write at the same time */
	uint32_t flight_count;
	uint32_t lanes;         /* so many of the outlet's write them by turns */
	struct arena arena;
};

struct outlet {
	struct deliver *deliver;
	struct deliver_system *system;
	struct bound *bound;
	const struct config_binding *binding;
	const struct config_entity *entity;
	const struct syncline_object *object;
	uint32_t id;                        /* of the binding */
	uint32_t object_id;
	const struct config_field *attach;  /* attach_to: the ref whose record is written to; NULL: the record itself */
	const struct config_entity *linked; /* whose link at the object counts */
	struct bound *reader;               /* who reads this entity's records of the object; NULL: nobody, and with attach */
	const char *tenant;                 /* of the unit there, or NULL */
	uint32_t words;                     /* of a vector */
	uint32_t *fields;                   /* the ledger's ids of the entity's fields */
	uint32_t output_count, output_words;
	uint8_t *asks_link;                 /* of each output: it calls link() */
	uint64_t *output_reads;             /* of each output: the canonical fields that it reads, BOUND_WORDS of them */
	struct ledger_flag flag;
	bool may_write;
	bool dead_letters;                  /* there are open ones */
	bool follows;                       /* what is kept now is followed by an attempt, or ledger_sync(): it need not be durable before */
	bool wrote;                         /* or looks for what was handed over: finish is due */
	bool unpublished;                   /* as the ledger has it: finish is due since this run or an earlier one wrote */
	uint32_t claim_max;                 /* 0: as the target allows */
	bool forgotten;                     /* of the claim at hand: CLAIM_FORGOTTEN */
	/* outlet_open() */
	struct connector *sink;
	struct connector *lanes[DELIVER_LANES_MAX]; /* the sink, and more of the same that write beside it */
	uint32_t lane_count;                /* that are there */
	uint32_t lane_max;                  /* as the system's limits and the connector allow */
	uint32_t slots;                     /* of those that all runs share, as long as something is in the air */
	uint64_t turn;                      /* its place among those who wait for one; 0: none */
	struct syncline_capabilities can;
	uint8_t guard;                      /* CONFIG_GUARD_VERSION, REREAD, NONE */
	struct mapping *deactivate;
	struct batch_builder *golden, *written, *payload;
	struct observed observed;
	uint32_t turns;                     /* since others may have had its place at the system */
	int64_t looked_us;                  /* when it was looked for uncertain ones last; 0: not yet */
	struct trip trips[3];               /* by turns */
	struct trip *air;                   /* begun and not heard; NULL: none */
	struct trip *heard;                 /* heard, and what it said is not kept yet; NULL: none */
	struct rules_worker *rules;
	struct aside *aside;                /* NULL: not needed so far, or there is none to be had */
	struct arena arena;                 /* of a claim, of a look, of what is settled */
	struct buffer scratch;
};

/* What is missing and may be deleted everywhere is left alone for so long: reading decides. */
#define MISSING_PAUSE_US (INT64_C(2) * 1000000)

/* outlet.c */
int outlet_init(struct outlet *outlet, struct deliver *deliver, struct bound *bound, struct error *err);
/* Starts the connector and learns what the object can do; nothing to do when it is open.  -1: the system can't be used now. */
int outlet_open(struct outlet *outlet, struct error *err);
/* In the transaction of an attempt: where the target publishes when a run ends, that is owed from now on. */
int outlet_owe(struct outlet *outlet, struct error *err);
/* Only what looking needs: no connector, what the object can do by the descriptor. */
int outlet_open_blind(struct outlet *outlet, struct error *err);
int outlet_deactivation(struct outlet *outlet, struct error *err); /* compiles deletes.set */
int outlet_builders(struct outlet *outlet, struct error *err);
void outlet_free(struct outlet *outlet);
/* What a failure says about the whole system. */
void outlet_heard(struct outlet *outlet, const struct error *why);
/* The same for a question that can be asked again later.  -1: it was our own memory, which ends the run. */
int outlet_in_vain(struct outlet *outlet, const struct error *why, struct error *err);
/* Items that one write may have; that one claim may have, which is written in as many parts as connectors write at the same time. */
uint32_t outlet_batch_max(const struct outlet *outlet);
uint32_t outlet_claim_max(const struct outlet *outlet);
/* So many connectors to write with at the same time, as far as they are to be had: at least one. */
uint32_t outlet_lanes(struct outlet *outlet, uint32_t wanted);

/* gate.c */
/* Has this mark waited for its parent as long as the ref allows? */
bool gate_waited_enough(const struct outlet *outlet, const struct ledger_record *record, int64_t parent, int64_t since_us, bool *ret_required);
int gate_open(struct outlet *outlet, struct error *err);
/* The flag may be another one by now: it is obeyed from here on.  Before each batch. */
int gate_heed(struct outlet *outlet, struct error *err);
/* Holds what the flag keeps back: sets fates.  `picks` are of one outlet. */
int gate_hold(struct outlet *outlet, struct pick *picks, uint32_t count, struct error *err);

/* stop.c */
/* So many deliveries were good, or one failed (or NULL).  In the transaction that keeps it. */
int stop_count(struct outlet *outlet, uint32_t good, const struct error *failed, struct error *err);

/* claim.c */
/* Why a mark is held: the words that it is known by afterwards. */
/* Is a person asked what it means that the record is not there? */
int claim_asked_missing(const struct outlet *outlet, int64_t record, bool *ret_asked, struct error *err);
#define CLAIM_MISSING "missing" /* the record is, and a person decides what that means */
#define CLAIM_ASKED "asked"     /* a person is asked whether a record that is there is this one */
#define CLAIM_FORGOTTEN "forgotten" /* a person is asked about what we made there and do not know: it may be any that is to be created */
#define CLAIM_CHILDREN "children" /* WAITING, a delete: others that refer to the record are deleted before */
/* Reads what is due and decides what can be told without rules; all memory is the outlet's arena.  count 0: nothing is due. */
int claim_gather(struct outlet *outlet, struct claim *claim, struct error *err);
/* Decides about the rest, and makes what is to be sent. */
int claim_pack(struct outlet *outlet, struct claim *claim, struct error *err);
void claim_free(struct claim *claim);
/*
 * Decides about these marks as these do, and neither asks nor tells anybody: no guard, no flag, no document, no payload.
 * Of what is written ret_written[0] has the values, [1] of deactivations (NULL: none, the caller's to free); a pick's `parent` is the
 * record that link() had no answer for.  A pick that is left (PICK_LEAVE) had no room: look at fewer.
 */
int claim_look(struct outlet *outlet, const struct ledger_due *due, uint32_t count, struct claim *claim, struct batch *ret_written[2], struct error *err);
/* Keeps what was decided about marks that are not sent. */
int claim_keep(struct outlet *outlet, struct claim *claim, struct error *err);
/* An error that lives in the arena. */
const struct error *claim_error(struct arena *arena, const struct error *why);
struct syncline_slice claim_native(const struct ledger_link *link);

/* children.c */
/* The record that is to be deleted there before this one may be, and a sentence that says so; 0: none.  since_us: as the mark has it. */
int children_find(struct outlet *outlet, int64_t record, int64_t since_us, int64_t *ret_child, char *reason, size_t size, struct error *err);
/* Deletes that are to be sent and have such a one wait. */
int children_wait(struct outlet *outlet, struct claim *claim, struct error *err);

/* aside.c */
/*
 * May the claim be packed beside other work of the engine's thread?  Only creates whose rules ask no ledger and whose values are
 * no documents: nothing of it needs the ledger, the target, or what others of this outlet do.
 */
bool aside_may(struct outlet *outlet, const struct claim *claim);
/* Gives it, with the outlet's arena, which is another one meanwhile; whoever gave it takes it before anything else of the outlet is claimed. */
void aside_give(struct outlet *outlet, struct claim *claim);
int aside_take(struct outlet *outlet, struct error *err);
void aside_free(struct aside *aside);

/* payload.c */
/* Runs the rules over the picks that are to be sent: fates, picks' outputs and, in the outlet's `written`, the values. */
int payload_evaluate(struct outlet *outlet, const struct mapping *mapping, struct pick **picks, uint32_t count, uint8_t (*keys)[16],
                     struct batch **ret_written, const uint8_t **ret_conditions, int64_t **ret_missing, struct error *err);
/* Which outputs an update sends; ret_need false: none. */
int payload_need(struct outlet *outlet, const struct mapping *mapping, struct pick *pick, bool *ret_need, struct error *err);
/* parcel->payload of those that are still to be sent; parcel->picks become those.  `there`: what the guard read, or NULL. */
int payload_make(struct parcel *parcel, const struct batch *written, const struct batch *there, struct error *err);

/* documents.c */
/* Carries the documents of one record and puts the target's references into `values`.  1: the record can go; 0: pick->fate says. */
int documents_carry(struct outlet *outlet, struct pick *pick, const struct mapping *mapping, struct syncline_value *values, uint32_t count,
                    struct error *err);

/* guard.c */
/* ret_there: the rows that it read, the caller's, or NULL; each pick says which is its own. */
int guard_check(struct outlet *outlet, struct parcel *parcel, struct batch **ret_there, struct error *err);
/* Rows as they are at the target go through the flow; those whose fate[i] is 0 are left out. */
int guard_observe(struct outlet *outlet, const struct batch *rows, const uint8_t *which, struct error *err);
/* Reads these again: for each of `natives` its row (UINT32_MAX: no answer), and the raw hash of each row. */
int guard_read(struct outlet *outlet, const struct syncline_slice *natives, uint32_t count, struct batch **ret_rows, uint32_t *ret_row,
               uint8_t (**ret_raws)[16], struct error *err);
void observed_free(struct observed *observed);

/* turns.c */
/* Until nothing is due, or what is may not be sent now; what is in the air is landed.  ret_any: something happened. */
int turns_all(struct deliver *deliver, bool *ret_any, struct error *err);

/* send.c */
/* A trip that nothing is on, with its arena in the outlet's place until send_return(). */
struct trip *send_lend(struct outlet *outlet);
void send_return(struct outlet *outlet, struct trip *trip);
/*
 * Sends what was claimed, and ends what was in the air before it; `later`: only hears it, and send_settle() ends it.  The claim
 * stays in the air, or is freed.
 */
int send_claim(struct outlet *outlet, struct trip *trip, bool later, struct error *err);
/* Keeps what was heard. */
int send_settle(struct outlet *outlet, struct error *err);
/* Waits for what is in the air: before the target is asked anything else.  What it said is kept while it takes what comes next, if that may be. */
int send_hear(struct outlet *outlet, struct error *err);
/* Takes what has come of what is in the air, and waits for nothing.  ret_heard: there is nothing more to come. */
int send_listen(struct outlet *outlet, bool *ret_heard, struct error *err);
/* Has it a place at the system, or gets one now? */
bool send_may_begin(struct outlet *outlet);
/* Waits for it and keeps what became of it and of what was heard. */
int send_land(struct outlet *outlet, struct error *err);
/* The same, and others may have its turn at the system. */
int send_rest(struct outlet *outlet, struct error *err);
/* Waits for it and keeps nothing: the next run finds out. */
void send_abandon(struct outlet *outlet);
/* Judges a failed item: verdict, and over what limits it dies. */
void send_judge(const struct outlet *outlet, struct answer *answer, const struct error *why);

/* settle.c */
int settle(struct outlet *outlet, int64_t attempt, struct answer *answers, uint32_t count, struct error *err);
/* A dead letter, in the caller's transaction. */
int settle_dead(struct outlet *outlet, int64_t record, struct syncline_slice native, const struct error *why, struct error *err);
/* The record is not at the target: link, review and history by situations.missing, in the caller's transaction.  ret_again: claim anew. */
int settle_missing(struct outlet *outlet, int64_t record, bool *ret_again, struct error *err);
/*
 * A dead letter about what is not to be done any more ends, with the reason.  Where nothing is linked, and nobody knows whether it was
 * created, it stays.
 */
int settle_pointless(struct outlet *outlet, int64_t record, bool linked, const char *why, bool *ret_any, struct error *err);
/* What was sent is nobody's question any more: what is wanted by now comes next.  In a transaction of its own. */
int settle_overtaken(struct outlet *outlet, int64_t attempt, const struct answer *answer, const char *note, struct error *err);
int settle_unlink(struct outlet *outlet, const struct ledger_link *link, const char *note, struct error *err);
void settle_count(struct outlet *outlet, enum ledger_count count);

/* resolve.c */
int resolve_due(struct outlet *outlet, bool *ret_any, struct error *err);
int readback_due(struct outlet *outlet, struct error *err);

/* compare.c */
enum comparison { COMPARE_SAME, COMPARE_OTHER, COMPARE_UNKNOWN };
/* A payload of one record against a row of the target, by the names of fields; UNKNOWN: they have none in common. */
int compare_row(struct outlet *outlet, const struct batch *payload, const struct batch *rows, uint32_t row, enum comparison *ret_comparison,
                struct error *err);
/* Does it show the very documents that were sent, by reference?  A target may have names of its own for them: then false. */
bool compare_documents(const struct batch *payload, const struct batch *rows, uint32_t row);
/* The row in the payload's fields; same_only: of those alone that show what was sent. */
int compare_as_stored(struct outlet *outlet, const struct batch *payload, const struct batch *rows, uint32_t row, bool same_only,
                      const struct syncline_record **ret_stored, struct error *err);

#endif
