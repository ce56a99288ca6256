/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c: the system itself: records of cells in an SQLite file, and what each way of creating once does to them.  Everything that
 * was asked is durable when it is committed, whatever becomes of the process.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scripted.h"

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS record (object TEXT, id TEXT, version INTEGER, indexed_ms INTEGER, PRIMARY KEY (object, id)) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS cell (object TEXT, id TEXT, name TEXT, type INTEGER, value, PRIMARY KEY (object, id, name)) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS cell_value ON cell (object, name, value);"
	"CREATE TABLE IF NOT EXISTS journal (number INTEGER PRIMARY KEY, at_ms INTEGER, object TEXT, what TEXT, id TEXT, external TEXT, key BLOB);"
	"CREATE TABLE IF NOT EXISTS keyed (key BLOB PRIMARY KEY, at_ms INTEGER, object TEXT, id TEXT, request BLOB);"
	"CREATE TABLE IF NOT EXISTS misuse (key BLOB, request BLOB);"
	"CREATE TABLE IF NOT EXISTS late (number INTEGER PRIMARY KEY AUTOINCREMENT, due_ms INTEGER, calls INTEGER, op INTEGER, object TEXT, external TEXT,"
	" key_field TEXT, id TEXT, version INTEGER, key BLOB);"
	"CREATE TABLE IF NOT EXISTS late_cell (place INTEGER PRIMARY KEY, number INTEGER, name TEXT, type INTEGER, value);"
	"CREATE TABLE IF NOT EXISTS fault (kind INTEGER PRIMARY KEY, seen INTEGER, done INTEGER);"
	"CREATE TABLE IF NOT EXISTS counter (object TEXT PRIMARY KEY, value INTEGER);"
	"CREATE TABLE IF NOT EXISTS content (reference TEXT PRIMARY KEY, name TEXT, media_type TEXT, sha256 BLOB, bytes BLOB);";

uint32_t
world_fail(struct world *world, struct syncline_error *err)
{
	return syncline_fail(err, SYNCLINE_RETRY, "The world said: %s.", world->db != NULL ? sqlite3_errmsg(world->db) : "no memory");
}

uint32_t
world_execute(struct world *world, const char *sql, struct syncline_error *err)
{
	return sqlite3_exec(world->db, sql, NULL, NULL, NULL) == SQLITE_OK ? SYNCLINE_OK : world_fail(world, err);
}

sqlite3_stmt *
world_statement(struct world *world, const char *sql, struct syncline_error *err)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(world->db, sql, -1, &statement, NULL) != SQLITE_OK)
		world_fail(world, err);
	return statement;
}

