/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon.h: the agent as a service.  One process with no rights beyond its user's:
 *
 *     the first thread     signals, the agenda, the ledger that is held as long as the agent runs
 *     a thread a run       schedule/workers.h
 *     the control socket   ctl/control.h, and a thread for each verb that somebody asks for
 *
 * The configuration is read into a generation (generation.c).  A reload makes a new one; runs and verbs that are at work keep theirs until
 * they are done.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "ctl/ctl.h"

struct daemon;
/*
 * Reads the configuration, opens the ledger in `ctl`'s folders, and listens.  Catches SIGTERM, SIGINT and SIGHUP: one daemon a process.
 * ret_daemon is to be freed even where it fails.
 */
int daemon_begin(const struct ctl *ctl, struct daemon **ret_daemon, struct error *err);
/* Until SIGTERM or SIGINT. */
void daemon_serve(struct daemon *daemon);
/* Asks whatever is at work to stop and waits for it; false when it took too long: then the process has to end without daemon_free(). */
bool daemon_stop(struct daemon *daemon);
void daemon_free(struct daemon *daemon); /* accepts NULL */

#endif
