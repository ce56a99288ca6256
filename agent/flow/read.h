/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read.h: one read of an object with one set of credentials, for the files that do it:
 *
 *     read.c           one read, full or delta, from the first batch to the last
 *     read_turns.c     which reads there are, and which of them takes its next batch
 *     read_units.c     who takes part: units, their tenants, the flows that are fed
 *     read_sort.c      a batch's rows: to their units, against their links, to be kept or not
 *     read_rejects.c   rows that can't be taken, and those that can be taken again
 *     read_stage.c     what is kept, until it is committed together with the position
 *     read_drift.c     the contract against what comes
 *     read_twice.c     keys that stand twice in one export
 *
 * All of it in the thread that owns the engine, and nothing of it outlives intake_read().
 */
#ifndef FLOW_READ_H
#define FLOW_READ_H

#include "flow/intake.h"
#include "flow/packing.h"
#include "ledger/findings.h"

/* How a step of a read ends. */
enum read_step {
	READ_FATAL = -1, /* the run ends: the ledger, memory, a person */
	READ_GOOD = 0,
	READ_FAILED = 1, /* this read ends, others go on */
};

/* A (flow, unit) that takes rows of the object. */
struct read_feed {
	struct bound *bound;
	uint32_t flow_id;
	uint32_t effective; /* ledger_version_id() of the bound's version */
	bool active;        /* its flag is not `off` */
};
/* A unit whose tenant is known at the system; with or without somebody who takes its rows. */
struct read_unit {
	const struct config_unit *unit; /* NULL: the house */
	uint32_t id;
	struct syncline_slice tenant;   /* empty: none */
	struct read_feed *feeds;
	uint32_t feed_count;
	bool here;      /* these credentials are its own */
	bool active;    /* here, and any of its feeds is active */
	struct intake *intake; /* of this run; NULL: it runs another time */
	uint64_t rows;  /* that came for it in this read */
};

/* A filter over native ids: false when one was surely never added.  Made with the first one. */
#define READ_FILTER_BITS (UINT32_C(1) << 25)
#define READ_FILTER_FRONT (UINT32_C(1) << 17)
struct read_filter {
	uint64_t *words;
	uint64_t front[READ_FILTER_FRONT / 64]; /* the same with few bits: empty where little was added, and then asked alone */
};

/* An open finding of an earlier read about a row that could not be taken. */
struct read_reject {
	int64_t id;
	struct syncline_slice native;
	uint8_t raw[16]; /* of a row without a key: which one it is */
	bool again; /* it came again in this read, as bad as before */
	bool ended;
};

/* A row that can't be taken, until its finding is stored with the next commit. */
struct read_finding {
	struct read_finding *next;
	struct ledger_finding finding;
	struct ledger_run *run; /* that counted it as rejected; NULL: none */
};
/* A reject that is none any more. */
struct read_ending {
	struct read_ending *next;
	const struct read_reject *reject;
};

#define READ_ROWS 5000u              /* a transaction takes about so many rows that are kept, or can't be taken … */
#define READ_LOOKED 50000u           /* … or so many that were only looked at, which cost nothing but to look again … */
#define READ_BYTES (8u * 1024u * 1024u) /* … or so much that is kept */
#define READ_SLOW_MS 50              /* who lets us wait longer for a batch gets it committed at once */
#define READ_GROUP_MAX PACKING_MOST  /* staged batches in a transaction */
#define READ_PACKED_LEAST 3u         /* of them that are worth a thread which compresses them */

/* What is read and not committed yet. */
struct read_group {
	struct batch *batches[READ_GROUP_MAX];
	struct packing *packing; /* has all of them; NULL: they are few */
	uint32_t batch_count;
	size_t bytes;           /* in them */
	int64_t *seen;
	size_t seen_count, seen_room;
	uint64_t rows;          /* looked at */
	uint64_t kept;          /* of them, with those that can't be taken */
	struct buffer position;
	bool has_position;
	struct read_finding *findings, **last_finding;
	struct read_ending *endings;
	struct arena arena;     /* of findings */
};

/* What was seen of one full export: links by their ids, and hashes of native ids that have none. */
struct read_twice {
	uint64_t *links, *keys; /* keys: hashes, 0: none */
	uint32_t *rows;         /* what the row of each key says, as a hash */
	size_t words, room, count;
	struct buffer origin; /* of the file */
	bool on;
};

struct reading {
	struct engine *engine;
	struct ledger *ledger;
	const struct config_object *object;
	const struct config_system *system;
	uint32_t object_id, credentials;
	struct intake *first;          /* the one whose binding asked first: what belongs to no unit counts there */
	struct bound *bound;           /* its binding */
	struct read_unit *units;       /* by tenant */
	uint32_t unit_count;
	uint32_t last_unit;            /* that a tenant was found at */
	struct connector *connector;
	struct ledger_read read;
	bool broken;                   /* a key could not be read */
	bool fullish;                  /* the connector may turn out to give everything, so what it shows is noted */
	struct read_group group;
	struct batch_builder *builder; /* rows of batches of which most are not kept */
	struct syncline_field *layout; /* the builder's fields, in layout_arena */
	uint32_t layout_count;
	struct buffer layout_origin;
	struct arena layout_arena;
	struct read_filter backlog;    /* native ids that are staged and not applied, or wait for a parent */
	struct read_reject *rejects;   /* by native id */
	uint32_t reject_count;
	struct arena reject_arena;
	struct read_filter rejected;   /* their native ids */
	struct read_twice twice;
	/* Of the batch at work: one place a row. */
	uint32_t room;
	uint8_t (*raws)[16], (*unit_raws)[16];
	struct syncline_slice *natives;
	uint32_t *places;              /* of a unit's rows in the batch */
	struct ledger_glance *glances;
	int32_t *routes;               /* unit, or ROUTE_* */
	uint8_t *keep;
	struct syncline_value *values; /* of a record, for the builder */
	uint32_t value_room;
	struct buffer scratch;
	char what[320];                /* "reading erp.kunden" */
	uint64_t rows, foreign;
	/* Between its first batch and its last. */
	struct connector_read *stream;
	struct connector_read_state state; /* as of the last batch */
	struct buffer position;        /* where it began */
	bool asked_all, over;
	int64_t waited_ms;             /* for the last batch */
};
#define ROUTE_DROPPED (-1) /* counted, nothing more */
#define ROUTE_REJECT (-2)
#define ROUTE_ALL (-3)     /* the object has no tenant: every unit takes it */

