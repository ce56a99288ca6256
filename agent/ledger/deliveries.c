/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliveries.c: marks: what a target lacks.  One row a (binding, record), or a record of a span after a first load.
 *
 *   event            pending    sending, uncertain,   waiting, held, dead   parked        in a span            of a span, being sent
 *                               handed over
 *   wanted (more)    want up    want up               pending, want up      want up       a row, out of span   a row, sending
 *   wanted (same)    -          -                     pending               -             -                    -
 *   wanted again     again up   again up              pending, again up     again up      -                    a row, sending
 *   set              that       refused               that                  that          a row, that          refused
 *   drop             gone       stays                 gone                  gone          out of the span      stays
 *   claim            sending    refused               refused               refused       out, no row          refused
 *
 * What is open stays: a target may have it, and only its answer or its resolution says so.  What an answer does: attempt_close.c.
 *
 * `again` counts how often something that a write is made of came to be without a change of the record: a link, a value of the
 * record that it refers to.  An item keeps the count that it was claimed with.  Of a delete nothing is made of that.
 */
#include "ledger/deliveries_inside.h"

#include <assert.h>

static_assert(LEDGER_DELIVERY_PENDING == 0 && LEDGER_DELIVERY_SENDING == 1 && LEDGER_DELIVERY_UNCERTAIN == 2 &&
                      LEDGER_DELIVERY_HANDED_OVER == 3 && LEDGER_DELIVERY_WAITING == 4 && LEDGER_DELIVERY_PARKED == 5 &&
                      LEDGER_DELIVERY_HELD == 6 && LEDGER_DELIVERY_DEAD == 7 && LEDGER_DELIVERY_STATE_COUNT == 8,
              "the numbers stand in ledgers and in the statements here");

/*
 * state: enum ledger_delivery_state.  operation: 1 write, 2 delete, 3 deactivate.  due_us 0: at once, in the order of records.
 * What is due is found by an index that holds the pending ones alone: claiming takes a row out of it and puts it nowhere.
 */
