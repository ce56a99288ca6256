/* SPDX-License-Identifier: BSD-2-Clause */
/* hang-write.c: reports the first item of a write and sleeps for ever. */
#define ON_WRITE                              \
	results->report(results, 0, &result); \
	for (;;)                              \
	pause()
#include "misbehave.h"
