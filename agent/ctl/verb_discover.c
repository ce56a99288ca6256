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

#include "base/text.h"
#include "ctl/load.h"

static const char *const type_names[SYNCLINE_TYPE_COUNT] = { "any", "null", "boolean", "integer", "decimal", "text", "bytes",
	"timestamp", "date", "json", "content" };

/* Lists of JSON objects are kept beside each other, for they come in any order and stand in one value at the end. */
struct discovery {
	const struct ctl *ctl;
	const struct config_system *system;
	struct arena arena; /* of one object's fields */
	struct syncline_field *fields;
	uint32_t count, room;
	bool no_memory;
	bool schema, print; /* print the contract, as a JSON Schema or as it is, instead of writing it */
	unsigned failed;    /* objects */
	struct ctl_table objects;
	struct buffer found, contracts, remarks;
};

/* A list that is put together piece by piece has no bracket yet. */
static void
open_item(struct buffer *list)
{
	if (list->length > 0)
		buffer_char(list, ',');
	buffer_char(list, '{');
}

static void
found_object(void *data, const struct syncline_object_info *info)
{
	struct discovery *d = data;
	const char *alias = "";

	for (uint32_t i = 0; i < d->system->object_count; i++)
		if (strcmp(d->system->objects[i].native, info->native) == 0)
			alias = d->system->objects[i].head.name;
	const char *cells[3] = { info->native, info->label, alias };

	ctl_table_row(&d->objects, cells);
	open_item(&d->found);
	ctl_json_text(&d->found, "native", info->native);
	ctl_json_text(&d->found, "label", info->label);
	ctl_json_text(&d->found, "alias", alias[0] != '\0' ? alias : NULL);
	ctl_json_close(&d->found, '}');
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
	open_item(&d->remarks);
	ctl_json_text(&d->remarks, "object", object);
	ctl_json_text(&d->remarks, "message", message);
	ctl_json_text(&d->remarks, "hint", hint);
	ctl_json_close(&d->remarks, '}');
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

/* `was` or `is` NULL: there was, or there is, no such field. */
static void
drifted(struct discovery *d, const struct config_object *object, const char *field, const char *was, const char *is)
{
	if (is == NULL)
		ctl_say(d->ctl, "%s.%s: the field \"%s\" is gone", d->system->head.name, object->head.name, field);
	else if (was == NULL)
		ctl_say(d->ctl, "%s.%s: the field \"%s\" is new", d->system->head.name, object->head.name, field);
	else
		ctl_say(d->ctl, "%s.%s: the field \"%s\" was %s and is %s", d->system->head.name, object->head.name, field, was, is);
	ctl_json_open(&d->contracts, NULL, '{');
	ctl_json_text(&d->contracts, "field", field);
	ctl_json_text(&d->contracts, "was", was);
	ctl_json_text(&d->contracts, "is", is);
	ctl_json_close(&d->contracts, '}');
}

/* How the object differs from the contract that there was. */
static void
say_drift(struct discovery *d, const struct config_object *object)
{
	const struct config_contract *old = object->contract;

	ctl_json_open(&d->contracts, "drift", '[');
	for (uint32_t i = 0; old != NULL && i < old->field_count; i++) {
		const struct syncline_field *now = field_named(d->fields, d->count, old->fields[i].name);

		if (now == NULL || now->type != old->fields[i].type)
			drifted(d, object, old->fields[i].name, type_names[old->fields[i].type], now != NULL ? type_names[now->type] : NULL);
	}
	for (uint32_t i = 0; old != NULL && i < d->count; i++)
		if (field_named(old->fields, old->field_count, d->fields[i].name) == NULL)
			drifted(d, object, d->fields[i].name, NULL, type_names[d->fields[i].type]);
	ctl_json_close(&d->contracts, ']');
}

static int
write_whole(int fd, const struct buffer *text)
{
	for (size_t done = 0; done < text->length;) {
		ssize_t wrote = write(fd, text->data + done, text->length - done);

		if (wrote < 0 && errno != EINTR)
			return -1;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return 0;
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
		error_hint(err, "Give this user the right to write there, or put what --print shows there yourself.");
	} else if (write_whole(fd, text) != 0 || fsync(fd) != 0 || rename(from, to) != 0) {
		(void)error_system(err, ERROR_SYSTEM, errno, "writing %s", to);
		error_hint(err, "The contract that stood there is as it was. Look whether the disk is full.");
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

/* Writes the contract, or prints it; in JSON it stands in the item of its object. */
static int
put_contract(struct discovery *d, const struct model *model, const struct config_object *object, const struct buffer *text, struct error *err)
{
	char name[2 * SYNCLINE_NAME_MAX + 8], *path;

	snprintf(name, sizeof name, "%s.%s.conf", d->system->head.name, object->head.name);
	ctl_json_number(&d->contracts, "fields", d->count);
	if (d->print) {
		ctl_json_key(&d->contracts, "contract");
		text_json_string(&d->contracts, text->data, text->length);
		if (!d->ctl->json)
			ctl_put(CTL_OUT, text->data, text->length);
		return 0;
	}
	if (write_file(model->contract_dir, name, text, err) != 0)
		return -1;
	if ((path = arena_format(&d->arena, "%s/%s", model->contract_dir, name)) == NULL)
		return error_memory(err);
	ctl_json_text(&d->contracts, "file", path);
	if (!d->ctl->json)
		ctl_print("%s: %u fields\n", path, d->count);
	return 0;
}

static int
ask_fields(struct discovery *d, struct connector *connector, const struct config_object *object, struct error *err)
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
	return 0;
}

static int
contract_of(struct discovery *d, struct connector *connector, const struct model *model, const struct config_object *object, struct error *err)
{
	struct buffer text;
	int result;

	if (ask_fields(d, connector, object, err) != 0)
		return -1;
	buffer_init(&text, 0);
	result = d->schema ? config_contract_to_schema(&text, object->native, d->fields, d->count, err)
	                   : config_write_contract(&text, d->system->head.name, object->head.name, object->native, d->fields, d->count, err);
	if (result == 0 && d->schema) {
		if (d->contracts.length > 0)
			buffer_char(&d->contracts, ',');
		buffer_append(&d->contracts, text.data, text.length);
	} else if (result == 0) {
		say_drift(d, object);
		result = put_contract(d, model, object, &text, err);
	}
	buffer_free(&text);
	return result;
}

/* What is wrong with one object doesn't keep the others from being asked. */
static void
discover_object(struct discovery *d, struct connector *connector, const struct model *model, const struct config_object *object)
{
	struct error err = { 0 };
	int result;

	if (!d->schema) {
		open_item(&d->contracts);
		ctl_json_text(&d->contracts, "object", object->head.name);
	}
	result = contract_of(d, connector, model, object, &err);
	if (result != 0) {
		d->failed++;
		error_place(&err, "%s.%s", d->system->head.name, object->head.name);
		if (!d->ctl->json)
			ctl_say_error(d->ctl, &err);
		if (d->schema)
			open_item(&d->contracts);
		ctl_json_key(&d->contracts, "error");
		ctl_json_error(&d->contracts, &err);
	}
	if (!d->schema || result != 0)
		ctl_json_close(&d->contracts, '}');
}

static int
discover_all(struct discovery *d, struct connector *connector, const struct model *model, struct error *err)
{
	static const char *const heads[] = { "OBJECT", "CALLED", "CONFIGURED AS" };
	struct connector_findings findings = { .object = found_object, .remark = found_remark, .data = d };

	ctl_table_init(&d->objects, 3, 0, heads);
	if (connector_discover_objects(connector, &findings, err) != 0) {
		ctl_table_drop(&d->objects);
		return -1;
	}
	if (d->ctl->json || d->print || d->schema)
		ctl_table_drop(&d->objects);
	else
		ctl_table_print(&d->objects);
	for (uint32_t i = 0; i < d->system->object_count; i++)
		discover_object(d, connector, model, &d->system->objects[i]);
	return 0;
}

/* A list that was kept without its brackets. */
static void
json_list(struct buffer *json, const char *name, const struct buffer *items)
{
	ctl_json_open(json, name, '[');
	buffer_append(json, items->data, items->length);
	ctl_json_close(json, ']');
	if (items->failed)
		json->failed = 1;
}

/* One schema for one object, a list of them for a system; else all that was found. */
static enum ctl_exit
print_json(const struct discovery *d, enum ctl_exit status)
{
	struct buffer json;

	buffer_init(&json, 0);
	if (d->schema && d->ctl->operand_count > 1) {
		buffer_append(&json, d->contracts.data, d->contracts.length);
		json.failed = json.failed || d->contracts.failed;
	} else if (d->schema) {
		json_list(&json, NULL, &d->contracts);
	} else {
		ctl_json_open(&json, NULL, '{');
		ctl_json_text(&json, "system", d->system->head.name);
		json_list(&json, "objects", &d->found);
		json_list(&json, "contracts", &d->contracts);
		json_list(&json, "remarks", &d->remarks);
		ctl_json_close(&json, '}');
	}
	return ctl_json_print(&json, status);
}

static int
run(struct discovery *d, struct loaded *loaded, struct error *err)
{
	const struct ctl *ctl = d->ctl;
	const struct config_object *object = NULL;
	struct connector *connector = NULL;
	int result = 0;

	if ((d->system = config_system(loaded->model, ctl->operands[0])) == NULL)
		return error_set(err, ERROR_DISCOVER, "It has to stand in `systems`.", "there is no system \"%s\"", ctl->operands[0]);
	if (ctl->operand_count > 1 && (object = config_object(d->system, ctl->operands[1])) == NULL)
		return error_set(err, ERROR_DISCOVER, "`syncline discover SYSTEM` lists what the system has; name it in `objects`.",
		                 "the system \"%s\" has no object \"%s\"", ctl->operands[0], ctl->operands[1]);
	if (systems_start(&loaded->systems, d->system, NULL, false, NULL, NULL, &connector, err) != 0)
		return -1;
	if (object != NULL)
		discover_object(d, connector, loaded->model, object);
	else
		result = discover_all(d, connector, loaded->model, err);
	connector_stop(connector);
	return result;
}

enum ctl_exit
verb_discover(struct ctl *ctl)
{
	struct discovery d = { .ctl = ctl, .schema = ctl_value(ctl, "schema") != NULL };
	struct loaded loaded;
	struct error err = { 0 };
	enum ctl_exit status;

	d.print = !d.schema && ctl_value(ctl, "print") != NULL;
	arena_init(&d.arena, 0);
	buffer_init(&d.found, 0);
	buffer_init(&d.contracts, 0);
	buffer_init(&d.remarks, 0);
	loaded_begin(ctl, &loaded);
	loaded.ignore_contracts = true;
	status = loaded_need(ctl, &loaded);
	if (status == CTL_DONE && run(&d, &loaded, &err) != 0) {
		ctl_say_error(ctl, &err);
		status = CTL_FAILED;
	} else if (status == CTL_DONE) {
		status = d.failed > 0 ? CTL_FAILED : CTL_DONE;
		/* Without --json a schema that there isn't was told already. */
		if (ctl->json || (d.schema && d.failed == 0))
			status = print_json(&d, status);
	}
	free(d.fields);
	buffer_free(&d.found);
	buffer_free(&d.contracts);
	buffer_free(&d.remarks);
	arena_free(&d.arena);
	loaded_free(&loaded);
	return status;
}
