/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * due.c: when cron expressions are due.  What the manual promises around both clock changes is written down; on top, random
 * expressions are held against a slow oracle that walks minute by minute with the C library's own idea of the zone.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "schedule/due.h"

#define assert_ok(call) do { if ((call) != 0) fail_msg("%s: %s", #call, err.message); } while (0)

static struct error err;

/* "2026-03-29 01:00:00" in UTC. */
static int64_t
instant_of(const char *text)
{
	struct tm tm = { 0 };
	int64_t days = 0;

	assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min), 5);
	for (int year = 1970; year < tm.tm_year; year++)
		days += (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365;
	for (int month = 1; month < tm.tm_mon; month++) {
		static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

		days += lengths[month - 1] + (month == 2 && ((tm.tm_year % 4 == 0 && tm.tm_year % 100 != 0) || tm.tm_year % 400 == 0));
	}
	return ((days + tm.tm_mday - 1) * 24 + tm.tm_hour) * 3600 + tm.tm_min * 60;
}

static const char *
text_of(int64_t instant)
{
	static char text[40];
	time_t t = (time_t)instant;
	struct tm tm;

	assert_non_null(gmtime_r(&t, &tm));
	strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
	return text;
}

static struct zone *
zone_of(const char *name)
{
	struct zone *zone = zone_load(NULL, name, strlen(name), &err);

	if (zone == NULL) {
		print_message("skipped: the system has no data of time zones (%s)\n", err.message);
		skip();
	}
	return zone;
}

