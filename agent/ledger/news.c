/* SPDX-License-Identifier: BSD-2-Clause */
/* news.c: what is told of records: noted while a transaction goes on, told once it is committed, forgotten with what is rolled back. */
#include "ledger/inside.h"

#include <stdlib.h>

#define ROOM_FIRST 64u

/* Telling is a courtesy: what there is no memory for is not told. */
void
news_note(struct ledger *ledger, const struct ledger_news *what)
{
	struct newsroom *room = &ledger->newsroom;
	struct ledger_news *more;
	const char *cause = NULL;

	if (ledger->options.news == NULL || (what->finding == 0 && !ledger->options.all_news) || !ledger->in_transaction)
		return;
	if (room->count == room->room) {
		uint32_t wanted = room->room > 0 ? room->room * 2 : ROOM_FIRST;

		if ((more = realloc(room->items, wanted * sizeof *more)) == NULL)
			return;
		room->items = more;
		room->room = wanted;
	}
	if (what->cause != NULL && (cause = arena_text(&room->texts, what->cause)) == NULL)
		return;
	room->items[room->count] = *what;
	room->items[room->count++].cause = cause;
}

void
news_mark(struct ledger *ledger)
{
	if (ledger->savepoints < NEWS_MARKS)
		ledger->newsroom.marks[ledger->savepoints + 1] = ledger->newsroom.count;
}

void
news_forget(struct ledger *ledger, unsigned savepoints)
{
	struct newsroom *room = &ledger->newsroom;

	/* Deeper than it is kept: the deepest that is. */
	room->count = room->marks[savepoints < NEWS_MARKS ? savepoints : NEWS_MARKS];
	if (room->count == 0)
		arena_reset(&room->texts);
}

void
news_tell(struct ledger *ledger)
{
	struct newsroom *room = &ledger->newsroom;
	uint32_t count = room->count;

	/* Who is told may ask this ledger things, and adds nothing to it. */
	room->count = 0;
	for (uint32_t i = 0; i < count; i++)
		ledger->options.news(ledger->options.news_data, ledger, &room->items[i]);
	arena_reset(&room->texts);
}

void
news_free(struct ledger *ledger)
{
	free(ledger->newsroom.items);
	arena_free(&ledger->newsroom.texts);
	ledger->newsroom = (struct newsroom){ .count = 0 };
}
