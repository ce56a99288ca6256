/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_tests.c: the tests of a flow's rules: that they name what is there and say both what goes in and what must come out.
 * They are run by `syncline test`, not here.  The thread that loads.
 */
#include <string.h>

#include "config/contract.h"
#include "config/grammar.h"

static const struct config_binding *
binding_of(struct loader *l, const struct config_flow *flow, const struct config_test *test, const char *setting, const char *name)
{
	struct config_place place = config_setting_place(&test->head, setting);
	const struct config_binding *binding = name != NULL ? config_binding(flow, name) : NULL;

	if (name != NULL && binding == NULL)
		report_no_such(l, &place, "binding", name, NAMES_OF(l, flow->bindings, flow->binding_count), flow->binding_count);
	return binding;
}

static void
check_canonical(struct loader *l, const struct config_flow *flow, const struct config_values *values)
{
	const struct config_entity *entity = flow->entity;

	for (uint32_t i = 0; i < values->count && entity != NULL; i++)
		if (config_field(entity, values->items[i].name) == NULL)
			report_no_such(l, &values->items[i].place, "field", values->items[i].name, NAMES_OF(l, entity->fields, entity->field_count),
			               entity->field_count);
}

static void
check_native_values(struct loader *l, const struct config_binding *binding, const struct config_values *values)
{
	for (uint32_t i = 0; i < values->count && binding != NULL && binding->object != NULL; i++) {
		const char *name = values->items[i].name;

		if (binding->object->group_into == NULL || strcmp(binding->object->group_into, name) != 0)
			check_native(l, binding->object, &values->items[i].place, name);
		for (uint32_t k = 0; k < i; k++)
			if (strcmp(values->items[k].name, name) == 0)
				report(l, &values->items[i].place, DUPLICATE, "Remove one of them.", "%.80s is given twice", name);
	}
}

static bool
written(const struct config_binding *binding, const char *native)
{
	if (config_write_of(binding, native) != NULL)
		return true;
	for (uint32_t i = 0; i < binding->map_count; i++)
		if (strcmp(binding->maps[i].native, native) == 0)
			return true;
	return false;
}

static void
check_test(struct loader *l, const struct config_flow *flow, const struct config_test *test)
{
	const struct node *node = test->head.node;
	const struct config_binding *from = binding_of(l, flow, test, "from", test->from), *to = binding_of(l, flow, test, "to", test->to);
	struct config_place place = config_setting_place(&test->head, "unit");
	bool given = tree_find(node, "given") != NULL, record = tree_find(node, "record") != NULL, writes = tree_find(node, "writes") != NULL;

	if (given && record)
		report(l, &test->head.place, CONTRADICTION, "Say from and given for native values, or record for canonical ones.",
		       "a test starts from given or from record, not from both");
	if (!given && !record)
		report(l, &test->head.place, MISSING_SETTING, "Say from and given for native values, or record for canonical ones.",
		       "a test must say what goes in");
	if (given && test->from == NULL)
		report(l, &test->head.place, MISSING_SETTING, "Say from = \"SYSTEM\".", "a test with given must say whose values they are");
	if (writes && test->to == NULL)
		report(l, &test->head.place, MISSING_SETTING, "Say to = \"SYSTEM\".", "a test with writes must say to whom");
	if (tree_find(node, "expect") == NULL && !writes && tree_find(node, "reject") == NULL)
		report(l, &test->head.place, MISSING_SETTING, "Say expect, reject or writes.", "a test must say what comes out");
	if (test->reject != NULL && (test->expect.count > 0 || writes))
		report(l, &test->head.place, CONTRADICTION, "Make two tests of it.", "a test with reject expects no values");
	if (test->unit != NULL && !texts_have(&flow->units, test->unit))
		report_no_such(l, &place, "unit", test->unit, flow->units.items, flow->units.count);
	check_canonical(l, flow, &test->record);
	check_canonical(l, flow, &test->expect);
	check_native_values(l, from, &test->given);
	for (uint32_t i = 0; i < test->writes.count && to != NULL; i++)
		if (!written(to, test->writes.items[i].name))
			report(l, &test->writes.items[i].place, REFERENCE, "Look for a slip, or add it to map or write.", "the binding %s does not write %.80s",
			       to->head.name, test->writes.items[i].name);
}

int
check_tests(struct loader *l, struct config_flow *flow)
{
	for (uint32_t i = 0; i < flow->test_count; i++)
		check_test(l, flow, &flow->tests[i]);
	return l->no_memory ? -1 : 0;
}
