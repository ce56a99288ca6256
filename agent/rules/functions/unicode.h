/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unicode.h: text functions over all scripts, on top of utf8proc, with a short way for ASCII.  Pure functions on the caller's
 * memory; any thread.  Text is UTF-8; a byte that is no part of it counts as U+FFFD and is copied as that.
 */
#ifndef RULES_FUNCTIONS_UNICODE_H
#define RULES_FUNCTIONS_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/memory.h"

/* The code point at *p, which moves behind it; *p is before `end`. */
int32_t unicode_next(const char **p, const char *end);
/* Appends one code point; fails as buffer_append does. */
int unicode_append(struct buffer *out, int32_t code);

bool unicode_is_ascii(const char *text, size_t length);
/* Unicode's White_Space, and the zero-width space and the byte order mark that spreadsheets leave behind. */
bool unicode_is_blank(int32_t code);

/* Each appends its result; -1 when the buffer's maximum is reached. */
int unicode_upper(const char *text, size_t length, struct buffer *out); /* ß becomes SS */
int unicode_lower(const char *text, size_t length, struct buffer *out);
int unicode_nfc(const char *text, size_t length, struct buffer *out);
/*
 * For matching: compatibility forms replaced (NFKC), case folded, accents taken away (also from ø, ł, đ and their like), ß and
 * æ and their like spelt with two letters, blanks made one and taken from both ends.
 */
int unicode_fold(const char *text, size_t length, struct buffer *out);

/* Where the text begins and ends without the characters of the set (NULL: blanks) at the left and right. */
void unicode_trim(const char **text, size_t *length, const char *set, size_t set_length, bool left, bool right);

/* SQL's LIKE whatever the case of letters; `escape` is a code point or 0.  *work counts the steps taken. */
bool unicode_like(const char *pattern, size_t pattern_length, const char *text, size_t length, int32_t escape, uint64_t *work);

/* utf8proc's tables: the Unicode version, as "15.0.0". */
const char *unicode_version(void);

#endif
