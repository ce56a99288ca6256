/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read.c: one read of an object, from the position where it begins to the acknowledgement of the last row.
 *
 *     begin      one transaction: versions, who is fed, from which position, whether in full
 *     take       batch by batch: sorted, looked at, kept (read_sort.c), committed with the position (read_stage.c)
 *     end        one transaction: completeness per unit; then the connector hears that all is durable
 *
 * WHERE IT BEGINS.  A position says from where on nothing is missed.  When somebody must have everything, the position is taken
 * back to the beginning in the transaction in which the read begins; so a read that was interrupted, in whichever mode,
 * simply goes on at the stored position, and the connector itself knows whether that is the middle of a full read.
 *
 * Runs in the engine's thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/read.h"
#include "os/os.h"

/* ---- beginning ---- */

/* Everything; the position goes back to the beginning so that an interruption changes nothing about it. */
static int
begin_anew(struct reading *r, struct ledger_read *open, struct buffer *position, const char *why, struct error *err)
{
	char text[200];

	if (position->length > 0) {
		snprintf(text, sizeof text, "read in full: %s", why);
		if (ledger_position_set(r->ledger, r->object_id, r->credentials, (struct syncline_slice){ NULL, 0 }, text, err) != 0)
			return -1;
	}
	buffer_clear(position);
	open->id = 0; /* beginning another one ends it */
	return 0;
}

bool
intake_reads_changes(const struct config_object *object, const struct syncline_capabilities *can)
{
	return object->reads != SYNCLINE_READS_FULL && can->read_delta != SYNCLINE_NONE && (object->reads != 0 || object->mark.count != 0);
}

/* In a transaction.  `position` becomes the one to begin at; empty: everything. */
static int
begin_read(struct reading *r, struct buffer *position, struct error *err)
{
	const struct syncline_capabilities *can = connector_capabilities(r->connector);
	const char *why;

	if (read_find_versions(r, err) != 0 || ledger_position(r->ledger, r->object_id, r->credentials, position, err) != 0 ||
	    ledger_read_open(r->ledger, r->object_id, r->credentials, &r->read, err) != 0 || read_must_be_full(r, &r->read, &why, err) != 0)
		return -1;
	if (why != NULL && can->read_full == SYNCLINE_NONE) {
		if (position->length > 0)
			engine_say(r->engine, SYNCLINE_LOG_WARNING, "%s.%s should be read in full (%s), and its connector can't: records follow when they next change",
			           r->system->head.name, r->object->head.name, why);
	} else if (why != NULL && begin_anew(r, &r->read, position, why, err) != 0) {
		return -1;
	}
	r->fullish = position->length == 0 || !intake_reads_changes(r->object, can);
	if (r->read.id != 0)
		r->fullish = r->read.full;
	else if (ledger_read_begin(r->ledger, r->object_id, r->credentials, r->fullish, &r->read, err) != 0)
		return -1;
	r->broken = r->read.broken;
	return read_note_feeds(r, why != NULL || position->length == 0, err);
}

static int
begin(struct reading *r, struct buffer *position, struct error *err)
{
	if (ledger_begin(r->ledger, err) != 0)
		return -1;
	if (begin_read(r, position, err) != 0 || ledger_commit(r->ledger, err) != 0) {
		ledger_rollback(r->ledger);
		return -1;
	}
	return read_load_rejects(r, err) != 0 || read_load_backlog(r, err) != 0 ? -1 : 0;
}

/* What is durable here may be archived or forgotten there.  Asked again until it works, so a failure is only told. */
static void
acknowledge(struct reading *r, struct syncline_slice position)
{
	struct error err = { 0 };

	if (position.length > 0 && connector_acknowledge(r->connector, config_sdk_object(r->object), &position, &err) != 0)
		engine_say(r->engine, SYNCLINE_LOG_WARNING, "%s.%s: what was read could not be acknowledged, which is tried again with the next read: %s",
		           r->system->head.name, r->object->head.name, err.message);
}

/* ---- the end ---- */

