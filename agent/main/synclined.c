/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * synclined.c: the program synclined(8): the agent as a service.  One process with no rights beyond its user's:
 *
 *     the first thread     signals, the agenda, the ledger that is held as long as the agent runs
 *     a thread a run       schedule/workers.h
 *     the control socket   ctl/control.h, and a thread for each verb that somebody asks for
 *
 * The configuration is read into a generation.  A reload makes a new one; runs and verbs that are at work keep theirs until they
 * are done.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/control.h"
#include "ctl/load.h"
#include "observe/log.h"
#include "os/os.h"
#include "schedule/agenda.h"
#include "schedule/arrivals.h"
#include "schedule/pace.h"
#include "schedule/pending.h"
#include "schedule/workers.h"

#define STOP_MS 60000        /* from SIGTERM to the end of whatever is still at work */
#define LONGEST_SLEEP_MS 60000 /* a clock that was set is noticed by then */
#define SOON_US INT64_C(1000000) /* between a run and deliveries that it left */
#define AGAIN_US (INT64_C(10) * 1000000)
#define AGAIN_MAX_US (INT64_C(300) * 1000000)
#define WORKERS_MAX 64u
#define CACHE_KIB 1024u      /* of the ledger that is always open: it is asked little */

struct generation {
	struct loaded loaded; /* the first, so that who gives it back names it */
	unsigned users;
};
/* How often in a row a flow failed. */
struct failures {
	unsigned count;
};
struct daemon {
	struct ctl ctl; /* its folders */
	pthread_mutex_t lock;
	struct generation *now;
	struct ledger *ledger;
	struct agenda *agenda;
	struct arrivals *arrivals;
	struct failures *failures; /* by the model's flows */
	struct control *control;
	struct at_work {
		struct worker *worker;
		const struct loaded *loaded; /* its generation */
		int64_t begun_ms, long_ms;   /* from when on it is told as long; INT64_MAX: it was, or nobody can say */
	} at_work[WORKERS_MAX];
	unsigned worker_count;
	int64_t up_us;
	bool stopping;
};

static volatile sig_atomic_t wanted_end, wanted_reload;
static int wake[2] = { -1, -1 };
static bool acted; /* under the daemon's lock */

static void
wake_up(void)
{
	int kept = errno;

	while (write(wake[1], "", 1) < 0 && errno == EINTR)
		;
	errno = kept;
}

static void
signalled(int number)
{
	if (number == SIGHUP)
		wanted_reload = 1;
	else
		wanted_end++;
	if (wanted_end > 2)
		_exit(1);
	wake_up();
}

static void
say_error(uint32_t level, const char *event, const struct log_about *about, const struct error *err)
{
	struct log_about with = about != NULL ? *about : (struct log_about){ .run = 0 };

	with.error = err;
	log_event(level, event, &with, "%s", err->message);
}

/* Lines of connectors, from their threads. */
static void
connector_says(void *data, const char *system, uint32_t level, const char *text)
{
	(void)data;
	log_event(level, "connector", &(struct log_about){ .system = system }, "%s", text);
}

/* Generations. */

static void
release(struct daemon *d, struct generation *generation)
{
	bool last;

	pthread_mutex_lock(&d->lock);
	last = --generation->users == 0;
	pthread_mutex_unlock(&d->lock);
	if (last) {
		loaded_free(&generation->loaded);
		free(generation);
	}
}

static const struct loaded *
borrow(void *data)
{
	struct daemon *d = data;
	const struct loaded *loaded;

	pthread_mutex_lock(&d->lock);
	d->now->users++;
	loaded = &d->now->loaded;
	pthread_mutex_unlock(&d->lock);
	return loaded;
}

static void
give_back(void *data, const struct loaded *loaded)
{
	release(data, (struct generation *)(uintptr_t)loaded);
}

