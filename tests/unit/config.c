/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c: loading, merging, places, settings, contracts and the manual page; the mistakes are in config_bad.c.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/grammar.h"
#include "config_fake.h"
#include "oom.h"

static const char *
source_path(const char *below)
{
	static char path[4096];
	const char *source = getenv("SYNCLINE_SOURCE");

	snprintf(path, sizeof path, "%s/%s", source != NULL ? source : ".", below);
	return path;
}

static void
show(const struct diagnostics *d)
{
	for (size_t i = 0; i < d->count; i++)
		print_message("%s: %s\n", d->items[i].error.place, d->items[i].error.message);
}

static int
load_sources(const struct config_source *sources, size_t count, struct model **ret_model, struct diagnostics *d)
{
	const struct config_options options = { .sources = sources, .source_count = count, .describe = fake_describe };

	diagnostics_init(d);
	return config_load(&options, ret_model, d);
}

/* One text that must load. */
static struct model *
load_text(const char *text)
{
	const struct config_source source = { "t.conf", text, strlen(text), false };
	struct diagnostics d;
	struct model *model = NULL;

	if (load_sources(&source, 1, &model, &d) != 0)
		show(&d);
	assert_non_null(model);
	diagnostics_free(&d);
	return model;
}

/* One text that must not load; its first mistake. */
static struct diagnostic
refuse_text(const char *text)
{
	const struct config_source source = { "t.conf", text, strlen(text), false };
	struct diagnostic first;
	struct diagnostics d;
	struct model *model = NULL;

	assert_int_equal(load_sources(&source, 1, &model, &d), -1);
	assert_true(d.count > 0);
	first = d.items[0];
	diagnostics_free(&d);
	return first;
}

static struct model *
load_sample(void)
{
	struct config_options options = { .describe = fake_describe, .describe_ctx = (void *)(uintptr_t)"rest2" };
	struct diagnostics d;
	struct model *model = NULL;
	char path[4096];

	snprintf(path, sizeof path, "%s", source_path("conf.d"));
	options.conf_dir = path;
	diagnostics_init(&d);
	if (config_load(&options, &model, &d) != 0)
		show(&d);
	diagnostics_free(&d);
	assert_non_null(model);
	return model;
}

static void
test_sample(void **state)
{
	struct model *model = load_sample();
	const struct config_system *erp = config_system(model, "erp"), *crm = config_system(model, "crm");
	const struct config_unit *munich = config_unit(model, "munich");
	const struct config_entity *customer = config_entity(model, "customer");
	const struct config_flow *flow = config_flow(model, "customers");
	const struct syncline_object *object = config_sdk_object(config_object(erp, "auftraege"));
	const struct config_settings *settings;

	(void)state;
	assert_int_equal(model->system_count, 4);
	assert_int_equal(model->flow_count, 4);
	assert_string_equal(model->agent->timezone, "Europe/Berlin");
	assert_int_equal(model->agent->keep->staging_ms, INT64_C(30) * 86400000);
	assert_int_equal(crm->limits->timeout_ms, 30000);
	assert_string_equal(crm->timezone, "Europe/Berlin");
	assert_string_equal(crm->webhook->secret, "crm/webhook");
	assert_string_equal(object->native, "AUFTRAG_*.csv");
	assert_int_equal(object->key_count, 2);
	assert_string_equal(object->key[1], "AUFTRNR");
	assert_int_equal(object->reads, SYNCLINE_READS_DELTA);
	assert_string_equal(object->group_into, "POSITIONEN");
	assert_non_null(object->settings);
	assert_int_equal(config_sdk_object(config_object(crm, "accounts"))->overlap_us, INT64_C(120000000));
	assert_int_equal(config_object(erp, "kunden")->tenant_mode, CONFIG_TENANT_SPLIT);
	/* A unit's own secret, and everything else as for the system. */
	settings = config_settings(crm, munich);
	assert_int_equal(settings->secret_count, 1);
	assert_string_equal(settings->secrets[0].reference, "crm/muc");
	assert_string_equal(config_settings(crm, config_unit(model, "berlin"))->secrets[0].reference, "crm/client-secret");
	assert_int_equal(settings->settings.count, crm->settings.settings.count);
	/* Owners: the entity's, the field's, the unit's. */
	assert_string_equal(config_owner(NULL, customer, config_field(customer, "payment_terms")), "erp");
	assert_string_equal(config_owner(munich, customer, config_field(customer, "payment_terms")), "crm");
	assert_string_equal(config_owner(munich, customer, config_field(customer, "status")), "crm");
	assert_ptr_equal(config_field(customer, "zip")->group, config_group(customer, "address"));
	assert_int_equal(config_field(config_entity(model, "contact"), "opt_in")->policy, CONFIG_POLICY_NEWEST);
	assert_int_equal(flow->guards->creates_ppm, 50000);
	assert_int_equal(flow->test_count, 2);
	assert_int_equal(flow->tests[0].given.items[7].kind, CONFIG_VALUE_DECIMAL);
	assert_string_equal(flow->tests[0].given.items[7].text, "1234.50");
	assert_true(config_binding(flow, "crm")->deletes->act == CONFIG_DO_DEACTIVATE);
	assert_true(config_write_of(config_binding(flow, "erp"), "NAME1")->create_only);
	assert_int_equal(config_binding(config_flow(model, "orders"), "erp")->read[4].read_count, 3);
	assert_null(config_system(model, "nothing"));
	config_free(model);
}

