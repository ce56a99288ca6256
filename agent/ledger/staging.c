/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * staging.c: reads and their staged batches.  Who has applied which of them, and where reading goes on, is in positions.c; rows
 * that wait for a parent are in waiters.c, those that have to be read again in unsure.c.
 */
#include "ledger/staging_inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char ledger_schema_staging[] =
	/* ended 0: it goes on.  started: the sequence of the transaction that began it.  first_link: the id of the first link made since. */
	"CREATE TABLE read (id INTEGER PRIMARY KEY AUTOINCREMENT, object INTEGER NOT NULL, credentials INTEGER NOT NULL,"
	" \"full\" INTEGER NOT NULL, ended INTEGER NOT NULL, complete INTEGER NOT NULL, broken INTEGER NOT NULL, epoch INTEGER NOT NULL,"
	" started INTEGER NOT NULL, started_us INTEGER NOT NULL, ended_us INTEGER, records INTEGER NOT NULL, staged INTEGER NOT NULL,"
	" rejected INTEGER NOT NULL, first_link INTEGER NOT NULL);\n"
	"CREATE INDEX read_object ON read (object, credentials, id);\n"
	/* Few beside the reads of changes, which come one after the other. */
	"CREATE INDEX read_full ON read (object, credentials, id) WHERE \"full\" = 1 AND ended = 1;\n"
	"CREATE INDEX read_open ON read (object, credentials) WHERE ended = 0;\n"
	/* What the connector claims of each tenant; '' is all that the credentials can see. */
	"CREATE TABLE read_tenant (read INTEGER NOT NULL, tenant TEXT NOT NULL, complete INTEGER NOT NULL, PRIMARY KEY (read, tenant)) WITHOUT ROWID;\n"
	/* What a read no longer showed was decided for this unit. */
	"CREATE TABLE read_used (read INTEGER NOT NULL, unit INTEGER NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (read, unit)) WITHOUT ROWID;\n"
	/* rows: in data.  data: a batch, zstd, sealed when the vault has a key.  seen: runs of link ids (packed.h). */
	"CREATE TABLE staged_batch (id INTEGER PRIMARY KEY AUTOINCREMENT, read INTEGER NOT NULL, object INTEGER NOT NULL,"
	" credentials INTEGER NOT NULL, read_us INTEGER NOT NULL, records INTEGER NOT NULL, rows INTEGER NOT NULL, size INTEGER NOT NULL,"
	" sealed INTEGER NOT NULL, links INTEGER NOT NULL, seen BLOB, data BLOB);\n"
	"CREATE INDEX staged_batch_object ON staged_batch (object, credentials, id) WHERE rows > 0;\n"
	"CREATE INDEX staged_batch_read ON staged_batch (read);\n"
	/* Where the next read begins; NULL: at the beginning.  staged: the last batch before it. */
	"CREATE TABLE position (object INTEGER NOT NULL, credentials INTEGER NOT NULL, position BLOB, staged INTEGER NOT NULL,"
	" moved_us INTEGER NOT NULL, moved_by TEXT, why TEXT, PRIMARY KEY (object, credentials)) WITHOUT ROWID;\n"
	/* All batches up to this one are applied. */
	"CREATE TABLE applied (object INTEGER NOT NULL, credentials INTEGER NOT NULL, flow INTEGER NOT NULL, unit INTEGER NOT NULL,"
	" staged INTEGER NOT NULL, moved_us INTEGER NOT NULL, moved_by TEXT, why TEXT, PRIMARY KEY (object, credentials, flow, unit)) WITHOUT ROWID;\n"
	"CREATE TABLE waiter (id INTEGER PRIMARY KEY AUTOINCREMENT, flow INTEGER NOT NULL, unit INTEGER NOT NULL, object INTEGER NOT NULL,"
	" native TEXT NOT NULL, parent_object INTEGER NOT NULL, parent_native TEXT, field TEXT, since_us INTEGER NOT NULL,"
	" until_us INTEGER NOT NULL, started INTEGER NOT NULL, read_us INTEGER NOT NULL, \"full\" INTEGER NOT NULL, held INTEGER,"
	" size INTEGER NOT NULL, sealed INTEGER NOT NULL, data BLOB NOT NULL, UNIQUE (flow, unit, object, native));\n"
	"CREATE INDEX waiter_order ON waiter (flow, unit, id);\n"
	/* started: as of the read that last brought the row. */
	"CREATE TABLE unsure (flow INTEGER NOT NULL, unit INTEGER NOT NULL, object INTEGER NOT NULL, native TEXT NOT NULL, started INTEGER NOT NULL,"
	" since_us INTEGER NOT NULL, PRIMARY KEY (flow, unit, object, native)) WITHOUT ROWID;\n";

