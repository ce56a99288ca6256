/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-sqlite.c: the sqlite connector on a bench, against what the SQLite library itself says of the same file.
 */
#include "fixture.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

static char path[64];
static const char *const id_key[] = { "id" }, *const rowid_key[] = { "rowid" };

static void
sql(const char *text)
{
	sqlite3 *db;
	char *message = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, text, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", text, message);
	sqlite3_close(db);
}

/* All rows of a query, columns joined by |, rows by newline. */
static const char *
ask(const char *text)
{
	static char answer[8192];
	sqlite3 *db;
	sqlite3_stmt *s;
	size_t n = 0;

	answer[0] = '\0';
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &s, NULL), SQLITE_OK);
	while (sqlite3_step(s) == SQLITE_ROW)
		for (int i = 0; i < sqlite3_column_count(s); i++)
			n += (size_t)snprintf(answer + n, sizeof answer - n, "%s%s", sqlite3_column_type(s, i) == SQLITE_NULL ? "NULL" : (const char *)sqlite3_column_text(s, i),
			                      i + 1 < sqlite3_column_count(s) ? "|" : "\n");
	sqlite3_finalize(s);
	sqlite3_close(db);
	return answer;
}

static int
setup(void **state)
{
	struct fixture *f = fixture_new("sqlite");
	int fd;

	strcpy(path, "/tmp/syncline-sqlite.XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	close(fd);
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "path", path, 0);
	fixture_set(&f->system, SYNCLINE_PARAM_DURATION, "busy_timeout", "", 50);
	f->object.native = "t";
	f->object.key = id_key;
	f->object.key_count = 1;
	fixture_open(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	char other[80];

	fixture_free(*state);
	unlink(path);
	snprintf(other, sizeof other, "%s-wal", path);
	unlink(other);
	snprintf(other, sizeof other, "%s-shm", path);
	unlink(other);
	return 0;
}

struct seen {
	char text[65536];
	size_t n;
	unsigned records, rejects, deleted;
};

static void
write_down(void *data, const struct batch *batch, const struct syncline_record *r)
{
	static const char types[] = "anbidtxsyj";
	struct seen *s = data;

	(void)batch;
	s->records++;
	s->rejects += r->op == SYNCLINE_OP_REJECT;
	s->deleted += r->op == SYNCLINE_OP_DELETED;
	if (s->n > sizeof s->text - 2000)
		return;
	s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%.*s", (int)r->native_id.length, r->native_id.length > 0 ? (const char *)r->native_id.u.data : "");
	if (r->op == SYNCLINE_OP_REJECT)
		s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, " REJECT %.*s", (int)r->note.length, (const char *)r->note.u.data);
	if (r->op == SYNCLINE_OP_DELETED)
		s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, " GONE");
	for (uint32_t i = 0; r->op == SYNCLINE_OP_SEEN && i < r->value_count; i++) {
		const struct syncline_value *v = &r->values[i];

		s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, " %c", types[v->type]);
		if (v->type == SYNCLINE_TYPE_INTEGER || v->type == SYNCLINE_TYPE_BOOLEAN || v->type == SYNCLINE_TYPE_TIMESTAMP || v->type == SYNCLINE_TYPE_DATE)
			s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%lld", (long long)v->u.integer);
		else
			s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, "%.*s", (int)v->length, v->length > 0 ? (const char *)v->u.data : "");
	}
	s->text[s->n++] = '\n';
	s->text[s->n] = '\0';
}

static void
values_keep_their_digits_and_types(void **state)
{
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	sql("CREATE TABLE t(id INTEGER PRIMARY KEY, n INT, d DECIMAL(12,2), dt TEXT, r REAL, b BOOLEAN, x TEXT, y BLOB, day DATE, at DATETIME, j JSON);"
	    "INSERT INTO t VALUES(1,9223372036854775807,12.5,'1.10',0.1,1,'Straße',x'6869','2026-02-28','2026-02-28 12:30:00','{\"a\":1.10}');"
	    "INSERT INTO t VALUES(2,-5,'abc',NULL,1e21,7,'',x'','2026-02-30','yesterday','{a}');"
	    "INSERT INTO t VALUES(3,1.5,3,NULL,9e999,0,NULL,NULL,NULL,NULL,NULL);"
	    "INSERT INTO t VALUES(4,1,1,NULL,1.5e-7,0,CAST(x'ff' AS TEXT),NULL,NULL,NULL,NULL);");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_string_equal(s->text,
	                    "1 i1 i9223372036854775807 d12.5 t1.10 d0.1 b1 tStraße xhi y20512 s1772281800000000 j{\"a\":1.10}\n"
	                    "2 i2 i-5 tabc n d1000000000000000000000 i7 t x t2026-02-30 tyesterday t{a}\n"
	                    "3 REJECT The row of t with key \"3\" can't be read: column r is an infinite number. Correct it in the database.\n"
	                    "4 REJECT The row of t with key \"4\" can't be read: column x is not valid UTF-8. Correct it in the database.\n");
	assert_int_equal(f->completeness_count, 1);
	assert_int_equal(f->complete, 1); /* the rejects' keys are known */
	free(s);
}