/* What is not given has the defaults that the manual promises. */
static void
test_defaults(void **state)
{
	struct model *model = load_text("systems: { a: { connector = \"csv\"; settings: { directory = \"/x\"; }; objects: { o: { }; }; }; };\n"
	                                "units: { u: { }; };\n"
	                                "entities: { e: { owner = \"a\"; fields: { f: { type = \"decimal\"; }; }; }; };\n"
	                                "flows: { f: { entity = \"e\"; units = \"u\"; bindings: { a: { object = \"o\"; read: { f = \"F\"; }; }; }; }; };\n");
	const struct config_system *a = config_system(model, "a");
	const struct config_binding *binding = config_binding(config_flow(model, "f"), "a");
	const struct config_field *field = config_field(config_entity(model, "e"), "f");

	(void)state;
	assert_int_equal(a->access, CONFIG_ACCESS_READ);
	assert_string_equal(a->timezone, "UTC");
	assert_string_equal(a->objects[0].native, "o");
	assert_int_equal(a->objects[0].tenant_mode, CONFIG_TENANT_GUARD);
	assert_int_equal(a->limits->parallel, 1);
	assert_false(binding->originates);
	assert_null(binding->create_if.text);
	assert_int_equal(binding->deletes->seen, CONFIG_SEEN_REVIEW);
	assert_int_equal(binding->deletes->act, CONFIG_DO_NONE);
	assert_int_equal(binding->situations->linked, CONFIG_ACTION_MERGE);
	assert_int_equal(binding->situations->unmatched, CONFIG_ACTION_DEFAULT);
	assert_false(binding->confirm->readback);
	assert_true(binding->reads);
	assert_false(binding->writes);
	assert_int_equal(field->scale, CONFIG_SCALE_NONE);
	assert_true(field->clear);
	assert_string_equal(field->owner, "a");
	assert_int_equal(config_flow(model, "f")->guards->missing_rows_ppm, 100000);
	config_free(model);
}

static const struct syncline_setting *
setting(const struct config_settings *settings, const char *name)
{
	for (uint32_t i = 0; i < settings->settings.count; i++)
		if (strcmp(settings->settings.items[i].name, name) == 0)
			return &settings->settings.items[i];
	return NULL;
}

static void
test_settings(void **state)
{
	struct model *model = load_text("systems: { a: { connector = \"csv\"; settings: { directory = \"/x\"; settle = \"2m\"; buffer = \"1MiB\"; skip_rows = 3;\n"
	                                "  null_if = [ \"\", \"-\" ]; headless = true; line_end = \"CRLF\"; }; objects: { o: { settings: { header = false; }; }; }; }; };\n");
	const struct config_settings *settings = config_settings(config_system(model, "a"), NULL);

	(void)state;
	assert_int_equal(setting(settings, "settle")->integer, 120000);
	assert_int_equal(setting(settings, "buffer")->integer, 1048576);
	assert_int_equal(setting(settings, "skip_rows")->integer, 3);
	assert_int_equal(setting(settings, "headless")->integer, 1);
	assert_int_equal(setting(settings, "null_if")->list_count, 2);
	assert_string_equal(setting(settings, "null_if")->list[1], "-");
	assert_string_equal(setting(settings, "line_end")->text, "CRLF");
	assert_int_equal(setting(settings, "line_end")->configured, 1);
	assert_string_equal(setting(settings, "delimiter")->text, ",");
	assert_int_equal(setting(settings, "delimiter")->configured, 0);
	assert_int_equal(setting(settings, "trim")->list_count, 2);
	assert_string_equal(setting(settings, "trim")->list[1], "right");
	assert_null(setting(settings, "thousands_mark"));
	assert_int_equal(setting(&config_object(config_system(model, "a"), "o")->settings, "header")->integer, 0);
	config_free(model);
}

