/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_status.c: `syncline status`: per flow and unit its flag, its last run, how far behind it is, what its targets still lack,
 * and what waits for a person, each with the command that comes next.  Here it is printed for people; status_view.h finds it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/listing.h"
#include "ctl/status.h"
#include "ctl/status_view.h"

static void
show_places(struct listing *listing, const struct status_view *view)
{
	char flag[32], run[64], age[32], lag[80], most[32], number[24];

	for (uint32_t i = 0; i < view->count; i++) {
		const struct status_place *place = &view->places[i];
		uint64_t waits = 0;

		for (const struct status_wait *wait = place->waits; wait != NULL; wait = wait->next)
			waits += wait->count;
		snprintf(flag, sizeof flag, "%s", ledger_flag_name((enum ledger_flag_mode)place->flag.mode));
		if (place->flag.mode == LEDGER_FLAG_CANARY)
			snprintf(flag, sizeof flag, "canary %" PRIu32 "%%", place->flag.percent);
		snprintf(run, sizeof run, "%s", "never");
		if (place->ran)
			snprintf(run, sizeof run, "%" PRId64 " %s", place->last.number, listing_run_state(view->ledger, &place->last, NULL));
		snprintf(lag, sizeof lag, "%s%s%s", place->lag_ms >= 0 ? listing_age(place->lag_ms * 1000, age) : "",
		         place->most_ms > 0 ? " of " : "", place->most_ms > 0 ? listing_age(place->most_ms * 1000, most) : "");
		listing_row(listing, (const char *const[]){ place->flow->head.name, place->unit, flag, run,
			place->ran ? listing_age(view->now - place->last.started_us, most) : "", lag, waits > 0 ? listing_number((int64_t)waits, number) : "" });
	}
}

