/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link_direct.c: a guest in this process.  A message that is sent is worked off at once, and what comes of it waits in a queue.
 */
#include <pthread.h>
#include <stdlib.h>

#include "host/guest.h"
#include "host/link.h"
#include "host/wire.h"

struct direct {
	struct link link; /* first */
	struct link_setup setup;
	struct guest *guest;
	pthread_mutex_t lock; /* of the queue: a connector's own threads log */
	struct message_queue queue;
};

void
link_log(const struct link_setup *setup, const struct message *message)
{
	char text[4096];
	struct wire wire;
	uint32_t level;

	wire_init(&wire, message->head, message->head_length, NULL);
	level = wire_get32(&wire);
	wire_get_message(&wire, text, sizeof text);
	if (!wire.bad && setup->log != NULL)
		setup->log(setup->log_data, level <= SYNCLINE_LOG_ERROR ? level : SYNCLINE_LOG_ERROR, text);
}

static int
emit(void *data, struct message *message)
{
	struct direct *direct = data;

	if (message->type == FRAME_LOG) {
		link_log(&direct->setup, message);
		message_free(message);
		return 0;
	}
	pthread_mutex_lock(&direct->lock);
	message_queue_push(&direct->queue, message);
	pthread_mutex_unlock(&direct->lock);
	return 0;
}

static int
send_message(struct link *link, struct message *message, int64_t until, struct error *err)
{
	struct direct *direct = (struct direct *)link;

	(void)until, (void)err;
	if (message->type == FRAME_STOP) {
		message_free(message);
		return 0;
	}
	guest_handle(direct->guest, message);
	while (guest_work(direct->guest))
		;
	return 0;
}

static int
receive(struct link *link, uint32_t number, int64_t until, struct message **ret_message, struct error *err)
{
	struct direct *direct = (struct direct *)link;

	(void)until;
	pthread_mutex_lock(&direct->lock);
	*ret_message = message_queue_take(&direct->queue, number);
	pthread_mutex_unlock(&direct->lock);
	if (*ret_message != NULL)
		return 1;
	return guest_is_mute(direct->guest) ? error_memory(err) : error_set(err, ERROR_HOST_PROTOCOL, NULL, "the connector gave no answer");
}

static int
expect(struct link *link, uint32_t number, uint32_t batches)
{
	(void)link, (void)number, (void)batches;
	return 0;
}

static void
forget(struct link *link, uint32_t number)
{
	struct direct *direct = (struct direct *)link;
	struct message *message;

	pthread_mutex_lock(&direct->lock);
	while ((message = message_queue_take(&direct->queue, number)) != NULL)
		message_free(message);
	pthread_mutex_unlock(&direct->lock);
}

static void
wake(struct link *link)
{
	(void)link;
}

static int
ping(struct link *link, int64_t until, struct error *err)
{
	(void)link, (void)until, (void)err;
	return 0;
}

static bool
close_link(struct link *link, uint32_t grace_ms, char *ending, size_t size)
{
	struct direct *direct = (struct direct *)link;

	bool starved = guest_is_mute(direct->guest);

	(void)grace_ms;
	if (size > 0)
		ending[0] = '\0';
	guest_free(direct->guest);
	message_queue_free(&direct->queue);
	pthread_mutex_destroy(&direct->lock);
	free(direct);
	return starved;
}

/* What is asked for is worked off while it is being asked. */
static bool
ready(struct link *link, uint32_t number)
{
	(void)link, (void)number;
	return true;
}

static const struct link_operations operations = { send_message, receive, expect, forget, wake, ping, close_link, ready };

struct link *
link_direct(const struct link_setup *setup, struct error *err)
{
	struct direct *direct = calloc(1, sizeof *direct);
	struct guest_setup guest = { .emit = emit, .emit_data = direct, .expr = setup->expr, .cancelled = setup->cancelled, .built_in = setup->built_in };

	if (direct == NULL) {
		error_fill_memory(err);
		return NULL;
	}
	direct->link.op = &operations;
	direct->setup = *setup;
	message_queue_init(&direct->queue);
	if (pthread_mutex_init(&direct->lock, NULL) != 0) {
		free(direct);
		error_fill_memory(err);
		return NULL;
	}
	if ((direct->guest = guest_new(&guest, err)) == NULL) {
		pthread_mutex_destroy(&direct->lock);
		free(direct);
		return NULL;
	}
	return &direct->link;
}
