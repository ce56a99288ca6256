check_PROGRAMS += tests/bin/test-flow
TESTS += tests/bin/test-flow
tests_bin_test_flow_SOURCES = tests/unit/flow.c
tests_bin_test_flow_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_flow_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_flow_LDADD = libflow.a $(UNIT_LIBS)
