/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan_entries.h: the items of a plan against those of the same plan made again, by what each is about and would do.  Private to
 * agent/schedule.
 */
#ifndef SCHEDULE_PLAN_ENTRIES_H
#define SCHEDULE_PLAN_ENTRIES_H

#include "schedule/run.h"

/* An item by what it is about, and by what it would do. */
struct entry {
	uint8_t key[16], effect[16];
	uint64_t number;
	uint32_t object;
	int64_t record;
	bool source; /* about an inbound row, which can be left alone */
	bool sent;   /* about what comes of it */
	bool held;   /* the other side has the same */
	char *native;
	size_t native_length;
};
struct entries {
	struct arena arena;
	struct entry *items;
	size_t count, room;
};

int entries_read(struct ledger *ledger, int64_t plan, struct entries *entries, struct error *err);
void entries_free(struct entries *entries);
/* Both are sorted: what stands on both sides, key and effect, holds. */
void entries_compare(struct entries *planned, struct entries *now);
/*
 * Where something else would be sent than was planned, the row that it comes of doesn't hold either: a delivery can't be left alone
 * for itself, since the next one would bring it.
 */
int entries_spread(struct entries *planned, struct entries *now, struct error *err);
/* Each planned one that doesn't hold; with options->strict one of them is ERROR_LEDGER_PLAN. */
int entries_tell_stale(const struct entries *planned, const struct apply_options *options, int64_t plan, struct error *err);

#endif
