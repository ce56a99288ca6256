/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-read.c: the CSV connector as a source, through its shared object.
 */
#include "test-bed.h"

#define FILE_IN(b, name, text) put_file((b)->in, name, text, sizeof(text) - 1)
#define READS(b, expected)                                                                                             \
	do {                                                                                                           \
		struct reading r_;                                                                                     \
		read_all(b, &r_);                                                                                      \
		assert_string_equal(r_.text.data != NULL ? r_.text.data : "", expected);                               \
		reading_free(&r_);                                                                                     \
	} while (0)
#define HAS(r, text_) do { if (strstr((r).text.data, text_) == NULL) fail_msg("\"%s\" is not in:\n%s", text_, (r).text.data); } while (0)

static void
text_stays_what_it_is(void **state)
{
	struct bed *b = *state;

	key(b, "no", NULL);
	reopen(b);
	FILE_IN(b, "a.csv", "\xef\xbb\xbfno,name,no,,name_2,name\r\n007, x ,\"a \"\"q\"\"\",,\"l1\nl2\",z\r\n");
	READS(b, "007: 007| x |a \"q\"||l1\nl2|z\n");
}

static void
columns_get_names_of_their_own(void **state)
{
	struct bed *b = *state;

	key(b, "name_3", NULL);
	reopen(b);
	FILE_IN(b, "a.csv", "name,name_2,name,,name\n1,2,3,4,5\n");
	READS(b, "3: 1|2|3|4|5\n");
	key(b, "column_4", "name_4");
	READS(b, "4|5: 1|2|3|4|5\n");
	key(b, "number", NULL);
	{
		struct reading r = { 0 };

		read_on(b, &r, false, 0, 0);
		assert_int_equal(r.klass, SYNCLINE_CONFIG);
		assert_non_null(strstr(r.err.message, "number"));
		assert_non_null(strstr(r.err.detail, "name_4"));
		reading_free(&r);
	}
}

static const struct syncline_field typed[] = {
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_DECIMAL, .name = "sum" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_INTEGER, .name = "n" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_DATE, .name = "day" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TIMESTAMP, .name = "at" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_BOOLEAN, .name = "on" },
};

static void
types_are_read_exactly_or_refused(void **state)
{
	struct bed *b = *state;
	struct reading r;

	key(b, "id", NULL);
	set(b, "delimiter", ";");
	set(b, "encoding", "CP1252");
	set(b, "decimal_mark", ",");
	set(b, "thousands_mark", ".");
	set(b, "date_format", "DD.MM.YYYY|YYYYMMDD");
	set(b, "timestamp_format", "DD.MM.YYYY HH:MI:SS");
	set(b, "utc_offset", "+01:00");
	set(b, "null_if", "- n/a");
	reopen(b);
	b->object.fields = typed;
	b->object.field_count = 5;
	FILE_IN(b, "a.csv", "id;name;sum;n;day;at;on\n"
	        "1;M\xfcller;1.234,50;-12;28.02.2026;01.01.1970 01:00:00;Yes\n"
	        "2;-;;;20260301;;\n"
	        "3;n/a;007,10;0;n/a;-;0\n"
	        "4;x;1.23,5;1;;;\n"
	        "5;x;1;007;;;\n"
	        "6;x;1;1;31.02.2026;;\n"
	        "7;x;1;1;;;maybe\n"
	        "8;x;1;99999999999999999999;;;\n"
	        "9;x;12.50;1;;;\n");
	read_all(b, &r);
	HAS(r, "1: 1|M\xc3\xbcller|d:1234.50|i:-12|D:20512|T:0|b:1\n");
	HAS(r, "2: 2|NULL|NULL|NULL|D:20513|NULL|NULL\n");
	HAS(r, "3: 3|NULL|d:007.10|i:0|NULL|NULL|b:0\n");
	HAS(r, "!4: line 5: Column sum: \"1.23,5\" is not a number");
	HAS(r, "!5: line 6: Column n: \"007\" is not a whole number");
	HAS(r, "!6: line 7: Column day: \"31.02.2026\" is not a date");
	HAS(r, "!7: line 8: Column on: \"maybe\"");
	HAS(r, "!8: line 9: Column n:");
	HAS(r, "!9: line 10: Column sum: \"12.50\"");
	assert_int_equal(r.records, 3);
	assert_int_equal(r.rejects, 6);
	assert_int_equal(r.complete, 1); /* each has its key: nothing is unknown */
	reading_free(&r);
}

