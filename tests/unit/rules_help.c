/* SPDX-License-Identifier: BSD-2-Clause */
/* rules_help.c: see rules_help.h. */
#include "rules_help.h"

const struct rules_field test_fields[F_COUNT] = {
	[F_NAME1] = { .name = "NAME1", .type = SYNCLINE_TYPE_TEXT },
	[F_NAME2] = { .name = "NAME2", .type = SYNCLINE_TYPE_TEXT },
	[F_PLZ] = { .name = "PLZ", .type = SYNCLINE_TYPE_TEXT },
	[F_UMSATZ] = { .name = "UMSATZ", .type = SYNCLINE_TYPE_DECIMAL, .scale = 2 },
	[F_RABATT] = { .name = "RABATT", .type = SYNCLINE_TYPE_DECIMAL, .scale = 2 },
	[F_MENGE] = { .name = "MENGE", .type = SYNCLINE_TYPE_INTEGER },
	[F_AKTIV] = { .name = "AKTIV", .type = SYNCLINE_TYPE_BOOLEAN },
	[F_DATUM] = { .name = "DATUM", .type = SYNCLINE_TYPE_DATE },
	[F_STAND] = { .name = "STAND", .type = SYNCLINE_TYPE_TIMESTAMP },
	[F_ADDRESS] = { .name = "address", .type = SYNCLINE_TYPE_JSON },
	[F_LINES] = { .name = "POSITIONEN", .type = SYNCLINE_TYPE_JSON },
	[F_ANY] = { .name = "ANY", .type = SYNCLINE_TYPE_ABSENT },
	[F_BIG] = { .name = "BIG", .type = SYNCLINE_TYPE_DECIMAL },
	[F_ODD] = { .name = "Zahl.-Bed.", .type = SYNCLINE_TYPE_TEXT },
};

struct syncline_value
typed_value(uint8_t type, const char *text)
{
	return (struct syncline_value){ .type = type, .length = (uint32_t)strlen(text), .u.data = text };
}

struct syncline_value
text_value(const char *text)
{
	return typed_value(SYNCLINE_TYPE_TEXT, text);
}

struct syncline_value
number_value(uint8_t type, int64_t number)
{
	return (struct syncline_value){ .type = type, .u.integer = number };
}

void
usual_values(struct syncline_value values[F_COUNT])
{
	int64_t days = 0, us = 0;

	assert_true(text_to_date("2026-02-27", 10, &days));
	assert_true(text_to_timestamp("2026-02-27T12:30:00Z", 20, &us));
	values[F_NAME1] = text_value("Müller");
	values[F_NAME2] = text_value("GmbH");
	values[F_PLZ] = text_value("01067");
	values[F_UMSATZ] = typed_value(SYNCLINE_TYPE_DECIMAL, "9.50");
	values[F_RABATT] = typed_value(SYNCLINE_TYPE_DECIMAL, "50000.00");
	values[F_MENGE] = number_value(SYNCLINE_TYPE_INTEGER, 7);
	values[F_AKTIV] = number_value(SYNCLINE_TYPE_BOOLEAN, 1);
	values[F_DATUM] = number_value(SYNCLINE_TYPE_DATE, days);
	values[F_STAND] = number_value(SYNCLINE_TYPE_TIMESTAMP, us);
	values[F_ADDRESS] = typed_value(SYNCLINE_TYPE_JSON, "{\"city\":\"Dresden\",\"geo\":{\"lat\":51.050400,\"n\":123456789012345678901},\"tags\":[\"a\",\"b\\u00e4\"],\"price\":2.50}");
	values[F_LINES] = typed_value(SYNCLINE_TYPE_JSON, "[{\"POS\":1,\"ARTNR\":\"A-1\",\"MENGE\":\"1.500\",\"PREIS\":2.50},{\"POS\":2,\"ARTNR\":\"B\\\"2\",\"MENGE\":\"2\",\"PREIS\":10.10}]");
	values[F_ANY] = typed_value(SYNCLINE_TYPE_DECIMAL, "2.50");
	values[F_BIG] = typed_value(SYNCLINE_TYPE_DECIMAL, "1234567890123456.78");
	values[F_ODD] = text_value("30 Tage");
}

struct batch *
batch_of(const struct rules_field *fields, uint32_t count, const struct syncline_value *values, uint32_t records)
{
	struct syncline_field own[64];
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch;

	assert_non_null(builder);
	assert_true(count <= 64);
	for (uint32_t i = 0; i < count; i++)
		own[i] = (struct syncline_field){ .struct_size = sizeof own[i], .type = fields[i].type, .name = fields[i].name };
	assert_int_equal(batch_builder_set_fields(builder, own, count, NULL), 0);
	assert_int_equal(batch_builder_set_origin(builder, "KUNDEN_1.csv", 12, NULL), 0);
	for (uint32_t r = 0; r < records; r++) {
		char key[16];
		struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = count, .place = r + 2,
			                          .values = values + (size_t)r * count };
		struct error err = { 0 };

		snprintf(key, sizeof key, "K%u", r);
		record.native_id = text_value(key);
		record.tenant = text_value("berlin");
		if (batch_builder_add(builder, &record, &err) != 0)
			fail_msg("%s", err.message);
	}
	batch = batch_builder_finish(builder, NULL);
	batch_builder_free(builder);
	assert_non_null(batch);
	return batch;
}

