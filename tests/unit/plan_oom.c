/* SPDX-License-Identifier: BSD-2-Clause */
/* plan_oom.c: plans applied without memory: a first load, one that is stale in part, and a run that is taken back. */
#include "spine_help.h"

static void
held(struct spine *spine)
{
	struct error err = { 0 };

	spine_first_rows(spine);
	must(spine_run(spine, "customers", &err), err);
	if (spine->plan == 0)
		spine_fail("the first run has no plan");
}

/* A plan that is stale in part. */
static void
held_and_changed(struct spine *spine)
{
	struct error err = { 0 };

	spine_changes(spine);
	spine_flag(spine, LEDGER_FLAG_PREVIEW);
	must(spine_run(spine, "customers", &err), err);
	if (spine->plan == 0)
		spine_fail("a preview has no plan");
	spine_flag(spine, LEDGER_FLAG_ON);
	spine_sql(spine, "crm.db", "UPDATE accounts SET name = 'Annette', version = version + 1 WHERE number = 'K1'");
}

/* A run that changed a record, deleted one and created one. */
static void
done_something(struct spine *spine)
{
	struct error err = { 0 };

	spine_changes(spine);
	must(spine_run(spine, "customers", &err), err);
	if (spine->plan != 0)
		must(spine_apply_plan(spine, &err), err);
	if (spine->did == 0)
		spine_fail("no run changed a record");
}

static void
planned_back(struct spine *spine)
{
	struct error err = { 0 };

	done_something(spine);
	must(spine_rollback(spine, &err), err);
	if (spine->plan == 0)
		spine_fail("a rollback has no plan");
	spine->rollback = spine->plan;
}

static const struct spine_story stories[] = {
	{ "a first plan is applied", held, spine_apply_plan, SPINE_CUSTOMERS },
	{ "a plan that is stale in part", held_and_changed, spine_apply_plan, SPINE_CUSTOMERS },
	{ "a rollback is planned", done_something, spine_rollback, SPINE_CUSTOMERS },
	{ "a rollback is applied", planned_back, spine_apply_plan, SPINE_CUSTOMERS },
};

static void
plans_without_memory(void **state)
{
	(void)state;
	spine_all(stories, sizeof stories / sizeof *stories);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(plans_without_memory) };

	spine_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
