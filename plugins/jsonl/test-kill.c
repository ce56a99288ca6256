/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-kill.c: attempts count once.  The connector is linked in and its calls of the system are wrapped: a child dies right
 * before its n-th one, for every n that there is, and another one writes the same attempts again in other company, while a
 * reader takes files away as soon as it sees them.
 */
#define FIXTURE_LINKED 1
#include "fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kill_at_call.h"

#define ATTEMPTS 24u

static char root[64], folder[128];
static const char *const key[] = { "id" };
static const struct syncline_field fields[] = { { .struct_size = sizeof *fields, .name = "id" }, { .struct_size = sizeof *fields, .name = "text" } };

static int
setup(void **state)
{
	struct fixture *f = fixture_new("jsonl");

	strcpy(root, "/tmp/syncline-jsonl.XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(folder, sizeof folder, "%s", root);
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "directory", folder, 0);
	f->object.key = key;
	f->object.key_count = 1;
	f->object.native = "out_*.jsonl";
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	fixture_free(*state);
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

/* The attempts of these numbers as one batch. */
static uint32_t
write_attempts(struct fixture *f, const uint32_t *numbers, uint32_t count)
{
	struct syncline_batch *b = fixture_batch(fields, 2);

	for (uint32_t i = 0; i < count; i++) {
		struct syncline_value values[2] = { syncline_integer(numbers[i]), syncline_string("some text") };
		struct syncline_record r = syncline_record(SYNCLINE_OP_CREATE);
		uint8_t attempt[16] = { 0 };

		memcpy(attempt, &numbers[i], 4);
		r.note = syncline_bytes(attempt, 16);
		r.values = values;
		r.value_count = 2;
		assert_int_equal(bench_batch_service.add(b, &r, NULL), SYNCLINE_OK);
	}
	return fixture_write(f, b);
}

static uint32_t
end_run(struct fixture *f)
{
	const struct syncline_sink_v1 *sink = fixture_part(f, "sink/1");

	return sink->finish(f->instance, bench_call(&f->bench, 0), &f->object, &f->err);
}

static int no_more; /* the second child has nothing to write */

/* The child: in order in eights, or from behind in fives with the one before again in each. */
static void
work(struct fixture *f, int again, int tell)
{
	uint32_t numbers[8], count = 0;

	fixture_open(f);
	for (uint32_t n = 1; n <= (again && no_more ? 0 : ATTEMPTS); n++) {
		numbers[count++] = again ? ATTEMPTS + 1 - n : n;
		if (count < (again ? 5u : 8u) && n < ATTEMPTS)
			continue;
		if (again)
			numbers[count++] = ATTEMPTS + 1 - n + (n > 1); /* twice in this batch, or written by the one before */
		if (write_attempts(f, numbers, count) != SYNCLINE_OK)
			_exit(2);
		for (uint32_t i = 0; i < count; i++)
			if (f->result[i].times != 1 || f->result[i].error_class != SYNCLINE_OK || (uint32_t)atoi(f->result[i].native_id) != numbers[i] ||
			    write(tell, &numbers[i], sizeof numbers[i]) != sizeof numbers[i])
				_exit(3);
		count = 0;
	}
	if (end_run(f) != SYNCLINE_OK)
		_exit(4);
	_exit(0);
}

/* The reader: takes every file that it sees, and counts its lines. */
static void
take_files(unsigned *lines)
{
	struct dirent *entry;
	DIR *dir = opendir(folder);

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[512], line[256];
		unsigned n;
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		assert_non_null(file = fopen(path, "r"));
		while (fgets(line, sizeof line, file) != NULL) {
			char wanted[64];

			assert_int_equal(sscanf(line, "{\"id\":%u,", &n), 1);
			assert_in_range(n, 1, ATTEMPTS);
			snprintf(wanted, sizeof wanted, "{\"id\":%u,\"text\":\"some text\"}\n", n);
			assert_string_equal(line, wanted);
			lines[n]++;
		}
		fclose(file);
		assert_int_equal(unlink(path), 0);
	}
	closedir(dir);
}

