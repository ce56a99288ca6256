/* SPDX-License-Identifier: BSD-2-Clause */
/* rules_traps.c: every trap of SQLite that was measured when rules were designed, a test each, named after it. */
#include "rules_help.h"

/* UMSATZ is 9.50 and RABATT 50000.00 in the usual record. */
static void
bare_comparison_of_a_decimal(void **state)
{
	(void)state;
	assert_mistake("iif(UMSATZ > 50000, 'high', 'standard')", RULES_TEXT, -1, "dec_cmp");
	assert_gives("iif(dec_cmp(UMSATZ, '50000') > 0, 'high', 'standard')", RULES_TEXT, -1, "standard");
	assert_gives("iif(dec_cmp(RABATT, '49999.99') > 0, 'high', 'standard')", RULES_TEXT, -1, "high");
	assert_gives("iif(UMSATZ > 50000, 1, 2)", RULES_DECIMAL, 2, "2");
	assert_gives("iif(RABATT > 49999.99, 1, 2)", RULES_DECIMAL, 2, "1");
}

static void
coalesce_umsatz_is_not_greater_than_50000(void **state)
{
	(void)state;
	assert_gives("iif(coalesce(UMSATZ,0) > 50000, 1, 2)", RULES_DECIMAL, 2, "2");
	assert_gives("iif(coalesce(RABATT,0) >= 50000, 1, 2)", RULES_DECIMAL, 2, "1");
	assert_mistake("iif(coalesce(UMSATZ,0) > 50000, 'a', 'b')", RULES_TEXT, -1, "dec_cmp");
}

static void
plus_umsatz_is_not_greater_than_50000(void **state)
{
	(void)state;
	assert_gives("iif(+UMSATZ > 50000, 1, 2)", RULES_DECIMAL, 2, "2");
	assert_mistake("iif(+UMSATZ > 50000, 'a', 'b')", RULES_TEXT, -1, "dec_");
}

static void
iif_umsatz_is_not_greater_than_50000(void **state)
{
	(void)state;
	assert_gives("iif(iif(1,UMSATZ,0) > 50000, 1, 2)", RULES_DECIMAL, 2, "2");
	assert_gives("iif(CASE WHEN 1 THEN UMSATZ ELSE 0 END > 50000, 1, 2)", RULES_DECIMAL, 2, "2");
}

static void
max_of_decimal_and_number_is_the_greater_one(void **state)
{
	(void)state;
	assert_gives("max(UMSATZ, 50000)", RULES_DECIMAL, 2, "50000");
	assert_gives("greatest(UMSATZ, RABATT)", RULES_DECIMAL, 2, "50000.00");
	assert_gives("least(UMSATZ, RABATT)", RULES_DECIMAL, 2, "9.50");
	assert_gives("min(UMSATZ, 9)", RULES_DECIMAL, 2, "9");
}

static void
text_with_a_comma_plus_0_is_refused(void **state)
{
	struct syncline_value values[F_COUNT];
	struct outcome o;

	(void)state;
	assert_mistake("'1.234,50'+0", RULES_DECIMAL, 2, "text");
	assert_mistake("NAME1 + 0", RULES_DECIMAL, 2, "text");
	assert_mistake("abs(NAME1)", RULES_DECIMAL, 2, "text");
	assert_rejects("CAST('1.234,50' AS REAL)", RULES_DECIMAL, 2, "not a number");
	usual_values(values);
	values[F_ANY] = text_value("1.234,50");
	o = rule_over("ANY + 0", RULES_DECIMAL, 2, values);
	assert_true(o.rejected);
	assert_non_null(strstr(o.reason, "is not a number"));
}

static void
materialised_cte_keeps_a_decimal_right(void **state)
{
	(void)state;
	assert_gives("(WITH t(x) AS MATERIALIZED (SELECT RABATT) SELECT x FROM t)", RULES_DECIMAL, 2, "50000.00");
	assert_mistake("(WITH t(x) AS MATERIALIZED (SELECT RABATT) SELECT x FROM t)", RULES_TEXT, -1, "not exact");
}

