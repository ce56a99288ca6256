/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-helper.c: the helper library as a connector uses it, with what it must accept and what it must refuse.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <syncline/helper.h>

#include "check.h"

/* A struct of an older and of a newer side. */
struct small {
	uint32_t struct_size, a;
};
struct large {
	uint32_t struct_size, a, b, c;
};

static void
sizes(void **state)
{
	struct small s = { sizeof s, 7 };
	struct large l, from = { sizeof from, 1, 2, 3 };
	struct small row[2] = { { sizeof s, 1 }, { sizeof s, 2 } };

	(void)state;
	memset(&l, 0xff, sizeof l);
	SYNCLINE_COPY(&l, &s);
	assert_int_equal(l.struct_size, sizeof l);
	assert_int_equal(l.a, 7);
	assert_int_equal(l.b | l.c, 0);
	SYNCLINE_COPY(&s, &from);
	assert_int_equal(s.struct_size, sizeof s);
	assert_int_equal(s.a, 1);
	s.a = 0;
	syncline_give(&s, &from, sizeof from);
	assert_int_equal(s.struct_size, sizeof s);
	assert_int_equal(s.a, 1);
	assert_int_equal(((const struct small *)syncline_at(row, 1))->a, 2);
}

static void
errors(void **state)
{
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_error old = { .struct_size = offsetof(struct syncline_error, hint) };
	char longtext[400];

	(void)state;
	assert_int_equal(syncline_fail(&err, SYNCLINE_INVALID, "Row %d is \xff bad\nand long.", 3), SYNCLINE_INVALID);
	assert_string_equal(err.message, "Row 3 is ? bad and long.");
	syncline_hint(&err, "Do %s.", "this");
	syncline_detail(&err, "said %d", 5);
	syncline_applied(&err, SYNCLINE_APPLIED_NO);
	syncline_retry_after(&err, 1500);
	syncline_remote_status(&err, 503);
	assert_string_equal(err.hint, "Do this.");
	assert_string_equal(err.detail, "said 5");
	assert_int_equal(err.applied, SYNCLINE_APPLIED_NO);
	assert_int_equal(err.retry_after_ms, 1500);
	assert_int_equal(err.remote_status, 503);

	/* Cut between characters: 254 x and a two-byte character make 256 with the NUL's place gone. */
	memset(longtext, 'x', 254);
	memcpy(longtext + 254, "\xc3\xa4\xc3\xa4", 5);
	syncline_fail(&err, SYNCLINE_RETRY, "%s", longtext);
	assert_int_equal(strlen(err.message), 254);
	assert_true(syncline_is_utf8(err.message, strlen(err.message)));
	assert_string_equal(err.hint, "");
	assert_int_equal(err.applied, 0);

	/* An older caller's struct has no room for a hint: what lies behind it stays. */
	memset(old.hint, 'h', sizeof old.hint);
	syncline_fail(&old, SYNCLINE_RETRY, "m");
	syncline_hint(&old, "never");
	assert_int_equal(old.hint[0], 'h');
	assert_string_equal(old.message, "m");

	assert_int_equal(syncline_fail(NULL, SYNCLINE_AUTH, "x"), SYNCLINE_AUTH);
	assert_int_equal(syncline_fail_errno(&err, ENOSPC, "Writing."), SYNCLINE_RETRY);
	assert_true(err.detail[0] != '\0' && err.hint[0] != '\0');
	assert_int_equal(syncline_fail_errno(&err, ENOENT, "Opening."), SYNCLINE_NOT_FOUND);
}