/* A caret can be put under any byte of a rule, joined over lines and with escapes in it. */
static void
test_rule_places(void **state)
{
	struct model *model = load_text("systems: { a: { connector = \"csv\"; settings: { directory = \"/x\"; }; objects: { o: { }; }; }; }; units: { u: { }; };\n"
	                                "entities: { e: { owner = \"a\"; fields: { f: { type = \"text\"; }; }; }; };\n"
	                                "flows: { f: { entity = \"e\"; units = \"u\"; bindings: { a: { object = \"o\"; read: { f =\n"
	                                "    \"iif(A \\\"x\\\", \"\n"
	                                "      # a comment between them\n"
	                                "      \"B)\"; }; }; }; }; };\n");
	const struct config_rule *rule = &config_flow(model, "f")->bindings[0].read[0].rule;
	struct config_place place;

	(void)state;
	assert_string_equal(rule->text, "iif(A \"x\", B)");
	place = config_rule_place(rule, 0);
	assert_int_equal(place.line, 4);
	assert_int_equal(place.column, 6);
	place = config_rule_place(rule, 7); /* x, behind an escape of two bytes */
	assert_int_equal(place.line, 4);
	assert_int_equal(place.column, 14);
	place = config_rule_place(rule, 11); /* B, on its own line */
	assert_int_equal(place.line, 6);
	assert_int_equal(place.column, 8);
	config_free(model);
}

static void
test_merge_and_site(void **state)
{
	struct config_source sources[] = {
		{ "a.conf", "systems: { a: { connector = \"csv\"; settings: { directory = \"/a\"; encoding = \"CP1252\"; }; }; };", 0, false },
		{ "b.conf", "systems: { a: { access = \"write\"; settings: { delimiter = \";\"; }; }; };", 0, false },
		{ "site.conf", "systems: { a: { settings: { directory = \"/site\"; }; limits: { parallel = 2; }; }; }; agent: { environment = \"test\"; };", 0, true },
	};
	struct diagnostics d;
	struct model *model = NULL;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		sources[i].length = strlen(sources[i].data);
	if (load_sources(sources, 3, &model, &d) != 0)
		show(&d);
	assert_non_null(model);
	assert_string_equal(setting(&model->systems[0].settings, "directory")->text, "/site");
	assert_string_equal(setting(&model->systems[0].settings, "delimiter")->text, ";");
	assert_string_equal(setting(&model->systems[0].settings, "encoding")->text, "CP1252");
	assert_int_equal(model->systems[0].access, CONFIG_ACCESS_WRITE);
	assert_int_equal(model->systems[0].limits->parallel, 2);
	assert_string_equal(model->agent->environment, "test");
	diagnostics_free(&d);
	config_free(model);
}

/* One bad file hides neither its neighbours' mistakes nor invents new ones. */
static void
test_one_bad_file(void **state)
{
	const char *broken = "systems: { a: { connector = \"csv\"; ", *other = "agent: { enviroment = \"x\"; }; units: { u: { systems: { a: { }; }; }; };";
	const struct config_source sources[] = { { "a.conf", broken, strlen(broken), false }, { "b.conf", other, strlen(other), false } };
	struct diagnostics d;
	struct model *model = NULL;
	struct buffer json;

	(void)state;
	assert_int_equal(load_sources(sources, 2, &model, &d), -1);
	assert_int_equal(d.count, 2);
	assert_int_equal(d.items[0].error.code, ERROR_CONFIG_SYNTAX);
	assert_int_equal(d.items[1].error.code, ERROR_CONFIG_UNKNOWN_SETTING);
	assert_string_equal(d.items[1].error.hint, "Did you mean environment?");
	buffer_init(&json, 0);
	assert_int_equal(diagnostics_json(&d, &json), 0);
	assert_non_null(strstr(buffer_string(&json), "{\"code\":\"config-unknown-setting\",\"file\":\"b.conf\",\"line\":1,\"column\":10,\"message\":"));
	buffer_free(&json);
	diagnostics_free(&d);
}

