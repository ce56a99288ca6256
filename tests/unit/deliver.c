/* SPDX-License-Identifier: BSD-2-Clause */
/* deliver.c: deliveries from end to end: a ledger, marks, and a table of SQLite or a file as the target. */
#include "deliver_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int deliver_table_run(void);
int deliver_doubt_run(void);
int deliver_children_run(void);
int deliver_meanwhile_run(void);

static void
a_record_is_created_changed_and_deleted(void **state)
{
	struct post *post = post_new(&(struct post_options){ .binding = "deletes: { do = \"delete\"; };" });
	char external[LEDGER_EXTERNAL_ID + 1], wanted[200];
	int64_t record = post_customer(post, "4711", "Ada", NULL);
	struct ledger_link link;

	(void)state;
	post_deliver(post);
	ledger_external_id(post->ledger, record, external);
	snprintf(wanted, sizeof wanted, "1|%s|4711|Ada|NULL|made for 4711", external);
	assert_string_equal(post_rows(post, "SELECT id, ext_id, number, name, phone, origin FROM accounts"), wanted);
	assert_no_mark(post, record);
	link = post_link(post, record);
	assert_int_equal(link.state, LEDGER_LINK_LIVE);
	assert_int_equal(link.native.length, 1);
	assert_int_equal(post->run.counts[LEDGER_COUNT_SENT_CREATES], 1);

	/* Nothing changed: nothing is sent. */
	post_want(post, record, LEDGER_WANT_WRITE);
	post_deliver(post);
	assert_no_mark(post, record);
	assert_int_equal(post->run.counts[LEDGER_COUNT_NOT_NEEDED], 1);
	assert_string_equal(post_rows(post, "SELECT what FROM log"), "insert 4711");

	/* One field alone; what is for creates only stays, and what nobody of ours changed too. */
	post_sql(post, "UPDATE accounts SET erp_id = 'theirs', origin = 'theirs'; DELETE FROM log;");
	post_change(post, record, "Ada L.", NULL);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT number, name, phone, origin, erp_id FROM accounts"), "4711|Ada L.|NULL|theirs|theirs");
	assert_string_equal(post_rows(post, "SELECT what FROM log"), "update 4711");
	assert_int_equal(post->run.counts[LEDGER_COUNT_SENT_UPDATES], 1);

	post_want(post, record, LEDGER_WANT_DELETE);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "0");
	assert_int_equal(post_link(post, record).state, LEDGER_LINK_TOMBSTONE);
	assert_int_equal(post->run.counts[LEDGER_COUNT_SENT_DELETES], 1);
	assert_int_equal(post->result.left + post->result.uncertain + post->result.dead, 0);
	post_free(post);
}

/* How many of these numbers are of a kind that post_customers() makes. */
static unsigned
how_many(unsigned first, unsigned count, bool nobody)
{
	unsigned found = 0;

	for (unsigned i = first; i < first + count; i++)
		found += nobody ? i % 50 == 0 : i % 50 != 0 && i % 70 == 0;
	return found;
}

/* So many that they are packed beside: all arrive, once, and what is out of scope or refused is told as of few. */
static void
many_are_created_once(void **state)
{
	struct post *post = post_new(NULL);
	unsigned nobody = how_many(1, 2700, true), bad = how_many(1, 2700, false);
	char wanted[80];

	(void)state;
	post_customers(post, 1, 2700);
	post_deliver(post);
	snprintf(wanted, sizeof wanted, "%u|%u|%u", 2700 - nobody - bad, 2700 - nobody - bad, 2700 - nobody - bad);
	assert_string_equal(post_rows(post, "SELECT count(*), count(DISTINCT number), count(DISTINCT ext_id) FROM accounts"), wanted);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts WHERE origin <> 'made for ' || number OR name <> 'Ada'"), "0");
	assert_int_equal(post->run.counts[LEDGER_COUNT_SENT_CREATES], 2700 - nobody - bad);
	assert_int_equal(post->run.counts[LEDGER_COUNT_OUT_OF_SCOPE], nobody);
	assert_int_equal(post->result.dead, bad);
	assert_int_equal(post->result.left + post->result.uncertain + post->result.waiting, 0);
	post_check(post);
	/* Nothing is left of it for the next run; and few go with many. */
	(void)post_customer(post, "one", "Ada", NULL);
	post_customers(post, 3001, 600);
	post_deliver(post);
	snprintf(wanted, sizeof wanted, "%u", 2701 - nobody - bad + 600 - how_many(3001, 600, true) - how_many(3001, 600, false));
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), wanted);
	assert_int_equal(post->result.left + post->result.uncertain + post->result.waiting, 0);
	post_check(post);
	post_free(post);
}

static void
what_is_out_of_scope_is_dropped(void **state)
{
	struct post *post = post_new(NULL);
	int64_t nobody = post_customer(post, "1", "nobody", NULL), somebody = post_customer(post, "2", "somebody", NULL);

	(void)state;
	post_deliver(post);
	assert_no_mark(post, nobody);
	assert_string_equal(post_rows(post, "SELECT number FROM accounts"), "2");
	assert_int_equal(post->run.counts[LEDGER_COUNT_OUT_OF_SCOPE], 1);

	/* Put there by create_if, and no longer meant to be: it stays and is not written. */
	post_change(post, somebody, "nobody", "1");
	post_deliver(post);
	assert_no_mark(post, somebody);
	assert_string_equal(post_rows(post, "SELECT number, name, phone FROM accounts"), "2|somebody|NULL");
	assert_true((post_link(post, somebody).flags & LEDGER_LINK_SCOPED_OUT) != 0);
	post_change(post, somebody, "again", "2");
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT number, name, phone FROM accounts"), "2|again|2");
	assert_true((post_link(post, somebody).flags & LEDGER_LINK_SCOPED_OUT) == 0);
	post_free(post);
}

