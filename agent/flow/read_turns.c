/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_turns.c: which reads there are, and which of them takes its next batch.  Systems are read at the same time, for each of
 * them works in a process of its own; what they bring is taken batch by batch in the one thread that owns the engine and the
 * ledger, so that nothing below here knows of it.  Objects of one connector follow each other.
 *
 * A read that has a batch ready goes before one that does not, in turns.  When none has, the one that was quickest last is
 * waited for: so a slow system holds up no other, and is itself read as fast as it gives.
 *
 * Runs in the engine's thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/read.h"

enum turn_state { TURN_WAITS, TURN_OPEN, TURN_OVER };
struct turn {
	const struct config_binding *binding;
	uint32_t intake;      /* whose credentials */
	uint32_t credentials;
	uint8_t state;        /* enum turn_state */
	struct reading *reading;
};
struct turns {
	struct intake *const *intakes;
	uint32_t intake_count;
	struct engine *engine;
	struct turn *all;
	uint32_t count, open;
	uint32_t last;        /* that had its turn */
	uint32_t first_failed;
	struct error *first;  /* of it; may be NULL */
	bool failed;
};

/* Did an earlier intake ask for the object with the same credentials? */
static bool
is_asked(const struct turns *t, uint32_t at, const struct config_system *system)
{
	uint32_t mine = engine_credentials(t->engine, system, t->intakes[at]->unit);

	for (uint32_t i = 0; i < at; i++)
		if (engine_credentials(t->engine, system, t->intakes[i]->unit) == mine)
			return true;
	return false;
}

/* What a binding reads is asked for in one run as well as in another: all its units agree. */
static bool
is_read(const struct turns *t, uint32_t b)
{
	const struct intake *any = t->intakes[0];

	return any->flow->bindings[b].reads && (any->reads == NULL || any->reads[b]);
}

static int
list_reads(struct turns *t, struct error *err)
{
	const struct config_flow *flow = t->intakes[0]->flow;

	if ((t->all = calloc((size_t)flow->binding_count * t->intake_count + 1, sizeof *t->all)) == NULL)
		return error_memory(err);
	for (uint32_t b = 0; b < flow->binding_count; b++)
		for (uint32_t i = 0; is_read(t, b) && i < t->intake_count; i++)
			if (!is_asked(t, i, flow->bindings[b].system))
				t->all[t->count++] = (struct turn){ .binding = &flow->bindings[b], .intake = i,
					.credentials = engine_credentials(t->engine, flow->bindings[b].system, t->intakes[i]->unit) };
	return 0;
}

static void
close_turn(struct turns *t, struct turn *turn)
{
	if (turn->state == TURN_OPEN)
		t->open--;
	turn->state = TURN_OVER;
	if (turn->reading != NULL)
		reading_free(turn->reading);
	free(turn->reading);
	turn->reading = NULL;
}

/* Of several failures the run tells the first in the order of the bindings. */
static void
fail(struct turns *t, struct turn *turn, const struct error *why)
{
	uint32_t at = (uint32_t)(turn - t->all);

	engine_say(t->engine, SYNCLINE_LOG_ERROR, "%s.%s could not be read: %s", turn->binding->system->head.name, turn->binding->object->head.name,
	           why->message);
	if (t->first != NULL && (!t->failed || at < t->first_failed)) {
		*t->first = *why;
		t->first_failed = at;
	}
	t->failed = true;
	close_turn(t, turn);
}

/* All that is read now, as one line. */
static bool
tell(struct turns *t)
{
	uint64_t rows = 0, expected = 0;
	bool known = true;
	char what[320] = "";
	size_t used = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		const struct reading *r = t->all[i].reading;

		if (r == NULL)
			continue;
		if (used < sizeof what)
			used += (size_t)snprintf(what + used, sizeof what - used, used == 0 ? "%s" : ", %s", used == 0 ? r->what : r->what + strlen("reading "));
		rows += r->rows;
		expected += r->state.expected;
		known = known && r->state.expected > 0;
	}
	return engine_progress(t->engine, what, rows, known ? expected : 0);
}

