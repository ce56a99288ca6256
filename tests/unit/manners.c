/* SPDX-License-Identifier: BSD-2-Clause */
/* manners.c: rate, day, breaker, peace and refusals of a system, by a clock of the test; on top an hour in which a target is down. */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "manners/manners.h"

#define SECOND INT64_C(1000000)
#define START (1000 * SECOND)

static char told[2000];

static void
tell(void *data, const char *system, enum manners_state state, int64_t wait_us)
{
	size_t used = strlen(told);

	(void)data;
	snprintf(told + used, sizeof told - used, "%s %s %lld\n", system, manners_state_name(state), (long long)(wait_us / SECOND));
}

static const struct config_limits no_limits = { .backoff_max_ms = 900000, .timeout_ms = 60000, .parallel = 1 };
static int64_t waited;
static enum manners_state why;

static enum manners_answer
ask(struct manners_account *a, const struct config_limits *limits, int64_t now)
{
	return manners_ask(a, limits, 1, 7, now, &waited, &why);
}

static struct manners *
begin(void)
{
	struct manners *m = manners_new(tell, NULL);

	assert_non_null(m);
	told[0] = '\0';
	return m;
}

static void
breaker(void **state)
{
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0), *other = manners_account(m, "crm", 4), *shop = manners_account(m, "shop", 0);
	enum manners_state is;

	(void)state;
	assert_true(manners_account(m, "crm", 4) == other);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask(a, &no_limits, START), MANNERS_GO);
		manners_heard(a, &no_limits, SYNCLINE_RETRY, 0, START);
	}
	/* One that is answered in between ends the row; that a record is refused is an answer, too. */
	manners_heard(a, &no_limits, SYNCLINE_INVALID, 0, START);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(a, &no_limits, START), MANNERS_GO);
		manners_heard(a, &no_limits, i == 1 ? SYNCLINE_INTERNAL : SYNCLINE_RETRY, 0, START);
	}
	assert_string_equal(told, "crm silent 2\n");
	/* For all credentials, and for no other system. */
	assert_int_equal(ask(other, &no_limits, START + SECOND), MANNERS_NO);
	assert_int_equal(why, MANNERS_SILENT);
	assert_true(waited == SECOND);
	assert_true(manners_wait_us(m, "crm", 9, START + SECOND, &is) == SECOND);
	assert_int_equal(ask(shop, &no_limits, START), MANNERS_GO);
	/* Half open: one call, and nobody else until it was heard of. */
	assert_int_equal(ask(a, &no_limits, START + 2 * SECOND), MANNERS_GO);
	assert_int_equal(ask(other, &no_limits, START + 2 * SECOND), MANNERS_NO);
	manners_heard(a, &no_limits, SYNCLINE_RETRY, 0, START + 2 * SECOND);
	assert_int_equal(ask(other, &no_limits, START + 5 * SECOND), MANNERS_NO);
	assert_int_equal(ask(other, &no_limits, START + 6 * SECOND), MANNERS_GO);
	/* One that never says what came of it keeps the others for its time limit alone. */
	assert_int_equal(ask(a, &no_limits, START + 65 * SECOND), MANNERS_NO);
	assert_int_equal(ask(a, &no_limits, START + 66 * SECOND), MANNERS_GO);
	manners_heard(a, &no_limits, SYNCLINE_OK, 0, START + 66 * SECOND);
	assert_int_equal(ask(other, &no_limits, START + 66 * SECOND), MANNERS_GO);
	assert_string_equal(told, "crm silent 2\ncrm silent 4\ncrm open 0\n");
	manners_free(m);
}

/* Asked every second for an hour: a few calls, with pauses that double up to the limit. */
static void
an_hour_down(void **state)
{
	const struct config_limits limits = { .backoff_max_ms = 900000, .timeout_ms = 60000 };
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0);
	int64_t now = START;
	int calls = 0;

	(void)state;
	for (; now < START + 3600 * SECOND; now += SECOND) {
		if (ask(a, &limits, now) != MANNERS_GO)
			continue;
		calls++;
		manners_heard(a, &limits, SYNCLINE_RETRY, 0, now);
	}
	assert_in_range(calls, 12, 15);
	/* It is there again: found out within the longest pause. */
	while (ask(a, &limits, now) != MANNERS_GO)
		now += SECOND;
	assert_true(now < START + 3600 * SECOND + 901 * SECOND);
	manners_heard(a, &limits, SYNCLINE_OK, 0, now);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask(a, &limits, now), MANNERS_GO);
	manners_free(m);
}

