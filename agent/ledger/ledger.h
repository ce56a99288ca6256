/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ledger.h: what is durable.  The interface is batch-wise and speaks of records, links, deliveries and runs; no SQL stands
 * outside this folder.  The embedded default below it is SQLite (WAL, synchronous=FULL) in the state directory.
 *
 *     ledger.h      opening, transactions, names and ids, leases, epochs, care
 *     staging.h     reads, staged batches, positions, rows that wait for a parent
 *     records.h     golden records, links, match keys, history
 *     findings.h    what waits for a person: rejects, corrections, reviews, conflicts, flips, locks
 *     deliveries.h  marks, attempts, dead letters
 *     runs.h        runs, flags, plans
 *     bulk.h        the first load of a binding
 *     seal.h        who keeps the keys of sealed columns
 *
 * THREADS.  A struct ledger is used by one thread at a time; each thread that needs one opens its own.  One engine (synclined,
 * or `syncline run`) works on a ledger at a time; visitors may look and make small changes beside it.
 *
 * TRANSACTIONS.  Everything that changes something is called between ledger_begin() and ledger_commit(), unless it says
 * otherwise; what was changed is durable when ledger_commit() has returned 0, and never before (but see ledger_begin_later()).
 * Looking needs no transaction.
 * When any call within a transaction fails, roll back: nothing of it has happened.
 *
 * Times are microseconds since 1970 by the options' clock.  Order between a read and a write is never taken from times but
 * from the sequence, a number that each transaction raises.
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <syncline/value.h>

#include "base/error.h"
#include "base/memory.h"
#include "config/model.h"

#define LEDGER_FILE "ledger.db" /* in the state directory */
#define LEDGER_SCHEMA 1         /* of this program; migrations/ lead from each older one to it */

struct ledger;
struct ledger_keys; /* seal.h */

enum ledger_mode {
	LEDGER_READER,  /* looks; never writes, creates nothing */
	LEDGER_VISITOR, /* small changes by an administrator, beside an engine */
	LEDGER_ENGINE,  /* runs and delivers: one at a time, others are refused with a sentence that names its process */
};

struct ledger_news {
	const char *event;   /* "created", "sent-update" (ledger_event_name()); of a finding its kind: "reject", "dead" */
	const char *cause;   /* of a finding; or NULL */
	int64_t record;      /* or 0 */
	int64_t last;        /* the same happened to all from `record` up to this one; 0: to it alone */
	uint32_t entity, unit, object; /* 0: it is about none */
	int64_t run;
	int64_t finding;     /* its number, 0: it is none */
};
struct ledger_options {
	const char *state_dir; /* created with mode 0700 for ENGINE and VISITOR when it is missing */
	enum ledger_mode mode;
	/*
	 * Names of the model get ids, entities get tables and columns (by VISITOR and ENGINE; a READER finds those that are
	 * there).  Used as long as the ledger is open.
	 */
	const struct model *model;
	const struct ledger_keys *keys; /* NULL: nothing is sealed yet (there is no vault) */
	int64_t (*now_us)(void *data);  /* NULL: the machine's clock */
	/* A clock that nobody sets, with the same data.  NULL: the machine's; with now_us of one's own: none, and that is never set forward. */
	int64_t (*steady_us)(void *data);
	void *now_data;
	const char *who;       /* for audit columns: "root (uid 0)", "run"; NULL: unknown */
	uint32_t busy_ms;      /* how long a transaction waits for another process's; 0: 10 s */
	uint32_t cache_kib;    /* page cache; 0: 16 MiB */
	/*
	 * What happened to records, once it is committed; in the thread that committed it, which may ask this ledger things and change nothing
	 * in it.  NULL: nobody is told.  all_news: also what is no finding.
	 */
	void (*news)(void *data, struct ledger *ledger, const struct ledger_news *what);
	void *news_data;
	bool all_news;
	uint32_t carry_frames; /* pages in the log from which on they are carried over into the file; 0: 16384 */
};

/*
 * Opens and, where that is needed, creates, migrates (ENGINE and VISITOR) and adopts the model.  Errors, each with a next step:
 * another engine works on it; made by a newer program; not a ledger or damaged; made for another environment than the model's
 * (`agent.environment`); no room, no right, read-only disk.
 *
 * ENGINE moreover: attempts whose sender is gone become uncertain; a ledger that was copied or restored (it finds itself under
 * another device and inode, or a restore left its mark) gets a new epoch, and then *all* open attempts are uncertain, every
 * position is doubted, and `ledger_doubted()` is true until a full read of that object was applied.
 */
