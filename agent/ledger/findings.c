/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings.c: what waits for a person: opening, seeing again, ending, deciding.  Five tables with the same columns, so that the
 * code is one and an administrator still finds `reject` and `dead_letter` by their names.  Numbers are given out by one counter
 * over all of them: who types 17 means one thing.
 *
 * The same finding is one that is about the same native id, or about the same record where no native id is known, or about the
 * same raw row where not even its key could be read.
 */
#include "ledger/findings_inside.h"

#include <string.h>

/* detail_key, row_key: the record whose key sealed it, NULL: it is plain.  Times are microseconds since 1970. */
#define FINDING_TABLE(name)                                                                                                       \
	"CREATE TABLE " name " (id INTEGER PRIMARY KEY, state INTEGER NOT NULL, flow INTEGER NOT NULL, unit INTEGER NOT NULL,"        \
	" object INTEGER NOT NULL, native TEXT, record INTEGER NOT NULL, run INTEGER NOT NULL, cause TEXT, field TEXT, message TEXT," \
	" hint TEXT, rule TEXT, place TEXT, detail, detail_key INTEGER, raw BLOB NOT NULL, first_us INTEGER NOT NULL,"               \
	" last_us INTEGER NOT NULL, seen INTEGER NOT NULL, ended_by TEXT, ended_why TEXT, ended_us INTEGER NOT NULL DEFAULT 0,"       \
	" decision TEXT, decided_by TEXT, decided_why TEXT, decided_us INTEGER, decided_about BLOB, about BLOB, overtaken TEXT,"     \
	" retry_us INTEGER, row_batch BLOB,"                                                                                         \
	" row_packing INTEGER, row_key INTEGER);\n"                                                                                  \
	"CREATE INDEX " name "_open ON " name " (native, record, raw) WHERE state = 0;\n"                                            \
	"CREATE INDEX " name "_record ON " name " (record) WHERE state = 0 AND record <> 0;\n"                                       \
	"CREATE INDEX " name "_over ON " name " (ended_us) WHERE state <> 0;\n"                                                     \
	"CREATE INDEX " name "_retry ON " name " (flow, unit) WHERE state = 0 AND retry_us IS NOT NULL;\n"                           \
	"CREATE INDEX " name "_decided ON " name " (flow, unit) WHERE state = 0 AND decision IS NOT NULL;\n"

const char ledger_schema_findings[] =
	FINDING_TABLE("reject") FINDING_TABLE("conflict") FINDING_TABLE("review") FINDING_TABLE("flip") FINDING_TABLE("dead_letter")
	/* Rows that a person said are to be left alone. */
	"CREATE INDEX review_ignored ON review (native) WHERE state = 2 AND decision = 'ignore';\n"
	"CREATE INDEX review_archived ON review (native) WHERE state = 3;\n"
	"CREATE INDEX conflict_archived ON conflict (native) WHERE state = 3;\n"
	"CREATE INDEX reject_ended ON reject (native) WHERE state <> 0;\n"
	/* The records that an unlinked native record may be, as long as its review asks for it, and after. */
	"CREATE TABLE review_candidate (record INTEGER NOT NULL, review INTEGER NOT NULL, PRIMARY KEY (record, review)) WITHOUT ROWID;\n"
	"CREATE INDEX review_candidate_of ON review_candidate (review);\n"
	/* The match keys of a row that nothing matched: it is looked at again when a record has one of them. */
	"CREATE TABLE review_key (review INTEGER NOT NULL, rule INTEGER NOT NULL, entity INTEGER NOT NULL, unit INTEGER NOT NULL,"
	" hash BLOB NOT NULL, PRIMARY KEY (review, rule)) WITHOUT ROWID;\n"
	"CREATE INDEX review_unmatched ON review (flow, unit) WHERE state = 0 AND cause IN ('unmatched', 'forgotten');\n"
	/* What holds creates back. */
	"CREATE INDEX review_forgotten ON review (object, unit) WHERE state = 0 AND cause = 'forgotten';\n"
	/* One row. */
	"CREATE TABLE finding_number (last INTEGER NOT NULL);\n"
	"INSERT INTO finding_number (last) VALUES (0);\n"
	/* raw: hash of the source's value of that field.  value NULL: null.  ended_us 0: it holds. */
	"CREATE TABLE correction (id INTEGER PRIMARY KEY, binding INTEGER NOT NULL, unit INTEGER NOT NULL, native TEXT, field TEXT NOT NULL,"
	" raw BLOB NOT NULL, value TEXT, who TEXT, why TEXT, at_us INTEGER NOT NULL, applied INTEGER NOT NULL DEFAULT 0,"
	" ended_us INTEGER NOT NULL DEFAULT 0, ended_by TEXT, ended_why TEXT);\n"
	"CREATE INDEX correction_holds ON correction (binding, unit, native, field) WHERE ended_us = 0;\n"
	/* field NULL: the whole record.  until_us 0: until it is unlocked. */
	"CREATE TABLE lock (id INTEGER PRIMARY KEY, record INTEGER NOT NULL, field TEXT, who TEXT, why TEXT, since_us INTEGER NOT NULL,"
	" until_us INTEGER NOT NULL, ended_us INTEGER NOT NULL DEFAULT 0, ended_by TEXT, ended_why TEXT);\n"
	"CREATE INDEX lock_holds ON lock (record, field) WHERE ended_us = 0;\n"
	/* The last two values (their hashes) that a system showed in the place of ours, and how often each came back. */
	"CREATE TABLE flip_shown (record INTEGER NOT NULL, field INTEGER NOT NULL, object INTEGER NOT NULL, shown INTEGER NOT NULL,"
	" times INTEGER NOT NULL, former INTEGER, former_times INTEGER NOT NULL DEFAULT 0, since_us INTEGER NOT NULL,"
	" last_us INTEGER NOT NULL, PRIMARY KEY (record, field, object)) WITHOUT ROWID;\n"
	/* Edits by systems that don't own the value. */
	"CREATE TABLE edit (flow INTEGER NOT NULL, unit INTEGER NOT NULL, object INTEGER NOT NULL, field INTEGER NOT NULL,"
	" count INTEGER NOT NULL, first_us INTEGER NOT NULL, last_us INTEGER NOT NULL, PRIMARY KEY (flow, unit, object, field)) WITHOUT ROWID;\n";

