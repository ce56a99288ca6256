/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outlook.h: what the ledger says is to be done, told to an agenda: what was read when, which flows may run, which have to be run again or
 * after another one, and when deliveries are to be looked at.  One thread.
 */
#ifndef SCHEDULE_OUTLOOK_H
#define SCHEDULE_OUTLOOK_H

#include "ledger/ledger.h"
#include "schedule/agenda.h"

struct manners;
struct outlook {
	struct ledger *ledger; /* with the model */
	const struct model *model;
	struct agenda *agenda;
	struct manners *manners; /* or NULL */
};
/* All of it, for an agenda that is new; before its first agenda_take().  Runs that failed, or were cut off, are due again at `now_us`. */
int outlook_fill(const struct outlook *outlook, int64_t now_us, struct error *err);
/*
 * A person has changed something: flags, deliveries that are to be tried again, decisions and corrections that a run carries out, a run
 * that others come after.
 */
int outlook_again(const struct outlook *outlook, int64_t now_us, struct error *err);
/* Systems were forgiven what they said (manners_forgive()): targets that refused us are asked at once, and what waited for them is due. */
int outlook_forgive(const struct outlook *outlook, int64_t now_us, struct error *err);
/* Runs of the flow for the unit were done: deliveries of other flows about the same records may be due, not before `since_us[]`, by the model's flows. */
int outlook_others(const struct outlook *outlook, const struct config_flow *flow, const struct config_unit *unit, const int64_t *since_us, struct error *err);

#endif
