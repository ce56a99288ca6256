/* SPDX-License-Identifier: BSD-2-Clause */
/* faults.c: the hook of the crash tests' programs.  Any thread. */
#include "crash/faults.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"

static enum { KILL, STOP, COUNT } mode;
static long at;
static int file = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void (*faults_last)(void);

static void
bad(const char *wanted)
{
	fprintf(stderr, "%s is no fault: kill:N, kill:N:FILE, stop:N or count:FILE\n", wanted);
	_exit(2);
}

/* The number of this point, over all processes where there is a file: a byte in it each. */
static long
count(void)
{
	static long here;
	long number = ++here;

	if (mode == KILL && file >= 0) {
		struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

		if (fcntl(file, F_SETLKW, &whole) != 0 || write(file, ".", 1) != 1)
			_exit(2);
		number = (long)lseek(file, 0, SEEK_END);
		whole.l_type = F_UNLCK;
		(void)fcntl(file, F_SETLK, &whole);
	}
	return number;
}

static int
reached(const char *name)
{
	char line[128];
	int length = snprintf(line, sizeof line, "%s\n", name), fails = 0;
	long number;

	pthread_mutex_lock(&lock);
	number = count();
	if (mode == COUNT && write(file, line, (size_t)length) != length)
		_exit(2);
	if (mode == KILL && number == at) {
		fprintf(stderr, "killed at point %ld, %s", number, line);
		if (faults_last != NULL)
			faults_last();
		kill(getpid(), SIGKILL);
		_exit(2);
	}
	if (mode == STOP && number == at) {
		fprintf(stderr, "stopped at point %ld, %s", number, line);
		fails = 1;
	}
	pthread_mutex_unlock(&lock);
	return fails;
}

static void
open_file(const char *name)
{
	file = open(name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (file < 0) {
		perror(name);
		_exit(2);
	}
}

void
faults_begin(const char *wanted)
{
	char *end;

	if (strncmp(wanted, "count:", 6) == 0 && wanted[6] != '\0') {
		mode = COUNT;
		open_file(wanted + 6);
	} else if (strncmp(wanted, "kill:", 5) == 0 || strncmp(wanted, "stop:", 5) == 0) {
		mode = wanted[0] == 'k' ? KILL : STOP;
		at = strtol(wanted + 5, &end, 10);
		if (at <= 0 || (*end != '\0' && (*end != ':' || mode == STOP || end[1] == '\0')))
			bad(wanted);
		if (*end == ':')
			open_file(end + 1);
	} else {
		bad(wanted);
	}
	fault_hook = reached;
}
