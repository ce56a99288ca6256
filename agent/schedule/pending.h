/* SPDX-License-Identifier: BSD-2-Clause */
/* pending.h: when deliveries of a flow for a unit are to be looked at again. */
#ifndef SCHEDULE_PENDING_H
#define SCHEDULE_PENDING_H

#include "ledger/ledger.h"

/* The first time at which something can be sent, or asked for, that could not before; INT64_MAX: nothing is left that a time brings. */
int pending_next(struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit, int64_t *ret_us, struct error *err);

#endif
