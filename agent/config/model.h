/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model.h: the checked configuration as the rest of the agent reads it.  config_load() turns files into one `struct model`
 * that never changes afterwards: any thread may read it, config_free() ends it, and one arena owns all that it points to.
 *
 * Texts are UTF-8 ended by NUL.  A text that was not configured and has no default is NULL; a list that was not given has
 * count 0.  Every element knows its name and its place.  Nothing here compiles SQL: a rule is kept as text together with the
 * places of its pieces, so that agent/rules can point into the file.
 */
#ifndef CONFIG_MODEL_H
#define CONFIG_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <syncline/connector.h>

#include "base/error.h"
#include "base/memory.h"
#include "config/cron.h"

struct node; /* the merged tree behind an element; agent/config alone looks inside */

struct config_place {
	const char *file; /* as it was opened, or the name of the text that was given */
	uint32_t line;    /* from 1; 0: none */
	uint32_t column;  /* in bytes, from 1 */
};

/* What every element begins with. */
struct config_head {
	const char *name; /* "" for elements of lists */
	const char *was;  /* its former name, or NULL */
	struct config_place place;
	const struct node *node;
};

/* A rule: one SQL expression.  Joined and escaped strings have several pieces; config_rule_place() knows where each byte stood. */
struct config_piece {
	uint32_t offset; /* into the text: from here on, one byte of text is one byte of the file */
	uint32_t line;
	uint32_t column;
};
struct config_rule {
	const char *text; /* NULL: not configured */
	size_t length;
	struct config_place place;
	const struct config_piece *pieces;
	uint32_t piece_count;
};

struct config_texts {
	const char *const *items;
	uint32_t count;
};

/* A value in a test: `null` is written as an empty list, (). */
#define CONFIG_VALUE_NULL 0u
#define CONFIG_VALUE_TEXT 1u
#define CONFIG_VALUE_INTEGER 2u
#define CONFIG_VALUE_DECIMAL 3u /* text: the digits as they stand in the file */
#define CONFIG_VALUE_BOOLEAN 4u
struct config_value {
	const char *name; /* canonical or native */
	uint8_t kind;     /* CONFIG_VALUE_* */
	int64_t integer;  /* INTEGER, BOOLEAN */
	const char *text; /* TEXT, DECIMAL */
	struct config_place place;
};
struct config_values {
	const struct config_value *items;
	uint32_t count;
};

/* agent */

struct config_keep {
	struct config_head head;
	int64_t staging_ms, runs_ms, history_ms, plans_ms, audit_ms;
};
#define CONFIG_LOG_TEXT 0u
#define CONFIG_LOG_JSON 1u
#define CONFIG_LOG_TO_STDERR 0u
#define CONFIG_LOG_TO_SYSLOG 1u
#define CONFIG_LOOK_OPERATORS 0u
#define CONFIG_LOOK_ANYONE 1u
struct config_agent {
	struct config_head head;
	const char *environment;
	const char *timezone; /* never NULL: "UTC" when not configured */
	uint8_t log_level;    /* SYNCLINE_LOG_* */
	uint8_t log_format;   /* CONFIG_LOG_* */
	uint8_t log_to;       /* CONFIG_LOG_TO_* */
	uint8_t look;         /* CONFIG_LOOK_* */
	const char *operators; /* a group of the operating system, or NULL */
	int64_t runs_at_once;
	const struct config_keep *keep; /* never NULL */
};

/* systems */

/* Settings as a connector takes them.  Secrets are not among them: only their names in the vault are known here. */
struct config_secret {
	const char *param;     /* the parameter's name, or "webhook" */
	const char *reference; /* "crm/client-secret": what stood behind "secret:" */
	struct config_place place;
};
struct config_settings {
	struct syncline_settings settings;
	const struct config_place *places; /* one for each setting; line 0 for defaults */
	const struct config_secret *secrets;
	uint32_t secret_count;
};

