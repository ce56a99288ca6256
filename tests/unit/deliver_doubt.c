/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deliver_doubt.c: answers that are lost.  A process ends at every look at the clock, which stands on both sides of every commit
 * and every write; what it left is found out by what each target offers, and nothing is lost or doubled.
 */
#include "deliver_help.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

int deliver_doubt_run(void);

/* After the accident: what was uncertain is resolved, what is due later is waited for. */
static void
go_on(struct post *post)
{
	post->options.patience_ms = 600000;
	post->clock_us += 10000000;
	post_resolve(post);
	post_deliver(post);
	post_check(post);
	if (post->result.left + post->result.uncertain + post->result.dead + post->result.parked + post->result.waiting + post->result.held != 0)
		fail_msg("%u left, %u uncertain, %u dead", (unsigned)post->result.left, (unsigned)post->result.uncertain, (unsigned)post->result.dead);
}

static void
sweep(const struct post_options *options)
{
	unsigned stride = (unsigned)check_stride(), deaths = 0;
	bool died = true;

	for (unsigned at = 1; died; at += stride) {
		struct post *post = post_new(options);
		int64_t changed = post_customer(post, "2", "Bob", NULL), deleted = post_customer(post, "3", "Cy", NULL);

		post_deliver(post);
		post_customer(post, "1", "Ada", "555");
		post_change(post, changed, "Bob II", NULL);
		post_want(post, deleted, LEDGER_WANT_DELETE);
		died = post_die(post, at);
		deaths += died;
		go_on(post);
		assert_string_equal(post_rows(post, "SELECT number, name, phone FROM accounts ORDER BY number"), "1|Ada|555\n2|Bob II|NULL");
		assert_int_equal(post_link(post, changed).state, LEDGER_LINK_LIVE);
		assert_int_equal(post_link(post, deleted).state, LEDGER_LINK_TOMBSTONE);
		assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL) + post_findings(post, LEDGER_FINDING_REVIEW, NULL), 0);
		/* At rest nothing is wanted. */
		post_sql(post, "DELETE FROM log");
		post_deliver(post);
		assert_string_equal(post_rows(post, "SELECT count(*) FROM log"), "0");
		post_free(post);
	}
	assert_in_range(deaths * stride, 10, 1000);
}

/* Many at once are packed beside, and two attempts are open while that goes on.  Looks at the clock are many here: some of them. */
static void
many_are_there_once_wherever_the_process_ends(void **state)
{
	unsigned deaths = 0, at = 1;
	bool died = true;

	(void)state;
	for (unsigned step = 20; died; at += step, step += step / 2) {
		struct post *post = post_new(NULL);
		unsigned refused = 0, wanted = 0;
		char expected[60];

		post_customers(post, 1, 2600);
		for (unsigned i = 1; i <= 2600; i++) {
			wanted += i % 50 != 0 && i % 70 != 0;
			refused += i % 50 != 0 && i % 70 == 0;
		}
		died = post_die(post, at);
		deaths += died;
		post->options.patience_ms = 600000;
		post->clock_us += 10000000;
		post_resolve(post);
		post_deliver(post);
		post_check(post);
		snprintf(expected, sizeof expected, "%u|%u|%u", wanted, wanted, wanted);
		assert_string_equal(post_rows(post, "SELECT count(*), count(DISTINCT number), count(DISTINCT ext_id) FROM accounts"), expected);
		assert_int_equal(post->result.dead, refused);
		assert_int_equal(post->result.left + post->result.uncertain + post->result.parked + post->result.waiting + post->result.held, 0);
		post_sql(post, "DELETE FROM log");
		post_deliver(post);
		assert_string_equal(post_rows(post, "SELECT count(*) FROM log"), "0");
		post_free(post);
	}
	assert_in_range(deaths, 5, 50);
}

static void
a_table_is_right_wherever_the_process_ends(void **state)
{
	(void)state;
	sweep(&(struct post_options){ .binding = "deletes: { do = \"delete\"; };" });
}

static void
a_table_with_versions_too(void **state)
{
	(void)state;
	sweep(&(struct post_options){ .binding = "deletes: { do = \"delete\"; };", .object = "version = \"version\";" });
}

/* Who has patience waits for what became uncertain meanwhile as for what is put off. */
static void
patience_is_for_uncertain_ones_too(void **state)
{
	struct post *post = post_new(&(struct post_options){ .connector = "scripted-find", .write_only = true,
		.system = "settings: { world = \"@/world.db\"; faults = [ \"fails\" ]; every = 1; times = 2; };" });
	int64_t record = post_customer(post, "1", "Ada", NULL);

	(void)state;
	post->options.patience_ms = 600000;
	post_deliver(post);
	assert_no_mark(post, record);
	assert_int_equal(post->result.uncertain + post->result.left, 0);
	post_free(post);
}

