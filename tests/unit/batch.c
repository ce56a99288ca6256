/* SPDX-License-Identifier: BSD-2-Clause */
/* batch.c: building, validating, keys and digests. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "batch/batch.h"
#include "batch/crc32c.h"

#define TEXT(s) { .type = SYNCLINE_TYPE_TEXT, .length = sizeof(s) - 1, .u.data = (s) }

static const struct syncline_field fields[] = {
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .flags = SYNCLINE_FIELD_KEY, .name = "id" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_INTEGER, .name = "count" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_DECIMAL, .scale = 2, .name = "sum" },
};

static struct batch *
make_expecting(unsigned records, unsigned expected)
{
	struct batch_builder *builder = batch_builder_new(NULL);
	struct syncline_value values[3] = { TEXT("k-1"), { .type = SYNCLINE_TYPE_INTEGER }, TEXT("12.50") };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = 3, .native_id = TEXT("k-1"), .values = values };
	struct batch *batch;

	values[2].type = SYNCLINE_TYPE_DECIMAL;
	batch_builder_expect(builder, expected);
	assert_int_equal(batch_builder_set_fields(builder, fields, 3, NULL), 0);
	assert_int_equal(batch_builder_set_origin(builder, "a.csv", 5, NULL), 0);
	for (unsigned i = 0; i < records; i++) {
		values[1].u.integer = i;
		record.place = i + 2;
		assert_int_equal(batch_builder_add(builder, &record, NULL), 0);
	}
	assert_non_null(batch = batch_builder_finish(builder, NULL));
	batch_builder_free(builder);
	return batch;
}

static struct batch *
make(unsigned records)
{
	return make_expecting(records, 0);
}

/* More or fewer records may come than were expected, and nothing of it is seen in the batch. */
static void
what_is_expected_is_no_limit(void **state)
{
	static const unsigned counts[] = { 0, 1, 2, 16, 17, 40, 1000, 1500 };

	(void)state;
	for (size_t c = 0; c < sizeof counts / sizeof *counts; c++)
		for (size_t e = 0; e < sizeof counts / sizeof *counts; e++) {
			struct batch *plain = make(counts[c]), *made = make_expecting(counts[c], counts[e]);

			assert_int_equal(plain->size, made->size);
			assert_memory_equal(plain->data, made->data, plain->size);
			batch_free(plain);
			batch_free(made);
		}
}

static void
what_was_put_in_comes_out(void **state)
{
	static const unsigned sizes[] = { 0, 1, 999, 1000, 1001, 2500 };

	(void)state;
	for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
		struct batch *made = make(sizes[s]), *read;
		struct error err = { 0 };

		read = batch_validate(made->data, made->size, &err);
		assert_string_equal(err.message, "");
		assert_non_null(read);
		assert_int_equal(read->header->record_count, sizes[s]);
		assert_int_equal(batch_find_field(read, "sum", 3), 2);
		assert_int_equal(batch_find_field(read, "su", 2), -1);
		assert_int_equal(batch_origin(read).length, 5);
		for (unsigned i = 0; i < sizes[s]; i++) {
			struct syncline_value values[3];
			struct syncline_record record;

			batch_read(read, i, values, &record);
			assert_int_equal(record.place, i + 2);
			assert_int_equal(record.values[1].u.integer, i);
			assert_memory_equal(record.values[2].u.data, "12.50", 5);
			assert_memory_equal(record.native_id.u.data, "k-1", 3);
			assert_int_equal(record.tenant.type, SYNCLINE_TYPE_ABSENT);
		}
		batch_free(read);
		batch_free(made);
	}
}

static void
set_checksum(uint8_t *data, size_t size)
{
	struct batch_header header;

	memcpy(&header, data, sizeof header);
	header.crc = 0;
	memcpy(data, &header, sizeof header);
	header.crc = crc32c(0, data, size);
	memcpy(data, &header, sizeof header);
}

