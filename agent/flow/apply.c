/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply.c: what was staged becomes records, links, marks and findings.  A dry pass is the same in one transaction that is rolled
 * back; what it counts and lists is therefore what the real one would do.
 *
 * The order: staged batches, object by object in the order of the flow's bindings, and behind each object's what has to be read
 * again of it (unsure.c); what full reads no longer showed: rows that waited, and links; rows that people decided about or want to be
 * tried again, so that nothing is taken from a row that its system doesn't show any more, and those asked about as unmatched that match
 * by now; rows whose parent has come.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/apply.h"
#include "flow/values.h"

#define PAGE 500u
#define RETRIES_MAX (PAGE << 12) /* findings that one run takes again */

void
intake_result_free(struct intake_result *result)
{
	free(result->bindings);
	result->bindings = NULL;
}

static uint32_t
object_id(const struct work *work, const struct config_binding *binding)
{
	return ledger_object_id(work->ledger, binding->object);
}

int
apply_result(struct intake *intake, struct intake_result *result, struct error *err)
{
	const struct config_flow *flow = intake->flow;

	memset(result, 0, sizeof *result);
	if ((result->bindings = calloc(flow->binding_count + 1u, sizeof *result->bindings)) == NULL)
		return error_memory(err);
	result->binding_count = flow->binding_count;
	for (uint32_t i = 0; i < flow->binding_count; i++) {
		result->bindings[i].binding = &flow->bindings[i];
		if (ledger_links_count(intake->engine->ledger, ledger_object_id(intake->engine->ledger, flow->bindings[i].object), intake->unit_id,
		                       &result->bindings[i].links, err) != 0) {
			intake_result_free(result);
			return -1;
		}
	}
	return 0;
}

/* In a dry pass there is one transaction around all. */
int
apply_begin(struct work *work, struct error *err)
{
	return work->mode == INTAKE_REAL ? ledger_begin(work->ledger, err) : 0;
}

int
apply_end(struct work *work, int result, struct error *err)
{
	if (work->mode != INTAKE_REAL)
		return result;
	if (result == 0)
		return ledger_commit(work->ledger, err);
	ledger_rollback(work->ledger);
	return -1;
}

int
apply_load(struct work *work, struct error *err)
{
	struct syncline_slice *natives = arena_array(&work->arena, work->row_count + 1u, sizeof *natives);

	if (natives == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < work->row_count; i++)
		natives[i] = work->rows[i].native;
	return work_load_links(work, natives, work->row_count, err) != 0 ? -1 : work_find_open(work, err);
}

static int
resolve_all(struct work *work, struct error *err)
{
	for (uint32_t i = 0; i < work->row_count; i++)
		if (work_resolve(work, &work->rows[i], err) != 0)
			return -1;
	return work_wake_linked(work, err) == 0 ? work_flush(work, err) : -1;
}

const char *
apply_tenant(const struct work *work, const struct config_binding *binding)
{
	const struct config_unit *unit = work->intake->unit;
	const struct config_unit_system *at = unit != NULL ? config_unit_system(unit, binding->system->head.name) : NULL;

	return binding->object->tenant != NULL && at != NULL ? at->tenant : NULL;
}

int
apply_overtaking(struct work *work, const struct bound *bound, struct apply_overtaking *ret_overtaking, struct error *err)
{
	uint32_t credentials = engine_credentials(work->engine, bound->binding->system, work->intake->unit);

	return ledger_read_overtaking(work->ledger, bound->object, credentials, apply_tenant(work, bound->binding), work->options->staged_to,
	                              &ret_overtaking->read, &ret_overtaking->last, err);
}

bool
apply_is_overtaken(struct work *work, const struct apply_overtaking *overtaking, const struct ledger_staged *staged)
{
	if (!staged->full || staged->read >= overtaking->read)
		return false;
	if (overtaking->last > work->result->staged_to)
		work->result->staged_to = overtaking->last;
	return true;
}

