/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vector.c: see vector.h.  A value is brought into one form per kind of type before it is hashed, so that what two systems write
 * differently and mean the same has the same word.
 */
#include "flow/vector.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/functions/decimal.h"
#include "rules/functions/unicode.h"

static uint64_t
word_of(const uint8_t key[16], const void *data, size_t length)
{
	uint8_t hash[8];
	uint64_t word;

	crypto_shorthash(hash, data, length, key);
	memcpy(&word, hash, sizeof word);
	return word > VECTOR_NULL ? word : word + 2;
}

/* The digits without what doesn't count: 01.10 is 1.1, -0.0 is 0. */
static size_t
plain_number(const char *from, size_t length, char *to)
{
	const char *end = from + length, *point;
	bool negative = from < end && *from == '-';
	size_t used = 0;

	from += negative;
	while (from + 1 < end && *from == '0' && from[1] != '.')
		from++;
	if ((point = memchr(from, '.', (size_t)(end - from))) != NULL) {
		while (end[-1] == '0')
			end--;
		end -= end[-1] == '.';
	}
	if (end - from == 1 && *from == '0')
		negative = false;
	if (negative)
		to[used++] = '-';
	memcpy(to + used, from, (size_t)(end - from));
	return used + (size_t)(end - from);
}

/* A kind's letter and the value in its one form. */
static int
put_plain(const struct syncline_value *value, struct buffer *out)
{
	char number[DECIMAL_TEXT_MAX + 2];

	switch (value->type) {
	case SYNCLINE_TYPE_INTEGER:
	case SYNCLINE_TYPE_TIMESTAMP:
	case SYNCLINE_TYPE_DATE:
	case SYNCLINE_TYPE_BOOLEAN:
		return buffer_format(out, "%c%" PRId64, value->type == SYNCLINE_TYPE_INTEGER     ? 'N'
		                                        : value->type == SYNCLINE_TYPE_TIMESTAMP ? 'S'
		                                        : value->type == SYNCLINE_TYPE_DATE      ? 'D'
		                                                                                 : 'B', value->u.integer);
	case SYNCLINE_TYPE_DECIMAL:
		if (value->length >= sizeof number || value->length == 0)
			return buffer_char(out, 'N') != 0 ? -1 : buffer_append(out, value->u.data, value->length);
		return buffer_char(out, 'N') != 0 ? -1 : buffer_append(out, number, plain_number(value->u.data, value->length, number));
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT:
		if (buffer_char(out, 'T') != 0)
			return -1;
		return unicode_nfc(value->u.data, value->length, out);
	default:
		return buffer_char(out, value->type == SYNCLINE_TYPE_JSON ? 'J' : 'X') != 0 ? -1 : buffer_append(out, value->u.data, value->length);
	}
}

int
vector_word(const uint8_t key[16], const struct syncline_value *value, struct buffer *scratch, uint64_t *ret_word)
{
	if (value->type == SYNCLINE_TYPE_ABSENT || value->type == SYNCLINE_TYPE_NULL) {
		*ret_word = value->type == SYNCLINE_TYPE_NULL ? VECTOR_NULL : VECTOR_UNKNOWN;
		return 0;
	}
	buffer_clear(scratch);
	if (put_plain(value, scratch) != 0)
		return -1;
	*ret_word = word_of(key, scratch->data, scratch->length);
	return 0;
}

int
vector_of(const struct ledger *ledger, const struct config_entity *entity, const struct syncline_value *values, struct buffer *scratch,
          uint64_t *ret_words)
{
	const uint8_t *key = ledger_hash_key(ledger);

	memset(ret_words, 0, ledger_field_limit(ledger, entity) * sizeof *ret_words);
	for (uint32_t i = 0; i < entity->field_count; i++)
		if (vector_word(key, &values[i], scratch, &ret_words[ledger_field_id(ledger, entity, &entity->fields[i])]) != 0)
			return -1;
	return 0;
}

static int
put_raw(struct buffer *out, uint8_t type, const void *data, uint32_t length)
{
	uint8_t head[5] = { type, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)(length >> 16), (uint8_t)(length >> 24) };

	return buffer_append(out, head, sizeof head) != 0 ? -1 : buffer_append(out, data, length);
}

/* A field of a batch by the hash of its name: records are hashed in this order, whatever the order of the columns is. */
struct named {
	uint64_t name;
	uint32_t field;
};

static int
by_name(const void *a, const void *b)
{
	uint64_t x = ((const struct named *)a)->name, y = ((const struct named *)b)->name;

	return x < y ? -1 : x > y;
}

static void
name_fields(const uint8_t key[16], const struct batch *batch, struct named *named)
{
	uint32_t count = batch->header->field_count;

	for (uint32_t i = 0; i < count; i++) {
		struct batch_field field;

		batch_field(batch, i, &field);
		named[i] = (struct named){ word_of(key, field.name, field.name_length), i };
	}
	if (count > 1)
		qsort(named, count, sizeof *named, by_name);
}

/* What a record doesn't say is no part of it: fields that only its neighbours have don't change its hash. */
static int
put_record(struct buffer *out, const struct batch *batch, const struct batch_record *record, const struct named *named)
{
	buffer_clear(out);
	for (uint32_t i = 0; i < batch->header->field_count; i++) {
		const struct batch_cell *cell = &record->cells[named[i].field];

		if (cell->type == SYNCLINE_TYPE_ABSENT)
			continue;
		if (buffer_append(out, &named[i].name, sizeof named[i].name) != 0 ||
		    put_raw(out, cell->type, batch_cell_data(batch, cell), cell->length) != 0)
			return -1;
	}
	return 0;
}

int
vector_raws(const uint8_t key[16], const struct batch *batch, struct buffer *scratch, uint8_t (*ret_raws)[16])
{
	struct named *named = malloc((batch->header->field_count + 1u) * sizeof *named);
	int result = named != NULL ? 0 : -1;

	if (named != NULL)
		name_fields(key, batch, named);
	for (uint32_t i = 0; result == 0 && i < batch->header->record_count; i++) {
		result = put_record(scratch, batch, batch_record(batch, i), named);
		if (result == 0)
			crypto_shorthash_siphashx24(ret_raws[i], (const unsigned char *)(scratch->data != NULL ? scratch->data : ""), scratch->length, key);
	}
	free(named);
	return result;
}

void
vector_raw_value(const uint8_t key[16], const struct syncline_value *value, uint8_t ret_raw[16])
{
	uint64_t hash[2];

	batch_digest(value, NULL, 0, key, hash);
	memcpy(ret_raw, hash, sizeof hash);
}
