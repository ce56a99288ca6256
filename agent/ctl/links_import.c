/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * links_import.c: see links.h: pairs of native records that are one, from a CSV file with a head.  One column is the system
 * whose links are made (or `native`), another the native id at another system of the flow, or `record` or `external_id`.
 *
 * A pair of which neither is known yet becomes a record without values, linked to both: the next run finds both links without
 * an agreed base and takes each value from where the rules say.  So nothing is created twice that was there twice before.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/links.h"
#include "ledger/deliveries.h"
#include "ledger/records.h"

#define FAULTS_SHOWN 100u

enum other { OTHER_NONE, OTHER_SYSTEM, OTHER_RECORD, OTHER_EXTERNAL };

struct import {
	struct ctl *ctl;
	struct opened *opened;
	struct ledger *ledger;
	const struct config_flow *flow;
	const struct config_entity *entity;
	const struct config_unit *unit;
	uint32_t unit_id, object, other_object;
	enum other other;
	int at, other_at; /* columns */
	char separator;
	uint32_t columns; /* of the head */
	uint64_t line, linked, known, records, faults;
	struct buffer json;
	struct arena arena; /* of a line */
	const char *why;
};

/* What a column says: 1 it is the system's own, 2 the other side, 0 neither. */
static int
column(struct import *import, const char *name)
{
	const struct config_binding *binding = config_binding(import->flow, name);

	if (strcmp(name, import->ctl->operands[2]) == 0 || strcmp(name, "native") == 0)
		return 1;
	if (strcmp(name, "record") == 0 || strcmp(name, "external_id") == 0)
		return 2;
	return binding != NULL && binding->attach_to == NULL ? 2 : 0;
}

static void
take_column(struct import *import, const char *name, int at)
{
	if (column(import, name) == 1) {
		import->at = at;
	} else if (strcmp(name, "record") == 0 || (strcmp(name, "external_id") == 0 && import->other != OTHER_RECORD)) {
		import->other = name[0] == 'r' ? OTHER_RECORD : OTHER_EXTERNAL;
		import->other_at = at;
	} else if (column(import, name) == 2 && import->other == OTHER_NONE) {
		import->other = OTHER_SYSTEM;
		import->other_object = ledger_object_id(import->ledger, config_binding(import->flow, name)->object);
		import->other_at = at;
	}
}

/* The first line once more, now that the separator is known from it. */
static char
separator_of(struct links_lines *lines)
{
	const char *raw = buffer_string(&lines->raw);

	return raw == NULL ? ',' : strchr(raw, ';') != NULL ? ';' : strchr(raw, '\t') != NULL ? '\t' : ',';
}

static int
read_head(struct import *import, struct links_lines *lines, struct error *err)
{
	const char *system = import->ctl->operands[2], *wrong;
	char *cells[LINKS_CELLS_MAX];
	uint32_t count = 0;
	int got = links_lines_next(lines, '\n', cells, 0, &count, &wrong, err);

	import->line = lines->line;
	if (got == 1) {
		import->separator = separator_of(lines);
		buffer_clear(&lines->again);
		buffer_append(&lines->again, lines->raw.data, lines->raw.length);
		lines->at = 0;
		lines->next = 1;
		got = links_lines_next(lines, import->separator, cells, LINKS_CELLS_MAX, &count, &wrong, err);
	}
	if (got < 0)
		return -1;
	if (got == 1 && wrong != NULL)
		return error_set(err, ERROR_USAGE, "Correct the head of the file.", "%s", wrong);
	import->columns = count;
	if (got == 1 && strncmp(cells[0], "\xEF\xBB\xBF", 3) == 0)
		cells[0] += 3;
	import->at = import->other_at = -1;
	for (uint32_t i = 0; i < count && i < LINKS_CELLS_MAX; i++) {
		for (uint32_t k = 0; k < i; k++)
			if (column(import, cells[i]) != 0 && (strcmp(cells[i], cells[k]) == 0 || (column(import, cells[i]) == 1 && column(import, cells[k]) == 1)))
				return error_set(err, ERROR_USAGE, "Rename or remove the one that is not meant.", "two columns of the head, %s and %s, say the same",
				                 cells[k], cells[i]);
		take_column(import, cells[i], (int)i);
	}
	if (import->at >= 0 && import->other_at >= 0)
		return 0;
	return error_set(err, ERROR_USAGE, "One column bears the name of the system (or \"native\"), another that of another system of the flow, "
	                                   "\"record\" or \"external_id\".",
	                 "the head of the file names no pair: a column \"%s\" and one that says to what it is linked", system);
}

