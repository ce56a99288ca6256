/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_entities.c: entities with their fields, groups, checks and matches.  The thread that loads.
 */
#include <string.h>

#include "base/text.h"
#include "config/grammar.h"

static void
check_system_name(struct loader *l, const struct config_head *head, const char *setting, const char *name)
{
	const struct model *model = l->model;
	struct config_place place = config_setting_place(head, setting);

	if (name != NULL && config_system(model, name) == NULL)
		report_no_such(l, &place, "system", name, NAMES_OF(l, model->systems, model->system_count), model->system_count);
}

static void
check_field_names(struct loader *l, const struct config_entity *entity, const struct config_head *head, const char *setting,
                  const struct config_texts *names)
{
	struct config_place place = config_setting_place(head, setting);

	for (uint32_t i = 0; i < names->count; i++)
		if (config_field(entity, names->items[i]) == NULL)
			report_no_such(l, &place, "field", names->items[i], NAMES_OF(l, entity->fields, entity->field_count), entity->field_count);
}

/* policy newest decides by time; within the clocks' grain somebody must win. */
static void
check_tie(struct loader *l, const struct config_head *head, uint8_t policy, const char *tie)
{
	struct config_place place = config_setting_place(head, tie != NULL ? "tie" : "policy");

	if (policy == CONFIG_POLICY_NEWEST && tie == NULL)
		report(l, &place, MISSING_SETTING, "Say tie = \"SYSTEM\".", "%s has policy newest and must say which system wins a tie", head->name);
	if (policy != CONFIG_POLICY_NEWEST && tie != NULL)
		report(l, &place, CONTRADICTION, "Say policy = \"newest\", or leave tie out.", "%s has a tie but not the policy newest", head->name);
	check_system_name(l, head, "tie", tie);
}

static bool is_text(uint8_t type) { return type == CONFIG_FIELD_TEXT || (type >= CONFIG_FIELD_EMAIL && type <= CONFIG_FIELD_URL); }
static bool is_number(uint8_t type) { return type == CONFIG_FIELD_INTEGER || type == CONFIG_FIELD_DECIMAL; }
static bool is_time(uint8_t type) { return type == CONFIG_FIELD_DATE || type == CONFIG_FIELD_TIMESTAMP; }

/* Whether the type was said and is one: else nothing that follows from it is known. */
static bool
type_known(const struct config_field *field)
{
	const struct node *type = tree_find(field->head.node, "type");

	return type != NULL && type->kind == NODE_TEXT && strcmp(type->text, config_type_name(field->type)) == 0;
}

