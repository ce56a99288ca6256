/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings.c: settings by a connector's parameter schema: known, of the right type, in range, required ones there, secrets
 * only by name; and then as the connector takes them.  The thread that loads.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "config/grammar.h"

/* Its texts are ended by NUL, its array steps by the first element's size. */
struct syncline_param
config_param(const struct syncline_connector *connector, uint32_t index)
{
	struct syncline_param param = { 0 };
	uint32_t step = connector->params[0].struct_size;
	const char *from = (const char *)connector->params + (size_t)index * step;

	memcpy(&param, from, step < sizeof param ? step : sizeof param);
	return param;
}

struct builder {
	struct loader *l;
	const struct syncline_connector *connector;
	struct syncline_setting *items;
	struct config_place *places;
	uint32_t count;
	struct config_secret *secrets;
	uint32_t secret_count;
};

static struct syncline_setting *
add(struct builder *b, const char *name, uint8_t type, const struct node *node)
{
	struct syncline_setting *item = &b->items[b->count];

	memset(item, 0, sizeof *item);
	item->struct_size = sizeof *item;
	item->type = type;
	item->configured = node != NULL && node->place.line != 0;
	item->name = name;
	item->text = "";
	b->places[b->count] = node != NULL ? node->place : (struct config_place){ NULL, 0, 0 };
	b->count++;
	return item;
}

static void
add_secret(struct builder *b, const char *name, const struct node *node)
{
	const char *reference = node->kind == NODE_TEXT ? value_secret(node->text) : NULL;

	if (reference == NULL)
		report(b->l, &node->value_place, SECRET, "Put it into the vault with syncline secret set NAME and write \"secret:NAME\" here.",
		       "%s must name a secret and not be one", name);
	else
		b->secrets[b->secret_count++] = (struct config_secret){ name, reference, node->place };
}

/* Limits of a number; `unit` for the message. */
static bool
in_limits(struct builder *b, const struct syncline_param *param, const struct node *node, int64_t value, const char *unit)
{
	if ((param->minimum == 0 && param->maximum == 0) || (value >= param->minimum && value <= param->maximum))
		return true;
	report(b->l, &node->value_place, VALUE, param->help, "%s must be between %lld and %lld%s", param->name, (long long)param->minimum,
	       (long long)param->maximum, unit);
	return false;
}

static bool
is_url(const char *text)
{
	const char *host = strncmp(text, "https://", 8) == 0 ? text + 8 : strncmp(text, "http://", 7) == 0 ? text + 7 : NULL;

	if (host == NULL || *host == '\0' || *host == '/' || *host == ':')
		return false;
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || *p == '"' || *p == '<' || *p == '>')
			return false;
	return true;
}

/* TEXT, CHOICE, PATH and URL; NULL after a report. */
static const char *
text_value(struct builder *b, const struct syncline_param *param, const struct node *node)
{
	struct loader *l = b->l;
	size_t count = 0;

	if (node->kind != NODE_TEXT) {
		grammar_expected(l, node, "a text in quotes");
		return NULL;
	}
	if (param->type == SYNCLINE_PARAM_PATH && node->text[0] != '/') {
		report(l, &node->value_place, VALUE, param->help, "%s must be an absolute path, beginning with /", param->name);
		return NULL;
	}
	if (param->type == SYNCLINE_PARAM_URL && !is_url(node->text)) {
		report(l, &node->value_place, VALUE, param->help, "%s must be an address that begins with https:// or http://", param->name);
		return NULL;
	}
	if (param->type == SYNCLINE_PARAM_URL && strchr(node->text, '@') != NULL && strcspn(node->text + 8, "/?#") > strcspn(node->text + 8, "@")) {
		report(l, &node->value_place, SECRET, "Put user name and password into settings of their own.", "%s holds credentials", param->name);
		return NULL;
	}
	if (param->type != SYNCLINE_PARAM_CHOICE || param->choices == NULL)
		return node->text;
	for (; param->choices[count] != NULL; count++)
		if (strcmp(param->choices[count], node->text) == 0)
			return node->text;
	report(l, &node->value_place, VALUE, loader_hint(l, node->text, param->choices, count, param->help), "%s cannot be \"%.80s\"", param->name, node->text);
	return NULL;
}

static int
list_value(struct builder *b, const struct syncline_param *param, const struct node *node)
{
	struct syncline_setting *item;
	const char **list;
	uint32_t count = 0;

	if (node->kind != NODE_LIST && node->kind != NODE_TEXT) {
		grammar_expected(b->l, node, "a list of texts: [ \"…\", \"…\" ]");
		return 0;
	}
	if ((list = loader_keep(b->l, arena_array(b->l->arena, node->count + 1, sizeof *list))) == NULL)
		return -1;
	if (node->kind == NODE_TEXT)
		list[count++] = node->text;
	for (const struct node *child = node->first; child != NULL; child = child->next) {
		if (child->kind != NODE_TEXT)
			report(b->l, &child->value_place, VALUE, NULL, "%s may hold only texts", param->name);
		else
			list[count++] = child->text; /* an empty one is a value: null_if = [ "" ] */
	}
	item = add(b, param->name, param->type, node);
	item->list = list;
	item->list_count = count;
	return 0;
}

