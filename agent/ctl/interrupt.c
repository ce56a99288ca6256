/* SPDX-License-Identifier: BSD-2-Clause */
/* interrupt.c: see interrupt.h. */
#include "ctl/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t came;
static volatile sig_atomic_t wakes = -1;

static void
interrupted(int number)
{
	int kept = errno;

	(void)number;
	came = 1;
	if (wakes >= 0 && write(wakes, "", 1) < 0)
		came = 1; /* nothing more can be done here */
	errno = kept;
}

void
interrupt_catch(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = interrupted;
	action.sa_flags = SA_RESETHAND | SA_RESTART;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool
interrupt_came(void)
{
	return came != 0;
}

void
interrupt_wakes(int fd)
{
	wakes = fd;
}
