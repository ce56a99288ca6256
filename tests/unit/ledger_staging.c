/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_staging.c: reads, staged batches, positions, doubt, waiting rows; what a read saw; what staging costs. */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ledger/packed.h"
#include "ledger/records.h"
#include "ledger/runs.h"
#include "ledger/findings.h"
#include "ledger/staging.h"
#include "ledger_help.h"
#include "oom.h"

#define FIELDS 12u

static char dir[4096];
static struct model *model;
static struct ledger *ledger;
static struct error err;

static int
begin_test(void **state)
{
	(void)state;
	help_folder(dir, sizeof dir);
	model = help_model(help_house);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	return 0;
}

static int
end_test(void **state)
{
	(void)state;
	ledger_close(ledger);
	config_free(model);
	help_remove(dir);
	return 0;
}

static struct syncline_value
text(const char *data)
{
	struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(data), .u.data = data };

	return value;
}

/* `count` records with native ids from `first` on. */
static struct batch *
make_batch(uint32_t first, uint32_t count, struct error *e)
{
	static char names[FIELDS][16];
	struct syncline_field fields[FIELDS];
	struct syncline_value values[FIELDS];
	char ids[16], texts[FIELDS][32];
	struct batch_builder *builder = batch_builder_new(e);
	struct batch *batch = NULL;

	if (builder == NULL)
		return NULL;
	memset(fields, 0, sizeof fields);
	for (uint32_t i = 0; i < FIELDS; i++) {
		snprintf(names[i], sizeof names[i], "FIELD_%u", (unsigned)i);
		fields[i] = (struct syncline_field){ .struct_size = sizeof fields[i], .type = SYNCLINE_TYPE_TEXT, .scale = SYNCLINE_SCALE_UNKNOWN, .name = names[i] };
	}
	if (batch_builder_set_fields(builder, fields, FIELDS, e) != 0)
		goto out;
	for (uint32_t i = first; i < first + count; i++) {
		struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = FIELDS, .values = values };

		snprintf(ids, sizeof ids, "K%u", (unsigned)i);
		for (uint32_t k = 0; k < FIELDS; k++) {
			snprintf(texts[k], sizeof texts[k], "value %u of %u", (unsigned)k, (unsigned)(i * 7919u % 100000u));
			values[k] = text(texts[k]);
		}
		record.native_id = text(ids);
		if (i % 10 == 9) {
			record.op = SYNCLINE_OP_REJECT;
			record.note = text("it can't be read");
		}
		if (batch_builder_add(builder, &record, e) != 0)
			goto out;
	}
	batch = batch_builder_finish(builder, e);
out:
	batch_builder_free(builder);
	return batch;
}

/* Stages `count` rows from `first`, in a transaction of its own; its id. */
static int64_t
stage(struct ledger_read *read, uint32_t first, uint32_t count, const char *position)
{
	struct batch *batch = count > 0 ? make_batch(first, count, &err) : NULL;
	const struct syncline_slice at = { position, position != NULL ? strlen(position) : 0 };
	int64_t id = 0;

	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_stage(ledger, read, batch, NULL, 0, count > 0 ? count : 5, position != NULL ? &at : NULL, &id, &err));
	assert_ok(ledger_commit(ledger, &err));
	batch_free(batch);
	return id;
}

static struct ledger_read
begin_read(uint32_t object, bool full)
{
	struct ledger_read read;

	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_read_begin(ledger, object, 0, full, &read, &err));
	assert_ok(ledger_commit(ledger, &err));
	return read;
}

static void
end_read(struct ledger_read *read, const struct syncline_completeness *claims, uint32_t count, bool broken)
{
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_read_end(ledger, read, claims, count, broken, &err));
	assert_ok(ledger_commit(ledger, &err));
}

static void
apply(uint32_t object, uint32_t flow, uint32_t unit, int64_t staged)
{
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_applied(ledger, object, 0, flow, unit, staged, &err));
	assert_ok(ledger_commit(ledger, &err));
}

