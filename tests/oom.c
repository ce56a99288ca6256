/* SPDX-License-Identifier: BSD-2-Clause */
/* oom.c: see oom.h.  The table of live allocations has a fixed size, so that watching memory needs none. */
#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "oom.h"

#ifdef HAVE_LINKER_WRAP

#define LIVE_MAX 65536u /* a power of two */
#define CALLS_MAX 200000u

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret, size_t alignment, size_t size);
void __real_free(void *at);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
void __wrap_free(void *at);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	int watching;
	int all_after;       /* every allocation from fail_at on, not that one alone */
	unsigned fail_at;    /* 1: the first */
	unsigned seen;       /* allocations since oom_each began this call */
	unsigned failed;
	unsigned live;
	int overflow;
	int enough;          /* what is live is watched, and nothing fails */
	int armed;           /* for good: nobody asks what is live */
	volatile uint32_t *told;
	uintptr_t table[LIVE_MAX]; /* open addressing; 1 marks a slot whose pointer left */
} watch;

static size_t
slot_of(uintptr_t at)
{
	return (size_t)((at >> 4) * 0x9E3779B1u) & (LIVE_MAX - 1);
}

static void
remember(void *pointer)
{
	uintptr_t at = (uintptr_t)pointer;

	if (pointer == NULL || watch.armed)
		return;
	if (watch.live >= LIVE_MAX / 2) {
		watch.overflow = 1;
		return;
	}
	for (size_t i = slot_of(at);; i = (i + 1) & (LIVE_MAX - 1)) {
		if (watch.table[i] <= 1) {
			watch.table[i] = at;
			watch.live++;
			return;
		}
	}
}

/* Was it ours?  Memory from before the call, or from inside a shared library, is not. */
static int
forget(void *pointer)
{
	uintptr_t at = (uintptr_t)pointer;
	size_t i = slot_of(at);

	for (size_t steps = 0; steps < LIVE_MAX && watch.table[i] != 0; steps++, i = (i + 1) & (LIVE_MAX - 1)) {
		if (watch.table[i] == at) {
			watch.table[i] = 1;
			watch.live--;
			return 1;
		}
	}
	return 0;
}

/* Called with the lock held. */
static int
must_fail(void)
{
	if (!watch.watching || watch.enough)
		return 0;
	watch.seen++;
	if (watch.all_after ? watch.seen < watch.fail_at : watch.seen != watch.fail_at)
		return 0;
	watch.failed++;
	if (watch.told != NULL)
		*watch.told = watch.failed;
	errno = ENOMEM;
	return 1;
}

static void *
allocate(size_t alignment, size_t count, size_t size, int zeroed)
{
	void *at = NULL;

	pthread_mutex_lock(&lock);
	if (!must_fail()) {
		at = alignment != 0 ? __real_aligned_alloc(alignment, size) : zeroed ? __real_calloc(count, size) : __real_malloc(size);
		if (watch.watching)
			remember(at);
	}
	pthread_mutex_unlock(&lock);
	return at;
}

void *__wrap_malloc(size_t size) { return allocate(0, 1, size, 0); }
void *__wrap_calloc(size_t count, size_t size) { return allocate(0, count, size, 1); }
void *__wrap_aligned_alloc(size_t alignment, size_t size) { return allocate(alignment, 1, size, 0); }

void *
__wrap_realloc(void *old, size_t size)
{
	void *at = NULL;
	int ours;

	pthread_mutex_lock(&lock);
	if (!must_fail()) {
		ours = watch.watching && (old == NULL || forget(old));
		at = __real_realloc(old, size);
		if (ours)
			remember(at != NULL || size == 0 ? at : old);
	}
	pthread_mutex_unlock(&lock);
	return at;
}

int
__wrap_posix_memalign(void **ret, size_t alignment, size_t size)
{
	int result = ENOMEM;

	pthread_mutex_lock(&lock);
	if (!must_fail()) {
		result = __real_posix_memalign(ret, alignment, size);
		if (result == 0 && watch.watching)
			remember(*ret);
	}
	pthread_mutex_unlock(&lock);
	return result;
}

