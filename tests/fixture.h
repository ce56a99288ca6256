/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.h: a connector on the bench for tests: loaded from the build folder, with settings, an object, and reads and writes
 * in one call each.  A test that defines FIXTURE_LINKED has the connector linked in.  For tests alone.
 */
#ifndef TESTS_FIXTURE_H
#define TESTS_FIXTURE_H

#include "check.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>
#include <syncline/helper.h>

#include "../sdk/checker/bench.h"

#define FIXTURE_SETTINGS 16
#define FIXTURE_RESULTS 2000

struct fixture_result {
	unsigned times;
	uint32_t error_class, applied;
	char native_id[64], version[32], message[256], stored[256];
};

struct fixture {
	struct bench bench;
	const struct syncline_connector *c;
	void *instance;
	struct syncline_setting settings[FIXTURE_SETTINGS], object_settings[FIXTURE_SETTINGS];
	struct syncline_settings system, of_object;
	struct syncline_object object;
	struct syncline_results results;
	struct fixture_result *result; /* FIXTURE_RESULTS */
	char position[SYNCLINE_POSITION_MAX];
	size_t position_length;
	uint32_t complete, completeness_count;
	struct syncline_error err;
};

static inline const void *
fixture_part(const struct fixture *f, const char *id)
{
	for (uint32_t i = 0; i < f->c->part_count; i++)
		if (strcmp(f->c->parts[i].id, id) == 0)
			return f->c->parts[i].table;
	fail_msg("no part %s", id);
	return NULL;
}

static inline void
fixture_set(struct syncline_settings *settings, uint8_t type, const char *name, const char *text, int64_t integer)
{
	struct syncline_setting *s = (struct syncline_setting *)(uintptr_t)&settings->items[settings->count++];

	*s = (struct syncline_setting){ .struct_size = sizeof *s, .type = type, .configured = 1, .name = name, .text = text, .integer = integer };
}

static inline void
fixture_report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *r)
{
	struct fixture *f = results->host_data;
	struct fixture_result *to;

	assert_true(index < FIXTURE_RESULTS);
	to = &f->result[index];
	to->times++;
	to->error_class = r->error_class;
	snprintf(to->native_id, sizeof to->native_id, "%.*s", (int)r->native_id.length, r->native_id.length > 0 ? (const char *)r->native_id.data : "");
	snprintf(to->version, sizeof to->version, "%.*s", (int)r->version.length, r->version.length > 0 ? (const char *)r->version.data : "");
	if (r->error != NULL) {
		to->applied = r->error->applied;
		snprintf(to->message, sizeof to->message, "%s", r->error->message);
	}
	for (uint32_t i = 0; r->stored != NULL && i < r->stored->value_count; i++) {
		const struct syncline_value *v = &r->stored->values[i];
		size_t n = strlen(to->stored);

		if (v->type == SYNCLINE_TYPE_INTEGER || v->type == SYNCLINE_TYPE_BOOLEAN)
			snprintf(to->stored + n, sizeof to->stored - n, "%lld|", (long long)v->u.integer);
		else
			snprintf(to->stored + n, sizeof to->stored - n, "%.*s|", (int)v->length, v->length > 0 ? (const char *)v->u.data : "");
	}
}

static inline struct fixture *
fixture_new(const char *name)
{
	struct fixture *f = calloc(1, sizeof *f);
#ifndef FIXTURE_LINKED
	const struct syncline_connector *(*entry)(void);
	char path[4096];
	void *so;
#endif

	assert_non_null(f);
	assert_true(sodium_init() >= 0);
#ifdef FIXTURE_LINKED
	f->c = syncline_connector();
	assert_string_equal(f->c->name, name);
#else
	snprintf(path, sizeof path, "%s/.libs/%s.so", getenv("SYNCLINE_BUILD") != NULL ? getenv("SYNCLINE_BUILD") : ".", name);
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (so == NULL)
		fail_msg("%s", dlerror());
	*(void **)&entry = dlsym(so, SYNCLINE_CONNECTOR_SYMBOL);
	f->c = entry();
#endif
	bench_init(&f->bench);
	f->result = calloc(FIXTURE_RESULTS, sizeof *f->result);
	f->system = (struct syncline_settings){ sizeof f->system, 0, f->settings };
	f->of_object = (struct syncline_settings){ sizeof f->of_object, 0, f->object_settings };
	f->object = (struct syncline_object){ .struct_size = sizeof f->object, .alias = "thing", .settings = &f->of_object };
	f->results = (struct syncline_results){ .struct_size = sizeof f->results, .report = fixture_report, .host_data = f };
	f->err.struct_size = sizeof f->err;
	return f;
}

