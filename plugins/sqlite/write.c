/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * write.c: sink/1.  One transaction per call; an item that fails takes only its own statement back.  Nothing is reported as
 * committed before COMMIT has returned, which with synchronous=EXTRA is when the disk has it.
 *
 *     BEGIN IMMEDIATE -> every item -> COMMIT -> report
 *        an item's failure undid the whole transaction (ON CONFLICT ROLLBACK, RAISE): again from the start without it
 *        COMMIT finds a broken reference (deferred foreign key): again, each item in a transaction of its own
 *        the disk, the lock or the memory failed: ROLLBACK, and the call fails with `applied` no
 *        a statement went through, but its row could not be kept for the report: the same
 */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

enum item_state { WAITING, WRITTEN, FAILED };

struct item {
	enum item_state state;
	uint32_t error_class;
	struct syncline_error *error; /* FAILED: its own */
	size_t id_at, id_length, version_at, version_length; /* in writer.bytes; NONE: not known */
	size_t values_at;                                    /* in writer.values; NONE: not known */
};
#define NONE SIZE_MAX
#define IN_BATCH 1 /* in syncline_value.reserved: the text is the batch's own, and stays there until the call ends */

struct writer {
	struct plan plan;
	struct syncline_batch *batch;
	struct item *items;
	uint32_t count;
	struct syncline_buffer bytes;  /* native ids, versions and stored texts until the commit */
	struct syncline_buffer values; /* struct syncline_value; u.integer is an offset in bytes where the type has text */
	struct scratch scratch;
	int fatal; /* the transaction can't go on */
};

static uint32_t
refuse(struct syncline_error *err, uint32_t error_class, const char *hint, const char *format, ...) SYNCLINE_PRINTF(4, 5);
static uint32_t
refuse(struct syncline_error *err, uint32_t error_class, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	syncline_vfail(err, error_class, format, args);
	va_end(args);
	if (hint != NULL)
		syncline_hint(err, "%s", hint);
	syncline_applied(err, SYNCLINE_APPLIED_NO);
	return error_class;
}

static uint32_t
map_fields(struct plan *p, struct syncline_batch *batch, struct syncline_error *err)
{
	struct table *t = p->table;

	p->field_count = p->c->batch->field_count(batch);
	p->columns = calloc(p->field_count + 1, sizeof *p->columns);
	p->field_of = calloc(t->column_count, sizeof *p->field_of);
	p->mask = calloc(t->column_count, 1);
	if (p->columns == NULL || p->field_of == NULL || p->mask == NULL)
		return syncline_fail_memory(err);
	memset(p->field_of, 0xff, t->column_count * sizeof *p->field_of);
	p->external_field = UINT32_MAX;
	for (uint32_t i = 0; i < p->field_count; i++) {
		struct syncline_field field = { .struct_size = sizeof field };
		uint32_t result = p->c->batch->field(batch, i, &field);

		if (result != SYNCLINE_OK)
			return syncline_fail(err, SYNCLINE_INTERNAL, "Field %u of the batch can't be read.", i);
		p->columns[i] = table_column(t, field.name, strlen(field.name));
		if (p->columns[i] == NO_COLUMN)
			return refuse(err, SYNCLINE_CONFIG, "Correct the mapping; syncline discover lists the columns.",
			              "%s has no column \"%s\".", t->name, field.name);
		if (t->columns[p->columns[i]].generated)
			return refuse(err, SYNCLINE_CONFIG, "Take it out of the mapping.", "The column %s of %s is computed by the database.",
			              field.name, t->name);
		if (p->field_of[p->columns[i]] != UINT32_MAX)
			return refuse(err, SYNCLINE_CONFIG, "Names of columns differ in more than case.", "Two fields are the column %s of %s.",
			              field.name, t->name);
		p->field_of[p->columns[i]] = i;
		if (p->columns[i] == t->external)
			p->external_field = i;
	}
	return SYNCLINE_OK;
}

