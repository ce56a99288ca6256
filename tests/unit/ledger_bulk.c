/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger_bulk.c: the first load: repeats set aside, spans, indexes at the end, and being killed anywhere.
 */
#include "ledger_records.h"

#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/bloom.h"
#include "ledger/bulk.h"

enum { STEP = 1000 };
static uint32_t die_at = UINT32_MAX; /* before the transaction with this row is committed */

static struct ledger_bulk *
open_load(uint64_t expected)
{
	const struct config_binding *target = &bed.model->flows[0].bindings[1];
	struct ledger_bulk_options options = { .entity = bed.customer, .targets = &target, .target_count = 1, .object = bed.kunden,
		.unit = bed.berlin, .run = 3, .version = 1, .expected = expected };
	struct ledger_bulk *bulk = NULL;
	struct error err;

	assert_ok(ledger_bulk_open(bed.ledger, &options, &bulk, &err));
	return bulk;
}

/*
 * Rows number `from` to `to` as one transaction.  Row n has native id n % modulus, and the match key of n % keys: with a modulus
 * below the rows some are repeats.  Returns how many were set aside; those numbers go to `asides`.
 */
static uint32_t
add_rows(struct ledger_bulk *bulk, uint32_t from, uint32_t to, uint32_t modulus, uint32_t keys, uint32_t *asides)
{
	static struct ledger_bulk_row rows[STEP];
	static struct ledger_record records[STEP];
	static struct ledger_link links[STEP];
	static struct ledger_match matches[STEP];
	static struct syncline_value values[STEP][8];
	static char text[STEP][16];
	static uint8_t aside[STEP];
	struct error err;
	uint32_t count = 0;

	for (; from < to; from += STEP) {
		uint32_t n = to - from < STEP ? to - from : STEP;

		for (uint32_t i = 0; i < n; i++) {
			uint32_t key = (from + i) % keys;

			for (int k = 0; k < 8; k++)
				values[i][k] = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
			snprintf(text[i], sizeof text[i], "%u", (from + i) % modulus);
			values[i][0] = bed_text(text[i]);
			records[i] = (struct ledger_record){ .values = values[i] };
			links[i] = (struct ledger_link){ .native = bed_slice(text[i]) };
			memset(links[i].raw, (int)(from + i) % 255 + 1, 16);
			matches[i] = (struct ledger_match){ .rule = 0 };
			for (int k = 0; k < 16; k++)
				matches[i].hash[k] = (uint8_t)((key * 2654435761u) >> (k % 4 * 8)) ^ (uint8_t)k;
			rows[i] = (struct ledger_bulk_row){ &records[i], &links[i], &matches[i], 1 };
		}
		assert_ok(ledger_begin(bed.ledger, &err));
		assert_ok(ledger_bulk_add(bulk, rows, n, aside, &err));
		if (from + STEP >= die_at)
			kill(getpid(), SIGKILL);
		assert_ok(ledger_commit(bed.ledger, &err));
		for (uint32_t i = 0; i < n; i++)
			if (aside[i] && asides != NULL)
				asides[count++] = from + i;
			else
				count += aside[i];
	}
	return count;
}

static bool
possible(uint32_t object)
{
	struct error err;
	bool may;

	assert_ok(ledger_bulk_possible(bed.ledger, bed.customer, object, bed.berlin, &may, &err));
	return may;
}

static int64_t
indexes(void)
{
	return help_number(bed.ledger, "SELECT count(*) FROM sqlite_schema WHERE name IN ('link_native', 'link_record', 'match_key_hash')");
}

