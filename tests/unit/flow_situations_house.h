/* SPDX-License-Identifier: BSD-2-Clause */
/* flow_situations_house.h: what the files of the house share. */
#ifndef TESTS_FLOW_SITUATIONS_HOUSE_H
#define TESTS_FLOW_SITUATIONS_HOUSE_H

#include "flow_situations.h"

#include <sqlite3.h>

#include "flow/engine.h"
#include "ledger/records.h"

#define HOUSE_SYSTEMS 3u
extern const char *const house_systems[HOUSE_SYSTEMS];

struct house {
	const struct story *story;
	unsigned policy;
	char dir[200];
	struct systems connectors;
	struct model *model;
	const struct config_flow *flow;
	const struct config_entity *entity;
	struct ledger *ledger;
	struct engine *engine;
	sqlite3 *db[HOUSE_SYSTEMS], *ledger_db; /* seen from outside */
	int64_t clock_us, began_us;
	int64_t seed;          /* the bystander's record; those of the story are above it */
	int64_t history_after; /* rows above it are the story's */
	struct ledger_run run; /* the last one */
	struct arena arena;
	struct buffer scratch;
	struct error err;
	bool in_child;
	sqlite3 *watched; /* when it has a row more than that, the process dies */
	int watched_rows;
};

void house_fail(const struct house *house, const struct error *err);
#define house_must(house, call)                          \
	do {                                             \
		if ((call) != 0)                         \
			house_fail(house, &(house)->err); \
	} while (0)
void house_sql(sqlite3 *db, const char *sql);
int64_t house_number(const struct house *house, const char *sql); /* from the ledger's file */
uint32_t house_object(const struct house *house, unsigned system);
int64_t house_record(const struct house *house, unsigned number); /* r1 is 1 */

#endif
