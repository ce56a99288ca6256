/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve.c: one table for every way in: what a row, its link and its matches look like together is a situation, and each
 * situation has one configured action.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/values.h"
#include "flow/vector.h"
#include "flow/work.h"

/* A person was asked about this very row, and said that it is to be left alone, or put this question away. */
static int
was_ignored(struct work *work, const struct row *row, const char *cause, bool *ret_ignored, struct error *err)
{
	*ret_ignored = false;
	if (row->decision != NULL)
		return 0;
	if (ledger_review_ignored(work->ledger, work->intake->flow_id, work->intake->unit_id, work->bound->object, row->native, row->raw, cause,
	                          ret_ignored, err) != 0)
		return -1;
	if (*ret_ignored)
		work_count(work, LEDGER_COUNT_IGNORED, 1);
	return 0;
}

/* The candidates that people choose from. */
static const char *
candidates(struct work *work, const int64_t *records, uint32_t count)
{
	buffer_clear(&work->text);
	buffer_text(&work->text, "{\"candidates\":[");
	for (uint32_t i = 0; i < count; i++)
		buffer_format(&work->text, "%s%lld", i > 0 ? "," : "", (long long)records[i]);
	buffer_text(&work->text, "]}");
	return work->text.failed ? NULL : arena_copy(&work->arena, work->text.data, work->text.length);
}

/* Held by a person's decision, or asked for.  `records`: what it may be, of which nothing is created there meanwhile. */
static int
review(struct work *work, const struct row *row, enum ledger_review_kind kind, const int64_t *records, uint32_t count, const char *message,
       const char *hint, struct error *err)
{
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REVIEW, .record = count == 1 ? records[0] : 0, .cause = ledger_review_name(kind),
		.message = message, .hint = hint };
	bool ignored;

	if (kind != LEDGER_REVIEW_RESURRECTED) {
		finding.candidates = records;
		finding.candidate_count = count;
		if ((finding.detail = candidates(work, records, count)) == NULL)
			return error_memory(err);
	}
	if (was_ignored(work, row, finding.cause, &ignored, err) != 0)
		return -1;
	if (ignored)
		return 0;
	work_count(work, LEDGER_COUNT_REVIEWS, 1);
	if (row->link != NULL && row->link->at.state == LEDGER_LINK_LIVE) {
		row->link->at.flags |= LEDGER_LINK_HELD;
		row->link->dirty = true;
	}
	if (work_item(work, LEDGER_COUNT_REVIEWS, work->bound->object, row->native, NULL, NULL, NULL, message, err) != 0)
		return -1;
	return work_find(work, row, &finding, true, err);
}

/* The row is good and has its place: what was said against it before is settled.  What is asked about its fields is the merge's. */
static int
settle(struct work *work, const struct row *row, struct error *err)
{
	uint32_t flow = work->intake->flow_id, unit = work->intake->unit_id;

	if (ledger_findings_end(work->ledger, LEDGER_FINDING_REJECT, flow, unit, work->bound->object, row->native, 0, NULL, err) != 0)
		return -1;
	return ledger_findings_end(work->ledger, LEDGER_FINDING_REVIEW, flow, unit, work->bound->object, row->native, 0, "", err);
}

static void
understood(struct work *work, const struct row *row, struct work_link *link)
{
	memcpy(link->at.raw, row->raw, sizeof link->at.raw);
	link->at.version = row->version;
	link->at.effective = work->version;
}

/* Did the merge leave the link's own state as it was, but for what was understood? */
struct link_state {
	uint64_t sent, seen;
	uint8_t flags, state;
};

static uint64_t
sum(const uint64_t *words, uint32_t count)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < count; i++)
		sum = (sum ^ words[i]) * UINT64_C(0x9E3779B97F4A7C15) + i;
	return sum;
}

static struct link_state
state_of(const struct work *work, const struct work_link *link)
{
	return (struct link_state){ sum(link->sent, work->field_limit), sum(link->seen, work->field_limit), link->at.flags, link->at.state };
}

static int
merge(struct work *work, struct row *row, struct work_link *link, struct work_record *record, bool base, struct error *err)
{
	struct link_state before = state_of(work, link), after;
	bool ours = (link->at.flags & LEDGER_LINK_UNSEEN) != 0, had = (link->at.flags & (LEDGER_LINK_HELD | LEDGER_LINK_REJECTED)) != 0;
	uint64_t edits = work->result->counts[LEDGER_COUNT_EDITS];

	if (work_merge(work, row, link, record, base, err) != 0)
		return -1;
	link->at.flags &= (uint8_t) ~(LEDGER_LINK_UNSEEN | LEDGER_LINK_REJECTED);
	if (ours && !record->dirty && edits == work->result->counts[LEDGER_COUNT_EDITS])
		work_count(work, LEDGER_COUNT_ABSORBED, 1);
	if ((link->at.flags & LEDGER_LINK_HELD) == 0)
		understood(work, row, link);
	after = state_of(work, link);
	if (before.sent != after.sent || before.seen != after.seen || before.flags != after.flags || before.state != after.state || link->at.id == 0)
		link->dirty = true;
	else
		link->understood = true;
	/* The rest of it is to be seen as it is by now. */
	if (row->outdated && ledger_unsure(work->ledger, work->intake->flow_id, work->intake->unit_id, work->bound->object, row->native, 0, err) != 0)
		return -1;
	if (work->locked && work_set_held(work, row, record, err) != 0)
		return -1;
	return had || row->finding != 0 ? settle(work, row, err) : 0;
}

