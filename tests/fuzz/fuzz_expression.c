/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_expression.c: any bytes as an expression: compiled, and run over three records when that succeeds.  It must end soon, and
 * no record's secret may come out in another record's value.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rules/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS = 9, RECORDS = 3 };

static const struct rules_field fields[FIELDS] = {
	{ .name = "NAME1", .type = SYNCLINE_TYPE_TEXT },   { .name = "NAME2", .type = SYNCLINE_TYPE_TEXT },      { .name = "UMSATZ", .type = SYNCLINE_TYPE_DECIMAL },
	{ .name = "MENGE", .type = SYNCLINE_TYPE_INTEGER }, { .name = "AKTIV", .type = SYNCLINE_TYPE_BOOLEAN },  { .name = "DATUM", .type = SYNCLINE_TYPE_DATE },
	{ .name = "address", .type = SYNCLINE_TYPE_JSON }, { .name = "POSITIONEN", .type = SYNCLINE_TYPE_JSON }, { .name = "LAND", .type = SYNCLINE_TYPE_ABSENT },
};
static const char *const secrets[RECORDS] = { "Xsecret-one", "Ysecret-two", "Zsecret-three" };

static struct batch *
make_batch(void)
{
	struct syncline_field own[FIELDS];
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch;

	if (builder == NULL)
		abort();
	for (int i = 0; i < FIELDS; i++)
		own[i] = (struct syncline_field){ .struct_size = sizeof own[i], .type = fields[i].type, .name = fields[i].name };
	if (batch_builder_set_fields(builder, own, FIELDS, NULL) != 0)
		abort();
	for (int r = 0; r < RECORDS; r++) {
		static const char json[] = "{\"a\":[1,2.50],\"city\":\"x\"}", list[] = "[{\"MENGE\":\"1.5\"},2]";
		struct syncline_value values[FIELDS] = {
			{ .type = SYNCLINE_TYPE_TEXT, .length = (uint32_t)strlen(secrets[r]), .u.data = secrets[r] },
			{ .type = r == 1 ? SYNCLINE_TYPE_ABSENT : SYNCLINE_TYPE_NULL },
			{ .type = SYNCLINE_TYPE_DECIMAL, .length = 4, .u.data = "9.50" },
			{ .type = SYNCLINE_TYPE_INTEGER, .u.integer = r },
			{ .type = SYNCLINE_TYPE_BOOLEAN, .u.integer = r & 1 },
			{ .type = SYNCLINE_TYPE_DATE, .u.integer = 20000 + r },
			{ .type = SYNCLINE_TYPE_JSON, .length = sizeof json - 1, .u.data = json },
			{ .type = SYNCLINE_TYPE_JSON, .length = sizeof list - 1, .u.data = list },
			{ .type = SYNCLINE_TYPE_TEXT, .length = 1, .u.data = "D" },
		};
		struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = FIELDS, .values = values };

		if (batch_builder_add(builder, &record, NULL) != 0)
			abort();
	}
	batch = batch_builder_finish(builder, NULL);
	batch_builder_free(builder);
	return batch;
}

static bool
holds(const struct syncline_value *value, const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i + length <= value->length; i++)
		if (memcmp((const char *)value->u.data + i, text, length) == 0)
			return true;
	return false;
}

static void
look(const struct batch *out, const struct rules_report *report, const uint8_t *rule, size_t size)
{
	for (uint32_t r = 0; r < out->header->record_count; r++) {
		struct syncline_value value = batch_value(out, &batch_record(out, r)->cells[0]);
		struct syncline_value source = { .length = (uint32_t)size, .u.data = rule };

		if (value.type < SYNCLINE_TYPE_DECIMAL || value.length == 0 || value.type == SYNCLINE_TYPE_DATE || value.type == SYNCLINE_TYPE_TIMESTAMP)
			continue;
		for (uint32_t other = 0; other < RECORDS; other++)
			if (other != report->sources[r] && holds(&value, secrets[other]) && !holds(&source, "secret"))
				abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct syncline_slice key = { "D", 1 }, iso = { "DE", 2 };
	struct rules_lookup lookup = { .name = "country", .keys = &key, .values = &iso, .count = 1, .missing = RULES_MISSING_NULL };
	static struct rules_lookup_table *table;
	static struct batch *in;
	struct rules_output output = { .name = "out", .type = RULES_NATIVE, .has_scale = true, .scale = 2 };
	struct mapping_spec spec = { .fields = fields, .field_count = FIELDS, .outputs = &output, .output_count = 1, .lookup_count = 1 };
	struct rules_report report = { 0 };
	struct mapping *mapping;
	struct rules_worker *worker;
	struct batch_builder *builder;
	char *text;

	if (size > 20000 || (text = malloc(size + 1)) == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (table == NULL && (table = rules_lookup_new(&lookup, NULL)) == NULL)
		abort();
	if (in == NULL)
		in = make_batch();
	output.expression = text;
	spec.lookups = &table;
	mapping = mapping_compile(&spec, NULL, NULL, NULL);
	if (mapping != NULL) {
		worker = rules_worker_new(NULL);
		builder = batch_builder_new(NULL);
		if (worker == NULL || builder == NULL)
			abort();
		rules_worker_set_budget(worker, 20000, 200);
		if (mapping_run(worker, mapping, NULL, in, builder, &report, NULL) == 0) {
			struct batch *out = batch_builder_finish(builder, NULL);

			if (report.accepted + report.rejects != RECORDS)
				abort();
			if (out != NULL)
				look(out, &report, data, size);
			batch_free(out);
		}
		batch_builder_free(builder);
		rules_worker_free(worker);
		mapping_free(mapping);
	}
	free(text);
	return 0;
}
