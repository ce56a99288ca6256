/* SPDX-License-Identifier: BSD-2-Clause */
/* delivery_lists.c: waking and releasing many, counting and listing all, and the rules that hold between marks and attempts. */
#include "ledger/deliveries_inside.h"
#include "ledger/golden.h"

#include <stdlib.h>

/* Is it the same system?  One that is no longer configured may be. */
static bool
is_same_system(const struct ledger *ledger, uint32_t one, uint32_t other)
{
	const struct config_binding *a = ledger_binding(ledger, one), *b = ledger_binding(ledger, other);

	return one == other || one == 0 || a == NULL || b == NULL || a->system == b->system;
}

static int
wake_one(struct ledger *ledger, uint32_t binding, int64_t record, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE delivery SET state = 0, due_us = 0, parent = 0, cause = NULL, reason = NULL WHERE binding = ?1 AND record = ?2"
		        " AND state = 4", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	return ledger_run_statement(ledger, statement, err);
}

#define WAKE_AT_ONCE 256u

/* What waits for this parent in any binding of the same system; in portions, since waking takes rows out of the index that is read. */
static int
wake(struct ledger *ledger, uint32_t binding, int64_t parent, struct error *err)
{
	uint32_t bindings[WAKE_AT_ONCE];
	int64_t records[WAKE_AT_ONCE], after_binding = 0, after_record = INT64_MIN;
	uint32_t count;

	do {
		sqlite3_stmt *statement = ledger_statement(
			ledger, "SELECT binding, record FROM delivery WHERE state = 4 AND parent = ?1 AND parent <> 0"
			        " AND (binding, record) > (?2, ?3) ORDER BY binding, record LIMIT ?4", err);
		int got = 0;

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, parent);
		sqlite3_bind_int64(statement, 2, after_binding);
		sqlite3_bind_int64(statement, 3, after_record);
		sqlite3_bind_int64(statement, 4, WAKE_AT_ONCE);
		for (count = 0; count < WAKE_AT_ONCE && (got = ledger_step(ledger, statement, err)) == 1; count++) {
			bindings[count] = (uint32_t)sqlite3_column_int64(statement, 0);
			records[count] = sqlite3_column_int64(statement, 1);
		}
		if (got < 0)
			return -1;
		sqlite3_reset(statement);
		for (uint32_t i = 0; i < count; i++) {
			after_binding = bindings[i];
			after_record = records[i];
			if (is_same_system(ledger, binding, bindings[i]) && wake_one(ledger, bindings[i], records[i], err) != 0)
				return -1;
		}
	} while (count == WAKE_AT_ONCE);
	return 0;
}

int
ledger_deliveries_wake(struct ledger *ledger, uint32_t binding, const int64_t *parents, uint32_t count, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT EXISTS (SELECT 1 FROM delivery WHERE state = 4 AND parent <> 0 LIMIT 1)", err);
	bool any;

	if (statement == NULL || ledger_step(ledger, statement, err) != 1)
		return -1;
	any = sqlite3_column_int(statement, 0) != 0;
	sqlite3_reset(statement);
	for (uint32_t i = 0; any && i < count; i++)
		if (parents[i] != 0 && wake(ledger, binding, parents[i], err) != 0)
			return -1;
	return 0;
}