static void
settings(void **state)
{
	static const char *const list[] = { "", "NULL" };
	const struct syncline_setting system_items[] = {
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_TEXT, 1, 0, 0, "mark", ",", NULL, 0, 0 },
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_INTEGER, 0, 0, 42, "limit", "", NULL, 0, 0 },
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_LIST, 1, 0, 0, "null_if", "", list, 2, 0 },
	};
	const struct syncline_setting object_items[] = {
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_TEXT, 0, 0, 0, "mark", ".", NULL, 0, 0 },
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_INTEGER, 1, 0, 7, "limit", "", NULL, 0, 0 },
		{ sizeof(struct syncline_setting), SYNCLINE_PARAM_BOOLEAN, 1, 0, 1, "header", "", NULL, 0, 0 },
	};
	struct syncline_settings system = { sizeof system, 3, system_items }, object = { sizeof object, 3, object_items };
	uint32_t count;

	(void)state;
	assert_string_equal(syncline_setting_text(&object, &system, "mark", "?"), ","); /* configured beats the object's default */
	assert_string_equal(syncline_setting_text(&object, NULL, "mark", "?"), ".");
	assert_string_equal(syncline_setting_text(NULL, NULL, "mark", "?"), "?");
	assert_int_equal(syncline_setting_integer(&object, &system, "limit", 0), 7);
	assert_int_equal(syncline_setting_integer(NULL, &system, "limit", 0), 42);
	assert_int_equal(syncline_setting_boolean(&object, &system, "header", 0), 1);
	assert_int_equal(syncline_setting_boolean(&object, &system, "other", 1), 1);
	assert_non_null(syncline_setting_list(&object, &system, "null_if", &count));
	assert_int_equal(count, 2);
	assert_true(syncline_setting_list_has(&object, &system, "null_if", "NULLX", 4));
	assert_true(syncline_setting_list_has(&object, &system, "null_if", "", 0));
	assert_false(syncline_setting_list_has(&object, &system, "null_if", "null", 4));
}

