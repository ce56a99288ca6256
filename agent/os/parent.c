/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parent.c: a helper process doesn't outlive the one that started it.  Where the system has no such signal, the end of the
 * socket to the parent does the same a little later.
 */
#include "config.h"

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>
#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif
#ifdef HAVE_SYS_PROCCTL_H
#include <sys/procctl.h>
#endif

#include "os/os.h"

void
os_die_with_parent(pid_t parent)
{
#if defined(PROC_PDEATHSIG_CTL)
	int number = SIGKILL;

	(void)procctl(P_PID, 0, PROC_PDEATHSIG_CTL, &number);
#endif
	/* Linux' own counts the parent's *thread*: a connector would die with the worker that started it.  The socket is better. */
	if (parent > 0 && getppid() != parent)
		_exit(1);
}
