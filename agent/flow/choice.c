/* SPDX-License-Identifier: BSD-2-Clause */
/* choice.c: see choice.h. */
#include "flow/choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/convert.h"

static int
no(struct error *err, const char *hint, const char *format, const char *first, const char *second)
{
	char text[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof text, format, first, second);
#pragma GCC diagnostic pop
	return error_set(err, ERROR_CONVERT_FLOW, hint, "%s", text);
}

static int
find_bindings(struct choice *choice, const struct convert_options *o, struct error *err)
{
	if ((choice->flow = config_flow(o->model, o->flow)) == NULL)
		return no(err, "`syncline describe` lists the flows.", "there is no flow \"%s\"%s", o->flow, "");
	choice->from = config_binding(choice->flow, o->from);
	choice->to = config_binding(choice->flow, o->to);
	if (choice->from == NULL || choice->to == NULL)
		return no(err, "The bindings of a flow bear the names of systems.", "the flow \"%s\" has no binding \"%s\"", o->flow,
		          choice->from == NULL ? o->from : o->to);
	if (!choice->from->reads)
		return no(err, "It needs `map` or `read`.", "the binding \"%s\" of the flow \"%s\" reads nothing", o->from, o->flow);
	if (choice->to->attach_to != NULL)
		return no(err, "Convert into the flow whose object it is.", "the binding \"%s\" of the flow \"%s\" writes into another record",
		          o->to, o->flow);
	if (!choice->to->writes)
		return no(err, "It needs `map` or `write`, and its system `access = \"write\"`.", "the binding \"%s\" of the flow \"%s\" writes nothing",
		          o->to, o->flow);
	return 0;
}

/* Units whose own settings differ are other credentials: those are converted one by one. */
static int
check_settings(const struct choice *choice, const struct config_unit *unit, struct error *err)
{
	const struct config_system *systems[] = { choice->from->system, choice->to->system };

	for (int s = 0; s < 2; s++) {
		const struct config_unit_system *at = config_unit_system(unit, systems[s]->head.name);

		if (choice->unit_count > 1 && at != NULL && at->has_settings)
			return no(err, "Say which with --unit.", "the unit \"%s\" has settings of its own for the system \"%s\"", unit->head.name,
			          systems[s]->head.name);
	}
	return 0;
}

/* The units of the flow, or the one that was asked for; a flow without units is one for the whole house, which has no name. */
static int
find_units(struct choice *choice, const struct convert_options *o, struct error *err)
{
	const struct config_texts *names = &choice->flow->units;

	choice->unit_count = 0;
	choice->units = calloc(names->count + 2u, sizeof *choice->units);
	choice->tenants = calloc(names->count + 2u, sizeof *choice->tenants);
	if (choice->units == NULL || choice->tenants == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < names->count; i++)
		if (o->unit == NULL || strcmp(o->unit, names->items[i]) == 0)
			choice->units[choice->unit_count++] = config_unit(o->model, names->items[i]);
	if (names->count == 0 && o->unit == NULL) {
		choice->house.timezone = o->model->agent->timezone;
		choice->units[choice->unit_count++] = &choice->house;
	}
	if (choice->unit_count == 0)
		return no(err, "`syncline describe` lists the units of a flow.", "the flow \"%s\" is not for the unit \"%s\"", o->flow,
		          o->unit != NULL ? o->unit : "");
	return 0;
}

static int
find_tenants(struct choice *choice, struct error *err)
{
	const struct config_object *object = choice->from->object;

	if (object->tenant == NULL) {
		free(choice->tenants);
		choice->tenants = NULL;
		if (choice->unit_count > 1)
			return no(err, "Say which with --unit, or name the object's `tenant` field.",
			          "the records of \"%s\" do not say to which unit they belong%s", object->head.name, "");
	}
	for (uint32_t i = 0; i < choice->unit_count; i++) {
		const struct config_unit *unit = choice->units[i];
		const struct config_unit_system *at = config_unit_system(unit, choice->from->system->head.name);

		if (check_settings(choice, unit, err) != 0)
			return -1;
		if (choice->tenants != NULL && (at == NULL || at->tenant == NULL))
			return no(err, "Give it in `units`.", "the unit \"%s\" has no tenant in the system \"%s\"",
			          unit->head.name != NULL ? unit->head.name : "", choice->from->system->head.name);
		if (choice->tenants != NULL)
			choice->tenants[i] = (struct syncline_slice){ at->tenant, strlen(at->tenant) };
	}
	return 0;
}

int
choice_make(struct choice *choice, const struct convert_options *options, struct error *err)
{
	memset(choice, 0, sizeof *choice);
	if (find_bindings(choice, options, err) == 0 && find_units(choice, options, err) == 0 && find_tenants(choice, err) == 0)
		return 0;
	choice_free(choice);
	return -1;
}

const struct config_unit *
choice_unit(const struct choice *choice)
{
	return choice->unit_count == 1 && choice->units[0] != &choice->house ? choice->units[0] : NULL;
}

void
choice_free(struct choice *choice)
{
	free(choice->units);
	free(choice->tenants);
	memset(choice, 0, sizeof *choice);
}
