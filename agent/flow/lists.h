/* SPDX-License-Identifier: BSD-2-Clause */
/* lists.h: joining two JSON lists of keyed elements. */
#ifndef FLOW_LISTS_H
#define FLOW_LISTS_H

#include "base/error.h"
#include "base/memory.h"
#include "config/model.h"

/*
 * Three ways: what `row` added to, changed in or took out of `base` is done to `golden`, element by element; what it left as it
 * was stays as `golden` has it.  `base` NULL: nothing was agreed, so nothing was taken out.  An element is told by field->key;
 * without one it is its own key.  A NULL value counts as an empty list.
 */
int lists_join(struct arena *arena, const struct config_field *field, const struct syncline_value *golden, const struct syncline_value *base,
               const struct syncline_value *row, struct syncline_value *ret_joined, struct error *err);

#endif