#define READ_COLUMNS                                                                                                              \
	"id, object, credentials, \"full\", ended, complete, broken, epoch, started, started_us, ended_us, records, staged, rejected"

static void
take_read(sqlite3_stmt *statement, struct ledger_read *read)
{
	*read = (struct ledger_read){
		.id = sqlite3_column_int64(statement, 0),
		.object = (uint32_t)sqlite3_column_int64(statement, 1),
		.credentials = (uint32_t)sqlite3_column_int64(statement, 2),
		.full = sqlite3_column_int(statement, 3) != 0,
		.ended = sqlite3_column_int(statement, 4) != 0,
		.complete = sqlite3_column_int(statement, 5) != 0,
		.broken = sqlite3_column_int(statement, 6) != 0,
		.epoch = (uint32_t)sqlite3_column_int64(statement, 7),
		.started = (uint64_t)sqlite3_column_int64(statement, 8),
		.started_us = sqlite3_column_int64(statement, 9),
		.ended_us = sqlite3_column_int64(statement, 10),
		.records = (uint64_t)sqlite3_column_int64(statement, 11),
		.staged = (uint64_t)sqlite3_column_int64(statement, 12),
		.rejected = (uint64_t)sqlite3_column_int64(statement, 13),
	};
}

/* The read that a bound statement finds; id 0: none. */
static int
find_read(struct ledger *ledger, sqlite3_stmt *statement, struct ledger_read *ret_read, struct error *err)
{
	int status = ledger_step(ledger, statement, err);

	if (status < 0)
		return -1;
	if (status == 0) {
		*ret_read = (struct ledger_read){ 0 };
		return 0;
	}
	take_read(statement, ret_read);
	sqlite3_reset(statement);
	return 0;
}

int
ledger_read_open(struct ledger *ledger, uint32_t object, uint32_t credentials, struct ledger_read *ret_read, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "SELECT " READ_COLUMNS " FROM read WHERE object = ?1 AND credentials = ?2 AND ended = 0"
	                                           " AND epoch = ?3 ORDER BY id DESC LIMIT 1", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, ledger->epoch);
	return find_read(ledger, statement, ret_read, err);
}

int
ledger_reads_last(struct ledger *ledger, int (*each)(void *data, uint32_t object, uint32_t credentials, int64_t started_us), void *data,
                  struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT object, credentials, max(started_us) FROM read GROUP BY object, credentials", err);
	int got, status = 0;

	if (statement == NULL)
		return -1;
	while ((got = ledger_step(ledger, statement, err)) == 1 && status == 0)
		status = each(data, (uint32_t)sqlite3_column_int64(statement, 0), (uint32_t)sqlite3_column_int64(statement, 1),
		              sqlite3_column_int64(statement, 2));
	sqlite3_reset(statement);
	return got < 0 ? -1 : status;
}

