/* SPDX-License-Identifier: BSD-2-Clause */
/* undone.c: records that a rollback deleted although the object that they came from still has them (runs.h). */
#include "ledger/runs_inside.h"

int
ledger_undone_set(struct ledger *ledger, int64_t record, uint32_t object, int64_t run, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "INSERT OR REPLACE INTO undone (record, object, run, since_us) VALUES (?1, ?2, ?3, ?4)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, object);
	sqlite3_bind_int64(statement, 3, run);
	sqlite3_bind_int64(statement, 4, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_undone(struct ledger *ledger, int64_t record, uint32_t object, bool *ret_undone, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT 1 FROM undone WHERE record = ?1 AND object = ?2", err);
	int step;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, object);
	step = ledger_step(ledger, statement, err);
	sqlite3_reset(statement);
	if (step < 0)
		return -1;
	*ret_undone = step == 1;
	return 0;
}

int
ledger_undone_end(struct ledger *ledger, int64_t record, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM undone WHERE record = ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	return ledger_run_statement(ledger, statement, err);
}
