/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger.c: opening, transactions, names, stamps, leases and care of the ledger. */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ledger/inside.h"
#include "ledger_help.h"

static char dir[4096];
static struct model *model;

static int
begin_test(void **state)
{
	(void)state;
	help_folder(dir, sizeof dir);
	model = help_model(help_house);
	return 0;
}

static int
end_test(void **state)
{
	(void)state;
	config_free(model);
	help_remove(dir);
	return 0;
}

static void
a_new_ledger_knows_the_names_of_its_model(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	const struct config_entity *customer = config_entity(model, "customer");
	const struct config_object *kunden = config_object(config_system(model, "erp"), "kunden");
	uint32_t id = ledger_object_id(ledger, kunden);

	(void)state;
	assert_true(id > 0);
	assert_ptr_equal(ledger_object(ledger, id), kunden);
	assert_string_equal(ledger_object_name(ledger, id), "erp.kunden");
	assert_int_equal(ledger_unit_id(ledger, NULL), 1);
	assert_string_equal(ledger_unit_name(ledger, 1), "");
	assert_int_equal(ledger_unit_id(ledger, config_unit(model, "berlin")), 2);
	assert_string_equal(ledger_unit_name(ledger, 3), "munich");
	assert_string_equal(ledger_unit_name(ledger, 77), "?");
	assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "number")), 1);
	assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "visits")), 8);
	assert_int_equal(ledger_field_limit(ledger, customer), 9);
	assert_string_equal(ledger_binding_name(ledger, ledger_binding_id(ledger, &model->flows[0].bindings[1])), "customers.crm");
	assert_ptr_equal(ledger_flow(ledger, ledger_flow_id(ledger, &model->flows[1])), &model->flows[1]);
	assert_ptr_equal(ledger_entity(ledger, ledger_entity_id(ledger, customer)), customer);
	assert_int_equal(ledger_epoch(ledger), 1);
	ledger_close(ledger);
	ledger = help_open(dir, model, LEDGER_READER);
	assert_int_equal(ledger_object_id(ledger, kunden), id);
	ledger_close(ledger);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_object_id(ledger, kunden), id);
	assert_int_equal(ledger_epoch(ledger), 1);
	ledger_close(ledger);
}

static void
what_is_committed_stays_and_what_is_rolled_back_does_not(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	struct error err = { 0 };
	uint64_t sequence = ledger_sequence(ledger);
	int64_t value;

	(void)state;
	assert_ok(ledger_begin(ledger, &err));
	assert_true(ledger_sequence(ledger) > sequence);
	assert_ok(ledger_meta_set(ledger, "a", 1, &err));
	assert_ok(ledger_savepoint(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "a", 2, &err));
	assert_ok(ledger_savepoint(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "b", 3, &err));
	assert_ok(ledger_release(ledger, &err));
	ledger_rollback_savepoint(ledger);
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_meta_get(ledger, "a", &value, &err));
	assert_int_equal(value, 1);
	assert_ok(ledger_meta_get(ledger, "b", &value, &err));
	assert_int_equal(value, 0);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "a", 9, &err));
	ledger_rollback(ledger);
	assert_ok(ledger_meta_get(ledger, "a", &value, &err));
	assert_int_equal(value, 1);
	assert_int_equal(ledger_commit(ledger, &err), -1);
	assert_int_equal(ledger_release(ledger, &err), -1);
	ledger_close(ledger);
}


