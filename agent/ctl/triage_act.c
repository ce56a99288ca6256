/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * triage_act.c: see triage.h: what a person does about findings.  What concerns rows is carried out by the next run of the flow,
 * which takes them again as if just read; a dead letter's delivery is pending again at once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/triage.h"
#include "flow/vector.h"
#include "ledger/deliveries.h"
#include "ledger/records.h"

/* Many. */

struct ids {
	int64_t *items;
	size_t count, room;
	bool failed;
};

static void
put_id(struct ids *ids, int64_t id)
{
	if (ids->count == ids->room) {
		size_t room = ids->room > 0 ? ids->room * 2 : 256;
		int64_t *more = realloc(ids->items, room * sizeof *more);

		if (more == NULL) {
			ids->failed = true;
			return;
		}
		ids->items = more;
		ids->room = room;
	}
	ids->items[ids->count++] = id;
}

static int
take_id(void *data, const struct ledger_finding *finding)
{
	put_id(data, finding->id);
	return 0;
}

/* Those whose numbers were given, or all that --cause, --flow and --unit choose. */
static enum ctl_exit
choose(struct triage *triage, struct ids *ids)
{
	struct ledger_finding_filter filter;
	struct error err = { 0 };
	enum ctl_exit status = CTL_DONE;

	for (int i = 0; i < triage->word_count && status == CTL_DONE; i++) {
		struct ledger_finding finding;
		struct arena arena;

		arena_init(&arena, 0);
		if ((status = triage_find(triage, triage->words[i], &arena, &finding)) == CTL_DONE)
			put_id(ids, finding.id);
		arena_free(&arena);
	}
	if (triage->word_count == 0 && (status = triage_filter(triage, &filter, 0)) == CTL_DONE) {
		filter.all = false;
		for (unsigned i = 0; i < triage->kind_count && status == CTL_DONE; i++) {
			filter.kind = triage->kinds[i];
			if (ledger_findings(triage->ledger, &filter, take_id, ids, &err) != 0)
				status = opened_error(triage->ctl, &err);
		}
		if (status == CTL_DONE && ids->count == 0) {
			(void)error_set(&err, ERROR_LEDGER_NOT_FOUND, "The list names the causes; write one as it stands there.",
			                "nothing open has the cause \"%s\"", filter.cause);
			status = opened_error(triage->ctl, &err);
		}
	}
	if (status == CTL_DONE && ids->failed) {
		(void)error_memory(&err);
		status = opened_error(triage->ctl, &err);
	}
	return status;
}

struct outcome {
	uint64_t done, skipped;
	const char *flow; /* of the last one */
	uint32_t flow_id, unit_id;
	char why_skipped[300];
};

typedef int acting(struct triage *triage, const struct ledger_finding *finding, struct outcome *outcome, struct error *err);

static enum ctl_exit
tell(const struct triage *triage, const struct outcome *outcome, const char *what, bool needs_run)
{
	struct buffer json;
	const struct listing listing = { .ctl = triage->ctl, .opened = triage->opened, .ledger = triage->ledger };
	const char *off = NULL;
	struct error err = { 0 };
	char next[512] = "";

	if (needs_run && outcome->done > 0 && listing_next(&listing, outcome->flow_id, outcome->unit_id, next, &off, &err) != 0)
		return opened_error(triage->ctl, &err);
	if (triage->ctl->json) {
		buffer_init(&json, 0);
		ctl_json_open(&json, NULL, '{');
		ctl_json_number(&json, what, (long long)outcome->done);
		ctl_json_number(&json, "skipped", (long long)outcome->skipped);
		ctl_json_text(&json, "why_skipped", outcome->skipped > 0 ? outcome->why_skipped : NULL);
		ctl_json_text(&json, "next", next[0] != '\0' ? next : NULL);
		ctl_json_text(&json, "off", off);
		ctl_json_close(&json, '}');
		return ctl_json_print(&json, outcome->skipped > 0 ? CTL_FINDINGS : CTL_DONE);
	}
	ctl_print("%" PRIu64 " %s\n", outcome->done, what);
	if (outcome->skipped > 0)
		ctl_print("%" PRIu64 " left as they are: %s\n", outcome->skipped, outcome->why_skipped);
	if (next[0] != '\0')
		listing_say_next(triage->ctl, next, off);
	return outcome->skipped > 0 ? CTL_FINDINGS : CTL_DONE;
}

