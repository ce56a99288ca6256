/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger_deliveries_random.c: thousands of random steps, each done to the ledger and to a model that is an array of marks and a
 * list of attempts, and compared after each.  Some steps take a transaction back, some end the engine in the middle of one.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "ledger_deliveries.h"

#define RECORDS 120
#define BINDINGS 3
#define ATTEMPTS 4000
#define ITEMS 8

enum where { GONE, ROW, SPAN, ROWLESS };
enum item_state { AWAITED, KEPT, HANDED, DECIDED };

struct mark {
	enum where where;
	uint8_t state, op;
	uint64_t want;
	bool backfill;
	uint32_t tries;
	int64_t due_us, parent, since_us, run;
	int attempt; /* index in attempts; -1 */
};
struct attempt {
	int64_t id;
	int binding;
	uint32_t unit, count;
	int64_t claimed_us, span_since, span_run;
	struct ledger_attempt_item items[ITEMS];
	enum item_state states[ITEMS];
	uint32_t looks[ITEMS];
	int64_t due_us[ITEMS];
};
struct world {
	struct mark marks[BINDINGS][RECORDS];
	int attempt_count;
	int64_t clock;
};
static struct world now, committed;
static struct attempt attempts[ATTEMPTS], committed_attempts[ATTEMPTS];
static uint32_t bindings[BINDINGS];
static uint64_t seed;
static unsigned step;

static uint32_t
roll(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)((seed >> 11) % below);
}

static uint32_t
unit_of(int record)
{
	return 2 + (uint32_t)(record / 10) % 2;
}

static bool
is_open(const struct mark *m)
{
	return m->where == ROWLESS || (m->where == ROW && (m->state == LEDGER_DELIVERY_SENDING || m->state == LEDGER_DELIVERY_UNCERTAIN ||
	                                                   m->state == LEDGER_DELIVERY_HANDED_OVER));
}

static uint8_t
open_how(const struct mark *m)
{
	return !is_open(m) ? 0 : m->where == ROW && m->state == LEDGER_DELIVERY_HANDED_OVER ? LEDGER_OPEN_HANDED : LEDGER_OPEN_SENT;
}

static uint8_t
carried_out(const struct ledger_attempt_item *item)
{
	return item->op == SYNCLINE_OP_DELETE ? LEDGER_WANT_DELETE : item->deactivate ? LEDGER_WANT_DEACTIVATE : LEDGER_WANT_WRITE;
}

static void
model_deliver(int b, const struct ledger_delivery *d)
{
	struct mark *m = &now.marks[b][d->record];
	struct mark made = { .where = ROW, .state = d->state, .op = d->op, .want = d->want, .backfill = d->backfill, .tries = d->tries,
		.due_us = d->due_us, .parent = d->parent, .since_us = help_clock_us, .run = d->run, .attempt = -1 };
	const struct attempt *a = m->where == ROWLESS ? &attempts[m->attempt] : NULL;

	switch (m->where) {
	case GONE:
		*m = made;
		return;
	case SPAN:
		if (d->want <= 1 && d->op == LEDGER_WANT_WRITE && d->state == LEDGER_DELIVERY_PENDING)
			return;
		made.since_us = m->since_us;
		made.run = m->run;
		*m = made;
		return;
	case ROWLESS:
		if (d->want <= m->want && d->op == m->op)
			return;
		m->where = ROW;
		m->backfill = d->backfill;
		m->since_us = a->span_since;
		m->run = a->span_run;
		break;
	default:
		m->backfill = m->backfill && d->backfill;
		if (m->state == LEDGER_DELIVERY_WAITING || m->state == LEDGER_DELIVERY_HELD || m->state == LEDGER_DELIVERY_DEAD) {
			m->state = d->state;
			m->due_us = d->due_us;
			m->parent = d->parent;
			m->tries = 0;
		}
	}
	if (d->want >= m->want) {
		m->want = d->want;
		m->op = d->op;
	}
}

