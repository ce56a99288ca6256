/* SPDX-License-Identifier: BSD-2-Clause */
/* back_off.c: see back_off.h. */
#include "deliver/back_off.h"

#include <stddef.h>

/*
 * What was certainly not applied, by class and operation.  A create that meets a conflict has met somebody else's record, or an
 * earlier try of itself: that is found out before it is given up.
 */
static const uint8_t not_applied[SYNCLINE_CLASS_COUNT][3] = {
	/*                        create          update           delete */
	[SYNCLINE_OK]        = { DELIVER_UNSURE, DELIVER_UNSURE,  DELIVER_UNSURE },
	[SYNCLINE_RETRY]     = { DELIVER_AGAIN,  DELIVER_AGAIN,   DELIVER_AGAIN },
	[SYNCLINE_THROTTLED] = { DELIVER_SLOWER, DELIVER_SLOWER,  DELIVER_SLOWER },
	[SYNCLINE_AUTH]      = { DELIVER_PARK,   DELIVER_PARK,    DELIVER_PARK },
	[SYNCLINE_CONFIG]    = { DELIVER_PARK,   DELIVER_PARK,    DELIVER_PARK },
	[SYNCLINE_NOT_FOUND] = { DELIVER_DEAD,   DELIVER_MISSING, DELIVER_CONFIRM },
	[SYNCLINE_CONFLICT]  = { DELIVER_UNSURE, DELIVER_REREAD,  DELIVER_REREAD },
	[SYNCLINE_INVALID]   = { DELIVER_DEAD,   DELIVER_DEAD,    DELIVER_DEAD },
	[SYNCLINE_PERMANENT] = { DELIVER_DEAD,   DELIVER_DEAD,    DELIVER_DEAD },
	[SYNCLINE_CANCELLED] = { DELIVER_AGAIN,  DELIVER_AGAIN,   DELIVER_AGAIN },
	[SYNCLINE_INTERNAL]  = { DELIVER_AGAIN,  DELIVER_AGAIN,   DELIVER_AGAIN },
	/* What refers to it may be deleted yet: by another flow, a later run, or there. */
	[SYNCLINE_REFERENCED] = { DELIVER_DEAD,  DELIVER_DEAD,    DELIVER_AGAIN },
};

enum deliver_verdict
deliver_judge(uint8_t op, uint32_t klass, uint32_t applied)
{
	unsigned column = op == SYNCLINE_OP_UPDATE ? 1 : op == SYNCLINE_OP_DELETE ? 2 : 0;

	/* A delete of what is not there has nothing left to do, whoever did it. */
	if (op == SYNCLINE_OP_DELETE && klass == SYNCLINE_NOT_FOUND)
		return DELIVER_CONFIRM;
	if (applied == SYNCLINE_APPLIED_YES)
		return op == SYNCLINE_OP_CREATE ? DELIVER_UNSURE : DELIVER_CONFIRM; /* the id of what was created isn't known */
	if (applied != SYNCLINE_APPLIED_NO || klass >= SYNCLINE_CLASS_COUNT)
		return DELIVER_UNSURE;
	return (enum deliver_verdict)not_applied[klass][column];
}

enum deliver_verdict
deliver_judge_call(uint32_t klass)
{
	if (klass == SYNCLINE_AUTH || klass == SYNCLINE_CONFIG)
		return DELIVER_PARK;
	return klass == SYNCLINE_THROTTLED ? DELIVER_SLOWER : DELIVER_AGAIN;
}

int64_t
deliver_pause_us(const struct config_limits *limits, uint32_t tries, uint32_t chance)
{
	int64_t pause = INT64_C(2000000), most = limits->backoff_max_ms * 1000;

	for (uint32_t i = 0; i < tries && pause < most; i++)
		pause *= 2;
	if (pause > most)
		pause = most;
	return pause + (int64_t)(chance % 1000) * pause / 4000;
}

bool
deliver_is_over(const struct config_limits *limits, uint32_t tries, int64_t since_us, int64_t now_us)
{
	return (int64_t)tries + 1 >= limits->attempts || now_us - since_us > limits->max_age_ms * 1000;
}
