/* SPDX-License-Identifier: BSD-2-Clause */
/* deliveries_inside.h: what the files about deliveries share: a mark's row, spans of marks, and attempts as they lie in the file. */
#ifndef LEDGER_DELIVERIES_INSIDE_H
#define LEDGER_DELIVERIES_INSIDE_H

#include "ledger/deliveries.h"
#include "ledger/inside.h"

/*
 * A mark is one of three:
 *   - a row in `delivery`;
 *   - a record of a span that is not claimed yet (next <= record <= last): pending, wanted in its first generation, backfill;
 *   - an item of an attempt that came from a span and is being sent: it has no row as long as nothing goes wrong ("rowless").
 */
struct delivery_row {
	uint32_t binding, unit;
	int64_t record;
	uint64_t want;
	uint8_t op, state;
	bool backfill;
	uint32_t tries;
	int64_t run, since_us, due_us, parent, attempt;
	uint32_t again; /* deliveries.c */
	const char *cause, *reason; /* for writing; reading leaves them NULL */
};
int delivery_row_get(struct ledger *ledger, uint32_t binding, int64_t record, struct delivery_row *ret_row, bool *ret_found, struct error *err);
int delivery_row_put(struct ledger *ledger, const struct delivery_row *row, struct error *err); /* inserts or replaces */
/* In the transaction in which something is made to wait for a time (put_off.c). */
int ledger_put_off(struct ledger *ledger, struct error *err);
int delivery_row_delete(struct ledger *ledger, uint32_t binding, int64_t record, struct error *err);
static inline bool
delivery_is_open(uint8_t state)
{
	return state == LEDGER_DELIVERY_SENDING || state == LEDGER_DELIVERY_UNCERTAIN || state == LEDGER_DELIVERY_HANDED_OVER;
}

struct delivery_span {
	int64_t id, run, since_us, next, last;
	uint32_t binding, unit;
};
/* The span in which this record waits. */
int delivery_span_find(struct ledger *ledger, uint32_t binding, int64_t record, struct delivery_span *ret_span, bool *ret_found,
                       struct error *err);
/* Takes [first, last] out of it, which are both in it: the span shrinks, is split, or goes. */
int delivery_span_carve(struct ledger *ledger, const struct delivery_span *span, int64_t first, int64_t last, struct error *err);

/* An attempt without its bytes. */
struct delivery_attempt {
	int64_t id, run, claimed_us;
	uint32_t binding, unit, object, count, words;
	uint32_t sending;   /* items whose answer is awaited */
	uint32_t undecided; /* these, and those that are uncertain or handed over */
	uint32_t creates;   /* undecided ones */
	uint32_t rowless;   /* of those being sent: items without a row */
	uint32_t rows_made; /* span items that got a row while they were being sent, since more was wanted */
	int64_t span_first, span_last; /* the records of the span items lie between */
	int64_t span_run, span_since_us;
	uint8_t *answered;  /* a bit an item; malloc'd */
};
void delivery_attempt_clear(struct delivery_attempt *attempt);
int delivery_attempt_get(struct ledger *ledger, int64_t id, struct delivery_attempt *ret_attempt, struct error *err);
int delivery_attempt_put(struct ledger *ledger, const struct delivery_attempt *attempt, struct error *err);

/* Items as they lie in the file: little-endian, ITEM_SIZE bytes each. */
#define DELIVERY_ITEM_SIZE 24u
void delivery_item_encode(const struct ledger_attempt_item *item, uint8_t *to);
void delivery_item_decode(const uint8_t *from, struct ledger_attempt_item *ret_item);
/* All items of an attempt, malloc'd. */
int delivery_items(struct ledger *ledger, const struct delivery_attempt *attempt, struct ledger_attempt_item **ret_items, struct error *err);
static inline bool
delivery_answered(const struct delivery_attempt *attempt, uint32_t index)
{
	return (attempt->answered[index / 8] >> (index % 8) & 1) != 0;
}
/* What of LEDGER_WANT_* an item carries out. */
static inline uint8_t
delivery_item_want(const struct ledger_attempt_item *item)
{
	return item->op == SYNCLINE_OP_DELETE ? LEDGER_WANT_DELETE : item->deactivate ? LEDGER_WANT_DEACTIVATE : LEDGER_WANT_WRITE;
}
/* The rowless item of this record: attempt 0 when there is none. */
struct delivery_rowless {
	int64_t attempt;
	uint32_t index;
	struct ledger_attempt_item item;
	uint32_t unit;
	int64_t run, since_us;
};
int delivery_rowless_find(struct ledger *ledger, uint32_t binding, int64_t record, struct delivery_rowless *ret_found, struct error *err);

#endif
