/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl.h: the command line.  A verb is a row in a table (verbs.c) and a function in a file of its own; this header is what they
 * share: the parsed line, the exit statuses, and printing.  One thread.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

enum ctl_exit {
	CTL_DONE = 0,
	CTL_FAILED = 1,
	CTL_USAGE = 2,
	CTL_FINDINGS = 3,
	CTL_HELD = 4,
};

/* An option of the command line, global or of one verb. */
struct ctl_option {
	const char *name;  /* without the dashes */
	const char *value; /* what stands for its value in the help, NULL: a flag */
	const char *help;
};

struct ctl;
struct ctl_verb {
	const char *name;
	const char *group;    /* "set up", "run", … */
	const char *operands; /* "FLOW FROM TO" */
	int operands_min;
	int operands_max;
	const char *help;     /* one sentence */
	const struct ctl_option *options; /* ended by a NULL name; may be NULL */
	enum ctl_exit (*run)(struct ctl *ctl);
};

#define CTL_OPTIONS_MAX 16
struct ctl {
	const struct ctl_verb *verb;
	const char *config_dir;
	const char *site_dir; /* or NULL */
	const char *state_dir;
	const char *connector_dir;
	bool json;
	bool quiet;
	bool verbose;
	const char *const *operands; /* ended by NULL */
	int operand_count;
	struct ctl_given {
		const struct ctl_option *option;
		const char *value; /* "" for a flag */
	} given[CTL_OPTIONS_MAX];
	int given_count;
};

extern const struct ctl_option ctl_global_options[];
extern const struct ctl_verb ctl_verbs[];

/* CTL_DONE with ret_ctl filled in; or what the program ends with, after having said why (or having printed the help). */
enum ctl_exit ctl_parse(int argc, const char *const *argv, struct ctl *ret_ctl, bool *ret_ended);
/* The value of an option of the verb, "" for a flag that was given, NULL when it was not given. */
const char *ctl_value(const struct ctl *ctl, const char *name);

/* Errors go to standard error for people, and with --json to standard output as {"error":{…}}. */
void ctl_say_error(const struct ctl *ctl, const struct error *err);
/*
 * What is printed for people goes through one of these: texts from outside (records, systems, connectors, files) hold no
 * character that steers the terminal or turns the direction of reading once they are there.
 *   ctl_print   standard output: what was asked for
 *   ctl_say     a line on standard error; nothing with --quiet or --json
 *   ctl_remark  a line on standard error in any case
 */
void ctl_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ctl_remark(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* In place; never longer than it was.  `one_line`: line ends become blanks. */
void ctl_clean(char *text, bool one_line);
/* At the end of the program: what didn't get out makes it fail. */
enum ctl_exit ctl_end(enum ctl_exit status);
void ctl_say(const struct ctl *ctl, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* {"code":…,"class":…,"place":…,"message":…,"detail":…,"hint":…} */
void ctl_json_error(struct buffer *json, const struct error *err);
/* "name": then a string, a number or true/false; a comma before it unless the object or list has just begun. */
void ctl_json_key(struct buffer *json, const char *name);
void ctl_json_text(struct buffer *json, const char *name, const char *text); /* null for NULL */
void ctl_json_number(struct buffer *json, const char *name, long long number);
void ctl_json_boolean(struct buffer *json, const char *name, bool value);
void ctl_json_open(struct buffer *json, const char *name, char bracket);
void ctl_json_close(struct buffer *json, char bracket);
/* Writes and frees; without memory it says so, with the status CTL_FAILED. */
enum ctl_exit ctl_json_print(struct buffer *json, enum ctl_exit status);

/* A table for people: widths follow the longest cell, counted in characters. */
struct ctl_table {
	struct arena arena;
	size_t columns;
	size_t rows;
	size_t room;
	const char **cells;
	unsigned right; /* bit mask of columns that stand to the right */
	bool failed;
};
void ctl_table_init(struct ctl_table *table, size_t columns, unsigned right, const char *const *heads);
void ctl_table_row(struct ctl_table *table, const char *const *cells);
void ctl_table_print(struct ctl_table *table); /* and frees */
void ctl_table_drop(struct ctl_table *table);  /* frees unprinted */

#endif
