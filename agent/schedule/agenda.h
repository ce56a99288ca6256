/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * agenda.h: which flow runs next, for which units, and which of its bindings are read then.  Knows no clock, no thread and no
 * ledger: times are given (microseconds since 1970), runs are begun and told to be over by whoever asks.  One thread.
 *
 *     what makes a flow due for a unit      a binding's trigger: by the clock (due.h), a file that came, a call
 *                                           deliveries that are to be tried again at a time
 *                                           a flow that it comes after has run, where it has no trigger of its own
 *                                           a person who asks for it, or changed the configuration of a system that refused us
 *     what lets it wait                     it runs; a flow that it comes after runs or is due
 *
 * A flow runs for all units that are due in one run, because its objects are read once for all of them.  What became due while it
 * ran is done by another run after it; however often, by one.
 */
#ifndef SCHEDULE_AGENDA_H
#define SCHEDULE_AGENDA_H

#include "base/error.h"
#include "config/model.h"

struct agenda;
/* `up_us`: since when the agent has been there.  The model has to live as long. */
int agenda_new(const struct model *model, int64_t up_us, struct agenda **ret_agenda, struct error *err);
void agenda_free(struct agenda *agenda); /* accepts NULL */

/* When the binding was read last for the unit (NULL: the house); before the first agenda_take(). */
void agenda_was_read(struct agenda *agenda, const struct config_binding *binding, const struct config_unit *unit, int64_t last_us);
/* Whether the flow may run for the unit at all: its flag is not `off`.  Nothing may, at first. */
void agenda_allow(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit, bool allowed);
/* A file came, a system called: the binding is due now, for every unit. */
void agenda_call(struct agenda *agenda, const struct config_binding *binding);
/* Deliveries of the flow for the unit are to be tried again then; INT64_MAX: none are. */
void agenda_retry(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit, int64_t at_us);

/* A flow that this one comes after has run; without effect where this one has a trigger of its own. */
void agenda_follow(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit);
/* A person may have mended what a target refused us for: it is asked at once. */
void agenda_forgive(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit);
/* A run of the flow for the unit failed: what it read (NULL: all that the flow reads) is read again then, or when it is due before. */
void agenda_again(struct agenda *agenda, const struct config_flow *flow, const struct config_unit *unit, const bool *reads, int64_t at_us);

enum agenda_cause { AGENDA_CLOCK, AGENDA_CALLED, AGENDA_RETRY, AGENDA_AFTER, AGENDA_AGAIN, AGENDA_FORGIVEN };
struct agenda_job {
	const struct config_flow *flow;
	const struct config_unit **units; /* NULL in it: the house; freed by agenda_job_free() */
	uint32_t unit_count;
	bool *reads;                      /* of the flow's bindings, in its order: it is read */
	enum agenda_cause cause;          /* the weightiest */
	int64_t due_us;                   /* since when the first of them has been due */
};
/* The next that can run now, which then runs: 1; 0: none can; -1: no memory. */
int agenda_take(struct agenda *agenda, int64_t now_us, struct agenda_job *ret_job, struct error *err);
void agenda_job_free(struct agenda_job *job);
/* It runs, by whoever took it before this agenda was made. */
void agenda_begin(struct agenda *agenda, const struct config_flow *flow);
/* It is over.  `ran`: something was done in it, so that flows after it are due. */
void agenda_done(struct agenda *agenda, const struct config_flow *flow, bool ran);
/* When agenda_take() may give something that it gives not now, if nothing else happens; INT64_MAX: never. */
int64_t agenda_next(const struct agenda *agenda, int64_t now_us);
/* How many flows run, and how many could run but were not taken yet. */
uint32_t agenda_running(const struct agenda *agenda);

#endif
