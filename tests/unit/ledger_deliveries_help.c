/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_deliveries_help.c: see ledger_deliveries.h. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "ledger_deliveries.h"

struct ledger *ledger;
struct error err;
struct arena arena;
uint32_t erp, crm, orders;
static char dir[4096];
static struct model *model;

static void
open_it(void)
{
	ledger = help_open(dir, model, LEDGER_ENGINE);
	erp = ledger_binding_id(ledger, &model->flows[0].bindings[0]);
	crm = ledger_binding_id(ledger, &model->flows[0].bindings[1]);
	orders = ledger_binding_id(ledger, &model->flows[1].bindings[1]);
	assert_ok(ledger_begin(ledger, &err));
}

void
ways_begin(void)
{
	help_folder(dir, sizeof dir);
	model = help_model(help_house);
	arena_init(&arena, 0);
	help_clock_us = 1000000;
	open_it();
}

static void
fault(void *data, const char *sentence)
{
	(void)data;
	fail_msg("%s", sentence);
}

void
ways_check(void)
{
	assert_ok(ledger_check_deliveries(ledger, fault, NULL, &err));
}

void
ways_end(void)
{
	ways_check();
	ledger_close(ledger);
	arena_free(&arena);
	config_free(model);
	help_remove(dir);
}

void
reopen(void)
{
	while (ledger->savepoints > 0)
		assert_ok(ledger_release(ledger, &err));
	assert_ok(ledger_commit(ledger, &err));
	ledger_close(ledger);
	open_it();
}

void
deliver(uint32_t binding, uint32_t unit, int64_t record, uint64_t want, uint8_t op)
{
	struct ledger_delivery d = { .binding = binding, .unit = unit, .record = record, .want = want, .op = op, .run = 5 };

	assert_ok(ledger_deliver(ledger, &d, 1, &err));
}

void
put(uint32_t binding, uint32_t unit, int64_t record, bool backfill, int64_t due_us)
{
	struct ledger_delivery d = { .binding = binding, .unit = unit, .record = record, .want = 1, .op = LEDGER_WANT_WRITE, .backfill = backfill,
		.due_us = due_us };

	assert_ok(ledger_deliver(ledger, &d, 1, &err));
}

/* As a first load leaves it. */
void
span(uint32_t binding, uint32_t unit, int64_t first, int64_t last)
{
	char sql[256];

	snprintf(sql, sizeof sql, "INSERT INTO delivery_span (binding, unit, run, entity, first, last, next, since_us) VALUES (%u, %u, 4, 1, %lld, %lld,"
	         " %lld, %lld)", binding, unit, (long long)first, (long long)last, (long long)first, (long long)help_clock_us);
	assert_ok(ledger_execute(ledger, sql, &err));
}

struct batch *
payload_of(const struct ledger_attempt_item *items, uint32_t count)
{
	const struct syncline_field field = { .struct_size = sizeof field, .type = SYNCLINE_TYPE_INTEGER, .name = "n" };
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch;

	assert_non_null(builder);
	assert_ok(batch_builder_set_fields(builder, &field, 1, &err));
	for (uint32_t i = 0; i < count; i++) {
		uint8_t key[16];
		struct syncline_value value = { .type = SYNCLINE_TYPE_INTEGER, .u.integer = items[i].record * 100 };
		struct syncline_record record = { .struct_size = sizeof record, .op = items[i].op, .value_count = 1, .values = &value,
			.note = { .type = SYNCLINE_TYPE_BYTES, .length = 16, .u.data = key } };

		memset(key, (int)items[i].record, sizeof key);
		if (items[i].op != SYNCLINE_OP_CREATE)
			record.native_id = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = 2, .u.data = "77" };
		assert_ok(batch_builder_add(builder, &record, &err));
	}
	batch = batch_builder_finish(builder, &err);
	batch_builder_free(builder);
	assert_non_null(batch);
	return batch;
}

int
try_claim(uint32_t binding, uint32_t unit, const struct ledger_attempt_item *items, uint32_t count, int64_t *ret_attempt)
{
	struct batch *payload = payload_of(items, count);
	uint64_t *vectors = calloc(count, 2 * sizeof *vectors);
	struct ledger_attempt a = { .binding = binding, .unit = unit, .run = 6, .count = count, .items = items, .payload = payload, .vectors = vectors,
		.words = 2 };
	int result;

	assert_non_null(vectors);
	for (uint32_t i = 0; i < count; i++) {
		vectors[2 * i] = (uint64_t)items[i].record * 1000;
		vectors[2 * i + 1] = UINT64_MAX - (uint64_t)items[i].record;
	}
	result = ledger_attempt_open(ledger, &a, &err);
	free(vectors);
	batch_free(payload);
	if (result == 0 && ret_attempt != NULL)
		*ret_attempt = a.id;
	return result;
}

int64_t
claim_one(uint32_t binding, uint32_t unit, int64_t record, uint64_t generation, uint8_t op)
{
	struct ledger_attempt_item item = { .record = record, .generation = generation, .op = op };
	int64_t attempt = 0;

	assert_ok(try_claim(binding, unit, &item, 1, &attempt));
	return attempt;
}

void
answer(int64_t attempt, uint32_t index, enum ledger_outcome_kind kind)
{
	assert_ok(ledger_attempt_close(ledger, attempt, &(struct ledger_outcome){ .index = index, .kind = kind }, 1, &err));
}

const char *
due_list(uint32_t binding, uint32_t unit, uint32_t max)
{
	static char text[1024];
	struct ledger_due due[64];
	uint32_t count;
	size_t used = 0;

	text[0] = '\0';
	assert_ok(ledger_due(ledger, binding, unit, due, max, &count, NULL, &err));
	for (uint32_t i = 0; i < count; i++)
		if (due[i].span)
			used += (size_t)snprintf(text + used, sizeof text - used, "%llds ", (long long)due[i].record);
		else
			used += (size_t)snprintf(text + used, sizeof text - used, "%lld:%llu%s ", (long long)due[i].record, (unsigned long long)due[i].want,
			                         due[i].op == LEDGER_WANT_DELETE ? "d" : "");
	return text;
}

struct sum {
	uint32_t binding, unit;
	enum ledger_delivery_state state;
	int64_t count;
};

static int
add(void *data, const struct ledger_delivery_counts *row)
{
	struct sum *sum = data;

	if (row->binding == sum->binding && row->unit == sum->unit)
		sum->count += (int64_t)row->count[sum->state];
	return 0;
}

int64_t
count_in(uint32_t binding, uint32_t unit, enum ledger_delivery_state state)
{
	struct sum sum = { binding, unit, state, 0 };

	assert_ok(ledger_delivery_counts(ledger, add, &sum, &err));
	return sum.count;
}
