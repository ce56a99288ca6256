/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_runs.c: `syncline runs` and `syncline plans`: what ran, and what waits to be applied. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/open.h"
#include "ledger/runs.h"

struct runs_view {
	const struct ctl *ctl;
	const struct ledger *ledger;
	struct buffer json;
	struct ctl_table table;
	uint64_t shown;
};

/* "created 91, sent-creates 91" */
static const char *
counts_text(const uint64_t *counts, struct buffer *text)
{
	buffer_clear(text);
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (counts[i] > 0 && i != LEDGER_COUNT_READ && i != LEDGER_COUNT_UNCHANGED)
			buffer_format(text, "%s%s %" PRIu64, text->length > 0 ? ", " : "", ledger_count_name((enum ledger_count)i), counts[i]);
	return buffer_string(text) != NULL ? buffer_string(text) : "";
}

static void
json_counts(struct buffer *json, const uint64_t *counts)
{
	ctl_json_open(json, "counts", '{');
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		ctl_json_number(json, ledger_count_name((enum ledger_count)i), (long long)counts[i]);
	ctl_json_close(json, '}');
}

static int
show_run(void *data, const struct ledger_run *run)
{
	struct runs_view *view = data;
	char started[32], ended[32], number[24];
	struct buffer text;

	if (view->ctl->json) {
		ctl_json_open(&view->json, NULL, '{');
		ctl_json_number(&view->json, "run", run->number);
		ctl_json_text(&view->json, "flow", ledger_flow_name(view->ledger, run->flow));
		ctl_json_text(&view->json, "unit", ledger_unit_name(view->ledger, run->unit));
		ctl_json_text(&view->json, "cause", run->cause);
		ctl_json_text(&view->json, "who", run->who);
		ctl_json_text(&view->json, "state", ledger_run_state_name((enum ledger_run_state)run->state));
		ctl_json_text(&view->json, "started", opened_time(run->started_us, started));
		ctl_json_text(&view->json, "ended", run->ended_us != 0 ? opened_time(run->ended_us, ended) : NULL);
		ctl_json_number(&view->json, "plan", run->plan);
		ctl_json_text(&view->json, "message", run->message);
		json_counts(&view->json, run->counts);
		ctl_json_close(&view->json, '}');
		return 0;
	}
	buffer_init(&text, 0);
	snprintf(number, sizeof number, "%lld", (long long)run->number);
	ctl_table_row(&view->table, (const char *const[]){ number, ledger_flow_name(view->ledger, run->flow), ledger_unit_name(view->ledger, run->unit),
		ledger_run_state_name((enum ledger_run_state)run->state), opened_time(run->started_us, started), run->cause != NULL ? run->cause : "",
		counts_text(run->counts, &text) });
	buffer_free(&text);
	view->shown++;
	return 0;
}

static enum ctl_exit
finish(struct ctl *ctl, struct runs_view *view, int result, const struct error *err, const char *nothing)
{
	ctl_json_close(&view->json, ']');
	if (result != 0 || ctl->json) {
		ctl_table_drop(&view->table);
		if (result == 0)
			return ctl_json_print(&view->json, CTL_DONE);
		buffer_free(&view->json);
		return opened_error(ctl, err);
	}
	buffer_free(&view->json);
	if (view->shown > 0)
		ctl_table_print(&view->table);
	else
		ctl_table_drop(&view->table);
	if (view->shown == 0)
		ctl_say(ctl, "%s", nothing);
	return CTL_DONE;
}

/* Which flow and unit are asked for; 0: any. */
static enum ctl_exit
choose(struct ctl *ctl, struct opened *opened, const char *name, uint32_t *ret_flow, uint32_t *ret_unit)
{
	const struct config_flow *flow = NULL;
	const struct config_unit *unit;
	enum ctl_exit status = CTL_DONE;
	bool all;

	if (name != NULL)
		status = opened_flow(ctl, opened, name, &flow);
	if (status == CTL_DONE)
		status = opened_unit(ctl, opened, flow, &unit, &all);
	if (status == CTL_DONE) {
		*ret_flow = flow != NULL ? ledger_flow_id(opened->ledger, flow) : 0;
		*ret_unit = all ? 0 : ledger_unit_id(opened->ledger, unit);
	}
	return status;
}

enum ctl_exit
verb_runs(struct ctl *ctl)
{
	static const char *const heads[] = { "RUN", "FLOW", "UNIT", "STATE", "STARTED", "CAUSE", "WHAT" };
	const char *most = ctl_value(ctl, "limit");
	struct runs_view view = { .ctl = ctl };
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;
	uint32_t flow = 0, unit = 0;
	int64_t limit = 20;

	if (most != NULL && (status = opened_number(ctl, "number of runs", most, &limit)) != CTL_DONE)
		return status;
	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE &&
	    (status = choose(ctl, &opened, ctl->operand_count > 0 ? ctl->operands[0] : NULL, &flow, &unit)) == CTL_DONE) {
		view.ledger = opened.ledger;
		buffer_init(&view.json, 0);
		ctl_json_open(&view.json, NULL, '[');
		ctl_table_init(&view.table, 7, 1, heads);
		status = finish(ctl, &view, ledger_runs(opened.ledger, flow, unit, (uint32_t)(limit < 100000 ? limit : 100000), show_run, &view, &err), &err,
		                "nothing ran yet");
	}
	opened_close(&opened);
	return status;
}

