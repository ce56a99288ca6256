/* SPDX-License-Identifier: BSD-2-Clause */
/* flood-batches.c: gives batches without end. */
#define ON_NEXT                                        \
	while (batches->record_count(batch) < 1000)    \
		if (add_one(batch, "1", 1, err) != SYNCLINE_OK) \
			return SYNCLINE_INTERNAL;      \
	return SYNCLINE_OK
#include "misbehave.h"
