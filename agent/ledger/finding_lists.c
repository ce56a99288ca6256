/* SPDX-License-Identifier: BSD-2-Clause */
/* finding_lists.c: looking at findings: one, many, by cause, what a person decided or wants tried again; and their own check. */
#include "ledger/findings_inside.h"

#include <stdio.h>
#include <string.h>

const char *
finding_text(sqlite3_stmt *statement, int at, bool *ret_failed)
{
	const char *text;

	if (sqlite3_column_type(statement, at) == SQLITE_NULL)
		return NULL;
	text = (const char *)sqlite3_column_text(statement, at);
	if (text == NULL)
		*ret_failed = true;
	return text;
}

int
finding_after(sqlite3_stmt *statement, int answer)
{
	sqlite3_reset(statement);
	return answer < 0 ? -1 : 0;
}

/* A sealed detail whose key is gone, or that this process can't open, is left out: the rest of the finding is still of use. */
static int
read_detail(struct ledger *ledger, sqlite3_stmt *statement, struct buffer *plain, struct ledger_finding *f, bool *failed, struct error *err)
{
	int opened;

	if (sqlite3_column_type(statement, 15) == SQLITE_NULL) {
		f->detail = finding_text(statement, 14, failed);
		return 0;
	}
	buffer_clear(plain);
	opened = finding_unseal(ledger, sqlite3_column_int64(statement, 15), ledger_column_view(statement, 14), plain, err);
	if (opened < 0)
		return -1;
	if (opened == 1 && (f->detail = buffer_string(plain)) == NULL)
		*failed = true;
	return 0;
}

int
finding_read(struct ledger *ledger, sqlite3_stmt *statement, enum ledger_finding_kind kind, struct buffer *plain,
             struct ledger_finding *ret_finding, struct error *err)
{
	struct ledger_finding f = { .kind = kind };
	struct syncline_slice raw = ledger_column_view(statement, 16), about;
	bool failed = false;

	f.id = sqlite3_column_int64(statement, 0);
	f.state = (uint8_t)sqlite3_column_int(statement, 1);
	f.flow = (uint32_t)sqlite3_column_int64(statement, 2);
	f.unit = (uint32_t)sqlite3_column_int64(statement, 3);
	f.object = (uint32_t)sqlite3_column_int64(statement, 4);
	f.native = ledger_column_view(statement, 5);
	f.record = sqlite3_column_int64(statement, 6);
	f.run = sqlite3_column_int64(statement, 7);
	f.cause = finding_text(statement, 8, &failed);
	f.field = finding_text(statement, 9, &failed);
	f.message = finding_text(statement, 10, &failed);
	f.hint = finding_text(statement, 11, &failed);
	f.rule = finding_text(statement, 12, &failed);
	f.place = finding_text(statement, 13, &failed);
	if (read_detail(ledger, statement, plain, &f, &failed, err) != 0)
		return -1;
	if (raw.length == sizeof f.raw)
		memcpy(f.raw, raw.data, sizeof f.raw);
	f.first_us = sqlite3_column_int64(statement, 17);
	f.last_us = sqlite3_column_int64(statement, 18);
	f.seen = (uint64_t)sqlite3_column_int64(statement, 19);
	f.ended_by = finding_text(statement, 20, &failed);
	f.ended_why = finding_text(statement, 21, &failed);
	f.ended_us = sqlite3_column_int64(statement, 22);
	f.decision = finding_text(statement, 23, &failed);
	f.retry_us = sqlite3_column_int64(statement, 24);
	about = ledger_column_view(statement, 25);
	f.has_about = about.length == sizeof f.about;
	if (f.has_about)
		memcpy(f.about, about.data, sizeof f.about);
	f.overtaken = finding_text(statement, 26, &failed);
	if (failed || (f.native.data == NULL && sqlite3_column_bytes(statement, 5) > 0))
		return error_memory(err);
	*ret_finding = f;
	return 0;
}

#define FILTER                                                                                                                    \
	" WHERE (?1 OR state = 0) AND (?2 = 0 OR flow = ?2) AND (?3 = 0 OR unit = ?3) AND (?4 = 0 OR object = ?4)"                   \
	" AND (?5 IS NULL OR cause = ?5) AND (?6 = 0 OR record = ?6) AND id > ?7"                          \
	" AND (?9 = 0 OR (decision IS NULL AND retry_us IS NULL))"

