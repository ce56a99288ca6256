/* SPDX-License-Identifier: BSD-2-Clause */
/* work.c: see work.h.  What a batch touches is loaded, changed and told; work_flush.c writes it back. */
#include "flow/work.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "flow/values.h"
#include "flow/vector.h"

#define ARENA_BYTES (512u * 1024u * 1024u)

int
work_init(struct work *work, struct intake *intake, const struct intake_apply_options *options, struct intake_result *result, struct error *err)
{
	memset(work, 0, sizeof *work);
	work->intake = intake;
	work->engine = intake->engine;
	work->ledger = intake->engine->ledger;
	work->entity = intake->flow->entity;
	work->entity_id = ledger_entity_id(work->ledger, work->entity);
	work->field_limit = ledger_field_limit(work->ledger, work->entity);
	work->mode = options->mode;
	work->draft = options->draft;
	work->options = options;
	work->result = result;
	work->made_since = INT64_MAX;
	arena_init(&work->arena, ARENA_BYTES);
	buffer_init(&work->scratch, SYNCLINE_RECORD_MAX * 2);
	buffer_init(&work->text, SYNCLINE_RECORD_MAX * 8);
	buffer_init(&work->after, SYNCLINE_RECORD_MAX * 8);
	if ((work->field_words = calloc(work->entity->field_count + 1u, sizeof *work->field_words)) == NULL ||
	    (work->in_key = calloc(work->entity->field_count + 1u, 1)) == NULL)
		return error_memory(err);
	work_find_key_fields(work);
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		work->field_words[i] = ledger_field_id(work->ledger, work->entity, &work->entity->fields[i]);
	if (work->mode == INTAKE_DRY && ledger_link_next(work->ledger, &work->first_link, err) != 0)
		return -1;
	if (work->entity_id == 0)
		return error_set(err, ERROR_INTERNAL, NULL, "the ledger was not opened with the entity \"%s\"", work->entity->head.name);
	return 0;
}

void
work_free(struct work *work)
{
	free(work->field_words);
	free(work->in_key);
	arena_free(&work->arena);
	buffer_free(&work->scratch);
	buffer_free(&work->text);
	buffer_free(&work->after);
}

int
work_begin(struct work *work, struct bound *bound, const struct batch *native, uint64_t started, int64_t read_us, bool full, struct error *err)
{
	arena_reset(&work->arena);
	work->bound = bound;
	work->native = native;
	work->started = started;
	work->read_us = read_us;
	work->full = full;
	work->rows = NULL;
	work->row_count = 0;
	work->records = NULL;
	work->last = &work->records;
	memset(work->record_buckets, 0, sizeof work->record_buckets);
	memset(work->slots, 0, sizeof work->slots);
	memset(work->keys, 0, sizeof work->keys);
	work->history = NULL;
	work->history_count = work->history_room = 0;
	work->marks = NULL;
	work->mark_count = work->mark_room = 0;
	work->counts = NULL;
	work->bulk = work->waiter = false;
	work->odd_row = NULL;
	work->ahead = NULL;
	for (uint32_t i = 0; i < work->result->binding_count; i++)
		if (work->result->bindings[i].binding == bound->binding)
			work->counts = &work->result->bindings[i];
	if (work->counts == NULL)
		work->counts = &work->result->bindings[work->result->binding_count];
	if (ledger_version_id(work->ledger, work->intake->flow_id, bound->version, &work->version, err) != 0)
		return -1;
	return ledger_any_attempt(work->ledger, bound->object, &work->attempts, err);
}

void
work_count(struct work *work, enum ledger_count count, uint64_t more)
{
	work->result->counts[count] += more;
}

/* Hash tables of the batch. */

static uint32_t
bucket_of(const void *data, size_t length)
{
	const uint8_t *p = data;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ p[i]) * 16777619u;
	return (hash ^ hash >> 15) % WORK_BUCKETS;
}

