/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_systems.c: systems with their objects and contracts, and who the units are in them.  The thread that loads.
 */
#include <stdio.h>
#include <string.h>

#include "config/contract.h"
#include "config/grammar.h"

/* A native name that the contract should have; a path's first step counts. */
void
check_native(struct loader *l, const struct config_object *object, const struct config_place *place, const char *native)
{
	const struct config_contract *contract = object->contract;
	const char **names;
	size_t length = strcspn(native, ".[");

	if (contract == NULL || contract->field_count == 0 || l->options->ignore_contracts)
		return;
	for (uint32_t i = 0; i < contract->field_count; i++) {
		const char *name = contract->fields[i].name;

		if (strcmp(name, native) == 0 || (length > 0 && strlen(name) == length && strncmp(name, native, length) == 0))
			return;
	}
	if ((names = loader_keep(l, arena_array(l->arena, contract->field_count, sizeof *names))) == NULL)
		return;
	for (uint32_t i = 0; i < contract->field_count; i++)
		names[i] = contract->fields[i].name;
	report(l, place, CONTRACT, loader_hint(l, native, names, contract->field_count, "Run syncline discover SYSTEM OBJECT if the system has changed."),
	       "the contract of %s.%s has no field %.100s", object->system->head.name, object->head.name, native);
}

static void
check_native_setting(struct loader *l, const struct config_object *object, const char *setting, const char *native)
{
	struct config_place place = config_setting_place(&object->head, setting);

	if (native != NULL)
		check_native(l, object, &place, native);
}

const struct syncline_capabilities *
capabilities_of(const struct config_system *system)
{
	return system->descriptor != NULL ? system->descriptor->capabilities : NULL;
}

bool
has_part(const struct config_system *system, const char *id)
{
	const struct syncline_connector *connector = system->descriptor;

	for (uint32_t i = 0; connector != NULL && i < connector->part_count; i++)
		if (strcmp(connector->parts[i].id, id) == 0)
			return true;
	return connector == NULL;
}

static void
check_object(struct loader *l, const struct config_object *object)
{
	const struct config_system *system = object->system;
	const struct syncline_capabilities *able = capabilities_of(system);
	struct config_place place;

	if (object->tenant_mode == CONFIG_TENANT_SPLIT && object->tenant == NULL) {
		place = config_setting_place(&object->head, "tenant_mode");
		report(l, &place, CONTRADICTION, "Say tenant = \"NATIVE FIELD\", or leave tenant_mode out.", "%s.%s is to be split by tenant, but names no tenant field",
		       system->head.name, object->head.name);
	}
	if (object->mark.count == 0 && (object->overlap_ms > 0 || object->mark_resolution_ms > 0)) {
		place = config_setting_place(&object->head, object->overlap_ms > 0 ? "overlap" : "mark_resolution");
		report(l, &place, CONTRADICTION, "Say mark = \"NATIVE FIELD\", or leave it out.", "%s.%s has %s but no mark", system->head.name, object->head.name,
		       object->overlap_ms > 0 ? "an overlap" : "a mark_resolution");
	}
	if (object->group_into != NULL && object->key.count == 0) {
		place = config_setting_place(&object->head, "group_into");
		report(l, &place, CONTRADICTION, "Say key = [ \"NATIVE FIELD\" ]: rows with the same key make one record.", "%s.%s groups rows but has no key",
		       system->head.name, object->head.name);
	}
	if (able != NULL && object->reads == SYNCLINE_READS_DELTA && able->read_delta == SYNCLINE_NONE) {
		place = config_setting_place(&object->head, "reads");
		report(l, &place, CAPABILITY, "Say reads = \"full\".", "connector %s cannot read only what changed", system->connector);
	}
	if (object->content != NULL && !has_part(system, "content/1")) {
		place = config_setting_place(&object->head, "content");
		report(l, &place, CAPABILITY, "Leave content out.", "connector %s has no documents", system->connector);
	}
	for (uint32_t i = 0; i < object->key.count; i++)
		check_native_setting(l, object, "key", object->key.items[i]);
	for (uint32_t i = 0; i < object->mark.count; i++)
		check_native_setting(l, object, "mark", object->mark.items[i]);
	check_native_setting(l, object, "external_key", object->external_key);
	check_native_setting(l, object, "tenant", object->tenant);
	check_native_setting(l, object, "content", object->content);
	if (object->version != NULL && strcmp(object->version, "etag") != 0)
		check_native_setting(l, object, "version", object->version);
}

