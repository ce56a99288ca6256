/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * misbehave.c: every misbehaving connector beside a good one.  The error is clear and comes in time, the good one goes on, and
 * nothing is left: no process, no zombie, no descriptor, no file.
 */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/connector.h"
#include "os/os.h"

#define TIMEOUT_MS 600
#define GRACE_MS 200
/* Starting a process is not what is measured, and a busy machine takes its time. */
#define START_MS 30000
/* deadline, grace, SIGTERM's second, and what a busy machine needs */
#define IN_TIME_MS 15000

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

static const struct syncline_settings no_settings = { .struct_size = sizeof no_settings };
static const struct syncline_object object = { .struct_size = sizeof object, .alias = "customer", .native = "customers", .settings = &no_settings };
static const struct syncline_read_request all = { .struct_size = sizeof all, .full = 1 };

static struct connector *good;
static struct connector_read *good_read;
static int descriptors;
static char scratch[512];
static char empty[600]; /* in it: where everybody is told to put temporary files, and where the processes stand */
static unsigned lines;

static void
on_log(void *data, const struct connector_line *line)
{
	(void)data;
	if (strcmp(line->system, "bad") == 0)
		lines++;
}

static struct connector_options
options(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/tests/connectors/.libs/%s.so", getenv("SYNCLINE_BUILD"), name);
	return (struct connector_options){ .system = strcmp(name, "good") == 0 ? "good" : "bad", .path = path, .writable = true, .log = on_log,
		.timeout_ms = START_MS, .grace_ms = GRACE_MS };
}

/* What is heard of calls that were admitted. */
struct ear {
	uint32_t admitted, heard;
	uint32_t classes[SYNCLINE_CLASS_COUNT];
};

static int
on_admit(void *data, uint32_t calls, struct error *err)
{
	struct ear *ear = data;

	(void)err;
	ear->admitted += calls > 0;
	return 0;
}

static void
on_heard(void *data, uint32_t klass, uint32_t retry_after_ms)
{
	struct ear *ear = data;

	ear->heard++;
	ear->classes[klass]++;
	assert_int_equal(retry_after_ms, klass == SYNCLINE_THROTTLED ? 3000 : 0);
}

static struct connector *
start_heard(const char *name, struct ear *ear)
{
	struct connector *c;
	struct error err = { 0 };
	char path[1024];
	struct connector_options o = options(name, path, sizeof path);

	if (ear != NULL) {
		o.admit = on_admit;
		o.heard = on_heard;
		o.admit_data = ear;
	}
	if (connector_start(&o, &c, &err) != 0)
		fail_msg("%s: %s", name, err.message);
	connector_set_timeout(c, TIMEOUT_MS);
	return c;
}

static struct connector *
start(const char *name)
{
	return start_heard(name, NULL);
}

/* A good connector in the middle of a read. */
static int
group_setup(void **state)
{
	struct syncline_setting setting = { .struct_size = sizeof setting, .type = SYNCLINE_PARAM_INTEGER, .integer = 2000000, .name = "records", .text = "" };
	struct syncline_settings settings = { .struct_size = sizeof settings, .count = 1, .items = &setting };
	struct error err = { 0 };
	char path[1024];
	struct connector_options o = options("good", path, sizeof path);

	(void)state;
	snprintf(scratch, sizeof scratch, "%s/syncline-misbehave.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(scratch) == NULL || chdir(scratch) != 0 || mkdir("empty", 0700) != 0 || chdir("empty") != 0) {
		perror(scratch);
		return -1;
	}
	snprintf(empty, sizeof empty, "%s/empty", scratch);
	setenv("TMPDIR", empty, 1);
	o.settings = &settings;
	o.timeout_ms = 60000;
	if (connector_start(&o, &good, &err) != 0 || connector_read_open(good, &object, &all, &good_read, &err) != 0) {
		fprintf(stderr, "%s\n", err.message);
		return -1;
	}
	descriptors = os_count_descriptors();
	return 0;
}

static int
group_teardown(void **state)
{
	(void)state;
	connector_read_close(good_read);
	connector_stop(good);
	if (chdir("/") != 0 || rmdir(empty) != 0 || rmdir(scratch) != 0) {
		perror(scratch);
		return -1;
	}
	return 0;
}

