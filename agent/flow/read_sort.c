/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read_sort.c: what becomes of a batch's rows before they are understood.  Each goes to its unit; there its link is looked at
 * once, together with all others of the batch; what the link proves unchanged is only counted as seen.  This is the way of
 * every row of every read, so nothing here allocates per row.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/contents.h"
#include "flow/item.h"
#include "flow/read.h"
#include "flow/vector.h"

static void
count(struct intake *intake, enum ledger_count what, uint64_t times)
{
	if (intake != NULL && intake->run != NULL)
		intake->run->counts[what] += times;
}

static int
grow(void *array, uint32_t room, size_t size)
{
	void *more = realloc(*(void **)array, room * size);

	if (more == NULL)
		return -1;
	*(void **)array = more;
	return 0;
}

static int
make_room(struct reading *r, const struct batch *batch, struct error *err)
{
	uint32_t room = batch->header->record_count, fields = batch->header->field_count + 1;

	if (fields > r->value_room) {
		if (grow(&r->values, fields, sizeof *r->values) != 0)
			return error_memory(err);
		r->value_room = fields;
	}
	if (room <= r->room)
		return 0;
	r->room = 0;
	if (grow(&r->raws, room, sizeof *r->raws) != 0 || grow(&r->unit_raws, room, sizeof *r->unit_raws) != 0 ||
	    grow(&r->natives, room, sizeof *r->natives) != 0 || grow(&r->places, room, sizeof *r->places) != 0 ||
	    grow(&r->glances, room, sizeof *r->glances) != 0 || grow(&r->routes, room, sizeof *r->routes) != 0 ||
	    grow(&r->keep, room, 1) != 0)
		return error_memory(err);
	r->room = room;
	return 0;
}

static struct syncline_slice
slice_of(const struct batch *batch, const struct batch_cell *cell)
{
	if (cell->type != SYNCLINE_TYPE_TEXT)
		return (struct syncline_slice){ NULL, 0 };
	return (struct syncline_slice){ batch_cell_data(batch, cell), cell->length };
}

/* ---- to which unit ---- */

/* A reject with a key is seen all the same: whatever link it has is not missing. */
static int
see_reject(struct reading *r, struct syncline_slice native, const struct read_unit *only, struct error *err)
{
	static const uint8_t none[1][16];

	for (uint32_t u = 0; u < r->unit_count && r->fullish; u++) {
		struct read_unit *unit = &r->units[u];
		struct ledger_glance glance = { 0 };

		if (!unit->here || unit->feed_count == 0 || (only != NULL && only != unit))
			continue;
		if (ledger_links_glance(r->ledger, r->object_id, unit->id, &native, none, 1, 0, &glance, err) != 0)
			return -1;
		if (glance.link != 0 && read_seen(r, glance.link, err) != 0)
			return -1;
		unit->rows++;
	}
	return 0;
}

static int
reject_row(struct reading *r, const struct batch *batch, uint32_t index, struct read_unit *unit, enum error_code cause, const char *message,
           const char *hint, struct error *err)
{
	struct syncline_slice native = slice_of(batch, &batch_record(batch, index)->native_id);

	r->routes[index] = ROUTE_REJECT;
	if (read_reject(r, batch, index, unit, cause, message, hint, err) != 0)
		return -1;
	return native.length > 0 ? see_reject(r, native, unit, err) : 0;
}

static int
reject_tenant(struct reading *r, const struct batch *batch, uint32_t index, struct syncline_slice tenant, struct error *err)
{
	bool split = r->object->tenant_mode == CONFIG_TENANT_SPLIT;
	const char *name = r->object->tenant;
	char message[400], shown[64];

	if (tenant.length == 0)
		snprintf(message, sizeof message, "the row doesn't say whose it is: %s is empty", name);
	else
		snprintf(message, sizeof message, "%s \"%s\" (%s)", split ? "no unit has the tenant" : "the row is of another tenant,",
		         item_cut(shown, sizeof shown, tenant.data, tenant.length), name);
	if (!split && r->foreign++ == 0)
		engine_say(r->engine, SYNCLINE_LOG_WARNING, "%s.%s: %s; it is rejected, and so is every further one", r->system->head.name,
		           r->object->head.name, message);
	if (!split)
		count(r->first, LEDGER_COUNT_FOREIGN, 1);
	return reject_row(r, batch, index, NULL, split ? ERROR_TENANT_UNKNOWN : ERROR_TENANT_FOREIGN, message,
	                  split ? "Correct it at its source, or give the tenant to a unit." :
	                          "Find out why these credentials see it; if they are meant to, say tenant_mode = \"split\".", err);
}

