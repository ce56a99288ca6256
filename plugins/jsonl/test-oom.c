/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-oom.c: every call of the connector with every allocation failing once, the connector linked in: no crash, no leak of
 * memory or descriptors, no success that isn't one, no record that is called bad because there was no memory for it; and the
 * files on disk hold what was reported, once.
 */
#define FIXTURE_LINKED 1
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oom.h"
#include "told.h"

static char root[64];
static const char *const keys[] = { "id", "part" };
static const struct syncline_field contract[] = {
	{ .struct_size = sizeof *contract, .type = SYNCLINE_TYPE_DATE, .name = "day" },
	{ .struct_size = sizeof *contract, .type = SYNCLINE_TYPE_BYTES, .name = "raw" },
};

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
	struct fixture *f = fixture_new("jsonl");

	strcpy(root, "/tmp/syncline-jsonl.XXXXXX");
	assert_non_null(mkdtemp(root));
	fixture_set(&f->system, SYNCLINE_PARAM_PATH, "directory", root, 0);
	fixture_set(&f->system, SYNCLINE_PARAM_CHOICE, "complete", "rename", 0);
	f->object.native = "*.jsonl";
	f->object.key = keys;
	f->object.key_count = 2;
	f->object.tenant = "unit";
	f->object.version = "v";
	f->object.fields = contract;
	f->object.field_count = 2;
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
};

/* Writes down what a batch holds; -1 without memory. */
static int
take(struct text *seen, struct syncline_batch *batch)
{
	if (bench_batch_finish(batch, NULL) != 0)
		return -1;
	for (uint32_t i = 0; i < bench_batch_service.record_count(batch); i++) {
		struct syncline_record r = syncline_record(0);

		assert_int_equal(bench_batch_service.record(batch, i, &r), SYNCLINE_OK);
		put(seen, "%u %.*s@%.*s#%.*s", r.op, (int)r.native_id.length, r.native_id.length > 0 ? (const char *)r.native_id.u.data : "",
		    (int)r.tenant.length, r.tenant.length > 0 ? (const char *)r.tenant.u.data : "", (int)r.version.length,
		    r.version.length > 0 ? (const char *)r.version.u.data : "");
		if (r.op == SYNCLINE_OP_REJECT)
			put(seen, " %.*s", (int)r.note.length, (const char *)r.note.u.data);
		for (uint32_t k = 0; r.op == SYNCLINE_OP_SEEN && k < r.value_count; k++) {
			const struct syncline_value *v = &r.values[k];

			if (v->type == SYNCLINE_TYPE_INTEGER || v->type == SYNCLINE_TYPE_DATE)
				put(seen, " %lld", (long long)v->u.integer);
			else
				put(seen, " %.*s", v->length > 0 ? (int)v->length : 1, v->length > 0 ? (const char *)v->u.data : "~");
		}
		put(seen, "\n");
	}
	return 0;
}

/*
 * To the end, batch by batch, the first one by itself and the others from its position on.  A reader that failed is asked again:
 * it may go on failing, but what it gives must not leave out what it could not give before.
 */
static int
read_from(struct work *w, void *instance, struct text *position)
{
	const struct syncline_source_v1 *source = fixture_part(w->f, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request };
	struct syncline_read_state state = { .struct_size = sizeof state };
	struct syncline_error err = { .struct_size = sizeof err };
	int first = position->length == 0, failures = 0;
	void *reader;

	request.position = syncline_slice(position->data, position->length);
	if (source->open_read(instance, bench_call(&w->f->bench, 0), &w->f->object, &request, &reader, &err) != SYNCLINE_OK)
		return -1;
	do {
		struct syncline_batch *batch = bench_batch_new(NULL);
		uint32_t result = batch != NULL ? source->next(reader, bench_call(&w->f->bench, 0), batch, &state, &err) : SYNCLINE_RETRY;

		if (result == SYNCLINE_OK && take(&w->seen, batch) != 0) {
			bench_batch_free(batch);
			source->close_read(reader);
			return -1;
		}
		bench_batch_free(batch);
		if (result != SYNCLINE_OK && ++failures > 2) {
			source->close_read(reader);
			return -1;
		}
		if (result == SYNCLINE_OK && first && !state.end) {
			position->length = 0;
			put(position, "%.*s", (int)state.position.length, (const char *)state.position.data);
			break;
		}
	} while (!state.end);
	source->close_read(reader);
	return 0;
}

