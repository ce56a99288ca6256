/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk_inside.h: an open first load, for the files of the story alone.
 *
 *     (nothing) ──open──> first_load row, indexes put away ──add … add──> ──close──> indexes built, row gone: one transaction
 *                              │                                  │
 *                              └── killed ── an engine opens: indexes built, row stays ── open goes on: all keys are told to the
 *                                                                                          filter again, indexes put away again
 *
 * Whether indexes stand or not never decides what is right, only how fast it is.
 */
#ifndef LEDGER_BULK_INSIDE_H
#define LEDGER_BULK_INSIDE_H

#include "ledger/bloom.h"
#include "ledger/bulk.h"
#include "ledger/golden.h"
#include "ledger/inside.h"

struct ledger_bulk {
	struct ledger *ledger;
	struct ledger_bulk_options options;
	const struct config_binding **targets;
	struct golden *golden;
	uint32_t entity, match_unit;
	int64_t load;          /* first_load.id */
	int64_t until_us;      /* ours until then */
	bool away;             /* the indexes are put away: links need no check, and get none */
	struct bloom bloom;
	struct buffer stamps;
	uint64_t *keys;        /* of one row */
	uint32_t key_room;
};

#define BULK_HOLD_US (INT64_C(600) * 1000000)

uint64_t bulk_native_key(struct ledger *ledger, uint32_t object, uint32_t unit, struct syncline_slice native);
uint64_t bulk_match_key(uint32_t rule, uint32_t unit, const uint8_t hash[16]);
/* The late indexes, and those of ref fields. */
int bulk_put_away(struct ledger *ledger, const struct config_entity *entity, struct error *err);
int bulk_build(struct ledger *ledger, const struct ledger_progress *progress, struct error *err);
int bulk_stand(struct ledger *ledger, bool *ret_stand, struct error *err);

#endif
