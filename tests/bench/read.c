/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * read.c: what reading costs when nothing, or one row in a hundred, changed: a CSV file of made-up customers (12 columns, 187
 * bytes) through the connector's process, against a ledger that has a link for every row.  Rules and merging are not in it.
 * Usage: bench-read [records]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "flow/intake.h"
#include "flow/vector.h"

static char folder[200];

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void
must(int result, const struct error *err)
{
	if (result == 0)
		return;
	fprintf(stderr, "bench-read: %s (%s) %s\n", err->message, err->hint, err->detail);
	exit(1);
}

static void
write_file(const char *name, long records, long changed_of)
{
	char path[400];
	FILE *file;

	snprintf(path, sizeof path, "%s/in/%s", folder, name);
	if ((file = fopen(path, "w")) == NULL) {
		perror(path);
		exit(1);
	}
	fputs("MANDANT,NR,NAME1,NAME2,STRASSE,PLZ,ORT,LAND,EMAIL,TELEFON,UMSATZ,STATUS\n", file);
	for (long i = 0; i < records; i++)
		fprintf(file, "100,K%08ld,Firma Nummer %ld%s,Zusatz GmbH & Co,Hauptstrasse %ld,%ld,Musterstadt am Fluss %ld,DE,kontakt%ld@firma%ld.example.com,"
		              "+49 30 %ld,%ld.%02ld,aktiv und gut gepflegt\n", i, i, changed_of > 0 && i % changed_of == 0 ? "x" : "", i % 300, 10000 + i % 80000,
		        i % 5000, i, i, 1000000 + i, i % 100000, i % 100);
	fclose(file);
}

static struct model *
configure(void)
{
	static const char text[] =
		"systems: { erp: { connector = \"csv\"; settings: { directory = \"%s/in\"; complete = \"rename\"; delimiter = \",\"; };"
		" objects: { kunden: { native = \"kunden*.csv\"; key = [ \"NR\" ]; tenant = \"MANDANT\"; tenant_mode = \"split\"; reads = \"full\"; }; }; }; };"
		"units: { berlin: { systems: { erp: { tenant = \"100\"; }; }; }; };"
		"entities: { customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; } );"
		" fields: { number: { type = \"text\"; required = true; }; name: { type = \"text\"; }; }; }; };"
		"flows: { f: { entity = \"customer\"; units = [ \"berlin\" ]; bindings: { erp: { object = \"kunden\"; trigger: { file = true; }; originates = true;"
		" map = ( [ \"number\", \"NR\" ], [ \"name\", \"NAME1\" ] ); }; }; }; };";
	char whole[4000];
	struct config_source source = { .name = "bench.conf", .data = whole };
	struct config_options options = { .sources = &source, .source_count = 1 };
	struct diagnostics diagnostics;
	struct model *model = NULL;

	source.length = (size_t)snprintf(whole, sizeof whole, text, folder);
	diagnostics_init(&diagnostics);
	if (config_load(&options, &model, &diagnostics) != 0)
		must(-1, &diagnostics.items[0].error);
	diagnostics_free(&diagnostics);
	return model;
}

/* A record and a link for each row of the batch. */
static void
adopt_batch(struct ledger *ledger, const struct bound *bound, const struct batch *batch, uint32_t unit, uint32_t effective)
{
	uint32_t count = batch->header->record_count;
	struct ledger_record *records = calloc(count, sizeof *records);
	struct ledger_link *links = calloc(count, sizeof *links);
	struct syncline_value *values = calloc(count, 2 * sizeof *values);
	uint8_t (*raws)[16] = calloc(count, 16);
	struct error err = { 0 };
	struct buffer scratch;
	int64_t first;

	buffer_init(&scratch, 0);
	if (records == NULL || links == NULL || values == NULL || raws == NULL || vector_raws(ledger_hash_key(ledger), batch, &scratch, raws) != 0)
		exit(1);
	must(ledger_new_ids(ledger, count, &first, &err), &err);
	for (uint32_t i = 0; i < count; i++) {
		const struct batch_record *row = batch_record(batch, i);

		values[2 * i] = batch_value(batch, &row->native_id);
		values[2 * i + 1].type = SYNCLINE_TYPE_NULL;
		records[i] = (struct ledger_record){ .id = first + i, .unit = unit, .generation = 1, .version = effective, .values = &values[2 * i] };
		links[i] = (struct ledger_link){ .object = bound->object, .unit = unit, .native = { values[2 * i].u.data, values[2 * i].length },
			.record = first + i, .effective = effective };
		memcpy(links[i].raw, raws[i], 16);
	}
	must(ledger_records_put(ledger, bound->binding->flow->entity, records, count, &err), &err);
	must(ledger_links_put(ledger, bound->binding->flow->entity, links, count, &err), &err);
	buffer_free(&scratch);
	free(records);
	free(links);
	free(values);
	free(raws);
}

