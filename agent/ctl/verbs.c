/* SPDX-License-Identifier: BSD-2-Clause */
/* verbs.c: the table of verbs.  The help prints it, and a test holds it against syncline(1). */
#include "ctl/load.h"

static const struct ctl_option convert_options[] = {
	{ "unit", "UNIT", "only this unit's records" },
	{ "limit", "N", "read only so many records" },
	{ "rejects", "N", "list so many rejects, 20 when not given" },
	{ "rejects-file", "FILE", "write every reject into FILE, a JSON object a line" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option discover_options[] = {
	{ "print", NULL, "print the contract instead of writing its file" },
	{ "schema", NULL, "print the contract as a JSON Schema" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option test_options[] = {
	{ "flow", "FLOW", "only this flow's tests" },
	{ NULL, NULL, NULL },
};

const struct ctl_verb ctl_verbs[] = {
	{ "check", "set up", "", 0, 0, "reads the configuration and its rules and reports every mistake", NULL, verb_check },
	{ "test", "set up", "", 0, 0, "runs the tests that stand beside the rules", test_options, verb_test },
	{ "connectors", "set up", "[NAME]", 0, 1, "lists the connectors, or one with its parameters", NULL, verb_connectors },
	{ "discover", "set up", "SYSTEM [OBJECT]", 1, 2, "asks a system for its objects and fields and writes their contracts", discover_options,
	  verb_discover },
	{ "describe", "set up", "[FLOW]", 0, 1, "prints owner, policy and rules of every field", NULL, verb_describe },
	{ "convert", "run", "FLOW FROM TO", 3, 3, "reads from one system, applies the rules, writes to another; keeps nothing", convert_options,
	  verb_convert },
	{ "explain", "care", "CODE", 1, 1, "tells what an error code means and what to do", NULL, verb_explain },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL, NULL },
};
