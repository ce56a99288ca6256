/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * register.c: the context of a worker's functions, their registration, and what all of them use to read arguments and to
 * give results within the record's budgets.  Used by the worker's thread alone.
 */
#include "rules/functions/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/functions/unicode.h"
#include "rules/functions/zone.h"

#define WORK_DEFAULT UINT64_C(20000000)
#define BYTES_DEFAULT (UINT64_C(8) * 1024 * 1024)
#define MATCH_LIMIT_DEFAULT 100000u
#define RESULT_MAX (1024u * 1024u) /* as the engine sets SQLITE_LIMIT_LENGTH */
#define BUFFER_MAX (20u * RESULT_MAX) /* sixteen arguments of a megabyte joined, or one folded to its longest */
#define BUFFER_KEPT (2u * RESULT_MAX)

static const struct sql_binding *const bindings[] = {
	sql_text_functions, sql_number_functions, sql_date_functions, sql_json_functions, sql_check_functions, sql_world_functions,
};

struct rules_function_context *
rules_function_context_new(const struct rules_function_limits *limits, const struct rules_function_environment *environment,
                           struct error *err)
{
	static const struct rules_function_limits usual;
	struct rules_function_context *context = calloc(1, sizeof *context);
	size_t count;

	if (limits == NULL)
		limits = &usual;
	(void)rules_functions(&count);
	if (context == NULL)
		goto memory;
	buffer_init(&context->out, BUFFER_MAX);
	buffer_init(&context->second, BUFFER_MAX);
	context->environment = environment;
	context->work = limits->work != 0 ? limits->work : WORK_DEFAULT;
	context->bytes = limits->bytes != 0 ? limits->bytes : BYTES_DEFAULT;
	rules_function_context_record(context);
	if (limits->zone_directory != NULL && (context->zone_directory = strdup(limits->zone_directory)) == NULL)
		goto memory;
	if ((context->calls = calloc(count, sizeof *context->calls)) == NULL)
		goto memory;
	context->regexes = regex_cache_new(limits->regex_match_limit != 0 ? limits->regex_match_limit : MATCH_LIMIT_DEFAULT, err);
	if (context->regexes != NULL)
		return context;
	rules_function_context_free(context);
	return NULL;
memory:
	rules_function_context_free(context);
	error_memory(err);
	return NULL;
}

void
rules_function_context_free(struct rules_function_context *context)
{
	if (context == NULL)
		return;
	for (uint32_t i = 0; i < context->statement_count; i++)
		sqlite3_finalize(context->statements[i].statement);
	sqlite3_close_v2(context->plain);
	for (uint32_t i = 0; i < context->zone_count; i++)
		zone_free(context->zones[i].zone);
	regex_cache_free(context->regexes);
	buffer_free(&context->out);
	buffer_free(&context->second);
	free(context->zone_directory);
	free(context->calls);
	free(context);
}

void
rules_function_context_record(struct rules_function_context *context)
{
	context->work_left = context->work;
	context->bytes_left = context->bytes;
}

/* In place of SQLite's own function with a number of arguments that is not listed: date() would be now. */
static void
refuse(sqlite3_context *sql, int count, sqlite3_value **arguments)
{
	const struct rules_function *function = sql_call(sql)->function;

	(void)arguments;
	sql_error(sql, "it takes %d to %d arguments in a rule, not %d", function->min_arguments, function->max_arguments, count);
}

static int
register_one(sqlite3 *db, const struct sql_binding *binding, struct sql_call *call, struct error *err)
{
	const struct rules_function *function = call->function;
	int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS | (function->deterministic ? SQLITE_DETERMINISTIC : 0);
	int first = function->min_arguments, last = function->max_arguments;

#ifdef SQLITE_RESULT_SUBTYPE
	if (strcmp(function->name, "json_extract") == 0)
		flags |= SQLITE_RESULT_SUBTYPE;
#endif
	if (binding->step != NULL)
		first = last = binding->arguments;
	else if (function->use == RULES_USE_BOTH)
		first = 2; /* with one argument it is an aggregate */
	/* One by one: SQLite then says "wrong number of arguments" when the rule is compiled. */
	for (int count = first; count <= last; count++)
		if (sqlite3_create_function_v2(db, function->name, count, flags, call, binding->scalar, binding->step, binding->final, NULL) !=
		    SQLITE_OK)
			return error_set(err, ERROR_INTERNAL, NULL, "the function %s can't be registered: %s", function->name, sqlite3_errmsg(db));
	if (binding->hides_more && sqlite3_create_function_v2(db, function->name, -1, SQLITE_UTF8, call, refuse, NULL, NULL, NULL) != SQLITE_OK)
		return error_set(err, ERROR_INTERNAL, NULL, "the function %s can't be registered: %s", function->name, sqlite3_errmsg(db));
	return 0;
}

