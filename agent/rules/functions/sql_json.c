/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql_json.c: reading JSON without losing digits.  SQLite's own -> keeps a number's text; what stands here looks at that text
 * before SQLite makes a double of it.  Used by the worker's thread alone.
 */
#include "rules/functions/json.h"

#include <string.h>

bool
json_number_parse(const char *text, size_t length, struct decimal *ret_value)
{
	char plain[DECIMAL_TEXT_MAX * 2], *out = plain, *limit = plain + sizeof plain - 1;
	const char *p = text, *end = text + length, *mark, *point;
	int exponent = 0, sign = 1;
	struct decimal value;

	for (mark = text; mark < end && *mark != 'e' && *mark != 'E'; mark++)
		;
	if (!decimal_parse(text, (size_t)(mark - text), &value))
		return false;
	if (mark == end) {
		*ret_value = value;
		return true;
	}
	p = mark + 1;
	if (p < end && (*p == '-' || *p == '+'))
		sign = *p++ == '-' ? -1 : 1;
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9' || (exponent = exponent * 10 + (*p - '0')) > 2 * DECIMAL_DIGITS_MAX)
			return false;
	}
	exponent *= sign;
	/* The point moves: digits without it, zeros where there are not enough. */
	if (exponent < 0) {
		if (value.scale - exponent > DECIMAL_DIGITS_MAX)
			return false;
		value.scale = (uint16_t)(value.scale - exponent);
		*ret_value = value;
		return true;
	}
	point = memchr(text, '.', (size_t)(mark - text));
	for (p = text; p < mark && out < limit; p++)
		if (*p != '.')
			*out++ = *p;
		else
			continue;
	exponent -= point != NULL ? (int)(mark - point - 1) : 0;
	for (; exponent > 0 && out < limit; exponent--)
		*out++ = '0';
	if (out == limit || !decimal_parse(plain, (size_t)(out - plain), &value))
		return false;
	value.scale = (uint16_t)-exponent;
	*ret_value = value;
	return true;
}

static void
skip_blanks(struct json_list *list)
{
	while (list->p < list->end && (*list->p == ' ' || *list->p == '\t' || *list->p == '\n' || *list->p == '\r'))
		list->p++;
}

bool
json_list_begin(struct json_list *list, const char *text, size_t length)
{
	list->p = text;
	list->end = text + length;
	skip_blanks(list);
	if (list->p == list->end || *list->p != '[')
		return false;
	list->p++;
	return true;
}

int
json_list_next(struct json_list *list, const char **ret_element, size_t *ret_length)
{
	unsigned depth = 0;
	bool quoted = false;
	const char *start;

	skip_blanks(list);
	if (list->p < list->end && *list->p == ',') {
		list->p++;
		skip_blanks(list);
	}
	for (start = list->p; list->p < list->end; list->p++) {
		char c = *list->p;

		if (quoted) {
			if (c == '\\' && list->p + 1 < list->end)
				list->p++;
			else if (c == '"')
				quoted = false;
		} else if (c == '"') {
			quoted = true;
		} else if (c == '[' || c == '{') {
			depth++;
		} else if (depth > 0 && (c == ']' || c == '}')) {
			depth--;
		} else if (depth == 0 && (c == ',' || c == ']')) {
			break;
		}
	}
	if (list->p == start)
		return 0;
	*ret_element = start;
	*ret_length = (size_t)(list->p - start);
	return 1;
}

bool
json_check(sqlite3_context *sql, sqlite3_value *value)
{
	static const char text[] = "SELECT json_valid(?1)";
	sqlite3_stmt *statement = sql_plain(sql, text, text, 1, &value);
	bool valid;

	if (statement == NULL)
		return false;
	valid = sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_int(statement, 0) != 0;
	sqlite3_reset(statement);
	if (!valid)
		sql_error(sql, "argument 1 must be JSON");
	return valid;
}

/* After a step that gave no row. */
static void
step_error(sqlite3_context *sql, sqlite3_stmt *statement)
{
	sql_error(sql, "%s", sqlite3_errmsg(sqlite3_db_handle(statement)));
	sqlite3_reset(statement);
}

static int
read_number(sqlite3_context *sql, const char *text, size_t length, struct decimal *ret_value)
{
	while (length > 0 && strchr(" \t\r\n", *text) != NULL) {
		text++;
		length--;
	}
	while (length > 0 && strchr(" \t\r\n", text[length - 1]) != NULL)
		length--;
	if (length == 4 && memcmp(text, "null", 4) == 0)
		return 0;
	if (json_number_parse(text, length, ret_value))
		return 1;
	/* Many systems send their decimals as strings. */
	if (length >= 3 && text[0] == '"' && decimal_parse(text + 1, length - 2, ret_value))
		return 1;
	sql_error(sql, "%.*s is not a number of at most 1,000 digits", (int)(length < 60 ? length : 60), text);
	return -1;
}

