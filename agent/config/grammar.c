/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grammar.c: the table of all groups and settings.  What stands here is what may stand in a file; syncline.conf(5) says the
 * same, and a test holds the two together.
 */
#include "config/grammar.h"

#include <string.h>

#define AT(member) offsetof(struct GROUP, member)
/* name, type, flags, struct member, fallback, help */
#define PLAIN(text, kind, flag, member, value, says) \
	{ .name = text, .type = SETTING_##kind, .flags = flag, .offset = AT(member), .fallback = value, .help = says }
#define RANGE(text, kind, flag, member, value, low, high, says) \
	{ .name = text, .type = SETTING_##kind, .flags = flag, .offset = AT(member), .fallback = value, .minimum = low, .maximum = high, .help = says }
#define CHOICE(text, kind, flag, member, list, value, says) \
	{ .name = text, .type = SETTING_##kind, .flags = flag, .offset = AT(member), .choices = list, .fallback = value, .help = says }
#define INNER(text, flag, member, id, says) \
	{ .name = text, .type = SETTING_GROUP, .flags = flag, .offset = AT(member), .of = GRAMMAR_##id, .help = says }
#define MANY(text, kind, flag, member, counted, id, says) \
	{ .name = text, .type = SETTING_##kind, .flags = flag, .offset = AT(member), .count_offset = AT(counted), .of = GRAMMAR_##id, .help = says }
#define OWN(text, flag, function, looks, says) \
	{ .name = text, .type = SETTING_OWN, .flags = flag, .build = function, .form = looks, .help = says }

#define OWNED(text, function, member, looks, says) \
	{ .name = text, .type = SETTING_OWN, .offset = AT(member), .build = function, .form = looks, .help = says }

#define DAY INT64_C(86400000)
#define YEAR (365 * DAY)

static const char *const log_formats[] = { "text", "json", NULL };
static const char *const log_places[] = { "stderr", "syslog", NULL };
static const char *const looks[] = { "operators", "anyone", NULL };
static const char *const log_levels[] = { "debug", "info", "warning", "error", NULL };
static const char *const accesses[] = { "read", "write", NULL };
static const char *const schemes[] = { "hmac-sha256", "hmac-sha1", "token", "basic", NULL };
static const char *const tenant_modes[] = { "guard", "split", NULL };
static const char *const read_modes[] = { "", "full", "delta", NULL };
static const char *const missing_modes[] = { "reject", "null", NULL };
static const char *const scopes[] = { "unit", "shared", NULL };
static const char *const edit_modes[] = { "restore", "ignore", "raise", NULL };
static const char *const policies[] = { "owner", "newest", "set_if_empty", "union", "manual", NULL };
static const char *const content_modes[] = { "reference", "copy", NULL };
static const char *const normalises[] = { "none", "text", "person", "company", "phone", "vat_id", NULL };
static const char *const repairs[] = { "none", "plan", "apply", NULL };
static const char *const misses[] = { "once", "skip", NULL };
static const char *const seens[] = { "review", "accept", "ignore", "restore", NULL };
static const char *const resurrects[] = { "review", "accept", "ignore", NULL };
static const char *const acts[] = { "none", "deactivate", "delete", "unlink", NULL };
static const char *const confirms[] = { "answer", "readback", NULL };
static const char *const guard_modes[] = { "", "version", "reread", "none", NULL };
#define X(id, name) name,
static const char *const types[] = { CONFIG_TYPE_LIST_OF(X) NULL };
#undef X
/* Their indexes are CONFIG_ACTION_*. */
static const char *const linked_actions[] = { "", "merge", "hold", NULL };
static const char *const unlinked_actions[] = { "", "", "", "link", "review", "create", NULL };
static const char *const unmatched_actions[] = { "", "", "hold", "", "", "create", "ignore", NULL };
static const char *const missing_actions[] = { "", "", "", "", "review", "", "", "recreate", "unlink", NULL };
static const char *const out_of_scope_actions[] = { "", "", "", "", "", "", "", "", "unlink", "stay", "deactivate", NULL };
static const char *const both_changed_actions[] = { "", "", "", "", "", "", "", "", "", "", "", "policy", "manual", NULL };

const char *
config_type_name(enum config_type type)
{
	return (unsigned)type < CONFIG_FIELD_TYPE_COUNT ? types[type] : "unknown";
}

#define GROUP file
static const struct grammar_setting in_file[] = {
	INNER("agent", SETTING_ALWAYS, agent, AGENT, "The agent itself."),
	MANY("systems", NAMED, 0, systems, system_count, SYSTEM, "The systems that are kept in agreement."),
	MANY("units", NAMED, 0, units, unit_count, UNIT, "The org units in whose name data moves."),
	MANY("lookups", NAMED, 0, lookups, lookup_count, LOOKUP, "Tables that rules look values up in."),
	MANY("entities", NAMED, SETTING_FIELDS, entities, entity_count, ENTITY, "The organisation's own canonical kinds of things."),
	MANY("flows", NAMED, 0, flows, flow_count, FLOW, "What is switched on: an entity, its bindings and policies."),
	MANY("contracts", NAMED, 0, contracts, contract_count, CONTRACT_SYSTEM, "Fields of the systems' objects, written by syncline discover."),
};
#undef GROUP
#define GROUP config_agent
static const struct grammar_setting in_agent[] = {
	PLAIN("environment", TEXT, 0, environment, NULL, "What this installation is called, as in production; shown in every alert."),
	PLAIN("timezone", ZONE, 0, timezone, "UTC", "The zone of times of day, and of systems that name none."),
	CHOICE("log_level", CHOICE, 0, log_level, log_levels, "info", "What is logged at least."),
	CHOICE("log_format", CHOICE, 0, log_format, log_formats, "text", "A log line for people, or a JSON object for programs."),
	CHOICE("log_to", CHOICE, 0, log_to, log_places, "stderr", "Standard error, which the journal takes where there is one, or the system's log."),
	PLAIN("operators", TEXT, 0, operators, NULL, "The group whose members may act through the agent's control socket."),
	CHOICE("look", CHOICE, 0, look, looks, "operators", "Who else may look through it: operators, or anyone on this machine."),
	RANGE("runs_at_once", INTEGER, 0, runs_at_once, "4", 1, 64, "How many flows run at the same time."),
	INNER("keep", SETTING_ALWAYS, keep, KEEP, "How long things are kept."),
};
#undef GROUP
#define GROUP config_keep
static const struct grammar_setting in_keep[] = {
	RANGE("staging", DURATION, 0, staging_ms, "30d", 3600000, 100 * YEAR, "Records as they were read."),
	RANGE("runs", DURATION, 0, runs_ms, "1y", DAY, 100 * YEAR, "Runs with their results."),
	RANGE("history", DURATION, 0, history_ms, "10y", DAY, 100 * YEAR, "Who changed which value when."),
	RANGE("plans", DURATION, 0, plans_ms, "90d", 3600000, 100 * YEAR, "Plans that were made."),
	RANGE("audit", DURATION, 0, audit_ms, "10y", DAY, 100 * YEAR, "What people did."),
};
#undef GROUP
#define GROUP config_system
static const struct grammar_setting in_system[] = {
	PLAIN("connector", TEXT, SETTING_REQUIRED, connector, NULL, "The connector that speaks to it."),
	PLAIN("profile", TEXT, 0, profile, NULL, "A description of one product that the connector reads, if it has such."),
	CHOICE("access", CHOICE, 0, access, accesses, "read", "Whether the system may be written to."),
	PLAIN("timezone", ZONE, 0, timezone, NULL, "The zone of its times without one; the agent's when not given."),
	OWN("settings", 0, build_nothing, "{ NAME = VALUE; … }", "The connector's own parameters."),
	INNER("webhook", 0, webhook, WEBHOOK, "How its webhooks are verified."),
	INNER("limits", SETTING_ALWAYS, limits, LIMITS, "How much it is asked to bear, over all flows."),
	MANY("objects", NAMED, 0, objects, object_count, OBJECT, "Its kinds of things, each under a name of ours."),
};
#undef GROUP
#define GROUP config_webhook
static const struct grammar_setting in_webhook[] = {
	CHOICE("scheme", WORD, SETTING_REQUIRED, scheme, schemes, NULL, "How the sender proves itself."),
	PLAIN("header", TEXT, 0, header, NULL, "The header that carries the signature or token; basic needs none."),
	PLAIN("secret", SECRET, SETTING_REQUIRED, secret, NULL, "The secret shared with the sender."),
	RANGE("tolerance", DURATION, 0, tolerance_ms, "5m", 1000, DAY, "How old a signed request may be."),
};
#undef GROUP
#define GROUP config_limits
static const struct grammar_setting in_limits[] = {
	RANGE("per_second", NUMBER, 0, per_second, "0", 0, 1000000000, "Calls a second, of all flows together; 0 is no limit."),
	RANGE("per_day", INTEGER, 0, per_day, "0", 0, INT64_C(1000000000), "Calls a day of the system's clock, of all flows together; 0 is no limit."),
	RANGE("timeout", DURATION, SETTING_SECONDS, timeout_ms, "60s", 100, DAY, "How long one call may take."),
	RANGE("parallel", INTEGER, 0, parallel, "1", 1, 64, "Connector processes that write at the same time, of all flows together."),
	RANGE("attempts", INTEGER, 0, attempts, "20", 1, 1000, "Tries of one delivery until it is a dead letter."),
	RANGE("max_age", DURATION, 0, max_age_ms, "7d", 1000, YEAR, "Age of one delivery until it is a dead letter."),
	RANGE("backoff_max", DURATION, 0, backoff_max_ms, "15m", 1000, 7 * DAY, "The longest wait between two tries."),
};
#undef GROUP
#define GROUP config_object
static const struct grammar_setting in_object[] = {
	PLAIN("native", TEXT, 0, native, NULL, "The system's own name for it; the alias when not given."),
	PLAIN("key", TEXTS, 0, key, NULL, "The native fields that make the native id, in order."),
	PLAIN("external_key", TEXT, 0, external_key, NULL, "The native field that holds our id."),
	PLAIN("tenant", TEXT, 0, tenant, NULL, "The native field that says whose a record is."),
	CHOICE("tenant_mode", CHOICE, 0, tenant_mode, tenant_modes, "guard", "What happens to rows of other tenants: a reject, or they go to their unit."),
	CHOICE("reads", CHOICE, 0, reads, read_modes, NULL, "Whether a read returns all records or what changed."),
	PLAIN("version", TEXT, 0, version, NULL, "The native field, or \"etag\", for optimistic locking."),
	PLAIN("mark", TEXTS, 0, mark, NULL, "The native fields that tell when a record changed; the latest counts."),
	RANGE("overlap", DURATION, 0, overlap_ms, "0s", 0, 366 * DAY, "How far each read of changes goes back before the last mark."),
	RANGE("mark_resolution", DURATION, 0, mark_resolution_ms, "0s", 0, DAY, "The grain of the marks."),
	PLAIN("group_into", TEXT, 0, group_into, NULL, "Rows of one key become one record; the rows stand in this native field as a list."),
	PLAIN("content", TEXT, 0, content, NULL, "The native field that names a document."),
	OWN("settings", 0, build_nothing, "{ NAME = VALUE; … }", "The connector's own parameters for one object."),
};
#undef GROUP
#define GROUP config_unit
static const struct grammar_setting in_unit[] = {
	PLAIN("timezone", ZONE, 0, timezone, NULL, "The zone of its days; the agent's when not given."),
	MANY("systems", NAMED, 0, systems, system_count, UNIT_SYSTEM, "Who the unit is in each system."),
	OWN("owners", 0, build_owners, "{ ENTITY: { FIELD = \"SYSTEM\"; … }; }", "Fields that another system owns in this unit than elsewhere."),
};
#undef GROUP
#define GROUP config_unit_system
static const struct grammar_setting in_unit_system[] = {
	PLAIN("tenant", TEXT, 0, tenant, NULL, "The value in the object's tenant field that means this unit."),
	OWN("settings", 0, build_nothing, "{ NAME = VALUE; … }", "The connector's parameters where they differ for this unit."),
};
#undef GROUP
#define GROUP config_lookup_table
static const struct grammar_setting in_lookup[] = {
	PLAIN("file", TEXT, SETTING_REQUIRED, file, NULL, "A CSV file with a header, below the folder of --config."),
	PLAIN("key", TEXT, SETTING_REQUIRED, key, NULL, "The column that is looked up."),
	PLAIN("value", TEXT, SETTING_REQUIRED, value, NULL, "The column that is returned."),
	PLAIN("delimiter", TEXT, 0, delimiter, ",", "One character."),
	CHOICE("missing", CHOICE, 0, missing, missing_modes, "reject", "What a key that is not there means."),
};
#undef GROUP
#define GROUP config_entity
static const struct grammar_setting in_entity[] = {
	PLAIN("title", TEXT, 0, title, NULL, "What people call it."),
	PLAIN("owner", NAME, SETTING_REQUIRED, owner, NULL, "The system whose values count."),
	CHOICE("scope", CHOICE, 0, shared, scopes, "unit", "Whether records are matched inside their unit or over all units."),
	PLAIN("booked", BOOLEAN, 0, booked, "false", "Its records are bookings, such as invoices: a rollback takes none of them back."),
	PLAIN("rank", NAMES, 0, rank, NULL, "The order in which systems are asked for a first value, behind the owner."),
	CHOICE("edits", CHOICE, 0, edits, edit_modes, "restore", "What happens when somebody else changes what the owner owns."),
	MANY("fields", NAMED, SETTING_FIELDS | SETTING_REQUIRED, fields, field_count, FIELD, "Its fields."),
	MANY("groups", NAMED, SETTING_FIELDS, groups, group_count, GROUP, "Fields that win and lose together."),
	MANY("checks", LISTED, 0, checks, check_count, CHECK, "What must be true of every record."),
	MANY("match", LISTED, 0, matches, match_count, MATCH, "How records of different systems are recognised as one, in order."),
};
#undef GROUP
#define GROUP config_field
#define FIELD_SETTINGS                                                                                                  \
	CHOICE("type", CHOICE, SETTING_REQUIRED, type, types, NULL, "What kind of value it holds."),                     \
	PLAIN("title", TEXT, 0, title, NULL, "What people call it."),                                                    \
	PLAIN("required", BOOLEAN, 0, required, "false", "A record without it is a reject."),                            \
	PLAIN("sensitive", BOOLEAN, 0, sensitive, "false", "Personal data: never in a log line."),                       \
	RANGE("scale", INTEGER, 0, scale, "-1", 0, 100, "Digits behind the point of a decimal."),                        \
	RANGE("max_length", INTEGER, 0, max_length, "0", 1, 1048576, "Characters of a text at most."),                   \
	RANGE("min_length", INTEGER, 0, min_length, "0", 0, 1048576, "Characters of a text at least."),                  \
	PLAIN("min", DECIMAL, 0, min, NULL, "The smallest number, date or time."),                                       \
	PLAIN("max", DECIMAL, 0, max, NULL, "The largest number, date or time."),                                        \
	PLAIN("one_of", TEXTS, 0, one_of, NULL, "The values that it may have.")
static const struct grammar_setting in_field[] = {
	FIELD_SETTINGS,
	PLAIN("owner", NAME, 0, owner, NULL, "The system whose value counts; the entity's owner when not given."),
	CHOICE("policy", CHOICE, 0, policy, policies, "owner", "How it is decided whose value counts."),
	PLAIN("tie", NAME, 0, tie, NULL, "The system that wins when policy newest cannot tell."),
	CHOICE("edits", CHOICE, 0, edits, edit_modes, NULL, "What happens when somebody else changes it; as for the entity when not given."),
	PLAIN("rank", NAMES, 0, rank, NULL, "As for the entity, for this field."),
	PLAIN("unique", BOOLEAN, 0, unique, "false", "No two records of a unit have the same value; a row that would make it so is rejected."),
	PLAIN("clear", BOOLEAN, 0, clear, "true", "Whether it may be made empty; if not, the value is written back."),
	PLAIN("assigned_by", NAME, 0, assigned_by, NULL, "The system that makes its value when a record is created there: it owns the field, and `map` only reads it there."),
	PLAIN("entity", NAME, 0, entity, NULL, "The entity that a ref points to."),
	RANGE("wait", DURATION, 0, wait_ms, "7d", 0, YEAR, "How long a record waits for the one that its ref points to."),
	PLAIN("key", NAMES, 0, key, NULL, "The fields that tell the elements of a list apart."),
	MANY("fields", NAMED, SETTING_FIELDS, fields, field_count, ELEMENT, "The fields of a list's elements."),
	CHOICE("mode", CHOICE, 0, copy, content_modes, "copy", "Whether a document is copied or only referred to."),
	PLAIN("versions", BOOLEAN, 0, versions, "false", "Whether a changed document becomes a new version."),
};
static const struct grammar_setting in_element[] = { FIELD_SETTINGS };
#undef GROUP
#define GROUP config_group
static const struct grammar_setting in_group[] = {
	PLAIN("fields", NAMES, SETTING_REQUIRED, fields, NULL, "The fields that belong together."),
	PLAIN("owner", NAME, 0, owner, NULL, "The system whose values count; the entity's owner when not given."),
	CHOICE("policy", CHOICE, 0, policy, policies, "owner", "How it is decided whose values count."),
	PLAIN("tie", NAME, 0, tie, NULL, "The system that wins when policy newest cannot tell."),
};
#undef GROUP
#define GROUP config_check
static const struct grammar_setting in_check[] = {
	PLAIN("rule", RULE, SETTING_REQUIRED, rule, NULL, "An SQL expression over canonical fields; false makes the record a reject."),
	PLAIN("message", TEXT, SETTING_REQUIRED, message, NULL, "What the person who corrects it should read."),
};
#undef GROUP
#define GROUP config_match
static const struct grammar_setting in_match[] = {
	PLAIN("exact", NAMES, 0, exact, NULL, "Fields that are all present and equal."),
	CHOICE("normalise", CHOICE, 0, normalise, normalises, "none", "How values are made comparable."),
	OWN("similar", 0, build_similar, "{ FIELD = 0.5; … }", "Fields with their weights, which add up to 1."),
	PLAIN("block", NAMES, 0, block, NULL, "Only records that agree in one of these fields are compared."),
	RANGE("link", NUMBER, 0, link, "1", 0, 1000, "From this similarity on records are linked, once it was measured."),
	RANGE("review", NUMBER, 0, review, "1", 0, 1000, "From this similarity on a person is asked."),
};
#undef GROUP
#define GROUP config_flow
static const struct grammar_setting in_flow[] = {
	PLAIN("title", TEXT, 0, title, NULL, "What people call it."),
	OWN("entity", SETTING_REQUIRED, build_word, "\"ENTITY\"", "The entity that it keeps in agreement."),
	PLAIN("units", NAMES, 0, units, NULL, "The units that it may be switched on for; the house is one unit when not given."),
	PLAIN("after", NAMES, 0, after, NULL, "Flows whose records come before its own."),
	RANGE("max_lag", DURATION, 0, max_lag_ms, NULL, 1000, YEAR, "How late a change may be; twice the slowest trigger when not given."),
	INNER("responsible", 0, responsible, RESPONSIBLE, "Who is asked; needed to switch the flow on."),
	INNER("guards", SETTING_ALWAYS, guards, GUARDS, "Limits above which a run writes nothing and waits for a person."),
	INNER("stop", 0, stop, STOP, "When a target is paused by itself."),
	MANY("bindings", NAMED, SETTING_REQUIRED, bindings, binding_count, BINDING, "What each system has to do with the entity."),
	INNER("reconcile", 0, reconcile, RECONCILE, "When systems are compared as a whole."),
	MANY("tests", LISTED, 0, tests, test_count, TEST, "Examples that the rules must get right; run by syncline test."),
};
#undef GROUP
#define GROUP config_responsible
static const struct grammar_setting in_responsible[] = {
	PLAIN("business", TEXT, SETTING_REQUIRED, business, NULL, "Who decides about the data."),
	PLAIN("technical", TEXT, SETTING_REQUIRED, technical, NULL, "Who looks after the machinery."),
	PLAIN("runbook", TEXT, 0, runbook, NULL, "Where it says what to do; a flow without it can't be switched on."),
};
#undef GROUP
#define GROUP config_guards
static const struct grammar_setting in_guards[] = {
	PLAIN("missing_rows", SHARE, 0, missing_rows_ppm, "10%", "Records that a full read does not find any more."),
	PLAIN("creates", SHARE, 0, creates_ppm, "5%", "Records created."),
	PLAIN("updates", SHARE, 0, updates_ppm, "10%", "Records changed."),
	PLAIN("cleared", SHARE, 0, cleared_ppm, "1%", "Records in which a value becomes empty."),
	PLAIN("deletes", SHARE, 0, deletes_ppm, "1%", "Records deleted or deactivated."),
	RANGE("at_least", INTEGER, 0, at_least, "20", 0, 1000000, "So many records never hold a run."),
};
#undef GROUP
#define GROUP config_reconcile
static const struct grammar_setting in_reconcile[] = {
	PLAIN("at", TIMES, 0, at, NULL, "Times of day."),
	RANGE("every", DURATION, 0, every_ms, NULL, 60000, YEAR, "Time between two comparisons."),
	CHOICE("repair", CHOICE, 0, repair, repairs, "plan", "What is done about differences: nothing, a plan, or at once."),
};
#undef GROUP
#define GROUP config_stop
static const struct grammar_setting in_stop[] = {
	PLAIN("failed", SHARE, SETTING_REQUIRED, failed_ppm, NULL, "More failures than this pause the target for the unit, until a person sets its flag."),
	RANGE("of", INTEGER, 0, of, "500", 10, 1000000, "Of the last so many deliveries to the target for the unit."),
};
#undef GROUP
#define GROUP config_binding
static const struct grammar_setting in_binding[] = {
	OWN("object", SETTING_REQUIRED, build_word, "\"OBJECT\"", "The system's object, by its alias."),
	INNER("trigger", SETTING_ALWAYS, trigger, TRIGGER, "When it is read."),
	PLAIN("originates", BOOLEAN, 0, originates, "false", "Whether a record seen here first becomes a record of ours."),
	OWN("map", 0, build_maps, "( [ \"FIELD\", \"NATIVE\" ], … )", "Fields copied both ways."),
	OWN("read", 0, build_reads, "{ FIELD = \"SQL\"; LIST: { from = \"NATIVE\"; read: { FIELD = \"SQL\"; … }; }; … }", "Fields computed from native ones."),
	OWN("write", 0, build_writes, "( [ \"NATIVE\", \"SQL\" ], [ \"NATIVE\", \"SQL\", \"create\" ], … )", "Native fields computed from canonical ones."),
	PLAIN("create_if", RULE, 0, create_if, NULL, "An SQL expression over canonical fields: when a record is created here; never when not given."),
	PLAIN("path", RULE, 0, path, NULL, "An SQL expression over canonical fields: where a document is put."),
	PLAIN("attach_to", NAME, 0, attach_to, NULL, "A ref field: what is written goes into the record that it points to."),
	OWN("changed", 0, build_changed, "{ record = \"NATIVE\"; FIELD = \"NATIVE\"; … }", "Native fields that say when the record, a field or a group changed."),
	INNER("deletes", SETTING_ALWAYS, deletes, DELETES, "What deletions mean."),
	INNER("situations", SETTING_ALWAYS, situations, SITUATIONS, "What to do with a record that was seen."),
	INNER("confirm", SETTING_ALWAYS, confirm, CONFIRM, "What proves that something was written."),
	CHOICE("guard", CHOICE, 0, guard, guard_modes, NULL, "What protects other people's changes: version, reread, or none."),
	OWN("accept", 0, build_accept, "[ \"duplicates\" ]", "Weaknesses of a target that are accepted by name."),
};
#undef GROUP
#define GROUP config_trigger
static const struct grammar_setting in_trigger[] = {
	PLAIN("file", BOOLEAN, 0, file, "false", "When a complete file is there, or the database file was written to."),
	RANGE("quiet", DURATION, 0, quiet_ms, "1s", 0, DAY, "How long nothing more must have come then before it is read; at 0s, at once."),
	PLAIN("webhook", BOOLEAN, 0, webhook, "false", "When the system calls."),
	RANGE("every", DURATION, 0, every_ms, NULL, 1000, YEAR, "Time between two reads."),
	PLAIN("at", TIMES, 0, at, NULL, "Times of day."),
	OWN("cron", 0, build_crons, "\"MINUTE HOUR DAY MONTH WEEKDAY\", or a list of them", "Cron expressions."),
	PLAIN("timezone", ZONE, 0, timezone, NULL, "The zone of at, cron and window; the agent's when not given."),
	OWN("window", 0, build_windows, "\"06:00-20:00\", or a list of them", "When it may be read; what is due at other times waits for the next window."),
	RANGE("jitter", DURATION, 0, jitter_ms, "0s", 0, DAY, "Each flow and unit is put off by its own share of this time."),
	CHOICE("missed", CHOICE, 0, missed, misses, "once", "What became due while the agent was not running is done once, or skipped."),
};
#undef GROUP
#define GROUP config_deletes
static const struct grammar_setting in_deletes[] = {
	CHOICE("seen", CHOICE, 0, seen, seens, "review", "What a deletion seen here means."),
	CHOICE("do", CHOICE, 0, act, acts, "none", "What is done here when a record is deleted elsewhere."),
	OWN("set", 0, build_set, "( [ \"NATIVE\", \"SQL\" ], … )", "What deactivating writes."),
	CHOICE("resurrect", CHOICE, 0, resurrect, resurrects, "review", "What it means that a deleted record is seen again."),
};
#undef GROUP
#define GROUP config_situations
static const struct grammar_setting in_situations[] = {
	CHOICE("linked", CHOICE, 0, linked, linked_actions, "merge", "It is linked to a record of ours."),
	CHOICE("unlinked", CHOICE, 0, unlinked, unlinked_actions, NULL, "One record of ours matches; linked if the key is exact and unique, else review, when not given."),
	CHOICE("unmatched", CHOICE, 0, unmatched, unmatched_actions, NULL, "No record of ours matches; create if the binding originates, else hold, when not given."),
	CHOICE("missing", CHOICE, 0, missing, missing_actions, "review", "A record that we wrote here is gone."),
	CHOICE("out_of_scope", CHOICE, 0, out_of_scope, out_of_scope_actions, "stay", "create_if is no longer true of it."),
	CHOICE("both_changed", CHOICE, 0, both_changed, both_changed_actions, "policy", "Both sides changed the same field."),
};
#undef GROUP
#define GROUP config_confirm
static const struct grammar_setting in_confirm[] = {
	CHOICE("by", CHOICE, 0, readback, confirms, "answer", "The system's answer, or that its next read shows it."),
	RANGE("within", DURATION, 0, within_ms, NULL, 1000, YEAR, "How long the next read may take to show it."),
};
#undef GROUP
#define GROUP config_test
static const struct grammar_setting in_test[] = {
	PLAIN("title", TEXT, 0, title, NULL, "What it shows."),
	PLAIN("from", NAME, 0, from, NULL, "The system whose binding reads `given`."),
	OWNED("given", build_pairs, given, "( ( \"NATIVE\", VALUE ), … )", "Native values; () is null."),
	OWNED("record", build_values, record, "{ FIELD = VALUE; … }", "Canonical values, instead of from and given."),
	OWNED("expect", build_values, expect, "{ FIELD = VALUE; … }", "Canonical values that must come of it."),
	PLAIN("reject", TEXT, 0, reject, NULL, "A part of the reason for which it must be rejected."),
	PLAIN("to", NAME, 0, to, NULL, "The system whose binding writes `writes`."),
	OWNED("writes", build_pairs, writes, "( ( \"NATIVE\", VALUE ), … )", "Native values that must be written."),
	PLAIN("unit", NAME, 0, unit, NULL, "The unit that it happens in."),
	PLAIN("at", TIMESTAMP, 0, at, NULL, "What run_time() says."),
};
#undef GROUP
#define GROUP file_contract_system
static const struct grammar_setting in_contract_system[] = { { .name = NULL } };
#undef GROUP
#define GROUP config_contract
static const struct grammar_setting in_contract[] = {
	PLAIN("native", TEXT, 0, native, NULL, "The system's own name of the object."),
	OWN("fields", SETTING_REQUIRED, build_nothing, "( { name = \"NATIVE\"; type = \"TYPE\"; … }, … )", "Its fields, in order."),
};
#undef GROUP
#define GROUP syncline_field
static const struct grammar_setting in_contract_field[] = {
	OWN("name", SETTING_REQUIRED, build_nothing, "\"NATIVE\"", "The native name."),
	OWN("type", SETTING_REQUIRED, build_nothing, "\"TYPE\"", "any, boolean, integer, decimal, text, bytes, timestamp, date, json or content."),
	OWN("label", 0, build_nothing, "\"TEXT\"", "What people call it."),
	OWN("scale", 0, build_nothing, "2", "Digits behind the point of a decimal."),
	OWN("max_length", 0, build_nothing, "80", "Characters of a text at most."),
	OWN("key", 0, build_nothing, "true", "Part of the native id."),
	OWN("required", 0, build_nothing, "true", "A create without it is refused by the system."),
	OWN("read_only", 0, build_nothing, "true", "Computed or assigned by the system."),
	OWN("create_only", 0, build_nothing, "true", "May be set at creation and never again."),
	OWN("unique", 0, build_nothing, "true", "No two records have the same value."),
	OWN("sensitive", 0, build_nothing, "true", "Personal data."),
	OWN("mark", 0, build_nothing, "true", "Tells when a record changed."),
};
#undef GROUP

#define ROW(words, type, table) { words, sizeof(struct type), table, sizeof table / sizeof table[0] }
const struct grammar_group grammar_groups[GRAMMAR_COUNT] = {
	[GRAMMAR_FILE] = ROW("", file, in_file),
	[GRAMMAR_AGENT] = ROW("agent", config_agent, in_agent),
	[GRAMMAR_KEEP] = ROW("agent.keep", config_keep, in_keep),
	[GRAMMAR_SYSTEM] = ROW("systems.NAME", config_system, in_system),
	[GRAMMAR_WEBHOOK] = ROW("systems.NAME.webhook", config_webhook, in_webhook),
	[GRAMMAR_LIMITS] = ROW("systems.NAME.limits", config_limits, in_limits),
	[GRAMMAR_OBJECT] = ROW("systems.NAME.objects.ALIAS", config_object, in_object),
	[GRAMMAR_UNIT] = ROW("units.NAME", config_unit, in_unit),
	[GRAMMAR_UNIT_SYSTEM] = ROW("units.NAME.systems.SYSTEM", config_unit_system, in_unit_system),
	[GRAMMAR_LOOKUP] = ROW("lookups.NAME", config_lookup_table, in_lookup),
	[GRAMMAR_ENTITY] = ROW("entities.NAME", config_entity, in_entity),
	[GRAMMAR_FIELD] = ROW("entities.NAME.fields.FIELD", config_field, in_field),
	[GRAMMAR_ELEMENT] = ROW("entities.NAME.fields.LIST.fields.FIELD", config_field, in_element),
	[GRAMMAR_GROUP] = ROW("entities.NAME.groups.GROUP", config_group, in_group),
	[GRAMMAR_CHECK] = ROW("entities.NAME.checks", config_check, in_check),
	[GRAMMAR_MATCH] = ROW("entities.NAME.match", config_match, in_match),
	[GRAMMAR_FLOW] = ROW("flows.NAME", config_flow, in_flow),
	[GRAMMAR_RESPONSIBLE] = ROW("flows.NAME.responsible", config_responsible, in_responsible),
	[GRAMMAR_GUARDS] = ROW("flows.NAME.guards", config_guards, in_guards),
	[GRAMMAR_RECONCILE] = ROW("flows.NAME.reconcile", config_reconcile, in_reconcile),
	[GRAMMAR_STOP] = ROW("flows.NAME.stop", config_stop, in_stop),
	[GRAMMAR_BINDING] = ROW("flows.NAME.bindings.SYSTEM", config_binding, in_binding),
	[GRAMMAR_TRIGGER] = ROW("flows.NAME.bindings.SYSTEM.trigger", config_trigger, in_trigger),
	[GRAMMAR_DELETES] = ROW("flows.NAME.bindings.SYSTEM.deletes", config_deletes, in_deletes),
	[GRAMMAR_SITUATIONS] = ROW("flows.NAME.bindings.SYSTEM.situations", config_situations, in_situations),
	[GRAMMAR_CONFIRM] = ROW("flows.NAME.bindings.SYSTEM.confirm", config_confirm, in_confirm),
	[GRAMMAR_TEST] = ROW("flows.NAME.tests", config_test, in_test),
	[GRAMMAR_CONTRACT_SYSTEM] = { "contracts.SYSTEM", sizeof(struct file_contract_system), in_contract_system, 0 },
	[GRAMMAR_CONTRACT] = ROW("contracts.SYSTEM.OBJECT", config_contract, in_contract),
	[GRAMMAR_CONTRACT_FIELD] = ROW("contracts.SYSTEM.OBJECT.fields", syncline_field, in_contract_field),
};

static const char *
form_of(const struct grammar_setting *setting)
{
	switch ((enum setting_type)setting->type) {
	case SETTING_TEXT: return "text";
	case SETTING_NAME: return "name";
	case SETTING_BOOLEAN: return "true or false";
	case SETTING_INTEGER: return "whole number";
	case SETTING_NUMBER: return "number";
	case SETTING_DECIMAL: return "number, date or time";
	case SETTING_DURATION: return "duration";
	case SETTING_SHARE: return "percentage";
	case SETTING_CHOICE:
	case SETTING_WORD: return "one of";
	case SETTING_TEXTS: return "list of texts";
	case SETTING_NAMES: return "list of names";
	case SETTING_RULE: return "SQL expression";
	case SETTING_ZONE: return "time zone";
	case SETTING_TIMES: return "times of day";
	case SETTING_TIMESTAMP: return "date and time";
	case SETTING_SECRET: return "\"secret:NAME\"";
	case SETTING_GROUP: return "group";
	case SETTING_NAMED: return "group of groups";
	case SETTING_LISTED: return "list of groups";
	case SETTING_OWN: return setting->form;
	}
	return "";
}

int
config_print_grammar(struct buffer *buffer)
{
	for (size_t g = 0; g < GRAMMAR_COUNT; g++) {
		const struct grammar_group *group = &grammar_groups[g];

		for (uint32_t i = 0; i < group->count; i++) {
			const struct grammar_setting *setting = &group->settings[i];

			buffer_format(buffer, "%s%s%s\t%s", group->path, group->path[0] != '\0' ? "." : "", setting->name, form_of(setting));
			for (size_t c = 0; setting->choices != NULL && setting->choices[c] != NULL; c++)
				if (setting->choices[c][0] != '\0')
					buffer_format(buffer, " %s", setting->choices[c]);
			buffer_format(buffer, "\t%s", (setting->flags & SETTING_REQUIRED) != 0 ? "required" : "");
			if (setting->fallback != NULL && strcmp(setting->fallback, "-1") != 0)
				buffer_format(buffer, "default %s", setting->fallback);
			buffer_format(buffer, "\t%s\n", setting->help);
		}
	}
	return buffer->failed ? -1 : 0;
}