static void
fault(struct import *import, const char *key, const char *message)
{
	if (import->faults++ >= FAULTS_SHOWN)
		return;
	if (import->ctl->json) {
		ctl_json_open(&import->json, NULL, '{');
		ctl_json_number(&import->json, "line", (long long)import->line);
		ctl_json_text(&import->json, "native", key);
		ctl_json_text(&import->json, "message", message);
		ctl_json_close(&import->json, '}');
	} else {
		ctl_print("line %" PRIu64 ": %s%s%s\n", import->line, key, key[0] != '\0' ? ": " : "", message);
	}
}

static int
history(struct import *import, int64_t record, enum ledger_event event, uint32_t object, struct syncline_slice native, struct error *err)
{
	const struct ledger_history row = { .record = record, .entity = ledger_entity_id(import->ledger, import->entity), .unit = import->unit_id,
		.object = object, .event = event, .generation = event == LEDGER_EVENT_CREATED, .native = native, .who = import->opened->who,
		.note = import->why };

	return ledger_history_add(import->ledger, &row, 1, err);
}

static int
make_link(struct import *import, int64_t record, uint32_t object, struct syncline_slice native, struct error *err)
{
	/* Nothing is known of any field: there is no agreed base. */
	uint64_t *nothing = arena_array(&import->arena, ledger_field_limit(import->ledger, import->entity) + 1u, sizeof *nothing);
	struct ledger_link link = { .object = object, .unit = import->unit_id, .native = native, .record = record, .state = LEDGER_LINK_LIVE,
		.sent = nothing, .seen = nothing };

	if (nothing == NULL)
		return error_memory(err);
	link.there = ledger_sequence(import->ledger);
	/* Whatever waits for a link of this record is claimed anew, and waits on if it was for another one. */
	if (ledger_links_put(import->ledger, import->entity, &link, 1, err) != 0 || ledger_deliveries_wake(import->ledger, 0, &record, 1, err) != 0)
		return -1;
	return history(import, record, LEDGER_EVENT_LINKED, object, native, err);
}

/* A record without values. */
static int
make_record(struct import *import, int64_t *ret_id, struct error *err)
{
	struct ledger_record record = { .unit = import->unit_id, .state = LEDGER_LIVE, .generation = 1, .updated_us = ledger_now(import->ledger) };

	if ((record.values = arena_array(&import->arena, import->entity->field_count + 1u, sizeof *record.values)) == NULL)
		return error_memory(err);
	for (uint32_t i = 0; i < import->entity->field_count; i++)
		record.values[i].type = SYNCLINE_TYPE_NULL;
	if (ledger_new_ids(import->ledger, 1, &record.id, err) != 0 || ledger_records_put(import->ledger, import->entity, &record, 1, err) != 0 ||
	    history(import, record.id, LEDGER_EVENT_CREATED, 0, (struct syncline_slice){ "", 0 }, err) != 0)
		return -1;
	import->records++;
	*ret_id = record.id;
	return 0;
}

static bool
usable(const struct ledger_link *link)
{
	return link->id != 0 && (link->state == LEDGER_LINK_LIVE || link->state == LEDGER_LINK_MISSING);
}

/* The record that the other column names; 0 with *ret_said: told as a fault, or (OTHER_SYSTEM) not linked yet. */
static int
find_other(struct import *import, const char *key, const char *other, int64_t *ret_record, bool *ret_said, struct error *err)
{
	struct syncline_slice native = { other, strlen(other) };
	struct ledger_record record = { .id = 0 };
	struct ledger_link link;
	int64_t id = 0;

	*ret_record = 0;
	*ret_said = false;
	if (import->other == OTHER_SYSTEM) {
		if (ledger_links_get(import->ledger, import->entity, import->other_object, import->unit_id, &native, 1, &import->arena, &link, err) != 0)
			return -1;
		if (usable(&link)) {
			*ret_record = link.record;
		} else if (link.id != 0) {
			fault(import, key, "its counterpart was linked before, and that link has ended");
			*ret_said = true;
		}
		return 0;
	}
	if (import->other == OTHER_EXTERNAL)
		id = ledger_record_of_external_id(import->ledger, other, native.length);
	else if (!text_to_integer(other, native.length, &id))
		id = 0;
	if (id > 0 && ledger_record_entity(import->ledger, id) == import->entity &&
	    ledger_records_get(import->ledger, import->entity, &id, 1, &import->arena, &record, err) != 0)
		return -1;
	if (record.id != 0 && record.state == LEDGER_LIVE && (record.unit == import->unit_id || import->entity->shared)) {
		*ret_record = id;
		return 0;
	}
	fault(import, key, "there is no live record of that number in this unit");
	*ret_said = true;
	return 0;
}

