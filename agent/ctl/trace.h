/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h: `syncline trace`: one record's whole way.
 *
 *     verb_trace.c    finding it; its values, links, history, deliveries, findings and locks
 *     trace_rules.c   the rules at work on the newest row that is still staged
 */
#ifndef CTL_TRACE_H
#define CTL_TRACE_H

#include "ctl/listing.h"
#include "ledger/records.h"

struct trace {
	const struct ctl *ctl;
	struct opened *opened;
	struct ledger *ledger;
	struct buffer json;
	struct arena arena; /* of the record at work */
	bool has_engine;
};

/* What the rules of the link's object made of its newest staged row; says nothing where none is staged any more. */
int trace_rules(struct trace *trace, const struct config_entity *entity, const struct ledger_link *link, struct error *err);

#endif
