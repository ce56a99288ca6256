/* SPDX-License-Identifier: BSD-2-Clause */
/* plans.c: what runs would do, item by item, and what became of it. */
#include "ledger/runs_inside.h"

#include <string.h>

/* Items. */

static int
seal_text(struct ledger *ledger, int64_t record, const char *text, struct buffer *sealed, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;

	buffer_clear(sealed);
	return text != NULL ? keys->seal(keys->data, record, (struct syncline_slice){ text, strlen(text) }, sealed, err) : 0;
}

static int
store_item(struct ledger *ledger, int64_t plan, const struct ledger_plan_item *item, struct buffer *before, struct buffer *after, struct error *err)
{
	sqlite3_stmt *statement;
	bool sealed = ledger->options.keys != NULL;

	if (sealed && (seal_text(ledger, item->record, item->before, before, err) != 0 || seal_text(ledger, item->record, item->after, after, err) != 0))
		return -1;
	statement = ledger_statement(ledger,
	                             "INSERT INTO plan_item (\"plan\", number, what, object, native, record, generation, value_before, value_after,"
	                             " sealed, note, version, payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, plan);
	sqlite3_bind_int64(statement, 2, (int64_t)item->number);
	ledger_bind_text(statement, 3, ledger_count_name(item->what));
	sqlite3_bind_int64(statement, 4, item->object);
	ledger_bind_slice(statement, 5, item->native);
	sqlite3_bind_int64(statement, 6, item->record);
	sqlite3_bind_int64(statement, 7, (int64_t)item->generation);
	if (!sealed) {
		ledger_bind_text(statement, 8, item->before);
		ledger_bind_text(statement, 9, item->after);
	} else {
		if (item->before != NULL)
			ledger_bind_blob(statement, 8, before->data, before->length);
		if (item->after != NULL)
			ledger_bind_blob(statement, 9, after->data, after->length);
	}
	sqlite3_bind_int(statement, 10, sealed);
	ledger_bind_text(statement, 11, item->note);
	if (item->version.length > 0)
		ledger_bind_slice(statement, 12, item->version);
	if (item->payload != NULL)
		ledger_bind_blob(statement, 13, item->payload, 16);
	return ledger_run_statement(ledger, statement, err);
}

static int
store_items(struct ledger *ledger, int64_t plan, struct ledger_plan_draft *draft, struct error *err)
{
	struct ledger_plan_item item;
	struct buffer before, after;
	int status;

	if (ledger_plan_draft_rewind(draft, err) != 0)
		return -1;
	buffer_init(&before, 0);
	buffer_init(&after, 0);
	while ((status = ledger_plan_draft_next(draft, &item, err)) == 1)
		if (store_item(ledger, plan, &item, &before, &after, err) != 0) {
			status = -1;
			break;
		}
	buffer_free(&before);
	buffer_free(&after);
	return status;
}

/* Plans. */

/* rollback: those that take this run back; 0: those that are no rollback. */
static int
end_open(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t rollback, uint8_t state, int64_t by_run, int64_t by_plan, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE \"plan\" SET state = ?5, ended_us = ?3, who = ?4, by_run = nullif(?6, 0), by_plan = nullif(?7, 0)"
		        " WHERE state = 0 AND flow = ?1 AND unit = ?2 AND number <> ?7 AND rollback = ?8", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	ledger_bind_text(statement, 4, ledger->who);
	sqlite3_bind_int(statement, 5, state);
	sqlite3_bind_int64(statement, 6, by_run);
	sqlite3_bind_int64(statement, 7, by_plan);
	sqlite3_bind_int64(statement, 8, rollback);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_plans_overtake(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t run, struct error *err)
{
	return end_open(ledger, flow, unit, 0, LEDGER_PLAN_OVERTAKEN, run, 0, err);
}

static int
insert_plan(struct ledger *ledger, const struct ledger_plan *plan, struct error *err)
{
	sqlite3_stmt *statement;
	struct buffer counts;
	int result = -1;

	buffer_init(&counts, 65536);
	if (runs_write_counts(plan->counts, &counts) != 0)
		error_memory(err);
	else if ((statement = ledger_statement(ledger,
	                                       "INSERT INTO \"plan\" (flow, unit, run, state, version, hash, reason, made_us, staged_from, staged_to,"
	                                       " bulk, counts, items, frozen_us, rollback) VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
	                                       err)) != NULL) {
		sqlite3_bind_int64(statement, 1, plan->flow);
		sqlite3_bind_int64(statement, 2, plan->unit);
		sqlite3_bind_int64(statement, 3, plan->run);
		sqlite3_bind_int64(statement, 4, plan->version);
		ledger_bind_blob(statement, 5, plan->hash, sizeof plan->hash);
		ledger_bind_text(statement, 6, plan->reason);
		sqlite3_bind_int64(statement, 7, plan->made_us);
		sqlite3_bind_int64(statement, 8, plan->staged_from);
		sqlite3_bind_int64(statement, 9, plan->staged_to);
		sqlite3_bind_int(statement, 10, plan->bulk);
		ledger_bind_text(statement, 11, counts.data);
		sqlite3_bind_int64(statement, 12, (int64_t)plan->items);
		sqlite3_bind_int64(statement, 13, plan->frozen_us);
		sqlite3_bind_int64(statement, 14, plan->rollback);
		result = ledger_run_statement(ledger, statement, err);
		sqlite3_clear_bindings(statement);
	}
	buffer_free(&counts);
	return result;
}

int
ledger_plan_store(struct ledger *ledger, struct ledger_plan_draft *draft, struct ledger_plan *plan, struct error *err)
{
	struct ledger_plan stored = *plan;

	stored.state = LEDGER_PLAN_OPEN;
	stored.made_us = plan->made_us != 0 ? plan->made_us : ledger_now(ledger);
	stored.ended_us = 0;
	stored.items = ledger_plan_draft_count(draft);
	stored.frozen_us = plan->frozen_us != 0 ? plan->frozen_us : stored.made_us;
	plan_draft_hash(draft, stored.hash);
	if (insert_plan(ledger, &stored, err) != 0)
		return -1;
	stored.number = sqlite3_last_insert_rowid(ledger->db);
	if (end_open(ledger, plan->flow, plan->unit, plan->rollback, LEDGER_PLAN_REPLACED, 0, stored.number, err) != 0 ||
	    store_items(ledger, stored.number, draft, err) != 0)
		return -1;
	*plan = stored;
	return 0;
}

#define PLAN_COLUMNS                                                                                                              \
	"number, flow, unit, run, state, version, hash, reason, made_us, ended_us, staged_from, staged_to, bulk, counts, items, who,"          \
	" why, by_run, by_plan, frozen_us, rollback"

/* The texts stay the statement's. */
static void
take_plan(sqlite3_stmt *statement, struct ledger_plan *plan)
{
	*plan = (struct ledger_plan){
		.number = sqlite3_column_int64(statement, 0),
		.flow = (uint32_t)sqlite3_column_int64(statement, 1),
		.unit = (uint32_t)sqlite3_column_int64(statement, 2),
		.run = sqlite3_column_int64(statement, 3),
		.state = (uint8_t)sqlite3_column_int(statement, 4),
		.version = (uint32_t)sqlite3_column_int64(statement, 5),
		.reason = (const char *)sqlite3_column_text(statement, 7),
		.made_us = sqlite3_column_int64(statement, 8),
		.ended_us = sqlite3_column_int64(statement, 9),
		.staged_from = sqlite3_column_int64(statement, 10),
		.staged_to = sqlite3_column_int64(statement, 11),
		.bulk = sqlite3_column_int(statement, 12) != 0,
		.items = (uint64_t)sqlite3_column_int64(statement, 14),
		.who = (const char *)sqlite3_column_text(statement, 15),
		.why = (const char *)sqlite3_column_text(statement, 16),
		.by_run = sqlite3_column_int64(statement, 17),
		.by_plan = sqlite3_column_int64(statement, 18),
		.frozen_us = sqlite3_column_int64(statement, 19),
		.rollback = sqlite3_column_int64(statement, 20),
	};
	if (sqlite3_column_bytes(statement, 6) == sizeof plan->hash)
		memcpy(plan->hash, sqlite3_column_blob(statement, 6), sizeof plan->hash);
	runs_read_counts((const char *)sqlite3_column_text(statement, 13), plan->counts);
}

/* 1 with the plan that a bound statement finds, 0: none. */
static int
find_plan(struct ledger *ledger, sqlite3_stmt *statement, struct arena *arena, struct ledger_plan *ret_plan, struct error *err)
{
	int status = ledger_step(ledger, statement, err);
	struct ledger_plan plan;
	bool failed = false;

	if (status != 1)
		return status;
	take_plan(statement, &plan);
	plan.reason = ledger_column_text(statement, 7, arena, &failed);
	plan.who = ledger_column_text(statement, 15, arena, &failed);
	plan.why = ledger_column_text(statement, 16, arena, &failed);
	sqlite3_reset(statement);
	if (failed)
		return error_memory(err);
	*ret_plan = plan;
	return 1;
}

int
ledger_plan_get(struct ledger *ledger, int64_t number, struct arena *arena, struct ledger_plan *ret_plan, bool *ret_found, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT " PLAN_COLUMNS " FROM \"plan\" WHERE number = ?1", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, number);
	status = find_plan(ledger, statement, arena, ret_plan, err);
	if (status < 0)
		return -1;
	*ret_found = status == 1;
	return 0;
}

int
ledger_plan_open(struct ledger *ledger, uint32_t flow, uint32_t unit, struct arena *arena, struct ledger_plan *ret_plan, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT " PLAN_COLUMNS " FROM \"plan\" WHERE state = 0 AND flow = ?1 AND unit = ?2 AND rollback = 0 ORDER BY number DESC LIMIT 1", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	status = find_plan(ledger, statement, arena, ret_plan, err);
	if (status == 0)
		*ret_plan = (struct ledger_plan){ 0 };
	return status < 0 ? -1 : 0;
}

static int
end_plan(struct ledger *ledger, int64_t number, uint8_t state, const char *why, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "UPDATE \"plan\" SET state = ?2, ended_us = ?3, who = ?4, why = ?5 WHERE number = ?1 AND state = 0", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, number);
	sqlite3_bind_int(statement, 2, state);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	ledger_bind_text(statement, 4, ledger->who);
	ledger_bind_text(statement, 5, why);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (sqlite3_changes(ledger->db) == 1)
		return 0;
	return error_set(err, ERROR_LEDGER_PLAN, "`syncline plans` lists those that are open.", "there is no open plan %lld", (long long)number);
}

