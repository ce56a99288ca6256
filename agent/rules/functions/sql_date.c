/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql_date.c: dates as SQL has them.  date(), strftime() and their like are SQLite's own behind a check: a value must be a
 * date that exists, nothing asks the machine for its clock or zone, and what SQLite can't do is an error instead of NULL.
 * Used by the worker's thread alone.
 */
#include "rules/functions/sql.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

static bool
get_date(sqlite3_context *sql, sqlite3_value **arguments, int index, struct date_value *ret_value)
{
	struct sql_text text;

	if (!sql_get_text(sql, arguments, index, &text))
		return false;
	if (date_read(text.data, text.length, ret_value))
		return true;
	sql_error(sql, "argument %d must be a date (2026-02-28) or a timestamp (2026-02-28T12:30:00Z) that exists and is '%.*s'", index + 1,
	          (int)(text.length < 60 ? text.length : 60), text.data);
	return false;
}

static void
parse(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	const struct zone *zone = NULL;
	struct sql_text text, format;
	struct date_value value;
	struct error err;
	char written[40];

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &text) || !sql_get_text(sql, arguments, 1, &format) ||
	    (count > 2 && !sql_get_zone(sql, arguments, 2, &zone)))
		return;
	if (date_parse(text.data, text.length, format.data, format.length, zone, &value, &err) != 0)
		sql_error_of(sql, &err);
	else
		sql_result_text(sql, written, date_write(&value, written));
}

static void
format_date(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct buffer *out = &sql_call(sql)->context->out;
	const struct zone *zone = NULL;
	struct date_value value;
	struct sql_text format;
	struct error err;

	if (sql_any_null(count, arguments) || !get_date(sql, arguments, 0, &value) || !sql_get_text(sql, arguments, 1, &format) ||
	    (count > 2 && !sql_get_zone(sql, arguments, 2, &zone)))
		return;
	buffer_clear(out);
	if (date_format(&value, format.data, format.length, zone, out, &err) != 0)
		sql_error_of(sql, &err);
	else
		sql_result_buffer(sql, 0, out);
}

static bool
is_word(sqlite3_value *value, const char *word)
{
	const char *text = sqlite3_value_type(value) == SQLITE_TEXT ? (const char *)sqlite3_value_text(value) : NULL;

	return text != NULL && strcasecmp(text, word) == 0;
}

/* The value and modifiers of one of SQLite's date functions: false after an error was set. */
static bool
check_time(sqlite3_context *sql, int first, int count, sqlite3_value **arguments)
{
	sqlite3_value *value = arguments[first];
	struct sql_text text;
	int64_t days;

	for (int i = first; i < count; i++) {
		if (is_word(arguments[i], "now")) {
			sql_error(sql, "'now' differs from run to run; use today() or run_time()");
			return false;
		}
		if (i > first && (is_word(arguments[i], "localtime") || is_word(arguments[i], "utc"))) {
			sql_error(sql, "the machine's own zone is not used; date_format() and date_parse() take a zone");
			return false;
		}
	}
	if (sqlite3_value_type(value) != SQLITE_TEXT || sqlite3_value_numeric_type(value) != SQLITE_TEXT) {
		if (sqlite3_value_type(value) != SQLITE_BLOB && count > first + 1 &&
		    (is_word(arguments[first + 1], "unixepoch") || is_word(arguments[first + 1], "julianday") || is_word(arguments[first + 1], "auto")))
			return true;
		sql_error(sql, "argument %d is a number; what it means must be said, as in date(x, 'unixepoch'), or read it with date_parse()",
		          first + 1);
		return false;
	}
	if (!sql_get_text(sql, arguments, first, &text))
		return false;
	/* SQLite takes the 30th of February for the 2nd of March. */
	if (text.length >= 10 && text.data[4] == '-' && !text_to_date(text.data, 10, &days)) {
		sql_error(sql, "'%.*s' is not a date that exists", (int)(text.length < 60 ? text.length : 60), text.data);
		return false;
	}
	return true;
}

static void
plain_date(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	const struct rules_function *function = sql_call(sql)->function;
	int first = function->min_arguments - 1, length;
	char query[64 + 4 * SQL_ARGUMENTS_MAX];
	sqlite3_stmt *statement;

	if (sql_any_null(count, arguments) || !check_time(sql, first, count, arguments) || !sql_charge(sql, 64 * (uint64_t)count))
		return;
	length = snprintf(query, sizeof query, "SELECT %s(", function->name);
	for (int i = 0; i < count; i++)
		length += snprintf(query + length, sizeof query - (size_t)length, i > 0 ? ",?" : "?");
	snprintf(query + length, sizeof query - (size_t)length, ")");
	if ((statement = sql_plain(sql, function, query, count, arguments)) == NULL)
		return;
	if (sqlite3_step(statement) != SQLITE_ROW)
		sql_error(sql, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
	else if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
		sql_error(sql, "'%.60s' is not a date or time, or a modifier or the format is wrong", (const char *)sqlite3_value_text(arguments[first]));
	else
		sqlite3_result_value(sql, sqlite3_column_value(statement, 0));
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

const struct sql_binding sql_date_functions[] = {
	{ "date_parse", parse, NULL, NULL, 0, false }, { "date_format", format_date, NULL, NULL, 0, false },
	{ "date", plain_date, NULL, NULL, 0, true }, { "time", plain_date, NULL, NULL, 0, true },
	{ "datetime", plain_date, NULL, NULL, 0, true }, { "julianday", plain_date, NULL, NULL, 0, true },
	{ "unixepoch", plain_date, NULL, NULL, 0, true }, { "strftime", plain_date, NULL, NULL, 0, true },
	{ NULL, NULL, NULL, NULL, 0, false },
};
