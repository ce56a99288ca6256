/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status_view.c: see status_view.h.  It looks once over each table of the ledger and sorts what it finds by flow and unit, so that it
 * costs the same for one flow and for hundreds.
 */
#include "ctl/status_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/listing.h"
#include "ledger/staging.h"

#define TRIED_MOST 1000u  /* that are looked at for one that was tried */
#define RUNS_MOST 100000u /* that are looked at for the last one of each flow */

static struct status_place *
place_of(struct status_view *view, uint32_t flow_id, uint32_t unit_id)
{
	const struct config_flow *flow = ledger_flow(view->ledger, flow_id);
	uint32_t at;

	if (flow == NULL || (at = view->first[flow - ledger_model(view->ledger)->flows]) == UINT32_MAX)
		return NULL;
	for (; at < view->count && view->places[at].flow == flow; at++)
		if (view->places[at].unit_id == unit_id)
			return &view->places[at];
	return NULL;
}

const char *
status_keep(struct status_view *view, const char *text)
{
	const char *kept;

	if (text == NULL)
		return NULL;
	if ((kept = arena_text(&view->arena, text)) == NULL)
		view->failed = true;
	return kept != NULL ? kept : "";
}

void
status_add_wait(struct status_view *view, struct status_place *place, const struct status_wait *wait)
{
	struct status_wait *own = arena_alloc(&view->arena, sizeof *own);

	if (own == NULL) {
		view->failed = true;
		return;
	}
	*own = *wait;
	own->next = NULL;
	own->cause = status_keep(view, wait->cause);
	own->example = status_keep(view, wait->example);
	own->command = status_keep(view, wait->command);
	*place->last_wait = own;
	place->last_wait = &own->next;
	view->waits = true;
}

/* What is told of a flow or unit that is not configured any more; `flow` and `unit` by name. */
static void
add_orphan(struct status_view *view, const char *flow, const char *unit, const struct status_wait *wait, bool person)
{
	struct status_orphan *own = arena_alloc(&view->arena, sizeof *own);

	if (view->narrow)
		return;
	if (own == NULL) {
		view->failed = true;
		return;
	}
	*own = (struct status_orphan){ .flow = status_keep(view, flow), .unit = status_keep(view, unit), .wait = *wait };
	own->wait.cause = status_keep(view, wait->cause);
	own->wait.example = status_keep(view, wait->example);
	own->wait.command = status_keep(view, wait->command);
	*view->last_orphan = own;
	view->last_orphan = &own->next;
	view->waits = view->waits || person;
}

static int
make_places(struct status_view *view, const struct config_flow *only, const struct config_unit *unit, bool all, struct error *err)
{
	const struct model *model = ledger_model(view->ledger);
	struct ledger *ledger = view->ledger;
	uint32_t most = 0;

	for (uint32_t f = 0; f < model->flow_count; f++)
		most += model->flows[f].units.count + 1;
	view->places = arena_array(&view->arena, most + 1, sizeof *view->places);
	view->first = arena_array(&view->arena, model->flow_count + 1, sizeof *view->first);
	if (view->places == NULL || view->first == NULL)
		return error_memory(err);
	for (uint32_t f = 0; f < model->flow_count; f++) {
		const struct config_flow *flow = &model->flows[f];

		view->first[f] = UINT32_MAX;
		for (uint32_t u = 0; (only == NULL || flow == only) && u < (flow->units.count > 0 ? flow->units.count : 1); u++) {
			const struct config_unit *at = flow->units.count > 0 ? config_unit(model, flow->units.items[u]) : NULL;
			struct status_place *place = &view->places[view->count];

			if (!all && at != unit)
				continue;
			*place = (struct status_place){ .flow = flow, .flow_id = ledger_flow_id(ledger, flow), .unit_id = ledger_unit_id(ledger, at),
				.unit = at != NULL ? at->head.name : "", .lag_ms = -1 };
			place->last_target = &place->targets;
			place->last_wait = &place->waits;
			if (view->first[f] == UINT32_MAX)
				view->first[f] = view->count;
			view->count++;
			if (ledger_flag_get(ledger, place->flow_id, place->unit_id, 0, &place->flag, err) != 0)
				return -1;
			place->flag.who = status_keep(view, place->flag.who);
			place->flag.why = status_keep(view, place->flag.why);
		}
	}
	return 0;
}

