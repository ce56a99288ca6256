/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * resolve.c: what nobody knows is found out, by what the sink declared, and never by a plain retry.
 *
 *     any        idempotency key, safely remembered       the same key and the same bytes once more
 *     create     upsert by external key                   the same bytes once more, after the settle time
 *                find by external key                     after the index lag: one hit is adopted, several are disputed, none twice
 *                                                         (once where nothing lags) means that it is certainly not there
 *     update     read again                               equal to what was sent: applied; as it was before: not applied, after the
 *                                                         settle time; anything else: changed on both sides, through the flow
 *                conditional, or nobody to protect        the same bytes once more, after the settle time
 *     delete                                              once more; not found is success
 *     none of these                                       a dead letter, unless duplicates were accepted by name
 */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "deliver/inside.h"

#define ITEMS_MAX 200u
#define SETTLE_MIN_US INT64_C(1000000) /* the connector's process may outlive ours for a moment */
#define DISPUTED_US (INT64_C(3600) * 1000000)
#define HITS_MAX 8u
#define CALLS_UNTIL_WRITTEN 3 /* load, open and write, each within limits.timeout */

static const char looked_for[] = "it was looked for and was not there";

enum way { WAY_REPEAT, WAY_FIND, WAY_READ, WAY_AGAIN, WAY_DEAD };

struct doubt {
	struct ledger_uncertain *item;
	struct ledger_delivery mark; /* cause and reason as they were kept */
	enum way way;
	struct answer answer;
	int64_t now_us; /* when it was looked whether the clock was set */
};

/* What a request may still do, it does so long after its answer was lost: a call may have lasted longer than that. */
static int64_t
lost_and(const struct doubt *doubt, int64_t ms)
{
	int64_t wait = ms * 1000;

	return doubt->item->lost_us + (wait > SETTLE_MIN_US ? wait : SETTLE_MIN_US);
}

/* The value of the external key as it was sent; false: none. */
static bool
external_value(const struct outlet *outlet, const struct batch *payload, struct syncline_value *ret_value)
{
	int at;

	if (outlet->object->external_key == NULL ||
	    (at = batch_find_field(payload, outlet->object->external_key, strlen(outlet->object->external_key))) < 0)
		return false;
	*ret_value = batch_value(payload, &batch_record(payload, 0)->cells[at]);
	return ret_value->type != SYNCLINE_TYPE_ABSENT && ret_value->type != SYNCLINE_TYPE_NULL;
}

/*
 * Is the key known long enough?  What is sent now arrives when a connector's process was started again and the call took its time,
 * and may take effect after that: a repeat that meets a system which forgot the key would create once more.
 */
static bool
is_remembered(const struct outlet *outlet, const struct doubt *doubt)
{
	int64_t age = ledger_now(outlet->deliver->ledger) - doubt->item->claimed_us;
	int64_t arrives = (CALLS_UNTIL_WRITTEN * outlet->binding->system->limits->timeout_ms + outlet->can.settle_ms) * 1000;

	return age + arrives < outlet->can.idempotency_retention_ms * 1000;
}

static uint32_t
class_of(const struct doubt *doubt)
{
	enum error_code code = doubt->mark.cause != NULL ? error_by_name(doubt->mark.cause) : ERROR_NONE;

	return code != ERROR_NONE ? error_class(code) : SYNCLINE_OK;
}

