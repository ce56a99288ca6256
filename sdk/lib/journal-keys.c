/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal-keys.c: sets of attempts' keys.  What a journal knows are two generations: when the younger one is full the older one
 * is forgotten, so that memory stays flat.
 */
#include <stdlib.h>

#include "journal.h"

static uint64_t
mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9fb21c651e98df25);
	h ^= h >> 32;
	h *= UINT64_C(0xd6e8feb86659fd93);
	return h ^ h >> 29;
}

uint64_t
syncline_hash(uint64_t seed, const void *data, size_t length)
{
	const unsigned char *p = (const unsigned char *)data;
	uint64_t h = mix(seed, length + 1), v;

	for (; length >= 8; p += 8, length -= 8) {
		v = 0;
		for (int i = 7; i >= 0; i--)
			v = v << 8 | p[i]; /* NOLINT(clang-analyzer-core.*): it loses track of integers read as bytes */
		h = mix(h, v);
	}
	v = 0;
	while (length > 0)
		v = v << 8 | p[--length]; /* NOLINT(clang-analyzer-core.*): it loses track of integers read as bytes */
	return mix(h, v);
}

static size_t
slot(const struct journal_keys *keys, const uint8_t key[JOURNAL_KEY])
{
	size_t i = (size_t)syncline_hash(3, key, JOURNAL_KEY) & (keys->room - 1);

	while (keys->used[i] && memcmp(keys->slots[i], key, JOURNAL_KEY) != 0)
		i = (i + 1) & (keys->room - 1);
	return i;
}

int
journal_keys_has(const struct journal_keys *keys, const uint8_t key[JOURNAL_KEY])
{
	return keys->room > 0 && keys->used[slot(keys, key)];
}

int
journal_keys_reserve(struct journal_keys *keys, size_t more)
{
	struct journal_keys larger = { .room = keys->room > 0 ? keys->room : 1024, .count = keys->count };

	while ((keys->count + more) * 4 > larger.room * 3)
		larger.room *= 2;
	if (larger.room == keys->room)
		return 0;
	larger.slots = (uint8_t (*)[JOURNAL_KEY])calloc(larger.room, sizeof *larger.slots);
	larger.used = (uint8_t *)calloc(larger.room, 1);
	if (larger.slots == NULL || larger.used == NULL) {
		journal_keys_free(&larger);
		return -1;
	}
	for (size_t i = 0; i < keys->room; i++)
		if (keys->used[i]) {
			size_t at = slot(&larger, keys->slots[i]);

			memcpy(larger.slots[at], keys->slots[i], JOURNAL_KEY);
			larger.used[at] = 1;
		}
	journal_keys_free(keys);
	*keys = larger;
	return 0;
}

int
journal_keys_add(struct journal_keys *keys, const uint8_t key[JOURNAL_KEY])
{
	size_t at;

	if (journal_keys_reserve(keys, 1) != 0)
		return -1;
	at = slot(keys, key);
	if (keys->used[at])
		return 0;
	memcpy(keys->slots[at], key, JOURNAL_KEY);
	keys->used[at] = 1;
	keys->count++;
	return 1;
}

void
journal_keys_clear(struct journal_keys *keys)
{
	if (keys->count > 0)
		memset(keys->used, 0, keys->room);
	keys->count = 0;
}

void
journal_keys_free(struct journal_keys *keys)
{
	free(keys->slots);
	free(keys->used);
	memset(keys, 0, sizeof *keys);
}

int
journal_reserve(struct syncline_journal *j, size_t count)
{
	struct journal_keys next = { 0 };

	if (j->young.count < JOURNAL_GENERATION)
		return journal_keys_reserve(&j->young, count);
	if (journal_keys_reserve(&next, count) != 0)
		return -1;
	journal_keys_free(&j->old);
	j->old = j->young;
	j->young = next;
	return 0;
}

int
journal_remember(struct syncline_journal *j, const uint8_t key[JOURNAL_KEY])
{
	return journal_reserve(j, 1) != 0 || journal_keys_add(&j->young, key) < 0 ? -1 : 0;
}

int
syncline_journal_has(const struct syncline_journal *j, const uint8_t key[JOURNAL_KEY])
{
	return journal_keys_has(&j->young, key) || journal_keys_has(&j->old, key);
}

int
syncline_journal_claim(struct syncline_journal *j, const uint8_t key[JOURNAL_KEY])
{
	return journal_keys_add(&j->claimed, key);
}
