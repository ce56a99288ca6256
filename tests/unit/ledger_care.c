/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_care.c: runs, flags and plans; backup, restore, check, prune, rest and size; the views for administrators. */
#include "check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/findings.h"
#include "ledger/inside.h"
#include "ledger/records.h"
#include "ledger/runs.h"
#include "ledger_help.h"

static char dir[4096], other[4096];
static struct model *model;
static struct ledger *ledger;
static struct error err;
static struct arena arena;

static int
begin_test(void **state)
{
	(void)state;
	help_folder(dir, sizeof dir);
	help_folder(other, sizeof other);
	model = help_model(help_house);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	arena_init(&arena, 0);
	return 0;
}

static int
end_test(void **state)
{
	(void)state;
	ledger_close(ledger);
	config_free(model);
	arena_free(&arena);
	help_remove(dir);
	help_remove(other);
	return 0;
}

#define IN_TRANSACTION(call)                         \
	do {                                         \
		assert_ok(ledger_begin(ledger, &err));   \
		assert_ok(call);                         \
		assert_ok(ledger_commit(ledger, &err));  \
	} while (0)

struct list {
	int64_t numbers[16];
	unsigned count;
};

static int
list_run(void *data, const struct ledger_run *row)
{
	struct list *list = data;

	list->numbers[list->count++] = row->number;
	return 0;
}