const char ledger_schema_deliveries[] =
	"CREATE TABLE delivery (binding INTEGER NOT NULL, record INTEGER NOT NULL, unit INTEGER NOT NULL, want INTEGER NOT NULL,"
	" operation INTEGER NOT NULL, state INTEGER NOT NULL, backfill INTEGER NOT NULL, tries INTEGER NOT NULL DEFAULT 0,"
	" run INTEGER NOT NULL DEFAULT 0, since_us INTEGER NOT NULL, due_us INTEGER NOT NULL DEFAULT 0, parent INTEGER NOT NULL DEFAULT 0,"
	" attempt INTEGER NOT NULL DEFAULT 0, again INTEGER NOT NULL DEFAULT 0, cause TEXT, reason TEXT, PRIMARY KEY (binding, record))"
	" WITHOUT ROWID;\n"
	"CREATE INDEX delivery_due ON delivery (binding, unit, backfill, due_us, record) WHERE state = 0;\n"
	"CREATE INDEX delivery_aside ON delivery (state, binding, unit) WHERE state >= 4;\n"
	"CREATE INDEX delivery_parent ON delivery (parent) WHERE state = 4 AND parent <> 0;\n"
	/* The records first to last of a first load; those from next on are not claimed yet. */
	"CREATE TABLE delivery_span (id INTEGER PRIMARY KEY, binding INTEGER NOT NULL, unit INTEGER NOT NULL, run INTEGER NOT NULL,"
	" entity INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, next INTEGER NOT NULL, since_us INTEGER NOT NULL DEFAULT 0);\n"
	"CREATE INDEX delivery_span_next ON delivery_span (binding, next);\n"
	/* See struct delivery_attempt; the bytes stand apart so that what changes about an attempt is a short row. */
	"CREATE TABLE attempt (id INTEGER PRIMARY KEY AUTOINCREMENT, binding INTEGER NOT NULL, unit INTEGER NOT NULL, object INTEGER NOT NULL,"
	" run INTEGER NOT NULL, claimed_us INTEGER NOT NULL, count INTEGER NOT NULL, words INTEGER NOT NULL, sending INTEGER NOT NULL,"
	" undecided INTEGER NOT NULL, creates INTEGER NOT NULL, rowless INTEGER NOT NULL, rows_made INTEGER NOT NULL DEFAULT 0,"
	" span_first INTEGER NOT NULL, span_last INTEGER NOT NULL, span_run INTEGER NOT NULL, span_since_us INTEGER NOT NULL, answered BLOB);\n"
	"CREATE INDEX attempt_object ON attempt (object);\n"
	"CREATE INDEX attempt_sending ON attempt (object) WHERE sending > 0;\n"
	"CREATE INDEX attempt_creates ON attempt (object, creates) WHERE creates > 0;\n"
	"CREATE INDEX attempt_rowless ON attempt (binding) WHERE rowless > 0;\n"
	/* payload: packed.h; payload_size: of the batch before it was packed. */
	"CREATE TABLE attempt_payload (attempt INTEGER PRIMARY KEY, payload_size INTEGER NOT NULL, payload_sealed INTEGER NOT NULL,"
	" items BLOB NOT NULL, payload BLOB NOT NULL, vectors BLOB NOT NULL);\n"
	/* What stays open after the answer: uncertain or handed over.  lost_us: when the last answer was lost, at the latest. */
	"CREATE TABLE attempt_item (attempt INTEGER NOT NULL, item INTEGER NOT NULL, binding INTEGER NOT NULL, unit INTEGER NOT NULL,"
	" object INTEGER NOT NULL, record INTEGER NOT NULL, operation INTEGER NOT NULL, handed_over INTEGER NOT NULL, due_us INTEGER NOT NULL,"
	" looks INTEGER NOT NULL, lost_us INTEGER NOT NULL, PRIMARY KEY (attempt, item)) WITHOUT ROWID;\n"
	"CREATE INDEX attempt_item_due ON attempt_item (binding, unit, handed_over, due_us);\n"
	"CREATE INDEX attempt_item_record ON attempt_item (record, object);\n";

#define ROW_COLUMNS "binding, record, unit, want, operation, state, backfill, tries, run, since_us, due_us, parent, attempt, again"

static void
read_row(sqlite3_stmt *statement, struct delivery_row *ret_row)
{
	*ret_row = (struct delivery_row){
		.binding = (uint32_t)sqlite3_column_int64(statement, 0),
		.record = sqlite3_column_int64(statement, 1),
		.unit = (uint32_t)sqlite3_column_int64(statement, 2),
		.want = (uint64_t)sqlite3_column_int64(statement, 3),
		.op = (uint8_t)sqlite3_column_int(statement, 4),
		.state = (uint8_t)sqlite3_column_int(statement, 5),
		.backfill = sqlite3_column_int(statement, 6) != 0,
		.tries = (uint32_t)sqlite3_column_int64(statement, 7),
		.run = sqlite3_column_int64(statement, 8),
		.since_us = sqlite3_column_int64(statement, 9),
		.due_us = sqlite3_column_int64(statement, 10),
		.parent = sqlite3_column_int64(statement, 11),
		.attempt = sqlite3_column_int64(statement, 12),
		.again = (uint32_t)sqlite3_column_int64(statement, 13),
	};
}

int
delivery_row_get(struct ledger *ledger, uint32_t binding, int64_t record, struct delivery_row *ret_row, bool *ret_found, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT " ROW_COLUMNS " FROM delivery WHERE binding = ?1 AND record = ?2", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 1) {
		read_row(statement, ret_row);
		sqlite3_reset(statement);
	}
	*ret_found = got == 1;
	return 0;
}

