/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sink.c: sink/1.  By default each write() publishes one file, whole: it is synced, promised in the folder's journal (helper.h),
 * renamed and the folder synced before any item is reported as committed.  With publish = "run" the rows of a run are collected in one
 * hidden file, which is promised with every write() and so survives a crash, and finish() publishes it.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "csv.h"

enum from { FROM_FIELD, FROM_KEY, FROM_OP, FROM_ATTEMPT, FROM_NOTHING };
struct out_column {
	const char *name;
	enum from from;
	uint32_t field; /* FROM_FIELD, and FROM_KEY with a field of that name: else UINT32_MAX */
	uint32_t key;
};

struct csv_journal {
	struct csv_journal *next;
	char *path; /* of import_directory */
	struct syncline_journal *journal;
};

struct csv_sink {
	struct csv_sink *next;
	char *alias;
	struct syncline_journal *journal;
	struct syncline_journal_part part;
	char *header; /* of the part: other columns need another file */
};

/* What one write() works with. */
struct work {
	struct csv_object *object;
	struct csv_sink *sink;
	struct csv_codec *codec;
	struct csv_pool pool;
	struct out_column *columns;
	uint32_t column_count;
	struct syncline_buffer cell, row, rows, keys, id;
	uint32_t *pending; /* indexes of the items in rows */
	uint32_t pending_count;
};

static void
release(struct csv_sink *s)
{
	if (s->part.descriptor >= 0 && s->part.promised)
		syncline_journal_publish(s->journal, &s->part, NULL); /* else the next process does */
	syncline_journal_leave(s->journal, &s->part);
	free(s->alias);
	free(s->header);
	free(s);
}

void
csv_sinks_free(struct csv_instance *in)
{
	while (in->sinks != NULL) {
		struct csv_sink *next = in->sinks->next;

		release(in->sinks);
		in->sinks = next;
	}
	while (in->journals != NULL) {
		struct csv_journal *next = in->journals->next;

		syncline_journal_close(in->journals->journal);
		free(in->journals->path);
		free(in->journals);
		in->journals = next;
	}
}

static uint32_t
journal_of(struct csv_instance *in, const struct csv_object *o, struct syncline_journal **ret_journal, struct syncline_error *err)
{
	const char *path = o->import_directory;
	struct csv_journal *j;
	int folder;
	uint32_t result;

	for (j = in->journals; j != NULL; j = j->next)
		if (path != NULL && strcmp(j->path, path) == 0) {
			*ret_journal = j->journal;
			return SYNCLINE_OK;
		}
	if ((result = csv_folder_open(path, "import_directory", &folder, err)) != SYNCLINE_OK)
		return result;
	assert(path != NULL); /* a missing path was refused */
	if ((j = calloc(1, sizeof *j)) == NULL || (j->path = strdup(path)) == NULL)
		result = syncline_fail_memory(err);
	else
		result = syncline_journal_open(folder, path, o->retention_us, csv_wall_us(in), &j->journal, err);
	close(folder);
	if (result != SYNCLINE_OK) {
		free(j != NULL ? j->path : NULL);
		free(j);
		return result;
	}
	j->next = in->journals;
	in->journals = j;
	*ret_journal = j->journal;
	return SYNCLINE_OK;
}

static uint32_t
sink_of(struct csv_instance *in, const struct csv_object *o, struct csv_sink **ret_sink, struct syncline_error *err)
{
	struct csv_sink *s;
	uint32_t result;

	for (s = in->sinks; s != NULL; s = s->next)
		if (strcmp(s->alias, o->alias) == 0) {
			*ret_sink = s;
			return SYNCLINE_OK;
		}
	if ((s = calloc(1, sizeof *s)) == NULL)
		return syncline_fail_memory(err);
	s->part.descriptor = -1;
	s->alias = strdup(o->alias);
	result = s->alias == NULL ? syncline_fail_memory(err) : journal_of(in, o, &s->journal, err);
	if (result != SYNCLINE_OK) {
		free(s->alias);
		free(s);
		return result;
	}
	s->next = in->sinks;
	in->sinks = s;
	*ret_sink = s;
	return SYNCLINE_OK;
}

