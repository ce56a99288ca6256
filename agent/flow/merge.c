/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * merge.c: a row into its record, field by field against the last agreed base: whose value counts.
 *
 *     the row's word        against               means
 *     = seen                                      the system changed nothing
 *     = golden                                    both agree: seen follows
 *     = sent, first sight                         our own write
 *     else                                        the system changed it: the field's policy decides
 *
 * Fields of a group win and lose together.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/contents.h"
#include "flow/lists.h"
#include "flow/values.h"
#include "flow/vector.h"
#include "base/text.h"
#include "flow/work.h"

#define UNIT_MAX 64u

/* What becomes of a field, or of a group of them. */
enum verdict {
	VERDICT_TAKE,    /* the row's values count */
	VERDICT_SEND,    /* ours count, and the system gets them */
	VERDICT_RESTORE, /* the same over an edit by a system that does not own the value */
	VERDICT_IGNORE,  /* ours count, and the system may show what it likes */
	VERDICT_ASK,     /* a review: a person decides; nothing is written until then */
	VERDICT_HOLD,    /* locked */
	VERDICT_CONFLICT,
	VERDICT_UNION,
};

struct unit {
	const struct config_field *first;
	const struct config_group *group; /* NULL: one field */
	uint32_t fields[UNIT_MAX];        /* that the row says something of */
	uint32_t count;
	bool base; /* something was agreed before */
	bool held; /* the link was: a conflict may stand */
	int64_t at_us;
	uint8_t clock;
};

static bool
reads_field(const struct work *work, uint32_t object, uint32_t field)
{
	for (uint32_t i = 0; i < work->engine->bound_count; i++) {
		const struct bound *bound = &work->engine->bounds[i];

		if (bound->object == object && bound->reads != NULL && bound->binding->flow->entity == work->entity && bound_has(bound->reads, field))
			return true;
	}
	return false;
}

static bool
system_has(const struct work *work, const struct work_record *record, const char *system, uint32_t field)
{
	for (uint32_t i = 0; i < record->link_count; i++) {
		const struct work_link *link = record->links[i];
		const struct config_object *object = ledger_object(work->ledger, link->at.object);

		if (object != NULL && link->at.state == LEDGER_LINK_LIVE && strcmp(object->system->head.name, system) == 0 &&
		    reads_field(work, link->at.object, field))
			return true;
	}
	return false;
}

const char *
work_owner(const struct work *work, const struct work_record *record, const struct config_field *field)
{
	const char *owner = config_owner(work->intake->unit, work->entity, field), *here = work->bound->binding->system->head.name;
	const struct config_texts *rank = field->rank.count > 0 ? &field->rank : &work->entity->rank;
	uint32_t index = field_index(work->entity, field);

	if (strcmp(owner, here) == 0 || system_has(work, record, owner, index))
		return owner;
	for (uint32_t i = 0; i < rank->count; i++)
		if (strcmp(rank->items[i], here) == 0 || system_has(work, record, rank->items[i], index))
			return rank->items[i];
	return here;
}

/* Clocks differ a little; what is later than that has not been yet, and would win over everything until then. */
#define CLOCKS_US (INT64_C(5) * 60 * 1000000)

static bool
has_been(const struct work *work, int64_t at_us)
{
	return at_us <= work->read_us + CLOCKS_US;
}

/* A stamp that can't be one: counted for each row, and told of the first in a run. */
static void
odd_stamp(struct work *work, const struct row *row, const char *native, const struct syncline_value *value, bool time)
{
	const struct config_binding *binding = work->bound->binding;
	struct syncline_slice origin = batch_origin(work->native);
	int key = (int)(row->native.length < 100 ? row->native.length : 100), file = (int)(origin.length < 200 ? origin.length : 200);
	int64_t run = work->intake->run->number;
	struct buffer text;

	if (work->odd_row == row)
		return;
	work->odd_row = row;
	work_count(work, LEDGER_COUNT_ODD_STAMPS, 1);
	if (work->bound->stamp_told == run)
		return;
	work->bound->stamp_told = run;
	buffer_init(&text, 0);
	values_text(&text, value);
	engine_say(work->engine, SYNCLINE_LOG_WARNING,
	           "%s.%s: %.*s%s%.*s%s%.0llu%s has \"%.*s\" in %s, which is %s.  It counts as changed when it was read, and so do others of this run.  "
	           "Have the clock of %s and the `timezone` of its configuration looked at, or the field mended",
	           binding->system->head.name, binding->object->head.name, key, (const char *)row->native.data, file > 0 || row->place > 0 ? " (" : "", file,
	           file > 0 ? (const char *)origin.data : "", file > 0 && row->place > 0 ? ":" : "", (unsigned long long)row->place,
	           file > 0 || row->place > 0 ? ")" : "", (int)(text.length < 60 ? text.length : 60), text.length > 0 ? text.data : "", native,
	           time ? "still to come" : "no time", binding->system->head.name);
	buffer_free(&text);
}

