check_PROGRAMS += tests/bin/test-flow tests/bin/test-convert
TESTS += tests/bin/test-flow tests/bin/test-convert
tests_bin_test_flow_SOURCES = tests/unit/flow.c
tests_bin_test_flow_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_flow_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_flow_LDADD = libflow.a libmanners.a $(UNIT_LIBS)

FLOW_ARCHIVES = libflow.a libmanners.a librules.a librulesfn.a libhost.a libconfig.a libbatch.a libos.a libbase.a
tests_bin_test_convert_SOURCES = tests/unit/convert.c tests/unit/convert_help.c tests/unit/convert_help.h tests/unit/convert_faults.c \
	tests/unit/convert_lookups.c
tests_bin_test_convert_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_convert_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_convert_LDADD = $(FLOW_ARCHIVES) $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-convert-oom
TESTS += tests/bin/test-convert-oom
tests_bin_test_convert_oom_SOURCES = tests/unit/convert-oom.c tests/unit/convert_help.c tests/unit/convert_help.h tests/oom.c tests/oom.h
tests_bin_test_convert_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_convert_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_convert_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_convert_oom_LDADD = $(FLOW_ARCHIVES) $(UNIT_LIBS)
