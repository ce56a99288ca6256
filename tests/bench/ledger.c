/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.c: what the ledger alone costs, without reading, rules and transport: a first load (golden records of twelve fields, links,
 * two match keys, spans), its indexes, what a target confirms, and the look at a million rows that did not change.  Once with
 * native ids in order, once at random.  bench-ledger [RECORDS]
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ledger/bulk.h"

enum { FIELDS = 12, BULK = 5000, BATCH = 1000 };

static const char house[] =
	"agent: { environment = \"bench\"; };\n"
	"systems: { erp: { connector = \"csv\"; access = \"write\"; objects: { kunden: { key = [ \"NR\" ]; }; }; };\n"
	"           crm: { connector = \"rest\"; access = \"write\"; objects: { accounts: { key = [ \"id\" ]; }; }; }; };\n"
	"units: { berlin: { systems: { erp: { tenant = \"1\"; }; crm: { tenant = \"1\"; }; }; }; };\n"
	"entities: { customer: { owner = \"erp\"; match = ( { exact = [ \"number\" ]; }, { exact = [ \"email\" ]; } );\n"
	"  fields: { number: { type = \"text\"; }; name: { type = \"text\"; }; street: { type = \"text\"; }; zip: { type = \"text\"; };\n"
	"    city: { type = \"text\"; }; country: { type = \"text\"; }; revenue: { type = \"decimal\"; scale = 2; }; tier: { type = \"text\"; };\n"
	"    email: { type = \"email\"; }; phone: { type = \"phone\"; }; since: { type = \"date\"; }; code: { type = \"text\"; }; }; }; };\n"
	"flows: { customers: { entity = \"customer\"; units = [ \"berlin\" ]; bindings: {\n"
	"  erp: { object = \"kunden\"; originates = true; map = ( [ \"number\", \"NR\" ] ); };\n"
	"  crm: { object = \"accounts\"; create_if = \"true\"; map = ( [ \"number\", \"id\" ] ); }; }; }; };\n";

struct bench {
	char dir[4096];
	struct model *model;
	struct ledger *ledger;
	const struct config_entity *entity;
	uint32_t kunden, accounts, unit;
	uint32_t records;
	uint64_t asides;
	uint32_t factor; /* native id of row n: n * factor mod records, which meets each once */
	struct error err;
};

/* Time on the wall and of the processor: on a machine that does other things too, the second is what can be compared. */
struct spent {
	double wall, cpu;
};

