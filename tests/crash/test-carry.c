/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * carry.c and ledger_begin_later() under loss of power: a child writes transactions of both kinds, while a thread of the ledger carries
 * them over, and loses its power at any sync or commit.  What is left is what was committed up to some transaction, never less than what
 * was told to be durable.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash/faults.h"
#include "crash/powerloss.h"
#include "ledger/inside.h"
#include "ledger_help.h"

#define ROUNDS 90
#define KEYS 13    /* rewritten by turns, so that pages are in the log more than once */
#define FRAMES 40u /* of the log are worth carrying over here */
#define LONG (24 * 1024)

enum { GOOD = 0, FAILED = 5, DOUBTFUL = 6 };

static char folder[256], told[300];

static void
fill(uint8_t *bytes, int round)
{
	uint32_t z = (uint32_t)round * 2654435761u + 1;

	for (size_t i = 0; i < LONG; i++) {
		z = z * 1664525u + 1013904223u;
		bytes[i] = (uint8_t)(z >> 24);
	}
}

static int
write_round(struct ledger *ledger, int round, struct error *err)
{
	static uint8_t bytes[LONG];
	char key[32];

	fill(bytes, round);
	snprintf(key, sizeof key, "value-%d", round % KEYS);
	if (ledger_meta_set_blob(ledger, key, bytes, LONG, err) != 0)
		return -1;
	snprintf(key, sizeof key, "round-%d", round % KEYS);
	return ledger_meta_set(ledger, key, round, err) != 0 || ledger_meta_set(ledger, "last-round", round, err) != 0 ? -1 : 0;
}

static bool
is_durable(int round)
{
	return round % 4 == 0;
}

/* What a failed sync leaves in doubt is never added to. */
static int
give_up(struct ledger *ledger)
{
	struct error err = { 0 };
	bool doubtful = ledger->doubtful;

	if (doubtful && (ledger_begin(ledger, &err) == 0 || err.code != ERROR_LEDGER_DISK))
		_exit(9);
	ledger_close(ledger);
	return doubtful ? DOUBTFUL : FAILED;
}

static int
work(bool undisturbed)
{
	struct ledger_options options = { .state_dir = folder, .mode = LEDGER_ENGINE, .carry_frames = FRAMES };
	struct ledger *ledger;
	struct error err = { 0 };
	FILE *file = fopen(told, "w");

	if (file == NULL)
		_exit(3);
	if (ledger_open(&options, &ledger, &err) != 0)
		return FAILED;
	for (int round = 1; round <= ROUNDS; round++) {
		if ((is_durable(round) ? ledger_begin : ledger_begin_later)(ledger, &err) != 0)
			return give_up(ledger);
		if (write_round(ledger, round, &err) != 0) {
			ledger_rollback(ledger);
			return give_up(ledger);
		}
		if (ledger_commit(ledger, &err) != 0)
			return give_up(ledger);
		if (is_durable(round)) {
			fprintf(file, "%d\n", round);
			fflush(file);
		}
	}
	if (ledger_sync(ledger, &err) != 0)
		return give_up(ledger);
	fprintf(file, "%d\n", ROUNDS);
	fflush(file);
	/* There was a thread, and it kept the log short. */
	if (undisturbed && (ledger->carrier == NULL || ledger->wal_pages > 10 * FRAMES))
		_exit(8);
	ledger_close(ledger);
	return GOOD;
}

static int
child(const char *power, const char *fault)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int result;

		if (freopen("/dev/null", "w", stderr) == NULL || powerloss_register(power, "ledger.db") != 0)
			_exit(4);
		faults_last = powerloss_happen;
		if (fault != NULL)
			faults_begin(fault);
		result = work(fault == NULL);
		powerloss_happen();
		_exit(result);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return -1;
	}
	assert_true(WIFEXITED(status));
	assert_true(WEXITSTATUS(status) == GOOD || WEXITSTATUS(status) == FAILED || WEXITSTATUS(status) == DOUBTFUL);
	return WEXITSTATUS(status);
}

