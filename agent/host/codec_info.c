/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * codec_info.c: what describes a connector and its objects: descriptor, parameters, capabilities, settings, fields, objects.
 * Pure functions; any thread.
 */
#include <string.h>

#include "host/codec.h"

static uint32_t
count_choices(const char *const *choices)
{
	uint32_t count = 0;

	while (choices != NULL && choices[count] != NULL)
		count++;
	return count;
}

static void
put_param(struct buffer *to, const struct syncline_param *param)
{
	wire_put8(to, param->type);
	wire_put8(to, param->scope);
	wire_put16(to, param->flags);
	wire_put_text(to, param->name);
	wire_put_text(to, param->help);
	wire_put_text(to, param->default_value);
	wire_put8(to, param->choices != NULL);
	codec_put_texts(to, param->choices, count_choices(param->choices));
	wire_put64(to, (uint64_t)param->minimum);
	wire_put64(to, (uint64_t)param->maximum);
}

static void
get_param(struct wire *wire, struct syncline_param *param)
{
	uint32_t count;
	bool has_choices;

	param->struct_size = sizeof *param;
	param->type = wire_get8(wire);
	param->scope = wire_get8(wire);
	param->flags = wire_get16(wire);
	param->name = wire_need_text(wire, SYNCLINE_NAME_MAX);
	param->help = wire_get_text(wire, CODEC_TEXT_MAX);
	param->default_value = wire_get_text(wire, CODEC_TEXT_MAX);
	has_choices = wire_get8(wire) != 0;
	param->choices = codec_get_texts(wire, CODEC_PARAMS_MAX, &count);
	if (!has_choices)
		param->choices = NULL;
	param->minimum = (int64_t)wire_get64(wire);
	param->maximum = (int64_t)wire_get64(wire);
	if (param->type == 0 || param->type >= SYNCLINE_PARAM_TYPE_COUNT ||
	    (param->scope != SYNCLINE_SCOPE_SYSTEM && param->scope != SYNCLINE_SCOPE_OBJECT) ||
	    (param->type == SYNCLINE_PARAM_CHOICE && (!has_choices || count == 0)))
		wire_fail(wire);
}

void
codec_put_capabilities(struct buffer *to, const struct syncline_capabilities *capabilities)
{
	struct syncline_capabilities c;
	const uint8_t *flags = &c.read_full;

	wire_put8(to, capabilities != NULL);
	if (capabilities == NULL)
		return;
	codec_copy_struct(&c, sizeof c, capabilities);
	buffer_append(to, flags, offsetof(struct syncline_capabilities, reserved) - offsetof(struct syncline_capabilities, read_full));
	wire_put32(to, c.write_batch_max);
	wire_put64(to, (uint64_t)c.idempotency_retention_ms);
	wire_put64(to, (uint64_t)c.find_lag_ms);
	wire_put64(to, (uint64_t)c.settle_ms);
}

const struct syncline_capabilities *
codec_get_capabilities(struct wire *wire)
{
	struct syncline_capabilities *c;
	uint8_t *flags;

	if (wire_get8(wire) == 0 || (c = wire_array(wire, 1, sizeof *c)) == NULL)
		return NULL;
	c->struct_size = sizeof *c;
	flags = (uint8_t *)c;
	for (size_t i = offsetof(struct syncline_capabilities, read_full); i < offsetof(struct syncline_capabilities, reserved); i++) {
		flags[i] = wire_get8(wire);
		if (flags[i] > SYNCLINE_NATIVE)
			wire_fail(wire);
	}
	c->write_batch_max = wire_get32(wire);
	c->idempotency_retention_ms = (int64_t)wire_get64(wire);
	c->find_lag_ms = (int64_t)wire_get64(wire);
	c->settle_ms = (int64_t)wire_get64(wire);
	if (c->idempotency_retention_ms < 0 || c->find_lag_ms < 0 || c->settle_ms < 0)
		wire_fail(wire);
	return c;
}

