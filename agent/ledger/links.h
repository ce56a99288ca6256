/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.h: what the files of links share: statements that need the late indexes, and rows.  Inside agent/ledger alone.
 *
 * link is a rowid table, appended in the order of the runs.  link_native covers all that an unchanged row needs; link_record
 * makes a second live link of a record at an object and unit impossible.  Both are missing while a first load is open, and
 * every statement that leans on one says INDEXED BY: without its index it fails at once instead of reading the whole table.
 */
#ifndef LEDGER_LINKS_H
#define LEDGER_LINKS_H

#include "ledger/golden.h"

#define LINK_COLUMNS "id, object, unit, native, record, state, flags, raw, effective, version, sent, seen, created, confirmed, confirmed_us"

/* The row that the statement stands on; it selects LINK_COLUMNS. */
int link_read(sqlite3_stmt *statement, uint32_t words, struct arena *arena, struct ledger_link *ret_link, struct error *err);
/* Words of a vector of this entity's links. */
uint32_t link_words(struct ledger *ledger, const struct config_entity *entity);
void link_bind_native(sqlite3_stmt *statement, int at, struct syncline_slice native);
/* After a failure: says ERROR_LEDGER_LOADING when it comes from an index that a first load has put away.  Always -1. */
int link_failed(struct ledger *ledger, struct error *err);

#endif
