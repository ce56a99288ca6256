/* SPDX-License-Identifier: BSD-2-Clause */
/* convert.c: whole conversions from files into files; every test with connectors in processes, and in this one. */
#include "convert_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
every_record_arrives_once_and_in_order(void **state)
{
	struct stand *stand = *state;
	unsigned before = stand_descriptors(), line = 0;
	char *text, *at;

	stand_configure(stand, stand_customers);
	stand_rows(stand, "in/customers.csv", 5000);
	stand_must(stand);
	assert_int_equal(stand->counts.read, 5000);
	assert_int_equal(stand->counts.written, 5000);
	assert_int_equal(stand->counts.skipped, 0);
	assert_int_equal(stand->counts.uncertain, 0);
	assert_int_equal(stand->reject_count, 0);
	assert_true(stand->progressed >= 5);
	text = stand_read(stand, "out/out.jsonl");
	for (at = text; *at != '\0'; line++) {
		char wanted[64];
		char *end = strchr(at, '\n');

		assert_non_null(end);
		*end = '\0';
		snprintf(wanted, sizeof wanted, "\"C%06u\"", line);
		if (strstr(at, wanted) == NULL)
			fail_msg("line %u is %s", line, at);
		at = end + 1;
	}
	assert_int_equal(line, 5000);
	free(text);
	assert_int_equal(stand_descriptors(), before);
	assert_false(stand_has_children());
}

static void
a_record_has_the_same_id_in_every_conversion(void **state)
{
	struct stand *stand = *state;
	char *first, *second;

	stand_configure(stand, stand_customers);
	stand_text(stand, "in/customers.csv", "id,name,size\nA,a,1\nB,b,2\n");
	stand_must(stand);
	first = stand_read(stand, "out/out.jsonl");
	assert_int_equal(remove(stand_path(stand, "out/out.jsonl")), 0);
	stand_must(stand);
	second = stand_read(stand, "out/out.jsonl");
	assert_non_null(strstr(first, "\"ext\":\""));
	assert_string_equal(first, second);
	free(first);
	free(second);
}

static void
limit_and_create_if_leave_out(void **state)
{
	struct stand *stand = *state;

	stand_configure(stand, stand_customers);
	stand_text(stand, "in/customers.csv", "id,name,size\nA,a,1\nB,b,99\nC,c,\nD,d,99\n");
	stand_must(stand);
	assert_int_equal(stand->counts.read, 4);
	assert_int_equal(stand->counts.written, 2);
	assert_int_equal(stand->counts.skipped, 2);
	stand_rows(stand, "in/customers.csv", 3000);
	stand->options.limit = 1234;
	stand_must(stand);
	assert_int_equal(stand->counts.read, 1234);
	assert_int_equal(stand->counts.written, 1234);
	stand->options.limit = 0;
}

static void
rejects_say_where_what_and_by_which_rule(void **state)
{
	struct stand *stand = *state;
	const struct convert_reject *r;

	stand_configure(stand, stand_customers);
	stand_text(stand, "in/customers.csv", "id,name,size\nA,a,1\nB,b\nC,c,many\nD,a name that is much longer than the forty characters that it may have,1\nE,e,5\n");
	stand_must(stand);
	assert_int_equal(stand->counts.read, 5);
	assert_int_equal(stand->counts.written, 2);
	assert_int_equal(stand->counts.rejected[CONVERT_STAGE_READ], 1);
	assert_int_equal(stand->counts.rejected[CONVERT_STAGE_RULES], 2);
	assert_int_equal(stand->reject_count, 3);
	r = &stand->rejects[0];
	assert_int_equal(r->stage, CONVERT_STAGE_READ);
	assert_int_equal(r->place, 3);
	assert_non_null(strstr(r->origin, "customers.csv"));
	assert_true(r->reason[0] != '\0' && r->hint[0] != '\0');
	r = &stand->rejects[1];
	assert_int_equal(r->stage, CONVERT_STAGE_RULES);
	assert_int_equal(r->place, 4);
	assert_string_equal(r->native_id, "C");
	assert_string_equal(r->field, "size");
	assert_string_equal(r->rule, "nullif(size, '')");
	assert_non_null(strstr(r->rule_file, "test.conf"));
	assert_int_equal(r->rule_line, 5);
	assert_string_equal(r->value, "'many'");
	r = &stand->rejects[2];
	assert_string_equal(r->native_id, "D");
	assert_string_equal(r->field, "name");
	assert_int_equal(r->rule_line, 4);
}