static void
runs_are_counted_kept_and_ended(void **state)
{
	struct ledger_run run, found;
	struct list list = { .count = 0 };
	int64_t first, second, third;
	bool is_there;

	(void)state;
	assert_ok(ledger_run_begin(ledger, 1, 2, "manual", &first, NULL, &err));
	assert_ok(ledger_run_begin(ledger, 1, 3, "schedule", &second, NULL, &err));
	assert_ok(ledger_run_begin(ledger, 2, 2, "manual", &third, NULL, &err));
	assert_true(first < second && second < third);
	assert_ok(ledger_run_get(ledger, first, &arena, &run, &is_there, &err));
	assert_true(is_there);
	assert_int_equal(run.state, LEDGER_RUN_RUNNING);
	assert_string_equal(run.cause, "manual");
	assert_string_equal(run.who, "tester (uid 0)");
	for (unsigned i = 0; i < LEDGER_COUNT_COUNT; i++)
		run.counts[i] = i == LEDGER_COUNT_EDITS ? UINT64_MAX / 2 : i % 3;
	run.version = 9;
	IN_TRANSACTION(ledger_run_keep(ledger, &run, &err));
	assert_ok(ledger_run_get(ledger, first, &arena, &found, &is_there, &err));
	assert_memory_equal(found.counts, run.counts, sizeof run.counts);
	assert_int_equal(found.version, 9);
	assert_int_equal(found.state, LEDGER_RUN_RUNNING);
	assert_int_equal(help_number(ledger, "SELECT json_extract(counts, '$.created') FROM run WHERE number = 1"), LEDGER_COUNT_CREATED % 3);
	help_clock_us += 5000000;
	run.state = LEDGER_RUN_FINDINGS;
	run.plan = 4;
	run.message = "3 rows were rejected";
	IN_TRANSACTION(ledger_run_end(ledger, &run, &err));
	assert_ok(ledger_run_get(ledger, first, &arena, &found, &is_there, &err));
	assert_int_equal(found.state, LEDGER_RUN_FINDINGS);
	assert_int_equal(found.ended_us - found.started_us, 5000000);
	assert_int_equal(found.plan, 4);
	assert_string_equal(found.message, "3 rows were rejected");
	assert_ok(ledger_run_get(ledger, 4711, &arena, &found, &is_there, &err));
	assert_false(is_there);
	run.number = 4711;
	assert_ok(ledger_begin(ledger, &err));
	assert_int_equal(ledger_run_end(ledger, &run, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_RUN);
	ledger_rollback(ledger);
	assert_ok(ledger_runs(ledger, 1, 0, 0, list_run, &list, &err));
	assert_true(list.count == 2 && list.numbers[0] == second && list.numbers[1] == first);
	list.count = 0;
	assert_ok(ledger_runs(ledger, 0, 2, 1, list_run, &list, &err));
	assert_true(list.count == 1 && list.numbers[0] == third);
	/* Those that a predecessor left. */
	ledger_close(ledger);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_ok(ledger_run_get(ledger, second, &arena, &found, &is_there, &err));
	assert_int_equal(found.state, LEDGER_RUN_STOPPED);
	assert_non_null(found.message);
	assert_ok(ledger_run_get(ledger, first, &arena, &found, &is_there, &err));
	assert_int_equal(found.state, LEDGER_RUN_FINDINGS);
}

static int
list_flag(void *data, const struct ledger_flag *row)
{
	struct list *list = data;

	list->numbers[list->count++] = row->binding * 1000 + row->mode * 100 + row->percent;
	return 0;
}

static struct ledger_flag
flag_of(uint32_t binding)
{
	struct ledger_flag flag;

	assert_ok(ledger_flag_get(ledger, 1, 2, binding, &flag, &err));
	return flag;
}

static void
set_flag(uint32_t binding, uint8_t mode, uint32_t percent, const char *why)
{
	const struct ledger_flag flag = { .flow = 1, .unit = 2, .binding = binding, .mode = mode, .percent = percent, .why = why };

	IN_TRANSACTION(ledger_flag_set(ledger, &flag, &err));
}

static void
of_a_flow_s_flag_and_its_target_s_the_lesser_counts(void **state)
{
	struct ledger_flag flag = { .flow = 1, .unit = 2, .mode = LEDGER_FLAG_CANARY, .percent = 101 };
	struct list list = { .count = 0 };

	(void)state;
	assert_int_equal(flag_of(0).mode, LEDGER_FLAG_OFF);
	set_flag(7, LEDGER_FLAG_ON, 0, "early");
	assert_int_equal(flag_of(7).mode, LEDGER_FLAG_OFF); /* the flow was never switched on */
	set_flag(0, LEDGER_FLAG_ON, 0, "after the plan");
	assert_int_equal(flag_of(7).mode, LEDGER_FLAG_ON);
	assert_int_equal(flag_of(8).mode, LEDGER_FLAG_ON);
	assert_string_equal(flag_of(8).why, "after the plan");
	assert_string_equal(flag_of(8).who, "tester (uid 0)");
	set_flag(7, LEDGER_FLAG_CANARY, 10, "carefully");
	assert_int_equal(flag_of(7).mode, LEDGER_FLAG_CANARY);
	assert_int_equal(flag_of(7).percent, 10);
	assert_string_equal(flag_of(7).why, "carefully");
	set_flag(0, LEDGER_FLAG_CANARY, 5, "more carefully");
	assert_int_equal(flag_of(7).percent, 5);
	set_flag(0, LEDGER_FLAG_PREVIEW, 0, "looking");
	set_flag(7, LEDGER_FLAG_PAUSED, 0, "stop");
	assert_int_equal(flag_of(7).mode, LEDGER_FLAG_PREVIEW);
	set_flag(0, LEDGER_FLAG_ON, 0, "go");
	assert_int_equal(flag_of(7).mode, LEDGER_FLAG_PAUSED);
	assert_int_equal(flag_of(0).mode, LEDGER_FLAG_ON);
	assert_ok(ledger_begin(ledger, &err));
	assert_int_equal(ledger_flag_set(ledger, &flag, &err), -1);
	ledger_rollback(ledger);
	assert_ok(ledger_flags(ledger, 1, false, list_flag, &list, &err));
	assert_int_equal(list.count, 2);
	assert_int_equal(list.numbers[0], LEDGER_FLAG_ON * 100);
	assert_int_equal(list.numbers[1], 7000 + LEDGER_FLAG_PAUSED * 100);
	list.count = 0;
	assert_ok(ledger_flags(ledger, 0, true, list_flag, &list, &err));
	assert_int_equal(list.count, 7);
	assert_int_equal(list.numbers[0], LEDGER_FLAG_ON * 100); /* newest first */
	assert_int_equal(list.numbers[6], 7000 + LEDGER_FLAG_ON * 100);
	assert_int_equal(help_number(ledger, "SELECT former_percent FROM flag_change WHERE why = 'more carefully'"), 0);
	assert_int_equal(help_number(ledger, "SELECT former_mode FROM flag_change WHERE why = 'stop'"), LEDGER_FLAG_CANARY);
}

/* Plans. */

static struct ledger_plan_draft *
draft_of(unsigned items, const char *salt)
{
	struct ledger_plan_draft *draft = ledger_plan_draft_new(ledger, &err);
	char native[32], before[256];

	assert_non_null(draft);
	for (unsigned i = 1; i <= items; i++) {
		const struct ledger_plan_item item = {
			.what = i % 2 ? LEDGER_COUNT_CREATED : LEDGER_COUNT_SENT_UPDATES, .object = 3, .record = i, .generation = i * 2,
			.native = { native, (size_t)snprintf(native, sizeof native, "K%u", i) }, .after = before, .before = i % 5 == 0 ? before : NULL,
			.note = i == 2 ? salt : NULL,
		};

		snprintf(before, sizeof before, "{\"name\":\"%0*u\"}", (int)(i % 200), i);
		assert_ok(ledger_plan_draft_add(draft, &item, &err));
	}
	assert_int_equal(ledger_plan_draft_count(draft), items);
	return draft;
}

static int
check_item(void *data, const struct ledger_plan_item *row)
{
	struct list *list = data;
	char native[32], text[256];
	unsigned i = (unsigned)row->number;

	snprintf(native, sizeof native, "K%u", i);
	snprintf(text, sizeof text, "{\"name\":\"%0*u\"}", (int)(i % 200), i);
	assert_int_equal(row->what, i % 2 ? LEDGER_COUNT_CREATED : LEDGER_COUNT_SENT_UPDATES);
	assert_int_equal(row->native.length, strlen(native));
	assert_memory_equal(row->native.data, native, strlen(native));
	assert_int_equal(row->record, i);
	assert_int_equal(row->generation, i * 2);
	assert_string_equal(row->after, text);
	if (i % 5 == 0)
		assert_string_equal(row->before, text);
	else
		assert_null(row->before);
	list->count++;
	return 0;
}

static int
list_plan(void *data, const struct ledger_plan *row)
{
	struct list *list = data;

	list->numbers[list->count++] = row->number;
	return 0;
}

static void
a_plan_survives_the_rollback_of_the_run_that_made_it(void **state)
{
	struct ledger_plan plan = { .flow = 1, .unit = 2, .run = 8, .version = 3, .reason = "creates: 91 of 0", .staged_from = 4, .staged_to = 6, .bulk = true };
	struct ledger_plan same = plan, different = plan, found;
	struct ledger_plan_draft *draft;
	struct list list = { .count = 0 };
	bool is_there, applied;

	(void)state;
	plan.counts[LEDGER_COUNT_CREATED] = 91;
	assert_ok(ledger_begin(ledger, &err));
	draft = draft_of(5000, "a");
	ledger_rollback(ledger);
	IN_TRANSACTION(ledger_plan_store(ledger, draft, &plan, &err));
	ledger_plan_draft_free(draft);
	assert_true(plan.number > 0);
	assert_int_equal(plan.items, 5000);
	assert_ok(ledger_plan_get(ledger, plan.number, &arena, &found, &is_there, &err));
	assert_true(is_there);
	assert_memory_equal(found.hash, plan.hash, sizeof plan.hash);
	assert_int_equal(found.counts[LEDGER_COUNT_CREATED], 91);
	assert_int_equal(found.items, 5000);
	assert_true(found.bulk && found.staged_from == 4 && found.staged_to == 6 && found.run == 8 && found.version == 3);
	assert_string_equal(found.reason, "creates: 91 of 0");
	assert_ok(ledger_plan_items(ledger, plan.number, 0, 0, check_item, &list, &err));
	assert_int_equal(list.count, 5000);
	list.count = 0;
	assert_ok(ledger_plan_items(ledger, plan.number, 4990, 4, check_item, &list, &err));
	assert_int_equal(list.count, 4);
	/* The hash is of the items, all of them. */
	draft = draft_of(5000, "a");
	IN_TRANSACTION(ledger_plan_store(ledger, draft, &same, &err));
	ledger_plan_draft_free(draft);
	assert_memory_equal(same.hash, plan.hash, sizeof plan.hash);
	draft = draft_of(5000, "b");
	IN_TRANSACTION(ledger_plan_store(ledger, draft, &different, &err));
	ledger_plan_draft_free(draft);
	assert_memory_not_equal(different.hash, plan.hash, sizeof plan.hash);
	/* Only the newest is open. */
	assert_ok(ledger_plan_get(ledger, same.number, &arena, &found, &is_there, &err));
	assert_int_equal(found.state, LEDGER_PLAN_REPLACED);
	assert_ok(ledger_plan_open(ledger, 1, 2, &arena, &found, &err));
	assert_int_equal(found.number, different.number);
	assert_ok(ledger_plan_open(ledger, 1, 3, &arena, &found, &err));
	assert_int_equal(found.number, 0);
	assert_ok(ledger_plan_was_applied(ledger, 1, 2, 3, &applied, &err));
	assert_false(applied);
	IN_TRANSACTION(ledger_plan_end(ledger, different.number, LEDGER_PLAN_APPLIED, &err));
	assert_ok(ledger_plan_was_applied(ledger, 1, 2, 3, &applied, &err));
	assert_true(applied);
	assert_ok(ledger_plan_was_applied(ledger, 1, 2, 4, &applied, &err));
	assert_false(applied);
	assert_ok(ledger_begin(ledger, &err));
	assert_int_equal(ledger_plan_end(ledger, different.number, LEDGER_PLAN_APPLIED, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_PLAN);
	ledger_rollback(ledger);
	list.count = 0;
	assert_ok(ledger_plans(ledger, 1, 0, false, list_plan, &list, &err));
	assert_int_equal(list.count, 0);
	assert_ok(ledger_plans(ledger, 0, 2, true, list_plan, &list, &err));
	assert_int_equal(list.count, 3);
	assert_int_equal(list.numbers[0], different.number);
	assert_ok(ledger_plan_get(ledger, 4711, &arena, &found, &is_there, &err));
	assert_false(is_there);
}

/* A rollback is beside the other plan of its flow and unit. */
static void
a_rollback_is_beside_the_other_plan(void **state)
{
	struct ledger_plan plain = { .flow = 1, .unit = 2, .run = 8, .version = 3, .reason = "held" };
	struct ledger_plan back = { .flow = 1, .unit = 2, .run = 9, .version = 4, .reason = "it takes run 5 back", .rollback = 5 };
	struct ledger_plan second = { .flow = 1, .unit = 2, .run = 10, .version = 4, .reason = "it takes run 6 back", .rollback = 6 };
	struct ledger_plan again = back, found;
	struct ledger_plan *const plans[] = { &plain, &back, &second, &again };
	static const uint8_t states[] = { LEDGER_PLAN_OVERTAKEN, LEDGER_PLAN_REPLACED, LEDGER_PLAN_OPEN, LEDGER_PLAN_APPLIED };
	bool applied, is_there;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct ledger_plan_draft *draft = draft_of(3, "a");

		IN_TRANSACTION(ledger_plan_store(ledger, draft, plans[i], &err));
		ledger_plan_draft_free(draft);
	}
	assert_ok(ledger_plan_open(ledger, 1, 2, &arena, &found, &err));
	assert_int_equal(found.number, plain.number);
	IN_TRANSACTION(ledger_plans_overtake(ledger, 1, 2, 11, &err));
	IN_TRANSACTION(ledger_plan_end(ledger, again.number, LEDGER_PLAN_APPLIED, &err));
	for (size_t i = 0; i < 4; i++) {
		assert_ok(ledger_plan_get(ledger, plans[i]->number, &arena, &found, &is_there, &err));
		assert_int_equal(found.rollback, plans[i]->rollback);
		assert_int_equal(found.state, states[i]);
	}
	/* Nobody saw the present rules at work. */
	assert_ok(ledger_plan_was_applied(ledger, 1, 2, 4, &applied, &err));
	assert_false(applied);
}

static void
what_was_undone_is_so_until_it_lives_again(void **state)
{
	bool is;

	(void)state;
	IN_TRANSACTION(ledger_undone_set(ledger, 17, 3, 5, &err));
	IN_TRANSACTION(ledger_undone_set(ledger, 17, 4, 6, &err));
	assert_ok(ledger_undone(ledger, 17, 4, &is, &err));
	assert_true(is);
	assert_ok(ledger_undone(ledger, 17, 3, &is, &err));
	assert_false(is);
	assert_ok(ledger_undone(ledger, 18, 4, &is, &err));
	assert_false(is);
	IN_TRANSACTION(ledger_undone_end(ledger, 17, &err));
	assert_ok(ledger_undone(ledger, 17, 4, &is, &err));
	assert_false(is);
}

/* Backup and restore. */

static char backup[4200];
static unsigned asked;

static bool
go_on(void *data, uint64_t done, uint64_t total)
{
	asked++;
	assert_true(done <= total);
	return data == NULL;
}

static void
fill(int64_t value)
{
	static char bytes[200000];
	char key[32];

	snprintf(key, sizeof key, "filler%lld", (long long)value);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "value", value, &err));
	for (int i = 0; i < 60; i++) {
		snprintf(key, sizeof key, "filler%lld.%d", (long long)value, i);
		assert_ok(ledger_meta_set_blob(ledger, key, bytes, sizeof bytes, &err));
	}
	assert_ok(ledger_commit(ledger, &err));
}

