/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look.c: single records by id or by values, and what can be said of all of them: count and digest.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

#define CHUNK 2000

/* What every look needs: the connection, the table, rows of some of its columns. */
struct look {
	struct instance *c;
	struct table *table;
	struct syncline_object object;
	int *columns;
	struct rows rows;
	struct syncline_buffer sql;
	struct syncline_buffer key;
};

static void
end_look(struct look *l)
{
	rows_free(&l->rows);
	free(l->columns);
	syncline_buffer_free(&l->sql);
	syncline_buffer_free(&l->key);
	connection_done(l->c);
}

/* fields NULL: all columns.  After it, end_look is due whatever it returned. */
static uint32_t
begin_look(struct look *l, void *instance, const struct syncline_call *call, const struct syncline_object *object, const char *const *fields,
           uint32_t field_count, struct syncline_error *err)
{
	uint32_t result;

	memset(l, 0, sizeof *l);
	l->c = instance;
	SYNCLINE_COPY(&l->object, object);
	syncline_buffer_init(&l->sql, 4 * 1024 * 1024);
	syncline_buffer_init(&l->key, SYNCLINE_RECORD_MAX);
	result = connection_use(l->c, call, err);
	if (result == SYNCLINE_OK)
		result = table_of(l->c, &l->object, &l->table, err);
	if (result != SYNCLINE_OK)
		return result;
	if (fields == NULL)
		field_count = l->table->column_count;
	l->columns = calloc(field_count > 0 ? field_count : 1, sizeof *l->columns);
	if (l->columns == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < field_count; i++) {
		l->columns[i] = fields != NULL ? table_column(l->table, fields[i], strlen(fields[i])) : (int)i;
		if (l->columns[i] == NO_COLUMN) {
			syncline_fail(err, SYNCLINE_CONFIG, "%s has no column \"%s\".", l->table->name, fields[i]);
			syncline_hint(err, "syncline discover lists its columns.");
			return SYNCLINE_CONFIG;
		}
	}
	return rows_init(&l->rows, l->c, l->table, l->columns, field_count, err);
}

/* The row with this id, or that it is gone.  An id that only looks alike (007 for 7) is another one. */
static uint32_t
get_one(struct look *l, sqlite3_stmt *s, const struct syncline_slice *id, struct syncline_batch *batch, struct syncline_error *err)
{
	struct syncline_record record, gone = syncline_record(SYNCLINE_OP_DELETED);
	uint32_t result;
	int rc = SQLITE_DONE, found = 0;

	sqlite3_reset(s);
	result = key_bind(l->c, s, 1, l->table, id->data, id->length, &l->key, err);
	if (result != SYNCLINE_OK && result != SYNCLINE_NOT_FOUND)
		return result;
	if (result == SYNCLINE_OK)
		while ((rc = sqlite3_step(s)) == SQLITE_ROW && !found) {
			result = rows_record(&l->rows, s, 0, &record, err);
			if (result != SYNCLINE_OK)
				return result;
			if (record.native_id.type != SYNCLINE_TYPE_TEXT || record.native_id.length != id->length ||
			    (id->length > 0 && memcmp(record.native_id.u.data, id->data, id->length) != 0))
				continue;
			found = 1;
			result = rows_add(&l->rows, batch, &record, err);
			if (result != SYNCLINE_OK)
				return result;
		}
	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		return connection_fail(l->c, rc, err, "Reading %s failed", l->table->name);
	if (found)
		return SYNCLINE_OK;
	gone.native_id = syncline_text(id->data, id->length);
	return l->c->batch->add(batch, &gone, err);
}

uint32_t
look_get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *native_ids,
         uint32_t count, struct syncline_batch *batch, struct syncline_error *err)
{
	struct look l;
	sqlite3_stmt *s = NULL;
	uint32_t result = begin_look(&l, instance, call, object, NULL, 0, err);

	if (result == SYNCLINE_OK) {
		syncline_buffer_text(&l.sql, "SELECT ");
		rows_select(&l.rows, &l.sql);
		syncline_buffer_format(&l.sql, " FROM main.%s", l.table->quoted);
		syncline_buffer_text(&l.sql, append_where(&l.sql, l.table, " WHERE "));
		append_key_match(&l.sql, l.table, 1);
		result = connection_prepare_buffer(l.c, &l.sql, 0, &s, err);
	}
	if (result == SYNCLINE_OK)
		result = rows_set_fields(&l.rows, batch, err);
	for (uint32_t i = 0; i < count && result == SYNCLINE_OK; i++)
		result = syncline_cancelled(call) ? syncline_fail_cancelled(err) : get_one(&l, s, &native_ids[i], batch, err);
	sqlite3_finalize(s);
	end_look(&l);
	return result;
}

