/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * documents.c: content goes ahead of the record that names it: from the connector that has it to the target's, which gives the
 * reference that the payload carries.  What no record names in the end, the target's connector removes in time.
 */
#include <json-c/json.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "deliver/inside.h"
#include "flow/document.h"

/* A golden content (ledger/records.h), as far as carrying it needs. */
struct content {
	const struct config_object *object;
	struct syncline_slice reference;
	uint64_t length;
	uint32_t has_hash;
	uint8_t sha256[32];
};

static const char *
member(struct json_object *json, const char *name, size_t *ret_length)
{
	struct json_object *value;

	if (!json_object_object_get_ex(json, name, &value) || !json_object_is_type(value, json_type_string))
		return NULL;
	*ret_length = (size_t)json_object_get_string_len(value);
	return json_object_get_string(value);
}

static const struct config_object *
object_named(const struct model *model, const char *name)
{
	const char *dot = strchr(name, '.');
	char system[SYNCLINE_NAME_MAX + 1];
	const struct config_system *found;

	if (dot == NULL || (size_t)(dot - name) >= sizeof system)
		return NULL;
	memcpy(system, name, (size_t)(dot - name));
	system[dot - name] = '\0';
	found = config_system(model, system);
	return found != NULL ? config_object(found, dot + 1) : NULL;
}

static int
understand(struct outlet *outlet, const struct syncline_value *value, struct content *ret_content, struct error *err)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *json, *number;
	const char *object, *reference, *hash;
	size_t length = 0, reference_length = 0, hash_length = 0;
	int result = 0;

	if (tokener == NULL)
		return error_memory(err);
	json = json_tokener_parse_ex(tokener, value->u.data, (int)value->length);
	json_tokener_free(tokener);
	if (!json_object_is_type(json, json_type_object) || (object = member(json, "object", &length)) == NULL ||
	    (reference = member(json, "reference", &reference_length)) == NULL) {
		json_object_put(json);
		return error_set(err, ERROR_DELIVERY_DOCUMENT, "Read the record that has it once more.", "what is known of the document does not say where it is");
	}
	*ret_content = (struct content){ .object = object_named(outlet->deliver->engine->model, object), .length = UINT64_MAX };
	if (ret_content->object == NULL)
		result = error_set(err, ERROR_DELIVERY_DOCUMENT, "Configure the object again, or let the record be read from where it is now.",
		                   "the document is in %s, which is no longer configured", object);
	if (json_object_object_get_ex(json, "length", &number) && json_object_is_type(number, json_type_int) && json_object_get_int64(number) >= 0)
		ret_content->length = (uint64_t)json_object_get_int64(number);
	if ((hash = member(json, "sha256", &hash_length)) != NULL &&
	    sodium_hex2bin(ret_content->sha256, sizeof ret_content->sha256, hash, hash_length, NULL, &length, NULL) == 0 && length == 32)
		ret_content->has_hash = 1;
	ret_content->reference.length = reference_length;
	if (result == 0 && (ret_content->reference.data = arena_copy(&outlet->arena, reference, reference_length)) == NULL)
		result = error_memory(err);
	json_object_put(json);
	return result;
}

/* Is it copied, or only named?  By the content field that the output reads. */
static bool
is_copied(const struct outlet *outlet, const struct mapping *mapping, uint32_t output)
{
	struct rules_dependencies uses;

	mapping_dependencies(mapping, output, &uses);
	for (uint32_t f = 0; f < outlet->entity->field_count; f++)
		if (outlet->entity->fields[f].type == CONFIG_FIELD_CONTENT && f / 64 < uses.words && bound_has(uses.fields, f) &&
		    !outlet->entity->fields[f].copy)
			return false;
	return true;
}

static int
carry(struct outlet *outlet, const struct content *content, struct syncline_value *value, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	struct document document = {
		.to = outlet->sink, .to_object = outlet->object, .from_object = config_sdk_object(content->object), .reference = content->reference,
		.length = content->length, .has_hash = content->has_hash,
	};
	char reference[SYNCLINE_CONTENT_REF_MAX];
	size_t length = sizeof reference;
	unsigned lane = content->object->system == outlet->binding->system ? ENGINE_LANE_CONTENT : ENGINE_LANE_MAIN;

	memcpy(document.sha256, content->sha256, sizeof document.sha256);
	if (engine_connector(deliver->engine, content->object->system, deliver->intake->unit, lane, &document.from, err) != 0 ||
	    document_copy(&document, reference, &length, NULL, err) != 0)
		return -1;
	value->length = (uint32_t)length;
	value->type = SYNCLINE_TYPE_CONTENT;
	if ((value->u.data = arena_copy(&outlet->arena, reference, length)) == NULL)
		return error_memory(err);
	return 0;
}

/* What a document that could not be carried means for its record. */
static int
failed(struct outlet *outlet, struct pick *pick, const struct error *why, struct error *err)
{
	const struct config_limits *limits = outlet->binding->system->limits;
	int64_t now = ledger_now(outlet->deliver->ledger);

	if (why->code == ERROR_MEMORY) {
		*err = *why;
		return -1;
	}
	if ((pick->why = claim_error(&outlet->arena, why)) == NULL)
		return error_memory(err);
	if (document_ends_all(why)) {
		/* One end can't be used: the marks stay due, and the next run sees. */
		outlet_heard(outlet, why);
		outlet->system->down = true;
		pick->fate = PICK_LEAVE;
		return 0;
	}
	if (why->klass == SYNCLINE_NOT_FOUND || why->klass == SYNCLINE_INVALID || why->klass == SYNCLINE_PERMANENT ||
	    deliver_is_over(limits, pick->due->tries, pick->due->since_us, now)) {
		pick->fate = PICK_DEAD;
		return 0;
	}
	pick->fate = PICK_LATER;
	pick->due_us = now + deliver_pause_us(limits, pick->due->tries, randombytes_random());
	return 0;
}

int
documents_carry(struct outlet *outlet, struct pick *pick, const struct mapping *mapping, struct syncline_value *values, uint32_t count,
                struct error *err)
{
	struct content content;
	struct error why;

	for (uint32_t i = 0; i < count; i++) {
		if (values[i].type != SYNCLINE_TYPE_CONTENT)
			continue;
		why = (struct error){ 0 };
		if (understand(outlet, &values[i], &content, &why) != 0)
			return failed(outlet, pick, &why, err);
		if (!is_copied(outlet, mapping, i)) {
			values[i].type = SYNCLINE_TYPE_TEXT;
			values[i].length = (uint32_t)content.reference.length;
			values[i].u.data = content.reference.data;
			continue;
		}
		if (send_land(outlet, err) != 0)
			return -1;
		if (carry(outlet, &content, &values[i], &why) != 0)
			return failed(outlet, pick, &why, err);
	}
	return 1;
}
