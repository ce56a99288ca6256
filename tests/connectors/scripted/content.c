/* SPDX-License-Identifier: BSD-2-Clause */
/* content.c: documents: rows of bytes in the world; small ones, for tests. */
#include <stdio.h>
#include <stdlib.h>

#include "scripted.h"

#define DOCUMENT_MAX (16u * 1024u * 1024u)

struct stream {
	struct world *world;
	struct syncline_buffer bytes;
	size_t at;
	char name[256], media_type[128];
};

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *reference,
          void **ret_stream, struct syncline_content_info *ret_info, struct syncline_error *err)
{
	struct world *world = instance;
	sqlite3_stmt *statement = world_statement(world, "SELECT bytes, name FROM content WHERE reference = ?1", err);
	struct stream *stream = calloc(1, sizeof *stream);
	uint32_t klass = SYNCLINE_OK;

	(void)call, (void)object;
	if (statement == NULL || stream == NULL) {
		sqlite3_finalize(statement);
		free(stream);
		return statement == NULL ? SYNCLINE_RETRY : syncline_fail_memory(err);
	}
	stream->world = world;
	syncline_buffer_init(&stream->bytes, DOCUMENT_MAX);
	sqlite3_bind_text(statement, 1, reference->data, (int)reference->length, SQLITE_STATIC);
	if (sqlite3_step(statement) != SQLITE_ROW)
		klass = syncline_fail(err, SYNCLINE_NOT_FOUND, "There is no document of this reference.");
	else if (syncline_buffer_append(&stream->bytes, sqlite3_column_blob(statement, 0), (size_t)sqlite3_column_bytes(statement, 0)) != 0)
		klass = syncline_fail_memory(err);
	else
		snprintf(stream->name, sizeof stream->name, "%s", (const char *)sqlite3_column_text(statement, 1));
	sqlite3_finalize(statement);
	if (klass != SYNCLINE_OK) {
		syncline_buffer_free(&stream->bytes);
		free(stream);
		return klass;
	}
	ret_info->length = stream->bytes.length;
	ret_info->name = stream->name;
	*ret_stream = stream;
	return SYNCLINE_OK;
}

static uint32_t
read_some(void *data, const struct syncline_call *call, void *buffer, size_t capacity, size_t *ret_length, struct syncline_error *err)
{
	struct stream *stream = data;
	size_t left = stream->bytes.length - stream->at, length = left < capacity ? left : capacity;

	(void)call, (void)err;
	if (length > 0)
		memcpy(buffer, stream->bytes.data + stream->at, length);
	stream->at += length;
	*ret_length = length;
	return SYNCLINE_OK;
}

static void
close_stream(void *data)
{
	struct stream *stream = data;

	syncline_buffer_free(&stream->bytes);
	free(stream);
}

static uint32_t
open_write(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_content_info *info,
           void **ret_stream, struct syncline_error *err)
{
	struct stream *stream = calloc(1, sizeof *stream);
	struct syncline_content_info known;

	(void)call, (void)object;
	if (stream == NULL)
		return syncline_fail_memory(err);
	SYNCLINE_COPY(&known, info);
	stream->world = instance;
	syncline_buffer_init(&stream->bytes, DOCUMENT_MAX);
	snprintf(stream->name, sizeof stream->name, "%s", known.name != NULL ? known.name : "");
	snprintf(stream->media_type, sizeof stream->media_type, "%s", known.media_type != NULL ? known.media_type : "");
	*ret_stream = stream;
	return SYNCLINE_OK;
}

static uint32_t
write_some(void *data, const struct syncline_call *call, const void *bytes, size_t length, struct syncline_error *err)
{
	struct stream *stream = data;

	(void)call;
	return syncline_buffer_append(&stream->bytes, bytes, length) == 0 ? SYNCLINE_OK : syncline_fail(err, SYNCLINE_INVALID, "A test's document is smaller.");
}

/* Every stream is a row of its own, even when its bytes are known: the record says which one counts. */
static uint32_t
insert(struct stream *stream, const struct syncline_content_info *info, char *reference, size_t *ret_length, struct syncline_error *err)
{
	struct world *world = stream->world;
	sqlite3_stmt *statement = world_statement(world, "INSERT INTO content (reference, name, media_type, sha256, bytes)"
	                                                 " SELECT 'd' || (count(*) + 1), ?1, ?2, ?3, ?4 FROM content RETURNING reference", err);
	uint32_t klass = SYNCLINE_OK;

	if (statement == NULL)
		return SYNCLINE_RETRY;
	sqlite3_bind_text(statement, 1, stream->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 2, stream->media_type, -1, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 3, info->sha256, sizeof info->sha256, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 4, stream->bytes.length > 0 ? stream->bytes.data : "", (int)stream->bytes.length, SQLITE_STATIC);
	if (sqlite3_step(statement) == SQLITE_ROW) {
		*ret_length = (size_t)sqlite3_column_bytes(statement, 0);
		memcpy(reference, sqlite3_column_text(statement, 0), *ret_length);
	} else {
		klass = world_fail(world, err);
	}
	sqlite3_finalize(statement);
	return klass;
}

/* In a transaction, which it ends. */
static uint32_t
store(struct stream *stream, const struct syncline_call *call, const struct syncline_content_info *info, char *reference, size_t *ret_length,
      struct syncline_error *err)
{
	struct world *world = stream->world;
	int64_t turn;
	enum fault fault = world_fault(world, true, &turn);
	uint32_t klass;

	if (fault == FAULT_DIES)
		return world_die(world, err);
	if (fault != FAULT_FAILS && fault != FAULT_THROTTLES && (klass = insert(stream, info, reference, ret_length, err)) != SYNCLINE_OK) {
		world_rollback(world);
		return klass;
	}
	if (fault == FAULT_LOSES_ANSWER)
		return world_die(world, err);
	if (fault == FAULT_ANSWERS_LATE)
		return world_outlast(world, call, err);
	if ((klass = world_commit(world, err)) != SYNCLINE_OK)
		return klass;
	if (fault == FAULT_THROTTLES) {
		klass = syncline_fail(err, SYNCLINE_THROTTLED, "too many calls");
		syncline_retry_after(err, 50);
	} else if (fault == FAULT_FAILS || fault == FAULT_FAILS_APPLIED) {
		klass = syncline_fail(err, SYNCLINE_RETRY, "the connection broke");
	}
	return klass;
}

static uint32_t
finish_write(void *data, const struct syncline_call *call, const struct syncline_content_info *info, char *reference, size_t *ret_length,
             struct syncline_error *err)
{
	struct stream *stream = data;
	struct syncline_content_info known;
	uint32_t klass;

	SYNCLINE_COPY(&known, info);
	if (known.length != stream->bytes.length)
		klass = syncline_fail(err, SYNCLINE_INVALID, "The document has another length than was said.");
	else if ((klass = world_begin(stream->world, err)) == SYNCLINE_OK)
		klass = store(stream, call, &known, reference, ret_length, err);
	close_stream(stream);
	return klass;
}

const struct syncline_content_v1 scripted_content = { .struct_size = sizeof scripted_content, .open_read = open_read, .read = read_some,
	.close_read = close_stream, .open_write = open_write, .write = write_some, .finish_write = finish_write, .abort_write = close_stream };
