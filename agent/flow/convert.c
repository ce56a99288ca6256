/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * convert.c: see convert.h.  What the threads share is the ring, and a failure that the first to fail leaves behind.
 */
#include "flow/convert.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "flow/choice.h"
#include "flow/item.h"
#include "flow/mappings.h"
#include "flow/ring.h"
#include "flow/target.h"

#define WORKERS_MAX 4u

struct conversion {
	const struct convert_options *options;
	struct choice choice;
	struct lookups lookups;
	struct mapping *read, *write;
	struct connector *source;
	struct target target;
	struct ring ring;
	_Atomic uint64_t expected;
	uint8_t seed[16];
	int64_t run_time_us;
	pthread_mutex_t mutex; /* of what follows */
	bool failed;
	struct error failure;
};

const char *
convert_stage_name(uint32_t stage)
{
	static const char *const names[] = { "reading", "rules", "writing" };

	return stage < 3 ? names[stage] : "unknown";
}

static void
fail(struct conversion *c, const struct error *err)
{
	pthread_mutex_lock(&c->mutex);
	if (!c->failed) {
		c->failed = true;
		c->failure = *err;
	}
	pthread_mutex_unlock(&c->mutex);
	ring_stop(&c->ring);
	connector_cancel(c->source);
}

static bool
has_records(const struct batch *batch)
{
	for (uint32_t i = 0; i < batch->header->record_count; i++)
		if (batch_record(batch, i)->op == SYNCLINE_OP_SEEN)
			return true;
	return false;
}

/*
 * Rules over an object without a contract are compiled when the first batch with a record shows the fields.  A later batch
 * may lack some of them (they are absent then) and have others, which no rule names: a name that the first batch lacks is an
 * error there and then, since nobody can tell a field to come from a slip of the pen.
 */
static int
compile_late(struct conversion *c, const struct batch *batch, struct error *err)
{
	const struct config_binding *from = c->choice.from;

	if (c->read != NULL || !has_records(batch))
		return 0;
	return mappings_read(c->options->model, from, &c->lookups, batch, NULL, &c->read, err);
}

/* A connector may go beyond the limit that it was asked for; a conversion does not. */
static int
cut_to_limit(struct batch *batch, uint64_t *left, struct error *err)
{
	uint32_t count = batch->header->record_count;
	uint8_t *keep;

	if (count <= *left) {
		*left -= count;
		return 0;
	}
	if ((keep = calloc(count, 1)) == NULL)
		return error_memory(err);
	memset(keep, 1, *left);
	batch_keep(batch, keep);
	free(keep);
	*left = 0;
	return 0;
}

static int
read_all(struct conversion *c, struct connector_read *read, struct error *err)
{
	struct connector_read_state state = { 0 };
	uint64_t left = c->options->limit > 0 ? c->options->limit : UINT64_MAX, number = 0;

	while (!state.end && left > 0) {
		struct batch *batch = NULL;
		struct item *item;

		if (connector_read_next(read, &batch, &state, err) != 0)
			return -1;
		if (state.expected > 0)
			atomic_store(&c->expected, state.expected);
		if (batch == NULL || batch->header->record_count == 0) {
			batch_free(batch);
			continue;
		}
		if (cut_to_limit(batch, &left, err) != 0 || compile_late(c, batch, err) != 0 || (item = item_new(batch, number++, err)) == NULL) {
			batch_free(batch);
			return -1;
		}
		if (!ring_put(&c->ring, item)) {
			item_free(item);
			return 0;
		}
	}
	return 0;
}

static void *
reader(void *data)
{
	struct conversion *c = data;
	struct syncline_read_request request = { .struct_size = sizeof request, .full = 1, .record_limit = c->options->limit };
	struct connector_read *read = NULL;
	struct error err = { 0 };
	int result;

	result = connector_read_open(c->source, config_sdk_object(c->choice.from->object), &request, &read, &err);
	if (result == 0)
		result = read_all(c, read, &err);
	if (result != 0)
		fail(c, &err);
	connector_read_close(read);
	ring_end(&c->ring);
	return NULL;
}

static void *
worker(void *data)
{
	struct conversion *c = data;
	struct error err = { 0 };
	struct work work = { .options = c->options, .choice = &c->choice, .write = c->write, .run_time_us = c->run_time_us };
	struct item *item;
	uint64_t ticket;

	memcpy(work.seed, c->seed, sizeof work.seed);
	if ((work.rules = rules_worker_new(&err)) == NULL || (work.builder = batch_builder_new(&err)) == NULL)
		fail(c, &err);
	while ((item = ring_take(&c->ring, &ticket)) != NULL) {
		work.read = c->read;
		item_work(&work, item);
		ring_worked(&c->ring, ticket);
	}
	rules_worker_free(work.rules);
	batch_builder_free(work.builder);
	return NULL;
}

