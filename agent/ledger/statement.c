/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * statement.c: prepared statements by their text, binding and reading, and what SQLite says as sentences.  A statement lives as
 * long as the ledger is open.  One that is in the middle of its rows is not given out a second time: whoever asks for the same
 * text meanwhile (a callback that lists what its caller lists) gets one of its own.
 */
#include "ledger/inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256u /* a power of two */

struct statements {
	struct slot {
		uint64_t hash;
		sqlite3_stmt *statement; /* NULL: free */
	} *slots;
	size_t room, count;
};

static uint64_t
hash_text(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
	return hash;
}

static void
place(struct slot *slots, size_t room, uint64_t hash, sqlite3_stmt *statement)
{
	size_t at = (size_t)hash & (room - 1);

	while (slots[at].statement != NULL)
		at = (at + 1) & (room - 1);
	slots[at] = (struct slot){ hash, statement };
}

/* Room for one more. */
static int
grow(struct statements *s)
{
	size_t room = s->room == 0 ? SLOTS_FIRST : s->room * 2;
	struct slot *slots;

	if (s->room != 0 && s->count < s->room / 2)
		return 0;
	slots = calloc(room, sizeof *slots);
	if (slots == NULL)
		return -1;
	for (size_t i = 0; i < s->room; i++)
		if (s->slots[i].statement != NULL)
			place(slots, room, s->slots[i].hash, s->slots[i].statement);
	free(s->slots);
	s->slots = slots;
	s->room = room;
	return 0;
}

static sqlite3_stmt *
find(const struct statements *s, uint64_t hash, const char *sql)
{
	if (s->room == 0)
		return NULL;
	for (size_t at = (size_t)hash & (s->room - 1); s->slots[at].statement != NULL; at = (at + 1) & (s->room - 1))
		if (s->slots[at].hash == hash && !sqlite3_stmt_busy(s->slots[at].statement) &&
		    strcmp(sqlite3_sql(s->slots[at].statement), sql) == 0)
			return s->slots[at].statement;
	return NULL;
}

/* Nothing is looked at or begun in what a rollback without memory left open. */
static bool
is_whole(struct ledger *ledger)
{
	if (ledger->torn)
		ledger_undo(ledger);
	return !ledger->torn;
}

