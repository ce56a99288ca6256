/* SPDX-License-Identifier: BSD-2-Clause */
/* pending.c: see pending.h. */
#include "schedule/pending.h"

#include "batch/batch.h"
#include "ledger/deliveries.h"

static int
next_of_binding(struct ledger *ledger, uint32_t binding, uint32_t unit, int64_t *ret_us, struct error *err)
{
	struct ledger_due due;
	uint32_t count;

	if (ledger_due(ledger, binding, unit, &due, 1, &count, ret_us, err) != 0)
		return -1;
	for (int handed_over = 0; handed_over <= 1; handed_over++) {
		struct ledger_uncertain item;
		struct arena arena;
		int64_t next;
		int result;

		arena_init(&arena, 0);
		result = ledger_uncertain(ledger, binding, unit, handed_over == 1, &arena, &item, 1, &count, &next, err);
		if (result == 0 && count > 0)
			batch_free(item.payload);
		arena_free(&arena);
		if (result != 0)
			return -1;
		*ret_us = next < *ret_us ? next : *ret_us;
	}
	return 0;
}

int
pending_next(struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit, int64_t *ret_us, struct error *err)
{
	*ret_us = INT64_MAX;
	for (uint32_t b = 0; b < flow->binding_count; b++) {
		int64_t next;

		if (!flow->bindings[b].writes)
			continue;
		if (next_of_binding(ledger, ledger_binding_id(ledger, &flow->bindings[b]), ledger_unit_id(ledger, unit), &next, err) != 0)
			return -1;
		*ret_us = next < *ret_us ? next : *ret_us;
	}
	return 0;
}