static void
nothing_is_in(const char *folder)
{
	DIR *dir = opendir(folder);

	if (dir == NULL)
		fail_msg("%s: %s", folder, strerror(errno));
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			fail_msg("%s/%s was left behind", folder, entry->d_name);
	closedir(dir);
}

/* The good one goes on, and of the other nothing is left. */
static void
all_is_well(void)
{
	struct connector_read_state at;
	struct error err = { 0 };
	struct batch *batch;
	siginfo_t info = { 0 };

	if (connector_read_next(good_read, &batch, &at, &err) != 0)
		fail_msg("the good connector: %s", err.message);
	assert_int_equal(batch->header->record_count, 1000);
	batch_free(batch);
	assert_int_equal(os_count_descriptors(), descriptors);
	/* Of all children only the good one is left, and it has not ended. */
	assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	assert_int_equal(info.si_pid, 0);
	assert_int_equal(connector_ping(good, &err), 0);
	nothing_is_in(empty);
}

static int
read_one(struct connector *c, struct batch **ret_batch, struct connector_read_state *ret_state, struct error *err)
{
	struct connector_read *reader;
	int result;

	if (connector_read_open(c, &object, &all, &reader, err) != 0)
		return -1;
	result = connector_read_next(reader, ret_batch, ret_state, err);
	connector_read_close(reader);
	return result;
}

/* A read that must fail so. */
static void
fails_in_next(const char *name, enum error_code code, const char *words)
{
	struct connector *c = start(name);
	struct connector_read_state at;
	struct error err = { 0 };
	struct batch *batch;
	int64_t began = os_monotonic_ms();
	pid_t pid = (pid_t)connector_pid(c);

	assert_int_not_equal(pid, 0);
	assert_int_equal(read_one(c, &batch, &at, &err), -1);
	if (os_monotonic_ms() - began > IN_TIME_MS)
		fail_msg("%s took %lld ms", name, (long long)(os_monotonic_ms() - began));
	if (err.code != code || strstr(err.message, words) == NULL)
		fail_msg("%s: %s: %s", name, error_name(err.code), err.message);
	assert_string_equal(err.place, "system bad");
	connector_stop(c);
	/* Nobody of its group is left. */
	while (kill(-pid, 0) == 0)
		assert_true(os_monotonic_ms() - began < IN_TIME_MS);
	assert_int_equal(errno, ESRCH);
	all_is_well();
}

static void
fails_to_start(const char *name, enum error_code code, const char *words)
{
	struct connector *c;
	struct error err = { 0 };
	char path[1024];
	struct connector_options o = options(name, path, sizeof path);

	assert_int_equal(connector_start(&o, &c, &err), -1);
	if (err.code != code || strstr(err.message, words) == NULL)
		fail_msg("%s: %s: %s", name, error_name(err.code), err.message);
	if (code != ERROR_HOST_GONE && strstr(err.message, path) == NULL)
		fail_msg("%s: the file is not named: %s", name, err.message);
	all_is_well();
}

static void
what_is_no_connector_is_refused(void **state)
{
	(void)state;
	fails_to_start("wrong-major", ERROR_CONNECTOR_ABI, "major version 77 of the contract; this agent has 1");
	fails_to_start("no-symbol", ERROR_CONNECTOR_SYMBOL, "does not export syncline_connector()");
	fails_to_start("null-descriptor", ERROR_CONNECTOR_SYMBOL, "returned NULL");
	fails_to_start("zero-size", ERROR_CONNECTOR_SYMBOL, "struct_size of 0");
	fails_to_start("not-there", ERROR_CONNECTOR_LOAD, "cannot be loaded");
}

static void
crashes_are_contained(void **state)
{
	(void)state;
	fails_to_start("crash-open", ERROR_HOST_GONE, SANITIZED ? "'open'" : "'open': killed by signal 11");
	fails_in_next("crash-next", ERROR_HOST_GONE, SANITIZED ? "'next'" : "'next': killed by signal 11");
	fails_in_next("aborts", ERROR_HOST_GONE, "killed by signal 6");
	fails_in_next("exits", ERROR_HOST_GONE, "ended with status 0");
	/* Its child holds the socket open, so the end of the process shows only at the deadline. */
	fails_in_next("forks", ERROR_HOST_TIMEOUT, "did not answer 'next' within 600 ms");
}

