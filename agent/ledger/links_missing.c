/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links_missing.c: the links that a complete full read did not show.  What it showed is a set in memory.  Most often as many as
 * are live were seen, and so there are none; else one look through the index finds live links that are not in it, and only those
 * are looked up.  The list is kept for the next call, since lists are asked for page by page; each row is judged anew when it is told.
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

/* One number about the object; ?2: the first link since. */
static int
count(struct ledger *ledger, const char *sql, const struct missing *missing, int64_t since, uint64_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, missing->object);
	if (since != 0)
		sqlite3_bind_int64(statement, 2, since);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

/* How many links that are not live any more were seen; of too many nothing can be said. */
static int
count_ended(struct ledger *ledger, const struct missing *missing, const struct ledger_seen *seen, int64_t since, uint64_t most, uint64_t *ret_count,
            bool *ret_known, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT id FROM link INDEXED BY link_ended WHERE state <> 0 AND object = ?1", err);
	uint64_t ended = 0, passed = 0;
	int step = 1;

	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, missing->object);
	while (passed <= most && (step = ledger_step(ledger, statement, err)) == 1) {
		int64_t id = sqlite3_column_int64(statement, 0);

		passed++;
		ended += id < since && ledger_seen_has(seen, id);
	}
	sqlite3_reset(statement);
	if (step < 0)
		return link_failed(ledger, err);
	*ret_count = ended;
	*ret_known = step == 0;
	return 0;
}

/*
 * Were as many live links of the object seen as there are, in all units, of those that are older than the read?  All that was
 * seen are links of the object, so that none is missing then.  Where much is newer, that is not worth counting.
 */
static int
all_seen(struct ledger *ledger, const struct missing *missing, const struct ledger_seen *seen, int64_t since, bool *ret_all, struct error *err)
{
	uint64_t live, newest, newer, ended = 0;
	bool known = false;

	*ret_all = false;
	if (count(ledger, "SELECT total(live) FROM link_count WHERE object = ?1", missing, 0, &live, err) != 0 ||
	    count(ledger, "SELECT coalesce(max(id), 0) FROM link WHERE ?1 > 0", missing, 0, &newest, err) != 0)
		return -1;
	if ((int64_t)newest - since > (int64_t)(live / 4))
		return 0;
	if (count(ledger, "SELECT count(*) FROM link NOT INDEXED WHERE id >= ?2 AND object = ?1 AND state = 0", missing, since, &newer, err) != 0 ||
	    count_ended(ledger, missing, seen, since, live / 4 + 100, &ended, &known, err) != 0)
		return -1;
	*ret_all = known && ledger_seen_count(seen, since) - ended == live - newer;
	return 0;
}

/* Live links of (object, unit) that are not among those seen, and older than the read. */
static int
compare(struct ledger *ledger, struct missing *missing, const struct ledger_seen *seen, struct error *err)
{
	sqlite3_stmt *statement;
	int64_t since = 0;
	bool all;
	int step;

	if (first_since(ledger, missing->started, &since, err) != 0 || all_seen(ledger, missing, seen, since, &all, err) != 0)
		return -1;
	if (all)
		return 0;
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
		"SELECT " LINK_COLUMNS " FROM link" LINK_BESIDE " WHERE id = ?1 AND state = 0 AND object = ?2 AND unit = ?3 AND created < ?4"
		" AND coalesce(written, confirmed) < ?4", err);
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