static void
out_of_scope_may_deactivate_and_come_back(void **state)
{
	struct post *post = post_new(&(struct post_options){
		.binding = "situations: { out_of_scope = \"deactivate\"; }; deletes: { do = \"deactivate\"; set = ( [ \"active\", \"0\" ] ); };" });
	int64_t record = post_customer(post, "1", "Ada", NULL);

	(void)state;
	post_deliver(post);
	post_change(post, record, "nobody", NULL);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT name, active FROM accounts"), "Ada|0");
	assert_no_mark(post, record);
	post_change(post, record, "Ada again", NULL);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT name, count(*) FROM accounts"), "Ada again|1");
	assert_int_equal(post_link(post, record).state, LEDGER_LINK_LIVE);
	assert_no_mark(post, record);

	/* A deletion elsewhere. */
	post_want(post, record, LEDGER_WANT_DEACTIVATE);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT name, active FROM accounts"), "Ada again|0");
	assert_no_mark(post, record);
	post_free(post);
}

static void
what_was_never_there_is_not_deleted(void **state)
{
	struct post *post = post_new(&(struct post_options){ .binding = "deletes: { do = \"delete\"; };" });
	int64_t record = post_customer(post, "1", "nobody", NULL);

	(void)state;
	post_want(post, record, LEDGER_WANT_DELETE);
	post_deliver(post);
	assert_no_mark(post, record);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM log"), "0");
	post_free(post);
}

static void
a_child_waits_for_its_parent(void **state)
{
	struct post *post = post_new(NULL);
	int64_t customer = post_customer(post, "1", "Ada", NULL), order = post_order(post, "A1", customer);

	(void)state;
	post_flow(post, "orders");
	post_deliver(post);
	assert_mark(post, order, WAITING);
	assert_int_equal(post->result.waiting, 1);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM orders"), "0");
	post_flow(post, "customers");
	post_deliver(post);
	assert_mark(post, order, PENDING);
	post_flow(post, "orders");
	post_deliver(post);
	assert_no_mark(post, order);
	assert_string_equal(post_rows(post, "SELECT number, account FROM orders"), "A1|1");
	post_free(post);
}

static void
waiting_for_a_parent_has_an_end(void **state)
{
	struct post *post = post_new(NULL);
	int64_t customer = post_customer(post, "1", "nobody", NULL), order = post_order(post, "A1", customer);

	(void)state;
	post_deliver(post);
	post_flow(post, "orders");
	post_deliver(post);
	assert_mark(post, order, WAITING);
	post->clock_us += INT64_C(3599) * 1000000;
	post_deliver(post);
	assert_mark(post, order, WAITING);
	post->clock_us += INT64_C(2) * 1000000;
	post_deliver(post);
	assert_mark(post, order, DEAD);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "delivery-parent"), 1);
	post_free(post);
}

static void
what_a_target_refuses_is_a_dead_letter(void **state)
{
	struct post *post = post_new(NULL);
	int64_t bad = post_customer(post, "1", "bad", NULL), good = post_customer(post, "2", "good", NULL);

	(void)state;
	post_deliver(post);
	assert_mark(post, bad, DEAD);
	assert_no_mark(post, good);
	assert_string_equal(post_rows(post, "SELECT number FROM accounts"), "2");
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "connector-invalid"), 1);
	assert_int_equal(post->run.counts[LEDGER_COUNT_DEAD], 1);
	assert_int_equal(post->result.dead, 1);

	/* Corrected at its owner: wanted again, and the dead letter ends. */
	post_change(post, bad, "better", NULL);
	post_deliver(post);
	assert_no_mark(post, bad);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL), 0);
	assert_string_equal(post_rows(post, "SELECT name FROM accounts ORDER BY number"), "better\ngood");
	post_free(post);
}

static void
unlock(struct post *post)
{
	if (post->waits == 3)
		post_sql(post, "COMMIT");
}

static void
trouble_passes_and_is_waited_for(void **state)
{
	struct post *post = post_new(NULL);
	int64_t record = post_customer(post, "1", "Ada", NULL);
	bool found;

	(void)state;
	post_sql(post, "BEGIN EXCLUSIVE");
	post_deliver(post);
	assert_mark(post, record, PENDING);
	assert_int_equal(post_mark(post, record, &found).tries, 1);
	assert_in_range(post_mark(post, record, &found).due_us - post->clock_us, 2000000, 2500000);
	assert_int_equal(post->result.left, 1);
	assert_int_equal(post->waits, 0);

	/* With patience it is tried again as often as is due. */
	post->options.patience_ms = 60000;
	post->on_wait = unlock;
	post_deliver(post);
	assert_no_mark(post, record);
	assert_int_equal(post->waits, 3);
	assert_in_range(post->waited_ms, 14000, 17600);
	assert_string_equal(post_rows(post, "SELECT what FROM log"), "insert 1");
	post_free(post);
}

/* Put off while the clock was ahead; noticed by the process that put it off, and by the next. */
static void
a_clock_that_is_set_back_keeps_nothing_waiting(void **state)
{
	(void)state;
	for (int next = 0; next < 2; next++) {
		struct post *post = post_new(NULL);
		int64_t record = post_customer(post, "1", "Ada", NULL);
		bool found;

		post->clock_us += INT64_C(7200) * 1000000;
		post_sql(post, "BEGIN EXCLUSIVE");
		post_deliver(post);
		post->clock_us -= INT64_C(7200) * 1000000;
		assert_in_range(post_mark(post, record, &found).due_us - post->clock_us, 7202000000, 7202500000);
		if (next) {
			post_close(post);
			post_open(post);
			assert_true(post_mark(post, record, &found).due_us <= post->clock_us);
		}
		/* It is due once: what is put off now waits. */
		post_deliver(post);
		assert_int_equal(post_mark(post, record, &found).tries, 2);
		post_deliver(post);
		assert_int_equal(post_mark(post, record, &found).tries, 2);
		assert_in_range(post_mark(post, record, &found).due_us - post->clock_us, 4000000, 6000000);
		post_sql(post, "COMMIT");
		post->clock_us += 6000000;
		post_deliver(post);
		assert_no_mark(post, record);
		assert_string_equal(post_rows(post, "SELECT what FROM log"), "insert 1");
		post_free(post);
	}
}

