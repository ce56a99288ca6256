/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_rejects.c: rows that can't be taken: those that a connector could not read, and those of nobody's tenant.  Each is a
 * finding.  What ends it is the same row in a good state, or a complete full read that no longer shows it; only this file
 * knows, since a good row that is unchanged goes no further than reading.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/read.h"

static const enum error_code causes[] = { ERROR_ROW_UNREADABLE, ERROR_ROW_WITHOUT_KEY, ERROR_TENANT_UNKNOWN, ERROR_TENANT_FOREIGN, ERROR_ROW_TWICE };

/* ---- what is open from earlier reads ---- */

struct loading {
	struct reading *reading;
	struct error *err;
	uint32_t room;
};

/* Is it from a read with these credentials? */
static bool
is_here(const struct reading *r, uint32_t unit)
{
	for (uint32_t i = 0; i < r->unit_count; i++)
		if (r->units[i].id == unit)
			return r->units[i].here;
	return false;
}

static int
load_one(void *data, const struct ledger_finding *row)
{
	struct loading *loading = data;
	struct reading *r = loading->reading;
	struct read_reject *reject;

	if (!is_here(r, row->unit))
		return 0;
	if (r->reject_count == loading->room) {
		uint32_t room = loading->room > 0 ? loading->room * 2 : 64;
		struct read_reject *more = realloc(r->rejects, room * sizeof *more);

		if (more == NULL)
			return error_memory(loading->err);
		r->rejects = more;
		loading->room = room;
	}
	reject = &r->rejects[r->reject_count];
	*reject = (struct read_reject){ .id = row->id, .native = { NULL, row->native.length } };
	memcpy(reject->raw, row->raw, sizeof reject->raw);
	if ((reject->native.data = arena_copy(&r->reject_arena, row->native.length > 0 ? row->native.data : "", row->native.length)) == NULL ||
	    read_filter_add(&r->rejected, ledger_hash_key(r->ledger), 0, reject->native) != 0)
		return error_memory(loading->err);
	r->reject_count++;
	return 0;
}

static int
compare(struct syncline_slice a, struct syncline_slice b)
{
	size_t both = a.length < b.length ? a.length : b.length;
	int order = both > 0 ? memcmp(a.data, b.data, both) : 0;

	return order != 0 ? order : a.length < b.length ? -1 : a.length > b.length;
}

static int
by_native(const void *a, const void *b)
{
	return compare(((const struct read_reject *)a)->native, ((const struct read_reject *)b)->native);
}

int
read_load_rejects(struct reading *r, struct error *err)
{
	struct loading loading = { r, err, 0 };

	for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
		struct ledger_finding_filter filter = { .kind = LEDGER_FINDING_REJECT, .object = r->object_id, .cause = error_name(causes[i]) };

		if (ledger_findings(r->ledger, &filter, load_one, &loading, err) != 0)
			return -1;
	}
	if (r->reject_count > 0)
		qsort(r->rejects, r->reject_count, sizeof *r->rejects, by_native);
	return 0;
}

