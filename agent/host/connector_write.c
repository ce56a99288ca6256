/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connector_write.c: writes: every item of a batch gets one outcome, whatever the connector says or does.
 *
 *     reported once, OK                            committed
 *     reported once, a class of the contract       failed, with that class and `applied`
 *     reported twice, or with an unknown class     uncertain
 *     not reported, the call was OK                uncertain
 *     not reported, the call failed with a class   failed, with the call's class and `applied`
 *     not reported, cancelled, killed, crashed     uncertain
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "host/proxy.h"

#define WHAT "write"

struct connector_writing {
	struct connector *connector;
	struct connector_results *results;
	struct connector_result *items;
	uint8_t *seen;
	uint32_t fields;
	struct proxy_sent sent;
};

static bool
broken_text(const struct syncline_slice *text)
{
	return !text_is_utf8(text->data, text->length);
}

static const struct error *
keep_error(struct arena *arena, const struct error *err)
{
	return (const struct error *)(void *)arena_copy(arena, err, sizeof *err);
}

static struct syncline_slice
keep_slice(struct arena *arena, const struct syncline_slice *slice, bool *failed)
{
	struct syncline_slice kept = { "", slice->length };

	if (slice->length > 0 && (kept.data = arena_copy(arena, slice->data, slice->length)) == NULL)
		*failed = true;
	return kept;
}

static bool
keep_value(struct arena *arena, struct syncline_value *value)
{
	if (value->length == 0)
		return true;
	value->u.data = arena_copy(arena, value->u.data, value->length);
	return value->u.data != NULL;
}

/* What the connector says is stored counts only in the batch's fields. */
static const struct syncline_record *
keep_record(struct arena *arena, const struct syncline_record *said, uint32_t fields)
{
	struct syncline_record *record;
	struct syncline_value *values;

	if (said == NULL || said->value_count > fields)
		return NULL;
	record = (struct syncline_record *)(void *)arena_copy(arena, said, sizeof *said);
	values = arena_array(arena, fields > 0 ? fields : 1, sizeof *values);
	if (record == NULL || values == NULL)
		return NULL;
	if (said->value_count > 0)
		memcpy(values, said->values, said->value_count * sizeof *values);
	for (uint32_t i = 0; i < said->value_count; i++)
		if (!keep_value(arena, &values[i]))
			return NULL;
	record->values = values;
	record->note = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	return keep_value(arena, &record->native_id) && keep_value(arena, &record->version) && keep_value(arena, &record->tenant) ? record : NULL;
}

static void
make_uncertain(struct connector_writing *w, uint32_t index, const char *why)
{
	static const struct error without_memory = { .code = ERROR_MEMORY, .klass = SYNCLINE_RETRY, .applied = SYNCLINE_APPLIED_MAYBE,
		.message = "no memory for what became of an item", .hint = "The item is looked up before it is tried again." };
	struct connector_result *item = &w->items[index];
	struct error err;

	error_fill(&err, ERROR_CONNECTOR_INTERNAL, "The item is looked up before it is tried again.", "item %u: %s", index, why);
	error_place(&err, "system %s", w->connector->system);
	*item = (struct connector_result){ .outcome = CONNECTOR_UNCERTAIN };
	if ((item->error = keep_error(&w->results->arena, &err)) == NULL)
		item->error = &without_memory;
}

