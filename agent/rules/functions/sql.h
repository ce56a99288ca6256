/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sql.h: what the SQL side of the functions shares: the context of a worker, a call's arguments, budgets and errors.  Used by
 * the worker's thread alone.  Private to this folder.
 */
#ifndef RULES_FUNCTIONS_SQL_H
#define RULES_FUNCTIONS_SQL_H

#include <sqlite3.h>

#include "rules/functions.h"
#include "rules/functions/dates.h"
#include "rules/functions/decimal.h"
#include "rules/functions/regex.h"

#define SQL_ARGUMENTS_MAX 16
#define SQL_ZONES_MAX 64
#define SQL_STATEMENTS_MAX 96

struct sql_call; /* a function of one context: what SQLite hands to it as user data */

struct sql_zone {
	char name[65];
	struct zone *zone;
};

struct sql_statement {
	const void *key; /* which SQL: the address of its text, or of the function's row */
	int arguments;
	sqlite3_stmt *statement;
};

struct rules_function_context {
	const struct rules_function_environment *environment;
	uint64_t work, work_left;
	uint64_t bytes, bytes_left;
	char *zone_directory; /* NULL: the system's */
	uint32_t zone_count;
	struct sql_zone zones[SQL_ZONES_MAX];
	struct regex_cache *regexes;
	/* SQLite's own functions as they are without ours, on a connection that has nothing else. */
	sqlite3 *plain;
	uint32_t statement_count;
	struct sql_statement statements[SQL_STATEMENTS_MAX];
	struct buffer out, second;
	char numbers[SQL_ARGUMENTS_MAX][40]; /* arguments that are numbers, as text */
	struct sql_call *calls;
};

struct sql_call {
	struct rules_function_context *context;
	const struct rules_function *function;
};

struct sql_text {
	const char *data;
	size_t length;
};

static inline struct sql_call *
sql_call(sqlite3_context *sql)
{
	return sqlite3_user_data(sql);
}

/* True: an argument is NULL, so the result is NULL. */
static inline bool
sql_any_null(int count, sqlite3_value **arguments)
{
	for (int i = 0; i < count; i++)
		if (sqlite3_value_type(arguments[i]) == SQLITE_NULL)
			return true;
	return false;
}

/* Each gives false after it has set the statement's error, which names the function and the argument. */
bool sql_get_text(sqlite3_context *sql, sqlite3_value **arguments, int index, struct sql_text *ret_text);
bool sql_get_decimal(sqlite3_context *sql, sqlite3_value **arguments, int index, struct decimal *ret_value);
bool sql_get_integer(sqlite3_context *sql, sqlite3_value **arguments, int index, int64_t least, int64_t most, int64_t *ret_value);
bool sql_get_zone(sqlite3_context *sql, sqlite3_value **arguments, int index, const struct zone **ret_zone);
/* Takes steps from the record's budget. */
bool sql_charge(sqlite3_context *sql, uint64_t steps);

void sql_error(sqlite3_context *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sql_error_of(sqlite3_context *sql, const struct error *err);
/* The result, taken from the record's budget of bytes. */
void sql_result_text(sqlite3_context *sql, const char *data, size_t length);
/* The contents of `out` when `status` is 0; otherwise there is no memory.  Gives memory back when it is a lot. */
void sql_result_buffer(sqlite3_context *sql, int status, struct buffer *out);
void sql_result_decimal(sqlite3_context *sql, const struct decimal *value);

/*
 * A statement on the plain connection, prepared once, with the arguments bound.  NULL after an error was set.  `key` stands
 * for the SQL, which is only looked at the first time.
 */
sqlite3_stmt *sql_plain(sqlite3_context *sql, const void *key, const char *text, int count, sqlite3_value **arguments);

typedef void sql_function(sqlite3_context *sql, int count, sqlite3_value **arguments);
struct sql_binding {
	const char *name;
	sql_function *scalar; /* or, for an aggregate: */
	sql_function *step;
	void (*final)(sqlite3_context *sql);
	int arguments;   /* of the aggregate */
	bool hides_more; /* SQLite's function of the same name takes other numbers of arguments, too: they are refused */
};
/* What each file binds, ended by a row without a name. */
extern const struct sql_binding sql_text_functions[], sql_number_functions[], sql_date_functions[], sql_json_functions[],
	sql_check_functions[], sql_world_functions[];

#endif
