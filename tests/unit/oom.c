/* SPDX-License-Identifier: BSD-2-Clause */
/* oom.c: every allocation of base and batch fails once; and oom_each itself finds what it is for. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "batch/batch.h"
#include "oom.h"

#define TEXT(s) { .type = SYNCLINE_TYPE_TEXT, .length = sizeof(s) - 1, .u.data = (s) }

static int
fill_an_arena(void *arg)
{
	struct arena arena;
	int result = -1;

	(void)arg;
	arena_init(&arena, 0);
	for (size_t size = 1; size < 400000; size *= 3) {
		char *at = arena_zalloc(&arena, size);

		if (at == NULL)
			goto out;
		assert_int_equal(at[size - 1], 0);
	}
	if (arena_format(&arena, "%s-%d", "x", 7) == NULL || arena_text(&arena, "text") == NULL)
		goto out;
	arena_reset(&arena);
	if (arena_array(&arena, 1000, 1000) == NULL)
		goto out;
	result = 0;
out:
	arena_free(&arena);
	return result;
}

static int
fill_a_buffer(void *arg)
{
	struct buffer buffer;
	int result = -1;

	(void)arg;
	buffer_init(&buffer, 0);
	for (int i = 0; i < 500; i++) {
		size_t before = buffer.length;

		if (buffer_format(&buffer, "line %03d\n", i) != 0) {
			assert_int_equal(buffer.length, before);
			assert_true(buffer.failed);
			goto out;
		}
	}
	if (text_json_string(&buffer, "\"\n", 2) != 0 || buffer_string(&buffer) == NULL)
		goto out;
	assert_memory_equal(buffer.data, "line 000\nline 001\n", 18);
	assert_int_equal(buffer.length, 500 * 9 + 6);
	result = 0;
out:
	buffer_free(&buffer);
	return result;
}

/* A failed call leaves the builder as it was: trying again once memory is back must give the same batch. */
static int
build_a_batch(void *arg)
{
	static const struct syncline_field fields[] = {
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "id" },
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "note" },
	};
	static char long_text[40000];
	struct syncline_value values[2] = { TEXT("k-1"), { .type = SYNCLINE_TYPE_TEXT, .length = sizeof long_text, .u.data = long_text } };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = 2, .native_id = TEXT("k-1"), .values = values };
	CLEANUP(struct batch_builder, batch_builder_free, builder) = NULL;
	CLEANUP(struct batch, batch_free, made) = NULL;
	CLEANUP(struct batch, batch_free, read) = NULL;
	struct error err = { 0 };

	(void)arg;
	memset(long_text, 'x', sizeof long_text);
	if ((builder = batch_builder_new(&err)) == NULL || batch_builder_set_fields(builder, fields, 2, &err) != 0 ||
	    batch_builder_set_origin(builder, "a.csv", 5, &err) != 0) {
		assert_int_equal(err.code, ERROR_MEMORY);
		return -1;
	}
	for (unsigned i = 0; i < 25; i++) {
		if (batch_builder_add(builder, &record, &err) != 0) {
			assert_int_equal(err.code, ERROR_MEMORY);
			assert_int_equal(batch_builder_count(builder), i);
			return -1;
		}
	}
	if ((made = batch_builder_finish(builder, &err)) == NULL || (read = batch_validate(made->data, made->size, &err)) == NULL) {
		assert_int_equal(err.code, ERROR_MEMORY);
		return -1;
	}
	assert_int_equal(read->header->record_count, 25);
	return 0;
}

/* volatile: a compiler may leave out an allocation that nobody looks at. */
static int
allocate_twice(void *arg)
{
	char *volatile one = malloc(10), *volatile two = strdup("two");
	int result = one != NULL && two != NULL ? 0 : -1;

	++*(unsigned *)arg;
	free(one);
	free(two);
	return result;
}

static void
each_allocation_fails_in_its_turn(void **state)
{
	unsigned calls = 0;

	(void)state;
	assert_int_equal(oom_each(allocate_twice, &calls), 2);
	/* One failing: 1st, 2nd, none.  All failing from there on: the same. */
	assert_int_equal(calls, 6);
}

static void
arenas_survive_failing_memory(void **state)
{
	(void)state;
	assert_true(oom_each(fill_an_arena, NULL) >= 3);
}

static void
buffers_survive_failing_memory(void **state)
{
	(void)state;
	assert_true(oom_each(fill_a_buffer, NULL) >= 4);
}

static void
batches_survive_failing_memory(void **state)
{
	(void)state;
	assert_true(oom_each(build_a_batch, NULL) >= 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_allocation_fails_in_its_turn),
		cmocka_unit_test(arenas_survive_failing_memory),
		cmocka_unit_test(buffers_survive_failing_memory),
		cmocka_unit_test(batches_survive_failing_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
