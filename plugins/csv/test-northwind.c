/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-northwind.c: real exports through the connector, compared value by value with an independent reader (northwind.py).
 * Skipped, and says so, where the exports or Python are missing.
 */
#include "test-bed.h"

static char data[2048];

/* Reads one export and has it compared; the number of records. */
static unsigned
compare(struct bed *b, const char *name, const char *by, bool grouped)
{
	const struct syncline_source_v1 *source = part(b, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request };
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct syncline_error err = { .struct_size = sizeof err };
	char dump[256], command[8192];
	unsigned records = 0;
	void *reader;
	FILE *out;

	key(b, by, NULL);
	b->object.native = name;
	b->object.group_into = grouped ? "Lines" : NULL;
	snprintf(dump, sizeof dump, "%s/dump", b->root);
	assert_non_null(out = fopen(dump, "wb"));
	assert_int_equal(source->open_read(b->instance, bench_call(&b->bench, 0), &b->object, &request, &reader, &err), SYNCLINE_OK);
	while (!state.end) {
		struct error e = { 0 };
		struct syncline_batch *batch = bench_batch_new(&e);

		assert_int_equal(source->next(reader, bench_call(&b->bench, 0), batch, &state, &err), SYNCLINE_OK);
		assert_int_equal(bench_batch_finish(batch, &e), 0);
		for (uint32_t i = 0; i < bench_batch_service.record_count(batch); i++) {
			struct syncline_record r = syncline_record(0);

			assert_int_equal(bench_batch_service.record(batch, i, &r), SYNCLINE_OK);
			assert_int_equal(r.op, SYNCLINE_OP_SEEN);
			fwrite(r.native_id.u.data, 1, r.native_id.length, out);
			for (uint32_t k = 0; k < r.value_count; k++) {
				fputc('\x1f', out);
				fwrite(r.values[k].u.data, 1, r.values[k].length, out);
			}
			fputc('\x1e', out);
			records++;
		}
		bench_batch_free(batch);
	}
	assert_int_equal(state.completeness_count, 1);
	source->close_read(reader);
	assert_int_equal(fclose(out), 0);
	snprintf(command, sizeof command, "python3 '%s/plugins/csv/northwind.py' '%s/%s' '%s' %s %s", getenv("SYNCLINE_SOURCE"), data, name, dump, by,
	         grouped ? "grouped" : "plain");
	assert_int_equal(system(command), 0);
	return records;
}

static void
every_value_is_the_same(void **state)
{
	struct bed *b = *state;

	b->items[0].text = data;
	reopen(b);
	assert_int_equal(compare(b, "customers.csv", "CustomerID", false), 91);
	assert_int_equal(compare(b, "products.csv", "ProductID", false), 77);
	assert_int_equal(compare(b, "employees.csv", "EmployeeID", false), 9);
	assert_int_equal(compare(b, "suppliers.csv", "SupplierID", false), 29);
	assert_int_equal(compare(b, "categories.csv", "CategoryID", false), 8);
	assert_int_equal(compare(b, "orders.csv", "OrderID", true), 830);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(every_value_is_the_same, setup, teardown) };
	const char *root = getenv("SYNCLINE_TEST_DATA");

	snprintf(data, sizeof data, "%s/northwind", root != NULL ? root : "../data");
	if (!there(data, "orders.csv") || getenv("SYNCLINE_SOURCE") == NULL || system("python3 -c 'import csv'") != 0) {
		fprintf(stderr, "skipped: needs python3, SYNCLINE_SOURCE, and the exports below SYNCLINE_TEST_DATA (%s)\n", data);
		return 77;
	}
	return cmocka_run_group_tests_name("csv northwind", tests, NULL, NULL);
}
