/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * workers.h: the agent's own runs, each in a thread with a ledger and an engine of its own, which are there as long as it runs.
 * One thread begins them and is told when they are over.
 *
 *     worker_begin ─> at work ─> over ─> worker_free
 *                        ^         │ may stay
 *                        └─────────┴─ worker_go_on, worker_leave ─> over ─> worker_free
 *
 * One that may stay keeps ledger, rules and connectors for the next run of its flow, which then begins within a millisecond.
 */
#ifndef SCHEDULE_WORKERS_H
#define SCHEDULE_WORKERS_H

#include "flow/systems.h"
#include "schedule/agenda.h"
#include "schedule/run.h"

struct worker_options {
	const struct model *model;     /* it and `systems` stay until the worker is over */
	const struct systems *systems;
	const char *state_dir;
	/* From the worker's thread: something worth a log line; a unit's run has ended; a unit is run by somebody else; what was committed. */
	void (*say)(void *data, const struct run_place *at, uint32_t level, const char *text);
	void (*ended)(void *data, const struct run_place *at, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why);
	void (*busy)(void *data, const struct run_place *at, const struct error *why);
	void (*news)(void *data, const struct run_place *at, struct ledger *ledger, const struct ledger_news *what);
	bool all_news; /* also what is no finding */
	bool may_stay; /* when the job is done well */
	/* The last call, from its thread: whoever waits may ask workers_over() now. */
	void (*over)(void *data);
	void *data;
};
struct worker;
/* Takes the job over. */
int worker_begin(const struct worker_options *options, struct agenda_job *job, struct worker **ret_worker, struct error *err);
/* It ends between two steps, and what waits for a system gives up.  Any thread. */
void worker_stop(struct worker *worker);
bool worker_is_over(const struct worker *worker);
/* Of one that is over: it stays, and would take another job of its flow over; options are those that it began with. */
bool worker_stays(const struct worker *worker);
int worker_go_on(struct worker *worker, struct agenda_job *job, struct error *err);
/* Puts away what it kept, and then is over once more, with nothing new to tell. */
void worker_leave(struct worker *worker);
/* Of one that is over: what came of it.  `why`: what kept it from running at all, code ERROR_NONE: nothing. */
const struct agenda_job *worker_job(const struct worker *worker);
const struct run_result *worker_result(const struct worker *worker);
const struct error *worker_error(const struct worker *worker);
/* When deliveries of the job's unit `i` are to be looked at again (pending.h). */
int64_t worker_retry_us(const struct worker *worker, uint32_t i);
/* Waits for its thread, which does nothing more once it is over. */
void worker_free(struct worker *worker);

#endif
