/* SPDX-License-Identifier: BSD-2-Clause */
/* packed.c: see packed.h.  The compressor's state and memory belong to the open ledger and are used again for each batch. */
#include "ledger/packed.h"

#include "ledger/pack.h"

#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#define LEVEL 1

struct ledger_pack {
	ZSTD_CCtx *context;
	ZSTD_DCtx *opening;
	struct buffer bytes;
};
struct packer {
	struct ledger_pack pack;
	struct buffer sealed;
};

int
ledger_pack(struct ledger_pack *pack, const struct batch *batch, struct syncline_slice *ret_packed, struct error *err)
{
	size_t length;

	buffer_clear(&pack->bytes);
	if ((pack->context == NULL && (pack->context = ZSTD_createCCtx()) == NULL) || buffer_reserve(&pack->bytes, ZSTD_compressBound(batch->size)) != 0)
		return error_memory(err);
	length = ZSTD_compressCCtx(pack->context, pack->bytes.data, pack->bytes.capacity, batch->data, batch->size, LEVEL);
	if (ZSTD_isError(length))
		return error_set(err, ERROR_MEMORY, NULL, "a batch could not be compressed: %s", ZSTD_getErrorName(length));
	pack->bytes.length = length;
	*ret_packed = (struct syncline_slice){ pack->bytes.data, length };
	return 0;
}

struct ledger_pack *
ledger_pack_new(struct error *err)
{
	struct ledger_pack *pack = calloc(1, sizeof *pack);

	if (pack == NULL)
		error_memory(err);
	else
		buffer_init(&pack->bytes, ZSTD_COMPRESSBOUND(BATCH_MAX_BYTES));
	return pack;
}

void
ledger_pack_free(struct ledger_pack *pack)
{
	if (pack == NULL)
		return;
	ZSTD_freeCCtx(pack->context);
	ZSTD_freeDCtx(pack->opening);
	buffer_free(&pack->bytes);
	free(pack);
}

static struct packer *
packer_of(struct ledger *ledger, struct error *err)
{
	if (ledger->packer == NULL) {
		ledger->packer = calloc(1, sizeof *ledger->packer);
		if (ledger->packer != NULL) {
			buffer_init(&ledger->packer->pack.bytes, ZSTD_COMPRESSBOUND(BATCH_MAX_BYTES));
			buffer_init(&ledger->packer->sealed, 2u * BATCH_MAX_BYTES);
		}
	}
	if (ledger->packer == NULL)
		error_memory(err);
	return ledger->packer;
}

void
packed_free(struct ledger *ledger)
{
	struct packer *p = ledger->packer;

	if (p == NULL)
		return;
	ZSTD_freeCCtx(p->pack.context);
	ZSTD_freeDCtx(p->pack.opening);
	buffer_free(&p->pack.bytes);
	buffer_free(&p->sealed);
	free(p);
	ledger->packer = NULL;
}

int
packed_batch(struct ledger *ledger, const struct batch *batch, struct syncline_slice ahead, struct packed *ret_packed, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;
	struct packer *p = packer_of(ledger, err);

	if (p == NULL || (ahead.length == 0 && ledger_pack(&p->pack, batch, &ahead, err) != 0))
		return -1;
	*ret_packed = (struct packed){ ahead, batch->size, false };
	if (keys == NULL)
		return 0;
	buffer_clear(&p->sealed);
	if (keys->seal(keys->data, 0, ret_packed->data, &p->sealed, err) != 0)
		return -1;
	*ret_packed = (struct packed){ { p->sealed.data, p->sealed.length }, batch->size, true };
	return 0;
}

