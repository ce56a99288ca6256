/* SPDX-License-Identifier: BSD-2-Clause */
/* calls.c: the rows of calls.def. */
#include <stddef.h>

#include "host/calls.h"

#define KIND_R false
#define KIND_W true

static const struct call_row rows[CALL_COUNT_OF_CALLS] = {
#define CALL(id, number, name, part, kind) [number] = { name, part, KIND_##kind },
#include "host/calls.def"
#undef CALL
};

const struct call_row *
call_row(uint32_t id)
{
	return id > 0 && id < CALL_COUNT_OF_CALLS && rows[id].name != NULL ? &rows[id] : NULL;
}
