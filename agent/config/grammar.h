/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * grammar.h: the configuration's grammar as data.  One table of groups and settings drives the checking, the hints for
 * misspelt words, `config_print_grammar` and the test that holds syncline.conf(5) against it.  agent/config alone uses it.
 */
#ifndef CONFIG_GRAMMAR_H
#define CONFIG_GRAMMAR_H

#include "config/tree.h"

enum setting_type {
	SETTING_TEXT,     /* const char * */
	SETTING_NAME,     /* const char *: a name of ours that another element defines */
	SETTING_BOOLEAN,  /* bool */
	SETTING_INTEGER,  /* int64_t */
	SETTING_NUMBER,   /* double */
	SETTING_DECIMAL,  /* const char *: a number or a text, as it stands */
	SETTING_DURATION, /* int64_t, milliseconds */
	SETTING_SHARE,    /* int64_t, parts per million: "10%" */
	SETTING_CHOICE,   /* uint8_t: index into choices */
	SETTING_WORD,     /* const char *: one of choices */
	SETTING_TEXTS,    /* struct config_texts; one text alone is a list of one */
	SETTING_NAMES,    /* struct config_texts */
	SETTING_RULE,     /* struct config_rule */
	SETTING_ZONE,     /* const char *: "Europe/Berlin" */
	SETTING_TIMES,    /* struct config_texts: "03:00" */
	SETTING_TIMESTAMP,/* const char * */
	SETTING_SECRET,   /* const char *: what stands behind "secret:" */
	SETTING_GROUP,    /* const struct of `of` *; NULL when it is not there, unless SETTING_ALWAYS */
	SETTING_NAMED,    /* struct of `of` *, and uint32_t: a group of groups that we name */
	SETTING_LISTED,   /* struct of `of` *, and uint32_t: a list of groups */
	SETTING_OWN,      /* whatever `build` makes */
};

#define SETTING_REQUIRED 0x01u
#define SETTING_ALWAYS 0x02u  /* GROUP: made with its defaults when it is not there */
#define SETTING_FIELDS 0x04u  /* NAMED: the names are canonical, for use in SQL */
#define SETTING_SECONDS 0x08u /* DURATION: a bare number counts seconds */

enum grammar_id {
	GRAMMAR_FILE, GRAMMAR_AGENT, GRAMMAR_KEEP, GRAMMAR_SYSTEM, GRAMMAR_WEBHOOK, GRAMMAR_LIMITS, GRAMMAR_OBJECT, GRAMMAR_UNIT,
	GRAMMAR_UNIT_SYSTEM, GRAMMAR_LOOKUP, GRAMMAR_ENTITY, GRAMMAR_FIELD, GRAMMAR_ELEMENT, GRAMMAR_GROUP, GRAMMAR_CHECK, GRAMMAR_MATCH,
	GRAMMAR_FLOW, GRAMMAR_RESPONSIBLE, GRAMMAR_GUARDS, GRAMMAR_RECONCILE, GRAMMAR_STOP, GRAMMAR_BINDING, GRAMMAR_TRIGGER,
	GRAMMAR_DELETES, GRAMMAR_SITUATIONS, GRAMMAR_CONFIRM, GRAMMAR_TEST, GRAMMAR_CONTRACT_SYSTEM, GRAMMAR_CONTRACT, GRAMMAR_CONTRACT_FIELD,
	GRAMMAR_COUNT
};

struct grammar_setting {
	const char *name;
	uint8_t type;  /* enum setting_type */
	uint8_t flags; /* SETTING_* */
	uint8_t of;    /* enum grammar_id: GROUP, NAMED, LISTED */
	size_t offset, count_offset; /* in the struct of the group */
	const char *const *choices;  /* ended by NULL; "" marks a value that can't be written */
	const char *fallback;        /* as it would stand in the file, without quotes; NULL: none */
	int64_t minimum, maximum;    /* INTEGER, DURATION (ms), NUMBER (thousandths): no limits when both are 0 */
	/* OWN: makes the value in the group's struct, at `offset`, from the node in its own way; -1 only without memory. */
	int (*build)(struct loader *l, const struct node *node, void *out);
	const char *form; /* OWN: how its value is written */
	const char *help;
};
struct grammar_group {
	const char *path;  /* as in the manual: "systems.NAME.limits" */
	size_t size;       /* of its struct, which begins with struct config_head */
	const struct grammar_setting *settings;
	uint32_t count;
};
extern const struct grammar_group grammar_groups[GRAMMAR_COUNT];

