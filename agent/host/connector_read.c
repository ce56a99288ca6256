/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector_read.c: reads: open, batches under credit, acceptance, close.  The host runs ahead of the reader by as many batches as
 * it has credit for; each batch that is taken gives one back.
 */
#include <stdlib.h>
#include <string.h>

#include "host/proxy.h"
#include "os/os.h"

#define WHAT "next"

struct connector_read {
	struct connector *connector;
	uint32_t number;
	uint32_t incarnation;
	bool begun; /* its first batch was asked for */
	bool ended;
	bool failed;
	struct message *message; /* of the last batch: its state points there */
	struct arena arena;
	struct connector_state *changes; /* since the last acceptance; owned texts */
	uint32_t change_count;
};

static int
send_credit(struct connector_read *read, uint32_t batches, struct error *err)
{
	struct connector *c = read->connector;
	struct message *message;
	struct buffer head;

	buffer_init(&head, 16);
	wire_put32(&head, batches);
	wire_put32(&head, c->timeout_ms);
	if (c->link->op->expect(c->link, read->number, batches) != 0)
		return error_set(err, ERROR_HOST_MESSAGE, "Close reads and documents that are done.", "too many open reads and documents");
	if ((message = message_new(FRAME_CREDIT, 0, read->number, &head, NULL, 0, err)) == NULL)
		return -1;
	return c->link->op->send(c->link, message, INT64_MAX / 2, err) == 0 ? 0 : proxy_broke(c, WHAT, err);
}

int
connector_read_open(struct connector *c, const struct syncline_object *object, const struct syncline_read_request *request,
                    struct connector_read **ret_read, struct error *err)
{
	struct connector_read *read;
	struct buffer head;
	struct reply reply;
	bool done;
	int result;

	if (proxy_offers(c, "source/1", err) != 0)
		return -1;
	if ((read = calloc(1, sizeof *read)) == NULL)
		return error_memory(err);
	read->connector = c;
	arena_init(&read->arena, 64u * 1024u * 1024u);
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	codec_put_request(&head, request);
	result = proxy_call(c, CALL_READ_OPEN, &read->number, &head, NULL, 0, NULL, NULL, &reply, err);
	if (result == 0 && !wire_done(&reply.wire))
		result = proxy_unread(c, "open a read", &reply.wire, err);
	done = reply.done;
	reply_free(&reply);
	read->incarnation = c->incarnation;
	/* In this process a credit is worked off at once, so it is given when a batch is wanted. */
	if (result == 0 && !c->options.direct)
		result = send_credit(read, c->options.credits, err);
	if (result != 0) {
		/* The connector may have it open, and it must not stay so. */
		read->failed = true;
		if (done)
			connector_read_close(read);
		else
			free(read);
		return -1;
	}
	*ret_read = read;
	return 0;
}

static int
keep_changes(struct connector_read *read, const struct connector_state *changes, uint32_t count)
{
	struct connector_state *more;

	if (count == 0)
		return 0;
	if ((more = realloc(read->changes, (read->change_count + (size_t)count) * sizeof *more)) == NULL)
		return -1;
	read->changes = more;
	for (uint32_t i = 0; i < count; i++) {
		struct connector_state *to = &more[read->change_count];
		char *key = malloc(strlen(changes[i].key) + 1);
		uint8_t *value = changes[i].value.data != NULL ? malloc(changes[i].value.length + 1) : NULL;

		if (key == NULL || (changes[i].value.data != NULL && value == NULL)) {
			free(key);
			free(value);
			return -1;
		}
		strcpy(key, changes[i].key);
		if (value != NULL)
			memcpy(value, changes[i].value.data, changes[i].value.length);
		*to = (struct connector_state){ key, { value, changes[i].value.length } };
		read->change_count++;
	}
	return 0;
}

static void
drop_changes(struct connector_read *read)
{
	for (uint32_t i = 0; i < read->change_count; i++) {
		free((void *)(uintptr_t)read->changes[i].key);
		free((void *)(uintptr_t)read->changes[i].value.data);
	}
	free(read->changes);
	read->changes = NULL;
	read->change_count = 0;
}

