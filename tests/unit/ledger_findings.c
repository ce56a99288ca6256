/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_findings.c: what waits for a person: findings, their rows, decisions, corrections, locks, flips and edits. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "ledger/findings.h"
#include "ledger/inside.h"
#include "ledger_help.h"
#include "oom.h"

static char dir[4096];
static struct model *model;
static struct ledger *ledger;
static struct error err;

static int
begin_test(void **state)
{
	(void)state;
	help_folder(dir, sizeof dir);
	model = help_model(help_house);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	help_clock_us = 1000000;
	assert_ok(ledger_begin(ledger, &err));
	return 0;
}

static void
fault(void *data, const char *sentence)
{
	(void)data;
	fail_msg("%s", sentence);
}

static int
end_test(void **state)
{
	(void)state;
	assert_ok(ledger_check_findings(ledger, fault, NULL, &err));
	ledger_close(ledger);
	config_free(model);
	help_remove(dir);
	return 0;
}

static void
reopen(void)
{
	assert_ok(ledger_commit(ledger, &err));
	ledger_close(ledger);
	ledger = help_open(dir, model, LEDGER_ENGINE);
	assert_ok(ledger_begin(ledger, &err));
}

static struct syncline_slice
slice(const char *text)
{
	return (struct syncline_slice){ text, strlen(text) };
}

static struct ledger_finding
reject(const char *native, const char *field)
{
	return (struct ledger_finding){ .kind = LEDGER_FINDING_REJECT, .flow = 1, .unit = 2, .object = 1, .native = slice(native), .field = field,
		.run = 7, .cause = "rule-reject", .message = "the zip code is not one", .hint = "correct it", .rule = "zip(PLZ)", .place = "K.csv:17",
		.detail = "{\"PLZ\":\"x\"}", .raw = { 1, 2, 3 } };
}

static int64_t
find(const struct ledger_finding *finding)
{
	int64_t id = 0;

	assert_ok(ledger_find(ledger, finding, &id, &err));
	assert_true(id > 0);
	return id;
}

static struct ledger_finding
get(int64_t id, struct arena *arena)
{
	struct ledger_finding finding;

	assert_ok(ledger_finding_get(ledger, id, arena, &finding, &err));
	return finding;
}

static struct arena arena;

static void
a_finding_is_kept_whole(void **state)
{
	struct ledger_finding f = reject("100|7", "zip"), got;
	int64_t id = find(&f);

	(void)state;
	arena_init(&arena, 0);
	reopen();
	got = get(id, &arena);
	assert_int_equal(got.id, id);
	assert_int_equal(got.kind, LEDGER_FINDING_REJECT);
	assert_int_equal(got.state, LEDGER_OPEN);
	assert_int_equal(got.flow, 1);
	assert_int_equal(got.unit, 2);
	assert_int_equal(got.object, 1);
	assert_int_equal(got.native.length, 5);
	assert_memory_equal(got.native.data, "100|7", 5);
	assert_int_equal(got.run, 7);
	assert_string_equal(got.cause, "rule-reject");
	assert_string_equal(got.field, "zip");
	assert_string_equal(got.message, f.message);
	assert_string_equal(got.hint, f.hint);
	assert_string_equal(got.rule, f.rule);
	assert_string_equal(got.place, f.place);
	assert_string_equal(got.detail, f.detail);
	assert_memory_equal(got.raw, f.raw, 16);
	assert_int_equal(got.first_us, 1000000);
	assert_int_equal(got.last_us, 1000000);
	assert_int_equal(got.seen, 1);
	assert_null(got.ended_by);
	assert_int_equal(got.ended_us, 0);
	arena_free(&arena);
}