static void
do_deliver(void)
{
	static const uint8_t states[] = { 0, 0, 0, 0, LEDGER_DELIVERY_HELD, LEDGER_DELIVERY_WAITING };
	struct ledger_delivery d[4];
	uint32_t count = 1 + roll(4);
	int b = (int)roll(BINDINGS);

	memset(d, 0, sizeof d);
	for (uint32_t i = 0; i < count; i++) {
		d[i].binding = bindings[b];
		d[i].record = 1 + roll(RECORDS - 1);
		d[i].unit = unit_of((int)d[i].record);
		d[i].want = 1 + roll(12);
		d[i].op = roll(4) > 0 ? LEDGER_WANT_WRITE : (uint8_t)(2 + roll(2));
		d[i].state = states[roll(6)];
		d[i].backfill = roll(2);
		d[i].run = roll(9);
		d[i].due_us = roll(3) == 0 ? help_clock_us + (int64_t)roll(20) - 5 : 0;
		d[i].parent = d[i].state == LEDGER_DELIVERY_WAITING ? 1 + roll(5) : 0;
		model_deliver(b, &d[i]);
	}
	assert_ok(ledger_deliver(ledger, d, count, &err));
}

static void
do_drop(void)
{
	int b = (int)roll(BINDINGS), r = 1 + (int)roll(RECORDS - 1);

	assert_ok(ledger_delivery_drop(ledger, bindings[b], r, &err));
	if (!is_open(&now.marks[b][r]))
		now.marks[b][r].where = GONE;
}

static void
do_set(void)
{
	static const uint8_t states[] = { LEDGER_DELIVERY_PENDING, LEDGER_DELIVERY_WAITING, LEDGER_DELIVERY_PARKED, LEDGER_DELIVERY_HELD,
		LEDGER_DELIVERY_DEAD };
	int b = (int)roll(BINDINGS), r = 1 + (int)roll(RECORDS - 1);
	struct mark *m = &now.marks[b][r];
	struct ledger_delivery d = { .binding = bindings[b], .unit = unit_of(r), .record = r, .want = roll(5), .op = (uint8_t)roll(4),
		.state = states[roll(5)], .due_us = roll(2) ? help_clock_us + roll(9) : 0, .tries = roll(4), .run = roll(9), .since_us = 77,
		.backfill = roll(2) };
	int result;

	if (m->where == GONE && d.want == 0)
		d.want = 1;
	d.parent = d.state == LEDGER_DELIVERY_WAITING ? 1 + roll(5) : 0;
	assert_ok(ledger_savepoint(ledger, &err));
	result = ledger_delivery_set(ledger, &d, &err);
	if (result != 0)
		ledger_rollback_savepoint(ledger);
	else
		assert_ok(ledger_release(ledger, &err));
	assert_int_equal(result, is_open(m) ? -1 : 0);
	if (result != 0)
		return;
	if (m->where == GONE)
		*m = (struct mark){ .want = 1, .op = LEDGER_WANT_WRITE, .backfill = d.backfill, .since_us = 77, .run = d.run };
	m->where = ROW;
	m->attempt = -1;
	if (d.op != 0 && d.want >= m->want)
		m->op = d.op;
	if (d.want > m->want)
		m->want = d.want;
	m->state = d.state;
	m->due_us = d.due_us;
	m->tries = d.tries;
	m->parent = d.parent;
}

/* Where ten records have no mark at all, a first load leaves a span. */
static void
do_span(void)
{
	int b = (int)roll(BINDINGS), first = 1 + (int)roll(RECORDS - 2), last = first;

	while (last + 1 < RECORDS && (last + 1) % 10 != 0 && roll(8) > 0)
		last++;
	for (int r = first; r <= last; r++)
		if (now.marks[b][r].where != GONE)
			return;
	span(bindings[b], unit_of(first), first, last);
	for (int r = first; r <= last; r++)
		now.marks[b][r] = (struct mark){ .where = SPAN, .op = LEDGER_WANT_WRITE, .want = 1, .backfill = true, .since_us = help_clock_us, .run = 4,
			.attempt = -1 };
}

