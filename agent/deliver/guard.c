/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.c: no lost updates.  Just before a write its records are read again; one whose raw hash is not the link's goes through
 * the flow, as if a read had brought it, and is claimed anew with whatever the merge made of it.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/inside.h"
#include "flow/contents.h"

#define CHANGES_MAX 4u

/* Rows that were observed in this run, by record. */

static struct observed_row *
place_of(struct observed_row *rows, uint32_t room, int64_t record)
{
	uint64_t at = ((uint64_t)record * UINT64_C(0x9E3779B97F4A7C15)) >> 20;

	while (rows[at % room].record != 0 && rows[at % room].record != record)
		at++;
	return &rows[at % room];
}

static bool
was_observed(const struct observed *observed, int64_t record, const uint8_t raw[16])
{
	const struct observed_row *row = observed->room > 0 ? place_of(observed->rows, observed->room, record) : NULL;

	return row != NULL && row->record == record && memcmp(row->raw, raw, 16) == 0;
}

static int
remember(struct observed *observed, int64_t record, const uint8_t raw[16], uint32_t *ret_times)
{
	struct observed_row *row;

	if (observed->count * 2 >= observed->room) {
		uint32_t room = observed->room > 0 ? observed->room * 2 : 64;
		struct observed_row *rows = calloc(room, sizeof *rows);

		if (rows == NULL)
			return -1;
		for (uint32_t i = 0; i < observed->room; i++)
			if (observed->rows[i].record != 0)
				*place_of(rows, room, observed->rows[i].record) = observed->rows[i];
		free(observed->rows);
		observed->rows = rows;
		observed->room = room;
	}
	row = place_of(observed->rows, observed->room, record);
	observed->count += row->record == 0;
	row->record = record;
	row->times++;
	memcpy(row->raw, raw, 16);
	*ret_times = row->times;
	return 0;
}

void
observed_free(struct observed *observed)
{
	free(observed->rows);
	memset(observed, 0, sizeof *observed);
}

/* Reading. */

struct native {
	struct syncline_slice id;
	uint32_t index;
};

static int
by_id(const void *a, const void *b)
{
	const struct syncline_slice *x = &((const struct native *)a)->id, *y = &((const struct native *)b)->id;
	size_t length = x->length < y->length ? x->length : y->length;
	int order = length > 0 ? memcmp(x->data, y->data, length) : 0;

	return order != 0 ? order : (x->length > y->length) - (x->length < y->length);
}

int
guard_read(struct outlet *outlet, const struct syncline_slice *natives, uint32_t count, struct batch **ret_rows, uint32_t *ret_row,
           uint8_t (**ret_raws)[16], struct error *err)
{
	struct native *sorted = arena_array(&outlet->arena, count + 1u, sizeof *sorted);
	uint8_t (*raws)[16];
	struct batch *rows;

	if (sorted == NULL)
		return error_memory(err);
	if (connector_get(outlet->sink, outlet->object, natives, count, &rows, err) != 0)
		return -1;
	raws = arena_array(&outlet->arena, rows->header->record_count + 1u, sizeof *raws);
	if (raws == NULL || vector_raws(ledger_hash_key(outlet->deliver->ledger), rows, &outlet->scratch, raws) != 0) {
		batch_free(rows);
		return error_memory(err);
	}
	for (uint32_t i = 0; i < count; i++) {
		sorted[i] = (struct native){ natives[i], i };
		ret_row[i] = UINT32_MAX;
	}
	qsort(sorted, count, sizeof *sorted, by_id);
	for (uint32_t i = 0; i < rows->header->record_count; i++) {
		const struct batch_cell *cell = &batch_record(rows, i)->native_id;
		struct native key = { .id = { batch_cell_data(rows, cell), cell->length } }, *found;

		if (cell->type != SYNCLINE_TYPE_TEXT || (found = bsearch(&key, sorted, count, sizeof *sorted, by_id)) == NULL)
			continue;
		/* attach_to: several items may write to one native record. */
		while (found > sorted && by_id(&found[-1], &key) == 0)
			found--;
		for (; found < sorted + count && by_id(found, &key) == 0; found++)
			ret_row[found->index] = i;
	}
	*ret_rows = rows;
	*ret_raws = raws;
	return 0;
}

