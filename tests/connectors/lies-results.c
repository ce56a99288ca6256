/* SPDX-License-Identifier: BSD-2-Clause */
/* lies-results.c: reports items that are not there, one twice, one not at all, one with a class that is not known. */
#define ON_WRITE                                        \
	results->report(results, 0, &result);           \
	results->report(results, 1, &result);           \
	results->report(results, 1, &result);           \
	results->report(results, 4000000000u, &result); \
	result.error_class = 77;                        \
	results->report(results, 2, &result);           \
	result.error_class = SYNCLINE_INVALID;          \
	results->report(results, 3, &result);           \
	return SYNCLINE_OK
#include "misbehave.h"
