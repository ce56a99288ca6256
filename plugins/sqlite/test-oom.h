/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-oom.h: what both programs of failing allocations stand on: the connector linked in, a database that is made anew for
 * each call, and SQLite's own allocations made to fail like those of the program.  One thread.
 */
#ifndef SQLITE_TEST_OOM_H
#define SQLITE_TEST_OOM_H

#include "check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>
#include <syncline/helper.h>

#include "../sdk/checker/bench.h"
#include "oom.h"

#ifdef HAVE_LINKER_WRAP
void *__real_malloc(size_t size);
#else
#define __real_malloc malloc
#endif

/*
 * SQLite's allocator, through malloc as tests/oom.c wraps it.  While `quiet` isn't zero SQLite gets what it asks for: that is the
 * test's own use of it.  A block knows its size.
 */
static int quiet;
#define BLOCK_HEAD 16

static void *
block_of(char *raw, int size)
{
	if (raw == NULL)
		return NULL;
	memcpy(raw, &size, sizeof size);
	return raw + BLOCK_HEAD;
}

static inline void *
block_malloc(int size)
{
	size_t all = (size_t)size + BLOCK_HEAD;

	return block_of(quiet ? __real_malloc(all) : malloc(all), size);
}

static inline void
block_free(void *block)
{
	if (block != NULL)
		free((char *)block - BLOCK_HEAD);
}
static inline int
block_size(void *block)
{
	int size = 0;

	if (block != NULL)
		memcpy(&size, (char *)block - BLOCK_HEAD, sizeof size);
	return size;
}
/* A new block each time: so none that grows is passed from the test's own use to the connector's or back. */
static inline void *
block_realloc(void *block, int size)
{
	void *more = block_malloc(size);

	if (more != NULL && block != NULL) {
		memcpy(more, block, (size_t)(block_size(block) < size ? block_size(block) : size));
		block_free(block);
	}
	return more;
}
static inline int block_round(int size) { return (size + 7) & ~7; }
static inline int block_init(void *data) { return data == NULL ? SQLITE_OK : SQLITE_ERROR; }
static inline void block_shutdown(void *data) { (void)data; }

/* Before the first use of SQLite: small allocations, which it would take from one large block, are made one by one. */
static inline void
blocks_begin(void)
{
	static const sqlite3_mem_methods methods = { block_malloc, block_free, block_realloc, block_size, block_round, block_init, block_shutdown,
		                                     NULL };

	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK || sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) != SQLITE_OK ||
	    sqlite3_initialize() != SQLITE_OK) {
		fprintf(stderr, "SQLite does not take the test's allocator\n");
		exit(99);
	}
}

/* One connector, one object, one database; and what a call brought to light. */
struct bed {
	struct bench bench;
	const struct syncline_connector *c;
	char path[64];
	char *model; /* the database as each call finds it … */
	int writes;  /* … who changes it */
	uint32_t batch_size; /* of a read, and of what is found */
	size_t model_length;
	struct syncline_setting setting[2], object_setting[2];
	struct syncline_settings system, of_object;
	struct syncline_object object;
	struct syncline_error err;
	char text[32768], expected[32768];
	size_t n;
};

/* Appends what was seen; a text that is too long for the bed is a mistake of the test. */
static inline void
note(struct bed *b, const char *format, ...) SYNCLINE_PRINTF(2, 3);
static inline void
note(struct bed *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	b->n += (size_t)vsnprintf(b->text + b->n, sizeof b->text - b->n, format, args);
	va_end(args);
	if (b->n >= sizeof b->text)
		abort();
}

static inline void
remove_beside(const struct bed *b, const char *suffix)
{
	char other[96];

	snprintf(other, sizeof other, "%s%s", b->path, suffix);
	unlink(other);
}

