/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * powerloss.c: the store that loses what was not synced, against SQLite as it is.  A child works on a database through it and loses
 * its power at some moment; this process looks at what is left through the machine's own VFS.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/fault.h"
#include "crash/faults.h"
#include "crash/powerloss.h"

#define ROUNDS 25
#define ROWS 40

static char folder[128], name[192], told[192];

static void
run(sqlite3 *db, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
		fprintf(stderr, "%s: %s\n", sql, why);
		_exit(3);
	}
}

/* Transactions with ROWS rows each; the number of the last one that COMMIT called durable stands in `told`. */
static void
work(const char *pragmas)
{
	FILE *file = fopen(told, "w");
	sqlite3 *db;
	char sql[256];

	if (file == NULL || sqlite3_open(name, &db) != SQLITE_OK)
		_exit(3);
	run(db, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL;");
	run(db, pragmas);
	run(db, "CREATE TABLE IF NOT EXISTS t (round INTEGER, row INTEGER, text TEXT); CREATE INDEX IF NOT EXISTS i ON t (text);");
	for (int round = 1; round <= ROUNDS; round++) {
		run(db, "BEGIN IMMEDIATE");
		for (int row = 0; row < ROWS; row++) {
			snprintf(sql, sizeof sql, "INSERT INTO t VALUES (%d, %d, hex(randomblob(100)))", round, row);
			run(db, sql);
		}
		run(db, "COMMIT");
		fprintf(file, "%d\n", round);
		fflush(file);
	}
	sqlite3_close(db);
	powerloss_happen();
	_exit(0);
}

static int
child(const char *power, const char *fault, const char *pragmas)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (freopen("/dev/null", "w", stderr) == NULL || powerloss_register(power, "ledger.db") != 0)
			_exit(4);
		faults_last = powerloss_happen;
		if (fault != NULL)
			faults_begin(fault);
		work(pragmas);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return -1;
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int64_t
ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t value;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		return -1;
	value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
	sqlite3_finalize(statement);
	return value;
}

/* -1: damaged.  Otherwise the rounds that are there; they are whole and without a gap. */
static int
rounds_left(void)
{
	sqlite3 *db;
	int64_t count, last;

	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	if (ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") != 1) {
		sqlite3_close(db);
		return -1;
	}
	count = ask(db, "SELECT count(*) FROM t");
	last = ask(db, "SELECT coalesce(max(round), 0) FROM t");
	sqlite3_close(db);
	/* Before the first commit there is not even the table. */
	if (count < 0)
		return 0;
	return count == last * ROWS ? (int)last : -1;
}

static int
rounds_told(void)
{
	FILE *file = fopen(told, "r");
	int round = 0, last = 0;

	assert_non_null(file);
	while (fscanf(file, "%d", &round) == 1)
		last = round;
	fclose(file);
	return last;
}

static void
clean(void)
{
	static const char *const endings[] = { "", "-wal", "-shm", "-journal" };
	char file[256];

	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
		snprintf(file, sizeof file, "%s%s", name, endings[i]);
		unlink(file);
	}
	unlink(told);
}

static int
make_folder(void **state)
{
	const char *temporary = getenv("TMPDIR");

	(void)state;
	snprintf(folder, sizeof folder, "%.80s/syncline-powerloss-XXXXXX", temporary != NULL ? temporary : "/tmp");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(name, sizeof name, "%s/ledger.db", folder);
	snprintf(told, sizeof told, "%s/told", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	clean();
	return rmdir(folder);
}

#define FULL "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 60;"

static void
test_nothing_is_lost_without_a_loss(void **state)
{
	(void)state;
	clean();
	assert_int_equal(child("plain", NULL, FULL), 0);
	assert_int_equal(rounds_left(), ROUNDS);
}

/* The store would be no test of anything if it kept what was never synced. */
static void
test_unsynced_is_lost(void **state)
{
	(void)state;
	clean();
	assert_int_equal(child("plain", NULL, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 0;"), 0);
	assert_int_equal(rounds_told(), ROUNDS);
	assert_int_not_equal(rounds_left(), ROUNDS);
}

/* What is left is half of it: without syncs in between, a database that is damaged or lacks something. */
static void
test_mixed_damages_what_is_unsynced(void **state)
{
	int damaged = 0;
	char how[32];

	(void)state;
	for (int seed = 1; seed <= 10; seed++) {
		clean();
		snprintf(how, sizeof how, "mixed:%d", seed);
		assert_int_equal(child(how, NULL, "PRAGMA synchronous = OFF; PRAGMA wal_autocheckpoint = 60;"), 0);
		damaged += rounds_left() != ROUNDS;
	}
	assert_true(damaged >= 8);
}

static void
survive(const char *power, const char *fault)
{
	int left, said;

	clean();
	assert_int_not_equal(child(power, fault, FULL), 3);
	left = rounds_left();
	said = rounds_told();
	if (left < said || left > said + 1)
		fail_msg("power lost (%s) at %s: %d rounds were durable, %d are left", power, fault, said, left);
}

static int
count_points(void)
{
	char fault[256], line[128];
	int count = 0;
	FILE *file;

	clean();
	snprintf(fault, sizeof fault, "count:%s/points", folder);
	assert_int_equal(child("plain", fault, FULL), 0);
	file = fopen(fault + 6, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		count++;
	fclose(file);
	unlink(fault + 6);
	return count;
}

/* At each side of each sync, and at each with writes torn and mixed by other seeds. */
static void
test_full_survives_everywhere(void **state)
{
	char power[32], fault[32];
	int points = count_points();

	(void)state;
	assert_true(points > 2 * ROUNDS);
	for (int at = 1; at <= points; at++) {
		snprintf(fault, sizeof fault, "kill:%d", at);
		survive("plain", fault);
	}
	for (int seed = 1; seed <= check_rounds(60); seed++) {
		snprintf(fault, sizeof fault, "kill:%d", 1 + seed % points);
		snprintf(power, sizeof power, "torn:%d", seed);
		survive(power, fault);
		snprintf(power, sizeof power, "mixed:%d", seed);
		survive(power, fault);
	}
}

static void
test_a_bad_word_is_refused(void **state)
{
	static const char *const bad[] = { "", "plain:1", "torn", "torn:", "torn:x", "mixed:-1", "mixed:1x", "other:1" };

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0)
			_exit(powerloss_register(bad[i], "ledger.db") == 0 ? 1 : 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_is_lost_without_a_loss), cmocka_unit_test(test_unsynced_is_lost),
		cmocka_unit_test(test_mixed_damages_what_is_unsynced), cmocka_unit_test(test_full_survives_everywhere),
		cmocka_unit_test(test_a_bad_word_is_refused),
	};

	return cmocka_run_group_tests_name("powerloss", tests, make_folder, remove_folder);
}
