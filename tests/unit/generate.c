/* SPDX-License-Identifier: BSD-2-Clause */
/* generate.c: generated values are what their fields' types and limits say, by the very rules that read such values; keys differ, and the same
 * number gives the same value. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "batch/batch.h"
#include "rehearse/generate.h"
#include "rules/rules.h"

#define RECORDS 1200u
#define FIELDS (sizeof fields / sizeof *fields)

static const char *const kinds[] = { "small", "large" };
static const struct config_field elements[] = {
	{ .head = { .name = "pos" }, .type = CONFIG_FIELD_INTEGER }, { .head = { .name = "sku" }, .type = CONFIG_FIELD_TEXT, .max_length = 8 },
	{ .head = { .name = "qty" }, .type = CONFIG_FIELD_DECIMAL, .scale = 3 }, { .head = { .name = "due" }, .type = CONFIG_FIELD_DATE },
	{ .head = { .name = "done" }, .type = CONFIG_FIELD_BOOLEAN },
};
static const char *const list_key[] = { "pos" };
static const struct config_field fields[] = {
	{ .head = { .name = "number" }, .type = CONFIG_FIELD_TEXT, .unique = true },
	{ .head = { .name = "short_key" }, .type = CONFIG_FIELD_TEXT, .unique = true, .max_length = 12 },
	{ .head = { .name = "name" }, .type = CONFIG_FIELD_TEXT, .max_length = 10 },
	{ .head = { .name = "city" }, .type = CONFIG_FIELD_TEXT, .max_length = 3 },
	{ .head = { .name = "code" }, .type = CONFIG_FIELD_TEXT, .min_length = 60, .max_length = 60 },
	{ .head = { .name = "kind" }, .type = CONFIG_FIELD_TEXT, .one_of = { kinds, 2 } },
	{ .head = { .name = "pieces" }, .type = CONFIG_FIELD_INTEGER, .min = "-3", .max = "4" },
	{ .head = { .name = "debt" }, .type = CONFIG_FIELD_INTEGER, .max = "-5" },
	{ .head = { .name = "id" }, .type = CONFIG_FIELD_INTEGER, .unique = true },
	{ .head = { .name = "total" }, .type = CONFIG_FIELD_DECIMAL, .scale = 2, .min = "0.50" },
	{ .head = { .name = "share" }, .type = CONFIG_FIELD_DECIMAL, .scale = 4, .min = "0.1", .max = "0.9" },
	{ .head = { .name = "active" }, .type = CONFIG_FIELD_BOOLEAN },
	{ .head = { .name = "date" }, .type = CONFIG_FIELD_DATE, .min = "2024-02-28", .max = "2024-03-01" },
	{ .head = { .name = "changed" }, .type = CONFIG_FIELD_TIMESTAMP },
	{ .head = { .name = "email" }, .type = CONFIG_FIELD_EMAIL, .unique = true },
	{ .head = { .name = "phone" }, .type = CONFIG_FIELD_PHONE },
	{ .head = { .name = "iban" }, .type = CONFIG_FIELD_IBAN },
	{ .head = { .name = "vat" }, .type = CONFIG_FIELD_VAT_ID, .unique = true },
	{ .head = { .name = "web" }, .type = CONFIG_FIELD_URL },
	{ .head = { .name = "more" }, .type = CONFIG_FIELD_JSON },
	{ .head = { .name = "lines" }, .type = CONFIG_FIELD_LIST, .key = { list_key, 1 }, .fields = (struct config_field *)(uintptr_t)elements, .field_count = 5 },
};
static const struct config_entity entity = { .head = { .name = "thing" }, .fields = (struct config_field *)(uintptr_t)fields, .field_count = FIELDS };

static enum rules_type
rules_type_of(const struct config_field *field)
{
	enum rules_type type;

	assert_true(rules_type_by_name(config_type_name((enum config_type)field->type), &type));
	return type;
}

/* Copies of all fields, each held against its type and limits. */
static struct mapping *
strict(void)
{
	struct rules_field inputs[FIELDS];
	struct rules_output outputs[FIELDS], parts[5];
	struct mapping_spec spec = { .name = "strict", .fields = inputs, .field_count = FIELDS, .outputs = outputs, .output_count = FIELDS };
	static const char *const kinds_end[] = { "small", "large", NULL };
	struct error err = { 0 };
	struct mapping *mapping;

	memset(outputs, 0, sizeof outputs);
	memset(parts, 0, sizeof parts);
	for (size_t i = 0; i < 5; i++)
		parts[i] = (struct rules_output){ .name = elements[i].head.name, .expression = elements[i].head.name, .type = rules_type_of(&elements[i]),
			.required = true, .max_length = (uint32_t)elements[i].max_length };
	for (size_t i = 0; i < FIELDS; i++) {
		inputs[i] = (struct rules_field){ .name = fields[i].head.name, .type = SYNCLINE_TYPE_ABSENT, .scale = SYNCLINE_SCALE_UNKNOWN };
		outputs[i] = (struct rules_output){ .name = fields[i].head.name, .expression = fields[i].head.name, .type = rules_type_of(&fields[i]),
			.max_length = (uint32_t)fields[i].max_length, .required = true, .one_of = fields[i].one_of.count > 0 ? kinds_end : NULL, .min = fields[i].min,
			.max = fields[i].max, .has_scale = fields[i].type == CONFIG_FIELD_DECIMAL, .scale = (uint16_t)fields[i].scale };
		if (fields[i].type == CONFIG_FIELD_LIST) {
			outputs[i].elements = parts;
			outputs[i].element_count = 5;
		}
	}
	mapping = mapping_compile(&spec, NULL, NULL, &err);
	if (mapping == NULL)
		fail_msg("%s: %s", err.place, err.message);
	return mapping;
}

