/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_doctor.c: `syncline doctor`: is the house in order?  It only looks: at the ledger and the rules between its tables, at
 * its size and the disk, at deliveries that don't get on, at positions that are doubted, at flows that nobody is responsible
 * for, at lookup tables; doctor_systems.c asks the systems.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/doctor.h"
#include "ctl/listing.h"
#include "ledger/deliveries.h"
#include "ledger/runs.h"
#include "ledger/staging.h"
#include "rehearse/rehearse.h"

#define DAY_US (INT64_C(24) * 3600 * 1000000)
#define LAST_DAYS 7          /* whose growth is carried on */
#define FEW_DAYS 30          /* until the disk is full */
#define FEW_BYTES (UINT64_C(256) << 20)
#define LONG_US (INT64_C(3600) * 1000000) /* that a delivery may be uncertain, or due */

struct doctor {
	struct listing listing;
	int64_t now;
	struct ledger_size size;
	uint64_t events, late_events; /* what runs did: ever, and in the last days */
	int64_t first_us;             /* the oldest run that is known */
	int64_t days;                 /* until the disk is full; -1: not known */
	struct buffer systems;        /* JSON */
	bool running;                 /* some run says that it is */
};

static void
found(struct doctor *doctor, const char *area, const char *place, const char *hint, const char *message)
{
	struct buffer *json = &doctor->listing.json;

	listing_row(&doctor->listing, (const char *const[]){ area, place, message, hint });
	if (!doctor->listing.ctl->json)
		return;
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "area", area);
	ctl_json_text(json, "place", place[0] != '\0' ? place : NULL);
	ctl_json_text(json, "message", message);
	ctl_json_text(json, "hint", hint);
	ctl_json_close(json, '}');
}

static void
fault(void *data, const char *sentence)
{
	found(data, "ledger", "", "Keep a copy of the state directory; `syncline restore FILE` puts a backup in its place.", sentence);
}

static bool
step(void *data, uint64_t done, uint64_t total)
{
	struct doctor *doctor = data;

	progress_show(&doctor->listing.opened->progress, done, total, 0);
	return true;
}

static int
check_ledger(struct doctor *doctor, struct error *err)
{
	struct ledger_progress progress = { .step = step, .data = doctor };
	const struct ctl *ctl = doctor->listing.ctl;
	int result;

	if (ctl_value(ctl, "quick") != NULL)
		return 0;
	progress_begin(&doctor->listing.opened->progress, !ctl->quiet && !ctl->json, "checking the ledger");
	result = ledger_check(doctor->listing.ledger, fault, doctor, &progress, err);
	progress_end(&doctor->listing.opened->progress);
	return result;
}

/* Size, disk, growth. */

static int
take_run(void *data, const struct ledger_run *run)
{
	struct doctor *doctor = data;
	uint64_t events = 0;
	bool silent;

	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (i != LEDGER_COUNT_READ && i != LEDGER_COUNT_UNCHANGED && i != LEDGER_COUNT_OTHER_UNITS)
			events += run->counts[i];
	doctor->events += events;
	doctor->late_events += run->started_us > doctor->now - LAST_DAYS * DAY_US ? events : 0;
	doctor->first_us = run->started_us;
	(void)listing_run_state(doctor->listing.ledger, run, &silent);
	doctor->running = doctor->running || (run->state == LEDGER_RUN_RUNNING && !silent);
	if (silent) {
		char place[300], message[128], next[300];
		const char *flow = ledger_flow_name(doctor->listing.ledger, run->flow), *unit = ledger_unit_name(doctor->listing.ledger, run->unit);

		snprintf(place, sizeof place, "%.140s%s%.140s", flow, unit[0] != '\0' ? " " : "", unit);
		snprintf(message, sizeof message, "run %" PRId64 " did not end: " LISTING_SILENT, run->number);
		snprintf(next, sizeof next, "`syncline run %.200s` goes on where it stopped.", flow);
		found(doctor, "run", place, next, message);
	}
	return 0;
}

/*
 * The file grows with what runs do; what they did in the last days is what they will do.  A house that is younger than that
 * has no forecast: a first load is no growth.
 */