int
ledger_deletes_referring(struct ledger *ledger, uint32_t binding, const struct config_entity *entity, const struct config_field *field,
                         int64_t parent, int64_t after, struct ledger_leaving *ret_rows, uint32_t max, uint32_t *ret_count, struct error *err)
{
	struct golden *golden = golden_of(ledger, entity, err);
	sqlite3_stmt *statement = NULL;
	struct buffer text;
	const char *sql;
	uint32_t count = 0;
	int step = 0;

	if (golden == NULL)
		return -1;
	if (!golden->there) {
		*ret_count = 0;
		return 0;
	}
	/* From the few that refer to it to their marks. */
	buffer_init(&text, 0);
	buffer_text(&text, "SELECT g._id, d.unit, d.state FROM ");
	golden_quote(&text, "golden_", entity->head.name);
	buffer_text(&text, " g CROSS JOIN delivery d ON d.binding = ?4 AND d.record = g._id WHERE g.");
	golden_quote(&text, "", field->head.name);
	buffer_text(&text, " = ?1 AND g._id > ?2 AND d.operation = 2 ORDER BY g._id LIMIT ?3");
	if ((sql = buffer_string(&text)) == NULL || text.failed)
		error_memory(err);
	else
		statement = ledger_statement(ledger, sql, err);
	buffer_free(&text);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, parent);
	sqlite3_bind_int64(statement, 2, after);
	sqlite3_bind_int64(statement, 3, max);
	sqlite3_bind_int64(statement, 4, binding);
	while (count < max && (step = ledger_step(ledger, statement, err)) == 1)
		ret_rows[count++] = (struct ledger_leaving){ .record = sqlite3_column_int64(statement, 0),
			.unit = (uint32_t)sqlite3_column_int64(statement, 1), .state = (uint8_t)sqlite3_column_int(statement, 2) };
	sqlite3_reset(statement);
	if (step < 0)
		return -1;
	*ret_count = count;
	return 0;
}

static int
hasten_one(struct ledger *ledger, uint32_t binding, int64_t record, const char *cause, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE delivery SET due_us = 0 WHERE binding = ?1 AND record = ?2 AND state = 0"
	                                                   " AND operation = 2 AND cause = ?3", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, binding);
	sqlite3_bind_int64(statement, 2, record);
	ledger_bind_text(statement, 3, cause);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_deletes_hasten(struct ledger *ledger, uint32_t binding, const int64_t *records, uint32_t count, const char *cause, struct error *err)
{
	const struct config_binding *target = ledger_binding(ledger, binding);
	const struct model *model = ledger->options.model;

	for (uint32_t f = 0; target != NULL && f < model->flow_count; f++)
		for (uint32_t b = 0; b < model->flows[f].binding_count; b++) {
			const struct config_binding *one = &model->flows[f].bindings[b];

			for (uint32_t i = 0; one->writes && one->system == target->system && i < count; i++)
				if (hasten_one(ledger, ledger_binding_id(ledger, one), records[i], cause, err) != 0)
					return -1;
		}
	return 0;
}

int
ledger_deliveries_release(struct ledger *ledger, enum ledger_delivery_state state, uint32_t binding, uint32_t unit, uint64_t *ret_count,
                          struct error *err)
{
	sqlite3_stmt *statement;

	if (state != LEDGER_DELIVERY_PARKED && state != LEDGER_DELIVERY_HELD)
		return error_set(err, ERROR_INTERNAL, NULL, "deliveries that are %s can't be released", ledger_delivery_state_name(state));
	statement = ledger_statement(
		ledger, "UPDATE delivery SET state = 0, due_us = 0, cause = NULL, reason = NULL WHERE state = ?1 AND state >= 4"
		        " AND (?2 = 0 OR binding = ?2) AND (?3 = 0 OR unit = ?3)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int(statement, 1, (int)state);
	sqlite3_bind_int64(statement, 2, binding);
	sqlite3_bind_int64(statement, 3, unit);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (ret_count != NULL)
		*ret_count = (uint64_t)sqlite3_changes(ledger->db);
	return 0;
}

/* Rows come in the order of (binding, unit), a row a state; marks without rows are added to pending and sending. */
int
ledger_delivery_counts(struct ledger *ledger, int (*each)(void *data, const struct ledger_delivery_counts *row), void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT binding, unit, state, count(*), min(since_us) FROM delivery GROUP BY binding, unit, state"
		        " UNION ALL SELECT binding, unit, 0, sum(last - next + 1), min(nullif(since_us, 0)) FROM delivery_span GROUP BY binding, unit"
		        " UNION ALL SELECT binding, unit, 1, sum(rowless), min(nullif(span_since_us, 0)) FROM attempt WHERE rowless > 0"
		        " GROUP BY binding, unit ORDER BY 1, 2", err);
	struct ledger_delivery_counts counts = { 0 };
	int got, answer = 0;