/* While the copy is made, another connection writes. */
static bool
write_beside(void *data, uint64_t done, uint64_t total)
{
	struct ledger *visitor = data;

	(void)done, (void)total;
	asked++;
	assert_ok(ledger_begin(visitor, &err));
	assert_ok(ledger_meta_set(visitor, "value", 1000 + asked, &err));
	assert_ok(ledger_commit(visitor, &err));
	return true;
}

static void
a_backup_is_one_state_and_whole(void **state)
{
	struct ledger_progress progress = { go_on, NULL }, stop = { go_on, backup };
	struct ledger *visitor;
	struct stat file;
	char path[4200];
	int64_t value;

	(void)state;
	snprintf(backup, sizeof backup, "%s/backup.db", other);
	fill(1);
	asked = 0;
	assert_int_equal(ledger_backup(ledger, backup, &stop, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_STOPPED);
	assert_int_not_equal(access(backup, F_OK), 0);
	assert_ok(ledger_backup(ledger, backup, &progress, &err));
	assert_true(asked > 1);
	assert_int_equal(stat(backup, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	snprintf(path, sizeof path, "%s-wal", backup);
	assert_int_not_equal(access(path, F_OK), 0);
	/* Beside a writer it ends, and has the state of its beginning. */
	visitor = help_open(dir, model, LEDGER_VISITOR);
	asked = 0;
	progress = (struct ledger_progress){ write_beside, visitor };
	assert_ok(ledger_backup(ledger, backup, &progress, &err));
	assert_true(asked > 0 && asked < 50);
	ledger_close(visitor);
	fill(2);
	/* Into the ledger itself, or into nowhere: refused. */
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	assert_int_equal(ledger_backup(ledger, path, NULL, &err), -1);
	snprintf(path, sizeof path, "%s/nowhere/backup.db", other);
	assert_int_equal(ledger_backup(ledger, path, NULL, &err), -1);
	/* Not while this process is the engine. */
	assert_int_equal(ledger_restore(dir, backup, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_ENGINE);
	ledger_close(ledger);
	ledger = NULL;
	assert_ok(ledger_restore(dir, backup, &err));
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_epoch(ledger), 2);
	assert_true(ledger_doubted(ledger, 1, 2));
	assert_ok(ledger_meta_get(ledger, "value", &value, &err));
	assert_int_equal(value, 1);
	assert_string_equal(help_text(ledger, "PRAGMA journal_mode"), "wal");
	snprintf(path, sizeof path, "%s/" LEDGER_FILE ".before-restore", dir);
	assert_int_equal(access(path, F_OK), 0);
	/* And what was before comes back the same way, with what stood in its log. */
	ledger_close(ledger);
	ledger = NULL;
	assert_ok(ledger_restore(dir, path, &err));
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_epoch(ledger), 2); /* one after its own */
	assert_ok(ledger_meta_get(ledger, "value", &value, &err));
	assert_int_equal(value, 2);
}

static void
what_is_no_backup_is_not_restored(void **state)
{
	char path[4200];
	struct ledger *visitor;
	FILE *file;
	sqlite3 *db;

	(void)state;
	fill(1);
	ledger_close(ledger);
	ledger = NULL;
	snprintf(path, sizeof path, "%s/text", other);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 100; i++)
		fputs("no database\n", file);
	fclose(file);
	assert_int_equal(ledger_restore(dir, path, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	snprintf(path, sizeof path, "%s/foreign.db", other);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (a); PRAGMA user_version = 1", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(ledger_restore(dir, path, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	snprintf(path, sizeof path, "%s/nothing.db", other);
	assert_int_equal(ledger_restore(dir, path, &err), -1);
	/* Somebody has the ledger open. */
	ledger = help_open(dir, model, LEDGER_ENGINE);
	snprintf(backup, sizeof backup, "%s/backup.db", other);
	assert_ok(ledger_backup(ledger, backup, NULL, &err));
	ledger_close(ledger);
	ledger = NULL;
	visitor = help_open(dir, model, LEDGER_VISITOR);
	assert_int_equal(help_number(visitor, "SELECT count(*) FROM run"), 0);
	assert_int_equal(ledger_restore(dir, backup, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_BUSY);
	ledger_close(visitor);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_epoch(ledger), 1); /* nothing was touched */
	ledger_close(ledger);
	ledger = NULL;
	/* Into an empty folder, with a ledger that can't be read any more, it goes in. */
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 1000; i++)
		fputs("no database any more\n", file);
	fclose(file);
	assert_ok(ledger_restore(dir, backup, &err));
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_epoch(ledger), 2);
	assert_int_equal(help_number(ledger, "SELECT value FROM meta WHERE key = 'value'"), 1);
}

/* Care. */

static void
count_fault(void *data, const char *sentence)
{
	if (*(int *)data == 0)
		print_message("%s\n", sentence);
	++*(int *)data;
}

static bool
stop_at_once(void *data, uint64_t done, uint64_t total)
{
	(void)data, (void)done, (void)total;
	return false;
}

static void
a_check_finds_nothing_in_a_good_ledger(void **state)
{
	const struct ledger_progress stop = { stop_at_once, NULL };
	int faults = 0;

	(void)state;
	fill(3);
	assert_ok(ledger_check(ledger, count_fault, &faults, NULL, &err));
	assert_int_equal(faults, 0);
	for (int64_t i = 4; i < 8; i++)
		fill(i);
	if (ledger_check(ledger, count_fault, &faults, &stop, &err) != 0)
		assert_int_equal(err.code, ERROR_LEDGER_STOPPED);
	assert_int_equal(faults, 0);
	/* In the middle of a transaction it looks at what stands there. */
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_check(ledger, count_fault, &faults, NULL, &err));
	assert_ok(ledger_execute(ledger, "INSERT INTO staged_batch (read, object, credentials, read_us, records, rows, size, sealed, links)"
	                                 " VALUES (77, 1, 0, 0, 0, 0, 0, 0, 0)", &err));
	faults = 1;
	assert_ok(ledger_check(ledger, count_fault, &faults, NULL, &err));
	assert_int_equal(faults, 2);
	ledger_rollback(ledger);
}

