/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver.c: the loop.  A flow's bindings in their order, each for a few batches at a time, again and again until none has
 * anything that is due: what one target confirms may be what another waits for.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/inside.h"

#define WAIT_MS 60000 /* at a time: a person stops a run, and a lease goes on */
#define TURNS 16u /* batches of one binding before the next one has its turn */

static void
deliver_close(struct deliver *deliver)
{
	for (uint32_t i = 0; i < deliver->outlet_count; i++)
		outlet_free(&deliver->outlets[i]);
	arena_free(&deliver->arena);
}

static int
deliver_open(struct deliver *deliver, const struct deliver_options *options, struct deliver_result *result, struct error *err)
{
	const struct config_flow *flow = options->intake->flow;

	*deliver = (struct deliver){ .options = options, .intake = options->intake, .engine = options->intake->engine,
		.ledger = options->intake->engine->ledger, .result = result, .next_us = INT64_MAX };
	memset(result, 0, sizeof *result);
	arena_init(&deliver->arena, 0);
	deliver->outlets = arena_array(&deliver->arena, flow->binding_count + 1u, sizeof *deliver->outlets);
	deliver->systems = arena_array(&deliver->arena, flow->binding_count + 1u, sizeof *deliver->systems);
	if (deliver->outlets == NULL || deliver->systems == NULL) {
		deliver_close(deliver);
		return error_memory(err);
	}
	for (uint32_t i = 0; i < flow->binding_count; i++) {
		struct bound *bound = engine_bound(deliver->engine, &flow->bindings[i]);

		if (bound == NULL || bound->write == NULL || !flow->bindings[i].writes)
			continue;
		deliver->outlet_count++;
		if (outlet_init(&deliver->outlets[deliver->outlet_count - 1], deliver, bound, err) != 0 ||
		    ledger_attempts_left(deliver->ledger, bound->id, deliver->intake->unit_id, err) != 0 ||
		    ledger_unpublished(deliver->ledger, bound->id, deliver->intake->unit_id, &deliver->outlets[deliver->outlet_count - 1].unpublished, err) != 0 ||
		    gate_open(&deliver->outlets[deliver->outlet_count - 1], err) != 0) {
			deliver_close(deliver);
			return -1;
		}
	}
	return 0;
}

static int
take_counts(void *data, const struct ledger_delivery_counts *row)
{
	struct deliver *deliver = data;
	struct deliver_result *result = deliver->result;

	if (row->unit != deliver->intake->unit_id)
		return 0;
	for (uint32_t i = 0; i < deliver->outlet_count; i++) {
		if (deliver->outlets[i].id != row->binding)
			continue;
		result->left += row->count[LEDGER_DELIVERY_PENDING];
		result->uncertain += row->count[LEDGER_DELIVERY_UNCERTAIN] + row->count[LEDGER_DELIVERY_SENDING];
		result->dead += row->count[LEDGER_DELIVERY_DEAD];
		result->parked += row->count[LEDGER_DELIVERY_PARKED];
		result->waiting += row->count[LEDGER_DELIVERY_WAITING];
		result->held += row->count[LEDGER_DELIVERY_HELD];
		result->handed_over += row->count[LEDGER_DELIVERY_HANDED_OVER];
	}
	return 0;
}

/* The system cannot be used: one mark keeps the reason where it refused us, so that later runs leave it alone for a while. */
static int
refused(struct outlet *outlet, const struct error *why, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	struct ledger_delivery delivery;
	struct ledger_due due;
	uint32_t count;
	int64_t next;

	if (outlet_in_vain(outlet, why, err) != 0)
		return -1;
	if (!deliver->result->failed) {
		deliver->result->failed = true;
		deliver->result->first = *why;
	}
	outlet->system->down = true;
	if (why->klass != SYNCLINE_AUTH)
		return 0;
	if (ledger_due(deliver->ledger, outlet->id, deliver->intake->unit_id, &due, 1, &count, &next, err) != 0)
		return -1;
	if (count == 0)
		return 0;
	delivery = (struct ledger_delivery){ .binding = outlet->id, .unit = deliver->intake->unit_id, .record = due.record, .want = due.want, .op = due.op,
		.state = LEDGER_DELIVERY_PARKED, .tries = due.tries, .since_us = due.since_us, .run = deliver->intake->run->number,
		.due_us = ledger_now(deliver->ledger) + DELIVER_PARKED_US, .cause = error_name(why->code), .reason = why->message };
	if (ledger_begin(deliver->ledger, err) != 0)
		return -1;
	if (ledger_delivery_set(deliver->ledger, &delivery, err) != 0) {
		ledger_rollback(deliver->ledger);
		return -1;
	}
	settle_count(outlet, LEDGER_COUNT_PARKED);
	return ledger_commit(deliver->ledger, err);
}

