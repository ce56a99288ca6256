/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_twice.c: keys that stand twice in one full export, which is a file.  Nobody knows which of the rows is meant, so that the first
 * one counts and each later one is a finding; without it the last one would win, and both would be changes with every read.
 *
 * What is linked costs a bit, which is all that an unchanged row pays; what is not, a hash of its native id.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "flow/read.h"

void
read_twice_free(struct read_twice *twice)
{
	free(twice->links);
	free(twice->natives);
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
	if (twice->natives != NULL)
		memset(twice->natives, 0, twice->room * sizeof *twice->natives);
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

static bool
put_hash(uint64_t *table, size_t room, uint64_t hash)
{
	size_t at = hash & (room - 1);

	while (table[at] != 0 && table[at] != hash)
		at = (at + 1) & (room - 1);
	if (table[at] == hash)
		return false;
	table[at] = hash;
	return true;
}

static int
note_native(struct read_twice *twice, const uint8_t key[16], uint32_t unit, struct syncline_slice native)
{
	uint64_t hash;

	if (twice->count * 2 >= twice->room) {
		size_t room = twice->room > 0 ? twice->room * 2 : 4096;
		uint64_t *more = calloc(room, sizeof *more);

		if (more == NULL)
			return -1;
		for (size_t i = 0; i < twice->room; i++)
			if (twice->natives[i] != 0)
				put_hash(more, room, twice->natives[i]);
		free(twice->natives);
		twice->natives = more;
		twice->room = room;
	}
	crypto_shorthash((uint8_t *)&hash, native.data, native.length, key);
	hash ^= unit * UINT64_C(0x9E3779B97F4A7C15);
	if (!put_hash(twice->natives, twice->room, hash != 0 ? hash : 1))
		return 1;
	twice->count++;
	return 0;
}

int
read_is_twice(struct reading *r, uint32_t unit, struct syncline_slice native, int64_t link, struct error *err)
{
	int was = 0;

	if (!r->twice.on)
		return 0;
	was = link != 0 ? note_link(&r->twice, link) : note_native(&r->twice, ledger_hash_key(r->ledger), unit, native);
	return was < 0 ? error_memory(err) : was;
}
