/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-bed.h: the connector's shared object on the bench, with a folder of its own: for the tests of reading and of writing.
 */
#ifndef CSV_TEST_BED_H
#define CSV_TEST_BED_H

#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <syncline/helper.h>

#include "../sdk/checker/bench.h"
#include "check.h"

#define ITEMS 24
struct bed {
	struct bench bench;
	const struct syncline_connector *c;
	void *instance;
	struct syncline_setting items[ITEMS];
	const char *lists[ITEMS][8];
	char copies[ITEMS][64]; /* of lists, cut into items */
	struct syncline_settings system, none;
	struct syncline_object object;
	const char *key[4];
	char root[64], in[96], out[96], archive[96];
};

static inline const void *
part(const struct bed *b, const char *id)
{
	for (uint32_t i = 0; i < b->c->part_count; i++)
		if (strcmp(b->c->parts[i].id, id) == 0)
			return b->c->parts[i].table;
	fail_msg("no part %s", id);
	return NULL;
}

/* A setting by the type that the descriptor gives it; text of a list: its items separated by blanks. */
static inline void
set(struct bed *b, const char *name, const char *text)
{
	struct syncline_setting *s = &b->items[b->system.count];
	uint32_t at = 0;

	assert_true(b->system.count < ITEMS);
	while (at < b->c->param_count && strcmp(b->c->params[at].name, name) != 0)
		at++;
	assert_true(at < b->c->param_count);
	*s = (struct syncline_setting){ .struct_size = sizeof *s, .type = b->c->params[at].type, .configured = 1, .name = name, .text = "" };
	if (s->type == SYNCLINE_PARAM_LIST) {
		char *copy = b->copies[b->system.count], *save = NULL;

		snprintf(copy, sizeof b->copies[0], "%s", text);
		for (char *item = strtok_r(copy, " ", &save); item != NULL && s->list_count < 8; item = strtok_r(NULL, " ", &save))
			b->lists[b->system.count][s->list_count++] = strcmp(item, "\"\"") == 0 ? "" : item;
		s->list = b->lists[b->system.count];
	} else if (s->type == SYNCLINE_PARAM_BOOLEAN) {
		s->integer = strcmp(text, "true") == 0;
	} else if (s->type == SYNCLINE_PARAM_INTEGER || s->type == SYNCLINE_PARAM_DURATION || s->type == SYNCLINE_PARAM_SIZE) {
		s->integer = atoll(text);
	} else {
		s->text = text;
	}
	b->system.count++;
}

static inline void
reopen(struct bed *b)
{
	struct syncline_error err = { .struct_size = sizeof err };

	if (b->instance != NULL)
		b->c->close(b->instance);
	b->instance = NULL;
	if (b->c->open(&b->bench.host, bench_call(&b->bench, 0), &b->system, &b->instance, &err) != SYNCLINE_OK)
		fail_msg("%s %s", err.message, err.hint);
}

/* Defaults as the host gives them, then the folders; files are complete at once unless a test says otherwise. */
static inline int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof *b);
#ifndef CSV_KILL
	const struct syncline_connector *(*entry)(void);
	char path[4096];
	void *so;
#endif

	if (b == NULL)
		return -1;
#ifdef CSV_KILL
	b->c = syncline_connector();
#else
	snprintf(path, sizeof path, "%s/.libs/csv.so", getenv("SYNCLINE_BUILD") != NULL ? getenv("SYNCLINE_BUILD") : ".");
	if ((so = dlopen(path, RTLD_NOW | RTLD_LOCAL)) == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return -1;
	}
	*(void **)&entry = dlsym(so, SYNCLINE_CONNECTOR_SYMBOL);
	b->c = entry();
#endif
	bench_init(&b->bench);
	strcpy(b->root, "/tmp/syncline-csv.XXXXXX");
	if (mkdtemp(b->root) == NULL)
		return -1;
	snprintf(b->in, sizeof b->in, "%s/in", b->root);
	snprintf(b->out, sizeof b->out, "%s/out", b->root);
	snprintf(b->archive, sizeof b->archive, "%s/archive", b->root);
	if (mkdir(b->in, 0700) != 0 || mkdir(b->out, 0700) != 0 || mkdir(b->archive, 0700) != 0)
		return -1;
	b->system = (struct syncline_settings){ sizeof b->system, 0, b->items };
	b->none = (struct syncline_settings){ sizeof b->none, 0, NULL };
	b->object = (struct syncline_object){ .struct_size = sizeof b->object, .alias = "things", .native = "*.csv", .key = b->key,
		                              .settings = &b->none };
	set(b, "directory", b->in);
	set(b, "import_directory", b->out);
	set(b, "complete", "rename");
	set(b, "true_if", "true yes 1");
	set(b, "false_if", "false no 0");
	*state = b;
	return 0;
}

