/* SPDX-License-Identifier: BSD-2-Clause */
/* crash-next.c: writes where there is no memory, in the middle of a read. */
#define ON_NEXT do { int *volatile nowhere = (int *)8; *nowhere = 1; } while (0)
#include "misbehave.h"
