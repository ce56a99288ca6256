/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * functions.h: the functions that rules may call: one table of all of them (SQLite's own that are allowed, and ours), and their
 * registration on a rules connection.  The engine reads the table for its authorizer, for the effective version and for
 * messages; the manual page syncline-rules(7) is held against it by a test.
 *
 * One struct rules_function_context belongs to one worker and its one connection; nothing here is shared between threads.
 * What needs the world outside of a record (lookups, links, the run's time) is asked of the engine through rules_function_environment.
 */
#ifndef RULES_FUNCTIONS_H
#define RULES_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include <syncline/value.h>

#include "base/error.h"
#include "base/memory.h"

enum rules_function_kind {
	RULES_FUNCTION_PURE,        /* the same arguments always give the same result */
	RULES_FUNCTION_DEPENDENCY,  /* reads something that may change or come to be: its records are evaluated again then */
	RULES_FUNCTION_ENVIRONMENT, /* reads the run, the unit or the record itself */
};

/* Where a function may stand. */
enum rules_function_use {
	RULES_USE_SCALAR,
	RULES_USE_AGGREGATE, /* only inside a subquery over json_each or json_tree */
	RULES_USE_BOTH,      /* min and max: an aggregate with one argument, a scalar with more */
	RULES_USE_WINDOW,    /* only inside such a subquery, with OVER */
	RULES_USE_TABLE,     /* json_each, json_tree in FROM */
};

/* What comes out (beside NULL); the engine's check of decimals needs to know. */
enum rules_function_result {
	RULES_RESULT_ANY,     /* whatever went in, or whatever is found */
	RULES_RESULT_TEXT,
	RULES_RESULT_INTEGER,
	RULES_RESULT_NUMBER,  /* SQLite's integer or double */
	RULES_RESULT_DECIMAL, /* text of our decimals */
	RULES_RESULT_BOOLEAN, /* 0 or 1 */
	RULES_RESULT_DATE,
	RULES_RESULT_TIMESTAMP,
	RULES_RESULT_JSON,
};

struct rules_function {
	const char *name;
	uint8_t min_arguments;
	uint8_t max_arguments; /* at most 16, SQLite's limit as the engine sets it */
	bool own;              /* ours (registered here); otherwise SQLite's own */
	bool deterministic;    /* SQLite may evaluate it once for constant arguments */
	bool exact;            /* takes decimals exactly: the engine allows a decimal field as its argument without a scale */
	uint8_t kind;          /* enum rules_function_kind */
	uint8_t use;           /* enum rules_function_use */
	uint8_t result;        /* enum rules_function_result */
	uint16_t version;      /* goes up when results change; part of the effective version */
	const char *usage;     /* "dec_round(x [, scale [, mode]])" */
	const char *help;      /* one line */
};

/* All listed functions, sorted by name; what is not in it may not be called. */
const struct rules_function *rules_functions(size_t *ret_count);
/* NULL when it is not listed.  Letter case does not matter, as in SQL. */
const struct rules_function *rules_function_find(const char *name);
/* The listed name nearest to a misspelt one, or NULL. */
const char *rules_function_nearest(const char *name);

/* What the engine is asked for. */
enum rules_question {
	RULES_ASK_LOOKUP,     /* (table, key...): the value in the lookup table */
	RULES_ASK_REF,        /* (object, key...): a reference to the record that this native key belongs to */
	RULES_ASK_LINK,       /* (system [, reference]): the native id there, of this record or of the one referred to */
	RULES_ASK_URL,        /* (system): where a person opens this record there */
	RULES_ASK_CONTENT,    /* (): the record's document */
	RULES_ASK_UNIT,       /* (): the unit's name */
	RULES_ASK_RECORD_ID,  /* (): the record's id in the ledger, text */
	RULES_ASK_RUN_TIME,   /* (): when the run started: TIMESTAMP */
	RULES_ASK_TODAY,      /* (): the date in the unit's zone: DATE */
	RULES_ASK_SYNC_STATE, /* () */
	RULES_ASK_SYNC_ERROR, /* () */
	RULES_ASK_COUNT
};

struct rules_function_environment {
	void *context;
	/*
	 * Answers a question for the record and rule that are being evaluated.  `arguments` are values as SQL has them: NULL,
	 * INTEGER, DECIMAL (a double's 15 digits), TEXT or BYTES; names (table, object, system) are always TEXT.  *ret_value
	 * (TYPE_NULL on entry) stays valid until the next call.  ABSENT means "not yet": the environment itself remembers that
	 * the rule's field is absent until the dependency comes to be; the function's value is NULL then.  -1 with `err` makes
	 * the record a reject (a lookup with missing = "reject").  The functions never ask with a NULL key: that is NULL.
	 */
	int (*answer)(void *context, enum rules_question question, const struct syncline_value *arguments, uint32_t count,
	              struct syncline_value *ret_value, struct error *err);
};

struct rules_function_limits {
	uint64_t work;              /* steps a record (bytes looked at, digits multiplied); 0: 20,000,000 */
	uint64_t bytes;             /* bytes of results a record; 0: 8 MiB */
	uint32_t regex_match_limit; /* PCRE2's, a call; 0: 100,000 */
	const char *zone_directory; /* NULL: the system's zoneinfo */
};

struct rules_function_context;
/* `limits` may be NULL; `environment` may be NULL (then the functions that need it fail) and must outlive the context. */
struct rules_function_context *rules_function_context_new(const struct rules_function_limits *limits,
                                                          const struct rules_function_environment *environment, struct error *err);
/* After its connection was closed; accepts NULL. */
void rules_function_context_free(struct rules_function_context *context);
CLEANUP_DEFINE(struct rules_function_context, rules_function_context_free);
/* A new record begins: its budgets are full again.  Cheap. */
void rules_function_context_record(struct rules_function_context *context);

/* Registers all own functions on `db`, overriding SQLite's where both have one (upper, like, date, ->>, ...). */
int rules_functions_register(sqlite3 *db, struct rules_function_context *context, struct error *err);

/*
 * Appends one line that changes whenever a function's results may: names with versions, the Unicode version, the zone data's
 * version.  The engine hashes it into the effective version.
 */
int rules_functions_version(struct rules_function_context *context, struct buffer *buffer, struct error *err);

#endif
