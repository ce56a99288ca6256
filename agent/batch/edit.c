/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edit.c: what changes in a batch that this process owns, in place: the values stay where they are in the heap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "batch/layout.h"

#define KEY_SIZE 16u

struct batch *
batch_copy(const struct batch *batch, struct error *err)
{
	struct batch *copy = malloc(sizeof *copy);
	uint8_t *data = malloc(batch->size);

	if (copy == NULL || data == NULL) {
		free(copy);
		free(data);
		error_fill_memory(err);
		return NULL;
	}
	memcpy(data, batch->data, batch->size);
	copy->data = data;
	copy->size = batch->size;
	copy->header = (const void *)data;
	return copy;
}

void
batch_seal(struct batch *batch)
{
	struct batch_header *header = (void *)batch->data;

	header->crc = 0;
	header->crc = batch_checksum(batch->data, batch->size);
}

/* What the dropped records leave behind becomes part of the heap, where nothing points to it. */
void
batch_keep(struct batch *batch, const uint8_t *keep)
{
	struct batch_header *header = (void *)batch->data;
	uint8_t *to = batch->data + header->records_at;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < header->record_count; i++) {
		if (!keep[i])
			continue;
		if (kept != i)
			memcpy(to, batch->data + header->records_at + (size_t)header->record_size * i, header->record_size);
		to += header->record_size;
		kept++;
	}
	header->record_count = kept;
	header->heap_at = (uint32_t)(to - batch->data);
}

int
batch_make_writes(struct batch *batch, uint8_t op, const uint8_t (*keys)[16], struct error *err)
{
	struct batch_header *header;
	uint64_t at = batch->size, grown = at + (uint64_t)batch->header->record_count * KEY_SIZE;
	uint8_t *data;

	if (grown > BATCH_MAX_BYTES)
		return error_set(err, ERROR_BATCH_FULL, "Make smaller batches.", "a batch of writes would grow beyond 16 MiB");
	if ((data = realloc(batch->data, grown)) == NULL)
		return error_memory(err);
	batch->data = data;
	batch->size = (uint32_t)grown;
	batch->header = header = (void *)data;
	for (uint32_t i = 0; i < header->record_count; i++, at += KEY_SIZE) {
		struct batch_record *record = (void *)(data + header->records_at + (size_t)header->record_size * i);

		memcpy(data + at, keys[i], KEY_SIZE);
		record->op = op;
		memset(&record->note, 0, sizeof record->note);
		record->note.type = SYNCLINE_TYPE_BYTES;
		record->note.offset = (uint32_t)at;
		record->note.length = KEY_SIZE;
		if (op == SYNCLINE_OP_CREATE) {
			memset(&record->native_id, 0, sizeof record->native_id);
			memset(&record->version, 0, sizeof record->version);
		}
	}
	header->total = (uint32_t)grown;
	batch_seal(batch);
	return 0;
}

/* The value that a text stands for in a field of this type; false when it is none. */
static bool
value_of_text(uint8_t type, const char *text, struct syncline_value *ret_value)
{
	size_t length = strlen(text);
	int64_t number;

	*ret_value = (struct syncline_value){ .type = type, .length = (uint32_t)length, .u.data = text };
	switch (type) {
	case SYNCLINE_TYPE_INTEGER:
		if (!text_to_integer(text, length, &number))
			return false;
		break;
	case SYNCLINE_TYPE_DATE:
		if (!text_to_date(text, length, &number))
			return false;
		break;
	case SYNCLINE_TYPE_TIMESTAMP:
		if (!text_to_timestamp(text, length, &number))
			return false;
		break;
	case SYNCLINE_TYPE_BOOLEAN:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0 && strcmp(text, "1") != 0 && strcmp(text, "0") != 0)
			return false;
		number = *text == 't' || *text == '1';
		break;
	default:
		if (type == SYNCLINE_TYPE_ABSENT)
			ret_value->type = SYNCLINE_TYPE_TEXT;
		return true;
	}
	ret_value->length = 0;
	ret_value->u.integer = number;
	return true;
}

int
batch_put_text(struct batch *batch, uint32_t index, uint32_t field, const char *text, struct error *err)
{
	struct syncline_value value = { .type = SYNCLINE_TYPE_NULL };
	const char *fault = NULL;
	struct batch_field about;
	struct batch_header *header;
	struct batch_cell *cell;
	uint64_t at = batch->size, length, grown;
	uint8_t *data;

	batch_field(batch, field, &about);
	if (text != NULL && (!value_of_text(about.type, text, &value) || (fault = batch_value_fault(&value)) != NULL))
		return error_set(err, ERROR_BATCH_RECORD, "Give a value of the field's type.", "\"%s\" is no value for the field \"%.*s\"%s%s", text,
		                 (int)about.name_length, about.name, fault != NULL ? ": " : "", fault != NULL ? fault : "");
	length = type_is_number(value.type) ? 8 : value.length;
	grown = (at + length + 7) & ~UINT64_C(7);
	if (grown > BATCH_MAX_BYTES)
		return error_set(err, ERROR_BATCH_FULL, "Make smaller batches.", "a batch would grow beyond 16 MiB");
	if ((data = realloc(batch->data, grown)) == NULL)
		return error_memory(err);
	memset(data + at, 0, grown - at);
	if (type_is_number(value.type))
		memcpy(data + at, &value.u.integer, 8);
	else if (length > 0)
		memcpy(data + at, value.u.data, length);
	batch->data = data;
	batch->size = (uint32_t)grown;
	batch->header = header = (void *)data;
	header->total = (uint32_t)grown;
	cell = &((struct batch_record *)(void *)(data + header->records_at + (size_t)header->record_size * index))->cells[field];
	*cell = (struct batch_cell){ .type = value.type, .offset = value.type == SYNCLINE_TYPE_NULL ? 0 : (uint32_t)at, .length = (uint32_t)length };
	batch_seal(batch);
	return 0;
}
