/* SPDX-License-Identifier: BSD-2-Clause */
/* staging_inside.h: what the files of staging share. */
#ifndef LEDGER_STAGING_INSIDE_H
#define LEDGER_STAGING_INSIDE_H

#include "ledger/packed.h"
#include "ledger/staging.h"

/* staging.c: reads of an object that nobody will go on with are ended, and may delete nothing. */
int staging_abandon_reads(struct ledger *ledger, uint32_t object, uint32_t credentials, struct error *err);
/* positions.c: a full read ended; units that have applied all of it can be trusted again after a new epoch. */
int staging_trust_read(struct ledger *ledger, const struct ledger_read *read, struct error *err);

#endif
