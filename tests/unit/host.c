/* SPDX-License-Identifier: BSD-2-Clause */
/* host.c: the proxy in both modes against a connector that behaves; every test runs through a process and directly. */
#include "check.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "host/connector.h"

#define TEXT(s) { .type = SYNCLINE_TYPE_TEXT, .length = sizeof(s) - 1, .u.data = (s) }

static const struct syncline_settings no_settings = { .struct_size = sizeof no_settings };
static const char *const key[] = { "id" };
static const struct syncline_object customers = { .struct_size = sizeof customers, .alias = "customer", .native = "customers", .key = key,
	.key_count = 1, .settings = &no_settings };

/* What the connector of a test is started with. */
struct fixture {
	bool direct;
	struct connector_options options;
	struct connector *connector;
	char path[1024];
	unsigned logged;
	char log[256];
};

static void
on_log(void *data, const struct connector_line *line)
{
	struct fixture *f = data;

	assert_string_equal(line->system, "erp");
	assert_int_equal(line->level, SYNCLINE_LOG_INFO);
	assert_int_equal(line->run, 0);
	assert_string_equal(line->correlation, "erp");
	snprintf(f->log, sizeof f->log, "%s", line->text);
	f->logged++;
}

static struct connector *
start(struct fixture *f, int64_t records)
{
	struct syncline_setting setting = { .struct_size = sizeof setting, .type = SYNCLINE_PARAM_INTEGER, .integer = records, .name = "records", .text = "" };
	struct syncline_settings settings = { .struct_size = sizeof settings, .count = 1, .items = &setting };
	struct connector_secret secret = { "password", { "geheim", 6 } };
	struct error err = { 0 };

	snprintf(f->path, sizeof f->path, "%s/tests/connectors/.libs/good.so", getenv("SYNCLINE_BUILD"));
	f->options = (struct connector_options){ .system = "erp", .path = f->path, .settings = &settings, .secrets = &secret, .secret_count = 1,
		.writable = true, .direct = f->direct, .timeout_ms = 20000, .log = on_log, .log_data = f };
	if (connector_start(&f->options, &f->connector, &err) != 0)
		fail_msg("%s: %s (%s)", err.place, err.message, err.hint);
	f->options.settings = NULL;
	f->options.secrets = NULL;
	f->options.secret_count = 0;
	return f->connector;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	connector_stop(f->connector);
	f->connector = NULL;
	return 0;
}

static void
is_described(void **state)
{
	struct fixture *f = *state;
	struct connector *c = start(f, 0);
	struct connector_info *info;
	struct error err = { 0 };

	assert_int_equal(connector_describe(&f->options, &info, &err), 0);
	for (int i = 0; i < 2; i++) {
		const struct connector_info *one = i == 0 ? info : connector_info(c);
		const struct syncline_connector *d = &one->descriptor;

		assert_string_equal(d->name, "good");
		assert_int_equal(d->param_count, 3);
		assert_string_equal(d->params[0].name, "records");
		assert_string_equal(d->params[0].default_value, "0");
		assert_int_equal(d->params[0].maximum, 100000000);
		assert_string_equal(d->params[1].choices[1], "slow");
		assert_null(d->params[1].choices[2]);
		assert_null(d->params[2].choices);
		assert_int_equal(d->params[2].type, SYNCLINE_PARAM_SECRET);
		assert_null(d->open);
		assert_int_equal(d->capabilities->write_batch_max, 1000);
		assert_int_equal(d->capabilities->find, SYNCLINE_EMULATED);
		assert_true(connector_info_offers(one, "sink/1"));
		assert_false(connector_info_offers(one, "sink/2"));
		assert_int_equal(one->optional, CONNECTOR_HAS_ACKNOWLEDGE | CONNECTOR_HAS_GET | CONNECTOR_HAS_FINISH);
	}
	connector_info_free(info);
	assert_int_equal(connector_ping(c, &err), 0);
	/* A message that was sent before the answer to the ping has arrived. */
	assert_int_equal(f->logged, 1);
	assert_string_equal(f->log, "opened with a second line");
}

