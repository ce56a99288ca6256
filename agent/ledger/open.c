/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * open.c: opening and closing a ledger: the folder, SQLite and its settings, making and migrating the tables, what the ledger
 * is stamped with, and what an engine does first.
 */
#include "ledger/carry.h"
#include "ledger/deliveries.h"
#include "ledger/packed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <sodium.h>

#define BUSY_MS 10000u
#define CACHE_KIB (16u * 1024u)
#define LOG_BYTES (256 * 1024 * 1024) /* a log that was longer once is cut to that */

static const char *const schemas[] = { ledger_schema_core,     ledger_schema_staging,    ledger_schema_records, ledger_schema_indexes,
	                               ledger_schema_findings, ledger_schema_deliveries, ledger_schema_runs,    ledger_schema_views };

static int
make_dir(const char *dir, struct error *err)
{
	if (mkdir(dir, 0700) == 0 || errno == EEXIST)
		return 0;
	if (errno == ENOENT || errno == ENOTDIR)
		return error_set(err, ERROR_LEDGER_MISSING, "Make the folder above it, or name another with --state.",
		                 "the state directory %s can't be made: %s", dir, strerror(errno));
	if (errno == ENOSPC || errno == EDQUOT)
		return error_set(err, ERROR_LEDGER_FULL, "Make room on that disk, or name another with --state.",
		                 "there is no room for the state directory %s (%s)", dir, strerror(errno));
	if (errno == EROFS || errno == EACCES)
		return error_set(err, ERROR_LEDGER_READONLY, "Make the folder and give it to the user that Syncline runs as, or name another with --state.",
		                 "the state directory %s can't be made: %s", dir, strerror(errno));
	return error_system(err, ERROR_SYSTEM, errno, "the state directory %s can't be made", dir);
}

/*
 * A new file with the rights that it shall keep; SQLite would make it readable for others, and -wal and -shm follow it.  One
 * that exists is never opened here: closing it would end SQLite's locks of other threads.
 */
static int
make_file(struct ledger *ledger, const char *path, struct error *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	if (errno == EEXIST)
		return 0;
	if (errno == ENOSPC || errno == EDQUOT)
		return error_set(err, ERROR_LEDGER_FULL, "Make room on that disk, or name another with --state.", "there is no room for a ledger in %s (%s)",
		                 ledger->state_dir, strerror(errno));
	return error_set(err, ERROR_LEDGER_READONLY, "Run it as the user of the service, give it the right to write there, or name another folder with --state.",
	                 "no ledger can be made in %s: %s", ledger->state_dir, strerror(errno));
}