/* Has the connector claimed that nothing of this tenant (empty: of all) is missing? */
static bool
claimed(const struct connector_read_state *state, struct syncline_slice tenant)
{
	for (uint32_t i = 0; i < state->completeness_count; i++) {
		const struct syncline_completeness *c = &state->completeness[i];

		if (c->complete && (c->tenant == NULL || (strlen(c->tenant) == tenant.length &&
		                    (tenant.length == 0 || memcmp(c->tenant, tenant.data, tenant.length) == 0))))
			return true;
	}
	return false;
}

/* Has the unit records here, of which this read showed none? */
static int
is_emptied(struct reading *r, const struct read_unit *unit, bool *ret_emptied, struct error *err)
{
	uint64_t live = 0;

	if (unit->active && unit->rows == 0 && ledger_links_count(r->ledger, r->object_id, unit->id, &live, err) != 0)
		return -1;
	*ret_emptied = live > 0;
	return 0;
}

/* The unit's run fails with it, when it runs now. */
static void
tell_emptied(struct reading *r, const struct read_unit *unit)
{
	struct error unread = { 0 };

	(void)error_set(&unread, ERROR_READ_EMPTY, "Have the export looked at.  While it shows nothing of the unit, nothing of it counts as deleted.",
	                "%s.%s was read in full and shows no row of %s, though some are linked", r->system->head.name, r->object->head.name,
	                ledger_unit_name(r->ledger, unit->id)[0] != '\0' ? ledger_unit_name(r->ledger, unit->id) : "the house");
	if (unit->intake == NULL)
		engine_say(r->engine, SYNCLINE_LOG_WARNING, "%s", unread.message);
	else if (unit->intake->unread.code == ERROR_NONE)
		unit->intake->unread = unread;
}

/*
 * A source that shows nothing where there were records is a failed export until a person says otherwise.  Of all units: an
 * error, and the read counts for nothing.  Of one among others: an error of that unit, of which nothing counts as deleted.
 */
static enum read_step
check_empty(struct reading *r, const struct connector_read_state *state, bool asked_all, bool *emptied, struct error *err)
{
	bool all = claimed(state, (struct syncline_slice){ NULL, 0 }), any = false;

	for (uint32_t u = 0; u < r->unit_count; u++) {
		struct read_unit *unit = &r->units[u];

		if (is_emptied(r, unit, &emptied[u], err) != 0)
			return READ_FATAL;
		emptied[u] = emptied[u] && (all || claimed(state, unit->tenant) || asked_all);
		any = any || emptied[u];
		if (emptied[u] && r->rows > 0)
			tell_emptied(r, unit);
	}
	if (!any || r->rows > 0)
		return READ_GOOD;
	(void)error_set(err, ERROR_READ_EMPTY, "Have the export or the account's rights looked at.  While it is empty nothing counts as deleted.",
	                "%s.%s was read in full and has no records, though some are linked", r->system->head.name, r->object->head.name);
	return READ_FAILED;
}

/* Who was off looked at no row: what this read did not show of it is not missing, not even if every read after this one fails. */
static int
spare_inactive(struct reading *r, struct error *err)
{
	for (uint32_t u = 0; u < r->unit_count; u++)
		if (r->units[u].here && !r->units[u].active && ledger_read_deleted(r->ledger, &r->read, r->units[u].id, err) != 0)
			return -1;
	return 0;
}

/* What the ledger is told: as claimed, but for units that came out empty. */
static int
end_read(struct reading *r, const struct connector_read_state *state, const bool *emptied, struct error *err)
{
	struct syncline_completeness *told = calloc(r->unit_count + state->completeness_count + 1u, sizeof *told);
	uint32_t count = 0;
	bool any = false, complete;
	int result;

	if (told == NULL)
		return error_memory(err);
	for (uint32_t u = 0; u < r->unit_count; u++)
		any = any || emptied[u];
	for (uint32_t i = 0; !any && i < state->completeness_count; i++)
		told[count++] = state->completeness[i];
	for (uint32_t u = 0; any && u < r->unit_count; u++)
		if (r->units[u].tenant.length > 0)
			told[count++] = (struct syncline_completeness){ .tenant = r->units[u].tenant.data,
				.complete = !emptied[u] && claimed(state, r->units[u].tenant) };
	complete = r->read.full && !r->broken && claimed(state, (struct syncline_slice){ NULL, 0 });
	result = complete ? read_settle_rejects(r, err) : 0;
	if (result == 0)
		result = ledger_read_end(r->ledger, &r->read, told, count, r->broken, err);
	if (result == 0)
		result = spare_inactive(r, err);
	free(told);
	return result;
}

