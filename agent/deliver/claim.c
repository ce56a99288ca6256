/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * claim.c: from marks that are due to what is to be written.  Reads the golden records and their links as they are now, decides
 * about each mark, and keeps what was decided about those that are not sent.  What is sent is made durable by send.c.
 *
 *     wanted        no live link               live link
 *     write         create if create_if holds  update of what the target lacks
 *     delete        nothing to do: dropped     deletes.do: delete (after what refers to it: children.c), deactivate, unlink, or dropped
 *     deactivate    nothing to do: dropped     deletes.set, as an update
 */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "deliver/inside.h"

const struct error *
claim_error(struct arena *arena, const struct error *why)
{
	return (const struct error *)(void *)arena_copy(arena, why, sizeof *why);
}

struct syncline_slice
claim_native(const struct ledger_link *link)
{
	return link != NULL ? link->native : (struct syncline_slice){ NULL, 0 };
}

int
claim_asked_missing(const struct outlet *outlet, int64_t record, bool *ret_asked, struct error *err)
{
	return ledger_finding_open(outlet->deliver->ledger, LEDGER_FINDING_REVIEW, record, outlet->object_id, "", ret_asked, err);
}

static int
die(struct outlet *outlet, struct pick *pick, const struct error *why, struct error *err)
{
	pick->fate = PICK_DEAD;
	pick->why = claim_error(&outlet->arena, why);
	return pick->why != NULL ? 0 : error_memory(err);
}

static int
hold(struct outlet *outlet, struct pick *pick, const char *cause, const char *reason, struct error *err)
{
	struct error why = { 0 };

	snprintf(why.place, sizeof why.place, "%s", cause);
	snprintf(why.message, sizeof why.message, "%s", reason);
	pick->fate = PICK_HOLD;
	pick->why = claim_error(&outlet->arena, &why);
	return pick->why != NULL ? 0 : error_memory(err);
}

static void
drop(struct pick *pick, enum ledger_count count, const char *note)
{
	pick->fate = PICK_DROP;
	pick->count = (uint8_t)count;
	pick->counted = true;
	pick->note = note;
}

/* Whose link at the object is written to, for each pick: the record's own, or with attach_to its parent's. */
static void
whose_links(struct outlet *outlet, struct pick *picks, uint32_t count, int64_t *owners)
{
	uint32_t at = outlet->attach != NULL ? field_index(outlet->entity, outlet->attach) : 0;

	for (uint32_t i = 0; i < count; i++) {
		owners[i] = picks[i].record->id;
		if (outlet->attach != NULL)
			owners[i] = picks[i].record->id != 0 && picks[i].record->values[at].type == SYNCLINE_TYPE_INTEGER ? picks[i].record->values[at].u.integer : 0;
	}
}

/* Of a record that units share: another unit's native record is ours to write to where its access is ours. */
static bool
is_reached(const struct outlet *outlet, const struct ledger_link *link)
{
	const struct engine *engine = outlet->deliver->engine;
	const struct config_system *system = outlet->binding->system;

	return !outlet->linked->shared || link->unit == outlet->deliver->intake->unit_id ||
	       engine_credentials_of(engine, system, link->unit) == engine_credentials(engine, system, outlet->deliver->intake->unit);
}

/* The live link at the object, the unit's own before another one's, else one that says why there is none. */
static const struct ledger_link *
choose_link(const struct outlet *outlet, const struct ledger_link *links, uint32_t first, uint32_t end)
{
	const struct ledger_link *found = NULL, *live = NULL;

	for (uint32_t i = first; i < end; i++) {
		const struct ledger_link *link = &links[i];

		if (link->object != outlet->object_id || !is_reached(outlet, link))
			continue;
		if (link->state == LEDGER_LINK_LIVE) {
			if (live == NULL || link->unit == outlet->deliver->intake->unit_id)
				live = link;
		} else if (found == NULL || link->id > found->id) {
			found = link;
		}
	}
	return live != NULL ? live : found;
}