static void
an_id_follows_was_and_is_never_used_again(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	const char *const changes[][2] = {
		{ "erp: { connector", "sap: { was = \"erp\"; connector" },
		{ "erp: { tenant = \"100\"", "sap: { tenant = \"100\"" },
		{ "erp: { tenant = \"200\"", "sap: { tenant = \"200\"" },
		{ "customer: { owner = \"erp\"", "customer: { owner = \"sap\"" },
		{ "sales_order: { owner = \"erp\"", "sales_order: { owner = \"sap\"" },
		{ "erp: { object = \"kunden\"", "sap: { object = \"kunden\"" },
		{ "erp: { object = \"auftraege\"", "sap: { object = \"auftraege\"" },
		{ "email: { type = \"email\"; };", "mail: { was = \"email\"; type = \"email\"; };" },
		{ "[ \"email\", \"email\" ]", "[ \"mail\", \"email\" ]" },
		{ "visits: { type = \"integer\"; };", "calls: { type = \"integer\"; };" },
	};
	uint32_t kunden = ledger_object_id(ledger, config_object(config_system(model, "erp"), "kunden"));
	uint32_t binding = ledger_binding_id(ledger, &model->flows[0].bindings[0]);
	struct model *renamed;
	const struct config_entity *customer;

	(void)state;
	ledger_close(ledger);
	renamed = help_changed_model(changes, sizeof changes / sizeof *changes);
	for (int round = 0; round < 2; round++) {
		ledger = help_open(dir, renamed, LEDGER_ENGINE);
		customer = config_entity(renamed, "customer");
		assert_int_equal(ledger_object_id(ledger, config_object(config_system(renamed, "sap"), "kunden")), kunden);
		assert_string_equal(ledger_object_name(ledger, kunden), "sap.kunden");
		assert_int_equal(ledger_binding_id(ledger, &renamed->flows[0].bindings[0]), binding);
		assert_string_equal(ledger_binding_name(ledger, binding), "customers.sap");
		assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "mail")), 3);
		assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "calls")), 9); /* 8 was visits */
		assert_int_equal(ledger_field_limit(ledger, customer), 10);
		assert_string_equal(ledger_field_name(ledger, ledger_entity_id(ledger, customer), 8), "visits");
		ledger_close(ledger);
	}
	/* The former configuration comes back: email has a new id, since `was` moved its own. */
	ledger = help_open(dir, model, LEDGER_ENGINE);
	customer = config_entity(model, "customer");
	assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "visits")), 8);
	assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "email")), 10);
	ledger_close(ledger);
	config_free(renamed);
}

/* A name that was given up before may be taken by a rename. */
static void
a_rename_takes_a_name_that_was_given_up(void **state)
{
	const char *const without[][2] = { { "visits: { type = \"integer\"; };", "" } };
	const char *const taken[][2] = {
		{ "since: { type = \"date\"; };", "" },
		{ "visits: { type = \"integer\"; };", "visits: { was = \"since\"; type = \"date\"; };" },
	};
	struct model *models[2] = { help_changed_model(without, 1), help_changed_model(taken, 2) };
	const struct config_entity *customer;
	struct ledger *ledger;

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	ledger_close(help_open(dir, models[0], LEDGER_VISITOR));
	for (int round = 0; round < 2; round++) {
		ledger = help_open(dir, models[1], LEDGER_VISITOR);
		customer = config_entity(models[1], "customer");
		assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "visits")), 6); /* since's */
		assert_string_equal(ledger_field_name(ledger, ledger_entity_id(ledger, customer), 8), "visits (former 8)");
		ledger_close(ledger);
	}
	for (int i = 0; i < 2; i++)
		config_free(models[i]);
}

static void
statements_are_prepared_once_and_never_shared_in_the_middle(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	struct error err = { 0 };
	sqlite3_stmt *outer = ledger_statement(ledger, "SELECT id FROM name ORDER BY id", &err), *inner;
	char sql[64];

	(void)state;
	assert_non_null(outer);
	assert_ptr_equal(ledger_statement(ledger, "SELECT id FROM name ORDER BY id", &err), outer);
	assert_int_equal(ledger_step(ledger, outer, &err), 1);
	inner = ledger_statement(ledger, "SELECT id FROM name ORDER BY id", &err);
	assert_ptr_not_equal(inner, outer);
	assert_int_equal(ledger_step(ledger, inner, &err), 1);
	assert_int_equal(ledger_step(ledger, outer, &err), 1);
	sqlite3_reset(inner);
	sqlite3_reset(outer);
	for (int i = 0; i < 1000; i++) {
		snprintf(sql, sizeof sql, "SELECT %d", i);
		assert_int_equal(help_number(ledger, sql), i);
	}
	assert_null(ledger_statement(ledger, "SELECT nothing FROM nowhere", &err));
	assert_int_equal(err.code, ERROR_LEDGER_FAILED);
	ledger_close(ledger);
}

static void
the_settings_are_those_of_the_design(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	struct stat file;
	char path[4200];

	(void)state;
	assert_string_equal(help_text(ledger, "PRAGMA journal_mode"), "wal");
	assert_int_equal(help_number(ledger, "PRAGMA synchronous"), 2);
	assert_int_equal(help_number(ledger, "PRAGMA page_size"), 4096);
	assert_int_equal(help_number(ledger, "PRAGMA secure_delete"), 2);
	assert_int_equal(help_number(ledger, "PRAGMA foreign_keys"), 0);
	assert_int_equal(help_number(ledger, "PRAGMA cell_size_check"), 1);
	assert_int_equal(help_number(ledger, "PRAGMA trusted_schema"), 0);
	assert_int_equal(help_number(ledger, "PRAGMA application_id"), LEDGER_APPLICATION);
	assert_int_equal(help_number(ledger, "PRAGMA user_version"), LEDGER_SCHEMA);
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	snprintf(path, sizeof path, "%s/" LEDGER_FILE "-wal", dir);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	ledger_close(ledger);
}