static void
put(const char *path, const char *text, size_t length, mode_t mode)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

/* Folders, files and who may write them. */
static void
test_files(void **state)
{
	char dir[] = "/tmp/syncline-config-XXXXXX", path[128], link[128], fifo[128], contracts[128], contract[160];
	static const char good[] = "systems: { a: { connector = \"csv\"; settings: { directory = \"/x\"; }; objects: { o: { key = [ \"ID\" ]; }; }; }; };\n";
	static const char fields[] = "contracts: { a: { o: { fields = ( { name = \"ID\"; type = \"integer\"; key = true; } ); }; }; };\n";
	struct config_options options = { .describe = fake_describe };
	struct diagnostics d;
	struct model *model = NULL;
	char *large = calloc(1, 1100000);

	(void)state;
	assert_non_null(large);
	memset(large, '\n', 1100000);
	assert_non_null(mkdtemp(dir));
	options.conf_dir = dir;
	snprintf(path, sizeof path, "%s/10-a.conf", dir);
	snprintf(link, sizeof link, "%s/20-b.conf", dir);
	snprintf(fifo, sizeof fifo, "%s/30-c.conf", dir);
	snprintf(contracts, sizeof contracts, "%s/contracts", dir);
	snprintf(contract, sizeof contract, "%s/a.o.conf", contracts);

	diagnostics_init(&d);
	assert_int_equal(config_load(&options, &model, &d), -1); /* an empty folder */
	assert_int_equal(d.items[0].error.code, ERROR_CONFIG_FILE);
	diagnostics_free(&d);

	put(path, good, sizeof good - 1, 0644);
	assert_int_equal(mkdir(contracts, 0755), 0);
	put(contract, fields, sizeof fields - 1, 0644);
	assert_int_equal(config_load(&options, &model, &d), 0);
	assert_non_null(model->systems[0].objects[0].contract);
	assert_int_equal(config_sdk_object(&model->systems[0].objects[0])->field_count, 1);
	assert_int_equal(config_sdk_object(&model->systems[0].objects[0])->fields[0].type, SYNCLINE_TYPE_INTEGER);
	config_free(model);
	model = NULL;

	assert_int_equal(chmod(path, 0646), 0);
	assert_int_equal(config_load(&options, &model, &d), -1);
	assert_int_equal(d.count, 1);
	assert_int_equal(d.items[0].error.code, ERROR_CONFIG_UNSAFE);
	diagnostics_free(&d);
	assert_int_equal(chmod(path, 0644), 0);

	assert_int_equal(symlink("10-a.conf", link), 0); /* read like any file: everything stands there twice */
	assert_int_equal(config_load(&options, &model, &d), -1);
	assert_int_equal(d.items[0].error.code, ERROR_CONFIG_DUPLICATE);
	diagnostics_free(&d);
	assert_int_equal(unlink(link), 0);

	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(config_load(&options, &model, &d), -1);
	assert_int_equal(d.items[0].error.code, ERROR_CONFIG_FILE);
	diagnostics_free(&d);
	assert_int_equal(unlink(fifo), 0);

	put(link, large, 1100000, 0644);
	assert_int_equal(config_load(&options, &model, &d), -1);
	assert_int_equal(d.items[0].error.code, ERROR_CONFIG_LIMIT);
	diagnostics_free(&d);
	assert_int_equal(unlink(link), 0);

	options.site_dir = "/nowhere";
	assert_int_equal(config_load(&options, &model, &d), -1);
	assert_int_equal(d.items[0].error.code, ERROR_CONFIG_FILE);
	diagnostics_free(&d);
	free(large);
	unlink(contract);
	rmdir(contracts);
	unlink(path);
	rmdir(dir);
}

