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

#include "flow/item.h"
#include "flow/mappings.h"
#include "flow/ring.h"
#include "flow/target.h"

#define WORKERS_MAX 4u

struct conversion {
	const struct convert_options *options;
	const struct config_flow *flow;
	const struct config_binding *from, *to;
	const struct config_unit **units;
	struct syncline_slice *tenants;
	struct lookups lookups;
	struct mapping *read, *write;
	struct connector *source;
	struct target target;
	struct ring ring;
	_Atomic uint64_t expected;
	uint8_t seed[16], entity_key[16];
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

/* Finding out what is meant. */

static int
no(struct error *err, const char *hint, const char *format, const char *first, const char *second)
{
	char text[512];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof text, format, first, second);
#pragma GCC diagnostic pop
	return error_set(err, ERROR_CONVERT_FLOW, hint, "%s", text);
}

static int
find_bindings(struct conversion *c, struct error *err)
{
	const struct convert_options *o = c->options;

	if ((c->flow = config_flow(o->model, o->flow)) == NULL)
		return no(err, "`syncline describe` lists the flows.", "there is no flow \"%s\"%s", o->flow, "");
	c->from = config_binding(c->flow, o->from);
	c->to = config_binding(c->flow, o->to);
	if (c->from == NULL || c->to == NULL)
		return no(err, "The bindings of a flow bear the names of systems.", "the flow \"%s\" has no binding \"%s\"", o->flow,
		          c->from == NULL ? o->from : o->to);
	if (!c->from->reads)
		return no(err, "It needs `map` or `read`.", "the binding \"%s\" of the flow \"%s\" reads nothing", o->from, o->flow);
	if (c->to->attach_to != NULL)
		return no(err, "Convert into the flow whose object it is.", "the binding \"%s\" of the flow \"%s\" writes into another record",
		          o->to, o->flow);
	if (!c->to->writes)
		return no(err, "It needs `map` or `write`, and its system `access = \"write\"`.", "the binding \"%s\" of the flow \"%s\" writes nothing",
		          o->to, o->flow);
	return 0;
}

/* Units whose own settings differ are other credentials: those are converted one by one. */
static int
check_unit(struct conversion *c, const struct config_unit *unit, uint32_t count, struct error *err)
{
	const struct config_system *systems[] = { c->from->system, c->to->system };

	for (int s = 0; s < 2; s++) {
		const struct config_unit_system *at = config_unit_system(unit, systems[s]->head.name);

		if (count > 1 && at != NULL && at->has_settings)
			return no(err, "Say which with --unit.", "the unit \"%s\" has settings of its own for the system \"%s\"", unit->head.name,
			          systems[s]->head.name);
	}
	return 0;
}

static int
find_units(struct conversion *c, struct error *err)
{
	const struct config_texts *names = &c->flow->units;
	uint32_t count = 0;

	c->units = calloc(names->count + 1u, sizeof *c->units);
	c->tenants = calloc(names->count + 1u, sizeof *c->tenants);
	if (c->units == NULL || c->tenants == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < names->count; i++)
		if (c->options->unit == NULL || strcmp(c->options->unit, names->items[i]) == 0)
			c->units[count++] = config_unit(c->options->model, names->items[i]);
	if (count == 0)
		return no(err, "`syncline describe` lists the units of a flow.", "the flow \"%s\" is not for the unit \"%s\"", c->options->flow,
		          c->options->unit != NULL ? c->options->unit : "");
	if (c->from->object->tenant == NULL) {
		free(c->tenants);
		c->tenants = NULL;
		if (count > 1)
			return no(err, "Say which with --unit, or name the object's `tenant` field.",
			          "the records of \"%s\" do not say to which unit they belong%s", c->from->object->head.name, "");
	}
	for (uint32_t i = 0; i < count; i++) {
		const struct config_unit_system *at = config_unit_system(c->units[i], c->from->system->head.name);

		if (check_unit(c, c->units[i], count, err) != 0)
			return -1;
		if (c->tenants != NULL && (at == NULL || at->tenant == NULL))
			return no(err, "Give it in `units`.", "the unit \"%s\" has no tenant in the system \"%s\"", c->units[i]->head.name, c->from->system->head.name);
		if (c->tenants != NULL)
			c->tenants[i] = (struct syncline_slice){ at->tenant, strlen(at->tenant) };
	}
	return 0;
}

/* The threads. */

/* Rules over an object without a contract are compiled when its first batch shows its fields. */
static int
compile_late(struct conversion *c, const struct batch *first, struct error *err)
{
	return c->read != NULL || mappings_read(c->options->model, c->from, &c->lookups, first, NULL, &c->read, err) == 0 ? 0 : -1;
}

static int
read_all(struct conversion *c, struct connector_read *read, struct error *err)
{
	struct connector_read_state state = { 0 };

	while (!state.end) {
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
		if (compile_late(c, batch, err) != 0 || (item = item_new(batch, err)) == NULL) {
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

	result = connector_read_open(c->source, config_sdk_object(c->from->object), &request, &read, &err);
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
	struct work work = { .options = c->options, .from = c->from, .to = c->to, .write = c->write, .units = c->units,
		.tenants = c->tenants, .run_time_us = c->run_time_us };
	struct item *item;
	uint64_t ticket;

	memcpy(work.seed, c->seed, sizeof work.seed);
	memcpy(work.entity_key, c->entity_key, sizeof work.entity_key);
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
			result = target_write(&c->target, item, item->writes[i], &err);
		add(counts, &item->counts);
		counts->expected = atomic_load(&c->expected);
		for (struct item_reject *row = item->rejects; row != NULL && o->rejected != NULL; row = row->next)
			o->rejected(o->data, &row->reject);
		if (item->error.code != ERROR_NONE)
			fail(c, &item->error);
		else if (result != 0)
			fail(c, &err);
		else if (o->progress != NULL && !o->progress(o->data, counts)) {
			(void)error_set(&err, ERROR_CONNECTOR_CANCELLED, NULL, "the conversion was cancelled");
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
	const struct config_unit *unit;
	struct timespec now;

	if (find_bindings(c, err) != 0 || find_units(c, err) != 0 || lookups_load(o->model, &c->lookups, err) != 0)
		return -1;
	if (mappings_can_read(c->from) && mappings_read(o->model, c->from, &c->lookups, NULL, NULL, &c->read, err) != 0)
		return -1;
	if (mappings_write(o->model, c->to, &c->lookups, NULL, &c->write, err) != 0)
		return -1;
	unit = c->units[1] == NULL ? c->units[0] : NULL;
	if (systems_start(o->systems, c->from->system, unit, false, &c->source, err) != 0 ||
	    target_start(&c->target, o->systems, c->from, c->to, unit, err) != 0)
		return -1;
	clock_gettime(CLOCK_REALTIME, &now);
	c->run_time_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	randombytes_buf(c->seed, sizeof c->seed);
	/* The same record has the same id in every conversion, so that a target that knows it takes it as the same. */
	crypto_generichash(c->entity_key, sizeof c->entity_key, (const unsigned char *)c->flow->entity->head.name, strlen(c->flow->entity->head.name),
	                   NULL, 0);
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
	free(c.units);
	free(c.tenants);
	pthread_mutex_destroy(&c.mutex);
	return result;
}
