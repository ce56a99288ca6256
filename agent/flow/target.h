/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.h: the far end of a conversion: documents first, then the records that name them, with a result for each.
 */
#ifndef FLOW_TARGET_H
#define FLOW_TARGET_H

#include "flow/item.h"
#include "flow/systems.h"

struct target {
	const struct systems *systems;
	const struct config_binding *from, *to;
	const struct config_unit *unit;
	struct connector *sink;
	struct connector *documents; /* a second one of the source, started with the first document */
	struct batch_builder *builder;
};

/* target is zeroed; target_stop() takes it in any state. */
int target_start(struct target *target, const struct systems *systems, const struct config_binding *from, const struct config_binding *to,
                 const struct config_unit *unit, struct error *err);
/* Refused records become the item's rejects; -1 when going on makes no sense. */
int target_write(struct target *target, struct item *item, const struct item_writes *writes, struct error *err);
int target_finish(struct target *target, struct error *err);
void target_stop(struct target *target);

#endif
