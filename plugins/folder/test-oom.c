/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-oom.c: every call of the connector with every allocation failing once, the connector linked in: no crash, no leak of
 * memory or descriptors, no success that isn't one, no document that is called bad, gone or complete because there was no memory
 * to look; and the folder holds what was reported, once, without anything that stayed behind.  What json-c and the C library
 * allocate for it fails as well: their functions are wrapped.
 */
#define FIXTURE_LINKED 1
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#include "oom.h"
#include "told.h"

/* Takes part in the counting of allocations; non-zero: this one failed. */
static int
refused(void)
{
	void *at = malloc(1);

	free(at);
	return at == NULL;
}

#define WRAP(type, failed, name, parameters, arguments)                                                                \
	type __real_##name parameters;                                                                                 \
	type __wrap_##name parameters;                                                                                 \
	type __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		return refused() ? (failed) : __real_##name arguments;                                                 \
	}
WRAP(struct json_object *, NULL, json_object_new_object, (void), ())
WRAP(struct json_object *, NULL, json_object_new_int, (int32_t i), (i))
WRAP(struct json_object *, NULL, json_object_new_int64, (int64_t i), (i))
WRAP(struct json_object *, NULL, json_object_new_boolean, (json_bool b), (b))
WRAP(struct json_object *, NULL, json_object_new_double_s, (double d, const char *s), (d, s))
WRAP(struct json_object *, NULL, json_object_new_string, (const char *s), (s))
WRAP(struct json_object *, NULL, json_object_new_string_len, (const char *s, const int n), (s, n))
WRAP(int, -1, json_object_object_add, (struct json_object *o, const char *k, struct json_object *v), (o, k, v))
WRAP(int, -1, json_object_deep_copy, (struct json_object *from, struct json_object **to, json_c_shallow_copy_fn *copy), (from, to, copy))
WRAP(const char *, NULL, json_object_to_json_string_ext, (struct json_object *o, int flags), (o, flags))
WRAP(struct json_tokener *, NULL, json_tokener_new, (void), ())
WRAP(struct json_object *, NULL, json_tokener_parse_ex, (struct json_tokener *t, const char *s, int n), (t, s, n))
WRAP(DIR *, NULL, fdopendir, (int fd), (fd))

/* A text needs nothing to be told, a number is put into words. */
const char *__real_json_object_get_string(struct json_object *o);
const char *__wrap_json_object_get_string(struct json_object *o);
const char *
__wrap_json_object_get_string(struct json_object *o)
{
	return !json_object_is_type(o, json_type_string) && refused() ? NULL : __real_json_object_get_string(o);
}

static char root[64];
static const char *const key[] = { "path" };

