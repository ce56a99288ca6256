check_PROGRAMS += tests/bin/test-flow-situations
TESTS += tests/bin/test-flow-situations
tests_bin_test_flow_situations_SOURCES = tests/unit/flow_situations.c tests/unit/flow_situations.h tests/unit/flow_situations_house.c \
	tests/unit/flow_situations_house.h tests/unit/flow_situations_told.c tests/unit/flow_situations_seen.c tests/unit/flow_situations_matched.c \
	tests/unit/flow_situations_gone.c tests/unit/flow_situations_scoped.c tests/unit/flow_situations_merged.c
tests_bin_test_flow_situations_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_flow_situations_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_flow_situations_LDADD = libschedule.a librehearse.a $(DELIVER_ARCHIVES) $(UNIT_LIBS)
