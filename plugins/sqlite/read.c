/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read.c: source/1.  Each batch is one SELECT that begins behind the last row of the batch before, so that no read
 * transaction outlives a batch and the owner of the database is never kept from writing or checkpointing.
 *
 *     full    NULL KEYS (rejects) -> KEYS in the order of the key -> end
 *     delta   NULL KEYS -> UNORDERED: rows without a mark, or with one far in the future or of another form (mark.c) -> MARKS by
 *             (mark, key) -> end
 *
 * The next page begins at >= the last row and leaves out what was given already; so keys that are not unique lose nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "sqlite.h"

#define P_KEY 1     /* parameters: the key's parts from here */
#define P_LOWER 20
#define P_UPPER 21
#define P_LIMIT 22
#define P_OFFSET 23
#define P_TENANT 24
#define DAY_US (INT64_C(86400) * 1000000)
#define TENANTS_MAX 500u

enum phase { NULL_KEYS, UNORDERED, KEYS, MARKS, ENDED };

struct reader {
	struct instance *c;
	struct table *table;
	struct rows rows;
	int *columns;
	struct syncline_buffer mark;  /* the expression, ended by NUL */
	struct syncline_buffer bytes; /* the position that next() hands out */
	struct position start;        /* where a delta began */
	struct position at;           /* the last row */
	struct cell upper;            /* SQLITE_NULL: no row has a mark */
	char **tenants;
	struct syncline_completeness *completeness;
	uint32_t tenant_count;
	enum phase phase;
	int full, resumed, incomplete;
	uint64_t offset;   /* of NULL_KEYS */
	uint64_t equal;    /* rows given that stand at the last row's place in the order */
	uint64_t left;     /* of a sample */
	uint64_t expected;
	int form;          /* of the marks that are compared; MARK_NONE: there is none */
	uint64_t odd;      /* rows given whose mark is of no such form */
	char odd_id[200];  /* the first of them */
	struct syncline_buffer last_id;
};

/* The latest mark that is not null.  max() of several is null when one is, hence the rotated coalesce(). */
static void
mark_expression(const struct table *t, struct syncline_buffer *b)
{
	if (t->mark_count == 1)
		syncline_buffer_text(b, table_column_sql(t, t->mark[0]));
	if (t->mark_count < 2)
		return;
	syncline_buffer_text(b, "max(");
	for (uint32_t i = 0; i < t->mark_count; i++) {
		syncline_buffer_text(b, i > 0 ? ", coalesce(" : "coalesce(");
		for (uint32_t k = 0; k < t->mark_count; k++)
			syncline_buffer_format(b, "%s%s", k > 0 ? ", " : "", table_column_sql(t, t->mark[(i + k) % t->mark_count]));
		syncline_buffer_char(b, ')');
	}
	syncline_buffer_char(b, ')');
}

static void
key_list(const struct table *t, struct syncline_buffer *b, const char *before)
{
	for (uint32_t i = 0; i < t->key_count; i++)
		syncline_buffer_format(b, "%s%s", i > 0 ? ", " : before, table_column_sql(t, t->key[i]));
}

static void
parameter_list(const struct table *t, struct syncline_buffer *b, const char *before)
{
	for (uint32_t i = 0; i < t->key_count; i++)
		syncline_buffer_format(b, "%s?%u", i > 0 ? ", " : before, P_KEY + i);
}

/* 1 where the row stands at the very place where the last batch ended. */
static void
equal_column(const struct reader *r, struct syncline_buffer *b)
{
	const struct table *t = r->table;

	if (r->at.key_count == 0) {
		syncline_buffer_text(b, "0");
		return;
	}
	for (uint32_t i = 0; i < t->key_count; i++)
		syncline_buffer_format(b, "%s%s IS ?%u", i > 0 ? " AND " : "", table_column_sql(t, t->key[i]), P_KEY + i);
	if (r->phase == MARKS)
		syncline_buffer_format(b, " AND %s IS ?%u", r->mark.data, P_LOWER);
}

/* `joiner (k1, k2) >= (?1, ?2)`, with the mark before the key where the order has it. */
static void
place_condition(const struct reader *r, struct syncline_buffer *b, const char *joiner)
{
	const struct table *t = r->table;
	int with_mark = r->phase == MARKS, brackets = with_mark || t->key_count > 1;

	syncline_buffer_text(b, joiner);
	syncline_buffer_text(b, brackets ? "(" : "");
	if (with_mark)
		syncline_buffer_format(b, "%s, ", r->mark.data);
	key_list(t, b, "");
	syncline_buffer_text(b, brackets ? ") >= (" : " >= ");
	if (with_mark)
		syncline_buffer_format(b, "?%u, ", P_LOWER);
	parameter_list(t, b, "");
	syncline_buffer_text(b, brackets ? ")" : "");
}