static int
check_disk(struct doctor *doctor, struct error *err)
{
	uint64_t bytes;
	char message[256];

	doctor->days = -1;
	if (ledger_size(doctor->listing.ledger, &doctor->size, err) != 0 || ledger_runs(doctor->listing.ledger, 0, 0, 100000, take_run, doctor, err) != 0)
		return -1;
	bytes = doctor->size.bytes + doctor->size.wal_bytes;
	if (doctor->late_events > 0 && doctor->first_us < doctor->now - 2 * LAST_DAYS * DAY_US) {
		double daily = (double)bytes / (double)doctor->events * (double)doctor->late_events / LAST_DAYS, days = (double)doctor->size.free_bytes / daily;

		doctor->days = days < 36500 ? (int64_t)days : 36500;
	}
	snprintf(message, sizeof message, "%" PRIu64 " MiB are free on the disk of the ledger, which has %" PRIu64 " MiB", doctor->size.free_bytes >> 20,
	         bytes >> 20);
	if (doctor->size.free_bytes < FEW_BYTES || doctor->size.free_bytes < bytes / 4)
		found(doctor, "disk", doctor->listing.ctl->state_dir, "Give the disk more room, or shorten `agent.keep`.", message);
	else if (doctor->days >= 0 && doctor->days < FEW_DAYS) {
		snprintf(message, sizeof message, "the disk of the ledger is full in about %" PRId64 " days, as it grew in the last %d", doctor->days, LAST_DAYS);
		found(doctor, "disk", doctor->listing.ctl->state_dir, "Give the disk more room, or shorten `agent.keep`.", message);
	}
	return 0;
}

/* Deliveries. */

static void
place_text(const struct doctor *doctor, uint32_t binding, uint32_t unit, char text[300])
{
	const char *name = ledger_unit_name(doctor->listing.ledger, unit);

	snprintf(text, 300, "%.140s%s%.140s", ledger_binding_name(doctor->listing.ledger, binding), name[0] != '\0' ? " " : "", name);
}

static void
found_deliveries(struct doctor *doctor, const struct ledger_delivery_counts *counts, enum ledger_delivery_state state, const char *hint,
                 const char *what)
{
	char place[300], message[200], age[32];

	if (counts->count[state] == 0)
		return;
	place_text(doctor, counts->binding, counts->unit, place);
	snprintf(message, sizeof message, "%" PRIu64 " deliveries %s; the oldest of this target is wanted since %s", counts->count[state], what,
	         listing_age(doctor->now - counts->oldest_us, age));
	found(doctor, "delivery", place, hint, message);
}

static int
take_deliveries(void *data, const struct ledger_delivery_counts *counts)
{
	struct doctor *doctor = data;
	const struct config_binding *binding = ledger_binding(doctor->listing.ledger, counts->binding);
	char place[300], message[200], run[300];
	uint64_t all = 0;

	if (binding == NULL || !binding->writes) {
		for (int i = 0; i < LEDGER_DELIVERY_STATE_COUNT; i++)
			all += counts->count[i];
		place_text(doctor, counts->binding, counts->unit, place);
		snprintf(message, sizeof message, "%" PRIu64 " deliveries belong to a binding that is no longer configured", all);
		found(doctor, "delivery", place, "Bring the binding back, or give its new name `was`.", message);
		return 0;
	}
	snprintf(run, sizeof run, "`syncline run %.200s` finds out what became of them.", binding->flow->head.name);
	found_deliveries(doctor, counts, LEDGER_DELIVERY_UNCERTAIN, run, "are uncertain: they were sent, and nobody knows");
	if (!doctor->running)
		found_deliveries(doctor, counts, LEDGER_DELIVERY_SENDING, run, "say that they are being sent, and no run is going on");
	found_deliveries(doctor, counts, LEDGER_DELIVERY_PARKED, "Correct the credentials or rights of the account there, then run the flow.",
	                 "wait for credentials or rights");
	return 0;
}

/* What is due and doesn't go out although the flow is on. */
static int
take_stuck(void *data, const struct ledger_delivery *delivery)
{
	uint64_t *stuck = ((void **)data)[1];
	const struct doctor *doctor = ((void **)data)[0];
	int64_t due = delivery->due_us > delivery->since_us ? delivery->due_us : delivery->since_us;

	*stuck += due < doctor->now - LONG_US;
	return 0;
}