/* NULL: it has mistakes, which were told. */
static struct generation *
read_generation(struct daemon *d)
{
	struct generation *generation = calloc(1, sizeof *generation);
	struct diagnostics diagnostics;
	bool good;

	if (generation == NULL)
		return NULL;
	generation->users = 1;
	loaded_begin(&d->ctl, &generation->loaded);
	generation->loaded.systems.log = connector_says;
	diagnostics_init(&diagnostics);
	good = loaded_read(&d->ctl, &generation->loaded, &diagnostics) == 0;
	for (size_t i = 0; !good && i < diagnostics.count; i++)
		say_error(SYNCLINE_LOG_ERROR, "config-mistake", NULL, &diagnostics.items[i].error);
	diagnostics_free(&diagnostics);
	if (good)
		return generation;
	loaded_free(&generation->loaded);
	free(generation);
	return NULL;
}

static void
set_log(const struct generation *generation)
{
	const struct config_agent *agent = generation->loaded.model->agent;

	log_set(&(struct log_options){ .level = agent->log_level, .json = agent->log_format == CONFIG_LOG_JSON });
}

/* The agenda. */

struct reads_view {
	struct agenda *agenda;
	struct ledger *ledger;
	const struct model *model;
};

static int
was_read(void *data, uint32_t object, uint32_t credentials, int64_t started_us)
{
	struct reads_view *view = data;

	(void)credentials;
	for (uint32_t f = 0; f < view->model->flow_count; f++) {
		const struct config_flow *flow = &view->model->flows[f];

		for (uint32_t b = 0; b < flow->binding_count; b++) {
			if (!flow->bindings[b].reads || ledger_object_id(view->ledger, flow->bindings[b].object) != object)
				continue;
			for (uint32_t u = 0; u < (flow->units.count > 0 ? flow->units.count : 1); u++)
				agenda_was_read(view->agenda, &flow->bindings[b],
				                flow->units.count > 0 ? config_unit(view->model, flow->units.items[u]) : NULL, started_us);
		}
	}
	return 0;
}

static int
keep_state(void *data, const struct ledger_run *run)
{
	*(uint8_t *)data = run->state;
	return 0;
}

/* What an earlier agent left: a run that did not come to its end, deliveries that are to be looked at. */
static int
go_on_with(struct daemon *d, struct agenda *agenda, struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit,
           struct error *err)
{
	uint8_t state = LEDGER_RUN_DONE;
	int64_t retry_us;

	if (ledger_runs(ledger, ledger_flow_id(ledger, flow), ledger_unit_id(ledger, unit), 1, keep_state, &state, err) < 0 ||
	    pending_next(ledger, flow, unit, &retry_us, err) != 0)
		return -1;
	agenda_retry(agenda, flow, unit, retry_us);
	if (state == LEDGER_RUN_FAILED || state == LEDGER_RUN_STOPPED || state == LEDGER_RUN_RUNNING)
		agenda_again(agenda, flow, unit, NULL, d->up_us);
	return 0;
}

/* Which flows may run, as their flags are now, and what is left to be delivered. */
static int
look_at_flags(struct daemon *d, struct agenda *agenda, struct ledger *ledger, const struct model *model, bool first, struct error *err)
{
	for (uint32_t f = 0; f < model->flow_count; f++) {
		const struct config_flow *flow = &model->flows[f];

		for (uint32_t u = 0; u < (flow->units.count > 0 ? flow->units.count : 1); u++) {
			const struct config_unit *unit = flow->units.count > 0 ? config_unit(model, flow->units.items[u]) : NULL;
			struct ledger_flag flag;

			if (ledger_flag_get(ledger, ledger_flow_id(ledger, flow), ledger_unit_id(ledger, unit), 0, &flag, err) != 0)
				return -1;
			agenda_allow(agenda, flow, unit, flag.mode != LEDGER_FLAG_OFF);
			if (first && go_on_with(d, agenda, ledger, flow, unit, err) != 0)
				return -1;
		}
	}
	return 0;
}

static void
call_all(struct agenda *agenda, const struct model *model)
{
	for (uint32_t f = 0; f < model->flow_count; f++)
		for (uint32_t b = 0; b < model->flows[f].binding_count; b++)
			if (model->flows[f].bindings[b].reads && model->flows[f].bindings[b].trigger->file)
				agenda_call(agenda, &model->flows[f].bindings[b]);
}

