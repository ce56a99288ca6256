/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.h: what the files of agent/rules share and nobody else sees: tokens and trees of expressions, compiled rules, the
 * rows that rules run over, and the worker.
 *
 *     token.c, parse.c     text of a rule -> tree
 *     analyse.c            tree -> SQL over the columns of `record`, with what it reads; finds wrong types
 *     compile.c            specs -> mapping; all mistakes at one go; the effective version
 *     sandbox.c            the connection: limits, authorizer, budgets
 *     record_table.c       the virtual table `record`
 *     evaluate.c, run.c    rules over rows, a batch through a mapping
 *     convert.c, number.c  what a rule gave -> what its field has to be
 *     list.c, json.c       lists, and reading JSON without losing a digit
 *     lookup.c, world.c    what rules ask
 *     trial.c, service.c   trace and rule tests; expr/1
 */
#ifndef RULES_ENGINE_H
#define RULES_ENGINE_H

#include <string.h>

#include <sqlite3.h>

#include "rules/functions.h"
#include "rules/rules.h"

#define RULE_TEXT_MAX 16384u /* bytes of one expression, and SQLITE_LIMIT_SQL_LENGTH beside what is put around it */
#define RULE_COLUMNS 200u    /* fields that one expression may read */
#define RULE_DEPTH 64u       /* SQLITE_LIMIT_EXPR_DEPTH */
#define RULE_LENGTH_MAX (1024u * 1024u)
#define JSON_DEPTH 100u

/* ---- tokens and trees ---- */

enum token_kind { TOKEN_END, TOKEN_NUMBER, TOKEN_STRING, TOKEN_BLOB, TOKEN_WORD, TOKEN_NAME, TOKEN_SIGN, TOKEN_VARIABLE, TOKEN_BAD };
struct token {
	uint8_t kind;
	uint32_t at;     /* byte in the text */
	uint32_t length;
};
struct tokens {
	struct token *items; /* the last is TOKEN_END */
	uint32_t count;
	uint32_t bad_at;     /* of a token that never ends */
};
/* Comments and blanks are skipped.  -1: no memory. */
int tokens_read(struct arena *arena, const char *text, size_t length, struct tokens *ret_tokens);
/* Letter case does not matter. */
bool token_is(const char *text, const struct token *token, const char *word);
bool token_is_sign(const char *text, const struct token *token, const char *sign);
/* The name without its quotes, in the arena. */
char *token_name(struct arena *arena, const char *text, const struct token *token, size_t *ret_length);

enum node_kind {
	NODE_LITERAL,
	NODE_FIELD,
	NODE_CALL,
	NODE_UNARY,   /* + - ~ */
	NODE_NOT,
	NODE_LOGIC,   /* AND OR */
	NODE_ARITHMETIC, /* + - * / % & | << >> */
	NODE_COMPARE, /* < <= > >= = == <> != IS, BETWEEN (three), IN (first against the rest) */
	NODE_CONCAT,  /* || */
	NODE_ARROW,   /* -> */
	NODE_ARROW2,  /* ->> */
	NODE_LIKE,    /* LIKE GLOB REGEXP with an optional ESCAPE */
	NODE_NULLITY, /* ISNULL, NOTNULL, IS NULL, IS NOT NULL */
	NODE_COLLATE,
	NODE_CASE,    /* children in order of the text; see case_base, case_else */
	NODE_CAST,
	NODE_SUBQUERY,
};

/* What comes out of a node as far as the text alone tells.  The order is that of enum rules_function_result, then ours. */
enum value_kind {
	KIND_ANY,
	KIND_TEXT,
	KIND_INTEGER,
	KIND_NUMBER,
	KIND_DECIMAL,
	KIND_BOOLEAN,
	KIND_DATE,
	KIND_TIMESTAMP,
	KIND_JSON,
	KIND_BYTES,
	KIND_NULL,
};

