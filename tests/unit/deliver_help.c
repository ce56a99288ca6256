/* SPDX-License-Identifier: BSD-2-Clause */
/* deliver_help.c: see deliver_help.h. */
#include "deliver_help.h"

#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connectors.h"
#include "flow/vector.h"

static struct arena answers;
static bool in_child;

static void
configure(struct post *post, const struct post_options *options)
{
	struct config_source source = { .name = "test.conf" };
	struct config_options config = { .sources = &source, .source_count = 1 };
	struct diagnostics diagnostics;
	struct buffer text, whole;

	buffer_init(&text, 0);
	buffer_format(&text,
	              "agent: { timezone = \"UTC\"; };\nsystems: {\n"
	              " erp: { connector = \"sqlite\"; settings: { path = \"%s/erp.db\"; };\n"
	              "  objects: { kunden: { native = \"kunden\"; key = [ \"nr\" ]; }; auftraege: { native = \"auftraege\"; key = [ \"nr\" ]; }; }; };\n",
	              post->dir);
	if (options->connector == NULL)
		buffer_format(&text, " crm: { connector = \"sqlite\"; access = \"write\"; settings: { path = \"%s/crm.db\"; busy_timeout = \"1ms\"; }; %s\n", post->dir,
		              options->system != NULL ? options->system : "");
	else
		buffer_format(&text, " crm: { connector = \"%s\"; access = \"write\"; %s\n", options->connector, options->system != NULL ? options->system : "");
	buffer_format(&text,
	              "  objects: { accounts: { external_key = \"ext_id\"; %s %s };\n"
	              "   orders: { native = \"orders\"; key = [ \"id\" ]; external_key = \"ext_id\"; }; }; };\n",
	              options->native != NULL ? options->native : "native = \"accounts\"; key = [ \"id\" ];", options->object != NULL ? options->object : "");
	buffer_text(&text, " files: { connector = \"folder\"; settings: { directory = \"@/files\"; };"
	                   " objects: { docs: { native = \"/docs\"; key = [ \"path\" ]; content = \"content\"; }; }; };\n"
	                   " dms: { connector = \"folder\"; access = \"write\"; settings: { directory = \"@/dms\"; };"
	                   " objects: { papers: { native = \"/papers\"; key = [ \"path\" ]; content = \"content\"; external_key = \"ref\"; }; }; }; };\n"
	                   "entities: {\n"
	                   " paper: { owner = \"files\"; match = ( { exact = [ \"number\" ]; } ); fields: { number: { type = \"text\"; };"
	                   "  pdf: { type = \"content\"; mode = \"copy\"; }; }; };\n"
	                   " customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } ); fields: { number: { type = \"text\";");
	buffer_format(&text, " %s };", options->number != NULL ? options->number : "");
	buffer_format(&text, "  name: { type = \"%s\"; %s };", options->decimal ? "decimal" : "text", options->name != NULL ? options->name : "");
	buffer_text(&text, " phone: { type = \"text\"; owner = \"crm\"; }; size: { type = \"integer\"; };");
	buffer_text(&text, options->tree ? " boss: { type = \"ref\"; entity = \"customer\"; };" : "");
	buffer_text(&text, " }; };\n"
	                   " sales_order: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } ); fields: { number: { type = \"text\"; };"
	                   "  customer: { type = \"ref\"; entity = \"customer\"; required = true; wait = \"1h\"; }; }; }; };\n"
	                   "flows: {\n customers: { entity = \"customer\"; bindings: {\n"
	                   "  erp: { object = \"kunden\"; trigger: { every = \"1h\"; }; originates = true;"
	                   "   map = ( [ \"number\", \"nr\" ], [ \"name\", \"name\" ], [ \"size\", \"size\" ] ); ");
	buffer_format(&text, "%s };\n", options->source != NULL ? options->source : "");
	buffer_format(&text,
	              "  crm: { object = \"accounts\"; create_if = \"%s\"; trigger: { every = \"1h\"; };%s\n"
	              "   write = ( %s[ \"origin\", \"'made for ' || number\", \"create\" ]%s%s ); %s }; }; };\n",
	              options->decimal ? "true" : "name <> 'nobody'", options->write_only ? "" : "\n   map = ( [ \"number\", \"number\" ], [ \"name\", \"name\" ], [ \"phone\", \"phone\" ] );",
	              options->write_only ? "[ \"number\", \"number\" ], [ \"name\", \"name\" ], [ \"phone\", \"phone\" ], " : "",
	              options->derive ? ", [ \"erp_id\", \"link('erp')\" ]" : "", options->tree ? ", [ \"boss_id\", \"link('crm', boss)\" ]" : "",
	              options->binding != NULL ? options->binding : "");
	buffer_text(&text, " papers: { entity = \"paper\"; bindings: {\n"
	                   "  files: { object = \"docs\"; trigger: { every = \"1h\"; }; originates = true; map = ( [ \"number\", \"path\" ] );"
	                   "   read: { pdf = \"content()\"; }; };\n"
	                   "  dms: { object = \"papers\"; create_if = \"true\"; path = \"number || '.pdf'\";"
	                   "   write = ( [ \"content\", \"pdf\" ], [ \"number\", \"number\" ] ); }; }; };\n");
	buffer_text(&text, " orders: { entity = \"sales_order\"; after = [ \"customers\" ]; bindings: {\n"
	                   "  erp: { object = \"auftraege\"; trigger: { every = \"1h\"; }; originates = true; map = ( [ \"number\", \"nr\" ] );"
	                   "   read: { customer = \"ref('kunden', kunde)\"; }; };\n"
	                   "  crm: { ");
	buffer_text(&text, options->attach ? "object = \"accounts\"; attach_to = \"customer\"; write = ( [ \"origin\", \"number\" ] ); " :
	                                     "object = \"orders\"; create_if = \"true\"; write = ( [ \"number\", \"number\" ], ");
	if (!options->attach)
		buffer_text(&text, options->grand ? "[ \"account\", \"link('crm', customer.boss)\" ] ); " : "[ \"account\", \"link('crm', customer)\" ] ); ");
	buffer_format(&text, "%s }; }; }; };\n", options->orders != NULL ? options->orders : "");
	if (options->contract != NULL)
		buffer_format(&text, "contracts: { crm: { accounts: { native = \"accounts\"; fields = ( %s ); }; }; };\n", options->contract);
	buffer_init(&whole, 0);
	for (size_t i = 0; i < text.length; i++)
		if (text.data[i] == '@')
			buffer_text(&whole, post->dir);
		else
			buffer_char(&whole, text.data[i]);
	buffer_free(&text);
	source.data = whole.data;
	source.length = whole.length;
	diagnostics_init(&diagnostics);
	if (config_load(&config, &post->model, &diagnostics) != 0)
		fail_msg("%s: %s (%s)", diagnostics.items[0].error.place, diagnostics.items[0].error.message, diagnostics.items[0].error.hint);
	diagnostics_free(&diagnostics);
	buffer_free(&whole);
}

