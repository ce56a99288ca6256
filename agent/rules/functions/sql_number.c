/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql_number.c: decimals as SQL has them, and least and greatest.  Used by the worker's thread alone.
 */
#include "rules/functions/sql.h"

#include <stdlib.h>
#include <string.h>

#include "rules/functions/json.h"

static bool
two(sqlite3_context *sql, sqlite3_value **arguments, struct decimal *a, struct decimal *b)
{
	return sql_get_decimal(sql, arguments, 0, a) && sql_get_decimal(sql, arguments, 1, b);
}

/* What a multiplication or division of so many limbs costs. */
static bool
charge_product(sqlite3_context *sql, uint64_t a_limbs, uint64_t b_limbs)
{
	return sql_charge(sql, (a_limbs + 1) * (b_limbs + 1));
}

static void
result(sqlite3_context *sql, bool fits, const struct decimal *value)
{
	if (fits)
		sql_result_decimal(sql, value);
	else
		sql_error(sql, "the result has more than 1,000 digits");
}

static void
dec_add(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct decimal a, b;

	if (!sql_any_null(count, arguments) && two(sql, arguments, &a, &b))
		result(sql, decimal_add(&a, &b, &a), &a);
}

static void
dec_sub(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct decimal a, b;

	if (!sql_any_null(count, arguments) && two(sql, arguments, &a, &b))
		result(sql, decimal_subtract(&a, &b, &a), &a);
}

static void
dec_mul(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct decimal a, b;

	if (!sql_any_null(count, arguments) && two(sql, arguments, &a, &b) && charge_product(sql, a.count, b.count))
		result(sql, decimal_multiply(&a, &b, &a), &a);
}

static void
dec_cmp(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct decimal a, b;

	if (!sql_any_null(count, arguments) && two(sql, arguments, &a, &b))
		sqlite3_result_int(sql, decimal_compare(&a, &b));
}

static bool
get_mode(sqlite3_context *sql, sqlite3_value **arguments, int index, enum decimal_mode *ret_mode)
{
	struct sql_text name;

	if (!sql_get_text(sql, arguments, index, &name))
		return false;
	if (decimal_mode_by_name(name.data, name.length, ret_mode))
		return true;
	sql_error(sql, "argument %d must be 'half_up', 'half_even', 'half_down', 'up', 'down', 'ceiling' or 'floor'", index + 1);
	return false;
}

static void
dec_div(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	enum decimal_mode mode = DECIMAL_HALF_UP;
	struct decimal a, b;
	int64_t scale;

	if (sql_any_null(count, arguments) || !two(sql, arguments, &a, &b) || !sql_get_integer(sql, arguments, 2, 0, DECIMAL_DIGITS_MAX, &scale) ||
	    (count > 3 && !get_mode(sql, arguments, 3, &mode)))
		return;
	if (decimal_is_zero(&b)) {
		sql_error(sql, "division by zero; nullif() or iif() can catch it");
		return;
	}
	if (charge_product(sql, a.count + (uint64_t)scale / 9 + b.scale / 9, b.count))
		result(sql, decimal_divide(&a, &b, (int)scale, mode, &a), &a);
}

static void
dec_round(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	enum decimal_mode mode = DECIMAL_HALF_UP;
	struct decimal value;
	int64_t scale = 0;

	if (sql_any_null(count, arguments) || !sql_get_decimal(sql, arguments, 0, &value) ||
	    (count > 1 && !sql_get_integer(sql, arguments, 1, -DECIMAL_DIGITS_MAX, DECIMAL_DIGITS_MAX, &scale)) ||
	    (count > 2 && !get_mode(sql, arguments, 2, &mode)) || !charge_product(sql, value.count, (uint64_t)llabs(scale) / 9))
		return;
	result(sql, decimal_round(&value, (int)scale, mode, &value), &value);
}

/* What dec_sum() over rows keeps between them. */
struct sum {
	bool started, failed;
	struct decimal total;
};

static void
sum_step(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct sum *sum = sqlite3_aggregate_context(sql, sizeof *sum);
	struct decimal value;

	if (sum == NULL) {
		sqlite3_result_error_nomem(sql);
		return;
	}
	if (sql_any_null(count, arguments) || sum->failed)
		return;
	if (!sql_get_decimal(sql, arguments, 0, &value)) {
		sum->failed = true;
		return;
	}
	sum->failed = !decimal_add(&sum->total, &value, &sum->total);
	sum->started = true;
	if (sum->failed)
		sql_error(sql, "the sum has more than 1,000 digits");
}

static void
sum_final(sqlite3_context *sql)
{
	struct sum *sum = sqlite3_aggregate_context(sql, 0);

	if (sum != NULL && sum->started && !sum->failed)
		sql_result_decimal(sql, &sum->total);
}

