/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-jsonl.c: the jsonl connector on a bench: what lines become, which are refused and why, and what is written.
 */
#include "fixture.h"

#include <dirent.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64];
static const char *const id_key[] = { "id" };

static void
file(const char *name, const char *text, size_t length)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", root, name);
	assert_non_null(f = fopen(path, "wb"));
	assert_int_equal(fwrite(text, 1, length, f), length);
	fclose(f);
}

static char *
content(const char *name)
{
	static char text[1 << 20];
	char path[256];
	FILE *f;
	size_t n;

	snprintf(path, sizeof path, "%s/%s", root, name);
	if ((f = fopen(path, "rb")) == NULL)
		return NULL;
	n = fread(text, 1, sizeof text - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static int
setup(void **state)
{
	struct fixture *f = fixture_new("jsonl");

	strcpy(root, "/tmp/syncline-jsonl.XXXXXX");
	assert_non_null(mkdtemp(root));
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "directory", root, 0);
	fixture_set(&f->system, SYNCLINE_PARAM_CHOICE, "complete", "rename", 0);
	f->object.native = "*.jsonl";
	f->object.key = id_key;
	f->object.key_count = 1;
	fixture_open(f);
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

struct seen {
	char text[1 << 20];
	size_t n;
	unsigned records, rejects;
};

static void
write_down(void *data, const struct batch *batch, const struct syncline_record *r)
{
	static const char types[] = "anbidtxsyj";
	struct seen *s = data;

	s->records++;
	s->rejects += r->op == SYNCLINE_OP_REJECT;
	if (s->n > sizeof s->text - 4000)
		return;
#define ADD(...) (s->n += (size_t)snprintf(s->text + s->n, sizeof s->text - s->n, __VA_ARGS__))
	ADD("%llu", (unsigned long long)r->place);
	if (r->op == SYNCLINE_OP_REJECT)
		ADD(" [%.*s] %.*s", (int)r->native_id.length, r->native_id.length > 0 ? (const char *)r->native_id.u.data : "", (int)r->note.length,
		    (const char *)r->note.u.data);
	if (r->op == SYNCLINE_OP_DELETED)
		ADD(" GONE");
	for (uint32_t i = 0; r->op == SYNCLINE_OP_SEEN && i < r->value_count; i++) {
		const struct syncline_value *v = &r->values[i];
		struct batch_field field;

		if (v->type == SYNCLINE_TYPE_ABSENT)
			continue;
		batch_field(batch, i, &field);
		ADD(" %.*s=%c", (int)field.name_length, field.name, types[v->type]);
		if (v->type == SYNCLINE_TYPE_INTEGER || v->type == SYNCLINE_TYPE_BOOLEAN || v->type == SYNCLINE_TYPE_TIMESTAMP || v->type == SYNCLINE_TYPE_DATE)
			ADD("%lld", (long long)v->u.integer);
		else
			ADD("%.*s", (int)v->length, v->length > 0 ? (const char *)v->u.data : "");
	}
	ADD("\n");
}

static void
a_young_file_is_waited_for_and_no_file_is_an_error(void **state)
{
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_NOT_FOUND);
	fixture_close(f);
	fixture_set(&f->system, SYNCLINE_PARAM_CHOICE, "complete", "stable", 0);
	fixture_set(&f->system, SYNCLINE_PARAM_DURATION, "complete_pause", "", 300);
	fixture_open(f);
	file("young.jsonl", "{\"id\":1}\n", 9);
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_string_equal(s->text, "1 id=i1\n");
	free(s);
}

static void
values_keep_their_digits(void **state)
{
	static const char lines[] =
	        "\xEF\xBB\xBF{\"id\":1,\"a\":9223372036854775807,\"b\":9223372036854775808,\"c\":-0,\"d\":1.10,\"e\":1e5}\r\n"
	        "\n  \n"
	        "{\"id\":\"x\",\"e\":1.5E-3,\"f\":null,\"g\":true,\"h\":{\"n\": 0.10, \"l\":[1,2.0]},\"a\":\"\\u00e9\\ud83d\\ude00\\n\"}\n"
	        "{ \"id\" : 0.30, \"d\" : \"2026-02-28\", \"a\":-12e2 }";
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	file("a.jsonl", lines, sizeof lines - 1);
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_string_equal(s->text, "1 id=i1 a=i9223372036854775807 b=d9223372036854775808 c=d-0 d=d1.10 e=d100000\n"
	                             "4 id=tx a=t\xC3\xA9\xF0\x9F\x98\x80\n e=d0.0015 f=n g=b1 h=j{\"n\": 0.10, \"l\":[1,2.0]}\n"
	                             "5 id=d0.30 a=d-1200 d=t2026-02-28\n");
	assert_int_equal(f->complete, 1);
	/* The same read again has nothing new. */
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 0);
	file("b.jsonl", "{\"id\":7}\n", 9);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_string_equal(s->text, "1 id=i7\n");
	free(s);
}

