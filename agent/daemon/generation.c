/* SPDX-License-Identifier: BSD-2-Clause */
/* generation.c: readings of the configuration: one holds, and those before it stay as long as somebody is at work with them. */
#include <stdlib.h>

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

int
generation_read(struct daemon *d, struct generation **ret_generation, struct error *err)
{
	struct generation *generation = calloc(1, sizeof *generation);
	struct diagnostics diagnostics;
	bool good;

	if (generation == NULL)
		return error_memory(err);
	generation->users = 1;
	loaded_begin(&d->ctl, &generation->loaded);
	generation->loaded.systems.log = tell_line;
	generation->loaded.systems.manners = d->manners;
	diagnostics_init(&diagnostics);
	good = loaded_read(&d->ctl, &generation->loaded, &diagnostics) == 0;
	for (size_t i = 0; !good && i < diagnostics.count; i++)
		tell_error(SYNCLINE_LOG_ERROR, "config-mistake", NULL, &diagnostics.items[i].error);
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
