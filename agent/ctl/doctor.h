/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor.h: the parts of `syncline doctor`. */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "ctl/open.h"

struct doctor_systems {
	const struct opened *opened;
	const struct lookups *lookups;
	struct buffer *json; /* gets an item for each that was asked */
	/* What is wrong, where, and what to do next; texts are valid during the call. */
	void (*found)(void *data, const char *place, const char *hint, const char *message);
	void *data;
};
/*
 * Asks one system after the other, for each of its credentials, whether it answers, and whether the objects are there that flows read and
 * write, with the fields that they use.  -1 is for the ledger alone: what a system says or doesn't is a finding.
 */
int doctor_systems(const struct doctor_systems *doctor, struct error *err);

#endif
