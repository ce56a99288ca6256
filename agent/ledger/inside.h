/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inside.h: what the files of this folder share: the open ledger, its statements, and where each file's tables come from.  No
 * other folder includes it.
 */
#ifndef LEDGER_INSIDE_H
#define LEDGER_INSIDE_H

#include <sqlite3.h>
#include <stdatomic.h>

#include "ledger/ledger.h"
#include "ledger/seal.h"

#define LEDGER_APPLICATION 0x53594e43 /* "SYNC", in the head of the file */

struct names;       /* names.c: ids of the model's names */
struct statements;  /* statement.c: prepared statements by their text */
struct engine_lock; /* engine.c: that this process is the engine */
struct golden;      /* golden.h: an entity's table */
struct missing;     /* links_missing.c: what a full read did not show */
struct packer;      /* packed.c */
struct carrier;     /* carry.c */

#define NEWS_MARKS 8u
struct newsroom {
	struct ledger_news *items; /* of the open transaction */
	uint32_t count, room;
	uint32_t marks[NEWS_MARKS + 1]; /* how many there were at each savepoint; the first at the beginning, 0 */
	struct arena texts;
};

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
	sqlite3_stmt *undo;           /* ROLLBACK, made when it was opened: there may be no memory for it when it is needed */
	bool torn;                    /* not even that went: what is open in SQLite ends before anything else is asked of it */
	bool spoiled;                 /* a savepoint could not be rolled back to: the whole transaction must be */
	bool stale;                   /* a transaction was rolled back: what is kept in memory is read anew */
	unsigned data_version;        /* of the file, as SQLite counts other connections' commits */
	struct engine_lock *engine;   /* ENGINE: shared by the ledgers of this process; NULL */
	bool created;                 /* by this opening */
	bool started;                 /* ENGINE: it is open, recovered and stamped */
	char holder[32];              /* of leases: this open ledger, no other */
	uint32_t leases;              /* that it has */
	_Atomic int64_t seen_us;      /* the latest that its clock has shown since the ledger followed it (put_off.c) */
	int64_t put_off_us;           /* when something was put off last, as far as this ledger noted it (put_off.c) */
	int64_t lease_due_us;         /* when they are to be renewed by the next commit */
	uint32_t wal_pages;           /* in the log, not carried over to the file yet */
	struct carrier *carrier;      /* carry.c; NULL until it is needed */
	bool later;                   /* transactions don't wait for the disk, as SQLite has it set */
	bool unsynced;                /* such a one was committed, and none since that did */
	bool doubtful;                /* and the disk failed then: nobody knows whether it has it */
	struct packer *packer;        /* packed.c; NULL until it is needed */
	struct buffer scratch;        /* texts of the last ledger_flag_get() */
	/* Small things that hot paths ask; refreshed when a transaction begins and the file was changed by another process. */
	bool has_locks, has_corrections;
	struct golden *goldens;                  /* those that were asked for; in the arena */
	const struct config_entity *last_entity; /* of ledger_record_entity() */
	struct missing *missing;                 /* of the read that was asked for last, or NULL */
	struct newsroom newsroom;
	struct arena arena; /* as long as it is open */
};

/* news.c: in a transaction; at a savepoint; with what is rolled back down to so many savepoints; once it is committed. */
void news_note(struct ledger *ledger, const struct ledger_news *what);
void news_mark(struct ledger *ledger);
void news_forget(struct ledger *ledger, unsigned savepoints);
void news_tell(struct ledger *ledger);
void news_free(struct ledger *ledger);

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
/* The ledger's file as a URI of SQLite; the caller's to free.  NULL: no memory. */
char *ledger_uri(const struct ledger *ledger);
/* Ends whatever SQLite has open without keeping it. */
void ledger_undo(struct ledger *ledger);

/*
 * Binding; texts and blobs stay the caller's until the statement was reset (SQLITE_STATIC).  A slice is bound as TEXT (native
 * ids and versions are text that people read), an empty one as NULL; bytes go through ledger_bind_blob(), empty ones as x''.
 */
void ledger_bind_text(sqlite3_stmt *statement, int at, const char *text);
void ledger_bind_slice(sqlite3_stmt *statement, int at, struct syncline_slice slice);
void ledger_bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t length);
/* ?1 to ?4: whose rows (what was staged, what was fed), and which flow and unit takes them. */
void ledger_bind_taker(sqlite3_stmt *statement, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit);
/* Reading; copies into the arena.  NULL / empty for NULL columns.  ret_failed is set without memory. */
char *ledger_column_text(sqlite3_stmt *statement, int at, struct arena *arena, bool *ret_failed);
struct syncline_slice ledger_column_slice(sqlite3_stmt *statement, int at, struct arena *arena, bool *ret_failed);
/* The same without a copy: valid until the next step.  TEXT and BLOB alike. */
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

