/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * migrate.c: from an older layout to this program's, a step for each change, all in the transaction of whoever opens the ledger
 * first with the newer program.  A step is never changed once it was released; LEDGER_SCHEMA is one more than the last step's
 * `from`.  A ledger that is made new has all changes in its schema_ texts already.
 */
#include "ledger/inside.h"

#include <stdio.h>

const struct ledger_migration ledger_migrations[] = {
	{ 0, NULL }, /* layout 1 is the first: there is nothing before it */
};
const size_t ledger_migration_count = 0;

int
ledger_migrate(struct ledger *ledger, const struct ledger_migration *steps, size_t count, int from, int to, struct error *err)
{
	char sql[48];

	for (int at = from; at < to; at++) {
		const struct ledger_migration *step = NULL;

		for (size_t i = 0; i < count; i++)
			if (steps[i].from == at)
				step = &steps[i];
		if (step == NULL)
			return error_set(err, ERROR_LEDGER_DAMAGED, "Restore a backup, or use the program that made it.",
			                 "the ledger in %s has layout %d, from which no way leads to %d", ledger->state_dir, at, to);
		if (step->run(ledger, err) != 0)
			return -1;
	}
	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", to);
	return ledger_execute(ledger, sql, err);
}
