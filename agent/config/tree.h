/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tree.h: what stands in the files, as one tree: groups of the same name are merged, every node knows its place.  Nothing is
 * known here of what settings mean.  agent/config alone uses it.
 */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "config/model.h"

enum node_kind {
	NODE_GROUP,   /* { … } */
	NODE_LIST,    /* ( … ) or [ … ] */
	NODE_TEXT,
	NODE_INTEGER,
	NODE_DECIMAL, /* text: its digits */
	NODE_BOOLEAN,
};

struct node {
	const char *name; /* "" for elements of lists */
	struct config_place place;       /* of the name; of the value where there is no name */
	struct config_place value_place;
	struct node *parent, *first, *last, *next;
	uint32_t count; /* children */
	uint8_t kind;   /* enum node_kind */
	bool site;
	const char *text; /* TEXT, DECIMAL */
	uint32_t length, piece_count;
	int64_t integer; /* INTEGER, BOOLEAN */
	const struct config_piece *pieces;
};

/* What a load works with; all functions of agent/config share it. */
struct loader {
	struct model *model;
	struct arena *arena; /* the model's */
	struct diagnostics *diagnostics;
	const struct config_options *options;
	struct node *root;
	bool incomplete; /* a file could not be taken: what refers to nothing may refer to something in it */
	bool no_memory;
	const char *help; /* of the setting at hand: the hint of a report that has none */
};

/*
 * Reports a mistake.  The code is an ERROR_CONFIG_… without its prefix, as in report(l, &place, VALUE, "hint", "format", …).
 * hint may be NULL: then the help of the setting at hand.
 */
#define report(loader, place, code, hint, ...) loader_report(loader, place, ERROR_CONFIG_##code, hint, __VA_ARGS__)
void loader_report(struct loader *l, const struct config_place *place, enum error_code code, const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* "Did you mean X?" for the nearest of the candidates, or `otherwise`; in a buffer of the loader's arena. */
const char *loader_hint(struct loader *l, const char *word, const char *const *candidates, size_t count, const char *otherwise);
/* Remembers that there is no memory; returns its argument. */
void *loader_keep(struct loader *l, void *memory);

/* Parses one text into the tree.  Mistakes are reported; -1 only without memory. */
int tree_add_text(struct loader *l, const char *file, const char *text, size_t length, bool site);
struct node *tree_find(const struct node *group, const char *name);
const char *tree_kind_name(const struct node *node);

/* Reads all files that the options name into the tree (files.c).  -1 only without memory. */
int files_read(struct loader *l);

#endif
