/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_runs.c: `syncline runs`: what ran. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ctl/listing.h"
#include "ledger/runs.h"

static int
show_run(void *data, const struct ledger_run *run)
{
	struct listing *view = data;
	char started[32], ended[32], number[24];
	char trace[LEDGER_TRACE + 1];
	struct buffer text;
	bool silent;
	const char *state = listing_run_state(view->ledger, run, &silent);

	if (view->ctl->json) {
		ctl_json_open(&view->json, NULL, '{');
		ctl_json_number(&view->json, "run", run->number);
		ctl_json_text(&view->json, "flow", ledger_flow_name(view->ledger, run->flow));
		ctl_json_text(&view->json, "unit", ledger_unit_name(view->ledger, run->unit));
		ctl_json_text(&view->json, "cause", run->cause);
		ctl_json_text(&view->json, "who", run->who);
		ctl_json_text(&view->json, "state", state);
		ctl_json_text(&view->json, "started", opened_time(run->started_us, started));
		ctl_json_text(&view->json, "ended", run->ended_us != 0 ? opened_time(run->ended_us, ended) : NULL);
		ctl_json_number(&view->json, "plan", run->plan);
		ledger_run_trace(view->ledger, run, trace);
		ctl_json_text(&view->json, "correlation", trace);
		ctl_json_text(&view->json, "message", silent ? LISTING_SILENT : run->message);
		listing_json_counts(&view->json, run->counts);
		ctl_json_close(&view->json, '}');
		return 0;
	}
	buffer_init(&text, 0);
	snprintf(number, sizeof number, "%lld", (long long)run->number);
	listing_row(view, (const char *const[]){ number, ledger_flow_name(view->ledger, run->flow), ledger_unit_name(view->ledger, run->unit),
		state, opened_time(run->started_us, started), run->cause != NULL ? run->cause : "",
		silent ? LISTING_SILENT : listing_counts(run->counts, &text) });
	buffer_free(&text);
	return 0;
}

enum ctl_exit
verb_runs(struct ctl *ctl)
{
	static const char *const heads[] = { "RUN", "FLOW", "UNIT", "STATE", "STARTED", "CAUSE", "WHAT" };
	struct listing view;
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;
	uint32_t flow = 0, unit = 0, limit;
	int result;

	if ((status = listing_limit(ctl, 20, &limit)) != CTL_DONE)
		return status;
	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE &&
	    (status = listing_choose(ctl, &opened, ctl->operand_count > 0 ? ctl->operands[0] : NULL, &flow, &unit)) == CTL_DONE) {
		listing_begin(&view, ctl, &opened, '[', 7, 1, heads);
		result = ledger_runs(opened.ledger, flow, unit, limit < 100000 ? limit : 100000, show_run, &view, &err);
		status = listing_end(&view, ']', result, &err, "nothing ran yet", CTL_DONE);
	}
	opened_close(&opened);
	return status;
}
