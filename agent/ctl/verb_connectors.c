/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_connectors.c: `syncline connectors`: what is installed, and what one of them takes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/load.h"

static const char *const type_names[SYNCLINE_PARAM_TYPE_COUNT] = { "", "text", "integer", "boolean", "duration", "size", "choice",
	"list", "path", "url", "secret" };
static const char *const levels[] = { "none", "emulated", "native" };

static const struct {
	const char *name;
	size_t offset;
} capabilities[] = {
#define CAPABILITY(name) { #name, offsetof(struct syncline_capabilities, name) }
	CAPABILITY(read_full), CAPABILITY(read_delta), CAPABILITY(read_deletes), CAPABILITY(get), CAPABILITY(find), CAPABILITY(count),
	CAPABILITY(digest), CAPABILITY(content), CAPABILITY(create), CAPABILITY(update), CAPABILITY(remove), CAPABILITY(partial_update),
	CAPABILITY(upsert), CAPABILITY(idempotency), CAPABILITY(conditional_write), CAPABILITY(version_comparable),
	CAPABILITY(batch_atomic), CAPABILITY(returns_stored_form),
#undef CAPABILITY
};

static const char *
level(const struct syncline_capabilities *from, size_t index)
{
	uint8_t value = *((const uint8_t *)from + capabilities[index].offset);

	return levels[value < 3 ? value : 0];
}

static void
parts_text(const struct syncline_connector *connector, struct buffer *text)
{
	buffer_clear(text);
	for (uint32_t i = 0; i < connector->part_count; i++)
		buffer_format(text, "%s%s", i > 0 ? " " : "", connector->parts[i].id);
}

static void
parts_json(const struct syncline_connector *connector, struct buffer *json)
{
	ctl_json_open(json, "parts", '[');
	for (uint32_t i = 0; i < connector->part_count; i++)
		ctl_json_text(json, NULL, connector->parts[i].id);
	ctl_json_close(json, ']');
}

static void
param_json(struct syncline_param param, struct buffer *json)
{
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "name", param.name);
	ctl_json_text(json, "type", type_names[param.type]);
	ctl_json_text(json, "scope", param.scope == SYNCLINE_SCOPE_OBJECT ? "object" : "system");
	ctl_json_boolean(json, "required", (param.flags & SYNCLINE_PARAM_REQUIRED) != 0);
	ctl_json_text(json, "default", param.default_value);
	ctl_json_open(json, "choices", '[');
	for (uint32_t c = 0; param.choices != NULL && param.choices[c] != NULL; c++)
		ctl_json_text(json, NULL, param.choices[c]);
	ctl_json_close(json, ']');
	ctl_json_text(json, "help", param.help);
	ctl_json_close(json, '}');
}

static enum ctl_exit
print_one_json(const struct syncline_connector *connector)
{
	struct buffer json;

	buffer_init(&json, 0);
	ctl_json_open(&json, NULL, '{');
	ctl_json_text(&json, "name", connector->name);
	ctl_json_text(&json, "version", connector->version);
	ctl_json_text(&json, "summary", connector->summary);
	ctl_json_text(&json, "vendor", connector->vendor);
	ctl_json_text(&json, "licence", connector->licence);
	parts_json(connector, &json);
	ctl_json_open(&json, "params", '[');
	for (uint32_t i = 0; i < connector->param_count; i++)
		param_json(config_param(connector, i), &json);
	ctl_json_close(&json, ']');
	ctl_json_open(&json, "capabilities", '{');
	for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
		ctl_json_text(&json, capabilities[i].name, level(connector->capabilities, i));
	ctl_json_close(&json, '}');
	ctl_json_close(&json, '}');
	return ctl_json_print(&json, CTL_DONE);
}

