/* SPDX-License-Identifier: BSD-2-Clause */
/* functions.c: the functions of rules as SQL calls them, their list, their budgets, and their pages of the manual. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/functions.h"
#include "rules/functions/zone.h"

struct fixture {
	sqlite3 *db;
	struct rules_function_context *context;
	struct rules_function_environment environment;
	enum rules_question asked;
	uint32_t asked_count;
	struct syncline_value answer;
	int status;
};

static int
answer(void *data, enum rules_question question, const struct syncline_value *arguments, uint32_t count, struct syncline_value *ret_value,
       struct error *err)
{
	struct fixture *fixture = data;

	(void)arguments;
	fixture->asked = question;
	fixture->asked_count = count;
	if (fixture->status != 0)
		return error_set(err, ERROR_RULES_FUNCTION, NULL, "the table has no such key");
	*ret_value = fixture->answer;
	return 0;
}

static struct fixture *
set_up(const struct rules_function_limits *limits)
{
	struct fixture *fixture = calloc(1, sizeof *fixture);
	struct error err;

	assert_non_null(fixture);
	fixture->environment = (struct rules_function_environment){ fixture, answer };
	fixture->context = rules_function_context_new(limits, &fixture->environment, &err);
	assert_non_null(fixture->context);
	assert_int_equal(sqlite3_open(":memory:", &fixture->db), SQLITE_OK);
	sqlite3_limit(fixture->db, SQLITE_LIMIT_LENGTH, 1024 * 1024);
	sqlite3_limit(fixture->db, SQLITE_LIMIT_FUNCTION_ARG, 16);
	assert_int_equal(rules_functions_register(fixture->db, fixture->context, &err), 0);
	return fixture;
}

static void
tear_down(struct fixture *fixture)
{
	sqlite3_close(fixture->db);
	rules_function_context_free(fixture->context);
	free(fixture);
}

/* The value of an expression as text, "NULL", or "error: ...". */
static const char *
value_of(struct fixture *fixture, const char *expression)
{
	static char result[4096];
	char query[4096];
	sqlite3_stmt *statement = NULL;

	rules_function_context_record(fixture->context);
	snprintf(query, sizeof query, "SELECT (%s)", expression);
	if (sqlite3_prepare_v2(fixture->db, query, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
		snprintf(result, sizeof result, "error: %s", sqlite3_errmsg(fixture->db));
	else if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
		snprintf(result, sizeof result, "NULL");
	else
		snprintf(result, sizeof result, "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return result;
}

struct expectation {
	const char *expression, *result; /* "error: ..." : the message has these words */
};

static void
expect(struct fixture *fixture, const struct expectation *expectations, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *found = value_of(fixture, expectations[i].expression), *wanted = expectations[i].result;
		bool good = strcmp(found, wanted) == 0;

		if (strncmp(wanted, "error: ", 7) == 0)
			good = strncmp(found, "error: ", 7) == 0 && strstr(found, wanted + 7) != NULL;
		if (!good)
			fail_msg("%s is %s and should be %s", expectations[i].expression, found, wanted);
	}
}

static void
check_all(const struct expectation *expectations, size_t count)
{
	struct fixture *fixture = set_up(NULL);

	expect(fixture, expectations, count);
	tear_down(fixture);
}
#define CHECK(...)                                                                                                     \
	do {                                                                                                           \
		static const struct expectation rows[] = { __VA_ARGS__ };                                              \
		check_all(rows, sizeof rows / sizeof *rows);                                                           \
	} while (0)

static void
decimals_are_exact(void **state)
{
	(void)state;
	CHECK({ "dec_add('0.1', '0.2')", "0.3" }, { "dec_add(0.1, 0.2)", "0.3" },
	      { "dec_add('99999999999999999999.99', '0.01')", "100000000000000000000.00" },
	      { "dec_sub('1.10', '1.1')", "0.00" }, { "dec_sub('-0.0', 0)", "0.0" }, { "dec_mul('1.10', '2.0')", "2.200" },
	      { "dec_div(1, 3, 5)", "0.33333" }, { "dec_div(2, 3, 2)", "0.67" }, { "dec_div(-2, 3, 2, 'down')", "-0.66" },
	      { "dec_div(1, 8, 2, 'half_even')", "0.12" },
	      { "dec_div(1, 0, 2)", "error: dec_div(): division by zero" }, { "dec_div(1, 3, -1)", "error: argument 3" },
	      { "dec_div(1, 3)", "error: wrong number of arguments" },
	      { "dec_cmp('1.10', '1.1')", "0" }, { "dec_cmp('-2', '1')", "-1" },
	      { "dec_cmp('100000000000000000001', '100000000000000000000')", "1" },
	      { "dec_cmp(9.50, '50000')", "-1" }, { "dec_round('2.675', 2)", "2.68" }, { "dec_round('-2.5')", "-3" },
	      { "dec_round('2.5', 0, 'half_even')", "2" },
	      { "dec_round('1250', -2)", "1300" }, { "dec_round('1', 3)", "1.000" },
	      { "dec_round('1', 1, 'sideways')", "error: argument 3 must be" },
	      { "dec_add('1.234,50', 1)", "error: dec_add(): argument 1 must be a decimal" },
	      { "dec_add(x'31', 1)", "error: is bytes" },
	      { "dec_add(NULL, 1)", "NULL" }, { "dec_add(0.1 + 0.2, 0)", "error: more than 15 digits" },
	      { "dec_add(1e20, 0)", "100000000000000000000" },
	      { "dec_mul(printf('%01000d', 9), 9)", "81" },
	      { "dec_mul(replace(printf('%01000d', 9), '0', '9'), 10)", "error: more than 1,000 digits" },
	      { "dec_sum('[1.10, \"2.20\", null, 100000000000000000000.01]', '$')", "100000000000000000003.31" },
	      { "dec_sum('[{\"a\":{\"b\":0.1}},{\"a\":{\"b\":2e-1}},{\"c\":\"],{\"}]', '$.a.b')", "0.3" },
	      { "dec_sum('[]', '$')", "NULL" },
	      { "dec_sum('{}', '$')", "error: must be a JSON list" }, { "dec_sum('[1', '$')", "error: must be JSON" },
	      { "dec_sum('[true]', '$')", "error: is not a number" },
	      { "(SELECT dec_sum(value) FROM json_each('[0.1,0.2,0.3]'))", "0.6" },
	      { "(SELECT dec_sum(value) FROM json_each('[]'))", "NULL" },
	      { "(SELECT dec_sum(value) FROM json_each('[\"x\"]'))", "error: must be a decimal" },
	      { "least('9.50', 50000)", "9.50" }, { "greatest('9.50', 50000, '7')", "50000" }, { "max('9.50', 50000)", "50000" },
	      { "min(2, '1.5')", "1.5" },
	      { "least('b', 'a', 'Z')", "Z" }, { "greatest('2026-01-01', '2025-12-31T23:30:00Z')", "2026-01-01" },
	      { "least('2026-01-01', NULL)", "NULL" },
	      { "least(1, 'x')", "error: which have no order" }, { "greatest('10', '9')", "10" },
	      { "(SELECT max(value) FROM json_each('[3,9,5]'))", "9" },
	      { "(SELECT min(value) FROM json_each('[3,9,5]'))", "3" });
}

static void
text_is_text_in_all_scripts(void **state)
{
	(void)state;
	CHECK({ "upper('stra\xC3\x9F" "e \xC3\xA4')", "STRASSE \xC3\x84" }, { "lower('\xC3\x84\xD0\x96')", "\xC3\xA4\xD0\xB6" },
	      { "upper(12)", "12" }, { "upper(NULL)", "NULL" },
	      { "upper(x'41')", "error: upper(): argument 1 must be text and is bytes" },
	      { "trim('\xC2\xA0 \xE2\x80\x83x y\xE3\x80\x80\xEF\xBB\xBF')", "x y" },
	      { "trim('')", "" }, { "ltrim('  x ')", "x " }, { "rtrim('  x ')", "  x" },
	      { "trim('--\xC3\xA4x\xC3\xA4-', '-\xC3\xA4')", "x" }, { "trim('x', '')", "x" },
	      { "fold('  Stra\xC3\x9F" "e   \xC3\x9C" "ber ')", "strasse uber" }, { "nfc('a' || char(776))", "\xC3\xA4" },
	      { "length('\xC3\xA4\xF0\x9F\x98\x80')", "2" },
	      { "'M\xC3\x9CLLER' LIKE 'm\xC3\xBC%'", "1" }, { "'abc' LIKE 'a_c'", "1" }, { "'abc' LIKE 'a_'", "0" },
	      { "'a%c' LIKE 'a\\%c' ESCAPE '\\'", "1" },
	      { "'abc' LIKE 'a\\%c' ESCAPE '\\'", "0" }, { "'x' LIKE ''", "0" }, { "'' LIKE '%'", "1" },
	      { "'aXbXc' LIKE '%x%c'", "1" }, { "'x' LIKE 'x' ESCAPE 'ab'", "error: one character" },
	      { "concat('a', NULL, 1, 2.5, 3.0)", "a12.53" }, { "concat_ws(' ', 'a', NULL, 'b', '')", "a b " },
	      { "concat_ws(NULL, 'a')", "NULL" }, { "concat_ws('-', NULL)", "" },
	      { "'KD-00123' REGEXP '^KD-[0-9]{5}$'", "1" }, { "regexp('\xC3\x84', '\xC3\xA4')", "0" },
	      { "regexp('(?i)\xC3\x84', '\xC3\xA4')", "1" }, { "'x' REGEXP NULL", "NULL" },
	      { "regexp('(', 'x')", "error: is wrong at character 2" },
	      { "regexp('^(a+)+$', printf('%s!', replace(printf('%050d', 0), '0', 'a')))", "error: was given up" },
	      { "regexp_replace('Tel. 030-12 34', '[^0-9]', '')", "0301234" },
	      { "regexp_replace('Doe, Jane', '^(\\w+), (\\w+)$', '$2 $1')", "Jane Doe" },
	      { "regexp_replace('abc', '', '-')", "-a-b-c-" }, { "regexp_replace('abc', 'b', '$9')", "error: " },
	      { "regexp_replace(NULL, 'b', '')", "NULL" },
	      { "similarity('Martha', 'MARHTA')", "0.961111111111111" }, { "similarity('M\xC3\xBCller', 'muller')", "1.0" },
	      { "similarity('abc', 'xyz')", "0.0" }, { "similarity('', '')", "1.0" });
}

static void
dates_exist_or_are_errors(void **state)
{
	(void)state;
	CHECK({ "date_parse('28.02.2026', 'DD.MM.YYYY')", "2026-02-28" },
	      { "date_parse('30.02.2026', 'DD.MM.YYYY')", "error: does not exist" },
	      { "date_parse('20260228', 'YYYYMMDD')", "2026-02-28" },
	      { "date_parse(20260228, 'yyyyMMdd')", "2026-02-28" },
	      { "date_parse('28/02/26 09:05:07', 'DD/MM/YY hh:mm:ss')", "2026-02-28T09:05:07Z" },
	      { "date_parse('1. M\xC3\xA4rz 2026', 'D. MMMM YYYY')", "2026-03-01" },
	      { "date_parse('05-OKT-2026', 'DD-MMM-YYYY')", "2026-10-05" },
	      { "date_parse('12:30 AM 1/2/2026', 'h:mm A M/D/YYYY')", "2026-01-02T00:30:00Z" },
	      { "date_parse('29.03.2026 02:30', 'DD.MM.YYYY hh:mm', 'Europe/Berlin')", "2026-03-29T01:30:00Z" },
	      { "date_parse('25.10.2026 02:30', 'DD.MM.YYYY hh:mm', 'Europe/Berlin')", "2026-10-25T00:30:00Z" },
	      { "date_parse('01.07.2026 12:00', 'DD.MM.YYYY hh:mm', 'Europe/Berlin')", "2026-07-01T10:00:00Z" },
	      { "date_parse('2026-07-01T12:00:00+0530', 'YYYY-MM-DDThh:mm:ssZ', 'Europe/Berlin')", "2026-07-01T06:30:00Z" },
	      { "date_parse('2026-07-01', 'YYYY-mm-DD')", "error: mm is the minute" },
	      { "date_parse('2026-07', 'YYYY-MM')", "error: year, month and day" },
	      { "date_parse('2026-07-01', 'YYYY-MM-DQ')", "error: has no meaning" },
	      { "date_parse('', 'YYYYMMDD')", "error: is not of the form" },
	      { "date_parse('20260228 ', 'YYYYMMDD')", "error: is not of the form" },
	      { "date_parse('2026-01-01 24:00', 'YYYY-MM-DD hh:mm')", "error: does not exist" },
	      { "date_parse(NULL, 'YYYY')", "NULL" },
	      { "date_parse('20260101', 'YYYYMMDD', 'Europe/Berlim')", "error: no time zone" },
	      { "date_parse('20260101', 'YYYYMMDD', '../../etc/passwd')", "error: not the name of a time zone" },
	      { "date_format('2026-02-28', 'DD.MM.YYYY')", "28.02.2026" },
	      { "date_format('2026-10-25T00:30:00Z', 'YYYY-MM-DD hh:mm Z', 'Europe/Berlin')", "2026-10-25 02:30 +02:00" },
	      { "date_format('2026-10-25T01:30:00Z', 'hh:mm Z', 'Europe/Berlin')", "02:30 +01:00" },
	      { "date_format('2026-03-01', 'de:D. MMMM YYYY')", "1. M\xC3\xA4rz 2026" },
	      { "date_format('2026-03-01', 'MMM D, YY')", "Mar 1, 26" },
	      { "date_format('2026-03-01T15:00:00Z', 'h:mm A')", "3:00 PM" }, { "date_format('2026-03-01', '\"Day\" D')", "Day 1" },
	      { "date_format('2026-02-30', 'D')", "error: that exists" },
	      { "date('2026-02-28')", "2026-02-28" }, { "date('2026-02-30')", "error: not a date that exists" },
	      { "date('2026-01-31', 'start of year', '+11 years', '-1 day')", "2036-12-31" },
	      { "strftime('%Y', '2026-02-28')", "2026" }, { "date('now')", "error: differs from run to run" },
	      { "strftime('%Y', 'NOW')", "error: differs" }, { "date()", "error: it takes 1 to 16" },
	      { "strftime('%Y')", "error: it takes 2 to 16" }, { "unixepoch()", "error: it takes" },
	      { "julianday()", "error: it takes" },
	      { "date(20260228)", "error: what it means" }, { "date('20260228')", "error: what it means" },
	      { "date(0, 'unixepoch')", "1970-01-01" }, { "datetime('2026-01-01', 'localtime')", "error: own zone" },
	      { "date('2026-01-01', '+1 banana')", "error: modifier" }, { "unixepoch('1970-01-02')", "86400" },
	      { "time('2026-01-01T12:34:56Z')", "12:34:56" }, { "julianday('2000-01-01T12:00:00Z')", "2451545.0" },
	      { "date(NULL)", "NULL" });
}

static void
json_numbers_keep_their_digits(void **state)
{
	(void)state;
	CHECK({ "json_number('{\"a\":2.50}', '$.a')", "2.50" }, { "json_number('{\"a\":2.50}', 'a')", "2.50" },
	      { "json_number('[123456789012345678901]', '$[0]')", "123456789012345678901" },
	      { "json_number('1.5e3')", "1500" }, { "json_number('-125e-2')", "-1.25" },
	      { "json_number('{\"a\":\"12.30\"}', '$.a')", "12.30" }, { "json_number('{}', '$.a')", "NULL" },
	      { "json_number('{\"a\":null}', '$.a')", "NULL" },
	      { "json_number('{\"a\":true}', '$.a')", "error: is not a number" },
	      { "json_number('1e2000')", "error: is not a number" }, { "json_number('{', '$.a')", "error: must be JSON" },
	      { "json_number(NULL)", "NULL" },
	      { "json_number('0.1e1')", "1" }, { "json_number('1.25e1')", "12.5" }, { "json_number('0e0')", "0" },
	      { "'{\"a\":2.5}' ->> '$.a'", "2.5" }, { "typeof('{\"a\":2.5}' ->> 'a')", "real" }, { "'{\"a\":7}' ->> 'a'", "7" },
	      { "'{\"a\":123456789012345678901}' ->> '$.a'", "error: json_number() gives it" },
	      { "'{\"a\":0.1234567890123456}' ->> '$.a'", "error: json_number()" }, { "'[1,\"x\"]' ->> 1", "x" },
	      { "'{\"a\":\"1234567890123456789012\"}' ->> 'a'", "1234567890123456789012" },
	      { "'{\"a\":{\"b\":[1]}}' ->> 'a'", "{\"b\":[1]}" },
	      { "'{\"a\":2.50}' -> 'a'", "2.50" }, { "json_extract('{\"a\":true}', '$.a')", "1" },
	      { "json_extract('{\"a\":1.0000000000000001}', '$.a')", "error: json_number()" },
	      { "json_array(json_extract('{\"a\":[1]}', '$.a'))", "[[1]]" },
	      { "'x' ->> 'a'", "error: malformed" }, { "json_extract('{}', '$.a', '$.b')", "error: it takes 2 to 2" });
}

static void
identifiers_have_one_form(void **state)
{
	(void)state;
	CHECK({ "is_iban('DE89 3704 0044 0532 0130 00')", "1" }, { "is_iban('DE88370400440532013000')", "0" },
	      { "is_iban(NULL)", "NULL" }, { "is_iban(x'41')", "error: is bytes" },
	      { "normalize_iban('gb29 nwbk 6016 1331 9268 19')", "GB29NWBK60161331926819" }, { "normalize_iban('x')", "NULL" },
	      { "is_vat_id('DE136695976')", "1" }, { "is_vat_id('136 695 976', 'DE')", "1" }, { "is_vat_id('136695978', 'DE')", "0" },
	      { "normalize_vat_id('atu 135 856 27')", "ATU13585627" }, { "normalize_vat_id('GR094259216')", "EL094259216" },
	      { "is_vat_id('1', 'Germany')", "error: two letters" }, { "is_vat_id('1', 'QQ')", "0" },
	      { "normalize_vat_id('CHE-116.281.710 MWST')", "CHE116281710MWST" }, { "is_email('a.b+c@example.org')", "1" },
	      { "is_email('a b@example.org')", "0" }, { "normalize_email(' Info@Example.COM ')", "Info@example.com" },
	      { "normalize_phone('030 / 123 45-67', 'DE')", "+49301234567" },
	      { "normalize_phone('+49 (0)30 1234567')", "+49301234567" },
	      { "normalize_phone('0049 30 1234567', 'FR')", "+49301234567" }, { "normalize_phone('0049301234567')", "+49301234567" },
	      { "normalize_phone('+49 030 1234567')", "+49301234567" }, { "normalize_phone('06 1234 5678', 'IT')", "+390612345678" },
	      { "normalize_phone('(212) 555-0123', 'US')", "+12125550123" },
	      { "normalize_phone('1-212-555-0123', 'us')", "+12125550123" },
	      { "normalize_phone('06 30 123 4567', 'HU')", "+36301234567" },
	      { "normalize_phone('011 49 30 1234567', 'US')", "+49301234567" },
	      { "normalize_phone('8 (912) 345-67-89', 'RU')", "+79123456789" }, { "normalize_phone('030 1234567')", "NULL" },
	      { "normalize_phone('call me', 'DE')", "NULL" }, { "normalize_phone('+999 1234567')", "NULL" },
	      { "normalize_phone('112', 'DE')", "NULL" }, { "normalize_phone('+41 44 668 18 00')", "+41446681800" },
	      { "normalize_phone('+1 112 555 0123')", "NULL" },
	      { "normalize_phone('123', 'XX')", "NULL" }, { "normalize_phone(NULL, 'DE')", "NULL" },
	      { "normalize_phone('+49 12345678901234567890')", "NULL" });
}

static void
the_world_is_asked(void **state)
{
	struct fixture *fixture = set_up(NULL);

	(void)state;
	fixture->answer = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = 2, .u.data = "DE" };
	assert_string_equal(value_of(fixture, "lookup('country', 'D')"), "DE");
	assert_int_equal(fixture->asked, RULES_ASK_LOOKUP);
	assert_int_equal(fixture->asked_count, 2);
	assert_string_equal(value_of(fixture, "ref('kunden', 100, 4711)"), "DE");
	assert_int_equal(fixture->asked, RULES_ASK_REF);
	assert_int_equal(fixture->asked_count, 3);
	assert_string_equal(value_of(fixture, "link('crm')"), "DE");
	assert_int_equal(fixture->asked, RULES_ASK_LINK);
	fixture->asked = RULES_ASK_COUNT;
	assert_string_equal(value_of(fixture, "lookup('country', NULL)"), "NULL");
	assert_int_equal(fixture->asked, RULES_ASK_COUNT);
	assert_non_null(strstr(value_of(fixture, "lookup(5, 'D')"), "argument 1 must be a name"));
	fixture->answer = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	assert_string_equal(value_of(fixture, "url('dms')"), "NULL");
	fixture->answer = (struct syncline_value){ .type = SYNCLINE_TYPE_DATE, .u.integer = 0 };
	assert_string_equal(value_of(fixture, "today()"), "1970-01-01");
	fixture->answer = (struct syncline_value){ .type = SYNCLINE_TYPE_TIMESTAMP, .u.integer = 1 };
	assert_string_equal(value_of(fixture, "run_time()"), "1970-01-01T00:00:00.000001Z");
	fixture->answer = (struct syncline_value){ .type = SYNCLINE_TYPE_INTEGER, .u.integer = -5 };
	assert_string_equal(value_of(fixture, "record_id()"), "-5");
	for (unsigned i = 0; i < 5; i++) {
		static const char *const calls[] = { "content()", "unit()", "sync_state()", "sync_error()", "record_id()" };
		static const enum rules_question asked[] = { RULES_ASK_CONTENT, RULES_ASK_UNIT, RULES_ASK_SYNC_STATE, RULES_ASK_SYNC_ERROR, RULES_ASK_RECORD_ID };

		value_of(fixture, calls[i]);
		assert_int_equal(fixture->asked, asked[i]);
	}
	fixture->status = -1;
	assert_non_null(strstr(value_of(fixture, "lookup('country', 'X')"), "error: lookup(): the table has no such key"));
	fixture->environment.answer = NULL;
	assert_non_null(strstr(value_of(fixture, "unit()"), "can't be used here"));
	tear_down(fixture);
}

static void
budgets_end_a_record_and_not_the_next(void **state)
{
	const struct rules_function_limits limits = { .work = 20000, .bytes = 1000 };
	struct fixture *fixture = set_up(&limits);

	(void)state;
	assert_non_null(strstr(value_of(fixture, "similarity(printf('%0500d', 1), printf('%0400d', 2))"), "more steps than a record may have"));
	assert_non_null(strstr(value_of(fixture, "upper(printf('%0600d', 1)) || lower(printf('%0600d', 1))"), "longer than a record may have"));
	assert_string_equal(value_of(fixture, "length(upper(printf('%0600d', 1)))"), "600");
	assert_non_null(strstr(value_of(fixture, "printf('%019000d', 0) LIKE '%1%1'"), "more steps"));
	tear_down(fixture);
}

static void
long_texts_are_refused_or_done(void **state)
{
	(void)state;
	CHECK({ "length(upper(printf('%0900000d', 1)))", "900000" },
	      { "length(concat(printf('%0600000d', 1), printf('%0600000d', 1)))", "error: longer than a text" },
	      { "length(upper(replace(printf('%0400000d', 0), '0', '\xC3\x9F')))", "800000" },
	      { "length(fold(replace(printf('%0200000d', 0), '0', char(776))))", "0" },
	      { "length(nfc(replace(printf('%0100000d', 0), '0', char(776, 803))))", "200000" },
	      { "length(regexp_replace(printf('%0600000d', 0), '0', 'xx'))", "error: " });
}

static void
the_list_is_sorted_and_registered(void **state)
{
	size_t count;
	const struct rules_function *functions = rules_functions(&count);
	struct fixture *fixture = set_up(NULL);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct rules_function *f = &functions[i];

		assert_true(i == 0 || strcmp(functions[i - 1].name, f->name) < 0);
		assert_true(f->min_arguments <= f->max_arguments && f->max_arguments <= 16 && f->version >= 1);
		assert_true(strlen(f->help) > 10 && strlen(f->usage) > 2 && strlen(f->help) < 160);
		assert_ptr_equal(rules_function_find(f->name), f);
	}
	assert_ptr_equal(rules_function_find("UPPER"), rules_function_find("upper"));
	for (unsigned i = 0; i < 12; i++) {
		static const char *const refused[] = { "load_extension", "random", "randomblob", "zeroblob", "changes", "total_changes", "last_insert_rowid",
			"sqlite_version", "fts3_tokenizer", "current_date", "current_timestamp", "readfile" };

		assert_null(rules_function_find(refused[i]));
	}
	assert_string_equal(rules_function_nearest("dec_ad"), "dec_add");
	tear_down(fixture);
}

