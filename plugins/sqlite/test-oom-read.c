/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-oom-read.c: all that looks at a database, with every allocation of the connector and of SQLite failing once and from then
 * on: whole results or RETRY; no row is called bad, gone or missing because there was no memory for it.
 */
#include "test-oom.h"

#define TYPES "anbidtxsyj"

static void
write_down(struct bed *b, struct syncline_batch *batch)
{
	for (uint32_t i = 0; i < bench_batch_service.record_count(batch); i++) {
		struct syncline_record r = syncline_record(0);

		if (bench_batch_service.record(batch, i, &r) != SYNCLINE_OK)
			abort();
		note(b, "%u %.*s", r.op, (int)r.native_id.length, r.native_id.length > 0 ? (const char *)r.native_id.u.data : "");
		if (r.op == SYNCLINE_OP_REJECT)
			note(b, " %.*s", (int)r.note.length, r.note.length > 0 ? (const char *)r.note.u.data : "");
		if (r.version.length > 0)
			note(b, " v%.*s", (int)r.version.length, (const char *)r.version.u.data);
		if (r.tenant.length > 0)
			note(b, " of %.*s", (int)r.tenant.length, (const char *)r.tenant.u.data);
		for (uint32_t k = 0; r.op == SYNCLINE_OP_SEEN && k < r.value_count; k++) {
			const struct syncline_value *v = &r.values[k];

			note(b, " %c", TYPES[v->type]);
			if (v->type == SYNCLINE_TYPE_INTEGER || v->type == SYNCLINE_TYPE_BOOLEAN || v->type == SYNCLINE_TYPE_TIMESTAMP ||
			    v->type == SYNCLINE_TYPE_DATE)
				note(b, "%lld", (long long)v->u.integer);
			else
				note(b, "%u:%.*s", v->length, v->length < 40 ? (int)v->length : 40, v->length > 0 ? (const char *)v->u.data : "");
		}
		note(b, "\n");
	}
}

/* Ends the batch that a call filled, and writes it down if the call went well. */
static uint32_t
take(struct bed *b, struct syncline_batch *batch, uint32_t result)
{
	if (result == SYNCLINE_OK && bench_batch_finish(batch, NULL) != 0) {
		strcpy(b->err.message, "the test's own batch has no memory");
		result = SYNCLINE_RETRY;
	}
	if (result == SYNCLINE_OK)
		write_down(b, batch);
	bench_batch_free(batch);
	return result;
}

static struct syncline_batch *
batch_new(struct bed *b, uint32_t *result)
{
	struct syncline_batch *batch = bench_batch_new(NULL);

	if (batch == NULL) {
		strcpy(b->err.message, "the test's own batch has no memory");
		*result = SYNCLINE_RETRY;
	}
	return batch;
}

/* A whole read; the position of each batch is copied there.  stop_after: so many batches, 0: to the end. */
static uint32_t
read_once(struct bed *b, void *instance, int stop_after, char *position, size_t *length)
{
	static const char *const tenants[] = { "N\xc3\xb6rd", "S" };
	const struct syncline_source_v1 *source = part(b, "source/1");
	struct syncline_read_request request = { .struct_size = sizeof request, .position = { position, *length } };
	struct syncline_read_state state = { .struct_size = sizeof state };
	void *reader = NULL;
	uint32_t result;

	if (b->object.tenant != NULL) {
		request.tenants = tenants;
		request.tenant_count = 2;
	}
	result = source->open_read(instance, bench_call(&b->bench, 0), &b->object, &request, &reader, &b->err);
	for (int n = 0; result == SYNCLINE_OK && !state.end && (stop_after == 0 || n < stop_after); n++) {
		struct syncline_batch *batch = batch_new(b, &result);

		if (result == SYNCLINE_OK)
			result = source->next(reader, bench_call(&b->bench, 0), batch, &state, &b->err);
		result = take(b, batch, result);
		if (result != SYNCLINE_OK)
			break;
		if (state.position.length == 0 || state.position.length > 1000)
			abort();
		memcpy(position, state.position.data, state.position.length);
		*length = state.position.length;
		note(b, "position %.*s expected %llu end %u", (int)*length, position, (unsigned long long)state.expected, state.end);
		for (uint32_t i = 0; i < state.completeness_count; i++)
			note(b, " complete %s %u", state.completeness[i].tenant != NULL ? state.completeness[i].tenant : "", state.completeness[i].complete);
		note(b, "\n");
	}
	if (reader != NULL)
		source->close_read(reader);
	return result;
}