/* What makes two findings the same, a row each: the second is the first one again, or another. */
static void
the_same_finding_raises_its_counter(void **state)
{
	static const struct {
		const char *native[2], *field[2];
		int64_t record[2];
		uint32_t flow[2], unit[2], object[2];
		uint8_t raw[2];
		bool same;
	} rows[] = {
		{ { "a", "a" }, { 0, 0 }, { 0, 0 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 2 }, true },
		{ { "b", "b" }, { 0, 0 }, { 0, 9 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, true },
		{ { "c", "c" }, { "f", "g" }, { 0, 0 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, false },
		{ { "d", "d" }, { "f", 0 }, { 0, 0 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, false },
		{ { "e", "e" }, { 0, 0 }, { 0, 0 }, { 1, 2 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, false },
		{ { "f", "f" }, { 0, 0 }, { 0, 0 }, { 1, 1 }, { 2, 3 }, { 1, 1 }, { 1, 1 }, false },
		{ { "g", "g" }, { 0, 0 }, { 0, 0 }, { 1, 1 }, { 2, 2 }, { 1, 2 }, { 1, 1 }, false },
		{ { "h", "hh" }, { 0, 0 }, { 0, 0 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, false },
		{ { "", "" }, { 0, 0 }, { 10, 10 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 2 }, true },
		{ { "", "" }, { 0, 0 }, { 11, 12 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, false },
		{ { "", "" }, { 0, 0 }, { 0, 0 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 3, 3 }, true },
		{ { "", "" }, { 0, 0 }, { 0, 0 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 4, 5 }, false },
		{ { "i", "" }, { 0, 0 }, { 13, 13 }, { 1, 1 }, { 2, 2 }, { 1, 1 }, { 1, 1 }, false },
	};

	(void)state;
	for (unsigned kind = 0; kind < LEDGER_FINDING_COUNT; kind++)
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			int64_t ids[2];

			arena_init(&arena, 0);
			for (int n = 0; n < 2; n++) {
				struct ledger_finding f = { .kind = (enum ledger_finding_kind)kind, .flow = rows[i].flow[n], .unit = rows[i].unit[n],
					.object = rows[i].object[n], .native = slice(rows[i].native[n]), .record = rows[i].record[n], .field = rows[i].field[n],
					.raw = { rows[i].raw[n] }, .message = n == 0 ? "first" : "second", .cause = "c" };

				help_clock_us = 1000000 * (n + 1);
				ids[n] = find(&f);
			}
			if ((ids[0] == ids[1]) != rows[i].same)
				fail_msg("row %zu of kind %u: %lld and %lld", i, kind, (long long)ids[0], (long long)ids[1]);
			if (rows[i].same) {
				struct ledger_finding got = get(ids[0], &arena);

				assert_int_equal(got.seen, 2);
				assert_string_equal(got.message, "second");
				assert_int_equal(got.first_us, 1000000);
				assert_int_equal(got.last_us, 2000000);
				assert_int_equal(got.raw[0], rows[i].raw[1]);
				assert_int_equal(got.record, rows[i].record[1]);
			}
			arena_free(&arena);
		}
}

static void
numbers_are_unique_over_all_kinds(void **state)
{
	int64_t last = 0, id;

	(void)state;
	for (unsigned kind = 0; kind < LEDGER_FINDING_COUNT; kind++) {
		struct ledger_finding f = reject("n", NULL);

		f.kind = (enum ledger_finding_kind)kind;
		id = find(&f);
		assert_true(id > last);
		last = id;
	}
	assert_ok(ledger_lock_add(ledger, &(struct ledger_lock){ .record = 1 }, &id, &err));
	assert_true(id > last);
	assert_int_equal(ledger_finding_close(ledger, id, LEDGER_ARCHIVED, NULL, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
	assert_int_equal(ledger_finding_get(ledger, 4711, &arena, &(struct ledger_finding){ 0 }, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
}

/* state x event -> state, or refused. */
static void
each_event_in_each_state(void **state)
{
	enum { AGAIN, END, DECIDED, ARCHIVED, DECIDE, RETRY, EVENTS };
	static const char *const names[] = { "again", "end", "decided", "archived", "decide", "retry" };
	/* -1: refused; 9: a new finding */
	static const int table[4][EVENTS] = {
		{ LEDGER_OPEN, LEDGER_ENDED, LEDGER_DECIDED, LEDGER_ARCHIVED, LEDGER_OPEN, LEDGER_OPEN },
		{ 9, LEDGER_ENDED, -1, LEDGER_ARCHIVED, -1, -1 },
		{ 9, LEDGER_DECIDED, -1, LEDGER_ARCHIVED, -1, -1 },
		{ 9, LEDGER_ARCHIVED, -1, -1, -1, -1 },
	};

	(void)state;
	for (unsigned kind = 0; kind < LEDGER_FINDING_COUNT; kind++)
		for (int from = 0; from < 4; from++)
			for (int event = 0; event < EVENTS; event++) {
				struct ledger_finding f = reject("x", NULL);
				int64_t id, other = 0;
				int result = 0;

				f.kind = (enum ledger_finding_kind)kind;
				assert_ok(ledger_savepoint(ledger, &err));
				id = find(&f);
				if (from == LEDGER_ENDED)
					assert_ok(ledger_findings_end(ledger, f.kind, 1, 2, 1, f.native, 0, NULL, &err));
				else if (from != LEDGER_OPEN)
					assert_ok(ledger_finding_close(ledger, id, (uint8_t)from, "so", &err));
				switch (event) {
				case AGAIN: result = ledger_find(ledger, &f, &other, &err); break;
				case END: result = ledger_findings_end(ledger, f.kind, 1, 2, 1, f.native, 0, NULL, &err); break;
				case DECIDED: result = ledger_finding_close(ledger, id, LEDGER_DECIDED, "b", &err); break;
				case ARCHIVED: result = ledger_finding_close(ledger, id, LEDGER_ARCHIVED, "b", &err); break;
				case DECIDE: result = ledger_finding_decide(ledger, id, "create", "b", &err); break;
				default: result = ledger_finding_retry(ledger, id, &err); break;
				}
				arena_init(&arena, 0);
				if (table[from][event] == -1) {
					assert_int_equal(result, -1);
					assert_int_equal(err.code, ERROR_LEDGER_FINDING);
					assert_int_equal(get(id, &arena).state, from);
				} else if (table[from][event] == 9) {
					assert_int_equal(result, 0);
					assert_true(other != id);
					assert_int_equal(get(id, &arena).state, from);
				} else {
					assert_int_equal(result, 0);
					if (get(id, &arena).state != table[from][event])
						fail_msg("kind %u, state %d, event %s: %d", kind, from, names[event], get(id, &arena).state);
				}
				arena_free(&arena);
				ledger_rollback_savepoint(ledger);
			}
}

static int
count_findings(void *data, const struct ledger_finding *row)
{
	(void)row;
	++*(int *)data;
	return 0;
}

static int
listed(struct ledger_finding_filter filter)
{
	int count = 0;

	assert_ok(ledger_findings(ledger, &filter, count_findings, &count, &err));
	return count;
}

static bool
asks(uint32_t object, uint32_t unit, int64_t record)
{
	bool is;

	assert_ok(ledger_review_asks(ledger, object, unit, record, &is, &err));
	return is;
}

/* All of them at once say what each by itself says; `close` or not, which decides how they are asked for. */
static void
ask_many(uint32_t object, uint32_t unit, const int64_t *records, uint32_t count)
{
	uint8_t found[16];

	memset(found, 2, sizeof found);
	assert_ok(ledger_reviews_ask(ledger, object, unit, records, count, found, &err));
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(found[i], asks(object, unit, records[i]));
}

static void
ask_all(void)
{
	static const int64_t near[] = { 2, 4, 5, 6, 7, 9 }, far[] = { 5, 6, 7, 100000 }, back[] = { 7, 6, 5 }, one[] = { 6 }, beside[] = { 8, 9 };

	for (uint32_t object = 1; object <= 2; object++)
		for (uint32_t unit = 2; unit <= 3; unit++) {
			ask_many(object, unit, near, 6);
			ask_many(object, unit, far, 4);
			ask_many(object, unit, back, 3);
			ask_many(object, unit, one, 1);
			ask_many(object, unit, beside, 2);
		}
}

static void
a_review_asks_about_its_candidates_until_it_ends(void **state)
{
	static const int64_t both[] = { 5, 6 }, other[] = { 7, 7 };
	struct ledger_finding a = reject("1", NULL), b = reject("2", NULL);

	(void)state;
	a.kind = b.kind = LEDGER_FINDING_REVIEW;
	a.candidates = both;
	a.candidate_count = 2;
	assert_false(asks(1, 2, 5));
	find(&a);
	assert_true(asks(1, 2, 5) && asks(1, 2, 6));
	ask_all();
	assert_false(asks(1, 2, 7) || asks(2, 2, 5) || asks(1, 3, 5));
	/* Seen again it is about another one; and the second review is about one of the first's. */
	a.candidates = other;
	b.candidates = both;
	b.candidate_count = 1;
	find(&a), find(&b);
	assert_true(asks(1, 2, 5) && asks(1, 2, 7));
	assert_false(asks(1, 2, 6));
	ask_all();
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REVIEW, 1, 2, 1, slice("2"), 0, NULL, &err));
	assert_false(asks(1, 2, 5));
	assert_true(asks(1, 2, 7));
	ask_all();
	/* And about none. */
	a.candidate_count = 0;
	find(&a);
	assert_false(asks(1, 2, 7));
}

/* 0: no; 1: another row; 2: this one. */
static int
archived(const struct ledger_finding *finding)
{
	bool is, same;

	assert_ok(ledger_finding_archived(ledger, finding->kind, 1, 2, 1, finding->native, finding->field, finding->raw, &is, &same, &err));
	assert_true(is || !same);
	return is + same;
}

static bool
put_away(const struct ledger_finding *finding)
{
	bool is;

	assert_ok(ledger_review_ignored(ledger, 1, 2, 1, finding->native, finding->raw, finding->cause, &is, &err));
	return is;
}

static void
what_is_archived_is_put_away_for_this_row_and_question(void **state)
{
	struct ledger_finding a = reject("1", "zip"), b = a;
	int64_t id;

	(void)state;
	a.kind = b.kind = LEDGER_FINDING_REVIEW;
	id = find(&a);
	assert_int_equal(archived(&a), 0);
	assert_false(put_away(&a));
	assert_ok(ledger_finding_close(ledger, id, LEDGER_ARCHIVED, "known", &err));
	assert_int_equal(archived(&a), 2);
	assert_true(put_away(&a));
	b.raw[0]++;
	assert_int_equal(archived(&b), 1);
	assert_false(put_away(&b));
	b = a;
	b.field = "name";
	b.cause = "another";
	assert_int_equal(archived(&b), 0);
	assert_false(put_away(&b));
	b.kind = LEDGER_FINDING_CONFLICT;
	b.field = a.field;
	assert_int_equal(archived(&b), 0);
	/* Asked again, and this one is the newest. */
	id = find(&a);
	assert_int_equal(archived(&a), 0);
	assert_ok(ledger_finding_close(ledger, id, LEDGER_DECIDED, "so", &err));
	assert_int_equal(archived(&a), 0);
}

static void
ending_is_by_native_id_or_record_and_field(void **state)
{
	struct ledger_finding a = reject("1", "zip"), b = reject("1", "name"), c = reject("2", "zip"), d = reject("", "zip");
	const struct ledger_finding_filter open = { .kind = LEDGER_FINDING_REJECT };
	bool is;

	(void)state;
	a.record = b.record = d.record = 5;
	find(&a), find(&b), find(&c), find(&d);
	assert_int_equal(listed(open), 4);
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 1, 2, 1, slice("1"), 0, "zip", &err));
	assert_int_equal(listed(open), 3);
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REVIEW, 1, 2, 1, slice("1"), 0, NULL, &err));
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 2, 2, 1, slice("1"), 0, NULL, &err));
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 1, 3, 1, slice("1"), 0, NULL, &err));
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 1, 2, 2, slice("1"), 0, NULL, &err));
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 1, 2, 1, slice(""), 0, NULL, &err));
	assert_int_equal(listed(open), 3);
	assert_ok(ledger_finding_open(ledger, LEDGER_FINDING_REJECT, 5, 0, "name", &is, &err));
	assert_true(is);
	assert_ok(ledger_finding_open(ledger, LEDGER_FINDING_REJECT, 5, 0, "city", &is, &err));
	assert_false(is);
	assert_ok(ledger_finding_open(ledger, LEDGER_FINDING_REJECT, 5, 1, "name", &is, &err));
	assert_true(is);
	assert_ok(ledger_finding_open(ledger, LEDGER_FINDING_REJECT, 5, 2, "name", &is, &err));
	assert_false(is);
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 1, 2, 1, slice("1"), 0, "", &err));
	assert_int_equal(listed(open), 3);
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_REJECT, 1, 2, 1, slice(""), 5, NULL, &err));
	assert_int_equal(listed(open), 1);
	assert_ok(ledger_finding_open(ledger, LEDGER_FINDING_REJECT, 5, 0, NULL, &is, &err));
	assert_false(is);
	assert_int_equal(listed((struct ledger_finding_filter){ .kind = LEDGER_FINDING_REJECT, .all = true }), 4);
	/* A complete read did not show it: only what was seen last before that read. */
	assert_ok(ledger_findings_end_unseen(ledger, 1, 2, 1, help_clock_us, &err));
	assert_int_equal(listed(open), 1);
	assert_ok(ledger_findings_end_unseen(ledger, 1, 2, 2, help_clock_us + 1, &err));
	assert_int_equal(listed(open), 1);
	assert_ok(ledger_findings_end_unseen(ledger, 1, 2, 1, help_clock_us + 1, &err));
	assert_int_equal(listed(open), 0);
}

