/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fill.c: from the tree to structs by the grammar's table: unknown and missing settings, types, ranges and choices are found
 * here, one setting at a time.  What two settings mean together is for check_*.c.  The thread that loads.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/grammar.h"

#define NAME_LENGTH_MAX 63u
#define CANDIDATES_MAX 64u

/* SQLite's words, all of them: which may stand as a name where depends on the release. */
bool
grammar_name_is_sql(const char *name)
{
	static const char *const words[] = {
		"abort", "action", "add", "after", "all", "alter", "always", "analyze", "and", "as", "asc", "attach", "autoincrement", "before",
		"begin", "between", "by", "cascade", "case", "cast", "check", "collate", "column", "commit", "conflict", "constraint", "create",
		"cross", "current", "current_date", "current_time", "current_timestamp", "database", "default", "deferrable", "deferred",
		"delete", "desc", "detach", "distinct", "do", "drop", "each", "else", "end", "escape", "except", "exclude", "exclusive",
		"exists", "explain", "fail", "false", "filter", "first", "following", "for", "foreign", "from", "full", "generated", "glob",
		"group", "groups", "having", "if", "ignore", "immediate", "in", "index", "indexed", "initially", "inner", "insert", "instead",
		"intersect", "into", "is", "isnull", "join", "key", "last", "left", "like", "limit", "match", "materialized", "natural", "no",
		"not", "nothing", "notnull", "null", "nulls", "of", "offset", "oid", "on", "or", "order", "others", "outer", "over", "partition",
		"plan", "pragma", "preceding", "primary", "query", "raise", "range", "recursive", "references", "regexp", "reindex", "release",
		"rename", "replace", "restrict", "returning", "right", "rollback", "row", "rowid", "rows", "savepoint", "select", "set", "table",
		"temp", "temporary", "then", "ties", "to", "transaction", "trigger", "true", "unbounded", "union", "unique", "update", "using",
		"vacuum", "values", "view", "virtual", "when", "where", "window", "with", "without",
	};
	size_t low = 0, high = sizeof words / sizeof words[0];

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, words[middle]);

		if (order == 0)
			return true;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

bool
grammar_check_name(struct loader *l, const struct config_place *place, const char *name, bool field)
{
	size_t length = strlen(name);
	bool good = length > 0 && length <= NAME_LENGTH_MAX && name[0] >= 'a' && name[0] <= 'z';

	for (size_t i = 0; good && i < length; i++)
		good = (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') || name[i] == '_' || (name[i] == '-' && !field);
	if (!good) {
		report(l, place, NAME, "A system's own names stand in quotes as values; this is a name of ours.",
		       "%.80s cannot be a name here: small letters, digits%s and _, beginning with a letter, at most %u of them", name, field ? "" : ", -",
		       NAME_LENGTH_MAX);
		return false;
	}
	if (field && grammar_name_is_sql(name)) {
		report(l, place, NAME, "Choose another name, as in the plural or with a word before it.", "%s is a word of SQL and cannot name a field or an entity", name);
		return false;
	}
	return true;
}

/* The setting of that name, or NULL. */
static const struct grammar_setting *
find_setting(const struct grammar_group *group, const char *name)
{
	for (uint32_t i = 0; i < group->count; i++)
		if (strcmp(group->settings[i].name, name) == 0)
			return &group->settings[i];
	return NULL;
}

static void
report_unknown(struct loader *l, const struct grammar_group *group, const struct node *node)
{
	const char *names[CANDIDATES_MAX];
	char list[384] = "It may have: ";
	size_t count = 0, used = strlen(list);

	for (; count < group->count && count < CANDIDATES_MAX; count++)
		names[count] = group->settings[count].name;
	for (size_t i = 0; i < count && used < sizeof list; i++)
		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s%s", names[i], i + 1 < count ? ", " : ".", "");
	report(l, &node->place, UNKNOWN_SETTING, loader_hint(l, node->name, names, count, used < sizeof list ? list : NULL),
	       "there is no setting %.80s in %s", node->name, group->path[0] != '\0' ? group->path : "a configuration file");
}

static const char *
join_choices(const struct grammar_setting *setting, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; setting->choices[i] != NULL; i++)
		if (setting->choices[i][0] != '\0' && used < size)
			used += (size_t)snprintf(buffer + used, size - used, "%s\"%s\"", used > 0 ? ", " : "", setting->choices[i]);
	return buffer;
}

