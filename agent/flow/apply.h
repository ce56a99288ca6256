/* SPDX-License-Identifier: BSD-2-Clause */
/* apply.h: what the files around apply.c share.  Private to agent/flow. */
#ifndef FLOW_APPLY_H
#define FLOW_APPLY_H

#include "flow/work.h"

/* The binding of the flow at work that reads this object; NULL: none. */
struct bound *apply_reader(struct work *work, uint32_t object);

#endif
