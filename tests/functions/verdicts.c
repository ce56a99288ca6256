/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verdicts.c: what the functions say to values on standard input, one a line, for the oracle tests beside it.  A line is an
 * operation and its arguments, separated by tabs; the answer is a line: the result, or "!" when there is none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rules/functions/dates.h"
#include "rules/functions/decimal.h"
#include "rules/functions/similarity.h"
#include "rules/functions/unicode.h"
#include "rules/functions/validate.h"
#include "rules/functions/zone.h"

#define WORDS_MAX 8

static const char *words[WORDS_MAX];
static int count;
static struct buffer out;

static bool
is(const char *word)
{
	return strcmp(words[0], word) == 0;
}

static bool
decimals(void)
{
	struct decimal a, b;
	enum decimal_mode mode = DECIMAL_HALF_UP;
	char text[DECIMAL_TEXT_MAX];
	bool good;

	if (count < 2 || !decimal_parse(words[1], strlen(words[1]), &a))
		return false;
	if (is("round")) {
		good = decimal_mode_by_name(words[3], strlen(words[3]), &mode) && decimal_round(&a, atoi(words[2]), mode, &a);
	} else {
		if (!decimal_parse(words[2], strlen(words[2]), &b))
			return false;
		if (is("cmp")) {
			buffer_format(&out, "%d", decimal_compare(&a, &b));
			return true;
		}
		good = is("add") ? decimal_add(&a, &b, &a) : is("sub") ? decimal_subtract(&a, &b, &a) : is("mul") ? decimal_multiply(&a, &b, &a) :
		       !decimal_is_zero(&b) && decimal_mode_by_name(words[4], strlen(words[4]), &mode) &&
		       decimal_divide(&a, &b, atoi(words[3]), mode, &a);
	}
	if (good)
		buffer_append(&out, text, decimal_format(&a, text));
	return good;
}

static bool
zones(void)
{
	static struct zone *zone;
	static char name[80];
	struct error err;
	long long at = atoll(words[2]);

	if (zone == NULL || strcmp(name, words[1]) != 0) {
		zone_free(zone);
		zone = zone_load(NULL, words[1], strlen(words[1]), &err);
		snprintf(name, sizeof name, "%s", words[1]);
	}
	if (zone == NULL)
		return false;
	if (is("offset"))
		buffer_format(&out, "%d", (int)zone_offset(zone, at));
	else
		buffer_format(&out, "%lld", (long long)zone_from_clock(zone, at));
	return true;
}

static bool
checks(void)
{
	char form[VALIDATE_EMAIL_MAX + 1];
	size_t length = 0, size = strlen(words[1]);
	bool good;

	if (is("iban"))
		good = validate_iban(words[1], size, form, &length);
	else if (is("vat"))
		good = validate_vat(words[1], size, count > 2 ? words[2] : NULL, count > 2 ? strlen(words[2]) : 0, form, &length);
	else if (is("phone"))
		good = validate_phone(words[1], size, count > 2 ? words[2] : NULL, count > 2 ? strlen(words[2]) : 0, form, &length);
	else
		good = validate_email(words[1], size, form, &length);
	if (good)
		buffer_append(&out, form, length);
	return good;
}

static bool
dates(void)
{
	struct date_value value;
	struct error err;
	char text[40];

	if (is("parse")) {
		if (date_parse(words[1], strlen(words[1]), words[2], strlen(words[2]), NULL, &value, &err) != 0)
			return false;
		buffer_append(&out, text, date_write(&value, text));
		return true;
	}
	return date_read(words[1], strlen(words[1]), &value) && date_format(&value, words[2], strlen(words[2]), NULL, &out, &err) == 0;
}

static bool
answer(void)
{
	if (is("add") || is("sub") || is("mul") || is("div") || is("cmp") || is("round"))
		return decimals();
	if (is("offset") || is("clock"))
		return zones();
	if (is("iban") || is("vat") || is("email") || is("phone"))
		return checks();
	if (is("parse") || is("format"))
		return dates();
	if (is("upper"))
		return unicode_upper(words[1], strlen(words[1]), &out) == 0;
	if (is("lower"))
		return unicode_lower(words[1], strlen(words[1]), &out) == 0;
	if (is("nfc"))
		return unicode_nfc(words[1], strlen(words[1]), &out) == 0;
	if (is("fold"))
		return unicode_fold(words[1], strlen(words[1]), &out) == 0;
	if (is("alike")) {
		buffer_format(&out, "%.9f", similarity_folded(words[1], strlen(words[1]), words[2], strlen(words[2])));
		return true;
	}
	return false;
}

int
main(void)
{
	static char line[65536];

	buffer_init(&out, 0);
	while (fgets(line, sizeof line, stdin) != NULL) {
		char *p = line;

		line[strcspn(line, "\n")] = '\0';
		for (count = 0; count < WORDS_MAX && p != NULL; count++) {
			words[count] = p;
			if ((p = strchr(p, '\t')) != NULL)
				*p++ = '\0';
		}
		for (int i = count; i < WORDS_MAX; i++)
			words[i] = "";
		buffer_clear(&out);
		puts(answer() && buffer_string(&out) != NULL ? buffer_string(&out) : "!");
	}
	buffer_free(&out);
	return ferror(stdout) || fflush(stdout) != 0;
}