int64_t
world_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint32_t
world_open(struct world *world, struct syncline_error *err)
{
	const char *path = syncline_setting_text(NULL, world->settings, "world", "");
	uint32_t klass;

	if (sqlite3_open_v2(path, &world->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
		return world_fail(world, err);
	sqlite3_busy_timeout(world->db, 20000);
	klass = world_execute(world, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN IMMEDIATE;", err);
	if (klass == SYNCLINE_OK)
		klass = world_execute(world, schema, err);
	return klass == SYNCLINE_OK ? world_execute(world, "COMMIT", err) : klass;
}

void
world_bind(sqlite3_stmt *statement, int at, const struct syncline_value *value)
{
	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT: case SYNCLINE_TYPE_NULL:
		sqlite3_bind_null(statement, at);
		break;
	case SYNCLINE_TYPE_BOOLEAN: case SYNCLINE_TYPE_INTEGER: case SYNCLINE_TYPE_TIMESTAMP: case SYNCLINE_TYPE_DATE:
		sqlite3_bind_int64(statement, at, value->u.integer);
		break;
	case SYNCLINE_TYPE_BYTES:
		sqlite3_bind_blob(statement, at, value->length > 0 ? value->u.data : "", (int)value->length, SQLITE_STATIC);
		break;
	default:
		sqlite3_bind_text(statement, at, value->length > 0 ? value->u.data : "", (int)value->length, SQLITE_STATIC);
	}
}

static void
bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

/* Runs a statement that gives no rows, and frees it. */
static uint32_t
done(struct world *world, sqlite3_stmt *statement, struct syncline_error *err)
{
	int status = sqlite3_step(statement);
	uint32_t klass = status == SQLITE_DONE || status == SQLITE_ROW ? SYNCLINE_OK : world_fail(world, err);

	sqlite3_finalize(statement);
	return klass;
}

/* The first column of the first row; -1 when there is none. */
static int64_t
number_of(sqlite3_stmt *statement)
{
	int64_t number = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;

	sqlite3_finalize(statement);
	return number;
}

static uint32_t
write_journal(struct world *world, const struct request *request, const char *what, const char *id, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "INSERT INTO journal (at_ms, object, what, id, external, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", err);

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_int64(statement, 1, world_now_ms());
	bind_text(statement, 2, request->object);
	bind_text(statement, 3, what);
	bind_text(statement, 4, id);
	for (uint32_t i = 0; request->external != NULL && i < request->cell_count; i++)
		if (strcmp(request->cells[i].name, request->external) == 0)
			world_bind(statement, 5, &request->cells[i].value);
	if (request->key.length > 0)
		sqlite3_bind_blob(statement, 6, request->key.data, (int)request->key.length, SQLITE_STATIC);
	return done(world, statement, err);
}

static const struct syncline_value *
value_of(const struct request *request, const char *name)
{
	for (uint32_t i = 0; name != NULL && i < request->cell_count; i++)
		if (strcmp(request->cells[i].name, name) == 0 && request->cells[i].value.type > SYNCLINE_TYPE_NULL)
			return &request->cells[i].value;
	return NULL;
}

static bool
is_number(uint8_t type)
{
	return type == SYNCLINE_TYPE_BOOLEAN || type == SYNCLINE_TYPE_INTEGER || type == SYNCLINE_TYPE_TIMESTAMP || type == SYNCLINE_TYPE_DATE;
}

/* Everything that was asked for, so that a key that is used for something else is noticed. */
static uint32_t
write_down(const struct request *request, struct syncline_buffer *to)
{
	syncline_buffer_init(to, 0);
	syncline_buffer_format(to, "%u %s %s", request->op, request->object, request->id != NULL ? request->id : "");
	for (uint32_t i = 0; i < request->cell_count; i++) {
		const struct syncline_value *value = &request->cells[i].value;

		syncline_buffer_format(to, "\n%s %u %u ", request->cells[i].name, value->type, value->length);
		if (is_number(value->type))
			syncline_buffer_format(to, "%lld", (long long)value->u.integer);
		else if (value->length > 0)
			syncline_buffer_append(to, value->u.data, value->length);
	}
	return to->failed ? SYNCLINE_RETRY : SYNCLINE_OK;
}

static uint32_t
set_cells(struct world *world, const struct request *request, const char *id, struct syncline_error *err)
{
	uint32_t klass = SYNCLINE_OK;

	for (uint32_t i = 0; klass == SYNCLINE_OK && i < request->cell_count; i++) {
		const struct syncline_value *value = &request->cells[i].value;
		sqlite3_stmt *statement;

		if (value->type == SYNCLINE_TYPE_ABSENT)
			continue;
		if ((statement = world_statement(world, "INSERT OR REPLACE INTO cell (object, id, name, type, value) VALUES (?1, ?2, ?3, ?4, ?5)", err)) == NULL)
			return SYNCLINE_RETRY;
		bind_text(statement, 1, request->object);
		bind_text(statement, 2, id);
		bind_text(statement, 3, request->cells[i].name);
		sqlite3_bind_int(statement, 4, value->type);
		world_bind(statement, 5, value);
		klass = done(world, statement, err);
	}
	return klass;
}

static int64_t
version_of(struct world *world, const char *object, const char *id)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT version FROM record WHERE object = ?1 AND id = ?2", NULL);

	if (statement == NULL)
		return -1;
	bind_text(statement, 1, object);
	bind_text(statement, 2, id);
	return number_of(statement);
}