struct causes {
	char text[512];
};

static int
note_cause(void *data, uint32_t flow, uint32_t unit, uint32_t object, const char *cause, uint64_t count, int64_t oldest_us, const char *example)
{
	struct causes *causes = data;
	size_t used = strlen(causes->text);

	snprintf(causes->text + used, sizeof causes->text - used, "%u/%u/%u %s %llu %lld %s; ", flow, unit, object, cause, (unsigned long long)count,
	         (long long)oldest_us / 1000000, example);
	return 0;
}

static int
stop_at_first(void *data, const struct ledger_finding *row)
{
	(void)row;
	++*(int *)data;
	return 1;
}

static int
fail_at_first(void *data, const struct ledger_finding *row)
{
	(void)data, (void)row;
	return -1;
}

static void
lists_are_filtered_paged_and_grouped(void **state)
{
	struct causes causes = { "" };
	int64_t ids[6];
	int count = 0;

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct ledger_finding f = reject("", NULL);
		char native[8], message[16];

		snprintf(native, sizeof native, "n%d", i);
		snprintf(message, sizeof message, "m%d", i);
		f.native = slice(native);
		f.message = message;
		f.cause = i < 4 ? "rule-reject" : "rule-lookup";
		f.unit = i == 5 ? 3 : 2;
		f.record = i;
		help_clock_us = 1000000 * (10 - i);
		ids[i] = find(&f);
	}
	assert_int_equal(listed((struct ledger_finding_filter){ .cause = "rule-reject" }), 4);
	assert_int_equal(listed((struct ledger_finding_filter){ .unit = 3 }), 1);
	assert_int_equal(listed((struct ledger_finding_filter){ .flow = 2 }), 0);
	assert_int_equal(listed((struct ledger_finding_filter){ .object = 1 }), 6);
	assert_int_equal(listed((struct ledger_finding_filter){ .record = 3 }), 1);
	assert_int_equal(listed((struct ledger_finding_filter){ .max = 2 }), 2);
	assert_int_equal(listed((struct ledger_finding_filter){ .after = ids[3] }), 2);
	assert_ok(ledger_finding_close(ledger, ids[0], LEDGER_ARCHIVED, "known", &err));
	assert_ok(ledger_findings_by_cause(ledger, &(struct ledger_finding_filter){ 0 }, note_cause, &causes, &err));
	assert_string_equal(causes.text, "1/2/1 rule-reject 3 7 m3; 1/2/1 rule-lookup 1 6 m4; 1/3/1 rule-lookup 1 5 m5; ");
	assert_ok(ledger_findings(ledger, &(struct ledger_finding_filter){ 0 }, stop_at_first, &count, &err));
	assert_int_equal(count, 1);
	assert_int_equal(ledger_findings(ledger, &(struct ledger_finding_filter){ 0 }, fail_at_first, NULL, &err), -1);
	arena_init(&arena, 0);
	assert_string_equal(get(ids[0], &arena).ended_why, "known");
	arena_free(&arena);
}