/*
 * A call may last longer than what it asked for takes to settle: that counts from when its answer was lost.  A request that still comes to be must
 * not meet one that was sent because it seemed never to have arrived.
 */
static void
what_was_lost_settles_from_then_on(void **state)
{
	struct post *post = post_new(&(struct post_options){ .connector = "scripted-find", .write_only = true,
		.system = "settings: { world = \"@/world.db\"; faults = [ \"fails\" ]; every = 1; times = 2; };" });
	int64_t record = post_customer(post, "1", "Ada", NULL);
	static const char looked_for[] = "it was looked for and was not there";
	bool found;

	(void)state;
	/* It fails for certain, and then with nobody knowing. */
	post_deliver(post);
	assert_mark(post, record, PENDING);
	post->clock_us += 5000000;
	post->slow_us = INT64_C(3600) * 1000000;
	post_deliver(post);
	assert_int_equal(post->slow_us, 0);
	for (int i = 0; i < 3; i++) {
		/* By this process, and by the next. */
		assert_mark(post, record, UNCERTAIN);
		assert_string_not_equal(post_mark(post, record, &found).reason, looked_for);
		if (i == 1) {
			post_close(post);
			post_open(post);
		}
		post_resolve(post);
	}
	post->clock_us += 1500000;
	post_resolve(post);
	assert_mark(post, record, UNCERTAIN);
	assert_string_equal(post_mark(post, record, &found).reason, looked_for);
	post->clock_us += 1500000;
	post_resolve(post);
	post_deliver(post);
	assert_no_mark(post, record);
	post_free(post);
}

/* An hour by the clock is none when it was set: noticed by the process that lost the answer, and by the next. */
static void
what_was_lost_settles_by_a_clock_that_was_set_forward(void **state)
{
	static const char looked_for[] = "it was looked for and was not there";

	(void)state;
	for (int next = 0; next < 2; next++) {
		struct post *post = post_new(&(struct post_options){ .connector = "scripted-find", .write_only = true,
			.system = "settings: { world = \"@/world.db\"; faults = [ \"fails\" ]; every = 1; times = 2; };" });
		int64_t record = post_customer(post, "1", "Ada", NULL);
		bool found;

		post_deliver(post);
		post->clock_us += 5000000;
		post_deliver(post);
		assert_mark(post, record, UNCERTAIN);
		for (int i = 0; i < 3; i++) {
			post->wrong_us += INT64_C(3600) * 1000000;
			post->clock_us += INT64_C(3600) * 1000000;
			if (next) {
				post_close(post);
				post_open(post);
			}
			post_resolve(post);
			assert_mark(post, record, UNCERTAIN);
			assert_true(post_mark(post, record, &found).reason == NULL || strcmp(post_mark(post, record, &found).reason, looked_for) != 0);
		}
		post->clock_us += 1500000;
		post_resolve(post);
		assert_string_equal(post_mark(post, record, &found).reason, looked_for);
		post->clock_us += 1500000;
		post_resolve(post);
		post_deliver(post);
		assert_no_mark(post, record);
		post_free(post);
	}
}

/* An answer that was lost while the clock was ahead: it settles from when the clock is right again, not hours later. */
static void
what_was_lost_settles_by_a_clock_that_was_set_back(void **state)
{
	struct post *post = post_new(&(struct post_options){ .connector = "scripted-find", .write_only = true,
		.system = "settings: { world = \"@/world.db\"; faults = [ \"fails\" ]; every = 1; times = 2; };" });
	int64_t record = post_customer(post, "1", "Ada", NULL);
	bool found;

	(void)state;
	post->clock_us += INT64_C(7200) * 1000000;
	post_deliver(post);
	post->clock_us += 5000000;
	post->slow_us = 1;
	post_deliver(post);
	assert_mark(post, record, UNCERTAIN);
	post->clock_us -= INT64_C(7205) * 1000000;
	post_resolve(post);
	assert_mark(post, record, UNCERTAIN);
	post->clock_us += 1500000;
	post_resolve(post);
	assert_mark(post, record, UNCERTAIN);
	assert_string_equal(post_mark(post, record, &found).reason, "it was looked for and was not there");
	post->clock_us += 1500000;
	post_resolve(post);
	post_deliver(post);
	assert_no_mark(post, record);
	post_free(post);
}

/* Files. */

#define CSV_READ .connector = "csv", .native = "native = \"KUNDEN*.csv\"; key = [ \"number\" ]; reads = \"full\";"
#define CSV                                                                                                                               \
	CSV_READ, .system = "settings: { directory = \"@/in\"; import_directory = \"@/out\"; complete = \"rename\"; };"

