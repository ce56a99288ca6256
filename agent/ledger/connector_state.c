/* SPDX-License-Identifier: BSD-2-Clause */
/* connector_state.c: what connectors keep for themselves (ledger.h). */
#include "ledger/inside.h"

#define KEYS_MAX 1024u

int
ledger_connector_state(struct ledger *ledger, const struct config_system *system, uint32_t credentials, struct arena *arena,
                       struct ledger_connector_state **ret_states, uint32_t *ret_count, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, "SELECT key, value FROM connector_state WHERE system = ?1 AND credentials = ?2 LIMIT ?3", err);
	struct ledger_connector_state *states = arena_array(arena, KEYS_MAX, sizeof *states);
	bool failed = states == NULL;
	uint32_t count = 0;
	int step = 0;

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, ledger_system_id(ledger, system));
	sqlite3_bind_int64(statement, 2, credentials);
	sqlite3_bind_int64(statement, 3, KEYS_MAX);
	while (!failed && (step = ledger_step(ledger, statement, err)) == 1) {
		states[count].key = ledger_column_text(statement, 0, arena, &failed);
		states[count++].value = ledger_column_slice(statement, 1, arena, &failed);
	}
	sqlite3_reset(statement);
	if (failed)
		return error_memory(err);
	*ret_states = states;
	*ret_count = count;
	return step < 0 ? -1 : 0;
}

static int
put(struct ledger *ledger, uint32_t system, uint32_t credentials, const struct ledger_connector_state *state, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, state->value.data == NULL
		? "DELETE FROM connector_state WHERE system = ?1 AND credentials = ?2 AND key = ?3"
		: "INSERT INTO connector_state (system, credentials, key, value, set_us) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (system, credentials,"
		  " key) DO UPDATE SET value = excluded.value, set_us = excluded.set_us", err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, system);
	sqlite3_bind_int64(statement, 2, credentials);
	ledger_bind_text(statement, 3, state->key);
	if (state->value.data != NULL) {
		sqlite3_bind_blob64(statement, 4, state->value.length > 0 ? state->value.data : "", state->value.length, SQLITE_STATIC);
		sqlite3_bind_int64(statement, 5, ledger_now(ledger));
	}
	return ledger_run_statement(ledger, statement, err);
}

int
ledger_connector_state_put(struct ledger *ledger, const struct config_system *system, uint32_t credentials,
                           const struct ledger_connector_state *states, uint32_t count, struct error *err)
{
	int result = 0;
	bool own;

	if (ledger_own_begin(ledger, &own, err) != 0)
		return -1;
	for (uint32_t i = 0; i < count && result == 0; i++)
		result = put(ledger, ledger_system_id(ledger, system), credentials, &states[i], err);
	return ledger_own_end(ledger, own, result, err);
}
