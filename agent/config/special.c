/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * special.c: the settings that have forms of their own: rules, lists of texts, map, read, write, owners, weights, the values of
 * tests.  What the names in them mean is checked later (check_*.c).  The thread that loads.
 */
#include <string.h>

#include "base/text.h"
#include "config/grammar.h"

#define RULE_MAX 16384u /* SQLite's limit for one expression, as agent/rules sets it */

int
build_nothing(struct loader *l, const struct node *node, void *out)
{
	(void)node;
	(void)out;
	return l->no_memory ? -1 : 0;
}

int
build_word(struct loader *l, const struct node *node, void *out)
{
	(void)out;
	if (node->kind != NODE_TEXT || node->length == 0)
		grammar_expected(l, node, "a name in quotes");
	return l->no_memory ? -1 : 0;
}

int
build_rule(struct loader *l, const struct node *node, struct config_rule *rule)
{
	if (node->kind != NODE_TEXT) {
		grammar_expected(l, node, "an SQL expression in quotes");
	} else if (node->text[strspn(node->text, " \t\r\n")] == '\0') {
		report(l, &node->value_place, VALUE, "Leave it out if there is nothing to say.", "the rule %s is empty", node->name);
	} else if (node->length > RULE_MAX) {
		report(l, &node->value_place, LIMIT, "Cut it into several rules, or use a lookup.", "a rule may have %u bytes, this one has %lu", RULE_MAX,
		       (unsigned long)node->length);
	} else {
		rule->text = node->text;
		rule->length = node->length;
		rule->place = node->value_place;
		rule->pieces = node->pieces;
		rule->piece_count = node->piece_count;
	}
	return l->no_memory ? -1 : 0;
}

int
build_texts(struct loader *l, const struct node *node, struct config_texts *texts)
{
	const struct node one = { .kind = NODE_LIST, .count = 1, .first = (struct node *)(uintptr_t)node };
	const struct node *list = node->kind == NODE_TEXT ? &one : node;
	const char **items;
	uint32_t count = 0;

	if (list->kind != NODE_LIST) {
		grammar_expected(l, node, "a list of texts: [ \"…\", \"…\" ]");
		return 0;
	}
	if ((items = loader_keep(l, arena_array(l->arena, list->count + 1, sizeof *items))) == NULL)
		return -1;
	for (const struct node *child = list->first; child != NULL && count < list->count; child = list == &one ? NULL : child->next) {
		bool twice = false;

		if (child->kind != NODE_TEXT || child->length == 0) {
			report(l, &child->value_place, VALUE, NULL, "%s may hold only texts that are not empty", node->name);
			continue;
		}
		for (uint32_t i = 0; i < count && !twice; i++)
			twice = strcmp(items[i], child->text) == 0;
		if (twice)
			report(l, &child->value_place, DUPLICATE, "Remove one of them.", "\"%.80s\" stands twice in %s", child->text, node->name);
		else
			items[count++] = child->text;
	}
	if (list->count == 0)
		report(l, &node->value_place, VALUE, "Leave the setting out if there is nothing to say.", "%s is empty", node->name);
	texts->items = items;
	texts->count = count;
	return l->no_memory ? -1 : 0;
}

int
build_owners(struct loader *l, const struct node *node, void *out)
{
	struct config_unit *unit = out;
	uint32_t total = 0;

	if (node->kind != NODE_GROUP) {
		grammar_expected(l, node, "a group of entities: { ENTITY: { FIELD = \"SYSTEM\"; }; }");
		return 0;
	}
	for (const struct node *entity = node->first; entity != NULL; entity = entity->next)
		total += entity->count;
	if (total > 0 && (unit->owners = loader_keep(l, arena_array(l->arena, total, sizeof *unit->owners))) == NULL)
		return -1;
	for (const struct node *entity = node->first; entity != NULL; entity = entity->next) {
		if (entity->kind != NODE_GROUP) {
			grammar_expected(l, entity, "a group of fields: { FIELD = \"SYSTEM\"; }");
			continue;
		}
		for (const struct node *field = entity->first; field != NULL; field = field->next) {
			if (field->kind != NODE_TEXT)
				grammar_expected(l, field, "the name of a system");
			else
				unit->owners[unit->owner_count++] = (struct config_owner){ field->place, entity->name, field->name, field->text };
		}
	}
	return 0;
}