/* Data rows of all files in out/ that hold `word`. */
static unsigned
rows_with(struct post *post, const char *word)
{
	char path[1400], line[400];
	unsigned count = 0;
	DIR *dir;

	snprintf(path, sizeof path, "%s/out", post->dir);
	dir = opendir(path);
	assert_non_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/out/%s", post->dir, entry->d_name);
		file = fopen(path, "r");
		assert_non_null(file);
		while (fgets(line, sizeof line, file) != NULL)
			count += strstr(line, word) != NULL;
		fclose(file);
	}
	closedir(dir);
	return count;
}

static void
a_row_is_in_one_file_wherever_the_process_ends(void **state)
{
	unsigned stride = (unsigned)check_stride();
	bool died = true;

	(void)state;
	for (unsigned at = 1; died; at += stride) {
		struct post *post = post_new(&(struct post_options){ CSV });

		post_customer(post, "1", "Ada", NULL);
		post_customer(post, "2", "Bob", NULL);
		died = post_die(post, at);
		go_on(post);
		assert_int_equal(rows_with(post, "Ada"), 1);
		assert_int_equal(rows_with(post, "Bob"), 1);
		post_free(post);
	}
}

static const char *
post_name(struct post *post, int64_t record)
{
	const struct config_entity *entity = config_entity(post->model, "customer");
	uint32_t field = (uint32_t)(config_field(entity, "name") - entity->fields);
	static char name[40];
	struct ledger_record found;
	struct arena arena;

	arena_init(&arena, 0);
	assert_int_equal(ledger_records_get(post->ledger, entity, &record, 1, &arena, &found, &post->err), 0);
	snprintf(name, sizeof name, "%.*s", (int)found.values[field].length, (const char *)found.values[field].u.data);
	arena_free(&arena);
	return name;
}

static void
export_as(struct post *post, const char *name, const char *text)
{
	char path[400];
	FILE *file;

	snprintf(path, sizeof path, "%s/in/%s", post->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void
export(struct post *post, const char *text)
{
	export_as(post, "KUNDEN_1.csv", text);
}

static void
what_is_handed_over_is_confirmed_by_what_the_target_shows(void **state)
{
	char external[LEDGER_EXTERNAL_ID + 1], text[200];

	(void)state;
	/* Read by the flow; or, where nobody reads the target, by asking it. */
	for (int asked = 0; asked < 2; asked++) {
		struct post *post = post_new(&(struct post_options){ CSV, .write_only = asked != 0,
			.binding = "confirm: { by = \"readback\"; within = \"36h\"; };" });
		int64_t record = post_customer(post, "1", "Ada", NULL), lost = post_customer(post, "2", "Bob", NULL);

		post_deliver(post);
		assert_mark(post, record, HANDED_OVER);
		assert_int_equal(post->result.handed_over, 2);
		assert_int_equal(post_link(post, record).id, 0);
		assert_int_equal(post->run.counts[LEDGER_COUNT_HANDED_OVER], 2);

		/* Not imported yet: nothing is sent again. */
		post->clock_us += INT64_C(3600) * 1000000;
		post_resolve(post);
		post_deliver(post);
		assert_int_equal(rows_with(post, "Ada"), 1);
		assert_mark(post, record, HANDED_OVER);

		ledger_external_id(post->ledger, record, external);
		snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,Ada,,made for 1,%s\n", external);
		export(post, text);
		post->clock_us += INT64_C(3600) * 1000000;
		if (!asked)
			post_read(post);
		post_resolve(post);
		assert_no_mark(post, record);
		assert_int_equal(post_link(post, record).state, LEDGER_LINK_LIVE);
		assert_mark(post, lost, HANDED_OVER);
		post->clock_us += INT64_C(36) * 3600 * 1000000;
		post_resolve(post);
		assert_mark(post, lost, DEAD);
		assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "delivery-unseen"), 1);
		assert_int_equal(rows_with(post, "Bob"), 1);
		post_check(post);
		post_free(post);
	}
}

/* A target that takes whole records would lose what a child refers to, if it got the child before its parent is there. */
static void
a_whole_record_waits_for_its_parent(void **state)
{
	struct post *post = post_new(&(struct post_options){ CSV });
	int64_t ada = post_customer(post, "1", "Ada", NULL), order = post_order(post, "A1", ada), bob;
	char external[LEDGER_EXTERNAL_ID + 1], text[200];

	(void)state;
	post_deliver(post);
	post_flow(post, "orders");
	post_deliver(post);
	assert_mark(post, order, HANDED_OVER);
	ledger_external_id(post->ledger, order, external);
	snprintf(text, sizeof text, "id,number,account,ext_id\n77,A1,1,%s\n", external);
	export_as(post, "orders", text);
	post->clock_us += INT64_C(3600) * 1000000;
	post_resolve(post);
	assert_no_mark(post, order);

	bob = post_customer(post, "2", "Bob", NULL);
	post_move(post, order, bob);
	post_deliver(post);
	assert_mark(post, order, WAITING);
	assert_int_equal(rows_with(post, "77,"), 0);
	post_flow(post, "customers");
	post_deliver(post);
	assert_mark(post, order, PENDING);
	post_flow(post, "orders");
	post_deliver(post);
	assert_int_equal(rows_with(post, "77,A1,2,"), 1);
	assert_int_equal(rows_with(post, "77,"), 1);
	post_check(post);
	post_free(post);
}