struct config_webhook {
	struct config_head head;
	const char *scheme; /* "hmac-sha256", "hmac-sha1", "token", "basic" */
	const char *header;
	const char *secret; /* the reference, without "secret:" */
	int64_t tolerance_ms;
};
struct config_limits {
	struct config_head head;
	double per_second;  /* 0: no limit */
	int64_t per_day;    /* 0: no limit */
	int64_t timeout_ms; /* of one call */
	int64_t parallel;
	int64_t attempts;   /* tries of one delivery */
	int64_t max_age_ms; /* of one delivery */
	int64_t backoff_max_ms;
};

#define CONFIG_TENANT_GUARD 0u /* a foreign row is a reject and an alert */
#define CONFIG_TENANT_SPLIT 1u /* rows go to the unit that their tenant names */

struct config_system;

/* The contract of an object, from contracts/SYSTEM.OBJECT.conf. */
struct config_contract {
	struct config_head head;
	const char *native;
	struct syncline_field *fields; /* as the connector takes them */
	struct config_place *places;   /* one for each field */
	uint32_t field_count;
};

struct config_object {
	struct config_head head; /* name: the alias */
	const struct config_system *system;
	const char *native; /* never NULL: the alias when not configured */
	struct config_texts key;
	const char *external_key;
	const char *tenant;
	uint8_t tenant_mode; /* CONFIG_TENANT_* */
	uint8_t reads;       /* SYNCLINE_READS_*, 0: the connector decides */
	const char *version;
	struct config_texts mark;
	int64_t overlap_ms;
	int64_t mark_resolution_ms;
	const char *group_into;
	const char *content;
	struct config_settings settings;        /* of scope object */
	const struct config_contract *contract; /* NULL: none was written yet */
	struct syncline_object sdk;             /* all of this as the connector takes it; points into the model */
};

#define CONFIG_ACCESS_READ 0u
#define CONFIG_ACCESS_WRITE 1u
struct config_system {
	struct config_head head;
	const char *connector;
	const struct syncline_connector *descriptor; /* what `describe` gave, or NULL */
	/* Why its connector could not be loaded (config_options.passes): what is configured of the system is unchecked, and it can't be used.  Or NULL. */
	const struct error *absent;
	const char *profile;
	uint8_t access;       /* CONFIG_ACCESS_* */
	const char *timezone; /* never NULL: the agent's when not configured */
	struct config_settings settings;
	const struct config_webhook *webhook; /* or NULL */
	const struct config_limits *limits;   /* never NULL */
	struct config_object *objects;
	uint32_t object_count;
};

/* units */

struct config_unit_system {
	struct config_head head; /* name: the system */
	const struct config_system *system;
	const char *tenant; /* or NULL */
	bool has_settings;  /* settings below differ from the system's: another host with its own credentials */
	struct config_settings settings; /* the system's with the unit's on top; complete */
};
struct config_owner {
	struct config_place place;
	const char *entity;
	const char *field; /* a field or a group */
	const char *system;
};
struct config_unit {
	struct config_head head;
	const char *timezone; /* never NULL */
	struct config_unit_system *systems;
	uint32_t system_count;
	struct config_owner *owners;
	uint32_t owner_count;
};

/* lookups */

#define CONFIG_MISSING_REJECT 0u
#define CONFIG_MISSING_NULL 1u
struct config_lookup_table {
	struct config_head head;
	const char *file; /* as written */
	const char *path; /* below the configuration's folder unless it was absolute */
	const char *key;  /* column names */
	const char *value;
	const char *delimiter; /* one character */
	uint8_t missing;       /* CONFIG_MISSING_* */
};

/* entities */

#define CONFIG_TYPE_LIST_OF(X)                                                                                         \
	X(TEXT, "text") X(INTEGER, "integer") X(DECIMAL, "decimal") X(BOOLEAN, "boolean") X(DATE, "date")               \
	X(TIMESTAMP, "timestamp") X(EMAIL, "email") X(PHONE, "phone") X(IBAN, "iban") X(VAT_ID, "vat_id") X(URL, "url") \
	X(JSON, "json") X(LIST, "list") X(REF, "ref") X(CONTENT, "content")
enum config_type {
#define X(id, name) CONFIG_FIELD_##id,
	CONFIG_TYPE_LIST_OF(X)
#undef X
	CONFIG_FIELD_TYPE_COUNT
};
const char *config_type_name(enum config_type type);

