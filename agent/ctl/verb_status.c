/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_status.c: `syncline status`: per flow and unit its flag, its last run, how far behind it is, what its targets still lack,
 * and what waits for a person, each with the command that comes next.  It looks once over each table of the ledger and sorts
 * what it finds by flow and unit, so that it costs the same for one flow and for hundreds.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/listing.h"
#include "ctl/status.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/runs.h"
#include "ledger/staging.h"
#include "schedule/due.h"
#include "schedule/pace.h"

#define TRIED_MOST 1000u  /* that are looked at for one that was tried */
#define RUNS_MOST 100000u /* that are looked at for the last one of each flow */
#define DAY_MS (INT64_C(24) * 3600 * 1000)

/* What waits for a person. */
struct wait {
	struct wait *next;
	const char *kind;    /* "reject", "dead", …, "plan", "run", "parked", "late" */
	const char *cause;
	const char *object;  /* or NULL */
	const char *example; /* a sentence, or NULL */
	const char *command; /* what to do next */
	uint64_t count;
	int64_t since_us;
};

struct target {
	struct target *next;
	struct ledger_delivery_counts counts;
	const char *reason; /* of one that was tried in vain and is tried again, or NULL */
};

/* Rows that wait for something else than a person: for records of an object, or that a hold ends. */
struct kept {
	struct kept *next;
	uint32_t object, parent; /* parent 0: no record */
	bool held;
	uint64_t count;
	int64_t since_us, until_us; /* the longest; the next that ends, 0: never */
	const char *example;
};

/* A flow for a unit. */
struct place {
	const struct config_flow *flow;
	uint32_t flow_id, unit_id;
	const char *unit;
	struct ledger_flag flag;
	bool ran, was_good;
	bool silent;             /* the process of the last run is gone */
	struct ledger_run last;  /* texts in the arena */
	struct pace pace;
	int64_t good_us;         /* when the last run that came to its end began; 0: none did */
	int64_t lag_ms, most_ms; /* -1: not measured; 0: no limit is known */
	bool late;
	const char *reason;      /* of its open plan */
	uint64_t waiting_rows, held_rows, decided;
	struct target *targets, **last_target;
	struct wait *waits, **last_wait;
	struct kept *kept;
};

/* Of a flow, unit or binding that was taken out of the configuration. */
struct orphan {
	struct orphan *next;
	const char *flow, *unit;
	struct wait wait;
};

struct view {
	struct listing listing;
	struct arena arena;
	struct place *places;
	uint32_t count;
	uint32_t *first; /* of each flow of the model: its first place, or UINT32_MAX */
	int64_t now;
	enum ledger_finding_kind kind; /* that is being listed */
	bool narrow;                   /* a flow or unit was asked for */
	struct orphan *orphans, **last_orphan;
	uint64_t seen_runs;
	bool waits;
	bool failed;
};

static struct place *
place_of(struct view *view, uint32_t flow_id, uint32_t unit_id)
{
	const struct config_flow *flow = ledger_flow(view->listing.ledger, flow_id);
	uint32_t at;

	if (flow == NULL || (at = view->first[flow - ledger_model(view->listing.ledger)->flows]) == UINT32_MAX)
		return NULL;
	for (; at < view->count && view->places[at].flow == flow; at++)
		if (view->places[at].unit_id == unit_id)
			return &view->places[at];
	return NULL;
}

static const char *
keep(struct view *view, const char *text)
{
	const char *kept;

	if (text == NULL)
		return NULL;
	if ((kept = arena_text(&view->arena, text)) == NULL)
		view->failed = true;
	return kept != NULL ? kept : "";
}

static void
add_wait(struct view *view, struct place *place, const struct wait *wait)
{
	struct wait *own = arena_alloc(&view->arena, sizeof *own);

	if (own == NULL) {
		view->failed = true;
		return;
	}
	*own = *wait;
	own->next = NULL;
	own->cause = keep(view, wait->cause);
	own->example = keep(view, wait->example);
	own->command = keep(view, wait->command);
	*place->last_wait = own;
	place->last_wait = &own->next;
	view->waits = true;
}

/* What is told of a flow or unit that is not configured any more; `flow` and `unit` by name. */
static void
add_orphan(struct view *view, const char *flow, const char *unit, const struct wait *wait, bool person)
{
	struct orphan *own = arena_alloc(&view->arena, sizeof *own);

	if (view->narrow)
		return;
	if (own == NULL) {
		view->failed = true;
		return;
	}
	*own = (struct orphan){ .flow = keep(view, flow), .unit = keep(view, unit), .wait = *wait };
	own->wait.cause = keep(view, wait->cause);
	own->wait.example = keep(view, wait->example);
	own->wait.command = keep(view, wait->command);
	*view->last_orphan = own;
	view->last_orphan = &own->next;
	view->waits = view->waits || person;
}

