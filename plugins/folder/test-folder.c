/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-folder.c: the folder connector on a bench: what it stores, shows, refuses and survives.  With FOLDER_COARSE it is linked
 * in, and the file system keeps no more than whole seconds.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>
#include <syncline/helper.h>

#include "../sdk/checker/bench.h"
#include "check.h"

struct fixture {
	struct bench bench;
	const struct syncline_connector *c;
	void *instance;
	struct syncline_setting settings[2];
	struct syncline_settings system, none;
	struct syncline_object object;
	const char *key[1];
	char root[64];
};

static const void *
part(const struct fixture *f, const char *id)
{
	for (uint32_t i = 0; i < f->c->part_count; i++)
		if (strcmp(f->c->parts[i].id, id) == 0)
			return f->c->parts[i].table;
	fail_msg("no part %s", id);
	return NULL;
}

static void
open_instance(struct fixture *f)
{
	struct syncline_error err = { .struct_size = sizeof err };

	if (f->c->open(&f->bench.host, bench_call(&f->bench, 0), &f->system, &f->instance, &err) != SYNCLINE_OK)
		fail_msg("%s %s", err.message, err.detail);
}

#ifdef FOLDER_COARSE
int __real_fstat(int fd, struct stat *st);
int __wrap_fstat(int fd, struct stat *st);
int
__wrap_fstat(int fd, struct stat *st)
{
	int result = __real_fstat(fd, st);

	st->st_mtim.tv_nsec = st->st_ctim.tv_nsec = 0;
	return result;
}
#endif

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
#ifndef FOLDER_COARSE
	const struct syncline_connector *(*entry)(void);
	char path[4096];
	void *so;
#endif

	if (f == NULL || sodium_init() < 0)
		return -1;
#ifdef FOLDER_COARSE
	f->c = syncline_connector();
#else
	snprintf(path, sizeof path, "%s/.libs/folder.so", getenv("SYNCLINE_BUILD") != NULL ? getenv("SYNCLINE_BUILD") : ".");
	so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (so == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		return -1;
	}
	*(void **)&entry = dlsym(so, SYNCLINE_CONNECTOR_SYMBOL);
	f->c = entry();
#endif
	bench_init(&f->bench);
	strcpy(f->root, "/tmp/syncline-folder.XXXXXX");
	if (mkdtemp(f->root) == NULL)
		return -1;
	f->settings[0] = (struct syncline_setting){ .struct_size = sizeof f->settings[0], .type = SYNCLINE_PARAM_PATH, .configured = 1,
		                                    .name = "directory", .text = f->root };
	f->settings[1] = (struct syncline_setting){ .struct_size = sizeof f->settings[0], .type = SYNCLINE_PARAM_BOOLEAN, .configured = 1,
		                                    .name = "versions", .text = "", .integer = 1 };
	f->system = (struct syncline_settings){ sizeof f->system, 1, f->settings };
	f->none = (struct syncline_settings){ sizeof f->none, 0, NULL };
	f->key[0] = "path";
	f->object = (struct syncline_object){ .struct_size = sizeof f->object, .alias = "files", .native = "/bills", .key = f->key, .key_count = 1,
		                              .external_key = "ref", .content = "content", .settings = &f->none };
	open_instance(f);
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	f->c->close(f->instance);
	bench_free(&f->bench);
	nftw(f->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* Stores a stream and gives its reference. */
static uint32_t
stage(struct fixture *f, const char *bytes, char *reference)
{
	const struct syncline_content_v1 *c = part(f, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info, .length = UINT64_MAX, .media_type = "application/pdf" };
	struct syncline_error err = { .struct_size = sizeof err };
	void *stream;
	size_t length = 0;
	uint32_t result = c->open_write(f->instance, bench_call(&f->bench, 0), &f->object, &info, &stream, &err);

	if (result != SYNCLINE_OK)
		return result;
	assert_int_equal(c->write(stream, bench_call(&f->bench, 0), bytes, strlen(bytes), &err), SYNCLINE_OK);
	info.length = strlen(bytes);
	info.has_hash = 1;
	crypto_hash_sha256(info.sha256, (const unsigned char *)bytes, strlen(bytes));
	result = c->finish_write(stream, bench_call(&f->bench, 0), &info, reference, &length, &err);
	reference[length] = '\0';
	return result;
}

struct outcome {
	uint32_t klass, applied, reports;
	char native_id[512], version[128], message[256];
};

static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *r)
{
	struct outcome *o = results->host_data;

	assert_int_equal(index, 0);
	o->reports++;
	o->klass = r->error_class;
	snprintf(o->native_id, sizeof o->native_id, "%.*s", (int)r->native_id.length, r->native_id.length ? (const char *)r->native_id.data : "");
	snprintf(o->version, sizeof o->version, "%.*s", (int)r->version.length, r->version.length ? (const char *)r->version.data : "");
	if (r->error != NULL) {
		o->applied = r->error->applied;
		snprintf(o->message, sizeof o->message, "%s", r->error->message);
	}
}

