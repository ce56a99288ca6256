/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regex.h: Perl-compatible regular expressions with limits, compiled once and kept.  A struct regex_cache belongs to one thread.
 */
#ifndef RULES_FUNCTIONS_REGEX_H
#define RULES_FUNCTIONS_REGEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"

#define REGEX_PATTERN_MAX 4096u /* bytes */

struct regex_cache;
struct regex_cache *regex_cache_new(uint32_t match_limit, struct error *err);
void regex_cache_free(struct regex_cache *cache);
CLEANUP_DEFINE(struct regex_cache, regex_cache_free);

/* 1: it fits somewhere in the text, 0: it does not, -1: the pattern is none, or a limit was reached. */
int regex_match(struct regex_cache *cache, const char *pattern, size_t pattern_length, const char *text, size_t length, struct error *err);
/* Appends the text with every match replaced; $1 and ${1} stand for groups, $$ for a dollar. */
int regex_replace(struct regex_cache *cache, const char *pattern, size_t pattern_length, const char *text, size_t length,
                  const char *replacement, size_t replacement_length, struct buffer *out, struct error *err);

#endif
