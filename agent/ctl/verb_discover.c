/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_discover.c: `syncline discover`: what a system has, as contracts/SYSTEM.OBJECT.conf, the only files that it writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/load.h"

static const char *const type_names[SYNCLINE_TYPE_COUNT] = { "any", "null", "boolean", "integer", "decimal", "text", "bytes",
	"timestamp", "date", "json", "content" };

struct discovery {
	const struct ctl *ctl;
	const struct config_system *system;
	struct arena arena;
	struct syncline_field *fields;
	uint32_t count, room;
	bool no_memory;
	struct ctl_table objects;
	struct buffer json;
};

static void
found_object(void *data, const struct syncline_object_info *info)
{
	struct discovery *d = data;
	const char *alias = "";

	for (uint32_t i = 0; i < d->system->object_count; i++)
		if (strcmp(d->system->objects[i].native, info->native) == 0)
			alias = d->system->objects[i].head.name;
	if (d->ctl->json) {
		ctl_json_open(&d->json, NULL, '{');
		ctl_json_text(&d->json, "native", info->native);
		ctl_json_text(&d->json, "label", info->label);
		ctl_json_text(&d->json, "alias", alias[0] != '\0' ? alias : NULL);
		ctl_json_close(&d->json, '}');
	} else {
		const char *cells[3] = { info->native, info->label, alias };

		ctl_table_row(&d->objects, cells);
	}
}

static void
found_field(void *data, const struct syncline_field *field)
{
	struct discovery *d = data;
	struct syncline_field *copy;

	if (d->count == d->room) {
		uint32_t room = d->room > 0 ? d->room * 2 : 64;
		struct syncline_field *more = realloc(d->fields, room * sizeof *more);

		if (more == NULL) {
			d->no_memory = true;
			return;
		}
		d->fields = more;
		d->room = room;
	}
	copy = &d->fields[d->count++];
	*copy = *field;
	copy->name = arena_text(&d->arena, field->name);
	copy->label = field->label != NULL ? arena_text(&d->arena, field->label) : NULL;
	d->no_memory = d->no_memory || copy->name == NULL || (field->label != NULL && copy->label == NULL);
}

static void
found_remark(void *data, uint32_t severity, const char *object, const char *message, const char *hint)
{
	struct discovery *d = data;

	(void)severity;
	ctl_say(d->ctl, "%s%s%s: %s", d->system->head.name, object != NULL ? "." : "", object != NULL ? object : "", message);
	if (hint != NULL && hint[0] != '\0')
		ctl_say(d->ctl, "    next: %s", hint);
}

