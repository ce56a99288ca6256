/* SPDX-License-Identifier: BSD-2-Clause */
/* daemon.c: see daemon.h. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/inside.h"
#include "os/os.h"

#define STOP_MS 60000          /* from SIGTERM to the end of whatever is still at work */
#define LONGEST_SLEEP_MS 60000 /* a clock that was set is noticed by then */

static volatile sig_atomic_t wanted_end, wanted_reload;

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

/* A verb, from its thread. */
static void
verb_acted(void *data)
{
	struct daemon *d = data;

	pthread_mutex_lock(&d->lock);
	d->acted = true;
	pthread_mutex_unlock(&d->lock);
	wake_up();
}

static bool
has_acted(struct daemon *d)
{
	bool has;

	pthread_mutex_lock(&d->lock);
	has = d->acted;
	d->acted = false;
	pthread_mutex_unlock(&d->lock);
	return has;
}

static void
look_again(struct daemon *d)
{
	const struct outlook outlook = generation_outlook(d->now);
	struct error err = { 0 };

	if (outlook_again(&outlook, os_wall_us(), &err) != 0)
		tell_error(SYNCLINE_LOG_ERROR, "ledger", NULL, &err);
	if (d->worker_count == 0)
		os_give_back_memory();
}

/* Who changed the configuration may have changed what a system did not like. */
static void
forgive_all(struct daemon *d)
{
	const struct model *model = d->now->loaded.model;
	const struct outlook outlook = generation_outlook(d->now);
	struct error err = { 0 };

	for (uint32_t i = 0; i < model->system_count; i++)
		manners_forgive(d->manners, model->systems[i].head.name);
	if (outlook_forgive(&outlook, os_wall_us(), &err) != 0)
		tell_error(SYNCLINE_LOG_ERROR, "ledger", NULL, &err);
}

static void
reload(struct daemon *d)
{
	struct generation *fresh;
	struct error err = { 0 };

	os_notify("RELOADING=1");
	if (generation_read(d, &fresh, &err) != 0) {
		tell_error(SYNCLINE_LOG_ERROR, "reload-refused", NULL, &err);
	} else if (generation_prepare(d, fresh, &err) != 0) {
		tell_error(SYNCLINE_LOG_ERROR, "reload-refused", NULL, &err);
		generation_give_back(d, &fresh->loaded);
	} else {
		generation_take(d, fresh);
		generation_tell_down(fresh);
		forgive_all(d);
		jobs_go_on(d);
		log_event(SYNCLINE_LOG_INFO, "reloaded", NULL, "%u flows", fresh->loaded.model->flow_count);
	}
	os_notify("READY=1");
}

/* Both have the same systems. */
static void
tell_found(const struct model *before, const struct model *now)
{
	for (uint32_t i = 0; i < now->system_count; i++) {
		const struct log_about about = { .system = now->systems[i].head.name };
		const struct error *was = before->systems[i].absent, *is = now->systems[i].absent;

		if (was != NULL && is == NULL)
			log_event(SYNCLINE_LOG_INFO, "system-up", &about, "its connector is loaded");
		else if (was != NULL && was->klass != is->klass)
			tell_error(SYNCLINE_LOG_ERROR, "system-down", &about, is);
	}
}

/* A run found that a connector can be loaded which could not. */
static void
use_found(struct daemon *d)
{
	unsigned *failures = NULL;
	struct generation *fresh;
	struct error err = { 0 };
	int found;

	if ((found = generation_found(d, &fresh, &err)) == 0)
		return;
	if (found > 0 && generation_prepare(d, fresh, &err) != 0) {
		generation_give_back(d, &fresh->loaded);
		found = -1;
	}
	if (found < 0) {
		tell_error(SYNCLINE_LOG_ERROR, "system-down", NULL, &err);
		return;
	}
	tell_found(d->now->loaded.model, fresh->loaded.model);
	/* It has the same flows. */
	failures = d->now->failures;
	d->now->failures = NULL;
	generation_take(d, fresh);
	jobs_go_on(d);
	jobs_try_again(d, failures);
	free(failures);
}

static int64_t
sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* How long nothing has to be done that was not due when it was looked at what was. */
static int
sleep_ms(const struct daemon *d, int64_t looked_us)
{
	int64_t most = os_watchdog_ms() / 2, long_ms = sooner(jobs_long_ms(d), jobs_next_ms(d));
	int64_t next = agenda_next(d->now->agenda, looked_us), arrival = arrivals_next(d->now->arrivals);

	if (most <= 0 || most > LONGEST_SLEEP_MS)
		most = LONGEST_SLEEP_MS;
	if (long_ms != INT64_MAX)
		most = sooner(most, long_ms - os_monotonic_ms());
	if (next != INT64_MAX)
		most = sooner(most, (next - os_wall_us()) / 1000 + 1);
	if (arrival != INT64_MAX)
		most = sooner(most, arrival / 1000 - os_monotonic_ms() + 1);
	return most > 0 ? (int)most : 0;
}

