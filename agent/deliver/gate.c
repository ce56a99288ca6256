/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate.c: who may pass.  A flag below "on" holds marks, each with the sentence why; when the flag is another one, they are
 * pending again and judged anew.  What a refused system parked waits for a person, or for an hour.
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "deliver/inside.h"
#include "flow/root.h"

#define CAUSE_FLAG "flag"
#define ROWS_MAX 1000u

static void
flag_reason(const struct ledger_flag *flag, char *text, size_t size)
{
	char since[64];

	since[text_from_timestamp(flag->since_us, since)] = '\0';
	if (flag->mode == LEDGER_FLAG_CANARY)
		snprintf(text, size, "the flag is canary %" PRIu32 " %%, and this record is not among them (since %s)", flag->percent, since);
	else
		snprintf(text, size, "the flag is %s (since %s)", ledger_flag_name((enum ledger_flag_mode)flag->mode), since);
}

/* Rows of one state, copied: they are changed while they are gone through. */
struct rows {
	struct arena *arena;
	struct ledger_delivery *items;
	uint32_t count;
	bool failed;
};

static int
keep_row(void *data, const struct ledger_delivery *row)
{
	struct rows *rows = data;
	struct ledger_delivery *to = &rows->items[rows->count];

	if (rows->count == ROWS_MAX)
		return 0;
	*to = *row;
	if ((row->cause != NULL && (to->cause = arena_text(rows->arena, row->cause)) == NULL) ||
	    (row->reason != NULL && (to->reason = arena_text(rows->arena, row->reason)) == NULL)) {
		rows->failed = true;
		return -1;
	}
	rows->count++;
	return 0;
}

static int
rows_in(struct outlet *outlet, enum ledger_delivery_state state, int64_t after, uint32_t max, struct rows *rows, struct error *err)
{
	const struct ledger_delivery_filter filter = { .binding = outlet->id, .unit = outlet->deliver->intake->unit_id, .after = after,
		.states = 1u << state, .max = max };

	*rows = (struct rows){ .arena = &outlet->arena, .items = arena_array(&outlet->arena, max, sizeof *rows->items) };
	if (rows->items == NULL)
		return error_memory(err);
	if (ledger_deliveries(outlet->deliver->ledger, &filter, keep_row, rows, err) != 0)
		return rows->failed ? error_memory(err) : -1;
	return 0;
}