static void
rejected(void *data, const struct rules_reject *reject)
{
	(void)data;
	fail_msg("record %u, %s = %s: %s", reject->index, reject->field != NULL ? reject->field : "?", reject->value != NULL ? reject->value : "?", reject->reason);
}

static void
make(struct arena *arena, uint32_t number, uint32_t revision, struct syncline_value *values)
{
	const struct generate generate = { .tag = "0badcafe", .number = number, .revision = revision, .arena = arena };
	struct error err = { 0 };

	for (size_t i = 0; i < FIELDS; i++)
		assert_int_equal(generate_value(&generate, &entity, &fields[i], &values[i], &err), 0);
}

static void
test_types(void **state)
{
	struct error err = { 0 };
	struct mapping *mapping = strict();
	struct rules_worker *worker = rules_worker_new(&err);
	struct batch_builder *in = batch_builder_new(&err), *out = batch_builder_new(&err);
	struct syncline_field heads[FIELDS];
	struct syncline_value values[FIELDS];
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < FIELDS; i++)
		heads[i] = (struct syncline_field){ .struct_size = sizeof *heads, .scale = SYNCLINE_SCALE_UNKNOWN, .name = fields[i].head.name };
	for (uint32_t revision = 0; revision < 2; revision++) {
		struct rules_report report = { .rejected = rejected };
		const struct rules_world world = { .data = NULL };
		struct batch *batch;

		batch_builder_clear(in, 1);
		batch_builder_clear(out, 1);
		assert_int_equal(batch_builder_set_fields(in, heads, FIELDS, &err), 0);
		assert_int_equal(batch_builder_set_fields(out, mapping_output_fields(mapping), mapping_output_count(mapping), &err), 0);
		for (uint32_t number = 0; number < RECORDS; number++) {
			const struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = FIELDS, .values = values };

			make(&arena, number, revision, values);
			assert_int_equal(batch_builder_add(in, &record, &err), 0);
		}
		batch = batch_builder_finish(in, &err);
		assert_non_null(batch);
		assert_int_equal(mapping_run(worker, mapping, &world, batch, out, &report, &err), 0);
		assert_int_equal(report.accepted, RECORDS);
		batch_free(batch);
	}
	arena_free(&arena);
	batch_builder_free(in);
	batch_builder_free(out);
	rules_worker_free(worker);
	mapping_free(mapping);
}

static bool
equal(const struct syncline_value *one, const struct syncline_value *other)
{
	if (one->type != other->type || one->length != other->length)
		return false;
	return one->length > 0 ? memcmp(one->u.data, other->u.data, one->length) == 0 : one->u.integer == other->u.integer;
}

static void
test_keys(void **state)
{
	struct syncline_value first[FIELDS], values[FIELDS], again[FIELDS], changed[FIELDS];
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	make(&arena, 0, 0, first);
	for (uint32_t number = 1; number < RECORDS; number++) {
		uint32_t differences = 0;

		make(&arena, number, 0, values);
		make(&arena, number, 0, again);
		make(&arena, number, 1, changed);
		for (size_t i = 0; i < FIELDS; i++) {
			bool key = generate_is_key(&entity, &fields[i]);

			assert_true(equal(&values[i], &again[i]));
			if (key)
				assert_false(equal(&values[i], &first[i]));
			differences += !key && !equal(&values[i], &changed[i]);
		}
		assert_true(differences > 3);
	}
	arena_free(&arena);
}

static void
test_short_keys(void **state)
{
	static const struct config_field narrow = { .head = { .name = "number" }, .type = CONFIG_FIELD_TEXT, .unique = true, .max_length = 11 };
	struct error err = { 0 };

	(void)state;
	for (size_t i = 0; i < FIELDS; i++)
		assert_int_equal(generate_check(&entity, &fields[i], &err), 0);
	assert_int_equal(generate_check(&entity, &narrow, &err), -1);
	assert_int_equal(err.code, ERROR_LOADTEST_IMPOSSIBLE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_types), cmocka_unit_test(test_keys), cmocka_unit_test(test_short_keys) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
