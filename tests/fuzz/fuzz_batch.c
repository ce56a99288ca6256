/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_batch.c: validation of a batch that came from elsewhere.  Each input is tried as it is, and once more with its total
 * length and checksum mended, since a fuzzer would never find its way past a checksum.  What validation lets through is read
 * in full and must hold what batch.h promises.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "batch/batch.h"
#include "batch/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(int condition)
{
	if (!condition)
		abort();
}

static void
read_all(const struct batch *batch)
{
	static const uint8_t key[16] = { 1, 2, 3 };
	static struct syncline_value values[SYNCLINE_FIELDS_MAX];
	uint32_t fields = batch->header->field_count;
	struct syncline_slice origin = batch_origin(batch);

	demand(fields <= SYNCLINE_FIELDS_MAX);
	demand(text_is_utf8(origin.data, origin.length));
	for (uint32_t f = 0; f < fields; f++) {
		struct batch_field field;

		batch_field(batch, f, &field);
		demand(field.name_length > 0 && field.name_length <= SYNCLINE_NAME_MAX);
		demand(field.type < SYNCLINE_TYPE_COUNT);
		demand(batch_find_field(batch, field.name, field.name_length) >= 0);
	}
	for (uint32_t r = 0; r < batch->header->record_count; r++) {
		struct syncline_record record;
		uint64_t hash[2];

		batch_read(batch, r, values, &record);
		demand(record.op > 0 && record.op < SYNCLINE_OP_COUNT);
		demand(batch_value_fault(&record.native_id) == NULL && batch_value_fault(&record.version) == NULL);
		demand(batch_value_fault(&record.tenant) == NULL && batch_value_fault(&record.note) == NULL);
		for (uint32_t f = 0; f < fields; f++)
			demand(batch_value_fault(&values[f]) == NULL);
		batch_digest(&record.native_id, values, fields, key, hash);
	}
}

static void
mend(uint8_t *data, size_t size)
{
	struct batch_header header;

	memcpy(&header, data, sizeof header);
	header.total = (uint32_t)size;
	header.crc = 0;
	memcpy(data, &header, sizeof header);
	header.crc = crc32c(0, data, size);
	memcpy(data, &header, sizeof header);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = { 0 };
	struct batch *batch = batch_validate(data, size, &err);
	uint8_t *copy;

	if (batch != NULL)
		read_all(batch);
	else
		demand(err.code != ERROR_NONE && err.message[0] != '\0');
	batch_free(batch);

	if (size < sizeof(struct batch_header) || size > BATCH_MAX_BYTES || (copy = malloc(size)) == NULL)
		return 0;
	memcpy(copy, data, size);
	mend(copy, size);
	if ((batch = batch_adopt(copy, size, &err)) != NULL)
		read_all(batch);
	batch_free(batch);
	return 0;
}
