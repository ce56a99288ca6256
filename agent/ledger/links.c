/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links.c: which native record belongs to which golden one: the tables of records, links and match keys, and looking links up.
 */
#include "ledger/links.h"

#include <string.h>

const char ledger_schema_records[] =
	"CREATE TABLE record_number (epoch INTEGER PRIMARY KEY, used INTEGER NOT NULL);\n"
	"CREATE TABLE record_count (entity INTEGER NOT NULL, unit INTEGER NOT NULL, live INTEGER NOT NULL, PRIMARY KEY (entity, unit))"
	" WITHOUT ROWID;\n"
	/* raw: NULL when no row was ever understood.  there: struct ledger_link (records.h). */
	"CREATE TABLE link (id INTEGER PRIMARY KEY, object INTEGER NOT NULL, unit INTEGER NOT NULL, native TEXT NOT NULL,"
	" record INTEGER NOT NULL, entity INTEGER NOT NULL, state INTEGER NOT NULL, flags INTEGER NOT NULL, raw BLOB,"
	" effective INTEGER NOT NULL, version TEXT, there INTEGER NOT NULL, confirmed INTEGER NOT NULL, confirmed_us INTEGER NOT NULL);\n"
	/*
	 * Vectors that are not the record's, 8 bytes a field id; NULL: equal to the record's values, and without a row both are.  Most are here
	 * from a record's change to its delivery: few pages take them and give them up again, and the links' own rows don't grow.
	 */
	"CREATE TABLE link_vector (link INTEGER PRIMARY KEY, sent BLOB, seen BLOB);\n"
	/*
	 * Live links that we wrote to since they were seen: their version and last confirmed write count for those of the link's row, which is
	 * written when it is seen again.  Every such link is unseen (LEDGER_LINK_UNSEEN), whether its row says so or not.
	 */
	"CREATE TABLE link_written (link INTEGER PRIMARY KEY, written_version TEXT, written INTEGER NOT NULL, written_us INTEGER NOT NULL);\n"
	/* The few that are not live: what a full read saw, without these, is counted against the live ones. */
	"CREATE INDEX link_ended ON link (object) WHERE state <> 0;\n"
	"CREATE TABLE link_count (object INTEGER NOT NULL, unit INTEGER NOT NULL, live INTEGER NOT NULL, PRIMARY KEY (object, unit))"
	" WITHOUT ROWID;\n"
	/* id: the record's, times 256, and which of its keys: a record's keys stand together and are appended in its order. */
	"CREATE TABLE match_key (id INTEGER PRIMARY KEY, entity INTEGER NOT NULL, unit INTEGER NOT NULL, rule INTEGER NOT NULL,"
	" hash BLOB NOT NULL, record INTEGER AS (id >> 8) VIRTUAL);\n"
	/* before, after: JSON; {\"sealed\":N} stands for the Nth of what is in sealed. */
	"CREATE TABLE history (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, record INTEGER NOT NULL, entity INTEGER NOT NULL,"
	" unit INTEGER NOT NULL, object INTEGER NOT NULL, run INTEGER NOT NULL, at_us INTEGER NOT NULL, event TEXT NOT NULL,"
	" generation INTEGER NOT NULL, version INTEGER NOT NULL, native TEXT, who TEXT, correlation TEXT, before TEXT, after TEXT,"
	" note TEXT, sealed BLOB);\n"
	"CREATE INDEX history_record ON history (record);\n"
	"CREATE INDEX history_run ON history (run);\n"
	/* The same event for every record from first to last, at most 65,536 of them. */
	"CREATE TABLE history_span (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,"
	" entity INTEGER NOT NULL, unit INTEGER NOT NULL, object INTEGER NOT NULL, run INTEGER NOT NULL, at_us INTEGER NOT NULL,"
	" event TEXT NOT NULL, generation INTEGER NOT NULL, version INTEGER NOT NULL);\n"
	"CREATE INDEX history_span_first ON history_span (first);\n"
	"CREATE INDEX history_span_run ON history_span (run);\n"
	/* First loads that are not finished.  holder: who works on it, until when; beside: keys of rows that were set aside. */
	"CREATE TABLE first_load (id INTEGER PRIMARY KEY, entity INTEGER NOT NULL, object INTEGER NOT NULL, unit INTEGER NOT NULL,"
	" run INTEGER NOT NULL, version INTEGER NOT NULL, started_us INTEGER NOT NULL, records INTEGER NOT NULL, holder TEXT,"
	" until_us INTEGER NOT NULL);\n"
	"CREATE TABLE first_load_aside (load INTEGER NOT NULL, key INTEGER NOT NULL, PRIMARY KEY (load, key)) WITHOUT ROWID;\n";

