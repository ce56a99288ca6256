/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host-oom.c: every allocation around a connector fails once: of proxy and guest in this process, of the proxy alone with the
 * connector in a process of its own, and of that process (tests/unit/oom-host.c).  Whatever is missing then, nothing succeeds that
 * didn't, and no write is said to have failed for certain that was carried out.
 */
#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../fuzz/frame_scenario.h"
#include "oom.h"
#include "oom-host.h"

#define DOCUMENT (CONNECTOR_CHUNK_MAX + 1000)

/* One use of a connector: 0 when all of it went well, -1 when it failed as it should. */
struct use {
	const char *connector;
	int (*run)(struct connector *c);
	bool direct;
	const char *host_program; /* NULL: the usual */
};

static char scratch[512], kept[600];
static char document[DOCUMENT], received[DOCUMENT];
static unsigned annas; /* rows of that name in good.c, as long as its process lives */
static uint32_t annas_in;
static char committed[64]; /* what the agent was told to store as state "page" */

static const struct syncline_read_request all = { .struct_size = sizeof all, .full = 1 };

/* What failed says why, and nobody waited for an answer that never comes. */
static int
failed(const struct error *err)
{
	if (err->code == ERROR_NONE || err->message[0] == '\0')
		fail_msg("a call failed without a word");
	if (err->code == ERROR_HOST_TIMEOUT || err->code == ERROR_HOST_ASIDE)
		fail_msg("a call failed in a way that has nothing to do with memory: %s", err->message);
	return -1;
}

static int
commit(void *data, const struct connector_state *changes, uint32_t count, struct error *err)
{
	(void)data, (void)err;
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(changes[i].key, "page") == 0)
			snprintf(committed, sizeof committed, "%.*s", (int)changes[i].value.length, (const char *)changes[i].value.data);
	return 0;
}

static int
run(void *arg)
{
	const struct use *use = arg;
	char path[1024];
	struct syncline_setting settings[] = {
		{ .struct_size = sizeof *settings, .type = SYNCLINE_PARAM_INTEGER, .integer = 3, .name = "records", .text = "" },
		{ .struct_size = sizeof *settings, .type = SYNCLINE_PARAM_TEXT, .name = "path", .text = kept },
	};
	struct syncline_settings given = { .struct_size = sizeof given, .count = 2, .items = settings };
	struct connector_state state = { "page", { "0", 1 } };
	struct connector_options options = { .system = "erp", .path = path, .settings = &given, .direct = use->direct, .writable = true,
		.host_program = use->host_program, .state = &state, .state_count = 1, .commit = commit, .timeout_ms = 30000 };
	struct connector *c;
	struct error err = { 0 };
	int result;

	snprintf(path, sizeof path, "%s/tests/connectors/.libs/%s.so", getenv("SYNCLINE_BUILD"), use->connector);
	snprintf(committed, sizeof committed, "0");
	if (connector_start(&options, &c, &err) != 0)
		return failed(&err);
	annas = annas_in = 0;
	result = use->run(c);
	connector_stop(c);
	return result;
}

/* What the writes send. */

static const char *const items[] = { "a", "refuse", "b", "c", "fail", "d" };
#define ITEMS (sizeof items / sizeof *items)

static struct batch *
item_batch(struct error *err)
{
	static const struct syncline_field field = { .struct_size = sizeof field, .type = SYNCLINE_TYPE_TEXT, .name = "id" };
	struct batch_builder *builder = batch_builder_new(err);
	struct batch *batch = NULL;
	bool failed = builder == NULL || batch_builder_set_fields(builder, &field, 1, err) != 0;

	for (size_t i = 0; !failed && i < ITEMS; i++) {
		struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(items[i]), .u.data = items[i] };
		struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_CREATE, .value_count = 1, .values = &value };

		failed = batch_builder_add(builder, &record, err) != 0;
	}
	if (!failed)
		batch = batch_builder_finish(builder, err);
	batch_builder_free(builder);
	return batch;
}

/* Reads. */

