/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c: rows of a SELECT as records.  A row that can't be taken whole becomes a reject that says which column is at fault.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

uint32_t
rows_init(struct rows *r, struct instance *c, const struct table *table, const int *columns, uint32_t count, struct syncline_error *err)
{
	memset(r, 0, sizeof *r);
	r->c = c;
	r->table = table;
	r->columns = columns;
	r->column_count = count;
	r->values = calloc(count > 0 ? count : 1, sizeof *r->values);
	syncline_buffer_init(&r->id, SYNCLINE_RECORD_MAX);
	syncline_buffer_init(&r->tenant, SYNCLINE_RECORD_MAX);
	syncline_buffer_init(&r->version, SYNCLINE_RECORD_MAX);
	syncline_buffer_init(&r->note, 4096);
	if (r->values == NULL || scratch_init(&r->scratch, count) != 0) {
		rows_free(r);
		return syncline_fail_memory(err);
	}
	return SYNCLINE_OK;
}

void
rows_free(struct rows *r)
{
	free(r->values);
	free(r->scratch.data);
	syncline_buffer_free(&r->id);
	syncline_buffer_free(&r->tenant);
	syncline_buffer_free(&r->version);
	syncline_buffer_free(&r->note);
	memset(r, 0, sizeof *r);
}

void
rows_select(const struct rows *r, struct syncline_buffer *sql)
{
	const struct table *t = r->table;

	syncline_buffer_text(sql, t->is_view || t->without_rowid ? "0" : "rowid");
	for (uint32_t i = 0; i < t->key_count; i++)
		syncline_buffer_format(sql, ", %s", table_column_sql(t, t->key[i]));
	if (t->tenant != NO_COLUMN)
		syncline_buffer_format(sql, ", %s", table_column_sql(t, t->tenant));
	if (t->version != NO_COLUMN)
		syncline_buffer_format(sql, ", %s", table_column_sql(t, t->version));
	for (uint32_t i = 0; i < r->column_count; i++) {
		const struct column *column = &t->columns[r->columns[i]];

		syncline_buffer_format(sql, ", %s", column->quoted);
		if (column->kind == KIND_JSON)
			syncline_buffer_format(sql, ", typeof(%s) = 'text' AND json_valid(%s)", column->quoted, column->quoted);
	}
}

/* Tenant or version: one column as text, absent when it is NULL. */
static const char *
read_head(struct rows *r, sqlite3_stmt *s, int at, struct syncline_buffer *buffer, struct syncline_value *ret_value)
{
	const char *fault;

	syncline_buffer_clear(buffer);
	if (sqlite3_column_type(s, at) == SQLITE_NULL)
		return NULL;
	fault = key_read(r->c, s, at, 1, buffer);
	if (fault != NULL)
		return fault == no_memory ? no_memory : "is not text";
	*ret_value = syncline_text(buffer->data, buffer->length);
	return NULL;
}

/* The reason may be cut, but it is there. */
static uint32_t
reject(struct rows *r, struct syncline_record *record, const char *column, const char *fault, const char *hint,
       struct syncline_error *err)
{
	if (fault == no_memory)
		return syncline_fail_memory(err);
	record->op = SYNCLINE_OP_REJECT;
	record->value_count = 0;
	record->values = NULL;
	record->version = record->tenant = syncline_absent();
	syncline_buffer_clear(&r->note);
	if (column != NULL)
		syncline_buffer_format(&r->note, "The row of %s with key \"%.*s\" can't be read: column %s %s. %s", r->table->name,
		                       (int)(record->native_id.length < 200 ? record->native_id.length : 200),
		                       record->native_id.length > 0 ? (const char *)record->native_id.u.data : "", column, fault, hint);
	else
		syncline_buffer_format(&r->note, "The row of %s with rowid %llu can't be read: %s. %s", r->table->name,
		                       (unsigned long long)record->place, fault, hint);
	if (r->note.failed)
		return syncline_fail_memory(err);
	record->note = syncline_text(r->note.data, r->note.length);
	/* A key cut in the middle of a character. */
	if (record->note.type == SYNCLINE_TYPE_TEXT && !syncline_is_utf8(record->note.u.data, record->note.length))
		record->note = syncline_string("The row can't be read; its key is very long.");
	return SYNCLINE_OK;
}