const char ledger_schema_indexes[] =
	"CREATE INDEX IF NOT EXISTS link_native ON link (object, unit, native, state, flags, effective, raw, record);\n"
	/* NULLs differ from each other: only live ones can be twins. */
	"CREATE UNIQUE INDEX IF NOT EXISTS link_record ON link (record, object, unit, CASE state WHEN 0 THEN 0 END);\n"
	"CREATE INDEX IF NOT EXISTS match_key_hash ON match_key (hash, rule, entity, unit);\n";

int
link_failed(struct ledger *ledger, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name IN ('link_native', 'link_record', 'match_key_hash')", NULL);
	int there = 3;

	if (statement != NULL && ledger_step(ledger, statement, NULL) == 1) {
		there = sqlite3_column_int(statement, 0);
		sqlite3_reset(statement);
	}
	if (there < 3)
		return error_set(err, ERROR_LEDGER_LOADING, "Wait until the run that loads has ended; `syncline runs` shows it.",
		                 "A first load is at work, and the indexes of links are put away until it ends.");
	return -1;
}

int
link_look_begin(struct ledger *ledger, bool *ret_own, struct error *err)
{
	sqlite3_stmt *statement;

	*ret_own = false;
	if (sqlite3_get_autocommit(ledger->db) == 0)
		return 0;
	if ((statement = ledger_statement(ledger, "BEGIN", err)) == NULL || ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_own = true;
	return 0;
}

int
link_look_end(struct ledger *ledger, bool own, int result)
{
	/* Nothing was changed. */
	if (own)
		ledger_undo(ledger);
	return result;
}

uint32_t
link_words(struct ledger *ledger, const struct config_entity *entity)
{
	return ledger_field_limit(ledger, entity);
}

void
link_bind_native(sqlite3_stmt *statement, int at, struct syncline_slice native)
{
	sqlite3_bind_text64(statement, at, native.length > 0 ? native.data : "", native.length, SQLITE_STATIC, SQLITE_UTF8);
}

/* A vector may be older than the newest field: what it does not reach is not known. */
static int
read_vector(sqlite3_stmt *statement, int at, uint32_t words, struct arena *arena, const uint64_t **ret_vector)
{
	const unsigned char *bytes;
	uint64_t *vector;
	size_t length;

	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return 0;
	bytes = sqlite3_column_blob(statement, at);
	length = (size_t)sqlite3_column_bytes(statement, at) / 8;
	if (length > words)
		length = words;
	if ((vector = arena_array(arena, words + 1u, sizeof *vector)) == NULL || (bytes == NULL && length > 0))
		return -1;
	for (size_t i = 0; i < length; i++)
		for (int k = 0; k < 8; k++)
			vector[i] |= (uint64_t)bytes[i * 8 + (size_t)k] << (8 * k);
	*ret_vector = vector;
	return 0;
}

int
link_read(sqlite3_stmt *statement, uint32_t words, struct arena *arena, struct ledger_link *ret_link, struct error *err)
{
	struct ledger_link link = { .id = sqlite3_column_int64(statement, 0) };
	struct syncline_slice raw = ledger_column_view(statement, 7);
	bool failed = false;

	link.object = (uint32_t)sqlite3_column_int64(statement, 1);
	link.unit = (uint32_t)sqlite3_column_int64(statement, 2);
	link.native = ledger_column_slice(statement, 3, arena, &failed);
	link.record = sqlite3_column_int64(statement, 4);
	link.state = (uint8_t)sqlite3_column_int(statement, 5);
	link.flags = (uint8_t)sqlite3_column_int(statement, 6);
	if (raw.length == sizeof link.raw)
		memcpy(link.raw, raw.data, sizeof link.raw);
	link.effective = (uint32_t)sqlite3_column_int64(statement, 8);
	link.version = ledger_column_slice(statement, 9, arena, &failed);
	if (failed || read_vector(statement, 10, words, arena, &link.sent) != 0 || read_vector(statement, 11, words, arena, &link.seen) != 0)
		return error_memory(err);
	link.there = (uint64_t)sqlite3_column_int64(statement, 12);
	link.confirmed = (uint64_t)sqlite3_column_int64(statement, 13);
	link.confirmed_us = sqlite3_column_int64(statement, 14);
	if (sqlite3_column_type(statement, 16) != SQLITE_NULL) {
		link.apart = true;
		link.flags |= LEDGER_LINK_UNSEEN;
		link.version = ledger_column_slice(statement, 15, arena, &failed);
		link.confirmed = (uint64_t)sqlite3_column_int64(statement, 16);
		link.confirmed_us = sqlite3_column_int64(statement, 17);
		if (failed)
			return error_memory(err);
	}
	*ret_link = link;
	return 0;
}

/* The row of the index that a statement stands on: its id, state, flags, effective version and raw hash. */
static void
take_glance(sqlite3_stmt *statement, const uint8_t raw[16], uint32_t effective, struct ledger_glance *ret_glance)
{
	struct syncline_slice known = ledger_column_view(statement, 4);
	bool same = sqlite3_column_int64(statement, 1) == (int64_t)LEDGER_LINK_LIVE && sqlite3_column_int64(statement, 2) == 0 &&
	            sqlite3_column_int64(statement, 3) == effective && known.length == 16 && memcmp(known.data, raw, 16) == 0;

	ret_glance->link = sqlite3_column_int64(statement, 0);
	ret_glance->what = same ? LEDGER_UNCHANGED : LEDGER_CHANGED;
}

/* State 0 comes first. */
static int
glance(struct ledger *ledger, sqlite3_stmt *statement, struct syncline_slice native, const uint8_t raw[16], uint32_t effective,
       struct ledger_glance *ret_glance, struct error *err)
{
	int step;

	*ret_glance = (struct ledger_glance){ 0, LEDGER_UNKNOWN };
	link_bind_native(statement, 3, native);
	if ((step = ledger_step(ledger, statement, err)) == 1) {
		take_glance(statement, raw, effective, ret_glance);
		sqlite3_reset(statement);
	}
	return step < 0 ? -1 : 0;
}

int
link_compare_natives(struct syncline_slice a, struct syncline_slice b)
{
	size_t both = a.length < b.length ? a.length : b.length;
	int order = both > 0 ? memcmp(a.data, b.data, both) : 0;

	return order != 0 ? order : a.length < b.length ? -1 : a.length > b.length;
}

static bool
ascend(const struct syncline_slice *natives, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (link_compare_natives(natives[i - 1], natives[i]) > 0)
			return false;
	return true;
}

/*
 * Rows in the order of the index, as most sources give them, are met by walking along it, which costs a third of a search for each.
 * Where many others lie between them, the walk ends early: *ret_done are answered.
 */
static int
walk(struct ledger *ledger, uint32_t object, uint32_t unit, const struct syncline_slice *natives, const uint8_t (*raws)[16], uint32_t count,
     uint32_t effective, struct ledger_glance *ret_glances, uint32_t *ret_done, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT id, state, flags, effective, raw, native FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2 AND native >= ?3"
		" AND native <= ?4 ORDER BY native, state", err);
	uint32_t done = 0, passed = 0;
	int step = 1;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	link_bind_native(statement, 3, natives[0]);
	link_bind_native(statement, 4, natives[count - 1]);
	while (done < count && passed <= count + WALK_LEAST && (step = ledger_step(ledger, statement, err)) == 1) {
		struct syncline_slice there = ledger_column_view(statement, 5);
		int order = -1;

		while (done < count && (order = link_compare_natives(natives[done], there)) < 0)
			ret_glances[done++] = (struct ledger_glance){ 0, LEDGER_UNKNOWN };
		passed += done < count && order > 0;
		for (; done < count && link_compare_natives(natives[done], there) == 0; done++)
			take_glance(statement, raws[done], effective, &ret_glances[done]);
	}
	sqlite3_reset(statement);
	if (step < 0)
		return -1;
	for (; step == 0 && done < count; done++)
		ret_glances[done] = (struct ledger_glance){ 0, LEDGER_UNKNOWN };
	*ret_done = done;
	return 0;
}

