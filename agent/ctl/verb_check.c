/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_check.c: `syncline check`: what it accepts, runs. */
#include <stdio.h>

#include "ctl/load.h"

struct checked {
	const struct ctl *ctl;
	const struct model *model;
	struct lookups lookups;
	struct diagnostics *mistakes;
	struct buffer *json;   /* the list of remarks, with --json */
	unsigned rules;        /* mappings that were compiled */
	unsigned without;      /* objects without a contract */
};

static void
no_contract(struct checked *checked, const struct config_object *object)
{
	checked->without++;
	if (checked->ctl->json) {
		ctl_json_open(checked->json, NULL, '{');
		ctl_json_text(checked->json, "system", object->system->head.name);
		ctl_json_text(checked->json, "object", object->head.name);
		ctl_json_close(checked->json, '}');
		return;
	}
	ctl_say(checked->ctl, "%s:%u: the object %s.%s has no contract, so its field names are checked when it is read", object->head.place.file,
	        object->head.place.line, object->system->head.name, object->head.name);
	ctl_say(checked->ctl, "    next: syncline discover %s %s", object->system->head.name, object->head.name);
}

static void
check_binding(struct checked *checked, const struct config_binding *binding)
{
	struct mapping *mapping = NULL;
	struct error err;

	if (binding->reads && !mappings_can_read(binding)) {
		no_contract(checked, binding->object);
	} else if (binding->reads) {
		(void)mappings_read(checked->model, binding, &checked->lookups, NULL, checked->mistakes, &mapping, &err);
		mapping_free(mapping);
		checked->rules++;
	}
	if (binding->writes) {
		mapping = NULL;
		(void)mappings_write(checked->model, binding, &checked->lookups, checked->mistakes, &mapping, &err);
		mapping_free(mapping);
		checked->rules++;
	}
}

static void
check_rules(struct checked *checked)
{
	struct error err;

	if (lookups_load(checked->model, &checked->lookups, &err) != 0) {
		diagnostics_add(checked->mistakes, NULL, &err);
		return;
	}
	for (uint32_t f = 0; f < checked->model->flow_count; f++)
		for (uint32_t b = 0; b < checked->model->flows[f].binding_count; b++)
			check_binding(checked, &checked->model->flows[f].bindings[b]);
	lookups_free(&checked->lookups);
}

enum ctl_exit
verb_check(struct ctl *ctl)
{
	struct diagnostics mistakes;
	struct loaded loaded;
	struct buffer json;
	struct checked checked = { .ctl = ctl, .mistakes = &mistakes, .json = &json };
	enum ctl_exit status = CTL_DONE;

	diagnostics_init(&mistakes);
	buffer_init(&json, 0);
	loaded_begin(ctl, &loaded);
	ctl_json_open(&json, NULL, '{');
	ctl_json_open(&json, "without_contract", '[');
	if (loaded_read(ctl, &loaded, &mistakes) == 0) {
		checked.model = loaded.model;
		check_rules(&checked);
		diagnostics_sort(&mistakes);
	}
	ctl_json_close(&json, ']');
	if (mistakes.count > 0) {
		loaded_say_mistakes(ctl, &mistakes);
		ctl_say(ctl, "%zu mistake%s in %s", mistakes.count + mistakes.dropped, mistakes.count + mistakes.dropped == 1 ? "" : "s", ctl->config_dir);
		buffer_free(&json);
		status = CTL_FAILED;
	} else if (ctl->json) {
		ctl_json_open(&json, "mistakes", '[');
		ctl_json_close(&json, ']');
		ctl_json_number(&json, "systems", loaded.model->system_count);
		ctl_json_number(&json, "entities", loaded.model->entity_count);
		ctl_json_number(&json, "flows", loaded.model->flow_count);
		ctl_json_number(&json, "rule_sets", checked.rules);
		ctl_json_close(&json, '}');
		status = ctl_json_print(&json, CTL_DONE);
	} else {
		printf("%s: %u systems, %u entities, %u flows, %u sets of rules: no mistake\n", ctl->config_dir, loaded.model->system_count,
		       loaded.model->entity_count, loaded.model->flow_count, checked.rules);
		buffer_free(&json);
	}
	diagnostics_free(&mistakes);
	loaded_free(&loaded);
	return status;
}