/* Is an attempt durable whose answer is not kept yet? */
static bool
is_sending(const struct post *post)
{
	char path[300];
	sqlite3_stmt *statement;
	sqlite3 *db;
	bool any;

	snprintf(path, sizeof path, "%s/%s", post->dir, LEDGER_FILE);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT 1 FROM attempt WHERE sending > 0", -1, &statement, NULL), SQLITE_OK);
	any = sqlite3_step(statement) == SQLITE_ROW;
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return any;
}

static int64_t
tell_time(void *data)
{
	struct post *post = data;

	if (++post->calls == post->die_at)
		(void)kill(getpid(), SIGKILL);
	if (post->on_time != NULL)
		post->on_time(post);
	if (post->slow_us > 0 && is_sending(post)) {
		post->clock_us += post->slow_us;
		post->slow_us = 0;
	}
	return post->clock_us;
}

static void
pass_time(void *data, int64_t ms)
{
	struct post *post = data;

	post->clock_us += ms * 1000;
	post->waited_ms += ms;
	post->waits++;
	if (post->on_wait != NULL)
		post->on_wait(post);
}

static void
fail_on(const struct error *err)
{
	/* In a process of its own no test goes on. */
	if (in_child) {
		fprintf(stderr, "%s: %s: %s (%s)\n", error_name(err->code), err->message, err->detail, err->hint);
		_exit(1);
	}
	fail_msg("%s: %s: %s (%s)", error_name(err->code), err->message, err->detail, err->hint);
}
#define must(post, call)                       \
	do {                                   \
		if ((call) != 0)               \
			fail_on(&(post)->err); \
	} while (0)