static bool
is_number(struct syncline_slice version)
{
	const char *digits = version.data;

	for (size_t i = 0; i < version.length; i++)
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	return true;
}

/* May versions of this object be compared? */
static bool
has_order(const struct work *work)
{
	const struct syncline_connector *descriptor = work->bound->binding->object->system->descriptor;

	return descriptor != NULL && descriptor->capabilities != NULL && descriptor->capabilities->version_comparable != SYNCLINE_NONE;
}

static int
compare_versions(struct syncline_slice mine, struct syncline_slice known)
{
	if (mine.length == 0 || known.length == 0)
		return 0;
	if (is_number(mine) && is_number(known)) {
		for (; mine.length > 1 && *(const char *)mine.data == '0'; mine.length--)
			mine.data = (const char *)mine.data + 1;
		for (; known.length > 1 && *(const char *)known.data == '0'; known.length--)
			known.data = (const char *)known.data + 1;
		if (mine.length != known.length)
			return mine.length < known.length ? -1 : 1;
	}
	return mine.length == known.length ? memcmp(mine.data, known.data, mine.length) : 0;
}

/* Below 0: the row is older than what its link knows; above: newer; 0: neither, or nobody can tell. */
static int
compare_version(const struct work *work, const struct row *row, const struct work_link *link)
{
	return has_order(work) ? compare_versions(row->version, link->at.version) : 0;
}

/* Seen late, once more or out of order: what is known of the system is newer, by its own word.  A person's decision is about this very row. */
static bool
is_older(const struct work *work, const struct row *row, const struct work_link *link)
{
	return row->decision == NULL && !row->put_back && link->at.state != LEDGER_LINK_UNLINKED && compare_version(work, row, link) < 0;
}

/*
 * All of the object was read, and that began after the last that we know of the row: it is no late sight of an older state, the system has
 * gone back to it.  Nothing is taken of it by itself, for nobody but a person knows which of the two states is meant.  1: a
 * person said it, and it is taken.
 */
static int
older(struct work *work, struct row *row, struct work_link *link, struct error *err)
{
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REJECT, .flow = work->intake->flow_id, .unit = work->intake->unit_id,
		.object = work->bound->object, .native = row->native, .cause = error_name(ERROR_ROW_OLDER),
		.hint = "`syncline explain row-older` tells how to go on; a retry takes the row as it is." };
	char message[300];

	if (!work->full || row->finding != 0 || row->in_flight || row->handed || link->at.confirmed > work->started) {
		work_count(work, LEDGER_COUNT_INDETERMINATE, 1);
		return row->finding != 0 ? settle(work, row, err) : 0;
	}
	/* A person said to take it, and here it is once more. */
	memcpy(finding.raw, row->raw, sizeof finding.raw);
	if (ledger_reject_retried(work->ledger, &finding, &row->put_back, err) != 0)
		return -1;
	if (row->put_back)
		return 1;
	snprintf(message, sizeof message, "it shows the version %.*s, and %.*s was there before", (int)(row->version.length < 80 ? row->version.length : 80),
	         (const char *)row->version.data, (int)(link->at.version.length < 80 ? link->at.version.length : 80), (const char *)link->at.version.data);
	finding.message = message;
	if ((link->at.flags & LEDGER_LINK_REJECTED) == 0) {
		link->at.flags |= LEDGER_LINK_REJECTED;
		link->dirty = true;
	}
	return work_reject(work, row, &finding, err);
}

/*
 * What was read while we wrote is neither the old state nor the new one for sure, unless the system's own version says so.  It
 * is read again.
 */
static bool
is_indeterminate(const struct work *work, const struct row *row, const struct work_link *link)
{
	return (row->in_flight || link->at.confirmed > work->started) && compare_version(work, row, link) <= 0;
}