static int
make_places(struct view *view, const struct config_flow *only, const struct config_unit *unit, bool all, struct error *err)
{
	const struct model *model = ledger_model(view->listing.ledger);
	struct ledger *ledger = view->listing.ledger;
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
			struct place *place = &view->places[view->count];

			if (!all && at != unit)
				continue;
			*place = (struct place){ .flow = flow, .flow_id = ledger_flow_id(ledger, flow), .unit_id = ledger_unit_id(ledger, at),
				.unit = at != NULL ? at->head.name : "", .lag_ms = -1 };
			place->last_target = &place->targets;
			place->last_wait = &place->waits;
			if (view->first[f] == UINT32_MAX)
				view->first[f] = view->count;
			view->count++;
			if (ledger_flag_get(ledger, place->flow_id, place->unit_id, 0, &place->flag, err) != 0)
				return -1;
			place->flag.who = keep(view, place->flag.who);
			place->flag.why = keep(view, place->flag.why);
		}
	}
	return 0;
}

/* Newest first. */
static int
take_run(void *data, const struct ledger_run *run)
{
	struct view *view = data;
	struct place *place = place_of(view, run->flow, run->unit);

	if (place == NULL)
		return 0;
	if (!place->ran) {
		place->ran = true;
		place->last = *run;
		place->last.cause = keep(view, run->cause);
		place->last.who = keep(view, run->who);
		place->last.message = keep(view, run->message);
		(void)listing_run_state(view->listing.ledger, run, &place->silent);
	}
	pace_see(&place->pace, run);
	if (place->good_us == 0 && (run->state == LEDGER_RUN_DONE || run->state == LEDGER_RUN_FINDINGS))
		place->good_us = run->started_us;
	return 0;
}

static void
orphan_deliveries(struct view *view, const struct ledger_delivery_counts *counts)
{
	const char *name = ledger_binding_name(view->listing.ledger, counts->binding);
	char flow[SYNCLINE_NAME_MAX + 1];
	uint64_t all = 0;

	for (int state = 0; state < LEDGER_DELIVERY_STATE_COUNT; state++)
		all += state != LEDGER_DELIVERY_DEAD ? counts->count[state] : 0;
	if (all == 0)
		return;
	snprintf(flow, sizeof flow, "%.*s", (int)strcspn(name, "."), name);
	add_orphan(view, flow, ledger_unit_name(view->listing.ledger, counts->unit), &(struct wait){ .kind = "delivery", .cause = "not delivered",
		.object = listing_target(view->listing.ledger, counts->binding), .count = all, .since_us = counts->oldest_us,
		.command = "bring it back into the configuration, or give its new name `was`" }, false);
}

static int
take_deliveries(void *data, const struct ledger_delivery_counts *counts)
{
	struct view *view = data;
	const struct config_binding *binding = ledger_binding(view->listing.ledger, counts->binding);
	struct place *place = binding != NULL ? place_of(view, ledger_flow_id(view->listing.ledger, binding->flow), counts->unit) : NULL;
	struct target *target;

	if (place == NULL) {
		orphan_deliveries(view, counts);
		return 0;
	}
	if ((target = arena_alloc(&view->arena, sizeof *target)) == NULL) {
		view->failed = true;
		return 0;
	}
	*target = (struct target){ .counts = *counts };
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
selection(const struct place *place)
{
	static _Thread_local char text[600];

	snprintf(text, sizeof text, " --flow %.200s%s%.200s", place->flow->head.name, place->unit[0] != '\0' ? " --unit " : "", place->unit);
	return text;
}

/* The cause as one word of a shell. */
static const char *
quoted(struct view *view, const char *text)
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
	result = keep(view, buffer_string(&out));
	buffer_free(&out);
	return result != NULL ? result : "";
}

static int
take_cause(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count, int64_t oldest_us, const char *example)
{
	struct view *view = data;
	struct place *place = place_of(view, flow, unit);
	char command[2048];

	if (place == NULL) {
		snprintf(command, sizeof command, "syncline %s --each --cause %s; syncline %s archive ID --why TEXT", verb_of(view->kind), quoted(view, cause),
		         verb_of(view->kind));
		add_orphan(view, ledger_flow_name(view->listing.ledger, flow), ledger_unit_name(view->listing.ledger, unit),
		           &(struct wait){ .kind = ledger_finding_name(view->kind), .cause = cause, .example = example, .command = command,
			           .object = object != 0 ? ledger_object_name(view->listing.ledger, object) : NULL, .count = count, .since_us = oldest_us }, true);
		return 0;
	}
	snprintf(command, sizeof command, "syncline %s --cause %s%s", verb_of(view->kind), quoted(view, cause), selection(place));
	add_wait(view, place, &(struct wait){ .kind = ledger_finding_name(view->kind), .cause = cause, .example = example, .command = command,
		.object = object != 0 ? ledger_object_name(view->listing.ledger, object) : NULL, .count = count, .since_us = oldest_us });
	return 0;
}

