/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * compare.c: does a row at the target show what was sent?  By the names of fields and by canonical values, and where the target
 * has another type for it by what people would read.  Documents are not compared: their references differ by nature.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "deliver/inside.h"

/* A value as text; numbers without what doesn't count are compared before. */
static struct syncline_slice
shown(const struct syncline_value *value, char *buffer, size_t size)
{
	switch (value->type) {
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
		return (struct syncline_slice){ buffer, (size_t)snprintf(buffer, size, "%" PRId64, value->u.integer) };
	case SYNCLINE_TYPE_DATE:
		return (struct syncline_slice){ buffer, text_from_date(value->u.integer, buffer) };
	case SYNCLINE_TYPE_TIMESTAMP:
		return (struct syncline_slice){ buffer, text_from_timestamp(value->u.integer, buffer) };
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return (struct syncline_slice){ "", 0 };
	default:
		return (struct syncline_slice){ value->u.data, value->length };
	}
}

static int
same_value(struct outlet *outlet, const struct syncline_value *a, const struct syncline_value *b, bool *ret_same)
{
	const uint8_t *key = ledger_hash_key(outlet->deliver->ledger);
	char text_a[64], text_b[64];
	struct syncline_slice x, y;
	uint64_t word_a, word_b;

	if (vector_word(key, a, &outlet->scratch, &word_a) != 0 || vector_word(key, b, &outlet->scratch, &word_b) != 0)
		return -1;
	x = shown(a, text_a, sizeof text_a);
	y = shown(b, text_b, sizeof text_b);
	*ret_same = word_a == word_b || (x.length == y.length && (x.length == 0 || memcmp(x.data, y.data, x.length) == 0));
	return 0;
}

int
compare_row(struct outlet *outlet, const struct batch *payload, const struct batch *rows, uint32_t row, enum comparison *ret_comparison,
            struct error *err)
{
	const struct batch_record *sent = batch_record(payload, 0), *there = batch_record(rows, row);
	uint32_t compared = 0;

	for (uint32_t i = 0; i < payload->header->field_count; i++) {
		struct syncline_value mine = batch_value(payload, &sent->cells[i]), theirs;
		struct batch_field field;
		bool same = false;
		int at;

		if (mine.type == SYNCLINE_TYPE_ABSENT || mine.type == SYNCLINE_TYPE_CONTENT)
			continue;
		batch_field(payload, i, &field);
		if ((at = batch_find_field(rows, field.name, field.name_length)) < 0)
			continue;
		theirs = batch_value(rows, &there->cells[at]);
		if (theirs.type == SYNCLINE_TYPE_ABSENT)
			continue;
		if (same_value(outlet, &mine, &theirs, &same) != 0)
			return error_memory(err);
		if (!same) {
			*ret_comparison = COMPARE_OTHER;
			return 0;
		}
		compared++;
	}
	*ret_comparison = compared > 0 ? COMPARE_SAME : COMPARE_UNKNOWN;
	return 0;
}

bool
compare_documents(const struct batch *payload, const struct batch *rows, uint32_t row)
{
	const struct batch_record *sent = batch_record(payload, 0), *there = batch_record(rows, row);

	for (uint32_t i = 0; i < payload->header->field_count; i++) {
		struct syncline_value mine = batch_value(payload, &sent->cells[i]), theirs;
		struct batch_field field;
		int at;

		if (mine.type != SYNCLINE_TYPE_CONTENT)
			continue;
		batch_field(payload, i, &field);
		if ((at = batch_find_field(rows, field.name, field.name_length)) < 0)
			return false;
		theirs = batch_value(rows, &there->cells[at]);
		if ((theirs.type != SYNCLINE_TYPE_CONTENT && theirs.type != SYNCLINE_TYPE_TEXT) || theirs.length != mine.length ||
		    (mine.length > 0 && memcmp(theirs.u.data, mine.u.data, mine.length) != 0))
			return false;
	}
	return true;
}

int
compare_as_stored(struct outlet *outlet, const struct batch *payload, const struct batch *rows, uint32_t row, bool same_only,
                  const struct syncline_record **ret_stored, struct error *err)
{
	uint32_t count = payload->header->field_count;
	struct syncline_record *record = arena_zalloc(&outlet->arena, sizeof *record);
	struct syncline_value *values = arena_array(&outlet->arena, count + 1u, sizeof *values);
	const struct batch_record *there = batch_record(rows, row);

	if (record == NULL || values == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_value mine = batch_value(payload, &batch_record(payload, 0)->cells[i]), theirs;
		struct batch_field field;
		bool same = false;
		int at;

		batch_field(payload, i, &field);
		if (mine.type == SYNCLINE_TYPE_ABSENT || (at = batch_find_field(rows, field.name, field.name_length)) < 0)
			continue;
		theirs = batch_value(rows, &there->cells[at]);
		if (same_only && mine.type != SYNCLINE_TYPE_CONTENT && same_value(outlet, &mine, &theirs, &same) != 0)
			return error_memory(err);
		if (!same_only || mine.type == SYNCLINE_TYPE_CONTENT || same)
			values[i] = theirs;
	}
	*record = (struct syncline_record){ .struct_size = sizeof *record, .op = SYNCLINE_OP_SEEN, .value_count = count, .values = values,
		.native_id = batch_value(rows, &there->native_id), .version = batch_value(rows, &there->version) };
	*ret_stored = record;
	return 0;
}