static int
read_all(struct connector *c)
{
	struct connector_read_state at = { 0 };
	struct connector_read *reader = NULL;
	struct batch *batch = NULL;
	struct error err = { 0 };
	uint64_t count = 0;
	int result = -1;

	if (connector_read_open(c, &scenario_object, &all, &reader, &err) == 0 && connector_read_next(reader, &batch, &at, &err) == 0 &&
	    connector_read_accept(reader, &err) == 0 && connector_count(c, &scenario_object, &count, &err) == 0)
		result = 0;
	if (result == 0 && (batch->header->record_count != 3 || !at.end || count != 3 || strcmp(committed, "3") != 0))
		fail_msg("a read succeeded with less than all");
	batch_free(batch);
	connector_read_close(reader);
	return result == 0 ? 0 : failed(&err);
}

struct found {
	unsigned objects, fields, remarks;
	char hint[256];
};

static void
on_object(void *data, const struct syncline_object_info *info)
{
	((struct found *)data)->objects += strcmp(info->native, "customers") == 0;
}

static void
on_field(void *data, const struct syncline_field *field)
{
	((struct found *)data)->fields += field->name[0] != '\0';
}

static void
on_remark(void *data, uint32_t severity, const char *object, const char *message, const char *hint)
{
	struct found *found = data;

	(void)severity, (void)object, (void)message;
	found->remarks++;
	snprintf(found->hint, sizeof found->hint, "%s", hint);
}

static int
check(struct connector *c, struct found *found, struct error *err)
{
	struct connector_findings findings = { on_object, on_field, on_remark, found };

	memset(found, 0, sizeof *found);
	return connector_check(c, &findings, err);
}

/* The connector's state is what was stored last, whatever failed: not what a read left that was never accepted. */
static int
keep_state(struct connector *c)
{
	struct connector_read_state at = { 0 };
	struct connector_read *reader = NULL;
	struct batch *batch = NULL;
	struct found found;
	struct error err = { 0 };
	char wanted[64];
	bool got;
	int result = -1;

	got = connector_read_open(c, &scenario_object, &all, &reader, &err) == 0 && connector_read_next(reader, &batch, &at, &err) == 0;
	batch_free(batch);
	/* Read, but not accepted. */
	connector_read_close(reader);
	assert_string_equal(committed, "0");
	if (check(c, &found, &err) == 0) {
		snprintf(wanted, sizeof wanted, "page=%s.", committed);
		if (found.remarks != 1 || strstr(found.hint, wanted) == NULL)
			fail_msg("the connector goes by a state that nobody stored: %s", found.hint);
		result = got ? 0 : -1;
	}
	return result == 0 ? 0 : failed(&err);
}

static int
discover(struct connector *c)
{
	struct found found = { 0 };
	struct connector_findings findings = { on_object, on_field, on_remark, &found };
	struct error err = { 0 };

	if (connector_discover_objects(c, &findings, &err) != 0 || connector_discover_fields(c, &scenario_object, &findings, &err) != 0)
		return failed(&err);
	if (found.objects != 1 || found.fields != 12)
		fail_msg("discover succeeded with %u objects and %u fields", found.objects, found.fields);
	return check(c, &found, &err) == 0 ? 0 : failed(&err);
}

/* Something to get and to find: N1 is Anna, and so are those that follow. */
static int
put_anna(struct connector *c, struct error *err)
{
	struct syncline_value values[2] = { { .type = SYNCLINE_TYPE_ABSENT }, { .type = SYNCLINE_TYPE_TEXT, .length = 4, .u.data = "Anna" } };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_CREATE, .value_count = 2, .values = values };
	static const struct syncline_field fields[] = {
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "id" },
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "name" },
	};
	struct batch_builder *builder = batch_builder_new(err);
	struct connector_results *results = NULL;
	struct batch *batch = NULL;
	int result = -1;

	if (builder != NULL && batch_builder_set_fields(builder, fields, 2, err) == 0 && batch_builder_add(builder, &record, err) == 0 &&
	    (batch = batch_builder_finish(builder, err)) != NULL && connector_write(c, &scenario_object, batch, &results, err) == 0) {
		annas = c->incarnation == annas_in ? annas + 1 : 1;
		annas_in = c->incarnation;
		result = results->committed == 1 && !results->call_failed ? 0 : -1;
		if (result != 0)
			*err = results->call_failed ? results->call_error : *results->items[0].error;
	}
	connector_results_free(results);
	batch_free(batch);
	batch_builder_free(builder);
	return result;
}