static void
broken_rows_are_rejects_and_the_rest_is_read(void **state)
{
	struct bed *b = *state;
	struct reading r;

	key(b, "a", NULL);
	reopen(b);
	FILE_IN(b, "a.csv", "a,b\n1,2\n3\n4,5,6\n7,\"open\n8,9\n10,\"x\"y\n11,n\0l\n12,\xff\n,13\n14,15\n");
	read_all(b, &r);
	HAS(r, "1: 1|2\n");
	HAS(r, "!~: line 3: The row has 1 values");
	HAS(r, "!~: line 4: The row has 3 values");
	HAS(r, "!~: line 5: The quoted value of column b that begins in line 5"); /* it ran into the quote of line 7 */
	HAS(r, "8: 8|9\n");
	HAS(r, "!~: line 7: The quoted value of column b");
	HAS(r, "!~: line 8: Column b: \"n\\x00l\" holds a NUL");
	HAS(r, "!~: line 9: Column b: \"\\xFF\" is not text");
	HAS(r, "!~: line 10: The key column a is empty");
	HAS(r, "14: 14|15\n");
	assert_int_equal(r.records, 3);
	assert_int_equal(r.rejects, 7);
	assert_int_equal(r.complete, 0);
	reading_free(&r);
}

static void
long_rows_cost_themselves_alone(void **state)
{
	struct bed *b = *state;
	struct reading r;
	size_t n = 1400000, at = 0;
	char *text = malloc(n + 100);

	assert_non_null(text);
	key(b, "a", NULL);
	reopen(b);
	at += (size_t)sprintf(text, "a,b\n1,");
	memset(text + at, 'x', n);
	at += n;
	at += (size_t)sprintf(text + at, "\n2,y\n3,\"open\n4,z\n");
	put_file(b->in, "a.csv", text, at);
	free(text);
	read_all(b, &r);
	HAS(r, "!~: line 2: The row is longer than row_max");
	HAS(r, "2: 2|y\n");
	HAS(r, "!~: line 4: The quote that opens in line 4, column b, is never closed");
	HAS(r, "4: 4|z\n");
	reading_free(&r);
}

static void
other_line_ends_and_encodings(void **state)
{
	struct bed *b = *state;

	key(b, "a", NULL);
	reopen(b);
	FILE_IN(b, "1.csv", "a,b\r1,2\r3,4\r");
	READS(b, "1: 1|2\n3: 3|4\n");
	set(b, "encoding", "UTF-16");
	reopen(b);
	FILE_IN(b, "2.csv", "\xff\xfe" "a\0,\0b\0\n\0" "1\0,\0\xe4\0\n\0");
	READS(b, "1: 1|\xc3\xa4\n");
	b->system.count--;
	reopen(b);
	{
		struct reading r = { 0 };

		read_on(b, &r, false, 0, 0);
		assert_int_equal(r.klass, SYNCLINE_CONFIG);
		assert_non_null(strstr(r.err.hint, "UTF-16"));
		reading_free(&r);
	}
}

