/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_convert.c: `syncline convert`: the main job in its plainest form, and what became of every record. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/text.h"
#include "ctl/interrupt.h"
#include "ctl/load.h"
#include "ctl/progress.h"
#include "flow/convert.h"
#include "ledger/ledger.h"
#include "ledger/records.h"
#include "ledger/runs.h"

#define REASONS_MAX 200u

/* Rejects of one kind: the same field for the same reason. */
struct reason {
	char *field;
	char *reason;
	uint32_t stage;
	uint64_t count;
};

struct conversion_view {
	const struct ctl *ctl;
	struct progress progress;
	struct reason reasons[REASONS_MAX];
	uint32_t reason_count;
	uint64_t other_reasons;
	struct ctl_table table; /* the first rejects */
	struct buffer list;     /* the same as JSON */
	uint64_t told, listed, most; /* rejects */
	FILE *file; /* --rejects-file, or NULL */
	bool file_failed;
	int file_errno;
	int64_t began_us;
};

static int64_t
now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* A reason without what differs from record to record: what stands in quotes, and numbers. */
static void
generalise(const char *reason, char *general, size_t size)
{
	size_t used = 0;

	while (*reason != '\0' && (used + 8 < size || ((unsigned char)*reason & 0xC0) == 0x80)) {
		bool quote = *reason == '"' || *reason == '\'';

		if (quote && strchr(reason + 1, *reason) != NULL) {
			reason = strchr(reason + 1, *reason) + 1;
			memcpy(general + used, "\"…\"", 5);
			used += 5;
		} else if (*reason >= '0' && *reason <= '9') {
			while (*reason >= '0' && *reason <= '9')
				reason++;
			general[used++] = 'N';
		} else {
			general[used++] = *reason++;
		}
	}
	general[used] = '\0';
}

static void
count_reason(struct conversion_view *view, const struct convert_reject *reject)
{
	struct reason *reason;
	char general[512];

	generalise(reject->reason, general, sizeof general);
	for (uint32_t i = 0; i < view->reason_count; i++) {
		reason = &view->reasons[i];
		if (reason->stage == reject->stage && strcmp(reason->field, reject->field) == 0 && strcmp(reason->reason, general) == 0) {
			reason->count++;
			return;
		}
	}
	if (view->reason_count == REASONS_MAX) {
		view->other_reasons++;
		return;
	}
	reason = &view->reasons[view->reason_count];
	reason->field = strdup(reject->field);
	reason->reason = strdup(general);
	if (reason->field == NULL || reason->reason == NULL) {
		free(reason->field);
		free(reason->reason);
		view->other_reasons++;
		return;
	}
	reason->stage = reject->stage;
	reason->count = 1;
	view->reason_count++;
}

static void
json_reject(struct buffer *json, const struct convert_reject *reject)
{
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "stage", convert_stage_name(reject->stage));
	ctl_json_text(json, "origin", reject->origin);
	ctl_json_number(json, "line", (long long)reject->place);
	ctl_json_text(json, "key", reject->native_id);
	ctl_json_text(json, "field", reject->field);
	ctl_json_text(json, "value", reject->value);
	ctl_json_text(json, "reason", reject->reason);
	ctl_json_text(json, "hint", reject->hint);
	ctl_json_text(json, "rule", reject->rule);
	ctl_json_text(json, "rule_file", reject->rule_file);
	ctl_json_number(json, "rule_line", reject->rule_line);
	ctl_json_close(json, '}');
}

static void
write_to_file(struct conversion_view *view, const struct convert_reject *reject)
{
	struct buffer line;
	const char *text;

	buffer_init(&line, 0);
	json_reject(&line, reject);
	buffer_char(&line, '\n');
	text = line.failed ? NULL : buffer_string(&line);
	if ((text == NULL || fputs(text, view->file) < 0) && !view->file_failed) {
		view->file_errno = text == NULL ? ENOMEM : errno;
		view->file_failed = true;
	}
	buffer_free(&line);
}

