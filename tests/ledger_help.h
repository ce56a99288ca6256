/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger_help.h: a ledger in a folder of its own, a small house as its model, and a clock that stands still until it is moved.
 */
#ifndef TESTS_LEDGER_HELP_H
#define TESTS_LEDGER_HELP_H

#include "config/model.h"
#include "ledger/ledger.h"

/* erp.kunden, erp.auftraege, crm.accounts, crm.orders; units berlin, munich; entities customer, sales_order; flows customers, orders. */
extern const char help_house[];
struct model *help_model(const char *text);
/* The small house with texts in it replaced, each of which must be there. */
struct model *help_changed_model(const char *const changes[][2], size_t count);

/* A new empty folder below TMPDIR; removed with all in it by help_remove(). */
void help_folder(char *ret_path, size_t size);
void help_remove(const char *path);

extern int64_t help_clock_us, help_tick_us; /* help_tick_us: how much later it is at each look */
int64_t help_now(void *data);

/* Opens, and fails the test with what was said when that can't be. */
struct ledger *help_open(const char *dir, const struct model *model, enum ledger_mode mode);
/* Opens, and fails the test when that can be. */
void help_refuse(const char *dir, const struct model *model, enum ledger_mode mode, struct error *err);
/* For assertions: 0, or prints what was said. */
int help_ok(int result, const struct error *err);
#define assert_ok(call) assert_int_equal(help_ok((call), &err), 0)

/* The first column of the first row of a statement over the ledger's own connection; -1 when there is no row. */
int64_t help_number(struct ledger *ledger, const char *sql);
const char *help_text(struct ledger *ledger, const char *sql); /* static */

#endif
