/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host.c: what makes syncline-host-faults of the program syncline-host.  A host's environment is made anew by its agent, so what
 * it is to do stands in the file "host-fault" in TMPDIR, which goes along.  With "disk" in its second line, what a connector does to
 * make files durable are points as well: these two stand before the C library's.  Never installed.
 */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>

#include "base/fault.h"
#include "crash/faults.h"
#include "crash/serve.h"

static bool disk;

__attribute__((visibility("default"))) int
fsync(int fd)
{
	int (*real)(int), result;

	*(void **)&real = dlsym(RTLD_NEXT, "fsync");
	if (disk && fault_point("disk.sync.before") != 0) {
		errno = EIO;
		return -1;
	}
	result = real(fd);
	if (disk && result == 0 && fault_point("disk.sync.after") != 0) {
		errno = EIO;
		return -1;
	}
	return result;
}

__attribute__((visibility("default"))) int
renameat(int from, const char *old, int to, const char *new)
{
	int (*real)(int, const char *, int, const char *), result;

	*(void **)&real = dlsym(RTLD_NEXT, "renameat");
	if (disk && fault_point("disk.rename.before") != 0) {
		errno = EIO;
		return -1;
	}
	result = real(from, old, to, new);
	if (disk && result == 0 && fault_point("disk.rename.after") != 0) {
		errno = EIO;
		return -1;
	}
	return result;
}

#ifndef SERVED
__attribute__((constructor))
#endif
void
host_faults_set_up(void)
{
	const char *folder = getenv("TMPDIR");
	char name[4096], line[4096] = "";
	FILE *file;

	if (folder == NULL || snprintf(name, sizeof name, "%s/host-fault", folder) >= (int)sizeof name || (file = fopen(name, "r")) == NULL)
		return;
	if (fgets(line, sizeof line, file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		faults_begin(line);
	}
	disk = fgets(line, sizeof line, file) != NULL && strcmp(line, "disk\n") == 0;
	fclose(file);
}
