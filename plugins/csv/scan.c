/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scan.c: get, find, count and digest, all emulated: the files that hold the object now are read through.
 *
 * Of a full object these are the files that a full read takes; of a delta object all that lie in the folder and the archive, the newest first,
 * where the newest record of an id counts and older ones don't.  Inside a file the last record of an id counts.
 */
#include <stdlib.h>

#include "csv.h"

/* What scan() calls.  newest: the id was not seen in a newer file. */
struct scan {
	const struct csv_object *object;
	struct csv_files_found found;
	struct csv_set seen; /* ids of newer files; delta objects and count alone */
	bool remember;
	bool again;          /* the record's id stood in this file before; with `remember` */
	uint32_t (*file)(struct scan *scan, struct csv_table *table, struct syncline_error *err); /* may be NULL */
	uint32_t (*record)(struct scan *scan, struct csv_table *table, const struct syncline_record *record, struct syncline_error *err);
	void *data;
	bool enough; /* set by a callback: no further file is needed */
};

static uint64_t
id_hash(const struct syncline_value *id)
{
	return syncline_hash(11, id->u.data, id->length);
}

static uint32_t
scan_file(struct scan *s, const struct syncline_call *call, const struct csv_file *file, struct csv_set *ids, struct syncline_error *err)
{
	const struct syncline_record *record;
	struct csv_table *table;
	uint32_t result = csv_table_open(s->object, call, csv_file_folder(&s->found, file), file->name, &table, err);

	if (result != SYNCLINE_OK)
		return result;
	if (s->file != NULL)
		result = s->file(s, table, err);
	while (result == SYNCLINE_OK && (result = csv_table_next(table, call, &record, err)) == SYNCLINE_OK && record != NULL) {
		if (record->op != SYNCLINE_OP_SEEN || record->native_id.type != SYNCLINE_TYPE_TEXT)
			continue;
		if (s->remember && csv_set_has(&s->seen, id_hash(&record->native_id)))
			continue;
		int added = s->remember ? csv_set_add(ids, id_hash(&record->native_id)) : 1;

		s->again = added == 0;
		if (added < 0) {
			result = syncline_fail(err, SYNCLINE_CONFIG, "The object %s has more ids than key_memory holds.", s->object->alias);
			syncline_hint(err, "Raise key_memory.");
			break;
		}
		result = s->record(s, table, record, err);
	}
	if (result == SYNCLINE_OK)
		result = csv_stream_unchanged(csv_table_stream(table), err);
	csv_table_close(table);
	return result;
}

static uint32_t
scan(struct scan *s, void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_error *err)
{
	struct csv_object *o;
	uint32_t result = csv_object_new(instance, object, &o, err);

	if (result != SYNCLINE_OK)
		return result;
	s->object = o;
	s->found.folder = s->found.archive = -1;
	s->remember &= !(o->full && o->files == CSV_FILES_NEWEST); /* one file: nothing is older */
	s->seen.max = o->key_memory / sizeof(uint64_t);
	result = csv_files_find(o, call, true, o->full ? CSV_LOOK_FOLDER : CSV_LOOK_ARCHIVE, &s->found, err);
	if (result == SYNCLINE_OK && s->found.count == 0 && o->full) {
		result = syncline_fail(err, SYNCLINE_NOT_FOUND, "No complete file in %s matches %s.", o->directory, o->native);
		syncline_hint(err, "Check the export and the pattern (native).");
	}
	for (size_t i = s->found.count; result == SYNCLINE_OK && i > 0 && !s->enough; i--) {
		struct csv_set ids = { .max = s->seen.max };

		result = scan_file(s, call, &s->found.items[i - 1], &ids, err);
		for (size_t k = 0; result == SYNCLINE_OK && k < ids.room; k++)
			if (ids.slots[k] != 0 && csv_set_add(&s->seen, ids.slots[k]) < 0)
				result = syncline_fail(err, SYNCLINE_CONFIG, "The object %s has more ids than key_memory holds; raise it.", o->alias);
		csv_set_free(&ids);
		if (o->full && o->files == CSV_FILES_NEWEST)
			break;
	}
	csv_files_free(&s->found);
	csv_set_free(&s->seen);
	s->object = NULL;
	csv_object_free(o);
	return result;
}

/* A record that outlives its row.  Names are kept too, since files may have different columns. */
struct hit {
	struct csv_pool pool;
	bool set;
	uint32_t index; /* which of the wanted ids */
	struct syncline_record record;
	struct syncline_value *values;
	struct syncline_field *fields;
};