/* The row that brings what was handed over is merged before anybody looks for it on purpose, and somebody has changed it meanwhile. */
static void
what_is_handed_over_is_confirmed_by_the_row_that_is_merged(void **state)
{
	struct post *post = post_new(&(struct post_options){ CSV, .binding = "confirm: { by = \"readback\"; within = \"36h\"; };" });
	int64_t record = post_customer(post, "1", "Ada", NULL);
	char external[LEDGER_EXTERNAL_ID + 1], text[200];

	(void)state;
	ledger_external_id(post->ledger, record, external);
	post_deliver(post);
	snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,Ada,,made for 1,%s\n", external);
	export(post, text);
	post_read(post);
	assert_int_equal(post_link(post, record).state, LEDGER_LINK_LIVE);
	post_change(post, record, "Ada II", "555");
	post_deliver(post);
	assert_mark(post, record, HANDED_OVER);
	assert_int_equal(rows_with(post, "1,Ada II,555,"), 1);

	/* Looked for in vain: not again at once, after so long. */
	post->clock_us += INT64_C(3600) * 1000000;
	post_resolve(post);
	snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,Ada,777,made for 1,%s\n", external);
	export(post, text);
	post_read(post);
	assert_mark(post, record, HANDED_OVER);
	snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,Ada II,888,made for 1,%s\n", external);
	export(post, text);
	post_read(post);
	assert_mark(post, record, PENDING); /* more was wanted by then; nothing is lacking */
	post_deliver(post);
	assert_no_mark(post, record);
	assert_int_equal(rows_with(post, "1,Ada"), 2);
	/* At rest: nothing is handed over any more, and nothing is asked. */
	post->clock_us += INT64_C(48) * 3600 * 1000000;
	post_resolve(post);
	post_deliver(post);
	assert_no_mark(post, record);
	assert_int_equal(rows_with(post, "1,Ada"), 2);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL) + post_findings(post, LEDGER_FINDING_REVIEW, NULL), 0);
	post_check(post);
	post_free(post);
}

/* A customer that is linked at the target, and was changed in two fields since: that was handed over. */
static int64_t
hand_over_a_change(struct post *post, char *external)
{
	int64_t record = post_customer(post, "1", "Ada", NULL);
	char text[200];

	ledger_external_id(post->ledger, record, external);
	post_deliver(post);
	snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,Ada,111,made for 1,%s\n", external);
	export(post, text);
	post_read(post);
	post_change(post, record, "Ada II", "555");
	post_deliver(post);
	assert_mark(post, record, HANDED_OVER);
	assert_int_equal(rows_with(post, "1,Ada II,555,"), 1);
	return record;
}

/* What the target exports, later and later; asked: nobody reads it before it is asked for. */
static void
show(struct post *post, const char *name_and_phone, const char *external, bool asked)
{
	char text[200];

	snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,%s,made for 1,%s\n", name_and_phone, external);
	export(post, text);
	post->clock_us += INT64_C(3600) * 1000000;
	if (!asked)
		post_read(post);
	post_resolve(post);
	post_deliver(post);
}

/*
 * The same phone number is told to both, and written at the target before the import comes.  One value that is as we sent it does not
 * say that the other ones came, too: they would pass for taken back by the target, where the newest counts.
 */
static void
one_value_is_no_proof_of_a_write(void **state)
{
	char external[LEDGER_EXTERNAL_ID + 1];

	(void)state;
	for (int asked = 0; asked < 2; asked++)
		for (int came = 0; came < 2; came++) {
			struct post *post = post_new(&(struct post_options){ CSV, .name = "policy = \"newest\"; tie = \"erp\";", .binding = "confirm: { by = \"readback\"; within = \"36h\"; };" });
			int64_t record = hand_over_a_change(post, external);
			bool found;

			show(post, "Ada,555", external, asked != 0);
			assert_mark(post, record, HANDED_OVER);
			assert_string_equal(post_name(post, record), "Ada II");
			if (came) {
				show(post, "Ada II,555", external, asked != 0);
				assert_no_mark(post, record);
			} else {
				post->clock_us += INT64_C(36) * 3600 * 1000000;
				show(post, "Ada,555", external, asked != 0);
				assert_mark(post, record, DEAD);
				assert_string_equal(post_mark(post, record, &found).cause, "delivery-unseen");
			}
			assert_string_equal(post_name(post, record), "Ada II");
			assert_int_equal(rows_with(post, "1,Ada II,555,"), 1);
			post_check(post);
			post_free(post);
		}
}

