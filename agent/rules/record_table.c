/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_table.c: the virtual table `record` over rows in memory: the batch's own buffer, or a matrix of values.  It has no
 * storage and no schema of its own: column #3 is whatever the rule at work says its fourth column is.  One cursor at a time,
 * so that no rule reads another record.  Runs in the worker's thread.
 *
 * Columns have no affinity.  SQLite then compares values as they are, and what they are was decided by the analysis.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "rules/engine.h"

struct table {
	sqlite3_vtab base;
	struct rules_worker *worker;
};
struct cursor {
	sqlite3_vtab_cursor base;
	struct rules_worker *worker;
};

static int
table_connect(sqlite3 *db, void *data, int argc, const char *const *argv, sqlite3_vtab **ret_table, char **ret_error)
{
	struct table *table;
	struct buffer sql;
	const char *text;
	int rc = SQLITE_NOMEM;

	(void)argc;
	(void)argv;
	buffer_init(&sql, 16384);
	buffer_text(&sql, "CREATE TABLE record(");
	for (unsigned i = 0; i < RULE_COLUMNS; i++)
		buffer_format(&sql, "%s[#%u]", i > 0 ? "," : "", i);
	buffer_char(&sql, ')');
	if ((text = buffer_string(&sql)) != NULL && !sql.failed)
		rc = sqlite3_declare_vtab(db, text);
	buffer_free(&sql);
	if (rc != SQLITE_OK) {
		*ret_error = sqlite3_mprintf("%s", sqlite3_errmsg(db));
		return rc;
	}
	if ((table = sqlite3_malloc(sizeof *table)) == NULL)
		return SQLITE_NOMEM;
	memset(table, 0, sizeof *table);
	table->worker = data;
	*ret_table = &table->base;
	return SQLITE_OK;
}

static int
table_disconnect(sqlite3_vtab *table)
{
	sqlite3_free(table);
	return SQLITE_OK;
}

static int
table_plan(sqlite3_vtab *table, sqlite3_index_info *info)
{
	(void)table;
	info->estimatedCost = 1000;
	info->estimatedRows = 1000;
	return SQLITE_OK;
}

static int
cursor_open(sqlite3_vtab *base, sqlite3_vtab_cursor **ret_cursor)
{
	struct rules_worker *worker = ((struct table *)base)->worker;
	struct cursor *cursor;

	if (worker->cursors > 0) {
		sqlite3_free(base->zErrMsg);
		base->zErrMsg = sqlite3_mprintf("a rule sees its own record alone");
		return SQLITE_ERROR;
	}
	if ((cursor = sqlite3_malloc(sizeof *cursor)) == NULL)
		return SQLITE_NOMEM;
	memset(cursor, 0, sizeof *cursor);
	cursor->worker = worker;
	worker->cursors++;
	*ret_cursor = &cursor->base;
	return SQLITE_OK;
}

static int
cursor_close(sqlite3_vtab_cursor *cursor)
{
	((struct cursor *)cursor)->worker->cursors--;
	sqlite3_free(cursor);
	return SQLITE_OK;
}

/* Is there a field that the rule needs and the record doesn't have? */
static bool
lacks(struct rules_worker *worker, uint32_t row)
{
	const struct rule *rule = worker->rule;

	for (uint32_t i = 0; i < rule->column_count; i++) {
		const struct column *column = &rule->columns[i];
		struct syncline_value value;

		if (column->tolerant)
			continue;
		if (column->path_count == 0 && column->follow == NULL) {
			const struct rows *rows = worker->rows;
			int32_t at;

			if (rows->batch == NULL) {
				if (rows->values[(size_t)row * rows->stride + column->field].type == SYNCLINE_TYPE_ABSENT)
					return true;
			} else if ((at = rows->map[column->field]) < 0 ||
			           batch_record(rows->batch, rows->base + row)->cells[at].type == SYNCLINE_TYPE_ABSENT) {
				return true;
			}
		} else if (row_value(worker, column, row, &value) == 0 && value.type == SYNCLINE_TYPE_ABSENT) {
			return true;
		}
	}
	return false;
}

/* The next row that the rule is evaluated for, from `row` on. */
static void
settle(struct rules_worker *worker, uint32_t row)
{
	const struct rows *rows = worker->rows;

	while (row < rows->count && ((rows->skip != NULL && rows->skip[row]) || lacks(worker, row)))
		row++;
	worker->row = row;
	worker->on_row = row < rows->count;
	if (worker->on_row) {
		worker->offered++;
		worker->ticks = 0;
		worker->not_yet = false;
		rules_function_context_record(worker->functions);
	}
}

