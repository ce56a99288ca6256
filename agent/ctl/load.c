/* SPDX-License-Identifier: BSD-2-Clause */
/* load.c: see load.h. */
#include "ctl/load.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/service.h"

/* A descriptor, which readings of the configuration share. */
struct known_info {
	atomic_uint users;
	struct connector_info *info;
};

static void
log_line(void *data, const struct connector_line *line)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	const struct ctl *ctl = data;
	const struct ctl_sink *before;

	if (line->level < SYNCLINE_LOG_WARNING && !ctl->verbose)
		return;
	/* A connector's lines come in by a thread of their own. */
	before = ctl_print_to(ctl->service != NULL ? ctl->service->sink : NULL);
	ctl_remark("%s: %s: %s", line->system, names[line->level < 4 ? line->level : 3], line->text);
	ctl_print_to(before);
}

void
loaded_begin(const struct ctl *ctl, struct loaded *loaded)
{
	memset(loaded, 0, sizeof *loaded);
	loaded->systems.connector_dir = ctl->connector_dir;
	loaded->systems.agent_version = SYNCLINE_VERSION;
	loaded->systems.log = log_line;
	loaded->systems.log_data = (void *)(uintptr_t)ctl;
}

static struct known_info *
share(struct connector_info *info)
{
	struct known_info *known = calloc(1, sizeof *known);

	if (known == NULL) {
		connector_info_free(info);
		return NULL;
	}
	atomic_init(&known->users, 1);
	known->info = info;
	return known;
}

static void
unshare(struct known_info *known)
{
	if (known == NULL || atomic_fetch_sub(&known->users, 1) > 1)
		return;
	connector_info_free(known->info);
	free(known);
}

static struct known_connector *
find(const struct loaded *loaded, const char *name)
{
	struct known_connector *known;

	for (known = loaded->connectors; known != NULL && strcmp(known->name, name) != 0; known = known->next)
		;
	return known;
}

static struct known_connector *
add(struct loaded *loaded, const char *name)
{
	struct known_connector *known = calloc(1, sizeof *known);

	if (known == NULL || (known->name = strdup(name)) == NULL) {
		free(known);
		return NULL;
	}
	known->next = loaded->connectors;
	loaded->connectors = known;
	return known;
}

/* A process that failed may have been unlucky.  One that hung is not waited for twice: who waits for the agent has a limit, too. */
static int
ask(const struct loaded *loaded, struct known_connector *known)
{
	struct connector_info *info;
	int result = systems_describe(&loaded->systems, known->name, &info, &known->why);

	if (result != 0 && known->why.klass == SYNCLINE_RETRY && known->why.code != ERROR_HOST_TIMEOUT) {
		error_clear(&known->why);
		result = systems_describe(&loaded->systems, known->name, &info, &known->why);
	}
	if (result == 0 && (known->known = share(info)) == NULL)
		return error_memory(&known->why);
	return result;
}

/* Each connector is asked once, however many systems use it. */
static const struct syncline_connector *
describe(void *data, const char *name, struct error *err)
{
	struct loaded *loaded = data;
	struct known_connector *known = find(loaded, name);

	if (known == NULL) {
		if ((known = add(loaded, name)) == NULL) {
			error_fill_memory(err);
			return NULL;
		}
		(void)ask(loaded, known);
	}
	if (known->known != NULL)
		return &known->known->info->descriptor;
	*err = known->why;
	return NULL;
}

/* A mistake stands there only for what loaded_again() was told to leave out. */
static bool
passes(void *data, const char *name, const struct error *err)
{
	const struct loaded *loaded = data;

	return loaded->patient && find(loaded, name) != NULL && (err->klass == SYNCLINE_RETRY || loaded->again);
}

static int
read_or_again(const struct ctl *ctl, struct loaded *loaded, const struct model *again, struct diagnostics *diagnostics)
{
	struct config_options options = { .conf_dir = ctl->config_dir, .site_dir = ctl->site_dir, .describe = describe, .describe_ctx = loaded,
		.passes = passes, .again = again, .ignore_contracts = loaded->ignore_contracts };

	return config_load(&options, &loaded->model, diagnostics);
}

int
loaded_read(const struct ctl *ctl, struct loaded *loaded, struct diagnostics *diagnostics)
{
	return read_or_again(ctl, loaded, NULL, diagnostics);
}

static int
take_over(struct loaded *loaded, const struct loaded *before, const char *connector, struct known_info *found, const struct error *why)
{
	for (const struct known_connector *old = before->connectors; old != NULL; old = old->next) {
		bool is_it = strcmp(old->name, connector) == 0;
		struct known_connector *known = add(loaded, old->name);

		if (known == NULL)
			return -1;
		known->known = is_it ? found : old->known;
		known->why = is_it && why != NULL ? *why : old->why;
		if (known->known != NULL)
			atomic_fetch_add(&known->known->users, 1);
	}
	return 0;
}

int
loaded_again(const struct ctl *ctl, struct loaded *loaded, const struct loaded *before, const char *connector, struct connector_info *info, const struct error *why,
             struct diagnostics *diagnostics)
{
	struct known_info *found = info != NULL ? share(info) : NULL;
	int result = -1;

	loaded->patient = loaded->again = true;
	if ((info != NULL && found == NULL) || take_over(loaded, before, connector, found, why) != 0)
		diagnostics->no_memory = true;
	else
		result = read_or_again(ctl, loaded, before->model, diagnostics);
	unshare(found);
	return result;
}

void
loaded_say_mistakes(const struct ctl *ctl, const struct diagnostics *diagnostics)
{
	if (ctl->json) {
		struct buffer json;

		buffer_init(&json, 0);
		ctl_json_open(&json, NULL, '{');
		ctl_json_key(&json, "mistakes");
		if (diagnostics_json(diagnostics, &json) != 0)
			json.failed = 1;
		ctl_json_close(&json, '}');
		ctl_json_print(&json, CTL_FAILED);
		return;
	}
	for (size_t i = 0; i < diagnostics->count; i++)
		ctl_say_error(ctl, &diagnostics->items[i].error);
	if (diagnostics->dropped > 0)
		ctl_remark("… and %zu more", diagnostics->dropped);
}

enum ctl_exit
loaded_need(const struct ctl *ctl, struct loaded *loaded)
{
	struct diagnostics diagnostics;
	enum ctl_exit status = CTL_DONE;

	diagnostics_init(&diagnostics);
	if (loaded_read(ctl, loaded, &diagnostics) != 0) {
		loaded_say_mistakes(ctl, &diagnostics);
		status = CTL_FAILED;
	}
	diagnostics_free(&diagnostics);
	return status;
}

void
loaded_free(struct loaded *loaded)
{
	config_free(loaded->model);
	for (struct known_connector *known = loaded->connectors, *next; known != NULL; known = next) {
		next = known->next;
		unshare(known->known);
		free(known->name);
		free(known);
	}
	memset(loaded, 0, sizeof *loaded);
}