int
delivery_row_put(struct ledger *ledger, const struct delivery_row *row, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "INSERT INTO delivery (" ROW_COLUMNS ", cause, reason)"
		        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT (binding, record) DO UPDATE SET"
		        " want = ?4, operation = ?5, state = ?6, backfill = ?7, tries = ?8, run = ?9, since_us = ?10, due_us = ?11, parent = ?12,"
		        " attempt = ?13, again = ?14, cause = ?15, reason = ?16", err);
	const int64_t values[] = { row->binding, row->record, row->unit, (int64_t)row->want, row->op, row->state, row->backfill, row->tries,
		row->run, row->since_us, row->due_us, row->parent, row->attempt, row->again };

	if (statement == NULL)
		return -1;
	for (int i = 0; i < 14; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	ledger_bind_text(statement, 15, row->cause);
	ledger_bind_text(statement, 16, row->reason);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	return row->due_us > 0 ? ledger_put_off(ledger, err) : 0;
}

int
delivery_row_delete(struct ledger *ledger, uint32_t binding, int64_t record, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM delivery WHERE binding = ?1 AND record = ?2", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	return ledger_run_statement(ledger, statement, err);
}

/* Spans of a binding don't overlap, so only the one that begins nearest below can hold the record. */
int
delivery_span_find(struct ledger *ledger, uint32_t binding, int64_t record, struct delivery_span *ret_span, bool *ret_found, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT id, run, since_us, next, last, unit FROM delivery_span WHERE binding = ?1 AND next <= ?2 ORDER BY next DESC LIMIT 1", err);
	bool found;
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	found = got == 1 && sqlite3_column_int64(statement, 4) >= record;
	if (found)
		*ret_span = (struct delivery_span){
			.id = sqlite3_column_int64(statement, 0),
			.run = sqlite3_column_int64(statement, 1),
			.since_us = sqlite3_column_int64(statement, 2),
			.next = sqlite3_column_int64(statement, 3),
			.last = sqlite3_column_int64(statement, 4),
			.binding = binding,
			.unit = (uint32_t)sqlite3_column_int64(statement, 5),
		};
	sqlite3_reset(statement);
	*ret_found = found;
	return 0;
}

static int
run_with(struct ledger *ledger, const char *sql, int64_t a, int64_t b, int64_t c, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, a);
	sqlite3_bind_int64(statement, 2, b);
	sqlite3_bind_int64(statement, 3, c);
	return ledger_run_statement(ledger, statement, err);
}

int
delivery_span_carve(struct ledger *ledger, const struct delivery_span *span, int64_t first, int64_t last, struct error *err)
{
	if (first == span->next && last == span->last)
		return run_with(ledger, "DELETE FROM delivery_span WHERE id = ?1", span->id, 0, 0, err);
	if (first == span->next)
		return run_with(ledger, "UPDATE delivery_span SET next = ?2 WHERE id = ?1", span->id, last + 1, 0, err);
	if (last < span->last &&
	    run_with(ledger, "INSERT INTO delivery_span (binding, unit, run, entity, first, last, next, since_us)"
	                     " SELECT binding, unit, run, entity, ?2, last, ?2, since_us FROM delivery_span WHERE id = ?1",
	             span->id, last + 1, 0, err) != 0)
		return -1;
	return run_with(ledger, "UPDATE delivery_span SET last = ?2 WHERE id = ?1", span->id, first - 1, 0, err);
}

/* Has this binding marks without rows?  Most have none, and then one statement does all. */
static int
has_rowless(struct ledger *ledger, uint32_t binding, bool *ret_spans, bool *ret_attempts, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT EXISTS (SELECT 1 FROM delivery_span WHERE binding = ?1),"
	                                                   " EXISTS (SELECT 1 FROM attempt WHERE rowless > 0 AND binding = ?1)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_spans = sqlite3_column_int(statement, 0) != 0;
	*ret_attempts = sqlite3_column_int(statement, 1) != 0;
	sqlite3_reset(statement);
	return 0;
}

/*
 * What stands at once when there is no mark without a row.  States 4, 6 and 7 (waiting, held, dead) come back; a parked one
 * does not: the system would refuse this as well.
 */
