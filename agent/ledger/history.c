/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history.c: what happened to each record.  A row an event; when the same thing happened to many records one after the other,
 * as in a first load, one row for all of them (history_span), which is told as if each had its own.
 */
#include "ledger/history.h"

#include <stdlib.h>
#include <string.h>

#include "ledger/links.h"

#define PAGE 64

/* Writing. */

static bool
fits_span(const struct ledger_history *row)
{
	return (row->event == LEDGER_EVENT_CREATED || row->event == LEDGER_EVENT_SENT_CREATE || row->event == LEDGER_EVENT_LINKED) &&
	       row->object != 0 && row->who == NULL && row->correlation == NULL && row->before == NULL && row->after == NULL && row->note == NULL;
}

/* How many of rows[0 …] are one event for consecutive records. */
static uint32_t
count_alike(const struct ledger_history *rows, uint32_t count)
{
	uint32_t n = 1;

	if (!fits_span(&rows[0]))
		return 1;
	for (; n < count && n < HISTORY_SPAN_MOST; n++) {
		const struct ledger_history *a = &rows[0], *b = &rows[n];

		if (!fits_span(b) || b->record != a->record + n || b->entity != a->entity || b->unit != a->unit || b->object != a->object ||
		    b->run != a->run || b->at_us != a->at_us || b->event != a->event || b->generation != a->generation || b->version != a->version)
			break;
	}
	return n;
}

static void
note(struct ledger *ledger, const struct ledger_history *row, int64_t last)
{
	const struct ledger_news what = { .event = ledger_event_name(row->event), .record = row->record, .last = last, .entity = row->entity, .unit = row->unit,
		.object = row->object, .run = row->run };

	news_note(ledger, &what);
}

int
history_span(struct ledger *ledger, const struct ledger_history *first, int64_t last, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"INSERT INTO history_span (sequence, first, last, entity, unit, object, run, at_us, event, generation, version)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, (int64_t)ledger_sequence(ledger));
	sqlite3_bind_int64(statement, 2, first->record);
	sqlite3_bind_int64(statement, 3, last);
	sqlite3_bind_int64(statement, 4, first->entity);
	sqlite3_bind_int64(statement, 5, first->unit);
	sqlite3_bind_int64(statement, 6, first->object);
	sqlite3_bind_int64(statement, 7, first->run);
	sqlite3_bind_int64(statement, 8, first->at_us != 0 ? first->at_us : ledger_now(ledger));
	ledger_bind_text(statement, 9, ledger_event_name(first->event));
	sqlite3_bind_int64(statement, 10, (int64_t)first->generation);
	sqlite3_bind_int64(statement, 11, first->version);
	note(ledger, first, last);
	return ledger_run_statement(ledger, statement, err);
}