/* 2,500 rows, some deleted and some added between the batches: what was there all the time is seen once. */
static void
a_full_read_in_pages_loses_nothing(void **state)
{
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	sql("CREATE TABLE t(id TEXT, k2 INT, v TEXT, PRIMARY KEY(id, k2)) WITHOUT ROWID;"
	    "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i < 2499) INSERT INTO t SELECT 'k|' || (i / 7), i % 7, 'v' FROM c;");
	f->object.key_count = 0;
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 2500);
	assert_int_equal(s->rejects, 0);
	assert_non_null(strstr(s->text, "k\\|0|1 tk|0 i1 tv\n"));
	assert_int_equal(f->complete, 1);
	/* Broken off after one batch and gone on with: nothing is claimed. */
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 1, 0, 1, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 1000);
	sql("DELETE FROM t WHERE id = 'k|0'");
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_in_range(s->records, 2500, 2501);
	assert_int_equal(f->complete, 0);
	/* Where that one ended the next one begins: without a mark, from the start. */
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 2493);
	assert_int_equal(f->complete, 1);
	free(s);
}

static void
keys_that_are_null_or_shared_are_rejects(void **state)
{
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	sql("CREATE TABLE t(id TEXT, v INT);"
	    "WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM c WHERE i < 1499) INSERT INTO t SELECT 'same', i FROM c;"
	    "INSERT INTO t VALUES(NULL, 1), ('a', 1), ('z', 2);");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 1503);
	assert_int_equal(s->rejects, 1500); /* 1,499 twins and the one without a key */
	assert_int_equal(f->complete, 0);
	free(s);
}

static void
a_delta_goes_by_mark_with_overlap_and_reads_rows_without_a_mark(void **state)
{
	static const char *const marks[] = { "changed", "created" };
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	f->object.mark = marks;
	f->object.mark_count = 2;
	sql("CREATE TABLE t(id INTEGER PRIMARY KEY, created DATETIME, changed DATETIME);"
	    "INSERT INTO t VALUES(1,'2026-01-01 00:00:00',NULL),(2,'2026-01-01 00:00:00','2026-03-01 10:00:00'),(3,NULL,NULL),"
	    "(4,'2026-03-01 09:59:30',NULL),(5,'9999-12-31 00:00:00',NULL);");
	assert_int_equal(fixture_read(f, 0, 0, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 5);
	assert_int_equal(f->complete, 1);
	/* The mark of row 5 is in the far future: it doesn't hide the others, and is read again each time. */
	sql("UPDATE t SET changed = strftime('%Y-%m-%d %H:%M:%S', 'now', '+1 second') WHERE id = 1");
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 3);
	assert_non_null(strstr(s->text, "3 i3"));
	assert_non_null(strstr(s->text, "5 i5"));
	assert_non_null(strstr(s->text, "1 i1"));
	assert_int_equal(f->completeness_count, 0);
	sql("DELETE FROM t WHERE id IN (1, 3, 5)");
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	f->object.overlap_us = INT64_C(60) * 1000000;
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 2);
	f->object.overlap_us = 0;
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 1);
	free(s);
}

/* One more delta read; what it read, and in *said what the connector logged. */
static const char *
delta(struct fixture *f, const char *what, char said[2000])
{
	static struct seen s;

	memset(&s, 0, sizeof s);
	said[0] = '\0';
	f->bench.log = tmpfile();
	assert_non_null(f->bench.log);
	sql(what);
	if (fixture_read(f, 0, 1, 0, write_down, &s) != SYNCLINE_OK)
		fail_msg("%s: %s", what, f->err.message);
	rewind(f->bench.log);
	said[fread(said, 1, 1999, f->bench.log)] = '\0';
	fclose(f->bench.log);
	f->bench.log = NULL;
	return s.text;
}

/* The ids of what was read, in any order. */
static void
assert_rows(const char *read, const char *ids)
{
	char wanted[200], line[200], text[70000];
	size_t lines = 0, words = 0;

	snprintf(text, sizeof text, "\n%s", read);
	for (const char *at = read; *at != '\0'; at++)
		lines += *at == '\n';
	snprintf(wanted, sizeof wanted, "%s", ids);
	for (char *word = strtok(wanted, " "); word != NULL; word = strtok(NULL, " "), words++) {
		snprintf(line, sizeof line, "\n%s ", word);
		if (strstr(text, line) == NULL)
			fail_msg("%s is not in\n%s", word, read);
	}
	if (lines != words)
		fail_msg("it should have been %s:\n%s", ids, read);
}

