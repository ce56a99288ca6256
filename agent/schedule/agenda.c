/* SPDX-License-Identifier: BSD-2-Clause */
/* agenda.c: see agenda.h. */
#include "schedule/agenda.h"

#include <stdlib.h>
#include <string.h>

#include "schedule/due.h"

/* A binding for a unit. */
struct slot {
	int64_t last_us, next_us;
	bool called;
	bool again; /* when the place's again_us has come */
};
/* A flow for a unit. */
struct place {
	const struct config_unit *unit; /* NULL: the house */
	struct slot *slots;             /* of the flow's bindings */
	int64_t retry_us, again_us;
	bool allowed;
	bool follows;  /* a flow that it comes after has run */
	bool forgives; /* agenda_forgive() */
};
struct entry {
	const struct config_flow *flow;
	struct place *places;
	uint32_t place_count;
	struct zone **zones; /* of the bindings */
	uint32_t *after;     /* entries */
	uint32_t after_count;
	bool own_trigger;    /* of any binding */
	bool running;
};
struct agenda {
	const struct model *model;
	struct entry *entries; /* of the model's flows */
	int64_t up_us;
	int64_t seen_us;       /* what the clock showed last */
	uint32_t last;         /* that was taken */
};

static bool
has_clock(const struct config_trigger *trigger)
{
	return trigger->every_ms > 0 || trigger->at.count > 0 || trigger->cron_count > 0;
}

static bool
has_trigger(const struct config_trigger *trigger)
{
	return has_clock(trigger) || trigger->file || trigger->webhook;
}

/* A number of its own for each place, always the same: FNV-1a over the names. */
static uint64_t
place_number(const struct config_flow *flow, const struct config_unit *unit)
{
	uint64_t hash = UINT64_C(0xCBF29CE484222325);

	for (const char *c = flow->head.name; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001B3);
	hash *= UINT64_C(0x100000001B3);
	for (const char *c = unit != NULL && unit->head.name != NULL ? unit->head.name : ""; *c != '\0'; c++)
		hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001B3);
	/* Its low bits are what the jitter takes. */
	return hash ^ hash >> 32;
}

static void
look_ahead(const struct agenda *agenda, struct entry *entry, struct place *place, uint32_t b)
{
	const struct config_binding *binding = &entry->flow->bindings[b];
	struct due_trigger due = { .trigger = binding->trigger, .zone = entry->zones[b], .place = place_number(entry->flow, place->unit) };

	place->slots[b].next_us = binding->reads && has_clock(binding->trigger) ? due_next(&due, place->slots[b].last_us, agenda->up_us) : INT64_MAX;
}

static int
fill_entry(struct agenda *agenda, struct entry *entry, const struct config_flow *flow, struct error *err)
{
	const struct model *model = agenda->model;

	entry->flow = flow;
	entry->place_count = flow->units.count > 0 ? flow->units.count : 1;
	if ((entry->places = calloc(entry->place_count, sizeof *entry->places)) == NULL ||
	    (entry->zones = calloc(flow->binding_count + 1u, sizeof *entry->zones)) == NULL ||
	    (entry->after = calloc(flow->after.count + 1u, sizeof *entry->after)) == NULL)
		return error_memory(err);
	for (uint32_t b = 0; b < flow->binding_count; b++) {
		const struct config_trigger *trigger = flow->bindings[b].trigger;

		if (!flow->bindings[b].reads)
			continue;
		entry->own_trigger = entry->own_trigger || has_trigger(trigger);
		if (has_clock(trigger) && (entry->zones[b] = zone_load(NULL, trigger->timezone, strlen(trigger->timezone), err)) == NULL)
			return -1;
	}
	for (uint32_t i = 0; i < flow->after.count; i++) {
		const struct config_flow *before = config_flow(model, flow->after.items[i]);

		if (before != NULL)
			entry->after[entry->after_count++] = (uint32_t)(before - model->flows);
	}
	for (uint32_t p = 0; p < entry->place_count; p++) {
		struct place *place = &entry->places[p];

		place->unit = flow->units.count > 0 ? config_unit(model, flow->units.items[p]) : NULL;
		place->retry_us = place->again_us = INT64_MAX;
		if ((place->slots = calloc(flow->binding_count + 1u, sizeof *place->slots)) == NULL)
			return error_memory(err);
		for (uint32_t b = 0; b < flow->binding_count; b++) {
			place->slots[b].last_us = DUE_NEVER;
			look_ahead(agenda, entry, place, b);
		}
	}
	return 0;
}

