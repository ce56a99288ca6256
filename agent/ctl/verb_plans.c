/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_plans.c: `syncline plans`: what waits to be applied, item by item, and putting a plan away. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/listing.h"
#include "ledger/runs.h"
#include "schedule/run.h"


static void
hex(const uint8_t hash[16], char text[33])
{
	for (int i = 0; i < 16; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
}

/* "replaced by plan 7" */
static const char *
state_text(const struct ledger_plan *plan, char *text, size_t size)
{
	const char *state = ledger_plan_state_name((enum ledger_plan_state)plan->state);

	if (plan->by_plan != 0)
		snprintf(text, size, "%s by plan %" PRId64, state, plan->by_plan);
	else if (plan->by_run != 0)
		snprintf(text, size, "%s by run %" PRId64, state, plan->by_run);
	else
		snprintf(text, size, "%s", state);
	return text;
}

static void
json_plan(struct listing *listing, const struct ledger_plan *plan)
{
	struct buffer *json = &listing->json;
	char hash[33];

	hex(plan->hash, hash);
	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "plan", plan->number);
	ctl_json_text(json, "flow", ledger_flow_name(listing->ledger, plan->flow));
	ctl_json_text(json, "unit", ledger_unit_name(listing->ledger, plan->unit));
	ctl_json_number(json, "run", plan->run);
	ctl_json_text(json, "state", ledger_plan_state_name((enum ledger_plan_state)plan->state));
	listing_json_time(json, "made", plan->made_us);
	listing_json_time(json, "frozen", plan->frozen_us);
	ctl_json_number(json, "rollback", plan->rollback);
	ctl_json_text(json, "reason", plan->reason);
	ctl_json_text(json, "hash", hash);
	ctl_json_number(json, "items", (long long)plan->items);
	ctl_json_boolean(json, "complete", !plan->bulk);
	listing_json_time(json, "ended", plan->ended_us);
	ctl_json_text(json, "who", plan->who);
	ctl_json_text(json, "why", plan->why);
	ctl_json_number(json, "by_run", plan->by_run);
	ctl_json_number(json, "by_plan", plan->by_plan);
	listing_json_counts(json, plan->counts);
	ctl_json_close(json, '}');
}

static int
show_plan(void *data, const struct ledger_plan *plan)
{
	struct listing *listing = data;
	char made[32], number[24], state[64];
	struct buffer text;

	if (listing->ctl->json) {
		json_plan(listing, plan);
		return 0;
	}
	buffer_init(&text, 0);
	listing_row(listing, (const char *const[]){ listing_number(plan->number, number), ledger_flow_name(listing->ledger, plan->flow),
		ledger_unit_name(listing->ledger, plan->unit), state_text(plan, state, sizeof state), opened_time(plan->made_us, made),
		listing_counts(plan->counts, &text), plan->why != NULL ? plan->why : plan->reason != NULL ? plan->reason : "" });
	buffer_free(&text);
	return 0;
}

static enum ctl_exit
list_plans(struct ctl *ctl, struct opened *opened, bool all)
{
	static const char *const heads[] = { "PLAN", "FLOW", "UNIT", "STATE", "MADE", "WHAT", "WHY" };
	struct listing listing;
	struct error err = { 0 };
	enum ctl_exit status;
	uint32_t flow = 0, unit = 0;
	int result;

	if ((status = listing_choose(ctl, opened, ctl_value(ctl, "flow"), &flow, &unit)) != CTL_DONE)
		return status;
	listing_begin(&listing, ctl, opened, '[', 7, 1, heads);
	result = ledger_plans(opened->ledger, flow, unit, all, show_plan, &listing, &err);
	return listing_end(&listing, ']', result, &err, "no plan is open", CTL_DONE);
}

struct items {
	struct listing listing;
	uint64_t last;
};

static void
json_item(struct buffer *json, const struct ledger *ledger, const struct ledger_plan_item *item)
{
	char hash[33];

	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "number", (long long)item->number);
	ctl_json_text(json, "what", ledger_count_name(item->what));
	ctl_json_text(json, "object", item->object != 0 ? ledger_object_name(ledger, item->object) : NULL);
	listing_json_slice(json, "native", item->native);
	ctl_json_number(json, "record", item->record);
	ctl_json_number(json, "generation", (long long)item->generation);
	ctl_json_key(json, "before");
	buffer_text(json, item->before != NULL ? item->before : "null");
	ctl_json_key(json, "after");
	buffer_text(json, item->after != NULL ? item->after : "null");
	listing_json_slice(json, "version", item->version);
	if (item->payload != NULL)
		hex(item->payload, hash);
	ctl_json_text(json, "payload", item->payload != NULL ? hash : NULL);
	ctl_json_text(json, "note", item->note);
	ctl_json_close(json, '}');
}

static int
add_item(void *data, const struct ledger_plan_item *item)
{
	struct listing *listing = data;

	json_item(&listing->json, listing->ledger, item);
	return 0;
}

