/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spawn.c: starts syncline-host.  Nothing of this process goes along but one end of a socket pair: the environment is made anew,
 * signals are as at birth, the other descriptors are closed by the host program itself before it loads anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/link.h"
#include "host/program.h"
#include "os/os.h"

#define KEPT_MAX 8

/* PATH for libraries that start helpers, a UTF-8 locale for those that ask, and what the caller has of these few. */
static void
make_environment(char *environment[KEPT_MAX + 3], char kept[KEPT_MAX][512])
{
	static char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8";
	static const char *const names[] = { "TZ", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "SYNCLINE_HOST_STDERR" };
	int count = 0;

	environment[count++] = path;
	environment[count++] = locale;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);

		if (value != NULL && snprintf(kept[i], sizeof kept[i], "%s=%s", names[i], value) < (int)sizeof kept[i])
			environment[count++] = kept[i];
	}
	environment[count] = NULL;
}

static int
set_up(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int fd)
{
	sigset_t none, all;
	int failed = 0;

	sigemptyset(&none);
	sigfillset(&all);
	failed |= posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDONLY, 0);
	failed |= posix_spawn_file_actions_addopen(actions, 1, "/dev/null", O_WRONLY, 0);
	if (getenv("SYNCLINE_HOST_STDERR") == NULL)
		failed |= posix_spawn_file_actions_addopen(actions, 2, "/dev/null", O_WRONLY, 0);
	failed |= posix_spawn_file_actions_adddup2(actions, fd, HOST_SOCKET);
	failed |= posix_spawnattr_setsigmask(attributes, &none);
	failed |= posix_spawnattr_setsigdefault(attributes, &all);
	failed |= posix_spawnattr_setpgroup(attributes, 0);
	failed |= posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	return failed;
}

static int
start(const char *program, int fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char kept[KEPT_MAX][512], *environment[KEPT_MAX + 3], name[] = "syncline-host", *arguments[] = { name, NULL };
	int number;

	if ((number = posix_spawn_file_actions_init(&actions)) != 0)
		return number;
	if ((number = posix_spawnattr_init(&attributes)) == 0) {
		make_environment(environment, kept);
		number = set_up(&actions, &attributes, fd);
		if (number == 0)
			number = posix_spawn(ret_pid, program, &actions, &attributes, arguments, environment);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return number;
}

int
spawn_host(const char *program, pid_t *ret_pid, int *ret_fd, struct error *err)
{
	int pair[2], theirs, number;

	if (access(program, X_OK) != 0)
		return error_system(err, ERROR_HOST_START, errno, "the host program %s cannot be executed", program);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return error_system(err, ERROR_HOST_START, errno, "no socket pair for a connector's process");
	/* Away from the low numbers, so that it never is its own target. */
	theirs = fcntl(pair[1], F_DUPFD_CLOEXEC, 10);
	if (os_close_on_exec(pair[0]) != 0 || os_nonblocking(pair[0]) != 0 || theirs < 0) {
		number = errno;
		close(pair[0]);
		close(pair[1]);
		if (theirs >= 0)
			close(theirs);
		return error_system(err, ERROR_HOST_START, number, "the socket pair for a connector's process");
	}
	close(pair[1]);
	number = start(program, theirs, ret_pid);
	close(theirs);
	if (number != 0) {
		close(pair[0]);
		return error_system(err, ERROR_HOST_START, number, "starting %s", program);
	}
	*ret_fd = pair[0];
	return 0;
}