int
agenda_new(const struct model *model, int64_t up_us, struct agenda **ret_agenda, struct error *err)
{
	struct agenda *agenda = calloc(1, sizeof *agenda);

	if (agenda == NULL)
		return error_memory(err);
	agenda->model = model;
	agenda->up_us = up_us;
	if ((agenda->entries = calloc(model->flow_count + 1u, sizeof *agenda->entries)) == NULL) {
		agenda_free(agenda);
		return error_memory(err);
	}
	for (uint32_t f = 0; f < model->flow_count; f++) {
		if (fill_entry(agenda, &agenda->entries[f], &model->flows[f], err) != 0) {
			agenda_free(agenda);
			return -1;
		}
	}
	*ret_agenda = agenda;
	return 0;
}

void
agenda_free(struct agenda *agenda)
{
	if (agenda == NULL)
		return;
	for (uint32_t f = 0; agenda->entries != NULL && f < agenda->model->flow_count; f++) {
		struct entry *entry = &agenda->entries[f];

		for (uint32_t p = 0; entry->places != NULL && p < entry->place_count; p++)
			free(entry->places[p].slots);
		for (uint32_t b = 0; entry->zones != NULL && b < agenda->model->flows[f].binding_count; b++)
			zone_free(entry->zones[b]);
		free(entry->places);
		free(entry->zones);
		free(entry->after);
	}
	free(agenda->entries);
	free(agenda);
}

static struct entry *
entry_of(struct agenda *agenda, const struct config_flow *flow)
{
	return &agenda->entries[flow - agenda->model->flows];
}

/* NULL: the flow has no such unit. */
static struct place *
place_of(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit)
{
	struct entry *entry = entry_of(agenda, flow);

	for (uint32_t p = 0; p < entry->place_count; p++)
		if (entry->places[p].unit == unit)
			return &entry->places[p];
	return NULL;
}

void
agenda_was_read(struct agenda *agenda, const struct config_binding *binding, const struct config_unit *unit, int64_t last_us)
{
	struct place *place = place_of(agenda, binding->flow, unit);
	uint32_t b = (uint32_t)(binding - binding->flow->bindings);

	if (place == NULL)
		return;
	place->slots[b].last_us = last_us;
	look_ahead(agenda, entry_of(agenda, binding->flow), place, b);
}

void
agenda_allow(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit, bool allowed)
{
	struct place *place = place_of(agenda, flow, unit);

	if (place != NULL)
		place->allowed = allowed;
}

void
agenda_call(struct agenda *agenda, const struct config_binding *binding)
{
	struct entry *entry = entry_of(agenda, binding->flow);
	uint32_t b = (uint32_t)(binding - binding->flow->bindings);

	for (uint32_t p = 0; p < entry->place_count; p++)
		entry->places[p].slots[b].called = true;
}

void
agenda_retry(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit, int64_t at_us)
{
	struct place *place = place_of(agenda, flow, unit);

	if (place != NULL)
		place->retry_us = at_us;
}

void
agenda_follow(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit)
{
	struct place *place = place_of(agenda, flow, unit);

	if (place != NULL && !entry_of(agenda, flow)->own_trigger)
		place->follows = true;
}

void
agenda_forgive(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit)
{
	struct place *place = place_of(agenda, flow, unit);

	if (place != NULL)
		place->forgives = true;
}

void
agenda_again(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit, const bool *reads, int64_t at_us)
{
	struct place *place = place_of(agenda, flow, unit);

	if (place == NULL)
		return;
	place->again_us = at_us;
	for (uint32_t b = 0; b < flow->binding_count; b++)
		place->slots[b].again = flow->bindings[b].reads && (reads == NULL || reads[b]);
}