int
work_find_open(struct work *work, struct error *err)
{
	int64_t *records = arena_array(&work->arena, work->row_count + 1u, sizeof *records);
	struct row **rows = arena_array(&work->arena, work->row_count + 1u, sizeof *rows);
	uint8_t *open = arena_zalloc(&work->arena, work->row_count + 1u);
	uint32_t count = 0;

	if (!work->attempts)
		return 0;
	if (records == NULL || rows == NULL || open == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < work->row_count; i++) {
		const struct work_slot *slot = work_slot(work, work->rows[i].native);

		if (slot == NULL)
			return error_memory(err);
		if (slot->link == NULL)
			continue;
		records[count] = slot->link->at.record;
		rows[count++] = &work->rows[i];
	}
	if (count == 0)
		return 0;
	if (ledger_open_attempts(work->ledger, work->bound->object, records, count, open, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		rows[i]->in_flight = open[i] == LEDGER_OPEN_SENT;
		rows[i]->handed = open[i] == LEDGER_OPEN_HANDED;
	}
	return 0;
}

static int
read_it_again(struct work *work, const struct row *row, struct error *err)
{
	work_count(work, LEDGER_COUNT_INDETERMINATE, 1);
	return ledger_unsure(work->ledger, work->intake->flow_id, work->intake->unit_id, work->bound->object, row->native, work->started, err);
}

/* linked, and those that were. */

/* What was asked because of it is no question any more, whatever was decided meanwhile. */
static int
overtake(struct work *work, enum ledger_finding_kind kind, const struct row *row, const char *field, const char *why, struct error *err)
{
	return ledger_findings_overtake(work->ledger, kind, work->intake->flow_id, work->intake->unit_id, work->bound->object, row->native, 0, field, why,
	                                err);
}

static int
back_from_missing(struct work *work, struct row *row, struct work_link *link, struct error *err)
{
	link->at.state = LEDGER_LINK_LIVE;
	link->dirty = true;
	return overtake(work, LEDGER_FINDING_REVIEW, row, "", "it is here again", err) != 0 ? -1 : settle(work, row, err);
}

/*
 * The record is here under this native id: what a person is asked about another one that was missed has its answer.  That one is
 * gone for good, and whatever was decided about it is not carried out.
 */
static int
end_missing(struct work *work, const struct row *row, const struct work_record *record, struct error *err)
{
	for (uint32_t i = 0; i < record->link_count; i++) {
		struct work_link *link = record->links[i];
		struct ledger_history event = { .record = record->at.id, .object = link->at.object, .event = LEDGER_EVENT_GONE,
			.generation = record->at.generation, .native = link->at.native, .note = "it is here again, under another native id" };
		char why[300];

		if (link->at.object != work->bound->object || link->at.state != LEDGER_LINK_MISSING || link == row->link ||
		    link->at.unit != work->intake->unit_id)
			continue;
		snprintf(why, sizeof why, "it is here again, as %.*s", (int)(row->native.length < 200 ? row->native.length : 200), (const char *)row->native.data);
		link->at.state = LEDGER_LINK_TOMBSTONE;
		link->dirty = true;
		if (intake_end_questions(work->intake, link->at.object, link->at.native, why, err) != 0 || work_history(work, &event, err) != 0)
			return -1;
	}
	return 0;
}

/* What is done about a deleted record that is here again. */
static int
means_again(struct work *work, const struct row *row, const struct work_record *record, uint8_t *ret_action, struct error *err)
{
	bool is_lock = false;

	*ret_action = work->bound->binding->deletes->resurrect;
	if (row->decision != NULL)
		*ret_action = strcmp(row->decision, "accept") == 0 ? CONFIG_SEEN_ACCEPT : CONFIG_SEEN_IGNORE;
	else if (*ret_action == CONFIG_SEEN_ACCEPT && record->deleted && work_locked(work, record, NULL, &is_lock, err) != 0)
		return -1;
	/* Nobody but a person brings back what is locked as it is. */
	if (is_lock)
		*ret_action = CONFIG_SEEN_REVIEW;
	return 0;
}

static int
bring_back(struct work *work, const struct row *row, struct work_record *record, struct error *err)
{
	struct ledger_history event = { .record = record->at.id, .object = work->bound->object, .event = LEDGER_EVENT_RESTORED,
		.generation = record->at.generation, .native = row->native };

	if (!record->deleted)
		return 0;
	record->deleted = false;
	record->restored = true;
	/* What others changed meanwhile was left alone as that of a deleted record: their next rows count, whatever was seen of them. */
	for (uint32_t i = 0; i < record->link_count; i++)
		if (record->links[i]->at.state == LEDGER_LINK_LIVE) {
			memset(record->links[i]->at.raw, 0, sizeof record->links[i]->at.raw);
			record->links[i]->dirty = true;
		}
	/* If it was a rollback that deleted it, that is over. */
	return work_history(work, &event, err) != 0 ? -1 : ledger_undone_end(work->ledger, record->at.id, err);
}

/* 1: it is to live again; 0: handled otherwise; -1. */
static int
lives_again(struct work *work, struct row *row, struct work_record *record, struct error *err)
{
	uint8_t action;

	if (means_again(work, row, record, &action, err) != 0)
		return -1;
	if (action == CONFIG_SEEN_REVIEW)
		return review(work, row, LEDGER_REVIEW_RESURRECTED, &record->at.id, 1, "it was deleted before, and is here again",
		              "`syncline reviews decide` takes it back or leaves it.", err);
	if (action == CONFIG_SEEN_IGNORE) {
		work_count(work, LEDGER_COUNT_IGNORED, 1);
		return row->finding != 0 ? settle(work, row, err) : 0;
	}
	return bring_back(work, row, record, err) != 0 ? -1 : 1;
}

static int
resurrect(struct work *work, struct row *row, struct work_link *link, struct work_record *record, struct error *err)
{
	int refused, lives;

	if (work_link_here(work, record, work->bound->object) != NULL && (row->decision == NULL || strcmp(row->decision, "ignore") != 0))
		return review(work, row, LEDGER_REVIEW_RESURRECTED, &record->at.id, 1, "it is here again beside another native record, which took its place",
		              "Remove one of them at the system, or `syncline reviews decide` leaves this one alone.", err);
	if ((row->decision == NULL || strcmp(row->decision, "ignore") != 0) &&
	    ((refused = work_unique(work, row, record, link, err)) != 0))
		return refused < 0 ? -1 : 0;
	if ((lives = lives_again(work, row, record, err)) != 1)
		return lives;
	link->at.state = LEDGER_LINK_LIVE;
	link->dirty = true;
	return end_missing(work, row, record, err) != 0 ? -1 : merge(work, row, link, record, true, err);
}

/* A record that was deleted and left here, or deactivated here, changes no more. */
static int
ignore(struct work *work, const struct row *row, struct work_link *link)
{
	understood(work, row, link);
	link->understood = true;
	work_count(work, LEDGER_COUNT_IGNORED, 1);
	return 0;
}

/* Did the system change anything since we saw it, or wrote it?  What it shows unchanged, and our own write, are nothing to be held. */
static bool
says_something(const struct work *work, const struct row *row, const struct work_link *link, bool *ret_other)
{
	bool any = false;

	*ret_other = false;
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		uint64_t seen = link->seen[work_word(work, i)];

		if (row->values[i].type == SYNCLINE_TYPE_ABSENT || row->words[work_word(work, i)] == seen)
			continue;
		any = true;
		*ret_other = *ret_other || seen != VECTOR_UNKNOWN;
	}
	return any;
}

