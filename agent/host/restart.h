/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * restart.h: when a connector's process is started again: a table of state and event.  Knows no process and no clock; times are
 * given.  One thread.
 *
 *                 ASKED                    FAILED                        ANSWERED    RESET
 *     READY       go                       WAITING, or ASIDE             READY       READY
 *     WAITING     go when the pause is     WAITING, or ASIDE             READY       READY
 *                 over, else wait
 *     ASIDE       no                       ASIDE                         ASIDE       READY
 *
 * The first failure costs no pause.  From the second on it grows: 1, 2, 4 … 300 seconds; RESTART_FAILURES_MAX in a row put the
 * connector aside.  The row ends when a call is answered RESTART_SETTLED_MS after the last failure.
 */
#ifndef HOST_RESTART_H
#define HOST_RESTART_H

#include <stdint.h>

#define RESTART_FAILURES_MAX 6u
#define RESTART_PAUSE_MS 1000
#define RESTART_PAUSE_MAX_MS 300000
#define RESTART_SETTLED_MS 60000

enum restart_state { RESTART_READY, RESTART_WAITING, RESTART_ASIDE, RESTART_STATE_COUNT };
enum restart_event { RESTART_ASKED, RESTART_FAILED, RESTART_ANSWERED, RESTART_RESET, RESTART_EVENT_COUNT };
enum restart_answer { RESTART_GO, RESTART_WAIT, RESTART_NO };

struct restart {
	enum restart_state state;
	uint32_t failures;
	int64_t failed_ms; /* the last */
	int64_t until_ms;  /* WAITING: the end of the pause */
};
void restart_init(struct restart *restart);
/* The answer counts after ASKED alone. */
enum restart_answer restart_event(struct restart *restart, enum restart_event event, int64_t now_ms);

#endif
