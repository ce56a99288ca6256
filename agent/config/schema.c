/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema.c: a contract as JSON Schema (draft 2020-12) and back.  What JSON Schema has no word for stands in "x-syncline-…", so
 * that our own export comes back whole; a schema from elsewhere is read by its types and formats.  Any thread.
 */
#include <json-c/json.h>
#include <string.h>

#include "base/text.h"
#include "config/field_words.h"
#include "config/model.h"

#define SCHEMA_MAX ((size_t)1024 * 1024)

static void
text(struct buffer *buffer, const char *value)
{
	text_json_string(buffer, value, strlen(value));
}

static void
export_type(struct buffer *buffer, const struct syncline_field *field)
{
	switch (field->type) {
	case SYNCLINE_TYPE_BOOLEAN: buffer_text(buffer, "\"type\":[\"boolean\",\"null\"]"); break;
	case SYNCLINE_TYPE_INTEGER: buffer_text(buffer, "\"type\":[\"integer\",\"null\"]"); break;
	case SYNCLINE_TYPE_DECIMAL:
		buffer_text(buffer, "\"type\":[\"number\",\"null\"]");
		if (field->scale > 0 && field->scale <= 1000)
			buffer_format(buffer, ",\"multipleOf\":0.%0*d", (int)field->scale, 1);
		break;
	case SYNCLINE_TYPE_TIMESTAMP: buffer_text(buffer, "\"type\":[\"string\",\"null\"],\"format\":\"date-time\""); break;
	case SYNCLINE_TYPE_DATE: buffer_text(buffer, "\"type\":[\"string\",\"null\"],\"format\":\"date\""); break;
	case SYNCLINE_TYPE_BYTES: buffer_text(buffer, "\"type\":[\"string\",\"null\"],\"contentEncoding\":\"base64\""); break;
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_CONTENT: buffer_text(buffer, "\"type\":[\"string\",\"null\"]"); break;
	default: buffer_text(buffer, "\"type\":[\"object\",\"array\",\"string\",\"number\",\"boolean\",\"null\"]");
	}
	buffer_format(buffer, ",\"x-syncline-type\":\"%s\"", field_types[field->type]);
	if (field->type == SYNCLINE_TYPE_DECIMAL && field->scale <= 1000)
		buffer_format(buffer, ",\"x-syncline-scale\":%u", (unsigned)field->scale);
}

static void
export_field(struct buffer *buffer, const struct syncline_field *field)
{
	bool first = true;

	buffer_text(buffer, "    ");
	text(buffer, field->name);
	buffer_text(buffer, ":{");
	export_type(buffer, field);
	if (field->max_length > 0)
		buffer_format(buffer, ",\"maxLength\":%u", (unsigned)field->max_length);
	if (field->label != NULL && field->label[0] != '\0') {
		buffer_text(buffer, ",\"title\":");
		text(buffer, field->label);
	}
	if ((field->flags & SYNCLINE_FIELD_READ_ONLY) != 0)
		buffer_text(buffer, ",\"readOnly\":true");
	for (size_t i = 0; i < FIELD_FLAG_COUNT; i++)
		if ((field->flags & field_flags[i].flag) != 0) {
			buffer_format(buffer, "%s\"%s\"", first ? ",\"x-syncline-flags\":[" : ",", field_flags[i].word);
			first = false;
		}
	buffer_text(buffer, first ? "}" : "]}");
}

int
config_contract_to_schema(struct buffer *buffer, const char *native, const struct syncline_field *fields, uint32_t count, struct error *err)
{
	bool first = true;

	for (uint32_t i = 0; i < count; i++)
		if (field_check(&fields[i], err) != 0)
			return -1;
	buffer_text(buffer, "{\n  \"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n  \"title\":");
	text(buffer, native != NULL ? native : "");
	buffer_text(buffer, ",\n  \"type\":\"object\",\n  \"properties\":{\n");
	for (uint32_t i = 0; i < count; i++) {
		export_field(buffer, &fields[i]);
		buffer_text(buffer, i + 1 < count ? ",\n" : "\n");
	}
	buffer_text(buffer, "  },\n  \"required\":[");
	for (uint32_t i = 0; i < count; i++)
		if ((fields[i].flags & SYNCLINE_FIELD_REQUIRED) != 0) {
			buffer_text(buffer, first ? "" : ",");
			text(buffer, fields[i].name);
			first = false;
		}
	buffer_text(buffer, "]\n}\n");
	return buffer->failed ? error_memory(err) : 0;
}