static void
forget(struct hit *h)
{
	csv_pool_free(&h->pool);
	memset(h, 0, sizeof *h);
}

static bool
copy_value(struct csv_pool *pool, const struct syncline_value *from, struct syncline_value *to)
{
	*to = *from;
	switch (from->type) {
	case SYNCLINE_TYPE_DECIMAL:
	case SYNCLINE_TYPE_TEXT:
	case SYNCLINE_TYPE_JSON:
	case SYNCLINE_TYPE_CONTENT:
		to->u.data = csv_pool_copy(pool, from->u.data, from->length);
		return to->u.data != NULL;
	default:
		return true;
	}
}

static uint32_t
remember(struct hit *h, const struct csv_table *table, const struct syncline_record *record, struct syncline_error *err)
{
	uint32_t count;
	const struct syncline_field *fields = csv_table_fields(table, &count);
	bool ok;

	forget(h);
	h->record = *record;
	h->values = csv_pool_alloc(&h->pool, sizeof *h->values * (count + 1u));
	h->fields = csv_pool_alloc(&h->pool, sizeof *h->fields * (count + 1u));
	ok = h->values != NULL && h->fields != NULL && copy_value(&h->pool, &record->native_id, &h->record.native_id) &&
	     copy_value(&h->pool, &record->tenant, &h->record.tenant) && copy_value(&h->pool, &record->version, &h->record.version);
	for (uint32_t i = 0; ok && i < record->value_count; i++) {
		h->fields[i] = fields[i];
		ok = copy_value(&h->pool, &record->values[i], &h->values[i]) &&
		     (h->fields[i].name = csv_pool_copy(&h->pool, fields[i].name, strlen(fields[i].name))) != NULL;
	}
	h->record.values = h->values;
	h->set = ok;
	return ok ? SYNCLINE_OK : syncline_fail_memory(err);
}

struct wanted {
	const struct syncline_batch_service_v1 *service;
	const struct syncline_slice *ids;
	struct hit *hits;
	uint32_t count, found, limit;
	const struct syncline_criterion *criteria;
	uint32_t criterion_count;
};

/* The union of the hits' columns, and each hit in that order. */
static uint32_t
deliver(const struct wanted *w, struct syncline_batch *batch, struct syncline_error *err)
{
	struct syncline_field *fields = calloc(SYNCLINE_FIELDS_MAX, sizeof *fields);
	struct syncline_value *values = calloc(SYNCLINE_FIELDS_MAX, sizeof *values);
	uint32_t count = 0, result = SYNCLINE_OK, k;

	if (fields == NULL || values == NULL)
		result = syncline_fail_memory(err);
	for (uint32_t h = 0; result == SYNCLINE_OK && h < w->count; h++)
		for (uint32_t i = 0; w->hits[h].set && i < w->hits[h].record.value_count; i++) {
			for (k = 0; k < count && strcmp(fields[k].name, w->hits[h].fields[i].name) != 0; k++)
				;
			if (k == count && count < SYNCLINE_FIELDS_MAX)
				fields[count++] = w->hits[h].fields[i];
		}
	if (result == SYNCLINE_OK)
		result = w->service->set_fields(batch, fields, count, err);
	for (uint32_t h = 0; result == SYNCLINE_OK && h < w->count; h++) {
		struct hit *hit = &w->hits[h];
		struct syncline_record record = hit->record;

		if (!hit->set) {
			if (w->ids == NULL)
				continue;
			record = syncline_record(SYNCLINE_OP_DELETED);
			record.native_id = syncline_text(w->ids[h].data, w->ids[h].length);
		}
		for (k = 0; k < count; k++)
			values[k] = syncline_absent();
		for (uint32_t i = 0; i < record.value_count; i++)
			for (k = 0; k < count; k++)
				if (strcmp(fields[k].name, hit->fields[i].name) == 0)
					values[k] = hit->values[i];
		record.values = values;
		record.value_count = hit->set ? count : 0;
		result = w->service->add(batch, &record, err);
	}
	free(fields);
	free(values);
	return result;
}

