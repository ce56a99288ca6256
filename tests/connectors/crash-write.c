/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-write.c: reports 100 items as committed and crashes before the others. */
#define ON_WRITE                                     \
	for (uint32_t i = 0; i < 100; i++)           \
		results->report(results, i, &result); \
	do { int *volatile nowhere = (int *)8; *nowhere = 1; } while (0)
#include "misbehave.h"
