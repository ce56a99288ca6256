/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.h: mapping and checks as SQL expressions over a batch.
 *
 * A `struct mapping` is a compiled set of rules: input fields in, output fields out, with checks and conditions.  It is made
 * once from plain specs (the configuration's model is no business of this folder), never changes, and is shared by threads.
 * A `struct rules_worker` belongs to one thread: it has its own :memory: connection, and the statements of the mappings that
 * it has run.
 *
 *     mapping_compile()            once; all mistakes at one go, each with place and caret
 *     rules_worker_new()           one per thread
 *     mapping_run()                a batch in, records and rejects out
 *
 * What an output is, follows from its expression: a bare field name ("KUNDENNR", "[USt-Id]", or a path into a JSON field,
 * "address.city") is a copy that never enters SQLite: digits and bytes stay as they came.  Anything else is an expression.
 *
 * Lifetimes: all that a spec points to may go once mapping_compile() has returned.  What a report or a trace points to is
 * valid until the next call with the same worker.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <syncline/service.h>

#include "base/error.h"
#include "base/memory.h"
#include "batch/batch.h"

/* What an output's value has to be.  NATIVE: as the expression gives it, for targets whose contract says nothing better. */
enum rules_type {
	RULES_NATIVE = 0,
	RULES_TEXT,
	RULES_INTEGER,
	RULES_DECIMAL,
	RULES_BOOLEAN,
	RULES_DATE,
	RULES_TIMESTAMP,
	RULES_EMAIL,
	RULES_PHONE,
	RULES_IBAN,
	RULES_VAT_ID,
	RULES_URL,
	RULES_JSON,
	RULES_LIST,
	RULES_REF,
	RULES_CONTENT,
	RULES_BYTES,
	RULES_TYPE_COUNT
};
const char *rules_type_name(enum rules_type type);                   /* "vat_id" */
bool rules_type_by_name(const char *name, enum rules_type *ret_type);
uint8_t rules_type_value(enum rules_type type);                      /* the SYNCLINE_TYPE_* that its values have; ABSENT for NATIVE */

struct rules_place {
	const char *file; /* "conf.d/40-flows.conf"; NULL: not said */
	uint32_t line;    /* of the expression's first line; 0: not said */
};

/* An input field: of a native object, or of an entity. */
struct rules_field {
	const char *name;
	uint8_t type;        /* SYNCLINE_TYPE_*; ABSENT: each value says it, and rules take it as it comes */
	uint16_t scale;      /* decimals; SYNCLINE_SCALE_UNKNOWN: not said */
	bool sensitive;      /* values of it are not repeated in messages */
	const char *entity;  /* a canonical ref: which entity; then "NAME.FIELD" follows it through the world.  NULL: no ref */
};

/* An output field.  Zero means not said, except as stated. */
struct rules_output {
	const char *name;
	const char *expression;
	struct rules_place place;
	enum rules_type type;
	bool has_scale;
	uint16_t scale;            /* decimals, when has_scale */
	uint32_t max_length;       /* characters */
	bool required;             /* null is a reject; absent too unless the record's operation is UPDATE */
	bool sensitive;
	bool create_only;          /* written at creation and never again: absent in a record with op UPDATE */
	const char *const *one_of; /* ended by NULL, or NULL */
	const char *min, *max;     /* in the type's own form: "0", "2000-01-01"; inclusive */
	const char *normalise;     /* "trim", "upper", "lower", "fold", "digits", or NULL */
	/*
	 * A list: `elements` are evaluated for each element of the JSON list that `expression` names (a field or path); the
	 * value is the JSON list of what they give, in the same order.  `element_fields` are what an element is known to have;
	 * none: any name is taken as it stands.
	 */
	const struct rules_output *elements;
	uint32_t element_count;
	const struct rules_field *element_fields;
	uint32_t element_field_count;
};

/* A boolean expression over the outputs.  False rejects the record with `message`; null (something was absent or null) passes. */
struct rules_check {
	const char *expression;
	const char *message;
	struct rules_place place;
};

/* A boolean expression over the input that rejects nothing: create_if, match filters.  Its answers come with the report. */
struct rules_condition {
	const char *name;
	const char *expression;
	struct rules_place place;
};

/* A lookup table: texts to texts.  Copied when compiled. */
enum rules_missing { RULES_MISSING_REJECT = 0, RULES_MISSING_NULL, RULES_MISSING_DEFAULT };
struct rules_lookup {
	const char *name;
	const struct syncline_slice *keys; /* any order; a key that stands twice is a mistake */
	const struct syncline_slice *values;
	uint32_t count;
	enum rules_missing missing;
	const char *default_value; /* RULES_MISSING_DEFAULT */
};
/* Compiled once, shared by the mappings that name it; counts its users. */
struct rules_lookup_table;
struct rules_lookup_table *rules_lookup_new(const struct rules_lookup *lookup, struct error *err);
void rules_lookup_free(struct rules_lookup_table *table);
CLEANUP_DEFINE(struct rules_lookup_table, rules_lookup_free);
const char *rules_lookup_name(const struct rules_lookup_table *table);
/* RULES_VERSION_BYTES over all that it holds. */
const uint8_t *rules_lookup_hash(const struct rules_lookup_table *table);

struct mapping_spec {
	const char *name; /* for messages: "flow customers, binding erp, read" */
	const struct rules_field *fields;
	uint32_t field_count;
	bool open; /* names beside those fields are taken as they stand: nobody said yet what there is */
	const struct rules_output *outputs;
	uint32_t output_count;
	const struct rules_check *checks;
	uint32_t check_count;
	const struct rules_condition *conditions;
	uint32_t condition_count;
	struct rules_lookup_table *const *lookups;
	uint32_t lookup_count;
	/* The names that ref(), link() and url() may use, each ended by NULL; NULL: not checked. */
	const char *const *objects;
	const char *const *systems;
};

/* Called for each mistake; `err` has place, message, detail (the line with a caret) and hint. */
typedef void rules_mistake(void *data, const struct error *err);

struct mapping;
/* NULL when there was a mistake: each was told to `mistake` (which may be NULL), the first is also in err. */
struct mapping *mapping_compile(const struct mapping_spec *spec, rules_mistake *mistake, void *data, struct error *err);
void mapping_free(struct mapping *mapping);
CLEANUP_DEFINE(struct mapping, mapping_free);

uint32_t mapping_output_count(const struct mapping *mapping);
/* The fields of the batches that mapping_run() fills, for batch_builder_set_fields(); valid as long as the mapping. */
const struct syncline_field *mapping_output_fields(const struct mapping *mapping);
bool mapping_output_is_copy(const struct mapping *mapping, uint32_t output);
const char *mapping_output_rule(const struct mapping *mapping, uint32_t output);

/* What a rule reads.  Field sets are bit sets over the spec's fields: bit i is fields[i / 64] >> (i % 64) & 1. */
#define RULES_USES_REF 0x01u
#define RULES_USES_LINK 0x02u
#define RULES_USES_URL 0x04u
#define RULES_USES_TODAY 0x08u     /* evaluated again at the unit's midnight */
#define RULES_USES_RUN_TIME 0x10u  /* differs from run to run: no reason to evaluate again */
#define RULES_USES_LOOKUP 0x20u
#define RULES_USES_SYNC 0x40u      /* sync_state(), sync_error() */
#define RULES_USES_CONTENT 0x80u
#define RULES_USES_RECORD_ID 0x100u
#define RULES_USES_UNIT 0x200u
#define RULES_USES_FOLLOW 0x400u   /* a field of a referenced record */
struct rules_dependencies {
	const uint64_t *fields;
	uint32_t words;               /* of `fields` */
	uint32_t uses;                /* RULES_USES_* */
	const char *const *lookups;   /* names */
	uint32_t lookup_count;
	const char *const *systems;   /* that link() and url() name */
	uint32_t system_count;
	const char *const *objects;   /* that ref() names */
	uint32_t object_count;
	const char *const *follows;   /* "customer.number": the ref field and the field of the record that it names */
	uint32_t follow_count;
};
/* Of one output; with output == UINT32_MAX of the whole mapping, conditions included. */
void mapping_dependencies(const struct mapping *mapping, uint32_t output, struct rules_dependencies *ret_dependencies);
/*
 * Which outputs have to be evaluated when the input fields in `changed` (a bit set of `words` words) changed: sets bits of
 * ret_outputs, which has (outputs + 63) / 64 words.  Nothing set means that the target needs no call.
 */
void mapping_write_mask(const struct mapping *mapping, const uint64_t *changed, uint32_t words, uint64_t *ret_outputs);
/* Hash over rules, types, constraints, lookup tables, functions and zone data: what touches a result changes it. */
#define RULES_VERSION_BYTES 16u
void mapping_effective_version(const struct mapping *mapping, uint8_t ret_version[RULES_VERSION_BYTES]);

/*
 * What rules ask the world.  All may be NULL: ref() then gives the joined key, link(), url(), sync_state(), sync_error() and
 * record_id() are absent, content() is the record's own document.  A function returns one of RULES_KNOWN_*; what it gives in
 * ret_value stays valid until the next call with the same worker.  On FAILED it fills in err.
 */
#define RULES_KNOWN_YES 0
#define RULES_KNOWN_NOT_YET 1 /* the field is absent, and is evaluated again when it is known */
#define RULES_KNOWN_NULL 2
#define RULES_KNOWN_FAILED (-1)
struct rules_record_context {
	const struct syncline_record *record; /* head alone: native_id, version, tenant, place; values NULL */
	uint32_t index;                       /* in the batch */
};
struct rules_world {
	void *data;
	int (*ref)(void *data, const struct rules_record_context *record, const char *object, const struct syncline_slice *parts, uint32_t count,
	           struct syncline_slice *ret_value, struct error *err);
	/* key: the ref's value, or empty for link(system): the record's own. */
	int (*link)(void *data, const struct rules_record_context *record, const char *system, const struct syncline_slice *key,
	            struct syncline_slice *ret_value, struct error *err);
	int (*url)(void *data, const struct rules_record_context *record, const char *system, struct syncline_slice *ret_value, struct error *err);
	int (*record_id)(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err);
	int (*sync_state)(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err);
	int (*sync_error)(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err);
	/* The document of this record; NULL: the value of the field of type CONTENT that the batch has. */
	int (*content)(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err);
	/* The field of the record that a ref names. */
	int (*follow)(void *data, const struct rules_record_context *record, const char *entity, const struct syncline_slice *ref, const char *field,
	              struct syncline_value *ret_value, struct error *err);
	const char *unit;     /* NULL: unit() is the record's tenant, or absent */
	const char *timezone; /* of the unit, an IANA name; NULL: UTC */
	int64_t run_time_us;  /* microseconds since 1970; today() is this moment's date in the unit's zone */
};

/* A fault in one record.  All texts are valid during the call alone. */
struct rules_reject {
	uint32_t index;                       /* of the record in the batch */
	uint32_t fault;                       /* 0 for the record's first, then 1, 2 … */
	const struct syncline_record *record; /* its head */
	struct syncline_slice origin;         /* of the batch */
	const char *field;                    /* the output, "lines[3].qty"; NULL for a check */
	const char *rule;                     /* the expression as written */
	const struct rules_place *place;      /* of the rule */
	const char *value;                    /* what the rule gave, shortened; NULL when there is none or it is sensitive */
	const char *reason;
	const char *hint;                     /* never NULL */
};
typedef void rules_rejected(void *data, const struct rules_reject *reject);

struct rules_report {
	/* Filled in by the caller. */
	rules_rejected *rejected; /* may be NULL */
	void *data;
	/* Filled in by mapping_run(). */
	uint32_t records;  /* of the batch */
	uint32_t accepted; /* evaluated and handed on */
	uint32_t rejects;  /* records, not faults */
	uint32_t passed;   /* handed on without evaluation: DELETED, REJECT, DELETE */
	uint64_t evaluations; /* of SQL expressions */
	/* Per condition and record: conditions[condition * records + index] is 0 false, 1 true, 2 null or unknown. */
	const uint8_t *conditions;
	/* Per output record: which input record it was made of. */
	const uint32_t *sources;
	uint32_t source_count;
};

struct rules_worker;
struct rules_worker *rules_worker_new(struct error *err);
void rules_worker_free(struct rules_worker *worker);
CLEANUP_DEFINE(struct rules_worker, rules_worker_free);
/* Drops the statements of a mapping that is about to be freed while its worker lives on. */
void rules_worker_forget(struct rules_worker *worker, const struct mapping *mapping);
/*
 * For tests and for the fuzzer: virtual machine steps and milliseconds that one rule may use for one record.  0: the default
 * (1,000,000 and 2,000).
 */
void rules_worker_set_budget(struct rules_worker *worker, uint32_t steps, uint32_t milliseconds);

/*
 * Runs the whole batch.  `out` has the fields of mapping_output_fields(), or none yet; its records are added to it, and it
 * may be the caller's to finish.  A record that breaks a rule is told to the report and isn't added; -1 is for what hurts the
 * whole batch (memory, a field of the batch that isn't what it was compiled for, a full builder).
 */
int mapping_run(struct rules_worker *worker, const struct mapping *mapping, const struct rules_world *world,
                const struct batch *in, struct batch_builder *out, struct rules_report *report, struct error *err);

/* One rule at work on one record, for `trace` and for tests. */
struct rules_trace_input {
	const char *field;
	struct syncline_value value;
};
struct rules_trace_step {
	const char *output;
	const char *rule;
	bool copy;
	const struct rules_trace_input *inputs;
	uint32_t input_count;
	struct syncline_value value; /* what it gave; ABSENT when it failed */
	const char *reason;          /* why it failed, or NULL */
	const char *hint;
};
struct rules_trace {
	const struct rules_trace_step *steps; /* outputs in order, then checks, then conditions */
	uint32_t step_count;
	bool rejected;
};
int mapping_trace(struct rules_worker *worker, const struct mapping *mapping, const struct rules_world *world,
                  const struct batch *in, uint32_t index, struct rules_trace *ret_trace, struct error *err);

/*
 * Rule tests: an input record and what must come of it, all as text, as in the configuration.  A value of NULL means null; a
 * field that isn't named is absent on the way in and not compared on the way out.
 */
struct rules_test_value {
	const char *field;
	const char *value;
};
struct rules_test {
	const char *name;
	struct rules_place place;
	const struct rules_test_value *input;
	uint32_t input_count;
	const struct rules_test_value *expected;
	uint32_t expected_count;
	const char *expected_reject; /* words that a reject's reason must hold; "" any reject; NULL: no reject */
	const char *native_id;       /* or NULL */
	const char *tenant;
};
/* True: passed.  False: `ret_difference` says what is different, a line per field; -1 never: a test that can't run is a difference. */
bool rules_test_run(struct rules_worker *worker, const struct mapping *mapping, const struct rules_world *world,
                    const struct rules_test *test, struct buffer *ret_difference);

/* The service "expr/1" for connectors that are configured by expressions, on the same engine. */
const struct syncline_expr_service_v1 *rules_expr_service(void);

#endif