/*
 * Which table carries an entity (field 0) and which column a field, as ledger_adopt_entities() made or renamed it; NULL: none
 * yet.  An id keeps its carrier through renames, so that the old column's name is known when `was` gave the field another.
 */
const char *ledger_carrier(const struct ledger *ledger, uint32_t entity, uint32_t field);
int ledger_carrier_set(struct ledger *ledger, uint32_t entity, uint32_t field, const char *carrier, struct error *err);
/* ids and names that only this folder asks for */
uint32_t ledger_system_id(const struct ledger *ledger, const struct config_system *system);
const char *ledger_entity_name(const struct ledger *ledger, uint32_t id);
const char *ledger_field_name(const struct ledger *ledger, uint32_t entity, uint32_t field); /* its own, without the entity */
/* Facts: one row a key in `meta`.  INTEGER; 0 when there is none. */
int ledger_meta_get(struct ledger *ledger, const char *key, int64_t *ret_value, struct error *err);
int ledger_meta_set(struct ledger *ledger, const char *key, int64_t value, struct error *err);
int ledger_meta_get_blob(struct ledger *ledger, const char *key, void *ret_data, size_t length, bool *ret_found, struct error *err);
int ledger_meta_set_text(struct ledger *ledger, const char *key, const char *text, struct error *err);
int ledger_meta_set_blob(struct ledger *ledger, const char *key, const void *data, size_t length, struct error *err);

/* What ledger_has_locks() and ledger_has_corrections() answer from memory, read anew (findings.c): at open and when another process wrote. */
int ledger_refresh_findings(struct ledger *ledger, struct error *err);

/* COMMIT, with fault points on both sides; everything that becomes durable goes through it. */
int ledger_make_durable(struct ledger *ledger, struct error *err);

/*
 * For the few functions that may be called inside a transaction or without: begins one when there is none.  `own` goes to
 * ledger_own_end(), which commits or, when `result` is not 0, rolls back; it returns the result.
 */
int ledger_own_begin(struct ledger *ledger, bool *ret_own, struct error *err);
int ledger_own_end(struct ledger *ledger, bool own, int result, struct error *err);

/* Golden tables of the model: made, columns added, renamed by `was` (golden.c). */
int ledger_adopt_entities(struct ledger *ledger, struct error *err);
/* names.c: reads the names that are there; those of the model that are not there are made by ledger_adopt_names(). */
int ledger_names_load(struct ledger *ledger, struct error *err);
int ledger_adopt_names(struct ledger *ledger, struct error *err);
void ledger_names_free(struct ledger *ledger);
/* migrate.c: from `schema` to LEDGER_SCHEMA, in the caller's transaction. */
struct ledger_migration {
	int from; /* leads to from + 1 */
	int (*run)(struct ledger *ledger, struct error *err);
};
int ledger_migrate(struct ledger *ledger, const struct ledger_migration *steps, size_t count, int from, int to, struct error *err);
extern const struct ledger_migration ledger_migrations[];
extern const size_t ledger_migration_count;
/* engine.c: who is the engine, and whether this file is the one that it was. */
int ledger_engine_lock(const char *state_dir, struct engine_lock **ret_engine, bool *ret_first, struct error *err);
/* Is this the only open ledger of this engine? */
bool ledger_engine_last(const struct engine_lock *engine);
void ledger_engine_unlock(struct engine_lock *engine);
/* Where the stamp says that there was a ledger: its file is gone. */
bool ledger_stamp_is_there(const char *state_dir);
int ledger_new_numbers(struct ledger *ledger, int64_t epoch, struct error *err); /* records.c: where the ids of a new epoch begin */
/* ENGINE, first of its process: compares file and stamp; a new epoch when they are not what they were.  Stamps anew. */
int ledger_stamp_check(struct ledger *ledger, bool *ret_new_epoch, struct error *err);
int ledger_stamp(struct ledger *ledger, struct error *err);
/* seen.c: which links a read saw, in all its batches; for the links that a full read missed. */
struct ledger_seen;
struct ledger_seen *ledger_seen_load(struct ledger *ledger, int64_t read, struct error *err);
bool ledger_seen_has(const struct ledger_seen *seen, int64_t link);
uint64_t ledger_seen_count(const struct ledger_seen *seen, int64_t end); /* of links before that one */
void ledger_seen_free(struct ledger_seen *seen); /* accepts NULL */
void ledger_missing_free(struct ledger *ledger); /* links_missing.c */
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
/* before_us: of those that ended by themselves. */
int ledger_prune_findings(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err);
/* leases.c: before a commit: those that it has go on.  One that somebody else has by now is an error: what was done is not to be. */
int ledger_leases_renew(struct ledger *ledger, struct error *err);
int ledger_prune_plans(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err);

#endif