static struct batch *
make_row(const char *text, size_t length)
{
	const struct syncline_field field = { .struct_size = sizeof field, .type = SYNCLINE_TYPE_TEXT, .name = "PLZ" };
	struct syncline_value value = { .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)length, .u.data = text };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = 1, .values = &value,
		.native_id = { .type = SYNCLINE_TYPE_TEXT, .length = 1, .u.data = "7" } };
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch = NULL;

	if (builder != NULL && batch_builder_set_fields(builder, &field, 1, NULL) == 0 && batch_builder_add(builder, &record, NULL) == 0)
		batch = batch_builder_finish(builder, NULL);
	batch_builder_free(builder);
	return batch;
}

static void
same_row(int64_t id, const struct batch *row)
{
	struct batch *got = NULL;

	assert_ok(ledger_finding_row_get(ledger, id, &got, &err));
	assert_non_null(got);
	assert_int_equal(got->size, row->size);
	assert_memory_equal(got->data, row->data, row->size);
	batch_free(got);
}

static void
rows_come_back_as_they_were(void **state)
{
	static char large[200000];
	struct ledger_finding f = reject("7", NULL);
	struct batch *small = make_row("x", 1), *big, *got = (void *)1;
	int64_t id = find(&f);

	(void)state;
	memset(large, 'q', sizeof large);
	big = make_row(large, sizeof large);
	assert_ok(ledger_finding_row_get(ledger, id, &got, &err));
	assert_null(got);
	assert_ok(ledger_finding_row(ledger, id, small, &err));
	reopen();
	same_row(id, small);
	assert_ok(ledger_finding_row(ledger, id, big, &err));
	same_row(id, big);
	assert_true(help_number(ledger, "SELECT length(row_batch) FROM reject") < 2000);
	/* Seen again, it keeps its row. */
	find(&f);
	same_row(id, big);
	assert_ok(ledger_execute(ledger, "UPDATE reject SET row_batch = substr(row_batch, 1, 40)", &err));
	assert_int_equal(ledger_finding_row_get(ledger, id, &got, &err), -1);
	assert_int_equal(err.code, ERROR_BATCH_INVALID);
	assert_int_equal(ledger_finding_row(ledger, 99, small, &err), -1);
	batch_free(small);
	batch_free(big);
}