/* What the index doesn't say: a link that we wrote to since it was seen is looked at. */
static int
doubt_written(struct ledger *ledger, struct ledger_glance *glances, uint32_t count, struct error *err)
{
	sqlite3_stmt *any = ledger_statement(ledger, "SELECT 1 FROM link_written LIMIT 1", err), *statement;
	int step;

	if (any == NULL || (step = ledger_step(ledger, any, err)) < 0)
		return -1;
	sqlite3_reset(any);
	if (step == 0)
		return 0;
	if ((statement = ledger_statement(ledger, "SELECT 1 FROM link_written WHERE link = ?1", err)) == NULL)
		return -1;
	for (uint32_t i = 0; i < count; i++) {
		if (glances[i].what != LEDGER_UNCHANGED)
			continue;
		sqlite3_bind_int64(statement, 1, glances[i].link);
		if ((step = ledger_step(ledger, statement, err)) < 0)
			return -1;
		sqlite3_reset(statement);
		if (step == 1)
			glances[i].what = LEDGER_CHANGED;
	}
	return 0;
}

/* The unchanged path: the index alone, and that nothing was written since. */
int
ledger_links_glance(struct ledger *ledger, uint32_t object, uint32_t unit, const struct syncline_slice *natives, const uint8_t (*raws)[16],
                    uint32_t count, uint32_t effective, struct ledger_glance *ret_glances, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT id, state, flags, effective, raw FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2 AND native = ?3"
		" ORDER BY state LIMIT 1", err);
	uint32_t done = 0;
	bool own;
	int result = 0;

	if (statement == NULL || link_look_begin(ledger, &own, err) != 0)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	if (count >= WALK_LEAST && ascend(natives, count))
		result = walk(ledger, object, unit, natives, raws, count, effective, ret_glances, &done, err);
	for (uint32_t i = done; i < count && result == 0; i++)
		result = glance(ledger, statement, natives[i], raws[i], effective, &ret_glances[i], err);
	if (result == 0)
		result = doubt_written(ledger, ret_glances, count, err);
	if (result != 0)
		result = link_failed(ledger, err);
	return link_look_end(ledger, own, result);
}