static void
rows_are_grouped(void **state)
{
	struct bed *b = *state;
	struct reading r;

	key(b, "no", NULL);
	b->object.group_into = "lines";
	b->object.fields = typed;
	b->object.field_count = 2;
	reopen(b);
	FILE_IN(b, "a.csv", "no,sum,t\n1,1.50,\"a\"\"b\"\n1,007.5,c\n2,3,d\n");
	READS(b, "1: 1|d:1.50|a\"b|[{\"no\":\"1\",\"sum\":1.50,\"t\":\"a\\\"b\"},{\"no\":\"1\",\"sum\":\"007.5\",\"t\":\"c\"}]\n"
	         "2: 2|d:3|d|[{\"no\":\"2\",\"sum\":3,\"t\":\"d\"}]\n");
	/* Half an order must not pass for the whole. */
	FILE_IN(b, "b.csv", "no,sum,t\n1,1,a\n2,1,a\n1,2,b\n3,1,a\n4,1,a\n4,1\n4,1,c\n5,1,a\n6,1,a\n6,x,a\n7,1,a\n");
	read_all(b, &r);
	HAS(r, "!1: line 2: Rows of this key stand in several places");
	HAS(r, "!1: line 4: Rows of this key stand in several places");
	HAS(r, "\n2: 2|");
	HAS(r, "\n3: 3|");
	HAS(r, "!~: line 7: The row has 2 values");
	HAS(r, "!4: line 6: The rows of this key may not be all, since line 7");
	HAS(r, "\n5: 5|");
	HAS(r, "!6: line 10: Line 11: column sum");
	HAS(r, "\n7: 7|");
	reading_free(&r);
}

/* Whatever batch a read stops behind, the next goes on there: nothing is missed. */
static void
delta_reads_go_on_where_they_stopped(void **state)
{
	struct bed *b = *state;
	struct syncline_buffer text;
	struct reading r = { 0 };
	unsigned seen = 0;

	key(b, "no", NULL);
	b->object.reads = SYNCLINE_READS_DELTA;
	reopen(b);
	syncline_buffer_init(&text, 0);
	syncline_buffer_text(&text, "no,name\n");
	for (int i = 0; i < 3500; i++)
		syncline_buffer_format(&text, "%d,\"a\n%d\"\n", i, i);
	put_file(b->in, "n_1.csv", text.data, text.length);
	FILE_IN(b, "n_2.csv", "no,name\n9001,x\n");
	for (int rounds = 0; rounds < 10; rounds++) {
		read_on(b, &r, false, 0, 1);
		assert_int_equal(r.klass, SYNCLINE_OK);
		seen += r.records;
		if (rounds == 0)
			HAS(r, "0: 0|a\n0\n");
	}
	assert_int_equal(seen, 3501);
	/* A file that comes late, under a name before those that were read. */
	FILE_IN(b, "n_0.csv", "no,name\n1,late\n");
	read_on(b, &r, false, 0, 0);
	assert_string_equal(r.text.data, "1: 1|late\n");
	/* Written anew under its old name. */
	FILE_IN(b, "n_2.csv", "no,name\n9001,changed\n");
	read_on(b, &r, false, 0, 0);
	assert_string_equal(r.text.data, "9001: 9001|changed\n");
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.records, 0);
	read_on(b, &r, true, 0, 0);
	assert_int_equal(r.records, 3502);
	assert_int_equal(r.complete, 0);
	reading_free(&r);
	syncline_buffer_free(&text);
}

static void
grouped_reads_go_on_between_records(void **state)
{
	struct bed *b = *state;
	struct syncline_buffer text;
	struct reading r = { 0 };
	unsigned seen = 0;

	key(b, "no", NULL);
	b->object.reads = SYNCLINE_READS_DELTA;
	b->object.group_into = "rows";
	set(b, "encoding", "CP1252");
	reopen(b);
	syncline_buffer_init(&text, 0);
	syncline_buffer_text(&text, "no,name\n");
	for (int i = 0; i < 9000; i++)
		syncline_buffer_format(&text, "%d,\xe4%d\n", i / 3, i);
	put_file(b->in, "a.csv", text.data, text.length);
	for (int rounds = 0; rounds < 10; rounds++) {
		read_on(b, &r, false, 0, 1);
		assert_int_equal(r.klass, SYNCLINE_OK);
		assert_int_equal(r.rejects, 0);
		seen += r.records;
		for (const char *p = r.text.data; p != NULL && (p = strstr(p, ": ")) != NULL; p++)
			assert_non_null(strstr(p, "},{"));
	}
	assert_int_equal(seen, 3000);
	reading_free(&r);
	syncline_buffer_free(&text);
}

