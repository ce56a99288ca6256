/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * write.c: sink/1.  Two ways, told apart by the object's native name:
 *
 *     customers_*.jsonl  every call becomes a file of its own, * replaced by the key of the first attempt in it.  It appears
 *                        whole, once, and its attempts are never written again.
 *     customers.jsonl    all calls are collected in a hidden part, and finish() gives it the name, in place of the file before.
 *                        What a process left behind is gone on with.
 *
 * What makes both happen once is the folder's journal (helper.h).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "jsonl.h"

/* A part: of a run, or of one call that was promised its name and did not get it yet. */
struct collect {
	struct collect *next;
	char *name; /* the object's native name */
	struct syncline_journal_part part;
};

static void
collect_free(struct instance *c, struct collect *k)
{
	struct collect **at = &c->collects;

	while (*at != NULL && *at != k)
		at = &(*at)->next;
	if (*at == k)
		*at = k->next;
	syncline_journal_leave(c->journal, &k->part);
	free(k->name);
	free(k);
}

void
collects_free(struct instance *c)
{
	while (c->collects != NULL) {
		if (c->collects->part.promised && !c->collects->part.kept)
			syncline_journal_publish(c->journal, &c->collects->part, NULL); /* else the next process does */
		collect_free(c, c->collects);
	}
	syncline_journal_close(c->journal);
	c->journal = NULL;
}

static int
is_run(const struct syncline_object *object)
{
	return strchr(object->native, '*') == NULL;
}

static uint32_t
journal_open(struct instance *c, const struct syncline_object *object, struct syncline_error *err)
{
	const char *path = setting(c, object, "import_directory", NULL), *name = "import_directory";
	int folder;
	uint32_t result;

	if (c->journal != NULL)
		return SYNCLINE_OK;
	if (path == NULL) {
		name = "directory";
		path = setting(c, object, name, NULL);
	}
	result = folder_open(path, name, &folder, err);
	if (result != SYNCLINE_OK)
		return result;
	result = syncline_journal_open(folder, path, syncline_setting_integer(NULL, c->settings, "remember", 86400000) * 1000,
	                               c->clock->wall_us(c->host), &c->journal, err);
	close(folder);
	return result;
}

static struct collect *
collect_find(const struct instance *c, const struct syncline_object *object)
{
	struct collect *k = c->collects;

	while (k != NULL && strcmp(k->name, object->native) != 0)
		k = k->next;
	return k;
}

static struct collect *
collect_new(struct instance *c, const struct syncline_object *object)
{
	struct collect *k = calloc(1, sizeof *k);

	if (k == NULL || (k->name = strdup(object->native)) == NULL) {
		free(k);
		return NULL;
	}
	k->part.descriptor = -1;
	k->next = c->collects;
	c->collects = k;
	return k;
}

/* The journal, and for a run its part: what stands in them is not written again. */
static uint32_t
prepare(struct instance *c, const struct syncline_object *object, struct syncline_error *err)
{
	int discard = strcmp(setting(c, object, "leftover", "keep"), "keep") != 0;
	uint32_t result = journal_open(c, object, err);
	struct collect *k;

	if (result != SYNCLINE_OK)
		return result;
	k = collect_find(c, object);
	if (is_run(object) && k == NULL) {
		if ((k = collect_new(c, object)) == NULL)
			return syncline_fail_memory(err);
		result = syncline_journal_keep(c->journal, object->native, discard, c->clock->wall_us(c->host), &k->part, err);
		if (result != SYNCLINE_OK) {
			collect_free(c, k);
			return result;
		}
	} else if (!is_run(object) && k != NULL) {
		/* What an earlier call promised and could not publish comes first. */
		if ((result = syncline_journal_publish(c->journal, &k->part, err)) != SYNCLINE_OK)
			return result;
		collect_free(c, k);
	}
	/* A run's name is ours alone; a file of a call may be another process's as well. */
	return syncline_journal_begin(c->journal, !is_run(object), err);
}

/* The name of a call's file: by its first attempt, or without keys by the time. */
static uint32_t
file_name(struct instance *c, const struct syncline_object *object, const struct syncline_buffer *keys, char name[256], struct syncline_error *err)
{
	const char *star = strchr(object->native, '*');
	char key[40];
	int n;

	if (strchr(star + 1, '*') != NULL || strpbrk(object->native, "?[/") != NULL) {
		syncline_fail(err, SYNCLINE_CONFIG, "native = \"%s\" of object %s can't name files to write.", object->native, object->alias);
		syncline_hint(err, "Use one * and no other wildcard, as in \"customers_*.jsonl\".");
		return SYNCLINE_CONFIG;
	}
	if (keys->length >= SYNCLINE_JOURNAL_KEY) {
		for (int i = 0; i < 16; i++)
			snprintf(key + 2 * i, 3, "%02x", ((const unsigned char *)keys->data)[i]);
	} else {
		snprintf(key, sizeof key, "%016llx-%06llu", (unsigned long long)c->clock->wall_us(c->host), (unsigned long long)++c->files_made);
	}
	n = snprintf(name, 256, "%.*s%s%s", (int)(star - object->native), object->native, key, star + 1);
	return n > 0 && n < 256 ? SYNCLINE_OK : syncline_fail(err, SYNCLINE_CONFIG, "The file name \"%s\" is too long.", object->native);
}