char *
__wrap_strndup(const char *text, size_t length)
{
	size_t size = strnlen(text, length);
	char *at = allocate(0, 1, size + 1, 0);

	if (at != NULL) {
		memcpy(at, text, size);
		at[size] = '\0';
	}
	return at;
}

char *
__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

void
__wrap_free(void *at)
{
	pthread_mutex_lock(&lock);
	if (at != NULL && watch.live > 0)
		forget(at);
	__real_free(at);
	pthread_mutex_unlock(&lock);
}

void
oom_begin(unsigned fail_at, int all_after)
{
	pthread_mutex_lock(&lock);
	memset(&watch, 0, sizeof watch);
	watch.fail_at = fail_at;
	watch.all_after = all_after;
	watch.watching = 1;
	pthread_mutex_unlock(&lock);
}

unsigned
oom_enough(void)
{
	unsigned failed;

	pthread_mutex_lock(&lock);
	watch.enough = 1;
	failed = watch.failed;
	pthread_mutex_unlock(&lock);
	return failed;
}

unsigned
oom_seen(void)
{
	return watch.seen;
}

unsigned
oom_left(void)
{
	unsigned live;

	pthread_mutex_lock(&lock);
	watch.watching = 0;
	live = watch.overflow ? LIVE_MAX : watch.live;
	pthread_mutex_unlock(&lock);
	return live;
}

static int
call(int (*function)(void *arg), void *arg, unsigned fail_at, int all_after)
{
	int result;

	oom_begin(fail_at, all_after);
	result = function(arg);
	pthread_mutex_lock(&lock);
	watch.watching = 0;
	pthread_mutex_unlock(&lock);
	if (result != 0 && result != -1)
		fail_msg("allocation %u failed, and the call returned %d instead of 0 or -1", fail_at, result);
	if (watch.failed == 0 && result != 0)
		fail_msg("no allocation failed (%u made), but the call reported failure", watch.seen);
	if (watch.overflow)
		fail_msg("more than %u allocations live at once: give the call less to do", LIVE_MAX / 2);
	if (watch.live != 0)
		fail_msg("allocation %u%s failed, the call returned %d, and %u allocations leaked", fail_at, all_after ? " and all after it" : "",
		         result, watch.live);
	return result;
}

unsigned
oom_each(int (*function)(void *arg), void *arg)
{
	unsigned undisturbed = 0;

	for (int all_after = 0; all_after < 2; all_after++) {
		unsigned fail_at = 1;

		while (call(function, arg, fail_at, all_after), watch.failed > 0)
			if (++fail_at > CALLS_MAX)
				fail_msg("still not through after %u failed allocations: give the call less to do", CALLS_MAX);
		undisturbed = watch.seen;
	}
	return undisturbed;
}

void
oom_arm(unsigned fail_at, int all_after, volatile uint32_t *failed)
{
	pthread_mutex_lock(&lock);
	memset(&watch, 0, sizeof watch);
	watch.fail_at = fail_at;
	watch.all_after = all_after;
	watch.told = failed;
	watch.armed = 1;
	watch.watching = 1;
	pthread_mutex_unlock(&lock);
}

int
oom_works(void)
{
	return 1;
}

#else

void
oom_arm(unsigned fail_at, int all_after, volatile uint32_t *failed)
{
	(void)fail_at, (void)all_after, (void)failed;
}

void
oom_begin(unsigned fail_at, int all_after)
{
	(void)fail_at, (void)all_after;
}

unsigned
oom_enough(void)
{
	return 0;
}

unsigned
oom_seen(void)
{
	return 0;
}

unsigned
oom_left(void)
{
	return 0;
}

int
oom_works(void)
{
	return 0;
}

unsigned
oom_each(int (*function)(void *arg), void *arg)
{
	(void)function;
	(void)arg;
	print_message("skipped: this linker has no --wrap, so that allocations can't be made to fail\n");
	skip();
	return 0;
}

#endif
