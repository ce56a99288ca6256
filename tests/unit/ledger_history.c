/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_history.c: what happened, told as rows; spans; sealing; and finding records by what people type. */
#include "ledger_records.h"

#include <stdio.h>

struct told {
	struct arena *arena;
	struct ledger_history rows[64];
	uint32_t count;
	uint32_t stop; /* after so many; 0: never */
};

static const char *
copy(const char *text)
{
	return text != NULL ? arena_text(&bed.arena, text) : NULL;
}

static int
keep(void *data, const struct ledger_history *row)
{
	struct told *told = data;

	if (told->count < 64) {
		told->rows[told->count] = *row;
		told->rows[told->count].native.data = arena_copy(&bed.arena, row->native.data, row->native.length);
		told->rows[told->count].who = copy(row->who);
		told->rows[told->count].correlation = copy(row->correlation);
		told->rows[told->count].before = copy(row->before);
		told->rows[told->count].after = copy(row->after);
		told->rows[told->count].note = copy(row->note);
	}
	return ++told->count == told->stop ? 7 : 0;
}

static void
add(const struct ledger_history *rows, uint32_t count)
{
	struct error err;

	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_history_add(bed.ledger, rows, count, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
}

static struct told
of(int64_t record)
{
	struct told told = { 0 };
	struct error err;

	assert_ok(ledger_history_of(bed.ledger, record, keep, &told, &err));
	return told;
}

void
history_is_told_oldest_first(void **state)
{
	struct ledger_history rows[200] = { { .record = 5, .entity = 1, .unit = bed.berlin, .object = bed.kunden, .run = 3, .event = LEDGER_EVENT_CREATED,
		.generation = 1, .version = 2, .native = bed_slice("100|7") } };
	struct told told;
	struct error err;

	(void)state;
	for (int i = 1; i < 200; i++)
		rows[i] = (struct ledger_history){ .record = i % 2 ? 5 : 6, .entity = 1, .unit = bed.berlin, .event = LEDGER_EVENT_CHANGED,
			.generation = (uint64_t)i, .who = "anna", .correlation = "c-1", .before = "{\"name\":\"a\"}", .after = "{\"name\":\"b\"}",
			.note = "because" };
	add(rows, 200);
	told = of(5);
	assert_int_equal(told.count, 101);
	assert_int_equal(told.rows[0].event, LEDGER_EVENT_CREATED);
	assert_int_equal(told.rows[0].native.length, 5);
	assert_memory_equal(told.rows[0].native.data, "100|7", 5);
	assert_true(told.rows[0].id > 0 && told.rows[0].run == 3 && told.rows[0].version == 2 && told.rows[0].object == bed.kunden);
	assert_true(told.rows[0].at_us == help_clock_us);
	assert_null(told.rows[0].who);
	for (uint32_t i = 1; i < 64; i++)
		assert_int_equal(told.rows[i].generation, 2 * i - 1);
	assert_string_equal(told.rows[1].who, "anna");
	assert_string_equal(told.rows[1].correlation, "c-1");
	assert_string_equal(told.rows[1].before, "{\"name\":\"a\"}");
	assert_string_equal(told.rows[1].after, "{\"name\":\"b\"}");
	assert_string_equal(told.rows[1].note, "because");
	/* Who has heard enough ends it. */
	told = (struct told){ .stop = 70 };
	assert_int_equal(ledger_history_of(bed.ledger, 5, keep, &told, &err), 7);
	assert_int_equal(told.count, 70);
	assert_int_equal(of(77).count, 0);
}

/* Rows alike for consecutive records. */
static void
add_alike(enum ledger_event event, uint32_t object, int64_t first, uint32_t count, int64_t run)
{
	struct ledger_history *rows = calloc(count, sizeof *rows);

	assert_non_null(rows);
	for (uint32_t i = 0; i < count; i++)
		rows[i] = (struct ledger_history){ .record = first + i, .entity = ledger_entity_id(bed.ledger, bed.customer), .unit = bed.berlin,
			.object = object, .run = run, .event = event, .generation = 1, .version = 4 };
	add(rows, count);
	free(rows);
}

void
equal_rows_become_a_span_and_are_told_as_rows(void **state)
{
	int64_t first = bed_customer("0", bed.berlin);
	struct ledger_history row = { .unit = bed.berlin, .event = LEDGER_EVENT_CHANGED, .generation = 2 };
	struct told told;

	(void)state;
	for (int i = 1; i < 100; i++)
		bed_customer("x", bed.berlin);
	bed_put_link(bed_link(bed.kunden, bed.berlin, "N7", first + 7, 1));
	add_alike(LEDGER_EVENT_CREATED, bed.kunden, first, 100, 9);
	row.record = first + 7;
	add(&row, 1);
	add_alike(LEDGER_EVENT_SENT_CREATE, bed.accounts, first, 50, 10);
	add_alike(LEDGER_EVENT_LINKED, bed.accounts, first, 5, 10);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM history_span"), 2);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM history"), 6);
	told = of(first + 7);
	assert_int_equal(told.count, 3);
	assert_true(told.rows[0].event == LEDGER_EVENT_CREATED && told.rows[0].record == first + 7 && told.rows[0].id == 0 && told.rows[0].run == 9 &&
	            told.rows[0].version == 4 && told.rows[0].generation == 1 && told.rows[0].unit == bed.berlin);
	assert_int_equal(told.rows[0].native.length, 2);
	assert_memory_equal(told.rows[0].native.data, "N7", 2);
	assert_int_equal(told.rows[1].event, LEDGER_EVENT_CHANGED);
	assert_true(told.rows[2].event == LEDGER_EVENT_SENT_CREATE && told.rows[2].object == bed.accounts);
	assert_int_equal(of(first).count, 3);
	assert_int_equal(of(first + 49).count, 2);
	assert_int_equal(of(first + 50).count, 1);
	assert_int_equal(of(first + 99).count, 1);
	assert_int_equal(of(first + 100).count, 0);
	assert_int_equal(of(first - 1).count, 0);
	assert_string_equal(bed_faults(), "");
	/* Longer than the longest: several spans, and the first record's is found too. */
	add_alike(LEDGER_EVENT_CREATED, bed.kunden, first + 1000000, 70000, 11);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM history_span WHERE run = 11"), 2);
	assert_int_equal(of(first + 1000000).count, 1);
	assert_int_equal(of(first + 1065535).count, 1);
	assert_int_equal(of(first + 1065536).count, 1);
	assert_int_equal(of(first + 1069999).count, 1);
	assert_int_equal(of(first + 1070000).count, 0);
	assert_non_null(strstr(bed_faults(), "records that are not there"));
}

