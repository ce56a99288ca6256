/* SPDX-License-Identifier: BSD-2-Clause */
/* host-parts.c: the restart table, frames, wire and queue by themselves. */
#include "check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/calls.h"
#include "host/codec.h"
#include "host/frame.h"
#include "host/restart.h"
#include "os/os.h"

static void
restart_pauses_grow(void **state)
{
	struct restart r;
	int64_t now = 1000;

	(void)state;
	restart_init(&r);
	assert_int_equal(restart_event(&r, RESTART_ASKED, now), RESTART_GO);
	restart_event(&r, RESTART_FAILED, now);
	assert_int_equal(restart_event(&r, RESTART_ASKED, now), RESTART_GO);
	for (int64_t pause = 1000; r.failures + 1 < RESTART_FAILURES_MAX; pause *= 2) {
		restart_event(&r, RESTART_FAILED, now);
		assert_int_equal(restart_event(&r, RESTART_ASKED, now + pause - 1), RESTART_WAIT);
		now += pause;
		assert_int_equal(restart_event(&r, RESTART_ASKED, now), RESTART_GO);
	}
	restart_event(&r, RESTART_FAILED, now);
	assert_int_equal(restart_event(&r, RESTART_ASKED, now + 1000000000), RESTART_NO);
	restart_event(&r, RESTART_ANSWERED, now);
	assert_int_equal(restart_event(&r, RESTART_ASKED, now), RESTART_NO);
	restart_event(&r, RESTART_RESET, now);
	assert_int_equal(restart_event(&r, RESTART_ASKED, now), RESTART_GO);
	assert_int_equal(r.failures, 0);
}

static void
restart_forgets_what_is_long_past(void **state)
{
	struct restart r;

	(void)state;
	restart_init(&r);
	for (unsigned i = 0; i < 1000; i++) {
		int64_t now = (int64_t)i * (RESTART_SETTLED_MS + 10);

		assert_int_equal(restart_event(&r, RESTART_ASKED, now), RESTART_GO);
		restart_event(&r, RESTART_FAILED, now);
		restart_event(&r, RESTART_ANSWERED, now + 1);
		assert_int_equal(r.failures, 1);
		restart_event(&r, RESTART_ANSWERED, now + RESTART_SETTLED_MS);
		assert_int_equal(r.failures, 0);
	}
	for (unsigned i = 0; i < RESTART_FAILURES_MAX; i++) {
		restart_event(&r, RESTART_FAILED, 0);
		restart_event(&r, RESTART_ANSWERED, RESTART_SETTLED_MS - 1);
	}
	/* Answers between failures don't hide a repeat offender. */
	assert_int_equal(restart_event(&r, RESTART_ASKED, RESTART_SETTLED_MS - 1), RESTART_NO);
}

static struct message *
make(enum frame_type type, uint32_t number, const char *text)
{
	struct buffer head;
	struct message *message;

	buffer_init(&head, 0);
	wire_put_text(&head, text);
	message = message_new(type, 0, number, &head, NULL, 0, NULL);
	assert_non_null(message);
	return message;
}

