/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-write.c: the CSV connector as a sink: what it writes, refuses and repeats, and that kills at any moment lose and double
 * nothing although the importing side takes files away at once.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "test-bed.h"

#define MOST 64
struct outcome {
	uint32_t klass[MOST], applied[MOST], reports[MOST];
	char message[MOST][256], id[MOST][64];
};

static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *r)
{
	struct outcome *o = results->host_data;

	assert_true(index < MOST);
	o->reports[index]++;
	o->klass[index] = r->error_class;
	snprintf(o->id[index], sizeof o->id[index], "%.*s", (int)r->native_id.length, r->native_id.length > 0 ? (const char *)r->native_id.data : "");
	if (r->error != NULL) {
		o->applied[index] = r->error->applied;
		snprintf(o->message[index], sizeof o->message[index], "%s", r->error->message);
	}
}

static const struct syncline_field fields[] = {
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "name" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_DECIMAL, .name = "sum" },
	{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_DATE, .name = "day" },
};

struct item {
	uint8_t op;
	const char *id, *name, *sum;
	uint32_t attempt; /* 0: without a key */
};

static uint32_t
write_items(struct bed *b, const struct item *items, uint32_t count, struct outcome *o)
{
	const struct syncline_sink_v1 *sink = part(b, "sink/1");
	struct syncline_results results = { .struct_size = sizeof results, .report = report, .host_data = o };
	struct syncline_error err = { .struct_size = sizeof err };
	struct error e = { 0 };
	struct syncline_batch *batch = bench_batch_new(&e);
	uint32_t result;

	memset(o, 0, sizeof *o);
	assert_int_equal(bench_batch_service.set_fields(batch, fields, 3, &err), SYNCLINE_OK);
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_value values[3] = { syncline_absent(), syncline_absent(), syncline_date(20512) };
		struct syncline_record r = syncline_record(items[i].op);
		uint8_t attempt[16] = { 0 };

		memcpy(attempt, &items[i].attempt, 4);
		if (items[i].id != NULL)
			r.native_id = syncline_string(items[i].id);
		if (items[i].name != NULL)
			values[0] = syncline_string(items[i].name);
		values[1] = items[i].sum != NULL ? syncline_decimal(items[i].sum, strlen(items[i].sum)) : syncline_null();
		if (items[i].attempt != 0)
			r.note = syncline_bytes(attempt, 16);
		r.values = values;
		r.value_count = 3;
		assert_int_equal(bench_batch_service.add(batch, &r, &err), SYNCLINE_OK);
	}
	assert_int_equal(bench_batch_finish(batch, &e), 0);
	result = sink->write(b->instance, bench_call(&b->bench, 0), &b->object, batch, &results, &err);
	bench_batch_free(batch);
	if (result != SYNCLINE_OK)
		snprintf(o->message[0], sizeof o->message[0], "%s", err.message);
	return result;
}

/* All published files one behind the other, in name order; how many there are. */
static unsigned
published(const struct bed *b, struct syncline_buffer *out)
{
	struct dirent **names;
	int count = scandir(b->out, &names, NULL, alphasort);
	unsigned files = 0;

	assert_true(count >= 0);
	for (int i = 0; i < count; i++) {
		char path[512], block[4096];
		size_t n;
		FILE *file;

		snprintf(path, sizeof path, "%s/%s", b->out, names[i]->d_name);
		if (names[i]->d_name[0] != '.' && (file = fopen(path, "rb")) != NULL) {
			files++;
			while ((n = fread(block, 1, sizeof block, file)) > 0)
				syncline_buffer_append(out, block, n);
			fclose(file);
		}
		free(names[i]);
	}
	free(names);
	syncline_buffer_string(out);
	return files;
}

#define PUBLISHED(b, count, text_)                                                                                     \
	do {                                                                                                           \
		struct syncline_buffer out_;                                                                           \
		syncline_buffer_init(&out_, 0);                                                                        \
		assert_int_equal(published(b, &out_), count);                                                          \
		assert_string_equal(out_.data, text_);                                                                 \
		syncline_buffer_free(&out_);                                                                           \
	} while (0)

