/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seal.h: who keeps the keys of sealed columns.  The ledger seals what is sensitive in history, staging, rejects and dead
 * letters with one key a record; the keys live with the vault, which fills in this table.  Destroying a record's key erases
 * what was sealed with it, backups included.
 */
#ifndef LEDGER_SEAL_H
#define LEDGER_SEAL_H

#include <stdint.h>

#include <syncline/abi.h>

#include "base/error.h"
#include "base/memory.h"

struct ledger_keys {
	void *data;
	/* Seals for a record (0: of no single one, a staged batch); appends to `ret_sealed`. */
	int (*seal)(void *data, int64_t record, struct syncline_slice plain, struct buffer *ret_sealed, struct error *err);
	/* ERROR_LEDGER_ERASED when the record's key was destroyed. */
	int (*open)(void *data, int64_t record, struct syncline_slice sealed, struct buffer *ret_plain, struct error *err);
	int (*destroy)(void *data, int64_t record, struct error *err);
};

#endif
