/* SPDX-License-Identifier: BSD-2-Clause */
/* words.c: the names of events, states, kinds and counts, each from its one table. */
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/records.h"
#include "ledger/runs.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NAME2(id, name) name,
#define NAME3(id, name, text) name,
#define TEXT3(id, name, text) text,

static const char *
word(const char *const *words, size_t count, size_t index)
{
	return index < count ? words[index] : "unknown";
}

const char *
ledger_event_name(enum ledger_event event)
{
	static const char *const words[] = { LEDGER_EVENTS(NAME3) };

	return word(words, COUNT(words), event);
}

const char *
ledger_event_text(enum ledger_event event)
{
	static const char *const words[] = { LEDGER_EVENTS(TEXT3) };

	return word(words, COUNT(words), event);
}

const char *
ledger_finding_name(enum ledger_finding_kind kind)
{
	static const char *const words[] = { LEDGER_FINDINGS(NAME3) };

	return word(words, COUNT(words), kind);
}

const char *
ledger_review_name(enum ledger_review_kind kind)
{
	static const char *const words[] = { LEDGER_REVIEWS(NAME3) };

	return word(words, COUNT(words), kind);
}

const char *
ledger_delivery_state_name(enum ledger_delivery_state state)
{
	static const char *const words[] = { LEDGER_DELIVERY_STATES(NAME3) };

	return word(words, COUNT(words), state);
}

const char *
ledger_count_name(enum ledger_count count)
{
	static const char *const words[] = { LEDGER_COUNTS(NAME3) };

	return word(words, COUNT(words), count);
}

const char *
ledger_count_text(enum ledger_count count)
{
	static const char *const words[] = { LEDGER_COUNTS(TEXT3) };

	return word(words, COUNT(words), count);
}

const char *
ledger_run_state_name(enum ledger_run_state state)
{
	static const char *const words[] = { LEDGER_RUN_STATES(NAME2) };

	return word(words, COUNT(words), state);
}

const char *
ledger_plan_state_name(enum ledger_plan_state state)
{
	static const char *const words[] = { LEDGER_PLAN_STATES(NAME3) };

	return word(words, COUNT(words), state);
}

const char *
ledger_flag_name(enum ledger_flag_mode mode)
{
	static const char *const words[] = { LEDGER_FLAGS(NAME3) };

	return word(words, COUNT(words), mode);
}