int
apply_rows(struct work *work, struct bound *bound, const struct batch *native, uint64_t started, int64_t read_us, bool full, struct error *err)
{
	if (work_begin(work, bound, native, started, read_us, full, err) != 0 || work_rows(work, work->intake->unit, err) != 0 ||
	    apply_load(work, err) != 0)
		return -1;
	work->result->rows += work->row_count;
	return resolve_all(work, err);
}

static int
apply_staged(struct work *work, struct bound *bound, struct ledger_staged *staged, bool overtaken, struct error *err)
{
	int result;

	if (apply_begin(work, err) != 0)
		return -1;
	work->made_since = staged->first_link;
	result = staged->batch != NULL && !overtaken ? apply_rows(work, bound, staged->batch, staged->started, staged->read_us, staged->full, err) : 0;
	work->made_since = INT64_MAX;
	if (result == 0)
		result = ledger_applied(work->ledger, staged->object, staged->credentials, work->intake->flow_id, work->intake->unit_id, staged->id, err);
	return apply_end(work, result, err);
}

static int
apply_object(struct work *work, struct bound *bound, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	uint32_t object = object_id(work, binding), credentials = engine_credentials(work->engine, binding->system, work->intake->unit);
	struct apply_overtaking overtaking;
	struct ledger_staged staged = { 0 };
	uint64_t done = 0;
	char what[320];
	bool bulk;
	int found;

	snprintf(what, sizeof what, "%s %s.%s", work->mode == INTAKE_DRY ? "comparing" : "applying", binding->system->head.name,
	         binding->object->head.name);
	if (apply_is_bulk(work, bound, &bulk, err) != 0)
		return -1;
	if (bulk)
		return apply_bulk(work, bound, what, err);
	if (apply_overtaking(work, bound, &overtaking, err) != 0)
		return -1;
	while ((found = ledger_staged_next(work->ledger, object, credentials, work->intake->flow_id, work->intake->unit_id, staged.id, &staged,
	                                   err)) == 1) {
		int result = 0;
		bool beyond = work->options->staged_to != 0 && staged.id > work->options->staged_to;

		if (!beyond) {
			result = apply_staged(work, bound, &staged, apply_is_overtaken(work, &overtaking, &staged), err);
			done += staged.batch != NULL ? staged.batch->header->record_count : 0;
			if (staged.id > work->result->staged_to)
				work->result->staged_to = staged.id;
		}
		batch_free(staged.batch);
		staged.batch = NULL;
		if (result != 0)
			return -1;
		if (beyond || !engine_progress(work->engine, what, done, 0))
			return 0;
	}
	return found < 0 ? -1 : apply_unsure(work, bound, err);
}

/* Findings that a person has decided, or wants to be tried again; and rows whose record has come since they were asked about. */

struct decisions {
	struct arena arena;
	struct decision *first, **last;
};

static int
keep_decision(void *data, const struct ledger_finding *finding, const char *text)
{
	struct decisions *all = data;
	struct decision *one = arena_zalloc(&all->arena, sizeof *one);

	if (one == NULL || (one->text = arena_text(&all->arena, text)) == NULL)
		return -1;
	one->id = finding->id;
	one->object = finding->object;
	*all->last = one;
	all->last = &one->next;
	return 0;
}

static int
add_all(struct decisions *all, const int64_t *ids, uint32_t count, bool matched)
{
	for (uint32_t i = 0; i < count; i++) {
		struct decision *one = arena_zalloc(&all->arena, sizeof *one);

		if (one == NULL)
			return -1;
		one->id = ids[i];
		one->matched = matched;
		*all->last = one;
		all->last = &one->next;
	}
	return 0;
}

static int
keep_refused(void *data, const struct ledger_finding *finding)
{
	struct decisions *all = data;

	if (add_all(all, &finding->id, 1, false) != 0)
		return -1;
	((struct decision *)(void *)((char *)all->last - offsetof(struct decision, next)))->quiet = true;
	return 0;
}

