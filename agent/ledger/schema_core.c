/* SPDX-License-Identifier: BSD-2-Clause */
/* schema_core.c: the tables that everything else leans on: what this ledger is, names and their ids, versions, leases, stamps. */
#include "ledger/inside.h"

const char ledger_schema_core[] =
	/* One row a fact: environment, hash_key, sequence, epoch, created_us, opening, … */
	"CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value) WITHOUT ROWID;\n"
	/*
	 * kind: system, unit, entity, flow, object (parent: its system), field (parent: its entity), binding (parent: its flow).
	 * Rows are never deleted and ids never used again; those of fields count within their entity.  carrier: the golden table
	 * of an entity, the column of a field.
	 */
	"CREATE TABLE name (kind TEXT NOT NULL, id INTEGER NOT NULL, parent INTEGER NOT NULL, name TEXT NOT NULL, carrier TEXT,"
	" configured INTEGER NOT NULL, PRIMARY KEY (kind, parent, id), UNIQUE (kind, parent, name)) WITHOUT ROWID;\n"
	"INSERT INTO name (kind, id, parent, name, configured) VALUES ('unit', 1, 0, '', 1);\n"
	/* Effective versions of a flow: a hash over its rules, owners, lookups and matches. */
	"CREATE TABLE version (id INTEGER PRIMARY KEY, flow INTEGER NOT NULL, version BLOB NOT NULL, first_us INTEGER NOT NULL,"
	" UNIQUE (flow, version));\n"
	"CREATE TABLE lease (name TEXT NOT NULL PRIMARY KEY, holder TEXT NOT NULL, engine INTEGER NOT NULL, pid INTEGER NOT NULL,"
	" who TEXT, since_us INTEGER NOT NULL, until_us INTEGER NOT NULL, for_us INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;\n"
	/* unit 0: the system itself; else its tenant there and its own settings.  fingerprint NULL: rebased, the next one is accepted. */
	"CREATE TABLE fingerprint (system INTEGER NOT NULL, unit INTEGER NOT NULL, fingerprint BLOB, stamped_us INTEGER NOT NULL,"
	" PRIMARY KEY (system, unit)) WITHOUT ROWID;\n"
	"CREATE TABLE rebase (id INTEGER PRIMARY KEY, system INTEGER NOT NULL, former BLOB, at_us INTEGER NOT NULL, who TEXT, why TEXT NOT NULL);\n"
	/* Who got every row of an object since a read of everything, and under which effective version. */
	"CREATE TABLE feed (object INTEGER NOT NULL, credentials INTEGER NOT NULL, flow INTEGER NOT NULL, unit INTEGER NOT NULL,"
	" version INTEGER NOT NULL, since_us INTEGER NOT NULL, PRIMARY KEY (object, credentials, flow, unit)) WITHOUT ROWID;\n"
	/* Calls to systems that a day allows, reserved; days since 1970 on the system's clock. */
	"CREATE TABLE budget (system INTEGER NOT NULL, day INTEGER NOT NULL, calls INTEGER NOT NULL, PRIMARY KEY (system, day)) WITHOUT ROWID;\n"
	/* Deliveries to a target for a unit that came to an end, and which of the last ones failed (stop rules). */
	"CREATE TABLE outcome (binding INTEGER NOT NULL, unit INTEGER NOT NULL, ended INTEGER NOT NULL, PRIMARY KEY (binding, unit)) WITHOUT ROWID;\n"
	"CREATE TABLE outcome_failed (binding INTEGER NOT NULL, unit INTEGER NOT NULL, number INTEGER NOT NULL,"
	" PRIMARY KEY (binding, unit, number)) WITHOUT ROWID;\n"
	/* What connectors keep for themselves, committed with what they gave. */
	"CREATE TABLE connector_state (system INTEGER NOT NULL, credentials INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
	" set_us INTEGER NOT NULL, PRIMARY KEY (system, credentials, key)) WITHOUT ROWID;\n"
	/* The rules of writing under which all that is linked was wanted. */
	"CREATE TABLE written (binding INTEGER NOT NULL, unit INTEGER NOT NULL, version INTEGER NOT NULL, since_us INTEGER NOT NULL,"
	" PRIMARY KEY (binding, unit)) WITHOUT ROWID;\n"
	/* In which epoch a full read of an object was last applied for a unit. */
	"CREATE TABLE trusted (object INTEGER NOT NULL, unit INTEGER NOT NULL, epoch INTEGER NOT NULL, at_us INTEGER NOT NULL,"
	" PRIMARY KEY (object, unit)) WITHOUT ROWID;\n";
