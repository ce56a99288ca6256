/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h: fields of a message's head, little-endian, one after the other.  Writing goes to a struct buffer, whose `failed` is
 * asked once at the end.  Reading never goes beyond the end: the first fault makes all that follows zero, and wire_done() says
 * whether everything was there and nothing was left over.
 */
#ifndef HOST_WIRE_H
#define HOST_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <syncline/abi.h>
#include <syncline/value.h>

#include "base/memory.h"

void wire_put8(struct buffer *to, uint8_t value);
void wire_put16(struct buffer *to, uint16_t value);
void wire_put32(struct buffer *to, uint32_t value);
void wire_put64(struct buffer *to, uint64_t value);
void wire_put_bytes(struct buffer *to, const void *data, size_t length);
void wire_put_slice(struct buffer *to, const struct syncline_slice *slice);
void wire_put_text(struct buffer *to, const char *text); /* NULL stays NULL */
void wire_put_value(struct buffer *to, const struct syncline_value *value);

struct wire {
	const uint8_t *at;
	const uint8_t *end;
	struct arena *arena; /* for texts and arrays */
	bool bad;
	bool starved; /* bad for want of memory, not for what the message says */
};
void wire_init(struct wire *wire, const void *data, size_t length, struct arena *arena);
uint8_t wire_get8(struct wire *wire);
uint16_t wire_get16(struct wire *wire);
uint32_t wire_get32(struct wire *wire);
uint64_t wire_get64(struct wire *wire);
/* Points into the message. */
struct syncline_slice wire_get_slice(struct wire *wire, size_t max);
/* UTF-8 without NUL, copied to the arena with a NUL behind it.  NULL stays NULL. */
const char *wire_get_text(struct wire *wire, size_t max);
/* The same, and NULL is a fault. */
const char *wire_need_text(struct wire *wire, size_t max);
/* Text for people into a fixed buffer: what is not UTF-8 and what controls a terminal is replaced, never refused. */
void wire_get_message(struct wire *wire, char *buffer, size_t size);
/* How many elements follow, each at least `least` bytes: never more than the bytes that are left could hold. */
uint32_t wire_get_count(struct wire *wire, size_t least, uint32_t max);
/* Data points into the message; checked as its type says. */
struct syncline_value wire_get_value(struct wire *wire);
void *wire_array(struct wire *wire, size_t count, size_t size); /* zeroed; never NULL unless bad */
void wire_fail(struct wire *wire);
bool wire_done(const struct wire *wire);

/* Makes text fit for a log or terminal in place: control characters and broken UTF-8 become '?', newlines a blank. */
void wire_clean(char *text);

#endif
