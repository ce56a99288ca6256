/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * similarity.c: Jaro-Winkler.  Characters match when they are equal and not further apart than half the longer text; the
 * matching ones that stand in another order are transpositions.  Pure functions; any thread.
 */
#include "rules/functions/similarity.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rules/functions/unicode.h"

struct side {
	int32_t code[SIMILARITY_CHARACTERS_MAX];
	bool used[SIMILARITY_CHARACTERS_MAX];
	size_t count;
};

static void
decode(const char *text, size_t length, struct side *ret_side)
{
	const char *end = text + length;

	for (ret_side->count = 0; text < end && ret_side->count < SIMILARITY_CHARACTERS_MAX; ret_side->count++) {
		ret_side->code[ret_side->count] = unicode_next(&text, end);
		ret_side->used[ret_side->count] = false;
	}
}

static double
jaro(struct side *a, struct side *b)
{
	size_t longer = a->count > b->count ? a->count : b->count, window = longer / 2, matches = 0, swapped = 0;
	double m;

	window = window > 0 ? window - 1 : 0;
	for (size_t i = 0; i < a->count; i++) {
		size_t from = i > window ? i - window : 0, to = i + window + 1 < b->count ? i + window + 1 : b->count;

		for (size_t j = from; j < to; j++)
			if (!b->used[j] && a->code[i] == b->code[j]) {
				a->used[i] = b->used[j] = true;
				matches++;
				break;
			}
	}
	if (matches == 0)
		return 0.0;
	for (size_t i = 0, j = 0; i < a->count; i++) {
		if (!a->used[i])
			continue;
		while (!b->used[j])
			j++;
		swapped += a->code[i] != b->code[j++];
	}
	m = (double)matches;
	return (m / (double)a->count + m / (double)b->count + (m - (double)(swapped / 2)) / m) / 3.0;
}

double
similarity_folded(const char *a_text, size_t a_length, const char *b_text, size_t b_length)
{
	struct side *sides;
	double result;
	size_t same = 0;

	if (a_length == b_length && memcmp(a_text, b_text, a_length) == 0)
		return 1.0;
	if (a_length == 0 || b_length == 0)
		return 0.0;
	if ((sides = malloc(2 * sizeof *sides)) == NULL)
		return -1;
	decode(a_text, a_length, &sides[0]);
	decode(b_text, b_length, &sides[1]);
	result = jaro(&sides[0], &sides[1]);
	while (same < 4 && same < sides[0].count && same < sides[1].count && sides[0].code[same] == sides[1].code[same])
		same++;
	free(sides);
	return result + (double)same * 0.1 * (1.0 - result);
}
