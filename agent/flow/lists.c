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

static struct json_object *
found_in(const struct config_field *field, struct json_object *list, struct json_object *element)
{
	ssize_t at = list != NULL ? find(field, list, element) : -1;

	return at >= 0 ? json_object_array_get_idx(list, (size_t)at) : NULL;
}

/* What is left of `golden`: all but what the row took out. */
static int
keep(const struct config_field *field, struct json_object *golden, struct json_object *base, struct json_object *row, struct json_object *into)
{
	size_t count = json_object_array_length(golden);

	for (size_t i = 0; i < count; i++) {
		struct json_object *element = json_object_array_get_idx(golden, i), *before = found_in(field, base, element),
		                   *now = found_in(field, row, element);

		if (before != NULL && now == NULL)
			continue;
		if (now == NULL || (before != NULL && json_object_equal(before, now)))
			now = element;
		if (json_object_array_add(into, json_object_get(now)) != 0)
			return -1;
	}
	return 0;
}

static int
add(const struct config_field *field, struct json_object *golden, struct json_object *base, struct json_object *row, struct json_object *into)
{
	size_t count = json_object_array_length(row);

	for (size_t i = 0; i < count; i++) {
		struct json_object *element = json_object_array_get_idx(row, i), *before = found_in(field, base, element);

		/* One that was there and is not changed was taken out by another system. */
		if (find(field, golden, element) >= 0 || (before != NULL && json_object_equal(before, element)))
			continue;
		if (json_object_array_add(into, json_object_get(element)) != 0)
			return -1;
	}
	return 0;
}

int
lists_join(struct arena *arena, const struct config_field *field, const struct syncline_value *golden, const struct syncline_value *base,
           const struct syncline_value *row, struct syncline_value *ret_joined, struct error *err)
{
	struct json_object *ours = parse(golden, err), *theirs = ours != NULL ? parse(row, err) : NULL, *agreed = NULL, *into = NULL;
	const char *text = NULL;
	char *kept = NULL;
	bool parsed = theirs != NULL;

	if (parsed && base != NULL)
		parsed = (agreed = parse(base, err)) != NULL;
	if (parsed && (into = json_object_new_array()) != NULL && keep(field, ours, agreed, theirs, into) == 0 &&
	    add(field, ours, agreed, theirs, into) == 0)
		text = json_object_to_json_string_ext(into, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text != NULL)
		kept = arena_text(arena, text);
	if (parsed && kept == NULL)
		error_fill_memory(err);
	if (kept != NULL)
		*ret_joined = (struct syncline_value){ .type = SYNCLINE_TYPE_JSON, .length = (uint32_t)strlen(kept), .u.data = kept };
	json_object_put(into);
	json_object_put(agreed);
	json_object_put(ours);
	json_object_put(theirs);
	return kept != NULL ? 0 : -1;
}
