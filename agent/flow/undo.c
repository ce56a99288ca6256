/* SPDX-License-Identifier: BSD-2-Clause */
/* undo.c: see undo.h. */
#include "flow/undo.h"

#include <json.h>
#include <string.h>

#include "flow/contents.h"
#include "flow/vector.h"

struct reading {
	struct work *work;
	struct undo *undo;
	bool memory;
};

/* What was sealed, and can't be opened here or ever (ledger/history_seal.c). */
static bool
is_closed(struct json_object *json)
{
	struct json_object *word;

	return json_object_is_type(json, json_type_object) && json_object_object_length(json) == 1 &&
	       (json_object_object_get_ex(json, "sealed", &word) || json_object_object_get_ex(json, "erased", &word)) &&
	       json_object_is_type(word, json_type_boolean);
}

/* The configuration may have given the field another type since. */
static bool
fits(const struct config_field *field, const struct syncline_value *value)
{
	if (value->type == SYNCLINE_TYPE_NULL)
		return !field->required;
	switch (field->type) {
	case CONFIG_FIELD_INTEGER:
	case CONFIG_FIELD_REF:
		return value->type == SYNCLINE_TYPE_INTEGER;
	case CONFIG_FIELD_BOOLEAN:
		return value->type == SYNCLINE_TYPE_BOOLEAN;
	case CONFIG_FIELD_DECIMAL:
		return value->type == SYNCLINE_TYPE_DECIMAL;
	case CONFIG_FIELD_DATE:
		return value->type == SYNCLINE_TYPE_DATE;
	case CONFIG_FIELD_TIMESTAMP:
		return value->type == SYNCLINE_TYPE_TIMESTAMP;
	case CONFIG_FIELD_LIST:
	case CONFIG_FIELD_CONTENT:
		return value->type == SYNCLINE_TYPE_JSON;
	case CONFIG_FIELD_JSON:
		return true;
	default:
		return value->type == SYNCLINE_TYPE_TEXT;
	}
}

/* A field's value in an event; false: it is not there. */
static bool
member(struct reading *reading, struct json_object *event, const struct config_field *field, struct syncline_value *ret_value, bool *ret_known)
{
	struct json_object *json;

	if (event == NULL || !json_object_object_get_ex(event, field->head.name, &json))
		return false;
	*ret_known = !is_closed(json) && work_value_of(&reading->work->arena, field, json, ret_value) && fits(field, ret_value);
	/* A number as it is kept by a field of type json is no integer to it. */
	if (*ret_known && field->type == CONFIG_FIELD_JSON && ret_value->type != SYNCLINE_TYPE_NULL && ret_value->type != SYNCLINE_TYPE_JSON) {
		const char *text = arena_text(&reading->work->arena, json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));

		if ((reading->memory = text == NULL))
			return false;
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_JSON, .length = (uint32_t)strlen(text), .u.data = text };
	}
	return true;
}

static struct json_object *
parse(const char *text)
{
	struct json_object *all = text != NULL ? json_tokener_parse(text) : NULL;

	if (all == NULL || json_object_is_type(all, json_type_object))
		return all;
	json_object_put(all);
	return NULL;
}

static void
take_place(struct reading *reading, const struct ledger_history *row)
{
	struct undo *undo = reading->undo;

	undo->object = row->object;
	undo->native = (struct syncline_slice){ "", 0 };
	if (row->native.length > 0) {
		undo->native.data = arena_copy(&reading->work->arena, row->native.data, row->native.length);
		undo->native.length = row->native.length;
		reading->memory = reading->memory || undo->native.data == NULL;
	}
}

