/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proxy.c: one call through a link: send, wait, cancel, give it a grace time, end the process.  The thread that uses the connector.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/fault.h"
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
	struct codec_call call = { .deadline_ms = c->timeout_ms, .correlation = c->system };
	char trace[CONNECTOR_TRACE + 1], parent[80];
	uint64_t span;

	pthread_mutex_lock(&c->lock);
	memcpy(trace, c->trace, sizeof trace);
	pthread_mutex_unlock(&c->lock);
	if (trace[0] != '\0') {
		/* W3C Trace Context, level 1: version, trace, this call, sampled. */
		randombytes_buf(&span, sizeof span);
		snprintf(parent, sizeof parent, "00-%s-%016" PRIx64 "-01", trace, span | 1);
		call.correlation = trace;
		call.traceparent = parent;
	}
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

static bool
drop_link(struct connector *c, uint32_t grace_ms, char *ending, size_t size)
{
	struct link *link;

	pthread_mutex_lock(&c->lock);
	link = c->link;
	c->link = NULL;
	pthread_mutex_unlock(&c->lock);
	return link != NULL && link->op->close(link, grace_ms, ending, size);
}

int
proxy_broke(struct connector *c, const char *what, struct error *err)
{
	char ending[128] = "";
	struct error why = { 0 };
	bool starved;

	if (err != NULL)
		why = *err;
	starved = drop_link(c, 0, ending, sizeof ending);
	if (why.code == ERROR_MEMORY) {
		/* This side's misfortune: nothing is counted, and nobody is blamed. */
		error_place(err, "system %s", c->system);
		return -1;
	}
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
	} else if (starved) {
		error_fill(err, ERROR_MEMORY, "Allow it more memory, or fewer and smaller records at a time.",
		           "the process of the connector of system %s found no memory during '%s'", c->system, what);
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

int
proxy_unread(struct connector *c, const char *what, const struct wire *wire, struct error *err)
{
	if (!wire->starved)
		return proxy_damaged(c, what, err);
	error_fill_memory(err);
	return proxy_broke(c, what, err);
}

void
proxy_close(struct connector *c, enum call_id id, uint32_t incarnation, struct buffer *head)
{
	struct reply reply;

	if (!proxy_same(c, incarnation)) {
		buffer_free(head);
		return;
	}
	if (proxy_call(c, id, NULL, head, NULL, 0, NULL, NULL, &reply, NULL) != 0 && !reply.done && proxy_same(c, incarnation))
		(void)drop_link(c, c->options.grace_ms, NULL, 0);
	reply_free(&reply);
}

static struct state_entry *
find_state(struct connector *c, const char *key)
{
	for (uint32_t i = 0; i < c->state_count; i++)
		if (strcmp(c->state[i].key, key) == 0)
			return &c->state[i];
	return NULL;
}

/*
 * All memory is found before anything is changed, so that what is committed is never less than what is known here: a slot for
 * each change that has none yet, and a value for each.
 */
static int
prepare_state(struct connector *c, const struct connector_state *changes, uint32_t count, uint8_t **values)
{
	struct state_entry *more = realloc(c->state, ((size_t)c->state_count + count) * sizeof *more);

	if (more == NULL)
		return -1;
	c->state = more;
	for (uint32_t i = 0; i < count; i++) {
		const struct syncline_slice *value = &changes[i].value;
		struct state_entry *entry;
		char *key;

		if (value->data == NULL)
			continue;
		if ((values[i] = malloc(value->length > 0 ? value->length : 1)) == NULL)
			return -1;
		memcpy(values[i], value->data, value->length);
		if (find_state(c, changes[i].key) != NULL)
			continue;
		if ((key = malloc(strlen(changes[i].key) + 1)) == NULL)
			return -1;
		entry = &c->state[c->state_count++];
		*entry = (struct state_entry){ .key = strcpy(key, changes[i].key) };
	}
	return 0;
}

static void
install_state(struct connector *c, const struct connector_state *changes, uint32_t count, uint8_t **values)
{
	for (uint32_t i = 0; i < count; i++) {
		struct state_entry *entry = find_state(c, changes[i].key);

		if (entry == NULL)
			continue;
		free(entry->value);
		entry->value = values[i];
		entry->length = changes[i].value.length;
		values[i] = NULL;
	}
}

static int
change_state(struct connector *c, const struct connector_state *changes, uint32_t count, bool commit, struct error *err)
{
	uint8_t **values = calloc(count, sizeof *values);
	int result = 0;

	if (values == NULL || prepare_state(c, changes, count, values) != 0)
		result = error_memory(err);
	else if (commit && c->options.commit != NULL)
		result = c->options.commit(c->options.commit_data, changes, count, err);
	if (result == 0)
		install_state(c, changes, count, values);
	for (uint32_t i = 0; values != NULL && i < count; i++)
		free(values[i]);
	free(values);
	return result == 0 ? 0 : -1;
}

int
proxy_commit_initial(struct connector *c, const struct connector_state *item)
{
	return change_state(c, item, 1, false, NULL);
}

int
proxy_commit(struct connector *c, const struct connector_state *changes, uint32_t count, struct error *err)
{
	return count == 0 ? 0 : change_state(c, changes, count, true, err);
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

/* A test's program lets it fail before anything is sent. */
static int
not_stopped(struct connector *c, const char *what, struct error *err)
{
	if (fault_point_of("call", what, "before") == 0)
		return 0;
	error_fill(err, ERROR_HOST_GONE, NULL, "'%s' was stopped before it was sent", what);
	error_place(err, "system %s", c->system);
	return -1;
}

/* Or what was answered is lost, and the process with it. */
static int
answer_lost(struct connector *c, const char *what, struct error *err)
{
	error_fill(err, ERROR_HOST_GONE, NULL, "the answer to '%s' was lost", what);
	return proxy_broke(c, what, err);
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
	struct message *message = NULL;
	bool told = false;

	if (not_stopped(c, what, err) != 0)
		return -1;
	if (wait_message(c, what, number, &until, &told, &message, err) != 0)
		return -1;
	if (fault_point_of("call", what, "after") != 0) {
		message_free(message);
		return answer_lost(c, what, err);
	}
	*ret_message = message;
	return 0;
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
		return wire_done(&reply->wire) ? proxy_refused(c, what, klass, &said, err) : proxy_unread(c, what, &reply->wire, err);
	}
	reply->done = true;
	changes = codec_get_states(&reply->wire, &count);
	if (reply->wire.bad)
		return proxy_unread(c, what, &reply->wire, err);
	if (proxy_commit(c, changes, count, err) == 0)
		return 0;
	/* The connector goes by a state that is not stored: it begins anew with the one that is. */
	(void)drop_link(c, c->options.grace_ms, NULL, 0);
	return -1;
}

/* Of a call: 1: it was the reply, which is kept; 0: there is more to come. */
static int
take_message(struct connector *c, struct proxy_sent *sent, struct message *message, int (*on_event)(void *, const struct message *, struct error *),
             void *data, struct error *err)
{
	const char *what = call_row((uint32_t)sent->id)->name;
	struct error why = { 0 };
	bool taken;

	if (message->type == FRAME_REPLY && message->call == sent->id) {
		sent->reply = message;
		return 1;
	}
	if (message->type == FRAME_RESULT && fault_point_of("call", what, "result") != 0) {
		message_free(message);
		return answer_lost(c, what, err);
	}
	taken = (message->type == FRAME_RESULT || message->type == FRAME_FINDING) && on_event != NULL && on_event(data, message, &why) == 0;
	message_free(message);
	if (taken)
		return 0;
	if (why.code == ERROR_MEMORY)
		error_fill_memory(err);
	return why.code == ERROR_MEMORY ? proxy_broke(c, what, err) : proxy_damaged(c, what, err);
}

static int
exchange(struct connector *c, struct proxy_sent *sent, int (*on_event)(void *, const struct message *, struct error *), void *data,
         struct reply *reply, struct error *err)
{
	const char *what = call_row((uint32_t)sent->id)->name;
	struct message *message;
	int taken = sent->reply != NULL;

	while (taken == 0) {
		if (wait_message(c, what, sent->number, &sent->until, &sent->told, &message, err) != 0)
			return -1;
		taken = take_message(c, sent, message, on_event, data, err);
	}
	if (taken < 0)
		return -1;
	reply->message = sent->reply;
	sent->reply = NULL;
	return read_reply(c, what, reply, err);
}

bool
proxy_look(struct connector *c, struct proxy_sent *sent, int (*on_event)(void *data, const struct message *message, struct error *err), void *data)
{
	const char *what = call_row((uint32_t)sent->id)->name;
	struct message *message;
	int taken = 0;

	/* One that takes too long, or is to end, is ended by who waits for it. */
	while (!sent->broken && sent->reply == NULL && !atomic_load(&c->cancelled) && os_monotonic_ms() < sent->until) {
		if (!c->link->op->ready(c->link, sent->number))
			return false;
		taken = c->link->op->receive(c->link, sent->number, 0, &message, &sent->why);
		if (taken == 0)
			return false;
		taken = taken > 0 ? take_message(c, sent, message, on_event, data, &sent->why) : proxy_broke(c, what, &sent->why);
		sent->broken = taken < 0;
	}
	return true;
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
		(void)drop_link(c, 0, NULL, 0);
		c->crashes++;
		if (!c->patient)
			(void)restart_event(&c->restart, RESTART_FAILED, os_monotonic_ms());
	}
}

