/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * readback.c: what was handed over to a file is confirmed when the target's own next read shows it: by the link and what it
 * shows where the object is read, else by asking the connector.  When it was not shown in time, the import did not happen, and a
 * person must know: it is never sent again by itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deliver/inside.h"

#define ITEMS_MAX 1000u
#define FINDS_MAX 100u /* of a run: a connector may have to go through all its files for each */
#define LOOK_ALWAYS_US (INT64_C(60) * 1000000)
#define LOOK_MAX_US (INT64_C(3600) * 1000000)

struct handed {
	struct ledger_uncertain *item;
	struct ledger_link link; /* live, at the object; id 0: none */
	struct answer answer;
	bool decided;
	bool observed; /* its row goes through the flow */
	bool closed;   /* its attempt is */
};

/* What the target showed last; a link without a vector shows the record's present values.  NULL: the record is gone. */
static int
seen_of(struct outlet *outlet, const struct handed *handed, const uint64_t **ret_seen, struct error *err)
{
	uint64_t *golden = arena_array(&outlet->arena, outlet->words + 1u, sizeof *golden);
	struct ledger_record record;

	*ret_seen = handed->link.seen;
	if (*ret_seen != NULL)
		return 0;
	if (golden == NULL)
		return error_memory(err);
	if (ledger_records_get(outlet->deliver->ledger, outlet->entity, &handed->item->item.record, 1, &outlet->arena, &record, err) != 0)
		return -1;
	if (record.id == 0)
		return 0;
	if (vector_of(outlet->deliver->ledger, outlet->entity, record.values, &outlet->scratch, golden) != 0)
		return error_memory(err);
	*ret_seen = golden;
	return 0;
}

/* Does the link show the values that were sent?  Only where something was seen of each, and of one at least. */
static int
is_shown(struct outlet *outlet, const struct handed *handed, bool *ret_shown, struct error *err)
{
	const struct ledger_uncertain *item = handed->item;
	const uint64_t *seen;
	uint32_t shown = 0;

	*ret_shown = false;
	if (seen_of(outlet, handed, &seen, err) != 0)
		return -1;
	for (uint32_t f = 0; seen != NULL && f < outlet->entity->field_count; f++) {
		uint32_t id = outlet->fields[f];

		if (!bound_has(outlet->reader->reads, f) || item->vector[id] == VECTOR_UNKNOWN)
			continue;
		if (seen[id] != item->vector[id])
			return 0;
		shown++;
	}
	*ret_shown = shown > 0;
	return 0;
}

static void
confirm(struct handed *handed, struct syncline_slice native)
{
	handed->decided = true;
	handed->answer.verdict = DELIVER_CONFIRM;
	handed->answer.read_back = true;
	if (native.length > 0)
		handed->answer.native = native;
}

/* By what reading brought. */
static int
by_link(struct outlet *outlet, struct handed *handed, struct error *err)
{
	const struct ledger_attempt_item *item = &handed->item->item;
	bool shown = false;

	if (ledger_link_at(outlet->deliver->ledger, outlet->linked, item->record, outlet->object_id, &outlet->arena, &handed->link, err) != 0)
		return -1;
	if (outlet->reader == NULL)
		return 0;
	if (item->op == SYNCLINE_OP_DELETE)
		shown = handed->link.id == 0;
	else if (handed->link.id != 0 && (handed->link.flags & LEDGER_LINK_UNSEEN) == 0 && item->op == SYNCLINE_OP_CREATE)
		shown = true;
	else if (handed->link.id != 0 && !item->deactivate && is_shown(outlet, handed, &shown, err) != 0)
		return -1;
	if (shown)
		confirm(handed, handed->link.native);
	return 0;
}

/* What the flow has taken a row for in the meantime: its attempt is closed, or still open. */
static int
by_flow(struct outlet *outlet, struct handed *handed, struct error *err)
{
	uint8_t open = 0;

	if (handed->decided || !handed->observed)
		return 0;
	if (ledger_open_attempts(outlet->deliver->ledger, outlet->object_id, &handed->item->item.record, 1, &open, err) != 0)
		return -1;
	handed->closed = handed->decided = open != LEDGER_OPEN_HANDED;
	return 0;
}

/*
 * By asking the connector for those that have an id.  ret_observe: rows that are not as they were sent.  They go through the flow, which
 * tells what came to be of our write from what others did (flow/handed.c), as it does with a row of a read.
 */
