/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-oom-write.c: writing with every allocation of the connector and of SQLite failing once and from then on.  After each call
 * the database itself says of every item whether it is there, and the reports must agree with it.
 */
#include "test-oom.h"

#define ITEMS 8

struct report {
	unsigned times;
	uint32_t error_class, applied;
	char id[64], version[32];
};

/* An item, and how the database tells that it is there: one of the two queries returns a row.  {ID} is the id that was reported. */
struct item {
	uint8_t op;
	const char *id, *version, *text[3];
	uint32_t error_class; /* with all the memory it wants */
	const char *applied, *untouched;
};

struct story {
	struct bed *bed;
	const struct syncline_field *fields;
	uint32_t field_count;
	const struct item *items;
	uint32_t count;
	struct report reports[ITEMS];
};
static struct story story;

static const char *
stored_text(const struct syncline_value *v)
{
	static char text[64];

	if (v->type == SYNCLINE_TYPE_INTEGER || v->type == SYNCLINE_TYPE_TIMESTAMP || v->type == SYNCLINE_TYPE_DATE)
		snprintf(text, sizeof text, "%u:%lld", v->type, (long long)v->u.integer);
	else
		snprintf(text, sizeof text, "%u:%.*s", v->type, (int)v->length, v->length > 0 ? (const char *)v->u.data : "");
	return text;
}

static void
reported(const struct syncline_results *results, uint32_t index, const struct syncline_write_result *r)
{
	struct bed *b = results->host_data;
	struct report *to = &story.reports[index];

	if (index >= story.count)
		abort();
	to->times++;
	to->error_class = r->error_class;
	to->applied = r->error != NULL ? r->error->applied : SYNCLINE_APPLIED_MAYBE;
	snprintf(to->id, sizeof to->id, "%.*s", (int)r->native_id.length, r->native_id.length > 0 ? (const char *)r->native_id.data : "");
	snprintf(to->version, sizeof to->version, "%.*s", (int)r->version.length, r->version.length > 0 ? (const char *)r->version.data : "");
	note(b, "%u: class %u id %s version %s", index, r->error_class, to->id, to->version);
	for (uint32_t i = 0; r->stored != NULL && i < r->stored->value_count; i++)
		note(b, " %s", stored_text(&r->stored->values[i]));
	note(b, "\n");
}

static struct syncline_batch *
batch_of(const struct item *items, uint32_t count)
{
	struct syncline_batch *batch = bench_batch_new(NULL);
	uint32_t result = batch != NULL ? bench_batch_service.set_fields(batch, story.fields, story.field_count, NULL) : SYNCLINE_RETRY;

	for (uint32_t i = 0; result == SYNCLINE_OK && i < count; i++) {
		struct syncline_value values[3];
		struct syncline_record r = syncline_record(items[i].op);

		for (uint32_t k = 0; k < story.field_count; k++)
			values[k] = items[i].text[k] != NULL ? syncline_string(items[i].text[k]) : syncline_absent();
		/* The second field is a time where its name says so: SQLite copies what is bound for it. */
		if (strcmp(story.fields[1].name, "at") == 0 && items[i].text[1] != NULL)
			values[1] = syncline_timestamp(INT64_C(1772281800000000));
		if (items[i].id != NULL)
			r.native_id = syncline_string(items[i].id);
		if (items[i].version != NULL)
			r.version = syncline_string(items[i].version);
		r.note = syncline_bytes("0123456789abcdef", 16);
		r.values = values;
		r.value_count = story.field_count;
		result = bench_batch_service.add(batch, &r, NULL);
	}
	if (result == SYNCLINE_OK && bench_batch_finish(batch, NULL) == 0)
		return batch;
	bench_batch_free(batch);
	return NULL;
}

/* Whether the query returns a row, asked by a connection of the test's own. */
static int
there(sqlite3 *db, const char *query, const char *id, const char *version)
{
	sqlite3_stmt *s = NULL;
	int rc;

	if (sqlite3_prepare_v2(db, query, -1, &s, NULL) != SQLITE_OK)
		abort();
	if (sqlite3_bind_parameter_index(s, ":id") > 0)
		sqlite3_bind_text(s, sqlite3_bind_parameter_index(s, ":id"), id, -1, SQLITE_STATIC);
	if (sqlite3_bind_parameter_index(s, ":version") > 0)
		sqlite3_bind_text(s, sqlite3_bind_parameter_index(s, ":version"), version, -1, SQLITE_STATIC);
	rc = sqlite3_step(s);
	sqlite3_finalize(s);
	return rc == SQLITE_ROW;
}