struct node {
	uint8_t kind;
	uint8_t value;      /* enum value_kind, set by the analysis */
	bool carries;       /* a decimal field's value may come out as it is */
	bool case_base, case_else, not_form;
	uint32_t at, end;   /* bytes of the text, parentheses included */
	uint32_t sign_at, sign_length; /* the operator, the function's name, or the type of a CAST */
	struct node *first, *last, *next;
	const struct rules_function *function; /* NODE_CALL */
	char *name;         /* NODE_FIELD: as written, without quotes; NODE_CAST: the type; NODE_CALL: the function */
	size_t name_length;
	uint32_t token_first, token_last; /* NODE_SUBQUERY: its tokens, parentheses included */
	struct column *column; /* NODE_FIELD, once it was found */
	uint32_t column_index;
	const char *wrap;   /* the function of ours that makes the value comparable, or NULL */
};

struct slip {
	bool set;
	uint32_t at, length;
	enum error_code code;
	char message[512];
	char hint[384];
};
void slip_set(struct slip *slip, uint32_t at, uint32_t length, const char *hint, const char *format, ...)
	__attribute__((format(printf, 5, 6)));
/* NULL with the slip set, or with no slip when there was no memory. */
struct node *expression_parse(struct arena *arena, const char *text, const struct tokens *tokens, struct slip *slip);

/* ---- JSON without losing a digit ---- */

enum json_kind { JSON_BAD, JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };
struct json_value {
	enum json_kind kind;
	const char *at; /* a string with its quotes */
	size_t length;
};
/* The value that begins at *p (blanks before it are skipped); *p moves behind it. */
struct json_value json_next(const char **p, const char *end);
/* The whole text is one value. */
struct json_value json_whole(const char *text, size_t length);
/* Walks an object or array: *p starts behind its bracket.  False at the end or when it isn't well-formed. */
struct json_walk {
	const char *p, *end;
	bool object, first, bad;
	struct json_value key; /* objects */
	struct json_value value;
};
void json_walk_start(struct json_walk *walk, const struct json_value *value);
bool json_walk_next(struct json_walk *walk);
/* "city", "lines[0].sku"; a step is a name or a position.  Of several equal keys the last counts. */
struct json_step {
	const char *name; /* NULL: position */
	size_t length;
	uint32_t position;
};
bool json_follow(struct json_value *value, const struct json_step *steps, uint32_t count);
/* The text of a string; into the arena when it has escapes.  false: bad escape or no memory. */
bool json_string(struct arena *arena, const struct json_value *value, struct syncline_slice *ret_text);
bool json_string_equals(const struct json_value *value, const char *text, size_t length);
/* As a contract value; TEXT, INTEGER, DECIMAL, BOOLEAN, NULL, or JSON for what has parts.  -1: no memory or not expressible. */
int json_to_value(struct arena *arena, const struct json_value *json, struct syncline_value *ret_value);

/* ---- numbers ---- */

/* Significant digits of a decimal's text (leading zeros don't count, trailing zeros after the point don't). */
uint32_t number_digits(const char *text, size_t length);
double number_from_decimal(const char *text, size_t length);
/* "-12.50" of a double with 15 significant digits; at least 400 bytes; 0: it isn't finite. */
size_t number_to_decimal(double value, char *buffer);
/* Rounds half away from zero to `scale` digits, exactly; `buffer` has room for length + scale + 3.  Never "-0". */
size_t number_round(const char *text, size_t length, uint32_t scale, bool pad, char *buffer);
int number_compare(const char *a, size_t a_length, const char *b, size_t b_length);
/* Digits after the point that aren't trailing zeros. */
uint32_t number_scale(const char *text, size_t length);

/* ---- compiled rules ---- */

enum column_mode { COLUMN_PLAIN, COLUMN_NUMBER, COLUMN_EXACT };
struct column {
	uint32_t field;         /* of the rule's set */
	uint8_t mode;           /* enum column_mode; what a decimal is given as */
	uint8_t declared;       /* SYNCLINE_TYPE_* of the field, ABSENT for a path */
	bool tolerant;          /* absent counts as null here */
	struct json_step *path;
	uint32_t path_count;
	const char *follow;     /* the field of the referenced record, or NULL */
	const char *entity;
};