static void
frames_keep_their_limits(void **state)
{
	struct message *message = make(FRAME_CREDIT, 7, "x"), out, *parsed;
	uint8_t header[FRAME_HEADER], copy[FRAME_HEADER], whole[FRAME_HEADER + 5];
	struct error err = { 0 };
	size_t used;

	(void)state;
	frame_encode(message, header);
	assert_int_equal(frame_decode(header, FRAME_TO_HOST, &out, &err), 0);
	assert_int_equal(out.number, 7);
	assert_int_equal(out.head_length, 5);
	assert_int_equal(frame_decode(header, FRAME_TO_AGENT, &out, &err), -1);
	assert_int_equal(err.code, ERROR_HOST_PROTOCOL);
	for (unsigned i = 0; i < 4; i++) {
		memcpy(copy, header, sizeof copy);
		copy[i] ^= 1;
		assert_int_equal(frame_decode(copy, FRAME_TO_HOST, &out, &err), -1);
	}
	memcpy(copy, header, sizeof copy);
	copy[19] = 0x7f; /* two gigabytes of head */
	assert_int_equal(frame_decode(copy, FRAME_TO_HOST, &out, &err), -1);
	memcpy(copy, header, sizeof copy);
	copy[20] = 1; /* a credit with a body */
	assert_int_equal(frame_decode(copy, FRAME_TO_HOST, &out, &err), -1);
	memcpy(copy, header, sizeof copy);
	copy[4] = FRAME_TYPE_COUNT;
	assert_int_equal(frame_decode(copy, FRAME_TO_HOST, &out, &err), -1);
	memcpy(whole, header, FRAME_HEADER);
	memcpy(whole + FRAME_HEADER, message->head, 5);
	assert_non_null(parsed = frame_parse(whole, sizeof whole, FRAME_TO_HOST, &used, &err));
	assert_int_equal(used, sizeof whole);
	message_free(parsed);
	assert_null(frame_parse(whole, sizeof whole - 1, FRAME_TO_HOST, &used, &err));
	message_free(message);
}

static void
frames_cross_a_socket(void **state)
{
	struct message *message = make(FRAME_LOG, 3, "Grüße"), *got;
	struct error err = { 0 };
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(frame_write(pair[0], message, 0, NULL, NULL, &err), 0);
	assert_non_null(got = frame_read(pair[1], FRAME_TO_AGENT, &err));
	assert_int_equal(got->head_length, message->head_length);
	assert_memory_equal(got->head, message->head, got->head_length);
	message_free(got);
	/* Half a frame, then the end. */
	assert_int_equal(write(pair[0], "SYNF\x0b", 5), 5);
	close(pair[0]);
	assert_null(frame_read(pair[1], FRAME_TO_AGENT, &err));
	assert_int_equal(err.code, ERROR_NONE);
	close(pair[1]);
	message_free(message);
}

/* A reader that doesn't read: the writer is back when its time is over. */
static void
writing_has_a_deadline(void **state)
{
	static uint8_t *body;
	struct message *message;
	struct error err = { 0 };
	int pair[2];

	(void)state;
	body = calloc(1, 8u * 1024u * 1024u);
	assert_non_null(message = message_new(FRAME_CALL, CALL_WRITE, 1, NULL, body, 8u * 1024u * 1024u, &err));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(os_nonblocking(pair[0]), 0);
	assert_int_equal(frame_write(pair[0], message, os_monotonic_ms() + 20, NULL, NULL, &err), -1);
	assert_int_equal(err.code, ERROR_HOST_TIMEOUT);
	close(pair[0]);
	close(pair[1]);
	message_free(message);
}

static void
queue_takes_by_number(void **state)
{
	struct message_queue queue;
	struct message *message;

	(void)state;
	message_queue_init(&queue);
	for (uint32_t i = 0; i < 6; i++)
		message_queue_push(&queue, make(FRAME_LOG, i % 2, "x"));
	for (int i = 0; i < 3; i++) {
		assert_non_null(message = message_queue_take(&queue, 1));
		message_free(message);
	}
	assert_null(message_queue_take(&queue, 1));
	message_queue_push(&queue, make(FRAME_LOG, 9, "x"));
	assert_int_equal(queue.count, 4);
	assert_non_null(message = message_queue_take(&queue, 9));
	message_free(message);
	message_queue_push(&queue, make(FRAME_LOG, 8, "x"));
	message_queue_free(&queue);
	assert_int_equal(queue.bytes, 0);
}

