/* SPDX-License-Identifier: BSD-2-Clause */
/* memory.c: glibc keeps what was freed, for each thread that ever was; others give it back after a while.  Any thread. */
#include "config.h"

#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif

#include "os/os.h"

void
os_one_heap(void)
{
#ifdef HAVE_MALLOC_TRIM
	/* Of a heap that a thread has for itself, malloc_trim() leaves what lies at its end. */
	mallopt(M_ARENA_MAX, 1);
#endif
}

void
os_give_back_memory(void)
{
#ifdef HAVE_MALLOC_TRIM
	malloc_trim(0);
#endif
}
