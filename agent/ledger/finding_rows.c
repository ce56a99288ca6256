/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * finding_rows.c: the raw row that a finding keeps, so that a retry needs no new read: a batch of one record, packed by zstd
 * where that makes it smaller, and sealed where there are keys.
 */
#include "ledger/findings_inside.h"

#include <stdlib.h>
#include <zstd.h>

#define ROW_PLAIN 0
#define ROW_ZSTD 1

int
finding_seal(struct ledger *ledger, int64_t record, struct syncline_slice plain, struct buffer *ret_sealed, int64_t *ret_key, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;

	if (keys == NULL) {
		*ret_key = -1;
		return 0;
	}
	if (keys->seal(keys->data, record, plain, ret_sealed, err) != 0)
		return -1;
	*ret_key = record;
	return 0;
}

int
finding_unseal(struct ledger *ledger, int64_t key, struct syncline_slice sealed, struct buffer *ret_plain, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;
	struct error said = { 0 };

	if (keys == NULL) {
		error_set(err, ERROR_LEDGER_SEALED, "Ask the agent, or open the vault for this command.", "it is sealed and there is no key for it here");
		return 0;
	}
	if (keys->open(keys->data, key, sealed, ret_plain, &said) == 0)
		return 1;
	if (err != NULL)
		*err = said;
	return said.code == ERROR_LEDGER_ERASED ? 0 : -1;
}

static int
pack(const struct batch *row, struct buffer *ret_packed, int *ret_packing, struct error *err)
{
	size_t bound = ZSTD_compressBound(row->size), size;

	if (buffer_reserve(ret_packed, bound) != 0)
		return error_memory(err);
	size = ZSTD_compress(ret_packed->data, bound, row->data, row->size, 3);
	if (ZSTD_isError(size) || size >= row->size) {
		*ret_packing = ROW_PLAIN;
		if (buffer_append(ret_packed, row->data, row->size) != 0)
			return error_memory(err);
		return 0;
	}
	ret_packed->length = size;
	*ret_packing = ROW_ZSTD;
	return 0;
}

int
ledger_finding_row(struct ledger *ledger, int64_t finding, const struct batch *row, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE("UPDATE ", " SET row_batch = ?2, row_packing = ?3, row_key = ?4 WHERE id = ?1");
	static const char *const whose[] = EACH_FINDING_TABLE("SELECT record FROM ", " WHERE id = ?1");
	struct buffer packed, sealed;
	enum ledger_finding_kind kind;
	sqlite3_stmt *statement;
	int64_t record, key;
	uint8_t state;
	int packing, status = -1;

	if (finding_locate(ledger, finding, &kind, &state, err) != 0 || (statement = ledger_statement(ledger, whose[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, finding);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	record = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	buffer_init(&packed, 0);
	buffer_init(&sealed, 0);
	if (pack(row, &packed, &packing, err) == 0 &&
	    finding_seal(ledger, record, (struct syncline_slice){ packed.data, packed.length }, &sealed, &key, err) == 0 &&
	    (statement = ledger_statement(ledger, sql[kind], err)) != NULL) {
		sqlite3_bind_int64(statement, 1, finding);
		sqlite3_bind_int(statement, 3, packing);
		if (key < 0)
			ledger_bind_blob(statement, 2, packed.data, packed.length);
		else {
			ledger_bind_blob(statement, 2, sealed.data, sealed.length);
			sqlite3_bind_int64(statement, 4, key);
		}
		status = ledger_run_statement(ledger, statement, err);
		sqlite3_clear_bindings(statement);
	}
	buffer_free(&packed);
	buffer_free(&sealed);
	return status;
}

/* Bytes as they were packed -> a batch; what stands in the file is checked like anything from outside. */
static struct batch *
unpack(struct syncline_slice packed, int packing, struct error *err)
{
	unsigned long long size;
	uint8_t *data;

	if (packing == ROW_PLAIN)
		return batch_validate(packed.data, packed.length, err);
	size = ZSTD_getFrameContentSize(packed.data, packed.length);
	if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > BATCH_MAX_BYTES || size == 0) {
		error_fill(err, ERROR_BATCH_INVALID, NULL, "the kept row is no packed batch");
		return NULL;
	}
	if ((data = malloc((size_t)size)) == NULL) {
		error_fill_memory(err);
		return NULL;
	}
	if (ZSTD_decompress(data, (size_t)size, packed.data, packed.length) != size) {
		free(data);
		error_fill(err, ERROR_BATCH_INVALID, NULL, "the kept row cannot be unpacked");
		return NULL;
	}
	return batch_adopt(data, (size_t)size, err);
}

int
ledger_finding_row_get(struct ledger *ledger, int64_t finding, struct batch **ret_row, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE("SELECT row_batch, row_packing, row_key FROM ", " WHERE id = ?1");
	enum ledger_finding_kind kind;
	struct syncline_slice packed;
	struct batch *row = NULL;
	sqlite3_stmt *statement;
	struct buffer plain;
	uint8_t state;
	int status = 0;

	if (finding_locate(ledger, finding, &kind, &state, err) != 0 || (statement = ledger_statement(ledger, sql[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, finding);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	buffer_init(&plain, 0);
	packed = ledger_column_view(statement, 0);
	if (packed.length == 0 && sqlite3_column_bytes(statement, 0) > 0)
		status = error_memory(err);
	else if (packed.length > 0 && sqlite3_column_type(statement, 2) != SQLITE_NULL) {
		if (finding_unseal(ledger, sqlite3_column_int64(statement, 2), packed, &plain, err) != 1)
			status = -1;
		packed = (struct syncline_slice){ plain.data, plain.length };
	}
	if (status == 0 && packed.length > 0 && (row = unpack(packed, sqlite3_column_int(statement, 1), err)) == NULL) {
		error_place(err, "%s %lld", ledger_finding_name(kind), (long long)finding);
		status = -1;
	}
	sqlite3_reset(statement);
	buffer_free(&plain);
	if (status == 0)
		*ret_row = row;
	return status;
}