int
build_similar(struct loader *l, const struct node *node, void *out)
{
	struct config_match *match = out;

	if (node->kind != NODE_GROUP || node->count == 0) {
		grammar_expected(l, node, "a group of weights: { FIELD = 0.5; … }");
		return 0;
	}
	if ((match->similar = loader_keep(l, arena_array(l->arena, node->count, sizeof *match->similar))) == NULL)
		return -1;
	for (const struct node *child = node->first; child != NULL; child = child->next) {
		double weight = 0;

		if (child->kind == NODE_INTEGER)
			weight = (double)child->integer;
		if ((child->kind != NODE_INTEGER && child->kind != NODE_DECIMAL) || (child->kind == NODE_DECIMAL && !value_to_double(child->text, &weight)) ||
		    weight <= 0 || weight > 1)
			report(l, &child->value_place, VALUE, NULL, "the weight of %s must be a number above 0 and up to 1", child->name);
		else
			match->similar[match->similar_count++] = (struct config_weight){ child->name, weight, child->place };
	}
	return 0;
}

/* A list whose elements are lists of two (or three) texts; false after a report. */
static bool
is_row(struct loader *l, const struct node *row, uint32_t most, const char *expected)
{
	bool good = row->kind == NODE_LIST && row->count >= 2 && row->count <= most;

	for (const struct node *cell = good ? row->first : NULL; cell != NULL; cell = cell->next)
		good = good && cell->kind == NODE_TEXT && cell->length > 0;
	if (!good)
		report(l, &row->value_place, VALUE, NULL, "an element of %s must be %s", row->parent->name, expected);
	return good;
}

static bool
is_rows(struct loader *l, const struct node *node)
{
	if (node->kind == NODE_LIST && node->first != NULL && node->first->kind == NODE_TEXT) {
		report(l, &node->value_place, VALUE, "One more pair of brackets is needed: ( [ \"…\", \"…\" ] ).", "%s must be a list of lists", node->name);
		return false;
	}
	if (node->kind != NODE_LIST)
		grammar_expected(l, node, "a list of lists: ( [ \"…\", \"…\" ], … )");
	return node->kind == NODE_LIST;
}

static void
set_head(struct config_head *head, const char *name, const struct node *node)
{
	head->name = name;
	head->place = node->value_place;
	head->node = node;
}

int
build_maps(struct loader *l, const struct node *node, void *out)
{
	struct config_binding *binding = out;

	if (!is_rows(l, node) || node->count == 0)
		return 0;
	if ((binding->maps = loader_keep(l, arena_array(l->arena, node->count, sizeof *binding->maps))) == NULL)
		return -1;
	for (const struct node *row = node->first; row != NULL; row = row->next)
		if (is_row(l, row, 2, "[ \"FIELD\", \"NATIVE\" ]")) {
			struct config_map *map = &binding->maps[binding->map_count++];

			set_head(&map->head, row->first->text, row);
			map->native = row->last->text;
		}
	return 0;
}

static int build_read_group(struct loader *l, const struct node *node, bool in_list, struct config_read **ret_reads, uint32_t *ret_count);

/* lines: { from = "POSITIONEN"; read: { … }; } */
static int
build_list_read(struct loader *l, const struct node *node, struct config_read *read)
{
	static const char *const words[] = { "from", "read" };
	const struct node *from = tree_find(node, "from"), *inner = tree_find(node, "read");

	for (const struct node *child = node->first; child != NULL; child = child->next)
		if (child != from && child != inner)
			report(l, &child->place, UNKNOWN_SETTING, loader_hint(l, child->name, words, 2, "It may have: from, read."), "there is no setting %.80s in a list that is read",
			       child->name);
	if (from == NULL || inner == NULL)
		report(l, &node->place, MISSING_SETTING, "from names the native field that holds the elements, read says what is in one.",
		       "the list %s must say %s", node->name, from == NULL ? "from" : "read");
	if (from != NULL && (from->kind != NODE_TEXT || from->length == 0))
		grammar_expected(l, from, "the name of a native field");
	else if (from != NULL)
		read->from = from->text;
	return inner != NULL ? build_read_group(l, inner, true, &read->reads, &read->read_count) : 0;
}

static int
build_read_group(struct loader *l, const struct node *node, bool in_list, struct config_read **ret_reads, uint32_t *ret_count)
{
	struct config_read *reads;
	uint32_t count = 0;

	if (node->kind != NODE_GROUP) {
		grammar_expected(l, node, "a group: { FIELD = \"SQL\"; … }");
		return 0;
	}
	if ((reads = loader_keep(l, arena_array(l->arena, node->count + 1, sizeof *reads))) == NULL)
		return -1;
	for (const struct node *child = node->first; child != NULL; child = child->next) {
		struct config_read *read = &reads[count++];

		set_head(&read->head, child->name, child);
		read->head.place = child->place;
		if (child->kind == NODE_GROUP && !in_list) {
			if (build_list_read(l, child, read) != 0)
				return -1;
		} else if (build_rule(l, child, &read->rule) != 0) {
			return -1;
		}
	}
	*ret_reads = reads;
	*ret_count = count;
	return 0;
}