/* NULL, or what the report of an item and the database disagree on. */
static const char *
disagreement(sqlite3 *db, uint32_t index, uint32_t result)
{
	const struct item *item = &story.items[index];
	const struct report *r = &story.reports[index];
	struct bed *b = story.bed;
	int applied = there(db, item->applied, r->id, r->version), untouched = there(db, item->untouched, r->id, r->version);

	if (r->times > 1)
		return "it was reported twice";
	if (r->times == 0 && result == SYNCLINE_OK)
		return "it was not reported";
	if (r->times == 1 && r->error_class == SYNCLINE_OK && item->error_class != SYNCLINE_OK)
		return "it was committed, and had to be refused";
	if (r->times == 1 && r->error_class == SYNCLINE_OK)
		return !applied ? "it was reported as committed, and is not there so" : untouched ? "the test's queries are wrong" : NULL;
	if (r->times == 1 && r->error_class != item->error_class && r->error_class != SYNCLINE_RETRY)
		return "its class is another one";
	if (r->times == 1 && r->applied == SYNCLINE_APPLIED_NO && !untouched)
		return "it was reported as not applied, and the row is another one";
	if (r->times == 0 && b->err.applied == SYNCLINE_APPLIED_NO && !untouched)
		return "the call was not applied, and the row is another one";
	/* Not known to the agent; but nothing in between. */
	if (r->times == 0 && !untouched && !there(db, item->applied, "", ""))
		return strstr(item->applied, ":id") == NULL && item->error_class == SYNCLINE_OK ? "it is half written" : NULL;
	return NULL;
}

static int
check_database(uint32_t result)
{
	struct bed *b = story.bed;
	int faults = 0;
	sqlite3 *db;

	quiet++;
	if (sqlite3_open(b->path, &db) != SQLITE_OK)
		abort();
	/* The instance is still open: it must hold no lock. */
	if (sqlite3_exec(db, "BEGIN IMMEDIATE; ROLLBACK;", NULL, NULL, NULL) != SQLITE_OK) {
		print_message("after the call: %s\n", sqlite3_errmsg(db));
		faults++;
	}
	for (uint32_t i = 0; i < story.count; i++) {
		const char *fault = disagreement(db, i, result);

		if (fault != NULL) {
			print_message("item %u, reported %u times with class %u, the call's class %u, applied %u: %s\n", i, story.reports[i].times,
			              story.reports[i].error_class, result, b->err.applied, fault);
			faults++;
		}
	}
	sqlite3_close(db);
	quiet--;
	return faults;
}

static int
writes(void *arg)
{
	struct bed *b = arg;
	const struct syncline_sink_v1 *sink = part(b, "sink/1");
	const struct syncline_count_v1 *count = part(b, "count/1");
	struct syncline_results results = { .struct_size = sizeof results, .report = reported, .host_data = b };
	struct syncline_batch *batch = batch_of(story.items, story.count);
	void *instance = NULL;
	uint32_t result = SYNCLINE_RETRY, again;
	int short_of_memory = 0, faults;
	uint64_t rows;

	memset(story.reports, 0, sizeof story.reports);
	if (batch == NULL)
		return -1;
	result = begin(b, &instance);
	if (result == SYNCLINE_OK)
		result = sink->write(instance, bench_call(&b->bench, 0), &b->object, batch, &results, &b->err);
	faults = check_database(result);
	for (uint32_t i = 0; i < story.count; i++)
		short_of_memory |= story.reports[i].error_class != story.items[i].error_class;
	/* Whatever happened, the instance goes on. */
	if (result == SYNCLINE_RETRY) {
		struct syncline_error err = { .struct_size = sizeof err };

		again = instance != NULL ? count->count(instance, bench_call(&b->bench, 0), &b->object, &rows, &err) : SYNCLINE_OK;
		if (again == SYNCLINE_OK && instance != NULL) {
			memset(story.reports, 0, sizeof story.reports);
			again = sink->write(instance, bench_call(&b->bench, 0), &b->object, batch, &results, &err);
		}
		if (again != SYNCLINE_OK && again != SYNCLINE_RETRY) {
			print_message("the next call says class %u: %s %s\n", again, err.message, err.detail);
			faults++;
		}
	}
	if (instance != NULL)
		b->c->close(instance);
	bench_batch_free(batch);
	if (faults != 0)
		return 1;
	if (result == SYNCLINE_OK && short_of_memory)
		return -1;
	if (result == SYNCLINE_OK)
		return verdict(b, result);
	b->n = 0; /* reports may come in any order and of part of the items alone */
	return verdict(b, result);
}

