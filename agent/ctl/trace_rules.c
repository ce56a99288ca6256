/* SPDX-License-Identifier: BSD-2-Clause */
/* trace_rules.c: see trace.h: the newest staged row of a native record goes once more through the rules, to be looked at. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/trace.h"
#include "flow/values.h"
#include "flow/world.h"
#include "ledger/staging.h"

#define BATCHES_MOST 1000 /* that are looked through, from the newest back */

struct newest {
	uint32_t object;
	int64_t staged;
};

static int
take_position(void *data, const struct ledger_position_row *row)
{
	struct newest *newest = data;

	if (row->object == newest->object && row->flow == 0 && row->staged > newest->staged)
		newest->staged = row->staged;
	return 0;
}

static int
find_in(const struct batch *batch, struct syncline_slice native)
{
	for (uint32_t i = batch->header->record_count; i-- > 0;) {
		const struct batch_record *record = batch_record(batch, i);

		if (record->native_id.type == SYNCLINE_TYPE_TEXT && record->native_id.length == native.length &&
		    memcmp(batch_cell_data(batch, &record->native_id), native.data, native.length) == 0 && record->op == SYNCLINE_OP_SEEN)
			return (int)i;
	}
	return -1;
}

/* 1 with its batch and index, 0: none is staged any more. */
static int
find_staged(struct trace *trace, const struct ledger_link *link, struct ledger_staged *ret_staged, int *ret_index, struct error *err)
{
	struct newest newest = { .object = link->object };

	if (ledger_positions(trace->ledger, take_position, &newest, err) != 0)
		return -1;
	for (int64_t id = newest.staged; id > 0 && id > newest.staged - BATCHES_MOST; id--) {
		struct error none = { 0 };

		/* Numbers of other objects, or of what was pruned. */
		if (ledger_staged_get(trace->ledger, id, ret_staged, &none) != 0) {
			if (none.code == ERROR_LEDGER_NOT_FOUND)
				continue;
			*err = none;
			return -1;
		}
		if (ret_staged->object == link->object && ret_staged->batch != NULL && (*ret_index = find_in(ret_staged->batch, link->native)) >= 0)
			return 1;
		batch_free(ret_staged->batch);
	}
	return 0;
}

static void
show_step(struct trace *trace, struct ctl_table *table, const struct rules_trace_step *step)
{
	struct buffer inputs, value;

	if (trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_text(&trace->json, "output", step->output);
		ctl_json_text(&trace->json, "rule", step->rule);
		ctl_json_open(&trace->json, "inputs", '{');
		for (uint32_t i = 0; i < step->input_count; i++) {
			ctl_json_key(&trace->json, step->inputs[i].field);
			values_json(&trace->json, &step->inputs[i].value);
		}
		ctl_json_close(&trace->json, '}');
		ctl_json_key(&trace->json, "value");
		values_json(&trace->json, &step->value);
		ctl_json_text(&trace->json, "reason", step->reason);
		ctl_json_close(&trace->json, '}');
		return;
	}
	buffer_init(&inputs, 0);
	buffer_init(&value, 0);
	for (uint32_t i = 0; i < step->input_count; i++) {
		buffer_format(&inputs, "%s%s=", i > 0 ? ", " : "", step->inputs[i].field);
		values_json(&inputs, &step->inputs[i].value);
	}
	if (step->reason != NULL)
		buffer_format(&value, "failed: %s", step->reason);
	else
		values_json(&value, &step->value);
	ctl_table_row(table, (const char *const[]){ step->output != NULL ? step->output : "", step->rule != NULL ? step->rule : "", buffer_string(&inputs),
		buffer_string(&value) });
	buffer_free(&inputs);
	buffer_free(&value);
}

static int
run_rules(struct trace *trace, struct bound *bound, uint32_t unit_id, const struct ledger_staged *staged, int index, struct error *err)
{
	static const char *const heads[] = { "FIELD", "RULE", "FROM", "GAVE" };
	struct engine *engine = trace->opened->engine;
	struct rules_trace steps;
	struct ctl_table table;
	struct world world;
	int result;

	if (engine_bind_late(engine, bound, staged->batch, err) != 0)
		return -1;
	world_read(&world, engine, bound, ledger_unit(trace->ledger, unit_id), staged->read_us);
	result = mapping_trace(engine->rules, bound->read, &world.rules, staged->batch, (uint32_t)index, &steps, err);
	if (result == 0 && trace->ctl->json) {
		ctl_json_open(&trace->json, NULL, '{');
		ctl_json_text(&trace->json, "binding", ledger_binding_name(trace->ledger, bound->id));
		ctl_json_number(&trace->json, "staged", staged->id);
		listing_json_time(&trace->json, "read", staged->read_us);
		ctl_json_boolean(&trace->json, "rejected", steps.rejected);
		ctl_json_open(&trace->json, "steps", '[');
	} else if (result == 0) {
		char at[32];

		ctl_print("\nRules of %s on the row read at %s (staged batch %" PRId64 ")\n", ledger_binding_name(trace->ledger, bound->id),
		          opened_time(staged->read_us, at), staged->id);
		ctl_table_init(&table, 4, 0, heads);
	}
	for (uint32_t i = 0; result == 0 && i < steps.step_count; i++)
		show_step(trace, &table, &steps.steps[i]);
	if (result == 0 && trace->ctl->json) {
		ctl_json_close(&trace->json, ']');
		ctl_json_close(&trace->json, '}');
	} else if (result == 0) {
		ctl_table_print(&table);
	}
	world_free(&world);
	return result;
}

int
trace_rules(struct trace *trace, const struct config_entity *entity, const struct ledger_link *link, struct error *err)
{
	const struct model *model = ledger_model(trace->ledger);
	struct ledger_staged staged = { .batch = NULL };
	int index, result = find_staged(trace, link, &staged, &index, err);

	if (result != 1)
		return result;
	result = 0;
	if (!trace->has_engine) {
		struct engine_options options = { .model = model, .systems = &trace->opened->loaded.systems, .ledger = trace->ledger };

		result = engine_open(&options, &trace->opened->engine, err);
		trace->has_engine = result == 0;
	}
	for (uint32_t f = 0; f < model->flow_count && result == 0; f++)
		for (uint32_t b = 0; b < model->flows[f].binding_count && result == 0; b++) {
			const struct config_binding *binding = &model->flows[f].bindings[b];

			if (model->flows[f].entity == entity && binding->reads && ledger_object_id(trace->ledger, binding->object) == link->object)
				result = run_rules(trace, engine_bound(trace->opened->engine, binding), link->unit, &staged, index, err);
		}
	batch_free(staged.batch);
	return result;
}
