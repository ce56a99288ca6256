/* SPDX-License-Identifier: BSD-2-Clause */
/* outlook.c: see outlook.h. */
#include "schedule/outlook.h"

#include <string.h>

#include "ledger/findings.h"
#include "ledger/runs.h"
#include "ledger/staging.h"
#include "schedule/floor.h"
#include "schedule/pending.h"

#define RUNS_MAX 20u /* so far back a run that others come after is looked for */

static uint32_t
place_count(const struct config_flow *flow)
{
	return flow->units.count > 0 ? flow->units.count : 1;
}

static const struct config_unit *
place_unit(const struct outlook *o, const struct config_flow *flow, uint32_t place)
{
	return flow->units.count > 0 ? config_unit(o->model, flow->units.items[place]) : NULL;
}

/* What was read when. */

static int
was_read(void *data, uint32_t object, uint32_t credentials, int64_t started_us)
{
	const struct outlook *o = data;

	for (uint32_t f = 0; f < o->model->flow_count; f++) {
		const struct config_flow *flow = &o->model->flows[f];

		for (uint32_t b = 0; b < flow->binding_count; b++) {
			const struct config_binding *binding = &flow->bindings[b];

			if (!binding->reads || ledger_object_id(o->ledger, binding->object) != object)
				continue;
			for (uint32_t p = 0; p < place_count(flow); p++)
				if (ledger_credentials(o->ledger, binding->system, place_unit(o, flow, p)) == credentials)
					agenda_was_read(o->agenda, binding, place_unit(o, flow, p), started_us);
		}
	}
	return 0;
}

/* What has to be run. */

/* How the last run ended, and when it began. */
struct last {
	uint8_t state;
	int64_t started_us;
};

static int
keep_last(void *data, const struct ledger_run *run)
{
	*(struct last *)data = (struct last){ .state = run->state, .started_us = run->started_us };
	return 0;
}

struct newer {
	int64_t than_us;
	bool found;
};

static int
see_newer(void *data, const struct ledger_run *run)
{
	struct newer *newer = data;

	newer->found = newer->found || (run->ended_us > newer->than_us &&
	                                (run->state == LEDGER_RUN_DONE || run->state == LEDGER_RUN_FINDINGS || run->state == LEDGER_RUN_HELD));
	return 0;
}

/* Has a flow that it comes after run, for any unit, since its own last run began? */
static int
look_before(const struct outlook *o, const struct config_flow *flow, const struct config_unit *unit, int64_t last_us, struct error *err)
{
	struct newer newer = { .than_us = last_us };

	for (uint32_t i = 0; i < flow->after.count && !newer.found; i++) {
		const struct config_flow *before = config_flow(o->model, flow->after.items[i]);

		for (uint32_t p = 0; before != NULL && p < place_count(before) && !newer.found; p++)
			if (ledger_runs(o->ledger, ledger_flow_id(o->ledger, before), ledger_unit_id(o->ledger, place_unit(o, before, p)), RUNS_MAX, see_newer,
			                &newer, err) != 0)
				return -1;
	}
	if (newer.found)
		agenda_follow(o->agenda, flow, unit);
	return 0;
}

static int
look_at_place(const struct outlook *o, const struct config_flow *flow, const struct config_unit *unit, bool first, int64_t now_us, struct error *err)
{
	uint32_t flow_id = ledger_flow_id(o->ledger, flow), unit_id = ledger_unit_id(o->ledger, unit);
	struct last last = { .state = LEDGER_RUN_DONE };
	struct ledger_flag flag;
	int64_t next_us;
	bool held;

	if (ledger_flag_get(o->ledger, flow_id, unit_id, 0, &flag, err) != 0)
		return -1;
	agenda_allow(o->agenda, flow, unit, flag.mode != LEDGER_FLAG_OFF);
	if (flag.mode == LEDGER_FLAG_OFF)
		return 0;
	if (ledger_runs(o->ledger, flow_id, unit_id, 1, keep_last, &last, err) != 0 || pending_next(o->ledger, o->manners, flow, unit, &next_us, err) != 0 ||
	    pending_held(o->ledger, flow, unit, &held, err) != 0 || look_before(o, flow, unit, last.started_us, err) != 0)
		return -1;
	/* What is due while a run goes on is what that run is about to send; who ends it looks again. */
	if (last.state == LEDGER_RUN_RUNNING && !first)
		next_us = INT64_MAX;
	agenda_retry(o->agenda, flow, unit, held ? now_us : next_us);
	if (first && (last.state == LEDGER_RUN_FAILED || last.state == LEDGER_RUN_STOPPED))
		agenda_again(o->agenda, flow, unit, NULL, now_us);
	return 0;
}

