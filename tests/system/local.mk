# Whole runs of the command over real files.
dist_check_SCRIPTS += tests/system/demo.sh tests/system/northwind.sh
TESTS += tests/system/demo.sh tests/system/northwind.sh
EXTRA_DIST += tests/system/demo_expect.py tests/system/northwind_expect.py tests/system/northwind/conf.d/10-systems.conf \
	tests/system/northwind/conf.d/20-entities.conf tests/system/northwind/conf.d/30-flows.conf

# The command line, verb by verb.
dist_check_SCRIPTS += tests/system/cli.sh
TESTS += tests/system/cli.sh
EXTRA_DIST += tests/system/cli.py tests/system/cli_bed.py tests/system/cli_ledger.py tests/system/cli_terminal.py

TESTS += tests/system/manual.sh tests/system/manual_connectors.sh tests/system/manual_tables.sh
EXTRA_DIST += tests/system/manual.sh tests/system/manual_connectors.sh tests/system/manual_tables.sh

dist_check_SCRIPTS += tests/system/documents.sh tests/system/documents_flow.sh tests/system/roundtrip.sh
TESTS += tests/system/documents.sh tests/system/documents_flow.sh tests/system/roundtrip.sh
EXTRA_DIST += tests/system/documents_expect.py tests/system/documents_flow.py

dist_check_SCRIPTS += tests/system/northwind_sync.sh
TESTS += tests/system/northwind_sync.sh
EXTRA_DIST += tests/system/northwind_sync.py tests/system/northwind_sync/conf.d/10-systems.conf tests/system/northwind_sync/conf.d/20-entities.conf \
	tests/system/northwind_sync/conf.d/30-flows.conf

# A real ledger that can't be used as it is; flags, guards, plans and interrupts of real runs.
dist_check_SCRIPTS += tests/system/ledger_refusals.sh tests/system/daemon.sh tests/system/daemon_kills.sh tests/system/manners.sh tests/system/runs.sh
TESTS += tests/system/ledger_refusals.sh tests/system/daemon.sh tests/system/daemon_kills.sh tests/system/manners.sh tests/system/runs.sh
EXTRA_DIST += tests/system/ledger_refusals.py tests/system/runs.py tests/system/daemon.py tests/system/daemon_bed.py tests/system/daemon_kills.py tests/system/manners.py tests/system/runs_bed.py

# The agent while everything around it fails, and while one target does.
dist_check_SCRIPTS += tests/system/daemon_chaos.sh tests/system/daemon_hour_down.sh
TESTS += tests/system/daemon_chaos.sh tests/system/daemon_hour_down.sh
EXTRA_DIST += tests/system/chaos_bed.py tests/system/daemon_chaos.py tests/system/daemon_hour_down.py

# Which native record is which record of ours.
dist_check_SCRIPTS += tests/system/told_apart.sh
TESTS += tests/system/told_apart.sh
EXTRA_DIST += tests/system/told_apart.py

# A target that is told whole rows in files, and what people enter there under a lock.
dist_check_SCRIPTS += tests/system/handed.sh
TESTS += tests/system/handed.sh
EXTRA_DIST += tests/system/handed.py

# Random edits on all sides, against a simple model of the rules.
dist_check_SCRIPTS += tests/system/model.sh
TESTS += tests/system/model.sh
EXTRA_DIST += tests/system/model.py tests/system/model_rules.py tests/system/model_users.py tests/system/model_world.py

# What a run did is taken back.
dist_check_SCRIPTS += tests/system/rollback.sh
TESTS += tests/system/rollback.sh
EXTRA_DIST += tests/system/rollback.py

# An administrator's day in a terminal, which the manual tells.
dist_check_SCRIPTS += tests/system/admin_day.sh
TESTS += tests/system/admin_day.sh
EXTRA_DIST += tests/system/admin_day.py
CLEANFILES += tests/system/administrators-day.md

# Rehearsals with generated records: figures, refusals, and that nothing stays.
dist_check_SCRIPTS += tests/system/loadtest.sh
TESTS += tests/system/loadtest.sh
EXTRA_DIST += tests/system/loadtest.py
