/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-oom.c: the helper library with every allocation failing once and from then on.  The C library's printf and fdopendir take
 * memory of their own, where no linker reaches it: here each call of them begins with an allocation that can be made to fail.
 */
#include "check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <syncline/helper.h>

#include "oom.h"

#ifdef HAVE_LINKER_WRAP
int __real_vsnprintf(char *to, size_t size, const char *format, va_list args);
int __wrap_vsnprintf(char *to, size_t size, const char *format, va_list args);
int __wrap_snprintf(char *to, size_t size, const char *format, ...);
int __wrap___vsnprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, va_list args);
int __wrap___snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...);
DIR *__real_fdopendir(int fd);
DIR *__wrap_fdopendir(int fd);

static int
has_memory(void)
{
	void *volatile some = malloc(1);

	if (some == NULL)
		return 0;
	free(some);
	return 1;
}

int
__wrap_vsnprintf(char *to, size_t size, const char *format, va_list args)
{
	return has_memory() ? __real_vsnprintf(to, size, format, args) : -1;
}

int
__wrap_snprintf(char *to, size_t size, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = __wrap_vsnprintf(to, size, format, args);
	va_end(args);
	return n;
}

/* What the same calls are in a build with _FORTIFY_SOURCE. */
int
__wrap___vsnprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, va_list args)
{
	(void)flag;
	return size <= room ? __wrap_vsnprintf(to, size, format, args) : -1;
}

int
__wrap___snprintf_chk(char *to, size_t size, int flag, size_t room, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = __wrap___vsnprintf_chk(to, size, flag, room, format, args);
	va_end(args);
	return n;
}

DIR *
__wrap_fdopendir(int fd)
{
	return has_memory() ? __real_fdopendir(fd) : NULL;
}
#endif

/* A call that the library must not get wrong, memory or not. */
static int wrong;
#define MUST(condition) ((condition) ? (void)0 : (print_message("line %d: %s\n", __LINE__, #condition), (void)(wrong = 1)))

static int
verdict(int failed)
{
	int was_wrong = wrong;

	wrong = 0;
	return was_wrong ? 1 : failed ? -1 : 0;
}

/* After a step the buffer holds what went in; after a step that failed, what it held before. */
static void
after(const struct syncline_buffer *b, char *want, const char *text, int result, int *failed)
{
	if (result == 0)
		strcat(want, text);
	else
		*failed = 1;
	MUST(result == 0 || result == -1);
	MUST(b->length == strlen(want) && (b->length == 0 || memcmp(b->data, want, b->length) == 0));
	MUST(b->failed == *failed);
	MUST(b->length == 0 || b->length < b->capacity);
}

static int
fill_buffer(void *arg)
{
	struct syncline_buffer b;
	char want[4096] = "", wide[601];
	const char *text;
	int failed = 0;

	(void)arg;
	memset(wide, 'w', sizeof wide - 1);
	wide[sizeof wide - 1] = '\0';
	syncline_buffer_init(&b, 4000);
	after(&b, want, "", syncline_buffer_append(&b, NULL, 0), &failed);
	after(&b, want, "c", syncline_buffer_char(&b, 'c'), &failed);
	after(&b, want, "12-ab", syncline_buffer_format(&b, "%d-%s", 12, "ab"), &failed);
	after(&b, want, wide, syncline_buffer_text(&b, wide), &failed);
	after(&b, want, "", syncline_buffer_reserve(&b, 1000), &failed);
	after(&b, want, "\"a\\\"\\\\\\n\\u0001\"", syncline_json_string(&b, "a\"\\\n\x01", 5), &failed);
	after(&b, want, wide, syncline_buffer_format(&b, "%s", wide), &failed);
	after(&b, want, "xyz", syncline_buffer_append(&b, "xyz", 3), &failed);
	text = syncline_buffer_string(&b);
	MUST(text == NULL || strcmp(text, want) == 0);
	failed |= text == NULL;
	syncline_buffer_clear(&b);
	MUST(!b.failed && b.length == 0);
	want[0] = '\0';
	if (!failed) {
		after(&b, want, "again", syncline_buffer_text(&b, "again"), &failed);
		text = syncline_buffer_string(&b);
		MUST(text != NULL && strcmp(text, "again") == 0); /* the memory was kept */
	}
	syncline_buffer_free(&b);
	MUST(b.data == NULL && b.capacity == 0 && b.max == 4000);
	return verdict(failed);
}

static void
buffers(void **state)
{
	(void)state;
	assert_true(oom_each(fill_buffer, NULL) >= 8);
}

