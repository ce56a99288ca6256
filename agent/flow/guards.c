/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guards.c: may this run write?  What a dry pass counted is held against the limits, and the effective version against the
 * plans that were applied.
 */
#include <inttypes.h>
#include <string.h>

#include "flow/intake.h"

struct guard {
	const char *what;
	uint64_t planned;
	int64_t ppm;
};

static uint64_t
limit_of(const struct config_guards *guards, uint64_t links, int64_t ppm)
{
	uint64_t share = ppm <= 0 ? 0 : links / 1000000u * (uint64_t)ppm + links % 1000000u * (uint64_t)ppm / 1000000u;

	return share > (uint64_t)guards->at_least ? share : (uint64_t)guards->at_least;
}

static void
tell(struct buffer *why, const char *sentence)
{
	if (why->length > 0)
		buffer_text(why, " ");
	buffer_text(why, sentence);
}

/* A limit of 100 % and more is none; and what is linked for the first time was accepted with the plan or without one. */
static int
check_binding(const struct config_guards *guards, const struct intake_binding_counts *counts, struct buffer *why)
{
	const struct guard all[] = {
		{ "records to create", counts->creates, guards->creates_ppm },
		{ "records to change", counts->updates, guards->updates_ppm },
		{ "values to set to null", counts->cleared, guards->cleared_ppm },
		{ "records to delete", counts->deletes, guards->deletes_ppm },
		{ "missing rows", counts->missing, guards->missing_rows_ppm },
	};
	int held = 0;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		uint64_t limit = limit_of(guards, counts->links, all[i].ppm);

		if (all[i].planned <= limit || all[i].ppm >= 1000000 || (i == 0 && counts->links == 0))
			continue;
		held = 1;
		tell(why, "");
		buffer_format(why, "%s: %" PRIu64 " %s, and the limit is %" PRIu64 " of %" PRIu64 ".", counts->binding->head.name, all[i].planned,
		              all[i].what, limit, counts->links);
	}
	return held;
}

static bool
has_effect(const struct intake_result *dry)
{
	static const enum ledger_count effects[] = { LEDGER_COUNT_CREATED, LEDGER_COUNT_CHANGED, LEDGER_COUNT_DELETED, LEDGER_COUNT_LINKED,
		LEDGER_COUNT_SENT_CREATES, LEDGER_COUNT_SENT_UPDATES, LEDGER_COUNT_SENT_DELETES };

	for (size_t i = 0; i < sizeof effects / sizeof *effects; i++)
		if (dry->counts[effects[i]] > 0)
			return true;
	for (uint32_t i = 0; i <= dry->binding_count; i++)
		if (dry->bindings[i].creates + dry->bindings[i].updates + dry->bindings[i].deletes > 0)
			return true;
	return false;
}

struct former {
	bool any;
};

static int
see_plan(void *data, const struct ledger_plan *plan)
{
	struct former *former = data;

	former->any = former->any || (plan->state == LEDGER_PLAN_APPLIED && plan->rollback == 0);
	return 0;
}

int
intake_guard(struct intake *intake, const struct intake_result *dry, struct buffer *ret_why, struct error *err)
{
	struct ledger *ledger = intake->engine->ledger;
	struct former former = { false };
	bool applied = false;
	int held = 0;

	/* Rows that are missing change nothing when a person is asked about each; of many of them only the export is wrong. */
	if (!has_effect(dry)) {
		for (uint32_t i = 0; i < dry->binding_count; i++)
			held |= check_binding(intake->flow->guards, &dry->bindings[i], ret_why);
		return ret_why->failed ? error_memory(err) : held ? 0 : 1;
	}
	if (ledger_plan_was_applied(ledger, intake->flow_id, intake->unit_id, intake->run->version, &applied, err) != 0)
		return -1;
	if (!applied) {
		if (ledger_plans(ledger, intake->flow_id, intake->unit_id, true, see_plan, &former, err) != 0)
			return -1;
		tell(ret_why, former.any ? "Rules, owners, lookups or matches changed since a plan was applied." : "It is the first run that would write.");
		return ret_why->failed ? error_memory(err) : 0;
	}
	for (uint32_t i = 0; i < dry->binding_count; i++)
		held |= check_binding(intake->flow->guards, &dry->bindings[i], ret_why);
	if (ret_why->failed)
		return error_memory(err);
	return held ? 0 : 1;
}

static const struct intake_binding_counts *
counts_of(const struct intake_result *dry, const struct config_binding *binding)
{
	for (uint32_t i = 0; i < dry->binding_count; i++)
		if (dry->bindings[i].binding == binding)
			return &dry->bindings[i];
	return NULL;
}

int
intake_guard_is_open(struct intake *intake, const struct intake_result *dry, const struct config_binding *const *targets, uint32_t count,
                     bool *ret_open, struct error *err)
{
	*ret_open = false;
	for (uint32_t i = 0; i < count; i++) {
		const struct intake_binding_counts *counts = counts_of(dry, targets[i]);

		/* A binding of another flow has no limit here. */
		if (counts != NULL && counts->links > 0 && intake->flow->guards->creates_ppm < 1000000)
			return 0;
	}
	return ledger_plan_was_applied(intake->engine->ledger, intake->flow_id, intake->unit_id, intake->run->version, ret_open, err);
}
