/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guest_stream.c: what stays open between calls: reads and documents.  A read runs ahead of the agent as far as its credit goes.
 * Runs in the guest's thread.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"
#include "host/inside.h"

#define STREAMS_MAX 64u
#define CREDIT_MAX 64u

static struct guest_stream *
add(struct guest_call *call, enum stream_kind kind)
{
	struct guest_stream *stream, **at = &call->guest->streams;
	uint32_t count = 0;

	for (; *at != NULL; at = &(*at)->next)
		if ((*at)->number == call->number || ++count >= STREAMS_MAX)
			return NULL;
	if ((stream = calloc(1, sizeof *stream)) == NULL)
		return NULL;
	if (kind == STREAM_READ && guest_batch_init(&stream->batch, NULL) != 0) {
		free(stream);
		return NULL;
	}
	stream->kind = kind;
	stream->number = call->number;
	arena_init(&stream->arena, 256 * 1024);
	stream->correlation = arena_text(&stream->arena, call->call.correlation);
	stream->traceparent = call->call.traceparent != NULL ? arena_text(&stream->arena, call->call.traceparent) : NULL;
	*at = stream;
	return stream;
}

static struct guest_stream *
find(struct guest *guest, uint32_t number, enum stream_kind kind)
{
	for (struct guest_stream *stream = guest->streams; stream != NULL; stream = stream->next)
		if (stream->number == number && stream->kind == kind)
			return stream;
	return NULL;
}

/* Forgets a stream whose handle the connector has taken back or never gave. */
static void
drop(struct guest *guest, struct guest_stream *stream)
{
	for (struct guest_stream **at = &guest->streams; *at != NULL; at = &(*at)->next)
		if (*at == stream) {
			*at = stream->next;
			break;
		}
	guest_batch_free(&stream->batch);
	arena_free(&stream->arena);
	free(stream);
}

void
guest_streams_close(struct guest *guest)
{
	while (guest->streams != NULL) {
		struct guest_stream *stream = guest->streams;

		if (stream->kind == STREAM_READ)
			guest->source.close_read(stream->handle);
		else if (stream->kind == STREAM_CONTENT_READ)
			guest->content.close_read(stream->handle);
		else
			guest->content.abort_write(stream->handle);
		drop(guest, stream);
	}
}

static uint32_t
no_room(struct guest_call *call)
{
	return guest_fail(call, SYNCLINE_RETRY, "Close the others first.", "no room, or no memory, for another open read or document");
}

uint32_t
guest_read_open(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	struct syncline_read_request request;
	struct guest *guest = call->guest;
	struct guest_stream *stream;
	uint32_t klass;

	codec_get_request(&call->wire, &request);
	if (!wire_done(&call->wire))
		return guest_unread(call);
	if ((stream = add(call, STREAM_READ)) == NULL)
		return no_room(call);
	klass = guest->source.open_read(guest->instance, &call->call, object, &request, &stream->handle, &call->error);
	if (klass != SYNCLINE_OK)
		drop(guest, stream);
	return klass;
}

/* A read that ends before the agent took all of it gives the state back as the agent has it. */
uint32_t
guest_read_close(struct guest_call *call)
{
	struct guest *guest = call->guest;
	uint32_t number = wire_get32(&call->wire), count;
	bool back = wire_get8(&call->wire) != 0;
	const struct connector_state *states = codec_get_states(&call->wire, &count);
	struct guest_stream *stream;

	if (!wire_done(&call->wire))
		return guest_unread(call);
	if ((stream = find(guest, number, STREAM_READ)) != NULL) {
		guest->source.close_read(stream->handle);
		drop(guest, stream);
	}
	if (back) {
		guest_state_free(&guest->state);
		if (guest_state_load(&guest->state, states, count) != 0)
			return guest_fail(call, SYNCLINE_RETRY, NULL, "no memory, or no room, for the connector's state");
	}
	return SYNCLINE_OK;
}

