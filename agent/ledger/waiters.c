/* SPDX-License-Identifier: BSD-2-Clause */
/* waiters.c: rows that wait for a parent, with the row itself. */
#include "ledger/staging_inside.h"

#include <string.h>

#define WAITER_COLUMNS                                                                                                            \
	"id, flow, unit, object, native, parent_object, parent_native, field, since_us, until_us, started, read_us, \"full\", size, sealed, data, held"

/*
 * The newer row takes the older one's place and id.  Its patience is the older one's as long as it waits for the same parent:
 * a source that sends a row every hour must not make it wait for ever.
 */
int
ledger_wait(struct ledger *ledger, const struct ledger_waiter *waiter, struct error *err)
{
	sqlite3_stmt *statement;
	struct packed packed;

	if (waiter->batch == NULL || waiter->batch->header->record_count != 1)
		return error_set(err, ERROR_INTERNAL, NULL, "a row that shall wait for its parent came without itself");
	if (packed_batch(ledger, waiter->batch, (struct syncline_slice){ NULL, 0 }, &packed, err) != 0)
		return -1;
	statement = ledger_statement(
		ledger, "INSERT INTO waiter (flow, unit, object, native, parent_object, parent_native, field, since_us, until_us, started, read_us, \"full\","
		        " size, sealed, data, held) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, nullif(?16, 0))"
		        " ON CONFLICT (flow, unit, object, native) DO UPDATE SET since_us = min(since_us, excluded.since_us),"
		        " until_us = CASE WHEN parent_object = excluded.parent_object AND parent_native IS excluded.parent_native"
		        " THEN min(until_us, excluded.until_us) ELSE excluded.until_us END,"
		        " parent_object = excluded.parent_object, parent_native = excluded.parent_native, field = excluded.field,"
		        " started = excluded.started, read_us = excluded.read_us, \"full\" = excluded.\"full\", size = excluded.size,"
		        " sealed = excluded.sealed, data = excluded.data, held = excluded.held", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, waiter->flow);
	sqlite3_bind_int64(statement, 2, waiter->unit);
	sqlite3_bind_int64(statement, 3, waiter->object);
	sqlite3_bind_text64(statement, 4, waiter->native.length > 0 ? waiter->native.data : "", waiter->native.length, SQLITE_STATIC, SQLITE_UTF8);
	sqlite3_bind_int64(statement, 5, waiter->parent_object);
	ledger_bind_slice(statement, 6, waiter->parent_native);
	ledger_bind_text(statement, 7, waiter->field);
	sqlite3_bind_int64(statement, 8, waiter->since_us != 0 ? waiter->since_us : ledger_now(ledger));
	sqlite3_bind_int64(statement, 9, waiter->until_us);
	sqlite3_bind_int64(statement, 10, (int64_t)waiter->started);
	sqlite3_bind_int64(statement, 11, waiter->read_us);
	sqlite3_bind_int(statement, 12, waiter->full);
	sqlite3_bind_int64(statement, 13, packed.size);
	sqlite3_bind_int(statement, 14, packed.sealed);
	ledger_bind_blob(statement, 15, packed.data.data, packed.data.length);
	sqlite3_bind_int64(statement, 16, waiter->held);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_wait_end(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM waiter WHERE flow = ?1 AND unit = ?2 AND object = ?3 AND native = ?4", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, object);
	sqlite3_bind_text64(statement, 4, native.length > 0 ? native.data : "", native.length, SQLITE_STATIC, SQLITE_UTF8);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_wait_of(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, struct batch **ret_row,
               struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT data, size, sealed FROM waiter WHERE flow = ?1 AND unit = ?2 AND object = ?3 AND native = ?4", err);
	struct batch *row = NULL;
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, object);
	sqlite3_bind_text64(statement, 4, native.length > 0 ? native.data : "", native.length, SQLITE_STATIC, SQLITE_UTF8);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 1)
		row = packed_open(ledger, ledger_column_view(statement, 0), sqlite3_column_int64(statement, 1), sqlite3_column_int(statement, 2) != 0, err);
	sqlite3_reset(statement);
	if (got == 1 && row == NULL)
		return -1;
	*ret_row = row;
	return 0;
}

int
ledger_wait_end_unseen(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, uint64_t started, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "DELETE FROM waiter WHERE flow = ?1 AND unit = ?2 AND object = ?3 AND started < ?4", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, object);
	sqlite3_bind_int64(statement, 4, (int64_t)started);
	return ledger_run_statement(ledger, statement, err);
}