/* All or nothing. */
static enum ctl_exit
for_all(struct triage *triage, acting *act, const char *what, bool needs_run)
{
	struct outcome outcome = { .flow = "" };
	struct ids ids = { .count = 0 };
	struct error err = { 0 };
	enum ctl_exit status;
	int result;

	if ((status = choose(triage, &ids)) != CTL_DONE) {
		free(ids.items);
		return status;
	}
	result = ledger_begin(triage->ledger, &err);
	for (size_t i = 0; i < ids.count && result == 0; i++) {
		struct ledger_finding finding;
		struct arena arena;

		arena_init(&arena, 0);
		if ((result = ledger_finding_get(triage->ledger, ids.items[i], &arena, &finding, &err)) == 0) {
			outcome.flow = ledger_flow_name(triage->ledger, finding.flow);
			outcome.flow_id = finding.flow;
			outcome.unit_id = finding.unit;
			result = act(triage, &finding, &outcome, &err);
		}
		arena_free(&arena);
	}
	free(ids.items);
	if (result == 0)
		result = ledger_commit(triage->ledger, &err);
	else
		ledger_rollback(triage->ledger);
	return result == 0 ? tell(triage, &outcome, what, needs_run) : opened_error(triage->ctl, &err);
}

/* retry */

/* The deliveries of its record to its object that were given up are pending again. */
static int
revive(struct triage *triage, const struct ledger_finding *finding, struct outcome *outcome, struct error *err)
{
	const struct config_flow *flow = ledger_flow(triage->ledger, finding->flow);
	const char *why = ctl_value(triage->ctl, "why");

	/* Who lets it be sent once more answers for there not being two of it. */
	if (finding->cause != NULL && strcmp(finding->cause, error_name(ERROR_DELIVERY_UNCERTAIN)) == 0 && (why == NULL || why[0] == '\0'))
		return error_set(err, ERROR_USAGE, "Look for the record at the system.  If it is not there: --why TEXT, kept with who and when; if it is: dead archive.",
		                 "nobody knows whether the delivery of dead letter %lld arrived, and it may come to be there twice", (long long)finding->id);
	for (uint32_t i = 0; flow != NULL && i < flow->binding_count; i++) {
		const struct config_binding *binding = &flow->bindings[i];
		struct ledger_delivery delivery;
		struct arena arena;
		bool found;
		int result;

		if (!binding->writes || ledger_object_id(triage->ledger, binding->object) != finding->object)
			continue;
		arena_init(&arena, 0);
		result = ledger_delivery_get(triage->ledger, ledger_binding_id(triage->ledger, binding), finding->record, &arena, &delivery, &found, err);
		if (result == 0 && found && delivery.state == LEDGER_DELIVERY_DEAD) {
			delivery.state = LEDGER_DELIVERY_PENDING;
			delivery.op = 0;
			delivery.due_us = 0;
			delivery.tries = 0;
			delivery.parent = 0;
			delivery.cause = delivery.reason = NULL;
			result = ledger_delivery_set(triage->ledger, &delivery, err);
		}
		arena_free(&arena);
		if (result != 0)
			return -1;
	}
	outcome->done++;
	return ledger_finding_close(triage->ledger, finding->id, LEDGER_DECIDED, why != NULL && why[0] != '\0' ? why : "tried again", err);
}