/* Refusals. */

static void
a_second_engine_is_refused_by_the_number_of_the_first(void **state)
{
	struct ledger *first, *second;
	struct error err;
	int ready[2], go[2];
	char byte, number[32];
	pid_t child;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(go), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		first = help_open(dir, model, LEDGER_ENGINE);
		second = help_open(dir, model, LEDGER_ENGINE); /* another thread's of the same engine */
		ledger_close(second);
		if (write(ready[1], "r", 1) != 1 || read(go[0], &byte, 1) != 1)
			_exit(1);
		ledger_close(first);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	help_refuse(dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_ENGINE);
	snprintf(number, sizeof number, "process %ld", (long)child);
	assert_non_null(strstr(err.message, number));
	assert_int_equal(ledger_restore(dir, "/dev/null", &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_ENGINE);
	/* Visitors and readers are welcome. */
	ledger_close(help_open(dir, model, LEDGER_VISITOR));
	ledger_close(help_open(dir, model, LEDGER_READER));
	assert_int_equal(write(go[1], "g", 1), 1);
	assert_int_equal(waitpid(child, NULL, 0), child);
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	close(ready[0]), close(ready[1]), close(go[0]), close(go[1]);
}

static void
execute_on_file(const char *below, const char *sql)
{
	char path[4200];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/%s", dir, below);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void
a_newer_ledger_and_another_program_s_file_are_refused(void **state)
{
	const enum ledger_mode modes[] = { LEDGER_READER, LEDGER_VISITOR, LEDGER_ENGINE };
	struct error err;

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	execute_on_file(LEDGER_FILE, "PRAGMA user_version = 99");
	for (int i = 0; i < 3; i++) {
		help_refuse(dir, model, modes[i], &err);
		assert_int_equal(err.code, ERROR_LEDGER_NEWER);
	}
	execute_on_file(LEDGER_FILE, "PRAGMA user_version = 1; PRAGMA application_id = 7");
	for (int i = 0; i < 3; i++) {
		help_refuse(dir, model, modes[i], &err);
		assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	}
	execute_on_file(LEDGER_FILE, "PRAGMA application_id = 1398361667");
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
}

/* Builds between two releases call different tables by the same number. */
static void
a_ledger_of_another_build_is_refused(void **state)
{
	const enum ledger_mode modes[] = { LEDGER_READER, LEDGER_VISITOR, LEDGER_ENGINE };
	struct error err;

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	execute_on_file(LEDGER_FILE, "UPDATE meta SET value = value + 1 WHERE key = 'layout'");
	for (int i = 0; i < 3; i++) {
		help_refuse(dir, model, modes[i], &err);
		assert_int_equal(err.code, ERROR_LEDGER_LAYOUT);
	}
	execute_on_file(LEDGER_FILE, "UPDATE meta SET value = value - 1 WHERE key = 'layout'");
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
}

static void
a_damaged_file_is_said_to_be_damaged(void **state)
{
	char path[4200], junk[8192];
	struct error err;
	FILE *file;

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	memset(junk, 'x', sizeof junk);
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	file = fopen(path, "r+");
	assert_non_null(file);
	assert_int_equal(fseek(file, 100, SEEK_SET), 0); /* behind SQLite's header: the first table's page */
	assert_int_equal(fwrite(junk, 1, sizeof junk - 100, file), sizeof junk - 100);
	fclose(file);
	help_refuse(dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	help_refuse(dir, model, LEDGER_READER, &err);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("this is a text and no database at all, and it is longer than a hundred bytes so that nobody takes it for an empty one\n", file);
	fclose(file);
	help_refuse(dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
}

static void
a_reader_makes_nothing(void **state)
{
	char path[4200];
	struct error err;

	(void)state;
	help_refuse(dir, model, LEDGER_READER, &err);
	assert_int_equal(err.code, ERROR_LEDGER_MISSING);
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	assert_int_not_equal(access(path, F_OK), 0);
	snprintf(path, sizeof path, "%s/below/and/below", dir);
	help_refuse(path, model, LEDGER_READER, &err);
	assert_int_equal(err.code, ERROR_LEDGER_MISSING);
}

static void
a_ledger_that_is_gone_is_not_made_anew(void **state)
{
	char path[4200];
	struct error err;

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	assert_int_equal(unlink(path), 0);
	help_refuse(dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_MISSING);
	assert_non_null(strstr(err.hint, "ledger.stamp"));
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
another_environment_is_refused(void **state)
{
	const char *const production[][2] = { { "environment = \"test\"", "environment = \"production\"" } };
	const char *const none[][2] = { { "environment = \"test\";", "" } };
	struct model *other = help_changed_model(production, 1), *unnamed = help_changed_model(none, 1);
	struct error err;

	(void)state;
	ledger_close(help_open(dir, unnamed, LEDGER_ENGINE)); /* not stamped yet */
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	help_refuse(dir, other, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_ENVIRONMENT);
	assert_non_null(strstr(err.message, "\"test\""));
	assert_non_null(strstr(err.message, "\"production\""));
	help_refuse(dir, unnamed, LEDGER_VISITOR, &err);
	assert_int_equal(err.code, ERROR_LEDGER_ENVIRONMENT);
	ledger_close(help_open(dir, NULL, LEDGER_READER)); /* no configuration: only looked at */
	config_free(other);
	config_free(unnamed);
}

/* In a process of its own that is not root. */
static int
try_as_nobody(void)
{
	struct ledger *ledger = NULL;
	struct ledger_options options = { .state_dir = dir, .model = model };
	const enum ledger_mode modes[] = { LEDGER_ENGINE, LEDGER_VISITOR, LEDGER_READER };
	struct error err = { 0 };

	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
		return 77;
	for (int i = 0; i < 3; i++) {
		options.mode = modes[i];
		if (ledger_open(&options, &ledger, &err) == 0) {
			/* Who may read the files but make none beside them may succeed as a reader alone. */
			ledger_close(ledger);
			if (modes[i] != LEDGER_READER)
				return 10 + i;
			continue;
		}
		if (err.code != ERROR_LEDGER_READONLY || err.hint[0] == '\0' || strstr(err.message, dir) == NULL) {
			fprintf(stderr, "%s: %s\n", error_name(err.code), err.message);
			return 20 + i;
		}
	}
	return 0;
}

static void
what_may_not_be_written_is_said_so(void **state)
{
	int status = -1;
	pid_t child;
	char path[4200];

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	assert_int_equal(chmod(path, 0444), 0);
	assert_int_equal(chmod(dir, 0555), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(try_as_nobody());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(chmod(dir, 0700), 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	/* And the folder that isn't there can't be made. */
	assert_int_equal(chmod(path, 0600), 0);
}

static void
a_full_disk_fails_the_transaction_and_no_more(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	struct error err = { 0 };
	char sql[64], blob[4096] = { 0 };
	int64_t pages = help_number(ledger, "PRAGMA page_count"), value;
	int result = 0;

	(void)state;
	snprintf(sql, sizeof sql, "PRAGMA max_page_count = %lld", (long long)pages + 4);
	assert_ok(ledger_execute(ledger, sql, &err));
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "before", 1, &err));
	for (int i = 0; i < 100 && result == 0; i++) {
		snprintf(sql, sizeof sql, "filler%d", i);
		result = ledger_meta_set_blob(ledger, sql, blob, sizeof blob, &err);
	}
	assert_int_equal(result, -1);
	assert_int_equal(err.code, ERROR_LEDGER_FULL);
	assert_non_null(strstr(err.message, dir));
	ledger_rollback(ledger);
	assert_ok(ledger_execute(ledger, "PRAGMA max_page_count = 1000000", &err));
	assert_ok(ledger_meta_get(ledger, "before", &value, &err));
	assert_int_equal(value, 0);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "after", 1, &err));
	assert_ok(ledger_commit(ledger, &err));
	ledger_close(ledger);
}

/* A file may not grow: what the kernel says is carried into the sentence, and nothing is damaged. */
static void
a_limit_of_the_system_is_a_full_disk_too(void **state)
{
	int status = -1;
	pid_t child;
	struct ledger *ledger;

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit = { 256 * 1024, 256 * 1024 };
		struct error err = { 0 };
		char key[32], blob[8192];
		int result = 0;

		ledger = help_open(dir, model, LEDGER_ENGINE);
		memset(blob, 7, sizeof blob);
		signal(SIGXFSZ, SIG_IGN);
		if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
			_exit(1);
		for (int i = 0; i < 200 && result == 0; i++) {
			snprintf(key, sizeof key, "filler%d", i);
			result = ledger_begin(ledger, &err);
			if (result == 0)
				result = ledger_meta_set_blob(ledger, key, blob, sizeof blob, &err);
			if (result == 0)
				result = ledger_commit(ledger, &err);
		}
		ledger_rollback(ledger);
		if (result == 0 || err.code != ERROR_LEDGER_FULL)
			fprintf(stderr, "%s: %s\n", error_name(err.code), err.message);
		ledger_close(ledger); /* what it can't write any more it does without */
		_exit(result == -1 && err.code == ERROR_LEDGER_FULL ? 0 : 2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_string_equal(help_text(ledger, "PRAGMA integrity_check"), "ok");
	ledger_close(ledger);
}

/* Killed. */

static void
being_killed_leaves_nothing_half(void **state)
{
	struct error err = { 0 };
	struct ledger *ledger;
	int64_t a, b;
	uint64_t sequence;

	(void)state;
	ledger_close(help_open(dir, model, LEDGER_ENGINE));
	for (int committed = 0; committed < 2; committed++) {
		int status = -1;
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0) {
			ledger = help_open(dir, model, LEDGER_ENGINE);
			if (ledger_begin(ledger, &err) != 0 || ledger_meta_set(ledger, "a", 5, &err) != 0 || ledger_meta_set(ledger, "b", 5, &err) != 0)
				_exit(1);
			if (committed && ledger_commit(ledger, &err) != 0)
				_exit(1);
			raise(SIGKILL);
			_exit(1);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		ledger = help_open(dir, model, LEDGER_ENGINE); /* the lock went with the process */
		assert_ok(ledger_meta_get(ledger, "a", &a, &err));
		assert_ok(ledger_meta_get(ledger, "b", &b, &err));
		assert_int_equal(a, committed ? 5 : 0);
		assert_int_equal(b, a);
		assert_int_equal(ledger_epoch(ledger), 1); /* being killed is no restore */
		sequence = ledger_sequence(ledger);
		assert_ok(ledger_begin(ledger, &err));
		assert_true(ledger_sequence(ledger) > sequence);
		ledger_rollback(ledger);
		ledger_close(ledger);
	}
}

/* Epochs. */

static void
copy_file(const char *from_dir, const char *to_dir, const char *name)
{
	char from[4200], to[4200], buffer[65536];
	size_t got;
	FILE *in, *out;

	snprintf(from, sizeof from, "%s/%s", from_dir, name);
	snprintf(to, sizeof to, "%s/%s", to_dir, name);
	in = fopen(from, "rb");
	if (in == NULL)
		return;
	out = fopen(to, "wb"); /* keeps the inode of one that is there */
	assert_non_null(out);
	while ((got = fread(buffer, 1, sizeof buffer, in)) > 0)
		assert_int_equal(fwrite(buffer, 1, got, out), got);
	fclose(in);
	assert_int_equal(fclose(out), 0);
}

static uint32_t
epoch_of(const char *where)
{
	struct ledger *ledger = help_open(where, model, LEDGER_ENGINE);
	uint32_t epoch = ledger_epoch(ledger);

	ledger_close(ledger);
	return epoch;
}

static void
a_copy_is_told_from_its_original(void **state)
{
	char copy[4096], moved[4200];
	const uint32_t object = 1, unit = 2;
	struct ledger *ledger;

	(void)state;
	assert_int_equal(epoch_of(dir), 1);
	assert_int_equal(epoch_of(dir), 1);
	/* Looking and visiting are no reason for a new one. */
	ledger_close(help_open(dir, model, LEDGER_VISITOR));
	ledger_close(help_open(dir, model, LEDGER_READER));
	/* Renaming the folder isn't either. */
	snprintf(moved, sizeof moved, "%s-moved", dir);
	assert_int_equal(rename(dir, moved), 0);
	assert_int_equal(epoch_of(moved), 1);
	assert_int_equal(rename(moved, dir), 0);
	/* All its files elsewhere are. */
	help_folder(copy, sizeof copy);
	copy_file(dir, copy, LEDGER_FILE);
	copy_file(dir, copy, "ledger.stamp");
	ledger = help_open(copy, model, LEDGER_ENGINE);
	assert_int_equal(ledger_epoch(ledger), 2);
	assert_true(ledger_doubted(ledger, object, unit));
	ledger_close(ledger);
	assert_int_equal(epoch_of(copy), 2);
	assert_int_equal(epoch_of(dir), 1);
	/* So is a stamp of which there is nothing but the ledger. */
	snprintf(moved, sizeof moved, "%s/ledger.stamp", copy);
	assert_int_equal(unlink(moved), 0);
	assert_int_equal(epoch_of(copy), 3);
	help_remove(copy);
}

static void
an_older_file_that_is_put_back_is_noticed(void **state)
{
	char aside[4096];

	(void)state;
	help_folder(aside, sizeof aside);
	assert_int_equal(epoch_of(dir), 1);
	copy_file(dir, aside, LEDGER_FILE);
	assert_int_equal(epoch_of(dir), 1);
	copy_file(aside, dir, LEDGER_FILE); /* over the same inode, the stamp untouched */
	assert_int_equal(epoch_of(dir), 2);
	/* With the stamp of its own time: only the time of change tells. */
	copy_file(dir, aside, LEDGER_FILE);
	copy_file(dir, aside, "ledger.stamp");
	assert_int_equal(epoch_of(dir), 2);
	copy_file(aside, dir, LEDGER_FILE);
	copy_file(aside, dir, "ledger.stamp");
	assert_int_equal(epoch_of(dir), 3);
	help_remove(aside);
}

/* Killed at each step of stamping: never a new epoch. */
static void
stamping_survives_being_killed(void **state)
{
	struct error err = { 0 };
	struct ledger *ledger;
	uint8_t next[16];

	(void)state;
	assert_int_equal(epoch_of(dir), 1);
	/* After the first step: the ledger knows a number that no stamp has. */
	ledger = help_open(dir, model, LEDGER_VISITOR);
	memset(next, 9, sizeof next);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_meta_set_blob(ledger, "next_opening", next, sizeof next, &err));
	assert_ok(ledger_commit(ledger, &err));
	ledger_close(ledger);
	assert_int_equal(epoch_of(dir), 1);
	/* After the second: the stamp has it, and its inode is not known yet. */
	ledger = help_open(dir, model, LEDGER_VISITOR);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_execute(ledger, "INSERT INTO meta SELECT 'next_opening', value FROM meta WHERE key = 'opening';"
	                                 "UPDATE meta SET value = x'00000000000000000000000000000000' WHERE key IN ('opening', 'identity')", &err));
	assert_ok(ledger_commit(ledger, &err));
	ledger_close(ledger);
	assert_int_equal(epoch_of(dir), 1);
}

/* Beside each other. */

static void
readers_see_what_was_committed_while_an_engine_writes(void **state)
{
	struct ledger *engine = help_open(dir, model, LEDGER_ENGINE), *reader, *visitor;
	struct error err = { 0 };

	(void)state;
	assert_ok(ledger_begin(engine, &err));
	assert_ok(ledger_meta_set(engine, "a", 1, &err));
	assert_int_equal(help_number(engine, "SELECT value FROM meta WHERE key = 'a'"), 1); /* beside the open transaction */
	reader = help_open(dir, model, LEDGER_READER);
	assert_int_equal(help_number(reader, "SELECT value FROM meta WHERE key = 'a'"), -1);
	assert_int_equal(ledger_begin(reader, &err), -1);
	visitor = help_open(dir, model, LEDGER_VISITOR);
	assert_int_equal(ledger_begin(visitor, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_BUSY);
	assert_ok(ledger_commit(engine, &err));
	assert_int_equal(help_number(reader, "SELECT value FROM meta WHERE key = 'a'"), 1);
	assert_ok(ledger_begin(visitor, &err));
	assert_true(ledger_sequence(visitor) > ledger_sequence(engine));
	assert_ok(ledger_commit(visitor, &err));
	ledger_close(visitor);
	ledger_close(reader);
	ledger_close(engine);
}

static void
a_lease_goes_on_as_long_as_its_holder_commits(void **state)
{
	struct ledger *a = help_open(dir, model, LEDGER_ENGINE), *b = help_open(dir, model, LEDGER_VISITOR);
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ledger_lease(a, "run customers/berlin", 9000, &err), 1);
	assert_int_equal(ledger_lease(a, "run customers/munich", 900000, &err), 1);
	/* Ten times as long as it was taken for; what is rolled back renews nothing. */
	for (int i = 0; i < 20; i++) {
		help_clock_us += 4500000;
		assert_ok(ledger_begin(a, &err));
		ledger_rollback(a);
		assert_ok(ledger_begin(a, &err));
		assert_ok(ledger_commit(a, &err));
		assert_int_equal(ledger_lease(b, "run customers/berlin", 9000, &err), 0);
		assert_int_equal(err.code, ERROR_LEDGER_LEASE);
	}
	/* It ran out, and nobody took it: it goes on. */
	help_clock_us += 60000000;
	assert_ok(ledger_begin(a, &err));
	assert_ok(ledger_commit(a, &err));
	assert_int_equal(ledger_lease(b, "run customers/berlin", 9000, &err), 0);
	/* It ran out, and somebody took it: what was done meanwhile is not done; and once that is known, others go on. */
	help_clock_us += 10000000;
	assert_int_equal(ledger_lease(b, "run customers/berlin", 9000, &err), 1);
	assert_ok(ledger_begin(a, &err));
	assert_int_equal(ledger_commit(a, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_LEASE);
	assert_ok(ledger_begin(a, &err));
	assert_ok(ledger_commit(a, &err));
	assert_int_equal(ledger_lease(b, "run customers/munich", 9000, &err), 0);
	assert_int_equal(ledger_lease(a, "run customers/berlin", 9000, &err), 0);
	/* What was given back is not missed. */
	ledger_lease_end(a, "run customers/munich");
	help_clock_us += 900000000;
	assert_int_equal(ledger_lease(b, "run customers/munich", 9000, &err), 1);
	assert_ok(ledger_begin(a, &err));
	assert_ok(ledger_commit(a, &err));
	ledger_close(a);
	ledger_close(b);
}

static void
a_lease_is_one_s_own_until_it_ends(void **state)
{
	struct ledger *a = help_open(dir, model, LEDGER_ENGINE), *b = help_open(dir, model, LEDGER_ENGINE);
	struct error err = { 0 };
	char number[32];
	pid_t child;

	(void)state;
	assert_int_equal(ledger_lease(a, "run customers/berlin", 60000, &err), 1);
	assert_int_equal(ledger_lease(b, "run customers/berlin", 60000, &err), 0);
	assert_int_equal(err.code, ERROR_LEDGER_LEASE);
	snprintf(number, sizeof number, "process %ld (tester", (long)getpid());
	assert_non_null(strstr(err.message, number));
	assert_int_equal(ledger_lease(b, "run customers/munich", 60000, &err), 1);
	help_clock_us += INT64_C(50) * 1000000;
	assert_int_equal(ledger_lease(a, "run customers/berlin", 60000, &err), 1); /* renewed */
	help_clock_us += INT64_C(50) * 1000000;
	assert_int_equal(ledger_lease(b, "run customers/berlin", 60000, &err), 0);
	help_clock_us += INT64_C(20) * 1000000;
	assert_int_equal(ledger_lease(b, "run customers/berlin", 60000, &err), 1); /* it ended by itself */
	assert_int_equal(ledger_lease(a, "run customers/berlin", 60000, &err), 0);
	ledger_lease_end(a, "run customers/berlin"); /* not its own: nothing happens */
	assert_int_equal(ledger_lease(a, "run customers/berlin", 60000, &err), 0);
	ledger_lease_end(b, "run customers/berlin");
	assert_int_equal(ledger_lease(a, "run customers/berlin", 60000, &err), 1);
	/* In a transaction that is rolled back it was never taken. */
	assert_ok(ledger_begin(a, &err));
	assert_int_equal(ledger_lease(a, "match", 60000, &err), 1);
	ledger_rollback(a);
	assert_int_equal(ledger_lease(b, "match", 60000, &err), 1);
	ledger_close(a);
	ledger_close(b);
	/* Those of an engine that was killed end with the next engine's start. */
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		a = help_open(dir, model, LEDGER_ENGINE);
		if (ledger_lease(a, "run orders/berlin", 3600000, &err) != 1)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
	b = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_lease(b, "run orders/berlin", 1000, &err), 1);
	ledger_close(b);
}

static void
a_system_that_is_another_one_is_stopped_until_it_is_rebased(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE), *reader;
	const struct config_system *erp = config_system(model, "erp"), *crm = config_system(model, "crm");
	const uint8_t one[16] = { 1 }, two[16] = { 2 };
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ledger_fingerprint(ledger, erp, 0, one, &err), 1);
	assert_int_equal(ledger_fingerprint(ledger, erp, 0, one, &err), 1);
	assert_int_equal(ledger_fingerprint(ledger, erp, 0, two, &err), 0);
	assert_int_equal(err.code, ERROR_LEDGER_FINGERPRINT);
	assert_non_null(strstr(err.message, "erp"));
	/* What a unit is there is another matter. */
	assert_int_equal(ledger_fingerprint(ledger, erp, 7, two, &err), 1);
	assert_int_equal(ledger_fingerprint(ledger, erp, 7, one, &err), 0);
	assert_int_equal(ledger_fingerprint(ledger, erp, 8, one, &err), 1);
	assert_int_equal(ledger_fingerprint(ledger, erp, 0, one, &err), 1);
	assert_int_equal(ledger_fingerprint(ledger, crm, 0, two, &err), 1);
	reader = help_open(dir, model, LEDGER_READER);
	assert_int_equal(ledger_fingerprint(reader, erp, 0, two, &err), 0);
	ledger_close(reader);
	assert_ok(ledger_rebase(ledger, erp, "moved to the new machine", &err));
	assert_int_equal(ledger_fingerprint(ledger, erp, 0, two, &err), 1);
	assert_int_equal(ledger_fingerprint(ledger, erp, 0, one, &err), 0);
	assert_string_equal(help_text(ledger, "SELECT why FROM rebase WHERE former = x'01000000000000000000000000000000'"), "moved to the new machine");
	ledger_close(ledger);
}

