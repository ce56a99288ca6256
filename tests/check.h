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

#include <cmocka.h>

#endif
