/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_links.c: links in all their states, twins, glances, and match keys. */
#include "ledger_records.h"

#include <stdio.h>

#include "ledger/staging.h"

#define WORDS 16

static struct ledger_link
get(uint32_t object, uint32_t unit, const char *native)
{
	struct syncline_slice slice = bed_slice(native);
	struct ledger_link link;
	struct error err;

	assert_ok(ledger_links_get(bed.ledger, bed.customer, object, unit, &slice, 1, &bed.arena, &link, &err));
	return link;
}

void
a_link_comes_back_as_it_was_put(void **state)
{
	int64_t record = bed_customer("K1", bed.berlin);
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "100|Grüße 'x'", record, 7), back;
	uint64_t sent[WORDS], seen[WORDS];
	uint32_t words = ledger_field_limit(bed.ledger, bed.customer);
	struct error err;

	(void)state;
	assert_true(words <= WORDS);
	for (uint32_t i = 0; i < WORDS; i++) {
		sent[i] = UINT64_MAX - i * 0x0102030405060708u;
		seen[i] = i;
	}
	link.id = bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "100|Grüße 'x'");
	assert_true(back.id == link.id && back.record == record && back.object == bed.kunden && back.unit == bed.berlin);
	assert_null(back.sent);
	assert_null(back.seen);
	assert_int_equal(back.version.length, 0);
	assert_memory_equal(back.raw, link.raw, 16);
	link.sent = sent;
	link.seen = seen;
	link.version = bed_slice("W/\"3f\"");
	link.flags = LEDGER_LINK_HELD | LEDGER_LINK_UNSEEN;
	link.effective = 9;
	link.confirmed = 12;
	link.confirmed_us = 34;
	memset(link.raw, 0, sizeof link.raw);
	bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "100|Grüße 'x'");
	assert_int_equal(back.native.length, link.native.length);
	assert_memory_equal(back.native.data, link.native.data, link.native.length);
	assert_memory_equal(back.sent, sent, words * 8);
	assert_memory_equal(back.seen, seen, words * 8);
	assert_int_equal(back.version.length, 6);
	assert_memory_equal(back.version.data, "W/\"3f\"", 6);
	assert_memory_equal(back.raw, link.raw, 16);
	assert_true(back.flags == link.flags && back.effective == 9 && back.confirmed == 12 && back.confirmed_us == 34 &&
	            back.there == link.there);
	assert_int_equal(help_number(bed.ledger, "SELECT raw IS NULL FROM link"), 1);
	/* Only what no index holds. */
	link.sent = NULL;
	link.confirmed = 13;
	bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "100|Grüße 'x'");
	assert_null(back.sent);
	assert_non_null(back.seen);
	assert_int_equal(back.confirmed, 13);
	assert_true(get(bed.kunden, bed.munich, "100|Grüße 'x'").id == 0);
	assert_true(get(bed.accounts, bed.berlin, "100|Grüße 'x'").id == 0);
	assert_true(get(bed.kunden, bed.berlin, "100|grüße 'x'").id == 0);
	/* A change of nothing, and of what is not there. */
	link.id = 4711;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_int_equal(ledger_links_put(bed.ledger, bed.customer, &link, 1, &err), -1);
	link.id = 0;
	link.native.length = 0;
	assert_int_equal(ledger_links_put(bed.ledger, bed.customer, &link, 1, &err), -1);
	ledger_rollback(bed.ledger);
	assert_string_equal(bed_faults(), "");
}

void
states_are_told_and_live_ones_come_first(void **state)
{
	int64_t record = bed_customer("K1", bed.berlin), other = bed_customer("K2", bed.berlin);
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "1", record, 1), again;
	struct ledger_glance glance;
	struct syncline_slice native = bed_slice("1");
	struct error err;

	(void)state;
	link.id = bed_put_link(link);
	for (uint8_t s = LEDGER_LINK_TOMBSTONE; s <= LEDGER_LINK_MISSING; s++) {
		link.state = s;
		bed_put_link(link);
		assert_int_equal(get(bed.kunden, bed.berlin, "1").state, s);
		assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &native, (const uint8_t(*)[16])link.raw, 1, 1, &glance, &err));
		assert_true(glance.link == link.id && glance.what == LEDGER_CHANGED);
	}
	/* The id is used again for another record: the live link is what counts from now on, the old one stays. */
	again = bed_link(bed.kunden, bed.berlin, "1", other, 2);
	again.id = bed_put_link(again);
	assert_true(get(bed.kunden, bed.berlin, "1").id == again.id);
	assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &native, (const uint8_t(*)[16])again.raw, 1, 1, &glance, &err));
	assert_true(glance.link == again.id && glance.what == LEDGER_UNCHANGED);
	/* Neither is live: the newest. */
	again.state = LEDGER_LINK_UNLINKED;
	bed_put_link(again);
	assert_true(get(bed.kunden, bed.berlin, "1").id == again.id);
	assert_string_equal(bed_faults(), "");
}

