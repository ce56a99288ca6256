/* SPDX-License-Identifier: BSD-2-Clause */
/* dump.c: keeps what a process has in memory out of core files and debuggers.  Called once, by the main thread. */
#include "config.h"

#include <sys/resource.h>
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
os_forbid_dumps(void)
{
	struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
#ifdef PR_SET_DUMPABLE
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
#ifdef PROC_TRACE_CTL
	{
		int off = PROC_TRACE_CTL_DISABLE;

		(void)procctl(P_PID, getpid(), PROC_TRACE_CTL, &off);
	}
#endif
}
