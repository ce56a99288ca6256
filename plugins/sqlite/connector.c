/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector.c: what the connector is, its one connection with its limits, and the errors of SQLite as the contract's.
 * The file is opened at the first call, so that a system can be configured before its database is there.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "sqlite.h"

#define LENGTH_MAX (16 * 1024 * 1024) /* bytes of one value or row: four times what a record may have */

static const struct syncline_param params[] = {
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_PATH, .scope = SYNCLINE_SCOPE_SYSTEM,
	  .flags = SYNCLINE_PARAM_REQUIRED | SYNCLINE_PARAM_WRITABLE, .name = "path",
	  .help = "The database file; its folder must be writable too, for the journal." },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_DURATION, .scope = SYNCLINE_SCOPE_SYSTEM, .name = "busy_timeout",
	  .help = "How long to wait for a lock that another program holds.", .default_value = "5s", .minimum = 0, .maximum = 600000 },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_BOOLEAN, .scope = SYNCLINE_SCOPE_SYSTEM, .name = "read_only",
	  .help = "Open the file for reading alone; every write is refused.", .default_value = "false" },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_SIZE, .scope = SYNCLINE_SCOPE_SYSTEM, .name = "cache_size",
	  .help = "Memory for pages of the database.", .default_value = "16MiB", .minimum = 65536, .maximum = 1073741824 },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_BOOLEAN, .scope = SYNCLINE_SCOPE_SYSTEM, .name = "foreign_keys",
	  .help = "Enforce the foreign keys that the tables declare.", .default_value = "true" },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_TEXT, .scope = SYNCLINE_SCOPE_OBJECT, .name = "where",
	  .help = "An SQL condition on the rows that are read, found and counted." },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_CHOICE, .scope = SYNCLINE_SCOPE_OBJECT, .name = "mark_unit",
	  .help = "What the numbers in the mark columns count; texts are dates and times.", .default_value = "counter",
	  .choices = (const char *const[]){ "counter", "seconds", "milliseconds", "microseconds", "days", NULL } },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_CHOICE, .scope = SYNCLINE_SCOPE_OBJECT, .name = "time_format",
	  .help = "How times are written: 2026-02-28 12:30:00 (sql) or 2026-02-28T12:30:00Z (iso).", .default_value = "sql",
	  .choices = (const char *const[]){ "sql", "iso", NULL } },
	{ .struct_size = sizeof(struct syncline_param), .type = SYNCLINE_PARAM_BOOLEAN, .scope = SYNCLINE_SCOPE_OBJECT, .name = "count_version",
	  .help = "Add one to the version column at each update that does not set it, if it is declared as an integer.", .default_value = "true" },
};

static const struct syncline_part parts[] = {
	{ "source/1", &source_part }, { "sink/1", &sink_part },         { "find/1", &find_part },   { "count/1", &count_part },
	{ "digest/1", &digest_part }, { "discover/1", &discover_part }, { "check/1", &check_part },
};

static const struct syncline_capabilities capabilities = {
	.struct_size = sizeof(struct syncline_capabilities),
	.read_full = SYNCLINE_NATIVE, .read_delta = SYNCLINE_NATIVE, .get = SYNCLINE_NATIVE, .find = SYNCLINE_NATIVE,
	.count = SYNCLINE_NATIVE, .digest = SYNCLINE_EMULATED, .create = SYNCLINE_NATIVE, .update = SYNCLINE_NATIVE,
	.remove = SYNCLINE_NATIVE, .partial_update = SYNCLINE_NATIVE, .upsert = SYNCLINE_NATIVE,
	.conditional_write = SYNCLINE_NATIVE, .returns_stored_form = SYNCLINE_NATIVE,
};

static uint32_t
open_instance(const struct syncline_host *host, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
              struct syncline_error *err)
{
	struct instance *c = calloc(1, sizeof *c);

