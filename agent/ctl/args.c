/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * args.c: the command line into a struct ctl, and the help, both from the tables in verbs.c.
 */
#include "ctl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

const struct ctl_option ctl_global_options[] = {
	{ "config", "DIR", "the folder of the configuration files" },
	{ "site", "DIR", "files read last, for what differs on this site" },
	{ "state", "DIR", "where the agent keeps its state" },
	{ "connectors", "DIR", "the folder of the connectors" },
	{ "json", NULL, "print for programs" },
	{ "quiet", NULL, "print results and errors alone, no progress" },
	{ "verbose", NULL, "say more of what is done" },
	{ "help", NULL, "print help, for a verb when one is given" },
	{ "version", NULL, "print the version" },
	{ NULL, NULL, NULL },
};

static void
print_options(const struct ctl_option *options)
{
	for (; options != NULL && options->name != NULL; options++) {
		char left[64];

		snprintf(left, sizeof left, "--%s%s%s", options->name, options->value != NULL ? " " : "", options->value != NULL ? options->value : "");
		ctl_format("  %-22s %s\n", left, options->help);
	}
}

static void
print_help(const struct ctl_verb *verb)
{
	const char *group = "";

	if (verb != NULL) {
		ctl_format("syncline %s%s%s: %s\n", verb->name, verb->operands[0] != '\0' ? " " : "", verb->operands, verb->help);
		if (verb->options != NULL)
			ctl_format("\nOptions of %s\n", verb->name);
		print_options(verb->options);
		return;
	}
	ctl_format("usage: syncline [options] VERB …\n");
	for (verb = ctl_verbs; verb->name != NULL; verb++) {
		char left[64];

		if (strcmp(group, verb->group) != 0)
			ctl_format("\n%s\n", group = verb->group);
		snprintf(left, sizeof left, "%s %s", verb->name, verb->operands);
		ctl_format("  %-28s %s\n", left, verb->help);
	}
	ctl_format("\noptions before the verb\n");
	print_options(ctl_global_options);
	ctl_format("\nExit status: 0 done, 1 failed, 2 usage, 3 done with findings, 4 held. syncline(1) tells more.\n");
}

static const struct ctl_verb *
find_verb(const char *name)
{
	for (const struct ctl_verb *verb = ctl_verbs; verb->name != NULL; verb++)
		if (strcmp(verb->name, name) == 0)
			return verb;
	return NULL;
}

static const struct ctl_option *
find_option(const struct ctl_option *options, const char *name, size_t length)
{
	for (; options != NULL && options->name != NULL; options++)
		if (strlen(options->name) == length && memcmp(options->name, name, length) == 0)
			return options;
	return NULL;
}

static enum ctl_exit
usage(const struct ctl *ctl, const char *hint, const char *format, const char *what)
{
	struct error err;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	(void)error_set(&err, ERROR_USAGE, hint, format, what);
#pragma GCC diagnostic pop
	ctl_say_error(ctl, &err);
	return CTL_USAGE;
}

