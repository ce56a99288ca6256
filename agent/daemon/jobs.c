/* SPDX-License-Identifier: BSD-2-Clause */
/* jobs.c: runs that the agent begins by itself, and what comes of them. */
#include "daemon/inside.h"
#include "ledger/runs.h"
#include "os/os.h"
#include "schedule/pace.h"

#define SOON_US INT64_C(1000000) /* between a run and deliveries that it left */
#define AGAIN_US (INT64_C(10) * 1000000)
#define AGAIN_MAX_US (INT64_C(300) * 1000000)
#define STAY_MS 5000      /* that ledger, rules and connectors are kept for the next run of a flow that is to follow its source quickly */
#define STAY_MAX_MS 60000 /* from a worker's beginning: what it loaded, as lookups, is not to grow old */
#define QUICK_MS 1000     /* a shorter trigger.quiet says that it is */

static void
worker_over(void *data)
{
	(void)data;
	wake_up();
}

/* Long ones. */

static int
see_pace(void *data, const struct ledger_run *run)
{
	pace_see(data, run);
	return 0;
}

/* From when on the job takes long, by what its units' runs took; what is run for several units at once takes as long as all. */
static int64_t
long_from(struct daemon *d, const struct agenda_job *job)
{
	struct ledger *ledger = d->now->ledger;
	int64_t sum_us = 0;

	for (uint32_t i = 0; i < job->unit_count; i++) {
		struct pace pace = { .runs = 0 };
		struct error err = { 0 };

		if (ledger_runs(ledger, ledger_flow_id(ledger, job->flow), ledger_unit_id(ledger, job->units[i]), PACE_RUNS, see_pace, &pace, &err) != 0 ||
		    pace_long_us(&pace) == INT64_MAX)
			return INT64_MAX;
		sum_us += pace_long_us(&pace);
	}
	return os_monotonic_ms() + sum_us / 1000;
}

void
jobs_tell_long(struct daemon *d)
{
	int64_t now = os_monotonic_ms();

	for (unsigned i = 0; i < d->worker_count; i++) {
		struct at_work *at = &d->at_work[i];

		if (at->long_ms > now)
			continue;
		at->long_ms = INT64_MAX;
		log_event(SYNCLINE_LOG_WARNING, "run-long", &(struct log_about){ .flow = worker_job(at->worker)->flow->head.name, .milliseconds = now - at->begun_ms },
		          "it takes more than three times as long as any of its last runs");
	}
}

int64_t
jobs_long_ms(const struct daemon *d)
{
	int64_t first = INT64_MAX;

	for (unsigned i = 0; i < d->worker_count; i++)
		first = d->at_work[i].long_ms < first ? d->at_work[i].long_ms : first;
	return first;
}

/* Those that stay. */

static bool
is_quick(const struct config_flow *flow)
{
	for (uint32_t b = 0; b < flow->binding_count; b++)
		if (flow->bindings[b].reads && flow->bindings[b].trigger->file && flow->bindings[b].trigger->quiet_ms < QUICK_MS)
			return true;
	return false;
}

static bool
may_go_on(const struct daemon *d, const struct staying *at, int64_t now_ms)
{
	return !at->leaves && at->loaded == &d->now->loaded && now_ms < at->begun_ms + STAY_MAX_MS;
}

/* Takes the job over, if one stays that is of its flow. */
static bool
go_on(struct daemon *d, struct agenda_job *job, struct at_work *at)
{
	int64_t now_ms = os_monotonic_ms();

	for (unsigned i = 0; i < d->staying_count; i++) {
		const struct staying staying = d->staying[i];
		struct error err = { 0 };

		if (worker_job(staying.worker)->flow != job->flow || !may_go_on(d, &staying, now_ms) || worker_go_on(staying.worker, job, &err) != 0)
			continue;
		d->staying[i] = d->staying[--d->staying_count];
		at->worker = staying.worker;
		at->loaded = staying.loaded;
		at->since_ms = staying.begun_ms;
		return true;
	}
	return false;
}

static void
stay(struct daemon *d, const struct at_work *at)
{
	d->staying[d->staying_count++] = (struct staying){ .worker = at->worker, .loaded = at->loaded, .begun_ms = at->since_ms,
		.until_ms = os_monotonic_ms() + STAY_MS };
}