/* Reckoned from what the clock showed before it was set back, kept after that, and after others have followed it. */
static void
what_was_reckoned_before_the_clock_was_set_back(void **state)
{
	(void)state;
	for (int next = 0; next < 2; next++) {
		struct post *post = post_new(NULL);
		int64_t record = post_customer(post, "1", "Ada", NULL), back_us;
		struct ledger_delivery delivery;
		bool found;

		delivery = post_mark(post, record, &found);
		post->clock_us += INT64_C(7200) * 1000000;
		delivery.due_us = ledger_now(post->ledger) + 10000000;
		post->clock_us -= INT64_C(7200) * 1000000;
		assert_int_equal(ledger_begin(post->ledger, &post->err), 0);
		assert_int_equal(ledger_delivery_set(post->ledger, &delivery, &post->err), 0);
		assert_int_equal(ledger_commit(post->ledger, &post->err), 0);
		assert_in_range(post_mark(post, record, &found).due_us - post->clock_us, 7200000000, 7210000000);
		if (next) {
			post_close(post);
			post_open(post);
		} else {
			assert_int_equal(ledger_follow_clock(post->ledger, &back_us, &post->err), 0);
			assert_int_equal(back_us, INT64_C(7200) * 1000000);
		}
		assert_true(post_mark(post, record, &found).due_us <= post->clock_us);
		/* Once. */
		assert_int_equal(ledger_follow_clock(post->ledger, &back_us, &post->err), 0);
		assert_int_equal(back_us, 0);
		post_deliver(post);
		assert_no_mark(post, record);
		post_free(post);
	}
}

static void
too_many_tries_are_a_dead_letter(void **state)
{
	struct post *post = post_new(&(struct post_options){ .system = "limits: { attempts = 3; };" });
	int64_t record = post_customer(post, "1", "Ada", NULL);

	(void)state;
	post->options.patience_ms = 3600000;
	post_sql(post, "BEGIN EXCLUSIVE");
	post_deliver(post);
	post_sql(post, "COMMIT");
	assert_mark(post, record, DEAD);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "connector-retry"), 1);
	assert_int_equal(post->waits, 2);
	post_free(post);
}

static void
refused_credentials_park_the_system(void **state)
{
	struct post *post = post_new(&(struct post_options){ .connector = "refuses" });
	int64_t first = post_customer(post, "1", "Ada", NULL), second;

	(void)state;
	post->options.patience_ms = 86400000;
	post_deliver(post);
	assert_mark(post, first, PARKED);
	assert_int_equal(post->result.parked, 1);
	assert_true(post->result.failed);
	assert_int_equal(post->result.first.klass, SYNCLINE_AUTH);
	assert_int_equal(post->waits, 0);

	/* The next run doesn't try either, until an hour has passed, or a person starts one. */
	second = post_customer(post, "2", "Bob", NULL);
	post_deliver(post);
	assert_mark(post, first, PARKED);
	assert_mark(post, second, PENDING);
	assert_int_equal(post->run.counts[LEDGER_COUNT_PARKED], 1);
	post->clock_us += INT64_C(3601) * 1000000;
	post_deliver(post);
	assert_mark(post, second, PARKED);
	assert_int_equal(post->run.counts[LEDGER_COUNT_PARKED], 3);
	post->run.cause = "manual";
	post_deliver(post);
	assert_int_equal(post->run.counts[LEDGER_COUNT_PARKED], 5);
	post_free(post);
}

static void
a_throttled_system_is_left_alone_as_long_as_it_asks(void **state)
{
	struct post *post = post_new(&(struct post_options){ .connector = "throttles" });
	int64_t record = post_customer(post, "1", "Ada", NULL);
	bool found;

	(void)state;
	post_deliver(post);
	assert_mark(post, record, PENDING);
	assert_int_equal(post_mark(post, record, &found).due_us, post->clock_us + 7000000);
	assert_int_equal(post_mark(post, record, &found).tries, 0);
	post->options.patience_ms = 8000;
	post_deliver(post);
	assert_int_equal(post->waited_ms, 7000);
	assert_no_mark(post, record);
	post_free(post);
}

/* The ledger as others see it. */
static int64_t
ledger_number(struct post *post, const char *sql)
{
	char path[300];
	sqlite3_stmt *statement;
	sqlite3 *db;
	int64_t number = -1;

	snprintf(path, sizeof path, "%s/%s", post->dir, LEDGER_FILE);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return number;
}

/* assigned_by: the target gives it, and what it is called elsewhere does not go there. */
static void
what_a_target_assigns_is_not_sent(void **state)
{
	struct post *post = post_new(&(struct post_options){ .number = "assigned_by = \"crm\";" });
	int64_t record;

	(void)state;
	post_sql(post, "CREATE TRIGGER assigns AFTER INSERT ON accounts WHEN new.number IS NULL BEGIN UPDATE accounts SET number = 'N' || new.id WHERE id = new.id; END");
	record = post_customer(post, "4711", "Ada", NULL);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT number, name FROM accounts"), "N1|Ada");
	post_sql(post, "DELETE FROM log");
	post_read(post);
	post_deliver(post);
	post_change(post, record, "Ada L.", NULL);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT number, name FROM accounts"), "N1|Ada L.");
	assert_string_equal(post_rows(post, "SELECT what FROM log"), "update N1");
	assert_int_equal(ledger_number(post, "SELECT count(*) FROM golden_customer WHERE number = 'N1'"), 1);
	assert_no_mark(post, record);
	post_free(post);
}

static void
is_leased(struct post *post)
{
	assert_true(ledger_number(post, "SELECT until_us FROM lease") > post->clock_us);
}

