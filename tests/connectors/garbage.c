/* SPDX-License-Identifier: BSD-2-Clause */
/* garbage.c: writes bytes of its own into the socket of its host. */
#define ON_NEXT                                      \
	for (int fd = 3; fd < 64; fd++)              \
		if (write(fd, "this is not a frame, not at all, no", 35) < 0) \
	continue
#include "misbehave.h"
