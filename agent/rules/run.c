/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c: a batch through a mapping.  Rules fill a matrix of records and outputs, column by column; checks run over the matrix;
 * what has no fault goes to the builder.  Runs in the worker's thread.
 */
#include <stdio.h>

#include "rules/engine.h"

struct run {
	struct rules_worker *worker;
	const struct mapping *mapping;
	const struct batch *in;
	struct rules_report *report;
	struct rows rows;
	struct syncline_value *matrix;
	uint8_t *skip;        /* per record: it isn't evaluated */
	uint8_t *checked;     /* per record: faults so far, at most 255 */
	uint8_t *conditions;
	uint32_t *sources;
	uint32_t condition;   /* the condition at work */
	bool checking;
};

static bool
found_no_memory(const struct rules_worker *worker)
{
	return worker->no_memory || worker->arena.starved != 0;
}

static void
tell(struct run *run, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault)
{
	struct rules_reject reject = { .index = row, .fault = run->checked[row] };
	char shown[160], field[600];

	if (run->checked[row] < 255)
		run->checked[row]++;
	if (found_no_memory(run->worker))
		return;
	if (run->report->rejected == NULL)
		return;
	run->worker->context.record = NULL;
	worker_record(run->worker, row);
	reject.record = &run->worker->head;
	reject.origin = batch_origin(run->in);
	reject.rule = rule->text;
	reject.place = &rule->place;
	reject.reason = fault->reason;
	reject.hint = fault->hint;
	if (!run->checking) {
		const char *name = rule->name;

		/* The rule of an element: its list is the top rule at work. */
		if (fault->path[0] != '\0') {
			snprintf(field, sizeof field, "%.250s%s", run->worker->top_rule != NULL ? run->worker->top_rule->name : "", fault->path);
			name = field;
		}
		reject.field = name;
	}
	if (value != NULL && value->type != SYNCLINE_TYPE_ABSENT && !rule->sensitive) {
		value_show(value, shown, sizeof shown);
		reject.value = shown;
	}
	run->report->rejected(run->report->data, &reject);
}

static int
took_output(void *data, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault)
{
	struct run *run = data;

	if (fault != NULL)
		tell(run, rule, row, value, fault);
	else
		run->matrix[(size_t)row * run->mapping->top.rule_count + (uint32_t)(rule - run->mapping->top.rules)] = *value;
	return 0;
}

/* 0 false, 1 true, 2 null or unknown; -1: no condition at all. */
static int
truth(const struct syncline_value *value)
{
	const char *p = value->u.data;

	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return 2;
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
		return value->u.integer != 0;
	case SYNCLINE_TYPE_DECIMAL:
		return number_compare(p, value->length, "0", 1) != 0;
	default:
		return -1;
	}
}

static int
took_check(void *data, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault)
{
	struct run *run = data;
	struct fault own;
	int answer = fault == NULL ? truth(value) : 2;

	if (fault != NULL) {
		tell(run, rule, row, NULL, fault);
	} else if (answer == 0) {
		fault_set(&own, "Correct the record at its source, or change the check.", "%s", rule->name);
		tell(run, rule, row, NULL, &own);
	} else if (answer < 0) {
		fault_set(&own, "A check is a comparison, as in length(zip) = 5.", "the check gave a text, not true or false");
		tell(run, rule, row, NULL, &own);
	}
	return 0;
}

static int
took_condition(void *data, const struct rule *rule, uint32_t row, const struct syncline_value *value, const struct fault *fault)
{
	struct run *run = data;
	struct fault own;
	int answer = fault == NULL ? truth(value) : 2;

	if (answer < 0) {
		fault_set(&own, "A condition is a comparison, as in status = 'won'.", "the condition gave a text, not true or false");
		fault = &own;
		answer = 2;
	}
	if (fault != NULL)
		tell(run, rule, row, NULL, fault);
	run->conditions[(size_t)run->condition * run->rows.count + row] = (uint8_t)answer;
	return 0;
}