uint32_t
rows_record(struct rows *r, sqlite3_stmt *s, int first, struct syncline_record *ret_record, struct syncline_error *err)
{
	const struct table *t = r->table;
	struct syncline_record record = syncline_record(SYNCLINE_OP_SEEN);
	int64_t rowid = sqlite3_column_int64(s, first);
	int at = first + 1 + (int)t->key_count;
	const char *fault;
	uint32_t result = SYNCLINE_OK;

	record.place = rowid > 0 ? (uint64_t)rowid : 0;
	syncline_buffer_clear(&r->id);
	fault = key_read(r->c, s, first + 1, t->key_count, &r->id);
	if (fault != NULL) {
		result = reject(r, &record, NULL, fault, "Correct it in the database; until then nothing is taken as deleted.", err);
		if (result == SYNCLINE_OK)
			*ret_record = record;
		return result;
	}
	record.native_id = syncline_text(r->id.data, r->id.length);
	if (t->tenant != NO_COLUMN && (fault = read_head(r, s, at++, &r->tenant, &record.tenant)) != NULL)
		result = reject(r, &record, table_column_name(t, t->tenant), fault, "Correct it in the database.", err);
	if (t->version != NO_COLUMN && fault == NULL && (fault = read_head(r, s, at++, &r->version, &record.version)) != NULL)
		result = reject(r, &record, table_column_name(t, t->version), fault, "Correct it in the database.", err);
	r->scratch.used = 0;
	for (uint32_t i = 0; i < r->column_count && fault == NULL; i++) {
		const struct column *column = &t->columns[r->columns[i]];
		int json = 0;

		if (column->kind == KIND_JSON)
			fault = json_read(r->c, s, at, &json);
		if (fault == NULL)
			fault = value_read(s, at, column->kind, json, &r->scratch, &r->values[i]);
		if (fault != NULL)
			result = reject(r, &record, column->name, fault, "Correct it in the database.", err);
		at += column->kind == KIND_JSON ? 2 : 1;
	}
	if (fault == NULL) {
		record.values = r->values;
		record.value_count = r->column_count;
	}
	if (result == SYNCLINE_OK)
		*ret_record = record;
	return result;
}

uint32_t
rows_add(struct rows *r, struct syncline_batch *batch, struct syncline_record *record, struct syncline_error *err)
{
	struct syncline_error said = { .struct_size = sizeof said };
	uint32_t result = r->c->batch->add(batch, record, &said);

	if (result == SYNCLINE_INVALID && record->op != SYNCLINE_OP_REJECT) {
		result = reject(r, record, NULL, said.message, "", err);
		if (result != SYNCLINE_OK)
			return result;
		result = r->c->batch->add(batch, record, &said);
		if (result == SYNCLINE_INVALID) { /* the key itself */
			record->native_id = syncline_absent();
			result = r->c->batch->add(batch, record, &said);
		}
	}
	return result == SYNCLINE_OK ? SYNCLINE_OK : syncline_fail(err, result, "%s", said.message);
}

/* What the column is declared as.  In a batch each value says its own type, for SQLite lets any value stand in any column. */
struct syncline_field
column_field(const struct table *t, uint32_t at)
{
	static const uint8_t types[] = {
		[KIND_ANY] = SYNCLINE_TYPE_ABSENT, [KIND_INTEGER] = SYNCLINE_TYPE_INTEGER, [KIND_REAL] = SYNCLINE_TYPE_DECIMAL,
		[KIND_DECIMAL] = SYNCLINE_TYPE_DECIMAL, [KIND_BOOLEAN] = SYNCLINE_TYPE_BOOLEAN, [KIND_TEXT] = SYNCLINE_TYPE_TEXT,
		[KIND_BLOB] = SYNCLINE_TYPE_BYTES, [KIND_DATE] = SYNCLINE_TYPE_DATE, [KIND_TIMESTAMP] = SYNCLINE_TYPE_TIMESTAMP,
		[KIND_JSON] = SYNCLINE_TYPE_JSON,
	};
	const struct column *column = &t->columns[at];
	struct syncline_field field = syncline_field(column->name, types[column->kind], 0);

	field.scale = column->scale;
	field.max_length = column->max_length;
	for (uint32_t i = 0; i < t->key_count; i++)
		if (t->key[i] == (int)at)
			field.flags |= SYNCLINE_FIELD_KEY;
	if (column->not_null && !column->has_default && (int)at != t->rowid_alias && !column->generated)
		field.flags |= SYNCLINE_FIELD_REQUIRED;
	if (column->generated)
		field.flags |= SYNCLINE_FIELD_READ_ONLY;
	if (column->unique)
		field.flags |= SYNCLINE_FIELD_UNIQUE;
	for (uint32_t i = 0; i < t->mark_count; i++)
		if (t->mark[i] == (int)at)
			field.flags |= SYNCLINE_FIELD_MARK;
	if (t->mark_count == 0 && (column->kind == KIND_TIMESTAMP || column->kind == KIND_DATE))
		field.flags |= SYNCLINE_FIELD_MARK;
	return field;
}

uint32_t
rows_set_fields(struct rows *r, struct syncline_batch *batch, struct syncline_error *err)
{
	struct syncline_field *fields = calloc(r->column_count > 0 ? r->column_count : 1, sizeof *fields);
	struct syncline_buffer origin;
	uint32_t result;

	if (fields == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < r->column_count; i++) {
		fields[i] = column_field(r->table, (uint32_t)r->columns[i]);
		fields[i].type = SYNCLINE_TYPE_ABSENT;
	}
	result = r->c->batch->set_fields(batch, fields, r->column_count, err);
	free(fields);
	if (result != SYNCLINE_OK)
		return result;
	syncline_buffer_init(&origin, 8192);
	syncline_buffer_format(&origin, "%s: %s", r->c->path, r->table->name);
	if (syncline_buffer_string(&origin) == NULL || origin.failed)
		result = syncline_fail_memory(err);
	else if (syncline_is_utf8(origin.data, origin.length))
		result = r->c->batch->set_origin(batch, origin.data, err);
	syncline_buffer_free(&origin);
	return result;
}
