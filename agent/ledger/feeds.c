/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * feeds.c: which flows and units got every row of an object since a read of everything (staging.h), and under which version of its
 * rules everything was last written (deliveries.h).
 */
#include "ledger/deliveries.h"
#include "ledger/inside.h"
#include "ledger/staging.h"

int
ledger_fed(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, uint32_t *ret_version, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT version FROM feed WHERE object = ?1 AND credentials = ?2 AND flow = ?3 AND unit = ?4", err);
	int status;

	if (statement == NULL)
		return -1;
	ledger_bind_taker(statement, object, credentials, flow, unit);
	if ((status = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_version = status == 1 ? (uint32_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_feed(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, uint32_t version, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, version == 0
		? "DELETE FROM feed WHERE object = ?1 AND credentials = ?2 AND flow = ?3 AND unit = ?4"
		: "INSERT INTO feed (object, credentials, flow, unit, version, since_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT"
		  " (object, credentials, flow, unit) DO UPDATE SET version = excluded.version, since_us = excluded.since_us", err);

	if (statement == NULL)
		return -1;
	ledger_bind_taker(statement, object, credentials, flow, unit);
	if (version != 0) {
		sqlite3_bind_int64(statement, 5, version);
		sqlite3_bind_int64(statement, 6, ledger_now(ledger));
	}
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_written(struct ledger *ledger, uint32_t binding, uint32_t unit, uint32_t *ret_version, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT version FROM written WHERE binding = ?1 AND unit = ?2", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, unit);
	if ((status = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_version = status == 1 ? (uint32_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_written_set(struct ledger *ledger, uint32_t binding, uint32_t unit, uint32_t version, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "INSERT INTO written (binding, unit, version, since_us) VALUES (?1, ?2, ?3, ?4)"
	                                                   " ON CONFLICT (binding, unit) DO UPDATE SET version = excluded.version,"
	                                                   " since_us = excluded.since_us", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, version);
	sqlite3_bind_int64(statement, 4, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}
