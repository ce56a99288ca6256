/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links_missing.c: the links that a complete full read did not show.  What it showed is a set in memory, one look through the
 * index finds live links that are not in it (most often none), and only those are looked up.  The list is kept for the next
 * call, since lists are asked for page by page; each row is judged anew when it is told.
 */
#include "ledger/links.h"

#include <stdlib.h>

struct missing {
	int64_t read;
	uint32_t object, unit;
	uint64_t started;
	int64_t *ids; /* ascending: live and not seen */
	size_t count, room;
};

void
ledger_missing_free(struct ledger *ledger)
{
	if (ledger->missing == NULL)
		return;
	free(ledger->missing->ids);
	free(ledger->missing);
	ledger->missing = NULL;
}

static int
by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static int
note(struct missing *missing, int64_t id, struct error *err)
{
	if (missing->count == missing->room) {
		size_t room = missing->room * 2 + 64;
		int64_t *ids = realloc(missing->ids, room * sizeof *ids);

		if (ids == NULL)
			return error_memory(err);
		missing->ids = ids;
		missing->room = room;
	}
	missing->ids[missing->count++] = id;
	return 0;
}

/*
 * The first link that was made after the read began.  Links are appended with a sequence that never falls, so that it is found by
 * halves; without it a first load would have every record that it made counted as one that was not seen.
 */
static int
first_since(struct ledger *ledger, uint64_t started, int64_t *ret_first, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT coalesce(max(id), 0) + 1 FROM link", err);
	int64_t low = 1, high;

	if (statement == NULL || ledger_step(ledger, statement, err) != 1)
		return -1;
	high = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	if ((statement = ledger_statement(ledger, "SELECT id, created FROM link WHERE id >= ?1 ORDER BY id LIMIT 1", err)) == NULL)
		return -1;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		int step;

		sqlite3_bind_int64(statement, 1, middle);
		if ((step = ledger_step(ledger, statement, err)) < 0)
			return link_failed(ledger, err);
		if (step == 0 || sqlite3_column_int64(statement, 1) >= (int64_t)started)
			high = middle;
		else
			low = sqlite3_column_int64(statement, 0) + 1;
		sqlite3_reset(statement);
	}
	*ret_first = low;
	return 0;
}

/* Live links of (object, unit) that are not among those seen, and older than the read. */
static int
compare(struct ledger *ledger, struct missing *missing, const struct ledger_seen *seen, struct error *err)
{
	sqlite3_stmt *statement;
	int64_t since = 0;
	int step;

	if (first_since(ledger, missing->started, &since, err) != 0)
		return -1;
	statement = ledger_statement(ledger, "SELECT id, state FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2", err);
	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, missing->object);
	sqlite3_bind_int64(statement, 2, missing->unit);
	while ((step = ledger_step(ledger, statement, err)) == 1) {
		int64_t id = sqlite3_column_int64(statement, 0);

		if (id >= since || sqlite3_column_int64(statement, 1) != (int64_t)LEDGER_LINK_LIVE || ledger_seen_has(seen, id))
			continue;
		if (note(missing, id, err) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	}
	if (step < 0)
		return link_failed(ledger, err);
	if (missing->count > 0)
		qsort(missing->ids, missing->count, sizeof *missing->ids, by_number);
	return 0;
}

static int
fill(struct ledger *ledger, struct missing *missing, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT started FROM read WHERE id = ?1", err);
	struct ledger_seen *seen;
	int step, result;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, missing->read);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	missing->started = step == 1 ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	if (step == 0)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "Read the object in full once more.", "the read %lld is not in the ledger any more",
		                 (long long)missing->read);
	if ((seen = ledger_seen_load(ledger, missing->read, err)) == NULL)
		return -1;
	result = compare(ledger, missing, seen, err);
	ledger_seen_free(seen);
	return result;
}

static int
prepare(struct ledger *ledger, int64_t read, uint32_t object, uint32_t unit, struct error *err)
{
	struct missing *missing = ledger->missing;

	if (missing != NULL && missing->read == read && missing->object == object && missing->unit == unit)
		return 0;
	ledger_missing_free(ledger);
	if ((missing = calloc(1, sizeof *missing)) == NULL)
		return error_memory(err);
	missing->read = read;
	missing->object = object;
	missing->unit = unit;
	ledger->missing = missing;
	if (fill(ledger, missing, err) == 0)
		return 0;
	ledger_missing_free(ledger);
	return -1;
}

/* Is it missing still?  1 with the link, 0, -1.  Without an arena only the answer. */
static int
judge(struct ledger *ledger, const struct missing *missing, int64_t id, uint32_t words, struct arena *arena, struct ledger_link *ret_link,
      struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT " LINK_COLUMNS " FROM link WHERE id = ?1 AND state = 0 AND object = ?2 AND unit = ?3 AND created < ?4 AND confirmed < ?4", err);
	int step;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, missing->object);
	sqlite3_bind_int64(statement, 3, missing->unit);
	sqlite3_bind_int64(statement, 4, (int64_t)missing->started);
	step = ledger_step(ledger, statement, err);
	if (step == 1 && arena != NULL && link_read(statement, words, arena, ret_link, err) != 0)
		step = -1;
	sqlite3_reset(statement);
	return step;
}

int
ledger_links_missing(struct ledger *ledger, const struct config_entity *entity, int64_t read, uint32_t object, uint32_t unit, int64_t after,
                     struct arena *arena, struct ledger_link *ret_links, uint32_t max, uint32_t *ret_count, uint64_t *ret_total,
                     struct error *err)
{
	uint32_t words = link_words(ledger, entity), count = 0;
	uint64_t total = 0;

	if (prepare(ledger, read, object, unit, err) != 0)
		return -1;
	for (size_t i = 0; i < ledger->missing->count; i++) {
		int64_t id = ledger->missing->ids[i];
		bool wanted = id > after && count < max;
		int found;

		if (!wanted && ret_total == NULL) {
			if (id > after)
				break;
			continue;
		}
		if ((found = judge(ledger, ledger->missing, id, words, wanted ? arena : NULL, &ret_links[count], err)) < 0)
			return -1;
		total += (uint64_t)found;
		count += wanted ? (uint32_t)found : 0;
	}
	*ret_count = count;
	if (ret_total != NULL)
		*ret_total = total;
	return 0;
}
