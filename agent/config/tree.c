/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree.c: one file's text through the scanner and libconfig into nodes, and the nodes of all files into one tree.  The thread
 * that loads.
 */
#include "config/tree.h"

#include <libconfig.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/scan.h"

void
loader_report(struct loader *l, const struct config_place *place, enum error_code code, const char *hint, const char *format, ...)
{
	struct error err;
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (hint == NULL)
		hint = l->help != NULL ? l->help : "syncline.conf(5) shows how it is written.";
	error_fill(&err, code, hint, "%s", text);
	diagnostics_add(l->diagnostics, place, &err);
	if (l->diagnostics->no_memory)
		l->no_memory = true;
}

void *
loader_keep(struct loader *l, void *memory)
{
	if (memory == NULL)
		l->no_memory = true;
	return memory;
}

const char *
loader_hint(struct loader *l, const char *word, const char *const *candidates, size_t count, const char *otherwise)
{
	/* In words of one or two letters everything is near. */
	const char *nearest = strlen(word) > 2 ? text_nearest(word, candidates, count) : NULL;

	if (nearest == NULL)
		return otherwise;
	return loader_keep(l, arena_format(l->arena, "Did you mean %s?", nearest));
}

const char *
tree_kind_name(const struct node *node)
{
	switch ((enum node_kind)node->kind) {
	case NODE_GROUP: return "a group { … }";
	case NODE_LIST: return "a list";
	case NODE_TEXT: return "a text";
	case NODE_INTEGER: return "a whole number";
	case NODE_DECIMAL: return "a number";
	case NODE_BOOLEAN: return "true or false";
	}
	return "something else";
}

struct node *
tree_find(const struct node *group, const char *name)
{
	for (struct node *child = group->first; child != NULL; child = child->next)
		if (strcmp(child->name, name) == 0)
			return child;
	return NULL;
}

static void
append(struct node *parent, struct node *child)
{
	child->parent = parent;
	child->next = NULL;
	if (parent->last != NULL)
		parent->last->next = child;
	else
		parent->first = child;
	parent->last = child;
	parent->count++;
}

#define KNOWN 1024u

/* One file on its way from libconfig's tree to ours. */
struct walk {
	struct loader *l;
	const char *file, *text;
	const struct scan *scan;
	const struct config_piece *pieces; /* the arena's copy */
	uint32_t next; /* entry */
	bool aligned;  /* scanner and libconfig saw the same settings */
	bool site;
	/* Texts that were kept, by their hash: names, types and units come over and over, and stay as long as the model does. */
	const char *known[KNOWN];
};

static const char *
keep_text(struct walk *w, const char *text, size_t length)
{
	uint32_t hash = UINT32_C(0x811C9DC5);
	const char **known;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)text[i]) * UINT32_C(0x01000193);
	known = &w->known[(hash ^ hash >> 16) % KNOWN];
	if (*known == NULL || strncmp(*known, text, length) != 0 || (*known)[length] != '\0')
		*known = loader_keep(w->l, arena_copy(w->l->arena, text, length));
	return *known;
}

static uint32_t
count_settings(config_setting_t *setting)
{
	uint32_t count = 0;

	if (!config_setting_is_aggregate(setting))
		return 0;
	for (int i = 0, length = config_setting_length(setting); i < length; i++)
		count += 1 + count_settings(config_setting_get_elem(setting, (unsigned)i));
	return count;
}

/* The number as it stands in the file: libconfig's own reading depends on its release and on the locale. */
static void
take_number(struct walk *w, struct node *node, const struct scan_entry *entry, config_setting_t *setting)
{
	const char *digits = w->text + entry->value;
	size_t length = entry->value_length;
	bool decimal = config_setting_type(setting) == CONFIG_TYPE_FLOAT;

	while (!decimal && length > 1 && digits[length - 1] == 'L')
		length--;
	if (text_to_integer(digits, length, &node->integer)) {
		node->kind = NODE_INTEGER;
		return;
	}
	node->kind = decimal ? NODE_DECIMAL : NODE_INTEGER;
	if (decimal) {
		node->text = loader_keep(w->l, arena_copy(w->l->arena, digits, length));
		node->length = (uint32_t)length;
	} else if (length > 2 && (digits[1] == 'x' || digits[1] == 'X')) {
		node->integer = config_setting_get_int64(setting);
	} else {
		report(w->l, &node->value_place, VALUE, "Write it as a text in quotes if it is no number to count with.",
		       "%.*s is larger than any whole number that can be held", length > 60 ? 60 : (int)length, digits);
	}
}

static void
take_text(struct walk *w, struct node *node, const struct scan_entry *entry, config_setting_t *setting)
{
	const char *text = config_setting_get_string(setting);

	node->kind = NODE_TEXT;
	if (text == NULL)
		text = "";
	node->length = (uint32_t)strlen(text);
	if (!text_is_utf8(text, node->length)) {
		report(w->l, &node->value_place, SYNTAX, "Write the letter itself instead of \\x….", "the text is not in UTF-8");
		text = "?";
		node->length = 1;
	}
	node->text = keep_text(w, text, node->length);
	if (entry != NULL && entry->text_length == node->length) {
		node->pieces = w->pieces + entry->piece;
		node->piece_count = entry->piece_count;
	}
}