#define AT "strftime('%Y-%m-%d %H:%M:%S', 'now', "

static void
a_mark_that_is_no_time_hides_no_row(void **state)
{
	static const char *const marks[] = { "m" }, *const columns[] = { "TEXT", "TIMESTAMP", "" };
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);
	char said[2000], text[200];

	f->object.mark = marks;
	f->object.mark_count = 1;
	for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) {
		snprintf(text, sizeof text, "DROP TABLE IF EXISTS t; CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, m %s)", columns[i]);
		sql(text);
		sql("INSERT INTO t VALUES('a', " AT "'-60 seconds')), ('low', '01.11.2026')");
		assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
		assert_int_equal(f->complete, 1);
		assert_rows(delta(f, "INSERT INTO t VALUES('high', 'n/a'), ('b', " AT "'-40 seconds'))", said), "low high a b");
		assert_non_null(strstr(said, "2 rows of t have a mark in m that can't be compared"));
		assert_non_null(strstr(said, "first high with \"n/a\""));
		assert_rows(delta(f, "INSERT INTO t VALUES('c', " AT "'-20 seconds'))", said), "low high b c");
		assert_rows(delta(f, "UPDATE t SET m = " AT "'0 seconds') WHERE id = 'a'", said), "low high c a");
		assert_rows(delta(f, "UPDATE t SET m = 17 WHERE id = 'low'; UPDATE t SET m = x'00ff' WHERE id = 'high'", said), "low high a");
		assert_rows(delta(f, "DELETE FROM t WHERE id = 'low'; UPDATE t SET m = " AT "'1 seconds') WHERE id = 'high'", said), "a high");
		assert_string_equal(said, "");
	}
	free(s);
}

static void
marks_that_are_numbers_have_no_texts_among_them(void **state)
{
	static const char *const marks[] = { "m" };
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);
	char said[2000];

	f->object.mark = marks;
	f->object.mark_count = 1;
	sql("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, m INTEGER); INSERT INTO t VALUES('a', 7), ('x', 'none'), ('y', '2026-11-01 10:00:00')");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_rows(delta(f, "INSERT INTO t VALUES('b', 8)", said), "a b x y");
	assert_rows(delta(f, "INSERT INTO t VALUES('c', 9); DELETE FROM t WHERE id IN ('x', 'y')", said), "b c");
	assert_string_equal(said, "");
	free(s);
}

/* What was put back has marks that were passed long ago. */
static void
marks_that_went_back_are_read_anew(void **state)
{
	static const char *const marks[] = { "m" };
	static const struct {
		const char *type, *values[6]; /* of rows, in order */
	} kinds[] = {
		{ "TEXT", { "'2026-03-01 10:00:00'", "'2026-03-01 11:00:00'", "'2026-03-01 12:00:00'", "'2026-03-01 09:00:00'", "'2026-03-01 11:30:00'", "'2026-03-01 12:30:00'" } },
		{ "INTEGER", { "10", "11", "12", "9", "11", "13" } },
		{ "REAL", { "1.0", "1.1", "1.2", "0.9", "1.15", "1.3" } },
	};
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);
	char said[2000], text[600];

	f->object.mark = marks;
	f->object.mark_count = 1;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		const char *const *v = kinds[i].values;

		f->object.overlap_us = i == 0 ? INT64_C(7200) * 1000000 : 0; /* further back than what was put back */
		snprintf(text, sizeof text, "DROP TABLE IF EXISTS t; CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, m %s);"
		                            "INSERT INTO t VALUES('a', %s), ('b', %s), ('c', %s)", kinds[i].type, v[0], v[1], v[2]);
		sql(text);
		assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
		/* The backup of before c, in which a was older. */
		snprintf(text, sizeof text, "DELETE FROM t WHERE id = 'c'; UPDATE t SET m = %s WHERE id = 'a'", v[3]);
		assert_rows(delta(f, text, said), "a b");
		snprintf(text, sizeof text, "The latest mark in m of t is %s", i == 0 ? "2026-03-01 11:00:00, and 2026-03-01 12:00:00 was read before" : i == 1 ? "11, and 12" : "1.1");
		assert_non_null(strstr(said, text));
		assert_non_null(strstr(said, "put back to an older state"));
		/* Once: it goes on from there, and nothing that is edited is passed over. */
		snprintf(text, sizeof text, "INSERT INTO t VALUES('d', %s)", v[4]);
		assert_non_null(strstr(delta(f, text, said), "d "));
		assert_string_equal(said, "");
		snprintf(text, sizeof text, "INSERT INTO t VALUES('e', %s)", v[5]);
		assert_non_null(strstr(delta(f, text, said), "e "));
		assert_string_equal(said, "");
	}
	f->object.overlap_us = 0;
	free(s);
}