#define REVIVED "state IN (4, 6, 7)"
static sqlite3_stmt *
prepare_raise(struct ledger *ledger, struct error *err)
{
	return ledger_statement(
		ledger, "INSERT INTO delivery (binding, record, unit, want, operation, state, backfill, tries, run, since_us, due_us, parent, cause,"
		        " reason, again) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) ON CONFLICT (binding, record) DO UPDATE SET"
		        " operation = CASE WHEN excluded.want >= want AND excluded.again = 0 THEN excluded.operation ELSE operation END,"
		        " want = max(want, excluded.want), again = again + excluded.again, backfill = min(backfill, excluded.backfill),"
		        " tries = CASE WHEN " REVIVED " THEN 0 ELSE tries END,"
		        " due_us = CASE WHEN " REVIVED " THEN excluded.due_us ELSE due_us END,"
		        " parent = CASE WHEN " REVIVED " THEN excluded.parent ELSE parent END,"
		        " cause = CASE WHEN " REVIVED " THEN excluded.cause ELSE cause END,"
		        " reason = CASE WHEN " REVIVED " THEN excluded.reason ELSE reason END,"
		        " state = CASE WHEN " REVIVED " THEN excluded.state ELSE state END WHERE excluded.again = 0 OR operation = 1", err);
}