/* As the connector takes it. */
static void
make_sdk(struct config_object *object)
{
	object->sdk = (struct syncline_object){
		.struct_size = sizeof object->sdk,
		.reads = object->reads,
		.alias = object->head.name,
		.native = object->native,
		.key = object->key.items,
		.key_count = object->key.count,
		.external_key = object->external_key,
		.tenant = object->tenant,
		.version = object->version,
		.mark = object->mark.items,
		.mark_count = object->mark.count,
		.overlap_us = object->overlap_ms * 1000,
		.content = object->content,
		.group_into = object->group_into,
		.settings = &object->settings.settings,
	};
	if (object->contract != NULL) {
		object->sdk.fields = object->contract->fields;
		object->sdk.field_count = object->contract->field_count;
	}
}

static int
build_objects(struct loader *l, struct config_system *system)
{
	for (uint32_t i = 0; i < system->object_count; i++) {
		struct config_object *object = &system->objects[i];

		object->system = system;
		if (object->native == NULL)
			object->native = object->head.name;
		if (settings_build(l, system->descriptor, SYNCLINE_SCOPE_OBJECT, &object->head.place, tree_find(object->head.node, "settings"), NULL,
		                   &object->settings) != 0)
			return -1;
		check_object(l, object);
		make_sdk(object);
	}
	return l->no_memory ? -1 : 0;
}

static void
check_webhook(struct loader *l, const struct config_system *system)
{
	const struct config_webhook *webhook = system->webhook;

	if (webhook == NULL)
		return;
	if (webhook->scheme != NULL && strcmp(webhook->scheme, "basic") != 0 && webhook->header == NULL)
		report(l, &webhook->head.place, MISSING_SETTING, "Say header = \"X-Signature\", or whatever the sender calls it.",
		       "a webhook with %s must say which header carries it", webhook->scheme);
	if (!has_part(system, "webhook/1"))
		report(l, &webhook->head.place, CAPABILITY, "Use trigger: { every = \"15m\"; } in its bindings instead.", "connector %s does not take webhooks",
		       system->connector);
}

static int
find_connector(struct loader *l, struct config_system *system)
{
	struct config_place place = config_setting_place(&system->head, "connector");
	const struct config_options *options = l->options;
	struct error err = { 0 };

	if (options->describe == NULL || system->connector == NULL)
		return 0;
	if ((system->descriptor = options->describe(options->describe_ctx, system->connector, &err)) != NULL)
		return 0;
	if (options->passes != NULL && options->passes(options->describe_ctx, system->connector, &err)) {
		struct error *absent = loader_keep(l, arena_alloc(l->arena, sizeof *absent));

		if (absent == NULL)
			return -1;
		*absent = err;
		if (err.klass == SYNCLINE_RETRY)
			snprintf(absent->place, sizeof absent->place, "%s:%u:%u", place.file, place.line, place.column);
		system->absent = absent;
		return 0;
	}
	err.place[0] = '\0';
	diagnostics_add(l->diagnostics, &place, &err);
	return 0;
}

static int
build_system(struct loader *l, struct config_system *system)
{
	if (system->timezone == NULL)
		system->timezone = l->model->agent->timezone;
	if (find_connector(l, system) != 0)
		return -1;
	/* Without its connector, its settings are kept unchecked. */
	if (settings_build(l, system->descriptor, SYNCLINE_SCOPE_SYSTEM, &system->head.place, tree_find(system->head.node, "settings"), NULL,
	                   &system->settings) != 0)
		return -1;
	check_webhook(l, system);
	return build_objects(l, system);
}

/* contracts: { SYSTEM: { OBJECT: … } } to the objects that they are about. */
static int
attach_contracts(struct loader *l, const struct file *file)
{
	struct model *model = l->model;

	for (uint32_t i = 0; i < file->contract_count; i++) {
		struct file_contract_system *given = &file->contracts[i];
		const struct config_system *system = config_system(model, given->head.name);

		if (system == NULL) {
			report_no_such(l, &given->head.place, "system", given->head.name, NAMES_OF(l, model->systems, model->system_count),
			               model->system_count);
			continue;
		}
		for (uint32_t k = 0; k < given->object_count; k++) {
			struct config_contract *contract = &given->objects[k];
			struct config_object *object = (struct config_object *)(uintptr_t)config_object(system, contract->head.name);

			if (contract_fields(l, contract) != 0)
				return -1;
			if (object == NULL)
				report_no_such(l, &contract->head.place, "object", contract->head.name, NAMES_OF(l, system->objects, system->object_count),
				               system->object_count);
			else
				object->contract = contract;
		}
	}
	return l->no_memory ? -1 : 0;
}

