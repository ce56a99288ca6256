/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_records.c: golden tables and what goes into them; ids. */
#include "ledger_records.h"

#include <stdio.h>

static struct syncline_value
number(uint8_t type, int64_t integer)
{
	return (struct syncline_value){ .type = type, .u.integer = integer };
}

static struct syncline_value
text_of(uint8_t type, const char *text)
{
	return (struct syncline_value){ .type = type, .length = (uint32_t)strlen(text), .u.data = text };
}

/* Ids. */

static void
ids_are_consecutive_and_never_used_again(void **state)
{
	struct error err;
	int64_t first, second, third;

	(void)state;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 5000, &first, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &second, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_true(first == ((int64_t)1 << 40) + 1);
	assert_true(second == first + 5000);
	ledger_close(bed.ledger);
	bed.ledger = help_open(bed.dir, bed.model, LEDGER_ENGINE);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &third, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_true(third == second + 1);
	/* Another epoch: other ids, whatever number it had reached before. */
	bed.ledger->epoch = 2;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &third, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_true(third == ((int64_t)2 << 40) + 1);
}

static void
external_ids_go_both_ways_and_can_not_be_made_up(void **state)
{
	static const int64_t ids[] = { 1, 2, ((int64_t)1 << 40) + 1, ((int64_t)1 << 40) + 2, ((int64_t)32767 << 40) + 99 };
	char text[LEDGER_EXTERNAL_ID + 1], other[LEDGER_EXTERNAL_ID + 1];

	(void)state;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		ledger_external_id(bed.ledger, ids[i], text);
		assert_int_equal(strlen(text), LEDGER_EXTERNAL_ID);
		assert_true(ledger_record_of_external_id(bed.ledger, text, LEDGER_EXTERNAL_ID) == ids[i]);
		for (int k = 0; k < (int)LEDGER_EXTERNAL_ID; k++) {
			memcpy(other, text, sizeof other);
			other[k] = other[k] == '0' ? '1' : '0';
			assert_true(ledger_record_of_external_id(bed.ledger, other, LEDGER_EXTERNAL_ID) == 0);
		}
	}
	/* They ascend, but where the number that they are counted from makes them begin again. */
	for (int64_t id = 1, falls = 0; id < 1000; id++) {
		ledger_external_id(bed.ledger, id, other);
		ledger_external_id(bed.ledger, id + 1, text);
		falls += strcmp(other, text) >= 0;
		assert_true(falls <= 1);
	}
	text[3] = 'x';
	assert_true(ledger_record_of_external_id(bed.ledger, text, LEDGER_EXTERNAL_ID) == 0);
	assert_true(ledger_record_of_external_id(bed.ledger, text, 31) == 0);
	/* Another ledger has another key. */
	ledger_external_id(bed.ledger, 1, text);
	bed.ledger->hash_key[0] ^= 1;
	assert_true(ledger_record_of_external_id(bed.ledger, text, LEDGER_EXTERNAL_ID) == 0);
}

/* Values. */

static void
assert_same(const struct syncline_value *a, const struct syncline_value *b)
{
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->length, b->length);
	if (a->type == SYNCLINE_TYPE_TEXT || a->type == SYNCLINE_TYPE_DECIMAL || a->type == SYNCLINE_TYPE_JSON)
		assert_memory_equal(a->u.data, b->u.data, a->length);
	else if (a->type != SYNCLINE_TYPE_NULL)
		assert_true(a->u.integer == b->u.integer);
}

static void
round_trip(const struct syncline_value *values)
{
	struct ledger_record record = { .unit = bed.berlin, .generation = 1, .version = 7, .updated_us = 1234567890123456, .values = (void *)values };
	struct ledger_record back;
	struct error err;

	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &record.id, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_ok(ledger_records_get(bed.ledger, bed.customer, &record.id, 1, &bed.arena, &back, &err));
	assert_true(back.id == record.id && back.unit == record.unit && back.state == LEDGER_LIVE && back.generation == 1 &&
	            back.version == 7 && back.updated_us == record.updated_us);
	for (uint32_t i = 0; i < bed.customer->field_count; i++)
		assert_same(&back.values[i], &values[i]);
}