static void
what_is_written_reads_back(void **state)
{
	static const struct item items[] = {
		{ SYNCLINE_OP_CREATE, NULL, "a;\"b\"\nc", "1234.50", 1 }, { SYNCLINE_OP_UPDATE, "100|7", "M\xc3\xbcller", NULL, 2 },
		{ SYNCLINE_OP_CREATE, NULL, "\xd0\x96", "1", 3 }, { SYNCLINE_OP_DELETE, "100|8", NULL, NULL, 4 },
		{ SYNCLINE_OP_UPDATE, "7", "x", "1", 5 },
	};
	struct bed *b = *state;
	struct outcome o;

	key(b, "unit", "no");
	set(b, "delimiter", ";");
	set(b, "encoding", "CP1252");
	set(b, "decimal_mark", ",");
	set(b, "date_format", "DD.MM.YYYY");
	set(b, "file_name", "A_{stamp}.csv");
	reopen(b);
	assert_int_equal(write_items(b, items, 5, &o), SYNCLINE_OK);
	PUBLISHED(b, 1, "unit;no;name;sum;day\n;;\"a;\"\"b\"\"\nc\";1234,50;28.02.2026\n100;7;M\xfcller;;28.02.2026\n");
	for (int i = 0; i < 5; i++)
		assert_int_equal(o.reports[i], 1);
	assert_int_equal(o.klass[0], SYNCLINE_OK);
	assert_int_equal(o.klass[1], SYNCLINE_OK);
	assert_string_equal(o.id[1], "100|7");
	assert_int_equal(o.klass[2], SYNCLINE_INVALID);
	assert_int_equal(o.applied[2], SYNCLINE_APPLIED_NO);
	assert_non_null(strstr(o.message[2], "column name"));
	assert_non_null(strstr(o.message[2], "CP1252"));
	assert_int_equal(o.klass[3], SYNCLINE_PERMANENT);
	assert_int_equal(o.klass[4], SYNCLINE_INVALID);
}

static void
columns_and_words_are_configured(void **state)
{
	static const struct item items[] = {
		{ SYNCLINE_OP_CREATE, NULL, "a", "1", 1 }, { SYNCLINE_OP_UPDATE, "7", NULL, "2", 0x0b02 }, { SYNCLINE_OP_DELETE, "8", NULL, NULL, 3 },
	};
	struct bed *b = *state;
	struct outcome o;

	key(b, "no", NULL);
	set(b, "op_column", "op");
	set(b, "op_values", "N U L");
	set(b, "attempt_column", "try");
	set(b, "import_columns", "op name no sum day");
	set(b, "line_end", "crlf");
	set(b, "quoting", "always");
	set(b, "null_if", "\"\"");
	set(b, "encoding", "UTF-16");
	set(b, "bom", "true");
	reopen(b);
	assert_int_equal(write_items(b, items, 3, &o), SYNCLINE_OK);
	b->system.count -= 3;
	reopen(b);
	b->object.native = "*.csv";
	b->items[0].text = b->out;
	set(b, "encoding", "UTF-16");
	reopen(b);
	{
		struct reading r;

		b->object.key_count = 0;
		read_all(b, &r);
		assert_string_equal(r.text.data, "~: N|a||1|2026-02-28|01000000000000000000000000000000\n"
		                                 "~: U||7|2|2026-02-28|020b0000000000000000000000000000\n"
		                                 "~: L||8||2026-02-28|03000000000000000000000000000000\n");
		reading_free(&r);
	}
}

