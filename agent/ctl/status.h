/* SPDX-License-Identifier: BSD-2-Clause */
/* status.h: the parts of `syncline status`. */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include "ctl/ctl.h"
#include "ledger/ledger.h"

/* It ran here once and does not now: a person has to start it. */
bool status_agent_lacks(const struct ledger_agent *agent);
void status_agent_json(struct buffer *json, const struct ledger_agent *agent);
/* A sentence before the table; none where no agent ever ran. */
void status_agent_show(const struct ledger_agent *agent, int64_t now_us);

#endif
