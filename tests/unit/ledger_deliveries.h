/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_deliveries.h: a ledger with its transaction open, and short words for marks and attempts in it. */
#ifndef TESTS_LEDGER_DELIVERIES_H
#define TESTS_LEDGER_DELIVERIES_H

#include "ledger/deliveries.h"
#include "ledger/inside.h"
#include "ledger_help.h"

extern struct ledger *ledger;
extern struct error err;
extern struct arena arena;
extern uint32_t erp, crm, orders; /* customers.erp, customers.crm, orders.crm */

void ways_begin(void);
void ways_end(void);
/* Every rule of this story holds. */
void ways_check(void);
/* Commits; another engine opens. */
void reopen(void);

void deliver(uint32_t binding, uint32_t unit, int64_t record, uint64_t want, uint8_t op);
void put(uint32_t binding, uint32_t unit, int64_t record, bool backfill, int64_t due_us);
void span(uint32_t binding, uint32_t unit, int64_t first, int64_t last);
/* Record n has the value n * 100, the key n n n …, and the vector { n * 1000, UINT64_MAX - n }. */
struct batch *payload_of(const struct ledger_attempt_item *items, uint32_t count);
int try_claim(uint32_t binding, uint32_t unit, const struct ledger_attempt_item *items, uint32_t count, int64_t *ret_attempt);
int64_t claim_one(uint32_t binding, uint32_t unit, int64_t record, uint64_t generation, uint8_t op);
void answer(int64_t attempt, uint32_t index, enum ledger_outcome_kind kind);
/* "7:3 " record 7, wanted in generation 3; "7:3d " a delete; "7s " of a span. */
const char *due_list(uint32_t binding, uint32_t unit, uint32_t max);
int64_t count_in(uint32_t binding, uint32_t unit, enum ledger_delivery_state state);

#endif
