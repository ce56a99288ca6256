/* SPDX-License-Identifier: BSD-2-Clause */
/* flood-record.c: fills one batch without end, never asking whether it is full. */
#define ON_NEXT                                                       \
	static char large[65536];                                     \
	memset(large, 65, sizeof large);                              \
	for (;;) {                                                    \
		uint32_t klass = add_one(batch, large, sizeof large, err); \
		if (klass != SYNCLINE_OK)                             \
			return klass;                                 \
	}
#include "misbehave.h"
