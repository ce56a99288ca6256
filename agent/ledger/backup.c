/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * backup.c: a consistent copy of the ledger while it is worked on, and putting one back.  A copy bears the mark `restored`, so
 * that the engine that opens it one day begins a new epoch.  It has no -wal: it is one file, to be carried anywhere.
 */
#include "ledger/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#define PAGES_AT_ONCE 1000
#define BEFORE LEDGER_FILE ".before-restore"

/* A ledger handle around a plain connection, for its error sentences. */
static int
open_plain(struct ledger *at, const char *path, int flags, struct error *err)
{
	if (sqlite3_open_v2(path, &at->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		int result = at->db != NULL ? ledger_sql_error(at, "a copy of the ledger could not be opened", err) : error_memory(err);

		sqlite3_close(at->db);
		at->db = NULL;
		return result;
	}
	sqlite3_extended_result_codes(at->db, 1);
	sqlite3_busy_timeout(at->db, 1000);
	return 0;
}

static int
sync_path(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	result = fsync(fd) == 0 || errno == EINVAL ? 0 : -1;
	close(fd);
	return result;
}

static int
sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];

	if (slash == NULL)
		return sync_path(".");
	snprintf(folder, sizeof folder, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return sync_path(folder);
}

/* Copies all pages.  The source holds one state for as long as it takes. */
static int
copy_pages(struct ledger *from, struct ledger *to, const struct ledger_progress *progress, struct error *err)
{
	sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
	int status = SQLITE_OK, result = 0;

	if (backup == NULL)
		return ledger_sql_error(to, "the copy could not be begun", err);
	while (result == 0 && status != SQLITE_DONE) {
		status = sqlite3_backup_step(backup, PAGES_AT_ONCE);
		if (status != SQLITE_OK && status != SQLITE_DONE)
			break;
		if (progress != NULL && status != SQLITE_DONE) {
			uint64_t total = (uint64_t)sqlite3_backup_pagecount(backup), left = (uint64_t)sqlite3_backup_remaining(backup);

			if (!progress->step(progress->data, total - left, total))
				result = error_set(err, ERROR_LEDGER_STOPPED, "Start it again when it suits.", "the copy of the ledger was stopped");
		}
	}
	/* finish() leaves the reason in the copy's connection. */
	if (sqlite3_backup_finish(backup) != SQLITE_OK && result == 0)
		result = ledger_sql_error(to, "the copy of the ledger failed", err);
	return result;
}

/* One file, and marked. */
static int
mark_restored(struct ledger *copy, struct error *err)
{
	return ledger_execute(copy,
	                      "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL;"
	                      "INSERT INTO meta (key, value) VALUES ('restored', 1) ON CONFLICT (key) DO UPDATE SET value = 1;"
	                      "DELETE FROM lease", err);
}

static void
remove_part(const char *part)
{
	char path[4200];

	unlink(part);
	snprintf(path, sizeof path, "%s-journal", part);
	unlink(path);
	snprintf(path, sizeof path, "%s-wal", part);
	unlink(path);
	snprintf(path, sizeof path, "%s-shm", part);
	unlink(path);
}

/* Makes `part`, a new file with mode 0600, the copy of `from`. */
static int
make_copy(struct ledger *from, const char *part, const struct ledger_progress *progress, struct error *err)
{
	struct ledger copy = { .state_dir = (char *)(uintptr_t)part };
	int fd = open(part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600), result;

	if (fd < 0)
		return error_system(err, errno == ENOSPC ? ERROR_LEDGER_FULL : ERROR_SYSTEM, errno, "the copy %s can't be made", part);
	close(fd);
	result = open_plain(&copy, part, SQLITE_OPEN_READWRITE, err);
	if (result == 0)
		result = copy_pages(from, &copy, progress, err);
	if (result == 0)
		result = mark_restored(&copy, err);
	ledger_statements_free(&copy);
	if (sqlite3_close(copy.db) != SQLITE_OK && result == 0)
		result = error_set(err, ERROR_LEDGER_FAILED, NULL, "the copy %s could not be closed", part);
	if (result == 0 && sync_path(part) != 0)
		result = error_system(err, ERROR_LEDGER_DISK, errno, "the copy %s could not be made durable", part);
	if (result != 0)
		remove_part(part);
	return result;
}

static int
name_part(const char *file, char *part, size_t size, struct error *err)
{
	uint8_t random[4];
	char hex[9];

	randombytes_buf(random, sizeof random);
	sodium_bin2hex(hex, sizeof hex, random, sizeof random);
	if ((size_t)snprintf(part, size, "%s.part-%s", file, hex) >= size)
		return error_set(err, ERROR_USAGE, "Name a shorter one.", "the file name of the copy is too long");
	return 0;
}