static uint32_t
bind_criteria(struct look *l, sqlite3_stmt *s, const struct syncline_criterion *criteria, uint32_t count, struct syncline_error *err)
{
	int iso = strcmp(syncline_setting_text(l->object.settings, NULL, "time_format", "sql"), "iso") == 0;

	for (uint32_t i = 0; i < count; i++) {
		int column = table_column(l->table, criteria[i].field, strlen(criteria[i].field));
		const char *fault = value_bind(s, (int)i + 1, column >= 0 ? &l->table->columns[column] : NULL, &criteria[i].value, iso);

		if (fault == no_memory)
			return syncline_fail_memory(err);
		if (fault != NULL)
			return syncline_fail(err, SYNCLINE_INVALID, "The value to find in %s %s.", criteria[i].field, fault);
	}
	return SYNCLINE_OK;
}

static uint32_t
find(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_criterion *criteria,
     uint32_t count, uint32_t limit, struct syncline_batch *batch, struct syncline_error *err)
{
	struct look l;
	sqlite3_stmt *s = NULL;
	const char *joiner;
	uint32_t result = begin_look(&l, instance, call, object, NULL, 0, err), found = 0;
	int rc = SQLITE_DONE;

	if (result == SYNCLINE_OK) {
		syncline_buffer_text(&l.sql, "SELECT ");
		rows_select(&l.rows, &l.sql);
		syncline_buffer_format(&l.sql, " FROM main.%s", l.table->quoted);
		joiner = append_where(&l.sql, l.table, " WHERE ");
		for (uint32_t i = 0; i < count && result == SYNCLINE_OK; i++, joiner = " AND ") {
			int column = table_column(l.table, criteria[i].field, strlen(criteria[i].field));

			if (column == NO_COLUMN)
				result = syncline_fail(err, SYNCLINE_CONFIG, "%s has no column \"%s\" to find by.", l.table->name, criteria[i].field);
			else
				syncline_buffer_format(&l.sql, "%s%s IS ?%u", joiner, table_column_sql(l.table, column), i + 1);
		}
	}
	if (result == SYNCLINE_OK)
		result = connection_prepare_buffer(l.c, &l.sql, 0, &s, err);
	if (result == SYNCLINE_OK)
		result = bind_criteria(&l, s, criteria, count, err);
	if (result == SYNCLINE_OK)
		result = rows_set_fields(&l.rows, batch, err);
	while (result == SYNCLINE_OK && found < limit && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct syncline_record record;

		result = rows_record(&l.rows, s, 0, &record, err);
		if (result == SYNCLINE_OK)
			result = rows_add(&l.rows, batch, &record, err);
		found++;
	}
	if (result == SYNCLINE_OK && rc != SQLITE_ROW && rc != SQLITE_DONE)
		result = connection_fail(l.c, rc, err, "Finding in %s failed", l.table->name);
	sqlite3_finalize(s);
	end_look(&l);
	return result;
}

static uint32_t
count_all(void *instance, const struct syncline_call *call, const struct syncline_object *object, uint64_t *ret_count, struct syncline_error *err)
{
	struct look l;
	int64_t count = 0;
	uint32_t result = begin_look(&l, instance, call, object, NULL, 0, err);

	if (result == SYNCLINE_OK) {
		syncline_buffer_format(&l.sql, "SELECT count(*) FROM main.%s", l.table->quoted);
		append_where(&l.sql, l.table, " WHERE ");
		if (syncline_buffer_string(&l.sql) == NULL || l.sql.failed)
			result = syncline_fail_memory(err);
		else
			result = connection_number(l.c, l.sql.data, 0, &count, err);
	}
	end_look(&l);
	if (result == SYNCLINE_OK)
		*ret_count = (uint64_t)count;
	return result;
}

/* Adds one row to its bucket. */
static uint32_t
sum_row(struct look *l, const struct syncline_record *record, const uint8_t key[16], struct syncline_digest_bucket *buckets, uint32_t count,
        struct syncline_error *err)
{
	struct syncline_digest_bucket *bucket;
	uint64_t hash[2];
	uint32_t result = l->c->batch->digest(&record->native_id, NULL, 0, key, hash);

	if (result != SYNCLINE_OK)
		return syncline_fail(err, result, "The digest of a row of %s could not be computed.", l->table->name);
	bucket = &buckets[hash[0] % count];
	result = l->c->batch->digest(&record->native_id, record->values, record->value_count, key, hash);
	bucket->count++;
	bucket->sum[0] += hash[0];
	bucket->sum[1] += hash[1];
	return result;
}

