/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * positions.c: where reading goes on, what each flow and unit has applied, and which objects are doubted after a new epoch.
 *
 * In a new epoch every object is doubted for every unit, those that this ledger never heard of too: what was lost may have
 * been done to any of them.  A full read that was begun in this epoch, and all of which was applied, ends the doubt.
 */
#include "ledger/staging_inside.h"

#include <string.h>

int
ledger_position(struct ledger *ledger, uint32_t object, uint32_t credentials, struct buffer *ret_position, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT position FROM position WHERE object = ?1 AND credentials = ?2", err);
	int status, failed = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	status = ledger_step(ledger, statement, err);
	if (status < 0)
		return -1;
	buffer_clear(ret_position);
	if (status == 1) {
		struct syncline_slice position = ledger_column_view(statement, 0);

		failed = buffer_append(ret_position, position.data, position.length);
		sqlite3_reset(statement);
	}
	return failed != 0 ? error_memory(err) : 0;
}

static int
trust(struct ledger *ledger, uint32_t object, uint32_t unit, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "INSERT INTO trusted (object, unit, epoch, at_us) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
	                                           " SET epoch = excluded.epoch, at_us = excluded.at_us", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, ledger->epoch);
	sqlite3_bind_int64(statement, 4, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
staging_trust_read(struct ledger *ledger, const struct ledger_read *read, struct error *err)
{
	sqlite3_stmt *statement;

	if (ledger->epoch == 1 || !read->full || read->broken)
		return 0;
	statement = ledger_statement(ledger,
	                             "INSERT INTO trusted (object, unit, epoch, at_us) SELECT DISTINCT ?1, a.unit, ?4, ?5 FROM applied a"
	                             " WHERE a.object = ?1 AND a.credentials = ?2 AND NOT EXISTS (SELECT 1 FROM staged_batch s WHERE s.read = ?3"
	                             " AND s.rows > 0 AND s.id > a.staged)"
	                             " ON CONFLICT DO UPDATE SET epoch = excluded.epoch, at_us = excluded.at_us", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, read->object);
	sqlite3_bind_int64(statement, 2, read->credentials);
	sqlite3_bind_int64(statement, 3, read->id);
	sqlite3_bind_int64(statement, 4, ledger->epoch);
	sqlite3_bind_int64(statement, 5, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

bool
ledger_doubted(struct ledger *ledger, uint32_t object, uint32_t unit)
{
	sqlite3_stmt *statement;
	bool doubted;

	if (ledger->epoch == 1)
		return false;
	statement = ledger_statement(ledger, "SELECT 1 FROM trusted WHERE object = ?1 AND unit = ?2 AND epoch = ?3", NULL);
	if (statement == NULL)
		return true;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, ledger->epoch);
	/* What can't be asked is doubted. */
	doubted = ledger_step(ledger, statement, NULL) != 1;
	sqlite3_reset(statement);
	return doubted;
}

static int
set_applied(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t staged, const char *who,
            const char *why, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "INSERT INTO applied (object, credentials, flow, unit, staged, moved_us, moved_by, why) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		        " ON CONFLICT DO UPDATE SET staged = excluded.staged, moved_us = excluded.moved_us, moved_by = excluded.moved_by, why = excluded.why"
		        " WHERE ?8 IS NOT NULL OR excluded.staged > staged", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, flow);
	sqlite3_bind_int64(statement, 4, unit);
	sqlite3_bind_int64(statement, 5, staged);
	sqlite3_bind_int64(statement, 6, ledger_now(ledger));
	ledger_bind_text(statement, 7, who);
	ledger_bind_text(statement, 8, why);
	return ledger_run_statement(ledger, statement, err);
}

/* Has a full read of this epoch ended, all of which is applied now? */
static int
trust_applied(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t unit, int64_t staged, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT 1 FROM read r INDEXED BY read_full WHERE object = ?1 AND credentials = ?2 AND \"full\" = 1 AND ended = 1 AND broken = 0 AND epoch = ?3"
		        " AND NOT EXISTS (SELECT 1 FROM staged_batch s WHERE s.read = r.id AND s.rows > 0 AND s.id > ?4) LIMIT 1", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, ledger->epoch);
	sqlite3_bind_int64(statement, 4, staged);
	status = ledger_step(ledger, statement, err);
	sqlite3_reset(statement);
	return status == 1 ? trust(ledger, object, unit, err) : status;
}

int
ledger_applied(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t staged, struct error *err)
{
	if (set_applied(ledger, object, credentials, flow, unit, staged, NULL, NULL, err) != 0)
		return -1;
	return ledger_doubted(ledger, object, unit) ? trust_applied(ledger, object, credentials, unit, staged, err) : 0;
}

int
ledger_positions(struct ledger *ledger, int (*each)(void *data, const struct ledger_position_row *row), void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT object, credentials, 0, 0, position, staged, moved_us, ?1 > 1 AND NOT EXISTS (SELECT 1 FROM trusted t"
		        " WHERE t.object = p.object AND t.epoch = ?1) FROM position p UNION ALL"
		        " SELECT object, credentials, flow, unit, NULL, staged, moved_us, ?1 > 1 AND NOT EXISTS (SELECT 1 FROM trusted t"
		        " WHERE t.object = a.object AND t.unit = a.unit AND t.epoch = ?1) FROM applied a ORDER BY 1, 2, 3, 4", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger->epoch);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		const struct ledger_position_row row = {
			.object = (uint32_t)sqlite3_column_int64(statement, 0),
			.credentials = (uint32_t)sqlite3_column_int64(statement, 1),
			.flow = (uint32_t)sqlite3_column_int64(statement, 2),
			.unit = (uint32_t)sqlite3_column_int64(statement, 3),
			.position = ledger_column_view(statement, 4),
			.staged = sqlite3_column_int64(statement, 5),
			.moved_us = sqlite3_column_int64(statement, 6),
			.doubted = sqlite3_column_int(statement, 7) != 0,
		};

		if (each(data, &row) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	}
	return status;
}

int
ledger_position_set(struct ledger *ledger, uint32_t object, uint32_t credentials, struct syncline_slice position, const char *why,
                    struct error *err)
{
	sqlite3_stmt *statement;

	/* One that is on its way would move the position again. */
	if (staging_abandon_reads(ledger, object, credentials, err) != 0)
		return -1;
	statement = ledger_statement(ledger,
	                             "INSERT INTO position (object, credentials, position, staged, moved_us, moved_by, why) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6)"
	                             " ON CONFLICT DO UPDATE SET position = excluded.position, moved_us = excluded.moved_us,"
	                             " moved_by = excluded.moved_by, why = excluded.why", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	if (position.length > 0)
		ledger_bind_blob(statement, 3, position.data, position.length);
	sqlite3_bind_int64(statement, 4, ledger_now(ledger));
	ledger_bind_text(statement, 5, ledger->who);
	ledger_bind_text(statement, 6, why);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_applied_set(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t staged, const char *why,
                   struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT seq FROM sqlite_sequence WHERE name = 'staged_batch'", err);
	int64_t last = 0;
	int status;

	if (statement == NULL || (status = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (status == 1)
		last = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (staged < 0 || staged > last)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "`syncline position` shows the last one.", "there is no staged batch %lld; the last one is %lld",
		                 (long long)staged, (long long)last);
	return set_applied(ledger, object, credentials, flow, unit, staged, ledger->who, why != NULL ? why : "", err);
}