/* Nothing is taken of it; where it is known to be another one than it was, the link says so. */
static int
hold_linked(struct work *work, struct row *row, struct work_link *link, bool other, struct error *err)
{
	work_count(work, LEDGER_COUNT_HELD, 1);
	if (other && (link->at.flags & LEDGER_LINK_HELD) == 0) {
		link->at.flags |= LEDGER_LINK_HELD;
		link->dirty = true;
	}
	return work_set_held(work, row, NULL, err);
}

/*
 * A rollback deleted the record, and its source has it still: as it was, which says nothing, or with another value, which counts as if the
 * record had never been away.
 */
static int
deleted_here(struct work *work, struct row *row, struct work_link *link, struct work_record *record, struct error *err)
{
	bool undone = false, other;
	int refused;

	if (row->what == ROW_SEEN && says_something(work, row, link, &other) &&
	    ledger_undone(work->ledger, record->at.id, link->at.object, &undone, err) != 0)
		return -1;
	if (!undone)
		return ignore(work, row, link);
	if ((refused = work_unique(work, row, record, link, err)) != 0)
		return refused < 0 ? -1 : 0;
	return bring_back(work, row, record, err) != 0 ? -1 : merge(work, row, link, record, true, err);
}

static int
linked(struct work *work, struct row *row, struct error *err)
{
	struct work_link *link = row->link;
	struct work_record *record = work_record_of(work, link);
	bool other;
	int refused;

	if (record == NULL)
		return error_set(err, ERROR_INTERNAL, "`syncline doctor` checks the ledger.", "the record %lld of a link is not there",
		                 (long long)link->at.record);
	if (is_older(work, row, link) && (refused = older(work, row, link, err)) <= 0)
		return refused;
	switch (link->at.state) {
	case LEDGER_LINK_UNLINKED:
		work_count(work, LEDGER_COUNT_IGNORED, 1);
		return 0;
	case LEDGER_LINK_TOMBSTONE:
		/* We deactivated it, because the record was deleted or is out of scope, and there it stays. */
		if ((link->at.flags & LEDGER_LINK_SCOPED_OUT) != 0 && row->decision == NULL)
			return ignore(work, row, link);
		return resurrect(work, row, link, record, err);
	case LEDGER_LINK_MISSING:
		/* What a finding kept is no sight of it: its answer waits until the row is here again, or nobody asks any more. */
		if (row->finding != 0) {
			row->left = true;
			return 0;
		}
		/* Another one was given to the record by hand meanwhile (`links import`): it can't be both. */
		if (work_link_here(work, record, work->bound->object) != NULL)
			return resurrect(work, row, link, record, err);
		if (back_from_missing(work, row, link, err) != 0)
			return -1;
		break;
	default:
		break;
	}
	if (row->handed && work_confirm_handed(work, row, link, record, err) != 0)
		return -1;
	if (record->deleted)
		return deleted_here(work, row, link, record, err);
	if (work->bound->binding->situations->linked == CONFIG_ACTION_HOLD && says_something(work, row, link, &other))
		return hold_linked(work, row, link, other, err);
	if (is_indeterminate(work, row, link))
		return read_it_again(work, row, err);
	if ((refused = work_unique(work, row, record, link, err)) != 0)
		return refused < 0 ? -1 : 0;
	return merge(work, row, link, record, true, err);
}

