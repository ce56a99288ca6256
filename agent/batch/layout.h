/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * layout.h: sizes and positions inside a batch, for the files of this folder alone.
 */
#ifndef BATCH_LAYOUT_H
#define BATCH_LAYOUT_H

#include <string.h>

#include "batch/batch.h"

/* Written in the machine's own order; a batch from a machine with the other order is refused, not converted. */
#define BYTE_ORDER_MARK 0x0102u

struct wire_field {
	struct batch_cell name;
	uint8_t type;
	uint8_t flags;
	uint16_t scale;
	uint32_t max_length;
	uint64_t reserved;
};

_Static_assert(sizeof(struct batch_header) == 64, "the header has 64 bytes");
_Static_assert(sizeof(struct batch_cell) == 16, "a cell has 16 bytes");
_Static_assert(sizeof(struct wire_field) == 32, "a field has 32 bytes");
_Static_assert(sizeof(struct batch_record) == 80, "a record has 80 bytes before its cells");

#define RECORD_SIZE(fields) ((uint32_t)(sizeof(struct batch_record) + sizeof(struct batch_cell) * (size_t)(fields)))
/* Cells of a record, the four of its head included; they stand one after the other. */
#define HEAD_CELLS 4u

static inline struct batch_cell *
origin_cell(struct batch_header *header)
{
	return (struct batch_cell *)(void *)header->origin;
}

static inline bool
type_is_number(uint8_t type)
{
	return type == SYNCLINE_TYPE_BOOLEAN || type == SYNCLINE_TYPE_INTEGER || type == SYNCLINE_TYPE_TIMESTAMP ||
	       type == SYNCLINE_TYPE_DATE;
}

/* CRC32C of a whole batch, its crc field counted as zero. */
uint32_t batch_checksum(const uint8_t *data, size_t size);

#endif
