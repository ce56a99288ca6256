/* SPDX-License-Identifier: BSD-2-Clause */
/* match.c: exact match keys: which records share one, and which rows still look for theirs.  Whether a key may link is decided by who asks, from how many there are. */
#include "ledger/links.h"

#include <string.h>

#define KEYS_SHIFT 8 /* links.c: match_key.id */
#define KEYS_MAX 256u

int
ledger_match_find(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, uint32_t rule, const uint8_t hash[16],
                  int64_t ret_records[LEDGER_MATCHES_MAX], uint32_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT id >> 8 FROM match_key INDEXED BY match_key_hash WHERE hash = ?1 AND rule = ?2 AND entity = ?3 AND unit = ?4 ORDER BY id"
		" LIMIT ?5", err);
	uint32_t count = 0;
	int step = 0;

	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_blob(statement, 1, hash, 16, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, rule);
	sqlite3_bind_int64(statement, 3, ledger_entity_id(ledger, entity));
	sqlite3_bind_int64(statement, 4, unit);
	/* A record may have the same key twice, under one rule: it counts once. */
	sqlite3_bind_int64(statement, 5, LEDGER_MATCHES_MAX * KEYS_MAX);
	while (count < LEDGER_MATCHES_MAX && (step = ledger_step(ledger, statement, err)) == 1) {
		int64_t record = sqlite3_column_int64(statement, 0);

		if (count == 0 || ret_records[count - 1] != record)
			ret_records[count++] = record;
	}
	sqlite3_reset(statement);
	if (step < 0)
		return link_failed(ledger, err);
	*ret_count = count;
	return 0;
}

/* Are they these already?  Most changes of a record touch none of its keys, and each key written costs a place at random. */
static int
same(struct ledger *ledger, uint32_t entity, uint32_t unit, int64_t record, const struct ledger_match *keys, uint32_t count, bool *ret_same,
     bool *ret_any, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT entity, unit, rule, hash FROM match_key WHERE id BETWEEN ?1 AND ?2 ORDER BY id", err);
	bool equal = true;
	uint32_t at = 0;
	int step;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record << KEYS_SHIFT);
	sqlite3_bind_int64(statement, 2, record << KEYS_SHIFT | (KEYS_MAX - 1));
	for (; (step = ledger_step(ledger, statement, err)) == 1; at++) {
		struct syncline_slice hash = ledger_column_view(statement, 3);

		equal = equal && at < count && sqlite3_column_int64(statement, 0) == entity && sqlite3_column_int64(statement, 1) == unit &&
		        sqlite3_column_int64(statement, 2) == keys[at].rule && hash.length == 16 && memcmp(hash.data, keys[at].hash, 16) == 0;
	}
	if (step < 0)
		return -1;
	*ret_same = equal && at == count;
	*ret_any = at > 0;
	return 0;
}

int
ledger_match_set(struct ledger *ledger, const struct config_entity *entity, uint32_t unit, int64_t record, const struct ledger_match *keys,
                 uint32_t count, struct error *err)
{
	uint32_t id = ledger_entity_id(ledger, entity);
	sqlite3_stmt *statement;
	bool equal, any;

	if (count > KEYS_MAX)
		return error_set(err, ERROR_INTERNAL, NULL, "A record of \"%s\" has %u match keys; %u are the most.", entity->head.name, count, KEYS_MAX);
	if (same(ledger, id, unit, record, keys, count, &equal, &any, err) != 0)
		return -1;
	if (equal)
		return 0;
	if (any) {
		if ((statement = ledger_statement(ledger, "DELETE FROM match_key WHERE id BETWEEN ?1 AND ?2", err)) == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, record << KEYS_SHIFT);
		sqlite3_bind_int64(statement, 2, record << KEYS_SHIFT | (KEYS_MAX - 1));
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
	}
	if ((statement = ledger_statement(ledger, "INSERT INTO match_key (id, entity, unit, rule, hash) VALUES (?1, ?2, ?3, ?4, ?5)", err)) == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		sqlite3_bind_int64(statement, 1, record << KEYS_SHIFT | i);
		sqlite3_bind_int64(statement, 2, id);
		sqlite3_bind_int64(statement, 3, unit);
		sqlite3_bind_int64(statement, 4, keys[i].rule);
		sqlite3_bind_blob(statement, 5, keys[i].hash, 16, SQLITE_STATIC);
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
	}
	return 0;
}

int
ledger_review_keys(struct ledger *ledger, int64_t review, const struct config_entity *entity, uint32_t unit, const struct ledger_match *keys,
                   uint32_t count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM review_key WHERE review = ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, review);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if ((statement = ledger_statement(ledger, "INSERT INTO review_key (review, rule, entity, unit, hash) VALUES (?1, ?2, ?3, ?4, ?5)", err)) == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, review);
		sqlite3_bind_int64(statement, 2, keys[i].rule);
		sqlite3_bind_int64(statement, 3, ledger_entity_id(ledger, entity));
		sqlite3_bind_int64(statement, 4, unit);
		sqlite3_bind_blob(statement, 5, keys[i].hash, 16, SQLITE_STATIC);
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
	}
	return 0;
}

int
ledger_reviews_matched(struct ledger *ledger, uint32_t flow, uint32_t unit, struct arena *arena, int64_t **ret_reviews, uint32_t *ret_count,
                       struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT r.id FROM review r INDEXED BY review_unmatched WHERE r.flow = ?1 AND r.unit = ?2 AND r.state = 0 AND r.cause IN ('unmatched', 'forgotten')"
		        " AND r.decision IS NULL AND r.retry_us IS NULL AND EXISTS (SELECT 1 FROM review_key k WHERE k.review = r.id"
		        " AND (SELECT count(*) FROM (SELECT DISTINCT m.id >> 8 FROM match_key m WHERE m.hash = k.hash AND m.rule = k.rule"
		        " AND m.entity = k.entity AND m.unit = k.unit LIMIT ?3)) BETWEEN 1 AND ?3 - 1) ORDER BY r.id", err);
	uint32_t count = 0, room = 0;
	int64_t *reviews = NULL;
	int step;

	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, LEDGER_MATCHES_MAX);
	while ((step = ledger_step(ledger, statement, err)) == 1) {
		if (count == room) {
			int64_t *grown = arena_array(arena, room = room == 0 ? 64 : room * 2, sizeof *grown);

			if (grown == NULL) {
				sqlite3_reset(statement);
				return error_memory(err);
			}
			if (count > 0)
				memcpy(grown, reviews, count * sizeof *grown);
			reviews = grown;
		}
		reviews[count++] = sqlite3_column_int64(statement, 0);
	}
	sqlite3_reset(statement);
	if (step < 0)
		return link_failed(ledger, err);
	*ret_reviews = reviews;
	*ret_count = count;
	return 0;
}