/* Since when the place has been due, and why; INT64_MAX: it is not. */
static int64_t
due_since(const struct entry *entry, const struct place *place, int64_t now_us, enum agenda_cause *ret_cause)
{
	int64_t since = INT64_MAX;

	if (!place->allowed)
		return INT64_MAX;
	if (place->retry_us <= now_us) {
		since = place->retry_us;
		*ret_cause = AGENDA_RETRY;
	}
	if (place->again_us <= now_us) {
		since = since < place->again_us ? since : place->again_us;
		*ret_cause = AGENDA_AGAIN;
	}
	if (place->follows) {
		since = since < now_us ? since : now_us;
		*ret_cause = AGENDA_AFTER;
	}
	if (place->forgives) {
		since = since < now_us ? since : now_us;
		*ret_cause = AGENDA_FORGIVEN;
	}
	for (uint32_t b = 0; b < entry->flow->binding_count; b++) {
		const struct slot *slot = &place->slots[b];

		if (slot->called) {
			since = since < now_us ? since : now_us;
			*ret_cause = AGENDA_CALLED;
		}
		if (slot->next_us <= now_us) {
			since = since < slot->next_us ? since : slot->next_us;
			*ret_cause = AGENDA_CLOCK;
		}
	}
	return since;
}

static int64_t
entry_due(const struct entry *entry, int64_t now_us, enum agenda_cause *ret_cause)
{
	int64_t since = INT64_MAX;

	for (uint32_t p = 0; p < entry->place_count; p++) {
		enum agenda_cause cause;
		int64_t at = due_since(entry, &entry->places[p], now_us, &cause);

		if (at < since) {
			since = at;
			*ret_cause = cause;
		}
	}
	return since;
}

static bool
must_wait(const struct agenda *agenda, const struct entry *entry, int64_t now_us)
{
	for (uint32_t i = 0; i < entry->after_count; i++) {
		const struct entry *before = &agenda->entries[entry->after[i]];
		enum agenda_cause cause;

		if (before->running || entry_due(before, now_us, &cause) != INT64_MAX)
			return true;
	}
	return false;
}

static int64_t
set_back(int64_t us, int64_t by_us)
{
	return us == INT64_MAX ? us : us - by_us;
}

/* A clock that was set back must not let anything wait for the time that it shows no more. */
static void
follow_clock(struct agenda *agenda, int64_t now_us)
{
	int64_t back_us = agenda->seen_us > now_us ? agenda->seen_us - now_us : 0;

	agenda->seen_us = now_us;
	if (agenda->up_us > now_us)
		agenda->up_us = now_us;
	for (uint32_t f = 0; f < agenda->model->flow_count; f++) {
		struct entry *entry = &agenda->entries[f];

		for (uint32_t p = 0; p < entry->place_count; p++) {
			entry->places[p].retry_us = set_back(entry->places[p].retry_us, back_us);
			entry->places[p].again_us = set_back(entry->places[p].again_us, back_us);
			for (uint32_t b = 0; b < entry->flow->binding_count; b++) {
				if (entry->places[p].slots[b].last_us <= now_us)
					continue;
				entry->places[p].slots[b].last_us = now_us;
				look_ahead(agenda, entry, &entry->places[p], b);
			}
		}
	}
}

