/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schema_views.c: the tables with names in the place of ids, words in the place of numbers and times in UTC, for people with
 * sqlite3.  The agent itself reads none of them.
 */
#include "ledger/deliveries.h"
#include "ledger/findings.h"
#include "ledger/inside.h"
#include "ledger/runs.h"

/* The word at a number, from its one table.  (JSON functions count as unsafe in a view when the schema isn't trusted.) */
#define WORD2(id, name) ",('" name "')"
#define WORD3(id, name, text) ",('" name "')"
#define WORD_OF(list, word, column)                                                                                                \
	"(SELECT word FROM (SELECT column1 AS word, row_number() OVER () - 2 AS number FROM (VALUES ('')" list(word) ")) WHERE number = "   \
	column ")"
#define TIME_OF(column) "CASE WHEN " column " > 0 THEN strftime('%Y-%m-%dT%H:%M:%SZ', " column " / 1000000, 'unixepoch') END"
#define OBJECT_OF(column) "(SELECT n.name FROM object_name n WHERE n.id = " column ")"
#define UNIT_OF(column) "(SELECT n.name FROM name n WHERE n.kind = 'unit' AND n.parent = 0 AND n.id = " column ")"
#define FLOW_OF(column) "(SELECT n.name FROM name n WHERE n.kind = 'flow' AND n.parent = 0 AND n.id = " column ")"
#define ENTITY_OF(column) "(SELECT n.name FROM name n WHERE n.kind = 'entity' AND n.parent = 0 AND n.id = " column ")"
#define BINDING_OF(column) "(SELECT n.name FROM binding_name n WHERE n.id = " column ")"

#define FINDING_VIEW(table)                                                                                                       \
	"CREATE VIEW " table "_view AS SELECT id, " "CASE state WHEN 0 THEN 'open' WHEN 1 THEN 'ended' WHEN 2 THEN 'decided' WHEN 3 THEN 'archived' END" " AS state, "  \
	FLOW_OF("f.flow") " AS flow, " UNIT_OF("f.unit") " AS unit, " OBJECT_OF("f.object") " AS object, native, record, run, cause,"     \
	" field, message, hint, rule, place, seen, " TIME_OF("first_us") " AS first, " TIME_OF("last_us") " AS last, decision, ended_by,"   \
	" ended_why, " TIME_OF("ended_us") " AS ended FROM " table " f;\n"

