/* SPDX-License-Identifier: BSD-2-Clause */
/* status_judge.c: the part of `syncline status` that judges a flow for a unit by its last run and the clock, and says what comes next. */
#include "ctl/status_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/listing.h"
#include "ctl/status.h"
#include "schedule/due.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

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
system_of(struct status_view *view, const char *message)
{
	char name[SYNCLINE_NAME_MAX + 1];
	size_t length;

	if (message == NULL || strncmp(message, "system ", 7) != 0 || (length = strcspn(message + 7, ": ")) >= sizeof name)
		return NULL;
	snprintf(name, sizeof name, "%.*s", (int)length, message + 7);
	return status_keep(view, name);
}

/* A run that is held says why; what it says beside the plan's reason is that something could not be read. */
static bool
held_and_failed(const struct status_place *place)
{
	const char *message = place->last.message, *reason = place->reason;
	size_t length = message != NULL ? strlen(message) : 0, tail = reason != NULL ? strlen(reason) : 0;

	return place->ran && place->last.state == LEDGER_RUN_HELD && tail > 0 && length > tail && strcmp(message + length - tail, reason) == 0;
}

void
status_judge(struct status_view *view, struct status_place *place)
{
	bool on = place->flag.mode == LEDGER_FLAG_ON || place->flag.mode == LEDGER_FLAG_CANARY;
	int64_t begin = place->good_us != 0 ? place->good_us : place->flag.since_us;
	char command[300], example[128], age[32], most[32], failed[2400];

	if (place->decided > 0 && (place->flag.mode == LEDGER_FLAG_OFF || place->flag.mode == LEDGER_FLAG_PAUSED)) {
		snprintf(command, sizeof command, "syncline flag %.150s on%s%.100s --why TEXT", place->flow->head.name, place->unit[0] != '\0' ? " --unit " : "",
		         place->unit);
		snprintf(example, sizeof example, "the flow is %s, and no run carries it out", ledger_flag_name((enum ledger_flag_mode)place->flag.mode));
		status_add_wait(view, place, &(struct status_wait){ .kind = "decided", .cause = ledger_flag_name((enum ledger_flag_mode)place->flag.mode),
			.example = example, .command = command, .count = place->decided, .since_us = place->flag.since_us });
	}
	snprintf(command, sizeof command, "syncline run %.200s", place->flow->head.name);
	if (place->silent)
		status_add_wait(view, place, &(struct status_wait){ .kind = "run", .cause = "ended without a word", .example = LISTING_SILENT,
			.command = command, .count = 1, .since_us = place->last.started_us });
	if (place->ran && place->last.state == LEDGER_RUN_RUNNING && !place->silent && view->now - place->last.started_us > pace_long_us(&place->pace)) {
		snprintf(failed, sizeof failed, "the slowest of the last %" PRIu32 " runs took %s", place->pace.runs, listing_age(place->pace.slowest_us, age));
		status_add_wait(view, place, &(struct status_wait){ .kind = "run", .cause = "takes long", .example = failed,
			.command = "look at the systems and the log; it can be stopped and goes on later", .count = 1, .since_us = place->last.started_us });
	}
	if (place->ran && place->last.state == LEDGER_RUN_FAILED)
		status_add_wait(view, place, &(struct status_wait){ .kind = "run", .cause = "failed", .example = place->last.message,
			.command = command, .count = 1, .object = system_of(view, place->last.message), .since_us = place->last.ended_us });
	if (held_and_failed(place)) {
		snprintf(failed, sizeof failed, "%.*s", (int)(strlen(place->last.message) - strlen(place->reason)), place->last.message);
		status_add_wait(view, place, &(struct status_wait){ .kind = "run", .cause = "could not read", .example = failed, .command = command, .count = 1,
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
	status_add_wait(view, place, &(struct status_wait){ .kind = "late", .cause = "max_lag", .example = example, .command = command, .count = 1,
		.since_us = begin + place->most_ms * 1000 });
}

const char *
status_next_step(const struct status_place *place, char text[512])
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
