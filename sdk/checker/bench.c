/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.c: a host in one process.  Everything that a connector hands over goes through the checks that the agent makes.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define STATE_VALUE_MAX 65536u
#define STATE_MAX 262144u

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* log/1, clock/1 */
static void
log_write(const struct syncline_host *host, uint32_t level, const char *text)
{
	static const char *const names[] = { "debug", "info", "warning", "error" };
	struct bench *b = host->host_data;

	if (b->log != NULL)
		fprintf(b->log, "%s: %.4000s\n", level < 4 ? names[level] : "?", text);
}
static const struct syncline_log_service_v1 log_service = { sizeof log_service, 0, log_write };

static int64_t
clock_wall(const struct syncline_host *host)
{
	struct timespec t;

	(void)host;
	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}
static int64_t
clock_monotonic(const struct syncline_host *host)
{
	(void)host;
	return now_ms();
}
static const struct syncline_clock_service_v1 clock_service = { sizeof clock_service, 0, clock_wall, clock_monotonic };

/* secret/1, state/1 */
static uint32_t
secret_get(const struct syncline_host *host, const char *name, struct syncline_slice *ret_secret)
{
	struct bench *b = host->host_data;

	for (uint32_t i = 0; i < b->secret_count; i++) {
		if (strcmp(b->secrets[i].name, name) == 0) {
			ret_secret->data = b->secrets[i].value;
			ret_secret->length = strlen(b->secrets[i].value);
			return SYNCLINE_OK;
		}
	}
	return SYNCLINE_NOT_FOUND;
}
static const struct syncline_secret_service_v1 secret_service = { sizeof secret_service, 0, secret_get };

static struct bench_state *
state_find(struct bench *b, const char *key)
{
	for (uint32_t i = 0; i < b->state_count; i++)
		if (strcmp(b->state[i].key, key) == 0)
			return &b->state[i];
	return NULL;
}

static uint32_t
state_get(const struct syncline_host *host, const char *key, struct syncline_slice *ret_value)
{
	const struct bench_state *s = state_find(host->host_data, key);

	if (s == NULL || s->data == NULL)
		return SYNCLINE_NOT_FOUND;
	ret_value->data = s->data;
	ret_value->length = s->length;
	return SYNCLINE_OK;
}

static uint32_t
state_set(const struct syncline_host *host, const char *key, const struct syncline_slice *value)
{
	struct bench *b = host->host_data;
	struct bench_state *s = state_find(b, key);
	size_t length = value != NULL ? value->length : 0, before = s != NULL ? s->length : 0;
	void *copy;

	if (length > STATE_VALUE_MAX || b->state_bytes - before + length > STATE_MAX || strlen(key) > SYNCLINE_NAME_MAX)
		return SYNCLINE_INVALID;
	if (s == NULL) {
		struct bench_state *more = realloc(b->state, (b->state_count + 1) * sizeof *more);

		if (more == NULL)
			return SYNCLINE_RETRY;
		b->state = more;
		s = &more[b->state_count];
		memset(s, 0, sizeof *s);
		s->key = strdup(key);
		if (s->key == NULL)
			return SYNCLINE_RETRY;
		b->state_count++;
	}
	copy = value != NULL ? malloc(length + 1) : NULL;
	if (value != NULL && copy == NULL)
		return SYNCLINE_RETRY;
	if (copy != NULL && length > 0)
		memcpy(copy, value->data, length);
	free(s->data);
	s->data = copy;
	s->length = length;
	b->state_bytes = b->state_bytes - before + length;
	return SYNCLINE_OK;
}
static const struct syncline_state_service_v1 state_service = { sizeof state_service, 0, state_get, state_set };

/* batch/1 */
static uint32_t
say(const struct error *e, struct syncline_error *err)
{
	if (err != NULL) {
		snprintf(err->message, sizeof err->message, "%.255s", e->message);
		snprintf(err->detail, sizeof err->detail, "%.767s", e->detail);
		snprintf(err->hint, sizeof err->hint, "%.255s", e->hint);
	}
	return e->klass == SYNCLINE_OK ? SYNCLINE_INTERNAL : e->klass;
}

static uint32_t
set_fields(struct syncline_batch *batch, const struct syncline_field *fields, uint32_t count, struct syncline_error *err)
{
	struct error e = { 0 };

	if (batch_builder_set_fields(batch->builder, fields, count, &e) != 0)
		return say(&e, err);
	batch->fields_set = true;
	return SYNCLINE_OK;
}

static uint32_t
set_origin(struct syncline_batch *batch, const char *origin, struct syncline_error *err)
{
	struct error e = { 0 };

	return batch_builder_set_origin(batch->builder, origin, strlen(origin), &e) == 0 ? SYNCLINE_OK : say(&e, err);
}

static uint32_t
add(struct syncline_batch *batch, const struct syncline_record *record, struct syncline_error *err)
{
	struct error e = { 0 };

	return batch_builder_add(batch->builder, record, &e) == 0 ? SYNCLINE_OK : say(&e, err);
}

uint32_t bench_full_after;

static uint32_t
full(const struct syncline_batch *batch)
{
	return batch_builder_full(batch->builder) || (bench_full_after != 0 && batch_builder_count(batch->builder) >= bench_full_after);
}

static uint32_t
field_count(const struct syncline_batch *batch)
{
	return batch->batch != NULL ? batch->batch->header->field_count : batch_builder_field_count(batch->builder);
}

static uint32_t
record_count(const struct syncline_batch *batch)
{
	return batch->batch != NULL ? batch->batch->header->record_count : batch_builder_count(batch->builder);
}