static void
number_value(struct builder *b, const struct syncline_param *param, const struct node *node)
{
	int64_t value = node->integer;
	bool good = node->kind == NODE_INTEGER;
	const char *unit = "", *form = "a whole number";

	if (param->type == SYNCLINE_PARAM_DURATION) {
		good = node->kind == NODE_TEXT && value_to_duration(node->text, &value);
		unit = " milliseconds";
		form = "a duration such as \"15m\"";
	} else if (param->type == SYNCLINE_PARAM_SIZE) {
		good = good || (node->kind == NODE_TEXT && value_to_size(node->text, &value));
		unit = " bytes";
		form = "a size such as \"64KiB\"";
	} else if (param->type == SYNCLINE_PARAM_BOOLEAN) {
		good = node->kind == NODE_BOOLEAN;
		form = "true or false, without quotes";
	}
	if (!good)
		report(b->l, &node->value_place, VALUE, param->help, "%s must be %s", param->name, form);
	else if (param->type == SYNCLINE_PARAM_BOOLEAN || in_limits(b, param, node, value, unit))
		add(b, param->name, param->type, node)->integer = value;
}

static int
build_param(struct builder *b, const struct syncline_param *param, const struct node *node)
{
	const char *text;

	switch (param->type) {
	case SYNCLINE_PARAM_SECRET:
		add_secret(b, param->name, node);
		break;
	case SYNCLINE_PARAM_LIST:
		return list_value(b, param, node);
	case SYNCLINE_PARAM_INTEGER:
	case SYNCLINE_PARAM_BOOLEAN:
	case SYNCLINE_PARAM_DURATION:
	case SYNCLINE_PARAM_SIZE:
		number_value(b, param, node);
		break;
	default:
		if ((text = text_value(b, param, node)) != NULL)
			add(b, param->name, param->type, node)->text = text;
	}
	return b->l->no_memory ? -1 : 0;
}

/* A default as if it stood in the file. */
static int
build_default(struct builder *b, const struct syncline_param *param)
{
	struct node node = { .name = param->name, .kind = NODE_TEXT, .text = param->default_value, .length = strlen(param->default_value) };
	struct syncline_setting *item;
	const char **list;
	char *copy, *comma;
	uint32_t count = 0;

	if (param->type == SYNCLINE_PARAM_SECRET)
		return 0;
	if (param->type == SYNCLINE_PARAM_BOOLEAN) {
		node.kind = NODE_BOOLEAN;
		node.integer = strcmp(node.text, "true") == 0;
	} else if (param->type == SYNCLINE_PARAM_INTEGER) {
		node.kind = NODE_INTEGER;
		if (!text_to_integer(node.text, node.length, &node.integer))
			return 0;
	} else if (param->type == SYNCLINE_PARAM_PATH || param->type == SYNCLINE_PARAM_URL || param->type == SYNCLINE_PARAM_CHOICE) {
		add(b, param->name, param->type, &node)->text = param->default_value;
		return 0;
	}
	if (param->type != SYNCLINE_PARAM_LIST)
		return build_param(b, param, &node);
	copy = loader_keep(b->l, arena_text(b->l->arena, param->default_value));
	list = loader_keep(b->l, arena_array(b->l->arena, node.length + 1, sizeof *list));
	if (copy == NULL || list == NULL)
		return -1;
	for (; copy != NULL && *copy != '\0'; copy = comma) {
		if ((comma = strchr(copy, ',')) != NULL)
			*comma++ = '\0';
		list[count++] = copy;
	}
	item = add(b, param->name, param->type, NULL);
	item->list = list;
	item->list_count = count;
	return 0;
}

/* Without a schema: by what stands in the file. */
static int
build_as_written(struct builder *b, const struct node *node)
{
	struct syncline_param param = { .name = node->name, .type = SYNCLINE_PARAM_TEXT };

	if (node->kind == NODE_TEXT && strncmp(node->text, "secret:", 7) == 0)
		param.type = SYNCLINE_PARAM_SECRET;
	else if (node->kind == NODE_LIST)
		param.type = SYNCLINE_PARAM_LIST;
	else if (node->kind == NODE_INTEGER)
		param.type = SYNCLINE_PARAM_INTEGER;
	else if (node->kind == NODE_BOOLEAN)
		param.type = SYNCLINE_PARAM_BOOLEAN;
	return build_param(b, &param, node);
}

