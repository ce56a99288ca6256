/* SPDX-License-Identifier: BSD-2-Clause */
/* source.c: reading the world: all of an object, records by id, records by value, how many there are, and documents. */
#include <stdio.h>
#include <stdlib.h>

#include "scripted.h"

struct fields {
	struct syncline_field *list;
	uint32_t count;
};
struct reader {
	struct world *world;
	char *native;
	char **ids;
	uint32_t count, at;
	struct fields fields;
	struct syncline_completeness claim;
};

static char *
copy_text(const char *text)
{
	char *copy = malloc(strlen(text) + 1);

	return copy != NULL ? strcpy(copy, text) : NULL;
}

/* Brings the world up to the present, or fails by plan. */
static uint32_t
come_in(struct world *world, const struct syncline_call *call, struct syncline_error *err)
{
	uint32_t klass = world_enter(world, call, err);
	int64_t turn;
	bool fails;

	if (klass == SYNCLINE_OK)
		klass = world_begin(world, err);
	if (klass != SYNCLINE_OK)
		return klass;
	fails = world_fault(world, false, &turn) != FAULT_NONE;
	klass = world_commit(world, err);
	return klass == SYNCLINE_OK && fails ? syncline_fail(err, SYNCLINE_RETRY, "The world does not feel like it.") : klass;
}

static void
free_fields(struct fields *fields)
{
	for (uint32_t i = 0; i < fields->count; i++)
		free((void *)(uintptr_t)fields->list[i].name);
	free(fields->list);
}

static bool
add_field(struct fields *fields, const char *name)
{
	char *copy;

	for (uint32_t i = 0; i < fields->count; i++)
		if (strcmp(fields->list[i].name, name) == 0)
			return true;
	if (fields->count >= SYNCLINE_FIELDS_MAX || (copy = copy_text(name)) == NULL)
		return false;
	fields->list[fields->count++] = syncline_field(copy, SYNCLINE_TYPE_ABSENT, 0);
	return true;
}

