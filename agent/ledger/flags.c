/* SPDX-License-Identifier: BSD-2-Clause */
/* flags.c: what may be done, per flow, unit and target; every change is kept. */
#include "ledger/runs_inside.h"

#include <string.h>

/* How far each mode lets records go; of a flow's and its target's the lesser counts. */
static const uint8_t reach[LEDGER_FLAG_MODE_COUNT] = {
	[LEDGER_FLAG_OFF] = 0, [LEDGER_FLAG_PREVIEW] = 1, [LEDGER_FLAG_PAUSED] = 2, [LEDGER_FLAG_CANARY] = 3, [LEDGER_FLAG_ON] = 4,
};

static void
bind_flag(struct ledger *ledger, sqlite3_stmt *statement, const struct ledger_flag *flag)
{
	sqlite3_bind_int64(statement, 1, flag->flow);
	sqlite3_bind_int64(statement, 2, flag->unit);
	sqlite3_bind_int64(statement, 3, flag->binding);
	sqlite3_bind_int(statement, 4, flag->mode);
	sqlite3_bind_int64(statement, 5, flag->mode == LEDGER_FLAG_CANARY ? flag->percent : 0);
	ledger_bind_text(statement, 6, flag->who != NULL ? flag->who : ledger->who);
	ledger_bind_text(statement, 7, flag->why);
	sqlite3_bind_int64(statement, 8, flag->since_us != 0 ? flag->since_us : ledger_now(ledger));
}

int
ledger_flag_set(struct ledger *ledger, const struct ledger_flag *flag, struct error *err)
{
	sqlite3_stmt *statement;

	if (flag->mode >= LEDGER_FLAG_MODE_COUNT || (flag->mode == LEDGER_FLAG_CANARY && (flag->percent == 0 || flag->percent > 100)))
		return error_set(err, ERROR_USAGE, "A canary takes 1 to 100 percent of the records.", "a flag can't be set to mode %u with %lu percent", flag->mode,
		                 (unsigned long)flag->percent);
	statement = ledger_statement(ledger,
	                             "INSERT INTO flag_change (flow, unit, binding, mode, percent, who, why, since_us, former_mode, former_percent)"
	                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT mode FROM flag WHERE flow = ?1 AND unit = ?2 AND binding = ?3),"
	                             " (SELECT percent FROM flag WHERE flow = ?1 AND unit = ?2 AND binding = ?3))", err);
	if (statement == NULL)
		return -1;
	bind_flag(ledger, statement, flag);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	statement = ledger_statement(ledger,
	                             "INSERT OR REPLACE INTO flag (flow, unit, binding, mode, percent, who, why, since_us)"
	                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", err);
	if (statement == NULL)
		return -1;
	bind_flag(ledger, statement, flag);
	return ledger_run_statement(ledger, statement, err);
}

/* The texts stay the statement's. */
static void
take_flag(sqlite3_stmt *statement, struct ledger_flag *flag)
{
	*flag = (struct ledger_flag){
		.flow = (uint32_t)sqlite3_column_int64(statement, 0),
		.unit = (uint32_t)sqlite3_column_int64(statement, 1),
		.binding = (uint32_t)sqlite3_column_int64(statement, 2),
		.mode = (uint8_t)sqlite3_column_int(statement, 3),
		.percent = (uint32_t)sqlite3_column_int64(statement, 4),
		.who = (const char *)sqlite3_column_text(statement, 5),
		.why = (const char *)sqlite3_column_text(statement, 6),
		.since_us = sqlite3_column_int64(statement, 7),
	};
	/* A mode that this program doesn't know lets nothing through. */
	if (flag->mode >= LEDGER_FLAG_MODE_COUNT)
		flag->mode = LEDGER_FLAG_OFF;
}

static bool
goes_less_far(const struct ledger_flag *flag, const struct ledger_flag *than)
{
	if (flag->mode == LEDGER_FLAG_CANARY && than->mode == LEDGER_FLAG_CANARY)
		return flag->percent < than->percent;
	return reach[flag->mode] < reach[than->mode];
}

/* Copies the texts into the ledger's scratch memory. */
static int
keep_texts(struct ledger *ledger, struct ledger_flag *flag)
{
	size_t who = flag->who != NULL ? strlen(flag->who) + 1 : 0, why = flag->why != NULL ? strlen(flag->why) + 1 : 0;

	buffer_clear(&ledger->scratch);
	if (buffer_reserve(&ledger->scratch, who + why) != 0)
		return -1;
	if (who > 0) {
		buffer_append(&ledger->scratch, flag->who, who);
		flag->who = ledger->scratch.data;
	}
	if (why > 0) {
		buffer_append(&ledger->scratch, flag->why, why);
		flag->why = ledger->scratch.data + who;
	}
	return 0;
}

int
ledger_flag_get(struct ledger *ledger, uint32_t flow, uint32_t unit, uint32_t binding, struct ledger_flag *ret_flag, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "SELECT flow, unit, binding, mode, percent, who, why, since_us FROM flag WHERE flow = ?1 AND unit = ?2"
	                                           " AND binding IN (0, ?3) ORDER BY binding", err);
	struct ledger_flag found = { .flow = flow, .unit = unit, .mode = LEDGER_FLAG_OFF };
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	sqlite3_bind_int64(statement, 2, unit);
	sqlite3_bind_int64(statement, 3, binding);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_flag flag;

		take_flag(statement, &flag);
		/* The flow's comes first; a target's alone changes nothing as long as the flow was never switched on. */
		if (flag.binding != 0 && !goes_less_far(&flag, &found))
			continue;
		if (keep_texts(ledger, &flag) != 0) {
			sqlite3_reset(statement);
			return error_memory(err);
		}
		found = flag;
	}
	if (status == 0)
		*ret_flag = found;
	return status;
}

int
ledger_flags(struct ledger *ledger, uint32_t flow, bool former, int (*each)(void *data, const struct ledger_flag *row), void *data,
             struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(
		ledger, former ? "SELECT flow, unit, binding, mode, percent, who, why, since_us FROM flag_change WHERE ?1 = 0 OR flow = ?1 ORDER BY id DESC" :
		                 "SELECT flow, unit, binding, mode, percent, who, why, since_us FROM flag WHERE ?1 = 0 OR flow = ?1"
		                 " ORDER BY flow, unit, binding", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	while ((status = ledger_step(ledger, statement, err)) == 1) {
		struct ledger_flag flag;

		take_flag(statement, &flag);
		if (each(data, &flag) != 0) {
			sqlite3_reset(statement);
			return -1;
		}
	}
	return status;
}
