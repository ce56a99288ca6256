/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * due.c: which marks are to be sent now.  Three streams in the order of records are merged: rows that were never put off, rows
 * whose back-off is over, and spans; rows that are live go before all of these.  Each stream comes from an index and ends at
 * what is asked for, so that asking costs the same whether ten marks are left or ten million.
 *
 * Among those whose back-off is over, the ones that have been due longest are taken into the merge first.
 */
#include "ledger/deliveries_inside.h"

#include <stdlib.h>
#include <string.h>

struct stream {
	sqlite3_stmt *rows;  /* never put off */
	bool rows_ended;
	struct ledger_due row;
	struct ledger_due *late; /* put off, due by now, in the order of records */
	uint32_t late_count, late_at;
	sqlite3_stmt *spans; /* NULL: live ones, which have none */
	bool spans_ended;
	int64_t next, last; /* of the span at hand; next > last: none */
	int64_t since_us;
};

static struct ledger_due
read_due(sqlite3_stmt *statement)
{
	return (struct ledger_due){
		.record = sqlite3_column_int64(statement, 0),
		.want = (uint64_t)sqlite3_column_int64(statement, 1),
		.op = (uint8_t)sqlite3_column_int(statement, 2),
		.tries = (uint32_t)sqlite3_column_int64(statement, 3),
		.since_us = sqlite3_column_int64(statement, 4),
		.again = (uint32_t)sqlite3_column_int64(statement, 5),
	};
}

static sqlite3_stmt *
prepare(struct ledger *ledger, const char *sql, uint32_t binding, uint32_t unit, bool backfill, uint32_t max, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return NULL;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int(statement, 3, backfill);
	sqlite3_bind_int64(statement, 4, max);
	return statement;
}

static int
by_record(const void *a, const void *b)
{
	const struct ledger_due *one = a, *other = b;

	return one->record < other->record ? -1 : one->record > other->record;
}

static int
load_late(struct ledger *ledger, struct stream *s, uint32_t binding, uint32_t unit, bool backfill, uint32_t max, int64_t now_us, struct error *err)
{
	sqlite3_stmt *statement = prepare(
		ledger, "SELECT record, want, operation, tries, since_us, again FROM delivery INDEXED BY delivery_due WHERE state = 0 AND binding = ?1"
		        " AND unit = ?2 AND backfill = ?3 AND due_us > 0 AND due_us <= ?5 ORDER BY due_us, record LIMIT ?4",
		binding, unit, backfill, max, err);
	uint32_t room = 0;
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 5, now_us);
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		if (s->late_count == room) {
			struct ledger_due *grown = realloc(s->late, (room = room == 0 ? 64 : room * 2) * sizeof *grown);

			if (grown == NULL) {
				sqlite3_reset(statement);
				return error_memory(err);
			}
			s->late = grown;
		}
		s->late[s->late_count++] = read_due(statement);
	}
	if (got == 0 && s->late_count > 1)
		qsort(s->late, s->late_count, sizeof *s->late, by_record);
	return got;
}

static int
next_row(struct ledger *ledger, struct stream *s, struct error *err)
{
	int got = ledger_step(ledger, s->rows, err);

	if (got == 1)
		s->row = read_due(s->rows);
	s->rows_ended = got != 1;
	return got < 0 ? -1 : 0;
}

static int
next_span(struct ledger *ledger, struct stream *s, struct error *err)
{
	int got = ledger_step(ledger, s->spans, err);

	if (got == 1) {
		s->next = sqlite3_column_int64(s->spans, 0);
		s->last = sqlite3_column_int64(s->spans, 1);
		s->since_us = sqlite3_column_int64(s->spans, 2);
	}
	s->spans_ended = got != 1;
	return got < 0 ? -1 : 0;
}

static int
open_stream(struct ledger *ledger, struct stream *s, uint32_t binding, uint32_t unit, bool backfill, uint32_t max, int64_t now_us, struct error *err)
{
	memset(s, 0, sizeof *s);
	s->spans_ended = true;
	if (load_late(ledger, s, binding, unit, backfill, max, now_us, err) != 0)
		return -1;
	s->rows = prepare(ledger, "SELECT record, want, operation, tries, since_us, again FROM delivery INDEXED BY delivery_due WHERE state = 0"
	                          " AND binding = ?1 AND unit = ?2 AND backfill = ?3 AND due_us = 0 ORDER BY record LIMIT ?4",
	                  binding, unit, backfill, max, err);
	if (s->rows == NULL || next_row(ledger, s, err) != 0)
		return -1;
	if (!backfill)
		return 0;
	s->spans = prepare(ledger, "SELECT next, last, since_us FROM delivery_span WHERE binding = ?1 AND unit = ?2 AND next <= last AND ?3"
	                           " ORDER BY next LIMIT ?4", binding, unit, true, max, err);
	return s->spans == NULL || next_span(ledger, s, err) != 0 ? -1 : 0;
}

