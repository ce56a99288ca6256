/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_run.c: `syncline run`, `apply` and `rollback`: one run of a flow, here and now, and what came of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/listing.h"
#include "schedule/run.h"

struct run_view {
	const struct ctl *ctl;
	struct opened *opened;
	struct buffer json;
	uint64_t stale;
	struct buffer stale_items; /* JSON */
	struct error said; /* last */
	bool told; /* an error is all that there is to say */
	int64_t plan; /* of the run that ended; 0: none */
};

static void
print_counts(const uint64_t *counts)
{
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (counts[i] > 0)
			ctl_print("  %10" PRIu64 "  %s\n", counts[i], ledger_count_text((enum ledger_count)i));
}

static void
print_run(struct run_view *view, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why)
{
	const char *unit = ledger_unit_name(view->opened->ledger, run->unit);

	ctl_print("run %lld of %s%s%s: %s, %.1f s\n", (long long)run->number, ledger_flow_name(view->opened->ledger, run->flow),
	          unit[0] != '\0' ? " for " : "", unit, ledger_run_state_name((enum ledger_run_state)run->state),
	          (double)(run->ended_us - run->started_us) / 1e6);
	print_counts(run->counts);
	if (run->message != NULL)
		ctl_print("  %s\n", run->message);
	/* An error goes where errors go as well, with its code and next step; once for all units that it kept from running. */
	if (why != NULL && (view->said.code != why->code || strcmp(view->said.place, why->place) != 0 || strcmp(view->said.message, why->message) != 0)) {
		ctl_say_error(view->ctl, why);
		view->said = *why;
	}
	if (run->state == LEDGER_RUN_HELD && plan != NULL) {
		ctl_print("  It would have:\n");
		print_counts(plan->counts);
		ctl_print("  `syncline plans %lld` shows each of them; `syncline apply %lld` does it.\n", (long long)plan->number, (long long)plan->number);
	}
	if (run->state == LEDGER_RUN_FINDINGS)
		ctl_print("  `syncline status %s` tells what waits for a person, and what is next.\n", ledger_flow_name(view->opened->ledger, run->flow));
	else if (run->counts[LEDGER_COUNT_RETRIED] > 0)
		ctl_print("  `syncline status %s` tells why.\n", ledger_flow_name(view->opened->ledger, run->flow));
}

/* The agent's log has every run, whoever began it. */
static void
tell_service(const struct opened *opened, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why)
{
	const struct service_ears *ears = opened->service != NULL ? opened->service->ears : NULL;
	char trace[LEDGER_TRACE + 1];
	struct run_place at;

	if (ears == NULL || ears->ended == NULL)
		return;
	at = run_place_of(opened->engine, ledger_flow(opened->ledger, run->flow), run, trace);
	ears->ended(ears->data, &at, run, plan, why);
}

static void
ended(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why)
{
	struct run_view *view = data;
	char trace[LEDGER_TRACE + 1];

	tell_service(view->opened, run, plan, why);
	view->plan = plan != NULL ? plan->number : 0;
	progress_end(&view->opened->progress);
	if (!view->ctl->json) {
		print_run(view, run, plan, why);
		return;
	}
	ctl_json_open(&view->json, NULL, '{');
	ctl_json_number(&view->json, "run", run->number);
	ctl_json_text(&view->json, "flow", ledger_flow_name(view->opened->ledger, run->flow));
	ctl_json_text(&view->json, "unit", ledger_unit_name(view->opened->ledger, run->unit));
	ctl_json_text(&view->json, "state", ledger_run_state_name((enum ledger_run_state)run->state));
	ledger_run_trace(view->opened->ledger, run, trace);
	ctl_json_text(&view->json, "correlation", trace);
	ctl_json_text(&view->json, "message", run->message);
	ctl_json_number(&view->json, "milliseconds", (run->ended_us - run->started_us) / 1000);
	listing_json_counts(&view->json, run->counts);
	if (run->state == LEDGER_RUN_HELD && plan != NULL) {
		ctl_json_open(&view->json, "plan", '{');
		ctl_json_number(&view->json, "number", plan->number);
		ctl_json_number(&view->json, "items", (long long)plan->items);
		listing_json_counts(&view->json, plan->counts);
		ctl_json_close(&view->json, '}');
	}
	if (why != NULL) {
		ctl_json_key(&view->json, "error");
		ctl_json_error(&view->json, why);
	}
	ctl_json_close(&view->json, '}');
}