static void
the_contract_types_what_json_cannot_say(void **state)
{
	static const struct syncline_field contract[] = {
		{ .struct_size = sizeof *contract, .type = SYNCLINE_TYPE_TIMESTAMP, .name = "at" },
		{ .struct_size = sizeof *contract, .type = SYNCLINE_TYPE_DATE, .name = "day" },
		{ .struct_size = sizeof *contract, .type = SYNCLINE_TYPE_BYTES, .name = "raw" },
		{ .struct_size = sizeof *contract, .type = SYNCLINE_TYPE_DECIMAL, .name = "sum" },
	};
	static const char lines[] = "{\"id\":1,\"day\":\"2026-02-28\",\"at\":\"2026-02-28T12:30:00+01:00\",\"raw\":\"aGk=\",\"sum\":5}\n"
	                            "{\"id\":2,\"day\":\"2026-02-30\",\"at\":\"noon\",\"raw\":\"?\",\"sum\":\"1.10\"}\n";
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	file("a.jsonl", lines, sizeof lines - 1);
	f->object.fields = contract;
	f->object.field_count = 4;
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_string_equal(s->text, "1 at=s1772278200000000 day=y20512 raw=xhi sum=d5 id=i1\n2 at=tnoon day=t2026-02-30 raw=t? sum=d1.10 id=i2\n");
	free(s);
}

static void
what_is_not_json_is_a_reject_with_its_reason(void **state)
{
	static const struct { const char *line, *reason; } bad[] = {
		{ "{\"id\":1,\"id\":2}", "[] id stands there twice" },
		{ "{\"id\":1,\"a\":2,\"a\":3}", "[1] a stands there twice" },
		{ "{\"id\":1,\"a\":\"\xFF\"}", "it is not valid UTF-8" },
		{ "{\"id\":1,\"a\":\"\\u0000\"}", "[1] Byte" },
		{ "{\"id\":1,\"a\":\"\\ud800\"}", "half of a surrogate pair" },
		{ "{\"id\":1,\"a\":[\"\\udc00\"]}", "half of a surrogate pair" },
		{ "{\"id\":1,\"a\":01}", "begins with a zero" },
		{ "{\"id\":1,\"a\":NaN}", "a value is expected" },
		{ "{\"id\":1,\"a\":1.}", "digits are missing" },
		{ "{\"id\":1,}", "a member's name in quotes is expected" },
		{ "{\"id\":1} {}", "something stands behind the object" },
		{ "[1]", "it is not a JSON object" },
		{ "{\"id\":1,\"a\":\"x", "the line ends within a text" },
		{ "{\"id\":1,\"a\":\"\t\"}", "a control character" },
		{ "{\"id\":1,\"a\":'x'}", "a value is expected" },
		{ "{\"id\":1,\"a\":1e99999}", "takes more than 1,000 digits" },
		{ "{\"id\":null}", "A member of the key is missing" },
		{ "{\"a\":1}", "A member of the key is missing" },
		{ "{\"\":1}", "a member's name is empty" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct seen *s = calloc(1, sizeof *s);

		file("a.jsonl", bad[i].line, strlen(bad[i].line));
		assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
		if (s->rejects != 1 || strstr(s->text, bad[i].reason) == NULL)
			fail_msg("%s\n%s", bad[i].line, s->text);
		free(s);
	}
}

static void
bombs_are_rejects_and_the_next_line_is_read(void **state)
{
	size_t deep = 100000, wide = 5u << 20, n = 0;
	char *text = malloc(deep * 2 + wide + 200);
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);

	n += (size_t)sprintf(text, "{\"id\":1,\"a\":");
	memset(text + n, '[', deep);
	n += deep;
	n += (size_t)sprintf(text + n, "\n{\"id\":2,\"a\":\"");
	memset(text + n, 'x', wide);
	n += wide;
	n += (size_t)sprintf(text + n, "\"}\n{\"id\":3}\n");
	file("a.jsonl", text, n);
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 3);
	assert_non_null(strstr(s->text, "nested more than 64 deep"));
	assert_non_null(strstr(s->text, "Byte 1: it has more than 4 MiB"));
	assert_non_null(strstr(s->text, "3 id=i3"));
	assert_int_equal(f->complete, 0);
	free(s);
	free(text);
}