static void
tell(struct outcome *outcome, const char *id, int64_t version)
{
	snprintf(outcome->id, sizeof outcome->id, "%s", id);
	snprintf(outcome->version, sizeof outcome->version, "%lld", (long long)version);
}

static uint32_t
change(struct world *world, const struct request *request, const char *id, const char *what, struct outcome *outcome, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "UPDATE record SET version = version + 1 WHERE object = ?1 AND id = ?2", err);
	uint32_t klass;

	if (statement == NULL)
		return SYNCLINE_RETRY;
	bind_text(statement, 1, request->object);
	bind_text(statement, 2, id);
	if ((klass = done(world, statement, err)) != SYNCLINE_OK || (klass = set_cells(world, request, id, err)) != SYNCLINE_OK)
		return klass;
	tell(outcome, id, version_of(world, request->object, id));
	return write_journal(world, request, what, id, err);
}

static uint32_t
refuse(struct outcome *outcome, uint32_t error_class, const char *message)
{
	outcome->error_class = error_class;
	outcome->applied = SYNCLINE_APPLIED_NO;
	outcome->message = message;
	return SYNCLINE_OK;
}

/* For whoever looks into it. */
static uint32_t
keep_misuse(struct world *world, const struct request *request, const struct syncline_buffer *bytes, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "INSERT INTO misuse (key, request) VALUES (?1, ?2)", err);

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_blob(statement, 1, request->key.data, (int)request->key.length, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 2, bytes->data, (int)bytes->length, SQLITE_STATIC);
	return done(world, statement, err);
}

/* Was this key seen before?  Then the outcome is what it was. */
static uint32_t
look_up_key(struct world *world, const struct request *request, const struct syncline_buffer *bytes, bool *ret_known, struct outcome *outcome,
            struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT id, request = ?2 FROM keyed WHERE key = ?1 AND at_ms > ?3", err);
	uint32_t klass = SYNCLINE_OK;

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_blob(statement, 1, request->key.data, (int)request->key.length, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 2, bytes->data, (int)bytes->length, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, (request->at_ms != 0 ? request->at_ms : world_now_ms()) - RETENTION_MS);
	*ret_known = sqlite3_step(statement) == SQLITE_ROW;
	if (*ret_known) {
		const char *id = (const char *)sqlite3_column_text(statement, 0);
		bool same = sqlite3_column_int(statement, 1) != 0;

		tell(outcome, id, version_of(world, request->object, id));
		klass = write_journal(world, request, same ? "absorbed" : "misused key", id, err);
		if (klass == SYNCLINE_OK && !same)
			klass = keep_misuse(world, request, bytes, err);
		if (klass == SYNCLINE_OK && !same)
			klass = refuse(outcome, SYNCLINE_INVALID, "this key was used for something else");
	}
	sqlite3_finalize(statement);
	return klass;
}

static uint32_t
remember_key(struct world *world, const struct request *request, const struct syncline_buffer *bytes, const char *id, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "INSERT OR REPLACE INTO keyed (key, at_ms, object, id, request) VALUES (?1, ?2, ?3, ?4, ?5)", err);

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_blob(statement, 1, request->key.data, (int)request->key.length, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, request->at_ms != 0 ? request->at_ms : world_now_ms());
	bind_text(statement, 3, request->object);
	bind_text(statement, 4, id);
	sqlite3_bind_blob(statement, 5, bytes->data, (int)bytes->length, SQLITE_STATIC);
	return done(world, statement, err);
}

