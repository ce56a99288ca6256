/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send.c: an attempt is made durable, then sent, then its answers are kept.  Killed between any two of these, the ledger has the
 * attempt and its exact bytes, and resolve.c finds out.
 */
#include <sodium.h>
#include <string.h>

#include "deliver/inside.h"

static bool
can_be_found(const struct outlet *outlet)
{
	return outlet->can.find != SYNCLINE_NONE && outlet->object->external_key != NULL;
}

void
send_judge(const struct outlet *outlet, struct answer *answer, const struct error *why)
{
	const struct config_limits *limits = outlet->binding->system->limits;
	int64_t now = ledger_now(outlet->deliver->ledger);
	enum deliver_verdict verdict = deliver_judge(answer->item->op, why->klass, why->applied);

	answer->why = why;
	/* Whether a create met somebody else's record or an earlier try of itself, only finding it tells. */
	if (verdict == DELIVER_UNSURE && why->klass == SYNCLINE_CONFLICT && why->applied == SYNCLINE_APPLIED_NO && !can_be_found(outlet))
		verdict = DELIVER_DEAD;
	if ((verdict == DELIVER_AGAIN || verdict == DELIVER_REREAD) && why->klass != SYNCLINE_CANCELLED &&
	    deliver_is_over(limits, answer->tries, answer->since_us, now))
		verdict = DELIVER_DEAD;
	if (verdict == DELIVER_SLOWER && now - answer->since_us > limits->max_age_ms * 1000)
		verdict = DELIVER_DEAD;
	answer->verdict = (uint8_t)verdict;
	switch (verdict) {
	case DELIVER_AGAIN:
		answer->due_us = now + deliver_pause_us(limits, answer->tries, randombytes_random());
		break;
	case DELIVER_REREAD:
		answer->due_us = answer->tries == 0 ? 0 : now + deliver_pause_us(limits, answer->tries - 1, randombytes_random());
		break;
	case DELIVER_SLOWER:
		answer->due_us = outlet->system->not_before_us > now ? outlet->system->not_before_us : now + (int64_t)why->retry_after_ms * 1000;
		break;
	case DELIVER_PARK:
		answer->due_us = now + DELIVER_PARKED_US;
		break;
	default:
		answer->due_us = 0;
		break;
	}
}

static void
begin_answer(const struct parcel *parcel, uint32_t index, struct answer *answer)
{
	const struct pick *pick = parcel->picks[index];

	*answer = (struct answer){ .index = index, .item = &parcel->attempt.items[index],
		.vector = &parcel->attempt.vectors[(size_t)index * parcel->attempt.words], .tries = pick->due->tries,
		.since_us = pick->due->since_us, .payload = parcel->payload, .native = claim_native(pick->link) };
}

/* Nothing was sent. */
static int
not_sent(struct parcel *parcel, uint32_t first, uint32_t count, struct answer *answers, const struct error *said, struct error *err)
{
	struct error *why = (struct error *)(void *)arena_copy(&parcel->outlet->arena, said, sizeof *said);

	if (why == NULL)
		return error_memory(err);
	/* Whatever hindered the call says nothing of the records. */
	why->applied = SYNCLINE_APPLIED_NO;
	if (deliver_judge_call(why->klass) == DELIVER_AGAIN)
		why->klass = SYNCLINE_RETRY;
	outlet_heard(parcel->outlet, why);
	for (uint32_t i = 0; i < count; i++) {
		begin_answer(parcel, first + i, &answers[i]);
		send_judge(parcel->outlet, &answers[i], why);
	}
	return 0;
}

static void
take_answers(struct parcel *parcel, uint32_t first, const struct connector_results *results, struct answer *answers)
{
	const struct error *heard = results->call_failed ? &results->call_error : NULL;

	for (uint32_t i = 0; i < results->count && heard == NULL; i++)
		if (results->items[i].outcome == CONNECTOR_FAILED && (results->items[i].error->klass == SYNCLINE_AUTH ||
		    results->items[i].error->klass == SYNCLINE_CONFIG || results->items[i].error->klass == SYNCLINE_THROTTLED))
			heard = results->items[i].error;
	if (heard != NULL)
		outlet_heard(parcel->outlet, heard);
	else
		parcel->outlet->system->failures = parcel->outlet->system->throttled = 0;
	for (uint32_t i = 0; i < results->count; i++) {
		const struct connector_result *result = &results->items[i];
		struct answer *answer = &answers[i];

		begin_answer(parcel, first + i, answer);
		if (result->outcome == CONNECTOR_COMMITTED) {
			answer->verdict = DELIVER_CONFIRM;
			if (result->native_id.length > 0)
				answer->native = result->native_id;
			answer->version = result->version;
			answer->stored = result->stored;
		} else if (result->outcome == CONNECTOR_UNCERTAIN) {
			answer->verdict = DELIVER_UNSURE;
			answer->why = result->error;
		} else {
			send_judge(parcel->outlet, answer, result->error);
		}
	}
}

/* A batch that is written as a whole or not at all, and was not: the item that is to blame is looked for in its halves. */
static bool
is_split(const struct outlet *outlet, const struct connector_results *results)
{
	const struct error *why = &results->call_error;

	return results->call_failed && results->count > 1 && outlet->can.batch_atomic != SYNCLINE_NONE && results->committed == 0 &&
	       results->uncertain == 0 && why->applied == SYNCLINE_APPLIED_NO &&
	       (why->klass == SYNCLINE_INVALID || why->klass == SYNCLINE_PERMANENT || why->klass == SYNCLINE_CONFLICT || why->klass == SYNCLINE_NOT_FOUND);
}