int
json_decimal(sqlite3_context *sql, const char *text, size_t length, sqlite3_value *path, struct decimal *ret_value)
{
	static const char query[] = "SELECT ?1 -> ?2";
	sqlite3_stmt *statement;
	int found;

	if (path == NULL || (sqlite3_value_type(path) == SQLITE_TEXT && sqlite3_value_bytes(path) == 1 && *sqlite3_value_text(path) == '$'))
		return sql_charge(sql, length + 1) ? read_number(sql, text, length, ret_value) : -1;
	if (!sql_charge(sql, length + 1) || (statement = sql_plain(sql, query, query, 0, NULL)) == NULL)
		return -1;
	if (sqlite3_bind_text64(statement, 1, text, length, SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK ||
	    sqlite3_bind_value(statement, 2, path) != SQLITE_OK) {
		sqlite3_result_error_nomem(sql);
		return -1;
	}
	if (sqlite3_step(statement) != SQLITE_ROW) {
		step_error(sql, statement);
		return -1;
	}
	if (sqlite3_column_type(statement, 0) == SQLITE_NULL)
		found = 0;
	else
		found = read_number(sql, (const char *)sqlite3_column_text(statement, 0), (size_t)sqlite3_column_bytes(statement, 0), ret_value);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return found;
}

static void
json_number(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct sql_text text;
	struct decimal value;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &text) || !json_check(sql, arguments[0]))
		return;
	if (json_decimal(sql, text.data, text.length, count > 1 ? arguments[1] : NULL, &value) > 0)
		sql_result_decimal(sql, &value);
}

/* A JSON number as SQL has it is only right when a double, or an integer of 64 bits, holds all of its digits. */
static bool
number_fits(const char *text, size_t length)
{
	unsigned digits = 0, zeros = 0;
	bool fraction = false;

	for (size_t i = 0; i < length && text[i] != 'e' && text[i] != 'E'; i++) {
		if (text[i] == '.')
			fraction = true;
		else if (text[i] == '0')
			zeros += digits > 0;
		else if (text[i] != '-') {
			digits += zeros + 1;
			zeros = 0;
		}
	}
	fraction = fraction || memchr(text, 'e', length) != NULL || memchr(text, 'E', length) != NULL;
	if (fraction)
		return digits <= 15;
	digits += zeros;
	/* SQLite makes an integer of what fits in 64 bits and a double of the rest; 18 digits fit always. */
	return digits <= 18;
}

/* Two columns: the JSON text there, and what SQLite makes of it. */
static void
extract(sqlite3_context *sql, sqlite3_value **arguments, const char *query, bool json_result)
{
	struct sql_text text;
	sqlite3_stmt *statement;
	const char *found;

	if (!sql_get_text(sql, arguments, 0, &text) || (statement = sql_plain(sql, query, query, 2, arguments)) == NULL)
		return;
	if (sqlite3_step(statement) != SQLITE_ROW) {
		step_error(sql, statement);
		return;
	}
	found = (const char *)sqlite3_column_text(statement, 0);
	if (found != NULL && (*found == '-' || (*found >= '0' && *found <= '9')) &&
	    !number_fits(found, (size_t)sqlite3_column_bytes(statement, 0)))
		sql_error(sql, "%.60s has more digits than SQL's numbers keep; json_number() gives it as a decimal", found);
	else if (found != NULL) {
		sqlite3_result_value(sql, sqlite3_column_value(statement, 1));
		if (json_result && (*found == '{' || *found == '['))
			sqlite3_result_subtype(sql, 'J');
	}
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

static void
arrow(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	if (!sql_any_null(count, arguments))
		extract(sql, arguments, "SELECT ?1 -> ?2, ?1 ->> ?2", false);
}

static void
json_extract(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	if (!sql_any_null(count, arguments))
		extract(sql, arguments, "SELECT ?1 -> ?2, json_extract(?1, ?2)", true);
}

const struct sql_binding sql_json_functions[] = {
	{ "->>", arrow, NULL, NULL, 0, false }, { "json_extract", json_extract, NULL, NULL, 0, true },
	{ "json_number", json_number, NULL, NULL, 0, false }, { NULL, NULL, NULL, NULL, 0, false },
};