static int
release(struct outlet *outlet, enum ledger_delivery_state state, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	uint64_t released;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_deliveries_release(ledger, state, outlet->id, outlet->deliver->intake->unit_id, &released, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

static int
set_pending(struct outlet *outlet, const struct ledger_delivery *row, struct error *err)
{
	struct ledger_delivery delivery = *row;

	delivery.state = LEDGER_DELIVERY_PENDING;
	delivery.cause = delivery.reason = NULL;
	delivery.due_us = 0;
	delivery.parent = 0;
	return ledger_delivery_set(outlet->deliver->ledger, &delivery, err);
}

/*
 * The question is put away, and nobody reads the object: it was settled there, or it would never end.  The record is taken to be
 * there; where it is not, the write says so, and a person is asked again.
 */
static int
take_as_there(struct outlet *outlet, const struct ledger_delivery *row, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	const struct intake *intake = outlet->deliver->intake;
	struct ledger_history event = { .record = row->record, .entity = ledger_entity_id(ledger, outlet->entity), .unit = intake->unit_id,
		.object = outlet->object_id, .run = intake->run->number, .event = LEDGER_EVENT_LINKED,
		.note = "nobody is asked any more what it means that it was missing" };
	struct ledger_link *links, *missing = NULL;
	uint32_t first[2];

	if (ledger_links_of_at(ledger, outlet->linked, outlet->object_id, &row->record, 1, &outlet->arena, &links, first, err) != 0)
		return -1;
	for (uint32_t i = first[0]; i < first[1]; i++) {
		if (links[i].state == LEDGER_LINK_LIVE)
			return 0;
		if (links[i].state == LEDGER_LINK_MISSING)
			missing = &links[i];
	}
	if (missing == NULL)
		return 0;
	missing->state = LEDGER_LINK_LIVE;
	event.native = missing->native;
	return ledger_links_put(ledger, outlet->linked, missing, 1, err) != 0 ? -1 : ledger_history_add(ledger, &event, 1, err);
}

/* In the place of the row, which is pending again and judged anew. */
static int
make_pending(struct outlet *outlet, const struct ledger_delivery *row, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	if ((outlet->reader == NULL && outlet->attach == NULL && row->cause != NULL && strcmp(row->cause, CLAIM_MISSING) == 0 &&
	     take_as_there(outlet, row, err) != 0) || set_pending(outlet, row, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

/* Held for a record that was missing, or that a person was asked about. */
static int
may_go(struct outlet *outlet, const struct ledger_delivery *row, bool *ret_may, struct error *err)
{
	const struct deliver *deliver = outlet->deliver;
	bool asks = true;

	*ret_may = false;
	if (row->cause == NULL)
		return 0;
	if (strcmp(row->cause, CLAIM_ASKED) == 0) {
		if (ledger_review_asks(deliver->ledger, outlet->object_id, deliver->intake->unit_id, row->record, &asks, err) != 0)
			return -1;
		*ret_may = !asks;
	} else if (strcmp(row->cause, CLAIM_FORGOTTEN) == 0) {
		if (ledger_review_forgotten(deliver->ledger, outlet->object_id, deliver->intake->unit_id, &asks, err) != 0)
			return -1;
		*ret_may = !asks;
	} else if (strcmp(row->cause, CLAIM_MISSING) == 0) {
		if (claim_asked_missing(outlet, row->record, &asks, err) != 0)
			return -1;
		*ret_may = !asks;
	}
	return 0;
}

static int
release_answered(struct outlet *outlet, const struct rows *rows, struct error *err)
{
	for (uint32_t i = 0; i < rows->count; i++) {
		bool may;

		if (may_go(outlet, &rows->items[i], &may, err) != 0 || (may && make_pending(outlet, &rows->items[i], err) != 0))
			return -1;
	}
	return 0;
}

/* Held by a flag that is another one by now, or for what was answered or is there again. */
static int
release_held(struct outlet *outlet, struct error *err)
{
	int64_t after = 0;
	char reason[160];
	struct rows rows;

	flag_reason(&outlet->flag, reason, sizeof reason);
	do {
		arena_reset(&outlet->arena);
		if (rows_in(outlet, LEDGER_DELIVERY_HELD, after, ROWS_MAX, &rows, err) != 0)
			return -1;
		for (uint32_t i = 0; i < rows.count; i++)
			if (rows.items[i].cause != NULL && strcmp(rows.items[i].cause, CAUSE_FLAG) == 0 &&
			    (outlet->flag.mode == LEDGER_FLAG_ON || rows.items[i].reason == NULL || strcmp(rows.items[i].reason, reason) != 0))
				return release(outlet, LEDGER_DELIVERY_HELD, err);
		if (release_answered(outlet, &rows, err) != 0)
			return -1;
		after = rows.count > 0 ? rows.items[rows.count - 1].record : 0;
	} while (rows.count == ROWS_MAX);
	return 0;
}

/* How long a child of this record's waits: the ref that points to `parent`. */
static const struct config_field *
ref_to(const struct config_entity *entity, const struct ledger_record *record, int64_t parent)
{
	for (uint32_t i = 0; i < entity->field_count; i++)
		if (entity->fields[i].type == CONFIG_FIELD_REF && record->values[i].type == SYNCLINE_TYPE_INTEGER &&
		    record->values[i].u.integer == parent)
			return &entity->fields[i];
	return NULL;
}

bool
gate_waited_enough(const struct outlet *outlet, const struct ledger_record *record, int64_t parent, int64_t since_us, bool *ret_required)
{
	const struct config_field *field = ref_to(outlet->entity, record, parent);
	int64_t wait_ms = field != NULL ? field->wait_ms : 0;

	*ret_required = field != NULL && field->required;
	/* One of its references was followed to it. */
	for (uint32_t i = 0; field == NULL && i < outlet->entity->field_count; i++)
		if (outlet->entity->fields[i].type == CONFIG_FIELD_REF && outlet->entity->fields[i].wait_ms > wait_ms)
			wait_ms = outlet->entity->fields[i].wait_ms;
	return wait_ms > 0 && ledger_now(outlet->deliver->ledger) - since_us >= wait_ms * 1000;
}

/*
 * A delete that waits for others: these may be gone by now, or need none, as when their record came back.  Who is waited for, and why
 * that takes so long, is told as it is now.
 */
static int
look_at_children(struct outlet *outlet, const struct ledger_delivery *row, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	struct ledger_delivery delivery = *row;
	char reason[sizeof ((struct error *)NULL)->message];
	bool found;

	if (children_find(outlet, row->record, row->since_us, &delivery.parent, reason, sizeof reason, err) != 0)
		return -1;
	if (delivery.parent == 0)
		return make_pending(outlet, row, err);
	if (row->reason != NULL && strcmp(row->reason, reason) == 0)
		return 0;
	if (ledger_begin(ledger, err) != 0)
		return -1;
	/* As it is now: whoever was waited for may have gone since, and has woken it. */
	if (ledger_delivery_get(ledger, outlet->id, row->record, &outlet->arena, &delivery, &found, err) != 0)
		goto failed;
	if (found && delivery.state == LEDGER_DELIVERY_WAITING && delivery.op == LEDGER_WANT_DELETE) {
		if (children_find(outlet, row->record, row->since_us, &delivery.parent, reason, sizeof reason, err) != 0)
			goto failed;
		delivery.reason = reason;
		if ((delivery.parent != 0 ? ledger_delivery_set(ledger, &delivery, err) : set_pending(outlet, &delivery, err)) != 0)
			goto failed;
	}
	return ledger_commit(ledger, err);
failed:
	ledger_rollback(ledger);
	return -1;
}

/* Waiting for a parent has an end; what is over is judged anew. */
static int
end_waiting(struct outlet *outlet, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	int64_t after = 0;
	struct rows rows;

	do {
		arena_reset(&outlet->arena);
		if (rows_in(outlet, LEDGER_DELIVERY_WAITING, after, ROWS_MAX, &rows, err) != 0)
			return -1;
		for (uint32_t i = 0; i < rows.count; i++) {
			struct ledger_record record;
			bool required;

			after = rows.items[i].record;
			if (rows.items[i].op == LEDGER_WANT_DELETE) {
				if (look_at_children(outlet, &rows.items[i], err) != 0)
					return -1;
				continue;
			}
			if (ledger_records_get(ledger, outlet->entity, &rows.items[i].record, 1, &outlet->arena, &record, err) != 0)
				return -1;
			if (record.id == 0 || !gate_waited_enough(outlet, &record, rows.items[i].parent, rows.items[i].since_us, &required))
				continue;
			if (make_pending(outlet, &rows.items[i], err) != 0)
				return -1;
		}
	} while (rows.count == ROWS_MAX);
	return 0;
}

/* A system that refused us is tried once more by itself after an hour; at once when a person started the run, or changed what is configured. */
static int
look_at_parked(struct outlet *outlet, struct error *err)
{
	const char *cause = outlet->deliver->intake->run != NULL ? outlet->deliver->intake->run->cause : NULL;
	bool person = cause != NULL && (strcmp(cause, "manual") == 0 || strcmp(cause, "reload") == 0 || strncmp(cause, "apply", 5) == 0);
	struct rows rows;

	if (rows_in(outlet, LEDGER_DELIVERY_PARKED, 0, 1, &rows, err) != 0 || rows.count == 0)
		return rows.count == 0 ? 0 : -1;
	if (!person && rows.items[0].due_us > ledger_now(outlet->deliver->ledger)) {
		outlet->system->parked = true;
		return 0;
	}
	return release(outlet, LEDGER_DELIVERY_PARKED, err);
}

static int
count_dead(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count, int64_t oldest_us, const char *example)
{
	(void)flow, (void)unit, (void)object, (void)cause, (void)oldest_us, (void)example;
	*(bool *)data = *(bool *)data || count > 0;
	return 0;
}

/* What the flag is for this run. */
static int
look_at_flag(struct outlet *outlet, struct ledger_flag *ret_flag, struct error *err)
{
	const struct intake *intake = outlet->deliver->intake;

	if (ledger_flag_get(outlet->deliver->ledger, intake->flow_id, intake->unit_id, outlet->id, ret_flag, err) != 0)
		return -1;
	/* A person looked at exactly this: it is as if the flag were on. */
	if (ret_flag->mode == LEDGER_FLAG_PREVIEW && outlet->deliver->options->approved)
		ret_flag->mode = LEDGER_FLAG_ON;
	return 0;
}

int
gate_open(struct outlet *outlet, struct error *err)
{
	const struct intake *intake = outlet->deliver->intake;
	const struct ledger_finding_filter dead = { .kind = LEDGER_FINDING_DEAD, .flow = intake->flow_id, .unit = intake->unit_id, .object = outlet->object_id };

	arena_reset(&outlet->arena);
	if (look_at_flag(outlet, &outlet->flag, err) != 0)
		return -1;
	outlet->may_write = outlet->flag.mode == LEDGER_FLAG_ON || outlet->flag.mode == LEDGER_FLAG_CANARY;
	if (outlet->flag.mode == LEDGER_FLAG_PREVIEW)
		return 0;
	if (ledger_findings_by_cause(outlet->deliver->ledger, &dead, count_dead, &outlet->dead_letters, err) != 0 ||
	    release_held(outlet, err) != 0)
		return -1;
	return outlet->may_write && (look_at_parked(outlet, err) != 0 || end_waiting(outlet, err) != 0) ? -1 : 0;
}

int
gate_heed(struct outlet *outlet, struct error *err)
{
	struct ledger_flag flag;

	if (look_at_flag(outlet, &flag, err) != 0)
		return -1;
	return flag.mode == outlet->flag.mode && flag.percent == outlet->flag.percent ? 0 : gate_open(outlet, err);
}

/* The same answer for ever, and one that grows with the share: who is in at 10 % is in at 20 %. */
static int
is_canary(struct outlet *outlet, const struct ledger_record *record, bool *ret_in, struct error *err)
{
	uint8_t hash[8];
	uint64_t number;
	int64_t root;

	if (root_of(outlet->deliver->ledger, outlet->entity, record, &outlet->arena, &root, err) != 0)
		return -1;
	crypto_shorthash(hash, (const unsigned char *)&root, sizeof root, ledger_hash_key(outlet->deliver->ledger));
	memcpy(&number, hash, sizeof number);
	*ret_in = number % 100 < outlet->flag.percent;
	return 0;
}

int
gate_hold(struct outlet *outlet, struct pick *picks, uint32_t count, struct error *err)
{
	struct error why = { 0 };
	const struct error *kept;

	if (outlet->flag.mode == LEDGER_FLAG_ON)
		return 0;
	flag_reason(&outlet->flag, why.message, sizeof why.message);
	snprintf(why.place, sizeof why.place, CAUSE_FLAG);
	if ((kept = claim_error(&outlet->arena, &why)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		bool in = false;

		if (picks[i].fate != PICK_SEND)
			continue;
		if (outlet->flag.mode == LEDGER_FLAG_CANARY && is_canary(outlet, picks[i].record, &in, err) != 0)
			return -1;
		if (in)
			continue;
		/* Part of a span: it stays there, and isn't asked for. */
		picks[i].fate = PICK_HOLD;
		picks[i].why = kept;
	}
	return 0;
}
