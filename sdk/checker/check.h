/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h: what the files of syncline-connector-check share.
 *
 * Each group of checks runs in a child process with the connector loaded afresh, so that a crash or a hang is a failed check
 * and no end of the checking.  A child says its results over a pipe, a line each (main.c).
 */
#ifndef CHECKER_CHECK_H
#define CHECKER_CHECK_H

#include <stdarg.h>

#include "bench.h"

#define OBJECTS_MAX 64u
#define SETTINGS_MAX 128u
#define FIELDS_MAX 64u

/* The parameters of one scope, as given and with defaults. */
struct given {
	struct syncline_setting items[SETTINGS_MAX];
	const char *lists[SETTINGS_MAX][64];
	struct syncline_settings settings;
};

struct object {
	struct syncline_object object;
	const char *key[16];
	const char *mark[16];
	const char *own[SETTINGS_MAX]; /* "name=value" of the object's own settings */
	uint32_t own_count;
	struct given given;
	bool write;
	bool handover; /* what is written is seen later: a file for another program */
	const char *fields[FIELDS_MAX]; /* of a record to write: "name=value", % stands for a number of its own */
	uint32_t field_count;
};

struct check {
	const char *path;
	const char *settings[SETTINGS_MAX]; /* "name=value" */
	uint32_t setting_count;
	struct bench_secret secrets[SETTINGS_MAX];
	uint32_t secret_count;
	struct object objects[OBJECTS_MAX];
	uint32_t object_count;
	uint32_t timeout_s;
	bool direct;
	FILE *out; /* of a child */

	/* Of a child, after check_load() and check_open(). */
	struct bench bench;
	const struct syncline_connector *connector;
	struct given given;
	void *instance;
};

/* Says one result; `ok` is handed back.  An empty detail is fine. */
bool check_say(struct check *check, bool ok, const char *name, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* What should be better but breaks nothing. */
void check_advise(struct check *check, const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
void check_skip(struct check *check, const char *name, const char *why);
/* message, detail and hint in one line */
const char *check_text(const struct syncline_error *err);
const char *check_class(uint32_t error_class);
/* Does a failure have a message that is a sentence? */
bool check_sentence(const char *text);
/* A number that no other record of any run has. */
const char *check_unique(void);

/* settings.c: 0, or -1 with a sentence on what is wrong. */
int settings_make(const struct syncline_connector *connector, uint8_t scope, const char *const *given, uint32_t count, struct given *ret_given,
                  char *ret_fault, size_t size);
/* The text of a value as it would stand in the file; NULL when it is right, else what is wrong. */
const char *settings_fault(const struct syncline_param *param, const char *text, struct syncline_setting *ret_setting);

/* load.c */
int check_load(struct check *check, char *ret_fault, size_t size);
bool check_open(struct check *check); /* with all settings; says a failure */
const void *check_part(const struct check *check, const char *id);

/* The groups. */
void check_descriptor(struct check *check);
void check_opening(struct check *check);
void check_reading(struct check *check, struct object *object);
void check_writing(struct check *check, struct object *object);

/* read.c: what a read gave. */
struct seen {
	char *id;
	uint32_t id_length;
	uint8_t op;
	uint32_t batch;     /* which one it came with */
	uint64_t hash[2];   /* of all its values by the names of their fields, whatever order those have */
};
struct reading {
	struct seen *items;
	uint32_t count, rejects;
	char **positions;   /* behind each batch; NULL: none */
	size_t *position_lengths;
	uint32_t batches;
	bool complete;
	struct syncline_batch *last; /* the last batch that had a record */
};
/* error class; text in err */
uint32_t read_all(struct check *check, const struct syncline_object *object, bool full, const struct syncline_slice *position, uint32_t limit,
                  struct reading *ret_reading, struct syncline_error *err);
void read_free(struct reading *reading);
const struct seen *read_find(const struct reading *reading, const char *id, size_t length);
void read_hash(struct syncline_batch *batch, const struct syncline_record *record, uint64_t ret_hash[2]);

#endif