static uint32_t
get_record(struct scan *s, struct csv_table *table, const struct syncline_record *record, struct syncline_error *err)
{
	struct wanted *w = s->data;

	for (uint32_t i = 0; i < w->count; i++) {
		struct hit *h = &w->hits[i];

		if (w->ids[i].length != record->native_id.length || memcmp(w->ids[i].data, record->native_id.u.data, w->ids[i].length) != 0)
			continue;
		w->found += !h->set;
		s->enough = w->found == w->count;
		return remember(h, table, record, err);
	}
	return SYNCLINE_OK;
}

uint32_t
csv_source_get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *native_ids,
               uint32_t count, struct syncline_batch *batch, struct syncline_error *err)
{
	const struct csv_instance *in = instance;
	struct wanted w = { .service = in->batch, .ids = native_ids, .count = count };
	/* remember: what a newer file said of an id is not overwritten by an older one. */
	struct scan s = { .record = get_record, .data = &w, .remember = true };
	uint32_t result;

	if ((w.hits = calloc(count + 1u, sizeof *w.hits)) == NULL)
		return syncline_fail_memory(err);
	result = scan(&s, instance, call, object, err);
	if (result == SYNCLINE_OK)
		result = deliver(&w, batch, err);
	for (uint32_t i = 0; i < count; i++)
		forget(&w.hits[i]);
	free(w.hits);
	return result;
}

/* Equal as values: 1.10 and 1.1 are not, since a value keeps its digits. */
static bool
equals(const struct syncline_value *a, const struct syncline_value *b)
{
	bool text_a = a->type == SYNCLINE_TYPE_TEXT || a->type == SYNCLINE_TYPE_DECIMAL || a->type == SYNCLINE_TYPE_CONTENT;
	bool text_b = b->type == SYNCLINE_TYPE_TEXT || b->type == SYNCLINE_TYPE_DECIMAL || b->type == SYNCLINE_TYPE_CONTENT;

	if (text_a && text_b)
		return a->length == b->length && memcmp(a->u.data, b->u.data, a->length) == 0;
	if (a->type != b->type)
		return false;
	return a->type == SYNCLINE_TYPE_NULL || a->type == SYNCLINE_TYPE_ABSENT || a->u.integer == b->u.integer;
}

static bool
matches(const struct wanted *w, const struct csv_table *table, const struct syncline_record *record)
{
	uint32_t count, k;
	const struct syncline_field *fields = csv_table_fields(table, &count);

	for (uint32_t i = 0; i < w->criterion_count; i++) {
		for (k = 0; k < record->value_count && strcmp(fields[k].name, w->criteria[i].field) != 0; k++)
			;
		if (k == record->value_count || !equals(&record->values[k], &w->criteria[i].value))
			return false;
	}
	return true;
}

static uint32_t
find_record(struct scan *s, struct csv_table *table, const struct syncline_record *record, struct syncline_error *err)
{
	struct wanted *w = s->data;
	uint32_t slot = w->count;

	/* A later row of the same id takes the place of the earlier one, whether it matches or not. */
	for (uint32_t i = 0; i < w->count; i++)
		if (w->hits[i].set && equals(&w->hits[i].record.native_id, &record->native_id)) {
			forget(&w->hits[i]);
			slot = i;
		} else if (!w->hits[i].set && slot == w->count) {
			slot = i;
		}
	if (!matches(w, table, record) || (slot == w->count && w->count == w->limit))
		return SYNCLINE_OK;
	w->count += slot == w->count;
	return remember(&w->hits[slot], table, record, err);
}

static uint32_t
find(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_criterion *criteria,
     uint32_t count, uint32_t limit, struct syncline_batch *batch, struct syncline_error *err)
{
	const struct csv_instance *in = instance;
	struct wanted w = { .service = in->batch, .criteria = criteria, .criterion_count = count, .limit = limit < 10000 ? limit : 10000 };
	struct scan s = { .record = find_record, .data = &w, .remember = true };
	uint32_t result;

	if ((w.hits = calloc(w.limit + 1u, sizeof *w.hits)) == NULL)
		return syncline_fail_memory(err);
	result = scan(&s, instance, call, object, err);
	if (result == SYNCLINE_OK)
		result = deliver(&w, batch, err);
	for (uint32_t i = 0; i < w.count; i++)
		forget(&w.hits[i]);
	free(w.hits);
	return result;
}

static uint32_t
count_record(struct scan *s, struct csv_table *table, const struct syncline_record *record, struct syncline_error *err)
{
	(void)table;
	(void)record;
	(void)err;
	*(uint64_t *)s->data += !s->again;
	return SYNCLINE_OK;
}

