/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.h: what a process that runs flows has once: the model, the ledger, compiled rules of every binding, and the
 * connectors that are started.  One thread uses it (the daemon has one for each run).
 */
#ifndef FLOW_ENGINE_H
#define FLOW_ENGINE_H

#include "base/error.h"
#include "config/model.h"
#include "flow/mappings.h"
#include "flow/systems.h"
#include "host/connector.h"
#include "ledger/ledger.h"
#include "ledger/runs.h"
#include "rules/rules.h"

/*
 * A binding with its rules compiled, and what they read and write.  Field sets are bit sets over the entity's fields in the
 * model's order: bit i is set[i / 64] >> (i % 64) & 1.
 */
#define BOUND_WORDS(entity) (((entity)->field_count + 63u) / 64u)
struct bound {
	const struct config_binding *binding;
	uint32_t id;             /* ledger_binding_id() */
	uint32_t object;         /* ledger_object_id() of the object that it reads */
	int64_t stamp_told;      /* the run that warned of a stamp of it */
	struct mapping *read;    /* NULL: it reads nothing, or its fields are not known before the first batch */
	struct mapping *write;   /* NULL: it writes nothing */
	/*
	 * The effective version of what an inbound row becomes (read rules, contract, checks, ownership, policies, match rules,
	 * lookups, functions), and of what goes out.
	 */
	uint8_t version[RULES_VERSION_BYTES];
	uint8_t write_version[RULES_VERSION_BYTES];
	uint64_t *reads;         /* canonical fields that it gives */
	uint64_t *writes;        /* canonical fields that what it writes depends on */
	/*
	 * Of each output of `write`: flags below.  Derived: its value depends on more than the record's own fields (link(), url(),
	 * sync_state(), sync_error(), a field of a referenced record): it goes along with every update.
	 */
	uint8_t *outputs;
	bool derived;            /* any */
	int condition;           /* index of create_if in the write mapping's conditions, -1: none: never create */
};
#define BOUND_DERIVED 0x01u
#define BOUND_CREATE_ONLY 0x02u /* create_only, and the external key */
#define BOUND_KEY 0x04u         /* a part of the native id (a `path`) */

struct engine_options {
	const struct model *model;
	const struct systems *systems; /* used as long as the engine lives */
	struct ledger *ledger;         /* likewise; opened with the same model */
	/* Progress of long work, now and then: "reading erp.kunden", done, total (0: not known).  false: stop. */
	bool (*progress)(void *data, const char *what, uint64_t done, uint64_t total);
	/* Something worth a line in a log; level SYNCLINE_LOG_*. */
	void (*say)(void *data, uint32_t level, const char *text);
	void *data;
};

struct engine_connector;
struct engine {
	struct engine_options options;
	const struct model *model;
	struct ledger *ledger;
	struct lookups lookups;
	struct rules_worker *rules;
	struct bound *bounds;
	uint32_t bound_count;
	struct engine_connector *connectors;
	int64_t run; /* that it works for (engine_work_for()); 0: none */
	uint32_t flow, unit;
	char trace[33];
	bool stopped; /* progress said so: what can stop, stops */
};

/* Compiles all rules (mistakes are errors: `syncline check` tells them all). */
int engine_open(const struct engine_options *options, struct engine **ret_engine, struct error *err);
void engine_close(struct engine *engine); /* stops the connectors; accepts NULL */
CLEANUP_DEFINE(struct engine, engine_close);

struct bound *engine_bound(const struct engine *engine, const struct config_binding *binding);
/*
 * All bindings of all flows over the entity that concern this unit and write; for marks.  Ends with NULL; valid as long as the
 * engine.  NULL itself: no memory.
 */
struct bound *const *engine_writers(struct engine *engine, const struct config_entity *entity, const struct config_unit *unit);
/* Rules over an object without a contract: compiled when the first batch shows the fields.  Nothing to do when they are. */
int engine_bind_late(struct engine *engine, struct bound *bound, const struct batch *sample, struct error *err);
/*
 * One version over all of a flow (every binding's versions, guards left out), as it is stamped on runs and plans.
 */
void engine_flow_version(const struct engine *engine, const struct config_flow *flow, uint8_t ret_version[RULES_VERSION_BYTES]);

/*
 * The connector of (system, credentials of the unit), started when it is needed and kept.  Lanes are processes of the same that work at
 * the same time: one reads a document while the first writes it, others write beside the first.  The system's fingerprint is held against the ledger before anything
 * is asked of it (ERROR_LEDGER_FINGERPRINT).  Read-only systems get a connector that cannot write.
 */
#define ENGINE_LANE_MAIN 0u
#define ENGINE_LANE_CONTENT 1u
#define ENGINE_LANE_WRITE 2u /* and those above */
int engine_connector(struct engine *engine, const struct config_system *system, const struct config_unit *unit, unsigned lane,
                     struct connector **ret_connector, struct error *err);
/* -1 when the connector of one of the flow's systems could not be loaded (systems_need()): nothing of it can be decided then. */
int engine_need(const struct engine *engine, const struct config_flow *flow, struct error *err);
/* Does this setting say which installation a system is (an address, an account), and not only how it is read? */
bool engine_tells_which(const struct syncline_setting *setting);
/* A person started what runs now: systems of the flow that are left alone because of what they said before are tried at once. */
void engine_forgive(const struct engine *engine, const struct config_flow *flow);
/* How many microseconds the system is left alone for the unit; 0: it may be asked. */
int64_t engine_left_alone_us(const struct engine *engine, const struct config_system *system, const struct config_unit *unit);
/* One more process writes to the system: may it?  What was taken is given back. */
bool engine_take_slot(struct engine *engine, const struct connector *connector, uint64_t *turn); /* `turn`: of who waits (manners.h), or NULL */
void engine_leave_line(struct engine *engine, const struct connector *connector, uint64_t *turn);
void engine_give_slot(struct engine *engine, const struct connector *connector);
/* Does it keep something for itself from call to call, as far as it has shown? */
bool engine_keeps_state(const struct engine *engine, const struct connector *connector);
/* The ledger's id of whose credentials those are: the unit's own, or 0 for the system's. */
uint32_t engine_credentials(const struct engine *engine, const struct config_system *system, const struct config_unit *unit);
/* The same of a unit by the ledger's id; 0, and one that is not configured: the house. */
uint32_t engine_credentials_of(const struct engine *engine, const struct config_system *system, uint32_t unit);

/*
 * What waits for a system that is being read gives up now; progress then has to say stop.  Any thread, not a signal handler, and
 * not while the engine is closed.  A write is never given up: its answer is worth waiting for.
 */
void engine_interrupt(struct engine *engine);
/* This connector is being read, or no more, for engine_interrupt(); at most ENGINE_READS at a time. */
#define ENGINE_READS 4u
void engine_reading(struct engine *engine, struct connector *connector);
void engine_read(struct engine *engine, struct connector *connector);

/* From now on what it says and asks is in the name of this run. */
void engine_work_for(struct engine *engine, const struct ledger_run *run);
/* false: stop. */
bool engine_progress(struct engine *engine, const char *what, uint64_t done, uint64_t total);
void engine_say(struct engine *engine, uint32_t level, const char *format, ...) __attribute__((format(printf, 3, 4)));

static inline bool
bound_has(const uint64_t *set, uint32_t field)
{
	return set[field / 64] >> (field % 64) & 1;
}
/* The index of a field in its entity. */
static inline uint32_t
field_index(const struct config_entity *entity, const struct config_field *field)
{
	return (uint32_t)(field - entity->fields);
}

#endif
