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
struct ctl_service;
struct ctl_verb {
	const char *name;
	const char *group;    /* "set up", "run", … */
	const char *operands; /* "FLOW FROM TO" */
	int operands_min;
	int operands_max;
	const char *help;     /* one sentence */
	const struct ctl_option *options; /* ended by a NULL name; may be NULL */
	enum ctl_exit (*run)(struct ctl *ctl);
	bool served; /* it works on the ledger: while the agent runs, the agent does it (service.h) */
};

#define CTL_OPTIONS_MAX 16
#define CTL_OPERANDS_MAX 15
struct ctl {
	const struct ctl_verb *verb;
	const char *config_dir;
	const char *site_dir; /* or NULL */
	const char *state_dir;
	const char *connector_dir;
	bool json;
	bool quiet;
	bool verbose;
	const char *operands[CTL_OPERANDS_MAX + 1]; /* ended by NULL */
	int operand_count;
	struct ctl_given {
		const struct ctl_option *option;
		const char *value; /* "" for a flag */
	} given[CTL_OPTIONS_MAX];
	int given_count;
	struct ctl_service *service; /* where the agent does it; NULL: a program of its own */
};

extern const struct ctl_option ctl_global_options[];
extern const struct ctl_verb ctl_verbs[];

/* CTL_DONE with ret_ctl filled in; or what the program ends with, after having said why (or having printed the help). */
enum ctl_exit ctl_parse(int argc, const char *const *argv, struct ctl *ret_ctl, bool *ret_ended);
/* The same for a program that has no verbs: `program` is its name, help and options. */
enum ctl_exit ctl_parse_program(int argc, const char *const *argv, const struct ctl_verb *program, struct ctl *ret_ctl, bool *ret_ended);
/* The value of an option of the verb, "" for a flag that was given, NULL when it was not given. */
const char *ctl_value(const struct ctl *ctl, const char *name);

/*
 * Where what this thread prints goes: NULL, as at first, to the program's own standard output and error; in the agent to whoever
 * asked.  Returns what held before.
 */
enum ctl_stream { CTL_OUT = 1, CTL_ERR = 2 };
struct ctl_sink {
	void (*put)(void *data, enum ctl_stream stream, const char *text, size_t length);
	void *data;
	bool terminal[3]; /* by stream: a person looks at it there */
	size_t columns;   /* of standard output's terminal; 0: it is none, or as wide as one likes */
};
const struct ctl_sink *ctl_print_to(const struct ctl_sink *sink);
bool ctl_is_terminal(enum ctl_stream stream);
size_t ctl_columns(void);
/* As it is, byte by byte; texts from outside go through ctl_print(). */
void ctl_put(enum ctl_stream stream, const char *text, size_t length);
void ctl_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Did it all get out? */
bool ctl_got_out(void);

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

/* A table for people (table.c): widths follow the longest cell, counted in characters, and then the terminal. */
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