/* Settings that make sense for some types only. */
static void
check_fitting(struct loader *l, const struct config_field *field)
{
	uint8_t type = field->type;
	const struct {
		const char *setting;
		bool fits;
		const char *types;
	} rows[] = {
		{ "scale", type == CONFIG_FIELD_DECIMAL, "decimal" },
		{ "max_length", is_text(type), "text" },
		{ "min_length", is_text(type), "text" },
		{ "min", is_number(type) || is_time(type), "integer, decimal, date and timestamp" },
		{ "max", is_number(type) || is_time(type), "integer, decimal, date and timestamp" },
		{ "one_of", is_text(type) || is_number(type), "text, integer and decimal" },
		{ "entity", type == CONFIG_FIELD_REF, "ref" },
		{ "wait", type == CONFIG_FIELD_REF, "ref" },
		{ "key", type == CONFIG_FIELD_LIST, "list" },
		{ "fields", type == CONFIG_FIELD_LIST, "list" },
		{ "mode", type == CONFIG_FIELD_CONTENT, "content" },
		{ "versions", type == CONFIG_FIELD_CONTENT, "content" },
		{ "unique", type != CONFIG_FIELD_LIST && type != CONFIG_FIELD_CONTENT && type != CONFIG_FIELD_JSON, "simple" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct config_place place = config_setting_place(&field->head, rows[i].setting);

		if (!rows[i].fits && tree_find(field->head.node, rows[i].setting) != NULL)
			report(l, &place, CONTRADICTION, "Remove it, or change the type.", "%s is for fields of type %s; %s is of type %s", rows[i].setting, rows[i].types,
			       field->head.name, config_type_name(type));
	}
}

/* A limit or a choice must be a value of the field's own type. */
static bool
check_value(struct loader *l, const struct config_field *field, const char *setting, const char *value)
{
	struct config_place place = config_setting_place(&field->head, setting);
	size_t length = value != NULL ? strlen(value) : 0;
	int64_t number;
	bool good = true;

	if (value == NULL)
		return false;
	if (field->type == CONFIG_FIELD_INTEGER)
		good = text_to_integer(value, length, &number);
	else if (field->type == CONFIG_FIELD_DECIMAL)
		good = text_is_decimal(value, length);
	else if (field->type == CONFIG_FIELD_DATE)
		good = text_to_date(value, length, &number);
	else if (field->type == CONFIG_FIELD_TIMESTAMP)
		good = text_to_timestamp(value, length, &number);
	if (!good)
		report(l, &place, VALUE, "Write it as a value of the field would be: 5, \"0.50\", \"2026-02-28\".", "%s of %s is \"%.60s\", which is no %s", setting,
		       field->head.name, value, config_type_name(field->type));
	return good;
}

/* Decimals by their digits: -1, 0, 1. */
static int
compare_decimals(const char *a, const char *b)
{
	bool minus = *a == '-', other = *b == '-';
	size_t a_whole, b_whole;
	int order;

	if (minus != other)
		return minus ? -1 : 1;
	a += minus;
	b += minus;
	a += strspn(a, "0");
	b += strspn(b, "0");
	a_whole = strspn(a, "0123456789");
	b_whole = strspn(b, "0123456789");
	if (a_whole != b_whole) {
		order = a_whole < b_whole ? -1 : 1;
	} else {
		order = strncmp(a, b, a_whole);
		a += a_whole + (a[a_whole] == '.');
		b += b_whole + (b[b_whole] == '.');
		for (; order == 0 && (*a != '\0' || *b != '\0'); a += *a != '\0', b += *b != '\0')
			order = (*a != '\0' ? *a : '0') - (*b != '\0' ? *b : '0');
	}
	return minus ? -order : order;
}

static void
check_limits(struct loader *l, const struct config_field *field)
{
	bool low = check_value(l, field, "min", field->min), high = check_value(l, field, "max", field->max);
	struct config_place place = config_setting_place(&field->head, "max");
	int64_t a = 0, b = 0;
	bool crossed = false;

	for (uint32_t i = 0; i < field->one_of.count; i++)
		check_value(l, field, "one_of", field->one_of.items[i]);
	if (low && high && is_number(field->type))
		crossed = compare_decimals(field->min, field->max) > 0;
	else if (low && high && field->type == CONFIG_FIELD_DATE)
		crossed = text_to_date(field->min, strlen(field->min), &a) && text_to_date(field->max, strlen(field->max), &b) && a > b;
	else if (low && high && field->type == CONFIG_FIELD_TIMESTAMP)
		crossed = text_to_timestamp(field->min, strlen(field->min), &a) && text_to_timestamp(field->max, strlen(field->max), &b) && a > b;
	if (crossed)
		report(l, &place, CONTRADICTION, "No value could ever be right.", "max of %s is below its min", field->head.name);
	place = config_setting_place(&field->head, "max_length");
	if (field->max_length > 0 && field->min_length > field->max_length)
		report(l, &place, CONTRADICTION, "No value could ever be right.", "max_length of %s is below its min_length", field->head.name);
}

static void
check_list(struct loader *l, const struct config_field *field)
{
	struct config_place place = config_setting_place(&field->head, "key");

	if (field->field_count == 0)
		report(l, &field->head.place, MISSING_SETTING, "Say fields: { … }; for what one element has.", "the list %s must say fields", field->head.name);
	if (field->key.count == 0)
		report(l, &field->head.place, MISSING_SETTING, "Say key = [ \"FIELD\" ]: an element is recognised by it.", "the list %s must say key", field->head.name);
	for (uint32_t i = 0; i < field->key.count && field->field_count > 0; i++) {
		bool found = false;

		for (uint32_t k = 0; k < field->field_count; k++)
			found = found || strcmp(field->fields[k].head.name, field->key.items[i]) == 0;
		if (!found)
			report_no_such(l, &place, "field", field->key.items[i], NAMES_OF(l, field->fields, field->field_count), field->field_count);
	}
	for (uint32_t i = 0; i < field->field_count; i++) {
		const struct config_field *inner = &field->fields[i];

		if (!type_known(inner))
			continue;
		check_fitting(l, inner);
		check_limits(l, inner);
		place = config_setting_place(&inner->head, "type");
		if (inner->type == CONFIG_FIELD_LIST || inner->type == CONFIG_FIELD_REF || inner->type == CONFIG_FIELD_CONTENT)
			report(l, &place, VALUE, "Elements hold simple values; make what has a life of its own an entity.", "%s stands in a list and cannot be of type %s",
			       inner->head.name, config_type_name(inner->type));
	}
}

static void
check_one_field(struct loader *l, const struct config_entity *entity, struct config_field *field)
{
	const struct model *model = l->model;
	struct config_place place = config_setting_place(&field->head, "entity");

	if (type_known(field)) {
		check_fitting(l, field);
		check_limits(l, field);
	}
	check_system_name(l, &field->head, "owner", field->owner);
	check_system_name(l, &field->head, "assigned_by", field->assigned_by);
	check_tie(l, &field->head, field->policy, field->tie);
	for (uint32_t i = 0; i < field->rank.count; i++)
		check_system_name(l, &field->head, "rank", field->rank.items[i]);
	if (field->type == CONFIG_FIELD_REF && field->entity == NULL && tree_find(field->head.node, "entity") == NULL)
		report(l, &field->head.place, MISSING_SETTING, "Say entity = \"ENTITY\".", "%s is a ref and must say to which entity", field->head.name);
	if (field->entity != NULL && config_entity(model, field->entity) == NULL)
		report_no_such(l, &place, "entity", field->entity, NAMES_OF(l, model->entities, model->entity_count), model->entity_count);
	if (field->type == CONFIG_FIELD_LIST)
		check_list(l, field);
	place = config_setting_place(&field->head, "policy");
	if (field->policy == CONFIG_POLICY_UNION && type_known(field) && field->type != CONFIG_FIELD_LIST && field->type != CONFIG_FIELD_JSON)
		report(l, &place, CONTRADICTION, "Only what has elements can be united.", "%s has policy union but is neither a list nor json", field->head.name);
	if (field->owner == NULL)
		field->owner = field->assigned_by != NULL ? field->assigned_by : entity->owner;
	if (tree_find(field->head.node, "edits") == NULL)
		field->edits = entity->edits;
}

/* What a system makes by itself is never written there, so nobody else's value may count. */
static void
check_assigned(struct loader *l, const struct config_field *field)
{
	struct config_place place = config_setting_place(&field->head, "assigned_by");

	if (field->assigned_by == NULL || config_system(l->model, field->assigned_by) == NULL)
		return;
	if (field->owner != NULL && strcmp(field->owner, field->assigned_by) != 0)
		report(l, &place, CONTRADICTION, "Make the system that assigns it its owner.", "%s is assigned by %s and owned by %s, so what is assigned would not count",
		       field->head.name, field->assigned_by, field->owner);
	else if (field->policy != CONFIG_POLICY_OWNER)
		report(l, &place, CONTRADICTION, "Leave the policy out.", "%s is assigned by %s, and by its policy other systems' values would count", field->head.name,
		       field->assigned_by);
}

static void
check_group(struct loader *l, const struct config_entity *entity, struct config_group *group)
{
	struct config_place place = config_setting_place(&group->head, "fields");

	check_field_names(l, entity, &group->head, "fields", &group->fields);
	check_system_name(l, &group->head, "owner", group->owner);
	check_tie(l, &group->head, group->policy, group->tie);
	if (group->owner == NULL)
		group->owner = entity->owner;
	if (config_field(entity, group->head.name) != NULL)
		report(l, &group->head.place, CONTRADICTION, "Give the group another name.", "%s is the name of a field and of a group", group->head.name);
	for (uint32_t i = 0; i < group->fields.count; i++) {
		struct config_field *field = (struct config_field *)(uintptr_t)config_field(entity, group->fields.items[i]);
		const struct node *own;

		if (field == NULL)
			continue;
		if (field->group != NULL) {
			report(l, &place, CONTRADICTION, "A field wins or loses with one group.", "%s is in the group %s already", field->head.name,
			       field->group->head.name);
			continue;
		}
		if ((own = tree_find(field->head.node, "policy")) == NULL)
			own = tree_find(field->head.node, "owner");
		if (own != NULL)
			report(l, &own->place, CONTRADICTION, "Say it in the group: its fields win and lose together.", "%s is in the group %s and cannot have its own %s",
			       field->head.name, group->head.name, own->name);
		field->group = group;
		field->owner = group->owner;
		field->policy = group->policy;
		field->tie = group->tie;
	}
}

static void
check_match(struct loader *l, const struct config_entity *entity, const struct config_match *match)
{
	struct config_place place = config_setting_place(&match->head, "review");
	double sum = 0;

	check_field_names(l, entity, &match->head, "exact", &match->exact);
	check_field_names(l, entity, &match->head, "block", &match->block);
	if (tree_find(match->head.node, "exact") != NULL && tree_find(match->head.node, "similar") != NULL)
		report(l, &match->head.place, CONTRADICTION, "Write two matches, the exact one first.", "a match is either exact or similar");
	else if (tree_find(match->head.node, "exact") == NULL && tree_find(match->head.node, "similar") == NULL)
		report(l, &match->head.place, MISSING_SETTING, "Say exact = [ \"FIELD\" ] or similar: { FIELD = 0.5; … }.", "a match must say exact or similar");
	if (match->similar_count == 0)
		return;
	for (uint32_t i = 0; i < match->similar_count; i++) {
		sum += match->similar[i].weight;
		if (config_field(entity, match->similar[i].field) == NULL)
			report_no_such(l, &match->similar[i].place, "field", match->similar[i].field, NAMES_OF(l, entity->fields, entity->field_count),
			               entity->field_count);
	}
	if (sum < 0.999 || sum > 1.001)
		report(l, &match->similar[0].place, VALUE, "Share 1 between the fields.", "the weights add up to %d.%02d and not to 1", (int)sum,
		       (int)((sum - (int)sum) * 100 + 0.5));
	if (match->block.count == 0)
		report(l, &match->head.place, MISSING_SETTING, "Say block = [ \"FIELD\" ]; else every record would be compared with every other.",
		       "a match by similarity must say block");
	if (match->review > match->link)
		report(l, &place, CONTRADICTION, "What is less sure is reviewed, what is surer is linked.", "review is above link");
}

int
check_entities(struct loader *l)
{
	struct model *model = l->model;

	for (uint32_t i = 0; i < model->entity_count; i++) {
		struct config_entity *entity = &model->entities[i];

		check_system_name(l, &entity->head, "owner", entity->owner);
		for (uint32_t k = 0; k < entity->rank.count; k++)
			check_system_name(l, &entity->head, "rank", entity->rank.items[k]);
		if (entity->field_count == 0 && tree_find(entity->head.node, "fields") != NULL)
			report(l, &entity->head.place, MISSING_SETTING, "Say fields: { NAME: { type = \"text\"; }; }.", "%s has no fields", entity->head.name);
		for (uint32_t k = 0; k < entity->field_count; k++)
			check_one_field(l, entity, &entity->fields[k]);
		for (uint32_t k = 0; k < entity->group_count; k++)
			check_group(l, entity, &entity->groups[k]);
		for (uint32_t k = 0; k < entity->field_count; k++)
			check_assigned(l, &entity->fields[k]);
		for (uint32_t k = 0; k < entity->match_count; k++)
			check_match(l, entity, &entity->matches[k]);
	}
	return l->no_memory ? -1 : 0;
}
