/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trial.c: one record under the magnifying glass: `trace` shows what each rule read and gave, a rule test compares what came
 * out with what should.  Slow and complete where run.c is fast.  Runs in the worker's thread.
 */
#include <stdio.h>

#include "base/text.h"
#include "rules/engine.h"

struct tracing {
	struct rules_worker *worker;
	struct rules_trace_step *step;
	bool rejected;
	struct syncline_value *output;
};

static int
took(void *data, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault)
{
	struct tracing *t = data;

	(void)rule;
	(void)row;
	if (fault == NULL) {
		t->step->value = *value;
		if (t->output != NULL)
			*t->output = *value;
		return 0;
	}
	if (t->step->reason == NULL) {
		t->step->reason = arena_format(&t->worker->arena, "%s%s%s", fault->path, fault->path[0] != '\0' ? ": " : "", fault->reason);
		t->step->hint = arena_text(&t->worker->arena, fault->hint);
	}
	t->rejected = true;
	return t->step->reason == NULL || t->step->hint == NULL ? -1 : 0;
}

static int
show_inputs(struct rules_worker *worker, const struct ruleset *set, const struct rule *rule, struct rules_trace_step *step)
{
	struct rules_trace_input *inputs = arena_array(&worker->arena, rule->column_count + 1u, sizeof *inputs);

	if (inputs == NULL)
		return -1;
	for (uint32_t i = 0; i < rule->column_count; i++) {
		const struct column *column = &rule->columns[i];
		bool again = false;

		/* A decimal that is read as number and as text is one input. */
		for (uint32_t k = 0; k < i && column->path == NULL && column->follow == NULL; k++)
			again |= rule->columns[k].field == column->field && rule->columns[k].path == NULL && rule->columns[k].follow == NULL;
		if (again)
			continue;
		inputs[step->input_count].field = set->fields[column->field].spec.name;
		if (column->follow != NULL &&
		    (inputs[step->input_count].field = arena_format(&worker->arena, "%s.%s", set->fields[column->field].spec.name, column->follow)) == NULL)
			return -1;
		if (row_value(worker, column, 0, &inputs[step->input_count].value) != 0)
			inputs[step->input_count].value = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
		step->input_count++;
	}
	step->inputs = inputs;
	return 0;
}

static int
trace_set(struct rules_worker *worker, const struct ruleset *set, const struct rows *rows, struct rules_trace_step *steps, struct syncline_value *outputs,
          bool check, bool *rejected, struct error *err)
{
	for (uint32_t i = 0; i < set->rule_count; i++) {
		const struct rule *rule = &set->rules[i];
		struct tracing t = { .worker = worker, .step = &steps[i], .output = outputs != NULL ? &outputs[i] : NULL };

		steps[i].output = rule->name;
		steps[i].rule = rule->text;
		steps[i].copy = rule->kind == RULE_COPY;
		worker->top_rule = worker->rule = rule;
		worker->rows = rows;
		if (show_inputs(worker, set, rule, &steps[i]) != 0)
			return error_memory(err);
		if (rule_evaluate(worker, rule, rows, took, &t, err) != 0)
			return -1;
		if (outputs != NULL && !t.rejected && rule->target.required && steps[i].value.type <= SYNCLINE_TYPE_NULL) {
			steps[i].reason = "the field is required and there is no value";
			steps[i].hint = "Give it a value at its source, or a rule that always gives one.";
			t.rejected = true;
		}
		if (check && !t.rejected && (steps[i].value.type == SYNCLINE_TYPE_INTEGER || steps[i].value.type == SYNCLINE_TYPE_BOOLEAN) &&
		    steps[i].value.u.integer == 0) {
			steps[i].reason = rule->name;
			steps[i].hint = "Correct the record at its source, or change the check.";
			t.rejected = true;
		}
		*rejected |= t.rejected;
	}
	return 0;
}

int
mapping_trace(struct rules_worker *worker, const struct mapping *mapping, const struct rules_world *world, const struct batch *in, uint32_t index,
              struct rules_trace *ret_trace, struct error *err)
{
	uint32_t count = mapping->top.rule_count + mapping->checks.rule_count + mapping->conditions.rule_count;
	struct rows rows = { .count = 1, .base = index, .batch = in }, outputs = { .count = 1 };
	struct rules_trace_step *steps;
	struct syncline_value *values;
	uint32_t *owner;
	int32_t *map;
	bool rejected = false, ignored = false;
	int result = -1;