/* The lines of one call; committed when this returns OK. */
static uint32_t
store(struct instance *c, const struct syncline_object *object, const struct syncline_buffer *text, const struct syncline_buffer *keys,
      struct syncline_error *err)
{
	int sync = !is_run(object) || strcmp(setting(c, object, "sync", "write"), "finish") != 0;
	struct collect *k = collect_find(c, object);
	uint32_t result = SYNCLINE_OK;

	if (!is_run(object)) {
		if ((k = collect_new(c, object)) == NULL)
			result = syncline_fail_memory(err);
		if (result == SYNCLINE_OK)
			result = syncline_journal_part(c->journal, c->clock->wall_us(c->host), &k->part, err);
		if (result == SYNCLINE_OK)
			result = file_name(c, object, keys, k->part.final_name, err);
		if (result != SYNCLINE_OK) {
			if (k != NULL)
				collect_free(c, k);
			syncline_applied(err, SYNCLINE_APPLIED_NO);
			return result;
		}
	}
	result = syncline_journal_write(c->journal, &k->part, text->data, text->length, (const uint8_t *)keys->data,
	                                (uint32_t)(keys->length / SYNCLINE_JOURNAL_KEY), sync, err);
	if (is_run(object))
		return result;
	if (result == SYNCLINE_OK && (result = syncline_journal_publish(c->journal, &k->part, err)) != SYNCLINE_OK)
		return result; /* it is tried again before the next call, and at the end of the run */
	collect_free(c, k);
	return result;
}

struct writer {
	struct instance *c;
	const struct syncline_object *object;
	struct syncline_batch *batch;
	const struct syncline_results *results;
	struct render render;
	struct syncline_value *values; /* of one record, with the key's members filled in */
	uint32_t field_count, value_count;
	int key_fields[RENDER_KEYS_MAX]; /* those that are not in the batch stand behind its fields */
	uint32_t key_count;
	struct syncline_buffer text, keys, key; /* keys: of the attempts in text */
	uint8_t *written; /* per item: it is in text */
	const char *op_member;
};

static uint32_t
begin(struct writer *w, struct syncline_error *err)
{
	uint32_t count = w->c->batch->record_count(w->batch), result;

	w->field_count = w->c->batch->field_count(w->batch);
	w->op_member = setting(w->c, w->object, "op_member", "");
	w->values = calloc((size_t)w->field_count + RENDER_KEYS_MAX, sizeof *w->values);
	w->written = calloc((size_t)count + 1, 1);
	syncline_buffer_init(&w->text, 256 * 1024 * 1024);
	syncline_buffer_init(&w->keys, 0);
	syncline_buffer_init(&w->key, 0);
	if (w->values == NULL || w->written == NULL)
		return syncline_fail_memory(err);
	w->key_count = w->object->key_count <= RENDER_KEYS_MAX ? w->object->key_count : 0;
	for (uint32_t k = 0; k < w->key_count; k++)
		w->key_fields[k] = -1;
	for (uint32_t i = 0; i < w->field_count; i++) {
		struct syncline_field field = { .struct_size = sizeof field };

		result = w->c->batch->field(w->batch, i, &field);
		if (result != SYNCLINE_OK)
			return syncline_fail(err, result, "Field %u of the batch can't be read.", i);
		for (uint32_t k = 0; k < w->key_count; k++)
			if (strcmp(w->object->key[k], field.name) == 0)
				w->key_fields[k] = (int)i;
	}
	w->value_count = w->field_count;
	for (uint32_t k = 0; k < w->key_count; k++)
		if (w->key_fields[k] < 0)
			w->key_fields[k] = (int)w->value_count++;
	result = render_init(&w->render, w->c, w->object, w->batch, err);
	return result == SYNCLINE_OK ? prepare(w->c, w->object, err) : result;
}

static void
end(struct writer *w)
{
	render_free(&w->render);
	free(w->values);
	free(w->written);
	syncline_buffer_free(&w->text);
	syncline_buffer_free(&w->keys);
	syncline_buffer_free(&w->key);
}