static uint32_t
count_all(void *instance, const struct syncline_call *call, const struct syncline_object *object, uint64_t *ret_count, struct syncline_error *err)
{
	uint64_t count = 0;
	struct scan s = { .record = count_record, .data = &count, .remember = object->reads == SYNCLINE_READS_DELTA };
	uint32_t result = scan(&s, instance, call, object, err);

	if (result == SYNCLINE_OK)
		*ret_count = count;
	return result;
}

struct sums {
	const struct syncline_batch_service_v1 *service;
	const char *const *names;
	uint32_t name_count;
	int64_t *columns;
	struct syncline_value *values;
	const uint8_t *key;
	struct syncline_digest_bucket *buckets;
	uint32_t bucket_count;
};

static uint32_t
digest_file(struct scan *s, struct csv_table *table, struct syncline_error *err)
{
	struct sums *d = s->data;
	uint32_t count, k;
	const struct syncline_field *fields = csv_table_fields(table, &count);

	for (uint32_t i = 0; i < d->name_count; i++) {
		for (k = 0; k < count && strcmp(fields[k].name, d->names[i]) != 0; k++)
			;
		if (k == count) {
			uint32_t result = syncline_fail(err, SYNCLINE_CONFIG, "The files of %s have no column %s.", s->object->alias, d->names[i]);

			syncline_hint(err, "Compare fields that the files have.");
			return result;
		}
		d->columns[i] = k;
	}
	return SYNCLINE_OK;
}

static uint32_t
digest_record(struct scan *s, struct csv_table *table, const struct syncline_record *record, struct syncline_error *err)
{
	struct sums *d = s->data;
	struct syncline_digest_bucket *bucket;
	uint64_t hash[2];
	uint32_t result;

	(void)table;
	if (s->again) {
		result = syncline_fail(err, SYNCLINE_INVALID, "An id stands twice in a file of %s; its digest can't be made.", s->object->alias);
		syncline_hint(err, "Correct the export, or compare by a full read.");
		return result;
	}
	if ((result = d->service->digest(&record->native_id, NULL, 0, d->key, hash)) != SYNCLINE_OK)
		return syncline_fail(err, result, "The digest of a record could not be made.");
	bucket = &d->buckets[hash[0] % d->bucket_count];
	for (uint32_t i = 0; i < d->name_count; i++)
		d->values[i] = record->values[d->columns[i]];
	if ((result = d->service->digest(&record->native_id, d->values, d->name_count, d->key, hash)) != SYNCLINE_OK)
		return syncline_fail(err, result, "The digest of a record could not be made.");
	bucket->count++;
	bucket->sum[0] += hash[0];
	bucket->sum[1] += hash[1];
	return SYNCLINE_OK;
}

static uint32_t
digest(void *instance, const struct syncline_call *call, const struct syncline_object *object, const char *const *fields, uint32_t field_count,
       const uint8_t key[16], struct syncline_digest_bucket *ret_buckets, uint32_t bucket_count, struct syncline_error *err)
{
	const struct csv_instance *in = instance;
	struct sums d = { .service = in->batch, .names = fields, .name_count = field_count, .key = key, .bucket_count = bucket_count };
	/* Ids of newer files are remembered for delta objects alone; a full set names each once. */
	struct scan s = { .file = digest_file, .record = digest_record, .data = &d, .remember = object->reads == SYNCLINE_READS_DELTA };
	uint32_t result;

	if (bucket_count == 0)
		return syncline_fail(err, SYNCLINE_INVALID, "A digest needs at least one bucket.");
	d.columns = calloc(field_count + 1u, sizeof *d.columns);
	d.values = calloc(field_count + 1u, sizeof *d.values);
	d.buckets = calloc(bucket_count, sizeof *d.buckets);
	if (d.columns == NULL || d.values == NULL || d.buckets == NULL)
		result = syncline_fail_memory(err);
	else if ((result = scan(&s, instance, call, object, err)) == SYNCLINE_OK)
		memcpy(ret_buckets, d.buckets, bucket_count * sizeof *d.buckets);
	free(d.columns);
	free(d.values);
	free(d.buckets);
	return result;
}

const struct syncline_find_v1 csv_find = { .struct_size = sizeof csv_find, .find = find };
const struct syncline_count_v1 csv_count = { .struct_size = sizeof csv_count, .count = count_all };
const struct syncline_digest_v1 csv_digest = { .struct_size = sizeof csv_digest, .digest = digest };