/* Rejects of earlier runs, whose value another record may have given up in this one; where changes are told once, they don't come again. */
static int
collect_refused(struct work *work, struct decisions *all, struct error *err)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++) {
		struct ledger_finding_filter filter = { .kind = LEDGER_FINDING_REJECT, .flow = work->intake->flow_id, .unit = work->intake->unit_id, .undecided = true };

		if (!work_field(work, i)->unique)
			continue;
		if ((filter.cause = work_unique_cause(&all->arena, work_field(work, i))) == NULL)
			return error_memory(err);
		if (ledger_findings(work->ledger, &filter, keep_refused, all, err) != 0)
			return -1;
	}
	return 0;
}

static int
collect_decisions(struct work *work, struct decisions *all, struct error *err)
{
	uint32_t count = 0, room = PAGE / 2;
	int64_t *ids;

	if (ledger_decisions(work->ledger, work->intake->flow_id, work->intake->unit_id, keep_decision, all, err) != 0)
		return -1;
	do {
		room *= 2;
		if ((ids = arena_array(&all->arena, room, sizeof *ids)) == NULL)
			return error_memory(err);
		if (ledger_findings_to_retry(work->ledger, work->intake->flow_id, work->intake->unit_id, ids, room, &count, err) != 0)
			return -1;
	} while (count == room && room < RETRIES_MAX);
	if (add_all(all, ids, count, false) != 0)
		return error_memory(err);
	if (work->result->rows > 0 && collect_refused(work, all, err) != 0)
		return -1;
	if (work->entity->match_count == 0)
		return 0;
	if (ledger_reviews_matched(work->ledger, work->intake->flow_id, work->intake->unit_id, &all->arena, &ids, &count, err) != 0)
		return -1;
	return add_all(all, ids, count, true) != 0 ? error_memory(err) : 0;
}

struct bound *
apply_reader(struct work *work, uint32_t object)
{
	for (uint32_t i = 0; i < work->intake->flow->binding_count; i++) {
		const struct config_binding *binding = &work->intake->flow->bindings[i];

		if (binding->reads && object_id(work, binding) == object)
			return engine_bound(work->engine, binding);
	}
	return NULL;
}

static int
decide_row(struct work *work, struct bound *bound, const struct ledger_finding *finding, const struct batch *native, const char *text,
           struct error *err)
{
	uint64_t now = ledger_sequence(work->ledger);

	if (work_begin(work, bound, native, now, finding->last_us, false, err) != 0)
		return -1;
	if (native != NULL) {
		if (work_rows(work, work->intake->unit, err) != 0)
			return -1;
	} else if ((work->rows = arena_array(&work->arena, 1, sizeof *work->rows)) == NULL) {
		return error_memory(err);
	} else {
		work->rows[0] = (struct row){ .what = ROW_GONE, .native = finding->native };
		work->row_count = 1;
	}
	for (uint32_t i = 0; i < work->row_count; i++) {
		work->rows[i].decision = text;
		work->rows[i].decided_field = finding->field;
		work->rows[i].decided_about = finding->has_about ? finding->about : NULL;
		work->rows[i].finding = finding->id;
		work->rows[i].put_back = text == NULL && finding->cause != NULL && strcmp(finding->cause, error_name(ERROR_ROW_OLDER)) == 0;
	}
	if (apply_load(work, err) != 0)
		return -1;
	/* What we wrote since is newer than the row: of a retry all of it is, of an answer all but what it is about. */
	for (uint32_t i = 0; i < work->row_count && (text == NULL || finding->field != NULL); i++) {
		const struct work_slot *slot = work_slot(work, work->rows[i].native);

		if (slot == NULL)
			return error_memory(err);
		work->rows[i].outdated = slot->link != NULL && slot->link->at.confirmed_us >= finding->last_us;
	}
	return resolve_all(work, err);
}