static void
peace(void **state)
{
	const struct config_limits limits = { .per_second = 10, .backoff_max_ms = 8000, .timeout_ms = 60000 };
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0);
	int calls = 0;

	(void)state;
	assert_int_equal(ask(a, &limits, START), MANNERS_GO);
	manners_heard(a, &limits, SYNCLINE_THROTTLED, 30000, START);
	assert_int_equal(ask(a, &limits, START + 30 * SECOND - 1), MANNERS_NO);
	assert_int_equal(why, MANNERS_PEACE);
	/* No person and no later answer without a time cuts short what it asked for. */
	manners_forgive(m, "crm");
	assert_int_equal(ask(a, &limits, START + SECOND), MANNERS_NO);
	/* Half the rate from then on, which comes back with answers. */
	for (int64_t now = START + 30 * SECOND; now < START + 40 * SECOND; now += SECOND / 100)
		calls += ask(a, &limits, now) == MANNERS_GO;
	assert_in_range(calls, 50, 56);
	for (int i = 0; i < 60; i++)
		manners_heard(a, &limits, SYNCLINE_OK, 0, START + 40 * SECOND);
	calls = 0;
	for (int64_t now = START + 50 * SECOND; now < START + 60 * SECOND; now += SECOND / 100)
		calls += ask(a, &limits, now) == MANNERS_GO;
	assert_in_range(calls, 100, 111);
	/* Without a time: 2 s, 4 s, 8 s, and no more than the limit. */
	told[0] = '\0';
	for (int i = 0; i < 4; i++)
		manners_heard(a, &limits, SYNCLINE_THROTTLED, 0, START + 100 * SECOND);
	assert_string_equal(told, "crm throttled 2\ncrm throttled 4\ncrm throttled 8\ncrm throttled 8\n");
	manners_free(m);
}

static void
refused(void **state)
{
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0), *other = manners_account(m, "crm", 4);

	(void)state;
	assert_int_equal(ask(a, &no_limits, START), MANNERS_GO);
	manners_heard(a, &no_limits, SYNCLINE_AUTH, 0, START);
	/* Opening it is asked about as well: that may be what logs in. */
	assert_int_equal(manners_ask(a, &no_limits, 0, 7, START + 3599 * SECOND, &waited, &why), MANNERS_NO);
	assert_int_equal(why, MANNERS_REFUSED);
	assert_int_equal(ask(other, &no_limits, START + SECOND), MANNERS_GO);
	assert_int_equal(ask(a, &no_limits, START + 3600 * SECOND), MANNERS_GO);
	manners_heard(a, &no_limits, SYNCLINE_AUTH, 0, START + 3600 * SECOND);
	manners_forgive(m, "shop");
	assert_int_equal(ask(a, &no_limits, START + 3601 * SECOND), MANNERS_NO);
	manners_forgive(m, "crm");
	assert_int_equal(ask(a, &no_limits, START + 3601 * SECOND), MANNERS_GO);
	manners_free(m);
}

static void
the_day(void **state)
{
	const struct config_limits limits = { .per_day = 5, .backoff_max_ms = 8000, .timeout_ms = 60000 };
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0);

	(void)state;
	assert_int_equal(ask(a, &limits, START), MANNERS_RESERVE);
	manners_grant(a, 7, 2);
	assert_int_equal(ask(a, &limits, START), MANNERS_GO);
	assert_int_equal(ask(a, &limits, START), MANNERS_GO);
	assert_int_equal(ask(a, &limits, START), MANNERS_RESERVE);
	manners_spent(a, 60 * SECOND, START);
	manners_spent(a, 60 * SECOND, START);
	assert_string_equal(told, "crm spent 60\n");
	assert_int_equal(ask(a, &limits, START + SECOND), MANNERS_NO);
	assert_int_equal(why, MANNERS_SPENT);
	/* The next day; what was left of the one before is not added. */
	manners_grant(a, 7, 2);
	assert_int_equal(manners_ask(a, &limits, 1, 8, START + 60 * SECOND, &waited, &why), MANNERS_RESERVE);
	manners_grant(a, 8, 1);
	assert_int_equal(manners_ask(a, &limits, 1, 8, START + 60 * SECOND, &waited, &why), MANNERS_GO);
	assert_int_equal(manners_ask(a, &limits, 1, 8, START + 60 * SECOND, &waited, &why), MANNERS_RESERVE);
	manners_free(m);
}

static void
slots(void **state)
{
	const struct config_limits limits = { .parallel = 3 };
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0), *other = manners_account(m, "crm", 4);

	(void)state;
	assert_true(manners_take_slot(a, &limits, START, NULL) && manners_take_slot(other, &limits, START, NULL) && manners_take_slot(a, &limits, START, NULL));
	assert_false(manners_take_slot(other, &limits, START, NULL));
	manners_give_slot(a);
	assert_true(manners_take_slot(other, &limits, START, NULL));
	manners_free(m);
}

