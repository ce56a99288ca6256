/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * corrections.c: a person's value in the place of a rejected one.  It holds as long as the source sends the value that was
 * corrected, which the flow finds out by `raw`; a newer correction of the same field takes the place of the older.
 */
#include "ledger/findings_inside.h"
#include "ledger/records.h"
#include "ledger/staging.h"

#include <string.h>

#define COLUMNS "id, binding, unit, native, field, raw, value, who, why, at_us, ended_us, applied"

static int
end_where(struct ledger *ledger, const struct ledger_correction *c, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE correction SET ended_us = ?1, ended_by = ?2, ended_why = 'a newer one took its place'"
		        " WHERE ended_us = 0 AND binding = ?3 AND unit = ?4 AND native IS ?5 AND field = ?6", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_now(ledger));
	ledger_bind_text(statement, 2, ledger->who);
	sqlite3_bind_int64(statement, 3, c->binding);
	sqlite3_bind_int64(statement, 4, c->unit);
	ledger_bind_slice(statement, 5, c->native);
	ledger_bind_text(statement, 6, c->field);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_correction_add(struct ledger *ledger, const struct ledger_correction *c, int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *statement;
	int64_t id;

	if (end_where(ledger, c, err) != 0 || finding_number(ledger, &id, err) != 0)
		return -1;
	statement = ledger_statement(ledger, "INSERT INTO correction (id, binding, unit, native, field, raw, value, who, why, at_us)"
	                                     " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, c->binding);
	sqlite3_bind_int64(statement, 3, c->unit);
	ledger_bind_slice(statement, 4, c->native);
	ledger_bind_text(statement, 5, c->field);
	ledger_bind_blob(statement, 6, c->raw, sizeof c->raw);
	ledger_bind_text(statement, 7, c->value);
	ledger_bind_text(statement, 8, c->who != NULL ? c->who : ledger->who);
	ledger_bind_text(statement, 9, c->why);
	sqlite3_bind_int64(statement, 10, c->at_us != 0 ? c->at_us : ledger_now(ledger));
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	ledger->has_corrections = true;
	if (ret_id != NULL)
		*ret_id = id;
	return 0;
}

static int
read_row(sqlite3_stmt *statement, struct ledger_correction *ret_row, struct error *err)
{
	struct ledger_correction row = { 0 };
	struct syncline_slice raw = ledger_column_view(statement, 5);
	bool failed = false;

	row.id = sqlite3_column_int64(statement, 0);
	row.binding = (uint32_t)sqlite3_column_int64(statement, 1);
	row.unit = (uint32_t)sqlite3_column_int64(statement, 2);
	row.native = ledger_column_view(statement, 3);
	row.field = finding_text(statement, 4, &failed);
	if (raw.length == sizeof row.raw)
		memcpy(row.raw, raw.data, sizeof row.raw);
	row.value = finding_text(statement, 6, &failed);
	row.who = finding_text(statement, 7, &failed);
	row.why = finding_text(statement, 8, &failed);
	row.at_us = sqlite3_column_int64(statement, 9);
	row.ended_us = sqlite3_column_int64(statement, 10);
	row.applied = (uint64_t)sqlite3_column_int64(statement, 11);
	if (failed || (row.native.data == NULL && sqlite3_column_bytes(statement, 3) > 0))
		return error_memory(err);
	*ret_row = row;
	return 0;
}

int
ledger_corrections_for(struct ledger *ledger, uint32_t binding, uint32_t unit, const struct syncline_slice *natives, uint32_t count,
                       int (*each)(void *data, uint32_t index, const struct ledger_correction *row), void *data, struct error *err)
{
	struct ledger_correction row;
	int answer = 0;

	for (uint32_t i = 0; i < count && answer == 0 && ledger->has_corrections; i++) {
		sqlite3_stmt *statement = ledger_statement(
			ledger, "SELECT " COLUMNS " FROM correction WHERE ended_us = 0 AND binding = ?1 AND unit = ?2 AND native = ?3 ORDER BY field", err);
		int got = 0;

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, binding);
		sqlite3_bind_int64(statement, 2, unit);
		ledger_bind_slice(statement, 3, natives[i]);
		while (answer == 0 && (got = ledger_step(ledger, statement, err)) == 1)
			answer = read_row(statement, &row, err) != 0 ? -1 : each(data, i, &row);
		if (got < 0)
			return -1;
		sqlite3_reset(statement);
	}
	return answer < 0 ? -1 : 0;
}

