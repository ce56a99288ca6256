/* SPDX-License-Identifier: BSD-2-Clause */
/* plan_entries.c: see plan_entries.h. */
#include "schedule/plan_entries.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static void
put(crypto_generichash_state *state, const void *data, size_t length)
{
	uint64_t size = length;

	crypto_generichash_update(state, (const unsigned char *)&size, sizeof size);
	if (length > 0)
		crypto_generichash_update(state, data, length);
}

static bool
is_source(enum ledger_count what)
{
	return what == LEDGER_COUNT_CREATED || what == LEDGER_COUNT_CHANGED || what == LEDGER_COUNT_LINKED || what == LEDGER_COUNT_DELETED ||
	       what == LEDGER_COUNT_RESTORED;
}

static bool
is_sent(enum ledger_count what)
{
	return what == LEDGER_COUNT_SENT_CREATES || what == LEDGER_COUNT_SENT_UPDATES || what == LEDGER_COUNT_SENT_DELETES;
}

static int
keep_entry(void *data, const struct ledger_plan_item *item)
{
	struct entries *all = data;
	crypto_generichash_state state;
	struct entry *entry;
	uint32_t what = item->what;

	if (all->count == all->room) {
		size_t room = all->room > 0 ? all->room * 2 : 1024;
		struct entry *items = realloc(all->items, room * sizeof *items);

		if (items == NULL)
			return -1;
		all->items = items;
		all->room = room;
	}
	entry = &all->items[all->count];
	*entry = (struct entry){ .number = item->number, .object = item->object, .record = item->record,
		.source = is_source(item->what), .sent = is_sent(item->what), .native_length = item->native.length };
	if ((entry->native = arena_copy(&all->arena, item->native.data, item->native.length)) == NULL)
		return -1;
	crypto_generichash_init(&state, NULL, 0, sizeof entry->key);
	put(&state, &what, sizeof what);
	put(&state, &item->object, sizeof item->object);
	put(&state, item->native.data, item->native.length);
	put(&state, &item->record, sizeof item->record);
	crypto_generichash_final(&state, entry->key, sizeof entry->key);
	crypto_generichash_init(&state, NULL, 0, sizeof entry->effect);
	put(&state, &item->generation, sizeof item->generation);
	/* What would be sent counts by its hash: ids that have come to be since are as good as those that were to come. */
	put(&state, item->before, item->before != NULL && entry->source ? strlen(item->before) : 0);
	put(&state, item->after, item->after != NULL && entry->source ? strlen(item->after) : 0);
	put(&state, item->payload, item->payload != NULL ? 16 : 0);
	put(&state, item->version.data, item->version.length);
	crypto_generichash_final(&state, entry->effect, sizeof entry->effect);
	all->count++;
	return 0;
}

static int
by_key(const void *a, const void *b)
{
	int order = memcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key, 16);

	return order != 0 ? order : memcmp(((const struct entry *)a)->effect, ((const struct entry *)b)->effect, 16);
}

void
entries_free(struct entries *entries)
{
	arena_free(&entries->arena);
	free(entries->items);
}

int
entries_read(struct ledger *ledger, int64_t plan, struct entries *entries, struct error *err)
{
	memset(entries, 0, sizeof *entries);
	arena_init(&entries->arena, 0);
	if (ledger_plan_items(ledger, plan, 0, 0, keep_entry, entries, err) != 0)
		return -1;
	if (entries->count > 0)
		qsort(entries->items, entries->count, sizeof *entries->items, by_key);
	return 0;
}

void
entries_compare(struct entries *planned, struct entries *now)
{
	size_t i = 0, k = 0;

	while (i < planned->count && k < now->count) {
		int order = by_key(&planned->items[i], &now->items[k]);

		if (order == 0)
			planned->items[i++].held = now->items[k++].held = true;
		else if (order < 0)
			i++;
		else
			k++;
	}
}

/* Records by number; those that don't exist yet by the native id that they came with, which what is sent of them has too. */
static int
by_record(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	size_t length = x->native_length < y->native_length ? x->native_length : y->native_length;
	int order = x->record < y->record ? -1 : x->record > y->record;

	if (order == 0 && x->record == 0 && length > 0)
		order = memcmp(x->native, y->native, length);
	if (order == 0 && x->record == 0)
		order = x->native_length < y->native_length ? -1 : x->native_length > y->native_length;
	return order;
}

int
entries_spread(struct entries *planned, struct entries *now, struct error *err)
{
	struct entries *both[] = { planned, now };
	struct entry **stale = calloc(planned->count + now->count + 1, sizeof *stale);
	size_t count = 0;

	if (stale == NULL)
		return error_memory(err);
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->count; i++)
			if (both[k]->items[i].sent && !both[k]->items[i].held)
				stale[count++] = &both[k]->items[i];
	if (count > 0)
		qsort(stale, count, sizeof *stale, by_record);
	for (int k = 0; k < 2; k++)
		for (size_t i = 0; i < both[k]->count && count > 0; i++) {
			struct entry *entry = &both[k]->items[i];

			if (entry->source && bsearch(&entry, stale, count, sizeof *stale, by_record) != NULL)
				entry->held = false;
		}
	free(stale);
	return 0;
}

struct telling {
	const struct apply_options *options;
	uint64_t *numbers; /* of the stale entries, in order */
	size_t stale;
};

static int
by_number(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int
tell_one(void *data, const struct ledger_plan_item *item)
{
	const struct telling *telling = data;

	if (telling->options->stale != NULL && bsearch(&item->number, telling->numbers, telling->stale, sizeof item->number, by_number) != NULL)
		telling->options->stale(telling->options->data, item, "the record, its links or its source changed since it was planned");
	return 0;
}

int
entries_tell_stale(const struct entries *planned, const struct apply_options *options, int64_t plan, struct error *err)
{
	struct telling telling = { .options = options, .numbers = calloc(planned->count + 1, sizeof *telling.numbers) };
	int result = 0;

	if (telling.numbers == NULL)
		return error_memory(err);
	for (size_t i = 0; i < planned->count; i++)
		if (planned->items[i].source && !planned->items[i].held)
			telling.numbers[telling.stale++] = planned->items[i].number;
	if (telling.stale > 0) {
		qsort(telling.numbers, telling.stale, sizeof *telling.numbers, by_number);
		result = ledger_plan_items(options->engine->ledger, plan, 0, 0, tell_one, &telling, err);
	}
	free(telling.numbers);
	if (result == 0 && options->strict && telling.stale > 0)
		return error_set(err, ERROR_LEDGER_PLAN, "Make a new plan as this one was made, or apply without --strict.",
		                 "%zu entries of plan %lld are stale; nothing was written", telling.stale, (long long)plan);
	return result;
}
