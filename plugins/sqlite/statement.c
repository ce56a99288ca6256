/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * statement.c: the one statement that writes an item.  Statements are kept by what they do and which columns they set: many
 * records share one.  OR ABORT stands in each, so that a table whose constraints say ON CONFLICT IGNORE or REPLACE can't make
 * a row vanish; what a failed statement changed, SQLite takes back itself.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

#define STATEMENTS_MAX 64u

static void
statement_free(struct statement *st)
{
	if (st == NULL)
		return;
	sqlite3_finalize(st->s);
	free(st->mask);
	free(st->set);
	free(st);
}

void
statements_free(struct table *t)
{
	for (struct statement *st = t->statements, *next; st != NULL; st = next) {
		next = st->next;
		statement_free(st);
	}
	t->statements = NULL;
	t->statement_count = 0;
}

static int
is_key(const struct table *t, int column)
{
	for (uint32_t i = 0; i < t->key_count; i++)
		if (t->key[i] == column)
			return 1;
	return 0;
}

int
statement_keeps(const struct statement *st, const struct table *t, uint32_t column)
{
	return st->op != STATEMENT_SELECT && t->columns[column].affinity == AFFINITY_TEXT && t->columns[column].kind == KIND_TEXT;
}

static void
append_returned(struct syncline_buffer *b, const struct plan *p, const struct statement *st)
{
	const struct table *t = p->table;

	for (uint32_t i = 0; i < t->key_count; i++)
		syncline_buffer_format(b, "%s%s", i > 0 ? ", " : "", table_column_sql(t, t->key[i]));
	if (t->version != NO_COLUMN)
		syncline_buffer_format(b, ", %s", table_column_sql(t, t->version));
	/* With triggers the row may change again after RETURNING looked at it: it is selected afterwards. */
	if (t->has_triggers && st->op != STATEMENT_SELECT)
		return;
	for (uint32_t i = 0; i < st->set_count; i++) {
		const struct column *column = &t->columns[st->set[i]];

		if (statement_keeps(st, t, st->set[i]))
			continue;
		syncline_buffer_format(b, ", %s", column->quoted);
		if (column->kind == KIND_JSON)
			syncline_buffer_format(b, ", typeof(%s) = 'text' AND json_valid(%s)", column->quoted, column->quoted);
	}
}

/* The version counts up when the column is a counter and the item says nothing about it. */
static int
counts_version(const struct plan *p)
{
	const struct table *t = p->table;

	return p->count_version && t->version >= 0 && t->columns[t->version].kind == KIND_INTEGER && !p->mask[t->version] &&
	       !t->columns[t->version].generated;
}

static void
append_upsert(struct syncline_buffer *b, const struct plan *p, const struct statement *st)
{
	const struct table *t = p->table;
	const char *external = table_column_sql(t, t->external);
	uint32_t count = 0;

	syncline_buffer_format(b, " ON CONFLICT (%s", external);
	if (t->external_unique == 2)
		syncline_buffer_format(b, ", %s", table_column_sql(t, t->tenant));
	syncline_buffer_text(b, ") DO UPDATE SET ");
	for (uint32_t i = 0; i < st->set_count; i++) {
		int column = (int)st->set[i];

		if (column == t->external || column == t->tenant || is_key(t, column))
			continue;
		syncline_buffer_format(b, "%s%s = excluded.%s", count++ > 0 ? ", " : "", t->columns[column].quoted, t->columns[column].quoted);
	}
	if (counts_version(p))
		syncline_buffer_format(b, "%s%s = coalesce(%s.%s, 0) + 1", count++ > 0 ? ", " : "", t->columns[t->version].quoted, t->quoted,
		                       t->columns[t->version].quoted);
	if (count == 0)
		syncline_buffer_format(b, "%s = excluded.%s", external, external);
}

/*
 * RETURNING makes a table for its rows, which takes a third of the time of a create: where the row's id is the key, SQLite tells it.
 * What else is wanted of the row is selected afterwards.  Not with triggers, which may ignore a row, nor with a version: where a row
 * was there already the statement is asked once more, and would count it twice.
 */
static int
is_by_rowid(const struct plan *p, const struct statement *st)
{
	const struct table *t = p->table;

	return st->op == SYNCLINE_OP_CREATE && !st->conditional && !t->has_triggers && t->version == NO_COLUMN && !t->without_rowid &&
	       t->key_count == 1 &&
	       (t->key[0] == ROWID || (t->key[0] >= 0 && t->key[0] == t->rowid_alias && !st->mask[t->key[0]])) &&
	       (t->rowid_alias < 0 || !st->mask[t->rowid_alias]);
}

int
statement_wants_row(const struct statement *st, const struct table *t)
{
	for (uint32_t i = 0; i < st->set_count; i++)
		if (!statement_keeps(st, t, st->set[i]))
			return 1;
	return 0;
}

