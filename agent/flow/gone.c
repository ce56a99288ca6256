/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gone.c: native records that were deleted, or that a complete full read no longer showed.  Where a record may come from there
 * (its owner, or a binding that originates), that is a deletion at the source; elsewhere the record is missing at a target.
 */
#include <string.h>

#include "flow/work.h"

enum intake_gone
intake_gone_means(const struct config_binding *binding, const struct config_entity *entity, bool *ret_source)
{
	bool owner = binding->originates || strcmp(entity->owner, binding->system->head.name) == 0;

	*ret_source = owner || binding->deletes->seen != CONFIG_SEEN_REVIEW;
	if (*ret_source)
		switch (binding->deletes->seen) {
		case CONFIG_SEEN_ACCEPT:
			return INTAKE_GONE_DELETE;
		case CONFIG_SEEN_IGNORE:
			return INTAKE_GONE_LEAVE;
		case CONFIG_SEEN_RESTORE:
			return INTAKE_GONE_AGAIN;
		default:
			return INTAKE_GONE_ASK;
		}
	switch (binding->situations->missing) {
	case CONFIG_ACTION_RECREATE:
		return INTAKE_GONE_AGAIN;
	case CONFIG_ACTION_UNLINK:
		return INTAKE_GONE_UNLINK;
	default:
		return INTAKE_GONE_ASK;
	}
}

int
intake_end_questions(struct intake *intake, uint32_t object, struct syncline_slice native, const char *why, struct error *err)
{
	static const enum ledger_finding_kind kinds[] = { LEDGER_FINDING_REJECT, LEDGER_FINDING_CONFLICT, LEDGER_FINDING_REVIEW, LEDGER_FINDING_FLIP };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (ledger_findings_overtake(intake->engine->ledger, kinds[i], intake->flow_id, intake->unit_id, object, native, 0, NULL, why, err) != 0)
			return -1;
	return 0;
}

static int
event(struct work *work, const struct work_record *record, const struct work_link *link, enum ledger_event what, const char *note,
      struct error *err)
{
	struct ledger_history row = { .record = record->at.id, .object = work->bound->object, .event = what, .generation = record->at.generation,
		.native = link->at.native, .note = note };

	return work_history(work, &row, err);
}

static int
ask(struct work *work, const struct row *row, struct work_link *link, const struct work_record *record, bool source, struct error *err)
{
	enum ledger_review_kind kind = source ? LEDGER_REVIEW_DELETED : LEDGER_REVIEW_MISSING;
	struct row about = { .what = ROW_GONE, .native = link->at.native };
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REVIEW, .record = record->at.id, .cause = ledger_review_name(kind),
		.message = source ? "it is gone at its source" : "it is gone at a target",
		.hint = source ? "`syncline reviews decide` accepts, ignores or restores it." : "`syncline reviews decide` creates it again or unlinks it." };

	if (link->at.state != LEDGER_LINK_MISSING) {
		link->at.state = LEDGER_LINK_MISSING;
		link->dirty = true;
	}
	work_count(work, LEDGER_COUNT_REVIEWS, 1);
	if (work_item(work, LEDGER_COUNT_REVIEWS, work->bound->object, link->at.native, record, NULL, NULL, finding.message, err) != 0)
		return -1;
	return work_find(work, row != NULL ? row : &about, &finding, false, err);
}

static int
end_questions(struct work *work, const struct work_link *link, struct error *err)
{
	return intake_end_questions(work->intake, link->at.object, link->at.native, NULL, err);
}

static int
entomb(struct work *work, struct work_link *link, const struct work_record *record, const char *note, struct error *err)
{
	link->at.state = LEDGER_LINK_TOMBSTONE;
	link->dirty = true;
	return end_questions(work, link, err) != 0 ? -1 : event(work, record, link, LEDGER_EVENT_GONE, note, err);
}