/* A ledger and an agenda for a generation. */
static int
prepare(struct daemon *d, const struct generation *generation, struct ledger **ret_ledger, struct agenda **ret_agenda, struct arrivals **ret_arrivals,
        struct error *err)
{
	const struct model *model = generation->loaded.model;
	struct ledger_options options = { .state_dir = d->ctl.state_dir, .mode = LEDGER_ENGINE, .model = model, .who = "synclined", .cache_kib = CACHE_KIB };
	struct reads_view view = { .model = model };
	struct ledger *ledger;
	struct agenda *agenda = NULL;

	if (ledger_open(&options, &ledger, err) != 0)
		return -1;
	if (agenda_new(model, d->up_us, &agenda, err) != 0)
		goto failed;
	view.agenda = agenda;
	view.ledger = ledger;
	if (ledger_reads_last(ledger, was_read, &view, err) != 0 || look_at_flags(d, agenda, ledger, model, d->agenda == NULL, err) != 0)
		goto failed;
	if (arrivals_open(model, ret_arrivals, err) != 0)
		goto failed;
	/* What came while nobody looked. */
	call_all(agenda, model);
	*ret_ledger = ledger;
	*ret_agenda = agenda;
	return 0;
failed:
	agenda_free(agenda);
	ledger_close(ledger);
	return -1;
}

static void
begin_running(struct daemon *d, const struct model *model)
{
	for (unsigned i = 0; i < d->worker_count; i++) {
		const struct config_flow *flow = config_flow(model, worker_job(d->at_work[i].worker)->flow->head.name);

		if (flow != NULL)
			agenda_begin(d->agenda, flow);
	}
}

static int
reload(struct daemon *d, struct error *err)
{
	struct generation *fresh = read_generation(d), *old = d->now;
	struct failures *failures;
	struct ledger *ledger;
	struct agenda *agenda;
	struct arrivals *arrivals;

	if (fresh == NULL)
		return error_set(err, ERROR_CONTROL_RELOAD, "Correct it and send SIGHUP again; until then all goes on as before.",
		                 "the new configuration has mistakes, so the old one goes on");
	if ((failures = calloc(fresh->loaded.model->flow_count + 1u, sizeof *failures)) == NULL) {
		error_fill_memory(err);
		goto failed;
	}
	if (prepare(d, fresh, &ledger, &agenda, &arrivals, err) != 0)
		goto failed;
	arrivals_close(d->arrivals);
	agenda_free(d->agenda);
	ledger_close(d->ledger);
	free(d->failures);
	d->arrivals = arrivals;
	d->agenda = agenda;
	d->ledger = ledger;
	d->failures = failures;
	begin_running(d, fresh->loaded.model);
	pthread_mutex_lock(&d->lock);
	d->now = fresh;
	pthread_mutex_unlock(&d->lock);
	set_log(fresh);
	release(d, old);
	return 0;
failed:
	free(failures);
	loaded_free(&fresh->loaded);
	free(fresh);
	return -1;
}

/* Runs. */

static void
worker_says(void *data, const struct config_flow *flow, uint32_t level, const char *text)
{
	(void)data;
	log_event(level, "run", &(struct log_about){ .flow = flow->head.name }, "%s", text);
}

static void
run_ended(void *data, const struct config_flow *flow, const char *unit, const struct ledger_run *run, const struct ledger_plan *plan,
          const struct error *why)
{
	struct log_about about = { .flow = flow->head.name, .unit = unit, .run = run->number, .plan = plan != NULL ? plan->number : 0,
		.milliseconds = (run->ended_us - run->started_us) / 1000, .error = why };
	uint32_t level = run->state == LEDGER_RUN_FAILED ? SYNCLINE_LOG_ERROR : run->state == LEDGER_RUN_HELD ? SYNCLINE_LOG_WARNING : SYNCLINE_LOG_INFO;
	struct buffer text;
	const char *counts;

	(void)data;
	buffer_init(&text, 0);
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (run->counts[i] > 0)
			buffer_format(&text, "%s%llu %s", text.length > 0 ? ", " : "", (unsigned long long)run->counts[i], ledger_count_name((enum ledger_count)i));
	counts = buffer_string(&text);
	log_event(level, "run-ended", &about, "%s%s%s%s%s", ledger_run_state_name((enum ledger_run_state)run->state), counts != NULL && counts[0] != '\0' ? ", " : "",
	          counts != NULL ? counts : "", run->message != NULL ? ": " : "", run->message != NULL ? run->message : "");
	buffer_free(&text);
}

