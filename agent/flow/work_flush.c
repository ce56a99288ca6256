/* SPDX-License-Identifier: BSD-2-Clause */
/* work_flush.c: what became of the records that a batch touched is written back: records, links, keys, history, marks. */
#include "flow/work.h"

#include <string.h>

#include "flow/marks.h"
#include "flow/values.h"

/* What changed in a record since it was loaded; a value that went there and back did not. */
static bool
really_changed(struct work *work, struct work_record *record)
{
	bool any = false;

	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint32_t word = work_word(work, i);

		if (!record->fresh && bound_has(record->changed, i) && record->words[word] == record->was[word])
			record->changed[i / 64] &= ~(UINT64_C(1) << (i % 64));
		any = any || bound_has(record->changed, i);
	}
	return any;
}

/* A vector as the ledger keeps it: NULL when it says of every field that this link has to do with what the record says. */
static const uint64_t *
kept_vector(struct work *work, const uint64_t *words, const struct work_record *record, const uint64_t *fields)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint32_t word = work_word(work, i);

		if (bound_has(fields, i) && words[word] != record->words[word])
			return words;
	}
	return NULL;
}

/* Canonical fields that are read from, or written to, an object. */
uint64_t *
work_object_fields(struct work *work, uint32_t object)
{
	uint32_t words = BOUND_WORDS(work->entity);
	uint64_t *fields = arena_array(&work->arena, words, sizeof *fields);

	for (uint32_t i = 0; fields != NULL && i < work->engine->bound_count; i++) {
		const struct bound *bound = &work->engine->bounds[i];

		if (bound->object != object || bound->binding->flow->entity != work->entity)
			continue;
		for (uint32_t w = 0; w < words; w++)
			fields[w] |= (bound->reads != NULL ? bound->reads[w] : 0) | (bound->writes != NULL ? bound->writes[w] : 0);
	}
	return fields;
}

struct field_sets {
	uint32_t object[16];
	uint64_t *fields[16];
	uint32_t count;
};

static const uint64_t *
cached_fields(struct work *work, struct field_sets *sets, uint32_t object)
{
	for (uint32_t i = 0; i < sets->count; i++)
		if (sets->object[i] == object)
			return sets->fields[i];
	if (sets->count == 16)
		return work_object_fields(work, object);
	sets->object[sets->count] = object;
	return sets->fields[sets->count++] = work_object_fields(work, object);
}

/*
 * The links of a record that have to be written: those that were touched, and those whose vectors were the record's own until
 * it changed.  kept_vector finds both: a vector that says the same stays NULL.
 */
static int
collect_links(struct work *work, struct work_record *record, bool changed, struct field_sets *sets, struct ledger_link *links,
              struct work_link **from, uint32_t *count, struct error *err)
{
	for (uint32_t i = 0; i < record->link_count; i++) {
		struct work_link *link = record->links[i];
		const uint64_t *fields;

		if (!link->dirty && !changed)
			continue;
		if ((fields = cached_fields(work, sets, link->at.object)) == NULL)
			return error_memory(err);
		link->at.sent = kept_vector(work, link->sent, record, fields);
		link->at.seen = kept_vector(work, link->seen, record, fields);
		from[*count] = link;
		links[*count] = link->at;
		links[(*count)++].was = link->row.id != 0 ? &link->row : NULL;
	}
	return 0;
}

/* The record's event, with its values before and after. */
static int
tell_change(struct work *work, struct work_record *record, bool changed, struct error *err)
{
	struct ledger_history row = { .record = record->at.id, .object = record->source, .generation = record->at.generation };
	const struct work_link *link = record->source != 0 ? work_link_at(record, record->source) : NULL;
	enum ledger_count what = record->fresh ? LEDGER_COUNT_CREATED : LEDGER_COUNT_CHANGED;

	if (!record->fresh && !changed)
		return 0;
	if (link != NULL)
		row.native = link->at.native;
	buffer_clear(&work->text);
	buffer_clear(&work->after);
	if ((!record->fresh && work_json(work, &work->text, record->before, record->changed) != 0) ||
	    work_json(work, &work->after, record->at.values, record->fresh ? NULL : record->changed) != 0)
		return error_memory(err);
	row.event = record->fresh ? LEDGER_EVENT_CREATED : LEDGER_EVENT_CHANGED;
	row.before = record->fresh ? NULL : arena_copy(&work->arena, work->text.data, work->text.length);
	row.after = arena_copy(&work->arena, work->after.data, work->after.length);
	if (row.after == NULL || (!record->fresh && row.before == NULL))
		return error_memory(err);
	work_count(work, what, 1);
	if (record->fresh)
		work->counts->creates++;
	else
		work->counts->updates++;
	if (work_item(work, what, record->source, row.native, record, row.before, row.after, NULL, err) != 0)
		return -1;
	return work_history(work, &row, err);
}

