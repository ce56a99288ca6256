# unit tests of what is due when
check_PROGRAMS += tests/bin/test-due
TESTS += tests/bin/test-due
tests_bin_test_due_SOURCES = tests/unit/due.c
tests_bin_test_due_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_due_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_due_LDADD = libschedule.a libconfig.a librulesfn.a libbase.a $(UNIT_LIBS)
