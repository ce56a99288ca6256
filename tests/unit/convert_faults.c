/* SPDX-License-Identifier: BSD-2-Clause */
/* convert_faults.c: conversions with connectors that refuse, lie, hang or die. */
#include "convert_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* `from` and `to` are connectors; sources other than csv give one record. */
static void
configure(struct stand *stand, const char *from, const char *to)
{
	char text[3000];

	snprintf(text, sizeof text,
	         "agent: { timezone = \"UTC\"; };"
	         "systems: {"
	         " from: { connector = \"%s\"; limits: { timeout = \"1s\"; }; settings: { %s };"
	         "  objects: { things: { native = \"%s\"; key = [ \"id\" ]; reads = \"full\"; }; }; };"
	         " to: { connector = \"%s\"; access = \"write\"; limits: { timeout = \"1s\"; }; settings: { %s };"
	         "  objects: { things: { native = \"out.jsonl\"; key = [ \"id\" ]; }; }; }; };"
	         "entities: { thing: { owner = \"from\"; match = ( { exact = [ \"number\" ]; } );"
	         "  fields: { number: { type = \"text\"; }; name: { type = \"text\"; }; }; }; };"
	         "flows: { f: { entity = \"thing\"; bindings: {"
	         " from: { object = \"things\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"id\" ] );%s };"
	         " to: { object = \"things\"; create_if = \"true\"; map = ( [ \"number\", \"id\" ], [ \"name\", \"name\" ] ); }; }; }; };",
	         from, strcmp(from, "csv") == 0 ? "directory = \"@/in\"; complete = \"rename\";" : "", strcmp(from, "csv") == 0 ? "customers.csv" : "customers", to,
	         strcmp(to, "jsonl") == 0 ? "directory = \"@/out\";" : "", strcmp(from, "csv") == 0 ? "read: { name = \"name\"; };" : "");
	stand_configure(stand, text);
}

static void
single_items_are_refused_and_the_others_written(void **state)
{
	struct stand *stand = *state;

	configure(stand, "csv", "good");
	stand_text(stand, "in/customers.csv", "id,name,size\nA,a,1\nB,,1\nC,c,1\nD,,1\n");
	stand_must(stand);
	assert_int_equal(stand->counts.written, 2);
	assert_int_equal(stand->counts.rejected[CONVERT_STAGE_WRITE], 2);
	assert_int_equal(stand->reject_count, 2);
	assert_int_equal(stand->rejects[0].stage, CONVERT_STAGE_WRITE);
	assert_int_equal(stand->rejects[0].place, 3);
	assert_string_equal(stand->rejects[0].native_id, "B");
	assert_non_null(strstr(stand->rejects[0].origin, "customers.csv"));
	assert_string_equal(stand->rejects[0].reason, "a customer needs a name");
	assert_string_equal(stand->rejects[1].native_id, "D");
}

/* The connector ends its process at an eighth item, and refuses an attempt key that comes twice. */
static void
writes_are_as_small_as_the_target_wants(void **state)
{
	struct stand *stand = *state;
	FILE *file = stand_open(stand, "in/customers.csv");

	fputs("id,name,size\n", file);
	for (unsigned i = 0; i < 2500; i++)
		fprintf(file, "%s,,\n", i % 100 == 42 ? "refuse me" : "same key");
	stand_close(stand, "in/customers.csv", file);
	configure(stand, "csv", "small-writes");
	stand_must(stand);
	assert_int_equal(stand->counts.read, 2500);
	assert_int_equal(stand->counts.written, 2475);
	assert_int_equal(stand->reject_count, 25);
	for (uint32_t i = 0; i < 25; i++) {
		assert_string_equal(stand->rejects[i].reason, "this one is refused");
		assert_string_equal(stand->rejects[i].native_id, "refuse me");
		assert_int_equal(stand->rejects[i].place, i * 100 + 44);
	}
}

static void
ends_clean(struct stand *stand, unsigned descriptors, time_t began, int seconds)
{
	assert_true(time(NULL) - began <= seconds);
	assert_true(stand->err.message[0] != '\0');
	assert_int_equal(stand_descriptors(), descriptors);
	assert_false(stand_has_children());
	/* What the test put there, and nothing else: no temporary file of ours, and none of the other connector. */
	stand_holds(stand, "", "connectors in out temp test.conf");
	stand_holds(stand, "in", "customers.csv");
	stand_holds(stand, "out", "");
	stand_holds(stand, "temp", "");
}

static void
a_target_that_dies_leaves_uncertain_items(void **state)
{
	struct stand *stand = *state;
	unsigned before = stand_descriptors();
	time_t began = time(NULL);
	char key[16];

	stand_rows(stand, "in/customers.csv", 250);
	configure(stand, "csv", "crash-write");
	assert_int_equal(stand_convert(stand), -1);
	/* What it reported before it crashed is known, and nothing else. */
	assert_int_equal(stand->counts.written, 100);
	assert_int_equal(stand->counts.uncertain, 150);
	assert_int_equal(stand->reject_count, stand->counts.uncertain);
	for (uint32_t i = 0; i < stand->reject_count; i++) {
		snprintf(key, sizeof key, "C%06u", (unsigned)(100 + i));
		assert_string_equal(stand->rejects[i].native_id, key);
		assert_false(stand->rejects[i].first);
	}
	ends_clean(stand, before, began, 20);
}

