EXTRA_DIST += docs/architecture.md docs/rules.md docs/testing.md docs/performance.md docs/style.md docs/ledger.md docs/flow.md docs/delivery.md docs/logs.md docs/administrators-day.md
dist_man1_MANS += docs/man/syncline.1
