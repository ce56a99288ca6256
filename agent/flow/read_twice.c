/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_twice.c: keys that stand twice in one full export, which is a file.  Nobody knows which of the rows is meant, so that the first
 * one counts and each later one is a finding; without it the last one would win, and both would be changes with every read.
 *
 * A row that is there twice as it is says nothing else, and is none.  What is linked costs a bit, which is all that an unchanged row pays;
 * what is new or another one, two hashes, of as many as ROWS_MAX: a first load of more is looked at as far as that.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "flow/read.h"

#define ROWS_MAX ((size_t)1 << 20) /* 24 MiB */

void
read_twice_free(struct read_twice *twice)
{
	free(twice->links);
	free(twice->keys);
	free(twice->rows);
	buffer_free(&twice->origin);
	*twice = (struct read_twice){ .links = NULL };
}

int
read_twice_batch(struct reading *r, const struct batch *batch, struct error *err)
{
	struct read_twice *twice = &r->twice;
	struct syncline_slice origin = batch_origin(batch);

	twice->on = origin.length > 0 && r->read.full && !intake_reads_changes(r->object, connector_capabilities(r->connector));
	if (!twice->on || (origin.length == twice->origin.length && memcmp(origin.data, twice->origin.data, origin.length) == 0))
		return 0;
	if (twice->links != NULL)
		memset(twice->links, 0, twice->words * sizeof *twice->links);
	if (twice->keys != NULL)
		memset(twice->keys, 0, twice->room * sizeof *twice->keys);
	twice->count = 0;
	buffer_clear(&twice->origin);
	return buffer_append(&twice->origin, origin.data, origin.length) == 0 ? 0 : error_memory(err);
}

/* 1: it was there; 0: it is now; -1: no memory. */
static int
note_link(struct read_twice *twice, int64_t link)
{
	size_t word = (size_t)link / 64;
	uint64_t bit = UINT64_C(1) << link % 64;

	if (word >= twice->words) {
		size_t words = word + word / 2 + 1024;
		uint64_t *more = realloc(twice->links, words * sizeof *more);

		if (more == NULL)
			return -1;
		memset(more + twice->words, 0, (words - twice->words) * sizeof *more);
		twice->links = more;
		twice->words = words;
	}
	if ((twice->links[word] & bit) != 0)
		return 1;
	twice->links[word] |= bit;
	return 0;
}

/* The place of a key, or the one that it gets. */
static size_t
place_of(const uint64_t *keys, size_t room, uint64_t key)
{
	size_t at = key & (room - 1);

	while (keys[at] != 0 && keys[at] != key)
		at = (at + 1) & (room - 1);
	return at;
}

static int
grow(struct read_twice *twice)
{
	size_t room = twice->room > 0 ? twice->room * 2 : 4096;
	uint64_t *keys = calloc(room, sizeof *keys);
	uint32_t *rows = malloc(room * sizeof *rows);

	if (keys == NULL || rows == NULL) {
		free(keys);
		free(rows);
		return -1;
	}
	for (size_t i = 0; i < twice->room; i++)
		if (twice->keys[i] != 0) {
			size_t at = place_of(keys, room, twice->keys[i]);

			keys[at] = twice->keys[i];
			rows[at] = twice->rows[i];
		}
	free(twice->keys);
	free(twice->rows);
	twice->keys = keys;
	twice->rows = rows;
	twice->room = room;
	return 0;
}

/* ret_was: its key is noted already; ret_same: with the same row.  Else it is noted, up to so many as memory is given for. */
static int
note_row(struct read_twice *twice, uint64_t key, uint32_t row, bool *ret_was, bool *ret_same)
{
	size_t at;

	*ret_was = *ret_same = false;
	if (twice->count * 2 >= twice->room && twice->count < ROWS_MAX && grow(twice) != 0)
		return -1;
	at = place_of(twice->keys, twice->room, key);
	if (twice->keys[at] != 0) {
		*ret_was = true;
		*ret_same = twice->rows[at] == row;
	} else if (twice->count < ROWS_MAX) {
		twice->keys[at] = key;
		twice->rows[at] = row;
		twice->count++;
	}
	return 0;
}

/* Of what is unchanged only its link is noted: two such rows are the same.  Of others the native id, and what the row says. */
int
read_is_twice(struct reading *r, uint32_t unit, struct syncline_slice native, const uint8_t raw[16], const struct ledger_glance *glance, struct error *err)
{
	uint64_t key;
	uint32_t row;
	bool was, same;
	int linked = 0;

	if (!r->twice.on)
		return 0;
	if (glance->link != 0 && (linked = note_link(&r->twice, glance->link)) < 0)
		return error_memory(err);
	if (linked == 0 && glance->what == LEDGER_UNCHANGED)
		return 0;
	crypto_shorthash((uint8_t *)&key, native.data, native.length, ledger_hash_key(r->ledger));
	key ^= unit * UINT64_C(0x9E3779B97F4A7C15);
	key += key == 0;
	memcpy(&row, raw, sizeof row);
	if (glance->what == LEDGER_UNCHANGED)
		return r->twice.room > 0 && r->twice.keys[place_of(r->twice.keys, r->twice.room, key)] != 0;
	/* The other one was as the link knows it, or beyond those that are noted. */
	if (linked != 0 && (r->twice.room == 0 || r->twice.keys[place_of(r->twice.keys, r->twice.room, key)] == 0))
		return r->twice.count < ROWS_MAX;
	if (note_row(&r->twice, key, row, &was, &same) != 0)
		return error_memory(err);
	return was && !same;
}