/* Of the run itself: the first value before it counts, and the last one after it. */
static void
take_change(struct reading *reading, const struct ledger_history *row)
{
	struct json_object *before = parse(row->before), *after = parse(row->after);
	struct undo *undo = reading->undo;

	for (uint32_t i = 0; i < reading->work->entity->field_count; i++) {
		const struct config_field *field = work_field(reading->work, i);
		struct undo_field *at = &undo->fields[i];
		struct syncline_value value;
		bool known = false;

		if (!at->changed && member(reading, before, field, &value, &known)) {
			at->changed = true;
			at->known = known;
			at->former = value;
		}
		if (member(reading, after, field, &value, &known)) {
			at->told = known;
			at->after = value;
			at->object = row->object;
		}
	}
	json_object_put(before);
	json_object_put(after);
	if (undo->after == UNDO_NOTHING)
		take_place(reading, row);
}

static void
take_state(struct reading *reading, const struct ledger_history *row, enum undo_state before, enum undo_state after)
{
	struct undo *undo = reading->undo;

	if (undo->after == UNDO_NOTHING)
		undo->before = before;
	undo->after = after;
	take_place(reading, row);
}

static void
take_later(struct reading *reading, const struct ledger_history *row)
{
	struct undo *undo = reading->undo;
	int64_t run = row->run != 0 ? row->run : UNDO_SOMEBODY;
	struct json_object *after;

	if (row->event != LEDGER_EVENT_CHANGED && row->event != LEDGER_EVENT_DELETED && row->event != LEDGER_EVENT_RESTORED)
		return;
	undo->later = undo->later != 0 ? undo->later : run;
	if (row->event != LEDGER_EVENT_CHANGED) {
		undo->gone = undo->gone != 0 ? undo->gone : run;
		return;
	}
	after = parse(row->after);
	for (uint32_t i = 0; after != NULL && i < reading->work->entity->field_count; i++)
		if (undo->fields[i].later == 0 && json_object_object_get_ex(after, work_field(reading->work, i)->head.name, NULL))
			undo->fields[i].later = run;
	json_object_put(after);
}

static int
take_native(struct reading *reading, const struct ledger_history *row, struct undo_native **list)
{
	struct undo_native *one = arena_zalloc(&reading->work->arena, sizeof *one);

	if (one == NULL || (one->native.data = arena_copy(&reading->work->arena, row->native.data, row->native.length)) == NULL)
		return -1;
	one->object = row->object;
	one->native.length = row->native.length;
	one->next = *list;
	*list = one;
	return 0;
}

static int
take_row(void *data, const struct ledger_history *row)
{
	struct reading *reading = data;
	struct undo *undo = reading->undo;

	if ((row->event == LEDGER_EVENT_SENT_CREATE || row->event == LEDGER_EVENT_ADOPTED) && row->native.length > 0 &&
	    take_native(reading, row, &undo->made) != 0)
		reading->memory = true;
	if (row->event == LEDGER_EVENT_SENT_DELETE && row->native.length > 0 && take_native(reading, row, &undo->removed) != 0)
		reading->memory = true;
	if (row->run == undo->run) {
		undo->any = true;
		if (row->event == LEDGER_EVENT_CREATED)
			take_state(reading, row, UNDO_NOTHING, UNDO_LIVE);
		else if (row->event == LEDGER_EVENT_RESTORED)
			take_state(reading, row, UNDO_DELETED, UNDO_LIVE);
		else if (row->event == LEDGER_EVENT_DELETED)
			take_state(reading, row, UNDO_LIVE, UNDO_DELETED);
		else if (row->event == LEDGER_EVENT_CHANGED)
			take_change(reading, row);
	} else if (undo->any) {
		take_later(reading, row);
	}
	return reading->memory ? -1 : 0;
}

int
undo_read(struct work *work, const struct work_record *record, int64_t run, struct undo *ret_undo, struct error *err)
{
	struct reading reading = { .work = work, .undo = ret_undo };

	*ret_undo = (struct undo){ .run = run, .native = { "", 0 } };
	if ((ret_undo->fields = arena_array(&work->arena, work->entity->field_count + 1u, sizeof *ret_undo->fields)) == NULL)
		return error_memory(err);
	if (ledger_history_of(work->ledger, record->at.id, take_row, &reading, err) != 0)
		return reading.memory ? error_memory(err) : -1;
	/* Without a word of it the record was there before the run and after it. */
	if (ret_undo->after == UNDO_NOTHING)
		ret_undo->before = ret_undo->after = UNDO_LIVE;
	return 0;
}