/* Every byte changed to several values, with the checksum mended: refused or harmless, never a read outside (the sanitizer watches). */
static void
damaged_bytes_are_refused_or_harmless(void **state)
{
	struct batch *made = make(3);

	(void)state;
	for (size_t at = 0; at < made->size; at++) {
		static const uint8_t with[] = { 0x00, 0x01, 0x7F, 0x80, 0xFF };

		for (size_t w = 0; w < sizeof with; w++) {
			uint8_t *copy = malloc(made->size);
			struct error err = { 0 };
			struct batch *batch;

			memcpy(copy, made->data, made->size);
			copy[at] = with[w];
			if (memcmp(copy, made->data, made->size) != 0) {
				assert_null(batch_validate(copy, made->size, &err));
				assert_int_equal(err.code, ERROR_BATCH_INVALID);
			}
			set_checksum(copy, made->size);
			batch = batch_adopt(copy, made->size, &err);
			if (batch != NULL) {
				for (uint32_t i = 0; i < batch->header->record_count; i++) {
					struct syncline_value values[3];
					struct syncline_record record;

					batch_read(batch, i, values, &record);
					for (int v = 0; v < 3; v++)
						assert_null(batch_value_fault(&values[v]));
				}
			}
			batch_free(batch);
		}
	}
	for (size_t size = 0; size < made->size; size += 7)
		assert_null(batch_validate(made->data, size, NULL));
	batch_free(made);
}

static void
a_record_that_is_not_valid_leaves_the_builder_alone(void **state)
{
	struct batch_builder *builder = batch_builder_new(NULL);
	struct syncline_value values[4] = { TEXT("k"), { 0 }, { 0 }, { 0 } };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = 3, .native_id = TEXT("k"), .values = values };
	struct syncline_value good = values[0];
	char *big = calloc(1, SYNCLINE_RECORD_MAX + 1);
	struct error err = { 0 };
	struct batch *batch;

	(void)state;
	assert_int_equal(batch_builder_set_fields(builder, fields, 3, NULL), 0);
	assert_int_equal(batch_builder_add(builder, &record, NULL), 0);
	values[0] = (struct syncline_value)TEXT("\xFF");
	assert_int_equal(batch_builder_add(builder, &record, &err), -1);
	assert_non_null(strstr(err.message, "value 1 is not UTF-8"));
	values[0] = good;
	record.value_count = 4;
	assert_int_equal(batch_builder_add(builder, &record, &err), -1);
	record.value_count = 3;
	memset(big, 'x', SYNCLINE_RECORD_MAX + 1);
	values[0].u.data = big;
	values[0].length = SYNCLINE_RECORD_MAX + 1;
	assert_int_equal(batch_builder_add(builder, &record, &err), -1);
	assert_non_null(strstr(err.message, "4 MiB"));
	values[0].length = SYNCLINE_RECORD_MAX - 8;
	for (int i = 0; i < 3; i++)
		assert_int_equal(batch_builder_add(builder, &record, &err), 0);
	assert_true(batch_builder_full(builder));
	assert_int_equal(batch_builder_add(builder, &record, &err), -1);
	assert_int_equal(err.code, ERROR_BATCH_FULL);
	assert_int_equal(batch_builder_set_fields(builder, fields, 3, &err), -1);
	assert_non_null(batch = batch_builder_finish(builder, &err));
	assert_int_equal(batch->header->record_count, 4);
	batch_free(batch);
	batch_builder_free(builder);
	free(big);
}

static void
many_fields_fit(void **state)
{
	struct batch_builder *builder = batch_builder_new(NULL);
	struct syncline_field *many = calloc(SYNCLINE_FIELDS_MAX, sizeof *many);
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .native_id = TEXT("k") };
	struct batch *batch, *again;
	unsigned count = 0;

	(void)state;
	for (unsigned i = 0; i < SYNCLINE_FIELDS_MAX; i++)
		many[i] = (struct syncline_field){ .struct_size = sizeof *many, .name = "f" };
	assert_int_equal(batch_builder_set_fields(builder, many, SYNCLINE_FIELDS_MAX, NULL), 0);
	for (; !batch_builder_full(builder); count++)
		assert_int_equal(batch_builder_add(builder, &record, NULL), 0);
	assert_true(count > 10);
	assert_non_null(batch = batch_builder_finish(builder, NULL));
	assert_non_null(again = batch_validate(batch->data, batch->size, NULL));
	batch_free(again);
	batch_free(batch);
	batch_builder_free(builder);
	free(many);
}