/* Waiting commits nothing; whose flow it is must be seen all the same. */
static void
patience_keeps_the_lease(void **state)
{
	struct post *post = post_new(NULL);
	int64_t record = post_customer(post, "1", "Ada", NULL);

	(void)state;
	assert_int_equal(ledger_lease(post->ledger, "run customers/", INT64_C(900000), &post->err), 1);
	post_sql(post, "BEGIN EXCLUSIVE");
	post_deliver(post);
	post_sql(post, "COMMIT");
	assert_mark(post, record, PENDING);
	/* Due in an hour, as after a server that asked for that. */
	(void)ledger_number(post, "UPDATE delivery SET due_us = due_us + 3600000000");
	post->options.patience_ms = 7200000;
	post->on_wait = is_leased;
	post_deliver(post);
	assert_no_mark(post, record);
	assert_true(post->waited_ms >= 3590000);
	is_leased(post);
	post_free(post);
}

static void
lies_are_looked_into(void **state)
{
	struct post *post = post_new(&(struct post_options){ .connector = "lies-results" });
	int64_t records[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		records[i] = post_customer(post, (const char *const[]){ "0", "1", "2", "3", "4" }[i], "Ada", NULL);
	post_deliver(post);
	/* Committed without an id: it is looked for.  Twice, an unknown class, none at all: nobody knows, and no way to find out. */
	assert_mark(post, records[0], HANDED_OVER);
	for (int i = 1; i < 5; i++)
		assert_mark(post, records[i], DEAD);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "delivery-uncertain"), 4);
	post_free(post);
}

static void
a_flag_holds_what_it_keeps_back(void **state)
{
	struct post *post = post_new(NULL);
	int64_t record = post_customer(post, "1", "Ada", NULL), other;
	unsigned in = 0;

	(void)state;
	post_flag(post, LEDGER_FLAG_PREVIEW, 0);
	post_deliver(post);
	assert_mark(post, record, PENDING);
	post_flag(post, LEDGER_FLAG_PAUSED, 0);
	post_deliver(post);
	assert_mark(post, record, HELD);
	assert_int_equal(post->result.held, 1);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "0");
	post_flag(post, LEDGER_FLAG_ON, 0);
	post_deliver(post);
	assert_no_mark(post, record);

	/* A part of the records, the same part each time, and an order goes where its customer goes. */
	post_flag(post, LEDGER_FLAG_CANARY, 50);
	for (int i = 0; i < 40; i++) {
		char number[10];

		snprintf(number, sizeof number, "%d", 100 + i);
		other = post_customer(post, number, "Bob", NULL);
		post_order(post, number, other);
	}
	post_deliver(post);
	in = (unsigned)atoi(post_rows(post, "SELECT count(*) FROM accounts")) - 1;
	assert_in_range(in, 5, 35);
	assert_int_equal(post->result.held, 40 - in);
	post_deliver(post);
	assert_int_equal(post->result.held, 40 - in);
	post_flow(post, "orders");
	post_deliver(post);
	assert_int_equal(atoi(post_rows(post, "SELECT count(*) FROM orders")), in);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM orders o JOIN accounts a ON a.id = o.account WHERE a.number <> o.number"), "0");
	post_flow(post, "customers");
	post_flag(post, LEDGER_FLAG_CANARY, 100);
	post_deliver(post);
	assert_int_equal(post->result.held, 0);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), "41");
	post_free(post);
}

static void
a_record_that_is_gone_is_decided_by_its_situation(void **state)
{
	static const struct {
		const char *action;
		uint8_t link;
		const char *rows;
		unsigned reviews;
	} cases[] = {
		{ "review", LEDGER_LINK_MISSING, "0", 1 },
		{ "recreate", LEDGER_LINK_LIVE, "1", 0 },
		{ "unlink", LEDGER_LINK_UNLINKED, "0", 0 },
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char binding[100];
		struct post *post;
		int64_t record;

		snprintf(binding, sizeof binding, "situations: { missing = \"%s\"; };", cases[i].action);
		post = post_new(&(struct post_options){ .binding = binding });
		record = post_customer(post, "1", "Ada", NULL);
		post_deliver(post);
		post_sql(post, "DELETE FROM accounts");
		post_change(post, record, "Ada II", NULL);
		post_deliver(post);
		assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), cases[i].rows);
		assert_int_equal(post_link(post, record).state, cases[i].link);
		assert_int_equal(post_findings(post, LEDGER_FINDING_REVIEW, "missing"), cases[i].reviews);
		assert_no_mark(post, record);
		post_free(post);
	}
}

static int
see_review(void *data, const struct ledger_finding *row)
{
	*(int64_t *)data = row->id;
	return 0;
}

static void
archive_review(struct post *post)
{
	const struct ledger_finding_filter filter = { .kind = LEDGER_FINDING_REVIEW };
	int64_t id = 0;

	assert_int_equal(ledger_findings(post->ledger, &filter, see_review, &id, &post->err), 0);
	assert_true(id != 0);
	assert_int_equal(ledger_begin(post->ledger, &post->err), 0);
	assert_int_equal(ledger_finding_close(post->ledger, id, LEDGER_ARCHIVED, "settled there", &post->err), 0);
	assert_int_equal(ledger_commit(post->ledger, &post->err), 0);
}

