/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exchange.c: rows that were refused for a unique field, and others that are tried again and change one, may pass their values on among
 * each other: two records exchange them, or each takes the next one's.  What counts is what all records have in the end, so the largest
 * set of these rows is looked for in which everybody whose value is taken gets another one by a row of the set, and no value goes to two.
 * It is the same in whichever order the rows come, and a row that is rejected for another reason is in no set: nor then is whoever waits
 * for its value.  All of a set is applied in one transaction.  In the thread that owns the engine.
 */
#include <stdlib.h>
#include <string.h>

#include "flow/apply.h"
#include "flow/vector.h"

/* A row of the set. */
struct mover {
	struct decision *decision;
	bool out;
};

/* Mover `by` takes a value of record `of`. */
struct taken {
	int64_t of;
	uint32_t by;
};

struct wish {
	uint32_t field, by;
	uint64_t word;
};

struct set {
	struct arena arena;
	struct mover *movers; /* by their records, ascending */
	struct taken *taken;  /* by whose value it is */
	struct wish *wishes;  /* by field and value */
	uint32_t *gone;       /* movers that are out, and those that depend on them are still to be looked for */
	uint32_t count, taken_count, wish_count, gone_count;
};

static int
by_record(const void *a, const void *b)
{
	int64_t x = ((const struct mover *)a)->decision->claims.record, y = ((const struct mover *)b)->decision->claims.record;

	return x < y ? -1 : x > y;
}

static int
by_holder(const void *a, const void *b)
{
	int64_t x = ((const struct taken *)a)->of, y = ((const struct taken *)b)->of;

	return x < y ? -1 : x > y;
}

static int
by_value(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;

	if (x->field != y->field)
		return x->field < y->field ? -1 : 1;
	return x->word < y->word ? -1 : x->word > y->word;
}

static void
put_out(struct set *set, uint32_t at)
{
	if (set->movers[at].out)
		return;
	set->movers[at].out = true;
	set->gone[set->gone_count++] = at;
}

static struct mover *
mover_of(const struct set *set, int64_t record)
{
	uint32_t low = 0, high = set->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (set->movers[middle].decision->claims.record < record)
			low = middle + 1;
		else
			high = middle;
	}
	return low < set->count && set->movers[low].decision->claims.record == record ? &set->movers[low] : NULL;
}

/* Does the record get another value of this field by its own row? */
static bool
gives_up(const struct set *set, int64_t record, uint32_t field)
{
	const struct mover *mover = mover_of(set, record);

	for (uint32_t i = 0; mover != NULL && i < mover->decision->claims.count; i++)
		if (mover->decision->claims.claims[i].field == field)
			return true;
	return false;
}

static int
gather(struct set *set, struct decision *first, struct error *err)
{
	uint32_t taken = 0, wishes = 0;

	for (struct decision *one = first; one != NULL; one = one->next) {
		if (!one->claims.refused || !one->claims.moves)
			continue;
		set->count++;
		wishes += one->claims.count;
		for (uint32_t i = 0; i < one->claims.count; i++)
			taken += one->claims.claims[i].holder_count;
	}
	set->movers = arena_array(&set->arena, set->count + 1u, sizeof *set->movers);
	set->taken = arena_array(&set->arena, taken + 1u, sizeof *set->taken);
	set->wishes = arena_array(&set->arena, wishes + 1u, sizeof *set->wishes);
	set->gone = arena_array(&set->arena, set->count + 1u, sizeof *set->gone);
	if (set->movers == NULL || set->taken == NULL || set->wishes == NULL || set->gone == NULL)
		return error_memory(err);
	set->count = 0;
	for (struct decision *one = first; one != NULL; one = one->next)
		if (one->claims.refused && one->claims.moves)
			set->movers[set->count++] = (struct mover){ .decision = one };
	qsort(set->movers, set->count, sizeof *set->movers, by_record);
	return 0;
}

