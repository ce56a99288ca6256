/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.c: one call through a link: send, wait, cancel, give it a grace time, end the process.  The thread that uses the connector.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "host/proxy.h"
#include "os/os.h"

void
reply_free(struct reply *reply)
{
	message_free(reply->message);
	arena_free(&reply->arena);
	memset(reply, 0, sizeof *reply);
}

void
proxy_begin(struct connector *c, struct buffer *head)
{
	struct codec_call call = { .deadline_ms = c->timeout_ms, .correlation = c->correlation, .traceparent = c->traceparent };

	buffer_init(head, FRAME_HEAD_MAX);
	codec_put_call(head, &call);
}

bool
proxy_same(const struct connector *c, uint32_t incarnation)
{
	return c->link != NULL && c->incarnation == incarnation;
}

int
proxy_offers(const struct connector *c, const char *part, struct error *err)
{
	if (connector_info_offers(c->info, part))
		return 0;
	error_fill(err, ERROR_HOST_PART, "`syncline connectors NAME` lists what a connector can do.",
	           "the connector %s of system %s does not offer %s", c->info->descriptor.name, c->system, part);
	error_place(err, "system %s", c->system);
	return -1;
}

int
proxy_refused(struct connector *c, const char *what, uint32_t klass, const struct syncline_error *said, struct error *err)
{
	if (klass == SYNCLINE_CANCELLED && !atomic_load(&c->cancelled)) {
		error_fill(err, ERROR_HOST_TIMEOUT, "Look at the system, or allow the call more time.",
		           "the connector of system %s ended '%s' at its deadline of %u ms", c->system, what, c->timeout_ms);
		error_detail(err, "%s", said->message);
		error_place(err, "system %s", c->system);
		return -1;
	}
	error_from_connector(err, klass, said);
	error_place(err, "system %s", c->system);
	if (err != NULL && said->message[0] == '\0')
		snprintf(err->message, sizeof err->message, "'%s' failed without a reason (%s)", what, error_class_name(err->klass));
	return -1;
}

static void
drop_link(struct connector *c, uint32_t grace_ms, char *ending, size_t size)
{
	struct link *link;

	pthread_mutex_lock(&c->lock);
	link = c->link;
	c->link = NULL;
	pthread_mutex_unlock(&c->lock);
	if (link != NULL)
		link->op->close(link, grace_ms, ending, size);
}

int
proxy_broke(struct connector *c, const char *what, struct error *err)
{
	char ending[128] = "";
	struct error why = { 0 };

	if (err != NULL)
		why = *err;
	drop_link(c, 0, ending, sizeof ending);
	c->crashes++;
	if (!c->patient)
		(void)restart_event(&c->restart, RESTART_FAILED, os_monotonic_ms());
	if (why.code == ERROR_HOST_TIMEOUT || why.code == ERROR_CONNECTOR_CANCELLED) {
		if (ending[0] != '\0')
			error_detail(err, "its process was ended: %s", ending);
	} else if (why.code == ERROR_HOST_PROTOCOL || why.code == ERROR_BATCH_INVALID) {
		error_fill(err, ERROR_HOST_PROTOCOL, "Report it to the connector's vendor, with its version.",
		           "the connector of system %s broke the protocol during '%s': %s", c->system, what, why.message);
		error_detail(err, "%s", c->path);
	} else {
		error_fill(err, ERROR_HOST_GONE, "It is started again with the next call. Report the crash to the connector's vendor.",
		           "the process of the connector of system %s is gone during '%s': %s", c->system, what,
		           ending[0] != '\0' ? ending : "nobody knows how it ended");
		error_detail(err, "%s", c->path);
	}
	error_place(err, "system %s", c->system);
	return -1;
}

int
proxy_damaged(struct connector *c, const char *what, struct error *err)
{
	error_fill(err, ERROR_HOST_PROTOCOL, NULL, "a message is damaged");
	return proxy_broke(c, what, err);
}

static struct state_entry *
find_state(struct connector *c, const char *key)
{
	for (uint32_t i = 0; i < c->state_count; i++)
		if (strcmp(c->state[i].key, key) == 0)
			return &c->state[i];
	return NULL;
}