static inline int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline int
teardown(void **state)
{
	struct bed *b = *state;

	if (b->instance != NULL)
		b->c->close(b->instance);
	bench_free(&b->bench);
	nftw(b->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(b);
	return 0;
}

static inline void
put_file(const char *folder, const char *name, const char *text, size_t length)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	assert_non_null(file = fopen(path, "wb"));
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static inline bool
there(const char *folder, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", folder, name);
	return access(path, F_OK) == 0;
}

static inline void
key(struct bed *b, const char *first, const char *second)
{
	b->key[0] = first;
	b->key[1] = second;
	b->object.key_count = second != NULL ? 2 : 1;
}

/* One read, as text: a line a record, "id: a|b" or "!id: line PLACE: note". */
struct reading {
	struct syncline_buffer text;
	struct syncline_buffer position;
	unsigned records, rejects, batches, complete;
	uint32_t klass;
	struct syncline_error err;
};

static inline void
show(struct syncline_buffer *out, const struct syncline_value *v)
{
	switch (v->type) {
	case SYNCLINE_TYPE_ABSENT: syncline_buffer_text(out, "~"); break;
	case SYNCLINE_TYPE_NULL: syncline_buffer_text(out, "NULL"); break;
	case SYNCLINE_TYPE_BOOLEAN: syncline_buffer_text(out, v->u.integer ? "b:1" : "b:0"); break;
	case SYNCLINE_TYPE_INTEGER: syncline_buffer_format(out, "i:%lld", (long long)v->u.integer); break;
	case SYNCLINE_TYPE_DATE: syncline_buffer_format(out, "D:%lld", (long long)v->u.integer); break;
	case SYNCLINE_TYPE_TIMESTAMP: syncline_buffer_format(out, "T:%lld", (long long)v->u.integer); break;
	case SYNCLINE_TYPE_DECIMAL: syncline_buffer_text(out, "d:"); /* FALLTHROUGH */
	default: syncline_buffer_append(out, v->u.data, v->length);
	}
}

static inline void
show_batch(struct reading *r, struct syncline_batch *batch)
{
	struct error e = { 0 };

	assert_int_equal(bench_batch_finish(batch, &e), 0);
	for (uint32_t i = 0; i < bench_batch_service.record_count(batch); i++) {
		struct syncline_record rec = syncline_record(0);

		assert_int_equal(bench_batch_service.record(batch, i, &rec), SYNCLINE_OK);
		if (rec.op == SYNCLINE_OP_REJECT)
			r->rejects++;
		else
			r->records++;
		syncline_buffer_text(&r->text, rec.op == SYNCLINE_OP_REJECT ? "!" : rec.op == SYNCLINE_OP_DELETED ? "-" : "");
		show(&r->text, &rec.native_id);
		syncline_buffer_text(&r->text, ": ");
		if (rec.op == SYNCLINE_OP_REJECT) {
			syncline_buffer_format(&r->text, "line %llu: ", (unsigned long long)rec.place);
			show(&r->text, &rec.note);
		}
		for (uint32_t k = 0; rec.op == SYNCLINE_OP_SEEN && k < rec.value_count; k++) {
			if (k > 0)
				syncline_buffer_char(&r->text, '|');
			show(&r->text, &rec.values[k]);
		}
		syncline_buffer_char(&r->text, '\n');
	}
}

static inline void
reading_free(struct reading *r)
{
	syncline_buffer_free(&r->text);
	syncline_buffer_free(&r->position);
}

/* Reads from r's position on; batches: at most so many, 0: to the end. */
static inline void
read_on(struct bed *b, struct reading *r, bool full, uint32_t limit, unsigned batches)
{
	const struct syncline_source_v1 *source = part(b, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request, .full = full, .record_limit = limit };
	struct syncline_read_state state = { .struct_size = sizeof state };
	void *reader = NULL;

	request.position = syncline_slice(r->position.data, r->position.length);
	r->err = (struct syncline_error){ .struct_size = sizeof r->err };
	r->complete = r->records = r->rejects = r->batches = 0;
	syncline_buffer_clear(&r->text);
	r->klass = source->open_read(b->instance, bench_call(&b->bench, 0), &b->object, &request, &reader, &r->err);
	while (r->klass == SYNCLINE_OK && !state.end && (batches == 0 || r->batches < batches)) {
		struct error e = { 0 };
		struct syncline_batch *batch = bench_batch_new(&e);

		assert_non_null(batch);
		r->klass = source->next(reader, bench_call(&b->bench, 0), batch, &state, &r->err);
		if (r->klass == SYNCLINE_OK) {
			show_batch(r, batch);
			r->batches++;
			syncline_buffer_clear(&r->position);
			syncline_buffer_append(&r->position, state.position.data, state.position.length);
			if (state.end && state.completeness_count == 1)
				r->complete = state.completeness[0].complete;
		}
		bench_batch_free(batch);
	}
	if (reader != NULL)
		source->close_read(reader);
	syncline_buffer_string(&r->text);
}

static inline void
read_all(struct bed *b, struct reading *r)
{
	memset(r, 0, sizeof *r);
	read_on(b, r, false, 0, 0);
	if (r->klass != SYNCLINE_OK)
		fail_msg("%u %s | %s | %s", r->klass, r->err.message, r->err.detail, r->err.hint);
}

#endif
