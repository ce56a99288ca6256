/* SPDX-License-Identifier: BSD-2-Clause */
/* convert_lookups.c: lookup tables from good and bad files, and the tests that stand beside the rules. */
#include "convert_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/mappings.h"
#include "flow/tests.h"

static const char with_lookup[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" from: { connector = \"csv\"; settings: { directory = \"@/in\"; complete = \"rename\"; };"
	"  objects: { things: { native = \"customers.csv\"; key = [ \"id\" ]; reads = \"full\"; }; }; };"
	" to: { connector = \"jsonl\"; access = \"write\"; settings: { directory = \"@/out\"; };"
	"  objects: { things: { native = \"out.jsonl\"; key = [ \"id\" ]; }; }; }; };"
	"\nlookups: { country: { file = \"@/country.csv\"; key = \"land\"; value = \"iso\"; missing = \"reject\"; }; };"
	"entities: { customer: { owner = \"from\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; }; country: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; bindings: {"
	" from: { object = \"things\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"id\" ] );"
	"  read: { country = \"lookup('country', land)\"; }; };"
	" to: { object = \"things\"; create_if = \"true\"; map = ( [ \"number\", \"id\" ], [ \"country\", \"country\" ] ); }; };"
	" tests = ( { title = \"known\"; from = \"from\"; given = ( [ \"id\", \"1\" ], [ \"land\", \"D\" ] ); expect: { number = \"1\"; country = \"DE\"; };"
	"             to = \"to\"; writes = ( [ \"id\", \"1\" ], [ \"country\", \"DE\" ] ); },"
	"           { title = \"wrong\"; from = \"from\"; given = ( [ \"id\", \"1\" ], [ \"land\", \"D\" ] ); expect: { country = \"AT\"; }; },"
	"           { title = \"missing\"; from = \"from\"; given = ( [ \"id\", \"1\" ], [ \"land\", \"X\" ] ); reject = \"country\"; } ); }; };";

static int
load(struct stand *stand, const char *text, size_t length, struct lookups *ret_lookups)
{
	stand_write(stand, "country.csv", text, length);
	memset(&stand->err, 0, sizeof stand->err);
	return lookups_load(stand->model, NULL, ret_lookups, &stand->err);
}

static void
good_files_are_read(void **state)
{
#define GOOD(text) { text, sizeof(text) - 1 }
	static const struct { const char *text; size_t length; } good[] = {
		GOOD("land,iso\nD,DE\n"), GOOD("land,iso\nD,DE"), GOOD("\xEF\xBB\xBFland,iso\r\nD,DE\r\n\r\n"),
		GOOD("\"iso\",\"land\",note\nDE,\"D\",\"two\nlines, and a \"\"quote\"\"\"\nAT,A,\n"),
	};
	struct stand *stand = *state;

	stand_configure(stand, with_lookup);
	stand_text(stand, "in/customers.csv", "id,land\n1,D\n2,Q\n");
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char *text;

		stand_write(stand, "country.csv", good[i].text, good[i].length);
		stand_must(stand);
		assert_int_equal(stand->counts.written, 1);
		assert_int_equal(stand->reject_count, 1);
		text = stand_read(stand, "out/out.jsonl");
		assert_non_null(strstr(text, "\"DE\""));
		free(text);
		assert_int_equal(remove(stand_path(stand, "out/out.jsonl")), 0);
	}
}

static void
bad_files_are_errors_with_file_and_line(void **state)
{
#define BAD(text, line, message) { text, sizeof(text) - 1, line, message }
	static const struct { const char *text; size_t length; unsigned line; const char *message; } bad[] = {
		BAD("", 1, "`key`"), BAD("land\nD\n", 1, "`value`"), BAD("Land,iso\n", 1, "`key`"),
		BAD("land,iso\nD,DE\nA,\xC4\n", 3, "UTF-8"), BAD("land,iso\nD,D\0E\n", 2, "UTF-8"),
		BAD("land,iso\nD,DE\nA,\"AT\nB,BE\n", 3, "quote"), BAD("land,iso\n\"", 2, "quote"), BAD("land,\"iso", 1, "quote"),
		BAD("land,iso\nD\n", 2, "columns"), BAD("land,iso\nD,DE\n\"two\nlines\",x\nA,AT,more\n", 5, "columns"),
		BAD("land,iso\nD,DE\nA,AT\nD,DK\n", 4, "twice"),
	};
	struct stand *stand = *state;
	struct lookups lookups;
	char place[400];

	stand_configure(stand, with_lookup);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(load(stand, bad[i].text, bad[i].length, &lookups), -1);
		snprintf(place, sizeof place, "%s:%u", stand_path(stand, "country.csv"), bad[i].line);
		assert_string_equal(stand->err.place, place);
		if (strstr(stand->err.message, bad[i].message) == NULL)
			fail_msg("%zu: %s", i, stand->err.message);
		assert_true(stand->err.hint[0] != '\0');
	}
	assert_int_equal(remove(stand_path(stand, "country.csv")), 0);
	assert_int_equal(lookups_load(stand->model, NULL, &lookups, &stand->err), -1);
}

static void
a_missing_file_names_the_place_that_wants_it(void **state)
{
	struct stand *stand = *state;
	struct lookups lookups;

	stand_configure(stand, with_lookup);
	assert_int_equal(lookups_load(stand->model, NULL, &lookups, &stand->err), -1);
	assert_int_equal(stand->err.code, ERROR_LOOKUP_FILE);
	assert_string_equal(stand->err.place, "test.conf:2");
	assert_non_null(strstr(stand->err.message, "country.csv"));
}

static void
rules_are_tested_beside_them(void **state)
{
	static const int expected[] = { 1, 0, 1 };
	struct stand *stand = *state;
	struct lookups lookups;

	stand_configure(stand, with_lookup);
	assert_int_equal(load(stand, "land,iso\nD,DE\n", 14, &lookups), 0);
	assert_int_equal(stand->model->flows[0].test_count, 3);
	for (uint32_t i = 0; i < 3; i++) {
		struct buffer difference;
		int result;

		buffer_init(&difference, 0);
		result = tests_run(stand->model, &lookups, &stand->model->flows[0], &stand->model->flows[0].tests[i], &difference, &stand->err);
		if (result != expected[i])
			fail_msg("test %u: %d: %s %s", i, result, result < 0 ? stand->err.message : buffer_string(&difference), stand->err.hint);
		if (result == 0)
			assert_non_null(strstr(buffer_string(&difference), "country"));
		buffer_free(&difference);
	}
	lookups_free(&lookups);
}

static int
setup(void **state)
{
	*state = stand_new(true);
	return 0;
}

static int
teardown(void **state)
{
	stand_free(*state);
	return 0;
}

int
convert_lookups_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_files_are_read, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_files_are_errors_with_file_and_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_missing_file_names_the_place_that_wants_it, setup, teardown),
		cmocka_unit_test_setup_teardown(rules_are_tested_beside_them, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
