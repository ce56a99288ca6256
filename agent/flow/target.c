/* SPDX-License-Identifier: BSD-2-Clause */
/* target.c: see target.h.  The writer's thread alone. */
#include "flow/target.h"

#include <stdio.h>
#include <string.h>

#include "flow/document.h"

int
target_start(struct target *target, const struct systems *systems, const struct config_binding *from, const struct config_binding *to,
             const struct config_unit *unit, struct error *err)
{
	target->systems = systems;
	target->from = from;
	target->to = to;
	target->unit = unit;
	return systems_start(systems, to->system, unit, true, NULL, NULL, &target->sink, err);
}

void
target_stop(struct target *target)
{
	connector_stop(target->sink);
	connector_stop(target->documents);
	batch_builder_free(target->builder);
	memset(target, 0, sizeof *target);
}

int
target_finish(struct target *target, struct error *err)
{
	return connector_finish(target->sink, config_sdk_object(target->to->object), err);
}

/* Records on their way out: a batch made of a unit's writes, and which of those each of its records is. */
struct sending {
	const struct item_writes *writes;
	const struct batch *batch;
	const uint32_t *which; /* NULL: they are the same records */
	uint32_t first;        /* of the batch in `which`, or in the writes */
};

static int
reject(struct item *item, const struct sending *sending, uint32_t index, const struct error *why, bool counts)
{
	const struct batch_record *record = batch_record(sending->batch, index);
	struct syncline_slice from = batch_origin(sending->batch);
	uint32_t at = sending->first + index;
	char origin[ITEM_TEXT_MAX];
	struct convert_reject one = {
		.stage = CONVERT_STAGE_WRITE,
		.origin = item_cut(origin, sizeof origin, from.data, from.length),
		.place = record->place,
		.native_id = sending->writes->keys[sending->which != NULL ? sending->which[at] : at],
		.reason = why->message,
		.value = why->detail,
		.hint = why->hint,
		.first = counts,
	};

	return item_reject(item, &one);
}

/* Documents. */

static int
copy_document(struct target *target, struct item *item, const struct syncline_slice *reference, char *ret_reference, size_t *ret_length,
              struct error *err)
{
	struct document document = {
		.from = target->documents, .to = target->sink,
		.from_object = config_sdk_object(target->from->object), .to_object = config_sdk_object(target->to->object),
		.reference = *reference, .length = UINT64_MAX,
	};
	uint64_t bytes;

	if (document_copy(&document, ret_reference, ret_length, &bytes, err) != 0)
		return -1;
	item->counts.documents++;
	item->counts.document_bytes += bytes;
	return 0;
}

/* What documents need besides the connectors that are there already. */
static int
prepare_documents(struct target *target, struct error *err)
{
	return target->documents != NULL ? 0 : systems_start(target->systems, target->from->system, target->unit, false, NULL, NULL, &target->documents, err);
}

static bool
has_documents(const struct batch *writes)
{
	for (uint32_t i = 0; i < writes->header->record_count; i++)
		for (uint32_t f = 0; f < writes->header->field_count; f++)
			if (batch_record(writes, i)->cells[f].type == SYNCLINE_TYPE_CONTENT)
				return true;
	return false;
}

/* One record with its references replaced by the target's; added to the builder, or rejected. */
static int
carry_documents(struct target *target, struct item *item, const struct item_writes *writes, uint32_t index, struct syncline_value *values,
                struct error *err)
{
	struct sending sending = { .writes = writes, .batch = writes->batch };
	char reference[SYNCLINE_CONTENT_REF_MAX];
	struct syncline_record record;
	struct error why = { 0 };

	batch_read(writes->batch, index, values, &record);
	for (uint32_t f = 0; f < record.value_count; f++) {
		struct syncline_slice from = { values[f].u.data, values[f].length };
		size_t length = sizeof reference;
		char *copy;

		if (values[f].type != SYNCLINE_TYPE_CONTENT)
			continue;
		if (copy_document(target, item, &from, reference, &length, &why) != 0) {
			if (document_ends_all(&why)) {
				*err = why;
				return -1;
			}
			if (why.hint[0] == '\0')
				snprintf(why.hint, sizeof why.hint, "%s", "Put the document where its record says that it is, or correct the record, and convert again.");
			return reject(item, &sending, index, &why, true) != 0 ? error_memory(err) : 0;
		}
		if ((copy = arena_copy(&item->arena, reference, length)) == NULL)
			return error_memory(err);
		values[f].u.data = copy;
		values[f].length = (uint32_t)length;
	}
	return batch_builder_add(target->builder, &record, err);
}

