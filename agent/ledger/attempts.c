/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempts.c: one immutable try at a batch of marks: opened in one transaction that takes its marks, read back, recovered.  What
 * its answers do stands in attempt_close.c.
 *
 * An attempt is a short row that changes and a row of bytes that never does.  Items that came from a span have no rows of their
 * own; a bit an item says whether its answer was taken, so that a process that dies between two closings leaves no doubt.
 */
#include "ledger/deliveries_inside.h"
#include "ledger/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
put_word(uint8_t *to, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t
get_word(const uint8_t *from)
{
	uint64_t value = 0;

	for (int i = 7; i >= 0; i--)
		value = value << 8 | from[i];
	return value;
}

void
delivery_item_encode(const struct ledger_attempt_item *item, uint8_t *to)
{
	put_word(to, (uint64_t)item->record);
	put_word(to + 8, item->generation);
	memset(to + 16, 0, 8);
	to[16] = item->op;
	to[17] = item->span;
	to[18] = item->deactivate;
	for (int i = 0; i < 4; i++)
		to[20 + i] = (uint8_t)(item->again >> (8 * i));
}

void
delivery_item_decode(const uint8_t *from, struct ledger_attempt_item *ret_item)
{
	*ret_item = (struct ledger_attempt_item){ .record = (int64_t)get_word(from), .generation = get_word(from + 8), .op = from[16],
		.span = from[17] != 0, .deactivate = from[18] != 0,
		.again = (uint32_t)from[20] | (uint32_t)from[21] << 8 | (uint32_t)from[22] << 16 | (uint32_t)from[23] << 24 };
}

void
delivery_attempt_clear(struct delivery_attempt *attempt)
{
	free(attempt->answered);
	attempt->answered = NULL;
}

static int
no_attempt(int64_t id, struct error *err)
{
	return error_set(err, ERROR_LEDGER_ATTEMPT, "Its items were decided, by an answer or by a resolution.",
	                 "attempt %lld is not open (any more)", (long long)id);
}

int
delivery_attempt_get(struct ledger *ledger, int64_t id, struct delivery_attempt *ret_attempt, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT id, run, claimed_us, binding, unit, object, count, words, sending, undecided, creates, rowless, rows_made,"
		        " span_first, span_last, span_run, span_since_us, answered FROM attempt WHERE id = ?1", err);
	struct delivery_attempt a;
	struct syncline_slice answered;
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	if ((got = ledger_step(ledger, statement, err)) != 1)
		return got < 0 ? -1 : no_attempt(id, err);
	a = (struct delivery_attempt){
		.id = sqlite3_column_int64(statement, 0),
		.run = sqlite3_column_int64(statement, 1),
		.claimed_us = sqlite3_column_int64(statement, 2),
		.binding = (uint32_t)sqlite3_column_int64(statement, 3),
		.unit = (uint32_t)sqlite3_column_int64(statement, 4),
		.object = (uint32_t)sqlite3_column_int64(statement, 5),
		.count = (uint32_t)sqlite3_column_int64(statement, 6),
		.words = (uint32_t)sqlite3_column_int64(statement, 7),
		.sending = (uint32_t)sqlite3_column_int64(statement, 8),
		.undecided = (uint32_t)sqlite3_column_int64(statement, 9),
		.creates = (uint32_t)sqlite3_column_int64(statement, 10),
		.rowless = (uint32_t)sqlite3_column_int64(statement, 11),
		.rows_made = (uint32_t)sqlite3_column_int64(statement, 12),
		.span_first = sqlite3_column_int64(statement, 13),
		.span_last = sqlite3_column_int64(statement, 14),
		.span_run = sqlite3_column_int64(statement, 15),
		.span_since_us = sqlite3_column_int64(statement, 16),
	};
	answered = ledger_column_view(statement, 17);
	a.answered = calloc(a.count / 8 + 1, 1);
	if (a.answered != NULL && answered.length > 0)
		memcpy(a.answered, answered.data, answered.length < a.count / 8 + 1 ? answered.length : a.count / 8 + 1);
	sqlite3_reset(statement);
	if (a.answered == NULL)
		return error_memory(err);
	*ret_attempt = a;
	return 0;
}

