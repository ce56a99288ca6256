/* SPDX-License-Identifier: BSD-2-Clause */
/* flow_situations_house.c: three systems, a ledger and an engine over them, and the commands of a story.  See flow_situations.h. */
#include "flow_situations_house.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/model.h"
#include "flow/vector.h"
#include "ledger/findings.h"
#include "ledger/runs.h"
#include "schedule/run.h"

#define WORDS_MAX 16u
#define LINES_MAX 8u
#define STEP_US (INT64_C(10) * 1000000)

const char *const house_systems[HOUSE_SYSTEMS] = { "erp", "crm", "web" };

/* The first id that each system gives, of the bystander. */
static const int firsts[HOUSE_SYSTEMS] = { 1, 11, 21 };

static const char *const policies[POLICIES] = { "owner", "newest", "set_if_empty", "union", "manual" };

const char *
policy_name(unsigned bit)
{
	for (unsigned i = 0; i < POLICIES; i++)
		if (bit == 1u << i)
			return policies[i];
	return "?";
}

void
house_fail(const struct house *house, const struct error *err)
{
	if (house->in_child) {
		fprintf(stderr, "%s: %s: %s (%s)\n", error_name(err->code), err->message, err->detail, err->hint);
		_exit(1);
	}
	fail_msg("%s, %s: %s: %s: %s (%s)", house->story->title, policy_name(house->policy), error_name(err->code), err->message, err->detail, err->hint);
}

/*
 * Nothing here ends by a power loss, and the disk is what these stories would wait for nearly all the time.  The libraries find these
 * before the system's own.
 */
__attribute__((visibility("default"))) int
fsync(int fd)
{
	(void)fd;
	return 0;
}

__attribute__((visibility("default"))) int
fdatasync(int fd)
{
	(void)fd;
	return 0;
}

void
house_sql(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* Making it. */

static const char house_text[] =
	"agent: { timezone = \"UTC\"; };\n"
	"systems: {\n"
	" erp: { connector = \"sqlite\"; access = \"write\"; settings: { path = \"@/erp.db\"; };\n"
	"  objects: { things: { native = \"things\"; key = [ \"id\" ]; external_key = \"ext\"; }; }; };\n"
	" crm: { connector = \"sqlite\"; access = \"write\"; settings: { path = \"@/crm.db\"; };\n"
	"  objects: { things: { native = \"things\"; key = [ \"id\" ]; external_key = \"ext\"; }; }; };\n"
	" web: { connector = \"sqlite\"; access = \"write\"; settings: { path = \"@/web.db\"; };\n"
	"  objects: { things: { native = \"things\"; key = [ \"id\" ]; external_key = \"ext\"; }; }; }; };\n"
	"entities: { thing: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );\n"
	" fields: { number: { type = \"text\"; }; value: { %s }; phone: { type = \"text\"; owner = \"crm\"; }; }; }; };\n"
	"flows: { f: { entity = \"thing\"; bindings: {\n"
	" erp: { object = \"things\"; trigger: { every = \"1h\"; }; originates = true; create_if = \"true\";\n"
	"  map = ( [ \"number\", \"number\" ], [ \"value\", \"value\" ], [ \"phone\", \"phone\" ] ); };\n"
	" crm: { object = \"things\"; trigger: { every = \"1h\"; }; create_if = \"true\";\n"
	"  map = ( [ \"number\", \"number\" ], [ \"value\", \"value\" ], [ \"phone\", \"phone\" ] ); };\n"
	" web: { object = \"things\"; trigger: { every = \"1h\"; }; create_if = \"phone IS NULL OR phone <> 'out'\";\n"
	"  map = ( [ \"number\", \"number\" ], [ \"value\", \"value\" ], [ \"phone\", \"phone\" ] ); }; }; }; };\n";

static void
put_house(struct house *house, struct buffer *out)
{
	char field[120];
	struct buffer text;

	/* owner is the policy when nothing is said. */
	snprintf(field, sizeof field, "type = \"%s\";%s%s%s%s", house->policy == UNION ? "json" : "text", house->policy != OWNER ? " policy = \"" : "",
	         house->policy != OWNER ? policy_name(house->policy) : "", house->policy != OWNER ? "\";" : "",
	         house->policy == NEWEST ? " tie = \"erp\";" : "");
	buffer_init(&text, 0);
	/* The one place in it. */
	buffer_append(&text, house_text, (size_t)(strstr(house_text, "%s") - house_text));
	buffer_text(&text, field);
	buffer_text(&text, strstr(house_text, "%s") + 2);
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] == '@')
			buffer_text(out, house->dir);
		else
			buffer_char(out, text.data[i]);
	assert_false(text.failed || out->failed);
	buffer_free(&text);
}