/* Numbers, dates and times take no memory at all. */
static int
convert(void *arg)
{
	static const struct syncline_number_format format = { ",", "." };
	char buffer[64];
	size_t length = 0;
	int64_t number;
	int has_time;

	(void)arg;
	MUST(syncline_is_utf8("Stra\xc3\x9f" "e", 7) && syncline_is_decimal("-1.50", 5));
	MUST(syncline_to_integer("-42", 3, &number) == 0 && number == -42);
	MUST(syncline_number_to_decimal(&format, "1.234,50", 8, buffer, sizeof buffer, &length) == 0 && length == 7 && memcmp(buffer, "1234.50", 7) == 0);
	MUST(syncline_decimal_to_number(&format, 1, "1234.5", 6, buffer, sizeof buffer, &length) == 0 && length == 7 && memcmp(buffer, "1.234,5", 7) == 0);
	MUST(syncline_pattern_is_valid("DD.MM.YYYY HH:MI:SS.FFFZ", &has_time) && has_time);
	MUST(syncline_text_to_date("DD.MM.YYYY", "28.02.2026", 10, &number) == 0 && number == 20512);
	MUST(syncline_date_to_text("D.M.YYYY", 20512, buffer, sizeof buffer, &length) == 0 && strcmp(buffer, "28.2.2026") == 0 && length == 9);
	MUST(syncline_text_to_timestamp(NULL, "2026-02-28T12:30:00.5Z", 22, &number, &has_time) == 0 && has_time);
	MUST(syncline_timestamp_to_text(NULL, number, buffer, sizeof buffer, NULL) == 0 && strcmp(buffer, "2026-02-28T12:30:00.500000Z") == 0);
	MUST(syncline_timestamp_to_text("DD.MM.YYYY HH:MI:SS.FFFZ", number, buffer, sizeof buffer, NULL) == 0 &&
	     strcmp(buffer, "28.02.2026 12:30:00.500Z") == 0);
	return verdict(0);
}

static void
texts_and_times(void **state)
{
	(void)state;
	assert_int_equal(oom_each(convert, NULL), 0);
}

/* The class is right and some sentence is there, with or without what was to stand in it. */
static int
fail_well(void *arg)
{
	struct syncline_error err = { .struct_size = sizeof err };

	(void)arg;
	MUST(syncline_fail(&err, SYNCLINE_INVALID, "Row %d is bad.", 3) == SYNCLINE_INVALID);
	MUST(strcmp(err.message, "Row 3 is bad.") == 0 || strcmp(err.message, "Row %d is bad.") == 0);
	syncline_detail(&err, "said %d", 5);
	syncline_hint(&err, "Do %s.", "this");
	syncline_applied(&err, SYNCLINE_APPLIED_NO);
	syncline_retry_after(&err, 1500);
	syncline_remote_status(&err, 503);
	MUST(err.detail[0] != '\0' && err.hint[0] != '\0' && err.applied == SYNCLINE_APPLIED_NO && err.retry_after_ms == 1500 && err.remote_status == 503);
	MUST(syncline_fail_errno(&err, EACCES, "Opening %s.", "x") == SYNCLINE_CONFIG);
	MUST(err.message[0] != '\0' && err.detail[0] != '\0' && err.hint[0] != '\0' && err.applied == SYNCLINE_APPLIED_MAYBE);
	MUST(syncline_fail_errno(&err, 99999, "Opening %s.", "x") == SYNCLINE_RETRY && err.detail[0] != '\0');
	MUST(syncline_fail_memory(&err) == SYNCLINE_RETRY && strcmp(err.message, "There is no memory left.") == 0);
	MUST(syncline_fail_cancelled(&err) == SYNCLINE_CANCELLED && err.message[0] != '\0' && err.hint[0] == '\0');
	return verdict(0);
}

static void
errors(void **state)
{
	(void)state;
	assert_true(oom_each(fail_well, NULL) >= 10);
}

static const struct syncline_log_service_v1 *log_service;
static char logged[64];

static const void *
get_service(const struct syncline_host *host, const char *id)
{
	(void)host;
	return strcmp(id, "log/1") == 0 ? log_service : NULL;
}

static void
write_log(const struct syncline_host *host, uint32_t level, const char *text)
{
	(void)host;
	MUST(level == SYNCLINE_LOG_INFO && strlen(text) < sizeof logged);
	strcpy(logged, text);
}