static int
take_decided(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count, int64_t oldest_us, const char *example)
{
	struct place *place = place_of(data, flow, unit);

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
	struct view *view = data;
	struct place *place = place_of(view, plan->flow, plan->unit);
	char command[128];

	if (place == NULL) {
		snprintf(command, sizeof command, "syncline plans drop %" PRId64 " --why TEXT", plan->number);
		add_orphan(view, ledger_flow_name(view->listing.ledger, plan->flow), ledger_unit_name(view->listing.ledger, plan->unit),
		           &(struct wait){ .kind = "plan", .cause = "held", .example = plan->reason, .command = command, .count = plan->items,
			           .since_us = plan->made_us }, true);
		return 0;
	}
	/* A rollback's plan may wait beside the flow's own. */
	if (plan->run == place->last.number)
		place->reason = keep(view, plan->reason);
	snprintf(command, sizeof command, "syncline plans %" PRId64 "; syncline apply %" PRId64, plan->number, plan->number);
	add_wait(view, place, &(struct wait){ .kind = "plan", .cause = "held", .example = plan->reason, .command = command, .count = plan->items,
		.since_us = plan->made_us });
	return 0;
}

static int
take_waiter(void *data, const struct ledger_waiter *waiter)
{
	struct view *view = data;
	struct place *place = place_of(view, waiter->flow, waiter->unit);
	struct kept *kept = place != NULL ? place->kept : NULL;
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
		*kept = (struct kept){ .next = place->kept, .object = waiter->object, .parent = parent, .held = waiter->held != 0, .since_us = waiter->since_us };
		snprintf(example, sizeof example, "%.*s%s%.*s", (int)(waiter->native.length < 80 ? waiter->native.length : 80), (const char *)waiter->native.data,
		         parent != 0 ? " for " : "", parent == 0 ? 0 : (int)(waiter->parent_native.length < 80 ? waiter->parent_native.length : 80),
		         parent != 0 ? (const char *)waiter->parent_native.data : "");
		kept->example = keep(view, example);
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
	struct view *view;
	const char *cause, *reason;
};

static int
take_parked(void *data, const struct ledger_delivery *delivery)
{
	struct example *example = data;

	example->cause = keep(example->view, delivery->cause);
	example->reason = keep(example->view, delivery->reason);
	return 0;
}

static int
take_tried(void *data, const struct ledger_delivery *delivery)
{
	struct example *example = data;

	if (delivery->tries > 0 && delivery->reason != NULL && example->reason == NULL)
		example->reason = keep(example->view, delivery->reason);
	return 0;
}

/* Why what is pending was not taken: of those that wait longest, which are tried first. */
static int
find_tried(struct view *view, struct place *place, struct error *err)
{
	for (struct target *target = place->targets; target != NULL; target = target->next) {
		struct ledger_delivery_filter filter = { .binding = target->counts.binding, .unit = target->counts.unit,
			.states = 1u << LEDGER_DELIVERY_PENDING, .max = TRIED_MOST };
		struct example example = { .view = view };

		if (target->counts.count[LEDGER_DELIVERY_PENDING] > 0 && ledger_deliveries(view->listing.ledger, &filter, take_tried, &example, err) != 0)
			return -1;
		target->reason = example.reason;
	}
	return 0;
}

/* Deliveries that wait for credentials or rights: a person repairs those, and the next run tries. */
static int
find_parked(struct view *view, struct place *place, struct error *err)
{
	for (struct target *target = place->targets; target != NULL; target = target->next) {
		struct ledger_delivery_filter filter = { .binding = target->counts.binding, .unit = target->counts.unit,
			.states = 1u << LEDGER_DELIVERY_PARKED, .max = 1 };
		struct example example = { .view = view };
		char command[300];

		if (target->counts.count[LEDGER_DELIVERY_PARKED] == 0)
			continue;
		if (ledger_deliveries(view->listing.ledger, &filter, take_parked, &example, err) != 0)
			return -1;
		snprintf(command, sizeof command, "syncline run %.200s", place->flow->head.name);
		add_wait(view, place, &(struct wait){ .kind = "parked", .cause = example.cause != NULL ? example.cause : "", .example = example.reason,
			.object = listing_target(view->listing.ledger, target->counts.binding), .command = command,
			.count = target->counts.count[LEDGER_DELIVERY_PARKED], .since_us = target->counts.oldest_us });
	}
	return 0;
}

