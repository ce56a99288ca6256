/* SPDX-License-Identifier: BSD-2-Clause */
/* arrivals.c: what comes to a folder or is written to a database is told to the agenda, at times that are given. */
#include "config.h"

#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "schedule/arrivals.h"

#define MS INT64_C(1000)
#define SECOND (1000 * MS)
#define QUIET_MS 200
#define START (100 * SECOND)

/* Flow "folder" reads one, "database" another; each has its own path and its own quiet. */
static char folder[128], path[sizeof folder + 16];
static struct syncline_setting settings[2] = { { .type = SYNCLINE_PARAM_PATH, .name = "path" }, { .type = SYNCLINE_PARAM_PATH, .name = "path" } };
static const struct syncline_connector descriptor;
static struct config_system systems[2] = { { .descriptor = &descriptor, .settings.settings = { .items = &settings[0], .count = 1 } },
	                                       { .descriptor = &descriptor, .settings.settings = { .items = &settings[1], .count = 1 } } };
static struct config_object objects[2];
static struct config_trigger triggers[2] = { { .file = true, .quiet_ms = QUIET_MS }, { .file = true } };
static struct config_flow flows[2];
static struct config_binding bindings[2] = {
	{ .flow = &flows[0], .system = &systems[0], .object = &objects[0], .trigger = &triggers[0], .reads = true },
	{ .flow = &flows[1], .system = &systems[1], .object = &objects[1], .trigger = &triggers[1], .reads = true },
};
static struct config_flow flows[2] = {
	{ .head.name = "folder", .bindings = &bindings[0], .binding_count = 1 },
	{ .head.name = "database", .bindings = &bindings[1], .binding_count = 1 },
};
static struct model model = { .flows = flows, .flow_count = 2 };
static struct agenda *agenda;
static struct arrivals *arrivals;
static struct error err;

static void
put(const char *where, const char *text)
{
	int fd = open(where, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static int
make(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "%s/syncline-arrivals.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/in", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	settings[0].text = strdup(path);
	snprintf(path, sizeof path, "%s/data", folder);
	put(path, "x");
	settings[1].text = path;
	if (agenda_new(&model, START, &agenda, &err) != 0 || arrivals_open(&model, &arrivals, &err) != 0)
		fail_msg("%s", err.message);
	for (int f = 0; f < 2; f++)
		agenda_allow(agenda, &flows[f], NULL, true);
	return 0;
}

static int
destroy(void **state)
{
	char command[sizeof folder + 16];

	(void)state;
	arrivals_close(arrivals);
	agenda_free(agenda);
	free((char *)(uintptr_t)settings[0].text);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command);
}

/* The flow that is due then, which runs and is over; "": none. */
static const char *
due(int64_t at_us)
{
	struct agenda_job job;
	const char *name;

	arrivals_look(arrivals, agenda, at_us);
	if (agenda_take(agenda, at_us, &job, &err) == 0)
		return "";
	name = job.flow->head.name;
	agenda_done(agenda, job.flow, true);
	agenda_job_free(&job);
	return name;
}

/* Nothing is due one millisecond before, and it is then; the last of them: nothing is ever after that. */
static void
told_at(int64_t from_us, const char *name, const int64_t *after_us, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_string_equal(due(from_us + after_us[i] - MS), "");
		assert_true(arrivals_next(arrivals) == from_us + after_us[i]);
		assert_string_equal(due(from_us + after_us[i]), name);
	}
	assert_true(arrivals_next(arrivals) == INT64_MAX);
	assert_string_equal(due(from_us + 1000 * SECOND), "");
}

static void
into_a_folder(void **state)
{
	static const int64_t after_us[] = { 60 * SECOND };
	char name[sizeof folder + 16];

	(void)state;
	snprintf(name, sizeof name, "%s/in/a", folder);
	assert_string_equal(due(START), "");
	put(name, "first");
	assert_string_equal(due(START + SECOND), "");
	/* More comes: that it is quiet counts from then. */
	put(name, "second");
	assert_string_equal(due(START + SECOND + 100 * MS), "");
	assert_string_equal(due(START + SECOND + 299 * MS), "");
	assert_string_equal(due(START + SECOND + 300 * MS), "folder");
	told_at(START + SECOND + 300 * MS, "folder", after_us, 1);
}

/* Who writes is seen to before others can read what was written: it is told until they surely can. */
static void
into_a_database(void **state)
{
	static const int64_t after_us[] = { 50 * MS, 1050 * MS, 61050 * MS };
	char log[sizeof path + 8];

	(void)state;
#if !defined(HAVE_SYS_INOTIFY_H)
	skip(); /* a file that is written again is not told of elsewhere */
#endif
	snprintf(log, sizeof log, "%s-wal", path);
	put(log, "frame");
	assert_string_equal(due(START), "database");
	assert_string_equal(due(START + 49 * MS), "");
	/* Another change: from the beginning. */
	put(path, "page");
	assert_string_equal(due(START + 49 * MS), "database");
	told_at(START + 49 * MS, "database", after_us, 3);
	/* Who opens it makes that, and nothing else. */
	snprintf(log, sizeof log, "%s-shm", path);
	put(log, "index");
	assert_string_equal(due(START + 2000 * SECOND), "");
}

static void
without_an_end(void **state)
{
	char name[sizeof folder + 16];
	int64_t at = START, told = 0;

	(void)state;
	snprintf(name, sizeof name, "%s/in/a", folder);
	for (; at < START + 10 * SECOND; at += 100 * MS) {
		put(name, "more");
		told += due(at)[0] != '\0';
	}
	assert_int_equal(told, 10 * SECOND / (ARRIVALS_PATIENCE * QUIET_MS * MS + 100 * MS));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(into_a_folder, make, destroy), cmocka_unit_test_setup_teardown(into_a_database, make, destroy),
		cmocka_unit_test_setup_teardown(without_an_end, make, destroy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