/* The target keeps fewer decimals: what was changed in those that it does not have is as it was before, and says neither that it came. */
static void
what_is_rounded_to_what_it_was_is_no_doubt(void **state)
{
	static const struct {
		const char *before, *after, *shown;
		bool came;
	} cases[] = {
		{ "10.00", "10.004", "10.00", true }, { "10", "9.996", "10", true }, { "-1.5", "-1.51", "-1.5", true }, { "0", "-0.4", "0", true },
		{ "12.3", "12.39", "12.3", true }, { "10.00", "10.10", "10.00", false }, { "10.00", "11.00", "10.00", false }, { "99", "9.9", "99", false },
		{ "10.00", "10.006", "10.01", true }, { "10.004", "10", "10.004", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct post *post = post_new(&(struct post_options){ CSV, .decimal = true, .binding = "confirm: { by = \"readback\"; within = \"36h\"; };" });
		int64_t record = post_customer(post, "1", cases[i].before, NULL);
		char external[LEDGER_EXTERNAL_ID + 1], text[100];

		ledger_external_id(post->ledger, record, external);
		post_deliver(post);
		snprintf(text, sizeof text, "%s,111", cases[i].before);
		show(post, text, external, false);
		assert_no_mark(post, record);
		post_change(post, record, cases[i].after, "555");
		post_deliver(post);
		assert_mark(post, record, HANDED_OVER);
		/* Nothing came yet: all is as it was. */
		show(post, text, external, false);
		assert_mark(post, record, HANDED_OVER);
		snprintf(text, sizeof text, "%s,555", cases[i].shown);
		show(post, text, external, false);
		if (cases[i].came)
			assert_no_mark(post, record);
		else
			assert_mark(post, record, HANDED_OVER);
		assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL) + post_findings(post, LEDGER_FINDING_REVIEW, NULL), 0);
		if (cases[i].came) {
			/* It stays so, and nothing is written for it. */
			show(post, text, external, false);
			assert_no_mark(post, record);
		}
		post_check(post);
		post_free(post);
	}
}

/*
 * Both changed the same value: nothing of ours stands there, nor what stood there before.  Nobody can tell which of the two came first,
 * so what both agreed on before is the base, and a person is asked where people decide.
 */
static void
what_both_changed_has_the_base_from_before(void **state)
{
	char external[LEDGER_EXTERNAL_ID + 1];

	(void)state;
	for (int asked = 0; asked < 2; asked++)
		for (int phone = 0; phone < 2; phone++) {
			struct post *post = post_new(&(struct post_options){ CSV, .name = "policy = \"manual\";", .binding = "confirm: { by = \"readback\"; within = \"36h\"; };" });
			int64_t record = hand_over_a_change(post, external);

			show(post, phone ? "Eve,555" : "Eve,777", external, asked != 0);
			assert_int_equal(post_findings(post, LEDGER_FINDING_CONFLICT, NULL), 1);
			assert_string_equal(post_name(post, record), "Ada II");
			assert_no_mark(post, record);
			/* It was our import that came late: both agree, and nobody is asked any more. */
			show(post, "Ada II,555", external, asked != 0);
			post_read(post);
			assert_int_equal(post_findings(post, LEDGER_FINDING_CONFLICT, NULL), 0);
			assert_string_equal(post_name(post, record), "Ada II");
			assert_no_mark(post, record);
			post_check(post);
			post_free(post);
		}
}

/* A customer that was the ERP's, and of which that knows nothing any more. */
static int64_t
stranger(struct post *post, const char *number)
{
	char path[300], sql[200];
	sqlite3_stmt *statement;
	int64_t record;
	sqlite3 *db;

	snprintf(sql, sizeof sql, "INSERT INTO kunden VALUES ('%s', 'Ada', NULL)", number);
	post_erp(post, sql);
	post_read(post);
	snprintf(sql, sizeof sql, "DELETE FROM kunden WHERE nr = '%s'", number);
	post_erp(post, sql);
	post_close(post);
	snprintf(path, sizeof path, "%s/%s", post->dir, LEDGER_FILE);
	snprintf(sql, sizeof sql, "DELETE FROM link WHERE native = '%s' RETURNING record, object", number);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	record = sqlite3_column_int64(statement, 0);
	snprintf(sql, sizeof sql, "UPDATE link_count SET live = live - 1 WHERE object = %lld", (long long)sqlite3_column_int64(statement, 1));
	assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
	sqlite3_finalize(statement);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	post_open(post);
	return record;
}

/*
 * A link comes to be while a write that would have named it is on its way: it is written as soon as that is known to be there.
 * The ERP has the customer by then, and says so in the next read.
 */