/* The id that the record brings along, or the next one. */
static uint32_t
choose_id(struct world *world, const struct request *request, char *id, size_t size, struct syncline_error *err)
{
	const struct syncline_value *own = value_of(request, request->key_field);
	sqlite3_stmt *statement;

	if (own != NULL && own->type == SYNCLINE_TYPE_TEXT) {
		snprintf(id, size, "%.*s", (int)own->length, (const char *)own->u.data);
		return SYNCLINE_OK;
	}
	statement = world_statement(world, "INSERT INTO counter (object, value) VALUES (?1, 1) ON CONFLICT (object) DO UPDATE SET value = value + 1 RETURNING value", err);
	if (statement == NULL)
		return SYNCLINE_RETRY;
	bind_text(statement, 1, request->object);
	snprintf(id, size, "%c%07lld", request->object[0], (long long)number_of(statement));
	return SYNCLINE_OK;
}

static uint32_t
add(struct world *world, const struct request *request, bool index_late, struct outcome *outcome, struct syncline_error *err)
{
	sqlite3_stmt *statement;
	struct cell cell;
	struct request named = { .object = request->object, .cells = &cell, .cell_count = 1 };
	char id[256];
	uint32_t klass = choose_id(world, request, id, sizeof id, err);

	if (klass != SYNCLINE_OK)
		return klass;
	if (version_of(world, request->object, id) >= 0)
		return refuse(outcome, SYNCLINE_CONFLICT, "there is a record of this id");
	if ((statement = world_statement(world, "INSERT INTO record (object, id, version, indexed_ms) VALUES (?1, ?2, 1, ?3)", err)) == NULL)
		return SYNCLINE_RETRY;
	bind_text(statement, 1, request->object);
	bind_text(statement, 2, id);
	sqlite3_bind_int64(statement, 3, index_late ? world_now_ms() + world->lag_ms : 0);
	if ((klass = done(world, statement, err)) != SYNCLINE_OK || (klass = set_cells(world, request, id, err)) != SYNCLINE_OK)
		return klass;
	if (request->key_field != NULL) {
		cell = (struct cell){ request->key_field, syncline_string(id) };
		if ((klass = set_cells(world, &named, id, err)) != SYNCLINE_OK)
			return klass;
	}
	tell(outcome, id, 1);
	return write_journal(world, request, "create", id, err);
}

