/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.c: the smallest pieces of both codecs.  Pure functions on the caller's memory; any thread.
 */
#include <string.h>

#include "base/text.h"
#include "batch/batch.h"
#include "host/wire.h"

#define NONE 0xffffffffu
#define TEXT_MAX 65536u

static void
put(struct buffer *to, uint64_t value, unsigned bytes)
{
	uint8_t data[8];

	for (unsigned i = 0; i < bytes; i++)
		data[i] = (uint8_t)(value >> (8 * i));
	buffer_append(to, data, bytes);
}

void wire_put8(struct buffer *to, uint8_t value) { put(to, value, 1); }
void wire_put16(struct buffer *to, uint16_t value) { put(to, value, 2); }
void wire_put32(struct buffer *to, uint32_t value) { put(to, value, 4); }
void wire_put64(struct buffer *to, uint64_t value) { put(to, value, 8); }

void
wire_put_bytes(struct buffer *to, const void *data, size_t length)
{
	if (length >= NONE) {
		to->failed = BUFFER_FULL;
		return;
	}
	wire_put32(to, (uint32_t)length);
	buffer_append(to, data, length);
}

void
wire_put_slice(struct buffer *to, const struct syncline_slice *slice)
{
	wire_put_bytes(to, slice->data, slice->data != NULL ? slice->length : 0);
}

void
wire_put_text(struct buffer *to, const char *text)
{
	if (text == NULL)
		wire_put32(to, NONE);
	else
		wire_put_bytes(to, text, strlen(text));
}

static bool
is_number(uint8_t type)
{
	return type == SYNCLINE_TYPE_BOOLEAN || type == SYNCLINE_TYPE_INTEGER || type == SYNCLINE_TYPE_TIMESTAMP || type == SYNCLINE_TYPE_DATE;
}

void
wire_put_value(struct buffer *to, const struct syncline_value *value)
{
	wire_put8(to, value->type);
	if (is_number(value->type))
		wire_put64(to, (uint64_t)value->u.integer);
	else if (value->type > SYNCLINE_TYPE_NULL)
		wire_put_bytes(to, value->u.data, value->length);
}

void
wire_init(struct wire *wire, const void *data, size_t length, struct arena *arena)
{
	static const uint8_t nothing[1];

	wire->at = data != NULL ? data : nothing;
	wire->end = wire->at + (data != NULL ? length : 0);
	wire->arena = arena;
	wire->bad = false;
	wire->starved = false;
}

void
wire_fail(struct wire *wire)
{
	wire->bad = true;
	wire->at = wire->end;
}

static void
starve(struct wire *wire)
{
	wire_fail(wire);
	wire->starved = true;
}

static uint64_t
get(struct wire *wire, unsigned bytes)
{
	uint64_t value = 0;

	if (wire->bad || (size_t)(wire->end - wire->at) < bytes) {
		wire_fail(wire);
		return 0;
	}
	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)wire->at[i] << (8 * i);
	wire->at += bytes;
	return value;
}

uint8_t wire_get8(struct wire *wire) { return (uint8_t)get(wire, 1); }
uint16_t wire_get16(struct wire *wire) { return (uint16_t)get(wire, 2); }
uint32_t wire_get32(struct wire *wire) { return (uint32_t)get(wire, 4); }
uint64_t wire_get64(struct wire *wire) { return get(wire, 8); }

static struct syncline_slice
take(struct wire *wire, uint32_t length, size_t max)
{
	struct syncline_slice slice = { "", 0 };

	if (wire->bad || length > max || (size_t)(wire->end - wire->at) < length) {
		wire_fail(wire);
		return slice;
	}
	slice.data = wire->at;
	slice.length = length;
	wire->at += length;
	return slice;
}

struct syncline_slice
wire_get_slice(struct wire *wire, size_t max)
{
	return take(wire, wire_get32(wire), max);
}

const char *
wire_get_text(struct wire *wire, size_t max)
{
	uint32_t length = wire_get32(wire);
	struct syncline_slice slice;
	char *text;

	if (wire->bad || length == NONE)
		return NULL;
	slice = take(wire, length, max);
	if (wire->bad || (slice.length > 0 && !text_is_utf8(slice.data, slice.length))) {
		wire_fail(wire);
		return NULL;
	}
	if ((text = arena_copy(wire->arena, slice.data, slice.length)) == NULL)
		starve(wire);
	return text;
}

const char *
wire_need_text(struct wire *wire, size_t max)
{
	const char *text = wire_get_text(wire, max);

	if (text == NULL) {
		wire_fail(wire);
		return "";
	}
	return text;
}

/* Bytes of the well-formed character at `p`, 0 when it is none. */
static size_t
character(const char *p, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++)
		if (text_is_utf8(p, n))
			return n;
	return 0;
}

void
wire_clean(char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length;) {
		unsigned char c = (unsigned char)text[i];
		size_t n = c < 0x80 ? 1 : character(text + i, length - i);

		if (c == '\n' || c == '\t' || c == '\r')
			text[i] = ' ';
		else if (c < 0x20 || c == 0x7f || n == 0 || (c == 0xc2 && (unsigned char)text[i + 1] < 0xa0))
			memset(text + i, '?', n > 0 ? n : 1);
		i += n > 0 ? n : 1;
	}
}

void
wire_get_message(struct wire *wire, char *buffer, size_t size)
{
	uint32_t length = wire_get32(wire);
	struct syncline_slice slice;
	size_t used;

	buffer[0] = '\0';
	if (wire->bad || length == NONE)
		return;
	slice = take(wire, length, TEXT_MAX);
	used = slice.length < size ? slice.length : size - 1;
	memcpy(buffer, slice.data, used);
	buffer[used] = '\0';
	wire_clean(buffer);
}

uint32_t
wire_get_count(struct wire *wire, size_t least, uint32_t max)
{
	uint32_t count = wire_get32(wire);

	if (wire->bad || count > max || (uint64_t)count * least > (uint64_t)(wire->end - wire->at)) {
		wire_fail(wire);
		return 0;
	}
	return count;
}

struct syncline_value
wire_get_value(struct wire *wire)
{
	struct syncline_value value = { .type = wire_get8(wire) };

	if (is_number(value.type)) {
		value.u.integer = (int64_t)wire_get64(wire);
	} else if (value.type > SYNCLINE_TYPE_NULL) {
		struct syncline_slice slice = wire_get_slice(wire, SYNCLINE_RECORD_MAX);

		value.length = (uint32_t)slice.length;
		value.u.data = slice.data;
	}
	if (wire->bad || batch_value_fault(&value) != NULL) {
		wire_fail(wire);
		return (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	}
	return value;
}

void *
wire_array(struct wire *wire, size_t count, size_t size)
{
	void *array = wire->bad ? NULL : arena_array(wire->arena, count > 0 ? count : 1, size);

	if (array == NULL && !wire->bad)
		starve(wire);
	return array;
}

bool
wire_done(const struct wire *wire)
{
	return !wire->bad && wire->at == wire->end;
}