/* A file of the source tree, whole. */
static char *
read_source(const char *name)
{
	char path[4096], *text;
	size_t size;
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", getenv("SYNCLINE_SOURCE"), name);
	file = fopen(path, "r");
	assert_non_null(file);
	text = calloc(1, 1 << 20);
	assert_non_null(text);
	size = fread(text, 1, (1 << 20) - 1, file);
	assert_true(size > 0 && size < (1 << 20) - 1);
	fclose(file);
	return text;
}

static void
the_manual_has_every_function(void **state)
{
	size_t count;
	const struct rules_function *functions = rules_functions(&count);
	char *page, *markdown;

	(void)state;
	if (getenv("SYNCLINE_SOURCE") == NULL)
		skip();
	page = read_source("docs/man/syncline-rules.7");
	markdown = read_source("docs/functions.md");
	for (size_t i = 0; i < count; i++) {
		char wanted[300];

		snprintf(wanted, sizeof wanted, ".It Li \"%s\"\n", functions[i].usage);
		if (strstr(page, wanted) == NULL)
			fail_msg("syncline-rules(7) lacks the line %s", wanted);
		snprintf(wanted, sizeof wanted, "| `%s` | %s |", functions[i].usage, functions[i].help);
		if (strstr(markdown, wanted) == NULL)
			fail_msg("docs/functions.md lacks the line %s", wanted);
	}
	free(page);
	free(markdown);
}