static void
json_numbers_keep_their_digits_or_say_so(void **state)
{
	(void)state;
	assert_gives("address ->> '$.price'", RULES_DECIMAL, 2, "2.50");
	assert_gives("json_number(address, '$.price')", RULES_DECIMAL, 2, "2.50");
	assert_gives("json_number(address, '$.price')", RULES_TEXT, -1, "2.50");
	assert_gives("address -> '$.price'", RULES_JSON, -1, "2.50");
	assert_gives("address.price", RULES_DECIMAL, 2, "2.50");
	assert_gives("[address.geo.lat]", RULES_DECIMAL, 6, "51.050400");
	assert_gives("address.geo.n", RULES_DECIMAL, 0, "123456789012345678901");
	assert_gives("address -> '$.geo.n'", RULES_JSON, -1, "123456789012345678901");
	assert_rejects("address ->> '$.geo.n'", RULES_DECIMAL, 0, "json_number");
	assert_rejects("json_extract(address, '$.geo.n')", RULES_DECIMAL, 0, "json_number");
}

static void
long_decimals_name_the_exact_functions(void **state)
{
	(void)state;
	assert_rejects("BIG * 2", RULES_DECIMAL, 2, "dec_");
	assert_rejects("coalesce(BIG, 0) * 2", RULES_DECIMAL, 2, "dec_");
	assert_gives("dec_mul(BIG, 2)", RULES_DECIMAL, 2, "2469135780246913.56");
	assert_gives("coalesce(BIG, 0)", RULES_DECIMAL, 2, "1234567890123456.78");
	assert_gives("BIG || ''", RULES_TEXT, -1, "1234567890123456.78");
}

static void
decimals_in_arithmetic_are_rounded_to_the_scale(void **state)
{
	(void)state;
	assert_mistake("UMSATZ * 1.19", RULES_TEXT, -1, "not exact");
	assert_mistake("UMSATZ * 1.19", RULES_DECIMAL, -1, "not exact");
	assert_gives("UMSATZ * 1.19", RULES_DECIMAL, 2, "11.31"); /* 11.305 */
	assert_gives("UMSATZ / 4", RULES_DECIMAL, 2, "2.38");     /* 2.375 */
	assert_gives("-UMSATZ / 4", RULES_DECIMAL, 2, "-2.38");
	assert_gives("RABATT / 3", RULES_DECIMAL, 4, "16666.6667");
	assert_gives("UMSATZ - UMSATZ", RULES_DECIMAL, 2, "0.00");
	assert_gives("0.285 * 100", RULES_DECIMAL, 0, "29"); /* 28.499999999999996 in doubles */
}

static void
mistyped_quoted_field_is_no_literal(void **state)
{
	(void)state;
	assert_mistake("\"NAMEE1\" || 'x'", RULES_TEXT, -1, "NAME1");
	assert_mistake("(SELECT \"nirgends\" FROM json_each(POSITIONEN) LIMIT 1)", RULES_TEXT, -1, "nirgends");
}

static void
no_tail_and_one_column(void **state)
{
	(void)state;
	assert_mistake("NAME1) FROM record; SELECT (1", RULES_TEXT, -1, ")");
	assert_mistake("NAME1, NAME2", RULES_TEXT, -1, "\",\"");
	assert_mistake("(NAME1, NAME2)", RULES_TEXT, -1, "IN");
	assert_mistake("NAME1 /* no end", RULES_TEXT, -1, "comment");
	assert_gives("upper(NAME1) -- to the end", RULES_TEXT, -1, "MÜLLER");
	assert_mistake("?1", RULES_TEXT, -1, "variable");
	assert_mistake("(SELECT ?1)", RULES_TEXT, -1, "variable");
	assert_mistake("", RULES_TEXT, -1, "empty");
}

static void
no_rule_reads_another_record(void **state)
{
	(void)state;
	assert_mistake("(SELECT group_concat(NAME1) FROM record)", RULES_TEXT, -1, "own record");
	assert_mistake("(SELECT NAME1 FROM json_each('[1]'), record)", RULES_TEXT, -1, "own record");
	assert_mistake("(SELECT x FROM main.record)", RULES_TEXT, -1, "own record");
	assert_mistake("EXISTS (SELECT 1 FROM [record])", RULES_BOOLEAN, -1, "own record");
}

static void
no_table_of_sqlite_is_readable(void **state)
{
	(void)state;
	assert_mistake("(SELECT name FROM sqlite_master LIMIT 1)", RULES_TEXT, -1, "not allowed");
	assert_mistake("(SELECT name FROM pragma_function_list LIMIT 1)", RULES_TEXT, -1, "not allowed");
	assert_mistake("(SELECT sql FROM sqlite_schema LIMIT 1)", RULES_TEXT, -1, "not allowed");
}

