/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * look.c: records by id or by values, their number, and what the files look like: all by going through the lines.  A batch's
 * fields must be known before its first record, so find and get go through them twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "jsonl.h"

#define GUESS_LINES 1000u

struct walk {
	struct instance *c;
	const struct syncline_call *call;
	struct files files;
	struct lines lines;
	int keep_names;
	/* For each loaded line; non-zero ends the walk. */
	int (*visit)(void *data, struct walk *walk, uint32_t at, uint32_t *ret_result, struct syncline_error *err);
	void *data;
};

static uint32_t
walk_file(struct walk *w, const struct file *file, int *ret_stop, struct syncline_error *err)
{
	int fd = openat(file_folder(&w->files, file), file->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	uint32_t result;

	if (fd < 0)
		return errno == ENOENT ? SYNCLINE_OK : syncline_fail_errno(err, errno, "The file %s/%s can't be opened.", w->files.directory, file->name);
	lines_start(&w->lines, fd, 0, 0);
	do {
		result = lines_load(&w->lines, w->call, w->keep_names, err);
		for (uint32_t i = 0; result == SYNCLINE_OK && !*ret_stop && i < w->lines.line_count; i++)
			*ret_stop = w->visit(w->data, w, i, &result, err);
	} while (result == SYNCLINE_OK && !*ret_stop && w->lines.line_count > 0);
	close(fd);
	return result;
}

static uint32_t
walk(struct walk *w, struct syncline_error *err)
{
	uint32_t result = SYNCLINE_OK;
	int stop = 0;

	for (size_t i = 0; result == SYNCLINE_OK && !stop && i < w->files.count; i++)
		result = walk_file(w, &w->files.items[i], &stop, err);
	return result;
}

static uint32_t
begin(struct walk *w, void *instance, const struct syncline_call *call, const struct syncline_object *their_object, struct syncline_error *err)
{
	struct syncline_object object;
	uint32_t result;

	memset(w, 0, sizeof *w);
	w->files.folder = w->files.archive = -1;
	w->c = instance;
	w->call = call;
	SYNCLINE_COPY(&object, their_object);
	result = files_find(w->c, &object, 1, &w->files, err);
	return result == SYNCLINE_OK ? lines_init(&w->lines, w->c, &object, err) : result;
}

static void
end(struct walk *w)
{
	files_free(&w->files);
	lines_free(&w->lines);
}

static int
same_value(const struct syncline_value *a, const struct syncline_value *b)
{
	if (a->type == SYNCLINE_TYPE_BOOLEAN || a->type == SYNCLINE_TYPE_INTEGER || a->type == SYNCLINE_TYPE_TIMESTAMP || a->type == SYNCLINE_TYPE_DATE ||
	    b->type == SYNCLINE_TYPE_BOOLEAN || b->type == SYNCLINE_TYPE_INTEGER || b->type == SYNCLINE_TYPE_TIMESTAMP || b->type == SYNCLINE_TYPE_DATE)
		return a->type == b->type && a->u.integer == b->u.integer;
	return (a->type == SYNCLINE_TYPE_ABSENT ? SYNCLINE_TYPE_NULL : a->type) == b->type && a->length == b->length &&
	       (a->length == 0 || memcmp(a->u.data, b->u.data, a->length) == 0);
}

struct search {
	const struct syncline_criterion *criteria;
	uint32_t count, limit, found;
	const struct syncline_slice *ids;
	uint64_t *last; /* per id: the line of all lines that had it last, 0: none */
	uint64_t order;
	struct syncline_batch *batch; /* NULL: names are collected first */
};

static int
matches(const struct search *s, const struct walk *w, const struct syncline_record *record)
{
	for (uint32_t i = 0; s->criteria != NULL && i < s->count; i++) {
		static const struct syncline_value absent;
		const struct syncline_value *value = &absent;

		for (uint32_t k = 0; k < record->value_count; k++)
			if (strcmp(w->lines.table->names[k], s->criteria[i].field) == 0)
				value = &record->values[k];
		if (!same_value(value, &s->criteria[i].value))
			return 0;
	}
	if (s->criteria != NULL)
		return record->op == SYNCLINE_OP_SEEN;
	for (uint32_t i = 0; i < s->count; i++)
		if (record->native_id.type == SYNCLINE_TYPE_TEXT && record->native_id.length == s->ids[i].length &&
		    (s->ids[i].length == 0 || memcmp(record->native_id.u.data, s->ids[i].data, s->ids[i].length) == 0)) {
			if (s->batch == NULL)
				s->last[i] = s->order;
			return s->last[i] == s->order;
		}
	return 0;
}

static int
visit_search(void *data, struct walk *w, uint32_t at, uint32_t *ret_result, struct syncline_error *err)
{
	struct search *s = data;
	struct syncline_record record;

	s->order++;
	if (s->batch == NULL && s->ids == NULL)
		return 0;
	*ret_result = lines_record(&w->lines, at, &record, err);
	if (*ret_result != SYNCLINE_OK || !matches(s, w, &record) || s->batch == NULL)
		return *ret_result != SYNCLINE_OK;
	*ret_result = lines_add(&w->lines, s->batch, &record, err);
	return *ret_result != SYNCLINE_OK || ++s->found == s->limit;
}

static uint32_t
search(struct walk *w, struct search *s, struct syncline_batch *batch, struct syncline_error *err)
{
	uint32_t result;

	w->keep_names = 1;
	w->visit = visit_search;
	w->data = s;
	result = walk(w, err);
	if (result != SYNCLINE_OK)
		return result;
	s->batch = batch;
	s->order = 0;
	result = lines_set_fields(&w->lines, batch, w->files.directory, NULL, err);
	return result == SYNCLINE_OK ? walk(w, err) : result;
}

static uint32_t
find(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_criterion *criteria,
     uint32_t count, uint32_t limit, struct syncline_batch *batch, struct syncline_error *err)
{
	struct search s = { .criteria = criteria, .count = count, .limit = limit };
	struct walk w;
	uint32_t result = begin(&w, instance, call, object, err);

	if (result == SYNCLINE_OK)
		result = search(&w, &s, batch, err);
	end(&w);
	return result;
}

/* Of several lines with one id the last counts: files may be a history. */
uint32_t
look_get(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_slice *native_ids,
         uint32_t count, struct syncline_batch *batch, struct syncline_error *err)
{
	struct search s = { .ids = native_ids, .count = count, .limit = UINT32_MAX, .last = calloc((size_t)count + 1, sizeof *s.last) };
	struct walk w;
	uint32_t result;

	if (s.last == NULL)
		return syncline_fail_memory(err);
	result = begin(&w, instance, call, object, err);
	if (result == SYNCLINE_OK)
		result = search(&w, &s, batch, err);
	for (uint32_t i = 0; result == SYNCLINE_OK && i < count; i++) {
		struct syncline_record gone = syncline_record(SYNCLINE_OP_DELETED);

		gone.native_id = syncline_text(native_ids[i].data, native_ids[i].length);
		if (s.last[i] == 0)
			result = w.c->batch->add(batch, &gone, err);
	}
	end(&w);
	free(s.last);
	return result;
}

static int
visit_count(void *data, struct walk *w, uint32_t at, uint32_t *ret_result, struct syncline_error *err)
{
	(void)err;
	(void)ret_result;
	if (w->lines.line[at].fault == NULL)
		++*(uint64_t *)data;
	return 0;
}

static uint32_t
count_all(void *instance, const struct syncline_call *call, const struct syncline_object *object, uint64_t *ret_count, struct syncline_error *err)
{
	uint64_t count = 0;
	struct walk w;
	uint32_t result = begin(&w, instance, call, object, err);

	if (result == SYNCLINE_OK) {
		w.visit = visit_count;
		w.data = &count;
		result = walk(&w, err);
	}
	end(&w);
	if (result == SYNCLINE_OK)
		*ret_count = count;
	return result;
}

struct guess {
	uint8_t types[SYNCLINE_FIELDS_MAX];
	uint32_t lines, bad;
};

/* The narrowest type that takes all values seen: a text that is a date in one line and not in the next is a text. */
static uint8_t
guess_type(const struct cell *cell, uint8_t before)
{
	int64_t number;
	uint8_t type = SYNCLINE_TYPE_TEXT;

	switch (cell->kind) {
	case JSON_NULL:
		return before;
	case JSON_TRUE:
	case JSON_FALSE:
		type = SYNCLINE_TYPE_BOOLEAN;
		break;
	case JSON_INTEGER:
		type = before == SYNCLINE_TYPE_DECIMAL ? SYNCLINE_TYPE_DECIMAL : SYNCLINE_TYPE_INTEGER;
		break;
	case JSON_DECIMAL:
	case JSON_EXPONENT:
		type = SYNCLINE_TYPE_DECIMAL;
		before = before == SYNCLINE_TYPE_INTEGER ? SYNCLINE_TYPE_DECIMAL : before;
		break;
	case JSON_NESTED:
		type = SYNCLINE_TYPE_JSON;
		break;
	default:
		if (syncline_text_to_date(NULL, cell->data, cell->length, &number) == 0)
			type = SYNCLINE_TYPE_DATE;
		else if (syncline_text_to_timestamp(NULL, cell->data, cell->length, &number, NULL) == 0)
			type = SYNCLINE_TYPE_TIMESTAMP;
	}
	if (before == SYNCLINE_TYPE_ABSENT || before == type)
		return type;
	return (before == SYNCLINE_TYPE_TEXT || before == SYNCLINE_TYPE_DATE || before == SYNCLINE_TYPE_TIMESTAMP) &&
	       (type == SYNCLINE_TYPE_TEXT || type == SYNCLINE_TYPE_DATE || type == SYNCLINE_TYPE_TIMESTAMP) ? SYNCLINE_TYPE_TEXT : SYNCLINE_TYPE_JSON;
}

static int
visit_guess(void *data, struct walk *w, uint32_t at, uint32_t *ret_result, struct syncline_error *err)
{
	const struct line *line = &w->lines.line[at];
	struct guess *g = data;

	(void)err;
	(void)ret_result;
	g->bad += line->fault != NULL;
	for (uint32_t i = 0; line->fault == NULL && i < line->count; i++) {
		const struct cell *cell = &w->lines.cells[line->first + i];

		g->types[cell->field] = guess_type(cell, g->types[cell->field]);
	}
	return ++g->lines == GUESS_LINES;
}

static uint32_t
fields(void *instance, const struct syncline_call *call, const struct syncline_object *object, const struct syncline_findings *findings,
       struct syncline_error *err)
{
	struct guess *g = calloc(1, sizeof *g);
	struct walk w;
	char text[160];
	uint32_t result;

	if (g == NULL)
		return syncline_fail_memory(err);
	result = begin(&w, instance, call, object, err);
	if (result == SYNCLINE_OK) {
		w.keep_names = 1;
		w.visit = visit_guess;
		w.data = g;
		result = walk(&w, err);
	}
	for (uint32_t i = 0; result == SYNCLINE_OK && i < w.lines.table->count; i++) {
		struct syncline_field field = syncline_field(w.lines.table->names[i], g->types[i], 0);

		for (uint32_t k = 0; k < w.lines.shape.key_count; k++)
			if (strcmp(w.lines.shape.keys[k], field.name) == 0)
				field.flags |= SYNCLINE_FIELD_KEY;
		findings->field(findings, &field);
	}
	if (result == SYNCLINE_OK && g->lines == 0)
		findings->remark(findings, SYNCLINE_LOG_WARNING, NULL, "No complete file with lines was found.", "Look at directory, native and complete.");
	if (result == SYNCLINE_OK && g->bad > 0) {
		snprintf(text, sizeof text, "%u of the first %u lines can't be read.", g->bad, g->lines);
		findings->remark(findings, SYNCLINE_LOG_WARNING, NULL, text, "A read lists them as rejects, each with its reason.");
	}
	end(&w);
	free(g);
	return result;
}

/* Each file could be an object; which pattern joins them only people know. */
static uint32_t
objects(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	struct instance *c = instance;
	const struct syncline_settings none = { .struct_size = sizeof none };
	const struct syncline_object all = { .struct_size = sizeof all, .alias = "", .native = "*.jsonl", .settings = &none };
	struct files files = { .folder = -1, .archive = -1 };
	uint32_t result = files_find(c, &all, 0, &files, err);

	(void)call;
	for (size_t i = 0; result == SYNCLINE_OK && i < files.count; i++) {
		struct syncline_object_info info = { .struct_size = sizeof info, .native = files.items[i].name };

		if (strlen(info.native) <= SYNCLINE_NAME_MAX && syncline_is_utf8(info.native, strlen(info.native)))
			findings->object(findings, &info);
	}
	files_free(&files);
	return result;
}

static uint32_t
check(void *instance, const struct syncline_call *call, const struct syncline_findings *findings, struct syncline_error *err)
{
	static const char *const names[] = { "directory", "import_directory", "archive_directory" };
	struct instance *c = instance;

	(void)call;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *path = syncline_setting_text(NULL, c->settings, names[i], NULL);
		char text[512];
		uint32_t result;
		int fd;

		if (path == NULL)
			continue;
		result = folder_open(path, names[i], &fd, err);
		if (result != SYNCLINE_OK)
			return result;
		if (faccessat(fd, ".", i == 0 ? R_OK | X_OK : W_OK | X_OK, 0) != 0) {
			snprintf(text, sizeof text, "The folder %.300s (%s) can't be %s.", path, names[i], i == 0 ? "read" : "written");
			findings->remark(findings, SYNCLINE_LOG_ERROR, NULL, text, "Give the agent's user rights on it.");
		}
		close(fd);
	}
	return SYNCLINE_OK;
}

const struct syncline_find_v1 find_part = { .struct_size = sizeof find_part, .find = find };
const struct syncline_count_v1 count_part = { .struct_size = sizeof count_part, .count = count_all };
const struct syncline_discover_v1 discover_part = { .struct_size = sizeof discover_part, .objects = objects, .fields = fields };
const struct syncline_check_v1 check_part = { .struct_size = sizeof check_part, .check = check };
