/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb_loadtest.c: `syncline loadtest`: a rehearsal with generated records against a system's staging twin.  Here it is decided whether that may be
 * at all: nothing is sent unless the configuration says that it is for no production, who asks names the same environment, the system may be
 * written to, and nobody reads meanwhile what is created.  Then figures and forecast are printed.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/listing.h"
#include "ctl/status.h"
#include "flow/bound.h"
#include "os/os.h"
#include "rehearse/rehearse.h"
#include "schedule/unit.h"

#define RECORDS 1000
#define SECONDS_MAX 86400
#define LEASES_MAX 256
#define HEED_MS 1000 /* flags are looked at so often */
#define LISTED 20u

struct loadtest {
	const struct ctl *ctl;
	struct opened opened;
	struct rehearse_options options;
	const struct config_binding **bindings; /* that are written to */
	char leases[LEASES_MAX][600];
	uint32_t lease_count;
	int64_t heeded_ms;
	struct error ends; /* why it may not go on */
	int64_t forecast, changes;
	bool cleanup;
	struct arena arena;
};

/* ---- what was asked for ---- */

static enum ctl_exit
number(const struct loadtest *test, const char *name, int64_t least, int64_t most, int64_t *ret_number)
{
	const char *value = ctl_value(test->ctl, name);
	struct error err = { 0 };

	if (value == NULL || (text_to_integer(value, strlen(value), ret_number) && *ret_number >= least && *ret_number <= most))
		return CTL_DONE;
	(void)error_set(&err, ERROR_USAGE, "Give a whole number.", "--%s takes a number from %lld to %lld, not \"%s\"", name, (long long)least,
	                (long long)most, value);
	return opened_error(test->ctl, &err);
}

static enum ctl_exit
usage(const struct loadtest *test, const char *hint, const char *message)
{
	struct error err = { 0 };

	(void)error_set(&err, ERROR_USAGE, hint, "%s", message);
	return opened_error(test->ctl, &err);
}

static enum ctl_exit
read_options(struct loadtest *test)
{
	const struct ctl *ctl = test->ctl;
	int64_t records = RECORDS, seconds = 0, rate = 0;
	enum ctl_exit status;

	test->forecast = test->changes = -1;
	if ((status = number(test, "records", 1, REHEARSE_RECORDS_MAX, &records)) != CTL_DONE ||
	    (status = number(test, "for", 1, SECONDS_MAX, &seconds)) != CTL_DONE || (status = number(test, "rate", 1, 1000000, &rate)) != CTL_DONE ||
	    (status = number(test, "forecast", 0, INT64_MAX, &test->forecast)) != CTL_DONE ||
	    (status = number(test, "changes", 0, INT64_MAX, &test->changes)) != CTL_DONE)
		return status;
	if (ctl_value(ctl, "records") != NULL && ctl_value(ctl, "for") != NULL)
		return usage(test, "Give one of them.", "--records says how many, --for how long");
	test->cleanup = ctl_value(ctl, "cleanup") != NULL;
	if (test->cleanup && (ctl_value(ctl, "keep") != NULL || ctl_value(ctl, "records") != NULL || ctl_value(ctl, "for") != NULL))
		return usage(test, "Give --cleanup alone; it creates nothing.", "--cleanup takes away what an earlier loadtest left");
	test->options.records = ctl_value(ctl, "for") != NULL ? 0 : (uint32_t)records;
	test->options.for_ms = seconds * 1000;
	test->options.rate = (double)rate;
	test->options.keep = ctl_value(ctl, "keep") != NULL;
	return CTL_DONE;
}