static int
read_all(void *arg)
{
	static struct text position;
	struct work *w = arg;
	struct syncline_error err = { .struct_size = sizeof err };
	void *instance = NULL;
	int result = -1;

	w->seen.length = position.length = 0;
	if (w->f->c->open(&w->f->bench.host, bench_call(&w->f->bench, 0), &w->f->system, &instance, &err) == SYNCLINE_OK) {
		result = read_from(w, instance, &position);
		if (result == 0 && position.length > 0)
			result = read_from(w, instance, &position);
		w->f->c->close(instance);
	}
	if (free_descriptor() != w->descriptor)
		fail_msg("a descriptor leaked");
	if (result == 0 && strcmp(w->seen.data, w->wanted) != 0)
		fail_msg("read:\n%s", w->seen.data);
	return result;
}

static const char lines_1[] = "{\"id\":1,\"part\":\"a|b\",\"unit\":\"x\",\"v\":\"7\",\"day\":\"2026-02-28\",\"raw\":\"aGk=\",\"n\":1.5e1}\n"
                              "{\"id\":2,\"part\":null}\n{\"id\":3,\"part\":\"\\u00e9\",\"more\":{\"x\":[1]}}\n";
static const char lines_2[] = "{\"id\":4,\"part\":\"z\",\"n\":1,\"n\":2}\n{]\n{\"id\":5,\"part\":\"y\",\"raw\":\"?\"}\n";

static void
reading(void **state)
{
	static struct work w;

	w.f = *state;
	file("a.jsonl", lines_1);
	file("b.jsonl", lines_2);
	w.descriptor = free_descriptor();
	w.wanted = "1 1|a\\|b@x#7 20512 hi 1 a|b x 7 15 ~\n"
	           "3 @# A member of the key is missing, null or nested. Correct it at its source.\n"
	           "1 3|\xc3\xa9@# ~ ~ 3 \xc3\xa9 ~ ~ ~ {\"x\":[1]}\n"
	           "3 4|z@# n stands there twice. Correct it at its source.\n"
	           "3 @# Byte 2: a member's name in quotes is expected here. Correct the line, or the program that wrote it.\n"
	           "1 5|y@# ~ ? 5 y ~\n";
	assert_true(oom_each(read_all, &w) > 30);
	/* Record by record; behind the first one a batch has other fields. */
	bench_full_after = 1;
	w.wanted = "1 1|a\\|b@x#7 20512 hi 1 a|b x 7 15 ~\n"
	           "3 @# A member of the key is missing, null or nested. Correct it at its source.\n"
	           "1 3|\xc3\xa9@# ~ ~ 3 \xc3\xa9 {\"x\":[1]}\n"
	           "3 4|z@# n stands there twice. Correct it at its source.\n"
	           "3 @# Byte 2: a member's name in quotes is expected here. Correct the line, or the program that wrote it.\n"
	           "1 5|y@# ~ ? 5 y ~\n";
	assert_true(oom_each(read_all, &w) > 30);
	bench_full_after = 0;
}

/* get, find, count, and what discover and check say. */
static void
object_found(const struct syncline_findings *findings, const struct syncline_object_info *info)
{
	put(findings->host_data, "object %s\n", info->native);
}

static void
field_found(const struct syncline_findings *findings, const struct syncline_field *field)
{
	put(findings->host_data, "field %s %u %u\n", field->name, field->type, field->flags);
}

static void
remarked(const struct syncline_findings *findings, uint32_t severity, const char *object, const char *message, const char *hint)
{
	(void)object;
	(void)hint;
	put(findings->host_data, "remark %u %s\n", severity, message);
}