/* The names of the contract and every name that any record of the object has. */
static uint32_t
list_fields(struct world *world, const struct syncline_object *object, struct fields *ret_fields, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT DISTINCT name FROM cell WHERE object = ?1 ORDER BY name", err);
	bool good = true;

	ret_fields->count = 0;
	ret_fields->list = calloc(SYNCLINE_FIELDS_MAX, sizeof *ret_fields->list);
	if (statement == NULL)
		return SYNCLINE_RETRY;
	good = ret_fields->list != NULL;
	sqlite3_bind_text(statement, 1, object->native, -1, SQLITE_STATIC);
	for (uint32_t i = 0; good && i < object->key_count; i++)
		good = add_field(ret_fields, object->key[i]);
	for (uint32_t i = 0; good && i < object->field_count; i++)
		good = add_field(ret_fields, ((const struct syncline_field *)syncline_at(object->fields, i))->name);
	while (good && sqlite3_step(statement) == SQLITE_ROW)
		good = add_field(ret_fields, (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return good ? SYNCLINE_OK : syncline_fail_memory(err);
}

/* A copy that the caller frees when its length isn't 0. */
static bool
take_value(sqlite3_stmt *statement, struct syncline_value *ret_value)
{
	size_t length;
	void *copy;

	memset(ret_value, 0, sizeof *ret_value);
	ret_value->type = (uint8_t)sqlite3_column_int(statement, 1);
	if (sqlite3_column_type(statement, 2) == SQLITE_INTEGER) {
		ret_value->u.integer = sqlite3_column_int64(statement, 2);
		return true;
	}
	length = (size_t)sqlite3_column_bytes(statement, 2);
	if (length == 0)
		return true;
	if ((copy = malloc(length)) == NULL)
		return false;
	memcpy(copy, sqlite3_column_blob(statement, 2), length);
	ret_value->length = (uint32_t)length;
	ret_value->u.data = copy;
	return true;
}

static uint32_t
fill_record(struct world *world, const char *native, const char *id, const struct fields *fields, struct syncline_value *values,
            struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT name, type, value FROM cell WHERE object = ?1 AND id = ?2", err);
	bool good = true;

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_text(statement, 1, native, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
	while (good && sqlite3_step(statement) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);

		for (uint32_t i = 0; i < fields->count; i++)
			if (strcmp(fields->list[i].name, name) == 0)
				good = take_value(statement, &values[i]);
	}
	sqlite3_finalize(statement);
	return good ? SYNCLINE_OK : syncline_fail_memory(err);
}

/* A record that is gone meanwhile is added as deleted when `tell_gone`, else left out. */
static uint32_t
give(struct world *world, const char *native, const char *id, bool tell_gone, const struct fields *fields, struct syncline_batch *batch,
     struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT version FROM record WHERE object = ?1 AND id = ?2", err);
	struct syncline_record record = syncline_record(SYNCLINE_OP_SEEN);
	struct syncline_value *values = calloc(fields->count > 0 ? fields->count : 1, sizeof *values);
	char version[24] = "";
	uint32_t klass = SYNCLINE_OK;

	if (statement == NULL || values == NULL) {
		sqlite3_finalize(statement);
		free(values);
		return statement == NULL ? SYNCLINE_RETRY : syncline_fail_memory(err);
	}
	sqlite3_bind_text(statement, 1, native, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
	if (sqlite3_step(statement) == SQLITE_ROW)
		snprintf(version, sizeof version, "%lld", (long long)sqlite3_column_int64(statement, 0));
	sqlite3_finalize(statement);
	record.native_id = syncline_string(id);
	if (version[0] == '\0') {
		record.op = SYNCLINE_OP_DELETED;
	} else {
		klass = fill_record(world, native, id, fields, values, err);
		record.version = syncline_string(version);
		record.value_count = fields->count;
		record.values = values;
	}
	if (klass == SYNCLINE_OK && (record.op == SYNCLINE_OP_SEEN || tell_gone))
		klass = world->batch->add(batch, &record, err);
	for (uint32_t i = 0; i < fields->count; i++)
		if (values[i].length > 0)
			free((void *)(uintptr_t)values[i].u.data);
	free(values);
	return klass;
}

static void
close_read(void *data)
{
	struct reader *reader = data;

	for (uint32_t i = 0; i < reader->count; i++)
		free(reader->ids[i]);
	free(reader->ids);
	free(reader->native);
	free_fields(&reader->fields);
	free(reader);
}

static uint32_t
list_ids(struct reader *reader, uint32_t limit, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(reader->world, "SELECT id FROM record WHERE object = ?1 ORDER BY id LIMIT ?2", err);
	bool good = true;

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_text(statement, 1, reader->native, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, limit != 0 ? (int64_t)limit : -1);
	while (good && sqlite3_step(statement) == SQLITE_ROW) {
		char **more = reader->count % 1024 == 0 ? realloc(reader->ids, (reader->count + 1024) * sizeof *more) : reader->ids;

		good = more != NULL && (reader->ids = more) != NULL &&
		       (reader->ids[reader->count] = copy_text((const char *)sqlite3_column_text(statement, 0))) != NULL;
		reader->count += good;
	}
	sqlite3_finalize(statement);
	return good ? SYNCLINE_OK : syncline_fail_memory(err);
}

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_read_request *request,
          void **ret_reader, struct syncline_error *err)
{
	struct world *world = instance;
	struct reader *reader;
	uint32_t klass = come_in(world, call, err);

	if (klass != SYNCLINE_OK)
		return klass;
	if ((reader = calloc(1, sizeof *reader)) == NULL || (reader->native = copy_text(object->native)) == NULL) {
		free(reader);
		return syncline_fail_memory(err);
	}
	reader->world = world;
	reader->claim.complete = request->record_limit == 0;
	klass = list_fields(world, object, &reader->fields, err);
	if (klass == SYNCLINE_OK)
		klass = list_ids(reader, request->record_limit, err);
	if (klass != SYNCLINE_OK) {
		close_read(reader);
		return klass;
	}
	*ret_reader = reader;
	return SYNCLINE_OK;
}

static uint32_t
next(void *data, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *ret_state, struct syncline_error *err)
{
	struct reader *reader = data;
	struct world *world = reader->world;
	uint32_t klass = SYNCLINE_OK;

	if (reader->fields.count > 0)
		klass = world->batch->set_fields(batch, reader->fields.list, reader->fields.count, err);
	while (klass == SYNCLINE_OK && reader->at < reader->count && !world->batch->full(batch)) {
		if (syncline_cancelled(call))
			return syncline_fail_cancelled(err);
		klass = give(world, reader->native, reader->ids[reader->at++], false, &reader->fields, batch, err);
	}
	if (klass != SYNCLINE_OK)
		return klass;
	ret_state->position = syncline_slice("all", 3);
	ret_state->expected = reader->count;
	ret_state->end = reader->at == reader->count;
	if (ret_state->end) {
		ret_state->completeness = &reader->claim;
		ret_state->completeness_count = 1;
	}
	return SYNCLINE_OK;
}

static uint32_t
get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *ids, uint32_t count,
    struct syncline_batch *batch, struct syncline_error *err)
{
	struct world *world = instance;
	struct fields fields;
	char id[256];
	uint32_t klass = come_in(world, call, err);

	if (klass != SYNCLINE_OK)
		return klass;
	klass = list_fields(world, object, &fields, err);
	if (klass == SYNCLINE_OK && fields.count > 0 && world->batch->record_count(batch) == 0)
		klass = world->batch->set_fields(batch, fields.list, fields.count, err);
	for (uint32_t i = 0; klass == SYNCLINE_OK && i < count; i++) {
		if (ids[i].length >= sizeof id) {
			klass = syncline_fail(err, SYNCLINE_INVALID, "No id is as long as that.");
			break;
		}
		memcpy(id, ids[i].data, ids[i].length);
		id[ids[i].length] = '\0';
		klass = give(world, object->native, id, true, &fields, batch, err);
	}
	free_fields(&fields);
	return klass;
}

const struct syncline_source_v1 scripted_source = { .struct_size = sizeof scripted_source, .open_read = open_read, .next = next,
	.close_read = close_read, .get = get };

/* Ids of what equals the first criterion, as far as the index knows of it; the others are compared one by one. */
static sqlite3_stmt *
ask_index(struct world *world, const struct syncline_object *object, const struct syncline_criterion *criterion, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT id FROM cell JOIN record USING (object, id)"
	                                                 " WHERE object = ?1 AND name = ?2 AND value = ?3 AND indexed_ms <= ?4 ORDER BY id", err);

	if (statement == NULL)
		return NULL;
	sqlite3_bind_text(statement, 1, object->native, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, criterion->field, -1, SQLITE_STATIC);
	world_bind(statement, 3, &criterion->value);
	sqlite3_bind_int64(statement, 4, world_now_ms());
	return statement;
}

