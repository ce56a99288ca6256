/* SPDX-License-Identifier: BSD-2-Clause */
/* privileges.c: gives up for good the right to gain rights.  Called once, by the main thread. */
#include "config.h"

#include <sys/types.h>
#include <unistd.h>
#ifdef HAVE_SYS_PRCTL_H
#include <sys/prctl.h>
#endif
#ifdef HAVE_SYS_PROCCTL_H
#include <sys/procctl.h>
#endif

#include "os/os.h"

bool
os_no_new_privileges(void)
{
#if defined(PR_SET_NO_NEW_PRIVS)
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
#elif defined(PROC_NO_NEW_PRIVS_CTL)
	int on = PROC_NO_NEW_PRIVS_ENABLE;

	return procctl(P_PID, getpid(), PROC_NO_NEW_PRIVS_CTL, &on) == 0;
#else
	return false;
#endif
}