/* A target that its stop rule paused goes on when a person says so. */
static int
take_flag(void *data, const struct ledger_flag *flag)
{
	struct view *view = data;
	struct place *place = place_of(view, flag->flow, flag->unit);
	const char *system = flag->binding != 0 ? strchr(ledger_binding_name(view->listing.ledger, flag->binding), '.') : NULL;
	char command[512];

	if (place == NULL || system == NULL || flag->mode != LEDGER_FLAG_PAUSED || flag->who == NULL || strcmp(flag->who, LEDGER_STOP_RULE) != 0)
		return 0;
	snprintf(command, sizeof command, "syncline dead --flow %.150s; then: syncline flag %.100s on --to %.100s%s%.100s --why TEXT", place->flow->head.name,
	         place->flow->head.name, system + 1, place->unit[0] != '\0' ? " --unit " : "", place->unit);
	add_wait(view, place, &(struct wait){ .kind = "stopped", .cause = LEDGER_STOP_RULE, .example = flag->why,
		.object = listing_target(view->listing.ledger, flag->binding), .command = command, .count = 1, .since_us = flag->since_us });
	return 0;
}

/* Where the zone isn't known here: `usual`. */
static int64_t
longest_pause(const struct config_trigger *trigger, int64_t now_us, int64_t usual)
{
	struct zone *zone = zone_load(NULL, trigger->timezone, strlen(trigger->timezone), NULL);
	int64_t pause = zone != NULL ? due_longest_us(&(struct due_trigger){ .trigger = trigger, .zone = zone }, now_us) / 1000 : usual;

	zone_free(zone);
	return pause;
}

int64_t
status_most_lag(const struct config_flow *flow, int64_t now_us)
{
	int64_t slowest = 0;

	if (flow->max_lag_ms > 0)
		return flow->max_lag_ms;
	for (uint32_t i = 0; i < flow->binding_count; i++) {
		const struct config_trigger *trigger = flow->bindings[i].trigger;
		int64_t pause = trigger->every_ms > 0 ? trigger->every_ms : trigger->at.count > 0 ? DAY_MS : 0;

		if (trigger->cron_count > 0 || trigger->window_count > 0)
			pause = longest_pause(trigger, now_us, pause);
		slowest = pause > slowest ? pause : slowest;
	}
	return 2 * slowest;
}

/* "erp" of "system erp: …", as runs tell what could not be read or written; NULL: it isn't about one system. */
static const char *
system_of(struct view *view, const char *message)
{
	char name[SYNCLINE_NAME_MAX + 1];
	size_t length;

	if (message == NULL || strncmp(message, "system ", 7) != 0 || (length = strcspn(message + 7, ": ")) >= sizeof name)
		return NULL;
	snprintf(name, sizeof name, "%.*s", (int)length, message + 7);
	return keep(view, name);
}

/* A run that is held says why; what it says beside the plan's reason is that something could not be read. */
static bool
held_and_failed(const struct place *place)
{
	const char *message = place->last.message, *reason = place->reason;
	size_t length = message != NULL ? strlen(message) : 0, tail = reason != NULL ? strlen(reason) : 0;

	return place->ran && place->last.state == LEDGER_RUN_HELD && tail > 0 && length > tail && strcmp(message + length - tail, reason) == 0;
}

