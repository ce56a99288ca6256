/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk.c: adding to a first load, and its end.  What the filter does not know for certain to be new is set aside, and so is
 * everything that comes after it under the same keys: rows of one native record stay in their order.
 */
#include "ledger/bulk.h"

#include <stdlib.h>

#include "ledger/bulk_inside.h"
#include "ledger/history.h"
#include "ledger/links.h"

#define KEYS_SHIFT 8 /* links.c: match_key.id */
#define KEYS_MAX 256u

/* The keys of a row, in bulk->keys. */
static int
list_keys(struct ledger_bulk *bulk, const struct ledger_bulk_row *row, struct error *err)
{
	if (row->key_count > KEYS_MAX)
		return error_set(err, ERROR_INTERNAL, NULL, "A record of \"%s\" has %u match keys; %u are the most.", bulk->options.entity->head.name,
		                 row->key_count, KEYS_MAX);
	if (row->key_count + 1 > bulk->key_room) {
		uint64_t *keys = realloc(bulk->keys, (row->key_count + 8u) * sizeof *keys);

		if (keys == NULL)
			return error_memory(err);
		bulk->keys = keys;
		bulk->key_room = row->key_count + 8;
	}
	bulk->keys[0] = bulk_native_key(bulk->ledger, bulk->options.object, bulk->options.unit, row->link->native);
	for (uint32_t i = 0; i < row->key_count; i++)
		bulk->keys[i + 1] = bulk_match_key(row->keys[i].rule, bulk->match_unit, row->keys[i].hash);
	return 0;
}