/* The next run takes its row again, for which it has to be kept. */
static int
take_again(struct triage *triage, const struct ledger_finding *finding, struct outcome *outcome, struct error *err)
{
	struct batch *row = NULL;

	if (finding->state == LEDGER_OPEN && ledger_finding_row_get(triage->ledger, finding->id, &row, err) != 0)
		return -1;
	if (finding->state == LEDGER_OPEN && (row == NULL || finding->native.length == 0)) {
		batch_free(row);
		outcome->skipped++;
		snprintf(outcome->why_skipped, sizeof outcome->why_skipped,
		         "no row was kept with them; `syncline run %.100s --full` reads it anew, and then it is judged again", outcome->flow);
		return 0;
	}
	batch_free(row);
	outcome->done++;
	return ledger_finding_retry(triage->ledger, finding->id, err);
}

enum ctl_exit
triage_retry(struct triage *triage)
{
	bool dead = triage->kinds[0] == LEDGER_FINDING_DEAD;

	return for_all(triage, dead ? revive : take_again, "to be tried again", true);
}

/* archive */

static int
put_away(struct triage *triage, const struct ledger_finding *finding, struct outcome *outcome, struct error *err)
{
	const struct config_entity *entity = finding->record != 0 ? ledger_record_entity(triage->ledger, finding->record) : NULL;

	/* What went back and forth counts from nought again, and our value is restored once more. */
	for (uint32_t i = 0; finding->kind == LEDGER_FINDING_FLIP && entity != NULL && finding->field != NULL && i < entity->field_count; i++)
		if (strcmp(entity->fields[i].head.name, finding->field) == 0 &&
		    ledger_flip_end(triage->ledger, finding->record, ledger_field_id(triage->ledger, entity, &entity->fields[i]), finding->object, err) != 0)
			return -1;
	outcome->done++;
	return ledger_finding_close(triage->ledger, finding->id, LEDGER_ARCHIVED, ctl_value(triage->ctl, "why"), err);
}

enum ctl_exit
triage_archive(struct triage *triage)
{
	return for_all(triage, put_away, "archived", false);
}

/* edit */

