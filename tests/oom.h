/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom.h: failing allocations, one by one.  A test program lists tests/oom.c among its sources and links with $(OOM_LDFLAGS),
 * which sends its malloc, calloc, realloc, strdup, strndup, aligned_alloc, posix_memalign and free (those of the program and
 * of the static libraries in it, not those inside shared libraries) through oom.c.  Threads may allocate; oom_each itself is
 * for one thread at a time.
 */
#ifndef TESTS_OOM_H
#define TESTS_OOM_H

#include <stdint.h>

/*
 * Calls function(arg) again and again: with its first allocation failing, then its second, and so on until a call needs no
 * more; then the same once more with every allocation failing from the first, the second, … on.  Fails the cmocka test when
 *   - the function returns anything but 0 or -1, or reports failure although no allocation failed,
 *   - memory that it allocated is still there after it returned.
 * The function builds and frees all that it needs, returns 0 when all went well, and then checks its result itself: who
 * swallows a failed allocation must still deliver the whole result.  Returns how many allocations an undisturbed call makes.
 * Skips the test where the linker can't wrap.
 */
unsigned oom_each(int (*function)(void *arg), void *arg);

/*
 * For a program that somebody else runs again and again: from now on its `fail_at`th allocation fails, 1 being the next, or that
 * one and all after it.  *failed, which may lie in shared memory, says how many did.
 */
void oom_arm(unsigned fail_at, int all_after, volatile uint32_t *failed);
/*
 * For a test that goes on afterwards, in the process itself or in a child that was forked for it: oom_begin: from now on as
 * oom_each says; oom_enough: no more fails, and how many did; oom_left: how many of those made since oom_begin are live, which
 * ends the watch.  oom_seen: how many were asked for until oom_enough.
 */
void oom_begin(unsigned fail_at, int all_after);
unsigned oom_enough(void);
unsigned oom_seen(void);
unsigned oom_left(void);
/* Can this build's linker wrap at all? */
int oom_works(void);

#endif
