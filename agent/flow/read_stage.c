/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_stage.c: what a read keeps, from the batch to the ledger.  Some thousand rows share a transaction, and the position moves
 * in it: killed on either side of the commit, the next read goes on exactly behind what is stored.  While
 * the source is as fast as we are nobody waits for the disk: nothing is acknowledged before the end, and that is durable with all before it.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "flow/read.h"

/* ---- the filter ---- */

static void
spread(const uint8_t key[16], uint32_t unit, struct syncline_slice native, uint32_t ret_bits[2])
{
	uint64_t hash;

	crypto_shorthash((uint8_t *)&hash, native.data, native.length, key);
	hash ^= unit * UINT64_C(0x9E3779B97F4A7C15);
	ret_bits[0] = (uint32_t)hash % READ_FILTER_BITS;
	ret_bits[1] = (uint32_t)(hash >> 32) % READ_FILTER_BITS;
}

/* Most reads add little: what tells that something is not in there is kept small enough to stay close to the processor. */
bool
read_filter_has(const struct read_filter *filter, const uint8_t key[16], uint32_t unit, struct syncline_slice native)
{
	uint32_t bits[2], front;

	if (filter->words == NULL)
		return false;
	spread(key, unit, native, bits);
	front = bits[0] % READ_FILTER_FRONT;
	return (filter->front[front / 64] >> front % 64 & 1) && (filter->words[bits[0] / 64] >> bits[0] % 64 & 1) &&
	       (filter->words[bits[1] / 64] >> bits[1] % 64 & 1);
}

int
read_filter_add(struct read_filter *filter, const uint8_t key[16], uint32_t unit, struct syncline_slice native)
{
	uint32_t bits[2], front;

	if (filter->words == NULL && (filter->words = calloc(READ_FILTER_BITS / 64, sizeof *filter->words)) == NULL)
		return -1;
	spread(key, unit, native, bits);
	front = bits[0] % READ_FILTER_FRONT;
	filter->front[front / 64] |= UINT64_C(1) << front % 64;
	for (int i = 0; i < 2; i++)
		filter->words[bits[i] / 64] |= UINT64_C(1) << bits[i] % 64;
	return 0;
}

static int
add_natives(struct reading *r, const struct read_unit *unit, const struct batch *batch, struct error *err)
{
	for (uint32_t i = 0; i < batch->header->record_count; i++) {
		const struct batch_record *record = batch_record(batch, i);
		const struct batch_cell *native = &record->native_id, *tenant = &record->tenant;

		if (r->object->tenant != NULL && tenant->type == SYNCLINE_TYPE_TEXT &&
		    (tenant->length != unit->tenant.length || memcmp(batch_cell_data(batch, tenant), unit->tenant.data, tenant->length) != 0))
			continue;
		if (native->type == SYNCLINE_TYPE_TEXT &&
		    read_filter_add(&r->backlog, ledger_hash_key(r->ledger), unit->id,
		                    (struct syncline_slice){ batch_cell_data(batch, native), native->length }) != 0)
			return error_memory(err);
	}
	return 0;
}

/* What earlier reads staged for a feed and it has not applied. */
static int
load_backlog(struct reading *r, const struct read_feed *feed, const struct read_unit *unit, struct error *err)
{
	struct ledger_staged staged = { 0 };
	int more;

	while ((more = ledger_staged_next(r->ledger, r->object_id, r->credentials, feed->flow_id, unit->id, staged.id, &staged, err)) == 1) {
		int result = staged.batch != NULL ? add_natives(r, unit, staged.batch, err) : 0;

		batch_free(staged.batch);
		staged.batch = NULL;
		if (result != 0)
			return -1;
	}
	return more;
}

struct loading_waiters {
	struct reading *reading;
	uint32_t unit;
	bool failed;
};

static int
add_waiter(void *data, const struct ledger_waiter *row)
{
	struct loading_waiters *loading = data;
	struct reading *r = loading->reading;

	if (row->object != r->object_id)
		return 0;
	loading->failed = read_filter_add(&r->backlog, ledger_hash_key(r->ledger), loading->unit, row->native) != 0;
	return loading->failed ? -1 : 0;
}

/* What waits for its parent differs from the link, too: a row that is again as the link knows it takes its place. */
static int
load_waiters(struct reading *r, const struct read_feed *feed, const struct read_unit *unit, struct error *err)
{
	struct loading_waiters loading = { .reading = r, .unit = unit->id };

	if (ledger_waiters(r->ledger, feed->flow_id, unit->id, add_waiter, &loading, err) == 0)
		return 0;
	return loading.failed ? error_memory(err) : -1;
}