/* Newest first. */
static int
take_run(void *data, const struct ledger_run *run)
{
	struct status_view *view = data;
	struct status_place *place = place_of(view, run->flow, run->unit);

	if (place == NULL)
		return 0;
	if (!place->ran) {
		place->ran = true;
		place->last = *run;
		place->last.cause = status_keep(view, run->cause);
		place->last.who = status_keep(view, run->who);
		place->last.message = status_keep(view, run->message);
		(void)listing_run_state(view->ledger, run, &place->silent);
	}
	pace_see(&place->pace, run);
	if (place->good_us == 0 && (run->state == LEDGER_RUN_DONE || run->state == LEDGER_RUN_FINDINGS))
		place->good_us = run->started_us;
	return 0;
}

static void
orphan_deliveries(struct status_view *view, const struct ledger_delivery_counts *counts)
{
	const char *name = ledger_binding_name(view->ledger, counts->binding);
	char flow[SYNCLINE_NAME_MAX + 1];
	uint64_t all = 0;

	for (int state = 0; state < LEDGER_DELIVERY_STATE_COUNT; state++)
		all += state != LEDGER_DELIVERY_DEAD ? counts->count[state] : 0;
	if (all == 0)
		return;
	snprintf(flow, sizeof flow, "%.*s", (int)strcspn(name, "."), name);
	add_orphan(view, flow, ledger_unit_name(view->ledger, counts->unit), &(struct status_wait){ .kind = "delivery", .cause = "not delivered",
		.object = listing_target(view->ledger, counts->binding), .count = all, .since_us = counts->oldest_us,
		.command = "bring it back into the configuration, or give its new name `was`" }, false);
}

static int
take_deliveries(void *data, const struct ledger_delivery_counts *counts)
{
	struct status_view *view = data;
	const struct config_binding *binding = ledger_binding(view->ledger, counts->binding);
	struct status_place *place = binding != NULL ? place_of(view, ledger_flow_id(view->ledger, binding->flow), counts->unit) : NULL;
	struct status_target *target;

	if (place == NULL) {
		orphan_deliveries(view, counts);
		return 0;
	}
	if ((target = arena_alloc(&view->arena, sizeof *target)) == NULL) {
		view->failed = true;
		return 0;
	}
	*target = (struct status_target){ .counts = *counts };
	*place->last_target = target;
	place->last_target = &target->next;
	return 0;
}

static const char *
verb_of(enum ledger_finding_kind kind)
{
	static const char *const verbs[] = { "rejects", "conflicts", "reviews", "conflicts", "dead" };

	return verbs[kind];
}

static const char *
selection(const struct status_place *place)
{
	static _Thread_local char text[600];

	snprintf(text, sizeof text, " --flow %.200s%s%.200s", place->flow->head.name, place->unit[0] != '\0' ? " --unit " : "", place->unit);
	return text;
}

/* The cause as one word of a shell. */
static const char *
quoted(struct status_view *view, const char *text)
{
	const char *result;
	struct buffer out;

	buffer_init(&out, 0);
	buffer_char(&out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			buffer_text(&out, "'\\''");
		else
			buffer_char(&out, *text);
	}
	buffer_char(&out, '\'');
	result = status_keep(view, buffer_string(&out));
	buffer_free(&out);
	return result != NULL ? result : "";
}

static int
take_cause(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count, int64_t oldest_us, const char *example)
{
	struct status_view *view = data;
	struct status_place *place = place_of(view, flow, unit);
	char command[2048];

	if (place == NULL) {
		snprintf(command, sizeof command, "syncline %s --each --cause %s; syncline %s archive ID --why TEXT", verb_of(view->kind), quoted(view, cause),
		         verb_of(view->kind));
		add_orphan(view, ledger_flow_name(view->ledger, flow), ledger_unit_name(view->ledger, unit),
		           &(struct status_wait){ .kind = ledger_finding_name(view->kind), .cause = cause, .example = example, .command = command,
			           .object = object != 0 ? ledger_object_name(view->ledger, object) : NULL, .count = count, .since_us = oldest_us }, true);
		return 0;
	}
	snprintf(command, sizeof command, "syncline %s --cause %s%s", verb_of(view->kind), quoted(view, cause), selection(place));
	status_add_wait(view, place, &(struct status_wait){ .kind = ledger_finding_name(view->kind), .cause = cause, .example = example, .command = command,
		.object = object != 0 ? ledger_object_name(view->ledger, object) : NULL, .count = count, .since_us = oldest_us });
	return 0;
}

static int
take_decided(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count, int64_t oldest_us, const char *example)
{
	struct status_place *place = place_of(data, flow, unit);

	(void)object;
	(void)cause;
	(void)oldest_us;
	(void)example;
	if (place != NULL)
		place->decided += count;
	return 0;
}

