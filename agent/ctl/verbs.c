/* SPDX-License-Identifier: BSD-2-Clause */
/* verbs.c: the table of verbs.  The help prints it, and a test holds it against syncline(1). */
#include "ctl/load.h"

static const struct ctl_option convert_options[] = {
	{ "unit", "UNIT", "only this unit's records" },
	{ "limit", "N", "read only so many records" },
	{ "rejects", "N", "list so many rejects, 20 when not given" },
	{ "rejects-file", "FILE", "write every reject into FILE, a JSON object a line" },
	{ "anyway", NULL, "although the flow's flag forbids it or the target is kept by runs: may write doubles" },
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
	{ "foreground", NULL, "in this process, as it is when no agent runs" },
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
	{ "limit", "N", "list so many items; 1000, or with --json all, when not given" },
	{ "after", "ITEM", "begin behind the item of this number" },
	{ "why", "TEXT", "drop: the reason, kept with who and when" },
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
static const struct ctl_option corrections_options[] = {
	{ "flow", "FLOW", "only this flow's" },
	{ "unit", "UNIT", "only this unit's" },
	{ "all", NULL, "those that have ended too" },
	{ "null", NULL, "edit: no value at all" },
	{ "why", "TEXT", "the reason, kept with who and when" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option links_options[] = {
	{ "unit", "UNIT", "only this unit's" },
	{ "lines", NULL, "export: a JSON object a line instead of CSV" },
	{ "partial", NULL, "import: keep the good lines when some are at fault" },
	{ "why", "TEXT", "the reason, kept with who and when" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option position_options[] = {
	{ "flow", "FLOW", "list: only this flow's; rewind: what this flow applied" },
	{ "unit", "UNIT", "of this unit, or with its credentials" },
	{ "why", "TEXT", "the reason, kept with who and when" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option lock_options[] = {
	{ "until", "TIME", "a day or a time; until it is unlocked when not given" },
	{ "why", "TEXT", "the reason, kept with who and when" },
	{ NULL, NULL, NULL },
};
static const struct ctl_option why_options[] = {
	{ "why", "TEXT", "the reason, kept with who and when" },
	{ NULL, NULL, NULL },
};

static const struct ctl_option loadtest_options[] = {
	{ "on", "ENVIRONMENT", "the environment that you mean, as agent.environment calls it" },
	{ "unit", "UNIT", "in the name of this unit" },
	{ "records", "N", "create so many, 1000 when not given" },
	{ "for", "SECONDS", "create for so long" },
	{ "rate", "N", "so many records a second at most" },
	{ "keep", NULL, "leave them there, on a list" },
	{ "cleanup", NULL, "only take away what an earlier one left" },
	{ "forecast", "N", "for a first sync of so many records, not of as many as the ledger has" },
	{ "changes", "N", "for so many changes a day, not for as many as runs had" },
	{ NULL, NULL, NULL },
};

const struct ctl_verb ctl_verbs[] = {
	{ "check", "set up", "", 0, 0, "reads the configuration and its rules and reports every mistake", NULL, verb_check, false },
	{ "test", "set up", "", 0, 0, "runs the tests that stand beside the rules", test_options, verb_test, false },
	{ "connectors", "set up", "[NAME]", 0, 1, "lists the connectors, or one with its parameters", NULL, verb_connectors, false },
	{ "discover", "set up", "SYSTEM [OBJECT]", 1, 2, "asks a system for its objects and fields and writes their contracts", discover_options,
	  verb_discover, false },
	{ "describe", "set up", "[FLOW]", 0, 1, "prints owner, policy and rules of every field", NULL, verb_describe, false },
	{ "convert", "run", "FLOW FROM TO", 3, 3, "reads from one system, applies the rules, writes to another; keeps nothing", convert_options,
	  verb_convert, false },
	{ "run", "run", "FLOW", 1, 1, "reads, compares, decides and delivers, once", run_options, verb_run, true },
	{ "plans", "run", "[[drop] PLAN]", 0, 2, "lists plans that wait, or what one would do, or drops one", plans_options, verb_plans, true },
	{ "apply", "run", "PLAN", 1, 1, "does what a plan says, as far as it still holds", apply_options, verb_apply, true },
	{ "rollback", "run", "RUN", 1, 1, "plans to take back what a run did, and tells what stays and why", NULL, verb_rollback, true },
	{ "flag", "run", "[FLOW [MODE [N%]]]", 0, 3, "shows or switches flows: off, preview, canary N%, on, paused", flag_options, verb_flag, true },
	{ "runs", "watch", "[FLOW]", 0, 1, "lists what ran", runs_options, verb_runs, true },
	{ "status", "watch", "[FLOW]", 0, 1, "what is on, what ran, what targets lack, what waits for a person", status_options, verb_status, true },
	{ "trace", "watch", "KEY", 1, 1, "tells a record's whole way: values, links, history, rules, deliveries, findings", NULL, verb_trace, true },
	{ "rejects", "triage", "[ACTION …]", 0, 15, "records that failed their rules: list, show, retry, edit, archive", rejects_options, verb_rejects, true },
	{ "dead", "triage", "[ACTION …]", 0, 15, "deliveries that were given up: list, show, retry, archive", triage_options, verb_dead, true },
	{ "conflicts", "triage", "[ACTION …]", 0, 15, "values that two sides changed: list, show, decide, retry, archive", triage_options,
	  verb_conflicts, true },
	{ "reviews", "triage", "[ACTION …]", 0, 15, "what only a person decides: list, show, decide, retry, archive", triage_options, verb_reviews, true },
	{ "corrections", "triage", "[ACTION …]", 0, 3, "values that a person put in the place of rejected ones: list, show, edit, end, archive, retry",
	  corrections_options, verb_corrections, true },
	{ "links", "master data", "ACTION FLOW …", 2, 4, "export FLOW, or import FLOW SYSTEM FILE: which native records are one", links_options,
	  verb_links, true },
	{ "lock", "master data", "[RECORD [FIELD]]", 0, 2, "lists locks, or keeps a record or field as it is", lock_options, verb_lock, true },
	{ "unlock", "master data", "RECORD [FIELD]", 1, 2, "ends a lock", why_options, verb_unlock, true },
	{ "position", "master data", "[ACTION …]", 0, 3, "where reading and applying stand: list, set, rewind", position_options, verb_position, true },
	{ "rebase", "master data", "SYSTEM", 1, 1, "accepts that a system is another one than it was", why_options, verb_rebase, true },
	{ "doctor", "care", "", 0, 0, "checks the ledger, the disk, what is stuck, the configuration and the systems", doctor_options, verb_doctor, true },
	{ "backup", "care", "FILE", 1, 1, "copies the ledger, whoever works on it", NULL, verb_backup, true },
	{ "restore", "care", "FILE", 1, 1, "puts a backup in the ledger's place", NULL, verb_restore, false },
	{ "loadtest", "care", "FLOW SYSTEM", 2, 2, "a rehearsal with generated records against a system's staging twin: rates, lag, budget, forecast",
	  loadtest_options, verb_loadtest, true },
	{ "explain", "care", "CODE", 1, 1, "tells what an error code means and what to do", NULL, verb_explain, false },
	{ NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, false },
};
