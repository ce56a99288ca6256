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

static enum { KILL, STOP, COUNT, WAIT } mode;
static long at;
static char file[4096];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void (*faults_last)(void);

static void
bad(const char *wanted)
{
	fprintf(stderr, "%s is no fault: kill:N, kill:N:FILE, stop:N, stop:N:FILE, count:FILE or wait:FILE\n", wanted);
	_exit(2);
}

/* Opened for each point: a host closes all descriptors that it was not given. */
static int
open_file(void)
{
	int fd = open(file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (fd < 0)
		_exit(2);
	return fd;
}

/* The number of this point, over all processes where there is a file: a byte in it each. */
static long
count(const char *line, size_t length)
{
	static long here;
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	long number = ++here;
	int fd;

	if (file[0] == '\0')
		return number;
	fd = open_file();
	if (mode == COUNT || mode == WAIT) {
		if (write(fd, line, length) != (ssize_t)length)
			_exit(2);
	} else {
		if (fcntl(fd, F_SETLKW, &whole) != 0 || write(fd, ".", 1) != 1)
			_exit(2);
		number = (long)lseek(fd, 0, SEEK_END);
	}
	close(fd);
	return number;
}

/* Whoever watches looks at what there is now, as if the process had ended here. */
static void
wait_for_watcher(void)
{
	static int told = -1, go = -1;
	char path[sizeof file + 8], byte = '.';

	if (told < 0) {
		snprintf(path, sizeof path, "%s.told", file);
		told = open(path, O_WRONLY | O_CLOEXEC);
		snprintf(path, sizeof path, "%s.go", file);
		go = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (write(told, &byte, 1) != 1 || read(go, &byte, 1) != 1)
		_exit(2);
}

static int
reached(const char *name)
{
	char line[128];
	int length = snprintf(line, sizeof line, "%s\n", name), fails = 0;
	long number;

	pthread_mutex_lock(&lock);
	number = count(line, (size_t)length);
	if (mode == WAIT)
		wait_for_watcher();
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
name_file(const char *name)
{
	if (snprintf(file, sizeof file, "%s", name) >= (int)sizeof file)
		bad(name);
}

void
faults_begin(const char *wanted)
{
	char *end;

	if (strncmp(wanted, "count:", 6) == 0 && wanted[6] != '\0') {
		mode = COUNT;
		name_file(wanted + 6);
	} else if (strncmp(wanted, "wait:", 5) == 0 && wanted[5] != '\0') {
		mode = WAIT;
		name_file(wanted + 5);
	} else if (strncmp(wanted, "kill:", 5) == 0 || strncmp(wanted, "stop:", 5) == 0) {
		mode = wanted[0] == 'k' ? KILL : STOP;
		at = strtol(wanted + 5, &end, 10);
		if (at <= 0 || (*end != '\0' && (*end != ':' || end[1] == '\0')))
			bad(wanted);
		if (*end == ':')
			name_file(end + 1);
	} else {
		bad(wanted);
	}
	fault_hook = reached;
}
