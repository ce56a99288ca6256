/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ahead.h: the read rules of the next batch, in a thread of their own, while the engine's thread stores this one.  Rules of reading
 * ask no ledger (world.h), so that they may run before it is known what the batch before them did.  What they complain of is
 * kept and told in the engine's thread, as if they had run there.  For first loads (apply_bulk.c), where nothing else is looked at.
 */
#ifndef FLOW_AHEAD_H
#define FLOW_AHEAD_H

#include "flow/engine.h"
#include "ledger/staging.h"

/* A complaint of the rules about a record, with texts that live as long as the rows; of the record's head only op and place. */
struct ahead_fault {
	struct ahead_fault *next;
	struct rules_reject reject; /* its `record` is the one below */
	struct syncline_record record;
};

/* What became of a batch, as far as that can be told without the ledger. */
struct ahead_rows {
	const uint8_t (*raws)[16]; /* of each record */
	const uint8_t *keep;       /* of each record: the rules saw it */
	struct batch *canonical;   /* what they gave; whoever takes it sets NULL */
	const uint32_t *sources;   /* of each record of that: which one of those that the rules saw */
	uint32_t source_count;
	const struct ahead_fault *faults; /* in the order in which they were found */
};

struct ahead;
/* NULL: no memory, or no thread; then rules run where they always do. */
struct ahead *ahead_new(struct engine *engine, const struct bound *bound, const struct config_unit *unit, int64_t run_time_us);
/* The next batch, opened or as it is kept; it stays the caller's and as it is until it is taken.  Two may be with it: one given, one taken. */
void ahead_give(struct ahead *ahead, const struct ledger_staged *staged);
/*
 * Waits for what was given; the rows are valid until the next but one is given, or its batch is freed.  staged->batch is set when it
 * was not open.
 */
int ahead_take(struct ahead *ahead, struct ledger_staged *staged, struct ahead_rows **ret_rows, struct error *err);
void ahead_free(struct ahead *ahead); /* accepts NULL; what was given and not taken is waited for */

/* rows.c: is this record one that the unit's rules see? */
bool rows_are_seen(const struct bound *bound, const struct config_unit *unit, const struct batch *batch, uint32_t index);

#endif