static void
refuse(struct ledger_link link, const char *said)
{
	struct error err = { 0 };

	assert_ok(ledger_begin(bed.ledger, &err));
	assert_int_equal(ledger_links_put(bed.ledger, bed.customer, &link, 1, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_TWIN);
	assert_non_null(strstr(err.message, said));
	ledger_rollback(bed.ledger);
}

void
twins_are_refused(void **state)
{
	int64_t one = bed_customer("K1", bed.berlin), two = bed_customer("K2", bed.berlin);
	struct ledger_link a = bed_link(bed.kunden, bed.berlin, "1", one, 1), b = bed_link(bed.kunden, bed.berlin, "2", two, 1), third;

	(void)state;
	a.id = bed_put_link(a);
	b.id = bed_put_link(b);
	/* A native id for two records; a record with two native ids; both by changing what is there. */
	refuse(bed_link(bed.kunden, bed.berlin, "1", two, 3), "1 at erp.kunden");
	refuse(bed_link(bed.kunden, bed.berlin, "3", one, 3), "3 at erp.kunden");
	third = b;
	third.native = bed_slice("1");
	refuse(third, "1 at erp.kunden");
	third = b;
	third.record = one;
	refuse(third, "2 at erp.kunden");
	/* Elsewhere it is no twin. */
	bed_put_link(bed_link(bed.accounts, bed.berlin, "1", one, 1));
	bed_put_link(bed_link(bed.kunden, bed.munich, "1", one, 1));
	/* Nor when one of them is not live; but it can't come back to life beside the other. */
	a.state = LEDGER_LINK_TOMBSTONE;
	bed_put_link(a);
	third = bed_link(bed.kunden, bed.berlin, "1", one, 3);
	third.id = bed_put_link(third);
	a.state = LEDGER_LINK_LIVE;
	refuse(a, "1 at erp.kunden");
	third.state = LEDGER_LINK_UNLINKED;
	bed_put_link(third);
	bed_put_link(a);
	assert_string_equal(bed_faults(), "");
}

/* The plan of the statement that was used for a text. */
static const char *
plan_of(const char *part)
{
	static char plan[512], sql[1024];
	sqlite3_stmt *statement = NULL, *explain = NULL;

	while ((statement = sqlite3_next_stmt(bed.ledger->db, statement)) != NULL)
		if (strstr(sqlite3_sql(statement), part) != NULL)
			break;
	assert_non_null(statement);
	snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", sqlite3_sql(statement));
	assert_int_equal(sqlite3_prepare_v2(bed.ledger->db, sql, -1, &explain, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(explain), SQLITE_ROW);
	snprintf(plan, sizeof plan, "%s", (const char *)sqlite3_column_text(explain, 3));
	sqlite3_finalize(explain);
	return plan;
}

/* Records that stand close together, some with links elsewhere, in other units or ended, some missing, against each alone. */
void
a_walk_finds_the_links_that_single_looks_find(void **state)
{
	enum { RECORDS = 40 };
	int64_t records[RECORDS], asked[RECORDS];
	struct ledger_link *walked, *alone;
	uint32_t first[RECORDS + 1], one[2], count = 0, links = 0;
	struct error err;

	(void)state;
	for (int i = 0; i < RECORDS; i++) {
		char name[16];

		snprintf(name, sizeof name, "N%02d", i);
		records[i] = bed_customer(name, bed.berlin);
		if (i % 3 != 0)
			bed_put_link(bed_link(bed.kunden, bed.berlin, name, records[i], 1));
		if (i % 4 != 1)
			bed_put_link(bed_link(bed.accounts, bed.berlin, name, records[i], 1));
		if (i % 5 == 2) {
			struct ledger_link ended = bed_link(bed.accounts, bed.munich, name, records[i], 1);

			ended.state = LEDGER_LINK_TOMBSTONE;
			bed_put_link(ended);
		}
	}
	for (int i = 0; i < RECORDS; i++)
		if (i % 7 != 3)
			asked[count++] = records[i];
	assert_true(count >= 16 && asked[count - 1] - asked[0] < 2 * (int64_t)count);
	assert_ok(ledger_links_of_at(bed.ledger, bed.customer, bed.accounts, asked, count, &bed.arena, &walked, first, &err));
	assert_non_null(strstr(plan_of("record >= ?1 AND record <= ?2 AND object = ?3"), "link_record"));
	assert_int_equal(first[0], 0);
	for (uint32_t i = 0; i < count; i++) {
		assert_ok(ledger_links_of_at(bed.ledger, bed.customer, bed.accounts, &asked[i], 1, &bed.arena, &alone, one, &err));
		assert_int_equal(first[i + 1] - first[i], one[1]);
		for (uint32_t k = 0; k < one[1]; k++, links++) {
			assert_true(walked[first[i] + k].id == alone[k].id && walked[first[i] + k].record == asked[i]);
			assert_true(walked[first[i] + k].state == alone[k].state && walked[first[i] + k].unit == alone[k].unit);
		}
	}
	assert_int_equal(first[count], links);
	assert_true(links > count / 2);
}

/* A list in the order of the index is asked for in one walk: nothing gets by it that is refused alone. */
void
a_list_with_a_twin_is_refused_as_a_whole(void **state)
{
	enum { LINKS = 20 };
	struct ledger_link links[LINKS], there;
	char names[LINKS][16];
	struct error err;

	(void)state;
	for (int i = 0; i < LINKS; i++) {
		snprintf(names[i], sizeof names[i], "L%02d", 2 * i);
		links[i] = bed_link(bed.accounts, bed.berlin, names[i], bed_customer(names[i], bed.berlin), 1);
	}
	/* Between them, beside them, and ended: no twins. */
	there = bed_link(bed.accounts, bed.berlin, "L07", bed_customer("A", bed.berlin), 1);
	bed_put_link(there);
	bed_put_link(bed_link(bed.accounts, bed.munich, names[3], bed_customer("B", bed.munich), 1));
	there = bed_link(bed.accounts, bed.berlin, names[5], bed_customer("C", bed.berlin), 1);
	there.state = LEDGER_LINK_UNLINKED;
	bed_put_link(there);
	/* One: refused, wherever it stands. */
	for (int i = 0; i < LINKS; i += 19) {
		there = bed_link(bed.accounts, bed.berlin, names[i], bed_customer("D", bed.berlin), 1);
		there.id = bed_put_link(there);
		assert_ok(ledger_begin(bed.ledger, &err));
		assert_int_equal(ledger_links_put(bed.ledger, bed.customer, links, LINKS, &err), -1);
		assert_int_equal(err.code, ERROR_LEDGER_TWIN);
		assert_non_null(strstr(err.message, names[i]));
		ledger_rollback(bed.ledger);
		for (int k = 0; k < LINKS; k++)
			links[k].id = 0;
		there.state = LEDGER_LINK_UNLINKED;
		bed_put_link(there);
	}
	/* The same one twice in a list. */
	links[8].native = links[7].native;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_int_equal(ledger_links_put(bed.ledger, bed.customer, links, LINKS, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_TWIN);
	ledger_rollback(bed.ledger);
	for (int k = 0; k < LINKS; k++)
		links[k].id = 0;
	links[8].native = bed_slice(names[8]);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_links_put(bed.ledger, bed.customer, links, LINKS, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_true(get(bed.accounts, bed.berlin, names[19]).id == links[19].id);
	assert_string_equal(bed_faults(), "");
}

/* Many rows in the order of the index, with others between them, repeats, twins and strangers, against each looked at alone. */
void
a_walk_says_what_single_glances_say(void **state)
{
	enum { LINKS = 600, ASKED = 60 };
	static char names[LINKS * 2][12];
	struct syncline_slice natives[ASKED];
	struct ledger_glance walked[ASKED], alone;
	uint8_t raws[ASKED][16];
	struct error err;
	int found = 0;

	(void)state;
	for (int i = 0; i < LINKS * 2; i++)
		snprintf(names[i], sizeof names[i], "%s%05d", i % 7 == 0 ? "k" : "K", i);
	for (int i = 0; i < LINKS; i++) {
		struct ledger_link link = bed_link(bed.kunden, bed.berlin, names[i * 2], bed_customer(names[i * 2], bed.berlin), (unsigned char)(i % 250));

		link.state = i % 11 == 0 ? LEDGER_LINK_TOMBSTONE : LEDGER_LINK_LIVE;
		bed_put_link(link);
		if (i % 22 == 0)
			bed_put_link(bed_link(bed.kunden, bed.berlin, names[i * 2], bed_customer("twin", bed.berlin), (unsigned char)(i % 250)));
	}
	/* From all of a stretch to one in twenty, where a walk gives up. */
	for (int stride = 1; stride <= 20; stride++) {
		uint32_t count = 0;

		for (int i = stride; count < ASKED && i < LINKS * 2; i += stride) {
			if (i % 7 == 0)
				continue;
			for (int times = 0; times < (i % 5 == 0 ? 2 : 1) && count < ASKED; times++) {
				natives[count] = bed_slice(names[i]);
				memset(raws[count++], i / 2 % 250, 16);
			}
		}
		assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, natives, (const uint8_t(*)[16])raws, count, 1, walked, &err));
		for (uint32_t i = 0; i < count; i++) {
			assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &natives[i], (const uint8_t(*)[16])raws[i], 1, 1, &alone, &err));
			assert_int_equal(walked[i].what, alone.what);
			assert_true(walked[i].link == alone.link);
			found += alone.what == LEDGER_UNCHANGED;
		}
	}
	assert_true(found > 200);
}