static void
add(struct convert_counts *to, const struct convert_counts *from)
{
	to->read += from->read;
	to->written += from->written;
	for (int i = 0; i < 3; i++)
		to->rejected[i] += from->rejected[i];
	to->uncertain += from->uncertain;
	to->skipped += from->skipped;
	to->other_units += from->other_units;
	to->documents += from->documents;
	to->document_bytes += from->document_bytes;
}

/* In the caller's thread: what the workers made goes to the target, in order. */
static void
write_all(struct conversion *c, struct convert_counts *counts)
{
	const struct convert_options *o = c->options;
	struct error err = { 0 };
	struct item *item;

	while ((item = ring_next(&c->ring)) != NULL) {
		int result = 0;

		for (uint32_t i = 0; i < item->write_count && result == 0 && item->error.code == ERROR_NONE; i++)
			result = target_write(&c->target, item, &item->writes[i], &err);
		add(counts, &item->counts);
		counts->expected = atomic_load(&c->expected);
		for (struct item_reject *row = item->rejects; row != NULL && o->rejected != NULL; row = row->next)
			o->rejected(o->data, &row->reject);
		if (item->error.code != ERROR_NONE)
			fail(c, &item->error);
		else if (result != 0)
			fail(c, &err);
		else if (o->progress != NULL && !o->progress(o->data, counts)) {
			(void)error_set(&err, ERROR_CONNECTOR_CANCELLED, "What was written stays written; converting again begins anew.",
			                "the conversion was cancelled");
			fail(c, &err);
		}
		item_free(item);
	}
}

static uint32_t
worker_count(const struct convert_options *options)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint32_t wanted = options->workers > 0 ? options->workers : processors > 0 ? (uint32_t)processors : 1;

	return wanted < WORKERS_MAX ? wanted : WORKERS_MAX;
}

static int
run_threads(struct conversion *c, struct convert_counts *counts, struct error *err)
{
	pthread_t threads[1 + WORKERS_MAX];
	uint32_t wanted = 1 + worker_count(c->options), started = 0;

	if (ring_init(&c->ring, wanted + 2) != 0)
		return error_memory(err);
	for (; started < wanted; started++) {
		int number = pthread_create(&threads[started], NULL, started == 0 ? reader : worker, c);

		if (number != 0) {
			error_fill_system(err, ERROR_SYSTEM, number, "starting a thread");
			fail(c, err);
			break;
		}
	}
	write_all(c, counts);
	for (uint32_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	ring_destroy(&c->ring, item_free_void);
	if (!c->failed)
		return target_finish(&c->target, err);
	*err = c->failure;
	return -1;
}

static int
prepare(struct conversion *c, struct error *err)
{
	const struct convert_options *o = c->options;
	const struct config_binding *from, *to;
	const struct config_unit *unit;
	struct timespec now;

	if (choice_make(&c->choice, o, err) != 0 || lookups_load(o->model, NULL, &c->lookups, err) != 0)
		return -1;
	from = c->choice.from;
	to = c->choice.to;
	if (mappings_can_read(from) && mappings_read(o->model, from, &c->lookups, NULL, NULL, &c->read, err) != 0)
		return -1;
	if (mappings_write(o->model, to, &c->lookups, NULL, &c->write, err) != 0)
		return -1;
	unit = choice_unit(&c->choice);
	if (systems_start(o->systems, from->system, unit, false, NULL, NULL, &c->source, err) != 0 ||
	    target_start(&c->target, o->systems, from, to, unit, err) != 0)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	c->run_time_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	randombytes_buf(c->seed, sizeof c->seed);
	return 0;
}

int
convert(const struct convert_options *options, struct convert_counts *ret_counts, struct error *err)
{
	struct conversion c = { .options = options };
	int result;

	memset(ret_counts, 0, sizeof *ret_counts);
	if (sodium_init() < 0)
		return error_set(err, ERROR_INTERNAL, NULL, "libsodium cannot be used here");
	if (pthread_mutex_init(&c.mutex, NULL) != 0)
		return error_memory(err);
	result = prepare(&c, err);
	if (result == 0)
		result = run_threads(&c, ret_counts, err);
	target_stop(&c.target);
	connector_stop(c.source);
	mapping_free(c.read);
	mapping_free(c.write);
	lookups_free(&c.lookups);
	choice_free(&c.choice);
	pthread_mutex_destroy(&c.mutex);
	return result;
}