static struct node *take(struct walk *w, config_setting_t *setting);

static void
take_value(struct walk *w, struct node *node, const struct scan_entry *entry, config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_GROUP:
	case CONFIG_TYPE_LIST:
	case CONFIG_TYPE_ARRAY:
		node->kind = config_setting_type(setting) == CONFIG_TYPE_GROUP ? NODE_GROUP : NODE_LIST;
		for (int i = 0, length = config_setting_length(setting); i < length; i++) {
			struct node *child = take(w, config_setting_get_elem(setting, (unsigned)i));

			if (child == NULL)
				return;
			append(node, child);
		}
		break;
	case CONFIG_TYPE_STRING:
		take_text(w, node, entry, setting);
		break;
	case CONFIG_TYPE_BOOL:
		node->kind = NODE_BOOLEAN;
		node->integer = config_setting_get_bool(setting) != 0;
		break;
	case CONFIG_TYPE_FLOAT:
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
	default:
		if (entry != NULL) {
			take_number(w, node, entry, setting);
		} else if (config_setting_type(setting) == CONFIG_TYPE_FLOAT) {
			node->kind = NODE_DECIMAL;
			node->text = loader_keep(w->l, arena_format(w->l->arena, "%.15g", config_setting_get_float(setting)));
			node->length = node->text != NULL ? (uint32_t)strlen(node->text) : 0;
		} else {
			node->kind = NODE_INTEGER;
			node->integer = config_setting_get_int64(setting);
		}
	}
}

static struct node *
take(struct walk *w, config_setting_t *setting)
{
	struct node *node = loader_keep(w->l, arena_zalloc(w->l->arena, sizeof *node));
	const struct scan_entry *entry = w->aligned ? &w->scan->entries[w->next++] : NULL;
	const char *name = config_setting_name(setting);

	if (node == NULL)
		return NULL;
	node->name = name != NULL ? keep_text(w, name, strlen(name)) : "";
	node->site = w->site;
	node->value_place = (struct config_place){ w->file, (uint32_t)config_setting_source_line(setting), 0 };
	if (entry != NULL)
		node->value_place = (struct config_place){ w->file, entry->line, entry->column };
	node->place = node->value_place;
	if (entry != NULL && entry->name_length > 0)
		node->place = (struct config_place){ w->file, entry->name_line, entry->name_column };
	take_value(w, node, entry, setting);
	return w->l->no_memory ? NULL : node;
}

/* So that a hint can say in words where two places are. */
static const char *
place_text(const struct config_place *place, char *buffer, size_t size)
{
	snprintf(buffer, size, "%s:%u", place->file, (unsigned)place->line);
	return buffer;
}

static void
merge(struct loader *l, struct node *into, struct node *from)
{
	for (struct node *child = from->first, *next; child != NULL; child = next) {
		struct node *there = tree_find(into, child->name);
		char place[256];

		next = child->next;
		if (there == NULL) {
			if (into->count >= SCAN_GROUP_MAX) {
				report(l, &child->place, LIMIT, "Spread them over several groups.", "more than %u settings in one group",
				       SCAN_GROUP_MAX);
				return;
			}
			append(into, child);
		} else if (there->kind == NODE_GROUP && child->kind == NODE_GROUP) {
			merge(l, there, child);
		} else if (child->site && !there->site && child->kind != NODE_GROUP && there->kind != NODE_GROUP) {
			struct node *parent = there->parent, *after = there->next;

			*there = *child; /* the site's word counts; scalars and lists have no children that know their parent's address */
			there->parent = parent;
			there->next = after;
			for (struct node *element = there->first; element != NULL; element = element->next)
				element->parent = there;
		} else if (there->kind == NODE_GROUP || child->kind == NODE_GROUP) {
			report(l, &child->place, DUPLICATE, "Write both as groups or give it once.", "%s is %s here and %s in %s", child->name,
			       tree_kind_name(child), tree_kind_name(there), place_text(&there->place, place, sizeof place));
		} else {
			report(l, &child->place, DUPLICATE, "Remove one of the two places.", "%s is set a second time: it stands in %s already",
			       child->name, place_text(&there->place, place, sizeof place));
		}
	}
}

static bool
site_may(const struct node *node)
{
	const struct node *up = node->parent;
	bool in_system = false, in_unit = false, settings = false, limits = false, tenant = strcmp(node->name, "tenant") == 0;

	for (; up != NULL; up = up->parent) {
		if (up->parent == NULL)
			break;
		settings = settings || strcmp(up->name, "settings") == 0;
		limits = limits || strcmp(up->name, "limits") == 0;
		in_system = strcmp(up->name, "systems") == 0;
		in_unit = strcmp(up->name, "units") == 0;
		if (up->parent->parent == NULL && strcmp(up->name, "agent") == 0)
			return true;
	}
	return (in_system || in_unit) && (settings || limits || tenant);
}

