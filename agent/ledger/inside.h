/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h: what the files of this folder share: the open ledger, its statements, and where each file's tables come from.  No
 * other folder includes it.
 */
#ifndef LEDGER_INSIDE_H
#define LEDGER_INSIDE_H

#include <sqlite3.h>

#include "ledger/ledger.h"
#include "ledger/seal.h"

struct names;     /* names.c: ids of the model's names */
struct statements; /* statement.c: prepared statements by their text */

struct ledger {
	sqlite3 *db;
	struct ledger_options options;
	char *state_dir, *who; /* copies */
	struct names *names;
	struct statements *statements;
	uint64_t sequence;
	uint32_t epoch;
	uint8_t hash_key[16];
	bool in_transaction;
	unsigned savepoints;
	int lock_file; /* ENGINE: held as long as it is open; -1 */
	/* Small things that hot paths ask; refreshed when a transaction begins and the file was changed by another process. */
	bool has_locks, has_corrections;
	struct arena arena; /* as long as it is open */
};

/*
 * The statement of this text, prepared once, reset and without bindings.  NULL with err set.  The text may be made at run time
 * (golden tables); it is compared by content.
 */
sqlite3_stmt *ledger_statement(struct ledger *ledger, const char *sql, struct error *err);
/* 1: a row; 0: done, and the statement is reset; -1: error, reset too. */
int ledger_step(struct ledger *ledger, sqlite3_stmt *statement, struct error *err);
/* Runs a statement that gives no row. */
int ledger_run_statement(struct ledger *ledger, sqlite3_stmt *statement, struct error *err);
/* Statements without parameters, one or several; for schema and pragmas. */
int ledger_execute(struct ledger *ledger, const char *sql, struct error *err);
/* What SQLite said, as a sentence with a next step: full disk, read-only, busy, damaged, …  -1. */
int ledger_sql_error(struct ledger *ledger, const char *what, struct error *err);
void ledger_statements_free(struct ledger *ledger);

/* Binding; texts and blobs stay the caller's until the statement was reset (SQLITE_STATIC).  Empty slice: NULL in the table. */
void ledger_bind_text(sqlite3_stmt *statement, int at, const char *text);
void ledger_bind_slice(sqlite3_stmt *statement, int at, struct syncline_slice slice);
void ledger_bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t length);
/* Reading; copies into the arena.  NULL / empty for NULL columns.  ret_failed is set without memory. */
char *ledger_column_text(sqlite3_stmt *statement, int at, struct arena *arena, bool *ret_failed);
struct syncline_slice ledger_column_slice(sqlite3_stmt *statement, int at, struct arena *arena, bool *ret_failed);
/* The same without a copy: valid until the next step. */
struct syncline_slice ledger_column_view(sqlite3_stmt *statement, int at);

/*
 * Tables.  Each story's file has its own, made in one transaction with all others when the ledger is created.  Names of
 * tables and columns are for administrators to read: words of the design, no abbreviations.  Golden tables are
 * "golden_ENTITY" and made from the model.  Views with names in the place of ids stand in schema_views.c.
 */
extern const char ledger_schema_core[];       /* schema_core.c: meta, names, versions, leases, fingerprints */
extern const char ledger_schema_staging[];    /* staging.c */
extern const char ledger_schema_records[];    /* links.c: link, match_key, history, spans; without the late indexes */
extern const char ledger_schema_indexes[];    /* links.c: those that a bulk load drops and builds again */
extern const char ledger_schema_findings[];   /* findings.c */
extern const char ledger_schema_deliveries[]; /* deliveries.c */
extern const char ledger_schema_runs[];       /* runs.c */
extern const char ledger_schema_views[];      /* schema_views.c */

/* Golden tables of the model: made, columns added, renamed by `was` (records.c). */
int ledger_adopt_entities(struct ledger *ledger, struct error *err);
/* An engine opens: whatever its predecessor left. */
int ledger_recover_attempts(struct ledger *ledger, bool new_epoch, struct error *err); /* deliveries.c */
int ledger_recover_runs(struct ledger *ledger, struct error *err);                     /* runs.c */
int ledger_recover_bulk(struct ledger *ledger, struct error *err);                     /* bulk.c */
/* Findings of a story's own rules, for ledger_check(). */
typedef void ledger_fault(void *data, const char *sentence);
int ledger_check_records(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err);
int ledger_check_deliveries(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err);
int ledger_check_staging(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err);
int ledger_check_findings(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err);
/* Pruning of a story's own tables: rows dropped, at most budget. */
int ledger_prune_staging(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err);
int ledger_prune_history(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err);
int ledger_prune_runs(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err);
int ledger_prune_plans(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err);

#endif
