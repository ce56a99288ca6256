/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * values.c: text to typed values and back, as the object's settings say.  What can't be read exactly is refused, never rounded.
 */
#include <stdio.h>
#include <strings.h>

#include "csv.h"

bool
csv_is_null(const struct csv_object *object, const char *data, size_t length)
{
	for (uint32_t i = 0; i < object->nulls.count; i++) {
		const char *null = object->nulls.items[i];

		if (length == 0 ? null[0] == '\0' : null[0] == data[0] && strlen(null) == length && memcmp(null, data, length) == 0)
			return true;
	}
	return false;
}

static bool
one_of(const struct csv_list *list, const char *data, size_t length)
{
	for (uint32_t i = 0; i < list->count; i++)
		if (strlen(list->items[i]) == length && strncasecmp(list->items[i], data, length) == 0)
			return true;
	return false;
}

/* Room for `length` bytes that stay where they are until the buffer is cleared: it never grows in between (table.c). */
static char *
room(struct syncline_buffer *scratch, size_t length)
{
	if (scratch->capacity - scratch->length < length)
		return NULL;
	return scratch->data + scratch->length;
}

static int
read_decimal(const struct csv_object *o, const char *data, size_t length, struct syncline_buffer *scratch, struct syncline_value *ret_value)
{
	char *to;
	size_t got;

	if (o->numbers.decimal_mark[0] == '.' && o->numbers.decimal_mark[1] == '\0' && syncline_is_decimal(data, length)) {
		*ret_value = syncline_decimal(data, length);
		return 0;
	}
	if (length > 1000 || (to = room(scratch, length + 2)) == NULL)
		return -1;
	if (syncline_number_to_decimal(&o->numbers, data, length, to, length + 2, &got) != 0)
		return -1;
	scratch->length += got;
	*ret_value = syncline_decimal(to, got);
	return 0;
}

/* "007" is no integer: its zeros would be lost. */
static int
read_integer(const struct csv_object *o, const char *data, size_t length, struct syncline_value *ret_value)
{
	char digits[64];
	size_t got, sign;
	int64_t integer;

	if (length > 40 || syncline_number_to_decimal(&o->numbers, data, length, digits, sizeof digits, &got) != 0)
		return -1;
	sign = digits[0] == '-';
	if (got > sign + 1 && digits[sign] == '0')
		return -1;
	if (syncline_to_integer(digits, got, &integer) != 0)
		return -1;
	*ret_value = syncline_integer(integer);
	return 0;
}

static int
read_date(const struct csv_object *o, const char *data, size_t length, struct syncline_value *ret_value)
{
	int64_t days;

	for (uint32_t i = 0; i < o->date_formats.count; i++)
		if (syncline_text_to_date(o->date_formats.items[i], data, length, &days) == 0) {
			*ret_value = syncline_date(days);
			return 0;
		}
	return -1;
}

static int
read_timestamp(const struct csv_object *o, const char *data, size_t length, struct syncline_value *ret_value)
{
	const int64_t least = INT64_C(-62135596800) * 1000000, most = INT64_C(253402300800) * 1000000 - 1;
	int64_t us;
	int has_zone;

	for (uint32_t i = 0; i < o->timestamp_formats.count; i++) {
		if (syncline_text_to_timestamp(o->timestamp_formats.items[i], data, length, &us, &has_zone) != 0)
			continue;
		if (!has_zone)
			us -= o->utc_offset_us;
		if (us < least || us > most)
			return -1;
		*ret_value = syncline_timestamp(us);
		return 0;
	}
	return -1;
}

int
csv_value_read(const struct csv_object *o, uint8_t type, const char *data, size_t length, struct syncline_buffer *scratch,
               struct syncline_value *ret_value)
{
	if (csv_is_null(o, data, length) || (length == 0 && type != SYNCLINE_TYPE_TEXT)) {
		*ret_value = syncline_null();
		return 0;
	}
	switch (type) {
	case SYNCLINE_TYPE_BOOLEAN:
		if (one_of(&o->trues, data, length))
			*ret_value = syncline_boolean(1);
		else if (one_of(&o->falses, data, length))
			*ret_value = syncline_boolean(0);
		else
			return -1;
		return 0;
	case SYNCLINE_TYPE_INTEGER:
		return read_integer(o, data, length, ret_value);
	case SYNCLINE_TYPE_DECIMAL:
		return read_decimal(o, data, length, scratch, ret_value);
	case SYNCLINE_TYPE_DATE:
		return read_date(o, data, length, ret_value);
	case SYNCLINE_TYPE_TIMESTAMP:
		return read_timestamp(o, data, length, ret_value);
	case SYNCLINE_TYPE_CONTENT:
		*ret_value = syncline_content(data, length);
		return 0;
	default:
		*ret_value = syncline_text(data, length);
		return 0;
	}
}

