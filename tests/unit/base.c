/* SPDX-License-Identifier: BSD-2-Clause */
/* base.c: errors, memory and text. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/text.h"

static void
error_rows_are_complete(void **state)
{
	(void)state;
	for (unsigned i = 1; i < ERROR_COUNT; i++) {
		const char *name = error_name((enum error_code)i);

		assert_true(name != NULL && name[0] != '\0' && strlen(name) < 64);
		assert_int_equal(error_by_name(name), i);
		assert_true(strlen(error_title((enum error_code)i)) > 5);
		assert_true(strlen(error_advice((enum error_code)i)) > 20);
		assert_true(error_class((enum error_code)i) < SYNCLINE_CLASS_COUNT);
	}
	assert_int_equal(error_by_name("no-such-error"), ERROR_NONE);
}

static void
error_keeps_its_first_place(void **state)
{
	struct error err;

	(void)state;
	assert_int_equal(error_set(&err, ERROR_USAGE, "try help", "no command %s", "frob"), -1);
	error_place(&err, "%s:%d", "a.conf", 3);
	error_place(&err, "elsewhere");
	assert_string_equal(err.place, "a.conf:3");
	assert_string_equal(err.message, "no command frob");
	assert_string_equal(err.hint, "try help");
	error_system(&err, ERROR_SYSTEM, 2, "opening %s", "x");
	assert_non_null(strstr(err.message, "opening x: "));
}

static void
error_takes_over_what_a_connector_said(void **state)
{
	struct syncline_error said = { .struct_size = sizeof said, .applied = 77, .message = "no", .detail = "d", .hint = "h" };
	struct error err;

	(void)state;
	error_from_connector(&err, SYNCLINE_AUTH, &said);
	assert_int_equal(err.code, ERROR_CONNECTOR_AUTH);
	assert_int_equal(err.applied, SYNCLINE_APPLIED_MAYBE);
	error_from_connector(&err, 4711, &said);
	assert_int_equal(err.klass, SYNCLINE_PERMANENT);
}

static void
arena_gives_aligned_memory_up_to_its_maximum(void **state)
{
	struct arena arena;
	size_t got = 0;

	(void)state;
	arena_init(&arena, 100000);
	for (size_t size = 1; size < 2000; size += 37) {
		void *at = arena_alloc(&arena, size);

		if (at == NULL)
			break;
		assert_int_equal((uintptr_t)at % 16, 0);
		memset(at, 0xA5, size);
		got += size;
	}
	assert_true(got > 40000);
	assert_null(arena_alloc(&arena, 100001));
	assert_null(arena_array(&arena, SIZE_MAX / 2, 4));
	arena_reset(&arena);
	assert_string_equal(arena_format(&arena, "%d-%s", 7, "x"), "7-x");
	arena_free(&arena);
}

static void
buffer_fails_once_and_stays_as_it_was(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 10);
	assert_int_equal(buffer_text(&buffer, "12345"), 0);
	assert_int_equal(buffer_text(&buffer, "123456"), -1);
	assert_int_equal(buffer.length, 5);
	assert_true(buffer.failed);
	assert_string_equal(buffer_string(&buffer), "12345");
	buffer_free(&buffer);
}

static void
utf8_is_judged_as_the_standard_does(void **state)
{
	static const struct { const char *text; size_t length; bool good; } cases[] = {
		{ "", 0, true }, { "abcdefghijklm", 13, true }, { "Stra\xC3\x9F" "e", 7, true }, { "\xF0\x9F\x98\x80", 4, true },
		{ "\xC0\x80", 2, false }, { "\xE0\x80\x80", 3, false }, { "\xED\xA0\x80", 3, false }, { "\xF4\x90\x80\x80", 4, false },
		{ "\xFF", 1, false }, { "abcdefgh\xC3", 9, false }, { "a\0b", 3, false }, { "abcdefg\0hijklmnop", 17, false },
		{ "\xF0\x9F\x98", 3, false }, { "12345678\xE2\x82\xAC" "1234567\x80", 19, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(text_is_utf8(cases[i].text, cases[i].length), cases[i].good);
}

static void
dates_exist_or_are_refused(void **state)
{
	int64_t value;
	char text[40];

	(void)state;
	assert_true(text_to_date("1970-01-01", 10, &value) && value == 0);
	assert_true(text_to_date("2024-02-29", 10, &value) && value == 19782);
	assert_false(text_to_date("2026-02-30", 10, &value));
	assert_false(text_to_date("2100-02-29", 10, &value));
	assert_false(text_to_date("0000-01-01", 10, &value));
	assert_false(text_to_date("2026-2-3", 8, &value));
	assert_true(text_to_date("0001-01-01", 10, &value) && value == TEXT_DATE_MIN);
	assert_true(text_to_date("9999-12-31", 10, &value) && value == TEXT_DATE_MAX);
	for (int64_t day = TEXT_DATE_MIN; day <= TEXT_DATE_MAX; day += 373) {
		assert_int_equal(text_from_date(day, text), 10);
		assert_true(text_to_date(text, 10, &value) && value == day);
	}
}

static void
timestamps_keep_their_microseconds(void **state)
{
	static const struct { const char *text; int64_t us; } good[] = {
		{ "1970-01-01T00:00:00Z", 0 }, { "1970-01-01 00:00:01", 1000000 }, { "1970-01-01T01:00:00+01:00", 0 },
		{ "1969-12-31T23:59:59.999999Z", -1 }, { "2026-02-28T12:30:00.5-0530", INT64_C(1772301600500000) },
		{ "1970-01-01T00:00:00.0000010000Z", 1 },
	};
	static const char *const bad[] = { "2026-02-28", "2026-02-28T24:00:00Z", "2026-02-28T12:60:00Z", "2026-02-28T12:00:00.1234567Z",
		"2026-02-28T12:00:00.Z", "2026-02-28T12:00:00+1", "2026-02-28T12:00:00+24:00", "2026-02-28T12:00:00Zx", "0001-01-01T00:00:00+01:00" };
	int64_t us;
	char text[40];

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_true(text_to_timestamp(good[i].text, strlen(good[i].text), &us));
		assert_int_equal(us, good[i].us);
		text_from_timestamp(us, text);
		assert_true(text_to_timestamp(text, strlen(text), &us) && us == good[i].us);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(text_to_timestamp(bad[i], strlen(bad[i]), &us));
}

static void
numbers_are_read_exactly(void **state)
{
	int64_t value;

	(void)state;
	assert_true(text_to_integer("9223372036854775807", 19, &value) && value == INT64_MAX);
	assert_true(text_to_integer("-9223372036854775808", 20, &value) && value == INT64_MIN);
	assert_false(text_to_integer("9223372036854775808", 19, &value));
	assert_false(text_to_integer("-", 1, &value));
	assert_false(text_to_integer("1 ", 2, &value));
	assert_true(text_is_decimal("-0.10", 5));
	assert_false(text_is_decimal(".5", 2));
	assert_false(text_is_decimal("5.", 2));
	assert_false(text_is_decimal("1e5", 3));
	assert_false(text_is_decimal("+1", 2));
}

static void
json_strings_are_escaped(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 0);
	assert_int_equal(text_json_string(&buffer, "a\"\\\n\x01\xC3\x9F", 7), 0);
	assert_string_equal(buffer_string(&buffer), "\"a\\\"\\\\\\n\\u0001\xC3\x9F\"");
	buffer_free(&buffer);
}

static void
a_slip_finds_the_word_that_was_meant(void **state)
{
	static const char *const words[] = { "delimiter", "directory", "encoding", "key" };

	(void)state;
	assert_string_equal(text_nearest("delimeter", words, 4), "delimiter");
	assert_string_equal(text_nearest("dierctory", words, 4), "directory");
	assert_null(text_nearest("banana", words, 4));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_rows_are_complete),
		cmocka_unit_test(error_keeps_its_first_place),
		cmocka_unit_test(error_takes_over_what_a_connector_said),
		cmocka_unit_test(arena_gives_aligned_memory_up_to_its_maximum),
		cmocka_unit_test(buffer_fails_once_and_stays_as_it_was),
		cmocka_unit_test(utf8_is_judged_as_the_standard_does),
		cmocka_unit_test(dates_exist_or_are_refused),
		cmocka_unit_test(timestamps_keep_their_microseconds),
		cmocka_unit_test(numbers_are_read_exactly),
		cmocka_unit_test(json_strings_are_escaped),
		cmocka_unit_test(a_slip_finds_the_word_that_was_meant),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