#define CONFIG_POLICY_OWNER 0u
#define CONFIG_POLICY_NEWEST 1u
#define CONFIG_POLICY_SET_IF_EMPTY 2u
#define CONFIG_POLICY_UNION 3u
#define CONFIG_POLICY_MANUAL 4u

#define CONFIG_EDITS_RESTORE 0u /* what somebody who doesn't own the field writes over it */
#define CONFIG_EDITS_IGNORE 1u
#define CONFIG_EDITS_RAISE 2u

#define CONFIG_SCALE_NONE (-1)

struct config_group;
struct config_field {
	struct config_head head;
	uint8_t type;       /* enum config_type */
	const char *title;
	const char *owner;  /* a system; never NULL but in the fields of a list: the group's, the entity's */
	uint8_t policy;     /* CONFIG_POLICY_*; the group's when it is in one */
	const char *tie;
	uint8_t edits;      /* CONFIG_EDITS_* */
	struct config_texts rank;
	const struct config_group *group; /* or NULL */
	bool required, unique, sensitive;
	bool clear; /* false: a null of the owner clears nothing */
	const char *assigned_by;
	int64_t scale;      /* CONFIG_SCALE_NONE: not given */
	int64_t max_length; /* characters; 0: no limit */
	int64_t min_length;
	const char *min, *max; /* in the field's own type, as text */
	struct config_texts one_of;
	const char *entity; /* REF: the entity that it points to */
	int64_t wait_ms;    /* REF: how long a child waits for its parent */
	struct config_texts key; /* LIST: what tells its elements apart */
	struct config_field *fields; /* LIST: of an element */
	uint32_t field_count;
	bool copy;     /* CONTENT: false: only a reference */
	bool versions; /* CONTENT */
};
struct config_group {
	struct config_head head;
	struct config_texts fields;
	const char *owner;
	uint8_t policy;
	const char *tie;
};
struct config_check {
	struct config_head head;
	struct config_rule rule; /* true or null: good */
	const char *message;
};
struct config_weight {
	const char *field;
	double weight;
	struct config_place place;
};
#define CONFIG_NORMALISE_NONE 0u
#define CONFIG_NORMALISE_TEXT 1u
#define CONFIG_NORMALISE_PERSON 2u
#define CONFIG_NORMALISE_COMPANY 3u
#define CONFIG_NORMALISE_PHONE 4u
#define CONFIG_NORMALISE_VAT_ID 5u
struct config_match {
	struct config_head head;
	struct config_texts exact; /* count 0: by similarity */
	uint8_t normalise;         /* CONFIG_NORMALISE_* */
	struct config_weight *similar;
	uint32_t similar_count;
	struct config_texts block;
	double link, review;
};
struct config_entity {
	struct config_head head;
	const char *title;
	const char *owner; /* a system */
	bool shared;       /* scope = "shared": matched over all units */
	bool booked;       /* never taken back by a rollback */
	struct config_texts rank;
	uint8_t edits;
	struct config_field *fields;
	uint32_t field_count;
	struct config_group *groups;
	uint32_t group_count;
	struct config_check *checks;
	uint32_t check_count;
	struct config_match *matches;
	uint32_t match_count;
};

/* flows */

struct config_map { /* both ways, no SQL */
	struct config_head head; /* name: the canonical field */
	const struct config_field *field;
	const char *native; /* a native field or a path into one: "address.street" */
};
struct config_read {
	struct config_head head; /* name: the canonical field */
	const struct config_field *field;
	struct config_rule rule; /* over native fields; in a list: over one element */
	/* A list field: rule.text is NULL, and the elements are read from this native field. */
	const char *from;
	struct config_read *reads;
	uint32_t read_count;
};
struct config_write {
	struct config_head head; /* name: the native path */
	struct config_rule rule; /* over canonical fields */
	bool create_only;
};
struct config_cron {
	const char *text;
	struct cron when;
};
/* Minutes of the day; a window that ends before it begins goes on after midnight. */
struct config_window {
	uint16_t from, to; /* the first one that is not in it any more */
};
#define CONFIG_MISSED_ONCE 0u
#define CONFIG_MISSED_SKIP 1u
struct config_trigger {
	struct config_head head;
	bool file, webhook;
	int64_t quiet_ms;       /* after what came */
	int64_t every_ms;       /* 0: none */
	struct config_texts at; /* "03:00" */
	struct config_cron *crons;
	uint32_t cron_count;
	const char *timezone;   /* of these times; never NULL */
	struct config_window *windows;
	uint32_t window_count;  /* 0: always */
	int64_t jitter_ms;
	uint8_t missed;         /* CONFIG_MISSED_* */
};

