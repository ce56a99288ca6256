/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oom_sqlite.h: SQLite's own allocations fail like those of the program.  One thread.
 */
#ifndef TESTS_OOM_SQLITE_H
#define TESTS_OOM_SQLITE_H

/* Before the first use of SQLite.  0: done. */
int oom_sqlite_begin(void);
/*
 * Not 0: SQLite gets what it asks for, and nobody counts that; nests by adding and taking away.  Blocks may be taken at one time
 * and given back at another.
 */
extern int oom_sqlite_quiet;

#endif
