/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kill_at_call.h: a program that has a connector linked in, and whose calls of the system that change files are wrapped by the
 * linker (--wrap): it dies right before the n-th of them.  For one source file of a program; one thread.
 */
#ifndef TESTS_KILL_AT_CALL_H
#define TESTS_KILL_AT_CALL_H

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned calls_left; /* 0: no limit */

static void
maybe_die(void)
{
	if (calls_left > 0 && --calls_left == 0)
		kill(getpid(), SIGKILL);
}

#define WRAP(type, name, parameters, arguments)                                                                        \
	type __real_##name parameters;                                                                                 \
	type __wrap_##name parameters;                                                                                 \
	type __wrap_##name parameters                                                                                  \
	{                                                                                                              \
		maybe_die();                                                                                           \
		return __real_##name arguments;                                                                        \
	}
WRAP(int, fsync, (int fd), (fd))
WRAP(int, ftruncate, (int fd, off_t length), (fd, length))
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at))
WRAP(int, renameat, (int from, const char *a, int to, const char *b), (from, a, to, b))
WRAP(int, unlinkat, (int fd, const char *name, int flags), (fd, name, flags))
WRAP(int, mkdirat, (int fd, const char *name, mode_t mode), (fd, name, mode))

#endif