static enum read_step
end(struct reading *r, const struct connector_read_state *state, bool asked_all, struct error *err)
{
	bool *emptied = calloc(r->unit_count + 1u, sizeof *emptied);
	enum read_step step = READ_FATAL;
	struct error empty = { 0 };

	if (emptied == NULL)
		return error_memory(err);
	if (ledger_begin(r->ledger, err) != 0) {
		free(emptied);
		return READ_FATAL;
	}
	step = check_empty(r, state, asked_all, emptied, &empty);
	if (step == READ_FATAL)
		*err = empty;
	else if (step == READ_FAILED ? ledger_read_end(r->ledger, &r->read, NULL, 0, true, err) != 0
	                             : read_store(r, err) != 0 || end_read(r, state, emptied, err) != 0)
		step = READ_FATAL;
	if (step == READ_FATAL || ledger_commit(r->ledger, err) != 0) {
		ledger_rollback(r->ledger);
		step = READ_FATAL;
	} else if (step == READ_FAILED) {
		*err = empty;
	}
	free(emptied);
	return step;
}

/* ---- the way between ---- */

enum read_step
read_stopped(struct error *err)
{
	(void)error_set(err, ERROR_CONNECTOR_CANCELLED, "What was read so far is kept; the next run goes on from there.",
	                "the run was stopped while it was reading");
	return READ_FATAL;
}

static enum read_step
switched_off(const struct reading *r, struct error *err)
{
	(void)error_set(err, ERROR_LEDGER_FLAG, "What was read so far is kept; switched on again, the flow reads everything once more.",
	                "%s was switched off while it read %s.%s", r->bound->binding->flow->head.name, r->system->head.name, r->object->head.name);
	return READ_FATAL;
}

/* Commits what waits; what the connector keeps for itself is committed with it. */
static enum read_step
flush(struct reading *r, struct connector_read *read, bool later, struct error *err)
{
	if (read_flush(r, later, err) != 0)
		return READ_FATAL;
	if (connector_read_accept(read, err) != 0)
		return READ_FAILED;
	return read_is_wanted(r) ? READ_GOOD : switched_off(r, err);
}

enum read_step
reading_next(struct reading *r, struct error *err)
{
	int64_t since = os_monotonic_ms();
	struct batch *batch = NULL;
	struct error failure = { 0 };
	enum read_step step;

	if (connector_read_next(r->stream, &batch, &r->state, &failure) != 0) {
		/* What came before is good; the next read need not bring it again. */
		if ((step = read_flush(r, false, err) != 0 ? READ_FATAL : READ_FAILED) == READ_FAILED && err != NULL)
			*err = failure;
		return step;
	}
	if ((step = read_take(r, batch, err)) == READ_GOOD && read_position(r, &r->state, err) != 0)
		step = READ_FATAL;
	r->over = r->state.end;
	r->waited_ms = os_monotonic_ms() - since;
	return step;
}

enum read_step
reading_keep(struct reading *r, struct error *err)
{
	bool fast = r->waited_ms <= READ_SLOW_MS;

	return r->over || (!read_group_full(r) && fast) ? READ_GOOD : flush(r, r->stream, fast, err);
}

enum read_step
reading_stop(struct reading *r, struct error *err)
{
	(void)flush(r, r->stream, false, err);
	return read_stopped(err);
}