void
a_run_tells_what_it_did(void **state)
{
	struct ledger_history row = { .record = 3, .unit = bed.berlin, .event = LEDGER_EVENT_DECIDED, .generation = 2, .run = 5 };
	struct told told = { 0 };
	struct error err;

	(void)state;
	add(&row, 1);
	add_alike(LEDGER_EVENT_CREATED, bed.kunden, 100, 2000, 5);
	add_alike(LEDGER_EVENT_CREATED, bed.kunden, 5000, 20, 6);
	row.record = 4;
	add(&row, 1);
	assert_ok(ledger_history_of_run(bed.ledger, 5, keep, &told, &err));
	assert_int_equal(told.count, 2002);
	assert_true(told.rows[0].record == 3 && told.rows[0].event == LEDGER_EVENT_DECIDED);
	for (int i = 1; i < 64; i++)
		assert_true(told.rows[i].record == 99 + i && told.rows[i].event == LEDGER_EVENT_CREATED);
	told = (struct told){ 0 };
	assert_ok(ledger_history_of_run(bed.ledger, 7, keep, &told, &err));
	assert_int_equal(told.count, 0);
}

/* A key service that turns every byte round, and forgets records. */
static bool forgotten;

static int
turn(void *data, int64_t record, struct syncline_slice in, struct buffer *out, struct error *err)
{
	(void)data, (void)err;
	for (uint32_t i = 0; i < in.length; i++)
		buffer_char(out, (char)(((const unsigned char *)in.data)[i] ^ 0xa5 ^ (unsigned char)record));
	return 0;
}

static int
turn_back(void *data, int64_t record, struct syncline_slice in, struct buffer *out, struct error *err)
{
	if (forgotten)
		return error_set(err, ERROR_LEDGER_ERASED, NULL, "forgotten");
	return turn(data, record, in, out, err);
}

