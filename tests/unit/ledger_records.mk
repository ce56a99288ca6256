# golden records, links, match keys and history of the ledger
check_PROGRAMS += tests/bin/test-ledger-records
TESTS += tests/bin/test-ledger-records
tests_bin_test_ledger_records_SOURCES = tests/unit/ledger_records.c tests/unit/ledger_records.h tests/unit/ledger_bed.c \
	tests/unit/ledger_links.c tests/unit/ledger_history.c $(LEDGER_HELP)
tests_bin_test_ledger_records_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_records_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_records_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-ledger-bulk
TESTS += tests/bin/test-ledger-bulk
tests_bin_test_ledger_bulk_SOURCES = tests/unit/ledger_bulk.c tests/unit/ledger_records.h tests/unit/ledger_bed.c $(LEDGER_HELP)
tests_bin_test_ledger_bulk_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_bulk_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_bulk_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-ledger-records-oom
TESTS += tests/bin/test-ledger-records-oom
tests_bin_test_ledger_records_oom_SOURCES = tests/unit/ledger_records_oom.c tests/unit/ledger_records.h tests/unit/ledger_bed.c \
	tests/oom.c tests/oom.h $(LEDGER_HELP)
tests_bin_test_ledger_records_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_ledger_records_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_ledger_records_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_ledger_records_oom_LDADD = $(LEDGER_ARCHIVES) $(UNIT_LIBS)
