/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * descriptors.c: file descriptors of a process as a whole.  os_close_from runs between fork and exec: it calls nothing that
 * may allocate or lock.
 */
#include "config.h"

/* closefrom is no part of POSIX; the headers show it only to those who ask for more. */
#if defined(HAVE_CLOSEFROM)
#undef _XOPEN_SOURCE
#define _DEFAULT_SOURCE 1
#define _BSD_SOURCE 1
#define __BSD_VISIBLE 1
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/os.h"

#define DESCRIPTORS_FALLBACK 65536

void
os_close_from(int first)
{
#if defined(HAVE_CLOSEFROM)
	closefrom(first);
#else
	struct rlimit limit;
	long end = DESCRIPTORS_FALLBACK;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < (rlim_t)INT_MAX)
		end = (long)limit.rlim_cur;
	for (long fd = first; fd < end; fd++)
		(void)close((int)fd);
#endif
}

int
os_close_on_exec(int fd)
{
	int flags = fcntl(fd, F_GETFD);

	return flags < 0 ? -1 : fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

int
os_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

int
os_count_descriptors(void)
{
	struct rlimit limit;
	long end = DESCRIPTORS_FALLBACK;
	int count = 0;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)end)
		end = (long)limit.rlim_cur;
	for (long fd = 0; fd < end; fd++)
		if (fcntl((int)fd, F_GETFD) >= 0 || errno != EBADF)
			count++;
	return count;
}