static void
rejected(void *data, const struct convert_reject *reject)
{
	struct conversion_view *view = data;
	char place[300];
	const char *cells[5] = { place, reject->native_id, reject->field, reject->value, reject->reason };

	count_reason(view, reject);
	view->told++;
	if (view->file != NULL)
		write_to_file(view, reject);
	if (view->listed == view->most)
		return;
	view->listed++;
	if (view->ctl->json) {
		json_reject(&view->list, reject);
		return;
	}
	if (reject->place > 0)
		snprintf(place, sizeof place, "%s:%" PRIu64, reject->origin, reject->place);
	else
		snprintf(place, sizeof place, "%s", reject->origin);
	ctl_table_row(&view->table, cells);
}

static bool
progressed(void *data, const struct convert_counts *counts)
{
	struct conversion_view *view = data;

	progress_show(&view->progress, counts->read, counts->expected, counts->rejected[0] + counts->rejected[1] + counts->rejected[2]);
	return !interrupt_came();
}

static void
json_result(struct conversion_view *view, const struct convert_options *options, const struct convert_counts *counts, const struct error *err,
            double seconds, struct buffer *json)
{
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "flow", options->flow);
	ctl_json_text(json, "from", options->from);
	ctl_json_text(json, "to", options->to);
	ctl_json_boolean(json, "done", err == NULL);
	if (err != NULL) {
		ctl_json_key(json, "error");
		ctl_json_error(json, err);
	}
	ctl_json_number(json, "read", (long long)counts->read);
	ctl_json_number(json, "written", (long long)counts->written);
	ctl_json_number(json, "rejected_read", (long long)counts->rejected[CONVERT_STAGE_READ]);
	ctl_json_number(json, "rejected_rules", (long long)counts->rejected[CONVERT_STAGE_RULES]);
	ctl_json_number(json, "rejected_write", (long long)counts->rejected[CONVERT_STAGE_WRITE]);
	ctl_json_number(json, "uncertain", (long long)counts->uncertain);
	ctl_json_number(json, "skipped", (long long)counts->skipped);
	ctl_json_number(json, "other_units", (long long)counts->other_units);
	ctl_json_number(json, "documents", (long long)counts->documents);
	ctl_json_number(json, "document_bytes", (long long)counts->document_bytes);
	ctl_json_key(json, "seconds");
	buffer_format(json, "%.3f", seconds);
	ctl_json_open(json, "reasons", '[');
	for (uint32_t i = 0; i < view->reason_count; i++) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "stage", convert_stage_name(view->reasons[i].stage));
		ctl_json_text(json, "field", view->reasons[i].field);
		ctl_json_text(json, "reason", view->reasons[i].reason);
		ctl_json_number(json, "count", (long long)view->reasons[i].count);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
	ctl_json_number(json, "other_reasons", (long long)view->other_reasons);
	ctl_json_open(json, "rejects", '[');
	buffer_append(json, view->list.data, view->list.length);
	ctl_json_close(json, ']');
	ctl_json_close(json, '}');
	if (view->list.failed)
		json->failed = 1;
}

static void
print_result(struct conversion_view *view, const struct convert_counts *counts, double seconds)
{
	static const char *const heads[] = { "COUNT", "STAGE", "FIELD", "REASON" };
	struct ctl_table table;

	if (view->table.rows > 1) {
		puts("Rejects:");
		ctl_table_print(&view->table);
		if (view->listed < view->told)
			ctl_print("… and %" PRIu64 " more; --rejects N lists more of them, --rejects-file FILE keeps all.\n", view->told - view->listed);
		puts("");
	} else {
		ctl_table_drop(&view->table);
	}
	if (view->reason_count > 0) {
		puts("By reason:");
		ctl_table_init(&table, 4, 1, heads);
		for (uint32_t i = 0; i < view->reason_count; i++) {
			char count[24];
			const char *cells[4] = { count, convert_stage_name(view->reasons[i].stage), view->reasons[i].field, view->reasons[i].reason };

			snprintf(count, sizeof count, "%" PRIu64, view->reasons[i].count);
			ctl_table_row(&table, cells);
		}
		ctl_table_print(&table);
		if (view->other_reasons > 0)
			ctl_print("… and %" PRIu64 " for other reasons\n", view->other_reasons);
		puts("");
	}
	ctl_format("read %" PRIu64 ", written %" PRIu64 ", rejected %" PRIu64 " (at reading %" PRIu64 ", by rules %" PRIu64 ", by the target %" PRIu64 ")",
	       counts->read, counts->written, counts->rejected[0] + counts->rejected[1] + counts->rejected[2], counts->rejected[0],
	       counts->rejected[1], counts->rejected[2]);
	if (counts->skipped > 0)
		ctl_format(", left out %" PRIu64, counts->skipped);
	if (counts->other_units > 0)
		ctl_format(", of other units %" PRIu64, counts->other_units);
	if (counts->uncertain > 0)
		ctl_format(", uncertain %" PRIu64, counts->uncertain);
	if (counts->documents > 0)
		ctl_format(", documents %" PRIu64 " (%" PRIu64 " bytes)", counts->documents, counts->document_bytes);
	ctl_format(", in %.1f s\n", seconds);
}

