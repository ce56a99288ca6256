/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * os.h: what differs between operating systems, and what every process of the agent asks of its system before it works.  Each
 * function has a portable fallback: what a system doesn't offer is left out, not an error, unless the comment says otherwise.
 */
#ifndef OS_OS_H
#define OS_OS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* dump.c: no core files, no debugger of another user, no reading of /proc/PID/mem: memory holds secrets. */
void os_forbid_dumps(void);
/* privileges.c: a set-user-id program that this process starts gets no rights.  False where the system can't. */
bool os_no_new_privileges(void);
/* parent.c: this process gets SIGKILL when its parent dies, where the system can. */
void os_die_with_parent(pid_t parent);

/* descriptors.c: closes every descriptor from `first` on.  Only between fork and exec, or in a process with one thread. */
void os_close_from(int first);
int os_close_on_exec(int fd);
int os_nonblocking(int fd);
/* The open descriptors of this process, or -1 where that can't be counted; for tests. */
int os_count_descriptors(void);

/* limits.c: at most so many bytes of memory for this process; 0: no limit.  -1 with errno when refused. */
int os_limit_memory(uint64_t bytes);

/* clock.c: milliseconds that never go back. */
int64_t os_monotonic_ms(void);
int64_t os_wall_us(void);

/*
 * child.c: waiting for one child, with a limit and no signal handlers.  Returns 1 and its status once it has ended, 0 when it
 * still runs after `wait_ms`, -1 when there is no such child.
 */
/* os_ended() only looks: the child stays a zombie, its number stays its own.  1 it has ended, 0 not yet, -1. */
int os_ended(pid_t pid, int64_t wait_ms);
int os_reap(pid_t pid, int64_t wait_ms, int *ret_status);
/* "killed by signal 11 (SIGSEGV)", "ended with status 3". */
void os_status_text(int status, char *buffer, size_t size);

#endif
