/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver_children.c: what is deleted goes children first: in one flow and across flows, in trees and in circles, where the target
 * insists on it and where it does not care.
 */
#include "deliver_help.h"

#include <stdio.h>

int deliver_children_run(void);

#define DELETES "deletes: { do = \"delete\"; };"
static const struct post_options both = { .binding = DELETES, .orders = DELETES };

/* A target that deletes no account with orders. */
static struct post *
strict(const struct post_options *options)
{
	struct post *post = post_new(options);

	post_sql(post, "DROP TABLE orders; CREATE TABLE orders (id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, number TEXT,"
	               " account INTEGER REFERENCES accounts(id));");
	return post;
}

static void
deliver_flow(struct post *post, const char *flow)
{
	post_flow(post, flow);
	post_deliver(post);
}

static void
a_parent_goes_after_its_children(void **state)
{
	struct post *post = strict(&both);
	int64_t customer = post_customer(post, "1", "Ada", NULL), one = post_order(post, "A1", customer), other = post_order(post, "A2", customer);
	struct ledger_delivery mark;
	char reason[200];
	bool found;

	(void)state;
	post_deliver(post);
	deliver_flow(post, "orders");
	post_gone(post, customer);
	post_gone(post, one);
	post_gone(post, other);
	deliver_flow(post, "customers");
	assert_mark(post, customer, WAITING);
	mark = post_mark(post, customer, &found);
	assert_string_equal(mark.cause, "children");
	snprintf(reason, sizeof reason, "record %lld (sales_order) refers to it and is deleted there first", (long long)one);
	assert_string_equal(mark.reason, reason);
	assert_int_equal(mark.tries, 0);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "1");
	/* As it waits, so it waits in the next run. */
	deliver_flow(post, "customers");
	assert_mark(post, customer, WAITING);
	deliver_flow(post, "orders");
	assert_no_mark(post, one);
	assert_no_mark(post, other);
	assert_mark(post, customer, PENDING);
	deliver_flow(post, "customers");
	assert_no_mark(post, customer);
	assert_string_equal(post_rows(post, "SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM orders)"), "0");
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL), 0);
	post_check(post);
	post_free(post);
}

/* The child's delete comes when its parent's was refused already. */
static void
what_is_referred_to_is_tried_again(void **state)
{
	struct post *post = strict(&both);
	int64_t customer = post_customer(post, "1", "Ada", NULL), order = post_order(post, "A1", customer);
	struct ledger_delivery mark;
	bool found;

	(void)state;
	post_deliver(post);
	deliver_flow(post, "orders");
	post_gone(post, customer);
	for (unsigned tries = 1; tries <= 3; tries++) {
		deliver_flow(post, "customers");
		assert_mark(post, customer, PENDING);
		mark = post_mark(post, customer, &found);
		assert_int_equal(mark.tries, tries);
		assert_string_equal(mark.cause, "connector-referenced");
		assert_true(mark.due_us > post->clock_us);
		post->clock_us = mark.due_us;
	}
	post->clock_us -= 1;
	post_gone(post, order);
	deliver_flow(post, "orders");
	assert_no_mark(post, order);
	/* What it was refused for is gone: it need not wait any longer. */
	deliver_flow(post, "customers");
	assert_no_mark(post, customer);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "0");
	post_free(post);
}

static void
what_is_referred_to_for_ever_is_a_dead_letter(void **state)
{
	struct post *post = strict(&(struct post_options){ .binding = DELETES, .system = "limits: { attempts = 3; };" });
	int64_t customer = post_customer(post, "1", "Ada", NULL);

	(void)state;
	post_order(post, "A1", customer);
	post_deliver(post);
	deliver_flow(post, "orders");
	post_gone(post, customer);
	post_flow(post, "customers");
	post->options.patience_ms = 600000;
	post_deliver(post);
	assert_mark(post, customer, DEAD);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "connector-referenced"), 1);
	post_free(post);
}

static void
who_is_waited_for_is_told(void **state)
{
	struct post *post = strict(&both);
	int64_t customer = post_customer(post, "1", "Ada", NULL), order = post_order(post, "A1", customer);
	struct ledger_delivery mark;
	char reason[200];
	bool found;

	(void)state;
	post_deliver(post);
	deliver_flow(post, "orders");
	post_sql(post, "CREATE TRIGGER kept BEFORE DELETE ON orders BEGIN SELECT RAISE(ABORT, 'it is paid'); END");
	post_gone(post, customer);
	post_gone(post, order);
	deliver_flow(post, "customers");
	deliver_flow(post, "orders");
	assert_mark(post, order, DEAD);
	deliver_flow(post, "customers");
	assert_mark(post, customer, WAITING);
	mark = post_mark(post, customer, &found);
	snprintf(reason, sizeof reason, "record %lld (sales_order) refers to it and is to be deleted there first, which is dead", (long long)order);
	assert_string_equal(mark.reason, reason);
	/* Not for ever: then the target says what it thinks of it, and a person sees it. */
	post->clock_us += INT64_C(8) * 86400 * 1000000;
	deliver_flow(post, "customers");
	assert_mark(post, customer, DEAD);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "connector-referenced"), 1);
	post_free(post);
}