void
a_glance_tells_what_is_unchanged(void **state)
{
	static const char *const names[] = { "1", "2", "3", "4", "5", "nobody" };
	struct syncline_slice natives[6];
	struct ledger_glance glances[6];
	struct ledger_link links[5];
	uint8_t raws[6][16];
	struct error err;

	(void)state;
	for (int i = 0; i < 6; i++) {
		natives[i] = bed_slice(names[i]);
		memset(raws[i], i + 1, 16);
	}
	for (int i = 0; i < 5; i++) {
		links[i] = bed_link(bed.kunden, bed.berlin, names[i], bed_customer(names[i], bed.berlin), (unsigned char)(i + 1));
		if (i == 1)
			links[i].flags = LEDGER_LINK_HELD;
		if (i == 2)
			links[i].effective = 2;
		if (i == 3)
			links[i].raw[15] ^= 1;
		links[i].id = bed_put_link(links[i]);
	}
	assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, natives, (const uint8_t(*)[16])raws, 6, 1, glances, &err));
	for (int i = 0; i < 6; i++) {
		assert_int_equal(glances[i].what, i == 5 ? LEDGER_UNKNOWN : i == 0 || i == 4 ? LEDGER_UNCHANGED : LEDGER_CHANGED);
		assert_true(glances[i].link == (i == 5 ? 0 : links[i].id));
	}
	/* The table itself isn't touched. */
	assert_non_null(strstr(plan_of("SELECT id, state, flags, effective, raw"), "COVERING INDEX link_native"));
}

