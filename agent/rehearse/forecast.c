/* SPDX-License-Identifier: BSD-2-Clause */
/* forecast.c: from the figures of a rehearsal to what is to be expected of a first sync and of a day.  Only looks at the ledger. */
#include <stdlib.h>
#include <string.h>

#include "ledger/records.h"
#include "ledger/runs.h"
#include "os/os.h"
#include "rehearse/inside.h"
#include "rules/functions/zone.h"

#define DAY_S INT64_C(86400)
#define DAY_US (DAY_S * 1000000)
#define DAYS 30u /* that are looked back upon */

/* The day's calls. */

int
forecast_day(const struct rehearsal *r, int64_t *ret_used, int64_t *ret_left, struct error *err)
{
	const struct config_system *system = r->options->to->system;
	int64_t now = os_wall_us() / 1000000;
	struct zone *zone;

	*ret_used = 0;
	*ret_left = INT64_MAX;
	if (system->limits->per_day == 0)
		return 0;
	if ((zone = zone_load(NULL, system->timezone, strlen(system->timezone), err)) == NULL)
		return -1;
	now += zone_offset(zone, now);
	zone_free(zone);
	if (ledger_budget(r->options->engine->ledger, system, now / DAY_S, ret_used, err) != 0)
		return -1;
	*ret_left = system->limits->per_day > *ret_used ? system->limits->per_day - *ret_used : 0;
	return 0;
}

/* Times. */

static int
by_size(const void *a, const void *b)
{
	int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;

	return one < other ? -1 : one > other;
}

/* The nearest rank; sorts. */
int64_t
forecast_share(struct times *times, unsigned percent)
{
	size_t rank = (times->count * percent + 99) / 100;

	if (times->count == 0)
		return 0;
	qsort(times->items, times->count, sizeof *times->items, by_size);
	return times->items[rank > 0 ? rank - 1 : 0];
}

/* What changed in the days before. */

struct past {
	int64_t now_us;
	int64_t oldest_us;    /* of the runs that count */
	double days[DAYS];
	bool any, has_first;
	int64_t first_us;     /* the oldest run that created something, so far: a first load is no day like others */
	double first;
};

static void
put_day(struct past *past, int64_t at_us, double count)
{
	int64_t day = (past->now_us - at_us) / DAY_US;

	past->any = past->any || count > 0;
	if (day >= 0 && day < (int64_t)DAYS)
		past->days[day] += count;
}

static int
see_run(void *data, const struct ledger_run *run)
{
	struct past *past = data;
	double count = (double)(run->counts[LEDGER_COUNT_CREATED] + run->counts[LEDGER_COUNT_CHANGED] + run->counts[LEDGER_COUNT_DELETED]);

	past->oldest_us = run->started_us;
	if (run->counts[LEDGER_COUNT_CREATED] == 0) {
		put_day(past, run->started_us, count);
		return 0;
	}
	if (past->has_first)
		put_day(past, past->first_us, past->first);
	past->has_first = true;
	past->first_us = run->started_us;
	past->first = count;
	return 0;
}

static int
look_back(const struct rehearse_options *options, struct rehearse_outlook *outlook, struct error *err)
{
	struct ledger *ledger = options->engine->ledger;
	struct past past = { .now_us = os_wall_us() };
	int64_t days;

	if (ledger_runs(ledger, ledger_flow_id(ledger, options->flow), ledger_unit_id(ledger, options->unit), 100000, see_run, &past, err) != 0)
		return -1;
	days = past.oldest_us > 0 ? (past.now_us - past.oldest_us) / DAY_US + 1 : 0;
	outlook->days = (uint32_t)(days > (int64_t)DAYS ? DAYS : days);
	outlook->changes_known = past.any;
	for (uint32_t i = 0; i < outlook->days; i++) {
		outlook->changes += past.days[i] / outlook->days;
		outlook->peak = past.days[i] > outlook->peak ? past.days[i] : outlook->peak;
	}
	return 0;
}

/* ---- */