/* What the last run and the clock say. */
static void
judge(struct view *view, struct place *place)
{
	bool on = place->flag.mode == LEDGER_FLAG_ON || place->flag.mode == LEDGER_FLAG_CANARY;
	int64_t begin = place->good_us != 0 ? place->good_us : place->flag.since_us;
	char command[300], example[128], age[32], most[32], failed[2400];

	if (place->decided > 0 && (place->flag.mode == LEDGER_FLAG_OFF || place->flag.mode == LEDGER_FLAG_PAUSED)) {
		snprintf(command, sizeof command, "syncline flag %.150s on%s%.100s --why TEXT", place->flow->head.name, place->unit[0] != '\0' ? " --unit " : "",
		         place->unit);
		snprintf(example, sizeof example, "the flow is %s, and no run carries it out", ledger_flag_name((enum ledger_flag_mode)place->flag.mode));
		add_wait(view, place, &(struct wait){ .kind = "decided", .cause = ledger_flag_name((enum ledger_flag_mode)place->flag.mode), .example = example,
			.command = command, .count = place->decided, .since_us = place->flag.since_us });
	}
	snprintf(command, sizeof command, "syncline run %.200s", place->flow->head.name);
	if (place->silent)
		add_wait(view, place, &(struct wait){ .kind = "run", .cause = "ended without a word", .example = LISTING_SILENT, .command = command,
			.count = 1, .since_us = place->last.started_us });
	if (place->ran && place->last.state == LEDGER_RUN_RUNNING && !place->silent && view->now - place->last.started_us > pace_long_us(&place->pace)) {
		snprintf(failed, sizeof failed, "the slowest of the last %" PRIu32 " runs took %s", place->pace.runs, listing_age(place->pace.slowest_us, age));
		add_wait(view, place, &(struct wait){ .kind = "run", .cause = "takes long", .example = failed, .command = "look at the systems and the log; "
			"it can be stopped and goes on later", .count = 1, .since_us = place->last.started_us });
	}
	if (place->ran && place->last.state == LEDGER_RUN_FAILED)
		add_wait(view, place, &(struct wait){ .kind = "run", .cause = "failed", .example = place->last.message, .command = command, .count = 1,
			.object = system_of(view, place->last.message), .since_us = place->last.ended_us });
	if (held_and_failed(place)) {
		snprintf(failed, sizeof failed, "%.*s", (int)(strlen(place->last.message) - strlen(place->reason)), place->last.message);
		add_wait(view, place, &(struct wait){ .kind = "run", .cause = "could not read", .example = failed, .command = command, .count = 1,
			.object = system_of(view, failed), .since_us = place->last.ended_us });
	}
	if (!on)
		return;
	place->most_ms = status_most_lag(place->flow, view->now);
	if (place->good_us != 0)
		place->lag_ms = (view->now - place->good_us) / 1000;
	place->late = place->most_ms > 0 && begin != 0 && (view->now - begin) / 1000 > place->most_ms;
	if (!place->late)
		return;
	snprintf(example, sizeof example, "the last run that came to its end began %s ago, and %s are allowed", listing_age(view->now - begin, age),
	         listing_age(place->most_ms * 1000, most));
	add_wait(view, place, &(struct wait){ .kind = "late", .cause = "max_lag", .example = example, .command = command, .count = 1,
		.since_us = begin + place->most_ms * 1000 });
}

static int
collect(struct view *view, struct error *err)
{
	struct ledger *ledger = view->listing.ledger;

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
		struct place *place = &view->places[i];

		for (const struct wait *wait = place->waits; wait != NULL; wait = wait->next)
			place->decided -= strcmp(wait->kind, "plan") != 0 ? wait->count : 0;
		if (find_parked(view, place, err) != 0 || find_tried(view, place, err) != 0)
			return -1;
		judge(view, place);
	}
	if (ledger_flags(ledger, 0, false, take_flag, view, err) != 0)
		return -1;
	return view->failed ? error_memory(err) : 0;
}

/* A command when nothing waits for a person but something is still to be done; "" for none. */
static const char *
next_step(const struct place *place, char text[512])
{
	char unit[256];

	text[0] = '\0';
	snprintf(unit, sizeof unit, "%s%.200s", place->unit[0] != '\0' ? " --unit " : "", place->unit);
	if (place->waits != NULL)
		snprintf(text, 512, "%.500s", place->waits->command);
	else if (place->flag.mode == LEDGER_FLAG_OFF)
		snprintf(text, 512, "syncline flag %.200s preview%s --why TEXT", place->flow->head.name, unit);
	else if (place->decided > 0 || !place->ran)
		snprintf(text, 512, "syncline run %.200s%s", place->flow->head.name, unit);
	return text;
}

/* For programs. */

static void
json_run(struct view *view, const struct place *place)
{
	struct buffer *json = &view->listing.json;

	if (!place->ran) {
		ctl_json_text(json, "last_run", NULL);
		return;
	}
	ctl_json_open(json, "last_run", '{');
	ctl_json_number(json, "run", place->last.number);
	ctl_json_text(json, "state", listing_run_state(view->listing.ledger, &place->last, NULL));
	ctl_json_text(json, "cause", place->last.cause);
	listing_json_time(json, "started", place->last.started_us);
	listing_json_time(json, "ended", place->last.ended_us);
	ctl_json_number(json, "seconds_ago", (view->now - place->last.started_us) / 1000000);
	ctl_json_text(json, "message", place->silent ? LISTING_SILENT : place->last.message);
	ctl_json_open(json, "counts", '{');
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		ctl_json_number(json, ledger_count_name((enum ledger_count)i), (long long)place->last.counts[i]);
	ctl_json_close(json, '}');
	ctl_json_close(json, '}');
}

