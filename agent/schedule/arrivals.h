/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arrivals.h: files that come, for bindings with `trigger.file`.  Which folders those are, a connector's settings say: every path
 * among them.  What our own writes bring about is a run that finds nothing.  What came is told when the folder has been quiet for as long
 * as `trigger.quiet` says, or when it has not been for ten times that; and once more a minute later, because a connector leaves a file
 * alone that may still be written, and one that stays may still read a database in the place of which another one was put.
 *
 * A path to a file is a database: it alone is looked at.  Who writes to it is seen to write before others can read that: the file is
 * flushed in between, and only then the memory is changed that readers look at, which nobody is told of.  So it is told again after
 * ARRIVALS_SOON_US and after twenty times that, too.  One thread.
 */
#ifndef SCHEDULE_ARRIVALS_H
#define SCHEDULE_ARRIVALS_H

#include "schedule/agenda.h"

#define ARRIVALS_PATIENCE 10 /* times trigger.quiet */
#define ARRIVALS_BREATH_US 2000 /* between two looks, while more and more comes */
#define ARRIVALS_SOON_US INT64_C(50000)
#define ARRIVALS_LATER_US INT64_C(60000000)

struct arrivals;
/* The model has to live as long. */
int arrivals_open(const struct model *model, struct arrivals **ret_arrivals, struct error *err);
void arrivals_close(struct arrivals *arrivals); /* accepts NULL */
/*
 * Readable when there is something to look at; -1: nothing can say so, and ARRIVALS_LATER_US is how often to look, or nobody is to look
 * before arrivals_next().
 */
int arrivals_fd(const struct arrivals *arrivals);
/* Calls the agenda for what came and is due by now.  Times are those of a clock that never goes back. */
void arrivals_look(struct arrivals *arrivals, struct agenda *agenda, int64_t now_us);
/* When the next of it is due; INT64_MAX: nothing came. */
int64_t arrivals_next(const struct arrivals *arrivals);

#endif
