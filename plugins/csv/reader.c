/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reader.c: source/1.  Which files a read takes is decided once, when it is opened; a batch never holds records of two files.
 *
 *     full, files = "newest"  the last complete file in order; older ones are superseded and never read after it
 *     full, files = "all"     all complete files together are the full set
 *     delta                   every complete file that was not read yet, in order
 *     delta, from the start   those of the archive as well: what was read and put away
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "csv.h"

struct reader {
	struct csv_object *object;
	struct csv_files_found found;
	size_t *chosen; /* indexes into found */
	size_t count, at;
	bool whole;     /* ends with a claim that nothing is missing, unless something is */
	bool superseded; /* older files count as done too */
	struct csv_position position;
	struct syncline_buffer bytes;
	struct csv_table *table;
	uint64_t limit, records, keyless;
	uint64_t size_done, size_all;
	struct syncline_completeness claim;
	bool ended;
};

static void
close_read(void *instance)
{
	struct reader *r = instance;

	if (r == NULL)
		return;
	csv_table_close(r->table);
	csv_files_free(&r->found);
	csv_position_free(&r->position);
	syncline_buffer_free(&r->bytes);
	csv_object_free(r->object);
	free(r->chosen);
	free(r);
}

static uint32_t
nothing_there(const struct reader *r, struct syncline_error *err)
{
	const struct csv_object *o = r->object;
	uint32_t result = syncline_fail(err, SYNCLINE_NOT_FOUND, "No complete file in %s matches %s.", o->directory, o->native);

	if (r->found.unfinished > 0)
		syncline_hint(err, "%zu that match are still being written; try again later, or see the settings complete and stable_for.", r->found.unfinished);
	else if (r->found.count > 0)
		syncline_hint(err, "Those that are there are older than %s, which was read last.", r->position.last);
	else
		syncline_hint(err, "Check the export, the pattern (native), and whether the folder is mounted.");
	return result;
}

static bool
is_older(const struct reader *r, const struct csv_file *f)
{
	return r->position.last != NULL && csv_file_order(r->object, f->name, f->modified_us, r->position.last, r->position.last_us) < 0;
}

/* The full set; nothing when it was read before and the run doesn't ask for it again. */
static uint32_t
choose_full(struct reader *r, bool again, struct syncline_error *err)
{
	size_t first = 0, unread = 0;

	if (r->object->files == CSV_FILES_NEWEST) {
		if (r->found.count > 0)
			first = r->found.count - 1;
		if (r->found.count > 0 && is_older(r, &r->found.items[first]) && !csv_position_has(&r->position, r->found.items[first].identity))
			first = r->found.count;
		r->superseded = true;
	}
	for (size_t i = first; i < r->found.count; i++) {
		r->chosen[r->count++] = i;
		unread += !csv_position_has(&r->position, r->found.items[i].identity);
	}
	if (r->count == 0)
		return again ? nothing_there(r, err) : SYNCLINE_OK;
	if (unread == 0 && !again)
		r->count = 0;
	r->whole = r->count > 0 && (r->object->files == CSV_FILES_NEWEST || r->found.unfinished == 0);
	return SYNCLINE_OK;
}

static uint32_t
choose(struct reader *r, const struct syncline_read_request *request, struct syncline_error *err)
{
	const struct csv_object *o = r->object;

	if ((r->chosen = calloc(r->found.count + 1, sizeof *r->chosen)) == NULL)
		return syncline_fail_memory(err);
	if (o->full)
		return choose_full(r, request->full != 0 || request->position.length == 0, err);
	if (request->full) {
		csv_position_free(&r->position);
		r->position.look = r->found.archive < 0 ? CSV_LOOK_FOLDER : r->found.by_time ? CSV_LOOK_BY_TIME : CSV_LOOK_BY_NAME;
	} else {
		/* What is gone from the folder need not be remembered. */
		size_t kept = 0;

		for (size_t i = 0; i < r->position.count; i++)
			for (size_t k = 0; k < r->found.count; k++)
				if (!r->found.items[k].archived && r->found.items[k].identity == r->position.done[i]) {
					r->position.done[kept++] = r->position.done[i];
					break;
				}
		if (r->found.count > 0)
			r->position.count = kept;
	}
	for (size_t i = 0; i < r->found.count; i++) {
		const struct csv_file *f = &r->found.items[i];

		if (f->archived ? r->position.last == NULL || csv_file_is_behind(o, &r->found, f, r->position.last, r->position.last_us)
		                : !csv_position_has(&r->position, f->identity))
			r->chosen[r->count++] = i;
	}
	return SYNCLINE_OK;
}