static void
a_column_without_a_mark_to_compare_is_refused(void **state)
{
	static const char *const marks[] = { "m" };
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);
	char said[2000];

	f->object.mark = marks;
	f->object.mark_count = 1;
	sql("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, m); INSERT INTO t VALUES('n', NULL)");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	sql("INSERT INTO t VALUES('a', '31.10.2026 10:00'), ('b', '01.11.2026 10:00')");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_CONFIG);
	assert_non_null(strstr(f->err.message, "No mark in m of t can be compared"));
	assert_non_null(strstr(f->err.hint, "reads = \"full\""));
	f->object.reads = SYNCLINE_READS_FULL; /* then nobody compares them */
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	f->object.reads = SYNCLINE_READS_DELTA;
	/* Times of another form take the column over, and all is read once. */
	sql("DELETE FROM t; INSERT INTO t VALUES('a', '2026-10-31'), ('b', '2026-11-01')");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_rows(delta(f, "INSERT INTO t VALUES('c', '2026-11-01 10:00:00')", said), "b c");
	assert_rows(delta(f, "UPDATE t SET m = '2026-11-01T10:00:00' WHERE id <> 'a'", said), "a b c");
	assert_rows(delta(f, "UPDATE t SET m = 4 WHERE id < 'z'", said), "a b c");
	assert_rows(delta(f, "INSERT INTO t VALUES('d', 5)", said), "a b c d");
	assert_rows(delta(f, "INSERT INTO t VALUES('e', 6)", said), "d e");
	/* Digits of one length are compared as well. */
	sql("DELETE FROM t; INSERT INTO t VALUES('a', '20261031'), ('b', '20261101'), ('x', '9')");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_rows(delta(f, "INSERT INTO t VALUES('c', '20261102')", said), "b c x");
	free(s);
}

static void
a_position_that_is_damaged_is_refused(void **state)
{
	static const char *const marks[] = { "m" };
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);
	char good[256];
	size_t length;

	f->object.mark = marks;
	f->object.mark_count = 1;
	sql("CREATE TABLE t(id TEXT PRIMARY KEY NOT NULL, m TEXT); INSERT INTO t VALUES('a', '2026-01-01'), ('b', '2026-01-02')");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	length = f->position_length;
	assert_true(length < sizeof good);
	memcpy(good, f->position, length);
	for (size_t cut = 1; cut < length; cut++) {
		f->position_length = cut;
		assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_CONFIG);
		assert_string_not_equal(f->err.hint, "");
	}
	for (size_t at = 0; at < length; at++) {
		memcpy(f->position, good, length);
		f->position_length = length;
		f->position[at] ^= 0x15;
		if (fixture_read(f, 0, 1, 0, write_down, s) != SYNCLINE_OK)
			assert_string_not_equal(f->err.message, "");
	}
	free(s);
}

static const struct syncline_field fields[] = {
	{ .struct_size = sizeof(struct syncline_field), .name = "ext" },
	{ .struct_size = sizeof(struct syncline_field), .name = "name" },
	{ .struct_size = sizeof(struct syncline_field), .name = "sum" },
};
#define TABLE "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT NOT NULL, sum DECIMAL, v INTEGER DEFAULT 1, CHECK(name <> 'bad'));"

static void
put(struct syncline_batch *batch, uint8_t op, const char *id, const char *version, const char *ext, const char *name, const char *sum)
{
	struct syncline_value values[3] = { syncline_absent(), syncline_absent(), syncline_absent() };
	struct syncline_record r = syncline_record(op);

	if (ext != NULL)
		values[0] = syncline_string(ext);
	if (name != NULL)
		values[1] = syncline_string(name);
	if (sum != NULL)
		values[2] = syncline_decimal(sum, strlen(sum));
	if (id != NULL)
		r.native_id = syncline_string(id);
	if (version != NULL)
		r.version = syncline_string(version);
	r.note = syncline_bytes("0123456789abcdef", 16);
	r.values = values;
	r.value_count = 3;
	assert_int_equal(bench_batch_service.add(batch, &r, NULL), SYNCLINE_OK);
}