int ledger_open(const struct ledger_options *options, struct ledger **ret_ledger, struct error *err);
/* Does an engine work on it, of this process or another one?  A run that goes on has one; the process of another one has ended. */
bool ledger_engine_works(const struct ledger *ledger);
/* The process of the engine that works on it, 0: none does; its number is not known everywhere, and then -1. */
int64_t ledger_engine_process(const struct ledger *ledger);
/*
 * The service that runs flows by itself (agent.c): when it began and ended to work on this ledger.  Each is a transaction of its own.
 * `works`: it does now.  Began and not ended, and not at work: it was killed.
 */
struct ledger_agent {
	int64_t began_us, ended_us; /* 0: never */
	int64_t process;
	bool works;
};
int ledger_agent_begin(struct ledger *ledger, struct error *err);
int ledger_agent_end(struct ledger *ledger, struct error *err);
int ledger_agent(struct ledger *ledger, struct ledger_agent *ret_agent, struct error *err);
/* Another one that looks, of the same state directory: what is not committed yet by the first has not happened there. */
int ledger_open_beside(const struct ledger *ledger, struct ledger **ret_reader, struct error *err);
void ledger_close(struct ledger *ledger); /* accepts NULL; rolls an open transaction back */
CLEANUP_DEFINE(struct ledger, ledger_close);

const struct model *ledger_model(const struct ledger *ledger);
int64_t ledger_now(const struct ledger *ledger);
const char *ledger_state_dir(const struct ledger *ledger); /* where it and what else the agent keeps is */
const char *ledger_who(const struct ledger *ledger); /* as it was opened with; NULL: unknown */
uint64_t ledger_sequence(const struct ledger *ledger); /* of the open transaction, or of the last one */
uint32_t ledger_epoch(const struct ledger *ledger);
/* 16 bytes, this ledger's own and kept in it: raw hashes, vectors and external ids follow from it. */
const uint8_t *ledger_hash_key(const struct ledger *ledger);

/* ENGINE: BEGIN IMMEDIATE; waits busy_ms.  Fault points stand on both sides of commit in builds that have them. */
int ledger_begin(struct ledger *ledger, struct error *err);
int ledger_commit(struct ledger *ledger, struct error *err); /* a failure has rolled back */
/*
 * The same, and what it commits may reach the disk later: with the next commit of a transaction that ledger_begin() began, or with
 * ledger_sync().  A loss of power before that takes it away, whole, and with all that was committed after it.  For what is done again from
 * what is durable, and of which nobody outside is told before.
 */
int ledger_begin_later(struct ledger *ledger, struct error *err);
/* What was committed so far is durable.  No transaction may be open. */
int ledger_sync(struct ledger *ledger, struct error *err);
void ledger_rollback(struct ledger *ledger);
/* Inside a transaction: what follows can be taken back alone.  They nest. */
int ledger_savepoint(struct ledger *ledger, struct error *err);
int ledger_release(struct ledger *ledger, struct error *err);
void ledger_rollback_savepoint(struct ledger *ledger);

/*
 * Ids of the model's names.  An id means the same thing for ever: a name that goes away keeps its id, `was` moves an id to a
 * new name.  0: the ledger (opened by a READER) doesn't know it yet.  Lookups in memory; they can't fail.
 */
uint32_t ledger_object_id(const struct ledger *ledger, const struct config_object *object);
uint32_t ledger_unit_id(const struct ledger *ledger, const struct config_unit *unit); /* NULL or nameless: the house, 1 */
/* Whose credentials a system is reached with for a unit (NULL: none): the unit's, where it has settings of its own there, or 0 for the system's. */
uint32_t ledger_credentials(const struct ledger *ledger, const struct config_system *system, const struct config_unit *unit);
uint32_t ledger_entity_id(const struct ledger *ledger, const struct config_entity *entity);
uint32_t ledger_flow_id(const struct ledger *ledger, const struct config_flow *flow);
uint32_t ledger_binding_id(const struct ledger *ledger, const struct config_binding *binding);
/* Vectors are indexed by these; they are never used again for another field.  Below ledger_field_limit(). */
uint32_t ledger_field_id(const struct ledger *ledger, const struct config_entity *entity, const struct config_field *field);
uint32_t ledger_field_limit(const struct ledger *ledger, const struct config_entity *entity);
/* The other way; NULL when the present configuration has none of that id. */
const struct config_object *ledger_object(const struct ledger *ledger, uint32_t id);
const struct config_unit *ledger_unit(const struct ledger *ledger, uint32_t id); /* NULL for the house too */
const struct config_entity *ledger_entity(const struct ledger *ledger, uint32_t id);
const struct config_flow *ledger_flow(const struct ledger *ledger, uint32_t id);
const struct config_binding *ledger_binding(const struct ledger *ledger, uint32_t id);
/* Names even of what is no longer configured; "" for the house, "?" for what never was.  Valid until closed. */
const char *ledger_unit_name(const struct ledger *ledger, uint32_t id);
const char *ledger_object_name(const struct ledger *ledger, uint32_t id);  /* "erp.kunden" */
const char *ledger_flow_name(const struct ledger *ledger, uint32_t id);
const char *ledger_binding_name(const struct ledger *ledger, uint32_t id); /* "customers.crm" */