/* Sorted files need no memory for their keys; others are refused once it doesn't suffice, before anything was read. */
static void
large_groups_must_be_sorted(void **state)
{
	struct bed *b = *state;
	struct syncline_buffer text;
	struct reading r = { 0 };

	key(b, "no", NULL);
	b->object.group_into = "rows";
	set(b, "key_memory", "65536");
	reopen(b);
	syncline_buffer_init(&text, 0);
	syncline_buffer_text(&text, "no\n");
	for (int i = 20000; i > 0; i--)
		syncline_buffer_format(&text, "%d\n%d\n", i, i);
	put_file(b->in, "a.csv", text.data, text.length);
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.klass, SYNCLINE_OK);
	assert_int_equal(r.records, 20000);
	syncline_buffer_text(&text, "30000\n");
	put_file(b->in, "a.csv", text.data, text.length);
	read_on(b, &r, true, 0, 0);
	assert_int_equal(r.klass, SYNCLINE_INVALID);
	assert_int_equal(r.records, 0);
	assert_non_null(strstr(r.err.hint, "key_memory"));
	reading_free(&r);
	syncline_buffer_free(&text);
}

static void
the_newest_file_is_the_full_set(void **state)
{
	struct bed *b = *state;
	struct reading r = { 0 };

	key(b, "a", NULL);
	b->object.native = "K_*.csv";
	reopen(b);
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.klass, SYNCLINE_NOT_FOUND);
	FILE_IN(b, "K_9.csv", "a\n1\n2\n");
	FILE_IN(b, "K_10.csv", "a\n1\n");
	read_on(b, &r, false, 0, 0);
	assert_string_equal(r.text.data, "1: 1\n");
	assert_int_equal(r.complete, 1);
	read_on(b, &r, false, 0, 0); /* nothing new, and no claim */
	assert_int_equal(r.records, 0);
	assert_int_equal(r.complete, 0);
	read_on(b, &r, true, 0, 0);
	assert_int_equal(r.records, 1);
	assert_int_equal(r.complete, 1);
	/* An older set never comes after a newer one. */
	{
		char path[256];

		snprintf(path, sizeof path, "%s/K_10.csv", b->in);
		assert_int_equal(unlink(path), 0);
	}
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.klass, SYNCLINE_OK);
	assert_int_equal(r.records, 0);
	FILE_IN(b, "K_11.csv", "a\n");
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.klass, SYNCLINE_PERMANENT);
	assert_non_null(strstr(r.err.message, "has no rows"));
	reading_free(&r);
	set(b, "files", "all");
	set(b, "empty", "ok");
	reopen(b);
	READS(b, "1: 1\n2: 2\n");
	read_all(b, &r);
	assert_int_equal(r.complete, 1);
	reading_free(&r);
}

static void
a_sample_ends_early(void **state)
{
	struct bed *b = *state;
	struct reading r = { 0 };

	key(b, "a", NULL);
	reopen(b);
	FILE_IN(b, "x.csv", "a\n1\n2\n3\n");
	read_on(b, &r, false, 2, 0);
	assert_string_equal(r.text.data, "1: 1\n2: 2\n");
	assert_int_equal(r.complete, 0);
	reading_free(&r);
}

static void
only_complete_files_are_read(void **state)
{
	struct bed *b = *state;
	struct reading r = { 0 };

	key(b, "a", NULL);
	b->object.reads = SYNCLINE_READS_DELTA;
	b->items[2].text = "marker";
	reopen(b);
	FILE_IN(b, "x.csv", "a\n1\n");
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.records, 0);
	FILE_IN(b, "x.csv.done", "");
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.records, 1);
	reading_free(&r);
	memset(&r, 0, sizeof r);
	/* Just written: waited for, since it doesn't grow. */
	b->items[2].text = "stable";
	set(b, "stable_for", "50");
	reopen(b);
	FILE_IN(b, "x.csv", "a\n2\n");
	read_on(b, &r, false, 0, 0);
	assert_string_equal(r.text.data, "2: 2\n");
	reading_free(&r);
}