void
codec_put_info(struct buffer *to, const struct syncline_connector *d, uint32_t optional)
{
	const uint8_t *at = (const uint8_t *)d->params;

	wire_put16(to, d->abi_major);
	wire_put16(to, d->abi_minor);
	wire_put_text(to, d->name);
	wire_put_text(to, d->version);
	wire_put_text(to, d->summary);
	wire_put_text(to, d->vendor);
	wire_put_text(to, d->licence);
	wire_put32(to, d->param_count);
	for (uint32_t i = 0; i < d->param_count; i++, at += d->params->struct_size) {
		struct syncline_param param;

		codec_copy_struct(&param, sizeof param, at);
		put_param(to, &param);
	}
	wire_put32(to, d->part_count);
	for (uint32_t i = 0; i < d->part_count; i++)
		wire_put_text(to, d->parts[i].id);
	codec_put_capabilities(to, d->capabilities);
	wire_put32(to, optional);
}

void
codec_get_info(struct wire *wire, struct connector_info *ret_info)
{
	static const struct syncline_capabilities none = { .struct_size = sizeof none };
	struct syncline_connector *d = &ret_info->descriptor;
	struct syncline_param *params;
	struct syncline_part *parts;

	d->struct_size = sizeof *d;
	d->abi_major = wire_get16(wire);
	d->abi_minor = wire_get16(wire);
	d->name = wire_need_text(wire, SYNCLINE_NAME_MAX);
	d->version = wire_need_text(wire, SYNCLINE_NAME_MAX);
	d->summary = wire_get_text(wire, CODEC_TEXT_MAX);
	d->vendor = wire_get_text(wire, CODEC_TEXT_MAX);
	d->licence = wire_get_text(wire, CODEC_TEXT_MAX);
	d->param_count = wire_get_count(wire, 20, CODEC_PARAMS_MAX);
	d->params = params = wire_array(wire, d->param_count, sizeof *params);
	for (uint32_t i = 0; i < d->param_count && !wire->bad; i++)
		get_param(wire, &params[i]);
	d->part_count = wire_get_count(wire, 4, CODEC_PARAMS_MAX);
	d->parts = parts = wire_array(wire, d->part_count, sizeof *parts);
	for (uint32_t i = 0; i < d->part_count && !wire->bad; i++)
		parts[i].id = wire_need_text(wire, SYNCLINE_NAME_MAX);
	d->capabilities = codec_get_capabilities(wire);
	if (d->capabilities == NULL)
		d->capabilities = &none;
	ret_info->optional = wire_get32(wire);
	if (wire->bad)
		d->param_count = d->part_count = 0;
}

void
codec_put_settings(struct buffer *to, const struct syncline_settings *settings)
{
	uint32_t count = settings != NULL ? settings->count : 0;
	const uint8_t *at = count > 0 ? (const uint8_t *)settings->items : NULL;

	wire_put32(to, count);
	for (uint32_t i = 0; i < count; i++, at += settings->items->struct_size) {
		struct syncline_setting s;

		codec_copy_struct(&s, sizeof s, at);
		wire_put8(to, s.type);
		wire_put8(to, s.configured);
		wire_put64(to, (uint64_t)s.integer);
		wire_put_text(to, s.name);
		wire_put_text(to, s.text != NULL ? s.text : "");
		codec_put_texts(to, s.list, s.list_count);
	}
}

const struct syncline_settings *
codec_get_settings(struct wire *wire)
{
	struct syncline_settings *settings = wire_array(wire, 1, sizeof *settings);
	uint32_t count = wire_get_count(wire, 22, CODEC_PARAMS_MAX);
	struct syncline_setting *items = wire_array(wire, count, sizeof *items);

	for (uint32_t i = 0; i < count && items != NULL; i++) {
		items[i].struct_size = sizeof *items;
		items[i].type = wire_get8(wire);
		items[i].configured = wire_get8(wire);
		items[i].integer = (int64_t)wire_get64(wire);
		items[i].name = wire_need_text(wire, SYNCLINE_NAME_MAX);
		items[i].text = wire_need_text(wire, 1024 * 1024);
		items[i].list = codec_get_texts(wire, 65536, &items[i].list_count);
	}
	if (settings != NULL) {
		settings->struct_size = sizeof *settings;
		settings->count = wire->bad ? 0 : count;
		settings->items = items;
	}
	return settings;
}