static void
what_is_kept_long_enough_goes_in_small_steps(void **state)
{
	struct ledger_plan plan = { .flow = 1, .unit = 2, .version = 3 };
	struct ledger_run run = { .state = LEDGER_RUN_DONE };
	struct ledger_plan_draft *draft = draft_of(20, "a");
	bool more = true, applied;
	int rounds = 0;

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_ok(ledger_run_begin(ledger, 1, 2, "manual", &run.number, NULL, &err));
		if (i < 9)
			IN_TRANSACTION(ledger_run_end(ledger, &run, &err));
	}
	IN_TRANSACTION(ledger_plan_store(ledger, draft, &plan, &err));
	ledger_plan_draft_free(draft);
	IN_TRANSACTION(ledger_plan_end(ledger, plan.number, LEDGER_PLAN_APPLIED, &err));
	assert_ok(ledger_prune(ledger, 1000, &more, &err));
	assert_false(more);
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM run"), 10);
	help_clock_us += INT64_C(50) * 365 * 86400 * 1000000;
	for (more = true; more && rounds < 100; rounds++)
		assert_ok(ledger_prune(ledger, 5, &more, &err));
	assert_true(rounds > 4 && rounds < 100);
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM run"), 1); /* it is running */
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM plan_item"), 0);
	assert_ok(ledger_plan_was_applied(ledger, 1, 2, 3, &applied, &err));
	assert_true(applied);
}