/* In full up to the third batch, on from there to the end, and once more from that end. */
static int
reads(void *arg)
{
	struct bed *b = arg;
	char position[1000];
	size_t length = 0;
	void *instance = NULL;
	uint32_t result = begin(b, &instance);

	bench_full_after = b->batch_size;
	if (result == SYNCLINE_OK)
		result = read_once(b, instance, 3, position, &length);
	if (result == SYNCLINE_OK)
		result = read_once(b, instance, 0, position, &length);
	if (result == SYNCLINE_OK)
		result = read_once(b, instance, 0, position, &length);
	bench_full_after = 0;
	if (instance != NULL)
		b->c->close(instance);
	return verdict(b, result);
}

static const char rows[] =
    "CREATE TABLE t(a TEXT, k INT, name TEXT, sum DECIMAL, day DATE, at DATETIME, j JSON, y BLOB, r REAL, m TEXT, who TEXT, v INTEGER,"
    " PRIMARY KEY(a, k));"
    "INSERT INTO t VALUES('x|y', 1, 'Stra\xc3\x9f" "e', 12.5, '2026-02-28', '2026-02-28 12:30:00', '{\"a\":1.10}', x'6869', 0.1,"
    " '2026-01-01 00:00:00', 'N\xc3\xb6rd', 1),"
    " ('b', 2, hex(zeroblob(2000)), 3, NULL, NULL, NULL, zeroblob(3000), NULL, '2026-01-02 00:00:00', 'S', 2),"
    " ('c', 3, 'three', NULL, NULL, NULL, '[]', NULL, NULL, '2026-01-03 00:00:00', 'S', 3),"
    " ('d', 4, 'four', NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'S', 4),"
    " ('e', 5, 'five', NULL, NULL, NULL, NULL, NULL, 9e999, '2026-01-03 00:00:00', 'S', NULL),"
    " (NULL, 6, 'no key', NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-04 00:00:00', 'S', 4),"
    " ('g', 7, 'seven', NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-05 00:00:00', 'S', 4),"
    " ('h', 8, 'eight', NULL, NULL, NULL, NULL, NULL, NULL, '2026-01-05 00:00:00', 'other', 4);";
static const char wide[] = "PRAGMA encoding = 'UTF-16le';";

static void
model_rows(struct bed *b, const char *before)
{
	char all[4096];

	snprintf(all, sizeof all, "%s%s", before, rows);
	model(b, all);
}

static void
only_where(struct bed *b, const char *condition)
{
	b->object_setting[0] = (struct syncline_setting){ .struct_size = sizeof *b->object_setting, .type = SYNCLINE_PARAM_TEXT, .configured = 1,
		                                          .name = "where", .text = condition };
	b->of_object.count = 1;
}

static void
a_full_read(void **state)
{
	struct bed *b = *state;

	model_rows(b, "");
	b->object.version = "v";
	each(b, reads, 1);
	each(b, reads, 0);
	assert_non_null(strstr(b->expected, "complete  0"));
}

static void
a_read_by_mark(void **state)
{
	static const char *const marks[] = { "m", "at" };
	struct bed *b = *state;

	model_rows(b, "");
	b->object.mark = marks;
	b->object.mark_count = 2;
	b->object.tenant = "who";
	each(b, reads, 1);
	b->object.mark_count = 1;
	each(b, reads, 0);
}

/* Where SQLite has to make another text of each text, and takes memory for each. */
static void
a_read_of_wide_characters(void **state)
{
	static const char *const marks[] = { "m" };
	struct bed *b = *state;

	model_rows(b, wide);
	b->object.mark = marks;
	b->object.mark_count = 1;
	b->object.tenant = "who";
	b->object.version = "v";
	each(b, reads, 1);
}