static int
look_into(struct work *w, void *instance)
{
	static const struct syncline_slice ids[] = { { "3|\xc3\xa9", 4 }, { "9|9", 3 } };
	static const struct syncline_criterion criterion = { "part", { .type = SYNCLINE_TYPE_TEXT, .length = 1, .u.data = "y" } };
	const struct syncline_source_v1 *source = fixture_part(w->f, "source/1");
	const struct syncline_find_v1 *find = fixture_part(w->f, "find/1");
	const struct syncline_count_v1 *count = fixture_part(w->f, "count/1");
	const struct syncline_discover_v1 *discover = fixture_part(w->f, "discover/1");
	const struct syncline_check_v1 *check = fixture_part(w->f, "check/1");
	const struct syncline_findings findings = { sizeof findings, 0, object_found, field_found, remarked, &w->seen };
	const struct syncline_call *call = bench_call(&w->f->bench, 0);
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_batch *got = bench_batch_new(NULL), *found = bench_batch_new(NULL);
	uint64_t n = 0;
	int result = -1;

	if (got != NULL && found != NULL && source->get(instance, call, &w->f->object, ids, 2, got, &err) == SYNCLINE_OK && take(&w->seen, got) == 0 &&
	    find->find(instance, call, &w->f->object, &criterion, 1, 5, found, &err) == SYNCLINE_OK && take(&w->seen, found) == 0 &&
	    count->count(instance, call, &w->f->object, &n, &err) == SYNCLINE_OK && discover->objects(instance, call, &findings, &err) == SYNCLINE_OK &&
	    discover->fields(instance, call, &w->f->object, &findings, &err) == SYNCLINE_OK && check->check(instance, call, &findings, &err) == SYNCLINE_OK) {
		put(&w->seen, "count %llu\n", (unsigned long long)n);
		result = 0;
	}
	bench_batch_free(got);
	bench_batch_free(found);
	return result;
}

static int
look(void *arg)
{
	struct work *w = arg;
	struct syncline_error err = { .struct_size = sizeof err };
	void *instance = NULL;
	int result = -1;

	w->seen.length = 0;
	if (w->f->c->open(&w->f->bench.host, bench_call(&w->f->bench, 0), &w->f->system, &instance, &err) == SYNCLINE_OK) {
		result = look_into(w, instance);
		w->f->c->close(instance);
	}
	if (free_descriptor() != w->descriptor)
		fail_msg("a descriptor leaked");
	if (result == 0 && strcmp(w->seen.data, w->wanted) != 0)
		fail_msg("seen:\n%s", w->seen.data);
	return result;
}

static void
looking(void **state)
{
	static struct work w;

	w.f = *state;
	file("a.jsonl", lines_1);
	file("b.jsonl", lines_2);
	w.descriptor = free_descriptor();
	w.wanted = "1 3|\xc3\xa9@# ~ ~ 3 \xc3\xa9 ~ ~ ~ {\"x\":[1]}\n2 9|9@#\n1 5|y@# ~ ? 5 y ~ ~ ~ ~\n"
	           "object a.jsonl\nobject b.jsonl\nfield day 8 0\nfield raw 5 0\nfield id 3 1\nfield part 5 1\nfield unit 5 0\nfield v 5 0\n"
	           "field n 4 0\nfield more 9 0\nremark 2 2 of the first 6 lines can't be read.\ncount 4\n";
	assert_true(oom_each(look, &w) > 30);
}

/* Writing: three items, which are one line each; then the end of the run. */
struct writing {
	struct fixture *f;
	int descriptor;
	int bad;
	uint32_t number;          /* of the call: what it writes is new, and so are its attempts … */
	int same;                 /* … or those of the first one again */
	char claimed[4096][8];    /* per call and item: reported as committed */
	char ids[3][64];
	int finished;
};