static void
what_was_not_known_when_it_was_handed_over_follows(void **state)
{
	struct post *post = post_new(&(struct post_options){ CSV_READ, .derive = true, .binding = "confirm: { by = \"readback\"; within = \"36h\"; };",
		.system = "settings: { directory = \"@/in\"; import_directory = \"@/out\"; complete = \"rename\"; null_if = [ \"\" ]; };" });
	char external[LEDGER_EXTERNAL_ID + 1], text[200];
	int64_t record;

	(void)state;
	export(post, "number,name,phone,origin,erp_id,ext_id\n9,Eve,,,,\n");
	record = stranger(post, "12");
	post_deliver(post);
	assert_mark(post, record, HANDED_OVER);
	post_erp(post, "INSERT INTO kunden VALUES ('12', 'Ada', NULL)");
	post_read(post);
	assert_mark(post, record, HANDED_OVER);
	ledger_external_id(post->ledger, record, external);
	snprintf(text, sizeof text, "number,name,phone,origin,erp_id,ext_id\n12,Ada,,made for 12,,%s\n", external);
	export(post, text);
	post->clock_us += INT64_C(3600) * 1000000;
	post_read(post);
	post_resolve(post);
	assert_int_equal(rows_with(post, ",12,12,"), 0);
	post_deliver(post);
	assert_mark(post, record, HANDED_OVER);
	assert_int_equal(rows_with(post, ",12,"), 1);

	/* And that is all. */
	snprintf(text, sizeof text, "number,name,phone,origin,erp_id,ext_id\n12,Ada,,made for 12,12,%s\n", external);
	export(post, text);
	for (int i = 0; i < 3; i++) {
		post->clock_us += INT64_C(3600) * 1000000;
		post_read(post);
		post_resolve(post);
		post_deliver(post);
		assert_no_mark(post, record);
	}
	assert_int_equal(rows_with(post, "12,Ada,"), 2);
	post_check(post);
	post_free(post);
}

/* What the world has of a field, over all its records; and how often it was written. */
static const char *
in_world(struct post *post, const char *field)
{
	char path[300], sql[300];
	static char text[200];
	sqlite3_stmt *statement;
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/world.db", post->dir);
	snprintf(sql, sizeof sql, "SELECT (SELECT group_concat(value) FROM cell WHERE name = '%s') || ' ' || (SELECT count(*) FROM journal)", field);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
		fail_msg("%s", sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	snprintf(text, sizeof text, "%s", sqlite3_column_text(statement, 0) != NULL ? (const char *)sqlite3_column_text(statement, 0) : "nothing");
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return text;
}

/* The same where the answer was lost, with each way in which it is found out. */
static void
what_was_not_known_when_its_answer_was_lost_follows(void **state)
{
	static const char *const ways[] = { "scripted-find", "scripted-upsert" };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct post *post = post_new(&(struct post_options){ .connector = ways[i], .derive = true,
			.system = "settings: { world = \"@/world.db\"; faults = [ \"fails-applied\" ]; every = 1; times = 1; };" });
		int64_t record = stranger(post, "12");
		char at_rest[200];

		post_deliver(post);
		assert_mark(post, record, UNCERTAIN);
		post_erp(post, "INSERT INTO kunden VALUES ('12', 'Ada', NULL)");
		post_read(post);
		post->options.patience_ms = 600000;
		post->clock_us += INT64_C(10) * 1000000;
		post_resolve(post);
		post_deliver(post);
		assert_no_mark(post, record);
		assert_true(strncmp(in_world(post, "erp_id"), "12 ", 3) == 0);
		snprintf(at_rest, sizeof at_rest, "%s", in_world(post, "erp_id"));
		for (int k = 0; k < 3; k++) {
			post->clock_us += INT64_C(3600) * 1000000;
			post_read(post);
			post_resolve(post);
			post_deliver(post);
		}
		assert_no_mark(post, record);
		assert_string_equal(in_world(post, "erp_id"), at_rest);
		post_check(post);
		post_free(post);
	}
}