static void
recursion_is_refused(void **state)
{
	(void)state;
	assert_mistake("(WITH RECURSIVE t(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM t) SELECT count(*) FROM t)", RULES_INTEGER, -1, "not allowed");
	assert_mistake("(WITH t(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM t) SELECT count(*) FROM t)", RULES_INTEGER, -1, "not allowed");
}

static void
functions_that_are_not_listed(void **state)
{
	static const char *const names[] = { "load_extension('x')", "random()", "randomblob(8)", "zeroblob(8)", "changes()", "total_changes()",
		                             "last_insert_rowid()", "sqlite_version()", "sqlite_source_id()", "sqlite_log(1, 'x')", "fts3_tokenizer('x')",
		                             "syn_number(1)" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char inside[100];

		assert_mistake(names[i], RULES_TEXT, -1, "no function");
		if (strstr(names[i], "syn_") != NULL)
			continue;
		snprintf(inside, sizeof inside, "(SELECT %s FROM json_each('[1]'))", names[i]);
		assert_false(rule_over(inside, RULES_TEXT, -1, NULL).compiled);
	}
	assert_mistake("CURRENT_DATE", RULES_DATE, -1, "today()");
	assert_mistake("(SELECT CURRENT_TIMESTAMP)", RULES_TEXT, -1, "not allowed");
}

static void
dates_refuse_now(void **state)
{
	(void)state;
	assert_false(rule_over("date('now')", RULES_DATE, -1, NULL).compiled);
	assert_false(rule_over("date()", RULES_DATE, -1, NULL).compiled);
	assert_false(rule_over("strftime('%s', 'now')", RULES_TEXT, -1, NULL).compiled);
	assert_true(rule_over("date(coalesce(NAME1, '') || 'now')", RULES_DATE, -1, NULL).rejected);
}

static void
aggregates_belong_into_subqueries(void **state)
{
	(void)state;
	assert_mistake("sum(MENGE)", RULES_INTEGER, -1, "json_each");
	assert_mistake("count(*)", RULES_INTEGER, -1, "record");
	assert_mistake("max(MENGE)", RULES_INTEGER, -1, "json_each");
	assert_mistake("row_number() OVER ()", RULES_INTEGER, -1, "record");
	assert_mistake("sum(MENGE) OVER ()", RULES_INTEGER, -1, "record");
	/* An aggregate over the outer record alone belongs to the outer query: the row count gives it away. */
	assert_mistake("(SELECT sum(MENGE) FROM json_each('[1,2]'))", RULES_INTEGER, -1, "record");
	assert_gives("(SELECT count(*) FROM json_each(POSITIONEN))", RULES_INTEGER, -1, "2");
	assert_gives("(SELECT dec_sum(value ->> 'MENGE') FROM json_each(POSITIONEN))", RULES_DECIMAL, 3, "3.500");
	assert_gives("(SELECT sum(value ->> 'POS' * record.MENGE) FROM json_each(POSITIONEN))", RULES_INTEGER, -1, "21");
}

static void
budgets_end_what_takes_long(void **state)
{
	(void)state;
	assert_rejects("(SELECT count(*) FROM json_each('[1,2,3,4,5,6,7,8,9,0]') a, json_each('[1,2,3,4,5,6,7,8,9,0]') b,"
	               " json_each('[1,2,3,4,5,6,7,8,9,0]') c, json_each('[1,2,3,4,5,6,7,8,9,0]') d, json_each('[1,2,3,4,5,6,7,8,9,0]') e,"
	               " json_each('[1,2,3,4,5,6,7,8,9,0]') f, json_each('[1,2,3,4,5,6,7,8,9,0]') g WHERE NAME1 <> '')",
	               RULES_INTEGER, -1, "too long");
}

static void
limits_hold(void **state)
{
	char deep[600], *longest = malloc(20001);

	(void)state;
	memset(deep, 0, sizeof deep);
	for (int i = 0; i < 100; i++)
		strcat(deep, "(");
	strcat(deep, "1");
	for (int i = 0; i < 100; i++)
		strcat(deep, ")");
	assert_mistake(deep, RULES_INTEGER, -1, "64 deep");
	assert_non_null(longest);
	memset(longest, ' ', 20000);
	longest[0] = '1';
	longest[20000] = '\0';
	assert_mistake(longest, RULES_INTEGER, -1, "16 KiB");
	free(longest);
	assert_mistake("concat(1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17)", RULES_TEXT, -1, "concat");
	assert_false(rule_over("(SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5)", RULES_INTEGER, -1, NULL).compiled);
	assert_rejects("replace(format('%01100d', 0), '0', format('%01100d', MENGE)) || NAME1", RULES_TEXT, -1, "1 MiB");
}