static int
cursor_filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc, sqlite3_value **argv)
{
	struct rules_worker *worker = ((struct cursor *)base)->worker;

	(void)number;
	(void)text;
	(void)argc;
	(void)argv;
	settle(worker, worker->first_row);
	return SQLITE_OK;
}

static int
cursor_next(sqlite3_vtab_cursor *base)
{
	struct rules_worker *worker = ((struct cursor *)base)->worker;

	settle(worker, worker->row + 1);
	return SQLITE_OK;
}

static int
cursor_eof(sqlite3_vtab_cursor *base)
{
	return !((struct cursor *)base)->worker->on_row;
}

static int
cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret_rowid)
{
	*ret_rowid = (sqlite3_int64)((struct cursor *)base)->worker->row + 1;
	return SQLITE_OK;
}

/* ---- values ---- */

static int
follow(struct rules_worker *worker, const struct column *column, uint32_t row, const struct syncline_value *ref, struct syncline_value *ret_value)
{
	const struct rules_world *world = worker->world;
	struct syncline_slice slice = { ref->u.data, ref->length };
	struct error err = { 0 };
	int known;

	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	if (ref->type != SYNCLINE_TYPE_TEXT || world == NULL || world->follow == NULL) {
		if (ref->type == SYNCLINE_TYPE_NULL)
			ret_value->type = SYNCLINE_TYPE_NULL;
		return 0;
	}
	worker_record(worker, row_owner(worker->rows, row));
	known = world->follow(world->data, &worker->context, column->entity, &slice, column->follow, ret_value, &err);
	if (known == RULES_KNOWN_FAILED) {
		worker->fault_set = true;
		worker->no_memory = worker->no_memory || err.code == ERROR_MEMORY;
		return fault_set(&worker->fault, err.hint, "%s", err.message);
	}
	if (known != RULES_KNOWN_YES)
		*ret_value = (struct syncline_value){ .type = known == RULES_KNOWN_NULL ? SYNCLINE_TYPE_NULL : SYNCLINE_TYPE_ABSENT };
	return 0;
}

int
row_value(struct rules_worker *worker, const struct column *column, uint32_t row, struct syncline_value *ret_value)
{
	struct syncline_value value = row_field(worker->rows, row, column->field);
	struct json_value json;

	if (column->follow != NULL)
		return follow(worker, column, row, &value, ret_value);
	if (column->path_count == 0) {
		*ret_value = value;
		return 0;
	}
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	if (value.type != SYNCLINE_TYPE_JSON && value.type != SYNCLINE_TYPE_TEXT) {
		if (value.type == SYNCLINE_TYPE_NULL)
			ret_value->type = SYNCLINE_TYPE_NULL;
		return 0;
	}
	json = json_whole(value.u.data, value.length);
	if (json.kind == JSON_BAD) {
		worker->fault_set = true;
		return fault_set(&worker->fault, "Correct the value at its source.", "the field that the path leads into is not JSON");
	}
	if (!json_follow(&json, column->path, column->path_count))
		return 0;
	if (json_to_value(&worker->arena, &json, ret_value) != 0) {
		worker->fault_set = true;
		return fault_set(&worker->fault, "Correct the value at its source.",
		                 "the JSON at the path is a number of more than 1,000 digits or a text with half a character");
	}
	return 0;
}

static int
column_fault(struct rules_worker *worker, sqlite3_context *context)
{
	worker->fault_set = true;
	sqlite3_result_error(context, worker->fault.reason, -1);
	return SQLITE_ERROR;
}

static int
give_decimal(struct rules_worker *worker, sqlite3_context *context, const struct column *column, const struct syncline_value *value)
{
	if (column->mode != COLUMN_NUMBER) {
		sqlite3_result_text(context, value->u.data, (int)value->length, SQLITE_STATIC);
		return SQLITE_OK;
	}
	if (number_digits(value->u.data, value->length) > 15) {
		fault_set(&worker->fault, "Use dec_add, dec_sub, dec_mul, dec_div, dec_cmp, dec_round or dec_sum in this rule.",
		          "%.*s has more than 15 digits, which only the dec_* functions compute with exactly", value->length > 60 ? 60 : (int)value->length,
		          (const char *)value->u.data);
		return column_fault(worker, context);
	}
	sqlite3_result_double(context, number_from_decimal(value->u.data, value->length));
	return SQLITE_OK;
}

