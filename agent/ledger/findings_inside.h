/* SPDX-License-Identifier: BSD-2-Clause */
/* findings_inside.h: what the files about findings share: the five tables, which are one, and sealing. */
#ifndef LEDGER_FINDINGS_INSIDE_H
#define LEDGER_FINDINGS_INSIDE_H

#include "ledger/findings.h"
#include "ledger/inside.h"

/* A text for each kind's table, in the order of LEDGER_FINDINGS. */
#define EACH_FINDING_TABLE(before, after)                                                                                          \
	{                                                                                                                          \
		before "reject" after, before "conflict" after, before "review" after, before "flip" after, before "dead_letter" after \
	}
/* What finding_read() reads, in this order. */
#define FINDING_COLUMNS                                                                                                           \
	"id, state, flow, unit, object, native, record, run, cause, field, message, hint, rule, place, detail, detail_key, raw,"    \
	" first_us, last_us, seen, ended_by, ended_why, ended_us, decision, retry_us,"                                    \
	" decided_about, overtaken"
#define FINDING_COLUMN_COUNT 27

/* A row as the statement stands on it: valid until its next step.  `plain` holds an opened detail. */
int finding_read(struct ledger *ledger, sqlite3_stmt *statement, enum ledger_finding_kind kind, struct buffer *plain,
                 struct ledger_finding *ret_finding, struct error *err);
/* The kind and state of the finding with this number; an error that says so when there is none. */
int finding_locate(struct ledger *ledger, int64_t id, enum ledger_finding_kind *ret_kind, uint8_t *ret_state, struct error *err);
/* The next number that a person may type; unique over all findings, corrections and locks. */
int finding_number(struct ledger *ledger, int64_t *ret_id, struct error *err);

/* A column's text until the next step; ret_failed without memory. */
const char *finding_text(sqlite3_stmt *statement, int at, bool *ret_failed);
/* Runs `each`-like loops: what a callback's answer means: 0 goes on, > 0 stops without an error, < 0 is an error. */
int finding_after(sqlite3_stmt *statement, int answer);

/* finding_rows.c: seals `plain` when there are keys.  ret_key: the record whose key it was, or -1: it stays as it is. */
int finding_seal(struct ledger *ledger, int64_t record, struct syncline_slice plain, struct buffer *ret_sealed, int64_t *ret_key, struct error *err);
/*
 * The other way.  1: opened; 0: its key was destroyed, or this process has no keys (told in err).  -1: error.
 */
int finding_unseal(struct ledger *ledger, int64_t key, struct syncline_slice sealed, struct buffer *ret_plain, struct error *err);

/* Is there a row for `sql`, a statement without parameters? */
int finding_exists(struct ledger *ledger, const char *sql, bool *ret_exists, struct error *err);

#endif