/* Not linked yet. */

static int
make_link(struct work *work, struct row *row, struct work_record *record, struct error *err)
{
	struct work_slot *slot = work_slot(work, row->native);

	if (slot == NULL)
		return error_memory(err);
	if ((row->link = work_new_link(work, record, work->bound->object, row->native, err)) == NULL)
		return -1;
	row->link->reader = work->bound;
	slot->link = row->link;
	return 0;
}

/* link: an existing record is this row's too. */
static int
link_to(struct work *work, struct row *row, struct work_record *record, const char *note, struct error *err)
{
	struct ledger_history event = { .record = record->at.id, .object = work->bound->object, .event = LEDGER_EVENT_LINKED,
		.generation = record->at.generation, .native = row->native, .note = note };
	int refused;

	if ((refused = work_unique(work, row, record, NULL, err)) != 0)
		return refused < 0 ? -1 : 0;
	if (make_link(work, row, record, err) != 0 || end_missing(work, row, record, err) != 0 || work_history(work, &event, err) != 0)
		return -1;
	work_count(work, LEDGER_COUNT_LINKED, 1);
	if (work_item(work, LEDGER_COUNT_LINKED, work->bound->object, row->native, record, NULL, NULL, note, err) != 0)
		return -1;
	return settle(work, row, err) != 0 ? -1 : merge(work, row, row->link, record, false, err);
}

static int
create(struct work *work, struct row *row, struct error *err)
{
	struct work_record *record;
	int refused;

	if ((refused = work_unique(work, row, NULL, NULL, err)) != 0)
		return refused < 0 ? -1 : 0;
	if ((record = work_new_record(work, err)) == NULL || make_link(work, row, record, err) != 0)
		return -1;
	record->source = work->bound->object;
	if (settle(work, row, err) != 0 || merge(work, row, row->link, record, false, err) != 0)
		return -1;
	return work_note_keys(work, record, err);
}

/* Nothing matches, and a person is asked what it is. */
static int
ask_unmatched(struct work *work, struct row *row, struct ledger_finding *finding, struct error *err)
{
	struct ledger_match *keys;
	uint32_t count;
	bool ignored;

	if (was_ignored(work, row, finding->cause, &ignored, err) != 0)
		return -1;
	if (ignored)
		return 0;
	work_count(work, LEDGER_COUNT_REVIEWS, 1);
	if (work_find(work, row, finding, true, err) != 0 || work_record_keys(work, row->values, &keys, &count, err) != 0)
		return -1;
	/* Its system may never show it again: it is looked at when a record comes that it matches (apply.c). */
	return ledger_review_keys(work->ledger, finding->id, work->entity, work_match_unit(work), keys, count, err);
}

static int
hold(struct work *work, struct row *row, struct error *err)
{
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REVIEW, .cause = ledger_review_name(LEDGER_REVIEW_UNMATCHED),
		.message = "no record matches, and nothing says that this system may bring new ones",
		.hint = "`syncline reviews decide` creates or links it; `originates = true` in the binding creates all." };

	return ask_unmatched(work, row, &finding, err);
}

/*
 * Our id, of a record that this ledger doesn't know: the ledger that it was restored or copied from made it.  Which record of this one
 * it is, nobody can tell; until a person does, nothing is created there (deliver/claim.c).
 */
static int
forgotten(struct work *work, struct row *row, struct error *err)
{
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REVIEW, .cause = ledger_review_name(LEDGER_REVIEW_FORGOTTEN),
		.message = "it bears an id of ours that this ledger does not know: it was created there after the state that was restored or copied",
		.hint = "`syncline reviews decide` links it to the record that it is, or leaves it alone; until then nothing is created there." };

	return ask_unmatched(work, row, &finding, err);
}

static int
unmatched(struct work *work, struct row *row, struct error *err)
{
	uint8_t action = work->bound->binding->situations->unmatched;

	if (action == CONFIG_ACTION_DEFAULT)
		action = work->bound->binding->originates ? CONFIG_ACTION_CREATE : CONFIG_ACTION_HOLD;
	switch (action) {
	case CONFIG_ACTION_CREATE:
		return create(work, row, err);
	case CONFIG_ACTION_IGNORE:
		work_count(work, LEDGER_COUNT_IGNORED, 1);
		return 0;
	default:
		return hold(work, row, err);
	}
}

static int
disputed(struct work *work, struct row *row, const int64_t *records, uint32_t count, const char *message, struct error *err)
{
	return review(work, row, LEDGER_REVIEW_DISPUTED, records, count, message, "`syncline reviews decide` links it to one of them or creates another.",
	              err);
}