/* why NULL: there was no memory for it. */
static int
say(const char **ret_why, const char *why, struct error *err)
{
	*ret_why = why;
	return why != NULL ? 0 : error_memory(err);
}

static const char *
by_run(struct work *work, const char *what, int64_t run)
{
	return run == UNDO_SOMEBODY ? arena_format(&work->arena, "%s since", what) : arena_format(&work->arena, "%s since, by run %lld", what, (long long)run);
}

static bool
is_among(const struct undo_native *list, const struct ledger_link *link)
{
	for (; list != NULL; list = list->next)
		if (list->object == link->object && list->native.length == link->native.length &&
		    memcmp(list->native.data, link->native.data, link->native.length) == 0)
			return true;
	return false;
}

bool
undo_is_removed(const struct undo *undo, const struct work_link *link)
{
	return is_among(undo->removed, &link->at);
}

struct work_link *
undo_own_link(const struct work_record *record, const struct undo *undo, uint32_t *ret_count)
{
	struct work_link *own = NULL;

	*ret_count = 0;
	for (uint32_t i = 0; i < record->link_count; i++)
		if ((record->links[i]->at.state == LEDGER_LINK_LIVE || record->links[i]->at.state == LEDGER_LINK_MISSING) &&
		    !is_among(undo->made, &record->links[i]->at)) {
			/* The one that it came with stands for all that it came with. */
			if (own == NULL || record->links[i]->at.object == undo->object)
				own = record->links[i];
			(*ret_count)++;
		}
	return own;
}

static bool
has_document(const struct work *work, const struct work_record *record)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (work_field(work, i)->type == CONFIG_FIELD_CONTENT && record->at.values[i].type != SYNCLINE_TYPE_NULL)
			return true;
	return false;
}

/* The first system whose own native record it is, beside the one that it came from. */
static const struct ledger_link *
linked_own(const struct work_record *record, const struct undo *undo, const struct work_link *source)
{
	for (uint32_t i = 0; i < record->link_count; i++) {
		const struct ledger_link *at = &record->links[i]->at;

		if (record->links[i] != source && at->state != LEDGER_LINK_TOMBSTONE && at->state != LEDGER_LINK_UNLINKED && !is_among(undo->made, at))
			return at;
	}
	return NULL;
}

int
undo_keeps_record(struct work *work, const struct work_record *record, const struct undo *undo, const char **ret_why, struct error *err)
{
	const struct ledger_link *other;
	struct work_link *source;
	uint32_t own;
	bool locked;

	*ret_why = NULL;
	if (undo->gone != 0)
		return say(ret_why, by_run(work, "it was deleted or came back", undo->gone), err);
	if (record->deleted)
		return say(ret_why, "it was deleted since", err);
	if (undo->later != 0)
		return say(ret_why, by_run(work, "it was changed", undo->later), err);
	if (work->entity->booked)
		return say(ret_why, "it is booked, which only another booking takes back", err);
	if (has_document(work, record))
		return say(ret_why, "it is a document, and documents are not removed", err);
	if (work_locked(work, record, NULL, &locked, err) != 0)
		return -1;
	if (locked)
		return say(ret_why, "it is locked", err);
	source = undo_own_link(record, undo, &own);
	if ((other = linked_own(record, undo, source)) != NULL) {
		if (other->object == source->at.object)
			return say(ret_why, "another unit has it, too", err);
		return say(ret_why, arena_format(&work->arena, "%.*s of %s, which was there before, is linked to it",
		           (int)(other->native.length < 200 ? other->native.length : 200), (const char *)other->native.data,
		           ledger_object_name(work->ledger, other->object)), err);
	}
	return 0;
}

