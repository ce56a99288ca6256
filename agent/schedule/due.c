/* SPDX-License-Identifier: BSD-2-Clause */
/* due.c: see due.h.  Any thread. */
#include "schedule/due.h"

#define MINUTE INT64_C(60)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define SECOND_US INT64_C(1000000)
#define END INT64_C(253402300800) /* of the year 9999 */

/* ---- cron ---- */

/* What clocks show, in seconds since 1970-01-01T00:00:00 there. */
static int64_t
shown(const struct zone *zone, int64_t instant)
{
	return instant + zone_offset(zone, instant);
}

static int64_t
floor_to(int64_t value, int64_t unit)
{
	int64_t rest = value % unit;

	return value - (rest < 0 ? rest + unit : rest);
}

/* Of days since 1970-01-01, which is after it here; by the 400 years after which dates repeat, counted from March. */
static void
date_of(int64_t days, int *ret_month, int *ret_day)
{
	int64_t shifted = days + 719468, era = floor_to(shifted, 146097) / 146097, day = shifted - era * 146097;
	int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365, of_year = day - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153;

	*ret_day = (int)(of_year - (153 * month + 2) / 5 + 1);
	*ret_month = (int)(month < 10 ? month + 3 : month - 9);
}

static bool
is_day(const struct cron *cron, int64_t clock)
{
	int64_t days = floor_to(clock, DAY) / DAY;
	int month, day, weekday = (int)(((days + 4) % 7 + 7) % 7); /* 1970-01-01 was a Thursday */
	bool by_day, by_weekday;

	date_of(days, &month, &day);
	if ((cron->months >> month & 1) == 0)
		return false;
	by_day = (cron->days >> day & 1) != 0;
	by_weekday = (cron->weekdays >> weekday & 1) != 0;
	return cron->any_day || cron->any_weekday ? by_day && by_weekday : by_day || by_weekday;
}

static bool
is_hour(const struct cron *cron, int64_t clock)
{
	return (cron->hours >> (clock - floor_to(clock, DAY)) / HOUR & 1) != 0;
}

static bool
is_meant(const struct cron *cron, int64_t clock)
{
	return (cron->minutes >> (clock - floor_to(clock, HOUR)) / MINUTE & 1) != 0 && is_hour(cron, clock) && is_day(cron, clock);
}

/* At a full minute of the clocks. */
static bool
is_due(const struct cron *cron, const struct zone *zone, int64_t instant)
{
	int64_t clock = shown(zone, instant), before = shown(zone, instant - MINUTE);

	if (is_meant(cron, clock) && (cron->interval || zone_from_clock(zone, clock) == instant))
		return true;
	/* What clocks leap over just now. */
	for (int64_t leapt = before + MINUTE; leapt < clock && !cron->interval; leapt += MINUTE)
		if (is_meant(cron, leapt))
			return true;
	return false;
}

/* From an instant that is not due to one before which nothing is: the next day or hour on the clocks, or the next minute. */
static int64_t
skip(const struct cron *cron, const struct zone *zone, int64_t instant)
{
	int64_t clock = shown(zone, instant), day = zone_from_clock(zone, floor_to(clock, DAY) + DAY), hour = instant + floor_to(clock, HOUR) + HOUR - clock;

	/* Where the clocks are set in between, the leap itself is not stepped over. */
	if (!is_day(cron, clock) && day > instant && shown(zone, day) - clock == day - instant)
		return day;
	if (!is_hour(cron, clock) && shown(zone, hour) - clock == hour - instant)
		return hour;
	return instant + MINUTE;
}

int64_t
due_cron(const struct cron *cron, const struct zone *zone, int64_t after)
{
	int64_t clock = shown(zone, after), instant = after + floor_to(clock, MINUTE) + MINUTE - clock;

	/* An offset with seconds, of long ago, may have been another one a minute later. */
	while (instant < END && !is_due(cron, zone, instant)) {
		instant = skip(cron, zone, instant);
		clock = shown(zone, instant);
		if (clock != floor_to(clock, MINUTE))
			instant += floor_to(clock, MINUTE) + MINUTE - clock;
	}
	return instant < END ? instant : INT64_MAX;
}

/* ---- triggers ---- */