void
links_of_records_and_at_objects(void **state)
{
	int64_t records[4], wanted[4];
	struct ledger_link *links, link;
	uint32_t first[5], n;
	struct ledger_link page[3];
	struct error err;

	(void)state;
	for (int i = 0; i < 4; i++)
		records[i] = bed_customer("x", bed.berlin);
	for (int i = 0; i < 3; i++) {
		char native[8];

		snprintf(native, sizeof native, "%d", i);
		bed_put_link(bed_link(bed.kunden, bed.berlin, native, records[i], 1));
		if (i > 0)
			bed_put_link(bed_link(bed.accounts, bed.berlin, native, records[i], 1));
	}
	for (int i = 0; i < 4; i++)
		wanted[i] = records[3 - i];
	assert_ok(ledger_links_of(bed.ledger, bed.customer, wanted, 4, &bed.arena, &links, first, &err));
	assert_int_equal(first[0], 0);
	assert_int_equal(first[1], 0);
	assert_int_equal(first[2], 2);
	assert_int_equal(first[3], 4);
	assert_int_equal(first[4], 5);
	assert_true(links[0].record == records[2] && links[4].record == records[0]);
	assert_ok(ledger_links_of_at(bed.ledger, bed.customer, bed.accounts, wanted, 4, &bed.arena, &links, first, &err));
	assert_true(first[1] == 0 && first[2] == 1 && first[3] == 2 && first[4] == 2);
	assert_true(links[0].record == records[2] && links[0].object == bed.accounts && links[1].record == records[1]);
	assert_ok(ledger_link_at(bed.ledger, bed.customer, records[1], bed.accounts, &bed.arena, &link, &err));
	assert_true(link.record == records[1] && link.object == bed.accounts);
	link.state = LEDGER_LINK_TOMBSTONE;
	bed_put_link(link);
	assert_ok(ledger_link_at(bed.ledger, bed.customer, records[1], bed.accounts, &bed.arena, &link, &err));
	assert_true(link.id == 0);
	assert_ok(ledger_links_scan(bed.ledger, bed.customer, bed.kunden, bed.berlin, 0, &bed.arena, page, 2, &n, &err));
	assert_int_equal(n, 2);
	assert_ok(ledger_links_scan(bed.ledger, bed.customer, bed.kunden, bed.berlin, page[1].id, &bed.arena, page, 2, &n, &err));
	assert_int_equal(n, 1);
	assert_true(page[0].record == records[2]);
	assert_ok(ledger_links_scan(bed.ledger, bed.customer, bed.accounts, 0, 0, &bed.arena, page, 3, &n, &err));
	assert_int_equal(n, 2);
}

static uint64_t
count(uint32_t object, uint32_t unit)
{
	struct error err;
	uint64_t n;

	assert_ok(ledger_links_count(bed.ledger, object, unit, &n, &err));
	return n;
}

void
live_links_are_counted(void **state)
{
	struct ledger_link links[6];
	struct error err;

	(void)state;
	for (int i = 0; i < 6; i++)
		links[i] = bed_link(i % 2 == 0 ? bed.kunden : bed.accounts, i < 4 ? bed.berlin : bed.munich, i < 2 ? "1" : i < 4 ? "2" : "3",
		                    bed_customer("x", bed.berlin), 1);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_links_put(bed.ledger, bed.customer, links, 6, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_int_equal(count(bed.kunden, bed.berlin), 2);
	assert_int_equal(count(bed.kunden, 0), 3);
	links[0].state = LEDGER_LINK_MISSING;
	links[2].unit = bed.munich;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_links_put(bed.ledger, bed.customer, links, 6, &err));
	assert_int_equal(count(bed.kunden, bed.berlin), 0);
	assert_int_equal(count(bed.kunden, bed.munich), 2);
	ledger_rollback(bed.ledger);
	assert_int_equal(count(bed.kunden, bed.berlin), 2);
	assert_string_equal(bed_faults(), "");
}

static uint8_t
look_at(const char *native, const uint8_t raw[16])
{
	struct syncline_slice slice = bed_slice(native);
	struct ledger_glance glance;
	struct error err;

	assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &slice, (const uint8_t (*)[16])raw, 1, 1, &glance, &err));
	return glance.what;
}

void
what_was_read_of_a_link_is_believed_as_far_as_it_stands(void **state)
{
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "1", bed_customer("x", bed.berlin), 7), was, back;

	(void)state;
	link.id = bed_put_link(link);
	link.was = &was;
	/* As it stands: beside the index, and in it. */
	was = get(bed.kunden, bed.berlin, "1");
	link.confirmed = 12;
	link.version = bed_slice("v2");
	bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.confirmed == 12 && back.version.length == 2);
	assert_int_equal(look_at("1", link.raw), LEDGER_UNCHANGED);
	link.raw[3] = 99;
	bed_put_link(link);
	assert_int_equal(look_at("1", link.raw), LEDGER_UNCHANGED);
	/* What is said to be the same there is another one: flags, hash, and all of it. */
	was = get(bed.kunden, bed.berlin, "1");
	was.flags = link.flags = LEDGER_LINK_HELD;
	bed_put_link(link);
	assert_int_equal(get(bed.kunden, bed.berlin, "1").flags, LEDGER_LINK_HELD);
	assert_int_equal(look_at("1", link.raw), LEDGER_CHANGED);
	link.flags = 0;
	was.flags = 0;
	was.raw[0] = link.raw[0] = 50;
	bed_put_link(link);
	assert_int_equal(look_at("1", link.raw), LEDGER_UNCHANGED);
	link.native = was.native = bed_slice("2");
	bed_put_link(link);
	assert_int_equal(get(bed.kunden, bed.berlin, "1").id, 0);
	assert_int_equal(get(bed.kunden, bed.berlin, "2").id, link.id);
	/* It ended meanwhile, and lives again. */
	link.was = NULL;
	link.state = LEDGER_LINK_TOMBSTONE;
	bed_put_link(link);
	assert_int_equal(count(bed.kunden, bed.berlin), 0);
	link.was = &was;
	link.state = was.state = LEDGER_LINK_LIVE;
	bed_put_link(link);
	assert_int_equal(count(bed.kunden, bed.berlin), 1);
	assert_int_equal(look_at("2", link.raw), LEDGER_UNCHANGED);
	assert_string_equal(bed_faults(), "");
}