static int64_t
tell_steady_time(void *data)
{
	const struct post *post = data;

	return post->clock_us - post->wrong_us - 1;
}

void
post_open(struct post *post)
{
	const struct ledger_options ledger = { .state_dir = post->dir, .mode = LEDGER_ENGINE, .model = post->model, .now_us = tell_time, .steady_us = tell_steady_time,
		.now_data = post };
	struct engine_options engine = { .model = post->model, .systems = &post->systems };

	must(post, ledger_open(&ledger, &post->ledger, &post->err));
	engine.ledger = post->ledger;
	must(post, engine_open(&engine, &post->engine, &post->err));
	post->run.unit = ledger_unit_id(post->ledger, NULL);
	post->run.flow = ledger_flow_id(post->ledger, config_flow(post->model, "customers"));
	must(post, ledger_run_begin(post->ledger, post->run.flow, post->run.unit, "schedule", &post->run.number, NULL, &post->err));
	post->run.cause = "schedule";
	post->intake = (struct intake){ .engine = post->engine, .unit_id = post->run.unit, .run = &post->run, .run_time_us = post->clock_us };
	post_flow(post, post->flow[0] != '\0' ? post->flow : "customers");
	post->options = (struct deliver_options){ .intake = &post->intake, .wait = pass_time, .wait_data = post };
}

void
post_close(struct post *post)
{
	engine_close(post->engine);
	ledger_close(post->ledger);
	post->engine = NULL;
	post->ledger = NULL;
}

void
post_flow(struct post *post, const char *name)
{
	memmove(post->flow, name, strlen(name) + 1);
	post->intake.flow = config_flow(post->model, name);
	post->intake.flow_id = ledger_flow_id(post->ledger, post->intake.flow);
}

static void
make_database(struct post *post, const char *name, const char *sql)
{
	char path[300];
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/%s", post->dir, name);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	if (strcmp(name, "crm.db") == 0)
		post->crm = db;
	else
		sqlite3_close(db);
}

