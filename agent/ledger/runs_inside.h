/* SPDX-License-Identifier: BSD-2-Clause */
/* runs_inside.h: what the files of runs, flags and plans share. */
#ifndef LEDGER_RUNS_INSIDE_H
#define LEDGER_RUNS_INSIDE_H

#include "ledger/inside.h"
#include "ledger/runs.h"

/* runs.c: counts as a JSON object of those that are not 0, {"read":91,"created":3}, and back. */
int runs_write_counts(const uint64_t counts[LEDGER_COUNT_COUNT], struct buffer *text);
void runs_read_counts(const char *text, uint64_t ret_counts[LEDGER_COUNT_COUNT]);

/* plan_draft.c */
void plan_draft_hash(const struct ledger_plan_draft *draft, uint8_t ret_hash[16]);

#endif