static const char split[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" from: { connector = \"csv\"; settings: { directory = \"@/in\"; complete = \"rename\"; };"
	"  objects: { things: { native = \"customers.csv\"; key = [ \"id\" ]; reads = \"full\"; tenant = \"who\"; tenant_mode = \"split\"; }; }; };"
	" to: { connector = \"jsonl\"; access = \"write\"; settings: { directory = \"@/out\"; };"
	"  objects: { things: { native = \"out.jsonl\"; key = [ \"id\" ]; external_key = \"ext\"; }; }; }; };"
	"units: { north: { systems: { from: { tenant = \"N\"; }; }; }; south: { systems: { from: { tenant = \"S\"; }; }; };"
	" east: { systems: { from: { tenant = \"E\"; }; }; }; };"
	"entities: { customer: { owner = \"from\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; place: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; units = [ \"north\", \"south\" ]; bindings: {"
	" from: { object = \"things\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"id\" ] ); read: { place = \"unit()\"; }; };"
	" to: { object = \"things\"; create_if = \"true\"; map = ( [ \"number\", \"id\" ], [ \"place\", \"place\" ] ); }; }; }; };";

static unsigned
times(const char *text, const char *what)
{
	unsigned count = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		count++;
	return count;
}

static void
tenants_sort_records_to_their_units(void **state)
{
	struct stand *stand = *state;
	char *text;

	stand_configure(stand, split);
	stand_text(stand, "in/customers.csv", "id,who\n1,N\n2,S\n3,N\n4,E\n5,X\n6,S\n7,S\n");
	stand_must(stand);
	assert_int_equal(stand->counts.read, 7);
	assert_int_equal(stand->counts.written, 5);
	assert_int_equal(stand->counts.other_units, 1);
	assert_int_equal(stand->counts.rejected[CONVERT_STAGE_READ], 1);
	assert_int_equal(stand->reject_count, 1);
	assert_int_equal(stand->rejects[0].place, 6);
	assert_string_equal(stand->rejects[0].native_id, "5");
	assert_string_equal(stand->rejects[0].field, "who");
	assert_string_equal(stand->rejects[0].value, "X");
	text = stand_read(stand, "out/out.jsonl");
	assert_int_equal(times(text, "\"north\""), 2);
	assert_int_equal(times(text, "\"south\""), 3);
	free(text);
	stand->options.unit = "south";
	assert_int_equal(remove(stand_path(stand, "out/out.jsonl")), 0);
	stand_must(stand);
	assert_int_equal(stand->counts.written, 3);
	assert_int_equal(stand->counts.other_units, 3);
	text = stand_read(stand, "out/out.jsonl");
	assert_int_equal(times(text, "\"north\""), 0);
	free(text);
	stand->options.unit = "east";
	assert_int_equal(stand_convert(stand), -1);
	assert_non_null(strstr(stand->err.message, "\"east\""));
	stand->options.unit = NULL;
}

static const char lines[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" from: { connector = \"jsonl\"; settings: { directory = \"@/in\"; complete = \"rename\"; };"
	"  objects: { things: { native = \"things.jsonl\"; key = [ \"id\" ]; reads = \"full\"; }; }; };"
	" to: { connector = \"jsonl\"; access = \"write\"; settings: { directory = \"@/out\"; };"
	"  objects: { things: { native = \"out.jsonl\"; key = [ \"id\" ]; }; }; }; };"
	"entities: { customer: { owner = \"from\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; bindings: {"
	" from: { object = \"things\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"id\" ], [ \"name\", \"name\" ] ); };"
	" to: { object = \"things\"; create_if = \"true\"; map = ( [ \"number\", \"id\" ], [ \"name\", \"name\" ] ); }; }; }; };";

/* More lines than a batch has; those of the first and of the last part differ in their fields. */
static void
lines_of_two_kinds(struct stand *stand, bool name_first)
{
	FILE *file = stand_open(stand, "in/things.jsonl");

	for (unsigned i = 0; i < 6000; i++)
		if ((i < 3000) == name_first)
			fprintf(file, "{\"id\":\"%u\",\"name\":\"n%u\"}\n", i, i);
		else
			fprintf(file, "{\"id\":\"%u\",\"other\":%u}\n", i, i);
	stand_close(stand, "in/things.jsonl", file);
}

static void
batches_may_have_different_fields(void **state)
{
	struct stand *stand = *state;
	char *text;

	stand_configure(stand, lines);
	lines_of_two_kinds(stand, true);
	stand_must(stand);
	assert_int_equal(stand->counts.written, 6000);
	text = stand_read(stand, "out/out.jsonl");
	assert_int_equal(times(text, "\"name\""), 3000);
	free(text);
}

static void
a_rule_over_a_field_that_the_first_batch_lacks_is_an_error(void **state)
{
	struct stand *stand = *state;

	stand_configure(stand, lines);
	lines_of_two_kinds(stand, false);
	assert_int_equal(stand_convert(stand), -1);
	assert_int_equal(stand->counts.written, 0);
	assert_non_null(strstr(stand->err.message, "\"name\""));
	assert_non_null(strstr(stand->err.place, "test.conf"));
	assert_non_null(strstr(stand->err.hint, "`syncline discover from things`"));
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

#define BOTH(test) cmocka_unit_test_setup_teardown(test, in_processes, teardown), cmocka_unit_test_setup_teardown(test, directly, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(every_record_arrives_once_and_in_order),
		BOTH(a_record_has_the_same_id_in_every_conversion),
		BOTH(limit_and_create_if_leave_out),
		BOTH(rejects_say_where_what_and_by_which_rule),
		BOTH(tenants_sort_records_to_their_units),
		BOTH(batches_may_have_different_fields),
		BOTH(a_rule_over_a_field_that_the_first_batch_lacks_is_an_error),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	return failed + convert_faults_run() + convert_lookups_run() != 0;
}
