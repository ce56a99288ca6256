/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rollback.c: taking back what a run did to its records, in one transaction: which records it touched (from its history), which of
 * those that it created nothing else refers to, and then page by page what becomes of each (undo.c says why something stays).
 * What a target has of it follows from the marks, as ever.  The system that a change came from is left alone: its link keeps what was
 * seen there, so that this says nothing any more until it is another value.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/apply.h"
#include "flow/undo.h"
#include "flow/vector.h"

#define PAGE 200u

#define FATE_STATE 0x01u  /* the run created it or brought it back */
#define FATE_DELETE 0x02u /* it is deleted, as far as is known */
#define FATE_DONE 0x04u   /* nothing is left to be done or told about it */

/* What the run did at an object, other than to records. */
struct side {
	uint32_t object;
	uint64_t sent, linked, edits;
};
struct rollback {
	const struct intake_rollback *options;
	struct intake *intake;
	struct work *work;
	/* Records that the run touched, ascending. */
	int64_t *ids;
	uint8_t *fates;
	int64_t *blockers; /* of each that would be deleted: what refers to it */
	size_t count, room;
	struct side *sides;
	size_t side_count, side_room;
	uint64_t events[LEDGER_EVENT_COUNT];
	uint32_t entity;
	bool memory;
	char note[48];
};

static void
rollback_free(struct rollback *r)
{
	free(r->ids);
	free(r->fates);
	free(r->blockers);
	free(r->sides);
}

/* Which records it touched. */

static int
keep_id(struct rollback *r, int64_t id)
{
	if (r->count > 0 && r->ids[r->count - 1] == id)
		return 0;
	if (r->count == r->room) {
		size_t room = r->room > 0 ? r->room * 2 : 1024;
		int64_t *ids = realloc(r->ids, room * sizeof *ids);

		if (ids == NULL)
			return -1;
		r->ids = ids;
		r->room = room;
	}
	r->ids[r->count++] = id;
	return 0;
}

static struct side *
side_of(struct rollback *r, uint32_t object)
{
	for (size_t i = 0; i < r->side_count; i++)
		if (r->sides[i].object == object)
			return &r->sides[i];
	if (r->side_count == r->side_room) {
		size_t room = r->side_room * 2 + 8;
		struct side *sides = realloc(r->sides, room * sizeof *sides);

		if (sides == NULL)
			return NULL;
		r->sides = sides;
		r->side_room = room;
	}
	r->sides[r->side_count] = (struct side){ .object = object };
	return &r->sides[r->side_count++];
}

static int
take_event(void *data, const struct ledger_history *row)
{
	struct rollback *r = data;
	struct side *side;

	if ((unsigned)row->event >= LEDGER_EVENT_COUNT)
		return 0;
	r->events[row->event]++;
	switch (row->event) {
	case LEDGER_EVENT_CREATED:
	case LEDGER_EVENT_CHANGED:
	case LEDGER_EVENT_DELETED:
	case LEDGER_EVENT_RESTORED:
		/* Delivering reads back records of its own flow alone, but another one may tell of them. */
		r->memory = (r->entity == 0 || row->entity == r->entity) && keep_id(r, row->record) != 0;
		break;
	case LEDGER_EVENT_SENT_CREATE:
	case LEDGER_EVENT_SENT_UPDATE:
	case LEDGER_EVENT_SENT_DELETE:
	case LEDGER_EVENT_ADOPTED:
	case LEDGER_EVENT_LINKED:
	case LEDGER_EVENT_EDIT:
		if ((r->memory = (side = side_of(r, row->object)) == NULL))
			break;
		side->linked += row->event == LEDGER_EVENT_LINKED;
		side->edits += row->event == LEDGER_EVENT_EDIT;
		side->sent += row->event != LEDGER_EVENT_LINKED && row->event != LEDGER_EVENT_EDIT;
		break;
	default:
		break;
	}
	return r->memory ? -1 : 0;
}

