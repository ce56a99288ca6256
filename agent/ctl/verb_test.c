/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_test.c: `syncline test`: the tests that stand beside the rules. */
#include <stdio.h>
#include <string.h>

#include "ctl/load.h"
#include "flow/tests.h"

struct tally {
	const struct ctl *ctl;
	unsigned passed, failed;
	struct buffer json;
};

static void
say(struct tally *tally, const struct config_flow *flow, const struct config_test *test, bool passed, struct buffer *difference)
{
	const char *text = buffer_string(difference), *title = test->title != NULL ? test->title : "";

	tally->passed += passed;
	tally->failed += !passed;
	if (tally->ctl->json) {
		ctl_json_open(&tally->json, NULL, '{');
		ctl_json_text(&tally->json, "flow", flow->head.name);
		ctl_json_text(&tally->json, "file", test->head.place.file);
		ctl_json_number(&tally->json, "line", test->head.place.line);
		ctl_json_text(&tally->json, "name", title);
		ctl_json_boolean(&tally->json, "passed", passed);
		ctl_json_text(&tally->json, "difference", text);
		ctl_json_close(&tally->json, '}');
		return;
	}
	if (passed && tally->ctl->quiet)
		return;
	ctl_print("%s %s:%u flow %s%s%s\n", passed ? "ok    " : "FAILED", test->head.place.file, test->head.place.line, flow->head.name,
	       title[0] != '\0' ? ": " : "", title);
	if (!passed && text != NULL)
		ctl_print("%s%s", text, text[0] != '\0' && text[strlen(text) - 1] == '\n' ? "" : "\n");
}

static void
run_flow(struct tally *tally, const struct model *model, const struct lookups *lookups, const struct config_flow *flow)
{
	for (uint32_t i = 0; i < flow->test_count; i++) {
		struct buffer difference;
		struct error err = { 0 };
		int result;

		buffer_init(&difference, 0);
		result = tests_run(model, lookups, flow, &flow->tests[i], &difference, &err);
		if (result < 0)
			buffer_format(&difference, "%s%s%s\n%s%s", err.place, err.place[0] != '\0' ? ": " : "", err.message, err.detail,
			              err.detail[0] != '\0' ? "\n" : "");
		say(tally, flow, &flow->tests[i], result == 1, &difference);
		buffer_free(&difference);
	}
}

enum ctl_exit
verb_test(struct ctl *ctl)
{
	const char *only = ctl_value(ctl, "flow");
	struct tally tally = { .ctl = ctl };
	struct lookups lookups = { NULL, 0 };
	struct loaded loaded;
	struct error err;
	enum ctl_exit status;

	loaded_begin(ctl, &loaded);
	status = loaded_need(ctl, &loaded);
	buffer_init(&tally.json, 0);
	ctl_json_open(&tally.json, NULL, '[');
	if (status == CTL_DONE && only != NULL && config_flow(loaded.model, only) == NULL) {
		(void)error_set(&err, ERROR_USAGE, "`syncline describe` lists the flows.", "there is no flow \"%s\"", only);
		ctl_say_error(ctl, &err);
		status = CTL_USAGE;
	}
	if (status == CTL_DONE && lookups_load(loaded.model, NULL, &lookups, &err) != 0) {
		ctl_say_error(ctl, &err);
		status = CTL_FAILED;
	}
	for (uint32_t i = 0; status == CTL_DONE && i < loaded.model->flow_count; i++)
		if (only == NULL || strcmp(only, loaded.model->flows[i].head.name) == 0)
			run_flow(&tally, loaded.model, &lookups, &loaded.model->flows[i]);
	ctl_json_close(&tally.json, ']');
	if (status == CTL_DONE) {
		status = tally.failed > 0 ? CTL_FAILED : CTL_DONE;
		if (ctl->json)
			status = ctl_json_print(&tally.json, status);
		else
			ctl_print("%u passed, %u failed\n", tally.passed, tally.failed);
		if (tally.passed + tally.failed == 0)
			ctl_say(ctl, "no test stands in `tests` of %s%s", only != NULL ? "the flow " : "any flow", only != NULL ? only : "");
	}
	buffer_free(&tally.json);
	lookups_free(&lookups);
	loaded_free(&loaded);
	return status;
}