/* An update or a delete must say of which record: the key's members come from the native id where the item has no values. */
static const char *
fill_key(struct writer *w, const struct syncline_record *record)
{
	struct syncline_slice id = { record->native_id.u.data, record->native_id.length }, parts[32];

	if (record->native_id.type != SYNCLINE_TYPE_TEXT)
		return "its native id is not given";
	syncline_buffer_clear(&w->key);
	if (syncline_buffer_reserve(&w->key, id.length + 1) != 0)
		return render_no_memory;
	if (w->key_count == 0 || w->c->batch->split_key(&id, w->key_count, w->key.data, w->key.capacity, parts) != SYNCLINE_OK)
		return "its native id does not have the parts that the object's key has";
	for (uint32_t k = 0; k < w->key_count; k++)
		if (w->values[w->key_fields[k]].type == SYNCLINE_TYPE_ABSENT)
			w->values[w->key_fields[k]] = syncline_text(parts[k].data, parts[k].length);
	return NULL;
}

static const char *
render_item(struct writer *w, const struct syncline_record *record)
{
	const struct syncline_value *values = record->values;
	uint32_t count = record->value_count;
	const char *fault;

	if (record->op == SYNCLINE_OP_CREATE)
		return render_line(&w->render, values, count, record->op, &w->text);
	if (record->op != SYNCLINE_OP_UPDATE && record->op != SYNCLINE_OP_DELETE)
		return "its operation is not known";
	if (record->op == SYNCLINE_OP_DELETE && w->op_member[0] == '\0')
		return "a deletion can't be said in such a file: set op_member";
	memset(w->values, 0, w->value_count * sizeof *w->values);
	if (count > 0 && record->op == SYNCLINE_OP_UPDATE)
		memcpy(w->values, values, count * sizeof *values);
	fault = fill_key(w, record);
	return fault != NULL ? fault : render_line(&w->render, w->values, w->value_count, record->op, &w->text);
}

static void
report_fault(const struct writer *w, uint32_t index, const char *fault)
{
	struct syncline_error said = { .struct_size = sizeof said };
	struct syncline_write_result result = { .struct_size = sizeof result, .error_class = SYNCLINE_INVALID, .error = &said };

	syncline_fail(&said, SYNCLINE_INVALID, "A record can't be written to %s: %s.", w->object->native, fault);
	syncline_hint(&said, "Correct the rule that makes the value, or the object's settings.");
	syncline_applied(&said, SYNCLINE_APPLIED_NO);
	w->results->report(w->results, index, &result);
}

struct key_parts {
	struct syncline_slice parts[32];
	char numbers[32][24];
	size_t joined_max; /* bytes that they take together at most */
};

/* The parts of the id under which a read of the file will show the record; 0: it has none that could be told. */
static int
find_parts(const struct writer *w, const struct syncline_record *record, struct key_parts *key)
{
	key->joined_max = 1;
	for (uint32_t k = 0; k < w->key_count; k++) {
		const struct syncline_value *v = w->key_fields[k] >= 0 && (uint32_t)w->key_fields[k] < record->value_count
		                                         ? &record->values[w->key_fields[k]] : NULL;

		if (v == NULL || (v->type != SYNCLINE_TYPE_TEXT && v->type != SYNCLINE_TYPE_DECIMAL && v->type != SYNCLINE_TYPE_INTEGER))
			return 0;
		if (v->type == SYNCLINE_TYPE_INTEGER)
			key->parts[k] = syncline_slice(key->numbers[k], (size_t)snprintf(key->numbers[k], sizeof key->numbers[k], "%lld", (long long)v->u.integer));
		else
			key->parts[k] = syncline_slice(v->u.data, v->length);
		key->joined_max += 2 * key->parts[k].length + 1;
	}
	return w->key_count > 0;
}

/* Room for the id that report_written() tells: once the line is written, nothing may be missing any more. */
static const char *
reserve_id(struct writer *w, const struct syncline_record *record)
{
	struct key_parts key;

	if (record->native_id.type == SYNCLINE_TYPE_TEXT || !find_parts(w, record, &key))
		return NULL;
	syncline_buffer_clear(&w->key);
	return syncline_buffer_reserve(&w->key, key.joined_max) == 0 ? NULL : render_no_memory;
}

static void
report_written(struct writer *w, uint32_t index, const struct syncline_record *record)
{
	struct syncline_write_result result = { .struct_size = sizeof result };
	struct key_parts key;
	size_t length;

	syncline_buffer_clear(&w->key);
	if (record->native_id.type == SYNCLINE_TYPE_TEXT)
		result.native_id = syncline_slice(record->native_id.u.data, record->native_id.length);
	else if (find_parts(w, record, &key) && syncline_buffer_reserve(&w->key, key.joined_max) == 0 &&
	         w->c->batch->join_key(key.parts, w->key_count, w->key.data, w->key.capacity, &length) == SYNCLINE_OK)
		result.native_id = syncline_slice(w->key.data, length);
	w->results->report(w->results, index, &result);
}

