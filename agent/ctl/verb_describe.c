/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_describe.c: `syncline describe`: per field and system, owner, policy and rules, for sign-off and for the difference
 * between two versions.
 */
#include <stdio.h>
#include <string.h>

#include "ctl/load.h"

/* The words of the configuration, by the numbers of the model. */
static const char *const policies[] = { "owner", "newest", "set_if_empty", "union", "manual" };
static const char *const seen_words[] = { "review", "accept", "ignore", "restore" };
static const char *const do_words[] = { "none", "deactivate", "delete", "unlink" };
static const char *const guard_words[] = { "default", "version", "reread", "none" };
#define WORD(words, number) ((words)[(number) < sizeof(words) / sizeof *(words) ? (number) : 0])

static void
add_texts(struct buffer *text, const struct config_texts *texts, const char *between)
{
	for (uint32_t i = 0; i < texts->count; i++)
		buffer_format(text, "%s%s", i > 0 ? between : "", texts->items[i]);
}

/* The rule of a read, or of each field of a list's element. */
static void
add_read(struct buffer *text, const struct config_read *read)
{
	if (read->from == NULL) {
		buffer_text(text, read->rule.text != NULL ? read->rule.text : "");
		return;
	}
	buffer_format(text, "%s { ", read->from);
	for (uint32_t i = 0; i < read->read_count; i++) {
		buffer_format(text, "%s%s = ", i > 0 ? ", " : "", read->reads[i].head.name);
		add_read(text, &read->reads[i]);
	}
	buffer_text(text, " }");
}

/* How a binding reads a field; nothing when it doesn't. */
static void
add_read_of(struct buffer *text, const struct config_binding *binding, const char *field)
{
	for (uint32_t i = 0; i < binding->map_count; i++)
		if (strcmp(binding->maps[i].head.name, field) == 0)
			buffer_format(text, "%s%s: %s", text->length > 0 ? "; " : "", binding->head.name, binding->maps[i].native);
	for (uint32_t i = 0; i < binding->read_count; i++)
		if (strcmp(binding->read[i].head.name, field) == 0) {
			buffer_format(text, "%s%s: ", text->length > 0 ? "; " : "", binding->head.name);
			add_read(text, &binding->read[i]);
		}
}