static void
run_busy(void *data, const struct config_flow *flow, const char *unit, const struct error *why)
{
	(void)data;
	say_error(SYNCLINE_LOG_INFO, "run-busy", &(struct log_about){ .flow = flow->head.name, .unit = unit }, why);
}

static void
worker_over(void *data)
{
	(void)data;
	wake_up();
}

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
	int64_t sum_us = 0;

	for (uint32_t i = 0; i < job->unit_count; i++) {
		struct pace pace = { .runs = 0 };
		struct error err = { 0 };

		if (ledger_runs(d->ledger, ledger_flow_id(d->ledger, job->flow), ledger_unit_id(d->ledger, job->units[i]), PACE_RUNS, see_pace, &pace, &err) != 0 ||
		    pace_long_us(&pace) == INT64_MAX)
			return INT64_MAX;
		sum_us += pace_long_us(&pace);
	}
	return os_monotonic_ms() + sum_us / 1000;
}

static void
tell_long(struct daemon *d)
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

static void
begin_jobs(struct daemon *d)
{
	struct worker_options options = { .model = d->now->loaded.model, .systems = &d->now->loaded.systems, .state_dir = d->ctl.state_dir, .say = worker_says,
		.ended = run_ended, .busy = run_busy, .over = worker_over, .data = d };
	unsigned most = (unsigned)d->now->loaded.model->agent->runs_at_once;
	struct agenda_job job;
	struct error err = { 0 };

	while (d->worker_count < most && d->worker_count < WORKERS_MAX) {
		const struct config_flow *flow;
		int taken = agenda_take(d->agenda, os_wall_us(), &job, &err);

		if (taken == 0)
			return;
		flow = job.flow;
		if (taken < 0 || worker_begin(&options, &job, &d->at_work[d->worker_count].worker, &err) != 0) {
			struct log_about about = { .flow = taken > 0 ? flow->head.name : NULL };

			say_error(SYNCLINE_LOG_ERROR, "run-not-begun", &about, &err);
			if (taken > 0) {
				agenda_job_free(&job);
				agenda_done(d->agenda, flow, false);
			}
			return;
		}
		d->at_work[d->worker_count].begun_ms = os_monotonic_ms();
		d->at_work[d->worker_count].long_ms = long_from(d, worker_job(d->at_work[d->worker_count].worker));
		d->at_work[d->worker_count++].loaded = borrow(d);
	}
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

static void
take_result(struct daemon *d, struct worker *worker)
{
	const struct agenda_job *job = worker_job(worker);
	const struct model *model = d->now->loaded.model;
	const struct config_flow *flow = config_flow(model, job->flow->head.name);
	const struct run_result *result = worker_result(worker);
	const struct error *why = worker_error(worker);
	struct failures *failures;
	int64_t soonest;
	bool failed;

	if (why->code != ERROR_NONE)
		say_error(SYNCLINE_LOG_ERROR, "run-failed", &(struct log_about){ .flow = job->flow->head.name }, why);
	if (flow == NULL)
		return; /* no longer configured */
	failures = &d->failures[flow - model->flows];
	failed = why->code != ERROR_NONE || result->failed > 0;
	failures->count = failed ? failures->count + 1 : 0;
	soonest = os_wall_us() + pause_us(failures->count);
	for (uint32_t i = 0; i < job->unit_count; i++) {
		const char *name = job->units[i] != NULL ? job->units[i]->head.name : NULL;
		const struct config_unit *unit = name != NULL ? config_unit(model, name) : NULL;
		int64_t retry = worker_retry_us(worker, i);

		if (retry != INT64_MAX)
			agenda_retry(d->agenda, flow, unit, retry > soonest ? retry : soonest);
		/* Its bindings may be others by now. */
		if (failed)
			agenda_again(d->agenda, flow, unit, flow == job->flow ? job->reads : NULL, soonest);
	}
	agenda_done(d->agenda, flow, result->done + result->findings + result->held > 0);
}

static void
end_jobs(struct daemon *d)
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
		worker_free(done.worker);
		give_back(d, done.loaded);
		ended = true;
	}
	if (ended && d->worker_count == 0)
		os_give_back_memory();
}

