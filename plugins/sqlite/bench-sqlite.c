/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench-sqlite.c: how many records a second one core moves through the sqlite and jsonl connectors, both ways, in batches of
 * 1,000 records of 12 columns.  Run by hand: tests/bin/bench-data [RECORDS].
 */
#include "fixture.h"

#include <time.h>
#include <unistd.h>

#include <sqlite3.h>

#define COLUMNS 12

static double
cpu_and_wall(double *ret_wall)
{
	struct timespec cpu, wall;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	clock_gettime(CLOCK_MONOTONIC, &wall);
	*ret_wall = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
	return (double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9;
}

static struct syncline_batch *
customers(const struct syncline_field *fields, unsigned first, unsigned count)
{
	struct syncline_batch *batch = fixture_batch(fields, COLUMNS);

	for (unsigned i = first; i < first + count; i++) {
		char texts[COLUMNS][64];
		struct syncline_value values[COLUMNS];
		struct syncline_record r = syncline_record(SYNCLINE_OP_CREATE);
		static const char *const formats[COLUMNS] = { "K%07u", "Customer %u GmbH", "Contact %u", "Street %u", "City %u", "%05u", "DE", "+49 30 %u",
			                                      "mail%u@example.com", "DE%09u", "%u.25", "A note about %u" };

		for (int k = 0; k < COLUMNS; k++) {
			snprintf(texts[k], sizeof texts[k], formats[k], i);
			values[k] = k == 10 ? syncline_decimal(texts[k], strlen(texts[k])) : syncline_string(texts[k]);
		}
		r.values = values;
		r.value_count = COLUMNS;
		assert_int_equal(bench_batch_service.add(batch, &r, NULL), SYNCLINE_OK);
	}
	return batch;
}

static void
count(void *data, const struct batch *batch, const struct syncline_record *record)
{
	(void)batch;
	(void)record;
	++*(unsigned *)data;
}

static void
measure(struct fixture *f, const struct syncline_field *fields, const char *what, unsigned records, int again)
{
	const struct syncline_sink_v1 *sink = fixture_part(f, "sink/1");
	double cpu = 0, wall = 0, a, b, wa, wb;
	unsigned seen = 0;

	for (int round = 0; round <= again; round++) {
		cpu = wall = 0;
		for (unsigned i = 0; i < records; i += 1000) {
			struct syncline_batch *batch = customers(fields, i, 1000);
			struct error err = { 0 };

			assert_int_equal(bench_batch_finish(batch, &err), 0);
			a = cpu_and_wall(&wa);
			assert_int_equal(sink->write(f->instance, bench_call(&f->bench, 0), &f->object, batch, &f->results, &f->err), SYNCLINE_OK);
			b = cpu_and_wall(&wb);
			cpu += b - a;
			wall += wb - wa;
			bench_batch_free(batch);
		}
		printf("%s, %s: %.0f records/s of processor time, %.0f of wall time\n", what, round == 0 ? "written" : "written again",
		       records / cpu, records / wall);
	}
	if (sink->finish != NULL)
		assert_int_equal(sink->finish(f->instance, bench_call(&f->bench, 0), &f->object, &f->err), SYNCLINE_OK);
	a = cpu_and_wall(&wa);
	assert_int_equal(fixture_read(f, 1, 0, 0, count, &seen), SYNCLINE_OK);
	b = cpu_and_wall(&wb);
	assert_int_equal(seen, records);
	printf("%s, read, batches made and checked: %.0f records/s\n", what, records / (b - a));
}

int
main(int argc, char **argv)
{
	static const char *const names[COLUMNS] = { "id", "name", "contact", "street", "city", "zip", "country", "phone", "email", "vat", "revenue", "note" };
	static const char *const key[] = { "id" };
	unsigned records = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) / 1000 * 1000 : 200000;
	struct syncline_field fields[COLUMNS];
	char folder[] = "/tmp/syncline-bench.XXXXXX", path[128];
	struct fixture *f;
	sqlite3 *db;

	for (int i = 0; i < COLUMNS; i++)
		fields[i] = syncline_field(names[i], SYNCLINE_TYPE_ABSENT, 0);
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/bench.db", folder);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode=WAL; CREATE TABLE t(n INTEGER PRIMARY KEY, id TEXT UNIQUE, name TEXT, contact TEXT, street TEXT,"
	                                  " city TEXT, zip TEXT, country TEXT, phone TEXT, email TEXT, vat TEXT, revenue DECIMAL, note TEXT)",
	                              NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	f = fixture_new("sqlite");
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "path", path, 0);
	f->object.native = "t";
	f->object.external_key = "id";
	fixture_open(f);
	measure(f, fields, "sqlite", records, 1);
	fixture_free(f);
	f = fixture_new("jsonl");
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "directory", folder, 0);
	fixture_set(&f->system, SYNCLINE_PARAM_CHOICE, "complete", "rename", 0);
	fixture_set(&f->system, SYNCLINE_PARAM_CHOICE, "sync", "finish", 0);
	f->object.native = "bench.jsonl";
	f->object.key = key;
	f->object.key_count = 1;
	fixture_open(f);
	measure(f, fields, "jsonl", records, 0);
	fixture_free(f);
	snprintf(path, sizeof path, "rm -r %s", folder);
	return system(path);
}
