/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settle.c: what became of items, in one transaction: links, vectors and history of what is confirmed (flow/confirm.c), the
 * attempt's items, dead letters, and what the run counted.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "deliver/inside.h"

void
settle_count(struct outlet *outlet, enum ledger_count count)
{
	outlet->deliver->intake->run->counts[count]++;
}

static int
add_history(struct outlet *outlet, int64_t record, struct syncline_slice native, enum ledger_event event, const char *note, struct error *err)
{
	const struct intake *intake = outlet->deliver->intake;
	const struct ledger_history row = { .record = record, .entity = ledger_entity_id(outlet->deliver->ledger, outlet->entity),
		.unit = intake->unit_id, .object = outlet->object_id, .run = intake->run->number, .event = event, .native = native, .note = note };

	return ledger_history_add(outlet->deliver->ledger, &row, 1, err);
}

static struct ledger_finding
begin_finding(const struct outlet *outlet, enum ledger_finding_kind kind, int64_t record)
{
	const struct intake *intake = outlet->deliver->intake;

	return (struct ledger_finding){ .kind = kind, .flow = intake->flow_id, .unit = intake->unit_id, .object = outlet->object_id, .record = record,
		.run = intake->run->number };
}

/* {"native":…,"said":…,"status":…} */
static const char *
detail_of(struct outlet *outlet, struct syncline_slice native, const struct error *why)
{
	const char *between = "";

	buffer_clear(&outlet->scratch);
	buffer_char(&outlet->scratch, '{');
	if (native.length > 0) {
		buffer_text(&outlet->scratch, "\"native\":");
		text_json_string(&outlet->scratch, native.data, native.length);
		between = ",";
	}
	if (why->detail[0] != '\0') {
		buffer_format(&outlet->scratch, "%s\"said\":", between);
		text_json_string(&outlet->scratch, why->detail, strlen(why->detail));
		between = ",";
	}
	if (why->remote_status != 0)
		buffer_format(&outlet->scratch, "%s\"status\":%u", between, why->remote_status);
	buffer_char(&outlet->scratch, '}');
	return buffer_string(&outlet->scratch);
}

int
settle_dead(struct outlet *outlet, int64_t record, struct syncline_slice native, const struct error *why, struct error *err)
{
	struct ledger_finding finding = begin_finding(outlet, LEDGER_FINDING_DEAD, record);

	assert(why != NULL); /* nothing is given up without a reason */
	finding.cause = error_name(why->code);
	finding.message = why->message;
	finding.hint = why->hint[0] != '\0' ? why->hint : "Correct the value at its owner, or the rule that makes it, then retry the delivery.";
	finding.place = why->place[0] != '\0' ? why->place : NULL;
	if ((finding.detail = detail_of(outlet, native, why)) == NULL)
		return error_memory(err);
	settle_count(outlet, LEDGER_COUNT_DEAD);
	outlet->dead_letters = true;
	if (ledger_find(outlet->deliver->ledger, &finding, NULL, err) != 0 || stop_count(outlet, 0, why, err) != 0)
		return -1;
	return add_history(outlet, record, native, LEDGER_EVENT_DEAD, why->message, err);
}

static int
see_finding(void *data, const struct ledger_finding *row)
{
	(void)row;
	*(bool *)data = true;
	return 0;
}

/* Nobody knows whether it came to be there: that is for a person to see, whatever is wanted by now. */
static int
is_doubtful(struct outlet *outlet, int64_t record, bool *ret_is, struct error *err)
{
	static const enum error_code causes[] = { ERROR_DELIVERY_UNCERTAIN, ERROR_DELIVERY_UNSEEN };

	*ret_is = false;
	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
		const struct ledger_finding_filter filter = { .kind = LEDGER_FINDING_DEAD, .object = outlet->object_id, .record = record,
			.cause = error_name(causes[i]) };

		if (ledger_findings(outlet->deliver->ledger, &filter, see_finding, ret_is, err) != 0)
			return -1;
	}
	return 0;
}

int
settle_pointless(struct outlet *outlet, int64_t record, bool linked, const char *why, bool *ret_any, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	const struct intake *intake = outlet->deliver->intake;
	bool doubtful = false;

	*ret_any = false;
	if (!outlet->dead_letters)
		return 0;
	if (!linked && is_doubtful(outlet, record, &doubtful, err) != 0)
		return -1;
	if (doubtful)
		return 0;
	if (ledger_finding_open(ledger, LEDGER_FINDING_DEAD, record, outlet->object_id, NULL, ret_any, err) != 0)
		return -1;
	return *ret_any ? ledger_findings_overtake(ledger, LEDGER_FINDING_DEAD, intake->flow_id, intake->unit_id, outlet->object_id,
	                                           (struct syncline_slice){ NULL, 0 }, record, NULL, why, err)
	                : 0;
}