/* The value is not of the type that its field was declared with: the analysis relied on that. */
static int
give_declared(struct rules_worker *worker, sqlite3_context *context, const struct column *column, struct syncline_value *value)
{
	struct rule rule = { .kind = RULE_COPY, .name = "the field" };
	static const uint8_t types[SYNCLINE_TYPE_COUNT] = {
		[SYNCLINE_TYPE_BOOLEAN] = RULES_BOOLEAN, [SYNCLINE_TYPE_INTEGER] = RULES_INTEGER, [SYNCLINE_TYPE_DECIMAL] = RULES_DECIMAL,
		[SYNCLINE_TYPE_TEXT] = RULES_TEXT, [SYNCLINE_TYPE_BYTES] = RULES_BYTES, [SYNCLINE_TYPE_TIMESTAMP] = RULES_TIMESTAMP,
		[SYNCLINE_TYPE_DATE] = RULES_DATE, [SYNCLINE_TYPE_JSON] = RULES_JSON, [SYNCLINE_TYPE_CONTENT] = RULES_CONTENT,
	};

	rule.target.type = types[column->declared];
	if (rule.target.type == RULES_NATIVE)
		return SQLITE_OK;
	return value_convert(worker, &rule, true, value, value, &worker->fault) == 0 ? SQLITE_OK : column_fault(worker, context);
}

static int
cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
	struct rules_worker *worker = ((struct cursor *)base)->worker;
	const struct rule *rule = worker->rule;
	const struct column *column;
	struct syncline_value value;
	size_t length;
	int rc;

	if (index < 0 || (uint32_t)index >= rule->column_count) {
		sqlite3_result_error(context, "there is no such field", -1);
		return SQLITE_ERROR;
	}
	column = &rule->columns[index];
	if (column->path_count == 0 && column->follow == NULL)
		value = row_field(worker->rows, worker->row, column->field);
	else if (row_value(worker, column, worker->row, &value) != 0)
		return column_fault(worker, context);
	if (column->declared != SYNCLINE_TYPE_ABSENT && value.type != column->declared && value.type > SYNCLINE_TYPE_NULL &&
	    (rc = give_declared(worker, context, column, &value)) != SQLITE_OK)
		return rc;
	switch (value.type) {
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT:
	case SYNCLINE_TYPE_JSON:
		sqlite3_result_text(context, value.length > 0 ? value.u.data : "", (int)value.length, SQLITE_STATIC);
		if (value.type == SYNCLINE_TYPE_JSON)
			sqlite3_result_subtype(context, 'J');
		break;
	case SYNCLINE_TYPE_DECIMAL:
		return give_decimal(worker, context, column, &value);
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
		sqlite3_result_int64(context, value.u.integer);
		break;
	case SYNCLINE_TYPE_DATE:
		length = text_from_date(value.u.integer, worker->slots[index]);
		sqlite3_result_text(context, worker->slots[index], (int)length, SQLITE_STATIC);
		break;
	case SYNCLINE_TYPE_TIMESTAMP:
		length = text_from_timestamp(value.u.integer, worker->slots[index]);
		sqlite3_result_text(context, worker->slots[index], (int)length, SQLITE_STATIC);
		break;
	case SYNCLINE_TYPE_BYTES:
		sqlite3_result_blob(context, value.length > 0 ? value.u.data : "", (int)value.length, SQLITE_STATIC);
		break;
	default:
		break; /* absent and null: NULL */
	}
	return SQLITE_OK;
}

int
record_table_register(struct rules_worker *worker, struct error *err)
{
	/* Eponymous only (xCreate NULL): `record` is there without CREATE, and nothing else can be made of the module. */
	static const sqlite3_module module = {
		.xConnect = table_connect, .xBestIndex = table_plan, .xDisconnect = table_disconnect, .xOpen = cursor_open, .xClose = cursor_close,
		.xFilter = cursor_filter, .xNext = cursor_next, .xEof = cursor_eof, .xColumn = cursor_column, .xRowid = cursor_rowid,
	};

	if ((worker->slots = calloc(RULE_COLUMNS, sizeof *worker->slots)) == NULL ||
	    sqlite3_create_module_v2(worker->db, "record", &module, worker, NULL) != SQLITE_OK)
		return error_memory(err);
	return 0;
}