/* Each is due at these instants (UTC), one after the other, and not between. */
static void
due_at_these_times(void **state)
{
	static const struct {
		const char *expression, *zone, *after;
		const char *due[5];
	} rows[] = {
		{ "*/15 * * * *", "UTC", "2026-01-01 00:00", { "2026-01-01 00:15", "2026-01-01 00:30", "2026-01-01 00:45", "2026-01-01 01:00" } },
		{ "0 3 * * *", "Europe/Berlin", "2026-01-01 00:00", { "2026-01-01 02:00", "2026-01-02 02:00" } },
		{ "0 3 * * *", "Europe/Berlin", "2026-07-01 00:00", { "2026-07-01 01:00", "2026-07-02 01:00" } },
		{ "30 6 * * mon-fri", "Europe/Berlin", "2026-01-02 12:00", { "2026-01-05 05:30", "2026-01-06 05:30" } },
		{ "0 0 1,15 * 5", "UTC", "2026-01-01 00:00", { "2026-01-02 00:00", "2026-01-09 00:00", "2026-01-15 00:00", "2026-01-16 00:00" } },
		{ "0 0 */2 * 5", "UTC", "2026-01-01 00:00", { "2026-01-09 00:00", "2026-01-23 00:00" } },
		{ "0 12 29 2 *", "UTC", "2026-01-01 00:00", { "2028-02-29 12:00", "2032-02-29 12:00" } },
		{ "0 12 29 2 *", "UTC", "2096-03-01 00:00", { "2104-02-29 12:00" } },
		{ "59 23 31 DEC *", "Asia/Tokyo", "2026-01-01 00:00", { "2026-12-31 14:59" } },
		{ "0 0 * * 7", "UTC", "2026-01-01 00:00", { "2026-01-04 00:00", "2026-01-11 00:00" } },
		{ "5-59/20 8-10/2 * * *", "UTC", "2026-01-01 00:00", { "2026-01-01 08:05", "2026-01-01 08:25", "2026-01-01 08:45", "2026-01-01 10:05" } },
		{ "@weekly", "UTC", "2026-01-01 00:00", { "2026-01-04 00:00" } },
		{ "@yearly", "Europe/Berlin", "2026-06-01 00:00", { "2026-12-31 23:00" } },
		/* 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC. */
		{ "30 2 * * *", "Europe/Berlin", "2026-03-28 00:00", { "2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30" } },
		{ "0,30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", { "2026-03-29 01:00", "2026-03-30 00:00", "2026-03-30 00:30" } },
		{ "0 3 * * *", "Europe/Berlin", "2026-03-28 12:00", { "2026-03-29 01:00", "2026-03-30 01:00" } },
		{ "30 1 * * *", "Europe/Berlin", "2026-03-28 12:00", { "2026-03-29 00:30", "2026-03-29 23:30" } },
		{ "*/30 * * * *", "Europe/Berlin", "2026-03-29 00:20", { "2026-03-29 00:30", "2026-03-29 01:00", "2026-03-29 01:30" } },
		{ "*/30 2 * * *", "Europe/Berlin", "2026-03-28 12:00", { "2026-03-30 00:00", "2026-03-30 00:30" } },
		/* 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC. */
		{ "30 2 * * *", "Europe/Berlin", "2026-10-24 12:00", { "2026-10-25 00:30", "2026-10-26 01:30" } },
		{ "0 2 * * *", "Europe/Berlin", "2026-10-24 12:00", { "2026-10-25 00:00", "2026-10-26 01:00" } },
		{ "0 3 * * *", "Europe/Berlin", "2026-10-24 12:00", { "2026-10-25 02:00", "2026-10-26 02:00" } },
		{ "*/30 2 * * *", "Europe/Berlin", "2026-10-24 12:00",
		  { "2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30", "2026-10-26 01:00" } },
		{ "0 * * * *", "America/New_York", "2026-11-01 04:30", { "2026-11-01 05:00", "2026-11-01 06:00", "2026-11-01 07:00" } },
		/* Clocks that are set by half an hour, and at midnight. */
		{ "15 2 * * *", "Australia/Lord_Howe", "2026-10-03 00:00", { "2026-10-03 15:30", "2026-10-04 15:15" } },
		{ "0 0 * * *", "America/Sao_Paulo", "2018-11-03 12:00", { "2018-11-04 03:00", "2018-11-05 02:00" } },
		/* A day that was left out altogether. */
		{ "0 9 * * *", "Pacific/Apia", "2011-12-29 12:00", { "2011-12-29 19:00", "2011-12-30 10:00", "2011-12-30 19:00" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct zone *zone = zone_of(rows[i].zone);
		int64_t at = instant_of(rows[i].after);
		struct cron cron;

		assert_ok(cron_parse(rows[i].expression, &cron, &err));
		for (size_t d = 0; d < 5 && rows[i].due[d] != NULL; d++) {
			at = due_cron(&cron, zone, at);
			if (strcmp(text_of(at), rows[i].due[d]) != 0)
				fail_msg("%s in %s is due at %s, not %s", rows[i].expression, rows[i].zone, text_of(at), rows[i].due[d]);
		}
		zone_free(zone);
	}
}

static void
what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *expression, *says;
	} rows[] = {
		{ "", "0 fields" }, { "* * * *", "4 fields" }, { "* * * * * *", "more than five" }, { "60 * * * *", "the minute \"60\" goes beyond 0 to 59" },
		{ "0 24 * * *", "the hour \"24\"" }, { "0 0 0 * *", "day of the month \"0\"" }, { "0 0 32 * *", "day of the month \"32\"" },
		{ "0 0 * 13 *", "the month" }, { "0 0 * * 8", "the weekday" }, { "5-1 * * * *", "ends before it begins" }, { "*/0 * * * *", "a step" },
		{ "1- * * * *", "without an end" }, { "x * * * *", "something else" }, { "1,, * * * *", "something else" }, { "1x * * * *", "behind a value" },
		{ "0 0 30 2 *", "a day that no month has" }, { "0 0 31 4,6,9,11 *", "a day that no month has" }, { "@often", "there is no" },
		{ "99999999999999999999 * * * *", "goes beyond" }, { "-1 * * * *", "something else" }, { "0 0 * janu *", "behind a value" },
	};
	struct cron cron;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (cron_parse(rows[i].expression, &cron, &err) == 0)
			fail_msg("\"%s\" was taken", rows[i].expression);
		if (strstr(err.message, rows[i].says) == NULL)
			fail_msg("of \"%s\" it was said: %s", rows[i].expression, err.message);
		assert_int_equal(err.code, ERROR_CONFIG_VALUE);
	}
	/* A weekday comes in each month, whatever the day is. */
	assert_ok(cron_parse("0 0 30 2 1", &cron, &err));
}

