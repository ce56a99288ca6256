/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * batch.h: the record batch, one relocatable buffer that carries records from a connector to the rules and into staging with
 * no second parse.  Memory, wire and staging have the same bytes.
 *
 * LAYOUT (little-endian, everything 8-aligned, offsets from the start of the buffer)
 *
 *     header   64 bytes   struct batch_header
 *     fields   32 bytes each: a name cell, then {u8 type, u8 flags, u16 scale, u32 max_length, u64 0}
 *     records  each {u8 op, u8 flags, u16 0, u32 0, u64 place}, four cells (native id, version, tenant, note), a cell per field
 *     heap     text, bytes and 8-byte integers
 *
 *     cell     16 bytes   {u8 type, u8 flags, u16 0, u32 offset, u32 length, u32 0}
 *
 * Three types, so that the compiler keeps them apart: struct batch_builder makes one, struct batch is one that was validated,
 * and bytes from elsewhere are only bytes until batch_validate() has copied and checked them.
 */
#ifndef BATCH_BATCH_H
#define BATCH_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <syncline/value.h>

#include "base/error.h"
#include "base/memory.h"

#define BATCH_MAGIC "SYNB"
#define BATCH_REVISION 1u
#define BATCH_TARGET_RECORDS 1000u
#define BATCH_TARGET_BYTES (1024u * 1024u)
#define BATCH_MAX_BYTES (16u * 1024u * 1024u)

struct batch_header {
	char magic[4];
	uint16_t byte_order; /* 0x0102 in the writer's order: little-endian, or it is refused */
	uint16_t revision;
	uint32_t total;        /* bytes of the whole buffer, a multiple of 8 */
	uint32_t field_count;
	uint32_t record_count;
	uint32_t record_size;  /* 16 + 16 * (4 + field_count) */
	uint32_t fields_at;
	uint32_t records_at;
	uint32_t heap_at;
	uint32_t crc;          /* CRC32C of all bytes with this field as zero */
	uint32_t origin[4];    /* a cell: where the records come from, TEXT or ABSENT */
	uint32_t reserved[2];
};

struct batch_cell {
	uint8_t type;
	uint8_t flags;
	uint16_t reserved;
	uint32_t offset;
	uint32_t length;
	uint32_t reserved2;
};

struct batch_record {
	uint8_t op;
	uint8_t flags;
	uint16_t reserved;
	uint32_t reserved2;
	uint64_t place;
	struct batch_cell native_id, version, tenant, note;
	struct batch_cell cells[];
};

/* A validated batch.  Owned by whoever got it; batch_free accepts NULL. */
struct batch {
	uint8_t *data;
	uint32_t size;
	const struct batch_header *header; /* into data */
};

/*
 * Takes over `data` (malloc'd, `size` bytes; freed on failure too) when it is valid in every respect, or says what is wrong.
 * 64-bit arithmetic; constant memory; one pass.
 */
struct batch *batch_adopt(uint8_t *data, size_t size, struct error *err);
/* The same for bytes that somebody else owns: they are copied first, then checked. */
struct batch *batch_validate(const void *data, size_t size, struct error *err);
void batch_free(struct batch *batch);
CLEANUP_DEFINE(struct batch, batch_free);

static inline const struct batch_record *
batch_record(const struct batch *batch, uint32_t index)
{
	return (const struct batch_record *)(const void *)(batch->data + batch->header->records_at +
	                                                   (size_t)batch->header->record_size * index);
}
static inline const void *
batch_cell_data(const struct batch *batch, const struct batch_cell *cell)
{
	return batch->data + cell->offset;
}
/* The field's name (not NUL-terminated inside the heap: use the length), type, flags, scale. */
struct batch_field {
	const char *name;
	uint32_t name_length;
	uint8_t type;
	uint8_t flags;
	uint16_t scale;
	uint32_t max_length;
};
void batch_field(const struct batch *batch, uint32_t index, struct batch_field *ret_field);
/* The index of the field with this name, or -1. */
int batch_find_field(const struct batch *batch, const char *name, size_t length);
/* A cell as the contract's value; its data points into the batch. */
struct syncline_value batch_value(const struct batch *batch, const struct batch_cell *cell);
/* All of one record; `values` has room for the batch's fields and becomes ret_record->values. */
void batch_read(const struct batch *batch, uint32_t index, struct syncline_value *values, struct syncline_record *ret_record);
/* The origin text, or an empty slice. */
struct syncline_slice batch_origin(const struct batch *batch);

