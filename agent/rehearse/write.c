/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * write.c: records through a system's connectors, as many at a time and as fast as its manners allow, with the time of each call.  What
 * was certainly not applied is tried again as a delivery would be; what nobody knows stays on the list.
 */
#include <errno.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "deliver/back_off.h"
#include "deliver/deliver.h"
#include "flow/intake.h"
#include "os/os.h"
#include "rehearse/inside.h"

#define SPAN 5000u  /* records that a delivery claims at a time of a first load */
#define PATIENCE_US (INT64_C(600) * 1000000) /* what takes longer ends it */
#define SLICE_MS 20
#define HEAR_MS 1   /* between two looks whether some of many were heard */
#define HITS 2u

struct flight {
	struct connector_writing *writing; /* NULL: this lane is free */
	uint32_t *numbers;
	uint32_t count;
	int64_t since_us;
};
struct numbers {
	uint32_t *items;
	uint32_t count, room;
};
struct work {
	struct rehearsal *r;
	struct side *side;
	uint8_t op;
	enum rehearse_phase phase;
	struct rehearse_figures *figures;
	bool doubted;       /* CREATE once more of what may be there already */
	uint32_t next;      /* number that was not looked at */
	uint32_t wanted;    /* CREATE: so many, */
	int64_t until_us;   /* or until then; 0: no such end */
	uint32_t taken;     /* of those that are wanted */
	uint32_t barren;
	struct numbers ready, again;
	uint32_t ready_at, part;
	bool looked;        /* those that are ready were read just now */
	int64_t again_us;   /* when those are due */
	uint32_t failures;  /* calls in a row that could not be made */
	struct flight flights[REHEARSE_LANES_MAX];
	uint32_t flying, slots;
	uint64_t turn;
	uint64_t sent;
	int64_t began_us, ended_us;
	bool ended;         /* nothing is sent any more */
};

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

const char *
rehearse_phase_name(enum rehearse_phase phase)
{
	static const char *const names[REHEARSE_PHASES] = { "parents", "creates", "updates", "deletes" };

	return phase < REHEARSE_PHASES ? names[phase] : "?";
}

static int
add_number(struct numbers *numbers, uint32_t number)
{
	if (numbers->count == numbers->room) {
		uint32_t room = numbers->room == 0 ? 1024 : numbers->room * 2;
		uint32_t *items = realloc(numbers->items, room * sizeof *items);

		if (items == NULL)
			return -1;
		numbers->items = items;
		numbers->room = room;
	}
	numbers->items[numbers->count++] = number;
	return 0;
}

static int
add_time(struct times *times, int64_t us)
{
	if (times->count == times->room) {
		size_t room = times->room == 0 ? 1024 : times->room * 2;
		int64_t *items = realloc(times->items, room * sizeof *items);

		if (items == NULL)
			return -1;
		times->items = items;
		times->room = room;
	}
	times->items[times->count++] = us;
	return 0;
}

/* Counts it among its like: the same class in the same phase, with what the first of them said. */
static void
fault(struct work *work, const struct error *why)
{
	struct rehearse_result *result = work->r->result;

	work->figures->failed++;
	for (uint32_t i = 0; i < result->fault_count; i++)
		if (result->faults[i].phase == work->phase && result->faults[i].klass == why->klass && result->faults[i].first.code == why->code) {
			result->faults[i].count++;
			return;
		}
	if (result->fault_count == REHEARSE_FAULTS_MAX) {
		result->other_faults++;
		return;
	}
	result->faults[result->fault_count++] = (struct rehearse_fault){ .phase = work->phase, .klass = why->klass, .count = 1, .first = *why };
}

static void
stop(struct work *work, const struct error *why)
{
	struct rehearse_result *result = work->r->result;

	work->ended = true;
	result->stopped = true;
	if (result->why.code == ERROR_NONE)
		result->why = *why;
}

static void
interrupted(struct work *work)
{
	struct error why = { 0 };

	error_fill(&why, ERROR_CONNECTOR_CANCELLED, "The figures are of what was done until then.", "the loadtest was stopped");
	stop(work, &why);
}

