/* SPDX-License-Identifier: BSD-2-Clause */
/* closes.c: closes all descriptors, those of its host too. */
#define ON_NEXT                          \
	for (int fd = 0; fd < 256; fd++) \
	close(fd)
#include "misbehave.h"
