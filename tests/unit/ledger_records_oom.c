/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger_records_oom.c: records, links, keys, history and a first load when memory runs out: every call fails cleanly or does all of
 * its work, and what was begun can be rolled back.
 */
#include "ledger_records.h"

#include "ledger/bulk.h"
#include "ledger/findings.h"
#include "oom.h"

static int64_t known; /* a record with a link that is there beforehand */

static void
make_record(struct ledger_record *record, struct syncline_value *values, struct ledger_stamp *stamp)
{
	for (int i = 0; i < 8; i++)
		values[i] = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
	values[0] = bed_text("K2");
	*stamp = (struct ledger_stamp){ 1, bed.kunden, 5, LEDGER_CLOCK_READ };
	*record = (struct ledger_record){ .unit = bed.berlin, .generation = 1, .version = 1, .values = values, .stamps = stamp, .stamp_count = 1 };
}

static int
write_all(struct error *err)
{
	static const uint64_t vector[64] = { 1 };
	struct syncline_value values[8];
	struct ledger_stamp stamp;
	struct ledger_record record;
	struct ledger_link link = { .object = bed.kunden, .unit = bed.berlin, .native = bed_slice("K2"), .sent = vector, .seen = vector };
	struct ledger_match key = { .hash = "key" };
	struct ledger_history row = { .unit = bed.berlin, .event = LEDGER_EVENT_CHANGED, .after = "{}" };

	make_record(&record, values, &stamp);
	if (ledger_new_ids(bed.ledger, 1, &record.id, err) != 0 || ledger_records_put(bed.ledger, bed.customer, &record, 1, err) != 0)
		return -1;
	link.record = row.record = record.id;
	if (ledger_links_put(bed.ledger, bed.customer, &link, 1, err) != 0 ||
	    ledger_match_set(bed.ledger, bed.customer, bed.berlin, record.id, &key, 1, err) != 0)
		return -1;
	return ledger_history_add(bed.ledger, &row, 1, err);
}

static int
write_and_roll_back(void *arg)
{
	struct error err = { 0 };
	int result;

	(void)arg;
	if (ledger_begin(bed.ledger, &err) != 0)
		return -1;
	result = write_all(&err);
	ledger_rollback(bed.ledger);
	if (result != 0)
		assert_int_equal(err.code, ERROR_MEMORY);
	return result;
}

static int
keep(void *data, const struct ledger_history *row)
{
	(void)row;
	++*(int *)data;
	return 0;
}

static int
read_all(void *arg)
{
	struct ledger_record record;
	struct ledger_link link, *links;
	struct ledger_hit hits[4];
	struct syncline_slice native = bed_slice("K1");
	struct arena arena;
	struct error err = { 0 };
	uint32_t first[2], n = 0;
	int told = 0, result = -1;

	(void)arg;
	arena_init(&arena, 0);
	if (ledger_records_get(bed.ledger, bed.customer, &known, 1, &arena, &record, &err) != 0 ||
	    ledger_links_get(bed.ledger, bed.customer, bed.kunden, bed.berlin, &native, 1, &arena, &link, &err) != 0 ||
	    ledger_links_of(bed.ledger, bed.customer, &known, 1, &arena, &links, first, &err) != 0 ||
	    ledger_history_of(bed.ledger, known, keep, &told, &err) != 0)
		goto out;
	if (ledger_find_key(bed.ledger, "K1", hits, 4, &n, &err) != 0)
		goto out;
	result = 0;
	assert_true(record.id == known && link.record == known && first[1] == 1 && links[0].id == link.id && told == 1);
	assert_true(n == 1 && hits[0].record == known);
out:
	arena_free(&arena);
	if (result != 0)
		assert_int_equal(err.code, ERROR_MEMORY);
	return result;
}

/* A value that is null is another correction: one that does not fit into memory is an error. */
static int64_t correction;
static char long_value[200000];
static int
read_correction(void *arg)
{
	struct ledger_correction found;
	struct arena arena;
	struct error err = { 0 };
	int result;

	(void)arg;
	arena_init(&arena, 0);
	result = ledger_correction_get(bed.ledger, correction, &arena, &found, &err);
	if (result == 0)
		assert_true(found.value != NULL && strlen(found.value) == sizeof long_value - 1 && found.why != NULL && strlen(found.why) == sizeof long_value - 1);
	else
		assert_int_equal(err.code, ERROR_MEMORY);
	arena_free(&arena);
	return result;
}

static int
load(void *arg)
{
	struct ledger_bulk_options options = { .entity = bed.order, .object = bed.accounts, .unit = bed.berlin, .run = 1, .version = 1, .expected = 10 };
	struct syncline_value values[3] = { bed_text("1"), { .type = SYNCLINE_TYPE_NULL }, { .type = SYNCLINE_TYPE_NULL } };
	struct ledger_record record = { .values = values };
	struct ledger_link link = { .native = bed_slice("1") };
	struct ledger_match key = { .hash = "order" };
	struct ledger_bulk_row row = { &record, &link, &key, 1 };
	struct ledger_bulk *bulk = NULL;
	struct error err = { 0 };
	uint8_t aside = 2;
	int result;

	(void)arg;
	if (ledger_begin(bed.ledger, &err) != 0)
		return -1;
	result = ledger_bulk_open(bed.ledger, &options, &bulk, &err);
	if (result == 0)
		result = ledger_bulk_add(bulk, &row, 1, &aside, &err);
	ledger_bulk_free(bulk);
	ledger_rollback(bed.ledger);
	if (result == 0)
		assert_int_equal(aside, 0);
	else
		assert_int_equal(err.code, ERROR_MEMORY);
	return result;
}

/* Statements and tables are kept from call to call: they are found beforehand, so that what a call leaves is a leak. */
static void
no_failed_allocation_hides(void **state)
{
	struct ledger_history row = { .unit = bed.berlin, .event = LEDGER_EVENT_CHANGED, .after = "{}" };
	struct ledger_correction one = { .binding = 1, .unit = bed.berlin, .native = bed_slice("K1"), .field = "NAME", .value = long_value, .why = long_value };
	struct error err;

	(void)state;
	memset(long_value, 'x', sizeof long_value - 1);
	known = bed_customer("K1", bed.berlin);
	bed_put_link(bed_link(bed.kunden, bed.berlin, "K1", known, 1));
	row.record = known;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_history_add(bed.ledger, &row, 1, &err));
	assert_ok(ledger_correction_add(bed.ledger, &one, &correction, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_int_equal(read_correction(NULL), 0);
	assert_true(oom_each(read_correction, NULL) > 0);
	assert_int_equal(write_and_roll_back(NULL), 0);
	assert_int_equal(read_all(NULL), 0);
	assert_int_equal(load(NULL), 0);
	assert_true(oom_each(write_and_roll_back, NULL) > 0);
	assert_true(oom_each(read_all, NULL) > 0);
	assert_true(oom_each(load, NULL) > 0);
	assert_string_equal(bed_faults(), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = { BED_TEST(no_failed_allocation_hides) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
