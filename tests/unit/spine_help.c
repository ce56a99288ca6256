/* SPDX-License-Identifier: BSD-2-Clause */
/* spine_help.c: see spine_help.h. */
#include "spine_help.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connectors.h"
#include "ledger/findings.h"
#include "memory_vfs.h"
#include "oom.h"
#include "oom_sqlite.h"

#define HOUR_US (INT64_C(3600) * 1000000)

static bool in_child;

/* What a stamp on a real disk waits for is not what is tested here. */
int __wrap_fsync(int fd);
int
__wrap_fsync(int fd)
{
	(void)fd;
	return 0;
}

void
spine_fail(const char *format, ...)
{
	char text[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (in_child) {
		fprintf(stderr, "%s\n", text);
		_exit(1);
	}
	fail_msg("%s", text);
	abort();
}

static const char configuration[] =
	"agent: { timezone = \"UTC\"; };\n"
	"systems: {\n"
	" erp: { connector = \"sqlite\"; settings: { path = \"@/erp.db\"; };\n"
	"  objects: { kunden: { native = \"kunden\"; key = [ \"nr\" ]; reads = \"full\"; };\n"
	"   auftraege: { native = \"auftraege\"; key = [ \"nr\" ]; reads = \"full\"; }; }; };\n"
	" crm: { connector = \"sqlite\"; access = \"write\"; settings: { path = \"@/crm.db\"; };\n"
	"  objects: { accounts: { native = \"accounts\"; key = [ \"id\" ]; external_key = \"ext_id\"; version = \"version\"; reads = \"full\"; };\n"
	"   orders: { native = \"orders\"; key = [ \"id\" ]; external_key = \"ext_id\"; }; }; };\n"
	" files: { connector = \"folder\"; settings: { directory = \"@/files\"; };"
	"  objects: { docs: { native = \"/docs\"; key = [ \"path\" ]; content = \"content\"; }; }; };\n"
	" dms: { connector = \"folder\"; access = \"write\"; settings: { directory = \"@/dms\"; };"
	"  objects: { papers: { native = \"/papers\"; key = [ \"path\" ]; content = \"content\"; external_key = \"ref\"; }; }; }; };\n"
	"entities: {\n"
	" customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );\n"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; max_length = 20; }; phone: { type = \"text\"; owner = \"crm\"; };\n"
	"   size: { type = \"integer\"; }; tags: { type = \"list\"; policy = \"union\"; key = [ \"tag\" ]; fields: { tag: { type = \"text\"; }; }; }; }; };\n"
	" sales_order: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } ); fields: { number: { type = \"text\"; };"
	"  customer: { type = \"ref\"; entity = \"customer\"; required = true; wait = \"30d\"; }; }; };\n"
	" paper: { owner = \"files\"; match = ( { exact = [ \"number\" ]; } ); fields: { number: { type = \"text\"; };"
	"  pdf: { type = \"content\"; mode = \"copy\"; }; }; }; };\n"
	"flows: {\n"
	" customers: { entity = \"customer\"; responsible: { business = \"b\"; technical = \"t\"; };\n"
	"  guards: { missing_rows = \"100%\"; creates = \"100%\"; updates = \"100%\"; cleared = \"100%\"; deletes = \"100%\"; };\n"
	"  bindings: {\n"
	"   erp: { object = \"kunden\"; trigger: { every = \"1h\"; }; originates = true; deletes: { seen = \"accept\"; };\n"
	"    map = ( [ \"number\", \"nr\" ], [ \"name\", \"name\" ], [ \"size\", \"size\" ], [ \"tags\", \"tags\" ] ); };\n"
	"   crm: { object = \"accounts\"; create_if = \"true\"; trigger: { every = \"1h\"; }; deletes: { do = \"delete\"; };~\n"
	"    map = ( [ \"number\", \"number\" ], [ \"name\", \"name\" ], [ \"phone\", \"phone\" ], [ \"tags\", \"tags\" ] );\n"
	"    write = ( [ \"erp_id\", \"link('erp')\" ] ); }; }; };\n"
	" orders: { entity = \"sales_order\"; after = [ \"customers\" ]; responsible: { business = \"b\"; technical = \"t\"; };\n"
	"  bindings: {\n"
	"   erp: { object = \"auftraege\"; trigger: { every = \"1h\"; }; originates = true; map = ( [ \"number\", \"nr\" ] );\n"
	"    read: { customer = \"ref('kunden', kunde)\"; }; };\n"
	"   crm: { object = \"orders\"; create_if = \"true\";\n"
	"    write = ( [ \"number\", \"number\" ], [ \"account\", \"link('crm', customer)\" ] ); }; }; };\n"
	" papers: { entity = \"paper\"; responsible: { business = \"b\"; technical = \"t\"; };\n"
	"  bindings: {\n"
	"   files: { object = \"docs\"; trigger: { every = \"1h\"; }; originates = true; map = ( [ \"number\", \"path\" ] ); read: { pdf = \"content()\"; }; };\n"
	"   dms: { object = \"papers\"; create_if = \"true\"; path = \"number || '.pdf'\";\n"
	"    write = ( [ \"content\", \"pdf\" ], [ \"number\", \"number\" ] ); }; }; }; };\n";

static const char *const flows[] = { "customers", "orders", "papers" };
#define FLOWS (sizeof flows / sizeof *flows)

static void
configure(struct spine *spine)
{
	struct config_source source = { .name = "test.conf" };
	struct config_options config = { .sources = &source, .source_count = 1 };
	struct diagnostics diagnostics;
	struct buffer whole;

	buffer_init(&whole, 0);
	for (const char *c = configuration; *c != '\0'; c++)
		if (*c == '@')
			buffer_text(&whole, spine->dir);
		else if (*c == '~')
			buffer_text(&whole, (spine->flows & SPINE_READBACK) != 0 ? " confirm: { by = \"readback\"; within = \"36h\"; };" : "");
		else
			buffer_char(&whole, *c);
	source.data = whole.data;
	source.length = whole.length;
	diagnostics_init(&diagnostics);
	if (config_load(&config, &spine->model, &diagnostics) != 0)
		spine_fail("%s: %s (%s)", diagnostics.items[0].error.place, diagnostics.items[0].error.message, diagnostics.items[0].error.hint);
	diagnostics_free(&diagnostics);
	buffer_free(&whole);
}

static int64_t
tell_time(void *data)
{
	return ((struct spine *)data)->clock_us;
}

/* In the test only: a run that is to be at rest waits for what is due later. */
static void
pass_time(void *data, int64_t ms)
{
	((struct spine *)data)->clock_us += ms * 1000;
}

void
spine_open(struct spine *spine)
{
	const struct ledger_options ledger = { .state_dir = spine->dir, .mode = LEDGER_ENGINE, .model = spine->model, .now_us = tell_time,
		.now_data = spine };
	struct engine_options engine = { .model = spine->model, .systems = &spine->systems };
	struct error err = { 0 };

	must(ledger_open(&ledger, &spine->ledger, &err), err);
	engine.ledger = spine->ledger;
	must(engine_open(&engine, &spine->engine, &err), err);
}

void
spine_close(struct spine *spine)
{
	engine_close(spine->engine);
	ledger_close(spine->ledger);
	spine->engine = NULL;
	spine->ledger = NULL;
}

struct asking {
	struct buffer *to;
	const char *before;
};

static int
take_row(void *data, int count, char **values, char **names)
{
	struct asking *asking = data;

	(void)names;
	if (asking == NULL)
		return 0;
	buffer_text(asking->to, asking->before);
	for (int i = 0; i < count; i++)
		buffer_format(asking->to, "|%s", values[i] != NULL ? values[i] : "NULL");
	buffer_char(asking->to, '\n');
	return 0;
}

static sqlite3 *
open_database(struct spine *spine, const char *name)
{
	char path[300];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/%s", spine->dir, name);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		spine_fail("%s: %s", path, sqlite3_errmsg(db));
	return db;
}

static void
ask(sqlite3 *db, const char *sql, struct asking *asking)
{
	char *said = NULL;

	if (sqlite3_exec(db, sql, take_row, asking, &said) != SQLITE_OK)
		spine_fail("%s: %s", sql, said);
}

static void
close_database(sqlite3 *db)
{
	if (sqlite3_close(db) != SQLITE_OK)
		spine_fail("a database of the test is not closed");
}

void
spine_sql(struct spine *spine, const char *database, const char *sql)
{
	sqlite3 *db;

	oom_sqlite_quiet++;
	db = open_database(spine, database);
	ask(db, sql, NULL);
	close_database(db);
	oom_sqlite_quiet--;
}

void
spine_expect(struct spine *spine, const char *database, const char *sql)
{
	struct buffer text;
	struct asking asking = { &text, "" };
	sqlite3 *db;

	oom_sqlite_quiet++;
	buffer_init(&text, 0);
	db = open_database(spine, database);
	ask(db, sql, &asking);
	close_database(db);
	if (text.length == 0)
		spine_fail("there is nothing of: %s", sql);
	buffer_free(&text);
	oom_sqlite_quiet--;
}

void
spine_document(struct spine *spine, const char *name, const char *bytes)
{
	char path[400];
	FILE *file;

	snprintf(path, sizeof path, "%s/files/docs/%s.pdf", spine->dir, name);
	file = fopen(path, "w");
	if (file == NULL || fputs(bytes, file) < 0 || fclose(file) != 0)
		spine_fail("%s: %s", path, strerror(errno));
}

void
spine_flag(struct spine *spine, enum ledger_flag_mode mode)
{
	struct error err = { 0 };

	must(ledger_begin(spine->ledger, &err), err);
	for (size_t i = 0; i < FLOWS; i++) {
		const struct ledger_flag flag = { .flow = ledger_flow_id(spine->ledger, config_flow(spine->model, flows[i])),
			.unit = ledger_unit_id(spine->ledger, NULL), .mode = (uint8_t)mode, .who = "test", .why = "test" };

		must(ledger_flag_set(spine->ledger, &flag, &err), err);
	}
	must(ledger_commit(spine->ledger, &err), err);
	spine->clock_us += 1000000;
}

void
spine_first_rows(struct spine *spine)
{
	spine_sql(spine, "erp.db", "INSERT INTO kunden VALUES ('K1', 'Anna', 10, '[{\"tag\":\"a\"}]'), ('K2', 'Berta', 20, NULL), ('K3', 'Carla', 30, NULL)");
}

void
spine_changes(struct spine *spine)
{
	spine_first_rows(spine);
	spine_rest(spine);
	spine_sql(spine, "erp.db", "UPDATE kunden SET name = 'Anneliese', size = NULL WHERE nr = 'K1'; DELETE FROM kunden WHERE nr = 'K3';"
	                           "INSERT INTO kunden VALUES ('K4', 'Dora', 40, NULL), ('K5', 'a name that is far too long for it', 1, NULL)");
	spine_sql(spine, "crm.db", "UPDATE accounts SET phone = '+49 22', version = version + 1 WHERE number = 'K1'");
}

struct spine *
spine_new(unsigned which)
{
	static const char *const folders[] = { "files", "files/docs", "dms", "dms/papers" };
	struct spine *spine = calloc(1, sizeof *spine);
	const char *tmp = getenv("TMPDIR");
	char path[1024];
	int status;

	if (spine == NULL || getenv("SYNCLINE_CONNECTORS") == NULL)
		spine_fail("SYNCLINE_CONNECTORS is not set");
	spine->flows = which;
	snprintf(spine->dir, sizeof spine->dir, "%s/syncline-spine.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(spine->dir) == NULL)
		spine_fail("%s: %s", spine->dir, strerror(errno));
	snprintf(spine->connectors, sizeof spine->connectors, "%s/connectors", spine->dir);
	if (mkdir(spine->connectors, 0700) != 0)
		spine_fail("%s: %s", spine->connectors, strerror(errno));
	if ((status = connectors_link(getenv("SYNCLINE_CONNECTORS"), spine->connectors)) != 0)
		spine_fail("%s: %s", spine->connectors, strerror(status));
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "%s/%s", spine->dir, folders[i]);
		if (mkdir(path, 0700) != 0)
			spine_fail("%s: %s", path, strerror(errno));
	}
	spine->systems = (struct systems){ .connector_dir = spine->connectors, .direct = true };
	spine->clock_us = INT64_C(1800000000) * 1000000;
	/* The connector looks whether its database is there. */
	for (size_t i = 0; i < 2; i++) {
		FILE *file;

		snprintf(path, sizeof path, "%s/%s", spine->dir, i == 0 ? "erp.db" : "crm.db");
		if ((file = fopen(path, "w")) == NULL || fclose(file) != 0)
			spine_fail("%s: %s", path, strerror(errno));
	}
	spine_sql(spine, "erp.db", "CREATE TABLE kunden (nr TEXT PRIMARY KEY, name TEXT, size INTEGER, tags JSON);"
	                           "CREATE TABLE auftraege (nr TEXT PRIMARY KEY, kunde TEXT);");
	spine_sql(spine, "crm.db", "CREATE TABLE accounts (id INTEGER PRIMARY KEY AUTOINCREMENT, ext_id TEXT UNIQUE, number TEXT, name TEXT, phone TEXT,"
	                           " tags JSON, erp_id TEXT, version INTEGER DEFAULT 1);"
	                           "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, ext_id TEXT UNIQUE, number TEXT, account INTEGER);"
	                           "CREATE TABLE log (what TEXT);"
	                           "CREATE TRIGGER inserted AFTER INSERT ON accounts BEGIN INSERT INTO log VALUES ('insert ' || new.number); END;"
	                           "CREATE TRIGGER deleted AFTER DELETE ON accounts BEGIN INSERT INTO log VALUES ('delete ' || old.number); END;"
	                           "CREATE TRIGGER ordered AFTER INSERT ON orders BEGIN INSERT INTO log VALUES ('order ' || new.number); END;");
	configure(spine);
	spine_open(spine);
	spine_flag(spine, LEDGER_FLAG_ON);
	return spine;
}

