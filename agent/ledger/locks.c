/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locks.c: fields and records that nobody but a person changes, for a time or until they are unlocked.  A lock whose time is
 * over stays in the table, as it was: whether it holds is asked by the ledger's clock.
 */
#include "ledger/findings_inside.h"

static int
end_those(struct ledger *ledger, int64_t record, const char *field, const char *why, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE lock SET ended_us = ?1, ended_by = ?2, ended_why = ?3 WHERE ended_us = 0 AND record = ?4 AND field IS ?5", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_now(ledger));
	ledger_bind_text(statement, 2, ledger->who);
	ledger_bind_text(statement, 3, why);
	sqlite3_bind_int64(statement, 4, record);
	ledger_bind_text(statement, 5, field);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_lock_add(struct ledger *ledger, const struct ledger_lock *lock, int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *statement;
	int64_t id;

	if (end_those(ledger, lock->record, lock->field, "a newer one took its place", err) != 0 || finding_number(ledger, &id, err) != 0)
		return -1;
	statement = ledger_statement(
		ledger, "INSERT INTO lock (id, record, field, who, why, since_us, until_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, lock->record);
	ledger_bind_text(statement, 3, lock->field);
	ledger_bind_text(statement, 4, lock->who != NULL ? lock->who : ledger->who);
	ledger_bind_text(statement, 5, lock->why);
	sqlite3_bind_int64(statement, 6, lock->since_us != 0 ? lock->since_us : ledger_now(ledger));
	sqlite3_bind_int64(statement, 7, lock->until_us);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	ledger->has_locks = true;
	if (ret_id != NULL)
		*ret_id = id;
	return 0;
}

int
ledger_lock_end(struct ledger *ledger, int64_t record, const char *field, const char *why, struct error *err)
{
	if (end_those(ledger, record, field, why, err) != 0)
		return -1;
	if (sqlite3_changes(ledger->db) == 0)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "A lock of the whole record and one of a field are two: `syncline lock` lists them.",
		                 "%s%s of record %lld is not locked", field != NULL ? "the field " : "the whole", field != NULL ? field : "", (long long)record);
	return ledger_refresh_findings(ledger, err);
}

int
ledger_locks(struct ledger *ledger, int64_t record, int (*each)(void *data, const struct ledger_lock *row), void *data, struct error *err)
{
	static const char of_one[] = "SELECT id, record, field, who, why, since_us, until_us FROM lock"
	                             " WHERE ended_us = 0 AND record = ?1 AND (until_us = 0 OR until_us > ?2) ORDER BY id";
	static const char of_all[] = "SELECT id, record, field, who, why, since_us, until_us FROM lock"
	                             " WHERE ended_us = 0 AND (until_us = 0 OR until_us > ?2) AND ?1 = 0 ORDER BY id";
	sqlite3_stmt *statement = ledger_statement(ledger, record != 0 ? of_one : of_all, err);
	int got, answer = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, ledger_now(ledger));
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		bool failed = false;
		struct ledger_lock row = { 0 };

		row.id = sqlite3_column_int64(statement, 0);
		row.record = sqlite3_column_int64(statement, 1);
		row.field = finding_text(statement, 2, &failed);
		row.who = finding_text(statement, 3, &failed);
		row.why = finding_text(statement, 4, &failed);
		row.since_us = sqlite3_column_int64(statement, 5);
		row.until_us = sqlite3_column_int64(statement, 6);
		answer = failed ? error_memory(err) : each(data, &row);
		if (answer != 0)
			break;
	}
	return got < 0 ? -1 : finding_after(statement, answer);
}

int
ledger_locks_mark(struct ledger *ledger, int64_t record, int64_t *ret_mark, struct error *err)
{
	/* As ledger_wait_ready() asks for it. */
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT coalesce(sum(id), 0) FROM lock WHERE record = ?1 AND ended_us = 0 AND (until_us = 0 OR until_us > ?2)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, ledger_now(ledger));
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_mark = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

int
ledger_was_locked(struct ledger *ledger, int64_t record, const char *field, bool *ret_was, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT 1 FROM lock WHERE record = ?1 AND (field IS NULL OR field = ?2) LIMIT 1", err);
	int step;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	ledger_bind_text(statement, 2, field);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_was = step == 1;
	sqlite3_reset(statement);
	return 0;
}

/* One whose time is over counts until it is ended: asking for it costs little. */
bool
ledger_has_locks(struct ledger *ledger)
{
	return ledger->has_locks;
}
