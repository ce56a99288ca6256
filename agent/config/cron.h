/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cron.h: cron expressions: what they mean.  When they are due is schedule/due.h's.  A value without pointers; any thread.
 *
 * Five fields: minute (0-59), hour (0-23), day of the month (1-31), month (1-12 or jan-dec), weekday (0-7 or sun-sat; 0 and 7 are
 * Sunday).  A field is `*` or a list of values and ranges, each with `/STEP`: "0,30", "9-17", "1-31/2".  As everywhere, when both the day
 * of the month and the weekday are restricted (neither begins with `*`), either is enough.  Or one of @hourly, @daily, @weekly,
 * @monthly, @yearly.
 */
#ifndef CONFIG_CRON_H
#define CONFIG_CRON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct cron {
	uint64_t minutes;
	uint32_t hours, days;
	uint16_t months;
	uint8_t weekdays;
	bool any_day, any_weekday; /* begins with `*` */
	bool interval; /* minute or hour begins with it: no time of day is meant */
};

/* The error names the field and what is wrong with it.  An expression that is never due (30 February) is one, too. */
int cron_parse(const char *text, struct cron *ret_cron, struct error *err);

#endif