/* Which way, and not before when. */
static enum way
choose(const struct outlet *outlet, const struct doubt *doubt, int64_t *ret_ready_us)
{
	const struct syncline_capabilities *can = &outlet->can;
	const struct ledger_uncertain *item = doubt->item;
	bool conflict = item->item.op == SYNCLINE_OP_CREATE && class_of(doubt) == SYNCLINE_CONFLICT;
	struct syncline_value key;

	*ret_ready_us = 0;
	if (item->item.op == SYNCLINE_OP_DELETE)
		return WAY_REPEAT;
	if (!conflict && can->idempotency != SYNCLINE_NONE && is_remembered(outlet, doubt))
		return WAY_REPEAT;
	*ret_ready_us = lost_and(doubt, can->settle_ms);
	if (item->item.op == SYNCLINE_OP_CREATE) {
		bool known = external_value(outlet, item->payload, &key);

		if (!conflict && known && can->upsert != SYNCLINE_NONE)
			return WAY_REPEAT;
		if (known && can->find != SYNCLINE_NONE) {
			*ret_ready_us = lost_and(doubt, can->find_lag_ms > can->settle_ms ? can->find_lag_ms : can->settle_ms);
			return WAY_FIND;
		}
		return outlet->binding->accept_duplicates ? WAY_AGAIN : WAY_DEAD;
	}
	*ret_ready_us = 0; /* reading again may show at once that it was applied */
	if (can->get != SYNCLINE_NONE)
		return WAY_READ;
	*ret_ready_us = lost_and(doubt, can->settle_ms);
	if (batch_record(item->payload, 0)->version.type == SYNCLINE_TYPE_TEXT && can->conditional_write != SYNCLINE_NONE)
		return WAY_REPEAT;
	return outlet->reader == NULL || outlet->binding->guard == CONFIG_GUARD_NONE ? WAY_REPEAT : WAY_DEAD;
}

static int
give_up(struct outlet *outlet, struct doubt *doubt, struct error *err)
{
	struct error why = { 0 };
	const char *what = doubt->item->item.op == SYNCLINE_OP_CREATE ? "created" : doubt->item->item.op == SYNCLINE_OP_DELETE ? "deleted" : "changed";

	(void)error_set(&why, ERROR_DELIVERY_UNCERTAIN,
	                "Look at the system: if the record is there as it should be, archive this with that reason; if not, retry it.",
	                "nobody knows whether record %" PRId64 " was %s at %s.%s: the answer was lost, and the connector offers no way to find out",
	                doubt->item->item.record, what, outlet->binding->system->head.name, outlet->binding->object->head.name);
	if (doubt->mark.reason != NULL)
		error_detail(&why, "%s", doubt->mark.reason);
	doubt->answer.verdict = DELIVER_DEAD;
	doubt->answer.why = claim_error(&outlet->arena, &why);
	return doubt->answer.why != NULL ? 0 : error_memory(err);
}

/* Still not known. */
static int
wait_until(struct outlet *outlet, struct doubt *doubt, int64_t due_us, const char *reason, struct error *err)
{
	const struct config_limits *limits = outlet->binding->system->limits;
	struct error why = { 0 };

	if (ledger_now(outlet->deliver->ledger) - doubt->mark.since_us > limits->max_age_ms * 1000)
		return give_up(outlet, doubt, err);
	doubt->answer.verdict = DELIVER_UNSURE;
	doubt->answer.due_us = due_us;
	/* The cause stays what it was when the answer was lost. */
	why.code = doubt->mark.cause != NULL ? error_by_name(doubt->mark.cause) : ERROR_NONE;
	if (why.code == ERROR_NONE)
		why.code = ERROR_DELIVERY_UNCERTAIN;
	snprintf(why.message, sizeof why.message, "%s", reason != NULL ? reason : doubt->mark.reason != NULL ? doubt->mark.reason : "the answer was lost");
	doubt->answer.why = claim_error(&outlet->arena, &why);
	return doubt->answer.why != NULL ? 0 : error_memory(err);
}

static int64_t
pause_after(const struct outlet *outlet, const struct doubt *doubt)
{
	return ledger_now(outlet->deliver->ledger) + deliver_pause_us(outlet->binding->system->limits, doubt->item->looks, randombytes_random());
}