static int
take_plan(void *data, const struct ledger_plan *plan)
{
	struct status_view *view = data;
	struct status_place *place = place_of(view, plan->flow, plan->unit);
	char command[128];

	if (place == NULL) {
		snprintf(command, sizeof command, "syncline plans drop %" PRId64 " --why TEXT", plan->number);
		add_orphan(view, ledger_flow_name(view->ledger, plan->flow), ledger_unit_name(view->ledger, plan->unit),
		           &(struct status_wait){ .kind = "plan", .cause = "held", .example = plan->reason, .command = command, .count = plan->items,
			           .since_us = plan->made_us }, true);
		return 0;
	}
	/* A rollback's plan may wait beside the flow's own. */
	if (plan->run == place->last.number)
		place->reason = status_keep(view, plan->reason);
	snprintf(command, sizeof command, "syncline plans %" PRId64 "; syncline apply %" PRId64, plan->number, plan->number);
	status_add_wait(view, place, &(struct status_wait){ .kind = "plan", .cause = "held", .example = plan->reason, .command = command,
		.count = plan->items, .since_us = plan->made_us });
	return 0;
}

static int
take_waiter(void *data, const struct ledger_waiter *waiter)
{
	struct status_view *view = data;
	struct status_place *place = place_of(view, waiter->flow, waiter->unit);
	struct status_kept *kept = place != NULL ? place->kept : NULL;
	uint32_t parent = waiter->held == 0 && waiter->parent_native.length > 0 ? waiter->parent_object : 0;
	char example[200];

	while (kept != NULL && (kept->object != waiter->object || kept->parent != parent || kept->held != (waiter->held != 0)))
		kept = kept->next;
	if (place == NULL)
		return 0;
	if (kept == NULL) {
		if ((kept = arena_alloc(&view->arena, sizeof *kept)) == NULL) {
			view->failed = true;
			return 0;
		}
		*kept = (struct status_kept){ .next = place->kept, .object = waiter->object, .parent = parent,
			.held = waiter->held != 0, .since_us = waiter->since_us };
		snprintf(example, sizeof example, "%.*s%s%.*s", (int)(waiter->native.length < 80 ? waiter->native.length : 80), (const char *)waiter->native.data,
		         parent != 0 ? " for " : "", parent == 0 ? 0 : (int)(waiter->parent_native.length < 80 ? waiter->parent_native.length : 80),
		         parent != 0 ? (const char *)waiter->parent_native.data : "");
		kept->example = status_keep(view, example);
		place->kept = kept;
	}
	kept->count++;
	kept->since_us = waiter->since_us < kept->since_us ? waiter->since_us : kept->since_us;
	if (waiter->until_us != 0 && waiter->held == 0 && (kept->until_us == 0 || waiter->until_us < kept->until_us))
		kept->until_us = waiter->until_us;
	if (place != NULL && waiter->held == 0)
		place->waiting_rows++;
	else if (place != NULL)
		place->held_rows++;
	return 0;
}

struct example {
	struct status_view *view;
	const char *cause, *reason;
};

static int
take_parked(void *data, const struct ledger_delivery *delivery)
{
	struct example *example = data;

	example->cause = status_keep(example->view, delivery->cause);
	example->reason = status_keep(example->view, delivery->reason);
	return 0;
}

static int
take_tried(void *data, const struct ledger_delivery *delivery)
{
	struct example *example = data;

	if (delivery->tries > 0 && delivery->reason != NULL && example->reason == NULL)
		example->reason = status_keep(example->view, delivery->reason);
	return 0;
}

/* Why what is pending was not taken: of those that wait longest, which are tried first. */
static int
find_tried(struct status_view *view, struct status_place *place, struct error *err)
{
	for (struct status_target *target = place->targets; target != NULL; target = target->next) {
		struct ledger_delivery_filter filter = { .binding = target->counts.binding, .unit = target->counts.unit,
			.states = 1u << LEDGER_DELIVERY_PENDING, .max = TRIED_MOST };
		struct example example = { .view = view };

		if (target->counts.count[LEDGER_DELIVERY_PENDING] > 0 && ledger_deliveries(view->ledger, &filter, take_tried, &example, err) != 0)
			return -1;
		target->reason = example.reason;
	}
	return 0;
}

