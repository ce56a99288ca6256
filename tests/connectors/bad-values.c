/* SPDX-License-Identifier: BSD-2-Clause */
/* bad-values.c: gives batch/1 what is not valid: broken UTF-8, NUL in text, a number that is none.  All of it must be refused. */
#define ON_NEXT                                                                                                  \
	struct syncline_value value = text_of("12,5", 4);                                                        \
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = 1, .values = &value }; \
	if (add_one(batch, "ok", 2, err) != SYNCLINE_OK || add_one(batch, "\xff\xfe", 2, err) != SYNCLINE_INVALID || \
	    add_one(batch, "a\0b", 3, err) != SYNCLINE_INVALID)                                                   \
		return SYNCLINE_INTERNAL;                                                                         \
	value.type = SYNCLINE_TYPE_DECIMAL;                                                                       \
	if (batches->add(batch, &record, err) != SYNCLINE_INVALID)                                                \
		return SYNCLINE_INTERNAL;                                                                         \
	value.type = 200;                                                                                         \
	if (batches->add(batch, &record, err) != SYNCLINE_INVALID)                                                \
		return SYNCLINE_INTERNAL;                                                                         \
	state->end = 1;                                                                                           \
	return SYNCLINE_OK
#include "misbehave.h"