/* Certainly not applied: what the system said then decides. */
static int
not_applied(struct outlet *outlet, struct doubt *doubt, struct error *err)
{
	struct error why = { 0 };

	why.code = doubt->mark.cause != NULL ? error_by_name(doubt->mark.cause) : ERROR_NONE;
	why.klass = why.code == ERROR_CONNECTOR_INVALID || why.code == ERROR_CONNECTOR_PERMANENT || why.code == ERROR_CONNECTOR_CONFLICT
	                    ? error_class(why.code) : SYNCLINE_RETRY;
	if (why.code == ERROR_NONE)
		why.code = ERROR_DELIVERY_UNCERTAIN;
	why.applied = SYNCLINE_APPLIED_NO;
	snprintf(why.message, sizeof why.message, "%s", doubt->mark.reason != NULL && strcmp(doubt->mark.reason, looked_for) != 0
	                                                                    ? doubt->mark.reason : "the answer was lost, and it was not applied");
	doubt->answer.why = claim_error(&outlet->arena, &why);
	if (doubt->answer.why == NULL)
		return error_memory(err);
	send_judge(outlet, &doubt->answer, doubt->answer.why);
	if (doubt->answer.verdict == DELIVER_UNSURE || doubt->answer.verdict == DELIVER_REREAD)
		doubt->answer.verdict = why.klass == SYNCLINE_CONFLICT && doubt->item->item.op == SYNCLINE_OP_CREATE ? DELIVER_DEAD : DELIVER_AGAIN;
	if (doubt->answer.verdict == DELIVER_AGAIN)
		doubt->answer.due_us = 0; /* finding out took long enough */
	return 0;
}

static int
settle_doubt(struct outlet *outlet, struct doubt *doubt, struct error *err)
{
	return settle(outlet, doubt->item->attempt, &doubt->answer, 1, err);
}

/* Finding. */

static int
dispute(struct outlet *outlet, struct doubt *doubt, const struct batch *hits, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	const struct intake *intake = outlet->deliver->intake;
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REVIEW, .flow = intake->flow_id, .unit = intake->unit_id, .object = outlet->object_id,
		.record = doubt->item->item.record, .run = intake->run->number, .cause = ledger_review_name(LEDGER_REVIEW_DISPUTED),
		.message = "a create whose answer was lost was looked for, and what was found is not one record of its own",
		.hint = "Leave one of them at the system, or decide which one it is." };
	struct buffer detail;
	int result;

	buffer_init(&detail, 1024 * 1024);
	buffer_text(&detail, "{\"candidates\":[");
	for (uint32_t i = 0; i < hits->header->record_count; i++) {
		const struct batch_cell *native = &batch_record(hits, i)->native_id;

		buffer_text(&detail, i > 0 ? "," : "");
		text_json_string(&detail, batch_cell_data(hits, native), native->type == SYNCLINE_TYPE_TEXT ? native->length : 0);
	}
	buffer_text(&detail, "]}");
	finding.detail = buffer_string(&detail);
	result = finding.detail == NULL ? error_memory(err) : ledger_begin(ledger, err);
	if (result == 0) {
		settle_count(outlet, LEDGER_COUNT_REVIEWS);
		result = ledger_find(ledger, &finding, NULL, err);
		if (result == 0)
			result = ledger_commit(ledger, err);
		else
			ledger_rollback(ledger);
	}
	buffer_free(&detail);
	if (result != 0)
		return -1;
	return wait_until(outlet, doubt, ledger_now(ledger) + DISPUTED_US, "several records there may be it, or it belongs to another record of ours", err);
}

static int
adopt(struct outlet *outlet, struct doubt *doubt, const struct batch *hits, uint32_t hit, struct error *err)
{
	const struct batch_record *row = batch_record(hits, hit);
	uint8_t which[HITS_MAX] = { 0 };

	doubt->answer.verdict = DELIVER_CONFIRM;
	doubt->answer.adopted = true;
	doubt->answer.read_back = true;
	doubt->answer.native = (struct syncline_slice){ batch_cell_data(hits, &row->native_id), row->native_id.length };
	doubt->answer.version = (struct syncline_slice){ batch_cell_data(hits, &row->version), row->version.type == SYNCLINE_TYPE_TEXT ? row->version.length : 0 };
	if (compare_as_stored(outlet, doubt->item->payload, hits, hit, false, &doubt->answer.stored, err) != 0 || settle_doubt(outlet, doubt, err) != 0)
		return -1;
	which[hit] = 1;
	return guard_observe(outlet, hits, which, err);
}