static void
the_version_names_functions_and_zones(void **state)
{
	struct fixture *fixture = set_up(NULL);
	struct buffer version, again;
	struct error err;

	(void)state;
	buffer_init(&version, 0);
	buffer_init(&again, 0);
	assert_int_equal(rules_functions_version(fixture->context, &version, &err), 0);
	assert_int_equal(rules_functions_version(fixture->context, &again, &err), 0);
	assert_string_equal(buffer_string(&version), buffer_string(&again));
	assert_non_null(strstr(buffer_string(&version), "dec_add:1 "));
	assert_non_null(strstr(buffer_string(&version), "zones:"));
	buffer_free(&version);
	buffer_free(&again);
	tear_down(fixture);
}

/* A version 2 file with one transition and a footer, to damage. */
static size_t
make_zone_file(unsigned char *file)
{
	static const unsigned char header[44] = { 'T', 'Z', 'i', 'f', '2', [35] = 1, [39] = 2, [43] = 4 };
	static const unsigned char types[] = { 0, 0, 0, 0, 0, 0, 0, 0, 14, 16, 1, 0, 'A', 'B', 'C', 0 };
	size_t length = 0;

	for (unsigned size = 4; size <= 8; size += 4) {
		memcpy(file + length, header, 44);
		length += 44;
		memset(file + length, 0, size);
		file[length + size - 1] = 100;
		length += size;
		file[length++] = 1;
		memcpy(file + length, types, sizeof types);
		length += sizeof types;
	}
	memcpy(file + length, "\nABC-1\n", 7);
	return length + 7;
}