/* The first of those about a native id; they stand side by side. */
static uint32_t
find(const struct reading *r, struct syncline_slice native)
{
	uint32_t low = 0, high = r->reject_count;

	if (!read_filter_has(&r->rejected, ledger_hash_key(r->ledger), 0, native))
		return r->reject_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (compare(r->rejects[middle].native, native) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
end_later(struct reading *r, struct read_reject *reject, struct error *err)
{
	struct read_ending *ending = arena_zalloc(&r->group.arena, sizeof *ending);

	if (ending == NULL)
		return error_memory(err);
	reject->ended = true;
	ending->reject = reject;
	ending->next = r->group.endings;
	r->group.endings = ending;
	return 0;
}

int
read_cleared(struct reading *r, struct syncline_slice native, struct error *err)
{
	for (uint32_t i = find(r, native); i < r->reject_count && compare(r->rejects[i].native, native) == 0; i++)
		if (!r->rejects[i].ended && end_later(r, &r->rejects[i], err) != 0)
			return -1;
	return 0;
}

/* ---- new ones ---- */

static bool
copy_texts(struct read_group *g, struct ledger_finding *to, const char *message, const char *hint, const struct batch *batch, uint32_t index)
{
	struct syncline_slice origin = batch_origin(batch);
	const struct batch_record *record = batch_record(batch, index);
	const char *data = origin.data != NULL ? origin.data : "";
	int length = (int)(origin.length < 1000 ? origin.length : 1000);

	to->message = arena_text(&g->arena, message);
	to->hint = arena_text(&g->arena, hint);
	if (origin.length > 0 || record->place > 0)
		to->place = record->place > 0 ? arena_format(&g->arena, "%.*s:%llu", length, data, (unsigned long long)record->place)
		                              : arena_format(&g->arena, "%.*s", length, data);
	if (record->native_id.type == SYNCLINE_TYPE_TEXT) {
		to->native.length = record->native_id.length;
		to->native.data = arena_copy(&g->arena, batch_cell_data(batch, &record->native_id), record->native_id.length);
	}
	return to->message != NULL && to->hint != NULL && (to->native.length == 0 || to->native.data != NULL) &&
	       (to->place != NULL || (origin.length == 0 && record->place == 0));
}

/* The row's hash; of one that could not be read, what the connector said about it is part of it. */
static void
say_which(const struct reading *r, const struct batch *batch, uint32_t index, uint8_t ret_raw[16])
{
	const struct batch_record *record = batch_record(batch, index);
	struct syncline_value note = batch_value(batch, &record->note), raw = { .type = SYNCLINE_TYPE_BYTES, .length = 16, .u.data = r->raws[index] };
	uint64_t hash[2];

	memcpy(ret_raw, r->raws[index], 16);
	if (record->op != SYNCLINE_OP_REJECT)
		return;
	batch_digest(&note, &raw, 1, ledger_hash_key(r->ledger), hash);
	memcpy(ret_raw, hash, 16);
}

int
read_reject(struct reading *r, const struct batch *batch, uint32_t index, const struct read_unit *unit, enum error_code cause,
            const char *message, const char *hint, struct error *err)
{
	struct intake *intake = unit != NULL && unit->intake != NULL ? unit->intake : r->first;
	struct read_group *g = &r->group;
	struct read_finding *row = arena_zalloc(&g->arena, sizeof *row);

	if (row == NULL || !copy_texts(g, &row->finding, message, hint, batch, index))
		return error_memory(err);
	row->finding.kind = LEDGER_FINDING_REJECT;
	row->finding.flow = unit != NULL && unit->feed_count > 0 ? unit->feeds[0].flow_id : r->first->flow_id;
	row->finding.unit = unit != NULL ? unit->id : read_nobody(r);
	row->finding.object = r->object_id;
	row->finding.cause = error_name(cause);
	row->finding.run = intake->run != NULL ? intake->run->number : 0;
	say_which(r, batch, index, row->finding.raw);
	/* Its key is that of a good row, with which it neither comes nor goes. */
	if (cause == ERROR_ROW_TWICE)
		row->finding.native = (struct syncline_slice){ NULL, 0 };
	if (g->last_finding == NULL)
		g->last_finding = &g->findings;
	*g->last_finding = row;
	g->last_finding = &row->next;
	g->kept++;
	if (intake->run != NULL) {
		intake->run->counts[LEDGER_COUNT_READ]++;
		/* Rows of others are counted as such. */
		if (cause != ERROR_TENANT_FOREIGN) {
			intake->run->counts[LEDGER_COUNT_REJECTED]++;
			row->run = intake->run;
		}
	}
	for (uint32_t i = find(r, row->finding.native); i < r->reject_count && compare(r->rejects[i].native, row->finding.native) == 0; i++)
		r->rejects[i].again |= row->finding.native.length > 0 || memcmp(r->rejects[i].raw, row->finding.raw, sizeof row->finding.raw) == 0;
	return 0;
}

int
read_store_findings(struct reading *r, struct error *err)
{
	for (const struct read_ending *e = r->group.endings; e != NULL; e = e->next)
		if (ledger_finding_settle(r->ledger, e->reject->id, err) != 0)
			return -1;
	for (const struct read_finding *f = r->group.findings; f != NULL; f = f->next) {
		bool archived;

		if (ledger_reject_archived(r->ledger, &f->finding, &archived, err) != 0 || (!archived && ledger_find(r->ledger, &f->finding, NULL, err) != 0))
			return -1;
		if (archived && f->run != NULL) {
			f->run->counts[LEDGER_COUNT_REJECTED]--;
			f->run->counts[LEDGER_COUNT_IGNORED]++;
		}
	}
	return 0;
}

int
read_settle_rejects(struct reading *r, struct error *err)
{
	for (uint32_t i = 0; i < r->reject_count; i++) {
		struct read_reject *reject = &r->rejects[i];

		if (reject->again || reject->ended)
			continue;
		if (ledger_finding_settle(r->ledger, reject->id, err) != 0)
			return -1;
		reject->ended = true;
	}
	return 0;
}
