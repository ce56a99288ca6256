/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-open.c: writes where there is no memory, in open(). */
#define ON_OPEN *(volatile int *)8 = 1
#include "misbehave.h"