/* ---- triggers ---- */

static const struct cron_row {
	struct config_trigger trigger;
	const char *cron, *at, *window;
	uint64_t place;
	const char *last, *up; /* Europe/Berlin is one hour ahead in January; last NULL: never */
	const char *due;
} triggers[] = {
	/* every: from the last run's beginning; at once when there was none, or when the agent was not there. */
	{ .trigger = { .every_ms = 900000 }, .last = "2026-01-05 10:00", .up = "2026-01-01 00:00", .due = "2026-01-05 10:15" },
	{ .trigger = { .every_ms = 900000 }, .up = "2026-01-05 10:07", .due = "2026-01-05 10:07" },
	{ .trigger = { .every_ms = 900000 }, .last = "2026-01-05 10:00", .up = "2026-01-05 12:07", .due = "2026-01-05 12:07" },
	{ .trigger = { .every_ms = 900000, .missed = CONFIG_MISSED_SKIP }, .last = "2026-01-05 10:00", .up = "2026-01-05 12:07", .due = "2026-01-05 12:15" },
	/* Times of day, and the sooner of several. */
	{ .at = "03:00", .last = "2026-01-05 02:00", .up = "2026-01-01 00:00", .due = "2026-01-06 02:00" },
	{ .at = "03:00", .up = "2026-01-05 10:00", .due = "2026-01-06 02:00" },
	{ .at = "03:00", .last = "2026-01-04 02:00", .up = "2026-01-05 10:00", .due = "2026-01-05 10:00" },
	{ .at = "03:00", .last = "2026-01-01 02:00", .up = "2026-01-05 10:00", .due = "2026-01-05 10:00" },
	{ .trigger = { .missed = CONFIG_MISSED_SKIP }, .at = "03:00", .last = "2026-01-01 02:00", .up = "2026-01-05 10:00", .due = "2026-01-06 02:00" },
	{ .trigger = { .missed = CONFIG_MISSED_SKIP }, .at = "03:00", .last = "2026-01-01 02:00", .up = "2026-01-05 02:00", .due = "2026-01-05 02:00" },
	{ .cron = "0 12 * * 1-5", .last = "2026-01-02 11:00", .up = "2026-01-01 00:00", .due = "2026-01-05 11:00" },
	{ .trigger = { .every_ms = 86400000 }, .cron = "0 12 * * *", .last = "2026-01-02 08:00", .up = "2026-01-01 00:00", .due = "2026-01-02 11:00" },
	/* Windows: what is due at other times waits; over midnight, too. */
	{ .trigger = { .every_ms = 900000 }, .window = "06:00-20:00", .last = "2026-01-05 18:50", .up = "2026-01-01 00:00", .due = "2026-01-06 05:00" },
	{ .trigger = { .every_ms = 900000 }, .window = "06:00-20:00", .last = "2026-01-05 18:40", .up = "2026-01-01 00:00", .due = "2026-01-05 18:55" },
	{ .trigger = { .every_ms = 900000 }, .window = "22:00-04:00", .last = "2026-01-05 02:40", .up = "2026-01-01 00:00", .due = "2026-01-05 02:55" },
	{ .trigger = { .every_ms = 900000 }, .window = "22:00-04:00", .last = "2026-01-05 02:50", .up = "2026-01-01 00:00", .due = "2026-01-05 21:00" },
	{ .at = "03:00", .window = "06:00-20:00", .last = "2026-01-05 05:00", .up = "2026-01-01 00:00", .due = "2026-01-06 05:00" },
	{ .trigger = { .every_ms = 900000 }, .window = "02:15-02:45", .last = "2026-03-28 12:00", .up = "2026-03-28 12:00", .due = "2026-03-29 01:15" },
	/* Jitter: always the same share; never out of the window. */
	{ .trigger = { .jitter_ms = 600000 }, .at = "03:00", .place = 180000000, .last = "2026-01-05 02:03", .up = "2026-01-01 00:00", .due = "2026-01-06 02:03" },
	{ .trigger = { .jitter_ms = 600000 }, .at = "03:00", .place = 780000000, .last = "2026-01-05 02:03", .up = "2026-01-01 00:00", .due = "2026-01-06 02:03" },
	{ .trigger = { .jitter_ms = 600000 }, .at = "19:58", .window = "06:00-20:00", .place = 180000000, .last = "2026-01-05 02:03", .up = "2026-01-01 00:00",
	  .due = "2026-01-05 18:58" },
	/* By the clock never. */
	{ .last = "2026-01-05 02:00", .up = "2026-01-01 00:00", .due = NULL },
};

