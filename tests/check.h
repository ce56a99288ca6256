/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check.h: what every unit test includes: cmocka with the headers that it wants to stand before it.
 */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* Under valgrind, where everything takes many times as long, what is done again and again is done a quarter of the times. */
static inline int
check_stride(void)
{
	return getenv("SYNCLINE_VALGRIND") != NULL && getenv("SYNCLINE_LONG") == NULL ? 4 : 1;
}

/* How many rounds: `make check-long` sets SYNCLINE_LONG to how many times as many as usual. */
static inline int
check_rounds(int usual)
{
	const char *times = getenv("SYNCLINE_LONG");
	int many = times != NULL ? atoi(times) : 1;

	return (usual * (many > 0 ? many : 1) + check_stride() - 1) / check_stride();
}

#endif
