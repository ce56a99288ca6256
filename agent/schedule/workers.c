/* SPDX-License-Identifier: BSD-2-Clause */
/* workers.c: see workers.h. */
#include "schedule/workers.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/pending.h"

#define STACK (UINT32_C(4) << 20)
/* A first load builds its indexes in one transaction: nobody gives up before that is done. */
#define BUSY_MS (UINT32_C(15) * 60 * 1000)

struct worker {
	struct worker_options options;
	struct agenda_job job;
	pthread_t thread;
	struct run_result result;
	struct error why;
	int64_t *retry_us;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct engine *engine; /* while it may be interrupted */
	bool stopped, over;
	bool stays, leaves;    /* over, and waits for more; and is to do so no longer */
	struct run_care care;  /* of one that may stay */
};

static bool
progress(void *data, const char *what, uint64_t done, uint64_t total)
{
	struct worker *worker = data;
	bool stopped;

	(void)what;
	(void)done;
	(void)total;
	pthread_mutex_lock(&worker->lock);
	stopped = worker->stopped;
	pthread_mutex_unlock(&worker->lock);
	return !stopped;
}

/* In its thread. */
static struct run_place
place(const struct worker *worker)
{
	struct run_place at = { .flow = worker->job.flow->head.name, .unit = "", .trace = "" };

	return worker->engine != NULL && worker->engine->run != 0 ? run_place_now(worker->engine) : at;
}

static void
say(void *data, uint32_t level, const char *text)
{
	struct worker *worker = data;
	const struct run_place at = place(worker);

	worker->options.say(worker->options.data, &at, level, text);
}

static void
news(void *data, struct ledger *ledger, const struct ledger_news *what)
{
	struct worker *worker = data;
	const struct run_place at = place(worker);

	worker->options.news(worker->options.data, &at, ledger, what);
}

static const char *
unit_name(const struct config_unit *unit)
{
	return unit != NULL && unit->head.name != NULL ? unit->head.name : "";
}

static void
busy(void *data, const struct config_unit *unit, const struct error *why)
{
	struct worker *worker = data;
	struct run_place at = { .flow = worker->job.flow->head.name, .unit = unit_name(unit), .trace = "" };

	worker->options.busy(worker->options.data, &at, why);
}

static void
ended(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why)
{
	struct worker *worker = data;
	char trace[LEDGER_TRACE + 1];
	const struct run_place at = run_place_of(worker->engine, worker->job.flow, run, trace);

	worker->options.ended(worker->options.data, &at, run, plan, why);
}

static void
set_engine(struct worker *worker, struct engine *engine)
{
	pthread_mutex_lock(&worker->lock);
	worker->engine = engine;
	pthread_mutex_unlock(&worker->lock);
}

static int
run_job(struct worker *worker, struct engine *engine, struct error *err)
{
	static const char *const causes[] = { "schedule", "file", "retry", "after", "again", "reload" };
	const struct agenda_job *job = &worker->job;
	struct run_options options = { .engine = engine, .flow = job->flow, .units = job->units, .unit_count = job->unit_count,
		.cause = causes[job->cause], .reads = job->reads, .care = worker->options.may_stay ? &worker->care : NULL, .busy = busy,
		.ended = ended, .data = worker };
	int result;

	set_engine(worker, engine);
	result = run_flow(&options, &worker->result, err);
	set_engine(worker, NULL);
	for (uint32_t i = 0; i < job->unit_count && result == 0; i++)
		result = pending_next(engine->ledger, worker->options.systems->manners, job->flow, job->units[i], &worker->retry_us[i], err);
	return result;
}

/* The job is done, and more may come: 1 when it has, 0 when nothing is to be waited for. */
static int
stay(struct worker *worker, const struct engine *engine)
{
	bool more = false;

	if (!worker->options.may_stay || worker->result.failed > 0 || engine->stopped)
		return 0;
	pthread_mutex_lock(&worker->lock);
	if (!worker->stopped && !worker->leaves) {
		worker->stays = worker->over = true;
		pthread_mutex_unlock(&worker->lock);
		worker->options.over(worker->options.data);
		pthread_mutex_lock(&worker->lock);
		while (worker->over && !worker->leaves)
			pthread_cond_wait(&worker->changed, &worker->lock);
		more = !worker->over;
		worker->stays = worker->over = false;
	}
	pthread_mutex_unlock(&worker->lock);
	return more;
}

