/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve.c: what a name in a rule means: a field, a path into a JSON field, a field of the record that a ref names; and what
 * a rule reads and uses.  Runs while a mapping is compiled.
 */
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "rules/engine.h"

int
text_list_add(struct arena *arena, const char ***list, uint32_t *count, const char *text)
{
	const char **longer;

	for (uint32_t i = 0; i < *count; i++)
		if (strcmp((*list)[i], text) == 0)
			return 0;
	if ((longer = arena_array(arena, *count + 1, sizeof *longer)) == NULL || (text = arena_text(arena, text)) == NULL)
		return -1;
	if (*count > 0)
		memcpy(longer, *list, *count * sizeof *longer);
	longer[(*count)++] = text;
	*list = longer;
	return 0;
}

static int
find_exact(const struct ruleset *set, const char *name, size_t length)
{
	for (uint32_t i = 0; i < set->field_count; i++)
		if (set->fields[i].name_length == length && memcmp(set->fields[i].spec.name, name, length) == 0)
			return (int)i;
	return -1;
}

bool
scope_has(const struct scope *scope, const char *name, size_t length)
{
	return find_exact(scope->set, name, length) >= 0;
}

/* -1: none, -2: several. */
static int
find_caseless(const struct ruleset *set, const char *name, size_t length)
{
	int found = -1;

	for (uint32_t i = 0; i < set->field_count; i++)
		if (set->fields[i].name_length == length && strncasecmp(set->fields[i].spec.name, name, length) == 0)
			found = found == -1 ? (int)i : -2;
	return found;
}

static bool
may_have_parts(const struct set_field *field)
{
	return field->spec.entity != NULL || field->spec.type == SYNCLINE_TYPE_JSON || field->spec.type == SYNCLINE_TYPE_ABSENT;
}

/* ".city[0].x" as steps.  -1: not a path. */
static int
path_steps(struct arena *arena, const char *p, size_t length, struct json_step **ret_steps, uint32_t *ret_count)
{
	const char *end = p + length;
	struct json_step *steps = arena_array(arena, length, sizeof *steps);
	uint32_t count = 0;

	if (steps == NULL)
		return -1;
	while (p < end) {
		const char *from = p + 1;

		if (*p == '.') {
			for (p = from; p < end && *p != '.' && *p != '['; p++)
				;
			if (p == from)
				return -1;
			steps[count].length = (size_t)(p - from);
			if ((steps[count].name = arena_copy(arena, from, steps[count].length)) == NULL)
				return -1;
		} else if (*p == '[') {
			int64_t position;

			for (p = from; p < end && *p != ']'; p++)
				;
			if (p == end || !text_to_integer(from, (size_t)(p - from), &position) || position < 0 || position > UINT32_MAX)
				return -1;
			steps[count].position = (uint32_t)position;
			p++;
		} else {
			return -1;
		}
		count++;
	}
	*ret_steps = steps;
	*ret_count = count;
	return 0;
}

static struct column *
make_column(const struct scope *scope, uint32_t field, const char *rest, size_t length)
{
	const struct rules_field *spec = &scope->set->fields[field].spec;
	struct column *column = arena_zalloc(scope->arena, sizeof *column);

	if (column == NULL)
		return NULL;
	column->field = field;
	column->declared = spec->type;
	if (length == 0)
		return column;
	column->declared = SYNCLINE_TYPE_ABSENT;
	if (spec->entity != NULL) {
		column->entity = spec->entity;
		column->follow = arena_copy(scope->arena, rest + 1, length - 1);
		return column->follow != NULL ? column : NULL;
	}
	return path_steps(scope->arena, rest, length, &column->path, &column->path_count) == 0 ? column : NULL;
}

/* The longest beginning that is a field with parts, and the path behind it. */
static struct column *
find_path(const struct scope *scope, const char *name, size_t length)
{
	for (size_t cut = length - 1; cut > 0; cut--) {
		int field;

		if (name[cut] != '.' && name[cut] != '[')
			continue;
		field = find_exact(scope->set, name, cut);
		if (field < 0)
			field = find_caseless(scope->set, name, cut);
		if (field < 0 && scope->set->open && memchr(name, '.', cut) == NULL && memchr(name, '[', cut) == NULL && name[cut] == '.')
			return NULL;
		if (field >= 0 && may_have_parts(&scope->set->fields[field]) && cut + 1 < length &&
		    (scope->set->fields[field].spec.entity == NULL || name[cut] == '.'))
			return make_column(scope, (uint32_t)field, name + cut, length - cut);
	}
	return NULL;
}

