/* SPDX-License-Identifier: BSD-2-Clause */
/* host-http.c: http/1 against a server of one thread that answers what the test says and keeps what it was asked. */
#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/connector.h"

static int listener;
static unsigned port;
static const char *answer; /* NULL: accepts and says nothing until the other side goes */
static char asked[4096];
static char remark[256], remark_hint[256];
#define TRACE "0af7651916cd43dd8448eb211c80319c"
static char logged[256];

static void *
serve_one(void *data)
{
	int fd = accept(listener, NULL, NULL);
	size_t have = 0;
	ssize_t got = 1;

	(void)data;
	asked[0] = '\0';
	while (got > 0 && (answer == NULL || strstr(asked, "\r\n\r\n") == NULL || (strncmp(asked, "POST", 4) == 0 && strstr(asked, "a=1") == NULL))) {
		got = read(fd, asked + have, sizeof asked - 1 - have);
		have += got > 0 ? (size_t)got : 0;
		asked[have] = '\0';
	}
	if (answer != NULL && write(fd, answer, strlen(answer)) < 0)
		perror("write");
	close(fd);
	return NULL;
}

static int
group_setup(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof address;

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		return -1;
	port = ntohs(address.sin_port);
	return 0;
}

static void
on_remark(void *data, uint32_t severity, const char *object, const char *message, const char *hint)
{
	(void)data, (void)severity, (void)object;
	snprintf(remark, sizeof remark, "%s", message);
	snprintf(remark_hint, sizeof remark_hint, "%s", hint);
}

static void
on_log(void *data, const struct connector_line *line)
{
	(void)data;
	assert_int_equal(line->run, 12);
	assert_string_equal(line->correlation, TRACE);
	snprintf(logged, sizeof logged, "%s", line->text);
}

/* One check by a connector in its own process. */
static int
ask(const char *method, const char *url, uint32_t flags, int64_t max, bool writable, struct error *err)
{
	struct syncline_setting items[4] = {
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_URL, .name = "url", .text = url },
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_TEXT, .name = "method", .text = method },
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_INTEGER, .name = "flags", .text = "", .integer = flags },
		{ .struct_size = sizeof *items, .type = SYNCLINE_PARAM_INTEGER, .name = "max", .text = "", .integer = max },
	};
	struct syncline_settings settings = { .struct_size = sizeof settings, .count = 4, .items = items };
	struct connector_findings findings = { .remark = on_remark };
	struct connector_options options = { .system = "web", .settings = &settings, .writable = writable, .timeout_ms = 1000, .log = on_log };
	struct connector *c;
	char path[1024];
	int result;

	snprintf(path, sizeof path, "%s/tests/connectors/.libs/http.so", getenv("SYNCLINE_BUILD"));
	options.path = path;
	if (connector_start(&options, &c, err) != 0)
		fail_msg("%s", err->message);
	remark[0] = remark_hint[0] = '\0';
	connector_set_run(c, 12, TRACE);
	result = connector_check(c, &findings, err);
	connector_stop(c);
	return result;
}

static int
ask_server(const char *method, const char *what, uint32_t flags, int64_t max, bool writable, struct error *err)
{
	pthread_t server;
	char url[128];
	int result;

	answer = what;
	snprintf(url, sizeof url, "http://127.0.0.1:%u/x?y=1", port);
	assert_int_equal(pthread_create(&server, NULL, serve_one, NULL), 0);
	result = ask(method, url, flags, max, writable, err);
	pthread_join(server, NULL);
	return result;
}

