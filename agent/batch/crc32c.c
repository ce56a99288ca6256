/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crc32c.c: CRC-32C, polynomial 0x1EDC6F41 reflected (RFC 3720, section 12.1).  Eight bytes a step: by SSE 4.2 where the
 * processor has it, else by eight tables.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "batch/crc32c.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#ifdef HAVE_SSE42_TARGET
#include <nmmintrin.h>
#endif

#define POLYNOMIAL 0x82F63B78u

static uint32_t table[8][256];
static bool by_processor;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
prepare(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (int bit = 0; bit < 8; bit++)
			crc = crc & 1 ? (crc >> 1) ^ POLYNOMIAL : crc >> 1;
		table[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int slice = 1; slice < 8; slice++)
			table[slice][i] = table[0][table[slice - 1][i] & 255] ^ (table[slice - 1][i] >> 8);
#ifdef HAVE_SSE42_TARGET
	by_processor = __builtin_cpu_supports("sse4.2") != 0;
#endif
}

uint32_t
crc32c_portable(uint32_t crc, const void *data, size_t length)
{
	const unsigned char *p = data;

	pthread_once(&once, prepare);
	crc = ~crc;
	for (; length >= 8; length -= 8, p += 8) {
		uint32_t low = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;

		low ^= crc;
		crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
		      table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	}
	for (; length > 0; length--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 255];
	return ~crc;
}

#ifdef HAVE_SSE42_TARGET
__attribute__((target("sse4.2"))) static uint32_t
crc32c_sse42(uint32_t crc, const unsigned char *p, size_t length)
{
	uint64_t wide = ~crc;

	for (; length >= 8; length -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; length > 0; length--)
		crc = _mm_crc32_u8(crc, *p++);
	return ~crc;
}
#endif

uint32_t
crc32c(uint32_t crc, const void *data, size_t length)
{
	pthread_once(&once, prepare);
#ifdef HAVE_SSE42_TARGET
	if (by_processor)
		return crc32c_sse42(crc, data, length);
#endif
	return crc32c_portable(crc, data, length);
}