int
rules_functions_register(sqlite3 *db, struct rules_function_context *context, struct error *err)
{
	size_t count;
	const struct rules_function *functions = rules_functions(&count);

	for (size_t b = 0; b < sizeof bindings / sizeof *bindings; b++)
		for (const struct sql_binding *binding = bindings[b]; binding->name != NULL; binding++) {
			const struct rules_function *function = rules_function_find(binding->name);
			struct sql_call *call;

			if (function == NULL || !function->own)
				return error_set(err, ERROR_INTERNAL, NULL, "the function %s is not listed", binding->name);
			call = &context->calls[function - functions];
			*call = (struct sql_call){ context, function };
			if (register_one(db, binding, call, err) != 0)
				return -1;
		}
	for (size_t i = 0; i < count; i++)
		if (functions[i].own && context->calls[i].function == NULL)
			return error_set(err, ERROR_INTERNAL, NULL, "the function %s is listed and not there", functions[i].name);
	return 0;
}

int
rules_functions_version(struct rules_function_context *context, struct buffer *buffer, struct error *err)
{
	size_t count;
	const struct rules_function *functions = rules_functions(&count);

	for (size_t i = 0; i < count; i++)
		buffer_format(buffer, "%s:%u ", functions[i].name, functions[i].version);
	buffer_format(buffer, "unicode:%s zones:", unicode_version());
	if (zone_data_version(context->zone_directory, buffer, err) != 0)
		return -1;
	return buffer->failed ? error_memory(err) : 0;
}

void
sql_error(sqlite3_context *sql, const char *format, ...)
{
	char text[600];
	int length = snprintf(text, sizeof text, "%s(): ", sql_call(sql)->function->name);
	va_list list;

	va_start(list, format);
	vsnprintf(text + length, sizeof text - (size_t)length, format, list);
	va_end(list);
	sqlite3_result_error(sql, text, -1);
}

void
sql_error_of(sqlite3_context *sql, const struct error *err)
{
	if (err->code == ERROR_MEMORY)
		sqlite3_result_error_nomem(sql);
	else
		sql_error(sql, "%s", err->message);
}

bool
sql_charge(sqlite3_context *sql, uint64_t steps)
{
	struct rules_function_context *context = sql_call(sql)->context;

	if (steps > context->work_left) {
		context->work_left = 0;
		sql_error(sql, "the functions of this record need more steps than a record may have");
		return false;
	}
	context->work_left -= steps;
	return true;
}

bool
sql_get_text(sqlite3_context *sql, sqlite3_value **arguments, int index, struct sql_text *ret_text)
{
	struct rules_function_context *context = sql_call(sql)->context;
	sqlite3_value *value = arguments[index];
	double number;

	switch (sqlite3_value_type(value)) {
	case SQLITE_FLOAT:
		/* SQLite would write 5.0 and 1.0e+20. */
		number = sqlite3_value_double(value);
		if (fabs(number) < 1e15 && number == floor(number)) {
			ret_text->data = context->numbers[index];
			ret_text->length = (size_t)snprintf(context->numbers[index], sizeof context->numbers[index], "%lld", (long long)number);
			break;
		}
		/* fall through */
	case SQLITE_TEXT:
	case SQLITE_INTEGER:
		if ((ret_text->data = (const char *)sqlite3_value_text(value)) == NULL) {
			sqlite3_result_error_nomem(sql);
			return false;
		}
		ret_text->length = (size_t)sqlite3_value_bytes(value);
		break;
	case SQLITE_NULL:
		sql_error(sql, "argument %d must not be NULL", index + 1);
		return false;
	default:
		sql_error(sql, "argument %d must be text and is bytes", index + 1);
		return false;
	}
	return sql_charge(sql, ret_text->length + 1);
}

bool
sql_get_decimal(sqlite3_context *sql, sqlite3_value **arguments, int index, struct decimal *ret_value)
{
	sqlite3_value *value = arguments[index];
	const char *text;
	int length;

	switch (sqlite3_value_type(value)) {
	case SQLITE_INTEGER:
		decimal_from_integer(sqlite3_value_int64(value), ret_value);
		return sql_charge(sql, 1);
	case SQLITE_FLOAT:
		if (decimal_from_double(sqlite3_value_double(value), ret_value))
			return sql_charge(sql, 1);
		sql_error(sql, "argument %d is a double of more than 15 digits, so its decimals are not known; hand over the decimal itself, or "
		               "use dec_ functions all the way", index + 1);
		return false;
	case SQLITE_TEXT:
		if ((text = (const char *)sqlite3_value_text(value)) == NULL) {
			sqlite3_result_error_nomem(sql);
			return false;
		}
		length = sqlite3_value_bytes(value);
		if (!sql_charge(sql, (uint64_t)length + 1))
			return false;
		if (decimal_parse(text, (size_t)length, ret_value))
			return true;
		sql_error(sql, "argument %d must be a decimal such as -1234.50 (at most 1,000 digits) and is '%.*s'", index + 1,
		          length < 60 ? length : 60, text);
		return false;
	default:
		sql_error(sql, "argument %d must be a decimal and is bytes", index + 1);
		return false;
	}
}