int
build_reads(struct loader *l, const struct node *node, void *out)
{
	struct config_binding *binding = out;

	return build_read_group(l, node, false, &binding->read, &binding->read_count);
}

static int
build_write_rows(struct loader *l, const struct node *node, uint32_t most, struct config_write **ret_writes, uint32_t *ret_count)
{
	struct config_write *writes;
	uint32_t count = 0;

	if (!is_rows(l, node) || node->count == 0)
		return 0;
	if ((writes = loader_keep(l, arena_array(l->arena, node->count, sizeof *writes))) == NULL)
		return -1;
	for (const struct node *row = node->first; row != NULL; row = row->next) {
		struct config_write *write = &writes[count];

		if (!is_row(l, row, most, most == 3 ? "[ \"NATIVE\", \"SQL\" ] or [ \"NATIVE\", \"SQL\", \"create\" ]" : "[ \"NATIVE\", \"SQL\" ]"))
			continue;
		if (row->count == 3 && strcmp(row->last->text, "create") != 0) {
			report(l, &row->last->value_place, VALUE, "Put quotes around the whole rule if this belongs to it.",
			       "the third text can only be \"create\", not \"%.80s\"", row->last->text);
			continue;
		}
		set_head(&write->head, row->first->text, row);
		write->create_only = row->count == 3;
		if (build_rule(l, row->first->next, &write->rule) != 0)
			return -1;
		count++;
	}
	*ret_writes = writes;
	*ret_count = count;
	return 0;
}

int
build_writes(struct loader *l, const struct node *node, void *out)
{
	struct config_binding *binding = out;

	return build_write_rows(l, node, 3, &binding->write, &binding->write_count);
}

int
build_set(struct loader *l, const struct node *node, void *out)
{
	struct config_deletes *deletes = out;

	return build_write_rows(l, node, 2, &deletes->set, &deletes->set_count);
}

int
build_changed(struct loader *l, const struct node *node, void *out)
{
	struct config_binding *binding = out;

	if (node->kind != NODE_GROUP || node->count == 0) {
		grammar_expected(l, node, "a group: { record = \"NATIVE\"; … }");
		return 0;
	}
	if ((binding->changed = loader_keep(l, arena_array(l->arena, node->count, sizeof *binding->changed))) == NULL)
		return -1;
	for (const struct node *child = node->first; child != NULL; child = child->next) {
		if (child->kind != NODE_TEXT || child->length == 0)
			grammar_expected(l, child, "the name of a native field");
		else
			binding->changed[binding->changed_count++] = (struct config_changed){ child->name, child->text, child->place };
	}
	return 0;
}

int
build_accept(struct loader *l, const struct node *node, void *out)
{
	struct config_binding *binding = out;
	struct config_texts texts = { 0 };
	static const char *const words[] = { "duplicates" };

	if (build_texts(l, node, &texts) != 0)
		return -1;
	for (uint32_t i = 0; i < texts.count; i++) {
		if (strcmp(texts.items[i], "duplicates") == 0)
			binding->accept_duplicates = true;
		else
			report(l, &node->value_place, VALUE, loader_hint(l, texts.items[i], words, 1, "The only weakness that can be accepted is \"duplicates\"."),
			       "accept does not know \"%.80s\"", texts.items[i]);
	}
	return l->no_memory ? -1 : 0;
}

int
build_crons(struct loader *l, const struct node *node, void *out)
{
	struct config_trigger *trigger = out;
	struct config_texts texts = { 0 };
	struct config_cron *crons;
	struct error why = { 0 };

	if (build_texts(l, node, &texts) != 0)
		return -1;
	if (texts.count == 0)
		return 0;
	if ((crons = loader_keep(l, arena_array(l->arena, texts.count, sizeof *crons))) == NULL)
		return -1;
	for (uint32_t i = 0; i < texts.count; i++) {
		crons[i].text = texts.items[i];
		if (cron_parse(texts.items[i], &crons[i].when, &why) != 0) {
			report(l, &node->value_place, VALUE, why.hint, "%s", why.message);
			return l->no_memory ? -1 : 0;
		}
	}
	trigger->crons = crons;
	trigger->cron_count = texts.count;
	return 0;
}