static void
json_lag(struct buffer *json, const struct place *place)
{
	ctl_json_open(json, "lag", '{');
	if (place->lag_ms >= 0)
		ctl_json_number(json, "seconds", place->lag_ms / 1000);
	else
		ctl_json_text(json, "seconds", NULL);
	if (place->most_ms > 0)
		ctl_json_number(json, "max_seconds", place->most_ms / 1000);
	else
		ctl_json_text(json, "max_seconds", NULL);
	ctl_json_boolean(json, "late", place->late);
	ctl_json_close(json, '}');
}

static void
json_targets(struct view *view, const struct place *place)
{
	struct buffer *json = &view->listing.json;

	ctl_json_open(json, "targets", '[');
	for (const struct target *target = place->targets; target != NULL; target = target->next) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "to", listing_target(view->listing.ledger, target->counts.binding));
		for (int state = 0; state < LEDGER_DELIVERY_STATE_COUNT; state++)
			ctl_json_number(json, ledger_delivery_state_name((enum ledger_delivery_state)state), (long long)target->counts.count[state]);
		listing_json_time(json, "oldest", target->counts.oldest_us);
		ctl_json_text(json, "reason", target->reason);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static void
json_waits(struct view *view, const struct place *place)
{
	struct buffer *json = &view->listing.json;

	ctl_json_open(json, "waits", '[');
	for (const struct wait *wait = place->waits; wait != NULL; wait = wait->next) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "kind", wait->kind);
		ctl_json_text(json, "cause", wait->cause);
		ctl_json_text(json, "object", wait->object);
		ctl_json_number(json, "count", (long long)wait->count);
		listing_json_time(json, "oldest", wait->since_us);
		ctl_json_number(json, "seconds", wait->since_us != 0 ? (view->now - wait->since_us) / 1000000 : 0);
		ctl_json_text(json, "example", wait->example);
		ctl_json_text(json, "next", wait->command);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static const char *
kept_for(const struct view *view, const struct kept *kept)
{
	return kept->parent != 0 ? ledger_object_name(view->listing.ledger, kept->parent) : kept->held ? "a lock or hold to end" : "the next run";
}

static void
json_kept(struct view *view, const struct place *place)
{
	struct buffer *json = &view->listing.json;

	ctl_json_open(json, "rows_waiting", '[');
	for (const struct kept *kept = place->kept; kept != NULL; kept = kept->next) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "object", ledger_object_name(view->listing.ledger, kept->object));
		ctl_json_text(json, "for", kept_for(view, kept));
		ctl_json_number(json, "count", (long long)kept->count);
		listing_json_time(json, "since", kept->since_us);
		listing_json_time(json, "until", kept->until_us);
		ctl_json_text(json, "example", kept->example);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static void
json_orphans(struct view *view)
{
	struct buffer *json = &view->listing.json;

	ctl_json_open(json, "not_configured", '[');
	for (const struct orphan *orphan = view->orphans; orphan != NULL; orphan = orphan->next) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "flow", orphan->flow);
		ctl_json_text(json, "unit", orphan->unit);
		ctl_json_text(json, "kind", orphan->wait.kind);
		ctl_json_text(json, "cause", orphan->wait.cause);
		ctl_json_text(json, "object", orphan->wait.object);
		ctl_json_number(json, "count", (long long)orphan->wait.count);
		listing_json_time(json, "oldest", orphan->wait.since_us);
		ctl_json_text(json, "example", orphan->wait.example);
		ctl_json_text(json, "next", orphan->wait.command);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static void
json_places(struct view *view)
{
	struct buffer *json = &view->listing.json;
	char next[512];

	ctl_json_open(json, "flows", '[');
	for (uint32_t i = 0; i < view->count; i++) {
		const struct place *place = &view->places[i];

		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "flow", place->flow->head.name);
		ctl_json_text(json, "unit", place->unit);
		ctl_json_text(json, "flag", ledger_flag_name((enum ledger_flag_mode)place->flag.mode));
		ctl_json_number(json, "percent", place->flag.mode == LEDGER_FLAG_CANARY ? place->flag.percent : place->flag.mode == LEDGER_FLAG_ON ? 100 : 0);
		listing_json_time(json, "flag_since", place->flag.since_us);
		json_run(view, place);
		json_lag(json, place);
		json_targets(view, place);
		ctl_json_number(json, "rows_waiting_for_a_parent", (long long)place->waiting_rows);
		ctl_json_number(json, "rows_held", (long long)place->held_rows);
		ctl_json_number(json, "decided", (long long)place->decided);
		json_kept(view, place);
		json_waits(view, place);
		ctl_json_text(json, "next", next_step(place, next)[0] != '\0' ? next : NULL);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
	json_orphans(view);
	ctl_json_boolean(json, "waits_for_a_person", view->waits);
}