static int
add_field(const struct scope *scope, const char *name, size_t length)
{
	struct ruleset *set = scope->set;

	if (length == 0 || length > SYNCLINE_NAME_MAX || set->field_count >= SYNCLINE_FIELDS_MAX)
		return -1;
	if (set->field_count == set->field_room) {
		uint32_t room = set->field_room * 2 + 8;
		struct set_field *fields = arena_array(scope->arena, room, sizeof *fields);

		if (fields == NULL)
			return -1;
		if (set->field_count > 0)
			memcpy(fields, set->fields, set->field_count * sizeof *fields);
		set->fields = fields;
		set->field_room = room;
	}
	set->fields[set->field_count].spec.name = arena_copy(scope->arena, name, length);
	if (set->fields[set->field_count].spec.name == NULL)
		return -1;
	set->fields[set->field_count].spec.scale = SYNCLINE_SCALE_UNKNOWN;
	set->fields[set->field_count].name_length = length;
	return (int)set->field_count++;
}

static void
unknown(const struct scope *scope, const char *name, uint32_t at, uint32_t shown, struct slip *slip)
{
	const char **names = arena_array(scope->arena, scope->set->field_count + 1, sizeof *names);
	const char *nearest;

	if (names == NULL)
		return;
	for (uint32_t i = 0; i < scope->set->field_count; i++)
		names[i] = scope->set->fields[i].spec.name;
	if ((nearest = text_nearest(name, names, scope->set->field_count)) != NULL) {
		char hint[384];

		snprintf(hint, sizeof hint, "Did you mean \"%.200s\"?  Names with odd characters stand in [ ], texts in ' '.", nearest);
		slip_set(slip, at, shown, hint, "there is no field \"%.200s\"", name);
	} else {
		slip_set(slip, at, shown, "Names with odd characters stand in [ ], texts in ' '.", "there is no field \"%.200s\"", name);
	}
	slip->code = ERROR_RULE_UNKNOWN_FIELD;
}

struct column *
scope_find(const struct scope *scope, const char *name, size_t length, uint32_t at, uint32_t shown, struct slip *slip)
{
	int field = find_exact(scope->set, name, length);
	struct column *column;

	if (field < 0 && length > 2 && (column = find_path(scope, name, length)) != NULL)
		return column;
	if (field < 0 && length > 7 && strncasecmp(name, "record.", 7) == 0)
		return scope_find(scope, name + 7, length - 7, at, shown, slip);
	if (field < 0 && scope->set->open) {
		const char *dot = memchr(name, '.', length);

		if (dot == NULL || dot == name) {
			field = add_field(scope, name, length);
		} else if (add_field(scope, name, (size_t)(dot - name)) >= 0 && (column = find_path(scope, name, length)) != NULL) {
			return column;
		}
	}
	if (field < 0 && (field = find_caseless(scope->set, name, length)) == -2) {
		slip_set(slip, at, shown, "Write it with the letters of the field that is meant, in [ ].",
		         "\"%.200s\" fits several fields that differ in capitals alone", name);
		return NULL;
	}
	if (field >= 0)
		return make_column(scope, (uint32_t)field, "", 0);
	unknown(scope, name, at, shown, slip);
	return NULL;
}

int
rule_reads(const struct scope *scope, struct rule *rule, const struct column *column)
{
	if (rule->reads == NULL && (rule->reads = arena_array(scope->arena, SYNCLINE_FIELDS_MAX / 64, sizeof *rule->reads)) == NULL)
		return -1;
	rule->reads[column->field / 64] |= UINT64_C(1) << (column->field % 64);
	if (scope->set->fields[column->field].spec.sensitive)
		rule->sensitive = true;
	if (column->follow != NULL) {
		const char *path = arena_format(scope->arena, "%s.%s", scope->set->fields[column->field].spec.name, column->follow);

		rule->uses |= RULES_USES_FOLLOW;
		if (path == NULL || text_list_add(scope->arena, &rule->follows, &rule->follow_count, path) != 0)
			return -1;
	}
	return 0;
}
