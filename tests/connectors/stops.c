/* SPDX-License-Identifier: BSD-2-Clause */
/* stops.c: stops its process with SIGSTOP. */
#include <signal.h>
#define ON_NEXT raise(SIGSTOP)
#include "misbehave.h"
