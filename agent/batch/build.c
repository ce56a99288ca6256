/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build.c: making a batch.  The buffer has its final layout from the first record on, with room for as many records as the
 * target; only a batch that ends with fewer, or goes beyond, is laid out again.  A builder belongs to one thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "batch/layout.h"

#define FIRST_HEAP (256u * 1024u)
#define SMALL_HEAP 4096u /* of few records */
#define FEW 16u

struct batch_builder {
	uint8_t *data;
	uint64_t capacity;     /* bytes at data */
	uint64_t used;         /* up to the heap's end */
	uint32_t record_room;  /* records that fit before heap_at */
	struct batch_header header;
	struct wire_field *fields; /* names as offsets into names */
	struct buffer names;
	struct buffer origin;
	uint32_t expected; /* records; 0: not known */
	bool trusted; /* values are not looked at again */
};

static int
bad_record(struct error *err, const char *format, unsigned long number, const char *what)
{
	char text[160];

	snprintf(text, sizeof text, format, number, what);
	return error_set(err, ERROR_BATCH_RECORD, "Reject the record by its key.", "the record cannot be taken: %s", text);
}

struct batch_builder *
batch_builder_new(struct error *err)
{
	struct batch_builder *b = calloc(1, sizeof *b);

	if (b == NULL) {
		error_memory(err);
		return NULL;
	}
	memcpy(b->header.magic, BATCH_MAGIC, 4);
	b->header.byte_order = BYTE_ORDER_MARK;
	b->header.revision = BATCH_REVISION;
	b->header.fields_at = sizeof b->header;
	b->header.record_size = RECORD_SIZE(0);
	b->header.records_at = sizeof b->header;
	buffer_init(&b->names, SYNCLINE_FIELDS_MAX * SYNCLINE_NAME_MAX);
	buffer_init(&b->origin, 65536);
	return b;
}

void
batch_builder_free(struct batch_builder *b)
{
	if (b == NULL)
		return;
	free(b->data);
	free(b->fields);
	buffer_free(&b->names);
	buffer_free(&b->origin);
	free(b);
}

void
batch_builder_clear(struct batch_builder *b, int fields)
{
	b->header.record_count = 0;
	b->record_room = 0;
	b->used = 0;
	buffer_clear(&b->origin);
	if (fields) {
		free(b->fields);
		b->fields = NULL;
		buffer_clear(&b->names);
		b->header.field_count = 0;
		b->header.record_size = RECORD_SIZE(0);
		b->header.records_at = sizeof b->header;
	}
}

void
batch_builder_trust(struct batch_builder *b)
{
	b->trusted = true;
}

void
batch_builder_expect(struct batch_builder *b, uint32_t records)
{
	b->expected = records;
}

int
batch_builder_set_fields(struct batch_builder *b, const struct syncline_field *fields, uint32_t count, struct error *err)
{
	const char *hint = "The connector is faulty; report it to its vendor.";
	const uint8_t *at = (const uint8_t *)fields;
	struct wire_field *table;
	struct buffer names;
	size_t step;

	if (b->header.record_count > 0)
		return error_set(err, ERROR_BATCH_RECORD, hint, "the fields of a batch were set after its first record");
	if (count > SYNCLINE_FIELDS_MAX)
		return error_set(err, ERROR_BATCH_RECORD, hint, "an object has %u fields; a batch takes 4,096", count);
	if (count > 0 && fields->struct_size < offsetof(struct syncline_field, label))
		return error_set(err, ERROR_BATCH_RECORD, hint, "a field's struct_size is %u, too small", fields->struct_size);
	if ((table = calloc(count > 0 ? count : 1, sizeof *table)) == NULL)
		return error_memory(err);
	step = count > 0 ? fields->struct_size : 0;
	buffer_init(&names, b->names.max);
	for (uint32_t i = 0; i < count; i++, at += step) {
		const struct syncline_field *field = (const void *)at;
		size_t length = field->name != NULL ? strlen(field->name) : 0;
		struct syncline_value name = { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = field->name };
		const char *fault = NULL;

		if (length == 0 || length > SYNCLINE_NAME_MAX)
			fault = "has no name, or one of more than 255 bytes";
		else if (batch_value_fault(&name) != NULL)
			fault = "has a name that is not UTF-8";
		else if (field->type >= SYNCLINE_TYPE_COUNT)
			fault = "is of a type that is not known";
		if (fault != NULL || buffer_append(&names, field->name, length) != 0) {
			free(table);
			buffer_free(&names);
			return fault != NULL ? error_set(err, ERROR_BATCH_RECORD, hint, "field %u %s", i + 1, fault) : error_memory(err);
		}
		table[i].name.type = SYNCLINE_TYPE_TEXT;
		table[i].name.length = (uint32_t)length;
		table[i].type = field->type;
		table[i].flags = field->flags;
		table[i].scale = field->scale;
		table[i].max_length = field->max_length;
	}
	free(b->fields);
	buffer_free(&b->names);
	b->fields = table;
	b->names = names;
	b->header.field_count = count;
	b->header.record_size = RECORD_SIZE(count);
	b->header.records_at = (uint32_t)(sizeof b->header + count * sizeof(struct wire_field));
	b->record_room = 0;
	b->used = 0;
	return 0;
}