static uint32_t
field_named(const struct syncline_field *fields, uint32_t count, const char *name)
{
	for (uint32_t i = 0; i < count; i++)
		if (strcmp(fields[i].name, name) == 0)
			return i;
	return UINT32_MAX;
}

static bool
has_column(const struct work *w, const char *name)
{
	for (uint32_t i = 0; i < w->column_count; i++)
		if (strcmp(w->columns[i].name, name) == 0)
			return true;
	return false;
}

static void
add_column(struct work *w, const struct syncline_field *fields, uint32_t count, const char *name)
{
	const struct csv_object *o = w->object;
	struct out_column c = { .name = name, .field = field_named(fields, count, name), .key = UINT32_MAX };

	if (name[0] == '\0' || has_column(w, name))
		return;
	for (uint32_t k = 0; k < o->key.count; k++)
		if (strcmp(o->key.items[k], name) == 0)
			c.key = k;
	c.from = strcmp(name, o->op_column) == 0 ? FROM_OP : strcmp(name, o->attempt_column) == 0 ? FROM_ATTEMPT
	       : c.key != UINT32_MAX ? FROM_KEY : c.field != UINT32_MAX ? FROM_FIELD : FROM_NOTHING;
	w->columns[w->column_count++] = c;
}

static uint32_t
lay_out(struct work *w, struct syncline_batch *batch, struct syncline_error *err)
{
	const struct csv_object *o = w->object;
	const struct syncline_batch_service_v1 *service = o->instance->batch;
	uint32_t count = service->field_count(batch), result;
	struct syncline_field *fields = csv_pool_alloc(&w->pool, sizeof *fields * (count + 1u));

	w->columns = csv_pool_alloc(&w->pool, sizeof *w->columns * ((size_t)count + o->key.count + o->import_columns.count + 2));
	if (fields == NULL || w->columns == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		fields[i].struct_size = sizeof fields[i];
		if ((result = service->field(batch, i, &fields[i])) != SYNCLINE_OK)
			return syncline_fail(err, result, "The fields of a batch can't be read.");
	}
	if (o->import_columns.count > 0) {
		for (uint32_t i = 0; i < o->import_columns.count; i++)
			add_column(w, fields, count, o->import_columns.items[i]);
		for (uint32_t i = 0; i < count; i++)
			if (!has_column(w, fields[i].name)) {
				result = syncline_fail(err, SYNCLINE_CONFIG, "The field %s is written to %s, but is not among import_columns.", fields[i].name, o->alias);
				syncline_applied(err, SYNCLINE_APPLIED_NO);
				syncline_hint(err, "Add it to import_columns, or take it out of the binding's write.");
				return result;
			}
	} else {
		for (uint32_t i = 0; i < o->key.count; i++)
			add_column(w, fields, count, o->key.items[i]);
		for (uint32_t i = 0; i < count; i++)
			add_column(w, fields, count, fields[i].name);
	}
	add_column(w, fields, count, o->op_column);
	add_column(w, fields, count, o->attempt_column);
	return SYNCLINE_OK;
}

static uint32_t
refuse(struct syncline_error *err, uint32_t klass, const char *hint, const char *format, ...) SYNCLINE_PRINTF(4, 5);
static uint32_t
refuse(struct syncline_error *err, uint32_t klass, const char *hint, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	syncline_vfail(err, klass, format, args);
	va_end(args);
	syncline_applied(err, SYNCLINE_APPLIED_NO);
	syncline_hint(err, "%s", hint);
	return klass;
}

static bool
needs_quotes(const struct work *w, const char *text, size_t length, bool first)
{
	const struct csv_format *f = &w->object->format;

	if (w->object->quote_all)
		return true;
	if (length == 0)
		return first && w->column_count == 1; /* an empty line is no row */
	if (memchr(text, f->delimiter, length) != NULL || memchr(text, '\n', length) != NULL || memchr(text, '\r', length) != NULL ||
	    (f->quote != 0 && memchr(text, f->quote, length) != NULL))
		return true;
	if (f->trim && (text[0] == ' ' || text[0] == '\t' || text[length - 1] == ' ' || text[length - 1] == '\t'))
		return true;
	return first && f->comment[0] != '\0' && text[0] == f->comment[0];
}