void
daemon_serve(struct daemon *d)
{
	struct pollfd polled[2] = { { .fd = wake_descriptor(), .events = POLLIN }, { .events = POLLIN } };
	bool stirred = true;
	int64_t now_us;

	os_notify("READY=1");
	while (!wanted_end) {
		if (wanted_reload) {
			wanted_reload = 0;
			reload(d);
		}
		use_found(d);
		jobs_end(d);
		if (has_acted(d))
			look_again(d);
		arrivals_look(d->now->arrivals, d->now->agenda, os_monotonic_ms() * 1000);
		now_us = os_wall_us();
		jobs_begin(d, now_us);
		jobs_tell_long(d);
		os_notify("WATCHDOG=1");
		polled[1].fd = arrivals_fd(d->now->arrivals);
		if (poll(polled, 2, sleep_ms(d, now_us)) > 0) {
			stirred = true;
			if (polled[0].revents != 0)
				wake_drain();
		} else if (stirred && jobs_count(d) == 0) {
			/* Threads that were told to be over may have freed the most after that. */
			os_give_back_memory();
			stirred = false;
		}
	}
}

bool
daemon_stop(struct daemon *d)
{
	int64_t until = os_monotonic_ms() + STOP_MS;
	struct pollfd polled = { .fd = wake_descriptor(), .events = POLLIN };
	struct error err = { 0 };

	os_notify("STOPPING=1");
	log_event(SYNCLINE_LOG_INFO, "stopping", NULL, "%u runs and %u verbs are at work", d->worker_count, control_busy(d->control));
	jobs_stop(d);
	if (!control_close(d->control, STOP_MS)) {
		log_event(SYNCLINE_LOG_ERROR, "stopped", NULL, "what was at work did not end within %d seconds", STOP_MS / 1000);
		return false;
	}
	d->control = NULL;
	jobs_end(d);
	while (jobs_count(d) > 0 && os_monotonic_ms() < until) {
		if (poll(&polled, 1, (int)(until - os_monotonic_ms())) > 0)
			wake_drain();
		jobs_end(d);
	}
	if (jobs_count(d) > 0) {
		log_event(SYNCLINE_LOG_ERROR, "stopped", NULL, "what was at work did not end within %d seconds", STOP_MS / 1000);
		return false;
	}
	if (ledger_agent_end(d->now->ledger, &err) != 0)
		tell_error(SYNCLINE_LOG_WARNING, "ledger", NULL, &err);
	log_event(SYNCLINE_LOG_INFO, "stopped", NULL, "version %s", SYNCLINE_VERSION);
	return true;
}

static int
open_all(struct daemon *d, struct error *err)
{
	const struct control_options control = { .base = &d->ctl, .borrow = generation_borrow, .give_back = generation_give_back, .told = tell_verb,
		.ears = { .ended = tell_ended, .news = tell_news }, .acted = verb_acted, .data = d };
	struct generation *first;

	if (wake_open(err) != 0)
		return -1;
	catch_signals();
	if ((d->manners = manners_new(tell_system, NULL)) == NULL)
		return error_memory(err);
	d->up_us = os_wall_us();
	if (generation_read(d, &first, err) != 0)
		return -1;
	if (generation_prepare(d, first, err) != 0) {
		generation_give_back(d, &first->loaded);
		return -1;
	}
	generation_take(d, first);
	generation_tell_down(first);
	return ledger_agent_begin(first->ledger, err) != 0 ? -1 : control_open(&control, &d->control, err);
}

int
daemon_begin(const struct ctl *ctl, struct daemon **ret_daemon, struct error *err)
{
	struct daemon *d = calloc(1, sizeof *d);

	if (d == NULL)
		return error_memory(err);
	d->ctl = *ctl;
	pthread_mutex_init(&d->lock, NULL);
	*ret_daemon = d;
	if (open_all(d, err) != 0)
		return -1;
	log_event(SYNCLINE_LOG_INFO, "started", &(struct log_about){ .pid = (int64_t)getpid() }, "version %s, %u flows, state in %s", SYNCLINE_VERSION,
	          d->now->loaded.model->flow_count, d->ctl.state_dir);
	return 0;
}

void
daemon_free(struct daemon *d)
{
	if (d == NULL)
		return;
	control_close(d->control, 0);
	generation_take(d, NULL);
	connector_info_free(d->found.info);
	free(d->found.connector);
	manners_free(d->manners);
	pthread_mutex_destroy(&d->lock);
	free(d);
}
