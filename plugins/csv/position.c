/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * position.c: how far a read has come: which files are done, which one is read in part, and up to where.  Opaque to the agent:
 *
 *     "CSV1", u16 length and name of the file read last, i64 its time, u64 identity, offset and line of the file read in
 *     part, u32 count and u64 identities of the files that are done and still lie in the folder; little-endian
 *
 * "CSV2", "CSV3": the same while everything is read, with the archive, by name or by time: "the file read last" is one of the archive.
 */
#include <stdlib.h>

#include "csv.h"

static const char *const magics[] = { [CSV_LOOK_FOLDER] = "CSV1", [CSV_LOOK_BY_NAME] = "CSV2", [CSV_LOOK_BY_TIME] = "CSV3" };
#define HEAD (4 + 2 + 8 + 3 * 8 + 4)

static void
put(struct syncline_buffer *out, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		syncline_buffer_char(out, (char)(value >> (8 * i) & 0xff));
}

static uint64_t
get(const unsigned char **at, unsigned bytes)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < bytes; i++)
		value |= (uint64_t)(*at)[i] << (8 * i);
	*at += bytes;
	return value;
}

int
csv_position_write(const struct csv_position *p, struct syncline_buffer *out)
{
	size_t name = p->last != NULL ? strlen(p->last) : 0;

	syncline_buffer_clear(out);
	out->failed = 0;
	if (HEAD + name + p->count * 8 > SYNCLINE_POSITION_MAX)
		return -1;
	syncline_buffer_append(out, magics[p->look], 4);
	put(out, name, 2);
	syncline_buffer_append(out, p->last != NULL ? p->last : "", name);
	put(out, (uint64_t)p->last_us, 8);
	put(out, p->current, 8);
	put(out, p->offset, 8);
	put(out, p->line, 8);
	put(out, p->count, 4);
	for (size_t i = 0; i < p->count; i++)
		put(out, p->done[i], 8);
	return out->failed ? -1 : 0;
}

uint32_t
csv_position_read(const struct syncline_slice *bytes, struct csv_position *ret_position, struct syncline_error *err)
{
	const unsigned char *at = bytes->data;
	struct csv_position p = { 0 };
	size_t name, left = bytes->length;
	uint32_t result;

	if (left == 0) {
		*ret_position = p;
		return SYNCLINE_OK;
	}
	if (left < HEAD || memcmp(at, "CSV", 3) != 0 || at[3] < '1' || at[3] > '3')
		goto foreign;
	p.look = at[3] == '2' ? CSV_LOOK_BY_NAME : at[3] == '3' ? CSV_LOOK_BY_TIME : CSV_LOOK_FOLDER;
	at += 4;
	name = (size_t)get(&at, 2);
	if (left < HEAD + name)
		goto foreign;
	if (name > 0 && (p.last = csv_copy(at, name)) == NULL)
		goto memory;
	at += name;
	p.last_us = (int64_t)get(&at, 8);
	p.current = get(&at, 8);
	p.offset = get(&at, 8);
	p.line = get(&at, 8);
	p.count = (size_t)get(&at, 4);
	if (left - HEAD - name != p.count * 8)
		goto foreign;
	p.room = p.count;
	if (p.count > 0 && (p.done = malloc(p.count * sizeof *p.done)) == NULL)
		goto memory;
	for (size_t i = 0; i < p.count; i++)
		p.done[i] = get(&at, 8);
	*ret_position = p;
	return SYNCLINE_OK;
memory:
	free(p.last);
	return syncline_fail_memory(err);
foreign:
	free(p.last);
	result = syncline_fail(err, SYNCLINE_INVALID, "The stored position was not made by this connector.");
	syncline_hint(err, "Set the position back, so that all files are read again.");
	return result;
}

bool
csv_position_has(const struct csv_position *p, uint64_t identity)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->done[i] == identity)
			return true;
	return false;
}

int
csv_position_add(struct csv_position *p, uint64_t identity)
{
	if (csv_position_has(p, identity))
		return 0;
	if (p->count == p->room) {
		size_t room = p->room > 0 ? p->room * 2 : 16;
		uint64_t *done = realloc(p->done, room * sizeof *done);

		if (done == NULL)
			return -1;
		p->done = done;
		p->room = room;
	}
	p->done[p->count++] = identity;
	return 0;
}

int
csv_position_set_last(struct csv_position *p, const char *name, int64_t modified_us)
{
	char *copy = strdup(name);

	if (copy == NULL)
		return -1;
	free(p->last);
	p->last = copy;
	p->last_us = modified_us;
	return 0;
}

void
csv_position_free(struct csv_position *p)
{
	free(p->done);
	free(p->last);
	memset(p, 0, sizeof *p);
}