/* Archived, the question what it means that it is missing lets go of what it held: what nobody reads is written again, the rest ends. */
static void
what_is_missing_and_archived_holds_nothing(void **state)
{
	(void)state;
	for (int read = 0; read < 2; read++) {
		struct post *post = post_new(&(struct post_options){ .write_only = read == 0 });
		int64_t record = post_customer(post, "1", "Ada", NULL);

		post_deliver(post);
		post_sql(post, "CREATE TABLE aside AS SELECT * FROM accounts; DELETE FROM accounts");
		post_change(post, record, "Ada II", NULL);
		post_deliver(post);
		assert_int_equal(post_findings(post, LEDGER_FINDING_REVIEW, "missing"), 1);
		post_change(post, record, "Ada III", NULL);
		for (int i = 0; i < 2; i++) {
			post_deliver(post);
			assert_mark(post, record, HELD);
		}
		archive_review(post);
		post_deliver(post);
		assert_no_mark(post, record);
		if (read == 0) {
			/* It was not settled there: that is asked again. */
			assert_int_equal(post_findings(post, LEDGER_FINDING_REVIEW, "missing"), 1);
			post_change(post, record, "Ada IV", NULL);
			post_deliver(post);
			assert_mark(post, record, HELD);
			post_sql(post, "INSERT INTO accounts SELECT * FROM aside");
			archive_review(post);
			post_deliver(post);
			assert_no_mark(post, record);
			assert_string_equal(post_rows(post, "SELECT name FROM accounts"), "Ada IV");
			assert_int_equal(post_link(post, record).state, LEDGER_LINK_LIVE);
		} else {
			assert_int_equal(post_link(post, record).state, LEDGER_LINK_MISSING);
			assert_int_equal(ledger_number(post, "SELECT count(*) FROM history_view WHERE event = 'dropped' AND note = 'it is missing there, and"
			                                     " nobody is asked about that any more'"), 1);
			/* And a later change as well. */
			post_change(post, record, "Ada IV", NULL);
			post_deliver(post);
			assert_no_mark(post, record);
		}
		assert_int_equal(post_findings(post, LEDGER_FINDING_REVIEW, "missing"), 0);
		post_check(post);
		post_free(post);
	}
}

/* A dead letter about a delete ends when nothing is left to delete: the record lives again, or the target does not have it any more. */
static void
a_dead_delete_ends_when_it_is_pointless(void **state)
{
	(void)state;
	for (int lives = 0; lives < 2; lives++) {
		struct post *post = post_new(&(struct post_options){ .source = "deletes: { seen = \"accept\"; resurrect = \"accept\"; };",
			.binding = "deletes: { do = \"delete\"; };" });
		int64_t record = post_customer(post, "1", "Ada", NULL);

		post_customer(post, "2", "Bob", NULL);
		post_deliver(post);
		post_sql(post, "CREATE TRIGGER stays BEFORE DELETE ON accounts BEGIN SELECT RAISE(ABORT, 'it has invoices'); END");
		post_erp(post, "DELETE FROM kunden WHERE nr = '1'");
		post_read(post);
		post_deliver(post);
		assert_mark(post, record, DEAD);
		assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL), 1);
		post->clock_us += INT64_C(3600) * 1000000;
		if (lives) {
			post_erp(post, "INSERT INTO kunden VALUES ('1', 'Ada', NULL)");
		} else {
			post_sql(post, "DROP TRIGGER stays; DELETE FROM accounts WHERE number = '1'");
		}
		post_read(post);
		post_deliver(post);
		assert_no_mark(post, record);
		assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL), 0);
		assert_int_equal(ledger_number(post, "SELECT count(*) FROM dead_letter_view WHERE state = 'ended' AND ended_why IS NOT NULL"), 1);
		assert_int_equal(ledger_number(post, "SELECT count(*) FROM history_view WHERE event = 'dropped'"), 1);
		assert_string_equal(post_rows(post, "SELECT count(*) FROM accounts"), lives ? "2" : "1");
		post_check(post);
		post_free(post);
	}
}

static void
deleting_what_is_gone_is_success(void **state)
{
	struct post *post = post_new(&(struct post_options){ .binding = "deletes: { do = \"delete\"; };" });
	int64_t record = post_customer(post, "1", "Ada", NULL);

	(void)state;
	post_deliver(post);
	post_sql(post, "DELETE FROM accounts");
	post_want(post, record, LEDGER_WANT_DELETE);
	post_deliver(post);
	assert_no_mark(post, record);
	assert_int_equal(post_link(post, record).state, LEDGER_LINK_TOMBSTONE);
	post_free(post);
}

static void
what_depends_on_others_goes_along(void **state)
{
	struct post *post = post_new(&(struct post_options){ .derive = true });
	int64_t record = post_customer(post, "4711", "Ada", NULL);

	(void)state;
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT name, erp_id FROM accounts"), "Ada|4711");
	post_sql(post, "UPDATE accounts SET erp_id = NULL");
	post_change(post, record, "Ada II", NULL);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT name, erp_id FROM accounts"), "Ada II|4711");
	post_free(post);
}

/* An order moved to a customer that nobody knows there says nothing of it, until a person says who that is. */
static void
what_was_written_without_a_link_follows_its_import(void **state)
{
	(void)state;
	for (int read = 0; read < 2; read++) {
		struct post *post = post_new(&(struct post_options){ .write_only = read == 0 });
		int64_t one = post_customer(post, "1", "Ada", NULL), other = post_customer(post, "2", "nobody", NULL), order = post_order(post, "A1", one);
		uint64_t nothing[16] = { 0 };
		struct ledger_link link = { .object = ledger_object_id(post->ledger, config_binding(config_flow(post->model, "customers"), "crm")->object),
			.unit = post->run.unit, .native = { "77", 2 }, .record = other, .sent = nothing, .seen = nothing };

		post_deliver(post);
		post_flow(post, "orders");
		post_deliver(post);
		post_move(post, order, other);
		post_deliver(post);
		assert_no_mark(post, order);
		assert_string_equal(post_rows(post, "SELECT number, account FROM orders"), "A1|1");
		/* As `links import` does it. */
		post_sql(post, "INSERT INTO accounts (id, number, name) VALUES (77, '2', 'nobody')");
		assert_true(ledger_field_limit(post->ledger, config_entity(post->model, "customer")) <= 16);
		assert_int_equal(ledger_begin(post->ledger, &post->err), 0);
		link.there = ledger_sequence(post->ledger);
		assert_int_equal(ledger_links_put(post->ledger, config_entity(post->model, "customer"), &link, 1, &post->err), 0);
		assert_int_equal(ledger_commit(post->ledger, &post->err), 0);
		post_flow(post, "customers");
		post->clock_us += 1000000;
		if (read != 0)
			post_read(post);
		else
			post_change(post, other, "Bob", NULL); /* nobody reads it: the next write there is the first that is heard */
		post_deliver(post);
		assert_mark(post, order, PENDING);
		post_flow(post, "orders");
		post_deliver(post);
		assert_string_equal(post_rows(post, "SELECT number, account FROM orders"), "A1|77");
		/* Once. */
		post_flow(post, "customers");
		post->clock_us += 1000000;
		if (read != 0)
			post_read(post);
		post_deliver(post);
		assert_no_mark(post, order);
		post_free(post);
	}
}

