/* SPDX-License-Identifier: BSD-2-Clause */
/* carry.h: carrying over what stands in the log into the file, beside the work of the ledger's thread. */
#ifndef LEDGER_CARRY_H
#define LEDGER_CARRY_H

#include "ledger/inside.h"

struct carrier;

/* With each commit that made the log this long, in frames. */
void carry_after_commit(struct ledger *ledger, uint32_t frames);
/* Nothing is carried over from now on until the next commit; a failure of the thread's syncs is known. */
void carry_wait(struct ledger *ledger);
/*
 * All that can be now, by the caller itself.  SQLITE_OK and ret_whole: the log is over, and the next commit begins it anew.  What can't be
 * carried over (somebody reads, the disk is full) is carried over later: the log is as durable.
 */
int carry_here(struct ledger *ledger, bool *ret_whole);
/* Before the ledger's own connection is closed; nothing to do when there was no thread. */
void carry_end(struct ledger *ledger);

#endif
