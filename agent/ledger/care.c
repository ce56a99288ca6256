/* SPDX-License-Identifier: BSD-2-Clause */
/* care.c: checking, pruning, resting and measuring a ledger. */
#include "ledger/carry.h"
#include "ledger/deliveries.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define STEPS 100000 /* of SQLite's machine between two looks at progress */
#define WORTH_PAGES 1000u
#define TRUNCATE_BYTES (16 * 1024 * 1024)

/* Checking. */

struct look {
	const struct ledger_progress *progress;
	uint64_t steps;
};

static int
tell_progress(void *data)
{
	struct look *look = data;

	return look->progress->step(look->progress->data, ++look->steps, 0) ? 0 : 1;
}

static int
check_file(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "PRAGMA integrity_check(100)", err);
	char sentence[512];
	int status;

	if (statement == NULL)
		return -1;
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		const char *said = (const char *)sqlite3_column_text(statement, 0);

		if (said == NULL || strcmp(said, "ok") == 0)
			continue;
		snprintf(sentence, sizeof sentence, "the file is damaged: %s", said);
		fault(data, sentence);
	}
	return status;
}

static int
check_all(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err)
{
	if (check_file(ledger, fault, data, err) != 0 || ledger_check_records(ledger, fault, data, err) != 0 ||
	    ledger_check_deliveries(ledger, fault, data, err) != 0 || ledger_check_staging(ledger, fault, data, err) != 0)
		return -1;
	return ledger_check_findings(ledger, fault, data, err);
}

int
ledger_check(struct ledger *ledger, void (*fault)(void *data, const char *sentence), void *data, const struct ledger_progress *progress,
             struct error *err)
{
	struct look look = { .progress = progress };
	bool own = !ledger->in_transaction;
	int result;

	if (progress != NULL)
		sqlite3_progress_handler(ledger->db, STEPS, tell_progress, &look);
	/* All rules look at one state, whoever writes meanwhile. */
	result = own ? ledger_execute(ledger, "BEGIN", err) : 0;
	if (result == 0)
		result = check_all(ledger, fault, data, err);
	sqlite3_progress_handler(ledger->db, 0, NULL, NULL);
	if (own)
		ledger_undo(ledger);
	return result;
}

/* Pruning. */

typedef int prune_story(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err);

static int
prune_leases(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM lease WHERE name IN (SELECT name FROM lease WHERE until_us < ?1 LIMIT ?2)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, before_us);
	sqlite3_bind_int64(statement, 2, budget);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_dropped = (uint32_t)sqlite3_changes(ledger->db);
	return 0;
}

/* The match keys of rows that nobody is asked about any more: they are there to find those again that are. */
static int
prune_review_keys(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "DELETE FROM review_key WHERE (review, rule) IN (SELECT k.review, k.rule FROM review_key k LEFT JOIN review r ON r.id = k.review"
		        " WHERE r.id IS NULL OR r.state <> 0 LIMIT ?1)", err);

	(void)before_us; /* who asks about it again gives it new ones */
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, budget);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_dropped = (uint32_t)sqlite3_changes(ledger->db);
	return 0;
}