/* Everything means what was put away too.  A sample is of what comes now. */
static enum csv_look
where_to_look(const struct reader *r, const struct syncline_read_request *request)
{
	if (r->object->full || r->object->archive != CSV_ARCHIVE_MOVE)
		return CSV_LOOK_FOLDER;
	if (request->full)
		return request->record_limit == 0 ? CSV_LOOK_ARCHIVE : CSV_LOOK_FOLDER;
	return r->position.look;
}

static uint32_t
open_read(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_read_request *given,
          void **ret_reader, struct syncline_error *err)
{
	struct syncline_read_request request;
	struct reader *r = calloc(1, sizeof *r);
	uint32_t result;

	if (r == NULL)
		return syncline_fail_memory(err);
	r->found.folder = r->found.archive = -1;
	SYNCLINE_COPY(&request, given);
	syncline_buffer_init(&r->bytes, SYNCLINE_POSITION_MAX);
	r->limit = request.record_limit;
	if ((result = csv_object_new(instance, object, &r->object, err)) == SYNCLINE_OK &&
	    (result = csv_position_read(&request.position, &r->position, err)) == SYNCLINE_OK &&
	    (result = csv_files_find(r->object, call, true, where_to_look(r, &request), &r->found, err)) == SYNCLINE_OK)
		result = choose(r, &request, err);
	if (result != SYNCLINE_OK) {
		close_read(r);
		return result;
	}
	for (size_t i = 0; i < r->count; i++)
		r->size_all += (uint64_t)r->found.items[r->chosen[i]].size;
	*ret_reader = r;
	return SYNCLINE_OK;
}

static const struct csv_file *
current(const struct reader *r)
{
	return &r->found.items[r->chosen[r->at]];
}

/* Opens the file that comes next, where an earlier read stopped in it. */
static uint32_t
open_file(struct reader *r, const struct syncline_call *call, struct syncline_error *err)
{
	const struct csv_file *f = current(r);
	uint32_t result = csv_table_open(r->object, call, csv_file_folder(&r->found, f), f->name, &r->table, err);

	if (result != SYNCLINE_OK)
		return result;
	if (csv_stream_size(csv_table_stream(r->table)) != (uint64_t)f->size) {
		result = syncline_fail(err, SYNCLINE_RETRY, "The file %s changed between two looks at it.", f->name);
		syncline_hint(err, "It was not complete; it is read again later.");
		return result;
	}
	if (!r->object->full && r->position.current == f->identity)
		return csv_table_seek(r->table, call, r->position.offset, r->position.line, err);
	return SYNCLINE_OK;
}

static uint32_t
full_position(struct syncline_error *err)
{
	uint32_t result = syncline_fail(err, SYNCLINE_CONFIG, "More than 8,000 files that were read lie in the folder; they can't all be remembered.");

	syncline_hint(err, "Set archive = \"move\" and archive_directory, or move old files away.");
	return result;
}

/* The file is read to its end. */
static uint32_t
end_file(struct reader *r, struct syncline_error *err)
{
	const struct csv_file *f = current(r);
	const struct csv_table_stats *stats = csv_table_stats(r->table);
	uint32_t result = csv_stream_unchanged(csv_table_stream(r->table), err);

	if (result != SYNCLINE_OK)
		return result;
	if (stats->records + stats->rejects == 0 && r->position.current != f->identity && !r->object->empty_ok && !f->archived) {
		result = syncline_fail(err, SYNCLINE_PERMANENT, "The file %s has no rows.", f->name);
		syncline_hint(err, "An empty source is taken for a failed export. Have it written again, remove it, or set empty = \"ok\".");
		return result;
	}
	r->keyless += stats->keyless;
	r->size_done += (uint64_t)f->size;
	csv_table_close(r->table);
	r->table = NULL;
	r->at++;
	if (!r->object->full) {
		r->position.current = r->position.offset = r->position.line = 0;
		if ((!f->archived && csv_position_add(&r->position, f->identity) != 0) ||
		    ((f->archived || r->position.look == CSV_LOOK_FOLDER) && csv_position_set_last(&r->position, f->name, f->modified_us) != 0))
			return syncline_fail_memory(err);
	}
	return SYNCLINE_OK;
}

/* A full read moves its position once, at its end. */
static uint32_t
end_full(struct reader *r, struct syncline_error *err)
{
	const struct csv_file *last = &r->found.items[r->chosen[r->count - 1]];
	bool failed = false;

	r->position.count = 0;
	for (size_t i = 0; i < r->found.count; i++)
		if (r->superseded || i >= r->chosen[0])
			failed |= csv_position_add(&r->position, r->found.items[i].identity) != 0;
	failed |= csv_position_set_last(&r->position, last->name, last->modified_us) != 0;
	return failed ? syncline_fail_memory(err) : SYNCLINE_OK;
}