/* Reads that nobody will go on with: another one begins, or an administrator moved the position. */
int
staging_abandon_reads(struct ledger *ledger, uint32_t object, uint32_t credentials, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "UPDATE read INDEXED BY read_open SET ended = 1, broken = 1, ended_us = ?3 WHERE object = ?1 AND credentials = ?2 AND ended = 0", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_read_begin(struct ledger *ledger, uint32_t object, uint32_t credentials, bool full, struct ledger_read *ret_read, struct error *err)
{
	struct ledger_read read = { .object = object, .credentials = credentials, .full = full, .epoch = ledger->epoch };
	sqlite3_stmt *statement;

	if (staging_abandon_reads(ledger, object, credentials, err) != 0)
		return -1;
	read.started = ledger->sequence;
	read.started_us = ledger_now(ledger);
	statement = ledger_statement(ledger,
	                             "INSERT INTO read (object, credentials, \"full\", ended, complete, broken, epoch, started, started_us,"
	                             " records, staged, rejected, first_link) VALUES (?1, ?2, ?3, 0, 0, 0, ?4, ?5, ?6, 0, 0, 0,"
	                             " (SELECT coalesce(max(id), 0) + 1 FROM link))", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int(statement, 3, full);
	sqlite3_bind_int64(statement, 4, read.epoch);
	sqlite3_bind_int64(statement, 5, (int64_t)read.started);
	sqlite3_bind_int64(statement, 6, read.started_us);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	read.id = sqlite3_last_insert_rowid(ledger->db);
	*ret_read = read;
	return 0;
}

/* Storing. */

static uint64_t
count_rejects(const struct batch *batch)
{
	uint64_t rejects = 0;

	for (uint32_t i = 0; i < batch->header->record_count; i++)
		rejects += batch_record(batch, i)->op == SYNCLINE_OP_REJECT;
	return rejects;
}

/* Sorted runs of what was seen.  The ids are copied: the caller keeps its order. */
static int
pack_seen(const int64_t *seen, size_t count, struct buffer *runs, size_t *ret_distinct, struct error *err)
{
	int64_t *ids = NULL;
	size_t kept = 0;
	int result;

	if (count > 0 && (count > SIZE_MAX / sizeof *ids || (ids = malloc(count * sizeof *ids)) == NULL))
		return error_memory(err);
	for (size_t i = 0; i < count; i++)
		if (seen[i] > 0)
			ids[kept++] = seen[i];
	result = packed_seen(ids, kept, runs, ret_distinct);
	free(ids);
	return result != 0 ? error_memory(err) : 0;
}

static int
insert_batch(struct ledger *ledger, const struct ledger_read *read, uint32_t rows, const struct packed *packed, const struct buffer *runs,
             size_t links, uint64_t records, int64_t *ret_id, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "INSERT INTO staged_batch (read, object, credentials, read_us, records, rows, size, sealed, links,"
	                                           " seen, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, read->id);
	sqlite3_bind_int64(statement, 2, read->object);
	sqlite3_bind_int64(statement, 3, read->credentials);
	sqlite3_bind_int64(statement, 4, ledger_now(ledger));
	sqlite3_bind_int64(statement, 5, (int64_t)records);
	sqlite3_bind_int64(statement, 6, rows);
	sqlite3_bind_int64(statement, 7, packed->size);
	sqlite3_bind_int(statement, 8, packed->sealed);
	sqlite3_bind_int64(statement, 9, (int64_t)links);
	if (runs->length > 0)
		ledger_bind_blob(statement, 10, runs->data, runs->length);
	if (rows > 0)
		ledger_bind_blob(statement, 11, packed->data.data, packed->data.length);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_id = sqlite3_last_insert_rowid(ledger->db);
	return 0;
}

static int
count_read(struct ledger *ledger, const struct ledger_read *read, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE read SET records = ?2, staged = ?3, rejected = ?4, broken = max(broken, ?5)"
	                                                   " WHERE id = ?1 AND ended = 0", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, read->id);
	sqlite3_bind_int64(statement, 2, (int64_t)read->records);
	sqlite3_bind_int64(statement, 3, (int64_t)read->staged);
	sqlite3_bind_int64(statement, 4, (int64_t)read->rejected);
	sqlite3_bind_int(statement, 5, read->broken); /* whoever goes on with it has not seen what broke it */
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (sqlite3_changes(ledger->db) == 1)
		return 0;
	return error_set(err, ERROR_LEDGER_NOT_FOUND, "Begin a new read.", "read %lld of %s has ended, or another one took its place", (long long)read->id,
	                 ledger_object_name(ledger, read->object));
}

static int
move_position(struct ledger *ledger, const struct ledger_read *read, const struct syncline_slice *position, int64_t staged, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, position != NULL ?
		            "INSERT INTO position (object, credentials, staged, moved_us, position) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE"
		            " SET position = excluded.position, staged = excluded.staged, moved_us = excluded.moved_us, moved_by = NULL, why = NULL" :
		            "INSERT INTO position (object, credentials, staged, moved_us) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE"
		            " SET staged = excluded.staged, moved_us = excluded.moved_us", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, read->object);
	sqlite3_bind_int64(statement, 2, read->credentials);
	sqlite3_bind_int64(statement, 3, staged);
	sqlite3_bind_int64(statement, 4, ledger_now(ledger));
	if (position != NULL && position->length > 0)
		ledger_bind_blob(statement, 5, position->data, position->length);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_stage_packed(struct ledger *ledger, struct ledger_read *read, const struct batch *batch, struct syncline_slice ahead, const int64_t *seen,
                    size_t seen_count, uint64_t records, const struct syncline_slice *position, int64_t *ret_id, struct error *err)
{
	uint32_t rows = batch != NULL ? batch->header->record_count : 0;
	struct ledger_read after = *read;
	struct packed packed = { 0 };
	struct buffer runs;
	size_t links;
	int64_t id = 0;
	int result;

	buffer_init(&runs, 0);
	after.records += records;
	after.staged += rows;
	after.rejected += rows > 0 ? count_rejects(batch) : 0;
	result = pack_seen(seen, seen_count, &runs, &links, err);
	if (result == 0 && rows > 0)
		result = packed_batch(ledger, batch, ahead, &packed, err);
	if (result == 0)
		result = insert_batch(ledger, read, rows, &packed, &runs, links, records, &id, err);
	buffer_free(&runs);
	if (result != 0 || count_read(ledger, &after, err) != 0 || move_position(ledger, read, position, id, err) != 0)
		return -1;
	*read = after;
	*ret_id = id;
	return 0;
}

int
ledger_stage(struct ledger *ledger, struct ledger_read *read, const struct batch *batch, const int64_t *seen, size_t seen_count,
             uint64_t records, const struct syncline_slice *position, int64_t *ret_id, struct error *err)
{
	return ledger_stage_packed(ledger, read, batch, (struct syncline_slice){ NULL, 0 }, seen, seen_count, records, position, ret_id, err);
}

/* Ending. */

static int
claim(struct ledger *ledger, int64_t read, const char *tenant, bool complete, struct error *err)
{
	/* Said twice: only what both say counts. */
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "INSERT INTO read_tenant (read, tenant, complete) VALUES (?1, ?2, ?3)"
	                                           " ON CONFLICT DO UPDATE SET complete = min(complete, excluded.complete)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, read);
	ledger_bind_text(statement, 2, tenant);
	sqlite3_bind_int(statement, 3, complete);
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_read_end(struct ledger *ledger, struct ledger_read *read, const struct syncline_completeness *tenants, uint32_t count, bool broken,
                struct error *err)
{
	sqlite3_stmt *statement;
	struct ledger_read after = *read;
	bool all = false, but = false; /* all is claimed, but one tenant is not */

	after.ended = true;
	after.ended_us = ledger_now(ledger);
	after.broken = read->broken || broken || read->epoch != ledger->epoch;
	/* Nothing was there to be read again: that says nothing about what an earlier full read showed. */
	after.full = read->full && (count > 0 || read->records > 0 || after.broken);
	for (uint32_t i = 0; i < count; i++) {
		const char *tenant = tenants[i].tenant != NULL ? tenants[i].tenant : "";

		if (claim(ledger, read->id, tenant, tenants[i].complete != 0, err) != 0)
			return -1;
		all = all || (tenant[0] == '\0' && tenants[i].complete != 0);
		but = but || tenants[i].complete == 0;
	}
	after.complete = read->full && !after.broken && all && !but;
	statement = ledger_statement(ledger, "UPDATE read SET ended = 1, ended_us = ?2, complete = ?3, broken = ?4, \"full\" = ?5 WHERE id = ?1 AND ended = 0",
	                             err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, read->id);
	sqlite3_bind_int64(statement, 2, after.ended_us);
	sqlite3_bind_int(statement, 3, after.complete);
	sqlite3_bind_int(statement, 4, after.broken);
	sqlite3_bind_int(statement, 5, after.full);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	if (sqlite3_changes(ledger->db) != 1)
		return error_set(err, ERROR_LEDGER_NOT_FOUND, "Begin a new read.", "read %lld of %s has ended already, or another one took its place",
		                 (long long)read->id, ledger_object_name(ledger, read->object));
	if (staging_trust_read(ledger, &after, err) != 0)
		return -1;
	*read = after;
	return 0;
}

/*
 * Only the newest full read that ended counts: an older one that was complete says nothing about what came and went since.
 * What the connector said of this tenant goes before what it said of all.
 */
int
ledger_read_complete(struct ledger *ledger, uint32_t object, uint32_t credentials, const char *tenant, uint32_t unit,
                     struct ledger_read *ret_read, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT " READ_COLUMNS " FROM read r WHERE object = ?1 AND credentials = ?2 AND \"full\" = 1 AND ended = 1"
		        " AND id = (SELECT max(id) FROM read INDEXED BY read_full WHERE object = ?1 AND credentials = ?2 AND \"full\" = 1 AND ended = 1)"
		        " AND broken = 0 AND epoch = ?3"
		        " AND coalesce((SELECT complete FROM read_tenant t WHERE t.read = r.id AND t.tenant = ?4),"
		        " (SELECT complete FROM read_tenant t WHERE t.read = r.id AND t.tenant = ''), 0) = 1"
		        " AND NOT EXISTS (SELECT 1 FROM read_used u WHERE u.read = r.id AND u.unit = ?5)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, ledger->epoch);
	ledger_bind_text(statement, 4, tenant);
	sqlite3_bind_int64(statement, 5, unit);
	return find_read(ledger, statement, ret_read, err);
}

int
ledger_read_overtaking(struct ledger *ledger, uint32_t object, uint32_t credentials, const char *tenant, int64_t staged_to, int64_t *ret_read,
                       int64_t *ret_last, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT r.id, coalesce((SELECT max(id) FROM staged_batch WHERE read = r.id), 0) AS last FROM read r INDEXED BY read_full WHERE object = ?1"
		        " AND credentials = ?2 AND \"full\" = 1 AND ended = 1 AND broken = 0 AND epoch = ?3 AND (?5 = 0 OR last <= ?5)"
		        " AND coalesce((SELECT complete FROM read_tenant t WHERE t.read = r.id AND t.tenant = ?4),"
		        " (SELECT complete FROM read_tenant t WHERE t.read = r.id AND t.tenant = ''), 0) = 1 ORDER BY r.id DESC LIMIT 1", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, object);
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, ledger->epoch);
	ledger_bind_text(statement, 4, tenant);
	sqlite3_bind_int64(statement, 5, staged_to);
	if ((status = ledger_step(ledger, statement, err)) < 0)
		return -1;
	*ret_read = status == 1 ? sqlite3_column_int64(statement, 0) : 0;
	*ret_last = status == 1 ? sqlite3_column_int64(statement, 1) : 0;
	sqlite3_reset(statement);
	return 0;
}

