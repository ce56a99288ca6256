/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * validate.c: bytes from elsewhere become a struct batch here or not at all, and a struct batch is read here.  Everything is
 * hostile until it was checked: all arithmetic is in 64 bits, nothing is followed before its bounds were seen.
 */
#include <stdlib.h>

#include "base/text.h"
#include "batch/crc32c.h"
#include "batch/layout.h"

static int
bad(struct error *err, const char *what)
{
	return error_set(err, ERROR_BATCH_INVALID, "The connector is faulty; report it to its vendor.", "a batch of records is damaged: %s", what);
}

uint32_t
batch_checksum(const uint8_t *data, size_t size)
{
	static const uint8_t zero[4] = { 0 };
	size_t at = offsetof(struct batch_header, crc);
	uint32_t crc = crc32c(0, data, at);

	crc = crc32c(crc, zero, sizeof zero);
	return crc32c(crc, data + at + sizeof zero, size - at - sizeof zero);
}

static int
check_header(const struct batch_header *h, size_t size, struct error *err)
{
	uint64_t records_end;

	if (memcmp(h->magic, BATCH_MAGIC, 4) != 0)
		return bad(err, "it does not begin as a batch does");
	if (h->byte_order != BYTE_ORDER_MARK)
		return bad(err, "it was made on a machine with another byte order");
	if (h->revision != BATCH_REVISION)
		return bad(err, "its revision is not known to this version");
	if (h->total != size)
		return bad(err, "its length is not what its header says");
	if (h->field_count > SYNCLINE_FIELDS_MAX)
		return bad(err, "it has more than 4,096 fields");
	if (h->record_size != RECORD_SIZE(h->field_count))
		return bad(err, "its record size does not follow from its fields");
	if (h->fields_at != sizeof *h || h->records_at != (uint64_t)sizeof *h + (uint64_t)h->field_count * sizeof(struct wire_field))
		return bad(err, "its tables are not where they belong");
	records_end = h->records_at + (uint64_t)h->record_count * h->record_size;
	if (records_end > size || h->heap_at != records_end)
		return bad(err, "its records do not fit into it");
	if (h->reserved[0] != 0 || h->reserved[1] != 0)
		return bad(err, "reserved bytes of the header are not zero");
	return 0;
}

/* What is wrong with a cell, or NULL. */
static const char *
cell_fault(const uint8_t *data, const struct batch_header *h, const struct batch_cell *cell)
{
	struct syncline_value value = { .type = cell->type, .flags = cell->flags, .reserved = cell->reserved };

	if (cell->reserved2 != 0)
		return "has reserved bytes that are not zero";
	if (cell->type <= SYNCLINE_TYPE_NULL)
		return cell->offset != 0 || cell->length != 0 || cell->flags != 0 || cell->reserved != 0 ? "has no value but a place" : NULL;
	if (cell->offset < h->heap_at || (uint64_t)cell->offset + cell->length > h->total)
		return "points outside the batch";
	if (type_is_number(cell->type)) {
		if (cell->length != 8)
			return "is a number that does not have 8 bytes";
		memcpy(&value.u.integer, data + cell->offset, 8);
	} else {
		value.length = cell->length;
		value.u.data = data + cell->offset;
	}
	return batch_value_fault(&value);
}

static bool
is_text_or_absent(const struct batch_cell *cell)
{
	return cell->type == SYNCLINE_TYPE_TEXT || cell->type == SYNCLINE_TYPE_ABSENT;
}

static int
check_fields(const uint8_t *data, const struct batch_header *h, struct error *err)
{
	const struct wire_field *field = (const void *)(data + h->fields_at);

	for (uint32_t i = 0; i < h->field_count; i++, field++) {
		const char *fault = cell_fault(data, h, &field->name);

		if (fault == NULL && field->name.type != SYNCLINE_TYPE_TEXT)
			fault = "is not text";
		if (fault == NULL && (field->name.length == 0 || field->name.length > SYNCLINE_NAME_MAX))
			fault = "is empty or longer than 255 bytes";
		if (fault != NULL)
			return error_set(err, ERROR_BATCH_INVALID, "The connector is faulty; report it to its vendor.",
			                 "a batch of records is damaged: the name of field %u %s", i + 1, fault);
		if (field->type >= SYNCLINE_TYPE_COUNT || field->reserved != 0)
			return bad(err, "a field is of a type that is not known");
	}
	return 0;
}

static int
check_record(const uint8_t *data, const struct batch_header *h, uint32_t index, struct error *err)
{
	const struct batch_record *record = (const void *)(data + h->records_at + (size_t)index * h->record_size);
	const struct batch_cell *cells = &record->native_id;
	uint32_t count = HEAD_CELLS + h->field_count;
	uint64_t bytes = 0;
	const char *fault = NULL;
	uint32_t at = 0;

	if (record->op == 0 || record->op >= SYNCLINE_OP_COUNT || record->flags != 0 || record->reserved != 0 || record->reserved2 != 0)
		return error_set(err, ERROR_BATCH_INVALID, "The connector is faulty; report it to its vendor.",
		                 "a batch of records is damaged: record %u has an unknown operation", index + 1);
	for (; at < count && fault == NULL; at++) {
		bytes += cells[at].length;
		fault = cell_fault(data, h, &cells[at]);
	}
	if (fault == NULL && (!is_text_or_absent(&record->native_id) || !is_text_or_absent(&record->version) ||
	                      !is_text_or_absent(&record->tenant) ||
	                      (!is_text_or_absent(&record->note) && record->note.type != SYNCLINE_TYPE_BYTES)))
		fault = "has a native id, version, tenant or note that is not text", at = 1;
	if (fault == NULL && bytes > SYNCLINE_RECORD_MAX)
		fault = "belongs to a record of more than 4 MiB";
	if (fault != NULL)
		return error_set(err, ERROR_BATCH_INVALID, "The connector is faulty; report it to its vendor.",
		                 "a batch of records is damaged: record %u, %s %u %s", index + 1, at <= HEAD_CELLS ? "head value" : "value",
		                 at <= HEAD_CELLS ? at : at - HEAD_CELLS, fault);
	return 0;
}

