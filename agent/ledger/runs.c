/* SPDX-License-Identifier: BSD-2-Clause */
/* runs.c: the runs and what they counted; and the tables of flags (flags.c) and plans (plans.c). */
#include "ledger/runs_inside.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

const char ledger_schema_runs[] =
	/* state: 0 running, 1 done, 2 findings, 3 held, 4 failed, 5 stopped.  counts: JSON, what is not there is 0. */
	"CREATE TABLE run (number INTEGER PRIMARY KEY AUTOINCREMENT, flow INTEGER NOT NULL, unit INTEGER NOT NULL, cause TEXT NOT NULL, who TEXT,"
	" state INTEGER NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER, version INTEGER NOT NULL, \"plan\" INTEGER NOT NULL,"
	" counts TEXT NOT NULL, message TEXT);\n"
	"CREATE INDEX run_flow ON run (flow, unit, number);\n"
	"CREATE INDEX run_running ON run (state) WHERE state = 0;\n"
	/* What holds now: mode 0 off, 1 preview, 2 canary, 3 on, 4 paused; binding 0: the whole flow. */
	"CREATE TABLE flag (flow INTEGER NOT NULL, unit INTEGER NOT NULL, binding INTEGER NOT NULL, mode INTEGER NOT NULL, percent INTEGER NOT NULL,"
	" who TEXT, why TEXT, since_us INTEGER NOT NULL, PRIMARY KEY (flow, unit, binding)) WITHOUT ROWID;\n"
	/* Every change there ever was. */
	"CREATE TABLE flag_change (id INTEGER PRIMARY KEY AUTOINCREMENT, flow INTEGER NOT NULL, unit INTEGER NOT NULL, binding INTEGER NOT NULL,"
	" mode INTEGER NOT NULL, percent INTEGER NOT NULL, former_mode INTEGER, former_percent INTEGER, who TEXT, why TEXT, since_us INTEGER NOT NULL);\n"
	"CREATE INDEX flag_change_flow ON flag_change (flow, id);\n"
	/* state: 0 open, 1 applied, 2 replaced (by_plan), 3 dropped (why), 4 overtaken (by_run). */
	"CREATE TABLE \"plan\" (number INTEGER PRIMARY KEY AUTOINCREMENT, flow INTEGER NOT NULL, unit INTEGER NOT NULL, run INTEGER NOT NULL,"
	" state INTEGER NOT NULL, version INTEGER NOT NULL, hash BLOB NOT NULL, reason TEXT, made_us INTEGER NOT NULL, ended_us INTEGER,"
	" staged_from INTEGER NOT NULL, staged_to INTEGER NOT NULL, bulk INTEGER NOT NULL, counts TEXT NOT NULL, items INTEGER NOT NULL, who TEXT,"
	" why TEXT, by_run INTEGER, by_plan INTEGER, frozen_us INTEGER NOT NULL, rollback INTEGER NOT NULL DEFAULT 0);\n"
	"CREATE INDEX plan_flow ON \"plan\" (flow, unit, number);\n"
	"CREATE INDEX plan_open ON \"plan\" (state, staged_from) WHERE state = 0;\n"
	/* what: the name of a count.  payload: a hash over what would be sent.  sealed: value_before and value_after are, with the record's key (0: of none). */
	"CREATE TABLE plan_item (\"plan\" INTEGER NOT NULL, number INTEGER NOT NULL, what TEXT NOT NULL, object INTEGER NOT NULL, native TEXT,"
	" record INTEGER NOT NULL, generation INTEGER NOT NULL, value_before, value_after, sealed INTEGER NOT NULL, note TEXT, version TEXT, payload BLOB,"
	" PRIMARY KEY (\"plan\", number)) WITHOUT ROWID;\n"
	/* Records that a rollback deleted, and which object still shows them; run: that was taken back. */
	"CREATE TABLE undone (record INTEGER NOT NULL PRIMARY KEY, object INTEGER NOT NULL, run INTEGER NOT NULL, since_us INTEGER NOT NULL);\n";

/* Counts. */

int
runs_write_counts(const uint64_t counts[LEDGER_COUNT_COUNT], struct buffer *text)
{
	const char *before = "{";

	for (unsigned i = 0; i < LEDGER_COUNT_COUNT; i++) {
		if (counts[i] == 0)
			continue;
		buffer_format(text, "%s\"%s\":%" PRIu64, before, ledger_count_name((enum ledger_count)i), counts[i]);
		before = ",";
	}
	buffer_text(text, before[0] == '{' ? "{}" : "}");
	return buffer_string(text) == NULL || text->failed ? -1 : 0;
}