static enum ctl_exit
choose(struct loadtest *test)
{
	const struct ctl *ctl = test->ctl;
	const struct config_flow *flow;
	const char *names[64], *near;
	char hint[300] = "`syncline describe FLOW` lists its systems.";
	struct error err = { 0 };
	enum ctl_exit status;
	size_t count = 0;
	bool all;

	if ((status = opened_flow(ctl, &test->opened, ctl->operands[0], &flow)) != CTL_DONE ||
	    (status = opened_unit(ctl, &test->opened, flow, &test->options.unit, &all)) != CTL_DONE)
		return status;
	test->options.flow = flow;
	if (all && flow->units.count > 1)
		return usage(test, "Choose one of them with --unit.", "the flow has several units, and records belong to one");
	if (all && flow->units.count == 1)
		test->options.unit = config_unit(test->opened.loaded.model, flow->units.items[0]);
	if ((test->options.to = config_binding(flow, ctl->operands[1])) != NULL)
		return CTL_DONE;
	for (uint32_t i = 0; i < flow->binding_count && count < 64; i++)
		names[count++] = flow->bindings[i].head.name;
	if ((near = text_nearest(ctl->operands[1], names, count)) != NULL)
		snprintf(hint, sizeof hint, "Did you mean `%s`?", near);
	(void)error_set(&err, ERROR_USAGE, hint, "the flow %s has no system \"%s\"", flow->head.name, ctl->operands[1]);
	return opened_error(ctl, &err);
}

/* ---- is it a staging twin? ---- */

/* A word of the name is what people call the real one: "production", "eu-prod", "live". */
static bool
is_production(const char *environment)
{
	static const char *const words[] = { "prod", "prd", "live" };
	char word[64];
	size_t length = 0;

	for (const char *at = environment;; at++) {
		if (isalpha((unsigned char)*at)) {
			if (length + 1 < sizeof word)
				word[length++] = (char)tolower((unsigned char)*at);
			continue;
		}
		word[length] = '\0';
		for (size_t i = 0; i < sizeof words / sizeof *words; i++)
			if (strcmp(word, words[i]) == 0 || (i == 0 && strncmp(word, words[i], 4) == 0))
				return true;
		length = 0;
		if (*at == '\0')
			return false;
	}
}

static bool
is_below(const char *file, const char *folder)
{
	size_t length = strlen(folder);

	while (length > 0 && folder[length - 1] == '/')
		length--;
	return file != NULL && strncmp(file, folder, length) == 0 && file[length] == '/';
}

/* Does the folder of what differs here say where the system is? */
static bool
is_of_site(const struct model *model, const struct config_system *system, const struct config_unit *unit)
{
	const struct config_settings *settings = config_settings(system, unit);
	const struct config_unit_system *at = unit != NULL ? config_unit_system(unit, system->head.name) : NULL;

	for (uint32_t i = 0; i < settings->settings.count; i++)
		if (engine_tells_which(&settings->settings.items[i]) && settings->places[i].line > 0 &&
		    is_below(settings->places[i].file, model->site_dir))
			return true;
	return at != NULL && at->tenant != NULL && is_below(config_setting_place(&at->head, "tenant").file, model->site_dir);
}

static int
check_twin(const struct loadtest *test, struct error *err)
{
	const struct model *model = test->opened.loaded.model;
	const struct config_system *system = test->options.to->system;
	const char *environment = model->agent->environment, *on = ctl_value(test->ctl, "on");

	if (environment == NULL || environment[0] == '\0')
		return error_set(err, ERROR_LOADTEST_ENVIRONMENT, "Set agent.environment in the files of the staging environment (--site).",
		                 "nothing says which environment this is, and it could be production");
	if (is_production(environment))
		return error_set(err, ERROR_LOADTEST_ENVIRONMENT, "Rehearse against a staging twin, with a configuration (--site) and a --state of its own.",
		                 "this is the environment \"%s\", and generated records have no business in production", environment);
	if (system->access != CONFIG_ACCESS_WRITE)
		return error_set(err, ERROR_LOADTEST_ENVIRONMENT, "Only a system with access = \"write\" is written to.", "the system %s is for reading alone",
		                 system->head.name);
	if (on == NULL || strcmp(on, environment) != 0)
		return error_set(err, ERROR_LOADTEST_ENVIRONMENT, "Name the environment that you mean with --on, if it is this one.",
		                 on == NULL ? "generated records are written to %s of the environment \"%s\" only when --on names it"
		                            : "%s is of the environment \"%s\", and --on names another one", system->head.name, environment);
	if (model->site_dir != NULL && !is_of_site(model, system, test->options.unit))
		return error_set(err, ERROR_LOADTEST_ENVIRONMENT, "Let the site's files say where the twin is: its address, path or tenant.",
		                 "the files in %s do not say where %s is, so that it is the system that all environments share", model->site_dir,
		                 system->head.name);
	return 0;
}

