/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_position.c: `syncline position`: where reading stands (per object and credentials) and up to where what was read is
 * applied (per flow and unit), and putting either elsewhere.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/listing.h"
#include "ledger/staging.h"

struct view {
	struct listing listing;
	uint32_t object; /* 0: all */
	uint32_t flow;   /* 0: all, and reading */
	uint32_t unit;   /* of a flow, or with its credentials */
	bool all_units;
};

/* As text where it is one, else "hex:…". */
static const char *
position_text(struct syncline_slice position, struct buffer *text)
{
	const unsigned char *bytes = position.data;

	buffer_clear(text);
	if (position.length > 0 && text_is_utf8(position.data, position.length)) {
		buffer_append(text, position.data, position.length);
	} else if (position.length > 0) {
		buffer_text(text, "hex:");
		for (size_t i = 0; i < position.length; i++)
			buffer_format(text, "%02x", bytes[i]);
	}
	return buffer_string(text);
}

static int
each_position(void *data, const struct ledger_position_row *row)
{
	struct view *view = data;
	struct listing *listing = &view->listing;
	const struct ledger *ledger = listing->ledger;
	struct buffer *json = &listing->json, text;
	char staged[24], moved[32];

	if ((view->object != 0 && row->object != view->object) || (view->flow != 0 && row->flow != view->flow) ||
	    (!view->all_units && row->unit != view->unit && row->credentials != view->unit))
		return 0;
	buffer_init(&text, 0);
	if (!listing->ctl->json) {
		listing_row(listing, (const char *const[]){ ledger_object_name(ledger, row->object), row->credentials != 0 ? ledger_unit_name(ledger, row->credentials) : "",
			row->flow != 0 ? ledger_flow_name(ledger, row->flow) : "(reading)", row->flow != 0 ? ledger_unit_name(ledger, row->unit) : "",
			listing_number(row->staged, staged), opened_time(row->moved_us, moved), row->doubted ? "doubted" : "", position_text(row->position, &text) });
	} else {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "object", ledger_object_name(ledger, row->object));
		ctl_json_text(json, "credentials", row->credentials != 0 ? ledger_unit_name(ledger, row->credentials) : NULL);
		ctl_json_text(json, "flow", row->flow != 0 ? ledger_flow_name(ledger, row->flow) : NULL);
		ctl_json_text(json, "unit", row->flow != 0 ? ledger_unit_name(ledger, row->unit) : NULL);
		ctl_json_number(json, "staged", row->staged);
		ctl_json_text(json, "position", row->position.length > 0 ? position_text(row->position, &text) : NULL);
		listing_json_time(json, "moved", row->moved_us);
		ctl_json_boolean(json, "doubted", row->doubted);
		ctl_json_close(json, '}');
	}
	buffer_free(&text);
	return 0;
}