static uint32_t
record(struct syncline_batch *batch, uint32_t index, struct syncline_record *ret_record)
{
	struct syncline_record r = { .struct_size = sizeof r };
	uint32_t size = ret_record->struct_size;

	if (batch->batch == NULL || index >= batch->batch->header->record_count)
		return SYNCLINE_NOT_FOUND;
	batch_read(batch->batch, index, batch->values, &r);
	memcpy((char *)ret_record + sizeof size, (char *)&r + sizeof size, (size < sizeof r ? size : sizeof r) - sizeof size);
	return SYNCLINE_OK;
}

static uint32_t
join_key(const struct syncline_slice *parts, uint32_t count, char *buffer, size_t capacity, size_t *ret_length)
{
	*ret_length = batch_join_key_into(parts, count, buffer, capacity);
	return *ret_length <= capacity ? SYNCLINE_OK : SYNCLINE_INVALID;
}

static uint32_t
split_key(const struct syncline_slice *native_id, uint32_t count, char *buffer, size_t capacity, struct syncline_slice *ret_parts)
{
	return batch_split_key(native_id, count, buffer, capacity, ret_parts) == 0 ? SYNCLINE_OK : SYNCLINE_INVALID;
}

static uint32_t
digest(const struct syncline_value *native_id, const struct syncline_value *values, uint32_t count, const uint8_t key[16], uint64_t ret_hash[2])
{
	batch_digest(native_id, values, count, key, ret_hash);
	return SYNCLINE_OK;
}

/* Names end with NUL here: a connector expects it. */
struct names {
	char text[SYNCLINE_FIELDS_MAX][SYNCLINE_NAME_MAX + 1];
};
static struct names *names; /* of the batch that is read at the moment; one thread */

static uint32_t
field(const struct syncline_batch *batch, uint32_t index, struct syncline_field *ret_field)
{
	struct syncline_field f = { .struct_size = sizeof f };
	struct batch_field b;
	uint32_t size = ret_field->struct_size;

	if (batch->batch == NULL || index >= batch->batch->header->field_count || names == NULL)
		return SYNCLINE_NOT_FOUND;
	batch_field(batch->batch, index, &b);
	memcpy(names->text[index], b.name, b.name_length);
	names->text[index][b.name_length] = '\0';
	f.name = names->text[index];
	f.type = b.type;
	f.flags = b.flags;
	f.scale = b.scale;
	f.max_length = b.max_length;
	memcpy((char *)ret_field + sizeof size, (char *)&f + sizeof size, (size < sizeof f ? size : sizeof f) - sizeof size);
	return SYNCLINE_OK;
}

const struct syncline_batch_service_v1 bench_batch_service = {
	sizeof bench_batch_service, 0, set_fields, set_origin, add, full, field_count, record_count, field, record, join_key, split_key, digest,
};

static const void *
get_service(const struct syncline_host *host, const char *id)
{
	static const struct {
		const char *id;
		const void *table;
	} services[] = {
		{ "log/1", &log_service }, { "clock/1", &clock_service }, { "secret/1", &secret_service }, { "state/1", &state_service },
		{ "batch/1", &bench_batch_service },
	};

	(void)host;
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(services[i].id, id) == 0)
			return services[i].table;
	return NULL;
}

static uint32_t
is_cancelled(const struct syncline_call *call)
{
	struct bench *b = call->host_data;

	b->asked++;
	return b->cancelled || (b->cancel_after != 0 && b->asked >= b->cancel_after) || (b->deadline_ms != 0 && now_ms() > b->deadline_ms);
}

void
bench_init(struct bench *b)
{
	memset(b, 0, sizeof *b);
	b->host.struct_size = sizeof b->host;
	b->host.agent_version = "0.1.0";
	b->host.get_service = get_service;
	b->host.host_data = b;
	b->call.struct_size = sizeof b->call;
	b->call.correlation = "check";
	b->call.cancelled = is_cancelled;
	b->call.host_data = b;
}

void
bench_free(struct bench *b)
{
	for (uint32_t i = 0; i < b->state_count; i++) {
		free(b->state[i].key);
		free(b->state[i].data);
	}
	free(b->state);
	b->state = NULL;
	b->state_count = 0;
}

const struct syncline_call *
bench_call(struct bench *b, uint32_t deadline_ms)
{
	b->asked = 0;
	b->call.deadline_ms = deadline_ms;
	b->deadline_ms = deadline_ms != 0 ? now_ms() + deadline_ms : 0;
	return &b->call;
}

struct syncline_batch *
bench_batch_new(struct error *err)
{
	struct syncline_batch *b = calloc(1, sizeof *b);

	if (names == NULL)
		names = calloc(1, sizeof *names);
	if (b == NULL || names == NULL) {
		free(b);
		error_fill_memory(err);
		return NULL;
	}
	b->builder = batch_builder_new(err);
	if (b->builder == NULL) {
		free(b);
		return NULL;
	}
	return b;
}

void
bench_batch_free(struct syncline_batch *b)
{
	if (b == NULL)
		return;
	batch_builder_free(b->builder);
	batch_free(b->batch);
	free(b->values);
	free(b);
}

int
bench_batch_finish(struct syncline_batch *b, struct error *err)
{
	struct batch *made;

	if (!b->fields_set && batch_builder_set_fields(b->builder, NULL, 0, err) != 0)
		return -1;
	made = batch_builder_finish(b->builder, err);
	if (made == NULL)
		return -1;
	b->batch = batch_validate(made->data, made->size, err);
	batch_free(made);
	if (b->batch == NULL)
		return -1;
	b->values = calloc(b->batch->header->field_count + 1, sizeof *b->values);
	return b->values != NULL ? 0 : error_memory(err);
}
