/* SPDX-License-Identifier: BSD-2-Clause */
/* wire.c: messages of the control socket: what goes in comes out, and nothing else is taken for a message or a request. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/wire.h"

static void
messages(void **state)
{
	struct buffer out;
	const char *data;
	size_t length;
	char kind;

	(void)state;
	buffer_init(&out, 0);
	wire_put(&out, 'O', "Hello", 5);
	wire_put(&out, 'G', NULL, 0);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(wire_next(out.data, i, 100, &kind, &data, &length), 0);
	assert_int_equal(wire_next(out.data, out.length, 100, &kind, &data, &length), 1);
	assert_int_equal(kind, 'O');
	assert_int_equal(length, 5);
	assert_memory_equal(data, "Hello", 5);
	assert_int_equal(wire_next(out.data + 10, out.length - 10, 100, &kind, &data, &length), 1);
	assert_int_equal(kind, 'G');
	assert_int_equal(length, 0);
	/* What says that it is larger than allowed is refused before it has come. */
	assert_int_equal(wire_next(out.data, out.length, 4, &kind, &data, &length), -1);
	assert_int_equal(wire_next("O\xFF\xFF\xFF\xFF", 5, WIRE_REQUEST_MAX, &kind, &data, &length), -1);
	buffer_free(&out);
}

static void
requests(void **state)
{
	struct wire_request request = { .directory = "/home/anna", .terminal = { false, true, false }, .columns = 212, .folders = { "/etc/x", "", "/lib/x" }, .words = { "trace", "", "a b" },
		.word_count = 3 };
	struct wire_request found;
	struct buffer out;

	(void)state;
	buffer_init(&out, 0);
	wire_put_request(&out, &request);
	assert_int_equal(out.data[0], 'Q');
	assert_true(wire_request(out.data + WIRE_HEAD, out.length - WIRE_HEAD, &found));
	assert_string_equal(found.directory, "/home/anna");
	assert_string_equal(found.folders[WIRE_CONFIG], "/etc/x");
	assert_string_equal(found.folders[WIRE_SITE], "");
	assert_string_equal(found.folders[WIRE_CONNECTORS], "/lib/x");
	assert_true(found.terminal[1] && !found.terminal[2]);
	assert_int_equal(found.columns, 212);
	assert_int_equal(found.word_count, 3);
	assert_string_equal(found.words[0], "trace");
	assert_string_equal(found.words[1], "");
	assert_string_equal(found.words[2], "a b");
	/* Cut anywhere within a field it is none. */
	for (size_t cut = 0; cut < out.length - WIRE_HEAD; cut++)
		if (cut == 0 || out.data[WIRE_HEAD + cut - 1] != '\0')
			assert_false(wire_request(out.data + WIRE_HEAD, cut, &found));
	out.data[WIRE_HEAD] = 'S';
	assert_false(wire_request(out.data + WIRE_HEAD, out.length - WIRE_HEAD, &found));
	buffer_free(&out);
}

/* As they were said, whoever says it. */
static void
terminals(void **state)
{
	static const struct {
		const char *said;
		bool out, err;
		size_t columns;
	} cases[] = { { "", false, false, 0 }, { "2", false, true, 0 }, { "12", true, true, 0 }, { "12:80", true, true, 80 }, { "2:121", false, true, 121 },
		      { "1:", true, false, 0 }, { "1:-5", true, false, 0 }, { "1:99999999999999999999", true, false, 0 }, { "1:20000", true, false, 0 }, { "1:x", true, false, 0 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct wire_request found;
		struct buffer fields;

		buffer_init(&fields, 0);
		buffer_append(&fields, WIRE_GREETING "\0/", sizeof WIRE_GREETING "\0/");
		buffer_append(&fields, cases[i].said, strlen(cases[i].said) + 1);
		buffer_append(&fields, "\0\0\0runs", 8);
		assert_true(wire_request(fields.data, fields.length, &found));
		assert_true(found.terminal[1] == cases[i].out && found.terminal[2] == cases[i].err && found.columns == cases[i].columns);
		buffer_free(&fields);
	}
}

static void
too_many_words(void **state)
{
	struct buffer fields;
	struct wire_request found;

	(void)state;
	buffer_init(&fields, 0);
	buffer_append(&fields, WIRE_GREETING "\0/\0\0\0\0\0", sizeof WIRE_GREETING + 6);
	for (unsigned i = 0; i < WIRE_WORDS_MAX; i++)
		buffer_append(&fields, "w", 2);
	assert_true(wire_request(fields.data, fields.length, &found));
	assert_int_equal(found.word_count, WIRE_WORDS_MAX);
	buffer_append(&fields, "w", 2);
	assert_false(wire_request(fields.data, fields.length, &found));
	buffer_free(&fields);
}

/* Random bytes, and requests with a byte changed: whatever is taken lies within what was given. */
static void
random_bytes(void **state)
{
	static const char whole[] = WIRE_GREETING "\0/\0" "12\0\0\0\0run\0a\0b";
	char bytes[200];

	(void)state;
	srand(1);
	for (int round = 0; round < 100000; round++) {
		size_t length = (size_t)(rand() % (int)sizeof bytes);
		struct wire_request found;

		memcpy(bytes, whole, sizeof whole);
		for (size_t i = sizeof whole; i < sizeof bytes; i++)
			bytes[i] = rand() % 4 == 0 ? '\0' : (char)rand();
		bytes[rand() % (int)sizeof bytes] = (char)rand();
		if (!wire_request(bytes, length, &found))
			continue;
		for (int i = 0; i < found.word_count; i++)
			assert_true(found.words[i] >= bytes && found.words[i] + strlen(found.words[i]) < bytes + length);
	}
}

static void
paths(void **state)
{
	struct sockaddr_un address;
	struct error err = { 0 };
	char longest[300];

	(void)state;
	assert_int_equal(wire_path("/tmp/x", &address, &err), 0);
	assert_string_equal(address.sun_path, "/tmp/x/control");
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(wire_path(longest, &address, &err), -1);
	assert_int_equal(err.code, ERROR_CONTROL_SOCKET);
	assert_true(err.hint[0] != '\0');
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages), cmocka_unit_test(requests), cmocka_unit_test(terminals), cmocka_unit_test(too_many_words), cmocka_unit_test(random_bytes), cmocka_unit_test(paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