static void
bind_filter(sqlite3_stmt *statement, const struct ledger_finding_filter *filter)
{
	sqlite3_bind_int(statement, 1, filter->all);
	sqlite3_bind_int64(statement, 2, filter->flow);
	sqlite3_bind_int64(statement, 3, filter->unit);
	sqlite3_bind_int64(statement, 4, filter->object);
	ledger_bind_text(statement, 5, filter->cause);
	sqlite3_bind_int64(statement, 6, filter->record);
	sqlite3_bind_int64(statement, 7, filter->after);
	sqlite3_bind_int64(statement, 8, filter->max > 0 ? (int64_t)filter->max : -1);
	sqlite3_bind_int(statement, 9, filter->undecided);
}

int
ledger_findings(struct ledger *ledger, const struct ledger_finding_filter *filter, int (*each)(void *data, const struct ledger_finding *row),
                void *data, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE("SELECT " FINDING_COLUMNS " FROM ", FILTER " ORDER BY id LIMIT ?8");
	sqlite3_stmt *statement = ledger_statement(ledger, sql[filter->kind], err);
	struct ledger_finding row;
	struct buffer plain;
	int got, answer = 0;

	if (statement == NULL)
		return -1;
	bind_filter(statement, filter);
	buffer_init(&plain, 0);
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		if (finding_read(ledger, statement, filter->kind, &plain, &row, err) != 0)
			answer = -1;
		else
			answer = each(data, &row);
		if (answer != 0)
			break;
	}
	buffer_free(&plain);
	return got < 0 ? -1 : finding_after(statement, answer);
}

int
ledger_findings_by_cause(struct ledger *ledger, const struct ledger_finding_filter *filter,
                         int (*each)(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count,
                                     int64_t oldest_us, const char *example), void *data, struct error *err)
{
	/* With min(), SQLite takes `message` from the row that has it: the example is the oldest. */
	static const char *const sql[] = EACH_FINDING_TABLE(
		"SELECT flow, unit, object, coalesce(cause, ''), count(*), min(first_us), coalesce(message, '') FROM ",
		FILTER " GROUP BY flow, unit, object, cause ORDER BY count(*) DESC, flow, unit, object, cause LIMIT ?8");
	sqlite3_stmt *statement = ledger_statement(ledger, sql[filter->kind], err);
	int got, answer = 0;

	if (statement == NULL)
		return -1;
	bind_filter(statement, filter);
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		bool failed = false;
		const char *cause = finding_text(statement, 3, &failed), *example = finding_text(statement, 6, &failed);

		answer = failed ? error_memory(err)
		                : each(data, (uint32_t)sqlite3_column_int64(statement, 0), (uint32_t)sqlite3_column_int64(statement, 1),
		                       (uint32_t)sqlite3_column_int64(statement, 2), cause, (uint64_t)sqlite3_column_int64(statement, 4),
		                       sqlite3_column_int64(statement, 5), example);
		if (answer != 0)
			break;
	}
	return got < 0 ? -1 : finding_after(statement, answer);
}

static int
keep_text(struct arena *arena, const char **text)
{
	return *text == NULL || (*text = arena_text(arena, *text)) != NULL ? 0 : -1;
}

static int
keep(struct arena *arena, struct ledger_finding *f, struct error *err)
{
	if (keep_text(arena, &f->cause) != 0 || keep_text(arena, &f->field) != 0 || keep_text(arena, &f->message) != 0 ||
	    keep_text(arena, &f->hint) != 0 || keep_text(arena, &f->rule) != 0 || keep_text(arena, &f->place) != 0 ||
	    keep_text(arena, &f->detail) != 0 || keep_text(arena, &f->ended_by) != 0 || keep_text(arena, &f->ended_why) != 0 || keep_text(arena, &f->decision) != 0 ||
	    keep_text(arena, &f->overtaken) != 0 ||
	    (f->native.length > 0 && (f->native.data = arena_copy(arena, f->native.data, f->native.length)) == NULL))
		return error_memory(err);
	return 0;
}

