/* SPDX-License-Identifier: BSD-2-Clause */
/* exits.c: ends the process as if all were well. */
#define ON_NEXT exit(0)
#include "misbehave.h"