/* Is its connector being read, or is another one before it in the queue for it? */
static bool
must_wait(const struct turns *t, const struct turn *turn)
{
	for (const struct turn *other = t->all; other < turn; other++)
		if (other->state != TURN_OVER && other->binding->system == turn->binding->system && other->credentials == turn->credentials)
			return true;
	return false;
}

/* 0, or -1 when the run ends. */
static int
after(struct turns *t, struct turn *turn, enum read_step step, struct error *why, struct error *err)
{
	/* A person's interrupt is no fault of the system. */
	if (step == READ_FAILED && turn->reading != NULL && turn->reading->connector != NULL && !tell(t))
		step = read_stopped(why);
	if (step == READ_FATAL) {
		if (err != NULL)
			*err = *why;
		close_turn(t, turn);
		return -1;
	}
	if (step == READ_FAILED)
		fail(t, turn, why);
	return 0;
}

static int
open_turn(struct turns *t, struct turn *turn, struct error *err)
{
	struct error why = { 0 };
	enum read_step step;
	bool idle;

	if ((turn->reading = calloc(1, sizeof *turn->reading)) == NULL)
		return error_memory(err);
	turn->state = TURN_OPEN;
	t->open++;
	step = reading_open(turn->reading, t->intakes, t->intake_count, turn->intake, engine_bound(t->engine, turn->binding), &idle, &why);
	if (step == READ_GOOD && idle)
		close_turn(t, turn);
	return after(t, turn, step, &why, err);
}

static int
open_more(struct turns *t, struct error *err)
{
	for (uint32_t i = 0; i < t->count && t->open < ENGINE_READS; i++)
		if (t->all[i].state == TURN_WAITS && !must_wait(t, &t->all[i]) && open_turn(t, &t->all[i], err) != 0)
			return -1;
	return 0;
}

static struct turn *
choose(struct turns *t)
{
	struct turn *quickest = NULL;

	for (uint32_t i = 1; i <= t->count; i++) {
		struct turn *turn = &t->all[(t->last + i) % t->count];

		if (turn->state != TURN_OPEN)
			continue;
		if (t->open == 1 || connector_read_ready(turn->reading->stream)) {
			quickest = turn;
			break;
		}
		if (quickest == NULL || turn->reading->waited_ms < quickest->reading->waited_ms)
			quickest = turn;
	}
	if (quickest != NULL)
		t->last = (uint32_t)(quickest - t->all);
	return quickest;
}

/* The next batch of one of them. */
static int
take_turn(struct turns *t, struct turn *turn, struct error *err)
{
	struct error why = { 0 };
	enum read_step step = reading_next(turn->reading, &why);
	bool over = turn->reading->over;

	if (step == READ_GOOD)
		step = reading_keep(turn->reading, &why);
	if (step == READ_GOOD && !tell(t))
		step = reading_stop(turn->reading, &why);
	else if (step == READ_GOOD && over)
		step = reading_end(turn->reading, &why);
	if (step == READ_GOOD && over)
		close_turn(t, turn);
	return after(t, turn, step, &why, err);
}

int
intake_read(struct intake *const *units, uint32_t count, bool *ret_failed, struct error *ret_first, struct error *err)
{
	struct turns t = { .intakes = units, .intake_count = count, .engine = units[0]->engine, .first = ret_first };
	struct turn *turn;
	int result = list_reads(&t, err);

	while (result == 0 && (result = open_more(&t, err)) == 0 && (turn = choose(&t)) != NULL)
		result = take_turn(&t, turn, err);
	for (uint32_t i = 0; i < t.count; i++) {
		struct error ignored = { 0 };

		/* What the others brought is as good as what the one brought that was stopped. */
		if (t.all[i].state == TURN_OPEN && t.engine->stopped)
			(void)reading_stop(t.all[i].reading, &ignored);
		close_turn(&t, &t.all[i]);
	}
	free(t.all);
	*ret_failed = t.failed;
	return result;
}
