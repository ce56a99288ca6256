/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * value.c: what holds for single values: their checks, joined keys, digests.  Pure functions; any thread.
 */
#include <sodium.h>

#include "base/text.h"
#include "batch/layout.h"

#define DECIMAL_MAX 1000u

const char *
batch_value_fault(const struct syncline_value *value)
{
	if (value->flags != 0 || value->reserved != 0)
		return "has flags that are not known";
	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return value->length != 0 ? "has a length but no value" : NULL;
	case SYNCLINE_TYPE_BOOLEAN:
		return value->u.integer != 0 && value->u.integer != 1 ? "is a boolean other than 0 and 1" : NULL;
	case SYNCLINE_TYPE_INTEGER:
		return NULL;
	case SYNCLINE_TYPE_TIMESTAMP:
		return value->u.integer < TEXT_TIMESTAMP_MIN || value->u.integer > TEXT_TIMESTAMP_MAX
		               ? "is a time outside the years 1 to 9999" : NULL;
	case SYNCLINE_TYPE_DATE:
		return value->u.integer < TEXT_DATE_MIN || value->u.integer > TEXT_DATE_MAX ? "is a date outside the years 1 to 9999" : NULL;
	case SYNCLINE_TYPE_DECIMAL:
		return value->length > DECIMAL_MAX || !text_is_decimal(value->u.data, value->length) ? "is not a decimal number" : NULL;
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT:
		return value->length > 0 && !text_is_utf8(value->u.data, value->length) ? "is not UTF-8 text without NUL" : NULL;
	case SYNCLINE_TYPE_JSON:
		return value->length == 0 || !text_is_utf8(value->u.data, value->length) ? "is not JSON in UTF-8" : NULL;
	case SYNCLINE_TYPE_BYTES:
		return NULL;
	default:
		return "is of a type that is not known";
	}
}

int
batch_join_key(struct buffer *buffer, const struct syncline_slice *parts, uint32_t count)
{
	if (count == 1)
		return buffer_append(buffer, parts[0].data, parts[0].length);
	for (uint32_t i = 0; i < count; i++) {
		const char *p = parts[i].data;

		if (i > 0)
			buffer_char(buffer, '|');
		for (size_t k = 0; k < parts[i].length; k++) {
			if (p[k] == '\\' || p[k] == '|')
				buffer_char(buffer, '\\');
			buffer_char(buffer, p[k]);
		}
	}
	return buffer->failed ? -1 : 0;
}

size_t
batch_join_key_into(const struct syncline_slice *parts, uint32_t count, char *buffer, size_t capacity)
{
	size_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		const char *p = parts[i].data;

		if (count == 1) {
			if (parts[0].length > 0 && parts[0].length <= capacity)
				memcpy(buffer, p, parts[0].length);
			return parts[0].length;
		}
		if (i > 0 && n++ < capacity)
			buffer[n - 1] = '|';
		for (size_t k = 0; k < parts[i].length; k++) {
			if ((p[k] == '\\' || p[k] == '|') && n++ < capacity)
				buffer[n - 1] = '\\';
			if (n++ < capacity)
				buffer[n - 1] = p[k];
		}
	}
	return n;
}

int
batch_split_key(const struct syncline_slice *native_id, uint32_t count, char *buffer, size_t capacity, struct syncline_slice *ret_parts)
{
	const char *p = native_id->data, *end = p + native_id->length;
	char *out = buffer, *start = buffer;
	uint32_t part = 0;

	if (count == 0 || capacity < native_id->length)
		return -1;
	if (count == 1) {
		if (native_id->length > 0)
			memcpy(buffer, native_id->data, native_id->length);
		ret_parts[0] = (struct syncline_slice){ buffer, native_id->length };
		return 0;
	}
	for (; p < end; p++) {
		if (*p == '|') {
			if (part + 1 >= count)
				return -1;
			ret_parts[part++] = (struct syncline_slice){ start, (size_t)(out - start) };
			start = out;
			continue;
		}
		if (*p == '\\' && (++p == end || (*p != '\\' && *p != '|')))
			return -1;
		*out++ = *p;
	}
	ret_parts[part++] = (struct syncline_slice){ start, (size_t)(out - start) };
	return part == count ? 0 : -1;
}

/* Chains one value into `state`: SipHash of (state, type, length, SipHash of the bytes), so that nothing is allocated. */
static void
digest_value(const struct syncline_value *value, const uint8_t key[16], uint8_t state[16])
{
	uint8_t block[16 + 1 + 8 + 16], number[8];
	const uint8_t *data = value->u.data;
	uint64_t length = value->length;

	if (type_is_number(value->type)) {
		for (int i = 0; i < 8; i++)
			number[i] = (uint8_t)((uint64_t)value->u.integer >> (8 * i));
		data = number;
		length = sizeof number;
	} else if (length == 0) {
		data = number;
	}
	memcpy(block, state, 16);
	block[16] = value->type;
	for (int i = 0; i < 8; i++)
		block[17 + i] = (uint8_t)(length >> (8 * i));
	crypto_shorthash_siphashx24(block + 25, data, length, key);
	crypto_shorthash_siphashx24(state, block, sizeof block, key);
}

static uint64_t
word(const uint8_t *p)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | p[i];
	return value;
}

void
batch_digest(const struct syncline_value *native_id, const struct syncline_value *values, uint32_t count, const uint8_t key[16],
             uint64_t ret_hash[2])
{
	uint8_t state[16] = { 0 };

	digest_value(native_id, key, state);
	for (uint32_t i = 0; i < count; i++)
		digest_value(&values[i], key, state);
	ret_hash[0] = word(state);
	ret_hash[1] = word(state + 8);
}
