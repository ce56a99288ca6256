/* SPDX-License-Identifier: BSD-2-Clause */
/* deliver_oom.c: the way out without memory: creates, references and documents, and what nobody knows is found out.  Updates: run_oom.c. */
#include "spine_help.h"

#include <string.h>

#include "base/fault.h"

static void
take_in(struct spine *spine, const char *flow)
{
	struct error err = { 0 };

	must(spine_read(spine, flow, &err), err);
	must(spine_apply(spine, flow, &err), err);
}

static void
creates(struct spine *spine)
{
	spine_first_rows(spine);
	take_in(spine, "customers");
}

/* One to change, one to delete, one to create; the second was changed there meanwhile. */
static void
updates(struct spine *spine)
{
	spine_first_rows(spine);
	spine_rest(spine);
	spine_sql(spine, "erp.db", "UPDATE kunden SET name = 'Anneliese', tags = NULL WHERE nr = 'K1'; UPDATE kunden SET name = 'Berthe' WHERE nr = 'K2';"
	                           "DELETE FROM kunden WHERE nr = 'K3'; INSERT INTO kunden VALUES ('K4', 'Dora', 40, NULL)");
	take_in(spine, "customers");
	spine_sql(spine, "crm.db", "UPDATE accounts SET phone = '+49 22', version = version + 1 WHERE number = 'K2'");
}

/* A child that waits for its parent at the target, and one that doesn't. */
static void
orders(struct spine *spine)
{
	spine_first_rows(spine);
	spine_rest(spine);
	spine_sql(spine, "erp.db", "INSERT INTO kunden VALUES ('K5', 'Emma', 5, NULL); INSERT INTO auftraege VALUES ('A1', 'K1'), ('A5', 'K5')");
	take_in(spine, "customers");
	take_in(spine, "orders");
}

static void
documents(struct spine *spine)
{
	spine_document(spine, "D1", "one");
	spine_rest(spine);
	spine_document(spine, "D1", "one and more");
	spine_document(spine, "D2", "two");
	take_in(spine, "papers");
}

/* The answers of writes are lost. */
static int
lose_answers(const char *name)
{
	return strcmp(name, "call.write.result") == 0;
}

static void
uncertain(struct spine *spine)
{
	struct error err = { 0 };

	updates(spine);
	fault_hook = lose_answers;
	must(spine_deliver(spine, "customers", &err), err);
	fault_hook = NULL;
	spine->clock_us += 10000000;
	/* Its connector would be started again later. */
	spine_close(spine);
	spine_open(spine);
	spine_expect(spine, "ledger.db", "SELECT 1 FROM delivery_view WHERE state = 'uncertain'");
}

/* As if one of the requests had been lost on its way. */
static void
half_arrived(struct spine *spine)
{
	uncertain(spine);
	spine_sql(spine, "crm.db", "DELETE FROM accounts WHERE number = 'K4'; DELETE FROM log WHERE what = 'insert K4'");
}

/* Written as to a file: as it was sent, both changed, and new.  What was deleted is told by whoever sees it first, the one way or the other. */
static void
handed_over(struct spine *spine)
{
	struct error err = { 0 };

	spine_first_rows(spine);
	spine_rest(spine);
	spine_rest(spine);
	spine_expect(spine, "ledger.db", "SELECT 1 WHERE (SELECT count(*) FROM delivery_view) = 0");
	spine_sql(spine, "erp.db", "UPDATE kunden SET name = 'Anneliese', tags = NULL WHERE nr = 'K1'; UPDATE kunden SET name = 'Berthe' WHERE nr = 'K2';"
	                           "INSERT INTO kunden VALUES ('K4', 'Dora', 40, NULL)");
	take_in(spine, "customers");
	must(spine_deliver(spine, "customers", &err), err);
	spine_expect(spine, "ledger.db", "SELECT 1 WHERE (SELECT count(*) FROM delivery_view WHERE state = 'handed-over') = 3");
	spine_sql(spine, "crm.db", "UPDATE accounts SET name = 'Berti', phone = '+49 22', version = version + 1 WHERE number = 'K2'");
	spine->clock_us += INT64_C(3600) * 1000000;
}

static int read_back(struct spine *spine, struct error *err) { return spine_run(spine, "customers", err); }
static int deliver_customers(struct spine *spine, struct error *err) { return spine_deliver(spine, "customers", err); }
static int deliver_orders(struct spine *spine, struct error *err) { return spine_deliver(spine, "orders", err); }
static int deliver_papers(struct spine *spine, struct error *err) { return spine_deliver(spine, "papers", err); }
static int resolve_customers(struct spine *spine, struct error *err) { return spine_resolve(spine, "customers", err); }

static const struct spine_story stories[] = {
	{ "records are created", creates, deliver_customers, SPINE_CUSTOMERS },
	{ "orders are sent", orders, deliver_orders, SPINE_CUSTOMERS | SPINE_ORDERS },
	{ "documents are sent", documents, deliver_papers, SPINE_PAPERS },
	{ "what nobody knows is found out", half_arrived, resolve_customers, SPINE_CUSTOMERS },
	{ "what was handed over is asked for", handed_over, resolve_customers, SPINE_CUSTOMERS | SPINE_READBACK },
	{ "what was handed over is read back", handed_over, read_back, SPINE_CUSTOMERS | SPINE_READBACK },
};

static void
a_way_out_without_memory(void **state)
{
	(void)state;
	spine_all(stories, sizeof stories / sizeof *stories);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_way_out_without_memory) };

	spine_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
