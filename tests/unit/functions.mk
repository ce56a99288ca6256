# unit tests of functions
check_PROGRAMS += tests/bin/test-functions
TESTS += tests/bin/test-functions
tests_bin_test_functions_SOURCES = tests/unit/functions.c
tests_bin_test_functions_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_functions_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_functions_LDADD = librulesfn.a libbase.a $(UNIT_LIBS)

check_PROGRAMS += tests/bin/test-functions-oom
TESTS += tests/bin/test-functions-oom
tests_bin_test_functions_oom_SOURCES = tests/unit/functions_oom.c tests/oom.c tests/oom.h
tests_bin_test_functions_oom_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_functions_oom_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_functions_oom_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_functions_oom_LDADD = librulesfn.a libbase.a $(UNIT_LIBS)