/* A whole number of an option, or a usage error. */
static enum ctl_exit
number_option(const struct ctl *ctl, const char *name, int64_t most, int64_t *ret_number)
{
	const char *value = ctl_value(ctl, name);
	struct error err;

	if (value == NULL || (text_to_integer(value, strlen(value), ret_number) && *ret_number >= 0 && *ret_number <= most))
		return CTL_DONE;
	(void)error_set(&err, ERROR_USAGE, "Leave it out for what is usual.", "the option `--%s` takes a whole number from 0 to %lld, not \"%s\"", name,
	                (long long)most, value);
	ctl_say_error(ctl, &err);
	return CTL_USAGE;
}

static enum ctl_exit
finish(struct conversion_view *view, const struct convert_options *options, const struct convert_counts *counts, const struct error *err)
{
	double seconds = (double)(now_us() - view->began_us) / 1e6;
	uint64_t findings = counts->rejected[0] + counts->rejected[1] + counts->rejected[2] + counts->uncertain;
	enum ctl_exit status = err != NULL ? CTL_FAILED : findings > 0 ? CTL_FINDINGS : CTL_DONE;

	if (view->ctl->json) {
		struct buffer json;

		buffer_init(&json, 0);
		json_result(view, options, counts, err, seconds, &json);
		status = ctl_json_print(&json, status);
		ctl_table_drop(&view->table);
	} else {
		/* What never began has no result. */
		if (err == NULL || counts->read > 0 || findings > 0)
			print_result(view, counts, seconds);
		else
			ctl_table_drop(&view->table);
		if (err != NULL)
			ctl_say_error(view->ctl, err);
		else
			ctl_say(view->ctl, "convert keeps nothing: no links, no history; run again, it converts again.");
	}
	for (uint32_t i = 0; i < view->reason_count; i++) {
		free(view->reasons[i].field);
		free(view->reasons[i].reason);
	}
	buffer_free(&view->list);
	return status;
}

static enum ctl_exit
open_rejects_file(struct conversion_view *view)
{
	const char *path = ctl_value(view->ctl, "rejects-file");
	struct error err;

	if (path == NULL || (view->file = fopen(path, "w")) != NULL)
		return CTL_DONE;
	(void)error_system(&err, ERROR_SYSTEM, errno, "the file for rejects, %s", path);
	error_hint(&err, "Name a file with --rejects-file that can be written.");
	ctl_say_error(view->ctl, &err);
	return CTL_FAILED;
}

/* -1 when not all rejects are in the file. */
static int
close_rejects_file(struct conversion_view *view, struct error *err)
{
	int number;

	if (view->file == NULL)
		return 0;
	errno = 0;
	if (fclose(view->file) == 0 && !view->file_failed)
		return 0;
	number = errno != 0 ? errno : view->file_errno;
	(void)error_system(err, ERROR_SYSTEM, number, "the file for rejects, %s", ctl_value(view->ctl, "rejects-file"));
	error_hint(err, "The conversion itself was done; free some space and convert again for a whole file.");
	return -1;
}

