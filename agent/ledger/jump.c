/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jump.c: how long an answer has been lost, under a clock that may be set forward.  A request whose answer was lost may still take effect
 * for a while, and is neither looked for nor sent once more before that is over.  By a clock that was set forward it would be over at once.
 * So the ledger keeps by how much the wall clock is ahead of one that nobody sets: when that has grown, what was lost before was lost by as
 * much later.  A machine that slept or was started anew looks the same, and what is uncertain then waits once more.
 */
#include <time.h>

#include "ledger/deliveries_inside.h"

#define KEY "clock_ahead_us"
#define STEP_US INT64_C(1000000) /* less is a clock that is put right little by little */

/* false: there is none, where the test's clock stands for all. */
static bool
look_at_steady(const struct ledger *ledger, int64_t *ret_us)
{
	struct timespec now;

	if (ledger->options.steady_us != NULL) {
		*ret_us = ledger->options.steady_us(ledger->options.now_data);
		return true;
	}
	if (ledger->options.now_us != NULL || clock_gettime(CLOCK_MONOTONIC, &now) != 0)
		return false;
	*ret_us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	return true;
}

static int
move(struct ledger *ledger, int64_t now_us, int64_t ahead_us, struct error *err)
{
	sqlite3_stmt *statement;
	int64_t last;

	/* Another ledger may have done it meanwhile. */
	if (ledger_meta_get(ledger, KEY, &last, err) != 0)
		return -1;
	if (last != 0 && ahead_us - last >= STEP_US) {
		if ((statement = ledger_statement(ledger, "UPDATE attempt_item SET lost_us = max(lost_us, min(lost_us + ?1, ?2))", err)) == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, ahead_us - last);
		sqlite3_bind_int64(statement, 2, now_us);
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
	}
	return ledger_meta_set(ledger, KEY, ahead_us, err);
}

int
ledger_follow_jump(struct ledger *ledger, int64_t now_us, struct error *err)
{
	int64_t steady_us, ahead_us, last;

	if (!look_at_steady(ledger, &steady_us))
		return 0;
	ahead_us = now_us - steady_us;
	if (ledger_meta_get(ledger, KEY, &last, err) != 0)
		return -1;
	if (last != 0 && ahead_us - last < STEP_US && last - ahead_us < STEP_US)
		return 0;
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (move(ledger, now_us, ahead_us, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	return ledger_commit(ledger, err);
}