/* What asks the system for something; what only prepares or ends it costs nothing, and what ends it is always done. */
static int
price(enum call_id id)
{
	switch (id) {
	case CALL_OPEN:
		return 0;
	case CALL_READ_OPEN: case CALL_CHECK: case CALL_DISCOVER_OBJECTS: case CALL_DISCOVER_FIELDS: case CALL_GET: case CALL_WRITE: case CALL_FIND: case CALL_COUNT:
	case CALL_DIGEST: case CALL_CONTENT_OPEN: case CALL_CONTENT_CREATE:
		return 1;
	default:
		return -1;
	}
}

int
proxy_admit(struct connector *c, enum call_id id, struct error *err)
{
	int calls = price(id);

	return c->options.admit != NULL && calls >= 0 ? c->options.admit(c->options.admit_data, (uint32_t)calls, err) : 0;
}

void
proxy_heard(struct connector *c, enum call_id id, const struct error *err)
{
	int calls = price(id);
	uint32_t klass = SYNCLINE_OK;

	/* A crash while one record of many is looked for, and a want of memory here, say nothing of the system. */
	if (err != NULL)
		klass = c->patient || err->code == ERROR_MEMORY ? (uint32_t)SYNCLINE_CANCELLED : err->klass;
	/* That it could be opened says little of a system that has to be asked for that. */
	if (c->options.heard != NULL && calls >= 0 && (calls > 0 || err != NULL))
		c->options.heard(c->options.admit_data, klass, err != NULL ? err->retry_after_ms : 0);
}

