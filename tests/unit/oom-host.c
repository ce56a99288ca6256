/* SPDX-License-Identifier: BSD-2-Clause */
/* oom-host.c: the host program, with an allocation that fails as the file in TMPDIR says. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/program.h"
#include "oom.h"
#include "oom-host.h"

int
main(int argc, char **argv)
{
	const char *tmp = getenv("TMPDIR");
	struct oom_host *told;
	char path[1024];
	int fd;

	snprintf(path, sizeof path, "%s/" OOM_HOST_FILE, tmp != NULL ? tmp : "");
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0 ||
	    (told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)) == MAP_FAILED) {
		perror(path);
		return 1;
	}
	close(fd);
	oom_arm(told->fail_at, told->all_after != 0, &told->failed);
	return host_program(argc, argv, NULL);
}