/* dec_sum(list, path): NULL for a list without any number there, as SQL's sum() has it. */
static void
sum_list(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct sum sum = { 0 };
	struct json_list list;
	struct sql_text text, element;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &text))
		return;
	if (!json_check(sql, arguments[0]))
		return;
	if (!json_list_begin(&list, text.data, text.length)) {
		sql_error(sql, "argument 1 must be a JSON list");
		return;
	}
	while (json_list_next(&list, &element.data, &element.length) > 0) {
		struct decimal value;
		int found = json_decimal(sql, element.data, element.length, arguments[1], &value);

		if (found < 0)
			return;
		if (found == 0)
			continue;
		if (!decimal_add(&sum.total, &value, &sum.total)) {
			sql_error(sql, "the sum has more than 1,000 digits");
			return;
		}
		sum.started = true;
	}
	if (sum.started)
		sql_result_decimal(sql, &sum.total);
}

enum comparison { COMPARE_NUMBERS, COMPARE_DATES, COMPARE_TEXTS };

/* How these arguments compare: what they all are, else as texts; numbers beside texts that are none can't be compared. */
static bool
how_to_compare(sqlite3_context *sql, int count, sqlite3_value **arguments, enum comparison *ret_how)
{
	bool all_numbers = true, all_dates = true, any_number = false;

	for (int i = 0; i < count; i++) {
		struct sql_text text;
		struct decimal number;
		struct date_value date;

		if (sqlite3_value_type(arguments[i]) == SQLITE_INTEGER || sqlite3_value_type(arguments[i]) == SQLITE_FLOAT) {
			any_number = true;
			all_dates = false;
			continue;
		}
		if (!sql_get_text(sql, arguments, i, &text))
			return false;
		all_numbers = all_numbers && decimal_parse(text.data, text.length, &number);
		all_dates = all_dates && date_read(text.data, text.length, &date);
	}
	if (any_number && !all_numbers) {
		sql_error(sql, "the arguments are numbers and texts that are none, which have no order");
		return false;
	}
	*ret_how = all_numbers ? COMPARE_NUMBERS : all_dates ? COMPARE_DATES : COMPARE_TEXTS;
	return true;
}

static int64_t
microseconds(const struct sql_text *text)
{
	struct date_value date = { true, 0 };

	(void)date_read(text->data, text->length, &date);
	return date.is_date ? date.value * INT64_C(86400000000) : date.value;
}

/* -1, 0, 1; or 2 after an error was set. */
static int
compare_two(sqlite3_context *sql, sqlite3_value **arguments, int a, int b, enum comparison how)
{
	struct sql_text x, y;
	int order;

	if (how == COMPARE_NUMBERS) {
		struct decimal m, n;

		if (!sql_get_decimal(sql, arguments, a, &m) || !sql_get_decimal(sql, arguments, b, &n))
			return 2;
		return decimal_compare(&m, &n);
	}
	if (!sql_get_text(sql, arguments, a, &x) || !sql_get_text(sql, arguments, b, &y))
		return 2;
	if (how == COMPARE_DATES) {
		int64_t m = microseconds(&x), n = microseconds(&y);

		return m < n ? -1 : m > n;
	}
	order = memcmp(x.data, y.data, x.length < y.length ? x.length : y.length);
	if (order == 0)
		return x.length < y.length ? -1 : x.length > y.length;
	return order < 0 ? -1 : 1;
}

static void
choose(sqlite3_context *sql, int count, sqlite3_value **arguments, int wanted)
{
	enum comparison how;
	int best = 0;

	if (sql_any_null(count, arguments) || !how_to_compare(sql, count, arguments, &how))
		return;
	for (int i = 1; i < count; i++) {
		int order = compare_two(sql, arguments, i, best, how);

		if (order == 2)
			return;
		if (order == wanted)
			best = i;
	}
	sqlite3_result_value(sql, arguments[best]);
}

static void least(sqlite3_context *sql, int count, sqlite3_value **arguments) { choose(sql, count, arguments, -1); }
static void greatest(sqlite3_context *sql, int count, sqlite3_value **arguments) { choose(sql, count, arguments, 1); }

const struct sql_binding sql_number_functions[] = {
	{ "dec_add", dec_add, NULL, NULL, 0, false }, { "dec_sub", dec_sub, NULL, NULL, 0, false },
	{ "dec_mul", dec_mul, NULL, NULL, 0, false }, { "dec_div", dec_div, NULL, NULL, 0, false },
	{ "dec_cmp", dec_cmp, NULL, NULL, 0, false }, { "dec_round", dec_round, NULL, NULL, 0, false },
	{ "dec_sum", sum_list, NULL, NULL, 0, false }, { "dec_sum", NULL, sum_step, sum_final, 1, false },
	{ "least", least, NULL, NULL, 0, false }, { "greatest", greatest, NULL, NULL, 0, false },
	{ "min", least, NULL, NULL, 0, false }, { "max", greatest, NULL, NULL, 0, false }, { NULL, NULL, NULL, NULL, 0, false },
};