/* What was given up about its deletion here: there is nothing left to delete. */
static int
end_deletes(struct work *work, const struct work_link *link, const struct work_record *record, struct error *err)
{
	struct bound *const *targets = engine_writers(work->engine, work->entity, work->intake->unit);
	const char *why = "it is not there any more";

	if (targets == NULL)
		return error_memory(err);
	for (; *targets != NULL; targets++) {
		uint32_t flow = ledger_flow_id(work->ledger, (*targets)->binding->flow);
		struct ledger_delivery dead;
		bool found;

		if (ledger_object_id(work->ledger, (*targets)->binding->object) != link->at.object || (*targets)->binding->attach_to != NULL)
			continue;
		if (ledger_delivery_get(work->ledger, (*targets)->id, record->at.id, &work->arena, &dead, &found, err) != 0)
			return -1;
		if (!found || dead.state != LEDGER_DELIVERY_DEAD || dead.op == LEDGER_WANT_WRITE)
			continue;
		if (ledger_delivery_drop(work->ledger, (*targets)->id, record->at.id, err) != 0 ||
		    ledger_findings_overtake(work->ledger, LEDGER_FINDING_DEAD, flow, work->intake->unit_id, link->at.object, (struct syncline_slice){ NULL, 0 },
		                             record->at.id, NULL, why, err) != 0 ||
		    event(work, record, link, LEDGER_EVENT_DROPPED, why, err) != 0)
			return -1;
	}
	return 0;
}

int
work_delete_record(struct work *work, struct work_record *record, uint32_t object, struct error *err)
{
	struct ledger_history row = { .record = record->at.id, .object = object, .event = LEDGER_EVENT_DELETED, .generation = record->at.generation + 1 };

	if (record->deleted)
		return 0;
	record->deleted = true;
	record->source = object;
	for (uint32_t i = 0; i < record->link_count; i++) {
		struct work_link *link = record->links[i];

		/* Nobody has to say any more what it means; if it comes again, it was deleted before. */
		if ((link->at.state == LEDGER_LINK_MISSING ? entomb(work, link, record, "gone before the record was deleted", err) : end_questions(work, link, err)) != 0)
			return -1;
	}
	for (uint32_t i = 0; i < record->link_count; i++)
		if (record->links[i]->at.object == object)
			row.native = record->links[i]->at.native;
	work->counts->deletes++;
	work_count(work, LEDGER_COUNT_DELETED, 1);
	buffer_clear(&work->text);
	if (work_json(work, &work->text, record->at.values, NULL) != 0 ||
	    (row.before = arena_copy(&work->arena, work->text.data, work->text.length)) == NULL)
		return error_memory(err);
	if (work_item(work, LEDGER_COUNT_DELETED, object, row.native, record, row.before, NULL, NULL, err) != 0)
		return -1;
	return work_history(work, &row, err);
}

/* A deletion counts only from the record's owner, or from a binding that says so. */
static int
accept(struct work *work, struct work_link *link, struct work_record *record, struct error *err)
{
	if (entomb(work, link, record, "deleted at the source", err) != 0)
		return -1;
	return work_delete_record(work, record, work->bound->object, err);
}

static int
recreate(struct work *work, struct work_link *link, struct work_record *record, struct error *err)
{
	if (entomb(work, link, record, "gone; it is created again", err) != 0)
		return -1;
	record->wanted = true;
	return 0;
}

static int
unlink_gone(struct work *work, struct work_link *link, const struct work_record *record, struct error *err)
{
	link->at.state = LEDGER_LINK_UNLINKED;
	link->dirty = true;
	return end_questions(work, link, err) != 0 ? -1 : event(work, record, link, LEDGER_EVENT_UNLINKED, "gone at the target", err);
}

static int
carry_out(struct work *work, const struct row *row, struct work_link *link, struct work_record *record, enum intake_gone means, bool source,
          struct error *err)
{
	bool is_lock;

