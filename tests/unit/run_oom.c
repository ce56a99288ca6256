/* SPDX-License-Identifier: BSD-2-Clause */
/* run_oom.c: whole runs without memory: the first, which is held, and one that reads, compares, applies and delivers changes. */
#include "spine_help.h"

static void
first_rows(struct spine *spine)
{
	spine_sql(spine, "erp.db", "INSERT INTO kunden VALUES ('K1', 'Anna', 10, '[{\"tag\":\"a\"}]'), ('K2', 'Berta', 20, NULL), ('K3', 'Carla', 30, NULL)");
}

static void
changes(struct spine *spine)
{
	first_rows(spine);
	spine_rest(spine);
	spine_sql(spine, "erp.db", "UPDATE kunden SET name = 'Anneliese', size = NULL WHERE nr = 'K1'; DELETE FROM kunden WHERE nr = 'K3';"
	                           "INSERT INTO kunden VALUES ('K4', 'Dora', 40, NULL), ('K5', 'a name that is far too long for it', 1, NULL)");
	spine_sql(spine, "crm.db", "UPDATE accounts SET phone = '+49 22', version = version + 1 WHERE number = 'K1'");
}

static int run_customers(struct spine *spine, struct error *err) { return spine_run(spine, "customers", err); }

static const struct spine_story stories[] = {
	{ "a first run", first_rows, run_customers, SPINE_CUSTOMERS },
	{ "a run", changes, run_customers, SPINE_CUSTOMERS },
};

static void
runs_without_memory(void **state)
{
	(void)state;
	spine_all(stories, sizeof stories / sizeof *stories);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(runs_without_memory) };

	spine_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