static int
has_due(struct outlet *outlet, bool *ret_due, struct error *err)
{
	struct ledger_due due;
	uint32_t count;
	int64_t next;

	if (ledger_due(outlet->deliver->ledger, outlet->id, outlet->deliver->intake->unit_id, &due, 1, &count, &next, err) != 0)
		return -1;
	/* A first load that may not be written stays in its span: nothing would come of giving each record a row. */
	*ret_due = count > 0 && (outlet->may_write || !due.span);
	if (count == 0 && next < outlet->deliver->next_us)
		outlet->deliver->next_us = next;
	return 0;
}

/* What other runs have learnt of the system. */
static void
heed_others(struct outlet *outlet)
{
	struct deliver *deliver = outlet->deliver;
	int64_t wait_us = engine_left_alone_us(deliver->engine, outlet->binding->system, deliver->intake->unit), until;

	if (wait_us > 0 && (until = ledger_now(deliver->ledger) + wait_us) > outlet->system->not_before_us)
		outlet->system->not_before_us = until;
}

/* May this outlet be used now?  What is due, and the system asked to be left alone, is due when it may be asked again. */
static int
is_open(struct outlet *outlet, bool *ret_open, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	bool due = false;

	*ret_open = false;
	if (gate_heed(outlet, err) != 0)
		return -1;
	if (outlet->flag.mode == LEDGER_FLAG_PREVIEW || outlet->system->parked || outlet->system->down)
		return 0;
	heed_others(outlet);
	*ret_open = outlet->system->not_before_us <= ledger_now(deliver->ledger);
	if (*ret_open)
		return 0;
	if (has_due(outlet, &due, err) != 0)
		return -1;
	if (due && outlet->system->not_before_us < deliver->next_us)
		deliver->next_us = outlet->system->not_before_us;
	return 0;
}

/* A copied or restored ledger doesn't know what was created there since: nothing is written before that was read. */
static bool
is_doubted(const struct outlet *outlet, struct error *ret_why)
{
	const struct config_binding *binding = outlet->binding;

	if (!ledger_doubted(outlet->deliver->ledger, outlet->object_id, outlet->deliver->intake->unit_id))
		return false;
	error_fill(ret_why, ERROR_LEDGER_DOUBTED, "`syncline explain ledger-doubted` tells how to go on.",
	           "the ledger was copied or restored, and %s.%s has not been read in full since", binding->system->head.name, binding->object->head.name);
	return true;
}

/*
 * What was in the air was settled while this was claimed: a parent that is missing in its eyes may be linked by now, and has woken
 * its children already.  Those are claimed once more.  What is sent without it is wanted again after that (ledger_attempt_item).
 */
static void
doubt_missing(struct claim *claim)
{
	for (uint32_t i = 0; i < claim->count; i++)
		if (claim->picks[i].fate == PICK_WAIT || claim->picks[i].fate == PICK_DEAD ||
		    (claim->picks[i].fate == PICK_DROP && claim->picks[i].count == LEDGER_COUNT_NOT_NEEDED))
			claim->picks[i].fate = PICK_LEAVE;
}