static inline void
fixture_open(struct fixture *f)
{
	if (f->c->open(&f->bench.host, bench_call(&f->bench, 0), &f->system, &f->instance, &f->err) != SYNCLINE_OK)
		fail_msg("%s %s", f->err.message, f->err.detail);
}

static inline void
fixture_close(struct fixture *f)
{
	if (f->instance != NULL)
		f->c->close(f->instance);
	f->instance = NULL;
}

static inline void
fixture_free(struct fixture *f)
{
	fixture_close(f);
	bench_free(&f->bench);
	free(f->result);
	free(f);
}

typedef void fixture_visit(void *data, const struct batch *batch, const struct syncline_record *record);

static inline void
fixture_each(struct syncline_batch *batch, fixture_visit *visit, void *data)
{
	struct error err = { 0 };

	if (bench_batch_finish(batch, &err) != 0)
		fail_msg("the batch isn't valid: %s", err.message);
	for (uint32_t i = 0; i < batch->batch->header->record_count; i++) {
		struct syncline_value *values = calloc(batch->batch->header->field_count + 1, sizeof *values);
		struct syncline_record record;

		batch_read(batch->batch, i, values, &record);
		visit(data, batch->batch, &record);
		free(values);
	}
}

/* One whole read; the class of what failed.  batches: stop after so many, 0: to the end. */
static inline uint32_t
fixture_read(struct fixture *f, int full, int use_position, unsigned batches, fixture_visit *visit, void *data)
{
	const struct syncline_source_v1 *source = fixture_part(f, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request, .full = (uint32_t)full };
	struct syncline_read_state state = { .struct_size = sizeof state };
	void *reader;
	uint32_t result;

	if (use_position)
		request.position = syncline_slice(f->position, f->position_length);
	f->completeness_count = f->complete = 0;
	result = source->open_read(f->instance, bench_call(&f->bench, 0), &f->object, &request, &reader, &f->err);
	if (result != SYNCLINE_OK)
		return result;
	for (unsigned n = 0; result == SYNCLINE_OK && !state.end && (batches == 0 || n < batches); n++) {
		struct syncline_batch *batch = bench_batch_new(NULL);

		result = source->next(reader, bench_call(&f->bench, 0), batch, &state, &f->err);
		if (result == SYNCLINE_OK) {
			fixture_each(batch, visit, data);
			f->position_length = state.position.length;
			memcpy(f->position, state.position.data, state.position.length);
			f->completeness_count = state.completeness_count;
			f->complete = state.completeness_count > 0 && state.completeness[0].complete;
		}
		bench_batch_free(batch);
	}
	source->close_read(reader);
	return result;
}

/* A batch for writing. */
static inline struct syncline_batch *
fixture_batch(const struct syncline_field *fields, uint32_t count)
{
	struct syncline_batch *batch = bench_batch_new(NULL);

	assert_int_equal(bench_batch_service.set_fields(batch, fields, count, NULL), SYNCLINE_OK);
	return batch;
}

static inline uint32_t
fixture_write(struct fixture *f, struct syncline_batch *batch)
{
	const struct syncline_sink_v1 *sink = fixture_part(f, "sink/1");
	struct error err = { 0 };
	uint32_t result;

	memset(f->result, 0, FIXTURE_RESULTS * sizeof *f->result);
	memset(&f->err, 0, sizeof f->err);
	f->err.struct_size = sizeof f->err;
	if (bench_batch_finish(batch, &err) != 0)
		fail_msg("%s", err.message);
	result = sink->write(f->instance, bench_call(&f->bench, 0), &f->object, batch, &f->results, &f->err);
	bench_batch_free(batch);
	return result;
}

static inline void
fixture_run(char *output, size_t capacity, const char *command)
{
	FILE *pipe = popen(command, "r");
	size_t n;

	assert_non_null(pipe);
	n = fread(output, 1, capacity - 1, pipe);
	output[n] = '\0';
	assert_int_equal(pclose(pipe), 0);
}

#endif