	(void)call;
	if (c == NULL)
		return syncline_fail_memory(err);
	c->host = host;
	c->settings = settings;
	c->path = syncline_setting_text(NULL, settings, "path", "");
	c->busy_timeout_ms = syncline_setting_integer(NULL, settings, "busy_timeout", 5000);
	c->read_only = syncline_setting_boolean(NULL, settings, "read_only", 0);
	c->batch = syncline_service(host, "batch/1", sizeof *c->batch, err);
	if (c->batch == NULL) {
		free(c);
		return SYNCLINE_CONFIG;
	}
	c->clock = syncline_service(host, "clock/1", sizeof *c->clock, err);
	if (c->clock == NULL) {
		free(c);
		return SYNCLINE_CONFIG;
	}
	c->log = syncline_service(host, "log/1", sizeof *c->log, NULL);
	if (c->path[0] != '/') {
		free(c);
		syncline_fail(err, SYNCLINE_CONFIG, "The setting path of an SQLite database is not an absolute path.");
		syncline_hint(err, "Write it as path = \"/srv/crm/crm.db\".");
		return SYNCLINE_CONFIG;
	}
	*ret_instance = c;
	return SYNCLINE_OK;
}

static void
drop_tables(struct instance *c)
{
	for (struct table *t = c->tables, *next; t != NULL; t = next) {
		next = t->next;
		statements_free(t); /* a reader may keep the table, but not its statements: they hold the connection */
		table_free(t);
	}
	c->tables = NULL;
	c->table_count = 0;
}

/* A connection that can't be trusted any more: the next call makes another. */
static void
disconnect(struct instance *c)
{
	drop_tables(c);
	sqlite3_finalize(c->json);
	sqlite3_close_v2(c->db);
	c->json = NULL;
	c->db = NULL;
}

static void
close_instance(void *instance)
{
	struct instance *c = instance;

	if (c == NULL)
		return;
	disconnect(c);
	free(c);
}

/* Waits for a lock in small steps, so that a cancelled call ends at once. */
static int
busy(void *data, int count)
{
	struct instance *c = data;
	int64_t now = c->clock->monotonic_ms(c->host);

	if (count == 0)
		c->busy_since_ms = now;
	if (now - c->busy_since_ms >= c->busy_timeout_ms || (c->call != NULL && syncline_cancelled(c->call)))
		return 0;
	sqlite3_sleep(count < 10 ? 1 + count : 20);
	return 1;
}

static int
progress(void *data)
{
	const struct instance *c = data;

	return c->call != NULL && syncline_cancelled(c->call);
}

uint32_t
connection_prepare(struct instance *c, const char *sql, unsigned flags, sqlite3_stmt **ret_statement, struct syncline_error *err)
{
	const char *tail = NULL;
	sqlite3_stmt *statement = NULL;
	int rc = sql == NULL ? SQLITE_NOMEM : sqlite3_prepare_v3(c->db, sql, -1, flags, &statement, &tail);

	if (rc != SQLITE_OK)
		return connection_fail(c, rc, err, "A statement on %s could not be prepared", c->path);
	while (tail != NULL && (*tail == ' ' || *tail == '\n'))
		tail++;
	if (statement == NULL || (tail != NULL && *tail != '\0')) {
		sqlite3_finalize(statement);
		syncline_fail(err, SYNCLINE_CONFIG, "The condition of an object in %s is more than one expression.", c->path);
		syncline_detail(err, "%s", sql);
		syncline_hint(err, "Write one SQL condition in the setting where, without a semicolon.");
		return SYNCLINE_CONFIG;
	}
	*ret_statement = statement;
	return SYNCLINE_OK;
}

uint32_t
connection_prepare_buffer(struct instance *c, struct syncline_buffer *sql, unsigned flags, sqlite3_stmt **ret_statement,
                          struct syncline_error *err)
{
	const char *text = syncline_buffer_string(sql);

	return text == NULL || sql->failed ? syncline_fail_memory(err) : connection_prepare(c, text, flags, ret_statement, err);
}

int
connection_text(sqlite3_stmt *s, int at, const char **ret_text)
{
	int type = sqlite3_column_type(s, at);
	const char *text = (const char *)sqlite3_column_text(s, at);

	if (text == NULL && type != SQLITE_NULL)
		return -1;
	*ret_text = text;
	return 0;
}

uint32_t
connection_number(struct instance *c, const char *sql, int64_t otherwise, int64_t *ret_number, struct syncline_error *err)
{
	sqlite3_stmt *s = NULL;
	uint32_t result = connection_prepare(c, sql, 0, &s, err);
	int rc;

	if (result != SYNCLINE_OK)
		return result;
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		result = connection_fail(c, rc, err, "Reading from %s failed", c->path);
	else
		*ret_number = rc == SQLITE_ROW ? sqlite3_column_int64(s, 0) : otherwise;
	sqlite3_finalize(s);
	return result;
}