static uint32_t
open_plan(struct plan *p, struct instance *c, const struct syncline_object *object, struct syncline_batch *batch, struct syncline_error *err)
{
	struct table *t;
	uint32_t result;

	p->c = c;
	p->object = object;
	syncline_buffer_init(&p->key, SYNCLINE_RECORD_MAX);
	if (c->read_only)
		return refuse(err, SYNCLINE_CONFIG, "Set read_only = false.", "%s is opened for reading alone.", c->path);
	result = table_of(c, object, &p->table, err);
	if (result != SYNCLINE_OK)
		return result;
	t = p->table;
	if (t->is_view || t->is_virtual)
		return refuse(err, SYNCLINE_CONFIG, "Write to the table behind it.", "%s is a view or a virtual table; this connector doesn't write to such.",
		              t->name);
	if (t->external != NO_COLUMN && t->external_unique == 0) {
		refuse(err, SYNCLINE_CONFIG, NULL, "No unique index covers the external key %s of %s, so a repeated create would make a twin.",
		       table_column_name(t, t->external), t->name);
		syncline_hint(err, "Run: CREATE UNIQUE INDEX \"%s_%s\" ON %s (%s);", t->name, table_column_name(t, t->external), t->quoted,
		              table_column_sql(t, t->external));
		return SYNCLINE_CONFIG;
	}
	p->iso_times = strcmp(syncline_setting_text(object->settings, NULL, "time_format", "sql"), "iso") == 0;
	p->count_version = syncline_setting_boolean(object->settings, NULL, "count_version", 1);
	return map_fields(p, batch, err);
}

/* A failure of the surroundings rather than of the item: the transaction ends. */
static int
is_fatal(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_TOOBIG:
	case SQLITE_ERROR:
		return 0;
	default:
		return 1;
	}
}

/* A delete that a foreign key forbids, also one that says ON DELETE RESTRICT, which SQLite does by a trigger of its own. */
static uint32_t
still_referenced(struct writer *w, int rc, uint32_t op, uint32_t result, struct syncline_error *err)
{
	if (op != SYNCLINE_OP_DELETE || (rc != SQLITE_CONSTRAINT_FOREIGNKEY &&
	    (rc != SQLITE_CONSTRAINT_TRIGGER || strcmp(sqlite3_errmsg(w->plan.c->db), "FOREIGN KEY constraint failed") != 0)))
		return result;
	syncline_hint(err, "Rows of other tables, or of %s itself, still refer to it: it can be deleted when they are gone.", w->plan.table->name);
	return SYNCLINE_REFERENCED;
}

static uint32_t
item_failed(struct writer *w, int rc, const struct syncline_record *record, struct syncline_error *err)
{
	const char *id = record->native_id.length > 0 ? record->native_id.u.data : "";
	uint32_t result = connection_fail(w->plan.c, rc, err, "Writing to %s%s%.*s failed", w->plan.table->name, id[0] != '\0' ? " record " : "",
	                                  (int)(record->native_id.length < 60 ? record->native_id.length : 60), id);

	if (is_fatal(rc))
		w->fatal = 1;
	/* An error that a trigger raises has no more exact code. */
	if (result == SYNCLINE_CONFIG && (rc & 0xff) == SQLITE_ERROR)
		result = SYNCLINE_INVALID;
	return still_referenced(w, rc, record->op, result, err);
}

static uint32_t
bind_values(struct writer *w, const struct statement *st, const struct syncline_record *record, struct syncline_error *err)
{
	const struct plan *p = &w->plan;

	for (uint32_t i = 0; i < st->set_count; i++) {
		const struct column *column = &p->table->columns[st->set[i]];
		const char *fault = value_bind(st->s, (int)i + 1, column, &record->values[p->field_of[st->set[i]]], p->iso_times);

		if (fault == no_memory)
			return syncline_fail_memory(err);
		if (fault != NULL)
			return refuse(err, SYNCLINE_INVALID, "Correct the value, the rule that makes it, or the column.", "The value for column %s of %s %s.",
			              column->name, p->table->name, fault);
	}
	if (st->key_parameter > 0) {
		uint32_t result = key_bind(p->c, st->s, st->key_parameter, p->table, record->native_id.u.data, record->native_id.length, &w->plan.key, err);

		if (result == SYNCLINE_NOT_FOUND)
			return refuse(err, SYNCLINE_NOT_FOUND, "Was the key of the object changed in the configuration?",
			              "The native id does not have the %u parts that the key of %s has.", p->table->key_count, p->table->name);
		if (result != SYNCLINE_OK)
			return result;
	}
	if (st->version_parameter > 0 &&
	    sqlite3_bind_text(st->s, st->version_parameter, record->version.length > 0 ? record->version.u.data : "", (int)record->version.length,
	                      SQLITE_STATIC) != SQLITE_OK)
		return syncline_fail_memory(err);
	return SYNCLINE_OK;
}