static void
each_item_has_its_own_result(void **state)
{
	struct fixture *f = *state;
	struct syncline_batch *b = fixture_batch(fields, 3);

	sql(TABLE "INSERT INTO t(id, ext, name) VALUES(10, 'e10', 'ten'), (11, 'e11', 'eleven');");
	f->object.external_key = "ext";
	f->object.version = "v";
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e1", "one", "12.50");           /* 0 */
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e10", "TEN", NULL);             /* 1: is there already */
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e2", "bad", NULL);              /* 2: CHECK */
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, NULL, "none", NULL);             /* 3: no external key */
	put(b, SYNCLINE_OP_UPDATE, "11", "1", NULL, "Eleven", NULL);            /* 4 */
	put(b, SYNCLINE_OP_UPDATE, "11", "1", NULL, "again", NULL);             /* 5: its version is 2 by now */
	put(b, SYNCLINE_OP_UPDATE, "99", NULL, NULL, "gone", NULL);             /* 6 */
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e3", "three", "1234567890.123456789"); /* 7: SQLite would round it */
	put(b, SYNCLINE_OP_UPDATE, "11", NULL, "e10", NULL, NULL);              /* 8: taken */
	put(b, SYNCLINE_OP_DELETE, "98", NULL, NULL, NULL, NULL);               /* 9 */
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e4", "four", "0.1");            /* 10 */
	put(b, SYNCLINE_OP_DELETE, "10", NULL, NULL, NULL, NULL);               /* 11 */
	assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
	static const uint32_t wanted[] = { SYNCLINE_OK, SYNCLINE_OK, SYNCLINE_INVALID, SYNCLINE_INVALID, SYNCLINE_OK, SYNCLINE_CONFLICT,
		                           SYNCLINE_NOT_FOUND, SYNCLINE_INVALID, SYNCLINE_CONFLICT, SYNCLINE_NOT_FOUND, SYNCLINE_OK, SYNCLINE_OK };
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		if (f->result[i].error_class != wanted[i] || f->result[i].times != 1)
			fail_msg("item %zu: class %u, reported %u times: %s", i, f->result[i].error_class, f->result[i].times, f->result[i].message);
		if (wanted[i] != SYNCLINE_OK)
			assert_int_equal(f->result[i].applied, SYNCLINE_APPLIED_NO);
	}
	assert_string_equal(f->result[0].stored, "e1|one|12.5|");
	assert_string_equal(f->result[0].version, "1");
	assert_string_equal(f->result[1].native_id, "10");
	assert_string_equal(f->result[4].version, "2");
	assert_string_equal(ask("SELECT ext, name, sum, v FROM t ORDER BY ext"), "e1|one|12.5|1\ne11|Eleven|NULL|2\ne4|four|0.1|1\n");
}

/* Whatever tells its id: a row that is new, one that was there, and one that is made and made again in the same batch. */
static void
a_created_row_says_its_id(void **state)
{
	static const struct {
		const char *table, *first, *id, *there, *zero;
	} ways[] = {
		{ "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT CHECK (name <> 'bad'), sum TEXT);"
		  "INSERT INTO t(id, ext) VALUES(10, 'e10'), (-5, 'e5');", "e1|one||", "11", "10", "-5" },
		{ "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT CHECK (name <> 'bad'), sum DECIMAL);"
		  "INSERT INTO t(id, ext) VALUES(10, 'e10'), (-5, 'e5');", "e1|one|1.5|", "11", "10", "-5" },
		{ "CREATE TABLE t(ext TEXT UNIQUE, name TEXT CHECK (name <> 'bad'), sum TEXT);"
		  "INSERT INTO t(rowid, ext) VALUES(10, 'e10'), (-5, 'e5');", "e1|one||", "11", "10", "-5" },
		/* The next id is 0. */
		{ "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT CHECK (name <> 'bad'), sum TEXT);"
		  "INSERT INTO t(id, ext) VALUES(-7, 'e10'), (-1, 'e5');", "e1|one||", "0", "-7", "-1" },
		/* Triggers make rows of their own. */
		{ "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT CHECK (name <> 'bad'), sum TEXT);"
		  "CREATE TABLE log(what TEXT); INSERT INTO log VALUES('a'), ('b');"
		  "CREATE TRIGGER i AFTER INSERT ON t BEGIN INSERT INTO log VALUES(new.ext); UPDATE t SET name = upper(name) WHERE id = new.id; END;"
		  "INSERT INTO t(id, ext) VALUES(10, 'e10'), (-5, 'e5');", "e1|ONE|1.5|", "11", "10", "-5" },
	};
	struct fixture *f = *state;

	f->object.external_key = "ext";
	sql("CREATE TABLE t(x);");
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
		struct syncline_batch *b = fixture_batch(fields, 3);

		f->object.key = i == 2 ? rowid_key : id_key;
		sql("DROP TABLE t;");
		sql(ways[i].table);
		put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e1", "one", "1.5");
		put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e10", "ten", NULL);
		put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e2", "bad", NULL);
		put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e1", "once more", "1.5");
		put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e5", "five", "2");
		assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
		assert_string_equal(f->result[0].native_id, ways[i].id);
		assert_string_equal(f->result[0].stored, ways[i].first);
		assert_string_equal(f->result[1].native_id, ways[i].there);
		assert_int_equal(f->result[2].error_class, SYNCLINE_INVALID);
		assert_string_equal(f->result[3].native_id, ways[i].id);
		assert_string_equal(f->result[4].native_id, ways[i].zero);
		assert_string_equal(ask("SELECT ext, lower(name), CAST(sum AS TEXT) FROM t ORDER BY ext"), "e1|once more|1.5\ne10|ten|NULL\ne5|five|2\n");
	}
}