static void
archiving_can_be_repeated(void **state)
{
	struct bed *b = *state;
	const struct syncline_source_v1 *source = part(b, "source/1");
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_slice position;
	struct reading r = { 0 };

	key(b, "a", NULL);
	b->object.reads = SYNCLINE_READS_DELTA;
	set(b, "archive", "move");
	set(b, "archive_directory", b->archive);
	b->items[2].text = "marker";
	reopen(b);
	FILE_IN(b, "x.csv", "a\n1\n");
	FILE_IN(b, "x.csv.done", "");
	FILE_IN(b, "y.csv", "a\n1\n");
	put_file(b->archive, "x.csv", "another", 7);
	read_on(b, &r, false, 0, 0);
	position = syncline_slice(r.position.data, r.position.length);
	for (int i = 0; i < 3; i++)
		assert_int_equal(source->acknowledge(b->instance, bench_call(&b->bench, 0), &b->object, &position, &err), SYNCLINE_OK);
	assert_false(there(b->in, "x.csv"));
	assert_false(there(b->in, "x.csv.done"));
	assert_true(there(b->in, "y.csv"));
	assert_true(there(b->archive, "x.csv"));
	assert_true(there(b->archive, "x.csv.1"));
	assert_false(there(b->archive, "x.csv.2"));
	reading_free(&r);
}

/* As if it had been written in the first seconds of 1970. */
static void
age(const char *folder, const char *name, long second)
{
	struct timespec times[2] = { { second, 0 }, { second, 0 } };
	char path[300];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What was put away is read again with everything, in order, and a read that was interrupted in the archive goes on there. */
static void
everything_holds_the_archive(void **state)
{
	struct bed *b = *state;
	const struct syncline_source_v1 *source = part(b, "source/1");
	const struct syncline_slice id = { "1", 1 };
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_slice position;
	struct syncline_buffer text;
	struct reading r = { 0 };
	struct error e = { 0 };
	struct syncline_batch *batch = bench_batch_new(&e);
	unsigned seen = 0;

	key(b, "a", NULL);
	b->object.reads = SYNCLINE_READS_DELTA;
	set(b, "archive", "move");
	set(b, "archive_directory", b->archive);
	reopen(b);
	FILE_IN(b, "x1.csv", "a,b\n1,old\n2,kept\n");
	FILE_IN(b, "x2.csv", "a,b\n1,newer\n");
	read_on(b, &r, true, 0, 0);
	assert_string_equal(r.text.data, "1: 1|old\n2: 2|kept\n1: 1|newer\n");
	position = syncline_slice(r.position.data, r.position.length);
	assert_int_equal(source->acknowledge(b->instance, bench_call(&b->bench, 0), &b->object, &position, &err), SYNCLINE_OK);
	assert_true(there(b->archive, "x1.csv") && there(b->archive, "x2.csv"));
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.records, 0);
	FILE_IN(b, "x3.csv", "a,b\n3,here\n");
	read_on(b, &r, true, 0, 0);
	assert_string_equal(r.text.data, "1: 1|old\n2: 2|kept\n1: 1|newer\n3: 3|here\n");
	read_on(b, &r, false, 0, 0);
	assert_int_equal(r.records, 0);
	read_on(b, &r, true, 2, 0); /* a sample is of what lies there */
	assert_string_equal(r.text.data, "3: 3|here\n");
	/* A row that was put away is still there for who asks. */
	assert_int_equal(source->get(b->instance, bench_call(&b->bench, 0), &b->object, &id, 1, batch, &err), SYNCLINE_OK);
	syncline_buffer_clear(&r.text);
	show_batch(&r, batch);
	assert_string_equal(syncline_buffer_string(&r.text), "1: 1|newer\n");
	bench_batch_free(batch);
	/* One batch a time, each time from the position alone. */
	syncline_buffer_init(&text, 0);
	syncline_buffer_text(&text, "a,b\n");
	for (int i = 0; i < 3500; i++)
		syncline_buffer_format(&text, "%d,x\n", i);
	put_file(b->archive, "x0.csv", text.data, text.length);
	read_on(b, &r, true, 0, 1);
	for (seen = r.records; r.records > 0; seen += r.records)
		read_on(b, &r, false, 0, 1);
	assert_int_equal(seen, 3504);
	/* The same name again and again: the time tells which is newest, and the one that lies there is. */
	put_file(b->archive, "x3.csv", "a,b\n3,first\n", 12);
	put_file(b->archive, "x3.csv.1", "a,b\n3,second\n", 13);
	age(b->archive, "x3.csv", 100);
	age(b->archive, "x3.csv.1", 200);
	age(b->archive, "x0.csv", 300);
	read_on(b, &r, true, 0, 0);
	assert_int_equal(strncmp(r.text.data, "3: 3|first\n3: 3|second\n0: 0|x\n", 30), 0);
	assert_non_null(strstr(r.text.data, "1: 1|newer\n3: 3|here\n"));
	reading_free(&r);
	syncline_buffer_free(&text);
}