static int
count_by_name(const char *name, size_t length)
{
	for (unsigned i = 0; i < LEDGER_COUNT_COUNT; i++) {
		const char *known = ledger_count_name((enum ledger_count)i);

		if (strlen(known) == length && memcmp(known, name, length) == 0)
			return (int)i;
	}
	return -1;
}

/* Our own flat objects; what is not understood (a newer program's count) is passed over. */
void
runs_read_counts(const char *text, uint64_t ret_counts[LEDGER_COUNT_COUNT])
{
	memset(ret_counts, 0, LEDGER_COUNT_COUNT * sizeof *ret_counts);
	while (text != NULL && (text = strchr(text, '"')) != NULL) {
		const char *name = text + 1, *end = strchr(name, '"');
		int count;

		if (end == NULL || end[1] != ':')
			return;
		count = count_by_name(name, (size_t)(end - name));
		if (count >= 0)
			ret_counts[count] = strtoull(end + 2, NULL, 10);
		text = end + 2;
	}
}

/* Runs. */

static int
end_former(struct ledger *ledger, uint32_t flow, uint32_t unit, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "UPDATE run INDEXED BY run_running SET state = 5, ended_us = ?1, message = 'its end could not be written; what it had"
	                                           " committed stays' WHERE state = 0 AND flow = ?2 AND unit = ?3", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_now(ledger));
	sqlite3_bind_int64(statement, 2, flow);
	sqlite3_bind_int64(statement, 3, unit);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_run_begin(struct ledger *ledger, uint32_t flow, uint32_t unit, const char *cause, int64_t *ret_number, int64_t *ret_started_us,
                 struct error *err)
{
	int64_t started_us = ledger_now(ledger), number;
	sqlite3_stmt *statement;
	int result;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	statement = end_former(ledger, flow, unit, err) != 0 ? NULL : ledger_statement(ledger,
	                             "INSERT INTO run (flow, unit, cause, who, state, started_us, version, \"plan\", counts)"
	                             " VALUES (?1, ?2, ?3, ?4, 0, ?5, 0, 0, '{}')", err);
	if (statement == NULL) {
		ledger_rollback(ledger);
		return -1;
	}
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	ledger_bind_text(statement, 3, cause != NULL ? cause : "");
	ledger_bind_text(statement, 4, ledger->who);
	sqlite3_bind_int64(statement, 5, started_us);
	result = ledger_run_statement(ledger, statement, err);
	number = sqlite3_last_insert_rowid(ledger->db);
	if (result != 0 || ledger_commit(ledger, err) != 0) {
		ledger_rollback(ledger);
		return -1;
	}
	*ret_number = number;
	if (ret_started_us != NULL)
		*ret_started_us = started_us;
	return 0;
}

static int
no_run(int64_t number, struct error *err)
{
	return error_set(err, ERROR_LEDGER_RUN, "`syncline runs` lists those that are kept.", "there is no run %lld", (long long)number);
}

static int
update_run(struct ledger *ledger, const struct ledger_run *run, const char *sql, struct error *err)
{
	sqlite3_stmt *statement;
	struct buffer counts;
	int result = -1;

	buffer_init(&counts, 65536);
	if (runs_write_counts(run->counts, &counts) != 0)
		error_memory(err);
	else if ((statement = ledger_statement(ledger, sql, err)) != NULL) {
		sqlite3_bind_int64(statement, 1, run->number);
		sqlite3_bind_int64(statement, 2, run->version);
		sqlite3_bind_int64(statement, 3, run->plan);
		ledger_bind_text(statement, 4, counts.data);
		if (sqlite3_bind_parameter_count(statement) > 4) {
			sqlite3_bind_int(statement, 5, run->state);
			sqlite3_bind_int64(statement, 6, run->ended_us != 0 ? run->ended_us : ledger_now(ledger));
			ledger_bind_text(statement, 7, run->message);
		}
		result = ledger_run_statement(ledger, statement, err);
		sqlite3_clear_bindings(statement);
	}
	buffer_free(&counts);
	return result == 0 && sqlite3_changes(ledger->db) != 1 ? no_run(run->number, err) : result;
}

int
ledger_run_keep(struct ledger *ledger, const struct ledger_run *run, struct error *err)
{
	return update_run(ledger, run, "UPDATE run SET version = ?2, \"plan\" = ?3, counts = ?4 WHERE number = ?1", err);
}