/* What no value can say about itself. */
static void
check_presence(struct run *run)
{
	const struct ruleset *top = &run->mapping->top;

	for (uint32_t r = 0; r < top->rule_count; r++) {
		const struct rule *rule = &top->rules[r];

		if (!rule->target.required && !rule->target.create_only)
			continue;
		for (uint32_t row = 0; row < run->rows.count; row++) {
			struct syncline_value *value = &run->matrix[(size_t)row * top->rule_count + r];
			uint8_t op = batch_record(run->in, row)->op;
			struct fault fault;

			if (run->skip[row])
				continue;
			if (rule->target.create_only && op == SYNCLINE_OP_UPDATE) {
				value->type = SYNCLINE_TYPE_ABSENT;
				value->length = 0;
			} else if (rule->target.required && run->checked[row] == 0 &&
			           (value->type == SYNCLINE_TYPE_NULL || (value->type == SYNCLINE_TYPE_ABSENT && op != SYNCLINE_OP_UPDATE))) {
				fault.path[0] = '\0';
				fault_set(&fault, "Give it a value at its source, or a rule that always gives one.",
				          value->type == SYNCLINE_TYPE_NULL ? "the field is required and the rule gave no value"
				                                            : "the field is required and what the rule reads is absent");
				tell(run, rule, row, NULL, &fault);
			}
		}
	}
}

static int
evaluate_set(struct run *run, const struct ruleset *set, const struct rows *rows, row_result *result, struct error *err)
{
	for (uint32_t i = 0; i < set->rule_count; i++) {
		run->condition = i;
		run->worker->top_rule = &set->rules[i];
		if (set->rules[i].kind == RULE_SQL)
			run->report->evaluations += rows->count;
		if (rule_evaluate(run->worker, &set->rules[i], rows, result, run, err) != 0)
			return -1;
	}
	return 0;
}

static bool
is_evaluated(uint8_t op)
{
	return op == SYNCLINE_OP_SEEN || op == SYNCLINE_OP_CREATE || op == SYNCLINE_OP_UPDATE;
}

/* Where each field of the mapping stands in this batch. */
static const int32_t *
field_map(struct rules_worker *worker, const struct ruleset *set, const struct batch *in)
{
	int32_t *map = arena_array(&worker->arena, set->field_count + 1u, sizeof *map);

	for (uint32_t i = 0; map != NULL && i < set->field_count; i++)
		map[i] = batch_find_field(in, set->fields[i].spec.name, set->fields[i].name_length);
	return map;
}

static int
prepare(struct run *run, struct error *err)
{
	struct rules_worker *worker = run->worker;
	uint32_t count = run->in->header->record_count;
	struct arena *arena = &worker->arena;

	arena_reset(arena);
	worker->no_memory = false;
	worker->mapping = run->mapping;
	worker->batch = run->in;
	worker->context.record = NULL;
	run->rows.count = count;
	run->rows.batch = run->in;
	run->rows.map = field_map(worker, &run->mapping->top, run->in);
	run->matrix = arena_array(arena, (size_t)count * run->mapping->top.rule_count + 1, sizeof *run->matrix);
	run->skip = arena_array(arena, count + 1u, 1);
	run->checked = arena_array(arena, count + 1u, 1);
	run->sources = arena_array(arena, count + 1u, sizeof *run->sources);
	run->conditions = arena_array(arena, (size_t)count * run->mapping->conditions.rule_count + 1, 1);
	if (run->rows.map == NULL || run->matrix == NULL || run->skip == NULL || run->checked == NULL || run->sources == NULL || run->conditions == NULL)
		return error_memory(err);
	memset(run->conditions, 2, (size_t)count * run->mapping->conditions.rule_count);
	for (uint32_t i = 0; i < count; i++)
		run->skip[i] = !is_evaluated(batch_record(run->in, i)->op);
	run->rows.skip = run->skip;
	return 0;
}

