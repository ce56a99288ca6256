/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packed.h: batches as they are kept: compressed, and sealed where there are keys; and the sets of links that a read saw.
 */
#ifndef LEDGER_PACKED_H
#define LEDGER_PACKED_H

#include "batch/batch.h"
#include "ledger/inside.h"

struct packed {
	struct syncline_slice data; /* in the ledger's scratch memory: valid until the next one is packed */
	uint32_t size;              /* of the batch */
	bool sealed;
};
/* `ahead`: its compressed bytes where they were made before (pack.h), or empty. */
int packed_batch(struct ledger *ledger, const struct batch *batch, struct syncline_slice ahead, struct packed *ret_packed, struct error *err);
/* ERROR_LEDGER_DAMAGED when the bytes are not what was packed. */
struct batch *packed_open(struct ledger *ledger, struct syncline_slice data, int64_t size, bool sealed, struct error *err);
void packed_free(struct ledger *ledger);

/*
 * Link ids as runs: for each, how far it begins behind the end of the one before, and how many follow its first.  Sorts `ids`
 * and drops repeats.  -1: no memory.
 */
int packed_seen(int64_t *ids, size_t count, struct buffer *ret_runs, size_t *ret_distinct);
/* Calls for each run; -1 when the bytes are damaged or `each` returns anything but 0. */
int packed_seen_each(struct syncline_slice runs, int (*each)(void *data, int64_t first, int64_t last), void *data);

#endif
