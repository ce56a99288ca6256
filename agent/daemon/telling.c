/* SPDX-License-Identifier: BSD-2-Clause */
/* telling.c: what the log says of runs, records, systems, connectors and people (observe/log.h). */
#include <stdio.h>
#include <string.h>

#include "daemon/inside.h"
#include "flow/root.h"
#include "ledger/runs.h"

void
tell_error(uint32_t level, const char *event, const struct log_about *about, const struct error *err)
{
	struct log_about with = about != NULL ? *about : (struct log_about){ .run = 0 };

	with.error = err;
	log_event(level, event, &with, "%s", err->message);
}

void
tell_line(void *data, const struct connector_line *line)
{
	(void)data;
	log_event(line->level, "connector", &(struct log_about){ .run = line->run, .system = line->system, .correlation = line->correlation }, "%s", line->text);
}

void
tell_system(void *data, const char *system, enum manners_state state, int64_t wait_us)
{
	(void)data;
	if (state == MANNERS_OPEN)
		log_event(SYNCLINE_LOG_INFO, "system-open", &(struct log_about){ .system = system }, "%s", manners_state_text(state));
	else
		log_event(SYNCLINE_LOG_WARNING, "system-left-alone", &(struct log_about){ .system = system }, "%s: it is left alone for %lld seconds", manners_state_text(state),
		          (long long)((wait_us + 999999) / 1000000));
}

void
tell_verb(void *data, const char *who, const char *verb, enum ctl_exit status)
{
	(void)data;
	log_event(SYNCLINE_LOG_INFO, "verb", &(struct log_about){ .who = who, .verb = verb }, "status %d", (int)status);
}

/* Runs. */

static struct log_about
about(const struct run_place *at)
{
	return (struct log_about){ .flow = at->flow, .unit = at->unit, .run = at->run, .correlation = at->trace };
}

void
tell_run(void *data, const struct run_place *at, uint32_t level, const char *text)
{
	const struct log_about with = about(at);

	(void)data;
	log_event(level, "run", &with, "%s", text);
}

void
tell_ended(void *data, const struct run_place *at, const struct ledger_run *run, const struct ledger_plan *plan, const struct error *why)
{
	uint32_t level = run->state == LEDGER_RUN_FAILED ? SYNCLINE_LOG_ERROR : run->state == LEDGER_RUN_HELD ? SYNCLINE_LOG_WARNING : SYNCLINE_LOG_INFO;
	struct log_about with = about(at);
	struct buffer text;
	const char *counts;

	(void)data;
	with.plan = plan != NULL ? plan->number : 0;
	with.milliseconds = (run->ended_us - run->started_us) / 1000;
	with.error = why;
	buffer_init(&text, 0);
	for (int i = 0; i < LEDGER_COUNT_COUNT; i++)
		if (run->counts[i] > 0)
			buffer_format(&text, "%s%llu %s", text.length > 0 ? ", " : "", (unsigned long long)run->counts[i], ledger_count_name((enum ledger_count)i));
	counts = buffer_string(&text);
	log_event(level, "run-ended", &with, "%s%s%s%s%s", ledger_run_state_name((enum ledger_run_state)run->state), counts != NULL && counts[0] != '\0' ? ", " : "",
	          counts != NULL ? counts : "", run->message != NULL ? ": " : "", run->message != NULL ? run->message : "");
	buffer_free(&text);
}

void
tell_busy(void *data, const struct run_place *at, const struct error *why)
{
	const struct log_about with = about(at);

	(void)data;
	tell_error(SYNCLINE_LOG_INFO, "run-busy", &with, why);
}

/* Records. */

/* The record at the top of the references, 0: unknown.  A courtesy: what can't be found out is left out. */
static int64_t
process_of(struct ledger *ledger, int64_t id)
{
	const struct config_entity *entity = ledger_record_entity(ledger, id);
	struct ledger_record record;
	int64_t root = 0;
	struct arena arena;

	if (entity == NULL)
		return 0;
	arena_init(&arena, 0);
	if (ledger_records_get(ledger, entity, &id, 1, &arena, &record, NULL) != 0 || record.id == 0 || root_of(ledger, entity, &record, &arena, &root, NULL) != 0)
		root = 0;
	arena_free(&arena);
	return root;
}

/* By ids and causes alone: values of records stand in the ledger, which keeps them from who may not see them, and never in a log. */
void
tell_news(void *data, const struct run_place *at, struct ledger *ledger, const struct ledger_news *what)
{
	uint32_t level = what->finding == 0 ? SYNCLINE_LOG_DEBUG : SYNCLINE_LOG_INFO;
	struct log_about with = about(at);
	char event[64], system[SYNCLINE_NAME_MAX + 1];
	const char *object = what->object != 0 ? ledger_object_name(ledger, what->object) : "";

	(void)data;
	if (!log_wants(level))
		return;
	snprintf(event, sizeof event, "%s-%s", what->finding != 0 ? "finding" : "record", what->event);
	snprintf(system, sizeof system, "%.*s", (int)strcspn(object, "."), object);
	with.system = system;
	with.object = object[0] != '\0' && strchr(object, '.') != NULL ? strchr(object, '.') + 1 : NULL;
	with.record = what->record;
	with.last = what->last;
	with.finding = what->finding;
	with.cause = what->cause;
	if (what->record != 0 && what->last == 0)
		with.process = process_of(ledger, what->record);
	log_event(level, event, &with, "%s", "");
}