/* A row that is there or was deleted. */
static int
route_tenant(struct reading *r, const struct batch *batch, uint32_t index, const struct batch_record *record, struct error *err)
{
	struct syncline_slice tenant = slice_of(batch, &record->tenant);
	struct read_unit *unit;

	/* Of a deletion, a system may know no more than the id: it concerns whoever has it. */
	if (r->object->tenant == NULL || (record->op == SYNCLINE_OP_DELETED && tenant.length == 0)) {
		r->routes[index] = ROUTE_ALL;
		return 0;
	}
	unit = read_unit_of(r, tenant.data, tenant.length);
	if (unit != NULL && unit->active) {
		r->routes[index] = (int32_t)(unit - r->units);
		return 0;
	}
	if (unit == NULL || (r->object->tenant_mode == CONFIG_TENANT_GUARD && (!unit->here || unit->feed_count == 0))) {
		if (record->op == SYNCLINE_OP_SEEN)
			return reject_tenant(r, batch, index, tenant, err);
	} else {
		count(r->first, LEDGER_COUNT_OTHER_UNITS, 1);
	}
	count(r->first, LEDGER_COUNT_READ, 1);
	r->routes[index] = ROUTE_DROPPED;
	return 0;
}

static int
route(struct reading *r, const struct batch *batch, uint32_t index, struct error *err)
{
	const struct batch_record *record = batch_record(batch, index);
	struct syncline_slice native = slice_of(batch, &record->native_id), note = slice_of(batch, &record->note), tenant = slice_of(batch, &record->tenant);
	char message[400];

	if (native.length > 0 && record->op != SYNCLINE_OP_REJECT)
		return route_tenant(r, batch, index, record, err);
	if (note.length > 0)
		item_cut(message, sizeof message, note.data, note.length);
	else
		snprintf(message, sizeof message, "the %s of a row can't be read", native.length > 0 ? "content" : "key");
	if (native.length > 0)
		return reject_row(r, batch, index, tenant.length > 0 ? read_unit_of(r, tenant.data, tenant.length) : NULL, ERROR_ROW_UNREADABLE, message,
		                  "Correct the row at its source; it is read again then.", err);
	/* Nobody knows which record this is, so nobody knows which ones are missing. */
	r->broken = true;
	return reject_row(r, batch, index, NULL, ERROR_ROW_WITHOUT_KEY, message,
	                  "Correct the row at its source.  Until then nothing that this read did not show counts as deleted.", err);
}

/* ---- against the links ---- */

/* Deletions have no content; a link that is there is changed by them. */
static const uint8_t deleted_raw[16];

/* The unit's rows of the batch, side by side. */
static uint32_t
gather(struct reading *r, const struct batch *batch, int32_t unit)
{
	uint32_t used = 0;

	for (uint32_t i = 0; i < batch->header->record_count; i++) {
		const struct batch_record *record = batch_record(batch, i);

		if (r->routes[i] != unit && r->routes[i] != ROUTE_ALL)
			continue;
		r->places[used] = i;
		r->natives[used] = (struct syncline_slice){ batch_cell_data(batch, &record->native_id), record->native_id.length };
		memcpy(r->unit_raws[used], record->op == SYNCLINE_OP_DELETED ? deleted_raw : r->raws[i], sizeof deleted_raw);
		used++;
	}
	return used;
}

static bool
wanted(const struct batch_record *record, const struct ledger_glance *glance)
{
	return record->op == SYNCLINE_OP_DELETED ? glance->what != LEDGER_UNKNOWN : glance->what != LEDGER_UNCHANGED;
}

#define MINE_TWICE 2u

/* A key that stood in this export before: the first row counts. */
static int
reject_twice(struct reading *r, const struct batch *batch, struct read_unit *unit, uint32_t used, uint8_t *mine, uint32_t *ret_twice, struct error *err)
{
	for (uint32_t i = 0; i < used; i++) {
		char message[400], shown[128];
		int was;

		if (batch_record(batch, r->places[i])->op != SYNCLINE_OP_SEEN)
			continue;
		if ((was = read_is_twice(r, unit->id, r->natives[i], r->unit_raws[i], &r->glances[i], err)) < 0)
			return -1;
		if (was == 0)
			continue;
		snprintf(message, sizeof message, "the key %s stands in the same export before, and what stands there counts",
		         item_cut(shown, sizeof shown, r->natives[i].data, r->natives[i].length));
		if (read_reject(r, batch, r->places[i], unit, ERROR_ROW_TWICE, message,
		                "Have the export looked at: one key is one record.  Which row is meant is for its system to say.", err) != 0)
			return -1;
		mine[i] = MINE_TWICE;
		++*ret_twice;
	}
	return 0;
}