static void
without_a_unique_index_nothing_is_created(void **state)
{
	struct fixture *f = *state;
	struct syncline_batch *b = fixture_batch(fields, 3);

	sql("CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT, name TEXT, sum TEXT)");
	f->object.external_key = "ext";
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e1", "one", "12.50");
	assert_int_equal(fixture_write(f, b), SYNCLINE_CONFIG);
	assert_non_null(strstr(f->err.hint, "CREATE UNIQUE INDEX \"t_ext\" ON \"t\" (\"ext\");"));
	assert_int_equal(f->err.applied, SYNCLINE_APPLIED_NO);
	sql("CREATE UNIQUE INDEX t_ext ON t(ext)");
	b = fixture_batch(fields, 3);
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e1", "one", "12.50");
	assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
	assert_string_equal(ask("SELECT * FROM t"), "1|e1|one|12.50\n");
}

static void
triggers_locks_and_rollbacks(void **state)
{
	struct fixture *f = *state;
	struct syncline_batch *b = fixture_batch(fields, 3);
	sqlite3 *other;

	sql("CREATE TABLE p(id INTEGER PRIMARY KEY);"
	    "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT CHECK(name <> 'bad'), sum TEXT,"
	    " p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED);"
	    "CREATE TRIGGER up AFTER INSERT ON t BEGIN UPDATE t SET name = upper(name) WHERE id = new.id AND name <> 'broken';"
	    " UPDATE t SET p = 77 WHERE id = new.id AND name = 'broken'; SELECT RAISE(ROLLBACK, 'no') WHERE new.name = 'rollback'; END;");
	f->object.external_key = "ext";
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e1", "one", NULL);
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e2", "rollback", NULL); /* undoes the whole transaction */
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e3", "broken", NULL);   /* COMMIT finds it */
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e4", "four", NULL);
	assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
	for (int i = 0; i < 4; i++)
		assert_int_equal(f->result[i].times, 1);
	assert_int_equal(f->result[0].error_class, SYNCLINE_OK);
	assert_string_equal(f->result[0].stored, "e1|ONE||");
	assert_int_equal(f->result[1].error_class, SYNCLINE_INVALID);
	assert_int_equal(f->result[2].error_class, SYNCLINE_INVALID);
	assert_int_equal(f->result[3].error_class, SYNCLINE_OK);
	assert_string_equal(ask("SELECT ext, name FROM t ORDER BY ext"), "e1|ONE\ne4|FOUR\n");
	/* Somebody else writes. */
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	b = fixture_batch(fields, 3);
	put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e5", "five", NULL);
	assert_int_equal(fixture_write(f, b), SYNCLINE_RETRY);
	assert_int_equal(f->err.applied, SYNCLINE_APPLIED_NO);
	assert_int_equal(f->result[0].times, 0);
	sqlite3_close(other);
}

