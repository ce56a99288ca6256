/* SPDX-License-Identifier: BSD-2-Clause */
/* runs_inside.h: what the files of runs, flags and plans share. */
#ifndef LEDGER_RUNS_INSIDE_H
#define LEDGER_RUNS_INSIDE_H

#include "ledger/inside.h"
#include "ledger/runs.h"

/* runs.c: counts as a JSON object of those that are not 0, {"read":91,"created":3}, and back. */
int runs_write_counts(const uint64_t counts[LEDGER_COUNT_COUNT], struct buffer *text);
void runs_read_counts(const char *text, uint64_t ret_counts[LEDGER_COUNT_COUNT]);

/* plan_draft.c: the next item of a draft that is read back, in memory of its own until the next; 1, 0 at the end, -1. */
int plan_draft_rewind(struct ledger_plan_draft *draft, struct error *err);
int plan_draft_next(struct ledger_plan_draft *draft, struct ledger_plan_item *ret_item, struct error *err);
void plan_draft_hash(const struct ledger_plan_draft *draft, uint8_t ret_hash[16]);

#endif
