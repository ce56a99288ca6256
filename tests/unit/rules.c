/* SPDX-License-Identifier: BSD-2-Clause */
/* rules.c: what an administrator may rely on: copies, types, absent and null, lists, lookups, checks, versions, tests of rules. */
#include "oom.h"
#include "rules_help.h"

static void
copies_keep_digits_and_bytes(void **state)
{
	struct outcome o = rule_over("UMSATZ", RULES_DECIMAL, 2, NULL);

	(void)state;
	assert_true(o.copy);
	assert_string_equal(o.text, "9.50");
	assert_true(rule_over("Zahl.-Bed.", RULES_TEXT, -1, NULL).copy);
	assert_true(rule_over("[Zahl.-Bed.]", RULES_TEXT, -1, NULL).copy);
	assert_gives("Zahl.-Bed.", RULES_TEXT, -1, "30 Tage");
	assert_gives("BIG", RULES_DECIMAL, 2, "1234567890123456.78");
	assert_gives("BIG", RULES_NATIVE, -1, "1234567890123456.78");
	assert_rejects("BIG", RULES_DECIMAL, 1, "dec_round");
	assert_true(rule_over("address.city", RULES_TEXT, -1, NULL).copy);
	assert_gives("address.city", RULES_TEXT, -1, "Dresden");
	assert_gives("address.tags[1]", RULES_TEXT, -1, "bä");
	assert_gives("address.geo", RULES_JSON, -1, "{\"lat\":51.050400,\"n\":123456789012345678901}");
	assert_gives("address.nothing", RULES_TEXT, -1, "(absent)");
	assert_gives("name1", RULES_TEXT, -1, "Müller");
}

static void
expressions_give_what_they_say(void **state)
{
	(void)state;
	assert_gives("concat_ws(' ', NAME1, NAME2)", RULES_TEXT, -1, "Müller GmbH");
	assert_gives("upper(trim(NAME1))", RULES_TEXT, -1, "MÜLLER");
	assert_gives("lookup('country', 'D')", RULES_TEXT, -1, "DE");
	assert_gives("ref('kunden', PLZ, MENGE)", RULES_REF, -1, "01067|7");
	assert_gives("link('crm')", RULES_TEXT, -1, "(absent)");
	assert_gives("url('dms')", RULES_URL, -1, "(absent)");
	assert_gives("unit()", RULES_TEXT, -1, "berlin");
	assert_gives("today()", RULES_DATE, -1, "2026-02-27");
	assert_gives("run_time()", RULES_TIMESTAMP, -1, "2026-02-27T00:00:00Z");
	assert_gives("date(DATUM, 'start of year', '+11 years', '-1 day')", RULES_DATE, -1, "2036-12-31");
	assert_gives("MENGE * 2 + 1", RULES_INTEGER, -1, "15");
	assert_gives("MENGE * 0.5", RULES_DECIMAL, -1, "3.5");
	assert_gives("CASE WHEN MENGE BETWEEN 5 AND 9 THEN 'some' ELSE 'other' END", RULES_TEXT, -1, "some");
	assert_gives("replace(UMSATZ, '.', ',') || ' EUR'", RULES_TEXT, -1, "9,50 EUR");
	assert_gives("NOT AKTIV", RULES_BOOLEAN, -1, "false");
	assert_gives("[address.city] || '!'", RULES_TEXT, -1, "Dresden!");
	assert_gives("DATUM || ''", RULES_TEXT, -1, "2026-02-27");
	assert_gives("NAME1 LIKE 'müll%' AND PLZ NOT IN ('1', '2')", RULES_BOOLEAN, -1, "true");
	assert_gives("'it''s'", RULES_TEXT, -1, "it's");
	assert_gives("NULL", RULES_TEXT, -1, "NULL");
}

