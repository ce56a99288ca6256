/* SPDX-License-Identifier: BSD-2-Clause */
/* host-oom.c: every allocation of proxy and guest fails once; both are in this process. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fuzz/frame_scenario.h"
#include "oom.h"

static const char *path;

static int
run_scenario(void *arg)
{
	struct syncline_setting setting = { .struct_size = sizeof setting, .type = SYNCLINE_PARAM_INTEGER, .integer = 3, .name = "records", .text = "" };
	struct syncline_settings settings = { .struct_size = sizeof settings, .count = 1, .items = &setting };
	struct connector_options options = { .system = "erp", .path = path, .settings = &settings, .direct = true };
	struct syncline_read_request request = { .struct_size = sizeof request, .full = 1 };
	struct connector_read_state at = { 0 };
	struct connector_read *reader = NULL;
	struct connector *c;
	struct batch *batch = NULL;
	struct error err = { 0 };
	uint64_t count = 0;
	int result = -1;

	(void)arg;
	if (connector_start(&options, &c, &err) != 0)
		return -1;
	if (connector_read_open(c, &scenario_object, &request, &reader, &err) == 0 && connector_read_next(reader, &batch, &at, &err) == 0 &&
	    connector_read_accept(reader, &err) == 0 && connector_count(c, &scenario_object, &count, &err) == 0)
		result = 0;
	if (result == 0 && (batch->header->record_count != 3 || !at.end || count != 3))
		fail_msg("a call succeeded with less than all");
	batch_free(batch);
	connector_read_close(reader);
	connector_stop(c);
	return result;
}

static void
nothing_is_lost_without_memory(void **state)
{
	static char text[1024];

	(void)state;
	(void)scenario;
	snprintf(text, sizeof text, "%s/tests/connectors/.libs/good.so", getenv("SYNCLINE_BUILD"));
	path = text;
	/* Once for what libraries keep for ever. */
	assert_int_equal(run_scenario(NULL), 0);
	assert_in_range(oom_each(run_scenario, NULL), 20, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_lost_without_memory) };

	return cmocka_run_group_tests_name("host-oom", tests, NULL, NULL);
}