/* What all files say, as filled in from the root; the model takes its parts from here. */
struct file_contract_system {
	struct config_head head;
	struct config_contract *objects;
	uint32_t object_count;
};
struct file {
	struct config_head head;
	const struct config_agent *agent;
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
	struct file_contract_system *contracts;
	uint32_t contract_count;
};

/* Fills `out`, a zeroed struct of the group, from the node (NULL: defaults alone).  -1 only without memory. */
int grammar_fill(struct loader *l, const struct node *node, enum grammar_id id, void *out);
/* Reports unless the name may be one of ours; `field`: canonical, for use in SQL. */
bool grammar_check_name(struct loader *l, const struct config_place *place, const char *name, bool field);
bool grammar_name_is_sql(const char *name);
/* Reports that the node should be something else. */
void grammar_expected(struct loader *l, const struct node *node, const char *expected);

/* Values in their written forms (values.c). */
bool value_to_duration(const char *text, int64_t *ret_ms); /* "90s", "15m", "24h", "30d", "2w", "1y", "500ms" */
bool value_to_size(const char *text, int64_t *ret_bytes);  /* "512", "64KiB", "4MiB", "1GiB" */
bool value_to_share(const char *text, int64_t *ret_ppm);   /* "10%", "0.5%" */
bool value_to_double(const char *text, double *ret_value); /* without the locale */
bool value_is_zone(const char *text);
bool value_is_time(const char *text); /* "03:00" */
const char *value_secret(const char *text); /* what stands behind "secret:", or NULL */

/* The settings that have forms of their own (special.c). */
int build_rule(struct loader *l, const struct node *node, struct config_rule *rule);
int build_texts(struct loader *l, const struct node *node, struct config_texts *texts);
int build_word(struct loader *l, const struct node *node, void *out);
int build_nothing(struct loader *l, const struct node *node, void *out);
int build_owners(struct loader *l, const struct node *node, void *out);
int build_similar(struct loader *l, const struct node *node, void *out);
int build_maps(struct loader *l, const struct node *node, void *out);
int build_reads(struct loader *l, const struct node *node, void *out);
int build_writes(struct loader *l, const struct node *node, void *out);
int build_set(struct loader *l, const struct node *node, void *out);
int build_changed(struct loader *l, const struct node *node, void *out);
int build_accept(struct loader *l, const struct node *node, void *out);
int build_crons(struct loader *l, const struct node *node, void *out);
int build_windows(struct loader *l, const struct node *node, void *out);
int build_pairs(struct loader *l, const struct node *node, void *out);
int build_values(struct loader *l, const struct node *node, void *out);
int build_contract_fields(struct loader *l, const struct node *node, void *out);

/*
 * What a connector's parameters say about settings (settings.c): checks `node` (NULL: nothing configured) with `over` (NULL, or
 * a unit's word) on top.  Without a descriptor the settings are taken as they are.
 */
int settings_build(struct loader *l, const struct syncline_connector *connector, uint32_t scope, const struct config_place *place,
                   const struct node *node, const struct node *over, struct config_settings *out);

/* Resolving names to what they mean, and all that no single setting shows; each reports what it finds. */
int check_systems(struct loader *l, const struct file *file);
int check_units(struct loader *l);
int check_entities(struct loader *l);
int check_flows(struct loader *l);
int check_tests(struct loader *l, struct config_flow *flow);
/* A name that is not there, unless a file could not be read; hint: the nearest of `names`. */
void report_no_such(struct loader *l, const struct config_place *place, const char *kind, const char *name, const char *const *names,
                    size_t count);
/* Whether `name` is among texts. */
bool texts_have(const struct config_texts *texts, const char *name);
/* Names of elements (structs that begin with a head), in the arena; NULL without memory. */
const char *const *names_of(struct loader *l, const void *items, size_t count, size_t size);
#define NAMES_OF(l, items, count) names_of(l, items, count, sizeof *(items))

#endif