static void
hangs_are_contained(void **state)
{
	(void)state;
	fails_in_next("hang", ERROR_HOST_TIMEOUT, "did not answer 'next' within 600 ms");
	fails_in_next("ignores-cancel", ERROR_HOST_TIMEOUT, "did not answer 'next' within 600 ms");
	fails_in_next("stops", ERROR_HOST_TIMEOUT, "did not answer 'next' within 600 ms");
}

static void
a_hang_at_the_end_is_contained(void **state)
{
	struct connector *c = start("hang-close");
	int64_t began = os_monotonic_ms();

	(void)state;
	connector_stop(c);
	assert_true(os_monotonic_ms() - began < IN_TIME_MS);
	all_is_well();
}

static void
lies_are_contained(void **state)
{
	(void)state;
	fails_in_next("lies-position", ERROR_CONNECTOR_INTERNAL, "a position of 4000000000 bytes");
	fails_in_next("garbage", ERROR_HOST_PROTOCOL, "not a frame");
	fails_in_next("closes", ERROR_HOST_GONE, "'next'");
	fails_in_next("bad-error", ERROR_CONNECTOR_PERMANENT, "????");
	fails_in_next("flood-record", ERROR_CONNECTOR_INTERNAL, "beyond 16 MiB");
}

static void
bad_values_are_refused(void **state)
{
	struct connector *c = start("bad-values");
	struct connector_read_state at;
	struct error err = { 0 };
	struct batch *batch;

	(void)state;
	if (read_one(c, &batch, &at, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(batch->header->record_count, 1);
	batch_free(batch);
	connector_stop(c);
	all_is_well();
}

static void
floods_are_contained(void **state)
{
	struct connector *c = start("flood-batches");
	struct connector_read *reader;
	struct connector_read_state at;
	struct error err = { 0 };
	struct batch *batch;

	(void)state;
	/* Only as many as there is credit for, so it waits; then somebody cancels. */
	assert_int_equal(connector_read_open(c, &object, &all, &reader, &err), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(connector_read_next(reader, &batch, &at, &err), 0);
		assert_false(at.end);
		batch_free(batch);
	}
	connector_cancel(c);
	assert_int_equal(connector_read_next(reader, &batch, &at, &err), -1);
	assert_int_equal(err.code, ERROR_CONNECTOR_CANCELLED);
	connector_read_close(reader);
	connector_stop(c);
	all_is_well();
	c = start("flood-log");
	lines = 0;
	connector_set_timeout(c, 60000);
	assert_int_equal(read_one(c, &batch, &at, &err), 0);
	batch_free(batch);
	connector_stop(c);
	assert_in_range(lines, 1, 2000);
	all_is_well();
}

static void
leaks_are_contained(void **state)
{
	struct connector *c;
	struct connector_read_state at;
	struct error err = { 0 };
	struct batch *batch;
	char path[1024];
	struct connector_options o = options("leaks", path, sizeof path);

	(void)state;
	if (SANITIZED) /* it reserves terabytes of address space itself */
		return;
	o.memory_max = 512u * 1024u * 1024u;
	o.timeout_ms = 60000;
	assert_int_equal(connector_start(&o, &c, &err), 0);
	assert_int_equal(read_one(c, &batch, &at, &err), -1);
	assert_int_equal(err.code, ERROR_HOST_GONE);
	connector_stop(c);
	all_is_well();
}

static struct batch *
make_batch(uint32_t count)
{
	static const struct syncline_field field = { .struct_size = sizeof field, .type = SYNCLINE_TYPE_TEXT, .name = "id" };
	struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT, .length = 1, .u.data = "x" };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_CREATE, .value_count = 1, .values = &value };
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch;

	assert_int_equal(batch_builder_set_fields(builder, &field, 1, NULL), 0);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(batch_builder_add(builder, &record, NULL), 0);
	assert_non_null(batch = batch_builder_finish(builder, NULL));
	batch_builder_free(builder);
	return batch;
}