/* Guards. */

/* A target that keeps numbers, and a write that says nothing of the required field: what it kept is no edit. */
static void
what_is_stored_otherwise_is_no_edit(void **state)
{
	static const char fields[] = "{ name = \"id\"; type = \"integer\"; key = true; }, { name = \"ext_id\"; type = \"text\"; }, { name = \"number\"; type = \"text\"; },"
	                             " { name = \"name\"; type = \"decimal\"; }, { name = \"phone\"; type = \"text\"; }, { name = \"origin\"; type = \"text\"; }";
	static const char *const numbers[] = { "", "required = true;" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct post *post = post_new(&(struct post_options){ .number = numbers[i], .contract = fields });
		int64_t record = post_customer(post, "1", "1", NULL);

		post_sql(post, "DROP TABLE accounts; CREATE TABLE accounts (id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, number TEXT, name NUMERIC, phone TEXT, origin TEXT)");
		post_deliver(post);
		post_erp(post, "UPDATE kunden SET name = '007'");
		post_read(post);
		post_deliver(post);
		assert_string_equal(post_rows(post, "SELECT number, name FROM accounts"), "1|7");
		post_read(post);
		assert_no_mark(post, record);
		assert_int_equal(post->run.counts[LEDGER_COUNT_EDITS], 0);
		assert_int_equal(post->run.counts[LEDGER_COUNT_SENT_UPDATES], 1);
		post_free(post);
	}
}

/* What a reference leads to refers to it in its turn. */
static void
a_link_that_is_followed_to_is_waited_for(void **state)
{
	struct post *post = post_new(&(struct post_options){ .tree = true, .grand = true });
	int64_t boss = post_customer(post, "1", "nobody", NULL), customer = post_customer(post, "2", "Ada", NULL), order = post_order(post, "A1", customer), late;

	(void)state;
	post_deliver(post);
	post_flow(post, "orders");
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT number, account FROM orders"), "A1|NULL");
	/* There is an order already, and its customer gets a boss whom nobody knows there; and one that is made since then. */
	post_boss(post, customer, boss);
	post_want(post, order, LEDGER_WANT_WRITE);
	late = post_order(post, "A2", customer);
	post_deliver(post);
	assert_no_mark(post, order);
	assert_mark(post, late, WAITING);
	post_flow(post, "customers");
	post_change(post, boss, "Bob", NULL);
	post_deliver(post);
	assert_mark(post, order, PENDING);
	assert_mark(post, late, PENDING);
	post_flow(post, "orders");
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT o.number, a.name FROM orders o JOIN accounts a ON a.id = o.account ORDER BY 1"), "A1|Bob\nA2|Bob");
	post_check(post);
	post_free(post);
}

static void
waiting_for_what_is_followed_to_has_an_end(void **state)
{
	struct post *post = post_new(&(struct post_options){ .tree = true, .grand = true });
	int64_t boss = post_customer(post, "1", "nobody", NULL), customer = post_customer(post, "2", "Ada", NULL), order;

	(void)state;
	post_boss(post, customer, boss);
	post_deliver(post);
	order = post_order(post, "A1", customer);
	post_flow(post, "orders");
	post_deliver(post);
	assert_mark(post, order, WAITING);
	post->clock_us += INT64_C(3601) * 1000000;
	post_deliver(post);
	assert_no_mark(post, order);
	assert_string_equal(post_rows(post, "SELECT number, account FROM orders"), "A1|NULL");
	post_free(post);
}

static void
a_change_made_meanwhile_is_not_overwritten(void **state)
{
	static const char *const objects[] = { NULL, "version = \"version\";" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct post *post = post_new(&(struct post_options){ .object = objects[i] });
		int64_t record = post_customer(post, "1", "Ada", NULL);

		post_deliver(post);
		/* The phone is theirs, the name is not: one is taken over, the other restored; ours arrives. */
		post_sql(post, "UPDATE accounts SET phone = '555', name = 'theirs', version = version + 1; DELETE FROM log;");
		post_change(post, record, "Ada II", NULL);
		post_deliver(post);
		assert_string_equal(post_rows(post, "SELECT number, name, phone FROM accounts"), "1|Ada II|555");
		assert_no_mark(post, record);
		assert_int_equal(post->run.counts[LEDGER_COUNT_EDITS], 1);
		assert_int_equal(post->run.counts[LEDGER_COUNT_CHANGED], 1);
		assert_string_equal(post_rows(post, "SELECT count(*) FROM log"), "1");
		post_free(post);
	}
}

/* Several claims: each looks at its records while what was heard of the one before is not kept yet.  Each is written once, theirs are seen. */
static void
many_are_changed_once(void **state)
{
	static const char all[] = "SELECT count(*), sum(name = 'Ada ' || number), sum(phone IS '555') FROM accounts";
	struct post *post = post_new(NULL);

	(void)state;
	post_erp(post, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2600) INSERT INTO kunden SELECT i, 'Ada', NULL FROM n");
	post_read(post);
	post_deliver(post);
	post_read(post);
	post_erp(post, "UPDATE kunden SET name = 'Ada ' || nr");
	post_read(post);
	post_sql(post, "UPDATE accounts SET phone = '555' WHERE number % 400 = 7; DELETE FROM log");
	post_deliver(post);
	assert_string_equal(post_rows(post, all), "2600|2600|7");
	assert_string_equal(post_rows(post, "SELECT count(*) FROM log"), "2600");
	assert_int_equal(post->run.counts[LEDGER_COUNT_SENT_UPDATES], 2600);
	assert_int_equal(post->run.counts[LEDGER_COUNT_EDITS] + post->run.counts[LEDGER_COUNT_RETRIED], 0);
	assert_int_equal(post->result.left + post->result.uncertain + post->result.waiting + post->result.dead, 0);
	post_check(post);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT count(*) FROM log"), "2600");
	post_free(post);
}

