/* SPDX-License-Identifier: BSD-2-Clause */
/* forks.c: leaves a child behind that holds on to everything. */
#include <signal.h>
#define ON_NEXT                        \
	if (fork() == 0) {             \
		signal(SIGTERM, SIG_IGN); \
		for (;;)               \
			pause();       \
	}                              \
	raise(SIGKILL)
#include "misbehave.h"
