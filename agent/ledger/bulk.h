/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk.h: the first load of a binding: golden records, links and match keys are appended without secondary indexes, history
 * and deliveries are spans, and the indexes are built once at the end.  Nothing is delivered before they stand.
 *
 * A load survives being killed: what was committed stays, the indexes' absence is a mark in the ledger, and whoever opens it
 * next goes on or builds them (ledger_open for an ENGINE finishes a load that nobody goes on with).
 */
#ifndef LEDGER_BULK_H
#define LEDGER_BULK_H

#include "ledger/records.h"

struct ledger_bulk;
struct ledger_bulk_options {
	const struct config_entity *entity;
	const struct config_binding *const *targets; /* that want each new record */
	uint32_t target_count;
	uint32_t object, unit; /* of the source */
	int64_t run;
	uint32_t version;      /* effective */
	uint64_t expected;     /* about how many records; 0: not known */
};
/* May this binding be loaded so?  Only when the entity has no records, and the object no links, in any unit but those of an unfinished load. */
int ledger_bulk_possible(struct ledger *ledger, const struct config_entity *entity, uint32_t object, uint32_t unit, bool *ret_possible,
                         struct error *err);
int ledger_bulk_open(struct ledger *ledger, const struct ledger_bulk_options *options, struct ledger_bulk **ret_bulk, struct error *err);
/*
 * Appends records (ids are given out here, consecutive, and set), each with its link (native, version, raw; record is set here)
 * and its match keys.  ret_aside[i] 1: native id or a match key may have been there before: this one is not stored; it follows
 * by the normal way once the load is closed.  In the caller's transaction.
 */
struct ledger_bulk_row {
	struct ledger_record *record;
	struct ledger_link *link;
	const struct ledger_match *keys;
	uint32_t key_count;
};
int ledger_bulk_add(struct ledger_bulk *bulk, struct ledger_bulk_row *rows, uint32_t count, uint8_t *ret_aside, struct error *err);
/*
 * What a load left that failed in this engine: its indexes are built, so that all else goes on, and it goes on when its flow runs
 * again.  Nothing is done while another one is at work.  Makes its own transaction.
 */
int ledger_bulk_settle(struct ledger *ledger, struct error *err);
/* Indexes, in transactions of its own. */
int ledger_bulk_close(struct ledger_bulk *bulk, const struct ledger_progress *progress, struct error *err);
void ledger_bulk_free(struct ledger_bulk *bulk); /* without closing: the load stays unfinished */

#endif
