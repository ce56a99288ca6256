/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_vector.c: any bytes as a value that gets a word: lists and other JSON, decimals, texts.  The first byte chooses the type.
 * Whatever the bytes are, they are harmless and have one word; JSON that is written in another way has the same one, and the form
 * that is hashed is its own form.  Order counts: a list in another order is another value to a vector.
 */
#include <json.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "flow/vector.h"

#define CHECK(condition)          \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t key[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

/* The form that is hashed, behind the letter of its kind, is left in `form`. */
static uint64_t
word(uint8_t type, const char *text, size_t length, struct buffer *form)
{
	struct syncline_value value = { .type = type, .length = (uint32_t)length, .u.data = text };
	uint64_t first, second;

	buffer_init(form, 0);
	CHECK(vector_word(key, &value, form, &first) == 0 && first > VECTOR_NULL);
	CHECK(vector_word(key, &value, form, &second) == 0 && second == first && form->length > 0);
	return first;
}

static void
is_its_own_form(uint8_t type, const struct buffer *form, uint64_t expected)
{
	struct buffer again;

	CHECK(word(type, form->data + 1, form->length - 1, &again) == expected);
	CHECK(again.length == form->length && memcmp(again.data, form->data, form->length) == 0);
	buffer_free(&again);
}

/* Members of all objects. */
static size_t
members(struct json_object *of)
{
	size_t count = 0;

	if (json_object_is_type(of, json_type_array))
		for (size_t i = 0; i < json_object_array_length(of); i++)
			count += members(json_object_array_get_idx(of, i));
	if (json_object_is_type(of, json_type_object)) {
		json_object_object_foreach(of, name, member)
		{
			(void)name;
			count += 1 + members(member);
		}
	}
	return count;
}

/* As it is written: a name that comes twice counts twice.  ret_odd: json-c would not keep a number or half a character of it. */
static size_t
written_members(const char *text, size_t length, int *ret_odd)
{
	size_t count = 0, digits = 0;
	int inside = 0;

	for (size_t i = 0; i < length; i++) {
		if (inside && text[i] == '\\' && i + 1 < length) {
			*ret_odd |= text[i + 1] == 'u' && i + 2 < length && (text[i + 2] | 0x20) == 'd';
			*ret_odd |= text[i + 1] == 'u' && i + 5 < length && memcmp(text + i + 2, "0000", 4) == 0;
			i++;
		} else if (text[i] == '"') {
			inside = !inside;
		} else if (!inside) {
			count += text[i] == ':';
			digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
			*ret_odd |= digits > 18;
		}
	}
	return count;
}

static void
json(const char *text, size_t length)
{
	static const int ways[] = { JSON_C_TO_STRING_PLAIN, JSON_C_TO_STRING_SPACED, JSON_C_TO_STRING_PRETTY, JSON_C_TO_STRING_NOSLASHESCAPE };
	struct json_tokener *tokener = json_tokener_new_ex(32);
	struct buffer form, other;
	struct json_object *parsed;
	uint64_t of = word(SYNCLINE_TYPE_JSON, text, length, &form), first = 0;
	int odd = 0;

	CHECK(tokener != NULL);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	parsed = length < 100000 ? json_tokener_parse_ex(tokener, text, (int)length) : NULL;
	if (parsed != NULL && json_tokener_get_error(tokener) == json_tokener_success && json_tokener_get_parse_end(tokener) == length &&
	    (json_object_is_type(parsed, json_type_array) || json_object_is_type(parsed, json_type_object))) {
		is_its_own_form(SYNCLINE_TYPE_JSON, &form, of);
		for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
			size_t size;
			const char *written = json_object_to_json_string_length(parsed, ways[i], &size);
			uint64_t now = word(SYNCLINE_TYPE_JSON, written, size, &other);

			CHECK(i == 0 || now == first);
			first = now;
			is_its_own_form(SYNCLINE_TYPE_JSON, &other, now);
			buffer_free(&other);
		}
		CHECK(written_members(text, length, &odd) != members(parsed) || odd || first == of);
	}
	json_object_put(parsed);
	json_tokener_free(tokener);
	buffer_free(&form);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct buffer form;
	uint64_t of;

	if (size == 0 || size > 1000000)
		return 0;
	switch (data[0]) {
	case 'd':
		of = word(SYNCLINE_TYPE_DECIMAL, text, size - 1, &form);
		if (text_is_decimal(text, size - 1))
			is_its_own_form(SYNCLINE_TYPE_DECIMAL, &form, of);
		buffer_free(&form);
		break;
	case 't':
		if (!text_is_utf8(text, size - 1))
			break;
		of = word(SYNCLINE_TYPE_TEXT, text, size - 1, &form);
		is_its_own_form(SYNCLINE_TYPE_TEXT, &form, of);
		buffer_free(&form);
		break;
	default:
		json(text, size - 1);
		break;
	}
	return 0;
}
