/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * edit.c: what changes in a batch that this process owns, in place: the values stay where they are in the heap.
 */
#include <stdlib.h>

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