static int64_t
found(enum ledger_finding_kind kind, const char *native, uint8_t raw)
{
	const int64_t candidates[] = { 5, 6 };
	struct ledger_finding finding = { .kind = kind, .flow = 1, .unit = 2, .object = 1, .native = { native, strlen(native) }, .run = 7, .cause = "test",
		.message = "a test", .candidates = candidates, .candidate_count = kind == LEDGER_FINDING_REVIEW ? 2 : 0 };
	int64_t id = 0;

	finding.raw[0] = raw;
	IN_TRANSACTION(ledger_find(ledger, &finding, &id, &err));
	return id;
}

static void
over(enum ledger_finding_kind kind, const char *native, uint8_t raw, uint8_t state, const char *decision)
{
	int64_t id = found(kind, native, raw);

	if (decision != NULL)
		IN_TRANSACTION(ledger_finding_decide(ledger, id, decision, "test", &err));
	if (state != LEDGER_ENDED)
		IN_TRANSACTION(ledger_finding_close(ledger, id, state, "test", &err));
	else
		IN_TRANSACTION(ledger_findings_overtake(ledger, kind, 1, 2, 1, (struct syncline_slice){ native, strlen(native) }, 0, NULL, "test", &err));
}

static void
one_of_each(enum ledger_finding_kind kind)
{
	(void)found(kind, "open", 1);
	over(kind, "ended", 1, LEDGER_ENDED, NULL);
	over(kind, "archived", 1, LEDGER_ARCHIVED, NULL);
	/* It has been another one since. */
	over(kind, "superseded", 1, LEDGER_ARCHIVED, NULL);
	over(kind, "superseded", 2, LEDGER_ENDED, NULL);
	over(kind, "decided", 1, LEDGER_DECIDED, "take");
	over(kind, "ignored", 1, LEDGER_DECIDED, "ignore");
}

