/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame_scenario.h: one use of a connector each, for the fuzzer of the agent's side and for the program that records its seeds.
 */
#ifndef FUZZ_FRAME_SCENARIO_H
#define FUZZ_FRAME_SCENARIO_H

#include <stdlib.h>
#include <string.h>

#include "host/proxy.h"

#define SCENARIOS 10u

static const struct syncline_settings scenario_settings = { .struct_size = sizeof scenario_settings };
static const char *const scenario_key[] = { "id" };
static const struct syncline_object scenario_object = { .struct_size = sizeof scenario_object, .alias = "customer", .native = "customers",
	.key = scenario_key, .key_count = 1, .settings = &scenario_settings };

static struct batch *
scenario_batch(void)
{
	static const struct syncline_field fields[] = {
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "id" },
		{ .struct_size = sizeof(struct syncline_field), .type = SYNCLINE_TYPE_TEXT, .name = "name" },
	};
	struct syncline_value values[2] = { { .type = SYNCLINE_TYPE_ABSENT }, { .type = SYNCLINE_TYPE_TEXT, .length = 4, .u.data = "Anna" } };
	struct syncline_record record = { .struct_size = sizeof record, .op = SYNCLINE_OP_CREATE, .value_count = 2, .values = values };
	struct batch_builder *builder = batch_builder_new(NULL);
	struct batch *batch;

	if (builder == NULL || batch_builder_set_fields(builder, fields, 2, NULL) != 0 || batch_builder_add(builder, &record, NULL) != 0)
		abort();
	values[1].length = 0;
	if (batch_builder_add(builder, &record, NULL) != 0 || (batch = batch_builder_finish(builder, NULL)) == NULL)
		abort();
	batch_builder_free(builder);
	return batch;
}

static void
scenario_read(struct connector *c)
{
	struct syncline_read_request request = { .struct_size = sizeof request, .full = 1 };
	struct connector_read_state state = { 0 };
	struct connector_read *reader;
	struct batch *batch;

	if (connector_read_open(c, &scenario_object, &request, &reader, NULL) != 0)
		return;
	for (int i = 0; i < 8 && !state.end && connector_read_next(reader, &batch, &state, NULL) == 0; i++)
		batch_free(batch);
	(void)connector_read_accept(reader, NULL);
	connector_read_close(reader);
}

static void
scenario_write(struct connector *c)
{
	struct batch *batch = scenario_batch();
	struct connector_results *results;

	if (connector_write(c, &scenario_object, batch, &results, NULL) == 0) {
		/* Whatever came: an outcome for each. */
		if (results->count != 2 || results->committed + results->failed + results->uncertain != 2)
			abort();
		connector_results_free(results);
	}
	(void)connector_finish(c, &scenario_object, NULL);
	batch_free(batch);
}

static void
scenario_documents(struct connector *c)
{
	struct syncline_content_info info = { .struct_size = sizeof info, .length = 3, .name = "a" };
	struct syncline_slice reference = { "doc", 3 };
	char name[SYNCLINE_CONTENT_REF_MAX], data[64];
	struct connector_content *content;
	size_t length;

	if (connector_content_create(c, &scenario_object, &info, &content, NULL) == 0) {
		(void)connector_content_write(content, "abc", 3, NULL);
		(void)connector_content_finish(content, &info, name, &length, NULL);
	}
	if (connector_content_open(c, &scenario_object, &reference, &content, &info, NULL) == 0) {
		(void)connector_content_read(content, data, sizeof data, &length, NULL);
		connector_content_close(content);
	}
}

static void
scenario(struct connector *c, unsigned which)
{
	struct syncline_slice ids[] = { { "N1", 2 }, { "N2", 2 } };
	struct syncline_criterion criterion = { "name", { .type = SYNCLINE_TYPE_TEXT, .length = 4, .u.data = "Anna" } };
	struct syncline_webhook_request request = { .struct_size = sizeof request, .method = "POST", .path = "/", .query = "", .body = { "N1", 2 } };
	struct connector_findings findings = { 0 };
	struct syncline_digest_bucket buckets[4];
	char object[SYNCLINE_NAME_MAX + 1];
	struct batch *batch;
	uint64_t count;

	switch (which % SCENARIOS) {
	case 0: scenario_read(c); break;
	case 1: scenario_write(c); break;
	case 2: scenario_documents(c); break;
	case 3: (void)connector_check(c, &findings, NULL); break;
	case 4: (void)connector_discover_objects(c, &findings, NULL); break;
	case 5: (void)connector_discover_fields(c, &scenario_object, &findings, NULL); break;
	case 6:
		if (connector_get(c, &scenario_object, ids, 2, &batch, NULL) == 0)
			batch_free(batch);
		break;
	case 7:
		if (connector_find(c, &scenario_object, &criterion, 1, 5, &batch, NULL) == 0)
			batch_free(batch);
		break;
	case 8:
		(void)connector_count(c, &scenario_object, &count, NULL);
		(void)connector_digest(c, &scenario_object, scenario_key, 1, (const uint8_t *)"0123456789abcdef", buckets, 4, NULL);
		break;
	case 9:
		if (connector_webhook(c, &request, object, &batch, NULL) == 0)
			batch_free(batch);
		break;
	}
}

#endif