int
settle_unlink(struct outlet *outlet, const struct ledger_link *link, const char *note, struct error *err)
{
	struct ledger_link ended = *link;

	ended.state = LEDGER_LINK_UNLINKED;
	if (ledger_links_put(outlet->deliver->ledger, outlet->linked, &ended, 1, err) != 0 ||
	    intake_end_questions(outlet->deliver->intake, link->object, link->native, note, err) != 0)
		return -1;
	return add_history(outlet, link->record, link->native, LEDGER_EVENT_UNLINKED, note, err);
}

/* The record that a mark's write goes to: its own, or with attach_to the one that it refers to. */
static int
owner_of(struct outlet *outlet, int64_t record, int64_t *ret_owner, struct error *err)
{
	struct ledger_record golden;
	uint32_t at;

	*ret_owner = record;
	if (outlet->attach == NULL)
		return 0;
	if (ledger_records_get(outlet->deliver->ledger, outlet->entity, &record, 1, &outlet->arena, &golden, err) != 0)
		return -1;
	at = field_index(outlet->entity, outlet->attach);
	*ret_owner = golden.id != 0 && golden.values[at].type == SYNCLINE_TYPE_INTEGER ? golden.values[at].u.integer : 0;
	return 0;
}

/* As reading decides it; but whether what others are written into is created again is for their own flow to say. */
static enum intake_gone
what_missing_means(const struct outlet *outlet, bool *ret_source)
{
	enum intake_gone means = intake_gone_means(outlet->binding, outlet->linked, ret_source);

	if (outlet->attach == NULL)
		return means;
	*ret_source = outlet->binding->originates || strcmp(outlet->linked->owner, outlet->binding->system->head.name) == 0;
	return INTAKE_GONE_ASK;
}

static int
ask_missing(struct outlet *outlet, int64_t owner, const struct ledger_link *link, bool source, struct error *err)
{
	struct ledger_finding finding = begin_finding(outlet, LEDGER_FINDING_REVIEW, owner);

	settle_count(outlet, LEDGER_COUNT_REVIEWS);
	finding.native = link->native;
	finding.cause = ledger_review_name(source ? LEDGER_REVIEW_DELETED : LEDGER_REVIEW_MISSING);
	finding.message = source ? "it is gone at its source" : "a record that was written there is gone";
	finding.hint = source ? "Decide whether that is accepted, ignored, or restored; deletes.seen decides it for good." :
	                        "Decide whether it is created again or unlinked; situations.missing decides it for good.";
	return ledger_find(outlet->deliver->ledger, &finding, NULL, err);
}

int
settle_missing(struct outlet *outlet, int64_t record, bool *ret_again, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	struct ledger_link link;
	enum intake_gone means;
	int64_t owner;
	bool source;

	*ret_again = false;
	means = what_missing_means(outlet, &source);
	if (owner_of(outlet, record, &owner, err) != 0 || ledger_link_at(ledger, outlet->linked, owner, outlet->object_id, &outlet->arena, &link, err) != 0)
		return -1;
	/* Whether it is deleted everywhere is for reading to say, which knows whether it saw everything. */
	if (link.id != 0 && means == INTAKE_GONE_DELETE) {
		*ret_again = true;
		return 0;
	}
	*ret_again = means == INTAKE_GONE_AGAIN;
	/* Reading was here before: what it decided stands. */
	if (link.id == 0)
		return 0;
	settle_count(outlet, LEDGER_COUNT_MISSING);
	link.state = means == INTAKE_GONE_ASK ? LEDGER_LINK_MISSING : means == INTAKE_GONE_UNLINK ? LEDGER_LINK_UNLINKED : LEDGER_LINK_TOMBSTONE;
	if (ledger_links_put(ledger, outlet->linked, &link, 1, err) != 0 ||
	    add_history(outlet, owner, link.native, means == INTAKE_GONE_UNLINK ? LEDGER_EVENT_UNLINKED : LEDGER_EVENT_GONE,
	                "the target does not have it any more", err) != 0)
		return -1;
	if (means == INTAKE_GONE_ASK)
		return ask_missing(outlet, owner, &link, source, err);
	return intake_end_questions(outlet->deliver->intake, link.object, link.native, NULL, err);
}

