/* SPDX-License-Identifier: BSD-2-Clause */
/* apply.h: what the files around apply.c share.  Private to agent/flow. */
#ifndef FLOW_APPLY_H
#define FLOW_APPLY_H

#include "flow/work.h"

/* The binding of the flow at work that reads this object; NULL: none. */
struct bound *apply_reader(struct work *work, uint32_t object);

/* apply_bulk.c: may this binding be loaded without looking for what is there; and doing so with all that is staged. */
bool apply_is_bulk(struct work *work, struct bound *bound);
int apply_bulk(struct work *work, struct bound *bound, const char *what, struct error *err);

#endif