	/* Nobody but a person takes away what is locked, and with the record goes each of its fields. */
	if (means == INTAKE_GONE_DELETE && (row == NULL || row->decision == NULL)) {
		if (work_locked(work, record, NULL, &is_lock, err) != 0)
			return -1;
		if (is_lock) {
			work_count(work, LEDGER_COUNT_HELD, 1);
			means = INTAKE_GONE_ASK;
		}
	}
	switch (means) {
	case INTAKE_GONE_DELETE:
		return accept(work, link, record, err);
	case INTAKE_GONE_LEAVE:
		work_count(work, LEDGER_COUNT_IGNORED, 1);
		return entomb(work, link, record, "deleted at the source, and left elsewhere", err);
	case INTAKE_GONE_AGAIN:
		return recreate(work, link, record, err);
	case INTAKE_GONE_UNLINK:
		return unlink_gone(work, link, record, err);
	case INTAKE_GONE_ASK:
		break;
	}
	return ask(work, row, link, record, source, err);
}

static int
by_decision(struct work *work, const struct row *row, struct work_link *link, struct work_record *record, struct error *err)
{
	static const struct {
		const char *word;
		enum intake_gone means;
	} words[] = { { "accept", INTAKE_GONE_DELETE }, { "ignore", INTAKE_GONE_LEAVE }, { "restore", INTAKE_GONE_AGAIN },
		{ "recreate", INTAKE_GONE_AGAIN }, { "unlink", INTAKE_GONE_UNLINK } };

	/* What was decided must still be the question: nothing is done to a record that lives on here, or is deleted already. */
	if (link->at.state != LEDGER_LINK_MISSING)
		return intake_end_questions(work->intake, link->at.object, link->at.native, "it is not missing any more", err);
	if (record->deleted || work_link_here(work, record, link->at.object) != NULL) {
		if (intake_end_questions(work->intake, link->at.object, link->at.native, record->deleted ? "the record was deleted" : "it is here again", err) != 0)
			return -1;
		return entomb(work, link, record, "gone for good", err);
	}
	if (ledger_findings_end(work->ledger, LEDGER_FINDING_REVIEW, work->intake->flow_id, work->intake->unit_id, work->bound->object,
	                        link->at.native, record->at.id, NULL, err) != 0)
		return -1;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(row->decision, words[i].word) == 0)
			return carry_out(work, row, link, record, words[i].means, true, err);
	return 0; /* it is about a row that there is not */
}

/* A record that units share is gone when the last one of them misses it. */
static bool
is_elsewhere(const struct work *work, const struct work_record *record, const struct work_link *link)
{
	for (uint32_t i = 0; work->entity->shared && i < record->link_count; i++)
		if (record->links[i]->at.object == link->at.object && record->links[i]->at.state == LEDGER_LINK_LIVE &&
		    record->links[i]->at.unit != link->at.unit)
			return true;
	return false;
}

int
work_gone(struct work *work, const struct row *row, struct work_link *link, bool missed, struct error *err)
{
	struct work_record *record = work_record_of(work, link);
	enum intake_gone means;
	bool source;

	if (record == NULL)
		return error_set(err, ERROR_INTERNAL, "`syncline doctor` checks the ledger.", "the record %lld of a link is not there",
		                 (long long)link->at.record);
	if (row != NULL && row->decision != NULL)
		return by_decision(work, row, link, record, err);
	if (link->at.state != LEDGER_LINK_LIVE && link->at.state != LEDGER_LINK_MISSING)
		return 0;
	if (missed) {
		work->counts->missing++;
		work_count(work, LEDGER_COUNT_MISSING, 1);
	}
	/* We deleted it ourselves, or it was to go anyway. */
	if (record->deleted)
		return entomb(work, link, record, "gone after the record was deleted", err) != 0 ? -1 : end_deletes(work, link, record, err);
	if (is_elsewhere(work, record, link)) {
		work_count(work, LEDGER_COUNT_IGNORED, 1);
		return entomb(work, link, record, "gone in this unit, and there in another one", err);
	}
	means = intake_gone_means(work->bound->binding, work->entity, &source);
	return carry_out(work, row, link, record, means, source, err);
}