/* Outcomes. */

/*
 * Written, and not confirmed yet: to a file whose import is still to come, or a create whose id the answer didn't say.  What the
 * target shows next decides (readback.c).
 */
static bool
is_handed_over(const struct outlet *outlet, const struct answer *answer)
{
	if (answer->read_back)
		return false;
	return outlet->binding->confirm->readback || (answer->item->op == SYNCLINE_OP_CREATE && answer->native.length == 0);
}

static int
confirmed(struct outlet *outlet, const struct answer *answer, struct ledger_outcome *outcome, struct error *err)
{
	if (is_handed_over(outlet, answer)) {
		outcome->kind = LEDGER_HANDED;
		outcome->due_us = 0; /* looked for with each run, until confirm.within is over (readback.c) */
		settle_count(outlet, LEDGER_COUNT_HANDED_OVER);
		return 0;
	}
	outcome->kind = LEDGER_CONFIRMED;
	if (!outlet->dead_letters)
		return 0;
	return ledger_findings_end(outlet->deliver->ledger, LEDGER_FINDING_DEAD, outlet->deliver->intake->flow_id, outlet->deliver->intake->unit_id,
	                           outlet->object_id, (struct syncline_slice){ NULL, 0 }, answer->item->record, NULL, err);
}

static int
missed(struct outlet *outlet, const struct answer *answer, struct ledger_outcome *outcome, struct error *err)
{
	bool again, source;

	if (settle_missing(outlet, answer->item->record, &again, err) != 0)
		return -1;
	outcome->kind = again ? LEDGER_AGAIN : LEDGER_DROP;
	outcome->due_us = answer->looked || what_missing_means(outlet, &source) != INTAKE_GONE_DELETE ? 0 : ledger_now(outlet->deliver->ledger) + MISSING_PAUSE_US;
	return 0;
}

static int
outcome_of(struct outlet *outlet, const struct answer *answer, struct ledger_outcome *outcome, struct error *err)
{
	*outcome = (struct ledger_outcome){ .index = answer->index, .due_us = answer->due_us };
	if (answer->why != NULL) {
		outcome->cause = error_name(answer->why->code);
		outcome->reason = answer->why->message;
	}
	switch ((enum deliver_verdict)answer->verdict) {
	case DELIVER_CONFIRM:
		outcome->cause = outcome->reason = NULL;
		return confirmed(outlet, answer, outcome, err);
	case DELIVER_AGAIN:
	case DELIVER_REREAD:
		outcome->kind = LEDGER_AGAIN;
		outcome->failed = answer->why == NULL || answer->why->klass != SYNCLINE_CANCELLED;
		settle_count(outlet, LEDGER_COUNT_RETRIED);
		return 0;
	case DELIVER_SLOWER:
		outcome->kind = LEDGER_AGAIN;
		settle_count(outlet, LEDGER_COUNT_RETRIED);
		return 0;
	case DELIVER_UNSURE:
		outcome->kind = LEDGER_UNSURE;
		outcome->repeated = answer->repeated;
		if (!answer->looked)
			settle_count(outlet, LEDGER_COUNT_UNCERTAIN);
		return 0;
	case DELIVER_PARK:
		outcome->kind = LEDGER_PARK;
		outcome->failed = true;
		settle_count(outlet, LEDGER_COUNT_PARKED);
		return 0;
	case DELIVER_MISSING:
		return missed(outlet, answer, outcome, err);
	case DELIVER_DEAD:
		outcome->kind = LEDGER_GIVE_UP;
		outcome->failed = true;
		return settle_dead(outlet, answer->item->record, answer->native, answer->why, err);
	case DELIVER_VERDICT_COUNT:
		break;
	}
	return error_set(err, ERROR_INTERNAL, NULL, "a delivery has the verdict %u, which there is not", answer->verdict);
}

/*
 * attach_to: the link is another record's, which keeps what it knows.  The version that this write made stays unknown, too: it tells of
 * whatever others changed before, which that record's flow has not read yet.
 */
static int
confirm_attached(struct outlet *outlet, const struct answer *answer, struct error *err)
{
	settle_count(outlet, LEDGER_COUNT_SENT_UPDATES);
	return add_history(outlet, answer->item->record, answer->native, LEDGER_EVENT_SENT_UPDATE, "written into the record that it refers to", err);
}