/* Records a second that this can be done at, whatever a short time of peace had saved up. */
static double
rate_of(const struct rehearse_figures *figures, const struct config_limits *limits, double *ret_calls)
{
	double records = (double)figures->records, calls = (double)(figures->calls + figures->looks), rate;

	*ret_calls = 0;
	if (figures->records == 0 || figures->elapsed_us <= 0)
		return 0;
	*ret_calls = calls / records;
	rate = records / ((double)figures->elapsed_us / 1e6);
	if (limits->per_second > 0 && rate * *ret_calls > limits->per_second)
		rate = limits->per_second / *ret_calls;
	return rate;
}

static void
expect_first_sync(struct rehearse_outlook *outlook, const struct rehearse_figures *creates, const struct config_limits *limits)
{
	double calls, all;

	outlook->create_rate = rate_of(creates, limits, &calls);
	if (outlook->create_rate <= 0)
		return;
	outlook->first_sync_s = (double)outlook->records / outlook->create_rate;
	all = (double)outlook->records * calls;
	if (limits->per_day == 0)
		return;
	outlook->first_sync_days = all / (double)limits->per_day;
	/* What a day allows is used up, and the rest waits for the next ones. */
	if (outlook->first_sync_days > 1) {
		double whole = (double)(int64_t)outlook->first_sync_days, rest = (outlook->first_sync_days - whole) * (double)limits->per_day / calls;

		if (whole * (double)DAY_S + rest / outlook->create_rate > outlook->first_sync_s)
			outlook->first_sync_s = whole * (double)DAY_S + rest / outlook->create_rate;
	}
}

static void
expect_changes(struct rehearse_outlook *outlook, const struct rehearse_figures *updates, const struct config_limits *limits)
{
	double calls, rate = rate_of(updates, limits, &calls);

	if (rate <= 0)
		return;
	outlook->burst = rate * (double)outlook->max_lag_ms / 1000;
	if (limits->per_day > 0 && rate * calls * (double)DAY_S > (double)limits->per_day) {
		double day = (double)limits->per_day / calls, days = (double)outlook->max_lag_ms / 1000 / (double)DAY_S, most = days > 1 ? day * days : day;

		outlook->burst = outlook->burst > most ? most : outlook->burst;
		rate = day / (double)DAY_S;
	}
	outlook->change_rate = rate;
	outlook->change_calls = outlook->peak * calls;
	outlook->budget_enough = limits->per_day == 0 || outlook->change_calls <= (double)limits->per_day;
	outlook->lag_enough = outlook->max_lag_ms == 0 || outlook->peak <= outlook->burst;
}

int
rehearse_forecast(const struct rehearse_options *options, const struct rehearse_result *result, int64_t forecast, int64_t changes,
                  int64_t max_lag_ms, struct rehearse_outlook *ret_outlook, struct error *err)
{
	const struct config_limits *limits = options->to->system->limits;
	const struct rehearse_figures *updates = &result->figures[REHEARSE_UPDATES];
	struct ledger *ledger = options->engine->ledger;

	*ret_outlook = (struct rehearse_outlook){ .max_lag_ms = max_lag_ms, .records = (uint64_t)forecast, .budget_enough = true, .lag_enough = true };
	if (forecast < 0 && ledger_records_count(ledger, options->flow->entity, options->flow->entity->shared ? 0 : ledger_unit_id(ledger, options->unit),
	                                         &ret_outlook->records, err) != 0)
		return -1;
	if (changes >= 0) {
		ret_outlook->changes_known = true;
		ret_outlook->changes = ret_outlook->peak = (double)changes;
	} else if (look_back(options, ret_outlook, err) != 0) {
		return -1;
	}
	expect_first_sync(ret_outlook, &result->figures[REHEARSE_CREATES], limits);
	/* Where nothing can be updated, a change is another create. */
	expect_changes(ret_outlook, updates->records > 0 ? updates : &result->figures[REHEARSE_CREATES], limits);
	return 0;
}