static void
null_keys_condition(const struct reader *r, struct syncline_buffer *b, const char *joiner)
{
	const struct table *t = r->table;

	syncline_buffer_format(b, "%s(", joiner);
	for (uint32_t i = 0; i < t->key_count; i++)
		syncline_buffer_format(b, "%s%s IS NULL", i > 0 ? " OR " : "", table_column_sql(t, t->key[i]));
	syncline_buffer_char(b, ')');
	if (!r->full && r->start.has_mark)
		syncline_buffer_format(b, " AND (%s >= ?%u OR %s IS NULL OR NOT syncline_mark_is(%s, %d))", r->mark.data, P_LOWER, r->mark.data,
		                       r->mark.data, r->form);
}

static void
phase_condition(const struct reader *r, struct syncline_buffer *b, const char *joiner)
{
	const struct table *t = r->table;

	if (r->phase == NULL_KEYS) {
		null_keys_condition(r, b, joiner);
		return;
	}
	if (r->phase == UNORDERED) {
		syncline_buffer_format(b, "%s(%s IS NULL OR %s > ?%u OR NOT syncline_mark_is(%s, %d))", joiner, r->mark.data, r->mark.data, P_UPPER,
		                       r->mark.data, r->form);
		joiner = " AND ";
	} else if (r->phase == MARKS) {
		/* The plain comparisons are the ones that an index on the mark serves. */
		syncline_buffer_format(b, "%s%s <= ?%u AND syncline_mark_is(%s, %d)", joiner, r->mark.data, P_UPPER, r->mark.data, r->form);
		joiner = " AND ";
		if (r->at.has_mark)
			syncline_buffer_format(b, " AND %s >= ?%u", r->mark.data, P_LOWER);
	}
	if (r->at.key_count > 0) {
		place_condition(r, b, joiner);
		joiner = " AND ";
	}
	for (uint32_t i = 0; t->key_nullable && i < t->key_count; i++, joiner = " AND ")
		syncline_buffer_format(b, "%s%s IS NOT NULL", joiner, table_column_sql(t, t->key[i]));
}

static const char *
tenant_condition(const struct reader *r, struct syncline_buffer *b, const char *joiner)
{
	const struct table *t = r->table;

	if (r->tenant_count == 0)
		return joiner;
	syncline_buffer_format(b, table_affinity(t, t->tenant) == AFFINITY_BLOB || t->is_view ? "%sCAST(%s AS TEXT) IN (" : "%s%s IN (", joiner,
	                       table_column_sql(t, t->tenant));
	for (uint32_t i = 0; i < r->tenant_count; i++)
		syncline_buffer_format(b, "%s?%u", i > 0 ? ", " : "", P_TENANT + i);
	syncline_buffer_char(b, ')');
	return " AND ";
}

/* Result columns: equal, the mark if there is one, then those of rows_select. */
static void
page_sql(const struct reader *r, struct syncline_buffer *b)
{
	const struct table *t = r->table;
	const char *joiner;

	syncline_buffer_text(b, "SELECT ");
	equal_column(r, b);
	syncline_buffer_format(b, ", %s, ", r->table->mark_count > 0 ? r->mark.data : "NULL");
	rows_select(&r->rows, b);
	syncline_buffer_format(b, " FROM main.%s", t->quoted);
	joiner = append_where(b, t, " WHERE ");
	joiner = tenant_condition(r, b, joiner);
	phase_condition(r, b, joiner);
	if (r->phase == MARKS)
		syncline_buffer_format(b, " ORDER BY %s", r->mark.data);
	if (r->phase != NULL_KEYS)
		key_list(t, b, r->phase == MARKS ? ", " : " ORDER BY ");
	syncline_buffer_format(b, " LIMIT ?%u", P_LIMIT);
	if (r->phase == NULL_KEYS)
		syncline_buffer_format(b, " OFFSET ?%u", P_OFFSET);
}