static void
single_records_are_found(void **state)
{
	struct bed *b = *state;
	const struct syncline_source_v1 *source = part(b, "source/1");
	const struct syncline_find_v1 *find = part(b, "find/1");
	const struct syncline_count_v1 *count = part(b, "count/1");
	const struct syncline_slice ids[] = { { "2", 1 }, { "9", 1 }, { "3", 1 } };
	struct syncline_criterion by = { "b", syncline_string("y") };
	struct syncline_error err = { .struct_size = sizeof err };
	struct error e = { 0 };
	struct reading r = { 0 };
	struct syncline_batch *batch = bench_batch_new(&e);
	uint64_t n;

	key(b, "a", NULL);
	b->object.reads = SYNCLINE_READS_DELTA;
	reopen(b);
	FILE_IN(b, "1.csv", "a,b\n1,x\n2,y\n3,y\n");
	FILE_IN(b, "2.csv", "b,c,a\ny,new,2\n");
	FILE_IN(b, "3.csv", "a,b\n3,z\n3,w\n");
	assert_int_equal(source->get(b->instance, bench_call(&b->bench, 0), &b->object, ids, 3, batch, &err), SYNCLINE_OK);
	show_batch(&r, batch);
	assert_string_equal(syncline_buffer_string(&r.text), "2: y|new|2\n-9: \n3: w|~|3\n");
	bench_batch_free(batch);
	syncline_buffer_clear(&r.text);
	batch = bench_batch_new(&e);
	assert_int_equal(find->find(b->instance, bench_call(&b->bench, 0), &b->object, &by, 1, 10, batch, &err), SYNCLINE_OK);
	show_batch(&r, batch);
	assert_string_equal(syncline_buffer_string(&r.text), "2: y|new|2\n");
	bench_batch_free(batch);
	assert_int_equal(count->count(b->instance, bench_call(&b->bench, 0), &b->object, &n, &err), SYNCLINE_OK);
	assert_int_equal(n, 3);
	reading_free(&r);
}

static void
sums_do_not_depend_on_the_order(void **state)
{
	struct bed *b = *state;
	const struct syncline_digest_v1 *digest = part(b, "digest/1");
	static const uint8_t hash_key[16] = { 1 };
	const char *names[] = { "b" };
	struct syncline_digest_bucket one[4] = { { 0 } }, two[4] = { { 0 } };
	struct syncline_error err = { .struct_size = sizeof err };
	uint64_t n = 0;

	key(b, "a", NULL);
	reopen(b);
	FILE_IN(b, "1.csv", "a,b\n1,x\n2,y\n3,z\n");
	assert_int_equal(digest->digest(b->instance, bench_call(&b->bench, 0), &b->object, names, 1, hash_key, one, 4, &err), SYNCLINE_OK);
	FILE_IN(b, "2.csv", "b,a\nz,3\nx,1\ny,2\n");
	assert_int_equal(digest->digest(b->instance, bench_call(&b->bench, 0), &b->object, names, 1, hash_key, two, 4, &err), SYNCLINE_OK);
	assert_memory_equal(one, two, sizeof one);
	for (int i = 0; i < 4; i++)
		n += one[i].count;
	assert_int_equal(n, 3);
	FILE_IN(b, "2.csv", "b,a\nz,3\nx,1\nY,2\n");
	assert_int_equal(digest->digest(b->instance, bench_call(&b->bench, 0), &b->object, names, 1, hash_key, two, 4, &err), SYNCLINE_OK);
	assert_memory_not_equal(one, two, sizeof one);
}