/* All batches of a read from `position`; returns the records. */
static uint64_t
read_all(struct connector *c, const char *position, uint32_t limit, char *ret_position)
{
	struct syncline_read_request request = { .struct_size = sizeof request, .position = { position, strlen(position) }, .record_limit = limit };
	struct connector_read_state at = { 0 };
	struct connector_read *reader;
	struct error err = { 0 };
	struct batch *batch;
	uint64_t records = 0;

	assert_int_equal(connector_read_open(c, &customers, &request, &reader, &err), 0);
	while (!at.end) {
		if (connector_read_next(reader, &batch, &at, &err) != 0)
			fail_msg("%s", err.message);
		for (uint32_t i = 0; i < batch->header->record_count; i++) {
			struct syncline_value values[12];
			struct syncline_record record;
			char id[24];

			batch_read(batch, i, values, &record);
			snprintf(id, sizeof id, "C%08llu", (unsigned long long)(records + strtoull(position, NULL, 10)));
			assert_int_equal(record.native_id.length, strlen(id));
			assert_memory_equal(record.native_id.u.data, id, strlen(id));
			assert_memory_equal(values[8].u.data, "12500.00", 8);
			records++;
		}
		assert_true(at.has_position);
		memcpy(ret_position, at.position.data, at.position.length);
		ret_position[at.position.length] = '\0';
		batch_free(batch);
	}
	assert_int_equal(at.completeness_count, 1);
	assert_true(at.completeness[0].complete);
	assert_null(at.completeness[0].tenant);
	assert_int_equal(connector_read_accept(reader, &err), 0);
	assert_int_equal(connector_read_next(reader, &batch, &at, &err), -1);
	connector_read_close(reader);
	return records;
}

static void
reads_all(void **state)
{
	struct connector *c = start(*state, 12345);
	char position[64];
	struct syncline_slice slice = { position, 0 };
	struct error err = { 0 };
	uint64_t count;

	assert_int_equal(read_all(c, "", 0, position), 12345);
	assert_string_equal(position, "12345");
	assert_int_equal(read_all(c, "12000", 0, position), 345);
	assert_int_equal(read_all(c, "", 17, position), 17);
	slice.length = strlen(position);
	assert_int_equal(connector_acknowledge(c, &customers, &slice, &err), 0);
	slice.length = 0;
	assert_int_equal(connector_acknowledge(c, &customers, &slice, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_INVALID);
	assert_int_equal(connector_count(c, &customers, &count, &err), 0);
	assert_int_equal(count, 12345);
}

static void
a_read_given_up_leaves_nothing(void **state)
{
	struct connector *c = start(*state, 100000);
	struct syncline_read_request request = { .struct_size = sizeof request, .full = 1 };
	struct connector_read *reader[3];
	struct connector_read_state at;
	struct error err = { 0 };
	struct batch *batch;
	char position[64];

	for (int i = 0; i < 3; i++)
		assert_int_equal(connector_read_open(c, &customers, &request, &reader[i], &err), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(connector_read_next(reader[i], &batch, &at, &err), 0);
		assert_int_equal(batch->header->record_count, 1000);
		batch_free(batch);
	}
	for (int i = 0; i < 3; i++)
		connector_read_close(reader[i]);
	assert_int_equal(read_all(c, "99000", 0, position), 1000);
}

static struct batch *
make_batch(const char *const *names, uint32_t count)
{
	static const struct syncline_field fields[] = {
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "id" },
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "name" },
	};
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch;

	assert_int_equal(batch_builder_set_fields(builder, fields, 2, NULL), 0);
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_value values[2] = { { .type = SYNCLINE_TYPE_ABSENT },
			{ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(names[i]), .u.data = names[i] } };
		struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_CREATE, .value_count = 2, .values = values };

		assert_int_equal(batch_builder_add(builder, &record, NULL), 0);
	}
	assert_non_null(batch = batch_builder_finish(builder, NULL));
	batch_builder_free(builder);
	return batch;
}