/* "erp.people" */
static enum ctl_exit
find_object(const struct ctl *ctl, const struct opened *opened, const char *name, const struct config_object **ret_object)
{
	const struct model *model = opened->loaded.model;
	char hint[300] = "It is SYSTEM.OBJECT; `syncline position` lists those that were read.", full[300];
	struct error err = { 0 };
	struct arena arena;
	const char **names, *near;
	uint32_t count = 0, room = 0;

	for (uint32_t s = 0; s < model->system_count; s++)
		room += model->systems[s].object_count;
	arena_init(&arena, 0);
	names = arena_array(&arena, room + 1, sizeof *names);
	for (uint32_t s = 0; s < model->system_count; s++)
		for (uint32_t o = 0; o < model->systems[s].object_count; o++) {
			snprintf(full, sizeof full, "%.140s.%.140s", model->systems[s].head.name, model->systems[s].objects[o].head.name);
			if (strcmp(full, name) == 0) {
				*ret_object = &model->systems[s].objects[o];
				arena_free(&arena);
				return CTL_DONE;
			}
			if (names != NULL && (names[count] = arena_text(&arena, full)) != NULL)
				count++;
		}
	if ((near = text_nearest(name, names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%.250s`?", near);
	arena_free(&arena);
	(void)error_set(&err, ERROR_USAGE, hint, "there is no object \"%s\"", name);
	return opened_error(ctl, &err);
}

static enum ctl_exit
list_positions(struct ctl *ctl, struct opened *opened, const struct config_object *object, bool narrow)
{
	static const char *const heads[] = { "OBJECT", "CREDENTIALS", "FLOW", "UNIT", "STAGED", "MOVED", "", "POSITION" };
	struct view view = { .object = object != NULL ? ledger_object_id(opened->ledger, object) : 0 };
	const char *name = ctl_value(ctl, "flow");
	const struct config_flow *flow = NULL;
	const struct config_unit *unit;
	struct error err = { 0 };
	enum ctl_exit status;
	int result;

	if ((name != NULL && (status = opened_flow(ctl, opened, name, &flow)) != CTL_DONE) ||
	    (status = opened_unit(ctl, opened, flow, &unit, &view.all_units)) != CTL_DONE)
		return status;
	/* What was put elsewhere is shown beside all others. */
	if (!narrow) {
		flow = NULL;
		view.all_units = true;
	}
	view.flow = flow != NULL ? ledger_flow_id(opened->ledger, flow) : 0;
	view.unit = unit != NULL ? ledger_unit_id(opened->ledger, unit) : 0;
	view.unit = unit != NULL && view.unit == 0 ? UINT32_MAX : view.unit; /* it never ran: the house's are not its */

	listing_begin(&view.listing, ctl, opened, '[', 8, 1u << 4, heads);
	result = ledger_positions(opened->ledger, each_position, &view, &err);
	return listing_end(&view.listing, ']', result, &err, "nothing was read yet", CTL_DONE);
}

static int
unhex(const char *text, struct buffer *out)
{
	size_t length = strlen(text);

	for (size_t i = 0; i + 1 < length; i += 2) {
		unsigned byte;
		char two[3] = { text[i], text[i + 1], '\0' };

		if (strspn(two, "0123456789abcdefABCDEF") != 2 || sscanf(two, "%2x", &byte) != 1)
			return -1;
		buffer_char(out, (char)byte);
	}
	return length % 2 == 0 && length > 0 && !out->failed ? 0 : -1;
}

static uint32_t
credentials_of(const struct ledger *ledger, const struct config_object *object, const struct config_unit *unit)
{
	const struct config_unit_system *at = unit != NULL ? config_unit_system(unit, object->system->head.name) : NULL;

	return at != NULL && at->has_settings ? ledger_unit_id(ledger, unit) : 0;
}

static int
put(struct ledger *ledger, const struct config_object *object, const struct config_unit *unit,
    const struct config_flow *flow, const struct syncline_slice *position, int64_t staged, const char *why, struct error *err)
{
	uint32_t credentials = credentials_of(ledger, object, unit), id = ledger_object_id(ledger, object);
	int result;

	if (ledger_begin(ledger, err) != 0)
		return -1;
	result = position != NULL ? ledger_position_set(ledger, id, credentials, *position, why, err) :
	                            ledger_applied_set(ledger, id, credentials, ledger_flow_id(ledger, flow), ledger_unit_id(ledger, unit), staged, why, err);
	if (result == 0)
		return ledger_commit(ledger, err);
	ledger_rollback(ledger);
	return -1;
}

/* Of the position that all flows share that read the object: with these credentials, and not off. */
static enum ctl_exit
any_reads(struct ctl *ctl, struct opened *opened, const struct config_object *object, const struct config_unit *unit)
{
	const struct model *model = opened->loaded.model;
	uint32_t wanted = credentials_of(opened->ledger, object, unit);
	bool read = false;
	struct error err = { 0 };

	for (uint32_t i = 0; i < model->flow_count; i++) {
		const struct config_flow *flow = &model->flows[i];
		bool reads = false;

		for (uint32_t b = 0; b < flow->binding_count; b++)
			reads = reads || (flow->bindings[b].reads && flow->bindings[b].object == object);
		for (uint32_t u = 0; reads && u < (flow->units.count > 0 ? flow->units.count : 1); u++) {
			const struct config_unit *at = flow->units.count > 0 ? config_unit(model, flow->units.items[u]) : NULL;
			struct ledger_flag flag;

			if (credentials_of(opened->ledger, object, at) != wanted)
				continue;
			read = true;
			if (ledger_flag_get(opened->ledger, ledger_flow_id(opened->ledger, flow), ledger_unit_id(opened->ledger, at), 0, &flag, &err) != 0)
				return opened_error(ctl, &err);
			if (flag.mode != LEDGER_FLAG_OFF)
				return CTL_DONE;
		}
	}
	if (read)
		(void)error_set(&err, ERROR_LEDGER_FLAG, "Set one of them to preview first.  What is switched on is read in full, wherever the position is.",
		                "every flow that reads %s.%s is off", object->system->head.name, object->head.name);
	else
		(void)error_set(&err, ERROR_USAGE, "Name the unit whose credentials it is read with: --unit.", "no flow reads %s.%s so", object->system->head.name,
		                object->head.name);
	return opened_error(ctl, &err);
}

static enum ctl_exit
change(struct ctl *ctl, struct opened *opened, const struct config_object *object, bool rewind, const char *why)
{
	const char *value = ctl->operand_count > 2 ? ctl->operands[2] : NULL, *name = ctl_value(ctl, "flow");
	struct syncline_slice position = { "", 0 };
	const struct config_flow *flow = NULL;
	const struct config_unit *unit;
	struct error err = { 0 };
	enum ctl_exit status;
	struct buffer bytes;
	int64_t staged = 0;
	bool all;
	int result;

	if (name != NULL && (status = opened_flow(ctl, opened, name, &flow)) != CTL_DONE)
		return status;
	if ((status = opened_unit(ctl, opened, flow, &unit, &all)) != CTL_DONE)
		return status;
	if (rewind ? (value != NULL) != (flow != NULL) : value == NULL) {
		(void)error_set(&err, ERROR_USAGE,
		                "set OBJECT POSITION; rewind OBJECT reads it from the beginning; rewind OBJECT STAGED --flow FLOW applies again from there.",
		                "%s", rewind ? "a staged batch goes with --flow, and neither goes alone" : "`position set` needs a position");
		return opened_error(ctl, &err);
	}
	if (flow != NULL && all && flow->units.count > 0) {
		(void)error_set(&err, ERROR_USAGE, "Say for which unit with --unit.", "the flow %s has units", flow->head.name);
		return opened_error(ctl, &err);
	}
	if (rewind && value != NULL && (status = opened_number(ctl, "number of a staged batch", value, &staged)) != CTL_DONE)
		return status;
	if ((status = flow != NULL && rewind ? opened_allowed(ctl, opened, flow, unit, false) : any_reads(ctl, opened, object, unit)) != CTL_DONE)
		return status;
	buffer_init(&bytes, 0);
	if (!rewind) {
		position = (struct syncline_slice){ value, strlen(value) };
		if (strncmp(value, "hex:", 4) == 0) {
			if (unhex(value + 4, &bytes) != 0) {
				buffer_free(&bytes);
				(void)error_set(&err, ERROR_USAGE, "Copy it from `syncline position`.", "\"%s\" is no position", value);
				return opened_error(ctl, &err);
			}
			position = (struct syncline_slice){ bytes.data, bytes.length };
		}
	}
	result = put(opened->ledger, object, unit, flow, flow == NULL || !rewind ? &position : NULL, staged, why, &err);
	buffer_free(&bytes);
	return result == 0 ? list_positions(ctl, opened, object, false) : opened_error(ctl, &err);
}

enum ctl_exit
verb_position(struct ctl *ctl)
{
	const char *word = ctl->operand_count > 0 ? ctl->operands[0] : "list", *why = NULL;
	bool rewind = strcmp(word, "rewind") == 0, changes = rewind || strcmp(word, "set") == 0;
	const struct config_object *object = NULL;
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;

	if ((!changes && strcmp(word, "list") != 0) || (changes && ctl->operand_count < 2) || (!changes && ctl->operand_count > 2)) {
		(void)error_set(&err, ERROR_USAGE, "It is: syncline position [list [OBJECT] | set OBJECT POSITION | rewind OBJECT [STAGED --flow FLOW]]",
		                "`position` cannot \"%s\" so", word);
		return opened_error(ctl, &err);
	}
	if (changes && (status = opened_why(ctl, &why)) != CTL_DONE)
		return status;
	status = opened_begin(ctl, &opened, changes ? LEDGER_VISITOR : LEDGER_READER);
	if (status == CTL_DONE && ctl->operand_count > 1)
		status = find_object(ctl, &opened, ctl->operands[1], &object);
	if (status == CTL_DONE)
		status = changes && object != NULL ? change(ctl, &opened, object, rewind, why) : list_positions(ctl, &opened, object, true);
	opened_close(&opened);
	return status;
}
