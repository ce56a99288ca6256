/* SPDX-License-Identifier: BSD-2-Clause */
/* open.c: see open.h. */
#include "ctl/open.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "ctl/interrupt.h"
#include "manners/manners.h"

/* The agent's own runs hold the ledger for as long as a dry pass takes. */
#define SERVED_BUSY_MS 60000u

static bool
is_interrupted(const struct opened *opened)
{
	if (opened->winding_up)
		return false;
	return opened->service != NULL ? service_is_stopped(opened->service) : interrupt_came();
}

/* Tells the engine, which may be waiting for a system; a handler may not.  Ends when the other end is closed. */
static void *
pass_on(void *data)
{
	struct opened *opened = data;
	char byte;

	while (read(opened->wake[0], &byte, 1) < 0 && errno == EINTR)
		;
	if (is_interrupted(opened))
		engine_interrupt(opened->engine);
	return NULL;
}

/* Without it an interrupt is still seen, between two steps. */
static void
begin_passing_on(struct opened *opened)
{
	if (pipe(opened->wake) != 0)
		return;
	fcntl(opened->wake[0], F_SETFD, FD_CLOEXEC);
	fcntl(opened->wake[1], F_SETFD, FD_CLOEXEC);
	fcntl(opened->wake[1], F_SETFL, O_NONBLOCK);
	opened->passes_on = pthread_create(&opened->passing, NULL, pass_on, opened) == 0;
	if (opened->passes_on && opened->service != NULL)
		service_waits(opened->service, opened->wake[1]);
	else if (opened->passes_on)
		interrupt_wakes(opened->wake[1]);
	if (opened->passes_on)
		return;
	close(opened->wake[0]);
	close(opened->wake[1]);
}

static void
end_passing_on(struct opened *opened)
{
	if (!opened->passes_on)
		return;
	if (opened->service != NULL)
		service_waits(opened->service, -1);
	else
		interrupt_wakes(-1);
	close(opened->wake[1]);
	pthread_join(opened->passing, NULL);
	close(opened->wake[0]);
	opened->passes_on = false;
}

static void
fill_who(char *who, size_t size)
{
	const struct passwd *entry = getpwuid(getuid());

	snprintf(who, size, "%.100s (uid %ld)", entry != NULL ? entry->pw_name : "?", (long)getuid());
}

enum ctl_exit
opened_error(const struct ctl *ctl, const struct error *err)
{
	ctl_say_error(ctl, err);
	return err->code == ERROR_USAGE ? CTL_USAGE : CTL_FAILED;
}

enum ctl_exit
opened_may_act(const struct ctl *ctl)
{
	struct error err = { 0 };

	if (ctl->service == NULL || ctl->service->may_act)
		return CTL_DONE;
	error_fill(&err, ERROR_CONTROL_DENIED, "Ask a member of the group that agent.operators names.", "%s may look, but not change anything",
	           ctl->service->who);
	return opened_error(ctl, &err);
}

/* What was committed is told to the agent's log. */
static void
news(void *data, struct ledger *ledger, const struct ledger_news *what)
{
	const struct opened *opened = data;
	const struct service_ears *ears = opened->service->ears;
	struct run_place at = { .flow = "", .unit = "", .trace = "" };

	if (opened->engine != NULL)
		at = run_place_now(opened->engine);
	ears->news(ears->data, &at, ledger, what);
}

