/* SPDX-License-Identifier: BSD-2-Clause */
/* verb_care.c: `syncline backup`, `syncline restore` and `syncline rebase`: the ledger as a whole, and which systems it is of. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "ctl/listing.h"

static bool
step(void *data, uint64_t done, uint64_t total)
{
	progress_show(data, done, total, 0);
	return true;
}

static enum ctl_exit
say_file(const struct ctl *ctl, const char *what, const char *file)
{
	struct stat at = { .st_size = 0 };
	struct buffer json;

	(void)stat(file, &at);
	if (!ctl->json) {
		ctl_print("%s %s (%lld KiB)\n", what, file, (long long)at.st_size / 1024);
		return CTL_DONE;
	}
	buffer_init(&json, 0);
	ctl_json_open(&json, NULL, '{');
	ctl_json_text(&json, "file", file);
	ctl_json_number(&json, "bytes", (long long)at.st_size);
	ctl_json_close(&json, '}');
	return ctl_json_print(&json, CTL_DONE);
}

static enum ctl_exit
back_up(struct ctl *ctl, struct opened *opened, const char *file)
{
	struct ledger_progress progress = { .step = step, .data = &opened->progress };
	struct error err = { 0 };
	int result;

	progress_begin(&opened->progress, !ctl->quiet && !ctl->json, "copying the ledger");
	result = ledger_backup(opened->ledger, file, &progress, &err);
	progress_end(&opened->progress);
	if (result == 0)
		return say_file(ctl, "backed up into", file);
	error_hint(&err, "The folder has to be there, with room for the ledger and the right to write.");
	return opened_error(ctl, &err);
}

enum ctl_exit
verb_backup(struct ctl *ctl)
{
	char *file = ctl_file_name(ctl, ctl->operands[0]);
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;

	if (file == NULL) {
		error_fill_memory(&err);
		return opened_error(ctl, &err);
	}
	if ((status = opened_begin(ctl, &opened, LEDGER_READER)) == CTL_DONE && (status = opened_may_act(ctl)) == CTL_DONE)
		status = back_up(ctl, &opened, file);
	opened_close(&opened);
	free(file);
	return status;
}

/* It needs no configuration: what was lost may be the whole machine. */
enum ctl_exit
verb_restore(struct ctl *ctl)
{
	struct error err = { 0 };
	enum ctl_exit status;

	if (ledger_restore(ctl->state_dir, ctl->operands[0], &err) != 0) {
		error_hint(&err, "Name a file that `syncline backup` wrote, and the state directory with --state.");
		return opened_error(ctl, &err);
	}
	status = say_file(ctl, "restored from", ctl->operands[0]);
	ctl_say(ctl, "what was there before is kept beside it as " LEDGER_FILE ".before-restore; until each object was read in full, nothing is "
	             "taken as deleted: `syncline run FLOW --full`");
	return status;
}

enum ctl_exit
verb_rebase(struct ctl *ctl)
{
	const struct config_system *system = NULL;
	const char *names[256], *near, *why;
	char hint[200] = "`syncline describe` names the systems.";
	struct opened opened;
	struct error err = { 0 };
	enum ctl_exit status;
	uint32_t count = 0;
	struct buffer json;

	if ((status = opened_why(ctl, &why)) != CTL_DONE)
		return status;
	if ((status = opened_begin(ctl, &opened, LEDGER_VISITOR)) == CTL_DONE) {
		const struct model *model = opened.loaded.model;

		for (uint32_t i = 0; i < model->system_count; i++) {
			if (strcmp(model->systems[i].head.name, ctl->operands[0]) == 0)
				system = &model->systems[i];
			if (count < 256)
				names[count++] = model->systems[i].head.name;
		}
		if (system == NULL) {
			if ((near = text_nearest(ctl->operands[0], names, count)) != NULL)
				snprintf(hint, sizeof hint, "Did you mean `%.150s`?", near);
			(void)error_set(&err, ERROR_USAGE, hint, "there is no system \"%s\"", ctl->operands[0]);
			status = opened_error(ctl, &err);
		} else if (ledger_rebase(opened.ledger, system, why, &err) != 0) {
			status = opened_error(ctl, &err);
		} else if (ctl->json) {
			buffer_init(&json, 0);
			ctl_json_open(&json, NULL, '{');
			ctl_json_text(&json, "system", system->head.name);
			ctl_json_boolean(&json, "rebased", true);
			ctl_json_close(&json, '}');
			status = ctl_json_print(&json, CTL_DONE);
		} else {
			ctl_print("%s is accepted as what it is at its next call\n", system->head.name);
		}
	}
	opened_close(&opened);
	return status;
}
