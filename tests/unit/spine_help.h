/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spine_help.h: a small world for tests of failing allocations: an ERP, a CRM that is written to, documents, a ledger and an
 * engine, connectors in this process and all databases in its memory.  Each failing allocation has a child of its own, which
 * gets the world as it stands; what it does to it dies with it.
 */
#ifndef TESTS_SPINE_HELP_H
#define TESTS_SPINE_HELP_H

#include "check.h"

#include <stdbool.h>

#include "deliver/deliver.h"
#include "schedule/run.h"

struct spine {
	char dir[200], connectors[260];
	struct model *model;
	struct systems systems;
	struct ledger *ledger;
	struct engine *engine;
	int64_t clock_us;
	/* Of spine_intake() and spine_deliver(). */
	struct intake intake;
	struct ledger_run run;
	unsigned flows;         /* as the story says */
	int64_t plan;           /* of the last run that was held */
	int64_t did;            /* the last run that changed a record */
	int64_t rollback;       /* a plan: spine_rest() carries it out while it is open; 0: none */
	struct error ended;     /* why the last unit's run failed */
	uint8_t state;          /* of the last run that ended */
	char *expected, *expected_later; /* what the world comes to that nothing disturbed, after one more run and after two */
};

#define SPINE_CUSTOMERS 1u
#define SPINE_ORDERS 2u
#define SPINE_PAPERS 4u
#define SPINE_READBACK 8u /* no flow: what the customers' target shows confirms what was written */
/* What a test says: the world is made ready, and then something is done that lacks memory. */
struct spine_story {
	const char *name;
	void (*prepare)(struct spine *spine);
	int (*act)(struct spine *spine, struct error *err);
	unsigned flows;        /* that bring everything to rest: SPINE_* */
};

struct spine *spine_new(unsigned which); /* SPINE_* */
void spine_free(struct spine *spine);
void spine_open(struct spine *spine);
void spine_close(struct spine *spine);
/* SQL in one of the systems' databases or the ledger: "erp.db", "crm.db", "ledger.db". */
void spine_sql(struct spine *spine, const char *database, const char *sql);
/* Fails unless this gives a row. */
void spine_expect(struct spine *spine, const char *database, const char *sql);
void spine_document(struct spine *spine, const char *name, const char *bytes);
void spine_flag(struct spine *spine, enum ledger_flag_mode mode);

/* These fail with err, as the product does. */
int spine_run(struct spine *spine, const char *flow, struct error *err);
int spine_apply_plan(struct spine *spine, struct error *err); /* the open one of the customers */
int spine_rollback(struct spine *spine, struct error *err); /* of the last run that changed a record: its plan, or none when nothing can be */
int spine_read(struct spine *spine, const char *flow, struct error *err);
int spine_apply(struct spine *spine, const char *flow, struct error *err);
int spine_dry(struct spine *spine, const char *flow, struct error *err);
int spine_deliver(struct spine *spine, const char *flow, struct error *err);
int spine_resolve(struct spine *spine, const char *flow, struct error *err);
/* Runs all flows, and applies what is held, until nothing is left to be done; fails the test when that fails. */
void spine_rest(struct spine *spine);
/* Stories begin with: three customers at the source; and, all at rest, changes of every kind on both sides. */
void spine_first_rows(struct spine *spine);
void spine_changes(struct spine *spine);

/* Every allocation of each story's act, alone and from there on. */
void spine_all(const struct spine_story *stories, size_t count);

#define must(spine_call, err)                                                                                                       \
	do {                                                                                                                        \
		if ((spine_call) != 0)                                                                                              \
			spine_fail("%s: %s: %s (%s) %s", #spine_call, error_name((err).code), (err).message, (err).hint, (err).detail); \
	} while (0)
/* Fails the test, or the child that it has for one allocation. */
void spine_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* Before anything else in main(). */
void spine_begin(void);

#endif
