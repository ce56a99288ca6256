/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * turns.c: whose turn it is.  Each target has a batch in the air as long as anything is due to it, and none waits for another: a target that
 * takes its time is asked for its answer when it is there.
 *
 *     one target           what comes next is made while it writes, and then its answer is waited for
 *     several              who has been answered has the next turn; when nobody has, they are waited for together
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "deliver/inside.h"
#include "os/os.h"

#define TURNS 16u        /* batches of one target before others may have its place at the system */
#define LOOK_US 1000000  /* how often it is looked what became of uncertain ones */
#define PAUSE_MS 1       /* while all targets write */

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

/* One batch of what is due. */
static int
turn(struct outlet *outlet, struct error *err)
{
	struct deliver *deliver = outlet->deliver;
	struct error why = { 0 };
	struct trip *trip;
	char what[160];
	int result;

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

/* What came of a turn. */
enum came {
	CAME_NOTHING, /* nothing is due, or it may not be used now; nothing is in the air */
	CAME_ON,      /* something happened */
	CAME_WAITS,   /* for the answer to what is in the air, or for a place at the system */
};

/* Lands what it has in the air, and gives its place back. */
static int
rest(struct outlet *outlet, enum came *ret_came, struct error *err)
{
	bool had = outlet->air != NULL || outlet->heard != NULL;

	outlet->turns = 0;
	*ret_came = had ? CAME_ON : CAME_NOTHING;
	if (send_rest(outlet, err) != 0)
		return -1;
	return had ? ledger_sync(outlet->deliver->ledger, err) : 0;
}

/* What nobody knows the end of is looked for now and then, however long the targets write. */
static int
look_for_uncertain(struct outlet *outlet, enum came *ret_came, struct error *err)
{
	int64_t now_us = os_monotonic_ms() * 1000;
	bool any = false;

	if (outlet->looked_us != 0 && now_us - outlet->looked_us < LOOK_US)
		return 0;
	if ((outlet->air != NULL || outlet->heard != NULL) && send_land(outlet, err) != 0)
		return -1;
	outlet->looked_us = now_us;
	if (resolve_due(outlet, &any, err) != 0)
		return -1;
	*ret_came = any ? CAME_ON : *ret_came;
	return 0;
}

static bool
is_over(const struct deliver *deliver)
{
	return deliver->until_ms != 0 && deliver->turned && os_monotonic_ms() >= deliver->until_ms;
}

/* `waits`: for its answers, others having nothing to do meanwhile. */
static int
step(struct outlet *outlet, bool waits, enum came *ret_came, struct error *err)
{
	bool heard, any = false, open;

	*ret_came = CAME_NOTHING;
	if (!waits) {
		if (send_listen(outlet, &heard, err) != 0)
			return -1;
		if (!heard) {
			*ret_came = CAME_WAITS;
			return 0;
		}
	}
	if (outlet->turns >= TURNS)
		return rest(outlet, ret_came, err);
	if (look_for_uncertain(outlet, ret_came, err) != 0 || is_open(outlet, &open, err) != 0)
		return -1;
	if (open && has_due(outlet, &any, err) != 0)
		return -1;
	if (open && any && is_over(outlet->deliver)) {
		outlet->deliver->result->more = true;
		any = false;
	}
	if (!open || !any || outlet->deliver->engine->stopped) {
		enum came rested;

		if (rest(outlet, &rested, err) != 0)
			return -1;
		*ret_came = *ret_came == CAME_ON ? CAME_ON : rested;
		return 0;
	}
	if (!waits && outlet->may_write && outlet->sink != NULL && !send_may_begin(outlet)) {
		*ret_came = CAME_WAITS;
		return 0;
	}
	outlet->turns++;
	outlet->deliver->turned = true;
	*ret_came = CAME_ON;
	return turn(outlet, err);
}

/* All of them wait, for different targets. */
static int
wait_together(struct deliver *deliver, struct error *err)
{
	if (poll(NULL, 0, PAUSE_MS) < 0 && errno != EINTR)
		return error_system(err, ERROR_SYSTEM, errno, "waiting for targets");
	(void)engine_progress(deliver->engine, "waiting for the targets", deliver->sent, 0);
	return ledger_leases_keep(deliver->ledger, err);
}

int
turns_all(struct deliver *deliver, bool *ret_any, struct error *err)
{
	uint32_t waiting, on, last;
	enum came came;

	*ret_any = false;
	for (uint32_t i = 0; i < deliver->outlet_count; i++)
		deliver->outlets[i].looked_us = 0;
	do {
		waiting = on = last = 0;
		deliver->next_us = INT64_MAX;
		for (uint32_t i = 0; i < deliver->outlet_count; i++) {
			if (step(&deliver->outlets[i], deliver->outlet_count == 1, &came, err) != 0)
				return -1;
			on += came == CAME_ON;
			waiting += came == CAME_WAITS;
			last = came == CAME_WAITS ? i : last;
		}
		*ret_any = *ret_any || on > 0;
		if (on > 0 || waiting == 0)
			continue;
		if (waiting > 1 ? wait_together(deliver, err) != 0 : step(&deliver->outlets[last], true, &came, err) != 0)
			return -1;
		*ret_any = true;
	} while (on > 0 || waiting > 0);
	return ledger_sync(deliver->ledger, err);
}
