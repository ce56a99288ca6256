/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger.c: opening, transactions, names, stamps, leases and care of the ledger. */
#include "check.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/inside.h"
#include "ledger_help.h"

static char dir[4096];
static struct model *model;

static int
begin_test(void **state)
{
	(void)state;
	help_folder(dir, sizeof dir);
	model = help_model(help_house);
	return 0;
}

static int
end_test(void **state)
{
	(void)state;
	config_free(model);
	help_remove(dir);
	return 0;
}

static void
a_new_ledger_knows_the_names_of_its_model(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	const struct config_entity *customer = config_entity(model, "customer");
	const struct config_object *kunden = config_object(config_system(model, "erp"), "kunden");
	uint32_t id = ledger_object_id(ledger, kunden);

	(void)state;
	assert_true(id > 0);
	assert_ptr_equal(ledger_object(ledger, id), kunden);
	assert_string_equal(ledger_object_name(ledger, id), "erp.kunden");
	assert_int_equal(ledger_unit_id(ledger, NULL), 1);
	assert_string_equal(ledger_unit_name(ledger, 1), "");
	assert_int_equal(ledger_unit_id(ledger, config_unit(model, "berlin")), 2);
	assert_string_equal(ledger_unit_name(ledger, 3), "munich");
	assert_string_equal(ledger_unit_name(ledger, 77), "?");
	assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "number")), 1);
	assert_int_equal(ledger_field_id(ledger, customer, config_field(customer, "visits")), 8);
	assert_int_equal(ledger_field_limit(ledger, customer), 9);
	assert_string_equal(ledger_binding_name(ledger, ledger_binding_id(ledger, &model->flows[0].bindings[1])), "customers.crm");
	assert_ptr_equal(ledger_flow(ledger, ledger_flow_id(ledger, &model->flows[1])), &model->flows[1]);
	assert_ptr_equal(ledger_entity(ledger, ledger_entity_id(ledger, customer)), customer);
	assert_int_equal(ledger_epoch(ledger), 1);
	ledger_close(ledger);
	ledger = help_open(dir, model, LEDGER_READER);
	assert_int_equal(ledger_object_id(ledger, kunden), id);
	ledger_close(ledger);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_int_equal(ledger_object_id(ledger, kunden), id);
	assert_int_equal(ledger_epoch(ledger), 1);
	ledger_close(ledger);
}

static void
what_is_committed_stays_and_what_is_rolled_back_does_not(void **state)
{
	struct ledger *ledger = help_open(dir, model, LEDGER_ENGINE);
	struct error err = { 0 };
	uint64_t sequence = ledger_sequence(ledger);
	int64_t value;

	(void)state;
	assert_ok(ledger_begin(ledger, &err));
	assert_true(ledger_sequence(ledger) > sequence);
	assert_ok(ledger_meta_set(ledger, "a", 1, &err));
	assert_ok(ledger_savepoint(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "a", 2, &err));
	assert_ok(ledger_savepoint(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "b", 3, &err));
	assert_ok(ledger_release(ledger, &err));
	ledger_rollback_savepoint(ledger);
	assert_ok(ledger_commit(ledger, &err));
	assert_ok(ledger_meta_get(ledger, "a", &value, &err));
	assert_int_equal(value, 1);
	assert_ok(ledger_meta_get(ledger, "b", &value, &err));
	assert_int_equal(value, 0);
	assert_ok(ledger_begin(ledger, &err));
	assert_ok(ledger_meta_set(ledger, "a", 9, &err));
	ledger_rollback(ledger);
	assert_ok(ledger_meta_get(ledger, "a", &value, &err));
	assert_int_equal(value, 1);
	assert_int_equal(ledger_commit(ledger, &err), -1);
	assert_int_equal(ledger_release(ledger, &err), -1);
	ledger_close(ledger);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_ledger_knows_the_names_of_its_model),
		TEST(what_is_committed_stays_and_what_is_rolled_back_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