/* Class, changes of state and the state of the read. */
static int
read_head(struct connector_read *read, struct connector_read_state *ret_state, struct error *err)
{
	struct connector *c = read->connector;
	struct connector_state *changes;
	struct syncline_error said;
	struct wire wire;
	uint32_t klass, count;

	arena_reset(&read->arena);
	wire_init(&wire, read->message->head, read->message->head_length, &read->arena);
	klass = wire_get32(&wire);
	if (klass != SYNCLINE_OK) {
		wire_init(&wire, read->message->head, read->message->head_length, &read->arena);
		klass = codec_get_error(&wire, &said);
		return wire_done(&wire) ? proxy_refused(c, WHAT, klass, &said, err) : proxy_unread(c, WHAT, &wire, err);
	}
	changes = codec_get_states(&wire, &count);
	codec_get_read_state(&wire, ret_state);
	if (!wire_done(&wire))
		return proxy_unread(c, WHAT, &wire, err);
	return keep_changes(read, changes, count) == 0 ? 0 : error_memory(err);
}

static int
next(struct connector_read *read, struct batch **ret_batch, struct connector_read_state *ret_state, struct error *err)
{
	struct connector *c = read->connector;
	struct connector_read_state state = { 0 };
	struct batch *batch;

	if (c->options.direct && send_credit(read, 1, err) != 0)
		return -1;
	if (proxy_wait(c, WHAT, read->number, &read->message, err) != 0)
		return -1;
	if (read->message->type != FRAME_BATCH)
		return proxy_damaged(c, WHAT, err);
	if (read_head(read, &state, err) != 0 || (batch = proxy_take_batch(c, WHAT, read->message, err)) == NULL)
		return -1;
	read->ended = state.end;
	if (!state.end && !c->options.direct && send_credit(read, 1, err) != 0) {
		batch_free(batch);
		return -1;
	}
	(void)restart_event(&c->restart, RESTART_ANSWERED, os_monotonic_ms());
	*ret_state = state;
	*ret_batch = batch;
	return 0;
}

int
connector_read_next(struct connector_read *read, struct batch **ret_batch, struct connector_read_state *ret_state, struct error *err)
{
	struct connector *c = read->connector;
	int result;

	if (read->failed || read->ended)
		return error_set(err, ERROR_INTERNAL, NULL, "a read of system %s went on after its end", c->system);
	if (atomic_load(&c->cancelled))
		return error_set(err, ERROR_CONNECTOR_CANCELLED, NULL, "the read of system %s was cancelled", c->system);
	if (!proxy_same(c, read->incarnation))
		return error_set(err, ERROR_HOST_GONE, "Read again from the last position that was stored.",
		                 "the process that read system %s is gone; the read ended with it", c->system);
	message_free(read->message);
	read->message = NULL;
	/* The first batch comes with the opening. */
	result = read->begun ? proxy_admit(c, CALL_READ_OPEN, err) : 0;
	if (result == 0) {
		result = next(read, ret_batch, ret_state, err);
		proxy_heard(c, CALL_READ_OPEN, result == 0 ? NULL : err);
	}
	read->begun = true;
	read->failed = result != 0;
	return result;
}

bool
connector_read_ready(const struct connector_read *read)
{
	const struct connector *c = read->connector;

	return read->failed || read->ended || atomic_load(&c->cancelled) || !proxy_same(c, read->incarnation) ||
	       c->link->op->ready(c->link, read->number);
}

int
connector_read_accept(struct connector_read *read, struct error *err)
{
	if (proxy_commit(read->connector, read->changes, read->change_count, err) != 0)
		return -1;
	drop_changes(read);
	return 0;
}

/* Not taken to the end or not accepted: the connector gets its state back as it is stored. */
void
connector_read_close(struct connector_read *read)
{
	struct connector *c;
	struct buffer head;
	bool back;

	if (read == NULL)
		return;
	c = read->connector;
	if (proxy_same(c, read->incarnation)) {
		c->link->op->forget(c->link, read->number);
		back = !read->ended || read->failed || read->change_count > 0;
		proxy_begin(c, &head);
		wire_put32(&head, read->number);
		wire_put8(&head, back);
		if (back)
			proxy_put_state(c, &head);
		else
			wire_put32(&head, 0);
		proxy_close(c, CALL_READ_CLOSE, read->incarnation, &head);
	}
	drop_changes(read);
	message_free(read->message);
	arena_free(&read->arena);
	free(read);
}
