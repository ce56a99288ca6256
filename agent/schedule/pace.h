/* SPDX-License-Identifier: BSD-2-Clause */
/* pace.h: how long runs of a flow for a unit take, by their own history, and from when on one takes too long.  Computes alone. */
#ifndef SCHEDULE_PACE_H
#define SCHEDULE_PACE_H

#include "ledger/runs.h"

#define PACE_RUNS 20u                         /* the newest that came to their end */
#define PACE_LEAST 3u                         /* fewer prove nothing */
#define PACE_SHORT_US (INT64_C(60) * 1000000) /* nothing is long before */

struct pace {
	uint32_t runs;
	int64_t slowest_us;
};
/* One by one, newest first; those that are not over, or failed, are left out. */
void pace_see(struct pace *pace, const struct ledger_run *run);
/* A run that takes longer is long: three times the slowest; INT64_MAX: nobody can say. */
int64_t pace_long_us(const struct pace *pace);

#endif