/* The index of the node's text among the choices, or -1 after a report. */
static int
choose(struct loader *l, const struct node *node, const struct grammar_setting *setting)
{
	char list[256];
	size_t count = 0;
	const char *hint;

	if (node->kind != NODE_TEXT) {
		char expected[300];

		snprintf(expected, sizeof expected, "one of %s", join_choices(setting, list, sizeof list));
		grammar_expected(l, node, expected);
		return -1;
	}
	for (; setting->choices[count] != NULL; count++)
		if (node->text[0] != '\0' && strcmp(setting->choices[count], node->text) == 0)
			return (int)count;
	hint = loader_hint(l, node->text, setting->choices, count, NULL);
	report(l, &node->value_place, VALUE, hint, "%s must be one of %s, not \"%.80s\"", node->name, join_choices(setting, list, sizeof list), node->text);
	return -1;
}

/* A limit as it would stand in the file. */
static void
say_limit(const struct grammar_setting *setting, int64_t limit, char *buffer, size_t size)
{
	static const struct {
		int64_t ms;
		const char *unit;
	} units[] = { { INT64_C(31536000000), "y" }, { 86400000, "d" }, { 3600000, "h" }, { 60000, "m" }, { 1000, "s" }, { 1, "ms" } };

	snprintf(buffer, size, "%lld", (long long)(setting->type == SETTING_NUMBER ? limit / 1000 : limit));
	for (size_t i = 0; setting->type == SETTING_DURATION && i < sizeof units / sizeof units[0]; i++)
		if (limit % units[i].ms == 0) {
			snprintf(buffer, size, "\"%lld%s\"", (long long)(limit / units[i].ms), units[i].unit);
			break;
		}
}

static bool
in_range(struct loader *l, const struct node *node, const struct grammar_setting *setting, int64_t value)
{
	char limit[48];

	if ((setting->minimum == 0 && setting->maximum == 0) || (value >= setting->minimum && value <= setting->maximum))
		return true;
	say_limit(setting, value < setting->minimum ? setting->minimum : setting->maximum, limit, sizeof limit);
	report(l, &node->value_place, VALUE, NULL, "%s must be at %s %s", node->name, value < setting->minimum ? "least" : "most", limit);
	return false;
}

static void
fill_duration(struct loader *l, const struct node *node, const struct grammar_setting *setting, int64_t *out)
{
	int64_t value;

	if (node->kind == NODE_INTEGER && (setting->flags & SETTING_SECONDS) != 0 && node->integer >= 0 && node->integer <= INT64_MAX / 1000)
		value = node->integer * 1000;
	else if (node->kind != NODE_TEXT || !value_to_duration(node->text, &value)) {
		report(l, &node->value_place, VALUE, "Write a whole number and ms, s, m, h, d, w or y, in quotes: \"15m\".", "%s must be a duration", node->name);
		return;
	}
	if (in_range(l, node, setting, value))
		*out = value;
}

static void
fill_number(struct loader *l, const struct node *node, const struct grammar_setting *setting, double *out)
{
	double value = 0;

	if (node->kind == NODE_INTEGER)
		value = (double)node->integer;
	else if (node->kind != NODE_DECIMAL || !value_to_double(node->text, &value)) {
		grammar_expected(l, node, "a number such as 0.9");
		return;
	}
	if (value < -1e12 || value > 1e12)
		value = value < 0 ? -1e12 : 1e12;
	if (in_range(l, node, setting, (int64_t)(value * 1000)))
		*out = value;
}

