/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve.c: the programs of the crash tests without their loading.  crash-serve is loaded once and then, as often as it is told to, makes a copy
 * of itself that is syncline-faults from its main() on, or ledger-check; and connectors' processes are copies that are syncline-host-faults.
 * Each is as it would be right after it was loaded: nothing has run in the process that is copied, which has one thread.  Never installed.
 *
 * A connector's process must be a child of the run that started it.  So each run has a helper, which is copied before the run begins; its
 * grandchild becomes the run's child, which is what the system does with orphans (PR_SET_CHILD_SUBREAPER).
 *
 * On its standard input, a socket, come requests: the length (32 bits), then words, each with a NUL behind it: "run" or "check", the file for
 * what is printed, the settings of the environment, an empty word, the arguments.  The answer is the status (32 bits), negative for a signal.
 */
#define _GNU_SOURCE /* RTLD_NEXT, PR_SET_CHILD_SUBREAPER */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crash/serve.h"
#include "host/program.h"
#include "rules/rules.h"

#undef main
#define WORDS 128
#define WORDS_SIZE 65536
#define HELPER 200 /* the run's end of the socket to its helper */

static _Thread_local int wanted_fd = -1; /* what a process that this thread is about to spawn gets as its socket */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER; /* of the helper */
static pid_t run_pid;

static void
give_up(const char *what)
{
	fprintf(stderr, "crash-serve: %s: %s\n", what, strerror(errno));
	_exit(2);
}

static void
be_file(const char *path, int flags, int fd)
{
	int opened = open(path, flags | O_CLOEXEC, 0600);

	if (opened < 0 || (opened != fd && dup2(opened, fd) < 0))
		give_up(path);
	if (opened != fd)
		close(opened);
}

/* Cuts the text behind `at` into words until an empty one or the end; what is left. */
static char *
cut(char *at, const char *end, char *words[WORDS])
{
	size_t count = 0;

	while (at < end && *at != '\0' && count < WORDS - 1) {
		words[count++] = at;
		at += strlen(at) + 1;
	}
	words[count] = NULL;
	return at < end ? at + 1 : at;
}

static void
set_environment(char *words[WORDS])
{
	clearenv();
	for (size_t i = 0; words[i] != NULL; i++)
		if (putenv(words[i]) != 0)
			give_up("the environment");
}

/* As posix_spawn() does it for agent/host/spawn.c. */
static void
be_host(int fd, char *environment[WORDS])
{
	char name[] = "syncline-host", *arguments[] = { name, NULL };
	struct sigaction normal = { .sa_handler = SIG_DFL };
	sigset_t none;

	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			(void)sigaction(number, &normal, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)prctl(PR_SET_NAME, "crash-host");
	(void)setpgid(0, 0);
	set_environment(environment);
	be_file("/dev/null", O_RDONLY, 0);
	be_file("/dev/null", O_WRONLY, 1);
	if (getenv("SYNCLINE_HOST_STDERR") == NULL)
		be_file("/dev/null", O_WRONLY, 2);
	if (dup2(fd, HOST_SOCKET) < 0)
		give_up("a connector's socket");
	host_faults_set_up();
	exit(host_program(1, arguments, rules_expr_service()));
}

struct order {
	char text[8192];
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control;
};

/* fd: -1 when the run is over. */
static size_t
take_order(int from, struct order *order, int *ret_fd)
{
	struct iovec part = { order->text, sizeof order->text };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &order->control, .msg_controllen = sizeof order->control };
	ssize_t got = recvmsg(from, &message, MSG_CMSG_CLOEXEC);
	struct cmsghdr *head = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;

	*ret_fd = -1;
	if (head != NULL && head->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(head), sizeof *ret_fd);
	return got > 0 ? (size_t)got : 0;
}

static void
help(int from)
{
	pid_t *born = mmap(NULL, sizeof *born, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), between;
	static struct order order;
	char *environment[WORDS];
	size_t length;
	int fd;

	if (born == MAP_FAILED)
		_exit(2);
	while ((length = take_order(from, &order, &fd)) > 0 && fd >= 0) {
		cut(order.text, order.text + length, environment);
		/* Without a copy of the memory, for it only makes the host and ends. */
		if ((between = vfork()) == 0) {
			pid_t host = fork();

			if (host == 0) {
				int high = fcntl(fd, F_DUPFD_CLOEXEC, 10);

				close(from);
				be_host(high, environment);
			}
			*born = host;
			_exit(0);
		}
		close(fd);
		if (between < 0 || waitpid(between, NULL, 0) != between || write(from, born, sizeof *born) != sizeof *born)
			_exit(2);
	}
	_exit(0);
}

/* Who asks for it (SYNCLINE_PIDS, a file) finds the run's number there, and its connectors' behind it. */
static void
tell_number(pid_t pid)
{
	const char *path = getenv("SYNCLINE_PIDS");
	int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;

	if (fd >= 0) {
		dprintf(fd, "%ld\n", (long)pid);
		close(fd);
	}
}

/* What the run calls: these two stand before the C library's. */
__attribute__((visibility("default"))) int
posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int as)
{
	int (*real)(posix_spawn_file_actions_t *, int, int);

	*(void **)&real = dlsym(RTLD_NEXT, "posix_spawn_file_actions_adddup2");
	wanted_fd = fd;
	return real(actions, fd, as);
}

