/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control.h: the agent's end of the control socket.  A thread of its own listens, looks who calls, and carries bytes; each verb
 * that somebody asks for is done in a thread of its own by the same function that the program syncline(1) would call (service.h).
 *
 * Who calls is what the system says of the other end of the socket, never what the caller says.  Root, the agent's own user and
 * the members of `agent.operators` may act; others may look if `agent.look` says so, and are told so if not.
 */
#ifndef CTL_CONTROL_H
#define CTL_CONTROL_H

#include "ctl/ctl.h"
#include "ctl/service.h"
#include "ctl/load.h"

struct control_options {
	const struct ctl *base; /* the agent's own folders */
	/* The configuration that holds now, until it is given back.  Any thread. */
	const struct loaded *(*borrow)(void *data);
	void (*give_back)(void *data, const struct loaded *loaded);
	/* What was asked for and how it ended, for a log.  Any thread. */
	void (*told)(void *data, const char *who, const char *verb, enum ctl_exit status);
	struct service_ears ears;
	/* After a verb that may have changed what there is to do.  Any thread. */
	void (*acted)(void *data);
	void *data;
};
struct control;
/*
 * Listens.  What lies at the socket's place from before is taken away: the caller holds the ledger, so nobody listens there.  Signals
 * are left to the threads that were there before.
 */
int control_open(const struct control_options *options, struct control **ret_control, struct error *err);
/*
 * Takes no more callers, asks the verbs that are at work to stop, and waits for them so long.  false: some are still at work; then
 * nothing is freed, and the process has to end.  Accepts NULL.
 */
bool control_close(struct control *control, int64_t wait_ms);
/* Verbs that are at work. */
unsigned control_busy(struct control *control);

#endif
