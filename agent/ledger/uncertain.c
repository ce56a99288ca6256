/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * uncertain.c: items that nobody knows about, with the bytes as they were sent, for those who find out; and which records have
 * something open, for those who read them meanwhile.
 */
#include "ledger/deliveries_inside.h"
#include "ledger/packed.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static_assert(SYNCLINE_OP_CREATE == 4, "the number stands in a statement here");

/* An attempt with its bytes, kept while its items are handed out one after the other. */
struct opened {
	struct ledger *ledger;
	struct delivery_attempt attempt;
	struct ledger_attempt_item *items;
	struct batch *payload;
	uint64_t *vectors;
	struct batch_builder *builder; /* with the payload's fields */
	struct syncline_value *values;
};

static void
forget(struct opened *o)
{
	delivery_attempt_clear(&o->attempt);
	free(o->items);
	batch_free(o->payload);
	free(o->vectors);
	batch_builder_free(o->builder);
	free(o->values);
	*o = (struct opened){ .ledger = o->ledger };
}

static int
read_bytes(struct opened *o, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(o->ledger, "SELECT payload, vectors, payload_size, payload_sealed FROM attempt_payload WHERE attempt = ?1", err);
	const struct delivery_attempt *a = &o->attempt;
	struct syncline_slice payload, vectors;
	size_t words = (size_t)a->count * a->words;
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, a->id);
	if ((got = ledger_step(o->ledger, statement, err)) != 1)
		return got < 0 ? -1 : error_set(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`.", "the bytes of attempt %lld are gone", (long long)a->id);
	payload = ledger_column_view(statement, 0);
	vectors = ledger_column_view(statement, 1);
	o->payload = packed_open(o->ledger, payload, sqlite3_column_int64(statement, 2), sqlite3_column_int(statement, 3) != 0, err);
	if (o->payload != NULL && (o->payload->header->record_count != a->count || vectors.length != words * 8)) {
		batch_free(o->payload);
		o->payload = NULL;
		error_set(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`.", "the bytes of attempt %lld are not its own", (long long)a->id);
	}
	if (o->payload != NULL && (o->vectors = malloc(words * 8 + 8)) == NULL)
		error_memory(err);
	for (size_t i = 0; o->vectors != NULL && i < words; i++) {
		const uint8_t *from = (const uint8_t *)vectors.data + 8 * i;

		o->vectors[i] = 0;
		for (int byte = 7; byte >= 0; byte--)
			o->vectors[i] = o->vectors[i] << 8 | from[byte];
	}
	sqlite3_reset(statement);
	return o->payload != NULL && o->vectors != NULL ? 0 : -1;
}

/* A builder that has the payload's fields: each item becomes a batch of its own. */
static int
make_builder(struct opened *o, struct error *err)
{
	uint32_t count = o->payload->header->field_count;
	struct syncline_slice origin = batch_origin(o->payload);
	struct syncline_field *fields = calloc((size_t)count + 1, sizeof *fields);
	struct arena names;
	int status = -1;

	arena_init(&names, 0);
	o->builder = batch_builder_new(err);
	o->values = calloc((size_t)count + 1, sizeof *o->values);
	if (o->builder != NULL && (fields == NULL || o->values == NULL))
		error_memory(err);
	if (o->builder != NULL && fields != NULL && o->values != NULL) {
		batch_builder_expect(o->builder, 1);
		status = 0;
		for (uint32_t i = 0; i < count && status == 0; i++) {
			struct batch_field field;

			batch_field(o->payload, i, &field);
			fields[i] = (struct syncline_field){ .struct_size = sizeof fields[i], .type = field.type, .flags = field.flags, .scale = field.scale,
				.max_length = field.max_length, .name = arena_copy(&names, field.name, field.name_length) };
			if (fields[i].name == NULL)
				status = error_memory(err);
		}
		if (status == 0)
			status = batch_builder_set_fields(o->builder, fields, count, err);
		if (status == 0 && origin.length > 0)
			status = batch_builder_set_origin(o->builder, origin.data, origin.length, err);
	}
	arena_free(&names);
	free(fields);
	return status;
}