/* The record of the same external key; "" when there is none. */
static uint32_t
find_external(struct world *world, const struct request *request, char *id, size_t size, struct syncline_error *err)
{
	const struct syncline_value *external = value_of(request, request->external);
	sqlite3_stmt *statement;

	id[0] = '\0';
	if (external == NULL)
		return SYNCLINE_OK;
	if ((statement = world_statement(world, "SELECT id FROM cell WHERE object = ?1 AND name = ?2 AND value = ?3", err)) == NULL)
		return SYNCLINE_RETRY;
	bind_text(statement, 1, request->object);
	bind_text(statement, 2, request->external);
	world_bind(statement, 3, external);
	if (sqlite3_step(statement) == SQLITE_ROW)
		snprintf(id, size, "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	return SYNCLINE_OK;
}

static uint32_t
create(struct world *world, const struct request *request, bool index_late, struct outcome *outcome, struct syncline_error *err)
{
	char id[256];
	uint32_t klass;

	if (WAY == WAY_UPSERT) {
		if ((klass = find_external(world, request, id, sizeof id, err)) != SYNCLINE_OK)
			return klass;
		if (id[0] != '\0')
			return change(world, request, id, "upsert", outcome, err);
	}
	return add(world, request, index_late, outcome, err);
}

static uint32_t
modify(struct world *world, const struct request *request, struct outcome *outcome, struct syncline_error *err)
{
	int64_t version = request->id != NULL ? version_of(world, request->object, request->id) : -1;
	sqlite3_stmt *statement;

	if (version < 0)
		return refuse(outcome, SYNCLINE_NOT_FOUND, "there is no record of this id");
	if (request->version != 0 && request->version != version)
		return refuse(outcome, SYNCLINE_CONFLICT, "the record has another version");
	if (request->op == SYNCLINE_OP_UPDATE)
		return change(world, request, request->id, "update", outcome, err);
	statement = world_statement(world, "DELETE FROM record WHERE object = ?1 AND id = ?2", err);
	for (int i = 0; i < 2; i++) {
		uint32_t klass;

		if (statement == NULL)
			return SYNCLINE_RETRY;
		bind_text(statement, 1, request->object);
		bind_text(statement, 2, request->id);
		if ((klass = done(world, statement, err)) != SYNCLINE_OK)
			return klass;
		statement = i == 0 ? world_statement(world, "DELETE FROM cell WHERE object = ?1 AND id = ?2", err) : NULL;
	}
	tell(outcome, request->id, version);
	return write_journal(world, request, "delete", request->id, err);
}

uint32_t
world_apply(struct world *world, const struct request *request, bool index_late, struct outcome *ret_outcome, struct syncline_error *err)
{
	bool keyed = (WAY == WAY_KEY || WAY == WAY_FORGETS) && request->key.length > 0, known = false;
	struct syncline_buffer bytes = { 0 };
	uint32_t klass = SYNCLINE_OK;

	memset(ret_outcome, 0, sizeof *ret_outcome);
	if (keyed && (klass = write_down(request, &bytes)) == SYNCLINE_OK)
		klass = look_up_key(world, request, &bytes, &known, ret_outcome, err);
	if (klass == SYNCLINE_OK && !known)
		klass = request->op == SYNCLINE_OP_CREATE ? create(world, request, index_late, ret_outcome, err) : modify(world, request, ret_outcome, err);
	if (klass == SYNCLINE_OK && keyed && !known && ret_outcome->error_class == SYNCLINE_OK)
		klass = remember_key(world, request, &bytes, ret_outcome->id, err);
	syncline_buffer_free(&bytes);
	return klass;
}

uint32_t
world_defer(struct world *world, const struct request *request, struct syncline_error *err)
{
	sqlite3_stmt *statement = world_statement(world, "INSERT INTO late (due_ms, calls, op, object, external, key_field, id, version, key)"
	                                                 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)", err);
	uint32_t klass;
	int64_t number;

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_int64(statement, 1, world_now_ms() + world->late_ms);
	sqlite3_bind_int64(statement, 2, world->late_calls);
	sqlite3_bind_int(statement, 3, request->op);
	bind_text(statement, 4, request->object);
	bind_text(statement, 5, request->external);
	bind_text(statement, 6, request->key_field);
	bind_text(statement, 7, request->id);
	sqlite3_bind_int64(statement, 8, request->version);
	if (request->key.length > 0)
		sqlite3_bind_blob(statement, 9, request->key.data, (int)request->key.length, SQLITE_STATIC);
	klass = done(world, statement, err);
	number = sqlite3_last_insert_rowid(world->db);
	for (uint32_t i = 0; klass == SYNCLINE_OK && i < request->cell_count; i++) {
		if ((statement = world_statement(world, "INSERT INTO late_cell (number, name, type, value) VALUES (?1, ?2, ?3, ?4)", err)) == NULL)
			return SYNCLINE_RETRY;
		sqlite3_bind_int64(statement, 1, number);
		bind_text(statement, 2, request->cells[i].name);
		sqlite3_bind_int(statement, 3, request->cells[i].value.type);
		world_bind(statement, 4, &request->cells[i].value);
		klass = done(world, statement, err);
	}
	return klass == SYNCLINE_OK ? write_journal(world, request, "deferred", request->id, err) : klass;
}

static char *
column_copy(sqlite3_stmt *statement, int at)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);
	char *copy = text != NULL ? malloc(strlen(text) + 1) : NULL;

	return copy != NULL ? strcpy(copy, text) : NULL;
}

