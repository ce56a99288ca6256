/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * put_off.c: what waits for a time, under a clock that may be set back.  Times in the ledger are those of the wall clock, and when it was
 * hours ahead while something was put off, that would wait for hours once the clock is right again.  So the ledger keeps when it put
 * something off last: a clock that shows less than that was set back, and all that waits for a later time is due then.  Too early is a
 * try more, which rates, budgets and breakers hold back as any other.
 *
 * What is put off may have been reckoned from what the clock showed before it was set back, also where another ledger has followed it since.
 * So what is noted is the latest that the clock has shown to this ledger, and that counts when it is asked whether it was set back.
 */
#include "ledger/deliveries_inside.h"

#define KEY "put_off_us"
#define STEP_US INT64_C(1000000) /* no clock is put right by less, and so often at most it is noted */

int
ledger_put_off(struct ledger *ledger, struct error *err)
{
	int64_t now = ledger_now(ledger), seen = atomic_load(&ledger->seen_us);
	sqlite3_stmt *statement;

	if (now >= ledger->put_off_us && now - ledger->put_off_us < STEP_US)
		return 0;
	statement = ledger_statement(ledger, "INSERT INTO meta (key, value) VALUES ('" KEY "', ?1) ON CONFLICT (key) DO UPDATE SET"
	                                     " value = max(value, excluded.value)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, seen);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	ledger->put_off_us = seen;
	return 0;
}

static int
pull(struct ledger *ledger, int64_t now, int64_t back_us, struct error *err)
{
	/*
	 * How long an answer has been lost is counted from now: to look too early could find nothing and create once more.  How long a target
	 * remembers what was sent is counted from no later than it was.
	 */
	static const char *const sql[] = {
		"UPDATE delivery SET due_us = ?1 WHERE due_us > ?1",
		"UPDATE attempt_item SET due_us = min(due_us, ?1), lost_us = min(lost_us, ?1) WHERE due_us > ?1 OR lost_us > ?1",
		"UPDATE attempt SET claimed_us = max(claimed_us - ?2, 0)",
	};

	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
		sqlite3_stmt *statement = ledger_statement(ledger, sql[i], err);

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, now);
		if (sqlite3_bind_parameter_count(statement) > 1)
			sqlite3_bind_int64(statement, 2, back_us);
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
	}
	ledger->put_off_us = 0;
	return ledger_meta_set(ledger, KEY, now, err);
}

int
ledger_follow_clock(struct ledger *ledger, int64_t *ret_back_us, struct error *err)
{
	int64_t last, now = ledger_now(ledger), seen = atomic_load(&ledger->seen_us);

	*ret_back_us = 0;
	if (ledger_meta_get(ledger, KEY, &last, err) != 0)
		return -1;
	last = seen > last ? seen : last;
	if (last - now < STEP_US)
		return ledger_follow_jump(ledger, now, err);
	if (ledger_begin(ledger, err) != 0)
		return -1;
	if (pull(ledger, now, last - now, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	if (ledger_commit(ledger, err) != 0)
		return -1;
	atomic_store(&ledger->seen_us, now);
	*ret_back_us = last - now;
	return ledger_follow_jump(ledger, now, err);
}
