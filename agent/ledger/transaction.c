/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * transaction.c: begin, commit, roll back, savepoints; the sequence; facts in `meta`; the clock.
 */
#include "ledger/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/fault.h"

const struct model *
ledger_model(const struct ledger *ledger)
{
	return ledger->options.model;
}

const char *
ledger_state_dir(const struct ledger *ledger)
{
	return ledger->state_dir;
}

const char *
ledger_who(const struct ledger *ledger)
{
	return ledger->who;
}

static int64_t
look_at_clock(const struct ledger *ledger)
{
	struct timespec now;

	if (ledger->options.now_us != NULL)
		return ledger->options.now_us(ledger->options.now_data);
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t
ledger_now(const struct ledger *ledger)
{
	_Atomic int64_t *kept = (_Atomic int64_t *)(uintptr_t)&ledger->seen_us;
	int64_t now = look_at_clock(ledger), seen = atomic_load(kept);

	while (seen < now && !atomic_compare_exchange_weak(kept, &seen, now))
		;
	return now;
}

uint64_t
ledger_sequence(const struct ledger *ledger)
{
	return ledger->sequence;
}

uint32_t
ledger_epoch(const struct ledger *ledger)
{
	return ledger->epoch;
}

const uint8_t *
ledger_hash_key(const struct ledger *ledger)
{
	return ledger->hash_key;
}

/* Has another connection committed since the last look? */
static int
changed_elsewhere(struct ledger *ledger, bool *ret_changed, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "PRAGMA data_version", err);
	unsigned now;

	if (statement == NULL || ledger_step(ledger, statement, err) != 1)
		return -1;
	now = (unsigned)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	*ret_changed = now != ledger->data_version;
	ledger->data_version = now;
	return 0;
}

static int
raise_sequence(struct ledger *ledger, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "UPDATE meta SET value = value + 1 WHERE key = 'sequence' RETURNING value", err);
	int status;

	if (statement == NULL)
		return -1;
	status = ledger_step(ledger, statement, err);
	if (status == 1) {
		ledger->sequence = (uint64_t)sqlite3_column_int64(statement, 0);
		return ledger_run_statement(ledger, statement, err);
	}
	return status < 0 ? -1
	                  : error_set(err, ERROR_LEDGER_DAMAGED, "Put the last backup in its place with `syncline restore FILE`.",
	                              "the ledger in %s lacks its sequence", ledger->state_dir);
}