void
sensitive_values_are_sealed(void **state)
{
	static const struct ledger_keys keys = { .seal = turn, .open = turn_back };
	struct ledger_history row = { .record = 5, .entity = ledger_entity_id(bed.ledger, bed.customer), .unit = bed.berlin,
		.event = LEDGER_EVENT_CHANGED, .generation = 2,
		.before = "{\"name\":\"a{\\\"b,\", \"email\" : \"old,\\\"x\\\"@example.com\",\"revenue\":50000.00}",
		.after = "{\"email\":null,\"unheard_of\":{\"a\":[1,2,\"}\"]},\"name\":\"c\"}" };
	struct told told;

	(void)state;
	forgotten = false;
	bed.ledger->options.keys = &keys;
	add(&row, 1);
	row.before = NULL;
	row.after = "{\"name\":\"d\"}";
	add(&row, 1);
	assert_string_equal(help_text(bed.ledger, "SELECT before FROM history ORDER BY id LIMIT 1"),
	                    "{\"name\":\"a{\\\"b,\",\"email\":{\"sealed\":0},\"revenue\":50000.00}");
	assert_string_equal(help_text(bed.ledger, "SELECT after FROM history ORDER BY id LIMIT 1"),
	                    "{\"email\":{\"sealed\":1},\"unheard_of\":{\"sealed\":2},\"name\":\"c\"}");
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM history WHERE sealed IS NOT NULL"), 1);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM history WHERE instr(CAST(sealed AS TEXT), 'example') > 0"), 0);
	told = of(5);
	assert_int_equal(told.count, 2);
	assert_string_equal(told.rows[0].before, "{\"name\":\"a{\\\"b,\",\"email\":\"old,\\\"x\\\"@example.com\",\"revenue\":50000.00}");
	assert_string_equal(told.rows[0].after, "{\"email\":null,\"unheard_of\":{\"a\":[1,2,\"}\"]},\"name\":\"c\"}");
	assert_null(told.rows[1].before);
	assert_string_equal(told.rows[1].after, "{\"name\":\"d\"}");
	forgotten = true;
	told = of(5);
	assert_string_equal(told.rows[0].after, "{\"email\":{\"erased\":true},\"unheard_of\":{\"erased\":true},\"name\":\"c\"}");
	bed.ledger->options.keys = NULL;
	told = of(5);
	assert_string_equal(told.rows[0].after, "{\"email\":{\"sealed\":true},\"unheard_of\":{\"sealed\":true},\"name\":\"c\"}");
}

void
old_history_is_dropped(void **state)
{
	struct ledger_history row = { .record = 5, .unit = bed.berlin, .event = LEDGER_EVENT_CHANGED, .generation = 2 };
	struct error err;
	uint32_t dropped;

	(void)state;
	for (int i = 1; i <= 10; i++) {
		row.at_us = i * 100;
		add(&row, 1);
	}
	help_clock_us = 500;
	add_alike(LEDGER_EVENT_CREATED, bed.kunden, 5, 100, 1);
	help_clock_us = 2000;
	add_alike(LEDGER_EVENT_CREATED, bed.kunden, 5, 100, 1);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_prune_history(bed.ledger, 700, 4, &dropped, &err));
	assert_int_equal(dropped, 4);
	assert_ok(ledger_prune_history(bed.ledger, 700, 4, &dropped, &err));
	assert_int_equal(dropped, 3);
	assert_ok(ledger_prune_history(bed.ledger, 700, 4, &dropped, &err));
	assert_int_equal(dropped, 0);
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_int_equal(of(5).count, 5);
}

static uint32_t
find(const char *key, struct ledger_hit *hits)
{
	struct error err;
	uint32_t n;

	assert_ok(ledger_find_key(bed.ledger, key, hits, 8, &n, &err));
	return n;
}

void
keys_find_records(void **state)
{
	struct ledger_hit hits[8];
	char text[LEDGER_EXTERNAL_ID + 1];
	int64_t one = bed_customer("K-1", bed.berlin), two = bed_customer("K-2", bed.munich), three = bed_customer("K-3", bed.berlin);

	(void)state;
	bed_put_link(bed_link(bed.kunden, bed.berlin, "100|7", one, 1));
	bed_put_link(bed_link(bed.accounts, bed.berlin, "7", two, 1));
	bed_put_link(bed_link(bed.kunden, bed.munich, "a\\|b|c\\\\", three, 1));
	snprintf(text, sizeof text, "%lld", (long long)two);
	assert_int_equal(find(text, hits), 1);
	assert_true(hits[0].record == two && hits[0].unit == bed.munich && hits[0].entity == ledger_entity_id(bed.ledger, bed.customer));
	assert_string_equal(hits[0].why, "record id");
	ledger_external_id(bed.ledger, three, text);
	assert_int_equal(find(text, hits), 1);
	assert_true(hits[0].record == three);
	assert_string_equal(hits[0].why, "external id");
	assert_int_equal(find("100|7", hits), 1);
	assert_true(hits[0].record == one);
	assert_string_equal(hits[0].why, "native id at erp.kunden");
	/* Whole before parts. */
	assert_int_equal(find("7", hits), 1);
	assert_true(hits[0].record == two);
	assert_int_equal(find("100", hits), 1);
	assert_true(hits[0].record == one);
	assert_string_equal(hits[0].why, "part of a native id at erp.kunden");
	assert_int_equal(find("a|b", hits), 1);
	assert_true(hits[0].record == three);
	assert_int_equal(find("c\\", hits), 1);
	assert_int_equal(find("b", hits), 0);
	assert_int_equal(find("10", hits), 0);
	/* A field with `unique`. */
	assert_int_equal(find("K-2", hits), 1);
	assert_true(hits[0].record == two);
	assert_string_equal(hits[0].why, "number");
	assert_int_equal(find("", hits), 0);
	assert_int_equal(find("K-", hits), 0);
}
