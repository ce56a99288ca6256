/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcomes.c: how many of the last deliveries to a target failed.  They are counted on, one after the other, and those that failed are remembered
 * by their number until the last ones are all behind them.
 */
#include "ledger/inside.h"
#include "ledger/runs.h"

static int
change(struct ledger *ledger, const char *sql, uint32_t binding, uint32_t unit, int64_t number, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, unit);
	if (sqlite3_bind_parameter_count(statement) > 2)
		sqlite3_bind_int64(statement, 3, number);
	return ledger_run_statement(ledger, statement, err);
}

static int
ask(struct ledger *ledger, const char *sql, uint32_t binding, uint32_t unit, int64_t *ret_number, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, unit);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_number = got == 1 ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_outcomes(struct ledger *ledger, uint32_t binding, uint32_t unit, uint32_t good, uint32_t failed, int64_t last, int64_t *ret_failed,
                int64_t *ret_of, struct error *err)
{
	int64_t ended;

	if (change(ledger, "INSERT INTO outcome (binding, unit, ended) VALUES (?1, ?2, ?3) ON CONFLICT (binding, unit) DO UPDATE SET ended = ended + ?3", binding,
	           unit, (int64_t)good + failed, err) != 0 ||
	    ask(ledger, "SELECT ended FROM outcome WHERE binding = ?1 AND unit = ?2", binding, unit, &ended, err) != 0)
		return -1;
	for (uint32_t i = 0; i < failed; i++)
		if (change(ledger, "INSERT INTO outcome_failed (binding, unit, number) VALUES (?1, ?2, ?3)", binding, unit, ended - i, err) != 0)
			return -1;
	if (change(ledger, "DELETE FROM outcome_failed WHERE binding = ?1 AND unit = ?2 AND number <= ?3", binding, unit, ended - last, err) != 0)
		return -1;
	*ret_of = ended < last ? ended : last;
	return ask(ledger, "SELECT count(*) FROM outcome_failed WHERE binding = ?1 AND unit = ?2", binding, unit, ret_failed, err);
}

int
ledger_outcomes_forget(struct ledger *ledger, uint32_t binding, uint32_t unit, struct error *err)
{
	return change(ledger, "DELETE FROM outcome_failed WHERE binding = ?1 AND unit = ?2", binding, unit, 0, err) != 0 ? -1 :
	       change(ledger, "DELETE FROM outcome WHERE binding = ?1 AND unit = ?2", binding, unit, 0, err);
}
