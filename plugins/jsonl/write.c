/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * write.c: sink/1.  Two ways, told apart by the object's native name:
 *
 *     customers_*.jsonl  every call becomes a file of its own, * replaced by the first attempt's key: the same call again
 *                        makes the same file again.  It appears whole: written aside, synced, renamed, folder synced.
 *     customers.jsonl    all calls are collected in a part file, synced with each call, and finish() renames it over the
 *                        name.  A part that a process left behind is gone on with, from its last whole line on.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "jsonl.h"

struct collect {
	struct collect *next;
	char *name;
	int folder;
	struct syncline_publish *publish;
};

static void
collect_free(struct collect *k)
{
	syncline_publish_leave(k->publish);
	if (k->folder >= 0)
		close(k->folder);
	free(k->name);
	free(k);
}

void
collects_free(struct instance *c)
{
	for (struct collect *k = c->collects, *next; k != NULL; k = next) {
		next = k->next;
		collect_free(k);
	}
	c->collects = NULL;
}

static uint32_t
folder_of(struct instance *c, const struct syncline_object *object, int *ret_folder, struct syncline_error *err)
{
	const char *path = setting(c, object, "import_directory", NULL), *name = "import_directory";

	if (path == NULL) {
		name = "directory";
		path = setting(c, object, name, NULL);
	}
	return folder_open(path, name, ret_folder, err);
}

/* The place behind the last line end of a part that was left: what stands behind it was never reported. */
static uint32_t
cut_part(struct syncline_publish *publish, struct syncline_error *err)
{
	uint64_t length = syncline_publish_length(publish);
	char block[65536];

	while (length > 0) {
		size_t n = length < sizeof block ? (size_t)length : sizeof block;
		ssize_t got = pread(syncline_publish_descriptor(publish), block, n, (off_t)(length - n));

		if (got != (ssize_t)n)
			return syncline_fail_errno(err, got < 0 ? errno : EIO, "The part that an earlier run left can't be read.");
		while (n > 0 && block[n - 1] != '\n') {
			n--;
			length--;
		}
		if (n > 0)
			break;
	}
	return length == syncline_publish_length(publish) ? SYNCLINE_OK : syncline_publish_truncate(publish, length, err);
}

static uint32_t
collect_for(struct instance *c, const struct syncline_object *object, struct collect **ret, struct syncline_error *err)
{
	int keep = strcmp(setting(c, object, "leftover", "keep"), "keep") == 0;
	struct collect *k;
	uint32_t result;

	for (k = c->collects; k != NULL; k = k->next)
		if (strcmp(k->name, object->native) == 0) {
			*ret = k;
			return SYNCLINE_OK;
		}
	k = calloc(1, sizeof *k);
	if (k == NULL)
		return syncline_fail_memory(err);
	k->folder = -1;
	k->name = strdup(object->native);
	result = k->name != NULL ? folder_of(c, object, &k->folder, err) : syncline_fail_memory(err);
	if (result == SYNCLINE_OK)
		result = syncline_publish_open(k->folder, k->name, keep ? SYNCLINE_PUBLISH_RESUME : 0, 0640, &k->publish, err);
	if (result == SYNCLINE_OK && keep)
		result = cut_part(k->publish, err);
	if (result == SYNCLINE_OK)
		result = syncline_publish_sync(k->publish, err); /* the part's name is durable from here on */
	if (result != SYNCLINE_OK) {
		collect_free(k);
		return result;
	}
	k->next = c->collects;
	c->collects = k;
	*ret = k;
	return SYNCLINE_OK;
}

/* The bytes of one call, durable under the part's name. */
static uint32_t
append(struct instance *c, const struct syncline_object *object, const struct syncline_buffer *text, struct syncline_error *err)
{
	struct collect *k = NULL;
	uint64_t before;
	uint32_t result = collect_for(c, object, &k, err);

	if (result != SYNCLINE_OK) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	before = syncline_publish_length(k->publish);
	result = syncline_publish_write(k->publish, text->data, text->length, err);
	if (result != SYNCLINE_OK) {
		syncline_applied(err, syncline_publish_truncate(k->publish, before, NULL) == SYNCLINE_OK ? SYNCLINE_APPLIED_NO
		                                                                                         : SYNCLINE_APPLIED_MAYBE);
		return result;
	}
	if (strcmp(setting(c, object, "sync", "write"), "finish") != 0 && fsync(syncline_publish_descriptor(k->publish)) != 0)
		result = syncline_fail_errno(err, errno, "What was written to %s can't be made durable.", object->native);
	return result;
}

static uint32_t
file_name(struct instance *c, const struct syncline_object *object, struct syncline_batch *batch, char *name, size_t capacity, struct syncline_error *err)
{
	const char *star = strchr(object->native, '*');
	struct syncline_record record = { .struct_size = sizeof record };
	char key[40];
	int n;

	if (strchr(star + 1, '*') != NULL || strpbrk(object->native, "?[/") != NULL) {
		syncline_fail(err, SYNCLINE_CONFIG, "native = \"%s\" of object %s can't name files to write.", object->native, object->alias);
		syncline_hint(err, "Use one * and no other wildcard, as in \"customers_*.jsonl\".");
		return SYNCLINE_CONFIG;
	}
	if (c->batch->record(batch, 0, &record) == SYNCLINE_OK && record.note.type == SYNCLINE_TYPE_BYTES && record.note.length == 16) {
		for (int i = 0; i < 16; i++)
			snprintf(key + 2 * i, 3, "%02x", ((const unsigned char *)record.note.u.data)[i]);
	} else {
		snprintf(key, sizeof key, "%016llx-%06llu", (unsigned long long)c->clock->wall_us(c->host), (unsigned long long)++c->files_made);
	}
	n = snprintf(name, capacity, "%.*s%s%s", (int)(star - object->native), object->native, key, star + 1);
	return n > 0 && (size_t)n < capacity ? SYNCLINE_OK : syncline_fail(err, SYNCLINE_CONFIG, "The file name \"%s\" is too long.", object->native);
}