static int
last_told(void)
{
	FILE *file = fopen(told, "r");
	int round = 0, last = 0;

	assert_non_null(file);
	while (fscanf(file, "%d", &round) == 1)
		last = round;
	fclose(file);
	return last;
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

/* Is the value of this key the one of the round? */
static bool
holds(sqlite3 *db, int key, int round)
{
	static uint8_t bytes[LONG];
	sqlite3_stmt *statement;
	char sql[128];
	bool same;

	fill(bytes, round);
	snprintf(sql, sizeof sql, "SELECT value FROM meta WHERE key = 'value-%d'", key);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	same = sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == LONG &&
	       memcmp(sqlite3_column_blob(statement, 0), bytes, LONG) == 0;
	sqlite3_finalize(statement);
	snprintf(sql, sizeof sql, "SELECT value FROM meta WHERE key = 'round-%d'", key);
	return same && ask(db, sql) == round;
}

/* The round up to which everything is there; -1: damaged, or anything else. */
static int
rounds_left(void)
{
	char name[300];
	sqlite3 *db;
	int64_t last;

	snprintf(name, sizeof name, "%s/ledger.db", folder);
	assert_int_equal(sqlite3_open(name, &db), SQLITE_OK);
	if (ask(db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'") != 1) {
		sqlite3_close(db);
		return -1;
	}
	last = ask(db, "SELECT coalesce(max(value), 0) FROM meta WHERE key = 'last-round'");
	if (last < 0) /* not even the tables: nothing was durable yet */
		last = 0;
	for (int key = 0; key < KEYS && last > 0; key++) {
		int round = (int)last;

		while (round > 0 && round % KEYS != key)
			round--;
		if (round > 0 && !holds(db, key, round)) {
			last = -1;
			break;
		}
	}
	sqlite3_close(db);
	return (int)last;
}

static int
survive(const char *power, const char *fault)
{
	int how, left, said;

	help_remove(folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	how = child(power, fault);
	left = rounds_left();
	said = last_told();
	if (left < said || left > ROUNDS)
		fail_msg("power lost (%s) at %s: %d rounds were durable, %d are left", power, fault != NULL ? fault : "the end", said, left);
	return how;
}

static int
count_points(void)
{
	char fault[400], line[128];
	int count = 0;
	FILE *file;

	assert_int_equal(survive("plain", NULL), GOOD);
	snprintf(fault, sizeof fault, "count:%s.points", folder);
	assert_int_equal(survive("plain", fault), GOOD);
	assert_int_equal(rounds_left(), ROUNDS);
	file = fopen(fault + 6, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL)
		count++;
	fclose(file);
	unlink(fault + 6);
	return count;
}

static void
test_what_was_told_survives_everywhere(void **state)
{
	char power[32], fault[32];
	int points = count_points();

	(void)state;
	assert_true(points > ROUNDS);
	for (int at = 1; at <= points; at += 3) {
		snprintf(fault, sizeof fault, "kill:%d", at);
		survive("plain", fault);
	}
	for (int seed = 1; seed <= check_rounds(60); seed++) {
		snprintf(fault, sizeof fault, "kill:%d", 1 + seed * 7 % points);
		snprintf(power, sizeof power, seed % 2 == 0 ? "torn:%d" : "mixed:%d", seed);
		survive(power, fault);
	}
}

/* A sync that fails, of a commit or of the thread: what was told stays, and nothing is built on what nobody knows. */
static void
test_failed_syncs(void **state)
{
	int points = count_points(), doubtful = 0;
	char fault[32], power[32];

	(void)state;
	for (int at = 1; at <= points; at += 3) {
		snprintf(fault, sizeof fault, "stop:%d", at);
		snprintf(power, sizeof power, "mixed:%d", at);
		doubtful += survive(at % 2 == 0 ? power : "plain", fault) == DOUBTFUL;
	}
	assert_true(doubtful > 0);
}

/* Without a loss of power, later is as good as now. */
static void
test_killed_alone(void **state)
{
	struct ledger_options options = { .state_dir = folder, .mode = LEDGER_ENGINE, .carry_frames = FRAMES };
	struct error err = { 0 };
	struct ledger *ledger;
	pid_t pid;
	int status;

	(void)state;
	help_remove(folder);
	assert_int_equal(mkdir(folder, 0700), 0);
	if ((pid = fork()) == 0) {
		if (ledger_open(&options, &ledger, &err) != 0)
			_exit(1);
		for (int round = 1; round <= 50; round++)
			if (ledger_begin_later(ledger, &err) != 0 || write_round(ledger, round, &err) != 0 || ledger_commit(ledger, &err) != 0)
				_exit(1);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(rounds_left(), 50);
}

static int
make_folder(void **state)
{
	(void)state;
	help_folder(folder, sizeof folder - 40);
	snprintf(told, sizeof told, "%s.told", folder);
	return 0;
}

static int
remove_folder(void **state)
{
	(void)state;
	unlink(told);
	help_remove(folder);
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_was_told_survives_everywhere), cmocka_unit_test(test_failed_syncs),
		                                   cmocka_unit_test(test_killed_alone) };

	return cmocka_run_group_tests_name("carry", tests, make_folder, remove_folder);
}