void
spine_free(struct spine *spine)
{
	char command[400];

	spine_close(spine);
	config_free(spine->model);
	snprintf(command, sizeof command, "rm -rf '%s'", spine->dir);
	if (system(command) != 0)
		spine_fail("%s", command);
	free(spine->expected);
	free(spine);
}

/* ---- what the product does ---- */

static void
ended(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why)
{
	struct spine *spine = data;

	spine->state = run->state;
	if (run->state != LEDGER_RUN_HELD && run->counts[LEDGER_COUNT_CREATED] + run->counts[LEDGER_COUNT_CHANGED] + run->counts[LEDGER_COUNT_DELETED] > 0)
		spine->did = run->number;
	spine->plan = plan != NULL && run->state == LEDGER_RUN_HELD ? plan->number : 0;
	if (why != NULL)
		spine->ended = *why;
}

/* A run that the ledger calls failed is one that fails here. */
static int
verdict(struct spine *spine, int result, struct error *err)
{
	if (result == 0 && spine->ended.code != ERROR_NONE) {
		*err = spine->ended;
		return -1;
	}
	return result;
}

int
spine_run(struct spine *spine, const char *flow, struct error *err)
{
	const struct run_options options = { .engine = spine->engine, .flow = config_flow(spine->model, flow), .cause = "manual", .ended = ended,
		.data = spine };
	struct run_result result;

	memset(&spine->ended, 0, sizeof spine->ended);
	spine->plan = 0;
	return verdict(spine, run_flow(&options, &result, err), err);
}

