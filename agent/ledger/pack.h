/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pack.h: batches compressed as the ledger keeps them, ahead of being stored, and made of such bytes again, in any thread, one at a
 * time with each of these.  What is given so is taken as it is; sealing it, where there is a key, is left to whoever stores it.
 */
#ifndef LEDGER_PACK_H
#define LEDGER_PACK_H

#include "base/error.h"
#include "batch/batch.h"

struct ledger_pack;
struct ledger_pack *ledger_pack_new(struct error *err);
void ledger_pack_free(struct ledger_pack *pack); /* accepts NULL */
/* The bytes live until the next ones. */
int ledger_pack(struct ledger_pack *pack, const struct batch *batch, struct syncline_slice *ret_packed, struct error *err);
/* A batch of the bytes that it was kept as; NULL with ERROR_LEDGER_DAMAGED when they are not what was packed. */
struct ledger;
struct batch *ledger_unpack(struct ledger_pack *pack, const struct ledger *ledger, struct syncline_slice packed, int64_t size, struct error *err);

#endif
