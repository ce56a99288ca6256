/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agenda.c: which flow runs next: by the clock, when called, again after a failure, after another one; and never twice at once.  On top a
 * day of random events, held against what must be true of any agenda.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/agenda.h"
#include "schedule/pace.h"

#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)
#define START (INT64_C(1767225600) * SECOND) /* 2026-01-01 */
#define FLOWS 4

/*
 * a: units one and two; binding 0 every ten minutes, 1 by files, 2 is only written.  b: after a, no trigger.  c: after a, every hour.
 * d: the house, by files.
 */
static struct config_trigger triggers[] = {
	{ .every_ms = 600000, .timezone = "UTC" }, { .file = true, .timezone = "UTC" }, { .timezone = "UTC" }, { .every_ms = 3600000, .timezone = "UTC" },
};
static struct config_unit units[] = { { .head.name = "one" }, { .head.name = "two" } };
static const char *both[] = { "one", "two" }, *after_a[] = { "a" };
static struct config_flow flows[FLOWS];
static struct config_binding bindings[FLOWS][3] = {
	{ { .flow = &flows[0], .trigger = &triggers[0], .reads = true }, { .flow = &flows[0], .trigger = &triggers[1], .reads = true },
	  { .flow = &flows[0], .trigger = &triggers[2] } },
	{ { .flow = &flows[1], .trigger = &triggers[2], .reads = true } },
	{ { .flow = &flows[2], .trigger = &triggers[3], .reads = true } },
	{ { .flow = &flows[3], .trigger = &triggers[1], .reads = true }, { .flow = &flows[3], .trigger = &triggers[2], .reads = true } },
};
static struct config_flow flows[FLOWS] = {
	{ .head.name = "a", .units = { both, 2 }, .bindings = bindings[0], .binding_count = 3 },
	{ .head.name = "b", .units = { both, 1 }, .after = { after_a, 1 }, .bindings = bindings[1], .binding_count = 1 },
	{ .head.name = "c", .units = { both, 2 }, .after = { after_a, 1 }, .bindings = bindings[2], .binding_count = 1 },
	{ .head.name = "d", .bindings = bindings[3], .binding_count = 2 },
};
static struct model model = { .flows = flows, .flow_count = FLOWS, .units = units, .unit_count = 2 };
static struct error err;

static struct agenda *
new_agenda(bool allowed)
{
	struct agenda *agenda;

	if (agenda_new(&model, START, &agenda, &err) != 0)
		fail_msg("%s", err.message);
	for (int f = 0; allowed && f < FLOWS; f++)
		for (uint32_t u = 0; u < (flows[f].units.count > 0 ? flows[f].units.count : 1); u++)
			agenda_allow(agenda, &flows[f], flows[f].units.count > 0 ? &units[u] : NULL, true);
	return agenda;
}

/* "a one+two 0,1" of what is taken, or "". */
static const char *
take(struct agenda *agenda, int64_t now)
{
	static char text[200];
	struct agenda_job job;
	int taken = agenda_take(agenda, now, &job, &err);
	size_t used;

	text[0] = '\0';
	assert_true(taken >= 0);
	if (taken == 0)
		return text;
	used = (size_t)snprintf(text, sizeof text, "%s ", job.flow->head.name);
	for (uint32_t u = 0; u < job.unit_count; u++)
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", u > 0 ? "+" : "", job.units[u] != NULL ? job.units[u]->head.name : "house");
	for (uint32_t b = 0; b < job.flow->binding_count; b++)
		if (job.reads[b])
			used += (size_t)snprintf(text + used, sizeof text - used, " %u", b);
	agenda_job_free(&job);
	return text;
}

static void
by_the_clock(void **state)
{
	struct agenda *agenda = new_agenda(true);

	(void)state;
	assert_string_equal(take(agenda, START), "a one+two 0");
	assert_string_equal(take(agenda, START), ""); /* c waits for a */
	agenda_done(agenda, &flows[0], true);
	assert_string_equal(take(agenda, START), "b one 0");
	assert_string_equal(take(agenda, START), "c one+two 0");
	agenda_done(agenda, &flows[1], true);
	agenda_done(agenda, &flows[2], true);
	assert_string_equal(take(agenda, START + MINUTE), "");
	assert_true(agenda_next(agenda, START + MINUTE) == START + 10 * MINUTE);
	assert_string_equal(take(agenda, START + 10 * MINUTE), "a one+two 0");
	/* It takes longer than its pause: one more run, however often it came due. */
	assert_string_equal(take(agenda, START + 45 * MINUTE), "");
	agenda_done(agenda, &flows[0], false); /* nothing was done: b has nothing to follow */
	assert_string_equal(take(agenda, START + 45 * MINUTE), "a one+two 0");
	agenda_done(agenda, &flows[0], false);
	assert_string_equal(take(agenda, START + 46 * MINUTE), "");
	assert_true(agenda_next(agenda, START + 46 * MINUTE) == START + 55 * MINUTE);
	agenda_free(agenda);
}