#define ABSENT ((struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT })

/* One write of: path, ref, content, number, total, retention. */
static struct outcome
put(struct fixture *f, uint8_t op, const char *id, const char *path, const char *ref, const char *content, const char *number, const char *total,
    const char *retention, const char *version)
{
	const struct syncline_sink_v1 *sink = part(f, "sink/1");
	const struct syncline_field fields[] = {
		syncline_field("path", SYNCLINE_TYPE_TEXT, 0), syncline_field("ref", SYNCLINE_TYPE_TEXT, 0),
		syncline_field("content", SYNCLINE_TYPE_CONTENT, 0), syncline_field("number", SYNCLINE_TYPE_TEXT, 0),
		syncline_field("total", SYNCLINE_TYPE_DECIMAL, 0), syncline_field("retention", SYNCLINE_TYPE_DATE, 0),
	};
	struct syncline_value values[6] = { ABSENT, ABSENT, ABSENT, ABSENT, ABSENT, ABSENT };
	struct syncline_record record = syncline_record(op);
	struct outcome o = { .klass = 99 };
	struct syncline_results results = { .struct_size = sizeof results, .report = report, .host_data = &o };
	struct syncline_error err = { .struct_size = sizeof err };
	struct error e = { 0 };
	struct syncline_batch *b = bench_batch_new(&e);
	int64_t days;

	assert_non_null(b);
	if (path != NULL)
		values[0] = syncline_string(path);
	if (ref != NULL)
		values[1] = syncline_string(ref);
	if (content != NULL)
		values[2] = syncline_content(content, strlen(content));
	if (number != NULL)
		values[3] = syncline_string(number);
	if (total != NULL)
		values[4] = syncline_decimal(total, strlen(total));
	if (retention != NULL) {
		assert_int_equal(syncline_text_to_date(NULL, retention, strlen(retention), &days), 0);
		values[5] = syncline_date(days);
	}
	if (id != NULL)
		record.native_id = syncline_string(id);
	if (version != NULL)
		record.version = syncline_string(version);
	record.value_count = 6;
	record.values = values;
	assert_int_equal(bench_batch_service.set_fields(b, fields, 6, &err), SYNCLINE_OK);
	assert_int_equal(bench_batch_service.add(b, &record, &err), SYNCLINE_OK);
	assert_int_equal(bench_batch_finish(b, &e), 0);
	if (sink->write(f->instance, bench_call(&f->bench, 0), &f->object, b, &results, &err) != SYNCLINE_OK)
		fail_msg("%s", err.message);
	assert_int_equal(o.reports, 1);
	bench_batch_free(b);
	return o;
}

/* All that a read shows: "path,path,…", and the position behind it. */
static void
show(struct fixture *f, uint32_t full, const char *position, char *paths, size_t size, char *ret_position, int *ret_complete)
{
	const struct syncline_source_v1 *source = part(f, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request, .full = full };
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct syncline_error err = { .struct_size = sizeof err };
	void *reader;

	paths[0] = '\0';
	if (position != NULL)
		request.position = syncline_slice(position, strlen(position));
	if (source->open_read(f->instance, bench_call(&f->bench, 0), &f->object, &request, &reader, &err) != SYNCLINE_OK)
		fail_msg("%s %s", err.message, err.hint);
	do {
		struct error e = { 0 };
		struct syncline_batch *b = bench_batch_new(&e);

		state = (struct syncline_read_state){ .struct_size = sizeof state };
		if (source->next(reader, bench_call(&f->bench, 0), b, &state, &err) != SYNCLINE_OK)
			fail_msg("%s %s", err.message, err.detail);
		if (bench_batch_finish(b, &e) != 0)
			fail_msg("%s", e.message);
		for (uint32_t i = 1; i < b->batch->header->field_count; i++)
			for (uint32_t k = 0; k < i; k++) {
				struct batch_field one, other;

				batch_field(b->batch, i, &one);
				batch_field(b->batch, k, &other);
				if (one.name_length == other.name_length && memcmp(one.name, other.name, one.name_length) == 0)
					fail_msg("the batch has the field %.*s twice", (int)one.name_length, one.name);
			}
		for (uint32_t i = 0; i < b->batch->header->record_count; i++) {
			struct syncline_record r = { .struct_size = sizeof r };

			bench_batch_service.record(b, i, &r);
			snprintf(paths + strlen(paths), size - strlen(paths), "%s%s%.*s", paths[0] ? "," : "", r.op == SYNCLINE_OP_REJECT ? "!" : "",
			         (int)r.native_id.length, r.native_id.length ? (const char *)r.native_id.u.data : "");
		}
		bench_batch_free(b);
	} while (!state.end);
	if (ret_position != NULL)
		snprintf(ret_position, 9000, "%.*s", (int)state.position.length, (const char *)state.position.data);
	if (ret_complete != NULL)
		*ret_complete = state.completeness_count == 1 && state.completeness[0].complete && state.completeness[0].tenant == NULL;
	source->close_read(reader);
}

