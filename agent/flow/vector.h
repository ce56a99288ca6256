/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vector.h: 64-bit keyed hashes of canonical typed values: 1.10 equals 1.1, an integer equals the decimal of the same value,
 * text counts in NFC.  One word a field, indexed by ledger_field_id().  Pure functions apart from the scratch buffer.
 */
#ifndef FLOW_VECTOR_H
#define FLOW_VECTOR_H

#include "ledger/records.h"

#define VECTOR_UNKNOWN 0u /* absent: nothing is known */
#define VECTOR_NULL 1u    /* the hash of null */

/* Never VECTOR_UNKNOWN but for ABSENT.  `scratch` is used for NFC; -1: no memory. */
int vector_word(const uint8_t key[16], const struct syncline_value *value, struct buffer *scratch, uint64_t *ret_word);
/*
 * The same of a field of an entity: a document that is copied is its bytes, wherever they lie, as far as they are known
 * (contents.h); else it is where it lies.
 */
int vector_word_of(const uint8_t key[16], const struct config_field *field, const struct syncline_value *value, struct buffer *scratch,
                   uint64_t *ret_word);
/* Of all the entity's fields; ret_words has ledger_field_limit() words. */
int vector_of(const struct ledger *ledger, const struct config_entity *entity, const struct syncline_value *values, struct buffer *scratch,
              uint64_t *ret_words);
/*
 * Hashes of a batch's native records as they were read: names, types and values of the fields that they say something of,
 * whatever the order of the columns (not the native id, tenant or place, which are no content; the version only where a document is
 * named, whose bytes are no value).  ret_raws has a place for each record of the batch.
 */
int vector_raws(const uint8_t key[16], const struct batch *batch, struct buffer *scratch, uint8_t (*ret_raws)[16]);
/* Of one value, as corrections keep it. */
void vector_raw_value(const uint8_t key[16], const struct syncline_value *value, uint8_t ret_raw[16]);

#endif