/* The one that it may be is no choice as long as it has its native record here. */
static int
linked_already(struct work *work, struct row *row, int64_t record, const char *message, struct error *err)
{
	return review(work, row, LEDGER_REVIEW_DISPUTED, &record, 1, message,
	              "Remove one of the two at the system; or `syncline reviews decide` creates another record of it, or leaves it alone.", err);
}

static int
unlinked(struct work *work, struct row *row, struct work_record *record, struct error *err)
{
	switch (work->bound->binding->situations->unlinked) {
	case CONFIG_ACTION_DEFAULT: /* only exact keys come here */
	case CONFIG_ACTION_LINK:
		return link_to(work, row, record, WORK_BY_KEY, err);
	case CONFIG_ACTION_CREATE:
		return create(work, row, err);
	default:
		return review(work, row, LEDGER_REVIEW_UNLINKED, &record->at.id, 1, "one record matches",
		              "`syncline reviews decide` links it or creates another.", err);
	}
}

/* A shared record's native record that another unit, with the same access, has linked: it is that unit's to read. */
static bool
is_of_another_unit(const struct work *work, const struct row *row, const struct work_record *record)
{
	const struct config_system *system = work->bound->binding->system;
	uint32_t mine = engine_credentials(work->engine, system, work->intake->unit);

	for (uint32_t i = 0; i < record->link_count; i++) {
		const struct ledger_link *at = &record->links[i]->at;

		if (at->object == work->bound->object && at->state == LEDGER_LINK_LIVE && at->unit != work->intake->unit_id &&
		    at->native.length == row->native.length && memcmp(at->native.data, row->native.data, at->native.length) == 0 &&
		    engine_credentials_of(work->engine, system, at->unit) == mine)
			return true;
	}
	return false;
}

static int
leave_to_the_other(struct work *work, const struct row *row, struct error *err)
{
	work_count(work, LEDGER_COUNT_IGNORED, 1);
	return settle(work, row, err);
}

/* Those that are still there: one of them may have been deleted in this batch.  ret_last: the last of them. */
static int
matches(struct work *work, const struct row *row, int64_t records[LEDGER_MATCHES_MAX], uint32_t *ret_count, struct work_record **ret_last,
        struct error *err)
{
	uint32_t found, count = 0;
	bool exact;

	if (work_match(work, row, records, &found, &exact, err) != 0)
		return -1;
	for (uint32_t i = 0; i < found; i++) {
		struct work_record *record;

		if (work_record(work, records[i], &record, err) != 0)
			return -1;
		if (record == NULL || record->deleted)
			continue;
		records[count++] = records[i];
		*ret_last = record;
	}
	*ret_count = count;
	return 0;
}

static int
by_match(struct work *work, struct row *row, struct error *err)
{
	int64_t records[LEDGER_MATCHES_MAX];
	struct work_record *record = NULL;
	struct work_link *link;
	uint32_t count;
	bool twin;

	if (matches(work, row, records, &count, &record, err) != 0)
		return -1;
	if (count == 0)
		return row->forgotten ? forgotten(work, row, err) : unmatched(work, row, err);
	if (count > 1)
		return disputed(work, row, records, count, "several records match", err);
	if (is_of_another_unit(work, row, record))
		return leave_to_the_other(work, row, err);
	if ((link = work_link_here(work, record, work->bound->object)) != NULL) {
		if (work_find_twins(work, row, record, link, err) != 0)
			return -1;
		return linked_already(work, row, record->at.id, "the record that matches is linked to another native record already", err);
	}
	if (work_is_twin(work, row, record, &twin, err) != 0)
		return -1;
	if (twin)
		return disputed(work, row, records, count, "two native records match the same record", err);
	return unlinked(work, row, record, err);
}

/*
 * A create of ours whose answer was lost may be what we look at: its external key says whose it is.  What is open is confirmed
 * by this sight of it.
 */
static int
confirm_open(struct work *work, const struct row *row, struct work_record *record, const struct bound *writer, bool *ret_open, struct error *err)
{
	struct ledger_uncertain open;
	struct ledger_outcome outcome = { .kind = LEDGER_CONFIRMED };
	int result;

	*ret_open = false;
	if (ledger_uncertain_of(work->ledger, writer->id, record->at.id, &work->arena, &open, err) != 0)
		return -1;
	if (open.attempt == 0)
		return 0;
	*ret_open = true;
	outcome.index = open.index;
	result = ledger_attempt_close(work->ledger, open.attempt, &outcome, 1, err);
	if (result == 0 && open.vector != NULL)
		memcpy(row->link->sent, open.vector, (open.words < work->field_limit ? open.words : work->field_limit) * sizeof *open.vector);
	batch_free(open.payload);
	return result;
}