/* For people. */

static void
show_places(struct view *view)
{
	char flag[32], run[64], age[32], lag[80], most[32], number[24];

	for (uint32_t i = 0; i < view->count; i++) {
		const struct place *place = &view->places[i];
		uint64_t waits = 0;

		for (const struct wait *wait = place->waits; wait != NULL; wait = wait->next)
			waits += wait->count;
		snprintf(flag, sizeof flag, "%s", ledger_flag_name((enum ledger_flag_mode)place->flag.mode));
		if (place->flag.mode == LEDGER_FLAG_CANARY)
			snprintf(flag, sizeof flag, "canary %" PRIu32 "%%", place->flag.percent);
		snprintf(run, sizeof run, "%s", "never");
		if (place->ran)
			snprintf(run, sizeof run, "%" PRId64 " %s", place->last.number, listing_run_state(view->listing.ledger, &place->last, NULL));
		snprintf(lag, sizeof lag, "%s%s%s", place->lag_ms >= 0 ? listing_age(place->lag_ms * 1000, age) : "",
		         place->most_ms > 0 ? " of " : "", place->most_ms > 0 ? listing_age(place->most_ms * 1000, most) : "");
		listing_row(&view->listing, (const char *const[]){ place->flow->head.name, place->unit, flag, run,
			place->ran ? listing_age(view->now - place->last.started_us, most) : "", lag, waits > 0 ? listing_number((int64_t)waits, number) : "" });
	}
}

/* "created 91, sent-creates 91" of the last run, with --verbose. */
static void
show_counts(const struct view *view)
{
	for (uint32_t i = 0; i < view->count; i++) {
		const struct place *place = &view->places[i];

		if (!place->ran)
			continue;
		ctl_print("\nrun %" PRId64 " of %s%s%s\n", place->last.number, place->flow->head.name, place->unit[0] != '\0' ? " for " : "", place->unit);
		for (int c = 0; c < LEDGER_COUNT_COUNT; c++)
			if (place->last.counts[c] > 0)
				ctl_print("  %10" PRIu64 "  %s\n", place->last.counts[c], ledger_count_text((enum ledger_count)c));
		if (place->last.message != NULL)
			ctl_print("  %s\n", place->last.message);
	}
}

static void
show_targets(struct view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "TO", "STATE", "DELIVERIES", "OLDEST", "WHY" };
	struct ctl_table table;
	char number[24], age[32];

	ctl_table_init(&table, 7, 1u << 4, heads);
	for (uint32_t i = 0; i < view->count; i++)
		for (const struct target *target = view->places[i].targets; target != NULL; target = target->next)
			for (int state = 0; state < LEDGER_DELIVERY_STATE_COUNT; state++)
				if (target->counts.count[state] > 0)
					ctl_table_row(&table, (const char *const[]){ view->places[i].flow->head.name, view->places[i].unit,
						listing_target(view->listing.ledger, target->counts.binding), ledger_delivery_state_name((enum ledger_delivery_state)state),
						listing_number((int64_t)target->counts.count[state], number),
						target->counts.oldest_us != 0 ? listing_age(view->now - target->counts.oldest_us, age) : "",
						state == LEDGER_DELIVERY_PENDING ? target->reason : NULL });
	if (table.rows > 1) {
		ctl_print("\nWhat targets lack\n");
		ctl_table_print(&table);
	} else {
		ctl_table_drop(&table);
	}
}

static void
show_kept(struct view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "ROWS OF", "FOR", "COUNT", "SINCE", "UNTIL", "EXAMPLE" };
	struct ctl_table table;
	char number[24], age[32], until[32];

	ctl_table_init(&table, 8, 1u << 4, heads);
	for (uint32_t i = 0; i < view->count; i++)
		for (const struct kept *kept = view->places[i].kept; kept != NULL; kept = kept->next)
			ctl_table_row(&table, (const char *const[]){ view->places[i].flow->head.name, view->places[i].unit,
				ledger_object_name(view->listing.ledger, kept->object), kept_for(view, kept), listing_number((int64_t)kept->count, number),
				listing_age(view->now - kept->since_us, age), opened_time(kept->until_us, until), kept->example });
	if (table.rows > 1) {
		ctl_print("\nRows that wait for others\n");
		ctl_table_print(&table);
	} else {
		ctl_table_drop(&table);
	}
}