static bool
equals(struct world *world, const struct syncline_object *object, const char *id, const struct syncline_criterion *criterion)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT 1 FROM cell WHERE object = ?1 AND id = ?2 AND name = ?3 AND value = ?4", NULL);
	bool same;

	if (statement == NULL)
		return false;
	sqlite3_bind_text(statement, 1, object->native, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, id, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 3, criterion->field, -1, SQLITE_STATIC);
	world_bind(statement, 4, &criterion->value);
	same = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	return same;
}

static uint32_t
find(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_criterion *criteria, uint32_t count,
     uint32_t limit, struct syncline_batch *batch, struct syncline_error *err)
{
	struct world *world = instance;
	struct fields fields;
	sqlite3_stmt *statement;
	uint32_t hits = 0, klass = come_in(world, call, err);

	if (klass != SYNCLINE_OK)
		return klass;
	if (count == 0)
		return syncline_fail(err, SYNCLINE_INVALID, "Nothing was asked for.");
	if ((klass = list_fields(world, object, &fields, err)) == SYNCLINE_OK && fields.count > 0)
		klass = world->batch->set_fields(batch, fields.list, fields.count, err);
	if (klass == SYNCLINE_OK && (statement = ask_index(world, object, &criteria[0], err)) != NULL) {
		while (klass == SYNCLINE_OK && hits < limit && sqlite3_step(statement) == SQLITE_ROW) {
			const char *id = (const char *)sqlite3_column_text(statement, 0);
			uint32_t i = 1;

			while (i < count && equals(world, object, id, (const struct syncline_criterion *)&criteria[i]))
				i++;
			if (i < count)
				continue;
			klass = give(world, object->native, id, false, &fields, batch, err);
			hits++;
		}
		sqlite3_finalize(statement);
	} else if (klass == SYNCLINE_OK) {
		klass = SYNCLINE_RETRY;
	}
	free_fields(&fields);
	return klass;
}

const struct syncline_find_v1 scripted_find = { .struct_size = sizeof scripted_find, .find = find };

static uint32_t
count_records(void *instance, const struct syncline_call *call, const struct syncline_object *object, uint64_t *ret_count, struct syncline_error *err)
{
	struct world *world = instance;
	sqlite3_stmt *statement;
	uint32_t klass = come_in(world, call, err);

	if (klass != SYNCLINE_OK)
		return klass;
	if ((statement = world_statement(world, "SELECT count(*) FROM record WHERE object = ?1", err)) == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_text(statement, 1, object->native, -1, SQLITE_STATIC);
	klass = sqlite3_step(statement) == SQLITE_ROW ? SYNCLINE_OK : world_fail(world, err);
	*ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return klass;
}

const struct syncline_count_v1 scripted_count = { .struct_size = sizeof scripted_count, .count = count_records };