/* Deliveries that wait for credentials or rights: a person repairs those, and the next run tries. */
static int
find_parked(struct status_view *view, struct status_place *place, struct error *err)
{
	for (struct status_target *target = place->targets; target != NULL; target = target->next) {
		struct ledger_delivery_filter filter = { .binding = target->counts.binding, .unit = target->counts.unit,
			.states = 1u << LEDGER_DELIVERY_PARKED, .max = 1 };
		struct example example = { .view = view };
		char command[300];

		if (target->counts.count[LEDGER_DELIVERY_PARKED] == 0)
			continue;
		if (ledger_deliveries(view->ledger, &filter, take_parked, &example, err) != 0)
			return -1;
		snprintf(command, sizeof command, "syncline run %.200s", place->flow->head.name);
		status_add_wait(view, place, &(struct status_wait){ .kind = "parked", .cause = example.cause != NULL ? example.cause : "",
			.example = example.reason, .object = listing_target(view->ledger, target->counts.binding), .command = command,
			.count = target->counts.count[LEDGER_DELIVERY_PARKED], .since_us = target->counts.oldest_us });
	}
	return 0;
}

/* A target that its stop rule paused goes on when a person says so. */
static int
take_flag(void *data, const struct ledger_flag *flag)
{
	struct status_view *view = data;
	struct status_place *place = place_of(view, flag->flow, flag->unit);
	const char *system = flag->binding != 0 ? strchr(ledger_binding_name(view->ledger, flag->binding), '.') : NULL;
	char command[512];

	if (place == NULL || system == NULL || flag->mode != LEDGER_FLAG_PAUSED || flag->who == NULL || strcmp(flag->who, LEDGER_STOP_RULE) != 0)
		return 0;
	snprintf(command, sizeof command, "syncline dead --flow %.150s; then: syncline flag %.100s on --to %.100s%s%.100s --why TEXT", place->flow->head.name,
	         place->flow->head.name, system + 1, place->unit[0] != '\0' ? " --unit " : "", place->unit);
	status_add_wait(view, place, &(struct status_wait){ .kind = "stopped", .cause = LEDGER_STOP_RULE, .example = flag->why,
		.object = listing_target(view->ledger, flag->binding), .command = command, .count = 1, .since_us = flag->since_us });
	return 0;
}

static int
collect(struct status_view *view, struct error *err)
{
	struct ledger *ledger = view->ledger;

	if (ledger_runs(ledger, 0, 0, RUNS_MOST, take_run, view, err) != 0 || ledger_delivery_counts(ledger, take_deliveries, view, err) != 0 ||
	    ledger_plans(ledger, 0, 0, false, take_plan, view, err) != 0 || ledger_waiters(ledger, 0, 0, take_waiter, view, err) != 0)
		return -1;
	for (int kind = 0; kind < LEDGER_FINDING_COUNT; kind++) {
		struct ledger_finding_filter filter = { .kind = (enum ledger_finding_kind)kind, .undecided = true };

		view->kind = filter.kind;
		if (ledger_findings_by_cause(ledger, &filter, take_cause, view, err) != 0)
			return -1;
		filter.undecided = false;
		if (ledger_findings_by_cause(ledger, &filter, take_decided, view, err) != 0)
			return -1;
	}
	for (uint32_t i = 0; i < view->count; i++) {
		struct status_place *place = &view->places[i];

		for (const struct status_wait *wait = place->waits; wait != NULL; wait = wait->next)
			place->decided -= strcmp(wait->kind, "plan") != 0 ? wait->count : 0;
		if (find_parked(view, place, err) != 0 || find_tried(view, place, err) != 0)
			return -1;
		status_judge(view, place);
	}
	if (ledger_flags(ledger, 0, false, take_flag, view, err) != 0)
		return -1;
	return view->failed ? error_memory(err) : 0;
}

const char *
status_kept_for(const struct status_view *view, const struct status_kept *kept)
{
	return kept->parent != 0 ? ledger_object_name(view->ledger, kept->parent) : kept->held ? "a lock or hold to end" : "the next run";
}

void
status_view_init(struct status_view *view, struct ledger *ledger)
{
	*view = (struct status_view){ .ledger = ledger, .now = ledger_now(ledger) };
	arena_init(&view->arena, 0);
	view->last_orphan = &view->orphans;
}

int
status_view_fill(struct status_view *view, const struct config_flow *only, const struct config_unit *unit, bool all, struct error *err)
{
	view->narrow = only != NULL || !all;
	if (make_places(view, only, unit, all, err) != 0)
		return -1;
	return collect(view, err);
}

void
status_view_free(struct status_view *view)
{
	arena_free(&view->arena);
}
