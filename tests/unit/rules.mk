# unit tests of rules
rules_libs = librules.a librulesfn.a libbatch.a libbase.a

check_PROGRAMS += tests/bin/test-rules tests/bin/test-rules-traps
TESTS += tests/bin/test-rules tests/bin/test-rules-traps

tests_bin_test_rules_SOURCES = tests/unit/rules.c tests/unit/rules_help.c tests/unit/rules_help.h tests/oom.c tests/oom.h
tests_bin_test_rules_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_rules_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_rules_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_rules_LDADD = $(rules_libs) $(UNIT_LIBS)

tests_bin_test_rules_traps_SOURCES = tests/unit/rules_traps.c tests/unit/rules_help.c tests/unit/rules_help.h
tests_bin_test_rules_traps_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_rules_traps_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_rules_traps_LDADD = $(rules_libs) $(UNIT_LIBS)