static void
write_each(struct bed *b, const char *database, const struct syncline_field *fields, uint32_t field_count, const struct item *items, uint32_t count)
{
	model(b, database);
	story = (struct story){ .bed = b, .fields = fields, .field_count = field_count, .items = items, .count = count };
	b->writes = 1;
	each(b, writes, 1);
	each(b, writes, 0);
	assert_int_equal(sql(b, "SELECT CASE integrity_check WHEN 'ok' THEN 1 ELSE abs(-9223372036854775808) END FROM pragma_integrity_check"), SQLITE_OK);
}

#define FIELD(text) { .struct_size = sizeof(struct syncline_field), .name = text }
static const struct syncline_field ext_at_json[] = { FIELD("ext"), FIELD("at"), FIELD("j") };
static const struct syncline_field ext_name_sum[] = { FIELD("ext"), FIELD("name"), FIELD("sum") };
#define AT "'2026-02-28 12:30:00'"

/* Creates, one of them of a record that is there already; an update by version, a stale one, one of nothing; a delete. */
static void
every_operation(void **state)
{
	static const struct item items[] = {
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e1", "t", "{\"a\":1}" }, SYNCLINE_OK,
		  "SELECT 1 FROM t WHERE id = :id AND ext = 'e1' AND at = " AT " AND j = '{\"a\":1}' AND v = :version",
		  "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE ext = 'e1')" },
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e10", "t", "{not}" }, SYNCLINE_OK, "SELECT 1 FROM t WHERE id = 10 AND at = " AT " AND j = '{not}' AND v = 2",
		  "SELECT 1 FROM t WHERE id = 10 AND at = 'old' AND j IS NULL AND v = 1" },
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e2", "t", "bad" }, SYNCLINE_INVALID, "SELECT 1 FROM t WHERE ext = 'e2'",
		  "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE ext = 'e2')" },
		{ SYNCLINE_OP_UPDATE, "11", "1", { NULL, "t", NULL }, SYNCLINE_OK, "SELECT 1 FROM t WHERE id = 11 AND at = " AT " AND v = 2",
		  "SELECT 1 FROM t WHERE id = 11 AND at = 'old' AND v = 1" },
		{ SYNCLINE_OP_UPDATE, "12", "7", { NULL, "t", NULL }, SYNCLINE_CONFLICT, "SELECT 1 FROM t WHERE id = 12 AND at = " AT,
		  "SELECT 1 FROM t WHERE id = 12 AND at = 'old' AND v = 1" },
		{ SYNCLINE_OP_UPDATE, "99", NULL, { NULL, "t", NULL }, SYNCLINE_NOT_FOUND, "SELECT 1 FROM t WHERE id = 99",
		  "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE id = 99)" },
		{ SYNCLINE_OP_DELETE, "13", NULL, { NULL, NULL, NULL }, SYNCLINE_OK, "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE id = 13)",
		  "SELECT 1 FROM t WHERE id = 13 AND at = 'old'" },
		{ SYNCLINE_OP_UPDATE, "20", "1", { NULL, NULL, NULL }, SYNCLINE_OK, "SELECT 1 FROM t WHERE id = 20 AND at = 'old' AND v = 2",
		  "SELECT 1 FROM t WHERE id = 20 AND at = 'old' AND v = 1" },
	};
	struct bed *b = *state;

	b->object.external_key = "ext";
	b->object.version = "v";
	write_each(b, "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, at DATETIME, j JSON CHECK (j <> 'bad'), v INTEGER DEFAULT 1);"
	              "INSERT INTO t(id, ext, at) VALUES(10, 'e10', 'old'), (11, 'e11', 'old'), (12, 'e12', 'old'), (13, 'e13', 'old'), (20, 'e20', 'old');",
	           ext_at_json, 3, items, ITEMS);
	assert_non_null(strstr(b->expected, "0: class 0 id 21 version 1 5:e1 7:1772281800000000 9:{\"a\":1}\n"));
}

