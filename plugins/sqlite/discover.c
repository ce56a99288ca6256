/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * discover.c: what the database has, and what is wrong with it for our purpose.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sqlite.h"

#define NAMES_MAX 20000u

static const struct syncline_capabilities table_can = {
	.struct_size = sizeof table_can,
	.read_full = SYNCLINE_NATIVE, .read_delta = SYNCLINE_NATIVE, .get = SYNCLINE_NATIVE, .find = SYNCLINE_NATIVE,
	.count = SYNCLINE_NATIVE, .digest = SYNCLINE_EMULATED, .create = SYNCLINE_NATIVE, .update = SYNCLINE_NATIVE,
	.remove = SYNCLINE_NATIVE, .partial_update = SYNCLINE_NATIVE, .upsert = SYNCLINE_NATIVE,
	.conditional_write = SYNCLINE_NATIVE, .returns_stored_form = SYNCLINE_NATIVE,
};
static const struct syncline_capabilities view_can = {
	.struct_size = sizeof view_can,
	.read_full = SYNCLINE_NATIVE, .read_delta = SYNCLINE_NATIVE, .get = SYNCLINE_NATIVE, .find = SYNCLINE_NATIVE, .count = SYNCLINE_NATIVE,
};

/* Can a create be repeated here at all?  Only where something beside the primary key is unique, or the key itself is given. */
static uint32_t
has_unique(struct instance *c, const char *name, int64_t *ret_count, struct syncline_error *err)
{
	sqlite3_stmt *s;
	int rc;
	uint32_t result = connection_prepare(c, "SELECT count(*) FROM pragma_index_list(?1) WHERE \"unique\" AND NOT partial", 0, &s, err);

	if (result != SYNCLINE_OK)
		return result;
	rc = sqlite3_bind_text(s, 1, name, -1, SQLITE_TRANSIENT);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*ret_count = sqlite3_column_int64(s, 0);
	else
		result = connection_fail(c, rc, err, "The indexes of %s can't be read", name);
	sqlite3_finalize(s);
	return result;
}