/* What a person may have mended is tried at once, whatever else is due; nothing is read for that alone. */
static void
forgiven(void **state)
{
	struct agenda *agenda = new_agenda(true);
	struct agenda_job job;

	(void)state;
	assert_string_equal(take(agenda, START), "a one+two 0");
	agenda_done(agenda, &flows[0], false);
	agenda_forgive(agenda, &flows[0], &units[1]);
	agenda_forgive(agenda, &flows[1], &units[1]); /* it has no such unit */
	assert_string_equal(take(agenda, START + 1), "a two");
	agenda_done(agenda, &flows[0], false);
	assert_string_equal(take(agenda, START + 2), "c one+two 0");
	agenda_done(agenda, &flows[2], false);
	assert_string_equal(take(agenda, START + 3), "");
	/* Beside what is due anyway. */
	agenda_forgive(agenda, &flows[0], &units[0]);
	assert_int_equal(agenda_take(agenda, START + 10 * MINUTE, &job, &err), 1);
	assert_int_equal(job.cause, AGENDA_FORGIVEN);
	assert_int_equal(job.unit_count, 2);
	assert_true(job.reads[0]);
	agenda_job_free(&job);
	agenda_free(agenda);
}

static void
by_what_was_read_before(void **state)
{
	struct agenda *agenda = new_agenda(true);

	(void)state;
	agenda_was_read(agenda, &bindings[0][0], &units[0], START - 4 * MINUTE);
	agenda_was_read(agenda, &bindings[0][0], &units[1], START - 1 * MINUTE);
	agenda_was_read(agenda, &bindings[2][0], &units[0], START - 60 * MINUTE);
	agenda_was_read(agenda, &bindings[2][0], &units[1], START);
	assert_string_equal(take(agenda, START), "c one 0");
	assert_true(agenda_next(agenda, START) == START + 6 * MINUTE);
	assert_string_equal(take(agenda, START + 6 * MINUTE), "a one 0");
	/* What ran before there was this agenda counts for those that come after it, and have no trigger of their own. */
	agenda_done(agenda, &flows[0], false);
	agenda_follow(agenda, &flows[1], &units[0]);
	agenda_follow(agenda, &flows[2], &units[0]);
	assert_string_equal(take(agenda, START + 6 * MINUTE), "b one 0");
	assert_string_equal(take(agenda, START + 6 * MINUTE), "");
	agenda_free(agenda);
}

static void
called_for_files(void **state)
{
	struct agenda *agenda = new_agenda(true);

	(void)state;
	agenda_allow(agenda, &flows[2], &units[0], false);
	agenda_allow(agenda, &flows[2], &units[1], false);
	assert_string_equal(take(agenda, START), "a one+two 0");
	/* While it runs: one more run. */
	agenda_call(agenda, &bindings[0][1]);
	agenda_call(agenda, &bindings[0][1]);
	assert_string_equal(take(agenda, START + 1), "");
	agenda_done(agenda, &flows[0], false);
	assert_string_equal(take(agenda, START + 2), "a one+two 1");
	agenda_done(agenda, &flows[0], false);
	assert_string_equal(take(agenda, START + 3), "");
	/* What has no trigger is read along. */
	agenda_call(agenda, &bindings[3][0]);
	assert_string_equal(take(agenda, START + 4), "d house 0 1");
	agenda_free(agenda);
}

static void
again_and_later(void **state)
{
	static const bool reads[] = { true, false, false };
	struct agenda *agenda = new_agenda(true);

	(void)state;
	agenda_allow(agenda, &flows[2], &units[0], false);
	agenda_allow(agenda, &flows[2], &units[1], false);
	(void)take(agenda, START);
	agenda_retry(agenda, &flows[0], &units[0], START + 2 * MINUTE);
	agenda_again(agenda, &flows[0], &units[1], reads, START + 3 * MINUTE);
	agenda_done(agenda, &flows[0], false);
	assert_true(agenda_next(agenda, START) == START + 2 * MINUTE);
	assert_string_equal(take(agenda, START + 2 * MINUTE), "a one"); /* deliveries alone */
	agenda_done(agenda, &flows[0], false);
	assert_true(agenda_next(agenda, START + 2 * MINUTE) == START + 3 * MINUTE);
	assert_string_equal(take(agenda, START + 3 * MINUTE), "a two 0");
	agenda_done(agenda, &flows[0], false);
	assert_string_equal(take(agenda, START + 4 * MINUTE), "");
	agenda_free(agenda);
}

