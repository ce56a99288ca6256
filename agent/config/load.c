/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c: from files to the checked model, step by step, and the functions that find things in it.  Loading is done by one
 * thread; the model may then be read by any.
 */
#include <stdlib.h>
#include <string.h>

#include "config/grammar.h"

#define MODEL_MAX ((size_t)1024 * 1024 * 1024)

void
report_no_such(struct loader *l, const struct config_place *place, const char *kind, const char *name, const char *const *names, size_t count)
{
	char hint[128];

	if (l->incomplete || names == NULL)
		return; /* it may stand in the file that could not be read */
	memcpy(hint, "None is configured.", sizeof "None is configured.");
	if (count > 0)
		memcpy(hint, "Look for a slip in the name, or add it.", sizeof "Look for a slip in the name, or add it.");
	report(l, place, REFERENCE, loader_hint(l, name, names, count, hint), "there is no %s %.80s", kind, name);
}

bool
texts_have(const struct config_texts *texts, const char *name)
{
	for (uint32_t i = 0; i < texts->count; i++)
		if (strcmp(texts->items[i], name) == 0)
			return true;
	return false;
}

const char *const *
names_of(struct loader *l, const void *items, size_t count, size_t size)
{
	const char **names = loader_keep(l, arena_array(l->arena, count + 1, sizeof *names));

	for (size_t i = 0; i < count && names != NULL; i++)
		names[i] = ((const struct config_head *)(const void *)((const char *)items + i * size))->name;
	return names;
}

static void
take_file(struct model *model, const struct file *file)
{
	model->agent = file->agent;
	model->systems = file->systems;
	model->system_count = file->system_count;
	model->units = file->units;
	model->unit_count = file->unit_count;
	model->lookups = file->lookups;
	model->lookup_count = file->lookup_count;
	model->entities = file->entities;
	model->entity_count = file->entity_count;
	model->flows = file->flows;
	model->flow_count = file->flow_count;
}

static int
check_lookups(struct loader *l)
{
	struct model *model = l->model;

	for (uint32_t i = 0; i < model->lookup_count; i++) {
		struct config_lookup_table *lookup = &model->lookups[i];
		struct config_place place = config_setting_place(&lookup->head, "delimiter");

		if (strlen(lookup->delimiter) != 1 || lookup->delimiter[0] == '"' || (unsigned char)lookup->delimiter[0] >= 0x80)
			report(l, &place, VALUE, "Write one character, as in \";\" or \"\\t\".", "delimiter must be one plain character");
		place = config_setting_place(&lookup->head, "file");
		if (lookup->file == NULL)
			continue;
		if (lookup->file[0] == '/' || model->conf_dir == NULL)
			lookup->path = lookup->file;
		else
			lookup->path = loader_keep(l, arena_format(l->arena, "%s/%s", model->conf_dir, lookup->file));
		if (strncmp(lookup->file, "../", 3) == 0 || strstr(lookup->file, "/../") != NULL)
			report(l, &place, VALUE, "Put it below the folder of --config, or write an absolute path.", "file leads out of the configuration's folder");
	}
	return l->no_memory ? -1 : 0;
}

static int
load(struct loader *l)
{
	struct file file = { 0 };

	if ((l->root = loader_keep(l, arena_zalloc(l->arena, sizeof *l->root))) == NULL)
		return -1;
	l->root->name = "";
	l->root->kind = NODE_GROUP;
	if (files_read(l) != 0 || grammar_fill(l, l->root, GRAMMAR_FILE, &file) != 0)
		return -1;
	take_file(l->model, &file);
	if (check_systems(l, &file) != 0 || check_entities(l) != 0 || check_units(l) != 0 || check_lookups(l) != 0 || check_flows(l) != 0)
		return -1;
	return l->no_memory ? -1 : 0;
}

static int
name_folders(struct loader *l)
{
	struct model *model = l->model;
	const struct config_options *options = l->options;

	if (options->conf_dir != NULL) {
		size_t length = strlen(options->conf_dir);

		while (length > 1 && options->conf_dir[length - 1] == '/')
			length--;
		model->conf_dir = loader_keep(l, arena_copy(l->arena, options->conf_dir, length));
		if (model->conf_dir == NULL || (model->contract_dir = loader_keep(l, arena_format(l->arena, "%s/contracts", model->conf_dir))) == NULL)
			return -1;
	}
	if (options->site_dir != NULL && (model->site_dir = loader_keep(l, arena_text(l->arena, options->site_dir))) == NULL)
		return -1;
	return 0;
}

int
config_load(const struct config_options *options, struct model **ret_model, struct diagnostics *diagnostics)
{
	struct loader l = { .diagnostics = diagnostics, .options = options };
	struct model *model = calloc(1, sizeof *model);
	struct error err;

	if (model != NULL) {
		arena_init(&model->arena, options->memory_max != 0 ? options->memory_max : MODEL_MAX);
		l.model = model;
		l.arena = &model->arena;
	}
	if (model == NULL || name_folders(&l) != 0 || load(&l) != 0 || diagnostics->no_memory) {
		error_memory(&err);
		diagnostics_add(diagnostics, NULL, &err);
	}
	diagnostics_sort(diagnostics);
	if (diagnostics->count > 0 || diagnostics->no_memory) {
		config_free(model);
		return -1;
	}
	*ret_model = model;
	return 0;
}

void
config_free(struct model *model)
{
	if (model == NULL)
		return;
	arena_free(&model->arena);
	free(model);
}

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
