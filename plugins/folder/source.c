/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.c: reading documents, page by page in path order.
 *
 * A position is "1 MODE SINCE UPPER HEX": F (a full read) or D (what changed since SINCE), the bound that was taken before the
 * read began, and the last path in hex ("-": none, the read is to begin).  After a read's end SINCE is its bound and MODE is D.
 * File systems keep times coarsely and a little late, so that a bound is set back by FOLDER_SLACK_US.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "folder.h"

#define PAGE_DOCUMENTS 250u
#define PAGE_BYTES (256u * 1024u)

struct reader {
	struct place place;
	struct walk *walk;
	const struct syncline_call *call;
	int full;           /* all documents; else those that changed since */
	int from_start;
	int failed;
	int64_t since_us, upper_us;
	uint32_t left;      /* of a sample; UINT32_MAX: no limit */
	char last[PATH_BYTES_MAX + 1];
	char position[2 * PATH_BYTES_MAX + 80];
	struct syncline_completeness completeness;
	struct document documents[PAGE_DOCUMENTS];
	uint32_t count;
};

static void
say_position(struct reader *r, int end)
{
	int n;

	if (end) {
		snprintf(r->position, sizeof r->position, "1 D %" PRId64 " 0 -", r->upper_us);
		return;
	}
	n = snprintf(r->position, sizeof r->position, "1 %c %" PRId64 " %" PRId64 " ", r->full ? 'F' : 'D', r->since_us, r->upper_us);
	if (r->last[0] == '\0')
		strcpy(r->position + n, "-");
	else
		sodium_bin2hex(r->position + n, sizeof r->position - (size_t)n, (const unsigned char *)r->last, strlen(r->last));
}

static uint32_t
bad_position(struct syncline_error *err)
{
	syncline_fail(err, SYNCLINE_INVALID, "The position is none that this connector gave.");
	syncline_hint(err, "Rewind the position of this object, so that everything is read again.");
	return SYNCLINE_INVALID;
}

static uint32_t
take_position(struct reader *r, const struct syncline_slice *position, int asked_full, struct syncline_error *err)
{
	char text[sizeof r->position], mode = 0;
	const char *hex_end;
	int at = 0;
	size_t n;

	if (position->length >= sizeof text || memchr(position->data, '\0', position->length) != NULL)
		return bad_position(err);
	memcpy(text, position->data, position->length);
	text[position->length] = '\0';
	if (sscanf(text, "1 %c %" SCNd64 " %" SCNd64 " %n", &mode, &r->since_us, &r->upper_us, &at) != 3 || at == 0 ||
	    (mode != 'F' && mode != 'D') || r->since_us < 0 || r->upper_us < 0)
		return bad_position(err);
	if (strcmp(text + at, "-") != 0) {
		if (sodium_hex2bin((unsigned char *)r->last, sizeof r->last - 1, text + at, strlen(text + at), NULL, &n, &hex_end) != 0 ||
		    *hex_end != '\0' || n == 0)
			return bad_position(err);
		r->last[n] = '\0';
		if (strlen(r->last) != n || !syncline_path_is_safe(r->last))
			return bad_position(err);
		r->full = mode == 'F';
		r->from_start = 0;
		return SYNCLINE_OK;
	}
	/* A new read: of everything where the configuration says so. */
	r->full = mode == 'F' || asked_full;
	r->upper_us = 0;
	return SYNCLINE_OK;
}

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_read_request *request,
          void **ret_reader, struct syncline_error *err)
{
	struct syncline_object o;
	struct syncline_read_request q;
	struct reader *r = calloc(1, sizeof *r);
	uint32_t result = SYNCLINE_OK;

	(void)call;
	SYNCLINE_COPY(&o, object);
	SYNCLINE_COPY(&q, request);
	if (r == NULL)
		return syncline_fail_memory(err);
	r->full = 1;
	r->from_start = 1;
	r->left = q.record_limit != 0 ? q.record_limit : UINT32_MAX;
	if (!q.full && q.position.length > 0)
		result = take_position(r, &q.position, o.reads == SYNCLINE_READS_FULL, err);
	if (result == SYNCLINE_OK)
		result = place_open(instance, object, 0, &r->place, err);
	if (result != SYNCLINE_OK) {
		free(r);
		return result;
	}
	if (r->upper_us == 0)
		r->upper_us = folder_now_us(instance) - FOLDER_SLACK_US;
	r->since_us -= !r->full && r->from_start && o.overlap_us > 0 ? o.overlap_us : 0;
	if (r->since_us < 0)
		r->since_us = 0;
	result = walk_open(&r->place, r->last, &r->walk, err);
	if (result != SYNCLINE_OK) {
		place_close(&r->place);
		free(r);
		return result;
	}
	*ret_reader = r;
	return SYNCLINE_OK;
}

