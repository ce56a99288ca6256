/* SPDX-License-Identifier: BSD-2-Clause */
/* values.h: canonical values as texts, and single rows of batches.  Pure functions. */
#ifndef FLOW_VALUES_H
#define FLOW_VALUES_H

#include "batch/batch.h"

/* A JSON value: integers and booleans as they are, lists and JSON as they stand, all else as a string; decimals keep their digits. */
int values_json(struct buffer *out, const struct syncline_value *value);
/* What people read. */
int values_text(struct buffer *out, const struct syncline_value *value);
/* A batch with this one record and the same fields, origin and place. */
struct batch *values_one_row(const struct batch *batch, uint32_t index, struct error *err);
/* A stamp of a native record: TIMESTAMP, DATE, or a text that is one.  false: none. */
bool values_stamp(const struct syncline_value *value, int64_t *ret_us);
bool values_equal(const struct syncline_value *a, const struct syncline_value *b);
/* Is theirs our time as a system keeps it that knows milliseconds, seconds, minutes or days: cut off, or of the first two the nearest one? */
bool values_is_coarser(const struct syncline_value *ours, const struct syncline_value *theirs);
/* Is theirs our number with fewer decimals: cut off, or rounded? */
bool values_is_rounded(const struct syncline_value *ours, const struct syncline_value *theirs);

#endif