static uint32_t
bind_page(struct reader *r, sqlite3_stmt *s, int64_t limit, struct syncline_error *err)
{
	int rc = cell_bind(s, P_LOWER, r->phase == NULL_KEYS ? &r->start.mark : &r->at.mark);

	for (uint32_t i = 0; rc == SQLITE_OK && i < r->at.key_count; i++)
		rc = cell_bind(s, P_KEY + (int)i, &r->at.key[i]);
	if (rc == SQLITE_OK)
		rc = cell_bind(s, P_UPPER, &r->upper);
	if (rc == SQLITE_OK)
		rc = sqlite3_bind_int64(s, P_LIMIT, limit);
	if (rc == SQLITE_OK && r->phase == NULL_KEYS)
		rc = sqlite3_bind_int64(s, P_OFFSET, (int64_t)r->offset);
	for (uint32_t i = 0; rc == SQLITE_OK && i < r->tenant_count; i++)
		rc = sqlite3_bind_text(s, P_TENANT + (int)i, r->tenants[i], -1, SQLITE_STATIC);
	return rc == SQLITE_OK ? SYNCLINE_OK : connection_fail(r->c, rc, err, "Reading %s failed", r->table->name);
}

static uint32_t
page(struct reader *r, sqlite3_stmt **ret_statement, int64_t *ret_limit, struct syncline_error *err)
{
	struct syncline_buffer sql;
	sqlite3_stmt *s;
	uint32_t result;

	syncline_buffer_init(&sql, 4 * 1024 * 1024);
	page_sql(r, &sql);
	result = connection_prepare_buffer(r->c, &sql, 0, &s, err);
	syncline_buffer_free(&sql);
	if (result != SYNCLINE_OK)
		return result;
	*ret_limit = BATCH_ROWS + (int64_t)r->equal;
	result = bind_page(r, s, *ret_limit, err);
	if (result == SYNCLINE_OK)
		*ret_statement = s;
	else
		sqlite3_finalize(s);
	return result;
}

static void
next_phase(struct reader *r)
{
	switch (r->phase) {
	case NULL_KEYS:
		r->phase = r->full ? KEYS : UNORDERED;
		break;
	case UNORDERED:
		r->phase = r->upper.type == SQLITE_NULL ? ENDED : MARKS;
		break;
	default:
		r->phase = ENDED;
	}
	r->equal = 0;
	syncline_buffer_clear(&r->last_id);
	if (r->phase != KEYS) { /* a resumed full read goes on behind its key */
		for (uint32_t i = 0; i < r->at.key_count; i++)
			cell_free(&r->at.key[i]);
		r->at.key_count = 0;
	}
}

/* Where the last row stood, for the next page. */
static uint32_t
remember(struct reader *r, sqlite3_stmt *s, struct syncline_error *err)
{
	int failed = 0;

	if (r->phase == NULL_KEYS)
		return SYNCLINE_OK;
	if (r->phase == MARKS) {
		failed = cell_read(s, 1, &r->at.mark);
		r->at.has_mark = 1;
	}
	for (uint32_t i = 0; i < r->table->key_count; i++)
		failed |= cell_read(s, 3 + (int)i, &r->at.key[i]);
	r->at.key_count = r->table->key_count;
	return failed != 0 ? syncline_fail_memory(err) : SYNCLINE_OK;
}

/* Two rows with one native id: the second can't be told from the first. */
static int
look_for_twin(struct reader *r, struct syncline_record *record)
{
	size_t length = record->native_id.length;
	const void *id = record->native_id.u.data;

	if (record->native_id.type != SYNCLINE_TYPE_TEXT)
		return 0;
	if (r->equal > 0 && r->last_id.length == length && (length == 0 || memcmp(r->last_id.data, id, length) == 0)) {
		r->equal++;
		if (r->phase == KEYS && record->op == SYNCLINE_OP_SEEN) {
			record->op = SYNCLINE_OP_REJECT;
			record->value_count = 0;
			record->note = syncline_string("Another row has the same key: name columns that tell the rows apart in `key`, or correct "
			                               "one of the rows in the database.");
		}
		return 0;
	}
	r->equal = 1;
	syncline_buffer_clear(&r->last_id);
	return syncline_buffer_append(&r->last_id, id, length);
}

/* A mark that can't be compared with the others: the row is read each time, and its owner is told. */
static int
look_for_odd_mark(struct reader *r, sqlite3_stmt *s, const struct syncline_record *record)
{
	struct cell mark = { .type = SQLITE_NULL };

	if (r->phase == MARKS || r->form == MARK_NONE || sqlite3_column_type(s, 1) == SQLITE_NULL)
		return 0;
	if (cell_read(s, 1, &mark) != 0)
		return -1;
	if (!mark_fits(mark_form(&mark), r->form) && r->odd++ == 0) {
		char text[48];

		if (mark.type == SQLITE_TEXT)
			snprintf(text, sizeof text, "\"%.*s\"", mark.length < 40 ? (int)mark.length : 40, mark.data);
		else
			snprintf(text, sizeof text, "%s", mark.type == SQLITE_BLOB ? "bytes" : "a number");
		snprintf(r->odd_id, sizeof r->odd_id, "%.*s with %s", record->native_id.length < 100 ? (int)record->native_id.length : 100,
		         record->native_id.type == SYNCLINE_TYPE_TEXT ? (const char *)record->native_id.u.data : "", text);
	}
	cell_free(&mark);
	return 0;
}