/* The setting that the situation's action is written in; NULL: it has none. */
static const char *
setting_of(const char *situation)
{
	return strcmp(situation, "disputed") == 0 || strcmp(situation, "echo") == 0 || strcmp(situation, "indeterminate") == 0 ? NULL
	       : strcmp(situation, "seen") == 0 || strcmp(situation, "resurrect") == 0                                          ? "deletes"
	                                                                                                                       : "situations";
}

/* The models of these stories are made without connectors' descriptors: what one would say of its versions. */
static const struct syncline_capabilities comparable = { .struct_size = sizeof comparable, .version_comparable = SYNCLINE_NATIVE };
static const struct syncline_connector ordered = { .struct_size = sizeof ordered, .capabilities = &comparable };

static void
configure(struct house *house)
{
	const struct story *story = house->story;
	struct config_source sources[2 + LINES_MAX] = { { .name = "house.conf" }, { .name = "action.conf" } };
	struct config_options options = { .sources = sources, .source_count = 2 };
	struct diagnostics diagnostics;
	char action[300] = "";
	struct buffer text;

	buffer_init(&text, 0);
	put_house(house, &text);
	if (story->action != NULL && setting_of(story->situation) != NULL)
		snprintf(action, sizeof action, "flows: { f: { bindings: { %s: { %s: { %s = \"%s\"; }; }; }; }; };\n", story->at != NULL ? story->at : "crm",
		         setting_of(story->situation), story->situation, story->action);
	sources[0].data = text.data;
	sources[0].length = text.length;
	sources[1].data = action;
	sources[1].length = strlen(action);
	/* A line each, since nothing may stand twice in one file. */
	for (const char *line = story->config, *end; line != NULL && *line != '\0'; line = end + 1) {
		end = strchr(line, '\n');
		assert_non_null(end);
		assert_true(options.source_count < 2 + LINES_MAX);
		sources[options.source_count++] = (struct config_source){ .name = "story.conf", .data = line, .length = (size_t)(end - line) };
	}
	diagnostics_init(&diagnostics);
	if (config_load(&options, &house->model, &diagnostics) != 0)
		fail_msg("%s: %s: %s (%s)", story->title, diagnostics.items[0].error.place, diagnostics.items[0].error.message,
		         diagnostics.items[0].error.hint);
	diagnostics_free(&diagnostics);
	buffer_free(&text);
	if (story->ordered)
		((struct config_system *)(uintptr_t)config_system(house->model, "crm"))->descriptor = &ordered;
}

static int
count_rows(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement;
	int count = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		count = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	return count;
}

/* The process that is to die dies when the system it watches has the row. */
static int64_t
tell_time(void *data)
{
	struct house *house = data;

	if (house->watched != NULL && count_rows(house->watched, "SELECT count(*) FROM things") > house->watched_rows)
		(void)kill(getpid(), SIGKILL);
	return house->clock_us;
}

static void
open_all(struct house *house)
{
	const struct ledger_options ledger = { .state_dir = house->dir, .mode = LEDGER_ENGINE, .model = house->model, .now_us = tell_time, .now_data = house,
		.cache_kib = 512 };
	struct engine_options engine = { .model = house->model, .systems = &house->connectors };

	house_must(house, ledger_open(&ledger, &house->ledger, &house->err));
	engine.ledger = house->ledger;
	house_must(house, engine_open(&engine, &house->engine, &house->err));
	if (house->story->no_get) {
		struct connector *connector;

		house_must(house, engine_connector(house->engine, config_system(house->model, "crm"), NULL, 0, &connector, &house->err));
		((struct connector_info *)(uintptr_t)connector_info(connector))->optional &= ~CONNECTOR_HAS_GET;
	}
	house->flow = config_flow(house->model, "f");
	house->entity = config_entity(house->model, "thing");
}