enum ctl_exit
opened_begin(const struct ctl *ctl, struct opened *opened, enum ledger_mode mode)
{
	struct ledger_options options = { .state_dir = ctl->state_dir, .mode = mode, .who = opened->who };
	struct error err = { 0 };
	enum ctl_exit status;

	memset(opened, 0, sizeof *opened);
	opened->service = ctl->service;
	if (opened->service != NULL) {
		if (mode != LEDGER_READER && (status = opened_may_act(ctl)) != CTL_DONE)
			return status;
		if (mode != LEDGER_READER)
			service_acts(ctl->service);
		snprintf(opened->who, sizeof opened->who, "%s", opened->service->who);
		options.busy_ms = SERVED_BUSY_MS;
		if (opened->service->ears != NULL && opened->service->ears->news != NULL) {
			options.news = news;
			options.news_data = opened;
			options.all_news = true;
		}
		opened->loaded.systems = opened->service->loaded->systems;
		opened->loaded.systems.log_data = (void *)(uintptr_t)ctl;
		opened->loaded.model = opened->service->loaded->model;
	} else {
		fill_who(opened->who, sizeof opened->who);
		loaded_begin(ctl, &opened->loaded);
		if ((status = loaded_need(ctl, &opened->loaded)) != CTL_DONE)
			return status;
	}
	options.model = opened->loaded.model;
	if (ledger_open(&options, &opened->ledger, &err) != 0)
		return opened_error(ctl, &err);
	return CTL_DONE;
}

static bool
progressed(void *data, const char *what, uint64_t done, uint64_t total)
{
	struct opened *opened = data;

	if (strcmp(what, opened->what) != 0) {
		bool on = opened->progress.on;

		progress_end(&opened->progress);
		snprintf(opened->what, sizeof opened->what, "%s", what);
		progress_begin(&opened->progress, on, opened->what);
	}
	progress_show(&opened->progress, done, total, 0);
	return !is_interrupted(opened);
}

static void
say(void *data, uint32_t level, const char *text)
{
	struct opened *opened = data;
	const struct ctl *ctl = opened->loaded.systems.log_data;

	if (level >= SYNCLINE_LOG_WARNING || ctl->verbose) {
		bool on = opened->progress.on;

		progress_end(&opened->progress);
		ctl_remark("%s", text);
		progress_begin(&opened->progress, on, opened->what);
	}
}

enum ctl_exit
opened_engine(const struct ctl *ctl, struct opened *opened)
{
	struct engine_options options = { .model = opened->loaded.model, .systems = &opened->loaded.systems, .ledger = opened->ledger,
		.progress = progressed, .say = say, .data = opened };
	struct error err = { 0 };

	if (opened->service == NULL) {
		interrupt_catch();
		if ((opened->loaded.systems.manners = opened->manners = manners_new(NULL, NULL)) == NULL) {
			(void)error_memory(&err);
			return opened_error(ctl, &err);
		}
	}
	progress_begin(&opened->progress, !ctl->quiet && !ctl->json, opened->what);
	if (engine_open(&options, &opened->engine, &err) != 0)
		return opened_error(ctl, &err);
	begin_passing_on(opened);
	return CTL_DONE;
}

void
opened_close(struct opened *opened)
{
	progress_end(&opened->progress);
	end_passing_on(opened);
	engine_close(opened->engine);
	ledger_close(opened->ledger);
	manners_free(opened->manners);
	opened->manners = NULL;
	if (opened->service == NULL)
		loaded_free(&opened->loaded);
	opened->engine = NULL;
	opened->ledger = NULL;
}

