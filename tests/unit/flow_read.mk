# unit tests of reading into the ledger
check_PROGRAMS += tests/bin/test-flow-read
TESTS += tests/bin/test-flow-read
READ_ARCHIVES = libflow.a libmanners.a librules.a librulesfn.a libhost.a libledger.a libconfig.a libbatch.a libos.a libbase.a
tests_bin_test_flow_read_SOURCES = tests/unit/flow_read.c tests/unit/flow_read_crash.c tests/unit/flow_read_help.c tests/unit/flow_read_help.h \
	tests/unit/convert_help.c tests/unit/convert_help.h
tests_bin_test_flow_read_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_flow_read_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_flow_read_LDADD = $(READ_ARCHIVES) $(UNIT_LIBS)