static void
what_was_staged_comes_back_as_it_was(void **state)
{
	struct ledger_read read = begin_read(1, false), open;
	struct batch *batch = make_batch(1, 100, &err);
	struct ledger_staged staged;
	struct buffer position;
	int64_t first = stage(&read, 1, 100, "line 100"), second = stage(&read, 0, 0, NULL), third = stage(&read, 101, 50, "line 150");

	(void)state;
	buffer_init(&position, 0);
	assert_true(read.id > 0 && first < second && second < third);
	assert_int_equal(read.records, 155);
	assert_int_equal(read.staged, 150);
	assert_int_equal(read.rejected, 15);
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, 0, &staged, &err), 1);
	assert_int_equal(staged.id, first);
	assert_int_equal(staged.read, read.id);
	assert_int_equal(staged.started, read.started);
	assert_int_equal(staged.read_us, help_clock_us);
	assert_int_equal(staged.batch->size, batch->size);
	assert_memory_equal(staged.batch->data, batch->data, batch->size);
	batch_free(staged.batch);
	batch_free(batch);
	/* The one without rows is passed over. */
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, first, &staged, &err), 1);
	assert_int_equal(staged.id, third);
	batch_free(staged.batch);
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, third, &staged, &err), 0);
	/* Each flow and unit has its own place. */
	apply(1, 1, 2, first);
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, 0, &staged, &err), 1);
	assert_int_equal(staged.id, third);
	batch_free(staged.batch);
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 3, 0, &staged, &err), 1);
	assert_int_equal(staged.id, first);
	batch_free(staged.batch);
	apply(1, 1, 2, third);
	apply(1, 1, 2, first); /* never backwards by itself */
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, 0, &staged, &err), 0);
	assert_int_equal(ledger_staged_next(ledger, 1, 7, 1, 2, 0, &staged, &err), 0); /* other credentials */
	assert_ok(ledger_staged_get(ledger, third, &staged, &err));
	assert_int_equal(staged.batch->header->record_count, 50);
	batch_free(staged.batch);
	assert_ok(ledger_staged_get(ledger, second, &staged, &err));
	assert_null(staged.batch);
	assert_int_equal(ledger_staged_get(ledger, 4711, &staged, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
	/* The position, and the read that goes on. */
	assert_ok(ledger_position(ledger, 1, 0, &position, &err));
	assert_string_equal(buffer_string(&position), "line 150");
	assert_ok(ledger_position(ledger, 2, 0, &position, &err));
	assert_int_equal(position.length, 0);
	assert_ok(ledger_read_open(ledger, 1, 0, &open, &err));
	assert_int_equal(open.id, read.id);
	assert_int_equal(open.records, 155);
	assert_false(open.full);
	end_read(&read, NULL, 0, false);
	assert_true(read.ended);
	assert_ok(ledger_read_open(ledger, 1, 0, &open, &err));
	assert_int_equal(open.id, 0);
	buffer_free(&position);
}

static void
staging_and_position_are_rolled_back_together(void **state)
{
	struct ledger_read read = begin_read(1, false), before = read;
	const struct syncline_slice at = { "x", 1 };
	struct batch *batch = make_batch(1, 5, &err);
	struct buffer position;
	struct ledger_staged staged;
	int64_t id;

	(void)state;
	buffer_init(&position, 0);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_stage(ledger, &read, batch, NULL, 0, 5, &at, &id, &err));
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, 0, &staged, &err), 1); /* seen beside the open transaction */
	batch_free(staged.batch);
	ledger_rollback(ledger);
	assert_ok(ledger_position(ledger, 1, 0, &position, &err));
	assert_int_equal(position.length, 0);
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, 0, &staged, &err), 0);
	read = before;
	/* Another read takes this one's place: it can't go on. */
	begin_read(1, true);
	assert_ok(ledger_begin(ledger, &err));
	assert_int_equal(ledger_stage(ledger, &read, batch, NULL, 0, 5, &at, &id, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
	ledger_rollback(ledger);
	assert_ok(ledger_begin(ledger, &err));
	assert_int_equal(ledger_read_end(ledger, &read, NULL, 0, false, &err), -1);
	ledger_rollback(ledger);
	batch_free(batch);
	buffer_free(&position);
}

static void
a_complete_full_read_overtakes_those_before(void **state)
{
	const struct syncline_completeness all = { NULL, 1, 0 }, split[] = { { "100", 1, 0 }, { "200", 0, 0 } };
	struct ledger_read first = begin_read(1, true), second, third;
	int64_t read, last, first_last, second_last;

	(void)state;
	first_last = stage(&first, 1, 10, "a");
	assert_ok(ledger_read_overtaking(ledger, 1, 0, "100", 0, &read, &last, &err));
	assert_int_equal(read, 0); /* not ended */
	end_read(&first, &all, 1, false);
	assert_ok(ledger_read_overtaking(ledger, 1, 0, "100", 0, &read, &last, &err));
	assert_int_equal(read, first.id);
	assert_int_equal(last, first_last);

	second = begin_read(1, true);
	stage(&second, 1, 10, "b");
	second_last = stage(&second, 11, 10, "c");
	end_read(&second, split, 2, false);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_read_deleted(ledger, &second, 2, &err));
	assert_ok(ledger_commit(ledger, &err));
	/* Used or not; for whom it was complete; and only when all of it counts. */
	assert_ok(ledger_read_overtaking(ledger, 1, 0, "100", 0, &read, &last, &err));
	assert_int_equal(read, second.id);
	assert_int_equal(last, second_last);
	assert_ok(ledger_read_overtaking(ledger, 1, 0, "200", 0, &read, &last, &err));
	assert_int_equal(read, first.id);
	assert_ok(ledger_read_overtaking(ledger, 1, 0, "100", second_last - 1, &read, &last, &err));
	assert_int_equal(read, first.id);
	assert_ok(ledger_read_overtaking(ledger, 1, 0, "100", second_last, &read, &last, &err));
	assert_int_equal(read, second.id);

	third = begin_read(1, true);
	stage(&third, 1, 10, "d");
	end_read(&third, &all, 1, true); /* broken */
	assert_ok(ledger_read_overtaking(ledger, 1, 0, "100", 0, &read, &last, &err));
	assert_int_equal(read, second.id);
	assert_ok(ledger_read_overtaking(ledger, 2, 0, "100", 0, &read, &last, &err));
	assert_int_equal(read, 0); /* another object */
}