/* The bytes that a document's reference gives, with the hash that is promised checked. */
static void
content_of(struct fixture *f, const char *path, char *text, size_t size)
{
	const struct syncline_content_v1 *c = part(f, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct syncline_error err = { .struct_size = sizeof err };
	char reference[600];
	struct syncline_slice slice;
	unsigned char hash[32];
	void *stream;
	size_t have = 0, n;

	snprintf(reference, sizeof reference, "doc:%s", path);
	slice = syncline_slice(reference, strlen(reference));
	if (c->open_read(f->instance, bench_call(&f->bench, 0), &f->object, &slice, &stream, &info, &err) != SYNCLINE_OK)
		fail_msg("%s", err.message);
	do {
		assert_int_equal(c->read(stream, bench_call(&f->bench, 0), text + have, 7 < size - 1 - have ? 7 : size - 1 - have, &n, &err), SYNCLINE_OK);
		have += n;
	} while (n > 0);
	text[have] = '\0';
	assert_int_equal(info.length, have);
	crypto_hash_sha256(hash, (const unsigned char *)text, have);
	if (info.has_hash)
		assert_memory_equal(hash, info.sha256, 32);
	c->close_read(stream);
}

static int
there(struct fixture *f, const char *path)
{
	char full[512];
	struct stat st;

	snprintf(full, sizeof full, "%s/bills/%s", f->root, path);
	return lstat(full, &st) == 0;
}

static void
by_hand(struct fixture *f, const char *path, const char *bytes)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof full, "%s/bills/%s", f->root, path);
	file = fopen(full, "w");
	assert_non_null(file);
	assert_true(fputs(bytes, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void
stores_and_shows(void **state)
{
	struct fixture *f = *state;
	char ref[SYNCLINE_CONTENT_REF_MAX], ref2[SYNCLINE_CONTENT_REF_MAX], text[256], position[9000];
	struct outcome o;
	int complete;

	assert_int_equal(stage(f, "PDF one", ref), SYNCLINE_OK);
	o = put(f, SYNCLINE_OP_CREATE, NULL, "2026/1.pdf", "id-1", ref, "4711", "12.50", "2036-12-31", NULL);
	assert_int_equal(o.klass, SYNCLINE_OK);
	assert_string_equal(o.native_id, "2026/1.pdf");
	content_of(f, "2026/1.pdf", text, sizeof text);
	assert_string_equal(text, "PDF one");
	assert_true(there(f, "2026/1.pdf.meta.json"));

	/* The same again, stream and all: harmless, and no twin under another path. */
	o = put(f, SYNCLINE_OP_CREATE, NULL, "2026/1.pdf", "id-1", ref, "4711", "12.50", "2036-12-31", NULL);
	assert_int_equal(o.klass, SYNCLINE_OK);
	o = put(f, SYNCLINE_OP_CREATE, NULL, "2027/other.pdf", "id-1", ref, "4711", "12.50", "2036-12-31", NULL);
	assert_int_equal(o.klass, SYNCLINE_OK);
	assert_string_equal(o.native_id, "2026/1.pdf");

	/* Another record's id or another content never takes the path. */
	assert_int_equal(stage(f, "PDF two", ref2), SYNCLINE_OK);
	o = put(f, SYNCLINE_OP_CREATE, NULL, "2026/1.pdf", "id-2", ref2, NULL, NULL, NULL, NULL);
	assert_int_equal(o.klass, SYNCLINE_CONFLICT);
	assert_int_equal(o.applied, SYNCLINE_APPLIED_NO);
	o = put(f, SYNCLINE_OP_UPDATE, "2026/1.pdf", NULL, NULL, ref2, NULL, NULL, NULL, NULL);
	assert_int_equal(o.klass, SYNCLINE_CONFLICT);
	content_of(f, "2026/1.pdf", text, sizeof text);
	assert_string_equal(text, "PDF one");

	o = put(f, SYNCLINE_OP_CREATE, NULL, "2026/a/2.pdf", "id-2", ref2, NULL, NULL, NULL, NULL);
	assert_int_equal(o.klass, SYNCLINE_OK);
	by_hand(f, "0.txt", "by hand");
	show(f, 1, NULL, text, sizeof text, position, &complete);
	assert_string_equal(text, "0.txt,2026/1.pdf,2026/a/2.pdf");
	assert_true(complete);
	/* Nothing is named that no record names, and nothing hidden is shown. */
	assert_false(there(f, "2027/other.pdf"));
}

#ifndef FOLDER_COARSE
static void
updates_and_retention(void **state)
{
	struct fixture *f = *state;
	char ref[SYNCLINE_CONTENT_REF_MAX], text[256];
	struct outcome o, first;

	assert_int_equal(stage(f, "bytes", ref), SYNCLINE_OK);
	first = put(f, SYNCLINE_OP_CREATE, NULL, "a.pdf", "id", ref, "1", "1.0", "2036-12-31", NULL);
	assert_int_equal(first.klass, SYNCLINE_OK);
	o = put(f, SYNCLINE_OP_UPDATE, "a.pdf", NULL, NULL, NULL, "2", NULL, NULL, first.version);
	assert_int_equal(o.klass, SYNCLINE_OK);
	assert_string_not_equal(o.version, first.version);
	/* A stale version is a conflict, unless it is this very write again. */
	assert_int_equal(put(f, SYNCLINE_OP_UPDATE, "a.pdf", NULL, NULL, NULL, "2", NULL, NULL, first.version).klass, SYNCLINE_OK);
	assert_int_equal(put(f, SYNCLINE_OP_UPDATE, "a.pdf", NULL, NULL, NULL, "3", NULL, NULL, first.version).klass, SYNCLINE_CONFLICT);
	/* Retention is only ever lengthened, and it protects. */
	assert_int_equal(put(f, SYNCLINE_OP_UPDATE, "a.pdf", NULL, NULL, NULL, NULL, NULL, "2030-01-01", NULL).klass, SYNCLINE_INVALID);
	assert_int_equal(put(f, SYNCLINE_OP_UPDATE, "a.pdf", NULL, NULL, NULL, NULL, NULL, "2040-01-01", NULL).klass, SYNCLINE_OK);
	assert_int_equal(put(f, SYNCLINE_OP_DELETE, "a.pdf", NULL, NULL, NULL, NULL, NULL, NULL, NULL).klass, SYNCLINE_INVALID);
	assert_true(there(f, "a.pdf"));
	/* Without retention a document goes, with all that belongs to it; again is not_found. */
	assert_int_equal(stage(f, "more", ref), SYNCLINE_OK);
	assert_int_equal(put(f, SYNCLINE_OP_CREATE, NULL, "b.pdf", NULL, ref, NULL, NULL, NULL, NULL).klass, SYNCLINE_OK);
	assert_int_equal(put(f, SYNCLINE_OP_DELETE, "b.pdf", NULL, NULL, NULL, NULL, NULL, NULL, NULL).klass, SYNCLINE_OK);
	assert_false(there(f, "b.pdf"));
	assert_false(there(f, "b.pdf.meta.json"));
	assert_int_equal(put(f, SYNCLINE_OP_DELETE, "b.pdf", NULL, NULL, NULL, NULL, NULL, NULL, NULL).klass, SYNCLINE_NOT_FOUND);
	assert_int_equal(put(f, SYNCLINE_OP_UPDATE, "b.pdf", NULL, NULL, NULL, "1", NULL, NULL, NULL).klass, SYNCLINE_NOT_FOUND);
	show(f, 1, NULL, text, sizeof text, NULL, NULL);
	assert_string_equal(text, "a.pdf");
}

#endif

static void
versions(void **state)
{
	struct fixture *f = *state;
	char ref[SYNCLINE_CONTENT_REF_MAX], text[256];

	f->system.count = 2;
	assert_int_equal(stage(f, "first", ref), SYNCLINE_OK);
	assert_int_equal(put(f, SYNCLINE_OP_CREATE, NULL, "v.txt", "id", ref, NULL, NULL, NULL, NULL).klass, SYNCLINE_OK);
	assert_int_equal(stage(f, "second", ref), SYNCLINE_OK);
	assert_int_equal(put(f, SYNCLINE_OP_UPDATE, "v.txt", NULL, NULL, ref, NULL, NULL, NULL, NULL).klass, SYNCLINE_OK);
	assert_int_equal(put(f, SYNCLINE_OP_UPDATE, "v.txt", NULL, NULL, ref, NULL, NULL, NULL, NULL).klass, SYNCLINE_OK); /* again */
	content_of(f, "v.txt", text, sizeof text);
	assert_string_equal(text, "second");
	assert_true(there(f, "v.txt.v1"));
	assert_false(there(f, "v.txt.v2"));
	show(f, 1, NULL, text, sizeof text, NULL, NULL);
	assert_string_equal(text, "v.txt");
	assert_int_equal(put(f, SYNCLINE_OP_DELETE, "v.txt", NULL, NULL, NULL, NULL, NULL, NULL, NULL).klass, SYNCLINE_OK);
	assert_false(there(f, "v.txt.v1"));
}

static void
refuses(void **state)
{
	static const char *const bad[] = { "../x", "/etc/x", "a/../../x", ".hidden", "a/.b", "x.meta.json", "x.v1", "a//b", "", "a\nb" };
	struct fixture *f = *state;
	char ref[SYNCLINE_CONTENT_REF_MAX], text[256], outside[128];
	const struct syncline_content_v1 *c = part(f, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_slice slice;
	void *stream = NULL;
	struct stat st;

	assert_int_equal(stage(f, "x", ref), SYNCLINE_OK);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct outcome o = put(f, SYNCLINE_OP_CREATE, NULL, bad[i], "id", ref, NULL, NULL, NULL, NULL);

		assert_int_equal(o.klass, SYNCLINE_INVALID);
		assert_int_equal(o.applied, SYNCLINE_APPLIED_NO);
	}
	/* A link out of the root is neither shown nor followed. */
	snprintf(outside, sizeof outside, "%s/bills/out", f->root);
	assert_int_equal(symlink("/tmp", outside), 0);
	assert_int_not_equal(put(f, SYNCLINE_OP_CREATE, NULL, "out/escaped.pdf", "id", ref, NULL, NULL, NULL, NULL).klass, SYNCLINE_OK);
	assert_int_equal(lstat("/tmp/escaped.pdf", &st), -1);
	snprintf(outside, sizeof outside, "%s/bills/passwd", f->root);
	assert_int_equal(symlink("/etc/passwd", outside), 0);
	show(f, 1, NULL, text, sizeof text, NULL, NULL);
	assert_string_equal(text, "");
	slice = syncline_slice("doc:passwd", 10);
	assert_int_not_equal(c->open_read(f->instance, bench_call(&f->bench, 0), &f->object, &slice, &stream, &info, &err), SYNCLINE_OK);
	slice = syncline_slice("doc:../../etc/passwd", 20);
	assert_int_not_equal(c->open_read(f->instance, bench_call(&f->bench, 0), &f->object, &slice, &stream, &info, &err), SYNCLINE_OK);
	assert_null(stream);
	/* A stream that arrived damaged isn't kept. */
	info = (struct syncline_content_info){ .struct_size = sizeof info, .length = UINT64_MAX };
	assert_int_equal(c->open_write(f->instance, bench_call(&f->bench, 0), &f->object, &info, &stream, &err), SYNCLINE_OK);
	assert_int_equal(c->write(stream, bench_call(&f->bench, 0), "abc", 3, &err), SYNCLINE_OK);
	info.length = 3;
	info.has_hash = 1;
	{
		size_t n = 77;

		assert_int_equal(c->finish_write(stream, bench_call(&f->bench, 0), &info, ref, &n, &err), SYNCLINE_INVALID);
		assert_int_equal(n, 77);
	}
	assert_int_equal(put(f, SYNCLINE_OP_CREATE, NULL, "new.pdf", "id9", NULL, NULL, NULL, NULL, NULL).klass, SYNCLINE_INVALID);
}

static void
pages_and_deltas(void **state)
{
	struct fixture *f = *state;
	char path[64], full[512], position[9000], text[20000];
	const struct syncline_count_v1 *count = part(f, "count/1");
	struct syncline_error err = { .struct_size = sizeof err };
	struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	uint64_t n;
	int commas = 0;

	snprintf(full, sizeof full, "%s/bills", f->root);
	assert_int_equal(mkdir(full, 0700), 0);
	for (int i = 0; i < 600; i++) {
		snprintf(path, sizeof path, "%03d.txt", i);
		by_hand(f, path, "x");
	}
	show(f, 1, NULL, text, sizeof text, position, NULL);
	for (char *p = text; *p != '\0'; p++)
		commas += *p == ',';
	assert_int_equal(commas, 599);
	assert_int_equal(count->count(f->instance, bench_call(&f->bench, 0), &f->object, &n, &err), SYNCLINE_OK);
	assert_int_equal(n, 600);
	/* In the middle of a full read: what stands behind, sorted, whatever was added before or behind. */
	by_hand(f, "000a.txt", "x");
	by_hand(f, "598a.txt", "x");
	show(f, 0, "1 F 0 1 3539372e747874", text, sizeof text, position, NULL); /* 597.txt */
	assert_string_equal(text, "598.txt,598a.txt,599.txt");
	/* A delta whose time lies before a change made just now, with an old modification time. */
	snprintf(full, sizeof full, "%s/bills/000.txt", f->root);
	assert_int_equal(utimensat(AT_FDCWD, full, old, 0), 0);
	show(f, 0, "1 D 1 0 -", text, sizeof text, position, NULL);
	assert_non_null(strstr(text, "000.txt"));
	show(f, 0, "1 D 9000000000000000 0 -", text, sizeof text, position, NULL);
	assert_string_equal(text, "");
	{
		static const char *const garbage[] = { "x", "1 F", "1 Q 1 1 -", "1 F 1 1 zz", "1 F -1 1 -", "1 F 0 1 2e2e", "1 F 0 1 00" };
		const struct syncline_source_v1 *source = part(f, "source/1");

		for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
			struct syncline_read_request request = { .struct_size = sizeof request,
				                                 .position = syncline_slice(garbage[i], strlen(garbage[i])) };
			void *reader = &n;

			assert_int_equal(source->open_read(f->instance, bench_call(&f->bench, 0), &f->object, &request, &reader, &err), SYNCLINE_INVALID);
			assert_ptr_equal(reader, &n);
		}
	}
}

static void
finds(void **state)
{
	struct fixture *f = *state;
	const struct syncline_find_v1 *find = part(f, "find/1");
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_criterion by_id = { "ref", syncline_string("id-7") }, by_total = { "total", syncline_decimal("7.50", 4) },
	                          by_path = { "path", syncline_string("7.pdf") }, none = { "ref", syncline_string("id-77") };
	struct syncline_criterion *all[] = { &by_id, &by_total, &by_path, &none };
	char ref[SYNCLINE_CONTENT_REF_MAX];

	for (int i = 5; i < 9; i++) {
		char path[32], id[32], total[32];

		snprintf(path, sizeof path, "%d.pdf", i);
		snprintf(id, sizeof id, "id-%d", i);
		snprintf(total, sizeof total, "%d.50", i);
		assert_int_equal(stage(f, path, ref), SYNCLINE_OK);
		assert_int_equal(put(f, SYNCLINE_OP_CREATE, NULL, path, id, ref, NULL, total, NULL, NULL).klass, SYNCLINE_OK);
	}
	for (size_t i = 0; i < 4; i++) {
		struct error e = { 0 };
		struct syncline_batch *b = bench_batch_new(&e);
		struct syncline_record r = { .struct_size = sizeof r };

		assert_int_equal(find->find(f->instance, bench_call(&f->bench, 0), &f->object, all[i], 1, 10, b, &err), SYNCLINE_OK);
		assert_int_equal(bench_batch_finish(b, &e), 0);
		assert_int_equal(b->batch->header->record_count, i < 3);
		if (i < 3) {
			bench_batch_service.record(b, 0, &r);
			assert_memory_equal(r.native_id.u.data, "7.pdf", 5);
		}
		bench_batch_free(b);
	}
}

/* Fields that several sidecars have are one field each, also where the last document of a page has none. */
static void
a_page_of_documents_with_and_without_metadata(void **state)
{
	struct fixture *f = *state;
	char ref[SYNCLINE_CONTENT_REF_MAX], text[256];

	for (const char *path = "ab"; *path != '\0'; path++) {
		char name[8] = { *path, '.', 'p', 'd', 'f', '\0' };

		assert_int_equal(stage(f, name, ref), SYNCLINE_OK);
		assert_int_equal(put(f, SYNCLINE_OP_CREATE, NULL, name, name, ref, "1", "2", NULL, NULL).klass, SYNCLINE_OK);
	}
	by_hand(f, "z.txt", "bytes");
	show(f, 1, NULL, text, sizeof text, NULL, NULL);
	assert_string_equal(text, "a.pdf,b.pdf,z.txt");
}

/* What may happen to a document between two reads of its bytes. */
enum change { REWRITTEN, REWRITTEN_BEHIND, GROWN, CUT, DATED_BACK, REPLACED, CHANGES };

static void
change_document(struct fixture *f, enum change how)
{
	char full[128], other[128];
	struct stat st;
	int fd;

	snprintf(full, sizeof full, "%s/bills/busy.txt", f->root);
	snprintf(other, sizeof other, "%s/bills/.other", f->root);
	assert_int_equal(stat(full, &st), 0);
	fd = open(how == REPLACED ? other : full, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	switch (how) {
	case REWRITTEN:
	case DATED_BACK:
		assert_int_equal(pwrite(fd, "BBBBBBBBBBBB", 12, 0), 12);
		break;
	case REWRITTEN_BEHIND:
		assert_int_equal(pwrite(fd, "BBBB", 4, 8), 4);
		break;
	case GROWN:
		assert_int_equal(pwrite(fd, "B", 1, 12), 1);
		break;
	case CUT:
		assert_int_equal(ftruncate(fd, 6), 0);
		break;
	default:
		assert_int_equal(write(fd, "BBBBBBBBBBBB", 12), 12);
		assert_int_equal(rename(other, full), 0);
	}
	if (how == DATED_BACK) {
		const struct timespec times[2] = { st.st_atim, st.st_mtim };

		assert_int_equal(futimens(fd, times), 0);
	}
	assert_int_equal(close(fd), 0);
}

/* Read to the end, changed behind so many bytes; what came.  Once it failed it goes on failing. */
static uint32_t
read_changing(struct fixture *f, enum change how, size_t behind, char *text)
{
	const struct syncline_content_v1 *c = part(f, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_slice slice = syncline_slice("doc:busy.txt", 12);
	void *stream;
	size_t have = 0, n = 0;
	uint32_t result;

	if (c->open_read(f->instance, bench_call(&f->bench, 0), &f->object, &slice, &stream, &info, &err) != SYNCLINE_OK)
		fail_msg("%s", err.message);
	do {
		if (have == behind)
			change_document(f, how);
		n = 0;
		result = c->read(stream, bench_call(&f->bench, 0), text + have, 4, &n, &err);
		have += n;
	} while (result == SYNCLINE_OK && n > 0);
	text[have] = '\0';
	if (result != SYNCLINE_OK) {
		assert_int_equal(result, SYNCLINE_RETRY);
		assert_non_null(strstr(err.message, "busy.txt"));
		assert_true(err.hint[0] != '\0');
		assert_int_equal(c->read(stream, bench_call(&f->bench, 0), text + have, 4, &n, &err), SYNCLINE_RETRY);
	} else {
		assert_int_equal(info.length, have);
	}
	c->close_read(stream);
	return result;
}

/*
 * Young documents, changed within one tick of the file system's clock, and old ones: the read ends with retry, or it gave the
 * bytes of one moment.  The read after that gives the document as it is.
 */
static void
a_document_that_changes_while_it_is_read(void **state)
{
	struct fixture *f = *state;
	char text[64], full[128];
	unsigned retries = 0;

	snprintf(full, sizeof full, "%s/bills", f->root);
	assert_int_equal(mkdir(full, 0700), 0);
	for (int round = 0; round < 40; round++) {
		for (enum change how = REWRITTEN; how < CHANGES; how++) {
			for (size_t behind = 0; behind <= 12; behind += 4) {
				uint32_t result;

				by_hand(f, "busy.txt", "aaaaaaaaaaaa");
				result = read_changing(f, how, behind, text);
				retries += result == SYNCLINE_RETRY;
				/* Changed before its first byte was read, or replaced by another file: whole all the same. */
				if (result == SYNCLINE_OK && strcmp(text, "aaaaaaaaaaaa") != 0 && (behind > 0 || strcmp(text, "BBBBBBBBBBBB") != 0) &&
				    (behind > 8 || how != REWRITTEN_BEHIND || strcmp(text, "aaaaaaaaBBBB") != 0))
					fail_msg("change %d behind %zu bytes: read \"%s\"", how, behind, text);
				if (result == SYNCLINE_OK && behind > 0 && (how == GROWN || how == CUT || ((how == REWRITTEN || how == DATED_BACK) && behind < 12)))
					fail_msg("change %d behind %zu bytes was not noticed", how, behind);
			}
		}
	}
	assert_true(retries > 40);
	content_of(f, "busy.txt", text, sizeof text);
	assert_string_equal(text, "BBBBBBBBBBBB");
}

/*
 * A writer is killed at a random moment, again and again; then every document that it reported is there with its bytes and its
 * sidecar, and nothing is seen that isn't whole.
 */
static void
survives_kills(void **state)
{
	struct fixture *f = *state;
	static char text[1 << 20], committed[1 << 16][16];
	uint32_t n = 0;
	unsigned seed = 1;

	for (int round = 0; round < check_rounds(12); round++) {
		int pipes[2];
		pid_t child;
		char line[64];
		int want = 1 + rand_r(&seed) % 4, got = 0;
		FILE *from;

		assert_int_equal(pipe(pipes), 0);
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			for (int i = 0;; i++) {
				char ref[SYNCLINE_CONTENT_REF_MAX], path[32], bytes[64];

				snprintf(path, sizeof path, "%02d-%03d.pdf", round, i % 1000);
				snprintf(bytes, sizeof bytes, "the bytes of %s", path);
				if (stage(f, bytes, ref) != SYNCLINE_OK || put(f, SYNCLINE_OP_CREATE, NULL, path, path, ref, path, NULL, NULL, NULL).klass != SYNCLINE_OK)
					_exit(1);
				snprintf(line, sizeof line, "%-14s\n", path);
				if (write(pipes[1], line, 15) != 15)
					_exit(1);
			}
		}
		close(pipes[1]);
		from = fdopen(pipes[0], "r");
		/* After so many commits it is killed wherever it is in the next one. */
		while (got < want && fgets(line, 16, from) != NULL) {
			line[strcspn(line, " \n")] = '\0';
			if (line[0] == '\0')
				continue;
			assert_true(n < sizeof committed / sizeof *committed);
			snprintf(committed[n++], sizeof committed[0], "%.15s", line);
			got++;
		}
		for (volatile unsigned spin = rand_r(&seed) % 400000; spin > 0; spin--)
			;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		fclose(from);
		assert_int_equal(got, want);
	}
	for (uint32_t i = 0; i < n; i++) {
		char want[1100];

		snprintf(want, sizeof want, "the bytes of %s", committed[i]);
		content_of(f, committed[i], text, sizeof text);
		assert_string_equal(text, want);
		snprintf(want, sizeof want, "%s.meta.json", committed[i]);
		assert_true(there(f, want));
	}
	/* What is seen is whole: bytes and sidecar. */
	show(f, 1, NULL, text, sizeof text, NULL, NULL);
	for (char *path = strtok(text, ","); path != NULL; path = strtok(NULL, ",")) {
		char bytes[256], want[64];

		assert_true(strlen(path) < 16);
		content_of(f, path, bytes, sizeof bytes);
		snprintf(want, sizeof want, "the bytes of %.16s", path);
		assert_string_equal(bytes, want);
		snprintf(want, sizeof want, "%.16s.meta.json", path);
		assert_true(there(f, want));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stores_and_shows, setup, teardown),
#ifndef FOLDER_COARSE /* versions are told apart by the file system's times */
		cmocka_unit_test_setup_teardown(updates_and_retention, setup, teardown),
#endif
		cmocka_unit_test_setup_teardown(versions, setup, teardown),
		cmocka_unit_test_setup_teardown(refuses, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_and_deltas, setup, teardown),
		cmocka_unit_test_setup_teardown(finds, setup, teardown),
		cmocka_unit_test_setup_teardown(a_page_of_documents_with_and_without_metadata, setup, teardown),
		cmocka_unit_test_setup_teardown(a_document_that_changes_while_it_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(survives_kills, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
