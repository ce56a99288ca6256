/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_frame_agent.c: what a hostile host process may send to the agent.  The input is a byte that chooses what the agent wants of
 * the connector, and then frames, each of which answers whatever is waited for.
 */
#include "frame_scenario.h"

struct fuzz_link {
	struct link link; /* first */
};
static const uint8_t *input;
static size_t left;

static int
send_message(struct link *link, struct message *message, int64_t until, struct error *err)
{
	(void)link, (void)until, (void)err;
	message_free(message);
	return 0;
}

static int
receive(struct link *link, uint32_t number, int64_t until, struct message **ret_message, struct error *err)
{
	struct message *message;
	size_t used;

	(void)link, (void)until;
	if ((message = frame_parse(input, left, FRAME_TO_AGENT, &used, err)) == NULL) {
		left = 0;
		return -1;
	}
	input += used;
	left -= used;
	message->number = number;
	*ret_message = message;
	return 1;
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
	(void)link, (void)number;
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
	(void)grace_ms;
	if (size > 0)
		ending[0] = '\0';
	free(link);
	return false;
}

static bool
ready(struct link *link, uint32_t number)
{
	(void)link, (void)number;
	return true;
}

static const struct link_operations operations = { send_message, receive, expect, forget, wake, ping, close_link, ready };

static struct link *
open_link(const struct link_setup *setup, struct error *err)
{
	struct fuzz_link *link = left > 0 ? calloc(1, sizeof *link) : NULL;

	(void)setup;
	if (link == NULL) {
		error_fill(err, ERROR_HOST_START, NULL, "the input is at its end");
		return NULL;
	}
	link->link.op = &operations;
	return &link->link;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct connector_options options = { .system = "fuzz", .path = "/nowhere", .writable = true };
	struct connector *c;

	if (size < 1)
		return 0;
	input = data + 1;
	left = size - 1;
	if (connector_start_over(&options, open_link, NULL, &c, NULL) == 0) {
		scenario(c, data[0]);
		connector_stop(c);
	}
	return 0;
}