/*
 * The time of a change: the group's or field's own stamp, else the record's, else when it was read.  A stamp that is no time, or still
 * to come, is none.
 */
static void
stamp_unit(struct work *work, const struct row *row, struct unit *unit)
{
	const struct config_binding *binding = work->bound->binding;
	const char *names[3] = { unit->group != NULL ? unit->group->head.name : unit->first->head.name, unit->first->head.name, "record" };

	unit->at_us = work->read_us;
	unit->clock = LEDGER_CLOCK_READ;
	for (unsigned n = 0; n < 3; n++)
		for (uint32_t i = 0; i < binding->changed_count; i++) {
			const struct config_changed *changed = &binding->changed[i];
			struct syncline_value value;
			int64_t at_us = 0;
			bool is_time;
			int field;

			if (strcmp(changed->name, names[n]) != 0 || (field = batch_find_field(work->native, changed->native, strlen(changed->native))) < 0)
				continue;
			value = batch_value(work->native, &batch_record(work->native, row->index)->cells[field]);
			if (value.type <= SYNCLINE_TYPE_NULL || (value.type == SYNCLINE_TYPE_TEXT && value.length == 0))
				continue;
			is_time = values_stamp(&value, &at_us);
			if (!is_time || !has_been(work, at_us)) {
				odd_stamp(work, row, changed->native, &value, is_time);
				continue;
			}
			unit->at_us = at_us;
			unit->clock = n < 2 ? LEDGER_CLOCK_GROUP : LEDGER_CLOCK_RECORD;
			return;
		}
}

static const struct ledger_stamp *
stamp_of(const struct work *work, const struct work_record *record, uint32_t field)
{
	uint32_t id = work_word(work, field);

	for (uint32_t i = 0; i < record->at.stamp_count; i++)
		if (record->at.stamps[i].field == id)
			return &record->at.stamps[i];
	return NULL;
}

static int
set_stamp(struct work *work, struct work_record *record, const struct unit *unit, uint32_t field)
{
	struct ledger_stamp stamp = { .field = work_word(work, field), .object = work->bound->object, .at_us = unit->at_us, .clock = unit->clock };
	uint32_t count = record->at.stamp_count, i;

	if (record->stamps == NULL) {
		struct ledger_stamp *stamps = arena_array(&work->arena, work->entity->field_count + count + 1u, sizeof *stamps);

		if (stamps == NULL)
			return -1;
		if (count > 0)
			memcpy(stamps, record->at.stamps, count * sizeof *stamps);
		record->at.stamps = record->stamps = stamps;
	}
	for (i = 0; i < count && record->stamps[i].field != stamp.field; i++)
		;
	record->stamps[i] = stamp;
	record->at.stamp_count = i == count ? count + 1 : count;
	return 0;
}

static bool
golden_is_null(const struct work_record *record, const struct unit *unit)
{
	for (uint32_t i = 0; i < unit->count; i++)
		if (record->at.values[unit->fields[i]].type != SYNCLINE_TYPE_NULL)
			return false;
	return true;
}

static bool
row_is_null(const struct row *row, const struct unit *unit)
{
	for (uint32_t i = 0; i < unit->count; i++)
		if (row->values[unit->fields[i]].type != SYNCLINE_TYPE_NULL)
			return false;
	return true;
}

/* Did the golden values change since this system last agreed? */
static bool
golden_moved(const struct work *work, const struct work_record *record, const struct work_link *link, const struct unit *unit)
{
	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t word = work_word(work, unit->fields[i]);

		if (record->words[word] != link->seen[word] && record->words[word] != link->sent[word])
			return true;
	}
	return false;
}

struct lock_search {
	const char *field;
	bool found;
};

static int
is_locked(void *data, const struct ledger_lock *lock)
{
	struct lock_search *search = data;

	search->found = search->found || lock->field == NULL || search->field == NULL || strcmp(lock->field, search->field) == 0;
	return 0;
}

int
work_locked(struct work *work, const struct work_record *record, const char *field, bool *ret_locked, struct error *err)
{
	struct lock_search search = { .field = field };

	if (!record->fresh && ledger_has_locks(work->ledger) && ledger_locks(work->ledger, record->at.id, is_locked, &search, err) != 0)
		return -1;
	*ret_locked = search.found;
	return 0;
}

static int
locked(struct work *work, const struct work_record *record, const struct unit *unit, bool *ret_locked, struct error *err)
{
	*ret_locked = false;
	for (uint32_t i = 0; i < unit->count && !*ret_locked; i++)
		if (work_locked(work, record, work_field(work, unit->fields[i])->head.name, ret_locked, err) != 0)
			return -1;
	return 0;
}