/* What is due by the model: the longest due of those that were put off first, then all by (live, record). */
static uint32_t
model_due(int b, uint32_t unit, uint32_t max, int *ret_records, int64_t *ret_next)
{
	uint32_t count = 0;

	*ret_next = INT64_MAX;
	for (int backfill = 0; backfill <= 1; backfill++) {
		bool chosen[RECORDS] = { false };
		uint32_t room = max - count;

		for (uint32_t n = 0; n < room; n++) {
			int best = 0;

			for (int r = 1; r < RECORDS; r++) {
				const struct mark *m = &now.marks[b][r];

				if (m->where == ROW && m->state == LEDGER_DELIVERY_PENDING && m->backfill == backfill && unit_of(r) == unit && m->due_us > 0 &&
				    m->due_us <= help_clock_us && !chosen[r] && (best == 0 || m->due_us < now.marks[b][best].due_us))
					best = r;
			}
			if (best == 0)
				break;
			chosen[best] = true;
		}
		for (int r = 1; r < RECORDS && count < max; r++) {
			const struct mark *m = &now.marks[b][r];

			if (unit_of(r) == unit && m->backfill == backfill &&
			    (chosen[r] || m->where == SPAN || (m->where == ROW && m->state == LEDGER_DELIVERY_PENDING && m->due_us == 0)))
				ret_records[count++] = r;
		}
	}
	for (int r = 1; r < RECORDS; r++) {
		const struct mark *m = &now.marks[b][r];

		if (m->where == ROW && m->state == LEDGER_DELIVERY_PENDING && unit_of(r) == unit && m->due_us > help_clock_us && m->due_us < *ret_next)
			*ret_next = m->due_us;
	}
	if (count == max)
		*ret_next = help_clock_us;
	return count;
}

static void
model_claim(int b, struct attempt *a, int index)
{
	for (uint32_t i = 0; i < a->count; i++) {
		struct mark *m = &now.marks[b][a->items[i].record];

		a->states[i] = AWAITED;
		if (m->where == SPAN) {
			if (a->span_since == 0) {
				a->span_since = m->since_us;
				a->span_run = m->run;
			}
			m->where = ROWLESS;
			m->want = a->items[i].generation;
			m->op = carried_out(&a->items[i]);
		}
		m->state = LEDGER_DELIVERY_SENDING;
		m->attempt = index;
		m->due_us = 0;
	}
	for (uint32_t i = 0; i < a->count; i++) {
		struct mark *m = &now.marks[b][a->items[i].record];

		if (m->where == ROWLESS) {
			m->since_us = a->span_since;
			m->run = a->span_run;
		}
	}
}

static void
do_claim(void)
{
	int b = (int)roll(BINDINGS), records[RECORDS];
	uint32_t unit = 2 + roll(2), max = 1 + roll(30), count, expected;
	struct attempt *a = &attempts[now.attempt_count];
	struct ledger_due due[30];
	int64_t next, expected_next;

	expected = model_due(b, unit, max, records, &expected_next);
	assert_ok(ledger_due(ledger, bindings[b], unit, due, max, &count, &next, &err));
	assert_int_equal(count, expected);
	assert_int_equal(next, expected_next);
	for (uint32_t i = 0; i < count; i++) {
		const struct mark *m = &now.marks[b][records[i]];

		assert_int_equal(due[i].record, records[i]);
		assert_int_equal(due[i].want, m->want);
		assert_int_equal(due[i].op, m->op);
		assert_int_equal(due[i].span, m->where == SPAN);
		assert_int_equal(due[i].tries, m->where == SPAN ? 0 : m->tries);
	}
	memset(a, 0, sizeof *a);
	for (uint32_t i = 0; i < count && a->count < ITEMS; i++)
		if (roll(3) > 0) {
			struct ledger_attempt_item *item = &a->items[a->count++];

			item->record = due[i].record;
			item->generation = due[i].want + roll(3);
			item->op = due[i].op == LEDGER_WANT_DELETE ? SYNCLINE_OP_DELETE : (uint8_t)(SYNCLINE_OP_CREATE + roll(2));
			item->deactivate = due[i].op == LEDGER_WANT_DEACTIVATE;
			if (item->deactivate)
				item->op = SYNCLINE_OP_UPDATE;
			item->span = roll(5) > 0 ? due[i].span : !due[i].span; /* a hint only */
		}
	if (a->count == 0 || now.attempt_count + 1 >= ATTEMPTS)
		return;
	for (uint32_t i = a->count - 1; i > 0 && roll(4) == 0; i--) { /* out of order now and then */
		struct ledger_attempt_item swap = a->items[i];
		uint32_t with = roll(i + 1);

		a->items[i] = a->items[with];
		a->items[with] = swap;
	}
	a->binding = b;
	a->unit = unit;
	a->claimed_us = help_clock_us;
	assert_ok(try_claim(bindings[b], unit, a->items, a->count, &a->id));
	model_claim(b, a, now.attempt_count++);
}

