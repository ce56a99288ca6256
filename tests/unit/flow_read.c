/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading into a ledger: tenants, units that are off, rows that are unchanged, rows that can't be taken, sources that are empty
 * or not what they were; with real connectors and a real ledger.  flow_read_crash.c kills it.
 */
#include "flow_read_help.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "flow/read.h"
#include "flow/world.h"

static void
is_text(const char *what, const char *expected)
{
	assert_string_equal(what, expected);
}

static void
put(struct rig *rig, const char *name, const char *text)
{
	char path[100];

	snprintf(path, sizeof path, "in/%s", name);
	unlink(stand_path(rig->stand, path));
	stand_text(rig->stand, path, text);
}

#define CSV_CONTRACT                                                                                                          \
	"contracts: { erp: { kunden: { native = \"kunden*.csv\"; fields = ("                                                   \
	" { name = \"mandant\"; type = \"text\"; }, { name = \"nr\"; type = \"text\"; key = true; },"                      \
	" { name = \"name\"; type = \"text\"; }, { name = \"size\"; type = \"decimal\"; } ); }; }; };"

static struct rig *
customers_with(const char *more, const char *text)
{
	struct rig *rig = rig_new();
	struct buffer configuration;

	buffer_init(&configuration, 0);
	buffer_text(&configuration, rig_customers);
	buffer_text(&configuration, more);
	put(rig, "kunden1.csv", text);
	rig_open(rig, buffer_string(&configuration));
	buffer_free(&configuration);
	rig_flag(rig, "berlin", LEDGER_FLAG_ON);
	rig_flag(rig, "munich", LEDGER_FLAG_ON);
	return rig;
}

static struct rig *
customers(const char *text)
{
	return customers_with("", text);
}

/* ---- tenants ---- */

static void
split_goes_to_units(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n200,2,Bob\n100,3,Cy\n300,4,Dan\n,5,Eve\n");

	(void)state;
	rig_must_read(rig, false, "berlin", "munich", NULL);
	is_text(rig_staged(rig, "berlin", "name"), "1=Ada 3=Cy");
	is_text(rig_staged(rig, "munich", "name"), "2=Bob");
	is_text(rig_rejects(rig), "tenant-unknown 4; tenant-unknown 5");
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_READ), 4); /* those of nobody count at the first */
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_REJECTED), 2);
	assert_int_equal(rig_count(rig, "munich", LEDGER_COUNT_READ), 1);
	assert_true(rig_complete(rig, "berlin"));
	assert_true(rig_complete(rig, "munich"));
	/* What was rejected is told again, not twice; once it is right, the finding ends by itself. */
	put(rig, "kunden2.csv", "mandant,nr,name\n100,1,Ada\n200,2,Bob\n100,3,Cy\n300,4,Dan\n200,5,Eve\n");
	unlink(stand_path(rig->stand, "in/kunden1.csv"));
	rig_must_read(rig, false, "berlin", "munich", NULL);
	is_text(rig_rejects(rig), "tenant-unknown 4");
	put(rig, "kunden3.csv", "mandant,nr,name\n100,1,Ada\n200,2,Bob\n100,3,Cy\n200,5,Eve\n");
	unlink(stand_path(rig->stand, "in/kunden2.csv"));
	rig_must_read(rig, false, "berlin", "munich", NULL);
	is_text(rig_rejects(rig), "");
	rig_free(rig);
}

/* Another unit's rows are read with this one's; they wait for it. */
static void
one_read_feeds_all_units(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n200,2,Bob\n");

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", NULL), "1");
	is_text(rig_staged(rig, "munich", NULL), "2");
	rig_must_read(rig, false, "munich", NULL); /* no new file: nothing is read again */
	assert_int_equal(rig_count(rig, "munich", LEDGER_COUNT_READ), 0);
	is_text(rig_staged(rig, "munich", NULL), "2");
	rig_free(rig);
}

