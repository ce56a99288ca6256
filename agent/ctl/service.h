/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.h: what a verb finds when the agent does it for somebody, instead of a program of its own: the configuration that holds
 * now, who asked and what that person may do, and whether it is to stop.  The thread of the verb uses it; service_stop() is for any.
 */
#ifndef CTL_SERVICE_H
#define CTL_SERVICE_H

#include <pthread.h>
#include <stdbool.h>

#include "ctl/ctl.h"
#include "ctl/load.h"
#include "schedule/run.h"

/* What the agent's log hears of the work of a verb, from the verb's thread.  Any may be NULL. */
struct service_ears {
	void (*ended)(void *data, const struct run_place *at, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why);
	void (*news)(void *data, const struct run_place *at, struct ledger *ledger, const struct ledger_news *what);
	void *data;
};

struct ctl_service {
	const struct service_ears *ears; /* stay, too */
	const struct ctl_sink *sink;
	const struct loaded *loaded; /* stays as long as the verb is at work */
	const char *who;             /* "anna (uid 1000)" */
	bool may_act;                /* false: may only look */
	const char *directory;       /* of who asked: what names of files are relative to */
	/* Private. */
	pthread_mutex_t lock;
	bool stopped, acts;
	int wake; /* written to when it is to stop, or -1 */
};

void service_init(struct ctl_service *service);
void service_free(struct ctl_service *service);
/* The verb ends between two steps, and what waits for a system gives up. */
void service_stop(struct ctl_service *service);
bool service_is_stopped(const struct ctl_service *service);
/* It may change what there is to do. */
void service_acts(const struct ctl_service *service);
bool service_has_acted(const struct ctl_service *service);
/* From now on a byte is written to `wake` when it is to stop, at once if it is already; -1: no more. */
void service_waits(const struct ctl_service *service, int wake);

/* The name of a file as whoever asked meant it; NULL: no memory.  The caller frees it. */
char *ctl_file_name(const struct ctl *ctl, const char *name);

#endif