/* ---- does anybody read it? ---- */

static bool
is_read_by(const struct config_binding *binding, const struct config_flow *flow)
{
	for (uint32_t b = 0; b < flow->binding_count; b++) {
		const struct config_binding *one = &flow->bindings[b];

		if (one->reads && one->system == binding->system &&
		    strcmp(config_sdk_object(one->object)->native, config_sdk_object(binding->object)->native) == 0)
			return true;
	}
	return false;
}

/* Every flow and unit that reads an object that is written to. */
static int
each_reader(struct loadtest *test, int (*each)(struct loadtest *test, const struct config_flow *flow, const struct config_unit *unit, struct error *err),
            struct error *err)
{
	const struct model *model = test->opened.loaded.model;

	for (uint32_t f = 0; f < model->flow_count; f++) {
		const struct config_flow *flow = &model->flows[f];
		bool reads = false;

		for (uint32_t b = 0; test->bindings[b] != NULL; b++)
			reads = reads || is_read_by(test->bindings[b], flow);
		for (uint32_t u = 0; reads && u < (flow->units.count > 0 ? flow->units.count : 1); u++)
			if (each(test, flow, flow->units.count > 0 ? config_unit(model, flow->units.items[u]) : NULL, err) != 0)
				return -1;
	}
	return 0;
}

static const char *
name_of(const struct config_unit *unit)
{
	return unit != NULL && unit->head.name != NULL ? unit->head.name : "";
}

static int
is_off(struct loadtest *test, const struct config_flow *flow, const struct config_unit *unit, struct error *err)
{
	struct ledger *ledger = test->opened.ledger;
	const char *name = name_of(unit);
	struct ledger_flag flag;
	char hint[384];

	if (ledger_flag_get(ledger, ledger_flow_id(ledger, flow), ledger_unit_id(ledger, unit), 0, &flag, err) != 0)
		return -1;
	if (flag.mode == LEDGER_FLAG_OFF)
		return 0;
	snprintf(hint, sizeof hint, "`syncline flag %.100s off%s%.100s --why loadtest` until it is over.", flow->head.name, name[0] != '\0' ? " --unit " : "",
	         name);
	return error_set(err, ERROR_LEDGER_FLAG, hint, "the flow %s is %s%s%s and reads what is written to %s: generated records would become real ones",
	                 flow->head.name, ledger_flag_name((enum ledger_flag_mode)flag.mode), name[0] != '\0' ? " for " : "", name,
	                 test->options.to->system->head.name);
}

/* So that nobody who is switched on meanwhile begins. */
static int
lease(struct loadtest *test, const struct config_flow *flow, const struct config_unit *unit, struct error *err)
{
	char *name;

	if (test->lease_count == LEASES_MAX)
		return 0; /* their flags are looked at all the same */
	name = test->leases[test->lease_count];
	unit_lease_name(name, sizeof test->leases[0], flow->head.name, name_of(unit));
	if (ledger_lease(test->opened.ledger, name, UNIT_LEASE_MS, err) != 1)
		return -1;
	test->lease_count++;
	return 0;
}

static const struct error *
heed(void *data)
{
	struct loadtest *test = data;
	int64_t now = os_monotonic_ms();

	if (now - test->heeded_ms < HEED_MS)
		return NULL;
	test->heeded_ms = now;
	return each_reader(test, is_off, &test->ends) != 0 ? &test->ends : NULL;
}

static void
winding_up(void *data)
{
	struct loadtest *test = data;

	test->opened.winding_up = true;
}

/* ---- telling ---- */

static double
a_second(uint64_t count, int64_t us)
{
	return us > 0 ? (double)count * 1e6 / (double)us : 0;
}

static void
json_double(struct buffer *json, const char *name, double value)
{
	ctl_json_key(json, name);
	buffer_format(json, "%.6f", value);
}

