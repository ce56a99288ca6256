/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_calls.c: the calls that are one question and one answer.  Each decodes its request, calls the connector, and encodes the
 * answer; classes and texts go back through guest.c.  Runs in the guest's thread.
 */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "host/inside.h"

#define DIGEST_BUCKETS_MAX 65536u

static uint32_t
call_load(struct guest_call *call)
{
	struct guest *guest = call->guest;
	const char *path = wire_need_text(&call->wire, CODEC_TEXT_MAX);
	struct error err = { 0 };

	if (!wire_done(&call->wire))
		return guest_unread(call);
	if (!guest->loaded && guest_load(guest, path, &err) != 0) {
		wire_put32(&call->reply, (uint32_t)err.code);
		wire_put_text(&call->reply, err.message);
		wire_put_text(&call->reply, err.hint);
		return SYNCLINE_OK;
	}
	wire_put32(&call->reply, ERROR_NONE);
	codec_put_info(&call->reply, &guest->connector, guest->optional);
	return SYNCLINE_OK;
}

static uint32_t
call_open(struct guest_call *call)
{
	struct guest *guest = call->guest;
	const struct syncline_settings *settings;
	const struct connector_state *states;
	uint32_t count, klass;
	struct wire *wire = &call->wire;

	if (!guest->loaded || guest->open)
		return guest_unread(call);
	wire->arena = &guest->life;
	guest->writable = wire_get8(wire) != 0;
	guest->host.agent_version = wire_need_text(wire, CODEC_TEXT_MAX);
	settings = codec_get_settings(wire);
	count = wire_get_count(wire, 8, CODEC_PARAMS_MAX);
	for (uint32_t i = 0; i < count; i++) {
		const char *name = wire_need_text(wire, SYNCLINE_NAME_MAX);
		struct syncline_slice value = wire_get_slice(wire, 1024 * 1024);

		if (!wire->bad && guest_secret_add(guest, name, &value) != 0)
			return guest_fail(call, SYNCLINE_RETRY, "Look at the limit for locked memory.", "no locked memory for a secret");
	}
	states = codec_get_states(wire, &count);
	if (!wire_done(wire))
		return guest_unread(call);
	if (guest_state_load(&guest->state, states, count) != 0)
		return guest_fail(call, SYNCLINE_RETRY, NULL, "no memory, or no room, for the connector's state");
	sodium_memzero(call->in->head, call->in->head_length);
	klass = guest->connector.open(&guest->host, &call->call, settings, &guest->instance, &call->error);
	guest->open = klass == SYNCLINE_OK;
	return klass;
}

static uint32_t
call_acknowledge(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	struct syncline_slice position = wire_get_slice(&call->wire, SYNCLINE_POSITION_MAX);
	struct guest *guest = call->guest;

	if (!wire_done(&call->wire))
		return guest_unread(call);
	return guest->source.acknowledge != NULL ? guest->source.acknowledge(guest->instance, &call->call, object, &position, &call->error)
	                                         : SYNCLINE_OK;
}

/* What a connector put into a batch becomes the reply's body. */
static uint32_t
take_batch(struct guest_call *call, struct syncline_batch *filled, uint32_t klass)
{
	struct error err = { 0 };
	struct batch *batch;

	if (klass == SYNCLINE_OK) {
		batch = batch_builder_finish(filled->builder, &err);
		if (batch == NULL) {
			klass = guest_fail_with(call, SYNCLINE_INTERNAL, &err);
		} else {
			call->body = batch->data;
			call->body_length = batch->size;
			free(batch);
		}
	}
	guest_batch_free(filled);
	return klass;
}

static uint32_t
call_get(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	uint32_t count;
	const struct syncline_slice *ids = codec_get_slices(&call->wire, CODEC_IDS_MAX, &count);
	struct guest *guest = call->guest;
	struct syncline_batch batch;
	struct error err = { 0 };

	if (!wire_done(&call->wire))
		return guest_unread(call);
	if (guest->source.get == NULL)
		return guest_fail(call, SYNCLINE_CONFIG, NULL, "the connector cannot get single records");
	if (guest_batch_init(&batch, &err) != 0)
		return guest_fail_with(call, SYNCLINE_RETRY, &err);
	return take_batch(call, &batch, guest->source.get(guest->instance, &call->call, object, ids, count, &batch, &call->error));
}

static uint32_t
call_finish(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	struct guest *guest = call->guest;

	if (!wire_done(&call->wire))
		return guest_unread(call);
	return guest->sink.finish != NULL ? guest->sink.finish(guest->instance, &call->call, object, &call->error) : SYNCLINE_OK;
}

static uint32_t
call_find(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	uint32_t count, limit;
	const struct syncline_criterion *criteria = codec_get_criteria(&call->wire, &count);
	struct guest *guest = call->guest;
	struct syncline_batch batch;
	struct error err = { 0 };

	limit = wire_get32(&call->wire);
	if (!wire_done(&call->wire))
		return guest_unread(call);
	if (guest_batch_init(&batch, &err) != 0)
		return guest_fail_with(call, SYNCLINE_RETRY, &err);
	return take_batch(call, &batch, guest->find.find(guest->instance, &call->call, object, criteria, count, limit, &batch, &call->error));
}

static uint32_t
call_count(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	struct guest *guest = call->guest;
	uint64_t count = 0;
	uint32_t klass;

	if (!wire_done(&call->wire))
		return guest_unread(call);
	klass = guest->count.count(guest->instance, &call->call, object, &count, &call->error);
	wire_put64(&call->reply, count);
	return klass;
}