/* Whether commits wait for the disk.  Outside of a transaction. */
static int
set_later(struct ledger *ledger, bool later, struct error *err)
{
	if (ledger->later == later)
		return 0;
	if (ledger_execute(ledger, later ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL", err) != 0)
		return -1;
	ledger->later = later;
	return 0;
}

static int
begin(struct ledger *ledger, bool later, struct error *err)
{
	bool changed;

	if (ledger->in_transaction)
		return error_set(err, ERROR_INTERNAL, NULL, "a transaction of the ledger was begun inside another");
	if (ledger->options.mode == LEDGER_READER)
		return error_set(err, ERROR_INTERNAL, NULL, "a ledger that was opened for reading was to be changed");
	/* What a failed sync lost, one that works doesn't bring back. */
	if (ledger->doubtful)
		return error_set(err, ERROR_LEDGER_DISK, "Look at the system's log for this disk; `syncline doctor` checks the ledger afterwards.",
		                 "the disk below the ledger in %s failed when it was to keep what was done", ledger->state_dir);
	if (set_later(ledger, later, err) != 0 || ledger_execute(ledger, "BEGIN IMMEDIATE", err) != 0)
		return -1;
	ledger->in_transaction = true;
	ledger->savepoints = 0;
	if (raise_sequence(ledger, err) != 0 || changed_elsewhere(ledger, &changed, err) != 0)
		goto failed;
	if ((changed || ledger->stale) && ledger_refresh_findings(ledger, err) != 0)
		goto failed;
	ledger->stale = false;
	return 0;
failed:
	ledger_rollback(ledger);
	return -1;
}

int
ledger_begin(struct ledger *ledger, struct error *err)
{
	return begin(ledger, false, err);
}

int
ledger_begin_later(struct ledger *ledger, struct error *err)
{
	return begin(ledger, true, err);
}

int
ledger_sync(struct ledger *ledger, struct error *err)
{
	if (!ledger->unsynced)
		return 0;
	return ledger_begin(ledger, err) == 0 ? ledger_commit(ledger, err) : -1;
}

/* The one place where anything becomes durable. */
int
ledger_make_durable(struct ledger *ledger, struct error *err)
{
	if (fault_point("ledger.commit.before") != 0)
		return error_set(err, ERROR_LEDGER_FAILED, NULL, "the ledger in %s was stopped before a commit", ledger->state_dir);
	if (ledger_execute(ledger, "COMMIT", err) != 0) {
		ledger->doubtful = ledger->unsynced && sqlite3_extended_errcode(ledger->db) == SQLITE_IOERR_FSYNC;
		return -1;
	}
	ledger->in_transaction = false;
	ledger->unsynced = ledger->later;
	if (fault_point("ledger.commit.after") == 0)
		return 0;
	ledger->stale = true;
	return error_set(err, ERROR_LEDGER_FAILED, NULL, "the ledger in %s was stopped after a commit", ledger->state_dir);
}

/* Without another allocation, if the layout was not changed since; else as soon as there is memory for it. */
void
ledger_undo(struct ledger *ledger)
{
	if (ledger->db != NULL && sqlite3_get_autocommit(ledger->db) == 0 && ledger->undo != NULL) {
		sqlite3_step(ledger->undo);
		sqlite3_reset(ledger->undo);
	}
	if (ledger->db != NULL && sqlite3_get_autocommit(ledger->db) == 0)
		sqlite3_exec(ledger->db, "ROLLBACK", NULL, NULL, NULL);
	ledger->torn = ledger->db != NULL && sqlite3_get_autocommit(ledger->db) == 0;
}

int
ledger_commit(struct ledger *ledger, struct error *err)
{
	if (!ledger->in_transaction)
		return error_set(err, ERROR_INTERNAL, NULL, "a transaction of the ledger was ended that was never begun");
	/* After some errors SQLite rolls back by itself; what came later would otherwise count as done. */
	if (ledger->spoiled || sqlite3_get_autocommit(ledger->db) != 0)
		error_fill(err, ERROR_LEDGER_FAILED, NULL, "a transaction of the ledger had failed before it was to be committed");
	else if (ledger_leases_renew(ledger, err) == 0 && ledger_make_durable(ledger, err) == 0) {
		if (ledger->newsroom.count > 0)
			news_tell(ledger);
		return 0;
	}
	/* What could not be committed (the disk is full) is over: nobody has to roll it back. */
	ledger_rollback(ledger);
	return -1;
}

void
ledger_rollback(struct ledger *ledger)
{
	if (!ledger->in_transaction)
		return;
	ledger_undo(ledger);
	ledger->in_transaction = false;
	ledger->savepoints = 0;
	ledger->spoiled = false;
	ledger->stale = true;
	ledger->put_off_us = 0;
	news_forget(ledger, 0);
}

static int
savepoint(struct ledger *ledger, const char *verb, unsigned number, struct error *err)
{
	char sql[48];

	snprintf(sql, sizeof sql, "%s point%u", verb, number);
	return ledger_execute(ledger, sql, err);
}

int
ledger_savepoint(struct ledger *ledger, struct error *err)
{
	if (!ledger->in_transaction)
		return error_set(err, ERROR_INTERNAL, NULL, "a savepoint of the ledger was set outside of a transaction");
	if (savepoint(ledger, "SAVEPOINT", ledger->savepoints + 1, err) != 0)
		return -1;
	news_mark(ledger);
	ledger->savepoints++;
	return 0;
}

int
ledger_release(struct ledger *ledger, struct error *err)
{
	if (ledger->savepoints == 0)
		return error_set(err, ERROR_INTERNAL, NULL, "a savepoint of the ledger was released that was never set");
	if (savepoint(ledger, "RELEASE", ledger->savepoints, err) != 0)
		return -1;
	ledger->savepoints--;
	return 0;
}

void
ledger_rollback_savepoint(struct ledger *ledger)
{
	if (ledger->savepoints == 0)
		return;
	/* When the whole transaction is gone already, so is the savepoint; commit will say so. */
	if (savepoint(ledger, "ROLLBACK TO", ledger->savepoints, NULL) != 0 || savepoint(ledger, "RELEASE", ledger->savepoints, NULL) != 0)
		ledger->spoiled = true;
	news_forget(ledger, ledger->savepoints);
	ledger->savepoints--;
	ledger->stale = true;
	ledger->put_off_us = 0;
}

int
ledger_own_begin(struct ledger *ledger, bool *ret_own, struct error *err)
{
	*ret_own = !ledger->in_transaction;
	return *ret_own ? ledger_begin(ledger, err) : 0;
}

int
ledger_own_end(struct ledger *ledger, bool own, int result, struct error *err)
{
	if (!own)
		return result;
	if (result >= 0 && ledger_commit(ledger, err) != 0)
		result = -1;
	if (result < 0)
		ledger_rollback(ledger);
	return result;
}

static sqlite3_stmt *
ask_meta(struct ledger *ledger, const char *key, int *ret_status, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT value FROM meta WHERE key = ?1", err);

	*ret_status = -1;
	if (statement != NULL) {
		ledger_bind_text(statement, 1, key);
		*ret_status = ledger_step(ledger, statement, err);
	}
	return statement;
}

int
ledger_meta_get(struct ledger *ledger, const char *key, int64_t *ret_value, struct error *err)
{
	int status;
	sqlite3_stmt *statement = ask_meta(ledger, key, &status, err);

	if (status < 0)
		return -1;
	*ret_value = status == 1 ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_meta_get_blob(struct ledger *ledger, const char *key, void *ret_data, size_t length, bool *ret_found, struct error *err)
{
	int status;
	sqlite3_stmt *statement = ask_meta(ledger, key, &status, err);

	if (status < 0)
		return -1;
	*ret_found = status == 1 && (size_t)sqlite3_column_bytes(statement, 0) == length;
	if (*ret_found)
		memcpy(ret_data, sqlite3_column_blob(statement, 0), length);
	sqlite3_reset(statement);
	return 0;
}

#define SET_META "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"

int
ledger_meta_set(struct ledger *ledger, const char *key, int64_t value, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, SET_META, err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, key);
	sqlite3_bind_int64(statement, 2, value);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_meta_set_blob(struct ledger *ledger, const char *key, const void *data, size_t length, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, SET_META, err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, key);
	ledger_bind_blob(statement, 2, data, length);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_meta_set_text(struct ledger *ledger, const char *key, const char *text, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, SET_META, err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, key);
	ledger_bind_text(statement, 2, text);
	return ledger_run_statement(ledger, statement, err);
}