static int
keep(struct writer *w, const void *data, size_t length, size_t *ret_at)
{
	*ret_at = w->bytes.length;
	return syncline_buffer_append(&w->bytes, data, length);
}

/* A value that stands as it was sent. */
static void
keep_sent(const struct writer *w, uint32_t column, const struct syncline_record *sent, struct syncline_value *values)
{
	const struct syncline_value *as_sent = &sent->values[w->plan.field_of[column]];

	if (as_sent->type != SYNCLINE_TYPE_NULL && as_sent->type != SYNCLINE_TYPE_TEXT)
		return;
	values[w->plan.field_of[column]] = *as_sent;
	values[w->plan.field_of[column]].reserved = IN_BATCH;
}

/*
 * The row that a statement returned: native id, version and, unless a trigger may still change it, the stored values.  -1: no
 * memory.  An id or a value that no record can hold is not known.
 */
static int
keep_row(struct writer *w, const struct statement *st, const struct syncline_record *sent, struct item *item, int with_values)
{
	const struct plan *p = &w->plan;
	const struct table *t = p->table;
	int at = (int)t->key_count;
	size_t start = w->bytes.length;
	const char *fault = key_read(p->c, st->s, 0, t->key_count, &w->bytes);
	struct syncline_value *values;

	item->id_at = item->version_at = item->values_at = NONE;
	if (fault != NULL)
		return fault == no_memory ? -1 : 0;
	item->id_at = start;
	item->id_length = w->bytes.length - start;
	if (t->version != NO_COLUMN) {
		start = w->bytes.length;
		fault = key_read(p->c, st->s, at++, 1, &w->bytes);
		if (fault == no_memory)
			return -1;
		if (fault == NULL) {
			item->version_at = start;
			item->version_length = w->bytes.length - start;
		}
	}
	if (!with_values)
		return 0;
	if (syncline_buffer_reserve(&w->values, p->field_count * sizeof *values) != 0)
		return -1;
	values = (struct syncline_value *)(void *)(w->values.data + w->values.length);
	memset(values, 0, p->field_count * sizeof *values);
	w->scratch.used = 0;
	for (uint32_t i = 0; i < st->set_count; i++) {
		const struct column *column = &t->columns[st->set[i]];
		struct syncline_value *v = &values[p->field_of[st->set[i]]];
		size_t offset;
		int json = 0;

		if (sent != NULL && statement_keeps(st, t, st->set[i])) {
			keep_sent(w, st->set[i], sent, values);
			continue;
		}
		fault = column->kind == KIND_JSON ? json_read(p->c, st->s, at, &json) : NULL;
		if (fault == NULL)
			fault = value_read(st->s, at, column->kind, json, &w->scratch, v);
		if (fault == no_memory)
			return -1;
		if (fault != NULL)
			*v = syncline_absent();
		else if (v->length > 0) {
			if (keep(w, v->u.data, v->length, &offset) != 0)
				return -1;
			v->u.integer = (int64_t)offset;
		}
		at += column->kind == KIND_JSON ? 2 : 1;
	}
	item->values_at = w->values.length;
	w->values.length += p->field_count * sizeof *values;
	return 0;
}

/* A new row whose id SQLite told; what was set stands there as it was sent. */
static int
keep_new(struct writer *w, const struct statement *st, const struct syncline_record *sent, sqlite3_int64 id, struct item *item, int with_values)
{
	const struct plan *p = &w->plan;
	struct syncline_value *values;
	char text[24];

	item->id_at = w->bytes.length;
	item->id_length = (size_t)snprintf(text, sizeof text, "%lld", (long long)id);
	item->version_at = item->values_at = NONE;
	if (syncline_buffer_append(&w->bytes, text, item->id_length) != 0)
		return -1;
	if (!with_values)
		return 0;
	if (syncline_buffer_reserve(&w->values, p->field_count * sizeof *values) != 0)
		return -1;
	values = (struct syncline_value *)(void *)(w->values.data + w->values.length);
	memset(values, 0, p->field_count * sizeof *values);
	for (uint32_t i = 0; i < st->set_count; i++)
		keep_sent(w, st->set[i], sent, values);
	item->values_at = w->values.length;
	w->values.length += p->field_count * sizeof *values;
	return 0;
}