static void
free_request(struct request *request)
{
	for (uint32_t i = 0; i < request->cell_count; i++) {
		free(request->cells[i].name);
		if (request->cells[i].value.length > 0)
			free((void *)(uintptr_t)request->cells[i].value.u.data);
	}
	free(request->cells);
	free(request->object);
	free(request->external);
	free(request->key_field);
	free(request->id);
	free((void *)(uintptr_t)request->key.data);
}

static bool
copy_bytes(sqlite3_stmt *statement, int at, const void **ret_data, size_t *ret_length)
{
	int length = sqlite3_column_bytes(statement, at);
	void *copy = length > 0 ? malloc((size_t)length) : NULL;

	if (length > 0 && copy == NULL)
		return false;
	if (length > 0)
		memcpy(copy, sqlite3_column_blob(statement, at), (size_t)length);
	*ret_data = copy;
	*ret_length = (size_t)length;
	return true;
}

static bool
load_cells(struct world *world, int64_t number, struct request *request)
{
	sqlite3_stmt *statement = world_statement(world, "SELECT name, type, value FROM late_cell WHERE number = ?1 ORDER BY place", NULL);
	bool good = statement != NULL;

	if (good)
		sqlite3_bind_int64(statement, 1, number);
	while (good && sqlite3_step(statement) == SQLITE_ROW) {
		struct cell *more = realloc(request->cells, (request->cell_count + 1) * sizeof *more), *cell;
		size_t length = 0;

		if (more == NULL)
			good = false;
		if (!good)
			break;
		request->cells = more;
		cell = &more[request->cell_count];
		memset(cell, 0, sizeof *cell);
		cell->value.type = (uint8_t)sqlite3_column_int(statement, 1);
		if (sqlite3_column_type(statement, 2) == SQLITE_INTEGER)
			cell->value.u.integer = sqlite3_column_int64(statement, 2);
		else
			good = copy_bytes(statement, 2, &cell->value.u.data, &length);
		cell->value.length = (uint32_t)length;
		cell->name = column_copy(statement, 0);
		request->cell_count += cell->name != NULL;
		good = good && cell->name != NULL;
	}
	sqlite3_finalize(statement);
	return good;
}

/* The oldest late write that is due, taken out of the queue.  False: there is none.  Its cells stay: its number is not used again. */
static bool
take_late(struct world *world, struct request *request)
{
	sqlite3_stmt *statement = world_statement(world, "DELETE FROM late WHERE number = (SELECT min(number) FROM late WHERE due_ms <= ?1 OR calls <= 0)"
	                                                 " RETURNING op, object, external, key_field, id, version, key, number, min(due_ms, ?1)", NULL);
	bool got = false;

	memset(request, 0, sizeof *request);
	if (statement == NULL)
		return false;
	sqlite3_bind_int64(statement, 1, world_now_ms());
	if (sqlite3_step(statement) == SQLITE_ROW) {
		request->op = (uint8_t)sqlite3_column_int(statement, 0);
		request->object = column_copy(statement, 1);
		request->external = column_copy(statement, 2);
		request->key_field = column_copy(statement, 3);
		request->id = column_copy(statement, 4);
		request->version = sqlite3_column_int64(statement, 5);
		request->at_ms = sqlite3_column_int64(statement, 8); /* nobody looked when it was due */
		got = copy_bytes(statement, 6, &request->key.data, &request->key.length) && load_cells(world, sqlite3_column_int64(statement, 7), request) &&
		      request->object != NULL;
	}
	sqlite3_finalize(statement);
	return got;
}