/* 5,000 lines, each with a member of its own: more fields than one batch may have, and each line in some batch, once. */
static void
more_fields_than_a_batch_takes(void **state)
{
	struct fixture *f = *state;
	struct seen *s = calloc(1, sizeof *s);
	char *text = malloc(3000 * 200);
	size_t n = 0;

	for (int i = 0; i < 3000; i++)
		n += (size_t)sprintf(text + n, "{\"id\":%d,\"a%d\":\"\\n\",\"b%d\":1,\"c%d\":1,\"d%d\":1,\"e%d\":1}\n", i, i, i, i, i, i);
	file("a.jsonl", text, n);
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 3000);
	assert_int_equal(s->rejects, 0);
	assert_int_equal(f->complete, 1);
	/* After two batches, gone on with from the position. */
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 1, 0, 2, write_down, s), SYNCLINE_OK);
	assert_in_range(s->records, 1, 2000);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 3000);
	free(s);
	free(text);
}

static const struct syncline_field fields[] = {
	{ .struct_size = sizeof *fields, .name = "id" },           { .struct_size = sizeof *fields, .name = "address.city" },
	{ .struct_size = sizeof *fields, .name = "v\\.1" },        { .struct_size = sizeof *fields, .name = "address.geo.lat" },
};

static void
add(struct syncline_batch *b, uint8_t op, const char *id, struct syncline_value v1, struct syncline_value v2, struct syncline_value v3, const char *key)
{
	struct syncline_value values[4] = { op == SYNCLINE_OP_CREATE ? syncline_string(id) : syncline_absent(), v1, v2, v3 };
	struct syncline_record r = syncline_record(op);

	if (op != SYNCLINE_OP_CREATE)
		r.native_id = syncline_string(id);
	r.note = syncline_bytes(key, 16);
	r.values = values;
	r.value_count = 4;
	assert_int_equal(bench_batch_service.add(b, &r, NULL), SYNCLINE_OK);
}