static void
triggers_are_due(void **state)
{
	struct zone *zone = zone_of("Europe/Berlin");

	(void)state;
	for (size_t i = 0; i < sizeof triggers / sizeof *triggers; i++) {
		struct config_trigger trigger = triggers[i].trigger;
		struct config_window window;
		struct config_cron cron = { .text = triggers[i].cron };
		const char *at = triggers[i].at;
		struct due_trigger due = { .trigger = &trigger, .zone = zone, .place = triggers[i].place };
		unsigned h1, m1, h2, m2;
		int64_t is;

		if (at != NULL)
			trigger.at = (struct config_texts){ .items = &at, .count = 1 };
		if (cron.text != NULL) {
			assert_ok(cron_parse(cron.text, &cron.when, &err));
			trigger.crons = &cron;
			trigger.cron_count = 1;
		}
		if (triggers[i].window != NULL) {
			assert_int_equal(sscanf(triggers[i].window, "%u:%u-%u:%u", &h1, &m1, &h2, &m2), 4);
			window = (struct config_window){ (uint16_t)(h1 * 60 + m1), (uint16_t)(h2 * 60 + m2) };
			trigger.windows = &window;
			trigger.window_count = 1;
		}
		is = due_next(&due, triggers[i].last != NULL ? instant_of(triggers[i].last) * 1000000 : DUE_NEVER, instant_of(triggers[i].up) * 1000000);
		if (triggers[i].due == NULL ? is != INT64_MAX : is != instant_of(triggers[i].due) * 1000000)
			fail_msg("row %zu is due at %s, not %s", i, is == INT64_MAX ? "no time" : text_of(is / 1000000), triggers[i].due);
	}
	zone_free(zone);
}

/* ---- against the oracle ---- */

static uint64_t seed = 88172645463325252u;

