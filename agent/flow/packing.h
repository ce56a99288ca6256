/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packing.h: batches that are to be staged are compressed in a thread of its own, while the engine's thread takes the next ones.
 * For reads that keep much; where a group has a batch or two it is not worth a thread (read_stage.c).
 */
#ifndef FLOW_PACKING_H
#define FLOW_PACKING_H

#include "batch/batch.h"

#define PACKING_MOST 16u

struct packing;
/* NULL: no memory, or no thread; then batches are compressed when they are staged. */
struct packing *packing_new(void);
/* At most PACKING_MOST until they are forgotten.  A batch stays the caller's and stays as it is until then. */
void packing_give(struct packing *packing, const struct batch *batch);
/* Waits for the index-th that was given; its bytes live until all are forgotten. */
int packing_take(struct packing *packing, uint32_t index, struct syncline_slice *ret_packed, struct error *err);
void packing_forget(struct packing *packing); /* accepts NULL */
void packing_free(struct packing *packing);   /* accepts NULL */

#endif