/* attach_to: the record that is written to must be there. */
static void
judge_attached(struct pick *pick, int64_t owner, const struct ledger_link *link)
{
	if (pick->due->op != LEDGER_WANT_WRITE || owner == 0) {
		drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, NULL);
	} else if (link == NULL || link->state != LEDGER_LINK_LIVE) {
		pick->fate = PICK_WAIT;
		pick->parent = owner;
	} else {
		pick->link = link;
		pick->op = SYNCLINE_OP_UPDATE;
	}
}

static int
judge_delete(struct outlet *outlet, struct pick *pick, struct error *err)
{
	const struct config_deletes *deletes = outlet->binding->deletes;

	if (pick->link == NULL) {
		drop(pick, LEDGER_COUNT_NOT_NEEDED, "it was never there");
	} else if (pick->due->op == LEDGER_WANT_DEACTIVATE && deletes->set_count > 0) {
		pick->op = SYNCLINE_OP_UPDATE;
		pick->deactivate = true;
		return outlet_deactivation(outlet, err);
	} else if (deletes->act == CONFIG_DO_DEACTIVATE && deletes->set_count > 0) {
		pick->fate = PICK_CONVERT;
	} else if (deletes->act == CONFIG_DO_DELETE) {
		pick->op = SYNCLINE_OP_DELETE;
	} else if (deletes->act == CONFIG_DO_UNLINK) {
		pick->fate = PICK_UNLINK;
		pick->note = "deletes.do is unlink";
	} else {
		drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, "deletes.do is none");
	}
	return 0;
}

/*
 * A person is asked what it means, or was, and put that away.  Where the object is read, it is left missing then until reading shows it
 * again, and what was to be written goes with the question.  What nobody reads goes on with the next run (gate.c).
 */
static int
judge_missing(struct outlet *outlet, struct pick *pick, struct error *err)
{
	bool asked;

	if (claim_asked_missing(outlet, pick->record->id, &asked, err) != 0)
		return -1;
	if (asked || outlet->reader == NULL)
		return hold(outlet, pick, CLAIM_MISSING, "the record is missing at the target, and a person decides what that means", err);
	drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, "it is missing there, and nobody is asked about that any more");
	return 0;
}

/* What is to be done about one mark, as far as that can be told without the rules. */
static int
judge(struct outlet *outlet, struct pick *pick, int64_t owner, const struct ledger_link *link, struct error *err)
{
	pick->fate = PICK_SEND;
	if (pick->record->id == 0) {
		drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, NULL);
		return 0;
	}
	if (outlet->attach != NULL) {
		judge_attached(pick, owner, link);
		return 0;
	}
	if (link != NULL && link->state == LEDGER_LINK_LIVE)
		pick->link = link;
	if (pick->due->op != LEDGER_WANT_WRITE)
		return judge_delete(outlet, pick, err);
	if (pick->record->state == LEDGER_DELETED) {
		drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, "the record was deleted");
	} else if (pick->link != NULL) {
		pick->op = SYNCLINE_OP_UPDATE;
	} else if (link != NULL && link->state == LEDGER_LINK_TOMBSTONE && (link->flags & LEDGER_LINK_SCOPED_OUT) != 0) {
		/* It was deactivated, not deleted: it is still there. */
		pick->link = link;
		pick->op = SYNCLINE_OP_UPDATE;
		pick->whole = true;
	} else if (link != NULL && link->state == LEDGER_LINK_UNLINKED) {
		drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, "it was unlinked there");
	} else if (link != NULL && link->state == LEDGER_LINK_MISSING) {
		return judge_missing(outlet, pick, err);
	} else if (outlet->bound->condition < 0) {
		drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, NULL);
	} else {
		pick->op = SYNCLINE_OP_CREATE;
	}
	return 0;
}