static enum ctl_exit
unknown_verb(const struct ctl *ctl, const char *name)
{
	const char *names[64], *near;
	char hint[128] = "`syncline --help` lists the verbs.";
	size_t count = 0;

	for (const struct ctl_verb *verb = ctl_verbs; verb->name != NULL && count < 64; verb++)
		names[count++] = verb->name;
	if ((near = text_nearest(name, names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%s`?", near);
	return usage(ctl, hint, "there is no verb `%s`", name);
}

static enum ctl_exit
keep_option(struct ctl *ctl, const struct ctl_option *option, const char *value)
{
	if (ctl->given_count == CTL_OPTIONS_MAX)
		return usage(ctl, "Give each option once.", "too many options at `--%s`", option->name);
	ctl->given[ctl->given_count++] = (struct ctl_given){ option, value };
	return CTL_DONE;
}

/* Stores one option; `index` is moved past its value. */
static enum ctl_exit
take_option(struct ctl *ctl, int argc, const char *const *argv, int *index)
{
	const char *name = argv[*index] + 2, *equals = strchr(name, '='), *value = "";
	size_t length = equals != NULL ? (size_t)(equals - name) : strlen(name);
	const struct ctl_option *option = find_option(ctl->verb != NULL ? ctl->verb->options : NULL, name, length);

	if (option == NULL)
		option = find_option(ctl_global_options, name, length);
	if (option == NULL)
		return usage(ctl, "`--help` lists the options.", "there is no option `%s` here", argv[*index]);
	if (option->value == NULL && equals != NULL)
		return usage(ctl, "Leave out the equals sign and what stands behind it.", "the option `--%s` takes no value", option->name);
	if (option->value != NULL) {
		if (equals == NULL && *index + 1 >= argc)
			return usage(ctl, "`--help` behind the verb tells which.", "the option `--%s` needs a value", option->name);
		value = equals != NULL ? equals + 1 : argv[++*index];
	}
	return keep_option(ctl, option, value);
}

static void
apply_globals(struct ctl *ctl)
{
	const char *value;

	ctl->json = ctl_value(ctl, "json") != NULL;
	ctl->quiet = ctl_value(ctl, "quiet") != NULL;
	ctl->verbose = ctl_value(ctl, "verbose") != NULL;
	if ((value = ctl_value(ctl, "config")) != NULL)
		ctl->config_dir = value;
	if ((value = ctl_value(ctl, "site")) != NULL)
		ctl->site_dir = value;
	if ((value = ctl_value(ctl, "state")) != NULL)
		ctl->state_dir = value;
	if ((value = ctl_value(ctl, "connectors")) != NULL)
		ctl->connector_dir = value;
}

static void
begin(struct ctl *ctl)
{
	const char *connectors = getenv("SYNCLINE_CONNECTORS");

	memset(ctl, 0, sizeof *ctl);
	ctl->config_dir = SYNCLINE_CONF_DIR;
	ctl->state_dir = SYNCLINE_STATE_DIR;
	ctl->connector_dir = connectors != NULL ? connectors : SYNCLINE_CONNECTOR_DIR;
}

enum ctl_exit
ctl_parse_program(int argc, const char *const *argv, const struct ctl_verb *program, struct ctl *ret_ctl, bool *ret_ended)
{
	struct ctl *ctl = ret_ctl;
	enum ctl_exit status = CTL_DONE;

	begin(ctl);
	ctl->verb = program;
	*ret_ended = true;
	for (int i = 1; i < argc && status == CTL_DONE; i++) {
		if (argv[i][0] != '-' || argv[i][1] != '-' || argv[i][2] == '\0')
			return usage(ctl, "`--help` lists what it takes.", "it takes no `%s`", argv[i]);
		status = take_option(ctl, argc, argv, &i);
	}
	if (status != CTL_DONE)
		return status;
	apply_globals(ctl);
	if (ctl_value(ctl, "version") != NULL) {
		ctl_format("%s %s\n", program->name, SYNCLINE_VERSION);
		return CTL_DONE;
	}
	if (ctl_value(ctl, "help") != NULL) {
		ctl_format("usage: %s [options]\n\n%s\n\noptions\n", program->name, program->help);
		print_options(program->options);
		return CTL_DONE;
	}
	*ret_ended = false;
	return CTL_DONE;
}

enum ctl_exit
ctl_parse(int argc, const char *const *argv, struct ctl *ret_ctl, bool *ret_ended)
{
	struct ctl *ctl = ret_ctl;
	enum ctl_exit status = CTL_DONE;
	bool only_operands = false;

	begin(ctl);
	*ret_ended = true;
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		ctl->json = ctl->json || strcmp(argv[i], "--json") == 0;
	for (int i = 1; i < argc && status == CTL_DONE; i++) {
		if (!only_operands && strcmp(argv[i], "--") == 0) {
			only_operands = true;
		} else if (!only_operands && argv[i][0] == '-' && argv[i][1] == '-') {
			status = take_option(ctl, argc, argv, &i);
		} else if (!only_operands && strcmp(argv[i], "-h") == 0) {
			status = keep_option(ctl, find_option(ctl_global_options, "help", 4), "");
		} else if (!only_operands && argv[i][0] == '-' && argv[i][1] != '\0') {
			return usage(ctl, "Options begin with two dashes; `--help` lists them.", "there is no option `%s`", argv[i]);
		} else if (ctl->verb == NULL) {
			if (strcmp(argv[i], "help") == 0) {
				const struct ctl_verb *verb = i + 1 < argc ? find_verb(argv[i + 1]) : NULL;

				if (i + 1 < argc && verb == NULL && strncmp(argv[i + 1], "--", 2) != 0)
					return unknown_verb(ctl, argv[i + 1]);
				print_help(verb);
				return CTL_DONE;
			}
			if ((ctl->verb = find_verb(argv[i])) == NULL)
				return unknown_verb(ctl, argv[i]);
		} else if (ctl->operand_count < CTL_OPERANDS_MAX) {
			ctl->operands[ctl->operand_count++] = argv[i];
		}
	}
	if (status != CTL_DONE)
		return status;
	apply_globals(ctl);
	if (ctl_value(ctl, "version") != NULL) {
		ctl_format("syncline %s\n", SYNCLINE_VERSION);
		return CTL_DONE;
	}
	if (ctl_value(ctl, "help") != NULL) {
		print_help(ctl->verb);
		return CTL_DONE;
	}
	if (ctl->verb == NULL)
		return usage(ctl, "`syncline --help` lists the verbs.", "a verb is missing%s", "");
	if (ctl->operand_count < ctl->verb->operands_min || ctl->operand_count > ctl->verb->operands_max) {
		char hint[160];

		snprintf(hint, sizeof hint, "It is: syncline %s %s", ctl->verb->name, ctl->verb->operands);
		return usage(ctl, hint, "`%s` has too few or too many operands", ctl->verb->name);
	}
	*ret_ended = false;
	return CTL_DONE;
}

const char *
ctl_value(const struct ctl *ctl, const char *name)
{
	for (int i = ctl->given_count - 1; i >= 0; i--)
		if (strcmp(ctl->given[i].option->name, name) == 0)
			return ctl->given[i].value;
	return NULL;
}