static uint32_t
fill(struct reader *r, const struct syncline_call *call, struct syncline_batch *batch, bool *ret_file_ended, struct syncline_error *err)
{
	const struct syncline_batch_service_v1 *service = r->object->instance->batch;
	const struct syncline_record *record;
	uint32_t result;

	while (!service->full(batch) && (r->limit == 0 || r->records < r->limit)) {
		if ((result = csv_table_next(r->table, call, &record, err)) != SYNCLINE_OK)
			return result;
		if (record == NULL) {
			*ret_file_ended = true;
			return SYNCLINE_OK;
		}
		r->records++;
		if ((result = service->add(batch, record, err)) == SYNCLINE_OK)
			continue;
		if (result != SYNCLINE_INVALID || record->op == SYNCLINE_OP_REJECT)
			return result;
		result = service->add(batch, csv_table_refused(r->table, record, err != NULL ? err->message : "it is not valid."), err);
		if (result != SYNCLINE_OK)
			return result;
	}
	return SYNCLINE_OK;
}

/* Some of the file's records, and the position behind them. */
static uint32_t
read_some(struct reader *r, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_error *err)
{
	const struct syncline_batch_service_v1 *service = r->object->instance->batch;
	const struct csv_file *f = current(r);
	const struct syncline_field *fields;
	bool file_ended = false;
	uint32_t count, result;

	if (r->table == NULL && (result = open_file(r, call, err)) != SYNCLINE_OK)
		return result;
	fields = csv_table_fields(r->table, &count);
	if ((result = service->set_fields(batch, fields, count, err)) != SYNCLINE_OK ||
	    (result = service->set_origin(batch, f->name, err)) != SYNCLINE_OK || (result = fill(r, call, batch, &file_ended, err)) != SYNCLINE_OK)
		return result;
	if (file_ended)
		return end_file(r, err);
	if (!r->object->full) {
		r->position.current = f->identity;
		csv_table_tell(r->table, &r->position.offset, &r->position.line);
	}
	return SYNCLINE_OK;
}

static uint64_t
guess(const struct reader *r)
{
	uint64_t offset = r->size_done, inside = 0, line;

	if (r->table != NULL) {
		csv_table_tell(r->table, &inside, &line);
		offset += inside;
	}
	if (offset == 0 || r->records == 0)
		return 0;
	return (uint64_t)((double)r->records * (double)r->size_all / (double)offset);
}

static uint32_t
next(void *reader, const struct syncline_call *call, struct syncline_batch *batch, struct syncline_read_state *ret_state, struct syncline_error *err)
{
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct reader *r = reader;
	bool sampled;
	uint32_t result;

	if (!r->ended && r->at < r->count && (result = read_some(r, call, batch, err)) != SYNCLINE_OK)
		return result;
	sampled = r->limit != 0 && r->records >= r->limit;
	r->ended |= r->at >= r->count || sampled;
	if (r->at >= r->count)
		r->position.look = CSV_LOOK_FOLDER;
	if (r->at >= r->count && r->count > 0 && r->object->full && (result = end_full(r, err)) != SYNCLINE_OK)
		return result;
	if (csv_position_write(&r->position, &r->bytes) != 0)
		return r->bytes.failed ? syncline_fail_memory(err) : full_position(err);
	state.end = r->ended;
	state.position = syncline_slice(r->bytes.data, r->bytes.length);
	if (r->ended && r->whole && r->at >= r->count && r->keyless == 0) {
		r->claim.complete = 1;
		state.completeness = &r->claim;
		state.completeness_count = 1;
	}
	state.expected = guess(r);
	SYNCLINE_GIVE(ret_state, &state);
	return SYNCLINE_OK;
}

static uint32_t
acknowledge(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *bytes,
            struct syncline_error *err)
{
	struct csv_files_found found = { .folder = -1, .archive = -1 };
	struct csv_position position = { 0 };
	struct csv_object *o;
	uint32_t result = csv_object_new(instance, object, &o, err);

	if (result != SYNCLINE_OK)
		return result;
	if (o->archive != CSV_ARCHIVE_NONE && (result = csv_position_read(bytes, &position, err)) == SYNCLINE_OK &&
	    (result = csv_files_find(o, call, false, CSV_LOOK_FOLDER, &found, err)) == SYNCLINE_OK)
		for (size_t i = 0; i < found.count && result == SYNCLINE_OK; i++)
			if (csv_position_has(&position, found.items[i].identity))
				result = csv_file_archive(o, found.folder, found.items[i].name, err);
	csv_position_free(&position);
	csv_files_free(&found);
	csv_object_free(o);
	return result;
}

const struct syncline_source_v1 csv_source = {
	.struct_size = sizeof csv_source,
	.open_read = open_read,
	.next = next,
	.close_read = close_read,
	.acknowledge = acknowledge,
	.get = csv_source_get,
};
