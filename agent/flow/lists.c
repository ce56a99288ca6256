/* SPDX-License-Identifier: BSD-2-Clause */
/* lists.c: see lists.h. */
#include "flow/lists.h"

#include <json.h>
#include <string.h>

static struct json_object *
parse(const struct syncline_value *value, struct error *err)
{
	struct json_tokener *tokener;
	struct json_object *list = NULL;

	if (value->type <= SYNCLINE_TYPE_NULL)
		return json_object_new_array();
	if ((tokener = json_tokener_new_ex(64)) == NULL) {
		error_fill_memory(err);
		return NULL;
	}
	list = json_tokener_parse_ex(tokener, value->u.data, (int)value->length);
	json_tokener_free(tokener);
	if (list != NULL && json_object_is_type(list, json_type_array))
		return list;
	json_object_put(list);
	error_fill(err, ERROR_INTERNAL, NULL, "a list is no JSON array");
	return NULL;
}

static bool
same_key(const struct config_field *field, struct json_object *a, struct json_object *b)
{
	if (field->key.count == 0 || !json_object_is_type(a, json_type_object) || !json_object_is_type(b, json_type_object))
		return json_object_equal(a, b);
	for (uint32_t i = 0; i < field->key.count; i++) {
		struct json_object *x = NULL, *y = NULL;

		json_object_object_get_ex(a, field->key.items[i], &x);
		json_object_object_get_ex(b, field->key.items[i], &y);
		if (!json_object_equal(x, y))
			return false;
	}
	return true;
}

/* The index of the element with the same key, or -1. */
static ssize_t
find(const struct config_field *field, struct json_object *list, struct json_object *element)
{
	size_t count = json_object_array_length(list);

	for (size_t i = 0; i < count; i++)
		if (same_key(field, json_object_array_get_idx(list, i), element))
			return (ssize_t)i;
	return -1;
}

static int
join(const struct config_field *field, struct json_object *into, struct json_object *from)
{
	size_t count = json_object_array_length(from);

	for (size_t i = 0; i < count; i++) {
		struct json_object *element = json_object_array_get_idx(from, i);
		ssize_t at = find(field, into, element);
		int result = at < 0 ? json_object_array_add(into, json_object_get(element)) :
		                      json_object_array_put_idx(into, (size_t)at, json_object_get(element));

		if (result != 0)
			return -1;
	}
	return 0;
}

int
lists_join(struct arena *arena, const struct config_field *field, const struct syncline_value *a, const struct syncline_value *b,
           struct syncline_value *ret_joined, struct error *err)
{
	struct json_object *into = parse(a, err), *from = into != NULL ? parse(b, err) : NULL;
	const char *text = NULL;
	char *kept = NULL;

	if (from != NULL && join(field, into, from) == 0)
		text = json_object_to_json_string_ext(into, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL)
		kept = arena_text(arena, text);
	if (from != NULL && kept == NULL)
		error_fill_memory(err);
	if (kept != NULL)
		*ret_joined = (struct syncline_value){ .type = SYNCLINE_TYPE_JSON, .length = (uint32_t)strlen(kept), .u.data = kept };
	json_object_put(into);
	json_object_put(from);
	return kept != NULL ? 0 : -1;
}