void
guest_credit(struct guest *guest, const struct message *message)
{
	struct guest_stream *stream = find(guest, message->number, STREAM_READ);
	struct wire wire;
	uint32_t more;

	wire_init(&wire, message->head, message->head_length, NULL);
	more = wire_get32(&wire);
	if (stream == NULL || wire.bad)
		return;
	stream->credits = more > CREDIT_MAX - stream->credits ? CREDIT_MAX : stream->credits + more;
	stream->timeout_ms = wire_get32(&wire);
}

/* A position or a claim that can't be one is a fault of the connector. */
static uint32_t
check_state(struct guest_call *call, const struct syncline_read_state *state)
{
	if (state->position.length > SYNCLINE_POSITION_MAX)
		return guest_fail(call, SYNCLINE_INTERNAL, "Report it to the connector's vendor.", "a position of %zu bytes; the limit is 64 KiB",
		                  state->position.length);
	if (state->completeness_count > CODEC_TENANTS_MAX || (state->completeness_count > 0 && state->completeness == NULL))
		return guest_fail(call, SYNCLINE_INTERNAL, "Report it to the connector's vendor.", "%u claims of completeness without a list",
		                  state->completeness_count);
	return SYNCLINE_OK;
}

static void
send_batch(struct guest_call *call, struct guest_stream *stream, uint32_t klass, const struct syncline_read_state *state)
{
	struct guest *guest = call->guest;
	struct error err = { 0 };
	struct batch *batch = NULL;
	struct buffer head;

	buffer_init(&head, 4u * 1024u * 1024u);
	if (klass == SYNCLINE_OK)
		klass = check_state(call, state);
	if (klass == SYNCLINE_OK && (batch = batch_builder_finish(stream->batch.builder, &err)) == NULL)
		klass = guest_fail_with(call, SYNCLINE_INTERNAL, &err);
	if (klass == SYNCLINE_OK) {
		wire_put32(&head, SYNCLINE_OK);
		guest_state_take(&guest->state, &head);
		codec_put_read_state(&head, state);
		stream->ended = state->end != 0;
	} else {
		guest_state_undo(&guest->state);
		codec_put_error(&head, klass, &call->error);
		stream->ended = true;
	}
	(void)guest_emit(guest, FRAME_BATCH, 0, stream->number, &head, batch != NULL ? batch->data : NULL, batch != NULL ? batch->size : 0);
	free(batch);
}

bool
guest_work(struct guest *guest)
{
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct guest_stream *stream;
	struct guest_call call;
	uint32_t klass;

	for (stream = guest->mute ? NULL : guest->streams; stream != NULL; stream = stream->next)
		if (stream->kind == STREAM_READ && stream->credits > 0 && !stream->ended)
			break;
	if (stream == NULL)
		return false;
	stream->credits--;
	guest_call_begin(&call, guest, stream->number, stream->timeout_ms);
	call.call.correlation = stream->correlation != NULL ? stream->correlation : "";
	call.call.traceparent = stream->traceparent;
	batch_builder_clear(stream->batch.builder, 0);
	(void)fault_point("guest.next.before");
	klass = guest->source.next(stream->handle, &call.call, &stream->batch, &state, &call.error);
	(void)fault_point("guest.next.after");
	send_batch(&call, stream, klass, &state);
	arena_free(&call.arena);
	return true;
}

uint32_t
guest_content_open(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	struct syncline_slice reference = wire_get_slice(&call->wire, SYNCLINE_CONTENT_REF_MAX);
	struct syncline_content_info info = { .struct_size = sizeof info, .length = UINT64_MAX, .modified_us = INT64_MIN };
	struct guest *guest = call->guest;
	struct guest_stream *stream;
	uint32_t klass;

	if (!wire_done(&call->wire))
		return guest_unread(call);
	if ((stream = add(call, STREAM_CONTENT_READ)) == NULL)
		return no_room(call);
	klass = guest->content.open_read(guest->instance, &call->call, object, &reference, &stream->handle, &info, &call->error);
	if (klass == SYNCLINE_OK)
		codec_put_content_info(&call->reply, &info);
	/* The agent that gets no reply knows of nothing to close. */
	if (klass == SYNCLINE_OK && call->reply.failed)
		guest->content.close_read(stream->handle);
	if (klass != SYNCLINE_OK || call->reply.failed)
		drop(guest, stream);
	return klass;
}