static void
native_outputs_are_what_the_expression_is(void **state)
{
	(void)state;
	assert_int_equal(rule_over("false", RULES_NATIVE, -1, NULL).type, SYNCLINE_TYPE_BOOLEAN);
	assert_int_equal(rule_over("MENGE + 1", RULES_NATIVE, -1, NULL).type, SYNCLINE_TYPE_INTEGER);
	assert_int_equal(rule_over("dec_add(UMSATZ, '1')", RULES_NATIVE, -1, NULL).type, SYNCLINE_TYPE_DECIMAL);
	assert_int_equal(rule_over("today()", RULES_NATIVE, -1, NULL).type, SYNCLINE_TYPE_DATE);
	assert_int_equal(rule_over("json_object('a', UMSATZ)", RULES_NATIVE, -1, NULL).type, SYNCLINE_TYPE_JSON);
	assert_int_equal(rule_over("'1'", RULES_NATIVE, -1, NULL).type, SYNCLINE_TYPE_TEXT);
	assert_int_equal(rule_over("x'00ff'", RULES_NATIVE, -1, NULL).type, SYNCLINE_TYPE_BYTES);
}

static void
values_become_their_type_or_a_reject(void **state)
{
	static const struct {
		const char *rule;
		enum rules_type type;
		const char *gives, *rejects;
	} cases[] = {
		{ "'12'", RULES_INTEGER, "12", NULL }, { "'12.0'", RULES_INTEGER, "12", NULL }, { "'12.5'", RULES_INTEGER, NULL, "dec_round" },
		{ "'12a'", RULES_INTEGER, NULL, "not an integer" }, { "MENGE / 2.0", RULES_INTEGER, NULL, "dec_round" },
		{ "'1.234,50'", RULES_DECIMAL, NULL, "not a decimal" }, { "'-0.5'", RULES_DECIMAL, "-0.5", NULL },
		{ "'TRUE'", RULES_BOOLEAN, "true", NULL }, { "'J'", RULES_BOOLEAN, NULL, "= 'J'" }, { "2", RULES_BOOLEAN, NULL, "not a boolean" },
		{ "'2026-02-30'", RULES_DATE, NULL, "not a date" }, { "'2026-02-28'", RULES_DATE, "2026-02-28", NULL },
		{ "'2026-02-28 00:00:00.000'", RULES_DATE, "2026-02-28", NULL }, { "STAND", RULES_DATE, NULL, "time of day" },
		{ "'2026-02-28T12:30:00+01:00'", RULES_TIMESTAMP, "2026-02-28T11:30:00Z", NULL }, { "'gestern'", RULES_TIMESTAMP, NULL, "not a timestamp" },
		{ "' A.B@Example.COM '", RULES_EMAIL, "A.B@example.com", NULL }, { "'nobody'", RULES_EMAIL, NULL, "not an email" },
		{ "'+49 30 123456'", RULES_PHONE, "+4930123456", NULL }, { "'030 123456'", RULES_PHONE, NULL, "normalize_phone" },
		{ "'DE89 3704 0044 0532 0130 00'", RULES_IBAN, "DE89370400440532013000", NULL }, { "'DE88370400440532013000'", RULES_IBAN, NULL, "not an iban" },
		{ "'DE 136 695 976'", RULES_VAT_ID, "DE136695976", NULL }, { "'DE136695977'", RULES_VAT_ID, NULL, "not a vat_id" },
		{ "'https://example.com/x'", RULES_URL, "https://example.com/x", NULL }, { "'example.com'", RULES_URL, NULL, "not an url" },
		{ "'{\"a\":1}'", RULES_JSON, "{\"a\":1}", NULL }, { "'{a}'", RULES_JSON, NULL, "json_quote" },
		{ "'{}'", RULES_LIST, NULL, "JSON array" }, { "''", RULES_REF, NULL, "empty" }, { "CAST(x'ff' AS TEXT)", RULES_TEXT, NULL, "UTF-8" },
		{ "1e308 * 10", RULES_DECIMAL, NULL, "infinite" }, { "lookup('country', NAME1)", RULES_TEXT, NULL, "not in the lookup table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		if (cases[i].gives != NULL)
			assert_gives(cases[i].rule, cases[i].type, -1, cases[i].gives);
		else
			assert_rejects(cases[i].rule, cases[i].type, -1, cases[i].rejects);
	}
}

static void
mistakes_have_place_and_caret(void **state)
{
	struct outcome o = rule_over("upper(NAME1) || trim(NAMEX)", RULES_TEXT, -1, NULL);

	(void)state;
	assert_false(o.compiled);
	assert_int_equal(o.mistake.code, ERROR_RULE_UNKNOWN_FIELD);
	assert_string_equal(o.mistake.place, "rules.conf:7");
	assert_string_equal(o.mistake.detail, "upper(NAME1) || trim(NAMEX)\n                     ^~~~~");
	assert_non_null(strstr(o.mistake.hint, "NAME1"));
	o = rule_over("'ä' ||\n uper(NAME1)", RULES_TEXT, -1, NULL);
	assert_string_equal(o.mistake.place, "rules.conf:8");
	assert_string_equal(o.mistake.detail, " uper(NAME1)\n ^~~~");
	assert_non_null(strstr(o.mistake.hint, "upper"));
	assert_mistake("lookup('contry', NAME1)", RULES_TEXT, -1, "country");
	assert_mistake("lookup(NAME1, NAME2)", RULES_TEXT, -1, "in quotes");
	assert_mistake("link('crn')", RULES_TEXT, -1, "crm");
	assert_mistake("ref('kunde', PLZ)", RULES_REF, -1, "kunden");
	assert_mistake("MENGE + 1", RULES_DATE, -1, "date");
	assert_mistake("order", RULES_TEXT, -1, "[order]");
	assert_mistake("dec_cmp(UMSATZ)", RULES_INTEGER, -1, "dec_cmp(");
	assert_mistake("NAME1 ||", RULES_TEXT, -1, "ends");
	assert_mistake("'abc", RULES_TEXT, -1, "never ends");
}

static void
absent_stays_absent(void **state)
{
	struct syncline_value values[F_COUNT];

	(void)state;
	usual_values(values);
	values[F_NAME2] = (struct syncline_value){ .type = SYNCLINE_TYPE_ABSENT };
	assert_string_equal(rule_over("NAME2", RULES_TEXT, -1, values).text, "(absent)");
	assert_string_equal(rule_over("concat_ws(' ', NAME1, NAME2)", RULES_TEXT, -1, values).text, "(absent)");
	assert_string_equal(rule_over("coalesce(NAME2, NAME1)", RULES_TEXT, -1, values).text, "Müller");
	values[F_NAME2].type = SYNCLINE_TYPE_NULL;
	assert_string_equal(rule_over("NAME2", RULES_TEXT, -1, values).text, "NULL");
	assert_string_equal(rule_over("concat_ws(' ', NAME1, NAME2)", RULES_TEXT, -1, values).text, "Müller");
}

struct seen {
	unsigned faults;
	char text[4000];
};

static void
note(void *data, const struct rules_reject *r)
{
	struct seen *seen = data;
	size_t used = strlen(seen->text);

	seen->faults++;
	snprintf(seen->text + used, sizeof seen->text - used, "%u %.*s:%llu %s|%s\n", r->index, (int)r->origin.length, (const char *)r->origin.data,
	         (unsigned long long)r->record->place, r->field != NULL ? r->field : "-", r->reason);
	assert_non_null(r->rule);
	assert_non_null(r->hint);
}

static void
one_bad_record_stops_no_other(void **state)
{
	enum { RECORDS = 2500 };
	static const struct rules_field fields[] = { { .name = "n", .type = SYNCLINE_TYPE_INTEGER }, { .name = "t", .type = SYNCLINE_TYPE_TEXT } };
	static const struct rules_output outputs[] = {
		{ .name = "d", .expression = "CAST(t AS INTEGER) + 0", .type = RULES_INTEGER },
		{ .name = "n", .expression = "n", .type = RULES_INTEGER, .max = "2000" },
	};
	static const struct rules_condition condition = { .name = "even", .expression = "n % 2 = 0" };
	struct mapping_spec spec = { .fields = fields, .field_count = 2, .outputs = outputs, .output_count = 2, .conditions = &condition, .condition_count = 1 };
	struct syncline_value *values = calloc(RECORDS * 2, sizeof *values);
	struct seen seen = { 0 };
	struct rules_report report = { .rejected = note, .data = &seen };
	struct error err = { 0 };
	struct mapping *mapping = mapping_compile(&spec, NULL, NULL, &err);
	struct rules_worker *worker = rules_worker_new(&err);
	struct batch_builder *builder = batch_builder_new(&err);
	struct batch *in, *out;

	(void)state;
	assert_non_null(values);
	assert_non_null(mapping);
	for (unsigned i = 0; i < RECORDS; i++) {
		values[i * 2] = number_value(SYNCLINE_TYPE_INTEGER, i);
		values[i * 2 + 1] = text_value(i % 1000 == 7 ? "x7" : "5");
	}
	in = batch_of(fields, 2, values, RECORDS);
	for (int again = 0; again < 2; again++) {
		seen.faults = 0;
		seen.text[0] = '\0';
		assert_int_equal(mapping_run(worker, mapping, NULL, in, builder, &report, &err), 0);
		/* 7, 1007, 2007 are no numbers; 2001 to 2499 are too large; 2007 has two faults. */
		assert_int_equal(report.rejects, 2 + 499);
		assert_int_equal(report.accepted, RECORDS - 501);
		assert_int_equal(seen.faults, 3 + 499);
		assert_non_null(strstr(seen.text, "7 KUNDEN_1.csv:9 d|'x7' is not a number\n"));
		assert_int_equal(report.conditions[6], 1);
		assert_int_equal(report.conditions[9], 0);
		assert_int_equal(report.sources[7], 8);
		assert_non_null(out = batch_builder_finish(builder, &err));
		assert_int_equal(out->header->record_count, RECORDS - 501);
		batch_free(out);
	}
	batch_free(in);
	batch_builder_free(builder);
	rules_worker_free(worker);
	mapping_free(mapping);
	free(values);
}

static void
lists_are_evaluated_element_by_element(void **state)
{
	static const struct rules_output elements[] = {
		{ .name = "pos", .expression = "POS", .type = RULES_INTEGER, .required = true },
		{ .name = "sku", .expression = "lower(ARTNR)", .type = RULES_TEXT },
		{ .name = "qty", .expression = "MENGE", .type = RULES_DECIMAL, .has_scale = true, .scale = 3 },
		{ .name = "sum", .expression = "dec_mul(MENGE, PREIS)", .type = RULES_DECIMAL, .has_scale = true, .scale = 2 },
	};
	static const struct rules_output outputs[] = {
		{ .name = "lines", .expression = "POSITIONEN", .type = RULES_LIST, .elements = elements, .element_count = 4 },
	};
	struct mapping_spec spec = { .fields = test_fields, .field_count = F_COUNT, .outputs = outputs, .output_count = 1 };
	struct syncline_value values[F_COUNT * 3];
	struct seen seen = { 0 };
	struct rules_report report = { .rejected = note, .data = &seen };
	struct error err = { 0 };
	struct mapping *mapping = mapping_compile(&spec, NULL, NULL, &err);
	struct rules_worker *worker = rules_worker_new(&err);
	struct batch_builder *builder = batch_builder_new(&err);
	struct batch *in, *out;
	struct syncline_value value;

	(void)state;
	if (mapping == NULL)
		fail_msg("%s\n%s", err.message, err.detail);
	for (int i = 0; i < 3; i++)
		usual_values(values + F_COUNT * i);
	values[F_COUNT + F_LINES] = typed_value(SYNCLINE_TYPE_JSON, "[{\"POS\":1,\"ARTNR\":\"x\",\"MENGE\":\"1,5\",\"PREIS\":1},{\"ARTNR\":null,\"MENGE\":1,\"PREIS\":1}]");
	values[F_COUNT * 2 + F_LINES] = typed_value(SYNCLINE_TYPE_JSON, "[]");
	in = batch_of(test_fields, F_COUNT, values, 3);
	assert_int_equal(mapping_run(worker, mapping, NULL, in, builder, &report, &err), 0);
	assert_int_equal(report.rejects, 1);
	assert_non_null(strstr(seen.text, "1 KUNDEN_1.csv:3 lines[0].qty|'1,5' is not a decimal\n"));
	assert_non_null(strstr(seen.text, "1 KUNDEN_1.csv:3 lines[1].pos|the field is required"));
	out = batch_builder_finish(builder, &err);
	value = batch_value(out, &batch_record(out, 0)->cells[0]);
	assert_int_equal(value.type, SYNCLINE_TYPE_JSON);
	{
		static const char want[] = "[{\"pos\":1,\"sku\":\"a-1\",\"qty\":1.500,\"sum\":3.75},{\"pos\":2,\"sku\":\"b\\\"2\",\"qty\":2,\"sum\":20.20}]";

		assert_int_equal(value.length, sizeof want - 1);
		assert_memory_equal(value.u.data, want, sizeof want - 1);
	}
	value = batch_value(out, &batch_record(out, 1)->cells[0]);
	assert_int_equal(value.length, 2);
	batch_free(out);
	batch_free(in);
	batch_builder_free(builder);
	rules_worker_free(worker);
	mapping_free(mapping);
}

static void
checks_speak_with_their_message(void **state)
{
	static const struct rules_output outputs[] = { { .name = "zip", .expression = "PLZ", .type = RULES_TEXT },
		                                       { .name = "country", .expression = "'DE'", .type = RULES_TEXT } };
	static const struct rules_check checks[] = {
		{ .expression = "country <> 'DE' OR length(zip) = 5", .message = "German postal codes have five digits" },
	};
	struct mapping_spec spec = { .fields = test_fields, .field_count = F_COUNT, .outputs = outputs, .output_count = 2, .checks = checks, .check_count = 1 };
	struct syncline_value values[F_COUNT * 2];
	struct seen seen = { 0 };
	struct rules_report report = { .rejected = note, .data = &seen };
	struct mapping *mapping = mapping_compile(&spec, NULL, NULL, NULL);
	struct rules_worker *worker = rules_worker_new(NULL);
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *in;

	(void)state;
	assert_non_null(mapping);
	usual_values(values);
	usual_values(values + F_COUNT);
	values[F_PLZ] = text_value("123");
	in = batch_of(test_fields, F_COUNT, values, 2);
	assert_int_equal(mapping_run(worker, mapping, NULL, in, builder, &report, NULL), 0);
	assert_int_equal(report.rejects, 1);
	assert_string_equal(seen.text, "0 KUNDEN_1.csv:2 -|German postal codes have five digits\n");
	batch_free(in);
	batch_builder_free(builder);
	rules_worker_free(worker);
	mapping_free(mapping);
}

static void
all_mistakes(void *data, const struct error *err)
{
	(void)err;
	++*(unsigned *)data;
}

static void
mistakes_come_in_one_go(void **state)
{
	static const struct rules_output outputs[] = {
		{ .name = "a", .expression = "NAMEX", .type = RULES_TEXT },       { .name = "b", .expression = "upper(", .type = RULES_TEXT },
		{ .name = "b", .expression = "NAME1", .type = RULES_TEXT },       { .name = "c", .expression = "'x'", .type = RULES_INTEGER, .min = "y" },
		{ .name = "d", .expression = "'x'", .type = RULES_TEXT, .normalise = "uper" },
	};
	static const struct rules_check checks[] = { { .expression = "nothing = 1", .message = "no" } };
	struct mapping_spec spec = { .fields = test_fields, .field_count = F_COUNT, .outputs = outputs, .output_count = 5, .checks = checks, .check_count = 1 };
	unsigned count = 0;
	struct error err = { 0 };

	(void)state;
	assert_null(mapping_compile(&spec, all_mistakes, &count, &err));
	assert_int_equal(count, 6);
	assert_int_equal(err.code, ERROR_RULE_UNKNOWN_FIELD);
}

static struct mapping *
versioned(const char *rule, struct rules_lookup_table *table)
{
	struct rules_output outputs[] = { { .name = "a", .expression = rule, .type = RULES_TEXT }, { .name = "b", .expression = "PLZ", .type = RULES_TEXT },
		                          { .name = "c", .expression = "link('crm') || today()", .type = RULES_TEXT } };
	struct mapping_spec spec = { .fields = test_fields, .field_count = F_COUNT, .outputs = outputs, .output_count = 3, .lookups = &table, .lookup_count = 1 };
	struct mapping *mapping = mapping_compile(&spec, NULL, NULL, NULL);

	assert_non_null(mapping);
	return mapping;
}

static void
dependencies_and_versions(void **state)
{
	struct rules_lookup_table *one = countries(RULES_MISSING_REJECT), *two = countries(RULES_MISSING_NULL);
	struct mapping *a = versioned("lookup('country', NAME1) || coalesce(UMSATZ, '')", one), *b = versioned("lookup('country', NAME1) || coalesce(UMSATZ, '')", one);
	struct mapping *c = versioned("lookup('country', NAME1) || coalesce(UMSATZ, '')", two), *d = versioned("NAME1", one), *e = versioned("NAME1", two);
	uint8_t va[16], vb[16], vc[16], vd[16], ve[16];
	uint64_t changed = UINT64_C(1) << F_UMSATZ, mask = 0;
	struct rules_dependencies deps;

	(void)state;
	mapping_effective_version(a, va);
	mapping_effective_version(b, vb);
	mapping_effective_version(c, vc);
	mapping_effective_version(d, vd);
	mapping_effective_version(e, ve);
	assert_memory_equal(va, vb, 16);
	assert_memory_not_equal(va, vc, 16); /* another table */
	assert_memory_not_equal(va, vd, 16);
	assert_memory_equal(vd, ve, 16);     /* a table that no rule reads */
	mapping_dependencies(a, 0, &deps);
	assert_int_equal(deps.fields[0], (UINT64_C(1) << F_NAME1) | (UINT64_C(1) << F_UMSATZ));
	assert_int_equal(deps.uses, RULES_USES_LOOKUP);
	assert_int_equal(deps.lookup_count, 1);
	assert_string_equal(deps.lookups[0], "country");
	mapping_dependencies(a, UINT32_MAX, &deps);
	assert_int_equal(deps.uses, RULES_USES_LOOKUP | RULES_USES_LINK | RULES_USES_TODAY);
	assert_string_equal(deps.systems[0], "crm");
	mapping_write_mask(a, &changed, 1, &mask);
	assert_int_equal(mask, 1);
	changed = UINT64_C(1) << F_MENGE;
	mapping_write_mask(a, &changed, 1, &mask);
	assert_int_equal(mask, 0);
	mapping_free(a);
	mapping_free(b);
	mapping_free(c);
	mapping_free(d);
	mapping_free(e);
	rules_lookup_free(one);
	rules_lookup_free(two);
}

static void
rule_tests_say_the_difference(void **state)
{
	static const struct rules_output outputs[] = { { .name = "name", .expression = "concat_ws(' ', NAME1, NAME2)", .type = RULES_TEXT, .required = true },
		                                       { .name = "sum", .expression = "dec_add(UMSATZ, RABATT)", .type = RULES_DECIMAL } };
	static const struct rules_test_value input[] = { { "NAME1", "A" }, { "NAME2", NULL }, { "UMSATZ", "1.10" }, { "RABATT", "2" } };
	static const struct rules_test_value right[] = { { "name", "A" }, { "sum", "3.1" } }, wrong[] = { { "name", "A " }, { "sum", NULL } };
	struct mapping_spec spec = { .fields = test_fields, .field_count = F_COUNT, .outputs = outputs, .output_count = 2 };
	struct rules_test test = { .name = "t", .input = input, .input_count = 4, .expected = right, .expected_count = 2 };
	struct mapping *mapping = mapping_compile(&spec, NULL, NULL, NULL);
	struct rules_worker *worker = rules_worker_new(NULL);
	struct buffer difference;

	(void)state;
	assert_non_null(mapping);
	buffer_init(&difference, 0);
	if (!rules_test_run(worker, mapping, NULL, &test, &difference))
		fail_msg("%s", buffer_string(&difference));
	test.expected = wrong;
	assert_false(rules_test_run(worker, mapping, NULL, &test, &difference));
	assert_string_equal(buffer_string(&difference), "name is 'A' and should be 'A '\nsum is 3.10 and should be NULL\n");
	buffer_clear(&difference);
	test.expected_reject = "required";
	assert_false(rules_test_run(worker, mapping, NULL, &test, &difference));
	test.input_count = 0;
	buffer_clear(&difference);
	if (!rules_test_run(worker, mapping, NULL, &test, &difference))
		fail_msg("%s", buffer_string(&difference));
	buffer_free(&difference);
	rules_worker_free(worker);
	mapping_free(mapping);
}

static void
expr_service_evaluates(void **state)
{
	const struct syncline_expr_service_v1 *service = rules_expr_service();
	struct syncline_field fields[] = { { .struct_size = sizeof *fields, .type = SYNCLINE_TYPE_TEXT, .name = "a" },
		                           { .struct_size = sizeof *fields, .type = SYNCLINE_TYPE_INTEGER, .name = "n" } };
	struct syncline_value values[] = { text_value("x"), number_value(SYNCLINE_TYPE_INTEGER, 2) }, value;
	struct syncline_error err = { .struct_size = sizeof err };
	struct syncline_expr *expr = NULL;

	(void)state;
	assert_int_equal(service->compile(NULL, "upper(a) || n", fields, 2, &expr, &err), SYNCLINE_OK);
	assert_int_equal(service->evaluate(expr, values, 2, &value, &err), SYNCLINE_OK);
	assert_int_equal(value.length, 2);
	assert_memory_equal(value.u.data, "X2", 2);
	service->release(expr);
	assert_int_equal(service->compile(NULL, "upper(b)", fields, 2, &expr, &err), SYNCLINE_CONFIG);
	assert_non_null(strstr(err.message, "\"b\""));
	assert_int_equal(service->compile(NULL, "CAST(a AS INTEGER)", fields, 2, &expr, &err), SYNCLINE_OK);
	assert_int_equal(service->evaluate(expr, values, 2, &value, &err), SYNCLINE_INVALID);
	service->release(expr);
}

/* Compiles and runs one record; 0: it came out whole, -1: something said that it failed. */
static int
compile_and_run(void *data)
{
	static const struct rules_output elements[] = { { .name = "pos", .expression = "POS", .type = RULES_INTEGER } };
	static const struct rules_output outputs[] = {
		{ .name = "a", .expression = "upper(NAME1) || address.city", .type = RULES_TEXT },
		{ .name = "b", .expression = "dec_add(UMSATZ, RABATT)", .type = RULES_DECIMAL },
		{ .name = "lines", .expression = "POSITIONEN", .type = RULES_LIST, .elements = elements, .element_count = 1 },
	};
	static const struct rules_check checks[] = { { .expression = "length(a) > 1", .message = "short" } };
	struct mapping_spec spec = { .fields = test_fields, .field_count = F_COUNT, .outputs = outputs, .output_count = 3, .checks = checks, .check_count = 1 };
	struct rules_report report = { 0 };
	CLEANUP(struct mapping, mapping_free, mapping) = NULL;
	CLEANUP(struct rules_worker, rules_worker_free, worker) = NULL;
	CLEANUP(struct batch_builder, batch_builder_free, builder) = NULL;

	if ((mapping = mapping_compile(&spec, NULL, NULL, NULL)) == NULL || (worker = rules_worker_new(NULL)) == NULL ||
	    (builder = batch_builder_new(NULL)) == NULL || mapping_run(worker, mapping, NULL, data, builder, &report, NULL) != 0)
		return -1;
	/* No memory within one rule says nothing of the record: it is never its reject. */
	assert_int_equal(report.accepted, 1);
	return 0;
}

static void
every_allocation_may_fail(void **state)
{
	struct syncline_value values[F_COUNT];
	struct batch *in;

	(void)state;
	usual_values(values);
	in = batch_of(test_fields, F_COUNT, values, 1);
	oom_each(compile_and_run, in);
	batch_free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_keep_digits_and_bytes),
		cmocka_unit_test(expressions_give_what_they_say),
		cmocka_unit_test(native_outputs_are_what_the_expression_is),
		cmocka_unit_test(values_become_their_type_or_a_reject),
		cmocka_unit_test(mistakes_have_place_and_caret),
		cmocka_unit_test(absent_stays_absent),
		cmocka_unit_test(one_bad_record_stops_no_other),
		cmocka_unit_test(lists_are_evaluated_element_by_element),
		cmocka_unit_test(checks_speak_with_their_message),
		cmocka_unit_test(mistakes_come_in_one_go),
		cmocka_unit_test(dependencies_and_versions),
		cmocka_unit_test(rule_tests_say_the_difference),
		cmocka_unit_test(expr_service_evaluates),
		cmocka_unit_test(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
