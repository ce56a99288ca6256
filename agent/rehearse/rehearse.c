/* SPDX-License-Identifier: BSD-2-Clause */
/* rehearse.c: see rehearse.h: what follows what. */
#include "rehearse/rehearse.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/os.h"
#include "rehearse/inside.h"

static void
begin(struct rehearsal *r, const struct rehearse_options *options, struct rehearse_result *result)
{
	uint32_t tag = randombytes_random();

	memset(r, 0, sizeof *r);
	memset(result, 0, sizeof *result);
	arena_init(&r->arena, 0);
	arena_init(&r->scratch, 0);
	arena_init(&result->arena, 0);
	buffer_init(&r->list.lines, 0);
	r->list.fd = -1;
	r->options = options;
	r->result = result;
	r->run_time_us = os_wall_us();
	snprintf(r->tag, sizeof r->tag, "%08" PRIx32, tag);
}

static int
end(struct rehearsal *r, int result)
{
	list_close(r);
	sides_free(r);
	for (int i = 0; i < REHEARSE_PHASES; i++)
		free(r->times[i].items);
	arena_free(&r->arena);
	arena_free(&r->scratch);
	if (result < 0)
		rehearse_result_free(r->result);
	return result;
}

void
rehearse_result_free(struct rehearse_result *result)
{
	arena_free(&result->arena);
	result->left = NULL;
	result->left_count = 0;
}