static void
file(const char *name, const char *text)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s", root, name);
	assert_true((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
setup(void **state)
{
	struct fixture *f = fixture_new("folder");
	char path[128];

	strcpy(root, "/tmp/syncline-folder.XXXXXX");
	assert_non_null(mkdtemp(root));
	snprintf(path, sizeof path, "%s/bills", root);
	assert_int_equal(mkdir(path, 0700), 0);
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "directory", root, 0);
	f->object.native = "/bills";
	f->object.key = key;
	f->object.key_count = 1;
	f->object.external_key = "ref";
	f->object.content = "content";
	*state = f;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
teardown(void **state)
{
	fixture_free(*state);
	nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return 0;
}

struct work {
	struct fixture *f;
	struct text seen;
	int descriptor;
	const char *wanted;
	int (*with)(struct work *work, void *instance);
};

/* Opens an instance, works with it, and looks at what is left behind. */
static int
once(void *arg)
{
	struct work *w = arg;
	struct syncline_error err = { .struct_size = sizeof err };
	void *instance = NULL;
	int result = -1;

	w->seen.length = 0;
	w->seen.data[0] = '\0';
	if (w->f->c->open(&w->f->bench.host, bench_call(&w->f->bench, 0), &w->f->system, &instance, &err) == SYNCLINE_OK) {
		result = w->with(w, instance);
		w->f->c->close(instance);
	}
	if (free_descriptor() != w->descriptor)
		fail_msg("a descriptor leaked");
	if (result == 0 && w->wanted != NULL && strcmp(w->seen.data, w->wanted) != 0)
		fail_msg("seen:\n%s", w->seen.data);
	return result;
}

static int
take(struct text *seen, struct syncline_batch *batch)
{
	if (bench_batch_finish(batch, NULL) != 0)
		return -1;
	for (uint32_t i = 0; i < bench_batch_service.record_count(batch); i++) {
		struct syncline_record r = syncline_record(0);

		assert_int_equal(bench_batch_service.record(batch, i, &r), SYNCLINE_OK);
		put(seen, "%u %.*s", r.op, (int)r.native_id.length, r.native_id.length > 0 ? (const char *)r.native_id.u.data : "");
		for (uint32_t k = 0; r.op == SYNCLINE_OP_SEEN && k < r.value_count; k++) {
			struct syncline_field field = { .struct_size = sizeof field };
			const struct syncline_value *v = &r.values[k];

			if (bench_batch_service.field(batch, k, &field) != SYNCLINE_OK || v->type == SYNCLINE_TYPE_ABSENT || strcmp(field.name, "modified") == 0)
				continue;
			if (v->type == SYNCLINE_TYPE_INTEGER || v->type == SYNCLINE_TYPE_DATE || v->type == SYNCLINE_TYPE_BOOLEAN)
				put(seen, " %s=%lld", field.name, (long long)v->u.integer);
			else
				put(seen, " %s=%.*s", field.name, (int)v->length, v->length > 0 ? (const char *)v->u.data : "");
		}
		put(seen, "\n");
	}
	return 0;
}

/*
 * To the end, the first batch by itself and the others from its position on.  A reader that failed is asked again: it may go on
 * failing, but must not leave out what it could not give before.
 */
static int
read_from(struct work *w, void *instance, struct text *position)
{
	const struct syncline_source_v1 *source = fixture_part(w->f, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request };
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct syncline_error err = { .struct_size = sizeof err };
	int failures = 0, result = -1;
	void *reader;

	request.position = syncline_slice(position->data, position->length);
	if (source->open_read(instance, bench_call(&w->f->bench, 0), &w->f->object, &request, &reader, &err) != SYNCLINE_OK)
		return -1;
	do {
		struct syncline_batch *batch = bench_batch_new(NULL);
		uint32_t class = batch != NULL ? source->next(reader, bench_call(&w->f->bench, 0), batch, &state, &err) : SYNCLINE_RETRY;

		if (class != SYNCLINE_OK)
			failures++;
		else if (take(&w->seen, batch) != 0)
			failures = 3;
		bench_batch_free(batch);
	} while (failures < 3 && !state.end);
	if (failures < 3) {
		position->length = 0;
		put(position, "%.*s", (int)state.position.length, (const char *)state.position.data);
		result = 0;
	}
	source->close_read(reader);
	return result;
}

static int
read_all(struct work *w, void *instance)
{
	static struct text position;

	position.length = 0;
	if (read_from(w, instance, &position) != 0)
		return -1;
	/* From there on: all again, for they are young, and once more behind the second. */
	position.length = 0;
	put(&position, "1 F 0 1 622e747874"); /* b.txt */
	return read_from(w, instance, &position);
}

#define DOCUMENT_A "path=a.pdf content=doc:a.pdf ref=r1 retention=24106 file_name=a.pdf file_size=5 flag=1 list=[1,2] n=7 sum=1.50 text=x"
#define DOCUMENT_B "path=b.txt content=doc:b.txt file_name=b.txt file_size=3"
#define DOCUMENT_C "path=sub/c.txt content=doc:sub/c.txt file_name=c.txt file_size=2"

static void
fill_folder(void)
{
	char path[128];

	file("bills/a.pdf", "bytes");
	file("bills/a.pdf.meta.json", "{\"syncline\":1,\"external_id\":\"r1\",\"retain_until\":\"2036-01-01\",\"fields\":{\"n\":7,\"sum\":1.50,\"flag\":true,"
	                              "\"list\":[1,2],\"text\":\"x\"}}");
	file("bills/b.txt", "two");
	snprintf(path, sizeof path, "%s/bills/sub", root);
	assert_int_equal(mkdir(path, 0700), 0);
	file("bills/sub/c.txt", "c3");
}

/* A stream that got its second name and no sidecar: on its way in, and not to be seen. */
static void
half_a_document(void)
{
	char path[128], second[128];

	snprintf(path, sizeof path, "%s/.syncline", root);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/.syncline/incoming", root);
	assert_int_equal(mkdir(path, 0700), 0);
	file(".syncline/incoming/0123456789abcdef0123456789abcdef", "half");
	snprintf(path, sizeof path, "%s/.syncline/incoming/0123456789abcdef0123456789abcdef", root);
	snprintf(second, sizeof second, "%s/bills/half.pdf", root);
	assert_int_equal(link(path, second), 0);
}

static void
reading(void **state)
{
	static struct work w;

	w.f = *state;
	fill_folder();
	half_a_document();
	w.descriptor = free_descriptor();
	w.with = read_all;
	w.wanted = "1 a.pdf " DOCUMENT_A "\n1 b.txt " DOCUMENT_B "\n1 sub/c.txt " DOCUMENT_C "\n1 sub/c.txt " DOCUMENT_C "\n";
	assert_true(oom_each(once, &w) > 50);
}

static void
object_found(const struct syncline_findings *findings, const struct syncline_object_info *info)
{
	put(findings->host_data, "object %s\n", info->native);
}

static void
field_found(const struct syncline_findings *findings, const struct syncline_field *field)
{
	(void)findings;
	(void)field;
}

static void
remarked(const struct syncline_findings *findings, uint32_t severity, const char *object, const char *message, const char *hint)
{
	(void)object;
	(void)hint;
	put(findings->host_data, "remark %u %s\n", severity, message);
}

/* get, find by a field, by the path, count, digest, discover and check. */
static int
look(struct work *w, void *instance)
{
	static const struct syncline_slice ids[] = { { "b.txt", 5 }, { "gone.pdf", 8 }, { "half.pdf", 8 }, { "sub/c.txt", 9 } };
	const struct syncline_criterion criterion = { "n", syncline_integer(7) }, by_path = { "path", syncline_string("b.txt") };
	static const char *const fields[] = { "n", "sum" };
	static const uint8_t digest_key[16] = { 1 };
	const struct syncline_source_v1 *source = fixture_part(w->f, "source/1");
	const struct syncline_find_v1 *find = fixture_part(w->f, "find/1");
	const struct syncline_count_v1 *count = fixture_part(w->f, "count/1");
	const struct syncline_digest_v1 *digest = fixture_part(w->f, "digest/1");
	const struct syncline_discover_v1 *discover = fixture_part(w->f, "discover/1");
	const struct syncline_check_v1 *check = fixture_part(w->f, "check/1");
	const struct syncline_findings findings = { sizeof findings, 0, object_found, field_found, remarked, &w->seen };
	const struct syncline_call *call = bench_call(&w->f->bench, 0);
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_digest_bucket bucket = { 0 };
	struct syncline_batch *b[3] = { bench_batch_new(NULL), bench_batch_new(NULL), bench_batch_new(NULL) };
	uint64_t n = 0;
	int result = -1;

	if (b[0] != NULL && b[1] != NULL && b[2] != NULL && source->get(instance, call, &w->f->object, ids, 4, b[0], &err) == SYNCLINE_OK &&
	    take(&w->seen, b[0]) == 0 && find->find(instance, call, &w->f->object, &criterion, 1, 5, b[1], &err) == SYNCLINE_OK &&
	    take(&w->seen, b[1]) == 0 && find->find(instance, call, &w->f->object, &by_path, 1, 5, b[2], &err) == SYNCLINE_OK &&
	    take(&w->seen, b[2]) == 0 && count->count(instance, call, &w->f->object, &n, &err) == SYNCLINE_OK &&
	    digest->digest(instance, call, &w->f->object, fields, 2, digest_key, &bucket, 1, &err) == SYNCLINE_OK &&
	    discover->objects(instance, call, &findings, &err) == SYNCLINE_OK &&
	    discover->fields(instance, call, &w->f->object, &findings, &err) == SYNCLINE_OK && check->check(instance, call, &findings, &err) == SYNCLINE_OK) {
		put(&w->seen, "count %llu %llu %s\n", (unsigned long long)n, (unsigned long long)bucket.count, bucket.sum[0] != 0 ? "sum" : "");
		result = 0;
	}
	for (int i = 0; i < 3; i++)
		bench_batch_free(b[i]);
	return result;
}

static void
looking(void **state)
{
	static struct work w;

	w.f = *state;
	fill_folder();
	half_a_document();
	w.descriptor = free_descriptor();
	w.with = look;
	w.wanted = "1 b.txt " DOCUMENT_B "\n1 sub/c.txt " DOCUMENT_C "\n2 gone.pdf\n2 half.pdf\n1 a.pdf " DOCUMENT_A "\n1 b.txt " DOCUMENT_B "\n"
	           "object bills\ncount 3 3 sum\n";
	assert_true(oom_each(once, &w) > 50);
}

/* A stream in, its record with all kinds of fields, and the bytes out again; each time another document. */
struct writing {
	struct work work;
	unsigned number;
	uint32_t class, applied, reports;
	char claimed[8192]; /* per document: reported as committed */
	char references[8192][256];
	char id[64];
};

static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *r)
{
	struct writing *w = results->host_data;

	assert_int_equal(index, 0);
	w->reports++;
	w->class = r->error_class;
	w->applied = r->error != NULL ? r->error->applied : SYNCLINE_APPLIED_MAYBE;
	snprintf(w->id, sizeof w->id, "%.*s", (int)r->native_id.length, r->native_id.length > 0 ? (const char *)r->native_id.data : "");
}

static uint32_t
stage(struct fixture *f, void *instance, const char *bytes, char *reference)
{
	const struct syncline_content_v1 *c = fixture_part(f, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info, .length = UINT64_MAX, .media_type = "text/plain" };
	struct syncline_error err = { .struct_size = sizeof err };
	void *stream;
	size_t length = 0;
	uint32_t result = c->open_write(instance, bench_call(&f->bench, 0), &f->object, &info, &stream, &err);

	if (result != SYNCLINE_OK)
		return result;
	if ((result = c->write(stream, bench_call(&f->bench, 0), bytes, strlen(bytes), &err)) != SYNCLINE_OK) {
		c->abort_write(stream);
		return result;
	}
	info.length = strlen(bytes);
	info.has_hash = 1;
	crypto_hash_sha256(info.sha256, (const unsigned char *)bytes, strlen(bytes));
	result = c->finish_write(stream, bench_call(&f->bench, 0), &info, reference, &length, &err);
	if (result == SYNCLINE_OK)
		reference[length] = '\0';
	return result;
}

static const struct syncline_field fields[] = {
	{ .struct_size = sizeof *fields, .name = "path" },      { .struct_size = sizeof *fields, .name = "ref" },
	{ .struct_size = sizeof *fields, .name = "content" },   { .struct_size = sizeof *fields, .name = "retention" },
	{ .struct_size = sizeof *fields, .name = "day" },       { .struct_size = sizeof *fields, .name = "sum" },
	{ .struct_size = sizeof *fields, .name = "list" },      { .struct_size = sizeof *fields, .name = "flag" },
	{ .struct_size = sizeof *fields, .name = "n" },         { .struct_size = sizeof *fields, .name = "text" },
};
#define FIELDS (sizeof fields / sizeof *fields)

static struct syncline_batch *
document(unsigned number, uint8_t op, const char *reference, char text[2][32])
{
	struct syncline_batch *batch = bench_batch_new(NULL);
	struct syncline_record r = syncline_record(op);
	struct syncline_value values[FIELDS] = { syncline_string(text[0]), syncline_string(text[1]), syncline_content(reference, strlen(reference)),
		syncline_date(24106), syncline_date(20512), syncline_decimal("007.50", 6), syncline_json("[1,2]", 5), syncline_boolean(1),
		syncline_integer(number), syncline_string("x") };

	snprintf(text[0], 32, "d%u.txt", number);
	snprintf(text[1], 32, "id%u", number);
	values[0] = syncline_string(text[0]);
	values[1] = syncline_string(text[1]);
	if (op != SYNCLINE_OP_CREATE) {
		r.native_id = values[0];
		values[0] = values[1] = values[2] = values[3] = syncline_absent();
		values[9] = syncline_string("changed");
	}
	r.values = values;
	r.value_count = FIELDS;
	if (batch != NULL && (bench_batch_service.set_fields(batch, fields, FIELDS, NULL) != SYNCLINE_OK ||
	    bench_batch_service.add(batch, &r, NULL) != SYNCLINE_OK || bench_batch_finish(batch, NULL) != 0)) {
		bench_batch_free(batch);
		batch = NULL;
	}
	return batch;
}

static int
write_one(struct writing *w, void *instance, uint8_t op, const char *reference)
{
	struct fixture *f = w->work.f;
	const struct syncline_sink_v1 *sink = fixture_part(f, "sink/1");
	const struct syncline_results results = { .struct_size = sizeof results, .report = report, .host_data = w };
	struct syncline_error err = { .struct_size = sizeof err };
	char text[2][32] = { "", "" };
	struct syncline_batch *batch = document(w->number, op, reference, text);
	uint32_t result;

	w->reports = 0;
	if (batch == NULL)
		return -1;
	result = sink->write(instance, bench_call(&f->bench, 0), &f->object, batch, &results, &err);
	bench_batch_free(batch);
	if ((result != SYNCLINE_OK && result != SYNCLINE_RETRY) || w->reports != (result == SYNCLINE_OK))
		fail_msg("without memory: class %u, %u reports, %s", result, w->reports, err.message);
	if (result != SYNCLINE_OK)
		return -1;
	if (w->class != SYNCLINE_OK && w->class != SYNCLINE_RETRY)
		fail_msg("without memory: the document was called class %u", w->class);
	if (w->class == SYNCLINE_OK && strcmp(w->id, text[0]) != 0)
		fail_msg("the id is %s", w->id);
	return w->class == SYNCLINE_OK ? 0 : -1;
}

static int
read_back(struct writing *w, void *instance, const char *bytes)
{
	struct fixture *f = w->work.f;
	const struct syncline_content_v1 *c = fixture_part(f, "content/1");
	struct syncline_content_info info = { .struct_size = sizeof info };
	struct syncline_error err = { .struct_size = sizeof err };
	char reference[64], buffer[64];
	struct syncline_slice slice;
	unsigned char hash[32];
	size_t length = 0, n = 0;
	void *stream;

	snprintf(reference, sizeof reference, "doc:d%u.txt", w->number);
	slice = syncline_slice(reference, strlen(reference));
	if (c->open_read(instance, bench_call(&f->bench, 0), &f->object, &slice, &stream, &info, &err) != SYNCLINE_OK)
		return -1;
	do {
		assert_int_equal(c->read(stream, bench_call(&f->bench, 0), buffer + length, 5, &n, &err), SYNCLINE_OK);
		length += n;
	} while (n > 0);
	crypto_hash_sha256(hash, (const unsigned char *)bytes, strlen(bytes));
	assert_int_equal(length, strlen(bytes));
	assert_memory_equal(buffer, bytes, length);
	assert_int_equal(info.length, length);
	assert_true(info.has_hash);
	assert_memory_equal(info.sha256, hash, 32);
	assert_string_equal(info.media_type, "text/plain");
	c->close_read(stream);
	return 0;
}

static int
store(struct work *work, void *instance)
{
	struct writing *w = (struct writing *)work;
	char *reference, bytes[32];

	w->number++;
	assert_in_range(w->number, 1, 8191);
	reference = w->references[w->number];
	snprintf(bytes, sizeof bytes, "bytes of %u", w->number);
	if (stage(work->f, instance, bytes, reference) != SYNCLINE_OK)
		return -1;
	if (write_one(w, instance, SYNCLINE_OP_CREATE, reference) != 0)
		return -1;
	w->claimed[w->number] = 1;
	if (write_one(w, instance, SYNCLINE_OP_UPDATE, "") != 0)
		return -1;
	w->claimed[w->number] = 2;
	return read_back(w, instance, bytes);
}

/* All that is there, with memory: what was reported, whole; what was not, not at all or whole. */
static void
check_document(struct writing *w, unsigned number)
{
	char path[128], text[4096];
	const char *wanted = w->claimed[number] == 2 ? "changed" : "x";
	struct json_object *sidecar, *member, *o;
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/bills/d%u.txt.meta.json", root, number);
	if ((f = fopen(path, "r")) == NULL) {
		if (w->claimed[number])
			fail_msg("document %u was reported and has no sidecar", number);
		return;
	}
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	assert_non_null(sidecar = json_tokener_parse(text));
	assert_true(json_object_object_get_ex(sidecar, "fields", &member));
	assert_true(json_object_object_get_ex(member, "text", &o));
	if (w->claimed[number] == 2 || strcmp(json_object_get_string(o), "changed") != 0)
		assert_string_equal(json_object_get_string(o), wanted);
	assert_int_equal(json_object_object_length(member), 6);
	assert_true(json_object_object_get_ex(member, "sum", &o));
	assert_string_equal(json_object_get_string(o), "007.50");
	assert_true(json_object_object_get_ex(member, "n", &o));
	assert_int_equal(json_object_get_int64(o), number);
	assert_true(json_object_object_get_ex(member, "day", &o));
	assert_string_equal(json_object_get_string(o), "2026-02-28");
	assert_true(json_object_object_get_ex(sidecar, "types", &member));
	assert_true(json_object_object_get_ex(member, "sum", &o));
	assert_string_equal(json_object_get_string(o), "decimal");
	assert_true(json_object_object_get_ex(member, "day", &o));
	assert_string_equal(json_object_get_string(o), "date");
	snprintf(path, sizeof path, "id%u", number);
	assert_true(json_object_object_get_ex(sidecar, "external_id", &o));
	assert_non_null(o);
	assert_string_equal(json_object_get_string(o), path);
	assert_true(json_object_object_get_ex(sidecar, "retain_until", &o));
	assert_string_equal(json_object_get_string(o), "2036-01-01");
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "syncline", "length", "sha256", "modified_us" };

		assert_true(json_object_object_get_ex(sidecar, names[i], &o));
		assert_non_null(o);
	}
	json_object_put(sidecar);
	snprintf(path, sizeof path, "%s/bills/d%u.txt", root, number);
	assert_non_null(f = fopen(path, "r"));
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	snprintf(path, sizeof path, "bytes of %u", number);
	assert_string_equal(text, path);
}