static void
every_type_is_written(void **state)
{
	struct fixture *f = *state;
	const struct syncline_sink_v1 *sink = fixture_part(f, "sink/1");
	struct syncline_batch *b = fixture_batch(fields, 4);
	const struct syncline_value none = syncline_absent();
	char name[] = "out_30313233343536373839616263646566.jsonl", again[] = "out_36313233343536373839616263646566.jsonl";

	f->object.native = "out_*.jsonl";
	add(b, SYNCLINE_OP_CREATE, "a", syncline_string("S\"\\\n\x01tra\xC3\x9F" "e und noch viel mehr"), syncline_decimal("1.10", 4), syncline_integer(INT64_MIN), "0123456789abcdef");
	add(b, SYNCLINE_OP_CREATE, "b", none, syncline_null(), syncline_json("{\"x\":\n1.0}", 10), "1123456789abcdef");
	add(b, SYNCLINE_OP_UPDATE, "c", syncline_bytes("hi", 2), syncline_decimal("007", 3), none, "2123456789abcdef");
	add(b, SYNCLINE_OP_CREATE, "d", syncline_json("{x}", 3), none, none, "3123456789abcdef");
	add(b, SYNCLINE_OP_DELETE, "e", none, none, none, "4123456789abcdef");
	add(b, SYNCLINE_OP_CREATE, "f", syncline_timestamp(INT64_C(1772281800000000)), syncline_date(20512), syncline_boolean(1), "5123456789abcdef");
	assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
	assert_string_equal(content(name),
	                    "{\"id\":\"a\",\"address\":{\"city\":\"S\\\"\\\\\\n\\u0001tra\xC3\x9F" "e und noch viel mehr\",\"geo\":{\"lat\":-9223372036854775808}},\"v.1\":1.10}\n"
	                    "{\"id\":\"b\",\"address\":{\"geo\":{\"lat\":{\"x\": 1.0}}},\"v.1\":null}\n"
	                    "{\"id\":\"c\",\"address\":{\"city\":\"aGk=\"},\"v.1\":\"007\"}\n"
	                    "{\"id\":\"f\",\"address\":{\"city\":\"2026-02-28T12:30:00Z\",\"geo\":{\"lat\":true}},\"v.1\":\"2026-02-28\"}\n");
	for (int i = 0; i < 6; i++)
		assert_int_equal(f->result[i].times, 1);
	assert_string_equal(f->result[0].native_id, "a");
	assert_int_equal(f->result[3].error_class, SYNCLINE_INVALID);
	assert_int_equal(f->result[4].error_class, SYNCLINE_INVALID);
	assert_int_equal(f->result[4].applied, SYNCLINE_APPLIED_NO);
	assert_int_equal(sink->finish(f->instance, bench_call(&f->bench, 0), &f->object, &f->err), SYNCLINE_OK);
	fixture_set(&f->of_object, SYNCLINE_PARAM_TEXT, "op_member", "op", 0);
	b = fixture_batch(fields, 4);
	add(b, SYNCLINE_OP_DELETE, "e", none, none, none, "6123456789abcdef");
	assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
	assert_string_equal(content(again), "{\"op\":\"delete\",\"id\":\"e\"}\n");
}

static void
one_inside_the_other_is_refused(void **state)
{
	static const struct syncline_field clash[] = { { .struct_size = sizeof *clash, .name = "a.b" }, { .struct_size = sizeof *clash, .name = "x" },
		                                       { .struct_size = sizeof *clash, .name = "a" } };
	struct fixture *f = *state;
	struct syncline_record r = syncline_record(SYNCLINE_OP_CREATE);
	struct syncline_batch *b = fixture_batch(clash, 3);

	f->object.native = "out.jsonl";
	assert_int_equal(bench_batch_service.add(b, &r, NULL), SYNCLINE_OK);
	assert_int_equal(fixture_write(f, b), SYNCLINE_CONFIG);
	assert_int_equal(f->err.applied, SYNCLINE_APPLIED_NO);
}

/* Killed at any moment: what was reported is there once, in whole lines, after the next run has finished. */
static void
killed_while_writing(void **state)
{
	struct fixture *f = *state;
	const struct syncline_value none = syncline_absent();

	fixture_close(f);
	f->object.native = "out.jsonl";
	for (int round = 0; round < check_rounds(12); round++) {
		int ends[2], item, last = -1, lines = 0;
		char text[64], attempt[32], *at;
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		if (pid == 0) {
			fixture_open(f);
			for (int i = 0;; i++) {
				struct syncline_batch *b = fixture_batch(fields, 4);

				snprintf(text, sizeof text, "r%d-%d", round, i);
				snprintf(attempt, sizeof attempt, "%-16s", text);
				add(b, SYNCLINE_OP_CREATE, text, syncline_string("some text"), none, none, attempt);
				if (fixture_write(f, b) != SYNCLINE_OK || f->result[0].error_class != SYNCLINE_OK)
					_exit(1);
				if (write(ends[1], &i, sizeof i) != sizeof i)
					_exit(2);
			}
		}
		close(ends[1]);
		for (int n = 0; n < 2 + round % 12 * 5 && read(ends[0], &item, sizeof item) == sizeof item; n++)
			last = item;
		kill(pid, SIGKILL);
		while (read(ends[0], &item, sizeof item) == sizeof item)
			last = item;
		close(ends[0]);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		fixture_open(f);
		{
			const struct syncline_sink_v1 *sink = fixture_part(f, "sink/1");
			struct syncline_batch *b = fixture_batch(fields, 4);

			snprintf(attempt, sizeof attempt, "end %-12d", round);
			add(b, SYNCLINE_OP_CREATE, "end", none, none, none, attempt);
			assert_int_equal(fixture_write(f, b), SYNCLINE_OK);
			assert_int_equal(sink->finish(f->instance, bench_call(&f->bench, 0), &f->object, &f->err), SYNCLINE_OK);
		}
		fixture_close(f);
		assert_true(last >= 1);
		for (at = content("out.jsonl"); *at != '\0'; lines++) {
			char *newline = strchr(at, '\n');

			assert_non_null(newline);
			snprintf(text, sizeof text, "{\"id\":\"r%d-%d\",", round, lines);
			if (newline[1] != '\0')
				assert_int_equal(strncmp(at, text, strlen(text)), 0);
			else
				assert_string_equal(at, "{\"id\":\"end\"}\n");
			at = newline + 1;
		}
		assert_in_range(lines, last + 2, last + 3); /* all that was reported, at most the one that wasn't, and the end */
	}
}