static int
hand_on(struct run *run, struct batch_builder *out, struct error *err)
{
	uint32_t width = run->mapping->top.rule_count;
	struct rules_report *report = run->report;
	struct error refused = { 0 };

	for (uint32_t row = 0; row < run->rows.count; row++) {
		const struct batch_record *from = batch_record(run->in, row);
		struct syncline_record record = { .struct_size = sizeof record, .op = from->op, .place = from->place };

		if (run->checked[row] > 0) {
			report->rejects++;
			continue;
		}
		record.native_id = batch_value(run->in, &from->native_id);
		record.version = batch_value(run->in, &from->version);
		record.tenant = batch_value(run->in, &from->tenant);
		record.note = batch_value(run->in, &from->note);
		if (!run->skip[row]) {
			record.values = &run->matrix[(size_t)row * width];
			record.value_count = width;
		}
		if (batch_builder_add(out, &record, &refused) != 0) {
			struct fault fault = { .path = "" };

			if (refused.code != ERROR_BATCH_RECORD || width == 0) {
				*err = refused;
				return -1;
			}
			fault_set(&fault, "Shorten the record at its source.", "%s", refused.message);
			tell(run, &run->mapping->top.rules[0], row, NULL, &fault);
			report->rejects++;
			continue;
		}
		run->sources[report->source_count++] = row;
		if (run->skip[row])
			report->passed++;
		else
			report->accepted++;
	}
	return 0;
}

int
mapping_run(struct rules_worker *worker, const struct mapping *mapping, const struct rules_world *world, const struct batch *in,
            struct batch_builder *out, struct rules_report *report, struct error *err)
{
	struct run run = { .worker = worker, .mapping = mapping, .in = in, .report = report };
	struct rows outputs = { 0 };
	struct error ignored;
	int result = -1;

	if (err == NULL)
		err = &ignored;
	report->records = in->header->record_count;
	report->accepted = report->rejects = report->passed = report->source_count = 0;
	report->evaluations = 0;
	worker->world = world;
	if (prepare(&run, err) != 0)
		goto out;
	if (batch_builder_field_count(out) == 0 && mapping->top.rule_count > 0 &&
	    batch_builder_set_fields(out, mapping->output_fields, mapping->top.rule_count, err) != 0)
		goto out;
	if (evaluate_set(&run, &mapping->top, &run.rows, took_output, err) != 0)
		goto out;
	check_presence(&run);
	outputs.count = run.rows.count;
	outputs.values = run.matrix;
	outputs.stride = mapping->top.rule_count;
	/* A record that has a fault already is not checked as well: the check would speak of what isn't there. */
	for (uint32_t i = 0; i < run.rows.count; i++)
		run.sources[i] = run.skip[i] || run.checked[i] > 0;
	if (mapping->checks.rule_count > 0) {
		uint8_t *skip = arena_array(&worker->arena, run.rows.count + 1u, 1);

		if (skip == NULL) {
			error_memory(err);
			goto out;
		}
		for (uint32_t i = 0; i < run.rows.count; i++)
			skip[i] = run.sources[i] != 0;
		outputs.skip = skip;
		run.checking = true;
		if (evaluate_set(&run, &mapping->checks, &outputs, took_check, err) != 0)
			goto out;
		run.checking = false;
	}
	if (evaluate_set(&run, &mapping->conditions, &run.rows, took_condition, err) != 0)
		goto out;
	if (found_no_memory(worker)) {
		error_memory(err);
		goto out;
	}
	if (hand_on(&run, out, err) != 0)
		goto out;
	report->conditions = run.conditions;
	report->sources = run.sources;
	result = 0;
out:
	worker->rows = NULL;
	worker->rule = NULL;
	worker->world = NULL;
	worker->batch = NULL;
	return result;
}