static enum ctl_exit
print_one(const struct syncline_connector *connector)
{
	static const char *const heads[] = { "PARAMETER", "SCOPE", "TYPE", "DEFAULT", "MEANING" };
	struct ctl_table table;
	struct buffer text;
	const char *parts;

	buffer_init(&text, 0);
	parts_text(connector, &text);
	parts = buffer_string(&text);
	ctl_print("%s %s: %s\nby %s, %s\nparts: %s\n", connector->name, connector->version, connector->summary, connector->vendor,
	          connector->licence, parts != NULL ? parts : "");
	ctl_format("can: ");
	for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
		if (strcmp(level(connector->capabilities, i), "none") != 0)
			ctl_format("%s (%s) ", capabilities[i].name, level(connector->capabilities, i));
	ctl_format("\n\n");
	ctl_table_init(&table, 5, 0, heads);
	for (uint32_t i = 0; i < connector->param_count; i++) {
		struct syncline_param param = config_param(connector, i);
		const char *cells[5] = { param.name, param.scope == SYNCLINE_SCOPE_OBJECT ? "object" : "system", type_names[param.type],
			param.default_value != NULL ? param.default_value : (param.flags & SYNCLINE_PARAM_REQUIRED) != 0 ? "(required)" : "",
			param.help };

		buffer_clear(&text);
		for (uint32_t c = 0; param.choices != NULL && param.choices[c] != NULL; c++)
			buffer_format(&text, "%s%s", c > 0 ? "|" : "", param.choices[c]);
		if (text.length > 0 && (cells[2] = buffer_string(&text)) == NULL)
			cells[2] = "choice";
		ctl_table_row(&table, cells);
	}
	ctl_table_print(&table);
	buffer_free(&text);
	return CTL_DONE;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of all NAME.so in the folder, sorted, in the arena. */
static int
list_names(const char *directory, struct arena *arena, char ***ret_names, size_t *ret_count, struct error *err)
{
	enum { MOST = 1024 };
	DIR *dir = opendir(directory);
	struct dirent *entry;
	char **names = arena_array(arena, MOST, sizeof *names);
	size_t count = 0;

	if (dir == NULL) {
		(void)error_system(err, ERROR_CONNECTOR_MISSING, errno, "the folder of the connectors, %s", directory);
		error_hint(err, "Name the folder that holds them with --connectors DIR.");
		return -1;
	}
	while (names != NULL && count < MOST && (entry = readdir(dir)) != NULL) {
		size_t length = strlen(entry->d_name);

		if (length > 3 && strcmp(entry->d_name + length - 3, ".so") == 0 && (names[count] = arena_copy(arena, entry->d_name, length - 3)) != NULL)
			count++;
	}
	closedir(dir);
	if (names == NULL)
		return error_memory(err);
	qsort(names, count, sizeof *names, by_name);
	*ret_names = names;
	*ret_count = count;
	return 0;
}

static void
list_json(const char *name, const struct connector_info *info, const struct error *err, struct buffer *json)
{
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "name", name);
	ctl_json_boolean(json, "good", info != NULL);
	if (info != NULL) {
		ctl_json_text(json, "version", info->descriptor.version);
		ctl_json_text(json, "summary", info->descriptor.summary);
		parts_json(&info->descriptor, json);
	} else {
		ctl_json_key(json, "error");
		ctl_json_error(json, err);
	}
	ctl_json_close(json, '}');
}

static void
list_row(const char *name, const struct connector_info *info, const struct error *err, struct ctl_table *table)
{
	const char *cells[4] = { name, "", "", err->message };
	struct buffer parts;

	buffer_init(&parts, 0);
	if (info != NULL) {
		parts_text(&info->descriptor, &parts);
		cells[1] = info->descriptor.version;
		cells[2] = buffer_string(&parts);
		cells[3] = info->descriptor.summary;
	}
	ctl_table_row(table, cells);
	buffer_free(&parts);
}

/* A row or a JSON object; a connector that can't be asked says why. */
static bool
list_one(const struct loaded *loaded, const char *name, struct ctl_table *table, struct buffer *json)
{
	struct connector_info *info = NULL;
	struct error err = { 0 };
	bool good = systems_describe(&loaded->systems, name, &info, &err) == 0;

	list_row(name, info, &err, table);
	list_json(name, info, &err, json);
	connector_info_free(info);
	return good;
}

static enum ctl_exit
list_all(const struct ctl *ctl, const struct loaded *loaded)
{
	static const char *const heads[] = { "CONNECTOR", "VERSION", "PARTS", "SPEAKS TO" };
	enum ctl_exit status = CTL_DONE;
	struct ctl_table table;
	struct arena arena;
	struct buffer json;
	struct error err;
	char **names = NULL;
	size_t count = 0;

	arena_init(&arena, 0);
	if (list_names(ctl->connector_dir, &arena, &names, &count, &err) != 0) {
		ctl_say_error(ctl, &err);
		arena_free(&arena);
		return CTL_FAILED;
	}
	buffer_init(&json, 0);
	ctl_table_init(&table, 4, 0, heads);
	ctl_json_open(&json, NULL, '[');
	for (size_t i = 0; i < count; i++)
		if (!list_one(loaded, names[i], &table, &json))
			status = CTL_FINDINGS;
	ctl_json_close(&json, ']');
	if (ctl->json) {
		ctl_table_drop(&table);
		status = ctl_json_print(&json, status);
	} else {
		if (count == 0)
			ctl_say(ctl, "there is no connector in %s", ctl->connector_dir);
		ctl_table_print(&table);
		if (status == CTL_FINDINGS)
			ctl_say(ctl, "a connector without a version cannot be used; `syncline connectors NAME` says what to do");
		buffer_free(&json);
	}
	arena_free(&arena);
	return status;
}

enum ctl_exit
verb_connectors(struct ctl *ctl)
{
	struct connector_info *info = NULL;
	struct loaded loaded;
	struct error err;
	enum ctl_exit status;

	loaded_begin(ctl, &loaded);
	if (ctl->operand_count == 0)
		return list_all(ctl, &loaded);
	if (systems_describe(&loaded.systems, ctl->operands[0], &info, &err) != 0) {
		ctl_say_error(ctl, &err);
		return CTL_FAILED;
	}
	status = ctl->json ? print_one_json(&info->descriptor) : print_one(&info->descriptor);
	connector_info_free(info);
	return status;
}