static void
a_full_read_is_complete_for_whom_it_was_claimed(void **state)
{
	const struct syncline_completeness all = { NULL, 1, 0 }, split[] = { { "100", 1, 0 }, { "200", 0, 0 } };
	const struct syncline_completeness mixed[] = { { NULL, 1, 0 }, { "200", 0, 0 } };
	struct ledger_read read = begin_read(1, true), found;

	(void)state;
	stage(&read, 1, 10, "a");
	assert_ok(ledger_read_complete(ledger, 1, 0, "100", 2, &found, &err));
	assert_int_equal(found.id, 0); /* not ended */
	end_read(&read, &all, 1, false);
	assert_true(read.complete);
	assert_ok(ledger_read_complete(ledger, 1, 0, "100", 2, &found, &err));
	assert_int_equal(found.id, read.id);
	assert_true(found.complete && found.full && found.ended);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_read_deleted(ledger, &found, 2, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_read_complete(ledger, 1, 0, "100", 2, &found, &err));
	assert_int_equal(found.id, 0); /* used for this unit */
	assert_ok(ledger_read_complete(ledger, 1, 0, "200", 3, &found, &err));
	assert_int_equal(found.id, read.id);

	read = begin_read(1, true);
	end_read(&read, split, 2, false);
	assert_false(read.complete);
	assert_ok(ledger_read_complete(ledger, 1, 0, "100", 2, &found, &err));
	assert_int_equal(found.id, read.id);
	assert_ok(ledger_read_complete(ledger, 1, 0, "200", 3, &found, &err));
	assert_int_equal(found.id, 0); /* not for this one; and the older one is too old */
	assert_ok(ledger_read_complete(ledger, 1, 0, NULL, 1, &found, &err));
	assert_int_equal(found.id, 0);

	read = begin_read(1, true);
	end_read(&read, mixed, 2, false);
	assert_false(read.complete);
	assert_ok(ledger_read_complete(ledger, 1, 0, "300", 4, &found, &err));
	assert_int_equal(found.id, read.id);
	assert_ok(ledger_read_complete(ledger, 1, 0, "200", 3, &found, &err));
	assert_int_equal(found.id, 0);

	read = begin_read(1, true);
	end_read(&read, &all, 1, true);
	assert_true(read.broken);
	assert_ok(ledger_read_complete(ledger, 1, 0, "100", 2, &found, &err));
	assert_int_equal(found.id, 0);

	read = begin_read(1, false); /* a delta proves nothing */
	end_read(&read, &all, 1, false);
	assert_false(read.complete);
}

/* What was seen. */

static uint64_t seed;

static uint64_t
next_random(void)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return seed >> 33;
}

static int
collect(void *data, int64_t first, int64_t last)
{
	struct buffer *ids = data;

	for (int64_t id = first; buffer_append(ids, &id, sizeof id) == 0 && id < last; id++)
		;
	return 0;
}