static void
test_limits(void **state)
{
	struct buffer text;
	struct diagnostic first;

	(void)state;
	buffer_init(&text, 0);
	buffer_text(&text, "agent: {");
	for (int i = 0; i < 20001; i++)
		buffer_format(&text, "a%d=1;", i);
	buffer_text(&text, "};");
	first = refuse_text(buffer_string(&text));
	assert_int_equal(first.error.code, ERROR_CONFIG_LIMIT);
	buffer_clear(&text);
	for (int i = 0; i < 100000; i++)
		buffer_text(&text, "a:{");
	first = refuse_text(buffer_string(&text));
	assert_int_equal(first.error.code, ERROR_CONFIG_LIMIT);
	/* More mistakes than anybody reads: kept up to a number. */
	buffer_clear(&text);
	buffer_text(&text, "agent: {");
	for (int i = 0; i < 3000; i++)
		buffer_format(&text, "a%d=1;\n", i);
	buffer_text(&text, "};");
	first = refuse_text(buffer_string(&text));
	assert_int_equal(first.error.code, ERROR_CONFIG_UNKNOWN_SETTING);
	buffer_free(&text);
}

static void
test_values(void **state)
{
	static const char *const bad_durations[] = { "", "5", "m", "1.5h", "-1s", "5 s", "5min", "99999999999999999999s", "9223372036854775807y" };
	static const char *const bad_shares[] = { "", "%", "5", "101%", "100.1%", "1.%", ".5%", "-1%", "5 %", "0.55555%" };
	int64_t value = 0;
	double number = 0;

	(void)state;
	assert_true(value_to_duration("90s", &value) && value == 90000);
	assert_true(value_to_duration("500ms", &value) && value == 500);
	assert_true(value_to_duration("1y", &value) && value == INT64_C(31536000000));
	for (size_t i = 0; i < sizeof bad_durations / sizeof bad_durations[0]; i++)
		assert_false(value_to_duration(bad_durations[i], &value));
	assert_true(value_to_size("64KiB", &value) && value == 65536);
	assert_false(value_to_size("64KB", &value));
	assert_true(value_to_share("0.5%", &value) && value == 5000);
	assert_true(value_to_share("100%", &value) && value == 1000000);
	for (size_t i = 0; i < sizeof bad_shares / sizeof bad_shares[0]; i++)
		assert_false(value_to_share(bad_shares[i], &value));
	assert_true(value_to_double("0.97", &number) && number > 0.9699 && number < 0.9701);
	assert_false(value_to_double("1e5", &number));
	assert_true(value_is_zone("America/Argentina/Buenos_Aires") && value_is_zone("Etc/GMT+5"));
	assert_false(value_is_zone("../etc/passwd") || value_is_zone("Europe//Berlin") || value_is_zone("/x"));
	assert_string_equal(value_secret("secret:crm/client-secret"), "crm/client-secret");
	assert_null(value_secret("secret:"));
	assert_null(value_secret("secret:a b"));
}

static void
same_fields(const struct syncline_field *a, const struct syncline_field *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		assert_string_equal(a[i].name, b[i].name);
		assert_int_equal(a[i].type, b[i].type);
		assert_int_equal(a[i].flags, b[i].flags);
		assert_int_equal(a[i].max_length, b[i].max_length);
		if (a[i].type == SYNCLINE_TYPE_DECIMAL)
			assert_int_equal(a[i].scale, b[i].scale);
		assert_string_equal(a[i].label != NULL ? a[i].label : "", b[i].label != NULL ? b[i].label : "");
	}
}

