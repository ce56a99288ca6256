/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * send.c: an attempt is made durable, then sent, then its answers are kept.  Killed between any two of these, the ledger has the
 * attempt and its exact bytes, and resolve.c finds out.
 *
 * A target writes one batch while the next is claimed and the one before is settled:
 *
 *     agent    claim 1  open 1 | claim 2          open 2 | settle 1  claim 3  open 3 | settle 2 ...
 *     target                    write 1                    write 2                     write 3
 *
 * Many plain creates are packed in a thread of their own, while what was heard before is settled:
 *
 *     agent    gather 3 | settle 1  open 3 | gather 4 | settle 2  open 4 ...
 *     thread            | pack 3           |          | pack 4
 *     target   write 2                       write 3
 *
 * A guard asks the target itself, which answers when it has written what is in the air; what it said of that is kept while it writes the next:
 *
 *     agent    gather 3 | hear 2  ask 3  open 3 | settle 2  gather 4 | hear 3 ...
 *     target   write 2           | get 3        | write 3            | get 4
 *
 * Two attempts are open at most.  Other things that need the target (a document, a batch in halves, rows that a guard found changed) wait
 * until what is in the air is settled.  What was heard need not have reached the disk by itself: the attempt that is opened next brings
 * it there, or what is kept of the last one in the air.
 */
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "deliver/inside.h"

#define TURN_MS 10 /* between two looks whether another run's writes are over */

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
	answer->due_us = 0;
	switch (verdict) {
	case DELIVER_AGAIN:
		answer->due_us = now + deliver_pause_us(limits, answer->tries, randombytes_random());
		break;
	case DELIVER_REREAD:
		answer->due_us = answer->tries == 0 ? 0 : now + deliver_pause_us(limits, answer->tries - 1, randombytes_random());
		break;
	case DELIVER_SLOWER:
		/* It was not asked; when it may be is known of the system, not of the record. */
		if (why->code == ERROR_SYSTEM_SILENT || why->code == ERROR_SYSTEM_SPENT)
			break;
		answer->due_us = outlet->system->not_before_us > now ? outlet->system->not_before_us : now + (int64_t)why->retry_after_ms * 1000;
		break;
	case DELIVER_PARK:
		answer->due_us = now + DELIVER_PARKED_US;
		break;
	default:
		break;
	}
}

static void
begin_answer(const struct parcel *parcel, uint32_t index, struct answer *answer)
{
	const struct pick *pick = parcel->picks[index];

	*answer = (struct answer){ .index = index, .item = &parcel->attempt.items[index],
		.vector = &parcel->attempt.vectors[(size_t)index * parcel->attempt.words], .tries = pick->due->tries,
		.pick = pick, .since_us = pick->due->since_us, .payload = parcel->payload, .native = claim_native(pick->link) };
}