/* Every stored row is found by its native id, and every key by its record. */
static void
assert_loaded(uint32_t rows, uint32_t stored)
{
	struct error err;
	uint64_t n;

	assert_int_equal(indexes(), 3);
	assert_ok(ledger_links_count(bed.ledger, bed.kunden, bed.berlin, &n, &err));
	assert_int_equal(n, stored);
	assert_ok(ledger_records_count(bed.ledger, bed.customer, bed.berlin, &n, &err));
	assert_int_equal(n, stored);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM match_key"), stored);
	assert_int_equal(help_number(bed.ledger, "SELECT sum(last - first + 1) FROM history_span WHERE event = 'created'"), stored);
	assert_int_equal(help_number(bed.ledger, "SELECT sum(last - next + 1) FROM delivery_span"), stored);
	assert_int_equal(help_number(bed.ledger, "SELECT count(DISTINCT native) FROM link"), stored);
	assert_true(stored <= rows);
	assert_string_equal(bed_faults(), "");
	assert_string_equal(help_text(bed.ledger, "PRAGMA integrity_check"), "ok");
}

static void
a_load_stores_links_and_finds_all_afterwards(void **state)
{
	struct ledger_bulk *bulk;
	struct ledger_glance glance;
	struct ledger_link link;
	struct ledger_record record;
	struct syncline_slice native = bed_slice("4711");
	uint8_t raw[1][16];
	struct error err;
	uint32_t aside;

	(void)state;
	assert_true(possible(bed.kunden));
	bulk = open_load(20000);
	assert_int_equal(indexes(), 0);
	aside = add_rows(bulk, 0, 20000, 20000, 20000, NULL);
	assert_true(aside < 200); /* the filter may be wrong about some */
	assert_true(possible(bed.kunden));
	assert_false(possible(bed.accounts));
	/* Nothing that needs the indexes gets a slow answer instead. */
	assert_int_equal(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &native, (const uint8_t(*)[16])raw, 1, 1, &glance, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_LOADING);
	assert_ok(ledger_bulk_close(bulk, NULL, &err));
	ledger_bulk_free(bulk);
	assert_false(possible(bed.kunden));
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM first_load"), 0);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM first_load_aside"), 0);
	assert_loaded(20000, 20000 - aside);
	memset(raw, 4711 % 255 + 1, 16);
	assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &native, (const uint8_t(*)[16])raw, 1, 1, &glance, &err));
	assert_int_equal(glance.what, LEDGER_UNCHANGED);
	assert_ok(ledger_links_get(bed.ledger, bed.customer, bed.kunden, bed.berlin, &native, 1, &bed.arena, &link, &err));
	assert_ok(ledger_records_get(bed.ledger, bed.customer, &link.record, 1, &bed.arena, &record, &err));
	assert_true(record.generation == 1 && record.version == 1 && record.unit == bed.berlin && link.effective == 1);
	assert_memory_equal(record.values[0].u.data, "4711", 4);
}

/* A hundred thousand rows of which every fifth was there before, by its id or by its key alone. */
static void
repeats_are_set_aside(void **state)
{
	const uint32_t rows = 100000u / (uint32_t)check_stride(), fifth = rows / 5;
	struct ledger_bulk *bulk = open_load(rows);
	uint32_t *asides = calloc(rows, sizeof *asides), count, late = 0;
	struct error err;

	(void)state;
	assert_non_null(asides);
	count = add_rows(bulk, 0, rows, rows - fifth / 2, rows - fifth, asides);
	assert_true(count >= fifth && count < fifth + fifth / 40);
	for (uint32_t i = 0; i < count; i++)
		late += asides[i] >= rows - fifth;
	assert_int_equal(late, fifth);
	assert_ok(ledger_bulk_close(bulk, NULL, &err));
	ledger_bulk_free(bulk);
	assert_loaded(rows, rows - count);
	free(asides);
}