/* However the foreign key is written: what is referred to is told apart from what is wrong, and the rest of the batch goes. */
static void
what_is_referred_to_is_told(void **state)
{
	static const char *const keys[] = { "", "ON DELETE RESTRICT", "DEFERRABLE INITIALLY DEFERRED" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		struct syncline_batch *b = fixture_batch(fields, 3);
		char text[600];

		snprintf(text, sizeof text, "DROP TABLE IF EXISTS child; DROP TABLE IF EXISTS t; CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT,"
		                            " sum TEXT); CREATE TABLE child(of INTEGER REFERENCES t(id) %s);"
		                            "INSERT INTO t VALUES(1, 'e1', 'one', NULL), (2, 'e2', 'two', NULL); INSERT INTO child VALUES(1)", keys[i]);
		sql(text);
		put(b, SYNCLINE_OP_DELETE, "1", NULL, NULL, NULL, NULL);
		put(b, SYNCLINE_OP_DELETE, "2", NULL, NULL, NULL, NULL);
		assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
		assert_int_equal(f->result[0].error_class, SYNCLINE_REFERENCED);
		assert_int_equal(f->result[1].error_class, SYNCLINE_OK);
		assert_string_equal(ask("SELECT id FROM t"), "1\n");
	}
	/* A new row that refers to nothing is its own fault, as before. */
	sql("CREATE TABLE p(id INTEGER PRIMARY KEY); DROP TABLE child; DROP TABLE t;"
	    "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT, sum INTEGER REFERENCES p(id))");
	{
		struct syncline_batch *b = fixture_batch(fields, 3);

		put(b, SYNCLINE_OP_CREATE, NULL, NULL, "e1", "one", "7");
		assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
		assert_int_equal(f->result[0].error_class, SYNCLINE_INVALID);
	}
}

static void
names_can_do_no_harm(void **state)
{
	static const char *const odd[] = { "a\"; DROP TABLE t; --" };
	struct syncline_field field = { .struct_size = sizeof field, .name = "a\"; DROP TABLE t; --" };
	struct fixture *f = *state;
	struct syncline_value value = syncline_string("'; DROP TABLE t; --");
	struct syncline_record r = syncline_record(SYNCLINE_OP_CREATE);
	struct syncline_batch *b = fixture_batch(&field, 1);
	struct seen *s = calloc(1, sizeof *s);

	sql("CREATE TABLE \"o\"\"dd; x\"(\"a\"\"; DROP TABLE t; --\" TEXT PRIMARY KEY NOT NULL); CREATE TABLE t(id);");
	f->object.native = "o\"dd; x";
	f->object.key = odd;
	r.values = &value;
	r.value_count = 1;
	assert_int_equal(bench_batch_service.add(b, &r, NULL), SYNCLINE_OK);
	assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
	assert_string_equal(f->result[0].native_id, "'; DROP TABLE t; --");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 1);
	assert_string_equal(ask("SELECT count(*) FROM t"), "0\n");
	fixture_set(&f->of_object, SYNCLINE_PARAM_TEXT, "where", "1); DROP TABLE t; --", 0);
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_CONFIG);
	assert_string_equal(ask("SELECT count(*) FROM t"), "0\n");
	free(s);
}

static void
get_find_count_and_digest(void **state)
{
	struct fixture *f = *state;
	const struct syncline_source_v1 *source = fixture_part(f, "source/1");
	const struct syncline_find_v1 *find = fixture_part(f, "find/1");
	const struct syncline_count_v1 *count = fixture_part(f, "count/1");
	const struct syncline_digest_v1 *digest = fixture_part(f, "digest/1");
	static const char *const names[] = { "name" };
	const struct syncline_slice ids[] = { { "2", 1 }, { "02", 2 }, { "9999", 4 } };
	struct syncline_criterion criteria[] = { { "name", syncline_string("b") }, { "v", syncline_integer(7) } };
	struct syncline_digest_bucket before[4], after[4];
	struct seen *s = calloc(1, sizeof *s);
	struct syncline_batch *b = bench_batch_new(NULL);
	const uint8_t key[16] = "0123456789abcde";
	uint64_t n = 0;

	sql("CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, v INT);"
	    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 5000) INSERT INTO t SELECT i, char(96 + i % 26), i % 10 FROM c;");
	assert_int_equal(source->get(f->instance, bench_call(&f->bench, 0), &f->object, ids, 3, b, &f->err), SYNCLINE_OK);
	fixture_each(b, write_down, s);
	bench_batch_free(b);
	assert_string_equal(s->text, "2 i2 tb i2\n02 GONE\n9999 GONE\n");
	/* i % 26 = 2 and i % 10 = 7 have no solution of like parity; 2 and 8 have. */
	criteria[1].value = syncline_integer(8);
	memset(s, 0, sizeof *s);
	b = bench_batch_new(NULL);
	assert_int_equal(find->find(f->instance, bench_call(&f->bench, 0), &f->object, criteria, 2, 2, b, &f->err), SYNCLINE_OK);
	fixture_each(b, write_down, s);
	bench_batch_free(b);
	assert_string_equal(s->text, "28 i28 tb i8\n158 i158 tb i8\n");
	free(s);
	assert_int_equal(count->count(f->instance, bench_call(&f->bench, 0), &f->object, &n, &f->err), SYNCLINE_OK);
	assert_int_equal(n, 5000);
	assert_int_equal(digest->digest(f->instance, bench_call(&f->bench, 0), &f->object, names, 1, key, before, 4, &f->err), SYNCLINE_OK);
	assert_int_equal(before[0].count + before[1].count + before[2].count + before[3].count, 5000);
	sql("UPDATE t SET name = 'changed' WHERE id = 4321");
	assert_int_equal(digest->digest(f->instance, bench_call(&f->bench, 0), &f->object, names, 1, key, after, 4, &f->err), SYNCLINE_OK);
	n = 0;
	for (int i = 0; i < 4; i++)
		n += memcmp(&before[i], &after[i], sizeof *before) != 0;
	assert_int_equal(n, 1);
}