/* Of which creates a person is asked whether the record is there already; any may be what was forgotten there. */
static int
find_asked(struct outlet *outlet, struct claim *claim, struct error *err)
{
	const struct deliver *deliver = outlet->deliver;
	int64_t *records = arena_array(&outlet->arena, claim->count + 1u, sizeof *records);
	struct pick **creates = arena_array(&outlet->arena, claim->count + 1u, sizeof *creates);
	uint8_t *asks = arena_zalloc(&outlet->arena, claim->count + 1u);
	uint32_t count = 0;

	if (records == NULL || creates == NULL || asks == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < claim->count; i++) {
		if (claim->picks[i].fate != PICK_SEND || claim->picks[i].op != SYNCLINE_OP_CREATE)
			continue;
		records[count] = claim->picks[i].record->id;
		creates[count++] = &claim->picks[i];
	}
	if (count > 0 && ledger_reviews_ask(deliver->ledger, outlet->object_id, deliver->intake->unit_id, records, count, asks, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		creates[i]->asked = asks[i] != 0;
	outlet->forgotten = false;
	return count > 0 ? ledger_review_forgotten(deliver->ledger, outlet->object_id, deliver->intake->unit_id, &outlet->forgotten, err) : 0;
}

/* Marks with their records and links, and what can be told of each without the rules. */
static int
load(struct outlet *outlet, const struct ledger_due *due, uint32_t count, struct claim *claim, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	struct arena *arena = &outlet->arena;
	struct ledger_record *records;
	struct ledger_link *links;
	int64_t *ids, *owners;
	uint32_t *first;

	claim->count = count;
	if (count == 0)
		return 0;
	claim->picks = arena_array(arena, count, sizeof *claim->picks);
	records = arena_array(arena, count, sizeof *records);
	ids = arena_array(arena, count, sizeof *ids);
	owners = arena_array(arena, count, sizeof *owners);
	first = arena_array(arena, count + 1u, sizeof *first);
	if (claim->picks == NULL || records == NULL || ids == NULL || owners == NULL || first == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		ids[i] = due[i].record;
		claim->picks[i] = (struct pick){ .due = &due[i], .record = &records[i], .in = UINT32_MAX, .out = UINT32_MAX, .there = UINT32_MAX };
	}
	if (ledger_records_get(ledger, outlet->entity, ids, count, arena, records, err) != 0)
		return -1;
	whose_links(outlet, claim->picks, count, owners);
	if (ledger_links_of_at(ledger, outlet->linked, outlet->object_id, owners, count, arena, &links, first, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (judge(outlet, &claim->picks[i], owners[i], choose_link(outlet, links, first[i], first[i + 1]), err) != 0)
			return -1;
		claim->picks[i].link_flags = claim->picks[i].link != NULL ? claim->picks[i].link->flags : 0;
	}
	return children_wait(outlet, claim, err) != 0 ? -1 : find_asked(outlet, claim, err);
}

/* Reads what is due. */
static int
gather(struct outlet *outlet, struct claim *claim, struct error *err)
{
	uint32_t max = outlet->claim_max != 0 ? outlet->claim_max : outlet_claim_max(outlet), count;
	struct ledger_due *due = arena_array(&outlet->arena, max, sizeof *due);
	int64_t next;

	if (due == NULL)
		return error_memory(err);
	if (ledger_due(outlet->deliver->ledger, outlet->id, outlet->deliver->intake->unit_id, due, max, &count, &next, err) != 0)
		return -1;
	if (next < outlet->deliver->next_us)
		outlet->deliver->next_us = next;
	if (count > DELIVER_CLAIM_MAX && !due[0].span)
		count = DELIVER_CLAIM_MAX;
	return load(outlet, due, count, claim, err);
}

/* Golden words of what is to be sent. */
static int
make_vectors(struct outlet *outlet, struct claim *claim, struct error *err)
{
	for (uint32_t i = 0; i < claim->count; i++) {
		struct pick *pick = &claim->picks[i];

		if (pick->fate != PICK_SEND)
			continue;
		if ((pick->vector = arena_array(&outlet->arena, outlet->words + 1u, sizeof *pick->vector)) == NULL ||
		    (pick->golden = arena_array(&outlet->arena, outlet->words + 1u, sizeof *pick->golden)) == NULL ||
		    vector_of(outlet->deliver->ledger, outlet->entity, pick->record->values, &outlet->scratch, pick->golden) != 0)
			return error_memory(err);
		memcpy(pick->vector, pick->golden, outlet->words * sizeof *pick->vector);
		for (uint32_t f = 0; f < outlet->entity->field_count; f++)
			if (!bound_has(outlet->bound->writes, f))
				pick->vector[outlet->fields[f]] = VECTOR_UNKNOWN;
	}
	return 0;
}

/* Did we put it there? */
struct putter {
	uint32_t object;
	bool ours;
};
static int
look_who_put_it(void *data, const struct ledger_history *row)
{
	struct putter *putter = data;

	if (row->object == putter->object && (row->event == LEDGER_EVENT_SENT_CREATE || row->event == LEDGER_EVENT_ADOPTED))
		putter->ours = true;
	return 0;
}

/*
 * create_if is not true of a record that is linked.  What create_if never put there is not out of scope by it: what the system
 * had by itself goes on being written.
 */
static int
judge_scope(struct outlet *outlet, struct pick *pick, struct error *err)
{
	struct putter putter = { .object = outlet->object_id };

	if ((pick->link_flags & LEDGER_LINK_SCOPED_OUT) == 0) {
		if (ledger_history_of(outlet->deliver->ledger, pick->record->id, look_who_put_it, &putter, err) != 0)
			return -1;
		if (!putter.ours)
			return 0;
	}
	switch (outlet->binding->situations->out_of_scope) {
	case CONFIG_ACTION_DEACTIVATE:
		if (outlet->binding->deletes->set_count > 0) {
			pick->fate = PICK_CONVERT;
			return 0;
		}
		break;
	case CONFIG_ACTION_UNLINK:
		pick->fate = PICK_UNLINK;
		pick->note = "it is out of scope";
		return 0;
	default:
		break;
	}
	pick->link_flags |= LEDGER_LINK_SCOPED_OUT;
	drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, NULL);
	return 0;
}

/*
 * A parent that is not linked at the target yet, and that is needed: by a create always, by a record whose rules failed because
 * of it, and by an update of a whole record, which would put nothing in its place.  Other updates go without it, and again when
 * it is there (flow/confirm.c).
 */
static int
judge_parent(struct outlet *outlet, struct pick *pick, const struct batch *written, int64_t parent, struct error *err)
{
	bool needed = pick->op == SYNCLINE_OP_CREATE || pick->fate == PICK_DEAD, required;
	struct error why = { 0 };

	for (uint32_t i = 0; !needed && i < outlet->output_count; i++)
		needed = outlet->can.partial_update == SYNCLINE_NONE && outlet->asks_link[i] && bound_has(pick->outputs, i) &&
		         batch_record(written, pick->out)->cells[i].type == SYNCLINE_TYPE_ABSENT;
	if (!needed)
		return 0;
	if (!gate_waited_enough(outlet, pick->record, parent, pick->due->since_us, &required)) {
		pick->fate = PICK_WAIT;
		pick->parent = parent;
		return 0;
	}
	if (!required)
		return 0;
	(void)error_set(&why, ERROR_DELIVERY_PARENT, "Look at what keeps the parent from being created there, then retry this delivery.",
	                "the record that it refers to (%lld) is not at %s.%s, and it was waited for long enough", (long long)parent,
	                outlet->binding->system->head.name, outlet->binding->object->head.name);
	return die(outlet, pick, &why, err);
}

/* One of those that are there already may be it: what a person says first decides whether it is created at all. */
static int
judge_create(struct outlet *outlet, struct pick *pick, struct error *err)
{
	if (pick->asked)
		return hold(outlet, pick, CLAIM_ASKED, "a person is asked whether a record that is there is this one", err);
	if (!outlet->forgotten)
		return 0;
	return hold(outlet, pick, CLAIM_FORGOTTEN,
	            "a person is asked about a record there that we made and that this ledger does not know: it may be this one", err);
}

/* After the rules: scope, parents, and what the target lacks. */
static int
judge_written(struct outlet *outlet, struct pick *pick, const struct batch *written, const uint8_t *conditions, const int64_t *missing,
              uint32_t golden_count, struct error *err)
{
	int condition = outlet->bound->condition;
	uint8_t holds = condition >= 0 ? conditions[(size_t)condition * golden_count + pick->in] : 1;
	bool need = true;

	if (pick->op == SYNCLINE_OP_DELETE)
		return 0;
	if ((pick->op == SYNCLINE_OP_CREATE || pick->whole) && holds != 1) {
		drop(pick, LEDGER_COUNT_OUT_OF_SCOPE, NULL);
		return 0;
	}
	if (pick->op == SYNCLINE_OP_CREATE && pick->fate == PICK_SEND && judge_create(outlet, pick, err) != 0)
		return -1;
	if (pick->op == SYNCLINE_OP_UPDATE && outlet->attach == NULL) {
		if (holds != 1 && judge_scope(outlet, pick, err) != 0)
			return -1;
		if (holds == 1 && !pick->whole)
			pick->link_flags &= (uint8_t)~LEDGER_LINK_SCOPED_OUT;
		if (pick->fate == PICK_DROP || pick->fate == PICK_UNLINK || pick->fate == PICK_CONVERT)
			return 0;
	}
	if (pick->fate == PICK_DEAD && missing[pick->in] != 0)
		return judge_parent(outlet, pick, written, missing[pick->in], err);
	if (pick->fate != PICK_SEND)
		return 0;
	if (pick->op == SYNCLINE_OP_UPDATE && payload_need(outlet, outlet->bound->write, pick, &need, err) != 0)
		return -1;
	if (!need) {
		drop(pick, LEDGER_COUNT_NOT_NEEDED, NULL);
		return 0;
	}
	if (missing[pick->in] != 0 && judge_parent(outlet, pick, written, missing[pick->in], err) != 0)
		return -1;
	if (pick->fate != PICK_SEND || pick->op != SYNCLINE_OP_UPDATE)
		return 0;
	for (uint32_t i = 0; i < outlet->output_count; i++)
		if (bound_has(pick->outputs, i) && (pick->own == NULL || !bound_has(pick->own, i)) &&
		    batch_record(written, pick->out)->cells[i].type != SYNCLINE_TYPE_ABSENT)
			return 0;
	drop(pick, LEDGER_COUNT_NOT_NEEDED, NULL); /* all that it would say isn't known yet */
	return 0;
}

static int
make_parcel(struct outlet *outlet, struct claim *claim, bool deactivate, struct parcel *parcel, struct error *err)
{
	*parcel = (struct parcel){ .outlet = outlet, .deactivate = deactivate, .mapping = deactivate ? outlet->deactivate : outlet->bound->write };
	if ((parcel->picks = arena_array(&outlet->arena, claim->count + 1u, sizeof *parcel->picks)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < claim->count; i++)
		if (claim->picks[i].fate == PICK_SEND && claim->picks[i].deactivate == deactivate)
			parcel->picks[parcel->count++] = &claim->picks[i];
	if ((parcel->keys = arena_alloc(&outlet->arena, (size_t)parcel->count * sizeof *parcel->keys + 1)) == NULL)
		return error_memory(err);
	randombytes_buf(parcel->keys, (size_t)parcel->count * sizeof *parcel->keys);
	return 0;
}

/* The rules of writing over all that may be written; then what is left becomes a parcel with its payload. */
static int
pack_writes(struct outlet *outlet, struct claim *claim, struct error *err)
{
	struct parcel *parcel = &claim->parcels[0];
	const uint8_t *conditions = NULL;
	struct batch *written = NULL, *there = NULL;
	int64_t *missing = NULL;
	int result;

	if (make_parcel(outlet, claim, false, parcel, err) != 0)
		return -1;
	if (parcel->count == 0)
		return 0;
	if (payload_evaluate(outlet, parcel->mapping, parcel->picks, parcel->count, parcel->keys, &written, &conditions, &missing, err) != 0)
		return -1;
	result = 0;
	for (uint32_t i = 0; i < parcel->count && result == 0; i++) {
		struct pick *pick = parcel->picks[i];

		if (pick->in != UINT32_MAX && (pick->fate == PICK_SEND || pick->fate == PICK_DEAD))
			result = judge_written(outlet, pick, written, conditions, missing, parcel->count, err);
	}
	if (result == 0)
		result = guard_check(outlet, parcel, &there, err);
	if (result == 0)
		result = payload_make(parcel, written, there, err);
	batch_free(there);
	batch_free(written);
	return result;
}

static int
pack_deactivations(struct outlet *outlet, struct claim *claim, struct error *err)
{
	struct parcel *parcel = &claim->parcels[1];
	const uint8_t *conditions = NULL;
	struct batch *written = NULL, *there = NULL;
	int64_t *missing = NULL;
	int result;

	if (make_parcel(outlet, claim, true, parcel, err) != 0)
		return -1;
	if (parcel->count == 0)
		return 0;
	for (uint32_t i = 0; i < parcel->count; i++)
		parcel->picks[i]->in = parcel->picks[i]->out = UINT32_MAX;
	if (payload_evaluate(outlet, parcel->mapping, parcel->picks, parcel->count, parcel->keys, &written, &conditions, &missing, err) != 0)
		return -1;
	result = guard_check(outlet, parcel, &there, err);
	if (result == 0)
		result = payload_make(parcel, written, there, err);
	batch_free(there);
	batch_free(written);
	return result;
}

int
claim_gather(struct outlet *outlet, struct claim *claim, struct error *err)
{
	*claim = (struct claim){ 0 };
	arena_reset(&outlet->arena);
	return gather(outlet, claim, err) != 0 || gate_hold(outlet, claim->picks, claim->count, err) != 0 ? -1 : 0;
}

int
claim_pack(struct outlet *outlet, struct claim *claim, struct error *err)
{
	if (make_vectors(outlet, claim, err) == 0 && pack_writes(outlet, claim, err) == 0 && pack_deactivations(outlet, claim, err) == 0)
		return 0;
	claim_free(claim);
	return -1;
}

/* The rules over the writes, or the deactivations, of a look. */
static int
look_at(struct outlet *outlet, struct claim *claim, bool deactivate, struct batch **ret_written, struct error *err)
{
	struct parcel *parcel = &claim->parcels[deactivate];
	const uint8_t *conditions = NULL;
	int64_t *missing = NULL;

	if (make_parcel(outlet, claim, deactivate, parcel, err) != 0)
		return -1;
	if (parcel->count == 0)
		return 0;
	if (payload_evaluate(outlet, parcel->mapping, parcel->picks, parcel->count, parcel->keys, ret_written, &conditions, &missing, err) != 0)
		return -1;
	for (uint32_t i = 0; i < parcel->count; i++) {
		struct pick *pick = parcel->picks[i];

		if (deactivate || pick->in == UINT32_MAX || (pick->fate != PICK_SEND && pick->fate != PICK_DEAD))
			continue;
		pick->parent = missing[pick->in];
		if (judge_written(outlet, pick, *ret_written, conditions, missing, parcel->count, err) != 0)
			return -1;
	}
	return 0;
}

static int
look(struct outlet *outlet, const struct ledger_due *due, uint32_t count, struct claim *claim, struct batch *ret_written[2], struct error *err)
{
	if (load(outlet, due, count, claim, err) != 0 || make_vectors(outlet, claim, err) != 0)
		return -1;
	return look_at(outlet, claim, false, &ret_written[0], err) != 0 || look_at(outlet, claim, true, &ret_written[1], err) != 0 ? -1 : 0;
}

int
claim_look(struct outlet *outlet, const struct ledger_due *due, uint32_t count, struct claim *claim, struct batch *ret_written[2], struct error *err)
{
	*claim = (struct claim){ 0 };
	arena_reset(&outlet->arena);
	return look(outlet, due, count, claim, ret_written, err);
}

void
claim_free(struct claim *claim)
{
	for (size_t i = 0; i < 2; i++) {
		batch_free(claim->parcels[i].payload);
		claim->parcels[i].payload = NULL;
	}
}

/* What was decided, in the caller's transaction. */

static int
keep_flags(struct outlet *outlet, const struct pick *pick, struct error *err)
{
	struct ledger_link link;

	if (outlet->attach != NULL || pick->link == NULL || pick->link_flags == pick->link->flags || pick->fate == PICK_UNLINK)
		return 0;
	/* As it is now: a guard may have changed it since. */
	if (ledger_link_at(outlet->deliver->ledger, outlet->linked, pick->record->id, outlet->object_id, &outlet->arena, &link, err) != 0)
		return -1;
	if (link.id == 0)
		return 0;
	link.flags = (uint8_t)((link.flags & ~LEDGER_LINK_SCOPED_OUT) | (pick->link_flags & LEDGER_LINK_SCOPED_OUT));
	return ledger_links_put(outlet->deliver->ledger, outlet->linked, &link, 1, err);
}

static int
add_history(struct outlet *outlet, const struct pick *pick, enum ledger_event event, const char *note, struct error *err)
{
	const struct intake *intake = outlet->deliver->intake;
	struct ledger_history row = { .record = pick->record->id, .entity = ledger_entity_id(outlet->deliver->ledger, outlet->entity),
		.unit = pick->record->unit, .object = outlet->object_id, .run = intake->run->number, .event = event,
		.generation = pick->record->generation, .version = pick->record->version, .native = claim_native(pick->link), .note = note };

	return ledger_history_add(outlet->deliver->ledger, &row, 1, err);
}

static const char not_needed[] = "nothing is left to be done there";

static int
keep_drop(struct outlet *outlet, const struct pick *pick, struct error *err)
{
	const char *note = pick->note;
	bool was_dead;

	if (ledger_delivery_drop(outlet->deliver->ledger, outlet->id, pick->due->record, err) != 0 ||
	    settle_pointless(outlet, pick->due->record, pick->link != NULL, note != NULL ? note : not_needed, &was_dead, err) != 0)
		return -1;
	/* That it is given up no more is told with its end. */
	if (note == NULL && was_dead)
		note = not_needed;
	/* What waits for it to be deleted need not any more. */
	if (pick->due->op == LEDGER_WANT_DELETE && ledger_deliveries_wake(outlet->deliver->ledger, outlet->id, &pick->due->record, 1, err) != 0)
		return -1;
	if (pick->record->id != 0 && note != NULL && add_history(outlet, pick, LEDGER_EVENT_DROPPED, note, err) != 0)
		return -1;
	if (pick->counted)
		settle_count(outlet, (enum ledger_count)pick->count);
	return 0;
}

static int
keep_state(struct outlet *outlet, const struct pick *pick, enum ledger_delivery_state state, struct error *err)
{
	struct ledger_delivery delivery = { .binding = outlet->id, .unit = outlet->deliver->intake->unit_id, .record = pick->due->record,
		.want = pick->due->want, .op = pick->due->op, .state = (uint8_t)state, .tries = pick->due->tries, .since_us = pick->due->since_us,
		.run = outlet->deliver->intake->run->number, .due_us = pick->due_us, .parent = pick->parent };

	if (pick->fate == PICK_CONVERT)
		delivery.op = LEDGER_WANT_DEACTIVATE;
	if (pick->why != NULL) {
		/* A reason without an error's code has its word in `place`. */
		delivery.cause = pick->why->code != ERROR_NONE ? error_name(pick->why->code) : pick->why->place;
		delivery.reason = pick->why->message;
	}
	if (state == LEDGER_DELIVERY_PENDING && pick->why != NULL)
		delivery.tries++;
	if (state == LEDGER_DELIVERY_WAITING && pick->why == NULL) {
		delivery.cause = "waiting";
		delivery.reason = "the record that it refers to is not at the target yet";
	}
	return ledger_delivery_set(outlet->deliver->ledger, &delivery, err);
}

/*
 * In the transaction that keeps it.  Another run may have linked the parent, or deleted the child, since this was claimed, and has woken
 * whom it found waiting: who would wait from now on would do so for ever.  Those stay due.
 */
static int
look_who_waits(struct outlet *outlet, struct claim *claim, struct error *err)
{
	struct ledger_due *due = arena_array(&outlet->arena, claim->count + 1u, sizeof *due);
	struct pick **picks = arena_array(&outlet->arena, claim->count + 1u, sizeof *picks);
	struct batch *written[2] = { NULL, NULL };
	struct claim now = { 0 };
	uint32_t count = 0;
	int result;

	if (due == NULL || picks == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < claim->count; i++) {
		if (claim->picks[i].fate != PICK_WAIT)
			continue;
		due[count] = *claim->picks[i].due;
		picks[count++] = &claim->picks[i];
	}
	if (count == 0)
		return 0;
	result = look(outlet, due, count, &now, written, err);
	for (uint32_t i = 0; i < count && result == 0; i++) {
		picks[i]->fate = now.picks[i].fate == PICK_WAIT ? PICK_WAIT : PICK_LEAVE;
		picks[i]->parent = now.picks[i].parent;
		picks[i]->why = now.picks[i].why;
	}
	batch_free(written[0]);
	batch_free(written[1]);
	return result;
}

static int
keep_one(struct outlet *outlet, const struct pick *pick, struct error *err)
{
	bool again, holds;

	if (pick->fate != PICK_SEND && pick->fate != PICK_LEAVE) {
		if (ledger_due_holds(outlet->deliver->ledger, outlet->id, pick->due, &holds, err) != 0)
			return -1;
		if (!holds)
			return 0;
	}
	if (keep_flags(outlet, pick, err) != 0)
		return -1;
	switch ((enum pick_fate)pick->fate) {
	case PICK_DROP:
		return keep_drop(outlet, pick, err);
	case PICK_UNLINK:
		if (settle_unlink(outlet, pick->link, pick->note, err) != 0 || settle_pointless(outlet, pick->due->record, true, pick->note, &again, err) != 0)
			return -1;
		return ledger_delivery_drop(outlet->deliver->ledger, outlet->id, pick->due->record, err);
	case PICK_CONVERT:
		return keep_state(outlet, pick, LEDGER_DELIVERY_PENDING, err);
	case PICK_WAIT:
		return keep_state(outlet, pick, LEDGER_DELIVERY_WAITING, err);
	case PICK_HOLD:
		return keep_state(outlet, pick, LEDGER_DELIVERY_HELD, err);
	case PICK_LATER:
		settle_count(outlet, LEDGER_COUNT_RETRIED);
		return keep_state(outlet, pick, LEDGER_DELIVERY_PENDING, err);
	case PICK_PARK:
		settle_count(outlet, LEDGER_COUNT_PARKED);
		return keep_state(outlet, pick, LEDGER_DELIVERY_PARKED, err);
	case PICK_DEAD:
		if (keep_state(outlet, pick, LEDGER_DELIVERY_DEAD, err) != 0)
			return -1;
		return settle_dead(outlet, pick->due->record, claim_native(pick->link), pick->why, err);
	case PICK_MISSING:
		if (settle_missing(outlet, pick->due->record, &again, err) != 0)
			return -1;
		if (again && outlet->binding->deletes->seen == CONFIG_SEEN_ACCEPT) {
			struct pick later = *pick;

			later.due_us = ledger_now(outlet->deliver->ledger) + MISSING_PAUSE_US;
			return keep_state(outlet, &later, LEDGER_DELIVERY_PENDING, err);
		}
		return again ? 0 : ledger_delivery_drop(outlet->deliver->ledger, outlet->id, pick->due->record, err);
	case PICK_SEND:
	case PICK_LEAVE:
		break;
	}
	return 0;
}

int
claim_keep(struct outlet *outlet, struct claim *claim, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	struct ledger_run *run = outlet->deliver->intake->run, before = *run;
	bool any = false;

	for (uint32_t i = 0; i < claim->count && !any; i++)
		any = (claim->picks[i].fate != PICK_SEND && claim->picks[i].fate != PICK_LEAVE) ||
		      (claim->picks[i].link != NULL && claim->picks[i].link_flags != claim->picks[i].link->flags);
	if (!any)
		return 0;
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (look_who_waits(outlet, claim, err) != 0)
		goto failed;
	for (uint32_t i = 0; i < claim->count; i++)
		if (keep_one(outlet, &claim->picks[i], err) != 0)
			goto failed;
	if (ledger_run_keep(ledger, run, err) != 0 || ledger_commit(ledger, err) != 0)
		goto failed;
	return 0;
failed:
	ledger_rollback(ledger);
	*run = before;
	return -1;
}
