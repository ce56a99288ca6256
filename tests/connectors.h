/* SPDX-License-Identifier: BSD-2-Clause */
/* connectors.h: a test's own folder of connectors: links to those that were built. */
#ifndef TESTS_CONNECTORS_H
#define TESTS_CONNECTORS_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A link in `to` for each .so of `from`.  0, or errno: nothing is taken back. */
static inline int
connectors_link(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	int status = dir == NULL ? errno : 0;

	for (struct dirent *entry; status == 0 && (entry = readdir(dir)) != NULL;) {
		size_t length = strlen(entry->d_name);
		char target[1024], link[1024];

		if (length < 4 || strcmp(entry->d_name + length - 3, ".so") != 0)
			continue;
		snprintf(target, sizeof target, "%s/%s", from, entry->d_name);
		snprintf(link, sizeof link, "%s/%s", to, entry->d_name);
		if (symlink(target, link) != 0)
			status = errno;
	}
	if (dir != NULL)
		closedir(dir);
	return status;
}

#endif
