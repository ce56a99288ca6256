/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * staging.h: what was read, before it is understood.  A read belongs to (object, credentials) and is staged once for every flow
 * and unit that uses it.  Rows that a link proves unchanged are not kept: only that they were seen.
 */
#ifndef LEDGER_STAGING_H
#define LEDGER_STAGING_H

#include "batch/batch.h"
#include "ledger/ledger.h"

/* `credentials`: the unit whose own settings the connector runs with; 0: the system's. */
struct ledger_read {
	int64_t id;
	uint32_t object, credentials;
	bool full;
	bool ended;
	bool complete; /* ended, full, and nothing is missing for any unit; per tenant: ledger_read_complete() */
	bool broken;   /* a key could not be read, the epoch changed, …: may delete nothing */
	uint32_t epoch;
	uint64_t started; /* sequence */
	int64_t started_us, ended_us;
	uint64_t records, staged, rejected;
};
/* Where the next read begins: the position after the last stored batch, copied into `ret_position` (empty: at the beginning). */
int ledger_position(struct ledger *ledger, uint32_t object, uint32_t credentials, struct buffer *ret_position, struct error *err);
/* A read that was begun and not ended, in this epoch (id 0: none): it goes on where it stopped. */
int ledger_read_open(struct ledger *ledger, uint32_t object, uint32_t credentials, struct ledger_read *ret_read, struct error *err);
int ledger_read_begin(struct ledger *ledger, uint32_t object, uint32_t credentials, bool full, struct ledger_read *ret_read, struct error *err);

/*
 * Stores a batch: rows that are not known to be unchanged, the links that were seen (ids in any order, repeats allowed), and
 * the position that is valid after it, all in the caller's transaction.  `batch` may be NULL or empty: then only what was seen
 * counts.  position NULL: as it was.
 */
struct ledger_staged {
	int64_t id; /* ascending */
	int64_t read;
	uint32_t object, credentials;
	uint64_t started;  /* the read's sequence */
	int64_t first_link; /* the id of the first link that was made since it began */
	int64_t read_us;   /* when it was read */
	bool full;
	uint32_t rows;
	struct batch *batch; /* the caller's */
	/* In its place, where it was asked for as it is kept: ledger_unpack() makes it, in any thread (pack.h); the caller's to free(). */
	void *kept;
	size_t kept_length;
	int64_t kept_size;
};
int ledger_stage(struct ledger *ledger, struct ledger_read *read, const struct batch *batch, const int64_t *seen, size_t seen_count,
                 uint64_t records, const struct syncline_slice *position, int64_t *ret_id, struct error *err);
/* The same; `ahead`: its compressed bytes where they were made before (pack.h), or empty. */
int ledger_stage_packed(struct ledger *ledger, struct ledger_read *read, const struct batch *batch, struct syncline_slice ahead, const int64_t *seen,
                        size_t seen_count, uint64_t records, const struct syncline_slice *position, int64_t *ret_id, struct error *err);
/* When the last read of each (object, credentials) began, finished or not. */
int ledger_reads_last(struct ledger *ledger, int (*each)(void *data, uint32_t object, uint32_t credentials, int64_t started_us), void *data,
                      struct error *err);
/* `tenants`: as the connector claimed them; NULL tenant: all. */
int ledger_read_end(struct ledger *ledger, struct ledger_read *read, const struct syncline_completeness *tenants, uint32_t count, bool broken,
                    struct error *err);
/* The newest full read that ended complete for a unit and was not used for deletions yet; id 0: none. */
int ledger_read_complete(struct ledger *ledger, uint32_t object, uint32_t credentials, const char *tenant, uint32_t unit,
                         struct ledger_read *ret_read, struct error *err);
int ledger_read_deleted(struct ledger *ledger, const struct ledger_read *read, uint32_t unit, struct error *err); /* used now */
/*
 * The newest full read that was complete for a unit, used or not, of those with no batch behind `staged_to` (0: of all), and its
 * last batch; 0: none.  What earlier full reads brought is overtaken by it.
 */
int ledger_read_overtaking(struct ledger *ledger, uint32_t object, uint32_t credentials, const char *tenant, int64_t staged_to, int64_t *ret_read,
                           int64_t *ret_last, struct error *err);

/*
 * Feeding.  A (flow, unit) is fed by (object, credentials) when it got every row since a read of everything, without a gap and
 * under one effective version (ledger_version_id).  Who is off while others read has a gap, and is fed again from the next read
 * of everything on.  version 0: not fed.
 */
int ledger_fed(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, uint32_t *ret_version, struct error *err);
int ledger_feed(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, uint32_t version, struct error *err);