static int
open_attempt(struct opened *o, int64_t id, struct error *err)
{
	if (o->attempt.id == id)
		return 0;
	forget(o);
	if (delivery_attempt_get(o->ledger, id, &o->attempt, err) != 0)
		return -1;
	if (delivery_items(o->ledger, &o->attempt, &o->items, err) != 0 || read_bytes(o, err) != 0 || make_builder(o, err) != 0) {
		forget(o);
		return -1;
	}
	return 0;
}

/* One record of the payload, the values as they were sent. */
static struct batch *
cut_out(struct opened *o, uint32_t index, struct error *err)
{
	struct syncline_slice origin = batch_origin(o->payload);
	struct syncline_record record;

	batch_read(o->payload, index, o->values, &record);
	batch_builder_clear(o->builder, 0);
	if (origin.length > 0 && batch_builder_set_origin(o->builder, origin.data, origin.length, err) != 0)
		return NULL;
	if (batch_builder_add(o->builder, &record, err) != 0)
		return NULL;
	return batch_builder_finish(o->builder, err);
}

static int
want_of(struct opened *o, const struct ledger_attempt_item *item, uint64_t *ret_want, struct error *err)
{
	struct delivery_row row;
	bool found;

	if (delivery_row_get(o->ledger, o->attempt.binding, item->record, &row, &found, err) != 0)
		return -1;
	*ret_want = found ? row.want : item->generation;
	return 0;
}

static int
fill(struct opened *o, int64_t attempt, uint32_t index, uint32_t looks, int64_t lost_us, struct arena *arena, struct ledger_uncertain *ret_item,
     struct error *err)
{
	struct ledger_uncertain u = { .attempt = attempt, .index = index, .looks = looks, .lost_us = lost_us };
	size_t size;