uint32_t
world_begin(struct world *world, struct syncline_error *err)
{
	uint32_t klass = world_execute(world, "BEGIN IMMEDIATE; UPDATE late SET calls = calls - 1;", err);
	struct request request;
	struct outcome outcome;

	if (klass != SYNCLINE_OK) {
		world_rollback(world);
		return klass;
	}
	while (klass == SYNCLINE_OK && take_late(world, &request)) {
		klass = world_apply(world, &request, false, &outcome, err);
		free_request(&request);
	}
	if (klass != SYNCLINE_OK)
		world_rollback(world);
	return klass;
}

uint32_t
world_commit(struct world *world, struct syncline_error *err)
{
	uint32_t klass = world_execute(world, "COMMIT", err);

	if (klass != SYNCLINE_OK)
		world_rollback(world);
	return klass;
}

void
world_rollback(struct world *world)
{
	if (sqlite3_get_autocommit(world->db) == 0)
		(void)sqlite3_exec(world->db, "ROLLBACK", NULL, NULL, NULL);
}

uint32_t
world_die(struct world *world, struct syncline_error *err)
{
	uint32_t klass = world_commit(world, err);

	if (klass == SYNCLINE_OK)
		raise(SIGKILL);
	return klass;
}

uint32_t
world_enter(struct world *world, const struct syncline_call *call, struct syncline_error *err)
{
	struct syncline_http_request request = { .struct_size = sizeof request, .method = "GET", .url = world->url, .response_max = 4096 };
	struct syncline_http_response response = { .struct_size = sizeof response };
	uint32_t klass, status;

	if (world->http == NULL || (klass = world->http->perform(world->host, call, &request, &response, err)) == SYNCLINE_OK) {
		status = world->http != NULL ? response.status : 200;
		if (world->http != NULL)
			world->http->release(world->host, &response);
		if (status == 200)
			return SYNCLINE_OK;
		klass = syncline_fail(err, status == 429 ? SYNCLINE_THROTTLED : SYNCLINE_RETRY, "The server said %u.", status);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
	}
	return klass;
}

uint32_t
world_outlast(struct world *world, const struct syncline_call *call, struct syncline_error *err)
{
	uint32_t klass = world_commit(world, err);
	struct timespec moment = { .tv_nsec = 5000000 };

	if (klass != SYNCLINE_OK)
		return klass;
	while (!syncline_cancelled(call))
		nanosleep(&moment, NULL);
	return syncline_fail_cancelled(err);
}

static uint64_t
scramble(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Is it this kind's turn? */
static bool
is_due(struct world *world, int kind, int64_t *ret_turn)
{
	sqlite3_stmt *statement = world_statement(world, "INSERT INTO fault (kind, seen, done) VALUES (?1, 1, 0)"
	                                                 " ON CONFLICT (kind) DO UPDATE SET seen = seen + 1 RETURNING seen, done", NULL);
	int64_t seen = 0, before = 0;
	bool due;

	if (statement == NULL)
		return false;
	sqlite3_bind_int(statement, 1, kind);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		seen = sqlite3_column_int64(statement, 0);
		before = sqlite3_column_int64(statement, 1);
	}
	sqlite3_finalize(statement);
	due = before < world->times &&
	      (world->seed == 0 ? seen % world->every == 0
	                        : scramble((uint64_t)world->seed * 1000003u + (uint64_t)kind * 7919u + (uint64_t)seen) % (uint64_t)world->every == 0);
	if (!due)
		return false;
	if ((statement = world_statement(world, "UPDATE fault SET done = done + 1 WHERE kind = ?1", NULL)) != NULL) {
		sqlite3_bind_int(statement, 1, kind);
		(void)sqlite3_step(statement);
		sqlite3_finalize(statement);
	}
	*ret_turn = before;
	return true;
}

enum fault
world_fault(struct world *world, bool writes, int64_t *ret_turn)
{
	for (int kind = FAULT_NONE + 1; kind < FAULT_COUNT; kind++)
		if (world->wanted[kind] && (kind == FAULT_READS_FAIL) != writes && is_due(world, kind, ret_turn))
			return (enum fault)kind;
	return FAULT_NONE;
}
