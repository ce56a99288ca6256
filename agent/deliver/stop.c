/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop.c: stop rules.  Where too many of the last deliveries failed, the target's flag goes to paused, with the reason, and stays there until a
 * person sets another one; from then on it is counted anew.
 */
#include <inttypes.h>
#include <stdio.h>

#include "deliver/inside.h"
#include "syncline/service.h"

/* 20000 is "2 %", 2500 is "0.25 %". */
static void
share_text(int64_t ppm, char *text, size_t size)
{
	int length = snprintf(text, size, "%" PRId64 ".%04" PRId64, ppm / 10000, ppm % 10000);

	while (length > 0 && text[length - 1] == '0')
		length--;
	if (length > 0 && text[length - 1] == '.')
		length--;
	snprintf(text + length, size - (size_t)length, " %%");
}

static int
pause_target(struct outlet *outlet, int64_t failed, int64_t of, const struct error *last, struct error *err)
{
	const struct intake *intake = outlet->deliver->intake;
	const struct config_stop *rule = outlet->binding->flow->stop;
	struct ledger *ledger = outlet->deliver->ledger;
	struct ledger_flag flag;
	char why[512], share[32];

	if (ledger_flag_get(ledger, intake->flow_id, intake->unit_id, outlet->id, &flag, err) != 0)
		return -1;
	if (ledger_outcomes_forget(ledger, outlet->id, intake->unit_id, err) != 0)
		return -1;
	if (flag.mode == LEDGER_FLAG_PAUSED || flag.mode == LEDGER_FLAG_OFF)
		return 0;
	share_text(rule->failed_ppm, share, sizeof share);
	snprintf(why, sizeof why, "%" PRId64 " of the last %" PRId64 " deliveries failed, and %s of %" PRId64 " is allowed; the last: %s: %s", failed, of, share,
	         rule->of, error_name(last->code), last->message);
	flag = (struct ledger_flag){ .flow = intake->flow_id, .unit = intake->unit_id, .binding = outlet->id, .mode = LEDGER_FLAG_PAUSED,
		.who = LEDGER_STOP_RULE, .why = why, .since_us = ledger_now(ledger) };
	if (ledger_flag_set(ledger, &flag, err) != 0)
		return -1;
	engine_say(outlet->deliver->engine, SYNCLINE_LOG_ERROR, "%s.%s is paused by the stop rule of %s: %s", outlet->binding->system->head.name,
	           outlet->binding->object->head.name, outlet->binding->flow->head.name, why);
	return 0;
}

int
stop_count(struct outlet *outlet, uint32_t good, const struct error *failed, struct error *err)
{
	const struct config_stop *rule = outlet->binding->flow->stop;
	int64_t failures, of;

	if (rule == NULL || (good == 0 && failed == NULL))
		return 0;
	if (ledger_outcomes(outlet->deliver->ledger, outlet->id, outlet->deliver->intake->unit_id, good, failed != NULL ? 1 : 0, rule->of, &failures, &of, err) != 0)
		return -1;
	if (failed == NULL || failures * 1000000 <= rule->failed_ppm * rule->of)
		return 0;
	return pause_target(outlet, failures, of, failed, err);
}