static void
describe_field(const struct config_flow *flow, const struct config_field *field, struct ctl_table *table)
{
	struct buffer where;
	const char *cells[6] = { field->head.name, config_type_name((enum config_type)field->type), field->required ? "yes" : "",
		field->owner, WORD(policies, field->policy), "" };

	buffer_init(&where, 0);
	for (uint32_t b = 0; b < flow->binding_count; b++)
		if (flow->bindings[b].reads)
			add_read_of(&where, &flow->bindings[b], field->head.name);
	if (where.length > 0)
		cells[5] = buffer_string(&where);
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

/* Prints a table with something in it. */
static void
show(struct ctl_table *table)
{
	if (table->rows > 1) {
		ctl_table_print(table);
		puts("");
	} else {
		ctl_table_drop(table);
	}
}

static void
print_bindings(const struct config_flow *flow)
{
	static const char *const heads[] = { "BINDING", "OBJECT", "READS", "WRITES", "ORIGINATES", "CREATES IF", "GUARD", "GONE THERE", "GONE ELSEWHERE" };
	struct ctl_table table;

	ctl_table_init(&table, 9, 0, heads);
	for (uint32_t b = 0; b < flow->binding_count; b++) {
		const struct config_binding *binding = &flow->bindings[b];
		const char *cells[9] = { binding->head.name, binding->object->head.name, binding->reads ? "yes" : "", binding->writes ? "yes" : "",
			binding->originates ? "yes" : "", binding->create_if.text != NULL ? binding->create_if.text : binding->writes ? "never" : "",
			binding->writes ? WORD(guard_words, binding->guard) : "", binding->reads ? WORD(seen_words, binding->deletes->seen) : "",
			binding->writes ? WORD(do_words, binding->deletes->act) : "" };

		ctl_table_row(&table, cells);
	}
	show(&table);
}

/* What tells two records of the entity to be one: "exact a, b", or "similar a, b: link from 0.95, review from 0.8". */
static void
add_match(struct buffer *text, const struct config_match *match)
{
	buffer_text(text, match->exact.count > 0 ? "exact " : "similar ");
	add_texts(text, &match->exact, ", ");
	for (uint32_t i = 0; i < match->similar_count; i++)
		buffer_format(text, "%s%s (%g)", i > 0 ? ", " : "", match->similar[i].field, match->similar[i].weight);
	if (match->exact.count == 0)
		buffer_format(text, ": link from %g, review from %g", match->link, match->review);
}

static void
print_rules_of_entity(const struct config_entity *entity)
{
	static const char *const check_heads[] = { "CHECK", "SAYS WHEN IT FAILS" };
	static const char *const match_heads[] = { "MATCH", "THE SAME RECORD WHEN" };
	struct ctl_table checks, matches;

	ctl_table_init(&checks, 2, 0, check_heads);
	for (uint32_t i = 0; i < entity->check_count; i++) {
		const char *cells[2] = { entity->checks[i].rule.text, entity->checks[i].message };

		ctl_table_row(&checks, cells);
	}
	show(&checks);
	ctl_table_init(&matches, 2, 1, match_heads);
	for (uint32_t i = 0; i < entity->match_count; i++) {
		char number[16];
		struct buffer text;
		const char *cells[2] = { number, "" };

		snprintf(number, sizeof number, "%u", (unsigned)i + 1);
		buffer_init(&text, 0);
		add_match(&text, &entity->matches[i]);
		cells[1] = buffer_string(&text);
		ctl_table_row(&matches, cells);
		buffer_free(&text);
	}
	show(&matches);
}

static void
print_guards(const struct config_guards *guards)
{
	ctl_print("A run stops before its first write beyond: %g%% missing rows, %g%% creates, %g%% updates, %g%% cleared, %g%% deletes, "
	          "and never below %lld records\n\n",
	          (double)guards->missing_rows_ppm / 1e4, (double)guards->creates_ppm / 1e4, (double)guards->updates_ppm / 1e4,
	          (double)guards->cleared_ppm / 1e4, (double)guards->deletes_ppm / 1e4, (long long)guards->at_least);
}

static void
print_flow(const struct config_flow *flow)
{
	static const char *const field_heads[] = { "FIELD", "TYPE", "REQUIRED", "OWNER", "POLICY", "READ FROM" };
	static const char *const write_heads[] = { "WRITES TO", "NATIVE FIELD", "RULE", "WHEN" };
	struct ctl_table table;
	struct buffer units;
	const char *text;

	buffer_init(&units, 0);
	add_texts(&units, &flow->units, "; ");
	text = buffer_string(&units);
	ctl_print("flow %s: entity %s, units %s\n\n", flow->head.name, flow->entity->head.name, text != NULL && text[0] != '\0' ? text : "(the house)");
	buffer_free(&units);
	print_bindings(flow);
	ctl_table_init(&table, 6, 0, field_heads);
	for (uint32_t i = 0; i < flow->entity->field_count; i++)
		describe_field(flow, &flow->entity->fields[i], &table);
	show(&table);
	ctl_table_init(&table, 4, 0, write_heads);
	for (uint32_t b = 0; b < flow->binding_count; b++)
		if (flow->bindings[b].writes)
			describe_writes(&flow->bindings[b], &table);
	show(&table);
	print_rules_of_entity(flow->entity);
	print_guards(flow->guards);
}

static void
json_read(struct buffer *json, const struct config_read *read)
{
	if (read->from == NULL) {
		ctl_json_text(json, read->head.name, read->rule.text);
		return;
	}
	ctl_json_open(json, read->head.name, '{');
	ctl_json_text(json, "from", read->from);
	ctl_json_open(json, "read", '{');
	for (uint32_t i = 0; i < read->read_count; i++)
		json_read(json, &read->reads[i]);
	ctl_json_close(json, '}');
	ctl_json_close(json, '}');
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
		json_read(json, &binding->read[i]);
	ctl_json_close(json, '}');
	ctl_json_open(json, "write", '{');
	for (uint32_t i = 0; i < binding->write_count; i++)
		ctl_json_text(json, binding->write[i].head.name, binding->write[i].rule.text);
	ctl_json_close(json, '}');
	ctl_json_open(json, "create_only", '[');
	for (uint32_t i = 0; i < binding->write_count; i++)
		if (binding->write[i].create_only)
			ctl_json_text(json, NULL, binding->write[i].head.name);
	ctl_json_close(json, ']');
	ctl_json_text(json, "guard", WORD(guard_words, binding->guard));
	ctl_json_open(json, "deletes", '{');
	ctl_json_text(json, "seen", WORD(seen_words, binding->deletes->seen));
	ctl_json_text(json, "do", WORD(do_words, binding->deletes->act));
	ctl_json_text(json, "resurrect", WORD(seen_words, binding->deletes->resurrect));
	ctl_json_close(json, '}');
	ctl_json_close(json, '}');
}

static void
json_rules_of_entity(struct buffer *json, const struct config_entity *entity)
{
	ctl_json_open(json, "checks", '[');
	for (uint32_t i = 0; i < entity->check_count; i++) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "rule", entity->checks[i].rule.text);
		ctl_json_text(json, "message", entity->checks[i].message);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
	ctl_json_open(json, "match", '[');
	for (uint32_t i = 0; i < entity->match_count; i++) {
		struct buffer text;

		buffer_init(&text, 0);
		add_match(&text, &entity->matches[i]);
		ctl_json_text(json, NULL, buffer_string(&text));
		buffer_free(&text);
	}
	ctl_json_close(json, ']');
}