static void
say_odd_marks(const struct reader *r)
{
	char text[600];

	if (r->odd == 0 || r->c->log == NULL)
		return;
	snprintf(text, sizeof text, "%llu row%s of %.100s ha%s a mark in %.60s that can't be compared with the others and %s read each time: "
	         "first %s. Correct %s there.", (unsigned long long)r->odd, r->odd == 1 ? "" : "s", r->table->name, r->odd == 1 ? "s" : "ve",
	         table_column_name(r->table, r->table->mark[0]), r->odd == 1 ? "is" : "are", r->odd_id, r->odd == 1 ? "it" : "them");
	r->c->log->write(r->c->host, SYNCLINE_LOG_WARNING, text);
}

static uint32_t
take_row(struct reader *r, sqlite3_stmt *s, struct syncline_batch *batch, uint64_t *skip, struct syncline_error *err)
{
	struct syncline_record record;
	uint32_t result;

	if (*skip > 0 && sqlite3_column_int(s, 0) == 1) {
		--*skip;
		return SYNCLINE_OK;
	}
	*skip = 0;
	result = rows_record(&r->rows, s, 2, &record, err);
	if (result != SYNCLINE_OK)
		return result;
	if (record.native_id.type == SYNCLINE_TYPE_ABSENT)
		r->incomplete = 1;
	if (look_for_odd_mark(r, s, &record) != 0)
		return syncline_fail_memory(err);
	if (look_for_twin(r, &record) != 0)
		return syncline_fail_memory(err);
	result = rows_add(&r->rows, batch, &record, err);
	if (record.native_id.type == SYNCLINE_TYPE_ABSENT)
		r->incomplete = 1;
	if (r->phase == NULL_KEYS)
		r->offset++;
	if (r->left != UINT64_MAX)
		r->left--;
	return result;
}

/* Rows of the current phase until the batch is full, or the phase is over. */
static uint32_t
fill(struct reader *r, struct syncline_batch *batch, struct syncline_error *err)
{
	uint64_t skip = r->equal;
	int64_t limit, taken = 0;
	sqlite3_stmt *s;
	uint32_t result = page(r, &s, &limit, err);
	int rc = SQLITE_DONE;

	if (result != SYNCLINE_OK)
		return result;
	while (result == SYNCLINE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		result = take_row(r, s, batch, &skip, err);
		taken++;
		if (result == SYNCLINE_OK && (taken == limit || r->left == 0 || r->c->batch->full(batch))) {
			result = remember(r, s, err);
			break;
		}
	}
	if (result == SYNCLINE_OK && rc == SQLITE_DONE)
		next_phase(r);
	else if (result == SYNCLINE_OK && rc != SQLITE_ROW)
		result = connection_fail(r->c, rc, err, "Reading %s failed", r->table->name);
	sqlite3_finalize(s);
	if (r->left == 0 && r->phase != ENDED) {
		r->phase = ENDED;
		r->incomplete = 1;
	}
	return result;
}

static uint32_t
hand_out_position(struct reader *r, struct syncline_read_state *state, struct syncline_error *err)
{
	struct position p = { 0 };
	uint32_t result = SYNCLINE_OK;
	int failed = 0;

	if (r->phase == ENDED && r->left != 0) {
		p.kind = r->upper.type != SQLITE_NULL ? POSITION_DELTA : r->start.has_mark ? POSITION_DELTA : POSITION_END;
		p.has_mark = p.kind == POSITION_DELTA;
		if (p.has_mark)
			failed = cell_copy(&p.mark, r->upper.type != SQLITE_NULL ? &r->upper : &r->start.mark);
	} else if (r->full) {
		failed = r->phase == KEYS || r->phase == ENDED ? position_copy(&p, &r->at) : 0;
		p.kind = POSITION_FULL;
		p.has_mark = r->upper.type != SQLITE_NULL;
		failed |= cell_copy(&p.mark, &r->upper);
	} else {
		failed = position_copy(&p, r->phase == MARKS && r->at.key_count > 0 ? &r->at : &r->start);
		p.kind = POSITION_DELTA;
	}
	if (failed != 0)
		result = syncline_fail_memory(err);
	else
		result = position_write(&p, r->table, &r->bytes, err);
	position_free(&p);
	state->position = syncline_slice(r->bytes.data, r->bytes.length);
	return result;
}