/* The row is read again after its triggers, which is after it was written. */
static void
rows_that_triggers_change(void **state)
{
	static const struct item items[] = {
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e1", "one", "1.5" }, SYNCLINE_OK,
		  "SELECT 1 FROM t WHERE a = 'new' AND ext = 'e1' AND name = 'ONE' AND v = 'one!' AND :version = v AND :id = 'new|e1'",
		  "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE ext = 'e1')" },
		{ SYNCLINE_OP_UPDATE, "x\\|y|e2", "w", { NULL, "two", NULL }, SYNCLINE_OK,
		  "SELECT 1 FROM t WHERE a = 'x|y' AND ext = 'e2' AND name = 'TWO' AND v = 'two!' AND sum = 2",
		  "SELECT 1 FROM t WHERE a = 'x|y' AND ext = 'e2' AND name = 'old' AND v = 'w' AND sum = 2" },
		{ SYNCLINE_OP_UPDATE, "x\\|y|e3", "stale", { NULL, "three", NULL }, SYNCLINE_CONFLICT, "SELECT 1 FROM t WHERE ext = 'e3' AND name <> 'old'",
		  "SELECT 1 FROM t WHERE a = 'x|y' AND ext = 'e3' AND name = 'old' AND v = 'w'" },
		{ SYNCLINE_OP_UPDATE, "x\\|y|e4", NULL, { NULL, "four", NULL }, SYNCLINE_NOT_FOUND, "SELECT 1 FROM t WHERE ext = 'e4'",
		  "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE ext = 'e4')" },
		{ SYNCLINE_OP_DELETE, "x\\|y|e5", "w", { NULL, NULL, NULL }, SYNCLINE_OK, "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE ext = 'e5')",
		  "SELECT 1 FROM t WHERE ext = 'e5' AND name = 'old'" },
	};
	static const char database[] =
	    "CREATE TABLE t(a TEXT NOT NULL DEFAULT 'new', ext TEXT NOT NULL, name TEXT, sum DECIMAL, v TEXT, PRIMARY KEY(a, ext)) WITHOUT ROWID;"
	    "INSERT INTO t VALUES('x|y', 'e2', 'old', 2, 'w'), ('x|y', 'e3', 'old', 2, 'w'), ('x|y', 'e5', 'old', 2, 'w');"
	    "CREATE TRIGGER i AFTER INSERT ON t BEGIN UPDATE t SET name = upper(new.name), v = new.name || '!' WHERE a = new.a AND ext = new.ext; END;"
	    "CREATE TRIGGER u AFTER UPDATE OF name ON t WHEN new.name <> upper(new.name) BEGIN"
	    " UPDATE t SET name = upper(new.name), v = new.name || '!' WHERE a = new.a AND ext = new.ext; END;";
	char wide[2048];
	struct bed *b = *state;

	b->object.version = "v";
	write_each(b, database, ext_name_sum, 3, items, 5);
	assert_non_null(strstr(b->expected, "0: class 0 id new|e1 version one! 5:e1 5:ONE"));
	snprintf(wide, sizeof wide, "PRAGMA encoding = 'UTF-16be'; %s", database);
	write_each(b, wide, ext_name_sum, 3, items, 5);
}

/* One item undoes the transaction of all, another is found at its end: they are written again without them, one by one. */
static void
transactions_that_begin_again(void **state)
{
#define ABSENT(ext) "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM t WHERE ext = '" ext "')"
	static const struct item items[] = {
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e1", "one", NULL }, SYNCLINE_OK, "SELECT 1 FROM t WHERE id = :id AND ext = 'e1' AND name = 'one'", ABSENT("e1") },
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e2", "rollback", NULL }, SYNCLINE_INVALID, "SELECT 1 FROM t WHERE ext = 'e2'", ABSENT("e2") },
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e3", "broken", NULL }, SYNCLINE_INVALID, "SELECT 1 FROM t WHERE ext = 'e3'", ABSENT("e3") },
		{ SYNCLINE_OP_CREATE, NULL, NULL, { "e4", "four", "1.25" }, SYNCLINE_OK, "SELECT 1 FROM t WHERE id = :id AND ext = 'e4' AND name = 'four'", ABSENT("e4") },
	};
	struct bed *b = *state;

	b->object.external_key = "ext";
	write_each(b, "CREATE TABLE p(id INTEGER PRIMARY KEY);"
	              "CREATE TABLE t(id INTEGER PRIMARY KEY, ext TEXT UNIQUE, name TEXT, sum TEXT, p INTEGER REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED);"
	              "CREATE TRIGGER i AFTER INSERT ON t BEGIN UPDATE t SET p = 77 WHERE id = new.id AND name = 'broken';"
	              " SELECT RAISE(ROLLBACK, 'no') WHERE new.name = 'rollback'; END;",
	           ext_name_sum, 3, items, 4);
	assert_non_null(strstr(b->expected, "3: class 0 id 2 version  5:e4 5:four 5:1.25"));
}

int
main(void)
{
	struct syncline_batch *first = bench_batch_new(NULL);
	const struct CMUnitTest tests[] = { TEST(every_operation), TEST(rows_that_triggers_change), TEST(transactions_that_begin_again) };

	bench_batch_free(first); /* the bench made what it keeps for the life of the process */
	blocks_begin();
	return cmocka_run_group_tests_name("sqlite written to without memory", tests, NULL, NULL);
}
