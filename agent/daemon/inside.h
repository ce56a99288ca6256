/* SPDX-License-Identifier: BSD-2-Clause */
/* inside.h: what the files of the daemon share.  Without a word of another thread, all of it is the first thread's. */
#ifndef DAEMON_INSIDE_H
#define DAEMON_INSIDE_H

#include <pthread.h>

#include "ctl/control.h"
#include "ctl/load.h"
#include "daemon/daemon.h"
#include "manners/manners.h"
#include "observe/log.h"
#include "schedule/agenda.h"
#include "schedule/arrivals.h"
#include "schedule/outlook.h"
#include "schedule/workers.h"

#define DAEMON_WORKERS_MAX 64u

/* generation.c: a reading of the configuration, and what was made of it. */
struct generation {
	struct loaded loaded; /* the first, so that who gives it back names it */
	unsigned users;       /* under the daemon's lock */
	struct generation *origin; /* that read the files; NULL: this one did */
	struct ledger *ledger;
	struct agenda *agenda;
	struct arrivals *arrivals;
	/* By the model's flows (jobs.c): how often in a row one failed, or left what it could have delivered; and until when it is left alone for it. */
	unsigned *failures;
	int64_t *quiet_us;
};
struct daemon {
	struct ctl ctl; /* its folders */
	pthread_mutex_t lock;
	struct generation *now; /* under the lock for other threads */
	bool acted;             /* under the lock: somebody changed something, which is to be looked at */
	struct {
		char *connector;
		struct connector_info *info;
	} found; /* under the lock: it could not be loaded when the configuration was read, and now it can be; NULL: none */
	struct manners *manners;
	int64_t up_us;          /* since when the agent has been there */
	struct control *control;
	struct at_work {
		struct worker *worker;
		const struct loaded *loaded; /* its generation */
		int64_t begun_ms, long_ms;   /* from when on it is told as long; INT64_MAX: it was, or nobody can say */
		int64_t since_ms;            /* its worker is there */
	} at_work[DAEMON_WORKERS_MAX];
	unsigned worker_count;
	/* Those that are done and keep what the next run of their flow needs. */
	struct staying {
		struct worker *worker;
		const struct loaded *loaded;
		int64_t begun_ms, until_ms;
		bool leaves;
	} staying[DAEMON_WORKERS_MAX];
	unsigned staying_count;
};

/* wake.c: whoever sleeps in daemon_serve() looks again.  Any thread, and handlers of signals. */
int wake_open(struct error *err);
void wake_up(void);
void wake_drain(void);
int wake_descriptor(void); /* to be polled */

/* telling.c: what the log says.  Any thread; `data` is not used. */
void tell_error(uint32_t level, const char *event, const struct log_about *about, const struct error *err);
void tell_line(void *data, const struct connector_line *line);
void tell_system(void *data, const char *system, enum manners_state state, int64_t wait_us);
void tell_verb(void *data, const char *who, const char *verb, enum ctl_exit status);
void tell_run(void *data, const struct run_place *at, uint32_t level, const char *text);
void tell_ended(void *data, const struct run_place *at, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why);
void tell_busy(void *data, const struct run_place *at, const struct error *why);
void tell_news(void *data, const struct run_place *at, struct ledger *ledger, const struct ledger_news *what);

/* Reads the configuration; its mistakes are told. */
int generation_read(struct daemon *d, struct generation **ret_generation, struct error *err);
/*
 * The present configuration with a connector that was found since, when there is one (1, else 0).  What is now seen to be wrong with its
 * systems is told, and keeps them down; -1 when nothing came of it.
 */
int generation_found(struct daemon *d, struct generation **ret_generation, struct error *err);
/* Opens a ledger for it and fills an agenda. */
int generation_prepare(struct daemon *d, struct generation *generation, struct error *err);
/* Systems whose connector could not be loaded. */
void generation_tell_down(const struct generation *generation);
/* It holds from now on; the one before is freed when nobody uses it any more. */
void generation_take(struct daemon *d, struct generation *generation);
/* The configuration that holds now, until it is given back.  Any thread. */
const struct loaded *generation_borrow(void *daemon);
void generation_give_back(void *daemon, const struct loaded *loaded);
struct outlook generation_outlook(const struct generation *generation);

/* jobs.c: begins what is due, and takes the results of what is over. */
void jobs_begin(struct daemon *d, int64_t now_us);
void jobs_end(struct daemon *d);
/* Stops all of them; jobs_end() takes their results.  How many are there, at work or not. */
void jobs_stop(struct daemon *d);
unsigned jobs_count(const struct daemon *d);
/* Runs that take long are told, once each; when the next of them will be long (os_monotonic_ms()), INT64_MAX: none. */
void jobs_tell_long(struct daemon *d);
int64_t jobs_long_ms(const struct daemon *d);
/* When jobs_end() has something to let go of that no thread tells of (os_monotonic_ms()); INT64_MAX: nothing. */
int64_t jobs_next_ms(const struct daemon *d);
/* After a reload: what runs counts as running for the new agenda. */
void jobs_go_on(struct daemon *d);
/* Flows that failed in the configuration before, which has the same flows, are tried at once. */
void jobs_try_again(struct daemon *d, const unsigned *failures);

#endif