static void
versions_get_small_numbers(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	const uint8_t one[16] = { 1 }, two[16] = { 2 };
	uint32_t a, b, c, again;
	struct error err = { 0 };

	(void)state;
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_version_id(ledger, 1, one, &a, &err));
	assert_ok(ledger_version_id(ledger, 1, two, &b, &err));
	assert_ok(ledger_version_id(ledger, 2, one, &c, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_true(a != b && b != c && a != c && a > 0);
	assert_ok(ledger_version_id(ledger, 1, one, &again, &err));
	assert_int_equal(again, a);
	ledger_close(ledger);
}

/* Migrations: the first layout has none before it, so the way is walked with made-up ones. */

static int
add_table(struct ledger *ledger, struct error *err)
{
	return ledger_execute(ledger, "CREATE TABLE added (a INTEGER)", err);
}

static int
fill_table(struct ledger *ledger, struct error *err)
{
	return ledger_execute(ledger, "INSERT INTO added VALUES (7)", err);
}

static int
fail_step(struct ledger *ledger, struct error *err)
{
	(void)ledger;
	return error_set(err, ERROR_INTERNAL, NULL, "this step fails");
}

static void
migrations_are_walked_step_by_step_or_not_at_all(void **state)
{
	const struct ledger_migration good[] = { { 2, fill_table }, { 1, add_table } }, bad[] = { { 1, add_table }, { 2, fail_step } };
	const struct ledger_migration gap[] = { { 1, add_table } };
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < ledger_migration_count; i++)
		assert_true(ledger_migrations[i].from < LEDGER_SCHEMA && ledger_migrations[i].run != NULL);
	assert_int_equal(ledger_migration_count, LEDGER_SCHEMA - 1);
	assert_ok(ledger_begin(ledger, &err));
	assert_int_equal(ledger_migrate(ledger, bad, 2, 1, 3, &err), -1);
	ledger_rollback(ledger);
	assert_int_equal(help_number(ledger, "SELECT count(*) FROM sqlite_schema WHERE name = 'added'"), 0);
	assert_ok(ledger_begin(ledger, &err));
	assert_int_equal(ledger_migrate(ledger, gap, 1, 1, 3, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	ledger_rollback(ledger);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_migrate(ledger, good, 2, 1, 3, &err));
	assert_ok(ledger_commit(ledger, &err));
	assert_int_equal(help_number(ledger, "SELECT a FROM added"), 7);
	assert_int_equal(help_number(ledger, "PRAGMA user_version"), 3);
	ledger_close(ledger);
}

/* A hand-made ledger of a layout before the first: nothing leads from it, a reader leaves it alone. */
static void
an_older_ledger_is_not_touched_by_who_only_looks(void **state)
{
	struct error err;

	(void)state;
	execute_on_file(LEDGER_FILE, "PRAGMA application_id = 1398361667; CREATE TABLE meta (key TEXT PRIMARY KEY, value)");
	help_refuse(dir, model, LEDGER_READER, &err);
	assert_int_equal(err.code, ERROR_LEDGER_OLDER);
	help_refuse(dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_DAMAGED);
	assert_non_null(strstr(err.message, "layout 0"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_ledger_knows_the_names_of_its_model),
		TEST(what_is_committed_stays_and_what_is_rolled_back_does_not),
		TEST(an_id_follows_was_and_is_never_used_again),
		TEST(a_rename_takes_a_name_that_was_given_up),
		TEST(statements_are_prepared_once_and_never_shared_in_the_middle),
		TEST(the_settings_are_those_of_the_design),
		TEST(a_second_engine_is_refused_by_the_number_of_the_first),
		TEST(a_newer_ledger_and_another_program_s_file_are_refused),
		TEST(a_ledger_of_another_build_is_refused),
		TEST(a_damaged_file_is_said_to_be_damaged),
		TEST(a_reader_makes_nothing),
		TEST(a_ledger_that_is_gone_is_not_made_anew),
		TEST(another_environment_is_refused),
		TEST(what_may_not_be_written_is_said_so),
		TEST(a_full_disk_fails_the_transaction_and_no_more),
		TEST(a_limit_of_the_system_is_a_full_disk_too),
		TEST(being_killed_leaves_nothing_half),
		TEST(a_copy_is_told_from_its_original),
		TEST(an_older_file_that_is_put_back_is_noticed),
		TEST(stamping_survives_being_killed),
		TEST(readers_see_what_was_committed_while_an_engine_writes),
		TEST(a_lease_goes_on_as_long_as_its_holder_commits),
		TEST(a_lease_is_one_s_own_until_it_ends),
		TEST(a_system_that_is_another_one_is_stopped_until_it_is_rebased),
		TEST(versions_get_small_numbers),
		TEST(migrations_are_walked_step_by_step_or_not_at_all),
		TEST(an_older_ledger_is_not_touched_by_who_only_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