static void
wire_never_goes_beyond(void **state)
{
	struct syncline_value value = { .type = SYNCLINE_TYPE_DECIMAL, .length = 4, .u.data = "12.5" }, got;
	struct arena arena;
	struct buffer buffer;
	struct wire wire;

	(void)state;
	arena_init(&arena, 1024 * 1024);
	buffer_init(&buffer, 0);
	wire_put_text(&buffer, NULL);
	wire_put_text(&buffer, "a");
	wire_put64(&buffer, UINT64_MAX - 1);
	wire_put_value(&buffer, &value);
	for (size_t cut = 0; cut <= buffer.length; cut++) {
		uint8_t *exact = malloc(cut > 0 ? cut : 1);

		memcpy(exact, buffer.data, cut);
		wire_init(&wire, exact, cut, &arena);
		assert_null(wire_get_text(&wire, 10));
		(void)wire_need_text(&wire, 10);
		(void)wire_get64(&wire);
		got = wire_get_value(&wire);
		assert_int_equal(wire_done(&wire), cut == buffer.length);
		if (cut == buffer.length)
			assert_memory_equal(got.u.data, "12.5", 4);
		free(exact);
	}
	/* A count that the rest can't hold. */
	buffer_clear(&buffer);
	wire_put32(&buffer, 1000000);
	wire_init(&wire, buffer.data, buffer.length, &arena);
	assert_int_equal(wire_get_count(&wire, 4, UINT32_MAX), 0);
	assert_false(wire_done(&wire));
	/* Text that is none. */
	buffer_clear(&buffer);
	wire_put_bytes(&buffer, "\xc3", 1);
	wire_init(&wire, buffer.data, buffer.length, &arena);
	assert_string_equal(wire_need_text(&wire, 10), "");
	assert_true(wire.bad);
	buffer_free(&buffer);
	arena_free(&arena);
}

static void
messages_are_cleaned(void **state)
{
	char text[] = "a\x1b[31mb\xff\xc3\xbc\xc2\x9bz\n";

	(void)state;
	wire_clean(text);
	assert_string_equal(text, "a?[31mb?\xc3\xbc??z ");
}

static void
children_are_reaped(void **state)
{
	int status = 0, hold[2];
	char text[64];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(hold), 0);
	if ((pid = fork()) == 0) {
		char c;

		close(hold[1]);
		_exit(read(hold[0], &c, 1) == 0 ? 7 : 8);
	}
	close(hold[0]);
	assert_int_equal(os_reap(pid, 0, &status), 0);
	assert_int_equal(os_ended(pid, 0), 0);
	close(hold[1]);
	assert_int_equal(os_ended(pid, 10000), 1);
	assert_int_equal(os_reap(pid, 10000, &status), 1);
	assert_int_equal(os_reap(pid, 0, &status), -1);
	os_status_text(status, text, sizeof text);
	assert_string_equal(text, "ended with status 7");
	os_status_text(11, text, sizeof text);
	assert_string_equal(text, "killed by signal 11 (SIGSEGV, a memory fault)");
}

static void
every_call_has_a_row(void **state)
{
	(void)state;
	assert_null(call_row(0));
	assert_null(call_row(CALL_COUNT_OF_CALLS));
	for (uint32_t i = 1; i < CALL_COUNT_OF_CALLS; i++)
		assert_non_null(call_row(i));
	assert_true(call_row(CALL_WRITE)->writes);
	assert_false(call_row(CALL_GET)->writes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(restart_pauses_grow), cmocka_unit_test(restart_forgets_what_is_long_past), cmocka_unit_test(frames_keep_their_limits),
		cmocka_unit_test(frames_cross_a_socket), cmocka_unit_test(writing_has_a_deadline), cmocka_unit_test(queue_takes_by_number),
		cmocka_unit_test(wire_never_goes_beyond), cmocka_unit_test(messages_are_cleaned), cmocka_unit_test(children_are_reaped),
		cmocka_unit_test(every_call_has_a_row),
	};

	return cmocka_run_group_tests_name("host-parts", tests, NULL, NULL);
}
