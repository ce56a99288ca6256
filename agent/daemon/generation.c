/* SPDX-License-Identifier: BSD-2-Clause */
/* generation.c: readings of the configuration: one holds, and those before it stay as long as somebody is at work with them. */
#include <stdlib.h>
#include <string.h>

#include "daemon/inside.h"
#include "os/os.h"

#define CACHE_KIB 1024u /* of the ledger that is always open: it is asked little */

static void
close_ledger(struct generation *generation)
{
	arrivals_close(generation->arrivals);
	agenda_free(generation->agenda);
	ledger_close(generation->ledger);
	free(generation->failures);
	free(generation->quiet_us);
	generation->arrivals = NULL;
	generation->agenda = NULL;
	generation->ledger = NULL;
	generation->failures = NULL;
	generation->quiet_us = NULL;
}

static void
release(struct daemon *d, struct generation *generation)
{
	bool last;

	pthread_mutex_lock(&d->lock);
	last = --generation->users == 0;
	pthread_mutex_unlock(&d->lock);
	if (last) {
		loaded_free(&generation->loaded);
		if (generation->origin != NULL)
			release(d, generation->origin);
		free(generation);
	}
}

const struct loaded *
generation_borrow(void *daemon)
{
	struct daemon *d = daemon;
	const struct loaded *loaded;

	pthread_mutex_lock(&d->lock);
	d->now->users++;
	loaded = &d->now->loaded;
	pthread_mutex_unlock(&d->lock);
	return loaded;
}

void
generation_give_back(void *daemon, const struct loaded *loaded)
{
	release(daemon, (struct generation *)(uintptr_t)loaded);
}

/* From a run's thread. */
static void
found(void *data, const char *connector, struct connector_info *info)
{
	struct daemon *d = data;

	pthread_mutex_lock(&d->lock);
	/* One at a time: another is found again by the next run. */
	if (d->found.connector == NULL && (d->found.connector = strdup(connector)) != NULL) {
		d->found.info = info;
		info = NULL;
	}
	pthread_mutex_unlock(&d->lock);
	connector_info_free(info);
	wake_up();
}

static struct generation *
make(struct daemon *d)
{
	struct generation *generation = calloc(1, sizeof *generation);

	if (generation == NULL)
		return NULL;
	generation->users = 1;
	loaded_begin(&d->ctl, &generation->loaded);
	generation->loaded.patient = true;
	generation->loaded.systems.log = tell_line;
	generation->loaded.systems.manners = d->manners;
	generation->loaded.systems.found = found;
	generation->loaded.systems.found_data = d;
	return generation;
}

static void
tell_mistakes(const struct diagnostics *diagnostics)
{
	for (size_t i = 0; i < diagnostics->count; i++)
		tell_error(SYNCLINE_LOG_ERROR, "config-mistake", NULL, &diagnostics->items[i].error);
}

int
generation_read(struct daemon *d, struct generation **ret_generation, struct error *err)
{
	struct generation *generation = make(d);
	struct diagnostics diagnostics;
	bool good;

	if (generation == NULL)
		return error_memory(err);
	diagnostics_init(&diagnostics);
	if (!(good = loaded_read(&d->ctl, &generation->loaded, &diagnostics) == 0))
		tell_mistakes(&diagnostics);
	diagnostics_free(&diagnostics);
	if (good) {
		*ret_generation = generation;
		return 0;
	}
	release(d, generation);
	return error_set(err, ERROR_CONTROL_RELOAD, d->now != NULL ? "Correct it and send SIGHUP again; until then all goes on as before."
	                                                           : "`syncline check` tells them all.",
	                 d->now != NULL ? "the new configuration has mistakes, so the old one goes on"
	                                : "the configuration has mistakes, so the agent does not start");
}

void
generation_tell_down(const struct generation *generation)
{
	const struct model *model = generation->loaded.model;

	for (uint32_t i = 0; i < model->system_count; i++)
		if (model->systems[i].absent != NULL)
			tell_error(SYNCLINE_LOG_ERROR, "system-down", &(struct log_about){ .system = model->systems[i].head.name }, model->systems[i].absent);
}

static bool
misses(const struct model *model, const char *connector)
{
	for (uint32_t i = 0; i < model->system_count; i++)
		if (model->systems[i].absent != NULL && strcmp(model->systems[i].connector, connector) == 0)
			return true;
	return false;
}

