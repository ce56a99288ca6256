/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow_situations.h: stories of what comes in, told in tables: a situation, the action that is configured for it, the policy of
 * the field that it is about, what arrives, and what every system, link, vector, history row, finding and delivery is afterwards.
 * The tables are read from the design and the manual, never from what the program gave.
 *
 * The house of all stories: the record "thing" has a number (the match key), a value (of the policy that the story is about) and
 * a phone (crm's own).  erp owns the rest and originates; crm and web read, and are written to with create_if.  Beside the record of
 * the story there is another one in all systems, of which nothing may ever change.
 */
#ifndef TESTS_FLOW_SITUATIONS_H
#define TESTS_FLOW_SITUATIONS_H

#include "check.h"

#include <stdbool.h>

/* Policies, as the configuration orders them. */
#define OWNER 0x01u
#define NEWEST 0x02u
#define SET_IF_EMPTY 0x04u
#define UNION 0x08u
#define MANUAL 0x10u
#define TEXT (OWNER | NEWEST | SET_IF_EMPTY | MANUAL)
#define ALL (TEXT | UNION)
#define POLICIES 5u

/* What arrives: a row that was not there, one that is another one by now, one that is gone. */
#define CREATE 0x01u
#define UPDATE 0x02u
#define DELETE 0x04u
#define OPERATIONS 3u

/*
 * What there is.  `;` stands between things and space within; "" is nothing.
 *
 *     golden    r1 number value phone gGENERATION [deleted]
 *     a system  id number value phone [off] LINK…     a row; `gone` in its place when there is none
 *               none | live | tombstone | unlinked | missing, then r2 for a link of another record than r1, then SENT/SEEN for number, value and
 *               phone, each = as the record, ! another, . unknown (nothing when all are as the record), then flags: held unseen
 *               rejected out
 *     history   since the story began: event system native, r2 of another record, and field before>after; of an edit field ours<theirs
 *               and what was done
 *     findings  those that were opened or ended since: kind cause system native [field] [ended | decided]
 *     marks     system [r2] state [cause], and `delete` or `deactivate` where that is wanted
 *     counts    of the last run, without what was read and unchanged
 *
 * A value `-` is null, `A+B` a list of two.  What a record shows of `number` is n, its value A, its phone p at first.
 */
struct told {
	const char *golden, *erp, *crm, *web, *history, *findings, *marks, *counts;
};

/*
 * Commands, with `;` between: SYSTEM new ID NUMBER VALUE PHONE | SYSTEM set ID COLUMN=VALUE… (`at` is a time of the day on which it all
 * happens, from 08:00 on; what is five minutes later is still to come) | SYSTEM del ID | SYSTEM away (it answers nothing until) SYSTEM back | SYSTEM blanks ID (its list is written with other blanks) | run | read | apply |
 * deliver | die SYSTEM (a run, or with another word after it that step of it, ends without warning when the row is there) | decide KIND CAUSE WORD… | pair SYSTEM ID SYSTEM ID (as `links
 * import`) | rewrites SYSTEM (it stores values in capitals from now on) | lock [FIELD [SECONDS]] | unlock [FIELD] |
 * archive KIND CAUSE (of rejects and dead letters, too; `any` cause) | SYSTEM bears ID rN (the row bears the id by which the systems know that record)
 */
struct story {
	const char *situation; /* as the setting is called, or disputed, echo, indeterminate */
	const char *action;    /* a word of the setting; NULL: none is said */
	unsigned policies, operations;
	const char *impossible; /* why there is no such case; then nothing else is said */
	const char *title;
	const char *at;     /* the system whose binding says the action; NULL: crm */
	const char *config; /* more configuration, merged with that of the house */
	bool first;         /* nothing is in the ledger before it */
	bool ordered;       /* crm's connector says that its versions can be compared */
	bool no_get;        /* it can't be asked for single records */
	const char *given, *when;
	struct told then;
};

/* The beginning of a story, and one that there cannot be. */
#define TELL(of, by, which, comes, sentence) .situation = of, .action = by, .policies = which, .operations = comes, .title = sentence
#define NEVER(of, by, which, comes, why) { .situation = of, .action = by, .policies = which, .operations = comes, .impossible = why }

/* A binding's settings, as configuration to be merged. */
#define BINDING(system, settings) "flows: { f: { bindings: { " system ": { " settings " }; }; }; };\n"
#define FIELD(field, settings) "entities: { thing: { fields: { " field ": { " settings " }; }; }; };\n"

/* What changed is read from there on where the last read ended. */
#define MARKED "systems: { crm: { objects: { things: { mark = \"version\"; }; }; }; };\n"

/* erp has it as 2, and so crm as 12 and web as 22; all agree. */
#define AGREED "erp new 2 n A p; run; run"

struct table {
	const char *name;
	const struct story *stories;
	size_t count;
};
extern const struct table situations_seen, situations_matched, situations_gone, situations_scoped, situations_merged;

/* The house. */
struct house;
/* The configuration of a story; policy is one bit. */
struct house *house_new(const struct story *story, unsigned policy);
void house_free(struct house *house);
void house_do(struct house *house, const char *commands);
/* What is told from here on is new. */
void house_begin(struct house *house);
/* Valid until the house is freed. */
struct told house_tell(struct house *house);
/* Writes that the systems' own triggers saw. */
unsigned house_writes(struct house *house);
/* The bystander is as it was, and the ledger keeps its own rules. */
void house_check(struct house *house);

const char *policy_name(unsigned bit);

#endif