/* w->cell to the end of w->row, quoted if it must be, in the file's encoding. */
static uint32_t
put_cell(struct work *w, const char *column, bool first, struct syncline_error *err)
{
	const struct csv_format *f = &w->object->format;
	const char *text = w->cell.data, *end = text + w->cell.length, *p;
	char mark = f->escape != 0 ? f->escape : f->quote;
	struct syncline_buffer quoted;
	size_t at = 0;
	int failed;

	if (!needs_quotes(w, text, w->cell.length, first)) {
		if (csv_encode(w->codec, text, w->cell.length, &w->row, &at) == 0)
			return SYNCLINE_OK;
		goto cannot;
	}
	if (f->quote == 0) {
		if (w->cell.length == 0 || w->object->quote_all)
			return csv_encode(w->codec, text, w->cell.length, &w->row, &at) == 0 ? SYNCLINE_OK : syncline_fail_memory(err);
		return refuse(err, SYNCLINE_INVALID, "Set quote, or a delimiter that no value holds.",
		              "column %s: the value holds a delimiter or line end, and no quote is configured", column);
	}
	syncline_buffer_init(&quoted, 0);
	syncline_buffer_char(&quoted, f->quote);
	for (p = text; p < end; p++) {
		if (*p == f->quote || *p == mark)
			syncline_buffer_char(&quoted, mark);
		syncline_buffer_char(&quoted, *p);
	}
	syncline_buffer_char(&quoted, f->quote);
	failed = quoted.failed || csv_encode(w->codec, quoted.data, quoted.length, &w->row, &at) != 0;
	at = quoted.failed ? quoted.length : at;
	failed = failed ? at < quoted.length ? 1 : 2 : 0;
	syncline_buffer_free(&quoted);
	if (failed == 0)
		return SYNCLINE_OK;
	at = failed == 1 ? 0 : w->cell.length;
cannot:
	if (at >= w->cell.length)
		return syncline_fail_memory(err);
	return refuse(err, SYNCLINE_INVALID, "Change the value by a rule, or set an encoding that has the character.",
	              "column %s: \"%.*s\" can't be written in the encoding %s", column, w->cell.length < 80 ? (int)w->cell.length : 80, text,
	              w->object->encoding);
}

/* The value of one column into w->cell. */
static uint32_t
fetch(struct work *w, const struct out_column *c, const struct syncline_record *r, const struct syncline_slice *parts, struct syncline_error *err)
{
	static const struct syncline_value absent = { .type = SYNCLINE_TYPE_ABSENT };
	const struct csv_object *o = w->object;
	const struct syncline_value *v = c->field < r->value_count ? &r->values[c->field] : &absent;

	syncline_buffer_clear(&w->cell);
	switch (c->from) {
	case FROM_OP:
		syncline_buffer_text(&w->cell, o->op_values.items[r->op - SYNCLINE_OP_CREATE]);
		return SYNCLINE_OK;
	case FROM_ATTEMPT:
		for (uint32_t i = 0; r->note.type == SYNCLINE_TYPE_BYTES && i < r->note.length; i++)
			syncline_buffer_format(&w->cell, "%02x", ((const uint8_t *)r->note.u.data)[i]);
		return SYNCLINE_OK;
	case FROM_NOTHING:
		return SYNCLINE_OK;
	case FROM_KEY:
		/* What the record says, else what its id says. */
		if (v->type <= SYNCLINE_TYPE_NULL && parts != NULL) {
			syncline_buffer_append(&w->cell, parts[c->key].data, parts[c->key].length);
			return SYNCLINE_OK;
		}
		break;
	case FROM_FIELD:
		break;
	}
	if (csv_value_write(o, v, &w->cell) != 0)
		return refuse(err, SYNCLINE_INVALID, "Give it as text, a number, a date or a boolean.", "column %s: the value can't stand in a CSV file", c->name);
	return SYNCLINE_OK;
}

