/* SPDX-License-Identifier: BSD-2-Clause */
/* admission.c: see admission.h. */
#include "flow/admission.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "os/os.h"

#define DAY_S INT64_C(86400)
#define SLICE_US INT64_C(100000) /* a person stops a run */
#define PATIENCE_US INT64_C(5000000) /* what takes longer is left to a later try */
#define CHUNK_MAX 100u           /* calls that are reserved at once: so many a crash may cost */

int
admission_init(struct admission *a, struct engine *engine, const struct config_system *system, uint32_t credentials, struct error *err)
{
	struct manners *manners = engine->options.systems->manners;

	*a = (struct admission){ .engine = engine, .system = system };
	if (manners == NULL)
		return 0;
	if ((a->account = manners_account(manners, system->head.name, credentials)) == NULL)
		return error_memory(err);
	if (system->limits->per_day > 0 && (a->zone = zone_load(NULL, system->timezone, strlen(system->timezone), err)) == NULL)
		return -1;
	return 0;
}

void
admission_free(struct admission *a)
{
	zone_free(a->zone);
	a->zone = NULL;
}

/* The day on the system's clock, and how long it still is. */
static int64_t
day_of(const struct admission *a, int64_t *ret_left_us)
{
	int64_t now_us = os_wall_us(), now = now_us / 1000000, day;

	if (a->zone == NULL)
		return 0;
	day = (now + zone_offset(a->zone, now)) / DAY_S;
	*ret_left_us = zone_from_clock(a->zone, (day + 1) * DAY_S) * 1000000 - now_us;
	return day;
}

static int
refuse(const struct admission *a, enum manners_state state, int64_t wait_us, struct error *err)
{
	const char *name = a->system->head.name;
	long long seconds = (long long)((wait_us + 999999) / 1000000);

	switch (state) {
	case MANNERS_SILENT:
		error_fill(err, ERROR_SYSTEM_SILENT, "Look at the system; `syncline run` tries at once.",
		           "the system %s does not answer, and is left alone for %lld more seconds", name, seconds);
		break;
	case MANNERS_PEACE:
		error_fill(err, ERROR_SYSTEM_PEACE, NULL, "the system %s asked for fewer calls, and is left alone for %lld more seconds", name, seconds);
		break;
	case MANNERS_REFUSED:
		error_fill(err, ERROR_SYSTEM_REFUSED, "Correct the account or the secret; `syncline run` tries at once.",
		           "the system %s refused our credentials, and is not asked again for %lld seconds", name, seconds);
		break;
	case MANNERS_SPENT:
		error_fill(err, ERROR_SYSTEM_SPENT, "Raise limits.per_day, if the system allows more calls.",
		           "the %lld calls that a day allows to the system %s are used up; the next day begins in %lld seconds",
		           (long long)a->system->limits->per_day, name, seconds);
		break;
	default:
		error_fill(err, ERROR_SYSTEM_PEACE, NULL, "the system %s may be called again in %lld seconds", name, seconds);
		break;
	}
	error_place(err, "system %s", name);
	if (err != NULL) {
		err->applied = SYNCLINE_APPLIED_NO;
		err->retry_after_ms = wait_us / 1000 < UINT32_MAX ? (uint32_t)(wait_us / 1000) + 1 : UINT32_MAX;
	}
	return -1;
}

/* Some more calls of the day; 1: there are, 0: there are none. */
static int
reserve(struct admission *a, int64_t day, struct error *err)
{
	int64_t most = a->system->limits->per_day, share = most / 100;
	uint32_t wanted = share < 1 ? 1 : share > CHUNK_MAX ? CHUNK_MAX : (uint32_t)share, taken;

	if (ledger_budget_take(a->engine->ledger, a->system, day, wanted, most, &taken, err) != 0)
		return -1;
	manners_grant(a->account, day, taken);
	return taken > 0;
}

/* For its turn, as the rate has it. */
static int
wait_for(const struct admission *a, int64_t wait_us, struct error *err)
{
	char what[160];

	snprintf(what, sizeof what, "waiting for the rate of %s", a->system->head.name);
	for (int64_t until = os_monotonic_ms() * 1000 + wait_us, left = wait_us; left > 0; left = until - os_monotonic_ms() * 1000) {
		struct timespec pause = { .tv_nsec = (long)(left < SLICE_US ? left : SLICE_US) * 1000 };

		if (!engine_progress(a->engine, what, 0, 0))
			return error_set(err, ERROR_CONNECTOR_CANCELLED, NULL, "it was stopped while it waited for its turn at the system %s", a->system->head.name);
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

int
admission_ask(void *data, uint32_t calls, struct error *err)
{
	struct admission *a = data;

	if (a->account == NULL)
		return 0;
	for (;;) {
		enum manners_state state;
		int64_t wait_us, left_us = 0, day = day_of(a, &left_us);
		int more;

		switch (manners_ask(a->account, a->system->limits, calls, day, os_monotonic_ms() * 1000, &wait_us, &state)) {
		case MANNERS_GO:
			return 0;
		case MANNERS_NO:
			return refuse(a, state, wait_us, err);
		case MANNERS_WAIT:
			if (wait_us > PATIENCE_US)
				return refuse(a, MANNERS_OPEN, wait_us, err);
			if (wait_for(a, wait_us, err) != 0)
				return -1;
			break;
		case MANNERS_RESERVE:
			if ((more = reserve(a, day, err)) < 0)
				return -1;
			if (more == 0) {
				manners_spent(a->account, left_us, os_monotonic_ms() * 1000);
				return refuse(a, MANNERS_SPENT, left_us, err);
			}
			break;
		}
	}
}

void
admission_heard(void *data, uint32_t klass, uint32_t retry_after_ms)
{
	struct admission *a = data;

	if (a->account != NULL)
		manners_heard(a->account, a->system->limits, klass, retry_after_ms, os_monotonic_ms() * 1000);
}