int
spine_apply_plan(struct spine *spine, struct error *err)
{
	const struct apply_options options = { .engine = spine->engine, .plan = spine->plan, .ended = ended, .data = spine };
	struct run_result result;

	memset(&spine->ended, 0, sizeof spine->ended);
	return verdict(spine, run_apply(&options, &result, err), err);
}

int
spine_rollback(struct spine *spine, struct error *err)
{
	const struct rollback_options options = { .engine = spine->engine, .run = spine->did, .ended = ended, .data = spine };
	struct run_result result;

	memset(&spine->ended, 0, sizeof spine->ended);
	spine->plan = 0;
	return verdict(spine, run_rollback(&options, &result, err), err);
}

/* The parts of a run without the run around them. */
static int
begin_part(struct spine *spine, const char *flow, struct error *err)
{
	struct ledger *ledger = spine->ledger;

	memset(&spine->run, 0, sizeof spine->run);
	spine->run.unit = ledger_unit_id(ledger, NULL);
	spine->run.flow = ledger_flow_id(ledger, config_flow(spine->model, flow));
	spine->run.cause = "schedule";
	spine->intake = (struct intake){ .engine = spine->engine, .flow = config_flow(spine->model, flow), .flow_id = spine->run.flow,
		.unit_id = spine->run.unit, .run = &spine->run, .run_time_us = spine->clock_us };
	return ledger_run_begin(ledger, spine->run.flow, spine->run.unit, "schedule", &spine->run.number, NULL, err);
}