static int
run_jobs(struct worker *worker, struct ledger *ledger, struct error *err)
{
	const struct engine_options options = { .model = worker->options.model, .systems = worker->options.systems, .ledger = ledger, .progress = progress,
		.say = say, .data = worker };
	struct engine *engine;
	int result;

	if (engine_open(&options, &engine, err) != 0)
		return -1;
	do
		result = run_job(worker, engine, err);
	while (result == 0 && stay(worker, engine) == 1);
	run_tidy(engine, &worker->care);
	engine_close(engine);
	return result;
}

static void *
work(void *data)
{
	struct worker *worker = data;
	struct ledger_options options = { .state_dir = worker->options.state_dir, .mode = LEDGER_ENGINE, .model = worker->options.model, .who = "synclined",
		.busy_ms = BUSY_MS, .news = worker->options.news != NULL ? news : NULL, .news_data = worker, .all_news = worker->options.all_news };
	void (*over)(void *) = worker->options.over;
	void *over_data = worker->options.data;
	struct error why = { 0 };
	struct ledger *ledger;

	if (ledger_open(&options, &ledger, &why) == 0) {
		if (run_jobs(worker, ledger, &why) == 0)
			error_clear(&why);
		ledger_close(ledger);
	}
	pthread_mutex_lock(&worker->lock);
	worker->why = why;
	worker->over = true;
	pthread_mutex_unlock(&worker->lock);
	over(over_data);
	return NULL;
}

static void
destroy(struct worker *worker)
{
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->lock);
	agenda_job_free(&worker->job);
	free(worker->retry_us);
	free(worker);
}

int
worker_begin(const struct worker_options *options, struct agenda_job *job, struct worker **ret_worker, struct error *err)
{
	struct worker *worker = calloc(1, sizeof *worker);
	pthread_attr_t attributes;
	sigset_t all, before;
	int failed;

	if (worker == NULL || (worker->retry_us = calloc(job->unit_count + 1u, sizeof *worker->retry_us)) == NULL) {
		free(worker);
		return error_memory(err);
	}
	worker->options = *options;
	worker->job = *job;
	for (uint32_t i = 0; i < job->unit_count; i++)
		worker->retry_us[i] = INT64_MAX;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->changed, NULL);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	failed = pthread_create(&worker->thread, &attributes, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	if (failed != 0) {
		memset(&worker->job, 0, sizeof worker->job); /* still the caller's */
		destroy(worker);
		return error_system(err, ERROR_SYSTEM, failed, "a thread for a run can't be started");
	}
	memset(job, 0, sizeof *job);
	*ret_worker = worker;
	return 0;
}

bool
worker_stays(const struct worker *worker)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&worker->lock;
	bool stays;

	pthread_mutex_lock(lock);
	stays = worker->stays;
	pthread_mutex_unlock(lock);
	return stays;
}

int
worker_go_on(struct worker *worker, struct agenda_job *job, struct error *err)
{
	int64_t *retry_us = calloc(job->unit_count + 1u, sizeof *retry_us);

	if (retry_us == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < job->unit_count; i++)
		retry_us[i] = INT64_MAX;
	pthread_mutex_lock(&worker->lock);
	free(worker->retry_us);
	worker->retry_us = retry_us;
	agenda_job_free(&worker->job);
	worker->job = *job;
	memset(&worker->result, 0, sizeof worker->result);
	worker->over = worker->stays = false;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	memset(job, 0, sizeof *job);
	return 0;
}

void
worker_leave(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->leaves = true;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
}

void
worker_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->stopped = worker->leaves = true;
	pthread_cond_signal(&worker->changed);
	if (worker->engine != NULL)
		engine_interrupt(worker->engine);
	pthread_mutex_unlock(&worker->lock);
}

bool
worker_is_over(const struct worker *worker)
{
	pthread_mutex_t *lock = (pthread_mutex_t *)(uintptr_t)&worker->lock;
	bool over;

	pthread_mutex_lock(lock);
	over = worker->over;
	pthread_mutex_unlock(lock);
	return over;
}

const struct agenda_job *
worker_job(const struct worker *worker)
{
	return &worker->job;
}

const struct run_result *
worker_result(const struct worker *worker)
{
	return &worker->result;
}

const struct error *
worker_error(const struct worker *worker)
{
	return &worker->why;
}

int64_t
worker_retry_us(const struct worker *worker, uint32_t i)
{
	return worker->retry_us[i];
}

void
worker_free(struct worker *worker)
{
	worker_leave(worker);
	pthread_join(worker->thread, NULL);
	destroy(worker);
}