int
ledger_run_end(struct ledger *ledger, const struct ledger_run *run, struct error *err)
{
	return update_run(ledger, run,
	                  "UPDATE run SET version = ?2, \"plan\" = ?3, counts = ?4, state = ?5, ended_us = ?6, message = ?7 WHERE number = ?1", err);
}

#define RUN_COLUMNS "number, flow, unit, cause, who, state, started_us, ended_us, version, \"plan\", counts, message"

/* The texts stay the statement's. */
static void
take_run(sqlite3_stmt *statement, struct ledger_run *run)
{
	*run = (struct ledger_run){
		.number = sqlite3_column_int64(statement, 0),
		.flow = (uint32_t)sqlite3_column_int64(statement, 1),
		.unit = (uint32_t)sqlite3_column_int64(statement, 2),
		.cause = (const char *)sqlite3_column_text(statement, 3),
		.who = (const char *)sqlite3_column_text(statement, 4),
		.state = (uint8_t)sqlite3_column_int(statement, 5),
		.started_us = sqlite3_column_int64(statement, 6),
		.ended_us = sqlite3_column_int64(statement, 7),
		.version = (uint32_t)sqlite3_column_int64(statement, 8),
		.plan = sqlite3_column_int64(statement, 9),
		.message = (const char *)sqlite3_column_text(statement, 11),
	};
	runs_read_counts((const char *)sqlite3_column_text(statement, 10), run->counts);
}

void
ledger_run_trace(const struct ledger *ledger, const struct ledger_run *run, char ret_trace[LEDGER_TRACE + 1])
{
	const int64_t words[2] = { run->number, run->started_us };
	unsigned char hash[LEDGER_TRACE / 2];

	crypto_generichash(hash, sizeof hash, (const unsigned char *)words, sizeof words, ledger->hash_key, sizeof ledger->hash_key);
	sodium_bin2hex(ret_trace, LEDGER_TRACE + 1, hash, sizeof hash);
}

int
ledger_runs(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t max, int (*each)(void *data, const struct ledger_run *row), void *data,
            struct error *err)
{
	/* Of one place by the index: the others' runs may be a million. */
	sqlite3_stmt *statement = ledger_statement(
		ledger, flow != 0 && unit != 0 ? "SELECT " RUN_COLUMNS " FROM run WHERE flow = ?1 AND unit = ?2 ORDER BY number DESC LIMIT ?3"
		                               : "SELECT " RUN_COLUMNS " FROM run WHERE (?1 = 0 OR flow = ?1) AND (?2 = 0 OR unit = ?2) ORDER BY number DESC LIMIT ?3",
		err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, max != 0 ? (int64_t)max : -1);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_run run;

		take_run(statement, &run);
		if (each(data, &run) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	}
	return status;
}

int
ledger_run_get(struct ledger *ledger, int64_t number, struct arena *arena, struct ledger_run *ret_run, bool *ret_found, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT " RUN_COLUMNS " FROM run WHERE number = ?1", err);
	struct ledger_run run;
	bool failed = false;
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, number);
	status = ledger_step(ledger, statement, err);
	if (status <= 0) {
		if (status == 0)
			*ret_found = false;
		return status;
	}
	take_run(statement, &run);
	run.cause = ledger_column_text(statement, 3, arena, &failed);
	run.who = ledger_column_text(statement, 4, arena, &failed);
	run.message = ledger_column_text(statement, 11, arena, &failed);
	sqlite3_reset(statement);
	if (failed)
		return error_memory(err);
	*ret_run = run;
	*ret_found = true;
	return 0;
}

int
ledger_recover_runs(struct ledger *ledger, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "UPDATE run SET state = 5, ended_us = ?1, message = 'the engine ended before the run did;"
	                                           " what it had committed stays' WHERE state = 0", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_prune_runs(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		/* In their order, up to the first that is not over: what is kept is not walked each time. */
		ledger, "DELETE FROM run WHERE number IN (SELECT number FROM run NOT INDEXED WHERE state <> 0 AND ended_us < ?1 AND number <"
		        " coalesce((SELECT number FROM run NOT INDEXED WHERE ended_us >= ?1 ORDER BY number LIMIT 1), 9223372036854775807)"
		        " ORDER BY number LIMIT ?2)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, before_us);
	sqlite3_bind_int64(statement, 2, budget);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_dropped = (uint32_t)sqlite3_changes(ledger->db);
	return 0;
}
