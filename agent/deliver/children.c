/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * children.c: what is deleted goes the other way than what is created: a record waits until those that refer to it, and are to be
 * deleted at the same system as well, are gone there, in whichever flow they are.
 *
 * Records that refer to each other in a circle don't wait for each other, but all of them for what hangs from the circle; what of
 * them can be deleted first, the target says.  Nor does any wait longer than limits.max_age.
 */
#include <stdio.h>
#include <string.h>

#include "deliver/inside.h"

#define PAGE 64u
#define ABOVE_MAX 1000u /* records above one that are looked at for a circle; with more, it is taken for one */

/* Those above a record that are to be deleted there too: what it refers to, what these refer to, and so on.  With it itself. */
struct above {
	struct above_record {
		const struct config_entity *entity;
		int64_t id;
	} *records;
	uint32_t count;
	bool known; /* they were looked for */
};

/* Is another flow's target the system that this outlet writes to, with the same credentials? */
static bool
is_same_target(const struct outlet *outlet, const struct bound *bound, uint32_t unit)
{
	const struct engine *engine = outlet->deliver->engine;
	const struct config_system *system = outlet->binding->system;

	if (bound->write == NULL || bound->binding->system != system || bound->binding->attach_to != NULL)
		return false;
	return unit == 0 || unit == outlet->deliver->intake->unit_id ||
	       engine_credentials_of(engine, system, unit) == engine_credentials(engine, system, outlet->deliver->intake->unit);
}

static bool
refers_to(const struct config_field *field, const struct config_entity *entity)
{
	return field->type == CONFIG_FIELD_REF && field->entity != NULL && strcmp(field->entity, entity->head.name) == 0;
}

static int
is_leaving(struct outlet *outlet, const struct config_entity *entity, int64_t record, bool *ret_is, struct error *err)
{
	const struct engine *engine = outlet->deliver->engine;

	*ret_is = false;
	for (uint32_t b = 0; b < engine->bound_count && !*ret_is; b++) {
		const struct bound *bound = &engine->bounds[b];
		struct ledger_delivery delivery;
		bool found;

		if (bound->binding->flow->entity != entity || !is_same_target(outlet, bound, 0))
			continue;
		if (ledger_delivery_get(outlet->deliver->ledger, bound->id, record, &outlet->arena, &delivery, &found, err) != 0)
			return -1;
		*ret_is = found && delivery.op == LEDGER_WANT_DELETE && is_same_target(outlet, bound, delivery.unit);
	}
	return 0;
}

static bool
has_above(const struct above *above, int64_t record)
{
	for (uint32_t i = 0; i < above->count; i++)
		if (above->records[i].id == record)
			return true;
	return false;
}

/* What one of them refers to is above as well, if it is to be deleted. */
static int
add_above(struct outlet *outlet, struct above *above, struct above_record of, struct error *err)
{
	struct ledger_record record;

	if (ledger_records_get(outlet->deliver->ledger, of.entity, &of.id, 1, &outlet->arena, &record, err) != 0)
		return -1;
	for (uint32_t i = 0; record.id != 0 && i < of.entity->field_count && above->count < ABOVE_MAX; i++) {
		const struct config_field *field = &of.entity->fields[i];
		const struct config_entity *entity;
		bool leaving;

		if (field->type != CONFIG_FIELD_REF || field->entity == NULL || record.values[i].type != SYNCLINE_TYPE_INTEGER ||
		    has_above(above, record.values[i].u.integer) || (entity = config_entity(outlet->deliver->engine->model, field->entity)) == NULL)
			continue;
		if (is_leaving(outlet, entity, record.values[i].u.integer, &leaving, err) != 0)
			return -1;
		if (leaving)
			above->records[above->count++] = (struct above_record){ entity, record.values[i].u.integer };
	}
	return 0;
}

