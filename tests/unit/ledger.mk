# unit tests of the ledger
LEDGER_ARCHIVES = libledger.a libconfig.a libbatch.a libos.a libbase.a
LEDGER_HELP = tests/ledger_help.c tests/ledger_help.h tests/config_fake.c tests/config_fake.h

check_PROGRAMS += tests/bin/test-ledger
TESTS += tests/bin/test-ledger
tests_bin_test_ledger_SOURCES = tests/unit/ledger.c $(LEDGER_HELP)
tests_bin_test_ledger_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-ledger-staging
TESTS += tests/bin/test-ledger-staging
tests_bin_test_ledger_staging_SOURCES = tests/unit/ledger_staging.c tests/oom.c tests/oom.h $(LEDGER_HELP)
tests_bin_test_ledger_staging_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_staging_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_staging_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_ledger_staging_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-ledger-care
TESTS += tests/bin/test-ledger-care
tests_bin_test_ledger_care_SOURCES = tests/unit/ledger_care.c $(LEDGER_HELP)
tests_bin_test_ledger_care_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_care_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_care_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)