/* One record as a row in w->row. */
static uint32_t
put_record(struct work *w, const struct syncline_record *r, struct syncline_error *err)
{
	const struct csv_object *o = w->object;
	const struct syncline_batch_service_v1 *service = o->instance->batch;
	struct syncline_slice parts[64], id = { r->native_id.u.data, r->native_id.length };
	bool known = false;
	size_t at;
	uint32_t result;

	if (r->op != SYNCLINE_OP_CREATE && r->op != SYNCLINE_OP_UPDATE && r->op != SYNCLINE_OP_DELETE)
		return refuse(err, SYNCLINE_INVALID, "This is a fault in the agent; report it.", "the operation %u is not one of writing", r->op);
	if (r->op == SYNCLINE_OP_DELETE && o->op_column[0] == '\0')
		return refuse(err, SYNCLINE_PERMANENT, "Set op_column and op_values, or deletes: { do = \"deactivate\"; … } in the binding.",
		              "a delete can't be written to %s: its files have no column that says so", o->alias);
	if (r->native_id.type == SYNCLINE_TYPE_TEXT && o->key.count > 0 && o->key.count <= 64) {
		syncline_buffer_clear(&w->id);
		if (syncline_buffer_reserve(&w->id, id.length + 1) != 0)
			return syncline_fail_memory(err);
		if (service->split_key(&id, o->key.count, w->id.data, w->id.capacity, parts) != SYNCLINE_OK)
			return refuse(err, SYNCLINE_INVALID, "Check the object's key; it may have changed.", "the id of the record has not the %u parts of the key of %s",
			              o->key.count, o->alias);
		known = true;
	}
	syncline_buffer_clear(&w->row);
	w->row.failed = 0;
	for (uint32_t i = 0; i < w->column_count; i++) {
		if (i > 0 && csv_encode(w->codec, &o->format.delimiter, 1, &w->row, &at) != 0)
			return syncline_fail_memory(err);
		if ((result = fetch(w, &w->columns[i], r, known ? parts : NULL, err)) != SYNCLINE_OK ||
		    (result = put_cell(w, w->columns[i].name, i == 0, err)) != SYNCLINE_OK)
			return result;
		if (w->cell.failed)
			return syncline_fail_memory(err);
	}
	if (csv_encode(w->codec, o->line_end, strlen(o->line_end), &w->row, &at) != 0)
		return syncline_fail_memory(err);
	return SYNCLINE_OK;
}

/* The header as it will stand in the file; "" when there is none.  Also what tells files of other columns apart. */
static uint32_t
make_header(struct work *w, struct syncline_error *err)
{
	size_t at;
	uint32_t result;

	syncline_buffer_clear(&w->row);
	for (uint32_t i = 0; i < w->column_count; i++) {
		syncline_buffer_clear(&w->cell);
		syncline_buffer_text(&w->cell, w->columns[i].name);
		if (i > 0 && csv_encode(w->codec, &w->object->format.delimiter, 1, &w->row, &at) != 0)
			return syncline_fail_memory(err);
		if ((result = put_cell(w, w->columns[i].name, i == 0, err)) != SYNCLINE_OK)
			return result;
	}
	if (csv_encode(w->codec, w->object->line_end, strlen(w->object->line_end), &w->row, &at) != 0)
		return syncline_fail_memory(err);
	return SYNCLINE_OK;
}

