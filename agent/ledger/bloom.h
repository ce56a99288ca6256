/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bloom.h: have I seen this key?  "No" is certain, "yes" is right all but a few times in ten thousand.  Blocked: a key touches one
 * line of memory.  Grows by further filters while it is told more keys than it was made for, up to BLOOM_MOST bytes; beyond that
 * "yes" is wrong more and more often.
 */
#ifndef LEDGER_BLOOM_H
#define LEDGER_BLOOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOOM_MOST ((size_t)64 * 1024 * 1024)
#define BLOOM_FILTERS 16

struct bloom {
	struct bloom_filter {
		uint32_t (*blocks)[8];
		uint64_t block_count, room, count; /* keys that it is made for; that it has */
	} filters[BLOOM_FILTERS];
	unsigned count;
	size_t bytes;
};

/* -1: no memory. */
int bloom_make(struct bloom *bloom, uint64_t expected);
void bloom_free(struct bloom *bloom);
/* Keys are hashes already. */
bool bloom_has(const struct bloom *bloom, uint64_t key);
int bloom_add(struct bloom *bloom, uint64_t key);

#endif