static bool
go_on(struct work *work)
{
	char what[160];

	snprintf(what, sizeof what, "%s at %s", rehearse_phase_name(work->phase), work->side->binding->system->head.name);
	if (engine_progress(work->r->options->engine, what, work->figures->records, work->op == SYNCLINE_OP_CREATE ? work->wanted : work->side->made_count))
		return true;
	if (!work->ended)
		interrupted(work);
	return false;
}

/* ---- opening ---- */

static void
refine(void *data, const struct syncline_object_info *info)
{
	struct rehearsal *r = data;

	for (uint32_t i = 0; i < r->side_count && info->capabilities != NULL && info->native != NULL; i++) {
		struct side *side = &r->sides[i];

		if (strcmp(info->native, side->object->native) != 0)
			continue;
		memset(&side->can, 0, sizeof side->can);
		memcpy(&side->can, info->capabilities, info->capabilities->struct_size < sizeof side->can ? info->capabilities->struct_size : sizeof side->can);
	}
}

static int
open_lanes(struct rehearsal *r, struct error *err)
{
	struct engine *engine = r->options->engine;
	const struct config_system *system = r->options->to->system;
	uint32_t wanted;

	if (engine_connector(engine, system, r->options->unit, ENGINE_LANE_MAIN, &r->lanes[0], err) != 0)
		return -1;
	wanted = deliver_lanes(engine, system, r->lanes[0]);
	wanted = wanted < REHEARSE_LANES_MAX ? wanted : REHEARSE_LANES_MAX;
	for (r->lane_count = 1; r->lane_count < wanted; r->lane_count++)
		if (engine_connector(engine, system, r->options->unit, ENGINE_LANE_WRITE + r->lane_count - 1, &r->lanes[r->lane_count], err) != 0)
			return -1;
	return 0;
}

int
write_open(struct rehearsal *r, struct error *err)
{
	const struct connector_findings findings = { .object = refine, .data = r };
	struct engine *engine = r->options->engine;
	struct rehearse_result *result = r->result;
	const struct side *main = &r->sides[r->side_count - 1];
	uint32_t most;

	if (open_lanes(r, err) != 0)
		return -1;
	for (uint32_t i = 0; i < r->side_count; i++)
		r->sides[i].can = *connector_capabilities(r->lanes[0]);
	/* What discover knows better it says. */
	if (connector_offers(r->lanes[0], "discover/1") && connector_discover_objects(r->lanes[0], &findings, err) != 0)
		return -1;
	result->can_delete = true;
	for (uint32_t i = 0; i < r->side_count; i++) {
		struct side *side = &r->sides[i];

		side->guard = deliver_guard(side->binding, &side->can, intake_reader_of(engine, side->entity, side->binding->object, r->options->unit) != NULL);
		if (side->can.create == SYNCLINE_NONE)
			return error_set(err, ERROR_LOADTEST_IMPOSSIBLE, NULL, "nothing can be created at %s.%s", side->binding->system->head.name,
			                 side->binding->object->head.name);
		result->can_delete = result->can_delete && side->can.remove != SYNCLINE_NONE;
	}
	result->can_update = main->can.update != SYNCLINE_NONE;
	result->rereads = main->guard == CONFIG_GUARD_REREAD;
	result->parallel = r->lane_count;
	most = main->can.write_batch_max;
	r->batch = most == 0 || most > SPAN ? SPAN : most;
	result->batch = r->batch;
	return 0;
}

/* ---- what is next ---- */

/* So many as a delivery would claim, in parts that are written at the same time. */
static void
choose_part(struct work *work)
{
	uint32_t share = (work->ready.count + work->r->lane_count - 1) / work->r->lane_count;
	double rate = work->r->options->rate;

	work->part = share < work->r->batch ? share : work->r->batch;
	if (rate > 0 && work->part > rate)
		work->part = rate < 1 ? 1 : (uint32_t)rate;
	if (work->part == 0)
		work->part = 1;
}