int
ledger_plan_end(struct ledger *ledger, int64_t number, uint8_t state, struct error *err)
{
	return end_plan(ledger, number, state, NULL, err);
}

int
ledger_plan_drop(struct ledger *ledger, int64_t number, const char *why, struct error *err)
{
	return end_plan(ledger, number, LEDGER_PLAN_DROPPED, why, err);
}

int
ledger_plan_was_applied(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t version, bool *ret_applied, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT 1 FROM \"plan\" WHERE flow = ?1 AND unit = ?2 AND version = ?3 AND state = 1 AND rollback = 0 LIMIT 1", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, version);
	status = ledger_step(ledger, statement, err);
	sqlite3_reset(statement);
	if (status < 0)
		return -1;
	*ret_applied = status == 1;
	return 0;
}

int
ledger_plans(struct ledger *ledger, uint32_t flow, uint32_t unit, bool all, int (*each)(void *data, const struct ledger_plan *row), void *data,
             struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT " PLAN_COLUMNS " FROM \"plan\" WHERE (?1 = 0 OR flow = ?1) AND (?2 = 0 OR unit = ?2) AND (?3 OR state = 0)"
		        " ORDER BY number DESC", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int(statement, 3, all);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_plan plan;

		take_plan(statement, &plan);
		if (each(data, &plan) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	}
	return status;
}