static void
keys_are_joined_and_split(void **state)
{
	static const struct syncline_slice parts[] = { { "100", 3 }, { "a|b\\c", 5 }, { "", 0 } };
	struct syncline_slice back[3], id;
	struct buffer buffer;
	char scratch[64];

	(void)state;
	buffer_init(&buffer, 0);
	assert_int_equal(batch_join_key(&buffer, parts, 3), 0);
	assert_string_equal(buffer_string(&buffer), "100|a\\|b\\\\c|");
	/* Into a buffer of any size: the same bytes, as far as they go, and never one behind it. */
	for (size_t capacity = 0; capacity <= buffer.length; capacity++) {
		memset(scratch, '#', sizeof scratch);
		assert_int_equal(batch_join_key_into(parts, 3, scratch, capacity), buffer.length);
		assert_memory_equal(scratch, buffer.data, capacity);
		assert_int_equal(scratch[capacity], '#');
	}
	assert_int_equal(batch_join_key_into(parts + 1, 1, scratch, 4), 5);
	assert_int_equal(batch_join_key_into(parts + 1, 1, scratch, 5), 5);
	assert_memory_equal(scratch, "a|b\\c", 5);
	id = (struct syncline_slice){ buffer.data, buffer.length };
	assert_int_equal(batch_split_key(&id, 3, scratch, sizeof scratch, back), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(back[i].length, parts[i].length);
		assert_memory_equal(back[i].data, parts[i].data, parts[i].length);
	}
	assert_int_equal(batch_split_key(&id, 2, scratch, sizeof scratch, back), -1);
	assert_int_equal(batch_split_key(&id, 4, scratch, sizeof scratch, back), -1);
	buffer_free(&buffer);
}

static void
digests_tell_values_apart(void **state)
{
	static const uint8_t key[16] = { 1, 2, 3 };
	struct syncline_value id = TEXT("k"), a[2] = { TEXT("ab"), TEXT("c") }, b[2] = { TEXT("a"), TEXT("bc") };
	uint64_t h1[2], h2[2];

	(void)state;
	batch_digest(&id, a, 2, key, h1);
	batch_digest(&id, b, 2, key, h2);
	assert_memory_not_equal(h1, h2, sizeof h1);
	batch_digest(&id, a, 2, key, h2);
	assert_memory_equal(h1, h2, sizeof h1);
}

static void
records_are_dropped_and_become_writes(void **state)
{
	struct batch *made = make(5), *copy = batch_copy(made, NULL), *read;
	uint8_t keep[5] = { 0, 1, 0, 1, 1 }, keys[3][16];

	(void)state;
	batch_keep(copy, keep);
	batch_seal(copy);
	assert_non_null(read = batch_validate(copy->data, copy->size, NULL));
	assert_int_equal(read->header->record_count, 3);
	assert_int_equal(batch_record(read, 0)->place, 3);
	assert_int_equal(batch_record(read, 2)->place, 6);
	batch_free(read);
	for (unsigned i = 0; i < 3; i++)
		memset(keys[i], (int)i + 1, 16);
	assert_int_equal(batch_make_writes(copy, SYNCLINE_OP_CREATE, (const uint8_t (*)[16])keys, NULL), 0);
	assert_non_null(read = batch_validate(copy->data, copy->size, NULL));
	for (unsigned i = 0; i < 3; i++) {
		const struct batch_record *record = batch_record(read, i);

		assert_int_equal(record->op, SYNCLINE_OP_CREATE);
		assert_int_equal(record->native_id.type, SYNCLINE_TYPE_ABSENT);
		assert_int_equal(record->note.length, 16);
		assert_memory_equal(batch_cell_data(read, &record->note), keys[i], 16);
	}
	assert_int_equal(made->header->record_count, 5);
	batch_free(read);
	batch_free(copy);
	batch_free(made);
}

static void
both_checksums_agree(void **state)
{
	unsigned char data[300];

	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xE3069283u);
	assert_int_equal(crc32c_portable(0, "123456789", 9), 0xE3069283u);
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 31 + 7);
	for (size_t i = 0; i < sizeof data; i++)
		assert_int_equal(crc32c(5, data, i), crc32c_portable(5, data, i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_in_comes_out),
		cmocka_unit_test(damaged_bytes_are_refused_or_harmless),
		cmocka_unit_test(a_record_that_is_not_valid_leaves_the_builder_alone),
		cmocka_unit_test(many_fields_fit),
		cmocka_unit_test(keys_are_joined_and_split),
		cmocka_unit_test(digests_tell_values_apart),
		cmocka_unit_test(records_are_dropped_and_become_writes),
		cmocka_unit_test(both_checksums_agree),
		cmocka_unit_test(what_is_expected_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
