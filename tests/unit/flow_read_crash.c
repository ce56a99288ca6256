/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading, killed on either side of every commit, and gone on with: nothing is lost, and what is staged twice is the same.  The
 * ledger's commits are found by SQLite's own trace: the statement begins (nothing is durable) and has ended (it is).
 */
#include "flow_read_help.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
	unsigned commits, at;
	bool before;
} kill_at;

static int
trace(unsigned what, void *context, void *statement, void *more)
{
	(void)context;
	(void)more;
	if (strcmp(sqlite3_sql(statement), "COMMIT") != 0)
		return 0;
	kill_at.commits += what == SQLITE_TRACE_STMT;
	if (kill_at.at != 0 && kill_at.commits == kill_at.at && kill_at.before == (what == SQLITE_TRACE_STMT))
		raise(SIGKILL);
	return 0;
}

static int
watch(sqlite3 *db, char **message, const struct sqlite3_api_routines *api)
{
	(void)message;
	(void)api;
	sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, trace, NULL);
	return SQLITE_OK;
}

static const char template[] =
	"agent: { timezone = \"UTC\"; };"
	"systems: {"
	" erp: { connector = \"%s\"; settings: { directory = \"@/in\"; complete = \"rename\"; %s };"
	"  objects: { kunden: { native = \"kunden*\"; key = [ \"nr\" ]; reads = \"%s\"; }; }; }; };"
	"entities: { customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );"
	"  fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; }; }; }; };"
	"flows: { f: { entity = \"customer\"; bindings: {"
	" erp: { object = \"kunden\"; trigger: { file = true; }; originates = true; map = ( [ \"number\", \"nr\" ], [ \"name\", \"name\" ] ); }; }; }; };";

#define FILES 3
#define ROWS 4000 /* in each of them; two files share a transaction in part */

/* Each file has new rows, and its first row is in all of them. */
static void
write_files(struct rig *rig, bool lines)
{
	for (unsigned f = 0; f < FILES; f++) {
		char name[100];
		FILE *file;

		snprintf(name, sizeof name, "in/kunden%u", f);
		file = stand_open(rig->stand, name);
		fputs(lines ? "" : "nr,name\n", file);
		for (unsigned i = 0; i < ROWS; i++)
			fprintf(file, lines ? "{\"nr\":\"%u\",\"name\":\"version %u\"}\n" : "%u,version %u\n", i == 0 ? 0 : f * ROWS + i, f);
		stand_close(rig->stand, name, file);
	}
}

static void
open_house(struct rig *rig, const char *configuration)
{
	rig_open(rig, configuration);
	rig_flag(rig, NULL, LEDGER_FLAG_ON);
}

static void
read_house(struct rig *rig)
{
	struct intake *list[1] = { &rig->intakes[0] };

	memset(&rig->runs[0], 0, sizeof rig->runs[0]);
	rig->intakes[0] = (struct intake){ .engine = rig->engine, .flow = rig->flow, .run = &rig->runs[0] };
	rig->intakes[0].flow_id = ledger_flow_id(rig->ledger, rig->flow);
	rig->intakes[0].unit_id = ledger_unit_id(rig->ledger, NULL);
	if (intake_read(list, 1, &rig->failed, &rig->first, &rig->err) != 0 || rig->failed)
		fail_msg("%s%s", rig->err.message, rig->first.message);
}

/* A child reads and dies; true: it did, false: there were fewer commits. */
static bool
killed(struct rig *rig, const char *configuration, unsigned at, bool before)
{
	int status;
	pid_t child;

	fflush(NULL);
	assert_true((child = fork()) >= 0);
	if (child == 0) {
		rig->ledger = NULL; /* nothing is open when it is made */
		rig->engine = NULL;
		open_house(rig, configuration);
		kill_at.commits = 0;
		kill_at.at = at;
		kill_at.before = before;
		read_house(rig);
		/* A signal too, so that nothing that watches the process has a say in how it ends. */
		(void)raise(SIGTERM);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_true(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM);
	return WTERMSIG(status) == SIGKILL;
}

/* Every row is there; the one that changed ends with its last version; and, if so asked, none is there twice. */
static void
check_staged(struct rig *rig, bool once)
{
	static uint8_t times[FILES * ROWS];
	unsigned last = FILES, twice = 0, number, version;
	const char *text = rig_staged(rig, NULL, "name");
	int used;

	memset(times, 0, sizeof times);
	for (; sscanf(text, " %u=version %u%n", &number, &version, &used) == 2; text += used) {
		assert_true(number < FILES * ROWS && version < FILES);
		if (number == 0)
			last = version;
		twice += number != 0 && times[number] > 0;
		times[number] = 1;
	}
	assert_string_equal(text, "");
	for (unsigned i = 0; i < FILES * ROWS; i++)
		if (!times[i] && i % ROWS != 0)
			fail_msg("row %u was lost", i);
	assert_int_equal(last, FILES - 1);
	if (once)
		assert_int_equal(twice, 0);
}

static void
kill_everywhere(const char *connector, const char *reads, bool once)
{
	unsigned stride = check_stride() > 1 ? 12 : 1, kills = 0; /* each is a whole read of thousands of rows */
	char configuration[2000];
	bool more = true;

	snprintf(configuration, sizeof configuration, template, connector, strcmp(connector, "csv") == 0 ? "files = \"all\";" : "", reads);
	for (unsigned at = 1; more; at += stride)
		for (int before = 0; before < 2 && more; before++) {
			struct rig *rig = rig_new();

			write_files(rig, strcmp(connector, "jsonl") == 0);
			more = killed(rig, configuration, at, before);
			kills += more;
			open_house(rig, configuration);
			read_house(rig);
			check_staged(rig, once);
			/* Again from where it stands: nothing new. */
			read_house(rig);
			check_staged(rig, once);
			if (strcmp(reads, "full") == 0)
				assert_true(rig_complete(rig, NULL));
			rig_free(rig);
		}
	/* The beginning, two or more in between, the end. */
	assert_true(kills * stride >= 6);
}

static void
delta_of_csv(void **state)
{
	(void)state;
	kill_everywhere("csv", "delta", true);
}

static void
delta_of_jsonl(void **state)
{
	(void)state;
	kill_everywhere("jsonl", "delta", true);
}

static void
full_of_csv(void **state)
{
	(void)state;
	kill_everywhere("csv", "full", false);
}

static void
full_of_jsonl(void **state)
{
	(void)state;
	kill_everywhere("jsonl", "full", false);
}

int
flow_read_crash_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delta_of_csv),
		cmocka_unit_test(delta_of_jsonl),
		cmocka_unit_test(full_of_csv),
		cmocka_unit_test(full_of_jsonl),
	};
	int failed;

	sqlite3_auto_extension((void (*)(void))watch);
	failed = cmocka_run_group_tests_name("reading, killed", tests, NULL, NULL);
	sqlite3_reset_auto_extension();
	return failed;
}