static int
check_stuck(struct doctor *doctor, const struct config_binding *binding, uint32_t unit, struct error *err)
{
	struct ledger_delivery_filter filter = { .binding = ledger_binding_id(doctor->listing.ledger, binding), .unit = unit,
		.states = 1u << LEDGER_DELIVERY_PENDING | 1u << LEDGER_DELIVERY_HANDED_OVER, .max = 100000 };
	char place[300], message[200], run[300];
	uint64_t stuck = 0;
	void *both[] = { doctor, &stuck };

	if (ledger_deliveries(doctor->listing.ledger, &filter, take_stuck, both, err) != 0)
		return -1;
	if (stuck == 0)
		return 0;
	place_text(doctor, filter.binding, unit, place);
	snprintf(message, sizeof message, "%" PRIu64 " deliveries have been due for more than an hour", stuck);
	snprintf(run, sizeof run, "`syncline run %.200s` sends them and says what is in their way.", binding->flow->head.name);
	found(doctor, "delivery", place, run, message);
	return 0;
}

/* Flows: who is responsible, what is stuck. */
static int
check_flow(struct doctor *doctor, const struct config_flow *flow, const struct config_unit *unit, struct error *err)
{
	struct ledger *ledger = doctor->listing.ledger;
	uint32_t unit_id = ledger_unit_id(ledger, unit);
	struct ledger_flag flag;
	char place[300], message[128];
	bool on;

	if (ledger_flag_get(ledger, ledger_flow_id(ledger, flow), unit_id, 0, &flag, err) != 0)
		return -1;
	on = flag.mode == LEDGER_FLAG_ON || flag.mode == LEDGER_FLAG_CANARY;
	snprintf(place, sizeof place, "%.140s%s%.140s", flow->head.name, unit != NULL ? " " : "", unit != NULL ? unit->head.name : "");
	if (flag.mode != LEDGER_FLAG_OFF && flow->responsible == NULL) {
		snprintf(message, sizeof message, "nobody is responsible for it, and it is %s", ledger_flag_name((enum ledger_flag_mode)flag.mode));
		found(doctor, "flow", place, "Write `responsible` (business, technical, runbook) into the flow.", message);
	} else if (on && flow->responsible->runbook == NULL) {
		found(doctor, "flow", place, "Write `runbook` into its `responsible`.", "nothing says what to do when it fails: it has no runbook");
	}
	for (uint32_t b = 0; on && b < flow->binding_count; b++)
		if (flow->bindings[b].writes && check_stuck(doctor, &flow->bindings[b], unit_id, err) != 0)
			return -1;
	return 0;
}

static int
check_flows(struct doctor *doctor, struct error *err)
{
	const struct model *model = ledger_model(doctor->listing.ledger);

	for (uint32_t f = 0; f < model->flow_count; f++) {
		const struct config_flow *flow = &model->flows[f];

		for (uint32_t u = 0; u < (flow->units.count > 0 ? flow->units.count : 1); u++)
			if (check_flow(doctor, flow, flow->units.count > 0 ? config_unit(model, flow->units.items[u]) : NULL, err) != 0)
				return -1;
	}
	return 0;
}

/* What a loadtest created and did not take away. */
static void
take_list(void *data, const char *file, const char *flow, const char *system, const char *unit)
{
	char place[300], next[384];

	snprintf(place, sizeof place, "%.140s %.140s", flow, system);
	snprintf(next, sizeof next, "`syncline loadtest %.100s %.100s%s%.100s --on ENVIRONMENT --cleanup` takes it away.", flow, system,
	         unit[0] != '\0' ? " --unit " : "", unit);
	found(data, "loadtest", place, next, "generated records were left at the system; flows that read them there are not run");
	(void)file;
}

static int
take_position(void *data, const struct ledger_position_row *row)
{
	struct doctor *doctor = data;
	const struct ledger *ledger = doctor->listing.ledger;
	char place[300];

	if (!row->doubted || row->flow != 0)
		return 0;
	snprintf(place, sizeof place, "%.140s%s%.140s", ledger_object_name(ledger, row->object), row->credentials > 1 ? " " : "",
	         row->credentials > 1 ? ledger_unit_name(ledger, row->credentials) : "");
	found(doctor, "position", place, "`syncline run FLOW --full` reads it from the beginning; until then nothing is taken as deleted.",
	      "the ledger was copied or restored, and where reading stands is doubted");
	return 0;
}

static void
found_at_system(void *data, const char *place, const char *hint, const char *message)
{
	found(data, "system", place, hint, message);
}

