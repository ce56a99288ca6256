/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flips.c: what systems do to values that are not theirs: how often the very same value came back after ours was restored
 * (ping-pong), and how many edits each field gets from which system.
 */
#include "ledger/findings_inside.h"

#include <stdio.h>

static int
store(struct ledger *ledger, const int64_t key[3], int64_t shown, int64_t times, bool has_former, int64_t former, int64_t former_times,
      struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "INSERT INTO flip_shown (record, field, object, shown, times, former, former_times, since_us, last_us)"
		        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) ON CONFLICT (record, field, object) DO UPDATE SET shown = ?4, times = ?5,"
		        " former = ?6, former_times = ?7, last_us = ?8", err);

	if (statement == NULL)
		return -1;
	for (int i = 0; i < 3; i++)
		sqlite3_bind_int64(statement, i + 1, key[i]);
	sqlite3_bind_int64(statement, 4, shown);
	sqlite3_bind_int64(statement, 5, times);
	if (has_former)
		sqlite3_bind_int64(statement, 6, former);
	sqlite3_bind_int64(statement, 7, former_times);
	sqlite3_bind_int64(statement, 8, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

/* Two values are kept, since two systems that disagree show two; a third takes the place of the older. */
int
ledger_flip(struct ledger *ledger, int64_t record, uint32_t field, uint32_t object, uint64_t shown, uint32_t *ret_count, struct error *err)
{
	const int64_t key[3] = { record, field, object };
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT shown, times, former, former_times FROM flip_shown WHERE record = ?1 AND field = ?2 AND object = ?3", err);
	int64_t now = (int64_t)shown, last, times, former, former_times;
	bool has_former;
	int got;

	if (statement == NULL)
		return -1;
	for (int i = 0; i < 3; i++)
		sqlite3_bind_int64(statement, i + 1, key[i]);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 0) {
		*ret_count = 0;
		return store(ledger, key, now, 0, false, 0, 0, err);
	}
	last = sqlite3_column_int64(statement, 0);
	times = sqlite3_column_int64(statement, 1);
	has_former = sqlite3_column_type(statement, 2) != SQLITE_NULL;
	former = sqlite3_column_int64(statement, 2);
	former_times = sqlite3_column_int64(statement, 3);
	sqlite3_reset(statement);
	if (now == last)
		times++;
	else {
		int64_t again = has_former && now == former ? former_times + 1 : 0;

		has_former = true;
		former = last;
		former_times = times;
		times = again;
	}
	if (store(ledger, key, now, times, has_former, former, former_times, err) != 0)
		return -1;
	*ret_count = times < UINT32_MAX ? (uint32_t)times : UINT32_MAX;
	return 0;
}

int
ledger_flip_end(struct ledger *ledger, int64_t record, uint32_t field, uint32_t object, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM flip_shown WHERE record = ?1 AND field = ?2 AND object = ?3", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, field);
	sqlite3_bind_int64(statement, 3, object);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_edit_count(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, uint32_t field, uint64_t count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "INSERT INTO edit (flow, unit, object, field, count, first_us, last_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)"
		        " ON CONFLICT (flow, unit, object, field) DO UPDATE SET count = count + ?5, last_us = ?6", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, object);
	sqlite3_bind_int64(statement, 4, field);
	sqlite3_bind_int64(statement, 5, (int64_t)count);
	sqlite3_bind_int64(statement, 6, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

/* The field's name in the present configuration, else its number: an id means the same field for ever. */
static const char *
field_name(struct ledger *ledger, uint32_t flow, uint32_t field, char buffer[32])
{
	const struct config_flow *of = ledger_flow(ledger, flow);

	for (uint32_t i = 0; of != NULL && of->entity != NULL && i < of->entity->field_count; i++)
		if (ledger_field_id(ledger, of->entity, &of->entity->fields[i]) == field)
			return of->entity->fields[i].head.name;
	snprintf(buffer, 32, "field %u", (unsigned)field);
	return buffer;
}

int
ledger_edits(struct ledger *ledger, uint32_t flow,
             int (*each)(void *data, uint32_t unit, uint32_t object, const char *field, uint64_t count, int64_t last_us), void *data,
             struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT unit, object, field, count, last_us, flow FROM edit WHERE ?1 = 0 OR flow = ?1 ORDER BY flow, unit, object, field", err);
	int got, answer = 0;
	char name[32];

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		answer = each(data, (uint32_t)sqlite3_column_int64(statement, 0), (uint32_t)sqlite3_column_int64(statement, 1),
		              field_name(ledger, (uint32_t)sqlite3_column_int64(statement, 5), (uint32_t)sqlite3_column_int64(statement, 2), name),
		              (uint64_t)sqlite3_column_int64(statement, 3), sqlite3_column_int64(statement, 4));
		if (answer != 0)
			break;
	}
	return got < 0 ? -1 : finding_after(statement, answer);
}