static bool
wants_more(const struct work *work)
{
	if (work->op != SYNCLINE_OP_CREATE)
		return work->next < work->side->made_count;
	if (work->until_us > 0 && now_us() >= work->until_us)
		return false;
	return work->taken < work->wanted && work->next < REHEARSE_RECORDS_MAX * 4u;
}

/* A delivery of an update reads the record just before, where nothing else guards it. */
static int
reread(struct work *work, struct error *err)
{
	const struct side *side = work->side;
	struct syncline_slice *natives;
	struct batch *rows = NULL;
	int result = 0;

	if (work->op != SYNCLINE_OP_UPDATE || side->guard != CONFIG_GUARD_REREAD || work->ready.count == 0)
		return 0;
	if ((natives = calloc(work->ready.count, sizeof *natives)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < work->ready.count; i++)
		natives[i] = side->made[work->ready.items[i]].native;
	work->figures->looks++;
	result = connector_get(work->r->lanes[0], side->object, natives, work->ready.count, &rows, err);
	free(natives);
	batch_free(rows);
	return result;
}

static int
fill(struct work *work, struct error *err)
{
	uint64_t most = (uint64_t)work->r->batch * work->r->lane_count, claim = work->op == SYNCLINE_OP_CREATE ? SPAN : REHEARSE_CLAIM;

	work->ready.count = work->ready_at = 0;
	work->looked = false;
	most = most < claim ? most : claim;
	if (work->again.count > 0 && now_us() >= work->again_us) {
		struct numbers empty = work->ready;

		work->ready = work->again;
		work->again = empty;
		work->figures->retried += work->ready.count;
		choose_part(work);
		return 0;
	}
	while (work->ready.count < most && wants_more(work)) {
		uint32_t number = work->next++;

		if (work->op == SYNCLINE_OP_CREATE) {
			if (sides_room(work->side, number) == NULL)
				return error_memory(err);
			work->taken++;
		} else if (work->side->made[number].state != MADE_THERE) {
			continue;
		}
		if (add_number(&work->ready, number) != 0)
			return error_memory(err);
	}
	choose_part(work);
	return 0;
}

/* ---- sending ---- */

static int
try_again(struct work *work, uint32_t number, int64_t due_us, struct error *err)
{
	if (add_number(&work->again, number) != 0)
		return error_memory(err);
	work->again_us = work->again.count == 1 || due_us > work->again_us ? due_us : work->again_us;
	return 0;
}

/* It is certain that nothing of it is there. */
static void
not_there(struct work *work, uint32_t number)
{
	if (work->op != SYNCLINE_OP_CREATE || work->doubted)
		return;
	work->side->made[number].state = MADE_NOT;
	list_note(work->r, work->side, number, 'f', (struct syncline_slice){ NULL, 0 });
}

static void
refused(void *data, uint32_t number, const struct error *why)
{
	(void)number;
	fault(data, why);
}

/* The call was not made: it says nothing of the records. */
static int
not_sent(struct work *work, const uint32_t *numbers, uint32_t count, const struct error *why, struct error *err)
{
	const struct config_limits *limits = work->side->binding->system->limits;
	enum deliver_verdict verdict = deliver_judge_call(why->klass);
	int64_t pause = (int64_t)why->retry_after_ms * 1000;

	if (why->code == ERROR_MEMORY) {
		*err = *why;
		return -1;
	}
	if (why->klass == SYNCLINE_THROTTLED)
		work->figures->throttled++;
	for (uint32_t i = 0; i < count; i++)
		not_there(work, numbers[i]);
	if (why->klass == SYNCLINE_CANCELLED) {
		interrupted(work);
		return 0;
	}
	work->failures++;
	if (pause == 0)
		pause = deliver_pause_us(limits, work->failures - 1, randombytes_random());
	if (verdict == DELIVER_PARK || pause > PATIENCE_US || (why->klass != SYNCLINE_THROTTLED && (int64_t)work->failures >= limits->attempts)) {
		stop(work, why);
		return 0;
	}
	for (uint32_t i = 0; i < count; i++)
		if (try_again(work, numbers[i], now_us() + pause, err) != 0)
			return -1;
	return 0;
}

/* What was created has to be deletable today; the calls for that are left. */
static int
look_at_budget(struct work *work, struct error *err)
{
	const struct rehearse_figures *figures = work->r->result->figures;
	int64_t used, left, needed = 2, there = 0;

	if (work->phase == REHEARSE_DELETES || work->r->options->keep || work->side->binding->system->limits->per_day == 0)
		return 0;
	if (forecast_day(work->r, &used, &left, err) != 0)
		return -1;
	for (int i = 0; i <= REHEARSE_CREATES; i++)
		there += (int64_t)(figures[i].records + figures[i].uncertain);
	there += (int64_t)work->flying * work->part + work->part;
	needed += (there + work->r->batch - 1) / work->r->batch;
	if (left > needed)
		return 0;
	work->ended = true;
	work->r->result->budget_ended = true;
	return 0;
}

static int
note_intent(struct work *work, const uint32_t *numbers, uint32_t count, struct error *err)
{
	for (uint32_t i = 0; i < count && work->op == SYNCLINE_OP_CREATE; i++) {
		work->side->made[numbers[i]].state = MADE_SENT;
		list_note(work->r, work->side, numbers[i], 'c', (struct syncline_slice){ NULL, 0 });
	}
	return list_keep(work->r, work->op == SYNCLINE_OP_CREATE, err);
}

/* Of the numbers that are ready the next part; those that no rule lets pass are not missed. */
static int
make_part(struct work *work, uint32_t **ret_numbers, uint32_t *ret_count, struct batch **ret_batch, struct error *err)
{
	uint32_t count = work->ready.count - work->ready_at < work->part ? work->ready.count - work->ready_at : work->part, taken = count;
	uint32_t *numbers = malloc(count * sizeof *numbers);
	uint64_t failed = work->figures->failed;

	if (numbers == NULL)
		return error_memory(err);
	memcpy(numbers, work->ready.items + work->ready_at, count * sizeof *numbers);
	work->ready_at += count;
	if (sides_batch(work->side, work->op, numbers, &count, refused, work, ret_batch, err) != 0) {
		free(numbers);
		return -1;
	}
	failed = work->figures->failed - failed;
	/* What create_if keeps out is no record of the flow there. */
	if (work->op == SYNCLINE_OP_CREATE)
		work->taken -= taken - count - (uint32_t)(failed < taken - count ? failed : taken - count);
	work->barren = count > 0 || failed > 0 ? 0 : work->barren + taken;
	*ret_numbers = numbers;
	*ret_count = count;
	return 0;
}

static int
send_part(struct work *work, uint32_t lane, struct error *err)
{
	struct flight *flight = &work->flights[lane];
	const struct rehearse_options *options = work->r->options;
	const struct error *ends = work->phase != REHEARSE_DELETES && options->heed != NULL ? options->heed(options->data) : NULL;
	struct batch *batch = NULL;
	struct error why = { 0 };
	int result = 0;

	if (ends != NULL) {
		stop(work, ends);
		return 0;
	}
	if (look_at_budget(work, err) != 0)
		return -1;
	if (work->ended)
		return 0;
	if (make_part(work, &flight->numbers, &flight->count, &batch, err) != 0)
		return -1;
	if (batch == NULL) {
		free(flight->numbers);
		return 0;
	}
	if ((result = note_intent(work, flight->numbers, flight->count, err)) == 0) {
		result = connector_write_begin(work->r->lanes[lane], work->side->object, batch, &flight->writing, &why);
		flight->since_us = now_us();
		work->sent += flight->count;
		if (result == 0) {
			work->flying++;
			work->figures->calls++;
			work->failures = 0;
		} else {
			result = not_sent(work, flight->numbers, flight->count, &why, err);
			flight->writing = NULL;
		}
	}
	batch_free(batch);
	if (flight->writing == NULL)
		free(flight->numbers);
	return result;
}

/* ---- hearing ---- */

static int
committed(struct work *work, uint32_t number, const struct connector_result *said, struct error *err)
{
	struct made *made = &work->side->made[number];
	struct arena *arena = &work->r->arena;

	work->figures->records++;
	if (work->op == SYNCLINE_OP_DELETE) {
		made->state = MADE_GONE;
		list_note(work->r, work->side, number, 'd', (struct syncline_slice){ NULL, 0 });
		return 0;
	}
	if (said->native_id.length > 0 && work->op == SYNCLINE_OP_CREATE) {
		made->native.length = said->native_id.length;
		if ((made->native.data = arena_copy(arena, said->native_id.data, said->native_id.length)) == NULL)
			return error_memory(err);
	}
	if (said->version.length > 0) {
		made->version.length = said->version.length;
		if ((made->version.data = arena_copy(arena, said->version.data, said->version.length)) == NULL)
			return error_memory(err);
	}
	if (work->op == SYNCLINE_OP_CREATE) {
		/* Whose id nobody said is there all the same, and can only be looked for. */
		if (made->native.length > 0) {
			made->state = MADE_THERE;
			list_note(work->r, work->side, number, 'n', made->native);
		}
	}
	return 0;
}

static int
judge(struct work *work, uint32_t number, const struct error *why, bool uncertain, struct error *err)
{
	static const struct connector_result nothing;
	const struct config_limits *limits = work->side->binding->system->limits;
	enum deliver_verdict verdict = uncertain ? DELIVER_UNSURE : deliver_judge(work->op, why->klass, why->applied);
	struct made *made = &work->side->made[number];
	int64_t pause = (int64_t)why->retry_after_ms * 1000;

	/* Nothing was sent of it before, so that what it met is not itself. */
	if (verdict == DELIVER_UNSURE && work->op == SYNCLINE_OP_CREATE && why->klass == SYNCLINE_CONFLICT && why->applied == SYNCLINE_APPLIED_NO && made->tries == 0)
		verdict = DELIVER_DEAD;
	/* To delete once more does no harm. */
	if (verdict == DELIVER_UNSURE && work->op == SYNCLINE_OP_DELETE)
		verdict = DELIVER_AGAIN;
	if (pause == 0)
		pause = deliver_pause_us(limits, made->tries, randombytes_random());
	if ((verdict == DELIVER_AGAIN && made->tries + 1 >= limits->attempts) || (verdict == DELIVER_SLOWER && pause > PATIENCE_US))
		verdict = DELIVER_DEAD;
	switch (verdict) {
	case DELIVER_CONFIRM:
		return committed(work, number, &nothing, err);
	case DELIVER_AGAIN: case DELIVER_SLOWER:
		not_there(work, number);
		made->tries += verdict == DELIVER_AGAIN && made->tries < UINT8_MAX;
		return try_again(work, number, now_us() + pause, err);
	case DELIVER_UNSURE:
		made->tries += made->tries < UINT8_MAX;
		work->figures->uncertain++;
		return 0;
	case DELIVER_PARK:
		stop(work, why);
		break;
	default:
		break;
	}
	not_there(work, number);
	fault(work, why);
	return 0;
}

static int
hear(struct work *work, uint32_t lane, struct error *err)
{
	struct flight *flight = &work->flights[lane];
	struct connector_results *results = connector_write_end(flight->writing);
	bool slower = results->call_failed && results->call_error.klass == SYNCLINE_THROTTLED;
	int result = 0;

	work->ended_us = now_us();
	flight->writing = NULL;
	work->flying--;
	if (add_time(&work->r->times[work->phase], work->ended_us - flight->since_us) != 0)
		result = error_memory(err);
	for (uint32_t i = 0; i < results->count && i < flight->count && result == 0; i++) {
		const struct connector_result *item = &results->items[i];

		slower = slower || (item->outcome == CONNECTOR_FAILED && item->error->klass == SYNCLINE_THROTTLED);
		if (item->outcome == CONNECTOR_COMMITTED)
			result = committed(work, flight->numbers[i], item, err);
		else
			result = judge(work, flight->numbers[i], item->error, item->outcome == CONNECTOR_UNCERTAIN, err);
	}
	work->figures->throttled += slower;
	connector_results_free(results);
	free(flight->numbers);
	return result == 0 ? list_keep(work->r, false, err) : -1;
}

/* ---- round ---- */

/* The next lane that may write now; lane_count: none. */
static uint32_t
free_lane(struct work *work)
{
	struct engine *engine = work->r->options->engine;
	uint32_t lane = 0;

	while (lane < work->r->lane_count && work->flights[lane].writing != NULL)
		lane++;
	if (lane == work->r->lane_count || work->flying < work->slots)
		return lane;
	if (!engine_take_slot(engine, work->r->lanes[0], work->flying == 0 ? &work->turn : NULL))
		return work->r->lane_count;
	work->slots++;
	return lane;
}

/* Until --rate allows the next. */
static int64_t
paced_us(const struct work *work)
{
	double rate = work->r->options->rate;
	int64_t wait_us = 0;

	if (rate > 0 && work->phase != REHEARSE_DELETES)
		wait_us = work->began_us + (int64_t)((double)work->sent / rate * 1e6) - now_us();
	return wait_us > 0 ? wait_us : 0;
}

static bool
rest(struct work *work, int64_t us)
{
	int64_t ms = us / 1000 + 1;

	if (poll(NULL, 0, ms > SLICE_MS ? SLICE_MS : (int)ms) < 0 && errno != EINTR)
		return false;
	return go_on(work);
}

/* Something to be sent, if it may be now.  ret_wait_us: what it waits for takes so long; -1: there is nothing. */
static int
prepare(struct work *work, int64_t *ret_wait_us, struct error *err)
{
	if (work->ready_at == work->ready.count && fill(work, err) != 0)
		return -1;
	if (work->ready_at < work->ready.count) {
		*ret_wait_us = paced_us(work);
	} else if (work->again.count > 0) {
		int64_t wait_us = work->again_us - now_us();

		*ret_wait_us = wait_us > 0 ? wait_us : 1;
	} else {
		*ret_wait_us = -1;
	}
	return 0;
}

static int
hear_those(struct work *work, bool wait, struct error *err)
{
	bool heard = false;

	for (uint32_t lane = 0; lane < work->r->lane_count; lane++)
		if (work->flights[lane].writing != NULL && (work->flying == 1 ? wait || connector_write_heard(work->flights[lane].writing) :
		    connector_write_heard(work->flights[lane].writing))) {
			heard = true;
			if (hear(work, lane, err) != 0)
				return -1;
		}
	if (!heard && wait && poll(NULL, 0, HEAR_MS) < 0 && errno != EINTR)
		return error_system(err, ERROR_SYSTEM, errno, "waiting for answers");
	return 0;
}

static int
step(struct work *work, bool *ret_done, struct error *err)
{
	int64_t wait_us = -1;
	uint32_t lane;
	struct error why = { 0 };

	(void)go_on(work);
	if (!work->ended && prepare(work, &wait_us, err) != 0)
		return -1;
	*ret_done = wait_us < 0 && work->flying == 0;
	if (*ret_done)
		return 0;
	if (wait_us != 0 || work->ended) {
		if (work->flying > 0)
			return hear_those(work, true, err);
		(void)rest(work, wait_us);
		return 0;
	}
	if (!work->looked && work->op == SYNCLINE_OP_UPDATE) {
		if (work->flying > 0)
			return hear_those(work, true, err);
		work->looked = true;
		if (reread(work, &why) != 0) {
			work->ready_at = work->ready.count;
			return not_sent(work, work->ready.items, work->ready.count, &why, err);
		}
	}
	if ((lane = free_lane(work)) < work->r->lane_count) {
		if (send_part(work, lane, err) != 0)
			return -1;
		return work->barren >= SIDES_BARREN ? sides_barren(work->side, err) : hear_those(work, false, err);
	}
	if (work->flying > 0)
		return hear_those(work, true, err);
	(void)rest(work, SLICE_MS * 1000);
	return ledger_leases_keep(work->r->options->engine->ledger, err);
}

static void
land(struct work *work)
{
	struct error ignored;

	for (uint32_t lane = 0; lane < work->r->lane_count; lane++)
		if (work->flights[lane].writing != NULL)
			(void)hear(work, lane, &ignored);
}

static void
sum_up(struct work *work)
{
	struct rehearse_figures *figures = work->figures;
	struct times *times = &work->r->times[work->phase];

	if (work->ended_us > work->began_us)
		figures->elapsed_us += work->ended_us - work->began_us;
	figures->p50_us = forecast_share(times, 50);
	figures->p95_us = forecast_share(times, 95);
	figures->p99_us = forecast_share(times, 99);
	figures->worst_us = forecast_share(times, 100);
}

static int
carry_out(struct work *work, struct error *err)
{
	struct engine *engine = work->r->options->engine;
	int result = 0;
	bool done = false;

	work->figures = &work->r->result->figures[work->phase];
	work->began_us = now_us();
	while (result == 0 && !done) {
		result = step(work, &done, err);
		if (result == 0)
			result = ledger_leases_keep(engine->ledger, err);
	}
	if (result != 0)
		land(work);
	if (list_keep(work->r, false, result == 0 ? err : NULL) != 0)
		result = -1;
	for (; work->slots > 0; work->slots--)
		engine_give_slot(engine, work->r->lanes[0]);
	engine_leave_line(engine, work->r->lanes[0], &work->turn);
	sum_up(work);
	free(work->ready.items);
	free(work->again.items);
	return result;
}

int
write_creates(struct side *side, uint32_t wanted, int64_t for_ms, enum rehearse_phase phase, struct error *err)
{
	struct work work = { .r = side->of, .side = side, .op = SYNCLINE_OP_CREATE, .phase = phase, .wanted = wanted,
		.until_us = for_ms > 0 ? now_us() + for_ms * 1000 : 0 };
	int result = carry_out(&work, err);

	free(side->there);
	side->there_count = 0;
	if ((side->there = calloc(side->made_count + 1u, sizeof *side->there)) == NULL)
		return result == 0 ? error_memory(err) : -1;
	for (uint32_t i = 0; i < side->made_count; i++)
		if (side->made[i].state == MADE_THERE)
			side->there[side->there_count++] = i;
	return result;
}

int
write_updates(struct side *side, struct error *err)
{
	struct work work = { .r = side->of, .side = side, .op = SYNCLINE_OP_UPDATE, .phase = REHEARSE_UPDATES };

	for (uint32_t i = 0; i < side->made_count; i++)
		side->made[i].tries = 0;
	return carry_out(&work, err);
}

int
write_deletes(struct side *side, struct error *err)
{
	struct work work = { .r = side->of, .side = side, .op = SYNCLINE_OP_DELETE, .phase = REHEARSE_DELETES };

	for (uint32_t i = 0; i < side->made_count; i++)
		side->made[i].tries = 0;
	return carry_out(&work, err);
}

/* ---- what nobody knows ---- */

static void
not_counted(void *data, uint32_t number, const struct error *why)
{
	(void)data, (void)number, (void)why;
}

/* What the target knows it by. */
static int
external_value(struct side *side, uint32_t number, char key[REHEARSE_KEY + 1], struct syncline_value *ret_value, struct batch **ret_batch, struct error *err)
{
	uint32_t count = 1;
	int at;

	sides_key(side, number, key);
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = REHEARSE_KEY, .u.data = key };
	if (sides_batch(side, SYNCLINE_OP_CREATE, &number, &count, not_counted, NULL, ret_batch, err) != 0)
		return -1;
	if (*ret_batch != NULL && (at = batch_find_field(*ret_batch, side->object->external_key, strlen(side->object->external_key))) >= 0)
		*ret_value = batch_value(*ret_batch, &batch_record(*ret_batch, 0)->cells[at]);
	return 0;
}