static int
damaged(const struct ledger *ledger, const char *why, struct error *err)
{
	return error_set(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`, and put the last backup in its place (`syncline restore FILE`).",
	                 "a row that was kept in the ledger in %s is damaged (%s)", ledger->state_dir, why);
}

struct batch *
ledger_unpack(struct ledger_pack *pack, const struct ledger *ledger, struct syncline_slice packed, int64_t size, struct error *err)
{
	struct error why = { 0 };
	struct batch *batch;
	uint8_t *plain;
	size_t length;

	if (size <= 0 || size > (int64_t)BATCH_MAX_BYTES) {
		damaged(ledger, "its length is impossible", err);
		return NULL;
	}
	plain = malloc((size_t)size);
	if (plain == NULL || (pack->opening == NULL && (pack->opening = ZSTD_createDCtx()) == NULL)) {
		free(plain);
		error_memory(err);
		return NULL;
	}
	length = ZSTD_decompressDCtx(pack->opening, plain, (size_t)size, packed.data, packed.length);
	if (ZSTD_isError(length) || length != (size_t)size) {
		free(plain);
		damaged(ledger, ZSTD_isError(length) ? ZSTD_getErrorName(length) : "it is shorter than it was", err);
		return NULL;
	}
	batch = batch_adopt(plain, length, &why);
	if (batch == NULL && why.code == ERROR_BATCH_INVALID)
		damaged(ledger, why.message, err);
	else if (batch == NULL && err != NULL)
		*err = why;
	return batch;
}

struct batch *
packed_open(struct ledger *ledger, struct syncline_slice data, int64_t size, bool sealed, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;
	struct packer *p = packer_of(ledger, err);

	if (p == NULL)
		return NULL;
	if (size <= 0 || size > (int64_t)BATCH_MAX_BYTES) {
		damaged(ledger, "its length is impossible", err);
		return NULL;
	}
	if (sealed) {
		if (keys == NULL) {
			error_fill(err, ERROR_LEDGER_SEALED, "Ask the agent, or open the vault for this command.",
			           "rows that were kept are sealed, and there is no key for them here");
			return NULL;
		}
		buffer_clear(&p->sealed);
		if (keys->open(keys->data, 0, data, &p->sealed, err) != 0)
			return NULL;
		data = (struct syncline_slice){ p->sealed.data, p->sealed.length };
	}
	return ledger_unpack(&p->pack, ledger, data, size, err);
}

/* What was seen. */

static int
by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int
put_number(struct buffer *buffer, uint64_t number)
{
	do {
		uint8_t byte = (uint8_t)((number & 0x7f) | (number > 0x7f ? 0x80 : 0));

		if (buffer_char(buffer, (char)byte) != 0)
			return -1;
		number >>= 7;
	} while (number != 0);
	return 0;
}

int
packed_seen(int64_t *ids, size_t count, struct buffer *ret_runs, size_t *ret_distinct)
{
	int64_t end = 0; /* of the run before */
	bool sorted = true;

	*ret_distinct = 0;
	for (size_t i = 1; i < count && sorted; i++)
		sorted = ids[i - 1] <= ids[i];
	if (!sorted)
		qsort(ids, count, sizeof *ids, by_number);
	for (size_t i = 0; i < count;) {
		int64_t first = ids[i], last = first;

		while (++i < count && ids[i] - last <= 1)
			last = ids[i];
		if (put_number(ret_runs, (uint64_t)(first - end)) != 0 || put_number(ret_runs, (uint64_t)(last - first)) != 0)
			return -1;
		*ret_distinct += (size_t)(last - first) + 1;
		end = last;
	}
	return 0;
}

static int
get_number(const uint8_t **at, const uint8_t *end, uint64_t *ret_number)
{
	uint64_t number = 0;

	for (unsigned shift = 0; shift < 63; shift += 7) {
		if (*at == end)
			return -1;
		number |= (uint64_t)(**at & 0x7f) << shift;
		if ((*(*at)++ & 0x80) == 0) {
			*ret_number = number;
			return 0;
		}
	}
	return -1;
}

int
packed_seen_each(struct syncline_slice runs, int (*each)(void *data, int64_t first, int64_t last), void *data)
{
	const uint8_t *at = runs.data, *end = at + runs.length;
	uint64_t behind = 0, gap, more;

	while (at != end) {
		if (get_number(&at, end, &gap) != 0 || get_number(&at, end, &more) != 0 || gap > (uint64_t)INT64_MAX - behind ||
		    more > (uint64_t)INT64_MAX - behind - gap)
			return -1;
		if (each(data, (int64_t)(behind + gap), (int64_t)(behind + gap + more)) != 0)
			return -1;
		behind += gap + more;
	}
	return 0;
}
