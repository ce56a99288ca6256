/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql_world.c: the functions whose answers the engine has: lookups, links, the run and the record.  Used by the worker's
 * thread alone.
 */
#include "rules/functions/sql.h"

#include <string.h>

static const struct { const char *name; enum rules_question question; } questions[] = {
	{ "lookup", RULES_ASK_LOOKUP }, { "ref", RULES_ASK_REF }, { "link", RULES_ASK_LINK }, { "url", RULES_ASK_URL },
	{ "content", RULES_ASK_CONTENT }, { "unit", RULES_ASK_UNIT }, { "record_id", RULES_ASK_RECORD_ID }, { "run_time", RULES_ASK_RUN_TIME },
	{ "today", RULES_ASK_TODAY }, { "sync_state", RULES_ASK_SYNC_STATE }, { "sync_error", RULES_ASK_SYNC_ERROR },
};

/* false after an error was set. */
static bool
to_value(sqlite3_context *sql, sqlite3_value **arguments, int index, struct syncline_value *ret_value)
{
	struct sql_text text;

	memset(ret_value, 0, sizeof *ret_value);
	switch (sqlite3_value_type(arguments[index])) {
	case SQLITE_INTEGER:
		ret_value->type = SYNCLINE_TYPE_INTEGER;
		ret_value->u.integer = sqlite3_value_int64(arguments[index]);
		return true;
	case SQLITE_BLOB:
		ret_value->type = SYNCLINE_TYPE_BYTES;
		ret_value->u.data = sqlite3_value_blob(arguments[index]);
		ret_value->length = (uint32_t)sqlite3_value_bytes(arguments[index]);
		return true;
	default:
		if (!sql_get_text(sql, arguments, index, &text))
			return false;
		ret_value->type = sqlite3_value_type(arguments[index]) == SQLITE_FLOAT ? SYNCLINE_TYPE_DECIMAL : SYNCLINE_TYPE_TEXT;
		ret_value->u.data = text.data;
		ret_value->length = (uint32_t)text.length;
		return true;
	}
}

static void
give(sqlite3_context *sql, const struct syncline_value *value)
{
	struct date_value date;
	char text[40];

	switch (value->type) {
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER: sqlite3_result_int64(sql, value->u.integer); return;
	case SYNCLINE_TYPE_BYTES: sqlite3_result_blob64(sql, value->u.data, value->length, SQLITE_TRANSIENT); return;
	case SYNCLINE_TYPE_DATE:
	case SYNCLINE_TYPE_TIMESTAMP:
		date = (struct date_value){ value->type == SYNCLINE_TYPE_DATE, value->u.integer };
		sql_result_text(sql, text, date_write(&date, text));
		return;
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_JSON:
	case SYNCLINE_TYPE_CONTENT: sql_result_text(sql, value->u.data, value->length); return;
	default: return; /* NULL; ABSENT is NULL to SQL, and the environment remembers */
	}
}

static void
ask(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	const struct sql_call *call = sql_call(sql);
	const struct rules_function_environment *environment = call->context->environment;
	struct syncline_value values[SQL_ARGUMENTS_MAX], answer = { .type = SYNCLINE_TYPE_NULL };
	enum rules_question question = RULES_ASK_COUNT;
	struct error err;

	error_clear(&err);
	for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
		if (strcmp(questions[i].name, call->function->name) == 0)
			question = questions[i].question;
	if (environment == NULL || environment->answer == NULL) {
		sql_error(sql, "it can't be used here");
		return;
	}
	if (sql_any_null(count, arguments))
		return;
	if (count > 0 && sqlite3_value_type(arguments[0]) != SQLITE_TEXT) {
		sql_error(sql, "argument 1 must be a name, as text");
		return;
	}
	for (int i = 0; i < count; i++)
		if (!to_value(sql, arguments, i, &values[i]))
			return;
	if (environment->answer(environment->context, question, values, (uint32_t)count, &answer, &err) != 0)
		sql_error_of(sql, &err);
	else
		give(sql, &answer);
}

const struct sql_binding sql_world_functions[] = {
	{ "lookup", ask, NULL, NULL, 0, false }, { "ref", ask, NULL, NULL, 0, false }, { "link", ask, NULL, NULL, 0, false },
	{ "url", ask, NULL, NULL, 0, false }, { "content", ask, NULL, NULL, 0, false }, { "unit", ask, NULL, NULL, 0, false },
	{ "record_id", ask, NULL, NULL, 0, false }, { "run_time", ask, NULL, NULL, 0, false },
	{ "today", ask, NULL, NULL, 0, false }, { "sync_state", ask, NULL, NULL, 0, false },
	{ "sync_error", ask, NULL, NULL, 0, false }, { NULL, NULL, NULL, NULL, 0, false },
};