/* A text that may be sealed; 0, or -1.  What can't be opened any more is NULL. */
static int
open_text(struct ledger *ledger, sqlite3_stmt *statement, int at, int64_t record, bool sealed, struct buffer *plain, const char **ret_text,
          bool *ret_closed, struct error *err)
{
	const struct ledger_keys *keys = ledger->options.keys;
	struct error why = { 0 };

	*ret_text = NULL;
	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return 0;
	if (!sealed) {
		*ret_text = (const char *)sqlite3_column_text(statement, at);
		return *ret_text != NULL ? 0 : error_memory(err);
	}
	buffer_clear(plain);
	if (keys == NULL || keys->open(keys->data, record, ledger_column_view(statement, at), plain, &why) != 0) {
		if (why.code == ERROR_MEMORY)
			return error_memory(err);
		*ret_closed = true;
		return 0;
	}
	*ret_text = buffer_string(plain);
	return *ret_text != NULL ? 0 : error_memory(err);
}

static enum ledger_count
count_of_name(const char *name)
{
	unsigned i = 0;

	while (i < LEDGER_COUNT_COUNT && (name == NULL || strcmp(name, ledger_count_name((enum ledger_count)i)) != 0))
		i++;
	return (enum ledger_count)i;
}

static int
take_item(struct ledger *ledger, sqlite3_stmt *statement, struct buffer *before, struct buffer *after, struct ledger_plan_item *item,
          struct error *err)
{
	bool sealed = sqlite3_column_int(statement, 8) != 0, closed = false;

