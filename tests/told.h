/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * told.h: what a call of a connector told and left, put together without allocating, to compare a call without memory with one that
 * had enough.  For one source file of a program, which includes check.h first; one thread.
 */
#ifndef TESTS_TOLD_H
#define TESTS_TOLD_H

#include <stdarg.h>
#include <stdio.h>
#include <syncline/helper.h>
#include <unistd.h>

struct text {
	char data[1 << 16];
	size_t length;
};

static void put(struct text *t, const char *format, ...) SYNCLINE_PRINTF(2, 3);
static void
put(struct text *t, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(t->data + t->length, sizeof t->data - t->length, format, args);
	va_end(args);
	if (n > 0)
		t->length += (size_t)n < sizeof t->data - t->length ? (size_t)n : 0;
}

/* The lowest descriptor that is free: the same before and after what leaks none. */
static int
free_descriptor(void)
{
	int fd = dup(0);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

#endif