static void
take_result(struct connector_writing *w, uint32_t index, const struct syncline_write_result *said)
{
	static const struct syncline_error nothing = { .struct_size = sizeof nothing };
	struct arena *arena = &w->results->arena;
	struct connector_result *item;
	struct error err;
	bool failed = false;

	if (index >= w->results->count) {
		w->results->foreign++;
		return;
	}
	item = &w->items[index];
	if (w->seen[index] != 0) {
		w->results->foreign++;
		w->seen[index] = 2;
		make_uncertain(w, index, "the connector reported it more than once");
		return;
	}
	w->seen[index] = 1;
	if (said->error_class >= SYNCLINE_CLASS_COUNT || said->error_class == SYNCLINE_CANCELLED) {
		make_uncertain(w, index, said->error_class == SYNCLINE_CANCELLED ? "its write was cancelled"
		                                                                  : "the connector reported a class that is not known");
	} else if (said->error_class == SYNCLINE_OK) {
		item->outcome = CONNECTOR_COMMITTED;
		item->native_id = keep_slice(arena, &said->native_id, &failed);
		item->version = keep_slice(arena, &said->version, &failed);
		item->stored = keep_record(arena, said->stored, w->fields);
		if (failed)
			make_uncertain(w, index, "no memory for its new id or version");
		else if ((item->native_id.length > 0 && broken_text(&item->native_id)) ||
		    (item->version.length > 0 && broken_text(&item->version)))
			make_uncertain(w, index, "its new id or version is not UTF-8 text");
	} else {
		item->outcome = CONNECTOR_FAILED;
		error_from_connector(&err, said->error_class, said->error != NULL ? said->error : &nothing);
		error_place(&err, "system %s", w->connector->system);
		if ((item->error = keep_error(arena, &err)) == NULL)
			make_uncertain(w, index, "no memory for why it failed");
	}
}

static int
on_event(void *data, const struct message *message, struct error *err)
{
	struct connector_writing *w = data;
	struct arena arena;
	struct wire wire;
	uint32_t count;

	if (message->type != FRAME_RESULT)
		return -1;
	arena_init(&arena, 64u * 1024u * 1024u);
	wire_init(&wire, message->head, message->head_length, &arena);
	count = wire_get_count(&wire, 13, UINT32_MAX);
	for (uint32_t i = 0; i < count && !wire.bad; i++) {
		struct syncline_write_result said;
		struct syncline_error texts;
		uint32_t index;

		codec_get_result(&wire, &index, &said, &texts);
		if (!wire.bad)
			take_result(w, index, &said);
	}
	arena_free(&arena);
	if (wire.starved)
		return error_memory(err);
	return wire_done(&wire) ? 0 : -1;
}

/* Does the end of the call say something about items without a result? */
static bool
speaks_for_all(const struct connector_results *results)
{
	switch (results->call_error.code) {
	case ERROR_CONNECTOR_RETRY: case ERROR_CONNECTOR_THROTTLED: case ERROR_CONNECTOR_AUTH: case ERROR_CONNECTOR_CONFIG:
	case ERROR_CONNECTOR_NOT_FOUND: case ERROR_CONNECTOR_CONFLICT: case ERROR_CONNECTOR_INVALID: case ERROR_CONNECTOR_PERMANENT:
	case ERROR_CONNECTOR_INTERNAL:
		return true;
	default:
		return false;
	}
}

static void
settle(struct connector_writing *w)
{
	struct connector_results *results = w->results;
	bool all = results->call_failed && speaks_for_all(results);

	/*
	 * The folder or table that is written to was not found, which is no word about the records that should stand in it.  Only of a batch
	 * that is atomic may it be one of them, which is looked for in its halves.
	 */
	if (all && results->call_error.klass == SYNCLINE_NOT_FOUND && connector_capabilities(w->connector)->batch_atomic == SYNCLINE_NONE)
		results->call_error.klass = SYNCLINE_RETRY;
	for (uint32_t i = 0; i < results->count; i++) {
		struct connector_result *item = &w->items[i];

		if (w->seen[i] == 0) {
			item->outcome = all ? CONNECTOR_FAILED : CONNECTOR_UNCERTAIN;
			if (results->call_failed)
				item->error = &results->call_error;
			else
				make_uncertain(w, i, "the connector did not report it");
		}
		results->committed += item->outcome == CONNECTOR_COMMITTED;
		results->failed += item->outcome == CONNECTOR_FAILED;
		results->uncertain += item->outcome == CONNECTOR_UNCERTAIN;
	}
}

