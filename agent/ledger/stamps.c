/* SPDX-License-Identifier: BSD-2-Clause */
/* stamps.c: what a system was when it was first used, and the small ids of effective versions. */
#include "ledger/inside.h"

#include <stdio.h>
#include <string.h>

#define FINGERPRINT 16

static int
stamp(struct ledger *ledger, uint32_t system, uint32_t unit, const uint8_t *fingerprint, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "INSERT INTO fingerprint (system, unit, fingerprint, stamped_us) VALUES (?1, ?4, ?2, ?3) ON CONFLICT DO UPDATE"
	                                           " SET fingerprint = excluded.fingerprint, stamped_us = excluded.stamped_us", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, system);
	if (fingerprint != NULL)
		ledger_bind_blob(statement, 2, fingerprint, FINGERPRINT);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	sqlite3_bind_int64(statement, 4, unit);
	return ledger_run_statement(ledger, statement, err);
}

/* 1: the same; 0: another one; 2: none yet; -1. */
static int
compare(struct ledger *ledger, uint32_t system, uint32_t unit, const uint8_t *fingerprint, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT fingerprint FROM fingerprint WHERE system = ?1 AND unit = ?2", err);
	struct syncline_slice known;
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, system);
	sqlite3_bind_int64(statement, 2, unit);
	status = ledger_step(ledger, statement, err);
	if (status <= 0)
		return status < 0 ? -1 : 2;
	known = ledger_column_view(statement, 0);
	status = known.length == 0 ? 2 : known.length == FINGERPRINT && memcmp(known.data, fingerprint, FINGERPRINT) == 0;
	sqlite3_reset(statement);
	return status;
}

int
ledger_fingerprint(struct ledger *ledger, const struct config_system *system, uint32_t unit, const uint8_t fingerprint[16], struct error *err)
{
	uint32_t id = ledger_system_id(ledger, system);
	int result = compare(ledger, id, unit, fingerprint, err);
	char hint[300];
	bool own;

	if (result < 0)
		return -1;
	snprintf(hint, sizeof hint, "If it is the same system at another place, run `syncline rebase %.100s --why TEXT`; if not, correct the configuration.",
	         system->head.name);
	if (result == 0 && unit != 0)
		error_fill(err, ERROR_LEDGER_FINGERPRINT, hint,
		           "%s has another tenant, address or account in system %s than the one that this ledger knows",
		           ledger_unit_name(ledger, unit)[0] != '\0' ? ledger_unit_name(ledger, unit) : "the house", system->head.name);
	else if (result == 0)
		error_fill(err, ERROR_LEDGER_FINGERPRINT, hint,
		           "system %s has another address, account or tenants than the one that this ledger knows", system->head.name);
	if (result != 2 || ledger->options.mode == LEDGER_READER)
		return result != 0;
	if (ledger_own_begin(ledger, &own, err) != 0)
		return -1;
	/* Looked up again: between the look and the transaction another thread may have stamped it. */
	result = compare(ledger, id, unit, fingerprint, err);
	if (result == 2)
		result = stamp(ledger, id, unit, fingerprint, err) == 0 ? 1 : -1;
	return ledger_own_end(ledger, own, result, err);
}

/* What no flow ever read can't be reconciled by reading: a person's word is all there is. */
static int
trust_unread(struct ledger *ledger, uint32_t system, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger,
	                                           "INSERT INTO trusted (object, unit, epoch, at_us) SELECT o.id, u.id, ?2, ?3 FROM name o, name u"
	                                           " WHERE o.kind = 'object' AND o.parent = ?1 AND u.kind = 'unit'"
	                                           " AND NOT EXISTS (SELECT 1 FROM applied a WHERE a.object = o.id)"
	                                           " ON CONFLICT DO UPDATE SET epoch = excluded.epoch, at_us = excluded.at_us", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, system);
	sqlite3_bind_int64(statement, 2, ledger->epoch);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

/* What units are there is accepted anew, too. */
static int
forget_units(struct ledger *ledger, uint32_t system, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "UPDATE fingerprint SET fingerprint = NULL, stamped_us = ?2 WHERE system = ?1 AND unit <> 0", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, system);
	sqlite3_bind_int64(statement, 2, ledger_now(ledger));
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_rebase(struct ledger *ledger, const struct config_system *system, const char *why, struct error *err)
{
	uint32_t id = ledger_system_id(ledger, system);
	sqlite3_stmt *statement;
	int result = -1;
	bool own;

	if (ledger_own_begin(ledger, &own, err) != 0)
		return -1;
	statement = ledger_statement(ledger,
	                             "INSERT INTO rebase (system, former, at_us, who, why) VALUES (?1,"
	                             " (SELECT fingerprint FROM fingerprint WHERE system = ?1 AND unit = 0), ?2, ?3, ?4)", err);
	if (statement != NULL) {
		sqlite3_bind_int64(statement, 1, id);
		sqlite3_bind_int64(statement, 2, ledger_now(ledger));
		ledger_bind_text(statement, 3, ledger->who);
		ledger_bind_text(statement, 4, why != NULL ? why : "");
		result = ledger_run_statement(ledger, statement, err);
	}
	if (result == 0)
		result = stamp(ledger, id, 0, NULL, err);
	if (result == 0)
		result = forget_units(ledger, id, err);
	if (result == 0)
		result = trust_unread(ledger, id, err);
	return ledger_own_end(ledger, own, result, err);
}

int
ledger_version_id(struct ledger *ledger, uint32_t flow, const uint8_t version[16], uint32_t *ret_id, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT id FROM version WHERE flow = ?1 AND version = ?2", err);
	int status;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	ledger_bind_blob(statement, 2, version, 16);
	status = ledger_step(ledger, statement, err);
	if (status < 0)
		return -1;
	if (status == 1) {
		*ret_id = (uint32_t)sqlite3_column_int64(statement, 0);
		sqlite3_reset(statement);
		return 0;
	}
	statement = ledger_statement(ledger, "INSERT INTO version (flow, version, first_us) VALUES (?1, ?2, ?3)", err);
	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, flow);
	ledger_bind_blob(statement, 2, version, 16);
	sqlite3_bind_int64(statement, 3, ledger_now(ledger));
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*ret_id = (uint32_t)sqlite3_last_insert_rowid(ledger->db);
	return 0;
}