int
ledger_read_deleted(struct ledger *ledger, const struct ledger_read *read, uint32_t unit, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "INSERT OR IGNORE INTO read_used (read, unit, at_us) VALUES (?1, ?2, ?3)", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, read->id);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

/* Taking out. */

#define STAGED_COLUMNS                                                                                                            \
	"s.id, s.read, s.object, s.credentials, r.started, s.read_us, r.\"full\", s.rows, s.size, s.sealed, s.data, r.first_link"       \
	" FROM staged_batch s JOIN read r ON r.id = s.read"

/* Its bytes as they are; what is sealed can't be taken so. */
static int
keep_bytes(sqlite3_stmt *statement, struct ledger_staged *staged, struct error *err)
{
	struct syncline_slice bytes = ledger_column_view(statement, 10);

	if ((staged->kept = malloc(bytes.length + 1)) == NULL)
		return error_memory(err);
	if (bytes.length > 0)
		memcpy(staged->kept, bytes.data, bytes.length);
	staged->kept_length = bytes.length;
	staged->kept_size = sqlite3_column_int64(statement, 8);
	return 0;
}

/* 1 with one, 0: none. */
static int
take_staged(struct ledger *ledger, sqlite3_stmt *statement, bool kept, struct ledger_staged *ret_staged, struct error *err)
{
	int status = ledger_step(ledger, statement, err);
	struct ledger_staged staged;

	if (status != 1)
		return status;
	staged = (struct ledger_staged){
		.id = sqlite3_column_int64(statement, 0),
		.read = sqlite3_column_int64(statement, 1),
		.object = (uint32_t)sqlite3_column_int64(statement, 2),
		.credentials = (uint32_t)sqlite3_column_int64(statement, 3),
		.started = (uint64_t)sqlite3_column_int64(statement, 4),
		.read_us = sqlite3_column_int64(statement, 5),
		.full = sqlite3_column_int(statement, 6) != 0,
		.rows = (uint32_t)sqlite3_column_int64(statement, 7),
		.first_link = sqlite3_column_int64(statement, 11),
	};
	if (staged.rows > 0 && kept && sqlite3_column_int(statement, 9) == 0) {
		if (keep_bytes(statement, &staged, err) != 0)
			status = -1;
	} else if (staged.rows > 0) {
		staged.batch = packed_open(ledger, ledger_column_view(statement, 10), sqlite3_column_int64(statement, 8),
		                           sqlite3_column_int(statement, 9) != 0, err);
		if (staged.batch == NULL)
			status = -1;
	}
	sqlite3_reset(statement);
	if (status == 1)
		*ret_staged = staged;
	else
		error_place(err, "staged batch %lld", (long long)staged.id);
	return status;
}