	if (open_attempt(o, attempt, err) != 0)
		return -1;
	if (index >= o->attempt.count || o->items == NULL)
		return error_set(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`.", "attempt %lld has no item %u", (long long)attempt, index);
	size = (size_t)o->attempt.words * sizeof *u.vector;
	u.item = o->items[index];
	u.claimed_us = o->attempt.claimed_us;
	u.words = o->attempt.words;
	if (size > 0 && (u.vector = (const uint64_t *)(const void *)arena_copy(arena, o->vectors + (size_t)index * u.words, size)) == NULL)
		return error_memory(err);
	if (want_of(o, &u.item, &u.want, err) != 0 || (u.payload = cut_out(o, index, err)) == NULL)
		return -1;
	*ret_item = u;
	return 0;
}

/* When the next one is due that is not due now. */
static int
next_look(struct ledger *ledger, uint32_t binding, uint32_t unit, bool handed_over, int64_t now_us, int64_t *ret_next_us, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT due_us FROM attempt_item WHERE binding = ?1 AND unit = ?2 AND handed_over = ?3 AND due_us > ?4 ORDER BY due_us LIMIT 1", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int(statement, 3, handed_over);
	sqlite3_bind_int64(statement, 4, now_us);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_next_us = got == 1 ? sqlite3_column_int64(statement, 0) : INT64_MAX;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_uncertain(struct ledger *ledger, uint32_t binding, uint32_t unit, bool handed_over, struct arena *arena,
                 struct ledger_uncertain *ret_items, uint32_t max, uint32_t *ret_count, int64_t *ret_next_us, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT attempt, item, looks, lost_us FROM attempt_item WHERE binding = ?1 AND unit = ?2 AND handed_over = ?3 AND due_us <= ?4"
		        " ORDER BY due_us, attempt, item LIMIT ?5", err);
	struct opened opened = { .ledger = ledger };
	/* One look at the clock, as in ledger_due(). */
	int64_t now_us = ledger_now(ledger), next_us = now_us;
	uint32_t count = 0;
	int got = 0, status = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int(statement, 3, handed_over);
	sqlite3_bind_int64(statement, 4, now_us);
	sqlite3_bind_int64(statement, 5, max);
	while (status == 0 && count < max && (got = ledger_step(ledger, statement, err)) == 1) {
		status = fill(&opened, sqlite3_column_int64(statement, 0), (uint32_t)sqlite3_column_int64(statement, 1),
		              (uint32_t)sqlite3_column_int64(statement, 2), sqlite3_column_int64(statement, 3), arena, &ret_items[count], err);
		count += status == 0;
	}
	sqlite3_reset(statement);
	forget(&opened);
	if (got < 0)
		status = -1;
	if (status == 0 && count < max)
		status = next_look(ledger, binding, unit, handed_over, now_us, &next_us, err);
	if (status != 0) {
		while (count > 0)
			batch_free(ret_items[--count].payload);
		return -1;
	}
	*ret_count = count;
	if (ret_next_us != NULL)
		*ret_next_us = next_us;
	return 0;
}

int
ledger_uncertain_repeat(struct ledger *ledger, int64_t attempt, const uint32_t *items, uint32_t count, int64_t until_us, struct error *err)
{
	for (uint32_t i = 0; i < count; i++) {
		sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE attempt_item SET lost_us = ?3 WHERE attempt = ?1 AND item = ?2", err);

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, attempt);
		sqlite3_bind_int64(statement, 2, items[i]);
		sqlite3_bind_int64(statement, 3, until_us);
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
	}
	return 0;
}

static uint32_t
object_of(const struct ledger *ledger, uint32_t binding)
{
	const struct config_binding *configured = ledger_binding(ledger, binding);

	return configured != NULL && configured->object != NULL ? ledger_object_id(ledger, configured->object) : 0;
}

/* The open create of a record at an object among those whose answer is awaited: at most a few attempts. */
static int
find_sending_create(struct ledger *ledger, uint32_t object, int64_t record, int64_t *ret_attempt, uint32_t *ret_index, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT id FROM attempt WHERE object = ?1 AND sending > 0 AND creates > 0", err);
	int64_t attempt = 0;
	uint32_t index = 0;
	int got = 0, status = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	while (attempt == 0 && status == 0 && (got = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_attempt_item *items = NULL;
		struct delivery_attempt a = { 0 };

		status = delivery_attempt_get(ledger, sqlite3_column_int64(statement, 0), &a, err);
		if (status == 0)
			status = delivery_items(ledger, &a, &items, err);
		for (uint32_t i = 0; status == 0 && i < a.count; i++)
			if (items[i].record == record && items[i].op == SYNCLINE_OP_CREATE && !delivery_answered(&a, i)) {
				attempt = a.id;
				index = i;
				break;
			}
		free(items);
		delivery_attempt_clear(&a);
	}
	sqlite3_reset(statement);
	if (got < 0 || status != 0)
		return -1;
	*ret_attempt = attempt;
	*ret_index = index;
	return 0;
}

int
ledger_uncertain_of(struct ledger *ledger, uint32_t binding, int64_t record, struct arena *arena, struct ledger_uncertain *ret_item,
                    struct error *err)
{
	uint32_t object = object_of(ledger, binding), index = 0, looks = 0;
	struct opened opened = { .ledger = ledger };
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT attempt, item, looks, lost_us FROM attempt_item WHERE record = ?1 AND operation = 4"
		        " AND (object = ?2 AND object <> 0 OR binding = ?3) ORDER BY attempt LIMIT 1", err);
	int64_t attempt = 0, lost_us = ledger_now(ledger);
	int got, status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, object);
	sqlite3_bind_int64(statement, 3, binding);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 1) {
		attempt = sqlite3_column_int64(statement, 0);
		index = (uint32_t)sqlite3_column_int64(statement, 1);
		looks = (uint32_t)sqlite3_column_int64(statement, 2);
		lost_us = sqlite3_column_int64(statement, 3);
		sqlite3_reset(statement);
	} else if (find_sending_create(ledger, object, record, &attempt, &index, err) != 0)
		return -1;
	if (attempt == 0) {
		*ret_item = (struct ledger_uncertain){ 0 };
		return 0;
	}
	status = fill(&opened, attempt, index, looks, lost_us, arena, ret_item, err);
	forget(&opened);
	return status;
}

int
ledger_handed_update_of(struct ledger *ledger, uint32_t object, int64_t record, struct arena *arena, struct ledger_uncertain *ret_item,
                        struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT attempt, item, looks, lost_us FROM attempt_item WHERE record = ?1 AND object = ?2 AND operation = 5 AND handed_over = 1"
		        " ORDER BY attempt LIMIT 1", err);
	struct opened opened = { .ledger = ledger };
	int64_t attempt, lost_us;
	uint32_t index, looks;
	int got, status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, object);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 0) {
		*ret_item = (struct ledger_uncertain){ 0 };
		return 0;
	}
	attempt = sqlite3_column_int64(statement, 0);
	index = (uint32_t)sqlite3_column_int64(statement, 1);
	looks = (uint32_t)sqlite3_column_int64(statement, 2);
	lost_us = sqlite3_column_int64(statement, 3);
	sqlite3_reset(statement);
	status = fill(&opened, attempt, index, looks, lost_us, arena, ret_item, err);
	forget(&opened);
	return status;
}

/* Records in the order of their ids, each with its place in the caller's array. */
struct sought {
	int64_t record;
	uint32_t place;
};

static int
by_record(const void *a, const void *b)
{
	const struct sought *one = a, *other = b;

	return one->record != other->record ? (one->record < other->record ? -1 : 1) : one->place < other->place ? -1 : one->place > other->place;
}

static void
mark(const struct sought *sought, uint32_t count, int64_t record, uint8_t *ret_open)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (sought[middle].record < record)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < count && sought[low].record == record; low++)
		ret_open[sought[low].place] = 1;
}

static int
mark_sending(struct ledger *ledger, uint32_t object, const struct sought *sought, uint32_t count, uint8_t *ret_open, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT id FROM attempt WHERE object = ?1 AND sending > 0", err);
	int got = 0, status = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	while (status == 0 && (got = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_attempt_item *items = NULL;
		struct delivery_attempt a = { 0 };

		status = delivery_attempt_get(ledger, sqlite3_column_int64(statement, 0), &a, err);
		if (status == 0)
			status = delivery_items(ledger, &a, &items, err);
		for (uint32_t i = 0; status == 0 && i < a.count; i++)
			if (!delivery_answered(&a, i))
				mark(sought, count, items[i].record, ret_open);
		free(items);
		delivery_attempt_clear(&a);
	}
	sqlite3_reset(statement);
	return got < 0 || status != 0 ? -1 : 0;
}

static int
mark_kept(struct ledger *ledger, uint32_t object, const int64_t *records, uint32_t count, uint8_t *ret_open, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT min(handed_over) FROM attempt_item WHERE record = ?1 AND object = ?2", err);

	if (statement == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		int got;

		sqlite3_bind_int64(statement, 1, records[i]);
		sqlite3_bind_int64(statement, 2, object);
		if ((got = ledger_step(ledger, statement, err)) < 0)
			return -1;
		if (got == 1 && sqlite3_column_type(statement, 0) != SQLITE_NULL)
			ret_open[i] = sqlite3_column_int(statement, 0) != 0 && ret_open[i] == 0 ? LEDGER_OPEN_HANDED : LEDGER_OPEN_SENT;
		sqlite3_reset(statement);
	}
	return 0;
}

int
ledger_open_attempts(struct ledger *ledger, uint32_t object, const int64_t *records, uint32_t count, uint8_t *ret_open, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT EXISTS (SELECT 1 FROM attempt WHERE object = ?1 AND sending > 0), EXISTS (SELECT 1 FROM attempt WHERE object = ?1)", err);
	struct sought *sought = NULL;
	bool sending, kept;
	int status = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	sending = sqlite3_column_int(statement, 0) != 0;
	kept = sqlite3_column_int(statement, 1) != 0; /* may be: an attempt that is only being sent has none */
	sqlite3_reset(statement);
	if (sending && (sought = malloc(((size_t)count + 1) * sizeof *sought)) == NULL)
		return error_memory(err);
	memset(ret_open, 0, count);
	if (sending) {
		for (uint32_t i = 0; i < count; i++)
			sought[i] = (struct sought){ records[i], i };
		qsort(sought, count, sizeof *sought, by_record);
		status = mark_sending(ledger, object, sought, count, ret_open, err);
	}
	if (status == 0 && kept)
		status = mark_kept(ledger, object, records, count, ret_open, err);
	free(sought);
	return status;
}

int
ledger_any_attempt(struct ledger *ledger, uint32_t object, bool *ret_any, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT EXISTS (SELECT 1 FROM attempt WHERE object = ?1)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_any = sqlite3_column_int(statement, 0) != 0;
	sqlite3_reset(statement);
	return 0;
}

/* All that are not decided: an inbound row may be one that is being sent, or one that stands in a file. */
int
ledger_uncertain_creates(struct ledger *ledger, uint32_t object, uint64_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT total(creates) FROM attempt WHERE object = ?1 AND creates > 0", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}