int
guard_observe(struct outlet *outlet, const struct batch *rows, const uint8_t *which, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	struct error why = { 0 };
	struct batch *copy;
	bool any = false;
	int result;

	for (uint32_t i = 0; i < rows->header->record_count; i++)
		any = any || which[i] != 0;
	if (!any || outlet->reader == NULL)
		return 0;
	if ((copy = batch_copy(rows, err)) == NULL)
		return -1;
	batch_keep(copy, which);
	batch_seal(copy);
	if (contents_look(deliver->engine, outlet->reader->binding->object, deliver->intake->unit, NULL, &copy, &why) == 0) {
		result = intake_observe(deliver->intake, outlet->reader, copy, ledger_sequence(deliver->ledger), err);
	} else {
		/* What it shows is not understood now, so nothing is written over it in this run. */
		result = outlet_in_vain(outlet, &why, err);
		outlet->system->down = true;
	}
	batch_free(copy);
	return result;
}

/* Nothing in this run could be read: the marks stay due. */
static int
unreadable(struct parcel *parcel, struct pick **checked, uint32_t count, const struct error *why, struct error *err)
{
	struct outlet *outlet = parcel->outlet;
	int64_t now = ledger_now(outlet->deliver->ledger);
	const struct error *kept = claim_error(&outlet->arena, why);

	if (kept == NULL)
		return error_memory(err);
	outlet_heard(outlet, why);
	for (uint32_t i = 0; i < count; i++) {
		bool parked = why->klass == SYNCLINE_AUTH || why->klass == SYNCLINE_CONFIG;

		checked[i]->why = kept;
		checked[i]->fate = parked ? PICK_PARK : PICK_LATER;
		checked[i]->due_us = now + (parked ? DELIVER_PARKED_US
		                                   : deliver_pause_us(outlet->binding->system->limits, checked[i]->due->tries, randombytes_random()));
		if (!parked && deliver_is_over(outlet->binding->system->limits, checked[i]->due->tries, checked[i]->due->since_us, now))
			checked[i]->fate = PICK_DEAD;
	}
	return 0;
}

static int
try_later(struct outlet *outlet, struct pick *pick, enum error_code code, const char *hint, const char *what, struct error *err)
{
	struct error why = { 0 };

	(void)error_set(&why, code, hint, "%s.%s: %s", outlet->binding->system->head.name, outlet->binding->object->head.name, what);
	pick->fate = PICK_LATER;
	pick->due_us = ledger_now(outlet->deliver->ledger) + deliver_pause_us(outlet->binding->system->limits, pick->due->tries, randombytes_random());
	if (deliver_is_over(outlet->binding->system->limits, pick->due->tries, pick->due->since_us, ledger_now(outlet->deliver->ledger)))
		pick->fate = PICK_DEAD;
	return (pick->why = claim_error(&outlet->arena, &why)) != NULL ? 0 : error_memory(err);
}