static int
add_row(struct ledger *ledger, sqlite3_stmt *statement, const struct ledger_history *row, struct history_seal *seal, int64_t now,
        struct error *err)
{
	if (history_seal(ledger, row, seal, err) != 0)
		return -1;
	sqlite3_bind_int64(statement, 2, row->record);
	sqlite3_bind_int64(statement, 3, row->entity);
	sqlite3_bind_int64(statement, 4, row->unit);
	sqlite3_bind_int64(statement, 5, row->object);
	sqlite3_bind_int64(statement, 6, row->run);
	sqlite3_bind_int64(statement, 7, row->at_us != 0 ? row->at_us : now);
	ledger_bind_text(statement, 8, ledger_event_name(row->event));
	sqlite3_bind_int64(statement, 9, (int64_t)row->generation);
	sqlite3_bind_int64(statement, 10, row->version);
	if (row->native.length > 0)
		link_bind_native(statement, 11, row->native);
	else
		sqlite3_bind_null(statement, 11);
	ledger_bind_text(statement, 12, row->who);
	ledger_bind_text(statement, 13, row->correlation);
	if (seal->any) {
		if (buffer_string(&seal->before) == NULL || buffer_string(&seal->after) == NULL)
			return error_memory(err);
		ledger_bind_text(statement, 14, row->before != NULL ? seal->before.data : NULL);
		ledger_bind_text(statement, 15, row->after != NULL ? seal->after.data : NULL);
		ledger_bind_blob(statement, 17, seal->sealed.data, seal->sealed.length);
	} else {
		ledger_bind_text(statement, 14, row->before);
		ledger_bind_text(statement, 15, row->after);
		sqlite3_bind_null(statement, 17);
	}
	ledger_bind_text(statement, 16, row->note);
	note(ledger, row, 0);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_history_add(struct ledger *ledger, const struct ledger_history *rows, uint32_t count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"INSERT INTO history (sequence, record, entity, unit, object, run, at_us, event, generation, version, native, who, correlation,"
		" before, after, note, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)", err);
	struct history_seal seal = { .any = false };
	int64_t now = ledger_now(ledger);
	uint32_t alike;
	int result = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, (int64_t)ledger_sequence(ledger));
	for (uint32_t i = 0; i < count && result == 0; i += alike) {
		alike = count_alike(&rows[i], count - i);
		if (alike >= HISTORY_SPAN_LEAST) {
			result = history_span(ledger, &rows[i], rows[i + alike - 1].record, err);
			continue;
		}
		for (uint32_t k = 0; k < alike && result == 0; k++)
			result = add_row(ledger, statement, &rows[i + k], &seal, now, err);
	}
	history_seal_free(&seal);
	return result;
}

/* Telling. */

struct telling {
	struct ledger *ledger;
	struct arena arena; /* of a page */
	int (*each)(void *data, const struct ledger_history *row);
	void *data;
	struct ledger_history rows[PAGE];
	uint64_t sequences[PAGE];
	struct span {
		struct ledger_history row; /* of its first record */
		uint64_t sequence;
		int64_t last;
	} *spans; /* in their order */
	uint32_t span_count, span_at;
	bool native_unknown; /* a first load is at work: links can't be asked */
};

static enum ledger_event
event_of(const unsigned char *name)
{
	for (unsigned i = 0; name != NULL && i < LEDGER_EVENT_COUNT; i++)
		if (strcmp((const char *)name, ledger_event_name((enum ledger_event)i)) == 0)
			return (enum ledger_event)i;
	return LEDGER_EVENT_COUNT;
}

#define ROW_COLUMNS "id, record, entity, unit, object, run, at_us, event, generation, version, native, who, correlation, before, after, note," \
	" sealed, sequence"

static int
read_row(struct telling *t, sqlite3_stmt *statement, uint32_t at, struct error *err)
{
	struct ledger_history *row = &t->rows[at];
	bool failed = false;

	*row = (struct ledger_history){ .id = sqlite3_column_int64(statement, 0), .record = sqlite3_column_int64(statement, 1) };
	row->entity = (uint32_t)sqlite3_column_int64(statement, 2);
	row->unit = (uint32_t)sqlite3_column_int64(statement, 3);
	row->object = (uint32_t)sqlite3_column_int64(statement, 4);
	row->run = sqlite3_column_int64(statement, 5);
	row->at_us = sqlite3_column_int64(statement, 6);
	row->event = event_of(sqlite3_column_text(statement, 7));
	row->generation = (uint64_t)sqlite3_column_int64(statement, 8);
	row->version = (uint32_t)sqlite3_column_int64(statement, 9);
	row->native = ledger_column_slice(statement, 10, &t->arena, &failed);
	row->who = ledger_column_text(statement, 11, &t->arena, &failed);
	row->correlation = ledger_column_text(statement, 12, &t->arena, &failed);
	row->before = ledger_column_text(statement, 13, &t->arena, &failed);
	row->after = ledger_column_text(statement, 14, &t->arena, &failed);
	row->note = ledger_column_text(statement, 15, &t->arena, &failed);
	t->sequences[at] = (uint64_t)sqlite3_column_int64(statement, 17);
	if (failed)
		return error_memory(err);
	if (sqlite3_column_type(statement, 16) == SQLITE_NULL)
		return 0;
	return history_unseal(t->ledger, row->record, ledger_column_view(statement, 16), &t->arena, &row->before, &row->after, err);
}