/* The row as it is by now: after triggers, or where nothing was returned. */
static uint32_t
select_row(struct writer *w, struct item *item, struct syncline_error *err)
{
	struct statement *st;
	uint32_t result = statement_for(&w->plan, STATEMENT_SELECT, 0, &st, err);
	int rc;

	if (result != SYNCLINE_OK)
		return result;
	/* Bound from a copy: the buffer moves while the row is kept. */
	syncline_buffer_clear(&w->plan.key);
	if (w->plan.table->key_count > 1)
		result = key_bind(w->plan.c, st->s, 1, w->plan.table, w->bytes.data + item->id_at, item->id_length, &w->plan.key, err);
	else if (sqlite3_bind_text(st->s, 1, w->bytes.data + item->id_at, (int)item->id_length, SQLITE_TRANSIENT) != SQLITE_OK)
		result = syncline_fail_memory(err);
	if (result != SYNCLINE_OK)
		return result;
	rc = sqlite3_step(st->s);
	if (rc == SQLITE_ROW && keep_row(w, st, NULL, item, 1) != 0)
		result = syncline_fail_memory(err);
	else if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		result = connection_fail(w->plan.c, rc, err, "A row of %s can't be read again", w->plan.table->name);
	sqlite3_reset(st->s);
	return result;
}

/* Nothing matched: is the record gone, or has it another version? */
static uint32_t
explain_miss(struct writer *w, const struct syncline_record *record, struct syncline_error *err)
{
	struct plan *p = &w->plan;
	struct statement *st;
	uint32_t result;
	char now[128] = "NULL";
	int rc;

	memset(p->mask, 0, p->table->column_count);
	result = statement_for(p, STATEMENT_SELECT, 0, &st, err);
	if (result != SYNCLINE_OK)
		return result;
	result = key_bind(p->c, st->s, 1, p->table, record->native_id.u.data, record->native_id.length, &p->key, err);
	if (result != SYNCLINE_OK)
		return result;
	rc = sqlite3_step(st->s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		result = item_failed(w, rc, record, err);
	} else if (rc == SQLITE_DONE) {
		result = refuse(err, SYNCLINE_NOT_FOUND, "It was deleted there; the situation `missing` says what happens.", "%s has no record %.*s.",
		                p->table->name, (int)(record->native_id.length < 100 ? record->native_id.length : 100),
		                (const char *)record->native_id.u.data);
	} else if (p->table->version == NO_COLUMN) {
		result = refuse(err, SYNCLINE_INVALID, "A trigger of the table ignores the change: see RAISE(IGNORE) in its definition.",
		                "%s did not take the change of record %.*s.", p->table->name,
		                (int)(record->native_id.length < 100 ? record->native_id.length : 100), (const char *)record->native_id.u.data);
	} else {
		const char *text = NULL;

		if (connection_text(st->s, (int)p->table->key_count, &text) == 0 && text != NULL)
			snprintf(now, sizeof now, "%s", text);
		result = refuse(err, SYNCLINE_CONFLICT, "It is read again and merged.", "Record %.*s of %s was changed by somebody else.",
		                (int)(record->native_id.length < 100 ? record->native_id.length : 100), (const char *)record->native_id.u.data,
		                p->table->name);
		syncline_detail(err, "expected version %.*s, found %s", (int)record->version.length,
		                record->version.length > 0 ? (const char *)record->version.u.data : "", now);
	}
	sqlite3_reset(st->s);
	return result;
}

/* What the item sets, in plan.mask. */
static uint32_t
choose_columns(struct writer *w, const struct syncline_record *record, struct syncline_error *err)
{
	struct plan *p = &w->plan;
	uint32_t external = p->external_field;

	memset(p->mask, 0, p->table->column_count);
	if (record->op != SYNCLINE_OP_CREATE && record->native_id.type != SYNCLINE_TYPE_TEXT)
		return refuse(err, SYNCLINE_INVALID, NULL, "A record of %s is to be changed, but its native id is not given.", p->table->name);
	if (record->op == SYNCLINE_OP_DELETE)
		return SYNCLINE_OK;
	if (record->op != SYNCLINE_OP_CREATE && record->op != SYNCLINE_OP_UPDATE)
		return refuse(err, SYNCLINE_INTERNAL, NULL, "Operation %u can't be written.", record->op);
	if (record->op == SYNCLINE_OP_CREATE && p->table->external != NO_COLUMN &&
	    (external >= record->value_count || record->values[external].type <= SYNCLINE_TYPE_NULL))
		return refuse(err, SYNCLINE_INVALID, "Map our id to it: record_id() is the usual value.",
		              "A new record of %s has no value for the external key %s.", p->table->name, table_column_name(p->table, p->table->external));
	for (uint32_t i = 0; i < record->value_count; i++)
		if (record->values[i].type != SYNCLINE_TYPE_ABSENT)
			p->mask[p->columns[i]] = 1;
	return SYNCLINE_OK;
}

