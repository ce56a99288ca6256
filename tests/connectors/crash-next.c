/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-next.c: writes where there is no memory, in the middle of a read. */
#define ON_NEXT *(volatile int *)8 = 1
#include "misbehave.h"