static void
fill_decimal(struct loader *l, const struct node *node, const char **out)
{
	if (node->kind == NODE_INTEGER)
		*out = loader_keep(l, arena_format(l->arena, "%lld", (long long)node->integer));
	else if ((node->kind == NODE_TEXT || node->kind == NODE_DECIMAL) && node->length > 0)
		*out = node->text;
	else
		grammar_expected(l, node, "a number or a text");
}

/* Kinds that are one text with a form of its own. */
static void
fill_text(struct loader *l, const struct node *node, const struct grammar_setting *setting, const char **out)
{
	int64_t us;
	const char *secret;

	if (node->kind != NODE_TEXT) {
		grammar_expected(l, node, "a text in quotes");
		return;
	}
	if (setting->type == SETTING_SECRET) {
		if ((secret = value_secret(node->text)) == NULL)
			report(l, &node->value_place, SECRET, "Put it into the vault with syncline secret set NAME and write \"secret:NAME\" here.",
			       "%s must name a secret and not be one", node->name);
		else
			*out = secret;
	} else if (node->length == 0) {
		report(l, &node->value_place, VALUE, "Leave the setting out if there is nothing to say.", "%s is empty", node->name);
	} else if (setting->type == SETTING_ZONE && !value_is_zone(node->text)) {
		report(l, &node->value_place, VALUE, "Write it as in \"Europe/Berlin\" or \"UTC\".", "%s is not the name of a time zone", node->name);
	} else if (setting->type == SETTING_TIMESTAMP && !text_to_timestamp(node->text, node->length, &us)) {
		report(l, &node->value_place, VALUE, "Write it as in \"2026-02-28T12:30:00Z\".", "%s is not a date and time that exists", node->name);
	} else {
		*out = node->text;
	}
}

static int
fill_times(struct loader *l, const struct node *node, struct config_texts *out)
{
	struct config_texts texts = { 0 };

	if (build_texts(l, node, &texts) != 0)
		return -1;
	for (uint32_t i = 0; i < texts.count; i++)
		if (!value_is_time(texts.items[i])) {
			report(l, &node->value_place, VALUE, "Write hours and minutes with two digits each, as in \"03:00\".", "\"%.40s\" is not a time of day",
			       texts.items[i]);
			return 0;
		}
	*out = texts;
	return 0;
}

/* An array of structs of a group from the children of `node`. */
static int
fill_many(struct loader *l, const struct node *node, const struct grammar_setting *setting, void **out, uint32_t *out_count)
{
	const struct grammar_group *group = &grammar_groups[setting->of];
	bool named = setting->type == SETTING_NAMED;
	uint32_t count = 0;
	char *items;

	if (node->kind != (named ? NODE_GROUP : NODE_LIST)) {
		grammar_expected(l, node, named ? "a group of groups: { NAME: { … }; … }" : "a list of groups: ( { … }, … )");
		return 0;
	}
	if (node->count == 0)
		return 0;
	if ((items = loader_keep(l, arena_array(l->arena, node->count, group->size))) == NULL)
		return -1;
	for (const struct node *child = node->first; child != NULL; child = child->next) {
		if (child->kind != NODE_GROUP) {
			grammar_expected(l, child, "a group { … }");
			continue;
		}
		if (named)
			grammar_check_name(l, &child->place, child->name, (setting->flags & SETTING_FIELDS) != 0);
		if (grammar_fill(l, child, setting->of, items + count++ * group->size) != 0)
			return -1;
	}
	*out = items;
	*out_count = count;
	return 0;
}

static int
fill_group(struct loader *l, const struct node *node, const struct grammar_setting *setting, const void **out)
{
	void *inner;

	if (node != NULL && node->kind != NODE_GROUP) {
		grammar_expected(l, node, "a group { … }");
		node = NULL;
		if ((setting->flags & SETTING_ALWAYS) == 0)
			return 0;
	}
	if ((inner = loader_keep(l, arena_zalloc(l->arena, grammar_groups[setting->of].size))) == NULL)
		return -1;
	*out = inner;
	return grammar_fill(l, node, setting->of, inner);
}