static void
get_find_and_count(void **state)
{
	static const char lines[] = "{\"id\":1,\"a\":\"old\"}\n{\"id\":2,\"a\":\"x\"}\n{\"id\":1,\"a\":\"new\",\"b\":1.0}\n";
	struct fixture *f = *state;
	const struct syncline_source_v1 *source = fixture_part(f, "source/1");
	const struct syncline_find_v1 *find = fixture_part(f, "find/1");
	const struct syncline_count_v1 *count = fixture_part(f, "count/1");
	const struct syncline_slice ids[] = { { "1", 1 }, { "9", 1 } };
	const struct syncline_criterion criterion = { "a", syncline_string("x") };
	struct syncline_batch *b = bench_batch_new(NULL);
	struct seen *s = calloc(1, sizeof *s);
	uint64_t n = 0;

	file("a.jsonl", lines, sizeof lines - 1);
	assert_int_equal(source->get(f->instance, bench_call(&f->bench, 0), &f->object, ids, 2, b, &f->err), SYNCLINE_OK);
	fixture_each(b, write_down, s);
	bench_batch_free(b);
	assert_string_equal(s->text, "3 id=i1 a=tnew b=d1.0\n0 GONE\n");
	memset(s, 0, sizeof *s);
	b = bench_batch_new(NULL);
	assert_int_equal(find->find(f->instance, bench_call(&f->bench, 0), &f->object, &criterion, 1, 5, b, &f->err), SYNCLINE_OK);
	fixture_each(b, write_down, s);
	bench_batch_free(b);
	assert_string_equal(s->text, "2 id=i2 a=tx\n");
	assert_int_equal(count->count(f->instance, bench_call(&f->bench, 0), &f->object, &n, &f->err), SYNCLINE_OK);
	assert_int_equal(n, 3);
	free(s);
}

/* What was put away is read again with everything, in order, and a read that was interrupted in the archive goes on there. */
static void
everything_holds_the_archive(void **state)
{
	struct fixture *f = *state;
	const struct syncline_source_v1 *source = fixture_part(f, "source/1");
	const struct syncline_slice id = { "1", 1 };
	struct syncline_slice position;
	struct syncline_batch *b = bench_batch_new(NULL);
	struct seen *s = calloc(1, sizeof *s);
	char archive[100], good[1000], text[64];
	unsigned total = 0, before;
	size_t length;

	snprintf(archive, sizeof archive, "%s/taken", root);
	assert_int_equal(mkdir(archive, 0700), 0);
	fixture_close(f);
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "archive_directory", archive, 0);
	f->object.reads = SYNCLINE_READS_DELTA;
	fixture_open(f);
