/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lint.h: read before each file of a connector, the helper library or the checker by clang-tidy alone.  Its analyzer looks at one file
 * at a time and can't know that what fails never returns SYNCLINE_OK; here it sees it.
 */
#ifndef TESTS_LINT_H
#define TESTS_LINT_H

#include <syncline/helper.h>

#define syncline_fail(...) (syncline_fail(__VA_ARGS__), SYNCLINE_INTERNAL)
#define syncline_fail_errno(...) (syncline_fail_errno(__VA_ARGS__), SYNCLINE_INTERNAL)
#define syncline_fail_memory(err) (syncline_fail_memory(err), SYNCLINE_INTERNAL)
#define syncline_fail_cancelled(err) (syncline_fail_cancelled(err), SYNCLINE_INTERNAL)

#endif