int
delivery_attempt_put(struct ledger *ledger, const struct delivery_attempt *a, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE attempt SET sending = ?2, undecided = ?3, creates = ?4, rowless = ?5, rows_made = ?6, answered = ?7 WHERE id = ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, a->id);
	sqlite3_bind_int64(statement, 2, a->sending);
	sqlite3_bind_int64(statement, 3, a->undecided);
	sqlite3_bind_int64(statement, 4, a->creates);
	sqlite3_bind_int64(statement, 5, a->rowless);
	sqlite3_bind_int64(statement, 6, a->rows_made);
	ledger_bind_blob(statement, 7, a->answered, a->count / 8 + 1);
	return ledger_run_statement(ledger, statement, err);
}

int
delivery_items(struct ledger *ledger, const struct delivery_attempt *a, struct ledger_attempt_item **ret_items, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT items FROM attempt_payload WHERE attempt = ?1", err);
	struct ledger_attempt_item *items;
	struct syncline_slice bytes;
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, a->id);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 0)
		return error_set(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`.", "the bytes of attempt %lld are not there", (long long)a->id);
	bytes = ledger_column_view(statement, 0);
	if (bytes.length != (size_t)a->count * DELIVERY_ITEM_SIZE) {
		int lost = sqlite3_column_bytes(statement, 0);

		sqlite3_reset(statement);
		if ((size_t)lost == (size_t)a->count * DELIVERY_ITEM_SIZE)
			return error_memory(err);
		return error_set(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`.", "the items of attempt %lld are not as many as they were",
		                 (long long)a->id);
	}
	items = malloc(((size_t)a->count + 1) * sizeof *items);
	for (uint32_t i = 0; items != NULL && i < a->count; i++)
		delivery_item_decode((const uint8_t *)bytes.data + (size_t)i * DELIVERY_ITEM_SIZE, &items[i]);
	sqlite3_reset(statement);
	if (items == NULL)
		return error_memory(err);
	*ret_items = items;
	return 0;
}

/* The item in this attempt whose record has no row; attempts are few and short. */
static int
search_attempt(struct ledger *ledger, int64_t id, int64_t record, struct delivery_rowless *ret_found, struct error *err)
{
	struct ledger_attempt_item *items = NULL;
	struct delivery_attempt a;
	int status = -1;

	if (delivery_attempt_get(ledger, id, &a, err) != 0)
		return -1;
	if (delivery_items(ledger, &a, &items, err) == 0) {
		status = 0;
		for (uint32_t i = 0; i < a.count; i++)
			if (items[i].span && items[i].record == record && !delivery_answered(&a, i)) {
				*ret_found = (struct delivery_rowless){ .attempt = a.id, .index = i, .item = items[i], .unit = a.unit,
					.run = a.span_run, .since_us = a.span_since_us };
				break;
			}
	}
	free(items);
	delivery_attempt_clear(&a);
	return status;
}

