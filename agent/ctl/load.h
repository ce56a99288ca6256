/* SPDX-License-Identifier: BSD-2-Clause */
/* load.h: the configuration with the connectors that it names, for the verbs that work on it. */
#ifndef CTL_LOAD_H
#define CTL_LOAD_H

#include "config/model.h"
#include "ctl/ctl.h"
#include "flow/mappings.h"
#include "flow/systems.h"

struct loaded {
	struct systems systems;
	struct model *model;
	bool ignore_contracts; /* set before reading: they are about to be written anew */
	bool patient;          /* set before reading: a connector whose process fails is no mistake, its systems have `absent` */
	bool again;            /* loaded_again()'s */
	struct known_connector {
		struct known_connector *next;
		char *name;
		struct known_info *known; /* NULL: it could not be loaded, for `why` */
		struct error why;
	} *connectors;
};

/* Fills in where connectors are and where their log lines go; loads nothing. */
void loaded_begin(const struct ctl *ctl, struct loaded *loaded);
/* -1 with what is wrong in `diagnostics`, which the caller initialised and frees. */
int loaded_read(const struct ctl *ctl, struct loaded *loaded, struct diagnostics *diagnostics);
/*
 * What the files said when `before` was read, whose model has to outlive this one, with `connector` as it is now: `info`, which is taken
 * over in any case, or, with NULL, absent for `why`.  Starts no process.  After loaded_begin().
 */
int loaded_again(const struct ctl *ctl, struct loaded *loaded, const struct loaded *before, const char *connector, struct connector_info *info, const struct error *why,
                 struct diagnostics *diagnostics);
/* The same as loaded_read() for verbs that need a good configuration: mistakes are printed.  After loaded_begin(). */
enum ctl_exit loaded_need(const struct ctl *ctl, struct loaded *loaded);
void loaded_free(struct loaded *loaded);

/* All of them, for people on standard error, or {"mistakes":[…]} with --json. */
void loaded_say_mistakes(const struct ctl *ctl, const struct diagnostics *diagnostics);

/* The verbs. */
enum ctl_exit verb_check(struct ctl *ctl);
enum ctl_exit verb_test(struct ctl *ctl);
enum ctl_exit verb_connectors(struct ctl *ctl);
enum ctl_exit verb_discover(struct ctl *ctl);
enum ctl_exit verb_describe(struct ctl *ctl);
enum ctl_exit verb_convert(struct ctl *ctl);
enum ctl_exit verb_explain(struct ctl *ctl);
enum ctl_exit verb_run(struct ctl *ctl);
enum ctl_exit verb_apply(struct ctl *ctl);
enum ctl_exit verb_rollback(struct ctl *ctl);
enum ctl_exit verb_flag(struct ctl *ctl);
enum ctl_exit verb_runs(struct ctl *ctl);
enum ctl_exit verb_plans(struct ctl *ctl);
enum ctl_exit verb_status(struct ctl *ctl);
enum ctl_exit verb_rejects(struct ctl *ctl);
enum ctl_exit verb_dead(struct ctl *ctl);
enum ctl_exit verb_conflicts(struct ctl *ctl);
enum ctl_exit verb_reviews(struct ctl *ctl);
enum ctl_exit verb_doctor(struct ctl *ctl);
enum ctl_exit verb_corrections(struct ctl *ctl);
enum ctl_exit verb_trace(struct ctl *ctl);
enum ctl_exit verb_links(struct ctl *ctl);
enum ctl_exit verb_position(struct ctl *ctl);
enum ctl_exit verb_loadtest(struct ctl *ctl);
enum ctl_exit verb_lock(struct ctl *ctl);
enum ctl_exit verb_unlock(struct ctl *ctl);
enum ctl_exit verb_rebase(struct ctl *ctl);
enum ctl_exit verb_backup(struct ctl *ctl);
enum ctl_exit verb_restore(struct ctl *ctl);

#endif
