/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rewrite.c: rules of writing that changed.  What was sent says nothing of what the new rules would have sent, so that every link
 * at the target forgets it for the fields that these rules read; the marks follow from that.
 */
#include <string.h>

#include "flow/apply.h"
#include "flow/vector.h"

#define PAGE 500u

static void
forget(struct work *work, const struct bound *bound, struct work_link *link)
{
	for (uint32_t i = 0; i < work->entity->field_count; i++)
		if (bound_has(bound->writes, i))
			link->sent[work_word(work, i)] = link->seen[work_word(work, i)] = VECTOR_UNKNOWN;
	link->dirty = true;
}

static int
rewrite_page(struct work *work, struct bound *bound, int64_t *after, uint32_t *ret_count, struct error *err)
{
	struct ledger_link *links;
	int64_t *ids;

	if (work_begin(work, bound, NULL, ledger_sequence(work->ledger), ledger_now(work->ledger), false, err) != 0)
		return -1;
	links = arena_array(&work->arena, PAGE, sizeof *links);
	ids = arena_array(&work->arena, PAGE, sizeof *ids);
	if (links == NULL || ids == NULL)
		return error_memory(err);
	if (ledger_links_scan(work->ledger, work->entity, bound->object, work->intake->unit_id, *after, &work->arena, links, PAGE, ret_count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < *ret_count; i++)
		ids[i] = links[i].record;
	if (work_load_records(work, ids, *ret_count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < *ret_count; i++) {
		struct work_link *link = work_link_of(work_loaded(work, links[i].record), links[i].id);

		*after = links[i].id;
		if (link != NULL && link->at.state == LEDGER_LINK_LIVE)
			forget(work, bound, link);
	}
	return work_flush(work, err);
}

/* 1: they changed; 0: they are as they were, or nothing was written by them yet. */
static int
changed(struct work *work, const struct bound *bound, uint32_t *ret_version, struct error *err)
{
	uint32_t former;

	if (ledger_version_id(work->ledger, work->intake->flow_id, bound->write_version, ret_version, err) != 0 ||
	    ledger_written(work->ledger, bound->id, work->intake->unit_id, &former, err) != 0)
		return -1;
	if (former == *ret_version)
		return 0;
	return former != 0 && bound->binding->attach_to == NULL ? 1 :
	       ledger_written_set(work->ledger, bound->id, work->intake->unit_id, *ret_version, err);
}

int
apply_rewritten(struct work *work, struct bound *bound, struct error *err)
{
	uint32_t version, count = 0;
	int64_t after = 0;
	int result;

	if (apply_begin(work, err) != 0)
		return -1;
	result = changed(work, bound, &version, err);
	if (apply_end(work, result < 0 ? -1 : 0, err) != 0)
		return -1;
	if (result == 0)
		return 0;
	do {
		if (apply_begin(work, err) != 0)
			return -1;
		result = rewrite_page(work, bound, &after, &count, err);
		if (result == 0 && count == 0)
			result = ledger_written_set(work->ledger, bound->id, work->intake->unit_id, version, err);
		result = apply_end(work, result, err);
	} while (result == 0 && count > 0 && engine_progress(work->engine, "writing by changed rules", (uint64_t)after, 0));
	return result;
}