/* Rows that share a key are told apart only by remembering the last one. */
static void
a_read_of_twins(void **state)
{
	static const char *const key[] = { "id" };
	struct bed *b = *state;

	model(b, "CREATE TABLE t(id TEXT NOT NULL, v INT); INSERT INTO t VALUES('same', 1), ('same', 2), ('same', 3), ('z', 1);");
	b->object.key = key;
	b->object.key_count = 1;
	only_where(b, "v < 9");
	each(b, reads, 1);
	assert_non_null(strstr(b->expected, "Another row has the same key"));
}

static int
looks(void *arg)
{
	struct bed *b = arg;
	const struct syncline_source_v1 *source = part(b, "source/1");
	const struct syncline_find_v1 *find = part(b, "find/1");
	const struct syncline_count_v1 *count = part(b, "count/1");
	static const struct syncline_slice ids[] = { { "x\\|y|1", 6 }, { "b|2", 3 }, { "b|02", 4 }, { "b", 1 }, { "zz|9", 4 } };
	const struct syncline_criterion criteria[] = {
		{ "at", syncline_timestamp(INT64_C(1772281800000000)) },
		{ "name", syncline_string("Stra\xc3\x9f" "e") },
	};
	struct syncline_batch *batch;
	uint64_t n = 0;
	void *instance = NULL;
	uint32_t result = begin(b, &instance);

	if (result == SYNCLINE_OK && (batch = batch_new(b, &result)) != NULL)
		result = take(b, batch, source->get(instance, bench_call(&b->bench, 0), &b->object, ids, 5, batch, &b->err));
	if (result == SYNCLINE_OK && (batch = batch_new(b, &result)) != NULL)
		result = take(b, batch, find->find(instance, bench_call(&b->bench, 0), &b->object, criteria, 2, b->batch_size, batch, &b->err));
	if (result == SYNCLINE_OK)
		result = count->count(instance, bench_call(&b->bench, 0), &b->object, &n, &b->err);
	if (result == SYNCLINE_OK)
		note(b, "%llu rows\n", (unsigned long long)n);
	if (instance != NULL)
		b->c->close(instance);
	return verdict(b, result);
}

static void
get_find_and_count(void **state)
{
	struct bed *b = *state;

	model_rows(b, "");
	each(b, looks, 1);
	assert_non_null(strstr(b->expected, "8 rows"));
	model_rows(b, wide);
	only_where(b, "k <> 8");
	each(b, looks, 1);
	assert_non_null(strstr(b->expected, "7 rows"));
}

/* What a view makes of zeros lies nowhere until somebody looks at it; after the last row that is wanted SQLite isn't asked again. */
static void
a_look_at_a_view(void **state)
{
	static const char *const key[] = { "a", "k" };
	struct bed *b = *state;

	model(b, "CREATE TABLE u(id INTEGER PRIMARY KEY); INSERT INTO u VALUES(1);"
	         "CREATE VIEW t AS SELECT 'b' AS a, id + 1 AS k, zeroblob(3000) AS z, '2026-02-28 12:30:00' AS at, 'Stra\xc3\x9f" "e' AS name FROM u;");
	b->object.key = key;
	b->object.key_count = 2;
	b->batch_size = 1;
	each(b, looks, 1);
	assert_non_null(strstr(b->expected, "x3000:"));
}

static int
digests(void *arg)
{
	struct bed *b = arg;
	const struct syncline_digest_v1 *digest = part(b, "digest/1");
	static const char *const fields[] = { "name", "at" };
	static const uint8_t key[16] = { 1, 2, 3 };
	struct syncline_digest_bucket bucket[3];
	void *instance = NULL;
	uint32_t result = begin(b, &instance);

	if (result == SYNCLINE_OK)
		result = digest->digest(instance, bench_call(&b->bench, 0), &b->object, fields, 2, key, bucket, 3, &b->err);
	for (int i = 0; result == SYNCLINE_OK && i < 3; i++)
		note(b, "%llu %llx %llx\n", (unsigned long long)bucket[i].count, (unsigned long long)bucket[i].sum[0], (unsigned long long)bucket[i].sum[1]);
	if (instance != NULL)
		b->c->close(instance);
	return verdict(b, result);
}