static void
utf8_and_decimals(void **state)
{
	static const char *const good[] = { "", "a", "Stra\303\237e und eine lange Zeile", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf" };
	static const char *const bad[] = { "\xff", "\xc0\x80", "\xc3", "12345678\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "abcdefg\x80" };
	static const char *const decimals[] = { "0", "-0", "007", "1.10", "-12345678901234567890.123456789" };
	static const char *const others[] = { "", "-", "1.", ".5", "+1", "1e5", " 1", "1 ", "1,5", "--1", "1.2.3" };
	int64_t i;

	(void)state;
	for (size_t n = 0; n < sizeof good / sizeof *good; n++)
		assert_true(syncline_is_utf8(good[n], strlen(good[n])));
	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++)
		assert_false(syncline_is_utf8(bad[n], strlen(bad[n])));
	assert_false(syncline_is_utf8("a\0b", 3));
	assert_false(syncline_is_utf8("1234567\0", 8));
	for (size_t n = 0; n < sizeof decimals / sizeof *decimals; n++)
		assert_true(syncline_is_decimal(decimals[n], strlen(decimals[n])));
	for (size_t n = 0; n < sizeof others / sizeof *others; n++)
		assert_false(syncline_is_decimal(others[n], strlen(others[n])));
	assert_int_equal(syncline_to_integer("-9223372036854775808", 20, &i), 0);
	assert_true(i == INT64_MIN);
	assert_int_equal(syncline_to_integer("9223372036854775807", 19, &i), 0);
	assert_true(i == INT64_MAX);
	assert_int_equal(syncline_to_integer("9223372036854775808", 19, &i), -1);
	assert_int_equal(syncline_to_integer("-9223372036854775809", 20, &i), -1);
	assert_int_equal(syncline_to_integer("", 0, &i), -1);
	assert_int_equal(syncline_to_integer("1x", 2, &i), -1);
}

static void
numbers(void **state)
{
	static const struct {
		const char *decimal, *thousands, *text, *want; /* NULL: refused */
	} rows[] = {
		{ ",", ".", "1.234,50", "1234.50" }, { ",", ".", "1234,50", "1234.50" }, { ",", ".", "-1.234.567", "-1234567" },
		{ ",", ".", "5-", "-5" }, { ",", ".", " +7 ", "7" }, { ",", ".", ",5", "0.5" }, { ",", ".", "5,", "5" },
		{ ",", ".", "1.23,5", NULL }, { ",", ".", "1234.567", NULL }, { ",", ".", "12345.678,1", NULL }, { ",", ".", ".123", NULL },
		{ ",", ".", "1,5,5", NULL }, { ",", ".", "", NULL }, { ",", ".", "-", NULL }, { ",", ".", ",", NULL }, { ",", ".", "1e5", NULL },
		{ ".", "", "1234.50", "1234.50" }, { ".", NULL, "1,234", NULL }, { ".", "'", "1'234.5", "1234.5" },
		{ ",", "\xc2\xa0", "1\xc2\xa0" "234,00", "1234.00" }, { ".", ",", "007.10", "007.10" },
	};
	char buffer[64];
	size_t length;

	(void)state;
	for (size_t n = 0; n < sizeof rows / sizeof *rows; n++) {
		struct syncline_number_format f = { rows[n].decimal, rows[n].thousands };
		int got = syncline_number_to_decimal(&f, rows[n].text, strlen(rows[n].text), buffer, sizeof buffer, &length);

		if ((got == 0) != (rows[n].want != NULL))
			fail_msg("\"%s\" was %s", rows[n].text, got == 0 ? "accepted" : "refused");
		if (got == 0) {
			assert_int_equal(length, strlen(rows[n].want));
			assert_memory_equal(buffer, rows[n].want, length);
		}
	}
	{
		struct syncline_number_format f = { ",", "." };

		assert_int_equal(syncline_decimal_to_number(&f, 1, "-1234567.50", 11, buffer, sizeof buffer, &length), 0);
		assert_int_equal(length, 13);
		assert_memory_equal(buffer, "-1.234.567,50", 13);
		assert_int_equal(syncline_decimal_to_number(&f, 0, "1234.5", 6, buffer, sizeof buffer, &length), 0);
		assert_memory_equal(buffer, "1234,5", 6);
		assert_int_equal(syncline_decimal_to_number(&f, 0, "x", 1, buffer, sizeof buffer, &length), -1);
		assert_int_equal(syncline_number_to_decimal(&f, "12345", 5, buffer, 4, &length), -1); /* no room */
	}
}

static void
dates(void **state)
{
	int64_t days, us;
	int has_zone, has_time, y, m, d;
	char buffer[64];
	size_t length;

	(void)state;
	/* Every day of ten thousand years, there and back. */
	for (days = -719162; days <= 2932896; days++) {
		int64_t again;

		syncline_date_from_days(days, &y, &m, &d);
		assert_int_equal(syncline_days_from_date(y, m, d, &again), 0);
		assert_true(again == days);
	}
	assert_int_equal(syncline_text_to_date("DD.MM.YYYY", "28.02.2026", 10, &days), 0);
	assert_int_equal(syncline_date_to_text(NULL, days, buffer, sizeof buffer, &length), 0);
	assert_string_equal(buffer, "2026-02-28");
	assert_int_equal(length, 10);
	assert_int_equal(syncline_text_to_date("DD.MM.YYYY", "29.02.2026", 10, &days), -1);
	assert_int_equal(syncline_text_to_date("DD.MM.YYYY", "28.02.26", 8, &days), -1);
	assert_int_equal(syncline_text_to_date("D.M.YYYY", "1.2.2026", 8, &days), 0);
	assert_int_equal(syncline_text_to_date("YYYYMMDD", "20261231", 8, &days), 0);
	assert_int_equal(syncline_text_to_date("ISO", "2026-12-31x", 11, &days), -1);
	assert_int_equal(syncline_text_to_date("MM/DD/YYYY", "12/31/2026", 10, &days), 0);
	assert_int_equal(syncline_date_to_text("D.M.YYYY", 0, buffer, sizeof buffer, NULL), 0);
	assert_string_equal(buffer, "1.1.1970");
	assert_int_equal(syncline_date_to_text("DD.MM.YYYY", 0, buffer, 10, NULL), -1);

	assert_int_equal(syncline_text_to_timestamp("DD.MM.YYYY HH:MM:SS", "01.01.1970 00:01:02", 19, &us, &has_zone), 0);
	assert_int_equal(us, 62000000);
	assert_int_equal(has_zone, 0);
	assert_int_equal(syncline_text_to_timestamp(NULL, "1970-01-01T01:00:00.5+01:00", 27, &us, &has_zone), 0);
	assert_int_equal(us, 500000);
	assert_int_equal(has_zone, 1);
	assert_int_equal(syncline_text_to_timestamp(NULL, "1970-01-01 00:00", 16, &us, NULL), 0);
	assert_int_equal(syncline_text_to_timestamp(NULL, "1970-01-01T24:00:00Z", 20, &us, NULL), -1);
	assert_int_equal(syncline_text_to_timestamp(NULL, "1970-01-01T00:00:00.1234567Z", 28, &us, NULL), -1); /* a digit would be lost */
	assert_int_equal(syncline_text_to_timestamp(NULL, "0001-01-01T00:00:00+02:00", 25, &us, NULL), -1);
	assert_int_equal(syncline_timestamp_to_text(NULL, -1, buffer, sizeof buffer, NULL), 0);
	assert_string_equal(buffer, "1969-12-31T23:59:59.999999Z");
	assert_int_equal(syncline_timestamp_to_text("DD.MM.YYYY HH:MI", 0, buffer, sizeof buffer, NULL), 0);
	assert_string_equal(buffer, "01.01.1970 00:00");

	assert_true(syncline_pattern_is_valid("DD.MM.YYYY", &has_time));
	assert_false(has_time);
	assert_true(syncline_pattern_is_valid("YYYY-MM-DDTHH:MI:SS.FFFZ", &has_time));
	assert_true(has_time);
	assert_false(syncline_pattern_is_valid("DD.MM.YY", NULL));
	assert_false(syncline_pattern_is_valid("MM.YYYY", NULL));
	assert_false(syncline_pattern_is_valid("DD.DD.YYYY MM", NULL));
	assert_false(syncline_pattern_is_valid("TT.MM.JJJJ", NULL));
}

static void
buffers(void **state)
{
	struct syncline_buffer b;

	(void)state;
	syncline_buffer_init(&b, 32);
	assert_int_equal(syncline_buffer_format(&b, "%d-%s", 12, "ab"), 0);
	assert_string_equal(syncline_buffer_string(&b), "12-ab");
	assert_int_equal(syncline_buffer_text(&b, "0123456789012345678901234567890"), -1);
	assert_true(b.failed);
	assert_int_equal(b.length, 5);
	syncline_buffer_clear(&b);
	assert_int_equal(syncline_json_string(&b, "a\"\\\n\x01\xc3\xa4", 7), 0);
	assert_string_equal(syncline_buffer_string(&b), "\"a\\\"\\\\\\n\\u0001\xc3\xa4\"");
	syncline_buffer_free(&b);
}

/* A folder of its own per test. */
static int
folder_new(void **state)
{
	static char path[64];
	int *fd = malloc(sizeof *fd);

	strcpy(path, "/tmp/syncline-helper.XXXXXX");
	if (fd == NULL || mkdtemp(path) == NULL || (*fd = open(path, O_RDONLY | O_DIRECTORY)) < 0)
		return -1;
	setenv("HELPER_FOLDER", path, 1);
	*state = fd;
	return 0;
}

static int
folder_free(void **state)
{
	char command[128];

	close(*(int *)*state);
	free(*state);
	snprintf(command, sizeof command, "rm -rf '%s'", getenv("HELPER_FOLDER"));
	return system(command) == 0 ? 0 : -1;
}

static void
paths(void **state)
{
	static const char *const bad[] = { "", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a/.", "a/", "../x" };
	int root = *(int *)*state, fd, folder;
	const char *name;
	struct syncline_error err = { .struct_size = sizeof err };

	for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
		assert_false(syncline_path_is_safe(bad[n]));
		assert_int_equal(syncline_open_under(root, bad[n], O_RDONLY, 0, &fd, &err), SYNCLINE_INVALID);
	}
	assert_true(syncline_path_is_safe("a/..b/c.d"));
	assert_int_equal(syncline_open_parent_under(root, "a/b/c", 0, &folder, &name, &err), SYNCLINE_NOT_FOUND);
	assert_int_equal(syncline_open_parent_under(root, "a/b/c", 0700, &folder, &name, &err), SYNCLINE_OK);
	assert_string_equal(name, "c");
	close(folder);
	assert_int_equal(syncline_open_under(root, "a/b/c", O_WRONLY | O_CREAT, 0600, &fd, &err), SYNCLINE_OK);
	close(fd);
	/* Links lead nowhere: neither on the way nor at the end. */
	assert_int_equal(symlinkat("/etc", root, "etc"), 0);
	assert_int_equal(symlinkat("/etc/passwd", root, "a/passwd"), 0);
	assert_int_not_equal(syncline_open_under(root, "etc/passwd", O_RDONLY, 0, &fd, &err), SYNCLINE_OK);
	assert_int_not_equal(syncline_open_under(root, "a/passwd", O_RDONLY, 0, &fd, &err), SYNCLINE_OK);
	assert_int_not_equal(syncline_open_parent_under(root, "etc/x/y", 0700, &folder, &name, &err), SYNCLINE_OK);
}

static void
read_whole(int folder, const char *name, char *buffer, size_t capacity)
{
	int fd = openat(folder, name, O_RDONLY);
	ssize_t n;

	assert_true(fd >= 0);
	n = read(fd, buffer, capacity - 1);
	assert_true(n >= 0);
	buffer[n] = '\0';
	close(fd);
}

static void
publishing(void **state)
{
	int folder = *(int *)*state;
	struct syncline_publish *p, *q;
	struct syncline_error err = { .struct_size = sizeof err };
	struct timespec ahead[2] = { { 0, 0 }, { 0, 0 } };
	struct stat st;
	char text[64];
	pid_t child;
	int status;

	assert_int_equal(syncline_publish_open(folder, "a.txt", 0, 0600, &p, &err), SYNCLINE_OK);
	assert_int_equal(syncline_publish_write(p, "hello ", 6, &err), SYNCLINE_OK);
	assert_int_equal(syncline_publish_sync(p, &err), SYNCLINE_OK);
	assert_int_equal(fstatat(folder, "a.txt", &st, 0), -1); /* not there before finish */
	/* A second process is turned away. */
	child = fork();
	if (child == 0)
		_exit(syncline_publish_open(folder, "a.txt", 0, 0600, &q, NULL) == SYNCLINE_RETRY ? 0 : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	syncline_publish_leave(p);
	/* What was left goes on. */
	assert_int_equal(syncline_publish_open(folder, "a.txt", SYNCLINE_PUBLISH_RESUME, 0600, &p, &err), SYNCLINE_OK);
	assert_int_equal(syncline_publish_length(p), 6);
	assert_int_equal(syncline_publish_write(p, "world", 5, &err), SYNCLINE_OK);
	assert_int_equal(syncline_publish_truncate(p, 10, &err), SYNCLINE_OK);
	assert_int_equal(syncline_publish_finish(p, &err), SYNCLINE_OK);
	read_whole(folder, "a.txt", text, sizeof text);
	assert_string_equal(text, "hello worl");
	/* KEEP never replaces. */
	assert_int_equal(syncline_publish_bytes(folder, "a.txt", SYNCLINE_PUBLISH_KEEP, 0600, "new", 3, &err), SYNCLINE_CONFLICT);
	read_whole(folder, "a.txt", text, sizeof text);
	assert_string_equal(text, "hello worl");
	assert_int_equal(syncline_publish_bytes(folder, "a.txt", 0, 0600, "new", 3, &err), SYNCLINE_OK);
	read_whole(folder, "a.txt", text, sizeof text);
	assert_string_equal(text, "new");
	assert_int_equal(syncline_publish_open(folder, "../x", 0, 0600, &p, &err), SYNCLINE_INVALID);
	/* The part that KEEP left is cleaned, but not while it is young or somebody writes it. */
	assert_int_equal(syncline_publish_open(folder, "b.txt", 0, 0600, &p, &err), SYNCLINE_OK);
	child = fork();
	if (child == 0) {
		syncline_publish_clean(folder, 0, NULL);
		_exit(fstatat(folder, ".syncline-b.txt.part", &st, 0) == 0 && fstatat(folder, ".syncline-a.txt.part", &st, 0) != 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	syncline_publish_leave(p);
	assert_int_equal(syncline_publish_clean(folder, 3600, &err), SYNCLINE_OK);
	assert_int_equal(fstatat(folder, ".syncline-b.txt.part", &st, 0), 0);
	/* The server of the folder may have a clock that runs ahead. */
	ahead[0].tv_sec = ahead[1].tv_sec = st.st_mtime + 60;
	assert_int_equal(utimensat(folder, ".syncline-b.txt.part", ahead, 0), 0);
	assert_int_equal(syncline_publish_clean(folder, 0, &err), SYNCLINE_OK);
	assert_int_equal(fstatat(folder, ".syncline-b.txt.part", &st, 0), -1);
	/* A link under the part's name is not written through. */
	assert_int_equal(symlinkat("/tmp/elsewhere", folder, ".syncline-c.txt.part"), 0);
	assert_int_not_equal(syncline_publish_open(folder, "c.txt", 0, 0600, &p, &err), SYNCLINE_OK);
}

static void
complete(void **state)
{
	int folder = *(int *)*state, done = -1;
	struct syncline_complete_rule rename_rule = { SYNCLINE_COMPLETE_RENAME, 0, NULL };
	struct syncline_complete_rule marker = { SYNCLINE_COMPLETE_MARKER, 0, "*.done" };
	struct syncline_complete_rule stable = { SYNCLINE_COMPLETE_STABLE, 1000, NULL };
	struct syncline_file_seen seen = { 0, 0, 0, 0 };
	struct stat st;
	int64_t written;

	assert_int_equal(syncline_publish_bytes(folder, "x.csv", 0, 0600, "1", 1, NULL), SYNCLINE_OK);
	assert_int_equal(syncline_file_complete(folder, "y.csv", &rename_rule, 0, NULL, &done, NULL), SYNCLINE_NOT_FOUND);
	assert_int_equal(syncline_file_complete(folder, "x.csv", &rename_rule, 0, NULL, &done, NULL), SYNCLINE_OK);
	assert_int_equal(done, 1);
	assert_int_equal(syncline_file_complete(folder, "x.csv", &marker, 0, NULL, &done, NULL), SYNCLINE_OK);
	assert_int_equal(done, 0);
	assert_int_equal(syncline_publish_bytes(folder, "x.csv.done", 0, 0600, "", 0, NULL), SYNCLINE_OK);
	assert_int_equal(syncline_file_complete(folder, "x.csv", &marker, 0, NULL, &done, NULL), SYNCLINE_OK);
	assert_int_equal(done, 1);

	assert_int_equal(fstatat(folder, "x.csv", &st, 0), 0);
	written = (int64_t)st.st_ctim.tv_sec * 1000000 + st.st_ctim.tv_nsec / 1000;
	syncline_file_complete(folder, "x.csv", &stable, written + 999999, NULL, &done, NULL);
	assert_int_equal(done, 0);
	syncline_file_complete(folder, "x.csv", &stable, written + 1000000, NULL, &done, NULL);
	assert_int_equal(done, 1);
	/* With a memory the pause counts from the first look too. */
	syncline_file_complete(folder, "x.csv", &stable, written + 5000000, &seen, &done, NULL);
	assert_int_equal(done, 0);
	syncline_file_complete(folder, "x.csv", &stable, written + 6000000, &seen, &done, NULL);
	assert_int_equal(done, 1);
	assert_int_equal(syncline_publish_bytes(folder, "x.csv", 0, 0600, "12", 2, NULL), SYNCLINE_OK);
	syncline_file_complete(folder, "x.csv", &stable, written + 7000000, &seen, &done, NULL);
	assert_int_equal(done, 0);
}

/* The newest attempts are known, whoever wrote them; what is older than can be remembered leaves the folder. */
static void
journal_forgets_the_oldest(void **state)
{
	static uint8_t keys[100000][SYNCLINE_JOURNAL_KEY];
	const int folder = *(int *)*state;
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_journal_part part;
	struct syncline_journal *j;
	unsigned known = 0;
	struct stat st;

	for (unsigned process = 0; process < 10; process++) {
		assert_int_equal(syncline_journal_open(folder, "folder", 1000000, (process + 10) * INT64_C(1000000), &j, &err), SYNCLINE_OK);
		for (unsigned i = 0; i < 100000; i++) {
			unsigned number = process * 100000 + i;

			memcpy(keys[i], &number, sizeof number);
		}
		assert_int_equal(syncline_journal_begin(j, 1, &err), SYNCLINE_OK);
		assert_int_equal(syncline_journal_part(j, 0, &part, &err), SYNCLINE_OK);
		snprintf(part.final_name, sizeof part.final_name, "%u", process);
		assert_int_equal(syncline_journal_write(j, &part, "x", 1, keys[0], 100000, 0, &err), SYNCLINE_OK);
		assert_int_equal(syncline_journal_publish(j, &part, &err), SYNCLINE_OK);
		syncline_journal_close(j);
	}
	assert_int_equal(syncline_journal_open(folder, "folder", 1000000, 20000000, &j, &err), SYNCLINE_OK);
	for (unsigned number = 0; number < 1000000; number++) {
		memcpy(keys[0], &number, sizeof number);
		known += syncline_journal_has(j, keys[0]) != 0;
		if (number >= 1000000 - 262144)
			assert_true(syncline_journal_has(j, keys[0]));
	}
	assert_in_range(known, 262144, 3 * 262144);
	syncline_journal_close(j);
	assert_int_equal(fstatat(folder, "9", &st, 0), 0);
	for (unsigned process = 0; process < 10; process++) {
		char path[64];

		snprintf(path, sizeof path, ".syncline/journal-%u000000-%ld-0", process + 10, (long)getpid());
		assert_int_equal(fstatat(folder, path, &st, 0) == 0, process >= 4);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes), cmocka_unit_test(errors), cmocka_unit_test(settings), cmocka_unit_test(utf8_and_decimals),
		cmocka_unit_test(numbers), cmocka_unit_test(dates), cmocka_unit_test(buffers),
		cmocka_unit_test_setup_teardown(paths, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(publishing, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(journal_forgets_the_oldest, folder_new, folder_free),
		cmocka_unit_test_setup_teardown(complete, folder_new, folder_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
