/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * powerloss.h: a store that loses what was not synced.  A VFS for SQLite around the machine's own: what is written to the named
 * database, its log and its journal stays in this process until xSync, and the file on disk holds what was synced and nothing
 * else.  So a process that is killed leaves what a machine would leave that lost its power.  (The -shm file is left alone: it
 * means nothing after a start.)  Fault points stand on both sides of each sync.
 */
#ifndef TESTS_CRASH_POWERLOSS_H
#define TESTS_CRASH_POWERLOSS_H

#include <stdint.h>

/*
 * Makes it the default VFS.  how:
 *   "plain"       nothing that was not synced is left
 *   "torn:SEED"   powerloss_happen() leaves unsynced writes up to one of them, of which some sectors
 *   "mixed:SEED"  powerloss_happen() leaves any sectors of any unsynced writes, and deleted files may be there again
 * base: the name of the database's file without its folder.  -1: it is none of these.
 */
int powerloss_register(const char *how, const char *base);
/* Puts on disk what the disk's cache happened to have written already.  The process ends right after it. */
void powerloss_happen(void);
/* For tests: bytes that were written and not synced so far, over all files. */
uint64_t powerloss_unsynced(void);

#endif
