/* SPDX-License-Identifier: BSD-2-Clause */
/* fault.c: the hook of fault points, which is nobody's but a test's, and names that are put together.  Any thread. */
#include "base/fault.h"

#include <stdio.h>

int (*fault_hook)(const char *name);

int
fault_tell(const char *area, const char *step, const char *side)
{
	char name[96];

	snprintf(name, sizeof name, "%s.%s.%s", area, step, side);
	for (char *c = name; *c != '\0'; c++)
		if (*c == ' ')
			*c = '-';
	return fault_hook(name);
}
