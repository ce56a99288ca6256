/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unsure.c: what was seen of a record while it was being written at that system is neither the old state nor the new one for sure.
 * The ledger keeps its native id until the row was read again: here, once the write is settled and all that is staged is applied,
 * since what is staged is older; or by a read of everything, where changes are told once and single records can't be asked for.
 */
#include <stdlib.h>

#include "flow/apply.h"
#include "flow/contents.h"
#include "flow/values.h"

#define PAGE 500u

/* A page of native ids, and those among them whose write is settled. */
struct unsure {
	struct arena arena;
	struct syncline_slice natives[PAGE], settled[PAGE];
	uint32_t count, settled_count;
};

static int
find_settled(struct work *work, struct bound *bound, struct unsure *page, struct error *err)
{
	if (work_begin(work, bound, NULL, ledger_sequence(work->ledger), ledger_now(work->ledger), false, err) != 0)
		return -1;
	if ((work->rows = arena_zalloc(&work->arena, page->count * sizeof *work->rows)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < page->count; i++)
		work->rows[i].native = page->natives[i];
	work->row_count = page->count;
	if (apply_load(work, err) != 0)
		return -1;
	page->settled_count = 0;
	for (uint32_t i = 0; i < page->count; i++)
		if (!work->rows[i].in_flight)
			page->settled[page->settled_count++] = page->natives[i];
	return 0;
}

/* In a transaction.  Whoever is unsure again began no earlier than now. */
static int
end_settled(struct work *work, const struct bound *bound, const struct unsure *page, uint64_t now, struct error *err)
{
	for (uint32_t i = 0; i < page->settled_count; i++)
		if (ledger_unsure_end(work->ledger, work->intake->flow_id, work->intake->unit_id, bound->object, page->settled[i], now, err) != 0)
			return -1;
	return 0;
}

/* A system that is down, or stopped, keeps nobody else from going on: the next run tries it again. */
static int
in_vain(const struct work *work, const struct bound *bound, const struct error *why, struct error *err)
{
	if (why->code == ERROR_MEMORY) {
		*err = *why;
		return -1;
	}
	engine_say(work->engine, SYNCLINE_LOG_WARNING, "%s.%s: rows that were read while they were written have to be read again, which the next run tries: %s",
	           bound->binding->system->head.name, bound->binding->object->head.name, why->message);
	return 0;
}

static int
get_settled(struct work *work, struct bound *bound, struct connector *connector, const struct unsure *page, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	uint64_t now = ledger_sequence(work->ledger) + 1;
	struct batch *rows = NULL;
	struct error why = { 0 };
	int result = 0;

	if (connector_get(connector, config_sdk_object(binding->object), page->settled, page->settled_count, &rows, &why) == 0 &&
	    contents_look(work->engine, binding->object, work->intake->unit, NULL, &rows, &why) == 0) {
		if ((result = apply_begin(work, err)) == 0) {
			if ((result = apply_rows(work, bound, rows, now, ledger_now(work->ledger), false, err)) == 0)
				result = end_settled(work, bound, page, now, err);
			result = apply_end(work, result, err);
		}
	} else {
		result = in_vain(work, bound, &why, err);
	}
	batch_free(rows);
	return result;
}

/* Who reads everything anyway sees them with what comes next; who reads changes alone has to read everything once. */
static int
ask_for_all(struct work *work, struct bound *bound, const struct connector *connector, const struct unsure *page, struct error *err)
{
	const struct config_binding *binding = bound->binding;
	uint32_t credentials = engine_credentials(work->engine, binding->system, work->intake->unit);
	int result = apply_begin(work, err);

	if (result != 0)
		return -1;
	if (intake_reads_changes(binding->object, connector_capabilities(connector)))
		result = ledger_feed(work->ledger, bound->object, credentials, work->intake->flow_id, work->intake->unit_id, 0, err);
	if (result == 0)
		result = end_settled(work, bound, page, ledger_sequence(work->ledger), err);
	return apply_end(work, result, err);
}

static int
list(struct work *work, const struct bound *bound, struct syncline_slice after, struct unsure *page, struct error *err)
{
	return ledger_unsure_list(work->ledger, work->intake->flow_id, work->intake->unit_id, bound->object, after, &page->arena, page->natives, PAGE,
	                          &page->count, err);
}

static int
look_at_all(struct work *work, struct bound *bound, struct unsure *page, struct error *err)
{
	struct connector *connector;
	struct error why = { 0 };
	int result;

	if (engine_connector(work->engine, bound->binding->system, work->intake->unit, ENGINE_LANE_MAIN, &connector, &why) != 0)
		return in_vain(work, bound, &why, err);
	do {
		struct syncline_slice last = page->natives[page->count - 1];

		if (find_settled(work, bound, page, err) != 0)
			return -1;
		result = page->settled_count == 0                                       ? 0
		         : (connector_info(connector)->optional & CONNECTOR_HAS_GET) != 0 ? get_settled(work, bound, connector, page, err)
		                                                                          : ask_for_all(work, bound, connector, page, err);
		if (result != 0 || list(work, bound, last, page, err) != 0)
			return -1;
	} while (page->count > 0);
	return 0;
}

int
apply_unsure(struct work *work, struct bound *bound, struct error *err)
{
	struct unsure *page;
	int result;

	/* What a plan was made from is not added to. */
	if (work->options->staged_to != 0)
		return 0;
	if ((page = calloc(1, sizeof *page)) == NULL)
		return error_memory(err);
	arena_init(&page->arena, 0);
	if ((result = list(work, bound, (struct syncline_slice){ NULL, 0 }, page, err)) == 0 && page->count > 0) {
		/* Nothing is asked for in a dry pass, which says so. */
		if (work->mode == INTAKE_REAL)
			result = look_at_all(work, bound, page, err);
		else
			work->unfinished = true;
	}
	arena_free(&page->arena);
	free(page);
	return result;
}