static void
unit_off_and_on(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n200,2,Bob\n");

	(void)state;
	rig_must_read(rig, false, "berlin", "munich", NULL);
	rig_adopt(rig, "berlin");
	rig_adopt(rig, "munich");
	rig_flag(rig, "munich", LEDGER_FLAG_OFF);
	put(rig, "kunden2.csv", "mandant,nr,name\n100,1,Ada\n200,2,Bea\n200,3,Cy\n");
	unlink(stand_path(rig->stand, "in/kunden1.csv"));
	rig_must_read(rig, false, "berlin", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_OTHER_UNITS), 2);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_UNCHANGED), 1);
	is_text(rig_staged(rig, "munich", NULL), "");
	/* Off and on again: what went by meanwhile is read again, though the file was read before. */
	rig_flag(rig, "munich", LEDGER_FLAG_PREVIEW);
	rig_must_read(rig, false, "berlin", "munich", NULL);
	is_text(rig_staged(rig, "munich", "name"), "2=Bea 3=Cy");
	is_text(rig_staged(rig, "berlin", NULL), "");
	/* And only once. */
	rig_flag(rig, "munich", LEDGER_FLAG_ON);
	rig_must_read(rig, false, "berlin", "munich", NULL);
	assert_int_equal(rig_count(rig, "munich", LEDGER_COUNT_READ), 0);
	/* Off while nobody reads is no gap. */
	rig_flag(rig, "munich", LEDGER_FLAG_OFF);
	rig_flag(rig, "munich", LEDGER_FLAG_ON);
	rig_must_read(rig, false, "berlin", "munich", NULL);
	assert_int_equal(rig_count(rig, "munich", LEDGER_COUNT_READ), 0);
	rig_free(rig);
}

static const char guarded[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" erp: { connector = \"csv\"; settings: { directory = \"@/in\"; complete = \"rename\"; delimiter = \",\"; };"
	"  objects: { kunden: { native = \"kunden*.csv\"; key = [ \"nr\" ]; tenant = \"mandant\"; reads = \"full\"; }; }; }; };"
	"units: { berlin: { systems: { erp: { tenant = \"100\"; }; }; };"
	" munich: { systems: { erp: { tenant = \"200\"; settings: { directory = \"@/out\"; }; }; }; }; };"
	"entities: { customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; units = [ \"berlin\", \"munich\" ]; bindings: {"
	" erp: { object = \"kunden\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"nr\" ], [ \"name\", \"name\" ] ); }; }; }; };";

static void
guard_rejects_foreign_rows(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	put(rig, "kunden1.csv", "mandant,nr,name\n100,1,Ada\n200,2,Bob\n200,3,Bea\n");
	stand_text(rig->stand, "out/kunden1.csv", "mandant,nr,name\n200,7,Gus\n");
	rig_open(rig, guarded);
	rig_flag(rig, "berlin", LEDGER_FLAG_ON);
	rig_flag(rig, "munich", LEDGER_FLAG_ON);
	/* Two sets of credentials, two reads. */
	rig_must_read(rig, false, "berlin", "munich", NULL);
	is_text(rig_staged(rig, "berlin", NULL), "1");
	is_text(rig_staged(rig, "munich", NULL), "7");
	is_text(rig_rejects(rig), "tenant-foreign 2; tenant-foreign 3");
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_FOREIGN), 2);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_REJECTED), 0);
	assert_non_null(strstr(buffer_string(&rig->said), "another tenant, \"200\""));
	assert_non_null(strstr(buffer_string(&rig->said), "2 rows of other tenants"));
	rig_free(rig);
}

/* ---- unchanged ---- */

static void
unchanged_rows_are_not_staged(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n100,2,Bob\n100,3,Cy\n");

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", "name"), "1=Ada 2=Bob 3=Cy");
	rig_adopt(rig, "berlin");
	rig_must_read(rig, true, "berlin", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_READ), 3);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_UNCHANGED), 3);
	is_text(rig_staged(rig, "berlin", NULL), "");
	assert_true(rig_complete(rig, "berlin"));
	put(rig, "kunden2.csv", "mandant,nr,name\n100,1,Ada\n100,2,Bea\n100,4,Dan\n");
	rig_must_read(rig, false, "berlin", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_UNCHANGED), 1 + 0);
	is_text(rig_staged(rig, "berlin", "name"), "2=Bea 4=Dan");
	rig_free(rig);
}