static int
end_part(struct spine *spine, int result, struct error *err)
{
	struct error second = { 0 };

	spine->run.state = result == 0 ? LEDGER_RUN_DONE : LEDGER_RUN_FAILED;
	spine->run.ended_us = spine->clock_us;
	if (ledger_begin(spine->ledger, &second) == 0) {
		if (ledger_run_end(spine->ledger, &spine->run, &second) == 0 && ledger_commit(spine->ledger, &second) == 0)
			return result;
		ledger_rollback(spine->ledger);
	}
	if (result == 0)
		*err = second;
	return -1;
}

int
spine_read(struct spine *spine, const char *flow, struct error *err)
{
	struct intake *const intakes[] = { &spine->intake };
	struct error first = { 0 };
	bool failed = false;
	int result;

	if (begin_part(spine, flow, err) != 0)
		return -1;
	result = intake_read(intakes, 1, &failed, &first, err);
	if (result == 0 && failed) {
		*err = first;
		result = -1;
	}
	return end_part(spine, result, err);
}

int
spine_apply(struct spine *spine, const char *flow, struct error *err)
{
	const struct intake_apply_options real = { .mode = INTAKE_REAL };
	struct intake_result counted = { .bindings = NULL };
	int result;

	if (begin_part(spine, flow, err) != 0)
		return -1;
	if ((result = intake_apply(&spine->intake, &real, &counted, err)) == 0)
		intake_result_free(&counted);
	return end_part(spine, result, err);
}