#define FIELD(what, kind, more, digits, length, says) { sizeof(struct syncline_field), SYNCLINE_TYPE_##kind, more, digits, length, 0, what, says }
static const struct syncline_field contract[] = {
	FIELD("Straße \"7\" \\ \n\x01", TEXT, SYNCLINE_FIELD_KEY | SYNCLINE_FIELD_REQUIRED, SYNCLINE_SCALE_UNKNOWN, 80, "Wo \"er\" wohnt"),
	FIELD("UMSATZ", DECIMAL, 0, 2, 0, NULL),
	FIELD("GANZ", DECIMAL, 0, 0, 0, NULL),
	FIELD("OFFEN", DECIMAL, SYNCLINE_FIELD_SENSITIVE, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
	FIELD("n", INTEGER, SYNCLINE_FIELD_READ_ONLY | SYNCLINE_FIELD_UNIQUE, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
	FIELD("b", BOOLEAN, SYNCLINE_FIELD_CREATE_ONLY, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
	FIELD("d", DATE, 0, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
	FIELD("t", TIMESTAMP, SYNCLINE_FIELD_MARK, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
	FIELD("x", BYTES, 0, SYNCLINE_SCALE_UNKNOWN, UINT32_MAX, NULL),
	FIELD("j", JSON, 0, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
	FIELD("c", CONTENT, 0, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
	FIELD("any", ABSENT, 0, SYNCLINE_SCALE_UNKNOWN, 0, NULL),
};
#define CONTRACT_COUNT ((uint32_t)(sizeof contract / sizeof contract[0]))

static void
test_contract(void **state)
{
	struct buffer text;
	struct error err;
	struct model *model;
	const struct syncline_object *object;
	struct syncline_field nameless = contract[0];

	(void)state;
	buffer_init(&text, 0);
	buffer_text(&text, "systems: { a: { connector = \"csv\"; settings: { directory = \"/x\"; }; objects: { o: { }; }; }; };\n");
	assert_int_equal(config_write_contract(&text, "a", "o", "O_*.csv", contract, CONTRACT_COUNT, &err), 0);
	model = load_text(buffer_string(&text));
	object = config_sdk_object(&model->systems[0].objects[0]);
	assert_int_equal(object->field_count, CONTRACT_COUNT);
	same_fields(object->fields, contract, CONTRACT_COUNT);
	assert_string_equal(model->systems[0].objects[0].contract->native, "O_*.csv");
	config_free(model);
	nameless.name = "";
	assert_int_equal(config_write_contract(&text, "a", "o", "O", &nameless, 1, &err), -1);
	assert_int_equal(err.code, ERROR_CONFIG_CONTRACT);
	buffer_free(&text);
}

static void
test_schema(void **state)
{
	static const char foreign[] = "{\"title\":\"Order\",\"properties\":{\"id\":{\"type\":\"integer\",\"readOnly\":true},\"total\":{\"type\":\"number\",\"multipleOf\":0.01},"
	                              "\"when\":{\"type\":\"string\",\"format\":\"date-time\"},\"lines\":{\"type\":\"array\"},\"note\":{\"type\":[\"string\",\"null\"],\"maxLength\":40},"
	                              "\"free\":true},\"required\":[\"total\"]}";
	struct buffer text;
	struct error err;
	struct arena arena;
	struct syncline_field *fields = NULL;
	const char *native = NULL;
	uint32_t count = 0;

	(void)state;
	arena_init(&arena, 0);
	buffer_init(&text, 0);
	assert_int_equal(config_contract_to_schema(&text, "O_*.csv", contract, CONTRACT_COUNT, &err), 0);
	assert_int_equal(config_contract_from_schema(&arena, text.data, text.length, &native, &fields, &count, &err), 0);
	assert_int_equal(count, CONTRACT_COUNT);
	assert_string_equal(native, "O_*.csv");
	same_fields(fields, contract, CONTRACT_COUNT);
	assert_int_equal(config_contract_from_schema(&arena, foreign, sizeof foreign - 1, &native, &fields, &count, &err), 0);
	assert_int_equal(count, 6);
	assert_int_equal(fields[0].type, SYNCLINE_TYPE_INTEGER);
	assert_int_equal(fields[0].flags, SYNCLINE_FIELD_READ_ONLY);
	assert_int_equal(fields[1].type, SYNCLINE_TYPE_DECIMAL);
	assert_int_equal(fields[1].scale, 2);
	assert_int_equal(fields[1].flags, SYNCLINE_FIELD_REQUIRED);
	assert_int_equal(fields[2].type, SYNCLINE_TYPE_TIMESTAMP);
	assert_int_equal(fields[3].type, SYNCLINE_TYPE_JSON);
	assert_int_equal(fields[4].max_length, 40);
	assert_int_equal(fields[5].type, SYNCLINE_TYPE_ABSENT);
	assert_int_equal(config_contract_from_schema(&arena, "{", 1, &native, &fields, &count, &err), -1);
	assert_int_equal(config_contract_from_schema(&arena, "[]", 2, &native, &fields, &count, &err), -1);
	assert_int_equal(config_contract_from_schema(&arena, "{\"properties\":{\"\":{}}}", 22, &native, &fields, &count, &err), -1);
	buffer_free(&text);
	arena_free(&arena);
}

static char *
read_page(void)
{
	FILE *file = fopen(source_path("docs/man/syncline.conf.5"), "rb");
	char *page = calloc(1, 1 << 20);

	assert_non_null(file);
	assert_non_null(page);
	assert_true(fread(page, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return page;
}

/* The page has a `.Ss PATH` for each group and in it a `.It Ic NAME` for each setting: none too few and none too many. */
static void
test_manual(void **state)
{
	char *page = read_page(), wanted[256];
	unsigned settings = 0, documented = 0;

	(void)state;
	for (size_t g = 0; g < GRAMMAR_COUNT; g++) {
		const struct grammar_group *group = &grammar_groups[g];
		char *section, *end, saved;

		if (group->count == 0)
			continue;
		snprintf(wanted, sizeof wanted, "\n.Ss %s\n", group->path[0] != '\0' ? group->path : "A file");
		section = strstr(page, wanted);
		if (section == NULL) {
			fail_msg("syncline.conf(5) has no section %s", group->path);
			break;
		}
		end = strstr(section + 4, "\n.S");
		if (end == NULL)
			end = section + strlen(section);
		saved = *end;
		*end = '\0';
		for (uint32_t i = 0; i < group->count; i++) {
			snprintf(wanted, sizeof wanted, "\n.It Ic %s ", group->settings[i].name);
			if (strstr(section, wanted) == NULL)
				fail_msg("syncline.conf(5) does not tell of %s in %s", group->settings[i].name, group->path);
			settings++;
		}
		*end = saved;
	}
	for (const char *p = page; (p = strstr(p, "\n.It Ic ")) != NULL; p++)
		documented++;
	assert_int_equal(documented, settings);
	free(page);
}

static void
test_grammar(void **state)
{
	struct buffer text;

	(void)state;
	buffer_init(&text, 0);
	assert_int_equal(config_print_grammar(&text), 0);
	assert_non_null(strstr(buffer_string(&text), "\nsystems.NAME.access\tone of read write\tdefault read\t"));
	for (const char *line = text.data; (line = strstr(line, "\t\n")) != NULL; line++)
		fail_msg("a setting has no help");
	buffer_free(&text);
	assert_true(grammar_name_is_sql("select") && grammar_name_is_sql("abort") && grammar_name_is_sql("without") && grammar_name_is_sql("rowid"));
	assert_false(grammar_name_is_sql("customer"));
}

/* The connector "rest" can't be loaded. */
static const struct syncline_connector *
describe_without(void *ctx, const char *name, struct error *err)
{
	const enum error_code *why = ctx;

	if (*why != ERROR_NONE && strcmp(name, "rest") == 0) {
		error_fill(err, *why, NULL, "it is gone");
		error_place(err, "system rest");
		return NULL;
	}
	return fake_describe(NULL, name, err);
}

static bool
passes(void *ctx, const char *name, const struct error *err)
{
	(void)ctx;
	assert_string_equal(name, "rest");
	return err->klass == SYNCLINE_RETRY;
}

static enum error_code
load_without(const char *text, enum error_code why, const struct model *again, struct model **ret_model)
{
	const struct config_source source = { "t.conf", text, strlen(text), false };
	const struct config_options options = { .sources = &source, .source_count = text[0] != '\0', .describe = describe_without, .describe_ctx = &why,
		.passes = passes, .again = again };
	enum error_code first = ERROR_NONE;
	struct diagnostics d;

	*ret_model = NULL;
	diagnostics_init(&d);
	if (config_load(&options, ret_model, &d) != 0)
		first = d.items[0].error.code;
	diagnostics_free(&d);
	return first;
}

/* What is passing keeps nobody from the rest, and the same files are checked in full when it is over. */
static void
test_absent(void **state)
{
	static const char good[] = "systems: { crm: {\nconnector = \"rest\"; settings: { base_url = \"https://crm.example.com\"; client_secret = \"secret:crm/a\"; };\n"
	                           "objects: { accounts: { key = [ \"id\" ]; }; }; }; erp: { connector = \"csv\"; settings: { directory = \"/srv\"; }; }; };\n";
	static const char bad[] = "systems: { crm: { connector = \"rest\"; settings: { base_url = \"https://crm.example.com\"; colour = 1; client_secret = \"secret:crm/a\"; }; }; };\n";
	struct model *model, *whole;
	const struct config_system *crm;

	(void)state;
	assert_int_equal(load_without(good, ERROR_CONNECTOR_SYMBOL, NULL, &model), ERROR_CONNECTOR_SYMBOL);
	assert_int_equal(load_without(good, ERROR_HOST_GONE, NULL, &model), ERROR_NONE);
	crm = config_system(model, "crm");
	assert_null(crm->descriptor);
	assert_int_equal(crm->absent->code, ERROR_HOST_GONE);
	assert_string_equal(crm->absent->place, "t.conf:2:1");
	assert_null(config_system(model, "erp")->absent);
	assert_non_null(config_system(model, "erp")->descriptor);
	assert_int_equal(load_without("", ERROR_NONE, model, &whole), ERROR_NONE);
	crm = config_system(whole, "crm");
	assert_null(crm->absent);
	assert_non_null(crm->descriptor);
	assert_int_equal(crm->settings.settings.items[0].type, SYNCLINE_PARAM_URL);
	assert_string_equal(config_object(crm, "accounts")->key.items[0], "id");
	config_free(whole);
	config_free(model);
	assert_int_equal(load_without(bad, ERROR_HOST_GONE, NULL, &model), ERROR_NONE);
	assert_int_equal(load_without("", ERROR_NONE, model, &whole), ERROR_CONFIG_UNKNOWN_SETTING);
	config_free(model);
}

/* Allocations fail one by one; whatever comes back is whole or nothing. */
static int
load_once(void *arg)
{
	const struct config_source *source = arg;
	struct config_options options = { .sources = source, .source_count = 1, .describe = fake_describe };
	struct diagnostics d;
	struct model *model = NULL;
	int result;

	diagnostics_init(&d);
	result = config_load(&options, &model, &d);
	if (result == 0) {
		assert_non_null(model);
		assert_int_equal(model->flow_count, 1);
		assert_string_equal(config_binding(config_flow(model, "customers"), "crm")->write[0].rule.text, "name");
	} else {
		assert_null(model);
		for (size_t i = 0; i < d.count; i++)
			assert_int_equal(d.items[i].error.code, ERROR_MEMORY);
	}
	config_free(model);
	diagnostics_free(&d);
	return result;
}

/* The arena asks for few large blocks; its limit makes every single allocation in it fail once. */
static void
shrink_memory(const struct config_source *source)
{
	struct config_options options = { .sources = source, .source_count = 1, .describe = fake_describe };
	struct model *model = NULL;
	unsigned refused = 0;

	for (options.memory_max = 16; model == NULL; options.memory_max += 16) {
		struct diagnostics d;

		diagnostics_init(&d);
		if (config_load(&options, &model, &d) != 0) {
			assert_null(model);
			assert_true(d.count > 0);
			for (size_t i = 0; i < d.count; i++)
				assert_int_equal(d.items[i].error.code, ERROR_MEMORY);
			refused++;
		}
		diagnostics_free(&d);
	}
	assert_true(refused > 500);
	config_free(model);
}

static void
test_no_memory(void **state)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(source_path("tests/config/base.conf"), "rb");
	struct config_source source = { .name = "base.conf", .data = text };

	(void)state;
	assert_non_null(text);
	assert_non_null(file);
	source.length = fread(text, 1, 65535, file);
	fclose(file);
	shrink_memory(&source);
	assert_true(oom_each(load_once, &source) > 8);
	free(text);
}

/* The same over files, and with many mistakes: the list of them is memory too. */
static int
load_folder_once(void *arg)
{
	const char *path = arg;
	struct config_options options = { .conf_dir = path, .describe = fake_describe, .describe_ctx = (void *)(uintptr_t)"rest2" };
	struct diagnostics d;
	struct model *model = NULL;
	int result;

	diagnostics_init(&d);
	result = config_load(&options, &model, &d);
	config_free(model);
	diagnostics_free(&d);
	return result;
}

static void
test_no_memory_for_files(void **state)
{
	char path[4096];

	(void)state;
	snprintf(path, sizeof path, "%s", source_path("conf.d"));
	assert_true(oom_each(load_folder_once, path) > 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),         cmocka_unit_test(test_defaults),  cmocka_unit_test(test_settings),
		cmocka_unit_test(test_rule_places),    cmocka_unit_test(test_merge_and_site), cmocka_unit_test(test_one_bad_file),
		cmocka_unit_test(test_files),          cmocka_unit_test(test_limits),    cmocka_unit_test(test_values),
		cmocka_unit_test(test_contract),       cmocka_unit_test(test_schema),    cmocka_unit_test(test_manual),
		cmocka_unit_test(test_grammar),        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_no_memory_for_files),
		cmocka_unit_test(test_absent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