static int
set_state(struct connector *c, const struct connector_state *change)
{
	struct state_entry *entry = find_state(c, change->key), *more;
	uint8_t *value = NULL;

	if (change->value.data != NULL) {
		if ((value = malloc(change->value.length > 0 ? change->value.length : 1)) == NULL)
			return -1;
		memcpy(value, change->value.data, change->value.length);
	}
	if (entry == NULL) {
		if (value == NULL)
			return 0;
		if ((more = realloc(c->state, (c->state_count + 1) * sizeof *more)) == NULL) {
			free(value);
			return -1;
		}
		c->state = more;
		entry = &more[c->state_count];
		memset(entry, 0, sizeof *entry);
		if ((entry->key = malloc(strlen(change->key) + 1)) == NULL) {
			free(value);
			return -1;
		}
		strcpy(entry->key, change->key);
		c->state_count++;
	}
	free(entry->value);
	entry->value = value;
	entry->length = change->value.length;
	return 0;
}

int
proxy_commit_initial(struct connector *c, const struct connector_state *item)
{
	return set_state(c, item);
}

int
proxy_commit(struct connector *c, const struct connector_state *changes, uint32_t count, struct error *err)
{
	if (count == 0)
		return 0;
	if (c->options.commit != NULL && c->options.commit(c->options.commit_data, changes, count, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count; i++)
		if (set_state(c, &changes[i]) != 0)
			return error_memory(err);
	return 0;
}

void
proxy_put_state(const struct connector *c, struct buffer *to)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->state_count; i++)
		count += c->state[i].value != NULL;
	wire_put32(to, count);
	for (uint32_t i = 0; i < c->state_count; i++)
		if (c->state[i].value != NULL) {
			wire_put_text(to, c->state[i].key);
			wire_put8(to, 1);
			wire_put_bytes(to, c->state[i].value, c->state[i].length);
		}
}

struct batch *
proxy_take_batch(struct connector *c, const char *what, struct message *message, struct error *err)
{
	struct batch *batch;
	uint8_t *body = message->body;

	message->body = NULL;
	if (body == NULL) {
		proxy_damaged(c, what, err);
		return NULL;
	}
	batch = batch_adopt(body, message->body_length, err);
	if (batch == NULL)
		proxy_broke(c, what, err);
	return batch;
}

static int
send_cancel(struct connector *c, uint32_t number, int64_t until)
{
	struct message *message = message_new(FRAME_CANCEL, 0, number, NULL, NULL, 0, NULL);

	return message != NULL ? c->link->op->send(c->link, message, until, NULL) : -1;
}

static int
too_late(struct connector *c, const char *what, bool cancelled, struct error *err)
{
	if (cancelled)
		error_fill(err, ERROR_CONNECTOR_CANCELLED, NULL, "'%s' was cancelled, and the connector of system %s did not end it in time", what, c->system);
	else
		error_fill(err, ERROR_HOST_TIMEOUT, "Look at the system, or allow the call more time.",
		           "the connector of system %s did not answer '%s' within %u ms, nor %u ms after it was told to stop", c->system, what,
		           c->timeout_ms, c->options.grace_ms);
	return proxy_broke(c, what, err);
}

/*
 * The next message of a call or stream.  Once the deadline has passed or somebody cancelled, the connector is told, has its grace
 * time, and loses its process.
 */
static int
wait_message(struct connector *c, const char *what, uint32_t number, int64_t *until, bool *told, struct message **ret_message, struct error *err)
{
	for (;;) {
		bool cancelled = atomic_load(&c->cancelled);
		int got;

		if (!*told && (cancelled || os_monotonic_ms() >= *until)) {
			*until = os_monotonic_ms() + c->options.grace_ms;
			*told = true;
			(void)send_cancel(c, number, *until);
		}
		got = c->link->op->receive(c->link, number, *until, ret_message, err);
		if (got > 0)
			return 0;
		if (got < 0)
			return proxy_broke(c, what, err);
		if (*told && os_monotonic_ms() >= *until)
			return too_late(c, what, atomic_load(&c->cancelled), err);
	}
}

int
proxy_wait(struct connector *c, const char *what, uint32_t number, struct message **ret_message, struct error *err)
{
	int64_t until = os_monotonic_ms() + c->timeout_ms;
	bool told = false;

	return wait_message(c, what, number, &until, &told, ret_message, err);
}