/* Runs statements in the test's own connection; SQLite's code. */
static inline int
sql(const struct bed *b, const char *statements)
{
	sqlite3 *db;
	int rc;

	quiet++;
	rc = sqlite3_open(b->path, &db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, statements, NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		print_message("%s: %s\n", statements, sqlite3_errmsg(db));
	sqlite3_close(db);
	quiet--;
	return rc;
}

/* The database for each call, made by these statements. */
static inline void
model(struct bed *b, const char *statements)
{
	FILE *file;

	remove_beside(b, "");
	assert_int_equal(sql(b, statements), SQLITE_OK);
	file = fopen(b->path, "rb");
	assert_non_null(file);
	assert_int_equal(fseek(file, 0, SEEK_END), 0);
	b->model_length = (size_t)ftell(file);
	rewind(file);
	free(b->model);
	b->model = malloc(b->model_length);
	assert_non_null(b->model);
	assert_int_equal(fread(b->model, 1, b->model_length, file), b->model_length);
	fclose(file);
}

/* The class of an opened instance; the database is the model again. */
static inline uint32_t
begin(struct bed *b, void **ret_instance)
{
	uint32_t result;

	if (b->writes) {
		int fd = open(b->path, O_WRONLY | O_CLOEXEC);

		remove_beside(b, "-journal");
		if (fd < 0 || write(fd, b->model, b->model_length) != (ssize_t)b->model_length || ftruncate(fd, (off_t)b->model_length) != 0)
			abort();
		close(fd);
	}
	b->n = 0;
	b->text[0] = '\0';
	memset(&b->err, 0, sizeof b->err);
	b->err.struct_size = sizeof b->err;
	result = b->c->open(&b->bench.host, bench_call(&b->bench, 0), &b->system, ret_instance, &b->err);
	return result;
}

/*
 * What oom_each wants to know.  Without memory a call says RETRY and nothing else: all other classes make a person or a rule
 * change what is right.  What was handed out so far is the beginning of the whole.
 */
static inline int
verdict(struct bed *b, uint32_t result)
{
	if (result != SYNCLINE_OK && result != SYNCLINE_RETRY) {
		print_message("class %u: %s %s\nso far, its end:\n%s\n", result, b->err.message, b->err.detail, b->text + (b->n > 600 ? b->n - 600 : 0));
		return 1;
	}
	if (result != SYNCLINE_OK && b->err.message[0] == '\0') {
		print_message("a failure without a word\n");
		return 1;
	}
	if (b->expected[0] == '\0' && result == SYNCLINE_OK)
		memcpy(b->expected, b->text, b->n + 1);
	if (result == SYNCLINE_OK ? strcmp(b->text, b->expected) != 0 : strncmp(b->text, b->expected, b->n) != 0) {
		size_t same = 0;

		while (b->text[same] != '\0' && b->text[same] == b->expected[same])
			same++;
		same -= same > 200 ? 200 : same;
		print_message("class %u, expected:\n%.400s\nfound:\n%.400s\n", result, b->expected + same, b->text + same);
		return 1;
	}
	return result == SYNCLINE_OK ? 0 : -1;
}

static inline const void *
part(const struct bed *b, const char *id)
{
	for (uint32_t i = 0; i < b->c->part_count; i++)
		if (strcmp(b->c->parts[i].id, id) == 0)
			return b->c->parts[i].table;
	fail_msg("no part %s", id);
	return NULL;
}

static inline int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof *b);
	int fd;

	if (b == NULL)
		return -1;
	b->c = syncline_connector();
	b->batch_size = 2;
	bench_init(&b->bench);
	strcpy(b->path, "/tmp/syncline-sqlite-oom.XXXXXX");
	fd = mkstemp(b->path);
	if (fd < 0)
		return -1;
	close(fd);
	b->setting[0] = (struct syncline_setting){ .struct_size = sizeof *b->setting, .type = SYNCLINE_PARAM_PATH, .configured = 1, .name = "path",
		                                   .text = b->path };
	b->system = (struct syncline_settings){ sizeof b->system, 1, b->setting };
	b->of_object = (struct syncline_settings){ sizeof b->of_object, 0, b->object_setting };
	b->object = (struct syncline_object){ .struct_size = sizeof b->object, .alias = "thing", .native = "t", .settings = &b->of_object };
	*state = b;
	return 0;
}

static inline int
teardown(void **state)
{
	struct bed *b = *state;

	remove_beside(b, "");
	remove_beside(b, "-journal");
	bench_free(&b->bench);
	free(b->model);
	free(b);
	return 0;
}

/* The function's calls with every allocation failing: those of SQLite too, or the connector's alone, as always under valgrind. */
static inline void
each(struct bed *b, int (*function)(void *arg), int sqlite_too)
{
	unsigned n;

	if (getenv("SYNCLINE_VALGRIND") != NULL)
		sqlite_too = 0;
	b->expected[0] = '\0';
	quiet = !sqlite_too;
	assert_int_equal(function(b), 0);
	assert_string_not_equal(b->expected, "");
	n = oom_each(function, b);
	quiet = 0;
	assert_true(n > (sqlite_too ? 500u : 15u));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