/* What was not taken away, for people. */
static int
tell_left(struct rehearsal *r, struct error *err)
{
	struct rehearse_result *result = r->result;
	uint32_t count = 0;

	for (uint32_t i = 0; i < r->side_count; i++)
		for (uint32_t n = 0; n < r->sides[i].made_count; n++)
			count += r->sides[i].made[n].state == MADE_THERE || r->sides[i].made[n].state == MADE_SENT;
	result->left_count = result->left_unknown = 0;
	if ((result->left = arena_array(&result->arena, count + 1u, sizeof *result->left)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < r->side_count; i++)
		for (uint32_t n = 0; n < r->sides[i].made_count; n++) {
			const struct side *side = &r->sides[i];
			const struct made *made = &side->made[n];
			struct rehearse_left *left = &result->left[result->left_count];
			char key[REHEARSE_KEY + 1];

			if (made->state != MADE_THERE && made->state != MADE_SENT)
				continue;
			sides_key(side, n, key);
			left->object = arena_format(&result->arena, "%s.%s", side->binding->system->head.name, side->binding->object->head.name);
			left->key = arena_text(&result->arena, key);
			if (left->object == NULL || left->key == NULL ||
			    (made->state == MADE_THERE && (left->native = arena_copy(&result->arena, made->native.data, made->native.length)) == NULL))
				return error_memory(err);
			result->left_count++;
			result->left_unknown += made->state == MADE_SENT;
		}
	return 0;
}

static bool
has_ended(const struct rehearsal *r)
{
	return r->result->stopped || r->options->engine->stopped;
}

/* A file target publishes what it was given. */
static int
finish_sides(struct rehearsal *r, struct error *err)
{
	for (uint32_t i = 0; i < r->side_count; i++)
		if (write_finish(&r->sides[i], err) != 0)
			return -1;
	return 0;
}

/* Children before parents, whatever happened before. */
static int
take_away(struct rehearsal *r, struct error *err)
{
	r->options->engine->stopped = false;
	if (r->options->winding_up != NULL)
		r->options->winding_up(r->options->data);
	for (uint32_t i = r->side_count; i-- > 0;)
		if (write_look(&r->sides[i], err) != 0)
			return -1;
	for (uint32_t i = r->side_count; i-- > 0;)
		if (r->sides[i].can.remove != SYNCLINE_NONE && write_deletes(&r->sides[i], err) != 0)
			return -1;
	return finish_sides(r, err);
}

static uint32_t
parents_for(const struct rehearse_options *options)
{
	uint32_t wanted = options->records / 10;

	return wanted < 1 ? options->records == 0 ? 10 : 1 : wanted > REHEARSE_PARENTS_MAX ? REHEARSE_PARENTS_MAX : wanted;
}

/* The calls that it takes at the least, where a day has only so many. */
static int
need_budget(const struct rehearsal *r, struct error *err)
{
	const struct rehearse_options *options = r->options;
	const struct side *main = &r->sides[r->side_count - 1];
	int64_t used, left, records = options->records, batch = r->batch, looks = r->result->rereads ? 1 : 0, phases = options->keep ? 1 : 2, needed;

	if (forecast_day(r, &used, &left, err) != 0)
		return -1;
	phases += r->result->can_update ? 1 + looks : 0;
	needed = phases * ((records + batch - 1) / batch) + 2;
	if (r->side_count > 1)
		needed += 2 * (int64_t)(r->side_count - 1) * ((parents_for(options) + batch - 1) / batch);
	if (options->records == 0 || needed <= left)
		return left > 4 ? 0 : error_set(err, ERROR_LOADTEST_BUDGET, "Wait for the next day, or raise limits.per_day.",
		                                "%lld of the %lld calls that a day allows to %s are left", (long long)left,
		                                (long long)main->binding->system->limits->per_day, main->binding->system->head.name);
	return error_set(err, ERROR_LOADTEST_BUDGET, "Give fewer --records, wait for the next day, or raise limits.per_day.",
	                 "%lld records need about %lld calls, and %lld of the %lld that a day allows to %s are left", (long long)records, (long long)needed,
	                 (long long)left, (long long)main->binding->system->limits->per_day, main->binding->system->head.name);
}

static int
create_and_update(struct rehearsal *r, struct error *err)
{
	const struct rehearse_options *options = r->options;
	struct side *main = &r->sides[r->side_count - 1];

	for (uint32_t i = 0; i + 1 < r->side_count && !has_ended(r); i++)
		if (write_creates(&r->sides[i], parents_for(options), 0, REHEARSE_PARENTS, err) != 0)
			return -1;
	if (!has_ended(r) && write_creates(main, options->records > 0 ? options->records : REHEARSE_RECORDS_MAX, options->for_ms, REHEARSE_CREATES, err) != 0)
		return -1;
	if (finish_sides(r, err) != 0)
		return -1;
	return has_ended(r) || r->result->budget_ended || !r->result->can_update ? 0 : write_updates(main, err);
}

/* An own failure (memory, disk, the ledger) ends it; what was created is taken away all the same. */
static void
keep_failure(struct rehearsal *r, const struct error *why)
{
	r->result->stopped = true;
	if (r->result->why.code == ERROR_NONE || r->result->why.code == ERROR_CONNECTOR_CANCELLED)
		r->result->why = *why;
}

static int
conclude(struct rehearsal *r, struct error *err)
{
	struct rehearse_result *result = r->result;
	int64_t left;

	result->per_day = r->options->to->system->limits->per_day;
	if (forecast_day(r, &result->day_after, &left, err) != 0 || tell_left(r, err) != 0)
		return -1;
	snprintf(result->list, sizeof result->list, "%s", r->list.path);
	return result->left_count == 0 ? list_end(r, err) : 0;
}

static int
prepare(struct rehearsal *r, struct error *err)
{
	int64_t left;

	if (sides_make(r, r->options->to, err) != 0 || forecast_day(r, &r->result->day_before, &left, err) != 0 || write_open(r, err) != 0)
		return -1;
	if (!r->result->can_delete && !r->options->keep)
		return error_set(err, ERROR_LOADTEST_IMPOSSIBLE, "Give --keep when the twin is made anew anyway; what stays there is listed.",
		                 "what is created at %s could not be deleted again", r->options->to->system->head.name);
	for (uint32_t i = 0; i < r->side_count; i++)
		if (sides_try(&r->sides[i], err) != 0)
			return -1;
	return need_budget(r, err);
}

int
rehearse(const struct rehearse_options *options, struct rehearse_result *ret_result, struct error *err)
{
	struct rehearsal r;
	struct error why = { 0 };

	begin(&r, options, ret_result);
	if (prepare(&r, err) != 0 || list_make(&r, err) != 0)
		return end(&r, -1);
	if (create_and_update(&r, &why) != 0)
		keep_failure(&r, &why);
	if ((options->keep ? finish_sides(&r, &why) : take_away(&r, &why)) != 0)
		keep_failure(&r, &why);
	return end(&r, conclude(&r, err));
}

int
rehearse_clean(const struct rehearse_options *options, struct rehearse_result *ret_result, struct error *err)
{
	struct rehearsal r;
	struct error why = { 0 };
	int64_t left;
	int got;

	begin(&r, options, ret_result);
	if (sides_make(&r, options->to, err) != 0)
		return end(&r, -1);
	if ((got = list_load(&r, err)) <= 0)
		return end(&r, got);
	if (forecast_day(&r, &ret_result->day_before, &left, err) != 0 || write_open(&r, err) != 0)
		return end(&r, -1);
	if (take_away(&r, &why) != 0)
		keep_failure(&r, &why);
	return end(&r, conclude(&r, err) == 0 ? 1 : -1);
}
