/* SPDX-License-Identifier: BSD-2-Clause */
/* listing.h: what verbs that list share: a table for people and a JSON value for programs, of which one is printed. */
#ifndef CTL_LISTING_H
#define CTL_LISTING_H

#include "ctl/open.h"
#include "ledger/runs.h"

struct listing {
	const struct ctl *ctl;
	struct opened *opened;
	struct ledger *ledger;
	struct buffer json;
	struct ctl_table table;
	uint64_t shown;
};
/* `bracket` '[' or '{' begins the JSON value. */
void listing_begin(struct listing *listing, const struct ctl *ctl, struct opened *opened, char bracket, size_t columns, unsigned right,
                   const char *const *heads);
/* A row of the table; counts it. */
void listing_row(struct listing *listing, const char *const *cells);
/*
 * Prints the one or the other and frees both.  `result` not 0: the error instead.  No row: `nothing` as a remark.  Returns
 * `status`, or that of the error.
 */
enum ctl_exit listing_end(struct listing *listing, char bracket, int result, const struct error *err, const char *nothing, enum ctl_exit status);

/* The flow of an operand or --flow (`name` may be NULL) and --unit's unit, as ids; 0: any. */
enum ctl_exit listing_choose(const struct ctl *ctl, const struct opened *opened, const char *name, uint32_t *ret_flow, uint32_t *ret_unit);
/* --limit, or `unless`. */
enum ctl_exit listing_limit(const struct ctl *ctl, uint32_t unless, uint32_t *ret_limit);

/* "3 d", "2 h", "5 min", "40 s"; `text` has 32 bytes. */
const char *listing_age(int64_t us, char *text);
const char *listing_number(int64_t number, char text[24]);
/* "system" of a binding. */
const char *listing_target(const struct ledger *ledger, uint32_t binding);
/* A run's state; that of one whose process is gone is what the next engine makes of it, with *ret_silent (may be NULL). */
const char *listing_run_state(const struct ledger *ledger, const struct ledger_run *run, bool *ret_silent);
#define LISTING_SILENT "its process ended without a word"
/* What a run or a plan counts: "created 91, sent-creates 91", in `text`; and as the object "counts". */
const char *listing_counts(const uint64_t *counts, struct buffer *text);
void listing_json_counts(struct buffer *json, const uint64_t *counts);
/* A time as in opened_time(), or null. */
void listing_json_time(struct buffer *json, const char *name, int64_t us);
/*
 * What carries out what was decided about a flow for a unit: the run, or first, while it is off or paused, its flag.  ret_off: NULL, or
 * the word for it.
 */
int listing_next(const struct listing *listing, uint32_t flow, uint32_t unit, char text[512], const char **ret_off, struct error *err);
void listing_say_next(const struct ctl *ctl, const char *next, const char *off);
/* verb_plans.c: a plan's items behind `after`, printed; and all of them, added to the open array in listing->json. */
#define LISTING_ITEMS 1000u /* that people get at once */
enum ctl_exit listing_items(const struct ctl *ctl, struct opened *opened, int64_t plan, uint32_t limit, int64_t after);
int listing_json_items(struct listing *listing, int64_t plan, struct error *err);
/* Bytes that are text as far as they are. */
void listing_json_slice(struct buffer *json, const char *name, struct syncline_slice slice);

#endif