void
links_are_found_by_native_id_alone(void **state)
{
	struct ledger_link first = bed_link(bed.kunden, bed.berlin, "1", bed_customer("x", bed.berlin), 7), second = first, found[3];
	struct syncline_slice natives[2] = { bed_slice("1"), bed_slice("nobody") };
	int64_t links[2], records[2], ids[3];
	struct error err;

	(void)state;
	first.id = bed_put_link(first);
	first.state = LEDGER_LINK_TOMBSTONE;
	bed_put_link(first);
	assert_ok(ledger_links_find(bed.ledger, bed.kunden, bed.berlin, natives, 2, links, records, &err));
	assert_true(links[0] == first.id && records[0] == first.record && links[1] == 0 && records[1] == 0);
	second.record = bed_customer("y", bed.berlin);
	second.id = bed_put_link(second);
	assert_ok(ledger_links_find(bed.ledger, bed.kunden, bed.berlin, natives, 2, links, records, &err));
	assert_true(links[0] == second.id && records[0] == second.record);
	ids[0] = second.id;
	ids[1] = INT64_C(1) << 40;
	ids[2] = first.id;
	assert_ok(ledger_links_by_id(bed.ledger, bed.customer, ids, 3, &bed.arena, found, &err));
	assert_true(found[0].record == second.record && found[0].state == LEDGER_LINK_LIVE && found[1].id == 0);
	assert_true(found[2].record == first.record && found[2].state == LEDGER_LINK_TOMBSTONE);
}

void
understood_links_take_the_new_hash(void **state)
{
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "1", bed_customer("x", bed.berlin), 1);
	uint8_t raws[1][16] = { { 42 } };
	struct syncline_slice version = bed_slice("v2");
	struct error err;

	(void)state;
	link.flags = LEDGER_LINK_UNSEEN;
	link.id = bed_put_link(link);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_links_understood(bed.ledger, &link.id, (const uint8_t(*)[16])raws, &version, 1, 5, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	link = get(bed.kunden, bed.berlin, "1");
	assert_int_equal(link.raw[0], 42);
	assert_int_equal(link.effective, 5);
	assert_int_equal(link.flags, LEDGER_LINK_UNSEEN);
	assert_memory_equal(link.version.data, "v2", 2);
}

/* Vectors of its own have a row beside the link's, which alone is written where nothing else of the link differs. */
void
vectors_stand_beside_their_link(void **state)
{
	uint64_t words[WORDS] = { 1, 2, 3 }, others[WORDS] = { 4, 5, 6 };
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "1", bed_customer("x", bed.berlin), 1), was, back;
	struct error err;

	(void)state;
	link.id = bed_put_link(link);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_vector"), 0);
	/* Whoever would write the link's own row fails from here on. */
	assert_ok(ledger_execute(bed.ledger, "CREATE TRIGGER no_link BEFORE UPDATE ON link BEGIN SELECT raise(ABORT, 'the link'); END", &err));
	was = get(bed.kunden, bed.berlin, "1");
	link = was;
	link.was = &was;
	link.sent = words;
	bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.sent != NULL && back.sent[0] == 1 && back.sent[2] == 3 && back.seen == NULL);
	was = back;
	link.seen = others;
	bed_put_link(link);
	was = back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.sent[0] == 1 && back.seen[0] == 4);
	link.sent = link.seen = NULL;
	bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.sent == NULL && back.seen == NULL);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_vector"), 0);
	assert_ok(ledger_execute(bed.ledger, "DROP TRIGGER no_link", &err));
	/* What was read is not what stands there: both are written. */
	was = link = back;
	was.confirmed_us = link.confirmed_us = back.confirmed_us + 1;
	link.was = &was;
	link.sent = words;
	bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.confirmed_us == link.confirmed_us && back.sent[1] == 2);
	/* And they go, whatever its writer knew. */
	link.was = NULL;
	link.sent = NULL;
	bed_put_link(link);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_vector"), 0);
	assert_string_equal(bed_faults(), "");
	assert_ok(ledger_execute(bed.ledger, "INSERT INTO link_vector VALUES (77, NULL, NULL)", &err));
	assert_non_null(strstr(bed_faults(), "vectors of link 77"));
}