/* Killed at any moment while it writes: what was reported as committed is there once. */
static void
killed_while_writing(void **state)
{
	struct fixture *f = *state;

	sql(TABLE "PRAGMA journal_mode=WAL;");
	f->object.external_key = "ext";
	fixture_close(f);
	for (int round = 0; round < check_rounds(12); round++) {
		int ends[2], item, last = -1;
		char text[128];
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			fixture_open(f);
			for (int i = 0;; i++) {
				struct syncline_batch *b = fixture_batch(fields, 3);

				for (int k = 0; k < 20; k++) {
					snprintf(text, sizeof text, "r%d-%d", round, i * 20 + k);
					put(b, SYNCLINE_OP_CREATE, NULL, NULL, text, "x", NULL);
				}
				if (fixture_write(f, b) != SYNCLINE_OK || f->result[19].times != 1 || f->result[19].error_class != SYNCLINE_OK)
					_exit(1);
				item = i * 20 + 19;
				if (write(ends[1], &item, sizeof item) != sizeof item)
					_exit(2);
			}
		}
		close(ends[1]);
		for (int n = 0; n < 3 + round % 12 * 7 && read(ends[0], &item, sizeof item) == sizeof item; n++)
			last = item;
		kill(pid, SIGKILL);
		while (read(ends[0], &item, sizeof item) == sizeof item)
			last = item;
		close(ends[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		assert_true(last >= 0);
		snprintf(text, sizeof text, "SELECT count(DISTINCT ext) >= %d, count(*) = count(DISTINCT ext) FROM t WHERE ext LIKE 'r%d-%%'", last + 1, round);
		assert_string_equal(ask(text), "1|1\n");
	}
	assert_string_equal(ask("PRAGMA integrity_check"), "ok\n");
}

/* A file with bytes changed at random is read, refused or rejected, and nothing worse. */
static void
a_hostile_file_is_survived(void **state)
{
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);
	unsigned long seed = 7;
	char *good;
	long size;
	FILE *file;

	sql("CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b REAL); CREATE INDEX i ON t(a);"
	    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i < 300) INSERT INTO t SELECT i, hex(i * 77777), i / 3.0 FROM c;");
	fixture_close(f);
	file = fopen(path, "rb");
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	good = malloc((size_t)size);
	assert_int_equal(fread(good, 1, (size_t)size, file), size);
	fclose(file);
	for (int round = 0; round < 150; round++) {
		char *bad = malloc((size_t)size);

		memcpy(bad, good, (size_t)size);
		for (int i = 0; i < 8; i++) {
			seed = seed * 6364136223846793005ul + 1442695040888963407ul;
			bad[100 + (seed >> 33) % (unsigned long)(size - 100)] = (char)(seed >> 20);
		}
		file = fopen(path, "wb");
		assert_int_equal(fwrite(bad, 1, (size_t)size, file), size);
		fclose(file);
		free(bad);
		fixture_open(f);
		s->n = 0;
		if (fixture_read(f, 1, 0, 0, write_down, s) != SYNCLINE_OK)
			assert_string_not_equal(f->err.message, "");
		fixture_close(f);
	}
	free(good);
	free(s);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(values_keep_their_digits_and_types), TEST(a_full_read_in_pages_loses_nothing), TEST(keys_that_are_null_or_shared_are_rejects),
		TEST(a_delta_goes_by_mark_with_overlap_and_reads_rows_without_a_mark), TEST(a_mark_that_is_no_time_hides_no_row),
		TEST(marks_that_are_numbers_have_no_texts_among_them), TEST(marks_that_went_back_are_read_anew), TEST(a_column_without_a_mark_to_compare_is_refused),
		TEST(a_position_that_is_damaged_is_refused),
		TEST(each_item_has_its_own_result), TEST(without_a_unique_index_nothing_is_created), TEST(triggers_locks_and_rollbacks), TEST(what_is_referred_to_is_told),
		TEST(a_created_row_says_its_id),
		TEST(names_can_do_no_harm), TEST(get_find_count_and_digest), TEST(killed_while_writing), TEST(a_hostile_file_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