/* In the state directory nothing is replaced, and the ledger's own names are nobody else's. */
static int
spare_own(const struct ledger *ledger, const char *file, struct error *err)
{
	static const char *const own[] = { LEDGER_FILE, LEDGER_FILE "-wal", LEDGER_FILE "-shm", LEDGER_FILE "-journal", BEFORE, "ledger.lock",
		"ledger.stamp" };
	const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file;
	struct stat folder, state, there;
	char path[4096];

	snprintf(path, sizeof path, "%.*s", slash == NULL ? 1 : slash == file ? 1 : (int)(slash - file), slash == NULL ? "." : file);
	if (stat(path, &folder) != 0 || stat(ledger->state_dir, &state) != 0 || folder.st_dev != state.st_dev || folder.st_ino != state.st_ino)
		return 0;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (strcmp(name, own[i]) == 0)
			return error_set(err, ERROR_USAGE, "Name a file outside the state directory, best on another disk.", "%s is the ledger's own file", file);
	if (lstat(file, &there) == 0)
		return error_set(err, ERROR_USAGE, "Name a file outside the state directory, best on another disk.",
		                 "%s is there already, and nothing in the state directory is replaced by a backup", file);
	return 0;
}

int
ledger_backup(struct ledger *ledger, const char *file, const struct ledger_progress *progress, struct error *err)
{
	struct stat there, own;
	char part[4096], path[4096];
	int result;

	if (ledger->in_transaction)
		return error_set(err, ERROR_INTERNAL, NULL, "a backup was begun inside a transaction");
	if (spare_own(ledger, file, err) != 0)
		return -1;
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, ledger->state_dir);
	if (stat(file, &there) == 0 && stat(path, &own) == 0 && there.st_dev == own.st_dev && there.st_ino == own.st_ino)
		return error_set(err, ERROR_USAGE, "Name another file.", "%s is the ledger itself", file);
	if (name_part(file, part, sizeof part, err) != 0)
		return -1;
	/* As long as this reads, what others write doesn't make the copy begin again. */
	if (ledger_execute(ledger, "BEGIN; SELECT count(*) FROM sqlite_schema;", err) != 0) {
		ledger_undo(ledger);
		return -1;
	}
	result = make_copy(ledger, part, progress, err);
	ledger_undo(ledger);
	if (result != 0)
		return -1;
	if (rename(part, file) != 0 || sync_folder_of(file) != 0) {
		error_fill_system(err, ERROR_SYSTEM, errno, "the copy can't get its name %s", file);
		unlink(part);
		return -1;
	}
	return 0;
}

/* Restoring. */

