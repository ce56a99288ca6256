/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status_down.c: the part of `syncline status` that tells which systems are down because their connector could not be loaded, why, and what
 * to do.  Only the agent goes on without a connector: for a program of its own that is a mistake, and it does not come so far.
 */
#include <stdio.h>

#include "ctl/listing.h"
#include "ctl/status.h"

#define NEXT_SIZE (SYNCLINE_NAME_MAX * 2 + 512)

/* A flow that the system belongs to; NULL: none that is asked for. */
static const struct config_flow *
flow_of(const struct model *model, const struct config_flow *only, const struct config_system *system)
{
	for (uint32_t f = 0; f < model->flow_count; f++)
		for (uint32_t b = 0; (only == NULL || only == &model->flows[f]) && b < model->flows[f].binding_count; b++)
			if (model->flows[f].bindings[b].system == system)
				return &model->flows[f];
	return NULL;
}

/* The next system from `at` on that is down; false: there is none. */
static bool
next_down(const struct model *model, const struct config_flow *only, uint32_t *at, const struct config_flow **ret_flow)
{
	for (; *at < model->system_count; (*at)++)
		if (model->systems[*at].absent != NULL && (*ret_flow = flow_of(model, only, &model->systems[*at])) != NULL)
			return true;
	return false;
}

static const char *
say_next(const struct config_system *system, const struct config_flow *flow, char text[NEXT_SIZE])
{
	if (system->absent->klass == SYNCLINE_RETRY)
		snprintf(text, NEXT_SIZE, "syncline connectors %s; then syncline run %s, or the agent tries again by itself", system->connector, flow->head.name);
	else
		snprintf(text, NEXT_SIZE, "syncline check; correct it and reload the agent");
	return text;
}

bool
status_down_waits(const struct model *model, const struct config_flow *only)
{
	const struct config_flow *flow;
	uint32_t at = 0;

	return next_down(model, only, &at, &flow);
}

void
status_down_json(struct buffer *json, const struct model *model, const struct config_flow *only)
{
	const struct config_flow *flow;
	char next[NEXT_SIZE];

	ctl_json_open(json, "down", '[');
	for (uint32_t at = 0; next_down(model, only, &at, &flow); at++) {
		const struct config_system *system = &model->systems[at];

		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "system", system->head.name);
		ctl_json_text(json, "connector", system->connector);
		ctl_json_text(json, "code", error_name(system->absent->code));
		ctl_json_text(json, "reason", system->absent->message);
		ctl_json_text(json, "next", say_next(system, flow, next));
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

void
status_down_show(const struct model *model, const struct config_flow *only)
{
	static const char *const heads[] = { "SYSTEM", "CONNECTOR", "WHY", "CODE", "NEXT" };
	const struct config_flow *flow;
	struct ctl_table table;
	char next[NEXT_SIZE];

	if (!status_down_waits(model, only))
		return;
	ctl_table_init(&table, 5, 0, heads);
	for (uint32_t at = 0; next_down(model, only, &at, &flow); at++) {
		const struct config_system *system = &model->systems[at];

		ctl_table_row(&table, (const char *const[]){ system->head.name, system->connector, system->absent->message, error_name(system->absent->code),
			say_next(system, flow, next) });
	}
	ctl_print("\nSystems that are down: their connector could not be loaded, and their flows wait for it\n");
	ctl_table_print(&table);
}