const char *
csv_type_words(uint8_t type)
{
	switch (type) {
	case SYNCLINE_TYPE_BOOLEAN: return "true or false as true_if and false_if say";
	case SYNCLINE_TYPE_INTEGER: return "a whole number of 64 bits without leading zeros";
	case SYNCLINE_TYPE_DECIMAL: return "a number with the configured decimal_mark and thousands_mark";
	case SYNCLINE_TYPE_DATE: return "a date of the configured date_format";
	case SYNCLINE_TYPE_TIMESTAMP: return "a time of the configured timestamp_format";
	default: return "text in the configured encoding";
	}
}

int
csv_value_write(const struct csv_object *o, const struct syncline_value *value, struct syncline_buffer *out)
{
	char text[256];
	char *number;
	size_t length;

	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT:
		return 0;
	case SYNCLINE_TYPE_NULL:
		return o->nulls.count > 0 ? syncline_buffer_text(out, o->nulls.items[0]) : 0;
	case SYNCLINE_TYPE_BOOLEAN: {
		const struct csv_list *words = value->u.integer != 0 ? &o->trues : &o->falses;

		return words->count > 0 ? syncline_buffer_text(out, words->items[0]) : -1;
	}
	case SYNCLINE_TYPE_INTEGER:
		return syncline_buffer_format(out, "%lld", (long long)value->u.integer);
	case SYNCLINE_TYPE_DECIMAL:
		if (syncline_buffer_reserve(out, (size_t)value->length + 64) != 0)
			return -1;
		number = out->data + out->length;
		if (syncline_decimal_to_number(&o->numbers, 0, value->u.data, value->length, number, (size_t)value->length + 64, &length) != 0)
			return -1;
		out->length += length;
		return 0;
	case SYNCLINE_TYPE_DATE:
		if (strlen(o->date_formats.items[0]) > sizeof text - 16 ||
		    syncline_date_to_text(o->date_formats.items[0], value->u.integer, text, sizeof text, &length) != 0)
			return -1;
		return syncline_buffer_append(out, text, length);
	case SYNCLINE_TYPE_TIMESTAMP: {
		const char *format = o->timestamp_formats.items[0];
		/* A format that names the zone is written in UTC; one that doesn't, in the configured offset. */
		int64_t shift = strcmp(format, "ISO") == 0 || strchr(format, 'Z') != NULL ? 0 : o->utc_offset_us;

		if (strlen(format) > sizeof text - 16 || syncline_timestamp_to_text(format, value->u.integer + shift, text, sizeof text, &length) != 0)
			return -1;
		return syncline_buffer_append(out, text, length);
	}
	case SYNCLINE_TYPE_BYTES:
		return -1;
	default:
		return syncline_buffer_append(out, value->u.data, value->length);
	}
}

/* JSON has no leading zeros: "007.5" stays text. */
static bool
is_json_number(const char *p, size_t length)
{
	size_t sign = length > 0 && p[0] == '-';

	return length > sign && (p[sign] != '0' || length == sign + 1 || p[sign + 1] == '.');
}

int
csv_value_json(const struct syncline_value *value, struct syncline_buffer *out)
{
	char text[64];
	size_t length;

	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return syncline_buffer_text(out, "null");
	case SYNCLINE_TYPE_BOOLEAN:
		return syncline_buffer_text(out, value->u.integer != 0 ? "true" : "false");
	case SYNCLINE_TYPE_INTEGER:
		return syncline_buffer_format(out, "%lld", (long long)value->u.integer);
	case SYNCLINE_TYPE_DECIMAL:
		if (is_json_number(value->u.data, value->length))
			return syncline_buffer_append(out, value->u.data, value->length);
		return syncline_json_string(out, value->u.data, value->length);
	case SYNCLINE_TYPE_DATE:
		if (syncline_date_to_text(NULL, value->u.integer, text, sizeof text, &length) != 0)
			return -1;
		return syncline_json_string(out, text, length);
	case SYNCLINE_TYPE_TIMESTAMP:
		if (syncline_timestamp_to_text(NULL, value->u.integer, text, sizeof text, &length) != 0)
			return -1;
		return syncline_json_string(out, text, length);
	default:
		return syncline_json_string(out, value->u.data, value->length);
	}
}
