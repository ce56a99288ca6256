/* SPDX-License-Identifier: BSD-2-Clause */
/* tests.c: see tests.h. */
#include "flow/tests.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

static struct rules_test_value *
values_of(struct arena *arena, const struct config_values *from)
{
	struct rules_test_value *values = arena_array(arena, from->count + 1u, sizeof *values);

	for (uint32_t i = 0; values != NULL && i < from->count; i++) {
		const struct config_value *value = &from->items[i];

		values[i].field = value->name;
		switch (value->kind) {
		case CONFIG_VALUE_NULL: values[i].value = NULL; break;
		case CONFIG_VALUE_INTEGER: values[i].value = arena_format(arena, "%lld", (long long)value->integer); break;
		case CONFIG_VALUE_BOOLEAN: values[i].value = value->integer ? "true" : "false"; break;
		default: values[i].value = value->text;
		}
		if (value->kind == CONFIG_VALUE_INTEGER && values[i].value == NULL)
			return NULL;
	}
	return values;
}

/* A batch without records that has the fields which the flow's tests give to this binding: all that is known without a contract. */
static struct batch *
sample_of(const struct config_binding *binding, struct error *err)
{
	const struct config_flow *flow = binding->flow;
	struct syncline_field fields[512];
	struct batch_builder *builder = batch_builder_new(err);
	struct batch *batch = NULL;
	uint32_t count = 0;

	for (uint32_t t = 0; builder != NULL && t < flow->test_count; t++) {
		const struct config_values *given = &flow->tests[t].given;

		if (flow->tests[t].from == NULL || strcmp(flow->tests[t].from, binding->head.name) != 0)
			continue;
		for (uint32_t i = 0; i < given->count && count < sizeof fields / sizeof *fields; i++) {
			uint32_t k = 0;

			while (k < count && strcmp(fields[k].name, given->items[i].name) != 0)
				k++;
			if (k == count)
				fields[count++] = (struct syncline_field){ .struct_size = sizeof *fields, .scale = SYNCLINE_SCALE_UNKNOWN, .name = given->items[i].name };
		}
	}
	if (builder != NULL && batch_builder_set_fields(builder, fields, count, err) == 0)
		batch = batch_builder_finish(builder, err);
	batch_builder_free(builder);
	return batch;
}

static int
compile_read(const struct model *model, const struct lookups *lookups, const struct config_binding *binding,
             struct mapping **ret_mapping, struct error *err)
{
	struct batch *sample = NULL;
	int result;

	if (!mappings_can_read(binding) && (sample = sample_of(binding, err)) == NULL)
		return -1;
	result = mappings_read(model, binding, lookups, sample, NULL, ret_mapping, err);
	batch_free(sample);
	return result;
}

/* What run_time() is in a test, and whose record it is. */
static int
environment_of(const struct model *model, const struct config_flow *flow, const struct config_test *test, struct rules_world *environment,
               struct error *err)
{
	const char *name = test->unit != NULL ? test->unit : flow->units.count > 0 ? flow->units.items[0] : NULL;
	const struct config_unit *unit = name != NULL ? config_unit(model, name) : NULL;

	memset(environment, 0, sizeof *environment);
	environment->unit = name;
	environment->timezone = unit != NULL ? unit->timezone : NULL;
	if (test->at != NULL && !text_to_timestamp(test->at, strlen(test->at), &environment->run_time_us)) {
		(void)error_set(err, ERROR_RULE_TEST, "Write it as \"2026-02-28T12:00:00Z\".", "the test's `at` is not a time: %s", test->at);
		error_place(err, "%s:%u", test->head.place.file, test->head.place.line);
		return -1;
	}
	return 0;
}

static bool
run_one(struct rules_worker *worker, const struct mapping *mapping, const struct rules_world *environment, const struct config_test *test,
        struct arena *arena, const struct config_values *input, const struct config_values *expected, const char *reject,
        struct buffer *ret_difference)
{
	struct rules_test one = { .name = test->title, .place = { test->head.place.file, test->head.place.line },
		.input = values_of(arena, input), .input_count = input->count, .expected = values_of(arena, expected),
		.expected_count = expected->count, .expected_reject = reject, .native_id = "test" };

	if (one.input == NULL || one.expected == NULL) {
		buffer_text(ret_difference, "out of memory\n");
		return false;
	}
	return rules_test_run(worker, mapping, environment, &one, ret_difference);
}

int
tests_run(const struct model *model, const struct lookups *lookups, const struct config_flow *flow, const struct config_test *test,
          struct buffer *ret_difference, struct error *err)
{
	const struct config_binding *from = test->from != NULL ? config_binding(flow, test->from) : NULL;
	const struct config_binding *to = test->to != NULL ? config_binding(flow, test->to) : NULL;
	struct rules_worker *worker = rules_worker_new(err);
	struct mapping *read = NULL, *write = NULL;
	struct rules_world environment;
	struct arena arena;
	int result = -1;

	arena_init(&arena, 0);
	if (worker != NULL && environment_of(model, flow, test, &environment, err) == 0 &&
	    (from == NULL || compile_read(model, lookups, from, &read, err) == 0) &&
	    (to == NULL || mappings_write(model, to, lookups, NULL, &write, err) == 0)) {
		result = 1;
		if (read != NULL && !run_one(worker, read, &environment, test, &arena, &test->given, &test->expect, test->reject, ret_difference))
			result = 0;
		if (write != NULL && !run_one(worker, write, &environment, test, &arena, test->record.count > 0 ? &test->record : &test->expect,
		                              &test->writes, NULL, ret_difference))
			result = 0;
	}
	rules_worker_free(worker);
	mapping_free(read);
	mapping_free(write);
	arena_free(&arena);
	return result;
}