static void
an_attempt_counts_once(void **state)
{
	static const struct item first[] = { { SYNCLINE_OP_CREATE, NULL, "a", "1", 1 }, { SYNCLINE_OP_CREATE, NULL, "b", "1", 2 } };
	static const struct item again[] = { { SYNCLINE_OP_CREATE, NULL, "b", "1", 2 }, { SYNCLINE_OP_CREATE, NULL, "c", "1", 3 },
		                             { SYNCLINE_OP_CREATE, NULL, "a", "1", 1 } };
	struct bed *b = *state;
	struct outcome o;

	reopen(b);
	assert_int_equal(write_items(b, first, 2, &o), SYNCLINE_OK);
	reopen(b); /* another process, as far as the connector can tell */
	assert_int_equal(write_items(b, again, 3, &o), SYNCLINE_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(o.reports[i], 1);
		assert_int_equal(o.klass[i], SYNCLINE_OK);
	}
	PUBLISHED(b, 2, "name,sum,day\na,1,2026-02-28\nb,1,2026-02-28\nname,sum,day\nc,1,2026-02-28\n");
}

static void
a_run_is_one_file(void **state)
{
	static const struct item items[] = { { SYNCLINE_OP_CREATE, NULL, "a", "1", 1 }, { SYNCLINE_OP_CREATE, NULL, "b", "1", 2 } };
	struct bed *b = *state;
	const struct syncline_sink_v1 *sink = part(b, "sink/1");
	struct syncline_error err = { .struct_size = sizeof err };
	struct outcome o;

	set(b, "publish", "run");
	reopen(b);
	assert_int_equal(write_items(b, items, 1, &o), SYNCLINE_OK);
	assert_int_equal(o.klass[0], SYNCLINE_OK);
	assert_int_equal(write_items(b, items + 1, 1, &o), SYNCLINE_OK);
	PUBLISHED(b, 0, "");
	assert_int_equal(sink->finish(b->instance, bench_call(&b->bench, 0), &b->object, &err), SYNCLINE_OK);
	PUBLISHED(b, 1, "name,sum,day\na,1,2026-02-28\nb,1,2026-02-28\n");
	assert_int_equal(sink->finish(b->instance, bench_call(&b->bench, 0), &b->object, &err), SYNCLINE_OK);
}

static void
a_folder_that_fails_is_told(void **state)
{
	static const struct item items[] = { { SYNCLINE_OP_CREATE, NULL, "a", "1", 1 } };
	struct bed *b = *state;
	struct outcome o;

	b->items[1].text = "/nowhere/at/all";
	reopen(b);
	assert_int_equal(write_items(b, items, 1, &o), SYNCLINE_NOT_FOUND);
	assert_int_equal(o.reports[0], 0);
	assert_non_null(strstr(o.message[0], "/nowhere/at/all"));
}