int
ledger_finding_get(struct ledger *ledger, int64_t id, struct arena *arena, struct ledger_finding *ret_finding, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE("SELECT " FINDING_COLUMNS " FROM ", " WHERE id = ?1");
	struct ledger_finding f;
	enum ledger_finding_kind kind;
	sqlite3_stmt *statement;
	struct buffer plain;
	uint8_t state;
	int status, got;

	if (finding_locate(ledger, id, &kind, &state, err) != 0 || (statement = ledger_statement(ledger, sql[kind], err)) == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	if ((got = ledger_step(ledger, statement, err)) != 1)
		return got < 0 ? -1 : error_set(err, ERROR_LEDGER_NOT_FOUND, NULL, "finding %lld has just gone", (long long)id);
	buffer_init(&plain, 0);
	status = finding_read(ledger, statement, kind, &plain, &f, err);
	if (status == 0)
		status = keep(arena, &f, err);
	buffer_free(&plain);
	sqlite3_reset(statement);
	if (status == 0)
		*ret_finding = f;
	return status;
}

int
ledger_finding_open(struct ledger *ledger, enum ledger_finding_kind kind, int64_t record, uint32_t object, const char *field, bool *ret_open,
                    struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE(
		"SELECT 1 FROM ", " WHERE state = 0 AND record = ?1 AND record <> 0 AND (?2 IS NULL OR field IS nullif(?2, '')) AND (?3 = 0 OR object = ?3) LIMIT 1");
	sqlite3_stmt *statement = ledger_statement(ledger, sql[kind], err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	ledger_bind_text(statement, 2, field);
	sqlite3_bind_int64(statement, 3, object);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_open = got == 1;
	return 0;
}

int
ledger_review_asks(struct ledger *ledger, uint32_t object, uint32_t unit, int64_t record, bool *ret_asks, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT 1 FROM review_candidate c JOIN review r ON r.id = c.review WHERE c.record = ?1"
	                                                   " AND r.state = 0 AND r.object = ?2 AND r.unit = ?3 LIMIT 1", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, object);
	sqlite3_bind_int64(statement, 3, unit);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_asks = got == 1;
	return 0;
}

int
ledger_review_asks_another(struct ledger *ledger, uint32_t object, uint32_t unit, int64_t record, struct syncline_slice native, int64_t since_us,
                           bool *ret_asks, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT 1 FROM review_candidate c JOIN review r ON r.id = c.review WHERE c.record = ?1"
	                                                   " AND r.state = 0 AND r.object = ?2 AND r.unit = ?3 AND r.native <> ?4 AND r.last_us >= ?5"
	                                                   " AND r.cause = 'disputed' LIMIT 1", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, record);
	sqlite3_bind_int64(statement, 2, object);
	sqlite3_bind_int64(statement, 3, unit);
	ledger_bind_slice(statement, 4, native);
	sqlite3_bind_int64(statement, 5, since_us);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_asks = got == 1;
	return 0;
}

int
ledger_review_forgotten(struct ledger *ledger, uint32_t object, uint32_t unit, bool *ret_asks, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT 1 FROM review INDEXED BY review_forgotten WHERE state = 0 AND cause = 'forgotten'"
	                                                   " AND object = ?1 AND unit = ?2 LIMIT 1", err);
	int got;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, unit);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_asks = got == 1;
	return 0;
}

/* Do they ascend, and is not much between them?  So do those of a first load. */
static bool
are_close(const int64_t *records, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (records[i - 1] >= records[i])
			return false;
	return count > 1 && records[0] > 0 && records[count - 1] - records[0] < 8 * (int64_t)count;
}

int
ledger_reviews_ask(struct ledger *ledger, uint32_t object, uint32_t unit, const int64_t *records, uint32_t count, uint8_t *ret_asks,
                   struct error *err)
{
	sqlite3_stmt *statement;
	uint32_t at = 0;
	int got;

	memset(ret_asks, 0, count);
	if (!are_close(records, count)) {
		for (uint32_t i = 0; i < count; i++) {
			bool asks;

			if (ledger_review_asks(ledger, object, unit, records[i], &asks, err) != 0)
				return -1;
			ret_asks[i] = asks;
		}
		return 0;
	}
	statement = ledger_statement(ledger, "SELECT c.record FROM review_candidate c CROSS JOIN review r ON r.id = c.review WHERE c.record >= ?1"
	                                     " AND c.record <= ?2 AND r.state = 0 AND r.object = ?3 AND r.unit = ?4 ORDER BY c.record", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, records[0]);
	sqlite3_bind_int64(statement, 2, records[count - 1]);
	sqlite3_bind_int64(statement, 3, object);
	sqlite3_bind_int64(statement, 4, unit);
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		int64_t record = sqlite3_column_int64(statement, 0);

		while (at < count && records[at] < record)
			at++;
		if (at < count && records[at] == record)
			ret_asks[at] = 1;
	}
	return got;
}

