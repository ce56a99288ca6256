/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read.c: source/1.  A full read goes through all complete files in the order of their names; a delta read through those that
 * were not read before; one that begins anew those of the archive as well.  Files that were read may go to an archive once their records are durable with the agent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "jsonl.h"

struct reader {
	struct instance *c;
	struct files files;
	struct lines lines;
	struct position position;
	struct syncline_buffer bytes;
	struct syncline_completeness completeness;
	size_t next_file;
	int fd;
	int full, incomplete, ended, failed;
	uint32_t taken; /* lines of the loaded ones that were given */
	uint64_t left;
	uint64_t expected;
};

static void
close_read(void *reader)
{
	struct reader *r = reader;

	if (r == NULL)
		return;
	if (r->fd >= 0)
		close(r->fd);
	files_free(&r->files);
	lines_free(&r->lines);
	position_free(&r->position);
	syncline_buffer_free(&r->bytes);
	free(r);
}

/* Forgets files that are gone, so that the position stays small. */
static void
forget_gone(struct reader *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->position.done_count; i++)
		for (size_t k = 0; k < r->files.count; k++)
			if (r->files.items[k].identity == r->position.done[i]) {
				r->position.done[kept++] = r->position.done[i];
				break;
			}
	r->position.done_count = kept;
}

/* Young files are waited for, at most as long as one has to rest: who converts what was just written expects to see it. */
static uint32_t
find_rested(struct reader *r, const struct syncline_call *call, const struct syncline_object *object, int archive, struct syncline_error *err)
{
	const struct timespec slice = { 0, 20000000 };
	struct instance *c = r->c;
	int64_t until = c->clock->monotonic_ms(c->host) + files_rest_ms(c, object) + 50;

	for (;;) {
		uint32_t result = files_find(c, object, archive, &r->files, err);

		if (result != SYNCLINE_OK || r->files.unfinished == 0 || c->clock->monotonic_ms(c->host) >= until)
			return result;
		if (syncline_cancelled(call))
			return syncline_fail_cancelled(err);
		files_free(&r->files);
		nanosleep(&slice, NULL);
	}
}

/* An empty source is an error: nobody can tell it from a folder that isn't mounted. */
static uint32_t
nothing_there(const struct reader *r, const struct syncline_object *object, struct syncline_error *err)
{
	uint32_t result = syncline_fail(err, SYNCLINE_NOT_FOUND, "No complete file in %s matches %s.", r->files.directory, object->native);

	if (r->files.unfinished > 0)
		syncline_hint(err, "%zu that match are still being written; try again later, or see the setting complete.", r->files.unfinished);
	else
		syncline_hint(err, "Check the export, the pattern (native), and whether the folder is mounted.");
	return result;
}

static uint32_t
begin(struct reader *r, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_read_request *request,
      struct syncline_error *err)
{
	struct instance *c = r->c;
	uint32_t result = SYNCLINE_OK;

	r->full = request->full || request->position.length == 0 || object->reads == SYNCLINE_READS_FULL;
	if (!r->full)
		result = position_read(&request->position, &r->position, err);
	/* Everything means what was put away too.  A sample is of what comes now. */
	if (result == SYNCLINE_OK)
		result = find_rested(r, call, object, r->full ? request->full && request->record_limit == 0 : r->position.archive, err);
	if (result == SYNCLINE_OK && r->files.count == 0 && (request->full || object->reads == SYNCLINE_READS_FULL))
		return nothing_there(r, object, err);
	r->position.archive = r->files.archive >= 0;
	if (result == SYNCLINE_OK)
		result = lines_init(&r->lines, c, object, err);
	if (result != SYNCLINE_OK)
		return result;
	forget_gone(r);
	/* In full mode "newest" the last name alone counts: each file is a whole of its own. */
	if (r->full && r->files.count > 1 && strcmp(setting(c, object, "snapshot", "all"), "newest") == 0)
		for (size_t i = 0; i + 1 < r->files.count && result == SYNCLINE_OK; i++)
			result = position_add(&r->position, r->files.items[i].identity, err);
	if (r->files.unfinished > 0 || r->files.count == 0)
		r->incomplete = 1;
	r->left = request->record_limit > 0 ? request->record_limit : UINT64_MAX;
	syncline_buffer_init(&r->bytes, SYNCLINE_POSITION_MAX);
	return result;
}

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *their_object,
          const struct syncline_read_request *their_request, void **ret_reader, struct syncline_error *err)
{
	struct syncline_object object;
	struct syncline_read_request request;
	struct reader *r = calloc(1, sizeof *r);
	uint32_t result;

	if (r == NULL)
		return syncline_fail_memory(err);
	SYNCLINE_COPY(&object, their_object);
	SYNCLINE_COPY(&request, their_request);
	r->c = instance;
	r->fd = r->files.folder = r->files.archive = -1;
	result = begin(r, call, &object, &request, err);
	if (result != SYNCLINE_OK) {
		close_read(r);
		return result;
	}
	*ret_reader = r;
	return SYNCLINE_OK;
}