/* It was admitted, and not made after all. */
static int
not_made(struct connector *c, enum call_id id)
{
	static const struct error nothing = { .klass = SYNCLINE_CANCELLED };

	proxy_heard(c, id, &nothing);
	return -1;
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
proxy_send(struct connector *c, enum call_id id, uint32_t number, struct buffer *head, uint8_t *body, size_t body_length,
           struct proxy_sent *ret_sent, struct error *err)
{
	const char *what = call_row((uint32_t)id)->name;
	struct proxy_sent sent = { .id = id, .number = number, .until = os_monotonic_ms() + c->timeout_ms };
	struct message *message;

	if (ready(c, id, err) != 0 || proxy_admit(c, id, err) != 0) {
		buffer_free(head);
		free(body);
		return -1;
	}
	if (not_stopped(c, what, err) != 0) {
		buffer_free(head);
		free(body);
		return not_made(c, id);
	}
	if (sent.number == 0)
		sent.number = ++c->number != 0 ? c->number : ++c->number;
	if ((message = message_new(FRAME_CALL, (uint16_t)id, sent.number, head, body, body_length, err)) == NULL)
		return not_made(c, id);
	if (id == CALL_OPEN)
		message->flags |= MESSAGE_SECRET;
	if (c->link->op->expect(c->link, sent.number, 0) != 0) {
		message_free(message);
		error_fill(err, ERROR_HOST_MESSAGE, "Close reads and documents that are done.", "too many open reads and documents");
		return not_made(c, id);
	}
	if (c->link->op->send(c->link, message, sent.until, &sent.why) != 0) {
		sent.broken = true;
		(void)proxy_broke(c, what, &sent.why);
	}
	*ret_sent = sent;
	return 0;
}

int
proxy_answer(struct connector *c, struct proxy_sent *sent, int (*on_event)(void *data, const struct message *message, struct error *err),
             void *data, struct reply *ret_reply, struct error *err)
{
	static const struct error lost = { .klass = SYNCLINE_RETRY };
	const char *what = call_row((uint32_t)sent->id)->name;
	int result;

	memset(ret_reply, 0, sizeof *ret_reply);
	ret_reply->sent = true;
	if (sent->broken) {
		if (err != NULL)
			*err = sent->why;
		result = -1;
	} else {
		result = exchange(c, sent, on_event, data, ret_reply, err);
	}
	if (fault_point_of("call", what, "after") != 0)
		result = answer_lost(c, what, err);
	/* What a write says of its records counts, too (connector_write_end()). */
	if (sent->id != CALL_WRITE)
		proxy_heard(c, sent->id, result == 0 ? NULL : err != NULL ? err : &lost);
	if (c->link != NULL) {
		if (sent->id != CALL_READ_OPEN || result != 0)
			c->link->op->forget(c->link, sent->number);
		(void)restart_event(&c->restart, RESTART_ANSWERED, os_monotonic_ms());
	}
	return result;
}

int
proxy_call(struct connector *c, enum call_id id, uint32_t *number, struct buffer *head, uint8_t *body, size_t body_length,
           int (*on_event)(void *data, const struct message *message, struct error *err), void *data, struct reply *ret_reply, struct error *err)
{
	struct proxy_sent sent;

	memset(ret_reply, 0, sizeof *ret_reply);
	if (proxy_send(c, id, number != NULL ? *number : 0, head, body, body_length, &sent, err) != 0)
		return -1;
	if (number != NULL)
		*number = sent.number;
	return proxy_answer(c, &sent, on_event, data, ret_reply, err);
}
