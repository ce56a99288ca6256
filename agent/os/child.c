/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.c: the end of one child process.  No signal handler and no process-wide wait, so that it mixes with whatever else the
 * program does; polling is short because its callers first wait for the child's socket to close.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "os/os.h"

/* Asks again and again, at growing distance, until `ask` has an answer or the time is over. */
static int
poll_child(pid_t pid, int64_t wait_ms, int (*ask)(pid_t pid, int *ret_status), int *ret_status)
{
	int64_t until = os_monotonic_ms() + wait_ms;
	struct timespec pause = { 0, 200000 };
	int result;

	while ((result = ask(pid, ret_status)) == 0 && os_monotonic_ms() < until) {
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
	return result;
}

static int
look(pid_t pid, int *ret_status)
{
	siginfo_t info = { 0 };

	(void)ret_status;
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return errno == EINTR ? 0 : -1;
	return info.si_pid == pid;
}

static int
reap(pid_t pid, int *ret_status)
{
	pid_t got = waitpid(pid, ret_status, WNOHANG);

	return got == pid ? 1 : got == 0 || errno == EINTR ? 0 : -1;
}

int
os_ended(pid_t pid, int64_t wait_ms)
{
	return poll_child(pid, wait_ms, look, NULL);
}

int
os_reap(pid_t pid, int64_t wait_ms, int *ret_status)
{
	return poll_child(pid, wait_ms, reap, ret_status);
}

static const char *
signal_name(int number)
{
	switch (number) {
	case SIGSEGV: return "SIGSEGV, a memory fault";
	case SIGBUS: return "SIGBUS, a memory fault";
	case SIGABRT: return "SIGABRT, it gave itself up";
	case SIGFPE: return "SIGFPE, an arithmetic fault";
	case SIGILL: return "SIGILL, an instruction that does not exist";
	case SIGKILL: return "SIGKILL";
	case SIGTERM: return "SIGTERM";
	case SIGPIPE: return "SIGPIPE";
	case SIGXCPU: return "SIGXCPU, its processor time was used up";
	case SIGSYS: return "SIGSYS, a system call that it may not use";
	default: return "no name";
	}
}

void
os_status_text(int status, char *buffer, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buffer, size, "killed by signal %d (%s)", WTERMSIG(status), signal_name(WTERMSIG(status)));
	else if (WIFEXITED(status))
		snprintf(buffer, size, "ended with status %d", WEXITSTATUS(status));
	else
		snprintf(buffer, size, "ended in an unknown way (%d)", status);
}
