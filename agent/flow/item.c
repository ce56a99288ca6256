/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * item.c: what a worker does with a batch: sort its records to their units, read them into the entity, and make writes of them.
 */
#include "flow/item.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Rejects of a batch beyond so many bytes keep only what says which record it was, and no further faults. */
#define REJECTS_BYTES (16u * 1024u * 1024u)
#define REJECTS_SHORT 64u
#define ARENA_BYTES (192u * 1024u * 1024u)

struct item *
item_new(struct batch *native, uint64_t number, struct error *err)
{
	struct item *item = calloc(1, sizeof *item);

	if (item == NULL) {
		error_fill_memory(err);
		return NULL;
	}
	arena_init(&item->arena, ARENA_BYTES);
	item->native = native;
	item->number = number;
	item->last = &item->rejects;
	item->counts.read = native->header->record_count;
	return item;
}

void
item_free(struct item *item)
{
	if (item == NULL)
		return;
	batch_free(item->native);
	for (uint32_t i = 0; i < item->write_count; i++)
		batch_free(item->writes[i].batch);
	free(item->writes);
	arena_free(&item->arena);
	free(item);
}

void
item_free_void(void *item)
{
	item_free(item);
}

/* How many bytes of a text that is too long are left, so that with "…" and NUL it has `size` and no character is torn. */
static size_t
cut_at(const char *data, size_t size)
{
	size_t length = size > 4 ? size - 4 : 0;

	while (length > 0 && ((unsigned char)data[length] & 0xC0) == 0x80)
		length--;
	return length;
}

const char *
item_cut(char *to, size_t size, const void *data, size_t length)
{
	bool whole = length < size;
	size_t kept = whole ? length : cut_at(data, size);

	if (kept > 0)
		memcpy(to, data, kept);
	memcpy(to + kept, whole ? "" : "…", whole ? 1 : 4);
	return to;
}

/* A copy in the arena; what the reject before it says too is shared with it. */
static const char *
kept(struct item *item, const char *text, const char *before, size_t most)
{
	char cut[ITEM_TEXT_MAX];

	if (text == NULL || *text == '\0')
		return "";
	text = item_cut(cut, most, text, strlen(text));
	if (before != NULL && strcmp(before, text) == 0)
		return before;
	item->reject_bytes += strlen(text) + 1;
	return arena_text(&item->arena, text);
}

int
item_reject(struct item *item, const struct convert_reject *reject)
{
	static const struct convert_reject none;
	bool full = item->reject_bytes >= REJECTS_BYTES;
	size_t most = full ? REJECTS_SHORT : ITEM_TEXT_MAX;
	const struct convert_reject *last = item->newest != NULL ? &item->newest->reject : &none;
	struct item_reject *row;

	if (full && !reject->first && reject->stage == CONVERT_STAGE_RULES)
		return 0;
	if ((row = arena_zalloc(&item->arena, sizeof *row)) == NULL)
		return -1;
	row->reject = *reject;
	row->reject.origin = kept(item, reject->origin, last->origin, most);
	row->reject.native_id = kept(item, reject->native_id, last->native_id, most);
	row->reject.field = kept(item, reject->field, last->field, most);
	row->reject.rule = kept(item, reject->rule, last->rule, most);
	row->reject.rule_file = kept(item, reject->rule_file, last->rule_file, most);
	row->reject.value = kept(item, reject->value, last->value, most);
	row->reject.reason = kept(item, reject->reason, last->reason, most);
	row->reject.hint = kept(item, reject->hint, last->hint, most);
	if (row->reject.origin == NULL || row->reject.native_id == NULL || row->reject.field == NULL || row->reject.rule == NULL ||
	    row->reject.rule_file == NULL || row->reject.value == NULL || row->reject.reason == NULL || row->reject.hint == NULL)
		return -1;
	item->reject_bytes += sizeof *row;
	item->newest = row;
	*item->last = row;
	item->last = &row->next;
	if (reject->first)
		item->counts.rejected[reject->stage]++;
	return 0;
}