int
spine_dry(struct spine *spine, const char *flow, struct error *err)
{
	struct intake_apply_options dry = { .mode = INTAKE_DRY };
	struct intake_result counted = { .bindings = NULL };
	struct ledger_plan plan = { .reason = "" };
	int result;

	if (begin_part(spine, flow, err) != 0)
		return -1;
	if ((dry.draft = ledger_plan_draft_new(spine->ledger, err)) == NULL)
		return end_part(spine, -1, err);
	if ((result = intake_apply(&spine->intake, &dry, &counted, err)) == 0)
		intake_result_free(&counted);
	plan.flow = spine->run.flow;
	plan.unit = spine->run.unit;
	plan.run = spine->run.number;
	if (result == 0 && (result = ledger_begin(spine->ledger, err)) == 0) {
		result = ledger_plan_store(spine->ledger, dry.draft, &plan, err);
		ledger_rollback(spine->ledger);
	}
	ledger_plan_draft_free(dry.draft);
	return end_part(spine, result, err);
}

static int
write_out(struct spine *spine, const char *flow, bool resolve, struct error *err)
{
	struct deliver_options options = { .intake = &spine->intake, .patience_ms = resolve ? 7200000 : 0, .wait = pass_time, .wait_data = spine };
	struct deliver_result result;
	int status;

	if (begin_part(spine, flow, err) != 0)
		return -1;
	status = resolve ? deliver_resolve(&options, &result, err) : deliver_pending(&options, &result, err);
	if (status == 0 && result.failed) {
		*err = result.first;
		status = -1;
	}
	return end_part(spine, status, err);
}

int
spine_deliver(struct spine *spine, const char *flow, struct error *err)
{
	return write_out(spine, flow, false, err);
}

int
spine_resolve(struct spine *spine, const char *flow, struct error *err)
{
	return write_out(spine, flow, true, err);
}

void
spine_rest(struct spine *spine)
{
	struct ledger_plan plan = { .state = LEDGER_PLAN_OPEN };
	struct error err = { 0 };
	struct arena arena;
	bool found = false;

	spine->clock_us += HOUR_US;
	if (spine->rollback != 0) {
		arena_init(&arena, 0);
		must(ledger_plan_get(spine->ledger, spine->rollback, &arena, &plan, &found, &err), err);
		arena_free(&arena);
		spine->plan = spine->rollback;
		if (found && plan.state == LEDGER_PLAN_OPEN)
			must(spine_apply_plan(spine, &err), err);
	}
	for (size_t i = 0; i < FLOWS; i++) {
		if ((spine->flows & 1u << i) == 0)
			continue;
		must(spine_run(spine, flows[i], &err), err);
		if (spine->plan != 0)
			must(spine_apply_plan(spine, &err), err);
	}
}

/* ---- comparing worlds ---- */

#define OF_RECORD(column) "(SELECT coalesce(c.number, o.number, p.number) FROM (SELECT " column " AS id) x LEFT JOIN golden_customer c ON c._id = x.id" \
	" LEFT JOIN golden_sales_order o ON o._id = x.id LEFT JOIN golden_paper p ON p._id = x.id)"

/*
 * Everything that a person could see in the ledger and at the targets, without numbers and times that a second try changes.  The
 * same update may be made twice when its answer was lost, so that a row's version is not compared, and with it the hash of the row.
 * A create whose answer was lost is often found by reading before it has settled, and is then told as adopted.
 */