/* The next file that isn't done; r->fd stays -1 at the end. */
static uint32_t
next_file(struct reader *r, struct syncline_error *err)
{
	for (; r->next_file < r->files.count; r->next_file++) {
		const struct file *file = &r->files.items[r->next_file];

		if (position_is_done(&r->position, file->identity) || (file->archived && strcmp(file->name, r->position.last) <= 0))
			continue;
		r->fd = openat(file_folder(&r->files, file), file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (r->fd < 0 && errno == ENOENT) { /* taken away since it was listed */
			r->incomplete = 1;
			continue;
		}
		if (r->fd < 0)
			return syncline_fail_errno(err, errno, "The file %s/%s can't be opened.", r->files.directory, file->name);
		if (r->position.current != file->identity) {
			r->position.current = file->identity;
			r->position.offset = r->position.line = 0;
		}
		lines_start(&r->lines, r->fd, r->position.offset, r->position.line);
		r->taken = 0;
		return SYNCLINE_OK;
	}
	r->ended = 1;
	r->position.archive = 0;
	r->position.last[0] = '\0';
	return SYNCLINE_OK;
}

static uint32_t
end_file(struct reader *r, struct syncline_error *err)
{
	close(r->fd);
	r->fd = -1;
	r->position.current = 0;
	r->position.offset = r->position.line = 0;
	if (r->files.items[r->next_file].archived) {
		snprintf(r->position.last, sizeof r->position.last, "%s", r->files.items[r->next_file++].name);
		return SYNCLINE_OK;
	}
	return position_add(&r->position, r->files.items[r->next_file++].identity, err);
}

static uint32_t
give(struct reader *r, struct syncline_batch *batch, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_OK;

	while (result == SYNCLINE_OK && r->taken < r->lines.line_count && r->left > 0 && !r->c->batch->full(batch)) {
		const struct line *line = &r->lines.line[r->taken];
		struct syncline_record record;

		result = lines_record(&r->lines, r->taken, &record, err);
		if (result == SYNCLINE_OK)
			result = lines_add(&r->lines, batch, &record, err);
		if (result != SYNCLINE_OK)
			return result;
		if (record.native_id.type == SYNCLINE_TYPE_ABSENT)
			r->incomplete = 1;
		r->position.offset = line->end;
		r->position.line = line->number;
		r->taken++;
		if (r->left != UINT64_MAX)
			r->left--;
	}
	if (r->left == 0) {
		r->ended = r->incomplete = 1;
	}
	return result;
}

/* A batch is of one file: its fields and its origin are those of its lines. */
static uint32_t
fill(struct reader *r, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_OK;

	while (result == SYNCLINE_OK && !r->ended && r->c->batch->record_count(batch) == 0) {
		if (r->fd < 0) {
			result = next_file(r, err);
			continue;
		}
		if (r->taken == r->lines.line_count) {
			result = lines_load(&r->lines, call, 0, err);
			r->taken = 0;
			if (result == SYNCLINE_OK && r->lines.line_count == 0) {
				result = end_file(r, err);
				continue;
			}
		}
		if (result == SYNCLINE_OK)
			result = lines_set_fields(&r->lines, batch, r->files.directory, r->files.items[r->next_file].name, err);
		if (result == SYNCLINE_OK)
			result = give(r, batch, err);
	}
	return result;
}

static uint32_t
next(void *reader, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *ret_state, struct syncline_error *err)
{
	struct reader *r = reader;
	struct syncline_read_state state = { .struct_size = sizeof state };
	uint32_t result;

	/* What a failed call loaded or gave is not given again: its lines would be missing. */
	if (r->failed) {
		result = syncline_fail(err, SYNCLINE_RETRY, "The read of %s failed before.", r->files.directory);
		syncline_hint(err, "It is begun again at the last position.");
		return result;
	}
	result = fill(r, call, batch, err);
	if (result == SYNCLINE_OK)
		result = position_write(&r->position, &r->bytes, err);
	r->failed = result != SYNCLINE_OK;
	if (result != SYNCLINE_OK)
		return result;
	state.position = syncline_slice(r->bytes.data, r->bytes.length);
	state.end = r->ended;
	if (r->ended && r->full) {
		/* Without a key nobody could say what is gone. */
		r->completeness.complete = !r->incomplete && r->lines.shape.key_count > 0;
		state.completeness = &r->completeness;
		state.completeness_count = 1;
	}
	SYNCLINE_GIVE(ret_state, &state);
	return SYNCLINE_OK;
}

static uint32_t
put_away(int from, const char *name, int to, struct syncline_error *err)
{
	if (renameat(from, name, to, name) == 0 || errno == ENOENT)
		return SYNCLINE_OK;
	syncline_fail_errno(err, errno, "The file %s can't be put into the archive.", name);
	syncline_hint(err, "archive_directory must be on the same file system as directory, and writable for the agent's user.");
	return SYNCLINE_CONFIG;
}

/* Files that the position calls done go to the archive, never over one that is there. */
static uint32_t
acknowledge(void *instance, const struct syncline_call *call, const struct syncline_object *their_object, const struct syncline_slice *bytes,
            struct syncline_error *err)
{
	struct instance *c = instance;
	struct syncline_object object;
	struct position position = { 0 };
	struct files files = { .folder = -1, .archive = -1 };
	const char *path;
	int archive = -1;
	uint32_t result;

	(void)call;
	SYNCLINE_COPY(&object, their_object);
	path = setting(c, &object, "archive_directory", NULL);
	if (path == NULL || bytes->length == 0)
		return SYNCLINE_OK;
	result = position_read(bytes, &position, err);
	if (result == SYNCLINE_OK)
		result = files_find(c, &object, 0, &files, err);
	if (result == SYNCLINE_OK)
		result = folder_open(path, "archive_directory", &archive, err);
	for (size_t i = 0; result == SYNCLINE_OK && i < files.count; i++) {
		if (!position_is_done(&position, files.items[i].identity))
			continue;
		if (faccessat(archive, files.items[i].name, F_OK, 0) == 0) {
			result = syncline_fail(err, SYNCLINE_CONFIG, "The archive has a file %s already.", files.items[i].name);
			syncline_hint(err, "Give each export a name of its own, or move the old file away.");
		} else {
			result = put_away(files.folder, files.items[i].name, archive, err);
		}
	}
	if (result == SYNCLINE_OK && (fsync(archive) != 0 || fsync(files.folder) != 0))
		result = syncline_fail_errno(err, errno, "The archive %s can't be made durable.", path);
	if (archive >= 0)
		close(archive);
	files_free(&files);
	position_free(&position);
	return result;
}

const struct syncline_source_v1 source_part = {
	.struct_size = sizeof source_part,
	.open_read = open_read,
	.next = next,
	.close_read = close_read,
	.acknowledge = acknowledge,
	.get = look_get,
};
