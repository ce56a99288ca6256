/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_check.c: `syncline check`: what it accepts, runs. */
#include <assert.h>
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

	if (lookups_load(checked->model, checked->mistakes, &checked->lookups, &err) != 0) {
		diagnostics_add(checked->mistakes, NULL, &err);
		return;
	}
	for (uint32_t f = 0; f < checked->model->flow_count; f++)
		for (uint32_t b = 0; b < checked->model->flows[f].binding_count; b++)
			check_binding(checked, &checked->model->flows[f].bindings[b]);
	lookups_free(&checked->lookups);
}

static enum ctl_exit
print_json(struct checked *checked, enum ctl_exit status)
{
	struct buffer *json = checked->json;

	ctl_json_key(json, "mistakes");
	if (diagnostics_json(checked->mistakes, json) != 0)
		json->failed = 1;
	ctl_json_number(json, "more_mistakes", (long long)checked->mistakes->dropped);
	if (checked->model != NULL) {
		ctl_json_number(json, "systems", checked->model->system_count);
		ctl_json_number(json, "entities", checked->model->entity_count);
		ctl_json_number(json, "flows", checked->model->flow_count);
		ctl_json_number(json, "rule_sets", checked->rules);
	}
	ctl_json_close(json, '}');
	return ctl_json_print(json, status);
}

static void
print_text(const struct checked *checked, enum ctl_exit status)
{
	size_t count = checked->mistakes->count + checked->mistakes->dropped;

	if (status == CTL_DONE) {
		assert(checked->model != NULL); /* without one there is a mistake */
		ctl_print("%s: %u systems, %u entities, %u flows, %u sets of rules: no mistake\n", checked->ctl->config_dir, checked->model->system_count,
		          checked->model->entity_count, checked->model->flow_count, checked->rules);
		return;
	}
	loaded_say_mistakes(checked->ctl, checked->mistakes);
	ctl_say(checked->ctl, "%zu mistake%s in %s", count, count == 1 ? "" : "s", checked->ctl->config_dir);
}

enum ctl_exit
verb_check(struct ctl *ctl)
{
	struct diagnostics mistakes;
	struct loaded loaded;
	struct buffer json;
	struct checked checked = { .ctl = ctl, .mistakes = &mistakes, .json = &json };
	enum ctl_exit status;

	diagnostics_init(&mistakes);
	buffer_init(&json, 0);
	ctl_json_open(&json, NULL, '{');
	ctl_json_open(&json, "without_contract", '[');
	loaded_begin(ctl, &loaded);
	if (loaded_read(ctl, &loaded, &mistakes) == 0) {
		checked.model = loaded.model;
		check_rules(&checked);
		diagnostics_sort(&mistakes);
	}
	ctl_json_close(&json, ']');
	status = mistakes.count > 0 || mistakes.no_memory ? CTL_FAILED : CTL_DONE;
	if (ctl->json)
		status = print_json(&checked, status);
	else
		print_text(&checked, status);
	buffer_free(&json);
	diagnostics_free(&mistakes);
	loaded_free(&loaded);
	return status;
}