int
read_load_backlog(struct reading *r, struct error *err)
{
	for (uint32_t u = 0; u < r->unit_count; u++)
		for (uint32_t f = 0; r->units[u].active && f < r->units[u].feed_count; f++) {
			const struct read_feed *feed = &r->units[u].feeds[f];

			if (feed->active && (load_backlog(r, feed, &r->units[u], err) != 0 || load_waiters(r, feed, &r->units[u], err) != 0))
				return -1;
		}
	return 0;
}

/* ---- the group ---- */

int
read_seen(struct reading *r, int64_t link, struct error *err)
{
	struct read_group *g = &r->group;

	if (g->seen_count == g->seen_room) {
		size_t room = g->seen_room > 0 ? g->seen_room * 2 : 2 * READ_ROWS;
		int64_t *more = realloc(g->seen, room * sizeof *more);

		if (more == NULL)
			return error_memory(err);
		g->seen = more;
		g->seen_room = room;
	}
	g->seen[g->seen_count++] = link;
	return 0;
}

/* Takes the batch over. */
static void
append(struct reading *r, struct batch *batch)
{
	struct read_group *g = &r->group;

	g->batches[g->batch_count++] = batch;
	g->bytes += batch->size;
	if (g->packing != NULL) {
		packing_give(g->packing, batch);
	} else if (g->batch_count >= READ_PACKED_LEAST && (g->packing = packing_new()) != NULL) {
		for (uint32_t i = 0; i < g->batch_count; i++)
			packing_give(g->packing, g->batches[i]);
	}
}

static int
finish_builder(struct reading *r, struct error *err)
{
	struct batch *batch;

	if (r->builder == NULL || batch_builder_count(r->builder) == 0)
		return 0;
	r->layout = NULL; /* the next rows begin it anew */
	if ((batch = batch_builder_finish(r->builder, err)) == NULL)
		return -1;
	append(r, batch);
	return 0;
}

/* Has the builder these fields, and are its rows from the same file? */
static bool
same_layout(const struct reading *r, const struct batch *batch)
{
	struct syncline_slice origin = batch_origin(batch);

	if (r->layout == NULL || r->layout_count != batch->header->field_count || r->layout_origin.length != origin.length ||
	    (origin.length > 0 && memcmp(r->layout_origin.data, origin.data, origin.length) != 0))
		return false;
	for (uint32_t i = 0; i < r->layout_count; i++) {
		const struct syncline_field *mine = &r->layout[i];
		struct batch_field field;

		batch_field(batch, i, &field);
		if (field.type != mine->type || field.flags != mine->flags || field.scale != mine->scale || field.max_length != mine->max_length ||
		    strlen(mine->name) != field.name_length || memcmp(mine->name, field.name, field.name_length) != 0)
			return false;
	}
	return true;
}

