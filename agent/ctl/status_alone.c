/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status_alone.c: the part of `syncline status` that tells which systems the agent leaves alone at present, why, since and until when, and
 * what to do.  Only the agent knows: what a program of its own was told by a system ends with it.
 */
#include "ctl/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/listing.h"
#include "manners/manners.h"
#include "os/os.h"

struct status_alone {
	struct status_alone *next;
	const struct config_system *system;
	struct manners_alone alone; /* its texts are the model's */
	const char *unit, *command;
};

struct gathering {
	const struct listing *listing;
	struct arena *arena;
	const struct config_flow *flow; /* NULL: any */
	struct status_alone *first, **last;
	bool failed;
};

static const struct config_flow *
flow_of(const struct model *model, const struct config_flow *only, const struct config_system *system)
{
	for (uint32_t f = 0; f < model->flow_count; f++)
		for (uint32_t b = 0; (only == NULL || only == &model->flows[f]) && b < model->flows[f].binding_count; b++)
			if (model->flows[f].bindings[b].system == system)
				return &model->flows[f];
	return NULL;
}

/* What a person does; `flow`: one that it belongs to. */
static void
say_next(enum manners_state state, const char *flow, char *text, size_t size)
{
	switch (state) {
	case MANNERS_SILENT:
		snprintf(text, size, "syncline doctor; then syncline run %s, or the agent asks again by itself", flow);
		break;
	case MANNERS_REFUSED:
		snprintf(text, size, "mend credentials or rights; then syncline run %s", flow);
		break;
	case MANNERS_PEACE:
		snprintf(text, size, "nothing, it goes on by itself; if it is often so, a lower limits.per_second");
		break;
	default:
		snprintf(text, size, "nothing, it goes on by itself; if it is often so, a higher limits.per_day and a reload");
		break;
	}
}

static void
gather(void *data, const struct manners_alone *alone)
{
	struct gathering *gathering = data;
	const struct model *model = ledger_model(gathering->listing->ledger);
	const struct config_system *system = NULL;
	const struct config_flow *flow;
	struct status_alone *own;
	char command[SYNCLINE_NAME_MAX + 128];

	for (uint32_t i = 0; i < model->system_count && system == NULL; i++)
		if (strcmp(model->systems[i].head.name, alone->system) == 0)
			system = &model->systems[i];
	if (system == NULL || (flow = flow_of(model, gathering->flow, system)) == NULL)
		return;
	say_next(alone->state, flow->head.name, command, sizeof command);
	if ((own = arena_alloc(gathering->arena, sizeof *own)) == NULL) {
		gathering->failed = true;
		return;
	}
	*own = (struct status_alone){ .system = system, .alone = *alone,
		.unit = alone->credentials != 0 ? ledger_unit_name(gathering->listing->ledger, alone->credentials) : "", .command = arena_text(gathering->arena, command) };
	own->alone.system = system->head.name;
	gathering->failed = gathering->failed || own->command == NULL;
	*gathering->last = own;
	gathering->last = &own->next;
}

int
status_alone_find(const struct listing *listing, struct arena *arena, const struct config_flow *flow, struct status_alone **ret_alone, struct error *err)
{
	struct gathering gathering = { .listing = listing, .arena = arena, .flow = flow, .last = &gathering.first };
	struct manners *manners = listing->opened->service != NULL ? listing->opened->loaded.systems.manners : NULL;

	if (manners != NULL)
		manners_alone(manners, os_monotonic_ms() * 1000, gather, &gathering);
	if (gathering.failed)
		return error_memory(err);
	*ret_alone = gathering.first;
	return 0;
}

bool
status_alone_waits(const struct status_alone *alone)
{
	for (; alone != NULL; alone = alone->next)
		if (alone->alone.state == MANNERS_SILENT || alone->alone.state == MANNERS_REFUSED)
			return true;
	return false;
}

static int64_t
until_us(const struct status_alone *alone, int64_t now_us)
{
	return alone->alone.wait_us > 0 ? now_us + alone->alone.wait_us : 0;
}

static int64_t
age_us(const struct status_alone *alone)
{
	return os_monotonic_ms() * 1000 - alone->alone.since_us;
}

void
status_alone_json(struct buffer *json, const struct status_alone *alone, int64_t now_us)
{
	ctl_json_open(json, "left_alone", '[');
	for (; alone != NULL; alone = alone->next) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "system", alone->alone.system);
		ctl_json_text(json, "unit", alone->unit);
		ctl_json_text(json, "state", manners_state_name(alone->alone.state));
		ctl_json_text(json, "reason", manners_state_text(alone->alone.state));
		listing_json_time(json, "since", now_us - age_us(alone));
		listing_json_time(json, "until", until_us(alone, now_us));
		ctl_json_number(json, "seconds", (alone->alone.wait_us + 999999) / 1000000);
		ctl_json_text(json, "next", alone->command);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

void
status_alone_show(const struct status_alone *alone, int64_t now_us)
{
	static const char *const heads[] = { "SYSTEM", "UNIT", "WHY", "SINCE", "UNTIL", "NEXT" };
	struct ctl_table table;
	char age[32], until[32];

	if (alone == NULL)
		return;
	ctl_table_init(&table, 6, 0, heads);
	for (; alone != NULL; alone = alone->next)
		ctl_table_row(&table, (const char *const[]){ alone->alone.system, alone->unit, manners_state_text(alone->alone.state),
			listing_age(age_us(alone), age), alone->alone.wait_us > 0 ? opened_time(until_us(alone, now_us), until) : "the next call", alone->command });
	ctl_print("\nSystems that are left alone\n");
	ctl_table_print(&table);
}
