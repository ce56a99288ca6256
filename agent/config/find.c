/* SPDX-License-Identifier: BSD-2-Clause */
/* find.c: finding things in a model that is loaded.  Any thread. */
#include <string.h>

#include "config/grammar.h"

/* The element of that name in an array of structs that begin with a head. */
static const void *
find(const void *items, uint32_t count, size_t size, const char *name)
{
	for (uint32_t i = 0; i < count; i++) {
		const void *item = (const char *)items + i * size;

		if (strcmp(((const struct config_head *)item)->name, name) == 0)
			return item;
	}
	return NULL;
}
#define FIND(items, count, name) find(items, count, sizeof *(items), name)

const struct config_system *config_system(const struct model *model, const char *name) { return FIND(model->systems, model->system_count, name); }
const struct config_object *config_object(const struct config_system *system, const char *alias) { return FIND(system->objects, system->object_count, alias); }
const struct config_unit *config_unit(const struct model *model, const char *name) { return FIND(model->units, model->unit_count, name); }
const struct config_unit_system *config_unit_system(const struct config_unit *unit, const char *system) { return FIND(unit->systems, unit->system_count, system); }
const struct config_lookup_table *config_lookup_table(const struct model *model, const char *name) { return FIND(model->lookups, model->lookup_count, name); }
const struct config_entity *config_entity(const struct model *model, const char *name) { return FIND(model->entities, model->entity_count, name); }
const struct config_field *config_field(const struct config_entity *entity, const char *name) { return FIND(entity->fields, entity->field_count, name); }
const struct config_group *config_group(const struct config_entity *entity, const char *name) { return FIND(entity->groups, entity->group_count, name); }
const struct config_flow *config_flow(const struct model *model, const char *name) { return FIND(model->flows, model->flow_count, name); }
const struct config_binding *config_binding(const struct config_flow *flow, const char *system) { return FIND(flow->bindings, flow->binding_count, system); }
const struct config_write *config_write_of(const struct config_binding *binding, const char *native) { return FIND(binding->write, binding->write_count, native); }

const char *
config_owner(const struct config_unit *unit, const struct config_entity *entity, const struct config_field *field)
{
	for (uint32_t i = 0; unit != NULL && i < unit->owner_count; i++) {
		const struct config_owner *owner = &unit->owners[i];

		if (strcmp(owner->entity, entity->head.name) == 0 &&
		    (strcmp(owner->field, field->head.name) == 0 || (field->group != NULL && strcmp(owner->field, field->group->head.name) == 0)))
			return owner->system;
	}
	return field->owner;
}

const struct config_settings *
config_settings(const struct config_system *system, const struct config_unit *unit)
{
	const struct config_unit_system *mine = unit != NULL ? config_unit_system(unit, system->head.name) : NULL;

	return mine != NULL && mine->has_settings ? &mine->settings : &system->settings;
}

const struct syncline_object *
config_sdk_object(const struct config_object *object)
{
	return &object->sdk;
}

struct config_place
config_rule_place(const struct config_rule *rule, size_t offset)
{
	struct config_place place = rule->place;
	uint32_t i = rule->piece_count;

	while (i > 0 && rule->pieces[i - 1].offset > offset)
		i--;
	if (i > 0) {
		place.line = rule->pieces[i - 1].line;
		place.column = rule->pieces[i - 1].column + (uint32_t)(offset - rule->pieces[i - 1].offset);
	}
	return place;
}

struct config_place
config_setting_place(const struct config_head *head, const char *setting)
{
	const struct node *node = head->node != NULL && head->node->kind == NODE_GROUP ? tree_find(head->node, setting) : NULL;

	return node != NULL ? node->place : head->place;
}
