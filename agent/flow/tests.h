/* SPDX-License-Identifier: BSD-2-Clause */
/* tests.h: the tests that stand beside the rules in a flow. */
#ifndef FLOW_TESTS_H
#define FLOW_TESTS_H

#include "base/error.h"
#include "config/model.h"
#include "flow/mappings.h"

/*
 * Runs one test: what it gives through the binding `from` to the entity, and the entity through the binding `to`.
 * 1 passed, 0 failed with a line per difference in ret_difference, -1 could not be run.
 */
int tests_run(const struct model *model, const struct lookups *lookups, const struct config_flow *flow, const struct config_test *test,
              struct buffer *ret_difference, struct error *err);

#endif
