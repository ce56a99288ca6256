/* SPDX-License-Identifier: BSD-2-Clause */
/* ledger_bed.c: see ledger_records.h. */
#include "ledger_records.h"

struct bed bed;

int
bed_make(void **state)
{
	(void)state;
	memset(&bed, 0, sizeof bed);
	help_folder(bed.dir, sizeof bed.dir);
	bed.model = help_model(help_house);
	bed.ledger = help_open(bed.dir, bed.model, LEDGER_ENGINE);
	bed.customer = config_entity(bed.model, "customer");
	bed.order = config_entity(bed.model, "sales_order");
	bed.kunden = ledger_object_id(bed.ledger, config_object(config_system(bed.model, "erp"), "kunden"));
	bed.accounts = ledger_object_id(bed.ledger, config_object(config_system(bed.model, "crm"), "accounts"));
	bed.berlin = ledger_unit_id(bed.ledger, config_unit(bed.model, "berlin"));
	bed.munich = ledger_unit_id(bed.ledger, config_unit(bed.model, "munich"));
	return 0;
}

int
bed_end(void **state)
{
	(void)state;
	ledger_close(bed.ledger);
	config_free(bed.model);
	arena_free(&bed.arena);
	help_remove(bed.dir);
	return 0;
}

struct syncline_slice
bed_slice(const char *text)
{
	return (struct syncline_slice){ text, (uint32_t)strlen(text) };
}

struct syncline_value
bed_text(const char *text)
{
	return (struct syncline_value){ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(text), .u.data = text };
}

int64_t
bed_customer(const char *name, uint32_t unit)
{
	struct syncline_value values[16] = { 0 };
	struct ledger_record record = { .unit = unit, .generation = 1, .version = 1, .updated_us = 5, .values = values };
	struct error err;

	for (uint32_t i = 0; i < bed.customer->field_count; i++)
		values[i].type = SYNCLINE_TYPE_NULL;
	values[0] = bed_text(name);
	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_new_ids(bed.ledger, 1, &record.id, &err));
	assert_ok(ledger_records_put(bed.ledger, bed.customer, &record, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	return record.id;
}

struct ledger_link
bed_link(uint32_t object, uint32_t unit, const char *native, int64_t record, unsigned char mark)
{
	struct ledger_link link = { .object = object, .unit = unit, .native = bed_slice(native), .record = record, .effective = 1,
		.there = ledger_sequence(bed.ledger) };

	memset(link.raw, mark, sizeof link.raw);
	return link;
}

int64_t
bed_put_link(struct ledger_link link)
{
	struct error err;

	assert_ok(ledger_begin(bed.ledger, &err));
	assert_ok(ledger_links_put(bed.ledger, bed.customer, &link, 1, &err));
	assert_ok(ledger_commit(bed.ledger, &err));
	assert_true(link.id > 0);
	return link.id;
}

static void
keep_fault(void *data, const char *sentence)
{
	struct buffer *faults = data;

	buffer_text(faults, sentence);
	buffer_char(faults, '\n');
}

const char *
bed_faults(void)
{
	struct buffer faults;
	struct error err;
	const char *text;

	buffer_init(&faults, 0);
	assert_ok(ledger_check_records(bed.ledger, keep_fault, &faults, &err));
	text = arena_text(&bed.arena, buffer_string(&faults));
	buffer_free(&faults);
	return text;
}