static int
keep_aside(struct ledger_bulk *bulk, uint32_t count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(bulk->ledger, "INSERT OR IGNORE INTO first_load_aside (load, key) VALUES (?1, ?2)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, bulk->load);
	for (uint32_t i = 0; i < count; i++) {
		sqlite3_bind_int64(statement, 2, (int64_t)bulk->keys[i]);
		if (ledger_run_statement(bulk->ledger, statement, err) != 0)
			return -1;
	}
	return 0;
}

static int
sort_out(struct ledger_bulk *bulk, const struct ledger_bulk_row *rows, uint32_t count, uint8_t *ret_aside, uint32_t *ret_new, struct error *err)
{
	uint32_t fresh = 0;

	for (uint32_t i = 0; i < count; i++) {
		bool known = false;

		if (list_keys(bulk, &rows[i], err) != 0)
			return -1;
		for (uint32_t k = 0; k <= rows[i].key_count; k++)
			known = known || bloom_has(&bulk->bloom, bulk->keys[k]);
		for (uint32_t k = 0; k <= rows[i].key_count; k++)
			if (bloom_add(&bulk->bloom, bulk->keys[k]) != 0)
				return error_memory(err);
		if (known && keep_aside(bulk, rows[i].key_count + 1, err) != 0)
			return -1;
		ret_aside[i] = known;
		fresh += !known;
	}
	*ret_new = fresh;
	return 0;
}

static int
store_records(struct ledger_bulk *bulk, struct ledger_bulk_row *rows, uint32_t count, const uint8_t *aside, int64_t id, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(bulk->ledger, bulk->golden->insert, err);
	int64_t now = ledger_now(bulk->ledger);

	if (statement == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct ledger_record *record = rows[i].record;

		if (aside[i])
			continue;
		record->id = id++;
		record->unit = bulk->options.unit;
		record->state = LEDGER_LIVE;
		record->generation = 1;
		record->version = bulk->options.version;
		if (record->updated_us == 0)
			record->updated_us = now;
		if (golden_bind(bulk->golden, statement, record, &bulk->stamps, err) != 0 ||
		    ledger_run_statement(bulk->ledger, statement, err) != 0)
			return -1;
	}
	return 0;
}

static int
store_links(struct ledger_bulk *bulk, struct ledger_bulk_row *rows, uint32_t count, const uint8_t *aside, struct error *err)
{
	struct link_writing writing;
	int result = 0;

	link_write_begin(&writing, bulk->ledger, bulk->options.entity);
	for (uint32_t i = 0; i < count && result == 0; i++) {
		struct ledger_link *link = rows[i].link;

		if (aside[i])
			continue;
		link->id = 0;
		link->object = bulk->options.object;
		link->unit = bulk->options.unit;
		link->record = rows[i].record->id;
		link->effective = bulk->options.version;
		link->state = LEDGER_LINK_LIVE;
		result = link_write(&writing, link, bulk->away, err);
	}
	return link_write_end(&writing, result, err);
}

static int
store_keys(struct ledger_bulk *bulk, const struct ledger_bulk_row *rows, uint32_t count, const uint8_t *aside, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(bulk->ledger, "INSERT INTO match_key (id, entity, unit, rule, hash) VALUES (?1, ?2, ?3, ?4, ?5)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 2, bulk->entity);
	sqlite3_bind_int64(statement, 3, bulk->match_unit);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < rows[i].key_count && !aside[i]; k++) {
			sqlite3_bind_int64(statement, 1, rows[i].record->id << KEYS_SHIFT | k);
			sqlite3_bind_int64(statement, 4, rows[i].keys[k].rule);
			sqlite3_bind_blob(statement, 5, rows[i].keys[k].hash, 16, SQLITE_STATIC);
			if (ledger_run_statement(bulk->ledger, statement, err) != 0)
				return -1;
		}
	return 0;
}

/* One row of history and one of each target for all of them. */
static int
store_spans(struct ledger_bulk *bulk, int64_t first, int64_t last, struct error *err)
{
	const struct ledger_bulk_options *o = &bulk->options;
	struct ledger_history row = { .record = first, .entity = bulk->entity, .unit = o->unit, .object = o->object, .run = o->run,
		.event = LEDGER_EVENT_CREATED, .generation = 1, .version = o->version };
	sqlite3_stmt *statement;
	int64_t end;

	for (int64_t at = first; at <= last; at = end + 1) {
		end = last - at < HISTORY_SPAN_MOST ? last : at + HISTORY_SPAN_MOST - 1;
		row.record = at;
		if (history_span(bulk->ledger, &row, end, err) != 0)
			return -1;
	}
	statement = ledger_statement(bulk->ledger, "INSERT INTO delivery_span (binding, unit, run, entity, first, last, next, since_us)"
	                                           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?5, ?7)", err);
	if (statement == NULL)
		return -1;
	for (uint32_t i = 0; i < o->target_count; i++) {
		sqlite3_bind_int64(statement, 1, ledger_binding_id(bulk->ledger, o->targets[i]));
		sqlite3_bind_int64(statement, 2, o->unit);
		sqlite3_bind_int64(statement, 3, o->run);
		sqlite3_bind_int64(statement, 4, bulk->entity);
		sqlite3_bind_int64(statement, 5, first);
		sqlite3_bind_int64(statement, 6, last);
		sqlite3_bind_int64(statement, 7, ledger_now(bulk->ledger));
		if (ledger_run_statement(bulk->ledger, statement, err) != 0)
			return -1;
	}
	return 0;
}

/* What was added, and that it is still ours. */
static int
note(struct ledger_bulk *bulk, uint32_t more, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(bulk->ledger, "UPDATE first_load SET records = records + ?2, until_us = ?3 WHERE id = ?1 AND holder = ?4", err);

	if (statement == NULL)
		return -1;
	bulk->until_us = ledger_now(bulk->ledger) + BULK_HOLD_US;
	sqlite3_bind_int64(statement, 1, bulk->load);
	sqlite3_bind_int64(statement, 2, more);
	sqlite3_bind_int64(statement, 3, bulk->until_us);
	ledger_bind_text(statement, 4, bulk->ledger->holder);
	if (ledger_run_statement(bulk->ledger, statement, err) != 0)
		return -1;
	if (sqlite3_changes(bulk->ledger->db) == 0)
		return error_set(err, ERROR_LEDGER_LOADING, "Run the flow again: it goes on where this one was.",
		                 "the load of \"%s\" was taken over by another run, or ended", bulk->options.entity->head.name);
	return 0;
}

int
ledger_bulk_add(struct ledger_bulk *bulk, struct ledger_bulk_row *rows, uint32_t count, uint8_t *ret_aside, struct error *err)
{
	uint32_t fresh;
	int64_t first = 0;

	if (sort_out(bulk, rows, count, ret_aside, &fresh, err) != 0 || note(bulk, fresh, err) != 0)
		return -1;
	if (fresh == 0)
		return 0;
	if (ledger_new_ids(bulk->ledger, fresh, &first, err) != 0 || store_records(bulk, rows, count, ret_aside, first, err) != 0 ||
	    store_links(bulk, rows, count, ret_aside, err) != 0 || store_keys(bulk, rows, count, ret_aside, err) != 0 ||
	    ledger_count_records(bulk->ledger, bulk->entity, bulk->options.unit, fresh, err) != 0)
		return -1;
	return store_spans(bulk, first, first + fresh - 1, err);
}

static int
forget_load(struct ledger_bulk *bulk, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(bulk->ledger, "DELETE FROM first_load_aside WHERE load = ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, bulk->load);
	if (ledger_run_statement(bulk->ledger, statement, err) != 0 ||
	    (statement = ledger_statement(bulk->ledger, "DELETE FROM first_load WHERE id = ?1", err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, bulk->load);
	return ledger_run_statement(bulk->ledger, statement, err);
}

int
ledger_bulk_close(struct ledger_bulk *bulk, const struct ledger_progress *progress, struct error *err)
{
	int result;

	/* Nothing is added any more: sorting gets its room. */
	bloom_free(&bulk->bloom);
	if (ledger_begin(bulk->ledger, err) != 0)
		return -1;
	result = bulk_build(bulk->ledger, progress, err);
	if (result == 0)
		result = forget_load(bulk, err);
	if (result == 0)
		result = ledger_commit(bulk->ledger, err);
	if (result != 0)
		ledger_rollback(bulk->ledger);
	else
		bulk->load = 0;
	return result;
}

void
ledger_bulk_free(struct ledger_bulk *bulk)
{
	sqlite3_stmt *statement;

	if (bulk == NULL)
		return;
	/* Unfinished: another run may go on with it at once.  Where that can't be said, it may when our time is over. */
	if (bulk->load != 0 && !bulk->ledger->in_transaction && ledger_begin(bulk->ledger, NULL) == 0) {
		statement = ledger_statement(bulk->ledger, "UPDATE first_load SET holder = NULL, until_us = 0 WHERE id = ?1 AND holder = ?2", NULL);
		if (statement != NULL) {
			sqlite3_bind_int64(statement, 1, bulk->load);
			ledger_bind_text(statement, 2, bulk->ledger->holder);
			ledger_run_statement(bulk->ledger, statement, NULL);
		}
		if (ledger_commit(bulk->ledger, NULL) != 0)
			ledger_rollback(bulk->ledger);
	}
	bloom_free(&bulk->bloom);
	buffer_free(&bulk->stamps);
	free(bulk->keys);
	free(bulk->targets);
	free(bulk);
}