static void
create_sql(struct syncline_buffer *b, const struct plan *p, const struct statement *st)
{
	const struct table *t = p->table;

	syncline_buffer_format(b, "INSERT OR ABORT INTO main.%s ", t->quoted);
	for (uint32_t i = 0; i < st->set_count; i++)
		syncline_buffer_format(b, "%s%s", i > 0 ? ", " : "(", t->columns[st->set[i]].quoted);
	for (uint32_t i = 0; i < st->set_count; i++)
		syncline_buffer_format(b, "%s?%u", i > 0 ? ", " : ") VALUES (", i + 1);
	syncline_buffer_text(b, st->set_count > 0 ? ")" : "DEFAULT VALUES");
	if (t->external != NO_COLUMN)
		append_upsert(b, p, st);
	if (st->by_rowid)
		return;
	syncline_buffer_text(b, " RETURNING ");
	append_returned(b, p, st);
}

static void
append_match(struct syncline_buffer *b, const struct plan *p, struct statement *st, int parameter)
{
	const struct table *t = p->table;

	st->key_parameter = parameter;
	syncline_buffer_text(b, " WHERE ");
	append_key_match(b, t, parameter);
	if (!st->conditional)
		return;
	st->version_parameter = parameter + (int)t->key_count;
	syncline_buffer_format(b, table_affinity(t, t->version) == AFFINITY_BLOB ? " AND CAST(%s AS TEXT) = ?%d" : " AND %s = ?%d",
	                       table_column_sql(t, t->version), st->version_parameter);
}

static void
update_sql(struct syncline_buffer *b, const struct plan *p, struct statement *st)
{
	const struct table *t = p->table;
	uint32_t count = 0;

	syncline_buffer_format(b, "UPDATE OR ABORT main.%s SET ", t->quoted);
	for (; count < st->set_count; count++)
		syncline_buffer_format(b, "%s%s = ?%u", count > 0 ? ", " : "", t->columns[st->set[count]].quoted, count + 1);
	if (counts_version(p))
		syncline_buffer_format(b, "%s%s = coalesce(%s, 0) + 1", count++ > 0 ? ", " : "", t->columns[t->version].quoted,
		                       t->columns[t->version].quoted);
	if (count == 0)
		syncline_buffer_format(b, "%s = %s", table_column_sql(t, t->key[0]), table_column_sql(t, t->key[0]));
	append_match(b, p, st, (int)st->set_count + 1);
	syncline_buffer_text(b, " RETURNING ");
	append_returned(b, p, st);
}

static uint32_t
build(struct plan *p, struct statement *st, struct syncline_error *err)
{
	struct syncline_buffer sql;
	uint32_t result;

	syncline_buffer_init(&sql, 8 * 1024 * 1024);
	switch (st->op) {
	case SYNCLINE_OP_CREATE:
		create_sql(&sql, p, st);
		break;
	case SYNCLINE_OP_UPDATE:
		update_sql(&sql, p, st);
		break;
	case SYNCLINE_OP_DELETE:
		syncline_buffer_format(&sql, "DELETE FROM main.%s", p->table->quoted);
		append_match(&sql, p, st, 1);
		syncline_buffer_text(&sql, " RETURNING 1");
		break;
	default:
		syncline_buffer_text(&sql, "SELECT ");
		append_returned(&sql, p, st);
		syncline_buffer_format(&sql, " FROM main.%s", p->table->quoted);
		append_match(&sql, p, st, 1);
	}
	result = connection_prepare_buffer(p->c, &sql, SQLITE_PREPARE_PERSISTENT, &st->s, err);
	syncline_buffer_free(&sql);
	return result;
}

static uint32_t
make(struct plan *p, int op, int conditional, struct statement **ret, struct syncline_error *err)
{
	uint32_t columns = p->table->column_count, result;
	struct statement *st = calloc(1, sizeof *st);

	if (st == NULL || (st->mask = malloc(columns)) == NULL || (st->set = calloc(columns, sizeof *st->set)) == NULL) {
		statement_free(st);
		return syncline_fail_memory(err);
	}
	st->op = op;
	st->conditional = conditional;
	memcpy(st->mask, p->mask, columns);
	for (uint32_t i = 0; i < columns; i++)
		if (p->mask[i])
			st->set[st->set_count++] = i;
	st->by_rowid = is_by_rowid(p, st);
	result = build(p, st, err);
	if (result != SYNCLINE_OK) {
		statement_free(st);
		return result;
	}
	*ret = st;
	return SYNCLINE_OK;
}

uint32_t
statement_for(struct plan *p, int op, int conditional, struct statement **ret_statement, struct syncline_error *err)
{
	struct table *t = p->table;
	struct statement **at, *st;
	uint32_t result;

	for (at = &t->statements; (st = *at) != NULL; at = &st->next)
		if (st->op == op && st->conditional == conditional && memcmp(st->mask, p->mask, t->column_count) == 0)
			break;
	if (st != NULL) {
		*at = st->next;
		t->statement_count--;
	} else {
		if (t->statement_count >= STATEMENTS_MAX) {
			assert(t->statements != NULL); /* that many are counted */
			for (at = &t->statements; (*at)->next != NULL; at = &(*at)->next)
				;
			statement_free(*at);
			*at = NULL;
			t->statement_count--;
		}
		result = make(p, op, conditional, &st, err);
		if (result != SYNCLINE_OK)
			return result;
	}
	st->next = t->statements;
	t->statements = st;
	t->statement_count++;
	*ret_statement = st;
	return SYNCLINE_OK;
}