static int
use_host(void *arg)
{
	static const struct syncline_log_service_v1 log = { sizeof log, 0, write_log };
	static const char *const list[] = { "", "NULL" };
	const struct syncline_setting items[] = {
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_TEXT, 1, 0, 0, "mark", ",", NULL, 0, 0 },
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_LIST, 1, 0, 0, "null_if", "", list, 2, 0 },
	};
	const struct syncline_settings system = { sizeof system, 2, items };
	const struct syncline_host host = { .struct_size = sizeof host, .agent_version = "1.0", .get_service = get_service };
	struct syncline_error err = { .struct_size = sizeof err };

	(void)arg;
	log_service = &log;
	logged[0] = '\0';
	MUST(syncline_service(&host, "log/1", sizeof log, &err) == &log);
	MUST(syncline_service(&host, "http/1", 8, &err) == NULL && err.message[0] != '\0' && err.hint[0] != '\0');
	syncline_log(&host, &log, SYNCLINE_LOG_INFO, "read %d of %s", 3, "x");
	MUST(strcmp(logged, "read 3 of x") == 0 || strcmp(logged, "read %d of %s") == 0);
	MUST(strcmp(syncline_setting_text(NULL, &system, "mark", "?"), ",") == 0);
	MUST(syncline_setting_list_has(NULL, &system, "null_if", "NULL", 4));
	return verdict(0);
}

static void
hosts(void **state)
{
	(void)state;
	assert_true(oom_each(use_host, NULL) >= 3);
}

struct place {
	char path[64];
	int root;
	int free_fd; /* the lowest that is free: one that is not given back makes it higher */
};