uint32_t
guest_content_read(struct guest_call *call)
{
	struct guest *guest = call->guest;
	struct guest_stream *stream = find(guest, wire_get32(&call->wire), STREAM_CONTENT_READ);
	uint32_t capacity = wire_get32(&call->wire), klass;
	size_t length = 0;

	if (!wire_done(&call->wire) || stream == NULL || capacity == 0 || capacity > CONNECTOR_CHUNK_MAX)
		return guest_unread(call);
	if ((call->body = malloc(capacity)) == NULL)
		return guest_fail(call, SYNCLINE_RETRY, NULL, "no memory for a part of a document");
	klass = guest->content.read(stream->handle, &call->call, call->body, capacity, &length, &call->error);
	if (klass == SYNCLINE_OK && length > capacity)
		return guest_fail(call, SYNCLINE_INTERNAL, "Report it to the connector's vendor.", "read() of a document claims %zu bytes in a buffer of %u",
		                  length, capacity);
	call->body_length = length;
	return klass;
}

uint32_t
guest_content_close(struct guest_call *call)
{
	struct guest *guest = call->guest;
	struct guest_stream *stream = find(guest, wire_get32(&call->wire), STREAM_CONTENT_READ);

	if (!wire_done(&call->wire))
		return guest_unread(call);
	if (stream != NULL) {
		guest->content.close_read(stream->handle);
		drop(guest, stream);
	}
	return SYNCLINE_OK;
}

uint32_t
guest_content_create(struct guest_call *call)
{
	const struct syncline_object *object = codec_get_object(&call->wire);
	struct guest *guest = call->guest;
	struct syncline_content_info info;
	struct guest_stream *stream;
	uint32_t klass;

	codec_get_content_info(&call->wire, &info);
	if (!wire_done(&call->wire))
		return guest_unread(call);
	if ((stream = add(call, STREAM_CONTENT_WRITE)) == NULL)
		return no_room(call);
	klass = guest->content.open_write(guest->instance, &call->call, object, &info, &stream->handle, &call->error);
	if (klass != SYNCLINE_OK)
		drop(guest, stream);
	return klass;
}

uint32_t
guest_content_write(struct guest_call *call)
{
	struct guest *guest = call->guest;
	struct guest_stream *stream = find(guest, wire_get32(&call->wire), STREAM_CONTENT_WRITE);

	if (!wire_done(&call->wire) || stream == NULL)
		return guest_unread(call);
	if (call->in->body_length == 0)
		return SYNCLINE_OK;
	return guest->content.write(stream->handle, &call->call, call->in->body, call->in->body_length, &call->error);
}

uint32_t
guest_content_finish(struct guest_call *call)
{
	struct guest *guest = call->guest;
	struct guest_stream *stream = find(guest, wire_get32(&call->wire), STREAM_CONTENT_WRITE);
	struct syncline_content_info info;
	char reference[SYNCLINE_CONTENT_REF_MAX];
	size_t length = 0;
	uint32_t klass;

	codec_get_content_info(&call->wire, &info);
	if (!wire_done(&call->wire) || stream == NULL) {
		/* Whatever comes of it, the agent is done with this document. */
		if (stream != NULL) {
			guest->content.abort_write(stream->handle);
			drop(guest, stream);
		}
		return guest_unread(call);
	}
	klass = guest->content.finish_write(stream->handle, &call->call, &info, reference, &length, &call->error);
	drop(guest, stream);
	if (klass == SYNCLINE_OK && length > sizeof reference)
		return guest_fail(call, SYNCLINE_INTERNAL, "Report it to the connector's vendor.", "the reference of a document has %zu bytes", length);
	wire_put_bytes(&call->reply, reference, klass == SYNCLINE_OK ? length : 0);
	return klass;
}

uint32_t
guest_content_abort(struct guest_call *call)
{
	struct guest *guest = call->guest;
	struct guest_stream *stream = find(guest, wire_get32(&call->wire), STREAM_CONTENT_WRITE);

	if (!wire_done(&call->wire))
		return guest_unread(call);
	if (stream != NULL) {
		guest->content.abort_write(stream->handle);
		drop(guest, stream);
	}
	return SYNCLINE_OK;
}
