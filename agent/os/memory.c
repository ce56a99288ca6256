/* SPDX-License-Identifier: BSD-2-Clause */
/* memory.c: glibc keeps what was freed, for each thread that ever was; others give it back after a while.  Any thread. */
#include "config.h"

#ifdef HAVE_MALLOC_TRIM
#include <malloc.h>
#endif

#include "os/os.h"

void
os_give_back_memory(void)
{
#ifdef HAVE_MALLOC_TRIM
	malloc_trim(0);
#endif
}
