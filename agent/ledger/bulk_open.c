/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bulk_open.c: when a binding may be loaded in bulk, beginning such a load or going on with one, its indexes, and what an engine
 * does with one that was left.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "ledger/bulk_inside.h"

/* Keys. */

uint64_t
bulk_native_key(struct ledger *ledger, uint32_t object, uint32_t unit, struct syncline_slice native)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t key;

	crypto_shorthash(hash, native.length > 0 ? native.data : (const unsigned char *)"", native.length, ledger->hash_key);
	memcpy(&key, hash, sizeof key);
	return key ^ ((uint64_t)object << 32 | unit) * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t
bulk_match_key(uint32_t rule, uint32_t unit, const uint8_t hash[16])
{
	uint64_t key;

	memcpy(&key, hash, sizeof key);
	return (key ^ ((uint64_t)rule << 32 | unit)) * UINT64_C(0xd6e8feb86659fd93);
}

/* One number of one row. */
static int
ask(struct ledger *ledger, const char *sql, int64_t a, int64_t b, int64_t c, int64_t *ret_number, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	int parameters, step;

	if (statement == NULL)
		return -1;
	parameters = sqlite3_bind_parameter_count(statement);
	if (parameters > 0)
		sqlite3_bind_int64(statement, 1, a);
	if (parameters > 1)
		sqlite3_bind_int64(statement, 2, b);
	if (parameters > 2)
		sqlite3_bind_int64(statement, 3, c);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_number = step == 1 ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

/* Indexes. */

int
bulk_stand(struct ledger *ledger, bool *ret_stand, struct error *err)
{
	int64_t there;

	if (ask(ledger, "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name IN ('link_native', 'link_record', 'match_key_hash')", 0, 0,
	        0, &there, err) != 0)
		return -1;
	*ret_stand = there == 3;
	return 0;
}

int
bulk_put_away(struct ledger *ledger, const struct config_entity *entity, struct error *err)
{
	struct buffer text;
	const char *sql;
	int result;

	buffer_init(&text, 0);
	buffer_text(&text, "DROP INDEX IF EXISTS link_native; DROP INDEX IF EXISTS link_record; DROP INDEX IF EXISTS match_key_hash;");
	for (uint32_t i = 0; i < entity->field_count; i++)
		if (entity->fields[i].type == CONFIG_FIELD_REF)
			buffer_format(&text, "DROP INDEX IF EXISTS golden_ref_%u_%u;", ledger_entity_id(ledger, entity),
			              ledger_field_id(ledger, entity, &entity->fields[i]));
	if ((sql = buffer_string(&text)) == NULL || text.failed)
		result = error_memory(err);
	else
		result = ledger_execute(ledger, sql, err);
	buffer_free(&text);
	return result;
}

struct watch {
	const struct ledger_progress *progress;
	uint64_t done, total; /* hundred thousands of steps of SQLite's machine; guessed */
	bool stopped;
};

static int
look_up(void *data)
{
	struct watch *watch = data;

	if (watch->done < watch->total)
		watch->done++;
	watch->stopped = !watch->progress->step(watch->progress->data, watch->done, watch->total);
	return watch->stopped;
}

/* All that are missing, in the caller's transaction. */
int
bulk_build(struct ledger *ledger, const struct ledger_progress *progress, struct error *err)
{
	const struct model *model = ledger->options.model;
	struct watch watch = { .progress = progress };
	int64_t links, keys;
	int result;

	if (ask(ledger, "SELECT coalesce(max(id), 0) FROM link", 0, 0, 0, &links, err) != 0 ||
	    ask(ledger, "SELECT count(*) FROM match_key", 0, 0, 0, &keys, err) != 0)
		return -1;
	/* About thirty steps a row and index, of which links have two. */
	watch.total = ((uint64_t)links * 2 + (uint64_t)keys) * 30 / 100000 + 1;
	if (progress != NULL && progress->step != NULL)
		sqlite3_progress_handler(ledger->db, 100000, look_up, &watch);
	/* What was gone through is sorted beside it. */
	sqlite3_limit(ledger->db, SQLITE_LIMIT_WORKER_THREADS, 1);
	result = ledger_execute(ledger, ledger_schema_indexes, err);
	for (uint32_t e = 0; model != NULL && e < model->entity_count && result == 0; e++)
		for (uint32_t f = 0; f < model->entities[e].field_count && result == 0; f++)
			if (model->entities[e].fields[f].type == CONFIG_FIELD_REF)
				result = golden_index_ref(ledger, &model->entities[e], &model->entities[e].fields[f], err);
	sqlite3_limit(ledger->db, SQLITE_LIMIT_WORKER_THREADS, 0);
	sqlite3_progress_handler(ledger->db, 0, NULL, NULL);
	if (result != 0 && watch.stopped)
		return error_set(err, ERROR_LEDGER_STOPPED, "The load goes on when its flow runs again.", "the indexes of a first load are not built yet");
	return result;
}

int
ledger_recover_bulk(struct ledger *ledger, struct error *err)
{
	bool stand;
	int result;

	if (bulk_stand(ledger, &stand, err) != 0 || ledger_begin(ledger, err) != 0)
		return -1;
	/* Whoever held a load is gone; it may be gone on with, and until then everything else works. */
	result = ledger_execute(ledger, "UPDATE first_load SET holder = NULL, until_us = 0 WHERE holder IS NOT NULL", err);
	if (result == 0 && !stand)
		result = bulk_build(ledger, NULL, err);
	if (result == 0)
		result = ledger_commit(ledger, err);
	if (result != 0)
		ledger_rollback(ledger);
	return result;
}

/* Is somebody else at work on a first load? */
static int
others_load(struct ledger *ledger, bool *ret_others, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT count(*) FROM first_load WHERE holder IS NOT ?1 AND until_us > ?2", err);

	if (statement == NULL)
		return -1;
	ledger_bind_text(statement, 1, ledger->holder);
	sqlite3_bind_int64(statement, 2, ledger_now(ledger));
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_others = sqlite3_column_int64(statement, 0) > 0;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_bulk_settle(struct ledger *ledger, struct error *err)
{
	bool stand, others;
	int result;

	if (bulk_stand(ledger, &stand, err) != 0 || (!stand && ledger_begin(ledger, err) != 0))
		return -1;
	if (stand)
		return 0;
	result = others_load(ledger, &others, err);
	if (result == 0 && !others)
		result = bulk_build(ledger, NULL, err);
	if (result == 0)
		result = ledger_commit(ledger, err);
	if (result != 0)
		ledger_rollback(ledger);
	return result;
}

/* Opening. */

int
ledger_bulk_possible(struct ledger *ledger, const struct config_entity *entity, uint32_t object, uint32_t unit, bool *ret_possible,
                     struct error *err)
{
	uint32_t id = ledger_entity_id(ledger, entity);
	struct golden *golden = golden_of(ledger, entity, err);
	struct ledger_record first;
	struct arena arena;
	int64_t known, elsewhere, linked;
	uint32_t count;

	(void)unit;
	if (golden == NULL)
		return -1;
	/* An unfinished load of this entity; and of another object, whose records these may match. */
	if (ask(ledger, "SELECT count(*) FROM first_load WHERE entity = ?1 AND object = ?2", id, object, 0, &known, err) != 0 ||
	    ask(ledger, "SELECT count(*) FROM first_load WHERE entity = ?1 AND object <> ?2", id, object, 0, &elsewhere, err) != 0)
		return -1;
	if (known > 0 || elsewhere > 0) {
		*ret_possible = known > 0 && elsewhere == 0;
		return 0;
	}
	if (ask(ledger, "SELECT count(*) FROM link_count WHERE object = ?1", object, 0, 0, &linked, err) != 0)
		return -1;
	arena_init(&arena, 0);
	if (ledger_records_scan(ledger, entity, 0, 0, &arena, &first, 1, &count, err) != 0) {
		arena_free(&arena);
		return -1;
	}
	arena_free(&arena);
	*ret_possible = count == 0 && linked == 0;
	return 0;
}

/* The row of this load: made, or taken over from who is gone. */
static int
hold(struct ledger_bulk *bulk, struct error *err)
{
	const struct ledger_bulk_options *o = &bulk->options;
	struct ledger *ledger = bulk->ledger;
	int64_t now = ledger_now(ledger), others;
	sqlite3_stmt *statement;

	if ((statement = ledger_statement(ledger, "SELECT count(*) FROM first_load WHERE entity = ?1 AND holder IS NOT ?2 AND until_us > ?3", err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, bulk->entity);
	ledger_bind_text(statement, 2, ledger->holder);
	sqlite3_bind_int64(statement, 3, now);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	others = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (others > 0)
		return error_set(err, ERROR_LEDGER_LOADING, "Wait until that run has ended.", "\"%s\" is being loaded by another run",
		                 o->entity->head.name);
	if (ask(ledger, "SELECT id FROM first_load WHERE entity = ?1 AND object = ?2 AND unit = ?3", bulk->entity, o->object, o->unit, &bulk->load,
	        err) != 0)
		return -1;
	bulk->until_us = now + BULK_HOLD_US;
	statement = ledger_statement(ledger, bulk->load != 0 ? "UPDATE first_load SET run = ?4, version = ?5, holder = ?7, until_us = ?8 WHERE id = ?9"
	                                                     : "INSERT INTO first_load (entity, object, unit, run, version, started_us, records, holder,"
	                                                       " until_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, bulk->entity);
	sqlite3_bind_int64(statement, 2, o->object);
	sqlite3_bind_int64(statement, 3, o->unit);
	sqlite3_bind_int64(statement, 4, o->run);
	sqlite3_bind_int64(statement, 5, o->version);
	sqlite3_bind_int64(statement, 6, now);
	ledger_bind_text(statement, 7, ledger->holder);
	sqlite3_bind_int64(statement, 8, bulk->until_us);
	if (bulk->load != 0)
		sqlite3_bind_int64(statement, 9, bulk->load);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (bulk->load == 0)
		bulk->load = sqlite3_last_insert_rowid(ledger->db);
	return 0;
}

/* All that this entity and object have by now: nothing, or what was loaded before a kill. */
static int
remember(struct ledger_bulk *bulk, struct error *err)
{
	struct ledger *ledger = bulk->ledger;
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT unit, native FROM link NOT INDEXED WHERE object = ?1", err);
	int step, failed = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, bulk->options.object);
	while (!failed && (step = ledger_step(ledger, statement, err)) == 1)
		failed = bloom_add(&bulk->bloom, bulk_native_key(ledger, bulk->options.object, (uint32_t)sqlite3_column_int64(statement, 0),
		                                                 ledger_column_view(statement, 1)));
	sqlite3_reset(statement);
	if (failed || step < 0)
		return failed ? error_memory(err) : -1;
	if ((statement = ledger_statement(ledger, "SELECT rule, unit, hash FROM match_key NOT INDEXED WHERE entity = ?1", err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, bulk->entity);
	while (!failed && (step = ledger_step(ledger, statement, err)) == 1) {
		struct syncline_slice hash = ledger_column_view(statement, 2);

		if (hash.length == 16)
			failed = bloom_add(&bulk->bloom, bulk_match_key((uint32_t)sqlite3_column_int64(statement, 0),
			                                                (uint32_t)sqlite3_column_int64(statement, 1), hash.data));
	}
	sqlite3_reset(statement);
	if (failed || step < 0)
		return failed ? error_memory(err) : -1;
	if ((statement = ledger_statement(ledger, "SELECT key FROM first_load_aside", err)) == NULL)
		return -1;
	while (!failed && (step = ledger_step(ledger, statement, err)) == 1)
		failed = bloom_add(&bulk->bloom, (uint64_t)sqlite3_column_int64(statement, 0));
	sqlite3_reset(statement);
	return failed ? error_memory(err) : step < 0 ? -1 : 0;
}

/* Rows that have indexes already are indexed once more at the end: that must be worth it. */
static int
put_away(struct ledger_bulk *bulk, struct error *err)
{
	int64_t links, worth = bulk->options.expected == 0 ? 200000 : (int64_t)bulk->options.expected * 2;
	bool stand;

	if (bulk_stand(bulk->ledger, &stand, err) != 0 || ask(bulk->ledger, "SELECT coalesce(max(id), 0) FROM link", 0, 0, 0, &links, err) != 0)
		return -1;
	bulk->away = !stand || links <= worth;
	return stand && bulk->away ? bulk_put_away(bulk->ledger, bulk->options.entity, err) : 0;
}

static int
begin(struct ledger_bulk *bulk, struct error *err)
{
	const struct config_entity *entity = bulk->options.entity;
	uint64_t keys = 1;
	bool own;
	int result;

	for (uint32_t i = 0; i < entity->match_count; i++)
		keys += entity->matches[i].exact.count > 0;
	for (uint32_t i = 0; i < entity->field_count; i++)
		keys += entity->fields[i].unique;
	if (bloom_make(&bulk->bloom, (bulk->options.expected == 0 ? 100000 : bulk->options.expected) * keys) != 0)
		return error_memory(err);
	if ((bulk->golden = golden_of(bulk->ledger, entity, err)) == NULL || ledger_own_begin(bulk->ledger, &own, err) != 0)
		return -1;
	result = hold(bulk, err);
	if (result == 0)
		result = remember(bulk, err);
	if (result == 0)
		result = put_away(bulk, err);
	return ledger_own_end(bulk->ledger, own, result, err);
}

int
ledger_bulk_open(struct ledger *ledger, const struct ledger_bulk_options *options, struct ledger_bulk **ret_bulk, struct error *err)
{
	struct ledger_bulk *bulk = calloc(1, sizeof *bulk);

	if (bulk == NULL)
		return error_memory(err);
	bulk->ledger = ledger;
	bulk->options = *options;
	bulk->entity = ledger_entity_id(ledger, options->entity);
	bulk->match_unit = options->entity->shared ? 0 : options->unit;
	buffer_init(&bulk->stamps, 0);
	if ((bulk->targets = calloc(options->target_count + 1u, sizeof *bulk->targets)) == NULL) {
		ledger_bulk_free(bulk);
		return error_memory(err);
	}
	for (uint32_t i = 0; i < options->target_count; i++)
		bulk->targets[i] = options->targets[i];
	bulk->options.targets = bulk->targets;
	if (begin(bulk, err) != 0) {
		ledger_bulk_free(bulk);
		return -1;
	}
	*ret_bulk = bulk;
	return 0;
}
