/* SPDX-License-Identifier: BSD-2-Clause */
/* flow_read_help.h: a folder, a ledger and an engine for tests of what goes on with a ledger below it. */
#ifndef TESTS_FLOW_READ_HELP_H
#define TESTS_FLOW_READ_HELP_H

#include "convert_help.h"
#include "flow/intake.h"
#include "ledger/findings.h"

#define RIG_UNITS 4

struct rig {
	struct stand *stand;
	struct ledger *ledger;
	struct engine *engine;
	const struct config_flow *flow;    /* "f" */
	const struct config_object *object; /* erp.kunden */
	struct intake intakes[RIG_UNITS];
	struct ledger_run runs[RIG_UNITS];
	uint32_t count;
	struct buffer said;                /* every line of engine_say */
	bool (*progress)(struct rig *rig, uint64_t done);
	char told[320];                    /* what went on at the last call of progress */
	bool failed;                       /* as intake_read() gave it */
	struct error first, err;
};

struct rig *rig_new(void);
void rig_free(struct rig *rig);
/* Configures the stand, opens ledger and engine; once more: with another configuration over the same ledger. */
void rig_open(struct rig *rig, const char *configuration);
void rig_close(struct rig *rig);
void rig_flag(struct rig *rig, const char *unit, enum ledger_flag_mode mode); /* unit NULL: the house */
/* intake_read() for these units, ended by NULL; counts are those of this call alone. */
int rig_read(struct rig *rig, int full, ...);
void rig_must_read(struct rig *rig, int full, ...);
uint64_t rig_count(const struct rig *rig, const char *unit, enum ledger_count what);
/* What the unit's flow has not applied: "native=value of the field" in order, separated by blanks; static. */
const char *rig_staged(struct rig *rig, const char *unit, const char *field);
/* As if applied: each staged row of the unit becomes a record with a link, tombstones end it. */
void rig_adopt(struct rig *rig, const char *unit);
/* Open rejects: "cause native" in order of their numbers, separated by "; "; static. */
const char *rig_rejects(struct rig *rig);
/* Is there a complete full read that was not used yet? */
bool rig_complete(struct rig *rig, const char *unit);

/* csv, customers of two units in one file. */
extern const char rig_customers[];

int flow_read_crash_run(void);

#endif