/* The text of a member that is a string, or NULL. */
static const char *
member_text(struct json_object *object, const char *name)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member) || !json_object_is_type(member, json_type_string))
		return NULL;
	return json_object_get_string(member);
}

/* Whether the member says the word: as a string, or in an array of strings. */
static bool
says(struct json_object *object, const char *name, const char *word)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, name, &member))
		return false;
	if (json_object_is_type(member, json_type_string))
		return strcmp(json_object_get_string(member), word) == 0;
	for (size_t i = 0; json_object_is_type(member, json_type_array) && i < (size_t)json_object_array_length(member); i++) {
		struct json_object *item = json_object_array_get_idx(member, i);

		if (json_object_is_type(item, json_type_string) && strcmp(json_object_get_string(item), word) == 0)
			return true;
	}
	return false;
}

static uint8_t
type_by_schema(struct json_object *object)
{
	const char *format = member_text(object, "format");
	bool parts = says(object, "type", "object") || says(object, "type", "array");

	if (says(object, "type", "string") && !parts && !says(object, "type", "number") && !says(object, "type", "integer")) {
		if (format != NULL && strcmp(format, "date-time") == 0)
			return SYNCLINE_TYPE_TIMESTAMP;
		if (format != NULL && strcmp(format, "date") == 0)
			return SYNCLINE_TYPE_DATE;
		return says(object, "contentEncoding", "base64") ? SYNCLINE_TYPE_BYTES : SYNCLINE_TYPE_TEXT;
	}
	if (parts)
		return SYNCLINE_TYPE_JSON;
	if (says(object, "type", "number"))
		return SYNCLINE_TYPE_DECIMAL;
	if (says(object, "type", "integer"))
		return SYNCLINE_TYPE_INTEGER;
	return says(object, "type", "boolean") ? SYNCLINE_TYPE_BOOLEAN : SYNCLINE_TYPE_ABSENT;
}

/* Digits behind the point of multipleOf, as in 0.01. */
static uint16_t
scale_of(struct json_object *object)
{
	struct json_object *member;
	const char *digits, *point;
	size_t length;

	if (json_object_object_get_ex(object, "x-syncline-scale", &member) && json_object_is_type(member, json_type_int) &&
	    json_object_get_int64(member) >= 0 && json_object_get_int64(member) <= 1000)
		return (uint16_t)json_object_get_int64(member);
	if (!json_object_object_get_ex(object, "multipleOf", &member))
		return SYNCLINE_SCALE_UNKNOWN;
	if (json_object_is_type(member, json_type_int))
		return 0;
	digits = json_object_is_type(member, json_type_double) ? json_object_to_json_string(member) : NULL;
	point = digits != NULL ? strchr(digits, '.') : NULL;
	length = point != NULL ? strspn(point + 1, "0123456789") : 0;
	return length > 0 && length <= 1000 && point[1 + length] == '\0' ? (uint16_t)length : SYNCLINE_SCALE_UNKNOWN;
}