	if (index >= in->header->record_count)
		return error_set(err, ERROR_USAGE, NULL, "the batch has no record %u", index);
	arena_reset(&worker->arena);
	steps = arena_array(&worker->arena, count + 1u, sizeof *steps);
	values = arena_array(&worker->arena, mapping->top.rule_count + 1u, sizeof *values);
	map = arena_array(&worker->arena, mapping->top.field_count + 1u, sizeof *map);
	if (steps == NULL || values == NULL || map == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < mapping->top.field_count; i++)
		map[i] = batch_find_field(in, mapping->top.fields[i].spec.name, mapping->top.fields[i].name_length);
	rows.map = map;
	outputs.values = values;
	outputs.stride = mapping->top.rule_count;
	if ((owner = arena_alloc(&worker->arena, sizeof *owner)) == NULL)
		return error_memory(err);
	*owner = index;
	outputs.owners = owner;
	worker->mapping = mapping;
	worker->world = world;
	worker->batch = in;
	worker->context.record = NULL;
	if (trace_set(worker, &mapping->top, &rows, steps, values, false, &rejected, err) == 0 &&
	    (rejected || trace_set(worker, &mapping->checks, &outputs, steps + mapping->top.rule_count, NULL, true, &rejected, err) == 0) &&
	    trace_set(worker, &mapping->conditions, &rows, steps + mapping->top.rule_count + mapping->checks.rule_count, NULL, false, &ignored, err) == 0) {
		for (uint32_t i = 0; i < mapping->checks.rule_count; i++) {
			steps[mapping->top.rule_count + i].output = mapping->checks.rules[i].name;
			steps[mapping->top.rule_count + i].rule = mapping->checks.rules[i].text;
		}
		*ret_trace = (struct rules_trace){ .steps = steps, .step_count = count, .rejected = rejected };
		result = 0;
	}
	worker->rows = NULL;
	worker->rule = NULL;
	worker->world = NULL;
	worker->batch = NULL;
	return result;
}

/* ---- rule tests ---- */

static const struct set_field *
field_named(const struct mapping *mapping, const char *name)
{
	for (uint32_t i = 0; i < mapping->top.field_count; i++)
		if (strcmp(mapping->top.fields[i].spec.name, name) == 0)
			return &mapping->top.fields[i];
	return NULL;
}

/* A text of the configuration as a value of a field's type. */
static int
value_of_text(struct rules_worker *worker, uint8_t type, const char *text, struct syncline_value *ret_value, struct fault *fault)
{
	static const uint8_t types[SYNCLINE_TYPE_COUNT] = {
		[SYNCLINE_TYPE_BOOLEAN] = RULES_BOOLEAN, [SYNCLINE_TYPE_INTEGER] = RULES_INTEGER, [SYNCLINE_TYPE_DECIMAL] = RULES_DECIMAL,
		[SYNCLINE_TYPE_TEXT] = RULES_TEXT, [SYNCLINE_TYPE_BYTES] = RULES_BYTES, [SYNCLINE_TYPE_TIMESTAMP] = RULES_TIMESTAMP,
		[SYNCLINE_TYPE_DATE] = RULES_DATE, [SYNCLINE_TYPE_JSON] = RULES_JSON, [SYNCLINE_TYPE_CONTENT] = RULES_CONTENT,
	};
	struct rule rule = { .name = "the field" };
	struct syncline_value value = { .type = SYNCLINE_TYPE_NULL };

	if (text != NULL) {
		value.type = SYNCLINE_TYPE_TEXT;
		value.length = (uint32_t)strlen(text);
		value.u.data = text;
	}
	rule.target.type = types[type];
	return value_convert(worker, &rule, true, &value, ret_value, fault);
}

static struct batch *
test_batch(struct rules_worker *worker, const struct mapping *mapping, const struct rules_test *test, struct buffer *difference)
{
	struct syncline_field fields[256];
	struct syncline_value values[256];
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .values = values };
	CLEANUP(struct batch_builder, batch_builder_free, builder) = NULL;
	struct error err = { 0 };
	struct fault fault;

	if (test->input_count > 256) {
		buffer_text(difference, "a test has at most 256 input fields\n");
		return NULL;
	}
	arena_reset(&worker->arena);
	for (uint32_t i = 0; i < test->input_count; i++) {
		const struct set_field *field = field_named(mapping, test->input[i].field);

		if (field == NULL) {
			buffer_format(difference, "the input field %s is not there\n", test->input[i].field);
			return NULL;
		}
		fields[i] = (struct syncline_field){ .struct_size = sizeof fields[i], .type = field->spec.type, .scale = field->spec.scale,
			                             .name = test->input[i].field };
		if (value_of_text(worker, field->spec.type, test->input[i].value, &values[i], &fault) != 0) {
			buffer_format(difference, "the input field %s: %s\n", test->input[i].field, fault.reason);
			return NULL;
		}
	}
	record.value_count = test->input_count;
	if (test->native_id != NULL)
		record.native_id = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(test->native_id), .u.data = test->native_id };
	if (test->tenant != NULL)
		record.tenant = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(test->tenant), .u.data = test->tenant };
	if ((builder = batch_builder_new(&err)) == NULL || batch_builder_set_fields(builder, fields, test->input_count, &err) != 0 ||
	    batch_builder_add(builder, &record, &err) != 0) {
		buffer_format(difference, "%s\n", err.message);
		return NULL;
	}
	return batch_builder_finish(builder, &err);
}

