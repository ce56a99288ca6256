/* SPDX-License-Identifier: BSD-2-Clause */
/* status.h: the parts of `syncline status`. */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include "ctl/ctl.h"
#include "ledger/ledger.h"

/* Within which time a change is to be everywhere: max_lag, else twice the slowest trigger, in ms; 0 where nothing comes by the clock. */
int64_t status_most_lag(const struct config_flow *flow, int64_t now_us);
/* It ran here once and does not now: a person has to start it. */
bool status_agent_lacks(const struct ledger_agent *agent);
void status_agent_json(struct buffer *json, const struct ledger_agent *agent);
/* A sentence before the table; none where no agent ever ran. */
void status_agent_show(const struct ledger_agent *agent, int64_t now_us);

/* Systems that the agent leaves alone, as its own thread knows it now; of `flow`, or of any (NULL).  Lives in the arena. */
struct listing;
struct status_alone;
int status_alone_find(const struct listing *listing, struct arena *arena, const struct config_flow *flow, struct status_alone **ret_alone, struct error *err);
/* One of them is for a person to mend. */
bool status_alone_waits(const struct status_alone *alone);
void status_alone_json(struct buffer *json, const struct status_alone *alone, int64_t now_us);
void status_alone_show(const struct status_alone *alone, int64_t now_us); /* a table, where there is one */

/* Systems whose connector the agent could not load; of `flow`, or of any (NULL). */
bool status_down_waits(const struct model *model, const struct config_flow *flow);
void status_down_json(struct buffer *json, const struct model *model, const struct config_flow *flow);
void status_down_show(const struct model *model, const struct config_flow *flow); /* a table, where there is one */

#endif