/* Makes the row.  ret_again: one that was there was changed, and the statement that returns it has to be asked which. */
static uint32_t
create_by_rowid(struct writer *w, struct statement *st, const struct syncline_record *record, struct item *item, int *ret_again,
                struct syncline_error *err)
{
	sqlite3 *db = w->plan.c->db;
	uint32_t result = SYNCLINE_OK;
	int rc, row = statement_wants_row(st, w->plan.table);
	sqlite3_int64 id;

	sqlite3_set_last_insert_rowid(db, 0);
	rc = sqlite3_step(st->s);
	id = sqlite3_last_insert_rowid(db);
	if (rc != SQLITE_DONE)
		result = item_failed(w, rc, record, err);
	sqlite3_reset(st->s);
	*ret_again = result == SYNCLINE_OK && id == 0;
	if (result != SYNCLINE_OK || *ret_again)
		return result;
	if (keep_new(w, st, record, id, item, !row) != 0)
		result = syncline_fail_memory(err);
	else if (row)
		result = select_row(w, item, err);
	if (result != SYNCLINE_OK)
		w->fatal = 1; /* the row is written: only the end of the transaction takes it back */
	return result;
}

static uint32_t
step_item(struct writer *w, struct statement *st, const struct syncline_record *record, struct item *item, struct syncline_error *err)
{
	struct plan *p = &w->plan;
	uint32_t result = SYNCLINE_OK;
	int rc = sqlite3_step(st->s), kept = 0;

	if (rc == SQLITE_ROW && record->op != SYNCLINE_OP_DELETE)
		kept = keep_row(w, st, record, item, !p->table->has_triggers);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		int row = rc == SQLITE_ROW;

		while (rc == SQLITE_ROW)
			rc = sqlite3_step(st->s);
		if (rc == SQLITE_DONE && !row && record->op == SYNCLINE_OP_CREATE)
			result = refuse(err, SYNCLINE_INVALID, "See RAISE(IGNORE) in its definition.", "A trigger of %s ignored the new record.", p->table->name);
		else if (rc == SQLITE_DONE && !row)
			result = explain_miss(w, record, err);
	}
	if (rc != SQLITE_DONE)
		result = item_failed(w, rc, record, err);
	sqlite3_reset(st->s);
	if (result != SYNCLINE_OK)
		return result;
	if (kept != 0)
		result = syncline_fail_memory(err);
	else if (p->table->has_triggers && record->op != SYNCLINE_OP_DELETE && item->id_at != NONE)
		result = select_row(w, item, err);
	if (result != SYNCLINE_OK)
		w->fatal = 1; /* the row is written: only the end of the transaction takes it back */
	return result;
}

static uint32_t
write_item(struct writer *w, const struct syncline_record *record, struct item *item, struct syncline_error *err)
{
	struct plan *p = &w->plan;
	int conditional = record->op != SYNCLINE_OP_CREATE && record->version.type == SYNCLINE_TYPE_TEXT && p->table->version != NO_COLUMN, again;
	struct statement *st;
	uint32_t result = choose_columns(w, record, err);

	if (result == SYNCLINE_OK)
		result = statement_for(p, record->op, conditional, &st, err);
	if (result == SYNCLINE_OK)
		result = bind_values(w, st, record, err);
	if (result != SYNCLINE_OK)
		return result;
	if (!st->by_rowid)
		return step_item(w, st, record, item, err);
	result = create_by_rowid(w, st, record, item, &again, err);
	if (result != SYNCLINE_OK || !again)
		return result;
	/* The same once more, on the row that is there. */
	result = statement_for(p, record->op, 1, &st, err);
	if (result == SYNCLINE_OK)
		result = bind_values(w, st, record, err);
	if (result != SYNCLINE_OK) {
		w->fatal = 1; /* the row is written */
		return result;
	}
	return step_item(w, st, record, item, err);
}

