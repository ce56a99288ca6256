/* SPDX-License-Identifier: BSD-2-Clause */
/* throttles.c: asks for seven seconds of peace at its first write, and gives ids from then on. */
#define ON_WRITE                                                                            \
	static int calls;                                                                   \
	if (calls++ == 0) {                                                                 \
		snprintf(err->message, sizeof err->message, "slow down");                     \
		err->applied = SYNCLINE_APPLIED_NO;                                         \
		err->retry_after_ms = 7000;                                                 \
		return SYNCLINE_THROTTLED;                                                  \
	}                                                                                   \
	result.native_id = (struct syncline_slice){ "1", 1 }
#include "misbehave.h"