/* "created 91, sent-creates 91" of the last run, with --verbose. */
static void
show_counts(const struct status_view *view)
{
	for (uint32_t i = 0; i < view->count; i++) {
		const struct status_place *place = &view->places[i];

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
show_targets(const struct status_view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "TO", "STATE", "DELIVERIES", "OLDEST", "WHY" };
	struct ctl_table table;
	char number[24], age[32];

	ctl_table_init(&table, 7, 1u << 4, heads);
	for (uint32_t i = 0; i < view->count; i++)
		for (const struct status_target *target = view->places[i].targets; target != NULL; target = target->next)
			for (int state = 0; state < LEDGER_DELIVERY_STATE_COUNT; state++)
				if (target->counts.count[state] > 0)
					ctl_table_row(&table, (const char *const[]){ view->places[i].flow->head.name, view->places[i].unit,
						listing_target(view->ledger, target->counts.binding), ledger_delivery_state_name((enum ledger_delivery_state)state),
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
show_kept(const struct status_view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "ROWS OF", "FOR", "COUNT", "SINCE", "UNTIL", "EXAMPLE" };
	struct ctl_table table;
	char number[24], age[32], until[32];

	ctl_table_init(&table, 8, 1u << 4, heads);
	for (uint32_t i = 0; i < view->count; i++)
		for (const struct status_kept *kept = view->places[i].kept; kept != NULL; kept = kept->next)
			ctl_table_row(&table, (const char *const[]){ view->places[i].flow->head.name, view->places[i].unit,
				ledger_object_name(view->ledger, kept->object), status_kept_for(view, kept), listing_number((int64_t)kept->count, number),
				listing_age(view->now - kept->since_us, age), opened_time(kept->until_us, until), kept->example });
	if (table.rows > 1) {
		ctl_print("\nRows that wait for others\n");
		ctl_table_print(&table);
	} else {
		ctl_table_drop(&table);
	}
}

static void
show_orphans(const struct status_view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "WHAT", "CAUSE", "AT", "COUNT", "SINCE", "NEXT" };
	struct ctl_table table;
	char number[24], age[32];

	if (view->orphans == NULL)
		return;
	ctl_table_init(&table, 8, 1u << 5, heads);
	for (const struct status_orphan *orphan = view->orphans; orphan != NULL; orphan = orphan->next)
		ctl_table_row(&table, (const char *const[]){ orphan->flow, orphan->unit, orphan->wait.kind, orphan->wait.cause,
			orphan->wait.object != NULL ? orphan->wait.object : "", listing_number((int64_t)orphan->wait.count, number),
			orphan->wait.since_us != 0 ? listing_age(view->now - orphan->wait.since_us, age) : "", orphan->wait.command });
	ctl_print("\nNo longer configured; it can be brought back, under a new name with `was`\n");
	ctl_table_print(&table);
}

static void
show_waits(const struct status_view *view)
{
	static const char *const heads[] = { "FLOW", "UNIT", "WHAT", "CAUSE", "AT", "COUNT", "SINCE", "NEXT" };
	struct ctl_table table;
	char number[24], age[32];

	ctl_table_init(&table, 8, 1u << 5, heads);
	for (uint32_t i = 0; i < view->count; i++)
		for (const struct status_wait *wait = view->places[i].waits; wait != NULL; wait = wait->next)
			ctl_table_row(&table, (const char *const[]){ view->places[i].flow->head.name, view->places[i].unit, wait->kind, wait->cause,
				wait->object != NULL ? wait->object : "", listing_number((int64_t)wait->count, number),
				wait->since_us != 0 ? listing_age(view->now - wait->since_us, age) : "", wait->command });
	ctl_print(table.rows > 1 ? "\nWhat waits for a person\n" : view->waits ? "" : "\nNothing waits for a person.\n");
	if (table.rows > 1)
		ctl_table_print(&table);
	else
		ctl_table_drop(&table);
	for (uint32_t i = 0; i < view->count; i++) {
		const struct status_place *place = &view->places[i];
		char next[512];

		if (place->decided > 0)
			ctl_print("%s%s%s: %" PRIu64 " %s decided and %s not carried out yet\n", place->flow->head.name, place->unit[0] != '\0' ? " " : "", place->unit,
			          place->decided, place->decided == 1 ? "was" : "were", place->decided == 1 ? "is" : "are");
		if (place->waits == NULL && status_next_step(place, next)[0] != '\0')
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
	enum ctl_exit status;
	bool all;

	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE &&
	    (ctl->operand_count == 0 || (status = opened_flow(ctl, &opened, ctl->operands[0], &flow)) == CTL_DONE) &&
	    (status = opened_unit(ctl, &opened, flow, &unit, &all)) == CTL_DONE) {
		struct listing listing;
		struct status_view view;
		struct ledger_agent agent = { .works = false };
		struct status_alone *alone = NULL;
		struct error err = { 0 };
		int result;

		listing_begin(&listing, ctl, &opened, '{', 7, 1u << 6, heads);
		status_view_init(&view, opened.ledger);
		result = status_view_fill(&view, flow, unit, all, &err);
		if (result == 0)
			result = ledger_agent(opened.ledger, &agent, &err);
		if (result == 0)
			result = status_alone_find(&listing, &view.arena, flow, &alone, &err);
		view.waits = view.waits || status_agent_lacks(&agent) || status_alone_waits(alone) || status_down_waits(opened.loaded.model, flow);
		if (result == 0 && ctl->json) {
			status_agent_json(&listing.json, &agent);
			status_down_json(&listing.json, opened.loaded.model, flow);
			status_alone_json(&listing.json, alone, view.now);
			status_json(&listing.json, &view);
		} else if (result == 0) {
			status_agent_show(&agent, view.now);
			show_places(&listing, &view);
		}
		status = listing_end(&listing, '}', result, &err, NULL, view.waits ? CTL_FINDINGS : CTL_DONE);
		if (result == 0 && !ctl->json) {
			status_down_show(opened.loaded.model, flow);
			status_alone_show(alone, view.now);
			show_targets(&view);
			if (ctl->verbose)
				show_counts(&view);
			show_kept(&view);
			show_waits(&view);
			show_orphans(&view);
		}
		status_view_free(&view);
	}
	opened_close(&opened);
	return status;
}