static uint32_t
publish(struct instance *c, const struct syncline_object *object, struct syncline_batch *batch, const struct syncline_buffer *text,
        struct syncline_error *err)
{
	char name[512];
	int folder;
	uint32_t result = file_name(c, object, batch, name, sizeof name, err);

	if (result == SYNCLINE_OK)
		result = folder_of(c, object, &folder, err);
	if (result != SYNCLINE_OK) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	result = syncline_publish_bytes(folder, name, 0, 0640, text->data, text->length, err);
	close(folder);
	return result;
}

struct writer {
	struct instance *c;
	const struct syncline_object *object;
	struct syncline_batch *batch;
	const struct syncline_results *results;
	struct render render;
	struct syncline_value *values; /* of one record, with the key's members filled in */
	uint32_t field_count;
	int key_fields[32]; /* -1: not a field of the batch */
	uint32_t key_count;
	struct syncline_buffer text, key;
	uint8_t *written; /* per item */
	const char *op_member;
};

static uint32_t
begin(struct writer *w, struct syncline_error *err)
{
	uint32_t count = w->c->batch->record_count(w->batch), result;

	w->field_count = w->c->batch->field_count(w->batch);
	w->op_member = setting(w->c, w->object, "op_member", "");
	w->values = calloc((size_t)w->field_count + 1, sizeof *w->values);
	w->written = calloc((size_t)count + 1, 1);
	syncline_buffer_init(&w->text, 256 * 1024 * 1024);
	syncline_buffer_init(&w->key, 0);
	if (w->values == NULL || w->written == NULL)
		return syncline_fail_memory(err);
	w->key_count = w->object->key_count <= 32 ? w->object->key_count : 0;
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
	return render_init(&w->render, w->c, w->object, w->batch, err);
}

static void
end(struct writer *w)
{
	render_free(&w->render);
	free(w->values);
	free(w->written);
	syncline_buffer_free(&w->text);
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
	for (uint32_t k = 0; k < w->key_count; k++) {
		if (w->key_fields[k] < 0)
			return "the key is not among the fields that are written: map it too";
		if (w->values[w->key_fields[k]].type == SYNCLINE_TYPE_ABSENT)
			w->values[w->key_fields[k]] = syncline_text(parts[k].data, parts[k].length);
	}
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
	memset(w->values, 0, w->field_count * sizeof *w->values);
	if (count > 0 && record->op == SYNCLINE_OP_UPDATE)
		memcpy(w->values, values, count * sizeof *values);
	fault = fill_key(w, record);
	return fault != NULL ? fault : render_line(&w->render, w->values, w->field_count, record->op, &w->text);
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

static uint32_t
write_items(struct writer *w, const struct syncline_call *call, struct syncline_error *err)
{
	uint32_t count = w->c->batch->record_count(w->batch), result = SYNCLINE_OK, written = 0;
	struct syncline_record record;

	for (uint32_t i = 0; i < count; i++) {
		const char *fault;

		record = (struct syncline_record){ .struct_size = sizeof record };
		result = w->c->batch->record(w->batch, i, &record);
		if (result != SYNCLINE_OK)
			return syncline_fail(err, result, "Item %u of the batch can't be read.", i);
		fault = render_item(w, &record);
		if (fault == NULL)
			fault = reserve_id(w, &record);
		if (fault == render_no_memory) {
			result = syncline_fail_memory(err);
			syncline_applied(err, SYNCLINE_APPLIED_NO);
			return result;
		}
		if (fault != NULL)
			report_fault(w, i, fault);
		else
			written += w->written[i] = 1;
	}
	if (syncline_cancelled(call)) {
		syncline_fail_cancelled(err);
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return SYNCLINE_CANCELLED;
	}
	if (written > 0)
		result = strchr(w->object->native, '*') != NULL ? publish(w->c, w->object, w->batch, &w->text, err)
		                                                : append(w->c, w->object, &w->text, err);
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

static uint32_t
finish(void *instance, const struct syncline_call *call, const struct syncline_object *their_object, struct syncline_error *err)
{
	struct instance *c = instance;
	struct syncline_object object;
	struct collect **at, *k;
	uint32_t result;

	(void)call;
	SYNCLINE_COPY(&object, their_object);
	for (at = &c->collects; (k = *at) != NULL && strcmp(k->name, object.native) != 0; at = &k->next)
		;
	/* A run that wrote nothing leaves the file as it is. */
	if (k == NULL)
		return SYNCLINE_OK;
	*at = k->next;
	result = syncline_publish_finish(k->publish, err);
	k->publish = NULL;
	collect_free(k);
	return result;
}

const struct syncline_sink_v1 sink_part = { .struct_size = sizeof sink_part, .write = write_batch, .finish = finish };
