/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * position.c: how far a read has come, as bytes that the agent keeps for us:
 *
 *     syncline-sqlite 1 KIND FINGERPRINT;CELL…
 *     KIND         f, d or e (sqlite.h)
 *     FINGERPRINT  16 hexadecimal digits: the configuration of the object that it belongs to
 *     CELL         n;  i-5;  r0x1.8p+1;  t3:abc  b2:..     the mark first (n: none), then the key's parts
 *
 * It comes back from a database that people can edit: every byte is checked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

#define HEAD "syncline-sqlite 1 "

static void
put_cell(struct syncline_buffer *b, const struct cell *cell)
{
	switch (cell->type) {
	case SQLITE_INTEGER:
		syncline_buffer_format(b, "i%lld;", (long long)cell->integer);
		break;
	case SQLITE_FLOAT:
		syncline_buffer_format(b, "r%a;", cell->real);
		break;
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		syncline_buffer_format(b, "%c%zu:", cell->type == SQLITE_TEXT ? 't' : 'b', cell->length);
		syncline_buffer_append(b, cell->data, cell->length);
		break;
	default:
		syncline_buffer_text(b, "n;");
	}
}

uint32_t
position_write(const struct position *p, const struct table *t, struct syncline_buffer *b, struct syncline_error *err)
{
	static const struct cell none;

	syncline_buffer_clear(b);
	syncline_buffer_format(b, HEAD "%c %016llx;", p->kind, (unsigned long long)t->fingerprint);
	put_cell(b, p->has_mark ? &p->mark : &none);
	for (uint32_t i = 0; i < p->key_count; i++)
		put_cell(b, &p->key[i]);
	if (b->failed)
		return syncline_fail_memory(err);
	if (b->length > SYNCLINE_POSITION_MAX)
		return syncline_fail(err, SYNCLINE_INVALID, "The key of a row in %s is too long to be remembered as a position.", t->name);
	return SYNCLINE_OK;
}

/* The number before `stop`, at most 40 characters; its end in *at. */
static int
get_text(const char **at, const char *end, char stop, char *buffer, size_t capacity)
{
	size_t n = 0;

	for (; *at < end && **at != stop; ++*at) {
		if (n + 1 >= capacity || **at == '\0')
			return -1;
		buffer[n++] = **at;
	}
	if (*at == end)
		return -1;
	++*at;
	buffer[n] = '\0';
	return n > 0 ? 0 : -1;
}

static int
get_number(const char **at, const char *end, char type, struct cell *cell)
{
	char text[48], *stop;

	if (get_text(at, end, ';', text, sizeof text) != 0)
		return -1;
	if (type == 'i') {
		cell->type = SQLITE_INTEGER;
		return syncline_to_integer(text, strlen(text), &cell->integer);
	}
	cell->type = SQLITE_FLOAT;
	cell->real = strtod(text, &stop);
	return *stop == '\0' && cell->real == cell->real ? 0 : -1;
}

/* -1: it is none; 1: there was no memory for it. */
static int
get_cell(const char **at, const char *end, struct cell *cell)
{
	char type = **at, text[24];
	int64_t length;

	++*at;
	if (type == 'n') {
		cell->type = SQLITE_NULL;
		return *at < end && *(*at)++ == ';' ? 0 : -1;
	}
	if (type == 'i' || type == 'r')
		return get_number(at, end, type, cell);
	if ((type != 't' && type != 'b') || get_text(at, end, ':', text, sizeof text) != 0 ||
	    syncline_to_integer(text, strlen(text), &length) != 0 || length < 0 || length > end - *at)
		return -1;
	if ((cell->data = malloc((size_t)length + 1)) == NULL)
		return 1;
	memcpy(cell->data, *at, (size_t)length);
	cell->type = type == 't' ? SQLITE_TEXT : SQLITE_BLOB;
	cell->length = (size_t)length;
	*at += length;
	return 0;
}

static uint32_t
refuse(struct syncline_error *err, const struct table *t, const char *why)
{
	syncline_fail(err, SYNCLINE_CONFIG, "The position of %s can't be used: %s.", t->name, why);
	syncline_hint(err, "Reset it with `syncline position` and read in full.");
	return SYNCLINE_CONFIG;
}

uint32_t
position_read(const struct syncline_slice *bytes, const struct table *t, struct position *ret_position, struct syncline_error *err)
{
	const char *at = bytes->data, *end = at + bytes->length;
	struct position p = { 0 };
	char fingerprint[17];
	int fault = -1;

	if (bytes->length < sizeof HEAD - 1 + 19 || bytes->length > SYNCLINE_POSITION_MAX || memcmp(at, HEAD, sizeof HEAD - 1) != 0)
		return refuse(err, t, "it was not made by this connector or by a newer one");
	at += sizeof HEAD - 1;
	p.kind = at[0];
	if ((p.kind != POSITION_FULL && p.kind != POSITION_DELTA && p.kind != POSITION_END) || at[1] != ' ' || at[18] != ';')
		return refuse(err, t, "it is damaged");
	snprintf(fingerprint, sizeof fingerprint, "%016llx", (unsigned long long)t->fingerprint);
	if (memcmp(at + 2, fingerprint, 16) != 0)
		return refuse(err, t, "the object's table, key, marks or condition were changed since");
	at += 19;
	if (at == end || (fault = get_cell(&at, end, &p.mark)) != 0)
		goto failed;
	p.has_mark = p.mark.type != SQLITE_NULL;
	for (; at < end; p.key_count++)
		if (p.key_count == KEY_PARTS_MAX || (fault = get_cell(&at, end, &p.key[p.key_count])) != 0)
			goto failed;
	if ((p.key_count != 0 && p.key_count != t->key_count) || (p.kind == POSITION_DELTA && !p.has_mark))
		goto failed;
	*ret_position = p;
	return SYNCLINE_OK;
failed:
	position_free(&p);
	return fault == 1 ? syncline_fail_memory(err) : refuse(err, t, "it is damaged");
}

int
position_copy(struct position *to, const struct position *from)
{
	struct position made = { .kind = from->kind, .has_mark = from->has_mark, .key_count = from->key_count };
	int failed = cell_copy(&made.mark, &from->mark);

	for (uint32_t i = 0; i < from->key_count; i++)
		failed |= cell_copy(&made.key[i], &from->key[i]);
	if (failed != 0) {
		position_free(&made);
		return -1;
	}
	position_free(to);
	*to = made;
	return 0;
}

void
position_free(struct position *p)
{
	cell_free(&p->mark);
	for (uint32_t i = 0; i < KEY_PARTS_MAX; i++)
		cell_free(&p->key[i]);
	memset(p, 0, sizeof *p);
}