static void
name_file(const struct work *w, int64_t us, char *buffer, size_t capacity)
{
	const char *p = w->object->file_name;
	char stamp[32] = "", date[16] = "";
	time_t seconds = (time_t)(us / 1000000);
	struct tm tm;
	size_t n = 0;

	if (gmtime_r(&seconds, &tm) != NULL) {
		strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%S", &tm);
		snprintf(stamp + strlen(stamp), sizeof stamp - strlen(stamp), "%06d", (int)(us % 1000000));
		strftime(date, sizeof date, "%Y%m%d", &tm);
	}
	while (*p != '\0' && n + 1 < capacity) {
		size_t room = capacity - n;
		int got = 1;

		if (strncmp(p, "{object}", 8) == 0 && (p += 8))
			got = snprintf(buffer + n, room, "%s", w->object->alias);
		else if (strncmp(p, "{stamp}", 7) == 0 && (p += 7))
			got = snprintf(buffer + n, room, "%s", stamp);
		else if (strncmp(p, "{date}", 6) == 0 && (p += 6))
			got = snprintf(buffer + n, room, "%s", date);
		else if (strncmp(p, "{key}", 5) == 0 && (p += 5))
			got = snprintf(buffer + n, room, "%016llx", (unsigned long long)syncline_hash(13, w->keys.data != NULL ? w->keys.data : "", w->keys.length));
		else
			buffer[n] = *p++;
		n += got > 0 && (size_t)got < room ? (size_t)got : room - 1;
	}
	buffer[n < capacity ? n : capacity - 1] = '\0';
}