/* "0", "1" and so on, then the word, and two more. */
static struct batch *
numbered_batch(uint32_t count, const char *word)
{
	static const struct syncline_field field = { .struct_size = sizeof field, .type = SYNCLINE_TYPE_TEXT, .name = "id" };
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch;

	assert_int_equal(batch_builder_set_fields(builder, &field, 1, NULL), 0);
	for (uint32_t i = 0; i < count + 3; i++) {
		struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT };
		struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_CREATE, .value_count = 1, .values = &value };
		char text[16];

		snprintf(text, sizeof text, "%u", i);
		value.u.data = i == count ? word : text;
		value.length = (uint32_t)strlen(value.u.data);
		assert_int_equal(batch_builder_add(builder, &record, NULL), 0);
	}
	assert_non_null(batch = batch_builder_finish(builder, NULL));
	batch_builder_free(builder);
	return batch;
}

/* "0", "1" and so on, each once and in order; 0 when there is no file. */
static uint32_t
lines_of(const char *file)
{
	FILE *stream = fopen(file, "r");
	uint32_t count = 0;
	char line[64], wanted[64];

	while (stream != NULL && fgets(line, sizeof line, stream) != NULL) {
		snprintf(wanted, sizeof wanted, "%u\n", count++);
		assert_string_equal(line, wanted);
	}
	if (stream != NULL)
		fclose(stream);
	return count;
}

static struct connector_results *
write_to(const char *name, uint32_t count)
{
	struct connector *c = start(name);
	struct batch *batch = make_batch(count);
	struct connector_results *results;
	struct error err = { 0 };

	assert_int_equal(connector_write(c, &object, batch, &results, &err), 0);
	assert_int_equal(results->count, count);
	assert_int_equal(results->committed + results->failed + results->uncertain, count);
	for (uint32_t i = 0; i < count; i++)
		assert_true(results->items[i].outcome == CONNECTOR_COMMITTED || results->items[i].error != NULL);
	batch_free(batch);
	connector_stop(c);
	all_is_well();
	return results;
}

static void
writes_end_with_an_outcome_for_each(void **state)
{
	struct connector_results *r;

	(void)state;
	r = write_to("lies-results", 6);
	assert_int_equal(r->items[0].outcome, CONNECTOR_COMMITTED);
	assert_int_equal(r->items[1].outcome, CONNECTOR_UNCERTAIN);
	assert_int_equal(r->items[2].outcome, CONNECTOR_UNCERTAIN);
	assert_int_equal(r->items[3].outcome, CONNECTOR_FAILED);
	assert_int_equal(r->items[3].error->applied, SYNCLINE_APPLIED_MAYBE);
	assert_int_equal(r->items[4].outcome, CONNECTOR_UNCERTAIN);
	assert_int_equal(r->foreign, 2);
	assert_int_equal(r->committed, 1);
	connector_results_free(r);

	/* What was reported before the crash is known; the rest is not. */
	r = write_to("crash-write", 200);
	assert_true(r->call_failed);
	assert_int_equal(r->call_error.code, ERROR_HOST_GONE);
	assert_int_equal(r->committed, 100);
	assert_int_equal(r->uncertain, 100);
	connector_results_free(r);

	r = write_to("hang-write", 3);
	assert_int_equal(r->call_error.code, ERROR_HOST_TIMEOUT);
	assert_int_equal(r->committed, 1);
	assert_int_equal(r->uncertain, 2);
	connector_results_free(r);

	r = write_to("lies-size", 2);
	assert_int_equal(r->committed, 2);
	connector_results_free(r);
}

