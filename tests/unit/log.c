/* SPDX-License-Identifier: BSD-2-Clause */
/* log.c: lines for people, for programs and for the system's log, which is played by functions of this test. */
#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <syncline/service.h>

#include "observe/log.h"

static char line[4096];
static int priority, opened;

void
openlog(const char *ident, int option, int facility)
{
	assert_string_equal(ident, "synclined");
	assert_true((option & LOG_PID) != 0);
	assert_int_equal(facility, LOG_DAEMON);
	opened++;
}

void
closelog(void)
{
	opened--;
}

void
syslog(int level, const char *format, ...)
{
	va_list args;

	priority = level;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
}

/* What is written to standard error meanwhile. */
static void
written(void (*say)(void))
{
	int ends[2], kept = dup(STDERR_FILENO);
	ssize_t got;

	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	say();
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	close(kept);
	close(ends[1]);
	got = read(ends[0], line, sizeof line - 1);
	close(ends[0]);
	line[got > 0 ? got : 0] = '\0';
}

static const struct log_about about = { .flow = "customers", .unit = "berlin west", .system = "crm", .object = "account", .record = 12, .process = 7,
	.run = 3, .correlation = "0af7651916cd43dd8448eb211c80319c", .cause = "delivery-dead" };

static void
say_one(void)
{
	log_event(SYNCLINE_LOG_WARNING, "finding-dead", &about, "it said \"no\"\n and\x1b more");
}

static void
say_little(void)
{
	log_event(SYNCLINE_LOG_DEBUG, "nothing", &about, "of this");
	log_event(SYNCLINE_LOG_INFO, "stopped", NULL, "%s", "");
}

static void
for_people(void **state)
{
	(void)state;
	log_set(&(struct log_options){ .level = SYNCLINE_LOG_INFO });
	written(say_one);
	assert_string_equal(line + 24, " warning finding-dead run=3 flow=customers unit=\"berlin west\" system=crm object=account record=12 process=7"
		" cause=delivery-dead correlation=0af7651916cd43dd8448eb211c80319c: it said \"no\"  and? more\n");
	assert_int_equal(line[23], 'Z');
	written(say_little);
	assert_string_equal(line + 24, " info stopped\n");
}

static void
for_programs(void **state)
{
	(void)state;
	log_set(&(struct log_options){ .level = SYNCLINE_LOG_INFO, .json = true });
	written(say_one);
	assert_string_equal(line + 9 + 24, "\",\"level\":\"warning\",\"event\":\"finding-dead\",\"run\":3,\"flow\":\"customers\",\"unit\":\"berlin west\","
		"\"system\":\"crm\",\"object\":\"account\",\"record\":12,\"process\":7,\"cause\":\"delivery-dead\","
		"\"correlation\":\"0af7651916cd43dd8448eb211c80319c\",\"message\":\"it said \\\"no\\\"\\n and\\u001b more\"}\n");
	written(say_little);
	assert_string_equal(line + 9 + 24, "\",\"level\":\"info\",\"event\":\"stopped\"}\n");
}

/* Which adds time, name and process itself, and gives each line a level. */
static void
for_the_system(void **state)
{
	(void)state;
	log_set(&(struct log_options){ .level = SYNCLINE_LOG_INFO, .syslog = true });
	assert_int_equal(opened, 1);
	say_one();
	assert_int_equal(priority, LOG_WARNING);
	assert_int_equal(strncmp(line, "finding-dead run=3 flow=customers", 33), 0);
	assert_null(strchr(line, '\n'));
	log_event(SYNCLINE_LOG_ERROR, "ledger", NULL, "%s", "100%s full");
	assert_int_equal(priority, LOG_ERR);
	assert_string_equal(line, "ledger: 100%s full");
	log_set(&(struct log_options){ .level = SYNCLINE_LOG_INFO });
	assert_int_equal(opened, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(for_people), cmocka_unit_test(for_programs), cmocka_unit_test(for_the_system) };

	unsetenv("JOURNAL_STREAM");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