static void
json_figures(struct buffer *json, const struct rehearse_figures *figures)
{
	ctl_json_number(json, "records", (long long)figures->records);
	ctl_json_number(json, "failed", (long long)figures->failed);
	ctl_json_number(json, "uncertain", (long long)figures->uncertain);
	ctl_json_number(json, "retried", (long long)figures->retried);
	ctl_json_number(json, "throttled", (long long)figures->throttled);
	ctl_json_number(json, "calls", (long long)figures->calls);
	ctl_json_number(json, "looks", (long long)figures->looks);
	json_double(json, "seconds", (double)figures->elapsed_us / 1e6);
	json_double(json, "records_per_second", a_second(figures->records, figures->elapsed_us));
	json_double(json, "calls_per_second", a_second(figures->calls + figures->looks, figures->elapsed_us));
	json_double(json, "p50_ms", (double)figures->p50_us / 1e3);
	json_double(json, "p95_ms", (double)figures->p95_us / 1e3);
	json_double(json, "p99_ms", (double)figures->p99_us / 1e3);
	json_double(json, "worst_ms", (double)figures->worst_us / 1e3);
}

static void
json_outlook(struct buffer *json, const struct rehearse_options *options, const struct rehearse_outlook *outlook)
{
	const struct config_limits *limits = options->to->system->limits;

	ctl_json_open(json, "forecast", '{');
	ctl_json_number(json, "records", (long long)outlook->records);
	json_double(json, "records_per_second", outlook->create_rate);
	json_double(json, "first_sync_seconds", outlook->first_sync_s);
	if (limits->per_day > 0)
		json_double(json, "first_sync_days_of_budget", outlook->first_sync_days);
	if (outlook->changes_known) {
		json_double(json, "changes_per_day", outlook->changes);
		json_double(json, "changes_on_the_busiest_day", outlook->peak);
		json_double(json, "calls_on_the_busiest_day", outlook->change_calls);
		ctl_json_boolean(json, "budget_is_enough", outlook->budget_enough);
	}
	json_double(json, "changes_per_second", outlook->change_rate);
	if (outlook->max_lag_ms > 0) {
		json_double(json, "max_lag_seconds", (double)outlook->max_lag_ms / 1e3);
		json_double(json, "changes_within_max_lag", outlook->burst);
		if (outlook->changes_known)
			ctl_json_boolean(json, "lag_is_enough", outlook->lag_enough);
	}
	ctl_json_close(json, '}');
}

static void
json_left(struct buffer *json, const struct rehearse_result *result)
{
	ctl_json_number(json, "left", result->left_count);
	ctl_json_number(json, "left_unknown", result->left_unknown);
	ctl_json_text(json, "list", result->list[0] != '\0' ? result->list : NULL);
	ctl_json_open(json, "remains", '[');
	for (uint32_t i = 0; i < result->left_count; i++) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "object", result->left[i].object);
		ctl_json_text(json, "key", result->left[i].key);
		ctl_json_text(json, "native", result->left[i].native);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
}

static void
json_result(struct buffer *json, const struct loadtest *test, const struct rehearse_result *result, const struct rehearse_outlook *outlook)
{
	ctl_json_open(json, NULL, '{');
	ctl_json_text(json, "flow", test->options.flow->head.name);
	ctl_json_text(json, "system", test->options.to->system->head.name);
	ctl_json_text(json, "unit", test->options.unit != NULL ? test->options.unit->head.name : NULL);
	ctl_json_text(json, "environment", test->opened.loaded.model->agent->environment);
	ctl_json_boolean(json, "stopped", result->stopped);
	if (result->why.code != ERROR_NONE) {
		ctl_json_key(json, "error");
		ctl_json_error(json, &result->why);
	}
	ctl_json_boolean(json, "ended_by_budget", result->budget_ended);
	ctl_json_number(json, "parallel", result->parallel);
	ctl_json_number(json, "records_a_call", result->batch);
	ctl_json_open(json, "phases", '{');
	for (int i = 0; i < REHEARSE_PHASES; i++) {
		ctl_json_open(json, rehearse_phase_name((enum rehearse_phase)i), '{');
		json_figures(json, &result->figures[i]);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, '}');
	ctl_json_open(json, "faults", '[');
	for (uint32_t i = 0; i < result->fault_count; i++) {
		ctl_json_open(json, NULL, '{');
		ctl_json_text(json, "phase", rehearse_phase_name(result->faults[i].phase));
		ctl_json_text(json, "class", error_class_name(result->faults[i].klass));
		ctl_json_number(json, "count", (long long)result->faults[i].count);
		ctl_json_key(json, "first");
		ctl_json_error(json, &result->faults[i].first);
		ctl_json_close(json, '}');
	}
	ctl_json_close(json, ']');
	ctl_json_number(json, "other_faults", (long long)result->other_faults);
	if (result->per_day > 0) {
		ctl_json_open(json, "budget", '{');
		ctl_json_number(json, "per_day", result->per_day);
		ctl_json_number(json, "used_before", result->day_before);
		ctl_json_number(json, "used_after", result->day_after);
		ctl_json_close(json, '}');
	}
	json_left(json, result);
	if (outlook != NULL)
		json_outlook(json, &test->options, outlook);
	ctl_json_close(json, '}');
}