static int
import_field(struct arena *arena, const char *name, struct json_object *object, struct syncline_field *field, struct error *err)
{
	const char *word, *label;
	struct json_object *member;
	int type;

	*field = (struct syncline_field){ .struct_size = sizeof *field, .scale = SYNCLINE_SCALE_UNKNOWN };
	if (name[0] == '\0' || strlen(name) > SYNCLINE_NAME_MAX || !text_is_utf8(name, strlen(name)))
		return error_set(err, ERROR_CONFIG_CONTRACT, "Give it another name.", "a property of the schema has no name, or one that is too long or no UTF-8");
	if ((field->name = arena_text(arena, name)) == NULL)
		return error_memory(err);
	if (!json_object_is_type(object, json_type_object))
		return 0; /* `true`: anything */
	word = member_text(object, "x-syncline-type");
	type = word != NULL ? field_type_of(word) : -1;
	field->type = type >= 0 ? (uint8_t)type : type_by_schema(object);
	if (field->type == SYNCLINE_TYPE_DECIMAL)
		field->scale = scale_of(object);
	if (json_object_object_get_ex(object, "maxLength", &member) && json_object_is_type(member, json_type_int) &&
	    json_object_get_int64(member) > 0 && json_object_get_int64(member) <= UINT32_MAX)
		field->max_length = (uint32_t)json_object_get_int64(member);
	if (json_object_object_get_ex(object, "readOnly", &member) && json_object_get_boolean(member))
		field->flags |= SYNCLINE_FIELD_READ_ONLY;
	for (size_t i = 0; i < FIELD_FLAG_COUNT; i++)
		if (says(object, "x-syncline-flags", field_flags[i].word))
			field->flags |= field_flags[i].flag;
	label = member_text(object, "title");
	if (label != NULL && text_is_utf8(label, strlen(label)) && (field->label = arena_text(arena, label)) == NULL)
		return error_memory(err);
	return 0;
}

static int
import(struct arena *arena, struct json_object *root, const char **ret_native, struct syncline_field **ret_fields, uint32_t *ret_count,
       struct error *err)
{
	struct json_object *properties;
	struct syncline_field *fields;
	const char *title = NULL, *native = "";
	uint32_t count = 0;
	size_t total;

	if (!json_object_is_type(root, json_type_object) || !json_object_object_get_ex(root, "properties", &properties) ||
	    !json_object_is_type(properties, json_type_object))
		return error_set(err, ERROR_CONFIG_CONTRACT, "Give the schema of one object, with \"properties\".", "the schema has no properties");
	total = (size_t)json_object_object_length(properties);
	if (total > SYNCLINE_FIELDS_MAX)
		return error_set(err, ERROR_CONFIG_LIMIT, "Leave out what no rule needs.", "the schema has more than %u properties", SYNCLINE_FIELDS_MAX);
	if ((fields = arena_array(arena, total + 1, sizeof *fields)) == NULL)
		return error_memory(err);
	json_object_object_foreach(properties, name, value)
	{
		if (import_field(arena, name, value, &fields[count], err) != 0)
			return -1;
		if (says(root, "required", name))
			fields[count].flags |= SYNCLINE_FIELD_REQUIRED;
		count++;
	}
	title = member_text(root, "title");
	if (title != NULL && (native = arena_text(arena, title)) == NULL)
		return error_memory(err);
	*ret_native = native;
	*ret_fields = fields;
	*ret_count = count;
	return 0;
}

int
config_contract_from_schema(struct arena *arena, const char *json, size_t length, const char **ret_native, struct syncline_field **ret_fields,
                            uint32_t *ret_count, struct error *err)
{
	struct json_tokener *tokener;
	struct json_object *root;
	int result;

	if (length > SCHEMA_MAX)
		return error_set(err, ERROR_CONFIG_LIMIT, "Leave out what no rule needs.", "the schema is larger than 1 MiB");
	if (!text_is_utf8(json, length))
		return error_set(err, ERROR_CONFIG_SYNTAX, "Save the file in UTF-8.", "the schema is not in UTF-8");
	if ((tokener = json_tokener_new()) == NULL)
		return error_memory(err);
	root = json_tokener_parse_ex(tokener, json, (int)length);
	if (root == NULL || json_tokener_get_error(tokener) != json_tokener_success)
		result = error_set(err, ERROR_CONFIG_SYNTAX, "Look at the place that is named.", "the schema is no JSON: %s at byte %lu",
		                   json_tokener_error_desc(json_tokener_get_error(tokener)), (unsigned long)json_tokener_get_parse_end(tokener));
	else
		result = import(arena, root, ret_native, ret_fields, ret_count, err);
	json_object_put(root);
	json_tokener_free(tokener);
	return result;
}