static int
by_id(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int
collect(struct rollback *r, struct ledger *ledger, const struct ledger_run *run, struct error *err)
{
	static const char hint[] = "Correct the values at their owner; `agent.keep.history` says how long the history is kept.";
	long long number = run->number;
	size_t kept = 0;

	if (ledger_history_of_run(ledger, run->number, take_event, r, err) != 0)
		return r->memory ? error_memory(err) : -1;
	if (r->events[LEDGER_EVENT_CREATED] < run->counts[LEDGER_COUNT_CREATED] || r->events[LEDGER_EVENT_CHANGED] < run->counts[LEDGER_COUNT_CHANGED] ||
	    r->events[LEDGER_EVENT_DELETED] < run->counts[LEDGER_COUNT_DELETED] || r->events[LEDGER_EVENT_RESTORED] < run->counts[LEDGER_COUNT_RESTORED])
		return error_set(err, ERROR_ROLLBACK_PRUNED, hint, "the history of run %lld is not kept any more%s", number, r->count > 0 ? ", or not all of it" : "");
	if (r->count == 0)
		return error_set(err, ERROR_ROLLBACK_NOTHING, "`syncline trace KEY` tells which run changed a record.", "run %lld changed no record", number);
	qsort(r->ids, r->count, sizeof *r->ids, by_id);
	for (size_t i = 0; i < r->count; i++)
		if (kept == 0 || r->ids[i] != r->ids[kept - 1])
			r->ids[kept++] = r->ids[i];
	r->count = kept;
	return 0;
}

int
intake_rollback_check(struct ledger *ledger, const struct ledger_run *run, struct error *err)
{
	struct rollback r = { .ids = NULL };
	int result = collect(&r, ledger, run, err);

	rollback_free(&r);
	return result;
}

/* Pages. */

static bool
is_left(const struct rollback *r, int64_t record)
{
	return r->options->leave != NULL && r->options->leave(r->options->data, record);
}

/* Those of ids[from …] that have this of their fate, and not that: at most a page, in ret_at.  Where the next one begins. */
static size_t
next_page(const struct rollback *r, size_t from, uint8_t with, uint8_t without, size_t *ret_at, uint32_t *ret_count)
{
	for (*ret_count = 0; from < r->count && *ret_count < PAGE; from++)
		if ((r->fates[from] & with) == with && (r->fates[from] & without) == 0)
			ret_at[(*ret_count)++] = from;
	return from;
}

static int
load_page(struct rollback *r, const size_t *at, uint32_t count, struct error *err)
{
	struct work *work = r->work;
	const struct config_flow *flow = r->intake->flow;
	int64_t ids[PAGE];

	for (uint32_t i = 0; i < count; i++)
		ids[i] = r->ids[at[i]];
	if (work_begin(work, engine_bound(work->engine, &flow->bindings[0]), NULL, ledger_sequence(work->ledger), ledger_now(work->ledger), false, err) != 0)
		return -1;
	return work_load_records(work, ids, count, err);
}

static int
left(struct rollback *r, const struct work_record *record, uint32_t object, struct syncline_slice native, const char *before, const char *after,
     const char *why, struct error *err)
{
	work_count(r->work, LEDGER_COUNT_LEFT, 1);
	return work_item(r->work, LEDGER_COUNT_LEFT, object, native, record, before, after, why, err);
}

/* Records that would be deleted, and what refers to them. */

static bool
refers_to(const struct config_field *field, const struct config_entity *entity)
{
	return field->type == CONFIG_FIELD_REF && field->entity != NULL && strcmp(field->entity, entity->head.name) == 0;
}

static bool
is_deleted_too(const struct rollback *r, const struct config_entity *entity, int64_t record)
{
	const int64_t *at = entity == r->work->entity ? bsearch(&record, r->ids, r->count, sizeof record, by_id) : NULL;

	return at != NULL && (r->fates[at - r->ids] & FATE_DELETE) != 0;
}

/* The first live record that refers to it and is not deleted itself; 0: none. */
static int
find_referring(const struct rollback *r, int64_t record, int64_t *ret_id, struct error *err)
{
	const struct model *model = r->work->engine->model;

	*ret_id = 0;
	for (uint32_t e = 0; e < model->entity_count; e++)
		for (uint32_t f = 0; f < model->entities[e].field_count; f++) {
			const struct config_entity *entity = &model->entities[e];
			int64_t ids[PAGE], after = 0;
			uint32_t found = PAGE;

			while (refers_to(&entity->fields[f], r->work->entity) && found == PAGE) {
				if (ledger_records_referring(r->work->ledger, entity, &entity->fields[f], record, after, ids, PAGE, &found, err) != 0)
					return -1;
				for (uint32_t i = 0; i < found; i++) {
					after = ids[i];
					if (is_deleted_too(r, entity, ids[i]) || ids[i] == record)
						continue;
					*ret_id = ids[i];
					return 0;
				}
			}
		}
	return 0;
}

static int
judge_page(struct rollback *r, const size_t *at, uint32_t count, struct error *err)
{
	if (load_page(r, at, count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct work_record *record = work_loaded(r->work, r->ids[at[i]]);
		const char *why;
		struct undo undo;

		if (record == NULL || is_left(r, record->at.id))
			continue;
		if (undo_read(r->work, record, r->options->run->number, &undo, err) != 0)
			return -1;
		if (undo.after != UNDO_LIVE || undo.before == UNDO_LIVE)
			continue;
		r->fates[at[i]] |= FATE_STATE;
		if (undo_keeps_record(r->work, record, &undo, &why, err) != 0)
			return -1;
		if (why == NULL)
			r->fates[at[i]] |= FATE_DELETE;
	}
	return 0;
}

/* One that stays keeps what it refers to: until none is found any more. */
static int
judge_all(struct rollback *r, struct error *err)
{
	size_t at[PAGE], from = 0;
	uint32_t count;
	bool more = true;

	while (from < r->count && !r->work->engine->stopped) {
		from = next_page(r, from, 0, 0, at, &count);
		if (judge_page(r, at, count, err) != 0)
			return -1;
		(void)engine_progress(r->work->engine, "looking at what refers to it", from, r->count);
	}
	while (more && !r->work->engine->stopped) {
		more = false;
		for (size_t i = 0; i < r->count; i++) {
			if ((r->fates[i] & FATE_DELETE) == 0)
				continue;
			if (find_referring(r, r->ids[i], &r->blockers[i], err) != 0)
				return -1;
			if (r->blockers[i] == 0)
				continue;
			r->fates[i] &= (uint8_t)~FATE_DELETE;
			more = true;
		}
	}
	return 0;
}

/* What becomes of a record. */

static int
delete_record(struct rollback *r, struct work_record *record, const struct undo *undo, struct error *err)
{
	struct work_link *source;
	uint32_t own;

	if ((source = undo_own_link(record, undo, &own)) != NULL)
		source->spared = true;
	if (work_delete_record(r->work, record, source != NULL ? source->at.object : undo->object, err) != 0)
		return -1;
	/* Its source has it still, and what it shows now says nothing. */
	if (source != NULL && source->at.state == LEDGER_LINK_LIVE)
		return ledger_undone_set(r->work->ledger, record->at.id, source->at.object, r->options->run->number, err);
	return 0;
}

static int
keep_record(struct rollback *r, struct work_record *record, const struct undo *undo, int64_t blocker, struct error *err)
{
	const struct config_entity *entity = blocker != 0 ? ledger_record_entity(r->work->ledger, blocker) : NULL;
	const char *why = NULL;

	if (blocker != 0 && (why = arena_format(&r->work->arena, "record %lld (%s) refers to it", (long long)blocker,
	                                        entity != NULL ? entity->head.name : "?")) == NULL)
		return error_memory(err);
	if (blocker == 0 && undo_keeps_record(r->work, record, undo, &why, err) != 0)
		return -1;
	return why != NULL ? left(r, record, undo->object, undo->native, NULL, NULL, why, err) : 0;
}

/* The record as it would be, with one JSON text of the fields before and one after. */
static int
field_texts(struct rollback *r, const struct work_record *record, const struct undo *undo, uint32_t field, const char **ret_before,
            const char **ret_after, struct error *err)
{
	struct work *work = r->work;
	struct syncline_value *values = arena_array(&work->arena, work->entity->field_count + 1u, sizeof *values);
	uint64_t *set = arena_array(&work->arena, BOUND_WORDS(work->entity), sizeof *set);

	if (values == NULL || set == NULL)
		return error_memory(err);
	set[field / 64] |= UINT64_C(1) << (field % 64);
	values[field] = undo->fields[field].former;
	buffer_clear(&work->text);
	buffer_clear(&work->after);
	*ret_after = NULL;
	if (work_json(work, &work->text, record->at.values, set) != 0 ||
	    (*ret_before = arena_copy(&work->arena, work->text.data, work->text.length)) == NULL)
		return error_memory(err);
	if (undo->fields[field].known && (work_json(work, &work->after, values, set) != 0 ||
	    (*ret_after = arena_copy(&work->arena, work->after.data, work->after.length)) == NULL))
		return error_memory(err);
	return 0;
}

static int
leave_field(struct rollback *r, const struct work_record *record, const struct undo *undo, uint32_t field, const char *why, struct error *err)
{
	const struct undo_field *at = &undo->fields[field];
	const struct work_link *link = at->object != 0 ? work_link_here(r->work, record, at->object) : NULL;
	struct syncline_slice native = link != NULL ? link->at.native : undo->native;
	const char *before, *after;

	if (field_texts(r, record, undo, field, &before, &after, err) != 0)
		return -1;
	return left(r, record, at->object, native, before, after, why, err);
}

/*
 * Why each field that the run changed stays, NULL: it can go back.  Fields of a group go together; `again`: one waits for another
 * record's value, and is not told yet.
 */
static int
judge_fields(struct rollback *r, struct work_record *record, const struct undo *undo, bool last, const char **why, bool *ret_again, struct error *err)
{
	struct work *work = r->work;
	uint32_t count = work->entity->field_count;
	struct syncline_value *values = arena_array(&work->arena, count + 1u, sizeof *values);
	uint64_t *words = arena_array(&work->arena, work->field_limit + 1u, sizeof *words);
	struct row row = { .values = values, .words = words };

	if (values == NULL || words == NULL)
		return error_memory(err);
	memcpy(values, record->at.values, count * sizeof *values);
	memcpy(words, record->words, work->field_limit * sizeof *words);
	for (uint32_t i = 0; i < count; i++) {
		if (!undo->fields[i].changed)
			continue;
		if (undo_keeps_field(work, record, undo, i, &why[i], err) != 0)
			return -1;
		if (why[i] != NULL)
			continue;
		values[i] = undo->fields[i].former;
		if (vector_word_of(ledger_hash_key(work->ledger), work_field(work, i), &values[i], &work->scratch, &words[work_word(work, i)]) != 0)
			return error_memory(err);
	}
	*ret_again = false;
	for (uint32_t i = 0; i < count; i++) {
		if (!undo->fields[i].changed || why[i] != NULL)
			continue;
		if (undo_is_taken(work, record, &row, i, &why[i], err) != 0)
			return -1;
		*ret_again = *ret_again || (why[i] != NULL && !last);
	}
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t k = 0; k < count && work_field(work, i)->group != NULL; k++)
			if (work_field(work, i)->group == work_field(work, k)->group && undo->fields[i].changed && undo->fields[k].changed && why[i] != NULL &&
			    why[k] == NULL && (why[k] = arena_format(&work->arena, "%s goes with it, and %s", work_field(work, i)->head.name, why[i])) == NULL)
				return error_memory(err);
	return 0;
}

/* The time stays that of the value which is taken back, so that whoever gave it may give the next one. */
static int
stamp(struct work *work, struct work_record *record, uint32_t field, struct error *err)
{
	for (uint32_t i = 0; i < record->at.stamp_count; i++) {
		if (record->at.stamps[i].field != work_word(work, field))
			continue;
		if (record->stamps == NULL) {
			if ((record->stamps = arena_array(&work->arena, work->entity->field_count + record->at.stamp_count + 1u, sizeof *record->stamps)) == NULL)
				return error_memory(err);
			memcpy(record->stamps, record->at.stamps, record->at.stamp_count * sizeof *record->stamps);
			record->at.stamps = record->stamps;
		}
		record->stamps[i].object = 0;
	}
	return 0;
}

static int
restore_field(struct rollback *r, struct work_record *record, const struct undo *undo, uint32_t field, struct error *err)
{
	const struct undo_field *at = &undo->fields[field];
	uint32_t word = work_word(r->work, field);
	struct work_link *link;

	if (work_set(r->work, record, field, &at->former, err) != 0 || stamp(r->work, record, field, err) != 0)
		return -1;
	record->source = at->object;
	/* What the source shows stays what was seen there; that it shows something else is nothing that it lacks. */
	if (at->object == 0 || (link = work_link_here(r->work, record, at->object)) == NULL || link->seen[word] == record->words[word])
		return 0;
	link->sent[word] = record->words[word];
	link->dirty = true;
	return 0;
}

/* 1: once more, when others gave up their values. */
static int
restore_fields(struct rollback *r, struct work_record *record, const struct undo *undo, bool last, struct error *err)
{
	uint32_t count = r->work->entity->field_count;
	const char **why = arena_array(&r->work->arena, count + 1u, sizeof *why);
	bool again;

	if (why == NULL)
		return error_memory(err);
	if (judge_fields(r, record, undo, last, why, &again, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count && !again; i++) {
		if (!undo->fields[i].changed)
			continue;
		if ((why[i] != NULL ? leave_field(r, record, undo, i, why[i], err) : restore_field(r, record, undo, i, err)) != 0)
			return -1;
	}
	return again ? 1 : 0;
}

/* It lives again, where we deleted it and not where others did; the links that it still has show what was not looked at meanwhile. */
static int
revive(struct rollback *r, struct work_record *record, const struct undo *undo, bool last, struct error *err)
{
	struct work *work = r->work;
	struct ledger_history event = { .record = record->at.id, .event = LEDGER_EVENT_RESTORED, .generation = record->at.generation + 1 };
	const char *why, *values;
	int result;

	if (undo_stays_deleted(work, record, undo, &why, err) != 0)
		return -1;
	if (why != NULL)
		return last ? left(r, record, undo->object, undo->native, NULL, NULL, why, err) : 1;
	if ((result = restore_fields(r, record, undo, last, err)) != 0)
		return result;
	buffer_clear(&work->text);
	if (work_json(work, &work->text, record->at.values, NULL) != 0 || (values = arena_copy(&work->arena, work->text.data, work->text.length)) == NULL)
		return error_memory(err);
	work_count(work, LEDGER_COUNT_RESTORED, 1);
	if (work_item(work, LEDGER_COUNT_RESTORED, undo->object, undo->native, record, NULL, values, NULL, err) != 0)
		return -1;
	record->deleted = false;
	record->restored = true;
	for (uint32_t i = 0; i < record->link_count; i++) {
		record->links[i]->spared = record->links[i]->at.state == LEDGER_LINK_TOMBSTONE && !undo_is_removed(undo, record->links[i]);
		if (record->links[i]->at.state == LEDGER_LINK_LIVE) {
			memset(record->links[i]->at.raw, 0, sizeof record->links[i]->at.raw);
			record->links[i]->dirty = true;
		}
	}
	return work_history(work, &event, err) != 0 ? -1 : ledger_undone_end(work->ledger, record->at.id, err);
}

/* 1: once more, when others gave up their values. */
static int
take_back(struct rollback *r, size_t at, bool last, struct error *err)
{
	struct work_record *record = work_loaded(r->work, r->ids[at]);
	struct undo undo;

	if (record == NULL || is_left(r, record->at.id))
		return 0;
	if (undo_read(r->work, record, r->options->run->number, &undo, err) != 0)
		return -1;
	if ((r->fates[at] & FATE_DELETE) != 0)
		return delete_record(r, record, &undo, err);
	if ((r->fates[at] & FATE_STATE) != 0)
		return keep_record(r, record, &undo, r->blockers[at], err);
	if (undo.after == UNDO_DELETED && undo.before == UNDO_LIVE)
		return revive(r, record, &undo, last, err);
	if (undo.after == UNDO_DELETED)
		return 0; /* it came and went within the run */
	if (record->deleted)
		return left(r, record, undo.object, undo.native, NULL, NULL, "it was deleted since", err);
	return restore_fields(r, record, &undo, last, err);
}

static int
round_over_all(struct rollback *r, bool last, size_t *ret_done, struct error *err)
{
	size_t at[PAGE], from = 0;
	uint32_t count;

	*ret_done = 0;
	while (from < r->count && !r->work->engine->stopped) {
		from = next_page(r, from, 0, FATE_DONE, at, &count);
		if (count > 0 && load_page(r, at, count, err) != 0)
			return -1;
		for (uint32_t i = 0; i < count; i++) {
			int result = take_back(r, at[i], last, err);

			if (result < 0)
				return -1;
			if (result == 0) {
				r->fates[at[i]] |= FATE_DONE;
				(*ret_done)++;
			}
		}
		if (count > 0 && work_flush(r->work, err) != 0)
			return -1;
		(void)engine_progress(r->work->engine, "taking back", from, r->count);
	}
	return 0;
}

/* Values pass from record to record: whoever waits for one is looked at again as long as any other went. */
static int
take_back_all(struct rollback *r, struct error *err)
{
	size_t done = 1;

	while (done > 0 && !r->work->engine->stopped)
		if (round_over_all(r, false, &done, err) != 0)
			return -1;
	return round_over_all(r, true, &done, err);
}

/* What is no value of a record of ours, and stays as it is. */
static int
tell_side(struct rollback *r, uint32_t object, uint64_t count, const char *before, const char *after, struct error *err)
{
	static const struct syncline_slice none = { "", 0 };
	char note[200];

	if (count == 0)
		return 0;
	snprintf(note, sizeof note, "%s%" PRIu64 "%s", before, count, after);
	return left(r, NULL, object, none, NULL, NULL, note, err);
}

static int
tell_sides(struct rollback *r, struct error *err)
{
	for (size_t i = 0; i < r->side_count; i++) {
		const struct side *side = &r->sides[i];

		if (tell_side(r, side->object, side->linked, "", " native records that were linked stay linked", err) != 0 ||
		    tell_side(r, side->object, side->edits, "", " values that were edited there, and left or written over, stay as they are", err) != 0 ||
		    tell_side(r, side->object, side->sent, "what the system did by itself when ", " records were written there (mails, postings) is not undone", err) != 0)
			return -1;
	}
	return 0;
}

static int
run_all(struct rollback *r, struct error *err)
{
	if (collect(r, r->work->ledger, r->options->run, err) != 0)
		return -1;
	if ((r->fates = calloc(r->count + 1, sizeof *r->fates)) == NULL || (r->blockers = calloc(r->count + 1, sizeof *r->blockers)) == NULL)
		return error_memory(err);
	if (judge_all(r, err) != 0 || take_back_all(r, err) != 0)
		return -1;
	return tell_sides(r, err);
}

int
intake_rollback(struct intake *intake, const struct intake_rollback *options, struct intake_result *ret_result, struct error *err)
{
	const struct intake_apply_options pass = { .mode = options->mode, .draft = options->draft };
	struct ledger *ledger = intake->engine->ledger;
	struct rollback r = { .options = options, .intake = intake };
	int result = -1;

	if (apply_result(intake, ret_result, err) != 0)
		return -1;
	if ((r.work = calloc(1, sizeof *r.work)) == NULL) {
		intake_result_free(ret_result);
		return error_memory(err);
	}
	snprintf(r.note, sizeof r.note, "rollback of run %" PRId64, options->run->number);
	if (work_init(r.work, intake, &pass, ret_result, err) == 0 && ledger_begin(ledger, err) == 0) {
		r.work->undoes = r.note;
		r.entity = r.work->entity_id;
		result = run_all(&r, err);
		if (result == 0 && options->done != NULL && !intake->engine->stopped)
			result = options->done(options->data, ret_result, err);
		if (result == 0 && options->mode == INTAKE_REAL && !intake->engine->stopped)
			result = ledger_commit(ledger, err);
		else
			ledger_rollback(ledger);
	}
	if (result == 0 && options->mode == INTAKE_REAL && !intake->engine->stopped)
		apply_count(intake->run, ret_result);
	work_free(r.work);
	free(r.work);
	rollback_free(&r);
	if (result != 0)
		intake_result_free(ret_result);
	return result < 0 ? -1 : 0;
}
