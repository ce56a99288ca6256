/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * query.c: finding, counting and digesting documents.  All look at the folder itself, so that what was written a moment ago is
 * found; by-id only shortens the way to a document of ours, and what it says is checked against the sidecar.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "folder.h"

static void
id_name(const struct place *place, const char *external_id, char hex[SHA256_HEX])
{
	crypto_hash_sha256_state state;
	unsigned char hash[crypto_hash_sha256_BYTES];

	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, (const unsigned char *)place->native, strlen(place->native) + 1);
	crypto_hash_sha256_update(&state, (const unsigned char *)external_id, strlen(external_id));
	crypto_hash_sha256_final(&state, hash);
	sodium_bin2hex(hex, SHA256_HEX, hash, sizeof hash);
}

uint32_t
query_remember_id(const struct place *place, const char *external_id, const char *path, struct syncline_error *err)
{
	char name[SHA256_HEX];

	id_name(place, external_id, name);
	return syncline_publish_bytes(place->folder->by_id, name, 0, 0600, path, strlen(path), err);
}

uint32_t
query_by_id(const struct place *place, const char *external_id, struct document *ret_document, struct syncline_error *err)
{
	char name[SHA256_HEX], path[PATH_BYTES_MAX + 1];
	struct document d;
	const char *has;
	ssize_t n = -1;
	uint32_t result;
	int fd;

	id_name(place, external_id, name);
	fd = place->folder->by_id >= 0 ? openat(place->folder->by_id, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (fd >= 0) {
		n = read(fd, path, sizeof path - 1);
		close(fd);
	}
	if (n <= 0)
		return syncline_fail(err, SYNCLINE_NOT_FOUND, "No document has this external id.");
	path[n] = '\0';
	if (strlen(path) != (size_t)n || !syncline_path_is_safe(path))
		return syncline_fail(err, SYNCLINE_NOT_FOUND, "No document has this external id.");
	result = document_load(place, path, &d, err);
	if (result != SYNCLINE_OK)
		return result;
	has = document_text(&d, "external_id");
	if (has == NULL || strcmp(has, external_id) != 0) {
		document_free(&d);
		return syncline_fail(err, SYNCLINE_NOT_FOUND, "No document has this external id.");
	}
	*ret_document = d;
	return SYNCLINE_OK;
}

/* Calls `each` for every document that can be read; what it returns but OK ends the walk. */
static uint32_t
for_each(const struct place *place, const struct syncline_call *call, uint32_t (*each)(void *data, struct document *d, struct syncline_error *err),
         void *data, struct syncline_error *err)
{
	struct walk *walk;
	const char *path;
	uint32_t result = walk_open(place, NULL, &walk, err);

	if (result != SYNCLINE_OK)
		return result;
	while ((result = walk_next(walk, &path, err)) == SYNCLINE_OK && path != NULL) {
		struct document d;

		if (syncline_cancelled(call)) {
			result = syncline_fail_cancelled(err);
			break;
		}
		if (!syncline_is_utf8(path, strlen(path)))
			continue;
		result = document_load(place, path, &d, err);
		if (result == SYNCLINE_NOT_FOUND || result == SYNCLINE_INVALID)
			continue;
		if (result != SYNCLINE_OK)
			break;
		result = each(data, &d, err);
		document_free(&d);
		if (result != SYNCLINE_OK)
			break;
	}
	walk_close(walk);
	return result;
}

struct search {
	const struct place *place;
	const struct syncline_criterion *criteria;
	uint32_t count, limit, hits;
	struct document *found;
};

#define ENOUGH UINT32_MAX

static int
same(const struct syncline_value *a, const struct syncline_value *b)
{
	if (a->type != b->type)
		return 0;
	switch (a->type) {
	case SYNCLINE_TYPE_ABSENT:
	case SYNCLINE_TYPE_NULL:
		return 1;
	case SYNCLINE_TYPE_BOOLEAN:
	case SYNCLINE_TYPE_INTEGER:
	case SYNCLINE_TYPE_DATE:
	case SYNCLINE_TYPE_TIMESTAMP:
		return a->u.integer == b->u.integer;
	default:
		return a->length == b->length && (a->length == 0 || memcmp(a->u.data, b->u.data, a->length) == 0);
	}
}

/* -1: no memory. */
static int
matches(const struct search *s, const struct document *d)
{
	for (uint32_t i = 0; i < s->count; i++) {
		struct syncline_value v;

		if (document_value(s->place, d, s->criteria[i].field, &v) != 0)
			return -1;
		if (!same(&v, &s->criteria[i].value))
			return 0;
	}
	return 1;
}

static uint32_t
take(void *data, struct document *d, struct syncline_error *err)
{
	struct search *s = data;
	struct document *more;
	int hit = matches(s, d);

	if (hit <= 0)
		return hit == 0 ? SYNCLINE_OK : syncline_fail_memory(err);
	more = realloc(s->found, (s->hits + 1) * sizeof *more);
	if (more == NULL)
		return syncline_fail_memory(err);
	s->found = more;
	s->found[s->hits++] = *d;
	memset(d, 0, sizeof *d);
	return s->hits == s->limit ? ENOUGH : SYNCLINE_OK;
}

/* The one criterion that names a document directly; NULL when there is none. */
static const struct syncline_value *
direct(const struct search *s, const char *field)
{
	for (uint32_t i = 0; i < s->count; i++)
		if (strcmp(s->criteria[i].field, field) == 0 && s->criteria[i].value.type == SYNCLINE_TYPE_TEXT)
			return &s->criteria[i].value;
	return NULL;
}

static uint32_t
find_path(struct search *s, const struct syncline_value *path, struct syncline_error *err)
{
	char text[PATH_BYTES_MAX + 1];
	struct document d;
	uint32_t result;

	if (path->length > PATH_BYTES_MAX)
		return SYNCLINE_OK;
	memcpy(text, path->u.data, path->length);
	text[path->length] = '\0';
	if (!syncline_path_is_safe(text))
		return SYNCLINE_OK;
	result = document_load(s->place, text, &d, err);
	if (result == SYNCLINE_NOT_FOUND)
		return SYNCLINE_OK;
	if (result != SYNCLINE_OK)
		return result;
	result = take(s, &d, err);
	document_free(&d);
	return result;
}

static uint32_t
find(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_criterion *criteria,
     uint32_t count, uint32_t limit, struct syncline_batch *batch, struct syncline_error *err)
{
	struct place place;
	struct search s = { &place, criteria, count, limit, 0, NULL };
	const struct syncline_value *path;
	uint32_t result = place_open(instance, object, 0, &place, err);

	if (result != SYNCLINE_OK)
		return result;
	path = direct(&s, place.path_field);
	if (limit == 0)
		result = SYNCLINE_OK;
	else if (path != NULL)
		result = find_path(&s, path, err);
	else
		result = for_each(&place, call, take, &s, err);
	if (result == ENOUGH)
		result = SYNCLINE_OK;
	if (result == SYNCLINE_OK)
		result = source_fill(&place, s.found, s.hits, batch, err);
	for (uint32_t i = 0; i < s.hits; i++)
		document_free(&s.found[i]);
	free(s.found);
	place_close(&place);
	return result;
}

static uint32_t
count_one(void *data, struct document *d, struct syncline_error *err)
{
	(void)d;
	(void)err;
	++*(uint64_t *)data;
	return SYNCLINE_OK;
}

static uint32_t
count(void *instance, const struct syncline_call *call, const struct syncline_object *object, uint64_t *ret_count, struct syncline_error *err)
{
	struct place place;
	uint64_t n = 0;
	uint32_t result = place_open(instance, object, 0, &place, err);

	if (result != SYNCLINE_OK)
		return result;
	result = for_each(&place, call, count_one, &n, err);
	place_close(&place);
	if (result == SYNCLINE_OK)
		*ret_count = n;
	return result;
}

struct digest_work {
	const struct place *place;
	const char *const *fields;
	uint32_t field_count, bucket_count;
	const uint8_t *key;
	struct syncline_digest_bucket *buckets;
	struct syncline_value *values;
};

static uint32_t
digest_one(void *data, struct document *d, struct syncline_error *err)
{
	struct digest_work *w = data;
	const struct syncline_batch_service_v1 *b = w->place->folder->batch;
	struct syncline_value id = syncline_string(d->path);
	struct syncline_digest_bucket *bucket;
	uint64_t of_id[2], of_all[2];

	for (uint32_t i = 0; i < w->field_count; i++)
		if (document_value(w->place, d, w->fields[i], &w->values[i]) != 0)
			return syncline_fail_memory(err);
	if (b->digest(&id, NULL, 0, w->key, of_id) != SYNCLINE_OK || b->digest(&id, w->values, w->field_count, w->key, of_all) != SYNCLINE_OK)
		return syncline_fail(err, SYNCLINE_INTERNAL, "The document \"%s\" can't be digested.", d->path);
	bucket = &w->buckets[of_id[0] % w->bucket_count];
	bucket->count++;
	bucket->sum[0] += of_all[0];
	bucket->sum[1] += of_all[1];
	return SYNCLINE_OK;
}

static uint32_t
digest(void *instance, const struct syncline_call *call, const struct syncline_object *object, const char *const *fields, uint32_t field_count,
       const uint8_t key[16], struct syncline_digest_bucket *ret_buckets, uint32_t bucket_count, struct syncline_error *err)
{
	struct place place;
	struct digest_work w = { &place, fields, field_count, bucket_count, key, NULL, NULL };
	uint32_t result;

	if (bucket_count == 0)
		return syncline_fail(err, SYNCLINE_INVALID, "A digest needs at least one bucket.");
	w.buckets = calloc(bucket_count, sizeof *w.buckets);
	w.values = calloc(field_count + 1, sizeof *w.values);
	result = w.buckets == NULL || w.values == NULL ? syncline_fail_memory(err) : place_open(instance, object, 0, &place, err);
	if (result == SYNCLINE_OK) {
		result = for_each(&place, call, digest_one, &w, err);
		place_close(&place);
	}
	if (result == SYNCLINE_OK)
		memcpy(ret_buckets, w.buckets, bucket_count * sizeof *w.buckets);
	free(w.buckets);
	free(w.values);
	return result;
}

const struct syncline_find_v1 folder_find = { sizeof folder_find, 0, find };
const struct syncline_count_v1 folder_count = { sizeof folder_count, 0, count };
const struct syncline_digest_v1 folder_digest = { sizeof folder_digest, 0, digest };