/* One child that dies before call n, then one that does not; 0: the first did not come to n calls. */
static int
kill_before(struct fixture *f, unsigned n, int run)
{
	unsigned lines[ATTEMPTS + 1] = { 0 }, committed[ATTEMPTS + 1] = { 0 };
	int died = 0;

	snprintf(folder, sizeof folder, "%s/%u", root, n);
	assert_int_equal(mkdir(folder, 0700), 0);
	for (int life = 0; life < 2; life++) {
		int tell[2], status;
		uint32_t attempt;
		pid_t child;

		assert_int_equal(pipe(tell), 0);
		assert_true((child = fork()) >= 0);
		if (child == 0) {
			calls_left = life == 0 ? n : 0;
			work(f, life, tell[1]);
		}
		close(tell[1]);
		assert_int_equal(waitpid(child, &status, 0), child);
		while (read(tell[0], &attempt, sizeof attempt) == sizeof attempt)
			committed[attempt] = 1;
		close(tell[0]);
		died |= WIFSIGNALED(status);
		if (life == 1 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
			fail_msg("killed before call %u: the next process ended with %d", n, status);
		take_files(lines);
		for (uint32_t i = 1; i <= ATTEMPTS; i++)
			if (lines[i] > 1 || (lines[i] == 0 && ((life == 1 && !no_more) || (committed[i] && (life == 1 || !run)))))
				fail_msg("killed before call %u, life %d: attempt %u is there %u times", n, life, i, lines[i]);
	}
	return died;
}

static void
every_moment(struct fixture *f, int run)
{
	unsigned n = 1;

	while (kill_before(f, n, run))
		n++;
	print_message("died at each of %u calls\n", n - 1);
	assert_true(n > 10);
}

static void
a_file_of_each_call(void **state)
{
	every_moment(*state, 0);
}

static void
a_file_of_a_run(void **state)
{
	struct fixture *f = *state;

	f->object.native = "out.jsonl";
	every_moment(f, 1);
}

/* What was left is published by the end of a run that has nothing to write. */
static void
a_file_of_a_run_without_more(void **state)
{
	struct fixture *f = *state;

	no_more = 1;
	every_moment(f, 0);
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	assert_int_equal(mkdir(root, 0700), 0);
	f->object.native = "out.jsonl";
	every_moment(f, 1);
	no_more = 0;
}

static void
a_file_of_a_run_durable_at_its_end(void **state)
{
	struct fixture *f = *state;

	f->object.native = "out.jsonl";
	fixture_set(&f->system, SYNCLINE_PARAM_CHOICE, "sync", "finish", 0);
	every_moment(f, 1);
}

/* What was left is thrown away: then its attempts must be written again when they come again. */
static void
a_file_of_a_run_begun_again(void **state)
{
	struct fixture *f = *state;

	f->object.native = "out.jsonl";
	fixture_set(&f->system, SYNCLINE_PARAM_CHOICE, "leftover", "discard", 0);
	every_moment(f, 1);
}

/* A run is one process's; when that one is gone the next goes on with it. */
static void
two_processes_do_not_share_a_run(void **state)
{
	static const uint32_t one = 1, two = 2;
	unsigned lines[ATTEMPTS + 1] = { 0 };
	struct fixture *f = *state;
	int tell[2], status;
	pid_t child;
	char c;

	f->object.native = "out.jsonl";
	assert_int_equal(pipe(tell), 0);
	assert_true((child = fork()) >= 0);
	if (child == 0) {
		fixture_open(f);
		if (write_attempts(f, &one, 1) != SYNCLINE_OK || write(tell[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_int_equal(read(tell[0], &c, 1), 1);
	fixture_open(f);
	assert_int_equal(write_attempts(f, &two, 1), SYNCLINE_RETRY);
	assert_int_equal(f->err.applied, SYNCLINE_APPLIED_NO);
	assert_non_null(strstr(f->err.message, "out.jsonl"));
	assert_int_equal(end_run(f), SYNCLINE_OK);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(tell[0]);
	close(tell[1]);
	assert_int_equal(write_attempts(f, &two, 1), SYNCLINE_OK);
	assert_int_equal(end_run(f), SYNCLINE_OK);
	take_files(lines);
	assert_int_equal(lines[1], 1);
	assert_int_equal(lines[2], 1);
}

/* Half an entry at a journal's end, and garbage in it: what stands before counts, what stands behind never was. */
static void
a_damaged_journal_counts_as_far_as_it_goes(void **state)
{
	static const uint32_t numbers[] = { 1, 2, 3 };
	unsigned lines[ATTEMPTS + 1] = { 0 };
	struct fixture *f = *state;
	char path[512] = "", bytes[4096];
	struct dirent *entry;
	struct stat st;
	FILE *file;
	DIR *dir;

	fixture_open(f);
	assert_int_equal(write_attempts(f, numbers, 1), SYNCLINE_OK);
	assert_int_equal(write_attempts(f, numbers + 1, 1), SYNCLINE_OK);
	fixture_close(f);
	snprintf(path, sizeof path, "%s/.syncline", folder);
	assert_non_null(dir = opendir(path));
	while ((entry = readdir(dir)) != NULL)
		if (strncmp(entry->d_name, "journal-", 8) == 0)
			snprintf(path, sizeof path, "%s/.syncline/%s", folder, entry->d_name);
	closedir(dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0); /* of the second entry */
	fixture_open(f);
	assert_int_equal(write_attempts(f, numbers, 3), SYNCLINE_OK);
	fixture_close(f);
	take_files(lines);
	assert_int_equal(lines[1], 1);
	assert_int_equal(lines[2], 1); /* written again, under the same name: the reader had not been there */
	assert_int_equal(lines[3], 1);
	/* A length that promises more than there is, and more than memory should be given for. */
	assert_non_null(file = fopen(path, "r+b"));
	assert_true(fread(bytes, 1, sizeof bytes, file) > 8);
	memset(bytes + 4, 0xff, 4);
	rewind(file);
	assert_int_equal(fwrite(bytes, 1, 8, file), 8);
	assert_int_equal(fclose(file), 0);
	fixture_open(f);
	assert_int_equal(write_attempts(f, numbers, 3), SYNCLINE_OK);
	take_files(lines);
	assert_int_equal(lines[1], 2); /* nobody can know any more */
	assert_int_equal(lines[2], 1);
	assert_int_equal(lines[3], 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_of_each_call), TEST(a_file_of_a_run), TEST(a_file_of_a_run_without_more),
		TEST(a_file_of_a_run_durable_at_its_end), TEST(a_file_of_a_run_begun_again),
		TEST(two_processes_do_not_share_a_run), TEST(a_damaged_journal_counts_as_far_as_it_goes),
	};

	return cmocka_run_group_tests_name("jsonl killed", tests, NULL, NULL);
}
