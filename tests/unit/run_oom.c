/* SPDX-License-Identifier: BSD-2-Clause */
/* run_oom.c: whole runs without memory: the first, which is held, and one that reads, compares, applies and delivers changes. */
#include "spine_help.h"

static int run_customers(struct spine *spine, struct error *err) { return spine_run(spine, "customers", err); }

static const struct spine_story stories[] = {
	{ "a first run", spine_first_rows, run_customers, SPINE_CUSTOMERS },
	{ "a run", spine_changes, run_customers, SPINE_CUSTOMERS },
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