/* Who takes whose value, and who wants which. */
static void
relate(struct set *set)
{
	for (uint32_t m = 0; m < set->count; m++) {
		const struct work_claims *claims = &set->movers[m].decision->claims;

		/* A record of which several rows say something: nobody knows which of them is the last. */
		if (m > 0 && set->movers[m - 1].decision->claims.record == claims->record) {
			put_out(set, m - 1);
			put_out(set, m);
		}
		for (uint32_t i = 0; i < claims->count; i++) {
			const struct work_claim *claim = &claims->claims[i];

			set->wishes[set->wish_count++] = (struct wish){ .field = claim->field, .by = m, .word = claim->word };
			if (claim->holder_count == LEDGER_MATCHES_MAX)
				put_out(set, m);
			for (uint32_t h = 0; h < claim->holder_count; h++) {
				set->taken[set->taken_count++] = (struct taken){ .of = claim->holders[h], .by = m };
				if (!gives_up(set, claim->holders[h], claim->field))
					put_out(set, m);
			}
		}
	}
	qsort(set->taken, set->taken_count, sizeof *set->taken, by_holder);
	qsort(set->wishes, set->wish_count, sizeof *set->wishes, by_value);
}

/* Takes out whoever can't be in it, and with each of them those that wait for its value. */
static void
reduce(struct set *set)
{
	for (uint32_t i = 1; i < set->wish_count; i++)
		if (by_value(&set->wishes[i - 1], &set->wishes[i]) == 0 && set->wishes[i].word != VECTOR_NULL) {
			put_out(set, set->wishes[i - 1].by);
			put_out(set, set->wishes[i].by);
		}
	for (uint32_t g = 0; g < set->gone_count; g++) {
		struct taken key = { .of = set->movers[set->gone[g]].decision->claims.record };
		const struct taken *one = bsearch(&key, set->taken, set->taken_count, sizeof key, by_holder);

		if (one == NULL)
			continue;
		while (one > set->taken && one[-1].of == key.of)
			one--;
		for (; one < set->taken + set->taken_count && one->of == key.of; one++)
			put_out(set, one->by);
	}
}

static int
let_each_through(struct work *work, struct set *set, struct error *err)
{
	for (uint32_t m = 0; m < set->count; m++) {
		struct decision *one = set->movers[m].decision;
		int result;

		if (set->movers[m].out)
			continue;
		one->claims.gather = one->claims.refused = false;
		work->claims = &one->claims;
		result = apply_decision(work, one, err);
		work->claims = NULL;
		if (result != 0)
			return -1;
		if (one->claims.refused)
			return error_set(err, ERROR_INTERNAL, "Report it; `syncline rejects archive` of this row lets the others go on.",
			                 "a row was refused in the middle of an exchange of unique values (finding %lld)", (long long)one->id);
	}
	return 0;
}

/* In one transaction: in between two records have the same value. */
static int
let_through(struct work *work, struct set *set, struct error *err)
{
	int64_t *moving = arena_array(&set->arena, set->count + 1u, sizeof *moving);
	uint32_t count = 0;
	int result;

	if (moving == NULL)
		return error_memory(err);
	for (uint32_t m = 0; m < set->count; m++)
		if (!set->movers[m].out)
			moving[count++] = set->movers[m].decision->claims.record;
	if (count == 0)
		return 0;
	if (apply_begin(work, err) != 0)
		return -1;
	work->moving = moving;
	work->moving_count = count;
	result = let_each_through(work, set, err);
	work->moving = NULL;
	work->moving_count = 0;
	return apply_end(work, result, err);
}

static int
exchange(struct work *work, struct decision *first, struct error *err)
{
	struct set set = { .count = 0 };
	int result;

	arena_init(&set.arena, 0);
	if ((result = gather(&set, first, err)) == 0 && set.count > 0) {
		relate(&set);
		reduce(&set);
		result = let_through(work, &set, err);
	}
	arena_free(&set.arena);
	return result;
}

int
apply_exchanges(struct work *work, struct decision *first, struct error *err)
{
	if (exchange(work, first, err) != 0)
		return -1;
	/* What is left is refused by a record that keeps its value, which is told once; or that value has become free. */
	for (struct decision *one = first; one != NULL; one = one->next) {
		int result;

		if (!one->claims.refused)
			continue;
		if (apply_begin(work, err) != 0)
			return -1;
		one->claims.gather = false;
		work->claims = one->quiet ? &one->claims : NULL;
		result = apply_end(work, apply_decision(work, one, err), err);
		work->claims = NULL;
		if (result != 0)
			return -1;
	}
	return 0;
}