/* 1: the connector did not answer, and why is told. */
static int
find_one(struct side *side, uint32_t number, struct error *why, struct error *err)
{
	struct rehearsal *r = side->of;
	struct syncline_criterion criterion = { .field = side->object->external_key };
	struct made *made = &side->made[number];
	struct batch *batch = NULL, *hits = NULL;
	char key[REHEARSE_KEY + 1];
	int result = external_value(side, number, key, &criterion.value, &batch, err);

	if (result == 0)
		r->result->figures[REHEARSE_DELETES].looks++;
	if (result == 0 && connector_find(r->lanes[0], side->object, &criterion, 1, HITS, &hits, why) != 0)
		result = 1;
	batch_free(batch);
	if (result != 0)
		return result;
	if (hits->header->record_count == 0) {
		made->state = MADE_NOT;
		list_note(r, side, number, 'f', (struct syncline_slice){ NULL, 0 });
	} else if (hits->header->record_count == 1) {
		const struct batch_cell *native = &batch_record(hits, 0)->native_id;

		made->native.length = native->length;
		if ((made->native.data = arena_copy(&r->arena, batch_cell_data(hits, native), native->length)) == NULL)
			result = error_memory(err);
		made->state = MADE_THERE;
		list_note(r, side, number, 'n', made->native);
	}
	batch_free(hits);
	return result;
}

