/* SPDX-License-Identifier: BSD-2-Clause */
/* flow_oom.c: a record's way in without memory: reading, staging, applying, the first load.  What changes are read is in run_oom.c. */
#include "spine_help.h"

static void
first_rows(struct spine *spine)
{
	spine_sql(spine, "erp.db", "INSERT INTO kunden VALUES ('K1', 'Anna', 10, '[{\"tag\":\"a\"},{\"tag\":\"b\"}]'), ('K2', 'Berta', 20, NULL),"
	                           " ('K3', 'Carla', 30, NULL)");
	spine_sql(spine, "crm.db", "INSERT INTO accounts (number, name, phone) VALUES ('K2', 'Berta', '+49 2')");
}

/* A name, a value that is gone, a row that is gone, a new one, one that fails its rules, and a tag; a phone and a tag there. */
static void
changes(struct spine *spine)
{
	spine_sql(spine, "erp.db", "UPDATE kunden SET name = 'Anneliese', size = NULL, tags = '[{\"tag\":\"a\"},{\"tag\":\"c\"}]' WHERE nr = 'K1';"
	                           "DELETE FROM kunden WHERE nr = 'K3'; INSERT INTO kunden VALUES ('K4', 'Dora', 40, NULL), "
	                           "('K5', 'a name that is far too long for it', 1, NULL)");
	spine_sql(spine, "crm.db", "UPDATE accounts SET phone = '+49 22', tags = '[{\"tag\":\"d\"}]', version = version + 1 WHERE number = 'K2'");
}

static void
prepare_changes(struct spine *spine)
{
	first_rows(spine);
	spine_rest(spine);
	changes(spine);
}

static void
prepare_staged(struct spine *spine)
{
	struct error err = { 0 };

	prepare_changes(spine);
	must(spine_read(spine, "customers", &err), err);
}

static int
read_customers(struct spine *spine, struct error *err)
{
	return spine_read(spine, "customers", err);
}

static int
apply_customers(struct spine *spine, struct error *err)
{
	return spine_apply(spine, "customers", err);
}

static int
compare_customers(struct spine *spine, struct error *err)
{
	return spine_dry(spine, "customers", err);
}

static void
nothing_yet(struct spine *spine)
{
	first_rows(spine);
	spine_sql(spine, "erp.db", "INSERT INTO kunden VALUES ('k1', 'Anna again', 1, NULL)");
}

static void
first_staged(struct spine *spine)
{
	struct error err = { 0 };

	nothing_yet(spine);
	must(spine_read(spine, "customers", &err), err);
}

/* One order whose customer is known, one that has none, one that waits for its customer. */
static void
orders_staged(struct spine *spine)
{
	struct error err = { 0 };

	first_rows(spine);
	spine_rest(spine);
	spine_sql(spine, "erp.db", "INSERT INTO auftraege VALUES ('A1', 'K1'), ('A2', NULL), ('A9', 'K9')");
	must(spine_read(spine, "orders", &err), err);
}

/* What one waited for is there. */
static void
parent_came(struct spine *spine)
{
	struct error err = { 0 };

	orders_staged(spine);
	must(spine_apply(spine, "orders", &err), err);
	spine_sql(spine, "erp.db", "INSERT INTO kunden VALUES ('K9', 'Ida', 9, NULL)");
	must(spine_run(spine, "customers", &err), err);
}

static int
apply_orders(struct spine *spine, struct error *err)
{
	return spine_apply(spine, "orders", err);
}

static void
documents_changed(struct spine *spine)
{
	struct error err = { 0 };

	spine_document(spine, "D1", "one");
	spine_document(spine, "D2", "two");
	spine_rest(spine);
	spine_document(spine, "D2", "two and more");
	spine_document(spine, "D3", "three");
	must(spine_read(spine, "papers", &err), err);
}

static int
apply_papers(struct spine *spine, struct error *err)
{
	return spine_apply(spine, "papers", err);
}

static const struct spine_story stories[] = {
	{ "changes are applied", prepare_staged, apply_customers, SPINE_CUSTOMERS },
	{ "changes are compared", prepare_staged, compare_customers, SPINE_CUSTOMERS },
	{ "a first read", nothing_yet, read_customers, SPINE_CUSTOMERS },
	{ "a first load", first_staged, apply_customers, SPINE_CUSTOMERS },
	{ "orders are applied", orders_staged, apply_orders, SPINE_CUSTOMERS | SPINE_ORDERS },
	{ "a parent came", parent_came, apply_orders, SPINE_CUSTOMERS | SPINE_ORDERS },
	{ "documents are applied", documents_changed, apply_papers, SPINE_PAPERS },
};

static void
a_way_in_without_memory(void **state)
{
	(void)state;
	spine_all(stories, sizeof stories / sizeof *stories);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_way_in_without_memory) };

	spine_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
