/* SPDX-License-Identifier: BSD-2-Clause */
/* bad-error.c: fails with texts that are not UTF-8 and not ended, and a class that is not known. */
#define ON_NEXT                                             \
	memset(err->message, 0xff, sizeof err->message);    \
	memset(err->detail, 27, sizeof err->detail);        \
	err->applied = 99;                                  \
	return 4711
#include "misbehave.h"
