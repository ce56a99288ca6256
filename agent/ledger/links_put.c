/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links_put.c: writing links, and never a twin: a record has one live link at an object and unit (link_record is unique), a
 * native id one live link (asked before it is written, in the one transaction that may write).
 */
#include "ledger/links.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static int
tally(struct link_writing *w, uint32_t object, uint32_t unit, int64_t more, struct error *err)
{
	if (object != w->object || unit != w->unit) {
		if (ledger_count_links(w->ledger, w->object, w->unit, w->more, err) != 0)
			return -1;
		w->object = object;
		w->unit = unit;
		w->more = 0;
	}
	w->more += more;
	return 0;
}

static int
bind_vector(struct link_writing *w, sqlite3_stmt *statement, int at, const uint64_t *vector, unsigned char **bytes)
{
	if (vector == NULL)
		return sqlite3_bind_null(statement, at);
	if (*bytes == NULL && (*bytes = malloc(w->words * 8u + 1)) == NULL)
		return SQLITE_NOMEM;
	for (uint32_t i = 0; i < w->words; i++)
		for (int k = 0; k < 8; k++)
			(*bytes)[i * 8 + (uint32_t)k] = (unsigned char)(vector[i] >> (8 * k));
	return sqlite3_bind_blob64(statement, at, *bytes, w->words * 8u, SQLITE_STATIC);
}

static void
bind_raw(sqlite3_stmt *statement, int at, const uint8_t raw[16])
{
	static const uint8_t none[16];

	if (memcmp(raw, none, 16) == 0)
		sqlite3_bind_null(statement, at);
	else
		sqlite3_bind_blob(statement, at, raw, 16, SQLITE_STATIC);
}

static void
bind_version(sqlite3_stmt *statement, int at, struct syncline_slice version)
{
	if (version.length == 0)
		sqlite3_bind_null(statement, at);
	else
		sqlite3_bind_text64(statement, at, version.data, version.length, SQLITE_STATIC, SQLITE_UTF8);
}

static void
bind_link(const struct link_writing *w, sqlite3_stmt *statement, const struct ledger_link *link)
{
	if (link->id != 0)
		sqlite3_bind_int64(statement, 1, link->id);
	else
		sqlite3_bind_null(statement, 1);
	sqlite3_bind_int64(statement, 2, link->object);
	sqlite3_bind_int64(statement, 3, link->unit);
	link_bind_native(statement, 4, link->native);
	sqlite3_bind_int64(statement, 5, link->record);
	sqlite3_bind_int64(statement, 6, w->entity);
	sqlite3_bind_int64(statement, 7, link->state);
	sqlite3_bind_int64(statement, 8, link->flags);
	bind_raw(statement, 9, link->raw);
	sqlite3_bind_int64(statement, 10, link->effective);
	bind_version(statement, 11, link->version);
	sqlite3_bind_int64(statement, 12, (int64_t)link->there);
	sqlite3_bind_int64(statement, 13, (int64_t)link->confirmed);
	sqlite3_bind_int64(statement, 14, link->confirmed_us);
}