/* 1: settled already; 0: the answer is to be settled. */
static int
judge_hits(struct outlet *outlet, struct doubt *doubt, const struct batch *hits, struct error *err)
{
	uint32_t found = 0, hit = 0;
	struct syncline_slice native;
	struct ledger_link link;
	bool lags = outlet->can.find_lag_ms > 0 || outlet->can.settle_ms > 0;

	for (uint32_t i = 0; i < hits->header->record_count; i++) {
		if (batch_record(hits, i)->op != SYNCLINE_OP_SEEN || batch_record(hits, i)->native_id.type != SYNCLINE_TYPE_TEXT)
			continue;
		found++;
		hit = i;
	}
	if (found == 0) {
		if (!lags || (doubt->mark.reason != NULL && strcmp(doubt->mark.reason, looked_for) == 0))
			return not_applied(outlet, doubt, err);
		return wait_until(outlet, doubt, ledger_now(outlet->deliver->ledger) + (outlet->can.find_lag_ms + outlet->can.settle_ms) * 1000, looked_for, err);
	}
	native = (struct syncline_slice){ batch_cell_data(hits, &batch_record(hits, hit)->native_id), batch_record(hits, hit)->native_id.length };
	if (found == 1 && ledger_links_get(outlet->deliver->ledger, outlet->linked, outlet->object_id, outlet->deliver->intake->unit_id, &native, 1,
	                                   &outlet->arena, &link, err) != 0)
		return -1;
	if (found > 1 || (link.id != 0 && link.state == LEDGER_LINK_LIVE && link.record != doubt->item->item.record))
		return dispute(outlet, doubt, hits, err);
	return adopt(outlet, doubt, hits, hit, err) == 0 ? 1 : -1;
}

static int
find(struct outlet *outlet, struct doubt *doubt, struct error *err)
{
	struct syncline_criterion criterion = { .field = outlet->object->external_key };
	struct batch *hits = NULL;
	struct error why = { 0 };
	int result;

	if (!external_value(outlet, doubt->item->payload, &criterion.value))
		return give_up(outlet, doubt, err) == 0 ? settle_doubt(outlet, doubt, err) : -1;
	if (connector_find(outlet->sink, outlet->object, &criterion, 1, HITS_MAX, &hits, &why) != 0) {
		if (outlet_in_vain(outlet, &why, err) != 0 || wait_until(outlet, doubt, pause_after(outlet, doubt), why.message, err) != 0)
			return -1;
		return settle_doubt(outlet, doubt, err);
	}
	result = judge_hits(outlet, doubt, hits, err);
	if (result == 0)
		result = settle_doubt(outlet, doubt, err);
	batch_free(hits);
	return result < 0 ? -1 : 0;
}

/* Reading again. */

/* Is the row as it was before we wrote? */
static int
is_base(struct outlet *outlet, const struct doubt *doubt, const struct batch *rows, uint32_t row, const uint8_t raw[16], bool *ret_base,
        struct error *err)
{
	static const uint8_t none[16];
	const struct batch_cell *expected = &batch_record(doubt->item->payload, 0)->version, *there = &batch_record(rows, row)->version;
	struct syncline_slice native = doubt->answer.native;
	struct ledger_link link;

	*ret_base = expected->type == SYNCLINE_TYPE_TEXT && there->type == SYNCLINE_TYPE_TEXT && expected->length == there->length &&
	            memcmp(batch_cell_data(doubt->item->payload, expected), batch_cell_data(rows, there), there->length) == 0;
	if (*ret_base)
		return 0;
	if (ledger_links_get(outlet->deliver->ledger, outlet->linked, outlet->object_id, outlet->deliver->intake->unit_id, &native, 1, &outlet->arena,
	                     &link, err) != 0)
		return -1;
	*ret_base = link.id != 0 && memcmp(link.raw, none, sizeof none) != 0 && memcmp(link.raw, raw, sizeof link.raw) == 0;
	return 0;
}

/* ret_observe: the row goes through the flow once the answer is kept. */
static int
judge_row(struct outlet *outlet, struct doubt *doubt, const struct batch *rows, uint32_t row, uint8_t (*raws)[16], uint8_t *ret_observe,
          struct error *err)
{
	const struct batch_record *record = row != UINT32_MAX ? batch_record(rows, row) : NULL;
	int64_t now = doubt->now_us, ready = lost_and(doubt, outlet->can.settle_ms);
	enum comparison comparison;
	bool base;