static int
by_reading(struct outlet *outlet, struct handed *all, uint32_t count, struct batch **ret_rows, uint8_t **ret_observe, struct error *err)
{
	struct syncline_slice *natives = arena_array(&outlet->arena, count + 1u, sizeof *natives);
	struct handed **asked = arena_array(&outlet->arena, count + 1u, sizeof *asked);
	uint32_t *row = arena_array(&outlet->arena, count + 1u, sizeof *row), used = 0;
	uint8_t (*raws)[16] = NULL;
	struct batch *rows = NULL;
	struct error why = { 0 };

	if (natives == NULL || asked == NULL || row == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		if (all[i].decided || all[i].answer.native.length == 0)
			continue;
		natives[used] = all[i].answer.native;
		asked[used++] = &all[i];
	}
	if (used == 0 || outlet->can.get == SYNCLINE_NONE)
		return 0;
	if (guard_read(outlet, natives, used, &rows, row, &raws, &why) != 0)
		return outlet_in_vain(outlet, &why, err);
	*ret_rows = rows;
	if ((*ret_observe = arena_zalloc(&outlet->arena, rows->header->record_count + 1u)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < used; i++) {
		const struct batch_record *record = row[i] != UINT32_MAX ? batch_record(rows, row[i]) : NULL;
		enum comparison comparison;

		if (record == NULL)
			continue;
		if (asked[i]->item->item.op == SYNCLINE_OP_DELETE && record->op == SYNCLINE_OP_DELETED)
			confirm(asked[i], natives[i]);
		/* What we changed is gone: somebody deleted it there. */
		if (asked[i]->item->item.op == SYNCLINE_OP_UPDATE && record->op == SYNCLINE_OP_DELETED) {
			asked[i]->decided = true;
			asked[i]->answer.verdict = DELIVER_MISSING;
		}
		if (asked[i]->item->item.op == SYNCLINE_OP_DELETE || record->op != SYNCLINE_OP_SEEN)
			continue;
		if (compare_row(outlet, asked[i]->item->payload, rows, row[i], &comparison, err) != 0)
			return -1;
		if (comparison != COMPARE_SAME) {
			asked[i]->observed = outlet->reader != NULL && asked[i]->item->item.op == SYNCLINE_OP_UPDATE && asked[i]->link.id != 0;
			(*ret_observe)[row[i]] = asked[i]->observed;
			continue;
		}
		confirm(asked[i], natives[i]);
		if (compare_as_stored(outlet, asked[i]->item->payload, rows, row[i], true, &asked[i]->answer.stored, err) != 0)
			return -1;
	}
	return 0;
}

/* By our id, for creates that nobody reads. */
static int
by_finding(struct outlet *outlet, struct handed *handed, uint32_t *ret_finds, struct error *err)
{
	struct syncline_criterion criterion = { .field = outlet->object->external_key };
	const struct batch *payload = handed->item->payload;
	struct batch *hits = NULL;
	struct error why = { 0 };
	char *native;
	int at;

	if (handed->decided || handed->item->item.op != SYNCLINE_OP_CREATE || outlet->reader != NULL || outlet->can.find == SYNCLINE_NONE ||
	    criterion.field == NULL || *ret_finds >= FINDS_MAX || (at = batch_find_field(payload, criterion.field, strlen(criterion.field))) < 0)
		return 0;
	criterion.value = batch_value(payload, &batch_record(payload, 0)->cells[at]);
	if (criterion.value.type <= SYNCLINE_TYPE_NULL)
		return 0;
	(*ret_finds)++;
	if (connector_find(outlet->sink, outlet->object, &criterion, 1, 2, &hits, &why) != 0)
		return outlet_in_vain(outlet, &why, err);
	if (hits->header->record_count == 1 && batch_record(hits, 0)->native_id.type == SYNCLINE_TYPE_TEXT) {
		const struct batch_cell *cell = &batch_record(hits, 0)->native_id;

		if ((native = arena_copy(&outlet->arena, batch_cell_data(hits, cell), cell->length)) == NULL) {
			batch_free(hits);
			return error_memory(err);
		}
		confirm(handed, (struct syncline_slice){ native, cell->length });
		handed->answer.adopted = true;
	}
	batch_free(hits);
	return 0;
}

/*
 * The record was deleted meanwhile, and its row there is a reject: no row will say whether this update came, and nobody has to know
 * any more.  The deletion follows it, in files that are taken in their order.
 */
static int
by_deletion(struct outlet *outlet, struct handed *handed, struct error *err)
{
	struct ledger_delivery mark;
	bool found;

	if (handed->decided || handed->item->item.op != SYNCLINE_OP_UPDATE || (handed->link.flags & LEDGER_LINK_REJECTED) == 0)
		return 0;
	if (ledger_delivery_get(outlet->deliver->ledger, outlet->id, handed->item->item.record, &outlet->arena, &mark, &found, err) != 0)
		return -1;
	if (!found || mark.op == LEDGER_WANT_WRITE)
		return 0;
	handed->closed = handed->decided = true;
	return settle_overtaken(outlet, handed->item->attempt, &handed->answer, "the record was deleted, and no row can show whether this came", err);
}

/* Not shown yet: looked at again later and later, or too late. */
static int
not_shown(struct outlet *outlet, struct handed *handed, struct ledger_outcome *outcome, struct error *err)
{
	const struct config_confirm *confirm = outlet->binding->confirm;
	int64_t now = ledger_now(outlet->deliver->ledger);
	int64_t within = (confirm->readback ? confirm->within_ms : outlet->binding->system->limits->max_age_ms) * 1000;
	int64_t age = now - handed->item->claimed_us;
	/* In the first minute with every run, later less and less often. */
	int64_t pause = age < LOOK_ALWAYS_US ? 0 : age / 8 < LOOK_MAX_US ? age / 8 : LOOK_MAX_US;
	/* A create whose answer named no id, at a target that nobody reads and that can't be asked. */
	bool blind = !confirm->readback && outlet->reader == NULL && outlet->sink != NULL &&
	             (outlet->can.find == SYNCLINE_NONE || outlet->object->external_key == NULL);
	struct error why = { 0 };

	if (!blind && (within == 0 || age <= within)) {
		*outcome = (struct ledger_outcome){ .index = handed->item->index, .kind = LEDGER_HANDED, .due_us = now + (pause > 1000 ? pause : 1000) };
		return 0;
	}
	if (blind)
		(void)error_set(&why, ERROR_DELIVERY_UNSEEN, "The connector must give a native id with a committed create, or be able to find: report it to its vendor.",
		                "record %" PRId64 " was created at %s.%s, and the answer did not say under which id", handed->item->item.record,
		                outlet->binding->system->head.name, outlet->binding->object->head.name);
	else
		(void)error_set(&why, ERROR_DELIVERY_UNSEEN, "See whether the target took the file; when it will never take it, retry this delivery.",
		                "record %" PRId64 " was handed over to %s.%s and was not seen there in time: the import did not happen, or refused it",
		                handed->item->item.record, outlet->binding->system->head.name, outlet->binding->object->head.name);
	handed->answer.verdict = DELIVER_DEAD;
	handed->answer.why = claim_error(&outlet->arena, &why);
	handed->decided = true;
	return handed->answer.why != NULL ? 0 : error_memory(err);
}

static int
keep_waiting(struct outlet *outlet, int64_t attempt, const struct ledger_outcome *outcome, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_attempt_close(ledger, attempt, outcome, 1, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

static int
decide(struct outlet *outlet, struct handed *all, uint32_t count, struct error *err)
{
	struct batch *rows = NULL;
	uint8_t *observe = NULL;
	bool asks = false;
	uint32_t finds = 0;
	struct error why = { 0 };
	int result = 0;

	for (uint32_t i = 0; i < count && result == 0; i++) {
		result = by_link(outlet, &all[i], err);
		asks = asks || !all[i].decided;
	}
	if (result == 0 && asks && !outlet->system->parked && !outlet->system->down) {
		if (outlet_open(outlet, &why) != 0) {
			result = outlet_in_vain(outlet, &why, err);
			outlet->system->down = true;
		} else {
			/* What is not shown may not even be published: the run that handed it over was killed before its end. */
			outlet->wrote = true;
			result = by_reading(outlet, all, count, &rows, &observe, err);
			for (uint32_t i = 0; i < count && result == 0; i++)
				result = by_finding(outlet, &all[i], &finds, err);
		}
	}
	if (result == 0 && rows != NULL && observe != NULL)
		result = guard_observe(outlet, rows, observe, err);
	for (uint32_t i = 0; i < count && result == 0; i++) {
		struct ledger_outcome outcome;

		if ((result = by_flow(outlet, &all[i], err)) != 0 || (result = by_deletion(outlet, &all[i], err)) != 0 || all[i].closed)
			continue;
		if (!all[i].decided)
			result = not_shown(outlet, &all[i], &outcome, err);
		if (result == 0)
			result = all[i].decided ? settle(outlet, all[i].item->attempt, &all[i].answer, 1, err)
			                        : keep_waiting(outlet, all[i].item->attempt, &outcome, err);
	}
	batch_free(rows);
	return result;
}

int
readback_due(struct outlet *outlet, struct error *err)
{
	struct deliver *deliver = outlet->deliver;

	while (!deliver->engine->stopped) {
		struct ledger_uncertain *items;
		struct handed *all;
		uint32_t count = 0;
		int64_t next;
		int result = 0;

		arena_reset(&outlet->arena);
		items = arena_array(&outlet->arena, ITEMS_MAX, sizeof *items);
		all = arena_array(&outlet->arena, ITEMS_MAX, sizeof *all);
		if (items == NULL || all == NULL)
			return error_memory(err);
		if (ledger_uncertain(deliver->ledger, outlet->id, deliver->intake->unit_id, true, &outlet->arena, items, ITEMS_MAX, &count, &next, err) != 0)
			return -1;
		for (uint32_t i = 0; i < count; i++) {
			const struct batch_record *record = batch_record(items[i].payload, 0);

			all[i] = (struct handed){ .item = &items[i] };
			all[i].answer = (struct answer){ .index = items[i].index, .item = &items[i].item, .vector = items[i].vector,
				.since_us = items[i].claimed_us, .payload = items[i].payload, .looked = true };
			if (record->native_id.type == SYNCLINE_TYPE_TEXT)
				all[i].answer.native = (struct syncline_slice){ batch_cell_data(items[i].payload, &record->native_id), record->native_id.length };
		}
		if (count > 0)
			result = decide(outlet, all, count, err);
		for (uint32_t i = 0; i < count; i++)
			batch_free(items[i].payload);
		if (result != 0)
			return -1;
		if (count < ITEMS_MAX)
			return 0;
	}
	return 0;
}