static void
writes_and_finds(void **state)
{
	static const char *const names[] = { "Anna", "", "Berta" };
	struct connector *c = start(*state, 0);
	struct syncline_criterion criterion = { "name", TEXT("Berta") };
	struct syncline_slice ids[] = { { "N2", 2 }, { "none", 4 } };
	struct batch *batch = make_batch(names, 3), *found;
	struct connector_results *results;
	struct syncline_digest_bucket buckets[16];
	struct error err = { 0 };
	uint64_t sum = 0;

	assert_int_equal(connector_write(c, &customers, batch, &results, &err), 0);
	assert_false(results->call_failed);
	assert_int_equal(results->committed, 2);
	assert_int_equal(results->failed, 1);
	assert_int_equal(results->foreign, 0);
	assert_int_equal(results->items[2].outcome, CONNECTOR_COMMITTED);
	assert_memory_equal(results->items[2].native_id.data, "N2", 2);
	assert_memory_equal(results->items[2].stored->values[1].u.data, "Berta", 5);
	assert_int_equal(results->items[1].outcome, CONNECTOR_FAILED);
	assert_int_equal(results->items[1].error->klass, SYNCLINE_INVALID);
	assert_int_equal(results->items[1].error->applied, SYNCLINE_APPLIED_NO);
	assert_string_equal(results->items[1].error->message, "a customer needs a name");
	connector_results_free(results);
	assert_int_equal(connector_finish(c, &customers, &err), 0);
	assert_int_equal(connector_find(c, &customers, &criterion, 1, 10, &found, &err), 0);
	assert_int_equal(found->header->record_count, 1);
	assert_memory_equal(batch_cell_data(found, &batch_record(found, 0)->native_id), "N2", 2);
	batch_free(found);
	criterion.field = "zip";
	assert_int_equal(connector_find(c, &customers, &criterion, 1, 10, &found, &err), -1);
	assert_string_equal(err.message, "only the name can be searched");
	assert_string_equal(err.place, "system erp");
	assert_int_equal(connector_get(c, &customers, ids, 2, &found, &err), 0);
	assert_int_equal(found->header->record_count, 2);
	assert_int_equal(batch_record(found, 0)->op, SYNCLINE_OP_SEEN);
	assert_int_equal(batch_record(found, 1)->op, SYNCLINE_OP_DELETED);
	batch_free(found);
	assert_int_equal(connector_digest(c, &customers, key, 1, (const uint8_t *)"0123456789abcdef", buckets, 16, &err), 0);
	for (int i = 0; i < 16; i++)
		sum += buckets[i].count;
	assert_int_equal(sum, 2);
	batch_free(batch);
}

static void
count_fields(void *data, const struct syncline_field *field)
{
	unsigned *count = data;

	if (*count == 8)
		assert_string_equal(field->name, "limit");
	++*count;
}

static void
take_object(void *data, const struct syncline_object_info *info)
{
	assert_string_equal(info->native, "customers");
	assert_string_equal(info->label, "Kunden");
	assert_int_equal(info->capabilities->read_full, SYNCLINE_NATIVE);
	++*(unsigned *)data;
}

static void
take_remark(void *data, uint32_t severity, const char *object, const char *message, const char *hint)
{
	assert_int_equal(severity, SYNCLINE_LOG_WARNING);
	assert_string_equal(object, "customers");
	assert_non_null(strstr(message, "may delete"));
	assert_non_null(strstr(hint, "Take that right"));
	++*(unsigned *)data;
}

static void
checks_and_discovers(void **state)
{
	struct connector *c = start(*state, 0);
	unsigned count = 0;
	struct connector_findings findings = { .object = take_object, .field = count_fields, .remark = take_remark, .data = &count };
	struct error err = { 0 };

	assert_int_equal(connector_check(c, &findings, &err), 0);
	assert_int_equal(count, 1);
	assert_int_equal(connector_discover_objects(c, &findings, &err), 0);
	assert_int_equal(count, 2);
	count = 0;
	assert_int_equal(connector_discover_fields(c, &customers, &findings, &err), 0);
	assert_int_equal(count, 12);
}