/* What a system does that does not own the value. */
static enum verdict
foreign_edit(const struct unit *unit)
{
	switch (unit->first->edits) {
	case CONFIG_EDITS_IGNORE:
		return VERDICT_IGNORE;
	case CONFIG_EDITS_RAISE:
		return VERDICT_ASK;
	default:
		return VERDICT_RESTORE;
	}
}

/* The owner is first, then the systems in rank, then all others. */
static uint32_t
place_of(const struct work *work, const struct config_field *field, const char *system)
{
	const struct config_texts *rank = field->rank.count > 0 ? &field->rank : &work->entity->rank;

	if (strcmp(system, config_owner(work->intake->unit, work->entity, field)) == 0)
		return 0;
	for (uint32_t i = 0; i < rank->count; i++)
		if (strcmp(rank->items[i], system) == 0)
			return i + 1;
	return UINT32_MAX;
}

static bool
is_system(const struct work *work, uint32_t object, const char *name)
{
	const struct config_object *at = ledger_object(work->ledger, object);

	return at != NULL && strcmp(at->system->head.name, name) == 0;
}

/*
 * At the same time as the value that there is: whoever is named by `tie`, else who stands before the other, so that it doesn't matter
 * which of them is seen first.  Who gave the value may give the next one.
 */
static bool
wins_tie(const struct work *work, const struct unit *unit, uint32_t giver)
{
	const char *tie = unit->group != NULL && unit->group->tie != NULL ? unit->group->tie : unit->first->tie;
	const char *here = work->bound->binding->system->head.name;
	const struct config_object *object = ledger_object(work->ledger, giver);

	if (is_system(work, giver, here) || (tie != NULL && strcmp(tie, here) == 0))
		return true;
	if (tie != NULL && is_system(work, giver, tie))
		return false;
	return object == NULL || place_of(work, unit->first, here) < place_of(work, unit->first, object->system->head.name);
}

static bool
newer(const struct work *work, const struct work_record *record, const struct unit *unit)
{
	int64_t resolution = work->bound->binding->object->mark_resolution_ms * 1000, current = INT64_MIN;
	uint32_t giver = 0;

	for (uint32_t i = 0; i < unit->count; i++) {
		const struct ledger_stamp *stamp = stamp_of(work, record, unit->fields[i]);

		if (stamp != NULL && stamp->at_us > current && has_been(work, stamp->at_us)) {
			current = stamp->at_us;
			giver = stamp->object;
		}
	}
	if (current == INT64_MIN || unit->at_us > current + resolution)
		return true;
	return unit->at_us >= current - resolution && wins_tie(work, unit, giver);
}

/* Does this system stand before all those that show the golden values? */
static bool
ranks_above(const struct work *work, const struct work_record *record, const struct unit *unit)
{
	uint32_t here = place_of(work, unit->first, work->bound->binding->system->head.name), best = UINT32_MAX;
	bool shown = false;

	for (uint32_t i = 0; i < record->link_count; i++) {
		const struct work_link *link = record->links[i];
		const struct config_object *object = ledger_object(work->ledger, link->at.object);
		uint32_t same = 0, place;

		if (object == NULL || link->at.state != LEDGER_LINK_LIVE || link->at.object == work->bound->object)
			continue;
		for (uint32_t f = 0; f < unit->count; f++)
			same += link->seen[work_word(work, unit->fields[f])] == record->words[work_word(work, unit->fields[f])];
		place = place_of(work, unit->first, object->system->head.name);
		if (same == unit->count) {
			shown = true;
			best = place < best ? place : best;
		}
	}
	return shown && here < best;
}

/* A null where nothing was agreed, or where `clear` is false. */
static bool
clears_in_vain(const struct row *row, const struct work_record *record, const struct unit *unit)
{
	return row_is_null(row, unit) && !golden_is_null(record, unit) && (!unit->base || !unit->first->clear);
}

/* A null where there is a value, by a system that does not own it: only the owner takes a value away. */
static bool
clears_foreign(const struct work *work, const struct row *row, const struct work_record *record, const struct unit *unit)
{
	return row_is_null(row, unit) && !golden_is_null(record, unit) &&
	       strcmp(work_owner(work, record, unit->first), work->bound->binding->system->head.name) != 0;
}

static enum verdict
by_owner(const struct work *work, const struct row *row, const struct work_record *record, const struct unit *unit)
{
	const char *here = work->bound->binding->system->head.name;

	if (strcmp(work_owner(work, record, unit->first), here) == 0) {
		if (clears_in_vain(row, record, unit))
			return unit->base ? VERDICT_RESTORE : VERDICT_SEND;
		return VERDICT_TAKE;
	}
	if (!unit->base)
		return !row_is_null(row, unit) && (golden_is_null(record, unit) || ranks_above(work, record, unit)) ? VERDICT_TAKE : VERDICT_SEND;
	return foreign_edit(unit);
}