static uint32_t
set_failed(struct item *item, uint32_t error_class, const struct syncline_error *said, struct syncline_error *err)
{
	item->error = malloc(sizeof *item->error);
	if (item->error == NULL)
		return syncline_fail_memory(err);
	*item->error = *said;
	item->error->struct_size = sizeof *item->error;
	item->error->applied = SYNCLINE_APPLIED_NO;
	item->error_class = error_class;
	item->state = FAILED;
	return SYNCLINE_OK;
}

static void
forget(struct item *item)
{
	item->state = WAITING;
	item->id_at = item->version_at = item->values_at = NONE;
}

/*
 * COMMIT said no.  While the transaction is open nothing of it is there; SQLite ends it by itself where the disk failed, and then
 * nobody knows.  ret_broken_reference: deferred foreign keys, and the transaction is undone.
 */
static uint32_t
commit(struct writer *w, int *ret_broken_reference, struct syncline_error *err)
{
	struct instance *c = w->plan.c;
	int rc = sqlite3_exec(c->db, "COMMIT", NULL, NULL, NULL), open = !sqlite3_get_autocommit(c->db);
	uint32_t result;

	if (rc == SQLITE_OK)
		return SYNCLINE_OK;
	result = connection_fail(c, rc, err, "The changes of %s could not be committed", w->plan.table->name);
	syncline_applied(err, open || (rc & 0xff) == SQLITE_FULL ? SYNCLINE_APPLIED_NO : SYNCLINE_APPLIED_MAYBE);
	if (!open)
		return result;
	*ret_broken_reference = (rc & 0xff) == SQLITE_CONSTRAINT;
	rc = sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
	if (rc != SQLITE_OK) {
		*ret_broken_reference = 0;
		result = connection_fail(c, rc, err, "The changes of %s could not be taken back", w->plan.table->name);
		syncline_applied(err, SYNCLINE_APPLIED_MAYBE);
	}
	return result;
}