/* Who came first gets the next slot, also before the one who gave it; who asks no more is passed. */
static void
line(void **state)
{
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0);
	uint64_t one = 0, two = 0, three = 0;

	(void)state;
	assert_true(manners_take_slot(a, &no_limits, START, &one));
	assert_int_equal(one, 0);
	assert_false(manners_take_slot(a, &no_limits, START, &two));
	assert_false(manners_take_slot(a, &no_limits, START, &three));
	assert_true(two != 0 && three != 0 && two != three);
	manners_give_slot(a);
	assert_false(manners_take_slot(a, &no_limits, START, &one));
	assert_false(manners_take_slot(a, &no_limits, START, NULL));
	assert_false(manners_take_slot(a, &no_limits, START, &three));
	assert_true(manners_take_slot(a, &no_limits, START, &two));
	manners_give_slot(a);
	assert_false(manners_take_slot(a, &no_limits, START + SECOND, &one));
	/* The third has not asked for long. */
	assert_true(manners_take_slot(a, &no_limits, START + MANNERS_LAPSE_US + SECOND / 2, &one));
	manners_give_slot(a);
	/* And is first again as soon as it does. */
	assert_true(manners_take_slot(a, &no_limits, START + 10 * SECOND, &three));
	assert_false(manners_take_slot(a, &no_limits, START + 10 * SECOND, &two));
	manners_leave_line(a, &two);
	assert_int_equal(two, 0);
	manners_give_slot(a);
	assert_true(manners_take_slot(a, &no_limits, START + 10 * SECOND, NULL));
	manners_free(m);
}

static void
note(void *data, const struct manners_alone *alone)
{
	size_t used = strlen(told);

	(void)data;
	snprintf(told + used, sizeof told - used, "%s of %u %s since %lld for %lld\n", alone->system, alone->credentials, manners_state_name(alone->state),
	         (long long)((alone->since_us - START) / SECOND), (long long)(alone->wait_us / SECOND));
}

static const char *
alone(struct manners *m, int64_t now)
{
	told[0] = '\0';
	manners_alone(m, now, note, NULL);
	return told;
}

/* Since when is told of the first of what lasts, and for how long of the last. */
static void
told_one_by_one(void **state)
{
	struct manners *m = begin();
	struct manners_account *a = manners_account(m, "crm", 0), *other = manners_account(m, "crm", 4), *shop = manners_account(m, "shop", 0);

	(void)state;
	assert_string_equal(alone(m, START), "");
	for (int i = 0; i < 4; i++)
		manners_heard(a, &no_limits, SYNCLINE_RETRY, 0, START + i * SECOND);
	assert_string_equal(alone(m, START + 4 * SECOND), "crm of 0 silent since 2 for 3\n");
	/* Its pause is over, and nobody has asked yet. */
	assert_string_equal(alone(m, START + 60 * SECOND), "crm of 0 silent since 2 for 0\n");
	manners_forgive(m, "crm");
	assert_string_equal(alone(m, START + 61 * SECOND), "crm of 0 silent since 2 for 0\n");
	manners_heard(a, &no_limits, SYNCLINE_OK, 0, START + 61 * SECOND);
	assert_string_equal(alone(m, START + 61 * SECOND), "");
	/* Credentials that were refused are those of one; peace and the day hold for all. */
	manners_heard(other, &no_limits, SYNCLINE_AUTH, 0, START + 70 * SECOND);
	assert_string_equal(alone(m, START + 70 * SECOND), "crm of 4 refused since 70 for 3600\n");
	manners_heard(other, &no_limits, SYNCLINE_OK, 0, START + 71 * SECOND);
	manners_heard(shop, &no_limits, SYNCLINE_THROTTLED, 5000, START + 72 * SECOND);
	manners_heard(shop, &no_limits, SYNCLINE_THROTTLED, 5000, START + 74 * SECOND);
	assert_string_equal(alone(m, START + 75 * SECOND), "shop of 0 throttled since 72 for 4\n");
	manners_spent(shop, 100 * SECOND, START + 76 * SECOND);
	manners_spent(shop, 99 * SECOND, START + 77 * SECOND);
	assert_string_equal(alone(m, START + 77 * SECOND), "shop of 0 spent since 76 for 99\n");
	assert_string_equal(alone(m, START + 176 * SECOND), "");
	manners_free(m);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(breaker), cmocka_unit_test(an_hour_down), cmocka_unit_test(peace), cmocka_unit_test(refused), cmocka_unit_test(the_day),
		cmocka_unit_test(slots), cmocka_unit_test(line), cmocka_unit_test(told_one_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