static bool
comes_after(const struct config_flow *flow, const struct config_flow *before)
{
	for (uint32_t i = 0; i < flow->after.count; i++)
		if (strcmp(flow->after.items[i], before->head.name) == 0)
			return true;
	return false;
}

struct answers {
	const struct outlook *outlook;
	int64_t now_us;
};

/* What people answered is carried out by a run that has to read nothing for it. */
static int
see_answered(void *data, uint32_t flow_id, uint32_t unit_id)
{
	const struct answers *answers = data;
	const struct outlook *o = answers->outlook;
	const struct config_flow *flow = ledger_flow(o->ledger, flow_id);

	for (uint32_t p = 0; flow != NULL && p < place_count(flow); p++)
		if (ledger_unit_id(o->ledger, place_unit(o, flow, p)) == unit_id)
			agenda_retry(o->agenda, flow, place_unit(o, flow, p), answers->now_us);
	return 0;
}

static int
look_at_all(const struct outlook *o, bool first, int64_t now_us, struct error *err)
{
	struct answers answers = { .outlook = o, .now_us = now_us };

	for (uint32_t f = 0; f < o->model->flow_count; f++) {
		const struct config_flow *flow = &o->model->flows[f];

		for (uint32_t p = 0; p < place_count(flow); p++)
			if (look_at_place(o, flow, place_unit(o, flow, p), first, now_us, err) != 0)
				return -1;
	}
	return ledger_findings_answered(o->ledger, see_answered, &answers, err);
}

int
outlook_fill(const struct outlook *o, int64_t now_us, struct error *err)
{
	struct outlook mine = *o;

	return ledger_reads_last(o->ledger, was_read, &mine, err) != 0 ? -1 : look_at_all(o, true, now_us, err);
}

int
outlook_again(const struct outlook *o, int64_t now_us, struct error *err)
{
	return look_at_all(o, false, now_us, err);
}

int
outlook_forgive(const struct outlook *o, int64_t now_us, struct error *err)
{
	for (uint32_t f = 0; f < o->model->flow_count; f++) {
		const struct config_flow *flow = &o->model->flows[f];

		for (uint32_t p = 0; p < place_count(flow); p++) {
			bool parked;

			if (pending_parked(o->ledger, flow, place_unit(o, flow, p), &parked, err) != 0)
				return -1;
			if (parked)
				agenda_forgive(o->agenda, flow, place_unit(o, flow, p));
		}
	}
	return look_at_all(o, false, now_us, err);
}

/* What one flow waits for may come with the other. */
static bool
refers_to(const struct config_flow *flow, const struct config_flow *other)
{
	for (uint32_t i = 0; i < flow->entity->field_count; i++)
		if (flow->entity->fields[i].type == CONFIG_FIELD_REF && strcmp(flow->entity->fields[i].entity, other->entity->head.name) == 0)
			return true;
	return false;
}

int
outlook_others(const struct outlook *o, const struct config_flow *flow, const struct config_unit *unit, const int64_t *since_us, struct error *err)
{
	for (uint32_t f = 0; f < o->model->flow_count; f++) {
		const struct config_flow *other = &o->model->flows[f];
		int64_t next_us;

		if (other == flow || (!floor_shared(flow, other) && !comes_after(other, flow) && !refers_to(other, flow)))
			continue;
		for (uint32_t p = 0; p < place_count(other); p++) {
			if (place_unit(o, other, p) != unit)
				continue;
			if (pending_next(o->ledger, o->manners, other, unit, &next_us, err) != 0)
				return -1;
			if (next_us != INT64_MAX)
				agenda_retry(o->agenda, other, unit, next_us > since_us[f] ? next_us : since_us[f]);
		}
	}
	return 0;
}
