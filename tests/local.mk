# A test that makes allocations fail has tests/oom.c in its SOURCES and LDFLAGS = $(AM_LDFLAGS) $(OOM_LDFLAGS); see tests/oom.h.
# Tests.  A unit test is one cmocka program; TEST_LIBS lists the folders it may use, from the top of the house down.
TEST_LIBS = libbatch.a libbase.a
UNIT_CPPFLAGS = $(AGENT_CPPFLAGS) -I$(top_srcdir)/tests $(OOM_CPPFLAGS)
UNIT_CFLAGS = $(AGENT_CFLAGS) $(CMOCKA_CFLAGS)
AGENT_LIBS = $(LIBCONFIG_LIBS) $(SQLITE_LIBS) $(SODIUM_LIBS) $(CURL_LIBS) $(JSON_LIBS) $(PCRE2_LIBS) $(UTF8PROC_LIBS) $(ZSTD_LIBS) $(LTDL_LIBS)
UNIT_LIBS = $(CMOCKA_LIBS) $(AGENT_LIBS)

if HAVE_CMOCKA
include tests/unit/local.mk
endif
include tests/house/local.mk
include tests/connectors/local.mk
include tests/crash/local.mk
include tests/functions/local.mk
include tests/system/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
EXTRA_DIST += tests/check.h tests/connectors.h tests/kill_at_call.h tests/oom.h tests/told.h

# What a test of its own can't be: the checkers that look at all of it.
EXTRA_DIST += tests/valgrind.sh tests/valgrind.supp tests/lint.sh tests/lint.h tests/cppcheck.supp .clang-tidy .clang-format
check-valgrind: $(check_PROGRAMS) $(check_LTLIBRARIES) all
	@$(AM_TESTS_ENVIRONMENT) sh "$(srcdir)/tests/valgrind.sh" "$(abs_top_srcdir)" $(TESTS)
lint-cppcheck:
	@sh "$(srcdir)/tests/lint.sh" cppcheck "$(abs_top_srcdir)"
lint-tidy:
	@sh "$(srcdir)/tests/lint.sh" tidy "$(abs_top_srcdir)" $(DEFS) $(DEFAULT_INCLUDES) $(UNIT_CPPFLAGS) -I$(top_srcdir)/sdk/lib $(UNIT_CFLAGS) \
		-DSYNCLINE_VERSION='"$(PACKAGE_VERSION)"' -DSYNCLINE_STATE_DIR='"$(localstatedir)/lib/syncline"' \
		-DSYNCLINE_RUN_DIR='"$(runstatedir)/syncline"'
lint: lint-cppcheck lint-tidy
# The same tests with many times the kills; `make fuzz` in a build with fuzzers is the other half of a long look.
LONG = 20
check-long:
	SYNCLINE_LONG=$(LONG) $(MAKE) $(AM_MAKEFLAGS) check
.PHONY: check-long check-valgrind lint lint-cppcheck lint-tidy
