/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql_text.c: the text functions as SQL has them.  Used by the worker's thread alone.
 */
#include "rules/functions/sql.h"

#include <string.h>

#include "rules/functions/similarity.h"
#include "rules/functions/unicode.h"

/* A function from one text to another. */
static void
map_text(sqlite3_context *sql, int count, sqlite3_value **arguments, int (*map)(const char *, size_t, struct buffer *))
{
	struct buffer *out = &sql_call(sql)->context->out;
	struct sql_text text;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &text))
		return;
	buffer_clear(out);
	sql_result_buffer(sql, map(text.data, text.length, out), out);
}

static void upper(sqlite3_context *sql, int count, sqlite3_value **arguments) { map_text(sql, count, arguments, unicode_upper); }
static void lower(sqlite3_context *sql, int count, sqlite3_value **arguments) { map_text(sql, count, arguments, unicode_lower); }
static void fold(sqlite3_context *sql, int count, sqlite3_value **arguments) { map_text(sql, count, arguments, unicode_fold); }
static void nfc(sqlite3_context *sql, int count, sqlite3_value **arguments) { map_text(sql, count, arguments, unicode_nfc); }

static void
trim_sides(sqlite3_context *sql, int count, sqlite3_value **arguments, bool left, bool right)
{
	struct sql_text text, set = { NULL, 0 };

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &text) || (count > 1 && !sql_get_text(sql, arguments, 1, &set)))
		return;
	if (set.length > 0 && !sql_charge(sql, (uint64_t)text.length * set.length))
		return;
	unicode_trim(&text.data, &text.length, set.data, set.length, left, right);
	sql_result_text(sql, text.data, text.length);
}

static void trim(sqlite3_context *sql, int count, sqlite3_value **arguments) { trim_sides(sql, count, arguments, true, true); }
static void ltrim(sqlite3_context *sql, int count, sqlite3_value **arguments) { trim_sides(sql, count, arguments, true, false); }
static void rtrim(sqlite3_context *sql, int count, sqlite3_value **arguments) { trim_sides(sql, count, arguments, false, true); }

/* like(pattern, text [, escape]), as SQLite calls it for `text LIKE pattern`. */
static void
like(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct sql_text pattern, text, escape;
	int32_t escape_code = 0;
	uint64_t steps = 0;
	bool fits;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &pattern) || !sql_get_text(sql, arguments, 1, &text))
		return;
	if (pattern.length > (size_t)sqlite3_limit(sqlite3_context_db_handle(sql), SQLITE_LIMIT_LIKE_PATTERN_LENGTH, -1)) {
		sql_error(sql, "the pattern is too long; a regular expression may be longer");
		return;
	}
	if (count > 2) {
		const char *p, *end;

		if (!sql_get_text(sql, arguments, 2, &escape))
			return;
		p = escape.data;
		end = p + escape.length;
		if (p < end)
			escape_code = unicode_next(&p, end);
		if (escape.length == 0 || p != end) {
			sql_error(sql, "ESCAPE must be one character");
			return;
		}
	}
	fits = unicode_like(pattern.data, pattern.length, text.data, text.length, escape_code, &steps);
	if (sql_charge(sql, steps))
		sqlite3_result_int(sql, fits);
}

static void
concat(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct buffer *out = &sql_call(sql)->context->out;
	int status = 0;

	buffer_clear(out);
	for (int i = 0; i < count && status == 0; i++) {
		struct sql_text text;

		if (sqlite3_value_type(arguments[i]) == SQLITE_NULL)
			continue;
		if (!sql_get_text(sql, arguments, i, &text))
			return;
		status = buffer_append(out, text.data, text.length);
	}
	sql_result_buffer(sql, status, out);
}

static void
concat_ws(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct buffer *out = &sql_call(sql)->context->out;
	struct sql_text separator;
	bool first = true;
	int status = 0;

	if (sqlite3_value_type(arguments[0]) == SQLITE_NULL || !sql_get_text(sql, arguments, 0, &separator))
		return;
	buffer_clear(out);
	for (int i = 1; i < count && status == 0; i++) {
		struct sql_text text;

		if (sqlite3_value_type(arguments[i]) == SQLITE_NULL)
			continue;
		if (!sql_get_text(sql, arguments, i, &text))
			return;
		if (!first)
			status = buffer_append(out, separator.data, separator.length);
		first = false;
		if (status == 0)
			status = buffer_append(out, text.data, text.length);
	}
	sql_result_buffer(sql, status, out);
}

/* regexp(pattern, text), as SQLite calls it for `text REGEXP pattern`. */
static void
regexp(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct sql_text pattern, text;
	struct error err;
	int fits;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &pattern) || !sql_get_text(sql, arguments, 1, &text) ||
	    !sql_charge(sql, text.length * 16 + 256))
		return;
	fits = regex_match(sql_call(sql)->context->regexes, pattern.data, pattern.length, text.data, text.length, &err);
	if (fits < 0)
		sql_error_of(sql, &err);
	else
		sqlite3_result_int(sql, fits);
}

static void
regexp_replace(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct buffer *out = &sql_call(sql)->context->out;
	struct sql_text text, pattern, replacement;
	struct error err;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &text) || !sql_get_text(sql, arguments, 1, &pattern) ||
	    !sql_get_text(sql, arguments, 2, &replacement) || !sql_charge(sql, text.length * 16 + 256))
		return;
	buffer_clear(out);
	if (regex_replace(sql_call(sql)->context->regexes, pattern.data, pattern.length, text.data, text.length, replacement.data,
	                  replacement.length, out, &err) != 0)
		sql_error_of(sql, &err);
	else
		sql_result_buffer(sql, 0, out);
}

static void
similarity(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	struct rules_function_context *context = sql_call(sql)->context;
	struct sql_text a, b;
	uint64_t longest = SIMILARITY_CHARACTERS_MAX;
	double result;

	if (sql_any_null(count, arguments) || !sql_get_text(sql, arguments, 0, &a) || !sql_get_text(sql, arguments, 1, &b) ||
	    !sql_charge(sql, (a.length < longest ? a.length : longest) * (b.length < longest ? b.length : longest)))
		return;
	buffer_clear(&context->out);
	buffer_clear(&context->second);
	if (unicode_fold(a.data, a.length, &context->out) != 0 || unicode_fold(b.data, b.length, &context->second) != 0 ||
	    buffer_string(&context->out) == NULL || buffer_string(&context->second) == NULL)
		result = -1;
	else
		result = similarity_folded(context->out.data, context->out.length, context->second.data, context->second.length);
	if (result < 0)
		sqlite3_result_error_nomem(sql);
	else
		sqlite3_result_double(sql, result);
}

const struct sql_binding sql_text_functions[] = {
	{ "upper", upper, NULL, NULL, 0, false }, { "lower", lower, NULL, NULL, 0, false },
	{ "fold", fold, NULL, NULL, 0, false }, { "nfc", nfc, NULL, NULL, 0, false }, { "trim", trim, NULL, NULL, 0, false },
	{ "ltrim", ltrim, NULL, NULL, 0, false }, { "rtrim", rtrim, NULL, NULL, 0, false },
	{ "like", like, NULL, NULL, 0, false }, { "concat", concat, NULL, NULL, 0, false },
	{ "concat_ws", concat_ws, NULL, NULL, 0, false }, { "regexp", regexp, NULL, NULL, 0, false },
	{ "regexp_replace", regexp_replace, NULL, NULL, 0, false }, { "similarity", similarity, NULL, NULL, 0, false },
	{ NULL, NULL, NULL, NULL, 0, false },
};