static void
busy(void *data, const struct config_unit *unit, const struct error *why)
{
	struct run_view *view = data;

	progress_end(&view->opened->progress);
	if (!view->ctl->json) {
		ctl_say_error(view->ctl, why);
		return;
	}
	ctl_json_open(&view->json, NULL, '{');
	ctl_json_text(&view->json, "run", NULL);
	ctl_json_text(&view->json, "flow", view->ctl->operands[0]);
	ctl_json_text(&view->json, "unit", unit != NULL && unit->head.name != NULL ? unit->head.name : "");
	ctl_json_text(&view->json, "state", "busy");
	ctl_json_key(&view->json, "error");
	ctl_json_error(&view->json, why);
	ctl_json_close(&view->json, '}');
}

/* The worst of what the units came to. */
static enum ctl_exit
status_of(const struct run_result *result)
{
	if (result->failed > 0)
		return CTL_FAILED;
	if (result->held > 0)
		return CTL_HELD;
	return result->findings > 0 ? CTL_FINDINGS : CTL_DONE;
}

static enum ctl_exit
patience(const struct ctl *ctl, int64_t *ret_ms)
{
	const char *text = ctl_value(ctl, "patience");
	int64_t seconds = 0;
	enum ctl_exit status = text != NULL ? opened_number(ctl, "number of seconds", text, &seconds) : CTL_DONE;

	*ret_ms = seconds * 1000;
	return status;
}

static enum ctl_exit
run(struct ctl *ctl, struct opened *opened, struct run_view *view)
{
	struct run_options options = { .engine = opened->engine, .cause = "manual", .full = ctl_value(ctl, "full") != NULL, .busy = busy, .ended = ended,
		.data = view };
	const struct config_unit *unit;
	struct run_result result;
	struct error err = { 0 };
	enum ctl_exit status;
	bool all;

	if ((status = opened_flow(ctl, opened, ctl->operands[0], &options.flow)) != CTL_DONE ||
	    (status = opened_unit(ctl, opened, options.flow, &unit, &all)) != CTL_DONE || (status = patience(ctl, &options.patience_ms)) != CTL_DONE) {
		view->told = true;
		return status;
	}
	if (!all) {
		options.units = &unit;
		options.unit_count = 1;
	}
	if (run_flow(&options, &result, &err) != 0) {
		view->told = true;
		return opened_error(ctl, &err);
	}
	if (result.off > 0 && !ctl->json)
		ctl_say(ctl, "%u unit(s) of %s are off; `syncline flag %s preview --why TEXT` begins", result.off, options.flow->head.name,
		        options.flow->head.name);
	return status_of(&result);
}

enum ctl_exit
verb_run(struct ctl *ctl)
{
	struct opened opened;
	struct run_view view = { .ctl = ctl, .opened = &opened };
	enum ctl_exit status = opened_begin(ctl, &opened, LEDGER_ENGINE);

	buffer_init(&view.json, 0);
	ctl_json_open(&view.json, NULL, '[');
	if (status == CTL_DONE)
		status = opened_engine(ctl, &opened);
	if (status == CTL_DONE)
		status = run(ctl, &opened, &view);
	else
		view.told = true;
	ctl_json_close(&view.json, ']');
	opened_close(&opened);
	if (ctl->json && !view.told)
		return ctl_json_print(&view.json, status);
	buffer_free(&view.json);
	return status;
}

static void
stale(void *data, const struct ledger_plan_item *item, const char *why)
{
	struct run_view *view = data;
	struct buffer *json = &view->stale_items;

	view->stale++;
	if (!view->ctl->json) {
		if (view->stale <= 20)
			ctl_print("stale: %s %s %.*s: %s\n", ledger_count_name(item->what), ledger_object_name(view->opened->ledger, item->object),
			          (int)item->native.length, item->native.length > 0 ? (const char *)item->native.data : "", why);
		return;
	}
	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "number", (long long)item->number);
	ctl_json_text(json, "what", ledger_count_name(item->what));
	ctl_json_text(json, "object", item->object != 0 ? ledger_object_name(view->opened->ledger, item->object) : NULL);
	listing_json_slice(json, "native", item->native);
	ctl_json_number(json, "record", item->record);
	ctl_json_text(json, "why", why);
	ctl_json_close(json, '}');
}