static void
print_phases(const struct rehearse_result *result)
{
	static const char *const heads[] = { "", "RECORDS", "A SECOND", "CALLS", "A SECOND", "P50 MS", "P95 MS", "P99 MS", "FAILED", "UNCERTAIN", "RETRIED", "THROTTLED" };
	struct ctl_table table;

	ctl_table_init(&table, 12, 0xFFEu, heads);
	for (int i = 0; i < REHEARSE_PHASES; i++) {
		const struct rehearse_figures *f = &result->figures[i];
		char text[11][32];
		const char *cells[12] = { rehearse_phase_name((enum rehearse_phase)i) };

		if (f->calls + f->looks + f->failed + f->throttled == 0)
			continue;
		snprintf(text[0], sizeof text[0], "%" PRIu64, f->records);
		snprintf(text[1], sizeof text[1], "%.1f", a_second(f->records, f->elapsed_us));
		snprintf(text[2], sizeof text[2], "%" PRIu64, f->calls + f->looks);
		snprintf(text[3], sizeof text[3], "%.1f", a_second(f->calls + f->looks, f->elapsed_us));
		snprintf(text[4], sizeof text[4], "%.1f", (double)f->p50_us / 1e3);
		snprintf(text[5], sizeof text[5], "%.1f", (double)f->p95_us / 1e3);
		snprintf(text[6], sizeof text[6], "%.1f", (double)f->p99_us / 1e3);
		snprintf(text[7], sizeof text[7], "%" PRIu64, f->failed);
		snprintf(text[8], sizeof text[8], "%" PRIu64, f->uncertain);
		snprintf(text[9], sizeof text[9], "%" PRIu64, f->retried);
		snprintf(text[10], sizeof text[10], "%" PRIu64, f->throttled);
		for (int c = 0; c < 11; c++)
			cells[c + 1] = text[c];
		ctl_table_row(&table, cells);
	}
	if (table.rows > 1)
		ctl_table_print(&table);
	else
		ctl_table_drop(&table);
}

static void
print_faults(const struct rehearse_result *result)
{
	static const char *const heads[] = { "COUNT", "WHILE", "CLASS", "THE FIRST OF THEM" };
	struct ctl_table table;

	if (result->fault_count == 0)
		return;
	ctl_print("\nFailed:\n");
	ctl_table_init(&table, 4, 1, heads);
	for (uint32_t i = 0; i < result->fault_count; i++) {
		char count[24];

		snprintf(count, sizeof count, "%" PRIu64, result->faults[i].count);
		ctl_table_row(&table, (const char *const[]){ count, rehearse_phase_name(result->faults[i].phase), error_class_name(result->faults[i].klass),
			result->faults[i].first.message });
	}
	ctl_table_print(&table);
	if (result->other_faults > 0)
		ctl_print("… and %" PRIu64 " of other kinds\n", result->other_faults);
}

/* "3 d 4 h", "2 h 5 min", "40 s". */
static const char *
span(double seconds, char text[48])
{
	int64_t whole = (int64_t)(seconds + 0.5);

	if (whole >= 172800)
		snprintf(text, 48, "%" PRId64 " d %" PRId64 " h", whole / 86400, whole % 86400 / 3600);
	else if (whole >= 7200)
		snprintf(text, 48, "%" PRId64 " h %" PRId64 " min", whole / 3600, whole % 3600 / 60);
	else if (whole >= 120)
		snprintf(text, 48, "%" PRId64 " min %" PRId64 " s", whole / 60, whole % 60);
	else
		snprintf(text, 48, "%.1f s", seconds);
	return text;
}