/* The first value stays, whoever gave it, until the owner takes it away; then the next one is the first. */
static enum verdict
if_empty(const struct work *work, const struct row *row, const struct work_record *record, const struct unit *unit)
{
	bool owner = strcmp(work_owner(work, record, unit->first), work->bound->binding->system->head.name) == 0;

	if (golden_is_null(record, unit) || (unit->base && owner && unit->first->clear && row_is_null(row, unit)))
		return VERDICT_TAKE;
	return unit->base ? foreign_edit(unit) : VERDICT_SEND;
}

static enum verdict
by_policy(const struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link,
          const struct unit *unit)
{
	uint8_t policy = unit->group != NULL ? unit->group->policy : unit->first->policy;

	if (unit->base && link != NULL && golden_moved(work, record, link, unit) &&
	    (policy == CONFIG_POLICY_MANUAL || work->bound->binding->situations->both_changed == CONFIG_ACTION_MANUAL))
		return VERDICT_CONFLICT;
	switch (policy) {
	case CONFIG_POLICY_NEWEST:
		if (clears_in_vain(row, record, unit))
			return unit->base ? VERDICT_RESTORE : VERDICT_SEND;
		if (!newer(work, record, unit))
			return VERDICT_SEND;
		return clears_foreign(work, row, record, unit) ? foreign_edit(unit) : VERDICT_TAKE;
	case CONFIG_POLICY_SET_IF_EMPTY:
		return if_empty(work, row, record, unit);
	case CONFIG_POLICY_UNION:
		return VERDICT_UNION;
	case CONFIG_POLICY_MANUAL:
		if (clears_in_vain(row, record, unit))
			return unit->base ? VERDICT_RESTORE : VERDICT_SEND;
		if (clears_foreign(work, row, record, unit))
			return foreign_edit(unit);
		return unit->base || golden_is_null(record, unit) ? VERDICT_TAKE : VERDICT_CONFLICT;
	default:
		return by_owner(work, row, record, unit);
	}
}

/* Carrying a verdict out. */

static int
take(struct work *work, const struct row *row, struct work_record *record, struct work_link *link, const struct unit *unit, struct error *err)
{
	uint8_t policy = unit->group != NULL ? unit->group->policy : unit->first->policy;

	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t field = unit->fields[i], word = work_word(work, field);

		link->seen[word] = row->words[word];
		/* What was sent before is over: it must not pass for what the system has when it is wanted again. */
		if (link->sent[word] != VECTOR_UNKNOWN)
			link->sent[word] = row->words[word];
		if (policy == CONFIG_POLICY_NEWEST && set_stamp(work, record, unit, field) != 0)
			return error_memory(err);
		if (record->words[word] != row->words[word] && work_set(work, record, field, &row->values[field], err) != 0)
			return -1;
	}
	return 0;
}

/* No list and an empty one are the same to whoever joins them. */
static bool
has_no_elements(const struct syncline_value *value)
{
	return value->type == SYNCLINE_TYPE_NULL || (value->length == 2 && memcmp(value->u.data, "[]", 2) == 0);
}

static int
join_lists(struct work *work, const struct row *row, struct work_record *record, struct work_link *link, const struct unit *unit,
           struct error *err)
{
	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t field = unit->fields[i], word = work_word(work, field);
		struct syncline_value joined, base;
		uint64_t joined_word;
		bool found = false;

		if (unit->base && work_agreed(work, record, link, field, &base, &found, err) != 0)
			return -1;
		link->seen[word] = row->words[word];
		if (lists_join(&work->arena, work_field(work, field), &record->at.values[field], found ? &base : NULL, &row->values[field], &joined, err) != 0)
			return -1;
		if (vector_word(ledger_hash_key(work->ledger), &joined, &work->scratch, &joined_word) != 0)
			return error_memory(err);
		if (has_no_elements(&joined) && has_no_elements(&record->at.values[field])) {
			link->sent[word] = has_no_elements(&row->values[field]) ? record->words[word] : VECTOR_UNKNOWN;
			continue;
		}
		if (has_no_elements(&joined) && has_no_elements(&row->values[field]))
			joined_word = row->words[word];
		if (joined_word == row->words[word])
			joined = row->values[field];
		if (joined_word != record->words[word] && work_set(work, record, field, &joined, err) != 0)
			return -1;
		/* As in take(): what was sent before is over. */
		if (record->words[word] != row->words[word])
			link->sent[word] = VECTOR_UNKNOWN;
		else if (link->sent[word] != VECTOR_UNKNOWN)
			link->sent[word] = row->words[word];
	}
	return 0;
}