/* The native ids of a table of findings, in their order. */
static void
assert_left(const char *table, const char *wanted)
{
	char sql[300];

	snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT group_concat(native, ' ') AS all_of FROM (SELECT native FROM %s ORDER BY native, id)) WHERE all_of = '%s'", table,
	         wanted);
	if (help_number(ledger, sql) != 1)
		fail_msg("%s: not %s", table, wanted);
}

/* What ended goes in the end; what still keeps somebody from being asked does not, nor what says that it doesn't any more. */
static void
findings_that_are_over_go(void **state)
{
	static const char all[] = "archived decided ended ignored open superseded superseded";
	bool more = true;
	int rounds = 0;

	(void)state;
	for (int kind = 0; kind < LEDGER_FINDING_COUNT; kind++)
		one_of_each((enum ledger_finding_kind)kind);
	/* The row that was archived was good since. */
	over(LEDGER_FINDING_REJECT, "good", 1, LEDGER_ARCHIVED, NULL);
	IN_TRANSACTION(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 1, 2, 1, (struct syncline_slice){ "good", 4 }, 0, NULL, &err));
	help_clock_us += INT64_C(9) * 365 * 86400 * 1000000;
	assert_ok(ledger_prune(ledger, 1000, &more, &err));
	assert_false(more);
	assert_left("review", all);
	assert_left("dead_letter", all);
	help_clock_us += INT64_C(2) * 365 * 86400 * 1000000;
	for (more = true; more && rounds < 100; rounds++)
		assert_ok(ledger_prune(ledger, 3, &more, &err));
	assert_true(rounds > 4 && rounds < 100);
	assert_left("reject", "archived open"); /* a good row ends what was archived before it */
	assert_left("conflict", "archived open superseded superseded");
	assert_left("review", "archived ignored open superseded superseded");
	assert_left("flip", "open");
	assert_left("dead_letter", "open");
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM review_candidate WHERE review NOT IN (SELECT id FROM review)"), 0);
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM review_candidate"), 10);
}

