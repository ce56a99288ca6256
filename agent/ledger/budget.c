/* SPDX-License-Identifier: BSD-2-Clause */
/* budget.c: how many calls a day were taken of each system's.  Reserved before they are made: a crash costs some, and never makes one too many. */
#include "ledger/inside.h"

#define DAYS_KEPT 8

static int
forget_old(struct ledger *ledger, int64_t day, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM budget WHERE day < ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, day - DAYS_KEPT);
	return ledger_run_statement(ledger, statement, err);
}

static int
take(struct ledger *ledger, uint32_t system, int64_t day, int64_t calls, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "INSERT INTO budget (system, day, calls) VALUES (?1, ?2, ?3) ON CONFLICT (system, day) DO UPDATE SET calls = calls + ?3", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, system);
	sqlite3_bind_int64(statement, 2, day);
	sqlite3_bind_int64(statement, 3, calls);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_budget(struct ledger *ledger, const struct config_system *system, int64_t day, int64_t *ret_calls, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT calls FROM budget WHERE system = ?1 AND day = ?2", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_system_id(ledger, system));
	sqlite3_bind_int64(statement, 2, day);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_calls = got == 1 ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_budget_take(struct ledger *ledger, const struct config_system *system, int64_t day, uint32_t wanted, int64_t most, uint32_t *ret_taken,
                   struct error *err)
{
	int64_t calls = 0;
	int result;
	bool own;

	if (ledger_own_begin(ledger, &own, err) != 0)
		return -1;
	*ret_taken = 0;
	result = ledger_budget(ledger, system, day, &calls, err);
	if (result == 0 && calls < most) {
		*ret_taken = most - calls < (int64_t)wanted ? (uint32_t)(most - calls) : wanted;
		result = take(ledger, ledger_system_id(ledger, system), day, *ret_taken, err);
	}
	if (result == 0 && calls == 0)
		result = forget_old(ledger, day, err);
	return ledger_own_end(ledger, own, result, err);
}