sqlite3_stmt *
ledger_statement(struct ledger *ledger, const char *sql, struct error *err)
{
	uint64_t hash = hash_text(sql);
	sqlite3_stmt *statement;

	if ((ledger->statements == NULL && (ledger->statements = calloc(1, sizeof *ledger->statements)) == NULL) || !is_whole(ledger)) {
		error_memory(err);
		return NULL;
	}
	statement = find(ledger->statements, hash, sql);
	if (statement != NULL) {
		sqlite3_reset(statement);
		sqlite3_clear_bindings(statement);
		return statement;
	}
	if (grow(ledger->statements) != 0) {
		error_memory(err);
		return NULL;
	}
	if (sqlite3_prepare_v3(ledger->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
		ledger_sql_error(ledger, "the ledger could not prepare a step", err);
		return NULL;
	}
	place(ledger->statements->slots, ledger->statements->room, hash, statement);
	ledger->statements->count++;
	return statement;
}

int
ledger_step(struct ledger *ledger, sqlite3_stmt *statement, struct error *err)
{
	int status;

	errno = 0;
	status = sqlite3_step(statement);
	if (status == SQLITE_ROW)
		return 1;
	if (status != SQLITE_DONE)
		ledger_sql_error(ledger, NULL, err);
	sqlite3_reset(statement);
	return status == SQLITE_DONE ? 0 : -1;
}

int
ledger_run_statement(struct ledger *ledger, sqlite3_stmt *statement, struct error *err)
{
	int status = ledger_step(ledger, statement, err);

	if (status == 1)
		sqlite3_reset(statement);
	return status < 0 ? -1 : 0;
}

int
ledger_execute(struct ledger *ledger, const char *sql, struct error *err)
{
	if (!is_whole(ledger))
		return error_memory(err);
	errno = 0;
	if (sqlite3_exec(ledger->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return ledger_sql_error(ledger, NULL, err);
	return 0;
}

void
ledger_statements_free(struct ledger *ledger)
{
	struct statements *s = ledger->statements;

	sqlite3_finalize(ledger->undo);
	ledger->undo = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->room; i++)
		sqlite3_finalize(s->slots[i].statement);
	free(s->slots);
	free(s);
	ledger->statements = NULL;
}

static int
disk_error(struct error *err, const char *what, const char *dir, int number, const char *said)
{
	switch (number) {
	case ENOSPC:
	case EDQUOT:
	case EFBIG:
		return error_set(err, ERROR_LEDGER_FULL, "Make room on that disk, or raise the quota; what was committed is safe.",
		                 "%s: there is no room for the ledger in %s (%s)", what, dir, strerror(number));
	case EROFS:
	case EACCES:
	case EPERM:
		return error_set(err, ERROR_LEDGER_READONLY, "Give the user that Syncline runs as the right to write in that folder.",
		                 "%s: the ledger in %s may not be written or opened (%s)", what, dir, strerror(number));
	default:
		return error_set(err, ERROR_LEDGER_DISK, "Look at the system's log for this disk; `syncline doctor` checks the ledger afterwards.",
		                 "%s: the disk below the ledger in %s failed (%s)", what, dir, number != 0 ? strerror(number) : said);
	}
}

int
ledger_sql_error(struct ledger *ledger, const char *what, struct error *err)
{
	int last = errno, extended = sqlite3_extended_errcode(ledger->db), number = sqlite3_system_errno(ledger->db);
	const char *said = sqlite3_errmsg(ledger->db), *dir = ledger->state_dir != NULL ? ledger->state_dir : "?";

	/* SQLite doesn't keep the system's reason when it is a COMMIT that fails. */
	if (number == 0 && (extended & 0xff) == SQLITE_IOERR)
		number = last;
	if (what == NULL)
		what = ledger->in_transaction ? "a step of a transaction failed" : "the ledger could not be asked";
	switch (extended & 0xff) {
	case SQLITE_NOMEM:
		return error_memory(err);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return error_set(err, ERROR_LEDGER_BUSY, "Try again; if it lasts, look for a program that holds ledger.db open, like sqlite3.",
		                 "%s: another process has been writing to the ledger in %s for longer than this one waits", what, dir);
	case SQLITE_FULL:
		return disk_error(err, what, dir, ENOSPC, said);
	case SQLITE_READONLY:
		return disk_error(err, what, dir, number == EROFS ? EROFS : EACCES, said);
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_IOERR:
		return disk_error(err, what, dir, number, said);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return error_set(err, ERROR_LEDGER_DAMAGED, "Keep the file, put the last backup in its place (`syncline restore FILE`) and look at the disk.",
		                 "%s: the ledger in %s is damaged (%s)", what, dir, said);
	case SQLITE_INTERRUPT:
		return error_set(err, ERROR_LEDGER_STOPPED, "Start it again when it suits.", "%s: it was stopped", what);
	case SQLITE_CONSTRAINT:
		return error_set(err, ERROR_LEDGER_RULE, "Run `syncline doctor`; nothing of this transaction was kept.",
		                 "%s: it would break a rule of the ledger (%s)", what, said);
	default:
		return error_set(err, ERROR_LEDGER_FAILED, "Please report this with the version; nothing of this transaction was kept.",
		                 "%s: %s (SQLite error %d)", what, said, extended);
	}
}

void
ledger_bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	if (text != NULL)
		sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(statement, at);
}

void
ledger_bind_slice(sqlite3_stmt *statement, int at, struct syncline_slice slice)
{
	if (slice.length > 0)
		sqlite3_bind_text64(statement, at, slice.data, slice.length, SQLITE_STATIC, SQLITE_UTF8);
	else
		sqlite3_bind_null(statement, at);
}

void
ledger_bind_taker(sqlite3_stmt *statement, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit)
{
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, flow);
	sqlite3_bind_int64(statement, 4, unit);
}

void
ledger_bind_blob(sqlite3_stmt *statement, int at, const void *data, size_t length)
{
	if (length > 0)
		sqlite3_bind_blob64(statement, at, data, length, SQLITE_STATIC);
	else
		sqlite3_bind_zeroblob(statement, at, 0);
}

char *
ledger_column_text(sqlite3_stmt *statement, int at, struct arena *arena, bool *ret_failed)
{
	const unsigned char *text;
	char *copy;

	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return NULL;
	text = sqlite3_column_text(statement, at);
	copy = text != NULL ? arena_copy(arena, text, (size_t)sqlite3_column_bytes(statement, at)) : NULL;
	if (copy == NULL)
		*ret_failed = true;
	return copy;
}

struct syncline_slice
ledger_column_view(sqlite3_stmt *statement, int at)
{
	struct syncline_slice slice = { 0 };

	if (sqlite3_column_type(statement, at) != SQLITE_NULL) {
		slice.data = sqlite3_column_blob(statement, at);
		slice.length = (size_t)sqlite3_column_bytes(statement, at);
		if (slice.data == NULL)
			slice.length = 0;
	}
	return slice;
}

struct syncline_slice
ledger_column_slice(sqlite3_stmt *statement, int at, struct arena *arena, bool *ret_failed)
{
	struct syncline_slice slice = ledger_column_view(statement, at);

	if (slice.length == 0)
		return slice;
	slice.data = arena_copy(arena, slice.data, slice.length);
	if (slice.data == NULL) {
		*ret_failed = true;
		slice.length = 0;
	}
	return slice;
}
