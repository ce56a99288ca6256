/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leases.c: who may do what nobody else may do at the same time.  A lease belongs to one open ledger and ends by itself when it
 * isn't taken again; those of an engine that is gone are dropped when the next one opens (open.c).  As long as whoever has it
 * commits, it goes on: each commit renews what has used up a third of its time.
 */
#include "ledger/inside.h"

#include <stdio.h>
#include <unistd.h>

static int
take(struct ledger *ledger, const char *name, int64_t now, int64_t until, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "INSERT INTO lease (name, holder, engine, pid, who, since_us, until_us, for_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7 - ?6) ON CONFLICT DO UPDATE SET"
		        " since_us = CASE WHEN holder = excluded.holder THEN since_us ELSE excluded.since_us END, holder = excluded.holder,"
		        " engine = excluded.engine, pid = excluded.pid, who = excluded.who, until_us = excluded.until_us, for_us = excluded.for_us"
		        " WHERE holder = excluded.holder OR until_us <= ?6", err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, name);
	ledger_bind_text(statement, 2, ledger->holder);
	sqlite3_bind_int(statement, 3, ledger->options.mode == LEDGER_ENGINE);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)getpid());
	ledger_bind_text(statement, 5, ledger->who);
	sqlite3_bind_int64(statement, 6, now);
	sqlite3_bind_int64(statement, 7, until);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	return sqlite3_changes(ledger->db) == 1 ? 1 : 0;
}

/* What it has now, and when that is to be renewed. */
static int
count_own(struct ledger *ledger, int64_t now, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT count(*), coalesce(min(for_us), 0) FROM lease WHERE holder = ?1", err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, ledger->holder);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	ledger->leases = (uint32_t)sqlite3_column_int64(statement, 0);
	ledger->lease_due_us = now + sqlite3_column_int64(statement, 1) / 3;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_leases_renew(struct ledger *ledger, struct error *err)
{
	int64_t now = ledger_now(ledger);
	sqlite3_stmt *statement;
	uint32_t had = ledger->leases;

	if (had == 0 || now < ledger->lease_due_us)
		return 0;
	if ((statement = ledger_statement(ledger, "UPDATE lease SET until_us = max(until_us, ?2 + for_us) WHERE holder = ?1", err)) == NULL)
		return -1;
	ledger_bind_text(statement, 1, ledger->holder);
	sqlite3_bind_int64(statement, 2, now);
	if (ledger_run_statement(ledger, statement, err) != 0 || count_own(ledger, now, err) != 0)
		return -1;
	if (ledger->leases >= had)
		return 0;
	return error_set(err, ERROR_LEDGER_LEASE, "Run it again: it goes on where the last commit left it.",
	                 "a lease ran out while nothing was committed, and somebody else took it meanwhile");
}

int
ledger_leases_keep(struct ledger *ledger, struct error *err)
{
	if (ledger->leases == 0 || ledger_now(ledger) < ledger->lease_due_us)
		return 0;
	return ledger_begin(ledger, err) != 0 ? -1 : ledger_commit(ledger, err);
}

/* 0, with who holds it. */
static int
tell_holder(struct ledger *ledger, const char *name, int64_t now, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT pid, who, until_us FROM lease WHERE name = ?1", err);
	const char *who;
	int64_t seconds;

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, name);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	who = (const char *)sqlite3_column_text(statement, 1);
	seconds = (sqlite3_column_int64(statement, 2) - now) / 1000000;
	error_fill(err, ERROR_LEDGER_LEASE, "Wait until it is done; a lease that isn't renewed ends by itself.",
	           "\"%s\" is being worked on by process %lld (%s), for another %lld s at most unless that goes on", name,
	           (long long)sqlite3_column_int64(statement, 0), who != NULL ? who : "unknown", (long long)seconds);
	sqlite3_reset(statement);
	return 0;
}

int
ledger_lease(struct ledger *ledger, const char *name, int64_t for_ms, struct error *err)
{
	int64_t now = ledger_now(ledger);
	bool own;
	int result;

	if (for_ms < 0 || for_ms > INT64_MAX / 1000 - now / 1000)
		return error_set(err, ERROR_INTERNAL, NULL, "a lease was asked for an impossible time");
	if (ledger_own_begin(ledger, &own, err) != 0)
		return -1;
	result = take(ledger, name, now, now + for_ms * 1000, err);
	/* Within somebody's transaction it may be taken back: nobody counts on it then. */
	if (result >= 0 && own && count_own(ledger, now, err) != 0)
		result = -1;
	if (result == 0)
		result = tell_holder(ledger, name, now, err);
	return ledger_own_end(ledger, own, result, err);
}

/* A failure is nothing that anybody could act upon: the lease ends by itself. */
void
ledger_lease_end(struct ledger *ledger, const char *name)
{
	sqlite3_stmt *statement;
	bool own;
	int result = -1;

	if (ledger_own_begin(ledger, &own, NULL) != 0)
		return;
	statement = ledger_statement(ledger, "DELETE FROM lease WHERE name = ?1 AND holder = ?2", NULL);
	if (statement != NULL) {
		ledger_bind_text(statement, 1, name);
		ledger_bind_text(statement, 2, ledger->holder);
		result = ledger_run_statement(ledger, statement, NULL);
		if (result == 0)
			result = count_own(ledger, ledger_now(ledger), NULL);
	}
	ledger_own_end(ledger, own, result, NULL);
}