/* Names in a folder that begin so. */
static unsigned
names_in(const char *folder, const char *prefix)
{
	char path[128];
	struct dirent *entry;
	unsigned n = 0;
	DIR *dir;

	snprintf(path, sizeof path, "%s/%s", root, folder);
	assert_non_null(dir = opendir(path));
	while ((entry = readdir(dir)) != NULL)
		n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
	closedir(dir);
	return n;
}

static void
writing(void **state)
{
	static struct writing w;
	struct fixture *f = *state;
	unsigned last;
	void *instance;

	w.work.f = f;
	w.work.descriptor = free_descriptor();
	w.work.with = store;
	assert_true(oom_each(once, &w) > 60);
	for (unsigned i = 1; i <= w.number; i++)
		check_document(&w, i);
	assert_int_equal(names_in("bills", ".syncline-"), 0);
	assert_int_equal(names_in(".syncline/by-id", ".syncline-"), 0);
	/* The same writes again, with memory: all of them are there once then, and no stream is left over. */
	assert_int_equal(f->c->open(&f->bench.host, bench_call(&f->bench, 0), &f->system, &instance, &f->err), SYNCLINE_OK);
	last = w.number;
	for (w.number = 1; w.number <= last; w.number++) {
		char bytes[32];

		snprintf(bytes, sizeof bytes, "bytes of %u", w.number);
		if (w.claimed[w.number] == 2)
			continue;
		if (w.references[w.number][0] == '\0')
			assert_int_equal(stage(f, instance, bytes, w.references[w.number]), SYNCLINE_OK);
		assert_int_equal(write_one(&w, instance, SYNCLINE_OP_CREATE, w.references[w.number]), 0);
		assert_int_equal(write_one(&w, instance, SYNCLINE_OP_UPDATE, ""), 0);
		w.claimed[w.number] = 2;
	}
	f->c->close(instance);
	w.number = last;
	for (unsigned i = 1; i <= w.number; i++)
		check_document(&w, i);
	assert_int_equal(names_in("bills", ""), 2 * w.number);
	assert_int_equal(names_in(".syncline/incoming", ""), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int
main(void)
{
	struct syncline_batch *first = bench_batch_new(NULL);
	const struct CMUnitTest tests[] = { TEST(reading), TEST(looking), TEST(writing) };

	bench_batch_free(first); /* the bench made what it keeps for the life of the process */
	return cmocka_run_group_tests_name("folder without memory", tests, NULL, NULL);
}
