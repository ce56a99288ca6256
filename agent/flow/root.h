/* SPDX-License-Identifier: BSD-2-Clause */
/* root.h: the record at the top of the chain of references: an order's customer.  What is about the same root belongs together. */
#ifndef FLOW_ROOT_H
#define FLOW_ROOT_H

#include "ledger/records.h"

/* Its own id where it refers to nothing, or what it refers to is not there.  Required references before others. */
int root_of(struct ledger *ledger, const struct config_entity *entity, const struct ledger_record *record, struct arena *arena, int64_t *ret_root,
            struct error *err);

#endif
