/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h: fault points: where a test program ends the process or lets a step fail, so that every moment of a record's way can be
 * its last.  No shipped program sets the hook and nothing reads the environment: there is nothing to switch on.  Any thread.
 *
 * Names are "area.step.before" and "area.step.after".  What stands before a step may fail it as if it had never begun; what
 * stands after it, as if its answer had been lost.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stddef.h>

/* Set before there is a second thread, by a test's program alone.  Not 0: the step is to fail. */
extern int (*fault_hook)(const char *name);

static inline int
fault_point(const char *name)
{
	return fault_hook != NULL ? fault_hook(name) : 0;
}

/* "area.step.side", with a - for each blank of `step`. */
int fault_tell(const char *area, const char *step, const char *side);

static inline int
fault_point_of(const char *area, const char *step, const char *side)
{
	return fault_hook != NULL ? fault_tell(area, step, side) : 0;
}

#endif
