/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seeds_batch.c: writes the seeds of fuzz_batch.c into the folder that it is given.  Needed again only when the batch's
 * layout changes: `make tests/bin/seeds-batch && tests/bin/seeds-batch tests/fuzz/seeds/batch`.
 */
#include <stdio.h>
#include <string.h>

#include "batch/batch.h"

#define TEXT(s) { .type = SYNCLINE_TYPE_TEXT, .length = sizeof(s) - 1, .u.data = (s) }
#define DATA(t, s) { .type = (t), .length = sizeof(s) - 1, .u.data = (s) }
#define NUMBER(t, n) { .type = (t), .u.integer = (n) }
#define FIELD(t, n) { .struct_size = sizeof(struct syncline_field), .type = (t), .name = (n) }

static const struct syncline_field fields[] = {
	FIELD(SYNCLINE_TYPE_TEXT, "id"), FIELD(SYNCLINE_TYPE_BOOLEAN, "ok"), FIELD(SYNCLINE_TYPE_INTEGER, "count"),
	FIELD(SYNCLINE_TYPE_DECIMAL, "sum"), FIELD(SYNCLINE_TYPE_BYTES, "raw"), FIELD(SYNCLINE_TYPE_TIMESTAMP, "at"),
	FIELD(SYNCLINE_TYPE_DATE, "day"), FIELD(SYNCLINE_TYPE_JSON, "more"), FIELD(SYNCLINE_TYPE_CONTENT, "pdf"),
	FIELD(SYNCLINE_TYPE_ABSENT, "Stra\xC3\x9F" "e"),
};
#define FIELD_COUNT (sizeof fields / sizeof *fields)

static const struct syncline_value all_types[] = {
	TEXT("k-1"), NUMBER(SYNCLINE_TYPE_BOOLEAN, 1), NUMBER(SYNCLINE_TYPE_INTEGER, -7), DATA(SYNCLINE_TYPE_DECIMAL, "-12.50"),
	DATA(SYNCLINE_TYPE_BYTES, "\x00\x01\xFF"), NUMBER(SYNCLINE_TYPE_TIMESTAMP, 1772301600500000), NUMBER(SYNCLINE_TYPE_DATE, 20512),
	DATA(SYNCLINE_TYPE_JSON, "{\"a\":[1.50,null]}"), DATA(SYNCLINE_TYPE_CONTENT, "file:1"), TEXT("Gr\xC3\xBC\xC3\x9F" "e \xF0\x9F\x98\x80"),
};

static int
write_seed(const char *folder, const char *name, struct batch_builder *builder)
{
	CLEANUP(struct batch, batch_free, batch) = batch_builder_finish(builder, NULL);
	char path[4096];
	FILE *file;
	int good;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	if (batch == NULL || (file = fopen(path, "wb")) == NULL)
		return -1;
	good = fwrite(batch->data, 1, batch->size, file) == batch->size;
	return fclose(file) == 0 && good ? 0 : -1;
}

int
main(int argc, char **argv)
{
	CLEANUP(struct batch_builder, batch_builder_free, b) = batch_builder_new(NULL);
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = FIELD_COUNT, .place = 2,
		.native_id = TEXT("k-1"), .version = TEXT("v1"), .tenant = TEXT("100"), .values = all_types };
	struct syncline_value nulls[FIELD_COUNT];

	if (argc != 2 || b == NULL) {
		fprintf(stderr, "usage: seeds-batch FOLDER\n");
		return 2;
	}
	if (write_seed(argv[1], "empty", b) != 0)
		return 1;
	if (batch_builder_set_fields(b, fields, FIELD_COUNT, NULL) != 0 || write_seed(argv[1], "no-records", b) != 0)
		return 1;
	if (batch_builder_set_origin(b, "a.csv", 5, NULL) != 0 || batch_builder_add(b, &record, NULL) != 0 ||
	    write_seed(argv[1], "all-types", b) != 0)
		return 1;
	for (size_t i = 0; i < FIELD_COUNT; i++)
		nulls[i] = (struct syncline_value){ .type = i % 2 != 0 ? SYNCLINE_TYPE_NULL : SYNCLINE_TYPE_ABSENT };
	for (uint8_t op = SYNCLINE_OP_SEEN; op < SYNCLINE_OP_COUNT; op++) {
		struct syncline_value why = TEXT("no key"), attempt = DATA(SYNCLINE_TYPE_BYTES, "0123456789abcdef"), none = { 0 };

		record.op = op;
		record.values = op % 2 != 0 ? nulls : all_types;
		record.note = op == SYNCLINE_OP_REJECT ? why : op >= SYNCLINE_OP_CREATE ? attempt : none;
		if (batch_builder_add(b, &record, NULL) != 0)
			return 1;
	}
	return write_seed(argv[1], "all-operations", b) == 0 ? 0 : 1;
}