int
ledger_correction_applied(struct ledger *ledger, int64_t id, uint64_t times, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE correction SET applied = applied + ?2 WHERE id = ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, (int64_t)times);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_correction_end(struct ledger *ledger, int64_t id, const char *why, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "UPDATE correction SET ended_us = ?2, ended_by = ?3, ended_why = ?4 WHERE id = ?1 AND ended_us = 0", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, ledger_now(ledger));
	ledger_bind_text(statement, 3, ledger->who);
	ledger_bind_text(statement, 4, why);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (sqlite3_changes(ledger->db) == 0)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "`syncline corrections --all` lists them.",
		                 "there is no correction %lld that still holds", (long long)id);
	return ledger_refresh_findings(ledger, err);
}

int
ledger_corrections(struct ledger *ledger, bool all, int (*each)(void *data, const struct ledger_correction *row), void *data,
                   struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT " COLUMNS " FROM correction WHERE ?1 OR ended_us = 0 ORDER BY id", err);
	struct ledger_correction row;
	int got, answer = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int(statement, 1, all);
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		answer = read_row(statement, &row, err) != 0 ? -1 : each(data, &row);
		if (answer != 0)
			break;
	}
	return got < 0 ? -1 : finding_after(statement, answer);
}

int
ledger_correction_get(struct ledger *ledger, int64_t id, struct arena *arena, struct ledger_correction *ret_correction, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT " COLUMNS " FROM correction WHERE id = ?1", err);
	struct ledger_correction row;
	int got, status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 0)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "`syncline corrections --all` lists them.", "there is no correction %lld", (long long)id);
	if ((status = read_row(statement, &row, err)) == 0) {
		bool value = row.value != NULL, who = row.who != NULL, why = row.why != NULL;

		row.native.data = arena_copy(arena, row.native.length > 0 ? row.native.data : "", row.native.length);
		row.field = arena_text(arena, row.field);
		row.value = value ? arena_text(arena, row.value) : NULL;
		row.who = who ? arena_text(arena, row.who) : NULL;
		row.why = why ? arena_text(arena, row.why) : NULL;
		/* A value that is null is another correction than one for which there was no memory. */
		if (row.native.data == NULL || row.field == NULL || (value && row.value == NULL) || (who && row.who == NULL) || (why && row.why == NULL))
			status = error_memory(err);
	}
	sqlite3_reset(statement);
	if (status == 0)
		*ret_correction = row;
	return status;
}

/* ?1 to ?3: whose row. */
static int
mark_rows(struct ledger *ledger, const char *sql, int64_t first, uint32_t unit, uint32_t object, struct syncline_slice native, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, unit);
	sqlite3_bind_int64(statement, 2, object);
	ledger_bind_slice(statement, 3, native);
	sqlite3_bind_int64(statement, 4, first);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_correction_look(struct ledger *ledger, const struct ledger_correction *c, struct error *err)
{
	const struct config_binding *binding = ledger_binding(ledger, c->binding);
	uint32_t flow, object;

	if (binding == NULL)
		return 0;
	flow = ledger_flow_id(ledger, binding->flow);
	object = ledger_object_id(ledger, binding->object);
	if (mark_rows(ledger, "UPDATE link SET flags = flags | ?4 WHERE unit = ?1 AND object = ?2 AND native = ?3 AND state IN (0, 3)", LEDGER_LINK_REJECTED,
	              c->unit, object, c->native, err) != 0 ||
	    mark_rows(ledger, "UPDATE reject SET retry_us = ?4 WHERE state = 0 AND unit = ?1 AND object = ?2 AND native = ?3 AND row_batch IS NOT NULL",
	              ledger_now(ledger), c->unit, object, c->native, err) != 0)
		return -1;
	return ledger_unsure(ledger, flow, c->unit, object, c->native, 0, err);
}

/* Of the whole ledger: a binding without any then costs one look in an empty index a native id, and most ledgers have none. */
bool
ledger_has_corrections(struct ledger *ledger, uint32_t binding, uint32_t unit)
{
	(void)binding, (void)unit;
	return ledger->has_corrections;
}