static void
report(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *r)
{
	struct writing *w = results->host_data;

	/* For lack of memory nothing is wrong with the record. */
	if (index > 2 || (r->error_class != SYNCLINE_OK && r->error_class != SYNCLINE_RETRY) || w->claimed[w->number][index] != 0) {
		w->bad = 1;
		return;
	}
	w->claimed[w->number][index] = r->error_class == SYNCLINE_OK;
	snprintf(w->ids[index], sizeof w->ids[index], "%.*s", (int)r->native_id.length, r->native_id.length > 0 ? (const char *)r->native_id.data : "");
}

static int
fill(struct writing *w, struct syncline_batch *batch)
{
	static const struct syncline_field fields[] = {
		{ .struct_size = sizeof *fields, .name = "id" }, { .struct_size = sizeof *fields, .name = "part" }, { .struct_size = sizeof *fields, .name = "a.b" },
	};
	uint32_t number = w->same ? 1 : w->number;
	struct syncline_value values[3] = { syncline_integer(number), syncline_string("p"), syncline_string("text") };
	uint8_t attempt[16] = { 0 };
	char id[32];

	snprintf(id, sizeof id, "%u|u", number);
	if (bench_batch_service.set_fields(batch, fields, 3, NULL) != SYNCLINE_OK)
		return -1;
	for (unsigned i = 0; i < 3; i++) {
		struct syncline_record r = syncline_record((uint8_t)(SYNCLINE_OP_CREATE + i));

		memcpy(attempt, &number, 4);
		attempt[15] = (uint8_t)(1 + i);
		r.note = syncline_bytes(attempt, 16);
		r.values = values;
		r.value_count = i == 2 ? 0 : 3;
		if (i > 0) {
			values[0] = values[1] = syncline_absent();
			r.native_id = syncline_string(id);
		}
		if (bench_batch_service.add(batch, &r, NULL) != SYNCLINE_OK)
			return -1;
	}
	return bench_batch_finish(batch, NULL);
}

static int
write_items(void *arg)
{
	struct writing *w = arg;
	struct fixture *f = w->f;
	const struct syncline_sink_v1 *sink = fixture_part(f, "sink/1");
	const struct syncline_results results = { .struct_size = sizeof results, .report = report, .host_data = w };
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_batch *batch = bench_batch_new(NULL);
	void *instance = NULL;
	uint32_t result = SYNCLINE_RETRY;
	char id[32];

	w->number++;
	w->finished = 0;
	assert_in_range(w->number, 1, 4095);
	if (batch != NULL && fill(w, batch) == 0)
		result = f->c->open(&f->bench.host, bench_call(&f->bench, 0), &f->system, &instance, &err);
	if (result == SYNCLINE_OK)
		result = sink->write(instance, bench_call(&f->bench, 0), &f->object, batch, &results, &err);
	if (result != SYNCLINE_OK && result != SYNCLINE_RETRY)
		fail_msg("without memory: class %u, %s", result, err.message);
	if (result == SYNCLINE_OK && instance != NULL && (w->finished = sink->finish(instance, bench_call(&f->bench, 0), &f->object, &err) == SYNCLINE_OK) == 0)
		result = SYNCLINE_RETRY;
	if (instance != NULL)
		f->c->close(instance);
	bench_batch_free(batch);
	if (w->bad)
		fail_msg("call %u: an item was called bad, or reported twice", w->number);
	if (free_descriptor() != w->descriptor)
		fail_msg("a descriptor leaked");
	snprintf(id, sizeof id, "%u|p", w->same ? 1 : w->number);
	for (int i = 0; result == SYNCLINE_OK && i < 3; i++)
		if (!w->claimed[w->number][i])
			result = SYNCLINE_RETRY;
		else if (strcmp(w->ids[i], i == 0 ? id : w->ids[1]) != 0 || w->ids[i][0] == '\0')
			fail_msg("item %d has the id \"%s\"", i, w->ids[i]);
	return result == SYNCLINE_OK ? 0 : -1;
}

