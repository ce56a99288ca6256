/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * world.c: what rules ask beside the record: lookup tables, references, links, the unit, the time.  The functions of SQL come
 * here through one question (functions.h); the caller of the engine answers through struct rules_world, or not at all.  Runs
 * in the worker's thread.
 */
#include <stdio.h>
#include <strings.h>

#include "base/text.h"
#include "rules/engine.h"
#include "rules/functions/zone.h"

#define KEY_PARTS 16u

/* The head of the record at work, read when somebody asks for it. */
void
worker_record(struct rules_worker *worker, uint32_t owner)
{
	const struct batch_record *record;

	if (worker->context.record != NULL && worker->context.index == owner)
		return;
	memset(&worker->head, 0, sizeof worker->head);
	worker->head.struct_size = sizeof worker->head;
	if (worker->batch != NULL) {
		record = batch_record(worker->batch, owner);
		worker->head.op = record->op;
		worker->head.place = record->place;
		worker->head.native_id = batch_value(worker->batch, &record->native_id);
		worker->head.version = batch_value(worker->batch, &record->version);
		worker->head.tenant = batch_value(worker->batch, &record->tenant);
	}
	worker->context.record = &worker->head;
	worker->context.index = owner;
}

static const struct rules_record_context *
record_of(struct rules_worker *worker)
{
	if (worker->rows != NULL && worker->on_row)
		worker_record(worker, row_owner(worker->rows, worker->row));
	return &worker->context;
}

static void
text_value(struct syncline_value *ret_value, const void *data, size_t length)
{
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = data };
}

/* Nothing is known of it now: the rule's field will be absent. */
static int
not_yet(struct rules_worker *worker, struct syncline_value *ret_value)
{
	worker->not_yet = true;
	ret_value->type = SYNCLINE_TYPE_ABSENT;
	return 0;
}

static int
known(struct rules_worker *worker, int answer, const struct syncline_slice *slice, struct syncline_value *ret_value)
{
	if (answer == RULES_KNOWN_NOT_YET)
		return not_yet(worker, ret_value);
	if (answer == RULES_KNOWN_YES)
		text_value(ret_value, slice->data, slice->length);
	return answer == RULES_KNOWN_FAILED ? -1 : 0;
}

/* An argument as a part of a key: its text. */
static void
key_part(const struct syncline_value *value, char number[40], struct syncline_slice *ret_part)
{
	if (value->type == SYNCLINE_TYPE_INTEGER)
		*ret_part = (struct syncline_slice){ number, (size_t)snprintf(number, 40, "%lld", (long long)value->u.integer) };
	else
		*ret_part = (struct syncline_slice){ value->u.data, value->length };
}

static int
joined_key(struct rules_worker *worker, const struct syncline_value *arguments, uint32_t count, struct syncline_slice *parts,
           char (*numbers)[40], struct syncline_slice *ret_key, struct error *err)
{
	for (uint32_t i = 0; i < count; i++)
		key_part(&arguments[i], numbers[i], &parts[i]);
	if (count == 1) {
		*ret_key = parts[0];
		return 0;
	}
	buffer_clear(&worker->buffer);
	if (batch_join_key(&worker->buffer, parts, count) != 0)
		return error_memory(err);
	*ret_key = (struct syncline_slice){ worker->buffer.data, worker->buffer.length };
	return 0;
}

static bool
same_name(const struct syncline_value *name, const char *text)
{
	return strlen(text) == name->length && memcmp(text, name->u.data, name->length) == 0;
}