/* Live before anything else, then the newest: that is the one which counts for a native id. */
static bool
counts_more(const struct ledger_link *a, const struct ledger_link *b)
{
	if (b->id == 0 || (a->state == LEDGER_LINK_LIVE) != (b->state == LEDGER_LINK_LIVE))
		return b->id == 0 || a->state == LEDGER_LINK_LIVE;
	return a->id > b->id;
}

static int
get_all(struct ledger *ledger, const struct config_entity *entity, uint32_t object, uint32_t unit,
                 const struct syncline_slice *natives, uint32_t count, struct arena *arena, struct ledger_link *ret_links, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT " LINK_COLUMNS " FROM link INDEXED BY link_native" LINK_BESIDE " WHERE object = ?1 AND unit = ?2 AND native = ?3", err);
	uint32_t words = link_words(ledger, entity);
	struct ledger_link link;
	int step;

	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	for (uint32_t i = 0; i < count; i++) {
		ret_links[i] = (struct ledger_link){ 0 };
		link_bind_native(statement, 3, natives[i]);
		while ((step = ledger_step(ledger, statement, err)) == 1) {
			if (link_read(statement, words, arena, &link, err) != 0) {
				sqlite3_reset(statement);
				return -1;
			}
			if (counts_more(&link, &ret_links[i]))
				ret_links[i] = link;
		}
		if (step < 0)
			return link_failed(ledger, err);
	}
	return 0;
}

int
ledger_links_get(struct ledger *ledger, const struct config_entity *entity, uint32_t object, uint32_t unit,
                 const struct syncline_slice *natives, uint32_t count, struct arena *arena, struct ledger_link *ret_links, struct error *err)
{
	bool own;

	if (link_look_begin(ledger, &own, err) != 0)
		return -1;
	return link_look_end(ledger, own, get_all(ledger, entity, object, unit, natives, count, arena, ret_links, err));
}

static int
find_all(struct ledger *ledger, uint32_t object, uint32_t unit, const struct syncline_slice *natives, uint32_t count, int64_t *ret_links,
         int64_t *ret_records, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT id, record, state FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2 AND native = ?3", err);
	int step;

	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	for (uint32_t i = 0; i < count; i++) {
		struct ledger_link best = { 0 };

		link_bind_native(statement, 3, natives[i]);
		while ((step = ledger_step(ledger, statement, err)) == 1) {
			const struct ledger_link link = { .id = sqlite3_column_int64(statement, 0), .record = sqlite3_column_int64(statement, 1),
				.state = (uint8_t)sqlite3_column_int(statement, 2) };

			if (counts_more(&link, &best))
				best = link;
		}
		if (step < 0)
			return link_failed(ledger, err);
		ret_links[i] = best.id;
		ret_records[i] = best.record;
	}
	return 0;
}