/* The child lives again: nothing keeps the parent waiting but the target. */
static void
a_child_that_stays_is_not_waited_for(void **state)
{
	struct post *post = strict(&both);
	int64_t customer = post_customer(post, "1", "Ada", NULL), order = post_order(post, "A1", customer);
	struct ledger_delivery mark;
	bool found;

	(void)state;
	post_deliver(post);
	deliver_flow(post, "orders");
	post_gone(post, customer);
	post_gone(post, order);
	deliver_flow(post, "customers");
	assert_mark(post, customer, WAITING);
	post_want(post, order, LEDGER_WANT_WRITE);
	deliver_flow(post, "customers");
	assert_mark(post, customer, PENDING);
	mark = post_mark(post, customer, &found);
	assert_string_equal(mark.cause, "connector-referenced");
	post_free(post);
}

static void
a_tree_goes_from_its_leaves(void **state)
{
	struct post *post = strict(&(struct post_options){ .binding = DELETES, .tree = true });
	int64_t records[40];

	(void)state;
	/* Each third one belongs to the one before, the others to the first: a chain with leaves. */
	for (unsigned i = 0; i < 40; i++) {
		char number[20];

		snprintf(number, sizeof number, "%u", 100 + i);
		records[i] = post_customer(post, number, "Ada", NULL);
		if (i > 0)
			post_boss(post, records[i], records[i % 3 == 0 ? i - 3 : 0]);
	}
	post_deliver(post);
	assert_int_equal(post->result.left + post->result.waiting, 0);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts WHERE boss_id IS NULL"), "1");
	for (unsigned i = 0; i < 40; i++)
		post_gone(post, records[i]);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "0");
	assert_int_equal(post->result.left + post->result.waiting + post->result.dead, 0);
	assert_int_equal(post->run.counts[LEDGER_COUNT_RETRIED], 0);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM log WHERE what LIKE 'delete%'"), "40");
	post_check(post);
	post_free(post);
}

static void
a_circle_is_no_deadlock(void **state)
{
	struct post *post = strict(&(struct post_options){ .binding = DELETES, .tree = true });
	int64_t a = post_customer(post, "1", "a", NULL), b = post_customer(post, "2", "b", NULL), c = post_customer(post, "3", "c", NULL),
	        hangs = post_customer(post, "4", "hangs", NULL), self = post_customer(post, "5", "self", NULL);

	(void)state;
	post_boss(post, hangs, a);
	post_boss(post, b, a);
	post_boss(post, c, b);
	post_deliver(post);
	post_boss(post, a, c);
	post_boss(post, self, self);
	post_deliver(post);
	assert_int_equal(post->result.left + post->result.waiting, 0);
	/* This one insists, and was opened by hand. */
	post_gone(post, a);
	post_gone(post, b);
	post_gone(post, c);
	post_gone(post, hangs);
	post_gone(post, self);
	post_deliver(post);
	assert_no_mark(post, hangs);
	assert_no_mark(post, self);
	assert_mark(post, a, PENDING);
	assert_mark(post, b, PENDING);
	assert_mark(post, c, PENDING);
	assert_int_equal(post->run.counts[LEDGER_COUNT_RETRIED], 3);
	post_sql(post, "UPDATE accounts SET boss_id = NULL WHERE number = '1'");
	post->options.patience_ms = 600000;
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "0");
	assert_int_equal(post->result.left + post->result.waiting + post->result.dead, 0);
	post_free(post);
}

int
deliver_children_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parent_goes_after_its_children),
		cmocka_unit_test(what_is_referred_to_is_tried_again),
		cmocka_unit_test(what_is_referred_to_for_ever_is_a_dead_letter),
		cmocka_unit_test(who_is_waited_for_is_told),
		cmocka_unit_test(a_child_that_stays_is_not_waited_for),
		cmocka_unit_test(a_tree_goes_from_its_leaves),
		cmocka_unit_test(a_circle_is_no_deadlock),
	};

	return cmocka_run_group_tests_name("children first", tests, NULL, NULL);
}