/* The same when nobody waits for the write but asks now and then whether there is something to be heard. */
static struct connector_results *
listen_to(const char *name, uint32_t count)
{
	struct connector *c = start(name);
	struct batch *batch = make_batch(count);
	struct connector_writing *writing;
	struct connector_results *results;
	struct error err = { 0 };
	int64_t until = os_monotonic_ms() + IN_TIME_MS, began;

	assert_int_equal(connector_write_begin(c, &object, batch, &writing, &err), 0);
	batch_free(batch);
	while (!connector_write_heard(writing)) {
		assert_true(os_monotonic_ms() < until);
		poll(NULL, 0, 1);
	}
	began = os_monotonic_ms();
	results = connector_write_end(writing);
	/* Nothing is waited for any more, but for the grace time of one that hangs. */
	assert_true(os_monotonic_ms() - began < (results->call_failed && results->call_error.code == ERROR_HOST_TIMEOUT ? IN_TIME_MS : 1000));
	connector_stop(c);
	all_is_well();
	return results;
}

static void
a_write_can_be_listened_to(void **state)
{
	struct connector_results *r;

	(void)state;
	r = listen_to("crash-get", 3);
	assert_false(r->call_failed);
	assert_int_equal(r->committed, 3);
	connector_results_free(r);
	r = listen_to("crash-write", 200);
	assert_int_equal(r->call_error.code, ERROR_HOST_GONE);
	assert_int_equal(r->committed, 100);
	assert_int_equal(r->uncertain, 100);
	connector_results_free(r);
	r = listen_to("hang-write", 3);
	assert_int_equal(r->call_error.code, ERROR_HOST_TIMEOUT);
	assert_int_equal(r->committed, 1);
	assert_int_equal(r->uncertain, 2);
	connector_results_free(r);
	r = listen_to("lies-results", 6);
	assert_int_equal(r->committed, 1);
	assert_int_equal(r->foreign, 2);
	connector_results_free(r);
}

/* What a process reported before it ended is known, however many that are: neither a group of results nor a time decides. */
static void
an_end_in_the_middle_loses_no_result(void **state)
{
	static const struct {
		const char *word;
		enum error_code code;
		bool exact;
	} ends[] = { { "crash", ERROR_HOST_GONE, true }, { "abort", ERROR_HOST_GONE, true }, { "exit", ERROR_HOST_GONE, true },
		{ "hang", ERROR_HOST_TIMEOUT, true }, { "kill", ERROR_HOST_GONE, false } };
	static const uint32_t before[] = { 0, 1, 63, 64, 65, 150 };
	char path[1024], file[600];
	struct syncline_setting setting = { .struct_size = sizeof setting, .type = SYNCLINE_PARAM_TEXT, .name = "path", .text = file };
	struct syncline_settings settings = { .struct_size = sizeof settings, .count = 1, .items = &setting };
	struct connector_options o = options("keeps", path, sizeof path);

	(void)state;
	snprintf(file, sizeof file, "%s/kept", scratch);
	o.settings = &settings;
	for (size_t i = 0; i < sizeof ends / sizeof *ends * (sizeof before / sizeof *before); i++) {
		uint32_t count = before[i % (sizeof before / sizeof *before)];
		size_t which = i / (sizeof before / sizeof *before);
		struct batch *batch = numbered_batch(count, ends[which].word);
		struct connector_results *r = NULL;
		struct connector *c;
		struct error err = { 0 };

		if (connector_start(&o, &c, &err) != 0)
			fail_msg("%s", err.message);
		if (ends[which].code == ERROR_HOST_TIMEOUT)
			connector_set_timeout(c, TIMEOUT_MS);
		if (connector_write(c, &object, batch, &r, &err) != 0)
			fail_msg("%s", err.message);
		if (r->call_error.code != ends[which].code || r->failed != 0 || r->committed + r->uncertain != count + 3 ||
		    (ends[which].exact ? r->committed != count : r->committed > count))
			fail_msg("'%s' after %u items: %s, %u committed, %u uncertain", ends[which].word, count, error_name(r->call_error.code),
			         r->committed, r->uncertain);
		/* In the order of the items: all that is certain is there, and all that is there is certain or uncertain. */
		for (uint32_t k = 0; k < r->count; k++)
			assert_int_equal(r->items[k].outcome, k < r->committed ? CONNECTOR_COMMITTED : CONNECTOR_UNCERTAIN);
		assert_int_equal(lines_of(file), count);
		(void)unlink(file);
		connector_results_free(r);
		batch_free(batch);
		connector_stop(c);
		all_is_well();
	}
}