static void
let_go(struct daemon *d)
{
	int64_t now_ms = os_monotonic_ms();

	for (unsigned i = 0; i < d->staying_count;) {
		struct staying *at = &d->staying[i];

		if (!at->leaves && (now_ms >= at->until_ms || !may_go_on(d, at, now_ms))) {
			at->leaves = true;
			worker_leave(at->worker);
		}
		if (!at->leaves || !worker_is_over(at->worker) || worker_stays(at->worker)) {
			i++;
			continue;
		}
		worker_free(at->worker);
		generation_give_back(d, at->loaded);
		d->staying[i] = d->staying[--d->staying_count];
		if (d->staying_count + d->worker_count == 0)
			os_give_back_memory();
	}
}

int64_t
jobs_next_ms(const struct daemon *d)
{
	int64_t next = INT64_MAX;

	for (unsigned i = 0; i < d->staying_count; i++)
		if (!d->staying[i].leaves && d->staying[i].until_ms < next)
			next = d->staying[i].until_ms;
	return next;
}

unsigned
jobs_count(const struct daemon *d)
{
	return d->worker_count + d->staying_count;
}

/* Begin and end. */

static int
begin(struct daemon *d, struct agenda_job *job, struct at_work *at, struct error *err)
{
	struct generation *g = d->now;
	const struct worker_options options = { .model = g->loaded.model, .systems = &g->loaded.systems, .state_dir = d->ctl.state_dir, .say = tell_run,
		.ended = tell_ended, .busy = tell_busy, .news = tell_news, .all_news = log_wants(SYNCLINE_LOG_DEBUG),
		.may_stay = is_quick(job->flow), .over = worker_over, .data = d };

	if (go_on(d, job, at))
		return 0;
	if (worker_begin(&options, job, &at->worker, err) != 0)
		return -1;
	at->loaded = generation_borrow(d);
	at->since_ms = os_monotonic_ms();
	return 0;
}

/* 1: one more is at work; 0: nothing is due, or there is no room; -1, told. */
static int
begin_next(struct daemon *d, int64_t now_us)
{
	struct generation *g = d->now;
	struct at_work *at = &d->at_work[d->worker_count];
	const struct config_flow *flow;
	struct agenda_job job;
	struct error err = { 0 };
	int taken;

	if (d->worker_count >= (unsigned)g->loaded.model->agent->runs_at_once || d->worker_count == DAEMON_WORKERS_MAX)
		return 0;
	if ((taken = agenda_take(g->agenda, now_us, &job, &err)) == 0)
		return 0;
	flow = taken > 0 ? job.flow : NULL;
	if (taken > 0 && begin(d, &job, at, &err) == 0) {
		at->begun_ms = os_monotonic_ms();
		at->long_ms = long_from(d, worker_job(at->worker));
		d->worker_count++;
		return 1;
	}
	tell_error(SYNCLINE_LOG_ERROR, "run-not-begun", &(struct log_about){ .flow = flow != NULL ? flow->head.name : NULL }, &err);
	if (flow != NULL) {
		int64_t again_us = os_wall_us() + AGAIN_US;

		for (uint32_t i = 0; i < job.unit_count; i++)
			agenda_again(g->agenda, flow, job.units[i], job.reads, again_us);
		agenda_job_free(&job);
		agenda_done(g->agenda, flow, false);
	}
	return -1;
}

void
jobs_begin(struct daemon *d, int64_t now_us)
{
	while (begin_next(d, now_us) == 1)
		;
}

/* How long a flow is left alone after it failed so often in a row. */
static int64_t
pause_us(unsigned failures)
{
	int64_t pause = AGAIN_US;

	for (unsigned i = 1; i < failures && pause < AGAIN_MAX_US; i++)
		pause *= 2;
	return failures == 0 ? SOON_US : pause < AGAIN_MAX_US ? pause : AGAIN_MAX_US;
}

/* Did it leave deliveries that it could have sent?  Something keeps them that no time takes away. */
static bool
left_due(const struct worker *worker, int64_t now_us)
{
	for (uint32_t i = 0; i < worker_job(worker)->unit_count; i++)
		if (worker_retry_us(worker, i) <= now_us)
			return true;
	return false;
}

