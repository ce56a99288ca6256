/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vector.c: see vector.h.  A value is brought into one form per kind of type before it is hashed, so that what two systems write
 * differently and mean the same has the same word.
 */
#include "flow/vector.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "flow/contents.h"
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
	const char *end = from + length;
	bool negative = from < end && *from == '-';
	size_t used = 0;

	from += negative;
	while (from + 1 < end && *from == '0' && from[1] != '.')
		from++;
	if (memchr(from, '.', (size_t)(end - from)) != NULL) {
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

static int
put_code_point(struct buffer *out, uint32_t c)
{
	if (c < 0x80)
		return buffer_char(out, (char)c);
	if (c < 0x800)
		return buffer_format(out, "%c%c", (char)(0xC0 | c >> 6), (char)(0x80 | (c & 0x3F)));
	if (c < 0x10000)
		return buffer_format(out, "%c%c%c", (char)(0xE0 | c >> 12), (char)(0x80 | (c >> 6 & 0x3F)), (char)(0x80 | (c & 0x3F)));
	return buffer_format(out, "%c%c%c%c", (char)(0xF0 | c >> 18), (char)(0x80 | (c >> 12 & 0x3F)), (char)(0x80 | (c >> 6 & 0x3F)),
	                     (char)(0x80 | (c & 0x3F)));
}

static const char *
four_digits(const char *p, const char *end, uint32_t *ret)
{
	*ret = 0;
	for (int i = 0; i < 4; i++, p++) {
		if (p >= end || !((*p >= '0' && *p <= '9') || ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'f')))
			return NULL;
		*ret = *ret << 4 | (uint32_t)(*p <= '9' ? *p - '0' : (*p | 0x20) - 'a' + 10);
	}
	return p;
}

/*
 * Behind the quote that opens a text, to behind the one that closes it: escapes are what they stand for, and a quote or a backslash
 * of the text's own has a backslash before it, however it was written.
 */
static const char *
put_json_text(struct buffer *out, const char *p, const char *end)
{
	for (; p < end && *p != '"'; p++) {
		static const char from[] = "nrtbf/", to[] = "\n\r\t\b\f/";
		const char *found, *next;
		uint32_t c, low;

		if (*p != '\\' || p + 1 == end) {
			buffer_char(out, *p);
			continue;
		}
		p++;
		if ((found = memchr(from, *p, sizeof from - 1)) != NULL) {
			buffer_char(out, to[found - from]);
		} else if (*p == 'u' && (next = four_digits(p + 1, end, &c)) != NULL) {
			p = next - 1;
			if (c >= 0xD800 && c < 0xDC00 && end - p > 2 && p[1] == '\\' && p[2] == 'u' && (next = four_digits(p + 3, end, &low)) != NULL &&
			    low >= 0xDC00 && low < 0xE000) {
				c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
				p = next - 1;
			}
			if (c == '"' || c == '\\')
				buffer_char(out, '\\');
			put_code_point(out, c);
		} else {
			buffer_char(out, '\\');
			buffer_char(out, *p);
		}
	}
	return p < end ? p + 1 : end;
}

/* Blanks, escapes and zeros that don't count are left out; what is no JSON stays as it is. */
static int
put_json(struct buffer *out, const char *p, size_t length)
{
	const char *end = p + length;
	char number[DECIMAL_TEXT_MAX + 2];

	while (p < end) {
		size_t digits = 0;

		while (p + digits < end && (p[digits] == '-' || p[digits] == '.' || (p[digits] >= '0' && p[digits] <= '9')))
			digits++;
		if (*p == '"') {
			buffer_char(out, '"');
			p = put_json_text(out, p + 1, end);
			buffer_char(out, '"');
		} else if (digits > 0 && digits < sizeof number && (p + digits == end || (p[digits] | 0x20) != 'e')) {
			buffer_append(out, number, plain_number(p, digits, number));
			p += digits;
		} else {
			if (*p != ' ' && *p != '\t' && *p != '\n' && *p != '\r')
				buffer_char(out, *p);
			p++;
		}
	}
	return out->failed ? -1 : 0;
}

/* Of every number, date and time of a first load: printf takes longer than the hash. */
static int
put_integer(struct buffer *out, char kind, int64_t number)
{
	char text[24], *at = text + sizeof text;
	uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do
		*--at = (char)('0' + left % 10);
	while ((left /= 10) != 0);
	if (number < 0)
		*--at = '-';
	*--at = kind;
	return buffer_append(out, at, (size_t)(text + sizeof text - at));
}

