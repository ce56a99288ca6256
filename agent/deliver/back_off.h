/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * back_off.h: from what a target answered to what becomes of the delivery, and when it is tried again.  Pure functions over a
 * table; any thread.
 */
#ifndef DELIVER_BACK_OFF_H
#define DELIVER_BACK_OFF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "config/model.h"

#define DELIVER_VERDICTS(X)                                                                            \
	X(CONFIRM, "it is at the target")                                                                \
	X(AGAIN, "certainly not applied: tried again after a pause")                                     \
	X(SLOWER, "the system asks for fewer calls: tried again when it allows it")                      \
	X(UNSURE, "nobody knows: it is found out")                                                       \
	X(DEAD, "the same would fail for ever: a person looks at it")                                    \
	X(PARK, "nothing of this system can succeed before a person acts")                               \
	X(REREAD, "somebody else changed the record: it is read again, merged, and claimed anew")        \
	X(MISSING, "the record is not at the target any more")
enum deliver_verdict {
#define X(id, text) DELIVER_##id,
	DELIVER_VERDICTS(X)
#undef X
	DELIVER_VERDICT_COUNT
};

/* A failed item.  op: SYNCLINE_OP_CREATE, UPDATE, DELETE; klass, applied: as the connector said, whatever it said. */
enum deliver_verdict deliver_judge(uint8_t op, uint32_t klass, uint32_t applied);
/* The whole call failed before anything was sent. */
enum deliver_verdict deliver_judge_call(uint32_t klass);

/*
 * How long the try after `tries` failed ones waits: 2 s, 4 s, 8 s … up to the limit, and up to a quarter more by `chance` (any
 * number) so that many don't come back at the same moment.
 */
int64_t deliver_pause_us(const struct config_limits *limits, uint32_t tries, uint32_t chance);
/* Too often, or for too long: with this failure the delivery is given up. */
bool deliver_is_over(const struct config_limits *limits, uint32_t tries, int64_t since_us, int64_t now_us);

#endif
