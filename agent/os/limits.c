/* SPDX-License-Identifier: BSD-2-Clause */
/* limits.c: a ceiling for a process's memory.  Called by the process itself, before it loads anything foreign. */
#include "config.h"

#include <sys/resource.h>

#include "os/os.h"

int
os_limit_memory(uint64_t bytes)
{
	struct rlimit limit;

	if (bytes == 0)
		return 0;
#ifdef RLIMIT_AS
	limit.rlim_cur = limit.rlim_max = (rlim_t)bytes;
	return setrlimit(RLIMIT_AS, &limit);
#else
	/* OpenBSD counts anonymous mappings as data. */
	limit.rlim_cur = limit.rlim_max = (rlim_t)bytes;
	return setrlimit(RLIMIT_DATA, &limit);
#endif
}
