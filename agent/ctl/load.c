/* SPDX-License-Identifier: BSD-2-Clause */
/* load.c: see load.h. */
#include "ctl/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/service.h"

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

/* Each connector is asked once, however many systems use it. */
static const struct syncline_connector *
describe(void *data, const char *name, struct error *err)
{
	struct loaded *loaded = data;
	struct known_connector *known;

	for (known = loaded->connectors; known != NULL; known = known->next)
		if (strcmp(known->name, name) == 0)
			return &known->info->descriptor;
	if ((known = calloc(1, sizeof *known)) == NULL || (known->name = strdup(name)) == NULL) {
		free(known);
		error_fill_memory(err);
		return NULL;
	}
	if (systems_describe(&loaded->systems, name, &known->info, err) != 0) {
		free(known->name);
		free(known);
		return NULL;
	}
	known->next = loaded->connectors;
	loaded->connectors = known;
	return &known->info->descriptor;
}

int
loaded_read(const struct ctl *ctl, struct loaded *loaded, struct diagnostics *diagnostics)
{
	struct config_options options = { .conf_dir = ctl->config_dir, .site_dir = ctl->site_dir, .describe = describe, .describe_ctx = loaded,
		.ignore_contracts = loaded->ignore_contracts };

	return config_load(&options, &loaded->model, diagnostics);
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
		connector_info_free(known->info);
		free(known->name);
		free(known);
	}
	memset(loaded, 0, sizeof *loaded);
}