static uint32_t
call_digest(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	uint32_t field_count, bucket_count, klass;
	const char *const *fields = codec_get_texts(&call->wire, SYNCLINE_FIELDS_MAX, &field_count);
	struct syncline_slice key = wire_get_slice(&call->wire, 16);
	struct guest *guest = call->guest;
	struct syncline_digest_bucket *buckets;

	bucket_count = wire_get32(&call->wire);
	if (!wire_done(&call->wire) || key.length != 16 || bucket_count == 0 || bucket_count > DIGEST_BUCKETS_MAX)
		return guest_unread(call);
	buckets = arena_array(&call->arena, bucket_count, sizeof *buckets);
	if (buckets == NULL)
		return guest_fail(call, SYNCLINE_RETRY, NULL, "no memory for %u sums", bucket_count);
	klass = guest->digest.digest(guest->instance, &call->call, object, fields, field_count, key.data, buckets, bucket_count, &call->error);
	for (uint32_t i = 0; i < bucket_count; i++) {
		wire_put64(&call->reply, buckets[i].count);
		wire_put64(&call->reply, buckets[i].sum[0]);
		wire_put64(&call->reply, buckets[i].sum[1]);
	}
	return klass;
}

static uint32_t
call_webhook(struct guest_call *call)
{
	struct guest *guest = call->guest;
	struct syncline_webhook_request request;
	struct syncline_batch batch;
	char object[SYNCLINE_NAME_MAX + 1] = "";
	struct error err = { 0 };
	uint32_t klass;

	codec_get_webhook(&call->wire, &request);
	if (!wire_done(&call->wire))
		return guest_unread(call);
	if (guest_batch_init(&batch, &err) != 0)
		return guest_fail_with(call, SYNCLINE_RETRY, &err);
	klass = guest->webhook.receive(guest->instance, &call->call, &request, object, &batch, &call->error);
	object[SYNCLINE_NAME_MAX] = '\0';
	wire_put_text(&call->reply, object);
	return take_batch(call, &batch, klass);
}

/* Is the function there that the call goes to?  A part may be of an older and smaller revision. */
static bool
offered(const struct guest *g, enum call_id id)
{
	switch (id) {
	case CALL_LOAD: case CALL_OPEN: return true;
	case CALL_CHECK: return g->check.check != NULL;
	case CALL_DISCOVER_OBJECTS: return g->discover.objects != NULL;
	case CALL_DISCOVER_FIELDS: return g->discover.fields != NULL;
	case CALL_READ_OPEN: return g->source.open_read != NULL && g->source.next != NULL && g->source.close_read != NULL;
	case CALL_READ_CLOSE: case CALL_CONTENT_CLOSE: case CALL_CONTENT_ABORT: return true;
	case CALL_ACKNOWLEDGE: case CALL_GET: return true;
	case CALL_WRITE: return g->sink.write != NULL;
	case CALL_FINISH: return true;
	case CALL_FIND: return g->find.find != NULL;
	case CALL_COUNT: return g->count.count != NULL;
	case CALL_DIGEST: return g->digest.digest != NULL;
	case CALL_CONTENT_OPEN: case CALL_CONTENT_READ:
		return g->content.open_read != NULL && g->content.read != NULL && g->content.close_read != NULL;
	case CALL_CONTENT_CREATE: case CALL_CONTENT_WRITE: case CALL_CONTENT_FINISH:
		return g->content.open_write != NULL && g->content.write != NULL && g->content.finish_write != NULL && g->content.abort_write != NULL;
	case CALL_WEBHOOK: return g->webhook.receive != NULL;
	case CALL_COUNT_OF_CALLS: break;
	}
	return false;
}

uint32_t
guest_call_run(struct guest_call *call, enum call_id id)
{
	static uint32_t (*const handlers[CALL_COUNT_OF_CALLS])(struct guest_call *call) = {
		[CALL_LOAD] = call_load, [CALL_OPEN] = call_open, [CALL_CHECK] = guest_check,
		[CALL_DISCOVER_OBJECTS] = guest_discover_objects, [CALL_DISCOVER_FIELDS] = guest_discover_fields,
		[CALL_READ_OPEN] = guest_read_open, [CALL_READ_CLOSE] = guest_read_close, [CALL_ACKNOWLEDGE] = call_acknowledge,
		[CALL_GET] = call_get, [CALL_WRITE] = guest_write, [CALL_FINISH] = call_finish, [CALL_FIND] = call_find,
		[CALL_COUNT] = call_count, [CALL_DIGEST] = call_digest, [CALL_CONTENT_OPEN] = guest_content_open,
		[CALL_CONTENT_READ] = guest_content_read, [CALL_CONTENT_CLOSE] = guest_content_close,
		[CALL_CONTENT_CREATE] = guest_content_create, [CALL_CONTENT_WRITE] = guest_content_write,
		[CALL_CONTENT_FINISH] = guest_content_finish, [CALL_CONTENT_ABORT] = guest_content_abort, [CALL_WEBHOOK] = call_webhook,
	};
	const struct guest *guest = call->guest;

	if (id != CALL_LOAD && id != CALL_OPEN && !guest->open)
		guest_fail(call, SYNCLINE_INTERNAL, NULL, "the call '%s' came before the connector was open", call_row(id)->name);
	else if (!offered(guest, id))
		guest_fail(call, SYNCLINE_CONFIG, "`syncline connectors NAME` lists what a connector can do.", "the connector does not offer '%s' (%s)",
		           call_row(id)->name, call_row(id)->part != NULL ? call_row(id)->part : "");
	else
		return handlers[id](call);
	call->error.applied = SYNCLINE_APPLIED_NO;
	return guest->open || id == CALL_LOAD || id == CALL_OPEN ? SYNCLINE_CONFIG : SYNCLINE_INTERNAL;
}