/* A batch of its own with the fields of another. */
static int
like(struct target *target, struct item *item, const struct batch *batch, struct error *err)
{
	uint32_t count = batch->header->field_count;
	struct syncline_field *fields = arena_array(&item->arena, count + 1u, sizeof *fields);
	struct syncline_slice origin = batch_origin(batch);

	if (fields == NULL || (target->builder == NULL && (target->builder = batch_builder_new(err)) == NULL))
		return error_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		struct batch_field field;

		batch_field(batch, i, &field);
		fields[i] = (struct syncline_field){ .struct_size = sizeof *fields, .type = field.type, .flags = field.flags, .scale = field.scale,
			.max_length = field.max_length, .name = arena_copy(&item->arena, field.name, field.name_length) };
		if (fields[i].name == NULL)
			return error_memory(err);
	}
	batch_builder_clear(target->builder, 1);
	if (batch_builder_set_fields(target->builder, fields, count, err) != 0)
		return -1;
	return origin.length > 0 ? batch_builder_set_origin(target->builder, origin.data, origin.length, err) : 0;
}

/* Records. */

static int
take_results(struct item *item, const struct sending *sending, const struct connector_results *results, struct error *err)
{
	item->counts.written += results->committed;
	for (uint32_t i = 0; i < results->count; i++) {
		const struct connector_result *result = &results->items[i];

		if (result->outcome == CONNECTOR_COMMITTED)
			continue;
		if (result->outcome == CONNECTOR_UNCERTAIN)
			item->counts.uncertain++;
		if (reject(item, sending, i, result->error, result->outcome == CONNECTOR_FAILED) != 0)
			return error_memory(err);
	}
	if (results->call_failed) {
		*err = results->call_error;
		return -1;
	}
	return 0;
}

static int
send(struct target *target, struct item *item, const struct sending *sending, struct error *err)
{
	struct connector_results *results = NULL;
	int result;

	if (connector_write(target->sink, config_sdk_object(target->to->object), sending->batch, &results, err) != 0)
		return -1;
	result = take_results(item, sending, results, err);
	connector_results_free(results);
	return result;
}

/* As many items at a time as the target takes. */
static int
send_in_parts(struct target *target, struct item *item, const struct sending *whole, struct error *err)
{
	uint32_t count = whole->batch->header->record_count, most = connector_capabilities(target->sink)->write_batch_max;
	uint8_t *keep;

	if (most == 0 || count <= most)
		return send(target, item, whole, err);
	if ((keep = arena_alloc(&item->arena, count)) == NULL)
		return error_memory(err);
	for (uint32_t at = 0; at < count; at += most < count - at ? most : count - at) {
		struct batch *part = batch_copy(whole->batch, err);
		struct sending sending = { whole->writes, part, whole->which, at };
		int result;

		if (part == NULL)
			return -1;
		for (uint32_t i = 0; i < count; i++)
			keep[i] = i >= at && i - at < most;
		batch_keep(part, keep);
		batch_seal(part);
		result = send(target, item, &sending, err);
		batch_free(part);
		if (result != 0)
			return -1;
	}
	return 0;
}

int
target_write(struct target *target, struct item *item, const struct item_writes *writes, struct error *err)
{
	struct sending sending = { .writes = writes, .batch = writes->batch };
	uint32_t count = writes->batch->header->record_count, *which;
	struct syncline_value *values;
	struct batch *carried;
	int result;

	if (!has_documents(writes->batch))
		return send_in_parts(target, item, &sending, err);
	values = arena_array(&item->arena, writes->batch->header->field_count, sizeof *values);
	which = arena_array(&item->arena, count, sizeof *which);
	if (values == NULL || which == NULL)
		return error_memory(err);
	if (prepare_documents(target, err) != 0 || like(target, item, writes->batch, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		which[batch_builder_count(target->builder)] = i;
		if (carry_documents(target, item, writes, i, values, err) != 0)
			return -1;
	}
	if (batch_builder_count(target->builder) == 0)
		return 0;
	if ((carried = batch_builder_finish(target->builder, err)) == NULL)
		return -1;
	sending.batch = carried;
	sending.which = which;
	result = send_in_parts(target, item, &sending, err);
	batch_free(carried);
	return result;
}