static void
keep_fault(void *data, const struct rules_reject *fault)
{
	struct item *item = data;
	const struct syncline_value *id = &fault->record->native_id;
	char origin[ITEM_TEXT_MAX], key[ITEM_TEXT_MAX];
	struct convert_reject reject = {
		.stage = CONVERT_STAGE_RULES,
		.origin = item_cut(origin, sizeof origin, fault->origin.data, fault->origin.length),
		.place = fault->record->place,
		.native_id = id->type == SYNCLINE_TYPE_TEXT ? item_cut(key, sizeof key, id->u.data, id->length) : "",
		.field = fault->field,
		.rule = fault->rule,
		.rule_file = fault->place != NULL ? fault->place->file : NULL,
		.rule_line = fault->place != NULL ? fault->place->line : 0,
		.value = fault->value,
		.reason = fault->reason,
		.hint = fault->hint,
		.first = fault->fault == 0,
	};

	if (item_reject(item, &reject) != 0)
		error_fill_memory(&item->error);
}

/* A record as it was read, as a reject. */
static void
reject_native(struct item *item, uint32_t index, const struct batch_cell *value, const struct batch_cell *reason, struct convert_reject reject)
{
	const struct batch_record *record = batch_record(item->native, index);
	struct syncline_slice from = batch_origin(item->native);
	char origin[ITEM_TEXT_MAX], key[ITEM_TEXT_MAX], what[ITEM_TEXT_MAX], why[ITEM_TEXT_MAX];

	reject.stage = CONVERT_STAGE_READ;
	reject.first = true;
	reject.place = record->place;
	reject.origin = item_cut(origin, sizeof origin, from.data, from.length);
	reject.native_id = item_cut(key, sizeof key, batch_cell_data(item->native, &record->native_id), record->native_id.length);
	if (value != NULL && value->type == SYNCLINE_TYPE_TEXT)
		reject.value = item_cut(what, sizeof what, batch_cell_data(item->native, value), value->length);
	if (reason != NULL)
		reject.reason = item_cut(why, sizeof why, batch_cell_data(item->native, reason), reason->length);
	if (item_reject(item, &reject) != 0)
		error_fill_memory(&item->error);
}

/* Rows that never became records, and deletions, which a conversion has nowhere to apply to. */
static void
sort_operations(struct item *item, uint32_t *owner)
{
	for (uint32_t i = 0; i < item->native->header->record_count; i++) {
		const struct batch_record *record = batch_record(item->native, i);
		struct convert_reject reject = { .hint = "Correct the row at its source, or the settings that say how it is read." };

		owner[i] = record->op == SYNCLINE_OP_SEEN;
		if (record->op == SYNCLINE_OP_REJECT)
			reject_native(item, i, NULL, &record->note, reject);
		else if (record->op != SYNCLINE_OP_SEEN)
			item->counts.skipped++;
	}
}

static bool
is_tenant(const struct batch *batch, const struct batch_cell *cell, const void *tenant, size_t length)
{
	return cell->type == SYNCLINE_TYPE_TEXT && cell->length == length && memcmp(tenant, batch_cell_data(batch, cell), length) == 0;
}

/* A tenant that no unit of the configuration has is a reject; one of another unit is counted and left. */
static void
foreign(struct work *work, struct item *item, uint32_t index)
{
	const struct batch_record *record = batch_record(item->native, index);
	const struct model *model = work->options->model;
	const struct config_binding *from = work->choice->from;
	struct convert_reject reject = { .reason = "the tenant belongs to no unit", .field = from->object->tenant,
		.hint = "Add the unit to `units`, or correct the value at the source." };

	for (uint32_t u = 0; u < model->unit_count; u++) {
		const struct config_unit_system *at = config_unit_system(&model->units[u], from->system->head.name);

		if (at != NULL && at->tenant != NULL && is_tenant(item->native, &record->tenant, at->tenant, strlen(at->tenant))) {
			item->counts.other_units++;
			return;
		}
	}
	reject_native(item, index, &record->tenant, NULL, reject);
}

static int
record_id(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	struct work *work = data;
	uint8_t hash[16];

	(void)err;
	if (record->record->native_id.type != SYNCLINE_TYPE_TEXT)
		return RULES_KNOWN_NOT_YET;
	crypto_shorthash_siphashx24(hash, record->record->native_id.u.data, record->record->native_id.length, work->record_key);
	sodium_bin2hex(work->id, sizeof work->id, hash, sizeof hash);
	*ret_value = (struct syncline_slice){ work->id, 32 };
	return RULES_KNOWN_YES;
}

