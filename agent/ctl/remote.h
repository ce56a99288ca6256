/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote.h: while the agent runs it is the agent that does what works on its ledger; this asks it to and prints what it says.
 * One thread.
 */
#ifndef CTL_REMOTE_H
#define CTL_REMOTE_H

#include "ctl/ctl.h"

/*
 * true: the agent runs here, it did the verb (or it was told why not), and *ret_status is what the program ends with.  false: no
 * agent runs, so the program does it itself.  The first interrupt asks the agent to stop, the second ends the program alone.
 */
bool remote_do(const struct ctl *ctl, int argc, const char *const *argv, enum ctl_exit *ret_status);

#endif