/* The fields of help_house: number name email revenue active since visited visits. */
static void
every_type_comes_back_byte_for_byte(void **state)
{
	static const char *const decimals[] = { "50000.00", "123456789012345678901234567890", "-0.000000000000000000000000000001", "0", "-0", "007.10",
		"99999999999999999999.999999999999" };
	static const char *const texts[] = { "", "007", "1e5", "50000.00", "O'Brien \"quoted\" \\ and\nlines\t", "Grüße, 東京 🚚", " spaces ", "NULL" };
	static const int64_t days[] = { -719162, 2932896, 0, -1, 19000 };
	static const int64_t times[] = { INT64_C(-62135596800) * 1000000, INT64_C(253402300800) * 1000000 - 1, 0, 1, -1, 1700000000123000 };
	static const int64_t integers[] = { INT64_MIN, INT64_MAX, 0, -1, INT64_C(1) << 53 | 1 };
	struct syncline_value values[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		values[i] = number(SYNCLINE_TYPE_NULL, 0);
	round_trip(values);
	for (size_t i = 0; i < 8; i++) {
		values[0] = bed_text(texts[i % 8]);
		values[1] = bed_text(texts[(i + 1) % 8]);
		values[2] = bed_text(texts[(i + 2) % 8]);
		values[3] = text_of(SYNCLINE_TYPE_DECIMAL, decimals[i % 7]);
		values[4] = number(SYNCLINE_TYPE_BOOLEAN, i % 2);
		values[5] = number(SYNCLINE_TYPE_DATE, days[i % 5]);
		values[6] = number(SYNCLINE_TYPE_TIMESTAMP, times[i % 6]);
		values[7] = number(SYNCLINE_TYPE_INTEGER, integers[i % 5]);
		round_trip(values);
	}
	/* And a person reads them as they are meant. */
	assert_string_equal(help_text(bed.ledger, "SELECT group_concat(DISTINCT typeof(revenue)) FROM golden_customer WHERE revenue IS NOT NULL"), "text");
	assert_string_equal(help_text(bed.ledger, "SELECT since FROM golden_customer WHERE since LIKE '1970-01-01'"), "1970-01-01");
	assert_string_equal(help_text(bed.ledger, "SELECT visited FROM golden_customer WHERE visited LIKE '1970%' ORDER BY visited LIMIT 1"),
	                    "1970-01-01T00:00:00.000001Z");
	assert_string_equal(bed_faults(), "");
}

static void
what_is_no_value_of_the_field_is_refused(void **state)
{
	struct syncline_value values[8];
	struct ledger_record record = { .unit = bed.berlin, .generation = 1, .values = values };
	struct error err;

	(void)state;
	for (int i = 0; i < 8; i++)
		values[i] = number(SYNCLINE_TYPE_NULL, 0);
	values[3] = bed_text("12");
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &record.id, &err));
	assert_int_equal(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err), -1);
	assert_non_null(strstr(err.message, "revenue"));
	values[3] = number(SYNCLINE_TYPE_ABSENT, 0);
	assert_int_equal(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err), -1);
	values[3] = number(SYNCLINE_TYPE_NULL, 0);
	record.unit = 0;
	assert_int_equal(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err), -1);
	record.unit = bed.berlin;
	record.id = 0;
	assert_int_equal(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err), -1);
	ledger_rollback(bed.ledger);
}

static void
stamps_stay_with_their_record(void **state)
{
	struct syncline_value values[8];
	struct ledger_stamp stamps[] = { { 3, 2, 1700000000000001, LEDGER_CLOCK_GROUP }, { 4, 0, -5, LEDGER_CLOCK_READ },
		{ 4000000000u, 4294967295u, INT64_MIN, LEDGER_CLOCK_RECORD } };
	struct ledger_record record = { .unit = bed.berlin, .generation = 1, .values = values, .stamps = stamps, .stamp_count = 3 }, back;
	struct error err;

	(void)state;
	for (int i = 0; i < 8; i++)
		values[i] = number(SYNCLINE_TYPE_NULL, 0);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &record.id, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	assert_ok(ledger_records_get(bed.ledger, bed.customer, &record.id, 1, &bed.arena, &back, &err));
	assert_int_equal(back.stamp_count, 3);
	for (int i = 0; i < 3; i++)
		assert_true(back.stamps[i].field == stamps[i].field && back.stamps[i].object == stamps[i].object &&
		            back.stamps[i].at_us == stamps[i].at_us && back.stamps[i].clock == stamps[i].clock);
	record.stamp_count = 0;
	record.generation = 2;
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	assert_ok(ledger_records_get(bed.ledger, bed.customer, &record.id, 1, &bed.arena, &back, &err));
	assert_int_equal(back.stamp_count, 0);
	assert_ok(ledger_commit(bed.ledger, &err));
}