	if (statement == NULL)
		return -1;
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		uint32_t binding = (uint32_t)sqlite3_column_int64(statement, 0), unit = (uint32_t)sqlite3_column_int64(statement, 1);
		int state = sqlite3_column_int(statement, 2);
		int64_t oldest = sqlite3_column_int64(statement, 4);

		if (binding != counts.binding || unit != counts.unit) {
			if (counts.binding != 0 && (answer = each(data, &counts)) != 0)
				break;
			counts = (struct ledger_delivery_counts){ .binding = binding, .unit = unit };
		}
		if (state >= 0 && state < LEDGER_DELIVERY_STATE_COUNT)
			counts.count[state] += (uint64_t)sqlite3_column_int64(statement, 3);
		if (oldest != 0 && (counts.oldest_us == 0 || oldest < counts.oldest_us))
			counts.oldest_us = oldest;
	}
	sqlite3_reset(statement);
	if (got == 0 && answer == 0 && counts.binding != 0)
		answer = each(data, &counts);
	return got < 0 || answer < 0 ? -1 : 0;
}

struct listing {
	struct ledger *ledger;
	const struct ledger_delivery_filter *filter;
	int (*each)(void *data, const struct ledger_delivery *row);
	void *data;
	uint32_t left;
	int answer; /* not 0: no more */
};

static sqlite3_stmt *
prepare(struct listing *l, const char *sql, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(l->ledger, sql, err);

	if (statement == NULL)
		return NULL;
	sqlite3_bind_int64(statement, 1, l->filter->binding);
	sqlite3_bind_int64(statement, 2, l->filter->unit);
	sqlite3_bind_int64(statement, 3, l->filter->record);
	sqlite3_bind_int64(statement, 4, l->filter->states);
	if (sqlite3_bind_parameter_count(statement) >= 5)
		sqlite3_bind_int64(statement, 5, l->filter->after);
	return statement;
}

static void
tell(struct listing *l, const struct ledger_delivery *row)
{
	if (l->left == 0)
		return;
	l->answer = l->each(l->data, row);
	if (l->left != UINT32_MAX)
		l->left--;
}

#define LISTED "SELECT binding, record, unit, want, operation, state, backfill, tries, run, since_us, due_us, parent, cause, reason FROM delivery "
#define OF_STATES " AND (?2 = 0 OR unit = ?2) AND (?3 = 0 OR record = ?3) AND (?4 = 0 OR (?4 >> state) & 1)" \
	" AND record > ?5 ORDER BY binding, record"
#define ASIDE (1u << LEDGER_DELIVERY_WAITING | 1u << LEDGER_DELIVERY_PARKED | 1u << LEDGER_DELIVERY_HELD | 1u << LEDGER_DELIVERY_DEAD)

/* Those aside have an index of their own and are mostly few; what is in one binding stands together. */
static int
list_rows(struct listing *l, struct error *err)
{
	const struct ledger_delivery_filter *f = l->filter;
	sqlite3_stmt *statement = prepare(
		l, f->states != 0 && (f->states & ~ASIDE) == 0 ? LISTED "INDEXED BY delivery_aside WHERE state >= 4 AND (?1 = 0 OR binding = ?1)" OF_STATES
		   : f->binding != 0 && f->record != 0         ? LISTED "WHERE binding = ?1 AND record = ?3" OF_STATES
		   : f->binding != 0                           ? LISTED "WHERE binding = ?1" OF_STATES
		                                               : LISTED "WHERE ?1 = 0" OF_STATES, err);
	int got = 0;

	if (statement == NULL)
		return -1;
	while (l->answer == 0 && l->left > 0 && (got = ledger_step(l->ledger, statement, err)) == 1) {
		struct ledger_delivery row = {
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
			.cause = (const char *)sqlite3_column_text(statement, 12),
			.reason = (const char *)sqlite3_column_text(statement, 13),
		};

		if ((row.cause == NULL && sqlite3_column_type(statement, 12) != SQLITE_NULL) ||
		    (row.reason == NULL && sqlite3_column_type(statement, 13) != SQLITE_NULL)) {
			sqlite3_reset(statement);
			return error_memory(err);
		}
		tell(l, &row);
	}
	sqlite3_reset(statement);
	return got < 0 ? -1 : 0;
}