static int
ask_lookup(struct rules_worker *worker, const struct syncline_value *arguments, uint32_t count, struct syncline_value *ret_value, struct error *err)
{
	const struct rules_lookup_table *table = NULL;
	const struct rules_lookup *policy;
	struct syncline_slice parts[KEY_PARTS], key, found;
	char numbers[KEY_PARTS][40], shown[100];
	struct syncline_value value;

	for (uint32_t i = 0; i < worker->mapping->lookup_count && table == NULL; i++)
		if (same_name(&arguments[0], rules_lookup_name(worker->mapping->lookups[i])))
			table = worker->mapping->lookups[i];
	if (table == NULL)
		return error_set(err, ERROR_RULE_LOOKUP, "Name the table in quotes.", "there is no lookup table \"%.*s\"",
		                 arguments[0].length > 80 ? 80 : (int)arguments[0].length, (const char *)arguments[0].u.data);
	if (joined_key(worker, arguments + 1, count - 1, parts, numbers, &key, err) != 0)
		return -1;
	if (lookup_find(table, key.data, key.length, &found)) {
		text_value(ret_value, found.data, found.length);
		return 0;
	}
	policy = lookup_policy(table);
	if (policy->missing == RULES_MISSING_NULL)
		return 0;
	if (policy->missing == RULES_MISSING_DEFAULT && policy->default_value != NULL) {
		text_value(ret_value, policy->default_value, strlen(policy->default_value));
		return 0;
	}
	text_value(&value, key.data, key.length);
	value_show(&value, shown, sizeof shown);
	return error_set(err, ERROR_RULE_LOOKUP, "Add the key to the table, or correct the value at its source.", "%s is not in the lookup table %s",
	                 worker->rule != NULL && worker->rule->sensitive ? "the value" : shown, policy->name);
}

static int
ask_ref(struct rules_worker *worker, const struct syncline_value *arguments, uint32_t count, struct syncline_value *ret_value, struct error *err)
{
	const struct rules_world *world = worker->world;
	struct syncline_slice parts[KEY_PARTS], key;
	char numbers[KEY_PARTS][40], *object;

	if (joined_key(worker, arguments + 1, count - 1, parts, numbers, &key, err) != 0)
		return -1;
	if (world == NULL || world->ref == NULL) {
		const char *copy = arena_copy(&worker->arena, key.data != NULL ? key.data : "", key.length);

		if (copy == NULL)
			return error_memory(err);
		text_value(ret_value, copy, key.length);
		return 0;
	}
	if ((object = arena_copy(&worker->arena, arguments[0].u.data, arguments[0].length)) == NULL)
		return error_memory(err);
	return known(worker, world->ref(world->data, record_of(worker), object, parts, count - 1, &key, err), &key, ret_value);
}

static int
ask_link(struct rules_worker *worker, const struct syncline_value *arguments, uint32_t count, struct syncline_value *ret_value, struct error *err)
{
	const struct rules_world *world = worker->world;
	struct syncline_slice key = { NULL, 0 }, answer = { NULL, 0 };
	char number[40], *system;

	if (world == NULL || world->link == NULL)
		return not_yet(worker, ret_value);
	if (count > 1)
		key_part(&arguments[1], number, &key);
	if ((system = arena_copy(&worker->arena, arguments[0].u.data, arguments[0].length)) == NULL)
		return error_memory(err);
	return known(worker, world->link(world->data, record_of(worker), system, &key, &answer, err), &answer, ret_value);
}

static int
ask_url(struct rules_worker *worker, const struct syncline_value *arguments, struct syncline_value *ret_value, struct error *err)
{
	const struct rules_world *world = worker->world;
	struct syncline_slice answer = { NULL, 0 };
	char *system;

	if (world == NULL || world->url == NULL)
		return not_yet(worker, ret_value);
	if ((system = arena_copy(&worker->arena, arguments[0].u.data, arguments[0].length)) == NULL)
		return error_memory(err);
	return known(worker, world->url(world->data, record_of(worker), system, &answer, err), &answer, ret_value);
}

/* Without a world: the value of the batch's field of type CONTENT. */
static int
ask_content(struct rules_worker *worker, struct syncline_value *ret_value, struct error *err)
{
	const struct rules_world *world = worker->world;
	struct syncline_slice answer = { NULL, 0 };

	if (world != NULL && world->content != NULL)
		return known(worker, world->content(world->data, record_of(worker), &answer, err), &answer, ret_value);
	if (worker->batch == NULL)
		return not_yet(worker, ret_value);
	for (uint32_t i = 0; i < worker->batch->header->field_count; i++) {
		const struct batch_cell *cell = &batch_record(worker->batch, record_of(worker)->index)->cells[i];

		if (cell->type == SYNCLINE_TYPE_CONTENT) {
			text_value(ret_value, batch_cell_data(worker->batch, cell), cell->length);
			return 0;
		}
	}
	return not_yet(worker, ret_value);
}

static int
ask_unit(struct rules_worker *worker, struct syncline_value *ret_value)
{
	const struct rules_record_context *context;

	if (worker->world != NULL && worker->world->unit != NULL) {
		text_value(ret_value, worker->world->unit, strlen(worker->world->unit));
		return 0;
	}
	context = record_of(worker);
	if (context->record == NULL || context->record->tenant.type != SYNCLINE_TYPE_TEXT)
		return not_yet(worker, ret_value);
	*ret_value = context->record->tenant;
	return 0;
}