#define NUMBER_HINT "`syncline rejects`, `dead`, `conflicts` and `reviews` list the numbers; add --all for those that have ended."

int
finding_number(struct ledger *ledger, int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE finding_number SET last = last + 1 RETURNING last", err);
	int64_t id;

	if (statement == NULL)
		return -1;
	if (ledger_step(ledger, statement, err) != 1) {
		sqlite3_reset(statement);
		return -1;
	}
	id = sqlite3_column_int64(statement, 0);
	/* The statement has to come to its end, or the transaction can't. */
	if (ledger_step(ledger, statement, err) != 0) {
		sqlite3_reset(statement);
		return -1;
	}
	*ret_id = id;
	return 0;
}

int
finding_exists(struct ledger *ledger, const char *sql, bool *ret_exists, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	int got;

	if (statement == NULL || (got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_exists = got == 1;
	return 0;
}

/* Small things that hot paths ask; also after another process wrote. */
int
ledger_refresh_findings(struct ledger *ledger, struct error *err)
{
	bool locks, corrections;

	if (finding_exists(ledger, "SELECT 1 FROM lock WHERE ended_us = 0 LIMIT 1", &locks, err) != 0 ||
	    finding_exists(ledger, "SELECT 1 FROM correction WHERE ended_us = 0 LIMIT 1", &corrections, err) != 0)
		return -1;
	ledger->has_locks = locks;
	ledger->has_corrections = corrections;
	return 0;
}

/* The number of the open finding that is the same as `f`; 0: none. */
static int
find_same(struct ledger *ledger, const struct ledger_finding *f, int64_t *ret_id, struct error *err)
{
#define SAME " WHERE state = 0 AND flow = ?1 AND unit = ?2 AND object = ?3 AND field IS ?4 AND "
	static const char *const by_native[] = EACH_FINDING_TABLE("SELECT id FROM ", SAME "native = ?5");
	static const char *const by_record[] = EACH_FINDING_TABLE("SELECT id FROM ", SAME "native IS NULL AND record = ?5 AND record <> 0");
	static const char *const by_row[] = EACH_FINDING_TABLE("SELECT id FROM ", SAME "native IS NULL AND record = 0 AND raw = ?5");
	sqlite3_stmt *statement = ledger_statement(
		ledger, f->native.length > 0 ? by_native[f->kind] : f->record != 0 ? by_record[f->kind] : by_row[f->kind], err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, f->flow);
	sqlite3_bind_int64(statement, 2, f->unit);
	sqlite3_bind_int64(statement, 3, f->object);
	ledger_bind_text(statement, 4, f->field);
	if (f->native.length > 0)
		ledger_bind_slice(statement, 5, f->native);
	else if (f->record != 0)
		sqlite3_bind_int64(statement, 5, f->record);
	else
		ledger_bind_blob(statement, 5, f->raw, sizeof f->raw);
	got = ledger_step(ledger, statement, err);
	if (got < 0)
		return -1;
	*ret_id = got == 1 ? sqlite3_column_int64(statement, 0) : 0;
	sqlite3_reset(statement);
	return 0;
}

/* What a new finding and one that is seen again have in common: parameters 1 to 13. */
static void
bind_texts(sqlite3_stmt *statement, const struct ledger_finding *f, struct syncline_slice sealed, int64_t key, int64_t now)
{
	sqlite3_bind_int64(statement, 2, f->record);
	sqlite3_bind_int64(statement, 3, f->run);
	ledger_bind_text(statement, 4, f->cause);
	ledger_bind_text(statement, 5, f->message);
	ledger_bind_text(statement, 6, f->hint);
	ledger_bind_text(statement, 7, f->rule);
	ledger_bind_text(statement, 8, f->place);
	if (key < 0)
		ledger_bind_text(statement, 9, f->detail);
	else {
		ledger_bind_blob(statement, 9, sealed.data, sealed.length);
		sqlite3_bind_int64(statement, 10, key);
	}
	ledger_bind_blob(statement, 11, f->raw, sizeof f->raw);
	sqlite3_bind_int64(statement, 12, f->last_us != 0 ? f->last_us : now);
	sqlite3_bind_int64(statement, 13, f->first_us != 0 ? f->first_us : f->last_us != 0 ? f->last_us : now);
}

static int
store(struct ledger *ledger, const struct ledger_finding *f, int64_t same, struct syncline_slice sealed, int64_t key, int64_t *ret_id,
      struct error *err)
{
	static const char *const again[] = EACH_FINDING_TABLE(
		"UPDATE ", " SET record = CASE WHEN ?2 <> 0 THEN ?2 ELSE record END, run = ?3, cause = ?4, message = ?5, hint = ?6, rule = ?7,"
	                   " place = ?8, detail = ?9, detail_key = ?10, raw = ?11, last_us = ?12, seen = seen + 1, retry_us = NULL,"
	                   " decision = CASE WHEN cause IS ?4 AND decided_about IS coalesce(?20, decided_about) THEN decision END,"
	                   " overtaken = CASE WHEN cause IS ?4 AND decision IS NOT NULL AND decided_about IS NOT coalesce(?20, decided_about)"
	                   " THEN decision || ', by ' || coalesce(decided_by, '?') || coalesce(': ' || decided_why, '') ELSE overtaken END,"
	                   " about = ?20 WHERE id = ?1 AND ?13 IS NOT NULL");
	static const char *const first[] = EACH_FINDING_TABLE(
		"INSERT INTO ", " (id, state, record, run, cause, message, hint, rule, place, detail, detail_key, raw, last_us, first_us, seen,"
	                        " flow, unit, object, native, field, about)"
	                        " VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, max(?14, 1), ?15, ?16, ?17, ?18, ?19, ?20)");
	sqlite3_stmt *statement;
	int64_t id = same;

	if (same == 0 && finding_number(ledger, &id, err) != 0)
		return -1;
	if ((statement = ledger_statement(ledger, same != 0 ? again[f->kind] : first[f->kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	bind_texts(statement, f, sealed, key, ledger_now(ledger));
	if (f->has_about)
		ledger_bind_blob(statement, 20, f->about, sizeof f->about);
	if (same == 0) {
		sqlite3_bind_int64(statement, 14, (int64_t)f->seen);
		sqlite3_bind_int64(statement, 15, f->flow);
		sqlite3_bind_int64(statement, 16, f->unit);
		sqlite3_bind_int64(statement, 17, f->object);
		ledger_bind_slice(statement, 18, f->native);
		ledger_bind_text(statement, 19, f->field);
	}
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_id = id;
	return 0;
}

static int
store_candidate(struct ledger *ledger, int64_t review, int64_t record, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "INSERT OR IGNORE INTO review_candidate (review, record) VALUES (?1, ?2)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, review);
	sqlite3_bind_int64(statement, 2, record);
	return ledger_run_statement(ledger, statement, err);
}

static int
drop_candidates(struct ledger *ledger, int64_t review, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "DELETE FROM review_candidate WHERE review = ?1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, review);
	return ledger_run_statement(ledger, statement, err);
}

/* Those that it names now: one that is seen again may be about others, or about none. */
static int
store_candidates(struct ledger *ledger, const struct ledger_finding *f, int64_t id, bool again, struct error *err)
{
	if (f->kind != LEDGER_FINDING_REVIEW)
		return 0;
	if (again && drop_candidates(ledger, id, err) != 0)
		return -1;
	for (uint32_t i = 0; i < f->candidate_count; i++)
		if (store_candidate(ledger, id, f->candidates[i], err) != 0)
			return -1;
	return 0;
}

int
ledger_find(struct ledger *ledger, const struct ledger_finding *f, int64_t *ret_id, struct error *err)
{
	struct syncline_slice plain = { f->detail, f->detail != NULL ? strlen(f->detail) : 0 };
	struct buffer sealed;
	int64_t same, key = -1, id;
	int status = -1;

	buffer_init(&sealed, 0);
	if (find_same(ledger, f, &same, err) == 0 && (plain.length == 0 || finding_seal(ledger, f->record, plain, &sealed, &key, err) == 0))
		status = store(ledger, f, same, (struct syncline_slice){ sealed.data, sealed.length }, key, &id, err);
	if (status == 0)
		status = store_candidates(ledger, f, id, same != 0, err);
	buffer_free(&sealed);
	if (status == 0 && same == 0)
		news_note(ledger, &(struct ledger_news){ .event = ledger_finding_name(f->kind), .cause = f->cause, .record = f->record, .unit = f->unit,
			.object = f->object, .run = f->run, .finding = id });
	if (status == 0 && ret_id != NULL)
		*ret_id = id;
	return status;
}

/* The row was good, or is gone: were it as bad as before once more, that would be news. */
static int
forget_archived(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE reject SET raw = zeroblob(16) WHERE state <> 0 AND state = 3 AND native = ?1 AND (?2 = 0 OR flow = ?2)"
		        " AND (?3 = 0 OR unit = ?3) AND (?4 = 0 OR object = ?4) AND raw <> zeroblob(16)", err);

	if (statement == NULL)
		return -1;
	ledger_bind_slice(statement, 1, native);
	sqlite3_bind_int64(statement, 2, flow);
	sqlite3_bind_int64(statement, 3, unit);
	sqlite3_bind_int64(statement, 4, object);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_findings_overtake(struct ledger *ledger, enum ledger_finding_kind kind, uint32_t flow, uint32_t unit, uint32_t object,
                         struct syncline_slice native, int64_t record, const char *field, const char *why, struct error *err)
{
#define ENDS " SET state = 1, ended_us = ?6, ended_why = ?7, retry_us = NULL WHERE state = 0 AND (?1 = 0 OR flow = ?1) AND (?2 = 0 OR unit = ?2)" \
	     " AND (?3 = 0 OR object = ?3) AND (?4 IS NULL OR field IS nullif(?4, '')) AND "
	static const char *const by_native[] = EACH_FINDING_TABLE("UPDATE ", ENDS "native = ?5");
	static const char *const by_record[] = EACH_FINDING_TABLE("UPDATE ", ENDS "record = ?5 AND record <> 0");
	sqlite3_stmt *statement;

	if (native.length == 0 && record == 0)
		return 0;
	if ((statement = ledger_statement(ledger, native.length > 0 ? by_native[kind] : by_record[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, object);
	ledger_bind_text(statement, 4, field);
	if (native.length > 0)
		ledger_bind_slice(statement, 5, native);
	else
		sqlite3_bind_int64(statement, 5, record);
	sqlite3_bind_int64(statement, 6, ledger_now(ledger));
	ledger_bind_text(statement, 7, why);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	return kind == LEDGER_FINDING_REJECT && native.length > 0 ? forget_archived(ledger, flow, unit, object, native, err) : 0;
}

int
ledger_reject_archived(struct ledger *ledger, const struct ledger_finding *f, bool *ret_archived, struct error *err)
{
#define SAME_ROW "native IS ?1 AND flow = ?3 AND unit = ?4 AND object = ?5 AND field IS ?6 AND (?1 IS NOT NULL OR raw = ?2)"
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE reject SET seen = seen + 1, last_us = ?8, run = ?9 WHERE id = (SELECT a.id FROM reject a INDEXED BY reject_ended"
		        " WHERE a.state <> 0 AND a.native IS ?1 AND a.state = 3 AND a.raw = ?2 AND a.flow = ?3 AND a.unit = ?4 AND a.object = ?5"
		        " AND a.field IS ?6 AND a.cause IS ?7 AND NOT EXISTS (SELECT 1 FROM reject WHERE state = 0 AND " SAME_ROW ")"
		        " AND NOT EXISTS (SELECT 1 FROM reject INDEXED BY reject_ended WHERE state <> 0 AND id > a.id AND " SAME_ROW ") LIMIT 1)", err);

	if (statement == NULL)
		return -1;
	ledger_bind_slice(statement, 1, f->native);
	ledger_bind_blob(statement, 2, f->raw, sizeof f->raw);
	sqlite3_bind_int64(statement, 3, f->flow);
	sqlite3_bind_int64(statement, 4, f->unit);
	sqlite3_bind_int64(statement, 5, f->object);
	ledger_bind_text(statement, 6, f->field);
	ledger_bind_text(statement, 7, f->cause);
	sqlite3_bind_int64(statement, 8, ledger_now(ledger));
	sqlite3_bind_int64(statement, 9, f->run);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_archived = sqlite3_changes(ledger->db) == 1;
	return 0;
}

int
ledger_reject_retried(struct ledger *ledger, const struct ledger_finding *f, bool *ret_retried, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT 1 FROM reject INDEXED BY reject_open WHERE state = 0 AND native IS ?1 AND raw = ?2 AND flow = ?3 AND unit = ?4 AND object = ?5"
		        " AND cause IS ?6 AND retry_us IS NOT NULL LIMIT 1", err);
	int got;

	if (statement == NULL)
		return -1;
	ledger_bind_slice(statement, 1, f->native);
	ledger_bind_blob(statement, 2, f->raw, sizeof f->raw);
	sqlite3_bind_int64(statement, 3, f->flow);
	sqlite3_bind_int64(statement, 4, f->unit);
	sqlite3_bind_int64(statement, 5, f->object);
	ledger_bind_text(statement, 6, f->cause);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_retried = got == 1;
	return 0;
}

int
ledger_findings_end(struct ledger *ledger, enum ledger_finding_kind kind, uint32_t flow, uint32_t unit, uint32_t object,
                    struct syncline_slice native, int64_t record, const char *field, struct error *err)
{
	return ledger_findings_overtake(ledger, kind, flow, unit, object, native, record, field, NULL, err);
}

int
ledger_findings_end_unseen(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, int64_t before_us, struct error *err)
{
#define UNSEEN " SET state = 1, ended_us = ?5, retry_us = NULL WHERE state = 0 AND flow = ?1 AND unit = ?2 AND object = ?3 AND last_us < ?4" \
	       " AND native <> '' AND NOT EXISTS (SELECT 1 FROM link l WHERE l.object = ?3 AND l.unit = ?2 AND l.native = f.native AND l.state IN (0, 3))" \
	       " AND NOT EXISTS (SELECT 1 FROM waiter w WHERE w.flow = ?1 AND w.unit = ?2 AND w.object = ?3 AND w.native = f.native)"
	static const char *const sql[] = { "UPDATE reject AS f" UNSEEN, "UPDATE review AS f" UNSEEN };

	for (size_t i = 0; i < sizeof sql / sizeof *sql; i++) {
		sqlite3_stmt *statement = ledger_statement(ledger, sql[i], err);

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, flow);
		sqlite3_bind_int64(statement, 2, unit);
		sqlite3_bind_int64(statement, 3, object);
		sqlite3_bind_int64(statement, 4, before_us);
		sqlite3_bind_int64(statement, 5, ledger_now(ledger));
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
	}
	return 0;
}

int
finding_locate(struct ledger *ledger, int64_t id, enum ledger_finding_kind *ret_kind, uint8_t *ret_state, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE("SELECT state FROM ", " WHERE id = ?1");

	for (unsigned kind = 0; kind < LEDGER_FINDING_COUNT; kind++) {
		sqlite3_stmt *statement = ledger_statement(ledger, sql[kind], err);
		int got;

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, id);
		if ((got = ledger_step(ledger, statement, err)) < 0)
			return -1;
		if (got == 0)
			continue;
		*ret_kind = (enum ledger_finding_kind)kind;
		*ret_state = (uint8_t)sqlite3_column_int(statement, 0);
		sqlite3_reset(statement);
		return 0;
	}
	return error_set(err, ERROR_LEDGER_NOT_FOUND, NUMBER_HINT, "there is no finding with the number %lld", (long long)id);
}

static int
not_open(int64_t id, enum ledger_finding_kind kind, uint8_t state, struct error *err)
{
	static const char *const how[] = { "open", "settled by itself", "decided", "archived" };

	return error_set(err, ERROR_LEDGER_FINDING, "It needs nothing more. " NUMBER_HINT, "%s %lld is no longer open: it was %s",
	                 ledger_finding_name(kind), (long long)id, state < 4 ? how[state] : "ended");
}

/* Who decided is who ends it, even when a run only carries it out. */
int
ledger_finding_settle(struct ledger *ledger, int64_t id, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE("UPDATE ", " SET state = 1, ended_us = ?2, retry_us = NULL WHERE id = ?1 AND state = 0");
	enum ledger_finding_kind kind;
	sqlite3_stmt *statement;
	uint8_t was;

	if (finding_locate(ledger, id, &kind, &was, err) != 0 || (statement = ledger_statement(ledger, sql[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_finding_close(struct ledger *ledger, int64_t id, uint8_t state, const char *why, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE(
		"UPDATE ", " SET state = ?2, ended_us = ?3, ended_by = coalesce(CASE WHEN ?2 = 2 THEN decided_by END, ?4),"
	                   " ended_why = coalesce(?5, decided_why), retry_us = NULL WHERE id = ?1");
	enum ledger_finding_kind kind;
	sqlite3_stmt *statement;
	uint8_t was;

	if (state != LEDGER_DECIDED && state != LEDGER_ARCHIVED)
		return error_set(err, ERROR_INTERNAL, NULL, "a finding was to be closed as %u", state);
	if (finding_locate(ledger, id, &kind, &was, err) != 0)
		return -1;
	if (was == LEDGER_ARCHIVED || (was == LEDGER_DECIDED && state == LEDGER_DECIDED))
		return not_open(id, kind, was, err);
	/* What a run settles when it carries a decision out was decided, and did not end by itself. */
	if (was == LEDGER_ENDED && state == LEDGER_DECIDED) {
		struct ledger_finding settled;
		struct arena arena;
		bool decided;

		arena_init(&arena, 0);
		if (ledger_finding_get(ledger, id, &arena, &settled, err) != 0) {
			arena_free(&arena);
			return -1;
		}
		decided = settled.decision != NULL;
		arena_free(&arena);
		if (!decided)
			return not_open(id, kind, was, err);
	}
	if ((statement = ledger_statement(ledger, sql[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int(statement, 2, state);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	ledger_bind_text(statement, 4, ledger->who);
	ledger_bind_text(statement, 5, why);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_finding_decide(struct ledger *ledger, int64_t id, const char *decision, const char *why, struct error *err)
{
	static const char *const sql[] =
		EACH_FINDING_TABLE("UPDATE ", " SET decision = ?2, decided_by = ?3, decided_why = ?4, decided_us = ?5, decided_about = about WHERE id = ?1");
	enum ledger_finding_kind kind;
	sqlite3_stmt *statement;
	uint8_t was;

	if (finding_locate(ledger, id, &kind, &was, err) != 0)
		return -1;
	if (was != LEDGER_OPEN)
		return not_open(id, kind, was, err);
	if ((statement = ledger_statement(ledger, sql[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	ledger_bind_text(statement, 2, decision);
	ledger_bind_text(statement, 3, ledger->who);
	ledger_bind_text(statement, 4, why);
	sqlite3_bind_int64(statement, 5, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_finding_retry(struct ledger *ledger, int64_t id, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE("UPDATE ", " SET retry_us = ?2 WHERE id = ?1");
	enum ledger_finding_kind kind;
	sqlite3_stmt *statement;
	uint8_t was;

	if (finding_locate(ledger, id, &kind, &was, err) != 0)
		return -1;
	if (was != LEDGER_OPEN)
		return not_open(id, kind, was, err);
	if ((statement = ledger_statement(ledger, sql[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}