static void
adopt(struct intake *intake)
{
	struct ledger *ledger = intake->engine->ledger;
	const struct bound *bound = engine_bound(intake->engine, &intake->flow->bindings[0]);
	struct ledger_staged staged = { 0 };
	struct error err = { 0 };
	uint32_t effective;

	while (ledger_staged_next(ledger, bound->object, 0, intake->flow_id, intake->unit_id, staged.id, &staged, &err) == 1) {
		must(ledger_begin(ledger, &err), &err);
		must(ledger_version_id(ledger, intake->flow_id, bound->version, &effective, &err), &err);
		adopt_batch(ledger, bound, staged.batch, intake->unit_id, effective);
		must(ledger_applied(ledger, bound->object, 0, intake->flow_id, intake->unit_id, staged.id, &err), &err);
		must(ledger_commit(ledger, &err), &err);
		batch_free(staged.batch);
	}
}

static void
read_once(struct intake *intake, const char *what, bool full)
{
	struct intake *list[1] = { intake };
	struct error first = { 0 }, err = { 0 };
	double wall = seconds(CLOCK_MONOTONIC), busy = seconds(CLOCK_PROCESS_CPUTIME_ID);
	const uint64_t *counts = intake->run->counts;
	bool failed;

	memset(intake->run, 0, sizeof *intake->run);
	intake->full = full;
	must(intake_read(list, 1, &failed, &first, &err), &err);
	must(failed ? -1 : 0, &first);
	wall = seconds(CLOCK_MONOTONIC) - wall;
	busy = seconds(CLOCK_PROCESS_CPUTIME_ID) - busy;
	printf("%-28s %9.0f rows/s, %9.0f rows/s of this process's time; %llu read, %llu unchanged\n", what, (double)counts[LEDGER_COUNT_READ] / wall,
	       (double)counts[LEDGER_COUNT_READ] / busy, (unsigned long long)counts[LEDGER_COUNT_READ], (unsigned long long)counts[LEDGER_COUNT_UNCHANGED]);
	fflush(stdout);
}

static void
open_all(struct model *model, struct systems *systems, struct intake *intake, struct ledger_run *run)
{
	struct ledger_options options = { .mode = LEDGER_ENGINE, .who = "bench", .model = model };
	struct engine_options engine = { .model = model, .systems = systems };
	struct ledger_flag flag = { .mode = LEDGER_FLAG_ON, .who = "bench", .why = "bench" };
	struct error err = { 0 };
	char state[300];

	snprintf(state, sizeof state, "%s/state", folder);
	options.state_dir = state;
	must(ledger_open(&options, &engine.ledger, &err), &err);
	must(engine_open(&engine, &intake->engine, &err), &err);
	intake->flow = config_flow(model, "f");
	intake->unit = config_unit(model, "berlin");
	intake->flow_id = flag.flow = ledger_flow_id(engine.ledger, intake->flow);
	intake->unit_id = flag.unit = ledger_unit_id(engine.ledger, intake->unit);
	intake->run = run;
	must(ledger_begin(engine.ledger, &err), &err);
	must(ledger_flag_set(engine.ledger, &flag, &err), &err);
	must(ledger_commit(engine.ledger, &err), &err);
}

int
main(int argc, char **argv)
{
	long records = argc > 1 ? atol(argv[1]) : 1000000;
	struct systems systems = { .connector_dir = getenv("SYNCLINE_CONNECTORS") };
	struct intake intake = { 0 };
	struct ledger_run run = { 0 };
	struct rusage usage;
	struct model *model;
	char command[400], path[400];

	snprintf(folder, sizeof folder, "%s/syncline-read.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
	if (systems.connector_dir == NULL || records <= 0 || mkdtemp(folder) == NULL) {
		fprintf(stderr, "usage: bench-read [records], with SYNCLINE_CONNECTORS and SYNCLINE_HOST set\n");
		return 2;
	}
	snprintf(path, sizeof path, "%s/in", folder);
	mkdir(path, 0700);
	write_file("kunden1.csv", records, 0);
	model = configure();
	open_all(model, &systems, &intake, &run);
	read_once(&intake, "all new, staged", false);
	adopt(&intake);
	read_once(&intake, "unchanged", true);
	read_once(&intake, "unchanged", true);
	write_file("kunden2.csv", records, 100);
	read_once(&intake, "1 in 100 changed, staged", false);
	getrusage(RUSAGE_SELF, &usage);
	printf("%-28s %9ld MiB\n", "largest resident set", usage.ru_maxrss / 1024);
	ledger_close(intake.engine->ledger);
	engine_close(intake.engine);
	config_free(model);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return system(command) == 0 ? 0 : 1;
}