static struct batch *
apply(struct work *work, struct item *item, const struct mapping *mapping, const struct rules_world *world,
      const struct batch *in, struct rules_report *report)
{
	struct syncline_slice origin = batch_origin(in);

	*report = (struct rules_report){ .rejected = keep_fault, .data = item };
	batch_builder_clear(work->builder, 1);
	batch_builder_trust(work->builder);
	if (batch_builder_set_fields(work->builder, mapping_output_fields(mapping), mapping_output_count(mapping), &item->error) != 0 ||
	    (origin.length > 0 && batch_builder_set_origin(work->builder, origin.data, origin.length, &item->error) != 0) ||
	    mapping_run(work->rules, mapping, world, in, work->builder, report, &item->error) != 0)
		return NULL;
	return batch_builder_finish(work->builder, &item->error);
}

/* Leaves out what create_if refuses; the only condition there is. */
static int
leave_out(struct item *item, struct batch *writes, const struct rules_report *report)
{
	uint32_t left = 0;
	uint8_t *keep;

	if (report->conditions == NULL)
		return 0;
	if ((keep = arena_alloc(&item->arena, report->source_count + 1u)) == NULL)
		return error_memory(&item->error);
	for (uint32_t i = 0; i < report->source_count; i++) {
		keep[i] = report->conditions[report->sources[i]] == 1;
		left += !keep[i];
	}
	item->counts.skipped += left;
	if (left > 0)
		batch_keep(writes, keep);
	return 0;
}

/*
 * Turns them into creates.  The attempt keys follow from the conversion's seed and from where in it the record stands: no two
 * of a run are the same, whatever their places and keys are.
 */
static int
make_writes(struct work *work, struct item *item, struct item_writes *writes)
{
	uint32_t count = writes->batch->header->record_count;
	uint8_t (*keys)[16] = arena_alloc(&item->arena, (size_t)count * 16 + 1);
	const char **ids = arena_array(&item->arena, (size_t)count + 1, sizeof *ids);

	if (keys == NULL || ids == NULL)
		return error_memory(&item->error);
	for (uint32_t i = 0; i < count; i++) {
		const struct batch_cell *id = &batch_record(writes->batch, i)->native_id;
		uint64_t block[3] = { item->number, item->write_count, i };
		char key[ITEM_TEXT_MAX];

		crypto_shorthash_siphashx24(keys[i], (const unsigned char *)block, sizeof block, work->seed);
		ids[i] = id->length == 0 ? "" : arena_text(&item->arena, item_cut(key, sizeof key, batch_cell_data(writes->batch, id), id->length));
		if (ids[i] == NULL)
			return error_memory(&item->error);
	}
	writes->keys = ids;
	return batch_make_writes(writes->batch, SYNCLINE_OP_CREATE, (const uint8_t (*)[16])keys, &item->error);
}

/*
 * The same record has the same id in every conversion, so that a target that knows it takes it as the same; the same native id
 * in another system, object or unit is another record.
 */
static void
make_record_key(struct work *work, const struct config_unit *unit)
{
	const struct config_binding *from = work->choice->from;
	const char *const parts[] = { work->choice->flow->entity->head.name, from->system->head.name, from->object->head.name,
		unit->head.name != NULL ? unit->head.name : "" };
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof work->record_key);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		crypto_generichash_update(&state, (const unsigned char *)parts[i], strlen(parts[i]) + 1);
	crypto_generichash_final(&state, work->record_key, sizeof work->record_key);
}

/* One unit's records: native -> entity -> writes. */
static int
work_unit(struct work *work, struct item *item, const struct config_unit *unit, const struct batch *native)
{
	struct rules_world world = { .data = work, .record_id = record_id, .unit = unit->head.name, .timezone = unit->timezone,
		.run_time_us = work->run_time_us };
	struct item_writes writes = { NULL, NULL };
	struct rules_report report;
	struct batch *canonical;

	make_record_key(work, unit);
	if ((canonical = apply(work, item, work->read, &world, native, &report)) == NULL)
		return -1;
	if (canonical->header->record_count > 0) {
		writes.batch = apply(work, item, work->write, &world, canonical, &report);
		if (writes.batch == NULL || leave_out(item, writes.batch, &report) != 0 || make_writes(work, item, &writes) != 0) {
			batch_free(writes.batch);
			batch_free(canonical);
			return -1;
		}
	}
	batch_free(canonical);
	if (writes.batch != NULL && writes.batch->header->record_count > 0)
		item->writes[item->write_count++] = writes;
	else
		batch_free(writes.batch);
	return 0;
}

