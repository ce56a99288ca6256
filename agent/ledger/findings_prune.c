/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * findings_prune.c: findings that ended long ago go: those that settled by themselves as old as history may become, those that a
 * person ended as old as what people did.
 *
 * What still says something about a row stays, however old: what was archived keeps the same row from being asked about again, and so
 * does `ignore`.  What came after an archived one tells that it does not any more, and stays with it.
 */
#include "ledger/findings_inside.h"

/* ?1, ?2: ended by itself, or by a person, before that; ?3: so many.  The one that is the later of both bounds the walk. */
#define OVER(table) " FROM " table " f INDEXED BY " table "_over WHERE f.state <> 0 AND f.ended_us < max(?1, ?2)" \
	" AND f.ended_us < CASE f.state WHEN 1 THEN ?1 ELSE ?2 END"
#define ARCHIVED(table, state) " AND f.state <> 3 AND NOT EXISTS (SELECT 1 FROM " table " a WHERE " state " AND a.native IS f.native" \
	" AND a.flow = f.flow AND a.unit = f.unit AND a.object = f.object AND a.id < f.id)"
#define REVIEWS OVER("review") ARCHIVED("review", "a.state = 3") " AND NOT (f.state = 2 AND f.decision IS 'ignore')"

static int
drop(struct ledger *ledger, const char *sql, int64_t settled_us, int64_t decided_us, uint32_t budget, uint32_t *dropped, struct error *err)
{
	sqlite3_stmt *statement = ledger_statement(ledger, sql, err);

	if (statement == NULL)
		return -1;
	sqlite3_bind_int64(statement, 1, settled_us);
	sqlite3_bind_int64(statement, 2, decided_us);
	sqlite3_bind_int64(statement, 3, budget - *dropped);
	if (ledger_run_statement(ledger, statement, err) != 0)
		return -1;
	*dropped += (uint32_t)sqlite3_changes(ledger->db);
	return 0;
}

int
ledger_prune_findings(struct ledger *ledger, int64_t before_us, uint32_t budget, uint32_t *ret_dropped, struct error *err)
{
	static const char *const steps[] = {
		/* A review's candidates before itself. */
		"DELETE FROM review_candidate WHERE (record, review) IN (SELECT c.record, c.review FROM (SELECT f.id" REVIEWS ") r"
		" JOIN review_candidate c INDEXED BY review_candidate_of ON c.review = r.id LIMIT ?3)",
		"DELETE FROM review WHERE id IN (SELECT f.id" REVIEWS " AND NOT EXISTS (SELECT 1 FROM review_candidate c WHERE c.review = f.id) LIMIT ?3)",
		/* Of a reject that was archived and whose row was good since, nothing is left to say. */
		"DELETE FROM reject WHERE id IN (SELECT f.id" OVER("reject") " AND f.state = 3 AND f.raw = zeroblob(16) AND f.native IS NOT NULL LIMIT ?3)",
		"DELETE FROM reject WHERE id IN (SELECT f.id" OVER("reject") ARCHIVED("reject", "a.state <> 0 AND a.state = 3") " LIMIT ?3)",
		"DELETE FROM conflict WHERE id IN (SELECT f.id" OVER("conflict") ARCHIVED("conflict", "a.state = 3") " LIMIT ?3)",
		"DELETE FROM flip WHERE id IN (SELECT f.id" OVER("flip") " LIMIT ?3)",
		"DELETE FROM dead_letter WHERE id IN (SELECT f.id" OVER("dead_letter") " LIMIT ?3)",
	};
	const struct config_keep *keep = ledger->options.model->agent->keep;
	int64_t decided_us = ledger_now(ledger) - keep->audit_ms * 1000;

	*ret_dropped = 0;
	for (size_t i = 0; i < sizeof steps / sizeof *steps && *ret_dropped < budget; i++)
		if (drop(ledger, steps[i], before_us, decided_us, budget, ret_dropped, err) != 0)
			return -1;
	return 0;
}