static void
text_is_never_equal_to_a_number(void **state)
{
	(void)state;
	assert_mistake("PLZ = 1067", RULES_BOOLEAN, -1, "text");
	assert_mistake("PLZ IN (1067, 1069)", RULES_BOOLEAN, -1, "text");
	assert_mistake("CASE PLZ WHEN 1067 THEN 1 END", RULES_INTEGER, -1, "text");
	assert_gives("PLZ = '01067'", RULES_BOOLEAN, -1, "true");
	assert_mistake("lookup('country', NAME1) > 5", RULES_BOOLEAN, -1, "text");
	assert_gives("ANY > 2", RULES_BOOLEAN, -1, "true");
	assert_gives("ANY = '2.50'", RULES_BOOLEAN, -1, "true");
}

static void
times_compare_as_times(void **state)
{
	(void)state;
	assert_gives("STAND > '2026-02-27T12:29:59.5Z'", RULES_BOOLEAN, -1, "true");
	assert_gives("STAND = '2026-02-27T13:30:00+01:00'", RULES_BOOLEAN, -1, "true");
	assert_gives("STAND < DATUM", RULES_BOOLEAN, -1, "false");
	assert_gives("DATUM >= '2026-02-27'", RULES_BOOLEAN, -1, "true");
	assert_mistake("DATUM = '2026-02-30'", RULES_BOOLEAN, -1, "not a date");
	assert_mistake("DATUM > 20260101", RULES_BOOLEAN, -1, "date");
}

static void
a_text_is_no_condition(void **state)
{
	(void)state;
	assert_mistake("iif(NAME1, 1, 2)", RULES_INTEGER, -1, "condition");
	assert_mistake("NAME1 AND AKTIV", RULES_BOOLEAN, -1, "condition");
	assert_mistake("iif(UMSATZ, 1, 2)", RULES_INTEGER, -1, "condition");
}

static void
record_columns_cannot_be_named(void **state)
{
	(void)state;
	assert_mistake("[#0] || 'x'", RULES_TEXT, -1, "no field");
	assert_mistake("(SELECT [#0])", RULES_TEXT, -1, "no field");
	assert_false(rule_over("rowid", RULES_INTEGER, -1, NULL).compiled);
	assert_false(rule_over("(SELECT record.rowid)", RULES_INTEGER, -1, NULL).compiled);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bare_comparison_of_a_decimal),
		cmocka_unit_test(coalesce_umsatz_is_not_greater_than_50000),
		cmocka_unit_test(plus_umsatz_is_not_greater_than_50000),
		cmocka_unit_test(iif_umsatz_is_not_greater_than_50000),
		cmocka_unit_test(max_of_decimal_and_number_is_the_greater_one),
		cmocka_unit_test(text_with_a_comma_plus_0_is_refused),
		cmocka_unit_test(materialised_cte_keeps_a_decimal_right),
		cmocka_unit_test(json_numbers_keep_their_digits_or_say_so),
		cmocka_unit_test(long_decimals_name_the_exact_functions),
		cmocka_unit_test(decimals_in_arithmetic_are_rounded_to_the_scale),
		cmocka_unit_test(mistyped_quoted_field_is_no_literal),
		cmocka_unit_test(no_tail_and_one_column),
		cmocka_unit_test(no_rule_reads_another_record),
		cmocka_unit_test(no_table_of_sqlite_is_readable),
		cmocka_unit_test(recursion_is_refused),
		cmocka_unit_test(functions_that_are_not_listed),
		cmocka_unit_test(dates_refuse_now),
		cmocka_unit_test(aggregates_belong_into_subqueries),
		cmocka_unit_test(budgets_end_what_takes_long),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(text_is_never_equal_to_a_number),
		cmocka_unit_test(times_compare_as_times),
		cmocka_unit_test(a_text_is_no_condition),
		cmocka_unit_test(record_columns_cannot_be_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