/* Many at once. */

static void
records_are_read_in_any_order(void **state)
{
	int64_t ids[600], first;
	struct ledger_record records[600];
	uint64_t generations[600];
	struct error err;

	(void)state;
	first = bed_customer("0", bed.berlin);
	for (int i = 1; i < 500; i++) {
		char name[16];

		snprintf(name, sizeof name, "%d", i);
		assert_true(bed_customer(name, i % 2 == 0 ? bed.berlin : bed.munich) == first + i);
	}
	/* Consecutive, scattered, repeated, not there, backwards. */
	for (int i = 0; i < 600; i++)
		ids[i] = i < 200 ? first + i : i < 400 ? first + (i * 37) % 500 : i < 500 ? first + 499 - (i - 400) : first + 400 + i;
	assert_ok(ledger_records_get(bed.ledger, bed.customer, ids, 600, &bed.arena, records, &err));
	assert_ok(ledger_begin(bed.ledger, &err));
	records[3].generation = 7;
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &records[3], 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_ok(ledger_records_generations(bed.ledger, bed.customer, ids, 600, generations, &err));
	for (int i = 0; i < 600; i++) {
		char name[16];
		int64_t n = ids[i] - first;

		assert_int_equal(generations[i], n >= 500 ? 0 : n == 3 ? 7 : 1);
		if (n >= 500) {
			assert_true(records[i].id == 0);
			continue;
		}
		snprintf(name, sizeof name, "%d", (int)n);
		assert_true(records[i].id == ids[i]);
		assert_int_equal(records[i].values[0].length, strlen(name));
		assert_memory_equal(records[i].values[0].u.data, name, strlen(name));
		assert_int_equal(records[i].unit, n % 2 == 0 ? bed.berlin : bed.munich);
	}
	assert_ptr_equal(ledger_record_entity(bed.ledger, first + 3), bed.customer);
	assert_null(ledger_record_entity(bed.ledger, first + 500));
	assert_null(ledger_record_entity(bed.ledger, 0));
}

static uint64_t
count(const struct config_entity *entity, uint32_t unit)
{
	struct error err;
	uint64_t n;

	assert_ok(ledger_records_count(bed.ledger, entity, unit, &n, &err));
	return n;
}

static void
live_records_are_scanned_and_counted(void **state)
{
	struct ledger_record records[4], changed;
	int64_t ids[5];
	struct error err;
	uint32_t n;

	(void)state;
	for (int i = 0; i < 5; i++)
		ids[i] = bed_customer("x", i < 3 ? bed.berlin : bed.munich);
	assert_int_equal(count(bed.customer, 0), 5);
	assert_int_equal(count(bed.customer, bed.berlin), 3);
	assert_ok(ledger_records_get(bed.ledger, bed.customer, &ids[1], 1, &bed.arena, &changed, &err));
	changed.state = LEDGER_DELETED;
	changed.generation = 2;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &changed, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_int_equal(count(bed.customer, bed.berlin), 2);
	assert_ok(ledger_records_scan(bed.ledger, bed.customer, bed.berlin, 0, &bed.arena, records, 4, &n, &err));
	assert_int_equal(n, 2);
	assert_true(records[0].id == ids[0] && records[1].id == ids[2]);
	assert_ok(ledger_records_scan(bed.ledger, bed.customer, 0, ids[0], &bed.arena, records, 2, &n, &err));
	assert_int_equal(n, 2);
	assert_true(records[0].id == ids[2] && records[1].id == ids[3]);
	/* Into another unit, and back to life; and a rolled back change counts for nothing. */
	changed.state = LEDGER_LIVE;
	changed.unit = bed.munich;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &changed, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_int_equal(count(bed.customer, bed.berlin), 2);
	assert_int_equal(count(bed.customer, bed.munich), 3);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &changed, 1, &err));
	changed.generation = 1;
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &changed, 1, &err));
	assert_int_equal(count(bed.customer, 0), 5);
	ledger_rollback(bed.ledger);
	assert_int_equal(count(bed.customer, 0), 5);
	assert_int_equal(count(bed.order, 0), 0);
	assert_string_equal(bed_faults(), "");
}