	if (record == NULL || (record->op != SYNCLINE_OP_SEEN && record->op != SYNCLINE_OP_DELETED))
		return wait_until(outlet, doubt, pause_after(outlet, doubt), "the record could not be read again", err);
	if (record->op == SYNCLINE_OP_DELETED) {
		doubt->answer.verdict = DELIVER_MISSING;
		return 0;
	}
	if (compare_row(outlet, doubt->item->payload, rows, row, &comparison, err) != 0)
		return -1;
	/* Whether another document arrived the other fields don't tell.  An update is as good twice. */
	if (comparison == COMPARE_SAME && compare_documents(doubt->item->payload, rows, row)) {
		*ret_observe = 1;
		doubt->answer.verdict = DELIVER_CONFIRM;
		doubt->answer.read_back = true;
		if (record->version.type == SYNCLINE_TYPE_TEXT)
			doubt->answer.version = (struct syncline_slice){ batch_cell_data(rows, &record->version), record->version.length };
		return compare_as_stored(outlet, doubt->item->payload, rows, row, false, &doubt->answer.stored, err);
	}
	if (is_base(outlet, doubt, rows, row, raws[row], &base, err) != 0)
		return -1;
	if (now < ready)
		return wait_until(outlet, doubt, ready, NULL, err);
	*ret_observe = !base;
	return not_applied(outlet, doubt, err);
}

