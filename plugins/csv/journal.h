/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * journal.h: what makes a write to a folder of files happen once.  See journal.c for how.
 */
#ifndef CSV_JOURNAL_H
#define CSV_JOURNAL_H

#include <limits.h>

#include "csv.h"

#define CSV_HIDDEN ".syncline" /* the folder for unfinished files and journals, inside import_directory */
#define CSV_KEY 16u            /* bytes of an attempt's key */

struct csv_journal {
	struct csv_journal *next;
	char *path;         /* of import_directory */
	int import, hidden; /* folders */
	int fd;             /* this process's own segment, locked */
	char own[64];       /* its name */
	uint64_t length;
	unsigned parts;     /* made so far, for their names */
	unsigned open_parts; /* not yet published or dropped */
	bool broken;        /* its end may hold half an entry: nothing is written behind it */
	int64_t retention_us;
	const struct csv_instance *instance;
	struct csv_keys {
		uint8_t (*slots)[CSV_KEY];
		uint8_t *used;
		size_t count, room;
	} young, old;
	struct csv_segment {
		char name[64];
		uint64_t seen;
	} *segments; /* of other processes */
	size_t segment_count;
};

/* A file on its way: hidden/name, of which `length` bytes are promised, becomes import/final. */
struct csv_part {
	char name[96];
	char final[NAME_MAX + 1];
	uint64_t length;
	int fd; /* -1: none */
	bool promised;
};

/* Opens (or finds) the journal of a folder and brings to an end what dead processes left there. */
uint32_t csv_journal_open(struct csv_instance *instance, const char *path, int64_t retention_us, struct csv_journal **ret_journal,
                          struct syncline_error *err);
void csv_journals_free(struct csv_instance *instance);
/* Takes in what other processes wrote since. */
uint32_t csv_journal_refresh(struct csv_journal *journal, struct syncline_error *err);
bool csv_journal_has(const struct csv_journal *journal, const uint8_t key[CSV_KEY]);
/* A new, empty part under a name of its own. */
uint32_t csv_part_new(struct csv_journal *journal, struct csv_part *part, struct syncline_error *err);
/*
 * The point of no return: the part's first part->length bytes are durable, and after this entry they will be published, by this
 * process or the next.  keys: count of them, one behind the other.  On failure err->applied says whether they will.
 */
uint32_t csv_journal_promise(struct csv_journal *journal, struct csv_part *part, const uint8_t *keys, uint32_t count, struct syncline_error *err);
uint32_t csv_part_publish(struct csv_journal *journal, struct csv_part *part, struct syncline_error *err);
void csv_part_drop(struct csv_journal *journal, struct csv_part *part);

#endif
