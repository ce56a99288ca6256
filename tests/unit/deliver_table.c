/* SPDX-License-Identifier: BSD-2-Clause */
/* deliver_table.c: what a target's answer does to a delivery, every class, operation and `applied`, as it is written in the design. */
#include "check.h"

#include <stdio.h>

#include "deliver/back_off.h"

int deliver_table_run(void);

#define NO SYNCLINE_APPLIED_NO
#define MAYBE SYNCLINE_APPLIED_MAYBE
#define YES SYNCLINE_APPLIED_YES
static const struct {
	uint32_t klass, applied;
	enum deliver_verdict create, update, delete;
} answers[] = {
	{ SYNCLINE_RETRY, NO, DELIVER_AGAIN, DELIVER_AGAIN, DELIVER_AGAIN },
	{ SYNCLINE_THROTTLED, NO, DELIVER_SLOWER, DELIVER_SLOWER, DELIVER_SLOWER },
	{ SYNCLINE_AUTH, NO, DELIVER_PARK, DELIVER_PARK, DELIVER_PARK },
	{ SYNCLINE_CONFIG, NO, DELIVER_PARK, DELIVER_PARK, DELIVER_PARK },
	{ SYNCLINE_NOT_FOUND, NO, DELIVER_DEAD, DELIVER_MISSING, DELIVER_CONFIRM },
	{ SYNCLINE_CONFLICT, NO, DELIVER_UNSURE, DELIVER_REREAD, DELIVER_REREAD },
	{ SYNCLINE_INVALID, NO, DELIVER_DEAD, DELIVER_DEAD, DELIVER_DEAD },
	{ SYNCLINE_PERMANENT, NO, DELIVER_DEAD, DELIVER_DEAD, DELIVER_DEAD },
	{ SYNCLINE_CANCELLED, NO, DELIVER_AGAIN, DELIVER_AGAIN, DELIVER_AGAIN },
	{ SYNCLINE_INTERNAL, NO, DELIVER_AGAIN, DELIVER_AGAIN, DELIVER_AGAIN },
	{ SYNCLINE_REFERENCED, NO, DELIVER_DEAD, DELIVER_DEAD, DELIVER_AGAIN },
	{ 77, NO, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	/* Whatever the class: what may have been applied is found out. */
	{ SYNCLINE_RETRY, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_THROTTLED, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_AUTH, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_CONFIG, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_NOT_FOUND, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_CONFIRM },
	{ SYNCLINE_CONFLICT, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_INVALID, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_PERMANENT, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_CANCELLED, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_INTERNAL, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ SYNCLINE_REFERENCED, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	{ 77, MAYBE, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
	/* Applied and yet failed: of a create the id is not known. */
	{ SYNCLINE_RETRY, YES, DELIVER_UNSURE, DELIVER_CONFIRM, DELIVER_CONFIRM },
	{ SYNCLINE_INVALID, YES, DELIVER_UNSURE, DELIVER_CONFIRM, DELIVER_CONFIRM },
	{ SYNCLINE_INTERNAL, YES, DELIVER_UNSURE, DELIVER_CONFIRM, DELIVER_CONFIRM },
	/* What a connector may say that no header knows. */
	{ SYNCLINE_RETRY, 9, DELIVER_UNSURE, DELIVER_UNSURE, DELIVER_UNSURE },
};

static void
each_answer_has_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		const uint8_t ops[] = { SYNCLINE_OP_CREATE, SYNCLINE_OP_UPDATE, SYNCLINE_OP_DELETE };
		const enum deliver_verdict wanted[] = { answers[i].create, answers[i].update, answers[i].delete };

		for (size_t op = 0; op < 3; op++) {
			enum deliver_verdict got = deliver_judge(ops[op], answers[i].klass, answers[i].applied);

			if (got != wanted[op])
				fail_msg("class %u, applied %u, operation %u: %d instead of %d", answers[i].klass, answers[i].applied, ops[op], (int)got,
				         (int)wanted[op]);
		}
	}
	for (uint32_t klass = 0; klass < 20; klass++) {
		enum deliver_verdict got = deliver_judge_call(klass);
		enum deliver_verdict wanted = klass == SYNCLINE_AUTH || klass == SYNCLINE_CONFIG ? DELIVER_PARK
		                              : klass == SYNCLINE_THROTTLED                       ? DELIVER_SLOWER
		                                                                                  : DELIVER_AGAIN;

		assert_int_equal(got, wanted);
	}
}

static void
pauses_double_up_to_the_limit(void **state)
{
	const struct config_limits limits = { .backoff_max_ms = 60000, .attempts = 5, .max_age_ms = 3600000 };

	(void)state;
	assert_int_equal(deliver_pause_us(&limits, 0, 0), 2000000);
	assert_int_equal(deliver_pause_us(&limits, 1, 0), 4000000);
	assert_int_equal(deliver_pause_us(&limits, 4, 0), 32000000);
	assert_int_equal(deliver_pause_us(&limits, 5, 0), 60000000);
	assert_int_equal(deliver_pause_us(&limits, 4000000000u, 0), 60000000);
	for (uint32_t chance = 0; chance < 5000; chance += 7) {
		int64_t pause = deliver_pause_us(&limits, 2, chance);

		assert_in_range(pause, 8000000, 10000000);
	}
	assert_int_not_equal(deliver_pause_us(&limits, 2, 999), deliver_pause_us(&limits, 2, 500));
}

static void
there_is_an_end_to_trying(void **state)
{
	const struct config_limits limits = { .backoff_max_ms = 60000, .attempts = 5, .max_age_ms = 3600000 };

	(void)state;
	assert_false(deliver_is_over(&limits, 0, 0, 0));
	assert_false(deliver_is_over(&limits, 3, 0, INT64_C(3600000000)));
	assert_true(deliver_is_over(&limits, 4, 0, 0));
	assert_true(deliver_is_over(&limits, 0, 0, INT64_C(3600000001)));
}

int
deliver_table_run(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_answer_has_its_verdict),
		cmocka_unit_test(pauses_double_up_to_the_limit),
		cmocka_unit_test(there_is_an_end_to_trying),
	};

	return cmocka_run_group_tests_name("what answers mean", tests, NULL, NULL);
}
