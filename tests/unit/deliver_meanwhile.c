/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver_meanwhile.c: what another run does at any moment between a mark being claimed and what was decided about it being kept.  It
 * finds nobody waiting yet, or a mark that is as it was: whatever it does then must be seen all the same.
 */
#include "deliver_help.h"

#include "ledger/inside.h"
#include "ledger/links.h"
#include "ledger/records.h"

int deliver_meanwhile_run(void);

#define MOMENTS 200u /* more than a delivery asks the clock */

static struct {
	unsigned at; /* the clock's call, from 1, or the next one outside of a transaction */
	bool done;
	int64_t parent, child;
	void (*act)(struct post *post, struct ledger *other);
} meanwhile;

static uint32_t
binding(struct post *post, const char *flow)
{
	return ledger_binding_id(post->ledger, config_binding(config_flow(post->model, flow), "crm"));
}

static void
act_once(struct post *post)
{
	const struct ledger_options options = { .state_dir = post->dir, .mode = LEDGER_VISITOR, .model = post->model };
	struct ledger *other;

	if (meanwhile.done || post->calls < meanwhile.at || post->ledger->in_transaction)
		return;
	meanwhile.done = true;
	assert_int_equal(ledger_open(&options, &other, &post->err), 0);
	assert_int_equal(ledger_begin(other, &post->err), 0);
	meanwhile.act(post, other);
	assert_int_equal(ledger_commit(other, &post->err), 0);
	ledger_close(other);
}

/* False: all was over before that moment. */
static bool
deliver_while(struct post *post, unsigned at, void (*act)(struct post *post, struct ledger *other))
{
	meanwhile.at = at;
	meanwhile.done = false;
	meanwhile.act = act;
	post->calls = 0;
	post->on_time = act_once;
	post_deliver(post);
	post->on_time = NULL;
	return meanwhile.done;
}

/* The customer is there, as the other flow's run says now. */
static void
link_parent(struct post *post, struct ledger *other)
{
	struct ledger_link link = { .object = ledger_object_id(other, config_binding(config_flow(post->model, "customers"), "crm")->object),
		.unit = post->run.unit, .record = meanwhile.parent, .native = { "7", 1 } };

	assert_int_equal(ledger_links_put(other, config_entity(post->model, "customer"), &link, 1, &post->err), 0);
	assert_int_equal(ledger_deliveries_wake(other, binding(post, "customers"), &meanwhile.parent, 1, &post->err), 0);
}

static struct post *
post_parent(const struct post_options *options)
{
	struct post *post = post_new(options);

	meanwhile.parent = post_customer(post, "1", "Ada", NULL);
	meanwhile.child = post_order(post, "A1", meanwhile.parent);
	post_sql(post, "INSERT INTO accounts (id, number, name) VALUES (7, '1', 'Ada')");
	post_flow(post, "orders");
	return post;
}

static void
a_parent_is_linked(void **state)
{
	unsigned at = 1;
	bool was = true;

	(void)state;
	for (; was && at < MOMENTS; at++) {
		struct post *post = post_parent(NULL);

		was = deliver_while(post, at, link_parent);
		if (was) {
			post_deliver(post);
			assert_no_mark(post, meanwhile.child);
			assert_string_equal(post_rows(post, "SELECT number, account FROM orders"), "A1|7");
		} else {
			assert_mark(post, meanwhile.child, WAITING);
		}
		post_free(post);
	}
	assert_in_range(at, 5, MOMENTS - 1);
}

static void
a_record_that_others_are_written_into_is_linked(void **state)
{
	static const struct post_options attach = { .attach = true };
	unsigned at = 1;
	bool was = true;

	(void)state;
	for (; was && at < MOMENTS; at++) {
		struct post *post = post_parent(&attach);

		was = deliver_while(post, at, link_parent);
		if (was) {
			post_deliver(post);
			assert_no_mark(post, meanwhile.child);
			assert_string_equal(post_rows(post, "SELECT origin FROM accounts"), "A1");
		}
		post_free(post);
	}
	assert_in_range(at, 5, MOMENTS - 1);
}

/* The order is no longer to be deleted there, since it was. */
static void
end_child(struct post *post, struct ledger *other)
{
	assert_int_equal(ledger_delivery_drop(other, binding(post, "orders"), meanwhile.child, &post->err), 0);
	assert_int_equal(ledger_deliveries_wake(other, binding(post, "customers"), &meanwhile.child, 1, &post->err), 0);
}

/* The parent waits already; what it waits for is held since, which is to be told. */
static void
hold_child(struct post *post)
{
	const struct ledger_delivery held = { .binding = binding(post, "orders"), .unit = post->run.unit, .record = meanwhile.child, .want = 2,
		.op = LEDGER_WANT_DELETE, .state = LEDGER_DELIVERY_HELD };

	post_deliver(post);
	assert_mark(post, meanwhile.parent, WAITING);
	assert_int_equal(ledger_begin(post->ledger, &post->err), 0);
	assert_int_equal(ledger_delivery_set(post->ledger, &held, &post->err), 0);
	assert_int_equal(ledger_commit(post->ledger, &post->err), 0);
}

