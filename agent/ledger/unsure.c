/* SPDX-License-Identifier: BSD-2-Clause */
/* unsure.c: rows that were read while they were being written, and are to be read again (staging.h). */
#include "ledger/staging_inside.h"

/* ?1 to ?4: whose row. */
static sqlite3_stmt *
about(struct ledger *ledger, const char *sql, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return NULL;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, object);
	sqlite3_bind_text64(statement, 4, native.length > 0 ? native.data : "", native.length, SQLITE_STATIC, SQLITE_UTF8);
	return statement;
}

int
ledger_unsure(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, uint64_t started,
              struct error *err)
{
	sqlite3_stmt *statement = about(ledger, "INSERT INTO unsure (flow, unit, object, native, started, since_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
	                                        " ON CONFLICT (flow, unit, object, native) DO UPDATE SET started = max(started, excluded.started)",
	                                flow, unit, object, native, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 5, (int64_t)started);
	sqlite3_bind_int64(statement, 6, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_unsure_end(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, uint64_t started,
                  struct error *err)
{
	sqlite3_stmt *statement = about(ledger, "DELETE FROM unsure WHERE flow = ?1 AND unit = ?2 AND object = ?3 AND native = ?4 AND started < ?5", flow,
	                                unit, object, native, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 5, (int64_t)started);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_unsure_list(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice after, struct arena *arena,
                   struct syncline_slice *ret_natives, uint32_t max, uint32_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = about(ledger, "SELECT native FROM unsure WHERE flow = ?1 AND unit = ?2 AND object = ?3 AND native > ?4"
	                                        " ORDER BY native LIMIT ?5", flow, unit, object, after, err);
	uint32_t count = 0;
	bool failed = false;
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 5, max);
	while ((status = ledger_step(ledger, statement, err)) == 1 && !failed)
		ret_natives[count++] = ledger_column_slice(statement, 0, arena, &failed);
	if (status < 0)
		return -1;
	if (failed) {
		sqlite3_reset(statement);
		return error_memory(err);
	}
	*ret_count = count;
	return 0;
}
