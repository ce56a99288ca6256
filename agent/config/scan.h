/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.h: a first look at the text of a configuration file, before libconfig parses it.  It finds where everything stands to
 * the column, and refuses what libconfig must not see: bytes that are no text, brackets without end, included files, and a
 * name that stands twice in one group.  agent/config alone uses it.
 */
#ifndef CONFIG_SCAN_H
#define CONFIG_SCAN_H

#include "config/model.h"

#define SCAN_DEPTH_MAX 32u
#define SCAN_GROUP_MAX 20000u /* settings in one group: libconfig compares each with all before it */

/* A setting or an element of a list, in the order of the text. */
struct scan_entry {
	size_t name, name_length; /* offset into the text; length 0: an element without a name */
	size_t value, value_length; /* a word (number, true, false) as it stands in the text */
	uint32_t name_line, name_column;
	uint32_t line, column; /* of the value */
	uint32_t parent;       /* index of the entry that it is in; UINT32_MAX: the file itself */
	uint32_t piece, piece_count;
	size_t text_length;    /* of a string, decoded and joined */
	char kind;             /* '{' '(' '[' '"' or 'w' for a word */
};
struct scan {
	struct scan_entry *entries;
	uint32_t count, capacity;
	struct config_piece *pieces;
	uint32_t piece_count, piece_capacity;
};

/*
 * 0, or -1 with an error that has its place.  `file` names the text in messages.  The caller frees `ret_scan` after success;
 * after a failure there is nothing to free.
 */
int scan_text(const char *file, const char *text, size_t length, struct scan *ret_scan, struct config_place *ret_place, struct error *err);
void scan_free(struct scan *scan);

#endif
