/* SPDX-License-Identifier: BSD-2-Clause */
/* marks.c: see marks.h. */
#include "flow/marks.h"

#include <string.h>

static struct intake_binding_counts *
counts_of(struct work *work, const struct bound *bound)
{
	for (uint32_t i = 0; i < work->result->binding_count; i++)
		if (work->result->bindings[i].binding == bound->binding)
			return &work->result->bindings[i];
	return &work->result->bindings[work->result->binding_count];
}

static int
mark(struct work *work, const struct bound *target, struct work_record *record, const struct work_link *link, uint8_t op, struct error *err)
{
	static const enum ledger_count what[] = { LEDGER_COUNT_SENT_CREATES, LEDGER_COUNT_SENT_UPDATES, LEDGER_COUNT_SENT_DELETES };
	struct intake_binding_counts *counts = counts_of(work, target);
	unsigned kind = op != LEDGER_WANT_WRITE ? 2 : link != NULL || target->binding->attach_to != NULL ? 1 : 0;
	struct syncline_slice native = { "", 0 };

	/* What has no native id there yet is shown by the one that it came with. */
	if (link != NULL)
		native = link->at.native;
	else if (record->link_count > 0)
		native = record->links[0]->at.native;
	work_count(work, what[kind], 1);
	if (kind == 0)
		counts->creates++;
	else if (kind == 1)
		counts->updates++;
	else
		counts->deletes++;
	if (work_item_sent(work, what[kind], target, native, record, err) != 0)
		return -1;
	return work_mark(work, target, record, op, err);
}

static bool
lacks_any(struct work *work, const struct bound *target, const struct work_record *record, const struct work_link *link)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (bound_has(target->writes, i) && marks_lacks(link->sent, link->seen, record->words, work_word(work, i)))
			return true;
	return false;
}

static bool
touches(const struct work *work, const struct bound *target, const struct work_record *record)
{
	for (uint32_t w = 0; w < BOUND_WORDS(work->entity); w++)
		if ((target->writes[w] & record->changed[w]) != 0)
			return true;
	return false;
}

/* The last link at this object, in any state: one that ended is a reason not to create a second one. */
static struct work_link *
last_link(const struct work_record *record, uint32_t object)
{
	struct work_link *last = NULL;

	for (uint32_t i = 0; i < record->link_count; i++)
		if (record->links[i]->at.object == object && (last == NULL || record->links[i]->at.id > last->at.id))
			last = record->links[i];
	return last;
}

static int
unlink_deleted(struct work *work, const struct work_record *record, struct work_link *link, struct error *err)
{
	const struct ledger_history event = { .record = record->at.id, .object = link->at.object, .event = LEDGER_EVENT_UNLINKED,
		.generation = record->at.generation, .native = link->at.native, .note = "deletes.do is unlink" };

	link->at.state = LEDGER_LINK_UNLINKED;
	link->dirty = true;
	return work_history(work, &event, err);
}

/*
 * Not linked there: what was never sent is dropped.  But a create that was sent and is not found out yet may be there, and is known
 * by its native id as soon as it is: the delete is wanted, and waits for that.
 */
static int
mark_never_linked(struct work *work, const struct bound *target, struct work_record *record, struct error *err)
{
	uint8_t act = target->binding->deletes->act;
	struct ledger_delivery open;
	bool found;

	if (ledger_delivery_get(work->ledger, target->id, record->at.id, &work->arena, &open, &found, err) != 0)
		return -1;
	if (found && act != CONFIG_DO_NONE && target->binding->attach_to == NULL && (open.state == LEDGER_DELIVERY_SENDING ||
	    open.state == LEDGER_DELIVERY_UNCERTAIN || open.state == LEDGER_DELIVERY_HANDED_OVER))
		return mark(work, target, record, NULL, act == CONFIG_DO_DEACTIVATE ? LEDGER_WANT_DEACTIVATE : LEDGER_WANT_DELETE, err);
	return ledger_delivery_drop(work->ledger, target->id, record->at.id, err);
}

static int
mark_deleted(struct work *work, const struct bound *target, struct work_record *record, struct work_link *link, struct error *err)
{
	const struct config_deletes *deletes = target->binding->deletes;

	if (link == NULL)
		return mark_never_linked(work, target, record, err);
	switch (deletes->act) {
	case CONFIG_DO_DELETE:
		return mark(work, target, record, link, LEDGER_WANT_DELETE, err);
	case CONFIG_DO_DEACTIVATE:
		return mark(work, target, record, link, LEDGER_WANT_DEACTIVATE, err);
	case CONFIG_DO_UNLINK:
		if (unlink_deleted(work, record, link, err) != 0)
			return -1;
		break;
	default:
		break;
	}
	return ledger_delivery_drop(work->ledger, target->id, record->at.id, err);
}

static int
see_delivery(void *data, const struct ledger_delivery *row)
{
	*(bool *)data = *(bool *)data || row->state != LEDGER_DELIVERY_DEAD;
	return 0;
}

