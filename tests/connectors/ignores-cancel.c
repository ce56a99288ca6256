/* SPDX-License-Identifier: BSD-2-Clause */
/* ignores-cancel.c: works for ever, whatever it is told, and does not die of SIGTERM. */
#include <signal.h>
#define ON_NEXT                         \
	signal(SIGTERM, SIG_IGN);       \
	for (volatile int i = 0;; i = !i) \
	;
#include "misbehave.h"
