/* SPDX-License-Identifier: BSD-2-Clause */
/* pending.c: see pending.h. */
#include "schedule/pending.h"

#include "batch/batch.h"
#include "ledger/deliveries.h"
#include "ledger/runs.h"
#include "ledger/staging.h"
#include "manners/manners.h"
#include "os/os.h"

static int
first_due(void *data, const struct ledger_delivery *row)
{
	*(int64_t *)data = row->due_us;
	return 0;
}

/* What a refused system parked is tried once more by itself (deliver/gate.c); all of it together. */
static int
next_of_parked(struct ledger *ledger, uint32_t binding, uint32_t unit, int64_t *ret_us, struct error *err)
{
	const struct ledger_delivery_filter filter = { .binding = binding, .unit = unit, .states = 1u << LEDGER_DELIVERY_PARKED, .max = 1 };
	int64_t due_us = INT64_MAX;

	if (ledger_deliveries(ledger, &filter, first_due, &due_us, err) != 0)
		return -1;
	*ret_us = due_us < *ret_us ? due_us : *ret_us;
	return 0;
}

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
	return next_of_parked(ledger, binding, unit, ret_us, err);
}

static int
lets_through(struct ledger *ledger, const struct config_binding *binding, uint32_t unit, bool *ret_lets, struct error *err)
{
	struct ledger_flag flag;

	*ret_lets = false;
	if (!binding->writes)
		return 0;
	if (ledger_flag_get(ledger, ledger_flow_id(ledger, binding->flow), unit, ledger_binding_id(ledger, binding), &flag, err) != 0)
		return -1;
	*ret_lets = flag.mode == LEDGER_FLAG_ON || flag.mode == LEDGER_FLAG_CANARY;
	return 0;
}

static int64_t
left_alone_until(const struct ledger *ledger, struct manners *manners, const struct config_system *system, const struct config_unit *unit)
{
	enum manners_state state;
	int64_t wait_us = manners_wait_us(manners, system->head.name, ledger_credentials(ledger, system, unit), os_monotonic_ms() * 1000, &state);

	return wait_us > 0 ? ledger_now(ledger) + wait_us : 0;
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Rows that wait for a parent, which may be another flow's. */
static int
next_of_waiters(struct ledger *ledger, const struct config_flow *flow, uint32_t unit, int64_t *ret_us, struct error *err)
{
	struct ledger_flag flag;

	*ret_us = INT64_MAX;
	if (ledger_flag_get(ledger, ledger_flow_id(ledger, flow), unit, 0, &flag, err) != 0)
		return -1;
	if (flag.mode != LEDGER_FLAG_ON && flag.mode != LEDGER_FLAG_CANARY)
		return 0;
	return ledger_wait_next(ledger, ledger_flow_id(ledger, flow), unit, ret_us, err);
}

int
pending_next(struct ledger *ledger, struct manners *manners, const struct config_flow *flow, const struct config_unit *unit, int64_t *ret_us,
             struct error *err)
{
	uint32_t unit_id = ledger_unit_id(ledger, unit);
	int64_t first;

	if (next_of_waiters(ledger, flow, unit_id, &first, err) != 0)
		return -1;
	for (uint32_t b = 0; b < flow->binding_count; b++) {
		int64_t next = INT64_MAX;
		bool lets;

		if (lets_through(ledger, &flow->bindings[b], unit_id, &lets, err) != 0 ||
		    (lets && next_of_binding(ledger, ledger_binding_id(ledger, &flow->bindings[b]), unit_id, &next, err) != 0))
			return -1;
		next = later(next, manners != NULL && next != INT64_MAX ? left_alone_until(ledger, manners, flow->bindings[b].system, unit) : 0);
		first = next < first ? next : first;
	}
	*ret_us = first;
	return 0;
}

static int
see(void *data, const struct ledger_delivery *row)
{
	(void)row;
	*(bool *)data = true;
	return 0;
}

static int
find_in(struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit, enum ledger_delivery_state state, bool *ret_found,
        struct error *err)
{
	struct ledger_delivery_filter filter = { .unit = ledger_unit_id(ledger, unit), .states = 1u << state, .max = 1 };

	*ret_found = false;
	for (uint32_t b = 0; b < flow->binding_count && !*ret_found; b++) {
		bool lets;

		filter.binding = ledger_binding_id(ledger, &flow->bindings[b]);
		if (lets_through(ledger, &flow->bindings[b], filter.unit, &lets, err) != 0 ||
		    (lets && ledger_deliveries(ledger, &filter, see, ret_found, err) != 0))
			return -1;
	}
	return 0;
}

int
pending_held(struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit, bool *ret_held, struct error *err)
{
	return find_in(ledger, flow, unit, LEDGER_DELIVERY_HELD, ret_held, err);
}

int
pending_parked(struct ledger *ledger, const struct config_flow *flow, const struct config_unit *unit, bool *ret_parked, struct error *err)
{
	return find_in(ledger, flow, unit, LEDGER_DELIVERY_PARKED, ret_parked, err);
}