/* Sets keep[] for what one of the unit's flows wants. */
static int
look_at_unit(struct reading *r, const struct batch *batch, struct read_unit *unit, uint32_t used, struct error *err)
{
	const uint8_t *key = ledger_hash_key(r->ledger);
	uint8_t *mine = (uint8_t *)r->scratch.data;
	uint64_t unchanged = 0;
	uint32_t twice = 0;

	memset(mine, 0, used);
	for (uint32_t f = 0, asked = 0; f < unit->feed_count; f++) {
		if (!unit->feeds[f].active)
			continue;
		if (ledger_links_glance(r->ledger, r->object_id, unit->id, r->natives, (const uint8_t (*)[16])r->unit_raws, used, unit->feeds[f].effective,
		                        r->glances, err) != 0)
			return -1;
		if (asked == 0 && r->twice.on && reject_twice(r, batch, unit, used, mine, &twice, err) != 0)
			return -1;
		for (uint32_t i = 0; i < used; i++) {
			mine[i] |= wanted(batch_record(batch, r->places[i]), &r->glances[i]);
			if (asked == 0 && r->fullish && r->glances[i].link != 0 && read_seen(r, r->glances[i].link, err) != 0)
				return -1;
		}
		asked++;
	}
	for (uint32_t i = 0; i < used; i++) {
		if ((mine[i] & MINE_TWICE) != 0)
			continue;
		/* What is staged and not applied yet may differ from the link, and this row comes after it. */
		if (!mine[i])
			mine[i] = read_filter_has(&r->backlog, key, unit->id, r->natives[i]);
		else if (read_filter_add(&r->backlog, key, unit->id, r->natives[i]) != 0)
			return error_memory(err);
		if (r->reject_count > 0 && read_cleared(r, r->natives[i], err) != 0)
			return -1;
		r->keep[r->places[i]] |= mine[i];
		unchanged += !mine[i];
	}
	unit->rows += used;
	count(unit->intake, LEDGER_COUNT_READ, used - twice);
	count(unit->intake, LEDGER_COUNT_UNCHANGED, unchanged);
	return 0;
}

static int
look_at_links(struct reading *r, const struct batch *batch, struct error *err)
{
	uint32_t records = batch->header->record_count;

	memset(r->keep, 0, records);
	if (read_twice_batch(r, batch, err) != 0)
		return -1;
	buffer_clear(&r->scratch);
	if (buffer_reserve(&r->scratch, records) != 0)
		return error_memory(err);
	for (uint32_t u = 0; u < r->unit_count; u++) {
		uint32_t used = r->units[u].active ? gather(r, batch, (int32_t)u) : 0;

		if (used > 0 && look_at_unit(r, batch, &r->units[u], used, err) != 0)
			return -1;
	}
	return 0;
}

/* ---- a batch ---- */

static enum read_step
check(struct reading *r, const struct batch *batch, struct error *err)
{
	bool any = false;

	for (uint32_t i = 0; i < batch->header->record_count; i++) {
		uint8_t op = batch_record(batch, i)->op;

		any = any || op == SYNCLINE_OP_SEEN;
		if (op == SYNCLINE_OP_SEEN || op == SYNCLINE_OP_DELETED || op == SYNCLINE_OP_REJECT)
			continue;
		(void)error_set(err, ERROR_HOST_PROTOCOL, "Report it to the connector's vendor.",
		                "the connector of system %s gave a record to write when it was asked to read", r->system->head.name);
		return READ_FAILED;
	}
	if (any && (read_check_drift(r->object, batch, err) != 0 || engine_bind_late(r->engine, r->bound, batch, err) != 0))
		return READ_FAILED;
	return READ_GOOD;
}

static int
sort_rows(struct reading *r, const struct batch *batch, uint32_t *ret_kept, struct error *err)
{
	uint32_t kept = 0;

	if (make_room(r, batch, err) != 0)
		return -1;
	if (vector_raws(ledger_hash_key(r->ledger), batch, &r->scratch, r->raws) != 0)
		return error_memory(err);
	for (uint32_t i = 0; i < batch->header->record_count; i++)
		if (route(r, batch, i, err) != 0)
			return -1;
	if (look_at_links(r, batch, err) != 0)
		return -1;
	for (uint32_t i = 0; i < batch->header->record_count; i++)
		kept += r->keep[i];
	*ret_kept = kept;
	return 0;
}

enum read_step
read_take(struct reading *r, struct batch *batch, struct error *err)
{
	uint32_t records = batch->header->record_count, kept = 0;
	enum read_step step = records > 0 ? check(r, batch, err) : READ_GOOD;

	if (step == READ_GOOD && records > 0 && sort_rows(r, batch, &kept, err) != 0)
		step = READ_FATAL;
	if (step == READ_GOOD && kept > 0 && contents_look(r->engine, r->object, r->first->unit, r->keep, &batch, err) != 0)
		step = err->code == ERROR_MEMORY ? READ_FATAL : READ_FAILED;
	r->rows += step == READ_GOOD ? records : 0;
	r->group.rows += step == READ_GOOD ? records : 0;
	if (step != READ_GOOD || kept == 0) {
		batch_free(batch);
		return step;
	}
	return read_keep(r, batch, r->keep, kept, err) == 0 ? READ_GOOD : READ_FATAL;
}