/* Entries of two objects alternate in the journal; the whole of both is published after a kill. */
static void
two_objects_of_one_folder_keep_their_runs(void **state)
{
	static const struct item items[] = { { SYNCLINE_OP_CREATE, NULL, "a", "1", 1 }, { SYNCLINE_OP_CREATE, NULL, "b", "1", 2 },
		                             { SYNCLINE_OP_CREATE, NULL, "c", "1", 3 }, { SYNCLINE_OP_CREATE, NULL, "d", "1", 4 },
		                             { SYNCLINE_OP_CREATE, NULL, "e", "1", 5 } };
	struct bed *b = *state;
	struct outcome o;
	int status;
	pid_t child;

	set(b, "publish", "run");
	assert_true((child = fork()) >= 0);
	if (child == 0) {
		reopen(b);
		for (int i = 0; i < 4; i++) {
			b->object.alias = i % 2 == 0 ? "one" : "two";
			if (write_items(b, &items[i], 1, &o) != SYNCLINE_OK)
				_exit(1);
		}
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	reopen(b);
	b->object.alias = "three";
	assert_int_equal(write_items(b, &items[4], 1, &o), SYNCLINE_OK);
	PUBLISHED(b, 2, "name,sum,day\na,1,2026-02-28\nc,1,2026-02-28\nname,sum,day\nb,1,2026-02-28\nd,1,2026-02-28\n");
}

static void
an_attempt_twice_in_a_batch_is_one_row(void **state)
{
	static const struct item items[] = { { SYNCLINE_OP_CREATE, NULL, "a", "1", 1 }, { SYNCLINE_OP_CREATE, NULL, "b", "1", 2 },
		                             { SYNCLINE_OP_CREATE, NULL, "a", "1", 1 } };
	struct bed *b = *state;
	struct outcome o;

	reopen(b);
	assert_int_equal(write_items(b, items, 3, &o), SYNCLINE_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(o.reports[i], 1);
		assert_int_equal(o.klass[i], SYNCLINE_OK);
	}
	PUBLISHED(b, 1, "name,sum,day\na,1,2026-02-28\nb,1,2026-02-28\n");
}

#ifdef CSV_KILL
/*
 * Built a second time with the connector linked in and its calls of the system wrapped: a child dies right before its n-th one,
 * for every n that there is.
 */
#include "kill_at_call.h"
#define ATTEMPTS 24u
#else
#define ATTEMPTS 400u
#endif

/* The child: all attempts in small batches, again and again over what it doesn't know to be committed. */
static void
work(struct bed *b, int tell)
{
	static struct item items[8];
	static char names[8][16];
	struct outcome o;

	reopen(b);
	for (uint32_t at = 1; at <= ATTEMPTS; at += 8) {
		for (uint32_t i = 0; i < 8; i++) {
			snprintf(names[i], sizeof names[i], "n%u", at + i);
			items[i] = (struct item){ SYNCLINE_OP_CREATE, NULL, names[i], "1", at + i };
		}
		if (write_items(b, items, 8, &o) != SYNCLINE_OK)
			_exit(2);
		for (uint32_t i = 0; i < 8; i++)
			if (o.klass[i] != SYNCLINE_OK || o.reports[i] != 1 || write(tell, &items[i].attempt, 4) != 4)
				_exit(3);
	}
	_exit(0);
}

/* The importing side: takes every file that it sees, and counts its rows. */
static void
import(const struct bed *b, unsigned *rows)
{
	struct dirent *entry;
	DIR *dir = opendir(b->out);

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[512], line[256];
		unsigned n;
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", b->out, entry->d_name);
		assert_non_null(file = fopen(path, "r"));
		assert_non_null(fgets(line, sizeof line, file));
		assert_string_equal(line, "name,sum,day\n");
		while (fgets(line, sizeof line, file) != NULL) {
			assert_non_null(strstr(line, ",1,2026-02-28\n"));
			assert_int_equal(sscanf(line, "n%u,", &n), 1);
			assert_in_range(n, 1, ATTEMPTS);
			rows[n]++;
		}
		fclose(file);
		assert_int_equal(unlink(path), 0);
	}
	closedir(dir);
}

#ifdef CSV_KILL
static void
count_rows(const unsigned *rows, const unsigned *committed, unsigned n, bool all)
{
	for (uint32_t i = 1; i <= ATTEMPTS; i++)
		if (rows[i] > 1 || ((all || committed[i]) && rows[i] == 0))
			fail_msg("killed before call %u: attempt %u is there %u times", n, i, rows[i]);
}