int
listing_json_items(struct listing *listing, int64_t plan, struct error *err)
{
	return ledger_plan_items(listing->ledger, plan, 0, 0, add_item, listing, err);
}

static int
show_item(void *data, const struct ledger_plan_item *item)
{
	struct items *items = data;
	struct listing *listing = &items->listing;
	char native[128], number[24];

	items->last = item->number;
	if (listing->ctl->json) {
		json_item(&listing->json, listing->ledger, item);
		return 0;
	}
	snprintf(native, sizeof native, "%.*s", (int)(item->native.length < 100 ? item->native.length : 100),
	         item->native.length > 0 ? (const char *)item->native.data : "");
	listing_row(listing, (const char *const[]){ listing_number((int64_t)item->number, number), ledger_count_name(item->what),
		item->object != 0 ? ledger_object_name(listing->ledger, item->object) : "", native, item->before != NULL ? item->before : "",
		item->after != NULL ? item->after : "", item->note != NULL ? item->note : "" });
	return 0;
}

/* What the page doesn't show, and how to see it. */
static void
tell_rest(const struct ctl *ctl, const struct ledger_plan *plan, uint64_t last)
{
	if (plan->bulk)
		ctl_say(ctl, "it is a first load: of %" PRIu64 " records that are created the first are listed",
		        plan->counts[LEDGER_COUNT_CREATED]);
	if (last < plan->items)
		ctl_say(ctl, "%" PRIu64 " of %" PRIu64 " items are left: --after %" PRIu64 " goes on, --limit %" PRIu64 " lists all, --json too",
		        plan->items - last, plan->items, last, plan->items);
}

enum ctl_exit
listing_items(const struct ctl *ctl, struct opened *opened, int64_t number, uint32_t limit, int64_t after)
{
	static const char *const heads[] = { "ITEM", "WHAT", "OBJECT", "KEY", "BEFORE", "AFTER", "NOTE" };
	struct items items = { .last = (uint64_t)after };
	struct ledger_plan plan;
	struct error err = { 0 };
	struct arena arena;
	enum ctl_exit status;
	bool found;
	int result;

	arena_init(&arena, 0);
	result = ledger_plan_get(opened->ledger, number, &arena, &plan, &found, &err);
	if (result == 0 && !found)
		result = error_set(&err, ERROR_LEDGER_PLAN, "`syncline plans --all` lists them.", "there is no plan %" PRId64, number);
	if (result != 0) {
		arena_free(&arena);
		return opened_error(ctl, &err);
	}
	listing_begin(&items.listing, ctl, opened, '[', 7, 1, heads);
	result = ledger_plan_items(opened->ledger, number, (uint64_t)after, limit, show_item, &items, &err);
	status = listing_end(&items.listing, ']', result, &err, "this plan has no items", CTL_DONE);
	if (status == CTL_DONE)
		tell_rest(ctl, &plan, items.last);
	arena_free(&arena);
	return status;
}

static enum ctl_exit
drop(struct ctl *ctl, struct opened *opened, int64_t number, const char *why)
{
	struct error err = { 0 };

	return run_drop_plan(opened->ledger, number, why, &err) == 0 ? list_plans(ctl, opened, false) : opened_error(ctl, &err);
}

enum ctl_exit
verb_plans(struct ctl *ctl)
{
	bool drops = ctl->operand_count > 0 && strcmp(ctl->operands[0], "drop") == 0;
	const char *text = ctl->operand_count > drops ? ctl->operands[drops] : NULL, *behind = ctl_value(ctl, "after"), *why = NULL;
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status = CTL_DONE;
	int64_t number = 0, after = 0;
	uint32_t limit = 0;

	if (drops ? text == NULL : ctl->operand_count > 1) {
		(void)error_set(&err, ERROR_USAGE, "It is: syncline plans [PLAN], or: syncline plans drop PLAN --why TEXT", "`plans` cannot \"%s\"%s",
		                ctl->operands[0], drops ? " without a number" : "");
		return opened_error(ctl, &err);
	}
	if ((text != NULL && (status = opened_number(ctl, "number of a plan", text, &number)) != CTL_DONE) ||
	    (behind != NULL && (status = opened_number(ctl, "number of an item", behind, &after)) != CTL_DONE) ||
	    (status = listing_limit(ctl, ctl->json ? 0 : LISTING_ITEMS, &limit)) != CTL_DONE || (drops && (status = opened_why(ctl, &why)) != CTL_DONE))
		return status;
	if ((status = opened_begin(ctl, &opened, drops ? LEDGER_VISITOR : LEDGER_READER)) == CTL_DONE)
		status = drops ? drop(ctl, &opened, number, why) :
		         text != NULL ? listing_items(ctl, &opened, number, limit, after) : list_plans(ctl, &opened, ctl_value(ctl, "all") != NULL);
	opened_close(&opened);
	return status;
}