/* Deleted at its source while nobody knows whether it was created: once that is known, it is deleted there, too. */
static void
what_is_handed_over_is_deleted_once_it_is_there(void **state)
{
	static const char import[] = "settings: { directory = \"@/in\"; import_directory = \"@/out\"; complete = \"rename\"; op_column = \"OP\";"
	                             " op_values = [ \"C\", \"U\", \"D\" ]; };";
	char external[LEDGER_EXTERNAL_ID + 1], text[200];

	(void)state;
	/* Read by the flow; or, where nobody reads the target, by asking it. */
	for (int asked = 0; asked < 2; asked++) {
		struct post *post = post_new(&(struct post_options){ CSV_READ, .system = import, .write_only = asked != 0,
			.source = "deletes: { seen = \"accept\"; };",
			.binding = "deletes: { do = \"delete\"; }; confirm: { by = \"readback\"; within = \"36h\"; };" });
		int64_t record = post_customer(post, "1", "Ada", NULL), lost = post_customer(post, "2", "Bob", NULL);
		bool found;

		post_customer(post, "3", "nobody", NULL); /* what is emptied is an error */
		post_deliver(post);
		assert_mark(post, record, HANDED_OVER);
		export(post, "number,name,phone,origin,ext_id\n9,Eve,,,\n");
		post_erp(post, "DELETE FROM kunden WHERE nr <> '3'");
		post_read(post);
		post_deliver(post);
		assert_mark(post, record, HANDED_OVER);
		assert_int_equal(post_mark(post, record, &found).op, LEDGER_WANT_DELETE);
		assert_int_equal(rows_with(post, ",D"), 0);

		ledger_external_id(post->ledger, record, external);
		snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,Ada,,made for 1,%s\n", external);
		export(post, text);
		post->clock_us += INT64_C(3600) * 1000000;
		if (!asked)
			post_read(post);
		post_resolve(post);
		assert_int_equal(post_link(post, record).state, LEDGER_LINK_LIVE);
		post_deliver(post);
		assert_mark(post, record, HANDED_OVER);
		assert_int_equal(rows_with(post, ",D"), 1);
		export(post, "number,name,phone,origin,ext_id\n9,Eve,,,\n");
		post->clock_us += INT64_C(3600) * 1000000;
		if (!asked)
			post_read(post);
		post_resolve(post);
		assert_no_mark(post, record);

		/* What was never imported is not there to be deleted, and that it was not is told. */
		post->clock_us += INT64_C(36) * 3600 * 1000000;
		post_resolve(post);
		post_deliver(post);
		assert_no_mark(post, lost);
		assert_int_equal(rows_with(post, ",D"), 1);
		assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "delivery-unseen"), 1);
		post_check(post);
		post_free(post);
	}
}

/*
 * The target's row is a reject, so that no row shows whether the update that was handed over came.  When the record is deleted, that is
 * nobody's question any more.
 */
static void
a_rejected_row_holds_no_delete(void **state)
{
	static const char import[] = "settings: { directory = \"@/in\"; import_directory = \"@/out\"; complete = \"rename\"; op_column = \"OP\";"
	                             " op_values = [ \"C\", \"U\", \"D\" ]; };";
	char external[LEDGER_EXTERNAL_ID + 1], text[200];
	bool found;

	(void)state;
	for (int rejected = 0; rejected < 2; rejected++) {
		struct post *post = post_new(&(struct post_options){ CSV_READ, .system = import, .source = "deletes: { seen = \"accept\"; };", .name = "max_length = 8;",
			.binding = "deletes: { do = \"delete\"; }; confirm: { by = \"readback\"; within = \"36h\"; };" });
		int64_t record = post_customer(post, "1", "Ada", NULL);

		post_customer(post, "3", "nobody", NULL);
		ledger_external_id(post->ledger, record, external);
		post_deliver(post);
		snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,Ada,,made for 1,%s\n", external);
		export(post, text);
		post_read(post);
		post_deliver(post);
		assert_no_mark(post, record);
		snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n1,%s,,made for 1,%s\n", rejected ? "Ada Lovelace" : "Ada", external);
		export(post, text);
		post_read(post);
		assert_int_equal(post_findings(post, LEDGER_FINDING_REJECT, NULL), rejected);
		post_change(post, record, "Ada II", NULL);
		post_deliver(post);
		assert_mark(post, record, HANDED_OVER);
		post_erp(post, "DELETE FROM kunden WHERE nr <> '3'");
		post->clock_us += INT64_C(3600) * 1000000;
		post_read(post);
		assert_int_equal(post_mark(post, record, &found).op, LEDGER_WANT_DELETE);
		post_resolve(post);
		post_deliver(post);
		assert_mark(post, record, HANDED_OVER);
		/* Where the row is understood, it will show the update, and the deletion keeps its order. */
		assert_int_equal(rows_with(post, ",D"), rejected);
		if (rejected) {
			export(post, "number,name,phone,origin,ext_id\n9,Eve,,,\n");
			post->clock_us += INT64_C(3600) * 1000000;
			post_read(post);
			post_resolve(post);
			assert_no_mark(post, record);
			assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, NULL), 0);
		}
		post_check(post);
		post_free(post);
	}
}