int
ledger_link_next(struct ledger *ledger, int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT coalesce(max(id), 0) + 1 FROM link", err);

	if (statement == NULL || ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_id = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

int
ledger_links_find(struct ledger *ledger, uint32_t object, uint32_t unit, const struct syncline_slice *natives, uint32_t count,
                  int64_t *ret_links, int64_t *ret_records, struct error *err)
{
	bool own;

	if (link_look_begin(ledger, &own, err) != 0)
		return -1;
	return link_look_end(ledger, own, find_all(ledger, object, unit, natives, count, ret_links, ret_records, err));
}

static int
get_by_id(struct ledger *ledger, const struct config_entity *entity, const int64_t *ids, uint32_t count, struct arena *arena,
          struct ledger_link *ret_links, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT " LINK_COLUMNS " FROM link" LINK_BESIDE " WHERE id = ?1", err);
	uint32_t words = link_words(ledger, entity);
	int step, result = 0;

	if (statement == NULL)
		return -1;
	for (uint32_t i = 0; i < count && result == 0; i++) {
		ret_links[i] = (struct ledger_link){ 0 };
		sqlite3_bind_int64(statement, 1, ids[i]);
		if ((step = ledger_step(ledger, statement, err)) == 1)
			result = link_read(statement, words, arena, &ret_links[i], err);
		sqlite3_reset(statement);
		if (step < 0)
			return -1;
	}
	return result;
}

int
ledger_links_by_id(struct ledger *ledger, const struct config_entity *entity, const int64_t *ids, uint32_t count, struct arena *arena,
                   struct ledger_link *ret_links, struct error *err)
{
	bool own;

	if (link_look_begin(ledger, &own, err) != 0)
		return -1;
	return link_look_end(ledger, own, get_by_id(ledger, entity, ids, count, arena, ret_links, err));
}

struct list {
	struct arena *arena;
	struct ledger_link *links;
	uint32_t count, room;
};

static struct ledger_link *
list_more(struct list *list)
{
	if (list->count == list->room) {
		uint32_t room = list->room != 0 ? list->room * 2 : 64;
		struct ledger_link *links = room > list->room ? arena_array(list->arena, room, sizeof *links) : NULL;

		if (links == NULL)
			return NULL;
		if (list->count > 0)
			memcpy(links, list->links, list->count * sizeof *links);
		list->links = links;
		list->room = room;
	}
	return &list->links[list->count];
}

static int
take_link(sqlite3_stmt *statement, uint32_t words, struct list *list, struct error *err)
{
	struct ledger_link *link = list_more(list);

	if (link == NULL)
		error_memory(err);
	if (link == NULL || link_read(statement, words, list->arena, link, err) != 0) {
		sqlite3_reset(statement);
		return -1;
	}
	list->count++;
	return 0;
}

/* Do they ascend, with hardly a gap?  So do those that a first load made. */
static bool
are_near(const int64_t *records, uint32_t count)
{
	if (count < WALK_LEAST || records[0] <= 0)
		return false;
	for (uint32_t i = 1; i < count; i++)
		if (records[i - 1] >= records[i])
			return false;
	return records[count - 1] - records[0] < 2 * (int64_t)count;
}

/* One walk along the index, past the links at other objects, in the place of a search a record. */
static int
get_near(struct ledger *ledger, uint32_t words, uint32_t object, const int64_t *records, uint32_t count, struct list *list, uint32_t *ret_first,
         struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT " LINK_COLUMNS " FROM link INDEXED BY link_record" LINK_BESIDE " WHERE record >= ?1 AND record <= ?2 AND object = ?3 ORDER BY record", err);
	uint32_t at = 0;
	int step;

	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, records[0]);
	sqlite3_bind_int64(statement, 2, records[count - 1]);
	sqlite3_bind_int64(statement, 3, object);
	ret_first[0] = list->count;
	while ((step = ledger_step(ledger, statement, err)) == 1) {
		int64_t record = sqlite3_column_int64(statement, 4);

		while (at < count && records[at] < record)
			ret_first[++at] = list->count;
		if (at < count && records[at] == record && take_link(statement, words, list, err) != 0)
			return -1;
	}
	if (step < 0)
		return link_failed(ledger, err);
	while (at < count)
		ret_first[++at] = list->count;
	return 0;
}

/* object 0: at all of them. */
static int
get_of(struct ledger *ledger, const struct config_entity *entity, uint32_t object, const int64_t *records, uint32_t count, struct arena *arena,
       struct ledger_link **ret_links, uint32_t *ret_first, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, object == 0 ? "SELECT " LINK_COLUMNS " FROM link INDEXED BY link_record" LINK_BESIDE " WHERE record = ?1"
		                    : "SELECT " LINK_COLUMNS " FROM link INDEXED BY link_record" LINK_BESIDE " WHERE record = ?1 AND object = ?2", err);
	uint32_t words = link_words(ledger, entity);
	struct list list = { .arena = arena };
	int step;

	if (statement == NULL || list_more(&list) == NULL)
		return statement == NULL ? link_failed(ledger, err) : error_memory(err);
	if (object != 0 && are_near(records, count)) {
		if (get_near(ledger, words, object, records, count, &list, ret_first, err) != 0)
			return -1;
		*ret_links = list.links;
		return 0;
	}
	if (object != 0)
		sqlite3_bind_int64(statement, 2, object);
	for (uint32_t i = 0; i < count; i++) {
		ret_first[i] = list.count;
		sqlite3_bind_int64(statement, 1, records[i]);
		while ((step = ledger_step(ledger, statement, err)) == 1)
			if (take_link(statement, words, &list, err) != 0)
				return -1;
		if (step < 0)
			return link_failed(ledger, err);
	}
	ret_first[count] = list.count;
	*ret_links = list.links;
	return 0;
}