/* What lacks something since an earlier batch or run waits already: counted then, and by no guard a second time. */
static int
mark_lacking(struct work *work, const struct bound *target, struct work_record *record, const struct work_link *link, bool changed, struct error *err)
{
	const struct ledger_delivery_filter filter = { .binding = target->id, .unit = work->intake->unit_id, .record = record->at.id };
	bool waits = false;

	if (!changed && ledger_deliveries(work->ledger, &filter, see_delivery, &waits, err) != 0)
		return -1;
	return waits ? work_mark(work, target, record, LEDGER_WANT_WRITE, err) : mark(work, target, record, link, LEDGER_WANT_WRITE, err);
}

/*
 * What has no live link there: it is created, unless a link ended that nobody wants to have again.  What we deactivated is still there
 * and is written once it is in scope again; what was deleted there with its record comes back with it.
 */
static int
mark_unlinked(struct work *work, const struct bound *target, struct work_record *record, bool changed, struct error *err)
{
	const struct work_link *last = last_link(record, ledger_object_id(work->ledger, target->binding->object));
	bool ended = last != NULL && last->at.state == LEDGER_LINK_TOMBSTONE, deactivated = ended && (last->at.flags & LEDGER_LINK_SCOPED_OUT) != 0;

	if (!changed && !record->fresh && !record->restored && !record->wanted)
		return 0;
	if (deactivated)
		return mark(work, target, record, last, LEDGER_WANT_WRITE, err);
	if (target->condition < 0 || (last != NULL && !record->wanted && !(ended && record->restored && !last->spared)))
		return 0;
	return mark(work, target, record, NULL, LEDGER_WANT_WRITE, err);
}

/* It lives again and lacks nothing there: what is still to be done about its deletion is not wanted any more. */
static int
mark_restored(struct work *work, const struct bound *target, const struct work_record *record, struct error *err)
{
	struct ledger_delivery waits;
	bool found;

	if (ledger_delivery_get(work->ledger, target->id, record->at.id, &work->arena, &waits, &found, err) != 0)
		return -1;
	return found && waits.op != LEDGER_WANT_WRITE ? work_mark(work, target, record, LEDGER_WANT_WRITE, err) : 0;
}

static int
mark_live(struct work *work, const struct bound *target, struct work_record *record, struct work_link *link, bool changed, struct error *err)
{
	if (target->binding->attach_to != NULL)
		return changed && (record->fresh || touches(work, target, record)) ? mark(work, target, record, NULL, LEDGER_WANT_WRITE, err) : 0;
	if (link == NULL)
		return mark_unlinked(work, target, record, changed, err);
	if (lacks_any(work, target, record, link) || (record->restored && link->at.flags & LEDGER_LINK_SCOPED_OUT))
		return mark_lacking(work, target, record, link, changed || record->restored, err);
	return record->restored ? mark_restored(work, target, record, err) : 0;
}

/* The index of the ref field when a rule of `child` follows it to this changed field of ours; -1. */
static int
follows_change(const struct work *work, const struct work_record *record, const struct config_entity *child, const char *path)
{
	const char *dot = strchr(path, '.');

	for (uint32_t f = 0; dot != NULL && f < child->field_count; f++) {
		const struct config_field *ref = &child->fields[f];

		if (ref->type != CONFIG_FIELD_REF || strcmp(ref->entity, work->entity->head.name) != 0 || strlen(ref->head.name) != (size_t)(dot - path) ||
		    strncmp(ref->head.name, path, (size_t)(dot - path)) != 0)
			continue;
		for (uint32_t i = 0; i < work->entity->field_count; i++)
			if (bound_has(record->changed, i) && strcmp(work_field(work, i)->head.name, dot + 1) == 0)
				return (int)f;
	}
	return -1;
}

static int
marks_of_followers(struct work *work, const struct work_record *record, struct error *err)
{
	for (uint32_t b = 0; b < work->engine->bound_count; b++) {
		const struct bound *target = &work->engine->bounds[b];
		struct rules_dependencies needs;
		int ref = -1;

		if (target->write == NULL)
			continue;
		mapping_dependencies(target->write, UINT32_MAX, &needs);
		for (uint32_t i = 0; i < needs.follow_count && ref < 0; i++)
			ref = follows_change(work, record, target->binding->flow->entity, needs.follows[i]);
		/* What refers to it, and is written there, lacks what was followed to it. */
		if (ref >= 0 && work_mark_children(work, target, &target->binding->flow->entity->fields[ref], record->at.id, err) != 0)
			return -1;
	}
	return 0;
}

int
marks_of_record(struct work *work, struct work_record *record, bool changed, bool state, struct error *err)
{
	struct bound *const *targets = engine_writers(work->engine, work->entity, work->intake->unit);

	if (targets == NULL)
		return error_memory(err);
	for (; *targets != NULL; targets++) {
		struct work_link *link = work_link_at(record, ledger_object_id(work->ledger, (*targets)->binding->object));
		int result = 0;

		if (record->deleted && state && link != NULL && link->spared)
			result = ledger_delivery_drop(work->ledger, (*targets)->id, record->at.id, err);
		else if (!record->deleted)
			result = mark_live(work, *targets, record, link, changed, err);
		else if (state)
			result = mark_deleted(work, *targets, record, link, err);
		if (result != 0)
			return -1;
	}
	return changed && !record->fresh && !record->deleted ? marks_of_followers(work, record, err) : 0;
}