static int
by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
what_was_seen_is_packed_and_comes_back(void **state)
{
	int64_t ids[500];
	struct buffer runs, back;

	(void)state;
	seed = 42;
	buffer_init(&runs, 0);
	buffer_init(&back, 1 << 20);
	for (int round = 0; round < 200; round++) {
		size_t count = next_random() % 500, distinct, expected = 0;
		uint64_t range = (uint64_t)1 << (next_random() % 50 + 1);

		for (size_t i = 0; i < count; i++)
			ids[i] = (int64_t)(next_random() * next_random() % range) + 1;
		buffer_clear(&runs);
		buffer_clear(&back);
		assert_int_equal(packed_seen(ids, count, &runs, &distinct), 0);
		qsort(ids, count, sizeof *ids, by_number);
		for (size_t i = 0; i < count; i++)
			if (i == 0 || ids[i] != ids[i - 1])
				ids[expected++] = ids[i];
		assert_int_equal(distinct, expected);
		assert_int_equal(packed_seen_each((struct syncline_slice){ runs.data, runs.length }, collect, &back), 0);
		assert_int_equal(back.length, expected * sizeof *ids);
		if (expected > 0)
			assert_memory_equal(back.data, ids, back.length);
		/* Cut short it is damaged or shorter, and never more. */
		if (runs.length > 1) {
			buffer_clear(&back);
			packed_seen_each((struct syncline_slice){ runs.data, runs.length - 1 }, collect, &back);
			assert_true(back.length < expected * sizeof *ids);
		}
	}
	/* A thousand in a row take a few bytes; the largest ids work. */
	for (int i = 0; i < 500; i++)
		ids[i] = (INT64_C(3) << 40) + 500 - i;
	buffer_clear(&runs);
	size_t distinct;
	assert_int_equal(packed_seen(ids, 500, &runs, &distinct), 0);
	assert_true(runs.length < 10);
	buffer_clear(&runs);
	ids[0] = INT64_MAX;
	ids[1] = 1;
	assert_int_equal(packed_seen(ids, 2, &runs, &distinct), 0);
	buffer_clear(&back);
	assert_int_equal(packed_seen_each((struct syncline_slice){ runs.data, runs.length }, collect, &back), 0);
	assert_int_equal(back.length, 2 * sizeof *ids);
	assert_int_equal(packed_seen_each((struct syncline_slice){ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01", 12 }, collect, &back), -1);
	buffer_free(&runs);
	buffer_free(&back);
}

static void
a_read_knows_which_links_it_saw(void **state)
{
	struct ledger_read read = begin_read(1, true);
	int64_t even[1000], odd[] = { 1, 99, 70001, INT64_C(1) << 41, 99, 0, -5 }, id;
	struct ledger_seen *seen;

	(void)state;
	for (int i = 0; i < 1000; i++)
		even[i] = 2 * (1000 - i);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_stage(ledger, &read, NULL, even, 1000, 1000, NULL, &id, &err));
	assert_ok(ledger_stage(ledger, &read, NULL, odd, sizeof odd / sizeof *odd, 7, NULL, &id, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_int_equal(even[0], 2000); /* the caller's order stays */
	assert_int_equal(help_number(ledger, "SELECT sum(links) FROM staged_batch"), 1004);
	seen = ledger_seen_load(ledger, read.id, &err);
	assert_non_null(seen);
	for (int64_t i = 2; i <= 2000; i += 2)
		assert_true(ledger_seen_has(seen, i));
	assert_true(ledger_seen_has(seen, 1) && ledger_seen_has(seen, 99) && ledger_seen_has(seen, 70001) && ledger_seen_has(seen, INT64_C(1) << 41));
	assert_false(ledger_seen_has(seen, 3) || ledger_seen_has(seen, 2002) || ledger_seen_has(seen, 0) || ledger_seen_has(seen, -5) ||
	             ledger_seen_has(seen, INT64_MAX));
	ledger_seen_free(seen);
	seen = ledger_seen_load(ledger, 4711, &err);
	assert_non_null(seen);
	assert_false(ledger_seen_has(seen, 2));
	ledger_seen_free(seen);
	ledger_seen_free(NULL);
	assert_ok(ledger_execute(ledger, "UPDATE staged_batch SET seen = x'ff'", &err));
	assert_null(ledger_seen_load(ledger, read.id, &err));
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
}

/* Positions. */

struct positions {
	struct ledger_position_row rows[8];
	char texts[8][32];
	unsigned count;
};

static int
take_position(void *data, const struct ledger_position_row *row)
{
	struct positions *p = data;

	snprintf(p->texts[p->count], sizeof p->texts[0], "%.*s", (int)row->position.length, row->position.length > 0 ? (const char *)row->position.data : "");
	p->rows[p->count++] = *row;
	return 0;
}

static void
positions_are_listed_and_moved_by_hand(void **state)
{
	struct ledger_read read = begin_read(1, false), open;
	struct positions p = { 0 };
	struct buffer position;
	struct ledger_staged staged;
	int64_t first = stage(&read, 1, 10, "ten"), second = stage(&read, 11, 10, "twenty");

	(void)state;
	buffer_init(&position, 0);
	apply(1, 1, 2, second);
	assert_ok(ledger_positions(ledger, take_position, &p, &err));
	assert_int_equal(p.count, 2);
	assert_string_equal(p.texts[0], "twenty");
	assert_int_equal(p.rows[0].flow, 0);
	assert_int_equal(p.rows[0].staged, second);
	assert_int_equal(p.rows[0].moved_us, help_clock_us);
	assert_int_equal(p.rows[1].flow, 1);
	assert_int_equal(p.rows[1].unit, 2);
	assert_int_equal(p.rows[1].staged, second);
	assert_false(p.rows[0].doubted || p.rows[1].doubted);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_position_set(ledger, 1, 0, (struct syncline_slice){ NULL, 0 }, "from the beginning", &err));
	assert_ok(ledger_applied_set(ledger, 1, 0, 1, 2, first, "once more", &err));
	assert_int_equal(ledger_applied_set(ledger, 1, 0, 1, 2, second + 1000, "too far", &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_position(ledger, 1, 0, &position, &err));
	assert_int_equal(position.length, 0);
	assert_ok(ledger_read_open(ledger, 1, 0, &open, &err));
	assert_int_equal(open.id, 0); /* it would have moved the position again */
	assert_int_equal(ledger_staged_next(ledger, 1, 0, 1, 2, 0, &staged, &err), 1);
	assert_int_equal(staged.id, second);
	batch_free(staged.batch);
	assert_string_equal(help_text(ledger, "SELECT moved_by || ': ' || why FROM applied"), "tester (uid 0): once more");
	assert_string_equal(help_text(ledger, "SELECT why FROM position"), "from the beginning");
	buffer_free(&position);
}

static void
doubt_ends_with_a_full_read_that_was_applied(void **state)
{
	const struct syncline_completeness all = { NULL, 1, 0 };
	struct ledger_read read = begin_read(1, true), open;
	struct positions p = { 0 };
	char stamp[4200];
	int64_t batch;

	(void)state;
	batch = stage(&read, 1, 10, "a");
	apply(1, 1, 2, batch);
	assert_false(ledger_doubted(ledger, 1, 2));
	ledger_close(ledger);
	snprintf(stamp, sizeof stamp, "%s/ledger.stamp", dir);
	assert_int_equal(remove(stamp), 0);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_epoch(ledger), 2);
	assert_true(ledger_doubted(ledger, 1, 2) && ledger_doubted(ledger, 1, 3) && ledger_doubted(ledger, 77, 1));
	assert_ok(ledger_read_open(ledger, 1, 0, &open, &err));
	assert_int_equal(open.id, 0); /* of the former epoch */
	assert_ok(ledger_positions(ledger, take_position, &p, &err));
	assert_true(p.count == 2 && p.rows[0].doubted && p.rows[1].doubted);
	/* The former epoch's read can't be ended as whole. */
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_read_end(ledger, &read, &all, 1, false, &err));
	assert_true(read.broken && !read.complete);
	assert_ok(ledger_commit(ledger, &err));
	assert_true(ledger_doubted(ledger, 1, 2));

	read = begin_read(1, false); /* a delta ends no doubt */
	batch = stage(&read, 11, 10, "b");
	end_read(&read, &all, 1, false);
	apply(1, 1, 2, batch);
	assert_true(ledger_doubted(ledger, 1, 2));

	read = begin_read(1, true);
	stage(&read, 1, 10, "c");
	batch = stage(&read, 11, 10, "d");
	stage(&read, 0, 0, "e"); /* a last batch of nothing but seen links */
	apply(1, 1, 2, batch);
	assert_true(ledger_doubted(ledger, 1, 2)); /* it has not ended */
	apply(1, 1, 3, batch - 1);
	end_read(&read, &all, 1, false);
	assert_false(ledger_doubted(ledger, 1, 2));
	assert_true(ledger_doubted(ledger, 1, 3)); /* it has not applied all of it */
	apply(1, 1, 3, batch);
	assert_false(ledger_doubted(ledger, 1, 3));
	assert_true(ledger_doubted(ledger, 2, 2));
}

/* Waiting. */

static void
wait_for(uint32_t number, const char *parent, int64_t until_us)
{
	struct batch *batch = make_batch(number, 1, &err);
	char native[16];
	const struct ledger_waiter waiter = {
		.flow = 2, .unit = 2, .object = 2, .parent_object = 1, .field = "customer", .until_us = until_us, .started = 7, .read_us = help_clock_us,
		.native = { native, (size_t)snprintf(native, sizeof native, "K%u", (unsigned)number) }, .parent_native = { parent, strlen(parent) },
		.full = true, .batch = batch,
	};

	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_wait(ledger, &waiter, &err));
	assert_ok(ledger_commit(ledger, &err));
	batch_free(batch);
}

static int
count_waiter(void *data, const struct ledger_waiter *row)
{
	assert_null(row->batch);
	assert_true(row->native.length > 0 && strcmp(row->field, "customer") == 0);
	++*(int *)data;
	return 0;
}

static int64_t
next_ready(uint32_t flow)
{
	int64_t next = 0;

	assert_ok(ledger_wait_next(ledger, flow, 2, &next, &err));
	return next;
}

/* Rows of a record that a lock holds, and one that the configuration does. */
static void
held_rows_wait_for_other_locks(void **state)
{
	const struct config_entity *customer = config_entity(model, "customer");
	struct ledger_link link = { .object = 2, .unit = 2, .native = { "H1", 2 }, .state = LEDGER_LINK_LIVE };
	struct batch *batch = make_batch(1, 1, &err);
	struct ledger_waiter held = { .flow = 2, .unit = 2, .object = 2, .field = "", .until_us = LEDGER_FOR_EVER, .started = 7, .batch = batch };
	struct ledger_waiter ready[4];
	struct ledger_lock lock = { .field = "name", .why = "a test", .until_us = help_clock_us + 5000000 };
	struct arena arena;
	uint32_t count = 99;

	(void)state;
	arena_init(&arena, 0);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_new_ids(ledger, 1, &link.record, &err));
	assert_ok(ledger_links_put(ledger, customer, &link, 1, &err));
	lock.record = link.record;
	assert_ok(ledger_lock_add(ledger, &lock, NULL, &err));
	lock.field = "other";
	lock.until_us = 0;
	assert_ok(ledger_lock_add(ledger, &lock, NULL, &err));
	assert_ok(ledger_locks_mark(ledger, link.record, &held.held, &err));
	assert_true(held.held > 0);
	held.native = link.native;
	assert_ok(ledger_wait(ledger, &held, &err));
	held.native = (struct syncline_slice){ "H2", 2 };
	held.held = LEDGER_HELD;
	assert_ok(ledger_wait(ledger, &held, &err));
	assert_ok(ledger_wait_ready(ledger, 2, 2, 0, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 0);
	/* One of the two locks is over. */
	help_clock_us += 6000000;
	assert_ok(ledger_wait_ready(ledger, 2, 2, 0, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 1);
	assert_memory_equal(ready[0].native.data, "H1", 2);
	assert_int_not_equal(ready[0].held, LEDGER_HELD);
	batch_free(ready[0].batch);
	/* The configuration holds nothing more of another object, and then of this one. */
	assert_ok(ledger_wait_release(ledger, 2, 2, 1, &err));
	assert_ok(ledger_wait_ready(ledger, 2, 2, ready[0].id, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 0);
	assert_ok(ledger_wait_release(ledger, 2, 2, 2, &err));
	assert_ok(ledger_wait_ready(ledger, 2, 2, 0, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 2);
	assert_int_equal(ready[1].held, LEDGER_HELD);
	batch_free(ready[0].batch);
	batch_free(ready[1].batch);
	ledger_rollback(ledger);
	batch_free(batch);
	arena_free(&arena);
}

static void
rows_wait_for_their_parent_or_their_time(void **state)
{
	const struct config_entity *customer = config_entity(model, "customer");
	struct ledger_waiter ready[4];
	struct ledger_link link = { .object = 1, .unit = 2, .native = { "C1", 2 }, .state = LEDGER_LINK_LIVE };
	struct arena arena;
	uint32_t count = 99;
	int listed = 0;
	int64_t id;

	(void)state;
	arena_init(&arena, 0);
	wait_for(1, "C1", help_clock_us + 1000000);
	wait_for(2, "C2", help_clock_us + 5000000);
	wait_for(3, "C1", help_clock_us + 5000000);
	assert_ok(ledger_wait_ready(ledger, 2, 2, 0, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 0);
	assert_int_equal(next_ready(2), help_clock_us + 1000000);
	assert_int_equal(next_ready(1), INT64_MAX);
	/* A newer row in the place of the older: the same id, and no more patience than before. */
	id = help_number(ledger, "SELECT id FROM waiter WHERE native = 'K1'");
	wait_for(1, "C1", help_clock_us + 9000000);
	assert_int_equal(help_number(ledger, "SELECT id FROM waiter WHERE native = 'K1'"), id);
	assert_int_equal(help_number(ledger, "SELECT until_us FROM waiter WHERE native = 'K1'"), help_clock_us + 1000000);
	wait_for(1, "C9", help_clock_us + 9000000);
	assert_int_equal(help_number(ledger, "SELECT until_us FROM waiter WHERE native = 'K1'"), help_clock_us + 9000000);
	assert_ok(ledger_waiters(ledger, 0, 0, count_waiter, &listed, &err));
	assert_int_equal(listed, 3);
	assert_ok(ledger_waiters(ledger, 1, 0, count_waiter, &listed, &err));
	assert_int_equal(listed, 3);
	/* The parent comes. */
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_new_ids(ledger, 1, &link.record, &err));
	assert_ok(ledger_links_put(ledger, customer, &link, 1, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_wait_ready(ledger, 2, 2, 0, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(next_ready(2), help_clock_us);
	assert_memory_equal(ready[0].native.data, "K3", 2);
	assert_memory_equal(ready[0].parent_native.data, "C1", 2);
	assert_int_equal(ready[0].batch->header->record_count, 1);
	assert_int_equal(ready[0].started, 7);
	assert_true(ready[0].full);
	batch_free(ready[0].batch);
	/* Time is over for one more. */
	help_clock_us += 6000000;
	assert_ok(ledger_wait_ready(ledger, 2, 2, 0, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 2);
	batch_free(ready[0].batch);
	batch_free(ready[1].batch);
	assert_ok(ledger_wait_ready(ledger, 2, 2, ready[0].id, &arena, ready, 4, &count, &err));
	assert_int_equal(count, 1);
	batch_free(ready[0].batch);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_wait_end(ledger, 2, 2, 2, (struct syncline_slice){ "K3", 2 }, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM waiter"), 2);
	/* A later complete read did not show them; of other objects it says nothing. */
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_wait_end_unseen(ledger, 2, 2, 1, 8, &err));
	assert_ok(ledger_wait_end_unseen(ledger, 2, 2, 2, 7, &err));
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM waiter"), 2);
	assert_ok(ledger_wait_end_unseen(ledger, 2, 2, 2, 8, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM waiter"), 0);
	arena_free(&arena);
}

static void
rows_to_be_read_again(void **state)
{
	static const struct syncline_slice k1 = { "K1", 2 }, k2 = { "K2", 2 }, none = { NULL, 0 };
	struct syncline_slice natives[4];
	struct arena arena;
	uint32_t count;

	(void)state;
	arena_init(&arena, 0);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_unsure(ledger, 2, 2, 1, k2, 7, &err));
	assert_ok(ledger_unsure(ledger, 2, 2, 1, k1, 7, &err));
	assert_ok(ledger_unsure(ledger, 2, 2, 1, k1, 9, &err)); /* read once more, while it was being written still */
	assert_ok(ledger_unsure(ledger, 2, 3, 1, k1, 7, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_unsure_list(ledger, 2, 2, 1, none, &arena, natives, 4, &count, &err));
	assert_int_equal(count, 2);
	assert_memory_equal(natives[0].data, "K1", 2);
	assert_memory_equal(natives[1].data, "K2", 2);
	assert_ok(ledger_unsure_list(ledger, 2, 2, 1, k1, &arena, natives, 4, &count, &err));
	assert_int_equal(count, 1);
	assert_memory_equal(natives[0].data, "K2", 2);
	assert_ok(ledger_unsure_list(ledger, 2, 2, 1, none, &arena, natives, 1, &count, &err));
	assert_int_equal(count, 1);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_unsure_end(ledger, 2, 2, 1, k1, 9, &err));
	assert_ok(ledger_unsure_end(ledger, 2, 2, 1, k2, 9, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_unsure_list(ledger, 2, 2, 1, none, &arena, natives, 4, &count, &err));
	assert_int_equal(count, 1);
	assert_memory_equal(natives[0].data, "K1", 2);
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM unsure"), 2);
	arena_free(&arena);
}

/* Keys. */

static int
seal(void *data, int64_t record, struct syncline_slice plain, struct buffer *ret_sealed, struct error *e)
{
	(void)data, (void)record;
	for (size_t i = 0; i < plain.length; i++)
		if (buffer_char(ret_sealed, (char)(((const char *)plain.data)[i] ^ 0x5a)) != 0)
			return error_memory(e);
	return 0;
}

static void
what_is_staged_is_sealed_when_there_are_keys(void **state)
{
	const struct ledger_keys keys = { .seal = seal, .open = seal };
	const struct ledger_options options = { .state_dir = dir, .mode = LEDGER_ENGINE, .model = model, .keys = &keys, .now_us = help_now };
	struct ledger_read read;
	struct ledger_staged staged;
	int64_t id;

	(void)state;
	ledger_close(ledger);
	ledger = NULL;
	assert_ok(ledger_open(&options, &ledger, &err));
	read = begin_read(1, false);
	id = stage(&read, 1, 20, "a");
	assert_int_equal(help_number(ledger, "SELECT sealed FROM staged_batch"), 1);
	assert_ok(ledger_staged_get(ledger, id, &staged, &err));
	assert_int_equal(staged.batch->header->record_count, 20);
	batch_free(staged.batch);
	ledger_close(ledger);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_staged_get(ledger, id, &staged, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_SEALED);
}

/* Care. */

static void
count_fault(void *data, const char *sentence)
{
	(void)sentence;
	++*(int *)data;
}

static void
damage_in_staging_is_found(void **state)
{
	struct ledger_read read = begin_read(1, false);
	struct ledger_staged staged;
	int faults = 0;
	int64_t id = stage(&read, 1, 100, "a");

	(void)state;
	apply(1, 1, 2, id);
	wait_for(1, "C1", 1);
	assert_ok(ledger_check_staging(ledger, count_fault, &faults, &err));
	assert_int_equal(faults, 0);
	assert_ok(ledger_execute(ledger, "UPDATE staged_batch SET data = substr(data, 1, 100)", &err));
	assert_ok(ledger_check_staging(ledger, count_fault, &faults, &err));
	assert_int_equal(faults, 1);
	assert_int_equal(ledger_staged_get(ledger, id, &staged, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	assert_ok(ledger_execute(ledger, "UPDATE staged_batch SET data = NULL, seen = x'80'; UPDATE applied SET staged = 99; UPDATE position SET staged = 99;"
	                                 "UPDATE waiter SET data = zeroblob(10); INSERT INTO staged_batch (read, object, credentials, read_us, records,"
	                                 " rows, size, sealed, links) VALUES (77, 1, 0, 0, 0, 0, 0, 0, 0)", &err));
	faults = 0;
	assert_ok(ledger_check_staging(ledger, count_fault, &faults, &err));
	assert_int_equal(faults, 6);
}

static void
set_flag(uint8_t mode)
{
	const struct ledger_flag flag = { .flow = 1, .unit = 2, .mode = mode, .why = "test" };

	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_flag_set(ledger, &flag, &err));
	assert_ok(ledger_commit(ledger, &err));
}

static uint32_t
prune(uint32_t budget)
{
	uint32_t dropped = 0;

	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_prune_staging(ledger, help_clock_us, budget, &dropped, &err));
	assert_ok(ledger_commit(ledger, &err));
	return dropped;
}

static void
old_batches_go_when_nobody_needs_them(void **state)
{
	struct ledger_read read = begin_read(1, true);
	struct ledger_plan plan = { .flow = 1, .unit = 2 };
	struct ledger_plan_draft *draft;
	int64_t first = stage(&read, 1, 5, "a"), second = stage(&read, 6, 5, "b"), third = stage(&read, 11, 5, "c");
	uint32_t version;

	(void)state;
	set_flag(LEDGER_FLAG_ON);
	apply(1, 1, 2, second);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_feed(ledger, 1, 0, 1, 2, 4, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_int_equal(prune(100), 0); /* not old */
	help_clock_us += 10;
	assert_int_equal(prune(100), 0); /* the read goes on */
	end_read(&read, NULL, 0, false);
	help_clock_us += 10;
	draft = ledger_plan_draft_new(ledger, &err);
	assert_non_null(draft);
	plan.staged_from = second;
	plan.staged_to = second;
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_plan_store(ledger, draft, &plan, &err));
	assert_ok(ledger_commit(ledger, &err));
	ledger_plan_draft_free(draft);
	assert_int_equal(prune(100), 1); /* first: the second is a plan's, the third not applied */
	assert_int_equal(help_number(ledger, "SELECT min(id) FROM staged_batch"), second);
	assert_true(first < second);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_plan_end(ledger, plan.number, LEDGER_PLAN_APPLIED, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_int_equal(prune(100), 1);
	assert_int_equal(help_number(ledger, "SELECT min(id) FROM staged_batch"), third);
	/* Switched off it holds nothing, and isn't fed any more once something is gone. */
	set_flag(LEDGER_FLAG_OFF);
	assert_ok(ledger_fed(ledger, 1, 0, 1, 2, &version, &err));
	assert_int_equal(version, 4);
	help_clock_us += 10;
	assert_true(prune(1) == 1);
	read = begin_read(1, true);
	stage(&read, 1, 5, "d");
	stage(&read, 1, 5, "e");
	help_clock_us += 10;
	prune(100);
	assert_ok(ledger_fed(ledger, 1, 0, 1, 2, &version, &err));
	assert_int_equal(version, 0);
	/* Ids go on where they were. */
	assert_true(stage(&read, 1, 5, "f") > third);
}

/* Failing allocations: open, begin, stage, take out, commit. */

static int
open_and_stage(void *data)
{
	const struct ledger_options options = { .state_dir = dir, .mode = LEDGER_ENGINE, .model = model, .now_us = help_now, .who = "tester" };
	const int64_t seen[] = { 5, 3, 4, 3 };
	const struct batch *batch = data;
	const struct syncline_slice position = { "here", 4 };
	struct ledger *l = NULL;
	struct ledger_read read;
	struct ledger_staged staged = { 0 };
	struct buffer at;
	int64_t id;
	int result = -1;

	buffer_init(&at, 0);
	if (ledger_open(&options, &l, NULL) != 0)
		return -1;
	if (ledger_begin(l, NULL) == 0 && ledger_read_begin(l, 1, 0, true, &read, NULL) == 0 &&
	    ledger_stage(l, &read, batch, seen, 4, 20, &position, &id, NULL) == 0 && ledger_staged_get(l, id, &staged, NULL) == 0 &&
	    ledger_position(l, 1, 0, &at, NULL) == 0 && ledger_read_end(l, &read, NULL, 0, false, NULL) == 0 && ledger_commit(l, NULL) == 0) {
		assert_int_equal(at.length, 4);
		assert_memory_equal(staged.batch->data, batch->data, batch->size);
		result = 0;
	}
	batch_free(staged.batch);
	buffer_free(&at);
	ledger_close(l);
	return result;
}

static void
no_failed_allocation_spoils_opening_or_staging(void **state)
{
	struct batch *batch = make_batch(1, 20, &err);

	(void)state;
	ledger_close(ledger);
	ledger = NULL;
	assert_true(oom_each(open_and_stage, batch) > 10);
	batch_free(batch);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_epoch(ledger), 1);
	assert_string_equal(help_text(ledger, "PRAGMA integrity_check"), "ok");
}

/* What it costs; told, not judged: machines differ. */
static double
seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
the_cost_of_staging_is_told(void **state)
{
	struct ledger_read read = begin_read(1, true);
	struct batch *batch = make_batch(1, 1000, &err);
	struct ledger_staged staged;
	double began, put, taken;
	int64_t seen[1000], id = 0;
	int rounds = 50;

	(void)state;
	for (int i = 0; i < 1000; i++)
		seen[i] = i + 1;
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_stage(ledger, &read, batch, seen, 1000, 1000, NULL, &id, &err));
	began = seconds();
	for (int i = 0; i < rounds; i++)
		assert_ok(ledger_stage(ledger, &read, batch, seen, 1000, 1000, NULL, &id, &err));
	put = seconds() - began;
	assert_ok(ledger_commit(ledger, &err));
	began = seconds();
	for (int i = 0; i < rounds; i++) {
		assert_ok(ledger_staged_get(ledger, id, &staged, &err));
		batch_free(staged.batch);
	}
	taken = seconds() - began;
	print_message("a record of %u fields: %.2f us to stage, %.2f us to take out; %lld of %lu bytes a batch\n", FIELDS, put * 1e6 / rounds / 1000,
	              taken * 1e6 / rounds / 1000, (long long)help_number(ledger, "SELECT max(length(data)) FROM staged_batch"), (unsigned long)batch->size);
	batch_free(batch);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_staged_comes_back_as_it_was),
		TEST(staging_and_position_are_rolled_back_together),
		TEST(a_complete_full_read_overtakes_those_before),
		TEST(a_full_read_is_complete_for_whom_it_was_claimed),
		TEST(rows_to_be_read_again),
		cmocka_unit_test(what_was_seen_is_packed_and_comes_back),
		TEST(a_read_knows_which_links_it_saw),
		TEST(positions_are_listed_and_moved_by_hand),
		TEST(doubt_ends_with_a_full_read_that_was_applied),
		TEST(rows_wait_for_their_parent_or_their_time),
		TEST(held_rows_wait_for_other_locks),
		TEST(what_is_staged_is_sealed_when_there_are_keys),
		TEST(damage_in_staging_is_found),
		TEST(old_batches_go_when_nobody_needs_them),
		TEST(no_failed_allocation_spoils_opening_or_staging),
		TEST(the_cost_of_staging_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
