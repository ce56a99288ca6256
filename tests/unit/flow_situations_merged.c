/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * flow_situations_merged.c: whose value counts, beyond what the situations tell: edits, nulls, locks, flips, ranks, groups, stamps; and
 * what once went wrong.  See flow_situations.h.
 */
#include "flow_situations.h"

#define STAMPED BINDING("erp", "changed: { record = \"at\"; };") BINDING("crm", "changed: { record = \"at\"; };")
#define GROUP "entities: { thing: { groups: { pair: { fields = [ \"number\", \"value\" ]; }; }; }; };\n"
#define RANK "entities: { thing: { rank = [ \"web\" ]; }; };\n"
#define LINKED .situation = "linked", .action = "merge", .operations = UPDATE
#define FIRST .situation = "unlinked", .action = NULL, .operations = CREATE
#define BOTH(by) .situation = "both_changed", .action = by, .operations = UPDATE

static const struct story stories[] = {
	/* edits: what becomes of a change by who does not own the value. */
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "edits = ignore: it keeps its own", .config = FIELD("value", "edits = \"ignore\";"), .given = AGREED,
	  .when = "crm set 12 value=C; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n C p live ===/=!=", .web = "22 n A p live",
	            .history = "edit crm 12 value A<C left", .counts = "edits 1" } },
	{ LINKED, .policies = OWNER, .title = "edits = ignore: until the owner changes it", .config = FIELD("value", "edits = \"ignore\";"), .given = AGREED,
	  .when = "crm set 12 value=C; run; erp set 2 value=B; run",
	  .then = { .golden = "n B p g2", .erp = "2 n B p live .../===", .crm = "12 n B p live unseen", .web = "22 n B p live unseen",
	            .history = "edit crm 12 value A<C left; changed erp 2 value A>B; sent-update crm 12; sent-update web 22" } },
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "edits = raise: a person is asked", .config = FIELD("value", "edits = \"raise\";"), .given = AGREED,
	  .when = "crm set 12 value=C; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n C p live held", .web = "22 n A p live",
	            .findings = "review edited crm 12 value", .counts = "reviews 1" } },
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "edits = raise, decided: take", .config = FIELD("value", "edits = \"raise\";"), .given = AGREED,
	  .when = "crm set 12 value=C; run; decide review edited take; run",
	  .then = { .golden = "n C p g2", .erp = "2 n C p live .=./=== unseen", .crm = "12 n C p live", .web = "22 n C p live unseen",
	            .history = "changed crm 12 value A>C; sent-update erp 2; sent-update web 22", .findings = "review edited crm 12 value decided" } },
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "edits = raise, decided: keep", .config = FIELD("value", "edits = \"raise\";"), .given = AGREED,
	  .when = "crm set 12 value=C; run; decide review edited keep; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n A p live unseen", .web = "22 n A p live",
	            .history = "edit crm 12 value A<C restored; sent-update crm 12", .findings = "review edited crm 12 value decided" } },
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "edits = raise, archived: it stays as it is", .config = FIELD("value", "edits = \"raise\";"),
	  .given = AGREED, .when = "crm set 12 value=C; run; archive review edited; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n C p live held", .web = "22 n A p live",
	            .findings = "review edited crm 12 value archived", .counts = "ignored 1" } },
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "edits = raise, archived: a person is asked again when it changes",
	  .config = FIELD("value", "edits = \"raise\";"), .given = AGREED,
	  .when = "crm set 12 value=C; run; archive review edited; run; crm set 12 value=D; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n D p live held", .web = "22 n A p live",
	            .findings = "review edited crm 12 value archived; review edited crm 12 value", .counts = "reviews 1" } },
	{ LINKED, .policies = OWNER, .title = "edits = raise: the owner changes it meanwhile, and nothing is written over what is asked about",
	  .config = FIELD("value", "edits = \"raise\";"), .given = AGREED, .when = "crm set 12 value=C; run; erp set 2 value=B; run",
	  .then = { .golden = "n B p g2", .erp = "2 n B p live .../===", .crm = "12 n C p live ===/=!= held", .web = "22 n B p live unseen",
	            .history = "changed erp 2 value A>B; sent-update web 22", .findings = "review edited crm 12 value" } },
	{ LINKED, .policies = OWNER, .title = "edits = raise: it takes its change back, and gets what there is by now",
	  .config = FIELD("value", "edits = \"raise\";"), .given = AGREED, .when = "crm set 12 value=C; run; erp set 2 value=B; run; crm set 12 value=A; run",
	  .then = { .golden = "n B p g2", .erp = "2 n B p live .../===", .crm = "12 n B p live unseen", .web = "22 n B p live",
	            .history = "changed erp 2 value A>B; sent-update web 22; sent-update crm 12", .findings = "review edited crm 12 value ended" } },
	/* A value comes back after it was restored: a finding, and no third time. */
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "a flip", .given = AGREED, .when = "crm set 12 value=C; run; run; crm set 12 value=C; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n C p live ===/=!=", .web = "22 n A p live",
	            .history = "edit crm 12 value A<C restored; sent-update crm 12; edit crm 12 value A<C flip", .findings = "flip value crm 12",
	            .counts = "edits 1; conflicts 1" } },
	/* Nulls. */
	{ LINKED, .policies = TEXT, .title = "the owner's change from a value to null clears", .given = AGREED, .when = "erp set 2 value=-; run",
	  .then = { .golden = "n - p g2", .erp = "2 n - p live .../===", .crm = "12 n - p live unseen", .web = "22 n - p live unseen",
	            .history = "changed erp 2 value A>-; sent-update crm 12; sent-update web 22", .counts = "changed 1; cleared 1; sent-updates 2" } },
	{ LINKED, .policies = TEXT, .title = "clear = false forbids that: the value is written back", .config = FIELD("value", "clear = false;"), .given = AGREED,
	  .when = "erp set 2 value=-; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .=./=== unseen", .crm = "12 n A p live", .web = "22 n A p live",
	            .history = "edit erp 2 value A<- restored; sent-update erp 2", .counts = "edits 1; sent-updates 1" } },
	{ LINKED, .policies = OWNER | SET_IF_EMPTY, .title = "another one's null clears nothing", .given = AGREED, .when = "crm set 12 value=-; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n A p live unseen", .web = "22 n A p live",
	            .history = "edit crm 12 value A<- restored; sent-update crm 12", .counts = "edits 1; sent-updates 1" } },
	{ LINKED, .policies = SET_IF_EMPTY, .title = "after the owner took the value away, the next one is the first", .given = AGREED,
	  .when = "erp set 2 value=-; run; run; crm set 12 value=C; run",
	  .then = { .golden = "n C p g3", .erp = "2 n C p live .=./=== unseen", .crm = "12 n C p live", .web = "22 n C p live unseen",
	            .history = "changed erp 2 value A>-; sent-update crm 12; sent-update web 22; changed crm 12 value ->C; sent-update erp 2; "
	                       "sent-update web 22" } },
	{ LINKED, .policies = UNION, .title = "no list has no elements: all of its own are taken out", .given = AGREED, .when = "erp set 2 value=-; run",
	  .then = { .golden = "n - p g2", .erp = "2 n - p live .../===", .crm = "12 n - p live unseen", .web = "22 n - p live unseen",
	            .history = "changed erp 2 value A>-; sent-update crm 12; sent-update web 22", .counts = "changed 1; cleared 1; sent-updates 2" } },
	{ LINKED, .policies = UNION, .title = "no list and an empty one are the same", .given = "erp new 2 n - p; run; run", .when = "crm set 12 value=0; run",
	  .then = { .golden = "n - p g1", .erp = "2 n - p live .../===", .crm = "12 n 0 p live ===/=!=", .web = "22 n - p live", .counts = "" } },
	{ BOTH("policy"), .policies = UNION, .title = "one takes all elements out, the other some: none is left anywhere", .given = "erp new 2 n A+B p; run; run",
	  .when = "erp set 2 value=0; crm set 12 value=A; run",
	  .then = { .golden = "n 0 p g2", .erp = "2 n 0 p live .../===", .crm = "12 n 0 p live unseen", .web = "22 n 0 p live unseen",
	            .history = "changed erp 2 value A+B>0; sent-update crm 12; sent-update web 22", .counts = "changed 1; sent-updates 2" } },
	{ LINKED, .policies = UNION, .title = "a list that is only written otherwise is the same", .given = AGREED, .when = "crm blanks 12; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n A p live", .web = "22 n A p live", .counts = "" } },
	/* What was sent once is no reason not to send it again. */
	{ LINKED, .policies = NEWEST | MANUAL, .title = "a value that was written before is written again after another one", .given = AGREED,
	  .when = "erp set 2 value=B; run; run; crm set 12 value=C; run; run; erp set 2 value=B; run",
	  .then = { .golden = "n B p g4", .erp = "2 n B p live .=./===", .crm = "12 n B p live unseen", .web = "22 n B p live unseen",
	            .history = "changed erp 2 value A>B; sent-update crm 12; sent-update web 22; changed crm 12 value B>C; sent-update erp 2; "
	                       "sent-update web 22; changed erp 2 value C>B; sent-update crm 12; sent-update web 22" } },
	{ LINKED, .policies = OWNER | NEWEST | MANUAL, .title = "a value that was written before is written again after both had another one", .given = AGREED,
	  .when = "erp set 2 value=B; crm set 12 value=B; run; run; erp set 2 value=A; run",
	  .then = { .golden = "n A p g3", .erp = "2 n A p live .../===", .crm = "12 n A p live unseen", .web = "22 n A p live unseen",
	            .history = "changed erp 2 value A>B; sent-update web 22; changed erp 2 value B>A; sent-update crm 12; sent-update web 22" } },
	/* Locks. */
	{ LINKED, .policies = ALL, .title = "a locked field stays, whoever changes it", .given = AGREED "; lock value", .when = "erp set 2 value=B; run",
	  .then = { .golden = "n A p g1", .erp = "2 n B p live .../=== held", .crm = "12 n A p live", .web = "22 n A p live", .counts = "held 1" } },
	{ LINKED, .policies = ALL, .title = "beside a locked field others change", .given = AGREED "; lock value", .when = "crm set 12 phone=q; run",
	  .then = { .golden = "n A q g2", .erp = "2 n A q live ..=/=== unseen", .crm = "12 n A q live", .web = "22 n A q live unseen",
	            .history = "changed crm 12 phone p>q; sent-update erp 2; sent-update web 22", .counts = "changed 1; sent-updates 2" } },
	/* Without a base: the owner, then rank, then who was first. */
	{ FIRST, .policies = OWNER, .title = "the owner has nothing: of two others the first one counts", .given = "run",
	  .when = "erp new 2 n - p; crm new 12 n C p; web new 22 n D p; run",
	  .then = { .golden = "n C p g2", .erp = "2 n C p live .=./=== unseen", .crm = "12 n C p live .../===", .web = "22 n C p live .=./=== unseen",
	            .history = "created erp 2 number=n phone=p; linked crm 12; changed crm 12 value ->C; linked web 22; sent-update erp 2; sent-update web 22" } },
	{ FIRST, .policies = OWNER, .title = "the owner has nothing: of two others the one in rank counts", .config = RANK, .given = "run",
	  .when = "erp new 2 n - p; crm new 12 n C p; web new 22 n D p; run",
	  .then = { .golden = "n D p g3", .erp = "2 n D p live .=./=== unseen", .crm = "12 n D p live .=./=== unseen", .web = "22 n D p live .../===",
	            .history = "created erp 2 number=n phone=p; linked crm 12; changed crm 12 value ->C; linked web 22; changed web 22 value C>D; "
	                       "sent-update erp 2; sent-update crm 12" } },
	/* Groups win and lose together. */
	{ LINKED, .policies = OWNER, .title = "a field of a group is restored with the group", .config = GROUP, .given = AGREED, .when = "crm set 12 number=m; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n A p live =.=/=== unseen", .web = "22 n A p live",
	            .history = "edit crm 12 number n<m value A<A restored; sent-update crm 12", .counts = "edits 1; sent-updates 1" } },
	{ LINKED, .policies = OWNER, .title = "of a group that both changed, one side wins whole", .config = GROUP, .given = AGREED,
	  .when = "erp set 2 value=B; crm set 12 number=m; run",
	  .then = { .golden = "n B p g2", .erp = "2 n B p live .../===", .crm = "12 n B p live unseen", .web = "22 n B p live unseen",
	            .history = "changed erp 2 value A>B; edit crm 12 number n<m value B<A restored; sent-update crm 12; sent-update web 22" } },
	/* Stamps. */
	{ BOTH("policy"), .policies = NEWEST, .title = "newest: the later stamp, of whoever is read last", .config = STAMPED, .given = AGREED,
	  .when = "erp set 2 value=B at=09:00:00; crm set 12 value=C at=10:00:00; run",
	  .then = { .golden = "n C p g3", .erp = "2 n C p live .=./=== unseen", .crm = "12 n C p live", .web = "22 n C p live unseen",
	            .history = "changed erp 2 value A>B; changed crm 12 value B>C; sent-update erp 2; sent-update web 22" } },
	{ BOTH("policy"), .policies = NEWEST, .title = "newest: the later stamp, of whoever is read first", .config = STAMPED, .given = AGREED,
	  .when = "erp set 2 value=B at=10:00:00; crm set 12 value=C at=09:00:00; run",
	  .then = { .golden = "n B p g2", .erp = "2 n B p live .../===", .crm = "12 n B p live unseen", .web = "22 n B p live unseen",
	            .history = "changed erp 2 value A>B; sent-update crm 12; sent-update web 22" } },
	{ LINKED, .policies = NEWEST, .title = "newest: what is older than what there is comes to nothing", .config = STAMPED, .given = AGREED,
	  .when = "crm set 12 value=C at=07:00:00; run",
	  .then = { .golden = "n A p g1", .erp = "2 n A p live .../===", .crm = "12 n A p live unseen", .web = "22 n A p live",
	            .history = "sent-update crm 12", .counts = "sent-updates 1" } },
	/* Conflicts. */
	{ BOTH("manual"), .policies = MANUAL, .title = "of two conflicts one is decided, and the other stands", .config = FIELD("phone", "policy = \"manual\";"),
	  .given = AGREED, .when = "erp set 2 value=B phone=r; crm set 12 value=C phone=q; run; decide conflict value take; run",
	  .then = { .golden = "n C r g3", .erp = "2 n C r live .=./=== unseen", .crm = "12 n C q live ===/==! held", .web = "22 n C r live unseen",
	            .history = "changed erp 2 value A>B phone p>r; sent-update web 22; changed crm 12 value B>C; sent-update erp 2; sent-update web 22",
	            .findings = "conflict value crm 12 decided; conflict phone crm 12" } },
	{ BOTH("manual"), .policies = MANUAL, .title = "a conflict with one system is none with another that is held for something else", .given = AGREED,
	  .when = "erp set 2 value=B; web set 22 value=D; run; run; lock phone; crm set 12 phone=q; run; crm set 12 value=E; run",
	  .then = { .golden = "n E p g3", .erp = "2 n E p live .=./=== unseen", .crm = "12 n E q live held", .web = "22 n D p live ===/=!= held",
	            .history = "changed erp 2 value A>B; sent-update crm 12; changed crm 12 value B>E; sent-update erp 2", .findings = "conflict value web 22" } },
};

const struct table situations_merged = { "whose value counts", stories, sizeof stories / sizeof *stories };
