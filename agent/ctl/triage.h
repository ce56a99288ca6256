/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * triage.h: `syncline rejects`, `dead`, `conflicts` and `reviews`: one shape for all four.
 *
 *     verb_triage.c   the verbs, listing and showing
 *     triage_act.c    retrying, archiving, correcting, deciding
 */
#ifndef CTL_TRIAGE_H
#define CTL_TRIAGE_H

#include "ctl/listing.h"
#include "ledger/findings.h"

struct triage {
	const struct ctl *ctl;
	struct opened *opened;
	struct ledger *ledger;
	enum ledger_finding_kind kinds[2];
	unsigned kind_count;
	const char *const *words; /* operands behind the action */
	int word_count;
};

/* The finding with this number, if it is of the verb's kinds; memory from `arena`. */
enum ctl_exit triage_find(const struct triage *triage, const char *number, struct arena *arena, struct ledger_finding *ret_finding);
/* --flow, --unit, --cause, --all and --limit; the kind is the caller's. */
enum ctl_exit triage_filter(const struct triage *triage, struct ledger_finding_filter *ret_filter, uint32_t limit);
/* The binding that reads (or with `writes` writes) the finding's object in its flow; NULL: none that is configured. */
const struct config_binding *triage_binding(const struct triage *triage, const struct ledger_finding *finding, bool writes);
/* What may be decided about it, ended by NULL; an empty list: nothing. */
const char *const *triage_choices(const struct ledger_finding *finding);

enum ctl_exit triage_retry(struct triage *triage);
enum ctl_exit triage_archive(struct triage *triage);
enum ctl_exit triage_edit(struct triage *triage);
enum ctl_exit triage_decide(struct triage *triage);

#endif