static bool
same(const struct syncline_value *a, const struct syncline_value *b)
{
	if (a->type == SYNCLINE_TYPE_DECIMAL && b->type == SYNCLINE_TYPE_DECIMAL)
		return number_compare(a->u.data, a->length, b->u.data, b->length) == 0;
	if (a->type != b->type)
		return false;
	if (a->type <= SYNCLINE_TYPE_NULL)
		return true;
	if (a->length == 0 && b->length == 0 && a->type != SYNCLINE_TYPE_TEXT && a->type != SYNCLINE_TYPE_BYTES && a->type != SYNCLINE_TYPE_JSON)
		return a->u.integer == b->u.integer;
	return a->length == b->length && (a->length == 0 || memcmp(a->u.data, b->u.data, a->length) == 0);
}

/* The value that a field should have, in the type that it came out with. */
static bool
as_expected(struct rules_worker *worker, const struct rules_trace_step *step, const char *expected, struct buffer *difference)
{
	struct syncline_value want;
	struct fault fault;
	char is[200], should[200];

	if (expected == NULL) {
		want = (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
		if (step->value.type <= SYNCLINE_TYPE_NULL)
			return true; /* nothing there: absent or null */
		snprintf(should, sizeof should, "NULL");
	} else {
		if (value_of_text(worker, step->value.type <= SYNCLINE_TYPE_NULL ? SYNCLINE_TYPE_TEXT : step->value.type, expected, &want, &fault) == 0 &&
		    same(&want, &step->value))
			return true;
		snprintf(should, sizeof should, "'%.180s'", expected);
	}
	value_show(&step->value, is, sizeof is);
	buffer_format(difference, "%s is %s and should be %s\n", step->output, is, should);
	return false;
}

static bool
compare_outputs(struct rules_worker *worker, const struct mapping *mapping, const struct rules_test *test, const struct rules_trace *trace,
                struct buffer *difference)
{
	bool good = true;

	for (uint32_t i = 0; i < test->expected_count; i++) {
		const struct rules_trace_step *step = NULL;

		for (uint32_t k = 0; k < mapping->top.rule_count; k++)
			if (strcmp(trace->steps[k].output, test->expected[i].field) == 0)
				step = &trace->steps[k];
		if (step == NULL) {
			buffer_format(difference, "there is no output %s\n", test->expected[i].field);
			good = false;
		} else if (!as_expected(worker, step, test->expected[i].value, difference)) {
			good = false;
		}
	}
	return good;
}

bool
rules_test_run(struct rules_worker *worker, const struct mapping *mapping, const struct rules_world *world, const struct rules_test *test,
               struct buffer *ret_difference)
{
	CLEANUP(struct batch, batch_free, batch) = test_batch(worker, mapping, test, ret_difference);
	struct rules_trace trace;
	struct error err = { 0 };
	bool found = false;

	if (batch == NULL) {
		if (ret_difference->length == 0)
			buffer_text(ret_difference, "there was no memory for the test\n");
		return false;
	}
	if (mapping_trace(worker, mapping, world, batch, 0, &trace, &err) != 0) {
		buffer_format(ret_difference, "%s\n", err.message);
		return false;
	}
	for (uint32_t i = 0; i < trace.step_count; i++) {
		const struct rules_trace_step *step = &trace.steps[i];

		if (step->reason == NULL)
			continue;
		if (test->expected_reject == NULL)
			buffer_format(ret_difference, "%s: %s\n", step->output, step->reason);
		else if (strstr(step->reason, test->expected_reject) != NULL)
			found = true;
	}
	if (test->expected_reject == NULL)
		return !trace.rejected && compare_outputs(worker, mapping, test, &trace, ret_difference);
	if (trace.rejected && found)
		return true;
	buffer_format(ret_difference, "the record should be rejected%s%s and is %s\n", test->expected_reject[0] != '\0' ? " with: " : "",
	              test->expected_reject, trace.rejected ? "rejected for another reason" : "not");
	for (uint32_t i = 0; i < trace.step_count; i++)
		if (trace.steps[i].reason != NULL)
			buffer_format(ret_difference, "%s: %s\n", trace.steps[i].output, trace.steps[i].reason);
	return false;
}