static void
close_all(struct house *house)
{
	engine_close(house->engine);
	ledger_close(house->ledger);
	house->engine = NULL;
	house->ledger = NULL;
}

/* As `syncline flag f on --without-preview`. */
static void
switch_on(struct house *house)
{
	struct ledger_flag flag = { .flow = ledger_flow_id(house->ledger, house->flow), .unit = ledger_unit_id(house->ledger, NULL), .mode = LEDGER_FLAG_ON,
		.who = "test", .why = "test" };
	struct ledger_plan plan = { .flow = flag.flow, .unit = flag.unit, .reason = "test" };
	struct ledger_plan_draft *draft = ledger_plan_draft_new(house->ledger, &house->err);
	uint8_t hash[RULES_VERSION_BYTES];

	assert_non_null(draft);
	engine_flow_version(house->engine, house->flow, hash);
	house_must(house, ledger_begin(house->ledger, &house->err));
	house_must(house, ledger_version_id(house->ledger, flag.flow, hash, &plan.version, &house->err));
	house_must(house, ledger_plan_store(house->ledger, draft, &plan, &house->err));
	house_must(house, ledger_plan_end(house->ledger, plan.number, LEDGER_PLAN_APPLIED, &house->err));
	house_must(house, ledger_flag_set(house->ledger, &flag, &house->err));
	house_must(house, ledger_commit(house->ledger, &house->err));
	ledger_plan_draft_free(draft);
}

static void
make_system(struct house *house, unsigned i)
{
	char path[300], sql[1200];

	snprintf(path, sizeof path, "%s/%s.db", house->dir, house_systems[i]);
	assert_int_equal(sqlite3_open(path, &house->db[i]), SQLITE_OK);
	snprintf(sql, sizeof sql,
	         "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
	         "CREATE TABLE things (id INTEGER PRIMARY KEY AUTOINCREMENT, ext TEXT UNIQUE, number TEXT, value %s, phone TEXT, at TIMESTAMP,"
	         " active INTEGER DEFAULT 1, version INTEGER DEFAULT 1);"
	         "CREATE TABLE log (what TEXT);"
	         "CREATE TRIGGER a AFTER INSERT ON things BEGIN INSERT INTO log VALUES ('insert'); END;"
	         "CREATE TRIGGER b AFTER UPDATE ON things BEGIN INSERT INTO log VALUES ('update'); END;"
	         "CREATE TRIGGER c AFTER DELETE ON things BEGIN INSERT INTO log VALUES ('delete'); END;"
	         "INSERT INTO sqlite_sequence VALUES ('things', %d);",
	         house->policy == UNION ? "JSON" : "TEXT", firsts[i] - 1);
	house_sql(house->db[i], sql);
}

