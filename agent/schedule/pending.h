/* SPDX-License-Identifier: BSD-2-Clause */
/* pending.h: when deliveries of a flow for a unit are to be looked at again. */
#ifndef SCHEDULE_PENDING_H
#define SCHEDULE_PENDING_H

#include "ledger/ledger.h"

struct manners;
/*
 * The first time at which something can be sent, or asked for, that could not before; INT64_MAX: nothing is left that a time brings.
 * Where the flag lets nothing through, no time does; and not before a system is no longer left alone (`manners`, or NULL).
 */
int pending_next(struct ledger *ledger, struct manners *manners, const struct config_flow *flow, const struct config_unit *unit, int64_t *ret_us,
                 struct error *err);
/*
 * Is something held at a target whose flag lets records through?  What a person did may have set it free; that is found out when it is
 * delivered.
 */
int pending_held(struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit, bool *ret_held, struct error *err);
/* Has a target refused us, whose flag lets records through? */
int pending_parked(struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit, bool *ret_parked, struct error *err);

#endif
