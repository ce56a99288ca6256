/* SPDX-License-Identifier: BSD-2-Clause */
/* aborts.c: calls abort(). */
#define ON_NEXT abort()
#include "misbehave.h"