static const struct {
	const char *what, *database, *sql;
} looks[] = {
	{ "account", "crm.db", "SELECT number, name, phone, tags, erp_id, ext_id IS NOT NULL FROM accounts ORDER BY number, id" },
	{ "order", "crm.db", "SELECT o.number, a.number, o.ext_id IS NOT NULL FROM orders o LEFT JOIN accounts a ON a.id = o.account ORDER BY o.number, o.id" },
	{ "log", "crm.db", "SELECT what FROM log ORDER BY what" },
	{ "customer", "ledger.db", "SELECT number, name, phone, size, tags, _state FROM golden_customer ORDER BY number" },
	{ "sales_order", "ledger.db", "SELECT number, " OF_RECORD("customer") ", _state FROM golden_sales_order ORDER BY number" },
	{ "paper", "ledger.db", "SELECT number, pdf, _state FROM golden_paper ORDER BY number" },
	{ "link", "ledger.db", "SELECT object, CASE WHEN object LIKE 'crm.%' THEN '' ELSE native END, " OF_RECORD("record") ", state, flags,"
	  " CASE WHEN object LIKE 'erp.%' THEN version END, CASE WHEN object LIKE 'erp.%' THEN raw END,"
	  " (SELECT hex(sent) || ' ' || hex(seen) FROM link_vector w WHERE w.link = v.id) FROM link_view v ORDER BY object, 3, native" },
	{ "match", "ledger.db", "SELECT rule, hex(hash), " OF_RECORD("record") " FROM match_key ORDER BY 1, 2" },
	{ "event", "ledger.db", "SELECT object, CASE WHEN event = 'adopted' THEN 'sent-create' ELSE event END, CASE WHEN object LIKE 'crm.%' THEN '' ELSE"
	  " native END, who, before, after, CASE WHEN event <> 'adopted' THEN note END FROM history_view ORDER BY 1, 2, 3, 5, 6, 7" },
	{ "event of many", "ledger.db", "SELECT g.number, h.object, h.event FROM history_span_view h JOIN golden_customer g ON g._id BETWEEN h.first AND h.last"
	  " ORDER BY 1, 2, 3" },
	{ "delivery", "ledger.db", "SELECT target, " OF_RECORD("record") ", operation, state, cause FROM delivery_view ORDER BY 1, 2" },
	{ "span", "ledger.db", "SELECT target, first FROM (SELECT binding AS target, first FROM delivery_span WHERE next <= last) ORDER BY 1" },
	{ "attempt", "ledger.db", "SELECT target, undecided FROM attempt_view ORDER BY 1" },
	{ "finding", "ledger.db", "SELECT state, object, native, cause, message, ended_why FROM reject_view UNION ALL SELECT state, object, native, cause,"
	  " message, ended_why FROM review_view UNION ALL SELECT state, object, native, cause, message, ended_why FROM conflict_view UNION ALL SELECT"
	  " state, object, native, cause, message, ended_why FROM flip_view UNION ALL SELECT state, object, native, cause, message, ended_why FROM"
	  " dead_letter_view ORDER BY 1, 2, 3, 4, 5" },
	{ "waiter", "ledger.db", "SELECT object, native, parent_native FROM waiter_view ORDER BY 1, 2" },
	{ "unapplied", "ledger.db", "SELECT DISTINCT b.object, a.flow FROM staged_batch b JOIN applied a USING (object, credentials) WHERE b.rows > 0 AND b.id > a.staged"
	  " ORDER BY 1, 2" },
	{ "running", "ledger.db", "SELECT flow, state FROM run_view WHERE state = 'running'" },
	{ "load", "ledger.db", "SELECT entity, object FROM first_load" },
	{ "lease", "ledger.db", "SELECT name FROM lease_view" },
	{ "count", "ledger.db", "SELECT object, live FROM link_count UNION ALL SELECT -entity, live FROM record_count ORDER BY 1" },
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
list_folder(struct spine *spine, const char *folder, struct buffer *to)
{
	char path[400], bytes[200], *names[64];
	size_t count = 0;
	DIR *dir;

	snprintf(path, sizeof path, "%s/%s", spine->dir, folder);
	dir = opendir(path);
	for (struct dirent *entry; dir != NULL && count < 64 && (entry = readdir(dir)) != NULL;)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			names[count++] = strdup(entry->d_name);
	if (dir != NULL)
		closedir(dir);
	qsort(names, count, sizeof *names, by_name);
	for (size_t i = 0; i < count; i++) {
		FILE *file;
		size_t got = 0;

		snprintf(path, sizeof path, "%s/%s/%s", spine->dir, folder, names[i]);
		/* What is told beside it has keys that are different each time. */
		if (strstr(names[i], ".meta") == NULL && (file = fopen(path, "r")) != NULL) {
			got = fread(bytes, 1, sizeof bytes, file);
			fclose(file);
		}
		buffer_format(to, "file|%s|%.*s\n", names[i], (int)got, bytes);
		free(names[i]);
	}
}

/* The caller's. */
static char *
look(struct spine *spine)
{
	struct buffer text;
	sqlite3 *ledger, *crm;

	oom_sqlite_quiet++;
	ledger = open_database(spine, "ledger.db");
	crm = open_database(spine, "crm.db");
	buffer_init(&text, 0);
	for (size_t i = 0; i < sizeof looks / sizeof *looks; i++) {
		struct asking asking = { &text, looks[i].what };

		ask(strcmp(looks[i].database, "crm.db") == 0 ? crm : ledger, looks[i].sql, &asking);
	}
	close_database(ledger);
	close_database(crm);
	oom_sqlite_quiet--;
	list_folder(spine, "dms/papers", &text);
	if (buffer_string(&text) == NULL)
		spine_fail("no memory");
	return text.data;
}

static void
compare(const char *expected, const char *found)
{
	const char *e = expected, *f = found;

	while (*e != '\0' || *f != '\0') {
		size_t el = strcspn(e, "\n"), fl = strcspn(f, "\n");

		if (el != fl || memcmp(e, f, el) != 0)
			spine_fail("at rest it is not as it would have been undisturbed; expected from here on:\n%.1900s\nfound:\n%.1900s", e, f);
		e += el + (e[el] != '\0');
		f += fl + (f[fl] != '\0');
	}
}

/* ---- one allocation ---- */

struct told {
	volatile unsigned failed, seen;
	volatile int result;
};

static void
fault(void *data, const char *sentence)
{
	(void)data;
	spine_fail("the ledger's check: %s", sentence);
}

static void
check_ledger(struct spine *spine)
{
	struct error err = { 0 };

	must(ledger_check(spine->ledger, fault, NULL, NULL, &err), err);
}

/* As another process would open it. */
static void
open_again(struct spine *spine)
{
	char path[300];

	spine_close(spine);
	snprintf(path, sizeof path, "%s/ledger.lock", spine->dir);
	(void)unlink(path); /* the parent holds it */
	spine_open(spine);
}

/* Opening a ledger sets things down for the life of the process. */
static int
suffer(struct spine *spine, const struct spine_story *story, unsigned fail_at, bool all_after, bool again, struct told *told)
{
	struct error err = { 0 };
	int result;
	char *found;
	unsigned left;

	oom_begin(fail_at, all_after);
	result = story->act(spine, &err);
	told->failed = oom_enough();
	told->seen = oom_seen();
	told->result = result;
	if (result != 0 && result != -1)
		spine_fail("it returned %d", result);
	if (result != 0 && told->failed == 0)
		spine_fail("no allocation failed, but: %s: %s: %s", error_name(err.code), err.message, err.detail);
	if (result != 0 && err.code != ERROR_MEMORY && err.klass != SYNCLINE_RETRY)
		spine_fail("for lack of memory it says %s (%s): %s: %s", error_name(err.code), error_class_name(err.klass), err.message, err.detail);
	if (result != 0 && err.message[0] == '\0')
		spine_fail("a failure without a word");
	check_ledger(spine);
	if (again)
		open_again(spine);
	spine_rest(spine);
	found = look(spine);
	/*
	 * After one run it is what it would have been, or after another, which takes what was due later, or after a third: one finds
	 * out what became of a write whose answer was lost and makes it once more, the next one reads it.
	 */
	if (spine->expected == NULL) {
		fputs(found, stdout);
		putchar('\1');
	}
	if (spine->expected == NULL || strcmp(spine->expected, found) != 0) {
		free(found);
		spine_rest(spine);
		found = look(spine);
		if (spine->expected != NULL && strcmp(spine->expected_later, found) != 0) {
			free(found);
			spine_rest(spine);
			found = look(spine);
		}
		if (spine->expected == NULL)
			fputs(found, stdout);
		else
			compare(spine->expected_later, found);
	}
	free(found);
	spine_close(spine);
	left = oom_left();
	if (left != 0)
		spine_fail("%u allocations leaked", left);
	return 0;
}

/* The documents are on the disk, where children share them: they are put back. */
static void
put_back(struct spine *spine, const char *from, const char *to)
{
	char command[700];

	snprintf(command, sizeof command, "mkdir -p '%s/%s' && rm -f '%s/%s'/* && cp -p '%s/%s'/* '%s/%s'", spine->dir, to, spine->dir, to, spine->dir, from, spine->dir, to);
	if (system(command) != 0)
		spine_fail("%s", command);
}

/* In a child.  true: an allocation failed, and all was well. */
static bool
one(struct spine *spine, const struct spine_story *story, unsigned fail_at, bool all_after, bool again, struct told *told)
{
	int status;
	pid_t child;

	told->failed = 0;
	fflush(NULL);
	child = fork();
	if (child < 0)
		spine_fail("fork: %s", strerror(errno));
	if (child == 0) {
		in_child = true;
		_exit(suffer(spine, story, fail_at, all_after, again, told));
	}
	while (waitpid(child, &status, 0) != child)
		continue;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		spine_fail("%s: allocation %u%s failed (%u did), the call returned %d, %s: the child ended with %s %d", story->name, fail_at,
		           all_after ? " and all after it" : "", told->failed, told->result, again ? "opened again" : "the same engine",
		           WIFEXITED(status) ? "status" : "signal", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	if ((story->flows & SPINE_PAPERS) != 0)
		put_back(spine, "kept", "dms/papers");
	return told->failed > 0;
}

/* The world that nothing disturbed, in a child of its own; what it came to is read from a pipe. */
static char *
undisturbed(struct spine *spine, const struct spine_story *story)
{
	struct buffer text;
	char bytes[4096];
	int pipes[2], status;
	ssize_t got;
	pid_t child;

	if (pipe(pipes) != 0 || (fflush(NULL), child = fork()) < 0)
		spine_fail("%s", strerror(errno));
	if (child == 0) {
		struct told told = { .failed = 0 };

		in_child = true;
		(void)dup2(pipes[1], 1);
		(void)suffer(spine, story, 0, false, false, &told);
		fflush(NULL);
		_exit(0);
	}
	close(pipes[1]);
	buffer_init(&text, 0);
	while ((got = read(pipes[0], bytes, sizeof bytes)) > 0)
		buffer_append(&text, bytes, (size_t)got);
	close(pipes[0]);
	while (waitpid(child, &status, 0) != child)
		continue;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || text.length == 0)
		spine_fail("%s: undisturbed it fails", story->name);
	if ((story->flows & SPINE_PAPERS) != 0)
		put_back(spine, "kept", "dms/papers");
	if (buffer_string(&text) == NULL)
		spine_fail("no memory");
	return text.data;
}

/* Memory that children write to, too. */
static void *
share(size_t size)
{
	FILE *file = tmpfile();
	void *at = MAP_FAILED;

	if (file != NULL && ftruncate(fileno(file), (off_t)size) == 0)
		at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file), 0);
	if (at == MAP_FAILED)
		spine_fail("shared memory: %s", strerror(errno));
	fclose(file);
	return at;
}