static int
ask_number(struct ledger *at, const char *sql, int64_t *ret_number, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(at, sql, err);

	if (statement == NULL || ledger_step(at, statement, err) != 1)
		return -1;
	*ret_number = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

/* Is it a ledger, whole, and of a layout that this program knows? */
static int
look_through(struct ledger *from, const char *file, struct error *err)
{
	int64_t application = 0, schema = 0;
	sqlite3_stmt *statement;
	const char *said;

	if (ask_number(from, "PRAGMA application_id", &application, err) != 0 || ask_number(from, "PRAGMA user_version", &schema, err) != 0)
		return -1;
	if (application != LEDGER_APPLICATION || schema < 1)
		return error_set(err, ERROR_LEDGER_DAMAGED, "Name a file that `syncline backup` made.", "%s is no ledger", file);
	if (schema > LEDGER_SCHEMA)
		return error_set(err, ERROR_LEDGER_NEWER, "Restore it with the newer program.", "%s was made by a newer Syncline (layout %lld; this one knows up to %d)",
		                 file, (long long)schema, LEDGER_SCHEMA);
	statement = ledger_statement(from, "PRAGMA quick_check(1)", err);
	if (statement == NULL || ledger_step(from, statement, err) != 1)
		return -1;
	said = (const char *)sqlite3_column_text(statement, 0);
	if (said != NULL && strcmp(said, "ok") == 0) {
		sqlite3_reset(statement);
		return 0;
	}
	error_fill(err, ERROR_LEDGER_DAMAGED, "Take an older backup.", "%s is damaged: %s", file, said != NULL ? said : "it can't be checked");
	sqlite3_reset(statement);
	return -1;
}

/*
 * What was in the log of the ledger that goes comes into its file, and nobody else has it open.  A ledger that is too damaged
 * for that goes as it is, with its log.
 */
static int
settle_old(const char *path, struct error *err)
{
	struct ledger old = { .state_dir = (char *)(uintptr_t)path };
	struct error why = { 0 };
	int result = 0;

	if (open_plain(&old, path, SQLITE_OPEN_READWRITE, &why) != 0)
		return 0;
	sqlite3_busy_timeout(old.db, 1000);
	if (ledger_execute(&old, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT; PRAGMA journal_mode = DELETE;", &why) != 0 &&
	    why.code == ERROR_LEDGER_BUSY)
		result = error_set(err, ERROR_LEDGER_BUSY, "End what has it open (`fuser ledger.db`), then restore again.",
		                   "another process has %s open", path);
	ledger_statements_free(&old);
	sqlite3_close(old.db);
	return result;
}

static int
move_aside(const char *dir, const char *suffix, struct error *err)
{
	char from[4096], to[4096];

	snprintf(from, sizeof from, "%s/" LEDGER_FILE "%s", dir, suffix);
	snprintf(to, sizeof to, "%s/" BEFORE "%s", dir, suffix);
	if (rename(from, to) != 0 && errno != ENOENT)
		return error_system(err, ERROR_SYSTEM, errno, "%s can't be put aside", from);
	return 0;
}

/* The log of an earlier one that was put aside is none of this one's; an index of the log is made anew by whoever needs it. */
static int
forget(const char *dir, const char *name, struct error *err)
{
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	if (unlink(path) != 0 && errno != ENOENT)
		return error_system(err, ERROR_SYSTEM, errno, "%s can't be removed", path);
	return 0;
}

/*
 * The old file gets a second name before the copy takes its first one, so that there is a ledger at every moment.  Where the
 * file system knows no second names it is renamed: ledger.stamp keeps an engine from taking the gap for a new beginning.
 */
static int
put_in_place(const char *dir, const char *part, struct error *err)
{
	char path[4096], before[4096];

	snprintf(path, sizeof path, "%s/" LEDGER_FILE, dir);
	snprintf(before, sizeof before, "%s/" BEFORE, dir);
	if (access(path, F_OK) == 0) {
		if (settle_old(path, err) != 0)
			return -1;
		/* A log that is left belongs to the old file and would be read into the new one. */
		if (forget(dir, BEFORE "-wal", err) != 0 || forget(dir, BEFORE "-shm", err) != 0 || forget(dir, LEDGER_FILE "-shm", err) != 0 ||
		    move_aside(dir, "-wal", err) != 0)
			return -1;
		if ((unlink(before) != 0 && errno != ENOENT) || (link(path, before) != 0 && rename(path, before) != 0))
			return error_system(err, ERROR_SYSTEM, errno, "%s can't be put aside", path);
	}
	if (rename(part, path) != 0 || sync_path(dir) != 0)
		return error_system(err, ERROR_SYSTEM, errno, "the copy can't get its name %s", path);
	return 0;
}

int
ledger_restore(const char *state_dir, const char *file, struct error *err)
{
	struct ledger from = { .state_dir = (char *)(uintptr_t)file };
	struct engine_lock *engine = NULL;
	char path[4096], part[4096];
	bool first;
	int result;

	if (sodium_init() < 0)
		return error_set(err, ERROR_INTERNAL, NULL, "libsodium could not be started");
	if (access(file, R_OK) != 0)
		return error_system(err, ERROR_USAGE, errno, "the backup %s can't be read", file);
	if ((size_t)snprintf(path, sizeof path, "%s/" LEDGER_FILE, state_dir) >= sizeof path || name_part(path, part, sizeof part, err) != 0)
		return error_set(err, ERROR_USAGE, "Name a shorter one with --state.", "the name of the state directory is too long");
	if (mkdir(state_dir, 0700) != 0 && errno != EEXIST)
		return error_system(err, ERROR_SYSTEM, errno, "the state directory %s can't be made", state_dir);
	if (ledger_engine_lock(state_dir, &engine, &first, err) != 0)
		return -1;
	result = first ? 0 : error_set(err, ERROR_LEDGER_ENGINE, "End the engine first.", "this process has the ledger in %s open as its engine", state_dir);
	if (result == 0)
		result = open_plain(&from, file, SQLITE_OPEN_READONLY, err);
	if (result == 0)
		result = look_through(&from, file, err);
	if (result == 0)
		result = make_copy(&from, part, NULL, err);
	ledger_statements_free(&from);
	sqlite3_close(from.db);
	if (result == 0 && put_in_place(state_dir, part, err) != 0) {
		remove_part(part);
		result = -1;
	}
	ledger_engine_unlock(engine);
	return result;
}