static int
adopt(struct work *work, struct row *row, struct work_record *record, struct error *err)
{
	struct ledger_history event = { .record = record->at.id, .object = work->bound->object, .event = LEDGER_EVENT_ADOPTED,
		.generation = record->at.generation, .native = row->native, .note = "found by its external key" };

	if (make_link(work, row, record, err) != 0 || end_missing(work, row, record, err) != 0)
		return -1;
	for (uint32_t i = 0; i < work->engine->bound_count; i++) {
		const struct bound *writer = &work->engine->bounds[i];
		bool open;

		if (writer->write == NULL || ledger_object_id(work->ledger, writer->binding->object) != work->bound->object)
			continue;
		if (confirm_open(work, row, record, writer, &open, err) != 0)
			return -1;
	}
	if (work_history(work, &event, err) != 0)
		return -1;
	work_count(work, LEDGER_COUNT_LINKED, 1);
	memcpy(row->link->seen, row->link->sent, work->field_limit * sizeof *row->link->seen);
	/* Deleted since it was sent: nothing is taken from it, and what is to be done about it there knows its native id now. */
	if (record->deleted) {
		understood(work, row, row->link);
		return settle(work, row, err);
	}
	return settle(work, row, err) != 0 ? -1 : merge(work, row, row->link, record, true, err);
}

/* A deleted record is here again, unless this is what became of a create of ours that was on its way. */
static int
adopt_deleted(struct work *work, struct row *row, struct work_record *record, struct error *err)
{
	uint8_t open = 0;
	int lives;

	if (ledger_open_attempts(work->ledger, work->bound->object, &record->at.id, 1, &open, err) != 0)
		return -1;
	if (open == 0 && (lives = lives_again(work, row, record, err)) != 1)
		return lives;
	return adopt(work, row, record, err);
}

/* Our id in the field that holds it: 1 handled, 0 there is none, -1. */
static int
by_external_key(struct work *work, struct row *row, struct error *err)
{
	const struct config_object *object = work->bound->binding->object;
	const struct config_entity *entity;
	struct work_record *record = NULL;
	struct syncline_value value;
	int64_t id;
	int field;

	if (object->external_key == NULL || (field = batch_find_field(work->native, object->external_key, strlen(object->external_key))) < 0)
		return 0;
	value = batch_value(work->native, &batch_record(work->native, row->index)->cells[field]);
	if (value.type != SYNCLINE_TYPE_TEXT || (id = ledger_record_of_external_id(work->ledger, value.u.data, value.length)) == 0)
		return 0;
	if (work_loaded(work, id) == NULL && (entity = ledger_record_entity(work->ledger, id)) != work->entity) {
		row->forgotten = entity == NULL;
		return 0;
	}
	if (work_record(work, id, &record, err) != 0)
		return -1;
	if (record == NULL || (record->at.unit != work->intake->unit_id && !work->entity->shared))
		return 0;
	if (is_of_another_unit(work, row, record))
		return leave_to_the_other(work, row, err) != 0 ? -1 : 1;
	if (work_link_here(work, record, work->bound->object) != NULL)
		return linked_already(work, row, id, "it bears the id of a record that is linked to another native record: a double", err) != 0 ? -1 : 1;
	return (record->deleted ? adopt_deleted(work, row, record, err) : adopt(work, row, record, err)) != 0 ? -1 : 1;
}

/* "link 4711", "create", "ignore"; "accept" of what bears the id of a deleted record. */
static int
by_decision(struct work *work, struct row *row, struct error *err)
{
	struct work_record *record = NULL;

	if (strcmp(row->decision, "create") == 0)
		return create(work, row, err);
	if (strcmp(row->decision, "accept") == 0)
		return by_external_key(work, row, err) < 0 ? -1 : 0;
	if (strncmp(row->decision, "link ", 5) == 0) {
		int64_t id = strtoll(row->decision + 5, NULL, 10);

		if (work_record(work, id, &record, err) != 0)
			return -1;
		if (record != NULL && !record->deleted && work_link_here(work, record, work->bound->object) == NULL)
			return link_to(work, row, record, "a person decided", err);
		return disputed(work, row, &id, 1, "the record that was decided for is gone, or linked to another native record", err);
	}
	work_count(work, LEDGER_COUNT_IGNORED, 1);
	return settle(work, row, err);
}

/* A parent that is not there yet. */
int
work_wait_for_parent(struct work *work, const struct row *row, struct error *err)
{
	int64_t now = ledger_now(work->ledger);
	struct ledger_waiter waiter = { .flow = work->intake->flow_id, .unit = work->intake->unit_id, .object = work->bound->object,
		.native = row->native, .parent_object = row->parent_object, .parent_native = row->parent_native, .field = row->waits_for->head.name,
		.since_us = now, .until_us = now + row->waits_for->wait_ms * 1000, .started = work->started, .read_us = work->read_us, .full = work->full };
	int result;

	work->waiting = true;
	work_count(work, LEDGER_COUNT_WAITING, 1);
	if ((waiter.batch = values_one_row(work->native, row->index, err)) == NULL)
		return -1;
	result = ledger_wait(work->ledger, &waiter, err);
	batch_free(waiter.batch);
	return result;
}