static int
list_spans(struct listing *l, struct error *err)
{
	sqlite3_stmt *statement = prepare(
		l, "SELECT binding, unit, run, since_us, next, last FROM delivery_span WHERE (?1 = 0 OR binding = ?1) AND (?2 = 0 OR unit = ?2)"
		   " AND (?3 = 0 OR ?3 BETWEEN next AND last) AND (?4 = 0 OR ?4 & 1) ORDER BY binding, next", err);
	int got = 0;

	if (statement == NULL)
		return -1;
	while (l->answer == 0 && l->left > 0 && (got = ledger_step(l->ledger, statement, err)) == 1) {
		struct ledger_delivery row = { .binding = (uint32_t)sqlite3_column_int64(statement, 0),
			.unit = (uint32_t)sqlite3_column_int64(statement, 1), .want = 1, .op = LEDGER_WANT_WRITE, .state = LEDGER_DELIVERY_PENDING,
			.backfill = true, .run = sqlite3_column_int64(statement, 2), .since_us = sqlite3_column_int64(statement, 3) };
		int64_t last = sqlite3_column_int64(statement, 5);

		row.record = sqlite3_column_int64(statement, 4);
		if (l->filter->record != 0)
			row.record = last = l->filter->record;
		for (; row.record <= last && l->answer == 0 && l->left > 0; row.record++)
			tell(l, &row);
	}
	sqlite3_reset(statement);
	return got < 0 ? -1 : 0;
}

static int
list_rowless(struct listing *l, struct error *err)
{
	sqlite3_stmt *statement = prepare(
		l, "SELECT id FROM attempt WHERE rowless > 0 AND (?1 = 0 OR binding = ?1) AND (?2 = 0 OR unit = ?2)"
		   " AND (?3 = 0 OR ?3 BETWEEN span_first AND span_last) AND (?4 = 0 OR ?4 & 2) ORDER BY binding, id", err);
	int got = 0, status = 0;

	if (statement == NULL)
		return -1;
	while (status == 0 && l->answer == 0 && l->left > 0 && (got = ledger_step(l->ledger, statement, err)) == 1) {
		struct ledger_attempt_item *items = NULL;
		struct delivery_attempt a = { 0 };

		status = delivery_attempt_get(l->ledger, sqlite3_column_int64(statement, 0), &a, err);
		if (status == 0)
			status = delivery_items(l->ledger, &a, &items, err);
		for (uint32_t i = 0; status == 0 && i < a.count && l->answer == 0 && l->left > 0; i++) {
			struct ledger_delivery row = { .binding = a.binding, .unit = a.unit, .record = items[i].record, .want = items[i].generation,
				.op = delivery_item_want(&items[i]), .state = LEDGER_DELIVERY_SENDING, .backfill = true, .run = a.span_run,
				.since_us = a.span_since_us };
			struct delivery_row has;
			bool found = false;

			if (!items[i].span || delivery_answered(&a, i) || (l->filter->record != 0 && l->filter->record != row.record))
				continue;
			if (a.rows_made > 0)
				status = delivery_row_get(l->ledger, a.binding, row.record, &has, &found, err);
			if (status == 0 && !found)
				tell(l, &row);
		}
		free(items);
		delivery_attempt_clear(&a);
	}
	sqlite3_reset(statement);
	return got < 0 || status != 0 ? -1 : 0;
}

int
ledger_deliveries(struct ledger *ledger, const struct ledger_delivery_filter *filter,
                  int (*each)(void *data, const struct ledger_delivery *row), void *data, struct error *err)
{
	struct listing l = { .ledger = ledger, .filter = filter, .each = each, .data = data,
		.left = filter->max > 0 ? filter->max : UINT32_MAX };

	if (list_rows(&l, err) != 0)
		return -1;
	if (filter->after != 0)
		return l.answer < 0 ? -1 : 0;
	if ((l.answer == 0 && list_spans(&l, err) != 0) || (l.answer == 0 && list_rowless(&l, err) != 0))
		return -1;
	return l.answer < 0 ? -1 : 0;
}

