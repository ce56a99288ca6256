/* SPDX-License-Identifier: BSD-2-Clause */
/* wake.c: a pipe that whoever sleeps in daemon_serve() looks at. */
#include <errno.h>
#include <unistd.h>

#include "daemon/inside.h"
#include "os/os.h"

static int ends[2] = { -1, -1 };

int
wake_open(struct error *err)
{
	if (pipe(ends) != 0)
		return error_system(err, ERROR_SYSTEM, errno, "a pipe can't be made");
	for (int i = 0; i < 2; i++) {
		os_close_on_exec(ends[i]);
		os_nonblocking(ends[i]);
	}
	return 0;
}

int
wake_descriptor(void)
{
	return ends[0];
}

void
wake_up(void)
{
	int kept = errno;

	while (write(ends[1], "", 1) < 0 && errno == EINTR)
		;
	errno = kept;
}

void
wake_drain(void)
{
	char drain[64];

	while (read(ends[0], drain, sizeof drain) == (ssize_t)sizeof drain)
		;
}