enum rule_kind { RULE_COPY, RULE_SQL, RULE_LIST };
struct rule {
	enum rule_kind kind;
	uint32_t index;         /* of the statement in the mapping */
	const char *name;       /* the output's; a check's message */
	const char *text;
	const char *place_file;
	struct rules_place place;
	char *sql;
	size_t sql_length;
	uint8_t gives;          /* enum value_kind of the expression */
	bool sensitive;         /* the output is, or a field that it reads */
	struct place_map *map;  /* from the SQL back to the text, ascending */
	uint32_t map_count;
	struct column *columns;
	uint32_t column_count;
	struct rules_output target; /* with its own copies of all texts */
	struct one_of *one_of;
	uint32_t one_of_count;
	struct ruleset *elements;
	uint64_t *reads;        /* over the top set's fields */
	uint32_t uses;
	const char **lookups, **systems, **objects, **follows;
	uint32_t lookup_count, system_count, object_count, follow_count;
};
struct one_of {
	const char *text;
	size_t length;
};
struct place_map {
	uint32_t sql, text;
};

struct set_field {
	struct rules_field spec;
	size_t name_length;
};
struct ruleset {
	struct set_field *fields;
	uint32_t field_count, field_room;
	bool open;              /* unknown names become fields: elements of a list that nobody described */
	struct rule *rules;
	uint32_t rule_count;
};

struct mapping {
	struct arena arena;
	char *name;
	uint64_t id;            /* never used twice in a process */
	struct ruleset top;
	struct ruleset checks;  /* over the outputs */
	struct ruleset conditions; /* over the input; its fields are top's */
	struct syncline_field *output_fields;
	uint32_t statement_count;
	uint32_t words;         /* of a bit set over top's fields */
	struct rules_lookup_table **lookups;
	uint32_t lookup_count;
	uint64_t *reads;
	uint32_t uses;
	const char **all_lookups, **all_systems, **all_objects, **all_follows;
	uint32_t all_lookup_count, all_system_count, all_object_count, all_follow_count;
	uint8_t version[RULES_VERSION_BYTES];
};

struct mapping *mapping_new(void);

/* Where an expression may look names up; handed to the analysis. */
struct scope {
	struct arena *arena;
	struct ruleset *set;
	const struct mapping_spec *spec;
	bool condition;         /* a check or condition: text is no answer */
};
/* Fills in kind, sql, columns, uses and lists of the rule.  -1 with the slip set; without: no memory. */
int rule_analyse(const struct scope *scope, struct rule *rule, size_t text_length, struct slip *slip);
/* The byte of the rule's text that byte `at` of its SQL came from. */
uint32_t rule_text_place(const struct rule *rule, int at);
/* Is the word a column of json_each, or SQL's own? */
bool subquery_keeps(const char *word);
/* Finds what a name means; adds it to an open set.  NULL with the slip set. */
struct column *scope_find(const struct scope *scope, const char *name, size_t length, uint32_t at, uint32_t shown, struct slip *slip);
/* Is there a field of exactly this name? */
bool scope_has(const struct scope *scope, const char *name, size_t length);
/* Notes in the rule what a column reads. */
int rule_reads(const struct scope *scope, struct rule *rule, const struct column *column);
int text_list_add(struct arena *arena, const char ***list, uint32_t *count, const char *text);

/* ---- rows ---- */

/* What rules run over: records of a batch, or a matrix of values (elements of lists, outputs under their checks). */
struct rows {
	uint32_t count;
	uint32_t base;                        /* of a batch: the record that row 0 is */
	const struct batch *batch;            /* NULL: a matrix */
	const int32_t *map;                   /* of a batch: set field -> batch field, -1 when it isn't there */
	const struct syncline_value *values;  /* of a matrix */
	uint32_t stride;
	const uint32_t *owners;               /* of a matrix: the record that a row belongs to; NULL: the row's own number */
	const uint8_t *skip;                  /* rows that aren't evaluated; NULL: none */
};

struct fault {
	char reason[400];
	char hint[300];
	char path[320];         /* "[3].qty" inside a list; "" else */
};