/* The key of the attempt is forgotten by the time it is asked for: then the record is looked for by our id. */
static void
what_is_forgotten_is_looked_for(void **state)
{
	bool died = true;
	unsigned found = 0, again = 0;

	(void)state;
	for (unsigned at = 1; died; at++) {
		struct post *post = post_new(&(struct post_options){ CSV });
		int64_t record = post_customer(post, "1", "Ada", NULL);
		char external[LEDGER_EXTERNAL_ID + 1], text[300];
		bool written;

		died = post_die(post, at);
		ledger_external_id(post->ledger, record, external);
		written = rows_with(post, "Ada") == 1;
		snprintf(text, sizeof text, "number,name,phone,origin,ext_id\n%s%s%s9,Other,,x,y\n", written ? "1,Ada,,made for 1," : "", written ? external : "",
		         written ? "\n" : "");
		export(post, text);
		post->clock_us += INT64_C(25) * 3600 * 1000000;
		go_on(post);
		assert_int_equal(rows_with(post, "Ada"), 1);
		assert_no_mark(post, record);
		assert_int_equal(post_link(post, record).state, LEDGER_LINK_LIVE);
		found += died && written;
		again += died && !written;
		post_free(post);
	}
	assert_true(found > 0 && again > 0);
}

/* Documents. */

static void
check_document(struct post *post, const char *name, const char *bytes)
{
	char path[400], text[100] = "";
	FILE *file;

	snprintf(path, sizeof path, "%s/dms/papers/%s", post->dir, name);
	if ((file = fopen(path, "r")) == NULL)
		fail_msg("%s is not there", path);
	text[fread(text, 1, sizeof text - 1, file)] = '\0';
	fclose(file);
	assert_string_equal(text, bytes);
}

static void
a_document_goes_ahead_of_its_record(void **state)
{
	unsigned stride = (unsigned)check_stride(), deaths = 0;
	bool died = true;

	(void)state;
	for (unsigned at = 1; died; at += stride) {
		struct post *post = post_new(NULL);
		int64_t paper = post_paper(post, "4711", "the bytes of a bill");

		post_flow(post, "papers");
		died = post_die(post, at);
		deaths += died;
		post_flow(post, "papers");
		go_on(post);
		check_document(post, "4711.pdf", "the bytes of a bill");
		assert_int_equal(post_link(post, paper).state, LEDGER_LINK_LIVE);
		assert_no_mark(post, paper);
		post_free(post);
	}
	assert_in_range(deaths * stride, 5, 1000);
}

static void
a_document_that_is_another_by_now_is_not_published(void **state)
{
	struct post *post = post_new(NULL);
	int64_t paper = post_paper(post, "4711", "as it was"), gone = post_paper(post, "4712", "gone");
	char path[400];
	bool found;

	(void)state;
	post_flow(post, "papers");
	post_document(post, "4711", "as it is!");
	snprintf(path, sizeof path, "%s/files/docs/4712.pdf", post->dir);
	assert_int_equal(remove(path), 0);
	post_deliver(post);
	assert_mark(post, paper, PENDING);
	assert_int_equal(post_mark(post, paper, &found).tries, 1);
	assert_string_equal(post_mark(post, paper, &found).cause, "document");
	assert_mark(post, gone, DEAD);
	assert_int_equal(post_findings(post, LEDGER_FINDING_DEAD, "connector-not-found"), 1);
	post_document(post, "4711", "as it was");
	post->options.patience_ms = 10000;
	post_deliver(post);
	assert_no_mark(post, paper);
	check_document(post, "4711.pdf", "as it was");
	post_free(post);
}

int
deliver_doubt_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_there_once_wherever_the_process_ends),
		cmocka_unit_test(a_table_is_right_wherever_the_process_ends),
		cmocka_unit_test(a_table_with_versions_too),
		cmocka_unit_test(patience_is_for_uncertain_ones_too), cmocka_unit_test(what_was_lost_settles_from_then_on), cmocka_unit_test(what_was_lost_settles_by_a_clock_that_was_set_forward),
		cmocka_unit_test(what_was_lost_settles_by_a_clock_that_was_set_back),
		cmocka_unit_test(a_row_is_in_one_file_wherever_the_process_ends),
		cmocka_unit_test(what_is_handed_over_is_confirmed_by_what_the_target_shows),
		cmocka_unit_test(what_is_handed_over_is_confirmed_by_the_row_that_is_merged),
		cmocka_unit_test(one_value_is_no_proof_of_a_write),
		cmocka_unit_test(what_both_changed_has_the_base_from_before),
		cmocka_unit_test(what_is_rounded_to_what_it_was_is_no_doubt),
		cmocka_unit_test(what_is_handed_over_is_deleted_once_it_is_there),
		cmocka_unit_test(a_rejected_row_holds_no_delete),
		cmocka_unit_test(a_whole_record_waits_for_its_parent),
		cmocka_unit_test(what_was_not_known_when_it_was_handed_over_follows),
		cmocka_unit_test(what_was_not_known_when_its_answer_was_lost_follows),
		cmocka_unit_test(what_is_forgotten_is_looked_for),
		cmocka_unit_test(a_document_goes_ahead_of_its_record),
		cmocka_unit_test(a_document_that_is_another_by_now_is_not_published),
	};

	return cmocka_run_group_tests_name("answers that are lost", tests, NULL, NULL);
}