/* The match keys of a row are there as long as somebody is asked about it. */
static void
what_finds_a_row_again_goes_with_its_question(void **state)
{
	static const struct ledger_match key = { .hash = "key" };
	const struct ledger_finding review = { .kind = LEDGER_FINDING_REVIEW, .flow = 1, .unit = 2, .object = 1, .native = { "a", 1 }, .run = 7,
		.cause = "unmatched", .message = "no record matches", .hint = "decide" };
	int64_t id = 0;
	bool more;

	(void)state;
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_find(ledger, &review, &id, &err));
	assert_ok(ledger_review_keys(ledger, id, &model->entities[0], 2, &key, 1, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_prune(ledger, 1000, &more, &err));
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM review_key"), 1);
	IN_TRANSACTION(ledger_finding_close(ledger, id, LEDGER_ARCHIVED, "it is none of ours", &err));
	assert_ok(ledger_prune(ledger, 1000, &more, &err));
	assert_false(more);
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM review_key"), 0);
}

static void
rest_carries_the_log_over(void **state)
{
	struct ledger_size size;

	(void)state;
	fill(1);
	fill(2);
	assert_ok(ledger_size(ledger, &size, &err));
	assert_true(size.wal_bytes > 20u * 1024 * 1024);
	assert_true(size.free_bytes > 0);
	assert_int_equal(size.records + size.links + size.history + size.deliveries + size.staged, 0);
	assert_ok(ledger_idle(ledger, &err));
	assert_ok(ledger_size(ledger, &size, &err));
	assert_true(size.wal_bytes < 1024 * 1024);
	assert_true(size.bytes > 20u * 1024 * 1024);
	assert_ok(ledger_idle(ledger, &err));
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_idle(ledger, &err)); /* not the time for it */
	ledger_rollback(ledger);
}

/* Beside a list of all that ended; other units and bindings are counted for themselves. */
static void
of_the_last_ones_the_failed_are_counted(void **state)
{
	static bool ended[4000];
	uint32_t count = 0, seed = 7;

	(void)state;
	for (int round = 0; round < 400; round++) {
		uint32_t good = (seed = seed * 1103515245u + 12345u) >> 16 & 7, failed = (seed >> 8 & 15) == 0 ? 2 : (seed >> 8 & 3) == 0;
		int64_t last = 50, got, of, wanted = 0;

		IN_TRANSACTION(ledger_outcomes(ledger, 2, 2, good, failed, last, &got, &of, &err));
		for (uint32_t i = 0; i < good + failed; i++)
			ended[count++] = i >= good;
		for (uint32_t i = count > last ? count - (uint32_t)last : 0; i < count; i++)
			wanted += ended[i];
		assert_int_equal(got, wanted);
		assert_int_equal(of, count < last ? count : last);
		IN_TRANSACTION(ledger_outcomes(ledger, 2, 1, 0, 0, last, &got, &of, &err));
		assert_int_equal(got + of, 0);
		if (round == 250) {
			IN_TRANSACTION(ledger_outcomes_forget(ledger, 2, 2, &err));
			count = 0;
		}
	}
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM outcome_failed WHERE number <= (SELECT max(ended) FROM outcome) - 50"), 0);
}

static char heard[256];

static void
hear(void *data, struct ledger *from, const struct ledger_news *what)
{
	size_t used = strlen(heard);

	assert_ptr_equal(data, heard);
	assert_non_null(from);
	snprintf(heard + used, sizeof heard - used, "%s %lld%s%s;", what->event, (long long)what->record, what->cause != NULL ? " " : "",
	         what->cause != NULL ? what->cause : "");
}

static void
note(struct ledger *to, int64_t record)
{
	const struct ledger_history row = { .record = record, .entity = 1, .unit = 2, .object = 1, .run = 1, .event = LEDGER_EVENT_CHANGED };

	assert_ok(ledger_history_add(to, &row, 1, &err));
}