/* ?1 to ?5: which row, as it was. */
static void
bind_row(sqlite3_stmt *statement, struct syncline_slice native, const uint8_t raw[16], uint32_t flow, uint32_t unit, uint32_t object)
{
	ledger_bind_slice(statement, 1, native);
	sqlite3_bind_blob(statement, 2, raw, 16, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, flow);
	sqlite3_bind_int64(statement, 4, unit);
	sqlite3_bind_int64(statement, 5, object);
}

int
ledger_review_ignored(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t object, struct syncline_slice native, const uint8_t raw[16],
                      const char *cause, bool *ret_ignored, struct error *err)
{
#define THIS_ROW " AND native = ?1 AND (raw = ?2 OR (cause = 'forgotten' AND ?6 = 'forgotten')) AND flow = ?3 AND unit = ?4 AND object = ?5"
	static const char sql[] = "SELECT 1 FROM review WHERE state = 2 AND decision = 'ignore'" THIS_ROW
				  " UNION ALL SELECT 1 FROM review WHERE state = 3" THIS_ROW " AND cause = ?6 LIMIT 1";
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	int got;

	if (statement == NULL)
		return -1;
	bind_row(statement, native, raw, flow, unit, object);
	ledger_bind_text(statement, 6, cause);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_ignored = got == 1;
	return 0;
}

int
ledger_finding_archived(struct ledger *ledger, enum ledger_finding_kind kind, uint32_t flow, uint32_t unit, uint32_t object,
                        struct syncline_slice native, const char *field, const uint8_t raw[16], bool *ret_archived, bool *ret_same,
                        struct error *err)
{
#define THIS_FIELD "native = ?1 AND field IS ?6 AND flow = ?3 AND unit = ?4 AND object = ?5"
	static const char *const sql[LEDGER_FINDING_COUNT] = {
		[LEDGER_FINDING_CONFLICT] = "SELECT raw = ?2 FROM conflict a WHERE state = 3 AND " THIS_FIELD
			" AND NOT EXISTS (SELECT 1 FROM conflict WHERE id > a.id AND " THIS_FIELD ") LIMIT 1",
		[LEDGER_FINDING_REVIEW] = "SELECT raw = ?2 FROM review a WHERE state = 3 AND " THIS_FIELD
			" AND NOT EXISTS (SELECT 1 FROM review WHERE id > a.id AND " THIS_FIELD ") LIMIT 1",
	};
	sqlite3_stmt *statement;
	int got;

	*ret_archived = *ret_same = false;
	if (sql[kind] == NULL)
		return 0;
	if ((statement = ledger_statement(ledger, sql[kind], err)) == NULL)
		return -1;
	bind_row(statement, native, raw, flow, unit, object);
	ledger_bind_text(statement, 6, field);
	if ((got = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_archived = got == 1;
	*ret_same = got == 1 && sqlite3_column_int(statement, 0) != 0;
	sqlite3_reset(statement);
	return 0;
}

/* Parents were found before the children that need them, so the order of the numbers is the order of dependence. */
int
ledger_findings_to_retry(struct ledger *ledger, uint32_t flow, uint32_t unit, int64_t *ret_ids, uint32_t max, uint32_t *ret_count,
                         struct error *err)
{
#define RETRIES(table) "SELECT id FROM " table " WHERE state = 0 AND retry_us IS NOT NULL AND flow = ?1 AND unit = ?2"
	static const char sql[] = RETRIES("reject") " UNION ALL " RETRIES("conflict") " UNION ALL " RETRIES("review") " UNION ALL " RETRIES("flip")
		" UNION ALL " RETRIES("dead_letter") " ORDER BY id LIMIT ?3";
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	uint32_t count = 0;
	int got = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, max);
	while (count < max && (got = ledger_step(ledger, statement, err)) == 1)
		ret_ids[count++] = sqlite3_column_int64(statement, 0);
	if (got < 0)
		return -1;
	sqlite3_reset(statement);
	*ret_count = count;
	return 0;
}

static int
decisions_of(struct ledger *ledger, enum ledger_finding_kind kind, uint32_t flow, uint32_t unit,
             int (*each)(void *data, const struct ledger_finding *row, const char *decision), void *data, int *ret_answer, struct error *err)
{
	static const char *const sql[] = EACH_FINDING_TABLE(
		"SELECT " FINDING_COLUMNS ", decision FROM ",
		" WHERE state = 0 AND decision IS NOT NULL AND (?1 = 0 OR flow = ?1) AND (?2 = 0 OR unit = ?2) ORDER BY id");
	sqlite3_stmt *statement = ledger_statement(ledger, sql[kind], err);
	struct ledger_finding row;
	struct buffer plain;
	int got, answer = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	buffer_init(&plain, 0);
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		bool failed = false;
		const char *decision = finding_text(statement, FINDING_COLUMN_COUNT, &failed);

		if (failed)
			answer = error_memory(err);
		else if (finding_read(ledger, statement, kind, &plain, &row, err) != 0)
			answer = -1;
		else
			answer = each(data, &row, decision);
		if (answer != 0)
			break;
	}
	buffer_free(&plain);
	*ret_answer = answer;
	return got < 0 ? -1 : finding_after(statement, answer);
}