/* An item into text, unless its attempt stands in the journal or in text already; NULL, or why it can't be. */
static const char *
take_item(struct writer *w, uint32_t index, const struct syncline_record *record)
{
	const struct syncline_value *note = &record->note;
	int keyed = note->type == SYNCLINE_TYPE_BYTES && note->length == SYNCLINE_JOURNAL_KEY, claim = 1;
	size_t before = w->text.length;
	const char *fault = reserve_id(w, record);

	if (fault == NULL && keyed && syncline_journal_has(w->c->journal, note->u.data)) {
		report_written(w, index, record);
		return NULL;
	}
	if (fault == NULL)
		fault = render_item(w, record);
	if (fault != NULL)
		return fault;
	if (keyed)
		claim = syncline_journal_claim(w->c->journal, note->u.data);
	if (claim == 0)
		w->text.length = before;
	if (claim < 0 || (keyed && claim == 1 && syncline_buffer_append(&w->keys, note->u.data, SYNCLINE_JOURNAL_KEY) != 0))
		return render_no_memory;
	w->written[index] = 1;
	return NULL;
}

static uint32_t
write_items(struct writer *w, const struct syncline_call *call, struct syncline_error *err)
{
	uint32_t count = w->c->batch->record_count(w->batch), result = SYNCLINE_OK;
	struct syncline_record record;

	for (uint32_t i = 0; i < count; i++) {
		const char *fault;

		record = (struct syncline_record){ .struct_size = sizeof record };
		result = w->c->batch->record(w->batch, i, &record);
		if (result != SYNCLINE_OK)
			return syncline_fail(err, result, "Item %u of the batch can't be read.", i);
		fault = take_item(w, i, &record);
		if (fault == render_no_memory) {
			result = syncline_fail_memory(err);
			syncline_applied(err, SYNCLINE_APPLIED_NO);
			return result;
		}
		if (fault != NULL)
			report_fault(w, i, fault);
	}
	if (syncline_cancelled(call)) {
		syncline_fail_cancelled(err);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return SYNCLINE_CANCELLED;
	}
	if (w->text.length > 0)
		result = store(w->c, w->object, &w->text, &w->keys, err);
	for (uint32_t i = 0; result == SYNCLINE_OK && i < count; i++) {
		record = (struct syncline_record){ .struct_size = sizeof record };
		if (w->written[i] && w->c->batch->record(w->batch, i, &record) == SYNCLINE_OK)
			report_written(w, i, &record);
	}
	return result;
}

static uint32_t
write_batch(void *instance, const struct syncline_call *call, const struct syncline_object *their_object, struct syncline_batch *batch,
            const struct syncline_results *results, struct syncline_error *err)
{
	struct syncline_object object;
	struct writer w = { .c = instance, .batch = batch, .results = results, .object = &object };
	uint32_t result;

	SYNCLINE_COPY(&object, their_object);
	result = begin(&w, err);
	if (result == SYNCLINE_OK)
		result = write_items(&w, call, err);
	else
		syncline_applied(err, SYNCLINE_APPLIED_NO);
	end(&w);
	return result;
}

/*
 * Nothing was written here.  What a process that is gone has promised is published when the journal is opened; what it collected of a
 * run is published now.  Where another process is at it, that one does it.
 */
static uint32_t
publish_left(struct instance *c, const struct syncline_object *object, struct syncline_error *err)
{
	int keep = strcmp(setting(c, object, "leftover", "keep"), "keep") == 0;
	struct syncline_journal_part part = { .descriptor = -1 };
	uint32_t result = journal_open(c, object, err);

	if (result != SYNCLINE_OK || !is_run(object) || !keep)
		return result;
	result = syncline_journal_keep(c->journal, object->native, 0, c->clock->wall_us(c->host), &part, err);
	if (result == SYNCLINE_RETRY)
		return SYNCLINE_OK;
	if (result == SYNCLINE_OK && part.length > 0)
		result = syncline_journal_publish(c->journal, &part, err);
	syncline_journal_leave(c->journal, &part);
	return result;
}

static uint32_t
finish(void *instance, const struct syncline_call *call, const struct syncline_object *their_object, struct syncline_error *err)
{
	struct instance *c = instance;
	struct syncline_object object;
	struct collect *k;
	uint32_t result;

	(void)call;
	SYNCLINE_COPY(&object, their_object);
	if ((k = collect_find(c, &object)) == NULL)
		return publish_left(c, &object, err);
	/* A run that wrote nothing leaves the file as it is. */
	if (k->part.length > 0 && (result = syncline_journal_publish(c->journal, &k->part, err)) != SYNCLINE_OK)
		return result;
	collect_free(c, k);
	return SYNCLINE_OK;
}

const struct syncline_sink_v1 sink_part = { .struct_size = sizeof sink_part, .write = write_batch, .finish = finish };