static void
model_answer(struct attempt *a, const struct ledger_outcome *o)
{
	struct ledger_attempt_item *item = &a->items[o->index];
	struct mark *m = &now.marks[a->binding][item->record];
	bool more = m->want > item->generation || m->op != carried_out(item);
	bool rowless = m->where == ROWLESS;

	if (o->kind == LEDGER_UNSURE || o->kind == LEDGER_HANDED) {
		a->looks[o->index] += a->states[o->index] != AWAITED;
		a->states[o->index] = o->kind == LEDGER_UNSURE ? KEPT : HANDED;
		a->due_us[o->index] = o->due_us;
	} else
		a->states[o->index] = DECIDED;
	if ((o->kind == LEDGER_CONFIRMED || o->kind == LEDGER_DROP) && !more) {
		m->where = GONE;
		return;
	}
	m->where = ROW;
	if (rowless)
		m->tries = 0, m->parent = 0, m->backfill = true;
	if (o->kind == LEDGER_CONFIRMED || o->kind == LEDGER_DROP || (more && (o->kind == LEDGER_GIVE_UP || o->kind == LEDGER_WAIT))) {
		m->state = LEDGER_DELIVERY_PENDING;
		m->tries = 0;
		m->due_us = m->parent = 0;
		m->since_us = a->claimed_us;
		m->attempt = -1;
		return;
	}
	m->state = o->kind == LEDGER_AGAIN ? LEDGER_DELIVERY_PENDING : o->kind == LEDGER_UNSURE ? LEDGER_DELIVERY_UNCERTAIN
	           : o->kind == LEDGER_HANDED ? LEDGER_DELIVERY_HANDED_OVER : o->kind == LEDGER_PARK ? LEDGER_DELIVERY_PARKED
	           : o->kind == LEDGER_WAIT ? LEDGER_DELIVERY_WAITING : LEDGER_DELIVERY_DEAD;
	m->due_us = o->due_us;
	m->parent = o->kind == LEDGER_WAIT ? o->parent : 0;
	m->tries += o->failed;
	if (o->kind != LEDGER_UNSURE && o->kind != LEDGER_HANDED)
		m->attempt = -1;
}

static void
do_answer(void)
{
	struct ledger_outcome outcomes[ITEMS];
	struct attempt *a;
	uint32_t count = 0;

	if (now.attempt_count == 0)
		return;
	a = &attempts[now.attempt_count - 1 - (int)roll(now.attempt_count < 25 ? (uint32_t)now.attempt_count : 25)];
	for (uint32_t i = 0; i < a->count; i++)
		if (a->states[i] != DECIDED && roll(3) > 0) {
			outcomes[count] = (struct ledger_outcome){ .index = i, .kind = roll(3) > 0 ? LEDGER_CONFIRMED : (enum ledger_outcome_kind)roll(8),
				.due_us = roll(2) ? help_clock_us + roll(15) : 0, .parent = 1 + roll(5), .failed = roll(2), .cause = "memory" };
			model_answer(a, &outcomes[count++]);
		}
	if (count > 0)
		assert_ok(ledger_attempt_close(ledger, a->id, outcomes, count, &err));
}

