/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sandbox.c: the connection on which a worker's rules run: its own :memory: database that never sees another, with SQLite's
 * limits turned down, an authorizer that allows what rules need and nothing else, and a budget of steps and time per record.
 * Runs in the worker's thread.
 */
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "base/text.h"
#include "rules/engine.h"

static bool
is_readable(const char *table)
{
	return strcasecmp(table, "record") == 0 || strcasecmp(table, "json_each") == 0 || strcasecmp(table, "json_tree") == 0;
}

static int
authorize(void *data, int action, const char *first, const char *second, const char *database, const char *inside)
{
	const struct rules_worker *worker = data;

	(void)database;
	(void)inside; /* the name of a common table expression */
	if (!worker->compiling)
		return SQLITE_DENY;
	switch (action) {
	case SQLITE_SELECT:
		return SQLITE_OK;
	case SQLITE_READ:
		return first != NULL && is_readable(first) ? SQLITE_OK : SQLITE_DENY;
	case SQLITE_FUNCTION:
		if (second == NULL)
			return SQLITE_DENY;
		if (rules_function_find(second) != NULL)
			return SQLITE_OK;
		return strcmp(second, "syn_number") == 0 || strcmp(second, "syn_text") == 0 || strcmp(second, "syn_stamp") == 0 ? SQLITE_OK : SQLITE_DENY;
	default: /* SQLITE_RECURSIVE too */
		return SQLITE_DENY;
	}
}

static int64_t
milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Every PROGRESS_STEPS steps of SQLite's machine; non-zero ends the statement. */
static int
progress(void *data)
{
	struct rules_worker *worker = data;

	if (worker->ticks++ == 0)
		worker->row_started = milliseconds();
	if ((uint64_t)worker->ticks * PROGRESS_STEPS > worker->step_budget ||
	    (worker->ticks > 1 && milliseconds() - worker->row_started > worker->time_budget)) {
		worker->over_budget = true;
		return 1;
	}
	return 0;
}

/* ---- what the analysis puts around operands ---- */

static void
refuse(sqlite3_context *context, const char *format, const char *text, int length)
{
	struct rules_worker *worker = sqlite3_user_data(context);
	struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = text };
	char shown[100];

	value_show(&value, shown, sizeof shown);
	fault_set(&worker->fault, "Correct the value at its source, or let the rule say what to do with it.", format, shown);
	worker->fault_set = true;
	sqlite3_result_error(context, worker->fault.reason, -1);
}

/* A number for arithmetic and comparison: never the beginning of a text, never digits lost. */
static void
syn_number(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct rules_worker *worker = sqlite3_user_data(context);
	const char *text;
	int length;

	(void)count;
	switch (sqlite3_value_type(values[0])) {
	case SQLITE_NULL:
		return;
	case SQLITE_INTEGER:
	case SQLITE_FLOAT:
		sqlite3_result_value(context, values[0]);
		return;
	case SQLITE_TEXT:
		break;
	default:
		refuse(context, "%s are bytes where a number is needed", "", 0);
		return;
	}
	text = sqlite3_value_blob(values[0]);
	length = sqlite3_value_bytes(values[0]);
	if (text == NULL || !text_is_decimal(text, (size_t)length)) {
		refuse(context, "%s is not a number", text != NULL ? text : "", length);
		return;
	}
	if (number_digits(text, (size_t)length) > 15) {
		refuse(context, "%s has more than 15 digits; only dec_add, dec_mul, dec_cmp and their like are exact then", text, length);
		fault_set(&worker->fault, "Use the dec_ functions in this rule.", "%s", worker->fault.reason);
		return;
	}
	sqlite3_result_double(context, number_from_decimal(text, (size_t)length));
}

/* Text for comparison with text: 10115 from JSON equals '10115'. */
static void
syn_text(sqlite3_context *context, int count, sqlite3_value **values)
{
	char buffer[400];
	size_t length;

	(void)count;
	switch (sqlite3_value_type(values[0])) {
	case SQLITE_INTEGER:
		length = (size_t)snprintf(buffer, sizeof buffer, "%lld", (long long)sqlite3_value_int64(values[0]));
		sqlite3_result_text(context, buffer, (int)length, SQLITE_TRANSIENT);
		return;
	case SQLITE_FLOAT:
		length = number_to_decimal(sqlite3_value_double(values[0]), buffer);
		sqlite3_result_text(context, buffer, (int)length, SQLITE_TRANSIENT);
		return;
	default:
		sqlite3_result_value(context, values[0]);
		return;
	}
}