static int
raise_row(struct ledger *ledger, sqlite3_stmt *statement, const struct ledger_delivery *d, struct error *err)
{
	const int64_t values[] = { d->binding, d->record, d->unit, (int64_t)d->want, d->op, d->state, d->backfill, d->tries, d->run,
		d->since_us != 0 ? d->since_us : ledger_now(ledger), d->due_us, d->parent };

	for (int i = 0; i < 12; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	ledger_bind_text(statement, 13, d->cause);
	ledger_bind_text(statement, 14, d->reason);
	sqlite3_bind_int(statement, 15, d->again);
	return ledger_run_statement(ledger, statement, err);
}

/*
 * More is wanted of a record that waits in a span: it gets a row, since the payload that is made of the span may be of the
 * generation that it had before.  ret_done: nothing is left to do.
 */
static int
leave_span(struct ledger *ledger, sqlite3_stmt *raise, const struct ledger_delivery *d, bool *ret_done, struct error *err)
{
	struct delivery_span span;
	struct ledger_delivery row = *d;
	bool found;

	if (delivery_span_find(ledger, d->binding, d->record, &span, &found, err) != 0)
		return -1;
	*ret_done = found;
	if (!found || (d->want <= 1 && d->op == LEDGER_WANT_WRITE && d->state == LEDGER_DELIVERY_PENDING))
		return 0;
	row.run = span.run;
	row.since_us = span.since_us != 0 ? span.since_us : d->since_us;
	if (delivery_span_carve(ledger, &span, d->record, d->record, err) != 0)
		return -1;
	return raise_row(ledger, raise, &row, err);
}

/* Of one that was claimed from a span and is being sent. */
static int
join_attempt(struct ledger *ledger, const struct ledger_delivery *d, bool *ret_done, struct error *err)
{
	struct delivery_rowless found;
	struct delivery_row row;

	if (delivery_rowless_find(ledger, d->binding, d->record, &found, err) != 0)
		return -1;
	*ret_done = found.attempt != 0;
	if (found.attempt == 0 || (d->want <= found.item.generation && d->op == delivery_item_want(&found.item) && !d->again))
		return 0;
	row = (struct delivery_row){ .binding = d->binding, .unit = found.unit, .record = d->record, .want = d->want, .op = d->op,
		.state = LEDGER_DELIVERY_SENDING, .backfill = d->backfill, .run = found.run, .since_us = found.since_us, .attempt = found.attempt, .again = d->again };
	if (row.want < found.item.generation) {
		row.want = found.item.generation;
		row.op = delivery_item_want(&found.item);
	}
	if (run_with(ledger, "UPDATE attempt SET rowless = rowless - 1, rows_made = rows_made + 1 WHERE id = ?1", found.attempt, 0, 0, err) != 0)
		return -1;
	return delivery_row_put(ledger, &row, err);
}

static int
deliver_one(struct ledger *ledger, sqlite3_stmt *raise, const struct ledger_delivery *d, bool spans, bool attempts, struct error *err)
{
	bool found = false, done = false;
	struct delivery_row row;

	if ((spans || attempts) && delivery_row_get(ledger, d->binding, d->record, &row, &found, err) != 0)
		return -1;
	if (!found && spans && leave_span(ledger, raise, d, &done, err) != 0)
		return -1;
	if (!found && !done && attempts && join_attempt(ledger, d, &done, err) != 0)
		return -1;
	return done ? 0 : raise_row(ledger, raise, d, err);
}

static int
refuse_state(struct ledger *ledger, const struct ledger_delivery *d, struct error *err)
{
	if (d->op < LEDGER_WANT_WRITE || d->op > LEDGER_WANT_DEACTIVATE)
		return error_set(err, ERROR_INTERNAL, NULL, "a delivery of record %lld to %s wants operation %u", (long long)d->record,
		                 ledger_binding_name(ledger, d->binding), d->op);
	if (d->state >= LEDGER_DELIVERY_STATE_COUNT || delivery_is_open(d->state))
		return error_set(err, ERROR_INTERNAL, NULL, "a delivery of record %lld to %s was to be %s without an attempt", (long long)d->record,
		                 ledger_binding_name(ledger, d->binding), ledger_delivery_state_name(d->state));
	return 0;
}

int
ledger_deliver(struct ledger *ledger, const struct ledger_delivery *deliveries, uint32_t count, struct error *err)
{
	sqlite3_stmt *raise = prepare_raise(ledger, err);
	bool spans = false, attempts = false;

	if (raise == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (refuse_state(ledger, &deliveries[i], err) != 0)
			return -1;
		if ((i == 0 || deliveries[i].binding != deliveries[i - 1].binding) &&
		    has_rowless(ledger, deliveries[i].binding, &spans, &attempts, err) != 0)
			return -1;
		if (deliver_one(ledger, raise, &deliveries[i], spans, attempts, err) != 0)
			return -1;
	}
	return 0;
}

int
ledger_delivery_drop(struct ledger *ledger, uint32_t binding, int64_t record, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "DELETE FROM delivery WHERE binding = ?1 AND record = ?2 AND state NOT IN (1, 2, 3)", err);
	struct delivery_span span;
	bool found;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (sqlite3_changes(ledger->db) > 0)
		return 0;
	if (delivery_span_find(ledger, binding, record, &span, &found, err) != 0)
		return -1;
	return found ? delivery_span_carve(ledger, &span, record, record, err) : 0;
}

/* As a row would tell it; found false: there is no mark. */
static int
get_without_row(struct ledger *ledger, uint32_t binding, int64_t record, struct ledger_delivery *ret_delivery, bool *ret_found,
                struct error *err)
{
	struct delivery_rowless sent;
	struct delivery_span span;
	bool found;

	if (delivery_span_find(ledger, binding, record, &span, &found, err) != 0)
		return -1;
	if (found) {
		*ret_delivery = (struct ledger_delivery){ .binding = binding, .unit = span.unit, .record = record, .want = 1,
			.op = LEDGER_WANT_WRITE, .state = LEDGER_DELIVERY_PENDING, .backfill = true, .run = span.run, .since_us = span.since_us };
		*ret_found = true;
		return 0;
	}
	if (delivery_rowless_find(ledger, binding, record, &sent, err) != 0)
		return -1;
	if (sent.attempt != 0)
		*ret_delivery = (struct ledger_delivery){ .binding = binding, .unit = sent.unit, .record = record, .want = sent.item.generation,
			.op = delivery_item_want(&sent.item), .state = LEDGER_DELIVERY_SENDING, .backfill = true, .run = sent.run,
			.since_us = sent.since_us };
	*ret_found = sent.attempt != 0;
	return 0;
}