bool
sql_get_integer(sqlite3_context *sql, sqlite3_value **arguments, int index, int64_t least, int64_t most, int64_t *ret_value)
{
	sqlite3_value *value = arguments[index];
	int64_t number = sqlite3_value_int64(value);

	if (sqlite3_value_type(value) != SQLITE_INTEGER || number < least || number > most) {
		sql_error(sql, "argument %d must be an integer from %lld to %lld", index + 1, (long long)least, (long long)most);
		return false;
	}
	*ret_value = number;
	return true;
}

bool
sql_get_zone(sqlite3_context *sql, sqlite3_value **arguments, int index, const struct zone **ret_zone)
{
	struct rules_function_context *context = sql_call(sql)->context;
	struct sql_text name;
	struct zone *zone;
	struct error err;

	if (!sql_get_text(sql, arguments, index, &name))
		return false;
	for (uint32_t i = 0; i < context->zone_count; i++)
		if (strlen(context->zones[i].name) == name.length && memcmp(context->zones[i].name, name.data, name.length) == 0) {
			*ret_zone = context->zones[i].zone;
			return true;
		}
	if ((zone = zone_load(context->zone_directory, name.data, name.length, &err)) == NULL) {
		sql_error_of(sql, &err);
		return false;
	}
	/* Zones come from rules, seldom from records: the last place is used again when there are many. */
	if (context->zone_count == SQL_ZONES_MAX)
		zone_free(context->zones[--context->zone_count].zone);
	memcpy(context->zones[context->zone_count].name, name.data, name.length);
	context->zones[context->zone_count].name[name.length] = '\0';
	context->zones[context->zone_count++].zone = zone;
	*ret_zone = zone;
	return true;
}

void
sql_result_text(sqlite3_context *sql, const char *data, size_t length)
{
	struct rules_function_context *context = sql_call(sql)->context;

	if (length > context->bytes_left) {
		context->bytes_left = 0;
		sql_error(sql, "the results of this record's functions are longer than a record may have");
		return;
	}
	context->bytes_left -= length;
	sqlite3_result_text64(sql, data != NULL ? data : "", length, SQLITE_TRANSIENT, SQLITE_UTF8);
}

void
sql_result_buffer(sqlite3_context *sql, int status, struct buffer *out)
{
	if (status != 0 || out->failed)
		sqlite3_result_error_nomem(sql);
	else if (out->length > RESULT_MAX)
		sql_error(sql, "the result is longer than a text in a rule may be (1 MiB)");
	else
		sql_result_text(sql, out->data, out->length);
	if (out->capacity > BUFFER_KEPT) {
		buffer_free(out);
		buffer_init(out, BUFFER_MAX);
	}
}

void
sql_result_decimal(sqlite3_context *sql, const struct decimal *value)
{
	char text[DECIMAL_TEXT_MAX];

	sql_result_text(sql, text, decimal_format(value, text));
}

static sqlite3_stmt *
prepare(sqlite3_context *sql, const void *key, const char *text, int count)
{
	struct rules_function_context *context = sql_call(sql)->context;
	struct sql_statement *slot;

	for (uint32_t i = 0; i < context->statement_count; i++)
		if (context->statements[i].key == key && context->statements[i].arguments == count)
			return context->statements[i].statement;
	if (context->plain == NULL &&
	    (sqlite3_open_v2(":memory:", &context->plain, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)) {
		sqlite3_close(context->plain);
		context->plain = NULL;
		sqlite3_result_error_nomem(sql);
		return NULL;
	}
	sqlite3_limit(context->plain, SQLITE_LIMIT_LENGTH, (int)RESULT_MAX);
	if (context->statement_count == SQL_STATEMENTS_MAX) {
		sql_error(sql, "too many different calls");
		return NULL;
	}
	slot = &context->statements[context->statement_count];
	if (sqlite3_prepare_v3(context->plain, text, -1, SQLITE_PREPARE_PERSISTENT, &slot->statement, NULL) != SQLITE_OK) {
		sql_error(sql, "%s", sqlite3_errmsg(context->plain));
		sqlite3_finalize(slot->statement);
		return NULL;
	}
	slot->key = key;
	slot->arguments = count;
	context->statement_count++;
	return slot->statement;
}

sqlite3_stmt *
sql_plain(sqlite3_context *sql, const void *key, const char *text, int count, sqlite3_value **arguments)
{
	sqlite3_stmt *statement = prepare(sql, key, text, count);

	if (statement == NULL)
		return NULL;
	sqlite3_reset(statement);
	for (int i = 0; i < count; i++)
		if (sqlite3_bind_value(statement, i + 1, arguments[i]) != SQLITE_OK) {
			sqlite3_result_error_nomem(sql);
			return NULL;
		}
	return statement;
}