/* What a file that somebody else made may do to us: nothing but hold data.  A result code of SQLite. */
static int
limit(struct instance *c)
{
	int rc;
	char text[128];
	int64_t cache = syncline_setting_integer(NULL, c->settings, "cache_size", 16 * 1024 * 1024);

	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, (int *)NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)NULL);
	sqlite3_db_config(c->db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)NULL);
	sqlite3_limit(c->db, SQLITE_LIMIT_ATTACHED, 0);
	sqlite3_limit(c->db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
	sqlite3_limit(c->db, SQLITE_LIMIT_WORKER_THREADS, 0);
	sqlite3_busy_handler(c->db, busy, c);
	sqlite3_progress_handler(c->db, 20000, progress, c);
	sqlite3_extended_result_codes(c->db, 1);
	/* EXTRA: in DELETE mode the folder is synced too after the journal is gone, without which a commit may be taken back. */
	rc = sqlite3_exec(c->db, "PRAGMA cell_size_check=ON; PRAGMA synchronous=EXTRA; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;", NULL, NULL, NULL);
	if (rc == SQLITE_OK && c->read_only)
		rc = sqlite3_exec(c->db, "PRAGMA query_only=ON;", NULL, NULL, NULL);
	snprintf(text, sizeof text, "PRAGMA cache_size=-%lld; PRAGMA foreign_keys=%s;", (long long)(cache / 1024),
	         syncline_setting_boolean(NULL, c->settings, "foreign_keys", 1) ? "ON" : "OFF");
	if (rc == SQLITE_OK)
		rc = mark_functions(c->db);
	return rc == SQLITE_OK ? sqlite3_exec(c->db, text, NULL, NULL, NULL) : rc;
}