/* One item against its row.  ret_changed: the row goes through the flow. */
static int
judge_row(struct outlet *outlet, struct pick *pick, const struct batch *rows, uint32_t row, uint8_t (*raws)[16], uint8_t *ret_changed, struct error *err)
{
	const struct batch_record *record = row != UINT32_MAX ? batch_record(rows, row) : NULL;
	uint32_t times;

	if (record == NULL || (record->op != SYNCLINE_OP_SEEN && record->op != SYNCLINE_OP_DELETED))
		return try_later(outlet, pick, ERROR_CONNECTOR_INTERNAL, "Report it to the connector's vendor with its version.",
		                 "there was no answer when the record was to be read again before a write", err);
	if (record->op == SYNCLINE_OP_DELETED) {
		/* What is gone needs no deleting: the target says so itself. */
		if (pick->op != SYNCLINE_OP_DELETE)
			pick->fate = PICK_MISSING;
		return 0;
	}
	if (record->version.type == SYNCLINE_TYPE_TEXT && outlet->guard == CONFIG_GUARD_VERSION) {
		pick->version.length = record->version.length;
		if ((pick->version.data = arena_copy(&outlet->arena, batch_cell_data(rows, &record->version), record->version.length)) == NULL)
			return error_memory(err);
	}
	if (outlet->attach != NULL || memcmp(raws[row], pick->link->raw, sizeof raws[row]) == 0 || was_observed(&outlet->observed, pick->record->id, raws[row]))
		return 0;
	if (remember(&outlet->observed, pick->record->id, raws[row], &times) != 0)
		return error_memory(err);
	/* It is another one each time: one that says when it was read, or that somebody writes all the time. */
	if (times > CHANGES_MAX)
		return try_later(outlet, pick, ERROR_CONNECTOR_CONFLICT, "Leave fields out of the object that change with every look, or set guard = \"version\".",
		                 "the record is another one each time it is read before a write", err);
	*ret_changed = 1;
	pick->fate = PICK_LEAVE;
	return 0;
}

int
guard_check(struct outlet *outlet, struct parcel *parcel, struct batch **ret_there, struct error *err)
{
	struct pick **checked = arena_array(&outlet->arena, parcel->count + 1u, sizeof *checked);
	struct syncline_slice *natives = arena_array(&outlet->arena, parcel->count + 1u, sizeof *natives);
	uint32_t *row = arena_array(&outlet->arena, parcel->count + 1u, sizeof *row), count = 0;
	struct error why = { 0 };
	struct batch *rows = NULL;
	uint8_t (*raws)[16] = NULL, *changed, any = 0;
	int result = 0;

	*ret_there = NULL;
	if (checked == NULL || natives == NULL || row == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < parcel->count; i++) {
		struct pick *pick = parcel->picks[i];

		if (pick->fate != PICK_SEND || pick->op == SYNCLINE_OP_CREATE || pick->out == UINT32_MAX || pick->deactivate != parcel->deactivate)
			continue;
		/* Which version of others' records their own flow has read doesn't matter. */
		if (outlet->guard == CONFIG_GUARD_VERSION && (outlet->attach == NULL || outlet->can.get == SYNCLINE_NONE))
			pick->version = pick->link->version;
		/* Where no version is known, reading again serves as well, and brings one. */
		if (outlet->guard == CONFIG_GUARD_NONE || (outlet->guard == CONFIG_GUARD_VERSION && pick->version.length > 0) ||
		    outlet->can.get == SYNCLINE_NONE || (outlet->reader == NULL && outlet->attach == NULL))
			continue;
		natives[count] = pick->link->native;
		checked[count++] = pick;
	}
	if (count == 0)
		return 0;
	if (send_hear(outlet, err) != 0)
		return -1;
	if (guard_read(outlet, natives, count, &rows, row, &raws, &why) != 0) {
		if (why.code == ERROR_MEMORY) {
			*err = why;
			return -1;
		}
		return unreadable(parcel, checked, count, &why, err);
	}
	if ((changed = arena_array(&outlet->arena, rows->header->record_count + 1u, 1)) == NULL)
		result = error_memory(err);
	for (uint32_t i = 0; i < count && result == 0; i++) {
		uint8_t now_changed = 0;

		checked[i]->there = row[i];
		result = judge_row(outlet, checked[i], rows, row[i], raws, &now_changed, err);
		if (now_changed)
			any = changed[row[i]] = 1;
	}
	/* Others may meet in these rows what was just written. */
	if (result == 0 && any)
		result = send_land(outlet, err);
	if (result == 0)
		result = guard_observe(outlet, rows, changed, err);
	if (result == 0)
		*ret_there = rows;
	else
		batch_free(rows);
	return result;
}
