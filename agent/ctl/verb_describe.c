/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_describe.c: `syncline describe`: per field and system, owner, policy and rules, for sign-off and for the difference
 * between two versions.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/load.h"

static const char *const policies[] = { "owner", "newest", "set_if_empty", "union", "manual" };

static void
add_text(struct buffer *text, const char *piece)
{
	if (text->length > 0)
		buffer_text(text, "; ");
	buffer_text(text, piece);
}

/* How a binding reads a field: the native path or the rule; NULL when it doesn't. */
static const char *
read_of(const struct config_binding *binding, const char *field)
{
	for (uint32_t i = 0; i < binding->map_count; i++)
		if (strcmp(binding->maps[i].head.name, field) == 0)
			return binding->maps[i].native;
	for (uint32_t i = 0; i < binding->read_count; i++)
		if (strcmp(binding->read[i].head.name, field) == 0)
			return binding->read[i].from != NULL ? binding->read[i].from : binding->read[i].rule.text;
	return NULL;
}

static void
describe_field(const struct config_flow *flow, const struct config_field *field, struct ctl_table *table)
{
	struct buffer where;
	const char *cells[5] = { field->head.name, config_type_name((enum config_type)field->type), field->owner,
		policies[field->policy < 5 ? field->policy : 0], "" };

	buffer_init(&where, 0);
	for (uint32_t b = 0; b < flow->binding_count; b++) {
		const char *rule = flow->bindings[b].reads ? read_of(&flow->bindings[b], field->head.name) : NULL;

		if (rule == NULL)
			continue;
		if (where.length > 0)
			buffer_text(&where, "; ");
		buffer_format(&where, "%s: %s", flow->bindings[b].head.name, rule);
	}
	if (where.length > 0)
		cells[4] = buffer_string(&where);
	ctl_table_row(table, cells);
	buffer_free(&where);
}

static void
describe_writes(const struct config_binding *binding, struct ctl_table *table)
{
	for (uint32_t i = 0; i < binding->map_count; i++) {
		const char *cells[4] = { binding->head.name, binding->maps[i].native, binding->maps[i].head.name, "" };

		ctl_table_row(table, cells);
	}
	for (uint32_t i = 0; i < binding->write_count; i++) {
		const char *cells[4] = { binding->head.name, binding->write[i].head.name, binding->write[i].rule.text,
			binding->write[i].create_only ? "at creation" : "" };

		ctl_table_row(table, cells);
	}
}

static void
print_flow(const struct config_flow *flow)
{
	static const char *const field_heads[] = { "FIELD", "TYPE", "OWNER", "POLICY", "READ FROM" };
	static const char *const write_heads[] = { "WRITES TO", "NATIVE FIELD", "RULE", "WHEN" };
	struct ctl_table table;
	struct buffer units;
	const char *text;

	buffer_init(&units, 0);
	for (uint32_t i = 0; i < flow->units.count; i++)
		add_text(&units, flow->units.items[i]);
	text = buffer_string(&units);
	printf("flow %s: entity %s, units %s\n\n", flow->head.name, flow->entity->head.name, text != NULL ? text : "");
	buffer_free(&units);
	ctl_table_init(&table, 5, 0, field_heads);
	for (uint32_t i = 0; i < flow->entity->field_count; i++)
		describe_field(flow, &flow->entity->fields[i], &table);
	ctl_table_print(&table);
	puts("");
	ctl_table_init(&table, 4, 0, write_heads);
	for (uint32_t b = 0; b < flow->binding_count; b++)
		if (flow->bindings[b].writes)
			describe_writes(&flow->bindings[b], &table);
	if (table.rows > 1)
		ctl_table_print(&table);
	else
		ctl_table_drop(&table);
	puts("");
}

static void
json_binding(struct buffer *json, const struct config_binding *binding)
{
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "system", binding->head.name);
	ctl_json_text(json, "object", binding->object->head.name);
	ctl_json_boolean(json, "reads", binding->reads);
	ctl_json_boolean(json, "writes", binding->writes);
	ctl_json_boolean(json, "originates", binding->originates);
	ctl_json_text(json, "create_if", binding->create_if.text);
	ctl_json_open(json, "map", '{');
	for (uint32_t i = 0; i < binding->map_count; i++)
		ctl_json_text(json, binding->maps[i].head.name, binding->maps[i].native);
	ctl_json_close(json, '}');
	ctl_json_open(json, "read", '{');
	for (uint32_t i = 0; i < binding->read_count; i++)
		ctl_json_text(json, binding->read[i].head.name, binding->read[i].from != NULL ? binding->read[i].from : binding->read[i].rule.text);
	ctl_json_close(json, '}');
	ctl_json_open(json, "write", '{');
	for (uint32_t i = 0; i < binding->write_count; i++)
		ctl_json_text(json, binding->write[i].head.name, binding->write[i].rule.text);
	ctl_json_close(json, '}');
	ctl_json_close(json, '}');
}

static void
json_flow(struct buffer *json, const struct config_flow *flow)
{
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "flow", flow->head.name);
	ctl_json_text(json, "entity", flow->entity->head.name);
	ctl_json_open(json, "units", '[');
	for (uint32_t i = 0; i < flow->units.count; i++)
		ctl_json_text(json, NULL, flow->units.items[i]);
	ctl_json_close(json, ']');
	ctl_json_open(json, "fields", '[');
	for (uint32_t i = 0; i < flow->entity->field_count; i++) {
		const struct config_field *field = &flow->entity->fields[i];

		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "name", field->head.name);
		ctl_json_text(json, "type", config_type_name((enum config_type)field->type));
		ctl_json_text(json, "owner", field->owner);
		ctl_json_text(json, "policy", policies[field->policy < 5 ? field->policy : 0]);
		ctl_json_boolean(json, "required", field->required);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
	ctl_json_open(json, "bindings", '[');
	for (uint32_t b = 0; b < flow->binding_count; b++)
		json_binding(json, &flow->bindings[b]);
	ctl_json_close(json, ']');
	ctl_json_close(json, '}');
}

enum ctl_exit
verb_describe(struct ctl *ctl)
{
	struct loaded loaded;
	struct buffer json;
	enum ctl_exit status = loaded_need(ctl, &loaded);
	uint32_t shown = 0;

	buffer_init(&json, 0);
	ctl_json_open(&json, NULL, '[');
	for (uint32_t i = 0; status == CTL_DONE && i < loaded.model->flow_count; i++) {
		const struct config_flow *flow = &loaded.model->flows[i];

		if (ctl->operand_count > 0 && strcmp(ctl->operands[0], flow->head.name) != 0)
			continue;
		shown++;
		if (ctl->json)
			json_flow(&json, flow);
		else
			print_flow(flow);
	}
	ctl_json_close(&json, ']');
	if (status == CTL_DONE && shown == 0) {
		struct error err;

		(void)error_set(&err, ERROR_USAGE, "`syncline describe` without a name prints all.", "there is no flow%s%s",
		                ctl->operand_count > 0 ? " named " : "", ctl->operand_count > 0 ? ctl->operands[0] : "");
		ctl_say_error(ctl, &err);
		status = CTL_USAGE;
	} else if (status == CTL_DONE && ctl->json) {
		status = ctl_json_print(&json, status);
	}
	buffer_free(&json);
	loaded_free(&loaded);
	return status;
}