static void
verb_told(void *data, const char *who, const char *verb, enum ctl_exit status)
{
	(void)data;
	log_event(SYNCLINE_LOG_INFO, "verb", &(struct log_about){ .who = who, .verb = verb }, "status %d", (int)status);
}

static void
verb_acted(void *data)
{
	struct daemon *d = data;

	pthread_mutex_lock(&d->lock);
	acted = true;
	pthread_mutex_unlock(&d->lock);
	wake_up();
}

static bool
has_acted(struct daemon *d)
{
	bool has;

	pthread_mutex_lock(&d->lock);
	has = acted;
	acted = false;
	pthread_mutex_unlock(&d->lock);
	return has;
}

/* How long nothing has to be done. */
static int
sleep_ms(struct daemon *d)
{
	int64_t now = os_wall_us(), next = agenda_next(d->agenda, now), came = arrivals_next(d->arrivals), most = os_watchdog_ms() / 2;

	if (most <= 0 || most > LONGEST_SLEEP_MS)
		most = LONGEST_SLEEP_MS;
	for (unsigned i = 0; i < d->worker_count; i++)
		if (d->at_work[i].long_ms != INT64_MAX && d->at_work[i].long_ms - os_monotonic_ms() < most)
			most = d->at_work[i].long_ms > os_monotonic_ms() ? d->at_work[i].long_ms - os_monotonic_ms() : 0;
	next = came < next ? came : next;
	if (next != INT64_MAX && (next - now) / 1000 + 1 < most)
		most = next > now ? (next - now) / 1000 + 1 : 0;
	return (int)most;
}

static void
serve(struct daemon *d)
{
	struct pollfd polled[2] = { { .fd = wake[0], .events = POLLIN }, { .events = POLLIN } };
	struct error err = { 0 };
	char drain[64];

	while (!wanted_end) {
		if (wanted_reload) {
			wanted_reload = 0;
			os_notify("RELOADING=1");
			if (reload(d, &err) != 0)
				say_error(SYNCLINE_LOG_ERROR, "reload-refused", NULL, &err);
			else
				log_event(SYNCLINE_LOG_INFO, "reloaded", NULL, "%u flows", d->now->loaded.model->flow_count);
			os_notify("READY=1");
		}
		end_jobs(d);
		if (has_acted(d)) {
			if (look_at_flags(d, d->agenda, d->ledger, d->now->loaded.model, false, &err) != 0)
				say_error(SYNCLINE_LOG_ERROR, "ledger", NULL, &err);
			if (d->worker_count == 0)
				os_give_back_memory();
		}
		arrivals_look(d->arrivals, d->agenda, os_wall_us());
		begin_jobs(d);
		tell_long(d);
		os_notify("WATCHDOG=1");
		polled[1].fd = arrivals_fd(d->arrivals);
		if (poll(polled, 2, sleep_ms(d)) > 0 && polled[0].revents != 0)
			while (read(wake[0], drain, sizeof drain) == (ssize_t)sizeof drain)
				;
	}
}

/* Asks whatever is at work to stop and waits for it; false when it took too long. */
static bool
stop(struct daemon *d)
{
	int64_t until = os_monotonic_ms() + STOP_MS;
	struct pollfd polled = { .fd = wake[0], .events = POLLIN };
	struct error err = { 0 };
	char drain[64];

	os_notify("STOPPING=1");
	log_event(SYNCLINE_LOG_INFO, "stopping", NULL, "%u runs and %u verbs are at work", d->worker_count, control_busy(d->control));
	for (unsigned i = 0; i < d->worker_count; i++)
		worker_stop(d->at_work[i].worker);
	if (!control_close(d->control, STOP_MS))
		return false;
	d->control = NULL;
	end_jobs(d);
	while (d->worker_count > 0 && os_monotonic_ms() < until) {
		if (poll(&polled, 1, (int)(until - os_monotonic_ms())) > 0)
			while (read(wake[0], drain, sizeof drain) == (ssize_t)sizeof drain)
				;
		end_jobs(d);
	}
	if (d->worker_count > 0)
		return false;
	if (ledger_agent_end(d->ledger, &err) != 0)
		say_error(SYNCLINE_LOG_WARNING, "ledger", NULL, &err);
	return true;
}