	*item = (struct ledger_plan_item){
		.number = (uint64_t)sqlite3_column_int64(statement, 0),
		.what = count_of_name((const char *)sqlite3_column_text(statement, 1)),
		.object = (uint32_t)sqlite3_column_int64(statement, 2),
		.native = ledger_column_view(statement, 3),
		.record = sqlite3_column_int64(statement, 4),
		.generation = (uint64_t)sqlite3_column_int64(statement, 5),
		.note = (const char *)sqlite3_column_text(statement, 9),
		.version = ledger_column_view(statement, 10),
		.payload = sqlite3_column_bytes(statement, 11) == 16 ? sqlite3_column_blob(statement, 11) : NULL,
	};
	if (open_text(ledger, statement, 6, item->record, sealed, before, &item->before, &closed, err) != 0 ||
	    open_text(ledger, statement, 7, item->record, sealed, after, &item->after, &closed, err) != 0)
		return -1;
	if (closed && item->note == NULL)
		item->note = "its values are sealed, and there is no key for them here";
	return 0;
}

int
ledger_plan_items(struct ledger *ledger, int64_t plan, uint64_t after, uint32_t max, int (*each)(void *data, const struct ledger_plan_item *row),
                  void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT number, what, object, native, record, generation, value_before, value_after, sealed, note, version, payload FROM plan_item"
		        " WHERE \"plan\" = ?1 AND number > ?2 ORDER BY number LIMIT ?3", err);
	struct buffer was, is;
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, plan);
	sqlite3_bind_int64(statement, 2, after > INT64_MAX ? INT64_MAX : (int64_t)after);
	sqlite3_bind_int64(statement, 3, max != 0 ? (int64_t)max : -1);
	buffer_init(&was, 0);
	buffer_init(&is, 0);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_plan_item item;

		if (take_item(ledger, statement, &was, &is, &item, err) != 0 || each(data, &item) != 0) {
			sqlite3_reset(statement);
			status = -1;
			break;
		}
	}
	buffer_free(&was);
	buffer_free(&is);
	return status;
}

/* Open plans stay.  Of applied ones the head stays: whether a version was ever applied is asked long after. */
int
ledger_prune_plans(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err)
{
	static const char *const steps[] = {
		"DELETE FROM plan_item WHERE (\"plan\", number) IN (SELECT i.\"plan\", i.number FROM plan_item i JOIN \"plan\" p ON p.number = i.\"plan\""
		" WHERE p.state <> 0 AND p.ended_us < ?1 LIMIT ?2)",
		"DELETE FROM \"plan\" WHERE number IN (SELECT number FROM \"plan\" p WHERE state > 1 AND ended_us < ?1"
		" AND NOT EXISTS (SELECT 1 FROM plan_item i WHERE i.\"plan\" = p.number) LIMIT ?2)",
	};
	uint32_t dropped = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && dropped < budget; i++) {
		sqlite3_stmt *statement = ledger_statement(ledger, steps[i], err);

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, before_us);
		sqlite3_bind_int64(statement, 2, budget - dropped);
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
		dropped += (uint32_t)sqlite3_changes(ledger->db);
	}
	*ret_dropped = dropped;
	return 0;
}
