/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory_vfs.h: SQLite's files in the memory of the process: a world of databases that a fork copies whole, and that costs no
 * disk.  With locks and a shared memory of their own, so that journals and write-ahead logs work as they do on a disk.  One thread.
 */
#ifndef TESTS_MEMORY_VFS_H
#define TESTS_MEMORY_VFS_H

/* From now on every database that is opened without another wish.  0: done. */
int memory_vfs_begin(void);
/* Files that are open, in case somebody forgets to close one. */
unsigned memory_vfs_open(void);

#endif