struct rules_lookup_table *
countries(enum rules_missing missing)
{
	static const struct syncline_slice keys[] = { { "D", 1 }, { "A", 1 }, { "a|b", 3 } }, values[] = { { "DE", 2 }, { "AT", 2 }, { "50", 2 } };
	struct rules_lookup lookup = { .name = "country", .keys = keys, .values = values, .count = 3, .missing = missing, .default_value = "XX" };
	struct rules_lookup_table *table = rules_lookup_new(&lookup, NULL);

	assert_non_null(table);
	return table;
}

static void
keep_reject(void *data, const struct rules_reject *reject)
{
	struct outcome *o = data;

	if (reject->fault > 0)
		return;
	o->rejected = true;
	snprintf(o->reason, sizeof o->reason, "%s", reject->reason);
	snprintf(o->hint, sizeof o->hint, "%s", reject->hint);
	snprintf(o->field, sizeof o->field, "%s", reject->field != NULL ? reject->field : "");
}

static void
show(struct outcome *o, const struct syncline_value *value)
{
	o->type = value->type;
	switch (value->type) {
	case SYNCLINE_TYPE_ABSENT: snprintf(o->text, sizeof o->text, "(absent)"); break;
	case SYNCLINE_TYPE_NULL: snprintf(o->text, sizeof o->text, "NULL"); break;
	case SYNCLINE_TYPE_BOOLEAN: snprintf(o->text, sizeof o->text, "%s", value->u.integer ? "true" : "false"); break;
	case SYNCLINE_TYPE_INTEGER: snprintf(o->text, sizeof o->text, "%lld", (long long)value->u.integer); break;
	case SYNCLINE_TYPE_DATE: text_from_date(value->u.integer, o->text); break;
	case SYNCLINE_TYPE_TIMESTAMP: text_from_timestamp(value->u.integer, o->text); break;
	default: snprintf(o->text, sizeof o->text, "%.*s", (int)value->length, (const char *)value->u.data); break;
	}
}

struct outcome
rule_over(const char *expression, enum rules_type type, int scale, const struct syncline_value *values)
{
	static const char *const objects[] = { "kunden", NULL }, *const systems[] = { "crm", "dms", NULL };
	struct syncline_value usual[F_COUNT];
	struct rules_lookup_table *table = countries(RULES_MISSING_REJECT);
	struct rules_output output = { .name = "out", .expression = expression, .type = type, .has_scale = scale >= 0,
		                       .scale = (uint16_t)(scale >= 0 ? scale : 0), .place = { "rules.conf", 7 } };
	struct mapping_spec spec = { .name = "test", .fields = test_fields, .field_count = F_COUNT, .outputs = &output, .output_count = 1,
		                     .lookups = &table, .lookup_count = 1, .objects = objects, .systems = systems };
	struct outcome o = { 0 };
	struct rules_report report = { .rejected = keep_reject, .data = &o };
	struct mapping *mapping = mapping_compile(&spec, NULL, NULL, &o.mistake);
	struct rules_world world = { .run_time_us = INT64_C(1772150400) * 1000000, .timezone = "UTC" };
	struct batch_builder *builder;
	struct rules_worker *worker;
	struct batch *in, *out;
	struct error err = { 0 };

	rules_lookup_free(table);
	if (mapping == NULL)
		return o;
	o.compiled = true;
	o.copy = mapping_output_is_copy(mapping, 0);
	if (values == NULL) {
		usual_values(usual);
		values = usual;
	}
	in = batch_of(test_fields, F_COUNT, values, 1);
	assert_non_null(worker = rules_worker_new(&err));
	assert_non_null(builder = batch_builder_new(&err));
	if (mapping_run(worker, mapping, &world, in, builder, &report, &err) != 0)
		fail_msg("%s: %s", expression, err.message);
	assert_int_equal(report.rejects, o.rejected);
	assert_int_equal(report.accepted, !o.rejected);
	assert_non_null(out = batch_builder_finish(builder, &err));
	if (!o.rejected) {
		struct syncline_value value = batch_value(out, &batch_record(out, 0)->cells[0]);

		assert_int_equal(batch_record(out, 0)->place, 2);
		show(&o, &value);
	}
	batch_free(out);
	batch_free(in);
	batch_builder_free(builder);
	rules_worker_free(worker);
	mapping_free(mapping);
	return o;
}