/* `info` is taken over; NULL: the connector is left out for `why`. */
static int
read_again(struct daemon *d, const char *connector, struct connector_info *info, const struct error *why, struct diagnostics *diagnostics,
           struct generation **ret_generation)
{
	struct generation *generation = make(d), *now = d->now;

	if (generation == NULL) {
		connector_info_free(info);
		diagnostics->no_memory = true;
		return -1;
	}
	generation->origin = now->origin != NULL ? now->origin : now;
	pthread_mutex_lock(&d->lock);
	generation->origin->users++;
	pthread_mutex_unlock(&d->lock);
	if (loaded_again(&d->ctl, &generation->loaded, &now->loaded, connector, info, why, diagnostics) != 0) {
		release(d, generation);
		return -1;
	}
	*ret_generation = generation;
	return 0;
}

int
generation_found(struct daemon *d, struct generation **ret_generation, struct error *err)
{
	struct connector_info *info;
	struct diagnostics diagnostics;
	char *connector;
	int result = 0;

	pthread_mutex_lock(&d->lock);
	connector = d->found.connector;
	info = d->found.info;
	d->found.connector = NULL;
	d->found.info = NULL;
	pthread_mutex_unlock(&d->lock);
	if (connector == NULL || !misses(d->now->loaded.model, connector)) {
		connector_info_free(info);
		free(connector);
		return 0;
	}
	diagnostics_init(&diagnostics);
	result = read_again(d, connector, info, NULL, &diagnostics, ret_generation);
	if (result != 0 && diagnostics.count > 0 && !diagnostics.no_memory) {
		struct diagnostics none;

		tell_mistakes(&diagnostics);
		diagnostics_init(&none);
		result = read_again(d, connector, NULL, &diagnostics.items[0].error, &none, ret_generation);
		diagnostics_free(&none);
	}
	diagnostics_free(&diagnostics);
	free(connector);
	return result == 0 ? 1 : error_memory(err);
}

struct outlook
generation_outlook(const struct generation *generation)
{
	return (struct outlook){ .ledger = generation->ledger, .model = generation->loaded.model, .agenda = generation->agenda,
		.manners = generation->loaded.systems.manners };
}

static void
call_all(struct agenda *agenda, const struct model *model)
{
	for (uint32_t f = 0; f < model->flow_count; f++)
		for (uint32_t b = 0; b < model->flows[f].binding_count; b++)
			if (model->flows[f].bindings[b].reads && model->flows[f].bindings[b].trigger->file)
				agenda_call(agenda, &model->flows[f].bindings[b]);
}

int
generation_prepare(struct daemon *d, struct generation *g, struct error *err)
{
	const struct model *model = g->loaded.model;
	const struct ledger_options options = { .state_dir = d->ctl.state_dir, .mode = LEDGER_ENGINE, .model = model, .who = "synclined", .cache_kib = CACHE_KIB };
	int64_t now_us = os_wall_us();
	struct outlook outlook;

	g->failures = calloc(model->flow_count + 1u, sizeof *g->failures);
	g->quiet_us = calloc(model->flow_count + 1u, sizeof *g->quiet_us);
	if (g->failures == NULL || g->quiet_us == NULL) {
		error_fill_memory(err);
		goto failed;
	}
	if (ledger_open(&options, &g->ledger, err) != 0 || agenda_new(model, d->up_us, &g->agenda, err) != 0)
		goto failed;
	outlook = generation_outlook(g);
	if (outlook_fill(&outlook, now_us, err) != 0 || arrivals_open(model, &g->arrivals, err) != 0)
		goto failed;
	/* What came while nobody looked. */
	call_all(g->agenda, model);
	return 0;
failed:
	close_ledger(g);
	return -1;
}

void
generation_take(struct daemon *d, struct generation *generation)
{
	const struct config_agent *agent = generation != NULL ? generation->loaded.model->agent : NULL;
	struct generation *old = d->now;

	pthread_mutex_lock(&d->lock);
	d->now = generation;
	pthread_mutex_unlock(&d->lock);
	if (agent != NULL)
		log_set(&(struct log_options){ .level = agent->log_level, .json = agent->log_format == CONFIG_LOG_JSON,
			.syslog = agent->log_to == CONFIG_LOG_TO_SYSLOG });
	if (old == NULL)
		return;
	close_ledger(old);
	release(d, old);
}
