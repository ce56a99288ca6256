/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract.c: the fields of a system's object as they stand in contracts/SYSTEM.OBJECT.conf: reading them from the tree and
 * writing them so that they load back.  Any thread.
 */
#include "config/contract.h"

#include <string.h>

#include "base/text.h"
#include "config/field_words.h"

/* Their indexes are SYNCLINE_TYPE_*; the second has no word: no field holds only nothing. */
const char *const field_types[SYNCLINE_TYPE_COUNT + 1] = {
	"any", "", "boolean", "integer", "decimal", "text", "bytes", "timestamp", "date", "json", "content", NULL,
};
const struct field_flag field_flags[FIELD_FLAG_COUNT] = {
	{ "key", SYNCLINE_FIELD_KEY },
	{ "required", SYNCLINE_FIELD_REQUIRED },
	{ "read_only", SYNCLINE_FIELD_READ_ONLY },
	{ "create_only", SYNCLINE_FIELD_CREATE_ONLY },
	{ "unique", SYNCLINE_FIELD_UNIQUE },
	{ "sensitive", SYNCLINE_FIELD_SENSITIVE },
	{ "mark", SYNCLINE_FIELD_MARK },
};

int
field_type_of(const char *word)
{
	for (int i = 0; field_types[i] != NULL; i++)
		if (word[0] != '\0' && strcmp(field_types[i], word) == 0)
			return i;
	return -1;
}

static void
take_setting(struct loader *l, const struct node *node, struct syncline_field *field)
{
	const struct grammar_group *group = &grammar_groups[GRAMMAR_CONTRACT_FIELD];
	const char *names[32];
	int type;

	for (size_t i = 0; i < FIELD_FLAG_COUNT; i++)
		if (strcmp(field_flags[i].word, node->name) == 0) {
			if (node->kind != NODE_BOOLEAN)
				grammar_expected(l, node, "true or false, without quotes");
			else if (node->integer)
				field->flags |= field_flags[i].flag;
			return;
		}
	if (strcmp(node->name, "name") == 0) {
		if (node->kind != NODE_TEXT || node->length == 0 || node->length > SYNCLINE_NAME_MAX)
			grammar_expected(l, node, "a native name of 1 to 255 bytes");
		else
			field->name = node->text;
	} else if (strcmp(node->name, "type") == 0) {
		if (node->kind != NODE_TEXT || (type = field_type_of(node->text)) < 0)
			report(l, &node->value_place, VALUE, loader_hint(l, node->kind == NODE_TEXT ? node->text : "", field_types, SYNCLINE_TYPE_COUNT, NULL),
			       "type must be one of any, boolean, integer, decimal, text, bytes, timestamp, date, json, content");
		else
			field->type = (uint8_t)type;
	} else if (strcmp(node->name, "label") == 0) {
		if (node->kind != NODE_TEXT)
			grammar_expected(l, node, "a text in quotes");
		else
			field->label = node->text;
	} else if (strcmp(node->name, "scale") == 0) {
		if (node->kind != NODE_INTEGER || node->integer < 0 || node->integer > 1000)
			grammar_expected(l, node, "a whole number from 0 to 1000");
		else
			field->scale = (uint16_t)node->integer;
	} else if (strcmp(node->name, "max_length") == 0) {
		if (node->kind != NODE_INTEGER || node->integer < 1 || node->integer > UINT32_MAX)
			grammar_expected(l, node, "a whole number above 0");
		else
			field->max_length = (uint32_t)node->integer;
	} else {
		for (uint32_t i = 0; i < group->count && i < 32; i++)
			names[i] = group->settings[i].name;
		report(l, &node->place, UNKNOWN_SETTING, loader_hint(l, node->name, names, group->count, NULL), "a field of a contract has no %.80s", node->name);
	}
}

static void
take_field(struct loader *l, struct config_contract *contract, const struct node *node)
{
	struct syncline_field *field = &contract->fields[contract->field_count];

	*field = (struct syncline_field){ .struct_size = sizeof *field, .scale = SYNCLINE_SCALE_UNKNOWN };
	for (const struct node *child = node->first; child != NULL; child = child->next)
		take_setting(l, child, field);
	if (tree_find(node, "name") == NULL || tree_find(node, "type") == NULL)
		report(l, &node->place, MISSING_SETTING, "Say { name = \"NATIVE\"; type = \"text\"; }.", "a field of a contract must say name and type");
	if (field->name == NULL)
		return;
	for (uint32_t i = 0; i < contract->field_count; i++)
		if (strcmp(contract->fields[i].name, field->name) == 0) {
			report(l, &node->place, DUPLICATE, "Remove one of them.", "the field %.100s stands twice in the contract", field->name);
			return;
		}
	contract->places[contract->field_count++] = node->place;
}