static void
do_wake_or_release(void)
{
	const int64_t parents[2] = { 1 + roll(5), 1 + roll(5) };
	uint8_t state = roll(2) ? LEDGER_DELIVERY_PARKED : LEDGER_DELIVERY_HELD;
	int only = (int)roll(BINDINGS + 1) - 1;
	bool wake = roll(2);
	uint64_t count = 0, expected = 0;
	uint32_t unit = roll(2) * 2;

	if (wake)
		assert_ok(ledger_deliveries_wake(ledger, bindings[only < 0 ? 0 : only], parents, 2, &err));
	else
		assert_ok(ledger_deliveries_release(ledger, (enum ledger_delivery_state)state, only < 0 ? 0 : bindings[only], unit, &count, &err));
	for (int b = 0; b < BINDINGS; b++)
		for (int r = 1; r < RECORDS; r++) {
			struct mark *m = &now.marks[b][r];

			if (m->where != ROW)
				continue;
			/* customers.crm and orders.crm are one system, customers.erp is another. */
			if (wake && m->state == LEDGER_DELIVERY_WAITING && (m->parent == parents[0] || m->parent == parents[1]) &&
			    (b == 0) == (only <= 0)) {
				m->state = LEDGER_DELIVERY_PENDING;
				m->due_us = m->parent = 0;
			} else if (!wake && m->state == state && (only < 0 || b == only) && (unit == 0 || unit_of(r) == unit)) {
				m->state = LEDGER_DELIVERY_PENDING;
				m->due_us = 0;
				expected++;
			}
		}
	assert_int_equal(count, expected);
}

/* All that is due to be looked at, item by item. */
static void
compare_uncertain(int b, uint32_t unit, bool handed)
{
	static struct ledger_uncertain u[512];
	uint32_t count, expected = 0;

	assert_ok(ledger_uncertain(ledger, bindings[b], unit, handed, &arena, u, 512, &count, NULL, &err));
	for (int i = 0; i < now.attempt_count; i++)
		for (uint32_t k = 0; k < attempts[i].count; k++)
			expected += attempts[i].binding == b && attempts[i].unit == unit && attempts[i].states[k] == (handed ? HANDED : KEPT) &&
			            attempts[i].due_us[k] <= help_clock_us;
	assert_int_equal(count, expected);
	for (uint32_t i = 0; i < count; i++) {
		int at = 0;

		while (at < now.attempt_count && attempts[at].id != u[i].attempt)
			at++;
		assert_true(at < now.attempt_count);
		assert_int_equal(u[i].item.record, attempts[at].items[u[i].index].record);
		assert_int_equal(u[i].item.generation, attempts[at].items[u[i].index].generation);
		assert_int_equal(u[i].item.op, attempts[at].items[u[i].index].op);
		assert_int_equal(u[i].looks, attempts[at].looks[u[i].index]);
		assert_int_equal(u[i].want, now.marks[b][u[i].item.record].want);
		assert_int_equal(u[i].vector[0], u[i].item.record * 1000);
		batch_free(u[i].payload);
	}
}

static void
compare_mark(int b, int r)
{
	const struct mark *m = &now.marks[b][r];
	struct ledger_delivery d;
	bool found;

	assert_ok(ledger_delivery_get(ledger, bindings[b], r, &arena, &d, &found, &err));
	if (found != (m->where != GONE))
		fail_msg("seed step %u: record %d of binding %d is %sthere", step, r, b, found ? "" : "not ");
	if (!found)
		return;
	if (d.state != (m->where == SPAN ? LEDGER_DELIVERY_PENDING : m->state) || d.want != m->want || d.op != m->op)
		fail_msg("step %u: record %d of binding %d is %s %llu/%u, not %s %llu/%u", step, r, b, ledger_delivery_state_name(d.state),
		         (unsigned long long)d.want, d.op, ledger_delivery_state_name(m->state), (unsigned long long)m->want, m->op);
	assert_int_equal(d.unit, unit_of(r));
	assert_int_equal(d.backfill, m->backfill);
	assert_int_equal(d.since_us, m->since_us);
	assert_int_equal(d.run, m->run);
	if (m->where == ROW) {
		assert_int_equal(d.tries, m->tries);
		assert_int_equal(d.due_us, m->due_us);
		assert_int_equal(d.parent, m->parent);
	}
}