static void
note_object(const struct syncline_findings *f, const struct syncline_object_info *info)
{
	syncline_buffer_format(f->host_data, "%s;", info->native);
}

static void
note_field(const struct syncline_findings *f, const struct syncline_field *field)
{
	syncline_buffer_format(f->host_data, "%s:%u/%u;", field->name, field->type, field->scale == SYNCLINE_SCALE_UNKNOWN ? 99 : field->scale);
}

static void
note_remark(const struct syncline_findings *f, uint32_t severity, const char *object, const char *message, const char *hint)
{
	(void)object;
	(void)hint;
	syncline_buffer_format(f->host_data, "(%u %s)", severity, message);
}

static void
objects_and_types_are_guessed(void **state)
{
	struct bed *b = *state;
	const struct syncline_discover_v1 *discover = part(b, "discover/1");
	const struct syncline_check_v1 *check = part(b, "check/1");
	struct syncline_buffer out;
	struct syncline_findings findings = { .struct_size = sizeof findings, .object = note_object, .field = note_field, .remark = note_remark,
		                              .host_data = &out };
	struct syncline_error err = { .struct_size = sizeof err };

	syncline_buffer_init(&out, 0);
	b->object.native = "K_*.csv";
	reopen(b);
	FILE_IN(b, "K_20260228.csv", "id,zip,sum,day,at,flag,name,none\n1,01234,1.50,2026-02-28,2026-02-28T10:00:00,true,x,\n2,99999,12.25,2026-03-01,2026-02-28 11:00,no,5,\n");
	FILE_IN(b, "K_2026-03-01_1200.csv", "id,zip,sum,day,at,flag,name,none\n1,01234,1.50,2026-02-28,2026-02-28T10:00:00,true,x,\n");
	FILE_IN(b, "other2.txt", "a;b\n1;2\n");
	FILE_IN(b, "readme.md", "no\n");
	assert_int_equal(discover->objects(b->instance, bench_call(&b->bench, 0), &findings, &err), SYNCLINE_OK);
	assert_string_equal(syncline_buffer_string(&out), "K_*.csv;other2.txt;");
	syncline_buffer_clear(&out);
	assert_int_equal(discover->fields(b->instance, bench_call(&b->bench, 0), &b->object, &findings, &err), SYNCLINE_OK);
	assert_string_equal(syncline_buffer_string(&out), "id:3/99;zip:5/99;sum:4/2;day:8/99;at:7/99;flag:2/99;name:5/99;none:5/99;");
	syncline_buffer_clear(&out);
	b->object.native = "other2.txt";
	assert_int_equal(discover->fields(b->instance, bench_call(&b->bench, 0), &b->object, &findings, &err), SYNCLINE_OK);
	assert_non_null(strstr(syncline_buffer_string(&out), "looks like several"));
	syncline_buffer_clear(&out);
	assert_int_equal(check->check(b->instance, bench_call(&b->bench, 0), &findings, &err), SYNCLINE_OK);
	assert_int_equal(out.length, 0);
	set(b, "content_directory", "/nowhere/at/all");
	reopen(b);
	assert_int_equal(check->check(b->instance, bench_call(&b->bench, 0), &findings, &err), SYNCLINE_OK);
	assert_non_null(strstr(syncline_buffer_string(&out), "(3 content_directory: /nowhere/at/all is not there"));
	syncline_buffer_free(&out);
}

