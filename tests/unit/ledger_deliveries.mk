# unit tests of marks and attempts
DELIVERIES_HELP = tests/unit/ledger_deliveries.h tests/unit/ledger_deliveries_help.c $(LEDGER_HELP)
check_PROGRAMS += tests/bin/test-ledger-deliveries
TESTS += tests/bin/test-ledger-deliveries
tests_bin_test_ledger_deliveries_SOURCES = tests/unit/ledger_deliveries.c tests/oom.c tests/oom.h $(DELIVERIES_HELP)
tests_bin_test_ledger_deliveries_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_deliveries_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_deliveries_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_ledger_deliveries_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-ledger-deliveries-random
TESTS += tests/bin/test-ledger-deliveries-random
tests_bin_test_ledger_deliveries_random_SOURCES = tests/unit/ledger_deliveries_random.c $(DELIVERIES_HELP)
tests_bin_test_ledger_deliveries_random_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_deliveries_random_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_deliveries_random_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)