/* The small id of an effective version (rules.h, 16 bytes); made when it is new.  In a transaction. */
int ledger_version_id(struct ledger *ledger, uint32_t flow, const uint8_t version[16], uint32_t *ret_id, struct error *err);

/*
 * Leases across processes: "run customers/berlin", "match 3f…".  Taken for `for_ms` and renewed by taking them again under the
 * same holder, and by every commit once a third of its time is over; a commit after somebody else took it fails
 * (ERROR_LEDGER_LEASE).  1: taken; 0: another holder has it (told in `err` as a sentence); -1: error.  No transaction needed.
 */
int ledger_lease(struct ledger *ledger, const char *name, int64_t for_ms, struct error *err);
void ledger_lease_end(struct ledger *ledger, const char *name);
/* For who works or waits for long without a commit: as a commit does, when it is time.  No transaction may be open. */
int ledger_leases_keep(struct ledger *ledger, struct error *err);

/*
 * Environment and fingerprints: each system is stamped with a hash over its address, account and tenants when it is first
 * used; so is what each unit is there (its tenant, its own settings; unit 0: the system itself).  1: as stamped, or stamped now;
 * 0: it is another one (err says so): stop this system.  ledger_rebase accepts it.
 */
int ledger_fingerprint(struct ledger *ledger, const struct config_system *system, uint32_t unit, const uint8_t fingerprint[16], struct error *err);
int ledger_rebase(struct ledger *ledger, const struct config_system *system, const char *why, struct error *err);
/*
 * state/1: small durable things of a connector's own, per system and credentials (the id of the unit whose own settings it runs
 * with, or 0).  Putting opens a transaction of its own when none is open; value.data NULL removes the key.
 */
struct ledger_connector_state {
	const char *key;
	struct syncline_slice value;
};
int ledger_connector_state(struct ledger *ledger, const struct config_system *system, uint32_t credentials, struct arena *arena,
                           struct ledger_connector_state **ret_states, uint32_t *ret_count, struct error *err);
int ledger_connector_state_put(struct ledger *ledger, const struct config_system *system, uint32_t credentials,
                               const struct ledger_connector_state *states, uint32_t count, struct error *err);
/* Calls to a system that were taken of a day's, days since 1970 on its clock; and so many more, as far as there are, up to `most` in all. */
int ledger_budget(struct ledger *ledger, const struct config_system *system, int64_t day, int64_t *ret_calls, struct error *err);
int ledger_budget_take(struct ledger *ledger, const struct config_system *system, int64_t day, uint32_t wanted, int64_t most, uint32_t *ret_taken,
                       struct error *err);
/* The epoch changed and this object has not been read in full since. */
bool ledger_doubted(struct ledger *ledger, uint32_t object, uint32_t unit);

/*
 * Care.  All may take long and call `progress` (may be NULL) now and then with done and total; false from it stops.
 */
struct ledger_progress {
	bool (*step)(void *data, uint64_t done, uint64_t total);
	void *data;
};
/* A consistent copy while an engine works, with mode 0600, under its final name only when it is whole. */
int ledger_backup(struct ledger *ledger, const char *file, const struct ledger_progress *progress, struct error *err);
/* Puts a backup in the place of the state directory's ledger (kept beside it as ledger.db.before-restore).  No engine may run. */
int ledger_restore(const char *state_dir, const char *file, struct error *err);
/* SQLite's own check, and the rules between tables (a link without its record, a span over missing records, …).  `fault` is called per finding. */
int ledger_check(struct ledger *ledger, void (*fault)(void *data, const char *sentence), void *data, const struct ledger_progress *progress,
                 struct error *err);
/* Drops what agent.keep no longer wants, at most `budget` rows; ret_more: call again.  Makes its own transaction. */
int ledger_prune(struct ledger *ledger, uint32_t budget, bool *ret_more, struct error *err);
/* Checkpoint when it is worth it, ANALYZE where it helps.  Between transactions. */
int ledger_idle(struct ledger *ledger, struct error *err);
struct ledger_size {
	uint64_t bytes, wal_bytes, free_bytes; /* of the file; free_bytes: on its disk */
	uint64_t records, links, history, deliveries, staged;
};
int ledger_size(struct ledger *ledger, struct ledger_size *ret_size, struct error *err);

#endif
