/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * due.h: when a binding is to be read by its trigger.  Computes alone; any thread.
 *
 * Clock times are those of the trigger's zone.  When clocks are set forward, a time that they leap over is due at the leap, once.  When
 * they are set back, a time that they show twice is due the first time alone.  A cron expression whose minute or hour begins with `*`
 * means an interval, not a time of day: it is due whenever clocks show it, and nothing is made up for.
 */
#ifndef SCHEDULE_DUE_H
#define SCHEDULE_DUE_H

#include "config/cron.h"
#include "config/model.h"
#include "rules/functions/zone.h"

/* The first instant after `after` (both in seconds since 1970) at which it is due; INT64_MAX beyond the year 9999. */
int64_t due_cron(const struct cron *cron, const struct zone *zone, int64_t after);

struct due_trigger {
	const struct config_trigger *trigger;
	const struct zone *zone;
	uint64_t place; /* any number of the flow and unit: where within the jitter they are, always the same */
};

#define DUE_NEVER INT64_MIN
/*
 * When it is due next (microseconds since 1970, as all of these), not before `up_us`, since when the agent has been there to do it.
 * last_us: when the last run began, DUE_NEVER: there was none.  What became due while the agent was not there is due at once, or with
 * `missed = "skip"` not at all.  INT64_MAX: never by the clock.
 */
int64_t due_next(const struct due_trigger *due, int64_t last_us, int64_t up_us);

/* The longest time from one due time to the next in the 31 days from `from_us` on; 0: never by the clock. */
int64_t due_longest_us(const struct due_trigger *due, int64_t from_us);

#endif