/* A row that is as its link is, while another version of it waits to be applied: it comes after that one. */
static void
unapplied_version_is_overtaken(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n100,2,Bob\n");

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	rig_adopt(rig, "berlin");
	put(rig, "kunden2.csv", "mandant,nr,name\n100,1,Ann\n100,2,Bob\n");
	rig_must_read(rig, false, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", "name"), "1=Ann");
	put(rig, "kunden3.csv", "mandant,nr,name\n100,1,Ada\n100,2,Bob\n");
	rig_must_read(rig, false, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", "name"), "1=Ann 1=Ada");
	rig_adopt(rig, "berlin");
	rig_must_read(rig, true, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", "name"), "");
	rig_free(rig);
}

static void
changed_rules_read_everything(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n100,2,Bob\n");
	struct buffer other;
	char *at;

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	rig_adopt(rig, "berlin");
	buffer_init(&other, 0);
	buffer_text(&other, rig_customers);
	assert_non_null(buffer_string(&other));
	assert_non_null(at = strstr(other.data, "unit"));
	/* A title decides nothing. */
	at = strstr(other.data, "{ entity = \"customer\"; units");
	assert_non_null(at);
	memcpy(at, "{ entity = \"customer\"; units", 28);
	rig_open(rig, other.data);
	rig_must_read(rig, false, "berlin", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_READ), 0);
	buffer_clear(&other);
	for (const char *p = rig_customers; *p != '\0'; p++)
		if (strncmp(p, "[ \"name\", \"name\" ] );", 21) == 0) {
			buffer_text(&other, "); read: { name = \"upper(name)\"; };");
			p += 20;
		} else if (strncmp(p, "[ \"number\", \"nr\" ], ", 20) == 0) {
			buffer_text(&other, "[ \"number\", \"nr\" ] ");
			p += 19;
		} else
			buffer_char(&other, *p);
	rig_open(rig, buffer_string(&other));
	rig_must_read(rig, false, "berlin", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_UNCHANGED), 0);
	is_text(rig_staged(rig, "berlin", "name"), "1=Ada 2=Bob");
	rig_must_read(rig, false, "berlin", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_READ), 0);
	buffer_free(&other);
	rig_free(rig);
}

/* ---- rows that can't be taken ---- */

static void
key_that_cannot_be_read(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n100,,Bob\n100,3,Cy\n");

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", "name"), "1=Ada 3=Cy");
	is_text(rig_rejects(rig), "row-without-key ");
	assert_false(rig_complete(rig, "berlin"));
	rig_must_read(rig, true, "berlin", NULL); /* the same row again is the same finding */
	is_text(rig_rejects(rig), "row-without-key ");
	put(rig, "kunden1.csv", "mandant,nr,name\n100,1,Ada\n100,2,Bob\n100,3,Cy\n");
	rig_must_read(rig, true, "berlin", NULL);
	is_text(rig_rejects(rig), "");
	assert_true(rig_complete(rig, "berlin"));
	rig_free(rig);
}

/* A row that can't be read counts as seen, and its finding ends with the very row that was there before it. */
static void
row_that_cannot_be_read(void **state)
{
	struct rig *rig = customers_with(CSV_CONTRACT, "mandant,nr,name,size\n100,1,Ada,1.5\n100,2,Bob,2.5\n");
	struct ledger_link missing[2];
	struct ledger_read read;
	struct arena arena;
	uint32_t count, object, unit = ledger_unit_id(rig->ledger, config_unit(rig->stand->model, "berlin"));

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	rig_adopt(rig, "berlin");
	put(rig, "kunden1.csv", "mandant,nr,name,size\n100,1,Ada,1.5\n100,2,Bob,many\n");
	rig_must_read(rig, true, "berlin", NULL);
	is_text(rig_rejects(rig), "row-unreadable 2");
	is_text(rig_staged(rig, "berlin", NULL), "");
	object = ledger_object_id(rig->ledger, rig->object);
	arena_init(&arena, 0);
	assert_int_equal(ledger_read_complete(rig->ledger, object, 0, "100", unit, &read, &rig->err), 0);
	assert_int_not_equal(read.id, 0);
	assert_int_equal(ledger_links_missing(rig->ledger, rig->flow->entity, read.id, object, unit, 0, &arena, missing, 2, &count, NULL, &rig->err), 0);
	assert_int_equal(count, 0);
	arena_free(&arena);
	put(rig, "kunden1.csv", "mandant,nr,name,size\n100,1,Ada,1.5\n100,2,Bob,2.5\n");
	rig_must_read(rig, true, "berlin", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_UNCHANGED), 2);
	is_text(rig_rejects(rig), "");
	rig_free(rig);
}