/* read.c: the steps of a read, in this order; after any of them only reading_free(). */
/* One object with the credentials of intakes[at].  ret_idle: nobody takes its rows, and nothing was begun. */
enum read_step reading_open(struct reading *r, struct intake *const *intakes, uint32_t count, uint32_t at, struct bound *bound, bool *ret_idle,
                            struct error *err);
/* Takes the next batch; r->over: it was the last. */
enum read_step reading_next(struct reading *r, struct error *err);
/* Commits what waits, as soon as it is worth it. */
enum read_step reading_keep(struct reading *r, struct error *err);
/* After the last batch: completeness, and the connector hears that all is durable. */
enum read_step reading_end(struct reading *r, struct error *err);
/* A person stopped the run: keeps what was read.  Always READ_FATAL, as is read_stopped(), which only says so. */
enum read_step reading_stop(struct reading *r, struct error *err);
enum read_step read_stopped(struct error *err);
void reading_free(struct reading *r);

/* read_units.c */
int read_find_units(struct reading *r, struct intake *const *intakes, uint32_t count, struct error *err);
/* In a transaction: effective versions as the ledger knows them. */
int read_find_versions(struct reading *r, struct error *err);
/* Must everything be read, because somebody lacks rows or has them under other rules?  ret_why: static, or NULL. */
int read_must_be_full(struct reading *r, const struct ledger_read *open, const char **ret_why, struct error *err);
/* In the transaction in which a read begins: who is fed from here on. */
int read_note_feeds(struct reading *r, bool from_the_beginning, struct error *err);
/* In a transaction: what was switched off meanwhile takes no more rows, and lacks them until everything is read again. */
int read_heed_flags(struct reading *r, struct error *err);
/* Does the flow that reads still take rows, for any unit of this run? */
bool read_is_wanted(const struct reading *r);
/* The unit of a tenant, or NULL. */
struct read_unit *read_unit_of(struct reading *r, const void *tenant, size_t length);
/* Whose finding it is when a row belongs to no unit. */
uint32_t read_nobody(const struct reading *r);

/* read_sort.c: takes the batch over. */
enum read_step read_take(struct reading *r, struct batch *batch, struct error *err);

/* read_rejects.c */
int read_load_rejects(struct reading *r, struct error *err);
/* A row that can't be taken: it is counted, and its finding waits for the next commit.  unit NULL: nobody's. */
int read_reject(struct reading *r, const struct batch *batch, uint32_t index, const struct read_unit *unit, enum error_code cause,
                const char *message, const char *hint, struct error *err);
/* The row is good: what was held against it ends. */
int read_cleared(struct reading *r, struct syncline_slice native, struct error *err);
/* In a transaction. */
int read_store_findings(struct reading *r, struct error *err);
/* In a transaction, after a complete full read: what did not come again is settled. */
int read_settle_rejects(struct reading *r, struct error *err);

/* `unit`: whose native id it is; 0 where that doesn't matter. */
bool read_filter_has(const struct read_filter *filter, const uint8_t key[16], uint32_t unit, struct syncline_slice native);
int read_filter_add(struct read_filter *filter, const uint8_t key[16], uint32_t unit, struct syncline_slice native);

/* read_stage.c */
int read_load_backlog(struct reading *r, struct error *err);
int read_seen(struct reading *r, int64_t link, struct error *err);
/* Takes the batch over; keep[i] says which rows are wanted, `kept` how many. */
int read_keep(struct reading *r, struct batch *batch, const uint8_t *keep, uint32_t kept, struct error *err);
int read_position(struct reading *r, const struct connector_read_state *state, struct error *err);
bool read_group_full(const struct reading *r);
/* In a transaction: all that waits. */
int read_store(struct reading *r, struct error *err);
/* The same in a transaction of its own, when anything waits. */
int read_flush(struct reading *r, bool later, struct error *err);
void read_group_free(struct read_group *group);

/* read_twice.c: before its rows; and of each of them: 1 when its key stood in this export before, with another row, 0, or -1. */
int read_twice_batch(struct reading *r, const struct batch *batch, struct error *err);
int read_is_twice(struct reading *r, uint32_t unit, struct syncline_slice native, const uint8_t raw[16], const struct ledger_glance *glance,
                  struct error *err);
void read_twice_free(struct read_twice *twice);

/* read_drift.c: 0, or -1 with ERROR_CONTRACT_DRIFT. */
int read_check_drift(const struct config_object *object, const struct batch *batch, struct error *err);

#endif