/* An empty builder with the batch's fields and origin. */
static int
begin_builder(struct reading *r, const struct batch *batch, struct error *err)
{
	struct syncline_slice origin = batch_origin(batch);
	uint32_t count = batch->header->field_count;

	if (r->builder == NULL) {
		if ((r->builder = batch_builder_new(err)) == NULL)
			return -1;
		batch_builder_trust(r->builder);
	}
	batch_builder_clear(r->builder, 1);
	arena_reset(&r->layout_arena);
	buffer_clear(&r->layout_origin);
	r->layout_count = 0;
	if ((r->layout = arena_array(&r->layout_arena, count + 1u, sizeof *r->layout)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		struct batch_field field;
		char *name;

		batch_field(batch, i, &field);
		if ((name = arena_copy(&r->layout_arena, field.name, field.name_length)) == NULL)
			return error_memory(err);
		r->layout[i] = (struct syncline_field){ .struct_size = sizeof r->layout[i], .type = field.type, .flags = field.flags, .scale = field.scale,
			.max_length = field.max_length, .name = name };
	}
	if (origin.length > 0 && buffer_append(&r->layout_origin, origin.data, origin.length) != 0)
		return error_memory(err);
	if (batch_builder_set_fields(r->builder, r->layout, count, err) != 0 ||
	    batch_builder_set_origin(r->builder, origin.length > 0 ? origin.data : "", origin.length, err) != 0)
		return -1;
	r->layout_count = count;
	return 0;
}

/* Few of many: they are copied out, since what a batch drops it still carries. */
static int
copy_rows(struct reading *r, const struct batch *batch, const uint8_t *keep, struct error *err)
{
	if (!same_layout(r, batch) && (finish_builder(r, err) != 0 || begin_builder(r, batch, err) != 0))
		return -1;
	for (uint32_t i = 0; i < batch->header->record_count; i++) {
		struct syncline_record record;

		if (!keep[i])
			continue;
		batch_read(batch, i, r->values, &record);
		if (batch_builder_add(r->builder, &record, err) != 0)
			return -1;
		if (batch_builder_full(r->builder) && r->group.batch_count + 2 < READ_GROUP_MAX &&
		    (finish_builder(r, err) != 0 || begin_builder(r, batch, err) != 0))
			return -1;
	}
	return 0;
}

int
read_keep(struct reading *r, struct batch *batch, const uint8_t *keep, uint32_t kept, struct error *err)
{
	uint32_t records = batch->header->record_count;
	int result;

	r->group.kept += kept;
	if (kept < records - records / 2) {
		result = copy_rows(r, batch, keep, err);
		batch_free(batch);
		return result;
	}
	/* In the order in which they came. */
	if (finish_builder(r, err) != 0) {
		batch_free(batch);
		return -1;
	}
	if (kept < records) {
		batch_keep(batch, keep);
		batch_seal(batch);
	}
	append(r, batch);
	return 0;
}

int
read_position(struct reading *r, const struct connector_read_state *state, struct error *err)
{
	struct read_group *g = &r->group;

	if (!state->has_position)
		return 0;
	buffer_clear(&g->position);
	if (state->position.length > 0 && buffer_append(&g->position, state->position.data, state->position.length) != 0)
		return error_memory(err);
	g->has_position = true;
	return 0;
}

bool
read_group_full(const struct reading *r)
{
	return r->group.kept >= READ_ROWS || r->group.rows >= READ_LOOKED || r->group.bytes >= READ_BYTES || r->group.batch_count + 3 >= READ_GROUP_MAX;
}

static void
clear(struct read_group *g)
{
	packing_forget(g->packing);
	for (uint32_t i = 0; i < g->batch_count; i++)
		batch_free(g->batches[i]);
	g->batch_count = 0;
	g->bytes = 0;
	g->seen_count = 0;
	g->rows = 0;
	g->kept = 0;
	g->has_position = false;
	g->findings = NULL;
	g->last_finding = NULL;
	g->endings = NULL;
	arena_reset(&g->arena);
}

int
read_store(struct reading *r, struct error *err)
{
	struct read_group *g = &r->group;
	struct syncline_slice position = { g->position.data, g->position.length }, packed = { NULL, 0 };
	int64_t id;

	if (finish_builder(r, err) != 0)
		return -1;
	r->read.broken = r->read.broken || r->broken;
	/* What was seen, and how far it went, goes with the last batch. */
	for (uint32_t i = 0; i + 1 < g->batch_count; i++)
		if ((g->packing != NULL && packing_take(g->packing, i, &packed, err) != 0) ||
		    ledger_stage_packed(r->ledger, &r->read, g->batches[i], packed, NULL, 0, 0, NULL, &id, err) != 0)
			return -1;
	if (g->packing != NULL && g->batch_count > 0 && packing_take(g->packing, g->batch_count - 1, &packed, err) != 0)
		return -1;
	if ((g->batch_count > 0 || g->rows > 0 || g->has_position) &&
	    ledger_stage_packed(r->ledger, &r->read, g->batch_count > 0 ? g->batches[g->batch_count - 1] : NULL, packed, g->seen, g->seen_count,
	                        g->rows, g->has_position ? &position : NULL, &id, err) != 0)
		return -1;
	if (read_store_findings(r, err) != 0)
		return -1;
	clear(g);
	return 0;
}

int
read_flush(struct reading *r, bool later, struct error *err)
{
	const struct read_group *g = &r->group;

	if (g->rows == 0 && !g->has_position && g->findings == NULL && g->endings == NULL)
		return 0;
	if ((later ? ledger_begin_later : ledger_begin)(r->ledger, err) != 0)
		return -1;
	if (read_heed_flags(r, err) == 0 && read_store(r, err) == 0 && ledger_commit(r->ledger, err) == 0)
		return 0;
	ledger_rollback(r->ledger);
	return -1;
}

void
read_group_free(struct read_group *g)
{
	clear(g);
	packing_free(g->packing);
	free(g->seen);
	buffer_free(&g->position);
	arena_free(&g->arena);
}
