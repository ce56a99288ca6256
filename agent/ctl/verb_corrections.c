/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_corrections.c: `syncline corrections`: the values that a person put in the place of rejected ones: listed, changed, ended. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/listing.h"
#include "ledger/findings.h"
#include "ledger/records.h"

struct corrections {
	struct listing listing;
	uint32_t flow, unit;
};

static int
each_correction(void *data, const struct ledger_correction *c)
{
	struct corrections *view = data;
	struct listing *listing = &view->listing;
	const struct config_binding *binding = ledger_binding(listing->ledger, c->binding);
	struct buffer *json = &listing->json;
	char id[24], key[80], applied[24], at[32];

	if ((view->unit != 0 && c->unit != view->unit) ||
	    (view->flow != 0 && (binding == NULL || ledger_flow_id(listing->ledger, binding->flow) != view->flow)))
		return 0;
	if (!listing->ctl->json) {
		snprintf(key, sizeof key, "%.*s", (int)(c->native.length < 60 ? c->native.length : 60), c->native.length > 0 ? (const char *)c->native.data : "");
		listing_row(listing, (const char *const[]){ listing_number(c->id, id), ledger_binding_name(listing->ledger, c->binding),
			ledger_unit_name(listing->ledger, c->unit), key, c->field, c->value != NULL ? c->value : "(null)",
			listing_number((int64_t)c->applied, applied), c->ended_us != 0 ? "ended" : "holds", opened_time(c->at_us, at), c->who != NULL ? c->who : "",
			c->why != NULL ? c->why : "" });
		return 0;
	}
	ctl_json_open(json, NULL, '{');
	ctl_json_number(json, "id", c->id);
	ctl_json_text(json, "binding", ledger_binding_name(listing->ledger, c->binding));
	ctl_json_text(json, "unit", ledger_unit_name(listing->ledger, c->unit));
	listing_json_slice(json, "native", c->native);
	ctl_json_text(json, "field", c->field);
	ctl_json_text(json, "value", c->value);
	ctl_json_number(json, "applied", (long long)c->applied);
	listing_json_time(json, "since", c->at_us);
	listing_json_time(json, "ended", c->ended_us);
	ctl_json_text(json, "who", c->who);
	ctl_json_text(json, "why", c->why);
	ctl_json_close(json, '}');
	return 0;
}

static enum ctl_exit
list_all(struct ctl *ctl, struct opened *opened)
{
	static const char *const heads[] = { "ID", "BINDING", "UNIT", "KEY", "FIELD", "VALUE", "USED", "STATE", "SINCE", "WHO", "WHY" };
	struct corrections view = { .flow = 0 };
	struct error err = { 0 };
	enum ctl_exit status;
	int result;

	if ((status = listing_choose(ctl, opened, ctl_value(ctl, "flow"), &view.flow, &view.unit)) != CTL_DONE)
		return status;
	listing_begin(&view.listing, ctl, opened, '[', 11, 1u | 1u << 6, heads);
	result = ledger_corrections(opened->ledger, ctl_value(ctl, "all") != NULL, each_correction, &view, &err);
	return listing_end(&view.listing, ']', result, &err, "no correction holds", CTL_DONE);
}

/* One, as it stands. */
static enum ctl_exit
show(struct ctl *ctl, struct opened *opened, const struct ledger_correction *c)
{
	static const char *const heads[] = { "ID", "BINDING", "UNIT", "KEY", "FIELD", "VALUE", "USED", "STATE", "SINCE", "WHO", "WHY" };
	struct corrections view = { .flow = 0 };
	struct error err = { 0 };

	listing_begin(&view.listing, ctl, opened, '[', 11, 1u | 1u << 6, heads);
	return listing_end(&view.listing, ']', each_correction(&view, c), &err, NULL, CTL_DONE);
}

/* Would its field take the value?  As it stood in a row of it that was rejected. */
struct fitting {
	struct ledger *ledger;
	const struct ledger_correction *correction;
	bool known;
	struct error *err;
};

static int
fits(void *data, const struct ledger_finding *finding)
{
	struct fitting *fitting = data;
	const struct ledger_correction *c = fitting->correction;
	struct batch *row = NULL, *copy;
	int field, result = 0;

	if (finding->native.length != c->native.length || memcmp(finding->native.data, c->native.data, c->native.length) != 0)
		return 0;
	if (ledger_finding_row_get(fitting->ledger, finding->id, &row, fitting->err) != 0)
		return -1;
	if (row != NULL && (field = batch_find_field(row, c->field, strlen(c->field))) >= 0) {
		fitting->known = true;
		if ((copy = batch_copy(row, fitting->err)) == NULL || batch_put_text(copy, 0, (uint32_t)field, c->value, fitting->err) != 0)
			result = -1;
		batch_free(copy);
	}
	batch_free(row);
	return result;
}