static int
look_above(struct outlet *outlet, int64_t record, struct above *above, struct error *err)
{
	if (above->known)
		return 0;
	above->known = true;
	if ((above->records = arena_array(&outlet->arena, ABOVE_MAX, sizeof *above->records)) == NULL)
		return error_memory(err);
	above->records[above->count++] = (struct above_record){ outlet->entity, record };
	for (uint32_t i = 0; i < above->count && above->count < ABOVE_MAX; i++)
		if (add_above(outlet, above, above->records[i], err) != 0)
			return -1;
	return 0;
}

/* The first one by this field of another record that is not above it. */
static int
find_by(struct outlet *outlet, const struct bound *bound, const struct config_field *field, int64_t record, struct above *above,
        struct ledger_leaving *ret_child, bool *ret_found, struct error *err)
{
	struct ledger_leaving rows[PAGE];
	uint32_t count = PAGE;
	int64_t after = 0;

	*ret_found = false;
	while (count == PAGE && !*ret_found) {
		if (ledger_deletes_referring(outlet->deliver->ledger, bound->id, bound->binding->flow->entity, field, record, after, rows, PAGE, &count, err) != 0)
			return -1;
		for (uint32_t i = 0; i < count && !*ret_found; i++) {
			after = rows[i].record;
			if (rows[i].record == record || !is_same_target(outlet, bound, rows[i].unit))
				continue;
			if (look_above(outlet, record, above, err) != 0)
				return -1;
			*ret_found = above->count < ABOVE_MAX && !has_above(above, rows[i].record);
			if (*ret_found)
				*ret_child = rows[i];
		}
	}
	return 0;
}

/* As long as somebody else has to act, it is told. */
static void
tell(const struct bound *bound, const struct ledger_leaving *child, char *reason, size_t size)
{
	const char *entity = bound->binding->flow->entity->head.name;

	if (child->state == LEDGER_DELIVERY_DEAD || child->state == LEDGER_DELIVERY_HELD || child->state == LEDGER_DELIVERY_PARKED ||
	    child->state == LEDGER_DELIVERY_UNCERTAIN)
		snprintf(reason, size, "record %lld (%s) refers to it and is to be deleted there first, which is %s", (long long)child->record, entity,
		         ledger_delivery_state_name((enum ledger_delivery_state)child->state));
	else
		snprintf(reason, size, "record %lld (%s) refers to it and is deleted there first", (long long)child->record, entity);
}

int
children_find(struct outlet *outlet, int64_t record, int64_t since_us, int64_t *ret_child, char *reason, size_t size, struct error *err)
{
	const struct engine *engine = outlet->deliver->engine;
	struct above above = { .known = false };

	*ret_child = 0;
	if (ledger_now(outlet->deliver->ledger) - since_us > outlet->binding->system->limits->max_age_ms * 1000)
		return 0;
	for (uint32_t b = 0; b < engine->bound_count; b++) {
		const struct bound *bound = &engine->bounds[b];
		const struct config_entity *entity = bound->binding->flow->entity;
		struct ledger_leaving child;
		bool found;

		if (!is_same_target(outlet, bound, 0))
			continue;
		for (uint32_t f = 0; f < entity->field_count; f++) {
			if (!refers_to(&entity->fields[f], outlet->entity))
				continue;
			if (find_by(outlet, bound, &entity->fields[f], record, &above, &child, &found, err) != 0)
				return -1;
			if (!found)
				continue;
			*ret_child = child.record;
			tell(bound, &child, reason, size);
			return 0;
		}
	}
	return 0;
}

int
children_wait(struct outlet *outlet, struct claim *claim, struct error *err)
{
	for (uint32_t i = 0; i < claim->count; i++) {
		struct pick *pick = &claim->picks[i];
		struct error why = { 0 };

		if (pick->fate != PICK_SEND || pick->op != SYNCLINE_OP_DELETE)
			continue;
		if (children_find(outlet, pick->record->id, pick->due->since_us, &pick->parent, why.message, sizeof why.message, err) != 0)
			return -1;
		if (pick->parent == 0)
			continue;
		snprintf(why.place, sizeof why.place, CLAIM_CHILDREN);
		pick->fate = PICK_WAIT;
		if ((pick->why = claim_error(&outlet->arena, &why)) == NULL)
			return error_memory(err);
	}
	return 0;
}