/* The unit of each record in `owner`: 0 none (as it comes in for those to leave out), else its index in choice->units and one. */
static void
sort_units(struct work *work, struct item *item, uint32_t *owner, uint32_t *counts)
{
	const struct choice *choice = work->choice;

	for (uint32_t i = 0; i < item->native->header->record_count; i++) {
		uint32_t u = 0;

		if (owner[i] == 0)
			continue;
		if (choice->tenants != NULL) {
			const struct batch_cell *cell = &batch_record(item->native, i)->tenant;

			while (choice->units[u] != NULL && !is_tenant(item->native, cell, choice->tenants[u].data, choice->tenants[u].length))
				u++;
		}
		if (choice->units[u] == NULL) {
			owner[i] = 0;
			foreign(work, item, i);
		} else {
			owner[i] = u + 1;
			counts[u]++;
		}
	}
}

/* The records of one unit: the batch itself when all are, else a copy of them. */
static struct batch *
part_of(struct item *item, const uint32_t *owner, uint32_t unit, uint32_t records, uint8_t *keep)
{
	uint32_t count = item->native->header->record_count;
	struct batch *part;

	if (records == count)
		return item->native;
	if ((part = batch_copy(item->native, &item->error)) == NULL)
		return NULL;
	for (uint32_t i = 0; i < count; i++)
		keep[i] = owner[i] == unit + 1;
	batch_keep(part, keep);
	return part;
}

/* Merge sort of the first `count` rows by place; rows of one place stay as they are.  Returns what follows them. */
static struct item_reject *
sort_rows(struct item_reject *rows, uint32_t count, struct item_reject **ret_first, struct item_reject ***ret_end)
{
	struct item_reject *a, *b, *rest, **at = ret_first, **end_a, **end_b;

	if (count == 1) {
		rest = rows->next;
		rows->next = NULL;
		*ret_first = rows;
		*ret_end = &rows->next;
		return rest;
	}
	rest = sort_rows(rows, count / 2, &a, &end_a);
	rest = sort_rows(rest, count - count / 2, &b, &end_b);
	while (a != NULL && b != NULL) {
		struct item_reject **from = b->reject.place < a->reject.place ? &b : &a;

		*at = *from;
		at = &(*from)->next;
		*from = *at;
	}
	*at = a != NULL ? a : b;
	*ret_end = a != NULL ? end_a : end_b;
	return rest;
}

/* Reading and rules find faults each in an order of their own; who reads them wants them in the file's. */
static void
sort_rejects(struct item *item)
{
	uint32_t count = 0;

	for (const struct item_reject *row = item->rejects; row != NULL; row = row->next)
		count++;
	if (count > 1)
		sort_rows(item->rejects, count, &item->rejects, &item->last);
}

void
item_work(struct work *work, struct item *item)
{
	uint32_t count = item->native->header->record_count, unit_count = 0, *counts;
	uint32_t *owner = arena_array(&item->arena, (size_t)count + 1, sizeof *owner);
	uint8_t *keep = arena_alloc(&item->arena, (size_t)count + 1);

	while (work->choice->units[unit_count] != NULL)
		unit_count++;
	counts = arena_array(&item->arena, unit_count, sizeof *counts);
	item->writes = calloc(unit_count, sizeof *item->writes);
	if (owner == NULL || keep == NULL || counts == NULL || item->writes == NULL) {
		error_fill_memory(&item->error);
		return;
	}
	sort_operations(item, owner);
	sort_units(work, item, owner, counts);
	for (uint32_t u = 0; u < unit_count && item->error.code == ERROR_NONE; u++) {
		struct batch *part;

		if (counts[u] == 0)
			continue;
		if ((part = part_of(item, owner, u, counts[u], keep)) == NULL)
			return;
		work_unit(work, item, work->choice->units[u], part);
		if (part != item->native)
			batch_free(part);
	}
	sort_rejects(item);
	batch_free(item->native);
	item->native = NULL;
}
