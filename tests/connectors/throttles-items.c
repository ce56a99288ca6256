/* SPDX-License-Identifier: BSD-2-Clause */
/* throttles-items.c: its calls succeed, and say of each record but the first that the system wants no more of them now. */
#define ON_WRITE                                                                                 \
	struct syncline_error full = { .struct_size = sizeof full, .applied = SYNCLINE_APPLIED_NO, .retry_after_ms = 3000 }; \
	snprintf(full.message, sizeof full.message, "no more of them now");                        \
	for (uint32_t i = 0; i < batches->record_count(batch); i++) {                              \
		result.error_class = i == 0 ? SYNCLINE_OK : SYNCLINE_THROTTLED;                      \
		result.error = i == 0 ? NULL : &full;                                                \
		results->report(results, i, &result);                                                \
	}                                                                                          \
	return SYNCLINE_OK
#include "misbehave.h"