static void
print_outlook(const struct loadtest *test, const struct rehearse_outlook *outlook)
{
	int64_t per_day = test->options.to->system->limits->per_day;
	char text[48], lag[48];

	ctl_print("\nForecast:\n");
	if (outlook->create_rate <= 0) {
		ctl_print("  nothing was created, so there is none\n");
		return;
	}
	if (outlook->records == 0)
		ctl_print("  first sync    %.1f records a second; the ledger has none yet, --forecast N says how many\n", outlook->create_rate);
	else
		ctl_print("  first sync    %" PRIu64 " records take about %s, at %.1f a second\n", outlook->records, span(outlook->first_sync_s, text),
		          outlook->create_rate);
	if (per_day > 0 && outlook->records > 0)
		ctl_print("  first sync    needs the calls of %.2f days\n", outlook->first_sync_days);
	if (!outlook->changes_known)
		ctl_print("  changes       the ledger has no history of them; --changes N says how many a day\n");
	else if (per_day > 0)
		ctl_print("  changes       %.0f a day, %.0f on the busiest day: about %.0f of the %" PRId64 " calls of a day, which %s\n", outlook->changes,
		          outlook->peak, outlook->change_calls, per_day, outlook->budget_enough ? "is enough" : "is NOT ENOUGH");
	else
		ctl_print("  changes       %.0f a day, %.0f on the busiest day; nothing limits the calls of a day\n", outlook->changes, outlook->peak);
	if (outlook->change_rate > 0)
		ctl_print("  rate          at most %.1f changes a second can be kept up\n", outlook->change_rate);
	if (outlook->max_lag_ms > 0 && outlook->change_rate > 0)
		ctl_print("  lag           %.0f changes at once are there within max_lag (%s)%s\n", outlook->burst, span((double)outlook->max_lag_ms / 1e3, lag),
		          outlook->changes_known && !outlook->lag_enough ? ", and the busiest day had MORE" : "");
}

static void
print_left(const struct loadtest *test, const struct rehearse_result *result)
{
	static const char *const heads[] = { "OBJECT", "NATIVE ID", "KEY" };
	struct ctl_table table;

	if (result->left_count == 0) {
		ctl_print("Nothing of it is left at %s.\n", test->options.to->system->head.name);
		return;
	}
	ctl_print("\nLeft at %s: %u records%s, which %s lists:\n", test->options.to->system->head.name, result->left_count,
	          result->left_unknown > 0 ? ", of some of which nobody knows whether they are there" : "", result->list);
	ctl_table_init(&table, 3, 0, heads);
	for (uint32_t i = 0; i < result->left_count && i < LISTED; i++)
		ctl_table_row(&table, (const char *const[]){ result->left[i].object, result->left[i].native != NULL ? result->left[i].native : "(not known)",
			result->left[i].key });
	ctl_table_print(&table);
	if (result->left_count > LISTED)
		ctl_print("… and %u more\n", result->left_count - LISTED);
	if (result->can_delete)
		ctl_print("--cleanup takes them away.\n");
	else
		ctl_print("The system deletes nothing: take them away there, then remove the list.\n");
}

static enum ctl_exit
status_of(const struct rehearse_result *result, const struct rehearse_outlook *outlook)
{
	uint64_t faults = 0;

	if (result->stopped)
		return CTL_FAILED;
	for (int i = 0; i < REHEARSE_PHASES; i++)
		faults += result->figures[i].failed + result->figures[i].uncertain;
	if (faults > 0 || result->left_count > 0 || result->budget_ended || (outlook != NULL && (!outlook->budget_enough || !outlook->lag_enough)))
		return CTL_FINDINGS;
	return CTL_DONE;
}