int
ledger_delivery_get(struct ledger *ledger, uint32_t binding, int64_t record, struct arena *arena, struct ledger_delivery *ret_delivery,
                    bool *ret_found, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT " ROW_COLUMNS ", cause, reason FROM delivery WHERE binding = ?1 AND record = ?2", err);
	struct delivery_row row;
	struct ledger_delivery d;
	bool failed = false;
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	if (got == 0)
		return get_without_row(ledger, binding, record, ret_delivery, ret_found, err);
	read_row(statement, &row);
	d = (struct ledger_delivery){ .binding = row.binding, .unit = row.unit, .record = row.record, .want = row.want, .op = row.op,
		.state = row.state, .backfill = row.backfill, .tries = row.tries, .run = row.run, .since_us = row.since_us,
		.due_us = row.due_us, .parent = row.parent };
	d.cause = ledger_column_text(statement, 14, arena, &failed);
	d.reason = ledger_column_text(statement, 15, arena, &failed);
	sqlite3_reset(statement);
	if (failed)
		return error_memory(err);
	*ret_delivery = d;
	*ret_found = true;
	return 0;
}

static int
is_being_sent(struct ledger *ledger, const struct ledger_delivery *d, uint8_t state, struct error *err)
{
	return error_set(err, ERROR_LEDGER_ATTEMPT, "It is decided by its answer or its resolution; `syncline status` tells what is open.",
	                 "record %lld cannot be made %s for %s: it is %s", (long long)d->record, ledger_delivery_state_name(d->state),
	                 ledger_binding_name(ledger, d->binding), ledger_delivery_state_name(state));
}

/* The row that a mark without one gets: taken out of its span, or new. */
static int
make_row(struct ledger *ledger, const struct ledger_delivery *d, struct delivery_row *ret_row, struct error *err)
{
	struct delivery_row row = { .binding = d->binding, .unit = d->unit, .record = d->record, .want = 1, .op = LEDGER_WANT_WRITE,
		.backfill = d->backfill, .run = d->run, .since_us = d->since_us };
	struct delivery_rowless sent;
	struct delivery_span span;
	bool found;

	if (delivery_span_find(ledger, d->binding, d->record, &span, &found, err) != 0)
		return -1;
	if (found) {
		row.unit = span.unit;
		row.backfill = true;
		row.run = span.run;
		row.since_us = span.since_us;
		if (delivery_span_carve(ledger, &span, d->record, d->record, err) != 0)
			return -1;
	} else if (delivery_rowless_find(ledger, d->binding, d->record, &sent, err) != 0)
		return -1;
	else if (sent.attempt != 0)
		return is_being_sent(ledger, d, LEDGER_DELIVERY_SENDING, err);
	if (row.since_us == 0)
		row.since_us = ledger_now(ledger);
	*ret_row = row;
	return 0;
}

int
ledger_delivery_set(struct ledger *ledger, const struct ledger_delivery *d, struct error *err)
{
	struct delivery_row row;
	bool found;

	if (d->state >= LEDGER_DELIVERY_STATE_COUNT || delivery_is_open(d->state))
		return error_set(err, ERROR_INTERNAL, NULL, "a delivery of record %lld was to be made %s without an attempt", (long long)d->record,
		                 ledger_delivery_state_name(d->state));
	if (delivery_row_get(ledger, d->binding, d->record, &row, &found, err) != 0)
		return -1;
	if (found && delivery_is_open(row.state))
		return is_being_sent(ledger, d, row.state, err);
	if (!found && make_row(ledger, d, &row, err) != 0)
		return -1;
	if (d->op != 0 && d->want >= row.want)
		row.op = d->op;
	if (d->want > row.want)
		row.want = d->want;
	row.state = d->state;
	row.due_us = d->due_us;
	row.tries = d->tries;
	row.parent = d->parent;
	row.cause = d->cause;
	row.reason = d->reason;
	return delivery_row_put(ledger, &row, err);
}
