/* SPDX-License-Identifier: BSD-2-Clause */
/* status_json.c: the part of `syncline status` that tells flows and units to programs. */
#include "ctl/status_view.h"

#include "ctl/listing.h"

static void
json_run(struct buffer *json, const struct status_view *view, const struct status_place *place)
{
	if (!place->ran) {
		ctl_json_text(json, "last_run", NULL);
		return;
	}
	ctl_json_open(json, "last_run", '{');
	ctl_json_number(json, "run", place->last.number);
	ctl_json_text(json, "state", listing_run_state(view->ledger, &place->last, NULL));
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
json_lag(struct buffer *json, const struct status_place *place)
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
json_targets(struct buffer *json, const struct status_view *view, const struct status_place *place)
{
	ctl_json_open(json, "targets", '[');
	for (const struct status_target *target = place->targets; target != NULL; target = target->next) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "to", listing_target(view->ledger, target->counts.binding));
		for (int state = 0; state < LEDGER_DELIVERY_STATE_COUNT; state++)
			ctl_json_number(json, ledger_delivery_state_name((enum ledger_delivery_state)state), (long long)target->counts.count[state]);
		listing_json_time(json, "oldest", target->counts.oldest_us);
		ctl_json_text(json, "reason", target->reason);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static void
json_waits(struct buffer *json, const struct status_view *view, const struct status_place *place)
{
	ctl_json_open(json, "waits", '[');
	for (const struct status_wait *wait = place->waits; wait != NULL; wait = wait->next) {
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

static void
json_kept(struct buffer *json, const struct status_view *view, const struct status_place *place)
{
	ctl_json_open(json, "rows_waiting", '[');
	for (const struct status_kept *kept = place->kept; kept != NULL; kept = kept->next) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "object", ledger_object_name(view->ledger, kept->object));
		ctl_json_text(json, "for", status_kept_for(view, kept));
		ctl_json_number(json, "count", (long long)kept->count);
		listing_json_time(json, "since", kept->since_us);
		listing_json_time(json, "until", kept->until_us);
		ctl_json_text(json, "example", kept->example);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static void
json_orphans(struct buffer *json, const struct status_view *view)
{
	ctl_json_open(json, "not_configured", '[');
	for (const struct status_orphan *orphan = view->orphans; orphan != NULL; orphan = orphan->next) {
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

void
status_json(struct buffer *json, const struct status_view *view)
{
	char next[512];

	ctl_json_open(json, "flows", '[');
	for (uint32_t i = 0; i < view->count; i++) {
		const struct status_place *place = &view->places[i];

		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "flow", place->flow->head.name);
		ctl_json_text(json, "unit", place->unit);
		ctl_json_text(json, "flag", ledger_flag_name((enum ledger_flag_mode)place->flag.mode));
		ctl_json_number(json, "percent", place->flag.mode == LEDGER_FLAG_CANARY ? place->flag.percent : place->flag.mode == LEDGER_FLAG_ON ? 100 : 0);
		listing_json_time(json, "flag_since", place->flag.since_us);
		json_run(json, view, place);
		json_lag(json, place);
		json_targets(json, view, place);
		ctl_json_number(json, "rows_waiting_for_a_parent", (long long)place->waiting_rows);
		ctl_json_number(json, "rows_held", (long long)place->held_rows);
		ctl_json_number(json, "decided", (long long)place->decided);
		json_kept(json, view, place);
		json_waits(json, view, place);
		ctl_json_text(json, "next", status_next_step(place, next)[0] != '\0' ? next : NULL);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
	json_orphans(json, view);
	ctl_json_boolean(json, "waits_for_a_person", view->waits);
}