struct house *
house_new(const struct story *story, unsigned policy)
{
	struct house *house = calloc(1, sizeof *house);
	const char *tmp = getenv("TMPDIR"), *connectors = getenv("SYNCLINE_CONNECTORS");
	char path[300];

	assert_non_null(house);
	assert_non_null(connectors);
	house->story = story;
	house->policy = policy;
	arena_init(&house->arena, 0);
	buffer_init(&house->scratch, 0);
	snprintf(house->dir, sizeof house->dir, "%s/syncline-situations.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(house->dir));
	house->connectors = (struct systems){ .connector_dir = connectors, .direct = true };
	house->clock_us = INT64_C(1800000000) * 1000000;
	for (unsigned i = 0; i < HOUSE_SYSTEMS; i++)
		make_system(house, i);
	configure(house);
	open_all(house);
	switch_on(house);
	snprintf(path, sizeof path, "%s/%s", house->dir, LEDGER_FILE);
	assert_int_equal(sqlite3_open_v2(path, &house->ledger_db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (!story->first) {
		house_do(house, "erp new 1 seed S s; run");
		house->seed = house_number(house, "SELECT coalesce(max(_id), 0) FROM golden_thing");
	}
	house_begin(house);
	return house;
}

/* There are no folders in it. */
static void
remove_folder(const char *path)
{
	DIR *dir = opendir(path);

	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.')
			assert_int_equal(unlinkat(dirfd(dir), entry->d_name, 0), 0);
	closedir(dir);
	assert_int_equal(rmdir(path), 0);
}

void
house_free(struct house *house)
{
	sqlite3_close(house->ledger_db);
	close_all(house);
	for (unsigned i = 0; i < HOUSE_SYSTEMS; i++)
		sqlite3_close(house->db[i]);
	config_free(house->model);
	buffer_free(&house->scratch);
	arena_free(&house->arena);
	remove_folder(house->dir);
	free(house);
}

int64_t
house_number(const struct house *house, const char *sql)
{
	sqlite3_stmt *statement;
	int64_t number = -1;

	if (sqlite3_prepare_v2(house->ledger_db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(house->ledger_db));
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

/* Commands. */

static unsigned
system_of(const char *name)
{
	for (unsigned i = 0; i < HOUSE_SYSTEMS; i++)
		if (strcmp(name, house_systems[i]) == 0)
			return i;
	fail_msg("there is no system %s", name);
	return 0;
}

/* As SQL: null, a text, or with policy union a list. */
static void
put_value(const struct house *house, struct buffer *sql, const char *column, const char *text)
{
	const char *between = "";

	if (strcmp(text, "-") == 0) {
		buffer_text(sql, "NULL");
	} else if (strcmp(column, "at") == 0) {
		buffer_format(sql, "'2027-01-15 %s'", text);
	} else if (strcmp(column, "value") != 0 || house->policy != UNION) {
		buffer_format(sql, "'%s'", text);
	} else {
		buffer_text(sql, "'[");
		for (; *text != '\0' && strcmp(text, "0") != 0; text++)
			if (*text != '+') {
				buffer_format(sql, "%s\"%c\"", between, *text);
				between = ",";
			}
		buffer_text(sql, "]'");
	}
}

static void
change_system(struct house *house, char **words, unsigned count)
{
	static const char *const columns[] = { "number", "value", "phone" };
	sqlite3 *db = house->db[system_of(words[0])];
	struct buffer sql;

	buffer_init(&sql, 0);
	if (strcmp(words[1], "new") == 0 && count == 6) {
		buffer_format(&sql, "INSERT INTO things (id, number, value, phone) VALUES (%s", words[2]);
		for (unsigned i = 0; i < 3; i++) {
			buffer_text(&sql, ", ");
			put_value(house, &sql, columns[i], words[3 + i]);
		}
		buffer_text(&sql, ")");
	} else if (strcmp(words[1], "set") == 0 && count > 3) {
		buffer_text(&sql, "UPDATE things SET ");
		for (unsigned i = 3; i < count; i++) {
			char *equals = strchr(words[i], '=');

			assert_non_null(equals);
			*equals = '\0';
			buffer_format(&sql, "%s%s = ", i > 3 ? ", " : "", words[i]);
			put_value(house, &sql, words[i], equals + 1);
		}
		buffer_format(&sql, " WHERE id = %s", words[2]);
	} else if (strcmp(words[1], "blanks") == 0 && count == 3) {
		buffer_format(&sql, "UPDATE things SET value = replace(value, '[', '[ ') WHERE id = %s", words[2]);
	} else if (strcmp(words[1], "bears") == 0 && count == 4) {
		char external[LEDGER_EXTERNAL_ID + 1];

		ledger_external_id(house->ledger, house_record(house, (unsigned)atoi(words[3] + 1)), external);
		buffer_format(&sql, "UPDATE things SET ext = '%s' WHERE id = %s", external, words[2]);
	} else if (strcmp(words[1], "del") == 0 && count == 3) {
		buffer_format(&sql, "DELETE FROM things WHERE id = %s", words[2]);
	} else if (strcmp(words[1], "away") == 0 || strcmp(words[1], "back") == 0) {
		bool away = strcmp(words[1], "away") == 0;

		buffer_format(&sql, "ALTER TABLE %s RENAME TO %s", away ? "things" : "hidden", away ? "hidden" : "things");
		house_sql(db, buffer_string(&sql));
		buffer_free(&sql);
		return;
	} else {
		fail_msg("%s: nobody knows how to %s", house->story->title, words[1]);
	}
	assert_false(sql.failed);
	house_sql(db, buffer_string(&sql));
	assert_int_equal(sqlite3_changes(db), 1);
	buffer_free(&sql);
}

static void
keep_run(void *data, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why)
{
	struct house *house = data;

	(void)plan;
	house->run = *run;
	if (why != NULL)
		house_fail(house, why);
	if (run->state == LEDGER_RUN_HELD)
		fail_msg("%s, %s: held: %s", house->story->title, policy_name(house->policy), run->message != NULL ? run->message : "");
}

static void
run(struct house *house)
{
	const struct run_options options = { .engine = house->engine, .flow = house->flow, .cause = "schedule", .ended = keep_run, .data = house };
	struct run_result result;

	house->clock_us += STEP_US;
	house_must(house, run_flow(&options, &result, &house->err));
	assert_int_equal(result.runs, 1);
	assert_int_equal(result.failed + result.held + result.off, 0);
}

/* One step of a run alone. */
static void
step(struct house *house, const char *what)
{
	static const struct intake_apply_options real = { .mode = INTAKE_REAL };
	struct ledger_run row = { .flow = ledger_flow_id(house->ledger, house->flow), .unit = ledger_unit_id(house->ledger, NULL), .cause = "schedule" };
	struct intake intake = { .engine = house->engine, .flow = house->flow, .flow_id = row.flow, .unit_id = row.unit, .run = &row };
	struct intake *const intakes[] = { &intake };
	const struct deliver_options options = { .intake = &intake };
	struct deliver_result delivered;
	struct intake_result applied;
	struct error first = { 0 };
	bool failed = false;

	house->clock_us += STEP_US;
	intake.run_time_us = house->clock_us;
	house_must(house, ledger_run_begin(house->ledger, row.flow, row.unit, "schedule", &row.number, NULL, &house->err));
	if (strcmp(what, "read") == 0) {
		house_must(house, intake_read(intakes, 1, &failed, &first, &house->err));
		if (failed)
			house_fail(house, &first);
	} else if (strcmp(what, "apply") == 0) {
		house_must(house, intake_apply(&intake, &real, &applied, &house->err));
		intake_result_free(&applied);
	} else {
		house_must(house, deliver_pending(&options, &delivered, &house->err));
	}
	intake_forget(&intake);
	row.state = LEDGER_RUN_DONE;
	house_must(house, ledger_begin(house->ledger, &house->err));
	house_must(house, ledger_run_end(house->ledger, &row, &house->err));
	house_must(house, ledger_commit(house->ledger, &house->err));
	house->run = row;
}

/* In a process of its own that ends without warning once the system has one row more, and before anybody knows. */
static void
die(struct house *house, const char *system, const char *alone)
{
	char path[300];
	pid_t child;
	int status;

	snprintf(path, sizeof path, "%s/%s.db", house->dir, system);
	sqlite3_close(house->ledger_db);
	close_all(house);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		house->in_child = true;
		open_all(house);
		if (sqlite3_open_v2(path, &house->watched, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
			_exit(1);
		house->watched_rows = count_rows(house->watched, "SELECT count(*) FROM things");
		if (alone != NULL)
			step(house, alone);
		else
			run(house);
		_exit(2);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	open_all(house);
	snprintf(path, sizeof path, "%s/%s", house->dir, LEDGER_FILE);
	assert_int_equal(sqlite3_open_v2(path, &house->ledger_db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
}

struct search {
	const char *cause;
	int64_t id;
};

static int
see_finding(void *data, const struct ledger_finding *row)
{
	struct search *search = data;

	if (strcmp(row->cause, search->cause) == 0 || strcmp(search->cause, "any") == 0)
		search->id = row->id;
	return 0;
}

/* decide KIND CAUSE WORD [r1] (`retry` of a reject), and archive KIND CAUSE */
static void
decide(struct house *house, char **words, unsigned count)
{
	struct ledger_finding_filter filter = { .kind = strcmp(words[1], "conflict") == 0 ? LEDGER_FINDING_CONFLICT
		: strcmp(words[1], "reject") == 0                             ? LEDGER_FINDING_REJECT
		: strcmp(words[1], "dead") == 0                               ? LEDGER_FINDING_DEAD : LEDGER_FINDING_REVIEW };
	struct search search = { .cause = words[2] };
	char decision[64];

	house_must(house, ledger_findings(house->ledger, &filter, see_finding, &search, &house->err));
	if (search.id == 0)
		fail_msg("%s, %s: there is no %s %s to decide", house->story->title, policy_name(house->policy), words[1], words[2]);
	house_must(house, ledger_begin(house->ledger, &house->err));
	if (count < 4) {
		house_must(house, ledger_finding_close(house->ledger, search.id, LEDGER_ARCHIVED, "test", &house->err));
		house_must(house, ledger_commit(house->ledger, &house->err));
		return;
	}
	if (strcmp(words[3], "retry") == 0) {
		house_must(house, ledger_finding_retry(house->ledger, search.id, &house->err));
		house_must(house, ledger_commit(house->ledger, &house->err));
		return;
	}
	snprintf(decision, sizeof decision, "%s", words[3]);
	if (count > 4)
		snprintf(decision, sizeof decision, "link %lld", (long long)house_record(house, (unsigned)atoi(words[4] + 1)));
	house_must(house, ledger_finding_decide(house->ledger, search.id, decision, "test", &house->err));
	house_must(house, ledger_commit(house->ledger, &house->err));
}

/* correct SYSTEM ID NUMBER: as `rejects edit`, of a row that is rejected for its number */
static void
correct(struct house *house, char **words)
{
	struct ledger_finding_filter filter = { .kind = LEDGER_FINDING_REJECT };
	struct search search = { .cause = "any" };
	const struct config_binding *binding = NULL;
	struct ledger_correction correction = { .native = { words[2], strlen(words[2]) }, .field = "number", .value = words[3], .who = "test", .why = "test",
		.unit = ledger_unit_id(house->ledger, NULL) };
	struct syncline_value was;
	struct batch *row;

	for (uint32_t i = 0; i < house->flow->binding_count; i++)
		if (strcmp(house->flow->bindings[i].head.name, words[1]) == 0)
			binding = &house->flow->bindings[i];
	assert_non_null(binding);
	house_must(house, ledger_findings(house->ledger, &filter, see_finding, &search, &house->err));
	house_must(house, ledger_finding_row_get(house->ledger, search.id, &row, &house->err));
	assert_non_null(row);
	was = batch_value(row, &batch_record(row, 0)->cells[batch_find_field(row, "number", 6)]);
	vector_raw_value(ledger_hash_key(house->ledger), &was, correction.raw);
	batch_free(row);
	correction.binding = ledger_binding_id(house->ledger, binding);
	house_must(house, ledger_begin(house->ledger, &house->err));
	house_must(house, ledger_correction_add(house->ledger, &correction, NULL, &house->err));
	house_must(house, ledger_finding_retry(house->ledger, search.id, &house->err));
	house_must(house, ledger_commit(house->ledger, &house->err));
}

/* pair SYSTEM ID SYSTEM ID: a record without values, with a link at each of which nothing is known. */
static void
pair(struct house *house, char **words)
{
	uint64_t *nothing = arena_array(&house->arena, ledger_field_limit(house->ledger, house->entity), sizeof *nothing);
	struct syncline_value values[3] = { { .type = SYNCLINE_TYPE_NULL }, { .type = SYNCLINE_TYPE_NULL }, { .type = SYNCLINE_TYPE_NULL } };
	struct ledger_record record = { .unit = ledger_unit_id(house->ledger, NULL), .generation = 1, .updated_us = house->clock_us, .values = values };

	assert_non_null(nothing);
	house_must(house, ledger_begin(house->ledger, &house->err));
	house_must(house, ledger_new_ids(house->ledger, 1, &record.id, &house->err));
	house_must(house, ledger_records_put(house->ledger, house->entity, &record, 1, &house->err));
	for (unsigned i = 1; i < 4; i += 2) {
		struct ledger_link link = { .object = house_object(house, system_of(words[i])), .unit = record.unit, .record = record.id,
			.native = { words[i + 1], strlen(words[i + 1]) }, .sent = nothing, .seen = nothing, .there = ledger_sequence(house->ledger) };

		house_must(house, ledger_links_put(house->ledger, house->entity, &link, 1, &house->err));
	}
	house_must(house, ledger_commit(house->ledger, &house->err));
}

/* lock [FIELD [SECONDS]] */
static void
lock(struct house *house, const char *field, int64_t seconds)
{
	const struct ledger_lock row = { .record = house_record(house, 1), .field = field, .who = "test", .why = "test", .since_us = house->clock_us,
		.until_us = seconds > 0 ? house->clock_us + seconds * 1000000 : 0 };

	house_must(house, ledger_begin(house->ledger, &house->err));
	house_must(house, ledger_lock_add(house->ledger, &row, NULL, &house->err));
	house_must(house, ledger_commit(house->ledger, &house->err));
}

static void
unlock(struct house *house, const char *field)
{
	house_must(house, ledger_begin(house->ledger, &house->err));
	house_must(house, ledger_lock_end(house->ledger, house_record(house, 1), field, "test", &house->err));
	house_must(house, ledger_commit(house->ledger, &house->err));
}

/* A system that stores values in its own way, whoever writes them. */
static void
rewrite(struct house *house, const char *system)
{
	house_sql(house->db[system_of(system)],
	          "CREATE TRIGGER d AFTER INSERT ON things BEGIN UPDATE things SET value = upper(value) WHERE id = new.id; END;"
	          "CREATE TRIGGER e AFTER UPDATE OF value ON things WHEN new.value <> upper(new.value) BEGIN"
	          " UPDATE things SET value = upper(value) WHERE id = new.id; END;");
}

static void
do_one(struct house *house, char **words, unsigned count)
{
	if (strcmp(words[0], "run") == 0)
		run(house);
	else if (strcmp(words[0], "read") == 0 || strcmp(words[0], "apply") == 0 || strcmp(words[0], "deliver") == 0)
		step(house, words[0]);
	else if (strcmp(words[0], "die") == 0)
		die(house, words[1], count > 2 ? words[2] : NULL);
	else if (strcmp(words[0], "decide") == 0 || strcmp(words[0], "archive") == 0)
		decide(house, words, count);
	else if (strcmp(words[0], "correct") == 0)
		correct(house, words);
	else if (strcmp(words[0], "pair") == 0)
		pair(house, words);
	else if (strcmp(words[0], "lock") == 0)
		lock(house, count > 1 ? words[1] : NULL, count > 2 ? atoi(words[2]) : 0);
	else if (strcmp(words[0], "unlock") == 0)
		unlock(house, count > 1 ? words[1] : NULL);
	else if (strcmp(words[0], "rewrites") == 0)
		rewrite(house, words[1]);
	else
		change_system(house, words, count);
}

void
house_do(struct house *house, const char *commands)
{
	char *text = arena_text(&house->arena, commands), *rest = text;

	assert_non_null(text);
	while (rest != NULL) {
		char *words[WORDS_MAX], *end = strchr(rest, ';'), *word;
		unsigned count = 0;

		if (end != NULL)
			*end = '\0';
		for (word = strtok(rest, " "); word != NULL && count < WORDS_MAX; word = strtok(NULL, " "))
			words[count++] = word;
		if (count > 0)
			do_one(house, words, count);
		rest = end != NULL ? end + 1 : NULL;
	}
}

void
house_begin(struct house *house)
{
	house->history_after = house_number(house, "SELECT coalesce(max(id), 0) FROM history");
	house->began_us = house->clock_us;
}

unsigned
house_writes(struct house *house)
{
	unsigned writes = 0;

	for (unsigned i = 0; i < HOUSE_SYSTEMS; i++)
		writes += (unsigned)count_rows(house->db[i], "SELECT count(*) FROM log");
	return writes;
}

uint32_t
house_object(const struct house *house, unsigned system)
{
	return ledger_object_id(house->ledger, config_object(config_system(house->model, house_systems[system]), "things"));
}

int64_t
house_record(const struct house *house, unsigned number)
{
	char sql[120];
	int64_t id;

	snprintf(sql, sizeof sql, "SELECT _id FROM golden_thing WHERE _id > %lld ORDER BY _id LIMIT 1 OFFSET %u", (long long)house->seed, number - 1);
	id = house_number(house, sql);
	assert_true(id > 0);
	return id;
}