static int
fill_job(struct agenda *agenda, struct entry *entry, int64_t now_us, struct agenda_job *job, struct error *err)
{
	bool reads = false;

	job->flow = entry->flow;
	job->units = calloc(entry->place_count, sizeof *job->units);
	job->reads = calloc(entry->flow->binding_count + 1u, sizeof *job->reads);
	if (job->units == NULL || job->reads == NULL) {
		agenda_job_free(job);
		return error_memory(err);
	}
	for (uint32_t p = 0; p < entry->place_count; p++) {
		struct place *place = &entry->places[p];
		enum agenda_cause cause;

		if (due_since(entry, place, now_us, &cause) == INT64_MAX)
			continue;
		job->units[job->unit_count++] = place->unit;
		for (uint32_t b = 0; b < entry->flow->binding_count; b++) {
			struct slot *slot = &place->slots[b];

			job->reads[b] = job->reads[b] || slot->called || slot->next_us <= now_us || (slot->again && place->again_us <= now_us);
		}
		reads = reads || (place->follows && !entry->own_trigger);
		if (place->forgives)
			job->cause = AGENDA_FORGIVEN;
		place->follows = place->forgives = false;
		place->retry_us = place->again_us = INT64_MAX;
	}
	for (uint32_t b = 0; b < entry->flow->binding_count; b++)
		reads = reads || job->reads[b];
	/* What has no trigger is read whenever the flow reads. */
	for (uint32_t b = 0; b < entry->flow->binding_count; b++)
		job->reads[b] = entry->flow->bindings[b].reads && (job->reads[b] || (reads && !has_trigger(entry->flow->bindings[b].trigger)));
	for (uint32_t i = 0; i < job->unit_count; i++) {
		struct place *place = place_of(agenda, entry->flow, job->units[i]);

		for (uint32_t b = 0; b < entry->flow->binding_count; b++) {
			if (!job->reads[b])
				continue;
			place->slots[b].called = place->slots[b].again = false;
			place->slots[b].last_us = now_us;
			look_ahead(agenda, entry, place, b);
		}
	}
	entry->running = true;
	return 1;
}

int
agenda_take(struct agenda *agenda, int64_t now_us, struct agenda_job *ret_job, struct error *err)
{
	struct entry *chosen = NULL;

	follow_clock(agenda, now_us);
	memset(ret_job, 0, sizeof *ret_job);
	ret_job->due_us = INT64_MAX;
	for (uint32_t i = 1; i <= agenda->model->flow_count; i++) {
		struct entry *entry = &agenda->entries[(agenda->last + i) % agenda->model->flow_count];
		enum agenda_cause cause = AGENDA_CLOCK;
		int64_t since = entry->running ? INT64_MAX : entry_due(entry, now_us, &cause);

		if (since >= ret_job->due_us || must_wait(agenda, entry, now_us))
			continue;
		chosen = entry;
		ret_job->due_us = since;
		ret_job->cause = cause;
	}
	if (chosen == NULL)
		return 0;
	agenda->last = (uint32_t)(chosen - agenda->entries);
	return fill_job(agenda, chosen, now_us, ret_job, err);
}

void
agenda_job_free(struct agenda_job *job)
{
	free(job->units);
	free(job->reads);
	job->units = NULL;
	job->reads = NULL;
}

void
agenda_begin(struct agenda *agenda, const struct config_flow *flow)
{
	entry_of(agenda, flow)->running = true;
}

void
agenda_done(struct agenda *agenda, const struct config_flow *flow, bool ran)
{
	uint32_t done = (uint32_t)(flow - agenda->model->flows);

	agenda->entries[done].running = false;
	for (uint32_t f = 0; ran && f < agenda->model->flow_count; f++) {
		struct entry *entry = &agenda->entries[f];

		for (uint32_t i = 0; !entry->own_trigger && i < entry->after_count; i++)
			for (uint32_t p = 0; entry->after[i] == done && p < entry->place_count; p++)
				entry->places[p].follows = true;
	}
}

int64_t
agenda_next(const struct agenda *agenda, int64_t now_us)
{
	int64_t next = INT64_MAX;

	for (uint32_t f = 0; f < agenda->model->flow_count; f++) {
		const struct entry *entry = &agenda->entries[f];

		for (uint32_t p = 0; !entry->running && p < entry->place_count; p++) {
			const struct place *place = &entry->places[p];

			if (!place->allowed)
				continue;
			if (place->retry_us > now_us && place->retry_us < next)
				next = place->retry_us;
			if (place->again_us > now_us && place->again_us < next)
				next = place->again_us;
			for (uint32_t b = 0; b < entry->flow->binding_count; b++)
				if (place->slots[b].next_us > now_us && place->slots[b].next_us < next)
					next = place->slots[b].next_us;
		}
	}
	return next;
}

uint32_t
agenda_running(const struct agenda *agenda)
{
	uint32_t count = 0;

	for (uint32_t f = 0; f < agenda->model->flow_count; f++)
		count += agenda->entries[f].running;
	return count;
}