static int64_t
latest(const struct stat *st)
{
	int64_t m = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000;
	int64_t c = (int64_t)st->st_ctim.tv_sec * 1000000 + st->st_ctim.tv_nsec / 1000;

	return m > c ? m : c;
}

uint32_t
source_add_reject(const struct place *place, const char *path, const char *why, struct syncline_batch *batch, struct syncline_error *err)
{
	struct syncline_record record = syncline_record(SYNCLINE_OP_REJECT);

	if (syncline_is_utf8(path, strlen(path)))
		record.native_id = syncline_string(path);
	record.note = syncline_string(why);
	return place->folder->batch->add(batch, &record, err);
}

/* Every name in "fields" of any of them, sorted and once. */
static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t
sort_names(const char **names, size_t count)
{
	size_t unique = 0;

	if (count > 0)
		qsort(names, count, sizeof *names, compare_names);
	for (size_t i = 0; i < count; i++)
		if (unique == 0 || strcmp(names[unique - 1], names[i]) != 0)
			names[unique++] = names[i];
	return unique;
}

static size_t
collect_names(const struct document *documents, uint32_t count, const char **names, size_t room)
{
	size_t n = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct json_object *fields;

		if (documents[i].sidecar == NULL || !json_object_object_get_ex(documents[i].sidecar, "fields", &fields) ||
		    !json_object_is_type(fields, json_type_object))
			continue;
		json_object_object_foreach(fields, key, value) {
			(void)value;
			if (n < room && key[0] != '\0' && strlen(key) <= SYNCLINE_NAME_MAX)
				names[n++] = key;
		}
		if (n > room / 2)
			n = sort_names(names, n);
	}
	return sort_names(names, n);
}

#define FIXED_FIELDS 9u
#define NAMES_ROOM 3000u

static uint32_t
set_fields(const struct place *p, const char **names, size_t count, struct syncline_batch *batch, struct syncline_field *fields,
           uint32_t *ret_count, struct syncline_error *err)
{
	uint32_t n = 0;

	fields[n++] = syncline_field(p->path_field, SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_KEY | SYNCLINE_FIELD_UNIQUE);
	fields[n++] = syncline_field(p->content_field, SYNCLINE_TYPE_CONTENT, 0);
	fields[n++] = syncline_field(p->external_field, SYNCLINE_TYPE_TEXT, 0);
	fields[n++] = syncline_field(p->retention_field, SYNCLINE_TYPE_DATE, 0);
	fields[n++] = syncline_field("file_name", SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_READ_ONLY);
	fields[n++] = syncline_field("file_size", SYNCLINE_TYPE_INTEGER, SYNCLINE_FIELD_READ_ONLY);
	fields[n++] = syncline_field("modified", SYNCLINE_TYPE_TIMESTAMP, SYNCLINE_FIELD_READ_ONLY);
	fields[n++] = syncline_field("sha256", SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_READ_ONLY);
	fields[n++] = syncline_field("media_type", SYNCLINE_TYPE_TEXT, SYNCLINE_FIELD_READ_ONLY);
	for (size_t i = 0; i < count; i++) {
		int known = 0;

		for (uint32_t k = 0; k < FIXED_FIELDS; k++)
			known |= strcmp(fields[k].name, names[i]) == 0;
		if (!known)
			fields[n++] = syncline_field(names[i], SYNCLINE_TYPE_ABSENT, 0);
	}
	*ret_count = n;
	return p->folder->batch->set_fields(batch, fields, n, err);
}