static bool
delete_child_at(unsigned at, bool waits)
{
	static const struct post_options both = { .binding = "deletes: { do = \"delete\"; };", .orders = "deletes: { do = \"delete\"; };" };
	struct post *post = post_new(&both);
	bool was;

	meanwhile.parent = post_customer(post, "1", "Ada", NULL);
	meanwhile.child = post_order(post, "A1", meanwhile.parent);
	post_deliver(post);
	post_flow(post, "orders");
	post_deliver(post);
	post_gone(post, meanwhile.parent);
	post_gone(post, meanwhile.child);
	post_flow(post, "customers");
	if (waits)
		hold_child(post);
	was = deliver_while(post, at, end_child);
	if (was) {
		post_deliver(post);
		assert_no_mark(post, meanwhile.parent);
	} else {
		assert_mark(post, meanwhile.parent, WAITING);
	}
	post_free(post);
	return was;
}

static void
a_child_is_deleted(void **state)
{
	(void)state;
	for (unsigned waits = 0; waits < 2; waits++) {
		unsigned at = 1;

		while (delete_child_at(at, waits != 0))
			at++;
		assert_in_range(at, 3, MOMENTS - 1);
	}
}

/* Nobody is to be created, and has a name by now. */
static void
give_name(struct post *post, struct ledger *other)
{
	const struct config_entity *entity = config_entity(post->model, "customer");
	const struct ledger_delivery mark = { .binding = binding(post, "customers"), .unit = post->run.unit, .record = meanwhile.parent, .want = 2,
		.op = LEDGER_WANT_WRITE, .run = post->run.number };
	struct ledger_record record;
	struct arena arena;

	arena_init(&arena, 0);
	assert_int_equal(ledger_records_get(other, entity, &meanwhile.parent, 1, &arena, &record, &post->err), 0);
	record.generation = 2;
	record.values[1] = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = 3, .u.data = "Ada" };
	assert_int_equal(ledger_records_put(other, entity, &record, 1, &post->err), 0);
	assert_int_equal(ledger_deliver(other, &mark, 1, &post->err), 0);
	arena_free(&arena);
}

static void
more_is_wanted(void **state)
{
	unsigned at = 1;
	bool was = true;

	(void)state;
	for (; was && at < MOMENTS; at++) {
		struct post *post = post_new(NULL);

		meanwhile.parent = post_customer(post, "1", "nobody", NULL);
		was = deliver_while(post, at, give_name);
		post_deliver(post);
		assert_no_mark(post, meanwhile.parent);
		assert_string_equal(post_rows(post, "SELECT count(*), max(name) FROM accounts"), was ? "1|Ada" : "0|NULL");
		post_free(post);
	}
	assert_in_range(at, 3, MOMENTS - 1);
}

/* Where there is no hurry; several may be written into one, whose people go on working with it. */
static void
write_into_others(const struct post_options *options)
{
	struct post *post = post_new(options);
	int64_t customer = post_customer(post, "1", "Ada", NULL), order = post_order(post, "A1", customer);

	post_flow(post, "orders");
	post_deliver(post);
	assert_mark(post, order, WAITING);
	post_flow(post, "customers");
	post_deliver(post);
	assert_mark(post, order, PENDING);
	post_flow(post, "orders");
	post_deliver(post);
	assert_no_mark(post, order);
	assert_string_equal(post_rows(post, "SELECT number, name, origin FROM accounts"), "1|Ada|A1");
	post_sql(post, "UPDATE accounts SET phone = '030', version = version + 1");
	for (unsigned i = 2; i <= 9; i++) {
		char number[3] = { 'A', (char)('0' + i), '\0' };

		order = post_order(post, number, customer);
		if (i % 2 == 0)
			post_deliver(post);
	}
	post->options.patience_ms = 600000;
	post_deliver(post);
	assert_no_mark(post, order);
	assert_int_equal(post->result.left + post->result.waiting + post->result.dead, 0);
	assert_string_equal(post_rows(post, "SELECT number, name, phone, origin FROM accounts"), "1|Ada|030|A9");
	/* The change that was made there comes with the next read of those whom it concerns. */
	post_flow(post, "customers");
	post_read(post);
	assert_int_equal(post->run.counts[LEDGER_COUNT_CHANGED], 1);
	/* Nothing can be written into what is gone. */
	post_sql(post, "DELETE FROM accounts");
	order = post_order(post, "B1", customer);
	post_flow(post, "orders");
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "0");
	assert_int_equal(post_findings(post, LEDGER_FINDING_REVIEW, NULL), 1);
	post_check(post);
	post_free(post);
}

static void
what_is_written_into_others_waits_for_them(void **state)
{
	static const struct post_options plain = { .attach = true }, versions = { .attach = true, .object = "version = \"version\";" },
	                                 unguarded = { .attach = true, .orders = "guard = \"none\";" };

	(void)state;
	write_into_others(&plain);
	write_into_others(&versions);
	write_into_others(&unguarded);
}

int
deliver_meanwhile_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_parent_is_linked),
		cmocka_unit_test(a_record_that_others_are_written_into_is_linked),
		cmocka_unit_test(a_child_is_deleted),
		cmocka_unit_test(more_is_wanted),
		cmocka_unit_test(what_is_written_into_others_waits_for_them),
	};

	return cmocka_run_group_tests_name("meanwhile", tests, NULL, NULL);
}