static int
next_staged(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t after, bool kept,
            struct ledger_staged *ret_staged, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT " STAGED_COLUMNS " WHERE s.object = ?1 AND s.credentials = ?2 AND s.rows > 0 AND s.id > max(?5, coalesce((SELECT"
		        " a.staged FROM applied a WHERE a.object = ?1 AND a.credentials = ?2 AND a.flow = ?3 AND a.unit = ?4), 0))"
		        " ORDER BY s.id LIMIT 1", err);

	if (statement == NULL)
		return -1;
	ledger_bind_taker(statement, object, credentials, flow, unit);
	sqlite3_bind_int64(statement, 5, after);
	return take_staged(ledger, statement, kept, ret_staged, err);
}

int
ledger_staged_next(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t after,
                   struct ledger_staged *ret_staged, struct error *err)
{
	return next_staged(ledger, object, credentials, flow, unit, after, false, ret_staged, err);
}

int
ledger_staged_next_kept(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, int64_t after,
                        struct ledger_staged *ret_staged, struct error *err)
{
	return next_staged(ledger, object, credentials, flow, unit, after, true, ret_staged, err);
}

int
ledger_staged_rows(struct ledger *ledger, uint32_t object, uint32_t credentials, uint32_t flow, uint32_t unit, uint64_t *ret_rows,
                   struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, "SELECT coalesce(sum(s.rows), 0) FROM staged_batch s WHERE s.object = ?1 AND s.credentials = ?2 AND s.rows > 0 AND s.id >"
		        " coalesce((SELECT a.staged FROM applied a WHERE a.object = ?1 AND a.credentials = ?2 AND a.flow = ?3 AND a.unit = ?4), 0)", err);

	if (statement == NULL)
		return -1;
	ledger_bind_taker(statement, object, credentials, flow, unit);
	if (ledger_step(ledger, statement, err) != 1)
		return -1;
	*ret_rows = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return 0;
}

int
ledger_staged_get(struct ledger *ledger, int64_t id, struct ledger_staged *ret_staged, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT " STAGED_COLUMNS " WHERE s.id = ?1", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, id);
	status = take_staged(ledger, statement, false, ret_staged, err);
	if (status != 0)
		return status < 0 ? -1 : 0;
	return error_set(err, ERROR_LEDGER_NOT_FOUND, "Read the source again: staging is kept for `agent.keep.staging`.",
	                 "staged batch %lld is not in the ledger, or not any more", (long long)id);
}

/* Care. */

/*
 * Old batches go once every configured flow that uses them has applied them, and no open plan is about them.  A flow that is
 * off doesn't hold them; it is no longer fed then, so that it begins with a read of everything when it is switched on again.
 */
int
ledger_prune_staging(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err)
{
	static const char *const steps[] = {
		"DELETE FROM staged_batch WHERE id IN (SELECT s.id FROM staged_batch s JOIN read r ON r.id = s.read"
		" WHERE s.read_us < ?1 AND r.ended = 1 AND (s.rows = 0 OR s.id <= coalesce((SELECT min(a.staged) FROM applied a"
		" JOIN name n ON n.kind = 'flow' AND n.parent = 0 AND n.id = a.flow AND n.configured = 1"
		" JOIN flag f ON f.flow = a.flow AND f.unit = a.unit AND f.binding = 0 AND f.mode <> 0"
		" WHERE a.object = s.object AND a.credentials = s.credentials), s.id))"
		" AND NOT EXISTS (SELECT 1 FROM plan p WHERE p.state = 0 AND s.id BETWEEN p.staged_from AND p.staged_to)"
		" ORDER BY s.id LIMIT ?2)",
		"DELETE FROM feed WHERE since_us < ?1 AND ?2 > 0 AND NOT EXISTS (SELECT 1 FROM flag f WHERE f.flow = feed.flow AND f.unit = feed.unit"
		" AND f.binding = 0 AND f.mode <> 0) AND EXISTS (SELECT 1 FROM applied a WHERE a.object = feed.object AND a.credentials = feed.credentials"
		" AND a.flow = feed.flow AND a.unit = feed.unit AND a.staged < coalesce((SELECT min(s.id) FROM staged_batch s WHERE"
		" s.object = a.object AND s.credentials = a.credentials), (SELECT max(seq) FROM sqlite_sequence WHERE name = 'staged_batch')) - 1)",
		"DELETE FROM read WHERE id IN (SELECT r.id FROM read r WHERE r.ended = 1 AND r.ended_us < ?1"
		/* In their order, up to the first that is not over: what is kept is not walked each time. */
		" AND r.id < coalesce((SELECT id FROM read NOT INDEXED WHERE ended_us >= ?1 ORDER BY id LIMIT 1), 9223372036854775807)"
		" AND NOT EXISTS (SELECT 1 FROM staged_batch s WHERE s.read = r.id)"
		" AND r.id < (SELECT max(n.id) FROM read n WHERE n.object = r.object AND n.credentials = r.credentials AND n.\"full\" = r.\"full\")"
		" LIMIT ?2)",
		"DELETE FROM read_tenant WHERE NOT EXISTS (SELECT 1 FROM read WHERE id = read_tenant.read) AND ?1 > 0 AND ?2 > 0",
		"DELETE FROM read_used WHERE NOT EXISTS (SELECT 1 FROM read WHERE id = read_used.read) AND ?1 > 0 AND ?2 > 0",
	};
	uint32_t dropped = 0;

	for (size_t i = 0; i < sizeof steps / sizeof *steps && dropped < budget; i++) {
		sqlite3_stmt *statement = ledger_statement(ledger, steps[i], err);

		if (statement == NULL)
			return -1;
		sqlite3_bind_int64(statement, 1, before_us);
		sqlite3_bind_int64(statement, 2, budget - dropped);
		if (ledger_run_statement(ledger, statement, err) != 0)
			return -1;
		dropped += (uint32_t)sqlite3_changes(ledger->db);
	}
	*ret_dropped = dropped;
	return 0;
}

static int
no_fault(void *data, int64_t first, int64_t last)
{
	(void)data;
	return first > 0 && last >= first ? 0 : -1;
}

/* Every row that is kept must open. */
static int
check_packed(struct ledger *ledger, const char *sql, const char *what, ledger_fault *fault, void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	struct error why;
	char sentence[800];
	int status;

	if (statement == NULL)
		return -1;
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		int64_t id = sqlite3_column_int64(statement, 0);
		bool has_data = sqlite3_column_type(statement, 3) != SQLITE_NULL;
		struct batch *batch = NULL;

		if (packed_seen_each(ledger_column_view(statement, 4), no_fault, NULL) != 0) {
			snprintf(sentence, sizeof sentence, "%s %lld: what was seen can't be read", what, (long long)id);
			fault(data, sentence);
		}
		if (!has_data || sqlite3_column_type(statement, 2) == SQLITE_NULL)
			continue;
		if (sqlite3_column_int(statement, 2) != 0 && ledger->options.keys == NULL)
			continue; /* sealed, and nobody here can open it */
		memset(&why, 0, sizeof why);
		batch = packed_open(ledger, ledger_column_view(statement, 3), sqlite3_column_int64(statement, 1), sqlite3_column_int(statement, 2) != 0, &why);
		if (batch == NULL && why.code == ERROR_MEMORY) {
			sqlite3_reset(statement);
			return error_memory(err);
		}
		if (batch == NULL) {
			snprintf(sentence, sizeof sentence, "%s %lld: %s", what, (long long)id, why.message);
			fault(data, sentence);
		}
		batch_free(batch);
	}
	return status;
}

