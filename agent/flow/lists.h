/* SPDX-License-Identifier: BSD-2-Clause */
/* lists.h: joining two JSON lists of keyed elements. */
#ifndef FLOW_LISTS_H
#define FLOW_LISTS_H

#include "base/error.h"
#include "base/memory.h"
#include "config/model.h"

/*
 * The elements of `a`, each replaced by the one of `b` that has the same key, then those that only `b` has, in its order.  The
 * key is field->key; without one an element is its own key.  NULL counts as empty.
 */
int lists_join(struct arena *arena, const struct config_field *field, const struct syncline_value *a, const struct syncline_value *b,
               struct syncline_value *ret_joined, struct error *err);

#endif
