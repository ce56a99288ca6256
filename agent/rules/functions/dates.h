/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dates.h: dates and times in the forms that people and their programs write.  Pure functions; any thread.
 *
 * A format is made of these (in any letter case, but for M and m):
 *
 *     YYYY YY    year; YY is 1969 to 2068        hh h    hour, 0 to 23; 1 to 12 with A
 *     MM M       month; M without a leading 0    mm      minute
 *     MMM MMMM   its name, short or whole        ss      second
 *     DD D       day of the month                f       the second's fraction, 1 to 6 digits
 *     A          AM or PM                        Z       Z, +01:00, +0100 or +01
 *
 * T stands for itself, as does every character that is no letter, and whatever stands between double quotes.  Read are
 * English and German names, short and whole alike; written are English ones, or German ones when the format begins with "de:".
 */
#ifndef RULES_FUNCTIONS_DATES_H
#define RULES_FUNCTIONS_DATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "rules/functions/zone.h"

struct date_value {
	bool is_date;  /* a date alone; otherwise a moment */
	int64_t value; /* days, or microseconds since 1970 in UTC */
};

/*
 * The whole text must fit.  What a clock showed is taken in `zone` (NULL: UTC) unless the text says an offset itself.  What
 * does not exist (2026-02-30, 24:00) is an error.
 */
int date_parse(const char *text, size_t length, const char *format, size_t format_length, const struct zone *zone,
               struct date_value *ret_value, struct error *err);
/* A moment is shown as the clocks of `zone` show it (NULL: UTC); a date alone has no zone and its time is 00:00:00. */
int date_format(const struct date_value *value, const char *format, size_t format_length, const struct zone *zone, struct buffer *out,
                struct error *err);
/* "2026-02-28", or a timestamp as the contract writes it. */
bool date_read(const char *text, size_t length, struct date_value *ret_value);
/* At least 32 bytes; returns the length. */
size_t date_write(const struct date_value *value, char *text);

#endif