static int
tell_edit(struct work *work, const struct row *row, const struct work_record *record, const struct unit *unit, const char *note,
          struct error *err)
{
	struct ledger_history event = { .record = record->at.id, .object = work->bound->object, .event = LEDGER_EVENT_EDIT,
		.generation = record->at.generation, .native = row->native, .note = note };

	work_count(work, LEDGER_COUNT_EDITS, 1);
	if (work_sides(work, row, record, NULL, unit->fields, unit->count, &event.after, err) != 0)
		return -1;
	for (uint32_t i = 0; i < unit->count; i++)
		if (ledger_edit_count(work->ledger, work->intake->flow_id, work->intake->unit_id, work->bound->object, work_word(work, unit->fields[i]), 1,
		                      err) != 0)
			return -1;
	return work_history(work, &event, err);
}

static void
send(struct work *work, const struct row *row, struct work_link *link, const struct unit *unit)
{
	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t word = work_word(work, unit->fields[i]);

		link->seen[word] = row->words[word];
		link->sent[word] = VECTOR_UNKNOWN;
	}
}

/* A value that came back after ours had been restored: the system rewrites it, or somebody insists.  A finding, and no third time. */
static int
restore(struct work *work, const struct row *row, struct work_record *record, struct work_link *link, const struct unit *unit,
        struct error *err)
{
	bool insists = false;

	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t word = work_word(work, unit->fields[i]), times = 0;

		if (row->words[word] == record->words[word])
			continue;
		if (ledger_flip(work->ledger, record->at.id, word, work->bound->object, row->words[word], &times, err) != 0)
			return -1;
		insists = insists || times > 0;
	}
	if (insists) {
		struct ledger_finding finding = { .kind = LEDGER_FINDING_FLIP, .record = record->at.id, .cause = unit->first->head.name,
			.field = unit->first->head.name, .message = "the system shows another value again after ours was restored",
			.hint = "Change it at the system that owns it, make this system its owner, or lock the field." };

		if (work_sides(work, row, record, link, unit->fields, unit->count, &finding.detail, err) != 0)
			return -1;
		work_count(work, LEDGER_COUNT_CONFLICTS, 1);
		if (work_find(work, row, &finding, false, err) != 0)
			return -1;
	}
	send(work, row, link, unit);
	for (uint32_t i = 0; insists && i < unit->count; i++)
		link->sent[work_word(work, unit->fields[i])] = record->words[work_word(work, unit->fields[i])];
	return tell_edit(work, row, record, unit, insists ? "left as it is: it came back after it was restored" : "restored", err);
}

static int
ignore(struct work *work, const struct row *row, struct work_record *record, struct work_link *link, const struct unit *unit, struct error *err)
{
	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t word = work_word(work, unit->fields[i]);

		link->seen[word] = row->words[word];
		link->sent[word] = record->words[word];
	}
	return unit->base ? tell_edit(work, row, record, unit, "left as it is", err) : 0;
}

/* Nothing moves in either direction until a person has decided; the link stays open to be looked at again. */
static int
ask(struct work *work, const struct row *row, struct work_record *record, struct work_link *link, const struct unit *unit, bool conflict,
    struct error *err)
{
	struct ledger_finding finding = { .kind = conflict ? LEDGER_FINDING_CONFLICT : LEDGER_FINDING_REVIEW, .record = record->at.id,
		.field = unit->first->head.name,
		.cause = conflict ? unit->first->head.name : ledger_review_name(LEDGER_REVIEW_EDITED),
		.message = conflict ? "both sides changed it since they last agreed" : "a system changed a value that it does not own",
		.hint = conflict ? "`syncline conflicts decide` keeps one side." : "`syncline reviews decide` keeps one side." };

	if (work_sides(work, row, record, link, unit->fields, unit->count, &finding.detail, err) != 0)
		return -1;
	finding.has_about = true;
	work_about(work, row, record, unit->fields, unit->count, finding.about);
	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t word = work_word(work, unit->fields[i]);

		link->sent[word] = record->words[word];
	}
	link->at.flags |= LEDGER_LINK_HELD;
	work_count(work, conflict ? LEDGER_COUNT_CONFLICTS : LEDGER_COUNT_REVIEWS, 1);
	return work_find(work, row, &finding, true, err);
}