/* What follows a row that was set aside under one of its keys follows it aside. */
static void
rows_of_one_record_stay_in_their_order(void **state)
{
	struct ledger_bulk *bulk = open_load(100);
	struct ledger_link links[3] = { { .native = bed_slice("a") }, { .native = bed_slice("b") }, { .native = bed_slice("b") } };
	struct ledger_record records[3] = { { 0 } };
	struct syncline_value values[8] = { { 0 } };
	struct ledger_match keys[3] = { { .hash = "one" }, { .hash = "one" }, { .hash = "three" } };
	struct ledger_bulk_row rows[3];
	uint8_t aside[3];
	struct error err;

	(void)state;
	for (int i = 0; i < 8; i++)
		values[i].type = SYNCLINE_TYPE_NULL;
	for (int i = 0; i < 3; i++) {
		records[i].values = values;
		rows[i] = (struct ledger_bulk_row){ &records[i], &links[i], &keys[i], 1 };
	}
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_bulk_add(bulk, rows, 2, aside, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_true(aside[0] == 0 && aside[1] == 1);
	/* Also when the load is interrupted in between. */
	ledger_bulk_free(bulk);
	bulk = open_load(100);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_bulk_add(bulk, &rows[2], 1, aside, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_int_equal(aside[0], 1);
	assert_ok(ledger_bulk_close(bulk, NULL, &err));
	ledger_bulk_free(bulk);
	assert_loaded(3, 1);
}

static void
one_run_loads_an_entity_at_a_time(void **state)
{
	struct ledger_bulk_options options = { .entity = bed.customer, .object = bed.kunden, .unit = bed.munich, .run = 4, .version = 1 };
	struct ledger_bulk *bulk = open_load(100), *other = NULL;
	struct ledger *second = help_open(bed.dir, bed.model, LEDGER_ENGINE);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ledger_bulk_open(second, &options, &other, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_LOADING);
	ledger_bulk_free(bulk);
	assert_ok(ledger_bulk_open(second, &options, &other, &err));
	assert_ok(ledger_bulk_close(other, NULL, &err));
	ledger_bulk_free(other);
	ledger_close(second);
}

/* A ledger that is full of other things keeps its indexes, and the load is right all the same. */
static void
a_small_load_into_a_large_ledger_leaves_the_indexes_alone(void **state)
{
	struct ledger_bulk *bulk;
	struct error err;
	uint32_t aside;

	(void)state;
	assert_ok(ledger_execute(bed.ledger, "INSERT INTO link SELECT 1000, 99, 1, 'x', 1, 99, 0, 0, NULL, 0, NULL, 0, 0, 0;"
	                                     "INSERT INTO link_count VALUES (99, 1, 1);", &err));
	bulk = open_load(100);
	assert_int_equal(indexes(), 3);
	aside = add_rows(bulk, 0, 150, 100, 150, NULL);
	assert_true(aside >= 50 && aside < 60);
	assert_ok(ledger_bulk_close(bulk, NULL, &err));
	ledger_bulk_free(bulk);
	assert_int_equal(indexes(), 3);
	assert_string_equal(bed_faults(), "");
}

static bool
stop_at_once(void *data, uint64_t done, uint64_t total)
{
	uint32_t *calls = data;

	assert_true(done <= total);
	(*calls)++;
	return false;
}

static void
building_can_be_stopped_and_done_again(void **state)
{
	struct ledger_bulk *bulk = open_load(30000);
	uint32_t calls = 0, aside = add_rows(bulk, 0, 30000, 30000, 30000, NULL);
	const struct ledger_progress progress = { stop_at_once, &calls };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ledger_bulk_close(bulk, &progress, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_STOPPED);
	assert_int_equal(calls, 1);
	assert_int_equal(indexes(), 0);
	assert_ok(ledger_bulk_close(bulk, NULL, &err));
	ledger_bulk_free(bulk);
	assert_loaded(30000, 30000 - aside);
}

/* Kills. */

static bool
die(void *data, uint64_t done, uint64_t total)
{
	uint64_t *steps = data;

	(void)done, (void)total;
	if (--*steps == 0)
		kill(getpid(), SIGKILL);
	return true;
}

/*
 * A child loads until it is killed: before a transaction is committed, or (rows 0) while it builds the indexes, after so many
 * steps.  The ledger is closed meanwhile, since an open one doesn't go through a fork.
 */
static void
load_and_die(uint32_t rows, uint64_t steps)
{
	int status;
	pid_t child;

	ledger_close(bed.ledger);
	bed.ledger = NULL;
	if ((child = fork()) == 0) {
		const struct ledger_progress progress = { die, &steps };
		struct ledger_bulk *bulk;
		struct error err;

		bed.ledger = help_open(bed.dir, bed.model, LEDGER_ENGINE);
		bulk = open_load(40000);
		die_at = rows != 0 ? rows : UINT32_MAX;
		add_rows(bulk, 0, 40000, 40000, 40000, NULL);
		ledger_bulk_close(bulk, &progress, &err);
		_exit(1);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	bed.ledger = help_open(bed.dir, bed.model, LEDGER_ENGINE);
}

/* How many rows are stored, and that a load of all goes on from there to the right end. */
static void
go_on(void)
{
	struct ledger_bulk *bulk;
	struct error err;
	int64_t stored = help_number(bed.ledger, "SELECT count(*) FROM link"), after;
	uint32_t aside;

	/* An engine that opens it finds everything working, and the load unfinished. */
	assert_int_equal(indexes(), 3);
	assert_string_equal(bed_faults(), "");
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM first_load"), 1);
	assert_true(possible(bed.kunden));
	bulk = open_load(40000);
	aside = add_rows(bulk, 0, 40000, 40000, 40000, NULL);
	/* What was there is set aside; nothing twice, nothing missing. */
	after = help_number(bed.ledger, "SELECT count(*) FROM link");
	assert_true(aside >= stored && after == stored + 40000 - aside);
	assert_true(aside - stored < 400);
	assert_ok(ledger_bulk_close(bulk, NULL, &err));
	ledger_bulk_free(bulk);
	assert_loaded(40000, (uint32_t)after);
	assert_false(possible(bed.kunden));
}

static void
killed_while_adding(void **state)
{
	(void)state;
	load_and_die(17000, 0);
	assert_in_range(help_number(bed.ledger, "SELECT count(*) FROM link"), 15900, 16000);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link"), help_number(bed.ledger, "SELECT records FROM first_load"));
	go_on();
}

static void
killed_while_indexing(void **state)
{
	static const uint64_t steps[] = { 1, 5, 11 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		load_and_die(0, steps[i]);
		assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link"), help_number(bed.ledger, "SELECT records FROM first_load"));
		assert_int_equal(indexes(), 3);
	}
	go_on();
}

/* The filter alone: never wrong about what it was told; wrong now and then about the rest, also when it had to grow. */
static void
the_filter_forgets_nothing(void **state)
{
	struct bloom bloom;
	uint64_t key = 1;
	uint32_t wrong = 0;

	(void)state;
	assert_int_equal(bloom_make(&bloom, 1000), 0);
	for (int i = 0; i < 300000; i++, key = key * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407))
		assert_int_equal(bloom_add(&bloom, key), 0);
	assert_true(bloom.count > 1);
	for (int i = 0; i < 300000; i++, key = key * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407))
		wrong += bloom_has(&bloom, key);
	assert_in_range(wrong, 0, 150);
	key = 1;
	for (int i = 0; i < 300000; i++, key = key * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407))
		assert_true(bloom_has(&bloom, key));
	bloom_free(&bloom);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(a_load_stores_links_and_finds_all_afterwards),
		BED_TEST(repeats_are_set_aside),
		BED_TEST(rows_of_one_record_stay_in_their_order),
		BED_TEST(one_run_loads_an_entity_at_a_time),
		BED_TEST(a_small_load_into_a_large_ledger_leaves_the_indexes_alone),
		BED_TEST(building_can_be_stopped_and_done_again),
		BED_TEST(killed_while_adding),
		BED_TEST(killed_while_indexing),
		BED_TEST(the_filter_forgets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