static uint32_t
objects(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct instance *c = instance;
	sqlite3_stmt *s = NULL;
	uint32_t result = connection_use(c, call, err), count = 0;
	int rc = SQLITE_DONE;

	if (result == SYNCLINE_OK)
		result = connection_prepare(c,
		                            "SELECT name, type FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'view', 'virtual')"
		                            " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name", 0, &s, err);
	while (result == SYNCLINE_OK && count++ < NAMES_MAX && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		const char *name = NULL, *type = NULL;
		struct syncline_capabilities can;
		struct syncline_object_info info = { .struct_size = sizeof info, .capabilities = &can };
		int64_t unique = 0;

		if (connection_text(s, 0, &name) != 0 || connection_text(s, 1, &type) != 0) {
			result = syncline_fail_memory(err);
			break;
		}
		info.native = name;
		can = type != NULL && strcmp(type, "table") == 0 && !c->read_only ? table_can : view_can;
		if (name == NULL || strlen(name) > SYNCLINE_NAME_MAX || !syncline_is_utf8(name, strlen(name))) {
			findings->remark(findings, SYNCLINE_LOG_WARNING, NULL, "A table is left out: its name is too long or not UTF-8.", NULL);
			continue;
		}
		if (can.upsert != SYNCLINE_NONE) {
			result = has_unique(c, name, &unique, err);
			if (result != SYNCLINE_OK)
				break;
			if (unique == 0)
				can.upsert = SYNCLINE_NONE;
		}
		if (type != NULL && strcmp(type, "table") == 0)
			can.digest = SYNCLINE_EMULATED;
		findings->object(findings, &info);
	}
	if (result == SYNCLINE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		result = connection_fail(c, rc, err, "The tables of %s can't be listed", c->path);
	sqlite3_finalize(s);
	connection_done(c);
	return result;
}

static void
remark(const struct syncline_findings *findings, const struct syncline_object *object, uint32_t severity, const char *hint, const char *format,
       ...) SYNCLINE_PRINTF(5, 6);
static void
remark(const struct syncline_findings *findings, const struct syncline_object *object, uint32_t severity, const char *hint, const char *format,
       ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (syncline_is_utf8(text, strlen(text)) && (hint == NULL || syncline_is_utf8(hint, strlen(hint))))
		findings->remark(findings, severity, object != NULL ? object->native : NULL, text, hint);
}

static void
remark_on_table(const struct syncline_findings *findings, const struct syncline_object *object, const struct table *t)
{
	char hint[1024];

	if (t->external != NO_COLUMN && t->external_unique == 0) {
		snprintf(hint, sizeof hint, "CREATE UNIQUE INDEX \"%s_%s\" ON %s (%s);", t->name, table_column_name(t, t->external), t->quoted,
		         table_column_sql(t, t->external));
		remark(findings, object, SYNCLINE_LOG_ERROR, hint, "No unique index covers the external key %s: records can't be created here.",
		       table_column_name(t, t->external));
	}
	if (t->key_count > 0 && !t->key_unique && !t->is_view)
		remark(findings, object, SYNCLINE_LOG_WARNING, "Make a unique index over the key, or choose other columns.",
		       "No unique index covers the key of %s: rows that share a key are rejected, and pages of a read are sorted each time.", t->name);
	if (t->key_count == 1 && t->key[0] == ROWID && t->rowid_alias == NO_COLUMN)
		remark(findings, object, SYNCLINE_LOG_WARNING, "Give the table an INTEGER PRIMARY KEY, or name a key.",
		       "The rows of %s are known by rowid alone, which VACUUM may change.", t->name);
	if (t->mark_count == 1 && t->mark[0] >= 0 && !t->is_view && !t->columns[t->mark[0]].indexed) {
		snprintf(hint, sizeof hint, "CREATE INDEX \"%s_%s\" ON %s (%s);", t->name, table_column_name(t, t->mark[0]), t->quoted,
		         table_column_sql(t, t->mark[0]));
		remark(findings, object, SYNCLINE_LOG_WARNING, hint, "No index begins with the mark %s: every delta read goes through the whole table.",
		       table_column_name(t, t->mark[0]));
	}
	for (uint32_t i = 0; i < t->column_count; i++)
		if (t->columns[i].kind == KIND_DECIMAL && t->columns[i].affinity != AFFINITY_TEXT)
			remark(findings, object, SYNCLINE_LOG_INFO, NULL,
			       "%s is declared as %s: SQLite keeps 15 digits of what is stored there, and no zeros at the end.", t->columns[i].name,
			       t->columns[i].declared);
}

static uint32_t
fields(void *instance, const struct syncline_call *call, const struct syncline_object *their_object, const struct syncline_findings *findings,
       struct syncline_error *err)
{
	struct instance *c = instance;
	struct syncline_object object;
	struct table *t;
	uint32_t result = connection_use(c, call, err);

	SYNCLINE_COPY(&object, their_object);
	if (result == SYNCLINE_OK)
		result = table_of(c, &object, &t, err);
	for (uint32_t i = 0; result == SYNCLINE_OK && i < t->column_count; i++) {
		struct syncline_field field = column_field(t, i);

		findings->field(findings, &field);
	}
	if (result == SYNCLINE_OK)
		remark_on_table(findings, &object, t);
	connection_done(c);
	return result;
}

/* A pragma that returns lines of trouble; "ok" is none. */
static uint32_t
look_for_trouble(struct instance *c, const struct syncline_findings *findings, const char *sql, const char *what, const char *hint,
                 struct syncline_error *err)
{
	sqlite3_stmt *s;
	uint32_t result = connection_prepare(c, sql, 0, &s, err);
	int rc, lines = 0;

	if (result != SYNCLINE_OK)
		return result;
	while ((rc = sqlite3_step(s)) == SQLITE_ROW) {
		const char *text = NULL;

		if (connection_text(s, 0, &text) != 0) {
			rc = SQLITE_NOMEM;
			break;
		}
		if (text == NULL || strcmp(text, "ok") == 0)
			continue;
		if (lines++ < 20)
			remark(findings, NULL, SYNCLINE_LOG_ERROR, hint, what, text);
	}
	if (rc != SQLITE_DONE)
		result = connection_fail(c, rc, err, "The check of %s failed", c->path);
	sqlite3_finalize(s);
	return result;
}

static uint32_t
check(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct instance *c = instance;
	uint32_t result = connection_use(c, call, err);
	int64_t number = 0;

	if (result == SYNCLINE_OK)
		result = look_for_trouble(c, findings, "PRAGMA main.quick_check(20)", "The database is damaged: %s",
		                          "Restore it from a backup, or rebuild it with .recover of the sqlite3 shell.", err);
	if (result == SYNCLINE_OK)
		result = look_for_trouble(c, findings, "SELECT DISTINCT \"table\" FROM pragma_foreign_key_check",
		                          "Rows of table %s refer to rows that are not there.", "PRAGMA foreign_key_check lists them.", err);
	if (result == SYNCLINE_OK && sqlite3_db_readonly(c->db, "main") == 1 && !c->read_only)
		remark(findings, NULL, SYNCLINE_LOG_ERROR, "Change the rights of the file, or set read_only = true.",
		       "%s can be read but not written by the agent's user.", c->path);
	if (result == SYNCLINE_OK)
		result = connection_number(c, "SELECT journal_mode = 'wal' FROM pragma_journal_mode", 0, &number, err);
	if (result == SYNCLINE_OK && number == 0 && !c->read_only)
		remark(findings, NULL, SYNCLINE_LOG_INFO, "PRAGMA journal_mode=WAL; lets others read while we write.",
		       "%s does not use a write-ahead log.", c->path);
	if (result == SYNCLINE_OK)
		remark(findings, NULL, SYNCLINE_LOG_INFO, NULL, "SQLite %s, %s.", sqlite3_libversion(), c->path);
	connection_done(c);
	return result;
}

const struct syncline_discover_v1 discover_part = { .struct_size = sizeof discover_part, .objects = objects, .fields = fields };
const struct syncline_check_v1 check_part = { .struct_size = sizeof check_part, .check = check };