static void
without_a_guard_the_last_one_wins(void **state)
{
	struct post *post = post_new(&(struct post_options){ .binding = "guard = \"none\";", .object = "version = \"version\";" });
	int64_t record = post_customer(post, "1", "Ada", NULL);

	(void)state;
	post_deliver(post);
	post_sql(post, "UPDATE accounts SET name = 'theirs', version = version + 1");
	post_change(post, record, "Ada II", NULL);
	post_deliver(post);
	assert_string_equal(post_rows(post, "SELECT number, name FROM accounts"), "1|Ada II");
	assert_int_equal(post->run.counts[LEDGER_COUNT_EDITS], 0);
	post_free(post);
}

static int
answer(void *data, const struct intake_result *dry, struct error *err)
{
	assert_int_equal(dry->counts[LEDGER_COUNT_ABSORBED], 1);
	assert_false(dry->kept);
	return *(int *)data >= 0 ? *(int *)data : error_set(err, ERROR_INTERNAL, NULL, "it could not be judged");
}

/* What a dry pass did is kept when its guard says so, and then nothing is left to be applied. */
static void
a_dry_pass_is_kept_when_it_may_be(void **state)
{
	struct post *post = post_new(&(struct post_options){ .binding = "guard = \"none\";" });
	int64_t record = post_customer(post, "1", "Ada", NULL);
	struct intake *const intakes[] = { &post->intake };
	struct error first = { 0 };
	int said = 0;
	struct intake_apply_options dry = { .mode = INTAKE_DRY, .may_keep = answer, .may_keep_data = &said }, real = { .mode = INTAKE_REAL };
	struct intake_result result;
	bool failed = false;

	(void)state;
	post_deliver(post);
	assert_int_equal(intake_read(intakes, 1, &failed, &first, &post->err), 0);
	assert_false(failed);
	assert_int_equal(intake_apply(&post->intake, &dry, &result, &post->err), 0);
	assert_false(result.kept);
	intake_result_free(&result);
	said = -1;
	assert_int_equal(intake_apply(&post->intake, &dry, &result, &post->err), -1);
	assert_int_equal(post_link(post, record).flags & LEDGER_LINK_UNSEEN, LEDGER_LINK_UNSEEN);
	assert_int_equal(post->run.counts[LEDGER_COUNT_ABSORBED], 0);
	said = 1;
	assert_int_equal(intake_apply(&post->intake, &dry, &result, &post->err), 0);
	assert_true(result.kept);
	intake_result_free(&result);
	assert_int_equal(post_link(post, record).flags & LEDGER_LINK_UNSEEN, 0);
	assert_int_equal(post->run.counts[LEDGER_COUNT_ABSORBED], 1);
	assert_int_equal(intake_apply(&post->intake, &real, &result, &post->err), 0);
	assert_int_equal(result.rows, 0);
	intake_result_free(&result);
	post_check(post);
	post_free(post);
}

static void
ask_ledger(struct post *post, const char *sql, char *ret_text, size_t size)
{
	char path[300];
	sqlite3_stmt *statement;
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/ledger.db", post->dir);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	snprintf(ret_text, size, "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_finalize(statement);
	sqlite3_close(db);
}

/* Rules of a large first load run beside its storing: records, rejects and what is told of them are those of a small one. */
static void
a_first_load_is_the_same_however_large(void **state)
{
	static const char records[] = "SELECT count(*) || ' ' || sum(phone - name = 1) || ' ' || sum(size = name) FROM golden_customer";
	static const char rejects[] = "SELECT count(*) || ' ' || sum(native % 997 = 0) || ' ' || sum(state = 0) || ' ' || min(cause) || ' ' || max(cause)"
	                              " FROM reject";
	static const char first[] = "SELECT field || message || rule || hint || substr(place, instr(place, 'erp.db')) || detail FROM reject WHERE native = '997'";
	char found[2][2000], told[2][4000], expected[100];

	(void)state;
	for (int i = 0; i < 2; i++) {
		int rows = i == 0 ? 4000 : 12000, bad = rows / 997;
		struct post *post = post_new(&(struct post_options){ .source = "read: { phone = \"dec_add(name, '1')\"; };" });
		char sql[400];

		snprintf(sql, sizeof sql,
		         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		         " INSERT INTO kunden SELECT i, iif(i %% 997 = 0, 'no number', i), i FROM n", rows);
		post_erp(post, sql);
		post_read(post);
		snprintf(expected, sizeof expected, "%d %d %d", rows - bad, rows - bad, rows - bad);
		ask_ledger(post, records, found[0], sizeof found[0]);
		assert_string_equal(found[0], expected);
		ask_ledger(post, rejects, found[1], sizeof found[1]);
		snprintf(expected, sizeof expected, "%d %d %d ", bad, bad, bad);
		assert_memory_equal(found[1], expected, strlen(expected));
		ask_ledger(post, first, told[i], sizeof told[i]);
		assert_int_equal(post->run.counts[LEDGER_COUNT_CREATED], rows - bad);
		assert_int_equal(post->run.counts[LEDGER_COUNT_REJECTED], bad);
		post_check(post);
		post_free(post);
	}
	assert_string_equal(told[0], told[1]);
	assert_true(strlen(told[0]) > 40);
}