static uint32_t
next(void *reader, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *ret_state, struct syncline_error *err)
{
	struct reader *r = reader;
	struct syncline_read_state state = { .struct_size = sizeof state };
	uint32_t result = connection_use(r->c, call, err);

	if (result == SYNCLINE_OK)
		result = rows_set_fields(&r->rows, batch, err);
	while (result == SYNCLINE_OK && r->phase != ENDED && !r->c->batch->full(batch)) {
		result = syncline_cancelled(call) ? syncline_fail_cancelled(err) : fill(r, batch, err);
		if (result != SYNCLINE_OK && err != NULL)
			syncline_applied(err, SYNCLINE_APPLIED_NO);
	}
	if (result == SYNCLINE_OK)
		result = hand_out_position(r, &state, err);
	connection_done(r->c);
	if (result != SYNCLINE_OK)
		return result;
	state.end = r->phase == ENDED;
	if (state.end)
		say_odd_marks(r);
	state.expected = r->expected;
	if (state.end && r->full) {
		uint32_t complete = !r->resumed && !r->incomplete;

		for (uint32_t i = 0; i < (r->tenant_count > 0 ? r->tenant_count : 1); i++)
			r->completeness[i] = (struct syncline_completeness){ .tenant = r->tenant_count > 0 ? r->tenants[i] : NULL, .complete = complete };
		state.completeness = r->completeness;
		state.completeness_count = r->tenant_count > 0 ? r->tenant_count : 1;
	}
	SYNCLINE_GIVE(ret_state, &state);
	return SYNCLINE_OK;
}

static void
close_read(void *reader)
{
	struct reader *r = reader;

	if (r == NULL)
		return;
	for (uint32_t i = 0; i < r->tenant_count; i++)
		free(r->tenants[i]);
	free(r->tenants);
	free(r->completeness);
	rows_free(&r->rows);
	free(r->columns);
	syncline_buffer_free(&r->mark);
	syncline_buffer_free(&r->bytes);
	syncline_buffer_free(&r->last_id);
	position_free(&r->start);
	position_free(&r->at);
	cell_free(&r->upper);
	table_free(r->table);
	free(r);
}

/* `us` microseconds before or after a text that begins like 2026-02-28 12:30:00, in the same form, without fraction or zone. */
static int
shift_text(struct cell *cell, int64_t us)
{
	char text[64];
	size_t length, keep = cell->length >= 19 ? 19 : cell->length >= 16 ? 16 : 10;
	int64_t time, days;

	if (cell->length < 10)
		return -1;
	if (keep == 10) {
		if (syncline_text_to_date(NULL, cell->data, 10, &days) != 0)
			return -1;
		time = days * DAY_US;
	} else if (syncline_text_to_timestamp(NULL, cell->data, keep, &time, NULL) != 0) {
		return -1;
	}
	time += us;
	time -= ((time % 1000000) + 1000000) % 1000000;
	if (syncline_timestamp_to_text("YYYY-MM-DD HH:MI:SS", time, text, sizeof text, &length) != 0 || length < keep)
		return -1;
	if (keep > 10)
		text[10] = cell->data[10];
	memcpy(cell->data, text, keep);
	cell->length = keep;
	return 0;
}

/* Microseconds that one step of a numeric mark counts, 0: it isn't time. */
static int64_t
unit_of(const struct syncline_object *object)
{
	const char *unit = syncline_setting_text(object->settings, NULL, "mark_unit", "counter");

	return strcmp(unit, "seconds") == 0 ? 1000000 : strcmp(unit, "milliseconds") == 0 ? 1000 : strcmp(unit, "microseconds") == 0 ? 1
	     : strcmp(unit, "days") == 0 ? DAY_US : 0;
}

static void
go_back(struct cell *mark, int64_t overlap_us, int64_t unit)
{
	int64_t steps = unit > 0 ? overlap_us / unit + (overlap_us % unit != 0) : 0;

	if (overlap_us <= 0)
		return;
	if (mark->type == SQLITE_TEXT)
		shift_text(mark, -overlap_us);
	else if (mark->type == SQLITE_INTEGER && mark->integer > INT64_MIN + steps)
		mark->integer -= steps;
	else if (mark->type == SQLITE_FLOAT && unit > 0)
		mark->real -= (double)overlap_us / (double)unit;
}