int
ledger_links_of(struct ledger *ledger, const struct config_entity *entity, const int64_t *records, uint32_t count, struct arena *arena,
                struct ledger_link **ret_links, uint32_t *ret_first, struct error *err)
{
	bool own;

	if (link_look_begin(ledger, &own, err) != 0)
		return -1;
	return link_look_end(ledger, own, get_of(ledger, entity, 0, records, count, arena, ret_links, ret_first, err));
}

int
ledger_links_of_at(struct ledger *ledger, const struct config_entity *entity, uint32_t object, const int64_t *records, uint32_t count,
                   struct arena *arena, struct ledger_link **ret_links, uint32_t *ret_first, struct error *err)
{
	bool own;

	if (link_look_begin(ledger, &own, err) != 0)
		return -1;
	return link_look_end(ledger, own, get_of(ledger, entity, object, records, count, arena, ret_links, ret_first, err));
}

int
ledger_link_at(struct ledger *ledger, const struct config_entity *entity, int64_t record, uint32_t object, struct arena *arena,
               struct ledger_link *ret_link, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT " LINK_COLUMNS " FROM link INDEXED BY link_record" LINK_BESIDE " WHERE record = ?1 AND object = ?2 AND state = 0 LIMIT 1", err);
	struct ledger_link link = { 0 };
	int step, result = 0;

	if (statement == NULL)
		return link_failed(ledger, err);
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, object);
	if ((step = ledger_step(ledger, statement, err)) < 0)
		return link_failed(ledger, err);
	if (step == 1)
		result = link_read(statement, link_words(ledger, entity), arena, &link, err);
	sqlite3_reset(statement);
	if (result == 0)
		*ret_link = link;
	return result;
}

int
ledger_links_scan(struct ledger *ledger, const struct config_entity *entity, uint32_t object, uint32_t unit, int64_t after,
                  struct arena *arena, struct ledger_link *ret_links, uint32_t max, uint32_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
		"SELECT " LINK_COLUMNS " FROM link NOT INDEXED" LINK_BESIDE " WHERE id > ?3 AND object = ?1 AND (?2 = 0 OR unit = ?2) ORDER BY id LIMIT ?4", err);
	uint32_t words = link_words(ledger, entity), count = 0;
	int step = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, after);
	sqlite3_bind_int64(statement, 4, max);
	while (count < max && (step = ledger_step(ledger, statement, err)) == 1) {
		if (link_read(statement, words, arena, &ret_links[count], err) != 0) {
			step = -1;
			break;
		}
		count++;
	}
	sqlite3_reset(statement);
	if (step < 0)
		return -1;
	*ret_count = count;
	return 0;
}

int
ledger_links_count(struct ledger *ledger, uint32_t object, uint32_t unit, uint64_t *ret_live, struct error *err)
{
	sqlite3_stmt *statement =
		ledger_statement(ledger, "SELECT total(live) FROM link_count WHERE object = ?1 AND (?2 = 0 OR unit = ?2)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_live = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}