static bool
in_scope(const struct syncline_param *param, uint32_t scope)
{
	return param->name != NULL && param->scope == scope && param->type > 0 && param->type < SYNCLINE_PARAM_TYPE_COUNT;
}

/* Settings that the connector doesn't have. */
static int
report_unknown(struct builder *b, uint32_t scope, const struct node *settings)
{
	const char **names = loader_keep(b->l, arena_array(b->l->arena, b->connector->param_count + 1, sizeof *names));
	uint32_t count = 0;

	if (names == NULL)
		return -1;
	for (uint32_t i = 0; i < b->connector->param_count; i++) {
		struct syncline_param param = config_param(b->connector, i);

		if (in_scope(&param, scope))
			names[count++] = param.name;
	}
	for (const struct node *child = settings->first; child != NULL; child = child->next) {
		bool known = false, other = false;

		for (uint32_t i = 0; i < count && !known; i++)
			known = strcmp(names[i], child->name) == 0;
		for (uint32_t i = 0; i < b->connector->param_count && !known && !other; i++)
			other = config_param(b->connector, i).name != NULL && strcmp(config_param(b->connector, i).name, child->name) == 0;
		if (other)
			report(b->l, &child->place, UNKNOWN_SETTING,
			       scope == SYNCLINE_SCOPE_OBJECT ? "Move it to the settings of the system." : "Move it to the settings of the object.",
			       "connector %s has the setting %s not here but for the %s", b->connector->name, child->name,
			       scope == SYNCLINE_SCOPE_OBJECT ? "system as a whole" : "single object");
		else if (!known)
			report(b->l, &child->place, UNKNOWN_SETTING, loader_hint(b->l, child->name, names, count, "syncline connectors NAME lists its settings."),
			       "connector %s has no setting %.80s", b->connector->name, child->name);
	}
	return b->l->no_memory ? -1 : 0;
}

static int
build_all(struct builder *b, uint32_t scope, const struct config_place *place, const struct node *node, const struct node *over)
{
	for (uint32_t i = 0; i < b->connector->param_count; i++) {
		struct syncline_param param = config_param(b->connector, i);
		const struct node *found = over != NULL ? tree_find(over, param.name != NULL ? param.name : "") : NULL;

		if (!in_scope(&param, scope))
			continue;
		if (found == NULL && node != NULL)
			found = tree_find(node, param.name);
		if (found != NULL) {
			if (build_param(b, &param, found) != 0)
				return -1;
		} else if ((param.flags & SYNCLINE_PARAM_REQUIRED) != 0) {
			if (!b->l->incomplete)
				report(b->l, node != NULL ? &node->place : place, MISSING_SETTING, param.help, "connector %s needs the setting %s", b->connector->name,
				       param.name);
		} else if (param.default_value != NULL && build_default(b, &param) != 0) {
			return -1;
		}
	}
	return 0;
}

static const struct node *
group_or_null(struct loader *l, const struct node *node)
{
	if (node != NULL && node->kind != NODE_GROUP) {
		grammar_expected(l, node, "a group: { NAME = VALUE; … }");
		return NULL;
	}
	return node;
}

int
settings_build(struct loader *l, const struct syncline_connector *connector, uint32_t scope, const struct config_place *place,
               const struct node *node, const struct node *over, struct config_settings *out)
{
	struct builder b = { .l = l, .connector = connector };
	size_t most;

	node = group_or_null(l, node);
	over = group_or_null(l, over);
	most = (connector != NULL ? connector->param_count : 0) + (node != NULL ? node->count : 0) + (over != NULL ? over->count : 0) + 1;
	b.items = loader_keep(l, arena_array(l->arena, most, sizeof *b.items));
	b.places = loader_keep(l, arena_array(l->arena, most, sizeof *b.places));
	b.secrets = loader_keep(l, arena_array(l->arena, most, sizeof *b.secrets));
	if (b.items == NULL || b.places == NULL || b.secrets == NULL)
		return -1;
	if (connector != NULL) {
		if ((over == NULL && node != NULL && report_unknown(&b, scope, node) != 0) || (over != NULL && report_unknown(&b, scope, over) != 0) ||
		    build_all(&b, scope, place, node, over) != 0)
			return -1;
	} else {
		for (const struct node *child = node != NULL ? node->first : NULL; child != NULL; child = child->next)
			if ((over == NULL || tree_find(over, child->name) == NULL) && build_as_written(&b, child) != 0)
				return -1;
		for (const struct node *child = over != NULL ? over->first : NULL; child != NULL; child = child->next)
			if (build_as_written(&b, child) != 0)
				return -1;
	}
	out->settings = (struct syncline_settings){ sizeof out->settings, b.count, b.items };
	out->places = b.places;
	out->secrets = b.secrets;
	out->secret_count = b.secret_count;
	return 0;
}
