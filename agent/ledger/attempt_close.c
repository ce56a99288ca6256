/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempt_close.c: what the answer to an item, or its resolution, does to its mark.
 *
 *     outcome      nothing more is wanted     more is wanted by now (a higher generation, another operation, or the same once more)
 *     confirmed    gone                       pending, at once
 *     again        pending, at due_us         pending, at due_us
 *     park         parked                     parked
 *     wait         waiting for parent         pending, at once
 *     give up      dead                       pending, at once: what was refused is not what is wanted now
 *     drop         gone                       pending, at once
 *     unsure       uncertain                  uncertain: what is wanted waits until it is resolved
 *     handed       handed over                handed over
 *
 * What nobody could find out and is given up stays dead when the same is wanted once more: whether it is there, a person says first.
 *
 * An item of a span that is confirmed has no row and needs none: that is why a first load costs next to nothing here.
 */
#include "ledger/deliveries_inside.h"

#include <stdlib.h>

struct closing {
	struct ledger *ledger;
	struct delivery_attempt attempt;
	struct ledger_attempt_item *items;
	sqlite3_stmt *gone; /* takes a row away in one step when nothing more is wanted of it */
};

static bool
is_undecided(enum ledger_outcome_kind kind)
{
	return kind == LEDGER_UNSURE || kind == LEDGER_HANDED;
}

/* The item stays open: its row among the uncertain ones is made, or looked at once more. */
static int
keep_item(struct closing *c, uint32_t index, const struct ledger_outcome *outcome, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		c->ledger, "INSERT INTO attempt_item (attempt, item, binding, unit, object, record, operation, handed_over, due_us, looks, lost_us)"
		           " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, ?10)"
		           " ON CONFLICT (attempt, item) DO UPDATE SET handed_over = ?8, due_us = ?9, looks = looks + 1,"
		           " lost_us = CASE WHEN ?11 THEN ?10 ELSE lost_us END", err);
	const struct delivery_attempt *a = &c->attempt;
	const int64_t values[] = { a->id, index, a->binding, a->unit, a->object, c->items[index].record, c->items[index].op,
		outcome->kind == LEDGER_HANDED, outcome->due_us, ledger_now(c->ledger), outcome->repeated };

	if (statement == NULL)
		return -1;
	for (int i = 0; i < 11; i++)
		sqlite3_bind_int64(statement, i + 1, values[i]);
	return ledger_run_statement(c->ledger, statement, err) != 0 ? -1 : ledger_put_off(c->ledger, err);
}

/* It was open and is decided.  -1 too when it was decided before. */
static int
end_item(struct closing *c, uint32_t index, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(c->ledger, "DELETE FROM attempt_item WHERE attempt = ?1 AND item = ?2", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, c->attempt.id);
	sqlite3_bind_int64(statement, 2, index);
	return ledger_run_statement(c->ledger, statement, err);
}