static void
children_are_found_by_their_parent(void **state)
{
	struct syncline_value values[3] = { bed_text("1"), number(SYNCLINE_TYPE_NULL, 0), number(SYNCLINE_TYPE_INTEGER, 0) };
	struct ledger_record record = { .unit = bed.berlin, .generation = 1, .values = values };
	const struct config_field *ref = config_field(bed.order, "customer");
	int64_t parents[2] = { bed_customer("a", bed.berlin), bed_customer("b", bed.berlin) }, children[10], found[10];
	struct error err;
	uint32_t n;

	(void)state;
	assert_ok(ledger_begin(bed.ledger, &err));
	for (int i = 0; i < 10; i++) {
		assert_ok(ledger_new_ids(bed.ledger, 1, &record.id, &err));
		children[i] = record.id;
		values[2].u.integer = parents[i % 2];
		assert_ok(ledger_records_put(bed.ledger, bed.order, &record, 1, &err));
	}
	record.state = LEDGER_DELETED;
	record.generation = 2;
	assert_ok(ledger_records_put(bed.ledger, bed.order, &record, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_ok(ledger_records_referring(bed.ledger, bed.order, ref, parents[0], 0, found, 10, &n, &err));
	assert_int_equal(n, 5);
	for (int i = 0; i < 5; i++)
		assert_true(found[i] == children[i * 2]);
	assert_ok(ledger_records_referring(bed.ledger, bed.order, ref, parents[0], children[2], found, 2, &n, &err));
	assert_int_equal(n, 2);
	assert_true(found[0] == children[4] && found[1] == children[6]);
	assert_ok(ledger_records_referring(bed.ledger, bed.order, ref, parents[1], 0, found, 10, &n, &err));
	assert_int_equal(n, 4);
	assert_ptr_equal(ledger_record_entity(bed.ledger, children[3]), bed.order);
	assert_ptr_equal(ledger_record_entity(bed.ledger, parents[1]), bed.customer);
	assert_non_null(strstr(help_text(bed.ledger, "SELECT group_concat(name) FROM sqlite_schema WHERE name LIKE 'golden_ref_%'"), "golden_ref_"));
}

/* Names and their changes. */

/* The house with one text of it replaced. */
static struct model *
altered(const char *from, const char *to)
{
	const char *at = strstr(help_house, from);
	struct model *model;
	struct buffer text;

	assert_non_null(at);
	buffer_init(&text, 0);
	buffer_append(&text, help_house, (size_t)(at - help_house));
	buffer_text(&text, to);
	buffer_text(&text, at + strlen(from));
	model = help_model(buffer_string(&text));
	buffer_free(&text);
	return model;
}

static void
reopen(struct model *model)
{
	ledger_close(bed.ledger);
	if (model != bed.model)
		config_free(bed.model);
	bed.model = model;
	bed.ledger = help_open(bed.dir, model, LEDGER_ENGINE);
	bed.customer = config_entity(model, "customer");
	bed.order = config_entity(model, "sales_order");
}

static void
assert_field(int64_t id, const char *field, const char *text)
{
	ptrdiff_t at = config_field(bed.customer, field) - bed.customer->fields;
	struct ledger_record record;
	struct error err;

	assert_ok(ledger_records_get(bed.ledger, bed.customer, &id, 1, &bed.arena, &record, &err));
	if (text == NULL) {
		assert_int_equal(record.values[at].type, SYNCLINE_TYPE_NULL);
		return;
	}
	assert_int_equal(record.values[at].length, strlen(text));
	assert_memory_equal(record.values[at].u.data, text, strlen(text));
}

static void
fields_come_go_and_change_their_names(void **state)
{
	int64_t id = bed_customer("K1", bed.berlin);
	struct model *model;

	(void)state;
	reopen(altered("name: { type = \"text\"; required = true; };", "name: { type = \"text\"; required = true; }; fax: { type = \"phone\"; };"));
	assert_field(id, "number", "K1");
	assert_field(id, "fax", NULL);
	/* Renamed: the value goes along; the fax number is no longer configured and its column stays. */
	model = help_model(help_house);
	model->entities[0].fields[0].head = (struct config_head){ .name = "kunde", .was = "number" };
	reopen(model);
	assert_field(id, "kunde", "K1");
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM pragma_table_info('golden_customer') WHERE name IN ('fax', 'kunde')"), 2);
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM pragma_table_info('golden_customer') WHERE name = 'number'"), 0);
	reopen(model);
	assert_field(id, "kunde", "K1");
	/* A new field takes the name that became free. */
	model = help_model(help_house);
	model->entities[0].fields[0].head = (struct config_head){ .name = "kunde", .was = "number" };
	model->entities[0].fields[1].head.name = "number";
	reopen(model);
	assert_field(id, "kunde", "K1");
	assert_field(id, "number", NULL);
}

static void
a_field_keeps_what_it_can_when_its_type_changes(void **state)
{
	struct syncline_value values[8];
	struct ledger_record record = { .unit = bed.berlin, .generation = 1, .values = values }, back;
	struct error err;
	int at;

	(void)state;
	for (int i = 0; i < 8; i++)
		values[i] = number(SYNCLINE_TYPE_NULL, 0);
	values[0] = bed_text("0042");
	values[7] = number(SYNCLINE_TYPE_INTEGER, 17);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &record.id, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	reopen(altered("visits: { type = \"integer\"; };", "visits: { type = \"text\"; };"));
	assert_field(record.id, "visits", "17");
	/* A text now, so that leading zeros stay. */
	values[7] = bed_text("007");
	record.generation = 2;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_field(record.id, "visits", "007");
	/* And back: what is no number is null. */
	reopen(help_model(help_house));
	at = (int)(config_field(bed.customer, "visits") - bed.customer->fields);
	assert_ok(ledger_records_get(bed.ledger, bed.customer, &record.id, 1, &bed.arena, &back, &err));
	assert_int_equal(back.values[at].type, SYNCLINE_TYPE_INTEGER);
	assert_true(back.values[at].u.integer == 7);
	reopen(altered("number: { type = \"text\"; unique = true; };", "number: { type = \"date\"; };"));
	assert_field(record.id, "number", NULL);
}

static void
entities_are_renamed_with_their_records(void **state)
{
	int64_t id = bed_customer("K1", bed.berlin);
	struct model *model = help_model(help_house);

	(void)state;
	model->entities[0].head.was = "customer";
	model->entities[0].head.name = "client";
	ledger_close(bed.ledger);
	config_free(bed.model);
	bed.model = model;
	bed.ledger = help_open(bed.dir, model, LEDGER_ENGINE);
	bed.customer = &model->entities[0];
	assert_field(id, "number", "K1");
	assert_int_equal(help_number(bed.ledger, "SELECT count(*) FROM golden_client"), 1);
}

/* Names that the configuration would not take, so that nothing depends on its care. */
static void
odd_names_are_quoted(void **state)
{
	struct model *model = help_model(help_house);
	struct ledger_record record = { .unit = 2, .generation = 1 };
	struct syncline_value values[8];
	struct error err;

	(void)state;
	model->entities[0].head.name = "select\" from 'x'; --";
	model->entities[0].fields[0].head.name = "order";
	model->entities[0].fields[1].head.name = "a \"b\" 'c' [d] `e`";
	model->entities[0].fields[2].head.name = "rowid";
	model->entities[0].fields[3].head.name = "Größe; DROP TABLE link";
	ledger_close(bed.ledger);
	config_free(bed.model);
	help_remove(bed.dir);
	bed.model = model;
	help_folder(bed.dir, sizeof bed.dir);
	bed.ledger = help_open(bed.dir, model, LEDGER_ENGINE);
	bed.customer = &model->entities[0];
	for (int i = 0; i < 8; i++)
		values[i] = number(SYNCLINE_TYPE_NULL, 0);
	values[0] = bed_text("one");
	values[1] = bed_text("two");
	values[2] = bed_text("three");
	values[3] = text_of(SYNCLINE_TYPE_DECIMAL, "4.0");
	record.values = values;
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &record.id, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	record.generation = 2;
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	for (int i = 0; i < 3; i++)
		assert_field(record.id, model->entities[0].fields[i].head.name, values[i].u.data);
	assert_field(record.id, model->entities[0].fields[3].head.name, "4.0");
	assert_string_equal(bed_faults(), "");
	ledger_close(bed.ledger);
	bed.ledger = help_open(bed.dir, model, LEDGER_ENGINE);
	assert_field(record.id, "order", "one");
}

static void
names_that_can_be_no_column_are_refused(void **state)
{
	struct model *model = help_model(help_house);
	struct error err = { 0 };

	(void)state;
	ledger_close(bed.ledger);
	bed.ledger = NULL;
	model->entities[0].fields[1].head.name = "Number";
	help_refuse(bed.dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_ENTITY);
	assert_non_null(strstr(err.message, "Number"));
	model->entities[0].fields[1].head.name = "_id";
	help_refuse(bed.dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_ENTITY);
	model->entities[0].fields[1].head.name = "name";
	model->entities[1].head.name = "CUSTOMER";
	help_refuse(bed.dir, model, LEDGER_ENGINE, &err);
	assert_int_equal(err.code, ERROR_LEDGER_ENTITY);
	config_free(model);
}

static void
a_reader_finds_what_is_there(void **state)
{
	int64_t id = bed_customer("K1", bed.berlin);
	struct model *wider = altered("name: { type = \"text\"; required = true; };", "name: { type = \"text\"; required = true; }; fax: { type = \"phone\"; };");
	struct ledger *reader;
	struct ledger_record record;
	struct error err;

	(void)state;
	/* Its configuration has a field that the ledger doesn't have yet. */
	reader = help_open(bed.dir, wider, LEDGER_READER);
	assert_ok(ledger_records_get(reader, config_entity(wider, "customer"), &id, 1, &bed.arena, &record, &err));
	assert_true(record.id == id);
	assert_memory_equal(record.values[0].u.data, "K1", 2);
	assert_int_equal(record.values[2].type, SYNCLINE_TYPE_NULL);
	assert_int_equal(ledger_begin(reader, &err), -1);
	ledger_close(reader);
	config_free(wider);
}

static void
faults_are_told(void **state)
{
	int64_t id = bed_customer("K1", bed.berlin);
	struct error err;

	(void)state;
	bed_put_link(bed_link(bed.kunden, bed.berlin, "1", id, 1));
	assert_string_equal(bed_faults(), "");
	assert_ok(ledger_execute(bed.ledger, "UPDATE golden_customer SET _id = _id + 100, _unit = 0; UPDATE link_count SET live = 7;"
	                                     "INSERT INTO match_key (id, entity, unit, rule, hash) SELECT 9 << 8, id, 1, 0, x'00' FROM name WHERE"
	                                     " kind = 'entity' AND name = 'customer';", &err));
	assert_non_null(strstr(bed_faults(), "which is not there"));
	assert_non_null(strstr(bed_faults(), "never given out"));
	assert_non_null(strstr(bed_faults(), "has no unit"));
	assert_non_null(strstr(bed_faults(), "said to have 7 live links"));
	assert_non_null(strstr(bed_faults(), "a match key belongs to record 9"));
	assert_non_null(strstr(bed_faults(), "said to have 1 records, and has 0"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BED_TEST(ids_are_consecutive_and_never_used_again),
		BED_TEST(external_ids_go_both_ways_and_can_not_be_made_up),
		BED_TEST(every_type_comes_back_byte_for_byte),
		BED_TEST(what_is_no_value_of_the_field_is_refused),
		BED_TEST(stamps_stay_with_their_record),
		BED_TEST(records_are_read_in_any_order),
		BED_TEST(live_records_are_scanned_and_counted),
		BED_TEST(children_are_found_by_their_parent),
		BED_TEST(fields_come_go_and_change_their_names),
		BED_TEST(a_field_keeps_what_it_can_when_its_type_changes),
		BED_TEST(entities_are_renamed_with_their_records),
		BED_TEST(odd_names_are_quoted),
		BED_TEST(names_that_can_be_no_column_are_refused),
		BED_TEST(a_reader_finds_what_is_there),
		BED_TEST(faults_are_told),
		LINK_TESTS,
		HISTORY_TESTS,
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
