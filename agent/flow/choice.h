/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * choice.h: what the options of a conversion mean: which flow, from which binding to which, and for which units.  Made before
 * the first thread starts; afterwards all threads read it.
 */
#ifndef FLOW_CHOICE_H
#define FLOW_CHOICE_H

#include "base/error.h"
#include "config/model.h"

struct convert_options;

struct choice {
	const struct config_flow *flow;
	const struct config_binding *from, *to;
	const struct config_unit **units; /* that are wanted, ended by NULL; at least one */
	uint32_t unit_count;
	struct syncline_slice *tenants;   /* of each of them; NULL: the object has no tenant, and there is one unit */
	struct config_unit house;         /* the unit of a flow without units: no name */
};

/* Nothing to free when it fails.  The choice stays where it is: units may point into it. */
int choice_make(struct choice *choice, const struct convert_options *options, struct error *err);
/* The unit whose settings count for the systems; NULL: several, or none. */
const struct config_unit *choice_unit(const struct choice *choice);
void choice_free(struct choice *choice);

#endif
