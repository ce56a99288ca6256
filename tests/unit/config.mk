# unit tests of config
check_PROGRAMS += tests/bin/test-config tests/bin/test-config-bad
TESTS += tests/bin/test-config tests/bin/test-config-bad
EXTRA_DIST += tests/config

tests_bin_test_config_SOURCES = tests/unit/config.c tests/config_fake.c tests/config_fake.h tests/oom.c tests/oom.h
tests_bin_test_config_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_config_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_config_LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS)
tests_bin_test_config_LDADD = libconfig.a libbase.a $(UNIT_LIBS)

tests_bin_test_config_bad_SOURCES = tests/unit/config_bad.c tests/config_fake.c tests/config_fake.h
tests_bin_test_config_bad_CPPFLAGS = $(UNIT_CPPFLAGS)
tests_bin_test_config_bad_CFLAGS = $(UNIT_CFLAGS)
tests_bin_test_config_bad_LDADD = libconfig.a libbase.a $(UNIT_LIBS)