static unsigned
any(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

struct means {
	bool minutes[60], hours[24], days[32], months[13], weekdays[7];
	bool star[5];
};

/* A field as text and as what it means. */
static void
make_field(char *out, bool *means, int low, int high, unsigned shape, bool *ret_star)
{
	*out = '\0';
	*ret_star = shape == 0;
	if (shape == 0) {
		int step = any(3) == 0 ? (int)any(7) + 1 : 1;

		for (int v = low; v <= high; v += step)
			means[v] = true;
		if (step == 1)
			sprintf(out, "*");
		else
			sprintf(out, "*/%d", step);
		return;
	}
	for (unsigned i = 0; i < shape; i++) {
		int first = low + (int)any((unsigned)(high - low + 1)), last = first + (int)any((unsigned)(high - first + 1));

		if (any(2) == 0)
			last = first;
		for (int v = first; v <= last; v++)
			means[v] = true;
		out += sprintf(out, last > first ? "%s%d-%d" : "%s%d", i > 0 ? "," : "", first, last);
	}
}

static bool
meant(const struct means *m, const struct tm *tm)
{
	bool day = m->days[tm->tm_mday], weekday = m->weekdays[tm->tm_wday];

	return m->minutes[tm->tm_min] && m->hours[tm->tm_hour] && m->months[tm->tm_mon + 1] &&
	       (m->star[2] || m->star[4] ? day && weekday : day || weekday);
}

static struct tm
local(int64_t instant)
{
	time_t t = (time_t)instant;
	struct tm tm;

	assert_non_null(localtime_r(&t, &tm));
	return tm;
}

static bool
same_time(const struct tm *a, const struct tm *b)
{
	return a->tm_min == b->tm_min && a->tm_hour == b->tm_hour && a->tm_mday == b->tm_mday && a->tm_mon == b->tm_mon && a->tm_year == b->tm_year;
}

/* One minute later, by the calendar alone. */
static void
later(struct tm *tm)
{
	if (++tm->tm_min < 60)
		return;
	tm->tm_min = 0;
	if (++tm->tm_hour < 24)
		return;
	tm->tm_hour = 0;
	tm->tm_wday = (tm->tm_wday + 1) % 7;
	if (++tm->tm_mday <= (tm->tm_mon == 1 ? 28 : tm->tm_mon == 3 || tm->tm_mon == 5 || tm->tm_mon == 8 || tm->tm_mon == 10 ? 30 : 31))
		return;
	tm->tm_mday = 1;
	if (++tm->tm_mon > 11) {
		tm->tm_mon = 0;
		tm->tm_year++;
	}
}

static bool
oracle(const struct means *m, int64_t instant)
{
	struct tm now = local(instant), step = local(instant - 60);
	bool leapt = false;

	if (meant(m, &now)) {
		bool first = true;

		for (int64_t back = 60; back <= 3 * 3600 && first; back += 60) {
			struct tm then = local(instant - back);

			first = !same_time(&then, &now);
		}
		if (first || m->star[0] || m->star[1])
			return true;
	}
	if (m->star[0] || m->star[1])
		return false;
	/* What was leapt over; a clock that was set back never comes to `now` by going on. */
	for (int i = 0; i < 180; i++) {
		later(&step);
		if (same_time(&step, &now))
			return leapt;
		leapt = leapt || meant(m, &step);
	}
	return false;
}

static void
as_the_oracle_says(void **state)
{
	/* Years without 29 February; a clock change is in each. */
	static const struct {
		const char *zone, *from;
	} places[] = { { "Europe/Berlin", "2026-03-28 12:00" }, { "Europe/Berlin", "2026-10-24 12:00" }, { "America/New_York", "2026-03-07 20:00" },
		       { "America/New_York", "2026-10-31 20:00" }, { "Australia/Lord_Howe", "2026-04-03 20:00" }, { "Australia/Lord_Howe", "2026-10-02 20:00" },
		       { "Asia/Kolkata", "2026-05-30 12:00" } };

	(void)state;
	for (size_t p = 0; p < sizeof places / sizeof *places; p++) {
		struct zone *zone = zone_of(places[p].zone);
		int64_t from = instant_of(places[p].from), to = from + 2 * 86400;

		assert_int_equal(setenv("TZ", places[p].zone, 1), 0);
		tzset();
		for (int round = 0; round < 60 / check_stride(); round++) {
			char field[5][200], text[1200];
			struct means m = { .star = { false } };
			struct cron cron;
			int64_t due;

			make_field(field[0], m.minutes, 0, 59, any(3), &m.star[0]);
			make_field(field[1], m.hours, 0, 23, any(4), &m.star[1]);
			make_field(field[2], m.days, 1, 31, any(2) * 3, &m.star[2]);
			make_field(field[3], m.months, 1, 12, any(4) == 0 ? 2 : 0, &m.star[3]);
			make_field(field[4], m.weekdays, 0, 6, any(2) * 2, &m.star[4]);
			snprintf(text, sizeof text, "%s %s %s %s %s", field[0], field[1], field[2], field[3], field[4]);
			assert_ok(cron_parse(text, &cron, &err));
			due = due_cron(&cron, zone, from);
			for (int64_t at = from + 60; at <= to; at += 60) {
				if (oracle(&m, at) != (at == due))
					fail_msg("%s in %s: at %s the oracle says %s", text, places[p].zone, text_of(at), oracle(&m, at) ? "due" : "not due");
				if (at == due)
					due = due_cron(&cron, zone, at);
			}
		}
		zone_free(zone);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(due_at_these_times),
		cmocka_unit_test(what_is_wrong_is_said),
		cmocka_unit_test(triggers_are_due),
		cmocka_unit_test(as_the_oracle_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