static int
fill_setting(struct loader *l, const struct node *node, const struct grammar_setting *setting, char *group)
{
	char *out = group + setting->offset;
	int index;

	switch ((enum setting_type)setting->type) {
	case SETTING_TEXT:
	case SETTING_NAME:
	case SETTING_ZONE:
	case SETTING_TIMESTAMP:
	case SETTING_SECRET:
		fill_text(l, node, setting, (const char **)(void *)out);
		break;
	case SETTING_BOOLEAN:
		if (node->kind != NODE_BOOLEAN)
			grammar_expected(l, node, "true or false, without quotes");
		else
			*(bool *)out = node->integer != 0;
		break;
	case SETTING_INTEGER:
		if (node->kind != NODE_INTEGER)
			grammar_expected(l, node, "a whole number");
		else if (in_range(l, node, setting, node->integer))
			*(int64_t *)(void *)out = node->integer;
		break;
	case SETTING_NUMBER:
		fill_number(l, node, setting, (double *)(void *)out);
		break;
	case SETTING_DECIMAL:
		fill_decimal(l, node, (const char **)(void *)out);
		break;
	case SETTING_DURATION:
		fill_duration(l, node, setting, (int64_t *)(void *)out);
		break;
	case SETTING_SHARE:
		if (node->kind != NODE_TEXT || !value_to_share(node->text, (int64_t *)(void *)out))
			report(l, &node->value_place, VALUE, "Write it as in \"10%\" or \"0.5%\".", "%s must be a share between 0%% and 100%%", node->name);
		break;
	case SETTING_CHOICE:
		if ((index = choose(l, node, setting)) >= 0)
			*(uint8_t *)out = (uint8_t)index;
		break;
	case SETTING_WORD:
		if (choose(l, node, setting) >= 0)
			*(const char **)(void *)out = node->text;
		break;
	case SETTING_TEXTS:
	case SETTING_NAMES:
		return build_texts(l, node, (struct config_texts *)(void *)out);
	case SETTING_TIMES:
		return fill_times(l, node, (struct config_texts *)(void *)out);
	case SETTING_RULE:
		return build_rule(l, node, (struct config_rule *)(void *)out);
	case SETTING_GROUP:
		return fill_group(l, node, setting, (const void **)(void *)out);
	case SETTING_NAMED:
	case SETTING_LISTED:
		return fill_many(l, node, setting, (void **)(void *)out, (uint32_t *)(void *)(group + setting->count_offset));
	case SETTING_OWN:
		return setting->build(l, node, out);
	}
	return l->no_memory ? -1 : 0;
}

/* A default, through the same functions as what stands in a file. */
static int
fill_fallback(struct loader *l, const struct grammar_setting *setting, char *group)
{
	struct node node = { .name = setting->name, .kind = NODE_TEXT, .text = setting->fallback };
	struct grammar_setting free_range = *setting;

	if (setting->type == SETTING_GROUP && (setting->flags & SETTING_ALWAYS) != 0)
		return fill_group(l, NULL, setting, (const void **)(void *)(group + setting->offset));
	if (setting->fallback == NULL)
		return 0;
	node.length = strlen(node.text);
	if (setting->type == SETTING_BOOLEAN) {
		node.kind = NODE_BOOLEAN;
		node.integer = strcmp(setting->fallback, "true") == 0;
	} else if (setting->type == SETTING_INTEGER || setting->type == SETTING_NUMBER) {
		node.kind = NODE_INTEGER;
		text_to_integer(node.text, node.length, &node.integer);
		free_range.minimum = free_range.maximum = 0; /* a default may say "not given" */
	}
	return fill_setting(l, &node, &free_range, group);
}