static void
answers_arrive_whole(void **state)
{
	struct error err = { 0 };
	const char *trace;

	(void)state;
	if (ask_server("GET", "HTTP/1.1 200 OK\r\nX-Answer: gut \r\nContent-Length: 5\r\n\r\nhallo", 0, 0, false, &err) != 0)
		fail_msg("%s", err.message);
	assert_string_equal(remark, "200 gut");
	assert_string_equal(remark_hint, "hallo");
	assert_non_null(strstr(asked, "GET /x?y=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(asked, "X-Question: wie geht's\r\n"));
	/* Whom it is for goes along, and comes back with what the connector says. */
	assert_string_equal(logged, TRACE);
	assert_non_null(trace = strstr(asked, "traceparent: 00-" TRACE "-"));
	assert_int_equal(strspn(trace + 49, "0123456789abcdef"), 16);
	assert_int_equal(strncmp(trace + 65, "-01\r\n", 5), 0);
	/* The server's own no is an answer; a redirect is not followed. */
	assert_int_equal(ask_server("GET", "HTTP/1.1 500 Oh\r\nX-Answer: nein\r\nContent-Length: 0\r\n\r\n", 0, 0, false, &err), 0);
	assert_string_equal(remark, "500 nein");
	assert_int_equal(ask_server("GET", "HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\nX-Answer: dort\r\nContent-Length: 0\r\n\r\n", 0, 0, false, &err), 0);
	assert_string_equal(remark, "302 dort");
}

static void
answers_have_a_limit(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ask_server("GET", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", 0, 9, false, &err), -1);
	assert_non_null(strstr(err.message, "larger than allowed"));
	assert_int_equal(ask_server("GET", "HTTP/1.1 200 OK\r\nX-Answer: 10\r\nContent-Length: 10\r\n\r\n0123456789", 0, 10, false, &err), 0);
	assert_string_equal(remark_hint, "0123456789");
}

static void
only_writable_systems_are_written_to(void **state)
{
	static const char yes[] = "HTTP/1.1 200 OK\r\nX-Answer: ja\r\nContent-Length: 0\r\n\r\n";
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ask("POST", "http://127.0.0.1:1/", 0, 0, false, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_CONFIG);
	assert_int_equal(err.applied, SYNCLINE_APPLIED_NO);
	assert_non_null(strstr(err.message, "not writable"));
	assert_int_equal(ask_server("POST", yes, SYNCLINE_HTTP_READS, 0, false, &err), 0);
	assert_int_equal(ask_server("POST", yes, 0, 0, true, &err), 0);
	assert_string_equal(remark, "200 ja");
	assert_non_null(strstr(asked, "a=1"));
}

static void
what_cannot_be_asked_is_refused(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ask("GET", "file:///etc/passwd", 0, 0, true, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_CONFIG);
	assert_int_equal(ask("GET / HTTP/1.1\r\nX: y", "http://127.0.0.1/", 0, 0, true, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_CONFIG);
	/* Nobody listens at port 1: nothing was sent. */
	assert_int_equal(ask("GET", "http://127.0.0.1:1/", 0, 0, true, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_RETRY);
	assert_int_equal(err.applied, SYNCLINE_APPLIED_NO);
}

/* It was asked, and may have done it, whatever came back. */
static void
rubbish_says_nothing_about_what_was_done(void **state)
{
	static const char *const rubbish[] = { "SSH-2.0-OpenSSH_9.2\r\n", "\001\002\003", "HTTP/1.1 tea\r\n\r\n", "", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal" };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof rubbish / sizeof *rubbish; i++) {
		assert_int_equal(ask_server("POST", rubbish[i], 0, 0, true, &err), -1);
		assert_non_null(strstr(asked, "a=1"));
		assert_int_equal(err.klass, SYNCLINE_RETRY);
		assert_int_equal(err.applied, SYNCLINE_APPLIED_MAYBE);
	}
}

static void
silence_ends_at_the_deadline(void **state)
{
	struct error err = { 0 };

	(void)state;
	assert_int_equal(ask_server("GET", NULL, 0, 0, false, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_RETRY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_arrive_whole), cmocka_unit_test(answers_have_a_limit), cmocka_unit_test(only_writable_systems_are_written_to),
		cmocka_unit_test(what_cannot_be_asked_is_refused), cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(rubbish_says_nothing_about_what_was_done),
	};

	return cmocka_run_group_tests_name("host-http", tests, group_setup, NULL);
}