#define CONFIG_SEEN_REVIEW 0u
#define CONFIG_SEEN_ACCEPT 1u
#define CONFIG_SEEN_IGNORE 2u
#define CONFIG_SEEN_RESTORE 3u
#define CONFIG_DO_NONE 0u
#define CONFIG_DO_DEACTIVATE 1u
#define CONFIG_DO_DELETE 2u
#define CONFIG_DO_UNLINK 3u
struct config_deletes {
	struct config_head head;
	uint8_t seen;      /* CONFIG_SEEN_* */
	uint8_t act;       /* CONFIG_DO_*: the setting `do` */
	uint8_t resurrect; /* CONFIG_SEEN_REVIEW, ACCEPT, IGNORE */
	struct config_write *set;
	uint32_t set_count;
};

/* Actions of situations.  Each situation allows some of them (record.md's table, syncline.conf(5)). */
#define CONFIG_ACTION_DEFAULT 0u
#define CONFIG_ACTION_MERGE 1u
#define CONFIG_ACTION_HOLD 2u
#define CONFIG_ACTION_LINK 3u
#define CONFIG_ACTION_REVIEW 4u
#define CONFIG_ACTION_CREATE 5u
#define CONFIG_ACTION_IGNORE 6u
#define CONFIG_ACTION_RECREATE 7u
#define CONFIG_ACTION_UNLINK 8u
#define CONFIG_ACTION_STAY 9u
#define CONFIG_ACTION_DEACTIVATE 10u
#define CONFIG_ACTION_POLICY 11u
#define CONFIG_ACTION_MANUAL 12u
struct config_situations {
	struct config_head head;
	uint8_t linked;       /* MERGE, HOLD */
	uint8_t unlinked;     /* DEFAULT (link if exact and unique, else review), REVIEW, LINK, CREATE */
	uint8_t unmatched;    /* DEFAULT (create if the binding originates, else hold), CREATE, HOLD, IGNORE */
	uint8_t missing;      /* REVIEW, RECREATE, UNLINK */
	uint8_t out_of_scope; /* STAY, DEACTIVATE, UNLINK */
	uint8_t both_changed; /* POLICY, MANUAL */
};
struct config_confirm {
	struct config_head head;
	bool readback; /* false: the target's answer is enough */
	int64_t within_ms;
};
struct config_changed { /* where a native record says when it changed */
	const char *name;   /* "record", or a group or field of the entity */
	const char *native;
	struct config_place place;
};

#define CONFIG_GUARD_DEFAULT 0u /* by version where native, else by reading again */
#define CONFIG_GUARD_VERSION 1u
#define CONFIG_GUARD_REREAD 2u
#define CONFIG_GUARD_NONE 3u

struct config_flow;
struct config_binding {
	struct config_head head; /* name: the system */
	const struct config_flow *flow;
	const struct config_system *system;
	const struct config_object *object;
	const struct config_trigger *trigger;       /* never NULL */
	const struct config_deletes *deletes;       /* never NULL */
	const struct config_situations *situations; /* never NULL */
	const struct config_confirm *confirm;       /* never NULL */
	bool originates;
	bool reads;  /* has map or read, and is no attach_to */
	bool writes; /* the system may be written and there is something to write */
	bool accept_duplicates;
	uint8_t guard; /* CONFIG_GUARD_* */
	struct config_rule create_if; /* text NULL: never */
	struct config_rule path;
	const char *attach_to; /* a ref field of the entity, or NULL */
	struct config_map *maps;
	uint32_t map_count;
	struct config_read *read;
	uint32_t read_count;
	struct config_write *write;
	uint32_t write_count;
	struct config_changed *changed;
	uint32_t changed_count;
};

