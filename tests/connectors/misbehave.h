/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * misbehave.h: the smallest source and sink, around one misbehaviour.  A file defines one of the hooks below and includes this.
 */
#ifndef TESTS_MISBEHAVE_H
#define TESTS_MISBEHAVE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <syncline/connector.h>

static const struct syncline_host *host;
static const struct syncline_batch_service_v1 *batches;
static const struct syncline_log_service_v1 *logger;
static char reader_handle;

/* Each hook may use the parameters of its function, and return. */
#ifndef ON_OPEN
#define ON_OPEN
#endif
#ifndef ON_READ
#define ON_READ
#endif
#ifndef ON_NEXT
#define ON_NEXT
#endif
#ifndef ON_GET
#define ON_GET
#endif
#ifndef ON_WRITE
#define ON_WRITE
#endif
#ifndef ON_CLOSE
#define ON_CLOSE
#endif
#ifndef WRITE_BATCH_MAX
#define WRITE_BATCH_MAX 0
#endif
#ifndef PARAMS
#define PARAMS NULL
#define PARAM_COUNT 0
#endif
#ifndef MAJOR
#define MAJOR SYNCLINE_ABI_MAJOR
#endif
#ifndef DESCRIPTOR_SIZE
#define DESCRIPTOR_SIZE sizeof(struct syncline_connector)
#endif
#ifndef DESCRIPTOR
#define DESCRIPTOR (&connector)
#endif

static inline struct syncline_value
text_of(const void *data, size_t length)
{
	return (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = data };
}

static inline uint32_t
add_one(struct syncline_batch *batch, const void *id, size_t length, struct syncline_error *err)
{
	static const struct syncline_field field = { .struct_size = sizeof field, .type = SYNCLINE_TYPE_TEXT, .name = "id" };
	struct syncline_value value = text_of(id, length);
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = 1, .native_id = value, .values = &value };

	if (batches->record_count(batch) == 0 && batches->set_fields(batch, &field, 1, err) != SYNCLINE_OK)
		return SYNCLINE_INTERNAL;
	return batches->add(batch, &record, err);
}

static uint32_t
on_open(const struct syncline_host *given, const struct syncline_call *call, const struct syncline_settings *settings, void **ret_instance,
        struct syncline_error *err)
{
	(void)call, (void)settings, (void)err;
	host = given;
	batches = given->get_service(given, "batch/1");
	logger = given->get_service(given, "log/1");
	*ret_instance = &reader_handle;
	ON_OPEN;
	return SYNCLINE_OK;
}

static void
on_close(void *instance)
{
	(void)instance;
	ON_CLOSE;
}

static uint32_t
on_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_read_request *request,
        void **ret_reader, struct syncline_error *err)
{
	(void)instance, (void)call, (void)object, (void)request, (void)err;
	*ret_reader = &reader_handle;
	ON_READ;
	return SYNCLINE_OK;
}

static uint32_t
on_next(void *reader, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *state, struct syncline_error *err)
{
	(void)reader, (void)call;
	ON_NEXT;
	state->end = 1;
	return add_one(batch, "1", 1, err);
}

static void
on_close_read(void *reader)
{
	(void)reader;
}

static uint32_t
on_get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *ids, uint32_t count,
       struct syncline_batch *batch, struct syncline_error *err)
{
	uint32_t klass = SYNCLINE_OK;

	(void)instance, (void)call, (void)object;
	ON_GET;
	for (uint32_t i = 0; klass == SYNCLINE_OK && i < count; i++)
		klass = add_one(batch, ids[i].data, ids[i].length, err);
	return klass;
}

static uint32_t
on_write(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
         const struct syncline_results *results, struct syncline_error *err)
{
	struct syncline_write_result result = { .struct_size = sizeof result };

	(void)instance, (void)call, (void)object, (void)err;
	ON_WRITE;
	for (uint32_t i = 0; i < batches->record_count(batch); i++)
		results->report(results, i, &result);
	return SYNCLINE_OK;
}

static const struct syncline_source_v1 source = { .struct_size = sizeof source, .open_read = on_read, .next = on_next,
	.close_read = on_close_read, .get = on_get };
static const struct syncline_sink_v1 sink = { .struct_size = sizeof sink, .write = on_write };
static const struct syncline_part parts[] = { { "source/1", &source }, { "sink/1", &sink } };
static const struct syncline_capabilities capabilities = { .struct_size = sizeof capabilities, .read_full = SYNCLINE_NATIVE,
	.write_batch_max = WRITE_BATCH_MAX };
static const struct syncline_connector connector = { .struct_size = DESCRIPTOR_SIZE, .abi_major = MAJOR, .name = "misbehaving",
	.version = "0", .params = PARAMS, .param_count = PARAM_COUNT, .parts = parts, .part_count = 2, .capabilities = &capabilities, .open = on_open, .close = on_close };

#ifndef NO_SYMBOL
const struct syncline_connector *
syncline_connector(void)
{
	return DESCRIPTOR;
}
#else
SYNCLINE_EXPORT const struct syncline_connector *some_other_name(void);
const struct syncline_connector *
some_other_name(void)
{
	return DESCRIPTOR;
}
#endif

#endif
