/* SPDX-License-Identifier: BSD-2-Clause */
/* convert_help.h: a folder, a configuration and a conversion for the tests of agent/flow. */
#ifndef TESTS_CONVERT_HELP_H
#define TESTS_CONVERT_HELP_H

#include "check.h"

#include <stdbool.h>
#include <stdio.h>

#include "flow/convert.h"

#define REJECTS_MAX 4096

struct stand {
	char dir[256];        /* with in/, out/, connectors/ and temp/ in it; connectors are told to use temp/ for temporary files */
	char *tmpdir;         /* TMPDIR as it was */
	char connectors[300];
	struct systems systems;
	struct model *model;
	struct convert_options options;
	struct convert_counts counts;
	struct error err;
	struct convert_reject rejects[REJECTS_MAX]; /* copies */
	uint32_t reject_count;
	uint32_t progressed, stop_after; /* 0: never */
};

/* Two of them run every test: with connectors in processes, and in this one. */
struct stand *stand_new(bool direct);
void stand_free(struct stand *stand);
void stand_clear(struct stand *stand); /* forgets the rejects of the last conversion */
/* "DIR/name". */
const char *stand_path(struct stand *stand, const char *name);
void stand_write(struct stand *stand, const char *name, const char *text, size_t length);
/* The same for what is written line by line. */
FILE *stand_open(struct stand *stand, const char *name);
void stand_close(struct stand *stand, const char *name, FILE *file);
void stand_text(struct stand *stand, const char *name, const char *text);
/* The whole file, ended by NUL; the caller's. */
char *stand_read(struct stand *stand, const char *name);
/* `@` in the text is the stand's folder.  The flow is "f", its bindings "from" and "to". */
void stand_configure(struct stand *stand, const char *text);
int stand_convert(struct stand *stand);
/* Fails the test unless it succeeded. */
void stand_must(struct stand *stand);
/* Open file descriptors and children of this process. */
unsigned stand_descriptors(void);
bool stand_has_children(void);
/* Nothing is in this subfolder but what is listed, with blanks between; not all of that must be there. */
void stand_holds(struct stand *stand, const char *folder, const char *names);

/* The usual: customers.csv with id, name, size into out.jsonl. */
extern const char stand_customers[];
/* A CSV file of so many rows, "id,name,size". */
void stand_rows(struct stand *stand, const char *name, unsigned count);

/* The other files of tests; each returns how many failed. */
int convert_faults_run(void);
int convert_lookups_run(void);

#endif
