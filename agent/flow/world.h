/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.h: what rules ask the world (rules.h, struct rules_world), answered from the ledger.
 *
 * Reading: ref('kunden', …) becomes the text "OBJECT:native id" with the ledger's number of the object (world_parse_ref takes
 * it apart); content() the text of the document's reference.  No ledger is asked, so that rules can run outside a transaction.
 *
 * Writing: the batch holds golden records, record i being records[i]; a ref's value is the parent's record id as text.
 * link('crm', ref), link('crm'), url('crm'), follow, record_id(), sync_state(), sync_error() ask the ledger.
 */
#ifndef FLOW_WORLD_H
#define FLOW_WORLD_H

#include "flow/engine.h"
#include "ledger/records.h"

struct world {
	struct rules_world rules; /* what mapping_run() takes */
	struct engine *engine;
	const struct bound *bound;
	const struct config_unit *unit; /* NULL: the house */
	uint32_t unit_id;
	const int64_t *records; /* writing */
	struct buffer value;    /* of the last answer */
	struct arena arena;
	/*
	 * Writing: a parent that is not linked at this system yet.  missing[i] (may be NULL, one a record) takes the parent's record
	 * id when link() for record i had to say "not yet".
	 */
	int64_t *missing;
};
void world_read(struct world *world, struct engine *engine, const struct bound *bound, const struct config_unit *unit, int64_t run_time_us);
void world_write(struct world *world, struct engine *engine, const struct bound *bound, const struct config_unit *unit, int64_t run_time_us,
                 const int64_t *records, int64_t *missing);
void world_free(struct world *world);
/* "17:100|4711" -> 17 and the native id, which points into the text. */
bool world_parse_ref(const void *text, size_t length, uint32_t *ret_object, struct syncline_slice *ret_native);

#endif