/* The spans that `statement` gives, in their order; they are few. */
static int
load_spans(struct telling *t, sqlite3_stmt *statement, struct error *err)
{
	uint32_t room = 0;
	int step;

	while ((step = ledger_step(t->ledger, statement, err)) == 1) {
		struct span *span;

		if (t->span_count == room) {
			struct span *more = realloc(t->spans, (room * 2u + 8u) * sizeof *more);

			if (more == NULL) {
				sqlite3_reset(statement);
				return error_memory(err);
			}
			t->spans = more;
			room = room * 2 + 8;
		}
		span = &t->spans[t->span_count++];
		*span = (struct span){ .sequence = (uint64_t)sqlite3_column_int64(statement, 0), .last = sqlite3_column_int64(statement, 2) };
		span->row.record = sqlite3_column_int64(statement, 1);
		span->row.entity = (uint32_t)sqlite3_column_int64(statement, 3);
		span->row.unit = (uint32_t)sqlite3_column_int64(statement, 4);
		span->row.object = (uint32_t)sqlite3_column_int64(statement, 5);
		span->row.run = sqlite3_column_int64(statement, 6);
		span->row.at_us = sqlite3_column_int64(statement, 7);
		span->row.event = event_of(sqlite3_column_text(statement, 8));
		span->row.generation = (uint64_t)sqlite3_column_int64(statement, 9);
		span->row.version = (uint32_t)sqlite3_column_int64(statement, 10);
	}
	return step;
}

#define SPAN_COLUMNS "sequence, first, last, entity, unit, object, run, at_us, event, generation, version"

/* A span for one of its records.  The native id is that of the oldest link there, which is the one that the span was about. */
static int
tell_span(struct telling *t, const struct span *span, int64_t record, struct error *err)
{
	struct ledger_history row = span->row;
	sqlite3_stmt *statement = NULL;
	bool failed = false;
	int result;

	row.record = record;
	if (!t->native_unknown)
		statement = ledger_statement(t->ledger,
			"SELECT native FROM link INDEXED BY link_record WHERE record = ?1 AND object = ?2 ORDER BY id LIMIT 1", NULL);
	if (statement == NULL) {
		t->native_unknown = true;
	} else {
		sqlite3_bind_int64(statement, 1, record);
		sqlite3_bind_int64(statement, 2, row.object);
		if (ledger_step(t->ledger, statement, NULL) == 1)
			row.native = ledger_column_slice(statement, 0, &t->arena, &failed);
		sqlite3_reset(statement);
	}
	if (failed)
		return error_memory(err);
	result = t->each(t->data, &row);
	return result;
}

/* Spans up to a sequence; of one record, or (record 0) of all that they cover. */
static int
tell_spans(struct telling *t, int64_t record, uint64_t until, struct error *err)
{
	for (; t->span_at < t->span_count && t->spans[t->span_at].sequence <= until; t->span_at++) {
		const struct span *span = &t->spans[t->span_at];
		int64_t first = record != 0 ? record : span->row.record, last = record != 0 ? record : span->last;

		for (int64_t id = first; id <= last; id++) {
			int result = tell_span(t, span, id, err);

			if (result != 0)
				return result;
			if ((id & 1023) == 1023)
				arena_reset(&t->arena);
		}
	}
	return 0;
}