void
codec_put_fields(struct buffer *to, const struct syncline_field *fields, uint32_t count)
{
	const uint8_t *at = (const uint8_t *)fields;

	wire_put32(to, count);
	for (uint32_t i = 0; i < count; i++, at += fields->struct_size) {
		struct syncline_field f;

		codec_copy_struct(&f, sizeof f, at);
		wire_put8(to, f.type);
		wire_put8(to, f.flags);
		wire_put16(to, f.scale);
		wire_put32(to, f.max_length);
		wire_put_text(to, f.name);
		wire_put_text(to, f.label);
	}
}

const struct syncline_field *
codec_get_fields(struct wire *wire, uint32_t *ret_count)
{
	uint32_t count = wire_get_count(wire, 16, SYNCLINE_FIELDS_MAX);
	struct syncline_field *fields = wire_array(wire, count, sizeof *fields);

	for (uint32_t i = 0; i < count && fields != NULL; i++) {
		fields[i].struct_size = sizeof *fields;
		fields[i].type = wire_get8(wire);
		fields[i].flags = wire_get8(wire);
		fields[i].scale = wire_get16(wire);
		fields[i].max_length = wire_get32(wire);
		fields[i].name = wire_need_text(wire, SYNCLINE_NAME_MAX);
		fields[i].label = wire_get_text(wire, CODEC_TEXT_MAX);
		if (fields[i].type >= SYNCLINE_TYPE_COUNT || fields[i].name[0] == '\0')
			wire_fail(wire);
	}
	*ret_count = wire->bad ? 0 : count;
	return fields;
}

void
codec_put_object(struct buffer *to, const struct syncline_object *object)
{
	struct syncline_object o;

	codec_copy_struct(&o, sizeof o, object);
	wire_put32(to, o.reads);
	wire_put_text(to, o.alias != NULL ? o.alias : "");
	wire_put_text(to, o.native != NULL ? o.native : "");
	codec_put_texts(to, o.key, o.key_count);
	codec_put_fields(to, o.fields, o.field_count);
	wire_put_text(to, o.external_key);
	wire_put_text(to, o.tenant);
	wire_put_text(to, o.version);
	codec_put_texts(to, o.mark, o.mark_count);
	wire_put64(to, (uint64_t)o.overlap_us);
	wire_put_text(to, o.content);
	wire_put_text(to, o.group_into);
	codec_put_settings(to, o.settings);
}

const struct syncline_object *
codec_get_object(struct wire *wire)
{
	struct syncline_object *o = wire_array(wire, 1, sizeof *o);

	if (o == NULL)
		return NULL;
	o->struct_size = sizeof *o;
	o->reads = wire_get32(wire);
	o->alias = wire_need_text(wire, SYNCLINE_NAME_MAX);
	o->native = wire_need_text(wire, CODEC_TEXT_MAX);
	o->key = codec_get_texts(wire, SYNCLINE_FIELDS_MAX, &o->key_count);
	o->fields = codec_get_fields(wire, &o->field_count);
	o->external_key = wire_get_text(wire, SYNCLINE_NAME_MAX);
	o->tenant = wire_get_text(wire, SYNCLINE_NAME_MAX);
	o->version = wire_get_text(wire, SYNCLINE_NAME_MAX);
	o->mark = codec_get_texts(wire, SYNCLINE_FIELDS_MAX, &o->mark_count);
	o->overlap_us = (int64_t)wire_get64(wire);
	o->content = wire_get_text(wire, SYNCLINE_NAME_MAX);
	o->group_into = wire_get_text(wire, SYNCLINE_NAME_MAX);
	o->settings = codec_get_settings(wire);
	return o;
}