int
work_set_aside(struct work *work, const struct row *row, struct error *err)
{
	struct ledger_waiter waiter = { .flow = work->intake->flow_id, .unit = work->intake->unit_id, .object = work->bound->object,
		.native = row->native, .parent_object = work->bound->object, .field = "", .since_us = ledger_now(work->ledger), .started = work->started,
		.read_us = work->read_us, .full = work->full };
	int result;

	if ((waiter.batch = values_one_row(work->native, row->index, err)) == NULL)
		return -1;
	result = ledger_wait(work->ledger, &waiter, err);
	batch_free(waiter.batch);
	return result;
}

int
work_set_held(struct work *work, struct row *row, const struct work_record *record, struct error *err)
{
	const struct config_object *object = work->bound->binding->object;
	struct ledger_waiter waiter = { .flow = work->intake->flow_id, .unit = work->intake->unit_id, .object = work->bound->object,
		.native = row->native, .field = "", .since_us = work->read_us, .until_us = LEDGER_FOR_EVER, .started = work->started, .read_us = work->read_us,
		.full = work->full, .held = LEDGER_HELD };
	int result;

	/* What is read anew each time is looked at with each read, since its link is not as the row. */
	if (object->reads == SYNCLINE_READS_FULL || (object->reads == 0 && object->mark.count == 0))
		return 0;
	if (record != NULL && ledger_locks_mark(work->ledger, record->at.id, &waiter.held, err) != 0)
		return -1;
	if ((waiter.batch = values_one_row(work->native, row->index, err)) == NULL)
		return -1;
	result = ledger_wait(work->ledger, &waiter, err);
	batch_free(waiter.batch);
	work->waiting = true;
	row->left = row->left || work->waiter;
	return result;
}

/*
 * A stale entry of a plan that is applied.  The batch that it came with counts as applied, and its source may not send it again:
 * so the row is kept for the next run.
 */
static int
leave(struct work *work, struct row *row, struct error *err)
{
	row->left = true;
	if (row->finding != 0 || work->waiter || work->native == NULL)
		return 0; /* it is kept where it came from */
	work->waiting = true;
	return row->waits_for != NULL ? work_wait_for_parent(work, row, err) : work_set_aside(work, row, err);
}

/* A reject keeps its link open, so that the row is looked at again however often it comes. */
static int
rejected(struct work *work, struct row *row, struct error *err)
{
	const struct work_slot *slot = work_slot(work, row->native);

	if (slot == NULL)
		return error_memory(err);
	if (slot->link != NULL && (slot->link->at.flags & LEDGER_LINK_REJECTED) == 0) {
		slot->link->at.flags |= LEDGER_LINK_REJECTED;
		slot->link->dirty = true;
	}
	return 0;
}

/* Is a newer row of this native id waiting for its parent? */
static int
is_older_than_waiting(struct work *work, const struct row *row, bool *ret_is, struct error *err)
{
	struct batch *waiting;
	const struct batch_cell *version;

	*ret_is = false;
	if (!work->waiting || work->waiter || row->decision != NULL || row->version.length == 0 || !has_order(work))
		return 0;
	if (ledger_wait_of(work->ledger, work->intake->flow_id, work->intake->unit_id, work->bound->object, row->native, &waiting, err) != 0)
		return -1;
	if (waiting == NULL)
		return 0;
	version = &batch_record(waiting, 0)->version;
	if (version->type == SYNCLINE_TYPE_TEXT)
		*ret_is = compare_versions(row->version, (struct syncline_slice){ batch_cell_data(waiting, version), version->length }) < 0;
	batch_free(waiting);
	return 0;
}

int
work_resolve(struct work *work, struct row *row, struct error *err)
{
	const struct work_slot *slot;
	bool old;
	int found;

	if (row->what == ROW_REJECTED)
		return rejected(work, row, err);
	if (work->options->leave != NULL && work->options->leave(work->options->leave_data, work->bound->object, row->native))
		return leave(work, row, err);
	if ((slot = work_slot(work, row->native)) == NULL)
		return error_memory(err);
	row->link = slot->link;
	if (is_older_than_waiting(work, row, &old, err) != 0)
		return -1;
	if (old) {
		work_count(work, LEDGER_COUNT_INDETERMINATE, 1);
		return 0;
	}
	/* A newer row takes the place of one that waits: old never goes over new. */
	if (work->waiting && row->waits_for == NULL &&
	    ledger_wait_end(work->ledger, work->intake->flow_id, work->intake->unit_id, work->bound->object, row->native, err) != 0)
		return -1;
	if (row->what == ROW_GONE)
		return row->link != NULL && !is_older(work, row, row->link) ? work_gone(work, row, row->link, false, err) : 0;
	/* An older one has nothing to wait for. */
	if (row->waits_for != NULL && (row->link == NULL || !is_older(work, row, row->link)))
		return work_wait_for_parent(work, row, err);
	if (row->link != NULL)
		return linked(work, row, err);
	if (row->decision != NULL)
		return by_decision(work, row, err);
	if ((found = by_external_key(work, row, err)) != 0)
		return found < 0 ? -1 : 0;
	return by_match(work, row, err);
}