/* A record that the ref of the row points to must live. */
static int
ref_is_gone(struct work *work, uint32_t field, const struct syncline_value *value, bool *ret_gone, struct error *err)
{
	const struct config_entity *parent;
	struct ledger_record found = { .id = 0 };

	*ret_gone = false;
	if (work_field(work, field)->type != CONFIG_FIELD_REF || value->type != SYNCLINE_TYPE_INTEGER)
		return 0;
	parent = ledger_record_entity(work->ledger, value->u.integer);
	if (parent != NULL && ledger_records_get(work->ledger, parent, &value->u.integer, 1, &work->arena, &found, err) != 0)
		return -1;
	*ret_gone = found.id == 0 || found.state == LEDGER_DELETED;
	return 0;
}

int
undo_is_taken(struct work *work, const struct work_record *record, const struct row *row, uint32_t field, const char **ret_why, struct error *err)
{
	int64_t holder;

	*ret_why = NULL;
	if (work_unique_holder(work, row, record, field, &holder, err) != 0)
		return -1;
	return holder == 0 ? 0 : say(ret_why, arena_format(&work->arena, "record %lld has this value by now", (long long)holder), err);
}

int
undo_stays_deleted(struct work *work, const struct work_record *record, const struct undo *undo, const char **ret_why, struct error *err)
{
	struct row row = { .values = record->at.values, .words = record->words };
	int64_t matched[LEDGER_MATCHES_MAX];
	uint32_t count;
	bool exact, is = false;

	*ret_why = NULL;
	if (undo->gone != 0)
		return say(ret_why, by_run(work, "it was brought back or deleted", undo->gone), err);
	if (!record->deleted)
		return say(ret_why, "it lives again", err);
	if (work_locked(work, record, NULL, &is, err) != 0)
		return -1;
	if (is)
		return say(ret_why, "it is locked", err);
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		if (ref_is_gone(work, i, &record->at.values[i], &is, err) != 0 || undo_is_taken(work, record, &row, i, ret_why, err) != 0)
			return -1;
		if (*ret_why != NULL)
			return 0;
		if (is)
			return say(ret_why, arena_format(&work->arena, "record %lld, which it refers to by %s, is deleted", (long long)record->at.values[i].u.integer,
			           work_field(work, i)->head.name), err);
	}
	if (work_match(work, &row, matched, &count, &exact, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct work_record *other;

		if (matched[i] == record->at.id || work_record(work, matched[i], &other, err) != 0) {
			if (matched[i] != record->at.id)
				return -1;
			continue;
		}
		if (other != NULL && !other->deleted)
			return say(ret_why, arena_format(&work->arena, "record %lld came in its place", (long long)matched[i]), err);
	}
	return 0;
}

int
undo_keeps_field(struct work *work, const struct work_record *record, const struct undo *undo, uint32_t field, const char **ret_why, struct error *err)
{
	const struct undo_field *at = &undo->fields[field];
	const struct config_field *config = work_field(work, field);
	uint64_t word = 0;
	bool is;

	*ret_why = NULL;
	if (at->later != 0)
		return say(ret_why, by_run(work, "it was changed", at->later), err);
	if (at->told && vector_word_of(ledger_hash_key(work->ledger), config, &at->after, &work->scratch, &word) != 0)
		return error_memory(err);
	if (at->told && word != record->words[work_word(work, field)])
		return say(ret_why, "it was changed since", err);
	if (work->entity->booked)
		return say(ret_why, "it is booked, which only another booking takes back", err);
	if (config->type == CONFIG_FIELD_CONTENT)
		return say(ret_why, "it is a document, whose former bytes are not kept", err);
	if (!at->known)
		return say(ret_why, "its former value is sealed, erased, or none that it may have by now", err);
	if (work_locked(work, record, config->head.name, &is, err) != 0)
		return -1;
	if (is)
		return say(ret_why, "it is locked", err);
	if (ref_is_gone(work, field, &at->former, &is, err) != 0)
		return -1;
	if (is)
		return say(ret_why, arena_format(&work->arena, "record %lld, which it referred to, is deleted", (long long)at->former.u.integer), err);
	return 0;
}