static void
close_stream(struct stream *s)
{
	if (s->rows != NULL)
		sqlite3_reset(s->rows);
	if (s->spans != NULL)
		sqlite3_reset(s->spans);
	free(s->late);
}

/* The lowest record of the three. */
static int
take(struct ledger *ledger, struct stream *s, struct ledger_due *ret_due, uint32_t max, uint32_t *ret_count, struct error *err)
{
	uint32_t count = 0;

	while (count < max) {
		int64_t row = s->rows_ended ? INT64_MAX : s->row.record;
		int64_t late = s->late_at < s->late_count ? s->late[s->late_at].record : INT64_MAX;
		int64_t span = s->spans_ended ? INT64_MAX : s->next;

		if (s->rows_ended && s->spans_ended && s->late_at == s->late_count)
			break;
		if (row <= late && row <= span && !s->rows_ended) {
			ret_due[count++] = s->row;
			if (next_row(ledger, s, err) != 0)
				return -1;
		} else if (late <= span && s->late_at < s->late_count)
			ret_due[count++] = s->late[s->late_at++];
		else {
			ret_due[count++] = (struct ledger_due){ .record = s->next++, .want = 1, .op = LEDGER_WANT_WRITE, .span = true,
				.since_us = s->since_us };
			if (s->next > s->last && next_span(ledger, s, err) != 0)
				return -1;
		}
	}
	*ret_count = count;
	return 0;
}

/* When the next one that was put off is due, and is not now. */
static int
next_due(struct ledger *ledger, uint32_t binding, uint32_t unit, bool backfill, int64_t now_us, int64_t *next_us, struct error *err)
{
	sqlite3_stmt *statement = prepare(
		ledger, "SELECT due_us FROM delivery INDEXED BY delivery_due WHERE state = 0 AND binding = ?1 AND unit = ?2 AND backfill = ?3"
		        " AND due_us > ?5 ORDER BY due_us LIMIT ?4", binding, unit, backfill, 1, err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 5, now_us);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 1 && sqlite3_column_int64(statement, 0) < *next_us)
		*next_us = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

int
ledger_due(struct ledger *ledger, uint32_t binding, uint32_t unit, struct ledger_due *ret_due, uint32_t max, uint32_t *ret_count,
           int64_t *ret_next_us, struct error *err)
{
	uint32_t count = 0;
	/* One look at the clock: what comes due between two would be neither due nor waited for. */
	int64_t now_us = ledger_now(ledger), next_us = INT64_MAX;

	for (int backfill = 0; backfill <= 1 && count < max; backfill++) {
		struct stream stream;
		uint32_t more = 0;
		int status = open_stream(ledger, &stream, binding, unit, backfill != 0, max - count, now_us, err);

		if (status == 0)
			status = take(ledger, &stream, ret_due + count, max - count, &more, err);
		close_stream(&stream);
		if (status != 0)
			return -1;
		count += more;
	}
	if (count == max)
		next_us = now_us; /* there may be more */
	else if (next_due(ledger, binding, unit, false, now_us, &next_us, err) != 0 || next_due(ledger, binding, unit, true, now_us, &next_us, err) != 0)
		return -1;
	*ret_count = count;
	if (ret_next_us != NULL)
		*ret_next_us = next_us;
	return 0;
}

int
ledger_due_holds(struct ledger *ledger, uint32_t binding, const struct ledger_due *due, bool *ret_holds, struct error *err)
{
	struct delivery_span span;
	struct delivery_row row;
	bool found;

	if (delivery_row_get(ledger, binding, due->record, &row, &found, err) != 0)
		return -1;
	if (found) {
		*ret_holds = row.state == LEDGER_DELIVERY_PENDING && row.want == due->want && row.op == due->op && row.again == due->again;
		return 0;
	}
	*ret_holds = false;
	return due->span ? delivery_span_find(ledger, binding, due->record, &span, ret_holds, err) : 0;
}