/* Microseconds since 1970 of a date or a timestamp in text, so that times compare as times. */
static void
syn_stamp(sqlite3_context *context, int count, sqlite3_value **values)
{
	const char *text;
	int length;
	int64_t number;

	(void)count;
	if (sqlite3_value_type(values[0]) == SQLITE_NULL)
		return;
	text = sqlite3_value_type(values[0]) == SQLITE_TEXT ? sqlite3_value_blob(values[0]) : NULL;
	length = text != NULL ? sqlite3_value_bytes(values[0]) : 0;
	if (text != NULL && text_to_timestamp(text, (size_t)length, &number))
		sqlite3_result_int64(context, number);
	else if (text != NULL && text_to_date(text, (size_t)length, &number))
		sqlite3_result_int64(context, number * INT64_C(86400000000));
	else
		refuse(context, "%s is not a date or time", text != NULL ? text : "", length);
}

static void
set_limits(sqlite3 *db)
{
	static const struct {
		int id, value;
	} limits[] = {
		{ SQLITE_LIMIT_LENGTH, RULE_LENGTH_MAX },
		{ SQLITE_LIMIT_SQL_LENGTH, RULE_TEXT_MAX },
		{ SQLITE_LIMIT_EXPR_DEPTH, RULE_DEPTH },
		{ SQLITE_LIMIT_COMPOUND_SELECT, 4 },
		{ SQLITE_LIMIT_VDBE_OP, 25000 },
		{ SQLITE_LIMIT_FUNCTION_ARG, 16 },
		{ SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 128 },
		{ SQLITE_LIMIT_ATTACHED, 0 },
		{ SQLITE_LIMIT_WORKER_THREADS, 0 },
		{ SQLITE_LIMIT_VARIABLE_NUMBER, 0 },
		{ SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
	};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		sqlite3_limit(db, limits[i].id, limits[i].value);
}

static int
configure(sqlite3 *db)
{
	static const struct {
		int option, value;
	} options[] = {
		{ SQLITE_DBCONFIG_DEFENSIVE, 1 },       { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },       { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
		{ SQLITE_DBCONFIG_DQS_DML, 0 },         { SQLITE_DBCONFIG_DQS_DDL, 0 },              { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
		{ SQLITE_DBCONFIG_ENABLE_VIEW, 0 },     { SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0 }, { SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
		{ SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 0 },
	};

	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		int now = -1, rc = sqlite3_db_config(db, options[i].option, options[i].value, &now);

		/* What this SQLite was built without can't be switched on either; double quotes and DEFENSIVE are a must. */
		if ((rc != SQLITE_OK || now != options[i].value) && i < 5)
			return -1;
	}
	return 0;
}

static int
register_own(struct rules_worker *worker)
{
	static const struct {
		const char *name;
		void (*function)(sqlite3_context *, int, sqlite3_value **);
	} own[] = { { "syn_number", syn_number }, { "syn_text", syn_text }, { "syn_stamp", syn_stamp } };

	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (sqlite3_create_function_v2(worker->db, own[i].name, 1, SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, worker, own[i].function,
		                               NULL, NULL, NULL) != SQLITE_OK)
			return -1;
	return 0;
}

/* The tables that rules see declare themselves when first named; the authorizer would take that for a CREATE TABLE. */
static int
connect_tables(sqlite3 *db)
{
	static const char *const queries[] = { "SELECT 1 FROM record", "SELECT 1 FROM json_each('[]')", "SELECT 1 FROM json_tree('[]')" };

	for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
		sqlite3_stmt *statement = NULL;
		int rc = sqlite3_prepare_v2(db, queries[i], -1, &statement, NULL);

		sqlite3_finalize(statement);
		if (rc != SQLITE_OK)
			return -1;
	}
	return 0;
}

/* SQLite counts its memory under a mutex unless it was told not to before its first use; where it was used already, it goes on. */
static void
no_statistics(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int
sandbox_open(struct rules_worker *worker, struct error *err)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
	/* No SQLITE_OPEN_URI: the name is a name. */
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, no_statistics);
	worker->environment = (struct rules_function_environment){ .context = worker, .answer = world_answer };
	if (sqlite3_open_v2(":memory:", &worker->db, flags, NULL) != SQLITE_OK)
		return error_set(err, ERROR_MEMORY, NULL, "SQLite could not open a connection for rules: %s",
		                 worker->db != NULL ? sqlite3_errmsg(worker->db) : "no memory");
	sqlite3_extended_result_codes(worker->db, 1);
	if (configure(worker->db) != 0)
		return error_set(err, ERROR_INTERNAL, "Use an SQLite that has sqlite3_db_config() with DQS and DEFENSIVE (3.29 and later).",
		                 "this SQLite cannot be made safe for rules");
	worker->functions = rules_function_context_new(NULL, &worker->environment, err);
	if (worker->functions == NULL || rules_functions_register(worker->db, worker->functions, err) != 0)
		return -1;
	if (register_own(worker) != 0)
		return error_memory(err);
	if (record_table_register(worker, err) != 0)
		return -1;
	if (connect_tables(worker->db) != 0)
		return error_memory(err);
	set_limits(worker->db);
	sqlite3_set_authorizer(worker->db, authorize, worker);
	sqlite3_progress_handler(worker->db, PROGRESS_STEPS, progress, worker);
	return 0;
}