/* Parts per million of the records of a binding: "10%" is 100000. */
struct config_guards {
	struct config_head head;
	int64_t missing_rows_ppm, creates_ppm, updates_ppm, cleared_ppm, deletes_ppm;
	int64_t at_least; /* never below so many records */
};
#define CONFIG_REPAIR_NONE 0u
#define CONFIG_REPAIR_PLAN 1u
#define CONFIG_REPAIR_APPLY 2u
struct config_reconcile {
	struct config_head head;
	struct config_texts at;
	int64_t every_ms;
	uint8_t repair; /* CONFIG_REPAIR_* */
};
struct config_responsible {
	struct config_head head;
	const char *business, *technical, *runbook;
};
struct config_stop {
	struct config_head head;
	int64_t failed_ppm; /* 0: no stop rule */
	int64_t of;         /* the last so many deliveries */
};
/*
 * A test of rules: native values through the binding `from`, or canonical values in `record`; then what the canonical record
 * must be, or why it must be rejected; and what the binding `to` writes of it.
 */
struct config_test {
	struct config_head head;
	const char *title;
	const char *from;
	struct config_values given;  /* native */
	struct config_values record; /* canonical */
	struct config_values expect; /* canonical */
	const char *reject;          /* a part of the reject's reason, or NULL */
	const char *to;
	struct config_values writes; /* native */
	const char *unit;
	const char *at; /* what run_time() is, or NULL */
};
struct config_flow {
	struct config_head head;
	const char *title;
	const struct config_entity *entity;
	struct config_texts units; /* count 0: the house is one unit and nothing has a tenant */
	struct config_texts after;
	int64_t max_lag_ms; /* 0: twice the slowest trigger */
	const struct config_responsible *responsible; /* or NULL */
	const struct config_guards *guards;           /* never NULL */
	const struct config_reconcile *reconcile;     /* or NULL */
	const struct config_stop *stop;               /* or NULL */
	struct config_binding *bindings;
	uint32_t binding_count;
	struct config_test *tests;
	uint32_t test_count;
};

struct model {
	struct arena arena; /* owns all */
	const struct node *tree; /* what the files say; after config_options.again in that model's arena */
	const char *conf_dir, *contract_dir, *site_dir; /* site_dir: or NULL */
	const struct config_agent *agent;               /* never NULL */
	struct config_system *systems;
	uint32_t system_count;
	struct config_unit *units;
	uint32_t unit_count;
	struct config_lookup_table *lookups;
	uint32_t lookup_count;
	struct config_entity *entities;
	uint32_t entity_count;
	struct config_flow *flows;
	uint32_t flow_count;
};

/* All mistakes of one load, in the order of files and lines. */
struct diagnostic {
	struct error error;    /* place: "conf.d/20-crm.conf:14:7" */
	uint32_t line, column; /* 0: none */
	uint32_t file_length;  /* of the file's name at the beginning of error.place */
	uint32_t order;        /* of being found */
};
#define DIAGNOSTICS_MAX 1000u
struct diagnostics {
	struct diagnostic *items;
	size_t count, capacity;
	size_t dropped; /* found beyond DIAGNOSTICS_MAX */
	bool no_memory; /* some could not be kept */
};
void diagnostics_init(struct diagnostics *diagnostics);
/* Keeps a copy of `err`, with `place` as its place unless that is NULL.  agent/rules adds what it finds. */
void diagnostics_add(struct diagnostics *diagnostics, const struct config_place *place, const struct error *err);
/* By file, line and column; what was said twice of one place is said once. */
void diagnostics_sort(struct diagnostics *diagnostics);
/* A JSON array: code, file, line, column, message, detail, hint.  0, or -1 without memory. */
int diagnostics_json(const struct diagnostics *diagnostics, struct buffer *buffer);
void diagnostics_free(struct diagnostics *diagnostics);