int
check_systems(struct loader *l, const struct file *file)
{
	if (attach_contracts(l, file) != 0)
		return -1;
	for (uint32_t i = 0; i < l->model->system_count; i++)
		if (build_system(l, &l->model->systems[i]) != 0)
			return -1;
	return 0;
}

/* Two units that are one tenant would both take its rows. */
static void
check_tenants(struct loader *l)
{
	const struct model *model = l->model;

	for (uint32_t a = 0; a < model->unit_count; a++)
		for (uint32_t s = 0; s < model->units[a].system_count; s++) {
			const struct config_unit_system *mine = &model->units[a].systems[s];

			for (uint32_t b = 0; b < a && mine->tenant != NULL; b++) {
				const struct config_unit_system *other = config_unit_system(&model->units[b], mine->head.name);
				struct config_place place;

				if (other == NULL || other->tenant == NULL || strcmp(other->tenant, mine->tenant) != 0)
					continue;
				place = config_setting_place(&mine->head, "tenant");
				report(l, &place, CONTRADICTION, "Each tenant of a system belongs to one unit.", "tenant \"%.60s\" of %s belongs to unit %s already",
				       mine->tenant, mine->head.name, model->units[b].head.name);
			}
		}
}

static void
check_owner(struct loader *l, const struct config_owner *owner)
{
	const struct model *model = l->model;
	const struct config_entity *entity = config_entity(model, owner->entity);

	if (entity == NULL)
		report_no_such(l, &owner->place, "entity", owner->entity, NAMES_OF(l, model->entities, model->entity_count), model->entity_count);
	else if (config_field(entity, owner->field) == NULL && config_group(entity, owner->field) == NULL)
		report_no_such(l, &owner->place, "field", owner->field, NAMES_OF(l, entity->fields, entity->field_count), entity->field_count);
	else if (config_field(entity, owner->field) != NULL && config_field(entity, owner->field)->group != NULL)
		report(l, &owner->place, CONTRADICTION, "Name the group: its fields have one owner.", "%s belongs to the group %s", owner->field,
		       config_field(entity, owner->field)->group->head.name);
	if (entity != NULL && config_field(entity, owner->field) != NULL && config_field(entity, owner->field)->assigned_by != NULL &&
	    strcmp(config_field(entity, owner->field)->assigned_by, owner->system) != 0)
		report(l, &owner->place, CONTRADICTION, "Make the system that assigns it its owner.", "%s is assigned by %s and owned by %s, so what is assigned would not count",
		       owner->field, config_field(entity, owner->field)->assigned_by, owner->system);
	if (config_system(model, owner->system) == NULL)
		report_no_such(l, &owner->place, "system", owner->system, NAMES_OF(l, model->systems, model->system_count), model->system_count);
}

int
check_units(struct loader *l)
{
	struct model *model = l->model;

	for (uint32_t i = 0; i < model->unit_count; i++) {
		struct config_unit *unit = &model->units[i];

		if (unit->timezone == NULL)
			unit->timezone = model->agent->timezone;
		for (uint32_t k = 0; k < unit->system_count; k++) {
			struct config_unit_system *mine = &unit->systems[k];
			const struct node *over = tree_find(mine->head.node, "settings");

			mine->system = config_system(model, mine->head.name);
			if (mine->system == NULL) {
				report_no_such(l, &mine->head.place, "system", mine->head.name, NAMES_OF(l, model->systems, model->system_count),
				               model->system_count);
				continue;
			}
			mine->has_settings = over != NULL;
			mine->settings = mine->system->settings;
			if (over != NULL && settings_build(l, mine->system->descriptor, SYNCLINE_SCOPE_SYSTEM, &mine->head.place,
			                                   tree_find(mine->system->head.node, "settings"), over, &mine->settings) != 0)
				return -1;
		}
		for (uint32_t k = 0; k < unit->owner_count; k++)
			check_owner(l, &unit->owners[k]);
	}
	check_tenants(l);
	return l->no_memory ? -1 : 0;
}