static void
carries_documents(void **state)
{
	struct connector *c = start(*state, 0);
	size_t size = 3u * 1024u * 1024u + 17u, got = 0, length;
	struct syncline_content_info info = { .struct_size = sizeof info, .length = size, .name = "a.txt", .modified_us = INT64_MIN };
	struct syncline_slice reference = { "no", 2 };
	struct connector_content *content;
	struct error err = { 0 };
	char *data = malloc(size), name[SYNCLINE_CONTENT_REF_MAX], *back = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		data[i] = (char)(i * 7 + i / 251);
	assert_int_equal(connector_content_open(c, &customers, &reference, &content, &info, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_NOT_FOUND);
	assert_int_equal(connector_content_create(c, &customers, &info, &content, &err), 0);
	assert_int_equal(connector_content_write(content, data, size, &err), 0);
	assert_int_equal(connector_content_finish(content, &info, name, &length, &err), 0);
	assert_int_equal(length, 3);
	assert_int_equal(connector_content_create(c, &customers, &info, &content, &err), 0);
	assert_int_equal(connector_content_write(content, "x", 1, &err), 0);
	connector_content_abort(content);
	reference = (struct syncline_slice){ name, length };
	assert_int_equal(connector_content_open(c, &customers, &reference, &content, &info, &err), 0);
	assert_int_equal(info.length, size);
	assert_string_equal(info.name, "a.txt");
	do {
		assert_int_equal(connector_content_read(content, back + got, size + 1 - got, &length, &err), 0);
		got += length;
	} while (length > 0);
	connector_content_close(content);
	assert_int_equal(got, size);
	assert_memory_equal(back, data, size);
	free(data);
	free(back);
}

static void
takes_a_webhook(void **state)
{
	struct connector *c = start(*state, 0);
	struct syncline_http_header header = { "x-event", "changed" };
	struct syncline_webhook_request request = { .struct_size = sizeof request, .method = "POST", .path = "/", .query = "", .headers = &header,
		.header_count = 1, .body = { "N17", 3 }, .verified = 1 };
	char object[SYNCLINE_NAME_MAX + 1];
	struct error err = { 0 };
	struct batch *batch;

	assert_int_equal(connector_webhook(c, &request, object, &batch, &err), 0);
	assert_string_equal(object, "customers");
	assert_memory_equal(batch_cell_data(batch, &batch_record(batch, 0)->native_id), "N17", 3);
	batch_free(batch);
	/* What is not UTF-8 is refused where the batch is made. */
	request.body.data = "\xff\xff\xff";
	assert_int_equal(connector_webhook(c, &request, object, &batch, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_INVALID);
}

static void
refuses_what_it_may_not(void **state)
{
	static const char *const names[] = { "Anna" };
	struct fixture *f = *state;
	struct connector_secret wrong = { "password", { "falsch", 6 } };
	struct batch *batch = make_batch(names, 1);
	struct connector_results *results;
	struct connector *c = start(f, 0), *other;
	struct syncline_object unknown = customers;
	struct syncline_read_request request = { .struct_size = sizeof request, .full = 1 };
	struct connector_read *reader;
	struct error err = { 0 };

	unknown.native = "nothing";
	assert_int_equal(connector_read_open(c, &unknown, &request, &reader, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_NOT_FOUND);
	connector_cancel(c);
	assert_int_equal(connector_read_open(c, &customers, &request, &reader, &err), -1);
	assert_int_equal(err.code, ERROR_CONNECTOR_CANCELLED);
	assert_int_equal(connector_write(c, &customers, batch, &results, &err), -1);
	connector_uncancel(c);
	f->options.secrets = &wrong;
	f->options.secret_count = 1;
	assert_int_equal(connector_start(&f->options, &other, &err), -1);
	assert_int_equal(err.klass, SYNCLINE_AUTH);
	f->options.secret_count = 0;
	f->options.writable = false;
	assert_int_equal(connector_start(&f->options, &other, &err), 0);
	assert_int_equal(connector_write(other, &customers, batch, &results, &err), -1);
	assert_int_equal(err.code, ERROR_HOST_READ_ONLY);
	connector_stop(other);
	batch_free(batch);
}

/* What the agent stores of state/1. */
static char stored[64];
static unsigned commits;

static int
on_commit(void *data, const struct connector_state *changes, uint32_t count, struct error *err)
{
	(void)data, (void)err;
	assert_int_equal(count > 0, 1);
	assert_string_equal(changes[count - 1].key, "page");
	snprintf(stored, sizeof stored, "%.*s", (int)changes[count - 1].value.length, (const char *)changes[count - 1].value.data);
	commits++;
	return 0;
}

static void
take_page(void *data, uint32_t severity, const char *object, const char *message, const char *hint)
{
	(void)severity, (void)object, (void)message;
	snprintf(data, 64, "%s", strstr(hint, "page="));
}

static void
has_page(struct connector *c, const char *page)
{
	char text[64];
	struct connector_findings findings = { .remark = take_page, .data = text };
	struct error err = { 0 };

	if (connector_check(c, &findings, &err) != 0)
		fail_msg("%s", err.message);
	assert_string_equal(text, page);
}

static void
state_is_committed_with_its_batch(void **state)
{
	struct fixture *f = *state;
	struct connector_state first = { "page", { "7", 1 } };
	struct syncline_setting setting = { .struct_size = sizeof setting, .type = SYNCLINE_PARAM_INTEGER, .integer = 2500, .name = "records", .text = "" };
	struct syncline_settings settings = { .struct_size = sizeof settings, .count = 1, .items = &setting };
	struct syncline_read_request request = { .struct_size = sizeof request, .full = 1 };
	struct connector_read_state at;
	struct connector_read *reader;
	struct batch *batch;
	struct error err = { 0 };
	struct connector *c;
	char position[64];

	commits = 0;
	snprintf(f->path, sizeof f->path, "%s/tests/connectors/.libs/good.so", getenv("SYNCLINE_BUILD"));
	f->options = (struct connector_options){ .system = "erp", .path = f->path, .settings = &settings, .direct = f->direct, .timeout_ms = 20000,
		.state = &first, .state_count = 1, .commit = on_commit };
	assert_int_equal(connector_start(&f->options, &c, &err), 0);
	f->connector = c;
	has_page(c, "page=7.");
	/* A batch that nobody accepted leaves no state behind. */
	assert_int_equal(connector_read_open(c, &customers, &request, &reader, &err), 0);
	assert_int_equal(connector_read_next(reader, &batch, &at, &err), 0);
	batch_free(batch);
	connector_read_close(reader);
	assert_int_equal(commits, 0);
	has_page(c, "page=7.");
	assert_int_equal(read_all(c, "", 0, position), 2500);
	assert_int_equal(commits, 1);
	assert_string_equal(stored, "2500");
	has_page(c, "page=2500.");
	if (f->direct)
		return;
	/* A process that dies while nobody uses it is started again with what was committed. */
	assert_int_equal(kill((pid_t)connector_pid(c), SIGKILL), 0);
	while (connector_ping(c, &err) == 0)
		;
	has_page(c, "page=2500.");
}

int
main(void)
{
	static struct fixture process = { .direct = false }, direct = { .direct = true };
#define BOTH(test) cmocka_unit_test_prestate_setup_teardown(test, NULL, teardown, &process), \
	cmocka_unit_test_prestate_setup_teardown(test, NULL, teardown, &direct)
	const struct CMUnitTest tests[] = {
		BOTH(is_described), BOTH(reads_all), BOTH(a_read_given_up_leaves_nothing), BOTH(writes_and_finds), BOTH(checks_and_discovers),
		BOTH(carries_documents), BOTH(takes_a_webhook), BOTH(refuses_what_it_may_not),
		BOTH(state_is_committed_with_its_batch),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