/* One child that dies before call n, and then one that does not; false: it did not come to n calls. */
static bool
kill_before(struct bed *b, unsigned n, bool per_run)
{
	unsigned rows[ATTEMPTS + 1] = { 0 }, committed[ATTEMPTS + 1] = { 0 };
	bool died = false;
	char folder[128];

	snprintf(folder, sizeof folder, "%s/out-%u", b->root, n);
	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(b->out, sizeof b->out, "%s", folder);
	b->items[1].text = folder;
	for (int life = 0; life < 2; life++) {
		int tell[2], status;
		uint32_t attempt;
		pid_t child;

		assert_int_equal(pipe(tell), 0);
		assert_true((child = fork()) >= 0);
		if (child == 0) {
			calls_left = life == 0 ? n : 0;
			work(b, tell[1]);
		}
		close(tell[1]);
		assert_int_equal(waitpid(child, &status, 0), child);
		while (read(tell[0], &attempt, 4) == 4)
			committed[attempt] = !per_run; /* a run's rows may wait for its end */
		close(tell[0]);
		died |= WIFSIGNALED(status);
		assert_true(life == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
		import(b, rows);
		count_rows(rows, committed, n, !per_run && life == 1);
	}
	b->instance = NULL;
	reopen(b); /* publishes what was promised for the end of a run that never came */
	{
		static const struct item one[] = { { SYNCLINE_OP_CREATE, NULL, "n1", "1", 1 } };
		struct outcome o;

		assert_int_equal(write_items(b, one, 1, &o), SYNCLINE_OK);
	}
	import(b, rows);
	count_rows(rows, committed, n, true);
	b->c->close(b->instance);
	b->instance = NULL;
	return died;
}

static void
every_moment(struct bed *b, bool per_run)
{
	unsigned n = 1;

	while (kill_before(b, n, per_run))
		n++;
	print_message("died at each of %u calls\n", n - 1);
	assert_true(n > 15);
}

static void
no_moment_of_a_batch_loses_or_doubles(void **state)
{
	every_moment(*state, false);
}

static void
no_moment_of_a_run_loses_or_doubles(void **state)
{
	struct bed *b = *state;

	set(b, "publish", "run");
	every_moment(b, true);
}
#else
static void
kill_again_and_again(struct bed *b, unsigned rounds)
{
	unsigned rows[ATTEMPTS + 1] = { 0 }, committed[ATTEMPTS + 1] = { 0 }, seed = 12345;
	int status = 0;
	bool done = false;

	for (unsigned round = 0; round < rounds || !done; round++) {
		struct timespec wait = { 0, 0 };
		uint32_t attempt;
		int tell[2];
		pid_t child;

		seed = seed * 1103515245u + 12345u;
		wait.tv_nsec = (long)(seed >> 8) % 20000000;
		assert_int_equal(pipe(tell), 0);
		assert_true((child = fork()) >= 0);
		if (child == 0) {
			close(tell[0]);
			work(b, tell[1]);
		}
		close(tell[1]);
		if (round < rounds) {
			nanosleep(&wait, NULL); /* the moment of the kill is what is tried out */
			kill(child, SIGKILL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
		done = WIFEXITED(status);
		while (read(tell[0], &attempt, 4) == 4)
			committed[attempt] = 1;
		close(tell[0]);
		import(b, rows);
		for (uint32_t i = 1; i <= ATTEMPTS; i++)
			if (rows[i] > 1 || (b->items[5].name == NULL && committed[i] && rows[i] == 0)) /* a run's rows may wait */
				fail_msg("round %u: attempt %u is there %u times", round, i, rows[i]);
	}
	reopen(b);
	{
		const struct syncline_sink_v1 *sink = part(b, "sink/1");
		struct syncline_error err = { .struct_size = sizeof err };

		/* What the last one left is brought to its end, also when there is nothing more to write. */
		assert_int_equal(sink->finish(b->instance, bench_call(&b->bench, 0), &b->object, &err), SYNCLINE_OK);
	}
	import(b, rows);
	for (uint32_t i = 1; i <= ATTEMPTS; i++)
		if (rows[i] != 1)
			fail_msg("attempt %u is there %u times", i, rows[i]);
}

static void
kills_lose_and_double_nothing(void **state)
{
	kill_again_and_again(*state, (unsigned)check_rounds(40));
}

static void
kills_of_a_run_lose_and_double_nothing(void **state)
{
	struct bed *b = *state;

	set(b, "publish", "run");
	kill_again_and_again(b, (unsigned)check_rounds(40));
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifdef CSV_KILL
		TEST(no_moment_of_a_batch_loses_or_doubles), TEST(no_moment_of_a_run_loses_or_doubles),
#else
		TEST(kills_lose_and_double_nothing), TEST(kills_of_a_run_lose_and_double_nothing),
#endif
		TEST(what_is_written_reads_back), TEST(columns_and_words_are_configured), TEST(an_attempt_counts_once), TEST(an_attempt_twice_in_a_batch_is_one_row),
		TEST(two_objects_of_one_folder_keep_their_runs), TEST(a_run_is_one_file),
		TEST(a_folder_that_fails_is_told),
	};

	return cmocka_run_group_tests_name("csv write", tests, NULL, NULL);
}