static int
check_value(struct ledger *ledger, const struct ledger_correction *c, struct error *err)
{
	const struct config_binding *binding = ledger_binding(ledger, c->binding);
	struct ledger_finding_filter filter = { .kind = LEDGER_FINDING_REJECT, .unit = c->unit, .all = true };
	struct fitting fitting = { .ledger = ledger, .correction = c, .err = err };

	if (binding == NULL)
		return error_set(err, ERROR_LEDGER_FINDING, "End it, or bring the binding back.", "the binding of correction %" PRId64 " is configured no more", c->id);
	filter.object = ledger_object_id(ledger, binding->object);
	if (ledger_findings(ledger, &filter, fits, &fitting, err) != 0)
		return -1;
	return fitting.known ? 0 : error_set(err, ERROR_LEDGER_FINDING, "End it; when its row is rejected then, `syncline rejects edit` corrects it.",
	                                     "no row of correction %" PRId64 " is kept any more", c->id);
}

/* edit, end (archive), retry: in a transaction. */
static int
change(struct ledger *ledger, const char *action, struct ledger_correction *c, const char *value, const char *why, struct error *err)
{
	if (strcmp(action, "edit") == 0) {
		if (c->ended_us != 0)
			return error_set(err, ERROR_LEDGER_FINDING, "When its row is rejected again, `syncline rejects edit` corrects it.",
			                 "correction %" PRId64 " has ended", c->id);
		c->value = value;
		c->why = why;
		c->who = NULL;
		c->at_us = 0;
		if (check_value(ledger, c, err) != 0 || ledger_correction_add(ledger, c, &c->id, err) != 0)
			return -1;
	} else if (strcmp(action, "retry") != 0 && ledger_correction_end(ledger, c->id, why, err) != 0) {
		return -1;
	}
	return ledger_correction_look(ledger, c, err);
}

static enum ctl_exit
act(struct ctl *ctl, struct opened *opened, const char *action, const char *why)
{
	struct listing listing = { .ctl = ctl, .opened = opened, .ledger = opened->ledger };
	const char *value = ctl->operand_count > 2 ? ctl->operands[2] : NULL, *off;
	const struct config_binding *binding;
	struct ledger_correction c;
	struct error err = { 0 };
	struct arena arena;
	enum ctl_exit status;
	char next[512];
	int64_t id;

	if ((status = opened_number(ctl, "number of a correction", ctl->operands[1], &id)) != CTL_DONE)
		return status;
	arena_init(&arena, 0);
	if (ledger_correction_get(opened->ledger, id, &arena, &c, &err) != 0)
		status = opened_error(ctl, &err);
	else if (strcmp(action, "show") == 0)
		status = show(ctl, opened, &c);
	else if (ledger_begin(opened->ledger, &err) != 0)
		status = opened_error(ctl, &err);
	else if (change(opened->ledger, action, &c, value, why, &err) != 0) {
		ledger_rollback(opened->ledger);
		status = opened_error(ctl, &err);
	} else if (ledger_commit(opened->ledger, &err) != 0 || ledger_correction_get(opened->ledger, c.id, &arena, &c, &err) != 0) {
		status = opened_error(ctl, &err);
	} else if ((status = show(ctl, opened, &c)) == CTL_DONE && (binding = ledger_binding(opened->ledger, c.binding)) != NULL) {
		if (listing_next(&listing, ledger_flow_id(opened->ledger, binding->flow), c.unit, next, &off, &err) != 0)
			status = opened_error(ctl, &err);
		else
			listing_say_next(ctl, next, off);
	}
	arena_free(&arena);
	return status;
}

static const struct action {
	const char *name;
	int words; /* behind it, and the value of edit */
	bool changes, why;
} actions[] = {
	{ "list", 0, false, false }, { "show", 1, false, false }, { "edit", 1, true, true }, { "end", 1, true, true },
	{ "archive", 1, true, true }, { "retry", 1, true, false }, { NULL, 0, false, false },
};

/* A value, or none with --null. */
static bool
right_words(const struct ctl *ctl, const struct action *action)
{
	int words = ctl->operand_count > 0 ? ctl->operand_count - 1 : 0;
	bool null = ctl_value(ctl, "null") != NULL, edit = strcmp(action->name, "edit") == 0;

	return words == action->words + (edit && !null) && (edit || !null);
}

enum ctl_exit
verb_corrections(struct ctl *ctl)
{
	const char *word = ctl->operand_count > 0 ? ctl->operands[0] : "list", *why = NULL;
	const struct action *action = actions;
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;

	while (action->name != NULL && strcmp(action->name, word) != 0)
		action++;
	if (action->name == NULL || !right_words(ctl, action)) {
		(void)error_set(&err, ERROR_USAGE, "It is: syncline corrections [list | show ID | edit ID VALUE | end ID | retry ID], with --why TEXT for edit and end; "
		                "--null instead of VALUE for none.", action->name == NULL ? "`corrections` cannot \"%s\"" : "`corrections %s` has too few or too many operands", word);
		return opened_error(ctl, &err);
	}
	if (action->why && (status = opened_why(ctl, &why)) != CTL_DONE)
		return status;
	if ((status = opened_begin(ctl, &opened, action->changes ? LEDGER_VISITOR : LEDGER_READER)) == CTL_DONE)
		status = strcmp(word, "list") == 0 ? list_all(ctl, &opened) : act(ctl, &opened, word, why);
	opened_close(&opened);
	return status;
}
