/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confirm.h: what confirm.c and confirm_short.c share: the ways in which a confirmed write becomes a link's.  Private to agent/flow.
 */
#ifndef FLOW_CONFIRM_H
#define FLOW_CONFIRM_H

#include "flow/work.h"

/* The stored forms as a native batch, a record each; all are of one payload. */
struct batch *confirm_stored(const struct intake_confirmation *const *items, uint32_t count, struct error *err);
/* Native rows as the read rules say them, without those that they reject.  ret_sources (may be NULL): of which row each was made. */
struct batch *confirm_canonical(const struct intake *intake, struct bound *reader, const struct batch *native, uint32_t *ret_sources, struct error *err);
/* Does the stored form hold all native fields that this output of the read rules reads? */
bool confirm_says_all(const struct bound *reader, uint32_t output, const struct batch *stored, uint32_t row);
/* History and counts. */
int confirm_tell(struct work *work, const struct intake_confirmation *item, struct syncline_slice native, struct error *err);

/*
 * confirm_short.c: what can be confirmed without loading records with all their links; ret_done[i] is set for those.  Within the
 * caller's transaction, before anything else of the batch.
 */
int confirm_creates(struct work *work, const struct intake_confirmation *items, uint32_t count, uint8_t *ret_done, struct error *err);
int confirm_updates(struct work *work, const struct intake_confirmation *items, uint32_t count, uint8_t *ret_done, struct error *err);

#endif