int
batch_builder_set_origin(struct batch_builder *b, const char *origin, size_t length, struct error *err)
{
	struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = origin };

	if (length > b->origin.max || batch_value_fault(&value) != NULL)
		return error_set(err, ERROR_BATCH_RECORD, NULL, "the origin of a batch is not UTF-8 text of at most 64 KiB");
	buffer_clear(&b->origin);
	return buffer_append(&b->origin, origin, length) != 0 ? error_memory(err) : 0;
}

static int
grow(struct batch_builder *b, uint64_t needed, struct error *err)
{
	uint64_t capacity = b->capacity > 0 ? b->capacity * 2 : b->expected > 0 && b->expected <= FEW ? SMALL_HEAP : FIRST_HEAP;
	uint8_t *data;

	if (needed <= b->capacity)
		return 0;
	if (needed > BATCH_MAX_BYTES)
		return error_set(err, ERROR_BATCH_FULL, "The connector must return when full() says so.", "a batch would grow beyond 16 MiB");
	if (capacity < needed)
		capacity = needed;
	if (capacity > BATCH_MAX_BYTES)
		capacity = BATCH_MAX_BYTES;
	if ((data = realloc(b->data, capacity)) == NULL)
		return error_memory(err);
	b->data = data;
	b->capacity = capacity;
	return 0;
}

/* Moves the heap so that `room` records fit before it, and the cells that point into it. */
static int
lay_out(struct batch_builder *b, uint32_t room, struct error *err)
{
	uint64_t heap_at = b->header.records_at + (uint64_t)room * b->header.record_size;
	uint64_t heap_size = b->record_room > 0 ? b->used - b->header.heap_at : 0;
	int64_t shift = (int64_t)heap_at - (int64_t)b->header.heap_at;

	if (grow(b, heap_at + heap_size + 8, err) != 0)
		return -1;
	if (heap_size > 0)
		memmove(b->data + heap_at, b->data + b->header.heap_at, heap_size);
	for (uint32_t r = 0; r < b->header.record_count; r++) {
		struct batch_record *record = (void *)(b->data + b->header.records_at + (size_t)r * b->header.record_size);
		struct batch_cell *cells = &record->native_id;

		for (uint32_t c = 0; c < HEAD_CELLS + b->header.field_count; c++)
			if (cells[c].type > SYNCLINE_TYPE_NULL)
				cells[c].offset = (uint32_t)(cells[c].offset + shift);
	}
	b->header.heap_at = (uint32_t)heap_at;
	b->used = heap_at + heap_size;
	b->record_room = room;
	return 0;
}

/* Space in the heap was reserved before. */
static void
put(struct batch_builder *b, struct batch_cell *cell, const struct syncline_value *value)
{
	memset(cell, 0, sizeof *cell);
	cell->type = value->type;
	if (value->type <= SYNCLINE_TYPE_NULL)
		return;
	cell->offset = (uint32_t)b->used;
	if (type_is_number(value->type)) {
		cell->length = 8;
		memcpy(b->data + b->used, &value->u.integer, 8);
	} else {
		cell->length = value->length;
		if (value->length > 0)
			memcpy(b->data + b->used, value->u.data, value->length);
	}
	b->used += cell->length;
}

/* Checks all values and adds up their bytes. */
static int
measure(const struct batch_builder *b, const struct syncline_record *record, uint64_t *ret_bytes, struct error *err)
{
	const struct syncline_value *heads[HEAD_CELLS] = { &record->native_id, &record->version, &record->tenant, &record->note };
	uint64_t bytes = 0;
	const char *fault;

	if (record->op == 0 || record->op >= SYNCLINE_OP_COUNT)
		return bad_record(err, "operation %lu is not known%s", record->op, "");
	if (record->value_count > b->header.field_count)
		return bad_record(err, "it has %lu values%s", record->value_count, ", more than the batch has fields");
	for (uint32_t i = 0; i < HEAD_CELLS; i++) {
		if ((fault = batch_value_fault(heads[i])) != NULL)
			return bad_record(err, "head value %lu %s", i + 1, fault);
		if (heads[i]->type != SYNCLINE_TYPE_ABSENT && heads[i]->type != SYNCLINE_TYPE_TEXT && (i != 3 || heads[i]->type != SYNCLINE_TYPE_BYTES))
			return bad_record(err, "head value %lu %s", i + 1, "is not text");
		bytes += heads[i]->length;
	}
	for (uint32_t i = 0; i < record->value_count; i++) {
		if (!b->trusted && (fault = batch_value_fault(&record->values[i])) != NULL)
			return bad_record(err, "value %lu %s", i + 1, fault);
		bytes += type_is_number(record->values[i].type) ? 8 : record->values[i].length;
	}
	if (bytes > SYNCLINE_RECORD_MAX)
		return bad_record(err, "it has %lu bytes%s", (unsigned long)bytes, "; the limit is 4 MiB");
	*ret_bytes = bytes;
	return 0;
}