#define SLOT_SIZE 40u
struct worker_statements {
	uint64_t mapping_id;
	const struct mapping *mapping;
	sqlite3_stmt **items;
	uint32_t count;
	uint64_t used;
};
struct rules_worker {
	sqlite3 *db;
	struct rules_function_context *functions;
	struct rules_function_environment environment;
	struct arena arena;     /* of the batch */
	struct buffer buffer;   /* of a moment */
	struct worker_statements *statements;
	uint32_t statement_sets, statement_room;
	uint64_t clock;
	uint32_t step_budget, time_budget;
	bool compiling;
	/* The rule at work. */
	const struct mapping *mapping;
	const struct rules_world *world;
	const struct rule *rule, *top_rule;
	const struct rows *rows;
	const struct batch *batch;
	uint32_t row, first_row, offered;
	uint32_t cursors;
	bool on_row;
	bool not_yet;           /* something the rule asked for is not known yet: its field is absent */
	uint32_t ticks;
	int64_t row_started;
	bool over_budget;
	struct fault fault;     /* what our own code said before SQLite's error */
	bool fault_set;
	bool no_memory;         /* for something that a rule makes: the run fails, for that says nothing of the record */
	struct rules_record_context context;
	struct syncline_record head;
	int64_t today;
	char today_zone[64];
	int64_t today_of;
	char (*slots)[SLOT_SIZE];
};

#define BUDGET_STEPS 1000000u
#define BUDGET_MS 2000u
#define PROGRESS_STEPS 500

int sandbox_open(struct rules_worker *worker, struct error *err);
int record_table_register(struct rules_worker *worker, struct error *err);
/* A field of the row as the rules see it: path followed, absent as absent.  -1: worker->fault says why. */
int row_value(struct rules_worker *worker, const struct column *column, uint32_t row, struct syncline_value *ret_value);
static inline struct syncline_value
row_field(const struct rows *rows, uint32_t row, uint32_t field)
{
	if (rows->batch != NULL) {
		int32_t at = rows->map[field];

		if (at < 0)
			return (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
		return batch_value(rows->batch, &batch_record(rows->batch, rows->base + row)->cells[at]);
	}
	return rows->values[(size_t)row * rows->stride + field];
}
static inline uint32_t
row_owner(const struct rows *rows, uint32_t row)
{
	return rows->batch != NULL ? rows->base + row : rows->owners != NULL ? rows->owners[row] : row;
}

/* What a rule gave for a row. */
typedef int row_result(void *data, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault);
/* Evaluates one rule over all rows; each row that isn't skipped comes to `result` exactly once. */
int rule_evaluate(struct rules_worker *worker, const struct rule *rule, const struct rows *rows, row_result *result, void *data, struct error *err);
/* The rule's value as its target has to be: converted, normalised, checked.  -1: `fault` says why. */
int value_convert(struct rules_worker *worker, const struct rule *rule, bool copied, const struct syncline_value *value,
                  struct syncline_value *ret_value, struct fault *fault);
/* No memory for a value: fails the whole run. */
int fault_memory(struct rules_worker *worker, struct fault *fault);
int fault_set(struct fault *fault, const char *hint, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Runs the elements of a list for all rows. */
int list_evaluate(struct rules_worker *worker, const struct rule *rule, const struct rows *rows, row_result *result, void *data, struct error *err);
/* A value for people, shortened, quoted as SQL would. */
void value_show(const struct syncline_value *value, char *text, size_t size);

int world_answer(void *context, enum rules_question question, const struct syncline_value *arguments, uint32_t count,
                 struct syncline_value *ret_value, struct error *err);
/* The statements of a mapping on this worker's connection, prepared at first. */
sqlite3_stmt **worker_statements(struct rules_worker *worker, const struct mapping *mapping, struct error *err);
void worker_record(struct rules_worker *worker, uint32_t owner);

struct rules_lookup_table *lookup_share(struct rules_lookup_table *table);
/* 1 found, 0 missing. */
int lookup_find(const struct rules_lookup_table *table, const void *key, size_t length, struct syncline_slice *ret_value);
const struct rules_lookup *lookup_policy(const struct rules_lookup_table *table);
const uint8_t *rules_lookup_hash(const struct rules_lookup_table *table);

#endif