/* SQLite counts its memory under a mutex, with every allocation, unless it is told not to before its first use. */
static void
no_statistics(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static uint32_t
connect_file(struct instance *c, struct syncline_error *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct stat st;
	uint32_t result;
	int64_t tables;
	int rc;

	pthread_once(&once, no_statistics);
	if (stat(c->path, &st) != 0) {
		int number = errno;

		syncline_fail_errno(err, number, "The database %s can't be opened.", c->path);
		syncline_hint(err, "Correct the setting path, or the rights of the agent's user on the file and its folders.");
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return number == ENOENT || number == EACCES || number == ENOTDIR ? SYNCLINE_CONFIG : SYNCLINE_RETRY;
	}
	if (!S_ISREG(st.st_mode)) {
		syncline_fail(err, SYNCLINE_CONFIG, "%s is not a file, so it can't be an SQLite database.", c->path);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return SYNCLINE_CONFIG;
	}
	rc = sqlite3_open_v2(c->path, &c->db, (c->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = limit(c);
	if (rc == SQLITE_OK) {
		result = connection_number(c, "SELECT count(*) FROM sqlite_schema", 0, &tables, err);
	} else {
		result = connection_fail(c, rc, err, "The database %s can't be opened", c->path);
	}
	if (result != SYNCLINE_OK) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		disconnect(c);
	}
	return result;
}

uint32_t
connection_use(struct instance *c, const struct syncline_call *call, struct syncline_error *err)
{
	c->call = call;
	return c->db != NULL ? SYNCLINE_OK : connect_file(c, err);
}

void
connection_done(struct instance *c)
{
	if (c->db != NULL && !sqlite3_get_autocommit(c->db) && sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
		disconnect(c);
	c->call = NULL;
}

struct meaning {
	int code; /* extended codes stand before the primary one that they belong to */
	uint32_t error_class;
	int applied_no; /* certainly not applied when a statement fails so */
	const char *hint;
};

static const struct meaning meanings[] = {
	{ SQLITE_CONSTRAINT_UNIQUE, SYNCLINE_CONFLICT, 1, "Another row has this value already: find out which, and link or change it." },
	{ SQLITE_CONSTRAINT_PRIMARYKEY, SYNCLINE_CONFLICT, 1, "Another row has this key already: find out which, and link or change it." },
	{ SQLITE_CONSTRAINT_ROWID, SYNCLINE_CONFLICT, 1, "Another row has this key already: find out which, and link or change it." },
	{ SQLITE_CONSTRAINT_NOTNULL, SYNCLINE_INVALID, 1, "Map a value to this column, or give it a default in the database." },
	{ SQLITE_CONSTRAINT_FOREIGNKEY, SYNCLINE_INVALID, 1, "The row that this one refers to is missing: write it first." },
	{ SQLITE_CONSTRAINT, SYNCLINE_INVALID, 1, "The table's own rules refuse the values: correct them or the rule that makes them." },
	{ SQLITE_MISMATCH, SYNCLINE_INVALID, 1, "The value isn't of the type that the column requires." },
	{ SQLITE_TOOBIG, SYNCLINE_INVALID, 1, "The row is too large." },
	{ SQLITE_BUSY, SYNCLINE_RETRY, 1, "Another program holds a lock on the database; it is tried again by itself. busy_timeout says how long to wait." },
	{ SQLITE_LOCKED, SYNCLINE_RETRY, 1, "Another program holds a lock on the database; it is tried again by itself." },
	{ SQLITE_FULL, SYNCLINE_RETRY, 1, "The disk is full or the database has reached its greatest size: make room." },
	{ SQLITE_READONLY, SYNCLINE_CONFIG, 1, "The agent's user may not write the database or its folder (for the journal): change the rights, or read_only." },
	{ SQLITE_CANTOPEN, SYNCLINE_CONFIG, 1, "Correct the setting path, or the rights on the file and its folder (the journal lies there)." },
	{ SQLITE_PERM, SYNCLINE_CONFIG, 1, "Change the rights of the agent's user on the file." },
	{ SQLITE_AUTH, SYNCLINE_CONFIG, 1, NULL },
	{ SQLITE_NOTADB, SYNCLINE_PERMANENT, 1, "The file is no SQLite database, or it is encrypted: correct the setting path." },
	{ SQLITE_CORRUPT, SYNCLINE_PERMANENT, 0, "The database is damaged: run PRAGMA integrity_check on it and restore it from a backup." },
	{ SQLITE_INTERRUPT, SYNCLINE_CANCELLED, 1, NULL },
	{ SQLITE_ABORT, SYNCLINE_RETRY, 0, NULL },
	{ SQLITE_NOMEM, SYNCLINE_RETRY, 0, "The connector's process has no memory left." },
	{ SQLITE_IOERR, SYNCLINE_RETRY, 0, "The disk or the network file system failed: look at the system's log." },
	{ SQLITE_SCHEMA, SYNCLINE_RETRY, 1, NULL },
	{ SQLITE_ERROR, SYNCLINE_CONFIG, 1, "Compare the object's settings with the table: syncline discover lists its columns." },
	{ 0, SYNCLINE_INTERNAL, 0, NULL },
};

uint32_t
connection_fail(struct instance *c, int rc, struct syncline_error *err, const char *format, ...)
{
	const char *said = c->db != NULL && rc != SQLITE_NOMEM ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
	const struct meaning *m = meanings;
	char what[256];
	va_list args;

	while (m->code != 0 && m->code != rc && m->code != (rc & 0xff))
		m++;
	/* A full code may stand behind its primary one's row: look for it first. */
	for (const struct meaning *exact = meanings; exact->code != 0; exact++)
		if (exact->code == rc)
			m = exact;
	va_start(args, format);
	vsnprintf(what, sizeof what, format, args);
	va_end(args);
	syncline_fail(err, m->error_class, "%s: %s.", what, said);
	if (err != NULL) {
		syncline_detail(err, "SQLite: %s (code %d)", said, rc);
		if (m->hint != NULL)
			syncline_hint(err, "%s", m->hint);
		syncline_remote_status(err, (uint32_t)rc);
		syncline_applied(err, m->applied_no ? SYNCLINE_APPLIED_NO : SYNCLINE_APPLIED_MAYBE);
	}
	return m->error_class;
}

SYNCLINE_EXPORT const struct syncline_connector *
syncline_connector(void)
{
	static const struct syncline_connector connector = {
		.struct_size = sizeof connector,
		.abi_major = SYNCLINE_ABI_MAJOR,
		.abi_minor = SYNCLINE_ABI_MINOR,
		.name = "sqlite",
		.version = "0.1.0",
		.summary = "Tables and views of an SQLite database file",
		.vendor = "Syncline",
		.licence = "BSD-2-Clause",
		.params = params,
		.param_count = sizeof params / sizeof *params,
		.parts = parts,
		.part_count = sizeof parts / sizeof *parts,
		.capabilities = &capabilities,
		.open = open_instance,
		.close = close_instance,
	};

	return &connector;
}