int
ledger_decisions(struct ledger *ledger, uint32_t flow, uint32_t unit,
                 int (*each)(void *data, const struct ledger_finding *row, const char *decision), void *data, struct error *err)
{
	for (unsigned kind = 0; kind < LEDGER_FINDING_COUNT; kind++) {
		int answer;

		if (decisions_of(ledger, (enum ledger_finding_kind)kind, flow, unit, each, data, &answer, err) != 0)
			return -1;
		if (answer != 0)
			break;
	}
	return 0;
}

int
ledger_findings_answered(struct ledger *ledger, int (*each)(void *data, uint32_t flow, uint32_t unit), void *data, struct error *err)
{
#define ANSWERED(table)                                                                                                           \
	"SELECT flow, unit FROM " table " WHERE state = 0 AND decision IS NOT NULL UNION "                                            \
	"SELECT flow, unit FROM " table " WHERE state = 0 AND retry_us IS NOT NULL"
	static const char sql[] = ANSWERED("reject") " UNION " ANSWERED("conflict") " UNION " ANSWERED("review") " UNION " ANSWERED("flip")
		" UNION " ANSWERED("dead_letter");
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	int got = 0, answer = 0;

	if (statement == NULL)
		return -1;
	while (answer == 0 && (got = ledger_step(ledger, statement, err)) == 1)
		answer = each(data, (uint32_t)sqlite3_column_int64(statement, 0), (uint32_t)sqlite3_column_int64(statement, 1));
	return got < 0 ? -1 : finding_after(statement, answer);
}

/* A rule of this story: a query of sentences, each a row that breaks it. */
static int
check_rule(struct ledger *ledger, const char *sql, ledger_fault *fault, void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	int got;

	if (statement == NULL)
		return -1;
	while ((got = ledger_step(ledger, statement, err)) == 1) {
		bool failed = false;
		const char *sentence = finding_text(statement, 0, &failed);

		if (failed || sentence == NULL) {
			sqlite3_reset(statement);
			return error_memory(err);
		}
		fault(data, sentence);
	}
	return got;
}

int
ledger_check_findings(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err)
{
#define NUMBERS(table) "SELECT id FROM " table
	static const char *const ended[] = EACH_FINDING_TABLE(
		"SELECT printf('finding %d is ' || CASE state WHEN 0 THEN 'open and has an end' ELSE 'ended and has no time of it' END, id) FROM ",
		" WHERE (state = 0) <> (ended_us = 0) LIMIT 100");
	static const char numbers[] =
		"SELECT printf('number %d was given twice', id) FROM (" NUMBERS("reject") " UNION ALL " NUMBERS("conflict") " UNION ALL "
		NUMBERS("review") " UNION ALL " NUMBERS("flip") " UNION ALL " NUMBERS("dead_letter") " UNION ALL " NUMBERS("correction")
		" UNION ALL " NUMBERS("lock") ") GROUP BY id HAVING count(*) > 1 LIMIT 100";
	static const char corrections[] =
		"SELECT printf('two corrections of the field %s hold for one record, %d and %d', field, min(id), max(id)) FROM correction"
		" WHERE ended_us = 0 GROUP BY binding, unit, native, field HAVING count(*) > 1 LIMIT 100";

	for (unsigned kind = 0; kind < LEDGER_FINDING_COUNT; kind++)
		if (check_rule(ledger, ended[kind], fault, data, err) != 0)
			return -1;
	return check_rule(ledger, numbers, fault, data, err) != 0 || check_rule(ledger, corrections, fault, data, err) != 0 ? -1 : 0;
}