int
contract_fields(struct loader *l, struct config_contract *contract)
{
	const struct node *fields = tree_find(contract->head.node, "fields");

	if (fields == NULL)
		return 0;
	if (fields->kind != NODE_LIST) {
		grammar_expected(l, fields, "a list of groups: ( { name = \"NATIVE\"; type = \"text\"; }, … )");
		return 0;
	}
	if (fields->count > SYNCLINE_FIELDS_MAX) {
		report(l, &fields->place, LIMIT, "Let the system offer fewer fields.", "an object may have %u fields", SYNCLINE_FIELDS_MAX);
		return 0;
	}
	contract->fields = loader_keep(l, arena_array(l->arena, fields->count + 1, sizeof *contract->fields));
	contract->places = loader_keep(l, arena_array(l->arena, fields->count + 1, sizeof *contract->places));
	if (contract->fields == NULL || contract->places == NULL)
		return -1;
	for (const struct node *child = fields->first; child != NULL; child = child->next) {
		if (child->kind != NODE_GROUP)
			grammar_expected(l, child, "a group { … }");
		else
			take_field(l, contract, child);
	}
	return l->no_memory ? -1 : 0;
}

/* A text as libconfig reads it back. */
static void
write_text(struct buffer *buffer, const char *text)
{
	buffer_char(buffer, '"');
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			buffer_format(buffer, "\\%c", *p);
		else if ((unsigned char)*p < 0x20 || *p == 0x7f)
			buffer_format(buffer, "\\x%02x", (unsigned)(unsigned char)*p);
		else
			buffer_char(buffer, *p);
	}
	buffer_char(buffer, '"');
}

int
field_check(const struct syncline_field *field, struct error *err)
{
	if (field->name == NULL || field->name[0] == '\0' || strlen(field->name) > SYNCLINE_NAME_MAX || !text_is_utf8(field->name, strlen(field->name)))
		return error_set(err, ERROR_CONFIG_CONTRACT, "Report it to the connector's vendor.", "a field has no name, or one that is too long or no UTF-8");
	if (field->type >= SYNCLINE_TYPE_COUNT || field_types[field->type][0] == '\0')
		return error_set(err, ERROR_CONFIG_CONTRACT, "Report it to the connector's vendor.", "the field %s has the unknown type %u", field->name,
		                 (unsigned)field->type);
	if (field->label != NULL && !text_is_utf8(field->label, strlen(field->label)))
		return error_set(err, ERROR_CONFIG_CONTRACT, "Report it to the connector's vendor.", "the label of the field %s is no UTF-8", field->name);
	return 0;
}

static void
write_field(struct buffer *buffer, const struct syncline_field *field)
{
	buffer_text(buffer, "\t{ name = ");
	write_text(buffer, field->name);
	buffer_format(buffer, "; type = \"%s\";", field_types[field->type]);
	if (field->type == SYNCLINE_TYPE_DECIMAL && field->scale <= 1000)
		buffer_format(buffer, " scale = %u;", (unsigned)field->scale);
	if (field->max_length > 0)
		buffer_format(buffer, field->max_length > INT32_MAX ? " max_length = %uL;" : " max_length = %u;", (unsigned)field->max_length);
	for (size_t i = 0; i < FIELD_FLAG_COUNT; i++)
		if ((field->flags & field_flags[i].flag) != 0)
			buffer_format(buffer, " %s = true;", field_flags[i].word);
	if (field->label != NULL && field->label[0] != '\0') {
		buffer_text(buffer, " label = ");
		write_text(buffer, field->label);
		buffer_char(buffer, ';');
	}
	buffer_text(buffer, " }");
}

int
config_write_contract(struct buffer *buffer, const char *system, const char *object, const char *native, const struct syncline_field *fields,
                      uint32_t count, struct error *err)
{
	if (count > SYNCLINE_FIELDS_MAX)
		return error_set(err, ERROR_CONFIG_LIMIT, "Let the system offer fewer fields.", "%s.%s has more than %u fields", system, object, SYNCLINE_FIELDS_MAX);
	for (uint32_t i = 0; i < count; i++)
		if (field_check(&fields[i], err) != 0)
			return -1;
	buffer_format(buffer, "# The contract of %s.%s: its fields as the system described them.  Written by `syncline discover`, and anew by\n"
	                      "# the next; changes by hand are lost then.\n",
	              system, object);
	buffer_format(buffer, "contracts: { %s: { %s: {\n", system, object);
	if (native != NULL && native[0] != '\0') {
		buffer_text(buffer, "\tnative = ");
		write_text(buffer, native);
		buffer_text(buffer, ";\n");
	}
	buffer_text(buffer, "\tfields = (\n");
	for (uint32_t i = 0; i < count; i++) {
		write_field(buffer, &fields[i]);
		buffer_text(buffer, i + 1 < count ? ",\n" : "\n");
	}
	buffer_text(buffer, "\t);\n}; }; };\n");
	return buffer->failed ? error_memory(err) : 0;
}