/* What the write says of the system: why the call failed, or that it wants no more of the items; NULL: it is well. */
static const struct error *
unwanted(const struct connector_results *results)
{
	if (results->call_failed)
		return &results->call_error;
	for (uint32_t i = 0; i < results->count; i++) {
		const struct connector_result *item = &results->items[i];

		if (item->outcome == CONNECTOR_FAILED && (item->error->klass == SYNCLINE_THROTTLED || item->error->klass == SYNCLINE_AUTH))
			return item->error;
	}
	return NULL;
}

static void
forget(struct connector_writing *w)
{
	if (w != NULL)
		connector_results_free(w->results);
	free(w);
}

static struct connector_writing *
prepare(struct connector *c, const struct batch *batch)
{
	uint32_t count = batch->header->record_count;
	struct connector_writing *w = calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->connector = c;
	w->fields = batch->header->field_count;
	if ((w->results = calloc(1, sizeof *w->results)) == NULL) {
		forget(w);
		return NULL;
	}
	arena_init(&w->results->arena, 0);
	w->items = arena_array(&w->results->arena, count > 0 ? count : 1, sizeof *w->items);
	w->seen = arena_zalloc(&w->results->arena, count > 0 ? count : 1);
	if (w->items == NULL || w->seen == NULL) {
		forget(w);
		return NULL;
	}
	w->results->items = w->items;
	w->results->count = count;
	return w;
}

int
connector_write_begin(struct connector *c, const struct syncline_object *object, const struct batch *batch, struct connector_writing **ret_writing,
                      struct error *err)
{
	struct connector_writing *w;
	struct buffer head;
	uint8_t *body;

	if (proxy_offers(c, "sink/1", err) != 0)
		return -1;
	if (!c->options.writable) {
		error_fill(err, ERROR_HOST_READ_ONLY, "Set `writable = true` for it, if that is meant.", "the system %s is not writable", c->system);
		error_place(err, "system %s", c->system);
		return -1;
	}
	if ((w = prepare(c, batch)) == NULL || (body = malloc(batch->size)) == NULL) {
		forget(w);
		return error_memory(err);
	}
	memcpy(body, batch->data, batch->size);
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	if (proxy_send(c, CALL_WRITE, 0, &head, body, batch->size, &w->sent, err) != 0) {
		forget(w);
		return -1;
	}
	*ret_writing = w;
	return 0;
}

bool
connector_write_heard(struct connector_writing *w)
{
	return proxy_look(w->connector, &w->sent, on_event, w);
}

struct connector_results *
connector_write_end(struct connector_writing *w)
{
	struct connector_results *results = w->results;
	struct error failure = { 0 };
	struct reply reply;
	int result;

	result = proxy_answer(w->connector, &w->sent, on_event, w, &reply, &failure);
	if (result == 0 && !wire_done(&reply.wire))
		result = proxy_unread(w->connector, WHAT, &reply.wire, &failure);
	reply_free(&reply);
	results->call_failed = result != 0;
	results->call_error = failure;
	settle(w);
	proxy_heard(w->connector, CALL_WRITE, unwanted(results));
	w->results = NULL;
	forget(w);
	return results;
}

int
connector_write(struct connector *c, const struct syncline_object *object, const struct batch *batch, struct connector_results **ret_results,
                struct error *err)
{
	struct connector_writing *w;

	if (connector_write_begin(c, object, batch, &w, err) != 0)
		return -1;
	*ret_results = connector_write_end(w);
	return 0;
}

void
connector_results_free(struct connector_results *results)
{
	if (results == NULL)
		return;
	arena_free(&results->arena);
	free(results);
}

int
connector_finish(struct connector *c, const struct syncline_object *object, struct error *err)
{
	struct buffer head;
	struct reply reply;
	int result;

	if (proxy_offers(c, "sink/1", err) != 0)
		return -1;
	if ((c->info->optional & CONNECTOR_HAS_FINISH) == 0)
		return 0;
	proxy_begin(c, &head);
	codec_put_object(&head, object);
	result = proxy_call(c, CALL_FINISH, NULL, &head, NULL, 0, NULL, NULL, &reply, err);
	reply_free(&reply);
	return result;
}