/* Links that were only understood anew: their canonical values are what they were. */
static int
flush_understood(struct work *work, struct error *err)
{
	int64_t *ids = arena_array(&work->arena, work->row_count + 1u, sizeof *ids);
	uint8_t (*raws)[16] = arena_array(&work->arena, work->row_count + 1u, sizeof *raws);
	struct syncline_slice *versions = arena_array(&work->arena, work->row_count + 1u, sizeof *versions);
	uint32_t count = 0;

	if (ids == NULL || raws == NULL || versions == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < work->row_count; i++) {
		struct work_link *link = work->rows[i].link;

		if (link == NULL || link->dirty || !link->understood)
			continue;
		ids[count] = link->at.id;
		memcpy(raws[count], link->at.raw, sizeof raws[count]);
		versions[count++] = link->at.version;
		link->understood = false;
	}
	return count > 0 ? ledger_links_understood(work->ledger, ids, (const uint8_t (*)[16])raws, versions, count, work->version, err) : 0;
}

/* Under other rules it may have other keys, though it is what it was; under the same ones only what they are made of gives it others. */
static bool
may_have_other_keys(const struct work *work, const struct work_record *record, bool state)
{
	if (record->fresh || state || record->rules != work->version || !work->bound->binding->reads)
		return record->dirty || state || record->rules != work->version;
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		/* To the letter: 1.10 is 1.1 to the merge, and another text. */
		if (work->in_key[i] && !values_equal(&record->before[i], &record->at.values[i]))
			return true;
	return false;
}

int
work_flush(struct work *work, struct error *err)
{
	struct field_sets sets = { .count = 0 };
	struct ledger_record *records;
	struct ledger_link *links;
	struct work_link **from;
	uint32_t record_count = 0, link_count = 0, link_room = 0, all = 0;

	if (flush_understood(work, err) != 0)
		return -1;
	for (struct work_record *record = work->records; record != NULL; record = record->next, all++)
		link_room += record->link_count;
	records = arena_array(&work->arena, all + 1u, sizeof *records);
	links = arena_array(&work->arena, link_room + 1u, sizeof *links);
	from = arena_array(&work->arena, link_room + 1u, sizeof *from);
	if (records == NULL || links == NULL || from == NULL)
		return error_memory(err);
	for (struct work_record *record = work->records; record != NULL; record = record->next) {
		bool changed = really_changed(work, record), state = record->deleted != (record->at.state == LEDGER_DELETED);

		if (!record->fresh && (changed || state || record->restored))
			record->at.generation++;
		record->at.state = record->deleted ? LEDGER_DELETED : LEDGER_LIVE;
		if (record->fresh || changed || state || record->stamps != NULL || record->moved) {
			record->at.version = work->version;
			record->at.updated_us = ledger_now(work->ledger);
			records[record_count++] = record->at;
		}
		record->dirty = record->fresh || changed;
		/* Marking ends links of deleted records. */
		if (tell_change(work, record, changed, err) != 0 || (may_have_other_keys(work, record, state) && work_match_keys(work, record, err) != 0) ||
		    marks_of_record(work, record, changed, state, err) != 0 ||
		    collect_links(work, record, changed, &sets, links, from, &link_count, err) != 0)
			return -1;
	}
	if ((record_count > 0 && ledger_records_put(work->ledger, work->entity, records, record_count, err) != 0) ||
	    (link_count > 0 && ledger_links_put(work->ledger, work->entity, links, link_count, err) != 0) ||
	    (work->history_count > 0 && ledger_history_add(work->ledger, work->history, work->history_count, err) != 0) ||
	    (work->mark_count > 0 && ledger_deliver(work->ledger, work->marks, work->mark_count, err) != 0))
		return -1;
	for (uint32_t i = 0; i < link_count; i++) {
		from[i]->at.id = links[i].id;
		from[i]->row = links[i];
		from[i]->row.was = NULL;
	}
	return 0;
}