static void
show_orphans(struct view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "WHAT", "CAUSE", "AT", "COUNT", "SINCE", "NEXT" };
	struct ctl_table table;
	char number[24], age[32];

	if (view->orphans == NULL)
		return;
	ctl_table_init(&table, 8, 1u << 5, heads);
	for (const struct orphan *orphan = view->orphans; orphan != NULL; orphan = orphan->next)
		ctl_table_row(&table, (const char *const[]){ orphan->flow, orphan->unit, orphan->wait.kind, orphan->wait.cause,
			orphan->wait.object != NULL ? orphan->wait.object : "", listing_number((int64_t)orphan->wait.count, number),
			orphan->wait.since_us != 0 ? listing_age(view->now - orphan->wait.since_us, age) : "", orphan->wait.command });
	ctl_print("\nNo longer configured; it can be brought back, under a new name with `was`\n");
	ctl_table_print(&table);
}

static void
show_waits(struct view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "WHAT", "CAUSE", "AT", "COUNT", "SINCE", "NEXT" };
	struct ctl_table table;
	char number[24], age[32];

	ctl_table_init(&table, 8, 1u << 5, heads);
	for (uint32_t i = 0; i < view->count; i++)
		for (const struct wait *wait = view->places[i].waits; wait != NULL; wait = wait->next)
			ctl_table_row(&table, (const char *const[]){ view->places[i].flow->head.name, view->places[i].unit, wait->kind, wait->cause,
				wait->object != NULL ? wait->object : "", listing_number((int64_t)wait->count, number),
				wait->since_us != 0 ? listing_age(view->now - wait->since_us, age) : "", wait->command });
	ctl_print(table.rows > 1 ? "\nWhat waits for a person\n" : view->waits ? "" : "\nNothing waits for a person.\n");
	if (table.rows > 1)
		ctl_table_print(&table);
	else
		ctl_table_drop(&table);
	for (uint32_t i = 0; i < view->count; i++) {
		const struct place *place = &view->places[i];
		char next[512];

		if (place->decided > 0)
			ctl_print("%s%s%s: %" PRIu64 " %s decided and %s not carried out yet\n", place->flow->head.name, place->unit[0] != '\0' ? " " : "", place->unit,
			          place->decided, place->decided == 1 ? "was" : "were", place->decided == 1 ? "is" : "are");
		if (place->waits == NULL && next_step(place, next)[0] != '\0')
			ctl_print("%s%s%s: next: %s\n", place->flow->head.name, place->unit[0] != '\0' ? " " : "", place->unit, next);
	}
}

enum ctl_exit
verb_status(struct ctl *ctl)
{
	static const char *const heads[] = { "FLOW", "UNIT", "FLAG", "LAST RUN", "AGO", "LAG", "WAITS" };
	const struct config_flow *flow = NULL;
	const struct config_unit *unit;
	struct opened opened;
	struct view view = { .count = 0 };
	struct ledger_agent agent = { .works = false };
	struct status_alone *alone = NULL;
	struct error err = { 0 };
	enum ctl_exit status;
	bool all;
	int result;

	arena_init(&view.arena, 0);
	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE &&
	    (ctl->operand_count == 0 || (status = opened_flow(ctl, &opened, ctl->operands[0], &flow)) == CTL_DONE) &&
	    (status = opened_unit(ctl, &opened, flow, &unit, &all)) == CTL_DONE) {
		listing_begin(&view.listing, ctl, &opened, '{', 7, 1u << 6, heads);
		view.now = ledger_now(opened.ledger);
		view.narrow = flow != NULL || !all;
		view.last_orphan = &view.orphans;
		result = make_places(&view, flow, unit, all, &err);
		if (result == 0)
			result = collect(&view, &err);
		if (result == 0)
			result = ledger_agent(opened.ledger, &agent, &err);
		if (result == 0)
			result = status_alone_find(&view.listing, &view.arena, flow, &alone, &err);
		view.waits = view.waits || status_agent_lacks(&agent) || status_alone_waits(alone);
		if (result == 0 && ctl->json) {
			status_agent_json(&view.listing.json, &agent);
			status_alone_json(&view.listing.json, alone, view.now);
			json_places(&view);
		} else if (result == 0) {
			status_agent_show(&agent, view.now);
			show_places(&view);
		}
		status = listing_end(&view.listing, '}', result, &err, NULL, view.waits ? CTL_FINDINGS : CTL_DONE);
		if (result == 0 && !ctl->json) {
			status_alone_show(alone, view.now);
			show_targets(&view);
			if (ctl->verbose)
				show_counts(&view);
			show_kept(&view);
			show_waits(&view);
			show_orphans(&view);
		}
	}
	opened_close(&opened);
	arena_free(&view.arena);
	return status;
}