/* Packed beside what was heard being kept, where that may be (ret_aside); else that is kept first, and what is due looked at anew. */
static int
make_claim(struct outlet *outlet, struct claim *claim, bool *ret_aside, struct error *err)
{
	struct error second = { 0 };
	bool heard = outlet->heard != NULL, aside;
	int kept;

	if (claim_gather(outlet, claim, err) != 0) {
		(void)send_settle(outlet, &second);
		return -1;
	}
	aside = *ret_aside = aside_may(outlet, claim);
	if (aside)
		aside_give(outlet, claim);
	outlet->follows = aside;
	kept = send_settle(outlet, &second);
	outlet->follows = false;
	if (aside && aside_take(outlet, err) != 0)
		return -1;
	if (kept != 0) {
		*err = second;
		claim_free(claim);
		return -1;
	}
	if (aside)
		return 0;
	if (heard && claim_gather(outlet, claim, err) != 0)
		return -1;
	return claim_pack(outlet, claim, err);
}

/* What is due goes into the air, if it is to be sent. */
static int
make_trip(struct outlet *outlet, struct trip *trip, struct error *err)
{
	bool flying = outlet->air != NULL, aside;

	if (make_claim(outlet, &trip->claim, &aside, err) != 0)
		return -1;
	if (flying && outlet->air == NULL && outlet->heard == NULL)
		doubt_missing(&trip->claim);
	if (claim_keep(outlet, &trip->claim, err) != 0) {
		claim_free(&trip->claim);
		return -1;
	}
	return send_claim(outlet, trip, aside, err);
}

/* One batch.  ret_any: something was due. */
static int
turn(struct outlet *outlet, bool *ret_any, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	struct error why = { 0 };
	struct trip *trip;
	char what[160];
	int result;

	*ret_any = false;
	if (has_due(outlet, ret_any, err) != 0)
		return -1;
	if (!*ret_any)
		return 0;
	if (outlet->may_write && is_doubted(outlet, &why))
		return refused(outlet, &why, err);
	if (outlet->may_write && outlet_open(outlet, &why) != 0)
		return refused(outlet, &why, err);
	trip = send_lend(outlet);
	result = make_trip(outlet, trip, err);
	send_return(outlet, trip);
	/* What is in the air will be heard of, and that is kept for good, with all before it. */
	if (result != 0 || (outlet->air == NULL && ledger_sync(deliver->ledger, err) != 0))
		return -1;
	snprintf(what, sizeof what, "writing %s.%s", outlet->binding->system->head.name, outlet->binding->object->head.name);
	(void)engine_progress(deliver->engine, what, deliver->sent, 0);
	return 0;
}

/* All outlets once; ret_any: something happened. */
static int
pass(struct deliver *deliver, bool *ret_any, struct error *err)
{
	*ret_any = false;
	deliver->next_us = INT64_MAX;
	for (uint32_t i = 0; i < deliver->outlet_count; i++) {
		struct outlet *outlet = &deliver->outlets[i];
		bool any = true, open = true;

		if (resolve_due(outlet, ret_any, err) != 0)
			return -1;
		for (uint32_t turns = 0; turns < TURNS && any && open && !deliver->engine->stopped; turns++) {
			if (is_open(outlet, &open, err) != 0 || (open && turn(outlet, &any, err) != 0))
				return -1;
			*ret_any = *ret_any || (open && any);
		}
		if (send_rest(outlet, err) != 0 || ledger_sync(deliver->ledger, err) != 0)
			return -1;
	}
	return 0;
}

static void
wait_for(struct deliver *deliver, int64_t ms)
{
	if (deliver->options->wait != NULL)
		deliver->options->wait(deliver->options->wait_data, ms);
	else
		while (poll(NULL, 0, (int)ms) < 0 && errno == EINTR)
			continue;
}

/* Waits for what is due later, as far as patience goes, and keeps what it works under meanwhile.  1: waited; 0: nothing to wait for. */
static int
wait_more(struct deliver *deliver, struct error *err)
{
	int64_t ms;

	if (deliver->next_us == INT64_MAX || deliver->engine->stopped)
		return 0;
	ms = (deliver->next_us - ledger_now(deliver->ledger) + 999) / 1000;
	ms = ms < 1 ? 1 : ms > WAIT_MS ? WAIT_MS : ms;
	if (deliver->waited_ms + ms > deliver->options->patience_ms)
		return 0;
	deliver->waited_ms += ms;
	wait_for(deliver, ms);
	return ledger_leases_keep(deliver->ledger, err) == 0 ? 1 : -1;
}