/* Who is asked about the same row again, with a new reason, has to decide again; what was overtaken was not carried out. */
static int
end_decision(struct work *work, const struct decision *decision, const struct ledger_finding *before, struct arena *arena, struct error *err)
{
	struct ledger_finding after;

	if (ledger_finding_get(work->ledger, decision->id, arena, &after, err) != 0)
		return -1;
	if (after.state == LEDGER_OPEN && after.seen > before->seen)
		return ledger_finding_decide(work->ledger, decision->id, NULL, NULL, err);
	if (after.state == LEDGER_ENDED && after.ended_why != NULL)
		return 0;
	return ledger_finding_close(work->ledger, decision->id, LEDGER_DECIDED, NULL, err);
}

/* What was decided and carried out is decided no more: the finding ended, or is open again with a new reason. */
int
apply_decision(struct work *work, const struct decision *decision, struct error *err)
{
	struct ledger_finding finding;
	struct batch *row = NULL;
	struct arena arena;
	struct bound *bound;
	bool left = false;
	int result;

	arena_init(&arena, 0);
	result = ledger_finding_get(work->ledger, decision->id, &arena, &finding, err);
	/* One that was carried out before it in this pass may have ended it. */
	if (result == 0 && finding.state == LEDGER_OPEN && finding.native.length > 0 && (bound = apply_reader(work, finding.object)) != NULL) {
		result = ledger_finding_row_get(work->ledger, decision->id, &row, err);
		if (result == 0 && decision->matched)
			result = ledger_review_keys(work->ledger, decision->id, work->entity, 0, NULL, 0, err);
		if (result == 0 && (row != NULL || decision->text != NULL))
			result = decide_row(work, bound, &finding, row, decision->text, err);
		for (uint32_t i = 0; i < work->row_count; i++)
			left = left || work->rows[i].left;
		if (result == 0 && decision->text != NULL && !left)
			result = end_decision(work, decision, &finding, &arena, err);
	}
	batch_free(row);
	arena_free(&arena);
	return result;
}

static int
apply_decisions(struct work *work, struct error *err)
{
	struct decisions all = { .first = NULL };
	int result;

	arena_init(&all.arena, 0);
	all.last = &all.first;
	result = collect_decisions(work, &all, err);
	for (struct decision *one = all.first; one != NULL && result == 0; one = one->next) {
		one->claims = (struct work_claims){ .gather = true, .arena = &all.arena };
		work->claims = one->text == NULL && !one->matched ? &one->claims : NULL;
		if ((result = apply_begin(work, err)) == 0)
			result = apply_end(work, apply_decision(work, one, err), err);
	}
	work->claims = NULL;
	if (result == 0)
		result = apply_exchanges(work, all.first, err);
	arena_free(&all.arena);
	return result;
}

/* Rows whose parent has come, or whose time is over. */

static int
give_up_waiting(struct work *work, const struct ledger_waiter *waiter, struct error *err)
{
	struct ledger_finding finding = { .kind = LEDGER_FINDING_REJECT, .field = waiter->field, .cause = "the record that it refers to did not come",
		.hint = "Find out why the parent is missing at its source; a retry waits once more." };
	char message[400];

	snprintf(message, sizeof message, "the record that %s refers to, %.*s of %s, did not come", waiter->field,
	         (int)(waiter->parent_native.length < 200 ? waiter->parent_native.length : 200), (const char *)waiter->parent_native.data,
	         ledger_object_name(work->ledger, waiter->parent_object));
	finding.message = message;
	return work_reject(work, &work->rows[0], &finding, err);
}