static int
carry_out(struct work *work, const struct row *row, struct work_record *record, struct work_link *link, const struct unit *unit,
          enum verdict verdict, struct error *err)
{
	switch (verdict) {
	case VERDICT_TAKE:
		return take(work, row, record, link, unit, err);
	case VERDICT_UNION:
		return join_lists(work, row, record, link, unit, err);
	case VERDICT_SEND:
		send(work, row, link, unit);
		return 0;
	case VERDICT_RESTORE:
		return restore(work, row, record, link, unit, err);
	case VERDICT_IGNORE:
		return ignore(work, row, record, link, unit, err);
	case VERDICT_ASK:
	case VERDICT_CONFLICT:
		return ask(work, row, record, link, unit, verdict == VERDICT_CONFLICT, err);
	default:
		link->at.flags |= LEDGER_LINK_HELD;
		work->locked = true;
		work_count(work, LEDGER_COUNT_HELD, 1);
		return 0;
	}
}

/*
 * What a person decided about this unit: "take" the row's values, or "keep" ours.  An edit that is to be kept out is restored.  When
 * either side shows another value by now, it was not about these, and is asked again.
 */
static bool
decided(const struct work *work, const struct row *row, const struct work_record *record, const struct unit *unit, enum verdict *verdict)
{
	bool takes = row->decision != NULL && strcmp(row->decision, "take") == 0;
	uint8_t about[16];

	/* Other words were about the row's place, which it has by now. */
	if (row->decision == NULL || (!takes && strcmp(row->decision, "keep") != 0) || (*verdict != VERDICT_CONFLICT && *verdict != VERDICT_ASK))
		return false;
	if (row->decided_field != NULL && strcmp(row->decided_field, unit->first->head.name) != 0)
		return false;
	if (row->decided_about != NULL) {
		work_about(work, row, record, unit->fields, unit->count, about);
		if (memcmp(about, row->decided_about, sizeof about) != 0)
			return true;
	}
	*verdict = takes ? VERDICT_TAKE : VERDICT_RESTORE;
	return true;
}

enum asked { ASKED_NOTHING, ASKED_CONFLICT, ASKED_EDIT };

/* What people are asked about this unit at this system. */
static int
is_asked(struct work *work, const struct work_record *record, const struct unit *unit, enum asked *ret_asked, struct error *err)
{
	const char *name = unit->first->head.name;
	bool is;

	*ret_asked = ASKED_NOTHING;
	if (ledger_finding_open(work->ledger, LEDGER_FINDING_CONFLICT, record->at.id, work->bound->object, name, &is, err) != 0)
		return -1;
	if (is)
		*ret_asked = ASKED_CONFLICT;
	else if (ledger_finding_open(work->ledger, LEDGER_FINDING_REVIEW, record->at.id, work->bound->object, name, &is, err) != 0)
		return -1;
	else if (is)
		*ret_asked = ASKED_EDIT;
	return 0;
}

/* What a person was asked about it last and put away; ret_same: as the row is now. */
static int
is_archived(struct work *work, const struct row *row, const struct unit *unit, enum asked *ret_archived, bool *ret_same, struct error *err)
{
	static const enum ledger_finding_kind kinds[] = { [ASKED_CONFLICT] = LEDGER_FINDING_CONFLICT, [ASKED_EDIT] = LEDGER_FINDING_REVIEW };

	*ret_archived = ASKED_NOTHING;
	*ret_same = false;
	for (unsigned asked = ASKED_CONFLICT; asked <= ASKED_EDIT; asked++) {
		bool is, same;

		if (ledger_finding_archived(work->ledger, kinds[asked], work->intake->flow_id, work->intake->unit_id, work->bound->object, row->native,
		                            unit->first->head.name, row->raw, &is, &same, err) != 0)
			return -1;
		if (!is)
			continue;
		*ret_archived = (enum asked)asked;
		*ret_same = same;
	}
	return 0;
}

/* As if it still were a question, which it is again when the row changes. */
static void
leave_archived(struct work *work, const struct work_record *record, struct work_link *link, const struct unit *unit)
{
	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t word = work_word(work, unit->fields[i]);

		link->sent[word] = record->words[word];
	}
	link->at.flags |= LEDGER_LINK_HELD;
	work_count(work, LEDGER_COUNT_IGNORED, 1);
}

/* Nothing is left to be decided. */
static int
end_question(struct work *work, const struct row *row, const struct unit *unit, struct error *err)
{
	uint32_t flow = work->intake->flow_id, id = work->intake->unit_id, object = work->bound->object;
	const char *name = unit->first->head.name;

	if (ledger_findings_end(work->ledger, LEDGER_FINDING_CONFLICT, flow, id, object, row->native, 0, name, err) != 0)
		return -1;
	return ledger_findings_end(work->ledger, LEDGER_FINDING_REVIEW, flow, id, object, row->native, 0, name, err);
}

/*
 * Our own write, seen for the first time in the system's own grain of time.  Only what was sent is held against it: whoever sets a time
 * to full seconds later has changed it.
 */
