/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_links.c: see links.h. */
#include "ctl/links.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ledger/records.h"

#define PAGE 1000u

static const char *const states[] = { "live", "tombstone", "unlinked", "missing" };

struct export {
	const struct ctl *ctl;
	struct ledger *ledger;
	const struct config_entity *entity;
	struct buffer line;
	struct arena arena;
	uint64_t count;
	bool terminal;
};

static void
put_csv(struct buffer *line, const char *text, size_t length)
{
	bool quote = memchr(text, ',', length) != NULL || memchr(text, '"', length) != NULL || memchr(text, '\n', length) != NULL ||
	             memchr(text, '\r', length) != NULL;

	if (line->length > 0)
		buffer_char(line, ',');
	if (quote)
		buffer_char(line, '"');
	for (size_t i = 0; i < length; i++) {
		if (text[i] == '"')
			buffer_char(line, '"');
		buffer_char(line, text[i]);
	}
	if (quote)
		buffer_char(line, '"');
}

/* A line at a time, so that a million links need no memory. */
static int
put_link(struct export *export, const struct ledger_link *link, struct error *err)
{
	const char *object = ledger_object_name(export->ledger, link->object), *unit = ledger_unit_name(export->ledger, link->unit);
	const char *state = states[link->state < 4 ? link->state : 2], *text;
	char record[24], external[LEDGER_EXTERNAL_ID + 1];
	struct buffer *line = &export->line;

	ledger_external_id(export->ledger, link->record, external);
	buffer_clear(line);
	if (export->ctl->json || ctl_value(export->ctl, "lines") != NULL) {
		ctl_json_open(line, NULL, '{');
		ctl_json_number(line, "record", link->record);
		ctl_json_text(line, "external_id", external);
		ctl_json_text(line, "object", object);
		ctl_json_text(line, "unit", unit);
		listing_json_slice(line, "native", link->native);
		ctl_json_text(line, "state", state);
		ctl_json_close(line, '}');
	} else {
		listing_number(link->record, record);
		put_csv(line, record, strlen(record));
		put_csv(line, external, strlen(external));
		put_csv(line, object, strlen(object));
		put_csv(line, unit, strlen(unit));
		put_csv(line, link->native.data, link->native.length);
		put_csv(line, state, strlen(state));
	}
	if ((text = buffer_string(line)) == NULL)
		return error_memory(err);
	if (export->ctl->json)
		ctl_format("%s", export->count > 0 ? ",\n" : "[");
	if (export->terminal)
		ctl_print("%s", text);
	else
		ctl_put(CTL_OUT, text, line->length);
	if (!export->ctl->json)
		ctl_put(CTL_OUT, "\n", 1);
	export->count++;
	return ctl_got_out() ? 0 : error_set(err, ERROR_SYSTEM, "Look whether the disk is full.", "the links could not be written");
}

static int
put_object(struct export *export, uint32_t object, uint32_t unit, struct error *err)
{
	struct ledger_link *links = arena_array(&export->arena, PAGE, sizeof *links);
	struct arena texts;
	uint32_t count = PAGE;
	int64_t after = 0;
	int result = 0;

	if (links == NULL)
		return error_memory(err);
	arena_init(&texts, 0);
	while (result == 0 && count == PAGE) {
		arena_reset(&texts);
		result = ledger_links_scan(export->ledger, export->entity, object, unit, after, &texts, links, PAGE, &count, err);
		for (uint32_t i = 0; i < count && result == 0; i++) {
			after = links[i].id;
			result = put_link(export, &links[i], err);
		}
	}
	arena_free(&texts);
	return result;
}

static enum ctl_exit
links_export(struct ctl *ctl, struct opened *opened, const struct config_flow *flow)
{
	struct export export = { .ctl = ctl, .ledger = opened->ledger, .entity = flow->entity, .terminal = ctl_is_terminal(CTL_OUT) };
	const struct config_unit *unit;
	struct error err = { 0 };
	enum ctl_exit status;
	bool all;
	int result = 0;

	if ((status = opened_unit(ctl, opened, flow, &unit, &all)) != CTL_DONE)
		return status;
	arena_init(&export.arena, 0);
	buffer_init(&export.line, 0);
	if (!ctl->json && ctl_value(ctl, "lines") == NULL)
		ctl_format("record,external_id,object,unit,native,state\n");
	for (uint32_t i = 0; i < flow->binding_count && result == 0; i++) {
		const struct config_binding *binding = &flow->bindings[i];
		bool again = binding->attach_to != NULL; /* its links are those of another entity */

		for (uint32_t k = 0; k < i; k++)
			again = again || flow->bindings[k].object == binding->object;
		for (uint32_t u = 0; !again && result == 0 && u < (flow->units.count > 0 ? flow->units.count : 1); u++) {
			const struct config_unit *at = flow->units.count > 0 ? config_unit(opened->loaded.model, flow->units.items[u]) : NULL;

			if (all || at == unit)
				result = put_object(&export, ledger_object_id(opened->ledger, binding->object), ledger_unit_id(opened->ledger, at), &err);
		}
	}
	if (ctl->json && result == 0)
		ctl_format("%s", export.count > 0 ? "]\n" : "[]\n");
	buffer_free(&export.line);
	arena_free(&export.arena);
	return result == 0 ? CTL_DONE : opened_error(ctl, &err);
}

enum ctl_exit
verb_links(struct ctl *ctl)
{
	bool import = strcmp(ctl->operands[0], "import") == 0;
	const struct config_flow *flow;
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;
	const char *why;

	if ((!import && strcmp(ctl->operands[0], "export") != 0) || ctl->operand_count != (import ? 4 : 2)) {
		(void)error_set(&err, ERROR_USAGE, "It is: syncline links export FLOW, or: syncline links import FLOW SYSTEM FILE --why TEXT",
		                "`links` cannot \"%s\" so", ctl->operands[0]);
		return opened_error(ctl, &err);
	}
	if (import && (status = opened_why(ctl, &why)) != CTL_DONE)
		return status;
	/* Importing is no small change: no engine may work meanwhile. */
	if ((status = opened_begin(ctl, &opened, import ? LEDGER_ENGINE : LEDGER_READER)) == CTL_DONE &&
	    (status = opened_flow(ctl, &opened, ctl->operands[1], &flow)) == CTL_DONE)
		status = import ? links_import(ctl, &opened, flow) : links_export(ctl, &opened, flow);
	opened_close(&opened);
	return status;
}