/* Keys that turn every byte round, and can be destroyed. */
static int64_t destroyed;

static int
turn(void *data, int64_t record, struct syncline_slice from, struct buffer *to, struct error *e)
{
	(void)data;
	if (record != 0 && record == destroyed)
		return error_set(e, ERROR_LEDGER_ERASED, NULL, "erased");
	for (size_t i = 0; i < from.length; i++)
		if (buffer_char(to, (char)(((const char *)from.data)[i] ^ 0x55)) != 0)
			return error_memory(e);
	return 0;
}

static int
destroy(void *data, int64_t record, struct error *e)
{
	(void)data, (void)e;
	destroyed = record;
	return 0;
}

static int
detail_is(void *data, const struct ledger_finding *row)
{
	if (data == NULL)
		assert_null(row->detail);
	else
		assert_string_equal(row->detail, data);
	return 0;
}

static void
details_and_rows_are_sealed(void **state)
{
	static const struct ledger_keys keys = { NULL, turn, turn, destroy };
	struct ledger_finding_filter all = { .kind = LEDGER_FINDING_REJECT };
	struct ledger_finding f = reject("7", NULL);
	struct batch *row = make_row("secret place", 12), *got;
	int64_t id;

	(void)state;
	destroyed = 0;
	ledger->options.keys = &keys;
	f.record = 5;
	id = find(&f);
	assert_ok(ledger_finding_row(ledger, id, row, &err));
	assert_int_equal(help_number(ledger, "SELECT instr(CAST(detail AS TEXT), 'PLZ') FROM reject"), 0);
	assert_int_equal(help_number(ledger, "SELECT instr(row_batch, CAST('secret' AS BLOB)) FROM reject"), 0);
	assert_ok(ledger_findings(ledger, &all, detail_is, (void *)(intptr_t)f.detail, &err));
	same_row(id, row);
	/* Without keys the rest is still told. */
	ledger->options.keys = NULL;
	assert_ok(ledger_findings(ledger, &all, detail_is, NULL, &err));
	assert_int_equal(ledger_finding_row_get(ledger, id, &got, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_SEALED);
	ledger->options.keys = &keys;
	assert_ok(keys.destroy(NULL, 5, &err));
	assert_ok(ledger_findings(ledger, &all, detail_is, NULL, &err));
	assert_int_equal(ledger_finding_row_get(ledger, id, &got, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_ERASED);
	batch_free(row);
}

struct decisions {
	char text[256];
};

static int
note_decision(void *data, const struct ledger_finding *row, const char *decision)
{
	struct decisions *d = data;
	size_t used = strlen(d->text);

	snprintf(d->text + used, sizeof d->text - used, "%s %lld %s; ", ledger_finding_name(row->kind), (long long)row->id, decision);
	return 0;
}

/* What was decided stands as long as both sides show what they showed then. */
static void
decisions_are_about_what_was_shown(void **state)
{
	struct ledger_finding conflict = reject("1", "phone"), got;
	int64_t id;

	(void)state;
	arena_init(&arena, 0);
	conflict.kind = LEDGER_FINDING_CONFLICT;
	conflict.has_about = true;
	conflict.about[0] = 1;
	id = find(&conflict);
	got = get(id, &arena);
	assert_false(got.has_about); /* nothing is decided */
	assert_ok(ledger_finding_decide(ledger, id, "take", "they know", &err));
	find(&conflict);
	got = get(id, &arena);
	assert_string_equal(got.decision, "take");
	assert_true(got.has_about && got.about[0] == 1);
	assert_null(got.overtaken);
	conflict.about[0] = 2;
	find(&conflict);
	got = get(id, &arena);
	assert_null(got.decision);
	assert_true(strncmp(got.overtaken, "take, by ", 9) == 0 && strstr(got.overtaken, ": they know") != NULL);
	/* About these by now. */
	assert_ok(ledger_finding_decide(ledger, id, "keep", NULL, &err));
	find(&conflict);
	got = get(id, &arena);
	assert_string_equal(got.decision, "keep");
	assert_true(got.has_about && got.about[0] == 2);
	arena_free(&arena);
}

static void
decisions_wait_for_the_next_run(void **state)
{
	struct ledger_finding conflict = reject("1", "phone"), review = reject("2", NULL), other = reject("3", NULL);
	struct decisions d = { "" };
	struct ledger_finding got;
	int64_t a, b, c;

	(void)state;
	conflict.kind = LEDGER_FINDING_CONFLICT;
	review.kind = other.kind = LEDGER_FINDING_REVIEW;
	other.unit = 3;
	a = find(&conflict), b = find(&review), c = find(&other);
	assert_ok(ledger_finding_decide(ledger, a, "take erp", "they know", &err));
	assert_ok(ledger_finding_decide(ledger, b, "create", NULL, &err));
	assert_ok(ledger_finding_decide(ledger, b, "link 4711", NULL, &err));
	assert_ok(ledger_finding_decide(ledger, c, "ignore", NULL, &err));
	find(&review); /* seen again meanwhile: what was decided stands */
	reopen();
	assert_ok(ledger_decisions(ledger, 1, 2, note_decision, &d, &err));
	assert_string_equal(d.text, "conflict 1 take erp; review 2 link 4711; ");
	assert_ok(ledger_finding_close(ledger, a, LEDGER_DECIDED, NULL, &err));
	d.text[0] = '\0';
	assert_ok(ledger_decisions(ledger, 0, 0, note_decision, &d, &err));
	assert_string_equal(d.text, "review 2 link 4711; review 3 ignore; ");
	arena_init(&arena, 0);
	got = get(a, &arena);
	assert_int_equal(got.state, LEDGER_DECIDED);
	assert_string_equal(got.ended_why, "they know");
	arena_free(&arena);
	assert_int_equal(ledger_finding_close(ledger, b, LEDGER_ENDED, NULL, &err), -1);
}

static void
retries_are_taken_once_in_order(void **state)
{
	struct ledger_finding a = reject("1", NULL), b = reject("2", NULL), c = reject("3", NULL);
	int64_t ids[4], first, second, third;
	uint32_t count;

	(void)state;
	b.kind = LEDGER_FINDING_DEAD;
	first = find(&a), second = find(&b), third = find(&c);
	assert_ok(ledger_findings_to_retry(ledger, 1, 2, ids, 4, &count, &err));
	assert_int_equal(count, 0);
	assert_ok(ledger_finding_retry(ledger, third, &err));
	assert_ok(ledger_finding_retry(ledger, second, &err));
	assert_ok(ledger_finding_retry(ledger, first, &err));
	assert_ok(ledger_findings_to_retry(ledger, 1, 3, ids, 4, &count, &err));
	assert_int_equal(count, 0);
	assert_ok(ledger_findings_to_retry(ledger, 1, 2, ids, 4, &count, &err));
	assert_int_equal(count, 3);
	assert_true(ids[0] == first && ids[1] == second && ids[2] == third);
	assert_ok(ledger_findings_to_retry(ledger, 1, 2, ids, 2, &count, &err));
	assert_int_equal(count, 2);
	find(&a); /* it failed once more */
	assert_ok(ledger_findings_end(ledger, LEDGER_FINDING_DEAD, 1, 2, 1, slice("2"), 0, NULL, &err));
	assert_ok(ledger_findings_to_retry(ledger, 1, 2, ids, 4, &count, &err));
	assert_int_equal(count, 1);
	assert_true(ids[0] == third);
}

struct corrections {
	char text[512];
};

static int
note_correction(void *data, uint32_t index, const struct ledger_correction *row)
{
	struct corrections *c = data;
	size_t used = strlen(c->text);

	snprintf(c->text + used, sizeof c->text - used, "%u %s=%s %02x; ", index, row->field, row->value != NULL ? row->value : "null", row->raw[0]);
	return 0;
}

static int
note_listed(void *data, const struct ledger_correction *row)
{
	return note_correction(data, (uint32_t)row->applied, row);
}

static void
corrections_hold_for_one_native_id_and_value(void **state)
{
	const struct syncline_slice natives[] = { { "1", 1 }, { "2", 1 }, { "3", 1 } };
	struct ledger_correction one = { .binding = 4, .unit = 2, .native = natives[2], .field = "PLZ", .raw = { 0xab }, .value = "10115", .why = "typo" };
	struct corrections c = { "" };
	int64_t id, second, third;

	(void)state;
	assert_false(ledger_has_corrections(ledger, 4, 2));
	assert_ok(ledger_corrections_for(ledger, 4, 2, natives, 3, note_correction, &c, &err));
	assert_string_equal(c.text, "");
	assert_ok(ledger_correction_add(ledger, &one, &id, &err));
	assert_true(ledger_has_corrections(ledger, 4, 2));
	one.field = "NAME";
	one.value = NULL;
	one.raw[0] = 0xcd;
	assert_ok(ledger_correction_add(ledger, &one, &second, &err));
	one.native = natives[0];
	assert_ok(ledger_correction_add(ledger, &one, &third, &err));
	reopen();
	assert_true(ledger_has_corrections(ledger, 4, 2));
	assert_ok(ledger_corrections_for(ledger, 4, 2, natives, 3, note_correction, &c, &err));
	assert_string_equal(c.text, "0 NAME=null cd; 2 NAME=null cd; 2 PLZ=10115 ab; ");
	c.text[0] = '\0';
	assert_ok(ledger_corrections_for(ledger, 4, 3, natives, 3, note_correction, &c, &err));
	assert_ok(ledger_corrections_for(ledger, 5, 2, natives, 3, note_correction, &c, &err));
	assert_string_equal(c.text, "");
	/* A newer one takes the place of the older. */
	one.native = natives[2];
	one.value = "Meyer";
	assert_ok(ledger_correction_add(ledger, &one, NULL, &err));
	assert_ok(ledger_correction_applied(ledger, id, 3, &err));
	assert_ok(ledger_correction_end(ledger, third, "the source changed", &err));
	assert_int_equal(ledger_correction_end(ledger, third, "again", &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
	assert_ok(ledger_corrections(ledger, false, note_listed, &c, &err));
	assert_string_equal(c.text, "3 PLZ=10115 ab; 0 NAME=Meyer cd; ");
	c.text[0] = '\0';
	assert_ok(ledger_corrections(ledger, true, note_listed, &c, &err));
	assert_string_equal(c.text, "3 PLZ=10115 ab; 0 NAME=null cd; 0 NAME=null cd; 0 NAME=Meyer cd; ");
}

static int
note_lock(void *data, const struct ledger_lock *row)
{
	char *text = data;
	size_t used = strlen(text);

	snprintf(text + used, 256 - used, "%lld.%s; ", (long long)row->record, row->field != NULL ? row->field : "*");
	return 0;
}

static const char *
locks(int64_t record)
{
	static char text[256];

	text[0] = '\0';
	assert_ok(ledger_locks(ledger, record, note_lock, text, &err));
	return text;
}

static void
locks_end_by_the_clock_or_by_a_person(void **state)
{
	(void)state;
	assert_false(ledger_has_locks(ledger));
	assert_ok(ledger_lock_add(ledger, &(struct ledger_lock){ .record = 1, .field = "phone", .until_us = 5000000, .why = "in court" }, NULL, &err));
	assert_ok(ledger_lock_add(ledger, &(struct ledger_lock){ .record = 1 }, NULL, &err));
	assert_ok(ledger_lock_add(ledger, &(struct ledger_lock){ .record = 2, .field = "name" }, NULL, &err));
	assert_true(ledger_has_locks(ledger));
	reopen();
	assert_true(ledger_has_locks(ledger));
	assert_string_equal(locks(1), "1.phone; 1.*; ");
	assert_string_equal(locks(0), "1.phone; 1.*; 2.name; ");
	assert_string_equal(locks(3), "");
	help_clock_us = 4999999;
	assert_string_equal(locks(1), "1.phone; 1.*; ");
	help_clock_us = 5000000;
	assert_string_equal(locks(1), "1.*; ");
	/* Locked once more, for longer. */
	assert_ok(ledger_lock_add(ledger, &(struct ledger_lock){ .record = 1, .field = "phone", .until_us = 9000000 }, NULL, &err));
	assert_string_equal(locks(1), "1.*; 1.phone; ");
	assert_ok(ledger_lock_end(ledger, 1, NULL, "settled", &err));
	assert_string_equal(locks(1), "1.phone; ");
	assert_int_equal(ledger_lock_end(ledger, 1, NULL, "settled", &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
	assert_ok(ledger_lock_end(ledger, 1, "phone", "settled", &err));
	assert_true(ledger_has_locks(ledger));
	assert_ok(ledger_lock_end(ledger, 2, "name", "settled", &err));
	assert_false(ledger_has_locks(ledger));
}

static uint32_t
flip(uint64_t shown)
{
	uint32_t count = 99;

	assert_ok(ledger_flip(ledger, 3, 2, 1, shown, &count, &err));
	return count;
}

static void
flips_count_how_often_a_value_came_back(void **state)
{
	const uint64_t a = UINT64_MAX - 1, b = 2, c = 3;
	uint32_t count;

	(void)state;
	assert_int_equal(flip(a), 0);
	assert_int_equal(flip(a), 1);
	assert_int_equal(flip(a), 2);
	assert_int_equal(flip(b), 0);
	assert_int_equal(flip(a), 3);
	assert_int_equal(flip(b), 1);
	reopen();
	assert_int_equal(flip(a), 4);
	assert_int_equal(flip(c), 0); /* b is forgotten, being the older */
	assert_int_equal(flip(a), 5);
	assert_int_equal(flip(b), 0);
	assert_ok(ledger_flip(ledger, 3, 2, 2, a, &count, &err));
	assert_int_equal(count, 0);
	assert_ok(ledger_flip_end(ledger, 3, 2, 1, &err));
	assert_int_equal(flip(a), 0);
}

static int
note_edit(void *data, uint32_t unit, uint32_t object, const char *field, uint64_t count, int64_t last_us)
{
	char *text = data;
	size_t used = strlen(text);

	snprintf(text + used, 256 - used, "%u/%u %s %llu %lld; ", unit, object, field, (unsigned long long)count, (long long)last_us / 1000000);
	return 0;
}

static void
edits_are_counted_per_field_and_system(void **state)
{
	uint32_t flow = ledger_flow_id(ledger, &model->flows[0]);
	const struct config_entity *entity = model->flows[0].entity;
	uint32_t name = ledger_field_id(ledger, entity, config_field(entity, "name")), email = ledger_field_id(ledger, entity, config_field(entity, "email"));
	char text[256] = "";

	(void)state;
	assert_ok(ledger_edit_count(ledger, flow, 2, 3, name, 2, &err));
	help_clock_us = 3000000;
	assert_ok(ledger_edit_count(ledger, flow, 2, 3, name, 5, &err));
	assert_ok(ledger_edit_count(ledger, flow, 2, 3, email, 1, &err));
	assert_ok(ledger_edit_count(ledger, flow, 2, 3, 1000, 1, &err));
	assert_ok(ledger_edit_count(ledger, flow + 1, 2, 3, name, 1, &err));
	assert_ok(ledger_edits(ledger, flow, note_edit, text, &err));
	assert_string_equal(text, "2/3 name 7 3; 2/3 email 1 3; 2/3 field 1000 1 3; ");
}

/* All of it with failing memory: each call does all or says that it couldn't. */
static int
work_without_memory(void *arg)
{
	struct ledger_finding f = reject("7", "zip"), got;
	struct ledger_correction c = { .binding = 1, .unit = 2, .native = f.native, .field = "PLZ", .value = "1" };
	struct batch *row = arg, *back = NULL;
	struct error e = { 0 };
	struct arena memory;
	int64_t id;
	int status = -1;

	arena_init(&memory, 0);
	if (ledger_savepoint(ledger, &e) != 0)
		return -1;
	if (ledger_find(ledger, &f, &id, &e) == 0 && ledger_finding_row(ledger, id, row, &e) == 0 &&
	    ledger_finding_row_get(ledger, id, &back, &e) == 0 && ledger_finding_get(ledger, id, &memory, &got, &e) == 0 &&
	    ledger_correction_add(ledger, &c, NULL, &e) == 0 && ledger_finding_decide(ledger, id, "create", NULL, &e) == 0) {
		status = 0;
		assert_string_equal(got.detail, f.detail);
		assert_memory_equal(back->data, row->data, row->size);
	} else
		assert_int_equal(e.code, ERROR_MEMORY);
	batch_free(back);
	arena_free(&memory);
	ledger_rollback_savepoint(ledger);
	return status;
}

static void
without_memory_it_says_so(void **state)
{
	static const struct ledger_keys keys = { NULL, turn, turn, destroy };
	struct batch *row = make_row("abc", 3);
	struct error e;

	(void)state;
	destroyed = 0;
	ledger->options.keys = &keys;
	/* Statements stay prepared: that memory belongs to the ledger. */
	assert_int_equal(work_without_memory(row), 0);
	(void)e;
	oom_each(work_without_memory, row);
	batch_free(row);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin_test, end_test)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_finding_is_kept_whole),
		TEST(the_same_finding_raises_its_counter),
		TEST(numbers_are_unique_over_all_kinds),
		TEST(each_event_in_each_state),
		TEST(a_review_asks_about_its_candidates_until_it_ends),
		TEST(what_is_archived_is_put_away_for_this_row_and_question),
		TEST(ending_is_by_native_id_or_record_and_field),
		TEST(lists_are_filtered_paged_and_grouped),
		TEST(rows_come_back_as_they_were),
		TEST(details_and_rows_are_sealed),
		TEST(decisions_are_about_what_was_shown),
		TEST(decisions_wait_for_the_next_run),
		TEST(retries_are_taken_once_in_order),
		TEST(corrections_hold_for_one_native_id_and_value),
		TEST(locks_end_by_the_clock_or_by_a_person),
		TEST(flips_count_how_often_a_value_came_back),
		TEST(edits_are_counted_per_field_and_system),
		TEST(without_memory_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