static void
damaged_zone_files_are_refused(void **state)
{
	unsigned char file[256], hurt[256];
	size_t size = make_zone_file(file);
	struct error err;
	struct zone *zone = zone_parse(file, size, "Test", &err);

	(void)state;
	assert_non_null(zone);
	assert_int_equal(zone_offset(zone, 99), 0);
	assert_int_equal(zone_offset(zone, 100), 3600);
	assert_int_equal(zone_from_clock(zone, 50), 50);
	zone_free(zone);
	for (size_t cut = 0; cut < size; cut++) {
		memcpy(hurt, file, cut);
		assert_null(zone_parse(hurt, cut, "Test", &err));
	}
	/* Every byte with every bit turned: it is read or refused, and never more than that. */
	for (size_t at = 0; at < size; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(hurt, file, size);
			hurt[at] ^= (unsigned char)(1u << bit);
			zone = zone_parse(hurt, size, "Test", &err);
			if (zone != NULL)
				(void)zone_from_clock(zone, zone_offset(zone, INT64_C(4000000000)));
			zone_free(zone);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decimals_are_exact),
		cmocka_unit_test(text_is_text_in_all_scripts),
		cmocka_unit_test(dates_exist_or_are_errors),
		cmocka_unit_test(json_numbers_keep_their_digits),
		cmocka_unit_test(identifiers_have_one_form),
		cmocka_unit_test(the_world_is_asked),
		cmocka_unit_test(budgets_end_a_record_and_not_the_next),
		cmocka_unit_test(long_texts_are_refused_or_done),
		cmocka_unit_test(the_list_is_sorted_and_registered),
		cmocka_unit_test(the_manual_has_every_function),
		cmocka_unit_test(the_version_names_functions_and_zones),
		cmocka_unit_test(damaged_zone_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