static const struct syncline_field *
field_named(const struct syncline_field *fields, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

/* How the object differs from the contract that there was. */
static unsigned
say_drift(const struct discovery *d, const struct config_object *object)
{
	const struct config_contract *old = object->contract;
	unsigned changes = 0;

	if (old == NULL)
		return 0;
	for (uint32_t i = 0; i < old->field_count; i++) {
		const struct syncline_field *now = field_named(d->fields, d->count, old->fields[i].name);

		if (now == NULL)
			ctl_say(d->ctl, "%s.%s: the field \"%s\" is gone", d->system->head.name, object->head.name, old->fields[i].name);
		else if (now->type != old->fields[i].type)
			ctl_say(d->ctl, "%s.%s: the field \"%s\" was %s and is %s", d->system->head.name, object->head.name, now->name,
			        type_names[old->fields[i].type], type_names[now->type]);
		changes += now == NULL || now->type != old->fields[i].type;
	}
	for (uint32_t i = 0; i < d->count; i++) {
		if (field_named(old->fields, old->field_count, d->fields[i].name) != NULL)
			continue;
		ctl_say(d->ctl, "%s.%s: the field \"%s\" is new", d->system->head.name, object->head.name, d->fields[i].name);
		changes++;
	}
	return changes;
}

/* The file as a whole or not at all: beside it first, on the disk, then in its place. */
static int
write_file(const char *directory, const char *name, const struct buffer *text, struct error *err)
{
	struct buffer path, beside;
	const char *to, *from;
	int fd = -1, result = -1;

	buffer_init(&path, 0);
	buffer_init(&beside, 0);
	buffer_format(&path, "%s/%s", directory, name);
	buffer_format(&beside, "%s/.%s.%ld", directory, name, (long)getpid());
	to = buffer_string(&path);
	from = buffer_string(&beside);
	if (to == NULL || from == NULL) {
		(void)error_memory(err);
	} else if ((mkdir(directory, 0755) != 0 && errno != EEXIST) || (fd = open(from, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) < 0) {
		(void)error_system(err, ERROR_SYSTEM, errno, "writing %s", to);
	} else if (write(fd, text->data, text->length) != (ssize_t)text->length || fsync(fd) != 0 || rename(from, to) != 0) {
		(void)error_system(err, ERROR_SYSTEM, errno, "writing %s", to);
		unlink(from);
	} else {
		result = 0;
	}
	if (fd >= 0)
		close(fd);
	buffer_free(&path);
	buffer_free(&beside);
	return result;
}

static int
put_contract(struct discovery *d, const struct model *model, const struct config_object *object, struct error *err)
{
	const char *system = d->system->head.name, *alias = object->head.name;
	bool schema = ctl_value(d->ctl, "schema") != NULL, print = schema || ctl_value(d->ctl, "print") != NULL;
	struct buffer text;
	char name[2 * SYNCLINE_NAME_MAX + 8];
	int result;

	buffer_init(&text, 0);
	snprintf(name, sizeof name, "%s.%s.conf", system, alias);
	result = schema ? config_contract_to_schema(&text, object->native, d->fields, d->count, err)
	                : config_write_contract(&text, system, alias, object->native, d->fields, d->count, err);
	if (result == 0 && print) {
		fwrite(text.data, 1, text.length, stdout);
		result = fflush(stdout) == 0 ? 0 : error_system(err, ERROR_SYSTEM, errno, "printing the contract");
	} else if (result == 0) {
		say_drift(d, object);
		result = write_file(model->contract_dir, name, &text, err);
		if (result == 0 && !d->ctl->json)
			printf("%s/%s: %u fields\n", model->contract_dir, name, d->count);
	}
	buffer_free(&text);
	return result;
}

static int
discover_object(struct discovery *d, struct connector *connector, const struct model *model, const struct config_object *object,
                struct error *err)
{
	struct connector_findings findings = { .field = found_field, .remark = found_remark, .data = d };

	d->count = 0;
	arena_reset(&d->arena);
	if (connector_discover_fields(connector, config_sdk_object(object), &findings, err) != 0)
		return -1;
	if (d->no_memory)
		return error_memory(err);
	if (d->count == 0)
		return error_set(err, ERROR_DISCOVER, "Look at what the object's `native` names.", "the object %s.%s shows no field", d->system->head.name,
		                 object->head.name);
	return put_contract(d, model, object, err);
}

static int
discover_all(struct discovery *d, struct connector *connector, const struct model *model, struct error *err)
{
	static const char *const heads[] = { "OBJECT", "CALLED", "CONFIGURED AS" };
	struct connector_findings findings = { .object = found_object, .remark = found_remark, .data = d };
	bool print = ctl_value(d->ctl, "schema") != NULL || ctl_value(d->ctl, "print") != NULL;

	ctl_table_init(&d->objects, 3, 0, heads);
	ctl_json_open(&d->json, NULL, '[');
	if (connector_discover_objects(connector, &findings, err) != 0) {
		ctl_table_drop(&d->objects);
		return -1;
	}
	ctl_json_close(&d->json, ']');
	if (d->ctl->json || print)
		ctl_table_drop(&d->objects);
	else
		ctl_table_print(&d->objects);
	for (uint32_t i = 0; i < d->system->object_count; i++)
		if (discover_object(d, connector, model, &d->system->objects[i], err) != 0)
			return -1;
	if (d->ctl->json && !print && ctl_json_print(&d->json, CTL_DONE) != CTL_DONE)
		return error_set(err, ERROR_SYSTEM, NULL, "the result could not be printed");
	return 0;
}

static int
run(struct discovery *d, struct loaded *loaded, struct error *err)
{
	const struct ctl *ctl = d->ctl;
	const struct config_object *object = NULL;
	struct connector *connector = NULL;
	int result;

	if ((d->system = config_system(loaded->model, ctl->operands[0])) == NULL)
		return error_set(err, ERROR_DISCOVER, "It has to stand in `systems`.", "there is no system \"%s\"", ctl->operands[0]);
	if (ctl->operand_count > 1 && (object = config_object(d->system, ctl->operands[1])) == NULL)
		return error_set(err, ERROR_DISCOVER, "`syncline discover SYSTEM` lists what the system has; name it in `objects`.",
		                 "the system \"%s\" has no object \"%s\"", ctl->operands[0], ctl->operands[1]);
	if (systems_start(&loaded->systems, d->system, NULL, false, &connector, err) != 0)
		return -1;
	result = object != NULL ? discover_object(d, connector, loaded->model, object, err) : discover_all(d, connector, loaded->model, err);
	connector_stop(connector);
	return result;
}

enum ctl_exit
verb_discover(struct ctl *ctl)
{
	struct discovery d = { .ctl = ctl };
	struct loaded loaded;
	struct error err;
	enum ctl_exit status = loaded_need(ctl, &loaded);

	arena_init(&d.arena, 0);
	buffer_init(&d.json, 0);
	if (status == CTL_DONE && run(&d, &loaded, &err) != 0) {
		ctl_say_error(ctl, &err);
		status = CTL_FAILED;
	}
	free(d.fields);
	buffer_free(&d.json);
	arena_free(&d.arena);
	loaded_free(&loaded);
	return status;
}