static void
take_numbers(sqlite3_stmt *statement, struct ledger_waiter *waiter)
{
	*waiter = (struct ledger_waiter){
		.id = sqlite3_column_int64(statement, 0),
		.flow = (uint32_t)sqlite3_column_int64(statement, 1),
		.unit = (uint32_t)sqlite3_column_int64(statement, 2),
		.object = (uint32_t)sqlite3_column_int64(statement, 3),
		.parent_object = (uint32_t)sqlite3_column_int64(statement, 5),
		.since_us = sqlite3_column_int64(statement, 8),
		.until_us = sqlite3_column_int64(statement, 9),
		.started = (uint64_t)sqlite3_column_int64(statement, 10),
		.read_us = sqlite3_column_int64(statement, 11),
		.full = sqlite3_column_int(statement, 12) != 0,
		.held = sqlite3_column_int64(statement, 16),
	};
}

/* w is ready at ?4: its time is over, its parent is there, or its record has other locks than those that held it. */
#define IS_READY "(until_us <= ?4 OR EXISTS (SELECT 1" \
	" FROM link l WHERE l.object = w.parent_object AND l.unit = w.unit AND l.native = w.parent_native AND l.state = 0) OR (held > 0" \
	" AND held <> coalesce((SELECT sum(k.id) FROM link l JOIN lock k ON k.record = l.record AND k.ended_us = 0" \
	" AND (k.until_us = 0 OR k.until_us > ?4) WHERE l.object = w.object AND l.unit = w.unit AND l.native = w.native AND l.state = 0), 0)))"
#define LOOKED_AT "1000" /* by whoever only wants to know when */

int
ledger_wait_ready(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t after, struct arena *arena, struct ledger_waiter *ret_waiters,
                  uint32_t max, uint32_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT " WAITER_COLUMNS " FROM waiter w WHERE flow = ?1 AND unit = ?2 AND id > ?3 AND " IS_READY " ORDER BY id LIMIT ?5", err);
	uint32_t count = 0;
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, after);
	sqlite3_bind_int64(statement, 4, ledger_now(ledger));
	sqlite3_bind_int64(statement, 5, max);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_waiter *waiter = &ret_waiters[count];
		bool failed = false;

		take_numbers(statement, waiter);
		waiter->native = ledger_column_slice(statement, 4, arena, &failed);
		waiter->parent_native = ledger_column_slice(statement, 6, arena, &failed);
		waiter->field = ledger_column_text(statement, 7, arena, &failed);
		if (failed)
			status = error_memory(err);
		else if ((waiter->batch = packed_open(ledger, ledger_column_view(statement, 15), sqlite3_column_int64(statement, 13),
		                                      sqlite3_column_int(statement, 14) != 0, err)) == NULL)
			status = -1;
		if (status < 0) {
			sqlite3_reset(statement);
			break;
		}
		count++;
	}
	if (status == 0) {
		*ret_count = count;
		return 0;
	}
	while (count-- > 0)
		batch_free(ret_waiters[count].batch);
	return -1;
}

int
ledger_wait_next(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t *ret_us, struct error *err)
{
	int64_t now = ledger_now(ledger);
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT min(iif(" IS_READY ", ?4, until_us)) FROM (SELECT * FROM waiter WHERE flow = ?1 AND unit = ?2 ORDER BY id LIMIT " LOOKED_AT ") w", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 4, now);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_us = sqlite3_column_type(statement, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

int
ledger_wait_release(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "UPDATE waiter SET until_us = 0 WHERE flow = ?1 AND unit = ?2 AND object = ?3 AND held = -1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, object);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_waiters(struct ledger *ledger, uint32_t flow, uint32_t unit, int (*each)(void *data, const struct ledger_waiter *row), void *data,
               struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "SELECT " WAITER_COLUMNS " FROM waiter WHERE (?1 = 0 OR flow = ?1) AND (?2 = 0 OR unit = ?2) ORDER BY id",
	                                           err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_waiter row;

		take_numbers(statement, &row);
		row.native = ledger_column_view(statement, 4);
		row.parent_native = ledger_column_view(statement, 6);
		row.field = (const char *)sqlite3_column_text(statement, 7);
		if ((status = each(data, &row)) != 0) {
			sqlite3_reset(statement);
			return status > 0 ? 0 : -1;
		}
	}
	return status;
}