/* What the rules need besides the systems, and the systems. */
static int
check_outside(struct doctor *doctor, struct error *err)
{
	const struct opened *opened = doctor->listing.opened;
	struct diagnostics mistakes;
	struct lookups lookups = { NULL, 0 };
	const struct doctor_systems systems = { .opened = opened, .lookups = &lookups, .json = &doctor->systems, .found = found_at_system,
		.data = doctor };
	int result;

	diagnostics_init(&mistakes);
	result = lookups_load(opened->loaded.model, &mistakes, &lookups, err);
	for (size_t i = 0; result == 0 && i < mistakes.count; i++)
		found(doctor, "lookup", mistakes.items[i].error.place, mistakes.items[i].error.hint, mistakes.items[i].error.message);
	if (result == 0 && ctl_value(doctor->listing.ctl, "offline") == NULL)
		result = doctor_systems(&systems, err);
	lookups_free(&lookups);
	diagnostics_free(&mistakes);
	return result;
}

static void
json_sizes(struct doctor *doctor)
{
	struct buffer *json = &doctor->listing.json;
	const struct ledger_size *size = &doctor->size;

	ctl_json_open(json, "ledger", '{');
	ctl_json_number(json, "bytes", (long long)size->bytes);
	ctl_json_number(json, "wal_bytes", (long long)size->wal_bytes);
	ctl_json_number(json, "free_bytes", (long long)size->free_bytes);
	if (doctor->days >= 0)
		ctl_json_number(json, "days_until_full", doctor->days);
	else
		ctl_json_text(json, "days_until_full", NULL);
	ctl_json_number(json, "records", (long long)size->records);
	ctl_json_number(json, "links", (long long)size->links);
	ctl_json_number(json, "history", (long long)size->history);
	ctl_json_number(json, "deliveries", (long long)size->deliveries);
	ctl_json_number(json, "staged", (long long)size->staged);
	ctl_json_number(json, "epoch", ledger_epoch(doctor->listing.ledger));
	ctl_json_close(json, '}');
	ctl_json_open(json, "systems", '[');
	buffer_append(json, doctor->systems.data, doctor->systems.length);
	ctl_json_close(json, ']');
}

static void
print_sizes(const struct doctor *doctor)
{
	const struct ledger_size *size = &doctor->size;
	char days[80] = "too young for a forecast";

	if (doctor->days >= 0)
		snprintf(days, sizeof days, "full in about %" PRId64 " days", doctor->days);
	ctl_print("ledger: %" PRIu64 " records, %" PRIu64 " links, %" PRIu64 " rows of history, %" PRIu64 " deliveries, %" PRIu64 " staged batches\n",
	          size->records, size->links, size->history, size->deliveries, size->staged);
	ctl_print("disk: %" PRIu64 " KiB and %" PRIu64 " KiB not carried over yet; %" PRIu64 " MiB free, %s\n", size->bytes >> 10, size->wal_bytes >> 10,
	          size->free_bytes >> 20, days);
}

static int
look(struct doctor *doctor, struct error *err)
{
	struct ledger *ledger = doctor->listing.ledger;

	if (check_disk(doctor, err) != 0 || check_ledger(doctor, err) != 0 || ledger_delivery_counts(ledger, take_deliveries, doctor, err) != 0 ||
	    check_flows(doctor, err) != 0 || ledger_positions(ledger, take_position, doctor, err) != 0 ||
	    rehearse_lists(ledger_state_dir(ledger), take_list, doctor, err) != 0)
		return -1;
	return check_outside(doctor, err);
}

enum ctl_exit
verb_doctor(struct ctl *ctl)
{
	static const char *const heads[] = { "AREA", "WHERE", "FINDING", "NEXT" };
	struct doctor doctor = { .days = -1 };
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;
	int result;

	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE) {
		listing_begin(&doctor.listing, ctl, &opened, '{', 4, 0, heads);
		buffer_init(&doctor.systems, 0);
		doctor.now = ledger_now(opened.ledger);
		if (ctl->json)
			ctl_json_open(&doctor.listing.json, "findings", '[');
		result = look(&doctor, &err);
		if (ctl->json) {
			ctl_json_close(&doctor.listing.json, ']');
			json_sizes(&doctor);
		} else if (result == 0) {
			print_sizes(&doctor);
		}
		status = listing_end(&doctor.listing, '}', result, &err, "no finding", doctor.listing.shown > 0 ? CTL_FINDINGS : CTL_DONE);
		buffer_free(&doctor.systems);
	}
	opened_close(&opened);
	return status;
}