/* The caller has looked for a row and found none. */
int
delivery_rowless_find(struct ledger *ledger, uint32_t binding, int64_t record, struct delivery_rowless *ret_found, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT id FROM attempt WHERE rowless > 0 AND binding = ?1 AND span_first <= ?2 AND span_last >= ?2", err);
	struct delivery_rowless found = { 0 };
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	while (found.attempt == 0 && (got = ledger_step(ledger, statement, err)) != 0)
		if (got < 0 || search_attempt(ledger, sqlite3_column_int64(statement, 0), record, &found, err) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	sqlite3_reset(statement);
	*ret_found = found;
	return 0;
}

/* Opening. */

struct claim {
	struct ledger *ledger;
	struct delivery_attempt *attempt;
	sqlite3_stmt *take_row;
	uint8_t *items; /* as they will lie in the file */
	int64_t id;
	struct delivery_span span; /* the one that the last item came from */
	bool has_span;
	int64_t first, last; /* of it, taken and not carved out yet */
};

/* What was taken of a span leaves it in one step. */
static int
flush_span(struct claim *c, struct error *err)
{
	if (!c->has_span)
		return 0;
	c->has_span = false;
	return delivery_span_carve(c->ledger, &c->span, c->first, c->last, err);
}

static int
take_from_span(struct claim *c, int64_t record, bool *ret_taken, struct error *err)
{
	struct delivery_attempt *a = c->attempt;
	bool found;

	if (c->has_span && record == c->last + 1 && record <= c->span.last) {
		c->last = record;
		*ret_taken = true;
	} else {
		if (flush_span(c, err) != 0 || delivery_span_find(c->ledger, a->binding, record, &c->span, &found, err) != 0)
			return -1;
		*ret_taken = found;
		if (!found)
			return 0;
		c->has_span = true;
		c->first = c->last = record;
		if (a->rowless == 0) {
			a->span_run = c->span.run;
			a->span_since_us = c->span.since_us;
		}
	}
	if (a->rowless == 0 || record < a->span_first)
		a->span_first = record;
	if (a->rowless == 0 || record > a->span_last)
		a->span_last = record;
	a->rowless++;
	return 0;
}

static int
take_row(struct claim *c, int64_t record, bool *ret_taken, struct error *err)
{
	sqlite3_bind_int64(c->take_row, 1, c->attempt->binding);
	sqlite3_bind_int64(c->take_row, 2, record);
	sqlite3_bind_int64(c->take_row, 3, c->id);
	if (ledger_run_statement(c->ledger, c->take_row, err) != 0)
		return -1;
	*ret_taken = sqlite3_changes(c->ledger->db) == 1;
	return 0;
}

/* `span` says where to look first; a mark may have got a row since it was listed. */
static int
take_item(struct claim *c, const struct ledger_attempt_item *given, uint32_t index, struct error *err)
{
	struct ledger_attempt_item item = *given;
	bool taken = false;

	if (item.span && take_from_span(c, item.record, &taken, err) != 0)
		return -1;
	if (!taken) {
		item.span = false;
		if (take_row(c, item.record, &taken, err) != 0)
			return -1;
	}
	if (!taken && !given->span) {
		item.span = true;
		if (take_from_span(c, item.record, &taken, err) != 0)
			return -1;
	}
	if (!taken)
		return error_set(err, ERROR_LEDGER_ATTEMPT, "Ask once more what is due; nothing of this attempt was kept.",
		                 "record %lld cannot be claimed for %s: nothing is pending for it, or it is being sent", (long long)item.record,
		                 ledger_binding_name(c->ledger, c->attempt->binding));
	if (item.op == SYNCLINE_OP_CREATE)
		c->attempt->creates++;
	delivery_item_encode(&item, c->items + (size_t)index * DELIVERY_ITEM_SIZE);
	return 0;
}

static int
insert_attempt(struct ledger *ledger, const struct delivery_attempt *a, int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "INSERT INTO attempt (binding, unit, object, run, claimed_us, count, words, sending, undecided, creates, rowless, span_first,"
		        " span_last, span_run, span_since_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?6, 0, 0, 0, 0, 0, 0)", err);
	const int64_t values[] = { a->binding, a->unit, a->object, a->run, a->claimed_us, a->count, a->words };

	if (statement == NULL)
		return -1;
	for (int i = 0; i < 7; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_id = sqlite3_last_insert_rowid(ledger->db);
	return 0;
}

static int
store_counts(struct ledger *ledger, int64_t id, const struct delivery_attempt *a, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE attempt SET creates = ?2, rowless = ?3, span_first = ?4, span_last = ?5, span_run = ?6, span_since_us = ?7 WHERE id = ?1",
		err);
	const int64_t values[] = { id, a->creates, a->rowless, a->span_first, a->span_last, a->span_run, a->span_since_us };

	if (statement == NULL)
		return -1;
	for (int i = 0; i < 7; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	return ledger_run_statement(ledger, statement, err);
}

static int
store_bytes(struct ledger *ledger, int64_t id, const struct ledger_attempt *attempt, const uint8_t *items, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "INSERT INTO attempt_payload (attempt, items, payload, vectors, payload_size, payload_sealed)"
		                         " VALUES (?1, ?2, ?3, ?4, ?5, ?6)", err);
	size_t words = (size_t)attempt->count * attempt->words;
	const void *vectors = attempt->vectors;
	uint8_t *encoded = NULL;
	const uint16_t probe = 1;
	struct packed packed;
	int status;

	if (statement == NULL || packed_batch(ledger, attempt->payload, attempt->packed, &packed, err) != 0)
		return -1;
	if (words > 0 && *(const uint8_t *)&probe != 1) { /* little-endian in the file, whatever the machine */
		if ((encoded = malloc(words * 8)) == NULL)
			return error_memory(err);
		for (size_t i = 0; i < words; i++)
			put_word(encoded + 8 * i, attempt->vectors[i]);
		vectors = encoded;
	}
	sqlite3_bind_int64(statement, 1, id);
	ledger_bind_blob(statement, 2, items, (size_t)attempt->count * DELIVERY_ITEM_SIZE);
	ledger_bind_blob(statement, 3, packed.data.data, packed.data.length);
	ledger_bind_blob(statement, 4, vectors, words * 8);
	sqlite3_bind_int64(statement, 5, packed.size);
	sqlite3_bind_int(statement, 6, packed.sealed);
	status = ledger_run_statement(ledger, statement, err);
	free(encoded);
	return status;
}