static int
get(struct connector *c)
{
	struct syncline_slice ids[] = { { "N1", 2 }, { "N9", 2 } };
	struct batch *batch = NULL;
	struct error err = { 0 };
	uint32_t incarnation;
	uint8_t wanted;

	if (put_anna(c, &err) != 0)
		return failed(&err);
	incarnation = c->incarnation;
	if (connector_get(c, &scenario_object, ids, 2, &batch, &err) != 0)
		return failed(&err);
	/* A get that ended its process was tried again, and what good.c keeps ends with it.  No id is blamed for what memory did. */
	wanted = c->incarnation == incarnation ? SYNCLINE_OP_SEEN : SYNCLINE_OP_DELETED;
	if (batch->header->record_count != 2 || batch_record(batch, 0)->op != wanted || batch_record(batch, 1)->op != SYNCLINE_OP_DELETED)
		fail_msg("a get of two ids gave something else: %u records, the first %u", batch->header->record_count, batch_record(batch, 0)->op);
	batch_free(batch);
	return wanted == SYNCLINE_OP_SEEN ? 0 : -1;
}

static int
find(struct connector *c)
{
	struct syncline_criterion anna = { "name", { .type = SYNCLINE_TYPE_TEXT, .length = 4, .u.data = "Anna" } };
	struct batch *batch = NULL;
	struct error err = { 0 };

	if (put_anna(c, &err) != 0 || connector_find(c, &scenario_object, &anna, 1, 5, &batch, &err) != 0)
		return failed(&err);
	if (batch->header->record_count != annas)
		fail_msg("a find gave %u records instead of %u", batch->header->record_count, annas);
	batch_free(batch);
	return 0;
}

/* Documents. */

static int
send_document(struct connector *c, struct error *err)
{
	struct syncline_content_info info = { .struct_size = sizeof info, .length = DOCUMENT, .name = "a.txt" };
	struct connector_content *content;
	char reference[SYNCLINE_CONTENT_REF_MAX];
	size_t length = 0;

	if (connector_content_create(c, &scenario_object, &info, &content, err) != 0)
		return -1;
	/* Who finishes a document in spite of a part that failed gets no document with a hole. */
	if (connector_content_write(content, document, sizeof document, err) != 0) {
		assert_int_equal(connector_content_finish(content, &info, reference, &length, NULL), -1);
		return -1;
	}
	if (connector_content_finish(content, &info, reference, &length, err) != 0)
		return -1;
	assert_int_equal(length, 3);
	assert_memory_equal(reference, "doc", 3);
	return 0;
}

static int
fetch_document(struct connector *c, struct error *err)
{
	struct syncline_slice reference = { "doc", 3 };
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct connector_content *content;
	size_t have = 0, got = 0;
	int result;

	if (connector_content_open(c, &scenario_object, &reference, &content, &info, err) != 0)
		return -1;
	assert_int_equal(info.length, DOCUMENT);
	assert_string_equal(info.name, "a.txt");
	memset(received, 0, sizeof received);
	while ((result = connector_content_read(content, received + have, have < DOCUMENT ? DOCUMENT - have : 1, &got, err)) == 0 && got > 0)
		have += got;
	/* Nor does reading go on behind a hole. */
	if (result != 0)
		assert_int_equal(connector_content_read(content, received, 1, &got, NULL), -1);
	connector_content_close(content);
	if (result == 0 && (have != DOCUMENT || memcmp(received, document, DOCUMENT) != 0))
		fail_msg("%zu bytes of a document of %u came back, or others", have, DOCUMENT);
	return result;
}

static int
documents(struct connector *c)
{
	struct syncline_content_info info = { .struct_size = sizeof info, .length = DOCUMENT, .name = "b.txt" };
	struct connector_content *content;
	struct error err = { 0 };

	if (send_document(c, &err) != 0 || connector_content_create(c, &scenario_object, &info, &content, &err) != 0)
		return failed(&err);
	connector_content_abort(content);
	/* Aborted: the first one is still there. */
	return fetch_document(c, &err) == 0 ? 0 : failed(&err);
}

