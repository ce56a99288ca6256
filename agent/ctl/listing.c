/* SPDX-License-Identifier: BSD-2-Clause */
/* listing.c: see listing.h. */
#include "ctl/listing.h"
#include "ledger/runs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

void
listing_begin(struct listing *listing, const struct ctl *ctl, struct opened *opened, char bracket, size_t columns, unsigned right,
              const char *const *heads)
{
	memset(listing, 0, sizeof *listing);
	listing->ctl = ctl;
	listing->opened = opened;
	listing->ledger = opened->ledger;
	buffer_init(&listing->json, 0);
	ctl_json_open(&listing->json, NULL, bracket);
	ctl_table_init(&listing->table, columns, right, heads);
}

void
listing_row(struct listing *listing, const char *const *cells)
{
	ctl_table_row(&listing->table, cells);
	listing->shown++;
}

enum ctl_exit
listing_end(struct listing *listing, char bracket, int result, const struct error *err, const char *nothing, enum ctl_exit status)
{
	const struct ctl *ctl = listing->ctl;

	ctl_json_close(&listing->json, bracket);
	if (result != 0 || ctl->json || listing->shown == 0)
		ctl_table_drop(&listing->table);
	else
		ctl_table_print(&listing->table);
	if (result == 0 && ctl->json)
		return ctl_json_print(&listing->json, status);
	buffer_free(&listing->json);
	if (result != 0)
		return opened_error(ctl, err);
	if (listing->shown == 0 && nothing != NULL)
		ctl_say(ctl, "%s", nothing);
	return status;
}

enum ctl_exit
listing_choose(const struct ctl *ctl, const struct opened *opened, const char *name, uint32_t *ret_flow, uint32_t *ret_unit)
{
	const struct config_flow *flow = NULL;
	const struct config_unit *unit;
	enum ctl_exit status = CTL_DONE;
	bool all = true;

	if (name != NULL)
		status = opened_flow(ctl, opened, name, &flow);
	if (status == CTL_DONE)
		status = opened_unit(ctl, opened, flow, &unit, &all);
	if (status == CTL_DONE) {
		*ret_flow = flow != NULL ? ledger_flow_id(opened->ledger, flow) : 0;
		*ret_unit = all ? 0 : ledger_unit_id(opened->ledger, unit);
	}
	return status;
}

enum ctl_exit
listing_limit(const struct ctl *ctl, uint32_t unless, uint32_t *ret_limit)
{
	const char *text = ctl_value(ctl, "limit");
	int64_t number = unless;
	enum ctl_exit status = text != NULL ? opened_number(ctl, "number of rows", text, &number) : CTL_DONE;

	*ret_limit = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
	return status;
}

const char *
listing_age(int64_t us, char *text)
{
	int64_t s = us > 0 ? us / 1000000 : 0;

	if (s < 120)
		snprintf(text, 32, "%" PRId64 " s", s);
	else if (s < 2 * 3600)
		snprintf(text, 32, "%" PRId64 " min", s / 60);
	else if (s < 48 * 3600)
		snprintf(text, 32, "%" PRId64 " h", s / 3600);
	else
		snprintf(text, 32, "%" PRId64 " d", s / 86400);
	return text;
}

const char *
listing_number(int64_t number, char text[24])
{
	snprintf(text, 24, "%" PRId64, number);
	return text;
}

const char *
listing_target(const struct ledger *ledger, uint32_t binding)
{
	const char *name = ledger_binding_name(ledger, binding), *dot = strchr(name, '.');

	return dot != NULL ? dot + 1 : name;
}

int
listing_next(const struct listing *listing, uint32_t flow, uint32_t unit, char text[512], const char **ret_off, struct error *err)
{
	const char *name = ledger_flow_name(listing->ledger, flow), *at = ledger_unit_name(listing->ledger, unit);
	struct ledger_flag flag = { 0 };
	bool off;

	if (ledger_flag_get(listing->ledger, flow, unit, 0, &flag, err) != 0)
		return -1;
	off = flag.mode == LEDGER_FLAG_OFF || flag.mode == LEDGER_FLAG_PAUSED;
	*ret_off = off ? ledger_flag_name((enum ledger_flag_mode)flag.mode) : NULL;
	snprintf(text, 512, off ? "syncline flag %.200s on%s%.200s --why TEXT" : "syncline run %.200s%s%.200s", name, at[0] != '\0' ? " --unit " : "", at);
	return 0;
}

void
listing_say_next(const struct ctl *ctl, const char *next, const char *off)
{
	if (off != NULL)
		ctl_say(ctl, "the flow is %s, and no run carries it out before it is on again: `%s`, and then `syncline run`", off, next);
	else if (ctl->service != NULL)
		ctl_say(ctl, "the agent carries it out now");
	else
		ctl_say(ctl, "`%s` carries it out", next);
}

void
listing_json_time(struct buffer *json, const char *name, int64_t us)
{
	char text[32];

	ctl_json_text(json, name, us != 0 ? opened_time(us, text) : NULL);
}

void
listing_json_slice(struct buffer *json, const char *name, struct syncline_slice slice)
{
	ctl_json_key(json, name);
	if (slice.length == 0)
		buffer_text(json, "null");
	else
		text_json_string(json, slice.data, slice.length);
}

const char *
listing_counts(const uint64_t *counts, struct buffer *text)
{
	buffer_clear(text);
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (counts[i] > 0 && i != LEDGER_COUNT_READ && i != LEDGER_COUNT_UNCHANGED)
			buffer_format(text, "%s%s %" PRIu64, text->length > 0 ? ", " : "", ledger_count_name((enum ledger_count)i), counts[i]);
	return buffer_string(text) != NULL ? buffer_string(text) : "";
}

void
listing_json_counts(struct buffer *json, const uint64_t *counts)
{
	ctl_json_open(json, "counts", '{');
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		ctl_json_number(json, ledger_count_name((enum ledger_count)i), (long long)counts[i]);
	ctl_json_close(json, '}');
}

const char *
listing_run_state(const struct ledger *ledger, const struct ledger_run *run, bool *ret_silent)
{
	bool silent = run->state == LEDGER_RUN_RUNNING && !ledger_engine_works(ledger);

	if (ret_silent != NULL)
		*ret_silent = silent;
	return ledger_run_state_name(silent ? LEDGER_RUN_STOPPED : (enum ledger_run_state)run->state);
}
