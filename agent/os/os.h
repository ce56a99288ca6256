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

/* memory.c: what was freed goes back to the system, where it does not by itself.  For a moment when nothing is at work. */
void os_give_back_memory(void);
/*
 * For a process that works now and then, in many threads, and rests for long: what one thread freed serves the others and can be given
 * back.  Before the first thread.
 */
void os_one_heap(void);

/* clock.c: milliseconds that never go back. */
int64_t os_monotonic_ms(void);
int64_t os_wall_us(void);

/* terminal.c: characters in a line; 0: it is no terminal, or does not say. */
size_t os_columns(int fd);

/* peer.c: who is at the other end of a connected socket of this machine, by the system's word. */
struct os_peer {
	uid_t uid;
	gid_t gid;
};
int os_peer(int fd, struct os_peer *ret_peer);
/* Is the user a member of this group?  false too where there is no such group. */
bool os_is_member(const struct os_peer *peer, const char *group);
/* "anna (uid 1000)". */
void os_user_name(uid_t uid, char *name, size_t size);

/*
 * watch.c: which folders something was written to.  Where the system tells it, os_watch_fd() becomes readable; where it cannot (-1),
 * os_watch_read() looks at their times of change, and whoever waits has to ask now and then.  One thread.  A folder that is not there is
 * -1; the caller asks again later.  `file`: the name of a database in it, whose own changes alone are meant, where the system tells
 * which they are; NULL: any file that comes.
 */
struct os_watch;
struct os_watch *os_watch_open(void); /* NULL: no memory */
void os_watch_close(struct os_watch *watch);
int os_watch_add(struct os_watch *watch, const char *folder, const char *file, uint32_t tag);
int os_watch_fd(const struct os_watch *watch);
/* Tells the tags of those that changed since it was asked last; a tag may be told more than once. */
void os_watch_read(struct os_watch *watch, void (*changed)(void *data, uint32_t tag), void *data);

/*
 * notify.c: tells the init system, where one listens: "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1", "STATUS=…".  The watchdog's
 * pause in milliseconds, 0: nobody watches.
 */
void os_notify(const char *state);
int64_t os_watchdog_ms(void);

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
