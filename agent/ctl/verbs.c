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

static const struct ctl_option run_options[] = {
	{ "unit", "UNIT", "only for this unit" },
	{ "full", NULL, "read everything, whatever was read before" },
	{ "patience", "SECONDS", "wait so long for deliveries that are to be tried again" },
	{ "foreground", NULL, "in this process, as it is without a daemon" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option apply_options[] = {
	{ "strict", NULL, "apply all of it or nothing" },
	{ "patience", "SECONDS", "wait so long for deliveries that are to be tried again" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option flag_options[] = {
	{ "unit", "UNIT", "only for this unit" },
	{ "to", "SYSTEM", "only what goes to this system" },
	{ "why", "TEXT", "the reason, kept with who and when" },
	{ "without-preview", NULL, "switch on although no plan was applied" },
	{ "former", NULL, "list all changes" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option runs_options[] = {
	{ "unit", "UNIT", "only this unit's" },
	{ "limit", "N", "list so many, 20 when not given" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option plans_options[] = {
	{ "flow", "FLOW", "only this flow's" },
	{ "unit", "UNIT", "only this unit's" },
	{ "all", NULL, "those that are over too" },
	{ "limit", "N", "list so many items, 1000 when not given" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option status_options[] = {
	{ "unit", "UNIT", "only this unit's" },
	{ NULL, NULL, NULL },
};
#define TRIAGE_OPTIONS                                                                                                             \
	{ "flow", "FLOW", "only this flow's" }, { "unit", "UNIT", "only this unit's" },                                            \
		{ "cause", "CAUSE", "those with this cause, as it stands in the list" },                                            \
		{ "each", NULL, "list them one by one, not by cause" }, { "all", NULL, "those that have ended too" },               \
		{ "limit", "N", "list so many, 1000 when not given" }, { "why", "TEXT", "the reason, kept with who and when" }
static const struct ctl_option triage_options[] = {
	TRIAGE_OPTIONS,
	{ NULL, NULL, NULL },
};
static const struct ctl_option doctor_options[] = {
	{ "offline", NULL, "leave the systems alone" },
	{ "quick", NULL, "leave out the check of the whole ledger" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option rejects_options[] = {
	TRIAGE_OPTIONS,
	{ "null", NULL, "edit: no value at all" },
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
	{ "run", "run", "FLOW", 1, 1, "reads, compares, decides and delivers, once", run_options, verb_run },
	{ "plans", "run", "[PLAN]", 0, 1, "lists plans that wait, or what one would do", plans_options, verb_plans },
	{ "apply", "run", "PLAN", 1, 1, "does what a plan says, as far as it still holds", apply_options, verb_apply },
	{ "flag", "run", "[FLOW [MODE [N%]]]", 0, 3, "shows or switches flows: off, preview, canary N%, on, paused", flag_options, verb_flag },
	{ "runs", "watch", "[FLOW]", 0, 1, "lists what ran", runs_options, verb_runs },
	{ "status", "watch", "[FLOW]", 0, 1, "what is on, what ran, what targets lack, what waits for a person", status_options, verb_status },
	{ "rejects", "triage", "[ACTION …]", 0, 15, "records that failed their rules: list, show, retry, edit, archive", rejects_options, verb_rejects },
	{ "dead", "triage", "[ACTION …]", 0, 15, "deliveries that were given up: list, show, retry, archive", triage_options, verb_dead },
	{ "conflicts", "triage", "[ACTION …]", 0, 15, "values that two sides changed: list, show, decide, retry, archive", triage_options,
	  verb_conflicts },
	{ "reviews", "triage", "[ACTION …]", 0, 15, "what only a person decides: list, show, decide, retry, archive", triage_options, verb_reviews },
	{ "doctor", "care", "", 0, 0, "checks the ledger, the disk, what is stuck, the configuration and the systems", doctor_options, verb_doctor },
	{ "explain", "care", "CODE", 1, 1, "tells what an error code means and what to do", NULL, verb_explain },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL, NULL },
};
