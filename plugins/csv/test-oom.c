/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-oom.c: reading and writing with every allocation failing once, the connector linked in: no crash, no leak, and no success
 * that isn't one.
 */
#define CSV_KILL 1 /* the connector is linked in */
#include "test-bed.h"
#include "oom.h"

struct work {
	struct bed *b;
	uint64_t records, reports;
};

static int
read_file(void *arg)
{
	struct work *w = arg;
	struct bed *b = w->b;
	const struct syncline_source_v1 *source = part(b, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request };
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_batch *batch = bench_batch_new(NULL);
	void *instance = NULL, *reader = NULL;
	uint32_t result = SYNCLINE_RETRY;
	bool rejected = false;

	w->records = 0;
	if (batch != NULL)
		result = b->c->open(&b->bench.host, bench_call(&b->bench, 0), &b->system, &instance, &err);
	if (result == SYNCLINE_OK)
		result = source->open_read(instance, bench_call(&b->bench, 0), &b->object, &request, &reader, &err);
	if (result == SYNCLINE_OK)
		result = source->next(reader, bench_call(&b->bench, 0), batch, &state, &err);
	if (result == SYNCLINE_OK && bench_batch_finish(batch, NULL) != 0)
		result = SYNCLINE_RETRY;
	for (uint32_t i = 0; result == SYNCLINE_OK && i < bench_batch_service.record_count(batch); i++) {
		struct syncline_record r = syncline_record(0);

		/* A record must not be called bad because there was no memory for it. */
		if (bench_batch_service.record(batch, i, &r) == SYNCLINE_OK && r.op == SYNCLINE_OP_SEEN)
			w->records++;
		else
			rejected = true;
	}
	if (reader != NULL)
		source->close_read(reader);
	if (instance != NULL)
		b->c->close(instance);
	bench_batch_free(batch);
	return rejected ? 1 : result == SYNCLINE_OK && w->records == 3 ? 0 : -1;
}

static void
reading_survives_without_memory(void **state)
{
	struct bed *b = *state;
	struct work w = { .b = b };
	static const char text[] = "no,name\n1,\"M\xfcller \"\"x\"\"\"\n1,b\n2,c\n3,d\n";

	key(b, "no", "name");
	b->object.key_count = 1;
	b->object.group_into = "rows";
	set(b, "encoding", "CP1252");
	put_file(b->in, "a.csv", text, sizeof text - 1);
	assert_true(oom_each(read_file, &w) > 20);
	assert_int_equal(w.records, 3);
}

static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *result)
{
	(void)index;
	if (result->error_class == SYNCLINE_OK)
		++*(uint64_t *)results->host_data;
}

static int
write_file(void *arg)
{
	static const struct syncline_field field = { .struct_size = sizeof field, .type = SYNCLINE_TYPE_TEXT, .name = "name" };
	struct work *w = arg;
	struct bed *b = w->b;
	const struct syncline_sink_v1 *sink = part(b, "sink/1");
	struct syncline_results results = { .struct_size = sizeof results, .report = report, .host_data = &w->reports };
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_value value = syncline_string("a\"b");
	struct syncline_record r = syncline_record(SYNCLINE_OP_CREATE);
	struct syncline_batch *batch = bench_batch_new(NULL);
	uint8_t attempt[16] = { 7 };
	void *instance = NULL;
	uint32_t result = SYNCLINE_RETRY;

	w->reports = 0;
	r.values = &value;
	r.value_count = 1;
	r.note = syncline_bytes(attempt, sizeof attempt);
	if (batch != NULL)
		result = bench_batch_service.set_fields(batch, &field, 1, &err);
	if (result == SYNCLINE_OK)
		result = bench_batch_service.add(batch, &r, &err);
	if (result == SYNCLINE_OK && bench_batch_finish(batch, NULL) != 0)
		result = SYNCLINE_RETRY;
	if (result == SYNCLINE_OK)
		result = b->c->open(&b->bench.host, bench_call(&b->bench, 0), &b->system, &instance, &err);
	if (result == SYNCLINE_OK)
		result = sink->write(instance, bench_call(&b->bench, 0), &b->object, batch, &results, &err);
	if (instance != NULL)
		b->c->close(instance);
	bench_batch_free(batch);
	return result == SYNCLINE_OK && w->reports == 1 ? 0 : -1;
}

/* However often it failed before, the attempt stands there once. */
static void
writing_survives_without_memory(void **state)
{
	struct bed *b = *state;
	struct work w = { .b = b };
	struct reading r;

	set(b, "attempt_column", "try");
	assert_true(oom_each(write_file, &w) > 20);
	b->items[0].text = b->out;
	set(b, "files", "all");
	reopen(b);
	key(b, "name", NULL);
	read_all(b, &r);
	assert_string_equal(r.text.data, "a\"b: a\"b|07000000000000000000000000000000\n");
	reading_free(&r);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int
main(void)
{
	struct syncline_batch *first = bench_batch_new(NULL);
	const struct CMUnitTest tests[] = { TEST(reading_survives_without_memory), TEST(writing_survives_without_memory) };

	bench_batch_free(first); /* the bench made what it keeps for the life of the process */
	return cmocka_run_group_tests_name("csv without memory", tests, NULL, NULL);
}