/* What is there already becomes the same once more, and its id is said. */
static int
send_once_more(struct side *side, struct error *err)
{
	struct work work = { .r = side->of, .side = side, .op = SYNCLINE_OP_CREATE, .phase = REHEARSE_DELETES, .doubted = true };
	struct rehearse_figures kept = side->of->result->figures[REHEARSE_DELETES];
	int result = 0;

	work.next = REHEARSE_RECORDS_MAX * 4u;
	for (uint32_t i = 0; i < side->made_count && result == 0; i++)
		if (side->made[i].state == MADE_SENT)
			result = try_again(&work, i, 0, err);
	if (result == 0)
		result = carry_out(&work, err);
	kept.looks += side->of->result->figures[REHEARSE_DELETES].calls - kept.calls;
	side->of->result->figures[REHEARSE_DELETES] = kept;
	return result;
}

/* So long a create that was not answered may still come to be, or not be found yet. */
static void
wait_for_index(struct side *side)
{
	struct engine *engine = side->of->options->engine;
	int64_t lag = side->can.find_lag_ms + side->can.settle_ms, until = os_monotonic_ms() + (lag < 60000 ? lag : 60000);

	while (os_monotonic_ms() < until && engine_progress(engine, "waiting until what was created can be found", 0, 0))
		if (poll(NULL, 0, SLICE_MS) < 0 && errno != EINTR)
			return;
}

int
write_look(struct side *side, struct error *err)
{
	struct rehearse_result *result = side->of->result;
	struct error why = { 0 };
	uint32_t unknown = 0;

	for (uint32_t i = 0; i < side->made_count; i++)
		unknown += side->made[i].state == MADE_SENT;
	if (unknown == 0 || side->object->external_key == NULL)
		return 0;
	if (side->can.find == SYNCLINE_NONE || !connector_offers(side->of->lanes[0], "find/1"))
		return side->can.upsert != SYNCLINE_NONE ? send_once_more(side, err) : 0;
	wait_for_index(side);
	for (uint32_t i = 0; i < side->made_count; i++) {
		int got = side->made[i].state == MADE_SENT ? find_one(side, i, &why, err) : 0;

		if (got < 0)
			return -1;
		if (got > 0) {
			result->stopped = true;
			if (result->why.code == ERROR_NONE)
				result->why = why;
			break;
		}
	}
	return list_keep(side->of, false, err);
}

int
write_finish(struct side *side, struct error *err)
{
	return connector_finish(side->of->lanes[0], side->object, err);
}