/* Counts each line of all files that are to be seen; nothing else may be there. */
static void
count_lines(char seen[4096][8], const char *pattern)
{
	static char text[1 << 20];
	DIR *dir = opendir(root);
	struct dirent *entry;

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[512];
		FILE *f;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 || strcmp(entry->d_name, ".syncline") == 0)
			continue;
		if (strncmp(entry->d_name, pattern, strlen(pattern)) != 0)
			fail_msg("%s stayed behind", entry->d_name);
		snprintf(path, sizeof path, "%s/%s", root, entry->d_name);
		assert_non_null(f = fopen(path, "r"));
		while (fgets(text, sizeof text, f) != NULL) {
			unsigned number, item;
			char op[16], part[8];

			if (sscanf(text, "{\"op\":\"%15[a-z]\",\"id\":%*[\"]%u\",\"part\":\"%7[a-z]", op, &number, part) != 3)
				assert_int_equal(sscanf(text, "{\"op\":\"%15[a-z]\",\"id\":%u,\"part\":\"%7[a-z]", op, &number, part), 3);
			item = strcmp(op, "create") == 0 ? 0 : strcmp(op, "update") == 0 ? 1 : 2;
			assert_in_range(number, 1, 4095);
			seen[number][item]++;
		}
		fclose(f);
	}
	closedir(dir);
}

static void
writing_each_call_a_file(void **state)
{
	static struct writing w;
	static char seen[4096][8];

	w.f = *state;
	w.f->object.native = "out_*.jsonl";
	fixture_set(&w.f->of_object, SYNCLINE_PARAM_TEXT, "op_member", "op", 0);
	w.descriptor = free_descriptor();
	assert_true(oom_each(write_items, &w) > 20);
	count_lines(seen, "out_");
	for (uint32_t i = 1; i <= w.number; i++)
		for (int k = 0; k < 3; k++)
			if (seen[i][k] != w.claimed[i][k])
				fail_msg("call %u, item %d: it is there %d times and was reported %d times", i, k, seen[i][k], w.claimed[i][k]);
}

/* However often it failed before, and in which process: an attempt is one line. */
static void
writing_the_same_attempts(void **state)
{
	static struct writing w;
	static char seen[4096][8];

	w.f = *state;
	w.f->object.native = "out_*.jsonl";
	w.same = 1;
	fixture_set(&w.f->of_object, SYNCLINE_PARAM_TEXT, "op_member", "op", 0);
	w.descriptor = free_descriptor();
	assert_true(oom_each(write_items, &w) > 20);
	count_lines(seen, "out_");
	for (uint32_t i = 1; i <= w.number; i++)
		for (int k = 0; k < 3; k++)
			assert_int_equal(seen[i][k], i == 1);
}

/* The lines of a run that did not come to its end are in the next one's file. */
static int
write_run(void *arg)
{
	static char seen[4096][8];
	static uint32_t after; /* the call that was published last */
	struct writing *w = arg;
	int result = write_items(w);

	if (w->number == 1)
		after = 0;
	if (!w->finished)
		return result;
	memset(seen, 0, sizeof seen);
	count_lines(seen, "out.jsonl");
	for (uint32_t i = 1; i <= w->number; i++)
		for (int k = 0; k < 3; k++)
			if (seen[i][k] != (i > after && w->claimed[i][k]))
				fail_msg("after call %u: call %u, item %d is there %d times and was reported %d times", w->number, i, k, seen[i][k], w->claimed[i][k]);
	after = w->number;
	return result;
}

static void
writing_a_run_as_a_file(void **state)
{
	static struct writing w;

	w.f = *state;
	w.f->object.native = "out.jsonl";
	fixture_set(&w.f->of_object, SYNCLINE_PARAM_TEXT, "op_member", "op", 0);
	w.descriptor = free_descriptor();
	assert_true(oom_each(write_run, &w) > 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int
main(void)
{
	struct syncline_batch *first = bench_batch_new(NULL);
	const struct CMUnitTest tests[] = { TEST(reading), TEST(looking), TEST(writing_each_call_a_file), TEST(writing_the_same_attempts), TEST(writing_a_run_as_a_file) };

	bench_batch_free(first); /* the bench made what it keeps for the life of the process */
	return cmocka_run_group_tests_name("jsonl without memory", tests, NULL, NULL);
}