static void
a_target_that_hangs_is_ended(void **state)
{
	struct stand *stand = *state;
	unsigned before = stand_descriptors();
	time_t began = time(NULL);

	stand_rows(stand, "in/customers.csv", 9000);
	configure(stand, "csv", "hang-write");
	assert_int_equal(stand_convert(stand), -1);
	/* One was reported, and nothing is sent after it. */
	assert_int_equal(stand->counts.written, 1);
	assert_int_equal(stand->counts.uncertain, stand->reject_count);
	assert_int_equal(stand->counts.uncertain, 999);
	assert_string_equal(stand->rejects[0].native_id, "C000001");
	assert_int_equal(stand->counts.rejected[CONVERT_STAGE_WRITE], 0);
	ends_clean(stand, before, began, 40);
}

static void
a_target_that_lies_is_not_believed(void **state)
{
	struct stand *stand = *state;

	stand_rows(stand, "in/customers.csv", 10);
	configure(stand, "csv", "lies-results");
	/* Of ten it reports the first properly and refuses the fourth; the others twice, with an unknown class, or not at all. */
	stand_must(stand);
	assert_int_equal(stand->counts.written, 1);
	assert_int_equal(stand->counts.rejected[CONVERT_STAGE_WRITE], 1);
	assert_int_equal(stand->counts.uncertain, 8);
}

static void
a_source_that_fails_is_a_clear_error(void **state)
{
	static const char *const bad[] = { "crash-next", "crash-open", "exits", "garbage", "hang" };
	struct stand *stand = *state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		unsigned before = stand_descriptors();
		time_t began = time(NULL);

		configure(stand, bad[i], "jsonl");
		assert_int_equal(stand_convert(stand), -1);
		assert_int_equal(stand->counts.written, 0);
		ends_clean(stand, before, began, 40);
	}
}

static void
a_connector_that_is_not_there_is_named(void **state)
{
	struct stand *stand = *state;

	configure(stand, "csv", "nowhere");
	stand_rows(stand, "in/customers.csv", 1);
	assert_int_equal(stand_convert(stand), -1);
	assert_int_equal(stand->err.code, ERROR_CONNECTOR_MISSING);
	assert_non_null(strstr(stand->err.message, "nowhere"));
	assert_false(stand_has_children());
}

static void
who_is_told_may_stop(void **state)
{
	struct stand *stand = *state;
	unsigned before = stand_descriptors();

	stand_rows(stand, "in/customers.csv", 20000);
	configure(stand, "csv", "jsonl");
	stand->stop_after = 3;
	assert_int_equal(stand_convert(stand), -1);
	assert_int_equal(stand->progressed, 3);
	assert_int_equal(stand->err.code, ERROR_CONNECTOR_CANCELLED);
	assert_true(stand->counts.written > 0 && stand->counts.written < 20000);
	assert_int_equal(stand->counts.written, stand->counts.read);
	assert_int_equal(stand_descriptors(), before);
	assert_false(stand_has_children());
}

/* 1,000 records and more in a batch, each refused with a value and a key of 100 KB: what is kept of it is cut. */
static void
long_texts_of_rejects_are_cut(void **state)
{
	struct stand *stand = *state;
	FILE *file = stand_open(stand, "in/customers.csv");
	char *long_text = malloc(100001);
	const struct convert_reject *r;

	assert_non_null(long_text);
	for (unsigned i = 0; i < 100000; i += 2)
		memcpy(long_text + i, "ä", 2);
	long_text[100000] = '\0';
	fputs("id,name,size\n", file);
	for (unsigned i = 0; i < 300; i++)
		fprintf(file, "%u-%s,%s,%s\n", i, long_text, long_text, long_text);
	stand_close(stand, "in/customers.csv", file);
	free(long_text);
	stand_configure(stand, stand_customers);
	stand_must(stand);
	assert_int_equal(stand->counts.rejected[CONVERT_STAGE_RULES] + stand->counts.rejected[CONVERT_STAGE_READ], 300);
	r = &stand->rejects[0];
	assert_true(strlen(r->native_id) < 500 && strlen(r->reason) < 500 && strlen(r->value) < 500);
	if (r->native_id[0] != '\0')
		assert_string_equal(r->native_id + strlen(r->native_id) - 3, "…");
}

static int
in_processes(void **state)
{
	*state = stand_new(false);
	return 0;
}

static int
directly(void **state)
{
	*state = stand_new(true);
	return 0;
}

static int
teardown(void **state)
{
	stand_free(*state);
	return 0;
}

#define ALONE(test) cmocka_unit_test_setup_teardown(test, in_processes, teardown)
#define BOTH(test) ALONE(test), cmocka_unit_test_setup_teardown(test, directly, teardown)

int
convert_faults_run(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(single_items_are_refused_and_the_others_written),
		ALONE(writes_are_as_small_as_the_target_wants),
		ALONE(a_target_that_dies_leaves_uncertain_items),
		ALONE(a_target_that_hangs_is_ended),
		BOTH(a_target_that_lies_is_not_believed),
		ALONE(a_source_that_fails_is_a_clear_error),
		BOTH(a_connector_that_is_not_there_is_named),
		BOTH(who_is_told_may_stop),
		BOTH(long_texts_of_rejects_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