static enum ctl_exit
tell(const struct loadtest *test, const struct rehearse_result *result, const struct rehearse_outlook *outlook)
{
	enum ctl_exit status = status_of(result, outlook);
	struct buffer json;

	if (test->ctl->json) {
		buffer_init(&json, 0);
		json_result(&json, test, result, outlook);
		return ctl_json_print(&json, status);
	}
	if (outlook != NULL)
		ctl_print("%s to %s (%s), %u at a time, up to %u records a call\n\n", test->options.flow->head.name, test->options.to->system->head.name,
		          test->opened.loaded.model->agent->environment, result->parallel, result->batch);
	print_phases(result);
	print_faults(result);
	if (result->per_day > 0)
		ctl_print("\nThe day's calls: %" PRId64 " of %" PRId64 " are used; before it were %" PRId64 ".\n", result->day_after, result->per_day, result->day_before);
	if (result->budget_ended)
		ctl_print("It created no more, since the rest of the day's calls is needed to delete what was created.\n");
	if (outlook != NULL)
		print_outlook(test, outlook);
	print_left(test, result);
	if (result->why.code != ERROR_NONE)
		ctl_say_error(test->ctl, &result->why);
	return status;
}

/* ---- */

static enum ctl_exit
rehearsed(struct loadtest *test)
{
	struct rehearse_outlook outlook;
	struct rehearse_result result;
	struct error err = { 0 };
	enum ctl_exit status;
	int got;

	got = test->cleanup ? rehearse_clean(&test->options, &result, &err) : rehearse(&test->options, &result, &err);
	progress_end(&test->opened.progress);
	if (got < 0)
		return opened_error(test->ctl, &err);
	if (test->cleanup && got == 0) {
		rehearse_result_free(&result);
		if (test->ctl->json)
			ctl_print("{\"left\":0,\"remains\":[]}\n");
		else
			ctl_say(test->ctl, "no loadtest left anything there");
		return CTL_DONE;
	}
	if (!test->cleanup && rehearse_forecast(&test->options, &result, test->forecast, test->changes,
	                                        status_most_lag(test->options.flow, os_wall_us()), &outlook, &err) != 0)
		status = opened_error(test->ctl, &err);
	else
		status = tell(test, &result, test->cleanup ? NULL : &outlook);
	rehearse_result_free(&result);
	return status;
}

static enum ctl_exit
enter(struct loadtest *test)
{
	struct floor_place place;
	struct error err = { 0 };
	enum ctl_exit status = CTL_DONE;

	if (rehearse_bindings(test->opened.engine, test->options.to, test->options.unit, &test->arena, &test->bindings, &err) != 0 ||
	    (!test->cleanup && each_reader(test, is_off, &err) != 0) || unit_enter(&place, test->opened.engine, test->options.flow, &err) != 0)
		return opened_error(test->ctl, &err);
	/* What an earlier one left keeps others from reading while it is taken away. */
	if (!test->cleanup && each_reader(test, lease, &err) != 0)
		status = opened_error(test->ctl, &err);
	engine_forgive(test->opened.engine, test->options.flow);
	if (status == CTL_DONE)
		status = rehearsed(test);
	for (uint32_t i = 0; i < test->lease_count; i++)
		ledger_lease_end(test->opened.ledger, test->leases[i]);
	floor_leave(&place);
	return status;
}

enum ctl_exit
verb_loadtest(struct ctl *ctl)
{
	struct loadtest *test = calloc(1, sizeof *test);
	struct error err = { 0 };
	enum ctl_exit status;

	if (test == NULL) {
		(void)error_memory(&err);
		return opened_error(ctl, &err);
	}
	test->ctl = ctl;
	arena_init(&test->arena, 0);
	if ((status = read_options(test)) == CTL_DONE && (status = opened_begin(ctl, &test->opened, LEDGER_ENGINE)) == CTL_DONE &&
	    (status = choose(test)) == CTL_DONE) {
		if (check_twin(test, &err) != 0)
			status = opened_error(ctl, &err);
		else
			status = opened_engine(ctl, &test->opened);
		test->options.engine = test->opened.engine;
		test->options.state_dir = ledger_state_dir(test->opened.ledger);
		test->options.heed = heed;
		test->options.winding_up = winding_up;
		test->options.data = test;
		if (status == CTL_DONE)
			status = enter(test);
	}
	opened_close(&test->opened);
	arena_free(&test->arena);
	free(test);
	return status;
}