static bool
read_only_disk(const char *dir)
{
	struct statvfs fs;

	return statvfs(dir, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0;
}

/* A file name as a URI of SQLite. */
static int
make_uri(const char *path, const char *query, struct buffer *uri, struct error *err)
{
	buffer_text(uri, "file:");
	for (const char *c = path; *c != '\0'; c++) {
		if (*c == '?' || *c == '#' || *c == '%')
			buffer_format(uri, "%%%02x", (unsigned)(unsigned char)*c);
		else
			buffer_char(uri, *c);
	}
	buffer_text(uri, query);
	return buffer_string(uri) == NULL || uri->failed ? error_memory(err) : 0;
}

/* SQLite counts its memory under a mutex, with every allocation, unless it is told not to before its first use. */
static void
no_statistics(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int
connect_to(struct ledger *ledger, const char *path, bool frozen, struct error *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | (ledger->options.mode == LEDGER_READER ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct buffer uri;
	int result;

	pthread_once(&once, no_statistics);
	buffer_init(&uri, 16384);
	result = make_uri(path, frozen ? "?immutable=1" : "", &uri, err);
	if (result == 0 && sqlite3_open_v2(uri.data, &ledger->db, flags, NULL) != SQLITE_OK)
		result = ledger->db == NULL ? error_memory(err) : ledger_sql_error(ledger, "the ledger could not be opened", err);
	if (result == 0)
		sqlite3_extended_result_codes(ledger->db, 1);
	buffer_free(&uri);
	return result;
}

char *
ledger_uri(const struct ledger *ledger)
{
	char path[4096], *copy = NULL;
	struct buffer uri;

	if ((size_t)snprintf(path, sizeof path, "%s/" LEDGER_FILE, ledger->state_dir) >= sizeof path)
		return NULL;
	buffer_init(&uri, 16384);
	if (make_uri(path, "", &uri, NULL) == 0 && (copy = malloc(uri.length + 1)) != NULL)
		memcpy(copy, buffer_string(&uri), uri.length + 1);
	buffer_free(&uri);
	return copy;
}

static void
disconnect(struct ledger *ledger)
{
	carry_end(ledger);
	ledger_statements_free(ledger);
	sqlite3_close(ledger->db);
	ledger->db = NULL;
}

/* One value of a pragma, as an integer. */
static int
ask(struct ledger *ledger, const char *sql, int64_t *ret_value, struct error *err)
{
	sqlite3_stmt *statement;
	int status;

	if (sqlite3_prepare_v2(ledger->db, sql, -1, &statement, NULL) != SQLITE_OK)
		return ledger_sql_error(ledger, "the ledger could not be opened", err);
	status = sqlite3_step(statement);
	if (status == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	else
		ledger_sql_error(ledger, "the ledger could not be opened", err);
	sqlite3_finalize(statement);
	return status == SQLITE_ROW ? 0 : -1;
}

static int
carry_over(void *data, sqlite3 *db, const char *name, int pages)
{
	(void)db;
	(void)name;
	carry_after_commit(data, (uint32_t)pages);
	return SQLITE_OK;
}

/* What holds for every connection; nothing here writes. */
static int
configure(struct ledger *ledger, struct error *err)
{
	const struct ledger_options *o = &ledger->options;
	char sql[512];

	sqlite3_busy_timeout(ledger->db, (int)(o->busy_ms != 0 ? o->busy_ms : BUSY_MS));
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
	sqlite3_db_config(ledger->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
	snprintf(sql, sizeof sql,
	         "PRAGMA foreign_keys = OFF; PRAGMA cell_size_check = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = FILE;"
	         "PRAGMA secure_delete = FAST; PRAGMA cache_size = -%" PRIu32 "; PRAGMA journal_size_limit = %d;",
	         o->cache_kib != 0 ? o->cache_kib : CACHE_KIB, LOG_BYTES);
	if (ledger_execute(ledger, sql, err) != 0)
		return -1;
	sqlite3_wal_hook(ledger->db, carry_over, ledger);
	if (sqlite3_prepare_v3(ledger->db, "ROLLBACK", -1, SQLITE_PREPARE_PERSISTENT, &ledger->undo, NULL) != SQLITE_OK)
		return ledger_sql_error(ledger, "the ledger could not be opened", err);
	return 0;
}

/* 0: of this program's layout; 1: empty, a ledger may be made of it; 2: older; -1. */
static int
recognise(struct ledger *ledger, int64_t *ret_schema, struct error *err)
{
	int64_t application = 0, schema = 0, tables = 0;

	if (ask(ledger, "PRAGMA application_id", &application, err) != 0 || ask(ledger, "PRAGMA user_version", &schema, err) != 0 ||
	    ask(ledger, "SELECT count(*) FROM sqlite_schema", &tables, err) != 0)
		return -1;
	*ret_schema = schema;
	if (application == 0 && schema == 0 && tables == 0)
		return 1;
	if (application != LEDGER_APPLICATION)
		return error_set(err, ERROR_LEDGER_DAMAGED, "Name the state directory with --state, or put the file elsewhere.",
		                 "%s/" LEDGER_FILE " is a database of another program, no ledger", ledger->state_dir);
	if (schema > LEDGER_SCHEMA)
		return error_set(err, ERROR_LEDGER_NEWER, "Run the newer program, or restore the backup from before the update.",
		                 "the ledger in %s has layout %lld, made by a newer Syncline; this one knows up to %d", ledger->state_dir, (long long)schema,
		                 LEDGER_SCHEMA);
	return schema < LEDGER_SCHEMA ? 2 : 0;
}

/* What tells one build's tables from another's under the same number. */
static int64_t
layout(void)
{
	crypto_generichash_state hash;
	uint8_t sum[crypto_generichash_BYTES];
	uint64_t number = 0;

	crypto_generichash_init(&hash, NULL, 0, sizeof sum);
	for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
		crypto_generichash_update(&hash, (const uint8_t *)schemas[i], strlen(schemas[i]) + 1);
	crypto_generichash_final(&hash, sum, sizeof sum);
	for (int i = 0; i < 8; i++)
		number = number << 8 | sum[i];
	return (int64_t)(number >> 1);
}

static int
fill_new(struct ledger *ledger, struct error *err)
{
	const struct model *model = ledger->options.model;
	const char *environment = model != NULL && model->agent->environment != NULL ? model->agent->environment : "";
	uint8_t key[16];
	char sql[64];

	for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++)
		if (ledger_execute(ledger, schemas[i], err) != 0)
			return -1;
	randombytes_buf(key, sizeof key);
	snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d;", LEDGER_APPLICATION, LEDGER_SCHEMA);
	if (ledger_execute(ledger, sql, err) != 0 || ledger_meta_set_blob(ledger, "hash_key", key, sizeof key, err) != 0 ||
	    ledger_meta_set(ledger, "sequence", 0, err) != 0 || ledger_meta_set(ledger, "epoch", 1, err) != 0 ||
	    ledger_meta_set(ledger, "layout", layout(), err) != 0 || ledger_meta_set(ledger, "created_us", ledger_now(ledger), err) != 0)
		return -1;
	return ledger_meta_set_text(ledger, "environment", environment, err);
}

/* Makes or migrates, in one transaction, after looking again: another process may have been quicker. */
static int
bring_up_to_date(struct ledger *ledger, struct error *err)
{
	int64_t schema;
	int what;

	/* Both only take effect on an empty file, and outside of a transaction. */
	if (ledger_execute(ledger, "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; BEGIN IMMEDIATE;", err) != 0)
		return -1;
	ledger->in_transaction = true;
	what = recognise(ledger, &schema, err);
	if (what == 1)
		what = fill_new(ledger, err);
	else if (what == 2)
		what = ledger_migrate(ledger, ledger_migrations, ledger_migration_count, (int)schema, LEDGER_SCHEMA, err) != 0 ||
		       ledger_meta_set(ledger, "layout", layout(), err) != 0 ? -1 : 0;
	if (what == 0)
		what = ledger_make_durable(ledger, err);
	if (what != 0)
		ledger_undo(ledger);
	ledger->in_transaction = false;
	return what;
}

static int
check_environment(struct ledger *ledger, struct error *err)
{
	const struct model *model = ledger->options.model;
	const char *wanted = model != NULL && model->agent->environment != NULL ? model->agent->environment : "";
	sqlite3_stmt *statement;
	bool unstamped = true;
	int status;

	if (model == NULL)
		return 0;
	statement = ledger_statement(ledger, "SELECT value FROM meta WHERE key = 'environment'", err);
	if (statement == NULL)
		return -1;
	status = ledger_step(ledger, statement, err);
	if (status == 1) {
		const char *stamped = (const char *)sqlite3_column_text(statement, 0);

		unstamped = stamped == NULL || stamped[0] == '\0';
		status = 0;
		if (!unstamped && strcmp(stamped, wanted) != 0)
			status = error_set(err, ERROR_LEDGER_ENVIRONMENT,
			                   "Look at --state, --site and agent.environment; another environment begins with an empty state directory.",
			                   "the ledger in %s was made for environment \"%s\", the configuration is for \"%s\"", ledger->state_dir, stamped,
			                   wanted);
		sqlite3_reset(statement);
	}
	if (status == 0 && unstamped && wanted[0] != '\0' && ledger->options.mode != LEDGER_READER)
		return ledger_meta_set_text(ledger, "environment", wanted, err);
	return status;
}

static int
read_facts(struct ledger *ledger, struct error *err)
{
	int64_t epoch, sequence, made_as;
	bool found;

	if (ledger_meta_get(ledger, "layout", &made_as, err) != 0 || ledger_meta_get(ledger, "epoch", &epoch, err) != 0 ||
	    ledger_meta_get(ledger, "sequence", &sequence, err) != 0 ||
	    ledger_meta_get_blob(ledger, "hash_key", ledger->hash_key, sizeof ledger->hash_key, &found, err) != 0)
		return -1;
	if (!found || epoch <= 0)
		return error_set(err, ERROR_LEDGER_DAMAGED, "Put the last backup in its place with `syncline restore FILE`.",
		                 "the ledger in %s lacks its own key or epoch", ledger->state_dir);
	if (made_as != layout())
		return error_set(err, ERROR_LEDGER_LAYOUT, "Run the build that made it, or name another state directory with --state.",
		                 "the ledger in %s has layout %d of another build", ledger->state_dir, LEDGER_SCHEMA);
	ledger->epoch = (uint32_t)epoch;
	ledger->sequence = (uint64_t)sequence;
	return 0;
}

/*
 * The model's names and tables.  Mostly there is nothing to write and a transaction that only reads is enough; when there is,
 * and somebody else wrote meanwhile, once more with the right to write from the beginning.
 */
static int
adopt(struct ledger *ledger, const char *begin, struct error *err)
{
	int result;

	if (ledger_execute(ledger, begin, err) != 0)
		return -1;
	ledger->in_transaction = true;
	result = read_facts(ledger, err);
	if (result == 0)
		result = check_environment(ledger, err);
	if (result == 0)
		result = ledger_names_load(ledger, err);
	if (result == 0 && ledger->options.mode != LEDGER_READER && ledger->options.model != NULL) {
		result = ledger_adopt_names(ledger, err);
		if (result == 0)
			result = ledger_adopt_entities(ledger, err);
	}
	if (result == 0)
		result = ledger_refresh_findings(ledger, err);
	if (result == 0)
		result = ledger_make_durable(ledger, err);
	if (result != 0) {
		ledger_undo(ledger);
		ledger_names_free(ledger);
	}
	ledger->in_transaction = false;
	return result;
}

/* What an engine finds of its predecessor.  In a transaction of its own. */
static int
recover(struct ledger *ledger, struct error *err)
{
	bool new_epoch = false;
	int64_t back_us;
	int result;

	if (ledger_stamp_check(ledger, &new_epoch, err) != 0 || ledger_begin(ledger, err) != 0)
		return -1;
	result = ledger_execute(ledger, "DELETE FROM lease WHERE engine = 1", err);
	if (result == 0)
		result = ledger_recover_attempts(ledger, new_epoch, err);
	if (result == 0)
		result = ledger_recover_runs(ledger, err);
	if (result == 0 && new_epoch)
		result = ledger_execute(ledger, "DELETE FROM meta WHERE key = 'recover_epoch'", err);
	if (result == 0)
		result = ledger_commit(ledger, err);
	if (result != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	if (ledger_follow_clock(ledger, &back_us, err) != 0)
		return -1;
	/* Finishing a load may take long and makes its own transactions. */
	return ledger_recover_bulk(ledger, err);
}

/*
 * A reader of a disk that can't be written finds that SQLite wants to make its -shm file.  When nothing stands in the -wal
 * either, nobody can be writing: then the file may be read as one that never changes.
 */
static int
connect_reader(struct ledger *ledger, const char *path, struct error *err)
{
	int64_t tables;
	struct stat file;
	struct error first;
	char wal[4160];

	if (connect_to(ledger, path, false, err) != 0 || configure(ledger, err) != 0)
		return -1;
	if (ask(ledger, "SELECT count(*) FROM sqlite_schema", &tables, &first) == 0)
		return 0;
	snprintf(wal, sizeof wal, "%s-wal", path);
	if (first.code != ERROR_LEDGER_READONLY && first.code != ERROR_LEDGER_DISK) {
		if (err != NULL)
			*err = first;
		return -1;
	}
	if (read_only_disk(ledger->state_dir) && (stat(wal, &file) != 0 || file.st_size == 0)) {
		disconnect(ledger);
		return connect_to(ledger, path, true, err) != 0 || configure(ledger, err) != 0 ? -1 : 0;
	}
	return error_set(err, ERROR_LEDGER_READONLY, "Run the command as the user of the service.",
	                 "the ledger in %s can't be read: this user may not make files in that folder, and SQLite needs two of its own there",
	                 ledger->state_dir);
}

static int
open_reader(struct ledger *ledger, const char *path, struct error *err)
{
	int64_t schema;
	int what;

	if (access(path, F_OK) != 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return error_set(err, ERROR_LEDGER_MISSING, "Run a flow first, or name the state directory with --state.", "there is no ledger in %s",
			                 ledger->state_dir);
		return error_set(err, ERROR_LEDGER_READONLY, "Run the command as the user of the service.", "the ledger in %s can't be read: %s",
		                 ledger->state_dir, strerror(errno));
	}
	if (connect_reader(ledger, path, err) != 0)
		return -1;
	what = recognise(ledger, &schema, err);
	if (what == 1)
		return error_set(err, ERROR_LEDGER_MISSING, "Run a flow first, or name the state directory with --state.",
		                 "the ledger in %s is empty so far", ledger->state_dir);
	if (what == 2)
		return error_set(err, ERROR_LEDGER_OLDER, "Start the engine once: it brings the ledger up to date.",
		                 "the ledger in %s has layout %lld, this program reads %d", ledger->state_dir, (long long)schema, LEDGER_SCHEMA);
	return what;
}

static int
gone(const struct ledger *ledger, const char *how, struct error *err)
{
	return error_set(err, ERROR_LEDGER_MISSING,
	                 "Put the last backup back with `syncline restore FILE`.  To begin anew, and create everything a second time, remove ledger.stamp.",
	                 "there was a ledger in %s, and its file " LEDGER_FILE " %s", ledger->state_dir, how);
}

static int
open_writer(struct ledger *ledger, const char *path, bool first, struct error *err)
{
	struct engine_lock *guard = NULL;
	int64_t schema;
	int what;

	if (access(path, F_OK) != 0 && errno == ENOENT && ledger_stamp_is_there(ledger->state_dir))
		return gone(ledger, "is gone", err);
	if (make_file(ledger, path, err) != 0 || connect_to(ledger, path, false, err) != 0 || configure(ledger, err) != 0)
		return -1;
	what = recognise(ledger, &schema, err);
	if (what <= 0) /* a backup that was put back is in one file; nothing is written where it is a log already */
		return what == 0 ? ledger_execute(ledger, "PRAGMA journal_mode = WAL", err) : what;
	if (what == 1 && ledger_stamp_is_there(ledger->state_dir))
		return gone(ledger, "is empty", err);
	ledger->created = what == 1;
	/* Nobody changes the layout below a working engine. */
	if (what == 2 && ledger->options.mode == LEDGER_VISITOR && ledger_engine_lock(ledger->state_dir, &guard, &first, err) != 0)
		return -1;
	what = bring_up_to_date(ledger, err);
	ledger_engine_unlock(guard);
	return what;
}

static int
start(struct ledger *ledger, struct error *err)
{
	const struct ledger_options *o = &ledger->options;
	char path[4096];
	bool first = false;

	if ((size_t)snprintf(path, sizeof path, "%s/" LEDGER_FILE, ledger->state_dir) >= sizeof path)
		return error_set(err, ERROR_LEDGER_MISSING, "Name a shorter one with --state.", "the name of the state directory is too long");
	if (o->mode == LEDGER_READER)
		return open_reader(ledger, path, err) != 0 ? -1 : adopt(ledger, "BEGIN", err);
	if (make_dir(ledger->state_dir, err) != 0)
		return -1;
	if (o->mode == LEDGER_ENGINE && ledger_engine_lock(ledger->state_dir, &ledger->engine, &first, err) != 0)
		return -1;
	if (open_writer(ledger, path, first, err) != 0)
		return -1;
	if (adopt(ledger, "BEGIN", err) != 0) {
		struct error again;

		if (err != NULL && err->code != ERROR_LEDGER_BUSY)
			return -1;
		if (adopt(ledger, "BEGIN IMMEDIATE", &again) != 0) {
			if (err != NULL)
				*err = again;
			return -1;
		}
	}
	if (first && recover(ledger, err) != 0)
		return -1;
	ledger->started = o->mode == LEDGER_ENGINE;
	return 0;
}

int
ledger_open(const struct ledger_options *options, struct ledger **ret_ledger, struct error *err)
{
	struct ledger *ledger;
	struct error failed = { 0 };
	uint8_t random[8];
	char hex[17];

	if (sodium_init() < 0)
		return error_set(err, ERROR_INTERNAL, NULL, "libsodium could not be started");
	ledger = calloc(1, sizeof *ledger);
	if (ledger == NULL)
		return error_memory(err);
	arena_init(&ledger->arena, 0);
	arena_init(&ledger->newsroom.texts, 0);
	buffer_init(&ledger->scratch, 65536);
	ledger->options = *options;
	ledger->state_dir = arena_text(&ledger->arena, options->state_dir);
	ledger->who = options->who != NULL ? arena_text(&ledger->arena, options->who) : NULL;
	randombytes_buf(random, sizeof random);
	snprintf(ledger->holder, sizeof ledger->holder, "%s", sodium_bin2hex(hex, sizeof hex, random, sizeof random));
	if (ledger->state_dir == NULL || (options->who != NULL && ledger->who == NULL)) {
		ledger_close(ledger);
		return error_memory(err);
	}
	if (start(ledger, &failed) != 0) {
		ledger_close(ledger);
		if (err != NULL)
			*err = failed;
		return -1;
	}
	*ret_ledger = ledger;
	return 0;
}

void
ledger_close(struct ledger *ledger)
{
	if (ledger == NULL)
		return;
	if (ledger->in_transaction)
		ledger_rollback(ledger);
	if (ledger->db != NULL)
		(void)ledger_sync(ledger, NULL);
	/* A failure costs no more than that a copy made by hand since the engine opened it is not told from it. */
	if (ledger->started && ledger_engine_last(ledger->engine))
		ledger_stamp(ledger, NULL);
	if (ledger->db != NULL)
		disconnect(ledger);
	ledger_names_free(ledger);
	ledger_missing_free(ledger);
	packed_free(ledger);
	buffer_free(&ledger->scratch);
	ledger_engine_unlock(ledger->engine);
	news_free(ledger);
	arena_free(&ledger->arena);
	free(ledger);
}

int
ledger_open_beside(const struct ledger *ledger, struct ledger **ret_reader, struct error *err)
{
	struct ledger_options options = ledger->options;

	options.mode = LEDGER_READER;
	options.state_dir = ledger->state_dir;
	options.who = ledger->who;
	return ledger_open(&options, ret_reader, err);
}