/* The date in the unit's zone at the moment of the run; the zone is read once per moment and zone name. */
static int
ask_today(struct rules_worker *worker, struct syncline_value *ret_value, struct error *err)
{
	const struct rules_world *world = worker->world;
	int64_t us = world != NULL ? world->run_time_us : 0, days;
	const char *name = world != NULL && world->timezone != NULL ? world->timezone : "UTC";

	if (worker->today_of != us || strcmp(worker->today_zone, name) != 0) {
		int64_t seconds = us / 1000000 - (us % 1000000 < 0);
		struct zone *zone = strcmp(name, "UTC") == 0 ? NULL : zone_load(NULL, name, strlen(name), err);

		if (zone == NULL && strcmp(name, "UTC") != 0)
			return -1;
		seconds += zone != NULL ? zone_offset(zone, seconds) : 0;
		zone_free(zone);
		days = seconds / 86400 - (seconds % 86400 < 0);
		if (days < TEXT_DATE_MIN || days > TEXT_DATE_MAX)
			return error_set(err, ERROR_INTERNAL, NULL, "the time of the run is outside the years 1 to 9999");
		worker->today = days;
		worker->today_of = us;
		snprintf(worker->today_zone, sizeof worker->today_zone, "%s", name);
	}
	*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_DATE, .u.integer = worker->today };
	return 0;
}

static int
ask_own(struct rules_worker *worker, enum rules_question question, struct syncline_value *ret_value, struct error *err)
{
	const struct rules_world *world = worker->world;
	struct syncline_slice answer = { NULL, 0 };
	int (*ask)(void *, const struct rules_record_context *, struct syncline_slice *, struct error *) = NULL;

	if (world != NULL)
		ask = question == RULES_ASK_RECORD_ID ? world->record_id : question == RULES_ASK_SYNC_STATE ? world->sync_state : world->sync_error;
	if (ask == NULL)
		return not_yet(worker, ret_value);
	return known(worker, ask(world->data, record_of(worker), &answer, err), &answer, ret_value);
}

static int
answer(struct rules_worker *worker, enum rules_question question, const struct syncline_value *arguments, uint32_t count,
       struct syncline_value *ret_value, struct error *err)
{
	switch (question) {
	case RULES_ASK_LOOKUP:
		return ask_lookup(worker, arguments, count, ret_value, err);
	case RULES_ASK_REF:
		return ask_ref(worker, arguments, count, ret_value, err);
	case RULES_ASK_LINK:
		return ask_link(worker, arguments, count, ret_value, err);
	case RULES_ASK_URL:
		return ask_url(worker, arguments, ret_value, err);
	case RULES_ASK_CONTENT:
		return ask_content(worker, ret_value, err);
	case RULES_ASK_UNIT:
		return ask_unit(worker, ret_value);
	case RULES_ASK_RUN_TIME:
		*ret_value = (struct syncline_value){ .type = SYNCLINE_TYPE_TIMESTAMP, .u.integer = worker->world != NULL ? worker->world->run_time_us : 0 };
		return 0;
	case RULES_ASK_TODAY:
		return ask_today(worker, ret_value, err);
	case RULES_ASK_RECORD_ID:
	case RULES_ASK_SYNC_STATE:
	case RULES_ASK_SYNC_ERROR:
		return ask_own(worker, question, ret_value, err);
	default:
		return error_set(err, ERROR_INTERNAL, NULL, "a rule asked an unknown question");
	}
}

int
world_answer(void *context, enum rules_question question, const struct syncline_value *arguments, uint32_t count, struct syncline_value *ret_value,
             struct error *err)
{
	struct rules_worker *worker = context;

	if (worker->mapping == NULL)
		return not_yet(worker, ret_value); /* a rule that is being compiled */
	if (answer(worker, question, arguments, count, ret_value, err) == 0)
		return 0;
	/* The reject keeps the reason and the next step as they were said here. */
	fault_set(&worker->fault, err->hint, "%s", err->message);
	worker->fault_set = true;
	worker->no_memory = worker->no_memory || err->code == ERROR_MEMORY;
	return -1;
}
