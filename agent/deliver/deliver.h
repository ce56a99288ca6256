/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver.h: the way out, once, whatever happens.
 *
 *     claim    golden records -> write rules -> payload; the attempt is durable before anything is sent
 *     send     guard by version or by reading again; documents first; a batch; results per item
 *     confirm  one transaction: link, vectors, history, the attempt gone
 *     resolve  what nobody knows is found out by what the sink declared: the same key, the same bytes, find, read and compare
 *
 * One (flow, unit) at a time, in the thread that owns the engine.
 */
#ifndef DELIVER_DELIVER_H
#define DELIVER_DELIVER_H

#include "flow/intake.h"

struct deliver_options {
	struct intake *intake;  /* engine, flow, unit, run: counts are raised here */
	/*
	 * How long to wait for what is not due yet (a retry, an index lag) before it is left to the next run, in milliseconds.
	 * 0: don't wait.
	 */
	int64_t patience_ms;
	/*
	 * Others wait: no batch is begun any more after so many milliseconds, and nothing is waited for.  What is due then is due the next time,
	 * which gets this result's `wrote` and publishes what is published as a whole.  0: to the end.
	 */
	int64_t slice_ms;
	bool wrote;
	bool approved; /* a person applied the plan that this is about: a flow in preview may write it */
	void (*wait)(void *data, int64_t ms); /* NULL: poll(2); tests move their clock */
	void *wait_data;
};
struct deliver_result {
	uint64_t left;   /* marks that are due later */
	uint64_t uncertain, dead, parked, waiting, held, handed_over; /* of this flow and unit, after it */
	bool more;       /* the slice was over before all that was due had been sent */
	bool wrote;      /* and something was; not published yet, where that is done as a whole */
	bool failed;     /* some system could not be used at all */
	struct error first; /* why, when failed */
};
/* Uncertain attempts of the flow's targets, and files handed over: before reading, so that what was read can be judged. */
int deliver_resolve(const struct deliver_options *options, struct deliver_result *ret_result, struct error *err);
/* Everything that is due, target by target in the flow's order, until nothing is. */
int deliver_pending(const struct deliver_options *options, struct deliver_result *ret_result, struct error *err);

/*
 * What a plan would send: in the transaction of a dry pass, before it is taken back.  `from` is its draft; `to` gets the same items,
 * those of deliveries with the target's fields before and after, the version that the write would expect, and a hash over what
 * would be sent.  What create_if keeps out, and what the target shows already, is no item, and is taken out of `counts`, which are
 * the dry pass's.  No system is asked, no document carried.
 */
int deliver_preview(const struct deliver_options *options, struct ledger_plan_draft *from, struct ledger_plan_draft *to,
                    uint64_t counts[LEDGER_COUNT_COUNT], struct error *err);

/* How a write to the object is guarded (CONFIG_GUARD_VERSION, REREAD, NONE); `is_read`: somebody merges what reading again shows. */
uint8_t deliver_guard(const struct config_binding *binding, const struct syncline_capabilities *can, bool is_read);
/* How many processes may write to the system at the same time; `sink` is one of them. */
uint32_t deliver_lanes(const struct engine *engine, const struct config_system *system, const struct connector *sink);

#endif
