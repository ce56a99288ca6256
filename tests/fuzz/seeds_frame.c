/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seeds_frame.c: records what a good connector and the agent say to each other as seeds of both frame fuzzers.
 * Usage: seeds-frame FOLDER, which gets frame_agent/NN and frame_host/NN.  Run it again after a change of frames or codecs.
 */
#include <stdio.h>

#include "frame_scenario.h"

const struct syncline_connector *syncline_connector(void);

static struct link *inner;
static FILE *to_agent, *to_host;

static void
record(FILE *file, const struct message *message)
{
	uint8_t header[FRAME_HEADER];

	frame_encode(message, header);
	fwrite(header, 1, sizeof header, file);
	if (message->head_length > 0)
		fwrite(message->head, 1, message->head_length, file);
	if (message->body_length > 0)
		fwrite(message->body, 1, message->body_length, file);
}

static int
send_message(struct link *link, struct message *message, int64_t until, struct error *err)
{
	(void)link;
	record(to_host, message);
	return inner->op->send(inner, message, until, err);
}

static int
receive(struct link *link, uint32_t number, int64_t until, struct message **ret_message, struct error *err)
{
	int result = inner->op->receive(inner, number, until, ret_message, err);

	(void)link;
	if (result > 0)
		record(to_agent, *ret_message);
	return result;
}

static int expect(struct link *l, uint32_t number, uint32_t batches) { (void)l; return inner->op->expect(inner, number, batches); }
static void forget(struct link *l, uint32_t number) { (void)l; inner->op->forget(inner, number); }
static void wake(struct link *l) { (void)l; }
static int ping(struct link *l, int64_t until, struct error *err) { (void)l, (void)until, (void)err; return 0; }
static bool close_link(struct link *l, uint32_t grace, char *ending, size_t size) { (void)l; return inner->op->close(inner, grace, ending, size); }

static bool
ready(struct link *link, uint32_t number)
{
	(void)link, (void)number;
	return true;
}

static const struct link_operations operations = { send_message, receive, expect, forget, wake, ping, close_link, ready };
static struct link recorder = { .op = &operations };

static struct link *
open_link(const struct link_setup *setup, struct error *err)
{
	inner = link_direct(setup, err);
	return inner != NULL ? &recorder : NULL;
}

int
main(int argc, char **argv)
{
	for (unsigned i = 0; argc == 2 && i < SCENARIOS; i++) {
		struct syncline_setting setting = { .struct_size = sizeof setting, .type = SYNCLINE_PARAM_INTEGER, .integer = 3, .name = "records", .text = "" };
		struct syncline_settings settings = { .struct_size = sizeof settings, .count = 1, .items = &setting };
		struct connector_options options = { .system = "fuzz", .path = "/nowhere", .writable = true, .direct = true, .settings = &settings };
		struct connector *c;
		char path[1024];

		snprintf(path, sizeof path, "%s/frame_agent/%02u", argv[1], i);
		to_agent = fopen(path, "wb");
		snprintf(path, sizeof path, "%s/frame_host/%02u", argv[1], i);
		to_host = fopen(path, "wb");
		if (to_agent == NULL || to_host == NULL)
			return 1;
		fputc((int)i, to_agent);
		if (connector_start_over(&options, open_link, syncline_connector, &c, NULL) != 0)
			return 1;
		scenario(c, i);
		connector_stop(c);
		if (fclose(to_agent) != 0 || fclose(to_host) != 0)
			return 1;
	}
	return argc == 2 ? 0 : 64;
}