static int
is_kept(struct closing *c, uint32_t index, bool *ret_kept, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(c->ledger, "SELECT 1 FROM attempt_item WHERE attempt = ?1 AND item = ?2", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, c->attempt.id);
	sqlite3_bind_int64(statement, 2, index);
	if ((got = ledger_step(c->ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_kept = got == 1;
	return 0;
}

/* The row as it stands, or as a rowless item's would. */
static int
row_of(struct closing *c, uint32_t index, bool rowless, struct delivery_row *ret_row, struct error *err)
{
	const struct ledger_attempt_item *item = &c->items[index];
	const struct delivery_attempt *a = &c->attempt;
	bool found;

	if (rowless) {
		*ret_row = (struct delivery_row){ .binding = a->binding, .unit = a->unit, .record = item->record, .want = item->generation,
			.op = delivery_item_want(item), .state = LEDGER_DELIVERY_SENDING, .backfill = true, .run = a->span_run,
			.since_us = a->span_since_us != 0 ? a->span_since_us : a->claimed_us, .attempt = a->id, .again = item->again };
		return 0;
	}
	if (delivery_row_get(c->ledger, a->binding, item->record, ret_row, &found, err) != 0)
		return -1;
	if (!found || ret_row->attempt != a->id)
		return error_set(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`.", "the delivery of record %lld is not in attempt %lld, which sent it",
		                 (long long)item->record, (long long)a->id);
	return 0;
}

static void
make_pending(struct delivery_row *row, int64_t since_us)
{
	row->state = LEDGER_DELIVERY_PENDING;
	row->attempt = 0;
	row->tries = 0;
	row->due_us = row->parent = 0;
	row->since_us = since_us;
	row->cause = row->reason = NULL;
}

/* `kept`: it was uncertain or handed over before. */
static int
settle(struct closing *c, uint32_t index, bool rowless, bool kept, const struct ledger_outcome *outcome, struct error *err)
{
	static const uint8_t states[] = {
		[LEDGER_CONFIRMED] = LEDGER_DELIVERY_PENDING, [LEDGER_AGAIN] = LEDGER_DELIVERY_PENDING,
		[LEDGER_UNSURE] = LEDGER_DELIVERY_UNCERTAIN,  [LEDGER_HANDED] = LEDGER_DELIVERY_HANDED_OVER,
		[LEDGER_PARK] = LEDGER_DELIVERY_PARKED,       [LEDGER_WAIT] = LEDGER_DELIVERY_WAITING,
		[LEDGER_GIVE_UP] = LEDGER_DELIVERY_DEAD,      [LEDGER_DROP] = LEDGER_DELIVERY_PENDING,
	};
	const struct ledger_attempt_item *item = &c->items[index];
	enum ledger_outcome_kind kind = outcome->kind;
	struct delivery_row row;
	bool more;

	if (row_of(c, index, rowless, &row, err) != 0)
		return -1;
	more = row.want > item->generation || row.op != delivery_item_want(item) || (row.again != item->again && !(kept && kind == LEDGER_GIVE_UP));
	if (kind == LEDGER_CONFIRMED || kind == LEDGER_DROP || (more && (kind == LEDGER_GIVE_UP || kind == LEDGER_WAIT))) {
		if (!more)
			return rowless ? 0 : delivery_row_delete(c->ledger, row.binding, row.record, err);
		make_pending(&row, c->attempt.claimed_us);
		return delivery_row_put(c->ledger, &row, err);
	}
	row.state = states[kind];
	row.due_us = outcome->due_us;
	row.parent = kind == LEDGER_WAIT ? outcome->parent : 0;
	row.cause = outcome->cause;
	row.reason = outcome->reason;
	if (outcome->failed && row.tries < UINT32_MAX)
		row.tries++;
	if (!is_undecided(kind))
		row.attempt = 0;
	return delivery_row_put(c->ledger, &row, err);
}

/* The common case in one statement; ret_done false: more is wanted, or something is odd. */
static int
confirm_row(struct closing *c, const struct ledger_attempt_item *item, bool *ret_done, struct error *err)
{
	sqlite3_bind_int64(c->gone, 1, c->attempt.binding);
	sqlite3_bind_int64(c->gone, 2, item->record);
	sqlite3_bind_int64(c->gone, 3, c->attempt.id);
	sqlite3_bind_int64(c->gone, 4, (int64_t)item->generation);
	sqlite3_bind_int64(c->gone, 5, delivery_item_want(item));
	sqlite3_bind_int64(c->gone, 6, item->again);
	if (ledger_run_statement(c->ledger, c->gone, err) != 0)
		return -1;
	*ret_done = sqlite3_changes(c->ledger->db) == 1;
	return 0;
}

/* Does a span item have a row after all, since more was wanted while it was being sent? */
static int
find_rowless(struct closing *c, uint32_t index, bool *ret_rowless, struct error *err)
{
	struct delivery_row row;
	bool found;

	*ret_rowless = c->items[index].span && !delivery_answered(&c->attempt, index);
	if (!*ret_rowless || c->attempt.rows_made == 0)
		return 0;
	if (delivery_row_get(c->ledger, c->attempt.binding, c->items[index].record, &row, &found, err) != 0)
		return -1;
	*ret_rowless = !found;
	return 0;
}

static int
decided_before(const struct closing *c, uint32_t index, struct error *err)
{
	return error_set(err, ERROR_LEDGER_ATTEMPT, "Nothing is done twice; look at it with `syncline trace`.",
	                 "item %u of attempt %lld (record %lld) was decided before", index, (long long)c->attempt.id,
	                 index < c->attempt.count ? (long long)c->items[index].record : 0LL);
}

static int
close_one(struct closing *c, const struct ledger_outcome *outcome, struct error *err)
{
	struct delivery_attempt *a = &c->attempt;
	uint32_t index = outcome->index;
	bool rowless, kept = false, done = false;

	if (index >= a->count || (unsigned)outcome->kind > LEDGER_DROP)
		return error_set(err, ERROR_INTERNAL, NULL, "attempt %lld has no item %u or no outcome %d", (long long)a->id, index, (int)outcome->kind);
	if (delivery_answered(a, index)) {
		if (is_kept(c, index, &kept, err) != 0)
			return -1;
		if (!kept)
			return decided_before(c, index, err);
	}
	if (find_rowless(c, index, &rowless, err) != 0)
		return -1;
	if (!kept) {
		a->answered[index / 8] |= (uint8_t)(1u << (index % 8));
		a->sending--;
		a->rowless -= rowless;
	}
	if (is_undecided(outcome->kind)) {
		if (keep_item(c, index, outcome, err) != 0)
			return -1;
	} else {
		a->undecided--;
		a->creates -= c->items[index].op == SYNCLINE_OP_CREATE;
		if (kept && end_item(c, index, err) != 0)
			return -1;
		if (outcome->kind == LEDGER_CONFIRMED && !rowless && confirm_row(c, &c->items[index], &done, err) != 0)
			return -1;
	}
	if (done || (rowless && (outcome->kind == LEDGER_CONFIRMED || outcome->kind == LEDGER_DROP)))
		return 0;
	return settle(c, index, rowless, kept, outcome, err);
}

static int
run_for(struct ledger *ledger, const char *sql, int64_t id, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	return ledger_run_statement(ledger, statement, err);
}

static int
close_all(struct closing *c, const struct ledger_outcome *outcomes, uint32_t count, struct error *err)
{
	c->gone = ledger_statement(c->ledger, "DELETE FROM delivery WHERE binding = ?1 AND record = ?2 AND attempt = ?3 AND want <= ?4"
	                                      " AND operation = ?5 AND again = ?6", err);
	if (c->gone == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (close_one(c, &outcomes[i], err) != 0)
			return -1;
	if (c->attempt.undecided > 0)
		return delivery_attempt_put(c->ledger, &c->attempt, err);
	if (run_for(c->ledger, "DELETE FROM attempt_payload WHERE attempt = ?1", c->attempt.id, err) != 0)
		return -1;
	return run_for(c->ledger, "DELETE FROM attempt WHERE id = ?1", c->attempt.id, err);
}

int
ledger_attempt_close(struct ledger *ledger, int64_t attempt, const struct ledger_outcome *outcomes, uint32_t count, struct error *err)
{
	struct closing c = { .ledger = ledger };
	int status = -1;

	if (delivery_attempt_get(ledger, attempt, &c.attempt, err) != 0)
		return -1;
	if (delivery_items(ledger, &c.attempt, &c.items, err) == 0)
		status = close_all(&c, outcomes, count, err);
	free(c.items);
	delivery_attempt_clear(&c.attempt);
	return status;
}
