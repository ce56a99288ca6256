/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules.c: how many records a second go through a mapping of twelve outputs, five of them expressions.  One thread; prints
 * records per second of processor time, the best of five rounds, so that a busy machine shows the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rules/rules.h"

enum { RECORDS = 1000, BATCHES = 500, COLUMNS = 12 };

static const struct rules_field fields[COLUMNS] = {
	{ .name = "KUNDENNR", .type = SYNCLINE_TYPE_TEXT }, { .name = "NAME1", .type = SYNCLINE_TYPE_TEXT },   { .name = "NAME2", .type = SYNCLINE_TYPE_TEXT },
	{ .name = "STRASSE", .type = SYNCLINE_TYPE_TEXT },  { .name = "PLZ", .type = SYNCLINE_TYPE_TEXT },     { .name = "ORT", .type = SYNCLINE_TYPE_TEXT },
	{ .name = "LAND", .type = SYNCLINE_TYPE_TEXT },     { .name = "UMSATZ", .type = SYNCLINE_TYPE_DECIMAL }, { .name = "EMAIL", .type = SYNCLINE_TYPE_TEXT },
	{ .name = "TELEFON", .type = SYNCLINE_TYPE_TEXT },  { .name = "SEIT", .type = SYNCLINE_TYPE_TEXT },    { .name = "MATCHCODE", .type = SYNCLINE_TYPE_TEXT },
};
static const struct rules_output outputs[COLUMNS] = {
	{ .name = "number", .expression = "KUNDENNR", .type = RULES_TEXT, .required = true },
	{ .name = "name", .expression = "concat_ws(' ', NAME1, NAME2)", .type = RULES_TEXT, .required = true, .max_length = 80 },
	{ .name = "street", .expression = "STRASSE", .type = RULES_TEXT },
	{ .name = "zip", .expression = "PLZ", .type = RULES_TEXT },
	{ .name = "city", .expression = "ORT", .type = RULES_TEXT },
	{ .name = "country", .expression = "lookup('country', LAND)", .type = RULES_TEXT },
	{ .name = "revenue", .expression = "UMSATZ", .type = RULES_DECIMAL, .has_scale = true, .scale = 2 },
	{ .name = "tier", .expression = "iif(dec_cmp(UMSATZ, '50000') > 0, 'high', 'standard')", .type = RULES_TEXT },
	{ .name = "email", .expression = "EMAIL", .type = RULES_TEXT },
	{ .name = "phone", .expression = "TELEFON", .type = RULES_TEXT },
	{ .name = "since", .expression = "date_parse(SEIT, 'DD.MM.YYYY')", .type = RULES_DATE },
	{ .name = "code", .expression = "upper(trim(MATCHCODE))", .type = RULES_TEXT },
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
failed(const struct error *err)
{
	fprintf(stderr, "bench-rules: %s %s\n%s\n", err->place, err->message, err->detail);
	return 1;
}

static struct batch *
make_batch(struct error *err)
{
	struct batch_builder *builder = batch_builder_new(err);
	struct syncline_field own[COLUMNS];
	struct batch *batch = NULL;

	for (int i = 0; i < COLUMNS; i++)
		own[i] = (struct syncline_field){ .struct_size = sizeof own[i], .type = fields[i].type, .name = fields[i].name };
	if (builder == NULL || batch_builder_set_fields(builder, own, COLUMNS, err) != 0)
		goto out;
	for (int r = 0; r < RECORDS; r++) {
		static const char *const lands[] = { "D", "A", "CH", "F" };
		char text[COLUMNS][64];
		struct syncline_value values[COLUMNS];
		struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_SEEN, .value_count = COLUMNS, .place = (uint64_t)r + 2,
			                          .values = values };

		snprintf(text[0], 64, "%06d", r * 7919 % 1000000);
		snprintf(text[1], 64, r % 10 == 0 ? "Müller & Söhne %d" : "Customer Company %d", r);
		snprintf(text[2], 64, "Department %d", r % 17);
		snprintf(text[3], 64, "Long Street %d", r % 300);
		snprintf(text[4], 64, "%05d", r * 31 % 100000);
		snprintf(text[5], 64, "Town %d", r % 400);
		snprintf(text[6], 64, "%s", lands[r % 4]);
		snprintf(text[7], 64, "%d.%02d", r * 97 % 100000, r % 100);
		snprintf(text[8], 64, "info%d@example.com", r);
		snprintf(text[9], 64, "+49 30 %d", 100000 + r);
		snprintf(text[10], 64, "%02d.%02d.%04d", r % 28 + 1, r % 12 + 1, 1980 + r % 40);
		snprintf(text[11], 64, " match%d ", r);
		for (int i = 0; i < COLUMNS; i++)
			values[i] = (struct syncline_value){ .type = fields[i].type, .length = (uint32_t)strlen(text[i]), .u.data = text[i] };
		record.native_id = values[0];
		if (batch_builder_add(builder, &record, err) != 0)
			goto out;
	}
	batch = batch_builder_finish(builder, err);
out:
	batch_builder_free(builder);
	return batch;
}

int
main(void)
{
	static const struct syncline_slice keys[] = { { "D", 1 }, { "A", 1 }, { "CH", 2 }, { "F", 1 } }, values[] = { { "DE", 2 }, { "AT", 2 }, { "CH", 2 }, { "FR", 2 } };
	struct rules_lookup lookup = { .name = "country", .keys = keys, .values = values, .count = 4 };
	struct error err = { 0 };
	struct rules_lookup_table *table = rules_lookup_new(&lookup, &err);
	struct mapping_spec spec = { .name = "bench", .fields = fields, .field_count = COLUMNS, .outputs = outputs, .output_count = COLUMNS,
		                     .lookups = &table, .lookup_count = 1 };
	struct mapping *mapping = table != NULL ? mapping_compile(&spec, NULL, NULL, &err) : NULL;
	struct rules_worker *worker = mapping != NULL ? rules_worker_new(&err) : NULL;
	struct batch_builder *builder = worker != NULL ? batch_builder_new(&err) : NULL;
	struct batch *in = builder != NULL ? make_batch(&err) : NULL;
	struct rules_report report = { 0 };
	double best = 1e9;

	if (in == NULL)
		return failed(&err);
	for (int round = 0; round < 5; round++) {
		double start = now();

		for (int i = 0; i < BATCHES / 5; i++) {
			struct batch *out;

			if (mapping_run(worker, mapping, NULL, in, builder, &report, &err) != 0 || (out = batch_builder_finish(builder, &err)) == NULL)
				return failed(&err);
			if (report.accepted != RECORDS) {
				fprintf(stderr, "bench-rules: %u of %d records were accepted\n", report.accepted, RECORDS);
				return 1;
			}
			batch_free(out);
		}
		if (now() - start < best)
			best = now() - start;
	}
	printf("rules: %d outputs, 5 of them expressions: %.0f records/s\n", COLUMNS, RECORDS * (BATCHES / 5) / best);
	batch_free(in);
	batch_builder_free(builder);
	rules_worker_free(worker);
	mapping_free(mapping);
	rules_lookup_free(table);
	return 0;
}