/*
 * A mark in the far future would hide everything that comes after it.  The bound is then the present; rows beyond it are
 * read every time, like those without a mark.
 */
static int
bound_by_now(struct reader *r, const struct syncline_object *object)
{
	int64_t now = r->c->clock->wall_us(r->c->host), unit = unit_of(object), time;
	struct cell *upper = &r->upper;
	size_t keep = upper->length >= 19 ? 19 : 16;

	if (upper->type == SQLITE_INTEGER && unit > 0 && unit < DAY_US && upper->integer > (now + DAY_US) / unit) {
		upper->integer = now / unit;
	} else if (upper->type == SQLITE_TEXT && upper->length >= 10) {
		if (upper->length < 16) {
			if (syncline_text_to_date(NULL, upper->data, 10, &time) != 0)
				return 0;
			time *= DAY_US;
		} else if (syncline_text_to_timestamp(NULL, upper->data, keep, &time, NULL) != 0) {
			return 0;
		}
		if (time > now + DAY_US)
			return shift_text(upper, now - time);
	}
	return 0;
}

/* The first column of the first row of `SELECT what FROM the table tail`; null without a row. */
static uint32_t
ask(struct reader *r, const char *what, const char *condition, const char *tail, struct cell *ret_cell, struct syncline_error *err)
{
	struct syncline_buffer sql;
	const char *joiner;
	sqlite3_stmt *s;
	uint32_t result;
	int rc;

	syncline_buffer_init(&sql, 4 * 1024 * 1024);
	syncline_buffer_format(&sql, "SELECT %s FROM main.%s", what, r->table->quoted);
	joiner = append_where(&sql, r->table, " WHERE ");
	if (condition[0] != '\0')
		syncline_buffer_format(&sql, "%s%s", joiner, condition);
	syncline_buffer_text(&sql, tail);
	result = connection_prepare_buffer(r->c, &sql, 0, &s, err);
	syncline_buffer_free(&sql);
	if (result != SYNCLINE_OK)
		return result;
	rc = sqlite3_step(s);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		result = connection_fail(r->c, rc, err, "The marks of %s can't be read", r->table->name);
	else if (rc == SQLITE_ROW && cell_read(s, 0, ret_cell) != 0)
		result = syncline_fail_memory(err);
	sqlite3_finalize(s);
	return result;
}

/* The form that most marks have. */
static uint32_t
choose_form(struct reader *r, const struct syncline_object *object, struct syncline_error *err)
{
	struct cell form = { .type = SQLITE_NULL };
	struct syncline_buffer what;
	uint32_t result;

	syncline_buffer_init(&what, 4 * 1024 * 1024);
	syncline_buffer_format(&what, "syncline_mark_form(%s)", r->mark.data);
	result = syncline_buffer_string(&what) == NULL || what.failed ? syncline_fail_memory(err) : ask(r, what.data, "", "", &form, err);
	syncline_buffer_free(&what);
	if (result != SYNCLINE_OK)
		return result;
	r->form = form.type == SQLITE_INTEGER ? (int)form.integer : MARK_NONE;
	if (form.type == SQLITE_NULL || r->form != MARK_NONE || object->reads == SYNCLINE_READS_FULL)
		return SYNCLINE_OK;
	result = syncline_fail(err, SYNCLINE_CONFIG, "No mark in %s of %s can be compared with another: none is a number or a time written year first.",
	                       table_column_name(r->table, r->table->mark[0]), r->table->name);
	syncline_hint(err, "Name a column in `mark` that holds times as 2026-02-28 12:30:00 or numbers, if need be of a view, or set reads = \"full\".");
	return result;
}

static uint32_t
take_upper_bound(struct reader *r, const struct syncline_object *object, struct syncline_error *err)
{
	struct syncline_buffer condition, tail;
	uint32_t result = SYNCLINE_OK;

	if (r->table->mark_count == 0)
		return SYNCLINE_OK;
	if (r->form == MARK_NONE)
		result = choose_form(r, object, err);
	if (result != SYNCLINE_OK || r->form == MARK_NONE)
		return result;
	syncline_buffer_init(&condition, 4 * 1024 * 1024);
	syncline_buffer_init(&tail, 4 * 1024 * 1024);
	syncline_buffer_format(&condition, "syncline_mark_is(%s, %d)", r->mark.data, r->form);
	syncline_buffer_format(&tail, " ORDER BY %s DESC LIMIT 1", r->mark.data);
	if (syncline_buffer_string(&condition) == NULL || syncline_buffer_string(&tail) == NULL || condition.failed || tail.failed)
		result = syncline_fail_memory(err);
	else
		result = ask(r, r->mark.data, condition.data, tail.data, &r->upper, err);
	syncline_buffer_free(&condition);
	syncline_buffer_free(&tail);
	return result == SYNCLINE_OK && bound_by_now(r, object) != 0 ? syncline_fail_memory(err) : result;
}

