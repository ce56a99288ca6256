/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links_missing.c: the links that a complete full read did not show.  What it showed is a set in memory.  Most often as many as
 * are live were seen, and so there are none; else one look through the index finds live links that are not in it, and only those
 * are looked up.  Links that were made since the read began are looked at by themselves.  The list is kept for the next call, since
 * lists are asked for page by page; each row is judged anew when it is told.
 */
#include "ledger/links.h"

#include <stdlib.h>

struct missing {
	int64_t read;
	uint32_t object, unit;
	uint64_t started;
	int64_t since; /* the first link that was made since it began */
	bool rejected; /* it refused rows, which may be of links that were made meanwhile */
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

/* One number about the object; ?2: the first link since. */
static int
count(struct ledger *ledger, const char *sql, const struct missing *missing, bool since, uint64_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, missing->object);
	if (since)
		sqlite3_bind_int64(statement, 2, missing->since);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_count = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

/* How many links that are not live any more were seen; of too many nothing can be said. */
static int
count_ended(struct ledger *ledger, const struct missing *missing, const struct ledger_seen *seen, uint64_t most, uint64_t *ret_count,
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
		ended += id < missing->since && ledger_seen_has(seen, id);
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
all_seen(struct ledger *ledger, const struct missing *missing, const struct ledger_seen *seen, bool *ret_all, struct error *err)
{
	uint64_t live, newest, newer, ended = 0;
	bool known = false;

	*ret_all = false;
	if (count(ledger, "SELECT total(live) FROM link_count WHERE object = ?1", missing, false, &live, err) != 0 ||
	    count(ledger, "SELECT coalesce(max(id), 0) FROM link WHERE ?1 > 0", missing, false, &newest, err) != 0)
		return -1;
	if ((int64_t)newest - missing->since > (int64_t)(live / 4))
		return 0;
	if (count(ledger, "SELECT count(*) FROM link NOT INDEXED WHERE id >= ?2 AND object = ?1 AND state = 0", missing, true, &newer, err) != 0 ||
	    count_ended(ledger, missing, seen, live / 4 + 100, &ended, &known, err) != 0)
		return -1;
	*ret_all = known && ledger_seen_count(seen, missing->since) - ended == live - newer;
	return 0;
}

/* Notes the live ones of (object, unit) among what the statement finds, ids and states, that are not among those seen. */
static int
note_unseen(struct ledger *ledger, sqlite3_stmt *statement, struct missing *missing, const struct ledger_seen *seen, bool older, struct error *err)
{
	int step;

	sqlite3_bind_int64(statement, 1, missing->object);
	sqlite3_bind_int64(statement, 2, missing->unit);
	while ((step = ledger_step(ledger, statement, err)) == 1) {
		int64_t id = sqlite3_column_int64(statement, 0);

		if ((older && id >= missing->since) || sqlite3_column_int64(statement, 1) != (int64_t)LEDGER_LINK_LIVE || ledger_seen_has(seen, id))
			continue;
		if (note(missing, id, err) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	}
	return step < 0 ? link_failed(ledger, err) : 0;
}

/*
 * Links that rows of an earlier read made while this one was going on.  It can't have seen them as links: what it showed of them is
 * staged, and has raised `there` since.  What it refused it may have shown, too.
 */
static int
note_late(struct ledger *ledger, struct missing *missing, const struct ledger_seen *seen, struct error *err)
{
	sqlite3_stmt *statement;

	if (missing->rejected)
		return 0;
	statement = ledger_statement(ledger, "SELECT id, state FROM link NOT INDEXED WHERE id >= ?3 AND object = ?1 AND unit = ?2 AND there < ?4", err);
	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 3, missing->since);
	sqlite3_bind_int64(statement, 4, (int64_t)missing->started);
	return note_unseen(ledger, statement, missing, seen, false, err);
}

/* Live links of (object, unit) that are not among those seen, and older than the read. */
static int
compare(struct ledger *ledger, struct missing *missing, const struct ledger_seen *seen, struct error *err)
{
	sqlite3_stmt *statement;
	bool all;

	if (all_seen(ledger, missing, seen, &all, err) != 0)
		return -1;
	if (!all) {
		statement = ledger_statement(ledger, "SELECT id, state FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2", err);
		if (statement == NULL)
			return link_failed(ledger, err);
		if (note_unseen(ledger, statement, missing, seen, true, err) != 0)
			return -1;
	}
	if (note_late(ledger, missing, seen, err) != 0)
		return -1;
	if (missing->count > 0)
		qsort(missing->ids, missing->count, sizeof *missing->ids, by_number);
	return 0;
}

static int
fill(struct ledger *ledger, struct missing *missing, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT started, first_link, rejected FROM read WHERE id = ?1", err);
	struct ledger_seen *seen;
	int step, result;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, missing->read);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return -1;
	missing->started = step == 1 ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	missing->since = step == 1 ? sqlite3_column_int64(statement, 1) : 0;
	missing->rejected = step == 1 && sqlite3_column_int64(statement, 2) > 0;
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
		"SELECT " LINK_COLUMNS " FROM link" LINK_BESIDE " WHERE id = ?1 AND state = 0 AND object = ?2 AND unit = ?3 AND there < ?4"
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