__attribute__((visibility("default"))) int
posix_spawn(pid_t *ret_pid, const char *program, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
            char *const arguments[], char *const environment[])
{
	struct order order;
	struct iovec part = { order.text, 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &order.control, .msg_controllen = sizeof order.control };
	struct cmsghdr *head;
	bool good;

	(void)actions, (void)attributes;
	if (getpid() != run_pid || strstr(program, "syncline-host") == NULL || arguments[1] != NULL)
		return ENOSYS;
	for (size_t i = 0; environment[i] != NULL; i++) {
		size_t length = strlen(environment[i]) + 1;

		if (part.iov_len + length > sizeof order.text)
			return E2BIG;
		memcpy(order.text + part.iov_len, environment[i], length);
		part.iov_len += length;
	}
	memset(&order.control, 0, sizeof order.control);
	head = CMSG_FIRSTHDR(&message);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &wanted_fd, sizeof wanted_fd);
	pthread_mutex_lock(&asking);
	good = sendmsg(HELPER, &message, MSG_NOSIGNAL) >= 0 && read(HELPER, ret_pid, sizeof *ret_pid) == sizeof *ret_pid && *ret_pid > 0;
	if (good)
		tell_number(*ret_pid);
	pthread_mutex_unlock(&asking);
	return good ? 0 : EAGAIN;
}

/*
 * The ledger tells copies by inodes and by a time of change (agent/ledger/engine.c), which nobody can set.  Files that the tests put back pass for
 * what they were: SYNCLINE_PASSES is "inode:time=inode:time" for each, the times in nanoseconds, with a blank between them.  The linker puts this
 * in the place of the programs' own stat().
 */
int __real_stat(const char *path, struct stat *ret_status);
int __wrap_stat(const char *path, struct stat *ret_status);

int
__wrap_stat(const char *path, struct stat *ret_status)
{
	const char *known = getenv("SYNCLINE_PASSES");
	int result = __real_stat(path, ret_status), length;
	uintmax_t inode, as_inode;
	intmax_t changed, as_changed, now;

	if (result != 0 || known == NULL)
		return result;
	now = (intmax_t)ret_status->st_ctim.tv_sec * 1000000000 + ret_status->st_ctim.tv_nsec;
	for (; sscanf(known, "%ju:%jd=%ju:%jd%n", &inode, &changed, &as_inode, &as_changed, &length) == 4; known += length) {
		if (inode != (uintmax_t)ret_status->st_ino || (changed != 0 && changed != now))
			continue;
		ret_status->st_ino = (ino_t)as_inode;
		if (changed != 0)
			ret_status->st_ctim = (struct timespec){ .tv_sec = (time_t)(as_changed / 1000000000), .tv_nsec = (long)(as_changed % 1000000000) };
	}
	return result;
}

static void
be_run(char *environment[WORDS], char *arguments[WORDS])
{
	int pair[2], count = 0;
	pid_t helper;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		give_up("a socket pair");
	if ((helper = fork()) == 0) {
		close(pair[0]);
		help(pair[1]);
	}
	close(pair[1]);
	if (helper < 0 || dup3(pair[0], HELPER, O_CLOEXEC) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		give_up("a helper");
	close(pair[0]);
	(void)prctl(PR_SET_NAME, "crash-run");
	run_pid = getpid();
	set_environment(environment);
	tell_number(run_pid);
	agent_faults_set_up();
	while (arguments[count] != NULL)
		count++;
	exit(syncline_main(count, arguments));
}

static void
serve(char *text, const char *end)
{
	char *environment[WORDS], *arguments[WORDS];
	char *what = text, *output = what + strlen(what) + 1, *rest = output + strlen(output) + 1;
	int count = 0;

	rest = cut(rest, end, environment);
	cut(rest, end, arguments);
	be_file("/dev/null", O_RDONLY, 0);
	be_file(output, O_WRONLY | O_CREAT | O_APPEND, 1);
	if (dup2(1, 2) < 0)
		_exit(2);
	if (strcmp(what, "run") == 0)
		be_run(environment, arguments);
	set_environment(environment);
	while (arguments[count] != NULL)
		count++;
	exit(ledger_check_main(count, arguments));
}

static bool
take(void *to, size_t length)
{
	for (size_t at = 0; at < length;) {
		ssize_t got = read(0, (char *)to + at, length - at);

		if (got <= 0)
			return false;
		at += (size_t)got;
	}
	return true;
}

int
main(void)
{
	static char text[WORDS_SIZE];
	uint32_t length;

	/* Less is asked of the system this way, and what is done is the same. */
	(void)mallopt(M_ARENA_MAX, 1);
	(void)mallopt(M_TOP_PAD, 1 << 20);
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 28);
	(void)mallopt(M_MMAP_THRESHOLD, 1 << 28);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1);
	while (take(&length, sizeof length)) {
		int32_t answer;
		int status = 0;
		pid_t pid;

		if (length == 0 || length >= sizeof text || !take(text, length))
			return 2;
		text[length] = '\0';
		if ((pid = fork()) == 0)
			serve(text, text + length);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			give_up("a copy");
		/* Helpers, and hosts whose run was killed: nobody else would take note of their end. */
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		answer = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
		if (write(0, &answer, sizeof answer) != sizeof answer)
			return 2;
	}
	return 0;
}