static void
documents_stay_below_their_folder(void **state)
{
	static const char *const bad[] = { "/etc/passwd", "../secret", "sub/../../secret", "link", "missing", "", "sub", "." };
	struct bed *b = *state;
	const struct syncline_content_v1 *content = part(b, "content/1");
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct syncline_slice ref = { "sub/a.PDF", 9 };
	char path[256], buffer[64];
	size_t n;
	void *stream;

	reopen(b);
	snprintf(path, sizeof path, "%s/sub", b->in);
	assert_int_equal(mkdir(path, 0700), 0);
	put_file(path, "a.PDF", "12345", 5);
	put_file(b->root, "secret", "no", 2);
	snprintf(path, sizeof path, "%s/link", b->in);
	assert_int_equal(symlink("../secret", path), 0);
	assert_int_equal(content->open_read(b->instance, bench_call(&b->bench, 0), &b->object, &ref, &stream, &info, &err), SYNCLINE_OK);
	assert_string_equal(info.name, "a.PDF");
	assert_string_equal(info.media_type, "application/pdf");
	assert_int_equal(info.length, 5);
	assert_int_equal(content->read(stream, bench_call(&b->bench, 0), buffer, 3, &n, &err), SYNCLINE_OK);
	assert_int_equal(n, 3);
	assert_int_equal(content->read(stream, bench_call(&b->bench, 0), buffer + 3, 61, &n, &err), SYNCLINE_OK);
	assert_int_equal(n, 2);
	assert_memory_equal(buffer, "12345", 5);
	assert_int_equal(content->read(stream, bench_call(&b->bench, 0), buffer, 64, &n, &err), SYNCLINE_OK);
	assert_int_equal(n, 0);
	content->close_read(stream);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ref = syncline_slice(bad[i], strlen(bad[i]));
		if (content->open_read(b->instance, bench_call(&b->bench, 0), &b->object, &ref, &stream, &info, &err) == SYNCLINE_OK)
			fail_msg("\"%s\" was opened", bad[i]);
	}
}

static void
wrong_settings_are_refused(void **state)
{
	static const char *const wrong[][2] = {
		{ "delimiter", ";;" }, { "delimiter", "\"" }, { "encoding", "KLINGON" }, { "date_format", "YYYY" }, { "utc_offset", "CET" },
		{ "decimal_mark", "" }, { "file_name", "x.csv" }, { "file_name", "../{stamp}" }, { "archive", "move" },
	};
	struct bed *b = *state;

	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		struct syncline_error err = { .struct_size = sizeof err };
		void *instance;

		set(b, wrong[i][0], wrong[i][1]);
		if (b->c->open(&b->bench.host, bench_call(&b->bench, 0), &b->system, &instance, &err) != SYNCLINE_CONFIG)
			fail_msg("%s = \"%s\" was taken", wrong[i][0], wrong[i][1]);
		assert_true(err.message[0] != '\0' && err.hint[0] != '\0');
		b->system.count--;
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_stays_what_it_is), TEST(columns_get_names_of_their_own), TEST(types_are_read_exactly_or_refused),
		TEST(broken_rows_are_rejects_and_the_rest_is_read), TEST(long_rows_cost_themselves_alone), TEST(other_line_ends_and_encodings),
		TEST(rows_are_grouped), TEST(delta_reads_go_on_where_they_stopped), TEST(grouped_reads_go_on_between_records),
		TEST(large_groups_must_be_sorted), TEST(the_newest_file_is_the_full_set), TEST(a_sample_ends_early), TEST(only_complete_files_are_read),
		TEST(archiving_can_be_repeated), TEST(everything_holds_the_archive),
		TEST(single_records_are_found), TEST(sums_do_not_depend_on_the_order), TEST(objects_and_types_are_guessed),
		TEST(documents_stay_below_their_folder), TEST(wrong_settings_are_refused),
	};

	return cmocka_run_group_tests_name("csv read", tests, NULL, NULL);
}