static void
fill_head(struct loader *l, const struct node *node, struct config_head *head)
{
	const struct node *was = tree_find(node, "was");

	head->name = node->name;
	head->place = node->place;
	head->node = node;
	if (was == NULL)
		return;
	if (was->kind != NODE_TEXT || was->length == 0)
		grammar_expected(l, was, "the former name, in quotes");
	else if (node->name[0] != '\0' && strcmp(was->text, node->name) == 0)
		report(l, &was->value_place, CONTRADICTION, "Remove it, or write the name that it had before.", "%s says that it was called %s before", node->name,
		       was->text);
	else
		head->was = was->text;
}

/* "flows.NAME.bindings.crm must say object" */
static void
report_missing(struct loader *l, const struct grammar_group *group, const struct node *node, const struct grammar_setting *setting)
{
	const char *dot = strrchr(group->path, '.');
	bool named = dot != NULL && dot[1] >= 'A' && dot[1] <= 'Z';

	report(l, &node->place, MISSING_SETTING, setting->help, "%.*s%s must say %s", named ? (int)(dot + 1 - group->path) : (int)strlen(group->path),
	       group->path, named ? node->name : "", setting->name);
}

/* Nobody may have been called what somebody else is called now, or was. */
static void
check_former_names(struct loader *l, const struct node *group)
{
	for (const struct node *child = group->first; child != NULL; child = child->next) {
		const struct node *was = child->kind == NODE_GROUP ? tree_find(child, "was") : NULL;
		bool before = true;

		if (was == NULL || was->kind != NODE_TEXT)
			continue;
		for (const struct node *other = group->first; other != NULL; other = other->next) {
			const struct node *twin = other->kind == NODE_GROUP && other != child ? tree_find(other, "was") : NULL;

			before = before && other != child;
			if (other != child && strcmp(other->name, was->text) == 0)
				report(l, &was->value_place, CONTRADICTION, "A former name is one that nothing has any more.",
				       "%s was called %s, but there still is a %s in line %u", child->name, was->text, other->name, (unsigned)other->place.line);
			else if (twin != NULL && twin->kind == NODE_TEXT && strcmp(twin->text, was->text) == 0 && before)
				report(l, &was->value_place, CONTRADICTION, "Only one of them takes over its links.", "%s and %s were both called %s", other->name,
				       child->name, was->text);
		}
	}
}

int
grammar_fill(struct loader *l, const struct node *node, enum grammar_id id, void *out)
{
	const struct grammar_group *group = &grammar_groups[id];

	((struct config_head *)out)->name = "";
	if (node != NULL)
		fill_head(l, node, out);
	if (id == GRAMMAR_CONTRACT_SYSTEM) {
		struct file_contract_system *system = out;
		const struct grammar_setting objects = { .type = SETTING_NAMED, .of = GRAMMAR_CONTRACT };

		return fill_many(l, node, &objects, (void **)(void *)&system->objects, &system->object_count);
	}
	for (uint32_t i = 0; i < group->count; i++) {
		const struct grammar_setting *setting = &group->settings[i];
		const struct node *child = node != NULL ? tree_find(node, setting->name) : NULL;

		if (fill_fallback(l, setting, out) != 0)
			return -1;
		if (child == NULL && (setting->flags & SETTING_REQUIRED) != 0 && node != NULL && !l->incomplete)
			report_missing(l, group, node, setting);
		if (child != NULL && setting->type == SETTING_NAMED && child->kind == NODE_GROUP)
			check_former_names(l, child);
		l->help = setting->help;
		if (child != NULL && fill_setting(l, child, setting, out) != 0)
			return -1;
		l->help = NULL;
	}
	for (const struct node *child = node != NULL ? node->first : NULL; child != NULL; child = child->next)
		if (find_setting(group, child->name) == NULL && (strcmp(child->name, "was") != 0 || id == GRAMMAR_FILE))
			report_unknown(l, group, child);
	return l->no_memory ? -1 : 0;
}