const char ledger_schema_views[] =
	"CREATE VIEW object_name AS SELECT o.id, s.name || '.' || o.name AS name FROM name o JOIN name s ON s.kind = 'system' AND s.parent = 0"
	" AND s.id = o.parent WHERE o.kind = 'object';\n"
	"CREATE VIEW binding_name AS SELECT b.id, f.name || '.' || b.name AS name FROM name b JOIN name f ON f.kind = 'flow' AND f.parent = 0"
	" AND f.id = b.parent WHERE b.kind = 'binding';\n"
	"CREATE VIEW run_view AS SELECT number, " FLOW_OF("r.flow") " AS flow, " UNIT_OF("r.unit") " AS unit, cause, who, "
	WORD_OF(LEDGER_RUN_STATES, WORD2, "state") " AS state, " TIME_OF("started_us") " AS started, " TIME_OF("ended_us") " AS ended, \"plan\","
	" counts, message FROM run r;\n"
	"CREATE VIEW flag_view AS SELECT " FLOW_OF("f.flow") " AS flow, " UNIT_OF("f.unit") " AS unit, " BINDING_OF("f.binding") " AS target, "
	WORD_OF(LEDGER_FLAGS, WORD3, "mode") " AS mode, percent, who, why, " TIME_OF("since_us") " AS since FROM flag f;\n"
	"CREATE VIEW flag_change_view AS SELECT id, " FLOW_OF("f.flow") " AS flow, " UNIT_OF("f.unit") " AS unit, " BINDING_OF("f.binding")
	" AS target, " WORD_OF(LEDGER_FLAGS, WORD3, "mode") " AS mode, percent, " WORD_OF(LEDGER_FLAGS, WORD3, "former_mode") " AS former_mode,"
	" former_percent, who, why, " TIME_OF("since_us") " AS since FROM flag_change f;\n"
	"CREATE VIEW plan_view AS SELECT number, " FLOW_OF("p.flow") " AS flow, " UNIT_OF("p.unit") " AS unit, run, "
	WORD_OF(LEDGER_PLAN_STATES, WORD3, "state") " AS state, lower(hex(hash)) AS hash, reason, "
	TIME_OF("made_us") " AS made, " TIME_OF("ended_us") " AS ended, staged_from, staged_to, bulk, counts, items, who, why, by_run, by_plan, "
	TIME_OF("frozen_us") " AS frozen, rollback FROM \"plan\" p;\n"
	"CREATE VIEW read_view AS SELECT id, " OBJECT_OF("r.object") " AS object, " UNIT_OF("r.credentials") " AS credentials, \"full\", ended,"
	" complete, broken, epoch, " TIME_OF("started_us") " AS started, " TIME_OF("ended_us") " AS end, records, staged, rejected FROM read r;\n"
	"CREATE VIEW position_view AS SELECT " OBJECT_OF("p.object") " AS object, " UNIT_OF("p.credentials") " AS credentials,"
	" CAST(position AS TEXT) AS position, staged, " TIME_OF("moved_us") " AS moved, moved_by, why FROM position p;\n"
	"CREATE VIEW applied_view AS SELECT " OBJECT_OF("a.object") " AS object, " UNIT_OF("a.credentials") " AS credentials, "
	FLOW_OF("a.flow") " AS flow, " UNIT_OF("a.unit") " AS unit, staged, " TIME_OF("moved_us") " AS moved, moved_by, why FROM applied a;\n"
	"CREATE VIEW waiter_view AS SELECT id, " FLOW_OF("w.flow") " AS flow, " UNIT_OF("w.unit") " AS unit, " OBJECT_OF("w.object")
	" AS object, native, " OBJECT_OF("w.parent_object") " AS parent_object, parent_native, field, " TIME_OF("since_us") " AS since, "
	TIME_OF("nullif(until_us, 9223372036854775807)") " AS until,"
	" CASE WHEN held = -1 THEN 'configuration' WHEN held > 0 THEN 'lock' END AS held FROM waiter w;\n"
	"CREATE VIEW unsure_view AS SELECT " FLOW_OF("u.flow") " AS flow, " UNIT_OF("u.unit") " AS unit, " OBJECT_OF("u.object")
	" AS object, native, " TIME_OF("since_us") " AS since FROM unsure u;\n"
	"CREATE VIEW link_view AS SELECT id, " OBJECT_OF("l.object") " AS object, " UNIT_OF("l.unit") " AS unit, native, record, "
	ENTITY_OF("l.entity") " AS entity, " "CASE state WHEN 0 THEN 'live' WHEN 1 THEN 'tombstone' WHEN 2 THEN 'unlinked' WHEN 3 THEN 'missing' END" " AS state,"
	" flags | iif(written IS NULL, 0, 2) AS flags, iif(written IS NULL, version, written_version) AS version, hex(raw) AS raw, there,"
	" coalesce(written, confirmed) AS confirmed, " TIME_OF("coalesce(written_us, confirmed_us)") " AS confirmed_at FROM link l"
	" LEFT JOIN link_written w ON w.link = l.id;\n"
	"CREATE VIEW history_view AS SELECT id, record, " ENTITY_OF("h.entity") " AS entity, " UNIT_OF("h.unit") " AS unit, "
	OBJECT_OF("h.object") " AS object, run, " TIME_OF("at_us") " AS at, event, generation, native, who, correlation, before, after, note"
	" FROM history h;\n"
	/* What first loads wrote of many records at once: the same for each from first to last. */
	"CREATE VIEW history_span_view AS SELECT id, first, last, last - first + 1 AS records, " ENTITY_OF("h.entity") " AS entity, "
	UNIT_OF("h.unit") " AS unit, " OBJECT_OF("h.object") " AS object, run, " TIME_OF("at_us") " AS at, event, generation"
	" FROM history_span h;\n"
	"CREATE VIEW lock_view AS SELECT id, record, field, who, why, " TIME_OF("since_us") " AS since, " TIME_OF("until_us") " AS until, "
	TIME_OF("ended_us") " AS ended, ended_by, ended_why FROM lock l;\n"
	"CREATE VIEW delivery_view AS SELECT " BINDING_OF("d.binding") " AS target, " UNIT_OF("d.unit") " AS unit, record, want, "
	"CASE operation WHEN 1 THEN 'write' WHEN 2 THEN 'delete' WHEN 3 THEN 'deactivate' END" " AS operation, " WORD_OF(LEDGER_DELIVERY_STATES, WORD3, "state")
	" AS state, tries, run, " TIME_OF("since_us") " AS since, " TIME_OF("due_us") " AS due, parent, attempt, cause, reason FROM delivery d;\n"
	"CREATE VIEW attempt_view AS SELECT id, " BINDING_OF("a.binding") " AS target, " UNIT_OF("a.unit") " AS unit, run, "
	TIME_OF("claimed_us") " AS claimed, count, undecided FROM attempt a;\n"
	FINDING_VIEW("reject") FINDING_VIEW("conflict") FINDING_VIEW("review") FINDING_VIEW("flip") FINDING_VIEW("dead_letter")
	"CREATE VIEW correction_view AS SELECT id, " BINDING_OF("c.binding") " AS binding, " UNIT_OF("c.unit") " AS unit, native, field, value,"
	" who, why, " TIME_OF("at_us") " AS at, applied, " TIME_OF("ended_us") " AS ended, ended_by, ended_why FROM correction c;\n"
	"CREATE VIEW lease_view AS SELECT name, pid, who, " TIME_OF("since_us") " AS since, " TIME_OF("until_us") " AS until FROM lease;\n";