/* ---- sources that are not what they were ---- */

static void
execute(struct rig *rig, const char *sql)
{
	char *message = NULL;
	sqlite3 *db;

	assert_int_equal(sqlite3_open(stand_path(rig->stand, "in/erp.db"), &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
	sqlite3_close(db);
}

static const char database[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" erp: { connector = \"sqlite\"; settings: { path = \"@/in/erp.db\"; };"
	"  objects: { kunden: { native = \"kunden\"; key = [ \"nr\" ]; tenant = \"mandant\"; tenant_mode = \"split\"; }; }; }; };"
	"units: { berlin: { systems: { erp: { tenant = \"100\"; }; }; }; munich: { systems: { erp: { tenant = \"200\"; }; }; }; };"
	"entities: { customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; units = [ \"berlin\", \"munich\" ]; bindings: {"
	" erp: { object = \"kunden\"; trigger: { every = \"5m\"; }; originates = true; map = ( [ \"number\", \"nr\" ], [ \"name\", \"name\" ] ); }; }; }; };"
	"@CONTRACT";

/* The database's configuration with something in the place of @CONTRACT. */
static const char *
database_with(const char *more)
{
	static struct buffer text;
	const char *mark = strstr(database, "@CONTRACT");

	buffer_clear(&text);
	buffer_append(&text, database, (size_t)(mark - database));
	buffer_text(&text, more);
	return buffer_string(&text);
}

static struct rig *
database_rig(const char *more)
{
	struct rig *rig = rig_new();

	execute(rig, "CREATE TABLE kunden (mandant TEXT, nr TEXT PRIMARY KEY, name TEXT);"
	             "INSERT INTO kunden VALUES ('100', '1', 'Ada'), ('100', '2', 'Bob'), ('200', '3', 'Cy')");
	rig_open(rig, database_with(more));
	rig_flag(rig, "berlin", LEDGER_FLAG_ON);
	rig_flag(rig, "munich", LEDGER_FLAG_ON);
	return rig;
}

static void
empty_source_is_an_error(void **state)
{
	struct rig *rig = database_rig("");

	(void)state;
	rig_must_read(rig, false, "berlin", "munich", NULL);
	assert_true(rig_complete(rig, "berlin"));
	rig_adopt(rig, "berlin");
	rig_adopt(rig, "munich");
	/* One unit's rows are gone: nothing of it counts as deleted, the other's does. */
	execute(rig, "DELETE FROM kunden WHERE mandant = '200'; DELETE FROM kunden WHERE nr = '2'");
	rig_must_read(rig, false, "berlin", "munich", NULL);
	assert_true(rig_complete(rig, "berlin"));
	assert_int_equal(rig->intakes[0].unread.code, ERROR_NONE);
	assert_int_equal(rig->intakes[1].unread.code, ERROR_READ_EMPTY);
	assert_non_null(strstr(rig->intakes[1].unread.message, "munich"));
	/* All are gone. */
	execute(rig, "DELETE FROM kunden");
	assert_int_equal(rig_read(rig, false, "berlin", "munich", NULL), 0);
	assert_true(rig->failed);
	assert_int_equal(rig->first.code, ERROR_READ_EMPTY);
	assert_true(strlen(rig->first.hint) > 0);
	/* And back. */
	execute(rig, "INSERT INTO kunden VALUES ('100', '1', 'Ada'), ('100', '2', 'Bob'), ('200', '3', 'Cy')");
	rig_must_read(rig, false, "berlin", "munich", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_UNCHANGED), 2);
	assert_true(rig_complete(rig, "munich"));
	rig_free(rig);
}

/* A source that never had anything is no error. */
static void
empty_from_the_beginning(void **state)
{
	struct rig *rig = rig_new();

	(void)state;
	execute(rig, "CREATE TABLE kunden (mandant TEXT, nr TEXT PRIMARY KEY, name TEXT)");
	rig_open(rig, database_with(""));
	rig_flag(rig, "berlin", LEDGER_FLAG_ON);
	rig_must_read(rig, false, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", NULL), "");
	rig_free(rig);
}

static void
drift_stages_nothing(void **state)
{
	struct rig *rig = customers_with(CSV_CONTRACT, "mandant,nr,name,size\n100,1,Ada,1\n");

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	rig_adopt(rig, "berlin");
	put(rig, "kunden2.csv", "mandant,nr,size\n100,1,1\n100,2,2\n");
	assert_int_equal(rig_read(rig, false, "berlin", NULL), 0);
	assert_true(rig->failed);
	assert_int_equal(rig->first.code, ERROR_CONTRACT_DRIFT);
	assert_non_null(strstr(rig->first.message, "\"name\" was text and is gone"));
	is_text(rig->first.place, "kunden2.csv");
	is_text(rig_staged(rig, "berlin", NULL), "");
	put(rig, "kunden2.csv", "size,name,nr,mandant\n1,Ada,1,100\n2,Bob,2,100\n"); /* another order is no drift */
	rig_must_read(rig, false, "berlin", NULL);
	rig_free(rig);
}

static void
drift_of_types(void **state)
{
	static const uint8_t types[] = { SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_TEXT, SYNCLINE_TYPE_INTEGER, SYNCLINE_TYPE_ABSENT };
	static const char *const names[] = { "mandant", "nr", "name", "size" };
	struct rig *rig = customers_with(CSV_CONTRACT, "mandant,nr,name,size\n100,1,Ada,1\n");
	struct batch_builder *builder = batch_builder_new(NULL);
	struct syncline_field fields[4];
	struct error err = { 0 };
	struct batch *batch;

	(void)state;
	for (int i = 0; i < 4; i++)
		fields[i] = (struct syncline_field){ .struct_size = sizeof fields[i], .type = types[i], .scale = SYNCLINE_SCALE_UNKNOWN, .name = names[i] };
	for (int round = 0; round < 2; round++) {
		assert_int_equal(batch_builder_set_fields(builder, fields, 4, &err), 0);
		assert_non_null(batch = batch_builder_finish(builder, &err));
		assert_int_equal(read_check_drift(rig->object, batch, &err), round == 0 ? -1 : 0);
		batch_free(batch);
		fields[2].type = SYNCLINE_TYPE_TEXT;
		batch_builder_clear(builder, 1);
	}
	assert_non_null(strstr(err.message, "\"name\" was text and is integer now"));
	batch_builder_free(builder);
	rig_free(rig);
}

/* Without a contract, a rule that names a field which is not there is found with the first rows, before they are kept. */
static void
unknown_field_stages_nothing(void **state)
{
	struct rig *rig = customers("mandant,nr,nome\n100,1,Ada\n");

	(void)state;
	assert_int_equal(rig_read(rig, false, "berlin", NULL), 0);
	assert_true(rig->failed);
	assert_int_equal(rig->first.code, ERROR_RULE_UNKNOWN_FIELD);
	assert_non_null(strstr(rig->first.hint, "syncline discover erp kunden"));
	is_text(rig_staged(rig, "berlin", NULL), "");
	put(rig, "kunden1.csv", "mandant,nr,name\n100,1,Ada\n");
	rig_must_read(rig, false, "berlin", NULL);
	is_text(rig_staged(rig, "berlin", "name"), "1=Ada");
	rig_free(rig);
}

/* ---- being stopped ---- */

static bool
stop_at_once(struct rig *rig, uint64_t done)
{
	(void)rig;
	return done == 0;
}

static void
many_rows(struct rig *rig, const char *name, unsigned count)
{
	char path[100];
	FILE *file;

	snprintf(path, sizeof path, "in/%s", name);
	file = stand_open(rig->stand, path);
	fputs("mandant,nr,name\n", file);
	for (unsigned i = 0; i < count; i++)
		fprintf(file, "%d,%u,Name of %u\n", i % 2 == 0 ? 100 : 200, i, i);
	stand_close(rig->stand, path, file);
}

static unsigned
words(const char *text)
{
	unsigned count = *text != '\0';

	for (; *text != '\0'; text++)
		count += *text == ' ';
	return count;
}

static void
stopped_and_gone_on(void **state)
{
	struct rig *rig = customers("");

	(void)state;
	many_rows(rig, "kunden1.csv", 12000);
	rig->progress = stop_at_once;
	assert_int_equal(rig_read(rig, false, "berlin", "munich", NULL), -1);
	assert_int_equal(rig->err.code, ERROR_CONNECTOR_CANCELLED);
	assert_false(rig_complete(rig, "berlin"));
	rig->progress = NULL;
	rig_open(rig, rig_customers);
	rig_must_read(rig, false, "berlin", "munich", NULL);
	assert_true(words(rig_staged(rig, "munich", NULL)) >= 6000);
	assert_true(rig_complete(rig, "berlin"));
	rig_adopt(rig, "berlin");
	rig_adopt(rig, "munich");
	rig_must_read(rig, true, "berlin", "munich", NULL);
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_UNCHANGED), 6000);
	assert_int_equal(rig_count(rig, "munich", LEDGER_COUNT_UNCHANGED), 6000);
	rig_free(rig);
}

/* One in a hundred changed: they alone are staged, in order. */
static void
few_of_many(void **state)
{
	struct rig *rig = customers("");
	struct ledger_staged staged = { 0 };
	size_t bytes = 0;
	FILE *file;

	(void)state;
	many_rows(rig, "kunden1.csv", 12000);
	rig_must_read(rig, false, "berlin", "munich", NULL);
	rig_adopt(rig, "berlin");
	rig_adopt(rig, "munich");
	file = stand_open(rig->stand, "in/kunden2.csv");
	fputs("mandant,nr,name\n", file);
	for (unsigned i = 0; i < 12000; i++)
		fprintf(file, "%d,%u,%s of %u\n", i % 2 == 0 ? 100 : 200, i, i % 100 == 0 ? "New name" : "Name", i);
	stand_close(rig->stand, "in/kunden2.csv", file);
	unlink(stand_path(rig->stand, "in/kunden1.csv"));
	rig_must_read(rig, false, "berlin", "munich", NULL);
	assert_int_equal(words(rig_staged(rig, "berlin", NULL)), 120);
	assert_memory_equal(rig_staged(rig, "berlin", NULL), "0 100 200 300", 13);
	is_text(rig_staged(rig, "munich", NULL), "");
	while (ledger_staged_next(rig->ledger, ledger_object_id(rig->ledger, rig->object), 0, ledger_flow_id(rig->ledger, rig->flow),
	                          ledger_unit_id(rig->ledger, config_unit(rig->stand->model, "berlin")), staged.id, &staged, &rig->err) == 1) {
		bytes += staged.batch->size;
		batch_free(staged.batch);
	}
	assert_in_range(bytes, 120 * 150, 60000); /* without what was dropped, which would be some 2 MB */
	rig_free(rig);
}

/* ---- the engine ---- */

static void
references_name_object_and_native(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n");
	struct rules_record_context context = { 0 };
	struct syncline_slice part = { "47|11", 5 }, value, native;
	struct error err = { 0 };
	struct world world;
	uint32_t object;

	(void)state;
	world_read(&world, rig->engine, engine_bound(rig->engine, &rig->flow->bindings[0]), config_unit(rig->stand->model, "berlin"), 0);
	assert_string_equal(world.rules.unit, "berlin");
	assert_int_equal(world.rules.ref(&world, &context, "kunden", &part, 1, &value, &err), RULES_KNOWN_YES);
	assert_true(world_parse_ref(value.data, value.length, &object, &native));
	assert_int_equal(object, ledger_object_id(rig->ledger, rig->object));
	assert_int_equal(native.length, 5);
	assert_memory_equal(native.data, "47|11", 5);
	struct syncline_slice two[2] = { { "100", 3 }, { "1", 1 } };

	assert_int_equal(world.rules.ref(&world, &context, "kunden", two, 2, &value, &err), RULES_KNOWN_FAILED);
	assert_non_null(strstr(err.message, "gives 2 parts"));
	assert_false(world_parse_ref("x:1", 3, &object, &native));
	assert_false(world_parse_ref("17", 2, &object, &native));
	assert_false(world_parse_ref("-1:1", 4, &object, &native));
	assert_false(world_parse_ref("", 0, &object, &native));
	world_free(&world);
	rig_free(rig);
}

/* Pointed elsewhere, the system is stopped before anything is asked of it; a delimiter is no address. */
static void
another_system_is_stopped(void **state)
{
	struct rig *rig = customers("mandant,nr,name\n100,1,Ada\n");
	struct buffer text;

	(void)state;
	rig_must_read(rig, false, "berlin", NULL);
	buffer_init(&text, 0);
	for (const char *p = rig_customers; *p != '\0'; p++)
		if (strncmp(p, "@/in", 4) == 0) {
			buffer_text(&text, "@/out");
			p += 3;
		} else
			buffer_char(&text, *p);
	rig_open(rig, buffer_string(&text));
	assert_int_equal(rig_read(rig, false, "berlin", NULL), 0);
	assert_true(rig->failed);
	assert_int_equal(rig->first.code, ERROR_LEDGER_FINGERPRINT);
	buffer_clear(&text);
	for (const char *p = rig_customers; *p != '\0'; p++)
		if (strncmp(p, "delimiter = \",\";", 16) == 0) {
			buffer_text(&text, "delimiter = \",\"; comment = \"#\";");
			p += 15;
		} else
			buffer_char(&text, *p);
	rig_open(rig, buffer_string(&text));
	rig_must_read(rig, false, "berlin", NULL);
	buffer_free(&text);
	rig_free(rig);
}

/* ---- several systems ---- */

static const char two_systems[] =
	"systems: {"
	" erp: { connector = \"csv\"; settings: { directory = \"@/in\"; complete = \"rename\"; delimiter = \",\"; };"
	"  objects: { kunden: { native = \"kunden*.csv\"; key = [ \"nr\" ]; reads = \"full\"; }; }; };"
	" crm: { connector = \"csv\"; settings: { directory = \"@/out\"; complete = \"rename\"; delimiter = \",\"; };"
	"  objects: { accounts: { native = \"accounts*.csv\"; key = [ \"nr\" ]; reads = \"full\"; }; }; }; };"
	"units: { berlin: { }; };"
	"entities: { customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; units = [ \"berlin\" ]; bindings: {"
	" erp: { object = \"kunden\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"nr\" ], [ \"name\", \"%s\" ] ); };"
	" crm: { object = \"accounts\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"nr\" ], [ \"name\", \"%s\" ] ); }; }; }; };";

static char configuration[2048];

static struct rig *
both_systems(const char *erp_field, const char *crm_field)
{
	struct rig *rig = rig_new();
	FILE *file;

	many_rows(rig, "kunden1.csv", 12000);
	file = stand_open(rig->stand, "out/accounts1.csv");
	fputs("nr,name\n", file);
	for (unsigned i = 0; i < 5000; i++)
		fprintf(file, "%u,Account %u\n", i, i);
	stand_close(rig->stand, "out/accounts1.csv", file);
	snprintf(configuration, sizeof configuration, two_systems, erp_field, crm_field);
	rig_open(rig, configuration);
	rig_flag(rig, "berlin", LEDGER_FLAG_ON);
	return rig;
}

static uint64_t
rows_of_both(struct rig *rig)
{
	const struct config_object *accounts = config_object(config_system(rig->stand->model, "crm"), "accounts");
	uint64_t rows;

	assert_int_equal(ledger_staged_rows(rig->ledger, ledger_object_id(rig->ledger, accounts), 0, ledger_flow_id(rig->ledger, rig->flow),
	                                    ledger_unit_id(rig->ledger, config_unit(rig->stand->model, "berlin")), &rows, &rig->err), 0);
	return (uint64_t)words(rig_staged(rig, "berlin", NULL)) * 1000000 + rows;
}

static bool were_two;

static bool
look_for_two(struct rig *rig, uint64_t done)
{
	(void)done;
	were_two = were_two || strcmp(rig->told, "reading erp.kunden, crm.accounts") == 0;
	return true;
}

static bool
stop_with_two(struct rig *rig, uint64_t done)
{
	return look_for_two(rig, done) && !(were_two && done >= 4000);
}

static void
systems_are_read_at_the_same_time(void **state)
{
	struct rig *rig = both_systems("name", "name");

	(void)state;
	were_two = false;
	rig->progress = look_for_two;
	rig_must_read(rig, false, "berlin", NULL);
	assert_true(were_two);
	is_text(rig->told, "reading erp.kunden"); /* the longer one, to its end */
	assert_true(rows_of_both(rig) == UINT64_C(12000005000));
	assert_int_equal(rig_count(rig, "berlin", LEDGER_COUNT_READ), 17000);
	rig_free(rig);
	/* What any of them brought before a person stops it is kept, and it goes on from there. */
	rig = both_systems("name", "name");
	were_two = false;
	rig->progress = stop_with_two;
	assert_int_equal(rig_read(rig, false, "berlin", NULL), -1);
	assert_int_equal(rig->err.code, ERROR_CONNECTOR_CANCELLED);
	assert_true(rows_of_both(rig) % 1000000 > 0 && rows_of_both(rig) >= 1000000);
	rig->progress = NULL;
	rig_open(rig, configuration);
	rig_must_read(rig, false, "berlin", NULL);
	assert_true(rows_of_both(rig) / 1000000 >= 12000 && rows_of_both(rig) % 1000000 >= 5000);
	rig_free(rig);
}

static void
one_that_fails_leaves_the_other_alone(void **state)
{
	struct rig *rig = both_systems("nome", "name");

	(void)state;
	assert_int_equal(rig_read(rig, false, "berlin", NULL), 0);
	assert_true(rig->failed);
	assert_int_equal(rows_of_both(rig), 5000);
	rig_free(rig);
	/* Of several the run tells the first in the order of the flow, not in that of time. */
	rig = both_systems("nome", "nomen");
	assert_int_equal(rig_read(rig, false, "berlin", NULL), 0);
	assert_true(rig->failed);
	assert_non_null(strstr(rig->first.message, "nome"));
	assert_null(strstr(rig->first.message, "nomen"));
	assert_non_null(strstr(buffer_string(&rig->said), "crm.accounts could not be read"));
	assert_int_equal(rows_of_both(rig), 0);
	rig_free(rig);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(split_goes_to_units),
		cmocka_unit_test(one_read_feeds_all_units),
		cmocka_unit_test(unit_off_and_on),
		cmocka_unit_test(guard_rejects_foreign_rows),
		cmocka_unit_test(unchanged_rows_are_not_staged),
		cmocka_unit_test(unapplied_version_is_overtaken),
		cmocka_unit_test(changed_rules_read_everything),
		cmocka_unit_test(key_that_cannot_be_read),
		cmocka_unit_test(row_that_cannot_be_read),
		cmocka_unit_test(empty_source_is_an_error),
		cmocka_unit_test(empty_from_the_beginning),
		cmocka_unit_test(drift_stages_nothing),
		cmocka_unit_test(drift_of_types),
		cmocka_unit_test(unknown_field_stages_nothing),
		cmocka_unit_test(stopped_and_gone_on),
		cmocka_unit_test(few_of_many),
		cmocka_unit_test(references_name_object_and_native),
		cmocka_unit_test(another_system_is_stopped),
		cmocka_unit_test(systems_are_read_at_the_same_time),
		cmocka_unit_test(one_that_fails_leaves_the_other_alone),
	};

	return cmocka_run_group_tests_name("reading", tests, NULL, NULL) + flow_read_crash_run();
}
