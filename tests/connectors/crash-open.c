/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-open.c: writes where there is no memory, in open(). */
#define ON_OPEN do { int *volatile nowhere = (int *)8; *nowhere = 1; } while (0)
#include "misbehave.h"
