/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seen.c: which links a read saw, as a set in memory: bits by link id, in pages of 65,536 that are there when one of theirs was
 * seen.  Ten million links are 1.25 MB.
 */
#include "ledger/packed.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_BITS 16
#define PAGE_WORDS (1u << (PAGE_BITS - 6))
/* Link ids are given out one by one: more pages than this mean that the bytes are damaged. */
#define PAGES_MAX (1u << 20)

struct page {
	int64_t number; /* id >> PAGE_BITS */
	uint64_t words[PAGE_WORDS];
};
struct ledger_seen {
	struct page **pages; /* by number */
	size_t count, room;
	size_t last;         /* where the last one was found */
	bool no_memory;
};

/* Where it is, or where it would be. */
static size_t
position(const struct ledger_seen *seen, int64_t number)
{
	size_t low = 0, high = seen->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (seen->pages[middle]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct page *
page_of(struct ledger_seen *seen, int64_t number)
{
	size_t at;
	struct page *page;

	if (seen->last < seen->count && seen->pages[seen->last]->number == number)
		return seen->pages[seen->last];
	at = position(seen, number);
	seen->last = at;
	if (at < seen->count && seen->pages[at]->number == number)
		return seen->pages[at];
	if (seen->count == PAGES_MAX)
		return NULL;
	if (seen->count == seen->room) {
		size_t room = seen->room == 0 ? 16 : seen->room * 2;
		struct page **pages = realloc(seen->pages, room * sizeof *pages);

		if (pages == NULL)
			return NULL;
		seen->pages = pages;
		seen->room = room;
	}
	page = calloc(1, sizeof *page);
	if (page == NULL)
		return NULL;
	page->number = number;
	memmove(seen->pages + at + 1, seen->pages + at, (seen->count - at) * sizeof *seen->pages);
	seen->pages[at] = page;
	seen->count++;
	return page;
}

static int
take_run(void *data, int64_t first, int64_t last)
{
	struct ledger_seen *seen = data;

	/* A batch has at most so many rows; a longer run can only be damage. */
	if (last - first >= (int64_t)BATCH_MAX_BYTES)
		return -1;
	for (int64_t id = first;; id++) {
		struct page *page = page_of(seen, id >> PAGE_BITS);

		if (page == NULL) {
			seen->no_memory = true;
			return -1;
		}
		page->words[(id >> 6) & (PAGE_WORDS - 1)] |= UINT64_C(1) << (id & 63);
		if (id == last)
			return 0;
	}
}

struct ledger_seen *
ledger_seen_load(struct ledger *ledger, int64_t read, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT seen FROM staged_batch WHERE read = ?1 AND seen IS NOT NULL", err);
	struct ledger_seen *seen;
	int status;

	if (statement == NULL)
		return NULL;
	seen = calloc(1, sizeof *seen);
	if (seen == NULL) {
		error_memory(err);
		return NULL;
	}
	sqlite3_bind_int64(statement, 1, read);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		if (packed_seen_each(ledger_column_view(statement, 0), take_run, seen) == 0)
			continue;
		sqlite3_reset(statement);
		if (seen->no_memory)
			error_memory(err);
		else
			error_fill(err, ERROR_LEDGER_DAMAGED, "Run `syncline doctor`; start a full read of that object anew.",
			           "what read %lld saw can't be read from the ledger in %s", (long long)read, ledger->state_dir);
		status = -1;
		break;
	}
	if (status == 0)
		return seen;
	ledger_seen_free(seen);
	return NULL;
}

uint64_t
ledger_seen_count(const struct ledger_seen *seen, int64_t end)
{
	uint64_t count = 0;

	for (size_t i = 0; i < seen->count; i++) {
		const struct page *page = seen->pages[i];
		int64_t first = page->number * ((int64_t)1 << PAGE_BITS);

		for (uint32_t w = 0; w < PAGE_WORDS && first + 64 * (int64_t)w < end; w++) {
			int64_t left = end - (first + 64 * (int64_t)w);
			uint64_t word = left < 64 ? page->words[w] & ((UINT64_C(1) << left) - 1) : page->words[w];

			for (; word != 0; word &= word - 1)
				count++;
		}
	}
	return count;
}

bool
ledger_seen_has(const struct ledger_seen *seen, int64_t link)
{
	size_t at = position(seen, link >> PAGE_BITS);

	return link > 0 && at < seen->count && seen->pages[at]->number == link >> PAGE_BITS &&
	       (seen->pages[at]->words[(link >> 6) & (PAGE_WORDS - 1)] >> (link & 63) & 1) != 0;
}

void
ledger_seen_free(struct ledger_seen *seen)
{
	if (seen == NULL)
		return;
	for (size_t i = 0; i < seen->count; i++)
		free(seen->pages[i]);
	free(seen->pages);
	free(seen);
}
