/* SPDX-License-Identifier: BSD-2-Clause */
/* status_agent.c: the part of `syncline status` that tells whether the agent runs, and if not, since when and what to do. */
#include "ctl/status.h"

#include <inttypes.h>
#include <stdio.h>

#include "ctl/listing.h"

/* Triggers bring nothing while it does not run. */
static const char *const start_it = "start synclined, by the init system or by hand; until then flows run by `syncline run` alone";

bool
status_agent_lacks(const struct ledger_agent *agent)
{
	return agent->began_us != 0 && !agent->works;
}

void
status_agent_json(struct buffer *json, const struct ledger_agent *agent)
{
	ctl_json_open(json, "agent", '{');
	ctl_json_boolean(json, "runs", agent->works);
	listing_json_time(json, "began", agent->began_us);
	listing_json_time(json, "ended", agent->ended_us > agent->began_us ? agent->ended_us : 0);
	if (agent->works)
		ctl_json_number(json, "process", (long long)agent->process);
	ctl_json_text(json, "next", status_agent_lacks(agent) ? start_it : NULL);
	ctl_json_close(json, '}');
}

void
status_agent_show(const struct ledger_agent *agent, int64_t now_us)
{
	char age[32], time[32];

	if (agent->works)
		ctl_print("The agent has run for %s, as process %" PRId64 ".\n\n", listing_age(now_us - agent->began_us, age), agent->process);
	else if (agent->ended_us > agent->began_us)
		ctl_print("The agent has not run since %s (%s ago): %s.\n\n", opened_time(agent->ended_us, time), listing_age(now_us - agent->ended_us, age),
		          start_it);
	else if (agent->began_us != 0)
		ctl_print("The agent began at %s and ended without a word: it was killed, or the machine was. Look at its log, and %s.\n\n",
		          opened_time(agent->began_us, time), start_it);
}