/* As many records as the target has, fewer where their cells alone would reach it. */
static uint32_t
first_room(const struct batch_builder *b)
{
	uint32_t room = BATCH_TARGET_BYTES / b->header.record_size + 1;

	if (room > BATCH_TARGET_RECORDS)
		room = BATCH_TARGET_RECORDS;
	return b->expected > 0 && b->expected < room ? b->expected : room;
}

int
batch_builder_add(struct batch_builder *b, const struct syncline_record *record, struct error *err)
{
	static const struct syncline_value absent = { .type = SYNCLINE_TYPE_ABSENT };
	struct batch_record *to;
	uint64_t bytes = 0;
	uint32_t i;

	if (measure(b, record, &bytes, err) != 0)
		return -1;
	if (b->header.record_count == b->record_room && lay_out(b, b->record_room == 0 ? first_room(b) : b->record_room * 2, err) != 0)
		return -1;
	/* What finish() appends has to fit as well: names, origin, padding. */
	if (grow(b, b->used + bytes + b->names.length + b->origin.length + 8, err) != 0)
		return -1;
	to = (void *)(b->data + b->header.records_at + (size_t)b->header.record_count * b->header.record_size);
	memset(to, 0, offsetof(struct batch_record, native_id));
	to->op = record->op;
	to->place = record->place;
	put(b, &to->native_id, &record->native_id);
	put(b, &to->version, &record->version);
	put(b, &to->tenant, &record->tenant);
	put(b, &to->note, &record->note);
	for (i = 0; i < record->value_count; i++)
		put(b, &to->cells[i], &record->values[i]);
	for (; i < b->header.field_count; i++)
		put(b, &to->cells[i], &absent);
	b->header.record_count++;
	return 0;
}

uint32_t
batch_builder_field_count(const struct batch_builder *b)
{
	return b->header.field_count;
}

uint32_t
batch_builder_count(const struct batch_builder *b)
{
	return b->header.record_count;
}

bool
batch_builder_full(const struct batch_builder *b)
{
	uint64_t heap = b->record_room > 0 ? b->used - b->header.heap_at : 0;

	return b->header.record_count >= BATCH_TARGET_RECORDS ||
	       heap + (uint64_t)b->header.record_count * b->header.record_size >= BATCH_TARGET_BYTES;
}

/* Names and origin go to the heap's end. */
static void
put_tables(struct batch_builder *b)
{
	struct wire_field *fields = (void *)(b->data + b->header.fields_at);
	struct batch_cell *origin = origin_cell(&b->header);

	if (b->header.field_count > 0)
		memcpy(fields, b->fields, b->header.field_count * sizeof *fields);
	for (uint32_t i = 0; i < b->header.field_count; i++) {
		fields[i].name.offset = (uint32_t)b->used;
		b->used += fields[i].name.length;
	}
	if (b->names.length > 0)
		memcpy(b->data + b->used - b->names.length, b->names.data, b->names.length);
	memset(origin, 0, sizeof *origin);
	if (b->origin.length > 0) {
		origin->type = SYNCLINE_TYPE_TEXT;
		origin->offset = (uint32_t)b->used;
		origin->length = (uint32_t)b->origin.length;
		memcpy(b->data + b->used, b->origin.data, b->origin.length);
		b->used += b->origin.length;
	}
	while (b->used % 8 != 0)
		b->data[b->used++] = 0;
}

struct batch *
batch_builder_finish(struct batch_builder *b, struct error *err)
{
	struct batch_header *header;
	struct batch *batch;
	uint64_t tables = b->names.length + b->origin.length + 8;

	if ((batch = malloc(sizeof *batch)) == NULL) {
		error_memory(err);
		return NULL;
	}
	if ((b->record_room == 0 || b->record_room != b->header.record_count) && lay_out(b, b->header.record_count, err) != 0)
		goto fail;
	if (grow(b, b->used + tables, err) != 0)
		goto fail;
	put_tables(b);
	b->header.total = (uint32_t)b->used;
	header = (void *)b->data;
	*header = b->header;
	header->crc = 0;
	header->crc = batch_checksum(b->data, b->used);
	batch->data = b->data;
	batch->size = b->header.total;
	batch->header = header;
	b->data = NULL;
	b->capacity = 0;
	batch_builder_clear(b, 0);
	return batch;
fail:
	free(batch);
	return NULL;
}
