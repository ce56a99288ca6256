/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * history.h: what history.c and its sealing share.  Inside agent/ledger alone.
 */
#ifndef LEDGER_HISTORY_H
#define LEDGER_HISTORY_H

#include "ledger/inside.h"
#include "ledger/records.h"

#define HISTORY_SPAN_LEAST 16u    /* fewer are rows */
#define HISTORY_SPAN_MOST 65536u  /* so that a record's spans are found by looking back that far */

/* A sealed value is found in several places of a row: the order in which they were sealed is their number. */
struct history_seal {
	struct buffer before, after; /* JSON without what is sensitive; used when `any` */
	struct buffer sealed;
	bool any;
};
void history_seal_free(struct history_seal *seal);
/* Takes the values of sensitive fields out of before and after.  Does nothing without keys. */
int history_seal(struct ledger *ledger, const struct ledger_history *row, struct history_seal *seal, struct error *err);
/*
 * And puts them back, into `before` and `after` (which may be NULL).  Where the record's key was destroyed, or this process has no keys,
 * {"sealed":N} becomes {"erased":true} or {"sealed":true}.
 */
int history_unseal(struct ledger *ledger, int64_t record, struct syncline_slice sealed, struct arena *arena, const char **before,
                   const char **after, struct error *err);

/* A span for records first to last; rows tell them later as if each had its own. */
int history_span(struct ledger *ledger, const struct ledger_history *first, int64_t last, struct error *err);

#endif
