/* SPDX-License-Identifier: BSD-2-Clause */
/* terminal.c: how wide a terminal is. */
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "os/os.h"

size_t
os_columns(int fd)
{
#ifdef TIOCGWINSZ
	struct winsize size = { .ws_col = 0 };

	return isatty(fd) == 1 && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
#else
	(void)fd;
	return 0;
#endif
}