int
ledger_prune(struct ledger *ledger, uint32_t budget, bool *ret_more, struct error *err)
{
	const struct config_keep *keep = ledger->options.model != NULL ? ledger->options.model->agent->keep : NULL;
	int64_t now = ledger_now(ledger);
	uint32_t left = budget;
	int result = 0;

	if (keep == NULL) {
		*ret_more = false;
		return 0;
	}
	const struct {
		prune_story *prune;
		int64_t keep_ms;
	} stories[] = {
		{ ledger_prune_staging, keep->staging_ms }, { ledger_prune_plans, keep->plans_ms },     { ledger_prune_runs, keep->runs_ms },
		{ ledger_prune_history, keep->history_ms }, { prune_leases, INT64_C(7) * 24 * 3600 * 1000 },
		{ ledger_prune_findings, keep->history_ms },             { prune_review_keys, 0 },
	};

	if (ledger_begin(ledger, err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof stories / sizeof *stories && result == 0 && left > 0; i++) {
		uint32_t dropped = 0;

		result = stories[i].prune(ledger, now - stories[i].keep_ms * 1000, left, &dropped, err);
		left -= dropped < left ? dropped : left;
	}
	if (result != 0 || ledger_commit(ledger, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	*ret_more = left == 0;
	return 0;
}

/* Resting. */

int
ledger_idle(struct ledger *ledger, struct error *err)
{
	struct stat wal;
	bool whole;
	char path[4096];

	if (ledger->in_transaction || ledger->options.mode == LEDGER_READER)
		return 0;
	if (ledger->wal_pages >= WORTH_PAGES) {
		/* Somebody who reads meanwhile is no fault: what can't be carried over now is carried over the next time. */
		int status = carry_here(ledger, &whole);

		if (status != SQLITE_OK && (status & 0xff) != SQLITE_BUSY && (status & 0xff) != SQLITE_LOCKED)
			return ledger_sql_error(ledger, "what was committed could not be carried over into the file", err);
		snprintf(path, sizeof path, "%s/" LEDGER_FILE "-wal", ledger->state_dir);
		if (whole && stat(path, &wal) == 0 && wal.st_size > TRUNCATE_BYTES) {
			sqlite3_busy_timeout(ledger->db, 0);
			sqlite3_wal_checkpoint_v2(ledger->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
			sqlite3_busy_timeout(ledger->db, (int)(ledger->options.busy_ms != 0 ? ledger->options.busy_ms : 10000));
		}
	}
	return ledger_execute(ledger, "PRAGMA analysis_limit = 400; PRAGMA optimize;", err);
}

/* Measuring. */

/* 0 rows for a table that this ledger doesn't have. */
static int
count_rows(struct ledger *ledger, const char *table, uint64_t *total, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", err);
	char sql[512];
	int status;

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, table);
	status = ledger_step(ledger, statement, err);
	sqlite3_reset(statement);
	if (status != 1)
		return status;
	sqlite3_snprintf(sizeof sql, sql, "SELECT count(*) FROM \"%w\"", table);
	statement = ledger_statement(ledger, sql, err);
	if (statement == NULL || ledger_step(ledger, statement, err) != 1)
		return -1;
	*total += (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

static int
count_golden(struct ledger *ledger, uint64_t *total, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name GLOB 'golden_*'", err);
	char table[256];
	int status;

	if (statement == NULL)
		return -1;
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		snprintf(table, sizeof table, "%s", (const char *)sqlite3_column_text(statement, 0));
		if (count_rows(ledger, table, total, err) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	}
	return status;
}

/* Those of spans are no rows. */
static int
add_deliveries(void *data, const struct ledger_delivery_counts *counts)
{
	for (int state = 0; state < LEDGER_DELIVERY_STATE_COUNT; state++)
		*(uint64_t *)data += counts->count[state];
	return 0;
}

int
ledger_size(struct ledger *ledger, struct ledger_size *ret_size, struct error *err)
{
	struct ledger_size size = { 0 };
	struct statvfs disk;
	struct stat file;
	char path[4096];

	snprintf(path, sizeof path, "%s/" LEDGER_FILE, ledger->state_dir);
	if (stat(path, &file) != 0 || statvfs(ledger->state_dir, &disk) != 0)
		return error_system(err, ERROR_SYSTEM, errno, "%s can't be looked at", path);
	size.bytes = (uint64_t)file.st_size;
	size.free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
	snprintf(path, sizeof path, "%s/" LEDGER_FILE "-wal", ledger->state_dir);
	if (stat(path, &file) == 0)
		size.wal_bytes = (uint64_t)file.st_size;
	if (count_golden(ledger, &size.records, err) != 0 || count_rows(ledger, "link", &size.links, err) != 0 ||
	    count_rows(ledger, "history", &size.history, err) != 0 || ledger_delivery_counts(ledger, add_deliveries, &size.deliveries, err) != 0 ||
	    count_rows(ledger, "staged_batch", &size.staged, err) != 0)
		return -1;
	*ret_size = size;
	return 0;
}