static int
show_plan(void *data, const struct ledger_plan *plan)
{
	static const char *const states[] = { "open", "applied", "replaced", "dropped" };
	struct runs_view *view = data;
	const char *state = states[plan->state < 4 ? plan->state : 3];
	char made[32], number[24];
	struct buffer text;

	if (view->ctl->json) {
		char hash[33];

		for (int i = 0; i < 16; i++)
			snprintf(hash + 2 * i, 3, "%02x", plan->hash[i]);
		ctl_json_open(&view->json, NULL, '{');
		ctl_json_number(&view->json, "plan", plan->number);
		ctl_json_text(&view->json, "flow", ledger_flow_name(view->ledger, plan->flow));
		ctl_json_text(&view->json, "unit", ledger_unit_name(view->ledger, plan->unit));
		ctl_json_number(&view->json, "run", plan->run);
		ctl_json_text(&view->json, "state", state);
		ctl_json_text(&view->json, "made", opened_time(plan->made_us, made));
		ctl_json_text(&view->json, "reason", plan->reason);
		ctl_json_text(&view->json, "hash", hash);
		ctl_json_number(&view->json, "items", (long long)plan->items);
		json_counts(&view->json, plan->counts);
		ctl_json_close(&view->json, '}');
		return 0;
	}
	buffer_init(&text, 0);
	snprintf(number, sizeof number, "%lld", (long long)plan->number);
	ctl_table_row(&view->table, (const char *const[]){ number, ledger_flow_name(view->ledger, plan->flow), ledger_unit_name(view->ledger, plan->unit),
		state, opened_time(plan->made_us, made), counts_text(plan->counts, &text), plan->reason != NULL ? plan->reason : "" });
	buffer_free(&text);
	view->shown++;
	return 0;
}

static int
show_item(void *data, const struct ledger_plan_item *item)
{
	struct runs_view *view = data;
	char native[128];

	snprintf(native, sizeof native, "%.*s", (int)(item->native.length < 100 ? item->native.length : 100), (const char *)item->native.data);
	if (view->ctl->json) {
		ctl_json_open(&view->json, NULL, '{');
		ctl_json_number(&view->json, "number", (long long)item->number);
		ctl_json_text(&view->json, "what", ledger_count_name(item->what));
		ctl_json_text(&view->json, "object", item->object != 0 ? ledger_object_name(view->ledger, item->object) : NULL);
		ctl_json_text(&view->json, "native", native);
		ctl_json_number(&view->json, "record", item->record);
		ctl_json_key(&view->json, "before");
		buffer_text(&view->json, item->before != NULL ? item->before : "null");
		ctl_json_key(&view->json, "after");
		buffer_text(&view->json, item->after != NULL ? item->after : "null");
		ctl_json_text(&view->json, "note", item->note);
		ctl_json_close(&view->json, '}');
		return 0;
	}
	ctl_table_row(&view->table, (const char *const[]){ ledger_count_name(item->what), item->object != 0 ? ledger_object_name(view->ledger, item->object) : "",
		native, item->before != NULL ? item->before : "", item->after != NULL ? item->after : item->note != NULL ? item->note : "" });
	view->shown++;
	return 0;
}

enum ctl_exit
verb_plans(struct ctl *ctl)
{
	static const char *const heads[] = { "PLAN", "FLOW", "UNIT", "STATE", "MADE", "WHAT", "WHY" };
	static const char *const item_heads[] = { "WHAT", "OBJECT", "KEY", "BEFORE", "AFTER" };
	const char *number = ctl->operand_count > 0 ? ctl->operands[0] : NULL, *most = ctl_value(ctl, "limit");
	struct runs_view view = { .ctl = ctl };
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;
	uint32_t flow = 0, unit = 0;
	int64_t plan = 0, limit = 1000;
	int result;

	if ((number != NULL && (status = opened_number(ctl, "number of a plan", number, &plan)) != CTL_DONE) ||
	    (most != NULL && (status = opened_number(ctl, "number of items", most, &limit)) != CTL_DONE))
		return status;
	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE &&
	    (status = choose(ctl, &opened, ctl_value(ctl, "flow"), &flow, &unit)) == CTL_DONE) {
		view.ledger = opened.ledger;
		buffer_init(&view.json, 0);
		ctl_json_open(&view.json, NULL, '[');
		ctl_table_init(&view.table, number != NULL ? 5 : 7, number != NULL ? 0 : 1, number != NULL ? item_heads : heads);
		result = number != NULL ? ledger_plan_items(opened.ledger, plan, 0, (uint32_t)(limit < UINT32_MAX ? limit : UINT32_MAX), show_item, &view, &err) :
		                          ledger_plans(opened.ledger, flow, unit, ctl_value(ctl, "all") != NULL, show_plan, &view, &err);
		status = finish(ctl, &view, result, &err, number != NULL ? "this plan has no items" : "no plan is open");
	}
	opened_close(&opened);
	return status;
}