static int
no_field(const struct batch *row, const char *field, struct error *err)
{
	const char *names[256], *near;
	char hint[300] = "`show` lists the fields of the row, by their native names.";
	uint32_t count = row->header->field_count < 256 ? row->header->field_count : 256;
	struct arena arena;

	arena_init(&arena, 0);
	for (uint32_t i = 0; i < count; i++) {
		struct batch_field at;

		batch_field(row, i, &at);
		if ((names[i] = arena_copy(&arena, at.name, at.name_length)) == NULL)
			count = i;
	}
	if ((near = text_nearest(field, names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%.200s`?", near);
	(void)error_set(err, ERROR_USAGE, hint, "the row has no field \"%s\"", field);
	arena_free(&arena);
	return -1;
}

static int
correct(struct triage *triage, const struct ledger_finding *finding, const struct config_binding *binding, const struct batch *row, struct error *err)
{
	const char *field = triage->words[1], *value = triage->word_count > 2 ? triage->words[2] : NULL;
	struct ledger_correction correction = { .binding = ledger_binding_id(triage->ledger, binding), .unit = finding->unit, .native = finding->native,
		.field = field, .value = value, .who = triage->opened->who, .why = ctl_value(triage->ctl, "why") };
	int at = batch_find_field(row, field, strlen(field));
	struct syncline_value was;
	struct batch *copy;
	int result;

	if (at < 0)
		return no_field(row, field, err);
	/* Does the field take it? */
	if ((copy = batch_copy(row, err)) == NULL)
		return -1;
	result = batch_put_text(copy, 0, (uint32_t)at, value, err);
	batch_free(copy);
	if (result != 0)
		return -1;
	was = batch_value(row, &batch_record(row, 0)->cells[at]);
	vector_raw_value(ledger_hash_key(triage->ledger), &was, correction.raw);
	if (ledger_begin(triage->ledger, err) != 0)
		return -1;
	if (ledger_correction_add(triage->ledger, &correction, NULL, err) == 0 && ledger_finding_retry(triage->ledger, finding->id, err) == 0)
		return ledger_commit(triage->ledger, err);
	ledger_rollback(triage->ledger);
	return -1;
}

enum ctl_exit
triage_edit(struct triage *triage)
{
	struct outcome outcome = { .done = 1 };
	const struct config_binding *binding;
	struct ledger_finding finding;
	struct batch *row = NULL;
	struct error err = { 0 };
	enum ctl_exit status;
	struct arena arena;

	arena_init(&arena, 0);
	if ((triage->word_count > 2) == (ctl_value(triage->ctl, "null") != NULL)) {
		(void)error_set(&err, ERROR_USAGE, "It is: syncline rejects edit ID FIELD VALUE --why TEXT", "`edit` needs a value or --null, and not both%s", "");
		status = opened_error(triage->ctl, &err);
	} else if ((status = triage_find(triage, triage->words[0], &arena, &finding)) == CTL_DONE) {
		outcome.flow = ledger_flow_name(triage->ledger, finding.flow);
		outcome.flow_id = finding.flow;
		outcome.unit_id = finding.unit;
		if ((binding = triage_binding(triage, &finding, false)) == NULL)
			(void)error_set(&err, ERROR_LEDGER_FINDING, "Archive it, or bring the binding back.", "no binding of %s reads %s any more", outcome.flow,
			                ledger_object_name(triage->ledger, finding.object));
		else if (ledger_finding_row_get(triage->ledger, finding.id, &row, &err) == 0 && (row == NULL || finding.native.length == 0))
			(void)error_set(&err, ERROR_LEDGER_FINDING, "Correct it in the source.", "reject %" PRId64 " has no row that could be corrected: %s",
			                finding.id, finding.message != NULL ? finding.message : "its key cannot be read");
		else if (row != NULL)
			(void)correct(triage, &finding, binding, row, &err);
		batch_free(row);
		status = err.code != ERROR_NONE ? opened_error(triage->ctl, &err) : tell(triage, &outcome, "corrected", true);
	}
	arena_free(&arena);
	return status;
}

/* decide */

static int
no_choice(const struct triage *triage, const struct ledger_finding *finding, const char *word, struct error *err)
{
	const char *const *choices = triage_choices(finding);
	struct buffer hint;

	buffer_init(&hint, 0);
	if (choices[0] == NULL && finding->kind == LEDGER_FINDING_FLIP)
		buffer_text(&hint, "Change the value at the system that owns it, make this system its owner, or lock the field; then archive this.");
	else if (choices[0] == NULL)
		buffer_format(&hint, "%s Then archive this.", finding->hint != NULL ? finding->hint : "Settle it at the system.");
	else
		buffer_text(&hint, "It can be:");
	for (; *choices != NULL; choices++)
		buffer_format(&hint, " %s%s", *choices, strcmp(*choices, "link") == 0 ? " RECORD" : "");
	(void)error_set(err, ERROR_USAGE, buffer_string(&hint), "%s %" PRId64 " (%s) cannot be decided as \"%s\"", ledger_finding_name(finding->kind),
	                finding->id, finding->cause != NULL ? finding->cause : "", word);
	buffer_free(&hint);
	(void)triage;
	return -1;
}

/* Has it a native record there already, in the unit that the finding is of?  It can't be two. */
static int
check_free(struct triage *triage, const struct ledger_finding *finding, const struct config_entity *entity, int64_t record, struct arena *arena,
           struct error *err)
{
	struct ledger_link *links;
	uint32_t first[2];

	if (ledger_links_of_at(triage->ledger, entity, finding->object, &record, 1, arena, &links, first, err) != 0)
		return -1;
	for (uint32_t i = first[0]; i < first[1]; i++)
		if (links[i].object == finding->object && links[i].state == LEDGER_LINK_LIVE && links[i].unit == finding->unit &&
		    (links[i].native.length != finding->native.length || memcmp(links[i].native.data, finding->native.data, links[i].native.length) != 0))
			return error_set(err, ERROR_LEDGER_FINDING, "Remove one of the two at the system; or decide `create`, or `ignore`.",
			                 "record %" PRId64 " is linked to %.*s of %s, and cannot be linked to %.*s as well", record,
			                 (int)(links[i].native.length < 200 ? links[i].native.length : 200), (const char *)links[i].native.data,
			                 ledger_object_name(triage->ledger, finding->object),
			                 (int)(finding->native.length < 200 ? finding->native.length : 200), (const char *)finding->native.data);
	return 0;
}

/* The record that a row is to be linked to: live, of the flow's entity, of the unit, and free. */
static int
check_record(struct triage *triage, const struct ledger_finding *finding, const char *word, int64_t *ret_record, struct error *err)
{
	const struct config_flow *flow = ledger_flow(triage->ledger, finding->flow);
	int64_t id = ledger_record_of_external_id(triage->ledger, word, strlen(word));
	struct ledger_record record = { .id = 0 };
	struct arena arena;
	int result = 0;

	arena_init(&arena, 0);
	if (id == 0 && !text_to_integer(word, strlen(word), &id))
		id = 0;
	if (id > 0 && flow != NULL && ledger_record_entity(triage->ledger, id) == flow->entity)
		result = ledger_records_get(triage->ledger, flow->entity, &id, 1, &arena, &record, err);
	if (result == 0 && record.id != 0)
		result = check_free(triage, finding, flow->entity, id, &arena, err);
	arena_free(&arena);
	if (result != 0)
		return -1;
	if (record.id == 0 || record.state != LEDGER_LIVE || (record.unit != finding->unit && !flow->entity->shared))
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "`syncline trace KEY` finds records by number, native id or a unique value.",
		                 "there is no live record \"%s\" of %s that this could be linked to", word, flow != NULL ? flow->entity->head.name : "the flow");
	*ret_record = id;
	return 0;
}

static int
decide(struct triage *triage, const struct ledger_finding *finding, struct error *err)
{
	const char *word = triage->words[1];
	const char *const *choices = triage_choices(finding);
	char decision[64];
	int64_t record;

	while (*choices != NULL && strcmp(*choices, word) != 0)
		choices++;
	if (*choices == NULL)
		return no_choice(triage, finding, word, err);
	if ((strcmp(word, "link") == 0) != (triage->word_count > 2))
		return error_set(err, ERROR_USAGE, "It is: syncline reviews decide ID link RECORD --why TEXT", "%s",
		                 "`link` needs a record, and nothing else does");
	snprintf(decision, sizeof decision, "%s", word);
	if (triage->word_count > 2) {
		if (check_record(triage, finding, triage->words[2], &record, err) != 0)
			return -1;
		snprintf(decision, sizeof decision, "link %" PRId64, record);
	}
	if (triage_binding(triage, finding, false) == NULL)
		return error_set(err, ERROR_LEDGER_FINDING, "`situations.missing` of the binding decides it for good.",
		                 "no binding of %s reads %s, so that no run can carry a decision out", ledger_flow_name(triage->ledger, finding->flow),
		                 ledger_object_name(triage->ledger, finding->object));
	if (ledger_begin(triage->ledger, err) != 0)
		return -1;
	if (ledger_finding_decide(triage->ledger, finding->id, decision, ctl_value(triage->ctl, "why"), err) == 0)
		return ledger_commit(triage->ledger, err);
	ledger_rollback(triage->ledger);
	return -1;
}

enum ctl_exit
triage_decide(struct triage *triage)
{
	struct outcome outcome = { .done = 1 };
	struct ledger_finding finding;
	struct error err = { 0 };
	enum ctl_exit status;
	struct arena arena;

	arena_init(&arena, 0);
	if ((status = triage_find(triage, triage->words[0], &arena, &finding)) == CTL_DONE) {
		outcome.flow = ledger_flow_name(triage->ledger, finding.flow);
		outcome.flow_id = finding.flow;
		outcome.unit_id = finding.unit;
		status = decide(triage, &finding, &err) == 0 ? tell(triage, &outcome, "decided", true) : opened_error(triage->ctl, &err);
	}
	arena_free(&arena);
	return status;
}
