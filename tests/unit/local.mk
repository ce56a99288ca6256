check_PROGRAMS += tests/bin/test-base tests/bin/test-batch
TESTS += tests/bin/test-base tests/bin/test-batch

tests_bin_test_base_SOURCES = tests/unit/base.c
tests_bin_test_base_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_base_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_base_LDADD = libbase.a $(UNIT_LIBS)

tests_bin_test_batch_SOURCES = tests/unit/batch.c
tests_bin_test_batch_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_batch_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_batch_LDADD = libbatch.a libbase.a $(UNIT_LIBS)

# Failing allocations: the pattern for other folders' tests.
check_PROGRAMS += tests/bin/test-oom
TESTS += tests/bin/test-oom
tests_bin_test_oom_SOURCES = tests/unit/oom.c tests/oom.c tests/oom.h
tests_bin_test_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_oom_LDADD = libbatch.a libbase.a $(UNIT_LIBS)

include tests/unit/config.mk
include tests/unit/host.mk
include tests/unit/rules.mk
include tests/unit/functions.mk
include tests/unit/schedule.mk
include tests/unit/flow.mk
include tests/unit/deliver.mk
include tests/unit/ledger.mk
include tests/unit/ledger_findings.mk
include tests/unit/ledger_records.mk
include tests/unit/ledger_deliveries.mk
include tests/unit/flow_read.mk
include tests/unit/flow_situations.mk
include tests/unit/spine_oom.mk