/* Cancelled in the middle of a read, and before a write, a find and a document; then all goes on. */
static int
cancel(struct connector *c)
{
	struct syncline_slice reference = { "doc", 3 };
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct connector_read_state at = { 0 };
	struct connector_read *reader = NULL;
	struct connector_content *content;
	struct connector_results *results;
	struct batch *batch = NULL;
	struct error err = { 0 };
	uint64_t count = 0;

	if (connector_read_open(c, &scenario_object, &all, &reader, &err) != 0)
		return failed(&err);
	connector_cancel(c);
	assert_int_equal(connector_read_next(reader, &batch, &at, &err), -1);
	assert_int_equal(err.code, ERROR_CONNECTOR_CANCELLED);
	connector_read_close(reader);
	assert_int_equal(connector_content_open(c, &scenario_object, &reference, &content, &info, &err), -1);
	assert_int_equal(connector_count(c, &scenario_object, &count, &err), -1);
	memset(&err, 0, sizeof err);
	batch = item_batch(&err);
	if (batch != NULL)
		assert_int_equal(connector_write(c, &scenario_object, batch, &results, &err), -1);
	batch_free(batch);
	connector_uncancel(c);
	memset(&err, 0, sizeof err);
	if (connector_count(c, &scenario_object, &count, &err) != 0)
		return failed(&err);
	assert_int_equal(count, c->incarnation == annas_in ? 3 + annas : 3);
	return batch != NULL ? 0 : -1;
}

/* Writes, to a target that can be looked at. */

/* How often the target has it; nothing here allocates. */
static unsigned
times_kept(const char *item)
{
	char text[512], *line = text, *end;
	int fd = open(kept, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
	unsigned times = 0;

	if (fd >= 0)
		close(fd);
	assert_true(length >= 0);
	text[length] = '\0';
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		times += strcmp(line, item) == 0;
	}
	return times;
}

/* An outcome for each that the target bears out; 0 when they are those that memory didn't decide. */
static int
judge(const struct connector_results *results)
{
	static const uint32_t usual[ITEMS] = { CONNECTOR_COMMITTED, CONNECTOR_FAILED, CONNECTOR_COMMITTED, CONNECTOR_COMMITTED, CONNECTOR_FAILED,
		CONNECTOR_FAILED };
	int result = 0;

	assert_int_equal(results->count, ITEMS);
	assert_int_equal(results->committed + results->failed + results->uncertain, ITEMS);
	for (uint32_t i = 0; i < ITEMS; i++) {
		const struct connector_result *item = &results->items[i];
		unsigned times = times_kept(items[i]);

		assert_true(times <= 1);
		if (item->outcome == CONNECTOR_COMMITTED && times != 1)
			fail_msg("item '%s' is committed, and the target has it %u times", items[i], times);
		if (item->outcome == CONNECTOR_COMMITTED && (item->native_id.length != strlen(items[i]) ||
		                                             memcmp(item->native_id.data, items[i], item->native_id.length) != 0))
			fail_msg("item '%s' is committed with the id of another", items[i]);
		if (item->outcome != CONNECTOR_COMMITTED && (item->error == NULL || item->error->code == ERROR_NONE || item->error->message[0] == '\0'))
			fail_msg("item '%s' failed without a word", items[i]);
		if (item->outcome == CONNECTOR_FAILED && (item->error->applied == SYNCLINE_APPLIED_NO) != (times == 0))
			fail_msg("item '%s' failed, applied %u, and the target has it %u times", items[i], item->error->applied, times);
		if (item->outcome == CONNECTOR_UNCERTAIN && item->error->applied != SYNCLINE_APPLIED_MAYBE)
			fail_msg("item '%s' is uncertain, but its error says applied %u", items[i], item->error->applied);
		if (item->outcome != usual[i])
			result = -1;
	}
	return result;
}