static bool
is_our_time(const struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link, const struct unit *unit)
{
	bool any = false;

	if ((link->at.flags & LEDGER_LINK_UNSEEN) == 0 || !unit->base)
		return false;
	for (uint32_t i = 0; i < unit->count; i++) {
		const struct syncline_value *ours = &record->at.values[unit->fields[i]], *theirs = &row->values[unit->fields[i]];
		uint32_t word = work_word(work, unit->fields[i]);

		if (row->words[word] == record->words[word])
			continue;
		if (link->sent[word] != record->words[word] || !values_is_coarser(ours, theirs))
			return false;
		any = true;
	}
	return any;
}

/* Is it by its owner's word that the value counts, and another system named as the owner? */
static bool
is_foreign(const struct work *work, const struct unit *unit)
{
	uint8_t policy = unit->group != NULL ? unit->group->policy : unit->first->policy;

	return policy == CONFIG_POLICY_OWNER &&
	       strcmp(config_owner(work->intake->unit, work->entity, unit->first), work->bound->binding->system->head.name) != 0;
}

static int
merge_unit(struct work *work, const struct row *row, struct work_link *link, struct work_record *record, struct unit *unit, struct error *err)
{
	bool changed = !unit->base, agreed = true, is_lock, stored, same = false;
	enum asked asked = ASKED_NOTHING, archived = ASKED_NOTHING;
	enum verdict verdict;

	for (uint32_t i = 0; i < unit->count; i++) {
		uint32_t word = work_word(work, unit->fields[i]);

		unit->base = unit->base && link->seen[word] != VECTOR_UNKNOWN;
		changed = changed || row->words[word] != link->seen[word];
		agreed = agreed && row->words[word] == record->words[word];
	}
	/* A target that rewrites what it is given: what it shows under the version of our own write is its stored form. */
	stored = (link->at.flags & LEDGER_LINK_UNSEEN) != 0 && row->version.length > 0 && row->version.length == link->at.version.length &&
	         memcmp(row->version.data, link->at.version.data, row->version.length) == 0;
	stored = stored || is_our_time(work, row, record, link, unit);
	if (unit->held && is_asked(work, record, unit, &asked, err) != 0)
		return -1;
	if (unit->held && asked == ASKED_NOTHING && !agreed && is_archived(work, row, unit, &archived, &same, err) != 0)
		return -1;
	if (agreed || !changed || stored) {
		for (uint32_t i = 0; i < unit->count; i++) {
			uint32_t word = work_word(work, unit->fields[i]);

			link->seen[word] = row->words[word];
			if (agreed && changed && link->sent[word] != VECTOR_UNKNOWN)
				link->sent[word] = row->words[word];
			/* The system took back what was asked about: it gets ours, which may be another one by now. */
			if ((asked != ASKED_NOTHING || archived != ASKED_NOTHING) && !agreed)
				link->sent[word] = VECTOR_UNKNOWN;
		}
		return asked != ASKED_NOTHING ? end_question(work, row, unit, err) : 0;
	}
	if (same) {
		leave_archived(work, record, link, unit);
		return 0;
	}
	stamp_unit(work, row, unit);
	verdict = by_policy(work, row, record, link, unit);
	/* A conflict stands until it is decided or the sides agree, however often the row is seen meanwhile. */
	if ((asked == ASKED_CONFLICT || archived == ASKED_CONFLICT) && unit->base)
		verdict = VERDICT_CONFLICT;
	/* So does an edit, even while the owner has lost the record, and gets it again. */
	if (asked == ASKED_EDIT && verdict == VERDICT_TAKE && unit->base && is_foreign(work, unit))
		verdict = VERDICT_ASK;
	if (!decided(work, row, record, unit, &verdict)) {
		if (locked(work, record, unit, &is_lock, err) != 0)
			return -1;
		if (is_lock)
			verdict = VERDICT_HOLD;
	}
	if (asked != ASKED_NOTHING && verdict != VERDICT_CONFLICT && verdict != VERDICT_ASK && verdict != VERDICT_HOLD && end_question(work, row, unit, err) != 0)
		return -1;
	return carry_out(work, row, record, link, unit, verdict, err);
}

/* The fields that win and lose together with this one, of those that the row says something of. */
static void
make_unit(const struct work *work, const struct row *row, uint32_t field, bool base, struct unit *unit)
{
	const struct config_field *first = work_field(work, field);

	*unit = (struct unit){ .first = first, .group = first->group, .base = base };
	for (uint32_t i = 0; i < work->entity->field_count && unit->count < UNIT_MAX; i++)
		if (i == field || (first->group != NULL && work_field(work, i)->group == first->group && row->values[i].type != SYNCLINE_TYPE_ABSENT))
			unit->fields[unit->count++] = i;
}