/* What we wrote stands beside the link until it is written for another reason; whoever looks sees both as one. */
void
what_was_written_stands_beside_its_link(void **state)
{
	uint64_t words[WORDS] = { 1, 2, 3 };
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "1", bed_customer("x", bed.berlin), 1), was, back;
	struct syncline_slice version = bed_slice("v3");
	struct error err;

	(void)state;
	link.version = bed_slice("v1");
	link.id = bed_put_link(link);
	assert_int_equal(look_at("1", link.raw), LEDGER_UNCHANGED);
	assert_ok(ledger_execute(bed.ledger, "CREATE TRIGGER no_link BEFORE UPDATE ON link BEGIN SELECT raise(ABORT, 'the link'); END", &err));
	for (int i = 1; i < 3; i++) {
		was = link = get(bed.kunden, bed.berlin, "1");
		link.was = &was;
		link.flags |= LEDGER_LINK_UNSEEN;
		link.version = bed_slice("v2");
		link.confirmed = was.confirmed + 5;
		link.confirmed_us = 70 + i;
		link.sent = i == 1 ? words : NULL;
		bed_put_link(link);
		back = get(bed.kunden, bed.berlin, "1");
		assert_true(back.flags == LEDGER_LINK_UNSEEN && back.confirmed == link.confirmed && back.confirmed_us == 70 + i);
		assert_true(back.version.length == 2 && memcmp(back.version.data, "v2", 2) == 0 && (back.sent != NULL) == (i == 1));
		/* The index has the old flags, and the row is to be looked at all the same. */
		assert_int_equal(look_at("1", link.raw), LEDGER_CHANGED);
	}
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_view WHERE flags = 2 AND version = 'v2' AND confirmed_at IS NOT NULL"), 1);
	/* Its vectors alone, meanwhile. */
	was = link = back;
	link.was = &was;
	link.seen = words;
	bed_put_link(link);
	back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.seen != NULL && back.flags == LEDGER_LINK_UNSEEN && back.confirmed == link.confirmed);
	assert_ok(ledger_execute(bed.ledger, "DROP TRIGGER no_link", &err));
	assert_string_equal(bed_faults(), "");
	/* Understood: its version is another one. */
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_links_understood(bed.ledger, &link.id, (const uint8_t (*)[16])&link.raw, &version, 1, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.version.length == 2 && memcmp(back.version.data, "v3", 2) == 0);
	/* Seen again: all of it is the row's. */
	was = link = back;
	link.was = &was;
	link.flags = 0;
	link.raw[0]++;
	bed_put_link(link);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_written"), 0);
	back = get(bed.kunden, bed.berlin, "1");
	assert_true(back.flags == 0 && back.confirmed == link.confirmed && back.confirmed_us == 72 && back.raw[0] == link.raw[0]);
	assert_int_equal(look_at("1", link.raw), LEDGER_UNCHANGED);
	/* Written again, then ended by somebody who knows nothing of it. */
	was = link = back;
	link.was = &was;
	link.flags = LEDGER_LINK_UNSEEN;
	link.confirmed++;
	bed_put_link(link);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_written"), 1);
	link.was = NULL;
	link.state = LEDGER_LINK_TOMBSTONE;
	bed_put_link(link);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_written"), 0);
	assert_string_equal(bed_faults(), "");
	assert_ok(ledger_execute(bed.ledger, "INSERT INTO link_written SELECT id, NULL, 1, 1 FROM link", &err));
	assert_non_null(strstr(bed_faults(), "which is not live"));
}

/* A field that came later is not known to links that were there before. */
void
old_vectors_are_shorter(void **state)
{
	uint64_t words[WORDS] = { 1, 2, 3 };
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "1", bed_customer("x", bed.berlin), 1);
	struct error err;

	(void)state;
	link.sent = words;
	bed_put_link(link);
	assert_ok(ledger_execute(bed.ledger, "UPDATE link_vector SET sent = substr(sent, 1, 16)", &err));
	link = get(bed.kunden, bed.berlin, "1");
	assert_true(link.sent[0] == 1 && link.sent[1] == 2 && link.sent[2] == 0 &&
	            link.sent[ledger_field_limit(bed.ledger, bed.customer) - 1] == 0);
}