static int
lowest_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static int
place_new(void **state)
{
	struct place *p = calloc(1, sizeof *p);

	if (p == NULL)
		return -1;
	strcpy(p->path, "/tmp/syncline-helper-oom.XXXXXX");
	if (mkdtemp(p->path) == NULL || (p->root = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		return -1;
	p->free_fd = lowest_fd();
	*state = p;
	return 0;
}

static int
place_free(void **state)
{
	struct place *p = *state;
	char command[128];

	close(p->root);
	sprintf(command, "rm -rf '%s'", p->path);
	free(p);
	return system(command) == 0 ? 0 : -1;
}

static int
walk(void *arg)
{
	struct place *p = arg;
	struct syncline_error err = { .struct_size = sizeof err };
	const char *name = NULL;
	int folder = -1, fd = -1;

	/* Nothing here takes memory but the sentences. */
	MUST(syncline_open_parent_under(p->root, "a/b/c", 0700, &folder, &name, &err) == SYNCLINE_OK && strcmp(name, "c") == 0);
	close(folder);
	MUST(syncline_open_under(p->root, "a/b/c", O_WRONLY | O_CREAT, 0600, &fd, &err) == SYNCLINE_OK);
	close(fd);
	MUST(syncline_open_under(p->root, "../x", O_RDONLY, 0, &fd, &err) == SYNCLINE_INVALID && err.message[0] != '\0');
	MUST(syncline_open_under(p->root, "a/none", O_RDONLY, 0, &fd, &err) == SYNCLINE_NOT_FOUND && err.message[0] != '\0');
	MUST(syncline_open_parent_under(p->root, "no/x", 0, &folder, &name, &err) == SYNCLINE_NOT_FOUND && err.message[0] != '\0');
	MUST(lowest_fd() == p->free_fd);
	return verdict(0);
}

static void
paths(void **state)
{
	assert_true(oom_each(walk, *state) >= 4);
}

/* What stands under the name, without the library. */
static const char *
content(const struct place *p, const char *name)
{
	static char text[8192];
	int fd = openat(p->root, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return NULL;
	text[n] = '\0';
	return text;
}

static int
is_content(const struct place *p, const char *name, const char *want)
{
	const char *found = content(p, name);

	return want == NULL ? found == NULL : found != NULL && strcmp(found, want) == 0;
}

static int
publish_whole(void *arg)
{
	struct place *p = arg;
	struct syncline_error err = { .struct_size = sizeof err };
	char large[5000];
	uint32_t result;
	int failed = 0;

	memset(large, 'l', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	unlinkat(p->root, "a.txt", 0);
	unlinkat(p->root, ".syncline-a.txt.part", 0);
	/* New, or not there. */
	result = syncline_publish_bytes(p->root, "a.txt", SYNCLINE_PUBLISH_KEEP, 0600, large, sizeof large - 1, &err);
	MUST(result == SYNCLINE_OK || result == SYNCLINE_RETRY);
	MUST(is_content(p, "a.txt", result == SYNCLINE_OK ? large : NULL));
	MUST(result == SYNCLINE_OK || err.message[0] != '\0');
	if (result != SYNCLINE_OK)
		return verdict(1);
	/* Kept, whatever happens. */
	result = syncline_publish_bytes(p->root, "a.txt", SYNCLINE_PUBLISH_KEEP, 0600, "new", 3, &err);
	MUST(result == SYNCLINE_CONFLICT || result == SYNCLINE_RETRY);
	failed |= result == SYNCLINE_RETRY;
	MUST(is_content(p, "a.txt", large));
	/* Replaced, or the old one. */
	result = syncline_publish_bytes(p->root, "a.txt", 0, 0600, "new", 3, &err);
	MUST(result == SYNCLINE_OK || result == SYNCLINE_RETRY);
	failed |= result != SYNCLINE_OK;
	MUST(is_content(p, "a.txt", result == SYNCLINE_OK ? "new" : large));
	MUST(lowest_fd() == p->free_fd);
	return verdict(failed);
}

static int
publish_in_steps(void *arg)
{
	struct place *p = arg;
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_publish *publish = NULL;
	uint32_t result;
	int failed = 0;

	unlinkat(p->root, "b.txt", 0);
	unlinkat(p->root, ".syncline-b.txt.part", 0);
	result = syncline_publish_open(p->root, "b.txt", 0, 0600, &publish, &err);
	MUST((result == SYNCLINE_OK) == (publish != NULL));
	if (result == SYNCLINE_OK) {
		MUST(syncline_publish_write(publish, "hello ", 6, &err) == SYNCLINE_OK);
		MUST(syncline_publish_sync(publish, &err) == SYNCLINE_OK);
		MUST(is_content(p, "b.txt", NULL));
		syncline_publish_leave(publish);
	}
	failed |= result != SYNCLINE_OK;
	/* What was left goes on; after a failure it is still there. */
	publish = NULL;
	result = syncline_publish_open(p->root, "b.txt", SYNCLINE_PUBLISH_RESUME, 0600, &publish, &err);
	MUST((result == SYNCLINE_OK) == (publish != NULL));
	MUST(failed || is_content(p, ".syncline-b.txt.part", "hello "));
	if (result == SYNCLINE_OK) {
		MUST(syncline_publish_length(publish) == (failed ? 0 : 6));
		MUST(syncline_publish_write(publish, "world!", 6, &err) == SYNCLINE_OK);
		MUST(syncline_publish_truncate(publish, syncline_publish_length(publish) - 1, &err) == SYNCLINE_OK);
		MUST(syncline_publish_finish(publish, &err) == SYNCLINE_OK);
		MUST(is_content(p, "b.txt", failed ? "world" : "hello world"));
	} else {
		MUST(is_content(p, "b.txt", NULL));
	}
	failed |= result != SYNCLINE_OK;
	/* Part files that nobody writes are all gone, or it says so. */
	publish = NULL;
	if (syncline_publish_open(p->root, "c.txt", 0, 0600, &publish, &err) == SYNCLINE_OK)
		syncline_publish_leave(publish);
	else
		failed = 1;
	result = syncline_publish_clean(p->root, 0, &err);
	MUST(result == SYNCLINE_OK || result == SYNCLINE_RETRY);
	MUST(result != SYNCLINE_OK || (is_content(p, ".syncline-b.txt.part", NULL) && is_content(p, ".syncline-c.txt.part", NULL)));
	failed |= result != SYNCLINE_OK;
	MUST(lowest_fd() == p->free_fd);
	return verdict(failed);
}

static int
look_whether_complete(void *arg)
{
	static const struct syncline_complete_rule marker = { SYNCLINE_COMPLETE_MARKER, 0, "*.done" }, renamed = { SYNCLINE_COMPLETE_RENAME, 0, NULL };
	struct place *p = arg;
	struct syncline_error err = { .struct_size = sizeof err };
	int done = -1;
	uint32_t result;

	MUST(syncline_file_complete(p->root, "d.txt", &renamed, 0, NULL, &done, &err) == SYNCLINE_OK && done == 1);
	MUST(syncline_file_complete(p->root, "none", &renamed, 0, NULL, &done, &err) == SYNCLINE_NOT_FOUND && err.message[0] != '\0');
	done = -1;
	result = syncline_file_complete(p->root, "d.txt", &marker, 0, NULL, &done, &err);
	/* A name that can't be made for want of memory is no mistake in the configuration. */
	MUST(result == SYNCLINE_OK ? done == 1 : result == SYNCLINE_RETRY && done == -1);
	return verdict(result != SYNCLINE_OK);
}

static void
publishing(void **state)
{
	struct place *p = *state;

	assert_true(oom_each(publish_whole, p) >= 3);
	assert_true(oom_each(publish_in_steps, p) >= 3);
	assert_int_equal(syncline_publish_bytes(p->root, "d.txt", 0, 0600, "1", 1, NULL), SYNCLINE_OK);
	assert_int_equal(syncline_publish_bytes(p->root, "d.txt.done", 0, 0600, "", 0, NULL), SYNCLINE_OK);
	assert_true(oom_each(look_whether_complete, p) >= 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers), cmocka_unit_test(texts_and_times), cmocka_unit_test(errors), cmocka_unit_test(hosts),
		cmocka_unit_test_setup_teardown(paths, place_new, place_free),
		cmocka_unit_test_setup_teardown(publishing, place_new, place_free),
	};

	return cmocka_run_group_tests_name("helper library without memory", tests, NULL, NULL);
}
