/* SPDX-License-Identifier: BSD-2-Clause */
/* bloom.c: see bloom.h.  Blocks of 32 bytes with one bit in each of eight words, 24 bits a key. */
#include "ledger/bloom.h"

#include <stdlib.h>
#include <string.h>

#define LEAST 65536u
#define KEYS_A_BLOCK 10u

static const uint32_t salts[8] = { 0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du, 0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u };

static int
add_filter(struct bloom *bloom, uint64_t room)
{
	struct bloom_filter *filter = &bloom->filters[bloom->count];
	uint64_t blocks, most = (BLOOM_MOST - bloom->bytes) / sizeof *filter->blocks;

	if (room < LEAST)
		room = LEAST;
	blocks = room / KEYS_A_BLOCK + 1;
	if (blocks > most)
		blocks = most;
	if ((filter->blocks = calloc((size_t)blocks, sizeof *filter->blocks)) == NULL)
		return -1;
	filter->block_count = blocks;
	filter->room = blocks * KEYS_A_BLOCK;
	filter->count = 0;
	bloom->bytes += (size_t)blocks * sizeof *filter->blocks;
	bloom->count++;
	return 0;
}

int
bloom_make(struct bloom *bloom, uint64_t expected)
{
	memset(bloom, 0, sizeof *bloom);
	return add_filter(bloom, expected);
}

void
bloom_free(struct bloom *bloom)
{
	for (unsigned i = 0; i < bloom->count; i++)
		free(bloom->filters[i].blocks);
	memset(bloom, 0, sizeof *bloom);
}

static uint32_t *
block_of(const struct bloom_filter *filter, uint64_t key)
{
	/* The upper half picks the block (by multiplication, not by remainder), the lower half the bits. */
	return filter->blocks[((key >> 32) * filter->block_count) >> 32];
}

bool
bloom_has(const struct bloom *bloom, uint64_t key)
{
	for (unsigned i = bloom->count; i-- > 0; ) {
		const uint32_t *block = block_of(&bloom->filters[i], key);
		uint32_t missing = 0;

		for (int k = 0; k < 8; k++)
			missing |= ~block[k] & (UINT32_C(1) << (((uint32_t)key * salts[k]) >> 27));
		if (missing == 0)
			return true;
	}
	return false;
}

int
bloom_add(struct bloom *bloom, uint64_t key)
{
	struct bloom_filter *filter = &bloom->filters[bloom->count - 1];
	uint32_t *block;

	if (filter->count >= filter->room && bloom->count < BLOOM_FILTERS && BLOOM_MOST - bloom->bytes >= LEAST) {
		if (add_filter(bloom, filter->room * 2) != 0)
			return -1;
		filter = &bloom->filters[bloom->count - 1];
	}
	block = block_of(filter, key);
	for (int k = 0; k < 8; k++)
		block[k] |= UINT32_C(1) << (((uint32_t)key * salts[k]) >> 27);
	filter->count++;
	return 0;
}