void
match_keys_find_their_records(void **state)
{
	int64_t records[6], found[LEDGER_MATCHES_MAX];
	struct ledger_match keys[3] = { { .rule = 0, .hash = "same" }, { .rule = 1, .hash = "same" }, { .rule = 0, .hash = "other" } };
	struct error err;
	uint32_t n;

	(void)state;
	for (int i = 0; i < 6; i++) {
		records[i] = bed_customer("x", bed.berlin);
		assert_ok(ledger_begin(bed.ledger, &err));
		assert_ok(ledger_match_set(bed.ledger, bed.customer, bed.berlin, records[i], keys, 2, &err));
		assert_ok(ledger_commit(bed.ledger, &err));
		assert_ok(ledger_match_find(bed.ledger, bed.customer, bed.berlin, 0, keys[0].hash, found, &n, &err));
		assert_int_equal(n, i < 4 ? i + 1 : 4);
		for (uint32_t k = 0; k < n; k++)
			assert_true(found[k] == records[k]);
	}
	assert_ok(ledger_match_find(bed.ledger, bed.customer, bed.munich, 0, keys[0].hash, found, &n, &err));
	assert_int_equal(n, 0);
	assert_ok(ledger_match_find(bed.ledger, bed.order, bed.berlin, 0, keys[0].hash, found, &n, &err));
	assert_int_equal(n, 0);
	/* Another key, the same, none; twice the same of one rule counts once. */
	assert_ok(ledger_begin(bed.ledger, &err));
	for (int i = 1; i < 6; i++)
		assert_ok(ledger_match_set(bed.ledger, bed.customer, bed.berlin, records[i], &keys[2], i == 1 ? 1 : 0, &err));
	keys[1] = keys[0];
	assert_ok(ledger_match_set(bed.ledger, bed.customer, bed.berlin, records[0], keys, 2, &err));
	assert_ok(ledger_match_set(bed.ledger, bed.customer, bed.berlin, records[0], keys, 2, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_ok(ledger_match_find(bed.ledger, bed.customer, bed.berlin, 0, keys[0].hash, found, &n, &err));
	assert_int_equal(n, 1);
	assert_true(found[0] == records[0]);
	assert_ok(ledger_match_find(bed.ledger, bed.customer, bed.berlin, 0, keys[2].hash, found, &n, &err));
	assert_int_equal(n, 1);
	assert_true(found[0] == records[1]);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM match_key WHERE record = id >> 8"), 3);
	assert_string_equal(bed_faults(), "");
}

/* A whole table is never read in silence because an index is away. */
void
put_away_indexes_are_an_error_and_no_slow_answer(void **state)
{
	struct ledger_link link = bed_link(bed.kunden, bed.berlin, "1", bed_customer("x", bed.berlin), 1), *links;
	struct ledger_glance glance;
	uint32_t first[2], n;
	int64_t found[LEDGER_MATCHES_MAX];
	struct error err = { 0 };

	(void)state;
	bed_put_link(link);
	assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &link.native, (const uint8_t(*)[16])link.raw, 1, 1, &glance, &err));
	assert_ok(ledger_execute(bed.ledger, "DROP INDEX link_native; DROP INDEX link_record; DROP INDEX match_key_hash;", &err));
	assert_int_equal(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &link.native, (const uint8_t(*)[16])link.raw, 1, 1, &glance, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_LOADING);
	err.code = ERROR_NONE;
	assert_int_equal(ledger_links_of(bed.ledger, bed.customer, &link.record, 1, &bed.arena, &links, first, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_LOADING);
	err.code = ERROR_NONE;
	assert_int_equal(ledger_match_find(bed.ledger, bed.customer, bed.berlin, 0, link.raw, found, &n, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_LOADING);
	err.code = ERROR_NONE;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_int_equal(ledger_links_put(bed.ledger, bed.customer, &link, 1, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_LOADING);
	ledger_rollback(bed.ledger);
	assert_ok(ledger_execute(bed.ledger, ledger_schema_indexes, &err));
	assert_ok(ledger_links_glance(bed.ledger, bed.kunden, bed.berlin, &link.native, (const uint8_t(*)[16])link.raw, 1, 1, &glance, &err));
	assert_int_equal(glance.what, LEDGER_UNCHANGED);
}

/* What a complete full read did not show; only what was there before it began and was not written since. */
void
links_that_a_full_read_did_not_show(void **state)
{
	struct ledger_link links[8], page[8], was;
	struct ledger_read read;
	char natives[6][8];
	int64_t seen[3], staged;
	struct error err;
	uint32_t n;
	uint64_t total;

	(void)state;
	for (int i = 0; i < 6; i++) {
		snprintf(natives[i], sizeof natives[i], "%d", 9 - i);
		links[i] = bed_link(i == 5 ? bed.accounts : bed.kunden, bed.berlin, natives[i], bed_customer("x", bed.berlin), 1);
		links[i].id = bed_put_link(links[i]);
	}
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_read_begin(bed.ledger, bed.kunden, 0, true, &read, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	/* Came to be, and written, while it was reading. */
	links[6] = bed_link(bed.kunden, bed.berlin, "new", bed_customer("x", bed.berlin), 1);
	assert_ok(ledger_begin(bed.ledger, &err));
	links[6].there = ledger_sequence(bed.ledger);
	assert_ok(ledger_links_put(bed.ledger, bed.customer, &links[6], 1, &err));
	was = links[3] = get(bed.kunden, bed.berlin, natives[3]);
	links[3].was = &was;
	links[3].flags = LEDGER_LINK_UNSEEN;
	links[3].confirmed = ledger_sequence(bed.ledger);
	assert_ok(ledger_links_put(bed.ledger, bed.customer, &links[3], 1, &err));
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM link_written"), 1);
	seen[0] = links[2].id;
	seen[1] = links[0].id;
	seen[2] = links[2].id;
	assert_ok(ledger_stage(bed.ledger, &read, NULL, seen, 3, 3, NULL, &staged, &err));
	assert_ok(ledger_read_end(bed.ledger, &read, NULL, 0, false, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_ok(ledger_links_missing(bed.ledger, bed.customer, read.id, bed.kunden, bed.berlin, 0, &bed.arena, page, 8, &n, &total, &err));
	assert_int_equal(n, 2);
	assert_int_equal(total, 2);
	assert_true(page[0].id == links[1].id && page[1].id == links[4].id);
	assert_memory_equal(page[0].native.data, "8", 1);
	/* Page by page; and what was decided meanwhile is not told again. */
	assert_ok(ledger_links_missing(bed.ledger, bed.customer, read.id, bed.kunden, bed.berlin, 0, &bed.arena, page, 1, &n, &total, &err));
	assert_true(n == 1 && total == 2 && page[0].id == links[1].id);
	links[4].state = LEDGER_LINK_MISSING;
	bed_put_link(links[4]);
	assert_ok(ledger_links_missing(bed.ledger, bed.customer, read.id, bed.kunden, bed.berlin, page[0].id, &bed.arena, page, 8, &n, NULL, &err));
	assert_int_equal(n, 0);
	assert_ok(ledger_links_missing(bed.ledger, bed.customer, read.id, bed.kunden, bed.munich, 0, &bed.arena, page, 8, &n, &total, &err));
	assert_true(n == 0 && total == 0);
	assert_int_equal(ledger_links_missing(bed.ledger, bed.customer, 4711, bed.kunden, bed.berlin, 0, &bed.arena, page, 8, &n, &total, &err), -1);
	assert_int_equal(err.code, ERROR_LEDGER_NOT_FOUND);
}

/* Rows of an earlier read are applied while this one goes on: what it does not show is gone all the same. */
void
links_made_while_a_full_read_goes_on(void **state)
{
	static const char *const natives[] = { "gone", "shown as a row", "written to", "shown as a link", "new" };
	struct ledger_link links[5], page[8];
	struct ledger_read early, read;
	struct error err;
	uint64_t total, earlier;
	int64_t staged;
	uint32_t n;

	(void)state;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_read_begin(bed.ledger, bed.kunden, 0, true, &early, &err));
	assert_ok(ledger_read_end(bed.ledger, &early, NULL, 0, false, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_read_begin(bed.ledger, bed.kunden, 0, true, &read, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	earlier = early.started;
	assert_true(earlier < read.started);
	for (int i = 0; i < 5; i++) {
		links[i] = bed_link(bed.kunden, bed.berlin, natives[i], bed_customer("x", bed.berlin), 1);
		assert_ok(ledger_begin(bed.ledger, &err));
		links[i].there = i == 1 ? read.started : i == 4 ? ledger_sequence(bed.ledger) : earlier;
		links[i].confirmed = i == 2 ? ledger_sequence(bed.ledger) : 0;
		assert_ok(ledger_links_put(bed.ledger, bed.customer, &links[i], 1, &err));
		assert_ok(ledger_commit(bed.ledger, &err));
	}
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_stage(bed.ledger, &read, NULL, &links[3].id, 1, 1, NULL, &staged, &err));
	assert_ok(ledger_read_end(bed.ledger, &read, NULL, 0, false, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_ok(ledger_links_missing(bed.ledger, bed.customer, read.id, bed.kunden, bed.berlin, 0, &bed.arena, page, 8, &n, &total, &err));
	assert_true(n == 1 && total == 1 && page[0].id == links[0].id);
	/* It may have been among the rows that were refused. */
	ledger_missing_free(bed.ledger);
	assert_ok(ledger_execute(bed.ledger, "UPDATE read SET rejected = 1", &err));
	assert_ok(ledger_links_missing(bed.ledger, bed.customer, read.id, bed.kunden, bed.berlin, 0, &bed.arena, page, 8, &n, &total, &err));
	assert_true(n == 0 && total == 0);
}

/* By looking at each link. */
static unsigned
truly_missing(const struct ledger_read *read, const int64_t *seen, unsigned count)
{
	sqlite3_stmt *statement = ledger_statement(bed.ledger, "SELECT id FROM link WHERE object = ?1 AND unit = ?2 AND state = 0 AND there < ?3"
	                                                       " AND confirmed < ?3", NULL);
	unsigned missing = 0;

	assert_non_null(statement);
	sqlite3_bind_int64(statement, 1, bed.kunden);
	sqlite3_bind_int64(statement, 2, bed.berlin);
	sqlite3_bind_int64(statement, 3, (int64_t)read->started);
	while (sqlite3_step(statement) == SQLITE_ROW) {
		bool there = false;

		for (unsigned i = 0; i < count; i++)
			there = there || seen[i] == sqlite3_column_int64(statement, 0);
		missing += !there;
	}
	sqlite3_reset(statement);
	return missing;
}

static void
put_new(struct ledger_link *to, char *native, unsigned number)
{
	struct error err;

	snprintf(native, 8, "%u", number);
	*to = bed_link(bed.kunden, number % 3 == 0 ? bed.munich : bed.berlin, native, bed_customer("x", bed.berlin), 1);
	assert_ok(ledger_begin(bed.ledger, &err));
	to->there = ledger_sequence(bed.ledger);
	assert_ok(ledger_links_put(bed.ledger, bed.customer, to, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
}

/* Links end and come back before, while and after they are seen; whether that is told by counting or by looking, it is the same. */
void
what_is_missing_does_not_depend_on_how_it_is_found(void **state)
{
	struct ledger_link links[400], page[400];
	char natives[400][8];
	unsigned count = 0, none = 0, some = 0;
	struct error err;

	(void)state;
	srand(4711);
	for (unsigned round = 0; round < 60; round++) {
		int64_t seen[400], staged;
		struct ledger_read read;
		unsigned used = 0, lost = (unsigned)rand() % 3, n, wanted;
		uint64_t total;

		for (unsigned i = (unsigned)rand() % 4 + 1; i > 0; i--, count++)
			put_new(&links[count], natives[count], count);
		for (unsigned i = (unsigned)rand() % 3; i > 0; i--) {
			struct ledger_link *link = &links[(unsigned)rand() % count];

			link->state = link->state == LEDGER_LINK_LIVE ? LEDGER_LINK_TOMBSTONE : LEDGER_LINK_LIVE;
			bed_put_link(*link);
		}
		assert_ok(ledger_begin(bed.ledger, &err));
		assert_ok(ledger_read_begin(bed.ledger, bed.kunden, 0, true, &read, &err));
		assert_ok(ledger_commit(bed.ledger, &err));
		for (unsigned i = 0; i < count; i++)
			if (links[i].state == LEDGER_LINK_LIVE ? lost == 0 || (unsigned)rand() % 20 >= lost : rand() % 4 == 0)
				seen[used++] = links[i].id;
		if (rand() % 3 == 0) {
			put_new(&links[count], natives[count], count);
			if (rand() % 2 == 0) { /* by a row of an earlier read */
				links[count].there = read.started - 1;
				bed_put_link(links[count]);
			}
			if (rand() % 2 == 0)
				seen[used++] = links[count].id;
			count++;
		}
		assert_ok(ledger_begin(bed.ledger, &err));
		assert_ok(ledger_stage(bed.ledger, &read, NULL, seen, used, used, NULL, &staged, &err));
		assert_ok(ledger_read_end(bed.ledger, &read, NULL, 0, false, &err));
		assert_ok(ledger_commit(bed.ledger, &err));
		for (unsigned i = (unsigned)rand() % 3; i > 0; i--) {
			struct ledger_link *link = &links[(unsigned)rand() % count];

			link->state = link->state == LEDGER_LINK_LIVE ? LEDGER_LINK_TOMBSTONE : LEDGER_LINK_LIVE;
			bed_put_link(*link);
		}
		wanted = truly_missing(&read, seen, used);
		assert_ok(ledger_links_missing(bed.ledger, bed.customer, read.id, bed.kunden, bed.berlin, 0, &bed.arena, page, 400, &n, &total, &err));
		assert_int_equal(n, wanted);
		assert_int_equal(total, wanted);
		none += wanted == 0;
		some += wanted > 0;
	}
	assert_true(none > 5 && some > 5);
}