/* Rows of `key`, page by page so that no statement is open while the caller works, with the spans between them. */
static int
tell(struct telling *t, const char *sql, int64_t key, int64_t record, struct error *err)
{
	sqlite3_stmt *statement;
	int64_t after = 0;
	uint32_t count;
	int step, result;

	do {
		if ((statement = ledger_statement(t->ledger, sql, err)) == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, key);
		sqlite3_bind_int64(statement, 2, after);
		sqlite3_bind_int64(statement, 3, PAGE);
		for (count = 0, step = 0; count < PAGE && (step = ledger_step(t->ledger, statement, err)) == 1; count++)
			if (read_row(t, statement, count, err) != 0) {
				step = -1;
				break;
			}
		sqlite3_reset(statement);
		if (step < 0)
			return -1;
		for (uint32_t i = 0; i < count; i++) {
			if ((result = tell_spans(t, record, t->sequences[i], err)) != 0 || (result = t->each(t->data, &t->rows[i])) != 0)
				return result;
			after = t->rows[i].id;
		}
		arena_reset(&t->arena);
	} while (count == PAGE);
	return tell_spans(t, record, UINT64_MAX, err);
}

int
ledger_history_of(struct ledger *ledger, int64_t record, int (*each)(void *data, const struct ledger_history *row), void *data,
                  struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT " SPAN_COLUMNS " FROM history_span WHERE first BETWEEN ?1 - ?2 AND ?1 AND last >= ?1 ORDER BY id", err);
	struct telling *t;
	int result;

	if (statement == NULL)
		return -1;
	if ((t = calloc(1, sizeof *t)) == NULL)
		return error_memory(err);
	t->ledger = ledger;
	t->each = each;
	t->data = data;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, HISTORY_SPAN_MOST);
	result = load_spans(t, statement, err);
	if (result == 0)
		result = tell(t, "SELECT " ROW_COLUMNS " FROM history WHERE record = ?1 AND id > ?2 ORDER BY id LIMIT ?3", record, record, err);
	arena_free(&t->arena);
	free(t->spans);
	free(t);
	return result;
}

int
ledger_history_of_run(struct ledger *ledger, int64_t run, int (*each)(void *data, const struct ledger_history *row), void *data,
                      struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT " SPAN_COLUMNS " FROM history_span WHERE run = ?1 ORDER BY id", err);
	struct telling *t;
	int result;

	if (statement == NULL)
		return -1;
	if ((t = calloc(1, sizeof *t)) == NULL)
		return error_memory(err);
	t->ledger = ledger;
	t->each = each;
	t->data = data;
	sqlite3_bind_int64(statement, 1, run);
	result = load_spans(t, statement, err);
	if (result == 0)
		result = tell(t, "SELECT " ROW_COLUMNS " FROM history WHERE run = ?1 AND id > ?2 ORDER BY id LIMIT ?3", run, 0, err);
	arena_free(&t->arena);
	free(t->spans);
	free(t);
	return result;
}

/* Retention. */

/* Rows are appended in the order of time: the first that is young enough ends the work. */
static int
prune(struct ledger *ledger, const char *table, int64_t before_us, uint32_t budget, uint32_t *dropped, struct error *err)
{
	const char *oldest = strcmp(table, "history") == 0 ? "SELECT id, at_us FROM history ORDER BY id LIMIT ?1"
	                                                   : "SELECT id, at_us FROM history_span ORDER BY id LIMIT ?1";
	const char *drop = strcmp(table, "history") == 0 ? "DELETE FROM history WHERE id <= ?1" : "DELETE FROM history_span WHERE id <= ?1";
	sqlite3_stmt *statement = ledger_statement(ledger, oldest, err);
	int64_t last = 0;
	int step;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, budget - *dropped);
	while ((step = ledger_step(ledger, statement, err)) == 1 && sqlite3_column_int64(statement, 1) < before_us)
		last = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if (step < 0)
		return -1;
	if (last == 0)
		return 0;
	if ((statement = ledger_statement(ledger, drop, err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, last);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*dropped += (uint32_t)sqlite3_changes(ledger->db);
	return 0;
}

int
ledger_prune_history(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err)
{
	uint32_t dropped = 0;

	if (prune(ledger, "history", before_us, budget, &dropped, err) != 0 ||
	    (dropped < budget && prune(ledger, "history_span", before_us, budget, &dropped, err) != 0))
		return -1;
	*ret_dropped = dropped;
	return 0;
}