/* What the flag of the flow and target allows for a unit (NULL: the house), and that no runs keep what is there. */
static int
allow_unit(struct ledger *ledger, const struct config_flow *flow, const struct config_binding *to, const struct config_unit *unit, struct error *err)
{
	const char *name = unit != NULL ? unit->head.name : "";
	uint32_t unit_id = ledger_unit_id(ledger, unit);
	struct ledger_flag flag;
	uint64_t links;

	if (ledger_flag_get(ledger, ledger_flow_id(ledger, flow), unit_id, ledger_binding_id(ledger, to), &flag, err) != 0)
		return -1;
	if (flag.mode != LEDGER_FLAG_ON)
		return error_set(err, ERROR_LEDGER_FLAG, "Let `syncline run` do it; --anyway converts all the same, and may write what is there already.",
		                 "the flow %s is %s%s%s for %s", flow->head.name, ledger_flag_name((enum ledger_flag_mode)flag.mode),
		                 name[0] != '\0' ? " in unit " : "", name, to->object->system->head.name);
	if (ledger_links_count(ledger, ledger_object_id(ledger, to->object), unit_id, &links, err) != 0)
		return -1;
	if (links > 0)
		return error_set(err, ERROR_LEDGER_FLAG, "Let `syncline run` do it; --anyway converts all the same, and may write what is there already.",
		                 "%" PRIu64 " records are linked to %s.%s%s%s by runs: converting knows none of them and would write them once more", links,
		                 to->object->system->head.name, to->object->head.name, name[0] != '\0' ? " in unit " : "", name);
	return 0;
}

/* Where runs keep a ledger, a conversion obeys it. */
static enum ctl_exit
allowed(const struct ctl *ctl, const struct model *model)
{
	const struct config_flow *flow = config_flow(model, ctl->operands[0]);
	const struct config_binding *to = flow != NULL ? config_binding(flow, ctl->operands[2]) : NULL;
	struct ledger_options options = { .state_dir = ctl->state_dir, .mode = LEDGER_READER, .model = model };
	const char *only = ctl_value(ctl, "unit");
	struct ledger *ledger;
	struct error err = { 0 };
	char path[4096];
	struct stat st;
	int result = 0;

	/* convert() says what is wrong with the names. */
	if (to == NULL || ctl_value(ctl, "anyway") != NULL ||
	    snprintf(path, sizeof path, "%s/%s", ctl->state_dir, LEDGER_FILE) >= (int)sizeof path || (stat(path, &st) != 0 && errno == ENOENT))
		return CTL_DONE;
	if (ledger_open(&options, &ledger, &err) != 0) {
		ctl_say_error(ctl, &err);
		return CTL_FAILED;
	}
	for (uint32_t i = 0; i < (flow->units.count > 0 ? flow->units.count : 1) && result == 0; i++)
		if (flow->units.count == 0 || only == NULL || strcmp(flow->units.items[i], only) == 0)
			result = allow_unit(ledger, flow, to, flow->units.count > 0 ? config_unit(model, flow->units.items[i]) : NULL, &err);
	ledger_close(ledger);
	if (result != 0)
		ctl_say_error(ctl, &err);
	return result == 0 ? CTL_DONE : CTL_FAILED;
}

enum ctl_exit
verb_convert(struct ctl *ctl)
{
	static const char *const heads[] = { "PLACE", "KEY", "FIELD", "VALUE", "REASON" };
	static struct conversion_view view;
	struct convert_options options = { .flow = ctl->operands[0], .from = ctl->operands[1], .to = ctl->operands[2],
		.unit = ctl_value(ctl, "unit"), .rejected = rejected, .progress = progressed, .data = &view };
	int64_t limit = 0, most = 20;
	struct convert_counts counts;
	struct loaded loaded;
	struct error err = { 0 };
	enum ctl_exit status;
	int result;

	view.ctl = ctl;
	loaded_begin(ctl, &loaded);
	if ((status = number_option(ctl, "limit", UINT32_MAX, &limit)) != CTL_DONE || (status = number_option(ctl, "rejects", 1000000, &most)) != CTL_DONE ||
	    (status = loaded_need(ctl, &loaded)) != CTL_DONE || (status = allowed(ctl, loaded.model)) != CTL_DONE ||
	    (status = open_rejects_file(&view)) != CTL_DONE) {
		loaded_free(&loaded);
		return status;
	}
	interrupt_catch();
	options.model = loaded.model;
	options.systems = &loaded.systems;
	options.limit = (uint32_t)limit;
	view.most = (uint64_t)most;
	view.began_us = now_us();
	buffer_init(&view.list, 0);
	ctl_table_init(&view.table, 5, 0, heads);
	progress_begin(&view.progress, !ctl->quiet && !ctl->json, "converting");
	result = convert(&options, &counts, &err);
	progress_end(&view.progress);
	if (close_rejects_file(&view, result == 0 ? &err : NULL) != 0)
		result = -1;
	status = finish(&view, &options, &counts, result != 0 ? &err : NULL);
	loaded_free(&loaded);
	return status;
}
