/* SPDX-License-Identifier: BSD-2-Clause */
/* agent.c: since when the service has worked on this ledger, or since when it has not.  The thread that owns the ledger. */
#include "ledger/inside.h"

#include <unistd.h>

static int
keep(struct ledger *ledger, bool begins, struct error *err)
{
	int result;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	result = ledger_meta_set(ledger, begins ? "agent_began_us" : "agent_ended_us", ledger_now(ledger), err);
	if (result == 0 && begins)
		result = ledger_meta_set(ledger, "agent_process", (int64_t)getpid(), err);
	if (result == 0)
		return ledger_commit(ledger, err);
	ledger_rollback(ledger);
	return -1;
}

int
ledger_agent_begin(struct ledger *ledger, struct error *err)
{
	return keep(ledger, true, err);
}

int
ledger_agent_end(struct ledger *ledger, struct error *err)
{
	return keep(ledger, false, err);
}

int
ledger_agent(struct ledger *ledger, struct ledger_agent *ret_agent, struct error *err)
{
	struct ledger_agent agent;
	int64_t process;

	if (ledger_meta_get(ledger, "agent_began_us", &agent.began_us, err) != 0 || ledger_meta_get(ledger, "agent_ended_us", &agent.ended_us, err) != 0 ||
	    ledger_meta_get(ledger, "agent_process", &agent.process, err) != 0)
		return -1;
	process = ledger_engine_process(ledger);
	agent.works = agent.began_us != 0 && (process == agent.process || process == -1) && agent.ended_us < agent.began_us;
	*ret_agent = agent;
	return 0;
}
