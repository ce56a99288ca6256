/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manners.h: how much a system is asked to bear by this process, over all flows, units and runs: calls a second, calls a day, peace when it
 * asks for it, a circuit breaker while it does not answer, and no log-in attempts of ours after it refused one.
 *
 *     breaker      closed     three calls in a row without an answer: open
 *                  open       nothing is asked until a pause is over, which doubles each time
 *                  half open  one call is let through: its answer closes the breaker, its failure opens it again
 *     peace        until the time that the system named, or without one for a pause that doubles; and the rate is halved, and grows
 *                  back with every call that is answered
 *     refused      per credentials: nothing is asked for an hour, or until a person asks (manners_forgive())
 *
 * Knows no connector, no clock and no ledger: times are given, in microseconds of a clock that never goes back, and what a day allows is
 * reserved by the caller.  Any thread.
 */
#ifndef MANNERS_MANNERS_H
#define MANNERS_MANNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/model.h"

#define MANNERS_FAILURES 3u
#define MANNERS_REFUSED_US (INT64_C(3600) * 1000000)

struct manners;
struct manners_account; /* a system with credentials */
/* What a system is like by now, from whoever's thread finds out; may be NULL.  `wait_us`: so long it is left alone; 0: it is asked again. */
#define MANNERS_STATES(X)                                  \
	X(OPEN, "open", "it is asked as usual")              \
	X(SILENT, "silent", "it does not answer")            \
	X(PEACE, "throttled", "it asked for fewer calls")    \
	X(REFUSED, "refused", "it refused our credentials")  \
	X(SPENT, "spent", "what a day allows is used up")
enum manners_state {
#define X(id, name, text) MANNERS_##id,
	MANNERS_STATES(X)
#undef X
	MANNERS_STATE_COUNT
};
const char *manners_state_name(enum manners_state state);
const char *manners_state_text(enum manners_state state);

struct manners *manners_new(void (*tell)(void *data, const char *system, enum manners_state state, int64_t wait_us), void *data); /* NULL: no memory */
void manners_free(struct manners *manners); /* accepts NULL; its accounts go with it */
/* NULL: no memory. */
struct manners_account *manners_account(struct manners *manners, const char *system, uint32_t credentials);

/*
 * May it be called now?  `calls`: how many it costs, 0: it is only asked whether.  MANNERS_WAIT: in so many microseconds, by the rate alone;
 * MANNERS_RESERVE: the day's calls that were reserved are used up: manners_grant() more of that day, and ask again.  MANNERS_NO: not
 * before `ret_wait_us`, and ret_state says why.  Who is told to go says afterwards what he heard.
 */
enum manners_answer { MANNERS_GO, MANNERS_WAIT, MANNERS_RESERVE, MANNERS_NO };
enum manners_answer manners_ask(struct manners_account *account, const struct config_limits *limits, uint32_t calls, int64_t day, int64_t now_us,
                                int64_t *ret_wait_us, enum manners_state *ret_state);
void manners_grant(struct manners_account *account, int64_t day, uint32_t calls);
/* klass: SYNCLINE_*, of the call.  What was never sent is SYNCLINE_CANCELLED. */
void manners_heard(struct manners_account *account, const struct config_limits *limits, uint32_t klass, uint32_t retry_after_ms, int64_t now_us);
/* What the day allows is used up, and so long it still is. */
void manners_spent(struct manners_account *account, int64_t wait_us, int64_t now_us);

/* How long it is left alone; 0: it may be asked.  Makes nothing. */
int64_t manners_wait_us(struct manners *manners, const char *system, uint32_t credentials, int64_t now_us, enum manners_state *ret_state);
/*
 * Each system that is left alone now, and each whose credentials are: since when, and for how long yet; 0: its pause is over, and the next call
 * finds out.  `take` is called under the lock: it calls nothing of these.
 */
struct manners_alone {
	const char *system;
	uint32_t credentials; /* that were refused; else 0 */
	enum manners_state state;
	int64_t since_us, wait_us;
};
void manners_alone(struct manners *manners, int64_t now_us, void (*take)(void *data, const struct manners_alone *alone), void *data);
/* A person wants it to be tried now, or changed a limit: a refusal, a breaker's pause and a day's end are over.  What the system asked for holds. */
void manners_forgive(struct manners *manners, const char *system);

/*
 * Slots: so many processes write to a system at the same time.  One that is taken is given back.  Who gets none stands in line with `turn`,
 * 0 at first, and asks again: the first in line who still asks gets the next one, and nobody passes those who wait.  NULL: takes one if
 * nobody wants it, and does not wait.  Who wants none any more leaves the line.
 */
bool manners_take_slot(struct manners_account *account, const struct config_limits *limits, int64_t now_us, uint64_t *turn);
void manners_leave_line(struct manners_account *account, uint64_t *turn);
void manners_give_slot(struct manners_account *account);
#define MANNERS_LAPSE_US INT64_C(2000000) /* who has not asked for so long is passed */

#endif