/* Of one form, as SQLite orders them. */
static int
precedes(const struct cell *a, const struct cell *b)
{
	size_t least = a->length < b->length ? a->length : b->length;
	int order;

	if (a->type == SQLITE_TEXT && b->type == SQLITE_TEXT) {
		order = least > 0 ? memcmp(a->data, b->data, least) : 0;
		return order != 0 ? order < 0 : a->length < b->length;
	}
	if (a->type == SQLITE_INTEGER && b->type == SQLITE_INTEGER)
		return a->integer < b->integer;
	return a->type != SQLITE_TEXT && b->type != SQLITE_TEXT &&
	       (a->type == SQLITE_INTEGER ? (double)a->integer : a->real) < (b->type == SQLITE_INTEGER ? (double)b->integer : b->real);
}

static void
mark_text(const struct cell *mark, char *text, size_t size)
{
	if (mark->type == SQLITE_TEXT)
		snprintf(text, size, "%.*s", mark->length < 40 ? (int)mark->length : 40, mark->data);
	else if (mark->type == SQLITE_INTEGER)
		snprintf(text, size, "%lld", (long long)mark->integer);
	else
		snprintf(text, size, "%.17g", mark->real);
}

/*
 * No row has a mark as late as one that was read before: the database was put back to an older state, or its latest rows were deleted.
 * Behind the position stands nothing of what was put back, and nothing of what is edited until the marks are there again.
 */
static void
say_put_back(const struct reader *r)
{
	char now[64], before[64], text[600];

	if (r->c->log == NULL)
		return;
	mark_text(&r->upper, now, sizeof now);
	mark_text(&r->start.mark, before, sizeof before);
	snprintf(text, sizeof text, "The latest mark in %.60s of %.100s is %s, and %s was read before: the database was put back to an older state, or its "
	         "latest rows were deleted or have other marks. All rows are read anew; which of them are gone, only a full read tells.",
	         table_column_name(r->table, r->table->mark[0]), r->table->name, now, before);
	r->c->log->write(r->c->host, SYNCLINE_LOG_WARNING, text);
}

/*
 * The marks go on in the form in which the position has them.  Where it has none (it was made when any text was a mark), or no row
 * is of that form any more, everything is read anew, and so it is where the marks went back.
 */
static uint32_t
take_form(struct reader *r, const struct syncline_object *object, struct syncline_error *err)
{
	uint32_t result;
	int form = mark_form(&r->start.mark);

	r->form = form == MARK_DATE ? MARK_NONE : form; /* it may stand beside times: see which */
	if (r->full || form == MARK_NONE)
		r->form = MARK_NONE;
	if ((result = take_upper_bound(r, object, err)) != SYNCLINE_OK || r->full)
		return result;
	if (r->upper.type == SQLITE_NULL && r->form != MARK_NONE) {
		r->form = MARK_NONE;
		if ((result = take_upper_bound(r, object, err)) != SYNCLINE_OK)
			return result;
	}
	if (r->form == MARK_NONE)
		return SYNCLINE_OK;
	if (mark_fits(form, r->form) && (r->upper.type == SQLITE_NULL || !precedes(&r->upper, &r->start.mark)))
		return SYNCLINE_OK;
	if (mark_fits(form, r->form))
		say_put_back(r);
	position_free(&r->start);
	r->full = 1;
	return SYNCLINE_OK;
}

static uint32_t
count_rows(struct reader *r, struct syncline_error *err)
{
	struct syncline_buffer sql;
	int64_t count = 0;
	uint32_t result;

	syncline_buffer_init(&sql, 4 * 1024 * 1024);
	syncline_buffer_format(&sql, "SELECT count(*) FROM main.%s", r->table->quoted);
	append_where(&sql, r->table, " WHERE ");
	if (syncline_buffer_string(&sql) == NULL || sql.failed)
		result = syncline_fail_memory(err);
	else
		result = connection_number(r->c, sql.data, 0, &count, err);
	syncline_buffer_free(&sql);
	r->expected = (uint64_t)count;
	return result;
}