static int
take_pair(struct import *import, const char *key, const char *other, struct error *err)
{
	struct syncline_slice native = { key, strlen(key) };
	struct ledger_link link, there;
	int64_t record;
	bool said;

	if (native.length == 0 || other[0] == '\0') {
		fault(import, key, "one of the two is empty");
		return 0;
	}
	if (ledger_links_get(import->ledger, import->entity, import->object, import->unit_id, &native, 1, &import->arena, &link, err) != 0 ||
	    find_other(import, key, other, &record, &said, err) != 0)
		return -1;
	if (said)
		return 0;
	if (usable(&link) && link.record == record) {
		import->known++;
		return 0;
	}
	if (link.id != 0 && (!usable(&link) || record != 0)) {
		fault(import, key, usable(&link) ? "it is linked to another record" : "it was linked before, and that link has ended");
		return 0;
	}
	/* The one side is known: the other one joins it. */
	if (link.id != 0) {
		if (ledger_link_at(import->ledger, import->entity, link.record, import->other_object, &import->arena, &there, err) != 0)
			return -1;
		if (there.id != 0) {
			fault(import, key, "its record is linked to another counterpart");
			return 0;
		}
		import->linked++;
		return make_link(import, link.record, import->other_object, (struct syncline_slice){ other, strlen(other) }, err);
	}
	if (record != 0) {
		if (ledger_link_at(import->ledger, import->entity, record, import->object, &import->arena, &there, err) != 0)
			return -1;
		if (there.id != 0) {
			fault(import, key, "the record is linked to another native record there");
			return 0;
		}
	} else if (make_record(import, &record, err) != 0 ||
	           make_link(import, record, import->other_object, (struct syncline_slice){ other, strlen(other) }, err) != 0) {
		return -1;
	} else {
		import->linked++;
	}
	import->linked++;
	return make_link(import, record, import->object, native, err);
}

/* NULL, or why it can't be a native id. */
static const char *
unfit(const char *text)
{
	if (!text_is_utf8(text, strlen(text)))
		return "a cell is no UTF-8 text: save the file as UTF-8";
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7F)
			return "a cell holds a control character, as a tab or a line end: remove it";
	return NULL;
}

/* NULL, or what is wrong with the line. */
static const char *
check_line(const struct import *import, char *const *cells, uint32_t count)
{
	static _Thread_local char text[200];
	const char *wrong;
	uint32_t real = count;

	while (real > import->columns && real <= LINKS_CELLS_MAX && cells[real - 1][0] == '\0')
		real--;
	if (real > import->columns || (uint32_t)import->at >= count || (uint32_t)import->other_at >= count) {
		snprintf(text, sizeof text, "the line has %" PRIu32 " columns and the head %" PRIu32 ": quote a cell that holds the separator", count,
		         import->columns);
		return text;
	}
	wrong = unfit(cells[import->at]);
	return wrong != NULL ? wrong : unfit(cells[import->other_at]);
}

static int
take_file(struct import *import, FILE *file, struct error *err)
{
	char *cells[LINKS_CELLS_MAX];
	struct links_lines lines;
	const char *wrong;
	uint32_t count;
	int got = 0;

	links_lines_init(&lines, file);
	if (read_head(import, &lines, err) != 0) {
		links_lines_free(&lines);
		return -1;
	}
	while ((got = links_lines_next(&lines, import->separator, cells, LINKS_CELLS_MAX, &count, &wrong, err)) == 1) {
		import->line = lines.line;
		if (wrong == NULL && count == 1 && cells[0][0] == '\0')
			continue;
		if (wrong == NULL)
			wrong = check_line(import, cells, count);
		if (wrong != NULL) {
			fault(import, "", wrong);
			continue;
		}
		arena_reset(&import->arena);
		if (take_pair(import, cells[import->at], cells[import->other_at], err) != 0) {
			got = -1;
			break;
		}
	}
	links_lines_free(&lines);
	return got;
}