uint32_t
source_fill(const struct place *place, struct document *documents, uint32_t count, struct syncline_batch *batch, struct syncline_error *err)
{
	const char **names = calloc(NAMES_ROOM, sizeof *names);
	struct syncline_value *values = calloc(FIXED_FIELDS + NAMES_ROOM, sizeof *values);
	struct syncline_field *fields = calloc(FIXED_FIELDS + NAMES_ROOM, sizeof *fields);
	const struct syncline_batch_service_v1 *b = place->folder->batch;
	uint32_t result = SYNCLINE_RETRY, field_count = 0;

	if (names == NULL || values == NULL || fields == NULL) {
		syncline_fail_memory(err);
		goto done;
	}
	result = set_fields(place, names, collect_names(documents, count, names, NAMES_ROOM), batch, fields, &field_count, err);
	for (uint32_t i = 0; i < count && result == SYNCLINE_OK; i++) {
		struct syncline_record record = syncline_record(SYNCLINE_OP_SEEN);

		for (uint32_t k = 0; k < field_count; k++)
			if (document_value(place, &documents[i], fields[k].name, &values[k]) != 0)
				result = syncline_fail_memory(err);
		if (result != SYNCLINE_OK)
			break;
		record.native_id = syncline_string(documents[i].path);
		record.version = syncline_string(documents[i].version);
		record.value_count = field_count;
		record.values = values;
		result = b->add(batch, &record, err);
		if (result == SYNCLINE_INVALID)
			result = source_add_reject(place, documents[i].path, "The metadata of this document are too large or not valid; mend its sidecar.", batch, err);
	}
done:
	free(names);
	free(values);
	free(fields);
	return result;
}

static void
forget_page(struct reader *r)
{
	for (uint32_t i = 0; i < r->count; i++)
		document_free(&r->documents[i]);
	r->count = 0;
}

struct reject {
	char *path;
	char why[600];
};

/* Loads the next page; documents that can't be read become rejects of it. */
static uint32_t
load_page(struct reader *r, const struct syncline_call *call, struct reject *reject, int *ret_end, struct syncline_error *err)
{
	size_t bytes = 0;

	while (r->count < PAGE_DOCUMENTS && r->left > 0 && bytes < PAGE_BYTES && reject->path == NULL) {
		struct syncline_error why = { .struct_size = sizeof why };
		struct document *d = &r->documents[r->count];
		const char *path;
		uint32_t result = walk_next(r->walk, &path, err);

		if (result != SYNCLINE_OK)
			return result;
		if (path == NULL) {
			*ret_end = 1;
			return SYNCLINE_OK;
		}
		if (syncline_cancelled(call))
			return syncline_fail_cancelled(err);
		result = syncline_is_utf8(path, strlen(path)) ? document_load(&r->place, path, d, &why)
		                                              : syncline_fail(&why, SYNCLINE_INVALID, "The name \"%s\" is not UTF-8; rename the document.", path);
		if (result == SYNCLINE_INVALID) {
			snprintf(reject->why, sizeof reject->why, "%s %s", why.message, why.hint);
			reject->path = strdup(path);
			if (reject->path == NULL)
				return syncline_fail_memory(err);
		} else if (result == SYNCLINE_OK) {
			int64_t mark = latest(&d->st), of_sidecar = d->sidecar != NULL ? latest(&d->sidecar_st) : 0;

			if (!r->full && (mark > of_sidecar ? mark : of_sidecar) < r->since_us) {
				document_free(d);
			} else {
				bytes += 1024 + (d->sidecar != NULL ? (size_t)d->sidecar_st.st_size : 0);
				r->count++;
				r->left--;
			}
		} else if (result != SYNCLINE_NOT_FOUND) {
			syncline_fail(err, result, "%s", why.message);
			syncline_detail(err, "%s", why.detail);
			syncline_hint(err, "%s", why.hint);
			return result;
		}
		snprintf(r->last, sizeof r->last, "%s", path);
	}
	*ret_end = r->left == 0;
	return SYNCLINE_OK;
}