static void
flags_and_clocks(void **state)
{
	struct agenda *agenda = new_agenda(false);

	(void)state;
	agenda_call(agenda, &bindings[3][0]);
	assert_string_equal(take(agenda, START + 600 * MINUTE), "");
	assert_true(agenda_next(agenda, START) == INT64_MAX);
	agenda_allow(agenda, &flows[0], &units[1], true);
	assert_string_equal(take(agenda, START + 600 * MINUTE), "a two 0");
	agenda_done(agenda, &flows[0], false);
	/* The clock is set back by ten hours: the pause counts from there. */
	assert_string_equal(take(agenda, START), "");
	assert_true(agenda_next(agenda, START) == START + 10 * MINUTE);
	assert_string_equal(take(agenda, START + 10 * MINUTE), "a two 0");
	agenda_done(agenda, &flows[0], false);
	/* What was called meanwhile is done when it may. */
	agenda_allow(agenda, &flows[3], NULL, true);
	assert_string_equal(take(agenda, START + 11 * MINUTE), "d house 0 1");
	/* Set back once more: so do what is to be tried again, and what failed. */
	agenda_retry(agenda, &flows[0], &units[1], START + 14 * MINUTE);
	assert_string_equal(take(agenda, START - 600 * MINUTE), "");
	assert_true(agenda_next(agenda, START - 600 * MINUTE) == START - 597 * MINUTE);
	agenda_again(agenda, &flows[0], &units[1], NULL, START - 598 * MINUTE);
	assert_string_equal(take(agenda, START - 1200 * MINUTE), "");
	assert_true(agenda_next(agenda, START - 1200 * MINUTE) == START - 1198 * MINUTE);
	agenda_free(agenda);
}

/* Which run is long: by the slowest of the newest that came to their end, and never before a minute is over. */
static void
long_runs(void **state)
{
	struct ledger_run run = { .state = LEDGER_RUN_DONE, .started_us = START };
	struct pace pace = { .runs = 0 };

	(void)state;
	run.ended_us = START + 30 * SECOND;
	pace_see(&pace, &run);
	run.ended_us = START + 40 * SECOND;
	run.state = LEDGER_RUN_FINDINGS;
	pace_see(&pace, &run);
	run.ended_us = START + 4000 * SECOND;
	for (int state_of = 0; state_of < LEDGER_RUN_STATE_COUNT; state_of++) {
		run.state = (uint8_t)state_of;
		if (state_of != LEDGER_RUN_DONE && state_of != LEDGER_RUN_FINDINGS && state_of != LEDGER_RUN_HELD)
			pace_see(&pace, &run);
	}
	assert_true(pace_long_us(&pace) == INT64_MAX); /* two prove nothing */
	run.state = LEDGER_RUN_HELD;
	run.ended_us = START + 10 * SECOND;
	pace_see(&pace, &run);
	assert_true(pace_long_us(&pace) == 120 * SECOND);
	pace = (struct pace){ .runs = 0 };
	for (uint32_t i = 0; i < 2 * PACE_RUNS; i++) {
		run.ended_us = START + (i < PACE_RUNS ? 1 : 1000) * SECOND;
		pace_see(&pace, &run);
	}
	assert_true(pace_long_us(&pace) == PACE_SHORT_US);
}

/* A day of random events: nothing runs twice at once or before what it comes after, and nothing that is due is forgotten. */
static void
random_days(void **state)
{
	(void)state;
	for (unsigned seed = 1; seed <= 20; seed++) {
		struct agenda *agenda = new_agenda(true);
		bool running[FLOWS] = { false };
		int64_t now = START, ran[FLOWS] = { 0 };

		srand(seed);
		for (int step = 0; step < 2000; step++) {
			int flow = rand() % FLOWS, what = rand() % 10;
			struct agenda_job job;

			now += rand() % (2 * MINUTE);
			if (what < 2)
				agenda_call(agenda, &bindings[flow][flow == 0 ? 1 : 0]);
			else if (what == 2)
				agenda_retry(agenda, &flows[flow], flow == 3 ? NULL : &units[0], now + rand() % (3 * MINUTE));
			else if (what < 6 && running[flow]) {
				running[flow] = false;
				agenda_done(agenda, &flows[flow], true);
			}
			while (agenda_take(agenda, now, &job, &err) == 1) {
				int taken = (int)(job.flow - flows);

				assert_false(running[taken]);
				if (taken == 1 || taken == 2)
					assert_false(running[0]);
				assert_true(job.unit_count > 0 && job.due_us <= now);
				running[taken] = true;
				ran[taken] = now;
				agenda_job_free(&job);
			}
			/* Nobody runs, so nothing that a clock brings is further away than its pause. */
			if (!running[0] && !running[1] && !running[2] && !running[3])
				assert_true(agenda_next(agenda, now) <= now + 10 * MINUTE);
			if (!running[0])
				assert_true(ran[0] != 0 && now - ran[0] < 10 * MINUTE + 2 * MINUTE);
		}
		agenda_free(agenda);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_the_clock), cmocka_unit_test(forgiven), cmocka_unit_test(by_what_was_read_before), cmocka_unit_test(called_for_files),
		cmocka_unit_test(again_and_later), cmocka_unit_test(flags_and_clocks), cmocka_unit_test(long_runs),
		cmocka_unit_test(random_days),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
