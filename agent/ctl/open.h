/* SPDX-License-Identifier: BSD-2-Clause */
/* open.h: the configuration, the ledger and the engine, for the verbs that work on what is durable. */
#ifndef CTL_OPEN_H
#define CTL_OPEN_H

#include <pthread.h>

#include "ctl/load.h"
#include "ctl/progress.h"
#include "ctl/service.h"
#include "flow/engine.h"
#include "ledger/ledger.h"

struct opened {
	struct loaded loaded;
	struct ledger *ledger;
	struct engine *engine;
	struct manners *manners; /* of this program; the agent has its own */
	struct progress progress;
	char who[160];
	char what[400]; /* the progress line's words */
	pthread_t passing; /* an interrupt on to the engine */
	int wake[2];
	bool passes_on;
	bool winding_up; /* it was stopped, or need not be: what has to be done before the end goes on */
	const struct ctl_service *service; /* of the ctl; then what is loaded is the service's */
};

/*
 * Loads the configuration and opens the ledger; mistakes and errors are told.  A READER where no ledger is yet is told that
 * nothing ran here.  opened_close() takes it in any state.
 */
enum ctl_exit opened_begin(const struct ctl *ctl, struct opened *opened, enum ledger_mode mode);
/* Told when the agent does it for somebody who may only look; what opens for writing asks by itself. */
enum ctl_exit opened_may_act(const struct ctl *ctl);
/* With an engine: rules compiled, connectors startable.  The first signal stops it between two steps. */
enum ctl_exit opened_engine(const struct ctl *ctl, struct opened *opened);
void opened_close(struct opened *opened);

/* The flow of this name, and --unit's unit (NULL with *ret_any: all).  CTL_DONE, or told. */
enum ctl_exit opened_flow(const struct ctl *ctl, const struct opened *opened, const char *name, const struct config_flow **ret_flow);
enum ctl_exit opened_unit(const struct ctl *ctl, const struct opened *opened, const struct config_flow *flow, const struct config_unit **ret_unit,
                          bool *ret_all);
/* A whole number from an operand or option; CTL_USAGE when it is none. */
enum ctl_exit opened_number(const struct ctl *ctl, const char *what, const char *text, int64_t *ret_number);
/* --why, which changes by people need. */
enum ctl_exit opened_why(const struct ctl *ctl, const char **ret_why);

/* Does the flow's flag for the unit (NULL: the house) let a person do this?  `off` never, `paused` only what `writes` nothing.  Told. */
enum ctl_exit opened_allowed(const struct ctl *ctl, const struct opened *opened, const struct config_flow *flow, const struct config_unit *unit,
                             bool writes);

/* "2026-02-28 12:30:05" in UTC, or "" for 0; `text` has 32 bytes. */
const char *opened_time(int64_t us, char *text);
/* Told as an error. */
enum ctl_exit opened_error(const struct ctl *ctl, const struct error *err);

#endif