static double
read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
start(struct spent *spent)
{
	spent->wall -= read_clock(CLOCK_MONOTONIC);
	spent->cpu -= read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static void
stop(struct spent *spent)
{
	spent->wall += read_clock(CLOCK_MONOTONIC);
	spent->cpu += read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

static void
tell(const char *what, uint32_t records, struct spent spent)
{
	printf("  %-32s %10.0f records/s  %10.0f a second of processor time\n", what, records / spent.wall, records / spent.cpu);
	fflush(stdout);
}

static _Noreturn void
fail(struct bench *b, const char *what)
{
	fprintf(stderr, "bench-ledger: %s: %s %s\n", what, b->err.message, b->err.hint);
	exit(1);
}

static void
check(struct bench *b, int result, const char *what)
{
	if (result != 0)
		fail(b, what);
}

static struct model *
load_house(void)
{
	const struct config_source source = { "bench.conf", house, sizeof house - 1, false };
	const struct config_options options = { .sources = &source, .source_count = 1 };
	struct diagnostics d;
	struct model *model = NULL;

	diagnostics_init(&d);
	if (config_load(&options, &model, &d) != 0) {
		for (size_t i = 0; i < d.count; i++)
			fprintf(stderr, "%s: %s\n", d.items[i].error.place, d.items[i].error.message);
		exit(1);
	}
	diagnostics_free(&d);
	return model;
}

/* What belongs to row `n`. */

static uint32_t
number_of(const struct bench *b, uint32_t n)
{
	return (uint32_t)((uint64_t)n * b->factor % b->records);
}

struct row {
	struct syncline_value values[FIELDS];
	char text[FIELDS][48];
	char native[16];
	struct ledger_record record;
	struct ledger_link link;
	struct ledger_match keys[2];
};

static void
scatter(uint8_t hash[16], uint64_t seed)
{
	for (int i = 0; i < 2; i++) {
		seed += UINT64_C(0x9e3779b97f4a7c15);
		uint64_t x = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);

		x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
		x ^= x >> 31;
		memcpy(hash + i * 8, &x, 8);
	}
}

static void
fill(const struct bench *b, struct row *row, uint32_t n)
{
	static const char *const forms[FIELDS] = { "K%09u", "Muster und Partner GmbH %u", "Lange Strasse %u", "%05u", "Frankfurt %u", "DE", "%u.50",
		"standard", "info%u@example.com", "+49 30 %u", "", "MUSTER%u" };
	uint32_t number = number_of(b, n);

	memset(row, 0, sizeof *row);
	for (int i = 0; i < FIELDS; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int length = snprintf(row->text[i], sizeof row->text[i], forms[i], number);
#pragma GCC diagnostic pop

		row->values[i] = (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = row->text[i] };
	}
	row->values[6].type = SYNCLINE_TYPE_DECIMAL;
	row->values[10] = (struct syncline_value){ .type = SYNCLINE_TYPE_DATE, .u.integer = 15000 + number % 3000 };
	snprintf(row->native, sizeof row->native, "K%09u", number);
	row->link.native = (struct syncline_slice){ row->native, (uint32_t)strlen(row->native) };
	scatter(row->link.raw, number);
	for (uint32_t k = 0; k < 2; k++) {
		row->keys[k].rule = k;
		scatter(row->keys[k].hash, (uint64_t)number * 2 + k + ((uint64_t)1 << 40));
	}
	row->record.values = row->values;
}

/* The steps.  Making the rows is not part of what is measured. */

static struct spent
load(struct bench *b, struct ledger_bulk *bulk, int64_t *ret_first)
{
	struct row *rows = calloc(BULK, sizeof *rows);
	struct ledger_bulk_row *bulk_rows = calloc(BULK, sizeof *bulk_rows);
	uint8_t *aside = calloc(BULK, 1);
	uint64_t asides = 0;
	struct spent spent = { 0 };

	if (rows == NULL || bulk_rows == NULL || aside == NULL)
		fail(b, "memory");
	for (uint32_t at = 0; at < b->records; at += BULK) {
		uint32_t count = b->records - at < BULK ? b->records - at : BULK;

		for (uint32_t i = 0; i < count; i++) {
			fill(b, &rows[i], at + i);
			bulk_rows[i] = (struct ledger_bulk_row){ &rows[i].record, &rows[i].link, rows[i].keys, 2 };
		}
		start(&spent);
		check(b, ledger_begin(b->ledger, &b->err), "begin");
		check(b, ledger_bulk_add(bulk, bulk_rows, count, aside, &b->err), "add");
		check(b, ledger_commit(b->ledger, &b->err), "commit");
		stop(&spent);
		if (at == 0)
			*ret_first = rows[0].record.id;
		for (uint32_t i = 0; i < count; i++)
			asides += aside[i];
	}
	tell("source side, in bulk", b->records, spent);
	printf("  %-32s %10llu\n", "  of them set aside", (unsigned long long)asides);
	b->asides = asides;
	free(rows);
	free(bulk_rows);
	free(aside);
	return spent;
}

static struct spent
confirm(struct bench *b, int64_t first)
{
	struct row *rows = calloc(BULK, sizeof *rows);
	struct ledger_link *links = calloc(BULK, sizeof *links);
	struct ledger_history *history = calloc(BULK, sizeof *history);
	struct spent spent = { 0 };

	if (rows == NULL || links == NULL || history == NULL)
		fail(b, "memory");
	for (uint32_t at = 0; at < b->records; at += BULK) {
		uint32_t count = b->records - at < BULK ? b->records - at : BULK;

		for (uint32_t i = 0; i < count; i++) {
			fill(b, &rows[i], at + i);
			links[i] = rows[i].link;
			links[i].object = b->accounts;
			links[i].unit = b->unit;
			links[i].record = first + at + i;
			links[i].effective = 1;
			history[i] = (struct ledger_history){ .record = first + at + i, .entity = ledger_entity_id(b->ledger, b->entity), .unit = b->unit,
				.object = b->accounts, .run = 1, .event = LEDGER_EVENT_SENT_CREATE, .generation = 1, .version = 1 };
		}
		start(&spent);
		check(b, ledger_begin(b->ledger, &b->err), "begin");
		check(b, ledger_links_put(b->ledger, b->entity, links, count, &b->err), "links");
		check(b, ledger_history_add(b->ledger, history, count, &b->err), "history");
		check(b, ledger_commit(b->ledger, &b->err), "commit");
		stop(&spent);
	}
	tell("confirm side, indexes stand", b->records, spent);
	free(rows);
	free(links);
	free(history);
	return spent;
}

static void
glance(struct bench *b, uint32_t factor, const char *what)
{
	struct syncline_slice natives[BATCH];
	struct ledger_glance glances[BATCH];
	static char text[BATCH][16];
	static uint8_t raws[BATCH][16];
	uint32_t was = b->factor;
	uint64_t others = 0;
	struct spent spent = { 0 };

	b->factor = factor;
	for (uint32_t at = 0; at < b->records; at += BATCH) {
		uint32_t count = b->records - at < BATCH ? b->records - at : BATCH;

		for (uint32_t i = 0; i < count; i++) {
			natives[i] = (struct syncline_slice){ text[i], (uint32_t)snprintf(text[i], sizeof text[i], "K%09u", number_of(b, at + i)) };
			scatter(raws[i], number_of(b, at + i));
		}
		start(&spent);
		check(b, ledger_links_glance(b->ledger, b->kunden, b->unit, natives, (const uint8_t(*)[16])raws, count, 1, glances, &b->err), "glance");
		stop(&spent);
		for (uint32_t i = 0; i < count; i++) {
			others += glances[i].what != LEDGER_UNCHANGED;
			if (glances[i].what == LEDGER_CHANGED || others > b->asides) {
				fprintf(stderr, "bench-ledger: %s counts as changed\n", text[i]);
				exit(1);
			}
		}
	}
	tell(what, b->records, spent);
	b->factor = was;
}

static void
fetch(struct bench *b, int64_t first)
{
	struct ledger_record *records = calloc(BATCH, sizeof *records);
	int64_t ids[BATCH];
	struct arena arena;
	struct spent spent = { 0 };

	if (records == NULL)
		fail(b, "memory");
	arena_init(&arena, 0);
	for (uint32_t at = 0; at < b->records; at += BATCH) {
		uint32_t count = b->records - at < BATCH ? b->records - at : BATCH;

		for (uint32_t i = 0; i < count; i++)
			ids[i] = first + at + i;
		start(&spent);
		check(b, ledger_records_get(b->ledger, b->entity, ids, count, &arena, records, &b->err), "get");
		stop(&spent);
		arena_reset(&arena);
	}
	tell("golden records read", b->records, spent);
	arena_free(&arena);
	free(records);
}

static void
clear(const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;
	char path[4096 + 256];

	while (stream != NULL && (entry = readdir(stream)) != NULL) {
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			unlink(path);
	}
	if (stream != NULL)
		closedir(stream);
	rmdir(dir);
}

static void
run(struct bench *b, uint32_t factor, const char *order)
{
	const char *tmp = getenv("TMPDIR");
	struct ledger_options options = { .state_dir = b->dir, .mode = LEDGER_ENGINE, .model = b->model };
	const struct config_binding *target = &b->model->flows[0].bindings[1];
	struct ledger_bulk_options bulk_options = { .entity = b->entity, .targets = &target, .target_count = 1, .run = 1, .version = 1,
		.expected = b->records };
	struct ledger_bulk *bulk;
	struct stat file;
	char path[4096 + 16];
	int64_t first = 0;
	struct spent source, indexes = { 0 }, target_side;

	printf("== %s\n", order);
	b->factor = factor;
	snprintf(b->dir, sizeof b->dir, "%s/syncline-bench-ledger-XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(b->dir) == NULL) {
		perror(b->dir);
		exit(1);
	}
	check(b, ledger_open(&options, &b->ledger, &b->err), "open");
	b->kunden = bulk_options.object = ledger_object_id(b->ledger, b->model->flows[0].bindings[0].object);
	b->accounts = ledger_object_id(b->ledger, target->object);
	b->unit = bulk_options.unit = ledger_unit_id(b->ledger, &b->model->units[0]);
	check(b, ledger_bulk_open(b->ledger, &bulk_options, &bulk, &b->err), "open load");
	source = load(b, bulk, &first);
	start(&indexes);
	check(b, ledger_bulk_close(bulk, NULL, &b->err), "indexes");
	stop(&indexes);
	ledger_bulk_free(bulk);
	printf("  %-32s %10.2f s          %10.2f s\n", "indexes", indexes.wall, indexes.cpu);
	target_side = confirm(b, first);
	source.wall += indexes.wall + target_side.wall;
	source.cpu += indexes.cpu + target_side.cpu;
	tell("both, all in", b->records, source);
	glance(b, factor, "unchanged, in this order");
	glance(b, 611953, "unchanged, at random");
	fetch(b, first);
	ledger_close(b->ledger);
	snprintf(path, sizeof path, "%s/" LEDGER_FILE, b->dir);
	if (stat(path, &file) == 0)
		printf("  %-32s %10.0f bytes a record\n", "the file", (double)file.st_size / b->records);
	clear(b->dir);
}

int
main(int argc, char **argv)
{
	static struct bench b;

	b.records = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000000;
	if (b.records == 0 || b.records % 611953 == 0) {
		fprintf(stderr, "usage: bench-ledger [RECORDS]\n");
		return 1;
	}
	b.model = load_house();
	b.entity = &b.model->entities[0];
	run(&b, 1, "native ids in order");
	run(&b, 611953, "native ids at random");
	config_free(b.model);
	return 0;
}
