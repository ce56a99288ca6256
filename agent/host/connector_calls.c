/* SPDX-License-Identifier: BSD-2-Clause */
/* connector_calls.c: check, discover, acknowledge, find, count, digest, webhook: one question, one answer. */
#include <string.h>

#include "host/proxy.h"

/* One FINDING message to the caller's function. */
static int
on_finding(void *data, const struct message *message, struct error *err)
{
	const struct connector_findings *f = data;
	struct syncline_object_info info = { .struct_size = sizeof info };
	const struct syncline_field *fields;
	const char *object, *text, *hint;
	struct arena arena;
	struct wire wire;
	uint32_t count, severity;

	if (message->type != FRAME_FINDING)
		return -1;
	arena_init(&arena, 4u * 1024u * 1024u);
	wire_init(&wire, message->head, message->head_length, &arena);
	switch (wire_get8(&wire)) {
	case CODEC_FINDING_OBJECT:
		info.native = wire_need_text(&wire, CODEC_TEXT_MAX);
		info.label = wire_get_text(&wire, CODEC_TEXT_MAX);
		info.capabilities = codec_get_capabilities(&wire);
		if (wire_done(&wire) && f->object != NULL)
			f->object(f->data, &info);
		break;
	case CODEC_FINDING_FIELD:
		fields = codec_get_fields(&wire, &count);
		if (wire_done(&wire) && count == 1 && f->field != NULL)
			f->field(f->data, fields);
		break;
	case CODEC_FINDING_REMARK:
		severity = wire_get32(&wire);
		object = wire_get_text(&wire, CODEC_TEXT_MAX);
		text = wire_need_text(&wire, CODEC_TEXT_MAX);
		hint = wire_need_text(&wire, CODEC_TEXT_MAX);
		if (wire_done(&wire) && f->remark != NULL)
			f->remark(f->data, severity <= SYNCLINE_LOG_ERROR ? severity : SYNCLINE_LOG_ERROR, object, text, hint);
		break;
	default:
		wire_fail(&wire);
	}
	arena_free(&arena);
	if (wire.starved)
		return error_memory(err);
	return wire_done(&wire) ? 0 : -1;
}

static int
call_findings(struct connector *c, enum call_id id, const struct syncline_object *object, const struct connector_findings *findings,
              struct error *err)
{
	struct connector_findings copy = *findings;
	struct buffer head;
	struct reply reply;
	int result;

	if (proxy_offers(c, call_row((uint32_t)id)->part, err) != 0)
		return -1;
	proxy_begin(c, &head);
	if (object != NULL)
		codec_put_object(&head, object);
	result = proxy_call(c, id, NULL, &head, NULL, 0, on_finding, &copy, &reply, err);
	reply_free(&reply);
	return result;
}

int
connector_check(struct connector *c, const struct connector_findings *findings, struct error *err)
{
	return call_findings(c, CALL_CHECK, NULL, findings, err);
}

int
connector_discover_objects(struct connector *c, const struct connector_findings *findings, struct error *err)
{
	return call_findings(c, CALL_DISCOVER_OBJECTS, NULL, findings, err);
}

int
connector_discover_fields(struct connector *c, const struct syncline_object *object, const struct connector_findings *findings, struct error *err)
{
	return call_findings(c, CALL_DISCOVER_FIELDS, object, findings, err);
}

int
connector_acknowledge(struct connector *c, const struct syncline_object *object, const struct syncline_slice *position, struct error *err)
{
	struct buffer head;
	struct reply reply;
	int result;

	if (proxy_offers(c, "source/1", err) != 0)
		return -1;
	if ((c->info->optional & CONNECTOR_HAS_ACKNOWLEDGE) == 0)
		return 0;
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	wire_put_slice(&head, position);
	result = proxy_call(c, CALL_ACKNOWLEDGE, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
	reply_free(&reply);
	return result;
}

int
connector_find(struct connector *c, const struct syncline_object *object, const struct syncline_criterion *criteria, uint32_t count,
               uint32_t limit, struct batch **ret_batch, struct error *err)
{
	struct batch *batch = NULL;
	struct buffer head;
	struct reply reply;

	if (proxy_offers(c, "find/1", err) != 0)
		return -1;
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	codec_put_criteria(&head, criteria, count);
	wire_put32(&head, limit);
	if (proxy_call(c, CALL_FIND, NULL, &head, NULL, 0, NULL, NULL, &reply, err) == 0)
		batch = proxy_take_batch(c, "find", reply.message, err);
	reply_free(&reply);
	if (batch == NULL)
		return -1;
	*ret_batch = batch;
	return 0;
}

int
connector_count(struct connector *c, const struct syncline_object *object, uint64_t *ret_count, struct error *err)
{
	struct buffer head;
	struct reply reply;
	uint64_t count;
	int result;

	if (proxy_offers(c, "count/1", err) != 0)
		return -1;
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	result = proxy_call(c, CALL_COUNT, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
	if (result == 0) {
		count = wire_get64(&reply.wire);
		if (wire_done(&reply.wire))
			*ret_count = count;
		else
			result = proxy_unread(c, "count", &reply.wire, err);
	}
	reply_free(&reply);
	return result;
}

int
connector_digest(struct connector *c, const struct syncline_object *object, const char *const *fields, uint32_t field_count, const uint8_t key[16],
                 struct syncline_digest_bucket *ret_buckets, uint32_t bucket_count, struct error *err)
{
	struct buffer head;
	struct reply reply;
	int result;

	if (proxy_offers(c, "digest/1", err) != 0)
		return -1;
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	codec_put_texts(&head, fields, field_count);
	wire_put_bytes(&head, key, 16);
	wire_put32(&head, bucket_count);
	result = proxy_call(c, CALL_DIGEST, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
	if (result == 0 && (uint64_t)(reply.wire.end - reply.wire.at) != (uint64_t)bucket_count * 24)
		result = proxy_damaged(c, "digest", err);
	for (uint32_t i = 0; result == 0 && i < bucket_count; i++) {
		ret_buckets[i].count = wire_get64(&reply.wire);
		ret_buckets[i].sum[0] = wire_get64(&reply.wire);
		ret_buckets[i].sum[1] = wire_get64(&reply.wire);
	}
	reply_free(&reply);
	return result;
}

int
connector_webhook(struct connector *c, const struct syncline_webhook_request *request, char *ret_object, struct batch **ret_batch,
                  struct error *err)
{
	struct batch *batch = NULL;
	const char *object;
	struct buffer head;
	struct reply reply;

	if (proxy_offers(c, "webhook/1", err) != 0)
		return -1;
	proxy_begin(c, &head);
	codec_put_webhook(&head, request);
	if (proxy_call(c, CALL_WEBHOOK, NULL, &head, NULL, 0, NULL, NULL, &reply, err) == 0) {
		object = wire_need_text(&reply.wire, SYNCLINE_NAME_MAX);
		if (!wire_done(&reply.wire))
			(void)proxy_unread(c, "take a webhook", &reply.wire, err);
		else if ((batch = proxy_take_batch(c, "take a webhook", reply.message, err)) != NULL)
			strcpy(ret_object, object);
	}
	reply_free(&reply);
	if (batch == NULL)
		return -1;
	*ret_batch = batch;
	return 0;
}