enum ctl_exit
opened_flow(const struct ctl *ctl, const struct opened *opened, const char *name, const struct config_flow **ret_flow)
{
	const struct model *model = opened->loaded.model;
	const char *names[256], *near;
	struct error err = { 0 };
	char hint[200] = "`syncline describe` lists the flows.";
	size_t count = 0;

	if ((*ret_flow = config_flow(model, name)) != NULL)
		return CTL_DONE;
	for (uint32_t i = 0; i < model->flow_count && count < 256; i++)
		names[count++] = model->flows[i].head.name;
	if ((near = text_nearest(name, names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%s`?", near);
	(void)error_set(&err, ERROR_USAGE, hint, "there is no flow \"%s\"", name);
	return opened_error(ctl, &err);
}

enum ctl_exit
opened_unit(const struct ctl *ctl, const struct opened *opened, const struct config_flow *flow, const struct config_unit **ret_unit, bool *ret_all)
{
	const char *name = ctl_value(ctl, "unit"), *names[256], *near;
	const struct model *model = opened->loaded.model;
	char hint[200] = "`syncline describe` lists the units of a flow.";
	struct error err = { 0 };
	size_t count = 0;

	*ret_all = name == NULL;
	*ret_unit = NULL;
	if (name == NULL)
		return CTL_DONE;
	if ((*ret_unit = config_unit(opened->loaded.model, name)) != NULL)
		for (uint32_t i = 0; flow == NULL || i < flow->units.count; i++)
			if (flow == NULL || strcmp(flow->units.items[i], name) == 0)
				return CTL_DONE;
	for (uint32_t i = 0; flow != NULL && i < flow->units.count && count < 256; i++)
		names[count++] = flow->units.items[i];
	for (uint32_t i = 0; flow == NULL && i < model->unit_count && count < 256; i++)
		names[count++] = model->units[i].head.name;
	if ((near = text_nearest(name, names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%.150s`?", near);
	(void)error_set(&err, ERROR_USAGE, hint, "there is no unit \"%s\"%s%s", name,
	                flow != NULL ? " in the flow " : "", flow != NULL ? flow->head.name : "");
	return opened_error(ctl, &err);
}

enum ctl_exit
opened_number(const struct ctl *ctl, const char *what, const char *text, int64_t *ret_number)
{
	struct error err = { 0 };

	if (text_to_integer(text, strlen(text), ret_number) && *ret_number >= 0)
		return CTL_DONE;
	(void)error_set(&err, ERROR_USAGE, "Give a whole number.", "\"%s\" is no %s", text, what);
	return opened_error(ctl, &err);
}

enum ctl_exit
opened_why(const struct ctl *ctl, const char **ret_why)
{
	struct error err = { 0 };

	if ((*ret_why = ctl_value(ctl, "why")) != NULL && (*ret_why)[strspn(*ret_why, " \t\r\n")] != '\0')
		return CTL_DONE;
	(void)error_set(&err, ERROR_USAGE, "Say why with --why TEXT; it is kept with who and when.", "`%s` needs a reason", ctl->verb->name);
	return opened_error(ctl, &err);
}

enum ctl_exit
opened_allowed(const struct ctl *ctl, const struct opened *opened, const struct config_flow *flow, const struct config_unit *unit, bool writes)
{
	const char *name = unit != NULL && unit->head.name != NULL ? unit->head.name : "";
	struct ledger_flag flag;
	struct error err = { 0 };
	char hint[SYNCLINE_NAME_MAX * 2 + 100];

	if (ledger_flag_get(opened->ledger, ledger_flow_id(opened->ledger, flow), ledger_unit_id(opened->ledger, unit), 0, &flag, &err) != 0)
		return opened_error(ctl, &err);
	if (flag.mode != LEDGER_FLAG_OFF && (flag.mode != LEDGER_FLAG_PAUSED || !writes))
		return CTL_DONE;
	snprintf(hint, sizeof hint, "`syncline flag %s preview%s%s --why TEXT` lets it be prepared, and writes nothing.", flow->head.name,
	         name[0] != '\0' ? " --unit " : "", name);
	(void)error_set(&err, ERROR_LEDGER_FLAG, hint, "the flow %s is %s%s%s", flow->head.name, ledger_flag_name((enum ledger_flag_mode)flag.mode),
	                name[0] != '\0' ? " for " : "", name);
	return opened_error(ctl, &err);
}

const char *
opened_time(int64_t us, char *text)
{
	if (us == 0)
		return "";
	text[text_from_timestamp(us / 1000000 * 1000000, text)] = '\0';
	if (strlen(text) > 10)
		text[10] = ' ';
	if (strlen(text) > 19)
		text[19] = '\0';
	return text;
}
