/* SPDX-License-Identifier: BSD-2-Clause */
/* deliver_help.h: a ledger with a record or two, and a target that lacks them, for the tests of agent/deliver. */
#ifndef TESTS_DELIVER_HELP_H
#define TESTS_DELIVER_HELP_H

#include "check.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "deliver/deliver.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"

/* What a test may say of the target; the rest is as usual.  `@` is the folder, which has in/ and out/. */
struct post_options {
	const char *connector; /* of the target: NULL: "sqlite" */
	const char *native;    /* of its object: native and key */
	const char *object;    /* more settings of its object */
	const char *binding;   /* more settings of the customers' binding */
	const char *system;    /* more settings of the system */
	const char *source;    /* more settings of the binding that the customers come from */
	const char *name;      /* more of the customers' field name */
	const char *number;    /* and number */
	bool decimal;          /* names are decimals */
	const char *orders;    /* more settings of the orders' binding */
	bool write_only;       /* nobody reads the target */
	bool tree;             /* customers have another one as `boss`, which the target's column boss_id gets */
	bool derive;           /* the target keeps the other system's id */
	const char *contract;  /* fields of the target's accounts */
	bool grand;            /* with tree: an order's account is that of its customer's boss */
	bool attach;           /* orders are written into their customers' accounts, as `origin` */
};
struct post {
	char dir[200], connectors[260];
	struct model *model;
	struct systems systems;
	struct ledger *ledger;
	struct engine *engine;
	struct ledger_run run;
	struct intake intake;
	struct deliver_options options;
	struct deliver_result result;
	struct error err;
	sqlite3 *crm; /* the target, seen from outside */
	char flow[40];
	bool decimal;
	int64_t wrong_us; /* by how much of clock_us the clock was set, and no time passed */
	int64_t clock_us;
	int64_t slow_us; /* the next write takes so long */
	unsigned die_at; /* the clock's call with this number ends the process; 0: never */
	unsigned calls, waits;
	int64_t waited_ms;
	void (*on_wait)(struct post *post);
	void (*on_time)(struct post *post); /* whenever the clock is asked */
};
struct post *post_new(const struct post_options *options);
void post_free(struct post *post);
void post_open(struct post *post); /* after post_close(): as a new process would */
void post_close(struct post *post);
/* The flow whose deliveries are made: "customers" at first. */
void post_flow(struct post *post, const char *name);

/* Records with marks for the targets of their flow.  phone, customer: NULL, 0: null. */
int64_t post_customer(struct post *post, const char *number, const char *name, const char *phone);
int64_t post_order(struct post *post, const char *number, int64_t customer);
/* Customers with these numbers, in one transaction: every 50th is "nobody", every 70th "bad", which the target refuses. */
void post_customers(struct post *post, unsigned first, unsigned count);
/* A document below files/docs, and a record that names it. */
int64_t post_paper(struct post *post, const char *number, const char *bytes);
void post_document(struct post *post, const char *number, const char *bytes);
void post_change(struct post *post, int64_t record, const char *name, const char *phone);
/* With `tree`. */
void post_boss(struct post *post, int64_t record, int64_t boss);
void post_move(struct post *post, int64_t order, int64_t customer);
void post_gone(struct post *post, int64_t record); /* deleted, and to be deleted there */
void post_want(struct post *post, int64_t record, uint8_t op);
void post_flag(struct post *post, enum ledger_flag_mode mode, uint32_t percent);

/* Deliver, or resolve; fails the test when that fails. */
void post_deliver(struct post *post);
void post_resolve(struct post *post);
/* Reads all that the flow's bindings read, and applies it. */
void post_read(struct post *post);

/*
 * Delivers in a process of its own, which ends without warning when the clock is asked for the at-th time.  False: it came to its
 * end before that.
 */
bool post_die(struct post *post, unsigned at);
void post_check(struct post *post); /* the ledger's own rules */

void post_erp(struct post *post, const char *sql); /* where the customers come from */
/* At the target: runs SQL, and what a query gives, rows by newline, columns by |. */
void post_sql(struct post *post, const char *sql);
const char *post_rows(struct post *post, const char *sql);
/* The mark at the customers' or orders' target; found false: none. */
struct ledger_delivery post_mark(struct post *post, int64_t record, bool *ret_found);
#define assert_mark(post, record, wanted)                                                    \
	do {                                                                                 \
		bool found_mark;                                                             \
		struct ledger_delivery mark_now = post_mark(post, record, &found_mark);      \
		assert_true(found_mark);                                                     \
		assert_int_equal(mark_now.state, LEDGER_DELIVERY_##wanted);                  \
	} while (0)
#define assert_no_mark(post, record)                          \
	do {                                                  \
		bool found_mark;                              \
		(void)post_mark(post, record, &found_mark);   \
		assert_false(found_mark);                     \
	} while (0)
struct ledger_link post_link(struct post *post, int64_t record);
/* Open findings of a kind. */
unsigned post_findings(struct post *post, enum ledger_finding_kind kind, const char *cause);

#endif
