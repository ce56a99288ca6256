# unit tests of what waits in the ledger for a person
check_PROGRAMS += tests/bin/test-ledger-findings
TESTS += tests/bin/test-ledger-findings
tests_bin_test_ledger_findings_SOURCES = tests/unit/ledger_findings.c tests/oom.c tests/oom.h $(LEDGER_HELP)
tests_bin_test_ledger_findings_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_findings_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_findings_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_ledger_findings_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)
