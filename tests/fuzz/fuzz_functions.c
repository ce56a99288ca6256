/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_functions.c: any bytes as arguments of the functions of rules: decimals, dates, zone files, JSON, identifiers, texts.
 * The first byte chooses; what follows is cut in two at the first line end.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rules/functions/dates.h"
#include "rules/functions/decimal.h"
#include "rules/functions/json.h"
#include "rules/functions/regex.h"
#include "rules/functions/unicode.h"
#include "rules/functions/validate.h"
#include "rules/functions/zone.h"

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition))                                                                                      \
			abort();                                                                                       \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
decimals(const char *a, size_t a_length, const char *b, size_t b_length)
{
	struct decimal x, y, sum, back;
	char text[DECIMAL_TEXT_MAX];

	if (!decimal_parse(a, a_length, &x))
		return;
	CHECK(text_is_decimal(a, a_length));
	/* What is written reads as the same. */
	CHECK(decimal_parse(text, decimal_format(&x, text), &back) && decimal_compare(&x, &back) == 0 && x.scale == back.scale);
	if (!decimal_parse(b, b_length, &y))
		return;
	/* (x + y) - y is x; x * y / y is x, to its last digit. */
	if (decimal_add(&x, &y, &sum) && decimal_subtract(&sum, &y, &sum))
		CHECK(decimal_compare(&sum, &x) == 0);
	if (!decimal_is_zero(&y) && decimal_multiply(&x, &y, &sum) && decimal_divide(&sum, &y, x.scale, DECIMAL_DOWN, &sum))
		CHECK(decimal_compare(&sum, &x) == 0);
	for (int mode = 0; mode < DECIMAL_MODE_COUNT; mode++)
		(void)decimal_round(&x, (int)(b_length % 40) - 20, (enum decimal_mode)mode, &sum);
}

static void
dates(const char *text, size_t length, const char *format, size_t format_length)
{
	struct date_value value, again;
	struct error err;
	struct buffer out;
	char written[40];

	if (date_parse(text, length, format, format_length, NULL, &value, &err) != 0)
		return;
	CHECK(date_read(written, date_write(&value, written), &again) && again.value == value.value && again.is_date == value.is_date);
	buffer_init(&out, 4096);
	if (date_format(&value, format, format_length, NULL, &out, &err) == 0 && out.length > 0)
		(void)date_parse(out.data, out.length, format, format_length, NULL, &again, &err);
	buffer_free(&out);
}

static void
zones(const uint8_t *data, size_t size)
{
	struct error err;
	struct zone *zone = zone_parse(data, size, "fuzz", &err);
	int32_t offset;

	for (int64_t at = INT64_C(-70000000000); zone != NULL && at < INT64_C(300000000000); at += INT64_C(987654321)) {
		offset = zone_offset(zone, at);
		CHECK(offset >= -30 * 3600 && offset <= 30 * 3600);
		(void)zone_from_clock(zone, at);
	}
	zone_free(zone);
}

static void
identifiers(const char *a, size_t a_length, const char *b, size_t b_length)
{
	char form[VALIDATE_EMAIL_MAX + 1], again[VALIDATE_EMAIL_MAX + 1];
	size_t length, length_again;

	/* The one form of a form is itself. */
	if (validate_email(a, a_length, form, &length))
		CHECK(validate_email(form, length, again, &length_again) && length == length_again && memcmp(form, again, length) == 0);
	if (validate_iban(a, a_length, form, &length))
		CHECK(validate_iban(form, length, again, &length_again) && length == length_again && memcmp(form, again, length) == 0);
	if (validate_vat(a, a_length, b_length == 2 ? b : NULL, b_length, form, &length))
		CHECK(validate_vat(form, length, NULL, 0, again, &length_again) && length == length_again && memcmp(form, again, length) == 0);
	if (validate_phone(a, a_length, b_length == 2 ? b : NULL, b_length, form, &length))
		CHECK(validate_phone(form, length, NULL, 0, again, &length_again) && length == length_again && memcmp(form, again, length) == 0);
}

static void
texts(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int (*const maps[])(const char *, size_t, struct buffer *) = { unicode_upper, unicode_lower, unicode_nfc, unicode_fold };
	const char *from = a;
	size_t length = a_length;
	uint64_t steps = 0;
	struct buffer out;

	buffer_init(&out, 1 << 20);
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
		buffer_clear(&out);
		if (maps[i](a, a_length, &out) == 0 && out.length > 0)
			CHECK(text_is_utf8(out.data, out.length) || memchr(out.data, '\0', out.length) != NULL);
	}
	buffer_free(&out);
	unicode_trim(&from, &length, b_length > 0 ? b : NULL, b_length, true, true);
	CHECK(from >= a && from + length <= a + a_length);
	(void)unicode_like(b, b_length, a, a_length, 0, &steps);
	CHECK(steps <= (a_length + 2) * (b_length + 2));
}

static void
patterns(const char *pattern, size_t pattern_length, const char *text, size_t length)
{
	struct error err;
	struct regex_cache *cache = regex_cache_new(1000, &err);
	struct buffer out;

	CHECK(cache != NULL);
	buffer_init(&out, 1 << 20);
	(void)regex_match(cache, pattern, pattern_length, text, length, &err);
	(void)regex_replace(cache, pattern, pattern_length, text, length, "<$0>", 4, &out, &err);
	buffer_free(&out);
	regex_cache_free(cache);
}

static void
json(const char *text, size_t length)
{
	struct json_list list;
	struct decimal value;
	const char *element;
	size_t element_length;

	(void)json_number_parse(text, length, &value);
	if (json_list_begin(&list, text, length))
		while (json_list_next(&list, &element, &element_length) > 0)
			CHECK(element >= text && element + element_length <= text + length && element_length > 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *a, *b, *cut;
	size_t a_length, b_length;

	if (size < 2 || size > 4096)
		return 0;
	a = (const char *)data + 1;
	cut = memchr(a, '\n', size - 1);
	a_length = cut != NULL ? (size_t)(cut - a) : size - 1;
	b = cut != NULL ? cut + 1 : "";
	b_length = cut != NULL ? size - 2 - a_length : 0;
	switch (data[0]) {
	case 'd': decimals(a, a_length, b, b_length); break;
	case 't': dates(a, a_length, b, b_length); break;
	case 'z': zones(data + 1, size - 1); break;
	case 'i': identifiers(a, a_length, b, b_length); break;
	case 'u': texts(a, a_length, b, b_length); break;
	case 'p': patterns(a, a_length, b, b_length); break;
	case 'j': json(a, size - 1); break;
	default: break;
	}
	return 0;
}