/* A configuration text that doesn't come from a file. */
struct config_source {
	const char *name; /* what messages call it */
	const char *data; /* need not end with NUL */
	size_t length;
	bool site; /* as if it stood in --site */
};
struct config_options {
	const char *conf_dir; /* holds *.conf, contracts/ and lookups/; NULL: none, `sources` alone */
	const char *site_dir; /* or NULL */
	const struct config_source *sources; /* read after the files */
	size_t source_count;
	/*
	 * The descriptor of a connector, valid as long as the model; NULL with `err` set when there is none.  When describe
	 * itself is NULL, settings and capabilities are not checked.
	 */
	const struct syncline_connector *(*describe)(void *ctx, const char *connector_name, struct error *err);
	void *describe_ctx;
	/* Is this error of `describe` passing?  Then it is no mistake, and the systems of that connector have `absent`.  NULL: none is. */
	bool (*passes)(void *ctx, const char *connector_name, const struct error *err);
	/* What the files of this model said, which has to outlive the new one; none is read.  NULL: they are. */
	const struct model *again;
	/* Native names are not held against contracts: for whoever is about to write those anew. */
	bool ignore_contracts;
	size_t memory_max; /* bytes that the model may have; 0: 1 GiB */
};
/*
 * 0 with a model that has no mistake, or -1 with what is wrong in `diagnostics` (never empty then, unless
 * no_memory is set), which the caller initialised and frees.
 */
int config_load(const struct config_options *options, struct model **ret_model, struct diagnostics *diagnostics);
void config_free(struct model *model);
CLEANUP_DEFINE(struct model, config_free);

/* Each is NULL when there is none of that name. */
const struct config_system *config_system(const struct model *model, const char *name);
const struct config_object *config_object(const struct config_system *system, const char *alias);
const struct config_unit *config_unit(const struct model *model, const char *name);
const struct config_unit_system *config_unit_system(const struct config_unit *unit, const char *system);
const struct config_lookup_table *config_lookup_table(const struct model *model, const char *name);
const struct config_entity *config_entity(const struct model *model, const char *name);
const struct config_field *config_field(const struct config_entity *entity, const char *name);
const struct config_group *config_group(const struct config_entity *entity, const char *name);
const struct config_flow *config_flow(const struct model *model, const char *name);
const struct config_binding *config_binding(const struct config_flow *flow, const char *system);
const struct config_write *config_write_of(const struct config_binding *binding, const char *native);
/* Whose value of a field counts in a unit (NULL: no unit): the unit's word, the field's, its group's, the entity's. */
const char *config_owner(const struct config_unit *unit, const struct config_entity *entity, const struct config_field *field);
/* A parameter of a connector's descriptor. */
struct syncline_param config_param(const struct syncline_connector *connector, uint32_t index);
/* The settings of a system for a unit (NULL: no unit). */
const struct config_settings *config_settings(const struct config_system *system, const struct config_unit *unit);
/* The object as a connector takes it; valid as long as the model. */
const struct syncline_object *config_sdk_object(const struct config_object *object);

/* Where the byte at `offset` of the rule's text stands in its file. */
struct config_place config_rule_place(const struct config_rule *rule, size_t offset);
/* Where a setting of an element stands ("owner" in a field), or the element's own place. */
struct config_place config_setting_place(const struct config_head *head, const char *setting);

/*
 * Contracts (contract.c).  The text of contracts/SYSTEM.OBJECT.conf, which loads back to the same fields; and the same as a
 * JSON Schema.  0, or -1 without memory or with a field that can't be written.  Import fills `arena` and reads at most 1 MiB.
 */
int config_write_contract(struct buffer *buffer, const char *system, const char *object, const char *native,
                          const struct syncline_field *fields, uint32_t count, struct error *err);
int config_contract_to_schema(struct buffer *buffer, const char *native, const struct syncline_field *fields, uint32_t count,
                              struct error *err);
int config_contract_from_schema(struct arena *arena, const char *json, size_t length, const char **ret_native,
                                struct syncline_field **ret_fields, uint32_t *ret_count, struct error *err);

/* The grammar, group by group, as the manual tells it: `line` is called once for each line of the table. */
int config_print_grammar(struct buffer *buffer);

#endif