/* Reads the ERP without applying; its rows, the caller's. */
static struct batch *
read_rows(struct post *post, uint32_t erp, int64_t after)
{
	struct intake *const intakes[] = { &post->intake };
	struct ledger_staged staged;
	struct error first = { 0 };
	bool failed = false;

	assert_int_equal(intake_read(intakes, 1, &failed, &first, &post->err), 0);
	assert_false(failed);
	assert_int_equal(ledger_staged_next(post->ledger, erp, 0, post->intake.flow_id, post->intake.unit_id, after, &staged, &post->err), 1);
	assert_non_null(staged.batch);
	return staged.batch;
}

static void
apply_now(struct post *post)
{
	const struct intake_apply_options real = { .mode = INTAKE_REAL };
	struct intake_result result;

	if (intake_apply(&post->intake, &real, &result, &post->err) != 0)
		fail_msg("%s (%s)", post->err.message, post->err.hint);
	intake_result_free(&result);
}

/*
 * While somebody reads an object in full, another unit's run applies what was read before: of two records that it makes, the read shows
 * one as a row, for it was none when it was looked up, and the other one no more.  Both by the way of a first load, and by the usual one.
 */
static void
what_is_made_while_its_source_is_read_is_missing_there(void **state)
{
	(void)state;
	for (int usual = 0; usual < 2; usual++) {
		struct post *post = post_new(&(struct post_options){ .source = "deletes: { seen = \"accept\"; };" });
		static const struct syncline_completeness all = { .tenant = NULL, .complete = true };
		static const uint8_t keep[] = { 1, 0 };
		struct batch *rows;
		struct ledger_read read;
		uint32_t erp;
		int64_t staged;
		char found[200];

		if (usual) {
			post_erp(post, "INSERT INTO kunden VALUES ('0', 'Nobody else', NULL)");
			post_read(post);
			post_erp(post, "DELETE FROM kunden");
		}
		post_erp(post, "INSERT INTO kunden VALUES ('1', 'Ada', NULL), ('2', 'Bob', NULL)");
		erp = ledger_object_id(post->ledger, config_object(config_system(post->model, "erp"), "kunden"));
		rows = read_rows(post, erp, 0);
		assert_int_equal(rows->header->record_count, 2);
		assert_int_equal(ledger_begin(post->ledger, &post->err), 0);
		assert_int_equal(ledger_read_begin(post->ledger, erp, 0, true, &read, &post->err), 0);
		assert_int_equal(ledger_commit(post->ledger, &post->err), 0);
		apply_now(post);
		ask_ledger(post, "SELECT group_concat(native || state, ' ') FROM (SELECT native, state FROM link WHERE native <> '0' ORDER BY id)", found, sizeof found);
		assert_string_equal(found, "10 20");
		batch_keep(rows, keep);
		batch_seal(rows);
		assert_int_equal(ledger_begin(post->ledger, &post->err), 0);
		assert_int_equal(ledger_stage(post->ledger, &read, rows, NULL, 0, 1, NULL, &staged, &post->err), 0);
		assert_int_equal(ledger_read_end(post->ledger, &read, &all, 1, false, &post->err), 0);
		assert_int_equal(ledger_commit(post->ledger, &post->err), 0);
		batch_free(rows);
		apply_now(post);
		ask_ledger(post, "SELECT group_concat(native || state, ' ') FROM (SELECT native, state FROM link WHERE native <> '0' ORDER BY id)", found, sizeof found);
		assert_string_equal(found, "10 21");
		assert_int_equal(post->run.counts[LEDGER_COUNT_DELETED], usual ? 2 : 1);
		post_check(post);
		post_free(post);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_created_changed_and_deleted),
		cmocka_unit_test(many_are_created_once),
		cmocka_unit_test(what_a_target_assigns_is_not_sent),
		cmocka_unit_test(what_is_out_of_scope_is_dropped),
		cmocka_unit_test(out_of_scope_may_deactivate_and_come_back),
		cmocka_unit_test(what_was_never_there_is_not_deleted),
		cmocka_unit_test(a_child_waits_for_its_parent),
		cmocka_unit_test(waiting_for_a_parent_has_an_end),
		cmocka_unit_test(what_a_target_refuses_is_a_dead_letter),
		cmocka_unit_test(trouble_passes_and_is_waited_for),
		cmocka_unit_test(a_clock_that_is_set_back_keeps_nothing_waiting), cmocka_unit_test(what_was_reckoned_before_the_clock_was_set_back),
		cmocka_unit_test(too_many_tries_are_a_dead_letter),
		cmocka_unit_test(refused_credentials_park_the_system),
		cmocka_unit_test(a_throttled_system_is_left_alone_as_long_as_it_asks),
		cmocka_unit_test(patience_keeps_the_lease),
		cmocka_unit_test(lies_are_looked_into),
		cmocka_unit_test(a_flag_holds_what_it_keeps_back),
		cmocka_unit_test(a_record_that_is_gone_is_decided_by_its_situation),
		cmocka_unit_test(what_is_missing_and_archived_holds_nothing),
		cmocka_unit_test(a_dead_delete_ends_when_it_is_pointless),
		cmocka_unit_test(deleting_what_is_gone_is_success),
		cmocka_unit_test(what_depends_on_others_goes_along),
		cmocka_unit_test(what_was_written_without_a_link_follows_its_import),
		cmocka_unit_test(what_is_stored_otherwise_is_no_edit),
		cmocka_unit_test(a_link_that_is_followed_to_is_waited_for),
		cmocka_unit_test(waiting_for_what_is_followed_to_has_an_end),
		cmocka_unit_test(a_change_made_meanwhile_is_not_overwritten),
		cmocka_unit_test(many_are_changed_once), cmocka_unit_test(without_a_guard_the_last_one_wins),
		cmocka_unit_test(a_dry_pass_is_kept_when_it_may_be),
		cmocka_unit_test(what_is_made_while_its_source_is_read_is_missing_there),
		cmocka_unit_test(a_first_load_is_the_same_however_large),
	};

	return deliver_table_run() + deliver_doubt_run() + deliver_children_run() + deliver_meanwhile_run() +
	       cmocka_run_group_tests_name("deliveries", tests, NULL, NULL);
}