static void
a_record_that_crashes_is_found(void **state)
{
	struct ear ear = { 0 };
	struct connector *c = start_heard("crash-get", &ear);
	struct syncline_slice ids[100];
	char names[100][16];
	struct batch *batch;
	struct error err = { 0 };
	unsigned rejects = 0;

	(void)state;
	connector_set_timeout(c, 20000);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(names[i], sizeof names[i], i == 37 || i == 80 ? "poison" : "id%u", i);
		ids[i] = (struct syncline_slice){ names[i], strlen(names[i]) };
	}
	if (connector_get(c, &object, ids, 100, &batch, &err) != 0)
		fail_msg("%s", err.message);
	assert_int_equal(batch->header->record_count, 100);
	for (uint32_t i = 0; i < 100; i++)
		if (batch_record(batch, i)->op == SYNCLINE_OP_REJECT) {
			assert_memory_equal(batch_cell_data(batch, &batch_record(batch, i)->native_id), "poison", 6);
			rejects++;
		}
	assert_int_equal(rejects, 2);
	batch_free(batch);
	/* The crash that began it is the system's; those that were looked for are nobody's, or it would be left alone in the middle. */
	assert_int_equal(ear.admitted, ear.heard);
	assert_int_equal(ear.classes[SYNCLINE_RETRY] + ear.classes[SYNCLINE_INTERNAL], 1);
	assert_true(ear.classes[SYNCLINE_CANCELLED] > 4 && ear.classes[SYNCLINE_OK] > 4);
	connector_stop(c);
	all_is_well();
}

/* One word for each call: a pause that doubles would never, if each were heard as a success first. */
static void
what_is_said_of_records_is_heard_once(void **state)
{
	struct ear ear = { 0 };
	struct connector *c = start_heard("throttles-items", &ear);
	struct batch *batch = make_batch(4);
	struct connector_results *results;
	struct error err = { 0 };

	(void)state;
	for (uint32_t i = 1; i <= 2; i++) {
		assert_int_equal(connector_write(c, &object, batch, &results, &err), 0);
		assert_int_equal(results->committed, 1);
		assert_int_equal(results->failed, 3);
		connector_results_free(results);
		assert_int_equal(ear.admitted, i);
		assert_int_equal(ear.heard, i);
		assert_int_equal(ear.classes[SYNCLINE_THROTTLED], i);
	}
	batch_free(batch);
	connector_stop(c);
	all_is_well();
}

static void
a_repeat_offender_is_put_aside(void **state)
{
	struct connector *c = start("crash-next");
	struct connector_read_state at;
	struct error err = { 0 };
	struct batch *batch;

	(void)state;
	assert_int_equal(read_one(c, &batch, &at, &err), -1);
	/* The first failure costs no pause, the second does. */
	assert_int_equal(read_one(c, &batch, &at, &err), -1);
	assert_int_equal(err.code, ERROR_HOST_GONE);
	assert_int_equal(connector_pid(c), 0);
	assert_int_equal(read_one(c, &batch, &at, &err), -1);
	assert_int_equal(err.code, ERROR_HOST_WAITING);
	assert_in_range(err.retry_after_ms, 1, 1000);
	connector_reset(c);
	assert_int_equal(read_one(c, &batch, &at, &err), -1);
	assert_int_equal(err.code, ERROR_HOST_GONE);
	connector_stop(c);
	all_is_well();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_connector_is_refused), cmocka_unit_test(crashes_are_contained), cmocka_unit_test(hangs_are_contained),
		cmocka_unit_test(a_hang_at_the_end_is_contained), cmocka_unit_test(lies_are_contained), cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(floods_are_contained), cmocka_unit_test(leaks_are_contained), cmocka_unit_test(writes_end_with_an_outcome_for_each),
		cmocka_unit_test(a_write_can_be_listened_to), cmocka_unit_test(an_end_in_the_middle_loses_no_result),
		cmocka_unit_test(a_record_that_crashes_is_found), cmocka_unit_test(what_is_said_of_records_is_heard_once), cmocka_unit_test(a_repeat_offender_is_put_aside),
	};

	return cmocka_run_group_tests_name("misbehave", tests, group_setup, group_teardown);
}