static int
take_waiter(struct work *work, struct bound *bound, const struct ledger_waiter *waiter, struct error *err)
{
	if (work_begin(work, bound, waiter->batch, waiter->started, waiter->read_us, waiter->full, err) != 0 ||
	    work_rows(work, work->intake->unit, err) != 0 || apply_load(work, err) != 0)
		return -1;
	work->waiter = true;
	if (work->row_count == 1 && work->rows[0].waits_for != NULL) {
		/* It may wait for another parent now. */
		if (waiter->until_us > ledger_now(work->ledger))
			return work_wait_for_parent(work, &work->rows[0], err);
		if (give_up_waiting(work, waiter, err) != 0)
			return -1;
	} else if (resolve_all(work, err) != 0) {
		return -1;
	}
	if (work->row_count == 1 && work->rows[0].left)
		return 0;
	return ledger_wait_end(work->ledger, waiter->flow, waiter->unit, waiter->object, waiter->native, err);
}

static int
apply_waiter(struct work *work, struct bound *bound, const struct ledger_waiter *waiter, struct error *err)
{
	int result;

	work->made_since = 0; /* the link may have been made since the row came, whenever its read began */
	result = take_waiter(work, bound, waiter, err);
	work->made_since = INT64_MAX;
	return result;
}

static int
apply_ready(struct work *work, int64_t *after, uint32_t *ret_count, struct error *err)
{
	struct ledger_waiter *waiters = calloc(PAGE, sizeof *waiters);
	struct arena arena;
	int result;

	if (waiters == NULL)
		return error_memory(err);
	arena_init(&arena, 0);
	result = ledger_wait_ready(work->ledger, work->intake->flow_id, work->intake->unit_id, *after, &arena, waiters, PAGE, ret_count, err);
	if (result == 0 && *ret_count > 0 && (result = apply_begin(work, err)) == 0) {
		for (uint32_t i = 0; result == 0 && i < *ret_count; i++) {
			struct bound *bound = apply_reader(work, waiters[i].object);

			*after = waiters[i].id;
			if (bound != NULL)
				result = apply_waiter(work, bound, &waiters[i], err);
		}
		result = apply_end(work, result, err);
	}
	for (uint32_t i = 0; i < *ret_count; i++)
		batch_free(waiters[i].batch);
	arena_free(&arena);
	free(waiters);
	return result;
}

static int
apply_waiters(struct work *work, struct error *err)
{
	int64_t after = 0;
	uint32_t count = 1;

	while (count > 0)
		if (apply_ready(work, &after, &count, err) != 0)
			return -1;
	return 0;
}

/* Rows without a link that a complete full read no longer showed: none of them waits for a parent or a person any more. */
static int
forget_unseen(struct work *work, struct bound *bound, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	uint32_t credentials = engine_credentials(work->engine, binding->system, work->intake->unit);
	struct ledger_read read;
	int result;

	if (ledger_read_complete(work->ledger, bound->object, credentials, apply_tenant(work, binding), work->intake->unit_id, &read, err) != 0)
		return -1;
	if (read.id == 0)
		return 0;
	if (apply_begin(work, err) != 0)
		return -1;
	result = ledger_wait_end_unseen(work->ledger, work->intake->flow_id, work->intake->unit_id, bound->object, read.started, err);
	if (result == 0)
		result = ledger_findings_end_unseen(work->ledger, work->intake->flow_id, work->intake->unit_id, bound->object, read.started_us, err);
	return apply_end(work, result, err);
}

/* What a complete full read no longer showed. */