static void
take_result(struct daemon *d, const struct worker *worker)
{
	const struct agenda_job *job = worker_job(worker);
	struct generation *g = d->now;
	const struct outlook outlook = generation_outlook(g);
	const struct model *model = g->loaded.model;
	const struct config_flow *flow = config_flow(model, job->flow->head.name);
	const struct run_result *result = worker_result(worker);
	const struct error *why = worker_error(worker);
	bool failed = why->code != ERROR_NONE || result->failed > 0;
	int64_t now_us = os_wall_us(), soonest;
	uint32_t at;

	if (why->code != ERROR_NONE)
		tell_error(SYNCLINE_LOG_ERROR, "run-failed", &(struct log_about){ .flow = job->flow->head.name }, why);
	if (flow == NULL)
		return; /* no longer configured */
	at = (uint32_t)(flow - model->flows);
	g->failures[at] = failed || left_due(worker, now_us) ? g->failures[at] + 1 : 0;
	/* A clock that was set back. */
	for (uint32_t i = 0; i < model->flow_count; i++)
		if (g->quiet_us[i] > now_us + AGAIN_MAX_US)
			g->quiet_us[i] = now_us;
	soonest = g->quiet_us[at] = now_us + pause_us(g->failures[at]);
	for (uint32_t i = 0; i < job->unit_count; i++) {
		const char *name = job->units[i] != NULL ? job->units[i]->head.name : NULL;
		const struct config_unit *unit = name != NULL ? config_unit(model, name) : NULL;
		int64_t retry = worker_retry_us(worker, i);
		struct error err = { 0 };

		if (retry != INT64_MAX)
			agenda_retry(g->agenda, flow, unit, retry > soonest ? retry : soonest);
		/* Its bindings may be others by now. */
		if (failed)
			agenda_again(g->agenda, flow, unit, flow == job->flow ? job->reads : NULL, soonest);
		if (outlook_others(&outlook, flow, unit, g->quiet_us, &err) != 0)
			tell_error(SYNCLINE_LOG_ERROR, "ledger", NULL, &err);
	}
	agenda_done(g->agenda, flow, result->done + result->findings + result->held > 0);
}

void
jobs_end(struct daemon *d)
{
	bool ended = false;

	for (unsigned i = 0; i < d->worker_count;) {
		struct at_work done = d->at_work[i];

		if (!worker_is_over(done.worker)) {
			i++;
			continue;
		}
		take_result(d, done.worker);
		d->at_work[i] = d->at_work[--d->worker_count];
		if (worker_stays(done.worker) && d->staying_count < DAEMON_WORKERS_MAX) {
			stay(d, &done);
			continue;
		}
		worker_free(done.worker);
		generation_give_back(d, done.loaded);
		ended = true;
	}
	let_go(d);
	if (ended && jobs_count(d) == 0)
		os_give_back_memory();
}

void
jobs_stop(struct daemon *d)
{
	for (unsigned i = 0; i < d->worker_count; i++)
		worker_stop(d->at_work[i].worker);
	for (unsigned i = 0; i < d->staying_count; i++)
		d->staying[i].until_ms = 0;
}

void
jobs_go_on(struct daemon *d)
{
	for (unsigned i = 0; i < d->worker_count; i++) {
		const struct config_flow *flow = config_flow(d->now->loaded.model, worker_job(d->at_work[i].worker)->flow->head.name);

		if (flow != NULL)
			agenda_begin(d->now->agenda, flow);
	}
}

void
jobs_try_again(struct daemon *d, const unsigned *failures)
{
	const struct model *model = d->now->loaded.model;
	int64_t now_us = os_wall_us();

	for (uint32_t f = 0; f < model->flow_count; f++) {
		const struct config_flow *flow = &model->flows[f];

		for (uint32_t u = 0; failures[f] > 0 && u < flow->units.count; u++)
			agenda_again(d->now->agenda, flow, config_unit(model, flow->units.items[u]), NULL, now_us);
		if (failures[f] > 0 && flow->units.count == 0)
			agenda_again(d->now->agenda, flow, NULL, NULL, now_us);
	}
}
