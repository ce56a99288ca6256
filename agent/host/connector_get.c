/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector_get.c: records by their native ids, with bisection: ids whose reading crashes the process again and again are found by
 * halving, and come back as rejects.  Only reads are repeated so.
 */
#include <stdlib.h>
#include <string.h>

#include "host/proxy.h"
#include "os/os.h"

#define CRASHES_MAX 64u

struct gathering {
	struct connector *connector;
	const struct syncline_object *object;
	struct batch_builder *builder;
	bool has_fields;
	uint32_t crashes;
	const struct syncline_slice **guilty; /* ids alone that crash it */
	uint32_t guilty_count;
};

static int
get_once(struct gathering *g, const struct syncline_slice *ids, uint32_t count, struct batch **ret_batch, struct error *err)
{
	struct connector *c = g->connector;
	struct batch *batch = NULL;
	struct buffer head;
	struct reply reply;

	proxy_begin(c, &head);
	codec_put_object(&head, g->object);
	codec_put_slices(&head, ids, count);
	if (proxy_call(c, CALL_GET, NULL, &head, NULL, 0, NULL, NULL, &reply, err) == 0)
		batch = proxy_take_batch(c, "get", reply.message, err);
	reply_free(&reply);
	if (batch == NULL)
		return -1;
	*ret_batch = batch;
	return 0;
}

/* The fields of the first batch are those of all: one object, one connector. */
static int
take_fields(struct gathering *g, const struct batch *batch, struct error *err)
{
	uint32_t count = batch->header->field_count;
	struct syncline_field *fields;
	struct arena arena;
	int result = -1;

	if (g->has_fields || count == 0)
		return 0;
	arena_init(&arena, 0);
	fields = arena_array(&arena, count, sizeof *fields);
	for (uint32_t i = 0; fields != NULL && i < count; i++) {
		struct batch_field field;

		batch_field(batch, i, &field);
		fields[i] = (struct syncline_field){ .struct_size = sizeof *fields, .type = field.type, .flags = field.flags, .scale = field.scale,
			.max_length = field.max_length, .name = arena_copy(&arena, field.name, field.name_length) };
		if (fields[i].name == NULL)
			fields = NULL;
	}
	if (fields == NULL)
		error_fill_memory(err);
	else
		result = batch_builder_set_fields(g->builder, fields, count, err);
	g->has_fields = result == 0;
	arena_free(&arena);
	return result;
}

static int
add_all(struct gathering *g, const struct batch *batch, struct error *err)
{
	uint32_t count = batch->header->field_count;
	struct syncline_value *values = calloc(count > 0 ? count : 1, sizeof *values);
	struct syncline_record record = { .struct_size = sizeof record };
	int result = values != NULL ? take_fields(g, batch, err) : error_memory(err);

	if (result == 0 && count != 0 && count != batch_builder_field_count(g->builder))
		result = error_set(err, ERROR_HOST_PROTOCOL, NULL, "the connector gave records of one object with different fields");
	for (uint32_t i = 0; result == 0 && i < batch->header->record_count; i++) {
		batch_read(batch, i, values, &record);
		result = batch_builder_add(g->builder, &record, err);
	}
	free(values);
	return result;
}

static int
add_reject(struct gathering *g, const struct syncline_slice *id, struct error *err)
{
	static const char why[] = "reading this record crashed the connector again and again; report it to the connector's vendor";
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_REJECT };

	record.native_id = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)id->length, .u.data = id->data };
	record.note = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = sizeof why - 1, .u.data = why };
	return batch_builder_add(g->builder, &record, err);
}

static bool
crashed(const struct error *err)
{
	return err->code == ERROR_HOST_GONE || err->code == ERROR_HOST_PROTOCOL;
}

/* The list crashed the process already: its halves, each once. */
static int
bisect(struct gathering *g, const struct syncline_slice *ids, uint32_t count, struct error *err)
{
	uint32_t sizes[2] = { count / 2, count - count / 2 };

	if (count == 1) {
		g->guilty[g->guilty_count++] = ids;
		return 0;
	}
	for (int i = 0; i < 2; ids += sizes[i], i++) {
		struct batch *batch = NULL;
		int result = get_once(g, ids, sizes[i], &batch, err);

		if (result == 0) {
			result = add_all(g, batch, err);
			batch_free(batch);
		} else if (crashed(err) && ++g->crashes < CRASHES_MAX) {
			result = bisect(g, ids, sizes[i], err);
		}
		if (result != 0)
			return -1;
	}
	return 0;
}

/* The second crash on the same list begins the search.  However many it costs, the restart table counts one. */
static int
gather(struct gathering *g, const struct syncline_slice *ids, uint32_t count, struct batch **ret_batch, struct error *err)
{
	struct connector *c = g->connector;
	int result;

	if ((g->builder = batch_builder_new(err)) == NULL)
		return -1;
	if ((g->guilty = calloc(count, sizeof *g->guilty)) == NULL)
		return error_memory(err);
	c->patient = true;
	result = bisect(g, ids, count, err);
	c->patient = false;
	if (g->crashes > 0 || g->guilty_count > 0)
		(void)restart_event(&c->restart, RESTART_FAILED, os_monotonic_ms());
	for (uint32_t i = 0; result == 0 && i < g->guilty_count; i++)
		result = add_reject(g, g->guilty[i], err);
	if (result != 0)
		return -1;
	*ret_batch = batch_builder_finish(g->builder, err);
	return *ret_batch != NULL ? 0 : -1;
}

int
connector_get(struct connector *c, const struct syncline_object *object, const struct syncline_slice *native_ids, uint32_t count,
              struct batch **ret_batch, struct error *err)
{
	struct gathering g = { .connector = c, .object = object };
	struct batch *batch = NULL;
	struct error failure = { 0 };
	int result;

	if (proxy_offers(c, "source/1", err) != 0)
		return -1;
	if ((c->info->optional & CONNECTOR_HAS_GET) == 0) {
		error_fill(err, ERROR_HOST_PART, NULL, "the connector %s of system %s cannot get single records", c->info->descriptor.name, c->system);
		error_place(err, "system %s", c->system);
		return -1;
	}
	result = get_once(&g, native_ids, count, &batch, &failure);
	/* Tried once more whatever the restart table says: it may have been chance. */
	if (result != 0 && crashed(&failure) && !c->options.direct && count > 0) {
		c->patient = true;
		result = get_once(&g, native_ids, count, &batch, &failure);
		c->patient = false;
		if (result != 0 && crashed(&failure))
			result = gather(&g, native_ids, count, &batch, &failure);
	}
	free(g.guilty);
	batch_builder_free(g.builder);
	if (result != 0) {
		if (err != NULL)
			*err = failure;
		return -1;
	}
	*ret_batch = batch;
	return 0;
}
