/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory.h: memory by lifetime.  An arena for what lives and dies together (a batch, a record, a configuration), a growing
 * buffer with a stated maximum, and one macro that frees at the end of a block.  Nothing here aborts: NULL or -1 means that
 * there was no memory, or that a maximum was reached.
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* Frees with `free_function(pointer)` when the variable goes out of scope; the function accepts NULL. */
#define CLEANUP(type, free_function, variable) __attribute__((cleanup(free_function##_at))) type *variable
/* Defines what CLEANUP calls, once per type, in the type's header. */
#define CLEANUP_DEFINE(type, free_function)                                                                            \
	static inline void free_function##_at(type **at) { free_function(*at); }                                       \
	struct base_swallow_semicolon

struct arena_block;
struct arena {
	struct arena_block *first;
	struct arena_block *current;
	size_t used;  /* of the current block */
	size_t total; /* bytes of all blocks */
	size_t max;   /* refuses beyond this; 0: no limit */
	int starved;  /* since it was reset something found no memory (a limit is not that) */
};
void arena_init(struct arena *arena, size_t max);
/* Aligned to 16 bytes, not zeroed. */
void *arena_alloc(struct arena *arena, size_t size);
void *arena_zalloc(struct arena *arena, size_t size);
void *arena_array(struct arena *arena, size_t count, size_t size); /* zeroed; NULL on overflow */
char *arena_copy(struct arena *arena, const void *data, size_t length); /* ends with a NUL of its own */
char *arena_text(struct arena *arena, const char *text);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Forgets all that was allocated but keeps the blocks. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

/* A growing buffer.  After a failed append the buffer is as it was and `failed` says why, so that a caller may check once. */
#define BUFFER_NO_MEMORY 1
#define BUFFER_FULL 2 /* at its maximum */
struct buffer {
	char *data;
	size_t length;
	size_t capacity;
	size_t max; /* 0: no limit */
	int failed;
};
void buffer_init(struct buffer *buffer, size_t max);
int buffer_reserve(struct buffer *buffer, size_t more);
int buffer_append(struct buffer *buffer, const void *data, size_t length);
int buffer_text(struct buffer *buffer, const char *text);
int buffer_char(struct buffer *buffer, char c);
int buffer_format(struct buffer *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The contents ended by a NUL that does not count; "" when empty; NULL without memory. */
const char *buffer_string(struct buffer *buffer);
void buffer_clear(struct buffer *buffer); /* keeps the memory */
void buffer_free(struct buffer *buffer);

#endif
