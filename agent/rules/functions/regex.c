/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regex.c: PCRE2 behind limits: of the pattern's length and nesting, of the steps, depth and memory of a match.  Patterns of
 * rules are mostly constants, so the last ones are kept compiled, with machine code where PCRE2 can make it.
 */
#include "rules/functions/regex.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define KEPT 64u
#define NESTING_MAX 50u
#define DEPTH_LIMIT 5000u
#define HEAP_LIMIT_KIB 4096u
#define MACHINE_STACK (512u * 1024u)

struct kept {
	char *pattern;
	size_t length;
	pcre2_code *code;
};

struct regex_cache {
	pcre2_compile_context *compile;
	pcre2_match_context *match;
	pcre2_match_data *data;
	pcre2_jit_stack *stack;
	uint32_t count;
	struct kept kept[KEPT]; /* the last used first */
};

struct regex_cache *
regex_cache_new(uint32_t match_limit, struct error *err)
{
	struct regex_cache *cache = calloc(1, sizeof *cache);

	if (cache == NULL || (cache->compile = pcre2_compile_context_create(NULL)) == NULL ||
	    (cache->match = pcre2_match_context_create(NULL)) == NULL || (cache->data = pcre2_match_data_create(64, NULL)) == NULL) {
		regex_cache_free(cache);
		error_memory(err);
		return NULL;
	}
	pcre2_set_max_pattern_length(cache->compile, REGEX_PATTERN_MAX);
	pcre2_set_parens_nest_limit(cache->compile, NESTING_MAX);
	pcre2_set_match_limit(cache->match, match_limit);
	pcre2_set_depth_limit(cache->match, DEPTH_LIMIT);
	pcre2_set_heap_limit(cache->match, HEAP_LIMIT_KIB);
	/* Without machine code there is no stack for it, and none is needed. */
	if ((cache->stack = pcre2_jit_stack_create(32 * 1024, MACHINE_STACK, NULL)) != NULL)
		pcre2_jit_stack_assign(cache->match, NULL, cache->stack);
	return cache;
}

void
regex_cache_free(struct regex_cache *cache)
{
	if (cache == NULL)
		return;
	for (uint32_t i = 0; i < cache->count; i++) {
		free(cache->kept[i].pattern);
		pcre2_code_free(cache->kept[i].code);
	}
	pcre2_jit_stack_free(cache->stack);
	pcre2_match_data_free(cache->data);
	pcre2_match_context_free(cache->match);
	pcre2_compile_context_free(cache->compile);
	free(cache);
}

static pcre2_code *
compile(struct regex_cache *cache, const char *pattern, size_t length, struct error *err)
{
	struct kept fresh = { .length = length };
	int number;
	PCRE2_SIZE at;

	for (uint32_t i = 0; i < cache->count; i++)
		if (cache->kept[i].length == length && memcmp(cache->kept[i].pattern, pattern, length) == 0) {
			struct kept found = cache->kept[i];

			memmove(&cache->kept[1], &cache->kept[0], i * sizeof cache->kept[0]);
			cache->kept[0] = found;
			return found.code;
		}
	fresh.code = pcre2_compile((PCRE2_SPTR)pattern, length, PCRE2_UTF | PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C, &number, &at, cache->compile);
	if (fresh.code == NULL) {
		PCRE2_UCHAR reason[128] = "";

		pcre2_get_error_message(number, reason, sizeof reason);
		error_set(err, ERROR_RULES_FUNCTION, "Patterns are Perl-compatible regular expressions, see pcre2pattern(3).",
		          "the pattern '%.*s' is wrong at character %zu: %s", (int)(length < 80 ? length : 80), pattern, (size_t)at + 1,
		          (const char *)reason);
		return NULL;
	}
	if ((fresh.pattern = malloc(length + 1)) == NULL) {
		pcre2_code_free(fresh.code);
		error_memory(err);
		return NULL;
	}
	memcpy(fresh.pattern, pattern, length);
	/* Fails where PCRE2 has no compiler for this machine; it interprets then. */
	(void)pcre2_jit_compile(fresh.code, PCRE2_JIT_COMPLETE);
	if (cache->count == KEPT) {
		free(cache->kept[KEPT - 1].pattern);
		pcre2_code_free(cache->kept[KEPT - 1].code);
		cache->count--;
	}
	memmove(&cache->kept[1], &cache->kept[0], cache->count * sizeof cache->kept[0]);
	cache->kept[0] = fresh;
	cache->count++;
	return fresh.code;
}

static int
match_fault(struct error *err, int number, const char *pattern, size_t length)
{
	PCRE2_UCHAR reason[128] = "";

	if (number == PCRE2_ERROR_NOMEMORY)
		return error_memory(err);
	pcre2_get_error_message(number, reason, sizeof reason);
	return error_set(err, ERROR_RULES_FUNCTION, "A simpler pattern needs fewer steps: avoid nested repetitions such as (a+)+.",
	                 "matching the pattern '%.*s' was given up: %s", (int)(length < 80 ? length : 80), pattern, (const char *)reason);
}

int
regex_match(struct regex_cache *cache, const char *pattern, size_t pattern_length, const char *text, size_t length, struct error *err)
{
	pcre2_code *code = compile(cache, pattern, pattern_length, err);
	int found;

	if (code == NULL)
		return -1;
	found = pcre2_match(code, (PCRE2_SPTR)text, length, 0, 0, cache->data, cache->match);
	if (found >= 0)
		return 1;
	return found == PCRE2_ERROR_NOMATCH ? 0 : match_fault(err, found, pattern, pattern_length);
}

int
regex_replace(struct regex_cache *cache, const char *pattern, size_t pattern_length, const char *text, size_t length,
              const char *replacement, size_t replacement_length, struct buffer *out, struct error *err)
{
	const uint32_t options = PCRE2_SUBSTITUTE_GLOBAL | PCRE2_SUBSTITUTE_OVERFLOW_LENGTH | PCRE2_SUBSTITUTE_UNSET_EMPTY;
	pcre2_code *code = compile(cache, pattern, pattern_length, err);
	PCRE2_SIZE room = length + 256;
	int done;

	if (code == NULL)
		return -1;
	for (int attempt = 0;; attempt++) {
		PCRE2_SIZE size = room;

		if (buffer_reserve(out, room) != 0)
			return error_set(err, ERROR_RULES_FUNCTION, "Make the replacement shorter.", "the text with its replacements is too long");
		done = pcre2_substitute(code, (PCRE2_SPTR)text, length, 0, options, cache->data, cache->match, (PCRE2_SPTR)replacement,
		                        replacement_length, (PCRE2_UCHAR *)out->data + out->length, &size);
		if (done >= 0) {
			out->length += size;
			return 0;
		}
		if (done != PCRE2_ERROR_NOMEMORY || attempt > 0)
			return match_fault(err, done, pattern, pattern_length);
		room = size;
	}
}
