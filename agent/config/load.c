/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.c: from files to the checked model, step by step.  Loading is done by one thread.
 */
#include <stdlib.h>
#include <string.h>

#include "config/grammar.h"

#define MODEL_MAX ((size_t)1024 * 1024 * 1024)

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
read_tree(struct loader *l)
{
	if (l->options->again != NULL) {
		l->model->tree = l->options->again->tree;
		return 0;
	}
	if ((l->root = loader_keep(l, arena_zalloc(l->arena, sizeof *l->root))) == NULL)
		return -1;
	l->root->name = "";
	l->root->kind = NODE_GROUP;
	l->model->tree = l->root;
	return files_read(l);
}

static int
load(struct loader *l)
{
	struct file file = { 0 };

	if (read_tree(l) != 0 || grammar_fill(l, l->model->tree, GRAMMAR_FILE, &file) != 0)
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
