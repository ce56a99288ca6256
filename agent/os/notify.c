/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify.c: the init system's notification socket, as sd_notify(3) describes it: a datagram to the address in NOTIFY_SOCKET.  Init
 * systems without one set no such variable.  Any thread; the environment is not changed.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/os.h"

void
os_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = path != NULL ? strlen(path) : 0;
	int fd;

	if (length < 2 || length >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
		return;
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* a name without a file */
	if ((fd = socket(AF_UNIX, SOCK_DGRAM, 0)) < 0)
		return;
	os_close_on_exec(fd);
	while (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address,
	              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0 && errno == EINTR)
		;
	close(fd);
}

int64_t
os_watchdog_ms(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	long long pause = us != NULL ? strtoll(us, NULL, 10) : 0;

	if (pid != NULL && strtoll(pid, NULL, 10) != (long long)getpid())
		return 0;
	return pause > 0 ? pause / 1000 : 0;
}
