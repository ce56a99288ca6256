/* SPDX-License-Identifier: BSD-2-Clause */
/* hang-close.c: sleeps for ever in close(). */
#define ON_CLOSE    \
	for (;;)    \
	pause()
#include "misbehave.h"