/* Nothing was sent. */
static int
not_sent(struct parcel *parcel, uint32_t first, uint32_t count, struct arena *arena, struct answer *answers, const struct error *said, struct error *err)
{
	struct error *why = (struct error *)(void *)arena_copy(arena, said, sizeof *said);

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
	       (why->klass == SYNCLINE_INVALID || why->klass == SYNCLINE_PERMANENT || why->klass == SYNCLINE_CONFLICT || why->klass == SYNCLINE_NOT_FOUND ||
	        why->klass == SYNCLINE_REFERENCED);
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
	/* What others' records are by now is read before the next write. */
	if (used == 0 || outlet->can.get == SYNCLINE_NONE || outlet->attach != NULL)
		return 0;
	if (send_land(outlet, err) != 0)
		return -1;
	if (guard_read(outlet, natives, used, &rows, row, &raws, &why) != 0)
		return outlet_in_vain(outlet, &why, err); /* the next try meets the conflict again */
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

/* One write. */

/* With that connector from now on.  What is remembered of it lives in `arena`. */
static int
begin(struct flight *flight, struct connector *lane, struct arena *arena, struct error *err)
{
	struct parcel *parcel = flight->parcel;
	struct outlet *outlet = parcel->outlet;
	struct batch *part = parcel->payload;
	struct error why = { 0 };
	int result = 0;

	flight->lane = lane;
	if ((flight->answers = arena_array(arena, flight->count, sizeof *flight->answers)) == NULL)
		return error_memory(err);
	if (flight->count < parcel->count && (part = part_of(parcel, flight->first, flight->count, err)) == NULL)
		return -1;
	outlet->wrote = true;
	if (connector_write_begin(lane, outlet->object, part, &flight->writing, &why) != 0)
		result = not_sent(parcel, flight->first, flight->count, arena, flight->answers, &why, err);
	if (part != parcel->payload)
		batch_free(part);
	return result;
}

static void
hear(struct flight *flight)
{
	if (flight->writing == NULL)
		return;
	flight->results = connector_write_end(flight->writing);
	flight->writing = NULL;
	flight->split = is_split(flight->parcel->outlet, flight->results);
	if (!flight->split)
		take_answers(flight->parcel, flight->first, flight->results, flight->answers);
}

static int send_range(struct parcel *parcel, uint32_t first, uint32_t count, struct error *err);

/* Keeps what was heard; nothing else of this outlet may be in the air when it was split, or others' changes are to be read again. */
static int
end(struct flight *flight, struct error *err)
{
	struct parcel *parcel = flight->parcel;
	int result = 0;

	if (!flight->split)
		result = settle(parcel->outlet, parcel->attempt.id, flight->answers, flight->count, err);
	if (result == 0 && !flight->split)
		result = reread(parcel, flight->answers, flight->count, err);
	connector_results_free(flight->results);
	flight->results = NULL;
	if (result != 0 || !flight->split)
		return result;
	if (send_range(parcel, flight->first, flight->count / 2, err) != 0)
		return -1;
	return send_range(parcel, flight->first + flight->count / 2, flight->count - flight->count / 2, err);
}

static int
send_range(struct parcel *parcel, uint32_t first, uint32_t count, struct error *err)
{
	struct flight flight = { .parcel = parcel, .first = first, .count = count };

	if (begin(&flight, parcel->outlet->sink, &parcel->outlet->arena, err) != 0)
		return -1;
	hear(&flight);
	return end(&flight, err);
}

/* Makes the attempt durable.  1: it is; 0: there is nothing to send any more; -1. */
static int
open_attempt(struct parcel *parcel, struct error *err)
{
	struct error why = { 0 };
	struct deliver *deliver;
	bool owed;

	if (parcel->count == 0)
		return 0;
	deliver = parcel->outlet->deliver;
	owed = parcel->outlet->unpublished;
	parcel->attempt.run = deliver->intake->run->number;
	if (ledger_begin(deliver->ledger, err) != 0)
		return -1;
	if (outlet_owe(parcel->outlet, &why) != 0 || ledger_attempt_open(deliver->ledger, &parcel->attempt, &why) != 0) {
		ledger_rollback(deliver->ledger);
		parcel->outlet->unpublished = owed;
		/* A person took a mark away meanwhile: what is left is claimed anew. */
		if (why.code == ERROR_LEDGER_ATTEMPT)
			return 0;
		*err = why;
		return -1;
	}
	if (ledger_commit(deliver->ledger, err) != 0)
		return -1;
	deliver->sent += parcel->count;
	return 1;
}

/* Claims in the air: each in parts, which the outlet's lanes write at the same time, and by turns where there are more parts than lanes. */

static uint32_t
part_size(const struct outlet *outlet, uint32_t count, uint32_t lanes)
{
	uint32_t share = (count + lanes - 1) / lanes, most = outlet_batch_max(outlet);

	return share < most ? share : most;
}

/* Who waits here while it holds a place elsewhere may wait for one who waits for that. */
static bool
may_wait(const struct outlet *outlet)
{
	const struct deliver *deliver = outlet->deliver;

	for (uint32_t i = 0; i < deliver->outlet_count; i++)
		if (deliver->outlets[i].slots > 0)
			return false;
	return true;
}

/* As many as are wanted and free; the first is waited for, while this run has none at any system.  0: none is free, or it was stopped. */
static int
take_slots(struct outlet *outlet, uint32_t wanted, uint32_t *ret_lanes, struct error *err)
{
	struct engine *engine = outlet->deliver->engine;
	char what[160];

	if (outlet->slots == 0 && engine_take_slot(engine, outlet->sink, &outlet->turn))
		outlet->slots++;
	while (outlet->slots > 0 && outlet->slots < wanted && engine_take_slot(engine, outlet->sink, NULL))
		outlet->slots++;
	snprintf(what, sizeof what, "waiting for a turn at %s", outlet->binding->system->head.name);
	while (outlet->slots == 0 && may_wait(outlet) && engine_progress(engine, what, 0, 0)) {
		if (engine_take_slot(engine, outlet->sink, &outlet->turn))
			outlet->slots++;
		else if (poll(NULL, 0, TURN_MS) < 0 && errno != EINTR)
			return error_system(err, ERROR_SYSTEM, errno, "waiting for a turn at a system");
		if (ledger_leases_keep(outlet->deliver->ledger, err) != 0)
			return -1;
	}
	*ret_lanes = outlet->slots < wanted ? outlet->slots : wanted;
	return 0;
}

static void
give_slots(struct outlet *outlet)
{
	for (; outlet->slots > 0; outlet->slots--)
		engine_give_slot(outlet->deliver->engine, outlet->sink);
	engine_leave_line(outlet->deliver->engine, outlet->sink, &outlet->turn);
}

static int
take_off(struct outlet *outlet, struct trip *trip, uint32_t lanes, struct error *err)
{
	struct parcel *parcel = &trip->claim.parcels[0];
	uint32_t size = part_size(outlet, parcel->count, lanes);

	trip->lanes = lanes;
	if ((trip->flights = arena_array(&outlet->arena, (parcel->count + size - 1) / size, sizeof *trip->flights)) == NULL)
		return error_memory(err);
	for (uint32_t first = 0; first < parcel->count; first += size)
		trip->flights[trip->flight_count++] =
			(struct flight){ .parcel = parcel, .first = first, .count = parcel->count - first < size ? parcel->count - first : size };
	for (uint32_t i = 0; i < lanes && i < trip->flight_count; i++)
		if (begin(&trip->flights[i], outlet->lanes[i], &outlet->arena, err) != 0)
			return -1;
	return 0;
}

/* Of one of them; the lane that is free begins with its next part. */
static int
hear_one(struct trip *trip, uint32_t i, struct error *err)
{
	uint32_t next = i + trip->lanes;

	hear(&trip->flights[i]);
	return next < trip->flight_count && trip->flights[next].lane == NULL ? begin(&trip->flights[next], trip->flights[i].lane, &trip->arena, err) : 0;
}

static int
hear_all(struct trip *trip, struct error *err)
{
	for (uint32_t i = 0; i < trip->flight_count; i++)
		if (hear_one(trip, i, err) != 0)
			return -1;
	return 0;
}

int
send_listen(struct outlet *outlet, bool *ret_heard, struct error *err)
{
	struct trip *trip = outlet->air;

	*ret_heard = true;
	for (uint32_t i = 0; trip != NULL && i < trip->flight_count; i++) {
		const struct flight *flight = &trip->flights[i];

		if (flight->lane != NULL && (flight->writing == NULL || connector_write_heard(flight->writing)) && hear_one(trip, i, err) != 0)
			return -1;
		*ret_heard = *ret_heard && flight->lane != NULL && flight->writing == NULL;
	}
	return 0;
}

bool
send_may_begin(struct outlet *outlet)
{
	if (outlet->slots == 0 && engine_take_slot(outlet->deliver->engine, outlet->sink, &outlet->turn))
		outlet->slots++;
	return outlet->slots > 0;
}

static bool
must_land(const struct trip *trip)
{
	for (uint32_t f = 0; f < trip->flight_count; f++) {
		const struct flight *flight = &trip->flights[f];

		if (flight->split)
			return true;
		for (uint32_t i = 0; i < flight->count; i++)
			if (flight->answers[i].verdict == DELIVER_REREAD)
				return true;
	}
	return false;
}

static bool
may_send(const struct outlet *outlet)
{
	return !outlet->system->parked && !outlet->system->down && outlet->system->not_before_us <= ledger_now(outlet->deliver->ledger);
}

static void
abandon(struct trip *trip)
{
	if (trip == NULL)
		return;
	for (uint32_t i = 0; i < trip->flight_count; i++) {
		if (trip->flights[i].writing != NULL)
			connector_results_free(connector_write_end(trip->flights[i].writing));
		connector_results_free(trip->flights[i].results);
	}
	trip->flight_count = 0;
	claim_free(&trip->claim);
}

static int
end_trip(struct trip *trip, struct error *err)
{
	int result = 0;

	for (uint32_t i = 0; i < trip->flight_count && result == 0; i++)
		result = end(&trip->flights[i], err);
	abandon(trip);
	return result;
}

int
send_settle(struct outlet *outlet, struct error *err)
{
	struct trip *trip = outlet->heard;

	outlet->heard = NULL;
	return trip != NULL ? end_trip(trip, err) : 0;
}

int
send_land(struct outlet *outlet, struct error *err)
{
	struct trip *trip = outlet->air;

	if (send_settle(outlet, err) != 0)
		return -1;
	if (trip == NULL)
		return 0;
	outlet->air = NULL;
	if (hear_all(trip, err) == 0)
		return end_trip(trip, err);
	abandon(trip);
	return -1;
}

int
send_rest(struct outlet *outlet, struct error *err)
{
	int result = send_land(outlet, err);

	give_slots(outlet);
	return result;
}

int
send_hear(struct outlet *outlet, struct error *err)
{
	struct trip *trip = outlet->air;

	if (trip == NULL)
		return 0;
	if (hear_all(trip, err) != 0)
		return -1;
	if (outlet->heard != NULL || must_land(trip))
		return send_land(outlet, err);
	outlet->air = NULL;
	outlet->heard = trip;
	return 0;
}

void
send_abandon(struct outlet *outlet)
{
	abandon(outlet->heard);
	abandon(outlet->air);
	outlet->heard = outlet->air = NULL;
	give_slots(outlet);
}

static void
swap_arenas(struct outlet *outlet, struct trip *trip)
{
	struct arena arena = outlet->arena;

	outlet->arena = trip->arena;
	trip->arena = arena;
}

struct trip *
send_lend(struct outlet *outlet)
{
	struct trip *trip = outlet->trips;

	while (trip == outlet->air || trip == outlet->heard)
		trip++;
	swap_arenas(outlet, trip);
	return trip;
}

void
send_return(struct outlet *outlet, struct trip *trip)
{
	swap_arenas(outlet, trip);
	arena_reset(&outlet->arena);
}

/* One after the other, with nothing in the air. */
static int
send_in_turn(struct outlet *outlet, struct claim *claim, struct error *err)
{
	int result = 0;

	for (size_t i = 0; i < 2 && result == 0 && may_send(outlet); i++) {
		struct parcel *parcel = &claim->parcels[i];

		if ((result = open_attempt(parcel, err)) == 1)
			result = send_range(parcel, 0, parcel->count, err);
	}
	claim_free(claim);
	return result;
}

/* In the air from now on, if there is anything to send. */
static int
send_off(struct outlet *outlet, struct trip *trip, struct error *err)
{
	struct parcel *parcel = &trip->claim.parcels[0];
	uint32_t lanes = 0;
	int result = 0;

	trip->flight_count = 0;
	if (parcel->count > 0 && may_send(outlet) && (result = take_slots(outlet, outlet_lanes(outlet, parcel->count), &lanes, err)) == 0 && lanes > 0)
		result = open_attempt(parcel, err);
	if (result == 1 && (result = take_off(outlet, trip, lanes, err)) == 0)
		outlet->air = trip;
	else
		abandon(trip);
	return result;
}

/* What the target said of the one before is kept while it takes this one, which makes it durable, or ledger_sync() does. */
static int
keep_before(struct outlet *outlet, struct trip *before, struct error *err)
{
	int result;

	outlet->follows = outlet->air != NULL;
	result = end_trip(before, err);
	outlet->follows = false;
	return result;
}

int
send_claim(struct outlet *outlet, struct trip *trip, bool later, struct error *err)
{
	struct trip *before = outlet->air;
	bool in_turn = trip->claim.parcels[1].count > 0;
	struct error second = { 0 };
	int result, kept = 0;

	if (before != NULL && hear_all(before, err) != 0) {
		claim_free(&trip->claim);
		return -1;
	}
	if ((before != NULL || outlet->heard != NULL) && (in_turn || (before != NULL && must_land(before)))) {
		if (send_land(outlet, err) != 0) {
			claim_free(&trip->claim);
			return -1;
		}
		before = NULL;
	}
	if (in_turn)
		return send_in_turn(outlet, &trip->claim, err);
	/* A guard may have heard it already. */
	if (before == NULL) {
		before = outlet->heard;
		outlet->heard = NULL;
	}
	outlet->air = NULL;
	result = send_off(outlet, trip, err);
	if (before != NULL && later && result == 0)
		outlet->heard = before;
	else if (before != NULL)
		kept = keep_before(outlet, before, result == 0 ? err : &second);
	return result == 0 ? kept : result;
}