/* "06:00-20:00"; "22:00-24:00" ends with the day. */
static bool
to_window(const char *text, struct config_window *ret_window)
{
	char from[6], to[6];

	if (strlen(text) != 11 || text[5] != '-')
		return false;
	memcpy(from, text, 5);
	memcpy(to, text + 6, 5);
	from[5] = to[5] = '\0';
	if (!value_is_time(from) || (!value_is_time(to) && strcmp(to, "24:00") != 0))
		return false;
	ret_window->from = (uint16_t)(((from[0] - '0') * 10 + from[1] - '0') * 60 + (from[3] - '0') * 10 + from[4] - '0');
	ret_window->to = (uint16_t)(((to[0] - '0') * 10 + to[1] - '0') * 60 + (to[3] - '0') * 10 + to[4] - '0');
	return ret_window->from != ret_window->to;
}

int
build_windows(struct loader *l, const struct node *node, void *out)
{
	struct config_trigger *trigger = out;
	struct config_texts texts = { 0 };
	struct config_window *windows;

	if (build_texts(l, node, &texts) != 0)
		return -1;
	if (texts.count == 0)
		return 0;
	if ((windows = loader_keep(l, arena_array(l->arena, texts.count, sizeof *windows))) == NULL)
		return -1;
	for (uint32_t i = 0; i < texts.count; i++)
		if (!to_window(texts.items[i], &windows[i])) {
			report(l, &node->value_place, VALUE, "Write it as in \"06:00-20:00\", or \"22:00-04:00\" over midnight.", "\"%.40s\" is no window of time", texts.items[i]);
			return l->no_memory ? -1 : 0;
		}
	trigger->windows = windows;
	trigger->window_count = texts.count;
	return 0;
}

static void
build_value(struct loader *l, const struct node *node, const char *name, struct config_value *value)
{
	memset(value, 0, sizeof *value);
	value->name = name;
	value->place = node->value_place;
	switch ((enum node_kind)node->kind) {
	case NODE_TEXT:
		value->kind = CONFIG_VALUE_TEXT;
		value->text = node->text;
		break;
	case NODE_DECIMAL:
		if (!text_is_decimal(node->text, node->length)) {
			report(l, &node->value_place, VALUE, "Write digits on both sides of the point, without an exponent.", "%s is not a decimal number", node->text);
			break;
		}
		value->kind = CONFIG_VALUE_DECIMAL;
		value->text = node->text;
		break;
	case NODE_INTEGER:
		value->kind = CONFIG_VALUE_INTEGER;
		value->integer = node->integer;
		break;
	case NODE_BOOLEAN:
		value->kind = CONFIG_VALUE_BOOLEAN;
		value->integer = node->integer;
		break;
	case NODE_LIST:
		value->kind = CONFIG_VALUE_NULL;
		if (node->count == 0)
			break;
		/* fall through */
	case NODE_GROUP:
		report(l, &node->value_place, VALUE, "Write JSON in quotes for what has parts; () is null.", "the value of \"%.80s\" must be a text, a number, true or false, or ()",
		       name);
	}
}

int
build_pairs(struct loader *l, const struct node *node, void *out)
{
	struct config_values *values = out;
	struct config_value *items;
	uint32_t count = 0;

	if (!is_rows(l, node))
		return 0;
	if ((items = loader_keep(l, arena_array(l->arena, node->count + 1, sizeof *items))) == NULL)
		return -1;
	for (const struct node *row = node->first; row != NULL; row = row->next) {
		if (row->kind != NODE_LIST || row->count != 2 || row->first->kind != NODE_TEXT || row->first->length == 0)
			report(l, &row->value_place, VALUE, NULL, "an element of %s must be ( \"NATIVE\", VALUE )", node->name);
		else
			build_value(l, row->last, row->first->text, &items[count++]);
	}
	values->items = items;
	values->count = count;
	return l->no_memory ? -1 : 0;
}

int
build_values(struct loader *l, const struct node *node, void *out)
{
	struct config_values *values = out;
	struct config_value *items;
	uint32_t count = 0;

	if (node->kind != NODE_GROUP) {
		grammar_expected(l, node, "a group: { FIELD = VALUE; … }");
		return 0;
	}
	if ((items = loader_keep(l, arena_array(l->arena, node->count + 1, sizeof *items))) == NULL)
		return -1;
	for (const struct node *child = node->first; child != NULL; child = child->next)
		build_value(l, child, child->name, &items[count++]);
	values->items = items;
	values->count = count;
	return l->no_memory ? -1 : 0;
}
