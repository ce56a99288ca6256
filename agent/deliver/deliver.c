/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver.c: a flow's targets for a unit, from what is due to what is left.  Turns are taken (turns.c) again and again until none has
 * anything that is due: what one target confirms may be what another waits for.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deliver/inside.h"
#include "os/os.h"

#define WAIT_MS 60000 /* at a time: a person stops a run, and a lease goes on */

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
	if (options->slice_ms > 0)
		deliver->until_ms = os_monotonic_ms() + options->slice_ms;
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
	return outlet->wrote || ((outlet->unpublished || outlet->deliver->options->wrote) && outlet->may_write && !outlet->system->parked && !outlet->system->down);
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
		if (deliver->result->more) {
			deliver->result->wrote = deliver->result->wrote || outlet->wrote || deliver->options->wrote;
			continue;
		}
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
follow_clock(struct deliver *deliver, struct error *err)
{
	int64_t back_us;

	if (ledger_follow_clock(deliver->ledger, &back_us, err) != 0)
		return -1;
	if (back_us == 0)
		return 0;
	for (uint32_t i = 0; i < deliver->system_count; i++)
		deliver->systems[i].not_before_us = 0;
	engine_say(deliver->engine, SYNCLINE_LOG_WARNING, "the clock was set back by %lld s at least: what waited for a later time is tried now",
	           (long long)(back_us / 1000000));
	return 0;
}

static int
run_pending(struct deliver *deliver, struct error *err)
{
	bool any;
	int more;

	do {
		if (follow_clock(deliver, err) != 0 || turns_all(deliver, &any, err) != 0)
			return -1;
		more = deliver->result->more ? 0 : any ? 1 : wait_more(deliver, err);
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
		status = follow_clock(&deliver, err);
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