/* The fields of a reading that are more than zero from the beginning. */
static void
prepare(struct reading *r, struct intake *first, struct bound *bound)
{
	const struct config_binding *binding = bound->binding;

	r->engine = first->engine;
	r->ledger = first->engine->ledger;
	r->object = binding->object;
	r->system = binding->system;
	r->object_id = bound->object;
	r->credentials = engine_credentials(r->engine, r->system, first->unit);
	r->first = first;
	r->bound = bound;
	buffer_init(&r->scratch, 0);
	buffer_init(&r->position, SYNCLINE_POSITION_MAX);
	buffer_init(&r->layout_origin, 0);
	buffer_init(&r->twice.origin, 0);
	buffer_init(&r->group.position, SYNCLINE_POSITION_MAX);
	arena_init(&r->group.arena, 0);
	arena_init(&r->reject_arena, 0);
	arena_init(&r->layout_arena, 0);
	snprintf(r->what, sizeof r->what, "reading %s.%s", r->system->head.name, r->object->head.name);
}

static bool
anybody_on(const struct reading *r)
{
	for (uint32_t i = 0; i < r->unit_count; i++)
		if (r->units[i].active)
			return true;
	return false;
}

static enum read_step
open_stream(struct reading *r, struct error *err)
{
	struct syncline_read_request request = { .struct_size = sizeof request };

	if (begin(r, &r->position, err) != 0)
		return READ_FATAL;
	/* A crash may have come between a commit and its acknowledgement. */
	request.position = (struct syncline_slice){ r->position.data, r->position.length };
	request.full = r->position.length == 0;
	acknowledge(r, request.position);
	if (connector_read_open(r->connector, config_sdk_object(r->object), &request, &r->stream, err) != 0)
		return READ_FAILED;
	/* Of a source that only ever gives what is new, nothing is a sign of nothing new. */
	r->asked_all = request.full && r->object->reads != SYNCLINE_READS_DELTA;
	return READ_GOOD;
}

enum read_step
reading_open(struct reading *r, struct intake *const *intakes, uint32_t count, uint32_t at, struct bound *bound, bool *ret_idle,
             struct error *err)
{
	struct connector *connector;

	prepare(r, intakes[at], bound);
	*ret_idle = false;
	if (read_find_units(r, intakes, count, err) != 0)
		return READ_FATAL;
	if (!anybody_on(r)) {
		*ret_idle = true;
		return READ_GOOD;
	}
	if (engine_connector(r->engine, r->system, r->first->unit, ENGINE_LANE_MAIN, &connector, err) != 0)
		return READ_FAILED;
	engine_reading(r->engine, connector);
	r->connector = connector;
	return open_stream(r, err);
}

enum read_step
reading_end(struct reading *r, struct error *err)
{
	enum read_step step = end(r, &r->state, r->asked_all, err);

	if (step != READ_GOOD)
		return step;
	if (connector_read_accept(r->stream, err) != 0)
		return READ_FAILED;
	connector_read_close(r->stream);
	r->stream = NULL;
	buffer_clear(&r->position);
	if (ledger_position(r->ledger, r->object_id, r->credentials, &r->position, err) != 0)
		return READ_FATAL;
	acknowledge(r, (struct syncline_slice){ r->position.data, r->position.length });
	return READ_GOOD;
}

void
reading_free(struct reading *r)
{
	if (r->foreign > 1)
		engine_say(r->engine, SYNCLINE_LOG_WARNING, "%s.%s: %llu rows of other tenants were rejected", r->system->head.name, r->object->head.name,
		           (unsigned long long)r->foreign);
	connector_read_close(r->stream);
	if (r->connector != NULL)
		engine_read(r->engine, r->connector);
	for (uint32_t i = 0; i < r->unit_count; i++)
		free(r->units[i].feeds);
	free(r->units);
	read_group_free(&r->group);
	batch_builder_free(r->builder);
	arena_free(&r->layout_arena);
	buffer_free(&r->layout_origin);
	free(r->backlog.words);
	free(r->rejected.words);
	free(r->rejects);
	read_twice_free(&r->twice);
	arena_free(&r->reject_arena);
	free(r->raws);
	free(r->unit_raws);
	free(r->natives);
	free(r->places);
	free(r->glances);
	free(r->routes);
	free(r->keep);
	free(r->values);
	buffer_free(&r->scratch);
	buffer_free(&r->position);
}
