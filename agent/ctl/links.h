/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.h: `syncline links`: which native records are one.
 *
 *     verb_links.c    the verb, and writing them out
 *     links_import.c  taking pairs and making their links
 *     links_lines.c   the lines of the file that they come from
 */
#ifndef CTL_LINKS_H
#define CTL_LINKS_H

#include <stdio.h>

#include "ctl/listing.h"

enum ctl_exit links_import(struct ctl *ctl, struct opened *opened, const struct config_flow *flow);

#define LINKS_CELLS_MAX 64u
struct links_lines {
	FILE *file;
	uint64_t line, next; /* where the record that was given last begins, and the one behind it */
	struct buffer text;  /* its cells, each ended by NUL */
	struct buffer raw;   /* its bytes */
	struct buffer again; /* bytes of a record that was given up, from `at` on: they come again */
	size_t at;
	bool from_file; /* the character that was got last */
};
void links_lines_init(struct links_lines *lines, FILE *file);
void links_lines_free(struct links_lines *lines);
/* 1 with the cells (their number, which may be more than `max`) or with what is wrong with this line; 0 at the end; -1. */
int links_lines_next(struct links_lines *lines, char separator, char **cells, uint32_t max, uint32_t *ret_count, const char **ret_fault,
                     struct error *err);

#endif