static int64_t
later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t
sooner_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Microseconds to full seconds, downwards. */
static int64_t
seconds(int64_t us)
{
	return floor_to(us, SECOND_US) / SECOND_US;
}

static bool
is_within(const struct config_window *window, int64_t minute)
{
	return window->from < window->to ? minute >= window->from && minute < window->to : minute >= window->from || minute < window->to;
}

static int64_t
minute_of_day(int64_t clock)
{
	return (clock - floor_to(clock, DAY)) / MINUTE;
}

static bool
is_open(const struct due_trigger *due, int64_t us)
{
	int64_t minute = minute_of_day(shown(due->zone, seconds(us)));
	bool open = due->trigger->window_count == 0;

	for (uint32_t i = 0; i < due->trigger->window_count; i++)
		open = open || is_within(&due->trigger->windows[i], minute);
	return open;
}

/* The moment itself if a window is open, else when the next one opens. */
static int64_t
opened(const struct due_trigger *due, int64_t us)
{
	int64_t clock = shown(due->zone, seconds(us)), day = floor_to(clock, DAY), first = INT64_MAX;

	if (is_open(due, us))
		return us;
	for (uint32_t i = 0; i < due->trigger->window_count; i++)
		for (int64_t ahead = 0; ahead <= 2; ahead++) {
			int64_t opens = zone_from_clock(due->zone, day + ahead * DAY + due->trigger->windows[i].from * MINUTE) * SECOND_US;

			if (opens > us)
				first = sooner_of(first, opens);
		}
	return first;
}

/* The first time of day, or of a cron expression, after this. */
static int64_t
by_clock(const struct due_trigger *due, int64_t after_us)
{
	int64_t first = INT64_MAX;

	for (uint32_t i = 0; i < due->trigger->cron_count; i++)
		first = sooner_of(first, due_cron(&due->trigger->crons[i].when, due->zone, seconds(after_us)));
	for (uint32_t i = 0; i < due->trigger->at.count; i++) {
		const char *at = due->trigger->at.items[i]; /* "03:00" */
		const struct cron when = { .minutes = UINT64_C(1) << ((at[3] - '0') * 10 + at[4] - '0'), .hours = UINT32_C(1) << ((at[0] - '0') * 10 + at[1] - '0'),
			.days = ~UINT32_C(1), .months = 0x1FFE, .weekdays = 0x7F, .any_day = true, .any_weekday = true };

		first = sooner_of(first, due_cron(&when, due->zone, seconds(after_us)));
	}
	return first != INT64_MAX ? first * SECOND_US : INT64_MAX;
}

static int64_t
by_interval(const struct due_trigger *due, int64_t last_us, int64_t up_us)
{
	int64_t every = due->trigger->every_ms * 1000;

	if (every == 0)
		return INT64_MAX;
	if (last_us == DUE_NEVER)
		return up_us;
	if (last_us + every >= up_us || due->trigger->missed == CONFIG_MISSED_ONCE)
		return last_us + every;
	/* Where it would be by now. */
	return last_us + ((up_us - last_us) / every + 1) * every;
}

int64_t
due_next(const struct due_trigger *due, int64_t last_us, int64_t up_us)
{
	int64_t jitter = due->trigger->jitter_ms * 1000, moment = by_interval(due, last_us, up_us), put_off;
	int64_t from = last_us == DUE_NEVER || due->trigger->missed == CONFIG_MISSED_SKIP ? later_of(last_us, up_us - 1) : last_us;

	moment = sooner_of(moment, by_clock(due, from));
	if (moment == INT64_MAX)
		return INT64_MAX;
	/* Whatever was missed is made up for by one run. */
	moment = opened(due, later_of(moment, up_us));
	put_off = jitter > 0 ? moment + (int64_t)(due->place % (uint64_t)jitter) : moment;
	return is_open(due, put_off) ? put_off : moment;
}

int64_t
due_longest_us(const struct due_trigger *due, int64_t from_us)
{
	int64_t end = from_us + 31 * DAY * SECOND_US, last = due_next(due, from_us, from_us), longest = 0;

	/* What comes every minute has its longest pause within two days. */
	for (int steps = 0; last < end && steps < 3000; steps++) {
		int64_t next = due_next(due, last, last + 1);

		if (next == INT64_MAX)
			break;
		longest = later_of(longest, next - last);
		last = next;
	}
	return longest;
}
