/* SPDX-License-Identifier: BSD-2-Clause */
/* apply.h: what the files around apply.c share.  Private to agent/flow. */
#ifndef FLOW_APPLY_H
#define FLOW_APPLY_H

#include "flow/work.h"

/* A transaction of a step; in a dry pass there is one around all.  end takes the step's result and gives it back. */
int apply_begin(struct work *work, struct error *err);
int apply_end(struct work *work, int result, struct error *err);
/* The binding of the flow at work that reads this object; NULL: none. */
struct bound *apply_reader(struct work *work, uint32_t object);

/* apply_bulk.c: may this binding be loaded without looking for what is there; and doing so with all that is staged. */
bool apply_is_bulk(struct work *work, struct bound *bound);
int apply_bulk(struct work *work, struct bound *bound, const char *what, struct error *err);

/* rewrite.c: when a target's rules of writing changed, everything that is linked there is wanted anew. */
int apply_rewritten(struct work *work, struct bound *bound, struct error *err);

#endif
