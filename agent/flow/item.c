/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * item.c: what a worker does with a batch: sort its records to their units, read them into the entity, and make writes of them.
 */
#include "flow/item.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item *
item_new(struct batch *native, struct error *err)
{
	struct item *item = calloc(1, sizeof *item);

	if (item == NULL) {
		error_fill_memory(err);
		return NULL;
	}
	arena_init(&item->arena, 64u * 1024u * 1024u);
	item->native = native;
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
		batch_free(item->writes[i]);
	free(item->writes);
	arena_free(&item->arena);
	free(item);
}

void
item_free_void(void *item)
{
	item_free(item);
}

const char *
item_text(struct item *item, const void *data, size_t length)
{
	const char *text = length > 0 ? arena_copy(&item->arena, data, length) : "";

	return text != NULL ? text : "";
}

static const char *
kept(struct item *item, const char *text)
{
	return text != NULL ? item_text(item, text, strlen(text)) : "";
}

int
item_reject(struct item *item, const struct convert_reject *reject)
{
	struct item_reject *row = arena_zalloc(&item->arena, sizeof *row);

	if (row == NULL)
		return -1;
	row->reject = *reject;
	row->reject.origin = kept(item, reject->origin);
	row->reject.native_id = kept(item, reject->native_id);
	row->reject.field = kept(item, reject->field);
	row->reject.rule = kept(item, reject->rule);
	row->reject.rule_file = kept(item, reject->rule_file);
	row->reject.value = kept(item, reject->value);
	row->reject.reason = kept(item, reject->reason);
	row->reject.hint = kept(item, reject->hint);
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
	struct convert_reject reject = {
		.stage = CONVERT_STAGE_RULES,
		.origin = item_text(item, fault->origin.data, fault->origin.length),
		.place = fault->record->place,
		.native_id = id->type == SYNCLINE_TYPE_TEXT ? item_text(item, id->u.data, id->length) : "",
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

/* Rows that never became records, and deletions, which a conversion has nowhere to apply to. */
static void
sort_operations(struct item *item, uint16_t *keep)
{
	struct syncline_slice origin = batch_origin(item->native);

	for (uint32_t i = 0; i < item->native->header->record_count; i++) {
		const struct batch_record *record = batch_record(item->native, i);
		struct convert_reject reject = { .stage = CONVERT_STAGE_READ, .place = record->place, .first = true };

		keep[i] = record->op == SYNCLINE_OP_SEEN;
		if (record->op == SYNCLINE_OP_DELETED)
			item->counts.skipped++;
		if (record->op != SYNCLINE_OP_REJECT)
			continue;
		reject.origin = item_text(item, origin.data, origin.length);
		reject.native_id = item_text(item, batch_cell_data(item->native, &record->native_id), record->native_id.length);
		reject.reason = item_text(item, batch_cell_data(item->native, &record->note), record->note.length);
		if (item_reject(item, &reject) != 0)
			error_fill_memory(&item->error);
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
	struct syncline_slice origin = batch_origin(item->native);
	struct convert_reject reject = { .stage = CONVERT_STAGE_READ, .place = record->place, .first = true,
		.reason = "the tenant belongs to no unit", .hint = "Add the unit to `units`, or correct the value at the source.",
		.field = work->from->object->tenant };

	for (uint32_t u = 0; u < model->unit_count; u++) {
		const struct config_unit_system *at = config_unit_system(&model->units[u], work->from->system->head.name);

		if (at != NULL && at->tenant != NULL && is_tenant(item->native, &record->tenant, at->tenant, strlen(at->tenant))) {
			item->counts.other_units++;
			return;
		}
	}
	reject.origin = item_text(item, origin.data, origin.length);
	reject.native_id = item_text(item, batch_cell_data(item->native, &record->native_id), record->native_id.length);
	reject.value = item_text(item, batch_cell_data(item->native, &record->tenant), record->tenant.length);
	if (item_reject(item, &reject) != 0)
		error_fill_memory(&item->error);
}

static int
record_id(void *data, const struct rules_record_context *record, struct syncline_slice *ret_value, struct error *err)
{
	struct work *work = data;
	uint8_t hash[16];

	(void)err;
	if (record->record->native_id.type != SYNCLINE_TYPE_TEXT)
		return RULES_KNOWN_NOT_YET;
	crypto_shorthash_siphashx24(hash, record->record->native_id.u.data, record->record->native_id.length, work->entity_key);
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

static int
make_writes(struct work *work, struct item *item, struct batch *writes)
{
	uint32_t count = writes->header->record_count;
	uint8_t (*keys)[16] = arena_alloc(&item->arena, (size_t)count * 16 + 1);

	if (keys == NULL)
		return error_memory(&item->error);
	for (uint32_t i = 0; i < count; i++) {
		const struct batch_record *record = batch_record(writes, i);
		uint8_t block[8 + 16];

		memcpy(block, &record->place, 8);
		crypto_shorthash_siphashx24(block + 8, batch_cell_data(writes, &record->native_id), record->native_id.length, work->seed);
		crypto_shorthash_siphashx24(keys[i], block, sizeof block, work->seed);
	}
	return batch_make_writes(writes, SYNCLINE_OP_CREATE, (const uint8_t (*)[16])keys, &item->error);
}

/* One unit's records: native -> entity -> writes. */
static int
work_unit(struct work *work, struct item *item, const struct config_unit *unit, const struct batch *native)
{
	struct rules_world world = { .data = work, .record_id = record_id, .unit = unit->head.name, .timezone = unit->timezone,
		.run_time_us = work->run_time_us };
	struct rules_report report;
	struct batch *canonical, *writes = NULL;

	if ((canonical = apply(work, item, work->read, &world, native, &report)) == NULL)
		return -1;
	if (canonical->header->record_count > 0) {
		writes = apply(work, item, work->write, &world, canonical, &report);
		if (writes == NULL || leave_out(item, writes, &report) != 0 || make_writes(work, item, writes) != 0) {
			batch_free(writes);
			batch_free(canonical);
			return -1;
		}
	}
	batch_free(canonical);
	if (writes != NULL && writes->header->record_count > 0)
		item->writes[item->write_count++] = writes;
	else
		batch_free(writes);
	return 0;
}

/* The unit of each record in `owner`: 0 none (as it comes in for those to leave out), else its index in work->units and one. */
static void
sort_units(struct work *work, struct item *item, uint16_t *owner, uint32_t *counts)
{
	for (uint32_t i = 0; i < item->native->header->record_count; i++) {
		uint32_t u = 0;

		if (owner[i] == 0)
			continue;
		if (work->tenants != NULL) {
			const struct batch_cell *cell = &batch_record(item->native, i)->tenant;

			while (work->units[u] != NULL && !is_tenant(item->native, cell, work->tenants[u].data, work->tenants[u].length))
				u++;
		}
		if (work->units[u] == NULL) {
			owner[i] = 0;
			foreign(work, item, i);
		} else {
			owner[i] = (uint16_t)(u + 1);
			counts[u]++;
		}
	}
}

/* The records of one unit: the batch itself when all are, else a copy of them. */
static struct batch *
part_of(struct item *item, const uint16_t *owner, uint32_t unit, uint32_t records, uint8_t *keep)
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

void
item_work(struct work *work, struct item *item)
{
	uint32_t count = item->native->header->record_count, unit_count = 0, *counts;
	uint16_t *owner = arena_array(&item->arena, (size_t)count + 1, sizeof *owner);
	uint8_t *keep = arena_alloc(&item->arena, (size_t)count + 1);

	while (work->units[unit_count] != NULL)
		unit_count++;
	counts = arena_array(&item->arena, unit_count, sizeof *counts);
	item->writes = calloc(unit_count, sizeof(struct batch *));
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
		work_unit(work, item, work->units[u], part);
		if (part != item->native)
			batch_free(part);
	}
	batch_free(item->native);
	item->native = NULL;
}