struct work_slot *
work_slot(struct work *work, struct syncline_slice native)
{
	struct work_slot **bucket = &work->slots[bucket_of(native.data, native.length)], *slot;

	for (slot = *bucket; slot != NULL; slot = slot->chain)
		if (slot->native.length == native.length && (native.length == 0 || memcmp(slot->native.data, native.data, native.length) == 0))
			return slot;
	if ((slot = arena_zalloc(&work->arena, sizeof *slot)) == NULL)
		return NULL;
	slot->native = native;
	slot->chain = *bucket;
	*bucket = slot;
	return slot;
}

struct work_record *
work_loaded(const struct work *work, int64_t id)
{
	struct work_record *record = work->record_buckets[(uint64_t)id % WORK_BUCKETS];

	while (record != NULL && record->at.id != id)
		record = record->chain;
	return record;
}

struct work_record *
work_record_of(const struct work *work, const struct work_link *link)
{
	return work_loaded(work, link->at.record);
}

static void
keep_record(struct work *work, struct work_record *record)
{
	struct work_record **bucket = &work->record_buckets[(uint64_t)record->at.id % WORK_BUCKETS];

	record->chain = *bucket;
	*bucket = record;
	*work->last = record;
	work->last = &record->next;
}

static struct work_record *
make_record(struct work *work)
{
	struct work_record *record = arena_zalloc(&work->arena, sizeof *record);

	if (record == NULL)
		return NULL;
	record->words = arena_array(&work->arena, work->field_limit + 1u, sizeof *record->words);
	record->changed = arena_array(&work->arena, BOUND_WORDS(work->entity), sizeof *record->changed);
	return record->words != NULL && record->changed != NULL ? record : NULL;
}

static int
add_link(struct work *work, struct work_record *record, struct work_link *link)
{
	if (record->link_count == record->link_room) {
		uint32_t room = record->link_room > 0 ? record->link_room * 2 : 4;
		struct work_link **links = arena_array(&work->arena, room, sizeof *links);

		if (links == NULL)
			return -1;
		if (record->link_count > 0)
			memcpy(links, record->links, record->link_count * sizeof *links);
		record->links = links;
		record->link_room = room;
	}
	record->links[record->link_count++] = link;
	return 0;
}

/* The link's vectors as words: NULL in the ledger stands for the record's own. */
static struct work_link *
make_link(struct work *work, const struct ledger_link *from, const uint64_t *words)
{
	struct work_link *link = arena_zalloc(&work->arena, sizeof *link);
	size_t size = work->field_limit * sizeof *link->sent;

	if (link == NULL || (link->sent = arena_array(&work->arena, work->field_limit + 1u, sizeof *link->sent)) == NULL ||
	    (link->seen = arena_array(&work->arena, work->field_limit + 1u, sizeof *link->seen)) == NULL)
		return NULL;
	link->at = link->row = *from;
	link->was = from->state;
	link->unheard = work_is_unheard(from);
	memcpy(link->sent, from->sent != NULL ? from->sent : words, size);
	memcpy(link->seen, from->seen != NULL ? from->seen : words, size);
	return link;
}