/* `had`: it may have a row. */
static int
write_vectors(struct link_writing *w, const struct ledger_link *link, bool had, struct error *err)
{
	bool none = link->sent == NULL && link->seen == NULL;
	sqlite3_stmt *statement;

	if (none && !had)
		return 0;
	statement = ledger_statement(w->ledger, none ? "DELETE FROM link_vector WHERE link = ?1"
	                                             : "REPLACE INTO link_vector (link, sent, seen) VALUES (?1, ?2, ?3)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, link->id);
	if (!none && (bind_vector(w, statement, 2, link->sent, &w->sent) != SQLITE_OK || bind_vector(w, statement, 3, link->seen, &w->seen) != SQLITE_OK))
		return error_memory(err);
	return ledger_run_statement(w->ledger, statement, err);
}

static int
twin(struct link_writing *w, const struct ledger_link *link, bool native, struct error *err)
{
	static const char hint[] = "`syncline trace` shows what belongs to what; end one of the links.";
	const char *object = ledger_object_name(w->ledger, link->object);
	int length = (int)(link->native.length < 200 ? link->native.length : 200);

	if (native)
		return error_set(err, ERROR_LEDGER_TWIN, hint, "%.*s at %s would be linked to record %lld, and it is linked already.", length,
		                 (const char *)link->native.data, object, (long long)link->record);
	return error_set(err, ERROR_LEDGER_TWIN, hint, "Record %lld would be linked to %.*s at %s, and it is linked to another one there.",
	                 (long long)link->record, length, (const char *)link->native.data, object);
}

/*
 * Is the native id linked already?  Asked beforehand: a statement that asks while it writes may have to take back what it wrote, and
 * SQLite copies every page that such a one touches.
 */
static int
check_native(struct link_writing *w, const struct ledger_link *link, struct error *err)
{
	int step;

	if (w->checking == NULL &&
	    (w->checking = ledger_statement(w->ledger, "SELECT 1 FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2 AND native = ?3"
	                                               " AND state = 0 AND id <> ?4", err)) == NULL)
		return link_failed(w->ledger, err);
	sqlite3_bind_int64(w->checking, 1, link->object);
	sqlite3_bind_int64(w->checking, 2, link->unit);
	link_bind_native(w->checking, 3, link->native);
	sqlite3_bind_int64(w->checking, 4, link->id);
	if ((step = ledger_step(w->ledger, w->checking, err)) < 0)
		return link_failed(w->ledger, err);
	sqlite3_reset(w->checking);
	return step == 1 ? twin(w, link, true, err) : 0;
}

/* Steps a statement that link_record may refuse. */
static int
write_row(struct link_writing *w, sqlite3_stmt *statement, const struct ledger_link *link, struct error *err)
{
	int status = sqlite3_step(statement);

	if (status != SQLITE_DONE) {
		bool record = sqlite3_extended_errcode(w->ledger->db) == SQLITE_CONSTRAINT_UNIQUE;

		if (!record)
			ledger_sql_error(w->ledger, "a link could not be stored", err);
		sqlite3_reset(statement);
		return record ? twin(w, link, false, err) : link_failed(w->ledger, err);
	}
	sqlite3_reset(statement);
	return 0;
}

/* After its row was written, which says all of it. */
static int
end_written(struct link_writing *w, struct ledger_link *link, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(w->ledger, "DELETE FROM link_written WHERE link = ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, link->id);
	link->apart = false;
	return ledger_run_statement(w->ledger, statement, err);
}

static int
insert(struct link_writing *w, struct ledger_link *link, bool known, struct error *err)
{
	if (w->inserting == NULL &&
	    (w->inserting = ledger_statement(w->ledger, "INSERT INTO link (id, object, unit, native, record, entity, state, flags, raw, effective,"
	                                                " version, there, confirmed, confirmed_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
	                                                " ?12, ?13, ?14)", err)) == NULL)
		return -1;
	if (!known && link->state == LEDGER_LINK_LIVE && check_native(w, link, err) != 0)
		return -1;
	bind_link(w, w->inserting, link);
	if (write_row(w, w->inserting, link, err) != 0)
		return -1;
	link->id = sqlite3_last_insert_rowid(w->ledger->db);
	link->apart = false;
	if (write_vectors(w, link, false, err) != 0)
		return -1;
	return link->state == LEDGER_LINK_LIVE ? tally(w, link->object, link->unit, 1, err) : 0;
}

/* What a link was; `same`: neither of the indexes' first columns differs, so that most of a row can be written alone. */
struct former {
	bool there, live, same, understood;
	uint32_t object, unit;
};

static int
look(struct link_writing *w, const struct ledger_link *link, struct former *ret_former, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(w->ledger,
		"SELECT object, unit, native, record, state, flags, effective, raw FROM link WHERE id = ?1", err);
	static const uint8_t none[16];
	struct former former = { 0 };
	struct syncline_slice native, raw;
	int step;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, link->id);
	if ((step = ledger_step(w->ledger, statement, err)) < 0)
		return -1;
	if (step == 1) {
		former.there = true;
		former.object = (uint32_t)sqlite3_column_int64(statement, 0);
		former.unit = (uint32_t)sqlite3_column_int64(statement, 1);
		former.live = sqlite3_column_int64(statement, 4) == (int64_t)LEDGER_LINK_LIVE;
		native = ledger_column_view(statement, 2);
		former.same = former.object == link->object && former.unit == link->unit && native.length == link->native.length &&
		              (native.length == 0 || memcmp(native.data, link->native.data, native.length) == 0) &&
		              sqlite3_column_int64(statement, 3) == link->record && sqlite3_column_int64(statement, 4) == link->state;
		raw = ledger_column_view(statement, 7);
		former.understood = sqlite3_column_int64(statement, 5) == link->flags && sqlite3_column_int64(statement, 6) == link->effective &&
		                    memcmp(raw.length == 16 ? raw.data : none, link->raw, 16) == 0;
	}
	sqlite3_reset(statement);
	*ret_former = former;
	return 0;
}

/* Columns of no index alone; those of link_native's tail too. */
#define SET_BESIDE "UPDATE link SET version = ?11, there = ?12, confirmed = ?13, confirmed_us = ?14 WHERE id = ?1"
#define SET_INNER \
	"UPDATE link SET flags = ?8, raw = ?9, effective = ?10, version = ?11, there = ?12, confirmed = ?13, confirmed_us = ?14 WHERE id = ?1"
#define AS_IT_WAS " AND object = ?2 AND unit = ?3 AND native = ?4 AND record = ?5 AND state = ?7"
#define UNDERSTOOD_AS_IT_WAS AS_IT_WAS " AND flags = ?8 AND raw IS ?9 AND effective = ?10"

/* What is known of a link: its row, and what we wrote since, if it is `apart`. */
#define AS_IT_STANDS "SELECT 1 FROM link LEFT JOIN link_written ON link_written.link = id WHERE id = ?1" AS_IT_WAS \
	" AND (flags | iif(written IS NULL, 0, 2)) = ?8 AND raw IS ?9 AND effective = ?10 AND there = ?12"
static_assert(LEDGER_LINK_UNSEEN == 2, "the number stands in statements here");

static int
stands(struct link_writing *w, const struct ledger_link *link, const char *sql, bool *ret_stands, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(w->ledger, sql, err);
	int step;

	if (statement == NULL)
		return -1;
	bind_link(w, statement, link);
	if ((step = ledger_step(w->ledger, statement, err)) < 0)
		return -1;
	*ret_stands = step == 1;
	sqlite3_reset(statement);
	return 0;
}

static bool
is_version(struct syncline_slice a, struct syncline_slice b)
{
	return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Confirmed, and nothing else: neither the link's row nor its index has to say so before it is seen again. */
static bool
is_written_alone(const struct ledger_link *was, const struct ledger_link *link)
{
	return link->state == LEDGER_LINK_LIVE && link->flags == (was->flags | LEDGER_LINK_UNSEEN) && link->effective == was->effective &&
	       memcmp(was->raw, link->raw, sizeof was->raw) == 0 && link->there == was->there && link->confirmed > was->confirmed;
}

static int
write_written(struct link_writing *w, struct ledger_link *link, bool *ret_done, struct error *err)
{
	/* Its row says what it was before, but for what is written now. */
	static const char former[] = AS_IT_STANDS;
	struct ledger_link before = *link;
	sqlite3_stmt *statement;

	before.flags = link->was->flags;
	if (stands(w, &before, former, ret_done, err) != 0)
		return -1;
	if (!*ret_done)
		return 0;
	statement = ledger_statement(w->ledger, "REPLACE INTO link_written (link, written_version, written, written_us) VALUES (?1, ?2, ?3, ?4)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, link->id);
	bind_version(statement, 2, link->version);
	sqlite3_bind_int64(statement, 3, (int64_t)link->confirmed);
	sqlite3_bind_int64(statement, 4, link->confirmed_us);
	link->apart = true;
	return ledger_run_statement(w->ledger, statement, err);
}

/* In one step, where the row is what the caller read of it; ret_done false: it is not. */
static int
replace_known(struct link_writing *w, struct ledger_link *link, bool *ret_done, struct error *err)
{
	static const char beside[] = SET_BESIDE UNDERSTOOD_AS_IT_WAS, inner[] = SET_INNER AS_IT_WAS;
	static const char all[] = AS_IT_STANDS " AND iif(written IS NULL, version, written_version) IS ?11 AND coalesce(written, confirmed) = ?13"
	                                       " AND coalesce(written_us, confirmed_us) = ?14";
	const struct ledger_link *was = link->was;
	bool understood = was->flags == link->flags && was->effective == link->effective && memcmp(was->raw, link->raw, sizeof was->raw) == 0;
	sqlite3_stmt *statement;

	if (understood && is_version(was->version, link->version) && was->there == link->there && was->confirmed == link->confirmed &&
	    was->confirmed_us == link->confirmed_us)
		return stands(w, link, all, ret_done, err);
	if (is_written_alone(was, link))
		return write_written(w, link, ret_done, err);
	if ((statement = ledger_statement(w->ledger, understood ? beside : inner, err)) == NULL)
		return -1;
	bind_link(w, statement, link);
	if (write_row(w, statement, link, err) != 0)
		return -1;
	*ret_done = sqlite3_changes(w->ledger->db) == 1;
	return *ret_done && was->apart ? end_written(w, link, err) : 0;
}

static int
replace(struct link_writing *w, struct ledger_link *link, struct error *err)
{
	static const char beside[] = SET_BESIDE, inner[] = SET_INNER;
	static const char all[] = "UPDATE link SET object = ?2, unit = ?3, native = ?4, record = ?5, entity = ?6, state = ?7, flags = ?8, raw = ?9,"
	                          " effective = ?10, version = ?11, there = ?12, confirmed = ?13, confirmed_us = ?14 WHERE id = ?1";
	sqlite3_stmt *statement;
	struct former former;
	bool done = false;

	if (link->was != NULL)
		link->apart = link->was->apart;
	if (link->was != NULL && link->was->id == link->id && link->was->state == link->state && replace_known(w, link, &done, err) != 0)
		return -1;
	if (done)
		return write_vectors(w, link, link->was->sent != NULL || link->was->seen != NULL, err);
	if (look(w, link, &former, err) != 0)
		return -1;
	if (!former.there)
		return error_set(err, ERROR_INTERNAL, NULL, "The link %lld was to be changed and is not there.", (long long)link->id);
	if (!former.same && link->state == LEDGER_LINK_LIVE && check_native(w, link, err) != 0)
		return -1;
	statement = ledger_statement(w->ledger, !former.same ? all : former.understood ? beside : inner, err);
	if (statement == NULL)
		return -1;
	bind_link(w, statement, link);
	if (write_row(w, statement, link, err) != 0 || write_vectors(w, link, true, err) != 0 || end_written(w, link, err) != 0)
		return -1;
	if (former.live && tally(w, former.object, former.unit, -1, err) != 0)
		return -1;
	return link->state == LEDGER_LINK_LIVE ? tally(w, link->object, link->unit, 1, err) : 0;
}

void
link_write_begin(struct link_writing *w, struct ledger *ledger, const struct config_entity *entity)
{
	*w = (struct link_writing){ .ledger = ledger, .entity = ledger_entity_id(ledger, entity), .words = link_words(ledger, entity) };
}

int
link_write(struct link_writing *w, struct ledger_link *link, bool known, struct error *err)
{
	if (link->native.length == 0 || link->native.length > 65536 || link->record <= 0)
		return error_set(err, ERROR_INTERNAL, NULL, "A link of %s was to be stored without a native id or a record.",
		                 ledger_object_name(w->ledger, link->object));
	return link->id == 0 ? insert(w, link, known, err) : replace(w, link, err);
}

int
link_write_end(struct link_writing *w, int result, struct error *err)
{
	if (result == 0)
		result = ledger_count_links(w->ledger, w->object, w->unit, w->more, err);
	free(w->sent);
	free(w->seen);
	return result;
}

/* New live links of one object and unit, no native id of which is linked twice by them, in the order of the index. */
static bool
are_new_in_order(const struct ledger_link *links, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (links[i].id != 0 || links[i].state != LEDGER_LINK_LIVE || links[i].object != links[0].object || links[i].unit != links[0].unit ||
		    (i > 0 && link_compare_natives(links[i - 1].native, links[i].native) >= 0))
			return false;
	return count >= WALK_LEAST;
}

/*
 * Asks for all of them in one walk along the index: targets give out ids in their order, mostly.  ret_known false: too much lies
 * between them, each is to be asked for by itself.
 */
static int
check_natives(struct link_writing *w, const struct ledger_link *links, uint32_t count, bool *ret_known, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(w->ledger,
		"SELECT native, state FROM link INDEXED BY link_native WHERE object = ?1 AND unit = ?2 AND native >= ?3 AND native <= ?4 ORDER BY native",
		err);
	uint32_t at = 0, passed = 0;
	int step = 1, result = 0;

	if (statement == NULL)
		return link_failed(w->ledger, err);
	sqlite3_bind_int64(statement, 1, links[0].object);
	sqlite3_bind_int64(statement, 2, links[0].unit);
	link_bind_native(statement, 3, links[0].native);
	link_bind_native(statement, 4, links[count - 1].native);
	while (result == 0 && passed <= count && (step = ledger_step(w->ledger, statement, err)) == 1) {
		struct syncline_slice there = ledger_column_view(statement, 0);

		passed++;
		if (sqlite3_column_int64(statement, 1) != (int64_t)LEDGER_LINK_LIVE)
			continue;
		while (at < count && link_compare_natives(links[at].native, there) < 0)
			at++;
		if (at < count && link_compare_natives(links[at].native, there) == 0)
			result = twin(w, &links[at], true, err);
	}
	sqlite3_reset(statement);
	if (step < 0)
		return link_failed(w->ledger, err);
	*ret_known = step == 0;
	return result;
}

int
ledger_links_put(struct ledger *ledger, const struct config_entity *entity, struct ledger_link *links, uint32_t count, struct error *err)
{
	struct link_writing w;
	bool known = false;
	int result = 0;

	link_write_begin(&w, ledger, entity);
	if (are_new_in_order(links, count))
		result = check_natives(&w, links, count, &known, err);
	for (uint32_t i = 0; i < count && result == 0; i++)
		result = link_write(&w, &links[i], known, err);
	return link_write_end(&w, result, err);
}

int
ledger_links_understood(struct ledger *ledger, const int64_t *links, const uint8_t (*raws)[16], const struct syncline_slice *versions,
                        uint32_t count, uint32_t effective, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE link SET raw = ?2, effective = ?3, version = ?4 WHERE id = ?1", err);
	sqlite3_stmt *written = ledger_statement(ledger, "UPDATE link_written SET written_version = ?2 WHERE link = ?1", err);

	if (statement == NULL || written == NULL)
		return -1;
	sqlite3_bind_int64(statement, 3, effective);
	for (uint32_t i = 0; i < count; i++) {
		sqlite3_bind_int64(statement, 1, links[i]);
		bind_raw(statement, 2, raws[i]);
		bind_version(statement, 4, versions != NULL ? versions[i] : (struct syncline_slice){ 0 });
		sqlite3_bind_int64(written, 1, links[i]);
		bind_version(written, 2, versions != NULL ? versions[i] : (struct syncline_slice){ 0 });
		if (ledger_run_statement(ledger, statement, err) != 0 || ledger_run_statement(ledger, written, err) != 0)
			return -1;
	}
	return 0;
}
