/* SPDX-License-Identifier: BSD-2-Clause */
/* crc32c.h: CRC-32C (Castagnoli), by the processor's instruction where there is one. */
#ifndef BATCH_CRC32C_H
#define BATCH_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from `crc` (0 at first). */
uint32_t crc32c(uint32_t crc, const void *data, size_t length);
/* The portable way, for the test that holds both against each other. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t length);

#endif