/* Links, vectors and history of what is confirmed for good. */
static int
confirm_all(struct outlet *outlet, const struct answer *answers, uint32_t count, struct error *err)
{
	struct intake_confirmation *items = arena_array(&outlet->arena, count + 1u, sizeof *items);
	uint32_t used = 0;

	if (items == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		const struct answer *answer = &answers[i];
		const struct pick *pick = answer->pick;

		if (answer->verdict != DELIVER_CONFIRM || is_handed_over(outlet, answer))
			continue;
		if (outlet->attach != NULL) {
			if (confirm_attached(outlet, answer, err) != 0)
				return -1;
			continue;
		}
		items[used++] = (struct intake_confirmation){ .record = answer->item->record, .bound = outlet->bound, .generation = answer->item->generation,
			.op = answer->item->op, .deactivate = answer->item->deactivate, .native = answer->native, .version = answer->version,
			.sent = answer->vector, .golden = pick != NULL ? pick->golden : NULL, .link = pick != NULL && pick->link != NULL ? pick->link->id : 0,
			.stored = answer->stored, .payload = answer->payload, .adopted = answer->adopted, .read_back = answer->read_back };
	}
	return used > 0 ? intake_confirm(outlet->deliver->intake, items, used, err) : 0;
}

static int
settle_now(struct outlet *outlet, int64_t attempt, const struct answer *answers, uint32_t count, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	struct ledger_run *run = outlet->deliver->intake->run, before = *run;
	struct ledger_outcome *outcomes = arena_array(&outlet->arena, count + 1u, sizeof *outcomes);
	uint32_t good = 0;

	if (outcomes == NULL)
		return error_memory(err);
	if ((outlet->follows ? ledger_begin_later : ledger_begin)(ledger, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		good += answers[i].verdict == DELIVER_CONFIRM;
	if (confirm_all(outlet, answers, count, err) != 0 || stop_count(outlet, good, NULL, err) != 0)
		goto failed;
	for (uint32_t i = 0; i < count; i++)
		if (outcome_of(outlet, &answers[i], &outcomes[i], err) != 0)
			goto failed;
	if (ledger_attempt_close(ledger, attempt, outcomes, count, err) != 0 || ledger_run_keep(ledger, run, err) != 0 || ledger_commit(ledger, err) != 0)
		goto failed;
	return 0;
failed:
	ledger_rollback(ledger);
	*run = before;
	return -1;
}

int
settle_overtaken(struct outlet *outlet, int64_t attempt, const struct answer *answer, const char *note, struct error *err)
{
	const struct ledger_outcome outcome = { .index = answer->index, .kind = LEDGER_DROP };
	struct ledger *ledger = outlet->deliver->ledger;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (add_history(outlet, answer->item->record, answer->native, LEDGER_EVENT_DROPPED, note, err) != 0 ||
	    ledger_attempt_close(ledger, attempt, &outcome, 1, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

/* The target named a native id that another record of ours has: two of a kind, and a person must see it. */
static int
settle_twin(struct outlet *outlet, int64_t attempt, struct answer *answer, const struct error *twin, struct error *err)
{
	struct error *why = (struct error *)(void *)arena_copy(&outlet->arena, twin, sizeof *twin);

	if (why == NULL)
		return error_memory(err);
	why->hint[0] = '\0';
	error_hint(why, "Two records of ours are one there: merge them, or correct the key by which the system recognises them.");
	answer->verdict = DELIVER_DEAD;
	answer->why = why;
	return settle_now(outlet, attempt, answer, 1, err);
}

int
settle(struct outlet *outlet, int64_t attempt, struct answer *answers, uint32_t count, struct error *err)
{
	struct error why = { 0 };

	if (count == 0 || settle_now(outlet, attempt, answers, count, &why) == 0)
		return 0;
	if (why.code != ERROR_LEDGER_TWIN) {
		*err = why;
		return -1;
	}
	/* One of them is to blame: each for itself. */
	for (uint32_t i = 0; i < count; i++) {
		if (settle_now(outlet, attempt, &answers[i], 1, &why) == 0)
			continue;
		if (why.code != ERROR_LEDGER_TWIN) {
			*err = why;
			return -1;
		}
		if (settle_twin(outlet, attempt, &answers[i], &why, err) != 0)
			return -1;
	}
	return 0;
}
