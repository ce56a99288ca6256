/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.h: the one table of calls (calls.def) as an enum and as rows.  Constant; any thread. */
#ifndef HOST_CALLS_H
#define HOST_CALLS_H

#include <stdbool.h>
#include <stdint.h>

enum call_id {
#define CALL(id, number, name, part, kind) CALL_##id = number,
#include "host/calls.def"
#undef CALL
	CALL_COUNT_OF_CALLS
};
struct call_row {
	const char *name;
	const char *part; /* NULL: of every connector */
	bool writes;
};
/* NULL for a number that no call has. */
const struct call_row *call_row(uint32_t id);

#endif