/* An object id, even of a binding that is no longer configured: then 0, and nobody reads there either. */
static uint32_t
object_of(const struct ledger *ledger, uint32_t binding)
{
	const struct config_binding *configured = ledger_binding(ledger, binding);

	return configured != NULL && configured->object != NULL ? ledger_object_id(ledger, configured->object) : 0;
}

static int
take_items(struct ledger *ledger, const struct ledger_attempt *attempt, struct delivery_attempt *a, int64_t id, uint8_t *items,
           struct error *err)
{
	struct claim c = { .ledger = ledger, .attempt = a, .items = items, .id = id };

	c.take_row = ledger_statement(
		ledger, "UPDATE delivery SET state = 1, attempt = ?3, due_us = 0, cause = NULL, reason = NULL WHERE binding = ?1 AND record = ?2"
		        " AND state = 0", err);
	if (c.take_row == NULL)
		return -1;
	for (uint32_t i = 0; i < attempt->count; i++)
		if (take_item(&c, &attempt->items[i], i, err) != 0)
			return -1;
	return flush_span(&c, err);
}

int
ledger_attempt_open(struct ledger *ledger, struct ledger_attempt *attempt, struct error *err)
{
	struct delivery_attempt a = { .binding = attempt->binding, .unit = attempt->unit, .object = object_of(ledger, attempt->binding),
		.run = attempt->run, .count = attempt->count, .words = attempt->words,
		.claimed_us = attempt->claimed_us != 0 ? attempt->claimed_us : ledger_now(ledger) };
	uint8_t *items;
	int64_t id;
	int status = -1;

	if (attempt->count == 0 || attempt->payload == NULL || attempt->payload->header->record_count != attempt->count)
		return error_set(err, ERROR_INTERNAL, NULL, "an attempt of %u items has a payload of %u records", attempt->count,
		                 attempt->payload != NULL ? attempt->payload->header->record_count : 0);
	if (insert_attempt(ledger, &a, &id, err) != 0)
		return -1;
	if ((items = malloc((size_t)attempt->count * DELIVERY_ITEM_SIZE)) == NULL)
		return error_memory(err);
	if (take_items(ledger, attempt, &a, id, items, err) == 0 && store_counts(ledger, id, &a, err) == 0)
		status = store_bytes(ledger, id, attempt, items, err);
	free(items);
	if (status != 0)
		return -1;
	attempt->id = id;
	attempt->claimed_us = a.claimed_us;
	return 0;
}

/* Recovery. */

