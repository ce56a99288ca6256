/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * buffer.c: a growing buffer with a stated maximum, and JSON strings into it.
 */
#include <stdio.h>
#include <stdlib.h>

#include <syncline/helper.h>

void
syncline_buffer_init(struct syncline_buffer *buffer, size_t max)
{
	memset(buffer, 0, sizeof *buffer);
	buffer->max = max;
}

int
syncline_buffer_reserve(struct syncline_buffer *buffer, size_t more)
{
	size_t limit = buffer->max != 0 ? buffer->max : SIZE_MAX / 2, wanted, capacity;
	char *data;

	if (more > limit || buffer->length > limit - more) {
		buffer->failed = 1;
		return -1;
	}
	wanted = buffer->length + more;
	if (wanted < buffer->capacity) /* one byte is kept for a NUL */
		return 0;
	capacity = buffer->capacity < 128 ? 256 : buffer->capacity * 2;
	if (capacity <= wanted)
		capacity = wanted + 1;
	data = (char *)realloc(buffer->data, capacity);
	if (data == NULL) {
		buffer->failed = 1;
		return -1;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

int
syncline_buffer_append(struct syncline_buffer *buffer, const void *data, size_t length)
{
	if (syncline_buffer_reserve(buffer, length) != 0)
		return -1;
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	return 0;
}

int
syncline_buffer_text(struct syncline_buffer *buffer, const char *text)
{
	return syncline_buffer_append(buffer, text, strlen(text));
}

int
syncline_buffer_char(struct syncline_buffer *buffer, char c)
{
	return syncline_buffer_append(buffer, &c, 1);
}

int
syncline_buffer_format(struct syncline_buffer *buffer, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0) {
		buffer->failed = 1;
		return -1;
	}
	if (syncline_buffer_reserve(buffer, (size_t)length) != 0)
		return -1;
	va_start(args, format);
	if (vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, args) != length)
		length = -1;
	va_end(args);
	if (length < 0) {
		buffer->failed = 1;
		return -1;
	}
	buffer->length += (size_t)length;
	return 0;
}

const char *
syncline_buffer_string(struct syncline_buffer *buffer)
{
	if (syncline_buffer_reserve(buffer, 0) != 0)
		return NULL;
	buffer->data[buffer->length] = '\0';
	return buffer->data;
}

void
syncline_buffer_clear(struct syncline_buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = 0;
}

void
syncline_buffer_free(struct syncline_buffer *buffer)
{
	free(buffer->data);
	syncline_buffer_init(buffer, buffer->max);
}

int
syncline_json_string(struct syncline_buffer *buffer, const void *data, size_t length)
{
	static const char short_form[] = "btn?fr"; /* \b \t \n . \f \r, from 8 on */
	const unsigned char *bytes = (const unsigned char *)data;
	size_t before = buffer->length, plain = 0;

	syncline_buffer_char(buffer, '"');
	for (size_t i = 0; i < length; i++) {
		unsigned char c = bytes[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		syncline_buffer_append(buffer, bytes + plain, i - plain);
		plain = i + 1;
		if (c >= 0x20)
			syncline_buffer_format(buffer, "\\%c", c);
		else if (c >= 8 && c <= 13 && c != 11)
			syncline_buffer_format(buffer, "\\%c", short_form[c - 8]);
		else
			syncline_buffer_format(buffer, "\\u%04x", c);
	}
	syncline_buffer_append(buffer, bytes + plain, length - plain);
	syncline_buffer_char(buffer, '"');
	if (!buffer->failed)
		return 0;
	buffer->length = before;
	return -1;
}
