/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.c: arena and growing buffer.  Any thread, each object by one thread at a time.
 */
#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16u
#define BLOCK_FIRST 4096u
#define BLOCK_LARGEST (1024u * 1024u)

struct arena_block {
	struct arena_block *next;
	size_t size; /* bytes of data */
	_Alignas(16) unsigned char data[];
};

void
arena_init(struct arena *arena, size_t max)
{
	memset(arena, 0, sizeof *arena);
	arena->max = max;
}

static struct arena_block *
add_block(struct arena *arena, size_t size)
{
	struct arena_block *block;
	size_t wanted = arena->current != NULL ? arena->current->size * 2 : BLOCK_FIRST;

	if (wanted > BLOCK_LARGEST)
		wanted = BLOCK_LARGEST;
	if (wanted < size)
		wanted = size;
	if (arena->max != 0 && (wanted > arena->max || arena->total > arena->max - wanted)) {
		if (size > arena->max || arena->total > arena->max - size)
			return NULL;
		wanted = size;
	}
	if (wanted > SIZE_MAX - sizeof *block || (block = malloc(sizeof *block + wanted)) == NULL) {
		arena->starved = 1;
		return NULL;
	}
	block->size = wanted;
	if (arena->current != NULL) {
		block->next = arena->current->next;
		arena->current->next = block;
	} else {
		block->next = NULL;
		arena->first = block;
	}
	arena->current = block;
	arena->used = 0;
	arena->total += wanted;
	return block;
}

void *
arena_alloc(struct arena *arena, size_t size)
{
	void *at;

	if (size > SIZE_MAX - ALIGNMENT)
		return NULL;
	size = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	while (arena->current == NULL || arena->current->size - arena->used < size) {
		if (arena->current != NULL && arena->current->next != NULL) {
			arena->current = arena->current->next;
			arena->used = 0;
		} else if (add_block(arena, size) == NULL) {
			return NULL;
		}
	}
	at = arena->current->data + arena->used;
	arena->used += size;
	return at;
}

void *
arena_zalloc(struct arena *arena, size_t size)
{
	void *at = arena_alloc(arena, size);

	return at != NULL ? memset(at, 0, size) : NULL;
}

void *
arena_array(struct arena *arena, size_t count, size_t size)
{
	return size != 0 && count > SIZE_MAX / size ? NULL : arena_zalloc(arena, count * size);
}

char *
arena_copy(struct arena *arena, const void *data, size_t length)
{
	char *at = length < SIZE_MAX ? arena_alloc(arena, length + 1) : NULL;

	if (at == NULL)
		return NULL;
	if (length > 0)
		memcpy(at, data, length);
	at[length] = '\0';
	return at;
}

char *
arena_text(struct arena *arena, const char *text)
{
	return arena_copy(arena, text, strlen(text));
}

char *
arena_format(struct arena *arena, const char *format, ...)
{
	va_list args, again;
	char *at = NULL;
	int length;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length >= 0 && (at = arena_alloc(arena, (size_t)length + 1)) != NULL)
		vsnprintf(at, (size_t)length + 1, format, again);
	va_end(again);
	va_end(args);
	return at;
}

void
arena_reset(struct arena *arena)
{
	arena->current = arena->first;
	arena->used = 0;
	arena->starved = 0;
}

void
arena_free(struct arena *arena)
{
	for (struct arena_block *block = arena->first, *next; block != NULL; block = next) {
		next = block->next;
		free(block);
	}
	arena_init(arena, arena->max);
}

void
buffer_init(struct buffer *buffer, size_t max)
{
	memset(buffer, 0, sizeof *buffer);
	buffer->max = max;
}

int
buffer_reserve(struct buffer *buffer, size_t more)
{
	size_t wanted, capacity;
	char *data;

	if (more <= buffer->capacity - buffer->length)
		return 0;
	if (more > SIZE_MAX / 2 - buffer->length || (buffer->max != 0 && buffer->length + more > buffer->max)) {
		buffer->failed = BUFFER_FULL;
		return -1;
	}
	wanted = buffer->length + more;
	capacity = buffer->capacity != 0 ? buffer->capacity * 2 : 256;
	if (capacity < wanted)
		capacity = wanted;
	if (buffer->max != 0 && capacity > buffer->max)
		capacity = buffer->max;
	if ((data = realloc(buffer->data, capacity)) == NULL) {
		buffer->failed = BUFFER_NO_MEMORY;
		return -1;
	}
	buffer->data = data;
	buffer->capacity = capacity;
	return 0;
}

int
buffer_append(struct buffer *buffer, const void *data, size_t length)
{
	if (buffer_reserve(buffer, length) != 0)
		return -1;
	if (length > 0)
		memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
	return 0;
}

int
buffer_text(struct buffer *buffer, const char *text)
{
	return buffer_append(buffer, text, strlen(text));
}

int
buffer_char(struct buffer *buffer, char c)
{
	return buffer_append(buffer, &c, 1);
}

int
buffer_format(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;
	int length, result = -1;

	va_start(args, format);
	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, args);
	if (length >= 0 && buffer_reserve(buffer, (size_t)length + 1) == 0) {
		vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
		buffer->length += (size_t)length;
		result = 0;
	}
	va_end(again);
	va_end(args);
	return result;
}

const char *
buffer_string(struct buffer *buffer)
{
	if (buffer_reserve(buffer, 1) != 0)
		return NULL;
	buffer->data[buffer->length] = '\0';
	return buffer->data;
}

void
buffer_clear(struct buffer *buffer)
{
	buffer->length = 0;
	buffer->failed = 0;
}

void
buffer_free(struct buffer *buffer)
{
	free(buffer->data);
	buffer_init(buffer, buffer->max);
}