struct post *
post_new(const struct post_options *options)
{
	static const char *const folders[] = { "in", "out", "files", "files/docs", "dms", "dms/papers" };
	static const struct post_options usual;
	struct post *post = calloc(1, sizeof *post);
	const char *tmp = getenv("TMPDIR");
	char path[1024];

	assert_non_null(post);
	assert_non_null(getenv("SYNCLINE_CONNECTORS"));
	assert_non_null(getenv("SYNCLINE_BUILD"));
	snprintf(post->dir, sizeof post->dir, "%s/syncline-deliver.XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(post->dir));
	snprintf(post->connectors, sizeof post->connectors, "%s/connectors", post->dir);
	assert_int_equal(mkdir(post->connectors, 0700), 0);
	assert_int_equal(connectors_link(getenv("SYNCLINE_CONNECTORS"), post->connectors), 0);
	snprintf(path, sizeof path, "%s/tests/connectors/.libs", getenv("SYNCLINE_BUILD"));
	assert_int_equal(connectors_link(path, post->connectors), 0);
	post->systems = (struct systems){ .connector_dir = post->connectors, .direct = true };
	post->clock_us = INT64_C(1800000000) * 1000000;
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		snprintf(path, sizeof path, "%s/%s", post->dir, folders[i]);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	make_database(post, "erp.db", "CREATE TABLE kunden (nr TEXT PRIMARY KEY, name TEXT, size INTEGER);"
	                              "CREATE TABLE auftraege (nr TEXT PRIMARY KEY, kunde TEXT);");
	make_database(post, "crm.db", "CREATE TABLE accounts (id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, number TEXT, name TEXT CHECK (name <> 'bad'),"
	                              " phone TEXT, origin TEXT, erp_id TEXT, boss_id INTEGER REFERENCES accounts(id), active INTEGER DEFAULT 1, version INTEGER DEFAULT 1, writes INTEGER DEFAULT 0);"
	                              "CREATE TABLE orders (id INTEGER PRIMARY KEY, ext_id TEXT UNIQUE, number TEXT, account INTEGER);"
	                              "CREATE TABLE log (what TEXT);"
	                              "CREATE TRIGGER inserted AFTER INSERT ON accounts BEGIN INSERT INTO log VALUES ('insert ' || new.number); END;"
	                              "CREATE TRIGGER updated AFTER UPDATE ON accounts BEGIN INSERT INTO log VALUES ('update ' || new.number); END;"
	                              "CREATE TRIGGER deleted AFTER DELETE ON accounts BEGIN INSERT INTO log VALUES ('delete ' || old.number); END;");
	post->decimal = options != NULL && options->decimal;
	configure(post, options != NULL ? options : &usual);
	post_open(post);
	post_flag(post, LEDGER_FLAG_ON, 0);
	return post;
}

void
post_free(struct post *post)
{
	char command[400];

	post_close(post);
	sqlite3_close(post->crm);
	config_free(post->model);
	arena_free(&answers);
	snprintf(command, sizeof command, "rm -rf '%s'", post->dir);
	assert_int_equal(system(command), 0);
	free(post);
}

static struct syncline_value text_or_null(const char *text);

static struct syncline_value
name_or_null(const struct post *post, const char *text)
{
	struct syncline_value value = text_or_null(text);

	if (post->decimal && text != NULL)
		value.type = SYNCLINE_TYPE_DECIMAL;
	return value;
}

static struct syncline_value
text_or_null(const char *text)
{
	if (text == NULL)
		return (struct syncline_value){ .type = SYNCLINE_TYPE_NULL };
	return (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(text), .u.data = text };
}

static const struct config_entity *
entity_of(struct post *post, int64_t record)
{
	const struct config_entity *entity = ledger_record_entity(post->ledger, record);

	return entity != NULL ? entity : post->intake.flow->entity;
}

static uint32_t
target_of(struct post *post, int64_t record)
{
	const char *entity = entity_of(post, record)->head.name;

	if (strcmp(entity, "paper") == 0)
		return ledger_binding_id(post->ledger, config_binding(config_flow(post->model, "papers"), "dms"));
	return ledger_binding_id(post->ledger, config_binding(config_flow(post->model, strcmp(entity, "customer") == 0 ? "customers" : "orders"), "crm"));
}

static void
deliver_to(struct post *post, int64_t record, uint64_t generation, uint8_t op)
{
	const struct ledger_delivery delivery = { .binding = target_of(post, record), .unit = post->run.unit, .record = record, .want = generation,
		.op = op, .run = post->run.number };

	must(post, ledger_deliver(post->ledger, &delivery, 1, &post->err));
}

/* It came from the ERP, where it is linked by its number.  In the caller's transaction. */
static int64_t
put_one(struct post *post, const char *entity, struct syncline_value *values)
{
	bool paper = strcmp(entity, "paper") == 0;
	const char *flow = paper ? "papers" : strcmp(entity, "customer") == 0 ? "customers" : "orders";
	const struct config_binding *source = config_binding(config_flow(post->model, flow), paper ? "files" : "erp");
	struct ledger_record record = { .unit = post->run.unit, .generation = 1, .updated_us = post->clock_us, .values = values };
	struct ledger_link link = { .object = ledger_object_id(post->ledger, source->object), .unit = post->run.unit,
		.native = { values[0].u.data, values[0].length } };

	must(post, ledger_new_ids(post->ledger, 1, &record.id, &post->err));
	must(post, ledger_records_put(post->ledger, config_entity(post->model, entity), &record, 1, &post->err));
	link.record = record.id;
	must(post, ledger_links_put(post->ledger, config_entity(post->model, entity), &link, 1, &post->err));
	deliver_to(post, record.id, 1, LEDGER_WANT_WRITE);
	return record.id;
}

static int64_t
put_new(struct post *post, const char *entity, struct syncline_value *values)
{
	int64_t record;

	must(post, ledger_begin(post->ledger, &post->err));
	record = put_one(post, entity, values);
	must(post, ledger_commit(post->ledger, &post->err));
	return record;
}

void
post_customers(struct post *post, unsigned first, unsigned count)
{
	must(post, ledger_begin(post->ledger, &post->err));
	for (unsigned i = first; i < first + count; i++) {
		char number[20];
		struct syncline_value values[5] = { { .type = SYNCLINE_TYPE_NULL }, text_or_null(i % 50 == 0 ? "nobody" : i % 70 == 0 ? "bad" : "Ada"),
			{ .type = SYNCLINE_TYPE_NULL }, { .type = SYNCLINE_TYPE_NULL }, { .type = SYNCLINE_TYPE_NULL } };

		snprintf(number, sizeof number, "%u", i);
		values[0] = text_or_null(number);
		(void)put_one(post, "customer", values);
	}
	must(post, ledger_commit(post->ledger, &post->err));
}

int64_t
post_customer(struct post *post, const char *number, const char *name, const char *phone)
{
	struct syncline_value values[5] = { text_or_null(number), name_or_null(post, name), text_or_null(phone), { .type = SYNCLINE_TYPE_NULL },
		{ .type = SYNCLINE_TYPE_NULL } };
	char sql[300];

	snprintf(sql, sizeof sql, "INSERT INTO kunden VALUES ('%s', '%s', NULL)", number, name);
	make_database(post, "erp.db", sql);
	return put_new(post, "customer", values);
}

int64_t
post_order(struct post *post, const char *number, int64_t customer)
{
	struct syncline_value values[2] = { text_or_null(number), { .type = SYNCLINE_TYPE_INTEGER, .u.integer = customer } };

	return put_new(post, "sales_order", values);
}

/* Links that said "as the record is" say what that was. */
static void
keep_words(struct post *post, const struct config_entity *entity, const struct ledger_record *record, struct arena *arena)
{
	uint64_t *words = arena_array(arena, ledger_field_limit(post->ledger, entity), sizeof *words);
	struct ledger_link *links;
	struct buffer scratch;
	uint32_t first[2];

	assert_non_null(words);
	buffer_init(&scratch, 0);
	assert_int_equal(vector_of(post->ledger, entity, record->values, &scratch, words), 0);
	must(post, ledger_links_of(post->ledger, entity, &record->id, 1, arena, &links, first, &post->err));
	for (uint32_t i = first[0]; i < first[1]; i++) {
		links[i].sent = links[i].sent != NULL ? links[i].sent : words;
		links[i].seen = links[i].seen != NULL ? links[i].seen : words;
		must(post, ledger_links_put(post->ledger, entity, &links[i], 1, &post->err));
	}
	buffer_free(&scratch);
}

void
post_document(struct post *post, const char *number, const char *bytes)
{
	char path[400];
	FILE *file;

	snprintf(path, sizeof path, "%s/files/docs/%s.pdf", post->dir, number);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(bytes, file);
	assert_int_equal(fclose(file), 0);
}

int64_t
post_paper(struct post *post, const char *number, const char *bytes)
{
	char json[400], hex[65];
	uint8_t hash[32];
	struct syncline_value values[2] = { text_or_null(number), { .type = SYNCLINE_TYPE_JSON, .u.data = json } };

	crypto_hash_sha256(hash, (const unsigned char *)bytes, strlen(bytes));
	sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
	values[1].length = (uint32_t)snprintf(json, sizeof json, "{\"object\":\"files.docs\",\"native\":\"%s.pdf\",\"reference\":\"doc:%s.pdf\",\"length\":%zu,"
	                                      "\"sha256\":\"%s\",\"name\":\"%s.pdf\"}", number, number, strlen(bytes), hex, number);
	post_document(post, number, bytes);
	return put_new(post, "paper", values);
}

/*
 * As the flow does it: the record's next generation, and a link that no longer says "as the record is" but what it was.
 */
static void
change_to(struct post *post, const char *entity_name, int64_t id, const struct syncline_value *values, uint32_t first, uint32_t count, bool deleted)
{
	const struct config_entity *entity = config_entity(post->model, entity_name);
	struct ledger_record record;
	struct arena arena;

	arena_init(&arena, 0);
	must(post, ledger_begin(post->ledger, &post->err));
	must(post, ledger_records_get(post->ledger, entity, &id, 1, &arena, &record, &post->err));
	assert_int_equal(record.id, id);
	keep_words(post, entity, &record, &arena);
	record.generation++;
	if (count > 0)
		memcpy(&record.values[first], values, count * sizeof *values);
	if (deleted)
		record.state = LEDGER_DELETED;
	must(post, ledger_records_put(post->ledger, entity, &record, 1, &post->err));
	deliver_to(post, id, record.generation, deleted ? LEDGER_WANT_DELETE : LEDGER_WANT_WRITE);
	must(post, ledger_commit(post->ledger, &post->err));
	arena_free(&arena);
}

static void
change(struct post *post, const char *entity_name, int64_t id, const struct syncline_value *values, uint32_t first, uint32_t count)
{
	change_to(post, entity_name, id, values, first, count, false);
}

void
post_gone(struct post *post, int64_t record)
{
	change_to(post, entity_of(post, record)->head.name, record, NULL, 0, 0, true);
}

void
post_change(struct post *post, int64_t id, const char *name, const char *phone)
{
	const struct syncline_value values[2] = { name_or_null(post, name), text_or_null(phone) };

	change(post, "customer", id, values, 1, 2);
}

void
post_boss(struct post *post, int64_t record, int64_t boss)
{
	const struct syncline_value value = { .type = boss != 0 ? SYNCLINE_TYPE_INTEGER : SYNCLINE_TYPE_NULL, .u.integer = boss };

	change(post, "customer", record, &value, 4, 1);
}

void
post_move(struct post *post, int64_t order, int64_t customer)
{
	const struct syncline_value value = { .type = SYNCLINE_TYPE_INTEGER, .u.integer = customer };

	change(post, "sales_order", order, &value, 1, 1);
}

void
post_want(struct post *post, int64_t record, uint8_t op)
{
	must(post, ledger_begin(post->ledger, &post->err));
	deliver_to(post, record, 1000, op);
	must(post, ledger_commit(post->ledger, &post->err));
}

void
post_flag(struct post *post, enum ledger_flag_mode mode, uint32_t percent)
{
	const char *const flows[] = { "customers", "orders", "papers" };

	must(post, ledger_begin(post->ledger, &post->err));
	for (size_t i = 0; i < 3; i++) {
		const struct ledger_flag flag = { .flow = ledger_flow_id(post->ledger, config_flow(post->model, flows[i])), .unit = post->run.unit,
			.mode = (uint8_t)mode, .percent = percent, .who = "test", .why = "test" };

		must(post, ledger_flag_set(post->ledger, &flag, &post->err));
	}
	must(post, ledger_commit(post->ledger, &post->err));
	post->clock_us += 1000000;
}

void
post_deliver(struct post *post)
{
	must(post, deliver_pending(&post->options, &post->result, &post->err));
}

void
post_resolve(struct post *post)
{
	must(post, deliver_resolve(&post->options, &post->result, &post->err));
}

void
post_read(struct post *post)
{
	const struct intake_apply_options real = { .mode = INTAKE_REAL };
	struct intake *const intakes[] = { &post->intake };
	struct intake_result result;
	struct error first = { 0 };
	bool failed = false;

	must(post, intake_read(intakes, 1, &failed, &first, &post->err));
	if (failed)
		fail_on(&first);
	must(post, intake_apply(&post->intake, &real, &result, &post->err));
	intake_result_free(&result);
}

void
post_erp(struct post *post, const char *sql)
{
	make_database(post, "erp.db", sql);
}

void
post_sql(struct post *post, const char *sql)
{
	if (sqlite3_exec(post->crm, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s (%d, %s)", sqlite3_errmsg(post->crm), sqlite3_extended_errcode(post->crm), sql);
}

static int
add_row(void *data, int count, char **values, char **names)
{
	struct buffer *text = data;

	(void)names;
	buffer_text(text, text->length > 0 ? "\n" : "");
	for (int i = 0; i < count; i++)
		buffer_format(text, "%s%s", i > 0 ? "|" : "", values[i] != NULL ? values[i] : "NULL");
	return 0;
}

const char *
post_rows(struct post *post, const char *sql)
{
	struct buffer text;
	const char *kept;

	buffer_init(&text, 0);
	if (sqlite3_exec(post->crm, sql, add_row, &text, NULL) != SQLITE_OK)
		fail_msg("%s (%d, %s)", sqlite3_errmsg(post->crm), sqlite3_extended_errcode(post->crm), sql);
	kept = arena_copy(&answers, text.data != NULL ? text.data : "", text.length);
	assert_non_null(kept);
	buffer_free(&text);
	return kept;
}

bool
post_die(struct post *post, unsigned at)
{
	pid_t child;
	int status;

	post_close(post);
	fflush(NULL);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		in_child = true;
		post_open(post);
		post->calls = 0;
		post->die_at = at;
		post_deliver(post);
		post_close(post);
		/* A signal too, so that nothing that watches the process has a say in how it ends. */
		(void)raise(SIGTERM);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
	post_open(post);
	return WTERMSIG(status) == SIGKILL;
}

static void
fault(void *data, const char *sentence)
{
	(void)data;
	fail_msg("%s", sentence);
}

void
post_check(struct post *post)
{
	must(post, ledger_check(post->ledger, fault, NULL, NULL, &post->err));
}

struct ledger_delivery
post_mark(struct post *post, int64_t record, bool *ret_found)
{
	struct ledger_delivery delivery = { .binding = 0 };

	must(post, ledger_delivery_get(post->ledger, target_of(post, record), record, &answers, &delivery, ret_found, &post->err));
	return delivery;
}

struct ledger_link
post_link(struct post *post, int64_t record)
{
	struct ledger_link *links;
	uint32_t first[2];
	struct ledger_link none = { .id = 0 };

	must(post, ledger_links_of(post->ledger, entity_of(post, record), &record, 1, &answers, &links, first, &post->err));
	for (uint32_t i = first[0]; i < first[1]; i++)
		if (links[i].object == ledger_object_id(post->ledger, ledger_binding(post->ledger, target_of(post, record))->object))
			return links[i];
	return none;
}

struct counting {
	const char *cause;
	unsigned count;
};

static int
count_finding(void *data, const struct ledger_finding *row)
{
	struct counting *counting = data;

	if (counting->cause == NULL || strcmp(row->cause, counting->cause) == 0)
		counting->count++;
	else
		print_message("another finding: %s: %s\n", row->cause, row->message);
	return 0;
}

unsigned
post_findings(struct post *post, enum ledger_finding_kind kind, const char *cause)
{
	const struct ledger_finding_filter filter = { .kind = kind };
	struct counting counting = { .cause = cause };

	must(post, ledger_findings(post->ledger, &filter, count_finding, &counting, &post->err));
	return counting.count;
}
