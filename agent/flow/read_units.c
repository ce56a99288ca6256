/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_units.c: who takes part in a read: each unit whose tenant is known at the system, and the (flow, unit) pairs that are
 * fed by the object.
 *
 * A read moves one position for all of them.  So it keeps the rows of every unit that is on, in this run or not, and the ledger
 * notes for each (flow, unit) that it was fed without a gap since a read of everything, under which effective version.  Who was
 * off meanwhile, is new, or has other rules by now is not noted, or otherwise: then everything is read.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/bound.h"
#include "flow/read.h"

/* The binding of a flow that reads the object. */
static const struct config_binding *
reader_in(const struct config_flow *flow, const struct config_object *object)
{
	for (uint32_t i = 0; i < flow->binding_count; i++)
		if (flow->bindings[i].reads && flow->bindings[i].object == object)
			return &flow->bindings[i];
	return NULL;
}

static int
add_feeds(struct reading *r, struct read_unit *unit, struct error *err)
{
	const struct model *model = r->engine->model;
	uint32_t count = 0;

	for (uint32_t i = 0; i < model->flow_count; i++)
		count += flow_concerns(&model->flows[i], unit->unit) && reader_in(&model->flows[i], r->object) != NULL;
	if (count == 0)
		return 0;
	if ((unit->feeds = calloc(count, sizeof *unit->feeds)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < model->flow_count; i++) {
		const struct config_flow *flow = &model->flows[i];
		const struct config_binding *binding = reader_in(flow, r->object);
		struct read_feed *feed = &unit->feeds[unit->feed_count];
		struct ledger_flag flag = { 0 };

		if (binding == NULL || !flow_concerns(flow, unit->unit))
			continue;
		feed->bound = engine_bound(r->engine, binding);
		feed->flow_id = ledger_flow_id(r->ledger, flow);
		if (ledger_flag_get(r->ledger, feed->flow_id, unit->id, 0, &flag, err) != 0)
			return -1;
		feed->active = flag.mode != LEDGER_FLAG_OFF;
		unit->active = unit->active || (unit->here && feed->active);
		unit->feed_count++;
	}
	return 0;
}

static int
add_unit(struct reading *r, const struct config_unit *of, struct intake *const *intakes, uint32_t count, struct error *err)
{
	const struct config_unit_system *mine = of != NULL ? config_unit_system(of, r->system->head.name) : NULL;
	struct read_unit *unit = &r->units[r->unit_count++];

	unit->unit = of;
	unit->id = ledger_unit_id(r->ledger, of);
	unit->here = engine_credentials(r->engine, r->system, of) == r->credentials;
	if (mine != NULL && mine->tenant != NULL)
		unit->tenant = (struct syncline_slice){ mine->tenant, strlen(mine->tenant) };
	for (uint32_t i = 0; i < count; i++)
		if (intakes[i]->unit_id == unit->id)
			unit->intake = intakes[i];
	return add_feeds(r, unit, err);
}

static int
compare(const void *a, size_t a_length, const void *b, size_t b_length)
{
	size_t both = a_length < b_length ? a_length : b_length;
	int order = both > 0 ? memcmp(a, b, both) : 0;

	return order != 0 ? order : a_length < b_length ? -1 : a_length > b_length;
}

static int
by_tenant(const void *a, const void *b)
{
	const struct read_unit *left = a, *right = b;

	return compare(left->tenant.data, left->tenant.length, right->tenant.data, right->tenant.length);
}

int
read_find_units(struct reading *r, struct intake *const *intakes, uint32_t count, struct error *err)
{
	const struct model *model = r->engine->model;

	if ((r->units = calloc(model->unit_count + 1u, sizeof *r->units)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < model->unit_count; i++)
		if (add_unit(r, &model->units[i], intakes, count, err) != 0)
			return -1;
	if (add_unit(r, NULL, intakes, count, err) != 0)
		return -1;
	qsort(r->units, r->unit_count, sizeof *r->units, by_tenant);
	return 0;
}

struct read_unit *
read_unit_of(struct reading *r, const void *tenant, size_t length)
{
	uint32_t low = 0, high = r->unit_count;
	struct read_unit *last = &r->units[r->last_unit];

	if (last->tenant.length == length && length > 0 && memcmp(last->tenant.data, tenant, length) == 0)
		return last;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		int order = compare(r->units[middle].tenant.data, r->units[middle].tenant.length, tenant, length);

		if (order == 0 && length > 0) {
			r->last_unit = middle;
			return &r->units[middle];
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

uint32_t
read_nobody(const struct reading *r)
{
	uint32_t only = 0;

	/* The unit's own credentials; else the one unit that uses the system's, else the house. */
	if (r->credentials != 0)
		return r->credentials;
	for (uint32_t i = 0; i < r->unit_count; i++)
		if (r->units[i].here && r->units[i].feed_count > 0)
			only = only == 0 ? r->units[i].id : UINT32_MAX;
	return only != 0 && only != UINT32_MAX ? only : ledger_unit_id(r->ledger, NULL);
}

int
read_find_versions(struct reading *r, struct error *err)
{
	for (uint32_t u = 0; u < r->unit_count; u++)
		for (uint32_t f = 0; f < r->units[u].feed_count; f++) {
			struct read_feed *feed = &r->units[u].feeds[f];

			if (ledger_version_id(r->ledger, feed->flow_id, feed->bound->version, &feed->effective, err) != 0)
				return -1;
		}
	return 0;
}

int
read_must_be_full(struct reading *r, const struct ledger_read *open, const char **ret_why, struct error *err)
{
	*ret_why = NULL;
	for (uint32_t u = 0; u < r->unit_count && *ret_why == NULL; u++) {
		struct read_unit *unit = &r->units[u];

		if (!unit->active)
			continue;
		if (unit->intake != NULL && unit->intake->full)
			*ret_why = "everything was asked for";
		/* A full read of this epoch that was interrupted may be gone on with. */
		else if (ledger_doubted(r->ledger, r->object_id, unit->id) && (open->id == 0 || !open->full))
			*ret_why = "the ledger was copied or restored";
		for (uint32_t f = 0; f < unit->feed_count && *ret_why == NULL; f++) {
			uint32_t fed;

			if (!unit->feeds[f].active)
				continue;
			if (ledger_fed(r->ledger, r->object_id, r->credentials, unit->feeds[f].flow_id, unit->id, &fed, err) != 0)
				return -1;
			if (fed == 0)
				*ret_why = "a unit or flow was switched on, or rows have to be read again";
			else if (fed != unit->feeds[f].effective)
				*ret_why = "its rules changed";
		}
	}
	return 0;
}

int
read_note_feeds(struct reading *r, bool from_the_beginning, struct error *err)
{
	for (uint32_t u = 0; u < r->unit_count; u++) {
		const struct read_unit *unit = &r->units[u];

		for (uint32_t f = 0; unit->here && f < unit->feed_count; f++) {
			const struct read_feed *feed = &unit->feeds[f];

			if (feed->active && !from_the_beginning)
				continue;
			/* What it lacks from here on, it lacks until everything is read again. */
			if (ledger_feed(r->ledger, r->object_id, r->credentials, feed->flow_id, unit->id, feed->active ? feed->effective : 0, err) != 0)
				return -1;
		}
	}
	return 0;
}

int
read_heed_flags(struct reading *r, struct error *err)
{
	for (uint32_t u = 0; u < r->unit_count; u++) {
		struct read_unit *unit = &r->units[u];
		bool active = false;

		for (uint32_t f = 0; unit->active && f < unit->feed_count; f++) {
			struct read_feed *feed = &unit->feeds[f];
			struct ledger_flag flag;

			if (!feed->active)
				continue;
			if (ledger_flag_get(r->ledger, feed->flow_id, unit->id, 0, &flag, err) != 0)
				return -1;
			feed->active = flag.mode != LEDGER_FLAG_OFF;
			active = active || feed->active;
			if (!feed->active && ledger_feed(r->ledger, r->object_id, r->credentials, feed->flow_id, unit->id, 0, err) != 0)
				return -1;
		}
		unit->active = active;
	}
	return 0;
}

bool
read_is_wanted(const struct reading *r)
{
	for (uint32_t u = 0; u < r->unit_count; u++)
		for (uint32_t f = 0; r->units[u].active && r->units[u].intake != NULL && f < r->units[u].feed_count; f++)
			if (r->units[u].feeds[f].active && r->units[u].feeds[f].flow_id == r->first->flow_id)
				return true;
	return false;
}
