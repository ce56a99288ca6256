/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_help.c: see ledger_help.h. */
#include "check.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_fake.h"
#include "ledger/inside.h"
#include "ledger_help.h"

const char help_house[] =
	"agent: { environment = \"test\"; };\n"
	"systems: {\n"
	"  erp: { connector = \"csv\"; access = \"write\"; settings: { directory = \"/srv/out\"; import_directory = \"/srv/in\"; };\n"
	"    objects: { kunden: { native = \"KUNDEN_*.csv\"; key = [ \"NR\" ]; }; auftraege: { native = \"AUFTRAG_*.csv\"; key = [ \"NR\" ]; }; }; };\n"
	"  crm: { connector = \"rest\"; access = \"write\"; settings: { base_url = \"https://crm.example.com\"; client_id = \"syncline\"; client_secret = \"secret:crm/secret\"; };\n"
	"    objects: { accounts: { key = [ \"id\" ]; external_key = \"ext_id\"; }; orders: { key = [ \"id\" ]; external_key = \"ext_id\"; }; }; };\n"
	"};\n"
	"units: { berlin: { systems: { erp: { tenant = \"100\"; }; crm: { tenant = \"ber\"; }; }; };\n"
	"         munich: { systems: { erp: { tenant = \"200\"; }; crm: { tenant = \"muc\"; }; }; }; };\n"
	"entities: {\n"
	"  customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );\n"
	"    fields: { number: { type = \"text\"; unique = true; }; name: { type = \"text\"; required = true; }; email: { type = \"email\"; };\n"
	"              revenue: { type = \"decimal\"; scale = 2; }; active: { type = \"boolean\"; }; since: { type = \"date\"; };\n"
	"              visited: { type = \"timestamp\"; }; visits: { type = \"integer\"; }; }; };\n"
	"  sales_order: { owner = \"erp\";\n"
	"    fields: { number: { type = \"text\"; required = true; unique = true; }; total: { type = \"decimal\"; scale = 2; };\n"
	"              customer: { type = \"ref\"; entity = \"customer\"; required = true; wait = \"3d\"; }; }; };\n"
	"};\n"
	"flows: {\n"
	"  customers: { entity = \"customer\"; units = [ \"berlin\", \"munich\" ];\n"
	"    bindings: {\n"
	"      erp: { object = \"kunden\"; originates = true; map = ( [ \"number\", \"NR\" ], [ \"name\", \"NAME\" ] ); };\n"
	"      crm: { object = \"accounts\"; create_if = \"true\"; map = ( [ \"name\", \"name\" ], [ \"email\", \"email\" ] ); }; }; };\n"
	"  orders: { entity = \"sales_order\"; units = [ \"berlin\" ]; after = [ \"customers\" ];\n"
	"    bindings: {\n"
	"      erp: { object = \"auftraege\"; originates = true; map = ( [ \"number\", \"NR\" ] ); read: { customer = \"ref('kunden', KUNDE)\"; }; };\n"
	"      crm: { object = \"orders\"; create_if = \"true\"; write = ( [ \"no\", \"number\" ] ); }; }; };\n"
	"};\n";

struct model *
help_model(const char *text)
{
	const struct config_source source = { "house.conf", text, strlen(text), false };
	const struct config_options options = { .sources = &source, .source_count = 1, .describe = fake_describe };
	struct diagnostics d;
	struct model *model = NULL;

	diagnostics_init(&d);
	if (config_load(&options, &model, &d) != 0)
		for (size_t i = 0; i < d.count; i++)
			print_message("%s: %s\n", d.items[i].error.place, d.items[i].error.message);
	diagnostics_free(&d);
	assert_non_null(model);
	return model;
}

struct model *
help_changed_model(const char *const changes[][2], size_t count)
{
	struct model *model;
	struct buffer text;

	buffer_init(&text, 0);
	buffer_text(&text, help_house);
	for (size_t i = 0; i < count; i++) {
		const char *at = strstr(buffer_string(&text), changes[i][0]);
		size_t begin = at != NULL ? (size_t)(at - text.data) : 0;
		struct buffer next;

		assert_non_null(at);
		buffer_init(&next, 0);
		buffer_append(&next, text.data, begin);
		buffer_text(&next, changes[i][1]);
		buffer_append(&next, text.data + begin + strlen(changes[i][0]), text.length - begin - strlen(changes[i][0]));
		buffer_free(&text);
		text = next;
	}
	model = help_model(buffer_string(&text));
	buffer_free(&text);
	return model;
}

void
help_folder(char *ret_path, size_t size)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(ret_path, size, "%s/syncline-ledger-XXXXXX", tmp != NULL ? tmp : "/tmp");
	assert_non_null(mkdtemp(ret_path));
}

void
help_remove(const char *path)
{
	char below[4096];
	struct dirent *entry;
	struct stat file;
	DIR *dir;

	if (lstat(path, &file) == 0 && S_ISDIR(file.st_mode) && (dir = opendir(path)) != NULL) {
		while ((entry = readdir(dir)) != NULL) {
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
			help_remove(below);
		}
		closedir(dir);
	}
	remove(path);
}

int64_t help_clock_us = INT64_C(1800000000000000), help_tick_us;

int64_t
help_now(void *data)
{
	(void)data;
	return help_clock_us += help_tick_us;
}

int
help_ok(int result, const struct error *err)
{
	if (result != 0)
		print_message("%s: %s\n", error_name(err->code), err->message);
	return result;
}

static int
try_open(const char *dir, const struct model *model, enum ledger_mode mode, struct ledger **ret_ledger, struct error *err)
{
	const struct ledger_options options = { .state_dir = dir, .mode = mode, .model = model, .now_us = help_now, .who = "tester (uid 0)", .busy_ms = 200 };

	return ledger_open(&options, ret_ledger, err);
}

struct ledger *
help_open(const char *dir, const struct model *model, enum ledger_mode mode)
{
	struct ledger *ledger = NULL;
	struct error err = { 0 };

	assert_ok(try_open(dir, model, mode, &ledger, &err));
	return ledger;
}

void
help_refuse(const char *dir, const struct model *model, enum ledger_mode mode, struct error *err)
{
	struct ledger *ledger = NULL;

	memset(err, 0, sizeof *err);
	assert_int_equal(try_open(dir, model, mode, &ledger, err), -1);
	assert_null(ledger);
	assert_true(err->message[0] != '\0');
}

int64_t
help_number(struct ledger *ledger, const char *sql)
{
	struct error err = { 0 };
	sqlite3_stmt *statement = ledger_statement(ledger, sql, &err);
	int64_t number = -1;

	assert_int_equal(help_ok(statement != NULL ? 0 : -1, &err), 0);
	if (ledger_step(ledger, statement, &err) == 1)
		number = sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return number;
}

const char *
help_text(struct ledger *ledger, const char *sql)
{
	static char text[4096];
	struct error err = { 0 };
	sqlite3_stmt *statement = ledger_statement(ledger, sql, &err);

	assert_int_equal(help_ok(statement != NULL ? 0 : -1, &err), 0);
	text[0] = '\0';
	if (ledger_step(ledger, statement, &err) == 1 && sqlite3_column_text(statement, 0) != NULL)
		snprintf(text, sizeof text, "%s", (const char *)sqlite3_column_text(statement, 0));
	sqlite3_reset(statement);
	return text;
}