static int
write_items(struct connector *c)
{
	struct connector_results *results = NULL;
	struct error err = { 0 };
	struct batch *batch;
	int result = -1;

	(void)unlink(kept);
	if ((batch = item_batch(&err)) == NULL)
		return failed(&err);
	if (connector_write(c, &scenario_object, batch, &results, &err) == 0) {
		result = judge(results);
		if (result == 0 && results->call_error.code != ERROR_CONNECTOR_RETRY)
			fail_msg("the write ended with %s", error_name(results->call_error.code));
	} else {
		/* Nothing was sent: the target has nothing. */
		(void)failed(&err);
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(times_kept(items[i]), 0);
	}
	connector_results_free(results);
	batch_free(batch);
	return result;
}

/* What goes another way when the connector has a process of its own; starting one for every allocation is slow. */
static int
some(struct connector *c)
{
	return get(c) == 0 && documents(c) == 0 && cancel(c) == 0 ? 0 : -1;
}

static const struct {
	const char *connector;
	int (*run)(struct connector *c);
} scenarios[] = { { "good", read_all }, { "good", keep_state }, { "good", discover }, { "good", get }, { "good", find }, { "good", documents },
	{ "good", cancel }, { "keeps", write_items } };

static void
in_this_process_nothing_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++) {
		struct use use = { scenarios[i].connector, scenarios[i].run, .direct = true };

		/* Once for what libraries keep for ever. */
		assert_int_equal(run(&use), 0);
		assert_in_range(oom_each(run, &use), 20, 5000);
	}
}

static struct use in_process[] = { { "good", some, .direct = false }, { "keeps", write_items, .direct = false } };

static void
on_the_agents_side_nothing_is_lost(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof in_process / sizeof *in_process; i++) {
		assert_int_equal(run(&in_process[i]), 0);
		assert_in_range(oom_each(run, &in_process[i]), 20, 5000);
	}
}

static void
in_the_connectors_process_nothing_is_lost(void **state)
{
	char path[1024], program[1024];
	struct oom_host *told;
	int fd;

	(void)state;
	if (!oom_works()) {
		print_message("skipped: this linker has no --wrap, so that allocations can't be made to fail\n");
		skip();
	}
	snprintf(program, sizeof program, "%s/tests/bin/oom-host", getenv("SYNCLINE_BUILD"));
	snprintf(path, sizeof path, "%s/" OOM_HOST_FILE, scratch);
	setenv("TMPDIR", scratch, 1);
	assert_true((fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) >= 0);
	assert_int_equal(ftruncate(fd, sizeof *told), 0);
	told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(told != MAP_FAILED);
	close(fd);
	for (size_t i = 0; i < sizeof in_process / sizeof *in_process; i++)
		/* Where one fails, those behind it mostly aren't made any more. */
		for (uint32_t all_after = 0; all_after < (check_rounds(1) > 1 || in_process[i].run == write_items ? 2 : 1); all_after++) {
			struct use use = in_process[i];

			use.host_program = program;
			for (told->fail_at = 1, told->all_after = all_after;; told->fail_at++) {
				int result;

				told->failed = 0;
				result = run(&use);
				if (told->failed == 0) {
					assert_int_equal(result, 0);
					break;
				}
				assert_in_range(told->fail_at, 1, 5000);
			}
			assert_in_range(told->fail_at, 20, 5000);
		}
	munmap(told, sizeof *told);
	assert_int_equal(unlink(path), 0);
}

static int
setup(void **state)
{
	(void)state, (void)scenario;
	snprintf(scratch, sizeof scratch, "%s/syncline-oom.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(scratch) == NULL)
		return -1;
	snprintf(kept, sizeof kept, "%s/kept", scratch);
	for (size_t i = 0; i < sizeof document; i++)
		document[i] = (char)(i * 31 + i / 251);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	(void)unlink(kept);
	return rmdir(scratch);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_this_process_nothing_is_lost),
		cmocka_unit_test(on_the_agents_side_nothing_is_lost),
		cmocka_unit_test(in_the_connectors_process_nothing_is_lost),
	};

	return cmocka_run_group_tests_name("host-oom", tests, setup, teardown);
}
