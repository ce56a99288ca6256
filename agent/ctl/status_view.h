/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status_view.h: what `syncline status` tells, as it stands in the ledger: a place for each flow and unit, with what its targets lack, what
 * it waits for and what waits for a person.  One thread fills it, judges it and prints it; everything in it lives as long as it does.
 */
#ifndef CTL_STATUS_VIEW_H
#define CTL_STATUS_VIEW_H

#include "config/model.h"
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/runs.h"
#include "schedule/pace.h"

/* What waits for a person. */
struct status_wait {
	struct status_wait *next;
	const char *kind;    /* "reject", "dead", …, "plan", "run", "parked", "late" */
	const char *cause;
	const char *object;  /* or NULL */
	const char *example; /* a sentence, or NULL */
	const char *command; /* what to do next */
	uint64_t count;
	int64_t since_us;
};

struct status_target {
	struct status_target *next;
	struct ledger_delivery_counts counts;
	const char *reason; /* of one that was tried in vain and is tried again, or NULL */
};

/* Rows that wait for something else than a person: for records of an object, or that a hold ends. */
struct status_kept {
	struct status_kept *next;
	uint32_t object, parent; /* parent 0: no record */
	bool held;
	uint64_t count;
	int64_t since_us, until_us; /* the longest; the next that ends, 0: never */
	const char *example;
};

/* A flow for a unit. */
struct status_place {
	const struct config_flow *flow;
	uint32_t flow_id, unit_id;
	const char *unit;
	struct ledger_flag flag;
	bool ran;
	bool silent;             /* the process of the last run is gone */
	struct ledger_run last;  /* texts in the arena */
	struct pace pace;
	int64_t good_us;         /* when the last run that came to its end began; 0: none did */
	int64_t lag_ms, most_ms; /* -1: not measured; 0: no limit is known */
	bool late;
	const char *reason;      /* of its open plan */
	uint64_t waiting_rows, held_rows, decided;
	struct status_target *targets, **last_target;
	struct status_wait *waits, **last_wait;
	struct status_kept *kept;
};

/* Of a flow, unit or binding that was taken out of the configuration. */
struct status_orphan {
	struct status_orphan *next;
	const char *flow, *unit;
	struct status_wait wait;
};

struct status_view {
	struct ledger *ledger;
	struct arena arena;
	struct status_place *places;
	uint32_t count;
	uint32_t *first; /* of each flow of the model: its first place, or UINT32_MAX */
	int64_t now;
	enum ledger_finding_kind kind; /* that is being collected */
	bool narrow;                   /* a flow or unit was asked for */
	struct status_orphan *orphans, **last_orphan;
	bool waits;  /* for a person, anywhere */
	bool failed; /* there was no memory */
};

/*
 * status_view.c: of all flows, or one; of all units, or one (NULL: the house).  status_view_free() ends what status_view_init() began,
 * whatever came of filling it.
 */
void status_view_init(struct status_view *view, struct ledger *ledger);
int status_view_fill(struct status_view *view, const struct config_flow *only, const struct config_unit *unit, bool all, struct error *err);
void status_view_free(struct status_view *view);
/* A copy that lives as long as the view; NULL of NULL.  Without memory it is "", and filling fails in the end. */
const char *status_keep(struct status_view *view, const char *text);
void status_add_wait(struct status_view *view, struct status_place *place, const struct status_wait *wait);
/* What rows wait for, in words. */
const char *status_kept_for(const struct status_view *view, const struct status_kept *kept);

/* status_judge.c: adds what the last run and the clock say; everything else was found before. */
void status_judge(struct status_view *view, struct status_place *place);
/* A command when nothing waits for a person but something is still to be done; "" for none. */
const char *status_next_step(const struct status_place *place, char text[512]);

/* status_json.c: its members of the object that is open. */
void status_json(struct buffer *json, const struct status_view *view);

#endif
