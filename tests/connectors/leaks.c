/* SPDX-License-Identifier: BSD-2-Clause */
/* leaks.c: takes memory without end. */
#define ON_NEXT                                     \
	for (;;) {                                  \
		char *p = malloc(1024 * 1024);      \
		if (p == NULL)                      \
			abort();                    \
		memset(p, 1, 1024 * 1024);          \
	}
#include "misbehave.h"
