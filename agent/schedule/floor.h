/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * floor.h: which flows are at work in this process.  Two that share an entity, or an object that either reads, follow each other:
 * they would read the same rows twice and see each other's half-done work.  Whoever comes first goes first.  Any thread.
 *
 * Across processes there is one engine on a ledger, and the lease of a flow and unit (ledger.h).
 */
#ifndef SCHEDULE_FLOOR_H
#define SCHEDULE_FLOOR_H

#include <stdbool.h>

#include "config/model.h"

/* Do the two share an entity, or an object that either reads?  By name: they may be of different readings of the configuration. */
bool floor_shared(const struct config_flow *one, const struct config_flow *other);
struct floor_place {
	const struct config_flow *flow;
	struct floor_place *next;
};
/*
 * Waits until no other of them is at work; `go_on` (may be NULL) is asked now and then, and false gives up.  `place` is the caller's
 * until floor_leave().  false: it gave up, and there is nothing to leave.
 */
bool floor_enter(struct floor_place *place, const struct config_flow *flow, bool (*go_on)(void *data), void *data);
void floor_leave(struct floor_place *place);

#endif
