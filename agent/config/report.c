/* SPDX-License-Identifier: BSD-2-Clause */
/* report.c: mistakes that more than one file of this folder finds, in the same words.  The thread that loads. */
#include <string.h>

#include "config/grammar.h"

void
report_no_such(struct loader *l, const struct config_place *place, const char *kind, const char *name, const char *const *names, size_t count)
{
	char hint[128];

	if (l->incomplete || names == NULL)
		return; /* it may stand in the file that could not be read */
	memcpy(hint, "None is configured.", sizeof "None is configured.");
	if (count > 0)
		memcpy(hint, "Look for a slip in the name, or add it.", sizeof "Look for a slip in the name, or add it.");
	report(l, place, REFERENCE, loader_hint(l, name, names, count, hint), "there is no %s %.80s", kind, name);
}

bool
texts_have(const struct config_texts *texts, const char *name)
{
	for (uint32_t i = 0; i < texts->count; i++)
		if (strcmp(texts->items[i], name) == 0)
			return true;
	return false;
}

const char *const *
names_of(struct loader *l, const void *items, size_t count, size_t size)
{
	const char **names = loader_keep(l, arena_array(l->arena, count + 1, sizeof *names));

	for (size_t i = 0; i < count && names != NULL; i++)
		names[i] = ((const struct config_head *)(const void *)((const char *)items + i * size))->name;
	return names;
}

void
grammar_expected(struct loader *l, const struct node *node, const char *expected)
{
	report(l, &node->value_place, VALUE, NULL, "%s must be %s, not %s", node->name[0] != '\0' ? node->name : "this element", expected,
	       tree_kind_name(node));
}