static uint32_t
copy_tenants(struct reader *r, const struct syncline_read_request *request, struct syncline_error *err)
{
	uint32_t count = r->table->tenant != NO_COLUMN && request->tenant_count <= TENANTS_MAX ? request->tenant_count : 0;

	r->completeness = calloc(count > 0 ? count : 1, sizeof *r->completeness);
	r->tenants = calloc(count > 0 ? count : 1, sizeof *r->tenants);
	if (r->completeness == NULL || r->tenants == NULL)
		return syncline_fail_memory(err);
	for (; r->tenant_count < count; r->tenant_count++)
		if ((r->tenants[r->tenant_count] = strdup(request->tenants[r->tenant_count])) == NULL)
			return syncline_fail_memory(err);
	return SYNCLINE_OK;
}

/* From where, and in which way, this read goes. */
static uint32_t
begin(struct reader *r, const struct syncline_object *object, const struct syncline_read_request *request, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_OK;

	r->upper.type = SQLITE_NULL;
	r->full = request->full || request->position.length == 0 || object->reads == SYNCLINE_READS_FULL || r->table->mark_count == 0;
	if (!request->full && request->position.length > 0)
		result = position_read(&request->position, r->table, &r->start, err);
	if (result != SYNCLINE_OK)
		return result;
	if (r->start.kind == POSITION_FULL && !request->full) {
		r->full = r->resumed = 1;
		if (position_copy(&r->at, &r->start) != 0 || (r->start.has_mark && cell_copy(&r->upper, &r->start.mark) != 0))
			return syncline_fail_memory(err);
		r->at.has_mark = 0;
	} else if (r->start.kind != POSITION_DELTA) {
		r->full = 1;
	}
	if (!r->resumed)
		result = take_form(r, object, err);
	else if (r->upper.type != SQLITE_NULL)
		r->form = mark_form(&r->upper) != MARK_DATE ? mark_form(&r->upper) : MARK_NONE;
	if (result != SYNCLINE_OK)
		return result;
	if (!r->full) {
		go_back(&r->start.mark, object->overlap_us, unit_of(object));
		/* Rows of the same mark may have come since, before this key: they are read again from the mark's first. */
		r->start.key_count = 0;
		if (position_copy(&r->at, &r->start) != 0)
			return syncline_fail_memory(err);
	}
	r->phase = r->table->key_nullable && !r->resumed ? NULL_KEYS : r->full ? KEYS : UNORDERED;
	if (r->full && request->record_limit == 0)
		result = count_rows(r, err);
	return result;
}

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *their_object,
          const struct syncline_read_request *their_request, void **ret_reader, struct syncline_error *err)
{
	struct instance *c = instance;
	struct syncline_object object;
	struct syncline_read_request request;
	struct reader *r;
	uint32_t result = connection_use(c, call, err);

	SYNCLINE_COPY(&object, their_object);
	SYNCLINE_COPY(&request, their_request);
	if (result != SYNCLINE_OK)
		return result;
	r = calloc(1, sizeof *r);
	if (r == NULL)
		return syncline_fail_memory(err);
	r->c = c;
	r->left = request.record_limit > 0 ? request.record_limit : UINT64_MAX;
	syncline_buffer_init(&r->mark, 65536);
	syncline_buffer_init(&r->bytes, 2 * SYNCLINE_POSITION_MAX);
	syncline_buffer_init(&r->last_id, SYNCLINE_RECORD_MAX);
	result = table_of(c, &object, &r->table, err);
	if (result == SYNCLINE_OK) {
		table_keep(r->table);
		mark_expression(r->table, &r->mark);
		r->columns = calloc(r->table->column_count, sizeof *r->columns);
		if (r->columns == NULL || syncline_buffer_string(&r->mark) == NULL || r->mark.failed)
			result = syncline_fail_memory(err);
	} else {
		r->table = NULL;
	}
	for (uint32_t i = 0; result == SYNCLINE_OK && i < r->table->column_count; i++)
		r->columns[i] = (int)i;
	if (result == SYNCLINE_OK)
		result = rows_init(&r->rows, c, r->table, r->columns, r->table->column_count, err);
	if (result == SYNCLINE_OK)
		result = copy_tenants(r, &request, err);
	if (result == SYNCLINE_OK)
		result = begin(r, &object, &request, err);
	connection_done(c);
	if (result != SYNCLINE_OK) {
		close_read(r);
		return result;
	}
	*ret_reader = r;
	return SYNCLINE_OK;
}

const struct syncline_source_v1 source_part = {
	.struct_size = sizeof source_part,
	.open_read = open_read,
	.next = next,
	.close_read = close_read,
	.get = look_get,
};