#define ONE(name, line) file(name, line "\n", sizeof line)
	ONE("a.jsonl", "{\"id\":1,\"v\":\"old\"}");
	ONE("b.jsonl", "{\"id\":2,\"v\":\"kept\"}");
	ONE("c.jsonl", "{\"id\":1,\"v\":\"newer\"}");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	position = syncline_slice(f->position, f->position_length);
	assert_int_equal(source->acknowledge(f->instance, bench_call(&f->bench, 0), &f->object, &position, &f->err), SYNCLINE_OK);
	assert_null(content("a.jsonl"));
	assert_non_null(content("taken/a.jsonl"));
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 0);
	ONE("d.jsonl", "{\"id\":3,\"v\":\"here\"}");
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_string_equal(s->text, "1 id=i1 v=told\n1 id=i2 v=tkept\n1 id=i1 v=tnewer\n1 id=i3 v=there\n");
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 0, 1, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 0);
	assert_int_equal(source->get(f->instance, bench_call(&f->bench, 0), &f->object, &id, 1, b, &f->err), SYNCLINE_OK);
	fixture_each(b, write_down, s);
	bench_batch_free(b);
	assert_string_equal(s->text, "1 id=i1 v=tnewer\n");
	/* One batch a time, each from the position alone; what is taken meanwhile goes to the archive and comes once. */
	memset(s, 0, sizeof *s);
	assert_int_equal(fixture_read(f, 1, 0, 1, write_down, s), SYNCLINE_OK);
	assert_true(f->position_length < sizeof good);
	memcpy(good, f->position, length = f->position_length);
	for (unsigned rounds = 0; rounds < 10; rounds++) {
		before = s->records;
		position = syncline_slice(f->position, f->position_length);
		assert_int_equal(source->acknowledge(f->instance, bench_call(&f->bench, 0), &f->object, &position, &f->err), SYNCLINE_OK);
		assert_int_equal(fixture_read(f, 0, 1, 1, write_down, s), SYNCLINE_OK);
		total += s->records - before;
	}
	assert_string_equal(s->text, "1 id=i1 v=told\n1 id=i2 v=tkept\n1 id=i1 v=tnewer\n1 id=i3 v=there\n");
	assert_int_equal(total, 3);
	assert_non_null(content("taken/d.jsonl"));
	snprintf(text, sizeof text, "%.40s", good);
	assert_non_null(strstr(text, "syncline-jsonl 2 "));
	for (size_t cut = 1; cut < length; cut++) {
		memcpy(f->position, good, length);
		f->position_length = cut;
		(void)fixture_read(f, 0, 1, 0, write_down, s); /* refused, or fewer files are known to be done */
	}
	free(s);
}

/* Against Python's json and decimal: the real customers, and lines made at random. */
static void
python_reads_the_same(void **state)
{
	const char *source = getenv("SYNCLINE_SOURCE"), *data = getenv("SYNCLINE_TEST_DATA");
	struct fixture *f = *state;
	struct seen *s;
	char command[9000], *line, *wanted;

	snprintf(command, sizeof command, "%s/northwind/customers.csv", data != NULL ? data : "");
	if (source == NULL || access(command, R_OK) != 0 || system("python3 -c pass") != 0) {
		print_message("skipped: the Northwind exports (SYNCLINE_TEST_DATA) or python3 are not there\n");
		skip();
	}
	snprintf(command, sizeof command, "python3 '%s/plugins/jsonl/oracle.py' '%s' '%s/northwind/customers.csv'", source, root, data);
	assert_int_equal(system(command), 0);
	s = calloc(1, sizeof *s);
	f->object.native = "oracle.jsonl";
	assert_int_equal(fixture_read(f, 1, 0, 0, write_down, s), SYNCLINE_OK);
	assert_int_equal(s->records, 691);
	wanted = content("expected");
	for (line = s->text; *line != '\0' && *line == *wanted; line++, wanted++)
		;
	if (*line != *wanted)
		fail_msg("read:\n%.300s\nwanted:\n%.300s", line > s->text + 60 ? line - 60 : s->text, line > s->text + 60 ? wanted - 60 : wanted);
	free(s);
}

int
main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_young_file_is_waited_for_and_no_file_is_an_error),
		TEST(values_keep_their_digits), TEST(the_contract_types_what_json_cannot_say), TEST(what_is_not_json_is_a_reject_with_its_reason),
		TEST(bombs_are_rejects_and_the_next_line_is_read), TEST(more_fields_than_a_batch_takes), TEST(every_type_is_written),
		TEST(one_inside_the_other_is_refused), TEST(killed_while_writing), TEST(get_find_and_count), TEST(everything_holds_the_archive), TEST(python_reads_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
