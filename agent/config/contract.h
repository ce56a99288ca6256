/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contract.h: what contract.c does for the loading, and what the checks of systems do for those of flows.  agent/config alone
 * uses it.
 */
#ifndef CONFIG_CONTRACT_H
#define CONFIG_CONTRACT_H

#include "config/grammar.h"

/* Fills in the contract's fields from its node; -1 only without memory. */
int contract_fields(struct loader *l, struct config_contract *contract);

/* Reports a native field, or path into one, that the object's contract does not have. */
void check_native(struct loader *l, const struct config_object *object, const struct config_place *place, const char *native);
/* What the connector says it can do, or NULL when that is not known. */
const struct syncline_capabilities *capabilities_of(const struct config_system *system);
/* Also true when the connector is not known. */
bool has_part(const struct config_system *system, const char *id);

#endif