enum ctl_exit
verb_apply(struct ctl *ctl)
{
	struct opened opened;
	struct run_view view = { .ctl = ctl, .opened = &opened };
	struct apply_options options = { .strict = ctl_value(ctl, "strict") != NULL, .stale = stale, .ended = ended, .data = &view };
	struct run_result result = { .failed = 0 };
	struct error err = { 0 };
	enum ctl_exit status;

	if ((status = opened_number(ctl, "number of a plan", ctl->operands[0], &options.plan)) != CTL_DONE ||
	    (status = patience(ctl, &options.patience_ms)) != CTL_DONE)
		return status;
	status = opened_begin(ctl, &opened, LEDGER_ENGINE);
	buffer_init(&view.json, 0);
	buffer_init(&view.stale_items, 0);
	ctl_json_open(&view.stale_items, NULL, '[');
	ctl_json_open(&view.json, NULL, '{');
	ctl_json_open(&view.json, "runs", '[');
	if (status == CTL_DONE && (status = opened_engine(ctl, &opened)) == CTL_DONE) {
		options.engine = opened.engine;
		status = run_apply(&options, &result, &err) == 0 ? status_of(&result) : opened_error(ctl, &err);
		if (err.code != ERROR_NONE) {
			opened_close(&opened);
			buffer_free(&view.json);
			buffer_free(&view.stale_items);
			return status;
		}
	}
	ctl_json_close(&view.json, ']');
	ctl_json_number(&view.json, "stale", (long long)view.stale);
	ctl_json_close(&view.stale_items, ']');
	ctl_json_key(&view.json, "items");
	buffer_append(&view.json, view.stale_items.data, view.stale_items.length);
	view.json.failed |= view.stale_items.failed;
	buffer_free(&view.stale_items);
	ctl_json_close(&view.json, '}');
	opened_close(&opened);
	if (view.stale > 20)
		ctl_say(ctl, "… and %" PRIu64 " more entries are stale; --json lists all", view.stale - 20);
	if (status == CTL_DONE && view.stale > 0)
		status = CTL_FINDINGS;
	if (ctl->json && result.runs > 0)
		return ctl_json_print(&view.json, status);
	buffer_free(&view.json);
	return status;
}

/* What it would take back, and what it leaves and why. */
static enum ctl_exit
show_rollback(struct ctl *ctl, struct opened *opened, struct run_view *view, enum ctl_exit status)
{
	struct listing listing = { .ctl = ctl, .opened = opened, .ledger = opened->ledger };
	struct error err = { 0 };

	if (!ctl->json) {
		enum ctl_exit shown = view->plan != 0 ? listing_items(ctl, opened, view->plan, LISTING_ITEMS, 0) : CTL_DONE;

		return shown != CTL_DONE ? shown : status;
	}
	ctl_json_close(&view->json, ']');
	ctl_json_number(&view->json, "plan", view->plan);
	ctl_json_open(&view->json, "items", '[');
	listing.json = view->json;
	if (view->plan != 0 && listing_json_items(&listing, view->plan, &err) != 0) {
		view->json = listing.json;
		view->told = true;
		return opened_error(ctl, &err);
	}
	view->json = listing.json;
	ctl_json_close(&view->json, ']');
	ctl_json_close(&view->json, '}');
	return status;
}

enum ctl_exit
verb_rollback(struct ctl *ctl)
{
	struct opened opened;
	struct run_view view = { .ctl = ctl, .opened = &opened };
	struct rollback_options options = { .ended = ended, .data = &view };
	struct run_result result = { .failed = 0 };
	struct error err = { 0 };
	enum ctl_exit status;

	if ((status = opened_number(ctl, "number of a run", ctl->operands[0], &options.run)) != CTL_DONE)
		return status;
	status = opened_begin(ctl, &opened, LEDGER_ENGINE);
	buffer_init(&view.json, 0);
	ctl_json_open(&view.json, NULL, '{');
	ctl_json_open(&view.json, "runs", '[');
	if (status == CTL_DONE && (status = opened_engine(ctl, &opened)) == CTL_DONE) {
		options.engine = opened.engine;
		if (run_rollback(&options, &result, &err) != 0) {
			view.told = true;
			status = opened_error(ctl, &err);
		} else {
			status = status_of(&result);
			/* Nothing can be taken back: why, is for a person to read. */
			status = status == CTL_DONE && view.plan != 0 ? CTL_FINDINGS : status;
			status = show_rollback(ctl, &opened, &view, status);
		}
	} else {
		view.told = true;
	}
	opened_close(&opened);
	if (ctl->json && !view.told)
		return ctl_json_print(&view.json, status);
	buffer_free(&view.json);
	return status;
}