/* Something may wait to be published: this run wrote it or looks for it, or an earlier one could not bring it to its end. */
static bool
is_to_finish(const struct outlet *outlet)
{
	return outlet->wrote || (outlet->unpublished && outlet->may_write && !outlet->system->parked && !outlet->system->down);
}

static int
publish(struct outlet *outlet, struct error *err)
{
	struct ledger *ledger = outlet->deliver->ledger;

	if (outlet_open(outlet, err) != 0 || connector_finish(outlet->sink, outlet->object, err) != 0)
		return -1;
	if (!outlet->unpublished)
		return 0;
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (ledger_unpublished_set(ledger, outlet->id, outlet->deliver->intake->unit_id, false, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	if (ledger_commit(ledger, err) != 0)
		return -1;
	outlet->unpublished = false;
	return 0;
}

/* What is published as a whole is published now; what a failed pass left in the air comes down before, and the next run finds out. */
static void
finish(struct deliver *deliver)
{
	for (uint32_t i = 0; i < deliver->outlet_count; i++) {
		struct outlet *outlet = &deliver->outlets[i];
		struct error why = { 0 };

		send_abandon(outlet);
		if (!is_to_finish(outlet) || publish(outlet, &why) == 0)
			continue;
		engine_say(deliver->engine, SYNCLINE_LOG_ERROR, "%s.%s: %s", outlet->binding->system->head.name, outlet->binding->object->head.name, why.message);
		if (!deliver->result->failed) {
			deliver->result->failed = true;
			deliver->result->first = why;
		}
	}
}

/* Patience is over, and some system still gives no answer. */
static void
tell_silent(struct deliver *deliver)
{
	for (uint32_t i = 0; i < deliver->system_count && !deliver->result->failed; i++)
		if (deliver->systems[i].failures >= DELIVER_FAILURES_MAX) {
			deliver->result->failed = true;
			deliver->result->first = deliver->systems[i].last;
		}
}

static int
run_pending(struct deliver *deliver, struct error *err)
{
	bool any;
	int more;

	do {
		if (pass(deliver, &any, err) != 0)
			return -1;
		more = any ? 1 : wait_more(deliver, err);
	} while (!deliver->engine->stopped && more == 1);
	if (more < 0)
		return -1;
	tell_silent(deliver);
	return 0;
}

int
deliver_pending(const struct deliver_options *options, struct deliver_result *ret_result, struct error *err)
{
	struct deliver deliver;
	struct deliver_result result;
	int status;

	if (deliver_open(&deliver, options, &result, err) != 0)
		return -1;
	status = run_pending(&deliver, err);
	finish(&deliver);
	if (status == 0)
		status = ledger_delivery_counts(deliver.ledger, take_counts, &deliver, err);
	deliver_close(&deliver);
	if (status == 0)
		*ret_result = result;
	return status;
}

int
deliver_resolve(const struct deliver_options *options, struct deliver_result *ret_result, struct error *err)
{
	struct deliver deliver;
	struct deliver_result result;
	int status = 0, more;

	if (deliver_open(&deliver, options, &result, err) != 0)
		return -1;
	do {
		bool any;

		deliver.next_us = INT64_MAX;
		for (uint32_t i = 0; i < deliver.outlet_count && status == 0; i++) {
			if (deliver.outlets[i].flag.mode == LEDGER_FLAG_PREVIEW)
				continue;
			status = resolve_due(&deliver.outlets[i], &any, err);
			if (status == 0)
				status = readback_due(&deliver.outlets[i], err);
		}
		more = status == 0 ? wait_more(&deliver, err) : 0;
	} while (more == 1);
	status = more < 0 ? -1 : status;
	finish(&deliver);
	if (status == 0)
		status = ledger_delivery_counts(deliver.ledger, take_counts, &deliver, err);
	deliver_close(&deliver);
	if (status == 0)
		*ret_result = result;
	return status;
}