static const struct ctl_option options[] = {
	{ "config", "DIR", "the folder of the configuration files" },
	{ "site", "DIR", "files read last, for what differs on this site" },
	{ "state", "DIR", "where the agent keeps its state" },
	{ "connectors", "DIR", "the folder of the connectors" },
	{ "help", NULL, "print this help" },
	{ "version", NULL, "print the version" },
	{ NULL, NULL, NULL },
};
static const struct ctl_verb program = { .name = "synclined", .operands = "", .options = options,
	.help = "Runs flows by their triggers and does what syncline(1) asks for, until it is told to stop." };

static void
catch_signals(void)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	sigaction(SIGXFSZ, &action, NULL);
	action.sa_handler = signalled;
	action.sa_flags = SA_RESTART;
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		sigaction(numbers[i], &action, NULL);
}

static int
begin(struct daemon *d, struct error *err)
{
	struct control_options control = { .base = &d->ctl, .borrow = borrow, .give_back = give_back, .told = verb_told, .acted = verb_acted, .data = d };

	if (pipe(wake) != 0)
		return error_system(err, ERROR_SYSTEM, errno, "a pipe can't be made");
	for (int i = 0; i < 2; i++) {
		os_close_on_exec(wake[i]);
		os_nonblocking(wake[i]);
	}
	catch_signals();
	if ((d->now = read_generation(d)) == NULL)
		return error_set(err, ERROR_CONTROL_RELOAD, "`syncline check` tells them all.", "the configuration has mistakes, so the agent does not start");
	set_log(d->now);
	if ((d->failures = calloc(d->now->loaded.model->flow_count + 1u, sizeof *d->failures)) == NULL)
		return error_memory(err);
	d->up_us = os_wall_us();
	if (prepare(d, d->now, &d->ledger, &d->agenda, &d->arrivals, err) != 0 || ledger_agent_begin(d->ledger, err) != 0)
		return -1;
	return control_open(&control, &d->control, err);
}

int
main(int argc, char **argv)
{
	static struct daemon d;
	struct error err = { 0 };
	bool ended;
	enum ctl_exit status;
	int result = 0;

	os_forbid_dumps();
	os_no_new_privileges();
	status = ctl_parse_program(argc, (const char *const *)argv, &program, &d.ctl, &ended);
	if (ended)
		return (int)ctl_end(status);
	pthread_mutex_init(&d.lock, NULL);
	if (geteuid() == 0)
		log_event(SYNCLINE_LOG_WARNING, "root", NULL, "the agent runs as root; it needs no rights but to its own state: run it as a user of its own");
	if (begin(&d, &err) != 0) {
		say_error(SYNCLINE_LOG_ERROR, "not-started", NULL, &err);
		result = 1;
	} else {
		log_event(SYNCLINE_LOG_INFO, "started", &(struct log_about){ .pid = (int64_t)getpid() }, "version %s, %u flows, state in %s", SYNCLINE_VERSION,
		          d.now->loaded.model->flow_count, d.ctl.state_dir);
		os_notify("READY=1");
		serve(&d);
		if (!stop(&d)) {
			/* The ledger knows what was done; what is at work here must not outlive the deadline. */
			log_event(SYNCLINE_LOG_ERROR, "stopped", NULL, "what was at work did not end within %d seconds", STOP_MS / 1000);
			_exit(1);
		}
		log_event(SYNCLINE_LOG_INFO, "stopped", NULL, "version %s", SYNCLINE_VERSION);
	}
	control_close(d.control, 0);
	arrivals_close(d.arrivals);
	agenda_free(d.agenda);
	ledger_close(d.ledger);
	free(d.failures);
	if (d.now != NULL)
		release(&d, d.now);
	return result;
}