static void
json_guards(struct buffer *json, const struct config_guards *guards)
{
	ctl_json_open(json, "guards_ppm", '{');
	ctl_json_number(json, "missing_rows", guards->missing_rows_ppm);
	ctl_json_number(json, "creates", guards->creates_ppm);
	ctl_json_number(json, "updates", guards->updates_ppm);
	ctl_json_number(json, "cleared", guards->cleared_ppm);
	ctl_json_number(json, "deletes", guards->deletes_ppm);
	ctl_json_number(json, "at_least_records", guards->at_least);
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
		ctl_json_text(json, "policy", WORD(policies, field->policy));
		ctl_json_boolean(json, "required", field->required);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
	ctl_json_open(json, "bindings", '[');
	for (uint32_t b = 0; b < flow->binding_count; b++)
		json_binding(json, &flow->bindings[b]);
	ctl_json_close(json, ']');
	json_rules_of_entity(json, flow->entity);
	json_guards(json, flow->guards);
	ctl_json_close(json, '}');
}

enum ctl_exit
verb_describe(struct ctl *ctl)
{
	struct loaded loaded;
	struct buffer json;
	enum ctl_exit status;
	uint32_t shown = 0;

	loaded_begin(ctl, &loaded);
	status = loaded_need(ctl, &loaded);
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
	if (status == CTL_DONE && shown == 0 && ctl->operand_count > 0) {
		struct error err;

		(void)error_set(&err, ERROR_USAGE, "`syncline describe` without a name prints all.", "there is no flow \"%s\"",
		                ctl->operands[0]);
		ctl_say_error(ctl, &err);
		status = CTL_USAGE;
	} else if (status == CTL_DONE && ctl->json) {
		status = ctl_json_print(&json, status);
	} else if (status == CTL_DONE && shown == 0) {
		ctl_say(ctl, "the configuration in %s has no flow", ctl->config_dir);
	}
	buffer_free(&json);
	loaded_free(&loaded);
	return status;
}