/* A name that nothing in the folder has. */
static uint32_t
choose_name(struct work *w, struct syncline_journal_part *part, int folder, struct syncline_error *err)
{
	int64_t us = csv_wall_us(w->object->instance);
	struct stat st;

	for (unsigned i = 0; i < 10000; i++) {
		name_file(w, us + i, part->final_name, sizeof part->final_name);
		if (fstatat(folder, part->final_name, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT)
			return SYNCLINE_OK;
		if (strstr(w->object->file_name, "{stamp}") == NULL)
			break;
	}
	return refuse(err, SYNCLINE_CONFLICT, "Put {stamp} into file_name.", "the file %s is in %s already", part->final_name, w->object->import_directory);
}

/* The part to append to, with its header. */
static uint32_t
begin_part(struct work *w, struct syncline_error *err)
{
	struct csv_sink *s = w->sink;
	struct syncline_buffer first;
	uint32_t result;
	int folder;

	if ((result = make_header(w, err)) != SYNCLINE_OK)
		return result;
	if (s->part.descriptor >= 0) {
		const char *now = syncline_buffer_string(&w->row);

		if (now != NULL && s->header != NULL && strcmp(now, s->header) == 0)
			return SYNCLINE_OK;
		/* Other columns: what was collected so far is published by itself. */
		if ((result = syncline_journal_publish(s->journal, &s->part, err)) != SYNCLINE_OK)
			return result;
	}
	free(s->header);
	s->header = NULL;
	if (syncline_buffer_string(&w->row) == NULL || (s->header = strdup(w->row.data)) == NULL)
		return syncline_fail_memory(err);
	if ((result = csv_folder_open(w->object->import_directory, "import_directory", &folder, err)) != SYNCLINE_OK)
		return result;
	result = syncline_journal_part(s->journal, csv_wall_us(w->object->instance), &s->part, err);
	if (result == SYNCLINE_OK)
		result = choose_name(w, &s->part, folder, err);
	close(folder);
	if (result == SYNCLINE_OK) {
		syncline_buffer_init(&first, 0);
		if (w->object->bom || strcmp(w->object->encoding, "UTF-16") == 0 || strcmp(w->object->encoding, "UTF-32") == 0)
			(void)csv_codec_bom(w->codec, &first); /* an encoding without one needs none */
		if (w->object->header)
			syncline_buffer_append(&first, w->row.data, w->row.length);
		syncline_buffer_append(&first, w->rows.data, w->rows.length);
		if (first.failed)
			result = syncline_fail_memory(err);
		syncline_buffer_free(&w->rows);
		w->rows = first;
	}
	if (result != SYNCLINE_OK)
		syncline_journal_leave(s->journal, &s->part);
	return result;
}

static uint32_t
store(struct work *w, struct syncline_error *err)
{
	struct csv_sink *s = w->sink;
	uint32_t result;

	if ((result = begin_part(w, err)) != SYNCLINE_OK) {
		syncline_applied(err, SYNCLINE_APPLIED_NO);
		return result;
	}
	result = syncline_journal_write(s->journal, &s->part, w->rows.data, w->rows.length, (const uint8_t *)w->keys.data,
	                                (uint32_t)(w->keys.length / SYNCLINE_JOURNAL_KEY), 1, err);
	if (result != SYNCLINE_OK) {
		if (!s->part.promised)
			syncline_journal_leave(s->journal, &s->part);
		return result;
	}
	return w->object->per_run ? SYNCLINE_OK : syncline_journal_publish(s->journal, &s->part, err);
}

/* Committed: the id is told when the key is among what was written. */
static void
report_committed(struct work *w, struct syncline_batch *batch, const struct syncline_results *results, uint32_t index)
{
	const struct csv_object *o = w->object;
	struct syncline_write_result result = { .struct_size = sizeof result };
	struct syncline_record r = syncline_record(0);
	struct syncline_slice parts[64];
	uint32_t known = 0;
	size_t length;

	syncline_buffer_clear(&w->id);
	syncline_buffer_clear(&w->cell);
	if (o->instance->batch->record(batch, index, &r) == SYNCLINE_OK && r.native_id.type == SYNCLINE_TYPE_TEXT) {
		result.native_id = syncline_slice(r.native_id.u.data, r.native_id.length);
	} else if (r.value_count > 0 && o->key.count <= 64) {
		/* In one buffer that doesn't move: the room is made first. */
		size_t bytes = 64;

		for (uint32_t i = 0; i < w->column_count; i++)
			if (w->columns[i].key != UINT32_MAX && w->columns[i].field < r.value_count)
				bytes += (size_t)r.values[w->columns[i].field].length * 3 + 512;
		if (syncline_buffer_reserve(&w->cell, bytes) != 0 || syncline_buffer_reserve(&w->id, bytes) != 0)
			bytes = 0;
		for (uint32_t i = 0; bytes > 0 && i < w->column_count; i++) {
			const struct out_column *c = &w->columns[i];
			size_t from = w->cell.length;

			if (c->key == UINT32_MAX || c->field >= r.value_count || r.values[c->field].type <= SYNCLINE_TYPE_NULL ||
			    csv_value_write(o, &r.values[c->field], &w->cell) != 0 || w->cell.length == from)
				continue;
			parts[c->key] = syncline_slice(w->cell.data + from, w->cell.length - from);
			known++;
		}
		if (known > 0 && known == o->key.count && o->instance->batch->join_key(parts, known, w->id.data, w->id.capacity, &length) == SYNCLINE_OK)
			result.native_id = syncline_slice(w->id.data, length);
	}
	results->report(results, index, &result);
}

/* All items as rows; those that can't be one, and those that were written before, are reported at once. */
static uint32_t
collect(struct work *w, struct syncline_batch *batch, const struct syncline_results *results, struct syncline_error *err)
{
	const struct syncline_batch_service_v1 *service = w->object->instance->batch;
	uint32_t count = service->record_count(batch);

	if ((w->pending = csv_pool_alloc(&w->pool, sizeof *w->pending * (count + 1u))) == NULL)
		return syncline_fail_memory(err);
	for (uint32_t i = 0; i < count; i++) {
		struct syncline_error why = { .struct_size = sizeof why };
		struct syncline_record r = syncline_record(0);
		bool keyed;
		uint32_t result = service->record(batch, i, &r);

		if (result != SYNCLINE_OK)
			return syncline_fail(err, result, "Record %u of a batch can't be read.", i + 1);
		keyed = r.note.type == SYNCLINE_TYPE_BYTES && r.note.length == SYNCLINE_JOURNAL_KEY;
		if (keyed && syncline_journal_has(w->sink->journal, r.note.u.data)) {
			report_committed(w, batch, results, i);
			continue;
		}
		if ((result = put_record(w, &r, &why)) != SYNCLINE_OK) {
			struct syncline_write_result failed = { .struct_size = sizeof failed, .error_class = result, .error = &why };

			syncline_applied(&why, SYNCLINE_APPLIED_NO);
			results->report(results, i, &failed);
			continue;
		}
		w->pending[w->pending_count++] = i;
		if (keyed) {
			int claim = syncline_journal_claim(w->sink->journal, r.note.u.data);

			if (claim < 0)
				return syncline_fail_memory(err);
			if (claim == 0)
				continue; /* it stands in this very batch already */
			syncline_buffer_append(&w->keys, r.note.u.data, SYNCLINE_JOURNAL_KEY);
		}
		syncline_buffer_append(&w->rows, w->row.data, w->row.length);
	}
	return w->rows.failed || w->keys.failed ? syncline_fail_memory(err) : SYNCLINE_OK;
}

static uint32_t
prepare(struct work *w, struct csv_instance *in, const struct syncline_object *object, struct syncline_error *err)
{
	uint32_t result;

	syncline_buffer_init(&w->cell, 0);
	syncline_buffer_init(&w->row, 0);
	syncline_buffer_init(&w->rows, 0);
	syncline_buffer_init(&w->keys, 0);
	syncline_buffer_init(&w->id, 0);
	if ((result = csv_object_new(in, object, &w->object, err)) != SYNCLINE_OK || (result = sink_of(in, w->object, &w->sink, err)) != SYNCLINE_OK ||
	    (result = csv_codec_new(w->object->encoding, true, &w->codec, err)) != SYNCLINE_OK)
		return result;
	return syncline_buffer_reserve(&w->cell, 256) != 0 ? syncline_fail_memory(err) : SYNCLINE_OK;
}

static void
clean(struct work *w)
{
	syncline_buffer_free(&w->cell);
	syncline_buffer_free(&w->row);
	syncline_buffer_free(&w->rows);
	syncline_buffer_free(&w->keys);
	syncline_buffer_free(&w->id);
	csv_codec_free(w->codec);
	csv_pool_free(&w->pool);
	csv_object_free(w->object);
}

static uint32_t
write_batch(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_batch *batch,
            const struct syncline_results *results, struct syncline_error *err)
{
	struct work w = { 0 };
	uint32_t result = prepare(&w, instance, object, err);

	(void)call; /* a batch takes milliseconds; what was begun is brought to its end */
	if (result == SYNCLINE_OK)
		result = syncline_journal_begin(w.sink->journal, 1, err);
	/* What an earlier call promised and could not publish comes first. */
	if (result == SYNCLINE_OK && !w.object->per_run && w.sink->part.descriptor >= 0 && w.sink->part.promised)
		result = syncline_journal_publish(w.sink->journal, &w.sink->part, err);
	if (result == SYNCLINE_OK && (result = lay_out(&w, batch, err)) == SYNCLINE_OK)
		result = collect(&w, batch, results, err);
	if (result != SYNCLINE_OK)
		syncline_applied(err, SYNCLINE_APPLIED_NO);
	else if (w.pending_count > 0)
		result = store(&w, err);
	for (uint32_t i = 0; result == SYNCLINE_OK && i < w.pending_count; i++)
		report_committed(&w, batch, results, w.pending[i]);
	clean(&w);
	return result;
}

static uint32_t
finish(void *instance, const struct syncline_call *call, const struct syncline_object *object, struct syncline_error *err)
{
	struct csv_instance *in = instance;
	struct csv_object *o = NULL;
	struct syncline_journal *journal;
	uint32_t result;

	(void)call;
	for (struct csv_sink *s = in->sinks; s != NULL; s = s->next)
		if (strcmp(s->alias, object->alias != NULL ? object->alias : "") == 0)
			return s->part.descriptor >= 0 && s->part.promised ? syncline_journal_publish(s->journal, &s->part, err) : SYNCLINE_OK;
	/* Nothing was written here.  What a process that is gone has promised is published when the journal is opened. */
	if ((result = csv_object_new(in, object, &o, err)) == SYNCLINE_OK && o->import_directory != NULL)
		result = journal_of(in, o, &journal, err);
	csv_object_free(o);
	return result;
}

const struct syncline_sink_v1 csv_sink = { .struct_size = sizeof csv_sink, .write = write_batch, .finish = finish };