static int
miss_page(struct work *work, struct bound *bound, int64_t read, int64_t *after, uint32_t *ret_count, bool *ret_left, struct error *err)
{
	struct ledger_link *links;
	int64_t *ids;

	if (work_begin(work, bound, NULL, ledger_sequence(work->ledger), ledger_now(work->ledger), true, err) != 0)
		return -1;
	links = arena_array(&work->arena, PAGE, sizeof *links);
	ids = arena_array(&work->arena, PAGE, sizeof *ids);
	if (links == NULL || ids == NULL)
		return error_memory(err);
	if (ledger_links_missing(work->ledger, work->entity, read, bound->object, work->intake->unit_id, *after, &work->arena, links, PAGE, ret_count,
	                         NULL, err) != 0)
		return -1;
	for (uint32_t i = 0; i < *ret_count; i++)
		ids[i] = links[i].record;
	if (work_load_records(work, ids, *ret_count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < *ret_count; i++) {
		struct work_record *record = work_loaded(work, links[i].record);
		struct work_link *link = work_link_of(record, links[i].id);

		*after = links[i].id;
		if (work->options->leave != NULL && work->options->leave(work->options->leave_data, bound->object, links[i].native)) {
			*ret_left = true;
			continue;
		}
		if (link != NULL && work_gone(work, NULL, link, true, err) != 0)
			return -1;
	}
	return work_flush(work, err);
}

static int
apply_missing(struct work *work, struct bound *bound, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	uint32_t credentials = engine_credentials(work->engine, binding->system, work->intake->unit), count = 0;
	const char *tenant = apply_tenant(work, binding);
	struct ledger_read read;
	int64_t after = 0;
	bool left = false;
	int result;

	if (ledger_read_complete(work->ledger, bound->object, credentials, tenant, work->intake->unit_id, &read, err) != 0)
		return -1;
	if (read.id == 0)
		return 0;
	do {
		if (apply_begin(work, err) != 0)
			return -1;
		result = miss_page(work, bound, read.id, &after, &count, &left, err);
		/* What a plan leaves alone is the next run's. */
		if (result == 0 && count == 0 && !left)
			result = ledger_read_deleted(work->ledger, &read, work->intake->unit_id, err);
		result = apply_end(work, result, err);
	} while (result == 0 && count > 0);
	return result;
}

static int
see_waiter(void *data, const struct ledger_waiter *waiter)
{
	(void)waiter;
	*(bool *)data = true;
	return -1;
}

/* Rows that were kept because the configuration held them, which it does no more. */
static int
release_held(struct work *work, struct error *err)
{
	const struct config_flow *flow = work->intake->flow;
	int result = apply_begin(work, err);

	if (result != 0)
		return -1;
	for (uint32_t i = 0; i < flow->binding_count && result == 0; i++)
		if (flow->bindings[i].reads && flow->bindings[i].situations->linked != CONFIG_ACTION_HOLD)
			result = ledger_wait_release(work->ledger, work->intake->flow_id, work->intake->unit_id, object_id(work, &flow->bindings[i]), err);
	return apply_end(work, result, err);
}

static int
apply_all(struct work *work, struct error *err)
{
	const struct config_flow *flow = work->intake->flow;

	work->waiting = false;
	/* The first one ends the list, which counts as a failure there. */
	if (ledger_waiters(work->ledger, work->intake->flow_id, work->intake->unit_id, see_waiter, &work->waiting, err) < 0 && !work->waiting)
		return -1;
	if (work->waiting && release_held(work, err) != 0)
		return -1;
	work->in_objects = true;
	for (uint32_t i = 0; i < flow->binding_count; i++)
		if (flow->bindings[i].reads && apply_object(work, engine_bound(work->engine, &flow->bindings[i]), err) != 0)
			return -1;
	work->in_objects = false;
	if (work->engine->stopped)
		return 0;
	for (uint32_t i = 0; i < flow->binding_count; i++)
		if (flow->bindings[i].reads && forget_unseen(work, engine_bound(work->engine, &flow->bindings[i]), err) != 0)
			return -1;
	/* A plan's inputs are what was staged then; what is missing since is the next run's. */
	for (uint32_t i = 0; i < flow->binding_count; i++)
		if (flow->bindings[i].reads && apply_missing(work, engine_bound(work->engine, &flow->bindings[i]), err) != 0)
			return -1;
	if (apply_decisions(work, err) != 0 || apply_waiters(work, err) != 0)
		return -1;
	for (uint32_t i = 0; i < flow->binding_count; i++)
		if (flow->bindings[i].writes && apply_rewritten(work, engine_bound(work->engine, &flow->bindings[i]), err) != 0)
			return -1;
	return 0;
}

void
apply_count(struct ledger_run *run, const struct intake_result *result)
{
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (i != LEDGER_COUNT_SENT_CREATES && i != LEDGER_COUNT_SENT_UPDATES && i != LEDGER_COUNT_SENT_DELETES)
			run->counts[i] += result->counts[i];
}

/* The end of a dry pass: all of it is kept when it lacks nothing and may be, else nothing. */
static int
end_dry(struct work *work, const struct intake_apply_options *options, int result, struct error *err)
{
	struct ledger *ledger = work->ledger;
	bool whole = !work->unfinished && !work->result->bulk;

	/* Half a pass is neither judged nor kept. */
	if (result == 0 && options->may_keep != NULL && !work->engine->stopped)
		result = options->may_keep(options->may_keep_data, work->result, err);
	if (result == 1 && whole && (result = ledger_commit(ledger, err)) == 0) {
		work->result->kept = true;
		apply_count(work->intake->run, work->result);
		return 0;
	}
	ledger_rollback(ledger);
	return result < 0 ? -1 : 0;
}

/* ret_again: twins were found that an earlier row was linked in spite of; what was done is taken back. */
static int
apply_pass(struct work *work, struct intake *intake, const struct intake_apply_options *options, struct intake_result *result, bool *ret_again,
           struct error *err)
{
	int status = work_init(work, intake, options, result, err);

	*ret_again = false;
	if (status == 0 && options->mode == INTAKE_DRY)
		status = ledger_begin(intake->engine->ledger, err);
	if (status == 0) {
		status = apply_all(work, err);
		if (status == 0 && work->more_twins && !work->engine->stopped) {
			ledger_rollback(work->ledger);
			*ret_again = true;
			if (options->draft != NULL)
				status = ledger_plan_draft_clear(work->ledger, options->draft, err);
		} else if (options->mode == INTAKE_DRY) {
			status = end_dry(work, options, status, err);
		} else {
			apply_count(intake->run, result);
		}
	}
	work_free(work);
	return status;
}

int
intake_apply(struct intake *intake, const struct intake_apply_options *options, struct intake_result *ret_result, struct error *err)
{
	struct work *work = calloc(1, sizeof *work);
	bool again = true;
	int result = 0;

	if (work == NULL)
		return error_memory(err);
	while (result == 0 && again) {
		if ((result = apply_result(intake, ret_result, err)) != 0)
			break;
		if ((result = apply_pass(work, intake, options, ret_result, &again, err)) != 0 || again)
			intake_result_free(ret_result);
	}
	free(work);
	return result;
}

struct bound *
intake_reader_of(struct engine *engine, const struct config_entity *entity, const struct config_object *object, const struct config_unit *unit)
{
	for (uint32_t i = 0; i < engine->bound_count; i++) {
		const struct config_binding *binding = engine->bounds[i].binding;
		bool here = unit == NULL || binding->flow->units.count == 0;

		for (uint32_t u = 0; !here && u < binding->flow->units.count; u++)
			here = strcmp(binding->flow->units.items[u], unit->head.name) == 0;
		if (here && binding->reads && binding->object == object && binding->flow->entity == entity)
			return &engine->bounds[i];
	}
	return NULL;
}

int
intake_observe(struct intake *intake, struct bound *bound, const struct batch *rows, uint64_t sequence, struct error *err)
{
	static const struct intake_apply_options real = { .mode = INTAKE_REAL };
	struct intake_result counted;
	struct work *work = calloc(1, sizeof *work);
	int result;

	if (work == NULL)
		return error_memory(err);
	if (apply_result(intake, &counted, err) != 0) {
		free(work);
		return -1;
	}
	result = work_init(work, intake, &real, &counted, err);
	if (result == 0 && (result = ledger_begin(intake->engine->ledger, err)) == 0)
		result = apply_end(work, apply_rows(work, bound, rows, sequence, ledger_now(intake->engine->ledger), false, err), err);
	if (result == 0)
		apply_count(intake->run, &counted);
	work_free(work);
	free(work);
	intake_result_free(&counted);
	return result;
}
