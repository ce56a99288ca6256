/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text.h: small checks and conversions on text that several folders need.  All are pure functions; none depends on the locale.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* Well-formed UTF-8 (no surrogates, no overlong forms), without NUL. */
bool text_is_utf8(const void *data, size_t length);
/* The contract's decimal: -?digits[.digits]. */
bool text_is_decimal(const void *data, size_t length);
/* A whole integer in text; false on anything else or out of range. */
bool text_to_integer(const char *data, size_t length, int64_t *ret_value);

/* Days since 1970-01-01 of a date that exists in years 1 to 9999; false otherwise. */
bool text_days_from_date(int64_t year, int64_t month, int64_t day, int64_t *ret_days);
void text_date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day);
/* "2026-02-28"; exactly that form.  false for a date that does not exist. */
bool text_to_date(const char *data, size_t length, int64_t *ret_days);
/* 0001-01-01T00:00:00Z and the last microsecond of 9999. */
#define TEXT_TIMESTAMP_MIN (INT64_C(-62135596800) * 1000000)
#define TEXT_TIMESTAMP_MAX (INT64_C(253402300800) * 1000000 - 1)
#define TEXT_DATE_MIN INT64_C(-719162)
#define TEXT_DATE_MAX INT64_C(2932896)
/* "2026-02-28T12:30:00[.ffffff](Z|+hh:mm)" or a blank for the T; an absent zone is UTC.  Microseconds since 1970. */
bool text_to_timestamp(const char *data, size_t length, int64_t *ret_us);
/* At least 32 bytes; returns the length.  "2026-02-28", "2026-02-28T12:30:00Z", with ".ffffff" only when not zero. */
size_t text_from_date(int64_t days, char *buffer);
size_t text_from_timestamp(int64_t us, char *buffer);

/* Appends a JSON string with its quotes, or any text escaped so. */
int text_json_string(struct buffer *buffer, const char *data, size_t length);

/* The candidate nearest to `word` if it is near enough to be a slip of the keyboard, or NULL. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

#endif