/* Class, texts and changes of state of a reply. */
static int
read_reply(struct connector *c, const char *what, struct reply *reply, struct error *err)
{
	struct connector_state *changes;
	struct syncline_error said;
	uint32_t klass, count;

	arena_init(&reply->arena, 64u * 1024u * 1024u);
	wire_init(&reply->wire, reply->message->head, reply->message->head_length, &reply->arena);
	klass = wire_get32(&reply->wire);
	if (klass != SYNCLINE_OK) {
		wire_init(&reply->wire, reply->message->head, reply->message->head_length, &reply->arena);
		klass = codec_get_error(&reply->wire, &said);
		return wire_done(&reply->wire) ? proxy_refused(c, what, klass, &said, err) : proxy_damaged(c, what, err);
	}
	changes = codec_get_states(&reply->wire, &count);
	if (reply->wire.bad)
		return proxy_damaged(c, what, err);
	return proxy_commit(c, changes, count, err);
}

static int
exchange(struct connector *c, enum call_id id, uint32_t number, int64_t until, int (*on_event)(void *, const struct message *, struct error *),
         void *data, struct reply *reply, struct error *err)
{
	const char *what = call_row((uint32_t)id)->name;
	struct message *message;
	bool told = false;

	for (;;) {
		if (wait_message(c, what, number, &until, &told, &message, err) != 0)
			return -1;
		if (message->type == FRAME_REPLY && message->call == id) {
			reply->message = message;
			return read_reply(c, what, reply, err);
		}
		if ((message->type != FRAME_RESULT && message->type != FRAME_FINDING) || on_event == NULL || on_event(data, message, err) != 0) {
			message_free(message);
			return proxy_damaged(c, what, err);
		}
		message_free(message);
	}
}

/* A process that ended while nobody asked anything of it is not this call's failure, unless the call belongs to what it had open. */
static void
look_for_ending(struct connector *c, enum call_id id)
{
	struct message *none;

	if (c->link == NULL || c->link->pid == 0 || id == CALL_LOAD || id == CALL_OPEN || id == CALL_READ_CLOSE || id == CALL_CONTENT_READ ||
	    id == CALL_CONTENT_WRITE || id == CALL_CONTENT_FINISH || id == CALL_CONTENT_CLOSE || id == CALL_CONTENT_ABORT)
		return;
	if (c->link->op->receive(c->link, 0, 0, &none, NULL) < 0) {
		drop_link(c, 0, NULL, 0);
		c->crashes++;
		if (!c->patient)
			(void)restart_event(&c->restart, RESTART_FAILED, os_monotonic_ms());
	}
}

static int
ready(struct connector *c, enum call_id id, struct error *err)
{
	if (atomic_load(&c->cancelled) && id != CALL_READ_CLOSE && id != CALL_CONTENT_CLOSE && id != CALL_CONTENT_ABORT)
		return error_set(err, ERROR_CONNECTOR_CANCELLED, NULL, "'%s' was cancelled before it began", call_row((uint32_t)id)->name);
	look_for_ending(c, id);
	return id == CALL_LOAD || id == CALL_OPEN || c->link != NULL ? 0 : proxy_run(c, err);
}

int
proxy_call(struct connector *c, enum call_id id, uint32_t *number, struct buffer *head, uint8_t *body, size_t body_length,
           int (*on_event)(void *data, const struct message *message, struct error *err), void *data, struct reply *ret_reply, struct error *err)
{
	uint32_t own = 0, *at = number != NULL ? number : &own;
	int64_t until = os_monotonic_ms() + c->timeout_ms;
	struct message *message;
	int result;

	memset(ret_reply, 0, sizeof *ret_reply);
	if (ready(c, id, err) != 0) {
		buffer_free(head);
		free(body);
		return -1;
	}
	if (*at == 0)
		*at = ++c->number != 0 ? c->number : ++c->number;
	if ((message = message_new(FRAME_CALL, (uint16_t)id, *at, head, body, body_length, err)) == NULL)
		return -1;
	if (id == CALL_OPEN)
		message->flags |= MESSAGE_SECRET;
	if (c->link->op->expect(c->link, *at, 0) != 0) {
		message_free(message);
		return error_set(err, ERROR_HOST_MESSAGE, "Close reads and documents that are done.", "too many open reads and documents");
	}
	ret_reply->sent = true;
	if (c->link->op->send(c->link, message, until, err) != 0)
		result = proxy_broke(c, call_row((uint32_t)id)->name, err);
	else
		result = exchange(c, id, *at, until, on_event, data, ret_reply, err);
	if (c->link != NULL) {
		if (id != CALL_READ_OPEN || result != 0)
			c->link->op->forget(c->link, *at);
		(void)restart_event(&c->restart, RESTART_ANSWERED, os_monotonic_ms());
	}
	return result;
}
