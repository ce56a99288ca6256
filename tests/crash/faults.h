/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.h: what the programs of the crash tests share: counting fault points, and ending the process at one of them.  They set
 * themselves up before main() runs, so that everything else in them is what is shipped.
 */
#ifndef TESTS_CRASH_FAULTS_H
#define TESTS_CRASH_FAULTS_H

#include <stdbool.h>

/*
 * "kill:N"      the process is gone at the N-th point (the first is 1), as if by SIGKILL from outside
 * "stop:N"      the N-th step fails
 * "kill:N:FILE", "stop:N:FILE"  the same, and points are counted in FILE over all processes that name it
 * "count:FILE"  the name of each point is added to FILE, a line each
 * "wait:FILE"   the same; and at each a byte is written into the pipe FILE.told, and one is waited for from the pipe FILE.go
 * Prints a sentence and ends the process (status 2) when it is none of these.
 */
void faults_begin(const char *wanted);
/* Called before the process is killed. */
extern void (*faults_last)(void);

#endif