static int
check_rows(struct ledger *ledger, const char *sql, ledger_fault *fault, void *data, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);
	int status;

	if (statement == NULL)
		return -1;
	while ((status = ledger_step(ledger, statement, err)) == 1)
		fault(data, (const char *)sqlite3_column_text(statement, 0));
	return status;
}

int
ledger_check_staging(struct ledger *ledger, ledger_fault *fault, void *data, struct error *err)
{
	static const char *const rules[] = {
		"SELECT 'staged batch ' || s.id || ' belongs to read ' || s.read || ', which is not there' FROM staged_batch s"
		" WHERE NOT EXISTS (SELECT 1 FROM read r WHERE r.id = s.read) LIMIT 100",
		"SELECT 'staged batch ' || s.id || ' says that it has ' || s.rows || ' rows and has no data' FROM staged_batch s"
		" WHERE s.rows > 0 AND s.data IS NULL LIMIT 100",
		"SELECT 'flow ' || a.flow || ' has applied staged batch ' || a.staged || ' of object ' || a.object || ', which was never stored' FROM applied a"
		" WHERE a.staged > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'staged_batch'), 0) LIMIT 100",
		"SELECT 'the position of object ' || p.object || ' follows staged batch ' || p.staged || ', which was never stored' FROM position p"
		" WHERE p.staged > coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'staged_batch'), 0) LIMIT 100",
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (check_rows(ledger, rules[i], fault, data, err) != 0)
			return -1;
	if (check_packed(ledger, "SELECT id, size, sealed, data, seen FROM staged_batch", "staged batch", fault, data, err) != 0)
		return -1;
	return check_packed(ledger, "SELECT id, size, sealed, data, NULL FROM waiter", "waiting row", fault, data, err);
}
