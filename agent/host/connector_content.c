/* SPDX-License-Identifier: BSD-2-Clause */
/* connector_content.c: documents, in chunks: memory does not grow with the document. */
#include <stdlib.h>
#include <string.h>

#include "host/proxy.h"

struct connector_content {
	struct connector *connector;
	uint32_t number;
	uint32_t incarnation;
	bool failed;        /* a part of it is lost: it is of no use any more */
	struct arena arena; /* the texts of its info */
};

static void
end_stream(struct connector_content *content, enum call_id id)
{
	struct buffer head;

	proxy_begin(content->connector, &head);
	wire_put32(&head, content->number);
	proxy_close(content->connector, id, content->incarnation, &head);
	arena_free(&content->arena);
	free(content);
}

static int
open_stream(struct connector *c, enum call_id id, struct buffer *head, struct connector_content **ret_content,
            struct syncline_content_info *ret_info, struct error *err)
{
	struct connector_content *content = calloc(1, sizeof *content);
	struct syncline_content_info info;
	struct reply reply;
	bool done;
	int result;

	if (content == NULL) {
		buffer_free(head);
		return error_memory(err);
	}
	content->connector = c;
	arena_init(&content->arena, 1024 * 1024);
	result = proxy_call(c, id, &content->number, head, NULL, 0, NULL, NULL, &reply, err);
	content->incarnation = c->incarnation;
	if (result == 0 && ret_info != NULL) {
		reply.wire.arena = &content->arena;
		codec_get_content_info(&reply.wire, &info);
	}
	if (result == 0 && !wire_done(&reply.wire))
		result = proxy_unread(c, call_row((uint32_t)id)->name, &reply.wire, err);
	done = reply.done;
	reply_free(&reply);
	if (result != 0 && done) {
		/* The connector has it open, and it must not stay so. */
		end_stream(content, id == CALL_CONTENT_OPEN ? CALL_CONTENT_CLOSE : CALL_CONTENT_ABORT);
		return -1;
	}
	if (result != 0) {
		arena_free(&content->arena);
		free(content);
		return -1;
	}
	if (ret_info != NULL)
		*ret_info = info;
	*ret_content = content;
	return 0;
}

int
connector_content_open(struct connector *c, const struct syncline_object *object, const struct syncline_slice *reference,
                       struct connector_content **ret_content, struct syncline_content_info *ret_info, struct error *err)
{
	struct buffer head;

	if (proxy_offers(c, "content/1", err) != 0)
		return -1;
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	wire_put_slice(&head, reference);
	return open_stream(c, CALL_CONTENT_OPEN, &head, ret_content, ret_info, err);
}

int
connector_content_create(struct connector *c, const struct syncline_object *object, const struct syncline_content_info *info,
                         struct connector_content **ret_content, struct error *err)
{
	struct buffer head;

	if (proxy_offers(c, "content/1", err) != 0)
		return -1;
	if (!c->options.writable)
		return error_set(err, ERROR_HOST_READ_ONLY, "Set `writable = true` for it, if that is meant.", "the system %s is not writable", c->system);
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	codec_put_content_info(&head, info);
	return open_stream(c, CALL_CONTENT_CREATE, &head, ret_content, NULL, err);
}

static int
usable(const struct connector_content *content, struct error *err)
{
	if (content->failed)
		return error_set(err, ERROR_INTERNAL, NULL, "a document of system %s was used on after a part of it had failed", content->connector->system);
	if (proxy_same(content->connector, content->incarnation))
		return 0;
	return error_set(err, ERROR_HOST_GONE, "Begin the document again.", "the process that had a document of system %s open is gone",
	                 content->connector->system);
}

int
connector_content_read(struct connector_content *content, void *buffer, size_t capacity, size_t *ret_length, struct error *err)
{
	struct connector *c = content->connector;
	uint32_t wanted = capacity > CONNECTOR_CHUNK_MAX ? CONNECTOR_CHUNK_MAX : (uint32_t)capacity;
	struct buffer head;
	struct reply reply;
	int result;

	if (usable(content, err) != 0)
		return -1;
	proxy_begin(c, &head);
	wire_put32(&head, content->number);
	wire_put32(&head, wanted);
	result = proxy_call(c, CALL_CONTENT_READ, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
	if (result == 0 && (!wire_done(&reply.wire) || reply.message->body_length > wanted))
		result = proxy_unread(c, "read a document", &reply.wire, err);
	if (result == 0) {
		if (reply.message->body_length > 0)
			memcpy(buffer, reply.message->body, reply.message->body_length);
		*ret_length = reply.message->body_length;
	}
	content->failed = result != 0;
	reply_free(&reply);
	return result;
}

static int
write_chunk(struct connector_content *content, const uint8_t *data, size_t length, struct error *err)
{
	struct connector *c = content->connector;
	uint8_t *body = malloc(length);
	struct buffer head;
	struct reply reply;
	int result;

	if (body == NULL)
		return error_memory(err);
	memcpy(body, data, length);
	proxy_begin(c, &head);
	wire_put32(&head, content->number);
	result = proxy_call(c, CALL_CONTENT_WRITE, NULL, &head, body, length, NULL, NULL, &reply, err);
	reply_free(&reply);
	return result;
}

int
connector_content_write(struct connector_content *content, const void *data, size_t length, struct error *err)
{
	const uint8_t *at = data;

	if (usable(content, err) != 0)
		return -1;
	while (length > 0) {
		size_t now = length < CONNECTOR_CHUNK_MAX ? length : CONNECTOR_CHUNK_MAX;

		if (write_chunk(content, at, now, err) != 0) {
			content->failed = true;
			return -1;
		}
		at += now;
		length -= now;
	}
	return 0;
}

int
connector_content_finish(struct connector_content *content, const struct syncline_content_info *info, char *reference, size_t *ret_length,
                         struct error *err)
{
	struct connector *c = content->connector;
	struct syncline_slice given;
	struct buffer head;
	struct reply reply;
	int result = usable(content, err);

	memset(&reply, 0, sizeof reply);
	if (result == 0) {
		proxy_begin(c, &head);
		wire_put32(&head, content->number);
		codec_put_content_info(&head, info);
		result = proxy_call(c, CALL_CONTENT_FINISH, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
		if (result == 0) {
			given = wire_get_slice(&reply.wire, SYNCLINE_CONTENT_REF_MAX);
			if (!wire_done(&reply.wire)) {
				result = proxy_unread(c, "finish a document", &reply.wire, err);
			} else {
				memcpy(reference, given.data, given.length);
				*ret_length = given.length;
			}
		}
	}
	/* Whatever became of the call, the connector has nothing open after it; but it must have got it. */
	if (!reply.sent)
		end_stream(content, CALL_CONTENT_ABORT);
	else {
		arena_free(&content->arena);
		free(content);
	}
	reply_free(&reply);
	return result;
}

void
connector_content_close(struct connector_content *content)
{
	if (content != NULL)
		end_stream(content, CALL_CONTENT_CLOSE);
}

void
connector_content_abort(struct connector_content *content)
{
	if (content != NULL)
		end_stream(content, CALL_CONTENT_ABORT);
}