/* Each gives a sentence for every row that breaks it. */
static const char *const rules[] = {
	"SELECT printf('the delivery of record %d in binding %d is open and its attempt %d is not there', record, binding, attempt) FROM delivery"
	" WHERE state IN (1, 2, 3) AND attempt NOT IN (SELECT id FROM attempt) LIMIT 100",
	"SELECT printf('the delivery of record %d in binding %d is uncertain and attempt %d has no such item', d.record, d.binding, d.attempt)"
	" FROM delivery d WHERE d.state IN (2, 3) AND NOT EXISTS (SELECT 1 FROM attempt_item i WHERE i.record = d.record"
	" AND i.attempt = d.attempt AND i.binding = d.binding AND i.handed_over = (d.state = 3)) LIMIT 100",
	"SELECT printf('item %d of attempt %d is open and no delivery of record %d says so', i.item, i.attempt, i.record) FROM attempt_item i"
	" WHERE NOT EXISTS (SELECT 1 FROM delivery d WHERE d.binding = i.binding AND d.record = i.record AND d.attempt = i.attempt"
	" AND d.state IN (2, 3)) LIMIT 100",
	"SELECT printf('the delivery of record %d in binding %d is not open and belongs to attempt %d', record, binding, attempt) FROM delivery"
	" WHERE state NOT IN (1, 2, 3) AND attempt <> 0 LIMIT 100",
	"SELECT printf('attempt %d has no bytes', id) FROM attempt WHERE id NOT IN (SELECT attempt FROM attempt_payload) LIMIT 100",
	"SELECT printf('bytes of attempt %d are left and it is gone', attempt) FROM attempt_payload WHERE attempt NOT IN (SELECT id FROM attempt)"
	" LIMIT 100",
	"SELECT printf('attempt %d says that %d items are undecided, and %d are', id, undecided, n) FROM (SELECT a.id, a.undecided,"
	" a.sending + (SELECT count(*) FROM attempt_item i WHERE i.attempt = a.id) AS n FROM attempt a) WHERE undecided <> n LIMIT 100",
	"SELECT printf('attempt %d says that %d items are being sent, and %d are', id, sending, n) FROM (SELECT a.id, a.sending,"
	" a.rowless + (SELECT count(*) FROM delivery d WHERE d.binding = a.binding AND d.attempt = a.id AND d.state = 1) AS n FROM attempt a"
	" WHERE a.sending > 0) WHERE sending <> n LIMIT 100",
	"SELECT printf('the delivery of record %d in binding %d is being sent, and attempt %d awaits nothing', record, d.binding, attempt)"
	" FROM delivery d JOIN attempt a ON a.id = d.attempt WHERE d.state = 1 AND a.sending = 0 LIMIT 100",
	"SELECT printf('span %d of binding %d (%d to %d, next %d) is out of order', id, binding, first, last, next) FROM delivery_span"
	" WHERE next < first OR next > last LIMIT 100",
	"SELECT printf('spans of binding %d overlap at record %d', binding, next) FROM (SELECT binding, next, lag(last)"
	" OVER (PARTITION BY binding ORDER BY next) AS before FROM delivery_span) WHERE before >= next LIMIT 100",
	"SELECT printf('record %d waits in a span of binding %d and has a delivery of its own', d.record, d.binding) FROM delivery_span s"
	" JOIN delivery d ON d.binding = s.binding AND d.record BETWEEN s.next AND s.last LIMIT 100",
};

int
ledger_check_deliveries(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		sqlite3_stmt *statement = ledger_statement(ledger, rules[i], err);
		int got;

		if (statement == NULL)
			return -1;
		while ((got = ledger_step(ledger, statement, err)) == 1) {
			const char *sentence = (const char *)sqlite3_column_text(statement, 0);

			if (sentence == NULL) {
				sqlite3_reset(statement);
				return error_memory(err);
			}
			fault(data, sentence);
		}
		if (got < 0)
			return -1;
	}
	return 0;
}
