/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * small-writes.c: takes seven items a write and ends at a larger one; refuses an item whose attempt key it has seen before, and
 * one whose first value is "refuse me".
 */
#define WRITE_BATCH_MAX 7
#define ON_WRITE                                                                                                        \
	static unsigned char seen[65536][16];                                                                           \
	static unsigned count_seen;                                                                                     \
	if (batches->record_count(batch) > WRITE_BATCH_MAX)                                                             \
		abort();                                                                                                \
	for (uint32_t i = 0; i < batches->record_count(batch); i++) {                                                   \
		struct syncline_record record = { .struct_size = sizeof record };                                       \
		struct syncline_error why = { .struct_size = sizeof why, .applied = SYNCLINE_APPLIED_NO };              \
		batches->record(batch, i, &record);                                                                     \
		for (unsigned k = 0; k < count_seen; k++)                                                               \
			if (record.note.length != 16 || memcmp(seen[k], record.note.u.data, 16) == 0)                   \
				snprintf(why.message, sizeof why.message, "an attempt key came twice");                 \
		if (count_seen < 65536 && record.note.length == 16)                                                     \
			memcpy(seen[count_seen++], record.note.u.data, 16);                                             \
		if (record.value_count > 0 && record.values[0].length == 9 && memcmp(record.values[0].u.data, "refuse me", 9) == 0) \
			snprintf(why.message, sizeof why.message, "this one is refused");                               \
		result.error_class = why.message[0] != '\0' ? SYNCLINE_INVALID : SYNCLINE_OK;                           \
		result.error = why.message[0] != '\0' ? &why : NULL;                                                    \
		results->report(results, i, &result);                                                                   \
	}                                                                                                               \
	return SYNCLINE_OK
#include "misbehave.h"