/* Records that others changed are read again, now that their attempts are decided, and merged. */
static int
reread(struct parcel *parcel, const struct answer *answers, uint32_t count, struct error *err)
{
	struct outlet *outlet = parcel->outlet;
	struct syncline_slice *natives = arena_array(&outlet->arena, count + 1u, sizeof *natives);
	uint32_t *row = arena_array(&outlet->arena, count + 1u, sizeof *row), used = 0;
	const struct ledger_link **links = arena_array(&outlet->arena, count + 1u, sizeof *links);
	struct batch *rows = NULL;
	struct error why = { 0 };
	uint8_t (*raws)[16] = NULL, *which;
	int result = 0;

	if (natives == NULL || row == NULL || links == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		if (answers[i].verdict != DELIVER_REREAD)
			continue;
		links[used] = parcel->picks[answers[i].index]->link;
		natives[used++] = answers[i].native;
	}
	if (used == 0 || outlet->can.get == SYNCLINE_NONE)
		return 0;
	if (guard_read(outlet, natives, used, &rows, row, &raws, &why) != 0) {
		outlet_heard(outlet, &why);
		return 0; /* the next try meets the conflict again */
	}
	which = arena_array(&outlet->arena, rows->header->record_count + 1u, 1);
	if (which == NULL)
		result = error_memory(err);
	for (uint32_t i = 0; i < rows->header->record_count && result == 0; i++)
		which[i] = batch_record(rows, i)->op == SYNCLINE_OP_SEEN;
	if (result == 0 && outlet->reader != NULL)
		result = guard_observe(outlet, rows, which, err);
	/* Nobody reads the object: there is nothing to merge, and the next write expects what is there now. */
	if (result == 0 && outlet->reader == NULL && (result = ledger_begin(outlet->deliver->ledger, err)) == 0) {
		for (uint32_t i = 0; i < used && result == 0; i++) {
			struct syncline_slice version;

			if (row[i] == UINT32_MAX || which[row[i]] == 0 || links[i] == NULL)
				continue;
			version = (struct syncline_slice){ batch_cell_data(rows, &batch_record(rows, row[i])->version), batch_record(rows, row[i])->version.length };
			result = ledger_links_understood(outlet->deliver->ledger, &links[i]->id, (const uint8_t (*)[16])&raws[row[i]], &version, 1, links[i]->effective, err);
		}
		if (result == 0)
			result = ledger_commit(outlet->deliver->ledger, err);
		else
			ledger_rollback(outlet->deliver->ledger);
	}
	batch_free(rows);
	return result;
}

static struct batch *
part_of(struct parcel *parcel, uint32_t first, uint32_t count, struct error *err)
{
	uint8_t *keep = arena_array(&parcel->outlet->arena, parcel->count + 1u, 1);
	struct batch *part;

	if (keep == NULL) {
		error_fill_memory(err);
		return NULL;
	}
	memset(keep + first, 1, count);
	if ((part = batch_copy(parcel->payload, err)) == NULL)
		return NULL;
	batch_keep(part, keep);
	batch_seal(part);
	return part;
}

static int
send_range(struct parcel *parcel, uint32_t first, uint32_t count, struct error *err)
{
	struct outlet *outlet = parcel->outlet;
	struct answer *answers = arena_array(&outlet->arena, count, sizeof *answers);
	struct connector_results *results = NULL;
	struct batch *part = parcel->payload;
	struct error why = { 0 };
	bool split = false;
	int result;

	if (answers == NULL)
		return error_memory(err);
	if (count < parcel->count && (part = part_of(parcel, first, count, err)) == NULL)
		return -1;
	outlet->wrote = true;
	if (connector_write(outlet->sink, outlet->object, part, &results, &why) != 0) {
		result = not_sent(parcel, first, count, answers, &why, err);
	} else if ((split = is_split(outlet, results))) {
		result = 0;
	} else {
		take_answers(parcel, first, results, answers);
		result = 0;
	}
	if (part != parcel->payload)
		batch_free(part);
	if (result == 0 && !split)
		result = settle(outlet, parcel->attempt.id, answers, count, err);
	if (result == 0 && !split)
		result = reread(parcel, answers, count, err);
	connector_results_free(results);
	if (!split || result != 0)
		return result;
	if (send_range(parcel, first, count / 2, err) != 0)
		return -1;
	return send_range(parcel, first + count / 2, count - count / 2, err);
}

int
send_parcel(struct parcel *parcel, struct error *err)
{
	struct deliver *deliver = parcel->outlet->deliver;
	struct error why = { 0 };

	if (parcel->count == 0)
		return 0;
	if (ledger_begin(deliver->ledger, err) != 0)
		return -1;
	if (ledger_attempt_open(deliver->ledger, &parcel->attempt, &why) != 0) {
		ledger_rollback(deliver->ledger);
		/* A person took a mark away meanwhile: what is left is claimed anew. */
		if (why.code == ERROR_LEDGER_ATTEMPT)
			return 0;
		*err = why;
		return -1;
	}
	if (ledger_commit(deliver->ledger, err) != 0)
		return -1;
	deliver->sent += parcel->count;
	return send_range(parcel, 0, parcel->count, err);
}