static uint32_t
next(void *reader, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *ret_state, struct syncline_error *err)
{
	struct reader *r = reader;
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct reject reject = { NULL, "" };
	int end = 0, sample;
	uint32_t result;

	/* The walk is past what a failed call could not give. */
	if (r->failed) {
		result = syncline_fail(err, SYNCLINE_RETRY, "The read of \"%s\" failed before.", r->place.native);
		syncline_hint(err, "It is begun again at the last position.");
		return result;
	}
	forget_page(r);
	result = load_page(r, call, &reject, &end, err);
	if (result == SYNCLINE_OK)
		result = source_fill(&r->place, r->documents, r->count, batch, err);
	if (result == SYNCLINE_OK && reject.path != NULL)
		result = source_add_reject(&r->place, reject.path, reject.why, batch, err);
	free(reject.path);
	r->failed = result != SYNCLINE_OK;
	if (result != SYNCLINE_OK)
		return result;
	sample = r->left == 0;
	say_position(r, end && !sample);
	state.end = (uint32_t)end;
	state.position = syncline_slice(r->position, strlen(r->position));
	if (end && !sample && r->full && r->from_start) {
		r->completeness.complete = 1;
		state.completeness = &r->completeness;
		state.completeness_count = 1;
	}
	SYNCLINE_GIVE(ret_state, &state);
	return SYNCLINE_OK;
}

static void
close_read(void *reader)
{
	struct reader *r = reader;

	forget_page(r);
	walk_close(r->walk);
	place_close(&r->place);
	free(r);
}

static uint32_t
get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *native_ids, uint32_t count,
    struct syncline_batch *batch, struct syncline_error *err)
{
	struct document *documents = calloc(count > 0 ? count : 1, sizeof *documents);
	unsigned char *gone = calloc(count > 0 ? count : 1, 1);
	struct place place;
	uint32_t result, found = 0;

	result = documents == NULL || gone == NULL ? syncline_fail_memory(err) : place_open(instance, object, 0, &place, err);
	if (result != SYNCLINE_OK) {
		free(documents);
		free(gone);
		return result;
	}
	for (uint32_t i = 0; i < count && result == SYNCLINE_OK; i++) {
		char path[PATH_BYTES_MAX + 1];

		if (syncline_cancelled(call)) {
			result = syncline_fail_cancelled(err);
			break;
		}
		gone[i] = native_ids[i].length > PATH_BYTES_MAX || memchr(native_ids[i].data, '\0', native_ids[i].length) != NULL;
		if (gone[i])
			continue;
		memcpy(path, native_ids[i].data, native_ids[i].length);
		path[native_ids[i].length] = '\0';
		gone[i] = !syncline_path_is_safe(path);
		if (gone[i])
			continue;
		result = document_load(&place, path, &documents[found], err);
		if (result == SYNCLINE_OK)
			found++;
		gone[i] = result == SYNCLINE_NOT_FOUND;
		if (gone[i])
			result = SYNCLINE_OK;
	}
	if (result == SYNCLINE_OK)
		result = source_fill(&place, documents, found, batch, err);
	for (uint32_t i = 0; i < count && result == SYNCLINE_OK; i++) {
		struct syncline_record record = syncline_record(SYNCLINE_OP_DELETED);

		if (!gone[i])
			continue;
		record.native_id = syncline_text(native_ids[i].data, native_ids[i].length);
		result = place.folder->batch->add(batch, &record, err);
	}
	for (uint32_t i = 0; i < found; i++)
		document_free(&documents[i]);
	free(documents);
	free(gone);
	place_close(&place);
	return result;
}

const struct syncline_source_v1 folder_source = { sizeof folder_source, 0, open_read, next, close_read, NULL, get };