/* In pages by the key, like a full read: no read transaction stays open. */
static uint32_t
digest_page(struct look *l, sqlite3_stmt *s, struct cell *last, int *ret_end, const uint8_t key[16], struct syncline_digest_bucket *buckets,
            uint32_t bucket_count, struct syncline_error *err)
{
	const struct table *t = l->table;
	uint32_t result = SYNCLINE_OK;
	int rc, rows = 0, failed = 0;

	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		struct syncline_record record;

		result = rows_record(&l->rows, s, 0, &record, err);
		if (result != SYNCLINE_OK)
			return result;
		if (record.op != SYNCLINE_OP_SEEN)
			return syncline_fail(err, SYNCLINE_INVALID, "%.*s", (int)record.note.length, (const char *)record.note.u.data);
		result = sum_row(l, &record, key, buckets, bucket_count, err);
		if (result != SYNCLINE_OK)
			return result;
		if (++rows == CHUNK) {
			for (uint32_t i = 0; i < t->key_count; i++)
				failed |= cell_read(s, 1 + (int)i, &last[i]);
			return failed != 0 ? syncline_fail_memory(err) : SYNCLINE_OK;
		}
	}
	*ret_end = 1;
	return rc == SQLITE_DONE ? SYNCLINE_OK : connection_fail(l->c, rc, err, "Reading %s failed", t->name);
}

static void
digest_sql(struct look *l, int first)
{
	const struct table *t = l->table;
	const char *joiner;

	syncline_buffer_clear(&l->sql);
	syncline_buffer_text(&l->sql, "SELECT ");
	rows_select(&l->rows, &l->sql);
	syncline_buffer_format(&l->sql, " FROM main.%s", t->quoted);
	joiner = append_where(&l->sql, t, " WHERE ");
	for (uint32_t i = 0; !first && i < t->key_count; i++)
		syncline_buffer_format(&l->sql, "%s%s", i > 0 ? ", " : joiner[0] == ' ' && joiner[1] == 'W' ? " WHERE (" : " AND (",
		                       table_column_sql(t, t->key[i]));
	for (uint32_t i = 0; !first && i < t->key_count; i++)
		syncline_buffer_format(&l->sql, "%s?%u", i > 0 ? ", " : ") > (", i + 1);
	syncline_buffer_text(&l->sql, first ? "" : ")");
	for (uint32_t i = 0; i < t->key_count; i++)
		syncline_buffer_format(&l->sql, "%s%s", i > 0 ? ", " : " ORDER BY ", table_column_sql(t, t->key[i]));
	syncline_buffer_format(&l->sql, " LIMIT %d", CHUNK);
}

static uint32_t
digest(void *instance, const struct syncline_call *call, const struct syncline_object *object, const char *const *fields, uint32_t field_count,
       const uint8_t key[16], struct syncline_digest_bucket *ret_buckets, uint32_t bucket_count, struct syncline_error *err)
{
	struct look l;
	struct cell last[KEY_PARTS_MAX] = { { 0 } };
	static const char *const none[] = { NULL };
	uint32_t result = begin_look(&l, instance, call, object, fields != NULL ? fields : none, fields != NULL ? field_count : 0, err);
	int first = 1, end = 0;

	if (result == SYNCLINE_OK && bucket_count == 0)
		result = syncline_fail(err, SYNCLINE_INVALID, "A digest needs at least one bucket.");
	if (result == SYNCLINE_OK && !l.table->key_unique) {
		result = syncline_fail(err, SYNCLINE_CONFIG, "The rows of %s can't be compared: no unique index covers its key.", l.table->name);
		syncline_hint(err, "Make one, or leave this object out of digests.");
	}
	if (result == SYNCLINE_OK)
		memset(ret_buckets, 0, bucket_count * sizeof *ret_buckets);
	while (result == SYNCLINE_OK && !end) {
		sqlite3_stmt *s;
		int rc = SQLITE_OK;

		digest_sql(&l, first);
		result = connection_prepare_buffer(l.c, &l.sql, 0, &s, err);
		if (result != SYNCLINE_OK)
			break;
		for (uint32_t i = 0; !first && rc == SQLITE_OK && i < l.table->key_count; i++)
			rc = cell_bind(s, (int)i + 1, &last[i]);
		first = 0;
		if (rc != SQLITE_OK)
			result = connection_fail(l.c, rc, err, "Reading %s failed", l.table->name);
		else
			result = syncline_cancelled(call) ? syncline_fail_cancelled(err)
			                                  : digest_page(&l, s, last, &end, key, ret_buckets, bucket_count, err);
		sqlite3_finalize(s);
	}
	for (uint32_t i = 0; i < KEY_PARTS_MAX; i++)
		cell_free(&last[i]);
	end_look(&l);
	return result;
}

const struct syncline_find_v1 find_part = { .struct_size = sizeof find_part, .find = find };
const struct syncline_count_v1 count_part = { .struct_size = sizeof count_part, .count = count_all };
const struct syncline_digest_v1 digest_part = { .struct_size = sizeof digest_part, .digest = digest };