/* More rows than a page has, so that the second begins behind the last key of the first. */
static void
a_digest(void **state)
{
	struct bed *b = *state;

	model(b, "CREATE TABLE t(a TEXT NOT NULL, k TEXT NOT NULL, name TEXT, at DATETIME, PRIMARY KEY(a, k)) WITHOUT ROWID;"
	         "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 2003)"
	         " INSERT INTO t SELECT 'a', 'k' || i, 'n' || i, NULL FROM c;");
	each(b, digests, 1);
	model(b, "CREATE TABLE t(a TEXT PRIMARY KEY NOT NULL, name TEXT, at TEXT); INSERT INTO t VALUES('a', 'b', 'c'), ('d', NULL, '');");
	each(b, digests, 0);
}

static void
found_object(const struct syncline_findings *f, const struct syncline_object_info *info)
{
	const struct syncline_capabilities *can = info->capabilities;

	note(f->host_data, "object %s upsert %u digest %u write %u\n", info->native, can->upsert, can->digest, can->create);
}

static void
found_field(const struct syncline_findings *f, const struct syncline_field *field)
{
	note(f->host_data, "field %s type %u flags %u scale %u length %u\n", field->name, field->type, field->flags, field->scale,
	     field->max_length);
}

static void
found_remark(const struct syncline_findings *f, uint32_t severity, const char *object, const char *message, const char *hint)
{
	note(f->host_data, "remark %u %s: %s %s\n", severity, object != NULL ? object : "", message, hint != NULL ? hint : "");
}

static int
discovers(void *arg)
{
	struct bed *b = arg;
	const struct syncline_discover_v1 *discover = part(b, "discover/1");
	const struct syncline_check_v1 *check = part(b, "check/1");
	struct syncline_findings findings = { sizeof findings, 0, found_object, found_field, found_remark, b };
	void *instance = NULL;
	uint32_t result = begin(b, &instance);

	if (result == SYNCLINE_OK)
		result = discover->objects(instance, bench_call(&b->bench, 0), &findings, &b->err);
	if (result == SYNCLINE_OK)
		result = discover->fields(instance, bench_call(&b->bench, 0), &b->object, &findings, &b->err);
	if (result == SYNCLINE_OK)
		result = check->check(instance, bench_call(&b->bench, 0), &findings, &b->err);
	if (instance != NULL)
		b->c->close(instance);
	return verdict(b, result);
}

static void
discover_and_check(void **state)
{
	static const char *const marks[] = { "m" };
	struct bed *b = *state;

	model(b, "CREATE TABLE t(a TEXT, b VARCHAR(80) NOT NULL, c DECIMAL(12,2), m TIMESTAMP, ext TEXT, UNIQUE(a, b), UNIQUE(c, b));"
	         "CREATE VIEW v AS SELECT * FROM t; CREATE TABLE u(id INTEGER PRIMARY KEY, of INT REFERENCES w(id)); CREATE TABLE w(id INT UNIQUE);"
	         "PRAGMA foreign_keys = OFF; INSERT INTO u VALUES(1, 77);");
	b->object.mark = marks;
	b->object.mark_count = 1;
	b->object.external_key = "ext";
	each(b, discovers, 1);
	assert_non_null(strstr(b->expected, "refer to rows that are not there"));
	each(b, discovers, 0);
}

int
main(void)
{
	struct syncline_batch *first = bench_batch_new(NULL);
	const struct CMUnitTest tests[] = {
		TEST(a_full_read), TEST(a_read_by_mark), TEST(a_read_of_wide_characters), TEST(a_read_of_twins),
		TEST(get_find_and_count), TEST(a_look_at_a_view), TEST(a_digest), TEST(discover_and_check),
	};

	bench_batch_free(first); /* the bench made what it keeps for the life of the process */
	blocks_begin();
	return cmocka_run_group_tests_name("sqlite looked at without memory", tests, NULL, NULL);
}