/* A kind's letter and the value in its one form. */
static int
put_plain(const struct syncline_value *value, struct buffer *out)
{
	char number[DECIMAL_TEXT_MAX + 2];

	switch (value->type) {
	case SYNCLINE_TYPE_INTEGER:
		return put_integer(out, 'N', value->u.integer);
	case SYNCLINE_TYPE_TIMESTAMP:
		return put_integer(out, 'S', value->u.integer);
	case SYNCLINE_TYPE_DATE:
		return put_integer(out, 'D', value->u.integer);
	case SYNCLINE_TYPE_BOOLEAN:
		return put_integer(out, 'B', value->u.integer);
	case SYNCLINE_TYPE_DECIMAL:
		if (value->length >= sizeof number || value->length == 0)
			return buffer_char(out, 'N') != 0 ? -1 : buffer_append(out, value->u.data, value->length);
		return buffer_char(out, 'N') != 0 ? -1 : buffer_append(out, number, plain_number(value->u.data, value->length, number));
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT:
		if (buffer_char(out, 'T') != 0)
			return -1;
		return unicode_nfc(value->u.data, value->length, out);
	case SYNCLINE_TYPE_JSON:
		return buffer_char(out, 'J') != 0 ? -1 : put_json(out, value->u.data, value->length);
	default:
		return buffer_char(out, 'X') != 0 ? -1 : buffer_append(out, value->u.data, value->length);
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
vector_word_of(const uint8_t key[16], const struct config_field *field, const struct syncline_value *value, struct buffer *scratch,
               uint64_t *ret_word)
{
	const char *hash = field->type == CONFIG_FIELD_CONTENT && field->copy ? contents_hash(value) : NULL;

	if (hash == NULL)
		return vector_word(key, value, scratch, ret_word);
	buffer_clear(scratch);
	if (buffer_char(scratch, 'C') != 0 || buffer_append(scratch, hash, CONTENTS_HEX - 1) != 0)
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
		if (vector_word_of(key, &entity->fields[i], &values[i], scratch, &ret_words[ledger_field_id(ledger, entity, &entity->fields[i])]) != 0)
			return -1;
	return 0;
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

#define RAW_HEAD 13u /* bytes before a value: the hash of its field's name, its type, its length */

static uint8_t *
put_raw(uint8_t *to, uint64_t name, const struct batch *batch, const struct batch_cell *cell)
{
	uint32_t length = cell->length;

	memcpy(to, &name, sizeof name);
	to[8] = cell->type;
	to[9] = (uint8_t)length;
	to[10] = (uint8_t)(length >> 8);
	to[11] = (uint8_t)(length >> 16);
	to[12] = (uint8_t)(length >> 24);
	if (length > 0)
		memcpy(to + RAW_HEAD, batch_cell_data(batch, cell), length);
	return to + RAW_HEAD + length;
}

/* JSON says the same however it is written: in another escape, with other blanks. */
static uint8_t *
put_raw_json(struct buffer *out, uint8_t *to, uint64_t name, const struct batch *batch, const struct batch_cell *cell)
{
	static const uint8_t room[RAW_HEAD];
	size_t head = (size_t)(to - (uint8_t *)out->data), length;
	uint8_t *at;

	out->length = head;
	if (buffer_append(out, room, RAW_HEAD) != 0 || put_json(out, batch_cell_data(batch, cell), cell->length) != 0)
		return NULL;
	length = out->length - head - RAW_HEAD;
	at = (uint8_t *)out->data + head;
	memcpy(at, &name, sizeof name);
	at[8] = cell->type;
	for (unsigned i = 0; i < 4; i++)
		at[9 + i] = (uint8_t)(length >> (8 * i));
	return at + RAW_HEAD + length;
}

/*
 * What a record doesn't say is no part of it: fields that only its neighbours have don't change its hash.  A document is not in its
 * reference: that it became another one is told by the version.  This is the way of every row of every read, so room is made once for all
 * of it.
 */
static int
put_record(struct buffer *out, const struct batch *batch, const struct batch_record *record, const struct named *named)
{
	uint32_t count = batch->header->field_count;
	size_t size = RAW_HEAD + (size_t)record->version.length;
	bool document = false;
	uint8_t *to;

	for (uint32_t i = 0; i < count; i++)
		size += record->cells[i].type != SYNCLINE_TYPE_ABSENT ? RAW_HEAD + (size_t)record->cells[i].length : 0;
	buffer_clear(out);
	if (buffer_reserve(out, size + 1) != 0)
		return -1;
	to = (uint8_t *)out->data;
	for (uint32_t i = 0; i < count; i++) {
		const struct batch_cell *cell = &record->cells[named[i].field];

		if (cell->type == SYNCLINE_TYPE_ABSENT)
			continue;
		to = cell->type == SYNCLINE_TYPE_JSON ? put_raw_json(out, to, named[i].name, batch, cell) : put_raw(to, named[i].name, batch, cell);
		if (to == NULL)
			return -1;
		document = document || (cell->type == SYNCLINE_TYPE_CONTENT && cell->length > 0);
	}
	if (document && record->version.length > 0)
		to = put_raw(to, 0, batch, &record->version);
	out->length = (size_t)(to - (uint8_t *)out->data);
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
			crypto_shorthash_siphashx24(ret_raws[i], (const unsigned char *)scratch->data, scratch->length, key);
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