/* A record that is a row and nothing else: what of it later counts only when it is newer. */
int
work_first_stamps(struct work *work, const struct row *row, struct ledger_record *record, struct error *err)
{
	uint32_t all = work->entity->field_count;
	struct unit unit;

	for (uint32_t i = 0; i < all; i++) {
		const struct config_field *field = work_field(work, i);

		if ((field->group != NULL ? field->group->policy : field->policy) != CONFIG_POLICY_NEWEST || row->values[i].type == SYNCLINE_TYPE_ABSENT)
			continue;
		make_unit(work, row, i, false, &unit);
		if (row_is_null(row, &unit))
			continue;
		if (record->stamps == NULL && (record->stamps = arena_array(&work->arena, all, sizeof *record->stamps)) == NULL)
			return error_memory(err);
		stamp_unit(work, row, &unit);
		record->stamps[record->stamp_count++] =
			(struct ledger_stamp){ .field = work_word(work, i), .object = work->bound->object, .at_us = unit.at_us, .clock = unit.clock };
	}
	return 0;
}

/*
 * A document that could not be looked at says nothing where one is known: it is said to be at the same place, or that one is another
 * system's, and this one has shown a document before.
 */
static void
hear_documents(const struct work *work, const struct row *row, const struct work_link *link, const struct work_record *record)
{
	const char *object = ledger_object_name(work->ledger, work->bound->object);

	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		struct syncline_value *value = (struct syncline_value *)(uintptr_t)&row->values[i];
		const struct syncline_value *golden = &record->at.values[i];
		uint32_t word = work_word(work, i);

		if (work_field(work, i)->type != CONFIG_FIELD_CONTENT || !work_field(work, i)->copy || value->type != SYNCLINE_TYPE_JSON ||
		    contents_hash(value) != NULL || contents_hash(golden) == NULL)
			continue;
		if (!contents_same_place(value, golden) && (contents_is_of(golden, object) || link->seen[word] == VECTOR_UNKNOWN))
			continue;
		*value = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
		row->words[word] = VECTOR_UNKNOWN;
	}
}

/* The same bytes at another place of the object that they came from: nothing changed, but they are to be found. */
static void
follow_documents(const struct work *work, const struct row *row, struct work_record *record)
{
	const char *object = ledger_object_name(work->ledger, work->bound->object);

	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		const struct syncline_value *value = &row->values[i];
		struct syncline_value *golden = &record->at.values[i];
		uint32_t word = work_word(work, i);

		if (work_field(work, i)->type != CONFIG_FIELD_CONTENT || value->type != SYNCLINE_TYPE_JSON || row->words[word] != record->words[word] ||
		    contents_hash(value) == NULL || !contents_is_of(golden, object) || contents_same_place(value, golden))
			continue;
		*golden = *value;
		record->moved = true;
	}
}

bool
work_counts(struct work *work, const struct row *row, const struct work_record *record, const struct work_link *link, uint32_t field)
{
	enum verdict verdict;
	struct unit unit;
	bool changed;

	make_unit(work, row, field, link != NULL, &unit);
	changed = !unit.base;
	for (uint32_t i = 0; i < unit.count && link != NULL; i++) {
		uint32_t word = work_word(work, unit.fields[i]);

		unit.base = unit.base && link->seen[word] != VECTOR_UNKNOWN;
		changed = changed || row->words[word] != link->seen[word];
	}
	if (!changed || (row->outdated && (row->decided_field == NULL || strcmp(row->decided_field, unit.first->head.name) != 0)))
		return false;
	stamp_unit(work, row, &unit);
	verdict = by_policy(work, row, record, link, &unit);
	(void)decided(work, row, record, &unit, &verdict);
	return verdict == VERDICT_TAKE;
}

int
work_merge(struct work *work, const struct row *row, struct work_link *link, struct work_record *record, bool base, struct error *err)
{
	bool held = (link->at.flags & LEDGER_LINK_HELD) != 0;

	/* What we wrote since the row was read is not in it: it is about what was decided alone, and the rest waits for another look. */
	if (!row->outdated)
		link->at.flags &= (uint8_t)~LEDGER_LINK_HELD;
	work->locked = false;
	hear_documents(work, row, link, record);
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		const struct config_field *field = work_field(work, i);
		struct unit unit;

		if (row->values[i].type == SYNCLINE_TYPE_ABSENT)
			continue;
		make_unit(work, row, i, base, &unit);
		unit.held = held;
		/* A group is merged with the first of its fields. */
		if (field->group != NULL && unit.fields[0] != i)
			continue;
		if (row->outdated && (row->decided_field == NULL || strcmp(row->decided_field, unit.first->head.name) != 0))
			continue;
		if (merge_unit(work, row, link, record, &unit, err) != 0)
			return -1;
	}
	follow_documents(work, row, record);
	return 0;
}