/*
 * Building.  set_fields first, then records; what fails leaves the builder as it was before the call.
 * Reusable: batch_builder_finish hands the bytes out and leaves the builder empty with its fields kept.
 */
struct batch_builder;
struct batch_builder *batch_builder_new(struct error *err);
void batch_builder_free(struct batch_builder *builder);
CLEANUP_DEFINE(struct batch_builder, batch_builder_free);
/*
 * For a builder that takes only values of validated batches and values that were checked when they were made, as the rules do:
 * their content is not looked at once more, which is the greater part of what adding costs.
 */
void batch_builder_trust(struct batch_builder *builder);
/* So many records will come, as far as that is known: no more room than that is made at first. */
void batch_builder_expect(struct batch_builder *builder, uint32_t records);
int batch_builder_set_fields(struct batch_builder *builder, const struct syncline_field *fields, uint32_t count, struct error *err);
int batch_builder_set_origin(struct batch_builder *builder, const char *origin, size_t length, struct error *err);
int batch_builder_add(struct batch_builder *builder, const struct syncline_record *record, struct error *err);
uint32_t batch_builder_field_count(const struct batch_builder *builder);
uint32_t batch_builder_count(const struct batch_builder *builder);
bool batch_builder_full(const struct batch_builder *builder);
/* Drops the records and the origin; with `fields` non-zero the fields too. */
void batch_builder_clear(struct batch_builder *builder, int fields);
/* The finished batch, or NULL; it needs no validation since this process made it from checked values. */
struct batch *batch_builder_finish(struct batch_builder *builder, struct error *err);

/* Another one with the same bytes. */
struct batch *batch_copy(const struct batch *batch, struct error *err);
/* Drops the records i whose keep[i] is 0.  The checksum is stale until batch_seal(). */
void batch_keep(struct batch *batch, const uint8_t *keep);
void batch_seal(struct batch *batch);
/*
 * Turns records into writes: sets the operation of all, each record's attempt key, and for creates takes away the native id and
 * version, which belong to where the record came from.  Sealed afterwards.
 */
int batch_make_writes(struct batch *batch, uint8_t op, const uint8_t (*keys)[16], struct error *err);
/*
 * Another value for one field of one record, written as text ("2026-02-28", "12.50"); NULL: null.  Refused when the field's type
 * can't take it.  Sealed afterwards.
 */
int batch_put_text(struct batch *batch, uint32_t index, uint32_t field, const char *text, struct error *err);

/* Native ids of several key parts (service.h: join_key, split_key). */
int batch_join_key(struct buffer *buffer, const struct syncline_slice *parts, uint32_t count);
/* The same without allocating; bytes needed, of which those beyond capacity are not written. */
size_t batch_join_key_into(const struct syncline_slice *parts, uint32_t count, char *buffer, size_t capacity);
int batch_split_key(const struct syncline_slice *native_id, uint32_t count, char *buffer, size_t capacity, struct syncline_slice *ret_parts);
/* service.h: digest. */
void batch_digest(const struct syncline_value *native_id, const struct syncline_value *values, uint32_t count, const uint8_t key[16],
                  uint64_t ret_hash[2]);
/* Is this value what its type says (UTF-8, decimal grammar, ranges)?  NULL when it is, else a sentence fragment. */
const char *batch_value_fault(const struct syncline_value *value);

#endif