static enum ctl_exit
say(struct import *import, bool kept)
{
	struct ctl *ctl = import->ctl;
	enum ctl_exit status = !kept ? CTL_FAILED : import->faults > 0 ? CTL_FINDINGS : CTL_DONE;

	if (ctl->json) {
		ctl_json_close(&import->json, ']');
		ctl_json_boolean(&import->json, "kept", kept);
		ctl_json_number(&import->json, "links", kept ? (long long)import->linked : 0);
		ctl_json_number(&import->json, "records", kept ? (long long)import->records : 0);
		ctl_json_number(&import->json, "known", (long long)import->known);
		ctl_json_number(&import->json, "faults", (long long)import->faults);
		ctl_json_close(&import->json, '}');
		return ctl_json_print(&import->json, status);
	}
	if (import->faults > FAULTS_SHOWN)
		ctl_print("… and %" PRIu64 " more\n", import->faults - FAULTS_SHOWN);
	if (kept)
		ctl_print("%" PRIu64 " links made, %" PRIu64 " new records, %" PRIu64 " pairs that were known, %" PRIu64 " lines at fault\n", import->linked,
		          import->records, import->known, import->faults);
	else
		ctl_remark("nothing was kept: %" PRIu64 " lines are at fault; --partial keeps the good ones", import->faults);
	buffer_free(&import->json);
	return status;
}

static enum ctl_exit
import_file(struct import *import, const char *name)
{
	struct error err = { 0 };
	bool standard = strcmp(name, "-") == 0, kept;
	char *path = standard ? NULL : ctl_file_name(import->ctl, name);
	FILE *file = standard ? import->ctl->service == NULL ? stdin : NULL : path != NULL ? fopen(path, "r") : NULL;
	int result;

	free(path);
	if (file == NULL && standard) {
		(void)error_set(&err, ERROR_USAGE, "Name a file that the agent may read.", "the agent that runs here does the import, and does not see standard input");
		buffer_free(&import->json);
		return opened_error(import->ctl, &err);
	}
	if (file == NULL) {
		(void)error_system(&err, ERROR_USAGE, errno, "the file %s can't be read", name);
		error_hint(&err, "Name a CSV file, or - for standard input.");
		buffer_free(&import->json);
		return opened_error(import->ctl, &err);
	}
	result = ledger_begin(import->ledger, &err);
	if (result == 0 && (result = take_file(import, file, &err)) != 0)
		ledger_rollback(import->ledger);
	if (file != stdin)
		fclose(file);
	kept = import->faults == 0 || ctl_value(import->ctl, "partial") != NULL;
	if (result == 0 && kept)
		result = ledger_commit(import->ledger, &err);
	else if (result == 0)
		ledger_rollback(import->ledger);
	if (result == 0)
		return say(import, kept);
	error_place(&err, "%s:%" PRIu64, name, import->line);
	buffer_free(&import->json);
	return opened_error(import->ctl, &err);
}

enum ctl_exit
links_import(struct ctl *ctl, struct opened *opened, const struct config_flow *flow)
{
	const struct config_binding *binding = config_binding(flow, ctl->operands[2]);
	struct import import = { .ctl = ctl, .opened = opened, .ledger = opened->ledger, .flow = flow, .entity = flow->entity,
		.why = ctl_value(ctl, "why") };
	struct error err = { 0 };
	enum ctl_exit status;
	bool all;

	if ((status = opened_unit(ctl, opened, flow, &import.unit, &all)) != CTL_DONE)
		return status;
	if (all && flow->units.count == 1)
		import.unit = config_unit(opened->loaded.model, flow->units.items[0]);
	if (all && flow->units.count > 1)
		(void)error_set(&err, ERROR_USAGE, "Say for which with --unit.", "the flow %s has several units", flow->head.name);
	else if (binding == NULL || binding->attach_to != NULL)
		(void)error_set(&err, ERROR_USAGE, "`syncline describe` lists the bindings.", "the flow %s has no records of its own at \"%s\"", flow->head.name,
		                ctl->operands[2]);
	if (err.code != ERROR_NONE || binding == NULL)
		return opened_error(ctl, &err);
	if ((status = opened_allowed(ctl, opened, flow, import.unit, true)) != CTL_DONE)
		return status;
	import.unit_id = ledger_unit_id(opened->ledger, import.unit);
	import.object = ledger_object_id(opened->ledger, binding->object);
	arena_init(&import.arena, 0);
	buffer_init(&import.json, 0);
	ctl_json_open(&import.json, NULL, '{');
	ctl_json_open(&import.json, "errors", '[');
	status = import_file(&import, ctl->operands[3]);
	arena_free(&import.arena);
	return status;
}
