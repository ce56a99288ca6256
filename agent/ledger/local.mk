# What is durable.  All SQL of the ledger stands here.
noinst_LIBRARIES += libledger.a
libledger_a_SOURCES = agent/ledger/ledger.h agent/ledger/seal.h agent/ledger/staging.h agent/ledger/records.h agent/ledger/findings.h \
	agent/ledger/deliveries.h agent/ledger/runs.h agent/ledger/bulk.h agent/ledger/inside.h agent/ledger/words.c \
	agent/ledger/open.c agent/ledger/carry.h agent/ledger/carry.c agent/ledger/transaction.c agent/ledger/statement.c agent/ledger/names.c agent/ledger/engine.c agent/ledger/migrate.c \
	agent/ledger/schema_core.c agent/ledger/schema_views.c \
	agent/ledger/golden.h agent/ledger/golden.c agent/ledger/golden_values.c agent/ledger/records.c agent/ledger/links.h \
	agent/ledger/links.c agent/ledger/links_put.c agent/ledger/links_missing.c agent/ledger/match.c \
	agent/ledger/history.h agent/ledger/history.c agent/ledger/history_seal.c agent/ledger/find_key.c agent/ledger/records_check.c \
	agent/ledger/bulk.c agent/ledger/bulk_open.c agent/ledger/bulk_inside.h agent/ledger/bloom.c agent/ledger/bloom.h \
	agent/ledger/pack.h agent/ledger/packed.h agent/ledger/packed.c agent/ledger/seen.c agent/ledger/staging_inside.h agent/ledger/staging.c agent/ledger/positions.c \
	agent/ledger/unsure.c agent/ledger/waiters.c agent/ledger/runs.c agent/ledger/flags.c agent/ledger/plans.c agent/ledger/plan_draft.c agent/ledger/undone.c agent/ledger/runs_inside.h \
	agent/ledger/leases.c agent/ledger/stamps.c agent/ledger/care.c agent/ledger/backup.c
libledger_a_CPPFLAGS = $(AGENT_CPPFLAGS)
libledger_a_CFLAGS = $(AGENT_CFLAGS)
libledger_a_SOURCES += agent/ledger/feeds.c
# What waits for a person, and what waits for a target.
libledger_a_SOURCES += agent/ledger/findings.c agent/ledger/findings_inside.h agent/ledger/finding_lists.c agent/ledger/finding_rows.c agent/ledger/findings_prune.c \
	agent/ledger/corrections.c agent/ledger/locks.c agent/ledger/flips.c \
	agent/ledger/deliveries.c agent/ledger/deliveries_inside.h agent/ledger/due.c agent/ledger/jump.c agent/ledger/put_off.c agent/ledger/attempts.c agent/ledger/agent.c agent/ledger/attempt_close.c \
	agent/ledger/uncertain.c agent/ledger/delivery_lists.c
libledger_a_SOURCES += agent/ledger/budget.c agent/ledger/outcomes.c agent/ledger/news.c agent/ledger/connector_state.c
