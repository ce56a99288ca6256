/* SPDX-License-Identifier: BSD-2-Clause */
/* lies-position.c: claims a position of four gigabytes. */
#define ON_NEXT                          \
	state->position.data = "x";      \
	state->position.length = 4000000000u; \
	state->end = 1;                  \
	return SYNCLINE_OK
#include "misbehave.h"