static int
read_again(struct outlet *outlet, struct doubt **doubts, uint32_t count, struct error *err)
{
	struct syncline_slice *natives = arena_array(&outlet->arena, count + 1u, sizeof *natives);
	uint32_t *row = arena_array(&outlet->arena, count + 1u, sizeof *row);
	struct batch *rows = NULL;
	struct error why = { 0 };
	uint8_t (*raws)[16] = NULL, *which = NULL;
	int result = 0;

	if (natives == NULL || row == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		natives[i] = doubts[i]->answer.native;
	if (guard_read(outlet, natives, count, &rows, row, &raws, &why) != 0) {
		result = outlet_in_vain(outlet, &why, err);
	} else if ((which = arena_array(&outlet->arena, rows->header->record_count + 1u, 1)) == NULL) {
		result = error_memory(err);
	}
	for (uint32_t i = 0; i < count && result == 0; i++) {
		uint8_t observe = 0;

		result = rows == NULL ? wait_until(outlet, doubts[i], pause_after(outlet, doubts[i]), why.message, err)
		                      : judge_row(outlet, doubts[i], rows, row[i], raws, &observe, err);
		if (result == 0)
			result = settle_doubt(outlet, doubts[i], err);
		if (observe && which != NULL)
			which[row[i]] = 1;
	}
	if (result == 0 && rows != NULL)
		result = guard_observe(outlet, rows, which, err);
	batch_free(rows);
	return result;
}

/* Repeating: the same keys, the same bytes. */

static int
begin_repeat(struct outlet *outlet, const struct batch *payload, struct error *err)
{
	uint32_t count = payload->header->field_count;
	struct syncline_field *fields = arena_array(&outlet->arena, count + 1u, sizeof *fields);

	if (fields == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		struct batch_field field;

		batch_field(payload, i, &field);
		fields[i] = (struct syncline_field){ .struct_size = sizeof *fields, .type = field.type, .flags = field.flags, .scale = field.scale,
			.max_length = field.max_length, .name = arena_copy(&outlet->arena, field.name, field.name_length) };
		if (fields[i].name == NULL)
			return error_memory(err);
	}
	batch_builder_clear(outlet->payload, 1);
	return batch_builder_set_fields(outlet->payload, fields, count, err);
}

static int
judge_repeat(struct outlet *outlet, struct doubt *doubt, const struct connector_result *result, struct error *err)
{
	uint8_t op = doubt->item->item.op;
	const struct error *why = result->error;

	if (result->outcome == CONNECTOR_COMMITTED) {
		doubt->answer.verdict = DELIVER_CONFIRM;
		if (result->native_id.length > 0)
			doubt->answer.native = result->native_id;
		doubt->answer.version = result->version;
		doubt->answer.stored = result->stored;
		return 0;
	}
	if (result->outcome == CONNECTOR_FAILED) {
		if (op == SYNCLINE_OP_DELETE && why->klass == SYNCLINE_NOT_FOUND) {
			doubt->answer.verdict = DELIVER_CONFIRM;
			return 0;
		}
		/* It is there, so the first one did not delete it. */
		if (op == SYNCLINE_OP_DELETE && why->klass == SYNCLINE_CONFLICT)
			return not_applied(outlet, doubt, err);
		if (op == SYNCLINE_OP_UPDATE && why->klass == SYNCLINE_NOT_FOUND) {
			doubt->answer.verdict = DELIVER_MISSING;
			return 0;
		}
		if (why->applied == SYNCLINE_APPLIED_NO &&
		    (why->klass == SYNCLINE_INVALID || why->klass == SYNCLINE_PERMANENT || why->klass == SYNCLINE_CONFLICT)) {
			doubt->answer.verdict = DELIVER_DEAD;
			doubt->answer.why = claim_error(&outlet->arena, why);
			return doubt->answer.why != NULL ? 0 : error_memory(err);
		}
	}
	/* That the second request was not applied says nothing of the first. */
	return wait_until(outlet, doubt, pause_after(outlet, doubt), why->message, err);
}

/* If this process ends before the answer comes, the next one must not take an earlier answer for the last that was lost. */
static int
announce(struct outlet *outlet, struct doubt **doubts, uint32_t count, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;
	int64_t until = ledger_now(ledger) + CALLS_UNTIL_WRITTEN * outlet->binding->system->limits->timeout_ms * 1000;
	uint32_t *items = arena_array(&outlet->arena, count, sizeof *items);

	if (items == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++)
		items[i] = doubts[i]->item->index;
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (outlet_owe(outlet, err) != 0 || ledger_uncertain_repeat(ledger, doubts[0]->item->attempt, items, count, until, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}

static int
repeat(struct outlet *outlet, struct doubt **doubts, uint32_t count, struct error *err)
{
	struct syncline_value *values = arena_array(&outlet->arena, doubts[0]->item->payload->header->field_count + 1u, sizeof *values);
	struct answer *answers = arena_array(&outlet->arena, count, sizeof *answers);
	struct connector_results *results = NULL;
	struct error why = { 0 };
	struct batch *batch;
	int result = 0;

	if (values == NULL || answers == NULL)
		return error_memory(err);
	if (begin_repeat(outlet, doubts[0]->item->payload, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_record record;

		batch_read(doubts[i]->item->payload, 0, values, &record);
		if (batch_builder_add(outlet->payload, &record, err) != 0)
			return -1;
	}
	if ((batch = batch_builder_finish(outlet->payload, err)) == NULL)
		return -1;
	if (announce(outlet, doubts, count, err) != 0) {
		batch_free(batch);
		return -1;
	}
	outlet->wrote = true;
	if (connector_write(outlet->sink, outlet->object, batch, &results, &why) != 0)
		outlet_heard(outlet, &why);
	else if (results->call_failed)
		outlet_heard(outlet, &results->call_error);
	for (uint32_t i = 0; i < count && result == 0; i++) {
		result = results == NULL ? wait_until(outlet, doubts[i], pause_after(outlet, doubts[i]), why.message, err)
		                         : judge_repeat(outlet, doubts[i], &results->items[i], err);
		answers[i] = doubts[i]->answer;
		answers[i].repeated = true;
	}
	if (result == 0)
		result = settle(outlet, doubts[0]->item->attempt, answers, count, err);
	connector_results_free(results);
	batch_free(batch);
	return result;
}

/* All. */

static int
begin_doubt(struct outlet *outlet, struct ledger_uncertain *item, int64_t now_us, struct doubt *doubt, struct error *err)
{
	const struct batch_record *record = batch_record(item->payload, 0);
	int64_t ready;
	bool found;

	*doubt = (struct doubt){ .item = item, .now_us = now_us };
	if (ledger_delivery_get(outlet->deliver->ledger, outlet->id, item->item.record, &outlet->arena, &doubt->mark, &found, err) != 0)
		return -1;
	if (!found || doubt->mark.since_us == 0)
		doubt->mark.since_us = item->claimed_us;
	doubt->answer = (struct answer){ .index = item->index, .item = &item->item, .vector = item->vector, .tries = doubt->mark.tries,
		.since_us = doubt->mark.since_us, .payload = item->payload, .looked = true };
	if (record->native_id.type == SYNCLINE_TYPE_TEXT)
		doubt->answer.native = (struct syncline_slice){ batch_cell_data(item->payload, &record->native_id), record->native_id.length };
	doubt->way = choose(outlet, doubt, &ready);
	if (ready <= now_us)
		return 0;
	/* Too early; a dead letter needs no waiting. */
	if (doubt->way == WAY_DEAD)
		return 0;
	if (wait_until(outlet, doubt, ready, NULL, err) != 0)
		return -1;
	return settle_doubt(outlet, doubt, err) == 0 ? 1 : -1;
}

static int
resolve_all(struct outlet *outlet, struct ledger_uncertain *items, uint32_t count, int64_t now_us, struct error *err)
{
	struct doubt *doubts = arena_array(&outlet->arena, count, sizeof *doubts), **some = arena_array(&outlet->arena, count + 1u, sizeof *some);
	uint32_t used = 0, most = outlet_batch_max(outlet);

	if (doubts == NULL || some == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		int begun = begin_doubt(outlet, &items[i], now_us, &doubts[i], err);

		if (begun < 0)
			return -1;
		if (begun == 1)
			doubts[i].item = NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		struct doubt *doubt = &doubts[i];
		int result = 0;

		if (doubt->item == NULL || doubt->way == WAY_REPEAT || doubt->way == WAY_READ)
			continue;
		if (doubt->way == WAY_FIND)
			result = find(outlet, doubt, err);
		else if ((result = doubt->way == WAY_AGAIN ? not_applied(outlet, doubt, err) : give_up(outlet, doubt, err)) == 0)
			result = settle_doubt(outlet, doubt, err);
		if (result != 0)
			return -1;
		doubt->item = NULL;
	}
	for (uint32_t i = 0; i < count; i++)
		if (doubts[i].item != NULL && doubts[i].way == WAY_READ)
			some[used++] = &doubts[i];
	if (used > 0 && read_again(outlet, some, used, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count;) {
		used = 0;
		while (i < count && used < most) {
			struct doubt *doubt = &doubts[i];

			if (doubt->item != NULL && doubt->way == WAY_REPEAT) {
				if (used > 0 && some[0]->item->attempt != doubt->item->attempt)
					break;
				some[used++] = doubt;
			}
			i++;
		}
		if (used > 0 && repeat(outlet, some, used, err) != 0)
			return -1;
	}
	return 0;
}

int
resolve_due(struct outlet *outlet, bool *ret_any, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	struct error why = { 0 };

	while (outlet->may_write && !outlet->system->parked && !outlet->system->down && !deliver->engine->stopped) {
		struct ledger_uncertain *items;
		uint32_t count = 0;
		int64_t now_us = ledger_now(deliver->ledger), next = INT64_MAX;
		int result;

		if (ledger_follow_jump(deliver->ledger, now_us, err) != 0)
			return -1;
		arena_reset(&outlet->arena);
		if ((items = arena_array(&outlet->arena, ITEMS_MAX, sizeof *items)) == NULL)
			return error_memory(err);
		if (ledger_uncertain(deliver->ledger, outlet->id, deliver->intake->unit_id, false, &outlet->arena, items, ITEMS_MAX, &count, &next, err) != 0)
			return -1;
		if (count < ITEMS_MAX && next < deliver->next_us)
			deliver->next_us = next;
		if (count == 0)
			break;
		if (outlet->system->not_before_us > ledger_now(deliver->ledger)) {
			if (outlet->system->not_before_us < deliver->next_us)
				deliver->next_us = outlet->system->not_before_us;
			for (uint32_t i = 0; i < count; i++)
				batch_free(items[i].payload);
			break;
		}
		if (outlet_open(outlet, &why) != 0) {
			result = outlet_in_vain(outlet, &why, err);
			outlet->system->down = true;
		} else {
			result = resolve_all(outlet, items, count, now_us, err);
			*ret_any = true;
		}
		for (uint32_t i = 0; i < count; i++)
			batch_free(items[i].payload);
		if (result != 0)
			return -1;
	}
	return 0;
}
