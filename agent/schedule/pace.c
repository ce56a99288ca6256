/* SPDX-License-Identifier: BSD-2-Clause */
/* pace.c: see pace.h. */
#include "schedule/pace.h"

void
pace_see(struct pace *pace, const struct ledger_run *run)
{
	bool ended = run->state == LEDGER_RUN_DONE || run->state == LEDGER_RUN_FINDINGS || run->state == LEDGER_RUN_HELD;

	if (!ended || pace->runs == PACE_RUNS)
		return;
	pace->runs++;
	if (run->ended_us - run->started_us > pace->slowest_us)
		pace->slowest_us = run->ended_us - run->started_us;
}

int64_t
pace_long_us(const struct pace *pace)
{
	if (pace->runs < PACE_LEAST)
		return INT64_MAX;
	return 3 * pace->slowest_us > PACE_SHORT_US ? 3 * pace->slowest_us : PACE_SHORT_US;
}
