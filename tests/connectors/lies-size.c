/* SPDX-License-Identifier: BSD-2-Clause */
/* lies-size.c: claims that its result is much smaller, then much larger, than it is. */
#define ON_WRITE                                     \
	result.struct_size = 4;                      \
	results->report(results, 0, &result);        \
	result.struct_size = 4096;                   \
	results->report(results, 1, &result);        \
	return SYNCLINE_OK
#include "misbehave.h"