/*
 * All allocations fail in a long check.  In the usual one every third does, and in a short one, of a build where each child costs many
 * times as much, every twenty-third; others in each of the two rounds.
 */
static unsigned
stride(void)
{
	if (getenv("SYNCLINE_LONG") != NULL)
		return 1;
	return getenv("SYNCLINE_SHORT") != NULL ? 23 : 3;
}

static void
each(const struct spine_story *story, bool sqlite_too)
{
	const char *from = getenv("OOM_FROM");
	unsigned times = 0, step = stride();
	struct spine *spine;
	struct told *told;

	if (!oom_works()) {
		print_message("skipped: this linker has no --wrap, so that allocations can't be made to fail\n");
		skip();
	}
	told = share(sizeof *told);
	oom_sqlite_quiet = 1;
	spine = spine_new(story->flows);
	story->prepare(spine);
	if ((story->flows & SPINE_PAPERS) != 0)
		put_back(spine, "dms/papers", "kept");
	spine->expected = undisturbed(spine, story);
	spine->expected_later = strchr(spine->expected, '\1');
	if (spine->expected_later == NULL)
		spine_fail("%s: %s", story->name, spine->expected);
	*spine->expected_later++ = '\0';
	if (getenv("OOM_SHOW") != NULL)
		print_message("%s\n", spine->expected_later);
	oom_sqlite_quiet = !sqlite_too;
	for (int all_after = 0; all_after < 2; all_after++)
		for (unsigned at = from != NULL ? (unsigned)atoi(from) : 1 + (unsigned)all_after * (step / 2);
		     one(spine, story, at, all_after != 0, all_after != 0, told); at += step)
			times++;
	oom_sqlite_quiet = 1;
	print_message("%s: %u allocations, %u children\n", story->name, told->seen, times);
	spine_free(spine);
	munmap(told, sizeof *told);
	assert_int_equal(memory_vfs_open(), 0);
}

/*
 * For who looks at one of them: OOM_ONLY is the number of the story, OOM_FROM the first allocation, OOM_SHOW prints what it should come
 * to.  SYNCLINE_OOM_SQLITE: the allocations of SQLite too.
 */
void
spine_all(const struct spine_story *stories, size_t count)
{
	const char *only = getenv("OOM_ONLY");

	if (getenv("SYNCLINE_VALGRIND") != NULL) {
		print_message("skipped: thousands of children, each a run, under valgrind; the sanitizers watch them\n");
		exit(77);
	}
	for (size_t i = 0; i < count; i++)
		if (only == NULL || (size_t)atoi(only) == i)
			each(&stories[i], getenv("SYNCLINE_OOM_SQLITE") != NULL);
}

void
spine_begin(void)
{
	if (oom_sqlite_begin() != 0 || memory_vfs_begin() != 0) {
		fprintf(stderr, "SQLite does not take the test's memory\n");
		exit(99);
	}
	oom_sqlite_quiet = 1;
}
