/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service_batch.c: batch/1, the contract's view of agent/batch.  The thread of the call alone.
 */
#include <stdlib.h>
#include <string.h>

#include "host/inside.h"

int
guest_batch_init(struct syncline_batch *batch, struct error *err)
{
	memset(batch, 0, sizeof *batch);
	return (batch->builder = batch_builder_new(err)) != NULL ? 0 : -1;
}

/* A batch to read, its field names ended by NUL. */
int
guest_batch_adopt(struct syncline_batch *batch, uint8_t *data, size_t size, struct error *err)
{
	struct batch_field field;
	uint32_t count;

	memset(batch, 0, sizeof *batch);
	if ((batch->batch = batch_adopt(data, size, err)) == NULL)
		return -1;
	count = batch->batch->header->field_count;
	arena_init(&batch->names, 0);
	batch->name = arena_array(&batch->names, (size_t)count + 1, sizeof *batch->name);
	batch->values = arena_array(&batch->names, (size_t)count + 1, sizeof *batch->values);
	for (uint32_t i = 0; batch->name != NULL && i < count; i++) {
		batch_field(batch->batch, i, &field);
		if ((batch->name[i] = arena_copy(&batch->names, field.name, field.name_length)) == NULL)
			batch->name = NULL;
	}
	if (batch->name != NULL && batch->values != NULL)
		return 0;
	guest_batch_free(batch);
	return error_memory(err);
}

void
guest_batch_free(struct syncline_batch *batch)
{
	batch_builder_free(batch->builder);
	if (batch->batch != NULL)
		arena_free(&batch->names);
	batch_free(batch->batch);
	memset(batch, 0, sizeof *batch);
}

static uint32_t
say(struct syncline_error *said, const struct error *err)
{
	struct syncline_error error = { .struct_size = sizeof error };
	size_t i;

	if (said == NULL || said->struct_size < offsetof(struct syncline_error, message))
		return err->klass;
	for (i = 0; i < sizeof error.message - 1 && err->message[i] != '\0'; i++)
		error.message[i] = err->message[i];
	for (i = 0; i < sizeof error.hint - 1 && err->hint[i] != '\0'; i++)
		error.hint[i] = err->hint[i];
	error.struct_size = said->struct_size;
	memcpy(said, &error, said->struct_size < sizeof error ? said->struct_size : sizeof error);
	return err->klass;
}

static uint32_t
wrong_use(struct syncline_error *said)
{
	struct error err = { 0 };

	error_fill(&err, ERROR_BATCH_RECORD, "The connector is faulty; report it to its vendor.", "a batch to read was used to fill, or the reverse");
	return say(said, &err);
}

static uint32_t
set_fields(struct syncline_batch *batch, const struct syncline_field *fields, uint32_t count, struct syncline_error *said)
{
	struct error err = { 0 };

	if (batch == NULL || batch->builder == NULL || (fields == NULL && count > 0))
		return wrong_use(said);
	return batch_builder_set_fields(batch->builder, fields, count, &err) == 0 ? SYNCLINE_OK : say(said, &err);
}

static uint32_t
set_origin(struct syncline_batch *batch, const char *origin, struct syncline_error *said)
{
	struct error err = { 0 };

	if (batch == NULL || batch->builder == NULL || origin == NULL)
		return wrong_use(said);
	return batch_builder_set_origin(batch->builder, origin, strlen(origin), &err) == 0 ? SYNCLINE_OK : say(said, &err);
}

static uint32_t
add(struct syncline_batch *batch, const struct syncline_record *given, struct syncline_error *said)
{
	struct syncline_record record;
	struct error err = { 0 };

	if (batch == NULL || batch->builder == NULL || given == NULL)
		return wrong_use(said);
	codec_copy_struct(&record, sizeof record, given);
	if (record.values == NULL && record.value_count > 0) {
		error_fill(&err, ERROR_BATCH_RECORD, NULL, "the record has %u values but no list of them", record.value_count);
		return say(said, &err);
	}
	return batch_builder_add(batch->builder, &record, &err) == 0 ? SYNCLINE_OK : say(said, &err);
}

static uint32_t
full(const struct syncline_batch *batch)
{
	return batch == NULL || batch->builder == NULL || batch_builder_full(batch->builder);
}

static uint32_t
field_count(const struct syncline_batch *batch)
{
	if (batch == NULL)
		return 0;
	return batch->builder != NULL ? batch_builder_field_count(batch->builder) : batch->batch->header->field_count;
}

static uint32_t
record_count(const struct syncline_batch *batch)
{
	if (batch == NULL)
		return 0;
	return batch->builder != NULL ? batch_builder_count(batch->builder) : batch->batch->header->record_count;
}

/* The caller's size rules what is written. */
static uint32_t
give(void *to, const void *from, uint32_t size)
{
	uint32_t theirs;

	memcpy(&theirs, to, sizeof theirs);
	if (theirs < sizeof theirs)
		return SYNCLINE_INVALID;
	if (theirs > size)
		memset((char *)to + size, 0, theirs - size);
	memcpy((char *)to + sizeof theirs, (const char *)from + sizeof theirs, (theirs < size ? theirs : size) - sizeof theirs);
	return SYNCLINE_OK;
}

static uint32_t
field(const struct syncline_batch *batch, uint32_t index, struct syncline_field *ret_field)
{
	struct syncline_field to = { .struct_size = sizeof to };
	struct batch_field from;

	if (batch == NULL || batch->batch == NULL || index >= batch->batch->header->field_count || ret_field == NULL)
		return SYNCLINE_NOT_FOUND;
	batch_field(batch->batch, index, &from);
	to.type = from.type;
	to.flags = from.flags;
	to.scale = from.scale;
	to.max_length = from.max_length;
	to.name = batch->name[index];
	return give(ret_field, &to, sizeof to);
}

static uint32_t
record(struct syncline_batch *batch, uint32_t index, struct syncline_record *ret_record)
{
	struct syncline_record to = { .struct_size = sizeof to };

	if (batch == NULL || batch->batch == NULL || index >= batch->batch->header->record_count || ret_record == NULL)
		return SYNCLINE_NOT_FOUND;
	batch_read(batch->batch, index, batch->values, &to);
	return give(ret_record, &to, sizeof to);
}

static uint32_t
join_key(const struct syncline_slice *parts, uint32_t count, char *buffer, size_t capacity, size_t *ret_length)
{
	if (parts == NULL || count == 0)
		return SYNCLINE_INVALID;
	*ret_length = batch_join_key_into(parts, count, buffer, capacity);
	return *ret_length <= capacity ? SYNCLINE_OK : SYNCLINE_INVALID;
}

static uint32_t
split_key(const struct syncline_slice *native_id, uint32_t count, char *buffer, size_t capacity, struct syncline_slice *ret_parts)
{
	return native_id != NULL && batch_split_key(native_id, count, buffer, capacity, ret_parts) == 0 ? SYNCLINE_OK : SYNCLINE_INVALID;
}

static uint32_t
digest(const struct syncline_value *native_id, const struct syncline_value *values, uint32_t count, const uint8_t key[16], uint64_t ret_hash[2])
{
	batch_digest(native_id, values, count, key, ret_hash);
	return SYNCLINE_OK;
}

const struct syncline_batch_service_v1 guest_batch_service = {
	.struct_size = sizeof guest_batch_service,
	.set_fields = set_fields,
	.set_origin = set_origin,
	.add = add,
	.full = full,
	.field_count = field_count,
	.record_count = record_count,
	.field = field,
	.record = record,
	.join_key = join_key,
	.split_key = split_key,
	.digest = digest,
};