/* All items whose answer was awaited: nobody knows. */
static int
doubt(struct ledger *ledger, int64_t id, const char *reason, struct error *err)
{
	struct ledger_outcome *outcomes = NULL;
	struct delivery_attempt a;
	uint32_t count = 0;
	int status = -1;

	if (delivery_attempt_get(ledger, id, &a, err) != 0)
		return -1;
	if ((outcomes = calloc((size_t)a.count + 1, sizeof *outcomes)) == NULL)
		error_memory(err);
	else {
		for (uint32_t i = 0; i < a.count; i++)
			if (!delivery_answered(&a, i))
				outcomes[count++] = (struct ledger_outcome){ .index = i, .kind = LEDGER_UNSURE, .reason = reason };
		status = ledger_attempt_close(ledger, id, outcomes, count, err);
	}
	free(outcomes);
	delivery_attempt_clear(&a);
	return status;
}

/* The first one after `last` whose answer is awaited; binding 0: of any.  1, 0: none, -1. */
static int
next_sending(struct ledger *ledger, uint32_t binding, uint32_t unit, int64_t *last, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT id FROM attempt WHERE sending > 0 AND id > ?1 AND (?2 = 0 OR (binding = ?2 AND unit = ?3)) ORDER BY id LIMIT 1", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, *last);
	sqlite3_bind_int64(statement, 2, binding);
	sqlite3_bind_int64(statement, 3, unit);
	if ((got = ledger_step(ledger, statement, err)) == 1) {
		*last = sqlite3_column_int64(statement, 0);
		sqlite3_reset(statement);
	}
	return got;
}

int
ledger_attempts_left(struct ledger *ledger, uint32_t binding, uint32_t unit, struct error *err)
{
	int64_t last = 0;
	int more = next_sending(ledger, binding, unit, &last, err);

	if (more <= 0)
		return more;
	if (ledger_begin(ledger, err) != 0)
		return -1;
	while (more == 1) {
		if (doubt(ledger, last, "its answer could not be kept", err) != 0)
			more = -1;
		else
			more = next_sending(ledger, binding, unit, &last, err);
	}
	if (more == 0)
		return ledger_commit(ledger, err);
	ledger_rollback(ledger);
	return -1;
}

static void
unpublished_key(uint32_t binding, uint32_t unit, char key[48])
{
	snprintf(key, 48, "unpublished.%u.%u", binding, unit);
}

int
ledger_unpublished_set(struct ledger *ledger, uint32_t binding, uint32_t unit, bool unpublished, struct error *err)
{
	char key[48];

	unpublished_key(binding, unit, key);
	return ledger_meta_set(ledger, key, unpublished, err);
}

int
ledger_unpublished(struct ledger *ledger, uint32_t binding, uint32_t unit, bool *ret_unpublished, struct error *err)
{
	int64_t value;
	char key[48];

	unpublished_key(binding, unit, key);
	if (ledger_meta_get(ledger, key, &value, err) != 0)
		return -1;
	*ret_unpublished = value != 0;
	return 0;
}

static int
lose_all(struct ledger *ledger, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE attempt_item SET lost_us = max(lost_us, ?1)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

static int
recover(struct ledger *ledger, bool new_epoch, struct error *err)
{
	int64_t last = 0;
	int more;

	while ((more = next_sending(ledger, 0, 0, &last, err)) == 1)
		if (doubt(ledger, last, "the process that sent it ended before the answer came", err) != 0)
			return -1;
	if (more < 0)
		return -1;
	if (!new_epoch)
		return 0;
	/* What the ledger that this one is a copy of sent once more since, nobody knows: all that is open is as if its answer were lost now. */
	if (lose_all(ledger, err) != 0)
		return -1;
	/* A file that was handed over may belong to the ledger that this one is a copy of. */
	return ledger_execute(ledger, "UPDATE attempt_item SET handed_over = 0, due_us = 0 WHERE handed_over = 1;"
	                              "UPDATE delivery SET state = 2, due_us = 0, reason = 'the ledger was restored or copied since it was handed over'"
	                              " WHERE state = 3", err);
}

int
ledger_recover_attempts(struct ledger *ledger, bool new_epoch, struct error *err)
{
	bool own;

	if (ledger_own_begin(ledger, &own, err) != 0)
		return -1;
	return ledger_own_end(ledger, own, recover(ledger, new_epoch, err), err);
}
