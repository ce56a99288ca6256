/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c: clocks that a test sets while a program runs.  The file "clock" in TMPDIR, where there is one when the program begins, holds two
 * 64-bit numbers of microseconds: how wrong the wall clock is, and how much more time than usual has passed, on both clocks.  Whoever waits
 * notices within SLICE_MS that time passed.  The linker puts these in the place of the C library's (--wrap) in the programs for tests alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SLICE_MS 10
#define SECOND_NS INT64_C(1000000000)
#define SLICE_NS (SLICE_MS * INT64_C(1000000))
#define WALL_FROM_S 100000000 /* no machine was up for three years: what is later is a time of the wall clock */

struct offsets {
	_Atomic int64_t wrong_us, passed_us;
};
static const struct offsets *offsets;

int __real_clock_gettime(clockid_t clock, struct timespec *ret_now);
int __real_poll(struct pollfd *polled, nfds_t count, int timeout);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_now);
int __wrap_poll(struct pollfd *polled, nfds_t count, int timeout);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until);

__attribute__((constructor)) static void
clock_set_up(void)
{
	const char *folder = getenv("TMPDIR");
	char name[4096];
	void *seen;
	int fd;

	if (folder == NULL || snprintf(name, sizeof name, "%s/clock", folder) >= (int)sizeof name || (fd = open(name, O_RDONLY | O_CLOEXEC)) < 0)
		return;
	seen = mmap(NULL, sizeof *offsets, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (seen == MAP_FAILED)
		_exit(2);
	offsets = seen;
}

static int64_t
offset_ns(clockid_t clock)
{
	if (offsets == NULL || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
		return 0;
	return 1000 * (atomic_load(&offsets->passed_us) + (clock == CLOCK_REALTIME ? atomic_load(&offsets->wrong_us) : 0));
}

static int64_t
to_ns(const struct timespec *time)
{
	return (int64_t)time->tv_sec * SECOND_NS + time->tv_nsec;
}

static struct timespec
from_ns(int64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / SECOND_NS), .tv_nsec = (long)(ns % SECOND_NS) };
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ret_now)
{
	int result = __real_clock_gettime(clock, ret_now);

	if (result == 0)
		*ret_now = from_ns(to_ns(ret_now) + offset_ns(clock));
	return result;
}

static int64_t
now_ns(clockid_t clock)
{
	struct timespec now;

	__wrap_clock_gettime(clock, &now);
	return to_ns(&now);
}

int
__wrap_poll(struct pollfd *polled, nfds_t count, int timeout)
{
	int64_t until = now_ns(CLOCK_MONOTONIC) + (int64_t)timeout * (SECOND_NS / 1000), left_ms;
	int result;

	if (offsets == NULL || timeout <= 0)
		return __real_poll(polled, count, timeout);
	do {
		left_ms = (until - now_ns(CLOCK_MONOTONIC) + 999999) / 1000000;
		result = __real_poll(polled, count, left_ms <= 0 ? 0 : left_ms < SLICE_MS ? (int)left_ms : SLICE_MS);
	} while (result == 0 && left_ms > 0);
	return result;
}

/* After a slice it returns as if it were woken for nothing, so that the caller looks: who is about to wake it may have found nobody waiting. */
int
__wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
	clockid_t clock = until->tv_sec > WALL_FROM_S ? CLOCK_REALTIME : CLOCK_MONOTONIC;
	struct timespec slice;
	int64_t left;
	int result;

	if (offsets == NULL)
		return __real_pthread_cond_timedwait(condition, mutex, until);
	left = to_ns(until) - now_ns(clock);
	__real_clock_gettime(clock, &slice);
	slice = from_ns(to_ns(&slice) + (left < 0 ? 0 : left < SLICE_NS ? left : SLICE_NS));
	result = __real_pthread_cond_timedwait(condition, mutex, &slice);
	return result == ETIMEDOUT && left > SLICE_NS ? 0 : result;
}
