/* SPDX-License-Identifier: BSD-2-Clause */
/* restart.c: the table of restart.h, a function for each of its actions. */
#include "host/restart.h"

static enum restart_answer
go(struct restart *r, int64_t now_ms)
{
	(void)r, (void)now_ms;
	return RESTART_GO;
}

static enum restart_answer
look_at_clock(struct restart *r, int64_t now_ms)
{
	return now_ms >= r->until_ms ? RESTART_GO : RESTART_WAIT;
}

static enum restart_answer
refuse(struct restart *r, int64_t now_ms)
{
	(void)r, (void)now_ms;
	return RESTART_NO;
}

static enum restart_answer
count_failure(struct restart *r, int64_t now_ms)
{
	int64_t pause = 0;

	r->failures++;
	r->failed_ms = now_ms;
	for (uint32_t i = 1; i < r->failures && pause < RESTART_PAUSE_MAX_MS; i++)
		pause = pause == 0 ? RESTART_PAUSE_MS : pause * 2;
	r->until_ms = now_ms + (pause < RESTART_PAUSE_MAX_MS ? pause : RESTART_PAUSE_MAX_MS);
	r->state = r->failures >= RESTART_FAILURES_MAX ? RESTART_ASIDE : RESTART_WAITING;
	return RESTART_WAIT;
}

static enum restart_answer
settle(struct restart *r, int64_t now_ms)
{
	if (r->failures > 0 && now_ms - r->failed_ms >= RESTART_SETTLED_MS)
		r->failures = 0;
	r->state = RESTART_READY;
	return RESTART_GO;
}

static enum restart_answer
begin_anew(struct restart *r, int64_t now_ms)
{
	(void)now_ms;
	restart_init(r);
	return RESTART_GO;
}

static enum restart_answer (*const table[RESTART_STATE_COUNT][RESTART_EVENT_COUNT])(struct restart *r, int64_t now_ms) = {
	[RESTART_READY] = { [RESTART_ASKED] = go, [RESTART_FAILED] = count_failure, [RESTART_ANSWERED] = settle, [RESTART_RESET] = begin_anew },
	[RESTART_WAITING] = { [RESTART_ASKED] = look_at_clock, [RESTART_FAILED] = count_failure, [RESTART_ANSWERED] = settle,
		[RESTART_RESET] = begin_anew },
	[RESTART_ASIDE] = { [RESTART_ASKED] = refuse, [RESTART_FAILED] = refuse, [RESTART_ANSWERED] = refuse, [RESTART_RESET] = begin_anew },
};

void
restart_init(struct restart *restart)
{
	*restart = (struct restart){ .state = RESTART_READY };
}

enum restart_answer
restart_event(struct restart *restart, enum restart_event event, int64_t now_ms)
{
	return table[restart->state][event](restart, now_ms);
}