/* The items from `first` up to `end` in one transaction.  ret_again: it was undone by one item, which is marked. */
static uint32_t
transaction(struct writer *w, uint32_t first, uint32_t end, int *ret_again, int *ret_broken_reference, struct syncline_error *err)
{
	struct instance *c = w->plan.c;
	uint32_t result = SYNCLINE_OK;
	int rc = sqlite3_exec(c->db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

	if (rc != SQLITE_OK) {
		result = connection_fail(c, rc, err, "No change of %s could be begun", w->plan.table->name);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	for (uint32_t i = first; i < end && result == SYNCLINE_OK; i++) {
		struct syncline_record record = { .struct_size = sizeof record };
		struct syncline_error said = { .struct_size = sizeof said };
		struct item *item = &w->items[i];
		uint32_t item_result;

		if (item->state != WAITING)
			continue;
		if (syncline_cancelled(c->call)) {
			result = syncline_fail_cancelled(err);
			break;
		}
		item_result = c->batch->record(w->batch, i, &record);
		if (item_result == SYNCLINE_OK)
			item_result = write_item(w, &record, item, &said);
		if (item_result == SYNCLINE_OK) {
			item->state = WRITTEN;
		} else if (w->fatal) {
			result = item_result;
			if (err != NULL)
				SYNCLINE_GIVE(err, &said);
		} else {
			result = set_failed(item, item_result, &said, err);
			if (result == SYNCLINE_OK && sqlite3_get_autocommit(c->db)) {
				*ret_again = 1;
				return SYNCLINE_OK;
			}
		}
	}
	if (result == SYNCLINE_OK)
		return commit(w, ret_broken_reference, err);
	syncline_applied(err, sqlite3_get_autocommit(c->db) || sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK ? SYNCLINE_APPLIED_NO
	                                                                                                                 : SYNCLINE_APPLIED_MAYBE);
	return result;
}

static void
report(struct writer *w, const struct syncline_results *results, uint32_t index)
{
	struct item *item = &w->items[index];
	struct syncline_write_result result = { .struct_size = sizeof result, .error_class = item->error_class, .error = item->error };
	struct syncline_record stored = syncline_record(SYNCLINE_OP_SEEN);

	if (item->state == WAITING)
		return;
	if (item->id_at != NONE)
		result.native_id = syncline_slice(w->bytes.data + item->id_at, item->id_length);
	if (item->version_at != NONE)
		result.version = syncline_slice(w->bytes.data + item->version_at, item->version_length);
	if (item->values_at != NONE) {
		struct syncline_value *values = (struct syncline_value *)(void *)(w->values.data + item->values_at);

		for (uint32_t i = 0; i < w->plan.field_count; i++)
			if (values[i].reserved == IN_BATCH)
				values[i].reserved = 0;
			else if (values[i].length > 0)
				values[i].u.data = w->bytes.data + values[i].u.integer;
		stored.native_id = syncline_text(result.native_id.data, result.native_id.length);
		if (item->version_at != NONE)
			stored.version = syncline_text(result.version.data, result.version.length);
		stored.values = values;
		stored.value_count = w->plan.field_count;
		result.stored = &stored;
	}
	results->report(results, index, &result);
}

/* Runs the items from `first` to `end` until they are committed or have failed, and reports them. */
static uint32_t
run(struct writer *w, uint32_t first, uint32_t end, const struct syncline_results *results, int *ret_broken_reference, struct syncline_error *err)
{
	uint32_t result;
	int again;

	do {
		again = 0;
		syncline_buffer_clear(&w->bytes);
		syncline_buffer_clear(&w->values);
		for (uint32_t i = first; i < end; i++)
			if (w->items[i].state != FAILED)
				forget(&w->items[i]);
		result = transaction(w, first, end, &again, ret_broken_reference, err);
	} while (result == SYNCLINE_OK && again);
	for (uint32_t i = first; i < end; i++)
		if (result == SYNCLINE_OK || w->items[i].state == FAILED)
			if (!*ret_broken_reference)
				report(w, results, i);
	return result;
}

/* After a broken reference at COMMIT: alone, each item shows whether it is the one. */
static uint32_t
run_alone(struct writer *w, const struct syncline_results *results, struct syncline_error *err)
{
	for (uint32_t i = 0; i < w->count; i++) {
		struct syncline_error said = { .struct_size = sizeof said };
		uint32_t result;
		int broken = 0;

		if (w->items[i].state == FAILED) {
			report(w, results, i);
			continue;
		}
		result = run(w, i, i + 1, results, &broken, &said);
		if (broken) {
			struct syncline_record record = { .struct_size = sizeof record };

			if (w->plan.c->batch->record(w->batch, i, &record) == SYNCLINE_OK)
				result = still_referenced(w, (int)said.remote_status, record.op, result, &said);
			result = set_failed(&w->items[i], result, &said, err);
			if (result == SYNCLINE_OK)
				report(w, results, i);
		} else if (result != SYNCLINE_OK && err != NULL) {
			SYNCLINE_GIVE(err, &said);
		}
		if (result != SYNCLINE_OK)
			return result;
	}
	return SYNCLINE_OK;
}

static void
close_writer(struct writer *w)
{
	for (uint32_t i = 0; w->items != NULL && i < w->count; i++)
		free(w->items[i].error);
	free(w->items);
	free(w->plan.columns);
	free(w->plan.field_of);
	free(w->plan.mask);
	free(w->scratch.data);
	syncline_buffer_free(&w->plan.key);
	syncline_buffer_free(&w->bytes);
	syncline_buffer_free(&w->values);
}

static uint32_t
write_batch(void *instance, const struct syncline_call *call, const struct syncline_object *their_object, struct syncline_batch *batch,
            const struct syncline_results *results, struct syncline_error *err)
{
	struct instance *c = instance;
	struct syncline_object object;
	struct writer w = { .batch = batch };
	uint32_t result;
	int broken = 0;

	SYNCLINE_COPY(&object, their_object);
	syncline_buffer_init(&w.bytes, 256 * 1024 * 1024);
	syncline_buffer_init(&w.values, 256 * 1024 * 1024);
	result = connection_use(c, call, err);
	if (result == SYNCLINE_OK)
		result = open_plan(&w.plan, c, &object, batch, err);
	if (result == SYNCLINE_OK) {
		w.count = c->batch->record_count(batch);
		w.items = calloc(w.count > 0 ? w.count : 1, sizeof *w.items);
		if (w.items == NULL || scratch_init(&w.scratch, w.plan.table->column_count) != 0)
			result = syncline_fail_memory(err);
		if (result != SYNCLINE_OK)
			syncline_applied(err, SYNCLINE_APPLIED_NO);
	}
	if (result == SYNCLINE_OK && w.count > 0)
		result = run(&w, 0, w.count, results, &broken, err);
	if (broken)
		result = run_alone(&w, results, err);
	close_writer(&w);
	connection_done(c);
	return result;
}

const struct syncline_sink_v1 sink_part = { .struct_size = sizeof sink_part, .write = write_batch };