static int
check(const uint8_t *data, size_t size, struct error *err)
{
	struct batch_header h;
	const char *fault;

	if (size < sizeof h || size > BATCH_MAX_BYTES || size % 8 != 0)
		return bad(err, "its length is not one that a batch can have");
	memcpy(&h, data, sizeof h);
	if (check_header(&h, size, err) != 0)
		return -1;
	if (batch_checksum(data, size) != h.crc)
		return bad(err, "its checksum is wrong");
	fault = cell_fault(data, &h, origin_cell(&h));
	if (fault != NULL || !is_text_or_absent(origin_cell(&h)))
		return bad(err, "its origin is not text");
	if (check_fields(data, &h, err) != 0)
		return -1;
	for (uint32_t i = 0; i < h.record_count; i++)
		if (check_record(data, &h, i, err) != 0)
			return -1;
	return 0;
}

struct batch *
batch_adopt(uint8_t *data, size_t size, struct error *err)
{
	struct batch *batch;

	if (data == NULL || check(data, size, err) != 0) {
		free(data);
		return NULL;
	}
	if ((batch = malloc(sizeof *batch)) == NULL) {
		free(data);
		error_memory(err);
		return NULL;
	}
	batch->data = data;
	batch->size = (uint32_t)size;
	batch->header = (const void *)data;
	return batch;
}

struct batch *
batch_validate(const void *data, size_t size, struct error *err)
{
	uint8_t *copy;

	if (size > BATCH_MAX_BYTES) {
		bad(err, "it is larger than 16 MiB");
		return NULL;
	}
	if ((copy = malloc(size > 0 ? size : 1)) == NULL) {
		error_memory(err);
		return NULL;
	}
	if (size > 0)
		memcpy(copy, data, size);
	return batch_adopt(copy, size, err);
}

void
batch_free(struct batch *batch)
{
	if (batch == NULL)
		return;
	free(batch->data);
	free(batch);
}

static const struct wire_field *
wire_field(const struct batch *batch, uint32_t index)
{
	return (const struct wire_field *)(const void *)(batch->data + batch->header->fields_at) + index;
}

void
batch_field(const struct batch *batch, uint32_t index, struct batch_field *ret_field)
{
	const struct wire_field *field = wire_field(batch, index);

	ret_field->name = batch_cell_data(batch, &field->name);
	ret_field->name_length = field->name.length;
	ret_field->type = field->type;
	ret_field->flags = field->flags;
	ret_field->scale = field->scale;
	ret_field->max_length = field->max_length;
}

int
batch_find_field(const struct batch *batch, const char *name, size_t length)
{
	for (uint32_t i = 0; i < batch->header->field_count; i++) {
		const struct wire_field *field = wire_field(batch, i);

		if (field->name.length == length && memcmp(batch_cell_data(batch, &field->name), name, length) == 0)
			return (int)i;
	}
	return -1;
}

struct syncline_value
batch_value(const struct batch *batch, const struct batch_cell *cell)
{
	struct syncline_value value = { .type = cell->type };

	if (type_is_number(cell->type)) {
		memcpy(&value.u.integer, batch->data + cell->offset, 8);
	} else if (cell->type > SYNCLINE_TYPE_NULL) {
		value.length = cell->length;
		value.u.data = batch->data + cell->offset;
	}
	return value;
}

void
batch_read(const struct batch *batch, uint32_t index, struct syncline_value *values, struct syncline_record *ret_record)
{
	const struct batch_record *record = batch_record(batch, index);

	memset(ret_record, 0, sizeof *ret_record);
	ret_record->struct_size = sizeof *ret_record;
	ret_record->op = record->op;
	ret_record->place = record->place;
	ret_record->native_id = batch_value(batch, &record->native_id);
	ret_record->version = batch_value(batch, &record->version);
	ret_record->tenant = batch_value(batch, &record->tenant);
	ret_record->note = batch_value(batch, &record->note);
	ret_record->value_count = batch->header->field_count;
	for (uint32_t i = 0; i < batch->header->field_count; i++)
		values[i] = batch_value(batch, &record->cells[i]);
	ret_record->values = values;
}

struct syncline_slice
batch_origin(const struct batch *batch)
{
	const struct batch_cell *cell = (const void *)batch->header->origin;
	struct syncline_slice slice = { NULL, 0 };

	if (cell->type == SYNCLINE_TYPE_TEXT) {
		slice.data = batch_cell_data(batch, cell);
		slice.length = cell->length;
	}
	return slice;
}