static void
compare(void)
{
	for (int b = 0; b < BINDINGS; b++) {
		uint64_t counts[2][LEDGER_DELIVERY_STATE_COUNT] = { { 0 } };
		int64_t records[RECORDS];
		uint8_t open[RECORDS];

		for (int r = 1; r < RECORDS; r++) {
			const struct mark *m = &now.marks[b][r];

			compare_mark(b, r);
			records[r] = r;
			if (m->where != GONE)
				counts[unit_of(r) - 2][m->where == SPAN ? 0 : m->state]++;
		}
		assert_ok(ledger_open_attempts(ledger, ledger_object_id(ledger, ledger_binding(ledger, bindings[b])->object), records + 1, RECORDS - 1,
		                               open + 1, &err));
		for (int r = 1; r < RECORDS; r++)
			assert_int_equal(open[r], open_how(&now.marks[b][r]));
		for (uint32_t unit = 2; unit <= 3; unit++) {
			for (int s = 0; s < LEDGER_DELIVERY_STATE_COUNT; s++)
				assert_int_equal(count_in(bindings[b], unit, (enum ledger_delivery_state)s), counts[unit - 2][s]);
			compare_uncertain(b, unit, false);
			compare_uncertain(b, unit, true);
		}
	}
	ways_check();
	arena_reset(&arena);
}

static void
keep(void)
{
	committed = now;
	memcpy(committed_attempts, attempts, (size_t)now.attempt_count * sizeof *attempts);
}

static void
take_back(void)
{
	now = committed;
	memcpy(attempts, committed_attempts, (size_t)now.attempt_count * sizeof *attempts);
}

static void
model_recover(void)
{
	for (int i = 0; i < now.attempt_count; i++)
		for (uint32_t k = 0; k < attempts[i].count; k++)
			if (attempts[i].states[k] == AWAITED)
				model_answer(&attempts[i], &(struct ledger_outcome){ .index = k, .kind = LEDGER_UNSURE });
}

static void
do_transaction(void)
{
	switch (roll(12)) {
	case 0:
		ledger_rollback(ledger);
		take_back();
		assert_ok(ledger_begin(ledger, &err));
		break;
	case 1: /* dies within a transaction */
		ledger_rollback(ledger);
		take_back();
		assert_ok(ledger_begin(ledger, &err));
		reopen();
		model_recover();
		break;
	case 2: /* dies between two */
		reopen();
		model_recover();
		break;
	default:
		assert_ok(ledger_commit(ledger, &err));
		assert_ok(ledger_begin(ledger, &err));
		break;
	}
	keep();
}

static void
walk(uint64_t start, unsigned steps)
{
	seed = start * UINT64_C(0x9E3779B97F4A7C15) + 1;
	memset(&now, 0, sizeof now);
	ways_begin();
	bindings[0] = erp;
	bindings[1] = crm;
	bindings[2] = orders;
	keep();
	for (step = 0; step < steps; step++) {
		uint32_t what = roll(20);

		if (what < 4)
			do_deliver();
		else if (what < 5)
			do_drop();
		else if (what < 6)
			do_set();
		else if (what < 8)
			do_span();
		else if (what < 12)
			do_claim();
		else if (what < 16)
			do_answer();
		else if (what < 17)
			do_wake_or_release();
		else if (what < 18)
			help_clock_us += 1 + roll(6);
		else
			do_transaction();
		if (step % 16 == 15)
			compare();
	}
	ways_end();
}

static void
random_steps_agree_with_the_model(void **state)
{
	(void)state;
	for (int round = 1; round <= check_rounds(4); round++)
		walk((uint64_t)round, 2000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(random_steps_agree_with_the_model) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