/* Told when it is committed, in its order; never what is rolled back, be it a part; and without all_news findings alone. */
static void
what_is_rolled_back_is_no_news(void **state)
{
	struct ledger_options options = { .state_dir = dir, .mode = LEDGER_VISITOR, .model = model, .news = hear, .news_data = heard, .all_news = true };
	char cause[] = "uncertain";
	struct ledger_finding finding = { .kind = LEDGER_FINDING_DEAD, .flow = 1, .unit = 2, .object = 1, .record = 7, .run = 1, .cause = cause, .message = "m", .hint = "h" };
	struct ledger *to;

	(void)state;
	heard[0] = '\0';
	assert_ok(ledger_open(&options, &to, &err));
	assert_ok(ledger_begin(to, &err));
	note(to, 1);
	ledger_rollback(to);
	assert_ok(ledger_begin(to, &err));
	note(to, 2);
	assert_ok(ledger_savepoint(to, &err));
	note(to, 3);
	assert_ok(ledger_savepoint(to, &err));
	note(to, 4);
	ledger_rollback_savepoint(to);
	note(to, 5);
	assert_ok(ledger_release(to, &err));
	assert_ok(ledger_savepoint(to, &err));
	note(to, 6);
	ledger_rollback_savepoint(to);
	assert_ok(ledger_find(to, &finding, NULL, &err));
	memset(cause, 'x', sizeof cause - 1);
	assert_string_equal(heard, "");
	assert_ok(ledger_commit(to, &err));
	assert_string_equal(heard, "changed 2;changed 3;changed 5;dead 7 uncertain;");
	ledger_close(to);
	heard[0] = '\0';
	options.all_news = false;
	assert_ok(ledger_open(&options, &to, &err));
	assert_ok(ledger_begin(to, &err));
	note(to, 8);
	/* The same once more is no news. */
	strcpy(cause, "uncertain");
	assert_ok(ledger_find(to, &finding, NULL, &err));
	finding.record = 9;
	assert_ok(ledger_find(to, &finding, NULL, &err));
	assert_ok(ledger_commit(to, &err));
	assert_string_equal(heard, "dead 9 uncertain;");
	ledger_close(to);
}

/* Every view can be read, and words stand in the place of numbers. */
static void
views_are_for_people(void **state)
{
	const struct ledger_flag flag = { .flow = 1, .unit = 2, .binding = 2, .mode = LEDGER_FLAG_CANARY, .percent = 10, .why = "carefully" };
	struct ledger_run run = { .state = LEDGER_RUN_HELD };
	sqlite3_stmt *views;
	char sql[256];
	int seen = 0;

	(void)state;
	assert_ok(ledger_run_begin(ledger, 1, 2, "manual", &run.number, NULL, &err));
	IN_TRANSACTION(ledger_run_end(ledger, &run, &err));
	IN_TRANSACTION(ledger_flag_set(ledger, &flag, &err));
	assert_string_equal(help_text(ledger, "SELECT flow || ' ' || unit || ' ' || state FROM run_view"), "customers berlin held");
	assert_string_equal(help_text(ledger, "SELECT target || ' ' || mode || ' ' || percent FROM flag_view"), "customers.crm canary 10");
	assert_string_equal(help_text(ledger, "SELECT name FROM object_name WHERE id = 1"), "erp.kunden");
	views = ledger_statement(ledger, "SELECT name FROM sqlite_schema WHERE type = 'view'", &err);
	assert_non_null(views);
	while (ledger_step(ledger, views, &err) == 1) {
		snprintf(sql, sizeof sql, "SELECT count(*) FROM (SELECT * FROM \"%s\" LIMIT 5)", (const char *)sqlite3_column_text(views, 0));
		assert_true(help_number(ledger, sql) >= 0);
		seen++;
	}
	assert_true(seen > 15);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_are_counted_kept_and_ended),
		TEST(of_a_flow_s_flag_and_its_target_s_the_lesser_counts),
		TEST(a_plan_survives_the_rollback_of_the_run_that_made_it),
		TEST(a_rollback_is_beside_the_other_plan),
		TEST(what_was_undone_is_so_until_it_lives_again),
		TEST(a_backup_is_one_state_and_whole),
		TEST(what_is_no_backup_is_not_restored),
		TEST(a_check_finds_nothing_in_a_good_ledger),
		TEST(what_is_kept_long_enough_goes_in_small_steps),
		TEST(what_finds_a_row_again_goes_with_its_question),
		TEST(findings_that_are_over_go),
		TEST(rest_carries_the_log_over),
		TEST(of_the_last_ones_the_failed_are_counted),
		TEST(what_is_rolled_back_is_no_news),
		TEST(views_are_for_people),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
