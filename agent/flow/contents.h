/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * contents.h: which document it is that a row names.  A reference is only where a document lies: other bytes may lie there
 * tomorrow, and the same bytes elsewhere.  So the documents of rows that are kept are looked at once, when they are read, and what was
 * found goes with the row, in its note; of a golden content the hash of the bytes is the value that counts.
 *
 * The thread that owns the engine; never inside a transaction.
 */
#ifndef FLOW_CONTENTS_H
#define FLOW_CONTENTS_H

#include "flow/engine.h"

#define CONTENTS_HEX 65u /* a hash as text, with its NUL */

/*
 * Looks at the documents that the rows name and a copied content field of an entity takes: by what the system says of their hash, else
 * by their bytes.  keep[i] 0: not that row; NULL: all.  *batch may become another one.  A document that is not there, or is wrong in
 * itself, is left without a word: who carries it says why.  -1: ERROR_MEMORY, or the system can't be asked now.
 */
int contents_look(struct engine *engine, const struct config_object *object, const struct config_unit *unit, const uint8_t *keep,
                  struct batch **batch, struct error *err);

/* What was found of this reference of the record; false: nothing. */
bool contents_found(const struct batch *batch, const struct batch_record *record, const void *reference, size_t length, uint64_t *ret_bytes,
                    char ret_hex[CONTENTS_HEX]);

/* The hash in a golden content (ledger/records.h), 64 digits; NULL: it is not known. */
const char *contents_hash(const struct syncline_value *golden);
/* Does it lie at this object ("erp.bills")? */
bool contents_is_of(const struct syncline_value *golden, const char *object);
/* Do both lie at the same place, whatever is known of them? */
bool contents_same_place(const struct syncline_value *a, const struct syncline_value *b);

#endif