/* Loads records by their ids, with all their links; those that are there already are left alone. */
int
work_load_records(struct work *work, const int64_t *ids, uint32_t count, struct error *err)
{
	struct ledger_record *found = arena_array(&work->arena, count + 1u, sizeof *found);
	uint32_t *first = arena_array(&work->arena, count + 2u, sizeof *first);
	struct ledger_link *links;
	size_t size = work->entity->field_count * sizeof *found->values;

	if (found == NULL || first == NULL)
		return error_memory(err);
	if (count == 0)
		return 0;
	if (ledger_records_get(work->ledger, work->entity, ids, count, &work->arena, found, err) != 0 ||
	    ledger_links_of(work->ledger, work->entity, ids, count, &work->arena, &links, first, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct work_record *record;

		if (found[i].id == 0 || work_loaded(work, found[i].id) != NULL)
			continue;
		if ((record = make_record(work)) == NULL || (record->was = arena_array(&work->arena, work->field_limit + 1u, sizeof *record->was)) == NULL ||
		    (record->before = arena_array(&work->arena, work->entity->field_count + 1u, sizeof *record->before)) == NULL)
			return error_memory(err);
		record->at = found[i];
		record->rules = found[i].version;
		record->deleted = found[i].state == LEDGER_DELETED;
		memcpy(record->before, found[i].values, size);
		if (vector_of(work->ledger, work->entity, found[i].values, &work->scratch, record->words) != 0)
			return error_memory(err);
		memcpy(record->was, record->words, work->field_limit * sizeof *record->was);
		for (uint32_t k = first[i]; k < first[i + 1]; k++) {
			struct work_link *link = make_link(work, &links[k], record->words);

			if (link == NULL || add_link(work, record, link) != 0)
				return error_memory(err);
		}
		keep_record(work, record);
	}
	return 0;
}

int
work_record(struct work *work, int64_t id, struct work_record **ret_record, struct error *err)
{
	if ((*ret_record = work_loaded(work, id)) != NULL)
		return 0;
	if (work_load_records(work, &id, 1, err) != 0)
		return -1;
	*ret_record = work_loaded(work, id);
	return 0;
}

/* The link of this id among those of its record. */
struct work_link *
work_link_of(const struct work_record *record, int64_t id)
{
	for (uint32_t i = 0; record != NULL && i < record->link_count; i++)
		if (record->links[i]->at.id == id)
			return record->links[i];
	return NULL;
}

int
work_load_links(struct work *work, const struct syncline_slice *natives, uint32_t count, struct error *err)
{
	int64_t *links = arena_array(&work->arena, count + 1u, sizeof *links), *records = arena_array(&work->arena, count + 1u, sizeof *records);
	int64_t *ids = arena_array(&work->arena, count + 1u, sizeof *ids);
	uint32_t wanted = 0;

	if (links == NULL || records == NULL || ids == NULL)
		return error_memory(err);
	if (count == 0)
		return 0;
	if (ledger_links_find(work->ledger, work->bound->object, work->intake->unit_id, natives, count, links, records, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (links[i] != 0 && work_loaded(work, records[i]) == NULL)
			ids[wanted++] = records[i];
	if (work_load_records(work, ids, wanted, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct work_slot *slot = work_slot(work, natives[i]);

		if (slot == NULL)
			return error_memory(err);
		if (links[i] == 0)
			continue;
		slot->link = work_link_of(work_loaded(work, records[i]), links[i]);
		if (slot->link == NULL)
			return error_set(err, ERROR_INTERNAL, "`syncline doctor` checks the ledger.",
			                 "the link %lld of the record %lld leads nowhere", (long long)links[i], (long long)records[i]);
		slot->link->reader = work->bound;
		/* A row of an earlier read made it meanwhile. */
		if (slot->link->at.id >= work->made_since && slot->link->at.there < work->started) {
			slot->link->at.there = work->started;
			slot->link->dirty = true;
		}
	}
	return 0;
}

struct work_record *
work_new_record(struct work *work, struct error *err)
{
	struct work_record *record = make_record(work);

	if (record == NULL ||
	    (record->at.values = arena_array(&work->arena, work->entity->field_count + 1u, sizeof *record->at.values)) == NULL) {
		error_fill_memory(err);
		return NULL;
	}
	if (ledger_new_ids(work->ledger, 1, &record->at.id, err) != 0)
		return NULL;
	if (work->first_new == 0)
		work->first_new = record->at.id;
	record->at.unit = work->intake->unit_id;
	record->at.generation = 1;
	record->fresh = record->dirty = true;
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		record->at.values[i].type = SYNCLINE_TYPE_NULL;
		record->words[work_word(work, i)] = VECTOR_NULL;
	}
	keep_record(work, record);
	return record;
}

struct work_link *
work_new_link(struct work *work, struct work_record *record, uint32_t object, struct syncline_slice native, struct error *err)
{
	struct ledger_link from = { .object = object, .unit = work->intake->unit_id, .native = native, .record = record->at.id,
		.there = work->started };
	struct work_link *link;
	uint64_t *nothing = arena_array(&work->arena, work->field_limit + 1u, sizeof *nothing);

	from.sent = from.seen = nothing;
	if (nothing == NULL || (link = make_link(work, &from, nothing)) == NULL || add_link(work, record, link) != 0) {
		error_fill_memory(err);
		return NULL;
	}
	link->dirty = true;
	return link;
}

struct work_link *
work_link_at(const struct work_record *record, uint32_t object)
{
	for (uint32_t i = 0; i < record->link_count; i++)
		if (record->links[i]->at.object == object && record->links[i]->at.state == LEDGER_LINK_LIVE)
			return record->links[i];
	return NULL;
}

struct work_link *
work_link_here(const struct work *work, const struct work_record *record, uint32_t object)
{
	for (uint32_t i = 0; i < record->link_count; i++)
		if (record->links[i]->at.object == object && record->links[i]->at.state == LEDGER_LINK_LIVE &&
		    record->links[i]->at.unit == work->intake->unit_id)
			return record->links[i];
	return NULL;
}

/* Changing. */

int
work_set(struct work *work, struct work_record *record, uint32_t field, const struct syncline_value *value, struct error *err)
{
	struct syncline_value *at = &record->at.values[field];
	bool was_null = at->type == SYNCLINE_TYPE_NULL;

	if (vector_word_of(ledger_hash_key(work->ledger), work_field(work, field), value, &work->scratch, &record->words[work_word(work, field)]) != 0)
		return error_memory(err);
	*at = *value;
	record->changed[field / 64] |= UINT64_C(1) << (field % 64);
	record->dirty = true;
	record->source = work->bound->object;
	if (!record->fresh && !was_null && value->type == SYNCLINE_TYPE_NULL) {
		work_count(work, LEDGER_COUNT_CLEARED, 1);
		work->counts->cleared++;
	}
	return 0;
}

int
work_history(struct work *work, const struct ledger_history *row, struct error *err)
{
	if (work->history_count == work->history_room) {
		uint32_t room = work->history_room > 0 ? work->history_room * 2 : 256;
		struct ledger_history *rows = arena_array(&work->arena, room, sizeof *rows);

		if (rows == NULL)
			return error_memory(err);
		if (work->history_count > 0)
			memcpy(rows, work->history, work->history_count * sizeof *rows);
		work->history = rows;
		work->history_room = room;
	}
	work->history[work->history_count] = *row;
	work->history[work->history_count].entity = work->entity_id;
	work->history[work->history_count].unit = work->intake->unit_id;
	work->history[work->history_count].run = work->intake->run->number;
	if (work->undoes != NULL && (row->event == LEDGER_EVENT_CREATED || row->event == LEDGER_EVENT_CHANGED || row->event == LEDGER_EVENT_DELETED ||
	    row->event == LEDGER_EVENT_RESTORED)) {
		work->history[work->history_count].object = 0;
		work->history[work->history_count].native = (struct syncline_slice){ NULL, 0 };
		work->history[work->history_count].who = ledger_who(work->ledger);
		work->history[work->history_count].note = work->undoes;
	}
	work->history[work->history_count++].version = work->version;
	return 0;
}

static int
add_mark(struct work *work, const struct ledger_delivery *mark, struct error *err)
{
	if (work->mark_count == work->mark_room) {
		uint32_t room = work->mark_room > 0 ? work->mark_room * 2 : 256;
		struct ledger_delivery *marks = arena_array(&work->arena, room, sizeof *marks);

		if (marks == NULL)
			return error_memory(err);
		if (work->mark_count > 0)
			memcpy(marks, work->marks, work->mark_count * sizeof *marks);
		work->marks = marks;
		work->mark_room = room;
	}
	work->marks[work->mark_count++] = *mark;
	return 0;
}

int
work_mark(struct work *work, const struct bound *target, const struct work_record *record, uint8_t op, struct error *err)
{
	const struct ledger_delivery mark = { .binding = target->id, .unit = work->intake->unit_id, .record = record->at.id, .want = record->at.generation,
		.op = op, .run = work->intake->run->number, .since_us = ledger_now(work->ledger) };

	return add_mark(work, &mark, err);
}

int
work_mark_again(struct work *work, const struct bound *target, int64_t record, struct error *err)
{
	const struct ledger_delivery mark = { .binding = target->id, .unit = work->intake->unit_id, .record = record, .want = 1,
		.op = LEDGER_WANT_WRITE, .run = work->intake->run->number, .since_us = ledger_now(work->ledger), .again = true };

	return add_mark(work, &mark, err);
}

static void
say_where(const struct work *work, const struct row *row, struct ledger_finding *finding)
{
	finding->flow = work->intake->flow_id;
	finding->unit = work->intake->unit_id;
	finding->object = work->bound->object;
	finding->run = work->intake->run->number;
	if (row != NULL) {
		finding->native = row->native;
		memcpy(finding->raw, row->raw, sizeof finding->raw);
	}
}

/* For a plan, which keeps no finding: of which field it is. */
static const char *
note_of(struct work *work, const struct ledger_finding *finding)
{
	if (finding->field == NULL || finding->message == NULL || strncmp(finding->message, finding->field, strlen(finding->field)) == 0)
		return finding->message;
	return arena_format(&work->arena, "%s: %s", finding->field, finding->message);
}

int
work_reject(struct work *work, const struct row *row, struct ledger_finding *finding, struct error *err)
{
	bool archived = false;
	const char *note;

	say_where(work, row, finding);
	if (row->finding == 0 && ledger_reject_archived(work->ledger, finding, &archived, err) != 0)
		return -1;
	work_count(work, archived ? LEDGER_COUNT_IGNORED : LEDGER_COUNT_REJECTED, 1);
	if (archived)
		return 0;
	if ((note = note_of(work, finding)) == NULL && finding->message != NULL)
		return error_memory(err);
	if (work_item(work, LEDGER_COUNT_REJECTED, work->bound->object, row->native, NULL, NULL, NULL, note, err) != 0)
		return -1;
	return work_find(work, row, finding, true, err);
}

/* A finding about a row; with keep_row the row is kept, so that a decision or a retry needs no new read. */
int
work_find(struct work *work, const struct row *row, struct ledger_finding *finding, bool keep_row, struct error *err)
{
	struct batch *one = NULL;
	int64_t id = 0;
	int result;

	say_where(work, row, finding);
	if (ledger_find(work->ledger, finding, &id, err) != 0)
		return -1;
	finding->id = id;
	if (!keep_row || row == NULL || row->what == ROW_GONE)
		return 0;
	if ((one = values_one_row(work->native, row->index, err)) == NULL)
		return -1;
	result = ledger_finding_row(work->ledger, id, one, err);
	batch_free(one);
	return result;
}

int
work_json(struct work *work, struct buffer *out, const struct syncline_value *values, const uint64_t *set)
{
	bool first = true;

	buffer_char(out, '{');
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		if (set != NULL ? !bound_has(set, i) : values[i].type <= SYNCLINE_TYPE_NULL)
			continue;
		if (!first)
			buffer_char(out, ',');
		first = false;
		text_json_string(out, work->entity->fields[i].head.name, strlen(work->entity->fields[i].head.name));
		buffer_char(out, ':');
		values_json(out, &values[i]);
	}
	buffer_char(out, '}');
	return out->failed ? -1 : 0;
}

static int
add_item(struct work *work, struct ledger_plan_item *item, const struct work_record *record, struct error *err)
{
	if (work->draft == NULL)
		return 0;
	/* The number of a record that this pass made is another one in the next pass. */
	if (record != NULL && !record->fresh && (work->first_new == 0 || record->at.id < work->first_new)) {
		item->record = record->at.id;
		item->generation = record->at.generation - (record->dirty ? 1 : 0);
	}
	return ledger_plan_draft_add(work->draft, item, err);
}

int
work_item(struct work *work, enum ledger_count what, uint32_t object, struct syncline_slice native, const struct work_record *record,
          const char *before, const char *after, const char *note, struct error *err)
{
	struct ledger_plan_item item = { .what = what, .object = object, .native = native, .before = before, .after = after, .note = note };

	if (note == NULL)
		item.note = work->undoes;
	return add_item(work, &item, record, err);
}

int
work_item_sent(struct work *work, enum ledger_count what, const struct bound *target, struct syncline_slice native, const struct work_record *record,
               struct error *err)
{
	struct ledger_plan_item item = { .what = what, .object = ledger_object_id(work->ledger, target->binding->object), .native = native,
		.mark = { target->id, record->at.id, record->at.generation } };

	return add_item(work, &item, record, err);
}