/* The next staged batch with rows that (flow, unit) has not applied, after `after`; 1 with one, 0: no more. */
int ledger_staged_next(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t after,
                       struct ledger_staged *ret_staged, struct error *err);
/* The same, as it is kept; what is sealed is opened. */
int ledger_staged_next_kept(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t after,
                            struct ledger_staged *ret_staged, struct error *err);
/* How many rows (flow, unit) has not applied; other units' among them count, too. */
int ledger_staged_rows(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, uint64_t *ret_rows,
                       struct error *err);
/* One by its id, for plans and for `trace`. */
int ledger_staged_get(struct ledger *ledger, int64_t id, struct ledger_staged *ret_staged, struct error *err);
/* All up to this batch is applied: in the transaction that wrote what became of it. */
int ledger_applied(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t staged, struct error *err);

struct ledger_position_row {
	uint32_t object, credentials, flow, unit; /* flow and unit 0: the position of reading itself */
	struct syncline_slice position; /* of reading */
	int64_t staged;                 /* the last batch that was stored, or applied */
	int64_t moved_us;
	bool doubted;
};
int ledger_positions(struct ledger *ledger, int (*each)(void *data, const struct ledger_position_row *row), void *data, struct error *err);
/* An administrator's: reading begins again there (empty: at the beginning, in full); applying at a staged batch. */
int ledger_position_set(struct ledger *ledger, uint32_t object, uint32_t credentials, struct syncline_slice position, const char *why,
                        struct error *err);
int ledger_applied_set(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t staged, const char *why,
                       struct error *err);

/*
 * Rows that wait for a parent, or are held until something else says so.  The row itself is kept (a batch of one record), so that retention of staging doesn't matter.
 * One a (flow, unit, object, native id): a newer row takes the place of the older.
 */
struct ledger_waiter {
	int64_t id;
	uint32_t flow, unit, object;
	struct syncline_slice native;
	uint32_t parent_object;
	struct syncline_slice parent_native;
	const char *field;
	int64_t since_us, until_us;
	uint64_t started; /* of the read that brought the row */
	int64_t read_us;
	bool full;
	int64_t held;        /* 0: it waits; LEDGER_HELD: by the configuration; else by locks, ledger_locks_mark() */
	struct batch *batch; /* in lists NULL */
};
#define LEDGER_HELD INT64_C(-1)
#define LEDGER_FOR_EVER INT64_MAX /* until_us */
int ledger_wait(struct ledger *ledger, const struct ledger_waiter *waiter, struct error *err);
int ledger_wait_end(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, struct error *err);
/* The row of this native id that waits, as it came: NULL when there is none; the caller's to free. */
int ledger_wait_of(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, struct batch **ret_row,
                   struct error *err);
/* Ends those whose rows came with reads that began before `started`: a complete read that began then did not show them. */
int ledger_wait_end_unseen(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, uint64_t started, struct error *err);
/*
 * Waiters of (flow, unit) whose parent has a live link now, whose time is over (until_us <= now), or whose record has other locks than
 * those that held them, at most `max`, in the order of their ids, beginning behind `after`.  `ret_waiters` has room; texts and batches (the caller's to free) live in `arena`.
 */
int ledger_wait_ready(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t after, struct arena *arena, struct ledger_waiter *ret_waiters,
                      uint32_t max, uint32_t *ret_count, struct error *err);
/*
 * When the first of them will be ready: now, if there is one, else when the first one's time is over; INT64_MAX: it is not known.  Of very
 * many that wait only those that have done so longest are looked at.
 */
int ledger_wait_next(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t *ret_us, struct error *err);
/* The configuration holds rows of this object no more: those that it held are ready. */
int ledger_wait_release(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct error *err);
/* `each` answers 0 to go on, 1 when it has seen enough, -1 to fail. */
int ledger_waiters(struct ledger *ledger, uint32_t flow, uint32_t unit, int (*each)(void *data, const struct ledger_waiter *row), void *data,
                   struct error *err); /* 0: all */

/*
 * Rows that were read while their record was being written there, so that what they said is of no use: they are to be read again.
 * One a (flow, unit, object, native id).  started: of the read that brought the row.
 */
int ledger_unsure(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, uint64_t started,
                  struct error *err);
/* Ends it unless a read that began at `started` or later was unsure again. */
int ledger_unsure_end(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, uint64_t started,
                      struct error *err);
/* The first `max` behind `after`, in the order of their native ids, which live in `arena`. */
int ledger_unsure_list(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice after, struct arena *arena,
                       struct syncline_slice *ret_natives, uint32_t max, uint32_t *ret_count, struct error *err);

#endif