/* What --site sets but may not is reported and taken out. */
static void
sift_site(struct loader *l, struct node *group)
{
	struct node *child = group->first;

	group->first = group->last = NULL;
	group->count = 0;
	for (struct node *next; child != NULL; child = next) {
		next = child->next;
		child->parent = group;
		if (child->kind == NODE_GROUP) {
			sift_site(l, child);
			if (child->count > 0)
				append(group, child);
		} else if (site_may(child)) {
			append(group, child);
		} else {
			report(l, &child->place, SITE, "Move it to the configuration that all sites share.",
			       "--site may set only settings, limits, tenant and agent, not %s", child->name);
		}
	}
}

/* The line of the text and a caret under the place, for the detail of a syntax error. */
static void
show_line(struct error *err, const char *text, size_t length, uint32_t line, uint32_t column)
{
	const char *p = text, *end = text + length, *stop;
	int shown, indent;

	for (uint32_t i = 1; i < line && p < end; i++) {
		if ((p = memchr(p, '\n', (size_t)(end - p))) == NULL)
			return;
		p++;
	}
	if (p == NULL || p >= end || line == 0)
		return;
	if ((stop = memchr(p, '\n', (size_t)(end - p))) == NULL)
		stop = end;
	shown = (int)(stop - p > 200 ? 200 : stop - p);
	while (shown > 0 && ((unsigned char)p[shown - 1] < 0x20 || !text_is_utf8(p, (size_t)shown)))
		shown--;
	if (column == 0 || (int)column > shown + 1) {
		error_detail(err, "%.*s", shown, p);
		return;
	}
	indent = 0;
	for (uint32_t i = 0; i + 1 < column; i++)
		indent += ((unsigned char)p[i] & 0xC0) != 0x80;
	for (int i = 0; i < shown; i++)
		if (p[i] == '\t') { /* a caret can't be put under text whose width depends on the reader's tabs */
			error_detail(err, "%.*s", shown, p);
			return;
		}
	error_detail(err, "%.*s\n%*s^", shown, p, indent, "");
}

/* libconfig's refusal in our words. */
static void
report_syntax(struct loader *l, const char *file, const char *text, size_t length, const config_t *config)
{
	struct config_place place = { file, (uint32_t)config_error_line(config), 0 };
	const char *said = config_error_text(config);
	const char *hint = "Look here and at the end of the line before: = between name and value, ; behind it, all brackets closed.";
	struct error err;

	if (said != NULL && strstr(said, "mismatched element") != NULL)
		hint = "What stands in [ … ] is all of one kind; write ( … ) for what is not.";
	error_fill(&err, ERROR_CONFIG_SYNTAX, hint, "the file cannot be read from here on: %s", said != NULL ? said : "syntax error");
	show_line(&err, text, length, place.line, 0);
	diagnostics_add(l->diagnostics, &place, &err);
}

static int
take_file(struct loader *l, const char *file, const char *text, const struct scan *scan, config_t *config, bool site)
{
	struct walk w = { .l = l, .file = file, .text = text, .scan = scan, .site = site };
	struct node root = { .name = "", .kind = NODE_GROUP, .site = site };
	config_setting_t *top = config_root_setting(config);

	w.pieces = loader_keep(l, arena_copy(l->arena, scan->pieces, scan->piece_count * sizeof *scan->pieces));
	if (w.pieces == NULL)
		return -1;
	w.aligned = count_settings(top) == scan->count;
	for (int i = 0, length = config_setting_length(top); i < length; i++) {
		struct node *child = take(&w, config_setting_get_elem(top, (unsigned)i));

		if (child == NULL)
			return -1;
		append(&root, child);
	}
	if (site)
		sift_site(l, &root);
	merge(l, l->root, &root);
	return l->no_memory ? -1 : 0;
}

int
tree_add_text(struct loader *l, const char *file, const char *text, size_t length, bool site)
{
	struct scan scan;
	struct config_place place;
	struct error err;
	config_t config;
	char *copy;
	int result = 0;

	if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* what Windows editors put before UTF-8 */
		text += 3;
		length -= 3;
	}
	if (scan_text(file, text, length, &scan, &place, &err) != 0) {
		if (err.code == ERROR_MEMORY) {
			l->no_memory = true;
			return -1;
		}
		if (err.code == ERROR_CONFIG_SYNTAX && place.line != 0 && text_is_utf8(text, length))
			show_line(&err, text, length, place.line, place.column);
		diagnostics_add(l->diagnostics, &place, &err);
		l->incomplete = true;
		return 0;
	}
	if ((copy = malloc(length + 2)) == NULL) {
		scan_free(&scan);
		l->no_memory = true;
		return -1;
	}
	memcpy(copy, text, length);
	copy[length] = '\n'; /* libconfig knows no comment that ends with the file */
	copy[length + 1] = '\0';
	config_init(&config);
	if (config_read_string(&config, copy) != CONFIG_TRUE) {
		report_syntax(l, file, text, length, &config);
		l->incomplete = true;
	} else {
		result = take_file(l, file, text, &scan, &config, site);
	}
	config_destroy(&config);
	free(copy);
	scan_free(&scan);
	return result;
}
