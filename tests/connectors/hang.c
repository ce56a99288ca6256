/* SPDX-License-Identifier: BSD-2-Clause */
/* hang.c: sleeps for ever in next(). */
#define ON_NEXT     \
	for (;;)    \
	pause()
#include "misbehave.h"
